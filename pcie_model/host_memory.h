/* What a DMA request meets behind the PCIe root complex: order, IOMMU, last-level cache, memory on
 * the other socket, line credits, memory bandwidth. Timing only: no data, no events.
 *
 * The link calls pcie_memory_read() or pcie_memory_write() once for each TLP, in the order of their
 * arrival at the root complex, and is told at once when its data is ready or its writing done. So what
 * comes later changes nothing for what came before; every limit serves in the order of arrival.
 * Cycles are those of the clock domain given at creation; times in picoseconds are rounded up to
 * cycles once. A call costs a few dozen instructions, and for each line of 64 bytes one set of the
 * cache; nothing is allocated, except when more page walks are under way than ever before.
 *
 * With default parameters everything but `read_ps` is off: a read is ready read_ps after its
 * arrival, a write is done when it arrives.
 *
 * A TLP that arrives in cycle a:
 *
 * Translation (iommu). The page is known to the IO-TLB: at once. Its walk is under way: when that
 *   ends. Else it takes the walker that is free first and the walk lasts walk_ps if the page's table
 *   (of 512 pages) is among the walk_tables last used ones, else walk_cold_ps; at its end the page is
 *   in the IO-TLB, and the one that was not used for longest is not. Walks of later requests go on
 *   beside it. A walker that walked for a read is free only after walk_line_ps more for each line that the
 *   read touches: it sends them on one by one. With translate_in_order a read is translated no earlier than the
 *   reads before it: what hits does not pass what misses.
 * Start. A read: translated, and (ordered) all earlier writes visible. A write: translated, and the
 *   earlier writes' last lines started: one write that waits holds up those behind it, never a read
 *   that came before. (PCI Express Base Specification 5.0, 2.4.1: no request passes a posted write, reads
 *   pass each other.)
 * Bandwidth. Lines that go to memory take turns in the order of their arrival: a line's turn is not
 *   before a, and 64 B / bandwidth after the turn before. Reads: lines that are not in the cache.
 *   Writes: lines that replace a dirty one in the cache, all lines if there is no cache (or no way for
 *   devices).
 * Read. Ready when its slowest line is: read_ps after the start, or (cache on, line not in it)
 *   read_ps + dram_ps after the start or the line's turn, the later. Then remote_ps (remote), cross_ps
 *   (if it touches one line more than its length needs) and the jitter.
 * Write. Line after line: starts when the write may start, its turn has come and it has one of
 *   `credits`; visible write_ps later (evict_ps more if it replaced a dirty line), credit free hold_ps
 *   (and evict_ps) after the start. Lines become visible, and free their credits, in order.
 *
 * Order domains. What is said of earlier writes and of lines in order is of those of the same domain; a request is in
 * domain 0 unless the caller says otherwise (with ID-based ordering each requester has its own: Base Specification
 * 5.0, 2.4.1, A2b and B2b). Walkers, turns and credits are shared. A line takes the credit that is free first, in the
 * order of arrival: it can have to wait for one that another domain's line will only use later.
 *
 * Sources: R. Neugebauer et al., "Understanding PCIe performance for end host networking", SIGCOMM
 * 2018, and the pcie-bench data (latencies, IO-TLB, cache, NUMA); S. Agarwal et al., "Understanding
 * the Host Network", SIGCOMM 2024 (line credits). README.md says what is left out. */
#ifndef ESPNIC_PCIE_MODEL_HOST_MEMORY_H
#define ESPNIC_PCIE_MODEL_HOST_MEMORY_H

#include "engine/clock.h"
#include "engine/describe.h"
#include "engine/snapshot.h"

enum { PCIE_MEMORY_MAX_WALKERS = 64, PCIE_MEMORY_DOMAINS = 64 };

struct pcie_memory_config {
    uint64_t read_ps, write_ps;
    bool ordered;      /* reads wait for earlier writes */
    uint64_t cross_ps; /* read that crosses into one line more */

    uint64_t llc_bytes; /* 0: no cache model; else a multiple of 64 * llc_ways */
    uint32_t llc_ways, ddio_ways;
    uint64_t dram_ps, evict_ps;

    bool remote;
    uint64_t remote_ps;

    bool iommu;
    uint32_t iotlb;      /* pages */
    uint64_t page_bytes; /* 4 KiB, 2 MiB, 1 GiB */
    uint32_t walkers;
    uint64_t walk_ps, walk_cold_ps;
    uint32_t walk_tables; /* 0: every walk is a cold one */
    uint64_t walk_line_ps;
    bool translate_in_order;

    uint32_t credits; /* lines; 0: no limit, and hold_ps means nothing */
    uint64_t hold_ps;
    uint64_t bandwidth; /* bits per second; 0: no limit */

