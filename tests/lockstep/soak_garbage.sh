#!/usr/bin/env bash
# 10^6 cycles of garbage for each block, as it is and for three more sets of parameters.
cd "$(dirname "$0")/../.." || exit 1
exec bash tests/lockstep/garbage.sh "${GARBAGE:-1000000}" "${SETS:-4}"
