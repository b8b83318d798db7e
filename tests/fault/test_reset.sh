#!/usr/bin/env bash
# Resets in `espnic run`: faults.reset, a table that is wiped (card.sa.reset_wipes) and added again, failover. Figures of
# the report against arithmetic: as many ADDs as SAs are live, so long as so many commands take.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
if ! command -v python3 >/dev/null; then
    echo "SKIP reset: no python3"
    exit 0
fi

# 100 tunnels out, and a packet every 4 us by each in turn, for 8 ms
python3 - <<'END'
import json, struct
def record(link):
    lines = ['{"recording":1,"epoch_ns":0}']
    for i in range(100):
        lines.append(json.dumps({"t_ns": 0, "oid": "ADD_SA", "nodes": [
            {"handle": 1 + i, "dir": "out", "src": "10.0.0.1", "dst": "10.0.0.2", "mode": "tunnel",
             "sel": {"src": "192.168.%d.0/24" % i},
             "sa": [{"op": "esp", "spi": 256 + i, "enc": {"alg": "aes-gcm-128"}}]}]}))
    lines.append(json.dumps({"t_ns": 2000000, "oid": "DELETE_SA", "handles": [91, 92, 93, 94, 95]}))
    if link:
        lines += ['{"t_ns":3000000,"event":"link","up":false}', '{"t_ns":4000000,"event":"link","up":true}']
    return "\n".join(lines) + "\n"
open("sas.jsonl", "w").write(record(False))
open("link.jsonl", "w").write(record(True))
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(2000):
    net = i % 90
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 486, i, 0, 64, 17, 0, bytes([192, 168, net, 1]), bytes([10, 9, 9, 9]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1, 2, 466, 0) + bytes(458)
    out += struct.pack("<IIII", 0, 1000000 + i * 4000, len(frame), len(frame)) + frame
open("clear.pcap", "wb").write(out)
END

failed=0
run() { # NAME RECORDING ARG...
    local name=$1 recording=$2
    shift 2
    if ! "$espnic" run --preset generic-100g --oids "$recording" --tx clear.pcap --timing-only --experiments 0 \
        -o r.json "$@" >out 2>err; then
        echo "not ok reset: $name: $(head -1 err)"
        failed=1
    fi
}
claim() { # NAME EXPRESSION over the report
    if python3 - "$2" <<'END'; then
import json, sys
r = json.load(open("r.json"))
h = r["host"]
b = h["restore"]
good = eval(sys.argv[1])
if not good:
    print("  |", b, r["sa"])
sys.exit(not good)
END
        echo "ok reset: $1"
    else
        echo "not ok reset: $1"
        failed=1
    fi
}
at="--set faults.reset.at=5ms --set faults.reset.hold=100us"
wipe="$at --set card.sa.reset_wipes=true"
add="--set card.command.add=10us"

# shellcheck disable=SC2086
run wiped sas.jsonl $wipe $add
claim "as many ADDs as live SAs" \
    'b["times"] == 1 and b["nodes"] == 95 and r["oids"]["add"]["requests"] == 100 + 95 and b["failed"] == 0'
claim "the table is as before" 'r["sa"]["live"] == 95 and h["sa"]["on_card"] == 95 and r["card"]["control"]["wiped"] == 95'
claim "as long as so many commands" '95 * 10e6 <= b["add_ps"] <= 95 * 10e6 * 1.01 + 6e6'
claim "from the begin of the reset" '100e6 <= b["ps"] - b["add_ps"] <= 100e6 + 30e6'
claim "blocked while it lasts" '100e6 <= b["blocked_ps"] <= 115e6 and h["sa"]["resets"] == 1'
# a packet every 4 us, of 90 SAs in turn: those that wait for their SA's turn go in software; all leave in the end
claim "packets go on in software" \
    '0.3 * b["add_ps"] / 4e6 <= b["software"] <= (b["ps"]) / 4e6 + 1 and b["software"] == h["software_packets"]'
claim "none is lost" 'r["tx"]["packets_out"] == 2000 and r["tx"]["loss"] == 0'
if grep -q '^restored: 95 SAs in 1 *0[0-9][0-9]\.[0-9]* us, 0 refused; ' out && grep -q '^resets: 1, nothing sent' out; then
    echo "ok reset: told"
else
    echo "not ok reset: told"
    failed=1
fi

# shellcheck disable=SC2086
run twice-as-long sas.jsonl $wipe --set card.command.add=20us
claim "twice as long a command" '95 * 20e6 <= b["add_ps"] <= 95 * 20e6 * 1.01 + 6e6'
# shellcheck disable=SC2086
run kept sas.jsonl $at $add
claim "a table that survives" \
    'b["times"] == 0 and r["oids"]["add"]["requests"] == 100 and h["software_packets"] == 0 and b["blocked_ps"] > 0'
