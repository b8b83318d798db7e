/* The PCIe link between card and host, TLP by TLP: wires, credits, tags, completion space, order,
 * errors; and memory behind the root complex (host_memory.h).
 *
 * The link is one block in its own clock domain. Its cycle is the time of one byte on the wire: of the
 * encoded line rate (`share`: less the share of DLLPs; Gen6: of the bytes for TLPs in a flit, 236 of
 * 256). Clients reach it through channels of one-beat items; the item is the index of a struct
 * pcie_request in the link's pool. The answer (data has come; write has left) is the same item on the
 * client's response channel. wire.h says what happens on a wire; here is the rest.
 *
 * Up. A write is cut at multiples of MPS, a read at multiples of MRRS, thereby both at 4 KB. Each client
 * sends its requests one after the other; whenever the wire up is clear, the clients (and, as one more,
 * the completions of register reads) take turns, round robin behind the one that sent last, each turn one
 * TLP. A client that lacks something is passed over:
 *   write TLP: posted credits, a header and a data unit for every 16 bytes of padded payload;
 *   read TLP:  a tag; completion space for its worst case (a header for every RCB that it touches, its
 *              padded data in units of 16 bytes); a non-posted header credit;
 *   any TLP:   room in the retry buffer; this is looked at first. (The host has room for all.)
 * A request is taken from its channel in the cycle in which its first TLP starts. A read TLP's tag and
 * space are free again when its last completion arrives; one that needs more space than there is takes
 * all. A stall is counted from when nothing can go until something does, DLLPs and SKP in between included;
 * none begins while one of these is on the wire. Requests are counted when their last TLP starts. 
 *
 * Registers. A register access that arrives is handed to the card in that cycle (ops.mmio_write, ops.mmio_read).
 * Reads are answered by the card in its own time, in their order, with pcie_mmio_answer(): so a card lets a read
 * wait for what it does about the writes before (2.4.1, B2a: a read does not pass a posted write). The
 * completion takes part in the turns from the cycle on that the card says, and follows all that was pushed
 * before the register was read (`relaxed`: it does not wait); the CPU gets it when the writes before it are in
 * memory, relaxed or not. A read that the card refuses is answered without data: as an unsupported request, or with
 * Completer Abort.
 *
 * Order of IDs. Every request has the ID of its requester: function, or PASID. With `ido` all that is said of
 * earlier writes here and in host_memory.h is of those of the same ID (2.4.1, A2b and B2b: a request may pass a
 * posted one of another ID; an ID is an order domain of host_memory). The registers are of ID 0: the completion of a
 * register read waits for what of ID 0 was pushed before, up to the last such request of each client, and at
 * the host for writes of ID 0 (D2b). Without `ido` it is as if all were of one ID. Requests of one client,
 * and TLPs on a wire, keep their order in any case.
 *
 * Host. TLPs arrive in order. A write TLP goes to host_memory: its credits come back when it is `taken`,
 * it is in memory when it is `drained`; ops.memory is called then, once a request, with its last TLP. A
 * read TLP goes to host_memory: its header credit comes back when it arrives; its data is ready when
 * host_memory says, and not before all earlier writes are in memory. ops.memory is called for a read,
 * once, when its last TLP has arrived and the earlier writes are in memory.
 *
 * Down. Completions, and register accesses of the CPU, go in the order in which they became ready (data
 * ready, access issued); completions first, and in the order of their read TLPs, if at the same time. A
 * read TLP is completed by one or more completions, one after the other, of at most MPS (or `completion`)
 * padded bytes, each but the last ending at a multiple of RCB as large as that allows. A register access
 * needs the card's credits, which come back when it arrives; while it lacks them, what is behind it waits too. An answer of a read is pushed when the last
 * byte of the request has arrived, that of a write when its last byte has left the card; of one cycle, those
 * of writes first, then of reads that time out, then of others.
 *
 * Errors (wire.h has what is damaged on the way and made good). Of each of these one draw from a stream of its
 * own, in the order of arrival. Errors are counted when they are decided.
 *   Where there is no memory a write TLP is dropped when it arrives, its credits come back then or with those
 *   of the write before it, and ops.memory is called all the same; a read TLP is answered by a completion
 *   without data as soon as the earlier writes are in memory.
 *   Of what has memory: a write TLP arrives poisoned with probability poison_write_ppb / 10^9 (stream
 *   0x706f7772) and is treated in the same way. A read TLP is not answered with probability lost_ppb / 10^9
 *   (0x6c6f7374); if it is, it is aborted with probability abort_ppb / 10^9 (0x61626f72), that is answered
 *   as if there were no memory; if it is not, its data is ready late_ps later than it would be with
 *   probability late_ppb / 10^9 (0x6c617465).
 *   A register write arrives poisoned with probability poison_write_ppb / 10^9 (0x706f7773): the card does
 *   not see it, its credits come back.
 *   A read TLP whose last completion has not arrived before the cycle `timeout_ps` after it left the card (for
 *   the first time) is given up in that cycle: what has not arrived of it counts as arrived, tag and space
 *   come back quarantine_ps later. A completion of it that arrives then or later is unexpected: it is dropped,
 *   whoever has its tag by then. (A real card that gives the tag away before has only byte count and address
 *   to know it by.)
 *   A completion that is not unexpected arrives poisoned with probability poison_ppb / 10^9 (0x706f6973), if
 *   it has data, and spoils its read.
 *
 * Unloaded, one TLP of W bytes that is visible in cycle t on a clear wire: it has left in t+W and arrives U
 * later (up_ps in cycles, rounded up); a read's data is ready R later, its C bytes of completion have
 * arrived D after the last: t+W+U+R+C+D.
 *
 * What the link is woken for. A TLP that may start up and an arrival (whose callback must come in its cycle)
 * are worth a wake. The rest is settled with these: the answer of a write when its last TLP starts; DLLPs
 * when somebody asks about the wire; what goes down is started late, with the first wake after its cycle,
 * since no one sees anything of it before it arrives.
 *
 * Sources: PCI Express Base Specification 5.0 (section numbers in this folder are its own) 2.2, 2.3.1.1,
 * 2.4.1, 2.6, 3.5, 3.6, 4.2; 6.0 for flits; R. Neugebauer et al., SIGCOMM 2018. README.md has what is
 * simplified. */
