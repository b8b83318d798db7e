/* Transmit rings: descriptors, doorbells, and the completions of them.
 *
 * A doorbell is a register write. Where one descriptor is new and the card has a window for it, the driver writes it
 * there instead (host.tx.push), through write-combining buffers or store by store. */
#include <string.h>

#include "host/internal.h"
#include "pcie_model/registers.h"

/* Tags of frames that this driver sends have the top bit, those of received ones do not. */
#define TAG_OWN (1ull << 63)

/* ---- descriptors ----------------------------------------------------------------------------------- */

/* A frame that is sent from its receive buffer gives that back. */
void host_slot_free(struct host *host, uint32_t slot, uint64_t time)
{
    struct host_slot *s = &host->slot[slot];

    if (s->rx_buffer != 0) {
        host_buffer_back(host, s->rx_buffer - 1, time);
        s->rx_buffer = 0;
    }
    s->state = SLOT_FREE;
    s->flags = 0;
    s->next = host->s->slot_free;
    host->s->slot_free = slot + 1;
}

static uint64_t frame_address(const struct host *host, uint32_t slot)
{
    const struct host_slot *s = &host->slot[slot];
    uint64_t buffer = s->rx_buffer - 1;

    return s->rx_buffer != 0
               ? host_address(REGION_RX, (buffer << host->rx_shift) + s->start)
               : host_address(REGION_TX, ((uint64_t)slot << host->tx_shift) + s->start);
}

static const uint8_t *frame_bytes(const struct host *host, uint32_t slot)
{
    const struct host_slot *s = &host->slot[slot];

    return (s->rx_buffer != 0 ? host_buffer_bytes(host, s->rx_buffer - 1)
                              : host_slot_bytes(host, slot)) +
           s->start;
}

/* The frame behind its descriptor; returns what the descriptor says of it. */
static uint16_t put_along(const struct host *host, uint32_t slot, uint8_t *place)
{
    const struct host_slot *s = &host->slot[slot];

    if (host->tx_stride == 0 || s->captured != s->length) {
        return ABI_TX_INLINE | ABI_TX_ABSENT;
    }
    memcpy(place, frame_bytes(host, slot), s->length);
    return ABI_TX_INLINE;
}

void host_post(struct host *host, uint32_t queue, uint32_t slot, uint64_t time)
{
    struct host_txq *q = &host->txq[queue];
    struct host_slot *s = &host->slot[slot];
    uint32_t entry = q->tail & (host->config.tx.ring - 1);
    uint8_t *place = host->rings + host_ring_tx(host, queue) + (size_t)entry * host_tx_entry(host);
    struct abi_tx_descriptor d = { .address = frame_address(host, slot),
                                   .length = s->length,
                                   .port = s->port,
                                   .flags = (uint16_t)(ABI_TX_INTERRUPT | s->tx_flags),
                                   .handle = s->handle,
                                   .tunnel_handle = s->tunnel,
                                   .header_word = s->header_word,
                                   .mss = s->mss,
                                   .headers = s->mss != 0 ? s->headers : 0,
                                   .tag = TAG_OWN | (uint64_t)(s->generation & 0x7fffffff) << 32 |
                                          slot };

    if (host->s->tx_context != 0 && host_carried_write(host, s, place + sizeof d)) {
        d.flags |= ABI_TX_CONTEXT;
    }
    if (s->length <= host->config.tx.inline_bytes && s->length <= host->s->tx_room) {
        d.flags |= put_along(host, slot, place + sizeof d + host->s->tx_context);
        host->stats->tx.inlined++;
    }
    if (host->config.tx.done != HOST_TX_DONE_EACH && (q->tail + 1) % host->config.tx.report == 0) {
        d.flags |= ABI_TX_REPORT;
    }
    memcpy(place, &d, sizeof d);
    host->tx_slot_of[queue * host->config.tx.ring + entry] = slot;
    s->state = SLOT_POSTED;
    if (q->tail == q->rung) {
        q->ring_by = host->config.tx.doorbell_delay == 0 ? CLOCK_NEVER
                                                         : time + host->config.tx.doorbell_delay;
    }
    q->tail++;
    host->stats->tx.posted++;
    if (s->mss != 0) {
        host->stats->tx.lso++;
        host->stats->tx.lso_created += s->segments - 1;
    }
    host->stats->tx.posted_bytes += s->length;
    if ((s->flags & SLOT_OFFLOADED) != 0) {
        host->stats->tx.offloaded++;
    } else if ((s->flags & SLOT_IN_SOFTWARE) != 0) {
        host->stats->tx.software++;
    } else {
        host->stats->tx.clear++;
    }
}

