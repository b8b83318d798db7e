#!/bin/bash
# A million packets over a link that damages one TLP in a thousand: all of them come, once, and the books balance.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for damaged in 0 1000000; do
    "$ESPNIC" run traces/samples/vpn-gateway.yaml --set workload.rx= --loop 220 --timing-only --experiments 0 \
        --set card.pcie.lcrc_ppb=$damaged -o "$dir/$damaged.json" >/dev/null
done
python3 - "$dir" <<'P'
import json, sys
clean, damaged = (json.load(open(f"{sys.argv[1]}/{n}.json")) for n in (0, 1000000))
assert clean["tx"]["packets_in"] > 1000000
for key in "packets_in", "packets_out", "bytes_out", "drops":
    assert clean["tx"][key] == damaged["tx"][key], key
assert damaged["pcie"]["up"]["lcrc_errors"] > 1000 and damaged["pcie"]["down"]["lcrc_errors"] > 1000
print("ok", damaged["tx"]["packets_out"], "packets,", damaged["pcie"]["up"]["replays"], "+",
      damaged["pcie"]["down"]["replays"], "TLPs sent again")
P
