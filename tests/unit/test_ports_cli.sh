#!/usr/bin/env bash
# Several ports and gateways on the command line and in scenarios: files by port, refusals with their place.
set -u
suite=ports
. tests/cli_rig.sh

refused() { refuses run "$@"; }

run() {
    "$espnic" run --experiments 0 "$@"
}

rx=$samples/vpn-gateway-rx.pcap
oids="--oids $samples/vpn-gateway.jsonl"
two='--preset generic-100g --set card.ports=2'
made="$two --set traffic.profile=mno --timing-only"

# ---- refusals ----

verdict "a port too many" refused '^espnic run: --rx: workload.rx1: found a file for port 1, but the card has 1 \(card.ports\)' \
    --preset generic-100g --rx "1:$rx"
verdict "an output of a port too many" refused '^espnic run: --tx-out: outputs.tx_out3: found a file for port 3' \
    $two --rx "$rx" --tx-out 3:x.pcap
verdict "an output over an input of a port" refused 'is an input and cannot be written' \
    $two --rx "1:$rx" --rx-out "0:$rx"
verdict "two outputs in one file" refused '"x" is named for two outputs' $two --rx "$rx" --rx-out x --tx-out 1:x
verdict "a path that is none" refused '^espnic run: --forward: card.forward.path: found "hairpins", .*hairpin' \
    $two --rx "$rx" --forward hairpins
verdict "a route that is none" refused '^espnic run: --set: card.forward.routes: found "10.0.0.1/8=1", expected PREFIX=PORT' \
    $two --rx "$rx" --set card.forward.routes=10.0.0.1/8=1
verdict "a route to a port that there is not" refused 'card.forward.routes: found "default=2", .*a port below 2' \
    $two --rx "$rx" --set card.forward.routes=default=2
verdict "hairpin where the host numbers" refused 'card.forward.path: found hairpin, expected host or none' \
    $two --rx "$rx" --forward hairpin --set card.offload=crypto
verdict "a VLAN that is none" refused 'card.forward.vlan: found "4095", which is too large' $two --rx "$rx" \
    --set card.forward.vlan=4095
verdict "a profile that is none" refused '^espnic run: --set: traffic.profile: found "mnos", expected six-bucket, mno' \
    $two --set traffic.profile=mnos --timing-only --packets 10
verdict "made traffic that never ends" refused 'traffic.profile: .*neither stop.packets nor stop.time' $made
verdict "made traffic with contents" refused 'traffic.profile: .*workload.timing_only is false' \
    $two --set traffic.profile=mno --packets 10
verdict "fewer tunnels than ports" refused 'traffic.tunnels: found 1, expected at least one for each of 2 ports' \
    $made --packets 10 --set traffic.tunnels=1
verdict "fewer installed than active" refused 'traffic.installed: found 3, expected at least traffic.tunnels' \
    $made --packets 10 --set traffic.installed=3
verdict "more tunnels than the card has room for" refused 'traffic.installed: the card refused an SA of tunnel 5' \
    $made --packets 10 --set traffic.tunnels=10 --set card.sa.table.capacity=10
cat >bad.yaml <<'END'
preset: generic-100g
card:
  ports: 2
  forward: {path: hairpin, routes: "10.0.0.0/8"}
workload: {rx: in.pcap}
END
verdict "a route in a scenario" refused 'bad.yaml:4:36: card.forward.routes: found "10.0.0.0/8"' bad.yaml

# ---- what ports say ----

if ! command -v python3 >/dev/null; then
    echo "SKIP ports outputs: no python3"
    exit $failed
fi

json() { # EXPRESSION over the reports a.json (a) and b.json (b)
    python3 - "$1" <<'END'
import json, os, sys
a = json.load(open("a.json"))
b = json.load(open("b.json")) if os.path.exists("b.json") else None
ok = eval("(" + sys.argv[1] + ")")
print(sys.argv[1], ok)
sys.exit(not ok)
END
}

same() { cmp "$1" "$2"; }

verdict "port 0 by name" run $two $oids --rx "0:$rx" -o a.json --rx-out a.pcap
verdict "port 0 without" run $two $oids --rx "$rx" -o b.json --rx-out 0:b.pcap
verdict "is the same" json 'a["rx"] == b["rx"] and a["ports"] == b["ports"] and a["ports"]["0"]["rx"]["packets"] > 4000'
verdict "and its output too" same a.pcap b.pcap
verdict "two ports at once" run $two $oids --rx "0:$rx" --rx "1:$samples/vpn-gateway-tx.pcap" \
    --tx "$samples/vpn-gateway-tx.pcap" --tx "1:$samples/vpn-gateway-tx.pcap" --tx-out 0:t0 --tx-out 1:t1 \
    --tx-out all --rx-out 0:r0 --rx-out 1:r1 --rx-out every -o a.json
verdict "ports add up" json 'all(sum(a["ports"][p][d]["packets"] for p in "01") == a[d][k]
    for d, k in (("rx", "packets_in"), ("tx", "packets_out")))'
verdict "each has its own" json 'a["ports"]["1"]["rx"]["packets"] == 5034 and a["ports"]["1"]["tx"]["packets"] == 5034'
records() { python3 -c '
import struct, sys
b, at, n = open(sys.argv[1], "rb").read(), 24, 0
while at < len(b):
    at += 16 + struct.unpack("<I", b[at + 8:at + 12])[0]; n += 1
print(n)' "$1"; }
sums() { [ $(($(records "$1") + $(records "$2"))) -eq "$(records "$3")" ] && [ "$(records "$1")" -gt 4000 ]; }
verdict "outputs of ports add up, TX" sums t0 t1 all
verdict "outputs of ports add up, RX" sums r0 r1 every
cat >two.yaml <<END
preset: generic-100g
card: {ports: 2}
workload:
  oids: $samples/vpn-gateway.jsonl
  rx1: $rx
outputs: {rx_out1: y.pcap}
END
verdict "ports in a scenario" run two.yaml -o a.json
verdict "are counted where they are" json \
    'a["ports"]["0"]["rx"]["packets"] == 0 and a["ports"]["1"]["rx"]["packets"] > 4000'
verdict "and written" [ -s y.pcap ]

# ---- made traffic ----

verdict "made traffic" run $made --packets 20000 --forward hairpin -o a.json
verdict "made traffic again" run $made --packets 20000 --forward hairpin -o b.json
verdict "is the same again" json '{k: v for k, v in a.items() if k != "config"} == {k: v for k, v in b.items() if k != "config"}'
verdict "half of it is ESP, all of it goes on" json '9800 <= a["sa"]["hits"] <= 10010 and 19700 <= a["forward"]["packets"] and
    a["forward"]["packets"] + a["rx"]["drops"]["rx_overflow"] == 20000'
verdict "at half the load" run $made --packets 20000 --forward hairpin --load 50Gbps -o b.json
verdict "the wires are half full" json 'all(abs(b["ports"][p]["rx"]["wire_gbps"] - 50) < 0.2 for p in "01")'
verdict "nothing is lost" json 'b["rx"]["loss"] == 0 and b["tx"]["loss"] == 0 and b["forward"]["packets"] == 20000'
exit $failed
