#!/bin/bash
# img.sh: build/leat.elf, the boot image, and build/leat.iso, which boots by itself from a disc or a stick.
#
# SITE=folder links the files of that folder in; CMDLINE='...' is what the disc's loader passes on.  The disc needs
# GRUB's tools (tools/setup.sh iso); without them there is the ELF alone, which QEMU and multiboot loaders take.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
if [ -n "${SITE:-}" ]; then
	export MESON_ARGS="${MESON_ARGS:-} -Dsite=$(realpath "$SITE")"
	[ ! -f "$BUILD/build.ninja" ] || meson configure "$BUILD" "-Dsite=$(realpath "$SITE")"
fi
tools/build.sh image
echo "leat: $BUILD/leat.elf, $(($(stat -c %s "$BUILD/leat.elf") >> 10)) KiB"
if ! command -v grub-mkrescue >/dev/null || ! command -v xorriso >/dev/null || ! command -v mformat >/dev/null; then
	echo "leat: no ISO without GRUB's tools; tools/setup.sh iso installs them"
	exit 0
fi
disc=$(mktemp -d)
trap 'rm -rf "$disc" "$disc.log"' EXIT
mkdir -p "$disc/boot/grub"
cp "$BUILD/leat.elf" "$disc/boot/leat.elf"
cat >"$disc/boot/grub/grub.cfg" <<END
set timeout=0
menuentry leat {
	multiboot /boot/leat.elf ${CMDLINE:-}
	boot
}
END
grub-mkrescue -o "$BUILD/leat.iso" "$disc" >"$disc.log" 2>&1 || {
	cat "$disc.log" >&2
	exit 1
}
echo "leat: $BUILD/leat.iso, $(($(stat -c %s "$BUILD/leat.iso") >> 10)) KiB"
