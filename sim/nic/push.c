/* push: descriptors that the host writes to the card, with or without the data of their packets (TX_PUSH; mlx5
 * calls it BlueFlame).
 *
 * A window a queue, in which the pieces of a descriptor are put together: bursts of a write-combining buffer, or
 * stores of 8 bytes, in any order. With the last of them it is posted, as by a doorbell. If everything before it
 * has been asked for, and there is place (`tx_push` of them, one of `tx_prefetch`, `tx_inline` bytes for its data),
 * it goes to its place among the descriptors of the queue and need not be read. Else it is read from the ring,
 * where it is as well.
 * What makes no descriptor is counted and forgotten: nothing is posted by it. */
#include "nic/card.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { WORD = 8, DESCRIPTOR = sizeof(struct abi_tx_descriptor), DOORBELL = DESCRIPTOR / WORD - 1 };

static struct nic_ring_stats *stats(struct espnic *card)
{
    return &card->stats.rings;
}

static void refused(struct espnic *card, uint64_t *reason)
{
    const struct nic_ring_stats *s = &card->stats.rings;

    (*reason)++;
    reg_set(&card->registers, REG_CNT_PUSH_REFUSED, 0,
            s->push_full + s->push_behind + s->push_long);
    reg_set(&card->registers, REG_CNT_PUSH_BAD, 0, s->push_bad + s->push_again);
}

/* ---- putting the pieces together --------------------------------------------------------------------------- */

static bool has(const struct nic_push *p, uint32_t word)
{
    return p->have[word / 64] >> (word % 64) & 1;
}

static bool has_all(const struct nic_push *p, uint32_t words)
{
    for (uint32_t w = 0; w < words; w++) {
        if (!has(p, w)) {
            return false;
        }
    }
    return true;
}

static void start_anew(struct nic_push *p)
{
    memset(p->have, 0, sizeof p->have);
}

/* What was there before did not become a descriptor. */
static void put(struct espnic *card, struct nic_push *p, uint32_t at, const uint8_t *bytes,
                uint32_t count)
{
    for (uint32_t i = 0; i < count; i += WORD) {
        if (has(p, (at + i) / WORD)) {
            refused(card, &stats(card)->push_again);
            start_anew(p);
            break;
        }
    }
    memcpy(p->bytes + at, bytes, count);
    for (uint32_t i = 0; i < count; i += WORD) {
        p->have[(at + i) / WORD / 64] |= 1ull << ((at + i) / WORD % 64);
    }
}

/* ---- a descriptor -------------------------------------------------------------------------------------------- */

static uint32_t context_bytes(const struct espnic *card)
{
    return card->dma.tx_context ? (uint32_t)card->config.command.context : 0;
}

static bool possible(const struct espnic *card, const struct nic_ring *ring, uint64_t push)
{
    uint32_t tail = (uint32_t)push;
    uint32_t bytes = push >> ABI_PUSH_BYTES_LSB & 0xffff;

    return bytes >= DESCRIPTOR + context_bytes(card) && bytes <= REG_TX_PUSH_WINDOW &&
           tail - ring->posted - 1 < ring->size && tail - ring->completed <= ring->size;
}

/* May it go to its place? If not, why. */
static uint64_t *reason(struct espnic *card, const struct nic_ring *ring, uint32_t tail,
                        uint32_t data)
{
    const struct nic_dma_config *c = &card->config.dma;

    if (ring->requested != tail - 1 || card->faults.s.stopped) {
        return &stats(card)->push_behind;
    }
    if (data > c->tx_inline) {
        return &stats(card)->push_long;
    }
    if (ring->pushed >= c->tx_push || ring->requested - ring->taken >= c->tx_prefetch) {
        return &stats(card)->push_full;
    }
    return NULL;
}

static void take(struct espnic *card, unsigned q, const struct nic_push *p, uint64_t push,
                 uint64_t now)
{
    struct nic_ring *ring = &card->dma.tx[q];
    uint32_t tail = (uint32_t)push;
    uint32_t data =
        (uint32_t)(push >> ABI_PUSH_BYTES_LSB & 0xffff) - DESCRIPTOR - context_bytes(card);
    uint64_t *why = reason(card, ring, tail, data);

    if (why) {
        refused(card, why);
    } else {
        nic_tx_place(card, q, tail - 1, p->bytes, data);
        card->dma.tx_extra[nic_tx_index(card, q, tail - 1)].pushed = true;
        ring->pushed++;
        ring->requested = tail;
        stats(card)->tx_pushed++;
        nic_tx_fetched(card, q, ring->fetched);
        nic_tx_expect(card, q, tail - 1, 1, now);
    }
    nic_tx_posted(card, q, tail, now);
}

