#!/usr/bin/env bash
# Kernel captures through the RTL: what ipsec_top gives to the host, and puts on the wire, is what a run of the whole card gives,
# frame by frame. (tests/validation/test_captures.c compares that with the kernel's own clear frames.) Both are compared in every
# cycle meanwhile.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
data=${ESPNIC_DATA:-../shared/data}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$work/rtl}
failed=0

# capture | parameters of the RTL | wire (of the recording's SAs, what arrived) or clear (as if the SAs were for sending)
captures='
linux61-01-gcm128-tunnel4in4|WINDOW=128|wire
linux61-02-gcm256-esn-wrap-tunnel4in4|WINDOW=128|wire
linux61-03-gcm192-icv12-transport4|WINDOW=128|wire
linux61-10-gmac128-tunnel4in4|WINDOW=128|wire
linux61-18-gcm128-bulk-tcp-tunnel4in4|WINDOW=128|wire
linux61-replay-r1-gcm128-win32|WINDOW=128|wire
linux61-replay-r3-gcm128-esn-win128-wrap|WINDOW=128|wire
linux61-replay-r5-gcm128-nowindow|WINDOW=128|wire
linux61-01-gcm128-tunnel4in4|WINDOW=128|clear
linux61-02-gcm256-esn-wrap-tunnel4in4|WINDOW=128|clear
linux61-18-gcm128-bulk-tcp-tunnel4in4|WINDOW=128|clear
'

for tool in verilator g++ make python3; do
    command -v "$tool" >/dev/null 2>&1 || { echo "SKIP captures through the RTL: no $tool"; exit 0; }
done
if [ ! -f "$data/sa2oids.py" ]; then
    echo "SKIP captures through the RTL: no recordings in $data (ESPNIC_DATA)"
    exit 0
fi

# Frames of two captures, without their times.
same_frames() {
    python3 - "$1" "$2" <<'PY'
import struct, sys

def frames(path):
    data = open(path, 'rb').read()
    at, out = 24, []
    while at < len(data):
        captured = struct.unpack('<I', data[at + 8:at + 12])[0]
        out.append(data[at + 16:at + 16 + captured])
        at += 16 + captured
    return out

one, other = frames(sys.argv[1]), frames(sys.argv[2])
print(len(one), 'frames')
sys.exit(0 if one and one == other else 1)
PY
}

while IFS='|' read -r name settings way; do
    [ -n "$name" ] || continue
    base=$data/captures/$name
    params=()
    for setting in $settings; do params+=(--param "$setting"); done
    python3 "$data/sa2oids.py" "$base.sa.json" >"$work/sa.jsonl" || { failed=1; echo "not ok $name: no recording"; continue; }
    if [ "$way" = wire ]; then
        capture=$base.pcap
        [ -f "$capture" ] || { gzip -dc "$base.pcap.gz" >"$work/in.pcap"; capture=$work/in.pcap; }
        side=rx
    else
        # the newest tunnel takes every packet; the first number is 1
        sed -i 's/"dir": "in"/"dir": "out"/g; s/"seq": 0/"seq": 1/g' "$work/sa.jsonl"
        capture=$base.clear.pcap
        [ -f "$capture" ] || { gzip -dc "$base.clear.pcap.gz" >"$work/in.pcap"; capture=$work/in.pcap; }
        side=tx
    fi
    if ! "$espnic" cosim top --oids "$work/sa.jsonl" --$side "$capture" --$side-out "$work/rtl.pcap" "${params[@]}" \
        >"$work/out" 2>&1; then
        cat "$work/out"
        echo "not ok $name, $way: C and RTL"
        failed=1
        continue
    fi
    "$espnic" run --preset generic-100g --oids "$work/sa.jsonl" --$side "$capture" --$side-out "$work/card.pcap" \
        --experiments 0 --set host.tx.tunnel_policy=latest >"$work/out" 2>&1
    if frames=$(same_frames "$work/rtl.pcap" "$work/card.pcap"); then
        echo "ok $name, $way: $frames"
    else
        cat "$work/out"
        echo "not ok $name, $way: $frames of the RTL, and the card's are others"
        failed=1
    fi
done <<<"$captures"
exit "$failed"
