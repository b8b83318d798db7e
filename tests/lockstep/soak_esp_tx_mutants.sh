#!/usr/bin/env bash
# Would the lockstep of esp_tx see it? Each line below breaks one place of the C blocks or of the RTL; `espnic cosim esp_tx` must
# then find a difference with one of the sets of parameters. Part of `make soak`; mutants of the RTL take a minute or two each.
#
# usage: bash tests/lockstep/soak_esp_tx_mutants.sh [WORD]     only those whose line has WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
work=$PWD/$build/esp_tx_mutants
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-sim/presets}
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$PWD/$build/rtl}
command -v verilator >/dev/null 2>&1 || { echo "SKIP mutants of esp_tx: no verilator"; exit 0; }

sets=(
    ""
    "SA_W=2 RMW=8 FETCH_LATENCY=0 SEQUENCE_LATENCY=0 ENCAP_LATENCY=1 FETCH_DEPTH=2 SEQUENCE_DEPTH=2 ENCAP_DEPTH=2 CRYPTO_OVERHEAD=0 ORDER=1"
)

# what @ file @ expression for sed
mutants='
C: an unknown handle goes in clear@sim/nic/sa_lookup.c@/^static void fetch/,/^}/s/    if (!id) {/    if (!id) { return; }\n    if (!id) {/
C: a longest packet too long@sim/nic/sequence.c@s/lengths.l3_length > card->config.mac.mtu/lengths.l3_length >= card->config.mac.mtu/
C: a byte too long fits@sim/nic/sequence.c@s/lengths.l3_length > card->config.mac.mtu/lengths.l3_length > card->config.mac.mtu + 4/
C: fragments get a number@sim/nic/sequence.c@s/p->kind == ESP_PACKET_FRAGMENT/false/
C: fragments for tunnels are refused@sim/nic/sequence.c@s/t->mode == ESP_MODE_TRANSPORT \&\& p->kind/p->kind/
C: numbers without end@sim/nic/sequence.c@s/return sequence_left(.*/return sequence_left(nic_entry(card, p)->sequence, true)/
C: the hazard a cycle longer@sim/nic/sequence.c@s/p->sa, lane->card->config.sa.rmw, now/p->sa, lane->card->config.sa.rmw + 1, now/
C: no hazard@sim/nic/sequence.c@s/p->sa, lane->card->config.sa.rmw, now/p->sa, 0, now/
C: identification stays@sim/nic/sequence.c@s/card->ip_id++/card->ip_id/
C: what cannot be framed passes sequence without a number@sim/nic/sequence.c@s/return view.version == 4 || view.version == 6;/return (view.version == 4 || view.version == 6) \&\& view.kind != ESP_PACKET_MALFORMED;/
C: encapsulate a cycle later@sim/nic/sequence.c@s/beats_in, p->drop ? 0 : p->beats, j);/beats_in, p->drop ? 0 : p->beats, j); j->latency += p->crypt;/
C: TTL 63@sim/esp/encap.c@s/OUTER_TTL = 64/OUTER_TTL = 63/
C: DF is not set around IPv6@sim/esp/encap.c@s/: IPV4_DF);/: 0);/
C: MF is copied too@sim/esp/encap.c@s/\& IPV4_DF)/\& 0x6000)/
C: class of IPv6 without its low bits@sim/esp/encap.c@s/(ip\[0\] << 4) | (ip\[1\] >> 4)/(ip[0] << 4) | (ip[1] >> 6 << 2)/
C: padding from 0@sim/esp/encap.c@s/(uint8_t)(i + 1)/(uint8_t)i/
C: routing headers do not stay in front@sim/esp/encap.c@s/ip\[field\] == ESP_PROTO_HOP_BY_HOP || ip\[field\] == ESP_PROTO_ROUTING/ip[field] == ESP_PROTO_HOP_BY_HOP/
C: destination options stay in front@sim/esp/encap.c@s/ip\[field\] == ESP_PROTO_HOP_BY_HOP ||/ip[field] == ESP_PROTO_DESTINATION || ip[field] == ESP_PROTO_HOP_BY_HOP ||/
C: the old checksum counts@sim/esp/encap.c@/^void esp_set_ip_length/,/^}/s/esp_put16(ip + 10, 0);/;/
C: EtherType stays@sim/esp/encap.c@s/put_ethertype(frame, l3, transform->dst.family);/;/
C: shorter than its header is whole@sim/esp/encap.c@/^static uint32_t packet_length/,/^}/s/total >= header \&\&/true \&\&/
C: a header of 16 bytes is one@sim/esp/encap.c@/^static uint32_t packet_length/,/^}/s/header >= ESP_IPV4_HEADER \&\&/header >= 16 \&\&/
C: three tags at most@sim/esp/packet.c@s/view->vlan_tags == ESP_MAX_VLAN_TAGS/view->vlan_tags == 3/
C: 0x9100 is no tag@sim/esp/packet.c@s/ \&\& type != TPID_QINQ_OLD//
C: total length 0 is 0@sim/esp/packet.c@s/total = length - l3;/total = 0;/
C: IPv6 beyond the frame is one@sim/esp/packet.c@/^static uint32_t parse_ipv6/,/^}/s/total > length - l3/false/
C: around the engine in 2 cycles@sim/nic/crypto.c@s/j->latency = 1;/j->latency = 2;/
C: the engine is free at once@sim/nic/crypto.c@s/j->tail = cost.occupancy > bus ? cost.occupancy - bus : 0;/j->tail = 0;/
C: the tag takes a cycle more@sim/nic/crypto.c@s/TAG_CYCLES = 3/TAG_CYCLES = 4/
C: the other order@sim/nic/crypto.c@s/order == NIC_ORDER_LANE ? 0 : key/order == NIC_ORDER_LANE ? key : 0/
C: reorder takes the same input first@sim/engine/stage.c@s/job->in + 1u < st->inputs ? job->in + 1u : 0/0/
C: one that shrinks loses its last ones@sim/engine/lane.c@s/uint32_t skip = slots - j->beats_out;/uint32_t skip = j->beats_in > j->beats_out ? 0 : slots - j->beats_out;/
RTL: one that shrinks pushes at once@rtl_models/esp_encapsulate.sv@s/beats_in_first > beats_out_first ? beats_in_first - beats_out_first/beats_in_first > beats_out_first ? 10\x27d0/
RTL: the trailer does not reach the next beat@rtl_models/esp_encapsulate.sv@s/beat_no == tail_beat + 10.d1/beat_no == tail_beat + 10\x27d2/
RTL: the checksum is folded once@rtl_models/esp_encapsulate.sv@0,/      sum = {5.d0, sum\[15:0\]} + {16.d0, sum\[20:16\]};/s///
RTL: no high half without being asked@rtl_models/esp_tx_crypto.sv@s/esn ? 6.d12 : 6.d8/6\x27d8/
RTL: tickets do not count@rtl_models/esp_reorder.sv@s/ == in_ticket\[n\*8+:8\]/ != in_ticket[n*8+:8] + 8\x27d1/
'

