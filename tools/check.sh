#!/bin/bash
# check.sh: the tests as they are; everything compiled by clang too; all tests but the law's again under ASan and
# UBSan; threads under TSan.
set -eu
cd "$(dirname "$0")/.."
tools/test.sh

echo "check: compiling with clang"
CC=clang BUILD=build-clang PARTS="build test fuzz" tools/build.sh

echo "check: the tests under ASan and UBSan"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
# Sanitizers change what gcc can see, and with it what it warns of: here a warning is not an error.
export BUILD=build-asan MESON_ARGS="-Db_sanitize=address,undefined -Dwerror=false"
TEST_ARGS="--no-suite law --timeout-multiplier 4" tools/test.sh

echo "check: threads with a stack each under ThreadSanitizer"
BUILD=build-tsan CC=clang MESON_ARGS="-Db_sanitize=thread -Db_lundef=false -Dwerror=false" \
	tools/build.sh tests/posix-test_threads
build-tsan/tests/posix-test_threads
