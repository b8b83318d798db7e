/* Cache of SA contexts over a backing store: tags, replacement, dirty bits, MSHRs.
 *
 * A state machine without time and without data: the card decides how long a fill takes and calls
 * sa_cache_fill when it is there. Lines are named by 64-bit ids; a context longer than a line has
 * several (context * lines + i). Victims are chosen at the fill. Everything is flat arrays. */
#ifndef ESPNIC_SA_TABLE_CACHE_H
#define ESPNIC_SA_TABLE_CACHE_H

#include "engine/describe.h"
#include "engine/rng.h"
#include "sa_table/pool.h"

enum sa_cache_replacement {
    SA_CACHE_LRU,       /* least recent access; a fill counts as one */
    SA_CACHE_RANDOM,    /* rng_below(rng_stream(seed, 0), ways), one draw for each eviction */
    SA_CACHE_FIFO,      /* oldest fill */
    SA_CACHE_TREE_PLRU, /* binary tree of ways - 1 bits; ways is a power of two, at most 64 */
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
};

extern const struct param sa_cache_params[];
extern const size_t sa_cache_param_count;

struct sa_cache_stats {
    uint64_t accesses; /* hits + misses + merged; refused ones are not in it */
    uint64_t hits, misses, merged;
    uint64_t refused_mshr, refused_merge; /* attempts, each retry again */
    uint64_t fills, evictions, writebacks, invalidations;
    uint64_t bytes_filled, bytes_written_back;
};

extern const struct stat_field sa_cache_stat_table[];
extern const size_t sa_cache_stat_count;

struct sa_mshr {
    uint64_t id;
    uint32_t waiters; /* 0 = free */
    uint8_t dirty;    /* a waiting access writes */
    uint8_t dropped;  /* invalidated meanwhile: the fill is not kept */
    uint16_t reserved;
};

struct sa_cache {
    struct sa_cache_config config;
    struct sa_cache_stats stats;
    struct sa_cache_state {
        uint64_t clock; /* counts accesses and fills: the stamps of LRU and FIFO */
        struct rng random;
        uint32_t mshrs_used;
        uint32_t lines_used;
    } state;
    uint64_t *id;    /* [set * ways + way] */
    uint64_t *stamp; /* likewise: last access (LRU) or fill (FIFO) */
    uint64_t *tree;  /* [set]: tree-PLRU, bit i is node i of the heap order, 1 = victim is right */
    uint8_t *flags;  /* [set * ways + way]: valid, dirty */
    struct sa_mshr *mshr;
};

/* False with a sentence in `error`: a value out of range, or no memory. */
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

/* Is the line present? No effect on replacement or statistics. */
bool sa_cache_present(const struct sa_cache *cache, uint64_t id);

struct sa_cache_fill {
    uint64_t id;      /* of the line that was filled */
    uint32_t waiters; /* accesses that it serves */
    bool kept;        /* false: it was invalidated while on its way */
    bool evicted;     /* a valid line had to go: */
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
