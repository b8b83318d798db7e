#!/usr/bin/env bash
# espnic cosim top with recordings and captures: what goes through, what is left out and counted, what is refused before or after.
# C and RTL never differ here but where a test makes the RTL differ.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lockstep/cosim_rig.sh

key='"enc":{"alg":"aes-gcm-128","key":"00112233445566778899aabbccddeeff01020304"}'
in_sa='{"op":"esp","spi":4096,'$key'}'
# ADDs: of an inbound node with these members before its SA, of one outbound.
add() { echo "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":$1,$2,\"mode\":\"tunnel\",\"sa\":[$3]}]}"; }
inbound='"dir":"in","src":"192.0.2.1","dst":"192.0.2.2"'
outbound='"dir":"out","src":"192.0.2.1","dst":"192.0.2.2","sel":{"src":"0.0.0.0/0","dst":"0.0.0.0/0"}'
{
    add 1 "$outbound" "$in_sa"
    add 2 "$inbound" "$in_sa"
} >"$work/two.jsonl"
add 1 "$outbound" "$in_sa" >"$work/sends.jsonl"
add 1 "$inbound" "$in_sa" >"$work/receives.jsonl"

# ---- refused at once; without tools ------------------------------------------------------------------------

sample=traces/samples/vpn-gateway-tx.pcap
cp "$sample" "$work/tx.pcap"
expect "no capture: refused" 2 'wants a capture' top --oids "$work/two.jsonl"
expect "no SAs: refused" 2 'want --oids' top --rx "$work/tx.pcap"
expect "captures for another block: refused" 2 'for the block top' esp_rx --oids "$work/two.jsonl" --rx "$work/tx.pcap"
expect "an output without its capture: refused" 2 'rx-out wants --rx' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" \
    --rx-out "$work/o.pcap"
before=$(cksum <"$work/tx.pcap")
expect "an input as output: refused" 2 'is an input' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" --tx-out "$work/tx.pcap"
ln "$work/tx.pcap" "$work/link.pcap"
expect "... by another name: refused" 2 'is an input' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" --tx-out "$work/link.pcap"
expect "... as waveform: refused" 2 'is an input' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" --wave "$work/two.jsonl"
[ "$before" = "$(cksum <"$work/tx.pcap")" ] && ok "... and is as it was" || not_ok "... and is as it was"
expect "one file for two outputs: refused" 2 'named for two' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" \
    --tx-out "$work/o" --wave "$work/o"
expect "an output on the standard output: refused" 2 'for the result' top --oids "$work/two.jsonl" --tx "$work/tx.pcap" --tx-out -
expect "a waveform in no folder: refused" 2 'cannot write.*No such file' csr --wave "$work/none/w.vcd"
expect "coverage in no folder: refused" 2 'cannot write.*No such file' csr --coverage "$work/none/c.dat"
expect "more cycles than there are numbers: refused" 2 'expected a number from 1 to' csr --cycles 99999999999999999999
expect "a seed beyond all numbers: refused" 2 'expected a number from 1 to' csr --seed 18446744073709551616

for tool in verilator g++ make python3; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP captures through C and RTL: no $tool"
        exit "$failed"
    }
done

# ---- captures ------------------------------------------------------------------------------------------------

# CAPTURE FRAME...: pcap of Ethernet frames in hex; "cut:HEX": of which the last 20 bytes are not there.
capture() {
    python3 - "$@" <<'PY'
import struct, sys

with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for n, frame in enumerate(sys.argv[2:]):
        cut = 20 if frame.startswith('cut:') else 0
        data = bytes.fromhex(frame.split(':')[-1])
        f.write(struct.pack('<IIII', n, 0, len(data) - cut, len(data)) + data[:len(data) - cut])
PY
}
# An IPv4 packet of UDP with so many bytes, as a frame.
udp() {
    python3 - "$1" <<'PY'
import struct, sys

n = int(sys.argv[1])
ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, n, 7, 0x4000, 64, 17, 0, bytes([198, 51, 100, 1]), bytes([203, 0, 113, 9]))
s = sum(struct.unpack('>10H', ip))
s = (s & 0xffff) + (s >> 16)
ip = ip[:10] + struct.pack('>H', ~(s + (s >> 16)) & 0xffff) + ip[12:]
print((bytes.fromhex('0200000000020200000000010800') + ip + struct.pack('>HHHH', 1000, 2000, n - 20, 0) +
       bytes(k % 251 for k in range(n - 28))).hex())
