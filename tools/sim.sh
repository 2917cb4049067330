#!/bin/bash
# sim.sh: runs the simulator.  SEEDS=n runs n seeds; SEED=x replays one and writes a pcapng; FLOOD=1: under a SYN flood;
# TABLE=cubic (or another) prints how fast a flow goes by loss and round trip.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PARTS="build test" tools/build.sh tests/test-sim
[ -z "${TABLE:-}" ] || exec "$BUILD/tests/test-sim" --table "$TABLE" --seconds "${SECONDS_EACH:-20}"
exec "$BUILD/tests/test-sim" ${FLOOD:+--flood} ${SEED:+--seed "$SEED"} ${SEEDS:+--seeds "$SEEDS"}
