/* tx_dma: packets out of host memory. Descriptor fetch, payload reads, hand-over to the lanes.
 *
 * A doorbell makes the card read descriptors, up to `tx_fetch` at a time, into a copy of `tx_prefetch`
 * entries a queue. Queues take turns in reading payload, limited by the bytes of the transmit buffer and
 * the number of reads under way. A packet goes to its lane when its last byte has come, or, if that came with the
 * descriptor, when it is its turn: the lane keeps the order of descriptors. done.c has its completion. The fetch of
 * receive descriptors stands here too, since it is the same engine. */
#include "nic/card.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

/* ---- hand-over: one stage a lane -------------------------------------------------------------------- */

/* The packet of an item of this stage. */
static uint32_t packet_in(const struct espnic *card, uint32_t item)
{
    return item & NIC_HERE ? item & ~NIC_HERE : pcie_request_at(card->link, item)->ref;
}

static bool ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    const struct espnic *card = lane->card;

    (void)now;
    (void)again;
    *cause = pcie_link_block(card->link);
    return nic_packet(card, packet_in(card, item))->turn == lane->turns.taken;
}

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    uint32_t item = j->item;
    struct nic_packet *p = nic_packet(card, packet_in(card, item));

    (void)now;
    (void)slot;
    p->cookie = item;
    p->drop = NIC_DROP_NONE;
    if (!(item & NIC_HERE) && pcie_request_at(card->link, item)->status != PCIE_OK) {
        p->drop = NIC_DROP_DMA_ERROR;
    }
    j->item = packet_in(card, item);
    j->beats_in = 1;
    j->beats_out = p->drop || p->mss ? 0 : p->beats; /* a large send is not whole any more */
    if (!j->beats_out) {
        j->out = LANE_NO_CHANNEL;
    }
    j->interval = nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ? 0 : 1;
    j->latency = nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ? 0 : card->config.dma.latency;
}

/* The item has been taken: a packet, a large send that has become segments, or one of these. */
static void count(struct nic_lane *lane, const struct nic_packet *p, bool cut)
{
    struct espnic *card = lane->card;

    if (!p->parent) {
        card->stats.tx.packets_in++;
        card->stats.tx.bytes_in += p->length;
    }
    if (!cut) {
        card->dma.tx_bytes -= p->parent ? p->dma_bytes : p->length;
        lane->turns.taken += !p->parent || p->last_segment;
    }
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);
    bool cut = false;

    (void)slot;
    if (!(p->cookie & NIC_HERE)) {
        pcie_request_release(card->link, p->cookie);
        card->dma.tx_reads--;
    }
    if (p->drop) {
        card->stats.dma_failures++;
        nic_count_drop(card, p, p->drop);
    } else if (p->mss) {
        cut = nic_lso_begin(card, lane, j->item, now);
    }
    count(lane, p, cut);
    if (channel_head(lane->tx_here)) { /* the next one's turn may have come */
        sched_wake(&card->sched, lane->tx_dma.block, now + 1);
    }
    if (card->dma.tx_held) {
        sched_wake(&card->sched, card->dma.tx_block, now);
    }
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job
             .beats_out) { /* else it may be dropped by a stage behind, which has its first beats */
        nic_done_dropped(lane->card, s);
    }
}

/* ---- descriptors ------------------------------------------------------------------------------------- */

