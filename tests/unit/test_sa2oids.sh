#!/usr/bin/env bash
# Every SA list beside the shared captures, turned into recordings by the converter that comes with
# them, is read without an error and breaks no rule. The packets of ESP that `trace info` counts are
# as many as the list of expected results says.
set -u
data=${ESPNIC_DATA:-../shared/data}
espnic=${ESPNIC:-${BUILD:-build}/espnic}
skip() { echo "SKIP test_sa2oids: $1"; exit 0; }
[ -f "$data/sa2oids.py" ] || skip "no data at $data"
command -v python3 >/dev/null || skip "no python3"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
verdict() { # $1 status, $2 name; what went wrong is in $work/out
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        echo "not ok $2"
        tail -n 3 "$work/out"
        failed=1
    fi
}

lists=0
while IFS= read -r list; do
    name=$(basename "${list%.gz}" .sa.json)
    case $list in
    *.gz) gzip -dc "$list" >"$work/sa.json" ;;
    *) cp "$list" "$work/sa.json" ;;
    esac
    lists=$((lists + 1))
    for end in left right all; do
        python3 "$data/sa2oids.py" "$work/sa.json" "$end" >"$work/oids.jsonl" 2>"$work/python"
        [ -s "$work/oids.jsonl" ] || continue
        "$espnic" trace check "$work/oids.jsonl" >"$work/out" 2>&1
        verdict $? "$name $end"
    done
done < <(find "$data" -name '*.sa.json' -o -name '*.sa.json.gz' | LC_ALL=C sort)
[ "$lists" -gt 20 ] || { echo "not ok only $lists lists of SAs below $data"; failed=1; }

# ESP packets over IP and over UDP together. The expectations reassemble nothing: a fragment is a
# result of its own there, and a kind of its own here.
for expected in "$data"/captures/{wiki,tcpdump,linux61-[0-9],strongswan}*.expect.json; do
    capture=${expected%.expect.json}.pcap
    "$espnic" trace info --json "$capture" >"$work/info.json" 2>"$work/out"
    python3 - "$expected" "$work/info.json" >>"$work/out" 2>&1 <<'PYTHON'
import json, sys
expected = json.load(open(sys.argv[1]))
info = json.load(open(sys.argv[2]))[0]
kinds = info["packets_by_kind"]
esp = kinds["esp"] + kinds["udp_esp"]
assert info["packets"] == expected["packets"], (info["packets"], expected["packets"])
assert esp == expected["esp_packets"], (esp, expected["esp_packets"])
assert esp + kinds["ah"] == sum(row["packets"] for row in info["spis"])
PYTHON
    verdict $? "$(basename "$capture") counts"
done
exit $failed
