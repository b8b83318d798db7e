#!/usr/bin/env bash
# Frames longer than the card is made for, clear and ESP, between ordinary ones: the MAC drops them, counted, and everything
# else goes on. Before the card's limit and at it they pass.
set -u
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

if ! command -v python3 >/dev/null; then
    echo "SKIP frames that are too long: no python3"
    exit 0
fi

python3 - "$work/giants.pcap" 1756 1757 3511 3513 4000 9000 65000 <<'END'
import struct, sys

def frame(length, protocol):
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, length - 14, 0, 0, 64, protocol, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return b'\x02' * 12 + b'\x08\x00' + header + struct.pack('!II', 256, 1) + bytes(length - 42)

with open(sys.argv[1], 'wb') as out:
    out.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    at = 0
    for length in map(int, sys.argv[2:]):
        for size in (length, 100):
            for protocol in (17, 50):
                out.write(struct.pack('<IIII', 0, at, size, size) + frame(size, protocol))
                at += 50
END

# MTU 1500: up to 1756 bytes. 28 frames, of which 12 are longer.
for setting in card.lanes=1 card.lanes=2 card.sa.storage=card-cache; do
    if timeout 100 "$espnic" run --preset generic-100g --oids traces/samples/vpn-gateway.jsonl --rx "$work/giants.pcap" \
        --set card.mac.mtu=1500B --set "$setting" --experiments 0 -o "$work/report.json" >"$work/log" 2>&1 &&
        python3 -c '
import json, sys
rx = json.load(open(sys.argv[1]))["rx"]
sys.exit(not (rx["packets_in"] == 28 and rx["packets_out"] == 16 and rx["drops"]["rx_too_long"] == 12))' "$work/report.json"; then
        echo "ok frames that are too long, $setting"
    else
        cat "$work/log"
        echo "not ok frames that are too long, $setting"
        failed=1
    fi
done
exit "$failed"
