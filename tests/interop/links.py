#!/usr/bin/env python3
"""Every kind of link against the kernel as a peer, in namespaces of its own.

usage: links.py [--full] [WORD...]     cases whose name has one of the words; a line each, the last `N passed, N failed`
       links.py peer ...               (inside) the kernel's end of `leat bulk`

A row of KINDS is a kind; the sentences below are asked of each.  Without --full sizes are small: a sample for every
day.  --full is what `make interop` runs: 1 GB, 10,000 files, both ways, and again through a cable that loses 1 %.
Exit 77 without root.
"""
import contextlib, os, pathlib, re, shutil, signal, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAT = str(pathlib.Path(os.environ.get('LEAT', ROOT / 'build/leat')).resolve())
FULL = '--full' in sys.argv
BIG, FILES, PINGS, BULK = (1000 << 20, 10000, 5000, '1g') if FULL else (16 << 20, 200, 300, '16m')
PATIENCE = 250 if FULL else 30
PERIOD = bytes(i % 251 for i in range(251 * 4096))
TAG = f'lk{os.getpid() % 10000}'
STACK, KERNEL = '10.77.0.2', '10.77.0.1'


# ---- the kernel's end of `leat bulk`

def peer(address, port, order, count):
    left = count = int(count)
    with socket.create_connection((address, int(port)), timeout=60) as s:
        s.sendall(b'%s %010d\n' % (order.encode(), count))
        at = 0
        while left and order == 'give':
            n = min(left, len(PERIOD))
            s.sendall(PERIOD[:n])
            left -= n
        while left:
            got = s.recv(1 << 18)
            if not got or PERIOD[at:at + len(got)] != got and (PERIOD + PERIOD)[at:at + len(got)] != got:
                sys.exit(f'byte {count - left} and on are wrong')
            at = (at + len(got)) % 251
            left -= len(got)
        if order == 'give' and s.recv(4) != b'good':
            sys.exit('leat did not get what was sent')


# ---- namespaces and processes

def sh(*words, check=True, ns=None, timeout=PATIENCE + 10, **kw):
    words = [str(w) for w in words]
    if ns:
        words = ['ip', 'netns', 'exec', ns, *words]
    r = subprocess.run(words, text=True, capture_output=True, timeout=timeout, **kw)
    if check and r.returncode:
        raise AssertionError(f'{" ".join(words[-8:])}: {r.returncode}: {(r.stderr or r.stdout).strip()[-400:]}')
    return r


