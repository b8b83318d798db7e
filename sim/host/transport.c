/* The transport, send side: takes packets, chooses their SA, frames and numbers them where the card does
 * not, and waits out the changes of the upper half of extended sequence numbers. */
#include <string.h>

#include "esp/segment.h"
#include "host/internal.h"

enum { PUMP_DEPTH = 2 /* packets of a closed-loop source that wait for a core */ };

/* ---- packets come in ------------------------------------------------------------------------------ */

uint32_t host_slot_take(struct host *host)
{
    uint32_t slot = host->s->slot_free;

    if (slot != 0) {
        host->s->slot_free = host->slot[slot - 1].next;
        return slot;
    }
    return host->s->slots_used < host->slots ? ++host->s->slots_used : 0;
}

void host_tx_drop(struct host *host, uint32_t slot, uint64_t time, enum host_tx_drop reason)
{
    host->stats->tx.drop[reason]++;
    if (host->options.sinks.tx_drop != NULL) {
        host->options.sinks.tx_drop(host->options.sinks.self, time, host->slot[slot].tag,
                                    host_tx_drop_name(reason));
    }
    host_slot_free(host, slot, time);
}

/* Packets of one flow stay on one core, so their order is kept. */
static uint32_t core_of(const struct host *host, const struct host_flow *flow)
{
    uint64_t h = 0;
    uint64_t word;

    if (host->config.general.cores == 1 || flow->family == 0) {
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        memcpy(&word, flow->src + 8 * i, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        memcpy(&word, flow->dst + 8 * i, sizeof word);
        h = (h ^ word) * 0xbf58476d1ce4e5b9ull;
    }
    h = rng_mix(h ^ ((uint64_t)flow->proto << 32 | (uint64_t)flow->sport << 16 | flow->dport));
    return (uint32_t)((h >> 32) * host->config.general.cores >> 32);
}

static void refuse(struct host *host, const struct host_packet *packet, uint64_t time,
                   enum host_tx_drop reason)
{
    host->stats->tx.drop[reason]++;
    if (host->options.sinks.tx_drop != NULL) {
        host->options.sinks.tx_drop(host->options.sinks.self, time, packet->frame.tag,
                                    host_tx_drop_name(reason));
    }
}

/* Bytes before the payload of a TCP packet whose headers are there, else 0. */
static uint16_t tcp_headers(const struct espnic_frame *frame, const struct host_flow *flow,
                            const struct esp_view *view)
{
    struct esp_large large = { .length = frame->length };

    if (frame->bytes == NULL || view->kind != ESP_PACKET_CLEAR_IP || view->fragment ||
        flow->proto != ESP_PROTO_TCP || frame->length > view->l3 + view->l3_length ||
        !esp_large_headers(&large, frame->bytes, frame->captured, view->l3 + view->l3_header)) {
        return 0;
    }
    return (uint16_t)large.headers;
}

/* Into the backlog of its core. */
static void admit(struct host *host, const struct host_packet *packet, const struct host_flow *flow,
                  const struct esp_view *view, uint32_t core, uint64_t time)
{
    const struct espnic_frame *frame = &packet->frame;
    uint32_t room = (uint32_t)host->config.memory.tx_buffer - 2 * HOST_ROOM;
    uint32_t slot;
    struct host_slot *s;

    host->stats->tx.packets_in++;
    host->stats->tx.bytes_in += frame->length;
    if (frame->length > room) {
        refuse(host, packet, time, HOST_TX_DROP_TOO_LONG);
        return;
    }
    if (host->s->link_down) {
        refuse(host, packet, time, HOST_TX_DROP_LINK_DOWN);
        return;
    }
    slot = host->core[core].backlog.count < host->config.tx.backlog ? host_slot_take(host) : 0;
    if (slot == 0) {
        refuse(host, packet, time, HOST_TX_DROP_BACKLOG);
        return;
    }
    s = &host->slot[slot - 1];
    *s = (struct host_slot){ .state = SLOT_BACKLOG,
                             .core = (uint8_t)core,
                             .start = HOST_ROOM,
                             .length = frame->length,
                             .captured = frame->bytes == NULL ? 0 : frame->captured,
                             .l3 = view->l3,
                             .l3_header = view->l3_header,
                             .version = view->version,
                             .port = (uint16_t)packet->port,
                             .generation = s->generation + 1,
                             .tag = frame->tag,
                             .arrival = time,
                             .flow = *flow };
    if (s->captured > s->length) {
        s->captured = s->length;
    }
    if (host->config.tx.lso != HOST_LSO_OFF) {
        s->headers = tcp_headers(frame, flow, view);
    }
    if (host->tx_stride != 0 && s->captured != 0 && frame->bytes != NULL) {
        memcpy(host_slot_bytes(host, slot - 1) + HOST_ROOM, frame->bytes, s->captured);
    }
    host_list_push(host, &host->core[core].backlog, slot - 1);
    host_core_kick(host, core, time);
}

static void flow_of_packet(const struct host_packet *packet, struct host_flow *flow,
                           struct esp_view *view)
{
    if (packet->frame.bytes == NULL) {
        memset(flow, 0, sizeof *flow);
        memset(view, 0, sizeof *view);
        view->l3 = 14;
        return;
    }
    host_flow_of(packet->frame.bytes, packet->frame.captured, packet->frame.length, flow, view);
}

bool host_tx(struct host *host, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    struct host_packet packet = { .time = time, .port = port, .frame = *frame };
    struct host_flow flow;
    struct esp_view view;

    if (time < host_now(host)) {
        return false;
    }
    if (time > host_now(host)) {
        host_simulate(host, time);
    }
    flow_of_packet(&packet, &flow, &view);
    admit(host, &packet, &flow, &view, core_of(host, &flow), time);
    return true;
}

/* ---- the source ------------------------------------------------------------------------------------ */

/* Look at the packet at its head; its headers are read once. */
static bool peek(struct host *host)
{
    if (!host->peeked) {
        if (!host->source.peek(host->source.self, &host->peek)) {
            return false;
        }
        flow_of_packet(&host->peek, &host->peek_flow, &host->peek_view);
        host->peeked = true;
    }
    return true;
}

static void take(struct host *host, uint32_t core, uint64_t time)
{
    admit(host, &host->peek, &host->peek_flow, &host->peek_view, core, time);
    host->peeked = false;
    host->source.take(host->source.self);
}

void host_pump(struct host *host, uint64_t time)
{
    while (peek(host)) {
        uint32_t core = core_of(host, &host->peek_flow);

        if (host->core[core].backlog.count >= PUMP_DEPTH ||
            (host->s->slot_free == 0 && host->s->slots_used == host->slots)) {
            return;
        }
        take(host, core, time);
    }
}

void host_source_wake(struct host *host, uint64_t time)
{
    if (!host->has_source || host->s->started != START_DONE) {
        return;
    }
    if (host->source.closed_loop) {
        host_pump(host, time);
        return;
    }
    while (peek(host)) {
        if (host->peek.time > time) {
            host_wake(host, BLOCK_SOURCE, host->peek.time);
            return;
        }
        take(host, core_of(host, &host->peek_flow), time);
    }
}

void host_set_source(struct host *host, const struct host_source *source)
{
    host->has_source = source != NULL;
    host->peeked = false;
    memset(&host->source, 0, sizeof host->source);
    if (source != NULL) {
        host->source = *source;
        host_source_ready(host, host_now(host));
    }
}

void host_source_ready(struct host *host, uint64_t time)
{
    host_wake(host, BLOCK_SOURCE, time > host_now(host) ? time : host_now(host));
}

/* ---- extended sequence numbers ---------------------------------------------------------------------- */

/* Every frame of a node that waits for its packets: they have all completed. */
static void drained(struct host *host, uint32_t first, uint64_t time)
{
    for (uint32_t id = first; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);

        if (frame->stall != HOST_STALL_DRAIN) {
            continue;
        }
        frame->stall = HOST_STALL_UPDATE;
        if (frame->update != 0) {
            uint32_t request = frame->update;

            frame->update = 0;
            host_update_go(host, request, time);
        } else if (host->s->esn_scope) {
            host_scope_move(host, id, frame->number, time);
        } else {
            host_own_update(host, frame->owner, (enum esp_op)frame->transform.op,
                            frame->transform.spi, frame->want_hi, true, time);
        }
    }
    if ((host_frame(host, first)->flags & HOST_FRAME_LEAVING) != 0) {
        host_move_drained(host, first, time);
    }
}

