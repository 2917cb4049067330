#!/bin/sh
# later.sh VERB: says that a verb is not there yet.
echo "make $1: not there yet; it comes with a later version of leat (CHANGELOG.md says what is there)." >&2
exit 1
