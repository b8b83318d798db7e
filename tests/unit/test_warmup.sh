#!/usr/bin/env bash
# What --warmup leaves out: a card whose cache of contexts fills slowly drops packets at first and none once it is warm.
set -u
suite=warmup
. tests/cli_rig.sh
sample=$samples/vpn-gateway.yaml

if ! command -v python3 >/dev/null; then
    echo "SKIP warmup: no python3"
    exit 0
fi

cat >cold.yaml <<'END'
preset: generic-100g
card:
  clock: 1GHz
  mac: {rate: 200Gbps, rx_buffer: 512KiB}
  crypto: {engines: 2, width: 32B}
  pcie: {generation: 4, lanes: 16}
  capabilities: {window_max: 256}
  sa: {storage: host-cache, context: 256B, cache: {sets: 512, ways: 8, mshrs: 1, hash: mix}}
traffic: {profile: mno, tunnels: 1600}
workload: {timing_only: true, load: 200Gbps}
stop: {packets: 60000}
END

json() { # EXPRESSION over the reports of no, a short and a long warm-up (n, s, l) and the series of the first (rows)
    python3 - "$1" <<'END'
import csv, json, sys
n, s, l = (json.load(open(name + ".json")) for name in ("none", "short", "long"))
rows = list(csv.DictReader(open("s.csv")))
def since(us, column): return sum(int(row[column]) for row in rows if float(row["time_us"]) > us)
def balanced(m): return m["inside"] + m["packets_in"] == m["packets_out"] + m["dropped"] == \
    m["packets_out"] + sum(m["drops"].values())
so = eval("(" + sys.argv[1] + ")")
print(sys.argv[1], so)
sys.exit(not so)
END
}

run() { "$espnic" run cold.yaml --experiments 0 "$@"; }
verdict "no warm-up" run -o none.json --series s.csv --interval 100us --set 'outputs.series_columns=rx.packets_in,rx.drops.*'
verdict "a short one" run -o short.json --warmup 500us
run -o long.json --warmup 1200us >long.txt

verdict "the card is cold at first" json 'n["rx"]["loss"] > 0.1 and n["rx"]["latency_ns"]["p99"] > 1e5'
verdict "nothing new without a warm-up" json '"measured" not in n and "whole_run" not in n'
# The series of the run without a warm-up counts the same drops, by another way; a frame or two lie on the border.
verdict "drops since the short one" json \
    'abs(s["measured"]["rx"]["drops"]["rx_overflow"] - since(500, "rx.drops.rx_overflow")) <= 2'
verdict "packets in since then" json 'abs(s["measured"]["rx"]["packets_in"] - since(500, "rx.packets_in")) <= 2'
verdict "their loss" json 'abs(s["rx"]["loss"] - since(500, "rx.drops.rx_overflow") / since(500, "rx.packets_in")) < 0.005 \
    and s["rx"]["loss"] > 0.01'
verdict "no packet is forgotten" json 'balanced(s["measured"]["rx"]) and balanced(l["measured"]["rx"])'
verdict "some were inside" json 's["measured"]["rx"]["inside"] > 0'
verdict "no loss once it is warm" json 'l["rx"]["loss"] == 0 and l["rx"]["latency_ns"]["max"] < 2000'
verdict "latencies since then" json \
    'l["measured"]["rx"]["packets_in"] <= l["rx"]["latency_ns"]["count"] <= l["measured"]["rx"]["packets_out"]'
verdict "few misses" json 'l["card"]["contexts"] == n["card"]["contexts"] and
    l["card"]["contexts"]["misses"] > 20 * l["measured"]["contexts"]["misses"]'
verdict "the whole run has its own names" json \
    'l["rx"]["drops"] == n["rx"]["drops"] and l["rx"]["packets_in"] == 60000 and
     l["whole_run"]["rx"]["loss"] == n["rx"]["loss"] and l["whole_run"]["rx"]["latency_ns"] == n["rx"]["latency_ns"]'
verdict "the table" grep -qE '^RX +33 [0-9]{3} +33 [0-9]{3} .* 200\.00 .* 0\.0 %  +0\.4' long.txt
verdict "the warm-up beside it" grep -qE '^warm-up, .*: RX 2[67] [0-9]{3} packets in, 7 [0-9]{3} dropped, ' long.txt
run --find loss=0 --warmup 1200us >find.txt
verdict "the highest rate of a warm card" grep -q '^highest rate with loss <= 0: 200.000 Gb/s' find.txt

# refused PATTERN COMMAND ARG...: exit status 2, nothing on stdout, one line of stderr, which matches.
refused() {
    local pattern=$1 got
    shift
    "$espnic" "$@" >out 2>err </dev/null
    got=$?
    cat out err
    [ "$got" -eq 2 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$pattern" err
}
late='stop\.warmup: nothing was measured: found a warm-up of 5000\.000 us, expected less than the [0-9]{4}\.[0-9]{3} us'
verdict "longer than the run" refused "^espnic run: --warmup: $late" run "$sample" --warmup 5ms
(echo "preset: generic-100g" && sed -n '/^traffic/,/^workload/s/200Gbps/100Gbps/p; /^traffic/p' cold.yaml && echo "stop: {warmup: 5ms, packets: 40000}") >long.yaml
verdict "its place in a scenario" refused '^espnic run: long\.yaml:4:[0-9]+: stop\.warmup: nothing was measured' run long.yaml
verdict "longer than the run at the highest rate" refused \
    '^espnic run: --warmup: stop\.warmup: at 100\.000 Gb/s: nothing was measured' \
    run "$sample" --warmup 5ms --load 1Gbps --find loss=0
verdict "just shorter than the run" "$espnic" run "$sample" --warmup 1ms --experiments 0
verdict "a row without a warm phase" bash -c "! $espnic sweep $sample stop.warmup=1ms,5ms --experiments 0 --csv rows.csv &&
    grep -q '^1ms,[0-9.]*,.*,$' rows.csv && grep -q '^5ms,,.*nothing was measured' rows.csv"

exit $failed
