/* sequence and encapsulate: TX, one block each a lane.
 *
 * sequence: MTU and exhaustion first (a packet that is dropped takes no number), then the number. Packet
 * offload takes it from the SA, a read-modify-write: the next packet of the same SA follows `card.sa.rmw`
 * cycles later. Crypto offload reads the host's number from the frame; the upper half is the SA's.
 * encapsulate: packet offload puts headers, IV and trailer around the packet; crypto offload finds the
 * headers that the host has made. */
#include "nic/card.h"

#include <string.h>

static bool packet_offload(const struct espnic *card)
{
    return card->config.general.offload == NIC_OFFLOAD_PACKET;
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job.beats_out) { /* else it is dropped by a stage behind, which has its first beats */
        nic_done_dropped(lane->card, s);
    }
}

/* ---- sequence ------------------------------------------------------------------------------------ */

static bool ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    const struct nic_packet *p = nic_packet(lane->card, item);
    uint64_t until;

    (void)cause;
    if (!p->crypt || !packet_offload(lane->card) ||
        nic_is_ideal(&lane->card->config, NIC_IDEAL_SEQUENCE)) {
        return true;
    }
    until = nic_hazard_until(&lane->hazards[NIC_TX], p->sa, lane->card->config.sa.rmw, now);
    if (until <= now) {
        return true;
    }
    *again = until;
    return false;
}

/* Where the packet's IP header lies, how long it is, and how long the packet; false: not IP. */
static bool read_headers(struct espnic *card, struct nic_packet *p)
{
    struct esp_view view;

    if (!p->present) { /* no contents: take the plain case */
        p->l3 = 14;
        p->version = 4;
        p->l3_header = ESP_IPV4_HEADER;
        p->l3_length = p->length - 14;
        return true;
    }
    esp_parse(nic_bytes(card, p), p->present, p->length, NULL, &view);
    p->kind = view.kind;
    p->version = view.version;
    p->l3 = view.l3;
    p->l3_header = view.l3_header;
    p->l3_length = view.l3_length;
    return view.version == 4 || view.version == 6;
}

/* Where the driver moves the upper half, the next number must be in the scope: the number of another half with the same
 * lower half has been used. */
static enum nic_drop number_left(const struct espnic *card, const struct sa_entry *entry)
{
    if (!sequence_left(entry->sequence, sa_esn(entry))) {
        return NIC_DROP_SEQ_EXHAUSTED;
    }
    if (card->config.sa.esn != NIC_ESN_EVENTS || !sa_esn(entry)) {
        return NIC_DROP_NONE;
    }
    return scope_number(sa_scope(&card->table, entry), (uint32_t)entry->sequence) == entry->sequence
               ? NIC_DROP_NONE
               : NIC_DROP_ESN_LATE;
}

static enum nic_drop may_send(struct espnic *card, struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    struct esp_lengths lengths;

    if (!read_headers(card, p)) {
        return NIC_DROP_NOT_IP;
    }
    if (!packet_offload(card)) {
        return NIC_DROP_NONE;
    }
    if (t->mode == ESP_MODE_TRANSPORT && p->kind == ESP_PACKET_FRAGMENT) {
        return NIC_DROP_NOT_IP;
    }
    esp_lengths_of(t, p->version, p->l3_length, p->l3_header, p->tfc, &lengths);
    if (lengths.l3_length > card->config.mac.mtu) {
        return NIC_DROP_MTU;
    }
    return number_left(card, nic_entry(card, p));
}

static void sequence_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)now;
    (void)slot;
    p->drop = p->crypt ? (uint8_t)may_send(lane->card, p) : NIC_DROP_NONE;
    nic_plain_job(&lane->card->config.sequence,
                  nic_is_ideal(&lane->card->config, NIC_IDEAL_SEQUENCE), p->beats,
                  p->drop ? 0 : p->beats, j);
}

static void sequence_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);
    struct sa_entry *entry;

    (void)slot;
    if (p->drop) {
        nic_count_drop(card, p, p->drop);
        nic_release_sa(card, p, now);
    }
    if (!p->crypt || p->drop || !packet_offload(card)) {
        return;
    }
    entry = nic_entry(card, p);
    sequence_next(&entry->sequence, sa_esn(entry), &p->sequence);
    if (p->pass == 0) {
        p->first_sequence = p->sequence;
    }
    if (card->config.sa.esn == NIC_ESN_EVENTS && sa_esn(entry)) {
        nic_scope_moved(card, p, p->sequence, now);
    }
    nic_hazard_note(&lane->hazards[NIC_TX], p->sa, now);
}

/* ---- encapsulate --------------------------------------------------------------------------------- */

static uint64_t counted_bytes(const struct esp_transform *t, uint32_t l3_length, uint32_t l3_header)
{
    return t->mode == ESP_MODE_TUNNEL ? l3_length : l3_length - l3_header;
}

