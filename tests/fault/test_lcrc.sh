#!/bin/bash
# TLPs and DLLPs damaged on the link: one in a thousand, both ways, is dropped by its receiver. TLPs come again, lost
# Acks, Naks and UpdateFCs are made good. What host and wire get is what they get over a perfect link: every packet
# intact, once, in order within its SA.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

run() { # name, damaged TLPs and DLLPs of 10^9
    "$ESPNIC" run traces/samples/vpn-gateway.yaml --experiments 0 --set card.pcie.lcrc_ppb="$2" \
        --set card.pcie.dllp_crc_ppb="$3" --rx-out "$dir/$1-rx.pcap" --tx-out "$dir/$1-tx.pcap" -o "$dir/$1.json" >"$dir/$1.txt" 2>&1 ||
        { echo "not ok $1: $(tail -1 "$dir/$1.txt")"; exit 1; }
}

if ! command -v python3 >/dev/null; then
    echo 'SKIP lcrc: no python3'
    exit 0
fi
run clean 0 0
run damaged 1000000 0
run often 50000000 0
run lost 0 400000000 # mostly a later Ack makes a lost one good: a timer runs out where none follows
run both 1000000 1000000
cat >"$dir/compare.py" <<'P'
import json, struct, sys
folder = sys.argv[1]

def packets(name):
    data = open(f"{folder}/{name}.pcap", "rb").read()
    at, out = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        out.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return out

def numbers(frames):
    """SPI and sequence number of ESP in IPv4, in the order of the frames."""
    for f in frames:
        if f[12:14] == b"\x08\x00" and f[23] == 50:
            yield struct.unpack_from(">II", f, 14 + (f[14] & 15) * 4)

def say(good, what):
    print(("ok " if good else "not ok ") + what)

# Which packet of the host takes which number may differ where packets of one SA wait at different cores, and
# with the number its ciphertext: what is sent is compared by length and number, what is received by content.
for run in "damaged", "often", "lost", "both":
    report = json.load(open(f"{folder}/{run}.json"))
    for way in "up", "down":
        link = report["pcie"][way]
        if run != "lost":
            say(link["replays"] >= link["lcrc_errors"] > 0, f"{run}: {way}: what was damaged came again")
        if run in ("lost", "both"):
            say(link["bad_dllps"] > 0, f"{run}: {way}: {link['bad_dllps']} DLLPs were lost")
    if run == "lost":
        say(sum(report["pcie"][way]["replay_timeouts"] for way in ("up", "down")) > 0, f"{run}: timers ran out")
    for side in "rx", "tx":
        want, have = packets(f"clean-{side}"), packets(f"{run}-{side}")
        say(len(want) > 1000 and len(want) == len(have), f"{run}: {side}: {len(want)} packets, once each")
        if side == "rx":
            say(sorted(want) == sorted(have), f"{run}: rx: every packet intact")
        else:
            say(sorted(map(len, want)) == sorted(map(len, have)), f"{run}: tx: every packet whole")
    last, good = {}, True
    for spi, number in numbers(packets(f"{run}-tx")):
        good = good and last.get(spi, -1) < number or number == 0
        last[spi] = number
    say(good and len(last) > 50, f"{run}: tx: in order within each of {len(last)} SAs")
P
python3 "$dir/compare.py" "$dir"
