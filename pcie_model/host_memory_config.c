/* Parameters and statistics of the host behind the root complex, and which of them are possible. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pcie_model/host_memory.h"
#include "pcie_model/llc.h"

#define LONGEST_PS 1000000000000ull /* 1 s */
#define JITTER_PS  1000000000ull    /* 1 ms: the product with 10^9 fits 64 bits in every domain */
#define KIB        1024ull
#define GBPS       1000000000ull

/* name, type, default, least, most, help */
#define PARAM(name_, type_, def_, min_, max_, help_)                                               \
    {                                                                                              \
#name_, type_, PARAM_FIELD(struct pcie_memory_config, name_), def_, min_, max_, NULL,      \
            NULL, help_                                                                            \
    }

/* Numbers: pcie-bench, SIGCOMM 2018 (P), "Understanding the Host Network", SIGCOMM 2024 (H), assumed (A). */
const struct param pcie_memory_params[] = {
    /* (P) with 110 ns each way, see README.md */
    PARAM(
        read_ps, PARAM_TIME, 200000, 0, LONGEST_PS,
        "read, from the request at the root complex to its data; with a cache model: data that is "
        "in the cache"),
    PARAM(write_ps, PARAM_TIME, 0, 0, LONGEST_PS,
          "write, from its start at the root complex until it is visible in memory"),
    PARAM(ordered, PARAM_BOOL, 1, 0, 1, "a read waits until earlier writes are visible"),
    /* (P) 64 B reads off a line's start with 32 tags: 26.2 instead of 32.6 Gb/s */
    PARAM(cross_ps, PARAM_TIME, 0, 0, LONGEST_PS,
          "more for a read that touches one line of 64 bytes more than its length needs; measured "
          "about 120 ns"),
    /* (P) shares and latencies; (A) size */
    PARAM(llc_bytes, PARAM_BYTES, 0, 0, 1024 * 1024 * KIB,
          "size of the last-level cache, a multiple of 64 x llc_ways; 0: no cache is modelled"),
    PARAM(llc_ways, PARAM_U32, 20, 1, LLC_MAX_WAYS, "ways of the last-level cache"),
    PARAM(ddio_ways, PARAM_U32, 2, 0, LLC_MAX_WAYS,
          "ways into which device writes bring new lines; 0: these go to memory"),
    PARAM(dram_ps, PARAM_TIME, 67000, 0, LONGEST_PS,
          "more for a read of which a line is not in the cache"),
    PARAM(evict_ps, PARAM_TIME, 67000, 0, LONGEST_PS,
          "more for a line written by the device that replaces a dirty one in the cache"),
    PARAM(remote, PARAM_BOOL, 0, 0, 1, "memory is on the other socket"),
    PARAM(remote_ps, PARAM_TIME, 107000, 0, LONGEST_PS, "more for a read if it is"),
    PARAM(iommu, PARAM_BOOL, 0, 0, 1, "addresses are translated; otherwise passed through"),
    PARAM(iotlb, PARAM_U32, 64, 1, 65536, "pages that the IO-TLB keeps, least recently used goes"),
    PARAM(page_bytes, PARAM_BYTES, 4 * KIB, 4 * KIB, 1024 * 1024 * KIB,
          "page of the IOMMU: 4KiB, 2MiB or 1GiB"),
    PARAM(walkers, PARAM_U32, 6, 1, PCIE_MEMORY_MAX_WALKERS, "page walks at the same time"),
    PARAM(walk_ps, PARAM_TIME, 280000, 0, LONGEST_PS, "page walk whose upper levels are cached"),
    PARAM(walk_cold_ps, PARAM_TIME, 330000, 0, LONGEST_PS, "page walk otherwise"),
    /* (P) a 4 MB window (2 tables) costs 290 ns, 64 MB (32 tables) 333 ns */
    PARAM(
        walk_tables, PARAM_U32, 4, 0, 65536,
        "page tables, of 512 pages each, that the page-walk cache reaches; 0: all walks are cold"),
    /* (P) 6 walks of 280 ns are the 21.6 M/s that writes of 64 to 256 bytes miss; reads miss 19.2 (64 bytes) to 16.4
     * (256 bytes) */
    PARAM(
        walk_line_ps, PARAM_TIME, 0, 0, LONGEST_PS,
        "how long, after a walk for a read, the walker is busy with each line of 64 bytes that the "
        "read touches; measured about 20 ns"),
    /* (P) window 512 KiB: reads one at a time take 25 ns more than from a small window, with 32 under way 228 ns */
    PARAM(translate_in_order, PARAM_BOOL, 0, 0, 1,
          "a read is translated no earlier than the reads before it; otherwise one whose page the "
          "IO-TLB has passes those that wait for a walk"),
    PARAM(credits, PARAM_U32, 0, 0, 65536,
          "lines of 64 bytes in flight to memory by writes; 92 were measured; 0: no limit"),
    PARAM(hold_ps, PARAM_TIME, 300000, 0, LONGEST_PS,
          "how long a line holds such a credit"), /* H */
    PARAM(bandwidth, PARAM_RATE, 0, 0, 1000 * 1000 * GBPS,
          "memory bandwidth that device reads and writes share, from 1Gbps on; 0: no limit"),
    PARAM(jitter, PARAM_BOOL, 0, 0, 1, "reads take longer by chance"),
    /* (P) 64 B read on a Haswell E5: median 600, 95 % 613, 99.9 % 626, most 9680 ns of 16.7 million */
    PARAM(jitter95_ps, PARAM_TIME, 13000, 0, JITTER_PS, "95 % of the reads are late by no more"),
    PARAM(jitter999_ps, PARAM_TIME, 26000, 0, JITTER_PS, "99.9 % of the reads are late by no more"),
    PARAM(spike_ps, PARAM_TIME, 9000000, 0, JITTER_PS, "the latest that a read is late"),
    PARAM(spike_ppb, PARAM_U32, 1000, 0, 1000000,
          "reads of 10^9 that are late by anything between jitter999_ps and spike_ps"), /* A */
    PARAM(seed, PARAM_U64, 1, 0, 0, "of the jitter"),
};
const size_t pcie_memory_param_count = PARAM_COUNT(pcie_memory_params);

