/* The context cache against naive caches written for this test: lists in order of use or of
 * arrival, slots with a recursive tree, slots with a drawn victim. Every access, fill and
 * eviction must agree, and so the counts do. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/cache.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

/* ---- a naive cache --------------------------------------------------------------------------- */

enum { MAX_WAYS = 64, MAX_SETS = 512, MAX_PENDING = 16, EMPTY = -1 };

struct naive_line {
    int64_t id; /* EMPTY: none */
    bool dirty, pinned, ahead;
    unsigned distance; /* SRRIP */
};

struct naive_set {
    struct naive_line
        line[MAX_WAYS];          /* random, PLRU, SRRIP: by way; LRU, FIFO: the next victim first */
    unsigned used;               /* LRU, FIFO */
    bool go_right[2 * MAX_WAYS]; /* PLRU, by node */
};

struct pending {
    int64_t id;
    unsigned waiters;
    bool dirty, dropped, ahead, pinned;
};

struct naive {
    struct sa_cache_config config;
    struct naive_set set[MAX_SETS];
    struct pending pending[MAX_PENDING];
    struct rng rng;
    uint64_t hits, misses, merged, refused, evictions, writebacks, bypasses;
    uint64_t ahead, ahead_there, ahead_refused, useful, late, useless, pins, pins_missed;
};

static bool is_list(const struct naive *n)
{
    return n->config.replacement == SA_CACHE_LRU || n->config.replacement == SA_CACHE_FIFO;
}

static struct naive_set *naive_set_of(struct naive *n, int64_t id)
{
    uint64_t value = n->config.hash == SA_CACHE_MIX ? rng_mix((uint64_t)id) : (uint64_t)id;

    return &n->set[value % n->config.sets];
}

static void naive_init(struct naive *n, const struct sa_cache_config *config)
{
    memset(n, 0, sizeof *n);
    n->config = *config;
    n->rng = rng_stream(config->seed, 0);
    for (unsigned s = 0; s < MAX_SETS; s++) {
        for (unsigned w = 0; w < MAX_WAYS; w++) {
            n->set[s].line[w].id = EMPTY;
        }
    }
    for (unsigned i = 0; i < MAX_PENDING; i++) {
        n->pending[i].id = EMPTY;
    }
}

static struct naive_line *naive_find(const struct naive *n, struct naive_set *set, int64_t id)
{
    for (unsigned w = 0; w < n->config.ways; w++) {
        if (set->line[w].id == id) {
            return &set->line[w];
        }
    }
    return NULL;
}

/* Tree of the ways lo .. hi - 1; on the way to `way` every node turns to the other half. */
static void tree_touch(struct naive_set *set, unsigned node, unsigned lo, unsigned hi, unsigned way)
{
    unsigned middle = lo + (hi - lo) / 2;

    if (hi - lo == 1) {
        return;
    }
    set->go_right[node] = way < middle;
    if (way < middle) {
        tree_touch(set, 2 * node, lo, middle, way);
    } else {
        tree_touch(set, 2 * node + 1, middle, hi, way);
    }
}

static bool all_pinned(const struct naive_set *set, unsigned lo, unsigned hi)
{
    for (unsigned w = lo; w < hi; w++) {
        if (!set->line[w].pinned) {
            return false;
        }
    }
    return true;
}

static unsigned tree_victim(const struct naive_set *set, unsigned node, unsigned lo, unsigned hi)
{
    unsigned middle = lo + (hi - lo) / 2;
    bool right = set->go_right[node];

    if (hi - lo == 1) {
        return lo;
    }
    if (right ? all_pinned(set, middle, hi) : all_pinned(set, lo, middle)) {
        right = !right;
    }
    return right ? tree_victim(set, 2 * node + 1, middle, hi)
                 : tree_victim(set, 2 * node, lo, middle);
}

/* As the paper has it: is there a most distant one? Else all grow by one, and once more. */
static unsigned srrip_victim(struct naive *n, struct naive_set *set)
{
    unsigned most = (1u << n->config.rrip_bits) - 1;

    for (;;) {
        for (unsigned w = 0; w < n->config.ways; w++) {
            if (!set->line[w].pinned && set->line[w].distance == most) {
                return w;
            }
        }
        for (unsigned w = 0; w < n->config.ways; w++) {
            set->line[w].distance += set->line[w].pinned ? 0 : 1;
        }
    }
}

static unsigned random_victim(struct naive *n, const struct naive_set *set)
{
    unsigned can_go[MAX_WAYS] = { 0 };
    unsigned count = 0;

    for (unsigned w = 0; w < n->config.ways; w++) {
        if (!set->line[w].pinned) {
            can_go[count++] = w;
        }
    }
    return can_go[rng_below(&n->rng, count)];
}

