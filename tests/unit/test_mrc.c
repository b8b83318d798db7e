/* Miss-ratio curves against LRU lists: one list for every size, written from the rules of a cache alone. The curve
 * must equal the hits of the lists at every size; the sampled one must stay in its bound. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/mrc.h"

/* ---- LRU lists ------------------------------------------------------------------------------- */

enum { MAX_SAS = 96 };

struct list {
    unsigned capacity, used;
    uint32_t sa[MAX_SAS]; /* the latest first */
    uint64_t hits;
};

static int find(const struct list *l, uint32_t sa)
{
    for (unsigned i = 0; i < l->used; i++) {
        if (l->sa[i] == sa) {
            return (int)i;
        }
    }
    return -1;
}

static void take_out(struct list *l, int at)
{
    l->used--;
    memmove(&l->sa[at], &l->sa[at + 1], (l->used - (unsigned)at) * sizeof l->sa[0]);
}

static void use(struct list *l, uint32_t sa)
{
    int at = find(l, sa);

    if (at >= 0) {
        l->hits++;
        take_out(l, at);
    } else if (l->used == l->capacity) {
        l->used--; /* the last one */
    }
    memmove(&l->sa[1], &l->sa[0], l->used * sizeof l->sa[0]);
    l->sa[0] = sa;
    l->used++;
}

static void forget(struct list *l, uint32_t sa)
{
    int at = find(l, sa);

    if (at >= 0) {
        take_out(l, at);
    }
}

/* ---- traces ------------------------------------------------------------------------------------ */

/* A mixture: uniform, a cycle, a few favourites; phases of 500. */
static uint32_t pick(struct rng *rng, unsigned i, unsigned sas)
{
    switch (i / 500 % 3) {
    case 0: return (uint32_t)rng_below(rng, sas);
    case 1: return i % sas;
    default: return (uint32_t)(rng_below(rng, sas) * rng_below(rng, sas) / sas);
    }
}

struct mix {
    unsigned sas, accesses;
    unsigned deletes; /* one in so many steps, 0: none */
};

static const struct mix mixes[] = { { 1, 100, 0 },     { 2, 1000, 0 },     { 7, 5000, 0 },
                                    { 64, 30000, 0 },  { 96, 50000, 0 },   { 1, 100, 3 },
                                    { 3, 3000, 5 },    { 20, 20000, 4 },   { 64, 40000, 2 },
                                    { 96, 60000, 10 }, { 96, 60000, 1000 } };
enum { MIXES = sizeof mixes / sizeof mixes[0] };

static struct mrc *make(double rate, uint32_t size, uint64_t seed)
{
    const struct mrc_config config = { .rate = rate, .size = size, .seed = seed };

    return mrc_create(&config);
}

/* A step of the trace: accesses of SAs from `first` on, and now and then a deletion. */
static bool step(struct rng *rng, const struct mix *mix, unsigned i, uint32_t *sa)
{
    bool gone = mix->deletes != 0 && rng_below(rng, mix->deletes) == 0;

    *sa = pick(rng, i, mix->sas);
    return !gone;
}

static void check_every_size(const struct mix *mix, struct mrc *mrc)
{
    static struct list lists[MAX_SAS + 1];
    struct rng rng = rng_stream(mix->sas, mix->deletes);
    uint64_t deepest = 0;
    uint64_t used = 0;

    memset(lists, 0, sizeof lists);
    for (unsigned c = 1; c <= MAX_SAS; c++) {
        lists[c].capacity = c;
    }
    for (unsigned i = 0; i < mix->accesses; i++) {
        uint32_t sa;
        bool access = step(&rng, mix, i, &sa);

        used += access;
        (access ? mrc_access : mrc_forget)(mrc, sa);
        for (unsigned c = 1; c <= MAX_SAS; c++) {
            (access ? use : forget)(&lists[c], sa);
        }
    }
    ck_assert_uint_eq(mrc_accesses(mrc), used);
    ck_assert_uint_eq(mrc_hits(mrc, 0), 0);
    for (unsigned c = 1; c <= MAX_SAS; c++) {
        ck_assert_uint_eq(mrc_hits(mrc, c), lists[c].hits);
        deepest = lists[c].hits != lists[c - 1].hits ? c : deepest;
    }
    ck_assert_uint_eq(mrc_deepest(mrc), deepest);
    ck_assert_uint_eq(mrc_hits(mrc, UINT64_MAX), used - mrc_cold(mrc));
    ck_assert(mrc_bound(mrc, 5, 0.05, 0.001).low == mrc_bound(mrc, 5, 0.05, 0.001).high);
}

