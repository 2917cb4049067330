#!/usr/bin/env python3
"""The boot image in QEMU: every machine with every card it has, real clients, faults on purpose.

usage: boot.py [--sample | --list] [WORD...]      runs the cases whose name has one of the words; a TAP line a case

--sample runs what `make test` has time for.  The image is $BUILD/leat.elf; nothing but 127.0.0.1 is listened on.
Always emulated: nested virtualisation may be slower than none.
"""
import ctypes, hashlib, http.client, os, pathlib, re, select, shutil, socket, subprocess, sys, tarfile, tempfile
import threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD', ROOT / 'build')).resolve()
IMAGE = BUILD / 'leat.elf'
SITE = ROOT / 'examples/site'
QEMU = 'qemu-system-x86_64'
PIDFD_GETFD = 438
GOOD, PANIC, REFUSED = 33, 3, 5      # what isa-debug-exit makes of the image's codes
CASES, SAMPLE = {}, []
COLOUR = re.compile(r'\033\[[0-9;]*m')
# by machine: the arguments of each card, between -netdev user,id=n and what follows
CARDS = {
    'microvm': {'virtio': 'virtio-net-device', 'virtio-modern': 'virtio-net-device'},
    'pc': {'virtio': 'virtio-net-pci', 'e1000': 'e1000', 'rtl8139': 'rtl8139'},
    'q35': {'virtio': 'virtio-net-pci', 'e1000': 'e1000', 'rtl8139': 'rtl8139'},
}


def case(sample=False):
    def add(f):
        CASES[f.__name__] = f
        if sample:
            SAMPLE.append(f.__name__)
        return f
    return add


