/* The inside of the reference host: what its files share. Only files in sim/host include this. */
#ifndef ESPNIC_HOST_INTERNAL_H
#define ESPNIC_HOST_INTERNAL_H

#include "engine/clock.h"
#include "engine/rng.h"
#include "host/host.h"
#include "host/mailbox.h"
#include "nic/abi.h"
#include "nic/nic.h"
#include "sa_table/index.h"
#include "sa_table/replay.h"
#include "sa_table/scope.h"

/* ---- growable arrays (store.c) ------------------------------------------------------------------ */

/* Elements of one size, ids from 1; the first 4 bytes of a free element are its chain. Elements move when
 * the array grows: keep ids, not pointers. Released elements are cleared. */
struct host_array {
    unsigned char *data;
    size_t room; /* elements allocated */
    uint32_t element;
    uint32_t used, free, live;
};

void host_array_init(struct host_array *array, uint32_t element);
void host_array_destroy(struct host_array *array);
uint32_t host_array_take(struct host_array *array); /* cleared; aborts when memory is out */
void host_array_release(struct host_array *array, uint32_t id);

static inline void *host_at(const struct host_array *array, uint32_t id)
{
    return array->data + (size_t)id * array->element;
}

/* Blocks of 1 to HOST_STORE_UNITS units; ids from 1. Large ones are powers of two units. */
enum { HOST_STORE_SMALL = 64, HOST_STORE_CLASSES = HOST_STORE_SMALL + 1 + 32 };

struct host_store {
    unsigned char *data;
    size_t room; /* units allocated */
    uint32_t unit;
    uint32_t used;
    uint64_t live; /* units */
    uint32_t free[HOST_STORE_CLASSES];
};

void host_store_init(struct host_store *store, uint32_t unit);
void host_store_destroy(struct host_store *store);
uint32_t host_store_take(struct host_store *store, size_t bytes);
void host_store_release(struct host_store *store, uint32_t id, size_t bytes);

static inline uint8_t *host_block(const struct host_store *store, uint32_t id)
{
    return store->data + (size_t)id * store->unit;
}

/* Hash chains through elements. The chains of a snapshot are in `image`. */
struct host_index {
    struct sa_index chains;
    uint32_t *image;
    size_t image_count;
};

void host_index_init(struct host_index *index);
void host_index_destroy(struct host_index *index);
/* Aborts when memory is out. */
void host_index_insert(struct host_index *index, const struct sa_index_owner *how,
                       const void *owner, uint32_t id);
bool host_index_save(struct host_index *index);
bool host_index_load(struct host_index *index);

/* ---- SAs (shadow.c) ----------------------------------------------------------------------------- */

enum host_sa_state {
    SA_HOST_FREE,
    SA_HOST_ADDING,
    SA_HOST_CARD,
    SA_HOST_SOFTWARE,
    SA_HOST_DELETING
};

enum {
    SA_HOST_IN = 1u << 0,
    SA_HOST_FRAME = 1u << 1, /* `detail` is a host_frame, else a block of `packs` */
    SA_HOST_TUNNEL = 1u << 2,
    SA_HOST_NAMED = 1u << 3,   /* in the index of recorded handles */
    SA_HOST_FAR = 1u << 4,     /* `pair` is a block of `windows` with the partner's handle */
    SA_HOST_ASKED = 1u << 5,   /* SaDeleteReq was seen */
    SA_HOST_LEAVING = 1u << 6, /* the host's own DELETE is under way; then it lives in software */
    SA_HOST_DOOMED = 1u << 7   /* a recorded DELETE has named it */
};

#define HOST_UNALIGNED __attribute__((packed, aligned(4)))

/* A node. 36 bytes, without padding for the handles. */
struct host_sa {
    uint32_t next;                  /* of the same handle bucket (or free chain) */
    uint32_t detail;                /* see SA_HOST_FRAME */
    uint64_t handle HOST_UNALIGNED; /* recorded */
    uint64_t card HOST_UNALIGNED;   /* the card's, 0 = not there */
    union {
        uint32_t next_card; /* inbound: of the same card-handle bucket */
        uint32_t rule;      /* outbound: of the classifier, 0 = none */
    } link;
    union {
        uint32_t pair; /* inbound: recorded handle of the partner less the own, 0 = none */
        uint32_t
            seq_lo; /* packet offload, outbound: lower half of the last number used, if `numbered` */
        uint32_t waiters; /* ADDING: requests that wait, struct host_request */
    } u;
    uint8_t state : 7;    /* enum host_sa_state */
    uint8_t numbered : 1; /* `seq_lo` holds a number, which may be 0 (k * 2^32) */
    uint8_t flags;
    uint16_t sizes; /* what it adds to a packet: large.c */
};

enum {
    HOST_FRAME_ESN = 1,
    HOST_FRAME_NO_KEY = 2,  /* timing only */
    HOST_FRAME_CONTEXT = 4, /* `bitmap` is a block of `packs`: what goes behind its descriptors */
    /* of an SA in software, first frame: */
    HOST_FRAME_LEAVING = 8, /* its DELETE waits for what is in flight */
    HOST_FRAME_BACK =
        16, /* room was what it lacked, or it has left: it may come back (host.readd) */
    HOST_FRAME_RESTORE = 32, /* it is to come back whatever happens: restoration */
    /* of a card whose upper halves go with an overlap bit: */
    HOST_FRAME_OVERLAP = 64,   /* what the card has */
    HOST_FRAME_MODIFYING = 128 /* a command that changes it is under way */
};
enum {
    HOST_STALL_NO,
    HOST_STALL_DRAIN,
    HOST_STALL_UPDATE,
    HOST_STALL_MOVE /* from card to software, or back: move.c */
};

