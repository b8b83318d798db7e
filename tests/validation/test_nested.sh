#!/usr/bin/env bash
# A transport SA inside a tunnel SA (host.tx.nest): with crypto offload, where the host builds all headers and the card
# finds them again, the frames on the wire are byte for byte those of packet offload, where the card builds them; the
# latter are what test_tx_out and test_tx_traffic open with OpenSSL.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
if ! command -v python3 >/dev/null; then
    echo "SKIP nested: no python3"
    exit 0
fi

# 60 clear packets of all lengths modulo 4, with contents
python3 - <<'END'
import struct
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(60):
    n = 60 + 7 * i
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, n, i, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1, 2, n - 20, 0) + bytes(j * 5 & 255 for j in range(n - 28))
    out += struct.pack("<IIII", 0, 1000 + i * 4000, len(frame), len(frame)) + frame
open("clear.pcap", "wb").write(out)
END

frames() { # NAME TRANSPORT TUNNEL FAMILY: what of SAs, "ah", "esp" or "esp ah"; endpoints of the tunnel
    python3 - "$2" "$3" "$4" >sas.jsonl <<'END'
import json, sys
print('{"recording":1,"epoch_ns":0}')
ends = ("10.0.1.1", "10.0.1.2") if sys.argv[3] == "4" else ("2001:db8::1", "2001:db8::2")
def sas(what, spi):
    one = {"esp": {"op": "esp", "enc": {"alg": "aes-gcm-128", "key": "%040x" % (spi * 77)}},
           "ah": {"op": "ah", "auth": {"alg": "sha-256", "key": "%064x" % (spi * 99)}}}
    return [dict(one[w], spi=spi + i) for i, w in enumerate(what.split())]
for i, (mode, what) in enumerate((("transport", sys.argv[1]), ("tunnel", sys.argv[2]))):
    src, dst = ("10.0.0.1", "10.0.0.2") if mode == "transport" else ends
    print(json.dumps({"t_ns": 0, "oid": "ADD_SA", "nodes": [
        {"handle": 1 + i, "dir": "out", "src": src, "dst": dst, "mode": mode,
         "sel": {"src": "10.0.0.1/32", "dst": "10.0.0.2/32"}, "sa": sas(what, 256 + 16 * i)}]}))
END
    for offload in packet crypto; do
        if ! "$espnic" run --preset generic-100g --oids sas.jsonl --preload --tx clear.pcap --tx-out $offload.pcap \
            --experiments 0 --set host.tx.nest=true --set card.offload=$offload -o $offload.json >out 2>err; then
            echo "not ok nested: $1: $(head -1 err)"
            failed=1
            return
        fi
    done
    if python3 - <<'END'; then
import json, struct, sys
def frames(name):
    data, at, out = open(name, "rb").read(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        out.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return out
ours, theirs = frames("crypto.pcap"), frames("packet.pcap")
same = sum(a == b for a, b in zip(ours, theirs))
print("  |", len(ours), "and", len(theirs), "frames,", same, "equal")
sys.exit(not (len(ours) == len(theirs) == same == 60))
END
        echo "ok nested: $1"
    else
        echo "not ok nested: $1"
        failed=1
    fi
}

frames "ESP in ESP" esp esp 4
frames "ESP in ESP, IPv6 outside" esp esp 6
frames "AH in ESP" ah esp 4
frames "ESP in AH and ESP" esp "esp ah" 4
frames "AH and ESP in ESP" "esp ah" esp 4
exit $failed
