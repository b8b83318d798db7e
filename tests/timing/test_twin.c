/* The engine against its twin, which steps every cycle: random networks of stages and channels;
 * every beat of every channel must be pushed and popped in the same cycle, every item must start in
 * the same lane, and every lane must account for its cycles alike, at cuts anywhere.
 *
 * TWIN_SEED=n in the environment runs network n only and prints it. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "network.h"

enum { NETWORKS = 3000, SHUFFLED = 500, REPEATED = 200, MOST_INSTANTS = 200000 };

/* What was reached over all networks. */
struct reached {
    uint64_t state[ACCOUNT_STATES], beats, crossing_beats, items, runs, starts, many_lanes, ideal,
        cuts;
};

static struct network net;
static struct twin twin;
static struct bench bench, other;
static char message[1024];

/* ---- comparison -------------------------------------------------------------------------- */

/* The earliest difference found so far, in picoseconds: later ones follow from it. */
static uint64_t difference_at;

static void differs(unsigned domain, uint64_t cycle, const char *what, unsigned a, const char *who,
                    uint64_t b, uint64_t engine, uint64_t expected)
{
    uint64_t ps = clock_ps(&bench.clocks, domain, cycle);

    if (ps < difference_at) {
        difference_at = ps;
        snprintf(message, sizeof message,
                 "network %" PRIu64 ": %s%u, %s %" PRIu64 ": engine %" PRIu64 ", twin %" PRIu64,
                 net.seed, what, a, who, b, engine, expected);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void compare_channel(unsigned c)
{
    const struct twin_channel *ch = &twin.channel[c];
    const struct bench_record *rec = &bench.record[c];
    unsigned wdom = bench.channel[c].wdom;
    unsigned rdom = bench.channel[c].rdom;
    size_t pushed = 0;
    size_t popped = 0;

    for (size_t i = 0; i < rec->runs; i++) {
        const struct channel_run *run = &rec->run[i].run;

        for (uint32_t k = 0; k < run->beats; k++) {
            uint64_t cycle = run_cycle(run, k);
            bool push = rec->run[i].push;
            size_t n = push ? pushed++ : popped++;
            uint64_t want = n >= (push ? ch->pushed : ch->popped) ? CLOCK_NEVER
                            : push                                ? ch->beat[n].pushed
                                                                  : ch->beat[n].popped;

            if (cycle != want) {
                differs(push ? wdom : rdom, least(cycle, want), "channel c", c,
                        push ? "push of beat" : "pop of beat", n, cycle, want);
            }
        }
    }
    if (pushed < ch->pushed) {
        differs(wdom, ch->beat[pushed].pushed, "channel c", c, "missing push of beat", pushed, 0,
                ch->beat[pushed].pushed);
    }
    if (popped < ch->popped) {
        differs(rdom, ch->beat[popped].popped, "channel c", c, "missing pop of beat", popped, 0,
                ch->beat[popped].popped);
    }
}

static void compare_begins(unsigned s)
{
    const struct twin_stage *st = &twin.stage[s];
    const struct bench_begins *log = &bench.stage[s].log;
    unsigned domain = st->config.domain;

    for (size_t i = 0; i < log->begins && i < st->begins; i++) {
        const struct twin_begin *a = &log->begin[i];
        const struct twin_begin *b = &st->begin[i];

        if (a->cycle != b->cycle) {
            differs(domain, least(a->cycle, b->cycle), "stage s", s, "cycle of start", i, a->cycle,
                    b->cycle);
        } else if (a->item != b->item) {
            differs(domain, a->cycle, "stage s", s, "item of start", i, a->item, b->item);
        } else if (a->lane != b->lane) {
            differs(domain, a->cycle, "stage s", s, "lane of start", i, a->lane, b->lane);
        } else if (a->in != b->in) {
            differs(domain, a->cycle, "stage s", s, "input of start", i, a->in, b->in);
        }
    }
    if (log->begins != st->begins) {
        const struct twin_begin *more =
            log->begins > st->begins ? &log->begin[st->begins] : &st->begin[log->begins];

        differs(domain, more->cycle, "stage s", s, "one start more, in cycle", more->cycle,
                log->begins, st->begins);
    }
}

/* Only what both have recorded up to a cut is in the twin; the engine may be ahead. */
static bool same_beats(void)
{
    for (unsigned c = 0; c < net.channels; c++) {
        compare_channel(c);
    }
    for (unsigned s = 0; s < net.stages; s++) {
        compare_begins(s);
    }
    return difference_at == CLOCK_NEVER;
}

/* The causes of a stage add up to what its lanes were blocked and waiting. */
static bool causes_add_up(unsigned s)
{
    const struct stage *st = &bench.stage[s].stage;
    uint64_t total[ACCOUNT_STATES];
    uint64_t sum[2] = { 0, 0 };

    stage_totals(st, st->config.lanes, total);
    for (unsigned b = 0; b < SCHED_MAX_BLOCKS; b++) {
        sum[0] += st->by_cause[0][b];
        sum[1] += st->by_cause[1][b];
    }
    if (sum[0] != total[ACCOUNT_BLOCKED] || sum[1] != total[ACCOUNT_WAITING]) {
        snprintf(message, sizeof message,
                 "network %" PRIu64 ": stage s%u: causes of %" PRIu64 " blocked and %" PRIu64
                 " waiting cycles, accounts %" PRIu64 " and %" PRIu64,
                 net.seed, s, sum[0], sum[1], total[ACCOUNT_BLOCKED], total[ACCOUNT_WAITING]);
        return false;
    }
    return true;
}

static bool same_accounts(uint64_t since)
{
    static const char *const names[] = { "busy", "blocked", "waiting", "starved" };

    for (unsigned s = 0; s < net.stages; s++) {
        for (unsigned l = 0; l < net.stage[s].config.lanes; l++) {
            const uint64_t *have = bench.stage[s].stage.lane[l].account.total;
            const uint64_t *want = twin.stage[s].lane[l].total;

            for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
                if (have[k] != want[k]) {
                    snprintf(message, sizeof message,
                             "network %" PRIu64 ": stage s%u, lane %u: engine %" PRIu64
                             " cycles %s, twin %" PRIu64 ", between cycles %" PRIu64
                             " and %" PRIu64,
                             net.seed, s, l, have[k], names[k], want[k], since,
                             twin.stage[s].clock->edges);
                    return false;
                }
            }
        }
        if (!causes_add_up(s)) {
            return false;
        }
    }
    return true;
}

/* ---- one network ------------------------------------------------------------------------- */

/* Both models side by side, with cuts at random edges. */
static bool run_both(uint64_t shuffle, struct reached *reached)
{
    struct rng r = rng_stream(net.seed, 3);
    uint64_t longest = getenv("TWIN_CUTS") ? 1 : rng_below(&r, 3) == 0 ? 20 : 500;
    uint64_t since = 0;

    network_build_twin(&net, &twin);
    bench_init(&bench, &net, shuffle);
    for (bool drained = false; !drained;) {
        unsigned domain = (unsigned)rng_below(&r, net.domains);
        uint64_t cycle = twin.domain[domain].edges + rng_below(&r, longest);

        drained = twin_drained(&twin); /* one more cut after that */
        twin_run(&twin, domain, cycle);
        bench_run_until(&bench, domain, cycle);
        bench_settle(&bench, domain, cycle);
        reached->cuts++;
        if (!same_accounts(since)) {
            /* later beats may say more about the reason */
            char account[sizeof message];

            memcpy(account, message, sizeof account);
            for (unsigned i = 0; i < 20 && !twin_drained(&twin); i++) {
                twin_run(&twin, 0, twin.domain[0].edges + 1000);
            }
            bench_run_until(&bench, 0, twin.domain[0].edges);
            if (same_beats()) {
                memcpy(message, account, sizeof account);
            }
            return false;
        }
        since = cycle;
        if (cycle > MOST_INSTANTS) {
            snprintf(message, sizeof message, "network %" PRIu64 ": does not end", net.seed);
            return false;
        }
    }
    return same_beats();
}

static void count_reached(struct reached *reached)
{
    for (unsigned c = 0; c < net.channels; c++) {
        const struct channel *ch = &bench.channel[c];

        reached->beats += twin.channel[c].pushed;
        reached->crossing_beats += ch->wdom != ch->rdom ? twin.channel[c].pushed : 0;
        for (size_t i = 0; i < bench.record[c].runs; i++) {
            reached->runs += bench.record[c].run[i].push;
        }
        for (size_t i = 0; i < twin.channel[c].pushed; i++) {
            reached->items += twin.channel[c].beat[i].first;
        }
    }
    for (unsigned s = 0; s < net.stages; s++) {
        for (unsigned l = 0; l < net.stage[s].config.lanes; l++) {
            for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
                reached->state[k] += twin.stage[s].lane[l].total[k];
            }
        }
        reached->starts += twin.stage[s].begins;
        reached->many_lanes += net.stage[s].config.lanes > 1 ? twin.stage[s].begins : 0;
        reached->ideal += net.stage[s].ideal ? twin.stage[s].begins : 0;
    }
}

