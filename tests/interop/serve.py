#!/usr/bin/env python3
"""`leat serve` as a whole, by real clients: what a person, a browser and somebody with bad intentions would try.

usage: serve.py [WORD...]        runs the cases whose name has one of the words; prints one line a case

The program is $LEAT (build/leat).  It runs as an ordinary user even when this does not.
"""
import concurrent.futures, hashlib, http.client, json, os, pathlib, random, re, resource, shutil, signal, socket
import subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAT = pathlib.Path(os.environ.get('LEAT', ROOT / 'build/leat')).resolve()
NOBODY = 65534
CASES = []


def case(f):
    CASES.append(f)
    return f


def check(fact, what=''):
    if not fact:
        raise AssertionError(what or 'not so')


# ---- the server

class Server:
    """A running `leat serve`; leaving it is Ctrl-C, and asks for status 0 and a summary."""

    def __init__(self, *args, dir=None):
        as_user = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if os.geteuid() == 0 else {}
        words = [str(BIN), 'serve', *([str(dir)] if dir else []), '--port', '0', *args]
        self.p = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd='/',
                                  **as_user)
        line = self.p.stdout.readline()
        if 'ulimit -n' in line:         # fewer than --conns on this machine: said before the address
            line = self.p.stdout.readline()
        m = re.search(r'http://127\.0\.0\.1:(\d+)/', line)
        check(m, f'no address in: {line}{self.p.stdout.read() if self.p.poll() is not None else ""}')
        self.port = int(m[1])
        self.output = [line]
        self.reader = threading.Thread(target=lambda: self.output.extend(self.p.stdout))
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
        try:
            self.status = self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.status = self.p.wait()
        self.reader.join()
        self.text = ''.join(self.output)
        if kind is None:
            check(self.status == 0, f'exit {self.status}: {self.text[-800:]}')
            check(' at once), ' in self.text and ' request' in self.text, f'no summary: {self.text}')

    def connect(self, rcvbuf=None, timeout=10):
        s = socket.socket()
        s.settimeout(timeout)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect(('127.0.0.1', self.port))
        return s

    def url(self, path='/'):
        return f'http://127.0.0.1:{self.port}{path}'

    def cpu(self):
        fields = pathlib.Path(f'/proc/{self.p.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def alive(self):
        check(self.p.poll() is None, f'the server is gone: {"".join(self.output)[-800:]}')
        check(fetch(self, '/index.html')[0] == 200, 'the server does not answer any more')


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f'{self.status} {self.headers} {self.body[:200]!r}'


class Reader:
    """Responses from a socket, one after the other; None where the connection ends."""

    def __init__(self, s):
        self.s, self.left = s, b''

    def more(self):
        try:
            got = self.s.recv(1 << 16)
        except ConnectionError:
            got = b''
        self.left += got
        return got

    def reply(self, head=False):
        while b'\r\n\r\n' not in self.left:
            if not self.more():
                check(not self.left, f'the connection ended within a head: {self.left!r}')
                return None
        top, self.left = self.left.split(b'\r\n\r\n', 1)
        lines = top.decode('latin-1').split('\r\n')
        headers = {}
        for line in lines[1:]:
            name, value = line.split(': ', 1)
            check(name.lower() not in headers, f'twice {name}')
            headers[name.lower()] = value
        check(lines[0].startswith('HTTP/1.1 '), lines[0])
        status = int(lines[0].split()[1])
        n = 0 if head or status in (100, 204, 304) else int(headers['content-length'])
        while len(self.left) < n:
            if not self.more():
                break
        body, self.left = self.left[:n], self.left[n:]
        return Reply(status, headers, body)

    def closed(self):
        while not self.left and self.more():
            pass
        return not self.left


def ask(server, raw, replies=1, head=False):
    """Sends bytes on a connection of their own; its responses, and whether the server closed it behind them."""
    with server.connect() as s:
        s.sendall(raw)
        r = Reader(s)
        got = [r.reply(head) for _ in range(replies)]
        s.settimeout(0.3)
        try:
            closed = r.closed()
        except TimeoutError:
            closed = False
        return got, closed


def fetch(server, path, method='GET', headers={}, body=None):
    c = http.client.HTTPConnection('127.0.0.1', server.port, timeout=20)
    try:
        c.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            c.putheader(name, value)
        if body is not None:
            c.putheader('Content-Length', str(len(body)))
        c.endheaders(body)
        r = c.getresponse()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    finally:
        c.close()


def run(*words, timeout=60, **kw):
    return subprocess.run([str(w) for w in words], text=True, capture_output=True, timeout=timeout, **kw)


def get(path, *lines):
    return '\r\n'.join([f'GET {path} HTTP/1.1', 'Host: a', *lines, '', '']).encode('latin-1')


# ---- what a person does

@case
def each_page_of_the_default_site_can_be_fetched():
    with Server() as s:
        seen, todo = set(), ['/']
        while todo:
            path = todo.pop()
            seen.add(path)
            status, headers, body = fetch(s, path)
            check(status == 200, f'{path}: {status}')
            for link in re.findall(r'(?:href|src)="(/[^"]*)"', body.decode()):
                todo += [link] if link not in seen and link not in todo else []
        check({'/', '/how.html', '/states.html', '/connection', '/style.css'} <= seen, seen)
        r = run('curl', '-sS', '--fail', s.url('/'))
        check(r.returncode == 0 and 'leat' in r.stdout, r.stderr)
        page = fetch(s, '/connection')[2].decode()
        for word in ('10.0.2.2', 'ESTABLISHED', 'round trip', 'congestion window', 'sent again', 'class="passed"'):
            check(word in page, f'/connection does not show {word}')
        check(fetch(s, '/whoami')[0] == 404, '/whoami is there without --demo')


@case
def it_runs_without_privileges():
    with Server(dir=SITE) as s:
        uid = os.stat(f'/proc/{s.p.pid}').st_uid
        check(uid != 0, 'it runs as root')
        caps = re.search(r'CapEff:\s*(\w+)', pathlib.Path(f'/proc/{s.p.pid}/status').read_text())[1]
        check(int(caps, 16) == 0, f'it has capabilities {caps}')
        s.alive()


@case
def each_of_several_threads_serves():
    with Server('--threads', '3', '--poll', 'sleep', dir=SITE) as s:
        for _ in range(60):
            check(fetch(s, '/index.html')[0] == 200)
    shares = [int(n) for n in re.findall(r'leat: thread \d\nleat: (\d+) connections', s.text)]
    check(len(shares) == 3 and min(shares) > 3 and sum(shares) >= 60, f'connections a thread: {shares}')


@case
def a_large_file_arrives_whole():
    with Server(dir=SITE) as s:
        for i in range(2):
            p = subprocess.Popen(['curl', '-sS', '--fail', s.url('/big.bin')], stdout=subprocess.PIPE)
            h = hashlib.sha256()
            for piece in iter(lambda: p.stdout.read(1 << 20), b''):
                h.update(piece)
            check(p.wait() == 0 and h.hexdigest() == BIG, f'curl {p.returncode}, {h.hexdigest()}')
    check('0 segments sent again' in s.text, s.text)


@case
def two_thousand_files_over_64_connections():
    with Server(dir=SITE) as s:
        def some(k):
            c = http.client.HTTPConnection('127.0.0.1', s.port, timeout=30)
            for i in range(k, 2000, 64):
                c.request('GET', f'/many/{i}.txt')
                r = c.getresponse()
                check(r.status == 200 and r.read() == small(i), f'{i}.txt')
            c.close()
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            list(pool.map(some, range(64)))
    check(re.search(r'64 connections .* 2000 requests', s.text), s.text)


@case
def ab_finds_no_failed_request():
    with Server(dir=SITE) as s:
        for keep in (['-k'], []):
            r = run('ab', '-q', '-n', 10000 if keep else 1000, '-c', 100, *keep, s.url('/page.html'))
            check(r.returncode == 0 and re.search(r'Failed requests: +0\b', r.stdout), r.stdout + r.stderr)
            check('Non-2xx' not in r.stdout, r.stdout)


@case
def an_idle_server_costs_nothing():
    with Server(dir=SITE) as s:
        keep = [s.connect() for _ in range(20)]
        s.alive()
        before, start = s.cpu(), time.monotonic()
        time.sleep(2)
        used = s.cpu() - before
        check(used <= 0.05 * (time.monotonic() - start), f'{used} s of processor in two idle seconds')
        for c in keep:
            c.close()


# ---- HTTP

@case
def methods_and_validators_are_those_of_the_book():
    with Server('--demo', dir=SITE) as s:
        status, headers, body = fetch(s, '/page.html')
        check(status == 200 and body == PAGE and headers['content-type'] == 'text/html; charset=utf-8', headers)
        check(re.fullmatch(r'"[^"]+"', headers['etag']) and 'GMT' in headers['last-modified'], headers)
        check('GMT' in headers['date'], headers)
        (r,), closed = ask(s, b'HEAD /page.html HTTP/1.1\r\nHost: a\r\n\r\n', head=True)
        check(r.status == 200 and int(r.headers['content-length']) == len(PAGE) and not closed, r)
        for h in ({'If-None-Match': headers['etag']}, {'If-None-Match': '"x", W/' + headers['etag']},
                  {'If-None-Match': '*'}, {'If-Modified-Since': headers['last-modified']}):
            st, hd, bd = fetch(s, '/page.html', headers=h)
            check(st == 304 and bd == b'' and hd['etag'] == headers['etag'], f'{h} {st} {hd}')
            check('content-type' not in hd, f'{h} {hd}')
        for h in ({'If-None-Match': '"other"'}, {'If-Modified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT'},
                  {'If-None-Match': '"other"', 'If-Modified-Since': headers['last-modified']}):
            check(fetch(s, '/page.html', headers=h)[0] == 200, f'{h}')
        for method in ('POST', 'PUT', 'DELETE'):
            st, hd, _ = fetch(s, '/page.html', method, body=b'x' * 100)
            check(st == 405 and hd['allow'] == 'GET, HEAD, OPTIONS', f'{method} {st} {hd}')
        st, hd, _ = fetch(s, '/page.html', 'OPTIONS')
        check(st == 204 and hd['allow'] == 'GET, HEAD, OPTIONS', f'{st} {hd}')
        (r,), _ = ask(s, b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
        check(r.status == 204, r)
        st, hd, _ = fetch(s, '/echo')
        check(st == 405 and hd['allow'] == 'POST, OPTIONS', f'{st} {hd}')
        check(fetch(s, '/nothing')[0] == 404)
        check(fetch(s, '/page.html/')[0] == 404)
        check(fetch(s, '/page.html?a=b&c')[0] == 200)
        check(fetch(s, 'http://a/page.html', headers={})[0] in (200, 400))
        (r,), _ = ask(s, b'GET http://a/page.html HTTP/1.1\r\nHost: a\r\n\r\n')
        check(r.status == 200, r)


@case
def directories_have_an_index_or_are_forbidden():
    with Server(dir=SITE) as s:
        check(fetch(s, '/')[2] == b'home\n')
        check(fetch(s, '/sub/')[2] == b'sub\n')
        st, hd, _ = fetch(s, '/sub')
        check(st == 301 and hd['location'] == '/sub/', f'{st} {hd}')
        st, hd, _ = fetch(s, '/sub?x=1')
        check(st == 301 and hd['location'] == '/sub/?x=1', f'{st} {hd}')
        st, hd, _ = fetch(s, '/sp%20ace')
        check(st == 301 and hd['location'] == '/sp%20ace/', f'{st} {hd}')
        (r,), _ = ask(s, get('//sub'))
        check(r.status == 301 and r.headers['location'] == '/sub/', r)
        check(fetch(s, '/many/')[0] == 403)
        check(fetch(s, '/sp%20ace/%C3%BC%20%26.txt')[2] == b'umlaut\n')
        check(fetch(s, '/empty')[2] == b'' and fetch(s, '/empty')[0] == 200)
        for path in ('/fifo', '/secret.txt', '/closed/x'):
            if os.geteuid() == 0 or path == '/fifo':
                check(fetch(s, path)[0] == 403, f'{path}: {fetch(s, path)[0]}')
        r = [ask(s, get('/fifo'))[0][0].status for _ in range(3)]
        check(r == [403] * 3, r)


@case
def connections_live_as_long_as_both_want():
    page = b'GET /page.html HTTP/1.%d\r\nHost: a\r\n%s\r\n'
    with Server(dir=SITE) as s:
        for minor, line, closes, says in ((1, b'', False, None), (1, b'Connection: close\r\n', True, 'close'),
                                          (0, b'', True, 'close'),
                                          (0, b'Connection: keep-alive\r\n', False, 'keep-alive'),
                                          (1, b'Connection: Keep-Alive, Close\r\n', True, 'close')):
            (r,), closed = ask(s, page % (minor, line))
            check(r.status == 200 and r.body == PAGE and closed == closes, f'{minor} {line} {closed} {r}')
            check(r.headers.get('connection') == says, f'{minor} {line} {r.headers}')
        with s.connect() as c:      # a client that says at once that it will send no more
            c.sendall(get('/page.html') * 3)
            c.shutdown(socket.SHUT_WR)
            r = Reader(c)
            check([r.reply().body for _ in range(3)] == [PAGE] * 3 and r.closed())


@case
def sixteen_pipelined_requests_are_answered_in_order():
    with Server(dir=SITE) as s:
        with s.connect() as c:
            r = Reader(c)
            for _ in range(20):
                c.sendall(b''.join(get(f'/many/{i}.txt') for i in range(16)))
                for i in range(16):
                    check(r.reply().body == small(i), f'{i}')
            mixed = [('/page.html', PAGE), ('/nothing', None), ('/empty', b''), ('/med.bin', MED), ('/page.html', PAGE)]
            c.sendall(b''.join(get(p) for p, _ in mixed) * 4)
            for path, body in mixed * 4:
                got = r.reply()
                check(got.status == 404 if body is None else got.body == body, f'{path} {got}')


@case
def a_client_that_reads_late_gets_everything():
    with Server(dir=SITE) as s:
        with s.connect(timeout=30) as c:
            n = 3000
            sender = threading.Thread(target=c.sendall, args=(get('/med.bin') * n,))
            sender.start()
            time.sleep(1)
            s.alive()
            r = Reader(c)
            for i in range(n):
                got = r.reply()
                check(got and got.body == MED, f'{i} of {n}: {got}')
            sender.join()
    check('want of memory' not in s.text, s.text)


@case
def a_request_means_the_same_in_any_number_of_pieces():
    raw = get('/page.html', 'User-Agent: something', 'Accept: */*', 'If-None-Match: "no"')
    with Server('--demo', dir=SITE) as s:
        def cut(pieces):
            with s.connect() as c:
                for p in pieces:
                    c.sendall(p)
                    time.sleep(0.002)
                got = Reader(c).reply()
                check(got and got.status == 200 and got.body == PAGE, f'{[len(p) for p in pieces]}: {got}')
        random.seed(1)
        cuts = [[raw[:i], raw[i:]] for i in range(1, len(raw))]
        for n in range(3, 40):
            at = sorted(random.sample(range(1, len(raw)), n))
            cuts.append([raw[i:j] for i, j in zip([0] + at, at + [len(raw)])])
        cuts.append([raw[i:i + 1] for i in range(len(raw))])
        chunked = (b'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
                   b'5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n')
        def cut_chunks(i):
            with s.connect() as c:
                for p in (chunked[:i], chunked[i:]):
                    c.sendall(p)
                    time.sleep(0.002)
                got = Reader(c).reply()
                check(got and got.body == b'hello!', f'{i}: {got}')
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(cut, cuts))
            list(pool.map(cut_chunks, range(1, len(chunked))))


@case
def what_can_be_read_in_two_ways_is_refused_and_the_connection_closed():
    h = b'Host: a\r\n'
    long = b'x' * 9000
    bad = [
        (400, b'GET / HTTP/1.1\r\n\r\n'), (400, b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
        (400, b'GET / HTTP/1.1\nHost: a\n\n'), (400, b'GET  / HTTP/1.1\r\n' + h + b'\r\n'),
        (400, b'GET / HTTP/1.1 \r\n' + h + b'\r\n'), (400, b'GET /a b HTTP/1.1\r\n' + h + b'\r\n'),
        (400, b'GET / http/1.1\r\n' + h + b'\r\n'), (505, b'GET / HTTP/2.0\r\n' + h + b'\r\n'),
        (400, b'GET / HTTP/1.1\r\n' + h + b'A : b\r\n\r\n'), (400, b'GET / HTTP/1.1\r\n' + h + b' folded\r\n\r\n'),
        (400, b'GET / HTTP/1.1\r\n' + h + b'A\r\n\r\n'), (400, b'GET / HTTP/1.1\r\n' + h + b'A: b\0c\r\n\r\n'),
        (400, b'GET / HTTP/1.1\r\n' + h + b'A: b\rc\r\n\r\n'), (400, b'GET index.html HTTP/1.1\r\n' + h + b'\r\n'),
        (400, b'GET /%zz HTTP/1.1\r\n' + h + b'\r\n'), (400, b'GET /a%00b HTTP/1.1\r\n' + h + b'\r\n'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Content-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Content-Length: 1, 1\r\n\r\na'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Content-Length: +1\r\n\r\na'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Transfer-Encoding: chunked\r\n' * 2 + b'\r\n0\r\n\r\n'),
        (400, b'POST /echo HTTP/1.0\r\n' + h + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        (501, b'POST /echo HTTP/1.1\r\n' + h + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n'),
        (400, b'POST /echo HTTP/1.1\r\n' + h + b'Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n'),
        (413, b'POST /echo HTTP/1.1\r\n' + h + b'Content-Length: 1048577\r\n\r\n'),
        (413, b'POST /echo HTTP/1.1\r\n' + h + b'Transfer-Encoding: chunked\r\n\r\n100001\r\n'),
        (417, b'POST /echo HTTP/1.1\r\n' + h + b'Expect: magic\r\nContent-Length: 1\r\n\r\na'),
        (414, b'GET /' + long + b' HTTP/1.1\r\n' + h + b'\r\n'),
        (431, b'GET / HTTP/1.1\r\n' + h + b'A: ' + long * 2 + b'\r\n\r\n'),
        (431, b'GET / HTTP/1.1\r\n' + h + b'A: b\r\n' * 100 + b'\r\n'),
        (501, b'BREW / HTTP/1.1\r\n' + h + b'\r\n'),
        (400, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + os.urandom(64)),
        (400, b'\r\n' * 20), (400, b'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'),
    ]
    with Server('--demo', dir=SITE) as s:
        def one(item):
            status, raw = item
            (r,), closed = ask(s, raw)
            check(r and r.status == status and closed, f'{raw[:80]!r}: wanted {status}, got {r}, closed {closed}')
            check(r.headers.get('connection') == 'close' and len(r.body) > 40, f'{raw[:80]!r}: {r}')
            (r,), closed = ask(s, raw + get('/page.html'))
            check(closed, f'{raw[:80]!r}: went on behind it')
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(one, bad))
        s.alive()
    check('refused' in s.text and 'HOST_MISSING' in s.text, s.text)


@case
def request_bodies_are_decoded_or_passed_over():
    with Server('--demo', dir=SITE) as s:
        body = os.urandom(1 << 20)
        for n in (0, 1, 5, 4096, 65537, len(body)):
            st, hd, got = fetch(s, '/echo', 'POST', body=body[:n])
            check(st == 200 and got == body[:n], f'{n}: {st} {len(got)}')
        (TMP / 'upload').write_bytes(body[:300000])
        for extra in ([], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']):
            r = subprocess.run(['curl', '-sS', '--data-binary', f'@{TMP}/upload', *extra, s.url('/echo')],
                               capture_output=True, timeout=30)
            check(r.returncode == 0 and r.stdout == body[:300000], f'{extra} {r.returncode} {r.stderr} {len(r.stdout)}')
        # a body that nobody wants stands in front of the next request
        raw = b'GET /page.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n' + b'G' * 5000 + get('/empty')
        got, closed = ask(s, raw, 2)
        check([r.status for r in got] == [200, 200] and got[0].body == PAGE and got[1].body == b'' and not closed, got)
        raw = b'POST /page.html HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
        raw += get('/page.html')
        got, closed = ask(s, raw, 2)
        check([r.status for r in got] == [405, 200], got)
        # who waits for a 100 that does not come is told to go
        expect = b'HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
        (r,), closed = ask(s, b'POST /page.html ' + expect)
        check(r.status == 405 and closed, f'{r} {closed}')
        got, _ = ask(s, b'POST /echo ' + expect + b'ab', 2)
        check([r.status for r in got] == [100, 200] and got[1].body == b'ab', got)


@case
def whoami_tells_the_facts():
    with Server('--demo', dir=SITE) as s:
        c = http.client.HTTPConnection('127.0.0.1', s.port, timeout=5)
        for i in (1, 2, 3):
            c.request('GET', '/whoami')
            r = c.getresponse()
            facts = json.loads(r.read())
            check(facts['requests'] == i and facts['state'] == 'ESTABLISHED', facts)
        check(facts['remote']['address'] == '10.0.2.2' and facts['local']['address'] == '10.0.2.15', facts)
        check(facts['states_passed'][-1] == 'ESTABLISHED' and 'SYN-RECEIVED' in facts['states_passed'], facts)
        check(facts['bytes']['in'] > 100 and facts['bytes']['out'] > 400 and facts['retransmissions'] == 0, facts)
        check(0 < facts['rtt_us']['smoothed'] < 1e6 and facts['window']['congestion'] > 1000, facts)
        c.close()
        check(fetch(s, '/probe')[2] == b'ok\n' and fetch(s, '/connection')[0] == 200)


# ---- files that change

@case
def a_changed_file_is_served_anew():
    f = SITE / 'changing.txt'
    with Server(dir=SITE) as s:
        tags = set()
        for text in (b'one', b'two!', b'three', b'and four'):
            new = SITE / 'changing.new'
            new.write_bytes(text)
            os.replace(new, f)
            time.sleep(0.05)
            st, hd, body = fetch(s, '/changing.txt')
            check(body == text, f'{body} is not {text}')
            tags.add(hd['etag'])
        check(len(tags) == 4, tags)
        f.unlink()
        time.sleep(0.05)
        check(fetch(s, '/changing.txt')[0] == 404)


def half_read(server, path, then):
    """Reads some of a response, calls then(), reads the rest: bytes of body that came, that were promised, a hash."""
    with server.connect(rcvbuf=65536, timeout=20) as c:
        c.sendall(get(path))
        got = b''
        while len(got) < 500000:
            got += c.recv(1 << 16)
        then()
        head, rest = got.split(b'\r\n\r\n', 1)
        promised = int(re.search(rb'Content-Length: (\d+)', head)[1])
        n, h = len(rest), hashlib.sha256(rest)
        try:
            while n < promised:
                piece = c.recv(1 << 18)
                if not piece:
                    break
                n += len(piece)
                h.update(piece)
        except ConnectionError:
            pass
        return n, promised, h.hexdigest()


@case
def a_file_that_shrinks_ends_its_connection_and_not_the_server():
    f, text = SITE / 'shrinks.bin', os.urandom(1 << 20) * 20
    with Server(dir=SITE) as s:
        for what, to in (('to nothing', 0), ('to half', len(text) // 2), ('by a byte', len(text) - 1),
                         ('by a page', len(text) - 4096), ('to a bit more than what was read', 600000)):
            f.write_bytes(text)
            time.sleep(0.02)    # a file is believed to be the same for 10 ms
            n, promised, _ = half_read(s, '/shrinks.bin', lambda: os.truncate(f, to))
            check(promised == len(text) and n < promised, f'cut {what}: {n} of {promised} came')
            s.alive()
            time.sleep(0.02)
            status, headers, body = fetch(s, '/shrinks.bin')
            check(status == 200 and len(body) == to, f'cut {what}, asked again: {status}, {len(body)} bytes')
    check('the file had changed' in s.text, s.text)


@case
def a_file_that_is_written_anew_in_place_is_not_passed_off_as_one():
    f, text = SITE / 'anew.bin', os.urandom(1 << 20) * 8
    def anew():
        with open(f, 'r+b') as o:
            o.write(b'x' * len(text))
    def other():
        f.write_bytes(b'y' * len(text))     # truncates first
    with Server(dir=SITE) as s:
        for change in (anew, other):
            f.write_bytes(text)
            time.sleep(0.02)
            n, promised, _ = half_read(s, '/anew.bin', change)
            check(n < promised, f'{change.__name__}: all {n} bytes came')
            s.alive()


@case
def a_file_that_is_removed_replaced_or_appended_to_is_finished():
    f, text = SITE / 'goes.bin', os.urandom(1 << 20) * 8
    right = hashlib.sha256(text).hexdigest()
    def replaced():
        (SITE / 'goes.new').write_bytes(b'new')
        os.replace(SITE / 'goes.new', f)
    def appended():
        with open(f, 'ab') as o:
            o.write(b'more')
    with Server(dir=SITE) as s:
        for change in (f.unlink, replaced, appended):
            f.write_bytes(text)
            time.sleep(0.02)
            n, promised, h = half_read(s, '/goes.bin', change)
            check(n == promised and h == right, f'{change}: {n} of {promised}')
        open_files = os.listdir(f'/proc/{s.p.pid}/fd')
        check(not any('goes.bin' in os.readlink(f'/proc/{s.p.pid}/fd/{fd}') for fd in open_files), 'it stays open')


# ---- bad intentions

@case
def there_is_no_way_out_of_the_directory():
    outside = [
        '/../secret', '/..', '/../', '/sub/../../secret', '/sub/../../../../../../etc/passwd', '/%2e%2e/secret',
        '/%2E%2E/secret',
        '/.%2e/secret', '/%2e./secret', '/..%2fsecret', '/..%5csecret', '/%2e%2e%2fsecret', '/sub/%2e%2e/%2e%2e/secret',
        '//../secret', '/./../secret', '/../site/../secret', '/%252e%252e/secret', '/..%c0%afsecret',
        '/..%00/secret', '/....//secret',
        '/out-relative', '/out-absolute', '/out-dir/secret', '/out-dir/', '/loop', '/out-deep',
        '/proc-self/environ', '/etc/passwd',
        '/sub/link-up/secret', '/..;/secret', '/%2e%2e;/secret', '/..\\secret', '/\\..\\secret', '/out-dangling',
    ]
    with Server(dir=SITE) as s:
        def one(path):
            (r,), _ = ask(s, get(path))
            check(r.status in (400, 403, 404), f'{path}: {r}')
            check(b'secret text' not in r.body and b'root:' not in r.body, f'{path}: {r}')
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(one, outside))
        for path in ('/in-relative', '/sub/in-up', '/in-dir/index.html'):
            check(fetch(s, path)[0] == 200, f'{path}: {fetch(s, path)[0]}')


@case
def who_says_nothing_is_sent_away():
    with Server('--idle-timeout', '1', '--head-timeout', '0.5', '--demo', dir=SITE) as s:
        begun, quiet, served, body = [s.connect() for _ in range(4)]
        start = time.monotonic()
        begun.sendall(b'GET / HTTP/1.1\r\nHo')
        served.sendall(get('/page.html'))
        r = Reader(served)
        check(r.reply().status == 200)
        got = Reader(begun).reply()
        took = time.monotonic() - start
        check(got.status == 408 and 0.4 < took < 1.5, f'{got} after {took}')
        check(Reader(begun).closed())
        check(Reader(quiet).closed() and r.closed(), 'not closed')
        took = time.monotonic() - start
        check(0.9 < took < 2.5, f'idle connections closed after {took}')
        for c in (begun, quiet, served, body):
            c.close()
    check('idle connections closed' in s.text and 'took too long' in s.text, s.text)


@case
def who_reads_slowly_gets_everything():
    with Server('--stall-timeout', '1.5', dir=SITE) as s:
        with s.connect(timeout=30) as c:
            c.sendall(get('/big.bin', 'Connection: close'))
            h, n, start = hashlib.sha256(), 0, time.monotonic()
            while time.monotonic() - start < 8:         # 320 KB a second; the kernel takes 4 MB if it may
                n += len(c.recv(16 << 10))
                time.sleep(0.05)
            check(n < 4 << 20, f'{n} is not slow')
            while piece := c.recv(1 << 20):
                n += len(piece)
            check(n > BIG_SIZE, f'{n} of {BIG_SIZE} came')
    check('given up' not in s.text and ' 0 segments sent again' in s.text, s.text)


@case
def who_was_answered_early_hears_no_second_answer():
    with Server(dir=SITE) as s:
        (r,), closed = ask(s, b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n')
        check(r.status == 405 and not closed, r)
        (r,), closed = ask(s, b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n')
        check(r.status == 413 and closed, r)


@case
def names_with_a_dot_in_front_are_not_shown():
    with Server(dir=SITE) as s:
        for path, status in (('/.env', 404), ('/sub/.git/config', 404), ('/%2eenv', 404), ('/.well-known/x', 200)):
            check(fetch(s, path)[0] == status, f'{path}: {fetch(s, path)[0]}')


@case
def who_takes_nothing_is_sent_away():
    with Server('--stall-timeout', '1', dir=SITE) as s:
        with s.connect(rcvbuf=4096) as c:
            c.sendall(get('/big.bin'))
            time.sleep(4)
            s.alive()
            n = 0
            try:
                while True:
                    piece = c.recv(1 << 20)
                    n += len(piece)
                    if not piece:
                        break
            except ConnectionError:
                pass
            check(n < BIG_SIZE, 'all came')
    check('1 response given up: its client took nothing for 1 s' in s.text, s.text)


@case
def many_who_dribble_do_not_keep_others_out():
    with Server('--conns', '64', '--head-timeout', '1', dir=SITE) as s:
        slow = [s.connect() for _ in range(64)]
        stop = threading.Event()
        def dribble():
            for byte in b'GET / HTTP/1.1\r\nX: ' + b'y' * 200:
                for c in slow:
                    try:
                        c.send(bytes([byte]))
                    except OSError:
                        pass
                if stop.wait(0.1):
                    return
        t = threading.Thread(target=dribble)
        t.start()
        time.sleep(0.3)
        statuses, start = [], time.monotonic()
        while time.monotonic() - start < 4 and 200 not in statuses:
            try:
                statuses.append(ask(s, get('/page.html'))[0][0].status)
            except (OSError, AttributeError):
                statuses.append(0)
            time.sleep(0.1)
        stop.set()
        t.join()
        for c in slow:
            c.close()
        check(200 in statuses, f'only {statuses}')


@case
def too_many_connections_are_told_so_and_idle_ones_make_room():
    with Server('--conns', '8', dir=SITE) as s:
        busy = []
        for _ in range(8):
            c = s.connect()
            c.sendall(b'GET /')
            busy.append(c)
        time.sleep(0.2)
        (r,), closed = ask(s, get('/page.html'))
        check(r.status == 503 and closed and 'retry-after' in r.headers, r)
        for c in busy:
            c.sendall(b'page.html HTTP/1.1\r\nHost: a\r\n\r\n')
            check(Reader(c).reply().status == 200)
        time.sleep(0.05)        # libslirp acknowledges after 2 ms; until then they are not idle
        new = []
        for _ in range(8):      # the eight are idle now
            c = s.connect()
            c.sendall(get('/page.html'))
            check(Reader(c).reply().status == 200, 'no room was made')
            new.append(c)
            time.sleep(0.02)
        for c in busy + new:
            c.close()
    check('turned away' in s.text and 'to make room' in s.text, s.text)


@case
def clients_that_break_off_leave_nothing_behind():
    with Server('--demo', dir=SITE) as s:
        random.seed(3)
        for i in range(300):
            c = s.connect()
            c.sendall(random.choice([b'', b'GET', get('/big.bin'), get('/med.bin') * 20, get('/page.html') * 3 + b'GE',
                                     b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nzzz']))
            if i % 3 == 0:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            if i % 2:
                c.recv(random.choice([1, 1000, 100000])) if i % 4 == 1 and False else time.sleep(0.001)
            c.close()
        s.alive()


@case
def random_bytes_do_no_harm():
    with Server('--demo', dir=SITE) as s:
        random.seed(4)
        words = [b'GET ', b'POST ', b'/', b'/page.html', b'/echo', b' HTTP/1.1', b'\r\n', b'\n', b'Host: a',
                 b'Content-Length: ', b'5',
                 b'Transfer-Encoding: chunked', b'\r\n\r\n', b'%2e', b'..', b':', b' ', b'\0', b'\xff' * 10,
                 b'a' * 300, b'0\r\n\r\n']
        def one(seed):
            r = random.Random(seed)
            with s.connect(timeout=1) as c:
                try:
                    for _ in range(r.randrange(1, 6)):
                        c.sendall(b''.join(r.choice(words) for _ in range(r.randrange(1, 60))))
                except ConnectionError:
                    pass
                c.shutdown(socket.SHUT_WR) if r.random() < 0.5 and c.fileno() > 0 else None
                try:
                    while c.recv(65536):
                        pass
                except (TimeoutError, ConnectionError):
                    pass
        def safe(seed):
            try:
                one(seed)
            except OSError:
                pass
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(safe, range(400)))
        s.alive()


# ---- the command line, and the end

def refused(status, says, *words):
    r = run(BIN, *words)
    check(r.returncode == status and says in r.stderr, f'{words}: exit {r.returncode}: {r.stderr!r}')
    check(len(r.stderr.splitlines()) == 1, f'{words}: more than a line: {r.stderr!r}')


@case
def what_is_wrong_is_said_in_one_line():
    refused(2, 'no option "--nope"; see leat help serve', 'serve', '--nope')
    refused(2, 'number from 0 to 65535', 'serve', '--port', '70000')
    refused(2, 'number from 0 to 65535', 'serve', '--port=8o80')
    refused(2, 'a value must follow "--port"', 'serve', '--port')
    refused(2, 'one word too many', 'serve', 'a', 'b')
    refused(2, '--poll is adaptive, busy or sleep', 'serve', '--poll', 'never')
    refused(2, 'not an IPv4 address', 'serve', '--bind', 'localhost')
    refused(2, 'no command "swim"', 'swim')
    refused(2, 'no command "swim"', 'help', 'swim')
    refused(1, 'name a directory', 'serve', '/does/not/exist')
    refused(1, 'name a directory', 'serve', '/etc/passwd')
    if os.geteuid():
        refused(1, 'name a directory you may read', 'serve', SITE / 'closed')
    refused(2, '--stall-timeout is from 0.1 to 86400 seconds', 'serve', '--stall-timeout', '0')
    refused(2, 'there are: slirp', 'serve', '--net', 'carrier-pigeon')
    refused(2, 'said twice', 'serve', '--port', '1', '--port', '2')
    refused(2, 'from 576 to 65521', 'serve', '--net', 'slirp,mtu=5')
    refused(2, 'stands there twice', 'serve', '--net', 'tap:a,mtu=1500,mtu=1500')
    refused(1, 'needs an address; add ,ip=', 'serve', '--net', 'wire:/tmp/leat-nowhere')
    refused(2, 'a cable has two ends', 'wire', 'a')
    refused(2, '--loss is a chance such as 1%', 'wire', 'a', 'b', '--loss', 'often')
    refused(2, '--rate is a rate such as 100mbit', 'wire', 'a', 'b', '--rate', '5')
    refused(2, '--delay is a time such as 20ms', 'wire', 'a', 'b', '--delay', '20')
    refused(2, 'no link of kind "foo"', 'wire', 'foo:a', 'b')
    refused(2, 'say an IPv4 address', 'ping', 'somebody')
    refused(2, 'no link of kind "foo"', 'ip', '--net', 'foo')
    refused(1, 'choose an address with --bind', 'serve', '--port', '0', '--bind', '192.0.2.1')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        refused(1, f'port {port} of 127.0.0.1 is taken; choose another with --port', 'serve', '--port', port)
    for words in (['help'], ['help', 'serve'], ['--help'], ['net', 'help'], ['serve', '--help'], ['version'],
                  ['--version']):
        r = run(BIN, *words)
        check(r.returncode == 0 and 'leat' in r.stdout and not r.stderr, f'{words}: {r}')
    check(run(BIN).returncode == 2)
    version = re.search(r"version: '([\d.]+)'", (ROOT / 'meson.build').read_text())[1]
    check(run(BIN, 'version').stdout == f'leat {version}\n', run(BIN, 'version').stdout)


@case
def it_ends_in_good_order():
    with Server(dir=SITE) as s:         # in the middle of a response to somebody who does not read
        stuck, idle = s.connect(rcvbuf=4096), s.connect()
        stuck.sendall(get('/big.bin'))
        idle.sendall(get('/page.html'))
        check(Reader(idle).reply().status == 200)
        time.sleep(0.2)
        start = time.monotonic()
        s.p.send_signal(signal.SIGTERM)
        s.p.wait(10)
        check(time.monotonic() - start < 5, 'it took too long')
        stuck.close()
        idle.close()
    check('1 response cut off' in s.text, s.text)
    with Server(dir=SITE) as s:         # a response under way is finished
        with s.connect(rcvbuf=1 << 16) as c:
            c.sendall(get('/big.bin'))
            got = len(c.recv(1000))
            s.p.send_signal(signal.SIGINT)
            while True:
                piece = c.recv(1 << 20)
                got += len(piece)
                if not piece:
                    break
            check(got > BIG_SIZE, f'{got} of {BIG_SIZE} came')
    check(re.search(r' 1 connection .* 1 request, 100\.0 MiB sent', s.text), s.text)


@case
def verbose_writes_a_line_a_request():
    with Server('--verbose', dir=SITE) as s:
        fetch(s, '/page.html')
        fetch(s, '/nothing')
        ask(s, b'junk\r\n\r\n')
    check(re.search(r'10\.0\.2\.2:\d+ GET /page.html 200 \d+\n', s.text), s.text)
    check(re.search(r'GET /nothing 404 \d+\n', s.text) and re.search(r' - - 400 \d+\n', s.text), s.text)


@case
def each_way_of_polling_serves():
    for mode in ('busy', 'sleep'):
        with Server('--poll', mode, dir=SITE) as s:
            check(fetch(s, '/med.bin')[2] == MED)


# ---- the stage

def small(i):
    return f'small file number {i}\n'.encode() * (i % 40 + 1)


def make_site():
    """The directory that is served, what lies beside it, and what it must not lead to."""
    global BIN, SITE, PAGE, MED, BIG, BIG_SIZE
    (TMP / 'build').mkdir()
    (TMP / 'examples').mkdir()
    BIN = TMP / 'build/leat'
    shutil.copy2(LEAT, BIN)
    shutil.copytree(ROOT / 'examples/site', TMP / 'examples/site')
    SITE = TMP / 'site'
    for d in ('', 'sub', 'sub/.git', '.well-known', 'many', 'sp ace', 'closed'):
        (SITE / d).mkdir()
    PAGE, MED = b'<h1>page</h1>\n' * 40, os.urandom(20000)
    files = {
        'index.html': b'home\n', 'sub/index.html': b'sub\n', 'page.html': PAGE, 'med.bin': MED, 'empty': b'',
        '.env': b'x', 'sub/.git/config': b'x', '.well-known/x': b'x',
        'sp ace/ü &.txt': b'umlaut\n', 'secret.txt': b'secret text\n', 'closed/x': b'x',
    }
    for name, text in files.items():
        (SITE / name).write_bytes(text)
    (SITE / 'secret.txt').chmod(0)
    (SITE / 'closed').chmod(0)
    os.mkfifo(SITE / 'fifo')
    for i in range(2000):
        (SITE / f'many/{i}.txt').write_bytes(small(i))
    h, piece = hashlib.sha256(), os.urandom(1 << 20)
    with open(SITE / 'big.bin', 'wb') as f:
        for i in range(100):
            line = piece[i:] + piece[:i]
            f.write(line)
            h.update(line)
    BIG, BIG_SIZE = h.hexdigest(), 100 << 20
    (TMP / 'secret').write_text('secret text\n')
    links = {
        'out-relative': '../secret', 'out-absolute': TMP / 'secret', 'out-dir': '..', 'loop': 'loop',
        'out-deep': 'sub/../../secret', 'proc-self': '/proc/self', 'sub/link-up': '../..', 'out-dangling': '../nothing',
        'in-relative': 'page.html', 'sub/in-up': '../page.html', 'in-dir': 'sub',
    }
    for name, to in links.items():
        os.symlink(to, SITE / name)


def attempt(f):
    start, error = time.monotonic(), None
    try:
        f()
    except Exception as e:
        error = f'{type(e).__name__}: {e}'
    return f, error, time.monotonic() - start


def main(words):
    global TMP
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, files[1]), files[1]))
    failed = 0
    with tempfile.TemporaryDirectory(prefix='leat-serve-') as tmp:
        TMP = pathlib.Path(tmp)
        TMP.chmod(0o755)
        make_site()
        if os.geteuid() == 0:
            for top, dirs, names in os.walk(SITE):
                for name in dirs + names:
                    os.chown(os.path.join(top, name), 0, 0, follow_symlinks=False)
        chosen = [f for f in CASES if not words or any(w in f.__name__ for w in words)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:      # most of them wait most of the time
            for f, error, seconds in pool.map(attempt, chosen):
                failed += error is not None
                print(f'{"not ok" if error else "ok"} - {f.__name__.replace("_", " ")} ({seconds:.1f} s)')
                for line in (error or '').splitlines()[:12]:
                    print(f'# {line[:600]}')
                sys.stdout.flush()
        (SITE / 'closed').chmod(0o755)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