# shellcheck disable=SC2086
run by-itself sas.jsonl --set faults.reset.at=5ms --set host.reset_hold=300us $add
claim "the driver ends it" '300e6 <= b["blocked_ps"] <= 315e6 and r["tx"]["packets_out"] == 2000'

# shellcheck disable=SC2086
run failover link.jsonl --set host.failover=readd $add
claim "failover: all deleted, all added again" \
    'b["nodes"] == 95 and r["sa"]["deletes"] == 100 and r["oids"]["add"]["requests"] == 195 and r["sa"]["live"] == 95'
claim "failover: as long as so many commands" '95 * 10e6 <= b["ps"] <= 95 * 10e6 * 1.01 + 6e6'
claim "failover: 250 packets meet no link" 'abs(r["tx"]["drops"]["link_down"] - 250) <= 1'
run no-failover link.jsonl
claim "blocked for as long as the link was down" 'abs(r["tx"]["blocked_us"] - 1000) <= 8'
claim "without failover they stay" 'b["times"] == 0 and r["sa"]["deletes"] == 5 and r["oids"]["add"]["requests"] == 100'

# Tables behind registers survive; their driver rewrites them, as Linux's ixgbe does.
"$espnic" run --preset ixgbe-82599 --oids sas.jsonl --experiments 0 --tx clear.pcap --timing-only \
    --set faults.reset.at=5ms --set faults.reset.hold=100us -o r.json >out 2>err
claim "tables behind registers" \
    'b["times"] == 1 and b["nodes"] == r["sa"]["live"] > 0 and b["ps"] >= b["add_ps"] == h["engine"]["restore_ps"]'

# What is received during a reset uses up the ring; buffers that come back meanwhile are posted when it is over.
python3 - <<'END'
import struct
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(3000):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 46, i & 65535, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1, 2, 26, 0) + bytes(18)
    out += struct.pack("<IIII", 0, i * 2000, len(frame), len(frame)) + frame
open("rx.pcap", "wb").write(out)
END
"$espnic" run --preset generic-100g --rx rx.pcap --timing-only --experiments 0 --set host.rx.ring=64 --set host.rx.queues=1 \
    --set faults.reset.at=1ms --set faults.reset.hold=1ms -o r.json >out 2>err
claim "receives again after the reset" \
    'h["sa"]["resets"] == 1 and 400 < r["rx"]["drops"]["rx_no_descriptor"] < 500 and r["rx"]["packets_out"] > 2500'

# Requests that end at once (the run that finds what churn costs) come back without a call inside a call for each.
"$espnic" run --preset generic-100g --set traffic.profile=mno --set traffic.tunnels=4000 --timing-only --forward hairpin \
    --packets 3000 --set card.ports=2 --set card.sa.table.capacity=20000 --set card.sa.reset_wipes=true \
    --set faults.reset.at=20us --set faults.reset.hold=10us --set card.command.add=100ns -o r.json >out 2>err
status=$?
if [ $status -eq 0 ]; then
    claim "8000 SAs come back" 'b["nodes"] == 8000 and r["churn"]["compared"] == 1'
else
    echo "not ok reset: 8000 SAs come back: status $status"
    failed=1
fi

# A card of packet offload gives the numbers of the SAs that it has; the host does not seal for them as well. Here there
# is room for one of the two around each packet.
python3 - <<'END'
import json, struct
with open("nest.jsonl", "w") as f:
    f.write('{"recording":1,"epoch_ns":0}\n')
    for i, mode in enumerate(("tunnel", "transport")):
        f.write(json.dumps({"t_ns": i * 50000, "oid": "ADD_SA", "nodes": [
            {"handle": 1 + i, "dir": "out", "src": "10.0.0.%d" % (3 - 2 * i), "dst": "10.0.0.%d" % (4 - 2 * i),
             "mode": mode, "sel": {"src": "10.0.0.1/32", "dst": "10.0.0.2/32"},
             "sa": [{"op": "esp", "spi": 256 + i, "enc": {"alg": "aes-gcm-128", "key": "%040x" % (i + 1)}}]}]}) + "\n")
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(50):
    # between the two ADDs, and after both
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 86, i, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1, 2, 66, 0) + bytes(58)
    out += struct.pack("<IIII", 0, 20000 + i * 4000, len(frame), len(frame)) + frame
open("nest.pcap", "wb").write(out)
END
if "$espnic" run --preset generic-100g --oids nest.jsonl --no-preload --tx nest.pcap --tx-out nest-out.pcap --experiments 0 \
    --set host.tx.nest=true --set host.software.keep=both --set card.sa.table.capacity=1 -o r.json >out 2>err; then
    if python3 - <<'END'; then