START_TEST(the_curve_is_lru_at_every_size)
{
    struct mrc *mrc = make(1, 0, 1);

    check_every_size(&mixes[_i], mrc);
    mrc_destroy(mrc);
}
END_TEST

/* A sample that has room for all SAs is all SAs. */
START_TEST(a_large_sample_is_exact)
{
    struct mrc *mrc = make(1, MAX_SAS, 1);

    check_every_size(&mixes[_i], mrc);
    ck_assert(mrc_rate(mrc) == 1);
    mrc_destroy(mrc);
}
END_TEST

/* The example by hand: A B C A has depth 3; after a deletion of B, C A ... */
START_TEST(depths_by_hand)
{
    struct mrc *mrc = make(1, 0, 1);

    for (uint32_t sa = 10; sa < 13; sa++) {
        mrc_access(mrc, sa);
    }
    ck_assert_uint_eq(mrc_last(mrc, 10), 1);
    mrc_access(mrc, 10); /* 11 and 12 are above: depth 3 */
    ck_assert_uint_eq(mrc_hits(mrc, 2), 0);
    ck_assert_uint_eq(mrc_hits(mrc, 3), 1);
    mrc_access(mrc, 10); /* depth 1 */
    ck_assert_uint_eq(mrc_hits(mrc, 1), 1);
    mrc_forget(mrc, 10); /* its way is empty: a cache of 1 keeps nothing, of 2 still 12 */
    ck_assert_uint_eq(mrc_last(mrc, 10), 0);
    mrc_access(mrc, 13); /* takes that way */
    mrc_access(mrc, 12); /* depth 2 */
    ck_assert_uint_eq(mrc_hits(mrc, 1), 1);
    ck_assert_uint_eq(mrc_hits(mrc, 2), 2);
    mrc_forget(mrc, 13);
    mrc_forget(mrc, 13); /* nothing more to forget */
    mrc_forget(mrc, 999);
    ck_assert_uint_eq(mrc_forgotten(mrc), 2);
    ck_assert_uint_eq(mrc_cold(mrc), 4);
    ck_assert_uint_eq(mrc_deepest(mrc), 3);
    mrc_destroy(mrc);
}
END_TEST

START_TEST(an_empty_curve)
{
    struct mrc *mrc = make(1, 0, 1);

    mrc_forget(mrc, 3);
    ck_assert_uint_eq(mrc_hits(mrc, 100), 0);
    ck_assert_uint_eq(mrc_deepest(mrc), 0);
    ck_assert(mrc_bound(mrc, 100, 0.05, 0.001).high == 0);
    mrc_access(mrc, 0);
    ck_assert_uint_eq(mrc_hits(mrc, 100), 0);
    ck_assert_uint_eq(mrc_cold(mrc), 1);
    mrc_destroy(mrc);
    mrc_destroy(NULL);
}
END_TEST

START_TEST(memory_follows_live_sas_not_accesses)
{
    struct mrc *mrc = make(1, 0, 1);
    struct rng rng = rng_stream(3, 3);
    size_t bytes = 0;

    for (unsigned i = 0; i < 3000000; i++) {
        uint32_t sa = (uint32_t)rng_below(&rng, 1000);

        if (i == 200000) {
            bytes = mrc_bytes(mrc);
        }
        if (rng_below(&rng, 8) == 0) {
            mrc_forget(mrc, sa); /* hundreds of thousands of SAs come and go in the same places */
        } else {
            mrc_access(mrc, sa);
        }
    }
    ck_assert_uint_gt(mrc_forgotten(mrc), 100000);
    ck_assert_uint_eq(mrc_bytes(mrc), bytes);
    ck_assert_uint_lt(bytes, 1000 * 100);
    ck_assert_uint_le(mrc_marks(mrc), 1000);
    mrc_destroy(mrc);
}
END_TEST

/* ---- samples ------------------------------------------------------------------------------------- */

enum { MANY = 20000, STEPS = 400000, ROWS = 30 };

