#include "host_memory_twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"

typedef unsigned __int128 wide;

#define NO_LINE UINT32_MAX

/* Counts up; a list that is full ends the test. */
static unsigned next(unsigned *used)
{
    if (*used == TWIN_LIST) {
        fputs("host_memory_twin: a list is too short for this test\n", stderr);
        abort();
    }
    return (*used)++;
}

/* ps in cycles, rounded up */
static uint64_t cycles(const struct twin *t, uint64_t ps)
{
    wide unit = (wide)1000000000000u * t->hz_den;

    return (uint64_t)(((wide)ps * t->hz_num + unit - 1) / unit);
}

void twin_init(struct twin *twin, const struct pcie_memory_config *config, uint64_t hz_num,
               uint64_t hz_den)
{
    memset(twin, 0, sizeof *twin);
    twin->config = *config;
    twin->hz_num = hz_num;
    twin->hz_den = hz_den;
}

/* ---- translation ------------------------------------------------------------------------------- */

/* Is `key` among the `most` different numbers that stand last in the list? */
static bool among_last(const uint64_t *list, unsigned used, unsigned most, uint64_t key)
{
    static uint64_t seen[TWIN_LIST];
    unsigned different = 0;

    for (unsigned i = used; i-- > 0 && different < most;) {
        bool again = false;

        if (list[i] == key) {
            return true;
        }
        for (unsigned j = 0; j < different; j++) {
            again = again || seen[j] == list[i];
        }
        if (!again) {
            seen[different++] = list[i];
        }
    }
    return false;
}

static bool table_cached(const struct twin *t, uint64_t page)
{
    static uint64_t table[TWIN_LIST];

    for (unsigned i = 0; i < t->walks; i++) {
        table[i] = t->walk[i].page / 512;
    }
    return among_last(table, t->walks, t->config.walk_tables, page / 512);
}

/* Walks over at `cycle` enter the IO-TLB, the one that ended first before the others. */
static void enter_pages(struct twin *t, uint64_t cycle)
{
    for (;;) {
        struct twin_walk *first = NULL;

        for (unsigned i = 0; i < t->walks; i++) {
            struct twin_walk *w = &t->walk[i];

            if (!w->over && w->end <= cycle && (!first || w->end < first->end)) {
                first = w;
            }
        }
        if (!first) {
            return;
        }
        first->over = true;
        t->page_use[next(&t->page_uses)] = first->page;
    }
}

/* First cycle from `cycle` on in which fewer walks than there are walkers are under way; walks begin
 * in the order of the requests. */
static uint64_t walker_free(const struct twin *t, uint64_t cycle)
{
    if (t->walks && t->walk[t->walks - 1].start > cycle) {
        cycle = t->walk[t->walks - 1].start;
    }
    for (;;) {
        unsigned busy = 0;
        uint64_t end = UINT64_MAX;

        for (unsigned i = 0; i < t->walks; i++) {
            if (t->walk[i].start <= cycle && cycle < t->walk[i].busy) {
                busy++;
                end = t->walk[i].busy < end ? t->walk[i].busy : end;
            }
        }
        if (busy < t->config.walkers) {
            return cycle;
        }
        cycle = end;
    }
}

/* `lines`: of the read that misses; a write has none. */
static uint64_t new_walk(struct twin *t, uint64_t arrives, uint64_t page, uint64_t lines)
{
    bool cached = table_cached(t, page);
    uint64_t start = walker_free(t, arrives);
    uint64_t takes = cycles(t, cached ? t->config.walk_ps : t->config.walk_cold_ps);

    t->stats.walker_wait += start - arrives;
    t->stats.cold_walks += !cached;
    t->walk[next(&t->walks)] =
        (struct twin_walk){ .page = page,
                            .start = start,
                            .end = start + takes,
                            .busy = start + takes + lines * cycles(t, t->config.walk_line_ps) };
    return start + takes;
}