/* One SA entry that the host frames, numbers or checks: crypto offload, or software. */
struct host_frame {
    uint32_t free_chain;
    uint32_t second; /* frame of the bundle's other entry, 0 = none */
    struct esp_transform transform;
    uint64_t number; /* out: of the next packet; in: highest received */
    union {
        uint64_t bitmap;  /* window <= 64; above: block of `windows`; see HOST_FRAME_CONTEXT */
        uint64_t partner; /* outbound, else: recorded handle of the inbound SA, 0 = not known */
    };
    uint64_t stall_since; /* in software: since when it is there, or was refused last */
    uint32_t card_hi;     /* upper half that the card has */
    union {
        uint32_t want_hi; /* during a stall: the half to set */
        uint32_t uses;    /* in software: packets carried since stall_since */
    };
    uint32_t update;               /* recorded request that waits for the drain, 0 = none */
    uint32_t inflight;             /* descriptors posted and not completed */
    uint32_t wait_head, wait_tail; /* slots held back by a stall */
    uint32_t owner;                /* host_sa */
    uint32_t pack;                 /* first frame of a node: block of `packs`, 0 = none */
    uint32_t generation;           /* of the key */
    uint16_t window;
    uint8_t flags; /* HOST_FRAME_* */
    uint8_t stall; /* HOST_STALL_* */
};

/* A node packed into bytes (pack.c), a multiple of 4. It carries the chain of the SPI index, too. */
enum { HOST_MAX_PACK = 512 };

size_t host_pack(const struct esp_node *node, uint8_t *bytes); /* returns the bytes written */
/* All but recorded handle, pair, lifetimes, switch port and VLAN. */
void host_unpack(const uint8_t *bytes, struct esp_node *node);
uint32_t host_pack_length(const uint8_t *bytes);
uint32_t host_pack_spi(const uint8_t *bytes); /* of the header that a packet begins with */
enum esp_op host_pack_op(const uint8_t *bytes);
uint32_t *host_pack_chain(uint8_t *bytes); /* which are aligned */
bool host_pack_indexed(const uint8_t *bytes);
void host_pack_set_indexed(uint8_t *bytes, bool indexed);

uint32_t host_sa_new(struct host *host, const struct esp_node *node);
void host_sa_free(struct host *host, uint32_t id);
uint32_t host_sa_find(const struct host *host, uint64_t handle);    /* 0: none */
uint32_t host_sa_of_card(const struct host *host, uint64_t handle); /* 0: none */
/* Put it into, or take it out of, the index of recorded handles. */
void host_sa_name(struct host *host, uint32_t id);
void host_sa_unname(struct host *host, uint32_t id);
void host_sa_card(struct host *host, uint32_t id, uint64_t handle); /* 0: takes it out */
/* Recorded handle of the partner of an inbound SA, 0 = none. */
void host_sa_set_pair(struct host *host, uint32_t id, uint64_t pair);
uint64_t host_sa_pair(const struct host *host, uint32_t id);
/* The node's content; false if the host no longer has it. Entries in the order of a packet, or as recorded. */
bool host_sa_recorded(const struct host *host, uint32_t id, struct esp_node *node);
bool host_sa_node(const struct host *host, uint32_t id, struct esp_node *node);
struct host_frame *host_sa_frame(const struct host *host, uint32_t id); /* NULL: none */
/* Give it frames (crypto offload, software) or take the content away that is not needed. */
void host_sa_make_frame(struct host *host, uint32_t id);
void host_sa_settle(struct host *host, uint32_t id, bool on_card);
/* Forget its content, keys included: nothing can be sent with it in software. */
void host_sa_forget(struct host *host, uint32_t id);
/* Inbound SA whose content the host has, by what a packet carries; 0: none. */
uint32_t host_sa_by_spi(const struct host *host, uint32_t spi, enum esp_op op,
                        const struct esp_address *dst);
/* The bit map of an inbound frame. */
uint64_t *host_frame_bits(struct host *host, struct host_frame *frame);
uint64_t host_sa_bytes(const struct host *host);
/* Nodes whose ADD is under way. */
uint64_t host_sa_adding(const struct host *host);

static inline struct host_sa *host_sa(const struct host *host, uint32_t id);
static inline struct host_frame *host_frame(const struct host *host, uint32_t id);

/* ---- selectors (classify.c) --------------------------------------------------------------------- */

struct host_flow {
    uint8_t family; /* 4, 6; 0: not IP */
    uint8_t proto;
    bool ports; /* sport and dport are there */
    uint8_t src[16], dst[16];
    uint16_t sport, dport;
};

/* Selectors of one shape: prefix lengths, and which of protocol and ports are exact. */
struct host_tuple {
    uint8_t family, src_bits, dst_bits;
    uint8_t exact; /* TUPLE_* : part of the key */
    uint32_t rank; /* the highest a rule of it can have */
    uint32_t rules;
};

enum { HOST_MAX_TUPLES = 4096 };

/* A selector. Source and destination follow: 4 bytes each, or 16. Then host_rule_ports, if its shape
 * has ports. */
struct host_rule {
    uint32_t next; /* of the same bucket (or free chain) */
    uint32_t sa;
    uint32_t stamp; /* order of completed ADDs */
    uint16_t tuple;
    uint8_t proto;
    uint8_t flags; /* RULE_* */
};

struct host_rule_ports {
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
};

enum { HOST_RULE_KINDS = 4 }; /* IPv4, IPv6, and both with ports */

struct host_classifier {
    struct host_array rules[HOST_RULE_KINDS];
    struct host_index index;
    struct host_tuple *tuple; /* HOST_MAX_TUPLES, in order of creation */
    struct host_classifier_state {
        uint32_t tuples;
        uint32_t stamp;
        uint32_t rules;
        uint16_t order[HOST_MAX_TUPLES]; /* by rank, highest first */
    } * state;
};

bool host_classifier_init(struct host_classifier *c);
void host_classifier_destroy(struct host_classifier *c);
/* Returns the rule's id: bits 31 and 30 say its kind. 0 if there are too many shapes. Every call has a later stamp. */
uint32_t host_classifier_add(struct host_classifier *c, const struct esp_selector *sel,
                             uint8_t family, uint32_t sa, bool tunnel);