PY
}
# The frames of two captures are the same.
same_frames() {
    python3 - "$1" "$2" <<'PY'
import struct, sys

def frames(path):
    data, at, out = open(path, 'rb').read(), 24, []
    while at < len(data):
        n = struct.unpack('<I', data[at + 8:at + 12])[0]
        out.append(data[at + 16:at + 16 + n])
        at += 16 + n
    return out

one, other = frames(sys.argv[1]), frames(sys.argv[2])
sys.exit(0 if one and one == other else 1)
PY
}
# As the card sends it, for receiving: OIDS, CAPTURE, OUT, more settings.
seal() { "$espnic" run --preset generic-100g --oids "$1" --tx "$2" --tx-out "$3" --experiments 0 "${@:4}" >"$work/out" 2>&1 || not_ok "sealed"; }

capture "$work/small.pcap" "$(udp 100)" "$(udp 1400)" "$(udp 60)"
seal "$work/two.jsonl" "$work/small.pcap" "$work/esp.pcap"
top=(top --oids "$work/two.jsonl")

expect "received and sent" 0 'received 3 frames in, 3 of them with an SA, 3 out' \
    "${top[@]}" --rx "$work/esp.pcap" --rx-out "$work/rx.pcap" --tx "$work/small.pcap" --tx-out "$work/tx-out.pcap"
also "... both ways" 'sent +3 frames in, 3 of them with an SA, 3 out'
cycles=$(sed -n 's/^ipsec_top: \([0-9]*\) cycles, no difference.*/\1/p' "$work/out")
if same_frames "$work/rx.pcap" "$work/small.pcap" && same_frames "$work/tx-out.pcap" "$work/esp.pcap"; then
    ok "... what the card made is opened, what is sent is what the card sends"
else
    not_ok "... what the card made is opened, what is sent is what the card sends"
fi

# ---- what comes out cannot be written -----------------------------------------------------------------------------

if [ -w /dev/full ]; then
    expect "no room for what is received" 2 '/dev/full.*No space' "${top[@]}" --rx "$work/esp.pcap" --rx-out /dev/full
    expect "no room for what is sent" 2 '/dev/full.*No space' "${top[@]}" --tx "$work/small.pcap" --tx-out /dev/full
fi

# ---- what shows nothing --------------------------------------------------------------------------------------------

expect "nothing met an SA: fails" 1 'no frame of it has met an SA' "${top[@]}" --rx "$work/small.pcap"
expect "too few cycles: fails" 1 'not through' "${top[@]}" --rx "$work/esp.pcap" --cycles 100
expect "no SA for what is sent: refused" 2 'receives.jsonl: no SA for what is sent' \
    top --oids "$work/receives.jsonl" --tx "$work/small.pcap"
expect "no SA for what is received: refused" 2 'sends.jsonl: no SA for what is received' \
    top --oids "$work/sends.jsonl" --rx "$work/esp.pcap"

# ---- SAs that are left out -------------------------------------------------------------------------------------------

# NAME, PATTERN, MEMBERS of the node, SA: beside one that is done it is counted, alone it is refused, each with the reason.
left_out() {
    local name=$1 pattern=$2 members=$3 sa=$4
    add 9 "$members" "$sa" >"$work/alone.jsonl"
    {
        cat "$work/two.jsonl"
        add 9 "$members" "$sa"
    } >"$work/beside.jsonl"
    expect "$name: counted" 0 "left out: 1 $pattern" top --oids "$work/beside.jsonl" --rx "$work/esp.pcap"
    expect "$name alone: refused" 2 "no SA for what is received.*1 $pattern" top --oids "$work/alone.jsonl" --rx "$work/esp.pcap"
}
other='{"op":"esp","spi":4097,'$key
left_out "any destination" "received for any destination" '"dir":"in","src":"192.0.2.1","dst":"0.0.0.0"' "$other}"
left_out "a selector of what is received" "with a selector" "$inbound"',"sel":{"proto":17}' "$other}"
left_out "a hard lifetime" "with a hard lifetime" "$inbound" "$other"',"lifetime":{"hard_packets":5}}'
left_out "another algorithm" "not one ESP with AES-GCM" "$inbound" \
    '{"op":"esp","spi":4097,"auth":{"alg":"sha-1","icv":12,"key":"000102030405060708090a0b0c0d0e0f10111213"}}'
# An SA for any destination would open this packet, which is for another address than the SA that is left.
add 1 '"dir":"in","src":"192.0.2.1","dst":"0.0.0.0"' "$in_sa" >"$work/any.jsonl"
add 2 '"dir":"in","src":"192.0.2.1","dst":"192.0.2.77"' "$other}" >>"$work/any.jsonl"
expect "a packet of such an SA passes, no difference" 1 'no difference' top --oids "$work/any.jsonl" --rx "$work/esp.pcap"
{
    cat "$work/receives.jsonl"
    echo '{"t_ns":1,"oid":"DELETE_SA","handles":[1]}'
    add 2 "$inbound" "$in_sa" | sed 's/"t_ns":0/"t_ns":2/'
} >"$work/again.jsonl"
expect "added, deleted, added: the second one is left out by its name" 0 'left out: 1 with SPI and destination of an SA before' \
    top --oids "$work/again.jsonl" --rx "$work/esp.pcap"
