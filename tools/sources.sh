#!/bin/sh
# sources.sh FOLDER [PATTERN]: the .c files of one folder (not below it), one a line, in a fixed order.
#
# meson has no glob, on purpose; a module's folder is its list of sources here, so that two people who each add a
# file never meet in meson.build.  tools/build.sh configures again when the answer has changed.
cd "$(dirname "$0")/.." || exit 1
[ -d "$1" ] || exit 0
LC_ALL=C find "$1" -maxdepth 1 -name "${2:-*.c}" -type f | LC_ALL=C sort