void host_classifier_remove(struct host_classifier *c, uint32_t id);

enum { HOST_WANT_ANY, HOST_WANT_TRANSPORT, HOST_WANT_TUNNEL };

/* The SA of the most specific selector, then of the highest stamp; 0: none. */
uint32_t host_classify(const struct host_classifier *c, const struct host_flow *flow,
                       unsigned want);
/* Specificity of a selector: more prefix bits, then a protocol, then narrower ports. */
uint32_t host_selector_rank(const struct esp_selector *sel);
/* What an outbound SA takes: its selector; in transport mode without one, what goes between its endpoints; in
 * tunnel mode without one, anything, if `any_tunnel`. False: nothing. */
bool host_selector_of(const struct esp_node *node, bool any_tunnel, struct esp_selector *sel,
                      uint8_t *family);
/* Does the selector hold for the packet? */
bool host_selector_matches(const struct esp_selector *sel, const struct host_flow *flow);
/* Read the flow off a frame. */
void host_flow_of(const uint8_t *frame, uint32_t captured, uint32_t length, struct host_flow *flow,
                  struct esp_view *view);

/* ---- requests (oid.c) --------------------------------------------------------------------------- */

enum { /* after enum ndis_kind */
       HOST_REQUEST_ENCAPSULATION = 8,
       HOST_REQUEST_READ, /* the driver's own: events.c */
       HOST_REQUEST_MODIFY,
       HOST_REQUEST_ARM
};
enum {
    REQUEST_FREE,
    REQUEST_WAITING, /* for an ADD */
    REQUEST_QUEUED,
    REQUEST_POSTED,
    REQUEST_HELD /* until a reset is over */
};
enum {
    REQUEST_EX = 1,
    REQUEST_RETRY = 2, /* has been retried */
    REQUEST_STALL = 4, /* the host's UPDATE of an outbound SA */
    REQUEST_LEAVE = 8, /* the host's DELETE after SaDeleteReq */
    REQUEST_CANCELLED = 16,
    REQUEST_STARTING = 32, /* part of host_start */
    REQUEST_OWN = 64,
    REQUEST_BACK = 128 /* the host's ADD of SAs that were in software: move.c */
};

struct host_item { /* a node of a request */
    uint64_t
        value; /* ADD: recorded handle of the pair; others: card handle to send, or the unknown's */
    uint32_t sa; /* 0: none */
    uint32_t reserved;
};

struct host_request {
    uint32_t next;
    uint8_t kind, state, flags, reserved;
    uint32_t items; /* block of `blocks` */
    uint32_t count;
    uint32_t buffer; /* block of `commands`, 0 = none */
    uint32_t buffer_bytes;
    uint32_t op, spi, seq_hi;
    uint32_t argument;
    uint64_t time, ready, doorbell, visible;
    uint64_t pcie_ps, card_ps, interrupt_ps; /* parts of its latency; the driver has the rest */
    uint64_t record, req;
};

struct host_list {
    uint32_t head, tail;
    uint32_t count;
};

/* ---- packets ------------------------------------------------------------------------------------ */

enum {
    SLOT_FREE,
    SLOT_BACKLOG,
    SLOT_HELD,
    SLOT_WORK,
    SLOT_POSTED,
    SLOT_DONE /* completed, not sent */
};
enum {
    SLOT_SENT = 1,
    SLOT_OFFLOADED = 2,
    SLOT_IN_SOFTWARE = 4,
    SLOT_KICKED = 8,
    SLOT_FORWARDED = 16 /* came from the wire */
};

struct host_use { /* of a frame that a descriptor in flight keeps from its UPDATE */
    uint32_t frame, generation;
};

struct host_slot {
    uint32_t next;
    uint8_t state, flags, queue, core;
    uint32_t start, length, captured; /* of the frame in the buffer */
    uint32_t l3, l3_header;           /* of the clear packet */
    uint16_t port;
    uint8_t version;
    uint8_t tx_flags;    /* ABI_TX_*: what a table entry behind registers does not say of its SA */
    uint32_t sa;         /* chosen, 0 = none */
    uint32_t generation; /* part of the tag */
    struct host_use use[2];
    uint32_t header_word;
    uint32_t seq_hi;   /* upper half of its number, for a context in the descriptor */
    uint16_t headers;  /* TCP: bytes before the payload; 0: another, or not known */
    uint16_t mss;      /* the card cuts it */
    uint32_t segments; /* into so many; 0: it is sent whole */
    uint32_t out;      /* frames of it that have left */
    uint64_t tag;      /* the caller's */
    uint64_t arrival, doorbell;
    uint64_t handle, tunnel;
    struct host_flow flow;
    uint64_t wire_ps;   /* FORWARDED: last bit in */
    uint32_t rx_buffer; /* FORWARDED: receive buffer that the frame is in, + 1; 0: its own */
    uint32_t reserved;
};

enum { HOST_ROOM = 256 }; /* before a frame in its buffer; as much again behind */

enum host_work {
    WORK_NONE,
    WORK_TX,
    WORK_DOORBELL,
    WORK_STORES, /* the rest of it, into a window */
    WORK_RX,
    WORK_REFILL,
    WORK_RECLAIM,
    WORK_ISSUE,
    WORK_COMPLETE,
    WORK_ACCESS, /* of a sequence of register accesses */
    WORK_EVENT
};

/* What a core will deliver when it is done with a received packet. */
struct host_pending_rx {
    uint32_t buffer; /* cookie */
    uint32_t reasm;  /* reassembly that was completed, 0 = none */
    uint32_t start, length, captured;
    uint8_t verdict; /* enum host_verdict */
    uint8_t drop;    /* enum host_rx_drop */
    uint8_t kept;    /* fragment put into reassembly: nothing to deliver */
    uint8_t forward; /* goes on instead of to the stack; `port` is where */
    uint16_t port;
    uint32_t sa;
    uint64_t handle;
    uint64_t tag, wire_ps, visible;
};