mkdir -p "$work"
flags=$(cat "$build/flags")
libraries=$(tr ' ' '\n' <<<"$flags" | grep '^-l' | tr '\n' ' ')

# PROGRAM [RTL]: 0 no difference with any set, 2 it cannot be made, 1 one was found
try() {
    local set p params status
    for set in "${sets[@]}"; do
        params=()
        for p in $set; do params+=(--param "$p"); done
        [ -z "$2" ] || params+=(--rtl "$2")
        timeout 900 "$1" cosim esp_tx --cycles "${CYCLES:-100000}" "${params[@]}" >"$work/log" 2>&1
        status=$?
        [ "$status" = 0 ] || { [ "$status" != 2 ] || return 2; return 1; }
    done
    return 0
}

failed=0
bad() {
    echo "not ok $1: $2"
    failed=1
}

while IFS='@' read -r what file expression; do
    [[ -n $what && $what == *"${1:-}"* ]] || continue
    rtl='' program=$build/espnic
    if [[ $what == RTL* ]]; then
        rtl=$work/rtl
        rm -rf "$rtl"
        cp -r rtl_models "$rtl"
        broken=$rtl/${file#rtl_models/}
    else
        program=$build/espnic-esp-tx-mutant # where it finds the RTL: beside the build
        broken=$work/mutant.c
        cp "$file" "$broken"
    fi
    sed -i "$expression" "$broken"
    if cmp -s "$file" "$broken"; then
        bad "$what" "the place to break is not there any more"
        continue
    fi
    if [[ $what == C:* ]] && ! eval "$flags" -w "-I$(dirname "$file")" -o "$program" "$broken" "$build/obj/sim/cli/main.o" \
        "$build/libespnic-cli.a" "$build/libespnic.a" "$libraries" >"$work/log" 2>&1; then
        cat "$work/log"
        bad "$what" "does not compile"
        continue
    fi
    try "$program" "$rtl"
    case $? in
    0) bad "$what" "not seen" ;;
    2)
        cat "$work/log"
        bad "$what" "cannot be made"
        ;;
    *)
        if seen=$(grep -m 1 -oE 'cycle [0-9]+: .{1,60}|internal error.*|ssertion.*' "$work/log"); then
            echo "ok $what: $seen"
        else
            tail -n 3 "$work/log"
            bad "$what" "ends without a difference"
        fi
        ;;
    esac
done <<<"$mutants"
rm -f "$build/espnic-esp-tx-mutant"
exit "$failed"
