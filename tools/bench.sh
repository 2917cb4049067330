#!/bin/bash
# bench.sh [CASE...]: the figures of tests/bench, and instructions an operation where the processor does not count
# them for us: by callgrind, which needs no counters and repeats exactly.
#
# bench.sh --gate compares those instructions with bench/baseline (1 %), --baseline writes them there.
set -eu -o pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PARTS="build test bench" tools/build.sh tests/bench
bench=$BUILD/tests/bench

# Operations of two runs; what they differ by, divided, is one operation without the start.
SHORT=2000
LONG=6000
collected() { # CASE N
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" --once "$1" "$2" 2>&1 |
		sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
instructions() { # CASE
	local short long
	short=$(collected "$1" $SHORT) && long=$(collected "$1" $LONG) || {
		echo "bench: $1 does not do its work" >&2
		return 1
	}
	echo $(((long - short) / (LONG - SHORT)))
}

case ${1:-} in
--gate | --baseline)
	gate=$1
	failed=0 passed=0 fresh=$(mktemp)
	trap 'rm -f "$fresh"' EXIT
	while read -r name _; do
		now=$(instructions "$name")
		echo "$name $now" >>"$fresh"
		was=$(sed -n "s/^$name //p" bench/baseline 2>/dev/null || true)
		if [ "$gate" = --baseline ]; then
			echo "$name: $now instructions an operation"
		elif [ -z "$was" ]; then
			echo "not ok - $name is not in bench/baseline; run tools/bench.sh --baseline"
			failed=$((failed + 1))
		elif [ $((now * 100)) -gt $((was * 101)) ]; then
			echo "not ok - $name takes $now instructions an operation, the baseline is $was"
			failed=$((failed + 1))
		else
			echo "ok - $name takes $now instructions an operation, the baseline is $was"
			passed=$((passed + 1))
		fi
	done < <("$bench" --list)
	[ "$gate" = --gate ] || { cp "$fresh" bench/baseline; exit 0; }
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
	;;
esac

"$bench" "$@"
[ $# != 0 ] || "$bench" --threads
if "$bench" --counts; then
	exit 0
fi
echo
echo "instructions an operation, by callgrind:"
"$bench" --list | while read -r name _; do
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	printf '%-20s %9s\n' "$name" "$(instructions "$name")"
done
