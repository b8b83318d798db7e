#!/usr/bin/env bash
# Published tables of cores, cards and drivers: every figure is as it is said to be, group by group; what is not
# modelled says so; the program says the same twice; and a figure that the card does not meet is noticed.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
ESPNIC_PRESETS=$(realpath "${ESPNIC_PRESETS:-$PWD/sim/presets}")
export ESPNIC_PRESETS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok tables: $name"
    else
        echo "not ok tables: $name"
        grep -E 'MISSES|HOLDS|figures:|espnic' "$work/log" | head -n 40 | cut -c1-200 | sed 's/^/  | /'
        failed=1
    fi
}

# group NAME LEAST ABSENT: at least so many figures hold; exactly so many have nothing to compare.
group() {
    "$espnic" validate tables --only "$1" >"$work/$1" || { cat "$work/$1"; return 1; }
    cat "$work/$1"
    [ "$(grep -cE ' ok *$' "$work/$1")" -ge "$2" ] && [ "$(grep -c 'not modelled *$' "$work/$1")" -eq "$3" ] &&
        ! grep -qE 'MISSES|HOLDS' "$work/$1"
}
while read -r name least absent; do
    verdict "$name" group "$name" "$least" "$absent"
done <<'LIST'
crypto 24 2
ixgbe 53 4
netdevsim 14 2
replay 36 0
mlx5 29 0
sizing 4 0
churn 3 1
bluefield 5 0
policies 8 0
LIST

# Recorded verdicts, where they are; where they are not it says so and does not fail.
recorded() {
    "$espnic" validate tables --only recorded >"$work/recorded" && cat "$work/recorded" &&
        [ "$(grep -cE ' ok *$' "$work/recorded")" -eq 10 ]
}
if [ -r "${ESPNIC_DATA:-}/captures/linux61-replay-r1-gcm128-win32.pcap" ]; then
    verdict recorded recorded
else
    echo "SKIP tables: recorded: no data at ${ESPNIC_DATA:-\$ESPNIC_DATA}"
fi
without_data() {
    ESPNIC_DATA=/nonexistent "$espnic" validate tables --only recorded >"$work/none" &&
        [ "$(grep -c 'no data *$' "$work/none")" -eq 5 ] && ! grep -q ' ok *$' "$work/none"
}
verdict "recorded, without the recordings" without_data

# A card that is not the published one: presets with one value changed.
mkdir "$work/presets"
changed() { # GROUP PRESET PATTERN REPLACEMENT: a figure misses, exit status 1
    cp "$ESPNIC_PRESETS"/*.yaml "$work/presets/"
    sed -i "s/$3/$4/" "$work/presets/$2.yaml"
    cmp -s "$ESPNIC_PRESETS/$2.yaml" "$work/presets/$2.yaml" && { echo "espnic: nothing was changed"; return 1; }
    ESPNIC_PRESETS=$work/presets "$espnic" validate tables --only "$1" >"$work/changed"
    [ $? -eq 1 ] && grep -q 'MISSES *$' "$work/changed"
}
verdict "32 places instead of 33 are noticed" changed netdevsim netdevsim 'capacity: {value: 33' 'capacity: {value: 32'
verdict "a table of 127 addresses is noticed" changed ixgbe ixgbe-82599 'ip_entries: {value: 128' 'ip_entries: {value: 127'
verdict "a cycle more a packet is noticed" changed crypto generic-100g 'key_setup: {value: 0' 'key_setup: {value: 1'

# The shipped scenario of the policies: the first columns of its table.
order() {
    "$espnic" sweep traces/samples/replacement-order.yaml card.sa.cache.replacement=lru,random traffic.order=cyclic,random \
        --packets 60000 --columns card.contexts.hits,card.contexts.misses >"$work/order.csv" && cat "$work/order.csv" &&
        awk -F, 'NR > 1 { h[$1 $2] = $3 / ($3 + $4) } END { exit !(NR == 5 && h["lrucyclic"] == 0 &&
            h["randomcyclic"] > 0.3 && h["randomcyclic"] < 0.45 && h["lrurandom"] > 0.6 && h["lrurandom"] < 0.68) }' "$work/order.csv"
}
verdict "policies, the shipped scenario" order

# Ranges: inside, or how far outside; never a share of the way.
ranges() {
    "$espnic" validate pcie --only on-demand >"$work/ranges" && grep -q ' inside  *between ' "$work/ranges" &&
        ! grep -E ' [+-][0-9.]+ %  *between ' "$work/ranges"
}
verdict "a figure inside its range says so" ranges

twice() {
    "$espnic" validate tables --only "$1" --json >"$work/one" && "$espnic" validate tables --only "$1" --json >"$work/two" &&
        [ -s "$work/one" ] && cmp "$work/one" "$work/two"
}
verdict "the same bytes" twice churn

if command -v python3 >/dev/null; then
    json() {
        "$espnic" validate tables --only crypto --json >"$work/json" && python3 - "$work/json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
f = d["figures"]
assert len(f) == 27 and all(x["source"] and x["figure"] for x in f)
absent = [x for x in f if x["verdict"] == "not modelled"]
assert len(absent) == 2 and all(x["simulated"] is None for x in absent)
assert all(x["settings"].startswith("preset=") for x in f if x not in absent)
assert d["sets"]["core"]["card.crypto.engines"]["value"] == "1"
PY
    }
    verdict "JSON" json
else
    echo "SKIP tables JSON: no python3"
fi
exit $failed
