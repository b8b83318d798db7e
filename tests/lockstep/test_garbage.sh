#!/usr/bin/env bash
# 10^5 cycles of garbage for each block as it is; what --garbage does not do is refused.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
failed=0

refused() { # MESSAGE ARGUMENTS...
    local message=$1 out
    shift
    out=$("$espnic" cosim "$@" 2>&1)
    if [ $? = 2 ] && grep -q "$message" <<<"$out"; then
        echo "ok refused: $*"
    else
        echo "$out"
        echo "not ok refused: $*"
        failed=1
    fi
}
refused 'there is none for esn_replay' esn_replay --garbage 1000
refused 'without --cycles' esp_rx --garbage 1000 --cycles 1000
refused 'found "0"' esp_rx --garbage 0
refused 'found "many"' esp_rx --garbage many
refused 'expected up to 2000000000' esp_rx --garbage 2000000001

bash tests/lockstep/garbage.sh "${GARBAGE:-100000}" 1 || failed=1
exit "$failed"