/* ---- doorbells ------------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What goes into the window: the descriptor as it is in the ring, with its frame if that fits. Returns the bytes. */
static uint32_t fill_window(struct host *host, uint32_t queue, uint8_t *window)
{
    const struct host_txq *q = &host->txq[queue];
    uint32_t entry = q->rung & (host->config.tx.ring - 1);
    uint32_t slot = host->tx_slot_of[queue * host->config.tx.ring + entry];
    uint32_t front = (uint32_t)sizeof(struct abi_tx_descriptor) + host->s->tx_context;
    uint32_t most = least((uint32_t)host->config.tx.push, REG_TX_PUSH_WINDOW);
    uint32_t bytes = front;
    struct abi_tx_descriptor d;

    if (front > most) {
        return 0;
    }
    memcpy(window, host->rings + host_ring_tx(host, queue) + (size_t)entry * host_tx_entry(host),
           front);
    memcpy(&d, window, sizeof d);
    d.flags &= (uint16_t) ~(ABI_TX_INLINE | ABI_TX_ABSENT);
    if (d.length <= host->s->tx_along && front + d.length <= most) {
        d.flags |= put_along(host, slot, window + front);
        bytes += d.length;
        host->stats->tx.pushed_data++;
    }
    d.push = abi_push(q->tail, bytes);
    memcpy(window, &d, sizeof d);
    return bytes;
}

/* Stores of 8 bytes, each a TLP; another core's to the same window go first. Returns when the core has made the
 * last one. */
static uint64_t store_one_by_one(struct host *host, struct host_txq *q, uint64_t time,
                                 uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    uint64_t store = host_cost(host, host->config.general.mmio);
    uint64_t at = later(time, q->wc_free);
    uint32_t stores = (count + 7) / 8;

    for (uint32_t i = 0; i < stores; i++) {
        espnic_mmio_burst(host->card, at + i * store, offset + i * 8, bytes + i * 8, 8);
    }
    host->stats->tx.push_bursts += stores;
    q->wc_free = at + stores * store;
    return at + (stores - 1) * store;
}

/* Lines leave their buffers at a pace, a full one as one TLP, the last one as stores of 8 bytes unless it is
 * filled up. The core goes on when the lines that have not left fit into the buffers. */
static uint64_t combine(struct host *host, struct host_txq *q, uint64_t time, uint32_t offset,
                        const uint8_t *bytes, uint32_t count)
{
    uint64_t pace = host_cost(host, host->config.general.wc_line);
    uint64_t buffered = host->config.general.wc_buffers * pace;
    uint32_t whole = host->config.general.wc_pad ? (count + 63) / 64 : count / 64;
    uint64_t at = later(time, q->wc_free);

    for (uint32_t i = 0; i < whole; i++, at += pace) {
        espnic_mmio_burst(host->card, at, offset + i * 64, bytes + (size_t)i * 64, 64);
    }
    host->stats->tx.push_bursts += whole;
    for (uint32_t i = whole * 64; i < count; i += 8) {
        espnic_mmio_burst(host->card, at, offset + i, bytes + i, 8);
        host->stats->tx.push_bursts++;
    }
    q->wc_free = count > whole * 64 ? at + pace : at;
    return q->wc_free > time + buffered ? q->wc_free - buffered : time;
}

/* Write the one new descriptor to the card. Returns when the core is done, 0 if it does not fit. */
static uint64_t push(struct host *host, uint32_t queue, uint64_t time)
{
    uint8_t window[REG_TX_PUSH_WINDOW] = { 0 };
    uint32_t offset = REG_TX_PUSH_OFFSET + queue * REG_TX_PUSH_STRIDE;
    uint32_t bytes = fill_window(host, queue, window);

    if (bytes == 0) {
        return 0;
    }
    host->stats->tx.pushed++;
    return host->config.general.wc
               ? combine(host, &host->txq[queue], time, offset, window, bytes)
               : store_one_by_one(host, &host->txq[queue], time, offset, window, bytes);
}

static void rung(struct host *host, uint32_t queue, uint64_t time)
{
    struct host_txq *q = &host->txq[queue];

    for (; q->rung != q->tail; q->rung++) {
        uint32_t entry = q->rung & (host->config.tx.ring - 1);
        struct host_slot *s = &host->slot[host->tx_slot_of[queue * host->config.tx.ring + entry]];

        s->doorbell = time;
        s->flags |= SLOT_KICKED;
        histogram_add(&host->stats->tx.host_ns, time - s->arrival);
    }
}

