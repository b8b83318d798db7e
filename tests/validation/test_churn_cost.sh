#!/usr/bin/env bash
# What churn costs the data path (the figures under "churn" of a report) against arithmetic.
#
# One core that sends as fast as it can, and requests that take its time: N requests of I (issue) and C (complete) in a
# measured phase of T take N (I + C) of it; without them the rate is T / (T - N (I + C)) times as high.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
if ! command -v python3 >/dev/null; then
    echo "SKIP churn cost: no python3"
    exit 0
fi

# An SA for 100 clear packets of 100 bytes (60 is the least frame); others come and go, two requests in 40 us, for 6 ms.
python3 - <<'END'
import json, struct
def node(handle, spi, sel):
    n = {"handle": handle, "dir": "out", "src": "10.0.0.1", "dst": "10.0.0.2", "mode": "tunnel",
         "sa": [{"op": "esp", "spi": spi, "enc": {"alg": "aes-gcm-128"}}]}
    if sel:
        n["sel"] = {"src": "192.168.1.0/24"}
    return n
with open("churn.jsonl", "w") as f, open("still.jsonl", "w") as g:
    for out in (f, g):
        out.write('{"recording":1,"epoch_ns":0}\n')
        out.write(json.dumps({"t_ns": 0, "oid": "ADD_SA", "nodes": [node(1, 256, True)]}) + "\n")
    for i in range(150):
        f.write(json.dumps({"t_ns": 10000 + 40000 * i, "oid": "ADD_SA", "nodes": [node(2 + i, 300 + i, False)]}) + "\n")
        f.write(json.dumps({"t_ns": 30000 + 40000 * i, "oid": "DELETE_SA", "handles": [2 + i]}) + "\n")
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(100):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 86, i, 0, 64, 17, 0, bytes([192, 168, 1, 1]), bytes([192, 168, 2, 1]))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1000, 2000, 66, 0) + bytes(58)
    out += struct.pack("<IIII", 0, i * 1000, len(frame), len(frame)) + frame
open("clear.pcap", "wb").write(out)
END

failed=0
run() { # REPORT RECORDING ARG...
    local report=$1 recording=$2
    shift 2
    "$espnic" run --preset generic-100g --oids "$recording" --no-preload --tx clear.pcap --loop 100000 --load max \
        --timing-only --stop-time 5ms --warmup 500us --experiments 1 -o "$report" \
        --set host.cores=1 --set host.tx.signal=poll --set host.oid.signal=poll --set host.tx.packet=200ns "$@" \
        >out 2>err || {
        cat err
        return 1
    }
}
claim() { # NAME EXPRESSION over the report r
    if python3 - "$2" <<'END'; then
import json, sys
r = json.load(open("r.json"))
c = r["churn"]
T = r["time"]["measured_us"]
N = r["sa"]["churn_per_s"] * T / 1e6
print("  |", {k: c[k] for k in ("compared", "tx_mpps", "tx_slowdown", "tx_p99_added_ns")}, "N", N, "T", T, r["tx"]["mpps"])
sys.exit(not eval(sys.argv[1]))
END
        echo "ok churn cost: $1"
    else
        echo "not ok churn cost: $1"
        failed=1
    fi
}

run r.json churn.jsonl --set host.oid.issue=6us --set host.oid.complete=2us || failed=1
claim "the core's time" \
    'c["compared"] == 1 and 200 < N < 300 and abs((1 + c["tx_slowdown"]) / (T / (T - N * 8)) - 1) < 0.01'
claim "more packets in the same time: other populations" \
    'c["tx_comparable"] == 0 and c["tx_p99_added_ns"] == 0'
if grep -Eq '^churn costs: TX \+[1-9][0-9.]* % of throughput, p99 not comparable' out; then
    echo "ok churn cost: told"
else
    echo "not ok churn cost: told"
    failed=1
fi
claim "they hold packets up" 'c["tx_mpps"] > 1.4 * r["tx"]["mpps"]'
cp r.json dear.json
run r.json churn.jsonl --set host.oid.issue=1us --set host.oid.complete=1us || failed=1
claim "cheaper requests" 'abs((1 + c["tx_slowdown"]) / (T / (T - N * 2)) - 1) < 0.01'
claim "the same without them" \
    'abs(c["tx_mpps"] / json.load(open("dear.json"))["churn"]["tx_mpps"] - 1) < 0.002'
run r.json still.jsonl || failed=1
claim "one request costs nothing" 'c["compared"] == 1 and abs(c["tx_slowdown"]) < 0.002'
claim "latency without churn is that of a run without requests" \
    'abs(json.load(open("dear.json"))["churn"]["tx_p99_ns"] / r["tx"]["latency_ns"]["p99"] - 1) < 0.01'
# on a link of 2 Gb/s (some of it in use) requests and packets wait for each other
slow="--set card.pcie.generation=1 --set card.pcie.lanes=1 --load 300Mbps"
# shellcheck disable=SC2086
run r.json still.jsonl $slow --set host.oid.issue=0ns --set host.oid.complete=0ns || failed=1
cp r.json still.json
# shellcheck disable=SC2086
run r.json churn.jsonl $slow --set host.oid.issue=0ns --set host.oid.complete=0ns || failed=1
claim "a narrow link: longer latency, the same rate" \
    'abs(c["tx_slowdown"]) < 0.01 and c["tx_comparable"] == 1 and c["tx_p99_added_ns"] > 100'
if grep -Eq '^churn costs: TX .*, p99 \+[0-9.]+ us' out; then
    echo "ok churn cost: positive as in the report"
else
    echo "not ok churn cost: positive as in the report"
    failed=1
fi
claim "a narrow link: without churn as without requests" \
    'abs(c["tx_p99_ns"] / json.load(open("still.json"))["tx"]["latency_ns"]["p99"] - 1) < 0.01'
run r.json churn.jsonl --experiments 0 || failed=1
claim "not asked for" 'c["compared"] == 0 and c["tx_mpps"] == 0'
"$espnic" report --describe >described
if grep -q '^churn  What SA churn costs the data path' described && grep -q '^  tx_p99_added_ns ' described; then
    echo "ok churn cost: described"
else
    echo "not ok churn cost: described"
    failed=1
fi
exit $failed
