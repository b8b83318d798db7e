#!/usr/bin/env bash
# Same inputs, same bytes: a second run, the other cryptographic library, and (where no ICV is bad) a run
# without cryptography.
#
# Timing-only runs differ by rule where contents decide: a bad ICV counts as good; the host keeps no keys
# (host.sa.bytes) and so leaves fragments of ESP alone; what is inside two SAs is not seen; frames to be
# sent are taken for IPv4 without options and Ethernet padding (packet offload: IPv6 in transport mode
# under a block cipher pads differently); UPDATE_SA cannot be compared with the numbers sent
# (update_disagreements).
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
samples=$(realpath traces/samples)
data=$(realpath -m "${ESPNIC_DATA:-../shared/data}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
interval=10us # of the series

ok() { echo "ok determinism: $1"; }
not_ok() {
    echo "not ok determinism: $1"
    [ $# -lt 2 ] || sed 's/^/  | /' "$2" | head -20
    status=1
}

# run FOLDER ARG...: all outputs of a run into FOLDER; their names are the same for every run.
run() {
    local to=$work/$1
    shift
    rm -rf "$to"
    mkdir "$to"
    (cd "$to" && "$espnic" run "$@" -o report.json --tx-out tx.pcap --rx-out rx.pcap --series series.csv \
        --interval $interval --timeline timeline.json --csv report.csv >stdout.txt 2>stderr.txt </dev/null)
}

# same NAME A B: every file equal, and they say something.
same() {
    local f bad=
    for f in report.json tx.pcap rx.pcap series.csv timeline.json report.csv stdout.txt stderr.txt; do
        cmp "$work/$2/$f" "$work/$3/$f" >>"$work/difference" 2>&1 || bad=1
    done
    [ "$(wc -c <"$work/$2/tx.pcap")" -gt 10000 ] || [ "$(wc -c <"$work/$2/rx.pcap")" -gt 10000 ] || bad=1
    if [ -z "$bad" ]; then ok "$1"; else not_ok "$1" "$work/difference"; fi
    : >"$work/difference"
}
: >"$work/difference"

vpn=$samples/vpn-gateway.yaml
# Cards whose choices are random, timed or by hash: none may leak into the outputs.
cards=(
    "packet offload|"
    "crypto offload, ESN by the host|--set card.offload=crypto --set card.sa.esn=host"
    "cache over host memory, random replacement|--set card.sa.storage=host-cache --set card.sa.cache.replacement=random --set card.sa.cache.sets=8 --set card.sa.cache.ways=8"
    "contexts of four lines, prefetches, pins, srrip|--load max --set card.sa.storage=host-cache --set card.sa.cache.replacement=srrip --set card.sa.cache.sets=16 --set card.sa.context=256B --set card.capabilities.window_max=1024 --set card.sa.cache.line_bytes=64 --set card.sa.cache.prefetch_tx=ring --set card.sa.cache.prefetch_rx=parser --set card.sa.cache.pinned=10"
    "as fast as the card takes it, four lanes|--load max --set card.lanes=4"
    "slow crypto, experiments|--load max --set card.crypto.width=2B --packets 2000 --experiments 3"
)
for card in "${cards[@]}"; do
    name=${card%%|*}
    read -ra options <<<"${card#*|}"
    case ${card#*|} in *--experiments*) ;; *) options+=(--experiments 0) ;; esac
    if ! run first "$vpn" "${options[@]}"; then
        not_ok "$name: the run failed" "$work/first/stderr.txt"
        continue
    fi
    run second "$vpn" "${options[@]}"
    same "second run, $name" first second
    if ESPNIC_CRYPTO=ipsec-mb run library "$vpn" "${options[@]}"; then
        ESPNIC_CRYPTO=openssl run openssl "$vpn" "${options[@]}"
        same "OpenSSL for libipsec-mb, $name" library openssl
    else
        echo "SKIP determinism: OpenSSL for libipsec-mb, $name: $(head -1 "$work/library/stderr.txt")"
    fi
done

if ESPNIC_CRYPTO=nonsense run nonsense "$vpn" --experiments 0; then
    not_ok "an unknown library is refused"
else
    ok "an unknown library is refused"
fi

# ---- timing only ------------------------------------------------------------------------------------

if ! command -v python3 >/dev/null; then
    echo "SKIP determinism: timing only: no python3"
    exit $status
fi
cat >"$work/compare.py" <<'PY'
import json, sys

def load(path):
    report = json.load(open(path))
    del report["config"]
    del report["host"]["sa"]["bytes"]
    del report["card"]["sa_table"]["update_disagreements"]
    return report

def differences(a, b, path):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            yield from differences(a.get(key), b.get(key), path + [key])
    elif a != b:
        yield ".".join(path), a, b

functional, timing = load(sys.argv[1]), load(sys.argv[2])
found = list(differences(functional, timing, []))
for d in found[:15]:
    print(*d)
bad = functional["rx"]["drops"]["bad_icv"] + functional["card"]["rx"]["bad_icv"]
packets = functional["rx"]["packets_out"] + functional["tx"]["packets_out"]
if bad or not packets:
    print("not a test:", bad, "bad ICVs,", packets, "packets came through")
sys.exit(bool(found) or bool(bad) or not packets)
PY

# timing NAME ARG...: reports, series and timeline of a run with and without cryptography are equal.
timing() {
    local name=$1 offload
    shift
    for offload in packet crypto; do
        if ! run functional "$@" --experiments 0 --set card.offload=$offload ||
            ! run timing "$@" --experiments 0 --set card.offload=$offload --timing-only; then
            not_ok "timing only, $name, $offload offload: a run failed" "$work/functional/stderr.txt"
        elif ! python3 "$work/compare.py" "$work/functional/report.json" "$work/timing/report.json" \
            >"$work/difference" 2>&1 ||
            ! cmp "$work/functional/series.csv" "$work/timing/series.csv" >>"$work/difference" 2>&1 ||
            ! cmp "$work/functional/timeline.json" "$work/timing/timeline.json" >>"$work/difference" 2>&1; then
            not_ok "timing only, $name, $offload offload" "$work/difference"
        else
            ok "timing only, $name, $offload offload"
        fi
    done
}

# The sample damages two packets, of these two SAs.
a=0xcd76c07a b=0xc11b33be
good="not (ip proto 50 and (ip[20:4]==$a or ip[20:4]==$b)) and not (ip6 proto 50 and (ip6[40:4]==$a or ip6[40:4]==$b))"
good="$good and not (udp port 4500 and (udp[8:4]==$a or udp[8:4]==$b))"
timing "sample without its bad ICVs" "$vpn" --rx-filter "$good"
# Under load requests come late for their packets, and the host opens some in software: not on receive.
timing "sample sent at full load" --preset generic-100g --oids "$samples/vpn-gateway.jsonl" \
    --tx "$samples/vpn-gateway-tx.pcap" --load max --set card.crypto.width=8B

# By rule: a bad ICV counts as good, and nothing else may come of it.
run functional "$vpn" --experiments 0
run timing "$vpn" --experiments 0 --timing-only
if python3 - "$work/functional/report.json" "$work/timing/report.json" <<'PY'; then
import json, sys
a, b = (json.load(open(p))["rx"] for p in sys.argv[1:])
sys.exit(not (a["drops"]["bad_icv"] == 2 and b["drops"]["bad_icv"] == 0 and
              b["packets_out"] == a["packets_out"] + 2 and a["drops"]["replay"] == b["drops"]["replay"]))
PY
    ok "timing only, bad ICVs count as good"
else
    not_ok "timing only, bad ICVs count as good"
fi

if [ ! -r "$data/sa2oids.py" ]; then
    echo "SKIP determinism: timing only, captures: no data at $data"
    exit $status
fi
interval=10ms # captures are seconds long
# Not these: a bad ICV in them (replay-*), ESP inside ESP, SAs without any integrity.
for sas in "$data"/captures/linux61-??-*.sa.json "$data"/captures/strongswan-*.sa.json; do
    base=${sas%.sa.json}
    python3 "$data/sa2oids.py" "$sas" all >"$work/rx.jsonl"
    timing "receive $(basename "$base")" --preset generic-100g --oids "$work/rx.jsonl" --rx "$base.pcap"
    [ -r "$base.clear.pcap" ] || continue
    # The same SAs send: from the number after the last one received.
    python3 -c '
import json, sys
for line in sys.stdin:
    record = json.loads(line)
    for node in record["nodes"]:
        node["dir"] = "out"
        for sa in node["sa"]:
            sa.pop("replay_window", None)
            sa["seq"] += 1
            sa["seq_hi"] = sa["seq"] >> 32
    print(json.dumps(record))' <"$work/rx.jsonl" >"$work/tx.jsonl"
    timing "send $(basename "$base")" --preset generic-100g --oids "$work/tx.jsonl" \
        --tx "$base.clear.pcap" --tx-sa 1
done
exit $status
