#!/usr/bin/env bash
# espnic sweep: the same bytes whatever the number of processes and whether inputs are shared, and every number of
# every row is what espnic run reports for that point: the run is the witness, it shares neither processes nor
# decoded inputs with the sweep.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
vpn=$(realpath traces/samples/vpn-gateway.yaml)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >log 2>&1; then
        echo "ok sweep: $name"
    else
        echo "not ok sweep: $name"
        head -n 20 log | cut -c1-300 | sed 's/^/  | /'
        failed=1
    fi
}

# sweep FILE ARG...: status 0, or 1 where points are to fail.
sweep() {
    local file=$1
    shift
    "$espnic" sweep "$@" >"$file" 2>err </dev/null
    local got=$?
    cat err
    [ $got -le 1 ]
}
points() { [ "$(wc -l <"$1")" -eq $(($2 + 1)) ]; }

# Cards that find contexts in different places, loads that lose; the last choice of card.bus is impossible.
design=("$vpn" --packets 3000 card.sa.storage=on-chip,host-cache card.crypto.width=2B:x2:8B
    load=recorded,30Gbps:30Gbps:60Gbps,max card.bus=32B,24B)
verdict "48 points" sweep one.csv "${design[@]}" --jobs 1
verdict "a row each" points one.csv 48
verdict "half of them have numbers" [ "$(grep -c ',$' one.csv)" -eq 24 ]
verdict "the others say why not" [ "$(grep -c 'card.bus: found 24, expected a power of two' one.csv)" -eq 24 ]
for jobs in 2 7; do
    verdict "again, $jobs processes" sweep again.csv "${design[@]}" --jobs $jobs
    verdict "the same bytes, $jobs processes" cmp one.csv again.csv
done
verdict "again, inputs not shared" sweep again.csv "${design[@]}" --jobs 7 --share 0
verdict "inputs not shared: it says so" grep -q 'not all inputs fit into --share' err
verdict "the same bytes, inputs not shared" cmp one.csv again.csv
verdict "again, only some inputs shared" sweep again.csv "${design[@]}" --share 2MiB
verdict "only some inputs shared: it says so" grep -q 'not all inputs fit into --share' err
verdict "the same bytes, only some inputs shared" cmp one.csv again.csv

if ! command -v python3 >/dev/null; then
    echo "SKIP sweep against runs: no python3"
    exit $failed
fi
cat >witness.py <<'PY'
"""witness.py PROGRAM CSV LEAST SWEPT OPTION...: run every row by itself and compare all numbers, as texts."""
import csv, json, subprocess, sys

program, table, least, swept = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
options = sys.argv[5:]

def at(report, path):
    """The value at a dotted path; keys may hold dots."""
    if path in report:
        return report[path]
    for i in [i for i, c in enumerate(path) if c == "."]:
        inner = report.get(path[:i])
        if isinstance(inner, dict):
            value = at(inner, path[i + 1:])
            if value is not None:
                return value
    return None

