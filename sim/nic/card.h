/* The inside of the card: what its blocks share. Only files in sim/nic include this.
 *
 * RX, one per lane:  mac_rx (per port) -> parser -> sa_lookup -> sa_wait -> replay_check -> crypto
 *                    -> reorder -> replay_update -> decapsulate -> rx_dma, or back to parser for the
 *                    next IPsec header; with card.forward.path hairpin: -> forward -> rx_dma, or sa_fetch
 * TX, one per lane:  tx_dma -> sa_fetch -> sa_wait -> sequence -> encapsulate -> crypto -> reorder
 *                    -> mac_tx (per port), or back to sa_fetch
 *
 * Blocks that change what stages look at outside of channels (sa_memory, command, registers, the DMA
 * answers) have higher block numbers than the stages, so a stage always sees what was settled in the
 * cycle before. */
#ifndef ESPNIC_NIC_CARD_H
#define ESPNIC_NIC_CARD_H

#include "engine/histogram.h"
#include "engine/stage.h"
#include "esp/esp.h"
#include "espnic.h"
#include "nic/abi.h"
#include "nic/config.h"
#include "nic/drops.h"
#include "nic/nic.h"
#include "nic/pool.h"
#include "nic/routes.h"
#include "nic/steering.h"
#include "pcie_model/registers.h"

enum { NIC_RX, NIC_TX };

enum { NIC_HEADROOM = 256, NIC_TAILROOM = 768 }; /* around a frame in its buffer */

/* In the order of use: what every stage looks at, then the SA of this pass, then what the ends need. */
struct nic_packet {
    uint8_t dir; /* NIC_RX, NIC_TX */
    uint8_t port, queue, lane;
    uint8_t kind;      /* enum esp_packet_kind of the present header */
    uint8_t version;   /* IP */
    uint8_t drop;      /* enum nic_drop */
    uint8_t bypass;    /* enum nic_bypass */
    uint8_t pass;      /* IPsec headers processed so far */
    uint8_t looked;    /* TX: the look-up of this pass has been made */
    uint8_t probes;    /* accesses that it takes */
    uint8_t entry;     /* of the context, this pass */
    uint8_t crypt;     /* this pass needs the crypto */
    uint8_t opened;    /* decapsulation of this pass has been made */
    uint8_t again;     /* goes round once more */
    uint8_t status;    /* enum abi_crypto_status of the first failure */
    uint8_t job_state; /* enum esp_job_state when it needs no job */
    uint8_t info;      /* pad_length and next_header are known */
    uint8_t pad_length, next_header;
    uint8_t delete_req;
    uint8_t framed;     /* TX: encapsulation of this pass has been made */
    uint8_t size_class; /* of the buffer */
    uint8_t tx_flags;   /* of the descriptor: ABI_TX_* */
    uint8_t no_key;     /* TX: lengths, but no contents: the descriptor says that there is no key */
    uint8_t portion;    /* TX: 0 transport or only handle, 1 tunnel handle */
    uint8_t plain;      /* RX, timing only: what SAs encrypt is there in clear */
    uint8_t hairpin;    /* TX: came from the wire, and has no descriptor */
    uint8_t decided;    /* forward: the look-up has been made */
    uint8_t stay;       /* forward: enum nic_stay */
    uint8_t wrong_half; /* RX: the scope gives another upper half than the window */
    uint8_t out_port;   /* forward: where it goes, and by which lane */
    uint32_t out_lane;
    uint64_t out_handle; /* forward: SA to send it with, 0: in clear */
    uint8_t last_segment;
    uint16_t segment;      /* of a large send, from 0 */
    uint16_t mss, headers; /* of a large send that is still whole: of the descriptor */
    uint32_t parent;       /* segment: the packet that it was cut from, 0 = none */
    uint32_t left;         /* large send: segments under way */
    uint32_t beats;
    uint32_t sa; /* context of this pass, 0 = none */
    uint32_t job;
    uint32_t carried; /* TX: context that came with the descriptor, 0 = none */
    uint32_t buffer;
    uint32_t start, length, l3; /* frame in the buffer, IP header in the frame */
    uint32_t present;           /* bytes of the frame that are there, <= length */
    uint32_t order_key;
    uint64_t order;
    uint64_t sequence; /* of this pass */
    struct esp_bounds bounds;
    struct esp_transform transform; /* of the SA of this pass */
    uint32_t l3_header;             /* of the present packet, extension headers included */
    uint32_t l3_length;             /* TX: of the present packet, as sequence has read it */
    uint32_t dma_bytes;
    uint32_t cookie;
    uint32_t header_word, tfc;
    uint32_t wire_length; /* RX: as it came */
    uint32_t mshr;        /* context miss that it waits for: index + 1, 0 = none */
    uint64_t mshr_ticket; /* of the latest miss when it asked */
    uint32_t wait_turn;   /* its place among those that came to sa_wait, free-running */
    uint32_t turn;        /* TX: its place in the order of its lane */
    uint32_t ring_at;     /* its descriptor in the ring, free-running */
    uint32_t done_at;     /* TX: place of its completion in the ring, free-running */
    uint32_t chain;       /* the next one that completes with it, 0 = none */
    uint64_t handle[2];   /* TX: descriptor's; RX: SAs that matched, outer first */
    uint64_t first_sequence;
    uint64_t tag, wire_ps, address;
};

