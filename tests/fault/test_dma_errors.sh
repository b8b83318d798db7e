#!/bin/bash
# Poisoned completions, reads that the host aborts, answers late or never: packets whose payload is lost are counted,
# what the card needs is asked for again, every request of the host ends, and the books balance. Poisoned writes: nobody
# sees them, the run ends, or says that it stands still.
set -u
out=$(mktemp) || exit 1
report=$(mktemp) || exit 1
trap 'rm -f "$out" "$report"' EXIT

number() { # key: the last such number in the report (of drops: those of TX)
    sed -n "s/^ *\"$1\": \([0-9]*\),\{0,1\}$/\1/p" "$report" | tail -1
}

run() { # name, least failures, settings...
    local name=$1 least=$2 failures
    shift 2
    if ! "$ESPNIC" run traces/samples/vpn-gateway.yaml --timing-only --experiments 0 "$@" -o "$report" \
        >"$out" 2>&1; then
        echo "not ok $name: $(tail -1 "$out")"
        return
    fi
    failures=$(number dma_failures)
    if [ "$failures" -ge "$least" ] && grep -q 'SAs: 240 on the card at the end' "$out"; then
        echo "ok $name: $failures reads failed, $(number dma_error) packets lost their payload"
    else
        echo "not ok $name: $failures reads failed (at least $least expected)"
        grep -E '^SAs|^dropped' "$out"
    fi
}

expect() { # counter of the link, at least
    local n
    n=$(sed -n "s/^ *\"$1\": \([0-9]*\),\{0,1\}$/\1/p" "$report" | head -1)
    if [ "${n:-0}" -ge "$2" ]; then
        echo "ok $1: $n"
    else
        echo "not ok $1: ${n:-nothing}, at least $2 expected"
    fi
}

run 'one completion of a thousand poisoned' 5 --set card.pcie.poison_ppb=1000000
run 'three of a hundred' 200 --set card.pcie.poison_ppb=30000000
run 'one read of a thousand not answered' 5 --set card.pcie.lost_ppb=1000000 --set card.pcie.timeout_ps=50us
run 'one of fifty' 100 --set card.pcie.lost_ppb=20000000 --set card.pcie.timeout_ps=20us
run 'contexts in host memory' 100 --set card.pcie.poison_ppb=20000000 --set card.sa.storage=host-cache \
    --set card.sa.cache.sets=4
run 'one of a thousand aborted' 5 --set card.pcie.abort_ppb=1000000
run 'one of a thousand answered when its time is over' 5 --set card.pcie.late_ppb=1000000 \
    --set card.pcie.timeout_ps=20us --set card.pcie.late_ps=30us
expect unexpected 5
run 'likewise, tags in quarantine' 5 --set card.pcie.late_ppb=1000000 --set card.pcie.timeout_ps=20us \
    --set card.pcie.late_ps=30us --set card.pcie.quarantine_ps=40us --set card.pcie.tags=32

# A completion that the host cannot see holds up its queue; a lost doorbell or interrupt may be made good by the next.
for seed in 1 2 3 4; do
    if "$ESPNIC" run traces/samples/vpn-gateway.yaml --timing-only --experiments 0 --set card.pcie.seed=$seed \
        --set card.pcie.poison_write_ppb=3000000 -o "$report" >"$out" 2>&1; then
        expect poisoned_writes 10
    elif grep -q 'stands still' "$out" && grep -q 'writes to memory and .* to registers were poisoned' "$out"; then
        echo "ok poisoned writes, seed $seed: stands still and says why"
    else
        echo "not ok poisoned writes, seed $seed: $(tail -1 "$out")"
    fi
done
