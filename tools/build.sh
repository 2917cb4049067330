#!/bin/bash
# build.sh [TARGET...]: configures when needed, then builds the targets in $BUILD; without one, everything.
#
# Configures again when a source file has come or gone: meson has no glob, see tools/sources.sh.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(nproc)}

tools/setup.sh ${PARTS:-build}
have=$(find src include port drivers apps tests bench -name '*.[ch]' 2>/dev/null | LC_ALL=C sort || true)
if [ ! -f "$BUILD/build.ninja" ]; then
	meson setup "$BUILD" ${MESON_ARGS:-} >"/tmp/leat-setup.$$" || { cat "/tmp/leat-setup.$$"; rm -f "/tmp/leat-setup.$$"; exit 1; }
	rm -f "/tmp/leat-setup.$$"
elif [ "$(cat "$BUILD/sources" 2>/dev/null)" != "$have" ]; then
	meson setup --reconfigure "$BUILD" ${MESON_ARGS:-} >"$BUILD/setup.log" || { cat "$BUILD/setup.log"; exit 1; }
fi
printf '%s\n' "$have" >"$BUILD/sources"
ninja -C "$BUILD" -j"$JOBS" "$@" | sed '/no work to do/d;/Entering directory/d'
exit "${PIPESTATUS[0]}"
