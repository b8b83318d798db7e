#!/bin/bash
# Tags, credits and completion space: each can be what limits a card, and the report says which, and for how long.
# What the link alone can do is told from what it lacks: with one lane nothing but tags is short, and little.
set -u
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

limit() { # what must be lacking, least share in percent, setting, direction that is left out
    local share
    "$ESPNIC" run traces/samples/vpn-gateway.yaml --timing-only --set "workload.${4:-rx}=" --load max \
        --set "$3" >"$out" 2>&1
    share=$(sed -n "s/^bottleneck: pcie: .*it lacked $1 \([0-9]*\)\.[0-9]* %.*/\1/p" "$out")
    if [ -n "$share" ] && [ "$share" -ge "$2" ]; then
        echo "ok $3: lacks $1 $share % of the time"
    else
        echo "not ok $3: does not say that it lacks $1 for $2 % of the time"
        grep -E '^(bottleneck|limit|espnic)' "$out"
    fi
}

limit tags 90 card.pcie.tags=2
limit 'completion space' 90 card.pcie.space_headers=8
limit 'completion space' 50 card.pcie.space_data=32
limit 'posted credits' 80 card.pcie.host_ph=2 tx
limit 'posted credits' 50 card.pcie.host_pd=16 tx
limit 'non-posted credits' 80 card.pcie.host_nph=1

# Without those limits the link itself is the limit.
"$ESPNIC" run traces/samples/vpn-gateway.yaml --timing-only --set workload.rx= --loop 2 --load max \
    --set card.pcie.lanes=1 --set card.pcie.tags=768 --set card.pcie.host_ph=0 --set card.pcie.host_pd=0 \
    --set card.pcie.host_nph=0 >"$out" 2>&1
if grep -q '^bottleneck: pcie: busy 9[0-9]' "$out"; then
    echo 'ok without them the link is the limit'
else
    echo 'not ok without them the link is the limit'
    grep -E '^(bottleneck|limit|espnic)' "$out"
fi
