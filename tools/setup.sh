#!/bin/bash
# setup.sh [PART...]: installs the Debian packages that a part of the work needs, those that are missing, and says
# which.  Parts: build test bench fuzz.  When nothing is missing it says so if SAY is set, else nothing.
set -eu

declare -A packages=(
	[build]="gcc libc6-dev make meson ninja-build pkg-config python3 libslirp-dev"
	[test]="libcmocka-dev binutils curl apache2-utils iproute2 ethtool iputils-ping procps"
	[interop]="iproute2 iputils-ping curl procps dnsmasq-base udhcpd"
	[bench]="valgrind"
	[dpdk]="libdpdk-dev libnuma-dev"
	[fuzz]="clang llvm libclang-rt-14-dev"
	[docs]="cmark-gfm mandoc"
	[qemu]="qemu-system-x86"
	[iso]="grub-pc-bin grub-common xorriso mtools"
)

missing=()
for part in "${@:-build}"; do
	for p in ${packages[$part]}; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
done
if [ ${#missing[@]} = 0 ]; then
	[ -z "${SAY:-}" ] || echo "setup: nothing is missing"
	exit 0
fi

echo "setup: leat needs these packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
	echo "setup: this is not Debian; install what corresponds to them, then build with meson: meson setup build" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: not root and no sudo; ask an administrator for: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null
}
if ! apt install -y --no-install-recommends "${missing[@]}" 2>/dev/null; then
	apt update || true
	apt install -y --no-install-recommends "${missing[@]}" || {
		echo "setup: could not install: ${missing[*]}" >&2
		exit 1
	}
fi
echo "setup: installed ${missing[*]}"
