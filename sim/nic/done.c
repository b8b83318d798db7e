/* done: when completions are written, transmit and receive, ring by ring (TX_DONE, RX_DONE).
 *
 * Plainly, each is a DMA write of its own: of a received packet right behind its data, of a sent one when its
 * last bit has left the card or when it was dropped.
 * A ring may instead gather them: several entries in one write; entries only for descriptors that ask for it
 * (they stand for all before them); or no entries, but the number completed so far. Then a received packet
 * counts as complete when its data has left the card, so that nothing overtakes it. Where an entry or a number
 * stands for others, and on receive always, order is that of the ring: who is early waits for its turn.
 * What has been gathered is written when there are BATCH of them, when the first has waited TX_DONE_WAIT or
 * RX_DONE_WAIT, where the ring of entries ends, and when nothing else that was posted is left: so nothing is
 * withheld for ever.
 * The engine takes one completion of each kind a cycle and makes one write a cycle. */
#include "nic/card.h"

enum { DEFAULT_TX_BYTES = 32, DEFAULT_RX_BYTES = 64 };

static struct nic_ring *ring_of(struct espnic *card, bool rx, unsigned q)
{
    return rx ? &card->dma.rx[q] : &card->dma.tx[q];
}

/* ---- what the driver wants --------------------------------------------------------------------------- */

static bool possible(bool rx, unsigned mode, uint32_t batch, uint32_t bytes)
{
    bool size = bytes == 32 || bytes == 64 || bytes == 128 || (!rx && bytes == 16);

    return size && batch <= NIC_DONE_MOST && mode <= NIC_DONE_HEAD &&
           (mode != NIC_DONE_REPORT || (!rx && bytes >= 32));
}

static uint64_t register_value(const struct nic_done *d)
{
    uint64_t v = REG_PUT(TX_DONE, MODE, 0, d->mode);

    v = REG_PUT(TX_DONE, BATCH, v, d->batch);
    return REG_PUT(TX_DONE, BYTES, v, d->bytes / 16u);
}

/* Both registers have the same fields. */
void nic_done_configure(struct espnic *card, bool rx, unsigned q, uint64_t value)
{
    struct nic_ring *ring = ring_of(card, rx, q);
    struct nic_done *d = &ring->done;
    unsigned mode = (unsigned)REG_GET(TX_DONE, MODE, value);
    uint32_t batch = (uint32_t)REG_GET(TX_DONE, BATCH, value);
    uint32_t bytes = (uint32_t)REG_GET(TX_DONE, BYTES, value) * 16;

    batch = batch ? batch : 1;
    bytes = bytes ? bytes : rx ? DEFAULT_RX_BYTES : DEFAULT_TX_BYTES;
    if (ring->posted != ring->completed || !possible(rx, mode, batch, bytes)) {
        card->stats.rings.refused++;
        reg_set(&card->registers, rx ? REG_RX_DONE : REG_TX_DONE, q, register_value(d));
        return;
    }
    d->mode = (uint8_t)mode;
    d->batch = (uint8_t)batch;
    d->bytes = (uint8_t)bytes;
    d->gathers = mode != NIC_DONE_EACH || batch > 1;
    d->next = d->entries = ring->completed;
    d->deadline = CLOCK_NEVER;
    d->silent_deadline = CLOCK_NEVER;
}

/* ---- gathering ----------------------------------------------------------------------------------------- */

static bool pending(const struct nic_done *d)
{
    return d->first || d->silent;
}

static void append(struct espnic *card, struct nic_done *d, uint32_t item, bool counts,
                   uint64_t now)
{
    nic_packet(card, item)->chain = 0;
    if (!d->first) {
        d->first = item;
        d->deadline = now + d->wait;
    } else {
        nic_packet(card, d->last)->chain = item;
    }
    d->last = item;
    d->count += counts;
}

/* A descriptor that asks for no entry: one of those before or behind it says that it is complete. The last
 * of them is kept, in case that none does. */
