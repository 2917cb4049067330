#!/usr/bin/env python3
"""tools/count.py counts what was run, and never turns a failure into a success."""
import json, pathlib, subprocess, sys, tempfile

COUNT = pathlib.Path(__file__).resolve().parents[2] / 'tools/count.py'
GOOD = '[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[       OK ] b\n[  PASSED  ] 2 test(s).\n'
BAD = '[       OK ] a\n[  FAILED  ] b\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] b\n\n 1 FAILED TEST(S)\n'
CASES = (
    ('cmocka cases are summed', [('OK', GOOD), ('OK', GOOD)], '4 passed, 0 failed', 0),
    ('a failure that cmocka names twice counts once', [('FAIL', BAD)], '1 passed, 1 failed', 1),
    ('a fixture that fails is a failure', [('FAIL', '[       OK ] a\n[  ERROR   ] c\n')], '1 passed, 1 failed', 1),
    ('TAP is counted', [('FAIL', 'ok 1 - x\nnot ok 2 - y\n# why\nok 3 - z # SKIP later\n1..3\n')],
     '1 passed, 1 failed', 1),
    ('a crash after good cases is a failure', [('FAIL', GOOD)], '2 passed, 1 failed', 1),
    ('a time limit is a failure', [('TIMEOUT', '')], '0 passed, 1 failed', 1),
    ('a program that prints no case is one', [('OK', 'hello\n')], '1 passed, 0 failed', 0),
    ('a skipped program is not one', [('OK', GOOD), ('SKIP', '')], '2 passed, 0 failed', 0),
    ('nothing run is not a success', [], '0 passed, 0 failed', 1),
)
failed = 0
for n, (what, tests, last, status) in enumerate(CASES, 1):
    with tempfile.TemporaryDirectory() as build:
        log = pathlib.Path(build, 'meson-logs/testlog.json')
        log.parent.mkdir()
        log.write_text(''.join(json.dumps({'name': 't', 'result': r, 'stdout': out}) + '\n' for r, out in tests))
        r = subprocess.run([sys.executable, str(COUNT), build], text=True, capture_output=True)
    good = r.stdout.splitlines()[-1:] == [last] and r.returncode == status
    failed += not good
    print(f'{"ok" if good else "not ok"} {n} - {what}')
    if not good:
        print(f'# wanted "{last}" and {status}, got {r.returncode} and {r.stdout!r}')
sys.exit(1 if failed else 0)
