/* The PCIe link, first version: serialisation, splitting, latency, outstanding reads.
 *
 * Modelled: both directions as byte pipes at the encoded line rate less a share for DLLPs; every
 * TLP with its wire bytes (framing, header, DW-padded payload); writes split at MPS and 4 KB,
 * reads at MRRS and 4 KB, completions at MPS from an RCB-aligned first cut; one-way latencies;
 * host memory latency; a limit of outstanding read requests (tags). Requests are arbitrated one
 * at a time, round robin over the clients; the completions of MMIO reads are one more client.
 * Sources: PCI Express Base Specification 5.0 (section numbers in this folder are its own), 2.2, 2.3.1.1,
 * 2.4.1, 3.2, 4.2; latencies: pcie-bench (SIGCOMM 2018). Simplified: a request goes out as one piece
 * (no interleaving of TLPs of several clients); posted writes never lack credit; reads are
 * answered in order. Not modelled here: credits, Ack/Nak and replay, relaxed ordering, IOMMU.
 *
 * The link is one block in its own clock domain, whose cycle is the time of one byte on the
 * wire. Clients reach it through channels of one-beat items; the item is the index of a struct
 * pcie_request in the link's pool. The answer (data has come; write has left) is the same item
 * on the client's response channel.
 *
 * Cycles. A request that is visible in cycle t on an idle link is sent in t, t+1, ..., t+W-1 (W
 * wire bytes) and has left in t+W. It arrives U later (U = up_ps, rounded up to cycles): a write
 * is in host memory in t+W+U. A read samples memory on arrival; its data is ready R (read_ps)
 * later, takes C wire bytes of completions on the way down and has arrived D (down_ps) after the
 * last: t+W+U+R+C+D, the cycle of the answer, in which the tags are free again.
 *
 * What the link is woken for. A request that may start and an arrival (whose callback must come in
 * its cycle) are worth a wake. The rest is settled with these:
 *  - The answer of a write is pushed when the write starts: nothing can change any more when its
 *    last byte leaves.
 *  - What goes down is started late, with the first wake after its cycle. What is ready at r goes
 *    before all that is ready later, so from r on its start is fixed, by what the link knows
 *    already; and no one sees anything of it before it arrives, D and its bytes later. Then the
 *    answer of a read and the return of its tags follow. */
#ifndef ESPNIC_PCIE_MODEL_LINK_H
#define ESPNIC_PCIE_MODEL_LINK_H

#include "engine/account.h"
#include "engine/channel.h"
#include "engine/describe.h"

enum { PCIE_MAX_CLIENTS = 16 };

struct pcie_config {
    uint32_t generation;     /* 1..5 */
    uint32_t lanes;          /* 1, 2, 4, 8, 16 */
    uint64_t mps, mrrs, rcb; /* bytes: 128..4096, 128..4096, 64 or 128; powers of two */
    uint64_t completion;     /* bytes, most that the host puts into one completion; 0: MPS */
    uint64_t up_ps, down_ps; /* one way, device to host memory controller and back, picoseconds */
    uint64_t read_ps;        /* memory read, from request at the root complex to data */
    uint32_t dllp_ppm; /* share of the encoded rate that DLLPs and SKP take, parts per million */
    uint32_t tags;     /* read requests (of at most MRRS) outstanding */
    uint32_t queue;    /* requests that each client can have waiting */
    bool address64;    /* 4DW headers on every request */
    bool ideal;        /* no wire time, no latency beyond the clock crossings, no limit */
};

extern const struct param pcie_params[];
extern const size_t pcie_param_count;

enum pcie_op { PCIE_READ, PCIE_WRITE, PCIE_MSIX };

struct pcie_request {
    uint64_t address;
    uint32_t length; /* bytes, 1..2^30; PCIE_MSIX: 4 */
    uint8_t op;      /* enum pcie_op */
    uint8_t client;  /* index of its channels */
    uint8_t answer;  /* 1: put it on the response channel when done (reads: always). A write is done
                        * when its last byte has left: ops.memory is called later */
    uint8_t reserved;
    uint32_t ref; /* the client's: packet, ring entry, ... */
    uint32_t ref2;
    uint64_t visible; /* out: cycle (of the link's domain) of arrival in host memory */
};

/* What the link calls; `cycle` is in the link's domain. A callback may make requests, release
 * them and start MMIO. `request` is a copy, good until the callback returns. */
struct pcie_ops {
    /* The request reaches host memory: a write becomes visible, a read samples the bytes. */
    void (*memory)(void *self, uint64_t cycle, const struct pcie_request *request);
    /* MMIO from the host arrives at the card's registers. */
    void (*mmio_write)(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes, uint64_t value);
    /* Answer of a register read; `ok` false for unsupported request. */
    uint64_t (*mmio_read)(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes, bool *ok);
    /* The completion of an MMIO read arrives at the CPU. */
    void (*mmio_done)(void *self, uint64_t cycle, uint64_t tag, uint64_t value, bool ok);
};

/* Counters per direction: 0 = up (device to host), 1 = down. TLPs are counted when they start; those
 * on the way down as of pcie_link_settle(). */
struct pcie_direction_stats {
    uint64_t tlps_write, tlps_read, tlps_completion, tlps_mmio; /* MSI-X counts as write */
    uint64_t wire_write, wire_read, wire_completion,
        wire_mmio;          /* bytes of these TLPs on the wire */
    uint64_t payload_bytes; /* data carried, without padding */
    uint64_t wire_bytes;    /* every byte of every TLP */
    uint64_t busy_cycles;   /* link byte times in use, as of pcie_link_settle() */
    double utilisation;     /* busy_cycles of the cycles since 0, as of pcie_link_settle() */
};

