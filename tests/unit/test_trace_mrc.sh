#!/usr/bin/env bash
# espnic trace mrc as a user meets it: small traces whose answer is known, what has no SA, outputs, bad input.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
sample=$PWD/traces/samples/vpn-gateway
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

ok() { echo "ok trace_mrc: $1"; }
not_ok() {
    echo "not ok trace_mrc: $1"
    head -20 err out 2>/dev/null | sed 's/^/  | /'
    failed=1
}
verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >log 2>&1; then ok "$name"; else not_ok "$name"; fi
}

# refused NAME PATTERN ARG...: status 2, nothing on stdout, the first line of stderr matches
refused() {
    local name=$1 pattern=$2 got
    shift 2
    "$espnic" trace mrc "$@" >out 2>err </dev/null
    got=$?
    if [ $got -eq 2 ] && [ ! -s out ] && head -1 err | grep -qE -- "^espnic trace mrc: $pattern"; then
        ok "$name"
    else
        echo "status $got, expected 2 and: espnic trace mrc: $pattern" >>err
        not_ok "$name"
    fi
}

# ---- traces -------------------------------------------------------------------------------------------

bytes() { # HEX...
    local b
    for b in $(echo "$*" | sed 's/[^0-9a-f]//g; s/../& /g'); do printf "\\$(printf %03o "0x$b")"; done
}
head_pcap="4d3cb2a1 0200 0400 00000000 00000000 ffff0000 01000000" # Ethernet, nanoseconds
ether="020000000002 020000000001"
le32() { printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
record() { # NANOSECONDS HEX
    local n
    n=$(($(echo -n "$2" | tr -cd '0-9a-f' | wc -c) / 2))
    echo "$(le32 1) $(le32 "$1") $(le32 $n) $(le32 $n) $2"
}
ipv4() { # PROTOCOL SOURCE DESTINATION PAYLOAD
    local n
    n=$(($(echo -n "$4" | tr -cd '0-9a-f' | wc -c) / 2 + 20))
    printf '%s 0800 4500 %04x 0000 4000 40 %02x 0000 %s %s %s' "$ether" $n "$1" "$2" "$3" "$4"
}
esp() { # NANOSECONDS SPI
    record "$1" "$(ipv4 50 0a000001 0a000002 "$(printf '%08x' "$2") 00000001 $(printf '00%.0s' {1..32})")"
}
udp() { # NANOSECONDS SOURCE DESTINATION
    record "$1" "$(ipv4 17 "$2" "$3" "1234 0035 0010 0000 0001020304050607")"
}
add() { # TIME HANDLE DIR SPI [MORE OF THE NODE]
    echo "{\"t_ns\":$1,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":$2,\"dir\":\"$3\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"mode\":\"tunnel\"${5:-},\"sa\":[{\"op\":\"esp\",\"spi\":$4,\"enc\":{\"alg\":\"aes-gcm-128\"}}]}]}"
}
first='{"recording":1,"epoch_ns":1000000000}'

# A B C A A, B deleted, D C: depths 3, 1, and 3 for the last one: D took the place of B where there was one, in
# a cache of 3, and pushed C out of a cache of 2.
{
    echo "$first"
    for sa in 1 2 3; do add 0 $sa in $((256 + sa)); done
    echo '{"t_ns":60,"oid":"DELETE_SA","handles":[2]}'
    add 60 4 in 260
} >abc.jsonl
arp="$ether 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002"
bytes "$head_pcap" \
    "$(esp 10 257) $(esp 20 258) $(esp 30 259) $(esp 40 257) $(esp 50 257) $(esp 60 260) $(esp 70 259)" \
    "$(esp 80 258) $(esp 90 999) $(record 95 "$arp") $(record 100 "$(ipv4 50 0a000001 0a000002 0000)")" >abc.pcap
cat >expected <<END
sas,kib,rx_hits,rx_ratio,rx_low,rx_high
1,0.25,1,0.142857,0.142857,0.142857
2,0.5,1,0.142857,0.142857,0.142857
3,0.75,3,0.428571,0.428571,0.428571
END
"$espnic" trace mrc --oids abc.jsonl --rx abc.pcap --csv --accesses uses --interval 20ns --active active --context-bytes 256 >out 2>err
verdict "depths by hand" diff expected out
cat >expected <<END
t_ns,what,handle
10,rx,1
20,rx,2
30,rx,3
40,rx,1
50,rx,1
60,delete,2
60,rx,4
70,rx,3
END
verdict "every use and every DELETE" diff expected uses
cat >expected <<END
t_ns,packets,rx
0,1,1
20,2,2
40,2,1
60,2,2
80,3,0
100,1,0
END
verdict "SAs active in each interval" diff expected active

# numbers FILE.json PATH=NUMBER...
numbers() {
    python3 -c '
import json, sys
root = json.load(open(sys.argv[1]))
for pair in sys.argv[2:]:
    path, number = pair.split("=", 1)
    at = root
    for key in path.split("."):
        at = at[int(key) if isinstance(at, list) else key]
    assert at == json.loads(number), (path, at, number)' "$@"
}
"$espnic" trace mrc --oids abc.jsonl --rx abc.pcap --json --context-bytes 1KiB --sizes 2,5 >out.json 2>err
verdict "what has no SA is counted by reason" numbers out.json packets.rx.packets=11 packets.rx.with_sa=7 \
    packets.rx.without_sa.no_sa=2 packets.rx.without_sa.not_ipsec=1 packets.rx.without_sa.malformed=1
verdict "requests" numbers out.json requests.adds=4 requests.deletes=1 requests.unknown_deletes=0 \
    requests.peak_live=3 requests.live=3
verdict "curve and capacities" numbers out.json pools.rx.accesses=7 pools.rx.first=4 pools.rx.curve.0.sas=2 \
    pools.rx.curve.0.hits=1 pools.rx.curve.0.kib=2.0 pools.rx.curve.1.hits=3 pools.rx.needed.0.sas=null \
    pools.rx.needed.6.sas=3 inputs.context_bytes=1024
verdict "reuse" numbers out.json pools.rx.reuse_packets.count=3 pools.rx.reuse_packets.min=1 \
    pools.rx.reuse_packets.max=4 pools.rx.reuse_ns.min=10 pools.rx.reuse_ns.max=40 \
    'pools.rx.reuse_packets_classes=[{"from":1,"count":1},{"from":2,"count":1},{"from":4,"count":1}]' \
    'pools.rx.reuse_ns_classes=[{"from":8,"count":1},{"from":16,"count":1},{"from":32,"count":1}]'
verdict "each number has a definition" python3 -c '
import json
root = json.load(open("out.json"))
known = {k.replace("*", "rx") for k in root["definitions"]}
def walk(at, path):
    if path in known or path in ("inputs", "confidence", "definitions", "pools.rx.curve", "pools.rx.needed"):
        return
    assert isinstance(at, dict), path
    for key, value in at.items():
        walk(value, path + "." + key if path else key)
walk(root, "")'

# Outbound: the most specific selector; a tunnel SA without one takes nothing unless it is told to; links and
# the offload go off and on.
{
    echo "$first"
    add 0 11 out 300 ',"sel":{"dst":"192.168.0.0/16"}'
    add 0 12 out 301 ',"sel":{"dst":"192.168.7.0/24"}'
    add 0 13 out 302
    add 0 14 in 303
    add 0 15 in 303
    echo '{"t_ns":50,"event":"link","up":false}'
    echo '{"t_ns":60,"event":"link","up":true}'
    echo '{"t_ns":70,"event":"encapsulation","on":false}'
    add 71 16 out 304 ',"sel":{"dst":"172.16.0.0/12"}'
    echo '{"t_ns":80,"event":"encapsulation","on":true}'
    echo '{"t_ns":99,"oid":"DELETE_SA","handles":[77]}'
} >out.jsonl
bytes "$head_pcap" "$(udp 10 0a010101 c0a80101) $(udp 20 0a010101 c0a80701) $(udp 30 0a010101 08080808)" \
    "$(record 40 "$arp") $(udp 55 0a010101 c0a80101) $(udp 75 0a010101 c0a80101) $(udp 85 0a010101 c0a80101)" \
    "$(udp 90 0a010101 ac100001)" >out.pcap
"$espnic" trace mrc --oids out.jsonl --tx out.pcap --json --accesses uses >out.json 2>err
verdict "outbound, by reason" numbers out.json packets.tx.packets=8 packets.tx.with_sa=3 \
    packets.tx.without_sa.no_selector=1 packets.tx.without_sa.not_ip=1 packets.tx.without_sa.link_down=1 \
    packets.tx.without_sa.offload_off=1 packets.tx.without_sa.software=1 requests.refused.duplicate=1 \
    requests.offload_off=1 requests.unknown_deletes=1 requests.in_software=2
verdict "the most specific selector" [ "$(cut -d, -f3 uses | tr '\n' ' ')" = "handle 11 12 11 " ]
"$espnic" trace mrc --oids out.jsonl --tx out.pcap --set host.tx.tunnel_policy=latest --json >out.json 2>err
verdict "host.tx.tunnel_policy" numbers out.json packets.tx.with_sa=4
"$espnic" trace mrc --oids out.jsonl --tx out.pcap --tx-sa 13 --json >out.json 2>err
verdict "--tx-sa" numbers out.json packets.tx.with_sa=4 packets.tx.without_sa.no_selector=0
"$espnic" trace mrc --oids out.jsonl --tx out.pcap --preset ixgbe-82599 --json >out.json 2>err
verdict "a preset: its context" numbers out.json inputs.context_bytes=26

# ---- the sample ------------------------------------------------------------------------------------------

both=(--oids "$sample.jsonl" --rx "$sample-rx.pcap" --tx "$sample-tx.pcap")
"$espnic" trace mrc "${both[@]}" --context-bytes 256B >out 2>err
verdict "text says it in one page" bash -c 'grep -q "^RX 4 305 packets, 4 298 use an SA; without: not_ipsec 6, no_sa 1" out &&
    grep -q "^exact: every access counted" out && grep -qE "^all that can be +286 +71\.50 +139 " out &&
    [ "$(awk "length > 120" out | wc -l)" -eq 0 ]'
"$espnic" trace mrc "${both[@]}" --sample-size 60 --seed 3 --plot curve.gp >first 2>err &&
    "$espnic" trace mrc "${both[@]}" --sample-size 60 --seed 3 >second 2>err
verdict "the same again" diff first second
"$espnic" trace mrc "${both[@]}" --sample-size 60 --seed 4 >second 2>err
verdict "another sample with another seed" bash -c '! diff -q first second'
verdict "a script for gnuplot" bash -c 'grep -q "^set output .curve.svg.$" curve.gp && grep -q shared_low curve.gp'
if command -v gnuplot >/dev/null; then
    verdict "its picture" grep -q '<svg' curve.svg
else
    echo "SKIP trace_mrc picture: no gnuplot"
fi
# The truth is between the limits of the sample (on this seed; test_mrc.c has the law).
verdict "the sample's limits" bash -c '
    "$0" trace mrc "${@}" --sizes 16:x2:256 --csv | cut -d, -f1,4,8,12 >exact
    "$0" trace mrc "${@}" --sizes 16:x2:256 --csv --sample 0.5 >sampled
    paste -d, exact sampled | awk -F, "NR > 1 && (\$2 < \$9 || \$2 > \$10 || \$3 < \$13 || \$3 > \$14) { bad = 1 }
        END { exit bad || NR != 6 }"' "$espnic" "${both[@]}"

# ---- bad input ---------------------------------------------------------------------------------------------

good=(--oids abc.jsonl --rx abc.pcap)
bytes "$head_pcap" >none.pcap
: >empty.pcap
{ cat abc.pcap; bytes "$(le32 1) $(le32 200) 40000000 40000000 aabb"; } >cut.pcap
{ cat abc.jsonl; echo '{"t_ns":99,"oid":'; } >bad.jsonl
echo "$first" >nothing.jsonl
refused "no recording" 'expected --oids FILE' --rx abc.pcap
refused "no capture" 'expected --rx FILE, --tx FILE or both' --oids abc.jsonl
refused "no such recording" 'nowhere\.jsonl: .*No such file' --oids nowhere.jsonl --rx abc.pcap
refused "no such capture" 'nowhere\.pcap: .*No such file' --oids abc.jsonl --rx nowhere.pcap
refused "no such capture to send" 'nowhere\.pcap: .*No such file' "${good[@]}" --tx nowhere.pcap
refused "an empty file" 'empty\.pcap: found an empty file, expected a pcap or pcapng capture' \
    --oids abc.jsonl --rx empty.pcap
refused "a capture without packets" 'none\.pcap: found no packet, expected at least one' \
    --oids abc.jsonl --rx none.pcap
refused "one of two without packets" 'none\.pcap: found no packet, expected at least one' \
    "${good[@]}" --tx none.pcap
refused "nothing passes the filter" 'abc\.pcap: found no packet that passes the filter, expected' \
    "${good[@]}" --rx-filter 'tcp'
refused "a filter that is none" 'abc\.pcap: .*filter' "${good[@]}" --rx-filter 'prto 50'
refused "a capture cut short" 'cut\.pcap: record 12: ' --oids abc.jsonl --rx cut.pcap
refused "a damaged record" 'bad\.jsonl:7:[0-9]+: ' --oids bad.jsonl --rx abc.pcap
refused "a recording without SAs" 'found no packet with an SA of nothing\.jsonl, expected at least one' \
    --oids nothing.jsonl --rx abc.pcap
refused "a capture as recording" 'abc\.pcap:1:' --oids abc.pcap --rx abc.pcap
refused "a recording as capture" 'abc\.jsonl: expected a pcap or pcapng capture' --oids abc.jsonl --rx abc.jsonl
refused "an argument too many" 'found one argument too many: "abc\.pcap"' "${good[@]}" abc.pcap
refused "an option that is none" 'unknown option --sampel, did you mean --sample\?' "${good[@]}" --sampel 1
refused "an option without its value" 'option --rx needs a value' --oids abc.jsonl --rx
for rate in 0 -1 1.5 101% x nan inf 0x1 '' 1%%; do
    refused "--sample '$rate'" "--sample: found \"$rate\", expected a share above 0 up to 1" \
        "${good[@]}" --sample "$rate"
done
refused "two ways to sample" '--sample and --sample-size: found both' "${good[@]}" --sample 0.1 --sample-size 9
refused "a sample of none" '--sample-size: found "0", expected 1 to' "${good[@]}" --sample-size 0
refused "a sample of too many" '--sample-size: found "99999999999", expected 1 to' "${good[@]}" \
    --sample-size 99999999999
refused "no number" '--seed: found "many"' "${good[@]}" --seed many
refused "an interval without unit" '--interval: found "5"' "${good[@]}" --interval 5
refused "an interval of nothing" '--interval: found "0", expected whole nanoseconds' "${good[@]}" --interval 0
refused "half a nanosecond" '--interval: found "500ps", expected whole nanoseconds' "${good[@]}" --interval 500ps
refused "sizes that are none" '--sizes: found "1:2"' "${good[@]}" --sizes 1:2
refused "a size of 0" '--sizes: found 0, expected at least 1' "${good[@]}" --sizes 0,4
refused "a size with a unit" '--sizes: ' "${good[@]}" --sizes 4KiB
refused "sizes that fall" '--sizes: found "8,4", expected rising numbers' "${good[@]}" --sizes 8,4
refused "a context of nothing" '--context-bytes: found "0", expected 16 to 1048576' \
    "${good[@]}" --context-bytes 0
refused "no such preset" '--preset: .*cx8' "${good[@]}" --preset cx8
refused "no such parameter" '--set: unknown key card\.sa\.contxt' "${good[@]}" --set card.sa.contxt=1B
refused "an impossible card" '--set: card\.bus: found 48, expected a power of two' "${good[@]}" --set card.bus=48B
refused "two forms of output" '--csv and --json: found both' "${good[@]}" --csv --json
refused "a filter without a capture" 'found a filter without its capture' "${good[@]}" --tx-filter tcp
refused "nowhere to write" '--accesses: cannot write nowhere/uses: ' "${good[@]}" --accesses nowhere/uses
refused "nowhere to write intervals" '--active: cannot write nowhere/active: ' "${good[@]}" --active nowhere/active
"$espnic" trace mrc --oids bad.jsonl --rx abc.pcap --skip-bad --json >out.json 2>err
verdict "--skip-bad counts" numbers out.json requests.bad_records=1 requests.adds=4
"$espnic" trace mrc "${good[@]}" --plot nowhere/x.gp >out 2>err
verdict "nowhere to plot" bash -c "[ $? = 2 ] && grep -q 'espnic trace mrc: --plot: cannot write nowhere/x.gp' err"
exit $failed
