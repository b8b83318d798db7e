/* The reference host: transport, miniport driver and memory, as a client of the card's API.
 *
 * The order of calls:
 *   host_create -> espnic_create with the ports it filled in -> host_attach -> host_start
 *   -> host_preload_add ... -> host_tx, host_oid_*, host_event and espnic_wire_rx in order of time,
 *   host_simulate between and after them -> host_check_books -> host_destroy, espnic_destroy.
 *
 * Times are picoseconds from the start of the card (its port clock must be 1 THz). host_start takes
 * some simulated microseconds; the clock of a recording is best started at what it returns.
 *
 * Calls that carry a time first simulate up to it, so that a caller who has merged its inputs by time
 * needs no loop of its own. They return false, and change nothing, if the time is past. None may be
 * made from inside a callback. */
#ifndef ESPNIC_HOST_HOST_H
#define ESPNIC_HOST_HOST_H

#include "engine/histogram.h"
#include "engine/snapshot.h"
#include "esp/esp.h"
#include "espnic.h"
#include "host/config.h"
#include "nic/drops.h"
#include "nic/ndis.h"
#include "nic/routes.h"

struct host;

/* Tags of frames that the caller gives to host_tx or espnic_wire_rx must be below this. */
#define HOST_TAG_LIMIT (1ull << 62)

/* ---- what the host tells ------------------------------------------------------------------------ */

/* How a packet came to be delivered. */
enum host_verdict {
    HOST_CLEAR,      /* no IPsec in it */
    HOST_OFFLOADED,  /* the card processed it (crypto offload: and the host stripped it) */
    HOST_SOFTWARE,   /* the host decrypted it */
    HOST_UNPROCESSED /* IPsec that neither could process, handed up as it is */
};

struct host_delivery {
    uint64_t time;
    const uint8_t *bytes; /* NULL: timing only */
    uint32_t captured, length;
    uint64_t tag;     /* of the received frame; of the last fragment of a reassembled packet */
    uint64_t wire_ps; /* when its last bit came from the wire */
    uint16_t port;
    uint64_t handle; /* recorded handle of the SA, 0 = none */
    enum host_verdict verdict;
};

/* Where the time of a request went; the four are its whole latency. */
enum host_oid_part {
    HOST_PART_DRIVER,    /* waiting for an ADD or the core, CPU, refused and made once more */
    HOST_PART_PCIE,      /* doorbell, DMA and completion; register reads */
    HOST_PART_CARD,      /* the card had all it needed and was not done */
    HOST_PART_INTERRUPT, /* from the completion in memory until the driver is told */
    HOST_PARTS
};

struct host_oid_done {
    uint64_t request_time, time;
    uint64_t record; /* as given with the request; 0: made by the host itself */
    enum ndis_kind kind;
    uint32_t status;              /* NDIS; SUCCESS also for what was done in software alone */
    uint32_t nodes;               /* of the request */
    uint32_t done;                /* nodes offloaded (ADD), handled by the card (DELETE, UPDATE) */
    bool on_card;                 /* false: no command went to the card */
    enum sa_reason reason;        /* ADD: of the first node that the card refused */
    uint64_t part_ps[HOST_PARTS]; /* of its latency; their sum is time - request_time */
};

/* Any of these may be NULL. Called from inside host_simulate. */
struct host_sinks {
    void *self;
    /* A frame's last bit has left on the wire; `tag` as given to host_tx, or of the received frame if
     * the card forwarded it (then `forwarded`). */
    void (*wire)(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame,
                 bool forwarded);
    void (*deliver)(void *self, const struct host_delivery *delivery);
    void (*oid)(void *self, const struct host_oid_done *done);
    /* A packet given to host_tx or taken from the source that will not reach the wire; `reason` as in
     * the statistics. */
    void (*tx_drop)(void *self, uint64_t time, uint64_t tag, const char *reason);
};

/* ---- a source of packets ------------------------------------------------------------------------ */

struct host_packet {
    uint64_t time; /* when the transport gets it; closed loop: not looked at */
    unsigned port;
    struct espnic_frame frame; /* clear; without bytes no selector can be matched */
};

