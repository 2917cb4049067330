#!/usr/bin/env python3
"""Every global starts with its module's name, the core has no variables, and libleat.so shows the ABI alone.

usage: symbols.py BUILD [MODULE...]        prints one TAP line a module

A global of module tcp starts with `tcp_`.  In base, which is many small things, it starts with the name of a header of
base or of a struct that such a header defines (`pkt_new`, `pool_init`), or is that name (`fmt`).  Of a
driver or a platform it is the folder's own name or the file's (`slirp_`, `port_`).  `leat_` is the ABI: it may be
defined where the door is (sock, ring) and outside the core.
"""
import pathlib, re, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tools'))
import law

ABI = ('sock', 'ring')
# flags, section and name of a line of `objdump -t`
SYMBOL = re.compile(r'^[0-9a-f]+ (?P<flags>.{7}) (?P<section>\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(?P<name>\S+)$')
MACHINERY = re.compile(r'^(__(gnu_lto|asan|ubsan|odr_asan|sanitizer|gcov|sancov|start|stop)|\.L|asan\.|_GLOBAL_|\.\w+$|'
                       r'\w+\.c\.[0-9a-f]{8}$)')


def prefixes(module, folder, kind):
    if module == 'base':
        names = []
        for h in (law.ROOT / folder).glob('*.h'):
            names += [h.stem] + re.findall(r'^struct (\w+) \{', h.read_text(), flags=re.M)
    else:
        names = module.split('/')
        if kind != 'core':
            names += [f.stem for f in (law.ROOT / folder).glob('*.[ch]')]
    if module in ABI or kind != 'core':
        names += ['leat']
    if kind == 'platform':
        names += ['assert']                   # assert_fail() of base is weak: a platform prints first
    return re.compile(rf'^({"|".join(sorted(set(names)))})(_|$)'), ' or '.join(sorted(set(names))[:6])


def check(archive, module, folder, kind):
    wrong = []
    good, said = prefixes(module, folder, kind)
    text = subprocess.run(['objdump', '-t', str(archive)], text=True, capture_output=True, check=True).stdout
    for m in filter(None, map(SYMBOL.match, text.splitlines())):
        flags, section, name = m['flags'], m['section'], m['name']
        if section == '*UND*' or MACHINERY.match(name) or 'd' in flags or 'f' in flags:
            continue
        if flags[0] != 'l' and flags.strip() and not good.match(name):
            wrong.append(f'{name} does not start with {said}')
        writable = re.match(r'\.(bss|data|tbss|tdata)', section) and not section.startswith('.data.rel.ro')
        if kind == 'core' and (writable or section == '*COM*'):
            wrong.append(f'{name} is a variable ({section}); the core has none: all state hangs off a struct handed in')
    return wrong


def exports(so):
    text = subprocess.run(['nm', '-D', '--defined-only', str(so)], text=True, capture_output=True, check=True).stdout
    names = [line.split()[-1].split('@')[0] for line in text.splitlines()]
    return [f'{so.name} exports {n}, which is not of the ABI' for n in names if not n.startswith('leat_')]


def main(build, only):
    modules, _ = law.read(build)
    results = []
    for module, (folder, kind, sees) in modules.items():
        archive = pathlib.Path(build, f'lib{module.replace("/", "_")}.a')
        if kind in ('core', 'hosted', 'platform') and archive.exists() and (not only or module in only):
            results.append((f'the globals of {module}', check(archive, module, folder, kind)))
    so = pathlib.Path(build, 'libleat.so')
    if so.exists() and not only:
        results.append(('libleat.so shows the ABI alone', exports(so)))
    for n, (what, wrong) in enumerate(results, 1):
        print(f'{"not ok" if wrong else "ok"} {n} - {what}')
        print(''.join(f'# {w}\n' for w in wrong), end='')
    print(f'1..{len(results)}')
    return 1 if any(wrong for _, wrong in results) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