compared = moving = wrong = 0
seen = {}
for row in csv.DictReader(open(table)):
    names = list(row)
    keys, columns = names[:swept], names[swept:-1]
    command = [program, "run"] + options
    for key in keys:
        command += ["--preset", row[key]] if key == "preset" else ["--set", key + "=" + row[key]]
    done = subprocess.run(command + ["-o", "-"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if row["error"] or done.returncode:
        ok = done.returncode and row["error"] and row["error"].split(";")[0] in done.stderr
        wrong += not ok
        if not ok:
            print("error:", command, row["error"], done.stderr[:300])
        continue
    report = json.loads(done.stdout, parse_float=str, parse_int=str)
    for column in columns:
        value = at(report, column)
        value = "" if value is None else value
        compared += 1
        seen.setdefault(column, set()).add(value)
        if row[column] != value:
            wrong += 1
            if wrong < 10:
                print(column, "row", [row[k] for k in keys], "sweep", row[column], "run", value)
moving = sum(len(v) > 1 for v in seen.values())
print(compared, "numbers compared,", moving, "columns differ from point to point,", wrong, "wrong")
sys.exit(wrong > 0 or compared < least or moving < 5)
PY

# against NAME LEAST SWEPT SWEEP-ARGS... -- RUN-OPTIONS...
against() {
    local name=$1 least=$2 swept=$3 args=()
    shift 3
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    verdict "$name: runs" sweep rows.csv "${args[@]}"
    verdict "$name: every number is that of a run" python3 witness.py "$espnic" rows.csv "$least" "$swept" "$@"
}
against "all statistics" 25000 3 "$vpn" --packets 3000 card.sa.table.capacity=64:x4:1Ki card.crypto.width=2B,8B \
    load=recorded,30Gbps:30Gbps:90Gbps --columns '*' -- "$vpn" --packets 3000 --experiments 0
against "presets, lanes, filters, a block ideal" 3500 3 "$vpn" preset=generic-100g,cx7-like,ixgbe-82599 \
    card.lanes=1,2 card.bus=24B,32B --timing-only --rx-filter 'not ip6' --packets 3000 --ideal wire \
    --columns 'rx.*,tx.*,blocks.*.busy,blocks.crypto_rx.1.busy,blocks.crypto_tx.blocked_by.*,blocks.crypto_tx.waiting_for.*,host.core1.busy_ps,oids.*' \
    -- "$vpn" --timing-only --rx-filter 'not ip6' --packets 3000 --ideal wire --experiments 0
against "the highest rate, and what limits there" 60 1 --preset generic-100g --oids "${vpn%.yaml}.jsonl" \
    --rx "${vpn%.yaml}-rx.pcap" --timing-only --find loss=1% --experiments 2 card.crypto.width=1B:x2:8B \
    --columns 'find.*,bottleneck.*,rx.*' \
    -- --preset generic-100g --oids "${vpn%.yaml}.jsonl" --rx "${vpn%.yaml}-rx.pcap" --timing-only \
    --find loss=1% --experiments 2

# Captures of two ports, a gateway; traffic made in memory.
gateway=(--preset generic-100g --set card.ports=2 --oids "${vpn%.yaml}.jsonl" --rx "0:${vpn%.yaml}-rx.pcap"
    --tx "1:${vpn%.yaml}-tx.pcap" --packets 6000 --timing-only)
against "captures of two ports" 10000 3 "${gateway[@]}" "rx=1:${vpn%.yaml}-rx.pcap,1:${vpn%.yaml}-tx.pcap" \
    load=recorded,20Gbps,max forward=none,host,hairpin --columns '*,ports.1.rx.*,ports.1.tx.*' -- "${gateway[@]}" --experiments 0
cp rows.csv ports.csv
verdict "both ports take part" python3 - ports.csv <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 18 and not any(r["error"] for r in rows)
assert all(int(r["ports.0.rx.packets"]) > 1000 and int(r["ports.1.rx.packets"]) > 500 for r in rows)
assert len({r["ports.1.rx.bytes"] for r in rows}) > 1
PY
# Standard input can be read once only: no point reads a file.
for port in 0 1; do
    stream=(--preset generic-100g --set card.ports=2 --oids "${vpn%.yaml}.jsonl" loop=1,2 load=recorded,max
        --packets 4000 --jobs 3 --columns 'rx.*,ports.0.*')
    verdict "port $port from a file" sweep file.csv "${stream[@]}" --rx "$port:${vpn%.yaml}-rx.pcap"
    verdict "port $port from standard input" "$espnic" sweep "${stream[@]}" --rx $port:- --csv stdin.csv \
        <"${vpn%.yaml}-rx.pcap"
    verdict "port $port from standard input: the same rows" cmp file.csv stdin.csv
done
made=(--preset cx7-like --set traffic.profile=mno --timing-only --packets 20000)
against "made traffic" 3000 3 "${made[@]}" traffic.tunnels=472,1100,1600 load=100Gbps,200Gbps forward=none,hairpin \
    --columns 'rx.*,tx.*,ports.*,forward.*,sa.*,card.*,ports.1.tx.packets' -- "${made[@]}" --experiments 0
verdict "made traffic: as many SAs as its tunnels have" [ "$("$espnic" sweep "${made[@]}" traffic.tunnels=472,1100,1600 \
    --columns sa.live | tail -n +2 | tr '\n' ' ')" = '472,944, 1100,2200, 1600,3200, ' ]

# A recording with damaged lines is decoded once and fails, or counts, as in a run.
sed '40s/.*/{"t_ns": broken/; 60s/{/{{/' "${vpn%.yaml}.jsonl" >damaged.jsonl
against "a damaged recording" 20 2 --preset generic-100g --oids damaged.jsonl --tx "${vpn%.yaml}-tx.pcap" \
    workload.skip_bad=true,false load=recorded,20Gbps,max --timing-only \
    --columns 'inputs.*,tx.*,sa.*' -- --preset generic-100g --oids damaged.jsonl --tx "${vpn%.yaml}-tx.pcap" \
    --timing-only --experiments 0
verdict "a damaged recording: half of the points fail" [ "$(grep -c 'damaged.jsonl:40:' rows.csv)" -eq 3 ]

# The lines of JSON say what the CSV says.
verdict "JSON" sweep rows.json "${design[@]}" --json
verdict "JSON is the CSV" python3 - one.csv rows.json <<'PY'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1])))
lines = [json.loads(l, parse_float=str, parse_int=str) for l in open(sys.argv[2])]
for row, line in zip(rows, lines, strict=True):
    text = {k: "" if v is None else v for k, v in line.items()}
    assert list(text) == list(row) and text == row, (row, text)
assert len(rows) == 48
PY
exit $failed
