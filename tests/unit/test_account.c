/* Cycle accounts against a table with one entry a cycle. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/account.h"
#include "engine/rng.h"

enum { LENGTH = 3000, ROUNDS = 2000, CAUSES = 5 };

/* What every cycle is, by the rules of account.h; a reason holds until something else is known. */
static struct account_reason table[LENGTH];
static uint64_t work_end; /* end of the committed work */
static uint64_t by_cause[2][CAUSES];

static void fill(uint64_t from, uint64_t to, struct account_reason reason)
{
    for (uint64_t c = from; c < to && c < LENGTH; c++) {
        table[c] = reason;
    }
}

static struct account_reason random_reason(struct rng *r)
{
    return (struct account_reason){
        .state = (uint8_t)(ACCOUNT_BLOCKED + rng_below(r, 3)),
        .cause = (uint8_t)rng_below(r, CAUSES),
    };
}

static void enter_run(struct account *a, struct rng *r, uint64_t now)
{
    const struct account_reason busy = { .state = ACCOUNT_BUSY };
    bool ideal = rng_below(r, 5) == 0; /* all beats at once; only its tail takes time */
    struct account_run run = { .at.beats = 1 + (uint32_t)rng_below(r, 20),
                               .busy = ideal ? 0 : 1 + (uint32_t)rng_below(r, 4),
                               .tail = rng_below(r, 2) ? 0 : (uint32_t)rng_below(r, 6),
                               .between = random_reason(r),
                               .after = random_reason(r) };
    uint64_t cycle;

    run.at.step = ideal ? 0 : run.busy + (uint32_t)rng_below(r, 4);
    if (!ideal && rng_below(r, 2)) {
        run.at.of = (uint16_t)(2 + rng_below(r, 20));
        run.at.more = (uint16_t)(1 + rng_below(r, run.at.of - 1u));
        run.at.phase = (uint16_t)rng_below(r, run.at.of);
    }
    run.at.first = (now > work_end ? now : work_end) + rng_below(r, 3) * rng_below(r, 10);
    account_add(a, &run);
    if (ideal && run.tail == 0) {
        return; /* takes no time */
    }
    cycle = run.at.first;
    for (uint32_t k = 1; k < run.at.beats && !ideal; k++) {
        uint64_t next = run.at.first + (uint64_t)k * run.at.step;

        if (run.at.more) {
            next += (run.at.phase + (uint64_t)k * run.at.more) / run.at.of;
        }
        fill(cycle, cycle + run.busy, busy);
        fill(cycle + run.busy, next, run.between);
        cycle = next;
    }
    work_end = cycle + run.busy + run.tail;
    fill(cycle, work_end, busy);
    fill(work_end, LENGTH, run.after);
}

static void assert_counted(const struct account *a, uint64_t cycles)
{
    uint64_t total[ACCOUNT_STATES] = { 0 };
    uint64_t causes[2][CAUSES] = { { 0 } };
    uint64_t sum = 0;

    for (uint64_t c = 0; c < cycles; c++) {
        total[table[c].state]++;
        if (table[c].state == ACCOUNT_BLOCKED || table[c].state == ACCOUNT_WAITING) {
            causes[table[c].state - ACCOUNT_BLOCKED][table[c].cause]++;
        }
    }
    ck_assert_uint_eq(a->settled, cycles);
    for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
        ck_assert_uint_eq(a->total[k], total[k]);
        sum += a->total[k];
    }
    ck_assert_uint_eq(sum, cycles);
    ck_assert_mem_eq(by_cause, causes, sizeof causes);
}

/* What is known of the cycles to come. */
static void assert_seen(const struct account *a, uint64_t now)
{
    for (uint64_t c = now; c < now + 40; c++) {
        struct account_reason seen = account_seen(a, c + 1);

        if (seen.state != table[c].state ||
            (seen.state != ACCOUNT_BUSY && seen.cause != table[c].cause)) {
            ck_abort_msg("cycle %d, seen in %d: state %d, expected %d", (int)c, (int)now,
                         seen.state, table[c].state);
        }
    }
}

/* One slot's life, cut and counted often or only at its end. */
static void live(struct rng *r, bool check_often)
{
    struct account a = { .idle = { .state = ACCOUNT_STARVED } };
    uint64_t now = 0;

    a.by_cause[0] = by_cause[0];
    a.by_cause[1] = by_cause[1];
    memset(by_cause, 0, sizeof by_cause);
    fill(0, LENGTH, a.idle);
    work_end = 0;
    while (now < LENGTH - 100) {
        struct account_reason reason = random_reason(r);

        assert_seen(&a, now);
        switch (rng_below(r, 5)) {
        case 0:
            if (account_full(&a)) {
                account_settle(&a, now);
            }
            if (!account_full(&a) && work_end < LENGTH / 2) {
                enter_run(&a, r, now);
            }
            break;
        case 1:
            account_idle(&a, now, reason);
            if (work_end <= now) {
                fill(now, LENGTH, reason);
            }
            break;
        case 2:
            account_after(&a, now, reason);
            fill(work_end > now ? work_end : now, LENGTH, reason);
            break;
        case 3:
            if (work_end <= now) {
                account_close(&a);
            }
            break;
        default:
            if (check_often) {
                account_settle(&a, now);
                assert_counted(&a, now);
            }
        }
        now += rng_below(r, 3) * rng_below(r, 30);
    }
    account_settle(&a, LENGTH);
    assert_counted(&a, LENGTH);
}

START_TEST(every_cycle_is_counted_once)
{
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        struct rng r = rng_stream(seed, 0);

        live(&r, seed % 2);
    }
}
END_TEST

/* What others see is what the table says about the cycle before. */
START_TEST(the_cycle_before_is_seen)
{
    const struct account_run run = { .at = { .first = 10, .beats = 3, .step = 4 },
                                     .busy = 2,
                                     .tail = 1,
                                     .between = { .state = ACCOUNT_BLOCKED, .cause = 1 },
                                     .after = { .state = ACCOUNT_WAITING, .cause = 2 } };
    struct account a = { .idle = { .state = ACCOUNT_STARVED } };
    static const char expected[] = "sBBbbBBbbBBBwwbb"; /* of cycles 9 to 24 */

    account_idle(&a, 5, (struct account_reason){ .state = ACCOUNT_STARVED });
    account_add(&a, &run);
    for (uint64_t c = 9; c <= 24; c++) {
        static const char letters[] = { 'B', 'b', 'w', 's' };

        if (c == 22) { /* looked at again one cycle after its work; seen before and after that */
            ck_assert_int_eq(account_seen(&a, 22).state, ACCOUNT_WAITING);
        }
        if (c == 23) {
            account_idle(&a, 23, (struct account_reason){ .state = ACCOUNT_BLOCKED, .cause = 3 });
        }
        ck_assert_msg(letters[account_seen(&a, c + 1).state] == expected[c - 9],
                      "cycle %d is %c, expected %c", (int)c, letters[account_seen(&a, c + 1).state],
                      expected[c - 9]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("account");
    TCase *tc = tcase_create("account");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_cycle_is_counted_once);
    tcase_add_test(tc, the_cycle_before_is_seen);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
