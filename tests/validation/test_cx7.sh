#!/usr/bin/env bash
# The published ConnectX-7 figures: every one is as it is said to be, and the program says the same twice.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok cx7: $name"
    else
        echo "not ok cx7: $name"
        head -n 40 "$work/log" | cut -c1-200 | sed 's/^/  | /'
        failed=1
    fi
}

verdict "wire ceilings" "$espnic" validate cx7 --only ceilings
# The other side of "installed": as many active as installed, and the same card falls.
received() { # INSTALLED ACTIVE
    "$espnic" run --preset cx7-like --timing-only --experiments 0 --forward hairpin --packets 100000 --warmup 1ms \
        --set card.mac.tx_buffer=256KiB --set traffic.profile=mno --set traffic.tunnels="$2" --set traffic.installed="$1" \
        -o "$work/$1-$2.json" >"$work/log" 2>&1 || cat "$work/log"
}
falls() {
    received 2000 472 && received 2000 2000 && python3 -c '
import json, sys
few, all = (json.load(open(p))["tx"]["gbps"] for p in sys.argv[1:])
assert few > 180 and all < 0.5 * few, (few, all)' "$work/2000-472.json" "$work/2000-2000.json"
}
verdict "2000 tunnels active of 2000 installed fall, 472 do not" falls
exit $failed