/* Packets that the host fetches itself instead of being given. peek: the next packet, without taking
 * it; false: none for now (call host_source_ready when there is). take: it is done with. The bytes must
 * be valid from peek to take. */
struct host_source {
    void *self;
    bool (*peek)(void *self, struct host_packet *packet);
    void (*take)(void *self);
    bool closed_loop; /* a packet as soon as there is room for one (--load max); else at its time */
};

/* ---- life --------------------------------------------------------------------------------------- */

struct host_options {
    bool functional; /* as espnic_options */
    enum esp_backend backend;
    struct host_sinks sinks;
    unsigned ports;                           /* of the card */
    const struct nic_forward_config *forward; /* what the gateway does, NULL: it is none; copied */
    uint32_t mtu;                             /* of the ports, 0: not known */
    bool
        free_requests; /* an experiment: control requests are done at once and cost nothing, where they would go
                           through a command queue */
};

/* NULL with a sentence in `error`. */
struct host *host_create(const struct host_config *config, const struct host_options *options,
                         struct espnic_ports *ports, char *error, size_t error_size);
void host_destroy(struct host *host);

/* `card` was created with the ports that host_create filled in. */
void host_attach(struct host *host, struct espnic *card);

/* Start the driver: read the capabilities, program rings and interrupts, post receive buffers, enable,
 * OID_OFFLOAD_ENCAPSULATION. Returns the time when all that is done, 0 with a sentence on failure. */
uint64_t host_start(struct host *host, char *error, size_t error_size);

/* After host_start, before the first input: the SA is complete at no cost. A refused one lives in
 * software. Returns whether it is on the card; *reason why not. */
bool host_preload_add(struct host *host, const struct esp_node *node, enum sa_reason *reason);

/* ---- time --------------------------------------------------------------------------------------- */

/* Run card and host in order of time, up to and including `until`, or until nothing is pending.
 * Returns the time reached: `until`, or (only with until = ESPNIC_NEVER) that of the last event. */
uint64_t host_simulate(struct host *host, uint64_t until);

/* The pieces of it: the host's next event (ESPNIC_NEVER: none), and all of them up to `until`. */
uint64_t host_next_event(const struct host *host);
void host_run(struct host *host, uint64_t until);
uint64_t host_now(const struct host *host);

/* Nothing pending on either side, and nothing inside. If nothing is pending and this is false, host and
 * card stand still: host_explain says who waits for what. */
bool host_idle(const struct host *host);
unsigned host_explain(const struct host *host, char *text, size_t size); /* lines written */

/* ---- inputs ------------------------------------------------------------------------------------- */

bool host_tx(struct host *host, uint64_t time, unsigned port, const struct espnic_frame *frame);

/* NULL: none any more. */
void host_set_source(struct host *host, const struct host_source *source);
void host_source_ready(struct host *host, uint64_t time);

/* `record`: names the record in host_oid_done (0 is the host's own). `req`: request id for cancel.
 * A DELETE of more than NDIS_MAX_CHAIN handles becomes several requests, each with its host_oid_done. */
bool host_oid_add(struct host *host, uint64_t time, const struct esp_node *nodes, uint32_t count,
                  bool ex, uint64_t record, uint64_t req);
bool host_oid_update(struct host *host, uint64_t time, uint64_t handle, enum esp_op op,
                     uint32_t spi, uint32_t seq_hi, uint64_t record, uint64_t req);
bool host_oid_delete(struct host *host, uint64_t time, const uint64_t *handles, uint32_t count,
                     uint64_t record, uint64_t req);

enum host_event {
    HOST_EVENT_ENCAPSULATION, /* argument: 1 on, 0 off */
    HOST_EVENT_PARAMETERS,    /* counted */
    HOST_EVENT_RESET_BEGIN,
    HOST_EVENT_RESET_END, /* over when the card says so; see host.reset_hold */
    HOST_EVENT_LINK,      /* argument: 1 up, 0 down: what is to be sent is dropped */
    HOST_EVENT_CANCEL,    /* argument: req. A request not yet on the card ends REQUEST_ABORTED */
    HOST_EVENT_COUNT
};
bool host_event(struct host *host, uint64_t time, enum host_event event, uint64_t argument);

