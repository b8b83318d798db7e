/* sa_memory: the cache of SA contexts and what is behind it.
 *
 * Modelled: hits and misses of the cache (sa_table/cache), MSHRs with merging, a context of `card.sa.context`
 * bytes in lines, of which a packet needs those of its first `context_used` bytes; each line fetched over the PCIe
 * link or from card memory (latency and bandwidth, requests served in order), and `miss_time` for what the card does
 * beside; write-back of dirty victims, at most as many waiting as there are MSHRs. Every packet of an SA with numbers
 * dirties the lines of the first `context_written` bytes. ADD writes the whole context, and is completed behind that.
 * Prefetch: of a transmit descriptor's SA when its payload is read, or when descriptors come from the ring; of a
 * received packet's when the parser has passed it on. A prefetch that finds no MSHR, no room for its request or no
 * room in its queue is given up; one starts in a cycle. Pinned: the contexts of the first places of the table.
 * `mshrs_tx` MSHRs are for packets to send alone: without them a host that sends on what it receives can lose what
 * has been decrypted, as received packets take every MSHR that comes free.
 * Simplified: ADD and UPDATE leave the cache as it is, and UPDATE costs no transfer; evictions of contexts that
 * packets in flight use are possible and cost a write-back and a miss more; their state is never lost, since it is
 * kept in sa_table. The look-up before a prefetch of a received packet
 * has a port of its own and takes no time. */
#include "nic/card.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { ONE_TO_SPARE = 1 /* requests: for a victim */ };

static bool on_chip(const struct espnic *card)
{
    return card->config.sa.storage == NIC_STORAGE_ON_CHIP ||
           nic_is_ideal(&card->config, NIC_IDEAL_SA_MEMORY);
}

static bool in_host(const struct espnic *card)
{
    return card->config.sa.storage == NIC_STORAGE_HOST_CACHE;
}

static uint64_t line_of(const struct espnic *card, uint32_t sa, uint32_t part)
{
    return (uint64_t)sa * card->memory.lines + part;
}

/* The last line of a context may be shorter. */
static uint32_t line_length(const struct espnic *card, uint64_t line)
{
    uint64_t before = line % card->memory.lines * card->memory.line_bytes;
    uint64_t rest = card->config.sa.context_bytes - before;

    return (uint32_t)(rest < card->memory.line_bytes ? rest : card->memory.line_bytes);
}

static uint64_t line_address(const struct espnic *card, uint64_t line)
{
    return card->config.sa.host_base + line / card->memory.lines * card->config.sa.context_bytes +
           line % card->memory.lines * card->memory.line_bytes;
}

/* ---- fetches -------------------------------------------------------------------------------------- */

/* Cycles of a transfer to or from card memory, which takes one at a time. */
static uint64_t transfer_cycles(const struct espnic *card, uint64_t line)
{
    clock_u128 bits = (clock_u128)line_length(card, line) * 8;
    clock_u128 rate = card->config.sa.memory_rate;

    return clock_cycles_from_ps(&card->clocks, card->core, /* rounded up twice is rounded up once */
                                (uint64_t)((bits * 1000000000000ull + rate - 1) / rate));
}

/* What has been fetched is there at `cycle`, and of use after the card's own part of a miss: the same for all, so they
 * come in order. */
static void fill_later(struct espnic *card, uint32_t mshr, uint64_t cycle)
{
    struct nic_memory *m = &card->memory;
    uint32_t at = m->s.fill_tail++ & (m->ring - 1);

    m->fill_mshr[at] = mshr;
    m->fill_cycle[at] =
        cycle + clock_cycles_from_ps(&card->clocks, card->core, card->config.sa.miss_time);
    sched_wake(&card->sched, m->block, m->fill_cycle[at]);
}

static void ask_card_memory(struct espnic *card, uint64_t line, uint32_t mshr, uint64_t now)
{
    struct nic_memory *m = &card->memory;
    uint64_t transfer = transfer_cycles(card, line);
    uint64_t start = now > m->s.card_free ? now : m->s.card_free;

    m->s.card_free = start + (transfer ? transfer : 1);
    fill_later(card, mshr,
               m->s.card_free +
                   clock_cycles_from_ps(&card->clocks, card->core, card->config.sa.memory_latency));
}

static void ask_host_memory(struct espnic *card, uint64_t line, uint32_t mshr, uint64_t now)
{
    struct pcie_request r = { .op = PCIE_READ, .ref = mshr, .ref2 = NIC_FOR_CONTEXT };

    r.address = line_address(card, line);
    r.length = line_length(card, line);
    nic_request(card, card->memory.client, now, &r);
}