#undef PARAM

#define COUNTER(field_, unit_, help_)                                                              \
    {                                                                                              \
        .name = #field_, .type = STAT_U64, .offset = offsetof(struct pcie_memory_stats, field_),   \
        .unit = (unit_), .help = (help_)                                                           \
    }

const struct stat_field pcie_memory_stat_table[] = {
    COUNTER(reads, "TLPs", "memory reads that arrived at the root complex"),
    COUNTER(writes, "TLPs", "memory writes that arrived there"),
    COUNTER(read_lines, "lines", "lines of 64 bytes that reads touched"),
    COUNTER(write_lines, "lines", "lines of 64 bytes that writes touched"),
    COUNTER(crossings, "TLPs", "reads and writes that touched a line more than their length needs"),
    COUNTER(llc_read_hits, "lines", "lines read that were in the last-level cache"),
    COUNTER(llc_read_misses, "lines", "lines read that were not"),
    COUNTER(llc_write_hits, "lines", "lines written that were in the last-level cache"),
    COUNTER(llc_write_misses, "lines", "lines written that were not"),
    COUNTER(llc_evictions, "lines", "lines written that replaced a dirty one in the cache"),
    COUNTER(iotlb_hits, "TLPs", "page known to the IO-TLB"),
    COUNTER(iotlb_misses, "TLPs", "page unknown: a page walk was begun"),
    COUNTER(iotlb_merged, "TLPs", "page unknown, its walk was under way"),
    COUNTER(cold_walks, "walks", "page walks that found no upper level cached"),
    COUNTER(walker_wait, "cycles", "from a miss of the IO-TLB until a walker was free, summed"),
    COUNTER(translation_wait, "cycles",
            "from arrival to translation, summed; has walker_wait in it"),
    COUNTER(
        translation_order_wait, "cycles",
        "reads that could have been translated, behind earlier reads (translate_in_order), summed"),
    COUNTER(order_wait, "cycles", "translated, but behind earlier writes, summed"),
    COUNTER(credit_wait, "cycles", "lines of writes without a line credit, summed"),
    COUNTER(bandwidth_wait, "cycles", "reads and lines of writes, for memory bandwidth, summed"),
    COUNTER(jitter_added, "cycles", "added to reads by chance, summed"),
    COUNTER(spikes, "TLPs", "reads late by more than 99.9 % of the others"),
};
const size_t pcie_memory_stat_count = STAT_COUNT(pcie_memory_stat_table);