def check(fact, what='not so'):
    if not fact:
        raise AssertionError(what)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def deepen(pid, port):
    """QEMU's user network listens with a backlog of 1: what finds it full waits for seconds, and ab for ever.  Its
    listening socket is fetched out of the process and told a better one."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        for fd in map(int, os.listdir(f'/proc/{pid}/fd')):
            if not os.readlink(f'/proc/{pid}/fd/{fd}').startswith('socket:'):
                continue
            got = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
            if got < 0:
                return True
            s = socket.socket(fileno=got)
            if s.family == socket.AF_INET and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and \
                    s.getsockname()[1] == port:
                s.listen(1024)
                return True
            s.close()
    except OSError:
        pass
    finally:
        os.close(pidfd)
    return False


class Guest:
    """A machine that runs the image; leaving it is the console's q, and asks for a clean end."""

    def __init__(self, machine='microvm', nic='virtio', append='', mem=16, image=IMAGE, initrd=None, netdev=None,
                 args=(), wait='serving'):
        self.port = free_port()
        netdev = netdev or f'user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:80'
        words = [QEMU, '-accel', 'tcg', '-M', machine, '-m', str(mem), '-kernel', str(image), '-append', append,
                 '-netdev', netdev, '-device', f'{CARDS[machine][nic]},netdev=n', '-display', 'none',
                 '-monitor', 'none', '-serial', 'stdio', '-no-reboot',
                 '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', *args]
        if nic == 'virtio-modern':
            words += ['-global', 'virtio-mmio.force-legacy=false']
        if initrd:
            words += ['-initrd', str(initrd)]
        self.begun = time.monotonic()
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines, self.seen = [], threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        if wait and not self.wait_for(wait):
            self.stop()
            raise AssertionError(f'no "{wait}" in: {self.text()}')
        if wait:
            deepen(self.p.pid, self.port)

    def read(self):
        for line in self.p.stdout:
            with self.seen:
                self.lines.append(COLOUR.sub('', line.decode(errors='replace')).rstrip())
                self.seen.notify_all()
        with self.seen:
            self.lines.append('(gone)')
            self.seen.notify_all()

    def text(self):
        return '\n'.join(self.lines)

    def wait_for(self, word, seconds=20):
        with self.seen:
            return self.seen.wait_for(lambda: any(word in x for x in self.lines) or '(gone)' in self.lines, seconds) \
                and any(word in x for x in self.lines)

    def key(self, key):
        self.p.stdin.write(key.encode())
        self.p.stdin.flush()

    def stop(self):
        if self.p.poll() is None:
            self.p.kill()
        self.status = self.p.wait()
        self.reader.join()

    def ended(self, seconds=20):
        """Its exit status, when it ends by itself."""
        try:
            self.status = self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f'it does not end: {self.text()[-800:]}')
        self.reader.join()
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            try:
                self.key('q')
            except BrokenPipeError:
                pass
            check(self.ended() == GOOD, f'exit {self.status}: {self.text()[-1500:]}')
            check('the end' in self.text() and 'missing' not in self.text(), self.text()[-800:])
        else:
            print(f'# {self.text()[-1500:]}', file=sys.stderr)
            self.stop()

    def get(self, path, timeout=20):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        c.request('GET', path)
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, body

    def first_answer(self, seconds=60):
        """Seconds from the start of QEMU to the first byte of an answer.  A connection that came too early is held by
        QEMU for long, so that another is made every few milliseconds."""
        asked = []
        while not deepen(self.p.pid, self.port):
            check(self.p.poll() is None and time.monotonic() - self.begun < seconds, self.text())
            time.sleep(.001)
        while time.monotonic() - self.begun < seconds:
            s = socket.socket()
            try:
                s.settimeout(1)
                s.connect(('127.0.0.1', self.port))
                s.send(b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
                asked.append(s)
            except OSError:
                s.close()
            for r in select.select(asked, [], [], .005 if len(asked) < 100 else .05)[0]:
                try:
                    if r.recv(16).startswith(b'HTTP/1.1 200'):
                        took = time.monotonic() - self.begun
                        for x in asked:
                            x.close()
                        return took
                except OSError:
                    pass
                asked.remove(r)
        raise AssertionError(f'no answer: {self.text()[-800:]}')

    def number(self, before, after):
        m = re.search(re.escape(before) + r'(\d+)' + re.escape(after), self.text())
        check(m, f'no {before}N{after} in {self.text()[-800:]}')
        return int(m[1])


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def curl_checksum(port, path):
    out = subprocess.run(['curl', '-sS', '--fail', '-m', '100', f'http://127.0.0.1:{port}/{path}'], check=True,
                         capture_output=True).stdout
    return hashlib.sha256(out).hexdigest()


def same_files(g, folder=SITE):
    for p in sorted(folder.rglob('*')):
        if p.is_file():
            name = str(p.relative_to(folder))
            check(curl_checksum(g.port, name) == hashlib.sha256(p.read_bytes()).hexdigest(), f'{name} differs')


def ab(g, n, c, keep=False, path=''):
    """Requests a second; without one that failed."""
    words = ['ab', '-q', '-n', str(n), '-c', str(c), *(['-k'] if keep else []), f'http://127.0.0.1:{g.port}/{path}']
    r = subprocess.run(words, capture_output=True, text=True, timeout=300)
    check(r.returncode == 0, r.stderr + r.stdout)
    check(re.search(r'Complete requests:\s+%d\n' % n, r.stdout), r.stdout)
    check(re.search(r'Failed requests:\s+0\n', r.stdout) and 'Non-2xx' not in r.stdout, r.stdout)
    return float(re.search(r'Requests per second:\s+([\d.]+)', r.stdout)[1])


def tar_of(folder, to):
    with tarfile.open(to, 'w', format=tarfile.GNU_FORMAT) as t:
        for p in sorted(folder.rglob('*')):
            t.add(p, str(p.relative_to(folder)), recursive=False)
    return to


def multiboot_less(to):
    """The image without its multiboot header, so that QEMU takes the other way in."""
    b = bytearray(IMAGE.read_bytes())
    at = b.find((0x1badb002).to_bytes(4, 'little'))
    b[at:at + 4] = b'\0\0\0\0'
    to.write_bytes(b)
    return to


# ---- every machine with every card

def serves(machine, nic):
    def run(tmp):
        with Guest(machine, nic) as g:
            same_files(g)
            ab(g, 10000, 100)
    run.__name__ = f'{machine}_with_{nic}_serves_every_file_and_ten_thousand_requests'
    case()(run)


for m, cards in CARDS.items():
    for n in cards:
        serves(m, n)


@case(sample=True)
def microvm_with_virtio_serves_every_file(tmp):
    with Guest('microvm', 'virtio') as g:
        same_files(g)
        ab(g, 500, 50)


@case(sample=True)
def pc_with_e1000_serves_every_file(tmp):
    with Guest('pc', 'e1000') as g:
        same_files(g)
        ab(g, 500, 50)


@case(sample=True)
def either_loader_is_understood(tmp):
    image = multiboot_less(tmp / 'pvh.elf')
    for machine in ('microvm', 'pc'):
        with Guest(machine, 'virtio', image=image) as g:
            check('started by pvh' in g.text(), g.text())
            check(g.get('/')[0] == 200)
    with Guest('pc', 'virtio') as g:
        check('started by multiboot' in g.text(), g.text())


@case()
def a_site_given_as_initrd_is_served(tmp):
    site = tmp / 'site/deep/er'
    site.mkdir(parents=True)
    (site / 'page.txt').write_text('given at the start\n')
    (tmp / 'site' / ('n' * 120 + '.bin')).write_bytes(os.urandom(300000))
    tar = tar_of(tmp / 'site', tmp / 'site.tar')
    for image in (IMAGE, multiboot_less(tmp / 'pvh.elf')):
        with Guest('pc', 'e1000', image=image, initrd=tar) as g:
            same_files(g, tmp / 'site')
            check(g.get('/index.html')[0] == 404)


@case()
def a_hundred_megabytes_arrive_whole(tmp):
    (tmp / 'site').mkdir()
    with open(tmp / 'site/large.bin', 'wb') as f:
        for _ in range(100):
            f.write(os.urandom(1 << 20))
    tar = tar_of(tmp / 'site', tmp / 'site.tar')
    for machine, nic in (('microvm', 'virtio'), ('pc', 'e1000'), ('pc', 'virtio')):
        with Guest(machine, nic, initrd=tar, mem=144) as g:
            same_files(g, tmp / 'site')


@case()
def a_hosted_leat_gets_files_over_a_cable_that_loses_one_frame_in_a_hundred(tmp):
    """QEMU's dgram, a datagram a frame; `leat wire` in between; a client on leat's library at the other end."""
    (tmp / 'site').mkdir()
    (tmp / 'site/large.bin').write_bytes(os.urandom(3 << 20))
    tar = tar_of(tmp / 'site', tmp / 'site.tar')
    fetch = tmp / 'fetch'
    subprocess.run(['cc', '-O2', '-o', str(fetch), str(ROOT / 'tests/boot/fetch.c'), f'-I{ROOT}/include', f'-L{BUILD}',
                    '-lleat', f'-Wl,-rpath,{BUILD}'], check=True)
    end = [str(tmp / x) for x in ('guest', 'near', 'far', 'client')]
    wire = subprocess.Popen([str(BUILD / 'leat'), 'wire', f'wire:{end[1]},mode=dgram,peer={end[0]}',
                             f'wire:{end[2]},mode=dgram,peer={end[3]}', '--loss', '1%'], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    try:
        for machine, nic in (('microvm', 'virtio'), ('pc', 'e1000')):
            netdev = f'dgram,id=n,local.type=unix,local.path={end[0]},remote.type=unix,remote.path={end[1]}'
            with Guest(machine, nic, netdev=netdev, append='ip=10.0.2.15/24', initrd=tar, mem=32) as g:
                got = subprocess.run([str(fetch), f'wire:{end[3]},mode=dgram,peer={end[2]},ip=10.0.2.3/24', '10.0.2.15',
                                      'large.bin'], capture_output=True, timeout=120)
                check(got.returncode == 0, got.stderr.decode())
                body = got.stdout.partition(b'\r\n\r\n')[2]
                check(body == (tmp / 'site/large.bin').read_bytes(), f'{len(body)} bytes, or others')
                g.key('s')
                check(g.wait_for('sent again'), g.text())
                check(g.number('bytes sent, ', ' segments sent again') > 0, 'nothing was lost')
            os.unlink(end[0])
    finally:
        wire.terminate()
        wire.wait()


@case()
def each_way_to_poll_serves_and_an_idle_machine_sleeps(tmp):
    for poll in ('busy', 'sleep', 'adaptive'):
        with Guest('pc', 'virtio', append=f'poll={poll} access log=debug') as g:
            same_files(g)
            ab(g, 500, 20)
            check(any('GET /how.html 200' in x for x in g.lines), g.text())
            before = cpu_seconds(g.p.pid)
            time.sleep(3)
            used = (cpu_seconds(g.p.pid) - before) / 3
            print(f'# poll={poll}: {used * 100:.1f} % of a core with nothing to do')
            check(used < .05 or poll == 'busy', f'{used:.2f} of a core')


# ---- faults

def panics(fault, *words, sample=False):
    def run(tmp):
        g = Guest('microvm', 'virtio', append=f'fault={fault}', wait=None)
        check(g.ended() == PANIC, f'exit {g.status}: {g.text()}')
        for w in words:
            check(w in g.text(), f'no "{w}" in {g.text()}')
    run.__name__ = f'a_{fault}_fault_names_its_cause_and_place'
    case(sample)(run)


panics('null', 'page fault: a null pointer, writing', 'rip ', 'kernel_fault+', 'kernel_main+', sample=True)
panics('stack', 'page fault: the stack has overflowed', 'deep+')
panics('code', 'page fault: writing', 'may not be done there', 'kernel_fault+')
panics('data', 'page fault: executing', 'may not be done there', 'kernel_main+')
panics('divide', 'division by zero', 'kernel_fault+')
panics('assert', 'this should not have happened', 'kernel_end.c', 'kernel_main+')


@case()
def a_word_that_is_not_understood_ends_it(tmp):
    g = Guest('microvm', 'virtio', append='port=eighty', wait=None)
    check(g.ended() == REFUSED and 'port=eighty is not a number' in g.text(), g.text())


@case()
def an_archive_that_is_none_ends_it(tmp):
    (tmp / 'junk').write_bytes(os.urandom(5000))
    g = Guest('pc', 'virtio', initrd=tmp / 'junk', wait=None)
    check(g.ended() == REFUSED and 'is no tar archive' in g.text(), g.text())


@case()
def a_storm_of_interrupts_costs_one_a_sleep(tmp):
    for machine, nic in (('pc', 'e1000'), ('microvm', 'virtio')):
        with Guest(machine, nic, append='fault=storm') as g:
            same_files(g)
            ab(g, 1000, 20)
            time.sleep(1)
            g.key('s')
            check(g.wait_for('interrupts'), g.text())
            check(g.number('interrupts ', ';') <= 3 * g.number('sleeps ', ', interrupts') + 10, g.text())
            check(g.number('interrupts ', ';') > 10, f'no storm: {g.text()}')


@case()
def out_of_frames_it_goes_on(tmp):
    (tmp / 'site').mkdir()
    (tmp / 'site/large.bin').write_bytes(os.urandom(2 << 20))
    tar = tar_of(tmp / 'site', tmp / 'site.tar')
    for machine, nic in (('pc', 'e1000'), ('microvm', 'virtio'), ('pc', 'rtl8139')):
        with Guest(machine, nic, append='frames=512 conns=128', initrd=tar, mem=24) as g:
            # Some may be given up on the way; what counts is that it comes back.
            subprocess.run(['ab', '-q', '-s', '20', '-n', '100', '-c', '60', f'http://127.0.0.1:{g.port}/large.bin'],
                           capture_output=True, timeout=100)
            same_files(g, tmp / 'site')


# ---- figures

@case()
def start_to_first_answer(tmp):
    """Wall time from starting QEMU to the first byte of an answer; the best of a few.  QEMU's e1000 receives nothing in
    the first second after its receiver was switched on (flush_queue_timer in its hw/net/e1000.c)."""
    for machine, nic, most in (('microvm', 'virtio', .150), ('pc', 'virtio', .300), ('pc', 'e1000', 1.300)):
        best = 9
        for _ in range(7):
            with Guest(machine, nic, wait=None) as g:
                best = min(best, g.first_answer())
                g.wait_for('serving')
        print(f'# {machine} with {nic}: {best * 1000:.0f} ms from the start of QEMU to the first answer')
        check(best <= most, f'{machine} with {nic}: {best * 1000:.0f} ms')


@case()
def static_files_over_five_thousand_a_second(tmp):
    """Kept connections, ab -c 100; on a machine that has nothing else to do."""
    for machine, nic in (('microvm', 'virtio'), ('pc', 'e1000')):
        with Guest(machine, nic) as g:
            rate = max(ab(g, 10000, 100, keep=True, path='style.css') for _ in range(3))
            g.key('s')
            check(g.wait_for('sent again'), g.text())
            again = g.number('bytes sent, ', ' segments sent again')
            print(f'# {machine} with {nic}: {rate:.0f}/s; {again} segments of more than 30000 sent again')
            check(rate > 5000 and again < 30, f'{rate:.0f}/s, {again} segments sent again')


@case()
def the_image_is_small(tmp):
    size = IMAGE.stat().st_size - sum(p.stat().st_size for p in SITE.iterdir())
    print(f'# {size >> 10} KiB')
    check(size <= 1 << 20, f'{size} bytes')


def main(args):
    if not shutil.which(QEMU):
        print(f'1..0 # SKIP no {QEMU}; tools/setup.sh qemu installs it')
        return 77
    if '--list' in args:
        print('\n'.join(CASES))
        return 0
    words = [a for a in args if not a.startswith('-')]
    names = [n for n in (SAMPLE if '--sample' in args else CASES) if not words or any(w in n for w in words)]
    failed = 0
    print(f'1..{len(names)}')
    for i, name in enumerate(names, 1):
        with tempfile.TemporaryDirectory(prefix='leat-boot-') as tmp:
            try:
                begun = time.monotonic()
                CASES[name](pathlib.Path(tmp))
                print(f'ok {i} - {name} # {time.monotonic() - begun:.1f} s', flush=True)
            except Exception as e:
                failed += 1
                print(f'not ok {i} - {name}\n# ' + str(e).replace('\n', '\n# '), flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
