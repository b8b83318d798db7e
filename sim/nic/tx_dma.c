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

/* ---- hand-over: one stage a lane -------------------------------------------------------------------- */

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    uint32_t request = j->item;
    uint32_t packet = pcie_request_at(card->link, request)->ref;

    (void)now;
    (void)slot;
    nic_packet(card, packet)->cookie = request;
    j->item = packet;
    j->beats_in = 1;
    j->beats_out = nic_packet(card, packet)->beats;
    j->interval = nic_is_ideal(&card->config, "tx_dma") ? 0 : 1;
    j->latency = nic_is_ideal(&card->config, "tx_dma") ? 0 : card->config.dma.latency;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)slot;
    pcie_request_release(card->link, p->cookie);
    card->stats.tx.packets_in++;
    card->stats.tx.bytes_in += p->length;
    card->dma.tx_bytes -= p->length;
    card->dma.tx_reads--;
    sched_wake(&card->sched, card->dma.tx_block, now);
}

/* ---- descriptors ------------------------------------------------------------------------------------- */

struct ring_place {
    uint32_t size, fetch, prefetch;
    bool eager; /* if fewer than `fetch` are posted, ask for them although others are on the card */
};

/* Descriptors to ask for now: contiguous in the ring, room for them on the card. */
static uint32_t wanted(const struct nic_ring *r, const struct ring_place *place)
{
    uint32_t n = r->posted - r->requested;
    uint32_t held = r->requested - r->taken;
    uint32_t to_end;
    uint32_t there;

    if (!n || !place->size) {
        return 0;
    }
    to_end = place->size - (r->requested & (place->size - 1));
    n = n < to_end ? n : to_end;
    n = n < place->fetch ? n : place->fetch;
    there = n;
    n = n < place->prefetch - held ? n : place->prefetch - held;
    return n == place->fetch || (place->eager && n == there) || !held ? n : 0;
}

/* Ask for descriptors of one queue; true if a request went out. */
static bool fetch_descriptors(struct espnic *card, bool rx, unsigned q, uint64_t now)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_ring *ring = rx ? &card->dma.rx[q] : &card->dma.tx[q];
    unsigned client = rx ? card->dma.rx_client : card->dma.tx_client;
    struct ring_place place = { .fetch = rx ? c->rx_fetch : c->tx_fetch,
                                .prefetch = rx ? c->rx_prefetch : c->tx_prefetch,
                                .eager = !rx };
    uint32_t entry = rx ? sizeof(struct abi_rx_descriptor) : sizeof(struct abi_tx_descriptor);
    struct pcie_request r = { .op = PCIE_READ };
    uint32_t n;

    place.size = (uint32_t)reg_get(&card->registers, rx ? REG_RX_SIZE : REG_TX_SIZE, q);
    n = wanted(ring, &place);
    if (!n || !nic_request_room(card, client, now, 1)) {
        return false;
    }
    r.address = reg_get(&card->registers, rx ? REG_RX_BASE : REG_TX_BASE, q) +
                (uint64_t)(ring->requested & (place.size - 1)) * entry;
    r.length = n * entry;
    r.ref = ring->requested;
    r.ref2 = (rx ? NIC_FOR_RX_DESCRIPTORS : NIC_FOR_TX_DESCRIPTORS) | q << NIC_PURPOSE_BITS;
    nic_request(card, client, now, &r);
    ring->requested += n;
    return true;
}

/* Descriptors that have come. */
/* True if there were any. */
static bool take_answers(struct espnic *card, unsigned client, bool rx, uint64_t now)
{
    struct channel *answers = card->answer[client];
    bool came = false;

    while (channel_next_visible(answers) <= now) {
        uint32_t index = channel_head(answers)->item;
        const struct pcie_request *r = pcie_request_at(card->link, index);
        unsigned q = r->ref2 >> NIC_PURPOSE_BITS;

        if (rx) {
            card->dma.rx[q].fetched += r->length / (uint32_t)sizeof(struct abi_rx_descriptor);
        } else {
            card->dma.tx[q].fetched += r->length / (uint32_t)sizeof(struct abi_tx_descriptor);
        }
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
        came = true;
    }
    if (channel_head(answers)) {
        sched_wake(&card->sched, rx ? card->dma.rx_block : card->dma.tx_block,
                   channel_next_visible(answers));
    }
    return came;
}

