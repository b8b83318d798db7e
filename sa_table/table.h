/* The SA table: installs, finds, counts, updates and deletes SA contexts.
 *
 * Functional and organisational only: what an operation costs in time is for the card's blocks
 * to say, from the probes and moves reported here. No operation depends on the number of
 * installed SAs: chains of the index hold one SA on average, it grows one bucket per insertion
 * (linear hashing), and storage grows one chunk at a time. Nothing depends on addresses; equal
 * calls give equal handles and equal bytes.
 *
 * Life of an SA:
 *   sa_table_add -> ADDING -> sa_table_commit -> LIVE -> sa_table_begin_delete -> DELETING
 *   -> last sa_table_put -> sa_table_free. */
#ifndef ESPNIC_SA_TABLE_TABLE_H
#define ESPNIC_SA_TABLE_TABLE_H

#include "engine/snapshot.h"
#include "sa_table/capabilities.h"
#include "sa_table/context.h"
#include "sa_table/index.h"
#include "sa_table/note.h"
#include "sa_table/pool.h"
#include "sa_table/replay.h"
#include "sa_table/scope.h"
#include "sa_table/slots.h"

/* ---- configuration ---------------------------------------------------------------------- */

enum { SA_TABLE_MOST = 0x7ffffffe }; /* places */

enum sa_capacity_unit {
    SA_UNIT_BUNDLES, /* a node counts 1 (O-8) */
    SA_UNIT_SAS      /* a node counts its entries */
};

struct sa_table_config {
    uint32_t organisation; /* enum sa_organisation */
    uint32_t slots;        /* slots.h; 0: as many as sa_table_slots() says */
    uint32_t choices, ways, stash, search;
    uint32_t hash;      /* enum sa_slots_hash */
    uint32_t unit;      /* enum sa_capacity_unit */
    bool per_direction; /* capacity_in and capacity_out instead of capacity */
    uint32_t capacity;  /* both directions together */
    uint32_t capacity_in, capacity_out;
    uint32_t ip_entries;      /* separate table of inbound destination addresses, 0 = none */
    bool outbound_duplicates; /* false: O-33 holds for outbound SAs too */
    /* Picoseconds between two looks of the card at what counts against lifetimes; 0: it sees every change at once. */
    uint64_t poll_packets, poll_bytes, poll_seconds;
    uint32_t
        round; /* packets: limits in packets are counted down in rounds of so many (scope.h); 0: they are not */
    bool watch;  /* keep the last use of every SA: 16 bytes more; set by the card */
    bool scope;  /* the upper half of a number is that of a scope (scope.h); likewise */
    bool events; /* SAs raise events: 16 bytes more; likewise */
};

extern const struct param sa_table_params[];
extern const size_t sa_table_param_count;

void sa_table_config_default(struct sa_table_config *config);

/* Slots for the keys of received SAs: as configured, or the capacity for them in whole buckets; 0 for a CAM. */
uint32_t sa_table_slots(const struct sa_table_config *config);

/* ---- statistics ------------------------------------------------------------------------- */

struct sa_table_stats {
    uint64_t capacity; /* as configured, in units */
    uint64_t live;     /* nodes live or being added or deleted */
    uint64_t live_in, live_out;
    uint64_t live_entries;
    uint64_t peak_live;
    uint64_t adds; /* nodes given a place */
    uint64_t add_failures[SA_REASON_COUNT];
    uint64_t slots, slots_used, slots_peak, slots_at_refusal, stash_peak, moves, searched;
    uint64_t updates, update_failures, update_disagreements;
    uint64_t deletes;               /* nodes freed */
    uint64_t stale_handles;         /* handles that named no live SA (O-3) */
    uint64_t lookups, hits, misses; /* inbound */
    uint64_t probes; /* look-ups of the index: 2 where wildcards exist and the first missed */
    uint64_t ip_live, ip_peak;
    uint64_t overshoot_packets, overshoot_bytes;
};

extern const struct stat_field sa_table_stat_table[];
extern const size_t sa_table_stat_count;

/* ---- the table ----------------------------------------------------------------------------- */

