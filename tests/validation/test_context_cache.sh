#!/usr/bin/env bash
# The cache of SA contexts inside a run of the shipped sample: it hits what the miss-ratio curve of the trace says,
# changes no packet, and its parameters do what they say.
set -u
cd "$(dirname "$0")/../.." || exit 1
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
sample=$PWD/traces/samples/vpn-gateway
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

if ! command -v python3 >/dev/null; then
    echo "SKIP context_cache: no python3"
    exit 0
fi
verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok context_cache: $name"
    else
        echo "not ok context_cache: $name"
        head -n 20 "$work/log" | sed 's/^/  | /'
        failed=1
    fi
}
context=(card.sa.context=256B card.capabilities.window_max=1024)
# run NAME PATH=VALUE...: NAME.json; a run that does not end is stopped
run() {
    local name=$1 settings=()
    shift
    for s in "${context[@]}" "$@"; do settings+=(--set "$s"); done
    timeout 120 "$espnic" run "$sample.yaml" --timing-only --experiments 0 "${settings[@]}" -o "$work/$name.json" \
        >"$work/$name.txt" 2>"$work/$name.err" || { cat "$work/$name.err"; return 1; }
}
# holds NAME... -- EXPRESSION: of c (the cache), k (contexts), r (the report) of each NAME
holds() {
    python3 - "$work" "$@" <<'PYTHON'
import json, sys
work, *names = sys.argv[1:]
at = names.index("--")
names, expression = names[:at], names[at + 1]
class Of:
    def __init__(self, d): self.__dict__.update(d)
reports = {}
for name in names:
    root = json.load(open(f"{work}/{name}.json"))
    c = Of(root["card"]["sa_cache"])
    c.contexts, c.root = Of(root["card"]["contexts"]), root
    undecided = c.prefetches - c.prefetch_useful - c.prefetch_late - c.prefetch_useless
    assert c.accesses == c.hits + c.misses + c.merged, name
    assert c.fills == c.misses + c.prefetches, name
    assert 0 <= undecided <= 64 * 64, (name, undecided)
    reports[name] = c
assert eval(f"({expression})", {}, reports), (expression, {n: vars(c) for n, c in reports.items() if c.__dict__.pop("root")})
PYTHON
}

# ---- the curve -----------------------------------------------------------------------------------------

# One set, LRU, a memory that is never waited for: received packets hit in a simulated card exactly what the curve
# of the trace says. (What is sent passes several queues of the host and comes in another order.)
"$espnic" trace mrc --oids "$sample.jsonl" --rx "$sample-rx.pcap" --sizes 8,16,32,64,96,128 --csv >"$work/curve" || exit 1
quick=(card.sa.storage=card-cache card.sa.memory_latency=0 card.sa.memory_rate=100000Gbps)
for size in 8 16 32 64 96 128; do
    run "lru$size" workload.tx= "${quick[@]}" card.sa.cache.sets=1 card.sa.cache.ways=$size
    hits=$(awk -F, -v size=$size '$1 == size { print $3 }' "$work/curve")
    verdict "$size contexts hit what the curve says ($hits)" holds lru$size -- "lru$size.hits == $hits > 0"
done

# ---- parameters -------------------------------------------------------------------------------------------

cache=(card.sa.storage=host-cache card.sa.cache.sets=8 card.sa.cache.ways=8)
run plain "${cache[@]}"
run size card.sa.storage=host-cache card.sa.cache.size=16KiB card.sa.cache.ways=8
verdict "a size is as many sets" diff <(sed '/"config"/,$d' "$work/plain.json") <(sed '/"config"/,$d' "$work/size.json")
verdict "the same packets are hit" holds plain size -- "vars(plain).keys() == vars(size).keys() and plain.hits == size.hits"
verdict "a line is a context" holds plain -- "plain.bytes_filled == plain.fills * 256 and
    plain.accesses == plain.contexts.hits + plain.contexts.misses == 9332"

run srrip "${cache[@]}" card.sa.cache.replacement=srrip
run srrip1 "${cache[@]}" card.sa.cache.replacement=srrip card.sa.cache.rrip_bits=1
verdict "srrip is another policy, and its bits count" holds plain srrip srrip1 -- \
    "len({plain.hits, srrip.hits, srrip1.hits}) == 3 and srrip.hits > 4000"