static void rx_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    bool more = false;

    bool came = take_answers(card, card->dma.rx_client, true, now);

    for (unsigned q = 0; q < card->config.dma.rx_queues && !more; q++) {
        more = fetch_descriptors(card, true, q, now);
    }
    if (more) {
        sched_wake(&card->sched, card->dma.rx_block, now + 1);
    }
    for (unsigned l = 0; came && l < card->config.general.lanes; l++) {
        sched_wake(&card->sched, card->lane[l].rx_dma.block, now + 1);
    }
}

/* ---- payload ------------------------------------------------------------------------------------------ */

static uint32_t packet_of(struct espnic *card, const struct abi_tx_descriptor *d, unsigned q)
{
    uint32_t index = nic_packet_new(card, NIC_TX, d->length);
    struct nic_packet *p = nic_packet(card, index);
    unsigned lanes = card->config.general.lanes;

    p->port = (uint8_t)(d->port % card->config.general.ports);
    p->queue = (uint8_t)q;
    p->handle[0] = d->handle;
    p->handle[1] = d->tunnel_handle;
    p->header_word = d->header_word;
    p->tfc = d->tfc;
    p->tag = d->tag;
    p->address = d->address;
    p->lane = (uint8_t)(d->handle ? rng_mix(d->handle) % lanes : q % lanes);
    return index;
}

/* Read the payload of the next descriptor of this queue; false: none, or no room for it. */
static bool read_payload(struct espnic *card, unsigned q, uint64_t now)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_ring *ring = &card->dma.tx[q];
    const struct abi_tx_descriptor *d =
        &card->dma.tx_descriptor[q * c->tx_prefetch + ring->taken % c->tx_prefetch];
    struct pcie_request r = { .op = PCIE_READ, .ref2 = NIC_FOR_TX_PAYLOAD };
    const struct nic_packet *p;
    unsigned lane;

    if (ring->taken == ring->fetched) {
        return false;
    }
    if (d->length < 14 || d->length > 65535) {
        uint32_t index = nic_packet_new(card, NIC_TX, 14);

        nic_packet(card, index)->tag = d->tag;
        nic_packet(card, index)->queue = (uint8_t)q;
        ring->taken++;
        card->stats.tx.packets_in++;
        nic_packet(card, index)->drop = NIC_DROP_BAD_LENGTH;
        nic_count_drop(card, nic_packet(card, index), NIC_DROP_BAD_LENGTH);
        nic_tx_failed(card, index, now);
        return true;
    }
    lane = d->handle ? (unsigned)(rng_mix(d->handle) % card->config.general.lanes)
                     : q % card->config.general.lanes;
    if ((!nic_is_ideal(&card->config, "tx_dma") &&
         ((card->dma.tx_bytes && card->dma.tx_bytes + d->length > c->tx_buffer) ||
          card->dma.tx_reads >= c->tx_outstanding)) ||
        !nic_request_room(card, card->lane[lane].tx_client, now, 1)) {
        return false;
    }
    r.ref = packet_of(card, d, q);
    p = nic_packet(card, r.ref);
    r.address = p->address;
    r.length = p->length;
    ring->taken++;
    card->dma.tx_bytes += p->length;
    card->dma.tx_reads++;
    nic_request(card, card->lane[p->lane].tx_client, now, &r);
    return true;
}

/* One payload read, queues in turn; false: none can be made now. */
static bool read_next(struct espnic *card, uint64_t now)
{
    unsigned queues = card->config.dma.tx_queues;

    for (unsigned i = 0; i < queues; i++) {
        unsigned q = (card->dma.tx_turn + i) % queues;

        if (read_payload(card, q, now)) {
            card->dma.tx_turn = q + 1;
            return true;
        }
    }
    return false;
}

