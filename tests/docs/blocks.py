#!/usr/bin/env python3
"""Every block of code in a document is one that something checks.

usage: blocks.py            prints one TAP line a document

    ```c         begins with /* file */ and quotes it (tests/docs/quotes.py), or compiles here against include/ alone
    ```sh        is shell, and asks make for nothing but its verbs; the README's are run (tests/interop/readme.py)
    ```text      is a picture, a table or what a program answers: nothing is claimed
"""
import pathlib, re, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CC = ['cc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', str(ROOT / 'include'), '-x', 'c', '-']


def refused(command, text):
    r = subprocess.run(command, input=text, text=True, capture_output=True)
    return r.stderr.strip().splitlines()[:5] if r.returncode else []


def c_errors(body):
    quoted = re.match(r'\s*/\* ([\w./-]+\.[ch]) \*/\n', body)
    return [] if quoted and (ROOT / quoted[1]).exists() else refused(CC, body)


def sh_errors(body):
    verbs = set(re.findall(r'^([a-z]+):.*##', (ROOT / 'Makefile').read_text(), flags=re.M))
    asked = re.findall(r'^\s*(?:\w+=\S+ )*make ([a-z]+)', body, flags=re.M)
    return refused(['bash', '-n'], body) + [f'make has no verb {v}' for v in asked if v not in verbs]


CHECKS = {'c': c_errors, 'sh': sh_errors, 'text': lambda body: []}


def errors_of(text):
    fences = re.findall(r'^ *```', text, flags=re.M)
    if len(fences) % 2:
        yield 'a block does not end'
        return
    for n, (kind, body) in enumerate(re.findall(r'^ *```([^\n]*)\n(.*?)^ *```', text, flags=re.M | re.S), 1):
        if kind not in CHECKS:
            yield f'block {n} is "{kind}"; say ' + ', '.join(CHECKS)
        else:
            yield from (f'block {n}: {e}' for e in CHECKS[kind](body))


def main():
    docs = sorted(ROOT.glob('*.md')) + sorted((ROOT / 'docs').rglob('*.md'))
    failed = 0
    for n, doc in enumerate(docs, 1):
        errors = list(errors_of(doc.read_text()))
        failed += bool(errors)
        print(f'{"not ok" if errors else "ok"} {n} - the blocks of {doc.relative_to(ROOT)}')
        print(''.join(f'# {e}\n' for e in errors), end='')
    print(f'1..{len(docs)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
