#!/usr/bin/env python3
"""Every header compiles alone, twice over, with just what its module sees.

usage: headers.py BUILD [MODULE...]        prints one TAP line a header
"""
import concurrent.futures, os, pathlib, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tools'))
import law


def compiles(build, compiler, module, folder, header):
    text = f'#include "{module}/{header.name}"\n' * 2 + 'extern int nothing_else;\n'
    r = subprocess.run(compiler + ['-iquote', str(law.folder_of(build, module)), '-fsyntax-only', '-x', 'c', '-'],
                       input=text, text=True, capture_output=True)
    return f'{folder}/{header.name}', r.returncode == 0, r.stderr


def main(build, only):
    modules, compilers = law.read(build)
    jobs = []
    for module, (folder, kind, sees) in modules.items():
        for h in sorted((law.ROOT / folder).glob('*.h')):
            if kind == 'plugin' and h.stem.endswith('_int'):
                continue                     # needs what the plug-in needs, which may not be here
            if not only or module in only:
                # Of the ABI the core includes the ring; the rest is for programs, which have a C library.
                core = kind in ('core', 'headers') and (module != 'leat' or h.name == 'ring.h')
                jobs.append((build, compilers['core' if core else 'hosted'], module, folder, h))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda j: compiles(*j), jobs))
    for n, (what, good, err) in enumerate(results, 1):
        print(f'{"ok" if good else "not ok"} {n} - {what} compiles alone')
        if not good:
            print(''.join(f'# {line}\n' for line in err.splitlines()), end='')
    print(f'1..{len(results)}')
    return 0 if all(good for _, good, _ in results) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