/* A context that came with a transmit descriptor. */
struct nic_carried {
    struct abi_tx_context head;
    uint8_t key[ABI_CONTEXT_MAX - sizeof(struct abi_tx_context)];
    struct esp_key_ref name;
};

/* Work that was given to the cryptographic library. */
struct nic_job {
    struct esp_job job;
};

/* Engines and reorder of a lane in one direction (crypto.c). */
struct nic_crypt {
    struct espnic *card;
    uint8_t dir, lane;
    unsigned engines; /* engines * contexts; the lane after the last is the way around */
    struct stage crypto, reorder;
    uint64_t engine_free[NIC_MAX_ENGINES]; /* cycle in which an engine can issue again */
    uint32_t *ticket; /* [2][NIC_ORDER_KEYS]: next number to give, next number to let go */
};

enum { NIC_ORDER_KEYS = 4096, NIC_HAZARDS = 4096 };

/* The last updates of SA numbers in a lane: the read-modify-write hazard. */
struct nic_hazards {
    uint32_t sa[NIC_HAZARDS];
    uint64_t cycle[NIC_HAZARDS];
    uint32_t at;
};

struct nic_lane {
    struct espnic *card;
    unsigned index;
    struct stage parser, lookup, wait, replay, update, decapsulate, forward, rx_dma;
    struct stage tx_dma, fetch, tx_wait, sequence, encapsulate;
    struct nic_crypt rx, tx;
    struct nic_hazards hazards[2];
    unsigned rx_client, tx_client; /* of the PCIe link */
    unsigned rx_answers_block;
    uint32_t rx_dma_used;    /* bytes being written */
    struct channel *rx_done; /* packets whose data has left, of rings that gather completions */
    struct channel *tx_here; /* packets whose data need not be read */
    struct channel *tx_segments;
    struct nic_turns {
        uint32_t given, taken; /* packets to send: turns given, and over */
    } turns;
    struct nic_waits {
        uint32_t joined; /* packets that have come to sa_wait */
    } waits[2];          /* NIC_RX, NIC_TX */
};

struct nic_arrival {
    uint64_t commit; /* wire cycle in which the frame is complete */
    uint32_t packet;
};

struct nic_departure {
    uint64_t cycle; /* wire cycle of the last bit */
    uint32_t packet;
};

struct nic_failed {
    uint64_t cycle; /* of the core, from which on it can be completed */
    uint32_t packet;
    uint32_t reserved; /* 0: snapshots are compared byte for byte */
};

/* Descriptors of TX that were dropped and are not completed yet, at most: a power of two. */
enum { NIC_FAILED_RING = 1 << 16 };

/* Around a frame on the wire, in bytes, which are cycles of its clock; the shortest frame without FCS (IEEE 802.3). */
enum { NIC_PREAMBLE = 8, NIC_FCS = 4, NIC_GAP = 12, NIC_SHORTEST = 60 };

/* Frames that a client may give to a port ahead of their time, at least. */
enum { NIC_AHEAD = 512 };

struct nic_port {
    struct espnic *card;
    unsigned index, domain;
    unsigned rx_block, tx_block; /* mac_rx; departures of mac_tx */
    uint64_t latency;            /* of the PHY, wire cycles */
    struct stage mac_tx;
    uint32_t ring;                   /* entries of both: a power of two */
    struct nic_arrival *arrival;     /* ring: frames between API and MAC */
    struct nic_departure *departure; /* ring: between MAC and wire */
    struct nic_port_state {
        uint32_t arrival_head, arrival_tail;
        uint32_t departure_head, departure_tail;
        uint64_t wire_free;    /* wire cycle */
        uint32_t next_lane;    /* steering by arrival */
        uint32_t client_waits; /* wire_free said NEVER */
    } s;
    struct channel *rx_channel[NIC_MAX_LANES];
    struct channel *tx_done; /* to the completion block */
};

enum { NIC_PREFETCH_QUEUE = 256 };

/* SAs whose contexts are to be fetched ahead, by handle, each from a cycle on. */
struct nic_prefetch_queue {
    uint32_t head, tail;
    uint64_t handle[NIC_PREFETCH_QUEUE], cycle[NIC_PREFETCH_QUEUE];
};

/* An added SA whose context is to be written, and the slot of its command. */
struct nic_stored {
    uint32_t sa, slot;
};