#ifndef ESPNIC_PCIE_MODEL_LINK_H
#define ESPNIC_PCIE_MODEL_LINK_H

#include "engine/account.h"
#include "engine/channel.h"
#include "engine/describe.h"
#include "pcie_model/host_memory.h"

enum { PCIE_MAX_CLIENTS = 16, PCIE_FLIT_BYTES = 236, PCIE_IDS = PCIE_MEMORY_DOMAINS };

/* What DLLPs cost; wire.h has the rules. */
enum pcie_dllp {
    PCIE_DLLP_ON_DEMAND,
    PCIE_DLLP_PUBLISHED, /* the convention of the published analytical model */
    PCIE_DLLP_SHARE      /* a constant share of the rate, dllp_ppm */
};

struct pcie_config {
    uint32_t generation;     /* 1..6 */
    uint32_t lanes;          /* 1, 2, 4, 8, 16 */
    uint64_t mps, mrrs, rcb; /* bytes: 128..4096, 128..4096, 64 or 128; powers of two */
    uint64_t completion;     /* bytes, most that the host puts into one completion; 0: MPS */
    uint64_t up_ps, down_ps; /* one way, device to root complex and back, picoseconds */
    uint32_t dllp;           /* enum pcie_dllp */
    uint32_t dllp_ppm;       /* share: of the encoded rate for DLLPs and SKP, parts per million */
    uint32_t ack_latency;    /* symbol times between Acks and between UpdateFCs; 0: the guideline */
    uint32_t retry;          /* TLPs that the card can have unacknowledged; 0: any number */
    uint32_t lcrc_ppb;       /* TLPs of 10^9 that arrive damaged, both directions */
    uint32_t dllp_crc_ppb;   /* DLLPs of 10^9 that arrive damaged, both directions */
    uint32_t replay_timer;   /* symbol times, beyond the latencies; 0: what the specification has */
    uint64_t
        refresh_ps; /* UpdateFC on an idle link; 0: 30 us if DLLPs can be damaged, else never */
    uint64_t retrain_ps;       /* that the link is down after a rollover of REPLAY_NUM */
    uint32_t poison_ppb;       /* completions of 10^9 that arrive poisoned */
    uint32_t poison_write_ppb; /* writes to host memory, writes to registers of 10^9, too */
    uint32_t lost_ppb;         /* read TLPs of 10^9 that the host does not answer */
    uint32_t abort_ppb;        /* that it answers with Completer Abort */
    uint32_t late_ppb;         /* whose data is ready late_ps later */
    uint64_t late_ps;
    uint64_t timeout_ps;                 /* completion timeout; 0: none */
    uint64_t quarantine_ps;              /* after it a tag is not used again for that long */
    uint32_t tags;                       /* read TLPs outstanding */
    uint32_t space_headers, space_data;  /* of the card for completions, units; 0: infinite */
    uint32_t host_ph, host_pd, host_nph; /* units that the host advertises; 0: infinite */
    uint32_t card_ph, card_pd, card_nph; /* units that the card advertises; 0: infinite */
    bool relaxed;   /* completions of register reads may pass writes (relaxed ordering) */
    bool ido;       /* requests may pass writes of other IDs (ID-based ordering) */
    uint32_t queue; /* requests that each client can have waiting */
    bool address64; /* 4DW headers where addresses need them: from 4 GB on, and for the registers */
    bool ideal;     /* no wire time, no latency beyond the clock crossings, no limit */
    uint64_t seed;
    struct pcie_memory_config host;
};