struct sa_table {
    struct sa_table_config config;
    struct sa_table_stats stats;
    struct sa_table_fixed {
        uint64_t units_in, units_out; /* of the capacity, taken */
        uint64_t wildcards;           /* entries in the index with destination "any" */
    } fixed;
    struct sa_pool contexts, seconds, v6_pairs, lifetimes, ips;
    struct sa_store blocks, windows;
    struct sa_chunks activity; /* struct sa_activity, by context */
    struct sa_chunks since;    /* uint32_t, by context: when it became live, in SA_SINCE_NS */
    struct sa_chunks raised;   /* struct sa_event_times, by context */
    struct sa_index index, ip_index;
    struct sa_slots slots;
    struct sa_cost
        cost; /* of the keys in the last sa_table_add or sa_table_begin_delete; 0 in a CAM */
    struct sa_table_image {
        unsigned char *data;
        size_t bytes;
    } image; /* of a snapshot */
};

/* Cannot fail: storage is taken when SAs come. */
void sa_table_init(struct sa_table *table, const struct sa_table_config *config);
void sa_table_destroy(struct sa_table *table);

struct sa_added {
    enum sa_reason reason; /* SA_OK or why not */
    uint32_t id;           /* of the context while it exists, 0 on failure */
    uint64_t handle;       /* nonzero, unique over both directions; 0 on failure */
};

/* Gives the node a place in state ADDING: it counts, blocks duplicates, and is found by nobody.
 * The node must have passed sa_validate. With `keep_window` false (crypto offload) no window is
 * kept. */
struct sa_added sa_table_add(struct sa_table *table, const struct esp_node *node, bool keep_window);

/* The table write is complete: LIVE; the lifetime in seconds starts, or goes on after the age that the node had. */
void sa_table_commit(struct sa_table *table, uint32_t id, uint64_t now_ns);

/* How long the context has been live: whole units of SA_SINCE_NS, modulo 2^32 of them (12 hours). */
enum { SA_SINCE_NS = 10000 };
uint64_t sa_table_age_ns(const struct sa_table *table, uint32_t id, uint64_t now_ns);

/* Context of a handle in state LIVE, else 0, counted as stale: unknown, stale, being added or
 * deleted. This is the outbound look-up. */
uint32_t sa_table_find(struct sa_table *table, uint64_t handle);

/* The same in any state but FREE, uncounted. */
uint32_t sa_table_peek(const struct sa_table *table, uint64_t handle);

uint64_t sa_table_handle(const struct sa_table *table, uint32_t id);

struct sa_key {
    uint32_t spi;
    uint8_t op; /* enum esp_op */
    struct esp_address dst;
};

struct sa_hit {
    uint32_t id;     /* 0: no such SA */
    uint32_t entry;  /* 0 or 1: which entry of the context matched */
    uint32_t probes; /* accesses of the index: 1 or 2 */
};

/* Inbound look-up by (SPI, destination, protocol, IP version); a destination of zero in the SA
 * matches any, an exact match goes first (O-13). Only LIVE contexts are found. Uncounted. */
struct sa_hit sa_table_look(const struct sa_table *table, const struct sa_key *wanted);

/* A look-up with this result has been made. */
void sa_table_count(struct sa_table *table, const struct sa_hit *hit);

/* Both at once. */
struct sa_hit sa_table_lookup(struct sa_table *table, const struct sa_key *wanted);

/* The context that it would find, 0: none. Uncounted. */
uint32_t sa_table_probe(const struct sa_table *table, const struct sa_key *wanted);

/* A packet in flight holds the context between ref and put. Put: true if the context is DELETING
 * and this was the last reference; the caller then frees it (now or when its time has come). */
void sa_table_ref(struct sa_table *table, uint32_t id);
bool sa_table_put(struct sa_table *table, uint32_t id);

enum sa_delete {
    SA_DELETE_READY,  /* DELETING and unreferenced: may be freed at once */
    SA_DELETE_WAIT,   /* DELETING, packets in flight */
    SA_DELETE_UNKNOWN /* no such SA, or its deletion has begun already (O-3) */
};