/* The first queue of a set that is not empty, in turn: from number `first` on, then from 0. */
static unsigned next_in_turn(uint32_t set, unsigned first)
{
    uint32_t behind = set & ~0u << first;

    return (unsigned)__builtin_ctz(behind ? behind : set);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What is contiguous in the ring and has room on the card; whole fetches, unless the queue has no
 * descriptor left. Transmit queues are in a hurry: if fewer are posted, they ask for these. */
uint32_t nic_descriptors_wanted(const struct espnic *card, bool rx, unsigned q)
{
    const struct nic_dma_config *c = &card->config.dma;
    const struct nic_ring *r = rx ? &card->dma.rx[q] : &card->dma.tx[q];
    uint32_t fetch = rx ? c->rx_fetch : c->tx_fetch;
    uint32_t held = r->requested - r->taken;
    uint32_t there;
    uint32_t n;

    if (r->posted == r->requested || !r->size || card->faults.s.stopped) {
        return 0;
    }
    there = least(r->posted - r->requested, r->size - (r->requested & (r->size - 1)));
    there = least(there, fetch);
    n = least(there, (rx ? c->rx_prefetch : c->tx_prefetch) - held);
    return n == fetch || (!rx && n == there) || !held ? n : 0;
}

size_t nic_tx_index(const struct espnic *card, unsigned q, uint32_t ring_at)
{
    uint32_t room = card->config.dma.tx_prefetch;

    return (size_t)q * room + ring_at % room;
}

void nic_tx_place(struct espnic *card, unsigned q, uint32_t ring_at, const uint8_t *bytes,
                  uint32_t data)
{
    struct nic_dma *dma = &card->dma;
    size_t context = dma->tx_context ? card->config.command.context : 0;
    size_t at = nic_tx_index(card, q, ring_at);

    memcpy(&dma->tx_descriptor[at], bytes, sizeof *dma->tx_descriptor);
    bytes += sizeof *dma->tx_descriptor;
    if (context) {
        memcpy(dma->tx_context + at * context, bytes, context);
    }
    if (dma->tx_inline) {
        memcpy(dma->tx_inline + at * card->config.dma.tx_inline, bytes + context, data);
    }
    if (dma->tx_extra) {
        dma->tx_extra[at] = (struct nic_extra){ .bytes = (uint16_t)data };
    }
}

void nic_tx_fetched(struct espnic *card, unsigned q, uint32_t fetched)
{
    struct nic_ring *ring = &card->dma.tx[q];

    ring->fetched = fetched;
    while (ring->pushed && ring->fetched != ring->requested &&
           card->dma.tx_extra[nic_tx_index(card, q, ring->fetched)].pushed) {
        ring->fetched++;
    }
    card->dma.tx_ready |= (uint32_t)(ring->fetched != ring->taken) << q;
}

/* Ask for descriptors of one queue; true if a request went out. */
static bool fetch_descriptors(struct espnic *card, bool rx, unsigned q, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    struct nic_ring *ring = rx ? &dma->rx[q] : &dma->tx[q];
    unsigned client = rx ? dma->rx_client : dma->tx_client;
    uint32_t entry = rx ? (uint32_t)sizeof(struct abi_rx_descriptor) : ring->entry;
    uint32_t n = nic_descriptors_wanted(card, rx, q);
    struct pcie_request r = { .op = PCIE_READ, .id = nic_queue_id(q) };

    if (!n || !nic_request_room(card, client, now, 1)) {
        return false;
    }
    r.address = ring->base + (uint64_t)(ring->requested & (ring->size - 1)) * entry;
    r.length = n * entry;
    r.ref = ring->requested;
    r.ref2 = (rx ? NIC_FOR_RX_DESCRIPTORS : NIC_FOR_TX_DESCRIPTORS) | q << NIC_PURPOSE_BITS;
    nic_request(card, client, now, &r);
    ring->requested += n;
    if (ring->requested == ring->posted) {
        *(rx ? &dma->rx_asks : &dma->tx_asks) &= ~(1u << q);
    }
    return true;
}

/* Ask for descriptors of the first queue that can. */
static bool fetch_next(struct espnic *card, bool rx, uint64_t now)
{
    for (uint32_t left = rx ? card->dma.rx_asks : card->dma.tx_asks; left; left &= left - 1) {
        if (fetch_descriptors(card, rx, (unsigned)__builtin_ctz(left), now)) {
            return true;
        }
    }
    return false;
}

/* Is there a queue that would ask? */
static bool anyone_wants(const struct espnic *card, bool rx)
{
    for (uint32_t left = rx ? card->dma.rx_asks : card->dma.tx_asks; left; left &= left - 1) {
        if (nic_descriptors_wanted(card, rx, (unsigned)__builtin_ctz(left))) {
            return true;
        }
    }
    return false;
}

void nic_tx_expect(struct espnic *card, unsigned q, uint32_t ring_at, uint32_t count, uint64_t now)
{
    bool asked = card->config.sa.prefetch_tx == NIC_PREFETCH_RING;

    for (uint32_t i = 0; asked && i < count; i++) {
        size_t at = nic_tx_index(card, q, ring_at + i);

        nic_memory_expect_tx(card, &card->dma.tx_descriptor[at], now);
    }
}

/* What has come. If a read failed, or one before it did, its descriptors are not there: the failed one and
 * all behind it are asked for again. */
static bool take_descriptors(struct espnic *card, bool rx, const struct pcie_request *r)
{
    struct nic_dma *dma = &card->dma;
    unsigned q = r->ref2 >> NIC_PURPOSE_BITS;
    struct nic_ring *ring = rx ? &dma->rx[q] : &dma->tx[q];
    uint32_t entry = rx ? (uint32_t)sizeof(struct abi_rx_descriptor) : ring->entry;

    if (r->ref != ring->fetched) {
        return false; /* behind one that failed */
    }
    if (r->status != PCIE_OK) {
        nic_read_failure(card, r);
        if (!rx) {
            nic_push_forget(card, q);
        }
        ring->requested = ring->fetched;
        *(rx ? &dma->rx_asks : &dma->tx_asks) |= 1u << q;
        return false;
    }
    card->faults.s.in_a_row = 0;
    if (rx) {
        ring->fetched += r->length / entry;
    } else {
        nic_tx_fetched(card, q, ring->fetched + r->length / entry);
        nic_tx_expect(card, q, r->ref, r->length / entry, card->sched.now_cycle);
    }
    return true;
}

/* Descriptors that have come; true if there were any. */
static bool take_answers(struct espnic *card, bool rx, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    struct channel *answers = card->answer[rx ? dma->rx_client : dma->tx_client];
    bool came = false;
    uint64_t next;

    while ((next = channel_next_visible(answers)) <= now) {
        uint32_t index = channel_head(answers)->item;

        came |= take_descriptors(card, rx, pcie_request_at(card->link, index));
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, rx ? dma->rx_block : dma->tx_block, next);
    }
    return came;
}