static bool try_network(uint64_t seed, uint64_t shuffle, struct reached *reached)
{
    bool same;

    network_generate(&net, seed);
    difference_at = CLOCK_NEVER;
    same = run_both(shuffle, reached);
    count_reached(reached);
    bench_free(&bench);
    twin_free(&twin);
    return same;
}

static uint64_t only_seed(void)
{
    const char *text = getenv("TWIN_SEED");

    return text ? strtoull(text, NULL, 0) : CLOCK_NEVER;
}

/* TWIN_NETWORKS=n: other than the usual number, for long runs */
static uint64_t networks(uint64_t usual)
{
    const char *text = getenv("TWIN_NETWORKS");

    return text ? strtoull(text, NULL, 0) : usual;
}

static void try_networks(uint64_t from, uint64_t to, bool shuffled, struct reached *reached)
{
    memset(reached, 0, sizeof *reached);
    for (uint64_t seed = from; seed < to; seed++) {
        ck_assert_msg(try_network(seed, shuffled ? seed + 1 : 0, reached), "%s", message);
    }
}

static unsigned percent(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)(part * 100 / whole) : 0;
}

/* Agreement while nothing happens proves nothing. */
static void assert_reached(const struct reached *got)
{
    uint64_t cycles = 0;

    for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
        cycles += got->state[k];
    }
    printf(
        "twin: %" PRIu64 " lane cycles: busy %u %%, blocked %u %%, waiting %u %%, starved %u %%\n"
        "twin: %" PRIu64 " beats, %u %% across clocks; %" PRIu64 " items in %u %% as many bursts; "
        "%u %% of %" PRIu64 " starts in stages of many lanes, %u %% in ideal ones; %" PRIu64
        " cuts\n",
        cycles, percent(got->state[ACCOUNT_BUSY], cycles),
        percent(got->state[ACCOUNT_BLOCKED], cycles), percent(got->state[ACCOUNT_WAITING], cycles),
        percent(got->state[ACCOUNT_STARVED], cycles), got->beats,
        percent(got->crossing_beats, got->beats), got->items, percent(got->runs, got->items),
        percent(got->many_lanes, got->starts), got->starts, percent(got->ideal, got->starts),
        got->cuts);
    ck_assert_uint_ge(percent(got->state[ACCOUNT_BUSY], cycles), 5);
    ck_assert_uint_ge(percent(got->state[ACCOUNT_BLOCKED], cycles), 5);
    ck_assert_uint_ge(percent(got->state[ACCOUNT_WAITING], cycles), 3);
    ck_assert_uint_ge(percent(got->state[ACCOUNT_STARVED], cycles), 20);
    ck_assert_uint_ge(percent(got->crossing_beats, got->beats), 25);
    ck_assert_uint_ge(percent(got->runs, got->items), 150);
    ck_assert_uint_ge(percent(got->many_lanes, got->starts), 25);
    ck_assert_uint_ge(percent(got->ideal, got->starts), 4);
}