struct host_core {
    uint64_t until; /* end of the present work */
    uint8_t work;   /* enum host_work */
    uint8_t running;
    uint8_t blocked;  /* had a packet, ring full */
    uint8_t turn;     /* receive and transmit take turns */
    uint32_t work_id; /* slot, queue or request */
    uint32_t budget;
    uint32_t index;
    uint32_t queue; /* that it sends into */
    struct host_list backlog;
    uint64_t blocked_since;
    struct host_pending_rx rx;
};

struct host_txq {
    uint32_t tail, done; /* posted, completions taken; free-running */
    uint32_t rung;       /* tail at the last doorbell */
    uint32_t reserved;   /* places promised to cores at work */
    uint64_t ring_by;
    uint64_t wc_free; /* when the last line or store for the window has left a core */
    uint64_t poll_at; /* look at the completions; CLOCK_NEVER */
    /* Completions that stand for others (host.tx.done report, head). */
    uint32_t known;   /* descriptors complete, as far as the host has read */
    uint32_t entries; /* taken */
    uint16_t reason;  /* of the last of them, if it failed */
    bool failed;
};

struct host_rxq {
    uint32_t tail, done, rung;
    uint32_t known; /* host.rx.done head: packets that have come, as far as memory says */
    uint64_t poll_at;
    struct host_list empty; /* buffers to give back */
};

struct host_buffer { /* receive */
    uint32_t next;
    uint32_t captured; /* bytes from its begin, the room in front included */
    uint32_t held;     /* by a slot */
    uint32_t reserved;
    uint64_t visible;
};

/* ---- reassembly (reassembly.c) ------------------------------------------------------------------ */

enum { REASM_BYTES = 65536 + 128, REASM_UNITS = 65536 / 8 };

struct host_reasm {
    uint8_t used, family, proto, complete;
    uint8_t src[16], dst[16];
    uint32_t id;
    uint32_t fragments;
    uint32_t
        header; /* bytes before the payload in the buffer: L2 and L3, set by the first fragment */
    uint32_t l3;
    uint32_t have, total, highest; /* payload bytes; total 0 = not known */
    uint64_t deadline;
    uint64_t map[REASM_UNITS / 64];
};

/* A fragment. True if it completed a packet: *entry names it, and its frame starts at host_reasm_start() of
 * host_reasm_bytes(), *packet_length bytes long. *dropped: fragments that were given up, this one included
 * unless it was *kept. */
bool host_reasm_add(struct host *host, uint64_t now, const uint8_t *frame, uint32_t length,
                    const struct esp_view *view, uint32_t *entry, uint32_t *packet_length,
                    uint64_t *dropped, bool *kept);
uint8_t *host_reasm_bytes(struct host *host, uint32_t entry);
uint32_t host_reasm_start(const struct host *host, uint32_t entry);
void host_reasm_release(struct host *host, uint32_t entry);

/* ---- the host ----------------------------------------------------------------------------------- */

enum {
    BLOCK_SOURCE,
    BLOCK_TIMER,
    BLOCK_CORE, /* and the others behind */
    HOST_MAX_BLOCKS = BLOCK_CORE + HOST_MAX_CORES
};

enum host_start_step { START_NO, START_READING, START_ENCAPSULATION, START_DONE, START_FAILED };

enum { CAP_REGISTERS = 12 };

enum { HOST_EVENT_RING = 256, HOST_LIMIT_BYTES = 64 };

struct host_delayed { /* what SaDeleteReq leads to */
    uint32_t next;    /* (or free chain) */
    uint32_t partner; /* the outbound SA is meant */
    uint64_t time;
    uint64_t handle; /* of the card (first), recorded (partner) */
    uint64_t other;  /* partner: recorded handle of the inbound SA */
};

enum { HOST_FAMILY_BYTES = 16 };

struct host_overlap {
    unsigned __int128 sa_ps; /* SAs times ps, up to `since` */
    uint64_t since;
    uint64_t now; /* SAs */
};

/* SAs that come back one after the other: after a reset, or after the link was down. */
struct host_restore {
    uint64_t began;     /* of the reset; the link came up */
    uint64_t first;     /* of the ADDs, CLOCK_NEVER: none yet */
    uint64_t software;  /* packets in software when they began to leave */
    uint32_t next;      /* SA to look at */
    uint32_t under_way; /* nodes */
    bool running;
    bool stepping; /* an ADD that ends at once does not step again */
    bool due;      /* a late refusal has left an SA behind that none brings back */
};

struct host_due {
    uint64_t time;
    uint64_t block;
};