/* SA contexts behind a cache. */
struct nic_memory {
    unsigned block, client;
    uint32_t line_bytes;
    uint32_t lines, needed,
        written; /* of a context; of them those that a packet needs, and changes */
    struct nic_memory_state {
        uint64_t ticket;    /* misses so far */
        uint64_t card_free; /* cycle in which card memory takes the next request */
        uint32_t fill_head, fill_tail;
        uint32_t back_head, back_tail; /* dirty victims that wait for room in the request queue */
        uint32_t store_head, store_tail, store_line; /* and the line of the first that is next */
        uint32_t received;                           /* MSHRs taken for received packets */
        struct nic_prefetch_queue prefetch[2];       /* NIC_RX, NIC_TX */
    } s;
    uint64_t *mshr_ticket; /* [mshr]: of the miss it holds, or the last one it held */
    uint8_t *mshr_done;    /* [mshr]: filled */
    uint8_t *mshr_dir;     /* [mshr]: NIC_RX, NIC_TX */
    uint64_t *fill_cycle;  /* ring of fills under way in the card */
    uint32_t *fill_mshr;
    uint32_t ring;  /* sizes of rings are powers of two */
    uint64_t *back; /* ring of lines */
    uint32_t back_ring;
    struct nic_stored *store; /* ring of contexts to be written to host memory, of added SAs */
    uint32_t store_ring;
};

enum { NIC_PUSH_WORDS = REG_TX_PUSH_WINDOW / 8 };

/* A descriptor that the host is writing. */
struct nic_push {
    uint8_t bytes[NIC_PUSH_WORDS * 8];
    uint64_t have[NIC_PUSH_WORDS / 64]; /* bit w: word w is there */
};

/* What is known of a descriptor on the card, beside itself. */
struct nic_extra {
    uint16_t bytes; /* of data that came with it */
    bool pushed;
};

enum nic_done_mode { NIC_DONE_EACH, NIC_DONE_REPORT, NIC_DONE_HEAD };
enum { NIC_DONE_MOST = 64 /* completions of a write */, NIC_ENTRY_MOST = 128 /* bytes */ };

/* Completions of a ring (done.c). */
struct nic_done {
    uint8_t mode;  /* enum nic_done_mode */
    uint8_t batch; /* completions a write, at most */
    uint8_t bytes; /* of an entry */
    bool gathers;  /* else each has a write of its own */
    uint32_t
        entries; /* asked for so far: place of the next one (free-running); HEAD: descriptors told */
    uint32_t next; /* in the order of the ring: the descriptor whose turn it is */
    uint32_t early_first,
        early_last;       /* packets that are complete, plain RX: in memory, before their turn */
    uint32_t first, last; /* packets that the next write stands for */
    uint32_t count;       /* those of them that count */
    uint32_t silent;      /* packet: the last one complete and not reported, 0 = none */
    uint64_t wait;        /* core cycles */
    uint64_t deadline, silent_deadline; /* cycles, CLOCK_NEVER without */
};

struct nic_ring {       /* of descriptors, one queue */
    uint32_t posted;    /* TAIL as the core sees it */
    uint32_t requested; /* descriptors asked for */
    uint32_t fetched;   /* descriptors on the card */
    uint32_t taken;     /* handed to packets */
    uint32_t completed; /* as the host knows */
    uint32_t size;   /* of the rings in host memory, as the registers have it; and where they are */
    uint32_t entry;  /* bytes of a descriptor there, with what stands behind it */
    uint32_t room;   /* of them, for data of the packet */
    uint32_t pushed; /* descriptors on the card that the host has written */
    uint64_t base, done_base;
    struct nic_done done;
};

struct nic_dma {
    unsigned tx_block, rx_block, done_block; /* descriptor fetch; completions */
    unsigned tx_client, rx_client, done_client, rx_done_client;
    struct nic_ring tx[16], rx[16];
    /* Bit q: queue q has posted descriptors that have not been asked for; it has some on the card. */
    uint32_t tx_asks, rx_asks, tx_ready;
    uint32_t tx_held; /* a read of payload waits for room in the buffer or for another read's end */
    struct abi_tx_descriptor *tx_descriptor; /* [queue][prefetch] */
    uint8_t *tx_context;                     /* the same; what follows them in the ring, or NULL */
    uint8_t *tx_inline;                      /* the same; data of their packets, or NULL */
    struct nic_extra *tx_extra;              /* the same; only with tx_inline or tx_push */
    struct nic_push *push;                   /* [queue]: being written by the host, or NULL */
    struct abi_rx_descriptor *rx_descriptor;
    uint64_t tx_bytes; /* of packets being read */
    uint32_t tx_reads;
    uint32_t tx_turn;
    uint32_t
        rx_spread; /* queues that packets are spread over: 0 to the last one that had buffers */
    uint32_t tx_gathered, rx_gathered; /* bit q: completions of queue q wait to be written */
    struct nic_failed *failed;         /* ring: packets that ended without a frame, by cycle */
    uint32_t failed_head, failed_tail;
};

/* Items of the stage tx_dma: a packet that is there, or else a request for one. */
#define NIC_HERE (1u << 31)

enum nic_slot_state {
    NIC_SLOT_FREE,
    NIC_SLOT_COMMAND,
    NIC_SLOT_BUFFER,
    NIC_SLOT_READY,
    NIC_SLOT_RUNNING,
    NIC_SLOT_DRAIN,
    NIC_SLOT_STORING,
    NIC_SLOT_WRITING
};