static void tx_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    unsigned queues = card->config.dma.tx_queues;
    bool more;

    take_answers(card, card->dma.tx_client, false, now);
    do {
        more = read_next(card, now);
    } while (more && nic_is_ideal(&card->config, "tx_dma"));
    for (unsigned q = 0; q < queues; q++) {
        if (fetch_descriptors(card, false, q, now)) {
            more = true;
            break;
        }
    }
    if (more) {
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
    struct pcie_request r = { .op = PCIE_WRITE, .ref = item, .answer = 1 };
    uint32_t size = (uint32_t)reg_get(&card->registers, REG_TX_SIZE, p->queue);
    uint32_t at = card->dma.tx_done[p->queue]++;

    r.address = reg_get(&card->registers, REG_TX_DONE_BASE, p->queue) +
                (uint64_t)(at & (size - 1)) * sizeof(struct abi_tx_completion);
    r.length = sizeof(struct abi_tx_completion);
    r.ref2 = NIC_FOR_TX_DONE | (uint32_t)p->queue << NIC_PURPOSE_BITS;
    nic_request(card, card->dma.done_client, now, &r);
}

/* One completion a cycle: failed descriptors first, then the ports in turn. */
static bool complete_one(struct espnic *card, uint64_t now)
{
    struct nic_dma *d = &card->dma;

    if (!nic_request_room(card, d->done_client, now, 1)) {
        return false;
    }
    if (d->failed_head != d->failed_tail) {
        complete(card, d->failed[d->failed_head++ & (NIC_FAILED_RING - 1)], now);
        return true;
    }
    for (unsigned i = 0; i < card->config.general.ports; i++) {
        struct channel *ch = card->port[i].tx_done;

        if (channel_next_visible(ch) <= now) {
            complete(card, channel_head(ch)->item, now);
            channel_pop_item(ch, now, 1);
            return true;
        }
    }
    return false;
}

static void done_wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    struct channel *answers = card->answer[card->dma.done_client];

    while (channel_next_visible(answers) <= now) {
        uint32_t index = channel_head(answers)->item;

        nic_interrupt(card, 17u + (pcie_request_at(card->link, index)->ref2 >> NIC_PURPOSE_BITS),
                      now);
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    if (channel_head(answers)) {
        sched_wake(&card->sched, card->dma.done_block, channel_next_visible(answers));
    }
    while (complete_one(card, now)) {
        if (!nic_is_ideal(&card->config, "tx_dma")) {
            sched_wake(&card->sched, card->dma.done_block, now + 1);
            return;
        }
    }
    for (unsigned i = 0; i < card->config.general.ports; i++) {
        uint64_t at = channel_next_visible(card->port[i].tx_done);

        if (at != CLOCK_NEVER && at > now) {
            sched_wake(&card->sched, card->dma.done_block, at);
        }
    }
}

/* ---- set-up --------------------------------------------------------------------------------------------- */

void nic_tx_dma_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin };

    nic_stage(card, &lane->tx_dma, "tx_dma", card->core, 1, LANE_START_FIRST, &ops, lane);
}

void nic_dma_init(struct espnic *card)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_dma *d = &card->dma;

    d->tx_block = sched_add_block(&card->sched, "tx_fetch", card->core, tx_wake, card);
    d->rx_block = sched_add_block(&card->sched, "rx_fetch", card->core, rx_wake, card);
    d->done_block = sched_add_block(&card->sched, "tx_done", card->core, done_wake, card);
    d->tx_descriptor = calloc((size_t)c->tx_queues * c->tx_prefetch, sizeof *d->tx_descriptor);
    d->rx_descriptor = calloc((size_t)c->rx_queues * c->rx_prefetch, sizeof *d->rx_descriptor);
    d->failed = calloc(NIC_FAILED_RING, sizeof *d->failed);
    if (!d->tx_descriptor || !d->rx_descriptor || !d->failed) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
}