static void begin_stall(struct host *host, uint32_t sa, uint32_t frame_id, uint32_t seq_hi,
                        uint32_t request, uint64_t time)
{
    struct host_frame *frame = host_frame(host, frame_id);

    frame->stall = HOST_STALL_DRAIN;
    frame->stall_since = time;
    frame->want_hi = seq_hi;
    frame->update = request;
    host->stats->tx.esn_stalls++;
    if (host_frame(host, host_sa(host, sa)->detail)->inflight == 0) {
        drained(host, host_sa(host, sa)->detail, time);
    }
}

void host_stall_adopt(struct host *host, uint32_t sa, uint32_t frame, uint32_t request,
                      uint64_t time)
{
    begin_stall(host, sa, frame, host_request(host, request)->seq_hi, request, time);
}

void host_frame_done(struct host *host, struct host_use *use, uint64_t time)
{
    struct host_frame *frame;

    if (use->frame == 0) {
        return;
    }
    frame = host_frame(host, use->frame);
    if (frame->generation == use->generation && frame->inflight != 0 && --frame->inflight == 0) {
        drained(host, use->frame, time);
    }
    *use = (struct host_use){ 0 };
}

/* Held packets go to the front of their cores' backlogs, in their order. They all belong to one SA but
 * not always to one core. */
