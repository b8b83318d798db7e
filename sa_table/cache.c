#include "sa_table/cache.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALID = 1, DIRTY = 2, PINNED = 4, PREFETCHED = 8 };
enum { MAX_MSHRS = 65535, MAX_PLRU_WAYS = 64, MAX_LINES = 1 << 26, MAX_RRIP_BITS = 8 };

/* ---- description ----------------------------------------------------------------------------- */

static const char *const replacements[] = { "lru", "random", "fifo", "tree-plru", "srrip", NULL };
static const char *const hashes[] = { "modulo", "mix", NULL };

#define FIELD(name) PARAM_FIELD(struct sa_cache_config, name)

const struct param sa_cache_params[] = {
    { "sets", PARAM_U32, FIELD(sets), 64, 1, MAX_LINES, NULL, NULL, "Sets of the context cache." },
    { "ways", PARAM_U32, FIELD(ways), 8, 1, MAX_LINES, NULL, NULL,
      "Lines of a set; a power of two up to 64 for tree-plru." },
    { "line_bytes", PARAM_U32, FIELD(line_bytes), 0, 0, 65536, NULL, NULL,
      "Bytes of a line; a context takes as many lines as it needs. 0: a context is a line." },
    { "replacement", PARAM_ENUM, FIELD(replacement), SA_CACHE_LRU, 0, SA_CACHE_REPLACEMENTS - 1,
      replacements, NULL, "Which line of a full set goes: lru, random, fifo, tree-plru, srrip." },
    { "hash", PARAM_ENUM, FIELD(hash), SA_CACHE_MODULO, 0, SA_CACHE_MIX, hashes, NULL,
      "How a line finds its set: modulo, or a mix of all bits of its number." },
    { "mshrs", PARAM_U32, FIELD(mshrs), 8, 1, MAX_MSHRS, NULL, NULL,
      "Misses that can be outstanding; 1 makes misses serial." },
    { "merge", PARAM_U32, FIELD(merge), 0, 0, UINT32_MAX, NULL, NULL,
      "Accesses that one outstanding miss can serve; 0: any number." },
    { "seed", PARAM_U64, FIELD(seed), 1, 0, UINT64_MAX, NULL, NULL, "Seed of random replacement." },
    { "rrip_bits", PARAM_U32, FIELD(rrip_bits), 2, 1, MAX_RRIP_BITS, NULL, NULL,
      "srrip: bits of a re-reference interval (Jaleel et al., ISCA 2010: 2; 1 is not recently used)." },
    { "prefetches", PARAM_U32, FIELD(prefetches), 0, 0, MAX_MSHRS, NULL, NULL,
      "Outstanding misses that prefetches can be, of all; 0: all." },
    { "size", PARAM_BYTES, FIELD(size), 0, 0, UINT64_C(1) << 40, NULL, NULL,
      "Bytes of the context cache, instead of sets; 0: what sets, ways and lines make." },
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
    STAT(bypasses, "lines", "Lines that came and were not kept: all ways of the set were pinned."),
    STAT(pins, "lines", "Lines that were pinned."),
    STAT(pins_missed, "lines", "Lines that were to be pinned and were a bypass."),
    STAT(prefetches, "lines", "Fetches started ahead of use, beside misses."),
    STAT(prefetch_there, "attempts", "Prefetches of lines that were present or under way."),
    STAT(prefetch_refused, "attempts", "Prefetches that found no MSHR and were given up."),
    STAT(prefetch_useful, "lines", "Prefetched lines that an access hit."),
    STAT(prefetch_late, "lines", "Prefetched lines that an access had to wait for."),
    STAT(
        prefetch_useless, "lines",
        "Prefetched lines that left the cache, or did not get in, before an access. What is in none "
        "of the three is still there or on its way."),
};
const size_t sa_cache_stat_count = STAT_COUNT(sa_cache_stat_table);

