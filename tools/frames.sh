#!/bin/bash
# frames.sh: frames a second and cycles a frame of 64 bytes, there and back, for each driver, in namespaces of its own.
# Needs root.  [KINDS='wire packet ...'] [SECONDS_EACH=n] [WINDOW=n]
set -eu
cd "$(dirname "$0")/.."
tools/build.sh results
LEAT=$PWD/${BUILD:-build}/leat
a=lkfa$$ b=lkfb$$
tmp=$(mktemp -d)
echo=
clean() {
	[ -z "$echo" ] || kill "$echo" 2>/dev/null || true
	for ns in $a $b; do ip netns del $ns 2>/dev/null || true; done
	rm -rf "$tmp"
}
trap clean EXIT
both() { for ns in $a $b; do ip netns exec $ns "$@"; done; }

# pair KIND: prints the links of both ends.
pair() {
	case $1 in
	wire) echo "wire:$tmp/s wire:$tmp/s" ;;
	wire-dgram) echo "wire:$tmp/d,mode=dgram wire:$tmp/d,mode=dgram" ;;
	packet | packet-plain)
		ip link add f0 netns $a type veth peer name f0 netns $b
		both ip link set f0 up
		kind=${1%-plain} mode=
		[ "$1" != packet-plain ] || mode=,mode=plain
		echo "$kind:f0$mode $kind:f0$mode" ;;
	tap)		# two TAPs on a bridge of the kernel
		ip netns exec $a ip link add br0 type bridge
		ip netns exec $a ip link set br0 up
		for t in t0 t1; do
			ip netns exec $a ip tuntap add $t mode tap
			ip netns exec $a ip link set $t master br0 up
		done
		echo "tap:t0 tap:t1" ;;
	esac
}
for kind in ${KINDS:-wire wire-dgram packet packet-plain tap}; do
	ip netns add $a
	ip netns add $b
	both sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	read -r one two <<<"$(pair "$kind")"
	ns=$b
	[ "$kind" != tap ] || ns=$a
	ip netns exec $ns "$LEAT" frames echo --net "$two" >"$tmp/echo" 2>&1 &
	echo=$!
	sleep 0.5
	printf '%-13s' "$kind"
	ip netns exec $a "$LEAT" frames send --net "$one" --window "${WINDOW:-256}" \
		--seconds "${SECONDS_EACH:-3}" ||
		cat "$tmp/echo"
	kill -INT $echo
	wait $echo || true
	echo=
	for n in $a $b; do ip netns del $n; done
	sleep 0.2
done
