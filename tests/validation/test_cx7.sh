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
exit $failed