static void keep_silent(struct espnic *card, struct nic_done *d, uint32_t item, uint64_t now)
{
    if (d->silent) {
        nic_packet_free(card, d->silent);
    } else {
        d->silent_deadline = now + d->wait;
    }
    d->silent = item;
}

static void forget_silent(struct espnic *card, struct nic_done *d)
{
    if (d->silent) {
        nic_packet_free(card, d->silent);
    }
    d->silent = 0;
    d->silent_deadline = CLOCK_NEVER;
}

/* It is complete, and so is all before it in the ring. */
static void in_turn(struct espnic *card, bool rx, struct nic_done *d, uint32_t item, uint64_t now)
{
    const struct nic_packet *p = nic_packet(card, item);
    bool reports = rx || (p->tx_flags & ABI_TX_REPORT) || p->drop;

    d->next = p->ring_at + 1;
    if (d->mode == NIC_DONE_REPORT && !reports) {
        keep_silent(card, d, item, now);
        return;
    }
    forget_silent(card, d);
    append(card, d, item, reports, now);
}

/* Among those that are there before their turn, in the order of the ring; mostly the last one. */
static void queue_up(struct espnic *card, struct nic_done *d, uint32_t item)
{
    struct nic_packet *p = nic_packet(card, item);
    uint32_t *link = &d->early_first;

    if (d->early_first && (int32_t)(p->ring_at - nic_packet(card, d->early_last)->ring_at) > 0) {
        link = &nic_packet(card, d->early_last)->chain;
    }
    while (*link && (int32_t)(nic_packet(card, *link)->ring_at - p->ring_at) < 0) {
        link = &nic_packet(card, *link)->chain;
    }
    p->chain = *link;
    *link = item;
    if (!p->chain) {
        d->early_last = item;
    }
}

static void take_early(struct espnic *card, bool rx, struct nic_done *d, uint64_t now)
{
    while (d->early_first && nic_packet(card, d->early_first)->ring_at == d->next) {
        uint32_t item = d->early_first;

        d->early_first = nic_packet(card, item)->chain;
        in_turn(card, rx, d, item, now);
    }
}

static void gather(struct espnic *card, bool rx, unsigned q, uint32_t item, uint64_t now)
{
    struct nic_done *d = &ring_of(card, rx, q)->done;

    if (!rx && d->mode == NIC_DONE_EACH) {
        append(card, d, item, true, now);
    } else if (nic_packet(card, item)->ring_at != d->next) {
        queue_up(card, d, item);
    } else {
        in_turn(card, rx, d, item, now);
        take_early(card, rx, d, now);
    }
    if (pending(d)) {
        *(rx ? &card->dma.rx_gathered : &card->dma.tx_gathered) |= 1u << q;
    }
}

/* Plain receive completions of several lanes reach memory in any order: an entry has its place by its descriptor,
 * and those before which one is missing do not count yet. */
