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

struct naive_set {
    int64_t slot[MAX_WAYS]; /* random, PLRU: by way; LRU, FIFO: the next victim first */
    bool dirty[MAX_WAYS];
    unsigned used;               /* LRU, FIFO */
    bool go_right[2 * MAX_WAYS]; /* PLRU, by node */
};

struct pending {
    int64_t id;
    unsigned waiters;
    bool dirty, dropped;
};

struct naive {
    struct sa_cache_config config;
    struct naive_set set[MAX_SETS];
    struct pending pending[MAX_PENDING];
    struct rng rng;
    uint64_t hits, misses, merged, refused, evictions, writebacks;
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
            n->set[s].slot[w] = EMPTY;
        }
    }
    for (unsigned i = 0; i < MAX_PENDING; i++) {
        n->pending[i].id = EMPTY;
    }
}

static int naive_find(const struct naive *n, const struct naive_set *set, int64_t id)
{
    for (unsigned w = 0; w < n->config.ways; w++) {
        if (set->slot[w] == id) {
            return (int)w;
        }
    }
    return EMPTY;
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

static unsigned tree_victim(const struct naive_set *set, unsigned node, unsigned lo, unsigned hi)
{
    unsigned middle = lo + (hi - lo) / 2;

    if (hi - lo == 1) {
        return lo;
    }
    return set->go_right[node] ? tree_victim(set, 2 * node + 1, middle, hi)
                               : tree_victim(set, 2 * node, lo, middle);
}

static void list_remove(struct naive_set *set, unsigned at)
{
    for (unsigned w = at; w + 1 < set->used; w++) {
        set->slot[w] = set->slot[w + 1];
        set->dirty[w] = set->dirty[w + 1];
    }
    set->used--;
    set->slot[set->used] = EMPTY;
    set->dirty[set->used] = false;
}

static void list_append(struct naive_set *set, int64_t id, bool dirty)
{
    set->slot[set->used] = id;
    set->dirty[set->used++] = dirty;
}

static bool naive_hit(struct naive *n, int64_t id, bool write)
{
    struct naive_set *set = naive_set_of(n, id);
    int way = naive_find(n, set, id);

    if (way == EMPTY) {
        return false;
    }
    set->dirty[way] = set->dirty[way] || write;
    if (n->config.replacement == SA_CACHE_LRU) {
        bool dirty = set->dirty[way];

        list_remove(set, (unsigned)way);
        list_append(set, id, dirty);
    } else if (n->config.replacement == SA_CACHE_TREE_PLRU) {
        tree_touch(set, 1, 0, n->config.ways, (unsigned)way);
    }
    n->hits++;
    return true;
}

static enum sa_cache_result naive_access(struct naive *n, int64_t id, bool write)
{
    unsigned waiting = 0;

    if (naive_hit(n, id, write)) {
        return SA_CACHE_HIT;
    }
    for (unsigned i = 0; i < n->config.mshrs; i++) {
        struct pending *p = &n->pending[i];

        waiting += p->id != EMPTY;
        if (p->id == id && !p->dropped) {
            if (n->config.merge != 0 && p->waiters >= n->config.merge) {
                n->refused++;
                return SA_CACHE_NO_MSHR;
            }
            p->waiters++;
            p->dirty = p->dirty || write;
            n->merged++;
            return SA_CACHE_MISS_MERGED;
        }
    }
    if (waiting == n->config.mshrs) {
        n->refused++;
        return SA_CACHE_NO_MSHR;
    }
    n->misses++;
    return SA_CACHE_MISS_NEW;
}

/* The victim, EMPTY if there was room. */
static int64_t naive_insert(struct naive *n, int64_t id, bool dirty, bool *victim_dirty)
{
    struct naive_set *set = naive_set_of(n, id);
    int64_t victim = EMPTY;
    int way;

    *victim_dirty = false;
    if (is_list(n)) {
        if (set->used == n->config.ways) {
            victim = set->slot[0];
            *victim_dirty = set->dirty[0];
            list_remove(set, 0);
        }
        list_append(set, id, dirty);
        return victim;
    }
    way = naive_find(n, set, EMPTY);
    if (way == EMPTY) {
        way = n->config.replacement == SA_CACHE_RANDOM
                  ? (int)rng_below(&n->rng, n->config.ways)
                  : (int)tree_victim(set, 1, 0, n->config.ways);
        victim = set->slot[way];
        *victim_dirty = set->dirty[way];
    }
    set->slot[way] = id;
    set->dirty[way] = dirty;
    tree_touch(set, 1, 0, n->config.ways, (unsigned)way);
    return victim;
}

static enum sa_cache_line naive_invalidate(struct naive *n, int64_t id)
{
    struct naive_set *set = naive_set_of(n, id);
    int way = naive_find(n, set, id);

    if (way != EMPTY) {
        bool dirty = set->dirty[way];

        if (is_list(n)) {
            list_remove(set, (unsigned)way);
        } else {
            set->slot[way] = EMPTY;
            set->dirty[way] = false;
        }
        return dirty ? SA_CACHE_DIRTY : SA_CACHE_CLEAN;
    }
    for (unsigned i = 0; i < n->config.mshrs; i++) {
        if (n->pending[i].id == id && !n->pending[i].dropped) {
            n->pending[i].dropped = true;
            return SA_CACHE_PENDING;
        }
    }
    return SA_CACHE_ABSENT;
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
    bool victim_dirty = false;
    int64_t victim = p.dropped ? EMPTY : naive_insert(n, p.id, p.dirty, &victim_dirty);
    struct sa_cache_fill fill = sa_cache_fill(cache, mshr);

    n->pending[mshr] = (struct pending){ .id = EMPTY };
    n->evictions += victim != EMPTY;
    n->writebacks += victim_dirty;
    REQUIRE(fill.id == (uint64_t)p.id && fill.waiters == p.waiters && fill.kept == !p.dropped);
    REQUIRE(fill.evicted == (victim != EMPTY) && fill.dirty == victim_dirty);
    REQUIRE(!fill.evicted || fill.victim == (uint64_t)victim);
}

static void access_both(struct sa_cache *cache, struct naive *n, int64_t id, bool write)
{
    enum sa_cache_result expected = naive_access(n, id, write);
    struct sa_cache_access found = sa_cache_access(cache, (uint64_t)id, write);

    REQUIRE(found.result == expected);
    if (expected == SA_CACHE_MISS_NEW) {
        REQUIRE(found.mshr < n->config.mshrs && n->pending[found.mshr].id == EMPTY);
        n->pending[found.mshr] = (struct pending){ .id = id, .waiters = 1, .dirty = write };
    } else if (expected == SA_CACHE_MISS_MERGED) {
        REQUIRE(n->pending[found.mshr].id == id);
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

/* `late`: fills come some accesses later, and lines are invalidated and cleaned now and then. */
static void compare(const struct sa_cache_config *config, bool late)
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
        fill_some(&cache, &n, &rng, !late ? 1 : i / 1000 % 2 == 0 ? 5 : 150);
        if (late && rng_below(&rng, 20) == 0) {
            id = (int64_t)rng_below(&rng, 2) == 0 ? id : trace(&rng, i);
            REQUIRE(sa_cache_invalidate(&cache, (uint64_t)id) == naive_invalidate(&n, id));
        }
    }
    fill_some(&cache, &n, &rng, 1);
    ck_assert_uint_eq(cache.stats.hits, n.hits);
    ck_assert_uint_eq(cache.stats.misses, n.misses);
    ck_assert_uint_eq(cache.stats.merged, n.merged);
    ck_assert_uint_eq(cache.stats.accesses, n.hits + n.misses + n.merged);
    ck_assert_uint_eq(cache.stats.refused_mshr + cache.stats.refused_merge, n.refused);
    ck_assert_uint_eq(cache.stats.evictions, n.evictions);
    ck_assert_uint_eq(cache.stats.writebacks, n.writebacks);
    ck_assert_uint_eq(cache.stats.fills, n.misses);
    ck_assert_uint_eq(cache.state.mshrs_used, 0);
    ck_assert_uint_gt(n.hits, 100);
    ck_assert_uint_gt(n.writebacks, 100);
    if (late) {
        ck_assert_uint_gt(n.merged, 20);
        ck_assert_uint_gt(cache.stats.invalidations, 100);
        ck_assert_uint_gt(n.refused, 100);
    } else {
        ck_assert_uint_eq(n.merged, 0);
        ck_assert_uint_eq(n.hits + n.misses, ACCESSES);
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
                                     .seed = 99 };
}

START_TEST(counts_equal_a_naive_cache)
{
    struct sa_cache_config config = config_of(_i);

    compare(&config, false);
}
END_TEST

START_TEST(late_fills_equal_a_naive_cache)
{
    struct sa_cache_config config = config_of(_i);

    compare(&config, true);
}
END_TEST

START_TEST(ways_need_not_be_a_power_of_two)
{
    struct sa_cache_config config = {
        .sets = 5, .ways = 3, .line_bytes = 64, .mshrs = 4, .seed = 3, .hash = SA_CACHE_MIX
    };

    for (config.replacement = SA_CACHE_LRU; config.replacement < SA_CACHE_TREE_PLRU;
         config.replacement++) {
        compare(&config, false);
        compare(&config, true);
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

START_TEST(impossible_configurations_are_refused)
{
    const struct sa_cache_config good = { .sets = 4, .ways = 4, .line_bytes = 128, .mshrs = 4 };
    struct sa_cache_config bad[7];
    struct sa_cache cache;
    char error[200];

    for (unsigned i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].sets = 0;
    bad[1].ways = 0;
    bad[2].mshrs = 0;
    bad[3].line_bytes = 0;
    bad[4].replacement = SA_CACHE_TREE_PLRU;
    bad[4].ways = 12;
    bad[5].sets = 1u << 20;
    bad[5].ways = 1u << 20;
    bad[6].replacement = SA_CACHE_REPLACEMENTS;
    for (unsigned i = 0; i < 7; i++) {
        error[0] = '\0';
        ck_assert(!sa_cache_init(&cache, &bad[i], error, sizeof error));
        ck_assert(strstr(error, "found ") != NULL);
    }
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
    tcase_add_test(tcase, ways_need_not_be_a_power_of_two);
    tcase_add_test(tcase, ratios_follow_the_formulas);
    tcase_add_test(tcase, clean_keeps_the_line);
    tcase_add_test(tcase, impossible_configurations_are_refused);
    tcase_add_loop_test(tcase, restored_cache_goes_on_alike, 0, SA_CACHE_REPLACEMENTS);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