/* ---- life ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static bool refuse(char *error, size_t error_size,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return false;
}

/* A size says how many sets there are. */
static bool set_by_size(struct sa_cache_config *c, char *error, size_t error_size)
{
    uint64_t set_bytes = (uint64_t)c->ways * c->line_bytes;

    if (c->line_bytes > c->size) {
        return refuse(error, error_size,
                      "size: found %llu bytes, expected at least a line (%u bytes)",
                      (unsigned long long)c->size, c->line_bytes);
    }
    if (c->size % set_bytes != 0 || c->size / set_bytes > MAX_LINES) {
        return refuse(error, error_size,
                      "size: found %llu bytes, expected a multiple of a set (%u ways of %u bytes), "
                      "at most 2^26 sets",
                      (unsigned long long)c->size, c->ways, c->line_bytes);
    }
    c->sets = (uint32_t)(c->size / set_bytes);
    return true;
}

static bool check_replacement(const struct sa_cache_config *c, char *error, size_t error_size)
{
    if (c->replacement >= SA_CACHE_REPLACEMENTS) {
        return refuse(error, error_size, "replacement: found %u, expected 0 to %d", c->replacement,
                      SA_CACHE_REPLACEMENTS - 1);
    }
    if (c->hash > SA_CACHE_MIX) {
        return refuse(error, error_size, "hash: found %u, expected 0 or 1", c->hash);
    }
    if (c->replacement == SA_CACHE_TREE_PLRU &&
        (c->ways > MAX_PLRU_WAYS || (c->ways & (c->ways - 1)) != 0)) {
        return refuse(error, error_size,
                      "ways: found %u, expected a power of two up to 64 with tree-plru", c->ways);
    }
    if (c->replacement == SA_CACHE_SRRIP && (c->rrip_bits == 0 || c->rrip_bits > MAX_RRIP_BITS)) {
        return refuse(error, error_size, "rrip_bits: found %u, expected 1 to %d", c->rrip_bits,
                      MAX_RRIP_BITS);
    }
    return true;
}

bool sa_cache_check(struct sa_cache_config *c, char *error, size_t error_size)
{
    if (c->ways == 0) {
        return refuse(error, error_size, "ways: found 0, expected at least 1");
    }
    if (c->line_bytes == 0) {
        return refuse(error, error_size, "line_bytes: found 0, expected at least 1");
    }
    if (c->size != 0 && !set_by_size(c, error, error_size)) {
        return false;
    }
    if (c->sets == 0) {
        return refuse(error, error_size, "sets: found 0, expected at least 1");
    }
    if ((uint64_t)c->sets * c->ways > MAX_LINES) {
        return refuse(error, error_size, "sets: found %u of %u ways, expected at most 2^26 lines",
                      c->sets, c->ways);
    }
    if (c->mshrs == 0 || c->mshrs > MAX_MSHRS) {
        return refuse(error, error_size, "mshrs: found %u, expected 1 to %d", c->mshrs, MAX_MSHRS);
    }
    if (c->prefetches > c->mshrs) {
        return refuse(error, error_size, "prefetches: found %u, expected at most mshrs (%u)",
                      c->prefetches, c->mshrs);
    }
    return check_replacement(c, error, error_size);
}

static bool allocate(struct sa_cache *cache, size_t lines)
{
    if (lines == 0) {
        return false;
    }
    cache->id = calloc(lines, sizeof *cache->id);
    cache->stamp = calloc(lines, sizeof *cache->stamp);
    cache->flags = calloc(lines, sizeof *cache->flags);
    cache->tree = calloc(cache->config.sets, sizeof *cache->tree);
    cache->mshr = calloc(cache->config.mshrs, sizeof *cache->mshr);
    return cache->id != NULL && cache->stamp != NULL && cache->flags != NULL &&
           cache->tree != NULL && cache->mshr != NULL;
}