static void let_go(struct host *host, struct host_frame *frame, uint64_t time)
{
    struct host_list held[HOST_MAX_CORES];
    uint32_t slot = frame->wait_head;

    frame->wait_head = 0;
    frame->wait_tail = 0;
    memset(held, 0, sizeof held);
    while (slot != 0) {
        uint32_t next = host->slot[slot - 1].next;

        host->slot[slot - 1].state = SLOT_BACKLOG;
        host_list_push(host, &held[host->slot[slot - 1].core], slot - 1);
        slot = next;
    }
    for (uint32_t i = 0; i < host->config.general.cores; i++) {
        struct host_list *backlog = &host->core[i].backlog;

        if (held[i].head == 0) {
            continue;
        }
        host->slot[held[i].tail - 1].next = backlog->head;
        backlog->head = held[i].head;
        backlog->tail = backlog->tail == 0 ? held[i].tail : backlog->tail;
        backlog->count += held[i].count;
        host_core_kick(host, i, time);
    }
}

static void end_stall(struct host *host, struct host_frame *frame, uint64_t time)
{
    if (frame->stall != HOST_STALL_NO) {
        *(frame->stall == HOST_STALL_MOVE ? &host->stats->tx.move_stall_ps
                                          : &host->stats->tx.esn_stall_ps) +=
            time - frame->stall_since;
        frame->stall = HOST_STALL_NO;
    }
}

void host_stall_end(struct host *host, uint32_t sa, uint64_t time, bool good)
{
    uint32_t id = (host_sa(host, sa)->flags & SA_HOST_FRAME) != 0 ? host_sa(host, sa)->detail : 0;

    for (; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);

        if (frame->stall != HOST_STALL_UPDATE) {
            continue;
        }
        end_stall(host, frame, time);
        if (good) {
            frame->card_hi = host->s->esn_scope ? frame->card_hi : frame->want_hi;
            let_go(host, frame, time);
            continue;
        }
        while (frame->wait_head != 0) {
            uint32_t slot = frame->wait_head - 1;

            frame->wait_head = host->slot[slot].next;
            host_tx_drop(host, slot, time, HOST_TX_DROP_ESN_UPDATE);
        }
        frame->wait_tail = 0;
    }
}

void host_stall_release(struct host *host, uint32_t sa, uint64_t time)
{
    uint32_t id = (host_sa(host, sa)->flags & SA_HOST_FRAME) != 0 ? host_sa(host, sa)->detail : 0;

    for (; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);

        if (frame->update != 0) { /* in its turn before what comes next */
            host_update_go(host, frame->update, time);
            frame->update = 0;
        }
        end_stall(host, frame, time);
        let_go(host, frame, time);
    }
}