extern const struct param pcie_params[];
extern const size_t pcie_param_count;

enum pcie_op { PCIE_READ, PCIE_WRITE, PCIE_MSIX };

/* What became of a request; of several errors, the first of these. That of a write is known in ops.memory, not
 * in the answer. */
enum pcie_status {
    PCIE_OK,
    PCIE_UNSUPPORTED, /* no memory there */
    PCIE_ABORTED,     /* the host could not answer */
    PCIE_POISONED,    /* data arrived marked as bad */
    PCIE_TIMED_OUT,   /* a read TLP was never answered */
    PCIE_STATUSES
};

struct pcie_request {
    uint64_t address;
    uint32_t length; /* bytes, 1..2^30; PCIE_MSIX: 4 */
    uint8_t op;      /* enum pcie_op */
    uint8_t client;  /* index of its channels */
    uint8_t answer;  /* 1: put it on the response channel when done (reads: always). A write is done
                        * when its last byte has left: ops.memory is called later */
    uint8_t status;  /* out: enum pcie_status */
    uint32_t ref;    /* the client's: packet, ring entry, ... */
    uint32_t ref2;
    uint8_t id;          /* of the requester, below PCIE_IDS */
    uint8_t reserved[7]; /* 0: no hidden padding, so that a snapshot copies only data */
    uint64_t visible;    /* out: cycle (of the link's domain) of ops.memory */
};

/* What the link calls; `cycle` is in the link's domain. A callback may make requests, release
 * them and start MMIO. `request` is a copy, good until the callback returns. */
