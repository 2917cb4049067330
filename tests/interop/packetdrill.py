#!/usr/bin/env python3
"""libleat-packetdrill.so by its table of functions, as packetdrill calls it: packets by hand, calls, virtual time.

The library is $BUILD/libleat-packetdrill.so.  packetdrill itself is not needed (docs/packetdrill.md).
"""
import ctypes as ct, errno, os, pathlib, socket, struct, sys, threading, time

BUILD = pathlib.Path(os.environ.get('BUILD', pathlib.Path(__file__).resolve().parents[2] / 'build'))
LOCAL, PEER = '192.168.0.1', '192.0.2.1'
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

P, I, L, Z = ct.c_void_p, ct.c_int, ct.c_uint32, ct.c_size_t
MEMBERS = [('free', None, []), ('socket', I, [I, I, I]), ('bind', I, [I, P, L]), ('listen', I, [I, I]),
           ('accept', I, [I, P, P]), ('connect', I, [I, P, L]), ('read', ct.c_ssize_t, [I, P, Z]),
           ('readv', ct.c_ssize_t, [I, P, I]), ('recv', ct.c_ssize_t, [I, P, Z, I]),
           ('recvfrom', ct.c_ssize_t, [I, P, Z, I, P, P]), ('recvmsg', ct.c_ssize_t, [I, P, I]),
           ('write', ct.c_ssize_t, [I, P, Z]), ('writev', ct.c_ssize_t, [I, P, I]),
           ('send', ct.c_ssize_t, [I, P, Z, I]), ('sendto', ct.c_ssize_t, [I, P, Z, I, P, L]),
           ('sendmsg', ct.c_ssize_t, [I, P, I]), ('fcntl', I, [I, I, ct.c_long]), ('ioctl', I, [I, ct.c_ulong, P]),
           ('close', I, [I]), ('shutdown', I, [I, I]), ('getsockopt', I, [I, I, I, P, P]),
           ('setsockopt', I, [I, I, I, P, L]), ('poll', I, [P, ct.c_ulong, I]), ('netdev_send', I, [P, Z]),
           ('netdev_receive', I, [P, P, P]), ('usleep', I, [ct.c_uint]), ('gettimeofday', I, [P, P]),
           ('epoll_create', I, [I]), ('epoll_ctl', I, [I, I, I, P]), ('epoll_wait', I, [I, P, I, I]),
           ('pipe', I, [P]), ('splice', ct.c_ssize_t, [I, P, I, P, Z, ct.c_uint])]


class Table(ct.Structure):
    _fields_ = [('userdata', P)] + [(n, ct.CFUNCTYPE(r, P, *a, use_errno=True)) for n, r, a in MEMBERS]


def sum16(data):
    data += b'\0' * (len(data) % 2)
    s = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def sockaddr(ip, port):
    return struct.pack('=H', socket.AF_INET) + struct.pack('!H4s8x', port, socket.inet_aton(ip))


class Plugin:
    def __init__(self):
        self.lib = ct.CDLL(str(BUILD / 'libleat-packetdrill.so'))
        self.table = Table()
        self.lib.packetdrill_interface_init(b'', ct.byref(self.table))

    def __getattr__(self, name):
        return lambda *args: getattr(self.table, name)(None, *args)

    def segment(self, flags, seq, ack=0, data=b''):
        """A segment of the peer, from 192.0.2.1:5000 to port 8080."""
        head = struct.pack('!HHIIBBHHH', 5000, 8080, seq, ack, 5 << 4, flags, 30000, 0, 0)
        pseudo = socket.inet_aton(PEER) + socket.inet_aton(LOCAL) + struct.pack('!HH', 6, len(head) + len(data))
        tcp = head[:16] + struct.pack('!H', sum16(pseudo + head + data)) + head[18:] + data
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0)
        ip += socket.inet_aton(PEER) + socket.inet_aton(LOCAL)
        packet = ip[:10] + struct.pack('!H', sum16(ip)) + ip[12:] + tcp
        assert self.netdev_send(packet, len(packet)) == 0

    def left(self):
        """The next segment that leaves: flags, sequence number, acknowledgement, bytes, micro-seconds."""
        buf, n, when = ct.create_string_buffer(65536), Z(65536), ct.c_longlong()
        assert self.netdev_receive(buf, ct.byref(n), ct.byref(when)) == 0
        b = buf.raw[:n.value]
        if len(b) < 40:
            return None
        seq, ack, offset, flags = struct.unpack('!IIBB', b[24:34])
        return flags, seq, ack, b[20 + (offset >> 4) * 4:], when.value

    def now(self):
        tv = (ct.c_long * 2)()
        assert self.gettimeofday(tv, None) == 0
        return tv[0] * 1000000 + tv[1]