uint64_t host_doorbell(struct host *host, uint32_t queue, uint64_t time)
{
    struct host_txq *q = &host->txq[queue];
    uint64_t until = 0;

    if (host->s->resetting) {
        return time;
    }
    if (host->s->tx_window && q->tail - q->rung == 1) {
        until = push(host, queue, time);
    }
    rung(host, queue, time);
    if (until == 0) { /* not before what is still in buffers */
        host->stats->tx.doorbells++;
        host_write_register(host, later(time, q->wc_free), REG_TX_TAIL, queue, q->tail);
    }
    return later(until, time);
}

/* ---- completions ----------------------------------------------------------------------------------- */

static bool tx_entry_visible(const struct host *host, uint32_t queue, uint32_t index)
{
    return host_entry_visible(host, host_ring_tx_done(host, queue), host->config.tx.done_bytes,
                              offsetof(struct abi_tx_completion, flags), index,
                              host->config.tx.ring);
}

/* The number that the card has written where the ring of entries would be. */
static uint32_t tx_head(const struct host *host, uint32_t queue)
{
    uint32_t head;

    memcpy(&head, host->rings + host_ring_tx_done(host, queue), sizeof head);
    return head;
}

bool host_tx_visible(const struct host *host, uint32_t queue)
{
    const struct host_txq *q = &host->txq[queue];

    if (q->done == q->tail) {
        return false;
    }
    switch ((enum host_tx_done)host->config.tx.done) {
    case HOST_TX_DONE_HEAD: return tx_head(host, queue) != q->done;
    case HOST_TX_DONE_REPORT:
        return q->known != q->done || tx_entry_visible(host, queue, q->entries);
    default: return tx_entry_visible(host, queue, q->done);
    }
}

/* The slot of a tag, or `slots` if it is not (any more) one of ours. */
static uint32_t slot_of_tag(const struct host *host, uint64_t tag)
{
    uint32_t slot = (uint32_t)tag;

    if ((tag & TAG_OWN) == 0 || slot >= host->slots ||
        (host->slot[slot].generation & 0x7fffffff) != (tag >> 32 & 0x7fffffff) ||
        host->slot[slot].state < SLOT_POSTED) {
        return host->slots;
    }
    return slot;
}

static void tell_drop(struct host *host, uint64_t time, uint64_t tag, const char *reason)
{
    if (host->options.sinks.tx_drop != NULL) {
        host->options.sinks.tx_drop(host->options.sinks.self, time, tag, reason);
    }
}

/* Was it sent with its SA on the card? A reset may have taken the handle of one that leaves (move.c). */
static bool had_its_sa(const struct host *host, const struct host_slot *s)
{
    return s->sa != 0 && s->handle != 0 &&
           (host_sa(host, s->sa)->card == s->handle ||
            (s->use[0].frame != 0 &&
             host_frame(host, s->use[0].frame)->generation == s->use[0].generation));
}

/* The card's number of its SA is known from here on; lanes may complete out of order. */
static void note_number(struct host *host, const struct host_slot *s, uint32_t number)
{
    struct host_sa *sa = host_sa(host, s->sa);

    if ((sa->flags & SA_HOST_IN) == 0 && sa->state != SA_HOST_ADDING &&
        (!sa->numbered || (int32_t)(number - sa->u.seq_lo) > 0)) {
        sa->u.seq_lo = number;
        sa->numbered = 1;
    }
}

static void completed(struct host *host, uint32_t slot, const struct abi_tx_completion *c,
                      uint64_t time)
{
    struct host_slot *s = &host->slot[slot];

    if (c->status != ABI_TX_OK) {
        unsigned reason = c->reason < NIC_DROP_COUNT ? c->reason : 0u;

        host->stats->tx.failed += host_frames_left(s);
        host->stats->tx.failed_reason[reason] += host_frames_left(s);
        tell_drop(host, time, s->tag, nic_drop_name((enum nic_drop)reason));
    } else if (had_its_sa(host, s)) {
        host_life_sent(host, s, time);
        if (c->sequence != 0) {
            note_number(host, s, (uint32_t)c->sequence);
        }
    }
    host_frame_done(host, &s->use[0], time);
    host_frame_done(host, &s->use[1], time);
    if (c->status != ABI_TX_OK || (s->flags & SLOT_SENT) != 0) {
        host_slot_free(host, slot, time);
    } else {
        s->state = SLOT_DONE;
    }
}

static void read_entry(const struct host *host, uint32_t queue, uint32_t index,
                       struct abi_tx_completion *c)
{
    size_t bytes = host->config.tx.done_bytes;
    const uint8_t *entry =
        host->rings + host_ring_tx_done(host, queue) + (index & (host->config.tx.ring - 1)) * bytes;

    memset(c, 0, sizeof *c);
    memcpy(c, entry, bytes < sizeof *c ? bytes : sizeof *c);
}

