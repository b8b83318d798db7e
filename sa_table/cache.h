/* Cache of SA contexts over a backing store: tags, replacement, dirty bits, MSHRs.
 *
 * A state machine without time and without data: the card decides how long a fill takes and calls
 * sa_cache_fill when it is there. Lines are named by 64-bit ids; a context longer than a line has
 * several (context * lines + i). Victims are chosen at the fill: the lowest empty way, else what the
 * replacement gives up among the lines that are not pinned. Everything is flat arrays.
 *
 * Pinned lines stay until they are unpinned or invalidated. A fill that finds all ways of its set pinned
 * is a bypass: it serves its waiters and is not kept, and what they wrote must be written back at once.
 *
 * A prefetch is a fetch that nobody waits for yet. It takes an MSHR and a line as any other; its line is
 * useful when an access hits it, late when an access came while it was on its way, useless when it leaves
 * the cache, or never gets in, without that. */
#ifndef ESPNIC_SA_TABLE_CACHE_H
#define ESPNIC_SA_TABLE_CACHE_H

#include "engine/describe.h"
#include "engine/rng.h"
#include "sa_table/pool.h"

enum sa_cache_replacement {
    SA_CACHE_LRU, /* least recent access; a fill counts as one */
    SA_CACHE_RANDOM, /* way number rng_below(rng_stream(seed, 0), n) of the n that are not pinned, one draw
                         * for each eviction */
    SA_CACHE_FIFO,      /* oldest fill */
    SA_CACHE_TREE_PLRU, /* binary tree of ways - 1 bits; ways is a power of two, at most 64; a half whose
                         * ways are all pinned is not gone into */
    SA_CACHE_SRRIP, /* re-reference intervals of rrip_bits, hit priority (Jaleel, Theobald, Steely, Emer,
                         * ISCA 2010): a fill is one short of the most distant, a hit 0; all of the set age
                         * together until one is most distant, the lowest of these goes. Pinned lines do not age */
    SA_CACHE_REPLACEMENTS
};

enum sa_cache_hash {
    SA_CACHE_MODULO, /* set = id mod sets */
    SA_CACHE_MIX     /* set = rng_mix(id) mod sets */
};

struct sa_cache_config {
    uint32_t sets, ways;  /* at least 1; any numbers but for tree-PLRU */
    uint32_t line_bytes;  /* only counted */
    uint32_t replacement; /* enum sa_cache_replacement */
    uint32_t hash;        /* enum sa_cache_hash */
    uint32_t mshrs;       /* misses outstanding, 1 to 65535 */
    uint32_t merge;       /* accesses that one MSHR can hold, the first included; 0 = any number */
    uint64_t seed;        /* of random replacement */
    uint32_t rrip_bits;   /* of SRRIP, 1 to 8; 1 is "not recently used" */
    uint32_t prefetches;  /* MSHRs that prefetches can have at a time; 0 = all */
    uint64_t size; /* bytes; 0 = sets * ways * line_bytes. Else it says how many sets there are */
};

extern const struct param sa_cache_params[];
extern const size_t sa_cache_param_count;

struct sa_cache_stats {
    uint64_t accesses; /* hits + misses + merged; refused ones are not in it */
    uint64_t hits, misses, merged;
    uint64_t refused_mshr, refused_merge; /* attempts, each retry again */
    uint64_t fills, evictions, writebacks, invalidations;
    uint64_t bytes_filled, bytes_written_back;
    uint64_t bypasses;          /* fills that all ways of the set were pinned against */
    uint64_t pins, pins_missed; /* lines pinned; pinned fetches that were a bypass */
    uint64_t prefetches;        /* fetches that were started, beside misses */
    uint64_t prefetch_there;    /* asked for, and present or under way already */
    uint64_t prefetch_refused;  /* asked for, and no MSHR for it */
    uint64_t prefetch_useful, prefetch_late, prefetch_useless;
};

extern const struct stat_field sa_cache_stat_table[];
extern const size_t sa_cache_stat_count;

struct sa_mshr {
    uint64_t id;
    uint32_t waiters;
    uint8_t dirty;    /* a waiting access writes */
    uint8_t dropped;  /* invalidated meanwhile: the fill is not kept */
    uint8_t prefetch; /* it was a prefetch that began it; with no waiter either the MSHR is free */
    uint8_t pin;      /* its line will be pinned */
};