bool sa_cache_init(struct sa_cache *cache, const struct sa_cache_config *config, char *error,
                   size_t error_size)
{
    size_t lines;

    *cache = (struct sa_cache){ .config = *config };
    if (!sa_cache_check(&cache->config, error, error_size)) {
        return false;
    }
    lines = (size_t)cache->config.sets * cache->config.ways;
    cache->state.random = rng_stream(config->seed, 0);
    if (!allocate(cache, lines)) {
        sa_cache_destroy(cache);
        return refuse(error, error_size, "no memory for %zu cache lines", lines);
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

/* Has one of the ways that are below the node no pin? */
static bool can_go_below(const struct sa_cache *cache, size_t first, uint32_t node)
{
    uint32_t from = node;
    uint32_t to = node;

    while (from < cache->config.ways) {
        from = 2 * from;
        to = 2 * to + 1;
    }
    for (; from <= to; from++) {
        if ((cache->flags[first + from - cache->config.ways] & PINNED) == 0) {
            return true;
        }
    }
    return false;
}

static size_t plru_victim(const struct sa_cache *cache, uint32_t set)
{
    size_t first = (size_t)set * cache->config.ways;
    uint32_t node = 1;

    while (node < cache->config.ways) {
        node = 2 * node + (uint32_t)(cache->tree[set] >> node & 1);
        if (cache->state.lines_pinned != 0 && !can_go_below(cache, first, node)) {
            node ^= 1;
        }
    }
    return first + node - cache->config.ways;
}

/* SRRIP: the lowest way with the largest interval, when the set has aged so far that this is the largest there
 * can be. */
static size_t rrip_victim(struct sa_cache *cache, size_t first)
{
    uint64_t distant = (UINT64_C(1) << cache->config.rrip_bits) - 1;
    size_t end = first + cache->config.ways;
    size_t victim = end;

    for (size_t i = first; i < end; i++) {
        if ((cache->flags[i] & PINNED) == 0 &&
            (victim == end || cache->stamp[i] > cache->stamp[victim])) {
            victim = i;
        }
    }
    distant -= cache->stamp[victim];
    for (size_t i = first; i < end; i++) {
        cache->stamp[i] += (cache->flags[i] & PINNED) == 0 ? distant : 0;
    }
    return victim;
}

/* Random: that of the ways without a pin. */
static size_t random_victim(struct sa_cache *cache, size_t first, uint32_t pinned)
{
    uint64_t left = rng_below(&cache->state.random, cache->config.ways - pinned);
    size_t i = first;

    for (; left != 0 || (cache->flags[i] & PINNED) != 0; i++) {
        left -= (cache->flags[i] & PINNED) == 0;
    }
    return i;
}

static void touch(struct sa_cache *cache, size_t line, bool filled)
{
    const struct sa_cache_config *c = &cache->config;

    cache->state.clock++;
    if (c->replacement == SA_CACHE_SRRIP) {
        cache->stamp[line] = filled ? (UINT64_C(1) << c->rrip_bits) - 2 : 0;
    } else if (c->replacement == SA_CACHE_LRU || filled) {
        cache->stamp[line] = cache->state.clock;
    }
    if (c->replacement == SA_CACHE_TREE_PLRU) {
        plru_touch(cache, (uint32_t)(line / c->ways), (uint32_t)(line % c->ways));
    }
}

/* The line where a fill goes: the lowest invalid way, else what the policy gives up. NONE: all are pinned. */
static int64_t choose_line(struct sa_cache *cache, uint32_t set)
{
    uint32_t ways = cache->config.ways;
    size_t first = (size_t)set * ways;
    size_t oldest = first + ways;
    uint32_t pinned = 0;

    for (size_t i = first; i < first + ways; i++) {
        if ((cache->flags[i] & VALID) == 0) {
            return (int64_t)i;
        }
        if ((cache->flags[i] & PINNED) != 0) {
            pinned++;
        } else if (oldest == first + ways || cache->stamp[i] < cache->stamp[oldest]) {
            oldest = i;
        }
    }
    if (pinned == ways) {
        return NONE;
    }
    switch (cache->config.replacement) {
    case SA_CACHE_RANDOM: return (int64_t)random_victim(cache, first, pinned);
    case SA_CACHE_TREE_PLRU: return (int64_t)plru_victim(cache, set);
    case SA_CACHE_SRRIP: return (int64_t)rrip_victim(cache, first);
    default: return (int64_t)oldest; /* LRU and FIFO differ in what they stamp */
    }
}

/* ---- accesses -------------------------------------------------------------------------------- */

static bool in_use(const struct sa_mshr *mshr)
{
    return mshr->waiters != 0 || mshr->prefetch != 0;
}

/* MSHR of a line under way; else *unused is a free one, if there is any. */
static int64_t find_mshr(const struct sa_cache *cache, uint64_t id, int64_t *unused)
{
    uint32_t seen = 0;

    *unused = NONE;
    for (uint32_t i = 0; i < cache->config.mshrs; i++) {
        if (!in_use(&cache->mshr[i])) {
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

static bool is_full(const struct sa_cache *cache, const struct sa_mshr *mshr)
{
    return mshr->waiters == UINT32_MAX ||
           (cache->config.merge != 0 && mshr->waiters == cache->config.merge);
}

static struct sa_cache_access merge(struct sa_cache *cache, uint32_t index, bool write)
{
    struct sa_mshr *mshr = &cache->mshr[index];

    if (is_full(cache, mshr)) {
        cache->stats.refused_merge++;
        return (struct sa_cache_access){ .result = SA_CACHE_NO_MSHR };
    }
    if (mshr->waiters == 0) {
        cache->stats.prefetch_late++;
    }
    mshr->waiters++;
    mshr->dirty |= write;
    cache->stats.accesses++;
    cache->stats.merged++;
    return (struct sa_cache_access){ .result = SA_CACHE_MISS_MERGED, .mshr = index };
}

static struct sa_cache_access miss(struct sa_cache *cache, uint64_t id, bool write)
{
    int64_t unused;
    int64_t found = find_mshr(cache, id, &unused);

    if (found != NONE) {
        return merge(cache, (uint32_t)found, write);
    }
    if (unused == NONE) {
        cache->stats.refused_mshr++;
        return (struct sa_cache_access){ .result = SA_CACHE_NO_MSHR };
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
    if ((cache->flags[line] & PREFETCHED) != 0) {
        cache->flags[line] &= (uint8_t)~PREFETCHED;
        cache->stats.prefetch_useful++;
    }
    cache->stats.accesses++;
    cache->stats.hits++;
    return (struct sa_cache_access){ .result = SA_CACHE_HIT };
}

enum sa_cache_result sa_cache_foresee(const struct sa_cache *cache, uint64_t id)
{
    int64_t unused;
    int64_t found;

    if (find_line(cache, id) != NONE) {
        return SA_CACHE_HIT;
    }
    found = find_mshr(cache, id, &unused);
    if (found != NONE) {
        return is_full(cache, &cache->mshr[found]) ? SA_CACHE_NO_MSHR : SA_CACHE_MISS_MERGED;
    }
    return unused == NONE ? SA_CACHE_NO_MSHR : SA_CACHE_MISS_NEW;
}

struct sa_cache_access sa_cache_prefetch(struct sa_cache *cache, uint64_t id)
{
    struct sa_cache_access access = { .result = SA_CACHE_HIT };
    int64_t unused;
    int64_t found;

    if (find_line(cache, id) != NONE) {
        cache->stats.prefetch_there++;
        return access;
    }
    found = find_mshr(cache, id, &unused);
    if (found != NONE) {
        cache->stats.prefetch_there++;
        access = (struct sa_cache_access){ SA_CACHE_MISS_MERGED, (uint32_t)found };
    } else if (unused == NONE || (cache->config.prefetches != 0 &&
                                  cache->state.prefetches_used == cache->config.prefetches)) {
        cache->stats.prefetch_refused++;
        access.result = SA_CACHE_NO_MSHR;
    } else {
        cache->mshr[unused] = (struct sa_mshr){ .id = id, .prefetch = 1 };
        cache->state.mshrs_used++;
        cache->state.prefetches_used++;
        cache->stats.prefetches++;
        access = (struct sa_cache_access){ SA_CACHE_MISS_NEW, (uint32_t)unused };
    }
    return access;
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

/* ---- pins -------------------------------------------------------------------------------------- */

static void set_pin(struct sa_cache *cache, size_t line)
{
    if ((cache->flags[line] & PINNED) == 0) {
        cache->flags[line] |= PINNED;
        cache->state.lines_pinned++;
        cache->stats.pins++;
    }
}

static void clear_pin(struct sa_cache *cache, size_t line)
{
    if ((cache->flags[line] & PINNED) != 0) {
        cache->flags[line] &= (uint8_t)~PINNED;
        cache->state.lines_pinned--;
    }
}

static bool change_pin(struct sa_cache *cache, uint64_t id, bool pin)
{
    int64_t line = find_line(cache, id);
    int64_t unused;
    int64_t mshr;

    if (line != NONE) {
        (pin ? set_pin : clear_pin)(cache, (size_t)line);
        return true;
    }
    mshr = find_mshr(cache, id, &unused);
    if (mshr == NONE) {
        return false;
    }
    cache->mshr[mshr].pin = pin;
    return true;
}

bool sa_cache_pin(struct sa_cache *cache, uint64_t id)
{
    return change_pin(cache, id, true);
}

bool sa_cache_unpin(struct sa_cache *cache, uint64_t id)
{
    return change_pin(cache, id, false);
}

/* ---- fills ------------------------------------------------------------------------------------- */

/* The line of a way leaves it. */
static void leave(struct sa_cache *cache, size_t line)
{
    cache->stats.prefetch_useless += (cache->flags[line] & PREFETCHED) != 0;
    clear_pin(cache, line);
}

static void evict(struct sa_cache *cache, size_t line, struct sa_cache_fill *fill)
{
    fill->evicted = true;
    fill->dirty = (cache->flags[line] & DIRTY) != 0;
    fill->victim = cache->id[line];
    cache->stats.evictions++;
    leave(cache, line);
}

/* No way is free of pins: what came serves its waiters and goes. */
static void bypass(struct sa_cache *cache, const struct sa_mshr *from, struct sa_cache_fill *fill)
{
    fill->kept = false;
    fill->bypassed = true;
    fill->dirty = from->dirty != 0;
    fill->victim = from->id;
    cache->stats.bypasses++;
    cache->stats.pins_missed += from->pin;
}

static void put(struct sa_cache *cache, const struct sa_mshr *from, size_t line)
{
    cache->id[line] = from->id;
    cache->flags[line] = (uint8_t)(VALID | (from->dirty ? DIRTY : 0) |
                                   (from->prefetch && from->waiters == 0 ? PREFETCHED : 0));
    if (from->pin) {
        set_pin(cache, line);
    }
    touch(cache, line, true);
}

struct sa_cache_fill sa_cache_fill(struct sa_cache *cache, uint32_t mshr)
{
    struct sa_mshr from = cache->mshr[mshr];
    struct sa_cache_fill fill = { .id = from.id, .waiters = from.waiters };
    int64_t line;

    fill.kept = from.dropped == 0;
    cache->mshr[mshr] = (struct sa_mshr){ 0 };
    cache->state.mshrs_used--;
    cache->state.prefetches_used -= from.prefetch;
    cache->stats.fills++;
    cache->stats.bytes_filled += cache->config.line_bytes;
    line = fill.kept ? choose_line(cache, set_of(cache, from.id)) : NONE;
    if (line != NONE) {
        if ((cache->flags[line] & VALID) != 0) {
            evict(cache, (size_t)line, &fill);
        } else {
            cache->state.lines_used++;
        }
        put(cache, &from, (size_t)line);
    } else if (fill.kept) {
        bypass(cache, &from, &fill);
    }
    cache->stats.prefetch_useless += !fill.kept && from.prefetch && from.waiters == 0;
    if (fill.dirty) {
        count_writeback(cache);
    }
    return fill;
}

enum sa_cache_line sa_cache_invalidate(struct sa_cache *cache, uint64_t id)
{
    int64_t line = find_line(cache, id);
    int64_t unused;

    if (line != NONE) {
        bool dirty = (cache->flags[line] & DIRTY) != 0;

        leave(cache, (size_t)line);
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
