#!/usr/bin/env python3
"""Each group of a TCP connection is written by the one file that the head of src/tcp/tcp_int.h names for it.

usage: groups.py [ROOT]            prints one TAP line a group

Writing means: an assignment, ++ or -- of conn->group.anything in a .c file (in src/cc, cc->anything is its own).
"""
import pathlib, re, sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
TCP = ROOT / 'src/tcp'


def writes(group, text):
    """Lines that write the group, without comments."""
    text = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m[0]), text, flags=re.S)
    member = rf'->{group}(?:\.[\w.\[\]]+)?' if group != 'state' else r'\b[a-z]*c->state'
    written = re.compile(rf'{member}\s*(?:[-+|&^*/]|<<|>>)?=(?!=)|{member}\s*(?:\+\+|--)|(?:\+\+|--)\w+{member}')
    for n, line in enumerate(text.split('\n'), 1):
        if written.search(line):
            yield n, line.strip()


def main():
    head = (TCP / 'tcp_int.h').read_text().split('*/')[0]
    groups = re.findall(r'^ \*   (\w+) +([\w/.]+) ', head, flags=re.M)
    failed = 0
    for i, (group, owner) in enumerate(groups, 1):
        own, strange = 0, []
        for f in sorted(TCP.glob('*.c')):
            found = list(writes(group, f.read_text()))
            if f.name == owner:
                own = len(found)
            else:
                strange += [f'{f.relative_to(ROOT)}:{n} writes {group}: {line}' for n, line in found]
        if not own and owner.endswith('.c'):
            strange.append(f'{owner} does not write {group}; who does?')
        failed += bool(strange)
        print(f'{"not ok" if strange else "ok"} {i} - {group} is written by {owner} alone')
        print(''.join(f'# {s}\n' for s in strange), end='')
    print(f'1..{len(groups)}')
    return 1 if failed or len(groups) < 5 else 0


if __name__ == '__main__':
    sys.exit(main())