struct sa_cache {
    struct sa_cache_config config;
    struct sa_cache_stats stats;
    struct sa_cache_state {
        uint64_t clock; /* counts accesses and fills: the stamps of LRU and FIFO */
        struct rng random;
        uint32_t mshrs_used, prefetches_used;
        uint32_t lines_used, lines_pinned;
    } state;
    uint64_t *id;    /* [set * ways + way] */
    uint64_t *stamp; /* likewise: last access (LRU), fill (FIFO), re-reference interval (SRRIP) */
    uint64_t *tree;  /* [set]: tree-PLRU, bit i is node i of the heap order, 1 = victim is right */
    uint8_t *flags;  /* [set * ways + way]: valid, dirty, pinned, prefetched */
    struct sa_mshr *mshr;
};

/* Is such a cache possible? If so `size` has become a number of sets. False with a sentence in `error` that
 * begins with the name of the parameter ("ways: found 0, ..."). */
bool sa_cache_check(struct sa_cache_config *config, char *error, size_t error_size);

/* False with a sentence in `error`: as sa_cache_check, or no memory. */
bool sa_cache_init(struct sa_cache *cache, const struct sa_cache_config *config, char *error,
                   size_t error_size);
void sa_cache_destroy(struct sa_cache *cache);

enum sa_cache_result {
    SA_CACHE_HIT,
    SA_CACHE_MISS_NEW,    /* fetch the line, then sa_cache_fill(mshr) */
    SA_CACHE_MISS_MERGED, /* served by the fill of mshr, which is under way */
    SA_CACHE_NO_MSHR      /* nothing changed: try again after a fill */
};

struct sa_cache_access {
    enum sa_cache_result result;
    uint32_t mshr; /* of the two misses */
};

struct sa_cache_access sa_cache_access(struct sa_cache *cache, uint64_t id, bool write);

/* What an access would be answered. No effect. */
enum sa_cache_result sa_cache_foresee(const struct sa_cache *cache, uint64_t id);

/* Is the line present? No effect on replacement or statistics. */
bool sa_cache_present(const struct sa_cache *cache, uint64_t id);

/* Fetch the line ahead of its use. MISS_NEW: fetch it, then sa_cache_fill(mshr). HIT, MISS_MERGED: it is there or
 * on its way, and nothing changed but the count. NO_MSHR: it is not fetched. */
struct sa_cache_access sa_cache_prefetch(struct sa_cache *cache, uint64_t id);

/* The line stays, now or when its fill comes. False: it is neither present nor on its way. */
bool sa_cache_pin(struct sa_cache *cache, uint64_t id);
/* It may go again. False: as above. */
bool sa_cache_unpin(struct sa_cache *cache, uint64_t id);

struct sa_cache_fill {
    uint64_t id;      /* of the line that was filled */
    uint32_t waiters; /* accesses that it serves */
    bool kept;        /* false: it was invalidated while on its way, or is a bypass */
    bool bypassed;    /* all ways of its set are pinned: it is its own victim */
    bool evicted;     /* a valid line had to go: the victim */
    bool dirty;       /* and must be written back */
    uint64_t victim;  /* its id */
};

/* The line of an MSHR in use has come; the MSHR is free afterwards. */
struct sa_cache_fill sa_cache_fill(struct sa_cache *cache, uint32_t mshr);

enum sa_cache_line { SA_CACHE_ABSENT, SA_CACHE_CLEAN, SA_CACHE_DIRTY, SA_CACHE_PENDING };

/* Drops the line and says what it was; the caller decides about a dirty one. PENDING: its fill
 * is under way and will serve its waiters but not be kept. */
enum sa_cache_line sa_cache_invalidate(struct sa_cache *cache, uint64_t id);

/* Writes a dirty line back without dropping it. False if it was absent or clean. */
bool sa_cache_clean(struct sa_cache *cache, uint64_t id);

/* Regions for a snapshot, all of fixed size once the cache is initialised. */
void sa_cache_regions(struct sa_cache *cache, sa_region_fn fn, void *user);

#endif
