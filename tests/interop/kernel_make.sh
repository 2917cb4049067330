#!/bin/bash
# kernel_make.sh: the same server over Linux's own TCP (--net kernel): the same answers as over leat's.
set -u
work=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
head -c 3000000 /dev/urandom >"$work/large"
echo hello >"$work/index.html"
"$LEAT" serve "$work" --net kernel --port $((20000 + RANDOM % 12000)) --bind 127.0.0.1 >"$work/out" 2>&1 &
server=$!
for _ in $(seq 50); do
	grep -q 'http://' "$work/out" && break
	sleep 0.1
done
if grep -qE 'no io_uring|root' "$work/out"; then
	echo "1..0 # SKIP $(head -1 "$work/out")"
	exit 77
fi
url=$(grep -o 'http://[0-9.:]*' "$work/out")
failed=0
is() { # WHAT GOT WANTED
	[ "$2" = "$3" ] && { echo "ok - $1"; return; }
	echo "not ok - $1: $2, not $3"
	failed=1
}
is "a page" "$(curl -s "$url/")" hello
is "a large file" "$(curl -s "$url/large" | sha256sum)" "$(sha256sum <"$work/large")"
is "four at once" "$(for _ in 1 2 3 4; do curl -s "$url/large" | sha256sum & done | sort -u | wc -l)" 1
is "what is not there" "$(curl -s -o /dev/null -w '%{http_code}' "$url/nosuch")" 404
kill -INT $server
wait $server
is "it ends well" "$?" 0
exit $failed
