/* The event queue against a list that is searched from end to end for every event. */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "engine/sched.h"

enum { BLOCKS = 150, DELIVERIES = 100000 };

struct world {
    struct clock_set clocks;
    struct sched sched;
    struct rng r;
    unsigned domain[BLOCKS];
    uint64_t expected[BLOCKS]; /* earliest cycle asked for, CLOCK_NEVER: none */
    uint64_t delivered;
    unsigned longest; /* bits of the longest delay */
};

struct block {
    struct world *world;
    unsigned number;
};

static struct world world;
static struct block block[BLOCKS];

/* Is edge ca of a before, at (0), or after edge cb of b? */
static int order(unsigned a, uint64_t ca, unsigned b, uint64_t cb)
{
    const struct clock_domain *da = &world.clocks.domain[a];
    const struct clock_domain *db = &world.clocks.domain[b];
    unsigned __int128 left = (unsigned __int128)ca * da->den * db->num;
    unsigned __int128 right = (unsigned __int128)cb * db->den * da->num;

    return left < right ? -1 : left > right;
}

static void ask(unsigned number, uint64_t cycle)
{
    sched_wake(&world.sched, number, cycle);
    if (cycle < world.expected[number]) {
        world.expected[number] = cycle;
    }
}

/* The next event by the list: the earliest; domain, then block, among equals. BLOCKS: none. */
static unsigned first_of_list(void)
{
    unsigned first = BLOCKS;

    for (unsigned i = 0; i < BLOCKS; i++) {
        int o = 0;

        if (world.expected[i] == CLOCK_NEVER) {
            continue;
        }
        if (first < BLOCKS) {
            o = order(world.domain[i], world.expected[i], world.domain[first],
                      world.expected[first]);
        }
        if (first == BLOCKS || o < 0 || (o == 0 && world.domain[i] < world.domain[first])) {
            first = i;
        }
    }
    return first;
}

static void wake(void *self, uint64_t cycle)
{
    const struct block *b = self;
    unsigned first = first_of_list();

    ck_assert_msg(first == b->number && cycle == world.expected[first],
                  "event %" PRIu64 ": block %u at cycle %" PRIu64 ", by the list block %u",
                  world.delivered, b->number, cycle, first);
    world.expected[first] = CLOCK_NEVER;
    world.delivered++;
    for (uint64_t n = rng_below(&world.r, 4); n > 0; n--) {
        unsigned to = rng_below(&world.r, 2) ? first : (unsigned)rng_below(&world.r, BLOCKS);
        uint64_t next =
            clock_edge_after(&world.clocks, world.domain[first], cycle, world.domain[to], 1);

        ask(to, next + rng_below(&world.r, 1ull << rng_below(&world.r, world.longest)));
    }
}

static void build(uint64_t seed, unsigned longest)
{
    static const struct clock_domain frequency[] = {
        { 250000000, 1 }, { 253906250, 1 }, { 322265625, 1 }, { 1250000000, 3 }, { 250000000, 1 },
    };

    memset(&world, 0, sizeof world);
    world.r = rng_stream(seed, 0);
    world.longest = longest;
    clock_set_init(&world.clocks);
    for (unsigned d = 0; d < sizeof frequency / sizeof *frequency; d++) {
        ck_assert_int_ge(clock_add(&world.clocks, frequency[d].num, frequency[d].den), 0);
    }
    sched_init(&world.sched, &world.clocks);
    for (unsigned i = 0; i < BLOCKS; i++) {
        block[i] = (struct block){ .world = &world, .number = i };
        world.domain[i] = (unsigned)rng_below(&world.r, world.clocks.count);
        world.expected[i] = CLOCK_NEVER;
        ck_assert_uint_eq(sched_add_block(&world.sched, "block", world.domain[i], wake, &block[i]),
                          i);
    }
}

static void run(uint64_t seed, unsigned longest)
{
    uint64_t until = 0;

    build(seed, longest);
    while (world.delivered < DELIVERIES) {
        unsigned domain = 0;
        uint64_t cycle = 0;
        unsigned first = first_of_list();

        if (first == BLOCKS) {
            ck_assert(!sched_next(&world.sched, &domain, &cycle));
            ask((unsigned)rng_below(&world.r, BLOCKS),
                until * 2 + rng_below(&world.r, 1000)); /* all frequencies are within a factor 2 */
            continue;
        }
        ck_assert(sched_next(&world.sched, &domain, &cycle));
        ck_assert_uint_eq(domain, world.domain[first]);
        ck_assert_uint_eq(cycle, world.expected[first]);
        until = cycle + rng_below(&world.r, 1ull << rng_below(&world.r, longest + 1));
        while (sched_step(&world.sched, domain, until)) {}
        first = first_of_list();
        ck_assert_msg(first == BLOCKS ||
                          order(world.domain[first], world.expected[first], domain, until) > 0,
                      "an event was left behind");
    }
    ck_assert_uint_eq(world.sched.delivered, world.delivered);
    sched_free(&world.sched);
}

START_TEST(near_events)
{
    run(1, 4);
    run(2, 9);
}
END_TEST

START_TEST(events_on_all_scales)
{
    run(3, 17);
    run(4, 34);
}
END_TEST

static void count_only(void *self, uint64_t cycle)
{
    (void)cycle;
    (*(uint64_t *)self)++;
}

/* However often a block is asked for, it is woken once, at the earliest. */
START_TEST(wakes_are_merged)
{
    struct clock_set clocks;
    struct sched s;
    uint64_t count = 0;

    clock_set_init(&clocks);
    clock_add(&clocks, 1000000000, 1);
    sched_init(&s, &clocks);
    sched_add_block(&s, "counter", 0, count_only, &count);
    for (uint64_t round = 0; round < 100; round++) {
        for (uint64_t k = 0; k < 1000; k++) {
            sched_wake(&s, 0, round * 5000 + 2000 - k);
            sched_wake(&s, 0, round * 5000 + 2000 + k);
        }
        while (sched_step(&s, 0, round * 5000 + 4000)) {}
        ck_assert_uint_eq(count, round + 1);
        ck_assert_uint_eq(s.pending[0], CLOCK_NEVER);
        ck_assert_uint_eq(s.least[0], CLOCK_NEVER);
    }
    sched_free(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *tc = tcase_create("sched");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, near_events);
    tcase_add_test(tc, events_on_all_scales);
    tcase_add_test(tc, wakes_are_merged);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