also "... and the DELETE counted" '1 inbound, 0 outbound; 1 later requests'
{
    add 1 '"dir":"out","src":"192.0.2.1","dst":"192.0.2.2","sel":{"dst":"203.0.113.0/24"}' "$other"',"lifetime":{"hard_packets":5}}'
    add 2 "$outbound" "$in_sa"
} >"$work/clear.jsonl"
capture "$work/mixed.pcap" "$(udp 100)" "$(udp 100 | sed 's/cb007109/c6336407/')"
expect "sent with an SA that is left out: counted" 0 '1 of SAs that are left out: sent in clear' \
    top --oids "$work/clear.jsonl" --tx "$work/mixed.pcap"

# ---- messages with the place --------------------------------------------------------------------------------------------

for n in 1 2 3 4; do add "$n" "$inbound" "{\"op\":\"esp\",\"spi\":$((5000 + n)),$key}"; done >"$work/four.jsonl"
expect "too many SAs: where" 2 'four.jsonl:4: more than 3 SAs' top --param SA_W=2 --oids "$work/four.jsonl" --rx "$work/esp.pcap"
add 1 "$inbound" '{"op":"esp","spi":4096,"replay_window":128,'"$key}" >"$work/window.jsonl"
expect "too large a window: where" 2 'window.jsonl:1: a replay window of 128' top --oids "$work/window.jsonl" --rx "$work/esp.pcap"
head -c -7 "$work/esp.pcap" >"$work/torn.pcap"
expect "a damaged capture: where" 2 'torn.pcap: record 3' "${top[@]}" --rx "$work/torn.pcap"

# ---- long frames, cut frames, headers that the RTL does not follow ------------------------------------------------------

capture "$work/long.pcap" "$(udp 1700)" "$(udp 100)"
seal "$work/two.jsonl" "$work/long.pcap" "$work/long-esp.pcap" --set card.mac.mtu=1800B
expect "a frame of 1772 bytes is received" 0 'received 2 frames in, 2 of them with an SA, 2 out' \
    "${top[@]}" --rx "$work/long-esp.pcap" --rx-out "$work/rx.pcap"
same_frames "$work/rx.pcap" "$work/long.pcap" && ok "... and opened" || not_ok "... and opened"
capture "$work/longer.pcap" "$(udp 1800)" "$(udp 1778)" "$(udp 1779)"
cat "$work/esp.pcap" >"$work/joined.pcap"
tail -c +25 "$work/longer.pcap" >>"$work/joined.pcap"
expect "frames of more than 1792 bytes: fails" 1 '2 frames could not go in' "${top[@]}" --rx "$work/joined.pcap"
also "... counted" '2 too long for the RTL'
also "... and 1792 are not too many" 'received 4 frames in, 3 of them with an SA'
capture "$work/cut.pcap" "cut:$(udp 100)" "$(udp 100)"
expect "cut frames: fails" 1 '1 frames could not go in' "${top[@]}" --tx "$work/cut.pcap"
also "... counted" '1 cut short'
# a multicast listener report: hop-by-hop options before ICMPv6
mld=33330000001602000000000186dd600000000024000100000000000000000000000000000000ff0200000000000000000000000000163a00050200000100
mld=${mld}8f00000000000001040000
mld=${mld}00ff020000000000000000000000010002
capture "$work/mld.pcap" "$mld"
cat "$work/esp.pcap" >"$work/joined.pcap"
tail -c +25 "$work/mld.pcap" >>"$work/joined.pcap"
expect "extension headers: left out" 0 '1 with headers that the RTL does not follow' "${top[@]}" --rx "$work/joined.pcap"

# ---- an assertion of the RTL in the very last cycle ----------------------------------------------------------------------

# The wrapper counts the cycles since the reset, and asserts that it is not the last one of the run above.
mkdir -p "$work/other/lockstep"
cp rtl_models/*.sv "$work/other"
cp rtl_models/lockstep/lock_*.sv "$work/other/lockstep"
sed -i "s|^endmodule|  int unsigned since;\n  always @(posedge clk) begin\n    since <= rst ? 0 : since + 1;\n    assert (rst \|\| since != $((cycles - 1))) else \$error(\"the last cycle\");\n  end\nendmodule|" \
    "$work/other/lockstep/lock_ipsec_top.sv"
expect "an assertion in the last cycle is seen" 1 "cycle $((cycles - 1)): an assertion of the RTL has failed" \
    "${top[@]}" --rtl "$work/other" --rx "$work/esp.pcap" --tx "$work/small.pcap"
exit "$failed"
