#!/usr/bin/env python3
"""law: turns the ordered module list of meson.build into one include folder a module.

usage: law.py BUILD 'NAME FOLDER KIND SEES,...' ... 'KIND: COMPILER FLAG ...' ...

For each module M writes BUILD/law/M, in which there is M itself and what M names, and nothing else:

    build/law/ip/base -> src/base      build/law/ip/wire -> src/wire      build/law/ip/ip -> src/ip

so that `#include "tcp/tcp.h"` in ip/ is "No such file" to the compiler.  A module that has others below its folder
(port has port/linux) shows only its own headers.  BUILD/law/modules keeps the arguments for the tests in tests/law.
"""
import pathlib, shutil, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse(lines):
    """({module: (folder, kind, [seen])}, {kind: [compiler, flags]}) of the lines above, in their order."""
    modules, compilers = {}, {}
    for line in lines:
        words = line.split()
        if words[0].endswith(':'):
            compilers[words[0][:-1]] = words[1:]
        else:
            name, folder, kind, sees = (words + [''])[:4]
            modules[name] = (folder, kind, sees.split(',') if sees else [])
    return modules, compilers


def read(build):
    return parse(pathlib.Path(build, 'law/modules').read_text().splitlines())


def folder_of(build, module):
    return pathlib.Path(build, 'law', module.replace('/', '-'))


def show(law, name, folder, nested):
    """Makes `name/...` findable below the include folder `law`."""
    at = law / name
    at.parent.mkdir(parents=True, exist_ok=True)
    source = ROOT / folder
    if nested or at.is_dir():
        at.mkdir(exist_ok=True)
        for h in sorted(source.glob('*.h')):
            (at / h.name).symlink_to(h)
    else:
        at.symlink_to(source)


def main(build, lines):
    modules, _ = parse(lines)
    top = pathlib.Path(build) / 'law'
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for name, (folder, kind, sees) in modules.items():
        law = folder_of(build, name)
        law.mkdir()
        for seen in sorted(set(sees + [name])):
            show(law, seen, modules[seen][0], any(m.startswith(seen + '/') for m in modules))
    (top / 'modules').write_text(''.join(f'{line}\n' for line in lines))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