static void rx_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    bool came = take_answers(card, true, now);

    if (fetch_next(card, true, now) && anyone_wants(card, true)) {
        sched_wake(&card->sched, card->dma.rx_block, now + 1);
    }
    for (unsigned l = 0; came && l < card->config.general.lanes; l++) {
        sched_wake(&card->sched, card->lane[l].rx_dma.block, now + 1);
    }
}

/* ---- payload ------------------------------------------------------------------------------------------ */

static unsigned lane_of(const struct espnic *card, const struct abi_tx_descriptor *d, unsigned q)
{
    unsigned lanes = card->config.general.lanes;

    return d->handle ? nic_tx_lane(card, d->handle) : q % lanes;
}

/* The context behind the descriptor. */
static const uint8_t *context_of(const struct espnic *card, const struct abi_tx_descriptor *d)
{
    const struct nic_dma *dma = &card->dma;

    return dma->tx_context + (size_t)(d - dma->tx_descriptor) * card->config.command.context;
}

/* Bytes of the packet that came with the descriptor; UINT32_MAX if its data is to be read. */
static uint32_t came_along(const struct nic_dma *dma, const struct abi_tx_descriptor *d)
{
    if (!(d->flags & ABI_TX_INLINE)) {
        return UINT32_MAX;
    }
    return dma->tx_inline ? dma->tx_extra[d - dma->tx_descriptor].bytes : 0;
}

static uint8_t port_of(const struct espnic *card, const struct abi_tx_descriptor *d)
{
    return (uint8_t)(d->port % card->config.general.ports);
}

static uint32_t packet_of(struct espnic *card, const struct abi_tx_descriptor *d, unsigned q,
                          unsigned lane)
{
    uint32_t index = nic_packet_new(card, NIC_TX, d->length);
    struct nic_packet *p = nic_packet(card, index);

    p->port = port_of(card, d);
    p->queue = (uint8_t)q;
    p->handle[0] = d->handle;
    p->handle[1] = d->tunnel_handle;
    p->header_word = d->header_word;
    p->tfc = d->tfc;
    p->tag = d->tag;
    p->tx_flags = (uint8_t)d->flags;
    p->no_key = card->mailbox && (d->flags & ABI_TX_NO_KEY);
    if (card->dma.tx_context && (d->flags & ABI_TX_CONTEXT)) {
        p->carried = nic_carried_new(card, context_of(card, d));
    }
    p->address = d->address;
    p->lane = (uint8_t)lane;
    p->ring_at = card->dma.tx[q].taken;
    p->turn = card->lane[lane].turns.given++;
    p->mss = d->mss;
    p->headers = d->headers;
    return index;
}

/* The packet's data has come with its descriptor. */
static void hand_over(struct espnic *card, const struct abi_tx_descriptor *d, uint32_t index,
                      uint64_t now)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    struct nic_packet *p = nic_packet(card, index);
    size_t at = (size_t)(d - card->dma.tx_descriptor);

    if (!(d->flags & ABI_TX_ABSENT)) {
        p->present = p->length;
        memcpy(nic_bytes(card, p), card->dma.tx_inline + at * card->config.dma.tx_inline,
               p->length);
    }
    card->stats.rings.tx_inline++;
    channel_push(card->lane[p->lane].tx_here, &run, index | NIC_HERE, CHANNEL_FIRST | CHANNEL_LAST);
}

/* A descriptor of an impossible length ends here. */
static void refuse(struct espnic *card, const struct abi_tx_descriptor *d, unsigned q, uint64_t now)
{
    uint32_t index = nic_packet_new(card, NIC_TX, 14);
    struct nic_packet *p = nic_packet(card, index);

    p->tag = d->tag;
    p->port = port_of(card, d);
    p->queue = (uint8_t)q;
    p->ring_at = card->dma.tx[q].taken;
    p->drop = NIC_DROP_BAD_LENGTH;
    card->stats.tx.packets_in++;
    nic_count_drop(card, p, NIC_DROP_BAD_LENGTH);
    nic_tx_failed(card, index, now);
}

