#!/usr/bin/env bash
# Does the lockstep notice? Each line below breaks the RTL or the C side in one place; `espnic cosim` must find every one of them:
# exit status 1, with a signal that differs or an assertion of the RTL. Part of `make soak`: some minutes.
#
# usage: [QUICK=1] bash tests/lockstep/soak_mutants.sh [WORD]     only the lines with a star; only those that have WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build}")
cycles=${CYCLES:-50000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Libraries for a short run: soon made.
export ESPNIC_RTL_CACHE=$work/cache OPT=-O0

for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP mutants of blocks and their RTL: no $tool"
        exit 0
    }
done

# Parameters for which everything happens.
declare -A parameters=(
    [esn_replay]='RMW=5 CHECK_DEPTH=2 CHECK_LATENCY=2'
    [esn_sequence]='RMW=5 OVERHEAD=1 INTERVAL=2 LATENCY=2 DEPTH=3'
    [csr]='TABLES=1'
    [aes_gcm]='OVERHEAD=3 IN_DEPTH=8'
    [esp_tx]='RMW=8 ORDER=1'
    [esp_rx+table]='SA_TABLE=1 SA_W=3 BUCKETS=2 COMMANDS=8 AES_DEPTH=56 UPDATE_DEPTH=56 OPEN_DEPTH=56'
    [ipsec_top+table]='SA_TABLE=1 COMMANDS=8 FETCH_DEPTH=2 SEQUENCE_DEPTH=2 ENCAP_DEPTH=2'
    [esp_rx]='AES_DEPTH=56 UPDATE_DEPTH=56 OPEN_DEPTH=56 PARSER_DEPTH=8 LOOKUP_DEPTH=8 CHECK_DEPTH=8'
)

