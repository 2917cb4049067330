#!/usr/bin/env python3
"""What the documents quote and link to is really there.

usage: quotes.py            prints one TAP line a document

A block ```c that begins with `/* src/x/y.h */` quotes that file: its lines stand there, one after the other, where a
line `...` stands for any number of lines.  Blanks at the ends and runs of blanks do not count, nor does a comment at
the end of a line that the quote leaves out.  A relative link names a file of the tree, and a heading in it when it
ends in #heading.  What sources say of docs/ is there as well.
"""
import pathlib, re, sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def plain(line):
    return ' '.join(line.split())


def same(quoted, line):
    return quoted == line or (quoted and line.startswith(quoted) and line[len(quoted):].lstrip().startswith('/*'))


def find(lines, part, start):
    """The line behind the first place at or after `start` where `part` stands, or None."""
    for i in range(start, len(lines) - len(part) + 1):
        if all(same(p, line) for p, line in zip(part, lines[i:])):
            return i + len(part)
    return None


def quote_errors(text):
    for block in re.finditer(r'^ *```c\n\s*/\* ([\w./-]+) \*/\n(.*?)^ *```', text, flags=re.M | re.S):
        path, at = ROOT / block[1], 0
        if not path.exists():
            yield f'quotes {block[1]}, which is not there'
            continue
        lines = [plain(line) for line in path.read_text().splitlines()]
        for part in re.split(r'^\s*\.\.\.\n', block[2], flags=re.M):
            part = [plain(line) for line in part.strip('\n').split('\n')]
            at = find(lines, part, at) if at is not None else None
            if at is None:
                yield f'quotes {block[1]}, where this does not stand: {part[0]}'


def anchors(text):
    """Headings as a reader's link has them: small letters, blanks as -, nothing else but letters, digits and - _."""
    text = re.sub(r'^ *```.*?^ *```', '', text, flags=re.M | re.S)
    headings = re.findall(r'^#+ (.*)', text, flags=re.M)
    return {re.sub(r'[^\w -]', '', h.lower()).strip().replace(' ', '-') for h in headings}


def link_errors(doc, text):
    plain_text = re.sub(r'^ *```.*?^ *```|`[^`\n]*`', '', text, flags=re.M | re.S)
    links = re.findall(r'\]\(([^)\s]+)\)', plain_text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', plain_text)
    for target in links:
        name, _, heading = target.partition('#')
        if ':' in name:
            continue
        file = doc.parent / name if name else doc
        if not file.exists():
            yield f'links to {name}, which is not there'
        elif heading and heading not in anchors(file.read_text()):
            yield f'links to {target}, where there is no such heading'


def source_errors():
    """A document that a comment refers to, as docs/adr/0002-rto-min.md: by its full name, which says what it is."""
    have = [str(p.relative_to(ROOT)) for p in (ROOT / 'docs').rglob('*')]
    for top in ('src', 'include', 'port', 'drivers', 'apps', 'tests', 'bench', 'examples', 'tools'):
        for p in sorted((ROOT / top).rglob('*')):
            if p.is_file() and p.suffix in ('.c', '.h', '.py', '.sh'):
                text = p.read_text(errors='replace')
                for named in re.findall(r'\bdocs/(?:adr/\d[\w.-]*\w|[\w/-]+\.(?:md|svg)\b)', text):
                    if named not in have and p.parent != HERE:
                        yield f'{p.relative_to(ROOT)} refers to {named}, which is not there'


def main():
    docs = sorted(ROOT.glob('*.md')) + sorted((ROOT / 'docs').rglob('*.md'))
    failed = 0
    for n, doc in enumerate(docs, 1):
        text = doc.read_text()
        errors = list(quote_errors(text)) + list(link_errors(doc, text))
        failed += bool(errors)
        print(f'{"not ok" if errors else "ok"} {n} - what {doc.relative_to(ROOT)} quotes and links to is there')
        print(''.join(f'# {e}\n' for e in errors), end='')
    errors = list(source_errors())
    failed += bool(errors)
    print(f'{"not ok" if errors else "ok"} {len(docs) + 1} - what sources say of docs/ is there')
    print(''.join(f'# {e}\n' for e in errors), end='')
    print(f'1..{len(docs) + 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