/* Everything flat that is state and needs no pointer. */
struct host_state {
    uint64_t now;
    uint64_t wake[HOST_MAX_BLOCKS];       /* when each block has to look; CLOCK_NEVER */
    struct host_due due[HOST_MAX_BLOCKS]; /* those that have to, the next one last */
    uint32_t dues;
    uint32_t blocked_cores;
    uint8_t started; /* enum host_start_step */
    bool packet_offload, esn_inferred, esn_scope, events, link_down, resetting, encapsulated;
    bool activated; /* the offload has been on */
    uint32_t reads_left;
    uint32_t cap[CAP_REGISTERS];
    uint8_t path;               /* enum nic_path, as the card reports it */
    uint32_t tx_context;        /* bytes behind each transmit descriptor */
    uint32_t tx_room;           /* bytes behind that, for frames */
    uint32_t tx_along;          /* bytes of a frame that the card takes with a descriptor */
    bool tx_window;             /* it takes descriptors that are written to it */
    bool lso;                   /* it cuts large sends */
    uint32_t command_limit;     /* commands that the card lets wait, 0 = the ring */
    bool no_inbound;            /* the card has no SAs for received packets */
    struct sa_capabilities can; /* of a card whose driver decides what it takes */
    struct host_mailbox mailbox;
    uint32_t tx_queues, rx_queues;
    uint32_t slot_free, slots_used;
    uint32_t generation;   /* of keys */
    uint64_t never_issued; /* handles made up for unknown ones */
    uint16_t ip_id;
    struct rng iv;
    struct esp_ports ports;
    bool ports_set;
    /* commands */
    uint32_t cmd_tail, cmd_done;
    uint64_t cmd_poll_at;
    struct host_list queued, held;
    uint32_t pending_requests;
    /* events of the card: events.c */
    uint32_t round;       /* packets of a round of a limit, 0: limits are whole */
    uint32_t event_done;  /* taken, free-running */
    uint32_t event_steps; /* commands of the one that is worked on, 0: none is */
    uint64_t event_poll_at;
    uint64_t event_raised; /* time of the one that is worked on */
    uint64_t reset_started;
    uint64_t reset_check;   /* time of the next look, CLOCK_NEVER */
    uint64_t reset_over_at; /* when the last look found it over */
    uint64_t reset_end;     /* when the driver ends the reset by itself */
    uint64_t reset_due;     /* when it would have first, CLOCK_NEVER: not yet */
    uint32_t reset_reads;   /* looks under way */
    uint32_t reset_tail;    /* cmd_tail when it began */
    bool rings_lost;
    struct host_list delayed; /* by time */
    struct host_restore restore;
    struct host_overlap overlap;
    bool wiped_by_reset;          /* the card forgets its SAs then */
    uint64_t strange_completions; /* of commands that were not posted */
    uint32_t start_status;
    uint32_t reasm_live;
    uint64_t reasm_fragments; /* waiting */
};

/* Where the rings begin in their region, and the bytes from one of a kind to the next. */
struct host_layout {
    uint32_t cmd_done, tx, tx_done, rx, rx_done, events, end;
    uint32_t tx_step, tx_done_step, rx_step, rx_done_step;
};

struct host {
    struct host_config config;
    struct host_options options;
    struct espnic *card;
    bool in_card; /* inside espnic_advance: callbacks may have to stop it */
    bool has_source;
    struct host_source source;
    bool peeked; /* the flow of the packet at the head of the source is known */
    struct host_packet peek;
    struct host_flow peek_flow;
    struct esp_view peek_view;
    struct esp_crypt *crypt; /* opened when first needed */
    char crypt_error[256];

    struct host_state *s;
    struct host_stats *stats;
    struct host_core *core;
    struct host_txq *txq;
    struct host_rxq *rxq;

    /* memory */
    struct host_layout layout;
    uint8_t *rings;
    size_t ring_bytes;
    struct host_slot *slot;
    uint32_t slots;
    uint8_t *tx_bytes;
    uint32_t tx_shift,
        tx_stride; /* address of a slot's buffer: slot << shift; bytes backed: stride */
    struct host_buffer *buffer;
    uint32_t buffers;
    uint8_t *rx_bytes;
    uint32_t rx_shift, rx_stride;
    struct host_store commands, blocks;
    uint32_t *tx_slot_of; /* [queue][entry]: slot of a posted descriptor */

    /* SAs */
    struct host_array sas, frames, requests, delays;
    struct host_array families, family_of; /* overlap.c; family_of: by SA */
    struct host_array lives, life_of;      /* lifetime.c; life_of: by SA */
    struct host_array limits;              /* events.c */
    struct host_store packs, windows;
    struct host_index by_handle, by_card, by_spi, by_family, by_limit;
    struct host_classifier classifier;
    struct host_tables *tables; /* NULL unless the card's are behind registers */

    /* the gateway */
    bool forwards;
    uint32_t
        rx_room; /* bytes of a receive buffer that are not the card's: in front of all that it writes */
    struct nic_forward_config forward;
    struct nic_routes routes;

    struct host_reasm *reasm; /* reassemblies of them, from 1 */
    uint8_t *reasm_bytes;

    unsigned char *image; /* of a snapshot: contents of buffers */
    size_t image_bytes;
};

static inline struct host_sa *host_sa(const struct host *host, uint32_t id)
{
    return host_at(&host->sas, id);
}

static inline struct host_frame *host_frame(const struct host *host, uint32_t id)
{
    return host_at(&host->frames, id);
}

static inline struct host_request *host_request(const struct host *host, uint32_t id)
{
    return host_at(&host->requests, id);
}

/* May a descriptor name a second SA? */
static inline bool host_two_handles(const struct host *host)
{
    return host->s->path == NIC_PATH_QUEUE || host->s->path == NIC_PATH_FIRMWARE;
}

/* ---- memory.c: where things are in the simulated address space ---------------------------------- */

enum { REGION_RINGS = 1, REGION_COMMANDS = 2, REGION_TX = 3, REGION_RX = 4, REGION_SHIFT = 36 };

bool host_memory_init(struct host *host, char *error, size_t error_size);
/* Transmit descriptors are longer; before anything is in the rings. */
void host_memory_longer_descriptors(struct host *host, uint32_t context, uint32_t room);
void host_memory_destroy(struct host *host);
/* Contents of packet buffers into the image and back; what they belong to must be in place. */
bool host_memory_save(struct host *host);
bool host_memory_load(struct host *host);
const uint8_t *host_dma_read(void *self, uint64_t time, uint64_t address, uint32_t length);
bool host_dma_mapped(void *self, uint64_t address, uint32_t length);
void host_dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                    uint32_t length);

/* Where a received packet begins in its buffer: behind what is left free (rx_room) and what the card writes
 * in front of it. */
static inline uint32_t host_rx_start(const struct host *host)
{
    return host->rx_room +
           (host->config.rx.done == HOST_RX_DONE_HEAD ? (uint32_t)ABI_RX_PREFIX : 0);
}

/* Does the card say of every packet which number it gave? */
static inline bool host_numbers_told(const struct host *host)
{
    return host->config.tx.done == HOST_TX_DONE_EACH && host->config.tx.done_bytes >= 32;
}

/* Bytes of an entry of a transmit ring. */
static inline uint32_t host_tx_entry(const struct host *host)
{
    return (uint32_t)sizeof(struct abi_tx_descriptor) + host->s->tx_context + host->s->tx_room;
}

