/* The histogram against exact sorted arrays: percentiles within 1/1024 by nearest rank, and count,
 * sum, minimum and maximum exact. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/histogram.h"

enum { SAMPLES = 20000 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ (*state >> 31);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Shapes of samples: spread over all octaves, narrow and far away, small, equal, powers of two. */
static uint64_t sample(int shape, uint64_t *seed)
{
    switch (shape) {
    case 0: return next_random(seed) >> (17 + next_random(seed) % 46);
    case 1: return 100000000 + next_random(seed) % 1000;
    case 2: return next_random(seed) % 3;
    case 3: return 123456789;
    case 4: return (UINT64_C(1) << (next_random(seed) % 47)) - next_random(seed) % 2;
    default: return next_random(seed) % 4096;
    }
}

static const struct {
    uint64_t numerator, denominator;
} ranks[] = { { 0, 1 },    { 1, 1000 },   { 1, 10 },       { 1, 2 }, { 9, 10 },
              { 99, 100 }, { 999, 1000 }, { 9999, 10000 }, { 1, 1 } };

static void check_percentiles(const struct histogram *h, const uint64_t *sorted, uint64_t count)
{
    for (size_t r = 0; r < sizeof ranks / sizeof ranks[0]; r++) {
        uint64_t rank =
            (count * ranks[r].numerator + ranks[r].denominator - 1) / ranks[r].denominator;
        rank = rank == 0 ? 1 : rank;
        uint64_t exact = sorted[rank - 1];
        uint64_t got = histogram_percentile(h, ranks[r].numerator, ranks[r].denominator);
        uint64_t error = got > exact ? got - exact : exact - got;
        ck_assert_msg(error * 1024 <= exact, "rank %lu of %lu: %lu for %lu", (unsigned long)rank,
                      (unsigned long)count, (unsigned long)got, (unsigned long)exact);
        ck_assert_uint_ge(got, sorted[0]);
        ck_assert_uint_le(got, sorted[count - 1]);
    }
}

START_TEST(test_against_sorted)
{
    struct histogram *h = calloc(1, sizeof *h); /* zeroed memory is an empty histogram */
    uint64_t *values = malloc(SAMPLES * sizeof *values);
    uint64_t seed = 99;
    unsigned __int128 sum = 0;
    for (uint64_t count = 1; count <= SAMPLES; count = count * 3 + 1) {
        histogram_init(h, 0);
        sum = 0;
        for (uint64_t i = 0; i < count; i++) {
            values[i] = sample(_i, &seed);
            sum += values[i];
            histogram_add(h, values[i]);
        }
        qsort(values, count, sizeof *values, compare);
        ck_assert_uint_eq(h->count, count);
        ck_assert(h->sum == sum);
        ck_assert_uint_eq(histogram_min(h), values[0]);
        ck_assert_uint_eq(h->max, values[count - 1]);
        check_percentiles(h, values, count);
    }
    free(values);
    free(h);
}
END_TEST

/* Every bucket's ends: neighbours differ by at most one bucket, and the order is kept. */
START_TEST(test_buckets)
{
    size_t last = 0;
    for (unsigned bit = 0; bit < HISTOGRAM_TOP_BITS; bit++) {
        for (uint64_t part = 0; part < 1024; part++) {
            uint64_t value = (UINT64_C(1) << bit) + (((UINT64_C(1) << bit) * part) >> 10);
            size_t index = histogram_index(value);
            ck_assert_uint_ge(index, last);
            ck_assert_uint_le(index, last + 1);
            last = index;
        }
    }
    ck_assert_uint_eq(last, HISTOGRAM_OVERFLOW - 1);
    ck_assert_uint_eq(histogram_index(UINT64_C(1) << 48), HISTOGRAM_OVERFLOW);
    ck_assert_uint_eq(histogram_index(UINT64_MAX), HISTOGRAM_OVERFLOW);
    ck_assert_uint_eq(histogram_index((UINT64_C(1) << 48) - 1), HISTOGRAM_OVERFLOW - 1);
}
END_TEST