struct pcie_ops {
    /* The request reaches host memory: a write becomes visible, a read samples the bytes. A write with a
     * status other than PCIE_OK has changed nothing; so has a read that the host refuses, and what else
     * may become of a read is not known yet. */
    void (*memory)(void *self, uint64_t cycle, const struct pcie_request *request);
    /* MMIO from the host arrives at the card's registers. */
    void (*mmio_write)(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes, uint64_t value);
    /* Is to be answered with pcie_mmio_answer(), here or later. */
    void (*mmio_read)(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes);
    /* The completion of an MMIO read arrives at the CPU; `ok` false: without data. */
    void (*mmio_done)(void *self, uint64_t cycle, uint64_t tag, uint64_t value, bool ok);
    /* Is there memory at these bytes (of one TLP)? Pure. NULL: everywhere. */
    bool (*mapped)(void *self, uint64_t address, uint32_t length);
};

/* Why nothing goes up although a client has something to send: what the first in turn lacks. */
enum pcie_stall {
    PCIE_STALL_TAGS,
    PCIE_STALL_SPACE, /* for completions */
    PCIE_STALL_POSTED,
    PCIE_STALL_NONPOSTED, /* credits */
    PCIE_STALL_RETRY,
    PCIE_STALLS
};

/* "tags", "posted credits", ... */
const char *pcie_stall_name(enum pcie_stall stall);

/* Counters per direction: 0 = up (device to host), 1 = down. TLPs are counted when they start. */
struct pcie_direction_stats {
    uint64_t tlps_write, tlps_read, tlps_completion, tlps_mmio; /* MSI-X counts as write */
    uint64_t wire_write, wire_read, wire_completion,
        wire_mmio;                 /* bytes of these TLPs on the wire, sent for the first time */
    uint64_t payload_bytes;        /* data carried, without padding */
    uint64_t wire_bytes;           /* every byte of every TLP */
    uint64_t wire_replay;          /* of them: sent again */
    uint64_t wire_dllp;            /* bytes of DLLPs */
    uint64_t wire_skp;             /* bytes of SKP ordered sets */
    uint64_t acks, updates, naks;  /* DLLPs sent */
    uint64_t lcrc_errors, replays; /* TLPs that arrived damaged; TLPs that were sent again */
    uint64_t bad_dllps;            /* DLLPs of this direction that arrived damaged */
    uint64_t replay_timeouts;      /* of the REPLAY_TIMER of its transmitter */
    uint64_t replay_rollovers;     /* of its REPLAY_NUM */
    uint64_t busy_cycles;          /* byte times of TLPs, as of pcie_link_settle() */
    double utilisation;            /* busy_cycles of the cycles since 0, as of pcie_link_settle() */
};