/* An entry for each, in whatever order. */
static void take_entry(struct host *host, uint32_t queue, uint64_t time)
{
    struct abi_tx_completion c;
    uint32_t slot;

    read_entry(host, queue, host->txq[queue].done++, &c);
    slot = slot_of_tag(host, c.tag);
    if (slot != host->slots) {
        completed(host, slot, &c, time);
    }
}

/* What is new: an entry that stands for those before it, or a number. */
static void look_at_head(struct host *host, uint32_t queue)
{
    struct host_txq *q = &host->txq[queue];
    struct abi_tx_completion c;

    if (q->known != q->done) {
        return;
    }
    q->failed = false;
    if (host->config.tx.done == HOST_TX_DONE_HEAD) {
        q->known = tx_head(host, queue);
        return;
    }
    read_entry(host, queue, q->entries++, &c);
    q->known = c.head;
    q->failed = c.status != ABI_TX_OK;
    q->reason = c.reason;
}

/* In the order of the ring. Of failures an entry tells its own; from a number nothing can be seen, but a
 * frame that is complete and was not sent was dropped. */
static void take_next(struct host *host, uint32_t queue, uint64_t time)
{
    struct host_txq *q = &host->txq[queue];
    struct abi_tx_completion c = { .status = ABI_TX_OK };
    uint32_t slot;

    look_at_head(host, queue);
    slot = host->tx_slot_of[queue * host->config.tx.ring + (q->done & (host->config.tx.ring - 1))];
    q->done++;
    if (q->failed && q->done == q->known) {
        c.status = (uint32_t)ABI_TX_FAILED;
        c.reason = q->reason;
    } else if (host->config.tx.done == HOST_TX_DONE_HEAD &&
               (host->slot[slot].flags & SLOT_SENT) == 0) {
        c.status = (uint32_t)ABI_TX_FAILED;
    }
    completed(host, slot, &c, time);
}

void host_tx_take(struct host *host, uint32_t queue, uint64_t time)
{
    if (!host_tx_visible(host, queue)) {
        return; /* a reset came between */
    }
    if (host->config.tx.done == HOST_TX_DONE_EACH) {
        take_entry(host, queue, time);
    } else {
        take_next(host, queue, time);
    }
    host_unblock(host, time);
}

void host_wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    struct host *host = self;
    uint32_t slot = slot_of_tag(host, frame->tag);
    struct espnic_frame shown = *frame;
    bool own = slot != host->slots;

    if (own) {
        struct host_slot *s = &host->slot[slot];

        shown.tag = s->tag;
        host->stats->tx.sent++;
        host->stats->tx.sent_bytes += frame->length;
        histogram_add(&host->stats->tx.latency_ns, time - s->doorbell);
        s->out++;
        s->flags |= host_frames_left(s) == 0 ? (uint8_t)SLOT_SENT : 0;
        if ((s->flags & SLOT_FORWARDED) != 0 && time >= s->wire_ps) {
            histogram_add(&host->stats->forward.latency_ns, time - s->wire_ps);
        }
        if (s->state == SLOT_DONE && (s->flags & SLOT_SENT) != 0) {
            host_slot_free(host, slot, time);
        }
    } else if ((frame->tag & TAG_OWN) == 0) {
        host->stats->rx.forwarded++;
    }
    if (host->options.sinks.wire != NULL) {
        host->options.sinks.wire(host->options.sinks.self, time, port, &shown, !own);
    }
}

/* What was in the rings is gone; what had left for the wire before it counts as sent. */
void host_tx_flush(struct host *host, uint64_t time)
{
    for (uint32_t i = 0; i < host->s->slots_used; i++) {
        struct host_slot *s = &host->slot[i];

        if (s->state != SLOT_POSTED && s->state != SLOT_DONE) {
            continue;
        }
        if (s->state == SLOT_POSTED && (s->flags & SLOT_SENT) != 0 && had_its_sa(host, s)) {
            host_life_sent(host, s, time); /* its completion is lost */
        }
        host_frame_done(host, &s->use[0], time);
        host_frame_done(host, &s->use[1], time);
        if ((s->flags & SLOT_SENT) == 0) {
            host->stats->tx.lost += host_frames_left(s);
            tell_drop(host, time, s->tag, host_tx_drop_name(HOST_TX_DROP_HOST_RESET));
        }
        host_slot_free(host, i, time);
    }
    for (uint32_t q = 0; q < host->s->tx_queues; q++) {
        uint32_t reserved = host->txq[q].reserved;

        host->txq[q] = (struct host_txq){ .reserved = reserved,
                                          .poll_at = CLOCK_NEVER,
                                          .ring_by = CLOCK_NEVER };
    }
}