/* The doorbell says how much there is; the rest may come before it or after it. */
static void look(struct espnic *card, unsigned q, uint64_t now)
{
    struct nic_push *p = &card->dma.push[q];
    uint64_t push;

    if (!has(p, DOORBELL)) {
        return;
    }
    memcpy(&push, p->bytes + DOORBELL * WORD, sizeof push);
    if (!possible(card, &card->dma.tx[q], push)) {
        refused(card, &stats(card)->push_bad);
        start_anew(p);
    } else if (has_all(p, (uint32_t)((push >> ABI_PUSH_BYTES_LSB & 0xffff) + WORD - 1) / WORD)) {
        start_anew(p);
        take(card, q, p, push, now);
    }
}

/* ---- the window ------------------------------------------------------------------------------------------------ */

/* Bytes of the access, wherever they are. */
static const uint8_t *content(const struct espnic *card, const struct nic_mmio *m)
{
    return m->bytes > WORD ? nic_pool_at(&card->lines, (uint32_t)m->value)
                           : (const uint8_t *)&m->value;
}

bool nic_push_written(struct espnic *card, const struct nic_mmio *m, uint64_t now)
{
    uint32_t inside = m->offset - REG_TX_PUSH_OFFSET;
    uint32_t q = inside / REG_TX_PUSH_STRIDE;
    uint32_t at = inside % REG_TX_PUSH_STRIDE;

    if (!card->dma.push || m->offset < REG_TX_PUSH_OFFSET || q >= REG_TX_PUSH_ELEMENTS) {
        return false;
    }
    if (q >= card->config.dma.tx_queues || at % WORD || m->bytes % WORD || !m->bytes ||
        at + m->bytes > REG_TX_PUSH_WINDOW) {
        refused(card, &stats(card)->push_bad);
        return true;
    }
    put(card, &card->dma.push[q], at, content(card, m), m->bytes);
    look(card, q, now);
    return true;
}

/* Its reads have failed from `fetched` on: what the host has written behind them is read from the ring, too. */
void nic_push_forget(struct espnic *card, unsigned q)
{
    struct nic_ring *ring = &card->dma.tx[q];

    for (uint32_t i = ring->fetched; card->dma.tx_extra && i != ring->requested; i++) {
        struct nic_extra *e = &card->dma.tx_extra[nic_tx_index(card, q, i)];

        ring->pushed -= e->pushed;
        e->pushed = false;
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

void nic_push_init(struct espnic *card)
{
    const struct nic_dma_config *c = &card->config.dma;
    size_t places = (size_t)c->tx_queues * c->tx_prefetch;

    nic_pool_init(&card->lines, 64);
    if (c->tx_inline || c->tx_push) {
        card->dma.tx_extra = must(calloc(places, sizeof *card->dma.tx_extra));
    }
    if (c->tx_inline) {
        card->dma.tx_inline = must(calloc(places, c->tx_inline));
    }
    if (c->tx_push) {
        card->dma.push = must(calloc(c->tx_queues, sizeof *card->dma.push));
    }
}

void nic_push_free(struct espnic *card)
{
    nic_pool_destroy(&card->lines);
    free(card->dma.tx_extra);
    free(card->dma.tx_inline);
    free(card->dma.push);
}

void nic_push_register_state(struct espnic *card, struct snapshot *snap)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_dma *d = &card->dma;
    size_t places = (size_t)c->tx_queues * c->tx_prefetch;

    nic_pool_snapshot(&card->lines, snap, "card.lines");
    if (d->tx_extra) {
        snapshot_fixed(snap, "dma.tx_extra", d->tx_extra, places * sizeof *d->tx_extra);
    }
    if (d->tx_inline) {
        snapshot_fixed(snap, "dma.tx_inline", d->tx_inline, places * c->tx_inline);
    }
    if (d->push) {
        snapshot_fixed(snap, "dma.push", d->push, c->tx_queues * sizeof *d->push);
    }
}
