#!/usr/bin/env python3
"""The manual pages say what the headers say, and are well-formed.

usage: man.py            prints one TAP line a claim

The pages whose SYNOPSIS includes <leat/x.h> together declare each function of that header, word for word, and name
each LEAT_ word of it; what they name is there.  An example (between .EX and .EE) compiles.  mandoc has
no complaint (left out where there is no mandoc).
"""
import pathlib, re, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / 'docs/man').glob('*.[1-9]'))
CC = ['cc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', str(ROOT / 'include'), '-x', 'c', '-']
# Words of leat/leat.h that another header's functions are explained by.
OTHERS = {'go.h': {'LEAT_FOREVER'}}
INNER = re.compile(r'^(LEAT_OP_N|LEAT_\w+_H)$')      # no business of a reader


def squeeze(text):
    return re.sub(r'\s+|(?<=[(*,]) ', ' ', text).replace('* ', '*').replace('( ', '(').replace(' )', ')').strip()


def plain(page):
    """A page as text: escapes and macros gone, arguments joined."""
    out = []
    for line in page.splitlines():
        if line.startswith('.\\"'):
            continue
        m = re.match(r'\.(B|I|BR|BI|RB|RI|IR|IB)\s+(.*)', line)
        if m:
            words = re.findall(r'"([^"]*)"|(\S+)', m[2])
            line = ('' if len(m[1]) == 2 else ' ').join(a or b for a, b in words)
        out.append(re.sub(r'\\f.', '', line).replace('\\-', '-').replace('\\(', '('))
    return '\n'.join(out)


def header_of(page):
    m = re.search(r'#include <(leat/\w+\.h)>', page)
    return ROOT / 'include' / m[1] if m else None


def synopsis_errors(pages, header):
    code = re.sub(r'/\*.*?\*/', ' ', header.read_text(), flags=re.S)
    shown = ' '.join(squeeze(plain(page.split('.SH SYNOPSIS')[1].split('.SH ')[0])) for page in pages)
    for proto in re.findall(r'^[\w *]+?\b\**leat_\w+\([^;{]*\);', code, flags=re.M):
        if squeeze(proto) not in shown:
            yield f'the synopsis lacks: {squeeze(proto)}'


def word_errors(pages, header):
    page = '\n'.join(pages)
    code = re.sub(r'/\*.*?\*/', ' ', header.read_text(), flags=re.S)
    there = {w for w in re.findall(r'\b(LEAT_\w+)', code) if not INNER.match(w)}
    said = set(re.findall(r'\b(LEAT_\w+)', plain(page)))
    title = set(re.findall(r'^\.TH (\w+)', page, flags=re.M))
    yield from (f'does not say what {w} is' for w in sorted(there - said))
    yield from (f'{w} is not in {header.name}' for w in sorted(said - there - title - OTHERS.get(header.name, set())))


def example_errors(page):
    for n, body in enumerate(re.findall(r'^\.EX\n(.*?)^\.EE', page, flags=re.M | re.S), 1):
        body = body.replace('\\e', '\\').replace('\\-', '-')
        r = subprocess.run(CC, input=body, text=True, capture_output=True)
        yield from (f'example {n}: {line}' for line in r.stderr.splitlines()[:5])


def lint_errors(path):
    r = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', str(path)], text=True, capture_output=True)
    return (r.stdout + r.stderr).splitlines()


def main():
    n = failed = 0

    def report(what, errors):
        nonlocal n, failed
        errors = list(errors)
        n, failed = n + 1, failed + bool(errors)
        print(f'{"not ok" if errors else "ok"} {n} - {what}')
        print(''.join(f'# {e}\n' for e in errors), end='')

    of_header = {}
    for path in PAGES:
        page = path.read_text()
        if header_of(page):
            of_header.setdefault(header_of(page), []).append((path.name, page))
    for header, pages in of_header.items():
        names = ', '.join(name for name, _ in pages)
        texts = [page for _, page in pages]
        report(f'{names}: declared is what {header.name} declares', synopsis_errors(texts, header))
        report(f'{names}: named is what {header.name} names', word_errors(texts, header))
    for path in PAGES:
        page = path.read_text()
        if re.search(r'^\.EX', page, flags=re.M):
            report(f'the examples of {path.name} compile', example_errors(page))
        if shutil.which('mandoc'):
            report(f'{path.name} is well-formed', lint_errors(path))
    print(f'1..{n}')
    return 1 if failed or not PAGES else 0


if __name__ == '__main__':
    sys.exit(main())
