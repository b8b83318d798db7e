#!/bin/bash
# A million packets over a link that damages one TLP and one DLLP in a thousand, both ways. Packets that the card
# leaves alone reach the host byte for byte as they came on the wire, in order, once; packets that the host sends leave
# the card once, with their numbers in order, and as many bytes as over a perfect link.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
damage='--set card.pcie.lcrc_ppb=1000000 --set card.pcie.dllp_crc_ppb=1000000'

# One queue and one core, or the order of packets would be that of several.
receive() { # name, settings...
    local name=$1
    shift
    "$ESPNIC" run --preset generic-100g --rx traces/samples/vpn-gateway-tx.pcap --loop 200 --experiments 0 \
        --set card.dma.rx_queues=1 --set host.cores=1 "$@" --rx-out "$dir/$name.pcap" -o "$dir/$name.json" >/dev/null
}

send() { # name, settings...
    local name=$1
    shift
    "$ESPNIC" run traces/samples/vpn-gateway.yaml --set workload.rx= --loop 220 --experiments 0 "$@" \
        --tx-out "$dir/$name.pcap" -o "$dir/$name.json" >/dev/null
}

# shellcheck disable=SC2086
receive received $damage
send clean
# shellcheck disable=SC2086
send sent $damage
python3 - "$dir" <<'P'
import json, struct, sys
folder = sys.argv[1]

def packets(path):
    with open(path, "rb") as file:
        file.seek(24)
        while head := file.read(16):
            yield file.read(struct.unpack_from("<I", head, 8)[0])

def report(name):
    return json.load(open(f"{folder}/{name}.json"))

def check_damage(name):
    for way in "up", "down":
        link = report(name)["pcie"][way]
        assert link["lcrc_errors"] > 100 and link["bad_dllps"] > 10, (name, way)
        assert link["replays"] >= link["lcrc_errors"], (name, way)
        print(f"  {name} {way}: {link['lcrc_errors']} TLPs and {link['bad_dllps']} DLLPs damaged,"
              f" {link['replays']} TLPs sent again, {link['replay_timeouts']} timers over")

clear = list(packets("traces/samples/vpn-gateway-tx.pcap"))
count = 0
for count, frame in enumerate(packets(f"{folder}/received.pcap"), 1):
    assert frame == clear[(count - 1) % len(clear)], f"packet {count}"
assert count == 200 * len(clear) > 1000000
print("ok", count, "packets received, intact, in order, once")
check_damage("received")

last, lengths = {}, {}
for frame in packets(f"{folder}/sent.pcap"):
    lengths[len(frame)] = lengths.get(len(frame), 0) + 1
    if frame[12:14] == b"\x08\x00" and frame[23] == 50:
        spi, number = struct.unpack_from(">II", frame, 14 + (frame[14] & 15) * 4)
        assert last.get(spi, -1) < number or number == 0, (spi, number)
        last[spi] = number
for frame in packets(f"{folder}/clean.pcap"):
    lengths[len(frame)] -= 1
assert not any(lengths.values())
assert report("sent")["tx"]["packets_in"] > 1000000
for key in "packets_in", "packets_out", "bytes_out", "drops":
    assert report("sent")["tx"][key] == report("clean")["tx"][key], key
print("ok", report("sent")["tx"]["packets_out"], "packets sent, whole, in order in each SA, once")
check_damage("sent")
P
