#include "sa_table/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALID = 1, DIRTY = 2 };
enum { MAX_MSHRS = 65535, MAX_PLRU_WAYS = 64, MAX_LINES = 1 << 26 };

/* ---- description ----------------------------------------------------------------------------- */

static const char *const replacements[] = { "lru", "random", "fifo", "tree-plru", NULL };
static const char *const hashes[] = { "modulo", "mix", NULL };

#define FIELD(name) PARAM_FIELD(struct sa_cache_config, name)

const struct param sa_cache_params[] = {
    { "sets", PARAM_U32, FIELD(sets), 64, 1, MAX_LINES, NULL, NULL, "Sets of the context cache." },
    { "ways", PARAM_U32, FIELD(ways), 8, 1, MAX_LINES, NULL, NULL,
      "Lines of a set; a power of two up to 64 for tree-plru." },
    { "line_bytes", PARAM_U32, FIELD(line_bytes), 128, 1, 65536, NULL, NULL,
      "Bytes of a line; a context takes as many lines as it needs." },
    { "replacement", PARAM_ENUM, FIELD(replacement), SA_CACHE_LRU, 0, SA_CACHE_REPLACEMENTS - 1,
      replacements, NULL, "Which line of a full set goes: lru, random, fifo, tree-plru." },
    { "hash", PARAM_ENUM, FIELD(hash), SA_CACHE_MODULO, 0, SA_CACHE_MIX, hashes, NULL,
      "How a line finds its set: modulo, or a mix of all bits of its number." },
    { "mshrs", PARAM_U32, FIELD(mshrs), 8, 1, MAX_MSHRS, NULL, NULL,
      "Misses that can be outstanding; 1 makes misses serial." },
    { "merge", PARAM_U32, FIELD(merge), 0, 0, UINT32_MAX, NULL, NULL,
      "Accesses that one outstanding miss can serve; 0: any number." },
    { "seed", PARAM_U64, FIELD(seed), 1, 0, UINT64_MAX, NULL, NULL, "Seed of random replacement." },
};
const size_t sa_cache_param_count = PARAM_COUNT(sa_cache_params);

#undef FIELD
#define STAT(name, unit, help)                                                                     \
    {                                                                                              \
#name, STAT_U64, offsetof(struct sa_cache_stats, name), unit, help                         \
    }

const struct stat_field sa_cache_stat_table[] = {
    STAT(accesses, "accesses", "Accesses that were answered: hits, misses and merged."),
    STAT(hits, "accesses", "Accesses that found their line."),
    STAT(misses, "accesses", "Accesses that started a fetch."),
    STAT(merged, "accesses", "Accesses that joined a fetch under way."),
    STAT(refused_mshr, "attempts", "Attempts refused: all MSHRs in use; a retry counts again."),
    STAT(refused_merge, "attempts",
         "Attempts refused: the MSHR of the line holds no more accesses."),
    STAT(fills, "lines", "Lines that came."),
    STAT(evictions, "lines", "Valid lines that had to go."),
    STAT(writebacks, "lines", "Dirty lines written back."),
    STAT(invalidations, "lines", "Lines dropped by request."),
    STAT(bytes_filled, "bytes", "Fills times the line size."),
    STAT(bytes_written_back, "bytes", "Write-backs times the line size."),
};
const size_t sa_cache_stat_count = STAT_COUNT(sa_cache_stat_table);

/* ---- life ------------------------------------------------------------------------------------ */

static const char *bad_config(const struct sa_cache_config *config)
{
    if (config->sets == 0 || config->ways == 0 ||
        (uint64_t)config->sets * config->ways > MAX_LINES) {
        return "found sets and ways that make no line or too many, expected 1 to 2^26 lines";
    }
    if (config->mshrs == 0 || config->mshrs > MAX_MSHRS) {
        return "found a number of MSHRs out of range, expected 1 to 65535";
    }
    if (config->line_bytes == 0) {
        return "found lines of 0 bytes, expected at least 1";
    }
    if (config->replacement >= SA_CACHE_REPLACEMENTS || config->hash > SA_CACHE_MIX) {
        return "found an unknown replacement or hash";
    }
    if (config->replacement == SA_CACHE_TREE_PLRU &&
        (config->ways > MAX_PLRU_WAYS || (config->ways & (config->ways - 1)) != 0)) {
        return "found tree-plru with a number of ways that is no power of two up to 64";
    }
    return NULL;
}

