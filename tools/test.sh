#!/bin/bash
# test.sh [TEST...]: builds and runs the tests (all, or the named ones) in $BUILD and prints what passed and failed.
set -eu
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}
PARTS="build test" tools/build.sh
rm -f "$BUILD/meson-logs/testlog.json"
failed=0
meson test -C "$BUILD" --no-rebuild --num-processes "${JOBS:-$(nproc)}" --print-errorlogs \
	${TEST_ARGS:-} "$@" || failed=1
tools/count.py "$BUILD" || failed=1
exit $failed