/* The same trace into the exact curve and the sampled one: a few favourites and a long tail, and scans. */
static void play(struct mrc *exact, struct mrc *sampled, unsigned deletes)
{
    struct rng rng = rng_stream(17, deletes);

    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t at = rng_below(&rng, MANY);
        uint32_t sa =
            (uint32_t)(i / 50000 % 2 == 0 ? at * rng_below(&rng, MANY) / MANY : i % (MANY / 4));

        if (deletes != 0 && rng_below(&rng, deletes) == 0) {
            mrc_forget(exact, sa);
            mrc_forget(sampled, sa);
            continue;
        }
        mrc_access(exact, sa);
        mrc_access(sampled, sa);
    }
}

/* The cycle makes a step of half the height at one capacity: a row beside it may be on its other side, which is
 * an average error of 0.5 / ROWS. */
struct sampling {
    double rate;
    uint32_t size;
    unsigned deletes;
    double width; /* of the bound, on average, at most */
};

static const struct sampling samplings[] = {
    { 0.1, 0, 0, 0.13 },  { 0.5, 0, 0, 0.05 },  { 0.1, 0, 7, 0.12 },
    { 1, 2000, 0, 0.16 }, { 1, 8000, 0, 0.07 }, { 1, 2000, 20, 0.16 },
};
enum { SAMPLINGS = sizeof samplings / sizeof samplings[0], SEEDS = 8 };

START_TEST(the_sampled_curve_stays_in_its_bound)
{
    const struct sampling *how = &samplings[_i / SEEDS];
    struct mrc *exact = make(1, 0, 0);
    struct mrc *sampled = make(how->rate, how->size, (uint64_t)(_i % SEEDS));
    double width = 0;
    double error = 0;

    play(exact, sampled, how->deletes);
    ck_assert(mrc_rate(sampled) < 1);
    ck_assert_uint_eq(mrc_cold(sampled), mrc_cold(exact));
    ck_assert_uint_eq(mrc_hits(sampled, mrc_deepest(sampled)),
                      mrc_accesses(exact) - mrc_cold(exact));
    ck_assert_uint_lt(mrc_hits(sampled, mrc_deepest(sampled) / 2),
                      mrc_accesses(exact) - mrc_cold(exact));
    for (unsigned row = 1; row <= ROWS; row++) {
        uint64_t capacity = (uint64_t)row * row * MANY / (ROWS * ROWS) + 1;
        double truth = (double)mrc_hits(exact, capacity) / (double)mrc_accesses(exact);
        double guess = (double)mrc_hits(sampled, capacity) / (double)mrc_accesses(exact);
        struct mrc_range range = mrc_bound(sampled, capacity, 0.05 / ROWS, 0.001);

        ck_assert_msg(range.low <= truth && truth <= range.high,
                      "capacity %llu: %.4f is not in %.4f to %.4f", (unsigned long long)capacity,
                      truth, range.low, range.high);
        ck_assert(range.low <= guess + 0.001 && guess <= range.high + 0.001);
        width += (range.high - range.low) / ROWS;
        error += (guess > truth ? guess - truth : truth - guess) / ROWS;
    }
    ck_assert_msg(width < how->width, "the bound is %.4f wide", width);
    ck_assert_msg(error < 0.8 / ROWS, "the error is %.4f", error);
    mrc_destroy(exact);
    mrc_destroy(sampled);
}
END_TEST

START_TEST(a_sample_keeps_its_size)
{
    struct mrc *mrc = make(1, 500, 4);

    for (uint32_t i = 0; i < 300000; i++) {
        mrc_access(mrc, i % 100000);
        ck_assert_uint_le(mrc_marks(mrc), 500);
    }
    ck_assert_uint_gt(mrc_marks(mrc), 150);
    ck_assert(mrc_rate(mrc) <= 1.0 / 256 && mrc_rate(mrc) >= 1.0 / 1024);
    ck_assert_uint_lt(mrc_bytes(mrc), 100000 * 9 * 2); /* 8 an SA, not 40 */
    mrc_destroy(mrc);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mrc");
    TCase *tcase = tcase_create("mrc");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, the_curve_is_lru_at_every_size, 0, MIXES);
    tcase_add_loop_test(tcase, a_large_sample_is_exact, 0, MIXES);
    tcase_add_test(tcase, depths_by_hand);
    tcase_add_test(tcase, an_empty_curve);
    tcase_add_test(tcase, memory_follows_live_sas_not_accesses);
    tcase_add_loop_test(tcase, the_sampled_curve_stays_in_its_bound, 0, SAMPLINGS * SEEDS);
    tcase_add_test(tcase, a_sample_keeps_its_size);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
