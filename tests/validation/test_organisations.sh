#!/bin/bash
# What look-up memories cost: an ADD takes one more pace for each access that its keys need, to the cycle, in every
# organisation; and look-ups wait for commands only where they share a port. The accesses come from the table's
# counters (test_sa_slots holds those against theory), the time from the card's part of the latencies.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

python3 - "$dir" <<'P'
import json, sys
def sa(i, handle):
    return {"handle": handle, "dir": "in", "src": "10.9.0.1", "dst": "10.8.0.1", "mode": "tunnel",
            "sa": [{"op": "esp", "spi": 5000 + 977 * i, "enc": {"alg": "aes-gcm-128", "key": f"{i:040x}"}}]}
with open(sys.argv[1] + "/adds.jsonl", "w") as f:
    for i in range(64):
        print(json.dumps({"t_ns": 20000 * (i + 1), "oid": "ADD_SA", "nodes": [sa(i, i + 1)]}), file=f)
    for i in range(64):
        print(json.dumps({"t_ns": 20000 * (i + 65), "oid": "DELETE_SA", "handles": [i + 1]}), file=f)
P

run() { # name, settings...
    local name=$1 set=()
    shift
    for s in "$@"; do set+=(--set "card.sa.$s"); done
    "$ESPNIC" run --preset generic-100g --oids "$dir/adds.jsonl" --no-preload --experiments 0 "${set[@]}" \
        -o "$dir/$name.json" >"$dir/$name.txt" 2>&1 || { echo "not ok $name: $(tail -1 "$dir/$name.txt")"; return 1; }
}

each() { # name, settings...
    local name=$1
    shift
    run "$name.2" "$@" lookup_pace=2 || return
    run "$name.102" "$@" lookup_pace=102 || return
    python3 - "$dir" "$name" <<'P'
import json, sys
dir, name = sys.argv[1:]
fast, slow = (json.load(open(f"{dir}/{name}.{pace}.json")) for pace in (2, 102))
table = slow["card"]["sa_table"]
cycle = 2  # ns, at 500 MHz
def total(r, what): return r["oids"][what]["parts"]["card_ns"]["mean"] * r["oids"][what]["parts"]["card_ns"]["count"]
placed, refused = table["adds"], table["add_failures_no_slot"]
added = total(slow, "add") - total(fast, "add")
deleted = total(slow, "delete") - total(fast, "delete")
# ADD: reads its buckets once, and those it searches; a key placed is a write, and so is one moved.
# DELETE: a read and a write, and another write if a key leaves the stash.
accesses = 0 if table["slots"] == 0 else \
    (placed + refused) + table["searched"] + placed + table["moves"] + 2 * placed
if abs(added + deleted - accesses * 100 * cycle) < cycle / 2:
    print(f"ok {name}: {placed} placed, {refused} refused, {accesses} accesses")
else:
    print(f"not ok {name}: {(added + deleted) / 100 / cycle} accesses by time, {accesses} by count")
P
}

each cam table.capacity=64
each direct table.capacity=64 table.organisation=direct table.slots=4096
each hash table.capacity=64 table.organisation=hash table.ways=1
each stash table.capacity=64 table.organisation=hash table.ways=1 table.stash=8
each cuckoo table.capacity=64 table.organisation=cuckoo table.ways=1 table.search=64 table.slots=64

# Traffic at the same time: the sample, whose control requests hit a cuckoo table without a gap between accesses.
for port in false true; do
    "$ESPNIC" run traces/samples/vpn-gateway.yaml --timing-only --experiments 0 --loop 8 --load max \
        --set card.sa.table.organisation=cuckoo --set card.sa.table.capacity=400 --set card.sa.table.slots=128 --set card.sa.table.search=1024 \
        --set card.sa.table.ways=1 --set card.sa.lookup_pace=1 --set card.sa.lookup_port=$port \
        -o "$dir/$port.json" >"$dir/$port.txt" 2>&1 || { echo "not ok lookup_port=$port: $(tail -1 "$dir/$port.txt")"; exit; }
done
python3 - "$dir" <<'P'
import json, sys
apart, shared = (json.load(open(f"{sys.argv[1]}/{p}.json")) for p in ("false", "true"))
def waits(r): return r["blocks"]["sa_lookup"]["waiting_for"].get("command", 0)
accesses = shared["card"]["sa_table"]["searched"] + 4 * shared["sa"]["adds"]
if waits(apart) == 0 and 0 < waits(shared) <= accesses:
    print(f"ok look-ups wait {waits(shared)} cycles for commands that share their port, and none if not")
else:
    print(f"not ok look-ups wait {waits(apart)} cycles apart, {waits(shared)} shared, of {accesses}")
P