START_TEST(test_extremes)
{
    struct histogram *h = calloc(1, sizeof *h);
    ck_assert_uint_eq(histogram_percentile(h, 1, 2), 0);
    ck_assert_uint_eq(histogram_min(h), 0);
    ck_assert(histogram_mean(h) == 0.0);
    histogram_add_many(h, UINT64_MAX, 3);
    histogram_add(h, 0);
    histogram_add_many(h, 7, 0);
    ck_assert_uint_eq(h->count, 4);
    ck_assert(h->sum == (unsigned __int128)UINT64_MAX * 3);
    ck_assert_uint_eq(histogram_min(h), 0);
    ck_assert_uint_eq(histogram_percentile(h, 1, 4), 0);
    ck_assert_uint_eq(histogram_percentile(h, 1, 2), UINT64_MAX);
    ck_assert_uint_eq(histogram_percentile(h, 2, 1), UINT64_MAX);
    ck_assert_uint_eq(histogram_percentile(h, 1, 0), 0);
    free(h);
}
END_TEST

START_TEST(test_merge)
{
    struct histogram *parts = calloc(3, sizeof *parts);
    struct histogram *whole = calloc(1, sizeof *whole);
    uint64_t seed = 5;
    for (int i = 0; i < 6000; i++) {
        uint64_t value = sample(i % 5, &seed);
        histogram_add(&parts[i % 2], value);
        histogram_add(whole, value);
    }
    histogram_merge(&parts[2], &parts[0]);
    histogram_merge(&parts[2], &parts[1]);
    struct histogram *empty = calloc(1, sizeof *empty);
    histogram_merge(&parts[2], empty);
    ck_assert(memcmp(&parts[2], whole, sizeof *whole) == 0);
    free(empty);
    free(parts);
    free(whole);
}
END_TEST

START_TEST(test_many_is_one_by_one)
{
    struct histogram *one = calloc(1, sizeof *one);
    struct histogram *many = calloc(1, sizeof *many);
    for (uint64_t v = 1; v < UINT64_C(1) << 60; v = v * 5 + 3) {
        for (int i = 0; i < 4; i++) {
            histogram_add(one, v);
        }
        histogram_add_many(many, v, 4);
    }
    ck_assert(memcmp(one, many, sizeof *one) == 0);
    free(one);
    free(many);
}
END_TEST

/* What came after a snapshot, which held both extremes: those of the rest, within a bucket. */
START_TEST(test_bound)
{
    static struct histogram all;
    static struct histogram rest;

    histogram_init(&all, 1);
    histogram_add(&all, 5);
    histogram_add(&all, 9000000);
    rest = all; /* as a snapshot */
    histogram_add_many(&all, 20000, 9);
    histogram_add(&all, 700000);
    all.count -= rest.count;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        all.buckets[i] -= rest.buckets[i];
    }
    histogram_bound(&all);
    ck_assert_uint_le(histogram_percentile(&all, 99, 100), 700000 + 700000 / 1024);
    ck_assert_uint_ge(histogram_percentile(&all, 99, 100), 700000 - 700000 / 1024);
    ck_assert_uint_ge(histogram_min(&all), 20000 - 20000 / 1024);
    all.count = 0;
    histogram_bound(&all);
    ck_assert_uint_eq(histogram_percentile(&all, 99, 100), 0);
}
END_TEST

START_TEST(test_reported_unit)
{
    struct histogram *h = calloc(1, sizeof *h);
    histogram_init(h, 1000);
    histogram_add(h, 1500);
    histogram_add(h, 2000);
    ck_assert(histogram_mean(h) == 1.75);
    ck_assert(histogram_scaled(h, h->max) == 2.0);
    free(h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tc = tcase_create("histogram");
    tcase_add_loop_test(tc, test_against_sorted, 0, 6);
    tcase_add_test(tc, test_buckets);
    tcase_add_test(tc, test_extremes);
    tcase_add_test(tc, test_merge);
    tcase_add_test(tc, test_many_is_one_by_one);
    tcase_add_test(tc, test_bound);
    tcase_add_test(tc, test_reported_unit);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