# star if it is one of the quick ones, what is broken @ block, perhaps with --garbage @ file @ sed expression; block+table: with
# other parameters
# (A header of sim/ is compiled into the files that the C side of a block consists of.)
mutants() {
    cat <<'END'
what is exactly WINDOW below is not too old@esn_replay@rtl_models/esn_replay.sv@s/high - number >= {51'd0, size}/high - number > {51'd0, size}/
number 0 passes@esn_replay@rtl_models/esn_replay.sv@s/else if (number == '0) verdict = ZERO;//
the upper half never goes back@esn_replay@rtl_models/esn_replay.sv@s/upper = upper - 1'b1/upper = upper/
the upper half never goes on@esn_replay@rtl_models/esn_replay.sv@s/upper = upper + 1'b1/upper = upper/
*the window moves and keeps its marks@esn_replay@rtl_models/esn_replay.sv@s/marks = old & ~fresh/marks = old | fresh/
the new number is not marked@esn_replay@rtl_models/esn_replay.sv@s/marks\[number\[BIT_W-1:0\]\] = 1'b1;//
top goes back@esn_replay@rtl_models/esn_replay.sv@s/upd_writes \&\& upd_number > upd_top) top/upd_writes) top/
an SA that begins late accepts old numbers@esn_replay@rtl_models/esn_replay.sv@s/cfg_top == '0 ? '0 : '1/cfg_top == '0 ? '1 : '0/
bad ICVs count as late@esn_replay@rtl_models/esn_replay.sv@s/upd_crypt \&\& upd_good \&\& upd_verdict != OK/upd_crypt \&\& upd_verdict != OK/
without a window ESN has no hazard@esn_replay@rtl_models/esn_replay.sv@s/upd_crypt \&\& (upd_window != '0 || esn\[upd_sa\])/upd_crypt \&\& upd_window != '0/
what is late goes on@esn_replay@rtl_models/esn_replay.sv@s/.drop(upd_crypt \&\& !upd_accept)/.drop(upd_crypt \&\& !upd_good)/
an item begins before all of it is there@esn_replay@rtl_models/lane.sv@s/(START_LAST == 0 || in_whole)/(START_LAST == 0 || in_whole || in_valid)/
the pause between items is not kept@esn_sequence@rtl_models/lane.sv@s/9'(INTERVAL - 1 + OVERHEAD)/9'(INTERVAL - 1)/
beats come at any distance@esn_sequence@rtl_models/lane.sv@s/: 9'(INTERVAL - 1)/: 9'(0)/
what is refused waits for room@esn_sequence@rtl_models/lane.sv@s/(!pushes || room)/room/
the rest of a refused item goes on@esn_sequence@rtl_models/lane.sv@s/refused <= !pushes;/refused <= 1'b0;/
a pipeline with a stage too many@esn_sequence@rtl_models/lane.sv@s/assign end_valid = valid\[LATENCY-1\]/assign end_valid = valid[LATENCY-2]/
a slot of the channel is never used@esn_replay@rtl_models/channel.sv@s/free  <= CNT_W'(DEPTH)/free  <= CNT_W'(DEPTH - 1)/
every beat is a last one@esn_replay@rtl_models/channel.sv@s/CNT_W'(push \&\& push_last)/CNT_W'(push)/
the channel wraps early@esn_sequence@rtl_models/channel.sv@s/head <= head == TOP/head <= head == TOP - 1'b1/
*the hazard ends a cycle early@esn_sequence@rtl_models/hazard.sv@s/for (i = 0; i < RMW - 1;/for (i = 0; i < RMW - 2;/
the hazard is one of all SAs@esn_sequence@rtl_models/hazard.sv@s/recent\[i\] \&\& recent_sa\[i\] == sa/recent[i] | (recent_sa[i] == sa)/
a packet of the MTU is too long@esn_sequence@rtl_models/esn_sequence.sv@s/seq_length > 17'(MTU)/seq_length >= 17'(MTU)/
with ESN the last number is not given@esn_sequence@rtl_models/esn_sequence.sv@s/number == '0 :/number == '1 :/
without ESN 2^32 is given@esn_sequence@rtl_models/esn_sequence.sv@s/number\[63:32\] != '0/number[63:33] != '0/
too long counts as exhausted, too@esn_sequence@rtl_models/esn_sequence.sv@s/start \&\& exhausted \&\& !too_long/start \&\& exhausted/
a packet that is too long takes a number@esn_sequence@rtl_models/esn_sequence.sv@s/start \&\& seq_crypt \&\& !refused/start \&\& seq_crypt \&\& !exhausted/
items without an SA wait@esn_sequence@rtl_models/esn_sequence.sv@s/.ready(!(seq_crypt \&\& busy))/.ready(!busy)/
the other path's last register is there@csr@rtl_models/csr.sv@s/id <= espnic_regs_pkg::EVENT_HEAD_ID/id < espnic_regs_pkg::EVENT_HEAD_ID/
8 bytes at any 4@csr@rtl_models/csr.sv@s/acc_bytes == 4'd8 \&\& acc_offset\[2:0\] == '0/acc_bytes == 4'd8 \&\& acc_offset[1:0] == '0/
a misaligned read of nothing is unsupported@csr@rtl_models/csr.sv@s/!misaligned \&\& !known ? UNSUPPORTED/!known ? UNSUPPORTED/
a reset keeps the upper half@csr@rtl_models/csr.sv@s/if (rst || reset_rw) kept/if (rst) kept/
a kept half is used again and again@csr@rtl_models/csr.sv@s/else if (reads \&\& !refused \&\& uses) kept <= 1'b0;//
a reset is one of what the card writes@csr@rtl_models/csr.sv@s/written_next \& READ_ONLY/written_next \& ~READ_ONLY/
a write overrules the card@csr@rtl_models/csr.sv@s/if (put) value\[put_place\]/if (put \&\& !writes) value[put_place]/
loads do not wait@csr@rtl_models/csr.sv@s/!(busy \&\& asks)/!(busy \&\& asks \&\& acc_data[31])/
the other strobe goes back@csr@rtl_models/csr.sv@s/rx_busy ? 9'(RX_INDEX) : 9'(TX_INDEX)/rx_busy ? 9'(TX_INDEX) : 9'(RX_INDEX)/
the strobes of no table stay@csr@rtl_models/csr.sv@s/none ? result \& ~STROBES : result/none ? result | STROBES : result/
ones clear everything@csr@rtl_models/csr_rule.sv@s/old \& ~(value \& mask)/old \& ~mask/
a one does not set@csr@rtl_models/csr_rule.sv@s/old | (value \& mask)/old ^ (value \& mask)/
C: the hazard is a cycle longer@esn_replay@sim/nic/replay.c@s/config.sa.rmw, now/config.sa.rmw + 1, now/
C: bad ICVs count as late@esn_replay@sim/nic/replay.c@s/p->drop != NIC_DROP_BAD_ICV \&\& p->drop != NIC_DROP_BAD_LENGTH/p->drop != NIC_DROP_BAD_LENGTH/
C: what is refused goes on@esn_replay@sim/nic/replay.c@/^static void check_job/,/^}/s/p->drop ? 0 : p->beats/p->beats/
C: the commit begins with the first beat@esn_replay@sim/nic/replay.c@/replay_update/s/LANE_START_LAST/LANE_START_FIRST/
C: ESN without a window is not written@esn_replay@sim/nic/replay.c@s/(entry->window || sa_esn(entry))/(entry->window != 0)/
C: a moved window tells nobody@esn_replay@sim/nic/replay.c@s/tell_all(lane, p->sa, now);/;/
*C: a packet of the MTU is too long@esn_sequence@sim/nic/sequence.c@s/lengths.l3_length > card->config.mac.mtu/lengths.l3_length >= card->config.mac.mtu/
C: no hazard when numbers are given@esn_sequence@sim/nic/sequence.c@s/if (until <= now) {/if (until <= now + 1) {/
C: what is dropped takes a number@esn_sequence@sim/nic/sequence.c@s/if (!p->crypt || p->drop || /if (!p->crypt || p->drop == NIC_DROP_MTU || /
C: exhausted first, then the MTU@esn_sequence@sim/nic/sequence.c@s/return NIC_DROP_MTU;/return sequence_left(nic_entry(card, p)->sequence, sa_esn(nic_entry(card, p))) ? NIC_DROP_MTU : NIC_DROP_SEQ_EXHAUSTED;/
C: what is exactly the window below passes@esn_replay@sa_table/replay.c@s/top - sequence >= window/top - sequence > window/
C: the upper half never goes back@esn_replay@sa_table/replay.c@s/hi = top_hi - 1/hi = top_hi/
C: the upper half never goes on@esn_replay@sa_table/replay.c@s/hi = top_hi + 1/hi = top_hi/
*C: marks of a word are all cleared@esn_replay@sa_table/replay.c@s/mask &= UINT64_MAX >> .*/;/
C: an SA that begins late accepts old numbers@esn_replay@sa_table/replay.c@s/highest == 0 ? 0 : 0xff/0/
C: without ESN the last number is not given@esn_sequence@sa_table/replay.c@s/next > UINT32_MAX ? 0/next >= UINT32_MAX ? 0/
C: with ESN the last number is not given@esn_sequence@sa_table/replay.c@s/return 0 - next;/return UINT64_MAX - next;/
C: a number is left out before 2^32@esn_sequence@sa_table/replay.c@s/\*next += count;/*next += count + (*next == UINT32_MAX);/
C: the pause between whole items is not kept@esn_sequence@sim/engine/lane.h@s/last + step + j->tail;/last + step;/
C: a whole item leaves a cycle late@esn_sequence@sim/engine/lane.h@s/exit += s->delay;/exit += s->delay + 1;/
C: the pause between items is not kept@esn_sequence@sim/engine/lane.c@s/s->next_slot + s->job.tail;/s->next_slot;/
C: a beat leaves a cycle late@esn_sequence@sim/engine/lane.c@s/.first = at + s->delay,/.first = at + s->delay + 1,/
C: nobody asks whether an item is ready@esn_sequence@sim/engine/stage.c@s/ops->ready \&\& !is_ready(st, job->item, now, o)/ops->ready \&\& o == NULL/
C: a slot is free at once@esn_sequence@sim/engine/channel.h@/^static inline uint64_t channel_slot_visible/,/^}/s/return c + 1;/return c;/
C: a beat is there a cycle late@esn_sequence@sim/engine/channel.h@/^static inline uint64_t channel_visible/,/^}/s/return c + 1;/return c + 2;/
*C: any offset is aligned@csr@pcie_model/registers.c@s/ || offset % bytes) {/) {/
C: a kept half is used again and again@csr@pcie_model/registers.c@/latched == offset/,/}/s/file->s.latched = 0;/;/
C: a reset keeps the upper half@csr@pcie_model/registers.c@/^void reg_file_reset/,/^}/s/file->s.latched = 0;/;/
C: a reset is one of what the card writes@csr@pcie_model/registers.c@s/access != REG_ACCESS_RO) {/access == REG_ACCESS_RO) {/
C: ones clear everything@csr@pcie_model/registers.c@s/old \& ~(value \& mask)/old \& ~mask/
C: the upper half is written as it comes@csr@pcie_model/registers.c@s/value <<= 32;/value |= value << 32; mask |= UINT32_MAX;/
C: reserved bits are written@csr@pcie_model/registers.c@s/mask = file->writable\[t.id\];/mask = UINT64_MAX;/
C: nothing there is an abort@csr@sim/nic/csr.c@s/refused.unknown != unknown ? PCIE_UNSUPPORTED/refused.unknown == unknown ? PCIE_UNSUPPORTED/
C: the other path's last register is there@csr@sim/nic/csr.c@s/r <= REG_EVENT_HEAD/r < REG_EVENT_HEAD/
C: the strobes of no table stay@csr@sim/nic/mailbox.c@s/nic_mailbox_clear(registers, NIC_TABLE_IP);/;/
C: loads do not wait@csr@sim/nic/mailbox.c@/^bool nic_mailbox_orders/,/^}/s/strobes(access->value)/REG_GET(IPSTXIDX, WRITE, access->value)/
C: the key without its salt@csr@sim/nic/mailbox.c@s/{ REG_IPSRXSALT, 1 }/{ REG_IPSRXSALT, 0 }/
C: an unknown handle goes in clear@esp_tx@sim/nic/sa_lookup.c@/^static void fetch/,/^}/s/    if (!id) {/    if (!id) { return; }\n    if (!id) {/
C: a longest packet too long@esp_tx@sim/nic/sequence.c@s/lengths.l3_length > card->config.mac.mtu/lengths.l3_length >= card->config.mac.mtu/
C: a byte too long fits@esp_tx@sim/nic/sequence.c@s/lengths.l3_length > card->config.mac.mtu/lengths.l3_length > card->config.mac.mtu + 4/
C: fragments get a number@esp_tx@sim/nic/sequence.c@s/p->kind == ESP_PACKET_FRAGMENT/false/
C: fragments for tunnels are refused@esp_tx@sim/nic/sequence.c@s/t->mode == ESP_MODE_TRANSPORT \&\& p->kind/p->kind/
C: numbers without end@esp_tx@sim/nic/sequence.c@s/return sequence_left(.*/return sequence_left(nic_entry(card, p)->sequence, true)/
C: the hazard a cycle longer@esp_tx@sim/nic/sequence.c@s/p->sa, lane->card->config.sa.rmw, now/p->sa, lane->card->config.sa.rmw + 1, now/
C: no hazard@esp_tx@sim/nic/sequence.c@s/p->sa, lane->card->config.sa.rmw, now/p->sa, 0, now/
C: identification stays@esp_tx@sim/nic/sequence.c@s/card->ip_id++/card->ip_id/
C: what cannot be framed passes sequence without a number@esp_tx@sim/nic/sequence.c@s/return view.version == 4 || view.version == 6;/return (view.version == 4 || view.version == 6) \&\& view.kind != ESP_PACKET_MALFORMED;/
C: encapsulate a cycle later@esp_tx@sim/nic/sequence.c@s/beats_in, p->drop ? 0 : p->beats, j);/beats_in, p->drop ? 0 : p->beats, j); j->latency += p->crypt;/
C: TTL 63@esp_tx@sim/esp/encap.c@s/OUTER_TTL = 64/OUTER_TTL = 63/
C: DF is not set around IPv6@esp_tx@sim/esp/encap.c@s/: IPV4_DF);/: 0);/
C: MF is copied too@esp_tx@sim/esp/encap.c@s/\& IPV4_DF)/\& 0x6000)/
C: class of IPv6 without its low bits@esp_tx@sim/esp/encap.c@s/(ip\[0\] << 4) | (ip\[1\] >> 4)/(ip[0] << 4) | (ip[1] >> 6 << 2)/
C: padding from 0@esp_tx@sim/esp/encap.c@s/(uint8_t)(i + 1)/(uint8_t)i/
C: routing headers do not stay in front@esp_tx@sim/esp/encap.c@s/ip\[field\] == ESP_PROTO_HOP_BY_HOP || ip\[field\] == ESP_PROTO_ROUTING/ip[field] == ESP_PROTO_HOP_BY_HOP/
C: destination options stay in front@esp_tx@sim/esp/encap.c@s/ip\[field\] == ESP_PROTO_HOP_BY_HOP ||/ip[field] == ESP_PROTO_DESTINATION || ip[field] == ESP_PROTO_HOP_BY_HOP ||/
C: the old checksum counts@esp_tx@sim/esp/encap.c@/^void esp_set_ip_length/,/^}/s/esp_put16(ip + 10, 0);/;/
C: EtherType stays@esp_tx@sim/esp/encap.c@s/put_ethertype(frame, l3, transform->dst.family);/;/
C: shorter than its header is whole@esp_tx@sim/esp/encap.c@/^static uint32_t packet_length/,/^}/s/total >= header \&\&/true \&\&/
C: a header of 16 bytes is one@esp_tx@sim/esp/encap.c@/^static uint32_t packet_length/,/^}/s/header >= ESP_IPV4_HEADER \&\&/header >= 16 \&\&/
C: three tags at most@esp_tx@sim/esp/packet.c@s/view->vlan_tags == ESP_MAX_VLAN_TAGS/view->vlan_tags == 3/
C: 0x9100 is no tag@esp_tx@sim/esp/packet.c@s/ \&\& type != TPID_QINQ_OLD//
C: total length 0 is 0@esp_tx@sim/esp/packet.c@s/total = length - l3;/total = 0;/
C: IPv6 beyond the frame is one@esp_tx@sim/esp/packet.c@/^static uint32_t parse_ipv6/,/^}/s/total > length - l3/false/
C: around the engine in 2 cycles@esp_tx@sim/nic/crypto.c@s/j->latency = 1;/j->latency = 2;/
C: the engine is free at once@esp_tx@sim/nic/crypto.c@s/j->tail = cost.occupancy > bus ? cost.occupancy - bus : 0;/j->tail = 0;/
C: the tag takes a cycle more@esp_tx@sim/nic/crypto.c@s/TAG_CYCLES = 3/TAG_CYCLES = 4/
C: the other order@esp_tx@sim/nic/crypto.c@s/order == NIC_ORDER_LANE ? 0 : key/order == NIC_ORDER_LANE ? key : 0/
C: reorder takes the same input first@esp_tx@sim/engine/stage.c@s/job->in + 1u < st->inputs ? job->in + 1u : 0/0/
C: one that shrinks loses its last ones@esp_tx@sim/engine/lane.c@s/uint32_t skip = slots - j->beats_out;/uint32_t skip = j->beats_in > j->beats_out ? 0 : slots - j->beats_out;/
one that shrinks pushes at once@esp_tx@rtl_models/esp_encapsulate.sv@s/beats_in_first > beats_out_first ? beats_in_first - beats_out_first/beats_in_first > beats_out_first ? 10'd0/
the trailer does not reach the next beat@esp_tx@rtl_models/esp_encapsulate.sv@s/beat_no == tail_beat + 10.d1/beat_no == tail_beat + 10'd2/
the checksum is folded once@esp_tx@rtl_models/esp_encapsulate.sv@0,/      sum = {5.d0, sum\[15:0\]} + {16.d0, sum\[20:16\]};/s///
no high half without being asked@esp_tx@rtl_models/esp_tx_crypto.sv@s/esn ? 6.d12 : 6.d8/6'd8/
tickets do not count@esp_tx@rtl_models/esp_reorder.sv@s/ == in_ticket\[i\*TICKET_W+:TICKET_W\]/ != in_ticket[i*TICKET_W+:TICKET_W] + 1'b1/
*padding bytes are not looked at@esp_rx@sim/esp/esp.c@s/if (pad\[i\] != i + 1)/if (pad[i] != i + 1 \&\& i > 300)/
dummies go to the host@esp_rx@sim/esp/esp.c@s/next_header == ESP_PROTO_NONE/next_header == ESP_PROTO_MOBILITY/
congestion is not told inwards@esp_rx@sim/esp/encap.c@s/{ 2, 1, 2, 3 }/{ 2, 1, 2, 2 }/
the checksum stays when ECN changes@esp_rx@sim/esp/encap.c@s/esp_put16(ip + 10, (uint16_t)~sum);/(void)sum;/
IKE is taken for ESP@esp_rx@sim/esp/packet.c@s/esp_get32(c->frame + payload) == 0/false/
a total length of 0 is none@esp_rx@sim/esp/packet.c@s/if (total == 0) {/if (length == 0) {/
UDP is not compared with the SA@esp_rx@sim/nic/sa_lookup.c@s/t->udp != (p->kind == ESP_PACKET_UDP_ESP)/t == NULL/
input 0 is always first@esp_rx@sim/engine/stage.c@s/st->s.next_input = .*;/st->s.next_input = 0;/
a packet keeps the engine a cycle longer@esp_rx@sim/nic/crypto.c@s/slots + c->overhead + c->key_setup/slots + c->overhead + 1/
the way around takes 2 cycles@esp_rx@sim/nic/crypto.c@s/j->latency = 1;/j->latency = 2;/
the IV begins a byte early@esp_rx@rtl_models/esp_parser.sv@s/esp\[127:64\]/esp[119:56]/
padding may begin with any number@esp_rx@rtl_models/esp_verdict.sv@s/place <= stop - {8'd0, pad}/place < stop/
slots that push nothing need room@esp_rx@rtl_models/esp_decapsulate.sv@s/(!pushes || room)/room/
the engine is always first@esp_rx@rtl_models/esp_reorder.sv@s/after   <= chosen == .*;/after <= '0;/
frames that are too long go in@esp_rx --garbage@rtl_models/ingress.sv@s/in_length <= 16'(64 \* LONGEST)/1'b1/
*what is missing is not filled up@esp_rx --garbage@rtl_models/ingress.sv@s/else if (take) pads <= .*;/else pads <= 1'b0;/
the wire is asked to wait@esp_rx --garbage@rtl_models/ingress.sv@s/(WHOLE == 1 || in_room != '0)/(in_room != '0)/
beats behind the end go in@esp_tx --garbage@rtl_models/ingress.sv@s/ \&\& wants != '0;/;/
C: an end that comes too early is not counted@esp_tx --garbage@sim/nic/solo.c@s/door->wrong = door->wrong || (!door->lost \&\& door->missing > 0);//
C: a byte more than a beat is one beat@esp_rx --garbage@sim/nic/solo.c@s/(length + 63) \/ 64/(length + 62) \/ 64/
the upper half of the number is not authenticated@esp_rx@rtl_models/esp_rx.sv@s/if (c_esn)$/if (1'b0)/
the last byte of a beat may be of nobody@esp_rx@rtl_models/esp_decapsulate.sv@s/left < 16'd64/left < 16'd63/
everything uses the look-up port@esp_rx+table@rtl_models/esp_lookup_table.sv@s/.in_bypass(!look)/.in_bypass(1'b0)/
a packet of the wrong protocol holds its SA@esp_rx+table@rtl_models/sa_table.sv@s/ \&\& !in_refuse;/;/
with UDP or without is the same@esp_rx+table@rtl_models/esp_lookup_table.sv@s/with_udp\[set_sa\] <= set_udp/with_udp[set_sa] <= set_udp \&\& 1'b0/
IPv4 addresses in the upper half of the key@esp_rx+table@rtl_models/esp_lookup_table.sv@s/address = {96'd0, address\[127:96\]}/address = {address[127:96], 96'd0}/
what replay check refuses holds its SA@esp_rx+table@rtl_models/esn_replay.sv@s/chk_refuses = chk_start/chk_refuses = 1'b0/
what replay update refuses holds its SA@esp_rx+table@rtl_models/esn_replay.sv@s/upd_refuses = upd_start/upd_refuses = 1'b0/
*an SA is held until the last beat is in decapsulation@esp_rx+table@rtl_models/esp_rx.sv@s/u_pop \&\& !u_midway \&\& o_crypt/u_pop \&\& (u_last || (u_midway \&\& !u_pop)) \&\& o_crypt/
of two references in a cycle one does not count@esp_rx+table@rtl_models/sa_table.sv@/held = references\[entry\];/,/if (hit/s/held = held - 1'b1/held = references[entry] - 1'b1/
an INSERT brings what the command before brought@esp_rx+table@rtl_models/sa_table.sv@s/new_context = cctx\[begun\]/new_context = cctx[run]/
an UPDATE moves the upper half@esp_rx+table@rtl_models/esp_lookup_table.sv@s/.HOST_ESN(0)/.HOST_ESN(1)/
READ shows the next upper half@esp_rx+table@rtl_models/esp_rx.sv@s/: peek_top\[63:32\]),/: peek_top[63:32] + 32'd1),/
what sequence refuses holds its SA@ipsec_top+table@rtl_models/esn_sequence.sv@s/refuses   = start/refuses   = 1'b0/
what encapsulate refuses holds its SA@ipsec_top+table@rtl_models/esp_encapsulate.sv@s/refuses = go/refuses = 1'b0/
an SA is held until the last beat goes to the wire@ipsec_top+table@rtl_models/esp_tx.sv@s/rel_valid\[2\] = takes_first/rel_valid[2] = takes \&\& takes_last/
frames with handles of old SAs go@ipsec_top+table@rtl_models/sa_table.sv@s/ \&\& generation\[tx_named\] == tx_handle\[63:32\] ? tx_named/ \&\& generation[tx_named] >= tx_handle[63:32] ? tx_named/
frames are sent with SAs to receive@ipsec_top+table@rtl_models/sa_table.sv@s/live\[tx_named\] \&\& sends\[tx_named\]/live[tx_named]/
frames are sent with SAs whose DELETE has begun@ipsec_top+table@rtl_models/sa_table.sv@s/live\[tx_named\] \&\& sends/taken[tx_named] \&\& sends/
an SA to send with takes a slot@ipsec_top+table@rtl_models/sa_table.sv@s/? !cout\[begun\] : !sends\[named\]/? 1'b1 : 1'b1/
a frame takes no reference@ipsec_top+table@rtl_models/sa_table.sv@s/if (tx_take \&\& tx_entry != '0) references/if (1'b0) references/
READ of an SA to send with shows the receiver's numbers@ipsec_top+table@rtl_models/esp_rx.sv@s/rd_out ? tx_peek_high : peek_top/rd_out \&\& new_out ? tx_peek_high : peek_top/
C: what replay check refuses holds its SA@esp_rx+table@sim/nic/replay.c@/^static void check_begin/,/^}/s/nic_release_sa(lane->card, p, now);/;/
C: what replay update refuses holds its SA@esp_rx+table@sim/nic/replay.c@/^static void update_begin/,/^}/s/nic_release_sa(card, p, now);/;/
*C: an SA is held after decapsulation@esp_rx+table@sim/nic/decapsulate.c@/^static void begin/,/^}/s/nic_release_sa(card, p, now);/;/
C: a packet of the wrong protocol holds its SA@esp_rx+table@sim/nic/sa_lookup.c@/^static void begin_any/,/^}/s/nic_release_sa(card, p, now);/;/
C: an SA is free when its DELETE ends@esp_rx+table@sim/nic/command.c@s/sa_context(&card->table, s->id\[i\])->references == 0/sa_context(\&card->table, s->id[i])->references < 2/
C: READ of the wrong half@esp_rx+table@sim/nic/solo_commands.c@s/(uint32_t)(entry->sequence >> 32) : 0/(uint32_t)entry->sequence : 0/
C: what sequence refuses holds its SA@ipsec_top+table@sim/nic/sequence.c@/^static void sequence_begin/,/^}/s/nic_release_sa(card, p, now);/;/
C: what encapsulate refuses holds its SA@ipsec_top+table@sim/nic/sequence.c@/^static void encapsulate_begin/,/^}/s/nic_release_sa(lane->card, p, now);/;/
C: what is sent holds its SA@ipsec_top+table@sim/nic/crypto.c@/^static void reorder_begin/,/^}/s/nic_release_sa(card, p, now);/;/
C: a frame has its SA before it begins@ipsec_top+table@sim/nic/sa_lookup.c@/^static void fetch(/,/^}/s/p->looked = LOOKED_BY_HANDLE;/p->looked = LOOKED_BY_HANDLE; if (seen_tx_sa(card, p->handle[p->portion])) { p->looked = LOOKED; take_sa(card, p, seen_tx_sa(card, p->handle[p->portion])); }/
C: nobody looks again when the table has changed@ipsec_top+table@sim/nic/command.c@s/sched_wake(&card->sched, card->lane\[i\].fetch.block, now + 1);/;/
C: frames are sent with SAs to receive@ipsec_top+table@sim/nic/sa_lookup.c@s/ == ESP_DIR_OUT ? id : 0/ >= ESP_DIR_OUT ? id : 0/
the last rounds are skipped by keys of 192 bits@aes_gcm@rtl_models/aes_gcm_pkg.sv@s/code == 2.d1 ? 4.d12/code == 2'd1 ? 4'd10/
the rounds take a cycle more@aes_gcm@rtl_models/aes_gcm.sv@s/latency = DELAY_W.(AFTER) +/latency = DELAY_W'(AFTER + 1) +/
what is owed is a cycle more@aes_gcm@rtl_models/aes_gcm.sv@s/ + OWED_W.(OVERHEAD) - 1.b1;/ + OWED_W'(OVERHEAD);/
the key stream does not go on in the next beat@aes_gcm@rtl_models/aes_gcm.sv@s/x_carry     <= stream.*/x_carry     <= '0;/
an item's beats end the engine's first one@aes_gcm@rtl_models/aes_gcm.sv@s/bad = !p_first \&\& kept_bad/bad = kept_bad/
an ICV in two beats is half looked at@aes_gcm@rtl_models/aes_gcm.sv@s/bad = !p_first \&\& kept_bad/bad = !p_first \&\& kept_bad \&\& !p_last/
all 16 bytes of the tag are written@aes_gcm@rtl_models/aes_gcm.sv@s/\& ~bytes_from(in_lane(p_cfg\[CFG_ICV_END+:17\], p_lane))//
what is hashed is what comes out@aes_gcm@rtl_models/aes_gcm.sv@s/x_cfg\[CFG_DECRYPT\] ? x_beat\[128\*i+:128\] :/x_cfg[CFG_DECRYPT] ? x_out[128*i+:128] :/
GMAC hashes no IV@aes_gcm@rtl_models/aes_gcm.sv@s/if (now_gmac) hashed = hashed + 17.(aad_len)/if (now_gmac) hashed = hashed + 17'd8/
the counter begins at 1@aes_gcm@rtl_models/aes_gcm.sv@s/+ 32.d2;/+ 32'd1;/
the tag is not masked@aes_gcm@rtl_models/aes_gcm.sv@s/if (x_first) g_mask <= stream\[127:0\]/if (x_first) g_mask <= '0/
*the beat of the ICV is the next one@aes_gcm@rtl_models/aes_gcm.sv@s/x_end_lane >= x_base \&\&/x_end_lane > x_base \&\&/
C: the tag takes a cycle less@aes_gcm@sim/nic/crypto.c@s/TAG_CYCLES = 3/TAG_CYCLES = 2/
C: no overhead@aes_gcm@sim/nic/crypto.c@s/slots + c->overhead + c->key_setup/slots + c->key_setup/
C: a packet keeps the engine for its beats only@aes_gcm@sim/nic/crypto.c@s/cost.occupancy > bus ? cost.occupancy - bus : 0;/0;/
C: GMAC pays for the ICV@aes_gcm@sim/nic/crypto.c@s/span > t->icv ? span - t->icv : 0, \&cost/span, \&cost/
C: a register more@aes_gcm@sim/nic/crypto.c@s/j->latency = cost.latency + 1;/j->latency = cost.latency + 2;/
C: 11 rounds@aes_gcm@sim/nic/crypto.c@s/return 6u + esp_alg_info/return 7u + esp_alg_info/
C: the upper half is not authenticated@aes_gcm@sim/esp/esp.c@s/job->aad_length = transform->esn ? 12 : 8;/job->aad_length = 8;/
*C: every ICV is right@aes_gcm@sim/esp/crypt.c@s/job->state = ESP_JOB_BAD_ICV;/job->state = ESP_JOB_OK;/
END
}