def check(what, text):
    if not what:
        raise AssertionError(text)


def established(p):
    fd = p.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    check(fd >= 0, f'socket: {fd}')
    check(p.bind(fd, sockaddr(LOCAL, 8080), 16) == 0 and p.listen(fd, 5) == 0, 'bind, listen')
    p.segment(SYN, 100)
    flags, seq, ack, _, _ = p.left()
    check(flags == SYN | ACK and ack == 101, f'answer to a SYN: {flags} {ack}')
    p.segment(ACK, 101, seq + 1)
    conn = p.accept(fd, None, None)
    check(conn >= 0 and conn != fd, f'accept: {conn}')
    return conn, seq + 1


def time_is_a_number(p):
    first, real = p.now(), time.monotonic()
    check(p.now() > first, 'a look at the clock takes no time')
    p.usleep(3600 * 1000000)
    check(0 <= p.now() - first - 3600 * 1000000 < 1000, 'an hour is not an hour')
    check(time.monotonic() - real < 5, 'an hour takes more than a moment')


def bytes_go_both_ways(p):
    conn, seq = established(p)
    p.segment(PSH | ACK, 101, seq, b'hello')
    flags, _, ack, _, _ = p.left()
    check(flags == ACK and ack == 106, f'ACK of five bytes: {ack}')
    buf = ct.create_string_buffer(100)
    check(p.read(conn, buf, 100) == 5 and buf.raw[:5] == b'hello', 'read')
    check(p.write(conn, b'world!', 6) == 6, 'write')
    flags, at, _, data, first = p.left()
    check((at, data) == (seq, b'world!') and flags == PSH | ACK, f'written: {data}')
    _, at, _, data, again = p.left()
    check((at, data) == (seq, b'world!') and 100000 < again - first < 2000000, f'retransmitted after {again - first}')
    check(p.close(conn) == 0, 'close')


def who_waits_sleeps_and_is_woken(p):
    conn, seq = established(p)
    got, buf = [], ct.create_string_buffer(100)
    t = threading.Thread(target=lambda: got.append((p.read(conn, buf, 100), p.now())))
    t.start()
    time.sleep(0.2)
    check(not got, 'read has not waited')
    p.usleep(500000)
    before = p.now()
    p.segment(PSH | ACK, 101, seq, b'x')
    t.join(10)
    check(got and got[0][0] == 1, 'read was not woken')
    check(abs(got[0][1] - before) < 1000, f'{got[0][1] - before} us late')


def what_would_wait_says_so(p):
    conn, _ = established(p)
    check(p.recv(conn, ct.create_string_buffer(10), 10, socket.MSG_DONTWAIT) == -1, 'recv has something')
    check(ct.get_errno() == errno.EAGAIN, f'errno {ct.get_errno()}')
    got, fds, before = [], ct.create_string_buffer(struct.pack('=ihh', conn, 1, 0)), p.now()
    t = threading.Thread(target=lambda: got.append((p.poll(fds, 1, 250), p.now())))
    t.start()
    time.sleep(0.1)
    p.usleep(1000000)
    t.join(10)
    check(got and got[0][0] == 0, f'poll: {got}')
    check(abs(got[0][1] - before - 250000) < 1000, f'poll took {got[0][1] - before} us')


def packet_that_never_comes_is_no_packet(p):
    p.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    check(p.left() is None, 'a packet out of nothing')


CASES = [time_is_a_number, bytes_go_both_ways, who_waits_sleeps_and_is_woken, what_would_wait_says_so,
         packet_that_never_comes_is_no_packet]


def main():
    """Each case in a process of its own, as scripts are."""
    library = BUILD / 'libleat-packetdrill.so'
    if not library.exists() or b'__asan_init' in library.read_bytes():      # Python has no sanitizer to share with it
        return 77
    failed = 0
    for case in CASES:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            p = Plugin()
            try:
                case(p)
                print(f'ok - {case.__name__.replace("_", " ")}')
            except Exception as e:
                print(f'not ok - {case.__name__.replace("_", " ")}\n# {type(e).__name__}: {e}')
                sys.stdout.flush()
                os._exit(1)
            sys.stdout.flush()
            p.free()
            os._exit(0)
        failed += os.waitpid(child, 0)[1] != 0
    print(f'1..{len(CASES)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