void host_hold(struct host *host, struct host_frame *frame, uint32_t slot)
{
    host->slot[slot].state = SLOT_HELD;
    host->slot[slot].next = 0;
    if (frame->wait_tail != 0) {
        host->slot[frame->wait_tail - 1].next = slot + 1;
    } else {
        frame->wait_head = slot + 1;
    }
    frame->wait_tail = slot + 1;
    *(frame->stall == HOST_STALL_MOVE ? &host->stats->tx.move_stalled_packets
                                      : &host->stats->tx.esn_stalled_packets) += 1;
}

/* With an overlap bit nothing waits while the upper half changes, if what is in flight stays above the new beginning;
 * only a number that the card would take for another has to. */
static void move_scope(struct host *host, uint32_t sa, uint32_t frame_id, uint64_t time)
{
    enum { MOST_SEGMENTS = 1024 };

    struct host_frame *frame = host_frame(host, frame_id);
    uint64_t in_flight = (uint64_t)host_frame(host, host_sa(host, sa)->detail)->inflight *
                         (host->s->lso && host->config.tx.lso == HOST_LSO_CARD ? MOST_SEGMENTS : 1);
    bool known = scope_number(host_frame_scope(frame), (uint32_t)frame->number) == frame->number;
    bool under_way = (frame->flags & HOST_FRAME_MODIFYING) != 0;

    if (!known && under_way) {
        frame->stall = HOST_STALL_UPDATE;
        frame->stall_since = time;
        host->stats->tx.esn_stalls++;
    } else if (!known) {
        begin_stall(host, sa, frame_id, 0, 0, time);
    } else if (!under_way && !host_scope_there(frame, frame->number) &&
               frame->number % SCOPE_MIDDLE >= in_flight) {
        host_scope_move(host, frame_id, frame->number, time);
    }
}

/* Must a packet of the SA wait for an UPDATE_SA? Holds it if so. */
static bool stalls(struct host *host, uint32_t sa, uint32_t slot, uint64_t time)
{
    if (host->s->tx_context != 0) {
        return false; /* each descriptor says the upper half */
    }
    for (uint32_t id = host_sa(host, sa)->detail; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);

        if ((frame->flags & HOST_FRAME_ESN) == 0 || sequence_left(frame->number, true) == 0) {
            continue;
        }
        if (frame->stall == HOST_STALL_NO && host->s->esn_scope) {
            move_scope(host, sa, id, time);
        } else if (frame->stall == HOST_STALL_NO && !host->s->esn_inferred &&
                   (uint32_t)(frame->number >> 32) != frame->card_hi) {
            begin_stall(host, sa, id, (uint32_t)(frame->number >> 32), 0, time);
        }
        frame = host_frame(host, id);
        if (frame->stall != HOST_STALL_NO) {
            host_hold(host, frame, slot);
            return true;
        }
    }
    return false;
}

/* ---- framing (crypto offload) ----------------------------------------------------------------------- */

bool host_numbers_left(const struct host *host, uint32_t sa)
{
    for (uint32_t id = host_sa(host, sa)->detail; id != 0; id = host_frame(host, id)->second) {
        const struct host_frame *frame = host_frame(host, id);

        if (sequence_left(frame->number, (frame->flags & HOST_FRAME_ESN) != 0) == 0) {
            return false;
        }
    }
    return true;
}

/* Slot 12 of a packet without contents. */
static void lengths_word(const struct host_frame *frame, uint8_t version, uint32_t header,
                         const struct esp_lengths *lengths, struct host_slot *s)
{
    const struct esp_transform *t = &frame->transform;
    bool tunnel = t->mode == ESP_MODE_TUNNEL;
    uint32_t outer =
        tunnel ? (t->src.family == 6 ? (uint32_t)ESP_IPV6_HEADER : (uint32_t)ESP_IPV4_HEADER)
               : header;
    uint32_t next = !tunnel        ? s->flow.proto
                    : version == 6 ? (uint32_t)ESP_PROTO_IPV6
                                   : (uint32_t)ESP_PROTO_IPV4;

    if (t->op == ESP_OP_AH) {
        s->header_word |= (outer / 4 & 0xff) << ABI_HEADER_AH_OFFSET_LSB;
        return;
    }
    outer += t->udp ? (uint32_t)ESP_UDP_HEADER : 0;
    s->header_word =
        next | lengths->pad << ABI_HEADER_PAD_LSB | (outer / 4 & 0xff) << ABI_HEADER_ESP_OFFSET_LSB;
}

