#!/usr/bin/env python3
"""What the documents name is really there.

usage: names.py [ROOT...]        prints one TAP line a document; the first ROOT has the documents, all have sources

Between backquotes, outside code blocks:

    `tcp_input()`             a function (or a macro, or a function of a table) that somebody defines
    `src/tcp/tcp_input.c`     a file or folder, also by its name alone, or as an include has it, or with a *
    `rtx.sent`, `TCPF_LOSS`   each word with an underscore, a point, an arrow or in capitals is a word of the sources
    `make sim`                a verb of the Makefile

An item of a list that begins with a file in bold, as in "1. **`src/net/net.c`** `net_poll()`, `fire()`: ...", names in
front of its colon functions that are defined in that file.  STYLE.md and CONTRIBUTING.md speak of names that are to be
found: there only what ends in () counts, and what contains a * or a <.

docs/layers.svg has exactly the modules of meson.build in it.
"""
import pathlib, re, sys

ROOTS = [pathlib.Path(r).resolve() for r in sys.argv[1:]] or [pathlib.Path(__file__).resolve().parents[2]]
sys.path.insert(0, str(ROOTS[0] / 'tools'))
import tidy

FREE = ('STYLE.md', 'CONTRIBUTING.md')
PATH = r'[\w.*-]+(?:/[\w.*-]+)+/?|[\w*-]+\.(?:c|h|py|sh|md|svg|pkt|build)'
# Results, and the compiler's own.
KNOWN = {'build/libleat-packetdrill.so', 'sim-17.pcapng', 'libleat.so', 'libleat.a', 'build/leat', 'limits.h',
         'immintrin.h'}
# What a reader types or sees, and what C has by itself.
WORDS = {'uint32_t', 'user_data', 'io_uring', 'user', 'printf'}


class Sources:
    """What is defined where."""

    def __init__(self):
        self.where, self.words, self.files = {}, set(WORDS), []
        for root in ROOTS:
            self.add(root)
        self.verbs = set(re.findall(r'^([a-z]+):.*##', (ROOTS[0] / 'Makefile').read_text(), flags=re.M))

    def add(self, root):
        t = tidy.Tree(root)
        for f in t.files:
            text = re.sub(r'/\*.*?\*/', ' ', f.text, flags=re.S) if f.c else f.text
            self.words.update(re.findall(r'\w+', text))
            if not f.c:
                continue
            names = [name for name, _, _ in f.functions()] + re.findall(r'^#define (\w+)\(', text, flags=re.M)
            for name in names + re.findall(r'\(\*(?:const )?(\w+)\)\s*\(', text):
                self.where.setdefault(name, set()).add(str(f.rel))
        skip = ('.git', 'build', '__pycache__')
        for p in root.rglob('*'):
            parts = p.relative_to(root).parts
            if not any(part.startswith(skip) for part in parts) or parts[0] == 'build.sh':
                self.files.append('/'.join(parts))

    def has_file(self, name):
        wild = re.escape(name.rstrip('/')).replace(r'\*', '[^/]*')
        return name in KNOWN or any(re.fullmatch(rf'(.*/)?{wild}', f) for f in self.files)


def span_errors(src, span, free):
    if span.startswith('make '):
        verb = span.split()[1]
        if verb not in src.verbs:
            yield f'`{span}`: make has no such verb'
        return
    if '<' in span:
        return
    calls = re.findall(r'(\*?)\b(\w+)\(\)', span)
    for star, name in calls:
        if len(name) > 1 and not (any(n.endswith(name) for n in src.where) if star else name in src.where):
            yield f'{star}{name}() is defined nowhere'
    if calls or free:
        return
    if re.fullmatch(PATH, span) and not re.fullmatch(r'[\w]+\.h\w+', span):
        if not src.has_file(span):
            yield f'`{span}` is no file or folder'
    elif re.fullmatch(r'(struct |enum )?[A-Za-z_]\w*((\.|->)\w+)*', span):
        if re.search(r'[_.>]|^[A-Z0-9]{3,}$|^(struct|enum) ', span):
            for word in re.findall(r'\w+', span):
                if word not in src.words:
                    yield f'`{span}`: "{word}" is no word of the sources'


def item_errors(src, text):
    """Steps of a tour: **`file`** `name()`, `name()`: ..."""
    for m in re.finditer(r'^ *(?:\d+\.|-) \*\*`([^`]+)`\*\*((?:[^:]|\n)*?):', text, flags=re.M):
        for name in re.findall(r'\b(\w+)\(\)', m[2]):
            if not any(f.endswith('/' + m[1]) or f == m[1] for f in src.where.get(name, ())):
                yield f'{name}() is not defined in {m[1]}, but in {", ".join(src.where.get(name, ["no file"]))}'


def picture_errors():
    lists = re.search(r'^modules = \[\n(.*?)^\]', (ROOTS[0] / 'meson.build').read_text(), flags=re.M | re.S)[1]
    modules = set(re.findall(r"^  \['([\w/]+)',", lists, flags=re.M)) - {'tests', 'leat', 'port', 'drivers'}
    shown = set(re.findall(r'class="name[^"]*"[^>]*>([^<]+)<', (ROOTS[0] / 'docs/layers.svg').read_text()))
    shown -= {'your program'}
    for what in sorted(modules - shown):
        yield f'{what} is not in the picture'
    for what in sorted(shown - modules):
        yield f'{what} is no module'


def main():
    src, n, failed = Sources(), 0, 0

    def report(what, errors):
        nonlocal n, failed
        n, failed = n + 1, failed + bool(errors)
        print(f'{"not ok" if errors else "ok"} {n} - {what}')
        print(''.join(f'# {e}\n' for e in errors), end='')

    for doc in sorted(ROOTS[0].glob('*.md')) + sorted((ROOTS[0] / 'docs').rglob('*.md')):
        text = re.sub(r'^ *```.*?^ *```', '', doc.read_text(), flags=re.M | re.S)
        errors = list(item_errors(src, text))
        for span in re.findall(r'`([^`\n]+)`', text):
            errors += span_errors(src, span, doc.name in FREE)
        report(f'what {doc.relative_to(ROOTS[0])} names is there', errors)
    report('docs/layers.svg shows the modules', list(picture_errors()))
    print(f'1..{n}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