enum { NIC_MAX_NODES = 64, NIC_MAX_SLOTS = 256, NIC_COMMAND_RING = 65536 };

struct nic_slot {
    uint8_t state;
    uint8_t writes; /* handle write-backs to do */
    bool at_once;   /* an experiment: it costs nothing, and is in no slot */
    uint16_t reason;
    uint32_t status;
    uint32_t done; /* nodes offloaded or found */
    uint32_t
        waiting; /* DELETE: contexts still in use; ADD: contexts not yet on their way to host memory */
    uint64_t stored; /* ADD: cycle in which all contexts are in card memory */
    uint32_t node_count;
    uint32_t buffer;
    uint32_t bytes_read;
    uint64_t finish; /* cycle in which the work is over */
    uint64_t ready;  /* cycle in which command and buffer were there */
    uint64_t card_ps;
    uint32_t accesses; /* of the look-up memories, for the keys of the command */
    uint8_t updated;   /* UPDATE: enum sa_update */
    struct abi_command command;
    uint32_t id[NIC_MAX_NODES]; /* contexts */
    uint64_t handle[NIC_MAX_NODES];
    uint32_t offset[NIC_MAX_NODES]; /* of the OffloadHandle fields in the buffer */
};

struct nic_commands {
    unsigned block, client;
    struct nic_slot *slot;
    struct nic_commands_state {
        uint32_t posted, requested, answered, completed;
        uint32_t running; /* slot + 1 */
        uint64_t order;   /* commands decoded so far */
        bool resetting;
    } s;
    uint64_t *turn;   /* [slot]: order of arrival */
    uint64_t *posted; /* [index mod NIC_COMMAND_RING]: cycle of its doorbell */
    struct account account;
    uint64_t by_cause[2][SCHED_MAX_BLOCKS];
};

enum { NIC_EVENTS = 1024 };

/* Events of SAs on their way to host memory (events.c). */
struct nic_events {
    struct nic_events_state {
        uint32_t head, asked, tail; /* in memory, being written, raised; free-running */
        uint32_t written;           /* into the host's ring, free-running */
    } s;
    struct abi_event fifo[NIC_EVENTS];
};

/* The port of the look-up memories (lookup_port.c), in cycles: free for the next look-up from `free` on; accesses of a
 * command at from, from + lookup_pace, ... before `to`. */
struct nic_lookup_port {
    uint64_t free, from, to;
};

struct nic_again {
    struct pcie_request request;
    uint32_t client;
};

/* Reads that failed (dma_error.c). */
struct nic_faults {
    struct nic_faults_state {
        uint32_t head, count;
        uint32_t in_a_row;
        uint8_t status; /* enum pcie_status of the one that stopped the card */
        bool stopped;
        uint64_t address;
    } s;
    struct nic_again *again; /* ring: to be asked for again */
    uint32_t room;           /* commands and contexts being read, at most */
};

enum { NIC_VECTORS = 33, NIC_VECTOR_CLASSES = 3, NIC_MMIO_RING = 4096 };

struct nic_vector {
    uint32_t events;
    uint64_t deadline; /* cycle, CLOCK_NEVER without events */
    uint64_t allowed;  /* cycle from which the next message may go */
};

/* INT_ENABLE, INT_HOLDOFF and INT_COALESCE. */
struct nic_moderation {
    uint32_t enabled;
    uint32_t coalesce[NIC_VECTOR_CLASSES];
    uint64_t holdoff[NIC_VECTOR_CLASSES]; /* core cycles */
};

/* A register access on its way into the core clock. */
struct nic_mmio {
    uint32_t offset;
    uint16_t bytes;
    bool read;
    uint64_t value; /* to be written; of more than 8 bytes: where they are in `lines` */
};

/* A card that forwards by itself (forward.c). */
struct nic_forwarding {
    struct nic_routes routes;
    struct nic_steer steering;
    struct histogram latency; /* ps: last bit in to last bit out */
};

