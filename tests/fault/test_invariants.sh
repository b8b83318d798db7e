#!/usr/bin/env bash
# The rules of the interface (traces/rules.h) that a recording can break, broken on purpose and replayed by
# `espnic run`; the others (1, 6, 11 and what only bytes or a card can get wrong of 3, 5, 8, 9, 10, 12) in tests/unit/test_invariants.c.
#
# Of each: the card's status is the documented one (O-2, O-3, O-19, O-32, O-33 of sa_table/README.md), the
# report counts the breach by rule and by record (the line), and the table is unharmed: SAs that were there before carry
# packets afterwards, new ones can be added, and when all are deleted the table is empty. --strict: status 2 with the
# line. Case by case: 2 two-esp ah-cipher ah-bare; 3 algorithm; 4 esn udp ipv6; 5 live; 7 capacity; 8 update-*;
# 9 delete-* use-after-delete recorded-status; 10 no-partner deleted-twice; 12 off.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
if ! command -v python3 >/dev/null; then
    echo "SKIP invariants: no python3"
    exit 0
fi

key=00112233445566778899aabbccddeeff01020304
enc="\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"$key\"}"
esp() { echo "{\"op\":\"esp\",\"spi\":$1,$enc${2:-}}"; }
# node HANDLE DIR ENTRIES [MORE]
node() {
    echo "{\"handle\":$1,\"dir\":\"$2\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"mode\":\"tunnel\",\"sa\":[$3]${4:-}}"
}
# add TIME NODE...
add() {
    local t=$1 nodes
    shift
    nodes=$(printf ',%s' "$@")
    echo "{\"t_ns\":$t,\"oid\":\"ADD_SA\",\"nodes\":[${nodes:1}]}"
}
delete() { echo "{\"t_ns\":$1,\"oid\":\"DELETE_SA\",\"handles\":[$2]${3:-}}"; }
update() { echo "{\"t_ns\":$1,\"oid\":\"UPDATE_SA\",\"handle\":$2,\"op\":\"$3\",\"spi\":$4,\"seq_hi\":1}"; }
sel='"sel":{"src":"192.168.1.0/24"}'

# 40 clear packets from 5 ms on, and the same as a peer would send them back
python3 - <<'END'
import struct
out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)
for i in range(40):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 128, i, 0, 64, 17, 0, bytes([192, 168, 1, 1]), bytes([192, 168, 2, 1]))
    s = sum(struct.unpack("!10H", ip))
    s = (s & 0xffff) + (s >> 16)
    ip = ip[:10] + struct.pack("!H", 0xffff - s) + ip[12:]
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 1000, 2000, 108, 0) + bytes(100)
    out += struct.pack("<IIII", 0, 5000000 + i * 10000, len(frame), len(frame)) + frame
open("clear.pcap", "wb").write(out)
END
head='{"recording":1,"epoch_ns":0}'
{ echo "$head" && add 0 "$(node 1 out "$(esp 256)" ",$sel")"; } >peer.jsonl
"$espnic" run --preset generic-100g --experiments 0 --oids peer.jsonl --tx clear.pcap --tx-out back.pcap >/dev/null || {
    echo "not ok invariants: packets to replay"
    exit 1
}

# One run, and what must be so: field PATH VALUE
check() { # NAME RULE LINE[:OTHER_RULE]... -- FIELD=VALUE... -- ARG...
    local name=$1 rule=$2 lines=() fields=()
    shift 2
    while [ "$1" != -- ]; do lines+=("$1") && shift; done
    shift
    while [ "$1" != -- ]; do fields+=("$1") && shift; done
    shift
    if ! "$espnic" run --preset generic-100g --experiments 0 --oids r.jsonl --tx clear.pcap --rx back.pcap \
        -o report.json "$@" >out 2>err ||
        ! python3 - "$rule" "${lines[*]-}" rx.packets_in=40 "${fields[@]}" >>err 2>&1 <<'END'; then
import json, sys
r = json.load(open("report.json"))
def at(path):
    v = r
    for key in path.split("."):
        v = v[key]
    return v
rule, wrong = int(sys.argv[1]), []
told = [tuple(map(int, l.split(":"))) if ":" in l else (int(l), rule) for l in sys.argv[2].split()]
for field in sys.argv[3:]:
    path, value = field.split("=")
    if at(path) != float(value):
        wrong.append("%s is %s, expected %s" % (path, at(path), value))
for n, count in at("inputs.rules").items():
    expected = sum("rule_%d" % of == n for _, of in told) if rule != 10 else (n == "rule_10")
    if count != expected:
        wrong.append("inputs.rules.%s is %s, expected %s" % (n, count, expected))
found = [(v["record"], v["rule"]) for v in at("inputs.violations")]
if found != told:
    wrong.append("records and rules %s, expected %s" % (found, told))
if any(at("host.card_rules").values()):
    wrong.append("the card: %s" % at("host.card_rules"))
print("\n".join(wrong))
sys.exit(len(wrong) > 0)
END
        echo "not ok invariants: $name"
        head -20 err | sed 's/^/  | /'
        failed=1
        return
    fi
    "$espnic" run --preset generic-100g --experiments 0 --oids r.jsonl --tx clear.pcap --rx back.pcap --strict "$@" \
        >out 2>err
    local got=$?
    if [ $got -ne 2 ] || ! grep -qE "r\.jsonl:(${lines[0]:-.*}: )?.*rule $rule: " err; then
        echo "not ok invariants: $name: --strict"
        echo "  | status $got: $(head -1 err)"
        failed=1
        return
    fi
    echo "ok invariants: $name"
}