/* ---- checks ------------------------------------------------------------------------------------ */

static uint64_t value_of(const struct pcie_memory_config *config, const struct param *p)
{
    const char *field = (const char *)config + p->offset;
    uint64_t value = 0;

    if (p->size == sizeof(uint64_t)) {
        memcpy(&value, field, sizeof value);
    } else if (p->size == sizeof(uint32_t)) {
        uint32_t narrow;

        memcpy(&narrow, field, sizeof narrow);
        value = narrow;
    } else {
        value = *(const bool *)field;
    }
    return value;
}

/* "1GiB"; a number without unit as it is. */
static const char *text(const struct param *p, uint64_t value, char *out, size_t out_size)
{
    quantity_format(p->type == PARAM_U32 || p->type == PARAM_BOOL ? PARAM_U64 : p->type, value, out,
                    out_size);
    return out;
}

/* A configuration need not have come through param_parse(). */
static bool in_range(const struct pcie_memory_config *config, char *error, size_t error_size)
{
    for (size_t i = 0; i < pcie_memory_param_count; i++) {
        const struct param *p = &pcie_memory_params[i];
        uint64_t value = value_of(config, p);
        char words[3][64];

        if (value < p->min || (p->max && value > p->max)) {
            snprintf(error, error_size, "%s is %s, expected %s to %s", p->name,
                     text(p, value, words[0], sizeof words[0]),
                     text(p, p->min, words[1], sizeof words[1]),
                     text(p, p->max, words[2], sizeof words[2]));
            return false;
        }
    }
    return true;
}

static bool cache_possible(const struct pcie_memory_config *c, char *error, size_t error_size)
{
    uint64_t row = (uint64_t)LLC_LINE * c->llc_ways;

    if (c->llc_bytes % row != 0) {
        snprintf(error, error_size,
                 "llc_bytes is %" PRIu64 ", expected a multiple of %" PRIu64
                 " (llc_ways is %" PRIu32 ", a line 64 bytes)",
                 c->llc_bytes, row, c->llc_ways);
    } else if (c->llc_bytes != 0 && c->ddio_ways > c->llc_ways) {
        snprintf(error, error_size,
                 "ddio_ways is %" PRIu32 ", expected at most llc_ways (%" PRIu32 ")", c->ddio_ways,
                 c->llc_ways);
    } else {
        return true;
    }
    return false;
}

void pcie_memory_idealise(struct pcie_memory_config *config)
{
    config->read_ps = config->write_ps = config->cross_ps = 0;
    config->llc_bytes = config->bandwidth = 0;
    config->credits = 0;
    config->remote = config->iommu = config->jitter = false;
}

bool pcie_memory_check(const struct pcie_memory_config *config, char *error, size_t error_size)
{
    const struct pcie_memory_config *c = config;

    if (!in_range(c, error, error_size) || !cache_possible(c, error, error_size)) {
        return false;
    }
    if (c->page_bytes != 4 * KIB && c->page_bytes != 2 * KIB * KIB &&
        c->page_bytes != KIB * KIB * KIB) {
        snprintf(error, error_size, "page_bytes is %" PRIu64 ", expected 4KiB, 2MiB or 1GiB",
                 c->page_bytes);
    } else if (c->walk_cold_ps < c->walk_ps) {
        snprintf(error, error_size,
                 "walk_cold_ps is %" PRIu64 " ps, expected at least walk_ps (%" PRIu64 " ps)",
                 c->walk_cold_ps, c->walk_ps);
    } else if (c->bandwidth != 0 && c->bandwidth < GBPS) {
        snprintf(error, error_size, "bandwidth is %" PRIu64 " b/s, expected 0 or at least 1Gbps",
                 c->bandwidth);
    } else if (c->jitter999_ps < c->jitter95_ps) {
        snprintf(error, error_size,
                 "jitter999_ps is %" PRIu64 " ps, expected at least jitter95_ps (%" PRIu64 " ps)",
                 c->jitter999_ps, c->jitter95_ps);
    } else if (c->spike_ps < c->jitter999_ps) {
        snprintf(error, error_size,
                 "spike_ps is %" PRIu64 " ps, expected at least jitter999_ps (%" PRIu64 " ps)",
                 c->spike_ps, c->jitter999_ps);
    } else {
        return true;
    }
    return false;
}
