#include "pcie_model/host_memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/rng.h"
#include "pcie_model/llc.h"
#include "pcie_model/lru.h"

enum {
    TLP_BOUNDARY = 4096,
    TABLE_SHIFT = 9, /* a page table has 512 entries */
    FRACTION_BITS = 32,
    BILLION = 1000000000
};

/* The configuration in cycles. */
struct latencies {
    uint64_t read, write, cross, dram, evict, remote;
    uint64_t walk, walk_cold, walk_line, hold;
    uint64_t jitter95, jitter999, spike;
    uint64_t line; /* 64 bytes at the memory's bandwidth, in 2^-32 cycles; 0: no limit */
};

struct pcie_memory {
    struct pcie_memory_config config;
    struct latencies cycles;
    unsigned page_shift;
    struct llc llc;
    struct lru iotlb;  /* pages; under way: their walks */
    struct lru tables; /* page numbers / 512; fetched in no time */
    uint64_t *credit;  /* cycles in which line credits are free again, oldest at s.credit */
    struct pcie_memory_state {
        uint64_t now; /* the last arrival */
        struct order {
            uint64_t translated; /* last read */
            uint64_t started;    /* last line written */
            uint64_t visible;    /* likewise */
            uint64_t released;   /* its credit */
        } order[PCIE_MEMORY_DOMAINS];
        uint64_t bus;          /* next turn for a line: a cycle, */
        uint64_t bus_fraction; /* and 2^-32 of one */
        uint32_t credit;       /* index of the next credit */
        uint32_t mixed;        /* there is more than one domain */
        struct rng jitter;
        uint64_t walker[PCIE_MEMORY_MAX_WALKERS]; /* free again */
        struct pcie_memory_stats stats;
    } s;
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- translation ------------------------------------------------------------------------------- */

/* Is the page's table among the last used ones? It is from now on. */
static bool table_is_cached(struct pcie_memory *m, uint64_t page)
{
    uint64_t table = page >> TABLE_SHIFT;
    uint32_t index;

    if (m->config.walk_tables == 0) {
        return false;
    }
    index = lru_find(&m->tables, table);
    if (index == LRU_NONE) {
        lru_fetch(&m->tables, table, 0);
        lru_settle(&m->tables, 0);
        return false;
    }
    lru_use(&m->tables, index);
    return true;
}

/* The cycle in which a walk for the page ends, begun when the first walker is free. It then sends on `lines` lines. */
static uint64_t walk(struct pcie_memory *m, uint64_t arrives, uint64_t page, uint64_t lines)
{
    uint64_t *first = m->s.walker;
    uint64_t start;
    uint64_t end;

    for (uint32_t i = 1; i < m->config.walkers; i++) {
        if (m->s.walker[i] < *first) {
            first = &m->s.walker[i];
        }
    }
    start = later(arrives, *first);
    m->s.stats.walker_wait += start - arrives;
    if (table_is_cached(m, page)) {
        end = start + m->cycles.walk;
    } else {
        m->s.stats.cold_walks++;
        end = start + m->cycles.walk_cold;
    }
    *first = end + lines * m->cycles.walk_line;
    return end;
}

/* The cycle in which the address is translated. One page is enough: no TLP crosses 4 KB. `lines`: of a read. */
static uint64_t translate(struct pcie_memory *m, uint64_t arrives, uint64_t address, uint64_t lines)
{
    uint64_t page = address >> m->page_shift;
    uint64_t end;
    uint32_t index;

    if (!m->config.iommu) {
        return arrives;
    }
    lru_settle(&m->iotlb, arrives);
    index = lru_find(&m->iotlb, page);
    if (index == LRU_NONE) {
        m->s.stats.iotlb_misses++;
        end = walk(m, arrives, page, lines);
        lru_fetch(&m->iotlb, page, end);
    } else if (m->iotlb.node[index].list == LRU_UNDER_WAY) {
        m->s.stats.iotlb_merged++;
        end = m->iotlb.node[index].ready;
    } else {
        m->s.stats.iotlb_hits++;
        lru_use(&m->iotlb, index);
        return arrives;
    }
    m->s.stats.translation_wait += end - arrives;
    return end;
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Turns for `lines` lines (at least 1) that arrive now; the cycle of the last one's. They are given in
 * the order of arrival, whenever the lines can use them: a request that waits for something else leaves
 * no hole in which the memory would stand still. */
static uint64_t last_turn(struct pcie_memory *m, uint64_t arrives, uint64_t lines)
{
    uint64_t line = m->cycles.line;
    uint64_t last;
    uint64_t fraction;

    if (line == 0) {
        return arrives;
    }
    if (m->s.bus < arrives) {
        m->s.bus = arrives;
        m->s.bus_fraction = 0;
    }
    fraction = m->s.bus_fraction + (lines - 1) * line;
    last = m->s.bus + (fraction >> FRACTION_BITS) + ((uint32_t)fraction != 0);
    fraction += line;
    m->s.bus += fraction >> FRACTION_BITS;
    m->s.bus_fraction = (uint32_t)fraction;
    return last;
}

/* `start` or the turn, the later. */
static uint64_t wait_for_turn(struct pcie_memory *m, uint64_t start, uint64_t turn)
{
    if (turn <= start) {
        return start;
    }
    m->s.stats.bandwidth_wait += turn - start;
    return turn;
}

/* Of each `of` parts, `at` of them: what the quantile function has risen to on a straight piece. */
static uint64_t straight(uint64_t rise, uint64_t at, uint64_t of)
{
    return rise * at / of;
}

/* How late this read is by chance; see struct pcie_memory_config. */
static uint64_t draw_jitter(struct pcie_memory *m)
{
    enum { MEDIAN = BILLION / 2, AT95 = BILLION / 100 * 95, AT999 = BILLION / 1000 * 999 };
    const struct latencies *c = &m->cycles;
    uint64_t at = rng_below(&m->s.jitter, BILLION);
    uint64_t late;

    if (at < MEDIAN) {
        return 0;
    }
    if (at >= BILLION - m->config.spike_ppb) {
        late = c->jitter999 + rng_below(&m->s.jitter, c->spike - c->jitter999 + 1);
        m->s.stats.spikes++;
    } else if (at >= AT999) {
        late = c->jitter999;
    } else if (at >= AT95) {
        late = c->jitter95 + straight(c->jitter999 - c->jitter95, at - AT95, AT999 - AT95);
    } else {
        late = straight(c->jitter95, at - MEDIAN, AT95 - MEDIAN);
    }
    m->s.stats.jitter_added += late;
    return late;
}

/* ---- requests ---------------------------------------------------------------------------------- */

struct span {
    uint64_t first;
    uint64_t lines;
    bool crosses;
};

static struct span arrive(struct pcie_memory *m, uint64_t arrives, uint64_t address,
                          uint32_t length)
{
    struct span span = { .first = address >> LLC_LINE_SHIFT };

    assert(arrives >= m->s.now);
    assert(length >= 1 && address % TLP_BOUNDARY + length <= TLP_BOUNDARY);
    m->s.now = arrives;
    span.lines = ((address + length - 1) >> LLC_LINE_SHIFT) - span.first + 1;
    span.crosses = span.lines > (length + LLC_LINE - 1) / LLC_LINE;
    m->s.stats.crossings += span.crosses;
    return span;
}

/* `translated` or the cycle `before` in which earlier writes let pass, the later. */
static uint64_t wait_for_order(struct pcie_memory *m, uint64_t translated, uint64_t before)
{
    if (before <= translated) {
        return translated;
    }
    m->s.stats.order_wait += before - translated;
    return before;
}

/* How many of the lines are read from memory. */
static uint64_t read_from_memory(struct pcie_memory *m, const struct span *span)
{
    uint64_t misses = 0;

    if (m->llc.sets == 0) {
        return span->lines;
    }
    for (uint64_t i = 0; i < span->lines; i++) {
        misses += !llc_device_reads(&m->llc, span->first + i);
    }
    m->s.stats.llc_read_misses += misses;
    m->s.stats.llc_read_hits += span->lines - misses;
    return misses;
}

/* When a read leaves translation: with translate_in_order behind the one before it. */
static uint64_t translate_in_order(struct pcie_memory *m, struct order *order, uint64_t translated)
{
    if (!m->config.translate_in_order) {
        return translated;
    }
    if (order->translated > translated) {
        m->s.stats.translation_order_wait += order->translated - translated;
    } else {
        order->translated = translated;
    }
    return order->translated;
}

uint64_t pcie_memory_read_in(struct pcie_memory *memory, unsigned domain, uint64_t arrives,
                             uint64_t address, uint32_t length)
{
    struct pcie_memory *m = memory;
    struct span span = arrive(m, arrives, address, length);
    uint64_t ready = translate(m, arrives, address, span.lines);
    uint64_t misses;

    m->s.stats.reads++;
    m->s.stats.read_lines += span.lines;
    ready = translate_in_order(m, &m->s.order[domain], ready);
    if (m->config.ordered) {
        ready = wait_for_order(m, ready, m->s.order[domain].visible);
    }
    misses = read_from_memory(m, &span);
    if (misses != 0) {
        /* the last of them is the slowest of all lines */
        ready = wait_for_turn(m, ready, last_turn(m, arrives, misses));
        ready += m->llc.sets != 0 ? m->cycles.dram : 0;
    }
    ready += m->cycles.read;
    ready += m->config.remote ? m->cycles.remote : 0;
    ready += span.crosses ? m->cycles.cross : 0;
    ready += m->config.jitter ? draw_jitter(m) : 0;
    return ready;
}

/* What a line to be written finds in the cache. */
static enum llc_write write_into_cache(struct pcie_memory *m, uint64_t line)
{
    enum llc_write found;

    if (m->llc.sets == 0) {
        return LLC_PASSED;
    }
    found = llc_device_writes(&m->llc, line);
    m->s.stats.llc_write_hits += found == LLC_UPDATED;
    m->s.stats.llc_write_misses += found != LLC_UPDATED;
    m->s.stats.llc_evictions += found == LLC_REPLACED;
    return found;
}

/* The credit that is free first. Lines of one domain give theirs back in the order in which they took them: it
 * is the one that was taken first. */
static uint64_t *next_credit(struct pcie_memory *m)
{
    uint64_t *first = &m->credit[m->s.credit];

    m->s.credit = m->s.credit + 1 == m->config.credits ? 0 : m->s.credit + 1;
    for (uint32_t i = 0; m->s.mixed && i < m->config.credits; i++) {
        first = m->credit[i] < *first ? &m->credit[i] : first;
    }
    return first;
}

static void write_line(struct pcie_memory *m, struct order *order, uint64_t arrives, uint64_t line)
{
    enum llc_write found = write_into_cache(m, line);
    uint64_t start = order->started;
    uint64_t evict = found == LLC_REPLACED ? m->cycles.evict : 0;

    if (found == LLC_REPLACED || found == LLC_PASSED) {
        start = wait_for_turn(m, start, last_turn(m, arrives, 1));
    }
    if (m->credit) {
        uint64_t *credit = next_credit(m);

        if (*credit > start) {
            m->s.stats.credit_wait += *credit - start;
            start = *credit;
        }
        order->released = later(order->released, start + m->cycles.hold + evict);
        *credit = order->released;
    }
    order->started = start;
    order->visible = later(order->visible, start + m->cycles.write + evict);
}

struct pcie_memory_written pcie_memory_write_in(struct pcie_memory *memory, unsigned domain,
                                                uint64_t arrives, uint64_t address, uint32_t length)
{
    struct pcie_memory *m = memory;
    struct order *order = &m->s.order[domain];
    struct span span = arrive(m, arrives, address, length);
    uint64_t translated = translate(m, arrives, address, 0);

    m->s.stats.writes++;
    m->s.stats.write_lines += span.lines;
    m->s.mixed |= domain != 0;
    order->started = wait_for_order(m, translated, order->started);
    for (uint64_t i = 0; i < span.lines; i++) {
        write_line(m, order, arrives, span.first + i);
    }
    return (struct pcie_memory_written){ .taken = order->started,
                                         .drained = later(order->visible, order->released) };
}

/* ---- the cache for benches --------------------------------------------------------------------- */

/* Line after the last of them; `*first` is the first. */
static uint64_t lines_end(uint64_t address, uint64_t length, uint64_t *first)
{
    *first = address >> LLC_LINE_SHIFT;
    return length == 0 ? *first : ((address + length - 1) >> LLC_LINE_SHIFT) + 1;
}

void pcie_memory_touch(struct pcie_memory *memory, uint64_t address, uint64_t length, bool writes)
{
    uint64_t line;
    uint64_t end = lines_end(address, length, &line);

    for (; memory->llc.sets != 0 && line < end; line++) {
        llc_cpu_uses(&memory->llc, line, writes);
    }
}

void pcie_memory_warm_device(struct pcie_memory *memory, uint64_t address, uint64_t length)
{
    uint64_t line;
    uint64_t end = lines_end(address, length, &line);

    for (; memory->llc.sets != 0 && line < end; line++) {
        llc_device_writes(&memory->llc, line);
    }
}

void pcie_memory_thrash(struct pcie_memory *memory)
{
    llc_clear(&memory->llc);
}

const struct pcie_memory_stats *pcie_memory_stats(const struct pcie_memory *memory)
{
    return &memory->s.stats;
}

/* ---- life -------------------------------------------------------------------------------------- */

/* 512 bits at `rate` bits per second, in 2^-32 cycles, rounded up: at most 2^32 lines are served one
 * cycle too late. */
static uint64_t line_time(const struct clock_domain *domain, uint64_t rate)
{
    clock_u128 divisor = (clock_u128)rate * domain->den;

    return (uint64_t)((((clock_u128)LLC_LINE * 8 * domain->num << FRACTION_BITS) + divisor - 1) /
                      divisor);
}

static void to_cycles(struct pcie_memory *m, const struct clock_set *clocks, unsigned domain)
{
    const struct pcie_memory_config *c = &m->config;
    struct latencies *to = &m->cycles;
    const struct {
        uint64_t ps;
        uint64_t *cycles;
    } times[] = {
        { c->read_ps, &to->read },           { c->write_ps, &to->write },
        { c->cross_ps, &to->cross },         { c->dram_ps, &to->dram },
        { c->evict_ps, &to->evict },         { c->remote_ps, &to->remote },
        { c->walk_ps, &to->walk },           { c->walk_cold_ps, &to->walk_cold },
        { c->walk_line_ps, &to->walk_line }, { c->hold_ps, &to->hold },
        { c->jitter95_ps, &to->jitter95 },   { c->jitter999_ps, &to->jitter999 },
        { c->spike_ps, &to->spike },
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        *times[i].cycles = clock_cycles_from_ps(clocks, domain, times[i].ps);
    }
    if (c->bandwidth != 0) {
        to->line = line_time(&clocks->domain[domain], c->bandwidth);
    }
}

static bool allocate(struct pcie_memory *m)
{
    const struct pcie_memory_config *c = &m->config;

    if (!llc_init(&m->llc, c->llc_bytes / LLC_LINE / c->llc_ways, c->llc_ways, c->ddio_ways)) {
        return false;
    }
    if (c->iommu && (!lru_init(&m->iotlb, c->iotlb) ||
                     (c->walk_tables != 0 && !lru_init(&m->tables, c->walk_tables)))) {
        return false;
    }
    if (c->credits != 0) {
        m->credit = calloc(c->credits, sizeof *m->credit);
        return m->credit != NULL;
    }
    return true;
}

struct pcie_memory *pcie_memory_create(const struct pcie_memory_config *config,
                                       const struct clock_set *clocks, unsigned domain, char *error,
                                       size_t error_size)
{
    struct pcie_memory *m;

    if (!pcie_memory_check(config, error, error_size)) {
        return NULL;
    }
    m = calloc(1, sizeof *m);
    if (m) {
        m->config = *config;
    }
    if (!m || !allocate(m)) {
        pcie_memory_destroy(m);
        snprintf(error, error_size, "no memory for the model of the host's memory");
        return NULL;
    }
    to_cycles(m, clocks, domain);
    m->page_shift = (unsigned)__builtin_ctzll(config->page_bytes);
    m->s.jitter = rng_stream(config->seed, 0);
    return m;
}

void pcie_memory_destroy(struct pcie_memory *memory)
{
    if (!memory) {
        return;
    }
    llc_free(&memory->llc);
    lru_free(&memory->iotlb);
    lru_free(&memory->tables);
    free(memory->credit);
    free(memory);
}

void pcie_memory_register_state(struct pcie_memory *memory, struct snapshot *snap)
{
    struct pcie_memory *m = memory;

    snapshot_fixed(snap, "pcie_memory.state", &m->s, sizeof m->s);
    llc_register_state(&m->llc, snap);
    if (m->iotlb.node) {
        lru_register_state(&m->iotlb, snap, "pcie_memory.iotlb");
    }
    if (m->tables.node) {
        lru_register_state(&m->tables, snap, "pcie_memory.tables");
    }
    if (m->credit) {
        snapshot_fixed(snap, "pcie_memory.credit", m->credit,
                       m->config.credits * sizeof *m->credit);
    }
}