struct pcie_stats {
    struct pcie_direction_stats dir[2];
    uint64_t reads, writes, msix, mmio_reads, mmio_writes; /* requests */
    uint64_t tag_stall_cycles; /* a read at the head of the arbitration waited for tags */
};

extern const struct stat_field pcie_stat_table[]; /* of struct pcie_stats, but for dir */
extern const size_t pcie_stat_count;
extern const struct stat_field pcie_direction_stat_table[]; /* of struct pcie_direction_stats */
extern const size_t pcie_direction_stat_count;

struct pcie_link; /* opaque */

/* Domain frequency for a configuration: num/den bytes per second, to be added to the clock set
 * before pcie_link_create. False with a sentence in `error` if the configuration is not a
 * possible link. */
bool pcie_link_clock(const struct pcie_config *config, uint64_t *num, uint64_t *den, char *error,
                     size_t error_size);

/* The configuration must have passed pcie_link_clock(); `ops` is copied, its members must all be
 * set. */
struct pcie_link *pcie_link_create(struct sched *sched, unsigned domain,
                                   const struct pcie_config *config, const struct pcie_ops *ops,
                                   void *self);
void pcie_link_destroy(struct pcie_link *link);
void pcie_link_register_state(struct pcie_link *link, struct snapshot *snap);

/* Scheduler's block number: writer of response channels, reader of request channels. */
unsigned pcie_link_block(const struct pcie_link *link);

/* What a client may be answered. The answers of one kind come in the order of the requests, so they
 * can be pushed as soon as their cycle is known; of a client with both, a read can overtake or be
 * overtaken, and an answer has to wait for its cycle. */
enum pcie_answers { PCIE_ANSWERS_READS = 1, PCIE_ANSWERS_WRITES = 2, PCIE_ANSWERS_BOTH = 3 };

/* Request channel: depth config->queue, one beat an item. Response channel: `unlimited`; the
 * client bounds what it has outstanding; NULL if it never wants an answer. At most one answer a
 * cycle: others follow. Returns the client's index; all are attached before the first request. */
unsigned pcie_link_attach(struct pcie_link *link, struct channel *request, struct channel *response,
                          enum pcie_answers answers);

/* Push a copy of the request into the channel of request->client, which must have room, at `cycle`
 * of the client's domain: the only way to do that. Returns the item, an index that stays valid until
 * the client releases it (after the response; requests without `answer` are released by the link).
 * A pointer is good until the next request. */
uint32_t pcie_request_push(struct pcie_link *link, uint64_t cycle,
                           const struct pcie_request *request);
struct pcie_request *pcie_request_at(struct pcie_link *link, uint32_t index);
void pcie_request_release(struct pcie_link *link, uint32_t index);

/* Requests that are neither free nor released: 0 when all has come to rest. */
uint32_t pcie_request_live(const struct pcie_link *link);

/* From the CPU, at a cycle of the link's domain not before the present; `bytes` 1..8. Accesses
 * reach the card in order of their cycles, those of one cycle in order of the calls. The
 * completion of a read does not pass a request that was pushed before the cycle in which the
 * read reached the card. */
void pcie_mmio_write(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                     uint64_t value);
void pcie_mmio_read(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                    uint64_t tag);

struct pcie_stats *pcie_link_stats(struct pcie_link *link);

/* The serialisers as issue slots, 0 = up, 1 = down: busy, starved, or (up) waiting for tags: a
 * read is there, and the cause is the link itself. Both are published to the scheduler as the
 * block's slots. */
const struct account *pcie_link_account(const struct pcie_link *link, unsigned direction);

/* Count every cycle before `cycle` (not after the present, all of whose events have passed) in the
 * accounts, busy_cycles, utilisation and tag_stall_cycles, and every TLP started by then. */
void pcie_link_settle(struct pcie_link *link, uint64_t cycle);

/* Nothing is being sent, in flight, or waiting inside the link; an answer that has been pushed already
 * does not count. */
bool pcie_link_idle(const struct pcie_link *link);

/* ---- the arithmetic of TLPs, for tests and tools
 * ------------------------------------------------ */

struct pcie_cost {
    uint32_t tlps;
    uint32_t wire_bytes;
};

/* Framing, sequence number and LCRC 8, header 12 or 16 (2.2.1, 3.2). */
static inline uint32_t pcie_request_overhead(const struct pcie_config *config)
{
    return config->address64 ? 24 : 20;
}

enum { PCIE_COMPLETION_OVERHEAD = 20 };

/* Whole DWs that hold bytes [address, address + length). */
static inline uint32_t pcie_padded(uint64_t address, uint32_t length)
{
    return ((uint32_t)(address & 3) + length + 3) & ~3u;
}

/* A memory write of `length` bytes at `address`. All three are {0, 0} for no bytes. */
struct pcie_cost pcie_write_cost(const struct pcie_config *config, uint64_t address,
                                 uint32_t length);
/* Read requests for it. */
struct pcie_cost pcie_read_cost(const struct pcie_config *config, uint64_t address,
                                uint32_t length);
/* Completions with its data. */
struct pcie_cost pcie_completion_cost(const struct pcie_config *config, uint64_t address,
                                      uint32_t length);

#endif