static uint64_t translated(struct twin *t, uint64_t arrives, uint64_t address, uint64_t lines)
{
    uint64_t page = address / t->config.page_bytes;
    uint64_t end;

    if (!t->config.iommu) {
        return arrives;
    }
    enter_pages(t, arrives);
    for (unsigned i = 0; i < t->walks; i++) {
        if (t->walk[i].page == page && !t->walk[i].over) {
            t->stats.iotlb_merged++;
            t->stats.translation_wait += t->walk[i].end - arrives;
            return t->walk[i].end;
        }
    }
    if (among_last(t->page_use, t->page_uses, t->config.iotlb, page)) {
        t->stats.iotlb_hits++;
        t->page_use[next(&t->page_uses)] = page;
        return arrives;
    }
    t->stats.iotlb_misses++;
    end = new_walk(t, arrives, page, lines);
    t->stats.translation_wait += end - arrives;
    return end;
}

/* A read that could be translated in `cycle` is so when the last one of its domain has been. */
static uint64_t behind_reads(struct twin *t, unsigned domain, uint64_t cycle)
{
    uint64_t last = cycle;

    if (!t->config.translate_in_order) {
        return cycle;
    }
    for (unsigned i = 0; i < t->translateds; i++) {
        if (t->translated[i].domain == domain && t->translated[i].cycle > last) {
            last = t->translated[i].cycle;
        }
    }
    t->stats.translation_order_wait += last - cycle;
    t->translated[next(&t->translateds)] =
        (struct twin_translated){ .cycle = last, .domain = domain };
    return last;
}

/* ---- cache ------------------------------------------------------------------------------------- */

static unsigned find_line(const struct twin *t, uint64_t line)
{
    for (unsigned i = 0; i < t->lines; i++) {
        if (t->line[i].here && t->line[i].line == line) {
            return i;
        }
    }
    return NO_LINE;
}

static uint64_t set_of(const struct twin *t, uint64_t line)
{
    return line % (t->config.llc_bytes / 64 / t->config.llc_ways);
}

/* What stands in a way of the set of `line`. */
static unsigned line_in_way(const struct twin *t, uint64_t line, unsigned way)
{
    for (unsigned i = 0; i < t->lines; i++) {
        if (t->line[i].here && t->line[i].way == way &&
            set_of(t, t->line[i].line) == set_of(t, line)) {
            return i;
        }
    }
    return NO_LINE;
}

static bool found(struct twin *t, uint64_t line, bool writes)
{
    unsigned i = find_line(t, line);

    if (i == NO_LINE) {
        return false;
    }
    t->line[i].use = ++t->uses;
    t->line[i].dirty = t->line[i].dirty || writes;
    return true;
}

/* The highest of the first ways that is empty; else the one whose line was used least recently, which
 * leaves. True: that one was dirty. */
static bool make_room(struct twin *t, uint64_t line, unsigned ways, unsigned *way)
{
    struct twin_line *out = NULL;

    for (unsigned w = ways; w-- > 0;) {
        unsigned there = line_in_way(t, line, w);

        if (there == NO_LINE) {
            *way = w;
            return false;
        }
        if (!out || t->line[there].use < out->use) {
            out = &t->line[there];
        }
    }
    if (!out) {
        abort(); /* no ways */
    }
    out->here = false;
    *way = out->way;
    return out->dirty;
}

static bool bring_in(struct twin *t, uint64_t line, unsigned ways, bool writes)
{
    unsigned way;
    bool dirty = make_room(t, line, ways, &way);

    t->line[next(&t->lines)] = (struct twin_line){
        .line = line, .here = true, .dirty = writes, .way = way, .use = ++t->uses
    };
    return dirty;
}

void twin_touch(struct twin *twin, uint64_t address, uint64_t length, bool writes)
{
    if (twin->config.llc_bytes == 0 || length == 0) {
        return;
    }
    for (uint64_t line = address / 64; line <= (address + length - 1) / 64; line++) {
        if (!found(twin, line, writes)) {
            bring_in(twin, line, twin->config.llc_ways, writes);
        }
    }
}

void twin_warm_device(struct twin *twin, uint64_t address, uint64_t length)
{
    if (twin->config.llc_bytes == 0 || length == 0) {
        return;
    }
    for (uint64_t line = address / 64; line <= (address + length - 1) / 64; line++) {
        if (!found(twin, line, true) && twin->config.ddio_ways != 0) {
            bring_in(twin, line, twin->config.ddio_ways, true);
        }
    }
}

void twin_thrash(struct twin *twin)
{
    for (unsigned i = 0; i < twin->lines; i++) {
        twin->line[i].here = false;
    }
}

/* ---- bandwidth, credits, jitter ---------------------------------------------------------------- */