/* ---- results ------------------------------------------------------------------------------------ */

/* Why a packet to be sent never got to the card. X(NAME, key, sentence) */
#define HOST_TX_DROPS(X)                                                                           \
    X(NO_SELECTOR, "no_selector", "no SA takes it, and the policy is not to send it in clear")     \
    X(BACKLOG, "host_backlog", "too many packets wait for the core")                               \
    X(TOO_LONG, "host_too_long", "longer than a transmit buffer, or than IP allows with IPsec")    \
    X(NO_KEYS, "no_keys",                                                                          \
      "SA in software whose keys or last number the host has not, or timing-only SA")              \
    X(CANNOT_PROTECT, "cannot_protect",                                                            \
      "not an IP packet that the SA can protect (a fragment in "                                   \
      "transport mode, truncated)")                                                                \
    X(SEQ_EXHAUSTED, "seq_exhausted", "the SA has no sequence number left")                        \
    X(ESN_UPDATE, "esn_update", "UPDATE_SA for the upper half failed")                             \
    X(EXPIRED, "expired", "in software, and past a hard limit of its SA")                          \
    X(LINK_DOWN, "link_down", "the recording says that the link is down")                          \
    X(HOST_RESET, "reset", "in the transmit ring when the card was reset")

/* Why a received packet was not delivered. */
#define HOST_RX_DROPS(X)                                                                           \
    X(BAD_ICV, "bad_icv", "the ICV did not match")                                                 \
    X(REPLAY, "replay", "sequence number already received")                                        \
    X(TOO_OLD, "too_old", "sequence number below the replay window")                               \
    X(SEQ_ZERO, "seq_zero", "sequence number 0")                                                   \
    X(SYNTAX, "syntax", "lengths do not fit")                                                      \
    X(PROTOCOL, "wrong_protocol", "not the IPsec protocol, encapsulation or mode of the SA")       \
    X(BAD_PADDING, "bad_padding", "padding is not 1, 2, 3, ...")                                   \
    X(DUMMY, "dummy", "next header 59")                                                            \
    X(BAD_INNER, "bad_inner", "no valid IP packet inside the tunnel")                              \
    X(ECN, "ecn", "outer CE on an inner packet that is not ECN-capable (RFC 6040)")                \
    X(EXPIRED, "expired", "in software, and past a hard limit of its SA")                          \
    X(SELECTOR, "selector", "the inner packet is outside the SA's selector")                       \
    X(UNKNOWN, "unknown", "IPsec that nobody can process, dropped by policy")                      \
    X(HOST_RESET, "reset", "completion not yet looked at when the card was reset")                 \
    X(FRAGMENT, "fragment_timeout",                                                                \
      "fragment of a packet that never became complete, or no room for it")

enum host_tx_drop {
    HOST_TX_DROP_NONE = 0,
#define X(name, key, text) HOST_TX_DROP_##name,
    HOST_TX_DROPS(X)
#undef X
        HOST_TX_DROP_COUNT
};

enum host_rx_drop {
    HOST_RX_DROP_NONE = 0,
#define X(name, key, text) HOST_RX_DROP_##name,
    HOST_RX_DROPS(X)
#undef X
        HOST_RX_DROP_COUNT
};

const char *host_tx_drop_name(enum host_tx_drop drop);
const char *host_rx_drop_name(enum host_rx_drop drop);

struct host_tx_stats {
    uint64_t packets_in, bytes_in; /* that the transport was given */
    uint64_t offloaded;            /* of these, posted with a handle */
    uint64_t software;             /* posted after protection in software */
    uint64_t clear;                /* posted unprotected */
    uint64_t posted, posted_bytes; /* descriptors */
    uint64_t sent, sent_bytes;     /* last bit on the wire */
    uint64_t failed;               /* descriptors that the card completed with a failure */
    uint64_t failed_reason[NIC_DROP_COUNT];
    uint64_t lost; /* completed well but never sent: a reset came between */
    uint64_t drop[HOST_TX_DROP_COUNT];
    uint64_t inside; /* with the host or on the way to the wire; filled in for reports */
    uint64_t doorbells;
    uint64_t inlined;             /* frames that were put behind their descriptors in the ring */
    uint64_t pushed, pushed_data; /* descriptors written to the card; with their frames */
    uint64_t lso, lso_created;    /* frames that the card cuts; segments beside them */
    uint64_t segmented, segments_created; /* frames that the host cut; segments beside them */
    uint64_t push_bursts;                 /* TLPs of pushes */
    uint64_t ring_full;                   /* a core had to wait for a free descriptor */
    uint64_t esn_stalls, esn_stalled_packets, esn_stall_ps;
    uint64_t move_stalled_packets, move_stall_ps; /* while an SA leaves the card, or comes back */
    struct histogram latency_ns;                  /* doorbell to last bit on the wire */
    struct histogram host_ns;                     /* transport to doorbell */
};

