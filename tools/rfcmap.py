#!/usr/bin/env python3
"""rfcmap: every MUST of TCP's RFCs, the code that keeps it, the test that proves it.

usage: rfcmap.py [--write] [ROOT]     checks tools/rfcmap.txt against the tree and docs/rfcmap.md against both;
                                      --write makes the page anew.  Prints what is wrong, one TAP line each.

A MUST without code or without a test, a function or a test that is not there, a page that is out of date: each fails.
"""
import pathlib, re, sys

NUMBERED = {9293: 69}           # RFCs that number their MUSTs, and how many there are


def clause_key(c):
    return [int(n) for n in re.findall(r'\d+', c)]


class Map:
    def __init__(self, root):
        self.root, self.wrong, self.rows = root, [], []
        self.cited = self.citations()
        for n, line in enumerate((root / 'tools/rfcmap.txt').read_text().splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            m = re.fullmatch(r'(\d+) (MUST(?:-\d+)?) §([\d.A-Za-z]+) \| (.+?) \| (.+?) \| (.+)', line)
            if m:
                self.rows.append((int(m[1]), m[2], m[3], m[4], m[5].split(), m[6].split(), n))
            else:
                self.say(n, 'not a row: RFC NUMBER §CLAUSE | what | where | proof')

    def say(self, n, what):
        self.wrong.append(f'tools/rfcmap.txt:{n}: {what}')

    def citations(self):
        """{(rfc, clause): [file:line]} of the fixed grammar, in the core."""
        found = {}
        for f in sorted((self.root / 'src').rglob('*.[ch]')):
            for n, line in enumerate(f.read_text().splitlines(), 1):
                for m in re.finditer(r'\bRFC (\d+) §(\d+(?:\.\d+)*)', line):
                    where = f'{f.relative_to(self.root / "src")}:{n}'
                    found.setdefault((int(m[1]), m[2]), []).append(where)
        return found

    def cites(self, rfc, clause):
        """Where the core cites the clause, or one inside it."""
        hits = [w for (r, c), ws in self.cited.items() if r == rfc and (c + '.').startswith(clause + '.') for w in ws]
        return sorted(hits)

    def check_code(self, n, code):
        for c in code:
            if c.startswith('docs/'):
                ok = (self.root / c).exists()
            else:
                path, _, name = c.partition(':')
                f = self.root / 'src' / path
                ok = f.exists() and re.search(rf'^[a-z][^\n;=]*\b{name}\([^;]*?\)\s*\n{{', f.read_text(), re.M)
            if not ok:
                self.say(n, f'{c} is not there')

    def check_tests(self, n, tests):
        for t in tests:
            path, colon, name = t.partition(':')
            if colon:
                f = self.root / 'tests/unit' / path
                ok = f.exists() and (not name or re.search(rf'\b{name}\(void \*\*', f.read_text()))
            else:
                p = self.root / 'tests/script' / path
                ok = p.is_dir() and any(p.rglob('*.pkt')) or p.with_suffix('.pkt').exists()
            if not ok:
                self.say(n, f'{t} is not there')

    def check(self):
        for rfc, must, clause, what, code, tests, n in self.rows:
            self.check_code(n, code)
            self.check_tests(n, tests)
        for rfc, count in NUMBERED.items():
            have = [r[1] for r in self.rows if r[0] == rfc]
            for i in range(1, count + 1):
                if have.count(f'MUST-{i}') != 1:
                    self.say(1, f'RFC {rfc} MUST-{i} stands {have.count(f"MUST-{i}")} times')

    def page(self):
        out = ['# What the RFCs demand, where it is done, what proves it', '',
               'Made by `tools/rfcmap.py --write` of `tools/rfcmap.txt`; a test fails when a MUST has no code or no',
               'test, when one that is named here is not there, or when this page is out of date. *Cited* counts the',
               'places in `src/` that name the clause.', '']
        for rfc in dict.fromkeys(r[0] for r in self.rows):
            out += [f'## RFC {rfc}', '', '| MUST | clause | what | code | cited | proof |', '|---|---|---|---|---|---|']
            for r, must, clause, what, code, tests, n in self.rows:
                if r == rfc:
                    out.append(f'| {must.replace("MUST-", "")} | §{clause} | {what} | {cell(code)} '
                               f'| {len(self.cites(r, clause))} | {cell(tests)} |')
            out.append('')
        return '\n'.join(out).rstrip() + '\n'


def cell(names):
    return '<br>'.join(n.rstrip(':') for n in names)


def main(args):
    roots = [a for a in args if not a.startswith('-')]
    root = pathlib.Path(roots[0] if roots else pathlib.Path(__file__).resolve().parents[1])
    m = Map(root)
    m.check()
    page = root / 'docs/rfcmap.md'
    if '--write' in args:
        page.write_text(m.page())
    # The counts move with every comment: what must agree is everything else.
    plain = lambda text: re.sub(r'\| \d+ \| (?=[^|]*\|$)', '| ', text, flags=re.M)
    if not page.exists() or plain(page.read_text()) != plain(m.page()):
        m.wrong.append('docs/rfcmap.md is out of date; run tools/rfcmap.py --write')
    for i, w in enumerate(m.wrong, 1):
        print(f'not ok {i} - {w}')
    if not m.wrong:
        print(f'ok 1 - {len(m.rows)} MUSTs have code and a test')
    print(f'1..{max(1, len(m.wrong))}')
    return 1 if m.wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