/* Offsets inside the ring region; the ring of commands is at 0. */
static inline uint32_t host_ring_tx(const struct host *host, uint32_t queue)
{
    return host->layout.tx + queue * host->layout.tx_step;
}

static inline uint32_t host_ring_tx_done(const struct host *host, uint32_t queue)
{
    return host->layout.tx_done + queue * host->layout.tx_done_step;
}

static inline uint32_t host_ring_rx(const struct host *host, uint32_t queue)
{
    return host->layout.rx + queue * host->layout.rx_step;
}

static inline uint32_t host_ring_rx_done(const struct host *host, uint32_t queue)
{
    return host->layout.rx_done + queue * host->layout.rx_done_step;
}

static inline uint64_t host_address(unsigned region, uint64_t offset)
{
    return (uint64_t)region << REGION_SHIFT | offset;
}

static inline uint8_t *host_slot_bytes(const struct host *host, uint32_t slot)
{
    return host->tx_bytes + (size_t)slot * host->tx_stride;
}

static inline uint8_t *host_buffer_bytes(const struct host *host, uint32_t buffer)
{
    return host->rx_bytes + (size_t)buffer * host->rx_stride;
}

/* ---- cpu.c -------------------------------------------------------------------------------------- */

/* A core looks at what there is to do. Returns when it has to look again. */
uint64_t host_core_wake(struct host *host, uint32_t index, uint64_t time);
/* There is something for the core to look at. */
void host_core_kick(struct host *host, uint32_t core, uint64_t time);
void host_unblock(struct host *host, uint64_t time);
void host_list_push(struct host *host, struct host_list *list, uint32_t slot);

/* CPU time, 0 if ideal. */
static inline uint64_t host_cost(const struct host *host, uint64_t ps)
{
    return host->config.general.ideal ? 0 : ps;
}

/* ---- driver.c ----------------------------------------------------------------------------------- */

void host_mailbox_read(struct host *host, uint64_t time, unsigned reg);
void host_mailbox_write(struct host *host, uint64_t time, unsigned reg, uint32_t index,
                        uint32_t value);
void host_reset_over(struct host *host, uint64_t time);
void host_read_capabilities(struct host *host, uint64_t time);
void host_msix(void *self, uint64_t time, unsigned vector);
void host_mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok);
void host_write_register(struct host *host, uint64_t time, unsigned reg, uint32_t index,
                         uint64_t value);
/* Completion entries carry ABI_PHASE on every other pass through the ring. */
bool host_entry_visible(const struct host *host, uint32_t ring_offset, size_t entry_bytes,
                        size_t flags_at, uint32_t done, uint32_t ring);
void host_refill(struct host *host, uint32_t queue, uint64_t time);
/* Buffers of a ring that are empty when they are given back. */
uint32_t host_refill_at(const struct host *host);
bool host_rx_visible(const struct host *host, uint32_t queue);
/* A receive completion as the card has written it, and as it stands in front of a packet: the buffer that was
 * posted as number `index` of the queue. */
void host_rx_entry(const struct host *host, const uint8_t *bytes,
                   struct abi_rx_completion *completion);
uint32_t host_rx_posted(const struct host *host, uint32_t queue, uint32_t index);
/* The completion at the head of the ring. */
void host_rx_head(const struct host *host, uint32_t queue, struct abi_rx_completion *completion);
void host_cmd_head(const struct host *host, struct abi_command_completion *completion);
void host_cmd_write(struct host *host, const struct abi_command *command, uint64_t time);
bool host_cmd_visible(const struct host *host);
void host_begin_reset(struct host *host, uint64_t time);
void host_end_reset(struct host *host, uint64_t time);
void host_wire_ready(void *self, uint64_t time, unsigned port);
void host_timer_wake(struct host *host, uint64_t time); /* resets, delayed DELETEs */
/* A slot, + 1; 0: there is none. */
uint32_t host_slot_take(struct host *host);

/* ---- tx_ring.c ---------------------------------------------------------------------------------- */

void host_post(struct host *host, uint32_t queue, uint32_t slot, uint64_t time);
/* Tell the card of what is new. Returns when the core is done with it. */
uint64_t host_doorbell(struct host *host, uint32_t queue, uint64_t time);
/* Completions visible in a transmit ring; take one. */
bool host_tx_visible(const struct host *host, uint32_t queue);
void host_tx_take(struct host *host, uint32_t queue, uint64_t time);
void host_wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame);
void host_slot_free(struct host *host, uint32_t slot, uint64_t time);
/* The card has lost its rings: what was in them is gone. */
void host_tx_flush(struct host *host, uint64_t time);

/* ---- host.c -------------------------------------------------------------------------------------- */

/* Let a block look at `time`, and stop the card there if it is running. One wake is pending for a block at
 * most: of two the earlier one counts, as the block looks at everything and asks again. */
void host_wake(struct host *host, unsigned block, uint64_t time);
/* Packets that are neither sent nor dropped; received and neither delivered nor dropped. */
uint64_t host_tx_inside(const struct host *host);
uint64_t host_rx_inside(const struct host *host);

/* ---- transport.c -------------------------------------------------------------------------------- */

void host_source_wake(struct host *host, uint64_t time);
/* Fill the backlogs from a closed-loop source. */
void host_pump(struct host *host, uint64_t time);
/* Begin with the packet in the slot: choose, frame. Returns the CPU time; *post false: dropped or held. */
uint64_t host_send(struct host *host, uint32_t slot, uint64_t time, bool *post);
void host_tx_drop(struct host *host, uint32_t slot, uint64_t time, enum host_tx_drop reason);
/* A descriptor that used this frame has completed. */
void host_frame_done(struct host *host, struct host_use *use, uint64_t time);
/* Framing without contents: only the lengths. */
enum host_tx_drop host_frame_lengths(const struct host_frame *frame, struct host_slot *s);
enum host_tx_drop host_tx_drop_of(enum esp_status status);
/* A number for each SA of the node. */
bool host_numbers_left(const struct host *host, uint32_t sa);
/* The UPDATE of a stalled SA has ended. */
void host_stall_end(struct host *host, uint32_t sa, uint64_t time, bool good);
/* Let go what a stall holds back: the SA is going away. */
void host_stall_release(struct host *host, uint32_t sa, uint64_t time);
void host_hold(struct host *host, struct host_frame *frame, uint32_t slot);
/* A recorded UPDATE that must not overtake what is in flight: it goes on when that has completed. */
void host_stall_adopt(struct host *host, uint32_t sa, uint32_t frame, uint32_t request,
                      uint64_t time);