static void count_use(struct espnic *card, const struct nic_packet *p, uint64_t bytes, uint64_t now)
{
    unsigned events = sa_count(&card->table, nic_entry(card, p), bytes, nic_now_ns(card, now));

    nic_count_events(card, p, events, now);
}

static void make_encap(struct espnic *card, const struct nic_packet *p, struct esp_encap *e)
{
    uint64_t random[2] = { rng_next(&card->iv_random), rng_next(&card->iv_random) };

    memset(e, 0, sizeof *e);
    e->seq = p->sequence;
    e->ip_id = card->ip_id++;
    e->tfc = p->pass == 0 ? p->tfc : 0;
    memcpy(e->iv, random, sizeof random);
}

static void frame_packet(struct espnic *card, struct nic_packet *p, uint64_t now)
{
    const struct esp_transform *t = nic_transform(p);
    struct esp_encap encap;
    struct esp_packet packet;
    enum esp_status status = ESP_OK;

    make_encap(card, p, &encap);
    if (p->present >= p->length) {
        nic_esp_packet(card, p, &packet);
        status = esp_encapsulate(t, &packet, &encap, &p->bounds);
        if (status == ESP_OK) {
            nic_esp_packet_back(p, &packet);
            p->present = p->length;
        }
    } else {
        struct esp_lengths lengths;

        esp_lengths_of(t, p->version, p->l3_length, p->l3_header, encap.tfc, &lengths);
        p->bounds.l3 = p->l3;
        p->length = p->l3 + lengths.l3_length;
        p->bounds.end = p->length;
        p->bounds.ipsec =
            p->length - (lengths.payload + lengths.trailer + lengths.icv) - nic_ipsec_bytes(p);
    }
    p->drop = status == ESP_OK ? NIC_DROP_NONE : NIC_DROP_NOT_IP;
    p->kind = t->op == ESP_OP_AH ? ESP_PACKET_AH : ESP_PACKET_ESP;
    p->beats = nic_beats(card, p->length);
    if (!p->drop) {
        count_use(card, p, counted_bytes(t, p->l3_length, p->l3_header), now);
    }
}

/* Crypto offload: the host's number, of which the packet holds the low half. The upper half is what
 * UPDATE_SA set, or, on a card that infers it, that of the nearest number to what was sent last. */
static uint64_t host_number(const struct espnic *card, const struct nic_packet *p,
                            struct sa_entry *entry, uint32_t lo)
{
    uint64_t number;

    if (card->config.sa.esn == NIC_ESN_EVENTS && sa_esn(entry)) {
        return scope_number(sa_scope(&card->table, entry), lo);
    }
    if (card->config.sa.esn == NIC_ESN_HOST || !sa_esn(entry) || !p->present) {
        return sa_host_sequence(&card->table, entry, lo);
    }
    number = sa_replay_infer(entry, lo);
    if (number >= entry->sequence) {
        entry->sequence = number + 1; /* the next one, as in packet offload */
    }
    return number;
}

/* Crypto offload: is the host's frame one that the SA can protect? Else it would leave as it is. */
static bool has_room(const struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    uint32_t span = p->bounds.end - p->bounds.ipsec;
    uint32_t behind = t->op == ESP_OP_AH ? 0 : 2u + t->icv; /* pad length, next header */
    uint32_t block = t->op == ESP_OP_AH ? 1 : esp_alg_info((enum esp_alg)t->enc)->block_bytes;

    return p->bounds.end > p->bounds.ipsec && p->bounds.end <= p->length &&
           span >= nic_ipsec_bytes(p) + behind &&
           (t->op == ESP_OP_AH || (span - nic_ipsec_bytes(p) - t->icv) % block == 0);
}

/* Between the outer IP header, of this version, and the packet in a tunnel, and behind that packet; its padding is not
 * known. */
static void tunnel_bytes(struct espnic *card, uint32_t sa, uint8_t version, uint32_t *front,
                         uint32_t *behind)
{
    *front = 0;
    *behind = 0;
    for (unsigned e = 0; e < sa_entries(sa_context(&card->table, sa)); e++) {
        struct nic_packet as = { .dir = NIC_TX, .version = version, .sa = sa, .entry = (uint8_t)e };

        nic_make_transform(card, &as);
        *front += nic_ipsec_bytes(&as) + (as.transform.udp ? (uint32_t)ESP_UDP_HEADER : 0);
        *behind += as.transform.op == ESP_OP_AH ? 0 : 2u + as.transform.icv;
    }
}

/* Crypto offload, two handles: of the whole frame's view make that of the packet inside the tunnel. */
static enum nic_drop look_inside(struct espnic *card, const struct nic_packet *p,
                                 struct esp_view *view)
{
    uint32_t tunnel = nic_tx_sa(card, p->handle[1]);
    uint32_t end = view->l3 + view->l3_length;
    uint32_t front;
    uint32_t behind;
    uint32_t at;

