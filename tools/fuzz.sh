#!/bin/bash
# fuzz.sh: builds tests/fuzz/fuzz_*.c with libFuzzer, ASan and UBSan, and runs each from its corpus.
#
# FUZZERS="fuzz_a fuzz_b" chooses, SECONDS_EACH=n says how long; without it all together take about a minute.
# New inputs are kept in build-fuzz/corpus; what finds a bug is left in build-fuzz/found.
set -eu
cd "$(dirname "$0")/.."
export BUILD=build-fuzz CC=clang
export MESON_ARGS="-Dfuzz=true -Db_sanitize=address,undefined"
fuzzers=${FUZZERS:-$(cd tests/fuzz && ls fuzz_*.c 2>/dev/null | sed 's/\.c$//')}
wrong() { echo "fuzz: $1" >&2; exit 2; }
[[ ${SECONDS_EACH:-1} =~ ^[1-9][0-9]{0,5}$ ]] ||
	wrong "SECONDS_EACH is a whole number of seconds, not \"$SECONDS_EACH\""
for f in $fuzzers; do [ -f "tests/fuzz/$f.c" ] || wrong "no fuzzer is called \"$f\"; see tests/fuzz"; done
[ -n "$fuzzers" ] || { echo "fuzz: no tests/fuzz/fuzz_*.c"; exit 1; }
PARTS="build fuzz" tools/build.sh $(printf 'tests/%s ' $fuzzers)
cd build-fuzz
each=${SECONDS_EACH:-$(( (60 * $(nproc) + $(wc -w <<<"$fuzzers") - 1) / $(wc -w <<<"$fuzzers") ))}
mkdir -p found
run() {
	mkdir -p "corpus/$1"
	seeds=../tests/fuzz/corpus/$1
	[ -d "$seeds" ] || seeds=
	if "tests/$1" -max_total_time="$each" -timeout=10 -artifact_prefix="found/$1-" -print_final_stats=1 \
		"corpus/$1" $seeds >"$1.log" 2>&1 </dev/null
	then echo "ok $1: $(sed -n 's/stat::number_of_executed_units: *//p' "$1.log") inputs in ${each} s"
	else echo "not ok $1: see build-fuzz/$1.log and build-fuzz/found"; tail -n 30 "$1.log"; return 1
	fi
}
export -f run; export each
xargs -n1 -P"$(nproc)" bash -c 'run "$0"' <<<"$fuzzers"