struct espnic {
    struct nic_config config;
    struct espnic_options options;
    struct espnic_ports ports;
    struct clock_set clocks;
    unsigned core, crypto_domain, pcie_domain, port_domain;
    struct sched sched;
    struct nic_lane lane[NIC_MAX_LANES];
    struct nic_port port[NIC_MAX_PORTS];
    struct channel *channel[640]; /* all of them, for state and for the search for deadlocks */
    unsigned channels;
    struct nic_pool packets, jobs, buffers[3], carried;
    struct nic_pool lines; /* bursts of register writes on their way */
    struct sa_table table;
    struct sa_cache cache;
    struct nic_memory memory;
    struct nic_lookup_port lookup_port;
    struct histogram residence_ns; /* of SAs that have been deleted */
    struct nic_dma dma;
    struct nic_commands commands;
    struct nic_events events;
    struct histogram rearm_ns;      /* from an event of a scope to its being armed again */
    struct nic_forwarding *forward; /* NULL unless packets turn round in the card */
    struct nic_mailbox *mailbox;    /* NULL unless SAs come through registers */
    struct pcie_link *link;
    struct channel *request[PCIE_MAX_CLIENTS], *answer[PCIE_MAX_CLIENTS];
    uint64_t last_request[PCIE_MAX_CLIENTS]; /* cycle after the last push */
    unsigned clients;
    struct reg_file registers;
    unsigned registers_block, interrupts_block, interrupts_client;
    struct channel *mmio_channel;
    struct nic_mmio *mmio; /* ring between link and registers block */
    uint32_t mmio_head;
    struct nic_vector vector[NIC_VECTORS];
    struct nic_faults faults;
    uint64_t vectors_due; /* bit v: vector v has events */
    struct nic_moderation moderation;
    uint32_t *rss; /* [place of a byte][byte]: its share of the Toeplitz hash, or NULL */
    struct esp_crypt *crypt;
    struct rng iv_random;
    struct rng firmware_random; /* service times */
    struct nic_stats stats;
    uint16_t ip_id;
    bool offload_on, enabled;
    nic_passage_fn *passage; /* timeline */
    void *passage_self;
    uint64_t now; /* port clock: reached by espnic_advance */
    uint64_t stop;
    bool advancing;
};

enum { NIC_LANE_STAGES = 17 };

/* All stages of a lane, in the order of the report. */
void nic_lane_stages(struct nic_lane *lane, struct stage *stages[NIC_LANE_STAGES]);

/* ---- shared helpers (nic.c) ------------------------------------------------------------------- */

static inline struct nic_packet *nic_packet(const struct espnic *card, uint32_t index)
{
    return nic_pool_at(&card->packets, index);
}

static inline uint8_t *nic_bytes(const struct espnic *card, const struct nic_packet *p)
{
    return (uint8_t *)nic_pool_at(&card->buffers[p->size_class], p->buffer) + p->start;
}

static inline uint32_t nic_beats(const struct espnic *card, uint32_t bytes)
{
    uint32_t bus = (uint32_t)card->config.general.bus;

    return bytes < bus ? 1 : (bytes + bus - 1) / bus;
}

/* Bytes of the longest frame that the channels of whole packets are made for: an IP packet of the MTU, and what Ethernet and
 * ESP add. */
static inline uint32_t nic_longest_frame(const struct espnic *card)
{
    return (uint32_t)card->config.mac.mtu + 256;
}

uint32_t nic_packet_new(struct espnic *card, unsigned dir, uint32_t length);
void nic_packet_free(struct espnic *card, uint32_t index);
void nic_esp_packet(const struct espnic *card, const struct nic_packet *p, struct esp_packet *out);
void nic_esp_packet_back(struct nic_packet *p, const struct esp_packet *in);
struct channel *nic_channel(struct espnic *card, const char *name, unsigned writer, unsigned reader,
                            uint32_t depth);

static inline uint64_t nic_now_ns(const struct espnic *card, uint64_t core_cycle)
{
    return clock_ps(&card->clocks, card->core, core_cycle) / 1000;
}

static inline uint64_t nic_port_time(const struct espnic *card, unsigned domain, uint64_t cycle)
{
    return clock_edge_from(&card->clocks, domain, cycle, card->port_domain);
}

/* What has been reached; inside a callback, the time of its event. */
static inline uint64_t nic_present(const struct espnic *card)
{
    uint64_t event =
        card->advancing ? nic_port_time(card, card->sched.now_domain, card->sched.now_cycle) : 0;

    return event > card->now ? event : card->now;
}

/* Not less than `least`, which is not 0: free-running indices stay in step with their ring when they wrap. */
static inline uint32_t nic_power_of_two(uint32_t least)
{
    uint32_t below = least - 1;

    for (unsigned shift = 1; shift < 32; shift *= 2) {
        below |= below >> shift;
    }
    return below + 1;
}

/* Packets of an SA are sent by one lane. */
static inline unsigned nic_tx_lane(const struct espnic *card, uint64_t handle)
{
    return (unsigned)(rng_mix(handle) % card->config.general.lanes);
}

/* Fill a job with the parameters of a plain stage. */
static inline void nic_plain_job(const struct nic_stage_config *c, bool ideal, uint32_t beats_in,
                                 uint32_t beats_out, struct lane_job *job)
{
    job->beats_in = beats_in;
    job->beats_out = beats_out;
    if (!beats_out) {
        job->out = LANE_NO_CHANNEL;
    }
    if (!ideal) {
        job->interval = c->interval;
        job->tail = c->overhead;
        job->latency = c->latency;
    }
}

/* Start a plain stage of one lane. */
void nic_stage(struct espnic *card, struct stage *st, const char *name, unsigned domain,
               unsigned lanes, enum lane_start start, const struct stage_ops *ops, void *self);

/* The packet is dropped by a stage: count it; the packet itself goes when its beats have passed. */
void nic_count_drop(struct espnic *card, struct nic_packet *p, enum nic_drop why);
/* ops.done of stages that can drop: if the last item was dropped, let it go. A descriptor of TX is completed when
 * its last beat has passed, which may lie ahead (the stage is in the clock of the core). */