/* Only lengths: there are no contents. */
enum host_tx_drop host_frame_lengths(const struct host_frame *frame, struct host_slot *s)
{
    struct esp_lengths lengths;
    uint32_t l3_length = s->length > s->l3 ? s->length - s->l3 : 0;
    uint32_t header = s->l3_header != 0 ? s->l3_header : s->version == 6 ? 40u : 20u;
    uint8_t version = s->version != 0 ? s->version : frame->transform.src.family;

    esp_lengths_of(&frame->transform, version, l3_length, header, 0, &lengths);
    if (lengths.l3_length > 65535) {
        return HOST_TX_DROP_TOO_LONG;
    }
    s->length = s->l3 + lengths.l3_length;
    s->captured = 0;
    if (lengths.front <= s->start) { /* where it begins decides how its reads are split */
        s->start -= lengths.front;
    }
    lengths_word(frame, version, header, &lengths, s);
    return HOST_TX_DROP_NONE;
}

enum host_tx_drop host_tx_drop_of(enum esp_status status)
{
    switch (status) {
    case ESP_OK: return HOST_TX_DROP_NONE;
    case ESP_TOO_LONG:
    case ESP_NO_ROOM: return HOST_TX_DROP_TOO_LONG;
    default: return HOST_TX_DROP_CANNOT_PROTECT;
    }
}

/* Slot 12 of a send: where AH and ESP begin, in units of 4 bytes from the IP header (2.9). */
static uint32_t offsets_word(const struct esp_bounds *bounds, unsigned lsb)
{
    return ((bounds->ipsec - bounds->l3) / 4 & 0xff) << lsb;
}

static enum host_tx_drop frame_bytes(struct host *host, const struct host_frame *frame,
                                     uint64_t sequence, uint32_t slot)
{
    struct host_slot *s = &host->slot[slot];
    struct esp_packet packet = { .buffer = host_slot_bytes(host, slot),
                                 .capacity = host->tx_stride,
                                 .start = s->start,
                                 .length = s->length,
                                 .l3 = s->l3 };
    struct esp_encap encap = { .seq = sequence, .ip_id = host->s->ip_id++ };
    struct esp_bounds bounds;
    enum esp_status status = esp_encapsulate(&frame->transform, &packet, &encap, &bounds);

    if (status != ESP_OK) {
        return host_tx_drop_of(status);
    }
    s->start = packet.start;
    s->length = packet.length;
    s->captured = packet.length;
    s->l3 = packet.l3;
    if (frame->transform.op == ESP_OP_AH) {
        s->header_word |= offsets_word(&bounds, ABI_HEADER_AH_OFFSET_LSB);
    } else {
        const uint8_t *end = packet.buffer + packet.start + bounds.end - frame->transform.icv;

        s->header_word = end[-1] | (uint32_t)end[-2] << ABI_HEADER_PAD_LSB |
                         offsets_word(&bounds, ABI_HEADER_ESP_OFFSET_LSB);
    }
    return HOST_TX_DROP_NONE;
}

/* The ESP inside an AH starts after it. */
static void move_esp_offset(struct host_slot *s, const struct host_frame *ah, uint32_t before,
                            uint32_t after)
{
    uint32_t units = s->header_word >> ABI_HEADER_ESP_OFFSET_LSB;

    if (ah->transform.op == ESP_OP_AH && units != 0 && ah->transform.mode == ESP_MODE_TRANSPORT) {
        units = (units + (after - before) / 4) & 0xff;
        s->header_word = (s->header_word & 0x00ffffffu) | units << ABI_HEADER_ESP_OFFSET_LSB;
    }
}