class Leat:
    """A running leat; leaving it is Ctrl-C, and asks for status 0."""

    def __init__(self, *words, ns=None, ready='leat: '):
        words = [LEAT, *[str(w) for w in words]]
        self.p = subprocess.Popen((['ip', 'netns', 'exec', ns] if ns else []) + words, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = self.p.stdout.readline()
        if ready not in self.text:
            self.p.kill()
            raise AssertionError(f'{words[1:]}: {self.text}{self.p.stdout.read()}')

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        alive = self.p.poll() is None
        if alive:
            self.p.send_signal(signal.SIGINT)
        try:
            self.text += self.p.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            self.p.kill()
        if kind is None and (not alive or self.p.returncode):
            raise AssertionError(f'exit {self.p.returncode}{"" if alive else ", too early"}: {self.text[-600:]}')

    def cpu(self):
        fields = pathlib.Path(f'/proc/{self.p.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Pair:
    """Two namespaces: the kernel's, where clients run, and leat's."""

    def __init__(self):
        self.kernel, self.leat = f'{TAG}k', f'{TAG}l'
        self.also = []

    def __enter__(self):
        for ns in (self.kernel, self.leat):
            sh('ip', 'netns', 'add', ns)
            sh('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1', ns=ns)
            sh('ip', 'link', 'set', 'lo', 'up', ns=ns)
        return self

    def __exit__(self, *_):
        for p in reversed(self.also):
            with contextlib.suppress(AssertionError):
                p.__exit__(None)
        for ns in (self.kernel, self.leat):
            sh('ip', 'netns', 'del', ns, check=False)

    def up(self, ns, interface, *address):
        for a in address:
            sh('ip', 'addr', 'add', f'{a}/24', 'dev', interface, ns=ns)
        sh('ip', 'link', 'set', interface, 'up', ns=ns)


# ---- the kinds: what to open on a straight link, and on an interface that the cable's end is

def straight_tap(pair):
    """leat makes the TAP in the kernel's own namespace."""
    pair.where = pair.kernel
    return f'tap:leat0,ip={STACK}/24,gw={KERNEL}'


def straight_veth(kind):
    def make(pair):
        sh('ip', 'link', 'add', 'k0', 'netns', pair.kernel, 'type', 'veth', 'peer', 'name', 'l0', 'netns', pair.leat)
        pair.up(pair.kernel, 'k0', KERNEL)
        pair.up(pair.leat, 'l0')
        pair.where = pair.leat
        return kind.format(i='l0') + f'ip={STACK}/24'
    return make


def straight_dpdk(pair):
    """DPDK's packet socket takes no frame longer than its slots: the kernel must not leave segmentation to the veth."""
    spec = straight_veth('dpdk:net_af_packet0,iface={i},')(pair)
    sh('ethtool', '-K', 'k0', 'tso', 'off', 'gso', 'off', ns=pair.kernel)
    return spec


def straight_dpdk_tap(pair):
    sh('ip', 'tuntap', 'add', 't0', 'mode', 'tap', 'multi_queue', ns=pair.kernel)
    pair.up(pair.kernel, 't0', KERNEL)
    pair.where = pair.kernel
    return f'dpdk:net_tap0,iface=t0,ip={STACK}/24'


def has_dpdk():
    return (pathlib.Path(LEAT).parent / 'leat-dpdk.so').exists()


def cable(pair, inner, *how):
    """A cable from TAP k0 in the kernel's namespace to `inner` in leat's."""
    pair.also.append(Leat('wire', 'tap:k0', inner, *how, ns=pair.leat, ready='are joined'))
    sh('ip', 'link', 'set', 'k0', 'netns', pair.kernel, ns=pair.leat)
    pair.up(pair.kernel, 'k0', KERNEL)


def cabled_tap(pair, *how):
    sh('ip', 'tuntap', 'add', 'leat0', 'mode', 'tap', ns=pair.leat)
    pair.up(pair.leat, 'leat0')
    cable(pair, 'packet:leat0', *how)
    pair.where = pair.leat
    return f'tap:leat0,ip={STACK}/24,mode=plain'     # each frame is to be judged by itself


def cabled_interface(kind):
    def make(pair, *how):
        cable(pair, 'tap:l0', *how)
        pair.up(pair.leat, 'l0')
        pair.where = pair.leat
        return kind.format(i='l0') + f'ip={STACK}/24'
    return make


def cabled_wire(pair, *how):
    cable(pair, f'wire:/tmp/{TAG}.wire', *how)
    pair.where = pair.leat
    return f'wire:/tmp/{TAG}.wire,ip={STACK}/24'


KINDS = {
    # name: (straight, through a cable with impairments); None: there is no such thing
    'tap': (straight_tap, cabled_tap),
    'packet': (straight_veth('packet:{i},'), cabled_interface('packet:{i},')),
    'wire': (lambda pair: cabled_wire(pair), cabled_wire),
    'xdp': (straight_veth('xdp:{i},'), cabled_interface('xdp:{i},')),
}
if has_dpdk():
    KINDS['dpdk-packet'] = straight_dpdk, cabled_interface('dpdk:net_af_packet0,iface={i},')
    KINDS['dpdk-tap'] = straight_dpdk_tap, None
CABLE = ('--loss', '1%', '--delay', '200us', '--seed', '7')


# ---- what is asked

@contextlib.contextmanager
def site(big=16 << 20, files=100):
    with tempfile.TemporaryDirectory(prefix='leat-links-') as d:
        d = pathlib.Path(d)
        block = os.urandom(1 << 20)
        with open(d / 'big', 'wb') as f:
            for i in range(big >> 20):
                f.write(i.to_bytes(8, 'big') + block[8:])
        (d / 'small').mkdir()
        for i in range(files):
            (d / 'small' / str(i)).write_bytes(block[i:i + 100 + i * 37 % 4000])
        d.chmod(0o755)
        yield d


def curl_big(pair, d, bytes=None):
    url = f'http://{STACK}/big'
    r = sh('bash', '-c', f'set -o pipefail; curl -sS --max-time {PATIENCE} {url} | cmp - {d}/big', ns=pair.kernel)
    assert not r.stdout, r.stdout


def curl_small(pair, d):
    with tempfile.TemporaryDirectory(prefix='leat-got-') as got:
        config = pathlib.Path(got) / 'config'
        config.write_text(''.join(f'url = "http://{STACK}/small/{i}"\noutput = "{got}/{i}"\n' for i in range(FILES)))
        sh('curl', '-sS', '--fail', '-Z', '--parallel-max', '16', '--max-time', PATIENCE, '-K', config, ns=pair.kernel)
        config.unlink()
        sh('diff', '-rq', got, d / 'small')


def ping_flood(pair, lossless):
    r = sh('ping', '-f', '-q', '-c', PINGS, '-w', '60', STACK, ns=pair.kernel, check=False)
    m = re.search(r'(\d+) packets transmitted, (\d+) received', r.stdout)
    assert m, r.stdout + r.stderr
    sent, got = int(m[1]), int(m[2])
    assert sent >= PINGS and (got == sent if lossless else sent * 0.9 < got < sent), r.stdout


def bulk(pair, spec):
    with Leat('bulk', '--listen', 5001, '--net', spec, ns=pair.where):
        for order in ('take', 'give'):
            sh(sys.executable, __file__, 'peer', STACK, 5001, order, units(BULK), ns=pair.kernel)


def units(text):
    return int(text[:-1]) << {'m': 20, 'g': 30}[text[-1]]


def serve(pair, spec, d):
    return Leat('serve', d, '--port', 80, '--net', spec, ns=pair.where)


def files_come_whole_over(kind):
    with Pair() as pair, site(BIG, FILES) as d:
        with serve(pair, KINDS[kind][0](pair), d):
            curl_big(pair, d)
            curl_small(pair, d)


def bulk_goes_both_ways_over(kind):
    with Pair() as pair:
        bulk(pair, KINDS[kind][0](pair))


def no_ping_of_a_flood_is_lost_over(kind):
    with Pair() as pair, site() as d:
        with serve(pair, KINDS[kind][0](pair), d):
            ping_flood(pair, True)


def a_cable_that_loses_frames_loses_no_byte_of(kind):
    if not KINDS[kind][1]:
        return
    with Pair() as pair, site(BIG, FILES) as d:
        with serve(pair, KINDS[kind][1](pair, *CABLE), d):
            curl_big(pair, d)
            curl_small(pair, d)
            ping_flood(pair, False)


def bulk_goes_both_ways_through_a_bad_cable_over(kind):
    if not KINDS[kind][1]:
        return
    with Pair() as pair:
        bulk(pair, KINDS[kind][1](pair, *CABLE))


def two_leats_are_joined_by(mode):
    server, client = (f'wire:/tmp/{TAG}.two,mode={mode},ip={{}}/24',) * 2
    if mode == 'memif':
        server, client = (f'dpdk:net_memif0,role={role},socket=/leat/{TAG},ip={{}}/24' for role in ('server', 'client'))
    with Pair() as pair:
        with Leat('bulk', '--listen', 5001, '--net', server.format(STACK), ns=pair.leat):
            for order in ('take', 'give'):
                sh(LEAT, 'bulk', f'{STACK}:5001', order, BULK, '--net', client.format('10.77.0.3'), ns=pair.leat)


def an_interface_that_is_pulled_away_is_found_again_by(kind):
    """tap and packet: a download breaks off, the process stays, the next download is whole."""
    if kind not in ('tap', 'packet'):
        return
    with Pair() as pair, site() as d:
        name = 'leat0'
        pair.where = pair.kernel
        veth = ('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'k0', 'netns', pair.leat)
        again = {'tap': [('ip', 'tuntap', 'add', name, 'mode', 'tap')], 'packet': [veth]}[kind]
        pair.kernel, pair.leat = (pair.leat, pair.kernel) if kind == 'packet' else (pair.kernel, pair.leat)

        def plug():
            for words in again:
                sh(*words, ns=pair.where)
            pair.up(pair.where, name, *([KERNEL] if kind == 'tap' else []))
            if kind == 'packet':
                pair.up(pair.kernel, 'k0', KERNEL)

        plug()
        with serve(pair, f'{kind}:{name},ip={STACK}/24', d) as server:
            curl_big(pair, d)
            sh('ip', 'link', 'del', name, ns=pair.where)
            time.sleep(0.5)
            assert server.p.poll() is None, 'it ended'
            assert sh('ping', '-c1', '-W1', STACK, ns=pair.kernel, check=False).returncode
            plug()
            time.sleep(0.5)
            curl_big(pair, d)


def without_privileges_a_line_says_what_is_missing():
    for spec, says in ((f'tap:{TAG}', 'CAP_NET_ADMIN'), (f'packet:lo,ip={STACK}/24', 'CAP_NET_RAW')):
        r = subprocess.run([LEAT, 'serve', '--net', spec], text=True, capture_output=True, timeout=10, user=65534,
                           group=65534, extra_groups=[], cwd='/')
        assert r.returncode == 1 and says in r.stderr and len(r.stderr.splitlines()) == 1, r


def an_idle_stack_costs_nothing_and_wakes_at_once_on(kind):
    with Pair() as pair, site() as d:
        with serve(pair, KINDS[kind][0](pair), d) as server:
            sh('ping', '-c2', '-i0.2', STACK, ns=pair.kernel)
            before = server.cpu()
            time.sleep(4 if FULL else 2)
            used = (server.cpu() - before) / (4 if FULL else 2)
            assert used <= 0.005, f'{used * 100:.1f} % of a core'
            r = sh('ping', '-c40', '-i0.02', '-q', STACK, ns=pair.kernel)
            best = float(re.search(r'= ([\d.]+)/', r.stdout)[1])
            assert best < 0.5, r.stdout      # both ways, with the client's own wake-up, on a machine that does more


def an_address_comes_by_dhcp_from(server):
    if not shutil.which(server):
        return
    with Pair() as pair, site() as d, tempfile.TemporaryDirectory(prefix='leat-dhcp-') as tmp:
        spec = straight_veth('packet:{i},')(pair).split('ip=')[0] + 'ip=dhcp'
        conf = pathlib.Path(tmp) / 'conf'
        conf.write_text(f'start 10.77.0.50\nend 10.77.0.60\ninterface k0\nmax_leases 5\nremaining no\nmin_lease 5\n'
                        f'lease_file {tmp}/leases\npidfile {tmp}/pid\noption subnet 255.255.255.0\n'
                        f'option router {KERNEL}\noption lease 10\n')
        (pathlib.Path(tmp) / 'leases').touch()
        words = {'udhcpd': ['udhcpd', '-f', conf],
                 'dnsmasq': ['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--interface=k0', '--bind-interfaces',
                             '--port=0', '--no-ping', '--dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,2m',
                             f'--dhcp-leasefile={tmp}/leases2', f'--pid-file={tmp}/pid2', '--user=root']}[server]
        with open(f'{tmp}/log', 'w') as log:
            p = subprocess.Popen(['ip', 'netns', 'exec', pair.kernel, *map(str, words)], stdout=log, stderr=log)
        try:
            with serve(pair, spec, d) as leat:
                at = re.search(r'http://(10\.77\.0\.(5\d|60)):80/', leat.text)
                assert at, leat.text
                sh('ping', '-c1', '-W2', at[1], ns=pair.kernel)
                if server == 'udhcpd':      # a lease of ten seconds, renewed after five
                    time.sleep(12 if FULL else 7)
                    sh('ping', '-c1', '-W2', at[1], ns=pair.kernel)
            with serve(pair, f'{spec},mtu=1400', d) as leat:
                assert '10.77.0.' in leat.text, leat.text
        finally:
            p.terminate()
            p.wait()


def a_virtual_machine_is_joined_by(mode):
    """The boot image as a guest of QEMU: pinged by a leat, and by a cable a kernel's curl fetches from it."""
    image = pathlib.Path(LEAT).parent / 'leat.elf'
    if not shutil.which('qemu-system-x86_64') or not image.exists():
        return
    path = f'/tmp/{TAG}.vm'
    netdev = {'stream': f'stream,id=n,server=on,addr.type=unix,addr.path={path}',
              'dgram': f'dgram,id=n,local.type=unix,local.path={path},remote.type=unix,remote.path={path}.peer'}[mode]
    words = ['qemu-system-x86_64', '-accel', 'tcg', '-M', 'microvm', '-m', '32', '-kernel', image, '-append',
             f'ip={STACK}/24', '-netdev', netdev, '-device', 'virtio-net-device,netdev=n', '-display', 'none',
             '-serial', 'stdio', '-no-reboot']
    with Pair() as pair:
        for ours in ('leat', 'cable'):
            vm = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            try:
                end = time.monotonic() + 30
                while not os.path.exists(path) and vm.poll() is None and time.monotonic() < end:
                    time.sleep(0.05)
                assert vm.poll() is None, vm.stdout.read()
                end = time.monotonic() + 30
                spec = f'wire:{path},mode={mode}'
                if ours == 'leat':
                    while True:
                        r = sh(LEAT, 'ping', STACK, '-c', '20', '-i', '50ms', '-q', '--net', f'{spec},ip=10.77.0.3/24',
                               check=False)
                        if r.returncode == 0 or time.monotonic() > end:
                            break
                    assert r.returncode == 0, r
                else:
                    cable(pair, spec)
                    sh('curl', '-sS', '--fail', '--retry', '10', '--retry-connrefused', '--retry-all-errors', '-o',
                       '/dev/null', f'http://{STACK}/', ns=pair.kernel)
                    sh('ping', '-c5', '-i0.1', STACK, ns=pair.kernel)
            finally:
                vm.kill()
                vm.wait()
                for p in (path, path + '.peer'):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(p)


def the_kernel_behind_the_same_address_keeps_what_is_not_ours():
    with Pair() as pair, site() as d:
        spec = straight_veth('packet:{i},')(pair) + ',exception=tap:behind'
        with serve(pair, spec, d):
            httpd = [subprocess.Popen(['ip', 'netns', 'exec', ns, sys.executable, '-m', 'http.server', '-d', str(d),
                                       '8081'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                     for ns in (pair.kernel, pair.leat)]
            try:
                time.sleep(1)
                curl_big(pair, d)                                                   # ours
                for ns, at in ((pair.kernel, STACK), (pair.leat, KERNEL)):          # the kernel's, in and out
                    sh('bash', '-c', f'set -o pipefail; curl -sS --max-time {PATIENCE} --retry 5 --retry-connrefused '
                       f'http://{at}:8081/big | cmp - {d}/big', ns=ns)
                sh('ping', '-c2', '-i0.2', '-W2', KERNEL, ns=pair.leat)
                r = sh('curl', '-sS', '--max-time', '5', f'http://{STACK}:9/', ns=pair.kernel, check=False)
                assert r.returncode == 7 and 'refused' in r.stderr or 'connect' in r.stderr, r      # by the kernel
            finally:
                for p in httpd:
                    p.kill()
                    p.wait()


def the_small_tools_tell_what_is_there():
    with Pair() as pair:
        net = ('--net', straight_veth('packet:{i},')(pair) + f',gw={KERNEL}')
        run = lambda *words: sh(LEAT, *words, *net, ns=pair.leat, check=False)
        r = run('ping', KERNEL, '-c', '200', '-f', '-s', '1400')
        assert r.returncode == 0 and '200 sent, 200 answered' in r.stdout, r
        r = run('ping', KERNEL, '-c', '2', '-i', '50ms', '-s', '9000')      # in fragments, both ways
        assert r.returncode == 0 and 'seq=1 ttl=64' in r.stdout, r
        r = run('ping', '10.77.0.99', '-c', '1', '-q')
        assert r.returncode == 1 and '1 sent, 0 answered' in r.stdout, r
        r = run('arp', KERNEL)
        mac = re.search(r'link/ether (\S+)', sh('ip', 'link', 'show', 'k0', ns=pair.kernel).stdout)[1]
        assert r.returncode == 0 and f'{KERNEL} is at {mac}' in r.stdout, r
        assert run('arp', '10.77.0.99').returncode == 1
        r = run('ip')
        assert 'l0: packet, up, mtu 1500' in r.stdout and f'{STACK}/24' in r.stdout, r
        r = run('route')
        assert '10.77.0.0/24 on l0' in r.stdout and f'0.0.0.0/0 via {KERNEL} on l0' in r.stdout, r
        assert f'8.8.8.8 from {STACK}, mtu 1500, via {KERNEL}' in run('route', '8.8.8.8').stdout


def cases():
    for kind in KINDS:
        for f in (files_come_whole_over, bulk_goes_both_ways_over, no_ping_of_a_flood_is_lost_over,
                  a_cable_that_loses_frames_loses_no_byte_of, bulk_goes_both_ways_through_a_bad_cable_over,
                  an_interface_that_is_pulled_away_is_found_again_by, an_idle_stack_costs_nothing_and_wakes_at_once_on):
            if f is a_cable_that_loses_frames_loses_no_byte_of and not FULL and kind != 'packet':
                continue
            if kind.startswith('dpdk') and not FULL and f is not files_come_whole_over:
                continue
            yield f'{f.__name__} {kind}', lambda f=f, kind=kind: f(kind)
    for mode in ('stream', 'dgram', *(['memif'] if has_dpdk() else [])):
        yield f'two_leats_are_joined_by {mode}', lambda mode=mode: two_leats_are_joined_by(mode)
    for mode in ('stream', 'dgram'):
        yield f'a_virtual_machine_is_joined_by {mode}', lambda mode=mode: a_virtual_machine_is_joined_by(mode)
    for server in ('dnsmasq', 'udhcpd'):
        yield f'an_address_comes_by_dhcp_from {server}', lambda server=server: an_address_comes_by_dhcp_from(server)
    f = the_kernel_behind_the_same_address_keeps_what_is_not_ours
    yield f.__name__, f
    yield the_small_tools_tell_what_is_there.__name__, the_small_tools_tell_what_is_there
    yield without_privileges_a_line_says_what_is_missing.__name__, without_privileges_a_line_says_what_is_missing


def main():
    if sys.argv[1:2] == ['peer']:
        return peer(*sys.argv[2:])
    if os.geteuid() or not os.access('/dev/net/tun', os.R_OK) or not shutil.which('ip'):
        print('links.py: skipped: it needs root, /dev/net/tun and ip(8) for namespaces and interfaces')
        return 77
    words, passed, failed = [a for a in sys.argv[1:] if a[0] != '-'], 0, 0
    for name, run in cases():
        if words and not any(w in name for w in words):
            continue
        start = time.monotonic()
        try:
            run()
            good = True
        except (AssertionError, subprocess.TimeoutExpired, OSError) as e:
            good = e
        passed, failed = passed + (good is True), failed + (good is not True)
        took = time.monotonic() - start
        print(f'{"ok" if good is True else "not ok"} - {name.replace("_", " ")} ({took:.1f} s)', flush=True)
        if good is not True:
            print(f'# {good}', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