/* The turn of one more line: all turns counted anew from the first. In 2^-32 cycles. */
static uint64_t turn_of_line(struct twin *t, uint64_t arrives)
{
    wide rate = (wide)t->config.bandwidth * t->hz_den;
    wide time;
    wide next_turn = 0;
    wide turn = 0;

    if (t->config.bandwidth == 0) {
        return arrives;
    }
    time = (((wide)512 * t->hz_num << 32) + rate - 1) / rate;
    t->turn[next(&t->turns)] = arrives;
    for (unsigned i = 0; i < t->turns; i++) {
        wide from = (wide)t->turn[i] << 32;

        turn = next_turn > from ? next_turn : from;
        next_turn = turn + time;
    }
    return (uint64_t)((turn + 0xffffffffu) >> 32);
}

/* First cycle from `cycle` on in which fewer lines than credits are in flight. */
static uint64_t credit_free(const struct twin *t, uint64_t cycle)
{
    for (;;) {
        unsigned busy = 0;
        uint64_t free = 0; /* of the line looked at */
        uint64_t first = UINT64_MAX;

        for (unsigned i = 0; i < t->writtens; i++) {
            free = t->written[i].freed > free ? t->written[i].freed : free;
            if (t->written[i].start <= cycle && cycle < free) {
                busy++;
                first = free < first ? free : first;
            }
        }
        if (busy < t->config.credits) {
            return cycle;
        }
        cycle = first;
    }
}

/* When the domain's lines up to this one have given their credits back. */
static uint64_t freed_in_order(const struct twin *t, unsigned line)
{
    uint64_t freed = 0;

    for (unsigned i = 0; i <= line; i++) {
        if (t->written[i].domain == t->written[line].domain && t->written[i].freed > freed) {
            freed = t->written[i].freed;
        }
    }
    return freed;
}

/* Lines of several domains start in any order: who has had which credit is gone through from the first. */
static uint64_t credit_free_mixed(const struct twin *t, uint64_t cycle)
{
    uint64_t credit[64] = { 0 };
    unsigned first = 0;

    if (t->config.credits > sizeof credit / sizeof credit[0]) {
        abort();
    }
    for (unsigned i = 0; i <= t->writtens; i++) {
        first = 0;
        for (unsigned k = 1; k < t->config.credits; k++) {
            first = credit[k] < credit[first] ? k : first;
        }
        if (i < t->writtens) {
            credit[first] = freed_in_order(t, i);
        }
    }
    return credit[first] > cycle ? credit[first] : cycle;
}

static uint64_t jitter(struct twin *t)
{
    const struct pcie_memory_config *c = &t->config;
    const struct {
        uint64_t at, late;
    } point[] = { { 0, 0 },
                  { 500000000, 0 },
                  { 950000000, cycles(t, c->jitter95_ps) },
                  { 999000000, cycles(t, c->jitter999_ps) },
                  { 1000000000, cycles(t, c->jitter999_ps) } };
    struct rng rng = rng_stream(c->seed, 0);
    uint64_t at;
    uint64_t late = 0;

    rng.counter = t->draws++;
    at = rng_below(&rng, 1000000000);
    if (at >= 1000000000 - c->spike_ppb) {
        uint64_t low = cycles(t, c->jitter999_ps);

        t->draws++;
        t->stats.spikes++;
        late = low + rng_below(&rng, cycles(t, c->spike_ps) - low + 1);
    } else {
        for (unsigned i = 0; i < 4; i++) {
            if (at >= point[i].at && at < point[i + 1].at) {
                late = point[i].late +
                       (uint64_t)((wide)(point[i + 1].late - point[i].late) * (at - point[i].at) /
                                  (point[i + 1].at - point[i].at));
            }
        }
    }
    t->stats.jitter_added += late;
    return late;
}

/* ---- requests ---------------------------------------------------------------------------------- */

static uint64_t lines_of(struct twin *t, uint64_t address, uint32_t length, bool *crosses)
{
    uint64_t lines = 0;
    uint64_t needed = length / 64 + (length % 64 != 0);

    for (uint64_t line = address / 64; line * 64 < address + length; line++) {
        lines++;
    }
    *crosses = lines != needed;
    t->stats.crossings += *crosses;
    return lines;
}

/* Has the wait from `cycle` to `until` counted, if there is one, and returns its end. */
static uint64_t waits(uint64_t *count, uint64_t cycle, uint64_t until)
{
    if (until > cycle) {
        *count += until - cycle;
        return until;
    }
    return cycle;
}

