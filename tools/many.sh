#!/bin/bash
# many.sh: very many connections in one process, and what they cost.  CONNS=n of them (a million), as many more beside.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PARTS="build test" tools/build.sh tests/test-many
exec "$BUILD/tests/test-many" --conns "${CONNS:-1000000}"