bool sa_cache_init(struct sa_cache *cache, const struct sa_cache_config *config, char *error,
                   size_t error_size)
{
    const char *bad = bad_config(config);
    size_t lines;

    *cache = (struct sa_cache){ .config = *config };
    if (bad != NULL) {
        snprintf(error, error_size, "%s", bad);
        return false;
    }
    lines = (size_t)config->sets * config->ways;
    cache->state.random = rng_stream(config->seed, 0);
    cache->id = calloc(lines, sizeof *cache->id);
    cache->stamp = calloc(lines, sizeof *cache->stamp);
    cache->flags = calloc(lines, sizeof *cache->flags);
    cache->tree = calloc(config->sets, sizeof *cache->tree);
    cache->mshr = calloc(config->mshrs, sizeof *cache->mshr);
    if (cache->id == NULL || cache->stamp == NULL || cache->flags == NULL || cache->tree == NULL ||
        cache->mshr == NULL) {
        sa_cache_destroy(cache);
        snprintf(error, error_size, "no memory for %zu cache lines", lines);
        return false;
    }
    return true;
}

void sa_cache_destroy(struct sa_cache *cache)
{
    free(cache->id);
    free(cache->stamp);
    free(cache->flags);
    free(cache->tree);
    free(cache->mshr);
    cache->id = NULL;
    cache->stamp = NULL;
    cache->flags = NULL;
    cache->tree = NULL;
    cache->mshr = NULL;
}

/* ---- sets ------------------------------------------------------------------------------------ */

enum { NONE = -1 };

static uint32_t set_of(const struct sa_cache *cache, uint64_t id)
{
    uint64_t value = cache->config.hash == SA_CACHE_MIX ? rng_mix(id) : id;

    return (uint32_t)(value % cache->config.sets);
}

/* Index of the line, NONE if it is absent. */
static int64_t find_line(const struct sa_cache *cache, uint64_t id)
{
    size_t first = (size_t)set_of(cache, id) * cache->config.ways;

    for (size_t i = first; i < first + cache->config.ways; i++) {
        if (cache->id[i] == id && (cache->flags[i] & VALID) != 0) {
            return (int64_t)i;
        }
    }
    return NONE;
}

/* Tree-PLRU: heap order, root 1; each node on the way to the leaf points away from it. */
static void plru_touch(struct sa_cache *cache, uint32_t set, uint32_t way)
{
    uint32_t node = cache->config.ways + way;

    for (; node > 1; node /= 2) {
        uint64_t parent = UINT64_C(1) << (node / 2);

        if (node % 2 == 0) {
            cache->tree[set] |= parent; /* left used: the victim is right */
        } else {
            cache->tree[set] &= ~parent;
        }
    }
}

static uint32_t plru_victim(const struct sa_cache *cache, uint32_t set)
{
    uint32_t node = 1;

    while (node < cache->config.ways) {
        node = 2 * node + (uint32_t)(cache->tree[set] >> node & 1);
    }
    return node - cache->config.ways;
}

static void touch(struct sa_cache *cache, size_t line, bool filled)
{
    cache->state.clock++;
    if (cache->config.replacement == SA_CACHE_LRU || filled) {
        cache->stamp[line] = cache->state.clock;
    }
    if (cache->config.replacement == SA_CACHE_TREE_PLRU) {
        plru_touch(cache, (uint32_t)(line / cache->config.ways),
                   (uint32_t)(line % cache->config.ways));
    }
}

/* The line where a fill goes: the lowest invalid way, else what the policy gives up. */
static size_t choose_line(struct sa_cache *cache, uint32_t set)
{
    uint32_t ways = cache->config.ways;
    size_t first = (size_t)set * ways;
    size_t oldest = first;

    for (size_t i = first; i < first + ways; i++) {
        if ((cache->flags[i] & VALID) == 0) {
            return i;
        }
        if (cache->stamp[i] < cache->stamp[oldest]) {
            oldest = i;
        }
    }
    switch (cache->config.replacement) {
    case SA_CACHE_RANDOM: return first + rng_below(&cache->state.random, ways);
    case SA_CACHE_TREE_PLRU: return first + plru_victim(cache, set);
    default: return oldest; /* LRU and FIFO differ in what they stamp */
    }
}

/* ---- accesses -------------------------------------------------------------------------------- */

/* MSHR of a line under way; else *unused is a free one, if there is any. */
static int64_t find_mshr(const struct sa_cache *cache, uint64_t id, int64_t *unused)
{
    uint32_t seen = 0;

    *unused = NONE;
    for (uint32_t i = 0; i < cache->config.mshrs; i++) {
        if (cache->mshr[i].waiters == 0) {
            if (*unused == NONE) {
                *unused = i;
            }
        } else if (cache->mshr[i].id == id && cache->mshr[i].dropped == 0) {
            return i;
        } else {
            seen++;
        }
        if (seen == cache->state.mshrs_used && *unused != NONE) {
            break;
        }
    }
    return NONE;
}

static struct sa_cache_access miss(struct sa_cache *cache, uint64_t id, bool write)
{
    struct sa_cache_access refused = { .result = SA_CACHE_NO_MSHR };
    int64_t unused;
    int64_t found = find_mshr(cache, id, &unused);

