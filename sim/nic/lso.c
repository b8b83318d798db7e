/* lso: large sends. A descriptor with an MSS names a TCP frame that the card cuts into segments: in the clear, or
 * for one ESP SA in transport mode. Never for a tunnel (O-11), never with AH: refused and counted.
 *
 * The frame is read once, as any other. Then each segment is a packet of its own, which takes its beats through
 * every stage; its headers are made here (esp/segment.h). Packet offload: the SA numbers and frames it like any
 * packet. Crypto offload: the host's headers are a template, the number of segment i is the template's plus i, and
 * the card adds padding, trailer and room for the ICV. The upper half of an extended number is that of the first
 * segment for all of them (O-20); a lower half that wraps inside one send is counted (`lso_wraps`).
 * The descriptor is complete when the last of its segments is; it has failed if one of them has. */
#include <string.h>

#include "esp/segment.h"
#include "nic/card.h"

enum { NIC_LSO_MOST = 1024 /* segments of one send */, SHORTEST_HEADERS = 14 + 20 + 20 };

/* How to cut a frame. */
struct plan {
    struct esp_large large;
    uint32_t align, icv; /* crypto offload: of the trailer; 0: none */
    uint32_t segments;
};

/* ---- may it be cut? ------------------------------------------------------------------------------------- */

/* The SA: an outbound one of one ESP in transport mode. Leaves its transform in the packet. */
static enum nic_drop look_at_sa(struct espnic *card, struct nic_packet *p)
{
    const struct sa_context *c;
    uint32_t id;

    if (p->handle[1]) {
        return NIC_DROP_LSO_TUNNEL;
    }
    if (p->carried) {
        return !nic_carried_use(card, p)       ? NIC_DROP_UNKNOWN_HANDLE
               : p->transform.op == ESP_OP_ESP ? NIC_DROP_NONE
                                               : NIC_DROP_LSO;
    }
    id = nic_tx_sa(card, p->handle[0]);
    if (!id) {
        return NIC_DROP_UNKNOWN_HANDLE;
    }
    c = sa_context(&card->table, id);
    p->sa = id;
    nic_make_transform(card, p);
    p->sa = 0;
    if (sa_mode(c) == ESP_MODE_TUNNEL) {
        return NIC_DROP_LSO_TUNNEL;
    }
    return sa_entries(c) == 1 && p->transform.op == ESP_OP_ESP ? NIC_DROP_NONE : NIC_DROP_LSO;
}

/* An IV that must not repeat, and nothing more: the host has taken the number for it. */
static bool counts(const struct esp_transform *t)
{
    return t->iv == 8 && esp_alg_info((enum esp_alg)t->enc)->block_bytes == 1;
}

/* The headers are where the descriptor says, and they are TCP's. `framed`: by the host, in ESP. */
static bool find_headers(struct espnic *card, const struct nic_packet *p, bool framed,
                         struct esp_large *l)
{
    const struct esp_transform *t = nic_transform(p);
    const uint8_t *bytes = nic_bytes(card, p);
    struct esp_view view;
    uint32_t tcp;

    esp_parse(bytes, p->present, p->length, NULL, &view);
    if (view.kind == ESP_PACKET_MALFORMED || (view.version != 4 && view.version != 6)) {
        return false;
    }
    l->l3 = view.l3;
    l->version = view.version;
    l->length = view.l3 + view.l3_length;
    tcp = view.l3 + view.l3_header;
    if (framed) {
        l->ipsec = view.l3 + (p->header_word >> ABI_HEADER_ESP_OFFSET_LSB & 0xff) * 4;
        l->udp = t->udp ? tcp : 0;
        l->iv = counts(t) ? t->iv : 0;
        tcp += t->udp ? ESP_UDP_HEADER : 0;
        if (l->ipsec != tcp || (p->header_word & 0xff) != ESP_PROTO_TCP) {
            return false;
        }
        tcp += ESP_HEADER + (uint32_t)t->iv;
    } else if (view.kind != ESP_PACKET_CLEAR_IP || view.proto != ESP_PROTO_TCP) {
        return false;
    }
    return esp_large_headers(l, bytes, p->present, tcp) && l->headers == p->headers;
}

/* Lengths alone: the descriptor's word for them. */
static bool believe(const struct nic_packet *p, struct esp_large *l)
{
    l->l3 = 14;
    l->version = 4;
    l->length = p->length;
    l->headers = p->headers;
    return l->headers >= SHORTEST_HEADERS && l->headers < l->length;
}

static uint32_t behind(const struct plan *plan, uint32_t i)
{
    const struct esp_large *l = &plan->large;
    uint32_t content;

    if (!plan->align) {
        return 0;
    }
    content = l->headers - l->tcp + esp_segment_payload(l, i);
    return esp_trailer_bytes(content, plan->align) + plan->icv;
}

static enum nic_drop make_plan(struct espnic *card, struct nic_packet *p, struct plan *plan)
{
    bool handle = p->handle[0] || p->handle[1] || p->carried;
    bool framed = handle && card->config.general.offload == NIC_OFFLOAD_CRYPTO;
    struct esp_large *l = &plan->large;
    enum nic_drop drop = NIC_DROP_NONE;

