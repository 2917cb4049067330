#!/bin/bash
# model.sh: searches through all that can happen between two stacks in a small world; FOR=seconds: so long (300).
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PARTS="build test" tools/build.sh tests/test-sim
exec "$BUILD/tests/test-sim" --model "${FOR:-300}"