flags=$(cat "$build/flags")
libraries=$(tr ' ' '\n' <<<"$flags" | grep '^-l' | tr '\n' ' ')
# What the program looks for beside itself.
mkdir -p "$work/bin"
ln -s "$PWD/rtl_models" "$work/rtl_models"
ln -s "$PWD/sim" "$work/sim"

# The program with these sources before those of the libraries.
link() {
    eval "$flags" -w -O1 -g0 -o "$work/bin/espnic" "$@" "$work/main.o" "$build/libespnic-cli.a" \
        "$build/libespnic.a" "$libraries" >"$work/log" 2>&1
}

# C side broken: a copy of the file, or of the header and of what is made of it.
break_c() {
    local file=$1 sources
    rm -rf "$work/src"
    mkdir -p "$work/src/$(dirname "$file")"
    sed "$2" "$file" >"$work/src/$file"
    ! cmp -s "$file" "$work/src/$file" || return 3
    case $file in
    *.h) sources='sim/engine/stage.c sim/engine/lane.c sim/engine/channel.c sim/nic/solo.c' ;;
    *) sources=$work/src/$file ;;
    esac
    # shellcheck disable=SC2086 # a list
    eval "${flags/ -Isim / -I$work/src/sim -Isim }" -w -O1 -g0 -o "$work/bin/espnic" $sources "$work/main.o" "$build/libespnic-cli.a" \
        "$build/libespnic.a" "$libraries" >"$work/log" 2>&1 || return 2
}