    if (!tunnel) {
        return NIC_DROP_UNKNOWN_HANDLE;
    }
    tunnel_bytes(card, tunnel, p->present ? view->version : 4, &front, &behind);
    at = view->l3 + (p->present ? view->l3_header : ESP_IPV4_HEADER) + front;
    if (at + behind >= end) {
        return NIC_DROP_BAD_LENGTH;
    }
    if (!p->present) {
        *view = (struct esp_view){ .l3 = at, .l3_length = end - behind - at };
        return NIC_DROP_NONE;
    }
    esp_parse_ip(nic_bytes(card, p), p->present, p->length, at, NULL, view);
    return view->version == 4 || view->version == 6 ? NIC_DROP_NONE : NIC_DROP_NOT_IP;
}

/* Crypto offload: the headers are there. With two handles the first is the transport SA's, whose headers are named by
 * slot 12, from the IP header inside the tunnel; the tunnel's are found by parsing from the outer IP header (O-22). */
static enum nic_drop find_headers(struct espnic *card, struct nic_packet *p)
{
    bool ah = nic_transform(p)->op == ESP_OP_AH;
    uint32_t lsb = ah ? ABI_HEADER_AH_OFFSET_LSB : ABI_HEADER_ESP_OFFSET_LSB;
    struct esp_view view = { .l3 = 14, .l3_length = p->length - 14 }; /* without contents */
    enum nic_drop drop = NIC_DROP_NONE;

    p->kind = ah ? ESP_PACKET_AH : ESP_PACKET_ESP;
    if (p->present) {
        esp_parse(nic_bytes(card, p), p->present, p->length, NULL, &view);
    }
    if (p->portion == 1 && p->present) {
        bool behind_ah = !ah && view.kind == ESP_PACKET_AH;

        if (!esp_bounds_of_view(&view, behind_ah, &p->bounds)) {
            return NIC_DROP_NOT_IP;
        }
    } else {
        uint32_t offset = p->portion == 1 ? ESP_IPV4_HEADER : (p->header_word >> lsb & 0xff) * 4;

        if (p->portion == 0 && p->handle[1] && (drop = look_inside(card, p, &view)) != 0) {
            return drop;
        }
        p->bounds.l3 = view.l3;
        p->bounds.ipsec = view.l3 + offset;
        p->bounds.end = view.l3 + view.l3_length;
    }
    return has_room(p) ? NIC_DROP_NONE : NIC_DROP_BAD_LENGTH;
}

static void find_frame(struct espnic *card, struct nic_packet *p, uint64_t now)
{
    const struct esp_transform *t = nic_transform(p);
    uint32_t seq_at;
    uint32_t seq_lo;

    p->drop = (uint8_t)find_headers(card, p);
    if (p->drop) {
        return;
    }
    seq_at = p->bounds.ipsec + (t->op == ESP_OP_AH ? 8 : 4);
    seq_lo = p->present >= p->bounds.ipsec + 12 ? esp_get32(nic_bytes(card, p) + seq_at) : 0;
    p->sequence = p->carried ? nic_carried_number(card, p, seq_lo)
                             : host_number(card, p, nic_entry(card, p), seq_lo);
    p->sequence = nic_lso_number(card, p, p->sequence);
    if (p->pass == 0) {
        p->first_sequence = p->sequence;
    }
    if (t->op == ESP_OP_ESP && esp_alg_info((enum esp_alg)t->enc)->block_bytes >= 8 && t->iv &&
        p->present >= p->length) {
        struct esp_encap encap;

        /* the card makes the IV of CBC (O-21) */
        make_encap(card, p, &encap);
        memcpy(nic_bytes(card, p) + p->bounds.ipsec + ESP_HEADER, encap.iv, t->iv);
    }
    if (!p->carried) {
        count_use(card, p, p->bounds.end - p->bounds.ipsec, now);
    }
}

static void encapsulate_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);
    uint32_t beats_in = p->beats;

    (void)slot;
    if (p->framed) {
        beats_in = p->dma_bytes;
    } else if (p->crypt) {
        p->framed = 1;
        p->dma_bytes = beats_in;
        if (packet_offload(card)) {
            frame_packet(card, p, now);
        } else {
            find_frame(card, p, now);
        }
    }
    nic_plain_job(&card->config.encapsulate, nic_is_ideal(&card->config, NIC_IDEAL_ENCAPSULATE),
                  beats_in, p->drop ? 0 : p->beats, j);
}

static void encapsulate_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    if (p->drop) {
        nic_count_drop(lane->card, p, p->drop);
        nic_release_sa(lane->card, p, now);
    }
}

void nic_sequence_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = {
        .job = sequence_job, .begin = sequence_begin, .done = done, .ready = ready
    };

    nic_stage(card, &lane->sequence, "sequence", card->core, 1, LANE_START_FIRST, &ops, lane);
}

void nic_encapsulate_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = encapsulate_job,
                                   .begin = encapsulate_begin,
                                   .done = done };

    nic_stage(card, &lane->encapsulate, "encapsulate", card->core, 1, LANE_START_FIRST, &ops, lane);
}