static struct naive_line list_remove(struct naive_set *set, unsigned at)
{
    struct naive_line line = set->line[at];

    for (unsigned w = at; w + 1 < set->used; w++) {
        set->line[w] = set->line[w + 1];
    }
    set->used--;
    set->line[set->used] = (struct naive_line){ .id = EMPTY };
    return line;
}

static bool naive_hit(struct naive *n, int64_t id, bool write)
{
    struct naive_set *set = naive_set_of(n, id);
    struct naive_line *line = naive_find(n, set, id);

    if (line == NULL) {
        return false;
    }
    line->dirty = line->dirty || write;
    n->useful += line->ahead;
    line->ahead = false;
    if (n->config.replacement == SA_CACHE_LRU) {
        struct naive_line latest = list_remove(set, (unsigned)(line - set->line));

        set->line[set->used++] = latest;
    } else if (n->config.replacement == SA_CACHE_TREE_PLRU) {
        tree_touch(set, 1, 0, n->config.ways, (unsigned)(line - set->line));
    }
    line->distance = is_list(n) ? line->distance : 0;
    n->hits++;
    return true;
}

static struct pending *naive_pending(struct naive *n, int64_t id)
{
    for (unsigned i = 0; i < n->config.mshrs; i++) {
        if (n->pending[i].id == id && !n->pending[i].dropped) {
            return &n->pending[i];
        }
    }
    return NULL;
}

static unsigned naive_outstanding(const struct naive *n, bool ahead)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n->config.mshrs; i++) {
        count += n->pending[i].id != EMPTY && (!ahead || n->pending[i].ahead);
    }
    return count;
}

static enum sa_cache_result naive_access(struct naive *n, int64_t id, bool write)
{
    struct pending *p;

    if (naive_hit(n, id, write)) {
        return SA_CACHE_HIT;
    }
    p = naive_pending(n, id);
    if (p != NULL) {
        if (n->config.merge != 0 && p->waiters >= n->config.merge) {
            n->refused++;
            return SA_CACHE_NO_MSHR;
        }
        n->late += p->waiters == 0;
        p->waiters++;
        p->dirty = p->dirty || write;
        n->merged++;
        return SA_CACHE_MISS_MERGED;
    }
    if (naive_outstanding(n, false) == n->config.mshrs) {
        n->refused++;
        return SA_CACHE_NO_MSHR;
    }
    n->misses++;
    return SA_CACHE_MISS_NEW;
}

static enum sa_cache_result naive_prefetch(struct naive *n, int64_t id)
{
    if (naive_find(n, naive_set_of(n, id), id) != NULL) {
        n->ahead_there++;
        return SA_CACHE_HIT;
    }
    if (naive_pending(n, id) != NULL) {
        n->ahead_there++;
        return SA_CACHE_MISS_MERGED;
    }
    if (naive_outstanding(n, false) == n->config.mshrs ||
        (n->config.prefetches != 0 && naive_outstanding(n, true) >= n->config.prefetches)) {
        n->ahead_refused++;
        return SA_CACHE_NO_MSHR;
    }
    n->ahead++;
    return SA_CACHE_MISS_NEW;
}

static unsigned naive_victim(struct naive *n, struct naive_set *set)
{
    unsigned w = 0;

    switch (n->config.replacement) {
    case SA_CACHE_RANDOM: return random_victim(n, set);
    case SA_CACHE_TREE_PLRU: return tree_victim(set, 1, 0, n->config.ways);
    case SA_CACHE_SRRIP: return srrip_victim(n, set);
    default:
        while (set->line[w].pinned) {
            w++;
        }
        return w;
    }
}

/* What had to go, id EMPTY if nothing; *bypass: the line itself. */
static struct naive_line naive_insert(struct naive *n, const struct pending *p, bool *bypass)
{
    struct naive_set *set = naive_set_of(n, p->id);
    struct naive_line victim = { .id = EMPTY };
    struct naive_line line = { .id = p->id,
                               .dirty = p->dirty,
                               .pinned = p->pinned,
                               .ahead = p->ahead && p->waiters == 0,
                               .distance = (1u << n->config.rrip_bits) - 2 };
    struct naive_line *empty = naive_find(n, set, EMPTY);
    unsigned way;