break_rtl() {
    rm -rf "$work/rtl"
    cp -r rtl_models "$work/rtl"
    sed -i "$2" "$work/rtl/$(basename "$1")"
    ! cmp -s "$1" "$work/rtl/$(basename "$1")" || return 3
}

# The program as it is, in the same folder: RTL mutants run with it.
eval "$flags" -w -O1 -g0 -c -o "$work/main.o" sim/cli/main.c && link || {
    cat "$work/log"
    echo "not ok the program as it is does not compile"
    exit 1
}
cp "$work/bin/espnic" "$work/bin/intact"
failed=0 found=0
while IFS='@' read -r what block file expression; do
    quick=${what:0:1}
    what=${what#\*}
    [[ $quick == '*' || ${QUICK:-0} != 1 ]] || continue
    [[ "$what $block $file" == *"${1:-}"* ]] || continue
    params=() program=$work/bin/espnic run=(--cycles "$cycles") lost='^$'
    if [[ $block == *' --garbage' ]]; then
        block=${block% --garbage} run=(--garbage "$cycles")
        lost='correct .* TOO FEW'
    fi
    kind=$block block=${block%+*}
    for setting in ${parameters[$kind]:-}; do params+=(--param "$setting"); done
    case $file in
    *.sv)
        break_rtl "$file" "$expression"
        status=$?
        program=$work/bin/intact
        params+=(--rtl "$work/rtl")
        ;;
    *)
        break_c "$file" "$expression"
        status=$?
        ;;
    esac
    case $status in
    2)
        cat "$work/log"
        echo "not ok $block: $what: does not compile"
        failed=1
        continue
        ;;
    3)
        echo "not ok $block: $what: the place to break is not there any more"
        failed=1
        continue
        ;;
    esac
    timeout 300 "$program" cosim "$block" "${run[@]}" "${params[@]}" >"$work/log" 2>&1
    status=$?
    if { [ "$status" = 1 ] && grep -q -e "^$block: cycle [0-9]*: " -e "$lost" "$work/log"; } || { [ "$status" = 134 ] && [[ $file != *.sv ]]; }; then
        echo "ok $block: $what: $(grep -m1 -oE 'cycle [0-9]+: .*|Assertion .*|correct .*TOO FEW' "$work/log")"
        found=$((found + 1))
    else
        tail -n 25 "$work/log"
        echo "not ok $block: $what: not found (exit status $status)"
        failed=1
    fi
    [[ $file != *.sv ]] || rm -rf "$work"/cache/*.so*
done < <(mutants)
echo "$found mutants found"
exit "$failed"
