#!/bin/bash
# soak.sh: ten minutes of mixed load on the boot image in QEMU [MINUTES=10 MACHINE=pc NIC=e1000]; its memory must not
# have moved at the end.
set -eu
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}
PARTS="build test qemu" tools/build.sh image
exec python3 tests/boot/soak.py "${MINUTES:-10}" "${MACHINE:-pc}" "${NIC:-e1000}"
