#!/bin/bash
# A card whose request queues are as short as they can be never stands still: whoever waits for room is
# woken when there is some. Context misses compete with their own write-backs for two places.
set -u
run() { # name, settings...
    local name=$1 out
    shift
    if out=$("$ESPNIC" run traces/samples/vpn-gateway.yaml --load max --experiments 0 --timing-only \
        --set card.sa.storage=host-cache --set card.sa.cache.sets=1 --set card.sa.cache.ways=1 \
        --set card.pcie.queue=2 "$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name"
        echo "$out" | tail -8
    fi
}

run "one miss at a time" --set card.sa.cache.mshrs=1
run "eight misses at a time" --set card.sa.cache.mshrs=8
run "two lanes" --set card.sa.cache.mshrs=2 --set card.lanes=2
run "crypto offload" --set card.sa.cache.mshrs=2 --set card.offload=crypto