/* ---- large.c: TCP frames that are longer than they may be on the wire ---------------------------- */

/* For host_sa.sizes. */
uint16_t host_sizes_of(const struct esp_node *node);
/* Is it longer, with what the SAs add (0: no SA)? Payload bytes of a segment then; 0: no, or none would fit. */
uint32_t host_large_mss(const struct host *host, const struct host_slot *s, uint32_t sa,
                        uint32_t tunnel);
bool host_card_cuts(const struct host *host, const struct host_slot *s, uint32_t sa,
                    uint32_t tunnel, uint32_t mss);
void host_large_to_card(struct host_slot *s, uint32_t mss);
void host_large_trailer(struct host *host, const struct host_frame *frame, uint32_t slot,
                        const struct host_slot *clear);
/* Put segments in its place, first in the backlog; it is dropped if there are no slots for them. Returns the CPU
 * time. */
uint64_t host_cut(struct host *host, uint32_t slot, uint32_t mss, uint64_t time);

static inline uint32_t host_frames_left(const struct host_slot *s)
{
    return (s->segments == 0 ? 1 : s->segments) - s->out;
}

/* ---- software.c --------------------------------------------------------------------------------- */

enum host_tx_drop host_seal(struct host *host, uint32_t sa, uint32_t slot);
/* Process `packet` of the inbound SA. Without *contents only the length; cleared if that is all that could
 * be done. */
enum host_rx_drop host_open(struct host *host, uint32_t sa, struct esp_packet *packet,
                            const struct esp_view *view, bool *contents);
struct esp_crypt *host_crypt(struct host *host);
enum host_rx_drop host_drop_of_status(enum esp_status status);
enum host_rx_drop host_drop_of_replay(enum replay_verdict verdict);
uint64_t host_software_cost(const struct host *host, uint32_t bytes);

/* ---- receive.c ---------------------------------------------------------------------------------- */

/* Begin with the completion at the head of the queue: fills core->rx, returns the CPU time. */
uint64_t host_receive(struct host *host, struct host_core *core, uint32_t queue, uint64_t time);
void host_deliver(struct host *host, struct host_core *core, uint64_t time);
bool host_check_selector(struct host *host, uint32_t sa, const struct esp_packet *packet);

/* ---- forward.c ---------------------------------------------------------------------------------- */

bool host_forward_init(struct host *host, char *error, size_t error_size);
/* Does the packet go on? Then rx->forward, and it is as it will be sent. Returns the CPU time of looking. */
uint64_t host_forward_look(struct host *host, struct host_pending_rx *rx);
/* Into the backlog of its core; true if it keeps the receive buffer. */
bool host_forward(struct host *host, struct host_core *core, uint64_t time);
/* A receive buffer is empty. */
void host_buffer_back(struct host *host, uint32_t buffer, uint64_t time);
/* The frame moves into the slot's own buffer, if it is not there. */
void host_slot_own(struct host *host, uint32_t slot, uint64_t time);

/* ---- oid.c -------------------------------------------------------------------------------------- */

struct host_ending {
    uint32_t status;
    uint32_t done;
    bool on_card;
    enum sa_reason reason;
};

/* The request has been served: its node's affairs, and its end. */
void host_oid_finish(struct host *host, uint32_t id, const struct abi_command_completion *c,
                     uint64_t time);
/* True if `time` is past; else everything before it has happened. */
bool host_late(struct host *host, uint64_t time);
uint32_t host_request_new(struct host *host, unsigned kind, uint32_t count, uint64_t time);
struct host_item *host_items(const struct host *host, const struct host_request *r);
/* It can go to the card. */
void host_request_queue(struct host *host, uint32_t id, uint64_t time);
/* O-27: a reset refused it or cut it short; true if it will be made once more. */
bool host_request_retry(struct host *host, uint32_t id, uint32_t status, uint64_t time);
void host_request_end(struct host *host, uint32_t id, const struct host_ending *e, uint64_t time);

/* ---- carried.c: transmit SAs that travel in descriptors ------------------------------------------ */

/* True if the request ends in the driver; it has. */
bool host_carried_request(struct host *host, uint32_t id, uint64_t time);
/* The card has served a request: what the driver adds to its result. */
void host_carried_complete(struct host *host, uint32_t id, struct abi_command_completion *c);
/* The handle of an outbound SA that the driver takes; 0: refused for *reason. */
uint64_t host_carried_take(const struct host *host, const struct esp_node *node, uint32_t sa,
                           enum sa_reason *reason);
/* Write the SA of a packet behind its descriptor; false: it has none. */
bool host_carried_write(struct host *host, const struct host_slot *s, uint8_t *place);

/* ---- move.c: from the card into software, and back ----------------------------------------------- */

void host_delete_request(struct host *host, uint64_t card, uint64_t time);
void host_delayed_run(struct host *host, uint64_t time);
/* The host's own DELETE has ended. */
void host_left_card(struct host *host, uint32_t sa, uint64_t time);
/* A recorded DELETE finds an SA in software whose own DELETE waits for packets in flight: it goes to the card after
 * all. False: the SA is in software for good. */