run descriptor "${cache[@]}" card.sa.cache.prefetch_tx=descriptor
run ring "${cache[@]}" card.sa.cache.prefetch_tx=ring
verdict "prefetches from descriptors are of use" holds plain descriptor -- \
    "descriptor.misses < plain.misses * 0.6 and descriptor.prefetch_useful > 1000 and
     descriptor.root['tx']['latency_ns']['p50'] < plain.root['tx']['latency_ns']['p50'] * 0.9"
verdict "prefetches from the ring, too" holds plain ring -- \
    "ring.misses < plain.misses * 0.6 and ring.prefetch_useful + ring.prefetch_late > 1000"
run parser "${cache[@]}" card.sa.cache.prefetch_rx=parser workload.tx= workload.load=max
verdict "prefetches of received packets" holds parser -- \
    "parser.prefetches > 0 and parser.prefetch_there > 1000 and parser.prefetch_useful + parser.prefetch_late > 0"
run few "${cache[@]}" card.sa.cache.prefetch_tx=ring card.sa.cache.prefetches=1 workload.rx= workload.load=max
verdict "prefetches have their limit" holds few -- "few.prefetch_refused > 100"

run pinned "${cache[@]}" card.sa.cache.pinned=20
verdict "pinned contexts stay" holds plain pinned -- "pinned.pins >= 20 and pinned.hits > plain.hits and pinned.bypasses == 0"
run full card.sa.storage=host-cache card.sa.cache.sets=32 card.sa.cache.ways=1 card.sa.cache.pinned=32
verdict "what finds all ways pinned passes by" holds full -- \
    "full.bypasses > 1000 and full.pins >= 30 and full.writebacks > full.evictions"

split=(card.sa.storage=host-cache card.sa.cache.sets=32 card.sa.cache.ways=8 card.sa.cache.line_bytes=64)
run split "${split[@]}"
verdict "a context of four lines" holds plain split -- \
    "split.accesses == 4 * 9332 and split.bytes_filled == split.fills * 64 and split.writebacks > 0.9 * split.evictions"
run part "${split[@]}" card.sa.context_used=100B card.sa.context_written=64B
verdict "two of four lines are fetched, one goes back" holds split part -- \
    "part.accesses == 2 * 9332 and part.bytes_filled < 0.7 * split.bytes_filled and
     0.4 * part.evictions < part.writebacks < 0.6 * part.evictions"
run uneven card.sa.storage=host-cache card.sa.context=200B card.sa.cache.line_bytes=64 card.sa.cache.sets=32
verdict "a context whose last line is short" holds uneven -- "uneven.accesses == 4 * 9332"

# ---- MSHRs --------------------------------------------------------------------------------------------------

run serial "${cache[@]}" card.sa.cache.mshrs=1 workload.rx= workload.load=max
verdict "packets join the one miss there can be" holds serial -- "serial.merged > 10"
run alone "${cache[@]}" card.sa.cache.merge=1 workload.rx= workload.load=max
verdict "nobody joins a miss that holds one" holds alone -- "alone.merged == 0 and alone.misses > 1000"

# ---- who waits for whom ---------------------------------------------------------------------------------------

slow=(card.sa.storage=card-cache card.sa.cache.size=40KiB card.sa.memory_latency=2us card.sa.cache.mshrs=64)
for q in 1 4 16; do run queues$q "${slow[@]}" card.sa.wait_queues=$q; done
verdict "one queue keeps the order, and a packet behind a miss waits with it" holds queues1 -- \
    "queues1.contexts.passed == 0 and queues1.contexts.misses < 0.2 * queues1.contexts.hits and
     queues1.root['rx']['latency_ns']['p50'] > 2000"
verdict "with more of them, hits pass misses" holds queues1 queues4 queues16 -- \
    "queues16.contexts.passed > queues4.contexts.passed > 3000 and
     queues16.root['rx']['latency_ns']['p50'] < queues4.root['rx']['latency_ns']['p50'] < 2000 and
     queues16.root['rx']['latency_ns']['p50'] < 500 and queues16.misses == queues4.misses"

