/* tx_dma: packets out of host memory. Descriptor fetch, payload reads, hand-over to the lanes; and the
 * completions of transmit descriptors.
 *
 * A doorbell makes the card read descriptors, up to `tx_fetch` at a time, into a copy of `tx_prefetch`
 * entries a queue. Queues take turns in reading payload, limited by the bytes of the transmit buffer and
 * the number of reads under way. A packet goes to its lane when its last byte has come. Its completion
 * is written when its last bit has left the card, or when it was dropped.
 * The fetch of receive descriptors stands here too, since it is the same engine. */
#include "nic/card.h"

#include <stdlib.h>

#include "engine/must.h"

/* ---- hand-over: one stage a lane -------------------------------------------------------------------- */

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    uint32_t request = j->item;
    const struct pcie_request *r = pcie_request_at(card->link, request);
    struct nic_packet *p = nic_packet(card, r->ref);

    (void)now;
    (void)slot;
    p->cookie = request;
    p->drop = r->status == PCIE_OK ? NIC_DROP_NONE : NIC_DROP_DMA_ERROR;
    j->item = r->ref;
    j->beats_in = 1;
    j->beats_out = p->drop ? 0 : p->beats;
    if (p->drop) {
        j->out = LANE_NO_CHANNEL;
    }
    j->interval = nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ? 0 : 1;
    j->latency = nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ? 0 : card->config.dma.latency;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)slot;
    if (p->drop) {
        card->stats.dma_failures++;
        nic_count_drop(card, p, p->drop);
    }
    pcie_request_release(card->link, p->cookie);
    card->stats.tx.packets_in++;
    card->stats.tx.bytes_in += p->length;
    card->dma.tx_bytes -= p->length;
    card->dma.tx_reads--;
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
        nic_done_dropped(lane->card, s->job.item);
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