void nic_done_dropped(struct espnic *card, const struct lane_state *s);

/* The packet no longer uses its SA. */
void nic_release_sa(struct espnic *card, struct nic_packet *p, uint64_t cycle);
/* Entry of the SA of this pass; the packet must have one. */
static inline struct sa_entry *nic_entry(struct espnic *card, const struct nic_packet *p)
{
    return sa_entry(&card->table, sa_context(&card->table, p->sa), p->entry);
}
/* Framing of the SA of this pass: made when it has been looked up, read afterwards. */
void nic_make_transform(struct espnic *card, struct nic_packet *p);
static inline const struct esp_transform *nic_transform(const struct nic_packet *p)
{
    return &p->transform;
}
/* Bytes of its header, from p->bounds.ipsec to the payload: of ESP with the IV, of AH with the ICV and padding. In
 * transport mode p->version must be that of the header in front; a tunnel's is that of the SA. */
static inline uint32_t nic_ipsec_bytes(const struct nic_packet *p)
{
    const struct esp_transform *t = &p->transform;

    return t->op == ESP_OP_AH
               ? esp_ah_bytes(t, t->mode == ESP_MODE_TUNNEL ? t->dst.family : p->version)
               : ESP_HEADER + (uint32_t)t->iv;
}
void nic_suite(struct espnic *card, const struct nic_packet *p, struct esp_suite *suite);
struct esp_key_ref nic_key(struct espnic *card, const struct nic_packet *p);

/* Read-modify-write hazard of an SA's numbers: cycle from which it may be updated again. */
uint64_t nic_hazard_until(const struct nic_hazards *h, uint32_t sa, uint32_t rmw, uint64_t now);
void nic_hazard_note(struct nic_hazards *h, uint32_t sa, uint64_t cycle);

/* ---- blocks: one file each ---------------------------------------------------------------------- */

void nic_mac_rx_init(struct espnic *card, struct nic_port *port);
void nic_parser_init(struct espnic *card, struct nic_lane *lane);
void nic_lookup_init(struct espnic *card, struct nic_lane *lane);
void nic_replay_init(struct espnic *card, struct nic_lane *lane);
void nic_crypt_init(struct espnic *card, struct nic_crypt *c, unsigned dir, unsigned lane);
void nic_decapsulate_init(struct espnic *card, struct nic_lane *lane);
void nic_rx_dma_init(struct espnic *card, struct nic_lane *lane);
void nic_tx_dma_init(struct espnic *card, struct nic_lane *lane);
void nic_fetch_init(struct espnic *card, struct nic_lane *lane);
void nic_sequence_init(struct espnic *card, struct nic_lane *lane);
void nic_encapsulate_init(struct espnic *card, struct nic_lane *lane);
void nic_mac_tx_init(struct espnic *card, struct nic_port *port);
void nic_memory_init(struct espnic *card);
void nic_dma_init(struct espnic *card);
void nic_commands_init(struct espnic *card);
void nic_csr_init(struct espnic *card);
/* The register file's part in it: a read with the answer's status; the registers of the other command path go away. */
uint64_t nic_csr_read(struct reg_file *registers, const struct nic_mmio *m,
                      enum pcie_status *status);
void nic_csr_hide(struct reg_file *registers, bool tables);
void nic_interrupts_init(struct espnic *card);

/* Reading the packet's headers (parser.c). */
void nic_parse(struct espnic *card, struct nic_packet *p, uint32_t l3);
/* Of the addresses, and of the SPI if asked for (the packet must have one). */
uint32_t nic_flow_hash(const struct espnic *card, const struct nic_packet *p, bool spi);

/* sa_lookup.c: context of the outbound SA of a handle, 0 = none */
uint32_t nic_tx_sa(struct espnic *card, uint64_t handle);

/* lso.c: cut the frame, which has been read, into segments (false: refused, counted as dropped); the number of a
 * packet, given what it would be by itself; a packet ends: what its descriptor waits for, 0 = others */
bool nic_lso_begin(struct espnic *card, struct nic_lane *lane, uint32_t item, uint64_t now);
uint64_t nic_lso_number(struct espnic *card, const struct nic_packet *p, uint64_t number);
uint32_t nic_lso_end(struct espnic *card, uint32_t item);

/* sa_memory.c: may the context of p->sa be asked for now (MSHRs are free)? Ask for it. Is it there? The SA is gone. */
bool nic_memory_can_ask(struct espnic *card, const struct nic_packet *p);
void nic_memory_ask(struct espnic *card, struct nic_packet *p, uint64_t cycle, bool write);
bool nic_memory_there(const struct espnic *card, struct nic_packet *p);
void nic_memory_forget(struct espnic *card, uint32_t sa);
/* The context of an added SA goes to the backing store. Returns the cycle in which it is there, if that is known;
 * CLOCK_NEVER: nic_command_stored() will say so. */
