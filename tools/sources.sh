#!/bin/sh
# sources.sh FOLDER [PATTERN [CPU]]: the .c files of one folder (not below it), one a line, in a fixed order.
#
# meson has no glob, on purpose; a module's folder is its list of sources here, so that two people who each add a file
# never meet in meson.build.  tools/build.sh configures again when the answer has changed.
#
# What a CPU does better is a file of its own: with CPU given, FOLDER/CPU/a.c is taken as well, and FOLDER/generic/a.c
# when the CPU has no a.c.
cd "$(dirname "$0")/.." || exit 1
[ -d "$1" ] || exit 0
list() { find "$1" -maxdepth 1 -name "$2" -type f 2>/dev/null | LC_ALL=C sort; }
list "$1" "${2:-*.c}"
[ -n "$3" ] || exit 0
list "$1/$3" "$2"
list "$1/generic" "$2" | while read -r f; do [ -f "$1/$3/${f##*/}" ] || echo "$f"; done