struct host_rx_stats {
    uint64_t completions, completion_bytes;
    uint64_t delivered, delivered_bytes;
    uint64_t offloaded, software, clear, unprocessed; /* of those delivered */
    uint64_t forwarded; /* seen on the wire with the tag of a received frame */
    uint64_t bypass[NIC_BYPASS_COUNT];
    uint64_t drop[HOST_RX_DROP_COUNT];
    uint64_t fragments;   /* put into reassembly */
    uint64_t merged;      /* of these, became part of a packet */
    uint64_t reassembled; /* packets made */
    uint64_t inside;      /* fragments waiting; filled in for reports */
    uint64_t crypto_status[8];
    uint64_t delete_requests; /* packets with SaDeleteReq */
    uint64_t interrupts, polls, refills;
    struct histogram latency_ns; /* last bit on the wire to completion visible */
    struct histogram host_ns;    /* completion visible to delivery */
};

enum host_oid_kind {
    HOST_OID_ADD,
    HOST_OID_UPDATE,
    HOST_OID_DELETE,
    HOST_OID_OTHER,
    HOST_OID_KINDS
};

enum { HOST_STATUS_KINDS = 26 }; /* those with a name, and one for all others */

/* Packets that the host sends on as they come (card.forward.path host). Each is also one of `tx`. */
struct host_forward_stats {
    uint64_t packets, bytes;       /* taken; frames as they are given to the transmit side */
    uint64_t stay[NIC_STAY_COUNT]; /* delivered to the stack instead */
    struct histogram latency_ns;   /* last bit in to last bit out */
};

struct host_oid_stats {
    uint64_t requests;
    uint64_t completed;   /* by the card */
    uint64_t in_software; /* done without the card: the SA lives in software */
    uint64_t aborted;     /* ended in the host: cancelled */
    uint64_t status[HOST_STATUS_KINDS];
    uint64_t retried;
    uint64_t nodes, nodes_done;
    uint64_t waited;              /* for the ADD of their node */
    struct histogram latency_ns;  /* request to completion taken */
    struct histogram wait_ns;     /* of it: waiting for an ADD */
    struct histogram driver_ns;   /* queue, CPU, up to the doorbell */
    struct histogram card_ns;     /* doorbell to completion visible */
    struct histogram complete_ns; /* visible to taken */
    struct histogram part_ns[HOST_PARTS];
    uint64_t mmio_writes, mmio_reads; /* into tables behind registers */
};

/* Engines of a card whose tables are behind registers. */
struct host_engine_stats {
    uint64_t starts, stops, mmio_writes, mmio_reads;
    uint64_t waits;                       /* for a block to be empty, host.oid.drain_poll each */
    uint64_t store_waits, store_given_up; /* for WRITE to be clear, host.oid.store_wait each */
    uint64_t restores, restore_writes, restore_reads, restore_ps;
};

enum {
    HOST_CARD_RULES = 13
}; /* rules of the interface 1 to 12 (traces/rules.h); index 0 is not used */