/* From here on no look-up finds the SA and its key may be given to a new one; its place, its
 * units of the capacity and its handle stay taken until sa_table_free. Also ends an SA in state
 * ADDING. *id is set unless UNKNOWN. */
enum sa_delete sa_table_begin_delete(struct sa_table *table, uint64_t handle, uint32_t *id);

/* Releases everything; the handle becomes stale. Only when DELETING and unreferenced. */
void sa_table_free(struct sa_table *table, uint32_t id);

enum sa_update {
    SA_UPDATE_OK,
    SA_UPDATE_UNKNOWN,  /* no live SA of this handle */
    SA_UPDATE_MISMATCH, /* no entry of this operation and SPI (O-19) */
    SA_UPDATE_NO_ESN
};

/* UPDATE_SA: the new upper half of an entry. With `apply` (host-managed ESN) it becomes
 * entry->seq_hi; without (the card infers) nothing moves, and a value that is not the upper half
 * of entry->sequence is counted as disagreement. All but OK are INVALID_PARAMETER to the host,
 * with nothing changed. */
enum sa_update sa_table_update(struct sa_table *table, uint64_t handle, enum esp_op op,
                               uint32_t spi, uint32_t seq_hi, bool apply);

/* Deletes everything, in flight or not (reset that wipes the table, O-26). All handles become
 * stale. */
void sa_table_wipe(struct sa_table *table);

/* Iteration in index order: the next context in use after `id` (start with 0), 0 at the end. */
uint32_t sa_table_next(const struct sa_table *table, uint32_t id);

/* ---- access ------------------------------------------------------------------------------ */

/* Addresses stay valid until the context is freed. `id` must be a context in use. */
static inline struct sa_context *sa_context(const struct sa_table *table, uint32_t id)
{
    return sa_chunks_at(&table->contexts.chunks, id);
}

static inline struct sa_entry *sa_entry(const struct sa_table *table, struct sa_context *context,
                                        uint32_t entry)
{
    return entry == 0 ? &context->first
                      : sa_chunks_at(&table->seconds.chunks,
                                     *sa_block_second(&table->blocks, &context->first));
}

/* Entry of an operation, NULL if the bundle has none. */
struct sa_entry *sa_entry_of(const struct sa_table *table, struct sa_context *context,
                             enum esp_op op);

/* The bit map of an inbound entry: replay_words(entry->window) words. */
static inline uint64_t *sa_bitmap(const struct sa_table *table, struct sa_entry *entry)
{
    return entry->window <= 64 ? &entry->bitmap
                               : sa_chunks_at(&table->windows.chunks, (uint32_t)entry->bitmap);
}

/* Upper half of the number as ADD and UPDATE_SA gave it, 0 without ESN: for host-managed ESN. */
uint32_t sa_seq_hi(const struct sa_table *table, const struct sa_entry *entry);

/* The 64-bit number of a packet when the host manages the upper half: in the crypto offload, and
 * with `esn` host-managed. Without ESN the low half alone. */
uint64_t sa_host_sequence(const struct sa_table *table, const struct sa_entry *entry,
                          uint32_t seq_lo);

/* ---- scope and events: a table with `scope`, an entry with ESN ---------------------------------------- */

struct scope sa_scope(const struct sa_table *table, const struct sa_entry *entry);
void sa_scope_set(const struct sa_table *table, struct sa_entry *entry, struct scope scope);
/* Number of its place: to send, the next number; received, the lowest of the window (the top without one). */
uint64_t sa_scope_place(const struct sa_entry *entry, bool inbound);

enum sa_crossing {
    SA_CROSSING_NONE,
    SA_CROSSING_EVENT,  /* it was armed, and is no more */
    SA_CROSSING_UNARMED /* nobody is told */
};

/* Its place was `before`, and its number or window has moved since. */
enum sa_crossing sa_scope_moved(struct sa_entry *entry, bool inbound, uint64_t before);

/* Times of the events of a context in use; NULL without `events`. */
struct sa_event_times *sa_event_times(const struct sa_table *table, uint32_t id);