/* Put the packet into the SAs of a node; numbers are taken only if that works. */
static enum host_tx_drop frame_node(struct host *host, uint32_t sa, uint32_t slot, unsigned place)
{
    struct host_slot *s = &host->slot[slot];
    uint32_t first = host_sa(host, sa)->detail;

    if (!host_numbers_left(host, sa)) {
        return HOST_TX_DROP_SEQ_EXHAUSTED;
    }
    s->seq_hi = (uint32_t)(host_frame(host, first)->number >> 32);
    for (uint32_t id = first; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);
        const struct host_slot clear = *s;
        enum host_tx_drop drop = HOST_TX_DROP_NONE;
        uint64_t sequence = frame->number;

        if (host->tx_stride != 0 && s->captured == s->length) {
            drop = frame_bytes(host, frame, sequence, slot);
        } else {
            drop = host_frame_lengths(frame, s);
        }
        if (drop != HOST_TX_DROP_NONE) {
            return drop;
        }
        move_esp_offset(s, frame, clear.length, s->length);
        if (s->mss != 0) {
            host_large_trailer(host, frame, slot, &clear);
        }
        sequence_take(&frame->number, (frame->flags & HOST_FRAME_ESN) != 0, host_frames_left(s),
                      &sequence);
    }
    host_frame(host, first)->inflight++;
    s->use[place] = (struct host_use){ first, host_frame(host, first)->generation };
    return HOST_TX_DROP_NONE;
}

/* ---- choice ------------------------------------------------------------------------------------------ */

/* Not on the card, or not yet again. */
static bool in_software(const struct host *host, uint32_t sa)
{
    return sa != 0 && (host_sa(host, sa)->state == SA_HOST_SOFTWARE ||
                       host_sa(host, sa)->state == SA_HOST_ADDING);
}

/* One of a pair is in software, so the host seals for both; the other one is on a card that gives its numbers, and the
 * host would use some of them a second time. */
static bool card_numbers(const struct host *host, uint32_t sa, uint32_t tunnel)
{
    return host->s->packet_offload && tunnel != 0 &&
           (!in_software(host, sa) || !in_software(host, tunnel));
}

/* Nothing is sealed for such a pair, but its use counts: what brings the missing one back (host.readd). */
static enum host_tx_drop refuse_pair(struct host *host, uint32_t sa, uint32_t tunnel, uint64_t time)
{
    if (in_software(host, sa)) {
        host_used(host, sa, time);
    } else {
        host_used(host, tunnel, time);
    }
    return HOST_TX_DROP_NO_KEYS;
}

static bool usable(const struct host *host, uint32_t sa)
{
    uint8_t state = sa == 0 ? SA_HOST_FREE : host_sa(host, sa)->state;
    bool back =
        state == SA_HOST_ADDING && host_sa_frame(host, sa) != NULL; /* it was there before */

    return state == SA_HOST_CARD || state == SA_HOST_SOFTWARE || back;
}

/* The SA of the packet, and with host.tx.nest the tunnel around it. */
static uint32_t choose(struct host *host, const struct host_flow *flow, uint32_t *tunnel)
{
    uint32_t sa = 0;

    *tunnel = 0;
    if (host->config.tx.nest && host_two_handles(host) && flow->family != 0) {
        sa = host_classify(&host->classifier, flow, HOST_WANT_TRANSPORT);
        *tunnel = host_classify(&host->classifier, flow, HOST_WANT_TUNNEL);
        if (sa == 0 || *tunnel == 0) {
            sa = sa != 0 ? sa : *tunnel;
            *tunnel = 0;
        }
    } else if (flow->family != 0) {
        sa = host_classify(&host->classifier, flow, HOST_WANT_ANY);
    }
    if (sa == 0 && host->config.tx.sa != 0) {
        sa = host_sa_find(host, host->config.tx.sa);
        sa = usable(host, sa) && (host_sa(host, sa)->flags & SA_HOST_IN) == 0 ? sa : 0;
    }
    return sa;
}

