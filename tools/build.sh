#!/bin/bash
# build.sh [TARGET...]: configures when needed, then builds the targets in $BUILD; without one, everything.
#
# Configures again when a source file has come or gone: meson has no glob, see tools/sources.sh.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(nproc)}

tools/setup.sh ${PARTS:-build}
folders="src include port drivers lib posix go apps examples tests bench"
have=$(find $folders -name '*.[ch]' 2>/dev/null | LC_ALL=C sort || true)
configure() {
	meson setup "$@" "$BUILD" ${MESON_ARGS:-} >"$log" && return
	cat "$log" >&2
	exit 1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -f "$BUILD/build.ninja" ]; then
	configure
elif [ "$(cat "$BUILD/sources" 2>/dev/null)" != "$have" ]; then
	configure --reconfigure
fi
printf '%s\n' "$have" >"$BUILD/sources"
ninja -C "$BUILD" -j"$JOBS" "$@" | sed '/no work to do/d;/Entering directory/d'
exit "${PIPESTATUS[0]}"
