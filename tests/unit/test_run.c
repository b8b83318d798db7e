/* Runs against lists of their cycles, which are made by adding: no formula in common. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "engine/run.h"

enum { ROUNDS = 10000, MOST_BEATS = 60, MOST_OF = 20, LONG = 2 * MOST_OF * MOST_OF };

/* An even run has anything in `of` and `phase`. */
static struct channel_run random_run(struct rng *r)
{
    struct channel_run run = { .first = rng_below(r, 1000),
                               .beats = 1 + (uint32_t)rng_below(r, MOST_BEATS),
                               .step = (uint32_t)rng_below(r, 5),
                               .of = (uint16_t)(2 + rng_below(r, MOST_OF - 1)) };

    run.phase = (uint16_t)rng_below(r, run.of);
    run.more = (uint16_t)(rng_below(r, 4) ? rng_below(r, run.of) : 0);
    return run;
}

/* Cycles of the run's first `beats` beats, as if it went on that long: from beat to beat a step, and one cycle more
 * whenever what is left over from the beats before makes one. */
static void list(const struct channel_run *run, uint32_t beats, uint64_t *cycle)
{
    uint32_t over = run->more ? run->phase : 0;

    cycle[0] = run->first;
    for (uint32_t k = 1; k < beats; k++) {
        cycle[k] = cycle[k - 1] + run->step;
        over += run->more;
        if (run->more && over >= run->of) {
            over -= run->of;
            cycle[k]++;
        }
    }
}

START_TEST(cycles_are_those_of_the_list)
{
    struct rng r = rng_stream(1, 0);
    uint64_t cycle[LONG];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run run = random_run(&r);
        uint64_t longest = 0;

        list(&run, LONG, cycle);
        for (uint32_t k = 0; k < run.beats; k++) {
            ck_assert_uint_eq(run_cycle(&run, k), cycle[k]);
            ck_assert_uint_eq(run_offset(&run, k), cycle[k] - cycle[0]);
        }
        ck_assert_uint_eq(run_last(&run), cycle[run.beats - 1]);
        for (uint32_t k = 1; k < LONG; k++) {
            longest = cycle[k] - cycle[k - 1] > longest ? cycle[k] - cycle[k - 1] : longest;
        }
        ck_assert_uint_eq(run_longest_step(&run), longest);
    }
}
END_TEST

START_TEST(the_rest_goes_on_alike)
{
    struct rng r = rng_stream(2, 0);
    uint64_t cycle[MOST_BEATS];
    uint64_t rest_cycle[MOST_BEATS];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run run = random_run(&r);
        uint32_t k = (uint32_t)rng_below(&r, run.beats);
        struct channel_run rest = run_from(&run, k);

        ck_assert_uint_eq(rest.beats, run.beats - k);
        ck_assert(run.more == 0 || rest.phase < rest.of);
        list(&run, run.beats, cycle);
        list(&rest, rest.beats, rest_cycle);
        ck_assert_mem_eq(rest_cycle, cycle + k, rest.beats * sizeof *cycle);
    }
}
END_TEST

START_TEST(beats_within_a_span_are_those_of_the_list)
{
    struct rng r = rng_stream(3, 0);
    uint64_t cycle[MOST_BEATS];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run run = random_run(&r);
        uint64_t span = rng_below(&r, rng_below(&r, 2) ? 20 : 300);
        uint32_t begun = 0;

        list(&run, run.beats, cycle);
        while (begun < run.beats && cycle[begun] <= run.first + span) {
            begun++;
        }
        ck_assert_uint_eq(run_within(&run, span), begun);
    }
}
END_TEST

static bool same_distances(const struct channel_run *a, const struct channel_run *b)
{
    uint64_t x[LONG];
    uint64_t y[LONG];

    list(a, LONG, x);
    list(b, LONG, y);
    for (unsigned k = 1; k < LONG; k++) {
        if (x[k] - x[0] != y[k] - y[0]) {
            return false;
        }
    }
    return true;
}

static unsigned divisor(unsigned a, unsigned b)
{
    return b ? divisor(b, a % b) : a;
}

static bool lowest_terms(const struct channel_run *run)
{
    return run->more == 0 || divisor(run->more, run->of) == 1;
}

/* A run that differs in at most one thing from another one: most random pairs differ in all. */
static struct channel_run similar(const struct channel_run *run, struct rng *r)
{
    struct channel_run other = random_run(r);
    struct channel_run near = *run;