START_TEST(engine_equals_twin)
{
    struct reached got;

    if (only_seed() != CLOCK_NEVER) {
        network_generate(&net, only_seed());
        network_print(&net);
        fflush(stdout);
        try_networks(only_seed(), only_seed() + 1, false, &got);
        return;
    }
    try_networks(0, networks(NETWORKS), false, &got);
    assert_reached(&got);
}
END_TEST

START_TEST(order_of_evaluation_does_not_matter)
{
    struct reached got;

    if (only_seed() == CLOCK_NEVER) {
        try_networks(0, networks(SHUFFLED), true, &got);
    }
}
END_TEST

/* ---- engine against engine --------------------------------------------------------------- */

enum { ALONE_CYCLES = 5000 };

static void run_alone(struct bench *b, uint64_t shuffle)
{
    bench_init(b, &net, shuffle);
    bench_run_until(b, 0, ALONE_CYCLES);
    bench_settle(b, 0, ALONE_CYCLES);
}

/* Cycles of stage s for which stage or source `cause` is to blame, whatever its block number. */
static uint64_t blamed(const struct bench *b, unsigned s, unsigned kind, unsigned cause)
{
    unsigned block =
        cause < net.stages ? b->stage[cause].stage.block : b->driver[cause - net.stages].block;

    return b->stage[s].stage.by_cause[kind][block];
}

