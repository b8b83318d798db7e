/* decapsulate: what the SA added comes off, after a good ICV. RX, one block a lane.
 *
 * Packet offload: trailer and padding check, dummies dropped, headers and trailer stripped, ECN, then the
 * inner packet against the SA's selector. Crypto offload: nothing is stripped (O-23).
 * If another IPsec header follows that can be ours (ESP behind AH, or a transport SA inside the
 * tunnel), the packet goes round again by the parser; at most NIC_MAX_PASSES times.
 * Then the receive queue is chosen (rss.c) by the packet as it is now, among those that the driver uses.
 * Timing only: lengths from the pad length and the inner header, which the crypto block has peeked. */
#include "nic/card.h"

#include <string.h>

enum { NIC_MAX_PASSES = 4 }; /* AH and ESP, tunnel and transport */

static enum nic_drop drop_of(enum esp_status status)
{
    switch (status) {
    case ESP_OK: return NIC_DROP_NONE;
    case ESP_DUMMY: return NIC_DROP_DUMMY;
    case ESP_BAD_PADDING: return NIC_DROP_BAD_PADDING;
    case ESP_TRUNCATED: return NIC_DROP_BAD_LENGTH;
    case ESP_ECN_DROP: return NIC_DROP_ECN;
    case ESP_WRONG_PROTOCOL: return NIC_DROP_WRONG_PROTOCOL;
    default: return NIC_DROP_BAD_INNER;
    }
}

/* ---- timing only --------------------------------------------------------------------------------- */

/* Length of the inner IP packet at `payload`, of which `room` bytes were carried; 0 if it is none. */
static uint32_t inner_ip_length(const uint8_t *ip, uint32_t present, uint32_t room)
{
    uint32_t length;

    if (present < ESP_IPV4_HEADER) {
        return room; /* not known: all of it */
    }
    length = ip[0] >> 4 == 4 ? esp_get16(ip + 2) : ESP_IPV6_HEADER + (uint32_t)esp_get16(ip + 4);
    return (ip[0] >> 4 != 4 && ip[0] >> 4 != 6) || length > room ? 0 : length;
}

/* Transport mode: IP says what is behind it now, at `at`, if that is known. A parser looks at it next. */
static void repair_ip(const struct nic_packet *p, const struct esp_transform *t, uint8_t *frame,
                      uint32_t at, uint32_t total)
{
    bool ah = t->op == ESP_OP_AH && p->present > p->bounds.ipsec;

    if (ah || p->info) {
        esp_repair_ip(frame, p->present, p->bounds.l3, at,
                      ah ? frame[p->bounds.ipsec] : p->next_header, total);
    }
}

/* The same lengths and verdicts as with contents, as far as what is known allows. */
static enum esp_status shorten(struct nic_packet *p, const struct esp_transform *t, uint8_t *frame)
{
    uint32_t behind = t->op == ESP_OP_AH ? 0 : t->icv + 2u + (p->info ? p->pad_length : 0u);
    uint32_t payload = p->bounds.ipsec + nic_ipsec_bytes(p);
    uint32_t room;
    uint32_t front = p->bounds.ipsec - p->bounds.l3 - (t->udp ? ESP_UDP_HEADER : 0);
    uint32_t start = p->start;