/* To host memory. */
static void write_line(struct espnic *card, uint64_t line, uint64_t now)
{
    struct pcie_request r = { .op = PCIE_WRITE, .ref2 = NIC_FOR_CONTEXT_BACK };

    r.address = line_address(card, line);
    r.length = line_length(card, line);
    nic_request(card, card->memory.client, now, &r);
}

/* A miss, or a prefetch, has begun. */
static void fetch_line(struct espnic *card, uint64_t line, uint32_t mshr, unsigned dir,
                       uint64_t now)
{
    struct nic_memory *m = &card->memory;

    m->mshr_dir[mshr] = (uint8_t)dir;
    m->s.received += dir == NIC_RX;
    m->mshr_ticket[mshr] = ++m->s.ticket;
    m->mshr_done[mshr] = 0;
    if (line / m->lines <= card->config.sa.pinned) {
        sa_cache_pin(&card->cache, line);
    }
    if (in_host(card)) {
        ask_host_memory(card, line, mshr, now);
    } else {
        ask_card_memory(card, line, mshr, now);
    }
}

/* Is there room for so many fetches, with what their fills may push out? */
static bool room_for(struct espnic *card, uint32_t fetches, unsigned dir, uint64_t now)
{
    const struct nic_memory *m = &card->memory;
    uint32_t mshrs = card->cache.config.mshrs;

    if (dir == NIC_RX && m->s.received + fetches + card->config.sa.mshrs_tx > mshrs) {
        return false;
    }
    return card->cache.state.mshrs_used + fetches <= mshrs &&
           (!in_host(card) || (m->s.back_tail - m->s.back_head + fetches <= mshrs &&
                               nic_request_room(card, m->client, now, fetches + ONE_TO_SPARE)));
}

bool nic_memory_can_ask(struct espnic *card, const struct nic_packet *p)
{
    uint32_t fetches = 0;

    if (on_chip(card)) {
        return true;
    }
    for (uint32_t i = 0; i < card->memory.needed; i++) {
        switch (sa_cache_foresee(&card->cache, line_of(card, p->sa, i))) {
        case SA_CACHE_HIT:
        case SA_CACHE_MISS_MERGED: break;
        case SA_CACHE_MISS_NEW: fetches++; break;
        case SA_CACHE_NO_MSHR: return false;
        }
    }
    return fetches == 0 || room_for(card, fetches, p->dir, card->sched.now_cycle);
}

void nic_memory_ask(struct espnic *card, struct nic_packet *p, uint64_t cycle, bool write)
{
    struct nic_memory *m = &card->memory;

    p->mshr = 0;
    if (on_chip(card)) {
        return;
    }
    for (uint32_t i = 0; i < m->needed; i++) {
        uint64_t line = line_of(card, p->sa, i);
        struct sa_cache_access access =
            sa_cache_access(&card->cache, line, write && i < m->written);

        if (access.result == SA_CACHE_HIT) {
            continue;
        }
        if (access.result == SA_CACHE_MISS_NEW) {
            fetch_line(card, line, access.mshr, p->dir, cycle);
        }
        p->mshr = access.mshr + 1;
    }
    p->mshr_ticket = m->s.ticket;
    if (p->mshr) {
        card->stats.context_misses++;
    } else {
        card->stats.context_hits++;
    }
}

/* Does a fetch that the packet waits for go on in this MSHR? Those that begin later have later tickets. */
static bool is_pending(const struct nic_memory *m, const struct nic_packet *p, uint32_t mshr)
{
    return !m->mshr_done[mshr] && m->mshr_ticket[mshr] && m->mshr_ticket[mshr] <= p->mshr_ticket;
}

/* Another line of the packet's context that is under way: its MSHR + 1, 0: none. */
static uint32_t next_pending(const struct espnic *card, const struct nic_packet *p)
{
    const struct nic_memory *m = &card->memory;
    uint64_t first = line_of(card, p->sa, 0);

    for (uint32_t i = 0; m->needed > 1 && i < card->cache.config.mshrs; i++) {
        if (is_pending(m, p, i) && card->cache.mshr[i].id >= first &&
            card->cache.mshr[i].id < first + m->needed) {
            return i + 1;
        }
    }
    return 0;
}

bool nic_memory_there(const struct espnic *card, struct nic_packet *p)
{
    while (p->mshr) {
        if (is_pending(&card->memory, p, p->mshr - 1)) {
            return false;
        }
        p->mshr = next_pending(card, p);
    }
    return true;
}

void nic_memory_forget(struct espnic *card, uint32_t sa)
{
    if (card->config.sa.storage == NIC_STORAGE_ON_CHIP) {
        return;
    }
    for (uint32_t i = 0; i < card->memory.lines; i++) {
        sa_cache_invalidate(&card->cache, line_of(card, sa, i));
    }
}

/* ---- prefetches ------------------------------------------------------------------------------------ */

