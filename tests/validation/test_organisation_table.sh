#!/usr/bin/env bash
# The table that compares SA table organisations and storage architectures (sa_table/README.md), made small, holds what
# must hold by theory: who is full first, what a context costs on the link, who waits for whom.
set -u
if ! command -v python3 >/dev/null; then
    echo "SKIP organisation table: no python3"
    exit 0
fi
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC=$espnic
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! python3 tests/bench/organisations.py --small --json >"$work/rows" 2>"$work/log"; then
    echo "not ok organisation table: it was not made"
    head -n 20 "$work/log" | cut -c1-300 | sed 's/^/  | /'
    exit 1
fi
python3 - "$work/rows" <<'PY'
import json, math, sys

rows = json.load(open(sys.argv[1]))
at = {(r["organisation"], r["storage"]): r for r in rows}
slots = rows[0]["slots"]
tables = ["cam", "cuckoo, stash", "hash, d-left", "direct"]
storages = ["on-chip", "card-cache", "host-cache", "descriptor"]
failed = 0

def verdict(name, good, said=""):
    global failed
    print(("ok" if good else "not ok") + f" organisation table: {name}" + (f": {said}" if not good else ""))
    failed |= not good

def column(key, storage="on-chip"):
    return [at[t, storage][key] for t in tables]

verdict("16 points", len(at) == 16 and all((t, s) in at for t in tables for s in storages), len(at))
load = column("load")
verdict("a CAM takes as many as it has places", load[0] == 1, load)
verdict("the fuller first: cam, cuckoo, hash, direct", load[0] >= load[1] > load[2] > load[3] > 0, load)
# 2 choices of buckets of 4: threshold 0.9768 (Fountoulakis, Khosla, Panagiotou 2011); the stash holds 8 beside.
verdict("cuckoo reaches its threshold", load[1] >= 0.9768 - 0.02, load[1])
# Direct: the first key that falls on a taken slot, as birthdays do: mean sqrt(pi n / 2), and seldom outside these.
first = load[3] * slots
birthday = math.sqrt(math.pi * slots / 2)
verdict("direct fails as birthdays do", birthday / 6 < first < 3 * birthday, (first, birthday))
refused = column("refused")
verdict("what refuses earlier refuses more", refused[0] == 0 and refused[0] <= refused[1] < refused[2] < refused[3], refused)
# n keys on n slots leave a share of 1/e of them without a place; with 15/16 of the tunnels carrying traffic alike.
n = slots * 15 / 16
without = 1 - slots / n * (1 - (1 - 1 / slots) ** n)
direct = at["direct", "on-chip"]["software"]
verdict("direct: the share in software is that of keys without a slot", abs(direct - without) < 0.06, (direct, without))
soft = column("software")
verdict("no refusal, nothing in software", soft[0] == 0 and soft == sorted(soft), soft)
for key in ("load", "refused"):
    same = all(len({at[t, s][key] for s in storages}) == 1 for t in tables)
    verdict(f"storage has no influence: {key}", same)
cam = {s: at["cam", s] for s in storages}
verdict("contexts further away, packets later",
        cam["on-chip"]["rx_p50_us"] < cam["card-cache"]["rx_p50_us"] < cam["host-cache"]["rx_p50_us"])
most = [cam[s]["most_gbps"] for s in ("on-chip", "card-cache", "host-cache")]
verdict("... and fewer of them at most", most[0] > 1.1 * most[1] > 1.1 * 1.1 * most[2], most)
verdict("card memory is not on the link", abs(cam["card-cache"]["pcie_bytes_a_packet"] / cam["on-chip"]["pcie_bytes_a_packet"] - 1) < 0.01)
# A miss brings 256 bytes down, and the victim's 256 go up; at least two TLPs each way beside.
missed = 1 - cam["host-cache"]["hit"]
more = cam["host-cache"]["pcie_bytes_a_packet"] - cam["on-chip"]["pcie_bytes_a_packet"]
verdict("a miss costs its context both ways", 512 * missed < more < 1.35 * 512 * missed, (more, missed))
# Only packets to send carry a context: 80 bytes behind each descriptor, so 40 a packet of both directions.
carried = cam["descriptor"]["pcie_bytes_a_packet"] - cam["on-chip"]["pcie_bytes_a_packet"]
verdict("a descriptor carries its context", 40 <= carried < 60, carried)
# Uniform use of all SAs: as good a cache as its share of them, whatever it replaces.
share = (slots / 4) / (2 * n)
verdict("uniform traffic hits C/N", abs(cam["card-cache"]["hit"] - share) < 0.03, (cam["card-cache"]["hit"], share))
verdict("a longer search is a longer ADD", at["cuckoo, stash", "on-chip"]["add_card_us"] > at["cam", "on-chip"]["add_card_us"])
verdict("blocked only where packets were lost", all((r["blocked_us"] > 0) == (r["loss"] > 0) for r in rows))
sys.exit(failed)
PY