    memset(plan, 0, sizeof *plan);
    l->mss = p->mss;
    if (!card->config.capabilities.lso) {
        return NIC_DROP_LSO;
    }
    if (handle && (drop = look_at_sa(card, p)) != NIC_DROP_NONE) {
        return drop;
    }
    if (framed) {
        plan->align = nic_transform(p)->align;
        plan->icv = nic_transform(p)->icv;
    }
    if (!(p->present ? find_headers(card, p, framed, l) : believe(p, l)) ||
        esp_segments(l) > NIC_LSO_MOST) {
        return NIC_DROP_LSO;
    }
    if (framed && !p->present) { /* the content of ESP begins behind its IV */
        l->tcp = l->l3 + ESP_IPV4_HEADER + ESP_HEADER + nic_transform(p)->iv;
    }
    plan->segments = esp_segments(l);
    return l->headers - l->l3 + esp_segment_payload(l, 0) + behind(plan, 0) > card->config.mac.mtu
               ? NIC_DROP_MTU
               : NIC_DROP_NONE;
}

/* ---- cutting --------------------------------------------------------------------------------------------- */

static void fill(struct espnic *card, const struct nic_packet *frame, const struct plan *plan,
                 uint32_t i, struct nic_packet *s)
{
    const struct esp_large *l = &plan->large;
    uint32_t payload = esp_segment_payload(l, i);
    uint8_t *out = nic_bytes(card, s);

    if (frame->present < l->length) {
        return;
    }
    esp_make_segment(l, nic_bytes(card, frame), i, behind(plan, i), out);
    if (plan->align) {
        uint32_t content = l->headers - l->tcp + payload;
        uint32_t trailer = esp_put_trailer(out + l->headers + payload, content, plan->align,
                                           (uint8_t)frame->header_word);

        memset(out + l->headers + payload + trailer, 0, plan->icv);
    }
    s->present = s->length;
}

static uint32_t segment(struct espnic *card, uint32_t frame_index, const struct plan *plan,
                        uint32_t i)
{
    const struct esp_large *l = &plan->large;
    uint32_t payload = esp_segment_payload(l, i);
    uint32_t index = nic_packet_new(card, NIC_TX, l->headers + payload + behind(plan, i));
    const struct nic_packet *frame = nic_packet(card, frame_index);
    struct nic_packet *s = nic_packet(card, index);

    s->port = frame->port;
    s->queue = frame->queue;
    s->lane = frame->lane;
    s->turn = frame->turn;
    s->ring_at = frame->ring_at;
    s->tag = frame->tag;
    s->handle[0] = frame->handle[0];
    s->header_word = frame->header_word;
    s->tx_flags = frame->tx_flags;
    s->no_key = frame->no_key;
    s->carried = frame->carried ? nic_carried_copy(card, frame->carried) : 0;
    s->parent = frame_index;
    s->segment = (uint16_t)i;
    s->last_segment = i + 1 == plan->segments;
    /* what it takes from the buffer of reads; the first one has the headers, the last one all that is left */
    s->dma_bytes = i + 1 < plan->segments ? payload + (i ? 0 : l->headers)
                   : i                    ? frame->length - l->headers - i * l->mss
                                          : frame->length;
    fill(card, frame, plan, i, s);
    return index;
}

/* Crypto offload: does the lower half of the number wrap inside? */
static bool wraps(const struct espnic *card, const struct nic_packet *p, const struct plan *plan)
{
    uint32_t first;

    if (!plan->large.ipsec) {
        return false;
    }
    first = esp_get32(nic_bytes(card, p) + plan->large.ipsec + 4);
    return first + (plan->segments - 1) < first;
}

bool nic_lso_begin(struct espnic *card, struct nic_lane *lane, uint32_t item, uint64_t now)
{
    struct nic_packet *p = nic_packet(card, item);
    struct plan plan;

    p->drop = (uint8_t)make_plan(card, p, &plan);
    if (p->drop) {
        nic_count_drop(card, p, (enum nic_drop)p->drop);
        return false;
    }
    p->left = plan.segments;
    card->stats.lso_frames++;
    card->stats.lso_segments += plan.segments;
    card->stats.lso_wraps += wraps(card, p, &plan);
    card->stats.tx.created += plan.segments - 1;
    for (uint32_t i = 0; i < plan.segments; i++) {
        struct channel_run run = { .first = now + i, .beats = 1, .step = 1 };

        channel_push(lane->tx_segments, &run, segment(card, item, &plan, i) | NIC_HERE,
                     CHANNEL_FIRST | CHANNEL_LAST);
    }
    return true;
}

/* ---- numbers and ends --------------------------------------------------------------------------------------- */

uint64_t nic_lso_number(struct espnic *card, const struct nic_packet *p, uint64_t number)
{
    struct nic_packet *frame;

    if (!p->parent) {
        return number;
    }
    frame = nic_packet(card, p->parent);
    if (p->segment == 0) {
        frame->sequence = number;
    }
    return frame->sequence >> 32 << 32 | (uint32_t)number;
}

uint32_t nic_lso_end(struct espnic *card, uint32_t item)
{
    const struct nic_packet *p = nic_packet(card, item);
    uint32_t parent = p->parent;
    struct nic_packet *frame;

    if (!parent) {
        return item;
    }
    frame = nic_packet(card, parent);
    frame->drop = frame->drop ? frame->drop : p->drop;
    if (p->first_sequence > frame->first_sequence) {
        frame->first_sequence = p->first_sequence; /* the last number given */
    }
    nic_packet_free(card, item);
    return --frame->left ? 0 : parent;
}