/* SAs whose contexts are fetched ahead. The handle says if it is still the same SA when its turn comes. */
static void queue_prefetch(struct espnic *card, unsigned queue, uint64_t handle, uint64_t cycle)
{
    struct nic_memory *m = &card->memory;
    struct nic_prefetch_queue *q = &m->s.prefetch[queue];

    if (q->tail - q->head == NIC_PREFETCH_QUEUE) {
        card->stats.prefetch_dropped++;
        return;
    }
    q->handle[q->tail % NIC_PREFETCH_QUEUE] = handle;
    q->cycle[q->tail++ % NIC_PREFETCH_QUEUE] = cycle;
    sched_wake(&card->sched, m->block, cycle);
}

void nic_memory_expect_tx(struct espnic *card, const struct abi_tx_descriptor *d, uint64_t now)
{
    if (on_chip(card)) {
        return;
    }
    if (d->handle) {
        queue_prefetch(card, NIC_TX, d->handle, now + 1);
    }
    if (d->tunnel_handle) {
        queue_prefetch(card, NIC_TX, d->tunnel_handle, now + 1);
    }
}

void nic_memory_expect_rx(struct espnic *card, const struct nic_packet *p, uint64_t cycle)
{
    struct esp_view view = { .version = p->version, .l3 = p->l3 };
    const uint8_t *header = nic_bytes(card, p) + p->bounds.ipsec;
    struct sa_key key = { .op = p->kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP };
    struct esp_address src;
    uint32_t sa;

    if (on_chip(card) || p->bypass || !card->offload_on) {
        return;
    }
    key.spi = esp_get32(header + (key.op == ESP_OP_AH ? 4 : 0));
    esp_view_addresses(nic_bytes(card, p), &view, &src, &key.dst);
    sa = sa_table_probe(&card->table, &key);
    if (sa) {
        queue_prefetch(card, NIC_RX, sa_table_handle(&card->table, sa), cycle);
    }
}

static void prefetch(struct espnic *card, uint64_t handle, unsigned dir, uint64_t now)
{
    uint32_t sa = sa_table_peek(&card->table, handle);

    if (!sa) {
        return; /* deleted meanwhile, or a handle that names none */
    }
    for (uint32_t i = 0; i < card->memory.needed; i++) {
        uint64_t line = line_of(card, sa, i);
        bool fetches = sa_cache_foresee(&card->cache, line) == SA_CACHE_MISS_NEW;
        struct sa_cache_access access;

        if (fetches && !room_for(card, 1, dir, now)) {
            card->stats.prefetch_dropped++;
            return;
        }
        access = sa_cache_prefetch(&card->cache, line);
        if (access.result == SA_CACHE_MISS_NEW) {
            fetch_line(card, line, access.mshr, dir, now);
        }
    }
}

/* One a cycle, of those whose time has come; RX first. */
static void run_prefetch(struct espnic *card, uint64_t now)
{
    uint64_t next = CLOCK_NEVER;
    bool done = false;

    for (unsigned i = 0; i < 2; i++) {
        struct nic_prefetch_queue *q = &card->memory.s.prefetch[i];

        if (!done && q->head != q->tail && q->cycle[q->head % NIC_PREFETCH_QUEUE] <= now) {
            prefetch(card, q->handle[q->head++ % NIC_PREFETCH_QUEUE], i, now);
            done = true;
        }
        if (q->head != q->tail && q->cycle[q->head % NIC_PREFETCH_QUEUE] < next) {
            next = q->cycle[q->head % NIC_PREFETCH_QUEUE];
        }
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, card->memory.block, next > now ? next : now + 1);
    }
}

/* ---- contexts of added SAs ------------------------------------------------------------------------- */

uint64_t nic_memory_store(struct espnic *card, uint32_t sa, uint32_t slot, uint64_t now)
{
    struct nic_memory *m = &card->memory;

    if (on_chip(card)) {
        return now;
    }
    card->stats.context_stores++;
    if (in_host(card)) {
        m->store[m->s.store_tail++ & (m->store_ring - 1)] = (struct nic_stored){ sa, slot };
        sched_wake(&card->sched, m->block, now + 1);
        return CLOCK_NEVER;
    }
    for (uint32_t i = 0; i < m->lines; i++) {
        m->s.card_free = (m->s.card_free > now ? m->s.card_free : now) +
                         transfer_cycles(card, line_of(card, sa, i));
    }
    return m->s.card_free;
}

/* Lines of added SAs leave as the request queue has room, beside what a victim needs. */
static void store(struct espnic *card, uint64_t now)
{
    struct nic_memory *m = &card->memory;

    while (m->s.store_head != m->s.store_tail &&
           nic_request_room(card, m->client, now, 1 + ONE_TO_SPARE)) {
        const struct nic_stored *first = &m->store[m->s.store_head & (m->store_ring - 1)];

        write_line(card, line_of(card, first->sa, m->s.store_line), now);
        if (++m->s.store_line == m->lines) {
            nic_command_stored(card, first->slot, now);
            m->s.store_line = 0;
            m->s.store_head++;
        }
    }
}

