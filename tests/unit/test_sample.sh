#!/usr/bin/env bash
# The files of traces/samples are what their generator writes, byte for byte.
set -u
cd "$(dirname "$0")/../.." || exit 1
make_sample=${BUILD:-build}/make-sample
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name" && status=1; fi
}
refused() {
    ! "$make_sample" "$work/nowhere" 2>"$work/message" && grep -q 'nowhere' "$work/message"
}
small() {
    [ "$(cat traces/samples/vpn-gateway* | wc -c)" -lt 6000000 ]
}

verdict make-sample "$make_sample" "$work"
for name in vpn-gateway.jsonl vpn-gateway-tx.pcap vpn-gateway-rx.pcap vpn-gateway.expect.json; do
    verdict "same-$name" cmp "$work/$name" "traces/samples/$name"
done
verdict no-folder refused
verdict below-6-MB small
exit $status