struct pcie_stats {
    struct pcie_direction_stats dir[2];
    uint64_t reads, writes, msix, mmio_reads, mmio_writes; /* requests */
    uint64_t
        stall_cycles[PCIE_STALLS]; /* the wire up was clear and somebody had something to send */
    /* Errors as Advanced Error Reporting counts them, TLPs; damaged ones are in `dir`. */
    uint64_t poisoned, timeouts, unsupported_reads, unsupported_writes;
    uint64_t aborted_reads, unexpected, poisoned_writes, poisoned_mmio;
    uint64_t unsupported_mmio, aborted_mmio; /* register reads that the card refused */
    uint64_t retrains;                       /* of the link, after rollovers */
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
 * set but `mapped`. */
struct pcie_link *pcie_link_create(struct sched *sched, unsigned domain,
                                   const struct pcie_config *config, const struct pcie_ops *ops,
                                   void *self);
void pcie_link_destroy(struct pcie_link *link);
void pcie_link_register_state(struct pcie_link *link, struct snapshot *snap);

/* Scheduler's block number: writer of response channels, reader of request channels. */
unsigned pcie_link_block(const struct pcie_link *link);

/* What a client may be answered. The answers of one kind come in a fixed order, so they can be pushed as
 * soon as their cycle is known; of a client with both, a read can overtake or be overtaken, and an answer
 * has to wait for its cycle. */
enum pcie_answers {
    PCIE_ANSWERS_READS = 1,
    PCIE_ANSWERS_WRITES = 2,
    PCIE_ANSWERS_BOTH = 3,
    PCIE_ANSWERS_ORDERED = 4 | PCIE_ANSWERS_READS /* reads alone, in the order of the requests */
};

/* Request channel: depth config->queue, one beat an item. Response channel: `unlimited`; the
 * client bounds what it has outstanding; NULL if it never wants an answer. At most one answer a
 * cycle: others follow. Reads may be answered out of order, if memory takes its time, unless the client
 * wants them ordered: then an answer waits for those before it. Returns the client's index; all are attached before the first request. */
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

/* From the CPU, at a cycle of the link's domain not before the present; `bytes` 1..8, of a write 1..64: then `value`
 * is the client's, which has the contents (a write-combining buffer). Accesses
 * reach the card in order of their cycles, those of one cycle in order of the calls. */
void pcie_mmio_write(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                     uint64_t value);
void pcie_mmio_read(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                    uint64_t tag);

/* From the card: the answer of the register read that has waited for longest, `value` unless `status` is
 * PCIE_UNSUPPORTED or PCIE_ABORTED. The register was read in `cycle` of the clock domain `domain`, at the latest
 * now: what was pushed before that cycle goes first. The link has the answer from its own cycle `from` on, not before
 * the present (in ops.mmio_read: the cycle of the call) nor before that of the answer before. */
void pcie_mmio_answer(struct pcie_link *link, uint64_t from, unsigned domain, uint64_t cycle,
                      uint64_t value, enum pcie_status status);

struct pcie_stats *pcie_link_stats(struct pcie_link *link);
/* What is behind the root complex: for benches that warm caches, and for statistics. */
struct pcie_memory *pcie_link_memory(struct pcie_link *link);

/* The wires as issue slots, 0 = up, 1 = down: busy with TLPs, starved, or (up) waiting: something is to be
 * sent and lacks tags, space or credits; the cause is the link itself. Both are published to the scheduler
 * as the block's slots. */
const struct account *pcie_link_account(const struct pcie_link *link, unsigned direction);

/* Count every cycle before `cycle` (not after the present) in the accounts, busy_cycles,
 * utilisation, stall_cycles and the counters of DLLPs. */
void pcie_link_settle(struct pcie_link *link, uint64_t cycle);

/* Nothing is being sent, in flight, or waiting inside the link; an answer that has been pushed already
 * does not count. */
bool pcie_link_idle(const struct pcie_link *link);

/* ---- the arithmetic of TLPs, for tests and tools -------------------------------------------------- */

struct pcie_cost {
    uint32_t tlps;
    uint32_t wire_bytes;
};

/* Framing, sequence number and LCRC 8 (none in flits), header 12 or 16 (2.2.1, 3.2). */
static inline uint32_t pcie_overhead(const struct pcie_config *config, bool four_dws)
{
    return (four_dws ? 16u : 12u) + (config->generation < 6 ? 8u : 0u);
}

/* Of a TLP to host memory. Below 4 GB the header has 3 DWs (2.2.4.1: a 4DW header is not allowed there). */
static inline uint32_t pcie_request_overhead(const struct pcie_config *config, uint64_t address)
{
    return pcie_overhead(config, config->address64 && address >> 32 != 0);
}

/* Of a register access; with address64 the registers are mapped beyond 4 GB. */
static inline uint32_t pcie_register_overhead(const struct pcie_config *config)
{
    return pcie_overhead(config, config->address64);
}

static inline uint32_t pcie_completion_overhead(const struct pcie_config *config)
{
    return 12u + (config->generation < 6 ? 8u : 0u);
}

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

/* Guideline for Acks and UpdateFCs, symbol times of a lane. */
uint32_t pcie_ack_latency(const struct pcie_config *config);

/* The limit of the REPLAY_TIMER without the latencies of the link, symbol times of a lane. */
uint32_t pcie_replay_limit(const struct pcie_config *config);

#endif