/* ---- fills and victims ------------------------------------------------------------------------------- */

/* Dirty victims go back to host memory when the request queue has room. */
static void write_back(struct espnic *card, uint64_t now)
{
    struct nic_memory *m = &card->memory;

    while (m->s.back_head != m->s.back_tail && nic_request_room(card, m->client, now, 1)) {
        write_line(card, m->back[m->s.back_head++ & (m->back_ring - 1)], now);
    }
}

/* An MSHR, room for a request, or a context may have become free: who waits looks again. */
static void wake_waiting(struct espnic *card, uint64_t now)
{
    for (unsigned l = 0; l < card->config.general.lanes; l++) {
        const struct nic_lane *lane = &card->lane[l];
        const struct stage *stages[] = { &lane->wait, &lane->tx_wait, &lane->lookup, &lane->fetch };

        for (unsigned i = 0; i < sizeof stages / sizeof *stages; i++) {
            sched_wake(&card->sched, stages[i]->block, now + 1);
        }
    }
}

/* The line is there: whoever waits for it or for an MSHR looks again. */
static void fill(struct espnic *card, uint32_t mshr, uint64_t now)
{
    struct nic_memory *m = &card->memory;
    struct sa_cache_fill f = sa_cache_fill(&card->cache, mshr);

    m->mshr_done[mshr] = 1;
    m->s.received -= m->mshr_dir[mshr] == NIC_RX;
    if (f.dirty && in_host(card)) {
        m->back[m->s.back_tail++ & (m->back_ring - 1)] = f.victim;
        write_back(card, now);
    } else if (f.dirty) {
        m->s.card_free =
            (m->s.card_free > now ? m->s.card_free : now) + transfer_cycles(card, f.victim);
    }
    wake_waiting(card, now);
}

static void wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    struct nic_memory *m = &card->memory;
    struct channel *answers = card->answer[m->client];

    write_back(card, now);
    wake_waiting(card, now);
    while (m->s.fill_head != m->s.fill_tail &&
           m->fill_cycle[m->s.fill_head & (m->ring - 1)] <= now) {
        fill(card, m->fill_mshr[m->s.fill_head++ & (m->ring - 1)], now);
    }
    if (m->s.fill_head != m->s.fill_tail) {
        sched_wake(&card->sched, m->block, m->fill_cycle[m->s.fill_head & (m->ring - 1)]);
    }
    while (channel_next_visible(answers) <= now) {
        uint32_t index = channel_head(answers)->item;
        const struct pcie_request *r = pcie_request_at(card->link, index);

        if (!nic_read_again(card, m->client, index) && (r->ref2 & 0xff) == NIC_FOR_CONTEXT) {
            if (card->config.sa.miss_time) {
                fill_later(card, r->ref, now);
            } else {
                fill(card, r->ref, now);
            }
        }
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    nic_ask_again(card, m->client, now);
    store(card, now);
    run_prefetch(card, now);
    if (channel_head(answers)) {
        sched_wake(&card->sched, m->block, channel_next_visible(answers));
    }
}

void nic_memory_init(struct espnic *card)
{
    struct nic_memory *m = &card->memory;
    uint32_t mshrs = card->cache.config.mshrs;
    uint64_t line = card->cache.config.line_bytes;

    assert(mshrs > 0);
    m->line_bytes = (uint32_t)line;
    m->lines = (uint32_t)((card->config.sa.context_bytes + line - 1) / line);
    m->needed = nic_context_lines(&card->config, false);
    m->written = nic_context_lines(&card->config, true);
    m->block = sched_add_block(&card->sched, "sa_memory", card->core, wake, card);
    m->ring = nic_power_of_two(mshrs + 1);
    m->back_ring = nic_power_of_two(2 * mshrs); /* those that wait, and one for each fetch */
    m->store_ring = nic_power_of_two(card->config.command.depth * NIC_MAX_NODES);
    m->store = must(calloc(m->store_ring, sizeof *m->store));
    m->back = must(calloc(m->back_ring, sizeof *m->back));
    m->mshr_ticket = must(calloc(mshrs, sizeof *m->mshr_ticket));
    m->mshr_done = must(calloc(mshrs, sizeof *m->mshr_done));
    m->mshr_dir = must(calloc(mshrs, sizeof *m->mshr_dir));
    m->fill_cycle = must(calloc(m->ring, sizeof *m->fill_cycle));
    m->fill_mshr = must(calloc(m->ring, sizeof *m->fill_mshr));
}
