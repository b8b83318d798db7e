/* Clocks against the definition: edge c of num/den Hz is at c * den / num seconds. */
#include <check.h>
#include <stdlib.h>

#include "engine/clock.h"
#include "engine/rng.h"

enum { SETS = 1000, QUESTIONS = 60 };

/* Random frequencies below 2^34/2^10 Hz, often a hair apart or simple multiples of each other. */
static void random_domain(struct rng *r, const struct clock_domain *other, uint64_t *num,
                          uint64_t *den)
{
    *num = 1 + rng_below(r, 1ull << (1 + rng_below(r, 33)));
    *den = 1 + rng_below(r, 1ull << rng_below(r, 11));
    switch (rng_below(r, 4)) {
    case 0:
        *num = other->num + rng_below(r, 3);
        *den = other->den;
        break;
    case 1:
        *num = other->num * (1 + rng_below(r, 65));
        *den = other->den * (1 + rng_below(r, 64));
        break;
    default: break;
    }
}

/* <0, 0, >0 as edge ca of a is before, at, after edge cb of b; all products below 2^127. */
static int order(const struct clock_domain *a, uint64_t ca, const struct clock_domain *b,
                 uint64_t cb)
{
    __int128 difference = (__int128)ca * a->den * b->num - (__int128)cb * b->den * a->num;

    return difference < 0 ? -1 : difference > 0;
}

static void ask(const struct clock_set *set, struct rng *r)
{
    unsigned a = (unsigned)rng_below(r, set->count);
    unsigned b = (unsigned)rng_below(r, set->count);
    const struct clock_domain *da = &set->domain[a];
    const struct clock_domain *db = &set->domain[b];
    uint64_t c = rng_below(r, 1ull << (1 + rng_below(r, 32)));
    unsigned s = 1 + (unsigned)rng_below(r, 3);
    uint64_t e;

    while ((unsigned __int128)c * set->ratio[a][b].mul / set->ratio[a][b].div >> 58) {
        c /= 2;
    }
    if (rng_below(r, 4) == 0) {
        c -= c % set->ratio[a][b].div; /* a coincident edge */
    }
    e = clock_edge_after(set, a, c, b, s);
    ck_assert_uint_ge(e, s);
    ck_assert_int_le(order(db, e - s, da, c), 0);
    ck_assert_int_gt(order(db, e - s + 1, da, c), 0);
    for (uint64_t near = e > 3 ? e - 3 : 0; near < e + 3; near++) {
        ck_assert_int_eq(clock_compare(set, a, c, b, near), order(da, c, db, near));
        ck_assert_int_eq(clock_compare(set, b, near, a, c), -order(da, c, db, near));
    }
    e = clock_edge_from(set, a, c, b);
    ck_assert_int_ge(order(db, e, da, c), 0);
    ck_assert(e == 0 || order(db, e - 1, da, c) < 0);
}

START_TEST(edges_are_where_they_are_defined)
{
    for (uint64_t seed = 0; seed < SETS; seed++) {
        struct rng r = rng_stream(seed, 0);
        struct clock_set set;
        struct clock_domain last = { 250000000, 1 };

        clock_set_init(&set);
        for (int i = 0; i < 4; i++) {
            uint64_t num;
            uint64_t den;

            random_domain(&r, &last, &num, &den);
            if (num >> 34 || den >> 12) {
                continue;
            }
            ck_assert_int_eq(clock_add(&set, num, den), (int)set.count - 1);
            last = set.domain[set.count - 1];
            ck_assert((unsigned __int128)last.num * den == (unsigned __int128)num * last.den);
        }
        for (int i = 0; set.count > 0 && i < QUESTIONS; i++) {
            ask(&set, &r);
        }
    }
}
END_TEST

/* Late in a long run: the product of cycle and ratio needs more than 64 bits. */
START_TEST(late_edges)
{
    struct clock_set set;
    struct rng r = rng_stream(1, 1);

    clock_set_init(&set);
    ck_assert_int_eq(clock_add(&set, 322265625, 1), 0);
    ck_assert_int_eq(clock_add(&set, 1250000000, 3), 1);
    ck_assert_int_eq(clock_add(&set, 644531250, 1), 2);
    for (int i = 0; i < 20000; i++) {
        uint64_t c = rng_below(&r, 1ull << 61);
        uint64_t e = clock_edge_after(&set, 0, c, 1, 1);

        ck_assert_int_gt(order(&set.domain[1], e, &set.domain[0], c), 0);
        ck_assert_int_le(order(&set.domain[1], e - 1, &set.domain[0], c), 0);
        ck_assert_uint_eq(clock_edge_after(&set, 0, c, 2, 2), 2 * c + 2);
        ck_assert_uint_eq(clock_edge_from(&set, 2, c, 0), (c + 1) / 2);
    }
}
END_TEST

START_TEST(picoseconds)
{
    const unsigned __int128 ps_per_s = 1000000000000ull;

    for (uint64_t seed = 0; seed < 20000; seed++) {
        struct rng r = rng_stream(seed, 2);
        struct clock_set set;
        struct clock_domain last = { 250000000, 1 };
        uint64_t ps = rng_below(&r, 1ull << (1 + rng_below(&r, 62)));
        uint64_t num;
        uint64_t den;
        uint64_t c;

        clock_set_init(&set);
        random_domain(&r, &last, &num, &den);
        ck_assert_int_eq(clock_add(&set, num, den), 0);
        c = clock_cycles_from_ps(&set, 0, ps);
        ck_assert((unsigned __int128)c * den * ps_per_s >= (unsigned __int128)ps * num);
        ck_assert(c == 0 ||
                  (unsigned __int128)(c - 1) * den * ps_per_s < (unsigned __int128)ps * num);
        c = rng_below(&r, 1ull << 40);
        if ((unsigned __int128)c * den * ps_per_s / num < UINT64_MAX) {
            ps = clock_ps(&set, 0, c);
            ck_assert((unsigned __int128)ps * num <= (unsigned __int128)c * den * ps_per_s);
            ck_assert((unsigned __int128)(ps + 1) * num > (unsigned __int128)c * den * ps_per_s);
        }
    }
}
END_TEST

START_TEST(what_cannot_be_added)
{
    struct clock_set set;

    clock_set_init(&set);
    ck_assert_int_eq(clock_add(&set, 0, 1), -1);
    ck_assert_int_eq(clock_add(&set, 1, 0), -1);
    ck_assert_int_eq(clock_add(&set, (1ull << 61) - 1, (1ull << 31) - 1), 0);
    /* the ratio would need 2^61 * 2^40 */
    ck_assert_int_eq(clock_add(&set, (1ull << 62) + 1, (1ull << 40) + 7), -1);
    ck_assert_uint_eq(set.count, 1);
    clock_set_init(&set);
    for (int i = 0; i < CLOCK_MAX_DOMAINS; i++) {
        ck_assert_int_eq(clock_add(&set, 250000000, 1), i); /* equal, yet distinct */
    }
    ck_assert_int_eq(clock_add(&set, 250000000, 1), -1);
    ck_assert_uint_eq(clock_edge_after(&set, 3, 41, 7, 2), 43);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tc = tcase_create("clock");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, edges_are_where_they_are_defined);
    tcase_add_test(tc, late_edges);
    tcase_add_test(tc, picoseconds);
    tcase_add_test(tc, what_cannot_be_added);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