    /* Added to reads by chance: nothing up to the median, from there straight to jitter95_ps at 95 %
     * and jitter999_ps at 99.9 %; spike_ppb of 10^9 reads take anything up to spike_ps. */
    bool jitter;
    uint64_t jitter95_ps, jitter999_ps, spike_ps;
    uint32_t spike_ppb;
    uint64_t seed;
};

/* As if it took no time, whatever else it has. */
void pcie_memory_idealise(struct pcie_memory_config *config);

extern const struct param pcie_memory_params[]; /* planned as group "card.pcie.host" */
extern const size_t pcie_memory_param_count;

/* Waits are sums over requests, in cycles of the domain. */
struct pcie_memory_stats {
    uint64_t reads, writes;           /* calls */
    uint64_t read_lines, write_lines; /* lines that they touched */
    uint64_t crossings;               /* calls that touched a line more than their length needs */
    uint64_t llc_read_hits, llc_read_misses;
    uint64_t llc_write_hits, llc_write_misses;
    uint64_t llc_evictions; /* write misses that replaced a dirty line */
    uint64_t iotlb_hits, iotlb_misses, iotlb_merged;
    uint64_t cold_walks;
    uint64_t walker_wait;      /* misses, until a walker was free */
    uint64_t translation_wait; /* all requests, from arrival to translation: with walker_wait */
    uint64_t translation_order_wait; /* reads that would be translated, for earlier ones */
    uint64_t order_wait;             /* translated requests, for earlier writes */
    uint64_t credit_wait;            /* lines that could start otherwise, for a credit */
    uint64_t bandwidth_wait;         /* reads and lines of writes that could start otherwise */
    uint64_t jitter_added, spikes;
};

extern const struct stat_field pcie_memory_stat_table[];
extern const size_t pcie_memory_stat_count;

struct pcie_memory; /* opaque */

/* False with a sentence in `error` that names the parameter if there can be no such host. */
bool pcie_memory_check(const struct pcie_memory_config *config, char *error, size_t error_size);

/* NULL with a sentence in `error`: not possible, or no memory. The configuration is copied; `clocks`
 * is not needed afterwards. */
struct pcie_memory *pcie_memory_create(const struct pcie_memory_config *config,
                                       const struct clock_set *clocks, unsigned domain, char *error,
                                       size_t error_size);
void pcie_memory_destroy(struct pcie_memory *memory);
void pcie_memory_register_state(struct pcie_memory *memory, struct snapshot *snap);

/* A TLP of 1 to 4096 bytes that does not cross a multiple of 4096 (Base Specification 2.2.7). `arrives` is
 * not before that of the last call, of either kind. */

/* The cycle in which the last of its data is ready at the root complex. Later reads may be ready
 * earlier. */
uint64_t pcie_memory_read_in(struct pcie_memory *memory, unsigned domain, uint64_t arrives,
                             uint64_t address, uint32_t length);

struct pcie_memory_written {
    uint64_t taken;   /* its last line has started: it has left the root complex's receive queue */
    uint64_t drained; /* it is visible in memory, and its line credits are free */
};

/* Neither cycle is before that of an earlier write of the domain. Flow-control credits may be returned at `taken`
 * (data is then held by line credits alone) or, for a host without such a buffer, at `drained`. */
struct pcie_memory_written pcie_memory_write_in(struct pcie_memory *memory, unsigned domain,
                                                uint64_t arrives, uint64_t address,
                                                uint32_t length);

/* In domain 0. */
static inline uint64_t pcie_memory_read(struct pcie_memory *memory, uint64_t arrives,
                                        uint64_t address, uint32_t length)
{
    return pcie_memory_read_in(memory, 0, arrives, address, length);
}

static inline struct pcie_memory_written pcie_memory_write(struct pcie_memory *memory,
                                                           uint64_t arrives, uint64_t address,
                                                           uint32_t length)
{
    return pcie_memory_write_in(memory, 0, arrives, address, length);
}

/* The state of the cache, at once and without time; nothing if there is no cache model. Not counted.
 *   touch        the CPU reads or writes these bytes: in the cache, in any way (host-warm)
 *   warm_device  a device writes them: where they are, else in the ways of devices (device-warm)
 *   thrash       nothing of use is left in the cache (cold) */
void pcie_memory_touch(struct pcie_memory *memory, uint64_t address, uint64_t length, bool writes);
void pcie_memory_warm_device(struct pcie_memory *memory, uint64_t address, uint64_t length);
void pcie_memory_thrash(struct pcie_memory *memory);

const struct pcie_memory_stats *pcie_memory_stats(const struct pcie_memory *memory);

#endif