/* Ask for descriptors of one queue; true if a request went out. */
static bool fetch_descriptors(struct espnic *card, bool rx, unsigned q, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    struct nic_ring *ring = rx ? &dma->rx[q] : &dma->tx[q];
    unsigned client = rx ? dma->rx_client : dma->tx_client;
    uint32_t entry = rx ? (uint32_t)sizeof(struct abi_rx_descriptor) : dma->tx_entry;
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

/* What has come. If a read failed, or one before it did, its descriptors are not there: the failed one and
 * all behind it are asked for again. */
static bool take_descriptors(struct espnic *card, bool rx, const struct pcie_request *r)
{
    struct nic_dma *dma = &card->dma;
    unsigned q = r->ref2 >> NIC_PURPOSE_BITS;
    struct nic_ring *ring = rx ? &dma->rx[q] : &dma->tx[q];
    uint32_t entry = rx ? (uint32_t)sizeof(struct abi_rx_descriptor) : dma->tx_entry;

    if (r->ref != ring->fetched) {
        return false; /* behind one that failed */
    }
    if (r->status != PCIE_OK) {
        nic_read_failure(card, r);
        ring->requested = ring->fetched;
        *(rx ? &dma->rx_asks : &dma->tx_asks) |= 1u << q;
        return false;
    }
    card->faults.s.in_a_row = 0;
    ring->fetched += r->length / entry;
    if (!rx) {
        dma->tx_ready |= 1u << q;
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

    return d->handle ? (unsigned)(rng_mix(d->handle) % lanes) : q % lanes;
}

/* The context behind the descriptor. */
static const uint8_t *context_of(const struct nic_dma *dma, const struct abi_tx_descriptor *d)
{
    size_t context = dma->tx_entry - sizeof *d;

    return dma->tx_context + (size_t)(d - dma->tx_descriptor) * context;
}

static uint32_t packet_of(struct espnic *card, const struct abi_tx_descriptor *d, unsigned q,
                          unsigned lane)
{
    uint32_t index = nic_packet_new(card, NIC_TX, d->length);
    struct nic_packet *p = nic_packet(card, index);

    p->port = (uint8_t)(d->port % card->config.general.ports);
    p->queue = (uint8_t)q;
    p->handle[0] = d->handle;
    p->handle[1] = d->tunnel_handle;
    p->header_word = d->header_word;
    p->tfc = d->tfc;
    p->tag = d->tag;
    p->tx_flags = (uint8_t)d->flags;
    p->no_key = card->mailbox && (d->flags & ABI_TX_NO_KEY);
    if (card->dma.tx_context && (d->flags & ABI_TX_CONTEXT)) {
        p->carried = nic_carried_new(card, context_of(&card->dma, d));
    }
    p->address = d->address;
    p->lane = (uint8_t)lane;
    return index;
}

/* A descriptor of an impossible length ends here. */
static void refuse(struct espnic *card, const struct abi_tx_descriptor *d, unsigned q, uint64_t now)
{
    uint32_t index = nic_packet_new(card, NIC_TX, 14);
    struct nic_packet *p = nic_packet(card, index);

    p->tag = d->tag;
    p->queue = (uint8_t)q;
    p->drop = NIC_DROP_BAD_LENGTH;
    card->stats.tx.packets_in++;
    nic_count_drop(card, p, NIC_DROP_BAD_LENGTH);
    nic_tx_failed(card, index, now);
}

/* May a packet of this length be read, as far as the buffer and the reads under way go? */
static bool within_limits(const struct espnic *card, uint32_t length)
{
    const struct nic_dma_config *c = &card->config.dma;
    const struct nic_dma *dma = &card->dma;

    return nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA) ||
           ((!dma->tx_bytes || dma->tx_bytes + length <= c->tx_buffer) &&
            dma->tx_reads < c->tx_outstanding);
}

static void took_descriptor(struct nic_dma *dma, unsigned q)
{
    struct nic_ring *ring = &dma->tx[q];

    ring->taken++;
    if (ring->taken == ring->fetched) {
        dma->tx_ready &= ~(1u << q);
    }
}

/* Read the payload of the next descriptor of this queue, which has one; false: no room for it. */
static bool read_payload(struct espnic *card, unsigned q, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    uint32_t prefetch = card->config.dma.tx_prefetch;
    const struct abi_tx_descriptor *d =
        &dma->tx_descriptor[q * prefetch + dma->tx[q].taken % prefetch];
    struct pcie_request r = { .op = PCIE_READ, .ref2 = NIC_FOR_TX_PAYLOAD, .id = nic_queue_id(q) };
    unsigned lane;

    if (d->length < 14 || d->length > 65535) {
        took_descriptor(dma, q);
        refuse(card, d, q, now);
        return true;
    }
    if (!within_limits(card, d->length)) {
        dma->tx_held = 1;
        return false;
    }
    lane = lane_of(card, d, q);
    if (!nic_request_room(card, card->lane[lane].tx_client, now, 1)) {
        return false;
    }
    took_descriptor(dma, q);
    r.ref = packet_of(card, d, q, lane);
    r.address = d->address;
    r.length = d->length;
    dma->tx_bytes += d->length;
    dma->tx_reads++;
    nic_request(card, card->lane[lane].tx_client, now, &r);
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

/* ---- completions --------------------------------------------------------------------------------------- */

void nic_tx_failed(struct espnic *card, uint32_t item, uint64_t cycle)
{
    struct nic_dma *d = &card->dma;

    d->failed[d->failed_tail++ & (NIC_FAILED_RING - 1)] = item;
    sched_wake(&card->sched, d->done_block, cycle);
}

static void complete(struct espnic *card, uint32_t item, uint64_t now)
{
    const struct nic_packet *p = nic_packet(card, item);
    const struct nic_ring *ring = &card->dma.tx[p->queue];
    uint32_t at = card->dma.tx_done[p->queue]++;
    struct pcie_request r = {
        .op = PCIE_WRITE, .ref = item, .answer = 1, .id = nic_queue_id(p->queue)
    };

    r.address =
        ring->done_base + (uint64_t)(at & (ring->size - 1)) * sizeof(struct abi_tx_completion);
    r.length = sizeof(struct abi_tx_completion);
    r.ref2 = NIC_FOR_TX_DONE | (uint32_t)p->queue << NIC_PURPOSE_BITS;
    nic_request(card, card->dma.done_client, now, &r);
}

/* When there is a descriptor to complete. */
static uint64_t next_done(const struct espnic *card)
{
    uint64_t first = CLOCK_NEVER;

    if (card->dma.failed_head != card->dma.failed_tail) {
        return 0;
    }
    for (unsigned i = 0; i < card->config.general.ports; i++) {
        uint64_t at = channel_next_visible(card->port[i].tx_done);

        first = at < first ? at : first;
    }
    return first;
}

/* One completion a cycle: failed descriptors first, then the ports in order. */
static bool complete_one(struct espnic *card, uint64_t now)
{
    struct nic_dma *d = &card->dma;
    unsigned port = 0;

    if (next_done(card) > now || !nic_request_room(card, d->done_client, now, 1)) {
        return false;
    }
    if (d->failed_head != d->failed_tail) {
        complete(card, d->failed[d->failed_head++ & (NIC_FAILED_RING - 1)], now);
        return true;
    }
    while (channel_next_visible(card->port[port].tx_done) > now) {
        port++;
    }
    complete(card, channel_head(card->port[port].tx_done)->item, now);
    channel_pop_item(card->port[port].tx_done, now, 1);
    return true;
}

/* Completions that have left: the interrupt may follow, and cannot overtake them. */
static void take_completed(struct espnic *card, uint64_t now)
{
    struct channel *answers = card->answer[card->dma.done_client];
    uint64_t next;

    while ((next = channel_next_visible(answers)) <= now) {
        uint32_t index = channel_head(answers)->item;

        nic_interrupt(card, 17u + (pcie_request_at(card->link, index)->ref2 >> NIC_PURPOSE_BITS),
                      now);
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, card->dma.done_block, next);
    }
}

static void done_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    uint64_t next;
    bool more;

    take_completed(card, now);
    do {
        more = complete_one(card, now);
    } while (more && nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA));
    next = next_done(card);
    if (more && next <= now) {
        next = now + 1;
    }
    if (next > now && next != CLOCK_NEVER) { /* if there is one now, room for its request wakes */
        sched_wake(&card->sched, card->dma.done_block, next);
    }
}

