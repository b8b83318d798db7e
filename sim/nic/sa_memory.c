/* sa_memory: the cache of SA contexts and what is behind it.
 *
 * Modelled: hits and misses of the cache (sa_table/cache), MSHRs with merging, a context of
 * `card.sa.context` bytes fetched over the PCIe link or from card memory (latency and bandwidth, requests
 * served in order), write-back of dirty victims. Every packet of an SA with numbers dirties its
 * context.
 * Simplified: a context is one line. Evictions of contexts that packets in flight use are possible and
 * cost a write-back and a miss more; their state is never lost, since it is kept in sa_table. */
#include "nic/card.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

static bool on_chip(const struct espnic *card)
{
    return card->config.sa.storage == NIC_STORAGE_ON_CHIP ||
           nic_is_ideal(&card->config, NIC_IDEAL_SA_MEMORY);
}

bool nic_memory_can_ask(struct espnic *card, const struct nic_packet *p)
{
    bool need_request = card->config.sa.storage == NIC_STORAGE_HOST_CACHE;

    if (on_chip(card) || sa_cache_present(&card->cache, p->sa)) {
        return true;
    }
    if (need_request && !nic_request_room(card, card->memory.client, card->sched.now_cycle, 2)) {
        return false;
    }
    return card->cache.state.mshrs_used < card->cache.config.mshrs;
}

static void ask_card_memory(struct espnic *card, uint32_t mshr, uint64_t now)
{
    struct nic_memory *m = &card->memory;
    const struct nic_sa_config *c = &card->config.sa;
    uint64_t bits = c->context * 8;
    uint64_t transfer =
        clock_cycles_from_ps(&card->clocks, card->core,
                             (uint64_t)((clock_u128)bits * 1000000000000ull / c->memory_rate));
    uint64_t start = now > m->s.card_free ? now : m->s.card_free;
    uint32_t at = m->s.fill_tail++ % m->ring;

    m->s.card_free = start + (transfer ? transfer : 1);
    m->fill_mshr[at] = mshr;
    m->fill_cycle[at] =
        m->s.card_free + clock_cycles_from_ps(&card->clocks, card->core, c->memory_latency);
    sched_wake(&card->sched, m->block, m->fill_cycle[at]);
}

static void ask_host_memory(struct espnic *card, const struct nic_packet *p, uint32_t mshr,
                            uint64_t now)
{
    struct pcie_request r = { .op = PCIE_READ, .ref = mshr, .ref2 = NIC_FOR_CONTEXT };

    r.address = card->config.sa.host_base + p->sa * card->config.sa.context;
    r.length = (uint32_t)card->config.sa.context;
    nic_request(card, card->memory.client, now, &r);
}

void nic_memory_ask(struct espnic *card, struct nic_packet *p, uint64_t cycle, bool write)
{
    struct nic_memory *m = &card->memory;
    struct sa_cache_access access;

    p->mshr = 0;
    if (on_chip(card)) {
        return;
    }
    access = sa_cache_access(&card->cache, p->sa, write);
    if (access.result == SA_CACHE_HIT) {
        card->stats.context_hits++;
        return;
    }
    card->stats.context_misses++;
    if (access.result == SA_CACHE_MISS_NEW) {
        m->mshr_ticket[access.mshr] = ++m->s.ticket;
        m->mshr_done[access.mshr] = 0;
        if (card->config.sa.storage == NIC_STORAGE_HOST_CACHE) {
            ask_host_memory(card, p, access.mshr, cycle);
        } else {
            ask_card_memory(card, access.mshr, cycle);
        }
    }
    p->mshr = access.mshr + 1;
    p->mshr_ticket = m->mshr_ticket[access.mshr];
}

bool nic_memory_there(const struct espnic *card, const struct nic_packet *p)
{
    const struct nic_memory *m = &card->memory;

    return !p->mshr || m->mshr_ticket[p->mshr - 1] != p->mshr_ticket || m->mshr_done[p->mshr - 1];
}

/* Dirty victims go back to host memory when the request queue has room. */
static void write_back(struct espnic *card, uint64_t now)
{
    struct nic_memory *m = &card->memory;

    while (m->s.backs && nic_request_room(card, m->client, now, 1)) {
        struct pcie_request r = { .op = PCIE_WRITE, .ref2 = NIC_FOR_CONTEXT_BACK };

        r.address = card->config.sa.host_base + m->s.victim * card->config.sa.context;
        r.length = (uint32_t)card->config.sa.context;
        nic_request(card, m->client, now, &r);
        m->s.backs--;
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
    struct sa_cache_fill f = sa_cache_fill(&card->cache, mshr);

    card->memory.mshr_done[mshr] = 1;
    if (f.evicted && f.dirty && card->config.sa.storage == NIC_STORAGE_HOST_CACHE) {
        card->memory.s.backs++;
        card->memory.s.victim = f.victim;
        write_back(card, now);
    } else if (f.evicted && f.dirty) {
        uint64_t ps = (uint64_t)((clock_u128)card->config.sa.context * 8 * 1000000000000ull /
                                 card->config.sa.memory_rate);

        card->memory.s.card_free =
            (card->memory.s.card_free > now ? card->memory.s.card_free : now) +
            clock_cycles_from_ps(&card->clocks, card->core, ps);
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
    while (m->s.fill_head != m->s.fill_tail && m->fill_cycle[m->s.fill_head % m->ring] <= now) {
        fill(card, m->fill_mshr[m->s.fill_head++ % m->ring], now);
    }
    if (m->s.fill_head != m->s.fill_tail) {
        sched_wake(&card->sched, m->block, m->fill_cycle[m->s.fill_head % m->ring]);
    }
    while (channel_next_visible(answers) <= now) {
        uint32_t index = channel_head(answers)->item;
        const struct pcie_request *r = pcie_request_at(card->link, index);

        if (!nic_read_again(card, m->client, index) && (r->ref2 & 0xff) == NIC_FOR_CONTEXT) {
            fill(card, r->ref, now);
        }
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    nic_ask_again(card, m->client, now);
    if (channel_head(answers)) {
        sched_wake(&card->sched, m->block, channel_next_visible(answers));
    }
}

void nic_memory_init(struct espnic *card)
{
    struct nic_memory *m = &card->memory;
    uint32_t mshrs = card->config.cache.mshrs;

    m->block = sched_add_block(&card->sched, "sa_memory", card->core, wake, card);
    m->ring = mshrs + 1;
    m->mshr_ticket = must(calloc(mshrs, sizeof *m->mshr_ticket));
    m->mshr_done = must(calloc(mshrs, sizeof *m->mshr_done));
    m->fill_cycle = must(calloc(m->ring, sizeof *m->fill_cycle));
    m->fill_mshr = must(calloc(m->ring, sizeof *m->fill_mshr));
}
