#!/usr/bin/env bash
# The SAs that `espnic trace mrc` reads off the sample are those that an independent program finds, packet by
# packet; and the curve is what a list of them says.
set -u
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
sample=traces/samples/vpn-gateway
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok sa_sequence: $name"
    else
        echo "not ok sa_sequence: $name"
        head -n 20 "$work/log" | sed 's/^/  | /'
        failed=1
    fi
}

if ! command -v python3 >/dev/null; then
    echo "SKIP sa_sequence: no python3"
    exit 0
fi
"$espnic" trace mrc --oids $sample.jsonl --rx $sample-rx.pcap --tx $sample-tx.pcap --accesses "$work/ours" \
    --sizes all --csv >"$work/curve" || exit 1
python3 tests/validation/sa_sequence.py $sample.jsonl $sample-rx.pcap $sample-tx.pcap >"$work/theirs" || exit 1
verdict "every packet finds its SA" diff "$work/ours" "$work/theirs"
verdict "thousands of packets, and deletions among them" \
    bash -c "[ \$(grep -c ,rx, $work/ours) -gt 4000 ] && [ \$(grep -c ,tx, $work/ours) -gt 5000 ] &&
        [ \$(grep -c ,delete, $work/ours) -ge 100 ]"

# The witness's own list, one for each size: hits of both directions, RX alone and TX alone.
cat >"$work/lru.py" <<'PYTHON'
import csv, sys
events = [(r["what"], r["handle"]) for r in csv.DictReader(open(sys.argv[1]))]
curve = list(csv.DictReader(open(sys.argv[2])))
assert [int(r["sas"]) for r in curve] == list(range(1, len(curve) + 1)) and len(curve) > 100
def hits(size, directions):
    cache, found = [], 0
    for what, sa in events:
        if what != "delete" and what not in directions:
            continue
        there = sa in cache
        if there:
            cache.remove(sa)
        if what != "delete":
            found += there
            cache.append(sa)
            del cache[:-size]
    return found
for row in curve[::9] + curve[-2:]: # every size: test_cache_oracle.c
    for pool, directions in ("shared", ("rx", "tx")), ("rx", ("rx",)), ("tx", ("tx",)):
        size = int(row["sas"])
        expected = hits(size, directions)
        assert int(row[pool + "_hits"]) == expected, (pool, size, row, expected)
        total = sum(what in directions for what, _ in events)
        assert abs(float(row[pool + "_ratio"]) - expected / total) < 1e-6
assert hits(10**9, ("rx", "tx")) == int(curve[-1]["shared_hits"]) > int(curve[-2]["shared_hits"])
PYTHON
verdict "the curve is what lists of them hit" python3 "$work/lru.py" "$work/theirs" "$work/curve"
exit $failed