    *bypass = empty == NULL && all_pinned(set, 0, n->config.ways);
    if (*bypass) {
        n->bypasses++;
        n->pins_missed += line.pinned;
        n->useless += line.ahead;
        return line;
    }
    n->pins += line.pinned;
    if (is_list(n)) {
        if (empty == NULL) {
            victim = list_remove(set, naive_victim(n, set));
        }
        set->line[set->used++] = line;
    } else {
        way = empty != NULL ? (unsigned)(empty - set->line) : naive_victim(n, set);
        victim = set->line[way];
        set->line[way] = line;
        tree_touch(set, 1, 0, n->config.ways, way);
    }
    n->useless += victim.ahead;
    return victim;
}

static enum sa_cache_line naive_invalidate(struct naive *n, int64_t id)
{
    struct naive_set *set = naive_set_of(n, id);
    struct naive_line *line = naive_find(n, set, id);
    struct pending *p = naive_pending(n, id);

    if (line != NULL) {
        bool dirty = line->dirty;

        n->useless += line->ahead;
        if (is_list(n)) {
            list_remove(set, (unsigned)(line - set->line));
        } else {
            *line = (struct naive_line){ .id = EMPTY };
        }
        return dirty ? SA_CACHE_DIRTY : SA_CACHE_CLEAN;
    }
    if (p != NULL) {
        p->dropped = true;
        return SA_CACHE_PENDING;
    }
    return SA_CACHE_ABSENT;
}

static bool naive_pin(struct naive *n, int64_t id, bool pin)
{
    struct naive_line *line = naive_find(n, naive_set_of(n, id), id);
    struct pending *p = naive_pending(n, id);

    if (line != NULL) {
        n->pins += pin && !line->pinned;
        line->pinned = pin;
    } else if (p != NULL) {
        p->pinned = pin;
    }
    return line != NULL || p != NULL;
}

/* ---- the trace ------------------------------------------------------------------------------- */

enum { LINES = 3000, ACCESSES = 100000 };

static double zipf_sum[LINES];

static void prepare_zipf(void)
{
    double sum = 0;

    for (int i = 0; i < LINES; i++) {
        sum += 1.0 / (i + 1);
        zipf_sum[i] = sum;
    }
}

