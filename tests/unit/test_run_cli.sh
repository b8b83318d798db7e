#!/usr/bin/env bash
# espnic run as a user meets it: refusals with their place, outputs that agree with each other.
set -u
suite=run
. tests/cli_rig.sh

refused() { refuses run "$@"; }

scenario=$samples/vpn-gateway.yaml
cp "$samples/vpn-gateway-rx.pcap" in.pcap
ln -s in.pcap alias.pcap

verdict "no input" refused 'nothing to do: give a scenario' --preset generic-100g
verdict "a value without its unit" refused '^espnic run: --set: card.crypto.width: found "2", which has no unit' \
    "$scenario" --set card.crypto.width=2
verdict "a misspelt parameter" refused 'unknown key card.crypto.widht, did you mean card.crypto.width\?' \
    "$scenario" --set card.crypto.widht=2B
verdict "a link of three lanes" refused '^espnic run: --set: card\.pcie\.lanes: lanes is 3, expected 1, 2' \
    "$scenario" --set card.pcie.lanes=3
verdict "an unknown block" refused 'found "cripto", expected one of: host, wire, .*crypto' \
    "$scenario" --ideal cripto
verdict "a recording as capture" refused 'vpn-gateway.jsonl: expected a pcap or pcapng capture' \
    --rx "$samples/vpn-gateway.jsonl"
verdict "an output over its input" refused '"alias.pcap" is an input' --rx in.pcap --rx-out alias.pcap
verdict "the input is untouched" cmp in.pcap "$samples/vpn-gateway-rx.pcap"
verdict "two outputs in one file" refused '"x" is named for two outputs' "$scenario" --csv x --report x
verdict "an unknown library" env ESPNIC_CRYPTO=none bash -c "! $espnic run $scenario"
verdict "stamps faster than the line" "$espnic" run "$scenario" --pace 1000Gbps --experiments 0
made=(--set traffic.profile=mno --timing-only --packets 1000)
verdict "made traffic by itself" "$espnic" run --preset generic-100g --experiments 0 "${made[@]}"
for way in tx rx; do
    verdict "made traffic and a capture, $way" refused \
        "^espnic run: --$way: workload\\.$way: found \"in.pcap\" and a traffic.profile, expected either" \
        --preset generic-100g "${made[@]}" --$way in.pcap
done
verdict "made traffic and a capture of port 1" refused \
    '^espnic run: --rx: workload\.rx1: found "in.pcap" and a traffic.profile' \
    --preset generic-100g --set card.ports=2 "${made[@]}" --rx 1:in.pcap
verdict "made traffic and the captures of a scenario" refused \
    'vpn-gateway\.yaml:[0-9:]+: workload\.tx: found ".*" and a traffic.profile' "$scenario" "${made[@]}"
refused_sweep() {
    "$espnic" sweep "$@" >out 2>err </dev/null
    local got=$?
    cat out err
    [ "$got" -eq 2 ] && grep -q 'workload\.tx: found ".*" and a traffic.profile' err
}
verdict "made traffic and captures, sweep" refused_sweep "$scenario" traffic.profile=mno,six-bucket \
    workload.timing_only=true stop.packets=1000
verdict "a count that is none" refused '^espnic run: --experiments: found "-1"' "$scenario" --experiments -1
verdict "strict: within the card" "$espnic" run "$scenario" --strict --experiments 0
verdict "strict: beyond the card" refused 'vpn-gateway.jsonl:3: rule 3: .*aes-gcm-256 is not among those reported' \
    "$scenario" --strict --preset ixgbe-82599 --experiments 0

# The highest rate: what is lost for want of room counts, what had to be refused does not, and the line says so.
reasons='lost are only rx_overflow, rx_no_descriptor, host_backlog, forward_full$'
highest() { # LOWEST MOST PATTERN ARG...: Gb/s, in thousandths; a line of the output
    local lowest=$1 most=$2 pattern=$3 found
    shift 3
    "$espnic" run "$@" --find loss=0 --timing-only --experiments 0 >out || return 1
    head -n 8 out
    found=$(sed -nE '1s/^highest rate with loss <= 0: ([0-9]+)\.([0-9]{3}) .*; '"$reasons"'/\1\2/p' out)
    [ -n "$found" ] && [ "$found" -ge "$lowest" ] && [ "$found" -le "$most" ] && grep -qE -- "$pattern" out
}
verdict "refused packets are not lost" highest 80000 100000 '^dropped \(TX\): .*no_selector ' \
    "$scenario" --set workload.rx= --loop 5
