#!/bin/bash
# interop.sh: every kind of link against the kernel, in namespaces: 1 GB and 10,000 files, bulk both ways, ping floods,
# bad cables.  Takes minutes; a sample of it is among the tests.  Needs root.  [WORDS='tap ...']: only such cases.
set -eu
cd "$(dirname "$0")/.."
PARTS="build interop" tools/build.sh results
LEAT=${BUILD:-build}/leat exec tests/interop/links.py --full ${WORDS:-}