/* Thirds of 2000: uniform, Zipf with exponent 1, a cycle over 700 lines. */
static int64_t trace(struct rng *rng, unsigned i)
{
    unsigned phase = i / 2000 % 3;

    if (phase == 0) {
        return (int64_t)rng_below(rng, LINES);
    }
    if (phase == 1) {
        double at = (double)rng_below(rng, 1u << 30) / (1u << 30) * zipf_sum[LINES - 1];
        int low = 0;
        int high = LINES - 1;

        while (low < high) {
            int middle = (low + high) / 2;

            if (zipf_sum[middle] < at) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
    return i % 700;
}

/* ---- agreement ------------------------------------------------------------------------------- */

static void fill_both(struct sa_cache *cache, struct naive *n, uint32_t mshr)
{
    struct pending p = n->pending[mshr];
    bool bypass = false;
    struct naive_line victim = { .id = EMPTY };
    struct sa_cache_fill fill;

    if (!p.dropped) {
        victim = naive_insert(n, &p, &bypass);
    } else {
        n->useless += p.ahead && p.waiters == 0;
    }
    fill = sa_cache_fill(cache, mshr);
    n->pending[mshr] = (struct pending){ .id = EMPTY };
    n->evictions += victim.id != EMPTY && !bypass;
    n->writebacks += victim.dirty;
    REQUIRE(fill.id == (uint64_t)p.id && fill.waiters == p.waiters);
    REQUIRE(fill.kept == (!p.dropped && !bypass) && fill.bypassed == bypass);
    REQUIRE(fill.evicted == (victim.id != EMPTY && !bypass) && fill.dirty == victim.dirty);
    REQUIRE(victim.id == EMPTY || fill.victim == (uint64_t)victim.id);
}

static void access_both(struct sa_cache *cache, struct naive *n, int64_t id, bool write)
{
    enum sa_cache_result foreseen = sa_cache_foresee(cache, (uint64_t)id);
    enum sa_cache_result expected = naive_access(n, id, write);
    struct sa_cache_access found = sa_cache_access(cache, (uint64_t)id, write);

    REQUIRE(found.result == expected && foreseen == expected);
    if (expected == SA_CACHE_MISS_NEW) {
        REQUIRE(found.mshr < n->config.mshrs && n->pending[found.mshr].id == EMPTY);
        n->pending[found.mshr] = (struct pending){ .id = id, .waiters = 1, .dirty = write };
    } else if (expected == SA_CACHE_MISS_MERGED) {
        REQUIRE(n->pending[found.mshr].id == id);
    }
}

static void prefetch_both(struct sa_cache *cache, struct naive *n, int64_t id)
{
    enum sa_cache_result expected = naive_prefetch(n, id);
    struct sa_cache_access found = sa_cache_prefetch(cache, (uint64_t)id);

    REQUIRE(found.result == expected);
    if (expected == SA_CACHE_MISS_NEW) {
        REQUIRE(found.mshr < n->config.mshrs && n->pending[found.mshr].id == EMPTY);
        n->pending[found.mshr] = (struct pending){ .id = id, .ahead = true };
    }
}

static void fill_some(struct sa_cache *cache, struct naive *n, struct rng *rng, unsigned slowness)
{
    for (uint32_t m = 0; m < n->config.mshrs; m++) {
        if (n->pending[m].id != EMPTY && rng_below(rng, slowness) == 0) {
            fill_both(cache, n, m);
        }
    }
}

enum how {
    AT_ONCE,
    LATE /* fills some accesses later, lines invalidated now and then */,
    AHEAD /* and prefetches and pins */
};

/* Prefetches of what comes soon, and of what does not; pins of a few lines and of many. */
static void prefetch_and_pin(struct sa_cache *cache, struct naive *n, struct rng *rng, unsigned i)
{
    int64_t id = trace(rng, i + 5);

    if (rng_below(rng, 3) == 0) {
        prefetch_both(cache, n, id);
    }
    if (rng_below(rng, 30) == 0) {
        bool pin = rng_below(rng, 2) == 0 || i / 5000 % 2 == 0;

        id = trace(rng, i);
        REQUIRE((pin ? sa_cache_pin : sa_cache_unpin)(cache, (uint64_t)id) ==
                naive_pin(n, id, pin));
    }
    if (i % 10000 == 0) { /* in the end all are pinned; begin again */
        for (int64_t line = 0; line < LINES; line++) {
            REQUIRE(sa_cache_unpin(cache, (uint64_t)line) == naive_pin(n, line, false));
        }
        ck_assert_uint_eq(cache->state.lines_pinned, 0);
    }
}

static void check_ahead(const struct sa_cache *cache, const struct naive *n)
{
    const struct sa_cache_stats *s = &cache->stats;

    ck_assert_uint_eq(s->prefetches, n->ahead);
    ck_assert_uint_eq(s->prefetch_there, n->ahead_there);
    ck_assert_uint_eq(s->prefetch_refused, n->ahead_refused);
    ck_assert_uint_eq(s->prefetch_useful, n->useful);
    ck_assert_uint_eq(s->prefetch_late, n->late);
    ck_assert_uint_eq(s->prefetch_useless, n->useless);
    ck_assert_uint_eq(s->pins, n->pins);
    ck_assert_uint_eq(s->pins_missed, n->pins_missed);
    ck_assert_uint_eq(s->bypasses, n->bypasses);
}

static void check_counts(const struct sa_cache *cache, const struct naive *n)
{
    const struct sa_cache_stats *s = &cache->stats;

    ck_assert_uint_eq(s->hits, n->hits);
    ck_assert_uint_eq(s->misses, n->misses);
    ck_assert_uint_eq(s->merged, n->merged);
    ck_assert_uint_eq(s->accesses, n->hits + n->misses + n->merged);
    ck_assert_uint_eq(s->refused_mshr + s->refused_merge, n->refused);
    ck_assert_uint_eq(s->evictions, n->evictions);
    ck_assert_uint_eq(s->writebacks, n->writebacks);
    ck_assert_uint_eq(s->fills, n->misses + n->ahead);
    ck_assert_uint_eq(cache->state.mshrs_used, 0);
    ck_assert_uint_eq(cache->state.prefetches_used, 0);
    check_ahead(cache, n);
}

static void compare(const struct sa_cache_config *config, enum how how)
{
    static struct naive n;
    struct sa_cache cache;
    struct rng rng = rng_stream(config->sets, config->ways);
    char error[200];

    ck_assert_msg(sa_cache_init(&cache, config, error, sizeof error), "%s", error);
    naive_init(&n, config);
    for (unsigned i = 0; i < ACCESSES; i++) {
        int64_t id = trace(&rng, i);

        access_both(&cache, &n, id, rng_below(&rng, 4) == 0);
        if (how == AHEAD) {
            prefetch_and_pin(&cache, &n, &rng, i);
        }
        fill_some(&cache, &n, &rng, how == AT_ONCE ? 1 : i / 1000 % 2 == 0 ? 5 : 150);
        if (how != AT_ONCE && rng_below(&rng, 20) == 0) {
            id = (int64_t)rng_below(&rng, 2) == 0 ? id : trace(&rng, i);
            REQUIRE(sa_cache_invalidate(&cache, (uint64_t)id) == naive_invalidate(&n, id));
        }
    }
    fill_some(&cache, &n, &rng, 1);
    check_counts(&cache, &n);
    ck_assert_uint_gt(n.hits, 100);
    ck_assert_uint_gt(n.writebacks, 100);
    if (how == AT_ONCE) {
        ck_assert_uint_eq(n.merged, 0);
        ck_assert_uint_eq(n.hits + n.misses, ACCESSES);
    } else {
        ck_assert_uint_gt(n.merged, 20);
        ck_assert_uint_gt(cache.stats.invalidations, 100);
        ck_assert_uint_gt(n.refused, 100);
    }
    if (how == AHEAD) {
        ck_assert_uint_gt(n.useful, 3);
        ck_assert_uint_gt(n.late, 0);
        ck_assert_uint_gt(n.useless, 20);
        ck_assert_uint_gt(n.ahead_refused, 100);
        ck_assert_uint_gt(n.pins, 30);
        /* a small cache is full of pins now and then */
        ck_assert(config->ways * config->sets > 12 || n.bypasses > 100);
    }
    sa_cache_destroy(&cache);
}

static const struct {
    uint32_t sets, ways;
} sizes[] = {
    { 1, 2 }, { 1, 8 }, { 3, 4 }, { 16, 2 }, { 1, 64 }, { 32, 4 }, { 61, 8 }, { 256, 8 }
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static struct sa_cache_config config_of(int index)
{
    return (struct sa_cache_config){ .sets = sizes[index % SIZES].sets,
                                     .ways = sizes[index % SIZES].ways,
                                     .line_bytes = 128,
                                     .replacement = (uint32_t)index / SIZES,
                                     .hash = (uint32_t)index % 2,
                                     .mshrs = 1 + (uint32_t)index % 5 * 3,
                                     .merge = (uint32_t)index % 3 * 2,
                                     .seed = 99,
                                     .rrip_bits = 1 + (uint32_t)index % 3,
                                     .prefetches = index % 4 == 1 ? 1 : 0 };
}

START_TEST(counts_equal_a_naive_cache)
{
    struct sa_cache_config config = config_of(_i);

    compare(&config, AT_ONCE);
}
END_TEST

START_TEST(late_fills_equal_a_naive_cache)
{
    struct sa_cache_config config = config_of(_i);

    compare(&config, LATE);
}
END_TEST

START_TEST(prefetches_and_pins_equal_a_naive_cache)
{
    struct sa_cache_config config = config_of(_i);

    compare(&config, AHEAD);
}
END_TEST

START_TEST(ways_need_not_be_a_power_of_two)
{
    struct sa_cache_config config = { .sets = 5,
                                      .ways = 3,
                                      .line_bytes = 64,
                                      .mshrs = 4,
                                      .seed = 3,
                                      .hash = SA_CACHE_MIX,
                                      .rrip_bits = 2 };

    for (config.replacement = SA_CACHE_LRU; config.replacement < SA_CACHE_REPLACEMENTS;
         config.replacement++) {
        if (config.replacement == SA_CACHE_TREE_PLRU) {
            continue;
        }
        compare(&config, AT_ONCE);
        compare(&config, LATE);
        compare(&config, AHEAD);
    }
}
END_TEST

/* ---- what the policies are known for --------------------------------------------------------- */

static double hit_ratio(uint32_t ways, uint32_t replacement, uint32_t lines, bool cyclic)
{
    struct sa_cache_config config = { .sets = 1,
                                      .ways = ways,
                                      .line_bytes = 128,
                                      .replacement = replacement,
                                      .mshrs = 1,
                                      .seed = 5 };
    struct sa_cache cache;
    struct rng rng = rng_stream(1, 2);
    uint64_t warm = 0;
    char error[200];

    ck_assert(sa_cache_init(&cache, &config, error, sizeof error));
    for (unsigned i = 0; i < 200000; i++) {
        struct sa_cache_access access;

        if (i == 50000) {
            warm = cache.stats.hits;
        }
        access = sa_cache_access(&cache, cyclic ? i % lines : rng_below(&rng, lines), false);
        if (access.result == SA_CACHE_MISS_NEW) {
            sa_cache_fill(&cache, access.mshr);
        }
    }
    warm = cache.stats.hits - warm;
    sa_cache_destroy(&cache);
    return (double)warm / 150000;
}

/* Uniform access hits C/N with any policy; cyclic access hits nothing
 * with LRU as soon as N > C, and h = exp(-(N/C)(1-h)) with random replacement. */
START_TEST(ratios_follow_the_formulas)
{
    double h = 0.5;

    ck_assert_double_eq_tol(hit_ratio(64, SA_CACHE_LRU, 100, false), 0.64, 0.01);
    ck_assert_double_eq_tol(hit_ratio(64, SA_CACHE_RANDOM, 100, false), 0.64, 0.01);
    ck_assert(hit_ratio(64, SA_CACHE_LRU, 65, true) == 0);
    ck_assert(hit_ratio(64, SA_CACHE_FIFO, 65, true) == 0);
    ck_assert(hit_ratio(64, SA_CACHE_LRU, 64, true) == 1);
    for (int i = 0; i < 200; i++) {
        h = exp(-100.0 / 64 * (1 - h));
    }
    ck_assert_double_eq_tol(hit_ratio(64, SA_CACHE_RANDOM, 100, true), h, 0.02);
}
END_TEST

START_TEST(clean_keeps_the_line)
{
    struct sa_cache_config config = { .sets = 1, .ways = 1, .line_bytes = 128, .mshrs = 1 };
    struct sa_cache cache;
    char error[200];

    ck_assert(sa_cache_init(&cache, &config, error, sizeof error));
    ck_assert(!sa_cache_clean(&cache, 7));
    ck_assert_int_eq(sa_cache_access(&cache, 7, true).result, SA_CACHE_MISS_NEW);
    sa_cache_fill(&cache, 0);
    ck_assert(sa_cache_clean(&cache, 7));
    ck_assert(!sa_cache_clean(&cache, 7));
    ck_assert(sa_cache_present(&cache, 7));
    ck_assert_int_eq(sa_cache_invalidate(&cache, 7), SA_CACHE_CLEAN);
    ck_assert_int_eq(sa_cache_invalidate(&cache, 7), SA_CACHE_ABSENT);
    ck_assert_uint_eq(cache.stats.bytes_written_back, 128);
    sa_cache_destroy(&cache);
}
END_TEST

/* ---- impossible caches ----------------------------------------------------------------------- */

/* The sentence begins with the parameter that is wrong. */
static void refuse(struct sa_cache_config config, const char *wanted)
{
    struct sa_cache cache;
    char error[200] = "";

    ck_assert(!sa_cache_init(&cache, &config, error, sizeof error));
    ck_assert_msg(strncmp(error, wanted, strlen(wanted)) == 0, "\"%s\" is not \"%s\"", error,
                  wanted);
    ck_assert(strstr(error, "expected ") != NULL);
}

static const struct sa_cache_config good = { .sets = 4, .ways = 4, .line_bytes = 128, .mshrs = 4 };

#define REFUSED(name, change, message)                                                             \
    START_TEST(name)                                                                               \
    {                                                                                              \
        struct sa_cache_config c = good;                                                           \
                                                                                                   \
        change;                                                                                    \
        refuse(c, message);                                                                        \
    }                                                                                              \
    END_TEST

REFUSED(no_sets_are_refused, c.sets = 0, "sets: found 0, expected at least 1")
REFUSED(no_ways_are_refused, c.ways = 0, "ways: found 0, expected at least 1")
REFUSED(lines_of_nothing_are_refused, c.line_bytes = 0, "line_bytes: found 0, expected at least 1")
REFUSED(no_mshrs_are_refused, c.mshrs = 0, "mshrs: found 0, expected 1 to 65535")
REFUSED(too_many_mshrs_are_refused, c.mshrs = 65536, "mshrs: found 65536, expected 1 to 65535")
REFUSED(too_many_lines_are_refused, c.sets = c.ways = 1u << 20,
        "sets: found 1048576 of 1048576 ways")
REFUSED(an_unknown_replacement_is_refused, c.replacement = SA_CACHE_REPLACEMENTS,
        "replacement: found 5, expected 0 to 4")
REFUSED(an_unknown_hash_is_refused, c.hash = 2, "hash: found 2, expected 0 or 1")
REFUSED(a_crooked_tree_is_refused, (c.replacement = SA_CACHE_TREE_PLRU, c.ways = 12),
        "ways: found 12, expected a power of two up to 64 with tree-plru")
REFUSED(too_large_a_tree_is_refused, (c.replacement = SA_CACHE_TREE_PLRU, c.ways = 128),
        "ways: found 128, expected a power of two up to 64 with tree-plru")
REFUSED(no_rrip_bits_are_refused, c.replacement = SA_CACHE_SRRIP,
        "rrip_bits: found 0, expected 1 to 8")
REFUSED(too_many_rrip_bits_are_refused, (c.replacement = SA_CACHE_SRRIP, c.rrip_bits = 9),
        "rrip_bits: found 9, expected 1 to 8")
REFUSED(more_prefetches_than_mshrs_are_refused, c.prefetches = 5,
        "prefetches: found 5, expected at most mshrs (4)")
REFUSED(a_line_larger_than_the_cache_is_refused, c.size = 64,
        "size: found 64 bytes, expected at least a line (128 bytes)")
REFUSED(a_size_of_no_whole_sets_is_refused, c.size = 1000,
        "size: found 1000 bytes, expected a multiple of a set (4 ways of 128 bytes)")

START_TEST(a_size_makes_sets)
{
    struct sa_cache_config config = good;
    char error[200];

    config.sets = 0;
    config.size = 64 * 1024;
    ck_assert(sa_cache_check(&config, error, sizeof error));
    ck_assert_uint_eq(config.sets, 128);
}
END_TEST

/* ---- pins by hand ------------------------------------------------------------------------------ */

static struct sa_cache_fill fetch(struct sa_cache *cache, uint64_t id, bool write)
{
    struct sa_cache_access access = sa_cache_access(cache, id, write);

    ck_assert_int_eq(access.result, SA_CACHE_MISS_NEW);
    return sa_cache_fill(cache, access.mshr);
}

/* A direct-mapped cache can pin, and what comes to a pinned set is served and passes by. */
START_TEST(a_pinned_set_is_passed_by)
{
    struct sa_cache_config config = { .sets = 2, .ways = 1, .line_bytes = 64, .mshrs = 2 };
    struct sa_cache_fill fill;
    struct sa_cache cache;
    char error[200];

    ck_assert(sa_cache_init(&cache, &config, error, sizeof error));
    ck_assert(!sa_cache_pin(&cache, 4)); /* neither there nor on its way */
    ck_assert_int_eq(sa_cache_access(&cache, 4, false).result, SA_CACHE_MISS_NEW);
    ck_assert(sa_cache_pin(&cache, 4)); /* on its way */
    ck_assert(sa_cache_fill(&cache, 0).kept);
    ck_assert_uint_eq(cache.state.lines_pinned, 1);
    fill = fetch(&cache, 6, true);
    ck_assert(fill.bypassed && !fill.kept && !fill.evicted && fill.dirty && fill.waiters == 1);
    ck_assert_uint_eq(fill.victim, 6); /* what was written into it has to go back */
    fill = fetch(&cache, 8, false);
    ck_assert(fill.bypassed && !fill.dirty);
    ck_assert(sa_cache_present(&cache, 4) && !sa_cache_present(&cache, 6));
    ck_assert(fetch(&cache, 7, false).kept); /* the other set has no pin */
    ck_assert(sa_cache_unpin(&cache, 4));
    fill = fetch(&cache, 6, false);
    ck_assert(fill.kept && fill.evicted && fill.victim == 4);
    ck_assert(sa_cache_pin(&cache, 6));
    ck_assert_int_eq(sa_cache_invalidate(&cache, 6), SA_CACHE_CLEAN); /* takes the pin along */
    ck_assert_uint_eq(cache.state.lines_pinned, 0);
    ck_assert_uint_eq(cache.stats.bypasses, 2);
    ck_assert_uint_eq(cache.stats.writebacks, 1);
    ck_assert_uint_eq(cache.stats.pins, 2);
    sa_cache_destroy(&cache);
}
END_TEST

/* The example of the paper's figure: hit priority, 2 bits, four ways, a1 a2 a2 a1 b1 b2 b3 b4 a1 a2. */
START_TEST(srrip_keeps_what_is_used_through_a_scan)
{
    struct sa_cache_config config = { .sets = 1,
                                      .ways = 4,
                                      .line_bytes = 64,
                                      .mshrs = 1,
                                      .replacement = SA_CACHE_SRRIP,
                                      .rrip_bits = 2 };
    static const uint64_t scan[] = { 1, 2, 2, 1, 11, 12, 13, 14, 1, 2 };
    struct sa_cache cache;
    char error[200];

    ck_assert(sa_cache_init(&cache, &config, error, sizeof error));
    for (unsigned i = 0; i < sizeof scan / sizeof scan[0]; i++) {
        struct sa_cache_access access = sa_cache_access(&cache, scan[i], false);

        if (access.result == SA_CACHE_MISS_NEW) {
            sa_cache_fill(&cache, access.mshr);
        }
    }
    ck_assert_uint_eq(cache.stats.hits, 4); /* LRU: 2 */
    sa_cache_destroy(&cache);
}
END_TEST

/* ---- snapshot -------------------------------------------------------------------------------- */

struct image {
    unsigned char bytes[1 << 20];
    size_t at;
};

static void save(void *user, const struct sa_region *region)
{
    struct image *image = user;

    REQUIRE(image->at + region->bytes <= sizeof image->bytes);
    memcpy(image->bytes + image->at, region->data, region->bytes);
    image->at += region->bytes;
}

static void restore(void *user, const struct sa_region *region)
{
    struct image *image = user;

    memcpy(region->data, image->bytes + image->at, region->bytes);
    image->at += region->bytes;
}

static void run(struct sa_cache *cache, struct rng *rng, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct sa_cache_access access =
            sa_cache_access(cache, (uint64_t)trace(rng, i), rng_below(rng, 3) == 0);

        if (access.result == SA_CACHE_MISS_NEW && rng_below(rng, 2) == 0) {
            sa_cache_fill(cache, access.mshr);
        } else if (access.result == SA_CACHE_NO_MSHR) {
            uint32_t mshr = (uint32_t)rng_below(rng, cache->config.mshrs);

            if (cache->mshr[mshr].waiters != 0) {
                sa_cache_fill(cache, mshr);
            }
        }
    }
}

START_TEST(restored_cache_goes_on_alike)
{
    static struct image middle;
    static struct image end[2];
    struct sa_cache_config config = config_of(_i * SIZES + 5);
    struct sa_cache cache[2];
    struct rng rng = rng_stream(8, 8);
    char error[200];

    ck_assert(sa_cache_init(&cache[0], &config, error, sizeof error));
    ck_assert(sa_cache_init(&cache[1], &config, error, sizeof error));
    run(&cache[0], &rng, 0, 20000);
    middle.at = 0;
    sa_cache_regions(&cache[0], save, &middle);
    middle.at = 0;
    sa_cache_regions(&cache[1], restore, &middle);
    for (int i = 0; i < 2; i++) {
        struct rng same = rng;

        run(&cache[i], &same, 20000, 40000);
        end[i].at = 0;
        sa_cache_regions(&cache[i], save, &end[i]);
        sa_cache_destroy(&cache[i]);
    }
    ck_assert_uint_eq(end[0].at, end[1].at);
    ck_assert_int_eq(memcmp(end[0].bytes, end[1].bytes, end[0].at), 0);
    ck_assert_int_ne(memcmp(end[0].bytes, middle.bytes, end[0].at), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sa_cache");
    TCase *tcase = tcase_create("sa_cache");

    prepare_zipf();
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, counts_equal_a_naive_cache, 0, SA_CACHE_REPLACEMENTS * SIZES);
    tcase_add_loop_test(tcase, late_fills_equal_a_naive_cache, 0, SA_CACHE_REPLACEMENTS * SIZES);
    tcase_add_loop_test(tcase, prefetches_and_pins_equal_a_naive_cache, 0,
                        SA_CACHE_REPLACEMENTS * SIZES);
    tcase_add_test(tcase, ways_need_not_be_a_power_of_two);
    tcase_add_test(tcase, ratios_follow_the_formulas);
    tcase_add_test(tcase, clean_keeps_the_line);
    tcase_add_test(tcase, no_sets_are_refused);
    tcase_add_test(tcase, no_ways_are_refused);
    tcase_add_test(tcase, lines_of_nothing_are_refused);
    tcase_add_test(tcase, no_mshrs_are_refused);
    tcase_add_test(tcase, too_many_mshrs_are_refused);
    tcase_add_test(tcase, too_many_lines_are_refused);
    tcase_add_test(tcase, an_unknown_replacement_is_refused);
    tcase_add_test(tcase, an_unknown_hash_is_refused);
    tcase_add_test(tcase, a_crooked_tree_is_refused);
    tcase_add_test(tcase, too_large_a_tree_is_refused);
    tcase_add_test(tcase, no_rrip_bits_are_refused);
    tcase_add_test(tcase, too_many_rrip_bits_are_refused);
    tcase_add_test(tcase, more_prefetches_than_mshrs_are_refused);
    tcase_add_test(tcase, a_line_larger_than_the_cache_is_refused);
    tcase_add_test(tcase, a_size_of_no_whole_sets_is_refused);
    tcase_add_test(tcase, a_size_makes_sets);
    tcase_add_test(tcase, a_pinned_set_is_passed_by);
    tcase_add_test(tcase, srrip_keeps_what_is_used_through_a_scan);
    tcase_add_loop_test(tcase, restored_cache_goes_on_alike, 0, SA_CACHE_REPLACEMENTS);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