verdict "what does not fit on the way out is lost" highest 80000 96000 '^forwarded: ' --preset generic-100g \
    --set card.ports=2 --oids "$samples/vpn-gateway.jsonl" --rx "0:$samples/vpn-gateway-tx.pcap" --loop 3 \
    --forward hairpin --set card.mac.tx_buffer=16KiB --set card.forward.full=drop

# Packets that the card sends on have no doorbell: no latency, rather than one of 0.
no_latency() {
    "$espnic" run --preset cx7-like --timing-only --set traffic.profile=mno --forward hairpin --packets 2000 \
        --experiments 0 | tee out
    grep -qE '^TX +1 [0-9]{3} .* - +- +-$' out && grep -qE '^forwarded: 1 [0-9]{3} packets; .* p50 [1-9][0-9.]* us' out
}
verdict "a latency of nothing is none" no_latency

# RX cannot be offered more than the line: said once, and not where nothing comes from the wire or the wire is ideal.
note='is above the line rate (card.mac.rate, 100.000 Gb/s): RX is offered the line rate'
noted() { # LINES START ARG...
    local lines=$1 start=$2
    shift 2
    "$espnic" run "$@" --timing-only --experiments 0 >out 2>err || return 1
    cat err
    [ "$(wc -l <err)" -eq "$lines" ] && [ "$(grep -cF -- "$start $note" err)" -eq "$lines" ]
}
verdict "a load above the line rate" noted 1 'espnic run: --load: workload.load: note: 300.000 Gb/s' "$scenario" --load 300Gbps
verdict "a pace above the line rate" noted 1 'espnic run: --pace: workload.pace: note: 101.000 Gb/s' "$scenario" --pace 101Gbps
verdict "made traffic above the line rate" noted 1 'espnic run: --load: workload.load: note: 300.000 Gb/s' \
    --preset generic-100g --set traffic.profile=mno --packets 1000 --load 300Gbps
verdict "a load of the line rate" noted 0 '' "$scenario" --load 100Gbps
verdict "a load above the line rate, to send" noted 0 '' "$scenario" --set workload.rx= --load 300Gbps
verdict "a load above the line rate, ideal wire" noted 0 '' "$scenario" --load 300Gbps --ideal wire

if ! command -v python3 >/dev/null; then
    echo "SKIP run outputs: no python3"
    exit $failed
fi

json() { # EXPRESSION over the reports a.json (r), b.json (m) and the series s.csv (s)
    python3 - "$1" <<'END'
import csv, json, sys
r, m = json.load(open("a.json")), json.load(open("b.json"))
s = list(csv.DictReader(open("s.csv")))
t = json.load(open("t.json"))["traceEvents"]
def grown(column): return sum(int(row[column]) for row in s)
print(sys.argv[1], eval(sys.argv[1]))
sys.exit(not eval(sys.argv[1]))
END
}

verdict "all outputs" "$espnic" run "$scenario" -o a.json --series s.csv --interval 100us \
    --timeline t.json --experiments 0
verdict "faster than the crypto" "$espnic" run "$scenario" --load max --set card.crypto.width=2B \
    -o b.json --experiments 0
verdict "the series adds up, RX" json 'grown("rx.packets_out") == r["rx"]["packets_out"] > 4000'
verdict "the series adds up, TX" json 'grown("tx.packets_out") == r["tx"]["packets_out"] > 5000'
verdict "the series grows all the time" json 'sum(int(x["tx.packets_out"]) > 0 for x in s) > 15'
verdict "the timeline has every packet that left" json \
    'len({e["args"]["packet"] for e in t if e["ph"] == "X" and e["name"] == "tx"}) == r["tx"]["packets_out"]'
# Control requests that come after the packets do not stretch or fill the measured phase.
verdict "not faster than the line" json 'max(m["tx"]["wire_gbps"], m["rx"]["wire_gbps"]) <= 100'
# The engines, and nothing beside them: what is offered is too much for them.
verdict "the engines are busy" json '(lambda b: b["slots"] == 4 and b["busy"] > 0.97 * (b["busy"] + b["blocked"] + b["waiting"] + b["starved"]))(m["blocks"]["crypto_tx"])'
verdict "what is over is lost" json 'm["rx"]["drops"]["rx_overflow"] > 1000'
exit $failed