struct host_sa_stats {
    uint64_t live, peak_live; /* nodes that the host holds */
    uint64_t on_card, in_software;
    uint64_t refused[SA_REASON_COUNT];        /* first refusal of a request */
    uint64_t driver_refused[SA_REASON_COUNT]; /* nodes that the card was not asked about */
    uint64_t delete_requests_obeyed, pair_deletes, pair_missing;
    uint64_t pair_unknown;    /* of pair_missing: the recording names no partner (rule 10) */
    uint64_t unknown_handles; /* records that name no node */
    uint64_t duplicate_handles;
    uint64_t rules_refused; /* selectors of more different shapes than the host can tell apart */
    uint64_t esn_updates;   /* inbound, made by the host itself */
    uint64_t events[HOST_EVENT_COUNT];
    uint64_t resets;
    uint64_t soft_limits, hard_limits; /* of SAs that may leave the card, as the host counts */
    uint64_t overlaps,
        overlap_peak; /* SAs added beside one for the same traffic; the most at a time */
    double overlap_s; /* SAs times seconds */
    uint64_t bytes;   /* of host memory for SAs; filled in for reports */
};

/* SAs that come back to the card. */
struct host_readd_stats {
    uint64_t asked;       /* by SaDeleteReq, or refused for lack of room: SAs that may come back */
    uint64_t requests;    /* ADD_SA for such */
    uint64_t nodes, done; /* of these; taken by the card */
    uint64_t refused;     /* not taken */
    uint64_t
        no_keys; /* left for good: the host has not kept their contents, or not their numbers */
    struct histogram away_ns; /* from leaving the card, or the last refusal, to being back */
};

/* All of them at once: after a reset that wiped the table, or when the link is up again. */
struct host_restore_stats {
    uint64_t times;   /* restorations that have ended */
    uint64_t nodes;   /* added again by these */
    uint64_t failed;  /* not taken by the card any more: they stay in software */
    uint64_t expired; /* past a hard limit: they are not asked for */
    uint64_t
        ps; /* from the begin of the reset, or the link coming up, to the last ADD's end; the sum */
    uint64_t add_ps;     /* of it: from the first ADD on */
    uint64_t software;   /* packets carried in software meanwhile */
    uint64_t blocked_ps; /* resets: nothing could be sent */
};

/* What the card tells of its SAs, and what the driver does about it. */
struct host_event_stats {
    uint64_t taken;
    uint64_t modified, armed; /* commands: scopes moved; events armed again, a round added or not */
    uint64_t failed;          /* commands that the card refused: the SA has gone */
    uint64_t soft, hard;      /* limits in packets that the driver has learnt of */
    uint64_t early;           /* of hard: there were rounds left, it was too late to add them */
    struct histogram soft_ns; /* from the event on the card until it knew of a soft limit */
};

struct host_core_stats {
    uint64_t busy_ps;    /* working */
    uint64_t blocked_ps; /* had a packet, but the ring was full */
    uint64_t tx_packets, rx_packets, oids;
};

struct host_stats {
    struct host_tx_stats tx;
    struct host_rx_stats rx;
    struct host_forward_stats forward;
    struct host_oid_stats oid[HOST_OID_KINDS];
    struct host_sa_stats sa;
    struct host_engine_stats engine;
    struct host_readd_stats readd;
    struct host_restore_stats restore;
    struct host_event_stats events;
    struct host_core_stats core[HOST_MAX_CORES];
    uint64_t software_packets, software_bytes; /* both directions */
    uint64_t commands_held; /* requests that found as many with the card as it lets wait */
    uint64_t foreign_dma;   /* accesses to memory that holds nothing of the host's */
    uint64_t card_rules[HOST_CARD_RULES]; /* breaches by the card that the host has seen: rules.c */
};

/* Up to date, gauges included. */
const struct host_stats *host_statistics(struct host *host);

/* Put every statistic into the registry. `host` NULL: names and meanings only. */
void host_register_stats(struct host *host, struct stat_registry *registry);

/* in = sent + dropped + inside, by direction; every OID completed exactly once or is pending.
 * False with a sentence. */
bool host_check_books(struct host *host, char *error, size_t error_size);

/* The recorded handle's node: on the card, in software, neither. */
enum host_place { HOST_PLACE_NONE, HOST_PLACE_ADDING, HOST_PLACE_CARD, HOST_PLACE_SOFTWARE };
enum host_place host_where(const struct host *host, uint64_t handle);

/* Regions of the snapshot. Call after host_start. The source must stand, after a restore, where it stood
 * at the save: at the same packet to peek at. */
void host_register_state(struct host *host, struct snapshot *snapshot);

#endif