    if (p->info && p->next_header == ESP_PROTO_NONE) {
        return ESP_DUMMY;
    }
    if (p->bounds.end < payload + behind) {
        return ESP_BAD_PADDING;
    }
    room = p->bounds.end - payload - behind;
    if (t->mode == ESP_MODE_TUNNEL) {
        uint32_t present = p->present > payload && p->info ? p->present - payload : 0;
        uint32_t length = inner_ip_length(frame + payload, present, room);

        if (!length) {
            return ESP_BAD_INNER;
        }
        memmove(frame + payload - p->bounds.l3, frame, p->bounds.l3);
        if (present) {
            esp_put16(frame + payload - 2,
                      frame[payload] >> 4 == 6 ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
        }
        p->start += payload - p->bounds.l3;
        p->length = p->bounds.l3 + length;
    } else {
        repair_ip(p, t, frame, p->bounds.l3 + front, front + room);
        memmove(frame + payload - p->bounds.l3 - front, frame, p->bounds.l3 + front);
        p->start += payload - p->bounds.l3 - front;
        p->length = p->bounds.l3 + front + room;
    }
    if (t->op == ESP_OP_AH) { /* all is in clear that was */
        p->present -= p->present < p->start - start ? p->present : p->start - start;
    } else {
        p->present = p->present < ESP_PEEK_HEAD ? p->present : ESP_PEEK_HEAD;
    }
    if (p->present > p->length) {
        p->present = p->length;
    }
    return ESP_OK;
}

/* ---- with contents -------------------------------------------------------------------------------- */

static enum esp_status strip(struct espnic *card, struct nic_packet *p,
                             const struct esp_transform *t)
{
    struct esp_packet packet;
    struct esp_opened opened;
    enum esp_status status;

    nic_esp_packet(card, p, &packet);
    status = esp_decapsulate(t, &packet, &p->bounds, &opened);
    if (status == ESP_OK) {
        nic_esp_packet_back(p, &packet);
        card->stats.ecn_marked += opened.ecn_marked;
        card->stats.ecn_suspicious += opened.ecn_suspicious;
    }
    return status;
}

static bool in_range(uint16_t v, uint16_t lo, uint16_t hi)
{
    return v >= lo && v <= hi;
}

static bool prefix_matches(const struct esp_prefix *prefix, const struct esp_address *a)
{
    unsigned whole = prefix->length / 8;
    unsigned rest = prefix->length % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    return prefix->address.family == a->family && !memcmp(prefix->address.bytes, a->bytes, whole) &&
           (!rest || ((prefix->address.bytes[whole] ^ a->bytes[whole]) & mask) == 0);
}

/* Is the packet (now clear) within the SA's selector? */
static bool selected(struct espnic *card, const struct nic_packet *p)
{
    const struct sa_context *context = sa_context(&card->table, p->sa);
    struct esp_selector sel = { 0 };
    struct esp_view view;
    struct esp_address src;
    struct esp_address dst;

    if (!(context->first.flags & SA_ENTRY_NOTE) || p->present < p->length) {
        return true;
    }
    sa_selector(&card->table, context, &sel);
    if (!sel.present) {
        return true;
    }
    esp_parse_ip(nic_bytes(card, p), p->present, p->length, p->l3, NULL, &view);
    if (view.version != 4 && view.version != 6) {
        return false;
    }
    esp_view_addresses(nic_bytes(card, p), &view, &src, &dst);
    return (!sel.has_src || prefix_matches(&sel.src, &src)) &&
           (!sel.has_dst || prefix_matches(&sel.dst, &dst)) &&
           (!sel.has_proto || sel.proto == view.proto) &&
           (!sel.has_sport || view.fragment || in_range(view.sport, sel.sport_lo, sel.sport_hi)) &&
           (!sel.has_dport || view.fragment || in_range(view.dport, sel.dport_lo, sel.dport_hi));
}

/* ---- the stage ------------------------------------------------------------------------------------ */

/* Is there a next IPsec header that this card should look at? Leaves the view in the packet. */
static bool next_header(struct espnic *card, struct nic_packet *p, const struct esp_transform *t)
{
    uint32_t l3 = p->l3;
    bool last = t->op == ESP_OP_ESP || sa_entries(sa_context(&card->table, p->sa)) == 1;

    if (card->config.general.offload == NIC_OFFLOAD_CRYPTO) {
        if (p->status || !p->info) {
            /* AH says its next header in clear */
            if (t->op != ESP_OP_AH || p->status) {
                return false;
            }
        }
        if (t->op == ESP_OP_AH && t->mode == ESP_MODE_TRANSPORT) {
            struct esp_view view;

            esp_parse_ip(nic_bytes(card, p), p->present, p->length, l3, NULL, &view);
            if (!view.esp || !esp_bounds_of_view(&view, true, &p->bounds)) {
                return false;
            }
            p->kind = ESP_PACKET_ESP;
            p->bypass = NIC_BYPASS_NONE;
            return true;
        }
        if (t->mode != ESP_MODE_TUNNEL) {
            return false;
        }
        l3 = p->bounds.ipsec + nic_ipsec_bytes(p);
    } else if (last && t->mode == ESP_MODE_TRANSPORT) {
        return false;
    }
    nic_parse(card, p, l3);
    return !p->bypass;
}

static void open_packet(struct espnic *card, struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    enum esp_status status = ESP_OK;
    uint32_t before = p->l3;

    p->opened = 1;
    p->again = 0;
    p->drop = NIC_DROP_NONE;
    if (!p->crypt) {
        return;
    }
    if (card->config.general.offload == NIC_OFFLOAD_PACKET) {
        status = card->options.functional && p->present >= p->length &&
                         !(nic_entry(card, p)->flags & SA_ENTRY_TIMING_ONLY)
                     ? strip(card, p, t)
                     : shorten(p, t, nic_bytes(card, p));
        p->drop = (uint8_t)drop_of(status);
        if (p->drop) {
            return;
        }
        p->beats = nic_beats(card, p->length);
    }
    p->again = (uint8_t)(p->pass + 1u < NIC_MAX_PASSES && next_header(card, p, t));
    if (!p->again) {
        p->bypass = NIC_BYPASS_NONE;
        p->l3 = card->config.general.offload == NIC_OFFLOAD_PACKET ? p->l3 : before;
        if (card->config.general.offload == NIC_OFFLOAD_PACKET && !selected(card, p)) {
            p->drop = NIC_DROP_SELECTOR;
        }
    }
}

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);
    uint32_t beats_in = p->beats;

    (void)now;
    (void)slot;
    if (!p->opened) {
        p->dma_bytes = beats_in; /* the beats that come in, kept if the stage has to wait */
        open_packet(lane->card, p);
    } else {
        beats_in = p->dma_bytes;
    }
    nic_plain_job(&lane->card->config.decapsulate,
                  nic_is_ideal(&lane->card->config, NIC_IDEAL_DECAPSULATE), beats_in,
                  p->drop ? 0 : p->beats, j);
    j->out = p->drop ? LANE_NO_CHANNEL : p->again;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);
    bool opened = p->crypt && !p->status;

    (void)slot;
    p->opened = 0;
    if (!p->crypt) {
        /* a packet of another protocol than its SA's counts as checked, and failed */
        p->pass = (uint8_t)(p->pass + (p->sa != 0));
    } else {
        p->pass++;
        p->looked = 0;
        p->crypt = 0;
        if (p->drop) {
            nic_count_drop(card, p, p->drop);
        }
    }
    nic_release_sa(card, p, now);
    if (!p->drop && !p->again && card->dma.rx_spread > 1) {
        p->queue = (uint8_t)nic_rss_queue(card, p, opened);
    }
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job.beats_out) { /* else it is dropped by a stage behind, which has its first beats */
        nic_done_dropped(lane->card, s);
    }
}

void nic_decapsulate_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .done = done };

    nic_stage(card, &lane->decapsulate, "decapsulate", card->core, 1, LANE_START_FIRST, &ops, lane);
}