/* Of an entry that counts a limit in rounds, else NULL. */
struct sa_lifetime *sa_rounds(const struct sa_table *table, const struct sa_entry *entry);

/* Key material, NULL if none: entry->enc_key and entry->auth_key bytes. */
const uint8_t *sa_enc_key(const struct sa_table *table, const struct sa_entry *entry);
const uint8_t *sa_auth_key(const struct sa_table *table, const struct sa_entry *entry);

void sa_addresses(const struct sa_table *table, const struct sa_context *context,
                  struct esp_address *src, struct esp_address *dst);

/* UDP ports of the encapsulation. */
void sa_ports(const struct sa_table *table, const struct sa_context *context, uint16_t *sport,
              uint16_t *dport);

/* Selector of the node; `present` is false if it has none. */
void sa_selector(const struct sa_table *table, const struct sa_context *context,
                 struct esp_selector *selector);

/* The node as it would have to be added now: present numbers, full limits, keys; without handle and
 * pair, which the card does not keep. For restoring a table after a reset, and for crypto code that
 * wants a struct esp_sa. */
void sa_node(const struct sa_table *table, uint32_t id, struct esp_node *node);

/* ---- replay and lifetime of an entry --------------------------------------------------------- */

/* Ports of the receive window: infer and check before the crypto, commit after a good ICV. */
uint64_t sa_replay_infer(const struct sa_entry *entry, uint32_t seq_lo);
enum replay_verdict sa_replay_check(const struct sa_table *table, struct sa_entry *entry,
                                    uint64_t sequence);
enum replay_verdict sa_replay_commit(const struct sa_table *table, struct sa_entry *entry,
                                     uint64_t sequence);

/* Hard limit reached, as far as the card has seen: the packet must be dropped before it gets a number. A limit of N
 * packets lets N pass; a byte limit is tested before the packet is counted, so the last one may go over it (as Linux
 * 6.1 does). A card that polls lets pass what comes until it looks: `overshoot_packets`, `overshoot_bytes`. */
bool sa_expired(const struct sa_table *table, const struct sa_entry *entry, uint64_t now_ns);

enum {
    SA_EVENT_SOFT = 1,
    SA_EVENT_HARD = 2,
    SA_EVENT_ROUND = 4 /* the counter of a round, for the driver */
};

/* Limits that the card sees reached now and were not reported before, as SA_EVENT_*; marks them reported. */
unsigned sa_limits(const struct sa_table *table, struct sa_entry *entry, uint64_t now_ns);

/* When the next limit in seconds that was not reported yet falls due; UINT64_MAX: never. */
uint64_t sa_deadline(const struct sa_table *table, const struct sa_entry *entry);

/* Counts a packet of `bytes` against the limits, if there are any. Returns sa_limits. */
unsigned sa_count(struct sa_table *table, struct sa_entry *entry, uint64_t bytes, uint64_t now_ns);

/* Last use of a context in use; NULL if the table does not watch it. */
struct sa_activity *sa_activity(const struct sa_table *table, uint32_t id);

/* ---- memory and snapshot --------------------------------------------------------------------- */

struct sa_table_memory {
    uint64_t total;  /* bytes allocated, indices and directories included */
    uint64_t blocks; /* of these, keys, selectors and the like (note.h) */
    uint64_t in_use; /* bytes of elements in use */
};

void sa_table_memory(struct sa_table *table, struct sa_table_memory *memory);

/* Regions, for a reader of the state: first those of fixed size, then the chunks of the pools.
 * Into a table of the same configuration: fill the state regions, sa_table_resize, fill the data
 * regions, which then come in the same order and sizes. */
void sa_table_state_regions(struct sa_table *table, sa_region_fn fn, void *user);
bool sa_table_resize(struct sa_table *table);
void sa_table_data_regions(struct sa_table *table, sa_region_fn fn, void *user);

/* Makes the table part of a snapshot. The pools are copied into one image when it is saved; the
 * image is kept until the next save or the end. */
void sa_table_snapshot(struct sa_table *table, struct snapshot *snapshot);
/* Gives the memory of that image back. */
void sa_table_drop_image(struct sa_table *table);

#endif