uint64_t nic_memory_store(struct espnic *card, uint32_t sa, uint32_t slot, uint64_t now);
/* A context of the command in this slot has left for host memory. */
void nic_command_stored(struct espnic *card, uint32_t slot, uint64_t cycle);
/* Contexts will be needed: of a transmit descriptor; of a received packet that has been parsed, known to the card from
 * `cycle` on. */
void nic_memory_expect_tx(struct espnic *card, const struct abi_tx_descriptor *d, uint64_t now);
void nic_memory_expect_rx(struct espnic *card, const struct nic_packet *p, uint64_t cycle);

/* Waiting for contexts (sa_wait.c): the queue for a packet; a packet joins its queue; the stages. */
unsigned nic_wait_queue(const struct espnic *card, const struct nic_packet *p);
void nic_wait_joins(struct espnic *card, struct nic_packet *p);
void nic_wait_init(struct espnic *card, struct nic_lane *lane, unsigned dir);

/* lookup_port.c: may a look-up start now (else: what it waits for, and when to ask again)? It starts. The accesses
 * of a command start; returns the cycles that they take. */
bool nic_lookup_port_free(const struct espnic *card, uint64_t now, unsigned *cause,
                          uint64_t *again);
void nic_lookup_port_use(struct espnic *card, uint64_t now, uint32_t accesses);
uint64_t nic_lookup_port_command(struct espnic *card, uint64_t from, uint32_t accesses);

/* delete_request.c: a good packet has come: may be its SA should go. */
void nic_maybe_ask(struct espnic *card, struct nic_packet *p, uint64_t now_ns);

/* forward.c: an outbound SA is live, and its rule with it; is no more; the last bit of a forwarded packet has
 * left in this cycle of the wire's clock, and the packet goes */
void nic_forward_init(struct espnic *card);
void nic_forward_lane_init(struct espnic *card, struct nic_lane *lane);
void nic_forward_free(struct espnic *card);
void nic_forward_register_state(struct espnic *card, struct snapshot *snap);
void nic_forward_added(struct espnic *card, uint32_t sa);
void nic_forward_removed(struct espnic *card, uint32_t sa);
void nic_forward_sent(struct espnic *card, uint32_t item, uint64_t cycle, unsigned domain);

/* crypto.c */
enum esp_job_state nic_crypt_result(struct espnic *card, struct nic_packet *p);

/* done.c: the descriptor ends without a frame; a ring's TX_DONE or RX_DONE has been written; the write that
 * completes a received packet by itself, behind its data. */
void nic_done_init(struct espnic *card);
void nic_tx_failed(struct espnic *card, uint32_t item, uint64_t cycle);
void nic_done_configure(struct espnic *card, bool rx, unsigned q, uint64_t value);
/* RX, plain: an entry is in memory (the packet is freed in its turn). */
void nic_rx_done_there(struct espnic *card, unsigned q, uint32_t item);
struct pcie_request nic_rx_done_plain(struct espnic *card, const struct nic_packet *p,
                                      uint32_t item);

/* entries.c: what is said of a received packet; writes of completions reach memory */
void nic_rx_entry(const struct espnic *card, const struct nic_packet *p,
                  struct abi_rx_completion *completion);
void nic_memory_rx_done(struct espnic *card, uint64_t time, const struct pcie_request *r);
void nic_memory_tx_done(struct espnic *card, uint64_t time, const struct pcie_request *r);

/* push.c: what has been written to a window (false: it is none); descriptors behind a failed read are read again */
void nic_push_init(struct espnic *card);
void nic_push_free(struct espnic *card);
void nic_push_register_state(struct espnic *card, struct snapshot *snap);
bool nic_push_written(struct espnic *card, const struct nic_mmio *m, uint64_t now);
void nic_push_forget(struct espnic *card, unsigned q);

/* csr.c: TAIL of a transmit ring, as written to it or with a descriptor */
void nic_tx_posted(struct espnic *card, unsigned q, uint32_t tail, uint64_t now);

/* tx_dma.c: the place of a descriptor on the card; put it there, with its context and so many bytes of data; those
 * before `fetched` are there, and those behind it that the host has written. */
size_t nic_tx_index(const struct espnic *card, unsigned q, uint32_t ring_at);
void nic_tx_place(struct espnic *card, unsigned q, uint32_t ring_at, const uint8_t *bytes,
                  uint32_t data);
void nic_tx_fetched(struct espnic *card, unsigned q, uint32_t fetched);
/* `count` descriptors from `ring_at` on have come: the contexts of their SAs will be needed. */
void nic_tx_expect(struct espnic *card, unsigned q, uint32_t ring_at, uint32_t count, uint64_t now);

/* Descriptors that queue q would ask for now (tx_dma.c). */
uint32_t nic_descriptors_wanted(const struct espnic *card, bool rx, unsigned q);

/* dma_error.c: a reset ends the error state; a read has failed, counted; the same, and if so it is kept to be asked for again; ask for
 * those of this client; what to say of a card that has stopped */