static uint64_t last_of(const struct twin *t, unsigned domain, size_t member)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < t->writtens; i++) {
        uint64_t value;

        if (t->written[i].domain != domain) {
            continue;
        }

        memcpy(&value, (const char *)&t->written[i] + member, sizeof value);
        last = value > last ? value : last;
    }
    return last;
}

uint64_t twin_read(struct twin *twin, unsigned domain, uint64_t arrives, uint64_t address,
                   uint32_t length)
{
    struct twin *t = twin;
    const struct pcie_memory_config *c = &t->config;
    bool crosses;
    uint64_t lines = lines_of(t, address, length, &crosses);
    uint64_t start = behind_reads(t, domain, translated(t, arrives, address, lines));
    uint64_t turn;
    uint64_t ready;

    t->stats.reads++;
    t->stats.read_lines += lines;
    if (c->ordered) {
        start = waits(&t->stats.order_wait, start,
                      last_of(t, domain, offsetof(struct twin_written, seen)));
    }
    ready = start + cycles(t, c->read_ps);
    turn = start;
    for (uint64_t i = 0; i < lines; i++) {
        uint64_t line_ready;

        if (c->llc_bytes && found(t, address / 64 + i, false)) {
            t->stats.llc_read_hits++;
            continue;
        }
        t->stats.llc_read_misses += c->llc_bytes != 0;
        turn = turn_of_line(t, arrives);
        line_ready = (turn > start ? turn : start) + cycles(t, c->read_ps) +
                     (c->llc_bytes ? cycles(t, c->dram_ps) : 0);
        ready = line_ready > ready ? line_ready : ready;
    }
    waits(&t->stats.bandwidth_wait, start, turn);
    ready += c->remote ? cycles(t, c->remote_ps) : 0;
    ready += crosses ? cycles(t, c->cross_ps) : 0;
    ready += c->jitter ? jitter(t) : 0;
    return ready;
}

/* True: the line goes to memory, or sends another there (`evicts`). */
static bool write_to_memory(struct twin *t, uint64_t line, bool *evicts)
{
    *evicts = false;
    if (t->config.llc_bytes == 0) {
        return true;
    }
    if (found(t, line, true)) {
        t->stats.llc_write_hits++;
        return false;
    }
    t->stats.llc_write_misses++;
    if (t->config.ddio_ways == 0) {
        return true;
    }
    *evicts = bring_in(t, line, t->config.ddio_ways, true);
    t->stats.llc_evictions += *evicts;
    return *evicts;
}

struct pcie_memory_written twin_write(struct twin *twin, unsigned domain, uint64_t arrives,
                                      uint64_t address, uint32_t length)
{
    struct twin *t = twin;
    const struct pcie_memory_config *c = &t->config;
    bool crosses;
    uint64_t lines = lines_of(t, address, length, &crosses);
    uint64_t start = translated(t, arrives, address, 0);
    struct pcie_memory_written done;

    t->stats.writes++;
    t->stats.write_lines += lines;
    t->mixed = t->mixed || domain != 0;
    start = waits(&t->stats.order_wait, start,
                  last_of(t, domain, offsetof(struct twin_written, start)));
    for (uint64_t i = 0; i < lines; i++) {
        bool evicts;
        uint64_t more;

        if (write_to_memory(t, address / 64 + i, &evicts)) {
            start = waits(&t->stats.bandwidth_wait, start, turn_of_line(t, arrives));
        }
        more = evicts ? cycles(t, c->evict_ps) : 0;
        if (c->credits) {
            start = waits(&t->stats.credit_wait, start,
                          t->mixed ? credit_free_mixed(t, start) : credit_free(t, start));
        }
        t->written[next(&t->writtens)] =
            (struct twin_written){ .start = start,
                                   .seen = start + cycles(t, c->write_ps) + more,
                                   .freed = start + cycles(t, c->hold_ps) + more,
                                   .domain = domain };
    }
    done.taken = start;
    done.drained = last_of(t, domain, offsetof(struct twin_written, seen));
    if (c->credits && last_of(t, domain, offsetof(struct twin_written, freed)) > done.drained) {
        done.drained = last_of(t, domain, offsetof(struct twin_written, freed));
    }
    return done;
}
