#!/usr/bin/env python3
"""The examples do what their first lines say: four echoes in four styles, and a reactor.

usage: examples.py            prints one line a case; $BUILD is the folder of the programs
"""
import os, pathlib, random, socket, subprocess, sys, threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD', 'build'))
ECHOES = ('echo-blocking', 'echo-epoll', 'echo-ring', 'echo-coroutine')
BYTES, AT_ONCE, LINES_MAX = 200_000, 5, 100
failed = 0


def case(what, good):
    global failed
    failed += not good
    print(f'{"ok" if good else "not ok"} - {what}', flush=True)


def start(name):
    p = subprocess.Popen([BUILD / name, '0'], stdout=subprocess.PIPE, text=True)
    host, port = p.stdout.readline().strip().split(':')
    return p, (host, int(port))


def talk(at, data):
    """What comes back for `data`, read to the end."""
    got = bytearray()
    with socket.create_connection(at, timeout=20) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        while part := s.recv(65536):
            got += part
        sender.join()
    return bytes(got)


def echo(name):
    p, at = start(name)
    try:
        data = [random.Random(i).randbytes(BYTES) for i in range(AT_ONCE)]
        got = [b''] * AT_ONCE
        threads = [threading.Thread(target=lambda i=i: got.__setitem__(i, talk(at, data[i]))) for i in range(AT_ONCE)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        case(f'{name} sends back what {AT_ONCE} connections send at once', got == data)
        case(f'{name} goes on afterwards', talk(at, b'again') == b'again')
    finally:
        p.kill()
        p.wait()


def reactor():
    p, at = start('reactor')
    try:
        want = b'1 HELLO\n2 WORLD\n'
        case('the reactor runs each line through its handlers',
             all(talk(at, b'hello\nworld\n') == want for _ in range(6)))
    finally:
        p.kill()
        p.wait()


def main():
    if not (BUILD / ECHOES[0]).exists():
        print('skipped: the examples are built with the shared library only')
        return 77
    for name in ECHOES:
        lines = (ROOT / 'examples' / f'{name}.c').read_text().count('\n')
        case(f'{name} is written in {lines} lines, under {LINES_MAX}', lines < LINES_MAX)
        echo(name)
    reactor()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
