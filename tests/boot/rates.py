#!/usr/bin/env python3
"""Requests a second and time to the first answer: the boot image beside a Linux guest, on the same QEMU line.

usage: rates.py [--seconds N] [--rounds N] [MACHINE/NIC ...]        prints a table

The Linux guest is a Debian kernel below $LINUX (a folder with boot/ and lib/modules/, "/" by default; where there is
none, the package linux-image-cloud-amd64 is fetched and unpacked into $BUILD/linux), with tests/boot/guest_init.c as
its only program.  Both answer the same client (tests/boot/load.c) with a body of 600 bytes, in turns, because the
machine below is never quiet.
"""
import os, pathlib, re, subprocess, sys, tempfile

import boot

CONNS = 1, 16, 64
MODULES = ('virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci', 'failover',
           'net_failover', 'virtio_net')


def compiled(source, to, *flags):
    subprocess.run(['cc', '-O2', *flags, '-o', str(to), str(boot.ROOT / 'tests/boot' / source)], check=True)
    return to


def kernel_below(root):
    found = sorted((root / 'boot').glob('vmlinuz-*cloud-amd64'))
    return found[-1] if found else None


def fetched():
    to = boot.BUILD / 'linux'
    to.mkdir(exist_ok=True)
    if not kernel_below(to):
        depends = subprocess.run(['apt-cache', 'depends', 'linux-image-cloud-amd64'], capture_output=True,
                                 text=True).stdout
        package = re.search(r'linux-image-\S+-cloud-amd64', depends.split('\n', 1)[1])[0]
        subprocess.run(['apt-get', 'download', package], cwd=to, check=True, capture_output=True)
        for deb in to.glob('*.deb'):
            subprocess.run(['dpkg', '-x', str(deb), str(to)], check=True)
            deb.unlink()
    return to


def linux(tmp):
    """(kernel, initramfs) or None."""
    root = pathlib.Path(os.environ.get('LINUX', '/'))
    try:
        root = root if kernel_below(root) else fetched()
    except (OSError, subprocess.CalledProcessError, TypeError) as e:
        print(f'# no Linux to compare with: {e}')
        return None
    kernel = kernel_below(root)
    modules = root / 'lib/modules' / kernel.name.removeprefix('vmlinuz-')
    ram = tmp / 'ram'
    ram.mkdir()
    compiled('guest_init.c', ram / 'init', '-static')
    names = []
    for name in MODULES:
        for p in modules.rglob(f'{name}.ko*'):
            if p.suffix == '.xz':
                (ram / f'{name}.ko').write_bytes(subprocess.run(['xz', '-dc', str(p)], check=True,
                                                                capture_output=True).stdout)
            else:
                (ram / f'{name}.ko').write_bytes(p.read_bytes())
            names.append(f'/{name}.ko')
    (ram / 'modules.txt').write_text('\n'.join(names) + '\n')
    with open(tmp / 'initramfs', 'wb') as f:
        subprocess.run('find . | cpio -o -H newc --quiet', shell=True, cwd=ram, stdout=f, check=True)
    return kernel, tmp / 'initramfs'


class Linux(boot.Guest):
    def __init__(self, made, nic='virtio', **more):
        super().__init__('pc', nic, image=made[0], initrd=made[1], mem=256,
                         append='console=ttyS0 quiet mitigations=off', **more)

    def __exit__(self, *_):
        self.stop()


def first_answer(make):
    with make(wait=None) as g:
        took = g.first_answer()
        g.wait_for('serving')
        return took


def rate(load, g, conns, seconds):
    out = subprocess.run([str(load), str(g.port), str(conns), str(seconds), 'index.html'], capture_output=True,
                         text=True, timeout=seconds + 60)
    boot.check(out.returncode == 0, out.stderr)
    answers, failed = out.stdout.split()
    boot.check(failed == '0', f'{failed} failed')
    return float(answers)


def main(args):
    seconds = int(args[args.index('--seconds') + 1]) if '--seconds' in args else 3
    rounds = int(args[args.index('--rounds') + 1]) if '--rounds' in args else 3
    wanted = [a for a in args if '/' in a] or ['microvm/virtio', 'pc/virtio', 'pc/e1000']
    with tempfile.TemporaryDirectory(prefix='leat-rates-') as name:
        tmp = pathlib.Path(name)
        load = compiled('load.c', tmp / 'load')
        (tmp / 'site').mkdir()
        (tmp / 'site/index.html').write_bytes(b'x' * 600)
        tar = boot.tar_of(tmp / 'site', tmp / 'site.tar')
        made = linux(tmp)
        guests = {'linux pc/virtio': lambda **more: Linux(made, **more)} if made else {}
        for w in wanted:
            m, n = w.split('/')
            guests[f'leat {w}'] = lambda m=m, n=n, **more: boot.Guest(m, n, initrd=tar, **more)
        print(f'{"":22}{"first answer":>14}' + ''.join(f'{c:>9} conns' for c in CONNS))
        best = {k: [9e9] + [0] * len(CONNS) for k in guests}
        for _ in range(rounds):
            for k, make in guests.items():
                best[k][0] = min(best[k][0], first_answer(make))
                with make() as g:
                    for i, c in enumerate(CONNS):
                        best[k][i + 1] = max(best[k][i + 1], rate(load, g, c, seconds))
        for k, (first, *rates) in best.items():
            print(f'{k:22}{first * 1000:>11.0f} ms' + ''.join(f'{r:>13.0f}/s' for r in rates))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