    switch (rng_below(r, 5)) {
    case 0: return other;
    case 1: near.step = other.step; break;
    case 2: near.more = (uint16_t)rng_below(r, near.of); break;
    case 3: near.phase = (uint16_t)rng_below(r, near.of); break;
    default: near.first = other.first, near.beats = other.beats; break;
    }
    return near;
}

/* Both ways only in lowest terms: 1/2 and 2/4 may be the same distances, and are not found to be. */
START_TEST(alike_are_runs_of_the_same_distances)
{
    struct rng r = rng_stream(4, 0);
    unsigned alike = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run a = random_run(&r);
        struct channel_run b = similar(&a, &r);

        if (run_alike(&a, &b)) {
            alike++;
            ck_assert(same_distances(&a, &b));
        } else if (lowest_terms(&a) && lowest_terms(&b)) {
            ck_assert(!same_distances(&a, &b));
        }
    }
    ck_assert_uint_ge(alike * 5, ROUNDS);
    ck_assert_uint_le(alike * 5, ROUNDS * 4);
}
END_TEST

/* After as many beats as both denominators divide, what is over is what it was at first. */
START_TEST(slower_is_who_takes_longer_for_many_beats)
{
    struct rng r = rng_stream(5, 0);
    uint64_t x[LONG];
    uint64_t y[LONG];
    unsigned slower = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run a = random_run(&r);
        struct channel_run b = similar(&a, &r);
        unsigned beats = a.of * b.of;

        list(&a, beats + 1, x);
        list(&b, beats + 1, y);
        ck_assert_int_eq(run_slower(&a, &b), x[beats] - x[0] > y[beats] - y[0]);
        slower += run_slower(&a, &b);
    }
    ck_assert_uint_ge(slower * 10, ROUNDS);
}
END_TEST

/* Every beat is seen in the `later`-th edge after its own. */
START_TEST(images_are_what_the_other_clock_sees)
{
    static const uint64_t mhz[] = { 500, 250, 322, 201, 1000, 156, 161 };
    struct rng r = rng_stream(6, 0);
    uint64_t cycle[MOST_BEATS];
    unsigned uneven = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct channel_run run = random_run(&r);
        struct channel_run image;
        struct clock_set set;
        unsigned later = 1 + (unsigned)rng_below(&r, 3);

        clock_set_init(&set);
        clock_add(&set, mhz[rng_below(&r, 7)] * 1000000, 1 + rng_below(&r, 3));
        clock_add(&set, mhz[rng_below(&r, 7)] * 1000000, 1 + rng_below(&r, 3));
        ck_assert_int_eq(run_image(&set.ratio[0][1], &run, later, &image), run.more == 0);
        if (run.more) {
            continue;
        }
        ck_assert_uint_eq(image.beats, run.beats);
        ck_assert(image.more == 0 || (image.more < image.of && image.phase < image.of));
        list(&image, image.beats, cycle);
        for (uint32_t k = 0; k < run.beats; k++) {
            ck_assert_uint_eq(cycle[k],
                              clock_edge_after(&set, 0, run.first + k * run.step, 1, later));
        }
        uneven += image.more != 0;
    }
    ck_assert_uint_ge(uneven * 5, ROUNDS);
}
END_TEST

/* Beat by beat instead: a denominator or a distance beyond 16 bits, a product beyond 64. */
START_TEST(images_that_do_not_fit_are_refused)
{
    const struct channel_run far = { .first = 1ull << 62, .beats = 2, .step = 1 };
    const struct channel_run run = { .first = 10, .beats = 5, .step = 3 };
    const struct clock_ratio fits = { .mul = 65534, .div = 65535 };
    const struct clock_ratio odd = { .mul = 65537, .div = 65536 };
    const struct clock_ratio fast = { .mul = 21846, .div = 1 };
    const struct clock_ratio faster = { .mul = 7, .div = 1 };
    struct channel_run image;

    ck_assert(run_image(&fits, &run, 1, &image));
    ck_assert(!run_image(&odd, &run, 1, &image));
    ck_assert(!run_image(&fast, &run, 1, &image));
    ck_assert(!run_image(&faster, &far, 1, &image));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *tc = tcase_create("run");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, cycles_are_those_of_the_list);
    tcase_add_test(tc, the_rest_goes_on_alike);
    tcase_add_test(tc, beats_within_a_span_are_those_of_the_list);
    tcase_add_test(tc, alike_are_runs_of_the_same_distances);
    tcase_add_test(tc, slower_is_who_takes_longer_for_many_beats);
    tcase_add_test(tc, images_are_what_the_other_clock_sees);
    tcase_add_test(tc, images_that_do_not_fit_are_refused);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
