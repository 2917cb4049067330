#!/usr/bin/env python3
"""count: how many test cases the last `meson test` of a build folder ran, and how they ended.

usage: count.py BUILD

A case is a line of cmocka ("[       OK ] name") or of TAP ("ok 3 - name", "not ok 4 - name") in a test's output; a test
program that prints neither counts as one.  A program that fails without naming a failed case (a crash, a leak, a time
limit) counts as one more failure.  Prints the failed ones, then the last line: N passed, M failed.
"""
import json, pathlib, re, sys

CASE = re.compile(r'^\s*(?:\[\s*(?P<cm>OK|FAILED|ERROR)\s*\] (?P<name>\w+)$'
                  r'|(?P<tap>ok|not ok)\b(?: \d+)?(?: -)? ?(?P<what>.*))')


def cases(text):
    """(passed, failed names) in what one test program printed."""
    passed, failed = 0, []
    for line in text.splitlines():
        m = CASE.match(line)
        if not m or re.search(r'# skip', line, flags=re.I):
            continue
        if m['cm'] == 'OK' or m['tap'] == 'ok':
            passed += 1
        elif (m['name'] or m['what']) not in failed:      # cmocka names a failure twice
            failed.append(m['name'] or m['what'])
    return passed, failed


def main(build):
    passed, failed, skipped = 0, [], []
    log = pathlib.Path(build, 'meson-logs/testlog.json')
    for line in log.read_text().splitlines() if log.exists() else []:
        t = json.loads(line)
        t['name'] = t['name'].split(' / ')[-1]
        p, f = cases(t.get('stdout', '') + '\n' + t.get('stderr', ''))
        passed += p
        failed += [f'{t["name"]}: {what}' for what in f]
        if t['result'] == 'SKIP':
            skipped.append(t['name'])
        elif t['result'] not in ('OK', 'EXPECTEDFAIL') and not f:
            failed.append(f'{t["name"]}: {t["result"].lower()}')
        elif not p and not f:
            passed += 1
    for f in failed:
        print('failed:', f)
    if skipped:
        print('skipped:', ', '.join(skipped))
    print(f'{passed} passed, {len(failed)} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