void nic_rx_done_there(struct espnic *card, unsigned q, uint32_t item)
{
    struct nic_ring *ring = &card->dma.rx[q];
    struct nic_done *d = &ring->done;

    queue_up(card, d, item);
    while ((item = d->early_first) != 0 && nic_packet(card, item)->ring_at == ring->completed) {
        d->early_first = nic_packet(card, item)->chain;
        nic_packet_free(card, item);
        ring->completed++;
    }
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static void count_write(struct espnic *card, bool rx, uint32_t completions)
{
    struct nic_ring_stats *s = &card->stats.rings;

    *(rx ? &s->rx_done_writes : &s->tx_done_writes) += 1;
    *(rx ? &s->rx_done_entries : &s->tx_done_entries) += completions;
}

/* Its answer is the sign for the interrupt. */
static struct pcie_request a_write(bool rx, unsigned q, uint32_t first, uint32_t completions)
{
    return (struct pcie_request){ .op = PCIE_WRITE,
                                  .answer = 1,
                                  .ref = first,
                                  .id = nic_queue_id(q),
                                  .ref2 = (rx ? NIC_FOR_RX_DONE : NIC_FOR_TX_DONE) |
                                          q << NIC_PURPOSE_BITS |
                                          (completions ? completions : 1) << NIC_COUNT_LSB };
}

static uint64_t place(const struct nic_ring *ring, uint32_t entry)
{
    return ring->done_base + (uint64_t)(entry & (ring->size - 1)) * ring->done.bytes;
}

struct pcie_request nic_rx_done_plain(struct espnic *card, const struct nic_packet *p,
                                      uint32_t item)
{
    const struct nic_ring *ring = &card->dma.rx[p->queue];
    struct pcie_request r = a_write(true, p->queue, item, 1);

    r.address = place(ring, p->ring_at);
    r.length = ring->done.bytes;
    count_write(card, true, 1);
    return r;
}

static void write_plain(struct espnic *card, uint32_t item, uint64_t now)
{
    struct nic_packet *p = nic_packet(card, item);
    struct nic_ring *ring = &card->dma.tx[p->queue];
    struct pcie_request r = a_write(false, p->queue, item, 1);

    p->chain = 0;
    p->done_at = ring->done.entries++;
    r.address = place(ring, p->done_at);
    r.length = ring->done.bytes;
    count_write(card, false, 1);
    nic_request(card, card->dma.done_client, now, &r);
}

/* Entries up to the end of their ring: a write does not go beyond it. */
static uint32_t to_ring_end(const struct nic_ring *ring)
{
    return ring->size - (ring->done.entries & (ring->size - 1));
}

static bool ring_ends(const struct nic_ring *ring)
{
    return ring->done.mode != NIC_DONE_HEAD && ring->done.count >= to_ring_end(ring);
}

/* Is nothing else posted? */
static bool nothing_left(const struct nic_ring *ring, bool rx)
{
    const struct nic_done *d = &ring->done;

    return !rx && d->mode == NIC_DONE_EACH ? d->entries + d->count == ring->posted
                                           : d->next == ring->posted;
}

static uint64_t deadline(const struct nic_done *d)
{
    return d->deadline < d->silent_deadline ? d->deadline : d->silent_deadline;
}

/* When what has been gathered has to be written, and why. */
static enum nic_done_cause cause(const struct nic_ring *ring, bool rx, uint64_t now)
{
    const struct nic_done *d = &ring->done;

    return d->count >= d->batch     ? NIC_DONE_FULL
           : ring_ends(ring)        ? NIC_DONE_RING_END
           : nothing_left(ring, rx) ? NIC_DONE_NOTHING_LEFT
           : deadline(d) <= now     ? NIC_DONE_WAITED
                                    : NIC_DONE_CAUSES;
}

/* An entry for those that asked for none. */
static void speak_up(struct espnic *card, struct nic_done *d, uint64_t now)
{
    uint32_t item = d->silent;

    if (item) {
        d->silent = 0;
        d->silent_deadline = CLOCK_NEVER;
        append(card, d, item, true, now);
    }
}

/* Entries for the first of those gathered: as many as a write takes. */
static struct pcie_request write_entries(struct espnic *card, bool rx, unsigned q)
{
    struct nic_ring *ring = ring_of(card, rx, q);
    struct nic_done *d = &ring->done;
    uint32_t n = d->count < d->batch ? d->count : d->batch;
    uint32_t last = d->first;
    struct pcie_request r;

    n = n < to_ring_end(ring) ? n : to_ring_end(ring);
    r = a_write(rx, q, d->first, n);
    r.address = place(ring, d->entries);
    r.length = n * d->bytes;
    count_write(card, rx, n);
    d->count -= n;
    nic_packet(card, last)->done_at = d->entries++;
    while (--n) {
        last = nic_packet(card, last)->chain;
        nic_packet(card, last)->done_at = d->entries++;
    }
    d->first = nic_packet(card, last)->chain;
    nic_packet(card, last)->chain = 0;
    return r;
}

static struct pcie_request write_number(struct espnic *card, bool rx, unsigned q)
{
    struct nic_ring *ring = ring_of(card, rx, q);
    struct nic_done *d = &ring->done;
    struct pcie_request r = a_write(rx, q, d->first, d->count);

    r.address = ring->done_base;
    r.length = sizeof(uint32_t);
    count_write(card, rx, d->next - d->entries);
    d->entries = d->next;
    d->first = d->count = 0;
    return r;
}

static void flush(struct espnic *card, bool rx, unsigned q, enum nic_done_cause why, uint64_t now)
{
    struct nic_done *d = &ring_of(card, rx, q)->done;
    struct pcie_request r;

    if (why == NIC_DONE_NOTHING_LEFT || why == NIC_DONE_WAITED) {
        speak_up(card, d, now);
    }
    r = d->mode == NIC_DONE_HEAD ? write_number(card, rx, q) : write_entries(card, rx, q);
    card->stats.rings.done_cause[why]++;
    nic_request(card, rx ? card->dma.rx_done_client : card->dma.done_client, now, &r);
    d->deadline = d->first ? d->deadline : CLOCK_NEVER;
    if (!pending(d)) {
        *(rx ? &card->dma.rx_gathered : &card->dma.tx_gathered) &= ~(1u << q);
    }
}

/* One write of a ring that has to write; *next: when the first of the others has to. */
static void flush_one(struct espnic *card, bool rx, uint64_t now, uint64_t *next)
{
    unsigned client = rx ? card->dma.rx_done_client : card->dma.done_client;
    uint32_t left = rx ? card->dma.rx_gathered : card->dma.tx_gathered;
    bool wrote = false;

    for (; left; left &= left - 1) {
        unsigned q = (unsigned)__builtin_ctz(left);
        const struct nic_ring *ring = ring_of(card, rx, q);
        enum nic_done_cause why = cause(ring, rx, now);

        if (why == NIC_DONE_CAUSES) {
            *next = deadline(&ring->done) < *next ? deadline(&ring->done) : *next;
        } else if (wrote) {
            *next = now + 1 < *next ? now + 1 : *next;
        } else if (nic_request_room(card, client, now, 1)) { /* else room wakes */
            flush(card, rx, q, why, now);
            wrote = true;
            *next = pending(&ring->done) && now + 1 < *next ? now + 1 : *next;
        }
    }
}

/* ---- transmit: what comes to an end ------------------------------------------------------------------------ */

static struct nic_failed *failed_at(const struct nic_dma *d, uint32_t i)
{
    return &d->failed[i & (NIC_FAILED_RING - 1)];
}

/* In the order of cycles; those of the same one by queue and place. */
static bool fails_before(const struct espnic *card, const struct nic_failed *a,
                         const struct nic_failed *b)
{
    const struct nic_packet *p = nic_packet(card, a->packet);
    const struct nic_packet *q = nic_packet(card, b->packet);

    if (a->cycle != b->cycle) {
        return a->cycle < b->cycle;
    }
    if (p->queue != q->queue) {
        return p->queue < q->queue;
    }
    return p->ring_at != q->ring_at ? (int32_t)(p->ring_at - q->ring_at) < 0
                                    : p->segment < q->segment;
}

/* Stages say so when they know it, for some cycle to come. */
void nic_tx_failed(struct espnic *card, uint32_t item, uint64_t cycle)
{
    struct nic_dma *d = &card->dma;
    struct nic_failed failed = { .cycle = cycle, .packet = item };
    uint32_t at = d->failed_tail++;

    for (; at != d->failed_head && fails_before(card, &failed, failed_at(d, at - 1)); at--) {
        *failed_at(d, at) = *failed_at(d, at - 1);
    }
    *failed_at(d, at) = failed;
    sched_wake(&card->sched, d->done_block, cycle);
}

/* When there is a descriptor to complete. */
static uint64_t next_done(const struct espnic *card)
{
    const struct nic_dma *d = &card->dma;
    uint64_t first =
        d->failed_head != d->failed_tail ? failed_at(d, d->failed_head)->cycle : CLOCK_NEVER;

    for (unsigned i = 0; i < card->config.general.ports; i++) {
        uint64_t at = channel_next_visible(card->port[i].tx_done);

        first = at < first ? at : first;
    }
    return first;
}

/* The one whose turn it is: failed descriptors first, then the ports in order. */
static uint32_t next_item(const struct espnic *card, uint64_t now, struct channel **from)
{
    const struct nic_dma *d = &card->dma;
    unsigned port = 0;

    *from = NULL;
    if (d->failed_head != d->failed_tail && failed_at(d, d->failed_head)->cycle <= now) {
        return failed_at(d, d->failed_head)->packet;
    }
    while (channel_next_visible(card->port[port].tx_done) > now) {
        port++;
    }
    *from = card->port[port].tx_done;
    return channel_head(*from)->item;
}

/* One completion a cycle. */
static bool complete_one(struct espnic *card, uint64_t now)
{
    struct nic_dma *d = &card->dma;
    struct channel *from;
    bool gathers;
    uint32_t item;
    unsigned q;

    if (next_done(card) > now) {
        return false;
    }
    item = next_item(card, now, &from);
    q = nic_packet(card, item)->queue;
    gathers = d->tx[q].done.gathers;
    if (!gathers && !nic_request_room(card, d->done_client, now, 1)) {
        return false;
    }
    if (from) {
        channel_pop_item(from, now, 1);
    } else {
        d->failed_head++;
    }
    item = nic_lso_end(card, item);
    if (!item) {
        return true;
    }
    if (gathers) {
        gather(card, false, q, item, now);
    } else {
        write_plain(card, item, now);
    }
    return true;
}

/* ---- receive: data that has left the card --------------------------------------------------------------- */

/* What has been received, a packet a lane and cycle; returns when there is more. */
static uint64_t take_received(struct espnic *card, uint64_t now)
{
    bool all = nic_is_ideal(&card->config, NIC_IDEAL_RX_DMA);
    uint64_t first = CLOCK_NEVER;

    for (unsigned l = 0; l < card->config.general.lanes; l++) {
        struct channel *in = card->lane[l].rx_done;
        uint64_t next = channel_next_visible(in);

        while (next <= now) {
            uint32_t item = channel_head(in)->item;

            channel_pop_item(in, now, 1);
            gather(card, true, nic_packet(card, item)->queue, item, now);
            next = channel_next_visible(in);
            next = next <= now && !all ? now + 1 : next;
        }
        first = next < first ? next : first;
    }
    return first;
}

/* ---- the block -------------------------------------------------------------------------------------------- */

/* Completions that have left: the interrupt may follow, and cannot overtake them. Returns when more have. */
static uint64_t take_completed(struct espnic *card, unsigned client, unsigned vector, uint64_t now)
{
    struct channel *answers = card->answer[client];
    uint64_t next;

    while ((next = channel_next_visible(answers)) <= now) {
        uint32_t index = channel_head(answers)->item;
        uint32_t ref2 = pcie_request_at(card->link, index)->ref2;

        nic_interrupt(card, vector + (ref2 >> NIC_PURPOSE_BITS & 0xff), ref2 >> NIC_COUNT_LSB, now);
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    return next;
}

static void earlier(uint64_t *at, uint64_t candidate)
{
    *at = candidate < *at ? candidate : *at;
}

static void wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    uint64_t again = take_completed(card, card->dma.done_client, 17, now);
    uint64_t next;
    bool more;

    earlier(&again, take_completed(card, card->dma.rx_done_client, 1, now));
    earlier(&again, take_received(card, now));
    do {
        more = complete_one(card, now);
    } while (more && nic_is_ideal(&card->config, NIC_IDEAL_TX_DMA));
    next = next_done(card);
    if (next > now || more) { /* if there is one now, room for its request wakes */
        earlier(&again, next > now ? next : now + 1);
    }
    flush_one(card, false, now, &again);
    flush_one(card, true, now, &again);
    if (again != CLOCK_NEVER) {
        sched_wake(&card->sched, card->dma.done_block, again);
    }
}

void nic_done_init(struct espnic *card)
{
    card->dma.done_block = sched_add_block(&card->sched, "tx_done", card->core, wake, card);
}
