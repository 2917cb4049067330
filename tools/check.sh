#!/bin/bash
# check.sh: the tests as they are, then all but the law's again under ASan and UBSan.
set -eu
cd "$(dirname "$0")/.."
tools/test.sh
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0
BUILD=build-asan MESON_ARGS="-Db_sanitize=address,undefined" TEST_ARGS="--no-suite law --timeout-multiplier 4" tools/test.sh