void nic_faults_init(struct espnic *card);
void nic_faults_free(struct espnic *card);
void nic_faults_register_state(struct espnic *card, struct snapshot *snap);
void nic_faults_reset(struct espnic *card, uint64_t now);
void nic_read_failure(struct espnic *card, const struct pcie_request *r);
bool nic_read_again(struct espnic *card, unsigned client, uint32_t index);
void nic_ask_again(struct espnic *card, unsigned client, uint64_t now);
size_t nic_explain_faults(const struct espnic *card, char *text, size_t size);

/* rss.c: the queue of a received packet as it is now, `opened` by its last SA with success; the Toeplitz hash of so many
 * bytes */
void nic_rss_init(struct espnic *card);
unsigned nic_rss_queue(struct espnic *card, const struct nic_packet *p, bool opened);
uint32_t nic_rss_hash(const struct espnic *card, const uint8_t *input, unsigned count);

/* interrupts.c: so many events of a vector */
void nic_interrupt(struct espnic *card, unsigned vector, uint32_t events, uint64_t cycle);

/* events.c: the place of the packet's SA was `before` and may have moved; what counting it has brought; write an event
 * (true: there are more); it is in memory; the ring of events begins anew; a command of the driver's */
void nic_scope_moved(struct espnic *card, const struct nic_packet *p, uint64_t before,
                     uint64_t now);
void nic_count_events(struct espnic *card, const struct nic_packet *p, unsigned events,
                      uint64_t now);
bool nic_event_write(struct espnic *card, uint64_t now);
void nic_event_memory(struct espnic *card, uint64_t time, const struct pcie_request *r);
void nic_events_restart(struct espnic *card, uint64_t now);
uint32_t nic_state_command(struct espnic *card, uint32_t opcode, const struct abi_sa_state *state,
                           uint64_t words[ABI_STATE_WORDS], uint64_t now);

/* command.c: CMD_TAIL has been written */
void nic_commands_posted(struct espnic *card, uint32_t tail, uint64_t now);
/* carried.c: a descriptor's context; the packet's transform is made of it (false: it is none); what goes with
 * nic_transform; the full number of a packet; the packet goes. */
uint32_t nic_carried_new(struct espnic *card, const uint8_t *bytes);
uint32_t nic_carried_copy(struct espnic *card, uint32_t carried);
bool nic_carried_use(struct espnic *card, struct nic_packet *p);
void nic_carried_suite(const struct espnic *card, const struct nic_packet *p,
                       struct esp_suite *suite);
struct esp_key_ref nic_carried_name(const struct espnic *card, const struct nic_packet *p);
uint64_t nic_carried_number(const struct espnic *card, const struct nic_packet *p, uint32_t lo);
void nic_carried_free(struct espnic *card, struct nic_packet *p);

/* firmware.c: of so many firmware commands, picoseconds */
uint64_t nic_firmware_time(struct espnic *card, uint32_t commands);
/* command.c: the SA leaves the table, and with it what is kept of its keys */
void nic_forget_sa(struct espnic *card, uint32_t id, uint64_t now_ns);
/* A reset: the table is empty from now on, an ADD that is being executed comes to nothing. */
void nic_commands_wipe(struct espnic *card, uint64_t now);
/* command.c: an SA that was being deleted has lost its last reference */
void nic_command_drained(struct espnic *card, uint32_t sa, uint64_t cycle);

/* What a PCIe request is for: upper bits of its ref2 may hold a queue, and those from NIC_COUNT_LSB on a number
 * more. */
enum nic_purpose {
    NIC_FOR_RX_PAYLOAD,
    NIC_FOR_RX_DONE,
    NIC_FOR_RX_DESCRIPTORS,
    NIC_FOR_TX_DESCRIPTORS,
    NIC_FOR_TX_PAYLOAD,
    NIC_FOR_TX_DONE,
    NIC_FOR_COMMANDS,
    NIC_FOR_COMMAND_BUFFER,
    NIC_FOR_HANDLE,
    NIC_FOR_COMMAND_DONE,
    NIC_FOR_EVENT,
    NIC_FOR_CONTEXT,
    NIC_FOR_CONTEXT_BACK,
    NIC_FOR_MESSAGE
};

enum { NIC_PURPOSE_BITS = 8, NIC_COUNT_LSB = 16 };

/* A client of the link (pcie.c): its requests are pushed by one block, its answers go to another. */
unsigned nic_client(struct espnic *card, const char *name, unsigned writer, unsigned reader,
                    enum pcie_answers answers);
/* Room for `count` requests in cycle `now`? If not, the writer is woken when there is. */
bool nic_request_room(struct espnic *card, unsigned client, uint64_t now, uint32_t count);
/* Push one, in cycle `at` or after the one before it. */
void nic_request(struct espnic *card, unsigned client, uint64_t at, const struct pcie_request *r);
/* The ID of a queue's requests (struct pcie_request): descriptors, payload, completions, interrupts keep their order
 * among each other, not with other queues. Commands and contexts have ID 0. */
static inline uint8_t nic_queue_id(unsigned queue)
{
    return (uint8_t)(1 + queue);
}

void nic_pcie_init(struct espnic *card);
void nic_command_memory(struct espnic *card, uint64_t time, const struct pcie_request *r);

#endif