static void assert_same_run(void)
{
    for (unsigned c = 0; c < net.channels; c++) {
        ck_assert_msg(bench_same_runs(&bench.record[c], &other.record[c]),
                      "network %" PRIu64 ": channel c%u", net.seed, c);
        ck_assert_mem_eq(&bench.channel[c].s, &other.channel[c].s, sizeof other.channel[c].s);
    }
    ck_assert_uint_eq(bench.sched.delivered, other.sched.delivered);
}

/* Cycles that the two runs blame on different blocks, and all that they blame. */
static void compare_causes(uint64_t *different, uint64_t *all)
{
    for (unsigned s = 0; s < net.stages; s++) {
        for (unsigned cause = 0; cause < net.stages + net.sources; cause++) {
            for (unsigned kind = 0; kind < 2; kind++) {
                uint64_t a = blamed(&bench, s, kind, cause);
                uint64_t b = blamed(&other, s, kind, cause);

                *different += a > b ? a - b : 0;
                *all += a;
            }
        }
    }
}

/* Runs the same networks twice; returns the cycles with different causes. */
static uint64_t repeat(bool shuffled, uint64_t *all)
{
    uint64_t different = 0;

    *all = 0;
    for (uint64_t seed = 0; seed < networks(REPEATED); seed++) {
        network_generate(&net, seed);
        run_alone(&bench, 0);
        run_alone(&other, shuffled ? seed + 1 : 0);
        if (!shuffled) {
            assert_same_run();
        }
        compare_causes(&different, all);
        bench_free(&bench);
        bench_free(&other);
    }
    return different;
}

START_TEST(every_run_is_the_same)
{
    uint64_t all;

    ck_assert_uint_eq(repeat(false, &all), 0);
    ck_assert_uint_gt(all, 0);
}
END_TEST

START_TEST(causes_hardly_depend_on_the_order)
{
    uint64_t all;
    uint64_t different = repeat(true, &all);

    printf("twin: %" PRIu64 " of %" PRIu64 " idle cycles have another cause in another order\n",
           different, all);
    ck_assert_uint_gt(all, 0);
    ck_assert_uint_lt(different * 100, all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("twin");
    TCase *tc = tcase_create("twin");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 1200);
    tcase_add_test(tc, engine_equals_twin);
    tcase_add_test(tc, order_of_evaluation_does_not_matter);
    tcase_add_test(tc, every_run_is_the_same);
    tcase_add_test(tc, causes_hardly_depend_on_the_order);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