# order DIRECTION NAME: what came out for each pair of hosts, or each SA, in its order
order() {
    local fields=(ip.src -e ip.dst -e ip.id -e ip.len) by=1,2
    [ "$1" = tx ] && fields=(esp.spi -e esp.sequence -e ip.len) by=1
    tshark -r "$work/$2.$1.pcap" -T fields -E occurrence=l -e "${fields[@]}" | sort -s -k "$by" >"$work/$2.$1.order"
}
ordered() { # DIRECTION
    order "$1" in && order "$1" out && [ "$(wc -l <"$work/in.$1.order")" -gt 1000 ] &&
        cmp "$work/in.$1.order" "$work/out.$1.order" && ! cmp -s "$work/in.$1.pcap" "$work/out.$1.pcap"
}
# One transmit queue: packets of an SA from several can change places before the card.
if command -v tshark >/dev/null; then
    for name in in:1 out:16; do
        settings=()
        for s in "${context[@]}" "${slow[@]}" card.dma.tx_queues=1 card.sa.wait_queues=${name#*:}; do settings+=(--set "$s"); done
        "$espnic" run "$sample.yaml" --experiments 0 "${settings[@]}" --rx-out "$work/${name%:*}.rx.pcap" \
            --tx-out "$work/${name%:*}.tx.pcap" >/dev/null
    done
    for d in rx tx; do verdict "out of order, but not within an SA: $d" ordered $d; done
else
    echo "SKIP context_cache order: no tshark"
fi

# ---- added contexts are written -------------------------------------------------------------------------------

python3 - >"$work/adds.jsonl" <<'PYTHON'
import json
for i in range(64):
    print(json.dumps({"t_ns": 20000 * (i + 1), "oid": "ADD_SA", "nodes": [
        {"handle": i + 1, "dir": "in", "src": "10.9.0.1", "dst": "10.8.0.1", "mode": "tunnel",
         "sa": [{"op": "esp", "spi": 5000 + 977 * i, "enc": {"alg": "aes-gcm-128", "key": f"{i:040x}"}}]}]}))
PYTHON
for storage in on-chip card-cache host-cache; do
    "$espnic" run --preset generic-100g --oids "$work/adds.jsonl" --no-preload --experiments 0 -o "$work/$storage.json" \
        --set card.sa.storage=$storage --set card.sa.context=512B --set card.capabilities.window_max=1024 --set card.sa.cache.line_bytes=128 --set card.sa.memory_rate=1Gbps >/dev/null
done
# 512 bytes at 1 Gb/s are 4096 ns; and they cross the link once.
verdict "ADD writes its context" python3 - "$work" <<'PYTHON'
import json, sys
chip, card, host = (json.load(open(f"{sys.argv[1]}/{s}.json")) for s in ("on-chip", "card-cache", "host-cache"))
took = [r["oids"]["add"]["parts"]["card_ns"]["mean"] for r in (chip, card, host)]
sent = [r["pcie"]["up"]["payload_bytes"] for r in (chip, card, host)]
stored = [r["card"]["contexts"]["stored"] for r in (chip, card, host)]
assert took[1] - took[0] == 4096 and 0 < took[2] - took[0] < 20, took
assert sent[1] == sent[0] and sent[2] - sent[0] == 64 * 512, sent
assert stored == [0, 64, 64], stored
PYTHON

verdict "a run without the cost of churn ends, and is compared" bash -c '"$0" run "$1.yaml" --timing-only --set card.sa.storage=host-cache \
    -o "$2/free.json" >/dev/null && python3 -c "
import json, sys
c = json.load(open(sys.argv[1]))[\"churn\"]
assert c[\"compared\"] == 1, c" "$2/free.json"' "$espnic" "$sample" "$work"

# ---- no packet is another ------------------------------------------------------------------------------------

outcome() { # NAME: what became of the packets
    python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
for d in "rx", "tx":
    print(d, r[d]["packets_in"], r[d]["packets_out"], r[d]["bytes_out"], r[d]["drops"])' "$work/$1.json"
}
run chip card.sa.storage=on-chip
for name in plain srrip descriptor ring pinned full split part uneven queues16; do
    verdict "the packets with $name are those without a cache" diff <(outcome chip) <(outcome $name)
done

# The last context of a full table is in the card's own memory, too.
run last "${cache[@]}" card.sa.table.capacity=200
verdict "the context of the table's last place" holds last -- "last.root['card']['control']['dma_failures'] == 0"
exit $failed
