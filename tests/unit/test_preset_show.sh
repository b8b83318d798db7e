#!/usr/bin/env bash
# espnic preset list and show: every preset is there, and shows where its values are from.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME PATTERN COMMAND...: it ends well, says nothing on stderr, and a line matches the pattern.
check() {
    local name=$1 pattern=$2
    shift 2
    if "$@" >"$work/out" 2>"$work/err" </dev/null && [ ! -s "$work/err" ] &&
        grep -qE -- "$pattern" "$work/out"; then
        echo "ok preset show: $name"
    else
        echo "not ok preset show: $name"
        sed 's/^/  | /' "$work/err"
        echo "  | no line matches: $pattern"
        failed=1
    fi
}

for file in sim/presets/*.yaml; do
    preset=$(basename "$file" .yaml)
    check "$preset is listed" "^$preset +[^ ]" "$espnic" preset list
    check "$preset shows read values" '^card\.[a-z_.]+ +[^ ]+ +read ' "$espnic" preset show "$preset"
    check "$preset shows computed values" '^card\.[a-z_.]+ +[^ ]+ +computed ' \
        "$espnic" preset show "$preset"
    check "$preset shows assumed values" '^card\.[a-z_.]+ +[^ ]+ +assumed ' \
        "$espnic" preset show "$preset"
    check "$preset as JSON" '"from": "read"' "$espnic" preset show "$preset" --json
done
check "cx7-like shows fitted values" '^card\.sa\.cache\.mshrs +3 +fitted ' \
    "$espnic" preset show cx7-like
check "82599 shows its places" '^card\.sa\.table\.capacity_in +1024 +read ' \
    "$espnic" preset show ixgbe-82599
check "a value changed by hand is no longer read" '^card\.sa\.table\.capacity_in +7 +user ' \
    "$espnic" preset show ixgbe-82599 --set card.sa.table.capacity_in=7
exit "$failed"