/* May a packet of this length be taken, as far as the buffer and the reads under way go? */
static bool within_limits(const struct espnic *card, uint32_t length, bool read)
{
    const struct nic_dma_config *c = &card->config.dma;
    const struct nic_dma *dma = &card->dma;

    return nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ||
           ((!dma->tx_bytes || dma->tx_bytes + length <= c->tx_buffer) &&
            (!read || dma->tx_reads < c->tx_outstanding));
}

static void took_descriptor(struct espnic *card, unsigned q)
{
    struct nic_dma *dma = &card->dma;
    struct nic_ring *ring = &dma->tx[q];

    if (ring->pushed) {
        struct nic_extra *e = &dma->tx_extra[nic_tx_index(card, q, ring->taken)];

        ring->pushed -= e->pushed;
        e->pushed = false;
    }
    ring->taken++;
    if (ring->taken == ring->fetched) {
        dma->tx_ready &= ~(1u << q);
    }
}

static void ask_for_payload(struct espnic *card, const struct abi_tx_descriptor *d, unsigned lane,
                            uint32_t packet, uint64_t now)
{
    const struct pcie_request r = { .op = PCIE_READ,
                                    .address = d->address,
                                    .length = d->length,
                                    .ref = packet,
                                    .ref2 = NIC_FOR_TX_PAYLOAD,
                                    .id = nic_queue_id(nic_packet(card, packet)->queue) };

    card->dma.tx_reads++;
    nic_request(card, card->lane[lane].tx_client, now, &r);
}

/* Get the payload of the next descriptor of this queue, which has one; false: no room for it. */
static bool read_payload(struct espnic *card, unsigned q, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    const struct abi_tx_descriptor *d =
        &dma->tx_descriptor[nic_tx_index(card, q, dma->tx[q].taken)];
    uint32_t along = came_along(dma, d);
    bool read = along == UINT32_MAX;
    unsigned lane = lane_of(card, d, q);
    uint32_t packet;

    if (d->length < 14 || d->length > 65535 || d->length > along) {
        refuse(card, d, q, now);
        took_descriptor(card, q);
        return true;
    }
    if (!within_limits(card, d->length, read)) {
        dma->tx_held = 1;
        return false;
    }
    if (read && !nic_request_room(card, card->lane[lane].tx_client, now, 1)) {
        return false;
    }
    packet = packet_of(card, d, q, lane);
    if (card->config.sa.prefetch_tx == NIC_PREFETCH_DESCRIPTOR) {
        nic_memory_expect_tx(card, d, now);
    }
    dma->tx_bytes += d->length;
    if (read) {
        ask_for_payload(card, d, lane, packet, now);
    } else {
        hand_over(card, d, packet, now);
    }
    took_descriptor(card, q);
    return true;
}

/* One payload read, queues in turn; false: none can be made now. */
static bool read_next(struct espnic *card, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    uint32_t left = dma->tx_ready;

    while (left) {
        unsigned q = next_in_turn(left, dma->tx_turn);

        if (read_payload(card, q, now)) {
            dma->tx_turn = q + 1;
            return true;
        }
        left &= ~(1u << q);
    }
    return false;
}

/* One read of payload and one of descriptors a cycle. Wakes itself while there is more to do; an end
 * of a read, room for requests, descriptors and doorbells do when that makes something possible. */
static void tx_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    bool more;

    take_answers(card, false, now);
    card->dma.tx_held = 0;
    do {
        more = read_next(card, now);
    } while (more && nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA));
    more |= fetch_next(card, false, now);
    if (more && (card->dma.tx_ready || anyone_wants(card, false))) {
        sched_wake(&card->sched, card->dma.tx_block, now + 1);
    }
}

/* ---- set-up --------------------------------------------------------------------------------------------- */

void nic_tx_dma_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .done = done, .ready = ready };

    nic_stage(card, &lane->tx_dma, "tx_dma", card->core, 1, LANE_START_FIRST, &ops, lane);
}

void nic_dma_init(struct espnic *card)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_dma *d = &card->dma;

    d->tx_block = sched_add_block(&card->sched, "tx_fetch", card->core, tx_wake, card);
    d->rx_block = sched_add_block(&card->sched, "rx_fetch", card->core, rx_wake, card);
    nic_done_init(card);
    nic_push_init(card);
    d->tx_descriptor =
        must(calloc((size_t)c->tx_queues * c->tx_prefetch, sizeof *d->tx_descriptor));
    if (card->config.command.path == NIC_PATH_DESCRIPTOR) {
        d->tx_context =
            must(calloc((size_t)c->tx_queues * c->tx_prefetch, card->config.command.context));
    }
    d->rx_descriptor =
        must(calloc((size_t)c->rx_queues * c->rx_prefetch, sizeof *d->rx_descriptor));
    d->failed = must(calloc(NIC_FAILED_RING, sizeof *d->failed));
}
