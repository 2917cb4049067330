#!/usr/bin/env python3
"""`leat bench` against itself, two stacks on a cable: closed loop, open loop, many bytes, and what is wrong.

usage: bench.py        prints TAP; $LEAT is the program
"""
import os, pathlib, re, signal, subprocess, sys, tempfile, time

LEAT = os.environ.get('LEAT', 'build/leat')
results = []


def check(what, good, note=''):
    results.append(good)
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}')
    if not good:
        print('\n'.join(f'# {line}' for line in str(note).splitlines()))


def client(where, *args):
    net = f'wire:{where},ip=10.0.0.1/24'
    return subprocess.run([LEAT, 'bench', 'echo', '10.0.0.2:7', '--net', net, '--time', '0.5', '--poll', 'adaptive',
                           *args], text=True, capture_output=True, timeout=60)


def figures(out):
    m = re.match(r'(\d+) requests of (\d+) bytes on (\d+) connections in ([\d.]+) s: (\d+) a second\n'
                 r'microseconds:  50% ([\d.]+)  90% ([\d.]+)  99% ([\d.]+)  99.9% ([\d.]+)  99.99% ([\d.]+)  '
                 r'most ([\d.]+)\n', out)
    return [float(g) for g in m.groups()] if m else None


def run(where):
    net = f'wire:{where},ip=10.0.0.2/24'
    server = subprocess.Popen([LEAT, 'bench', 'echo-server', '--port', '7', '--net', net, '--poll', 'adaptive',
                               '--conns', '100'], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    first = server.stdout.readline()
    check('the server says where it answers', 'port 7' in first, first)
    answered = 0
    for what, args, conns, size in [('a byte on 8 connections', ['--conns', '8'], 8, 1),
                                    ('100,000 bytes on 4', ['--conns', '4', '--size', '100000'], 4, 100000),
                                    ('an open loop of 1,000 a second', ['--conns', '8', '--rate', '1000'], 8, 1)]:
        r = client(where, *args)
        f = figures(r.stdout)
        good = r.returncode == 0 and f and f[0] > 0 and (f[1], f[2]) == (size, conns)
        check(f'{what}: answered', good, r.stdout + r.stderr)
        if f:
            answered += f[0]
            check(f'{what}: percentiles grow', f[5:] == sorted(f[5:]) and f[5] > 0, r.stdout)
    check('an open loop keeps its rate', f and 400 < f[0] <= 501, r.stdout)
    server.send_signal(signal.SIGINT)
    out = server.communicate(timeout=20)[0]
    m = re.search(r'(\d+) connections, (\d+) reads', out)
    check('the server ends when told to, with nothing missing', server.returncode == 0, out)
    check('the server counted them', m and int(m[1]) == 20 and int(m[2]) >= answered, out)


def main():
    with tempfile.TemporaryDirectory() as folder:
        run(pathlib.Path(folder, 'cable'))
        r = client(pathlib.Path(folder, 'nobody'), '--conns', '1')
        check('without a server it says so and fails', r.returncode == 1 and 'connection' in r.stderr, r.stderr)
    r = subprocess.run([LEAT, 'bench', 'echo', 'nowhere'], text=True, capture_output=True)
    check('words that mean nothing are refused', r.returncode == 2 and 'leat help bench' in r.stderr, r.stderr)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
