#!/usr/bin/env python3
"""The README's shell blocks are run, as they stand, one after the other, in a copy of the tree.

usage: readme.py            ($LEAT is the program, $BUILD the folder it was built in; prints TAP)

What stands in for the rest of the world: `git clone` copies the tree, `make serve` runs its recipe without building
again, other verbs of make are only asked for (make -n), ports 8080, 8081 and 8000 are free ones, `build` is $BUILD.
A block that ends with a server is left running for the blocks that follow: it has to print an address that answers, and
to end well when it gets Ctrl-C (the example, which has no handler, just ends).
"""
import os, pathlib, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD', ROOT / 'build')).resolve()
SERVER = re.compile(r'^(make serve|build/leat serve|\./hello)\b')
PORTS = '8080', '8081', '8000'
ADDRESS = re.compile(r'http://[\w.]+:\d+/')

GIT = '''#!/bin/sh
[ "$1" = clone ] && exec cp -r "$README_COPY" leat
exec /usr/bin/git "$@"
'''
MAKE = '''#!/bin/bash
case $1 in
serve) exec bash -ec "$(/usr/bin/make -n "$@" ARGS="--port $README_PORT" | grep -v tools/build.sh)" ;;
[a-z]*) exec /usr/bin/make -n "$@" ;;
*) exec /usr/bin/make "$@" ;;	# the linker's own
esac
'''
CC = '''#!/bin/sh
[ -e build/libleat.so ] && exec /usr/bin/cc "$@"
exec /usr/bin/cc "$@" build/libleat.a -lslirp $README_CFLAGS	# sanitizers: there is no shared library
'''


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return [str(port) for port in ports]


def copy_tree(to):
    listed = subprocess.run(['git', '-C', str(ROOT), 'ls-files', '-co', '--exclude-standard'], text=True,
                            capture_output=True)
    if listed.returncode:                       # not a repository: a release
        shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns('build', 'build-*', '.git'))
    for name in listed.stdout.split('\n'):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / 'build').symlink_to(BUILD)


class Server:
    """A block that goes on running."""

    def __init__(self, script, cwd, env):
        self.p = subprocess.Popen(['bash', '-ec', script], cwd=cwd, env=env, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.out, self.example = '', './hello' in script
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.p.stdout:
            self.out += line

    def answers(self):
        end = time.monotonic() + 100    # a block may compile first
        while time.monotonic() < end and self.p.poll() is None:
            m = ADDRESS.search(self.out)
            if m:
                with urllib.request.urlopen(m[0], timeout=20) as r:
                    return [] if r.status == 200 and r.read() else [f'{m[0]} answered {r.status}']
            time.sleep(0.05)
        return ['it printed no address'] + self.out.splitlines()[-20:]

    def ends(self):
        try:
            os.killpg(self.p.pid, signal.SIGINT)
            self.p.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()
            return ['Ctrl-C did not end it']
        self.reader.join(5)
        if self.p.returncode == 0 or self.example and self.p.returncode in (130, -signal.SIGINT):
            return []
        return [f'it ended with {self.p.returncode}'] + self.out.splitlines()[-20:]


class Readme:
    def __init__(self, top):
        self.top, self.cwd, self.n, self.failed, self.server = top, top, 0, 0, None
        copy_tree(top / 'copy')
        shims = top / 'bin'
        shims.mkdir()
        for name, text in (('git', GIT), ('make', MAKE), ('cc', CC)):
            (shims / name).write_text(text)
            (shims / name).chmod(0o755)
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        example = top / 'copy/examples/hello.c'
        example.write_text(self.ported(example.read_text()))
        sanitize = re.search(r'-fsanitize=[\w,]+', (BUILD / 'build.ninja').read_text())
        outer = {k: v for k, v in os.environ.items() if not k.startswith('MAKE') and k != 'MFLAGS'}
        self.env = {**outer, 'PATH': f'{shims}:{os.environ["PATH"]}', 'README_COPY': str(top / 'copy'),
                    'README_PORT': self.ports['8080'], 'README_CFLAGS': sanitize[0] if sanitize else '',
                    'BUILD': 'build', 'no_proxy': '*'}

    def ported(self, text):
        for public, port in self.ports.items():
            text = re.sub(rf'\b{public}\b', port, text)
        return text

    def report(self, what, errors):
        self.n += 1
        self.failed += bool(errors)
        print(f'{"not ok" if errors else "ok"} {self.n} - {what}')
        print(''.join(f'# {e}\n' for e in errors), end='', flush=True)

    def stop(self):
        if self.server:
            self.report('Ctrl-C ends it well', self.server.ends())
        self.server = None

    def block(self, text):
        text = self.ported(text)
        lines = text.strip().split('\n')
        name = lines[-1].strip()
        if SERVER.match(name):
            self.stop()
            self.server = Server(text, self.cwd, self.env)
            self.report(f'{name}: prints an address that answers', self.server.answers())
        else:
            r = subprocess.run(['bash', '-ec', text], cwd=self.cwd, env=self.env, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=100)
            self.report(name, [f'exit {r.returncode}'] + r.stdout.splitlines()[-20:] if r.returncode else [])
        if (self.top / 'leat').exists():
            self.cwd = self.top / 'leat'


def main():
    blocks = re.findall(r'^```sh\n(.*?)^```', (ROOT / 'README.md').read_text(), flags=re.M | re.S)
    with tempfile.TemporaryDirectory(prefix='leat-readme-') as top:
        readme = Readme(pathlib.Path(top))
        try:
            for text in blocks:
                readme.block(text)
        finally:
            readme.stop()
    print(f'1..{readme.n}')
    return 1 if readme.failed or not readme.n else 0


if __name__ == '__main__':
    sys.exit(main())
