#!/bin/bash
# docs.sh: checks the documents and renders them to $BUILD/docs/index.html.
#
# Checked are quotes, links, names, blocks and manual pages (tests/docs, as `make test` does), and the links of what
# comes out.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
tools/setup.sh docs
for check in quotes names blocks man; do
	said=$(tests/docs/$check.py) || { grep -A 20 '^not ok' <<<"$said" | grep -v '^ok' >&2; exit 1; }
done
exec tools/render.py "$BUILD/docs"