/* What a table entry behind registers does not say of its SA. */
static uint8_t tx_flags(const struct host *host, uint32_t sa)
{
    const struct host_frame *frame = host->tables == NULL ? NULL : host_sa_frame(host, sa);

    if (frame == NULL) {
        return 0;
    }
    return (uint8_t)((frame->transform.op == ESP_OP_ESP ? (unsigned)ABI_TX_ESP : 0u) |
                     (frame->transform.enc == ESP_ALG_AES_GCM_128 ? (unsigned)ABI_TX_ENCRYPT : 0u) |
                     ((frame->flags & HOST_FRAME_NO_KEY) != 0 ? (unsigned)ABI_TX_NO_KEY : 0u));
}

static enum host_tx_drop protect_on_card(struct host *host, uint32_t slot, uint32_t sa,
                                         uint32_t tunnel)
{
    struct host_slot *s = &host->slot[slot];
    enum host_tx_drop drop = HOST_TX_DROP_NONE;

    s->handle = host_sa(host, sa)->card;
    s->tunnel = tunnel != 0 ? host_sa(host, tunnel)->card : 0;
    s->flags |= SLOT_OFFLOADED;
    s->tx_flags = tx_flags(host, sa);
    if (!host->s->packet_offload) {
        drop = frame_node(host, sa, slot, 0);
        if (drop == HOST_TX_DROP_NONE && tunnel != 0) {
            uint32_t word = s->header_word; /* O-22: offsets of the transport portion */

            drop = frame_node(host, tunnel, slot, 1);
            s->header_word = word;
        }
    }
    return drop;
}

/* A large frame is cut: by the host, now (true), or by the card later. */
static bool cut_first(struct host *host, uint32_t slot, uint32_t sa, uint32_t tunnel, uint64_t time,
                      uint64_t *cost)
{
    struct host_slot *s = &host->slot[slot];
    uint32_t mss = host_large_mss(host, s, sa, tunnel);

    s->mss = 0;
    s->segments = 0;
    if (mss == 0 || (sa == 0 && host->config.tx.no_match == HOST_NO_MATCH_DROP)) {
        return false;
    }
    if (!host_card_cuts(host, s, sa, tunnel, mss)) {
        *cost = host_cut(host, slot, mss, time);
        return true;
    }
    host_large_to_card(s, mss);
    return false;
}

uint64_t host_send(struct host *host, uint32_t slot, uint64_t time, bool *post)
{
    struct host_slot *s = &host->slot[slot];
    uint64_t cost = host->config.tx.packet;
    uint32_t tunnel;
    uint32_t sa = choose(host, &s->flow, &tunnel);
    enum host_tx_drop drop = HOST_TX_DROP_NONE;

    s->sa = sa;
    *post = true;
    if (cut_first(host, slot, sa, tunnel, time, &cost)) {
        *post = false;
        return host_cost(host, cost);
    }
    if (sa == 0) {
        if (s->flow.family != 0 && host->config.tx.no_match == HOST_NO_MATCH_DROP &&
            (s->flags & SLOT_FORWARDED) == 0) {
            drop = HOST_TX_DROP_NO_SELECTOR;
        }
    } else if (in_software(host, sa) || in_software(host, tunnel)) {
        if (host_moves(host, sa, slot) || host_moves(host, tunnel, slot)) {
            *post = false;
            return host_cost(host, cost);
        }
        cost += host_software_cost(host, s->length);
        host_slot_own(host, slot, time);
        drop = card_numbers(host, sa, tunnel) ? refuse_pair(host, sa, tunnel, time)
                                              : host_seal(host, sa, slot);
        if (drop == HOST_TX_DROP_NONE && tunnel != 0) {
            drop = host_seal(host, tunnel, slot);
        }
        s->flags |= SLOT_IN_SOFTWARE;
    } else {
        if (!host->s->packet_offload) {
            if (stalls(host, sa, slot, time) || (tunnel != 0 && stalls(host, tunnel, slot, time))) {
                *post = false;
                return host_cost(host, cost);
            }
            cost += host->config.tx.frame;
            host_slot_own(host, slot, time);
        }
        drop = protect_on_card(host, slot, sa, tunnel);
    }
    if (drop != HOST_TX_DROP_NONE) {
        *post = false;
        host_frame_done(host, &s->use[0], time);
        host_frame_done(host, &s->use[1], time);
        host_tx_drop(host, slot, time, drop);
    }
    return host_cost(host, cost);
}
