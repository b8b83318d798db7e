#!/bin/bash
# Poisoned completions and reads that are never answered: packets whose payload is lost are counted, what the card
# needs is asked for again, every request of the host ends, and the books balance.
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

run 'one completion of a thousand poisoned' 5 --set card.pcie.poison_ppb=1000000
run 'three of a hundred' 200 --set card.pcie.poison_ppb=30000000
run 'one read of a thousand not answered' 5 --set card.pcie.lost_ppb=1000000 --set card.pcie.timeout_ps=50us
run 'one of fifty' 100 --set card.pcie.lost_ppb=20000000 --set card.pcie.timeout_ps=20us
run 'contexts in host memory' 100 --set card.pcie.poison_ppb=20000000 --set card.sa.storage=host-cache \
    --set card.sa.cache.sets=4