bool host_stays(struct host *host, uint32_t sa);
/* Nothing of the SA with this first frame is in flight any more. */
void host_move_drained(struct host *host, uint32_t frame, uint64_t time);
/* Does the packet wait until its SA is in software, or back? Holds it if so. */
bool host_moves(struct host *host, uint32_t sa, uint32_t slot);
/* A packet was carried in software: its SA may be worth adding again. */
void host_used(struct host *host, uint32_t sa, uint64_t time);
/* The ADD of a node has ended, that of request `r` (NULL: a preloaded one). */
void host_settled(struct host *host, const struct host_item *item,
                  const struct abi_command_completion *c, const struct host_request *r,
                  uint64_t time);
void host_came_back(struct host *host, const struct host_request *r, uint32_t done, uint64_t time);
/* The card has lost its SAs in a reset that is over; the link went down, or came up. */
void host_wiped(struct host *host, uint64_t time);
void host_link(struct host *host, bool up, uint64_t time);
/* A reset that the table has survived is over: a restoration goes on. */
void host_restore_go(struct host *host, uint64_t time);
/* Begin one if a request that a reset has refused ended after the last. */
void host_restore_late(struct host *host, uint64_t time);
/* The driver has rewritten `nodes` entries of tables behind registers, from `first` on. */
void host_restored(struct host *host, uint32_t nodes, uint64_t first, uint64_t time);
/* Are contents kept because SAs may have to come back? */
bool host_may_move(const struct host *host);

/* ---- lifetime.c: limits of SAs that may leave the card and come back ------------------------------- */

enum { HOST_LIFE_BYTES = 128 };
void host_life_new(struct host *host, uint32_t sa, const struct esp_node *node);
void host_life_end(struct host *host, uint32_t sa);
/* Its first ADD has an end: time runs. */
void host_life_start(struct host *host, uint32_t sa, uint64_t time);
/* `packets` of it have passed, on the card or in software. */
void host_life_count(struct host *host, uint32_t sa, uint64_t packets, uint64_t bytes,
                     uint64_t time);
void host_life_sent(struct host *host, const struct host_slot *slot, uint64_t time);
/* Bytes from the IP header on that came out of it. */
void host_life_received(struct host *host, uint32_t sa, const struct esp_packet *packet,
                        bool contents, uint64_t time);
/* Is a hard limit reached? Counts what its time has come to, too. */
bool host_life_over(struct host *host, uint32_t sa, uint64_t time);
/* For a node that is added again: what is left of its limits. */
void host_life_left(struct host *host, uint32_t sa, struct esp_node *node, uint64_t time);

/* ---- overlap.c: SAs for the same traffic on the card at once -------------------------------------- */

/* `pair`: recorded handle of its partner, 0: none. */
void host_overlap_add(struct host *host, uint32_t sa, const struct esp_node *node, uint64_t pair,
                      uint64_t time);
void host_overlap_end(struct host *host, uint32_t sa, uint64_t time);
void host_overlap_pass(struct host *host); /* the statistics are those of now */

/* ---- rules.c ------------------------------------------------------------------------------------ */

/* What the card says: a new handle of a node; the end of an ADD, with so many handles that are not 0; of an
 * UPDATE, `known` if the host knows the SA; of a DELETE; the word of a received packet. */
void host_watch_handle(struct host *host, uint32_t sa, uint64_t handle);
void host_watch_add(struct host *host, uint32_t status, uint32_t handles);
void host_watch_update(struct host *host, uint32_t status, bool known);
void host_watch_delete(struct host *host, uint32_t status);
void host_watch_rx(struct host *host, uint32_t word);

/* ---- events.c ----------------------------------------------------------------------------------- */

/* Tell the card where its events go; is there one; one or more have come, the host is told now; work on the next. */
void host_events_program(struct host *host, uint64_t time);
bool host_event_visible(const struct host *host);
void host_event_told(struct host *host, uint64_t time);
void host_event_take(struct host *host, uint64_t time);
/* The end of a HOST_REQUEST_READ, MODIFY or ARM. */
void host_finish_state(struct host *host, uint32_t id, const struct abi_command_completion *c,
                       uint64_t time);
/* Limits in packets of a node that the card has taken under this handle; they are no more. */
void host_limits_add(struct host *host, uint64_t handle, const struct esp_node *node);
void host_limits_forget(struct host *host, uint64_t handle);
/* Crypto offload: the card's scope of this frame; does it begin where that of `number` does; let it. */
struct scope host_frame_scope(const struct host_frame *frame);
bool host_scope_there(const struct host_frame *frame, uint64_t number);
void host_scope_move(struct host *host, uint32_t frame, uint64_t number, uint64_t time);

/* ---- nodes.c ------------------------------------------------------------------------------------ */

void host_finish_add(struct host *host, uint32_t id, const struct abi_command_completion *c,
                     uint64_t time);
void host_finish_update(struct host *host, uint32_t id, const struct abi_command_completion *c,
                        uint64_t time);
void host_finish_delete(struct host *host, uint32_t id, const struct abi_command_completion *c,
                        uint64_t time);

/* CPU work of core 0. */
uint32_t host_oid_ready(const struct host *host); /* a request that can be posted, 0 = none */
void host_oid_post(struct host *host, uint64_t time);
void host_oid_take(struct host *host, uint64_t time);
/* After a reset: retry what it refused; `lost`: what was on the card is gone. */
void host_oid_flush(struct host *host, bool lost, uint64_t time);
void host_own_update(struct host *host, uint32_t sa, enum esp_op op, uint32_t spi, uint32_t seq_hi,
                     bool stall, uint64_t time);
/* A recorded UPDATE that was held back by a stall goes on. */
void host_update_go(struct host *host, uint32_t id, uint64_t time);
/* The request's nodes become the bytes of a DELETE; `left` of them have a handle. */
void host_build_delete(struct host *host, uint32_t id, uint32_t left);
bool host_wants_annotation(const struct host *host, const struct esp_node *nodes, uint32_t count);
void host_encapsulation(struct host *host, bool on, uint8_t flags, uint64_t time);
unsigned host_status_index(uint32_t status);

#endif
