#!/usr/bin/env python3
"""A long time of mixed load on the boot image: short and kept connections, large files, clients that go away.

usage: soak.py MINUTES MACHINE NIC        prints a line a minute

At each minute the load stops for a moment, and what is free must be what was free at the first: frames, memory.
"""
import os, pathlib, re, socket, subprocess, sys, tempfile, time

import boot


def free(g):
    """(frames free, memory left), once the last connections have ended."""
    for _ in range(50):
        n = len(g.lines)
        g.key('s')
        for _ in range(50):
            m = [re.search(r'frames free (\d+) of (\d+), at least \d+; memory left (\d+)', x) for x in g.lines[n:]]
            if any(m):
                break
            time.sleep(.1)
        m = [x for x in m if x][-1]
        if not hasattr(g, 'rest') or (int(m[1]), int(m[3])) == g.rest:
            return int(m[1]), int(m[3])
        time.sleep(1)
    return int(m[1]), int(m[3])


def leave(g, n):
    """Clients that ask and do not wait."""
    for _ in range(n):
        with socket.create_connection(('127.0.0.1', g.port), timeout=10) as s:
            s.send(b'GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
            s.recv(1000)


def main(minutes, machine, nic):
    with tempfile.TemporaryDirectory(prefix='leat-soak-') as name:
        tmp = pathlib.Path(name)
        (tmp / 'site').mkdir()
        (tmp / 'site/index.html').write_bytes(b'x' * 600)
        (tmp / 'site/large.bin').write_bytes(os.urandom(4 << 20))
        tar = boot.tar_of(tmp / 'site', tmp / 'site.tar')
        with boot.Guest(machine, nic, initrd=tar, mem=32) as g:
            boot.ab(g, 100, 10)
            g.rest = free(g)
            print(f'soak: at the start {g.rest[0]} frames and {g.rest[1]} bytes are free', flush=True)
            begun, requests = time.monotonic(), 0
            for minute in range(1, int(minutes) + 1):
                while time.monotonic() - begun < minute * 60:
                    boot.ab(g, 2000, 50, path='index.html')
                    boot.ab(g, 2000, 20, keep=True, path='index.html')
                    boot.same_files(g, tmp / 'site')
                    leave(g, 10)
                    requests += 4012
                now = free(g)
                print(f'soak: {minute} min, {requests} requests; free: {now[0]} frames, {now[1]} bytes', flush=True)
                boot.check(now == g.rest, f'at the start it was {g.rest}')
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
