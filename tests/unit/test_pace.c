/* Pacing against brute force: rational comparison by repeated addition, and figures done by hand.
 */
#include "traces/pace.h"

#include <check.h>
#include <stdlib.h>

START_TEST(recorded)
{
    struct pace pace = pace_recorded(1000);
    struct pace_time t = pace_next(&pace, 1000, 64);

    ck_assert_uint_eq(pace_picoseconds(t), 0);
    t = pace_next(&pace, 1007, 64);
    ck_assert_uint_eq(pace_picoseconds(t), 7000);
    ck_assert_uint_eq(pace.before_origin, 0);
    t = pace_next(&pace, 999, 64);
    ck_assert_uint_eq(pace_picoseconds(t), 0);
    ck_assert_uint_eq(pace.before_origin, 1);
    /* the ends of the range */
    pace = pace_recorded(0);
    t = pace_next(&pace, UINT64_MAX, 64);
    ck_assert_uint_eq(pace_picoseconds(t), UINT64_MAX);
    ck_assert_uint_eq(pace_cycles(t, 1000000000, 1), UINT64_MAX);
    ck_assert_uint_eq(pace_cycles(t, 500000000, 1), (UINT64_MAX >> 1) + 1);
}
END_TEST

START_TEST(scaled)
{
    struct pace pace = pace_scaled(0, 1, 3);
    struct pace_time t = pace_next(&pace, 10, 64);

    /* 10/3 ns = 3333.33 ps, rounded up; exactly one third, though */
    ck_assert_uint_eq(pace_picoseconds(t), 3334);
    ck_assert_uint_eq(pace_cycles(t, 300000000, 1), 1);
    ck_assert_uint_eq(pace_cycles(t, 300000001, 1), 2);
    ck_assert_uint_eq(pace_cycles(t, 299999999, 1), 1);
    pace = pace_scaled(0, 1000000000, 1);
    t = pace_next(&pace, UINT64_MAX, 64);
    ck_assert_uint_eq(pace_picoseconds(t), UINT64_MAX);
    ck_assert_uint_eq(pace_cycles(t, 1, 1), UINT64_MAX);
    pace = pace_scaled(0, 999999999, 1000000000);
    t = pace_next(&pace, 1000000000, 64);
    ck_assert_uint_eq(pace_cycles(t, 1000000000, 1), 999999999);
}
END_TEST

START_TEST(rate)
{
    struct pace pace = pace_rate(100000000000); /* 100 Gb/s: 0.01 ns a bit */
    struct pace_time t = pace_next(&pace, 123456, 60);

    ck_assert_uint_eq(pace_picoseconds(t), 0);
    t = pace_next(&pace, 0, 1514);
    ck_assert_uint_eq(pace_picoseconds(t), 6720); /* 84 bytes: 148.8 million packets/s */
    t = pace_next(&pace, 0, 60);
    ck_assert_uint_eq(pace_picoseconds(t), 6720 + 123040);
    ck_assert_uint_eq(pace_wire_bits(60), 672);
    ck_assert_uint_eq(pace_wire_bits(0), 192);
    ck_assert_uint_eq(pace_wire_bits(UINT32_MAX), (UINT64_C(4294967295) + 24) * 8);
}
END_TEST

/* A rate and a clock with no common divisor: the k-th frame starts in the first cycle at or after
 * its time. The reference adds up, in the common unit of 1 / (rate * frequency) s, one frame and
 * one cycle at a time. */
START_TEST(rate_against_a_count)
{
    const uint64_t rate_bps = 9999999967;
    const uint64_t frequency = 322265625;
    struct pace pace = pace_rate(rate_bps);
    unsigned __int128 frame_time = 0;
    unsigned __int128 cycle_time = 0;
    uint64_t cycle = 0;
    uint32_t seed = 12345;
    struct pace_time last = { .numerator = 0, .denominator = 1 };

    for (int k = 0; k < 20000; k++) {
        uint32_t length = 60 + (seed >> 16) % 1455;
        struct pace_time t = pace_next(&pace, 0, length);

        seed = seed * 1103515245 + 12345;
        while (cycle_time < frame_time) {
            cycle_time += rate_bps;
            cycle++;
        }
        ck_assert_uint_eq(pace_cycles(t, frequency, 1), cycle);
        ck_assert_int_eq(pace_compare(last, t), k == 0 ? 0 : -1);
        last = t;
        frame_time += (unsigned __int128)(length + 24) * 8 * frequency;
    }
}
END_TEST

/* The long division, which small numbers never reach, against a product known to divide. */
START_TEST(large_numbers)
{
    struct pace_time t = { .numerator = (unsigned __int128)UINT64_MAX << 60, .denominator = 1 };
    unsigned __int128 big = (unsigned __int128)1 << 120;

    ck_assert_uint_eq(pace_cycles(t, UINT64_C(1) << 20, UINT64_C(1) << 20), UINT64_MAX);
    /* 2^120 * 2^40 / (2^50 * 2^50) = 2^60 */
    t = (struct pace_time){ .numerator = big, .denominator = UINT64_C(1) << 50 };
    ck_assert_uint_eq(pace_cycles(t, UINT64_C(1) << 40, UINT64_C(1) << 50), UINT64_C(1) << 60);
    t.numerator = big + 1;
    ck_assert_uint_eq(pace_cycles(t, UINT64_C(1) << 40, UINT64_C(1) << 50),
                      (UINT64_C(1) << 60) + 1);
    t.numerator = big - 1;
    ck_assert_uint_eq(pace_cycles(t, UINT64_C(1) << 40, UINT64_C(1) << 50), UINT64_C(1) << 60);
}
END_TEST

START_TEST(comparison)
{
    struct pace_time third = { .numerator = 1, .denominator = 3 };
    struct pace_time also = { .numerator = UINT64_C(6148914691236517205),
                              .denominator = UINT64_MAX }; /* the same third */
    struct pace_time more = { .numerator = UINT64_C(6148914691236517206),
                              .denominator = UINT64_MAX };
    struct pace_time huge = { .numerator = ~(unsigned __int128)0, .denominator = 1 };

    ck_assert_int_eq(pace_compare(third, also), 0);
    ck_assert_int_eq(pace_compare(third, more), -1);
    ck_assert_int_eq(pace_compare(more, third), 1);
    ck_assert_int_eq(pace_compare(huge, third), 1);
    ck_assert_int_eq(pace_compare(third, huge), -1);
    ck_assert_int_eq(pace_compare(huge, huge), 0);
}
END_TEST

START_TEST(loops)
{
    ck_assert_uint_eq(pace_loop_period(100, 200, 11), 110);
    ck_assert_uint_eq(pace_loop_period(100, 200, 4), 134); /* 133.33 rounded up */
    ck_assert_uint_eq(pace_loop_period(100, 200, 1), 0);
    ck_assert_uint_eq(pace_loop_period(100, 100, 9), 0);
    ck_assert_uint_eq(pace_loop_period(200, 100, 9), 0);
    ck_assert_uint_eq(pace_loop_period(0, UINT64_C(1) << 62, 2), UINT64_C(1) << 63);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pace");
    TCase *tc = tcase_create("pace");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, recorded);
    tcase_add_test(tc, scaled);
    tcase_add_test(tc, rate);
    tcase_add_test(tc, rate_against_a_count);
    tcase_add_test(tc, large_numbers);
    tcase_add_test(tc, comparison);
    tcase_add_test(tc, loops);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
