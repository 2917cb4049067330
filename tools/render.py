#!/usr/bin/env python3
"""Renders the documents to HTML, for tools/docs.sh.

usage: render.py FOLDER

*.md by cmark-gfm, manual pages by mandoc; links between documents are turned to the rendered ones and checked there.
"""
import html, pathlib, re, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = '''<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ max-width: 52em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; color-scheme: light dark }}
pre {{ overflow-x: auto; padding: .8em; border: 1px solid #8886; border-radius: 4px }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid #8886; padding: .2em .6em; vertical-align: top }}
th {{ text-align: left }} img {{ max-width: 100% }}
</style></head>
<body>
{body}</body></html>
'''


def run(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def slug(heading):
    """As the links of the documents have it (tests/docs/quotes.py)."""
    text = html.unescape(re.sub(r'<[^>]*>', '', heading))
    return re.sub(r'[^\w -]', '', text.lower()).strip().replace(' ', '-')


def document(path):
    body = run('cmark-gfm', '--unsafe', '-e', 'table', '-e', 'autolink', str(path))
    body = re.sub(r'(href="[^":]*)\.md(#[^"]*)?"', lambda m: f'{m[1]}.html{m[2] or ""}"', body)
    body = re.sub(r'<h(\d)>(.*?)</h\1>', lambda m: f'<h{m[1]} id="{slug(m[2])}">{m[2]}</h{m[1]}>', body)
    return re.search(r'^# (.*)', path.read_text(), flags=re.M)[1], body


def manual(path):
    return path.name, run('mandoc', '-T', 'html', '-O', 'fragment', str(path))


def broken(out):
    pages = {p: p.read_text() for p in out.rglob('*.html')}
    for p, text in sorted(pages.items()):
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            name, _, heading = target.partition('#')
            if ':' in name:
                continue
            to = (p.parent / name).resolve() if name else p.resolve()
            if not to.exists():
                yield f'{p.relative_to(out)}: {target} is not there'
            elif heading and f'id="{html.unescape(heading)}"' not in to.read_text():
                yield f'{p.relative_to(out)}: {target} is no heading'


def main(folder):
    out = pathlib.Path(folder)
    shutil.rmtree(out, ignore_errors=True)
    docs = sorted(ROOT.glob('*.md')) + sorted((ROOT / 'docs').rglob('*.md'))
    for path, render in [(d, document) for d in docs] + [(m, manual) for m in (ROOT / 'docs/man').glob('*.[1-9]')]:
        title, body = render(path)
        to = out / path.relative_to(ROOT)
        to = to.with_suffix('.html') if path.suffix == '.md' else to.with_name(path.name + '.html')
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(PAGE.format(title=html.escape(title), body=body))
    shutil.copy(ROOT / 'docs/layers.svg', out / 'docs')
    for linked in ('LICENSE', 'meson.build'):
        shutil.copy(ROOT / linked, out)
    listing = ''.join(f'<li><a href="{p.name}">{p.stem}</a></li>\n' for p in sorted((out / 'docs/adr').glob('*.html')))
    body = f'<h1>Decisions</h1>\n<ul>{listing}</ul>'
    (out / 'docs/adr/index.html').write_text(PAGE.format(title='Decisions', body=body))
    (out / 'index.html').write_text((out / 'README.html').read_text())
    wrong = list(broken(out))
    print('\n'.join(wrong) or f'docs: {out}/index.html, {len(list(out.rglob("*.html")))} pages')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