/* ---- set-up --------------------------------------------------------------------------------------------- */

void nic_tx_dma_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .done = done };

    nic_stage(card, &lane->tx_dma, "tx_dma", card->core, 1, LANE_START_FIRST, &ops, lane);
}

void nic_dma_init(struct espnic *card)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_dma *d = &card->dma;

    d->tx_block = sched_add_block(&card->sched, "tx_fetch", card->core, tx_wake, card);
    d->rx_block = sched_add_block(&card->sched, "rx_fetch", card->core, rx_wake, card);
    d->done_block = sched_add_block(&card->sched, "tx_done", card->core, done_wake, card);
    d->tx_descriptor =
        must(calloc((size_t)c->tx_queues * c->tx_prefetch, sizeof *d->tx_descriptor));
    d->tx_entry = sizeof *d->tx_descriptor;
    if (card->config.command.path == NIC_PATH_DESCRIPTOR) {
        d->tx_entry += (uint32_t)card->config.command.context;
        d->tx_context =
            must(calloc((size_t)c->tx_queues * c->tx_prefetch, card->config.command.context));
    }
    d->rx_descriptor =
        must(calloc((size_t)c->rx_queues * c->rx_prefetch, sizeof *d->rx_descriptor));
    d->failed = must(calloc(NIC_FAILED_RING, sizeof *d->failed));
}
