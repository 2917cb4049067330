#!/usr/bin/env python3
"""The manual pages of the program and its help say the same.

usage: manual.py            ($LEAT is the program; prints TAP)

Each command that `leat help` lists has its page or a paragraph in leat(1), each option of `leat help COMMAND` its
paragraph in leat-COMMAND(1) with the same default, and the pages know no other.
"""
import os, pathlib, re, subprocess, sys

MAN = pathlib.Path(__file__).resolve().parents[2] / 'docs/man'
LEAT = os.environ.get('LEAT', 'build/leat')


def help_of(*words):
    return subprocess.run([LEAT, 'help', *words], text=True, capture_output=True, check=True).stdout


def page(name):
    return (MAN / f'{name}.1').read_text().replace('\\-', '-').replace('\\fI', '').replace('\\fP', '')


def paragraphs(text):
    """What .TP introduces in a section, as tag -> text."""
    return dict(re.findall(r'^\.TP\n(.*)\n((?:(?!^\.(?:TP|SH)).*\n)*)', text, flags=re.M))


def option_errors(command):
    said = dict.fromkeys(re.findall(r'--([a-z][\w-]*)', help_of(command)))
    for line in re.split(r'\n  (?=[ -])', help_of(command)):
        m = re.match(r'(?:\s*-\w,)?\s*--([\w-]+)\b(.*)', line, flags=re.S)
        if m:
            said[m[1]] = re.search(r'\((\w[\w.]*)(?:;[^)]*)?\)', m[2])
    there = {}
    for tag, text in paragraphs(page(f'leat-{command}').split('.SH OPTIONS')[1].split('.SH ')[0]).items():
        there[re.search(r'--([\w-]+)', tag)[1]] = text
    for name, default in said.items():
        if name not in there:
            yield f'the page does not have --{name}'
        elif default and default[1] not in re.findall(r'[\w.]*\w', there[name]):
            yield f'--{name}: the help says ({default[1]}), the page does not'
    yield from (f'the page has --{name}, the help does not' for name in there if name not in said)


def main():
    commands = re.findall(r'^  (\w+) +\S', help_of(), flags=re.M)
    said = {word for tag in paragraphs(page('leat')) for word in re.findall(r'\w+', re.sub(r'^\.\w+|"[^"]*"', '', tag))}
    checks = [('leat(1) has the commands that leat help lists', sorted(set(commands) ^ said))]
    for command in commands:
        if (MAN / f'leat-{command}.1').exists() or re.search(r'^ +(-\w, )?--', help_of(command), flags=re.M):
            checks.append((f'leat-{command}(1) has the options of leat help {command}', list(option_errors(command))))
    for n, (what, errors) in enumerate(checks, 1):
        print(f'{"not ok" if errors else "ok"} {n} - {what}')
        print(''.join(f'# {e}\n' for e in errors), end='')
    print(f'1..{len(checks)}')
    return 1 if any(errors for _, errors in checks) or not commands else 0


if __name__ == '__main__':
    sys.exit(main())