import json, struct, sys
data = open("nest-out.pcap", "rb").read()
seen, twice, at = set(), 0, 24
while at < len(data):
    length = struct.unpack_from("<I", data, at + 8)[0]
    frame = data[at + 16:at + 16 + length]
    at += 16 + length
    key = frame[34:42]
    twice += key in seen
    seen.add(key)
r = json.load(open("r.json"))
print("  | sent", len(seen) + twice, "twice", twice, {k: v for k, v in r["tx"]["drops"].items() if v})
sys.exit(not (twice == 0 and len(seen) > 0 and len(seen) + r["tx"]["drops"]["no_keys"] == 50))
END
        echo "ok reset: half a pair in software: no number twice"
    else
        echo "not ok reset: half a pair in software: no number twice"
        failed=1
    fi
else
    echo "not ok reset: half a pair in software: $(head -1 err)"
    failed=1
fi

# An ADD that the card has executed, and not yet answered, when the reset wipes its table: one SA, a reset at every
# stage of its ADD, and packets from long after.
python3 - <<'END'
import struct
lines = open("sas.jsonl").read().split("\n")
open("one.jsonl", "w").write("\n".join(lines[:2]) + "\n")
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(100):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 86, i, 0, 64, 17, 0, bytes([192, 168, 0, 1]), bytes([10, 9, 9, 9]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1, 2, 66, 0) + bytes(58)
    out += struct.pack("<IIII", 0, 100000 + i * 4000, len(frame), len(frame)) + frame
open("one.pcap", "wb").write(out)
END
lost=0
for at in 500 1000 1500 2000 2500 3000 3500 4000 4500 5000 5500 6000; do
    "$espnic" run --preset generic-100g --oids one.jsonl --no-preload --tx one.pcap --timing-only --experiments 0 \
        --set card.sa.reset_wipes=true --set faults.reset.at=${at}ns --set faults.reset.hold=1ns \
        --set host.reset_poll=100ns -o r.json >out 2>err || lost=1
    python3 -c 'import json, sys; r = json.load(open("r.json"))
sys.exit(not (r["sa"]["live"] == 1 and r["tx"]["packets_out"] == 100 and r["host"]["sa"]["resets"] <= 1))' || lost=1
done
if [ $lost -eq 0 ]; then
    echo "ok reset: an ADD under way is not lost"
else
    echo "not ok reset: an ADD under way is not lost"
    failed=1
fi

# shellcheck disable=SC2086
run behind sas.jsonl --set card.sa.reset_wipes=true --set faults.reset.at=20ms --set faults.reset.hold=100us $add
claim "behind the last packet" \
    'h["sa"]["resets"] == 1 and b["nodes"] == 95 and r["sa"]["live"] == 95 and r["tx"]["packets_out"] == 2000'

# Packets go on arriving, and the rings of the host run empty while the card is reset: eight of 64 descriptors at some 11
# packets a us. When the reset is over they are full again, and nothing more is lost; with poll and interrupts, one queue and
# eight, wiped or not.
for more in host.rx.signal=interrupt host.rx.signal=poll host.rx.queues=1 card.sa.reset_wipes=true; do
    if "$espnic" run --preset generic-100g --set traffic.profile=mno --set traffic.tunnels=100 --load 100Gbps --packets 20000 \
        --timing-only --experiments 0 --set host.rx.ring=64 --set faults.reset.at=200us --set faults.reset.hold=100us --set "$more" \
        -o r.json >out 2>err; then
        claim "the receive rings are filled again: $more" \
            '(h["sa"]["resets"] == 1 and 300 < r["rx"]["drops"]["rx_no_descriptor"] and
              sum(r["rx"]["drops"].values()) < 11.4 * 150 and r["rx"]["packets_out"] > 18000)'
    else
        echo "not ok reset: $more: $(head -1 err)"
        failed=1
    fi
done

refuse() { # NAME PATTERN ARG...
    local name=$1 pattern=$2
    shift 2
    if "$espnic" run --preset generic-100g --oids sas.jsonl "$@" >out 2>err; [ $? -eq 2 ] && grep -qE -- "$pattern" err; then
        echo "ok reset: refused: $name"
    else
        echo "not ok reset: refused: $name: $(head -1 err)"
        failed=1
    fi
}
refuse "no unit" 'faults\.reset\.at: found "5", which has no unit' --set faults.reset.at=5
refuse "an end without a begin" 'faults\.reset\.hold: .* without faults\.reset\.at' --set faults.reset.hold=5ms
refuse "after the end" 'faults\.reset\.at: .* stop\.time' --set faults.reset.at=5ms --stop-time 5ms
refuse "misspelt" 'unknown key faults\.reset\.wait' --set faults.reset.wait=5ms
refuse "no such policy" 'host\.readd: found "always", expected never or on_use' --set host.readd=always
exit $failed