# recording TEXT: the pair, TEXT from line 3 on (1 to 3 ms), a later ADD, and DELETEs of all there is: handles 1 2 40 and
# $gone. The ESN of SA 2 is for rule 8.
gone=
recording() {
    {
        echo "$head"
        add 0 "$(node 1 out "$(esp 256)" ",$sel,\"pair\":2")" "$(node 2 in "$(esp 256)" ',"pair":1')"
        echo "$1"
        add 4000000 "$(node 40 out "$(esp 999)")"
        for h in 1 2 40 $gone; do delete 8000000 "$h"; done
    } >r.jsonl
}
# what must hold after all of them
carried="tx.packets_out=40 rx.packets_out=40 host.tx.offloaded=40 host.rx.offloaded=40"
empty="sa.live=0 host.sa.live=0 card.sa_table.live=0 card.sa_table.slots_used=0"
right() { # NAME RULE LINES FIELDS ARG...: the usual
    local name=$1 rule=$2 lines=$3 fields=$4
    shift 4
    # shellcheck disable=SC2086
    check "$name" "$rule" $lines -- $carried $empty $fields -- "$@"
}

# ---- 2
gone=10
recording "$(add 1000000 "$(node 10 in "$(esp 300),$(esp 301)")")"
right two-esp 2 3 "sa.add_failures.invalid_operations=1 oids.add.status.INVALID_DATA=1 sa.adds=3 host.sa.peak_live=4"
recording "$(add 1000000 "$(node 10 in "{\"op\":\"ah\",\"spi\":300,$enc}")")"
right ah-cipher 2 "3 3" "sa.add_failures.invalid_algorithm=1 oids.add.status.INVALID_DATA=1"
recording "$(add 1000000 "$(node 10 in '{"op":"ah","spi":300}')")"
right ah-bare 2 3 "sa.add_failures.invalid_algorithm=1 oids.add.status.INVALID_DATA=1"

# ---- 3, 4: beyond what the card reports
aes256="{\"op\":\"esp\",\"spi\":300,\"enc\":{\"alg\":\"aes-gcm-256\",\"key\":\"$key${key:0:32}\"}}"
recording "$(add 1000000 "$(node 10 in "$aes256")")"
right algorithm 3 3 "sa.add_failures.unsupported_encryption=1 oids.add.status.NOT_SUPPORTED=1 inputs.beyond_card=1" \
    --set card.algorithms.encryption=aes-gcm-128
recording "$(add 1000000 "$(node 10 in "$(esp 300 ',"esn":true')")")"
right esn 4 3 "sa.add_failures.unsupported_esn=1 oids.add.status.NOT_SUPPORTED=1" --set card.capabilities.esn=false
recording "$(add 1000000 "$(node 10 in "$(esp 300)" ',"udp_esp":"tunnel"')")"
right udp 4 3 "sa.add_failures.unsupported_udp=1 oids.add.status.NOT_SUPPORTED=1" --set card.algorithms.udp=false
recording "$(add 1000000 "$(node 10 in "$(esp 300)" | sed 's/10\.0\.0\.\([12]\)/fd00::\1/g')")"
right ipv6 4 3 "sa.add_failures.unsupported_ipv6=1 oids.add.status.NOT_SUPPORTED=1" --set card.capabilities.ipv6=false

# ---- 5: the name of a live SA for another one. The card has handles of its own and takes it; the name then means the
# later one until its DELETE, and after that the earlier one again, whose DELETE is one too many for the checker.
gone=
recording "$(add 1000000 "$(node 2 in "$(esp 300)")" && delete 2000000 2)"
right live 5 "3 7:9" "sa.adds=4 oids.add.status.SUCCESS=3 host.sa.duplicate_handles=1 card.sa_table.stale_handles=0"

# ---- 7
gone=11
recording "$(add 1000000 "$(node 10 in "$(esp 300)")" "$(node 11 in "$(esp 301)")" && delete 2000000 10)"
right capacity 7 "3 5" "sa.add_failures.full=1 oids.add.status.SUCCESS=3 sa.adds=4 sa.peak_live=3 host.sa.peak_live=4" \
    --set card.sa.table.capacity=3
