#!/usr/bin/env python3
"""tools/tidy.py as a test: one TAP line a rule.

usage: tidy.py
"""
import importlib.util, pathlib, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location('tidy_rules', ROOT / 'tools/tidy.py')
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)

tree = rules.Tree(ROOT)
failed = 0
for n, rule in enumerate(rules.RULES, 1):
    tree.findings = []
    rule(tree)
    print(f'{"not ok" if tree.findings else "ok"} {n} - tidy: {rule.__name__}')
    for rel, line, what in sorted(set(tree.findings)):
        print(f'# {rel}:{line}: {what}')
    failed += bool(tree.findings)
print(f'1..{len(rules.RULES)}')
sys.exit(1 if failed else 0)
