#!/bin/bash
# qemu.sh: boots the image and serves its site on http://127.0.0.1:PORT/.
#
# NIC=virtio|e1000|rtl8139  MACHINE=pc|q35|microvm  PORT=8080  MEM=16 (MiB)  SITE=folder (given as an archive)
# CMDLINE='log=debug ...'  ARGS='more for QEMU'.  Emulated (-accel tcg) unless ACCEL says otherwise.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
MACHINE=${MACHINE:-microvm}
NIC=${NIC:-virtio}
PORT=${PORT:-8080}

case "$MACHINE-$NIC" in
microvm-virtio) device=virtio-net-device ;;
pc-virtio | q35-virtio) device=virtio-net-pci ;;
pc-e1000 | q35-e1000) device=e1000 ;;
pc-rtl8139 | q35-rtl8139) device=rtl8139 ;;
*)
	echo "qemu: no MACHINE=$MACHINE with NIC=$NIC: microvm has virtio; pc and q35 have virtio, e1000, rtl8139" >&2
	exit 2
	;;
esac
PARTS="build qemu" tools/build.sh image
initrd=()
if [ -n "${SITE:-}" ]; then
	tar --format=gnu -C "$SITE" -cf "$BUILD/site.tar" .
	initrd=(-initrd "$BUILD/site.tar")
fi
echo "leat: http://127.0.0.1:$PORT/ in a moment; q ends it, s says what it has done, Ctrl-A X kills the machine"
qemu-system-x86_64 -accel "${ACCEL:-tcg}" -M "$MACHINE" -m "${MEM:-16}" -kernel "$BUILD/leat.elf" \
	-append "${CMDLINE:-}" "${initrd[@]}" -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$PORT-:80" \
	-device "$device,netdev=n" -display none -serial mon:stdio -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=4 ${ARGS:-} || status=$?
[ "${status:-0}" = 33 ]	# what the image's clean end becomes