gone=10
recording "$(add 1000000 "$(node 10 in "$(esp 300)")")"
right capacity-of-pair 7 "3 4" "sa.add_failures.full=2 oids.add.status.RESOURCES=2 sa.adds=2 sa.peak_live=2" \
    --set card.sa.table.capacity=2

# ---- 8
gone=10
with_esn=$(add 1000000 "$(node 10 in "$(esp 300 ',"esn":true')")")
for case in "no-esn 2 esp 256" "unknown 77 esp 256" "spi 10 esp 301" "operation 10 ah 300"; do
    set -- $case
    recording "$with_esn
$(update 2000000 "$2" "$3" "$4")
$(update 3000000 10 esp 300)"
    right "update-$1" 8 4 "oids.update.status.INVALID_PARAMETER=1 oids.update.status.SUCCESS=1 sa.updates=1"
done

# ---- 9
gone=
recording "$(delete 1000000 77)"
right delete-unknown 9 3 "card.sa_table.stale_handles=1 oids.delete.status.SUCCESS=4 sa.deletes=3"
recording "$(add 1000000 "$(node 10 in "$(esp 300)")" && delete 2000000 10 && delete 3000000 10)"
right delete-twice 9 5 "card.sa_table.stale_handles=1 oids.delete.status.SUCCESS=5 sa.deletes=4"
recording "$(add 1000000 "$(node 10 in "$(esp 300)")" && delete 2000000 10,10)"
right delete-in-chain 9 4 "card.sa_table.stale_handles=1 oids.delete.status.SUCCESS=4 sa.deletes=4"
recording "$(add 1000000 "$(node 10 in "$(esp 300)")" && delete 2000000 10 ',"status":"RESOURCES"')"
right recorded-status 9 4 "oids.delete.status.SUCCESS=4 sa.deletes=4"
recording "$with_esn
$(delete 2000000 10)
$(update 3000000 10 esp 300)"
right use-after-delete 8 5 "oids.update.status.INVALID_PARAMETER=1 sa.updates=0 sa.deletes=4"

# ---- 10: the card asks, and no record says which outbound SA is the partner
{
    echo "$head"
    add 0 "$(node 1 out "$(esp 256)" ",$sel")" "$(node 2 in "$(esp 256)")"
    for h in 1 2; do delete 8000000 "$h"; done
} >r.jsonl
ask="--set card.sa.table.capacity=4 --set card.sa.delete_watermark=1 --set card.sa.delete_again=20us --set host.software.keep=both"
# shellcheck disable=SC2086
check no-partner 10 -- tx.packets_out=40 rx.packets_out=40 host.sa.delete_requests_obeyed=1 host.sa.pair_deletes=0 \
    host.sa.pair_unknown=1 host.tx.offloaded=40 sa.deletes=2 $empty -- $ask

# ... and the recorded host deletes what the card has asked for by itself: each is deleted once, and the DELETE of the
# recording finds them in software. No rule is broken.
gone=
recording "$(echo '{"t_ns":1000000,"event":"parameters"}')"
if # shellcheck disable=SC2086
    "$espnic" run --preset generic-100g --experiments 0 --oids r.jsonl --tx clear.pcap --rx back.pcap --strict $ask \
        -o report.json >out 2>err && python3 - <<'END'; then
import json
r = json.load(open("report.json"))
assert r["host"]["sa"]["delete_requests_obeyed"] == 1 and r["host"]["sa"]["pair_deletes"] == 1
assert r["sa"]["delete_requests"] >= 1
assert r["oids"]["delete"]["requests"] == 5 and r["oids"]["delete"]["in_software"] == 2
assert r["sa"]["deletes"] == 3 and r["sa"]["live"] == 0 and r["host"]["sa"]["live"] == 0
assert r["tx"]["packets_out"] == 40 and r["rx"]["packets_out"] == 40 and r["host"]["rx"]["software"] > 10
END
    echo "ok invariants: asked for and deleted once"
else
    echo "not ok invariants: asked for and deleted once"
    failed=1
fi

# ---- 12
gone=10
recording "{\"t_ns\":1000000,\"event\":\"encapsulation\",\"on\":false}
$(add 2000000 "$(node 10 in "$(esp 300)")")
{\"t_ns\":3000000,\"event\":\"encapsulation\",\"on\":true}"
right off 12 4 "oids.add.status.NOT_SUPPORTED=1 sa.adds=3 oids.add.in_software=0"

# Without a breach the same recording passes --strict.
gone=
recording "$(add 1000000 "$(node 10 in "$(esp 300)")" && delete 2000000 10)"
if "$espnic" run --preset generic-100g --experiments 0 --oids r.jsonl --tx clear.pcap --rx back.pcap --strict >out 2>err; then
    echo "ok invariants: no breach"
else
    echo "not ok invariants: no breach"
    failed=1
fi
exit $failed
