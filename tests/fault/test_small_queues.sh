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

# A gateway whose receive rings have fewer buffers than are given back at a time: when all of them have come back from
# the transmit side they are posted again, and it goes on receiving.
ring() { # size
    local report
    report=$(mktemp)
    if "$ESPNIC" run --preset generic-100g --set traffic.profile=mno --set traffic.tunnels=100 --timing-only \
        --forward host --packets 20000 --set card.ports=2 --experiments 0 --set host.rx.ring="$1" -o "$report" >/dev/null 2>&1 &&
        python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not r["tx"]["packets_out"] > 2000)' "$report"; then
        echo "ok gateway with rings of $1"
    else
        echo "not ok gateway with rings of $1"
    fi
    rm -f "$report"
}

if command -v python3 >/dev/null; then
    ring 8
    ring 16
fi