    if (found != NONE) {
        struct sa_mshr *mshr = &cache->mshr[found];

        if (mshr->waiters == cache->config.merge || mshr->waiters == UINT32_MAX) {
            cache->stats.refused_merge++;
            return refused;
        }
        mshr->waiters++;
        mshr->dirty |= write;
        cache->stats.accesses++;
        cache->stats.merged++;
        return (struct sa_cache_access){ .result = SA_CACHE_MISS_MERGED, .mshr = (uint32_t)found };
    }
    if (unused == NONE) {
        cache->stats.refused_mshr++;
        return refused;
    }
    cache->mshr[unused] = (struct sa_mshr){ .id = id, .waiters = 1, .dirty = write };
    cache->state.mshrs_used++;
    cache->stats.accesses++;
    cache->stats.misses++;
    return (struct sa_cache_access){ .result = SA_CACHE_MISS_NEW, .mshr = (uint32_t)unused };
}

struct sa_cache_access sa_cache_access(struct sa_cache *cache, uint64_t id, bool write)
{
    int64_t line = find_line(cache, id);

    if (line == NONE) {
        return miss(cache, id, write);
    }
    touch(cache, (size_t)line, false);
    if (write) {
        cache->flags[line] |= DIRTY;
    }
    cache->stats.accesses++;
    cache->stats.hits++;
    return (struct sa_cache_access){ .result = SA_CACHE_HIT };
}

bool sa_cache_present(const struct sa_cache *cache, uint64_t id)
{
    return find_line(cache, id) != NONE;
}

static void count_writeback(struct sa_cache *cache)
{
    cache->stats.writebacks++;
    cache->stats.bytes_written_back += cache->config.line_bytes;
}

struct sa_cache_fill sa_cache_fill(struct sa_cache *cache, uint32_t mshr)
{
    struct sa_mshr *from = &cache->mshr[mshr];
    struct sa_cache_fill fill = { .id = from->id, .waiters = from->waiters };
    bool write = from->dirty != 0;

    fill.kept = from->dropped == 0;
    *from = (struct sa_mshr){ 0 };
    cache->state.mshrs_used--;
    cache->stats.fills++;
    cache->stats.bytes_filled += cache->config.line_bytes;
    if (!fill.kept) {
        return fill;
    }
    size_t line = choose_line(cache, set_of(cache, fill.id));

    if ((cache->flags[line] & VALID) != 0) {
        fill.evicted = true;
        fill.dirty = (cache->flags[line] & DIRTY) != 0;
        fill.victim = cache->id[line];
        cache->stats.evictions++;
        if (fill.dirty) {
            count_writeback(cache);
        }
    } else {
        cache->state.lines_used++;
    }
    cache->id[line] = fill.id;
    cache->flags[line] = (uint8_t)(VALID | (write ? DIRTY : 0));
    touch(cache, line, true);
    return fill;
}

enum sa_cache_line sa_cache_invalidate(struct sa_cache *cache, uint64_t id)
{
    int64_t line = find_line(cache, id);
    int64_t unused;

    if (line != NONE) {
        bool dirty = (cache->flags[line] & DIRTY) != 0;

        cache->flags[line] = 0;
        cache->id[line] = 0;
        cache->stamp[line] = 0;
        cache->state.lines_used--;
        cache->stats.invalidations++;
        return dirty ? SA_CACHE_DIRTY : SA_CACHE_CLEAN;
    }
    int64_t mshr = find_mshr(cache, id, &unused);

    if (mshr == NONE) {
        return SA_CACHE_ABSENT;
    }
    cache->mshr[mshr].dropped = 1;
    cache->stats.invalidations++;
    return SA_CACHE_PENDING;
}

bool sa_cache_clean(struct sa_cache *cache, uint64_t id)
{
    int64_t line = find_line(cache, id);

    if (line == NONE || (cache->flags[line] & DIRTY) == 0) {
        return false;
    }
    cache->flags[line] &= (uint8_t)~DIRTY;
    count_writeback(cache);
    return true;
}

void sa_cache_regions(struct sa_cache *cache, sa_region_fn fn, void *user)
{
    size_t sets = cache->config.sets;
    size_t lines = sets * cache->config.ways;
    const struct sa_region regions[] = {
        { "sa_cache.stats", &cache->stats, sizeof cache->stats },
        { "sa_cache.state", &cache->state, sizeof cache->state },
        { "sa_cache.id", cache->id, lines * sizeof *cache->id },
        { "sa_cache.stamp", cache->stamp, lines * sizeof *cache->stamp },
        { "sa_cache.tree", cache->tree, sets * sizeof *cache->tree },
        { "sa_cache.flags", cache->flags, lines * sizeof *cache->flags },
        { "sa_cache.mshr", cache->mshr, cache->config.mshrs * sizeof *cache->mshr },
    };

    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        fn(user, &regions[i]);
    }
}
