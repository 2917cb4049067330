#!/bin/bash
# boot.sh [WORD...]: the boot image on every machine with every card, in QEMU; with words, the cases that have one.
set -eu
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}
PARTS="build test qemu" tools/build.sh image
exec python3 tests/boot/boot.py "$@"
