/* The PCIe link against its twin: random links, random traffic, every visible event, counter and account.
 *
 * PCIE_SEED=n in the environment runs case n only, PCIE_CASES=n that many. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie_random.h"

enum { CASES = 300, SMALL = 4 }; /* small cases for each of the others */

static const uint64_t forever = CLOCK_NEVER - 1;

static struct pcie_bench bench;
static struct pt_result twin;

/* Over all cases. */
static struct reached {
    uint64_t cases, events, cycles, busy[2], stall[PCIE_STALLS], naks[2], replays[2], acks, updates;
    uint64_t bad_dllps[2], timeouts[2], rollovers[2], retrains;
    uint64_t blocked_mmio, overtakings, refused, failed[PCIE_STATUSES];
    uint64_t unexpected, poisoned_writes, poisoned_mmio, passed;
} reached;

static void show(const char *who, const struct pb_event *e)
{
    static const char *const names[] = { "taken",      "answer",    "memory",
                                         "mmio write", "mmio read", "mmio done" };

    printf("  %s: %s of client %" PRIu32 " number %" PRIu32 " in cycle %" PRIu64 ", status %" PRIu32
           "\n",
           who, names[e->kind], e->client, e->ref, e->cycle, e->status);
}

static void compare_logs(uint64_t seed)
{
    uint32_t n = bench.log.count < twin.log.count ? bench.log.count : twin.log.count;

    pb_sort_log(&bench.log);
    pb_sort_log(&twin.log);
    for (uint32_t i = 0; i < n; i++) {
        if (memcmp(&bench.log.event[i], &twin.log.event[i], sizeof bench.log.event[i]) != 0) {
            pr_show(&bench.config);
            for (uint32_t k = 0; getenv("ALL") && k < n; k++) {
                show("link", &bench.log.event[k]);
                show("twin", &twin.log.event[k]);
            }
            show("link", &bench.log.event[i]);
            show("twin", &twin.log.event[i]);
            ck_abort_msg("case %" PRIu64 ": event %u differs", seed, i);
        }
    }
    ck_assert_msg(bench.log.count == twin.log.count, "case %" PRIu64 ": %u events, the twin has %u",
                  seed, bench.log.count, twin.log.count);
}

/* The link counts errors as soon as it knows of them, when a TLP starts; the twin when they happen. A Nak in
 * a flit it counts when it is due, the twin with the end of the flit. On the way they may differ. */
static bool counted_later(const char *name)
{
    static const char *const early[] = { "lcrc_errors",       "poisoned",           "timeouts",
                                         "unsupported_reads", "unsupported_writes", "aborted_reads",
                                         "unexpected",        "poisoned_writes",    "poisoned_mmio",
                                         "unsupported_mmio",  "aborted_mmio" };

    for (unsigned i = 0; i < sizeof early / sizeof early[0]; i++) {
        if (strcmp(name, early[i]) == 0) {
            return true;
        }
    }
    return bench.config.generation == 6 && strcmp(name, "naks") == 0;
}

static void compare_counters(uint64_t seed, const char *what, const void *link, const void *its,
                             const struct stat_field *table, size_t count, bool at_end)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t x;
        uint64_t y;

        if (table[i].type != STAT_U64 || (!at_end && counted_later(table[i].name))) {
            continue;
        }
        memcpy(&x, (const char *)link + table[i].offset, sizeof x);
        memcpy(&y, (const char *)its + table[i].offset, sizeof y);
        if (x != y) {
            pr_show(&bench.config);
        }
        ck_assert_msg(x == y, "case %" PRIu64 ", %s: %s%s is %" PRIu64 ", the twin's %" PRIu64,
                      seed, at_end ? "end" : "on the way", what, table[i].name, x, y);
    }
}

static void compare_counts(uint64_t seed, const struct pt_counts *its, bool at_end)
{
    static const char *const names[] = { "up.", "down." };
    const struct pcie_stats *stats = pcie_link_stats(bench.link);

    for (unsigned d = 0; d < 2; d++) {
        const struct account *a = pcie_link_account(bench.link, d);

        compare_counters(seed, names[d], &stats->dir[d], &its->stats.dir[d],
                         pcie_direction_stat_table, pcie_direction_stat_count, at_end);
        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            ck_assert_msg(a->total[k] == its->state[d][k],
                          "case %" PRIu64 ": %sstate %u: %" PRIu64 " cycles, the twin %" PRIu64,
                          seed, names[d], k, a->total[k], its->state[d][k]);
        }
    }
    compare_counters(seed, "", stats, &its->stats, pcie_stat_table, pcie_stat_count, at_end);
}

static void note_reached(uint64_t cycles)
{
    const struct pcie_stats *s = &twin.at_end.stats;

    reached.cases++;
    reached.events += bench.log.count;
    reached.cycles += cycles;
    for (unsigned d = 0; d < 2; d++) {
        reached.busy[d] += s->dir[d].busy_cycles;
        reached.naks[d] += s->dir[d].naks;
        reached.replays[d] += s->dir[d].replays;
        reached.bad_dllps[d] += s->dir[d].bad_dllps;
        reached.timeouts[d] += s->dir[d].replay_timeouts;
        reached.rollovers[d] += s->dir[d].replay_rollovers;
        reached.acks += s->dir[d].acks;
        reached.updates += s->dir[d].updates;
    }
    for (unsigned k = 0; k < PCIE_STALLS; k++) {
        reached.stall[k] += s->stall_cycles[k];
    }
    reached.retrains += s->retrains;
    reached.unexpected += s->unexpected;
    reached.poisoned_writes += s->poisoned_writes;
    reached.poisoned_mmio += s->poisoned_mmio;
    reached.blocked_mmio += twin.blocked_mmio;
    reached.overtakings += twin.overtakings;
    reached.passed += twin.passed;
    for (uint32_t i = 0; i < bench.log.count; i++) {
        const struct pb_event *e = &bench.log.event[i];

        reached.refused += e->kind == PB_MMIO_READ && e->status;
        reached.failed[e->status] += e->kind == PB_ANSWER || e->kind == PB_MEMORY;
    }
}

/* Settled on the way, at an arbitrary cycle whose events have not happened yet: it must change nothing, and
 * show what was before. The twin runs afterwards, so the link's counters of then are kept by comparing late. */
static void random_case(uint64_t seed, const struct pr_wish *wish)
{
    uint64_t cut = 1 + rng_mix(seed) % 20000;
    uint64_t end;

    pr_bench(&bench, seed, wish);
    pb_run(&bench, forever);
    ck_assert_msg(pcie_link_idle(bench.link), "case %" PRIu64 ": something is left", seed);
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    end = pb_end(&bench) > cut ? pb_end(&bench) : cut;
    /* what nobody waits for can still be on its way when all is done: TLPs that come again without need,
     * completions of reads that were given up */
    end = (bench.last > end ? bench.last : end) + 20000;
    pcie_link_settle(bench.link, end);
    pt_run(&bench, cut, end, &twin);
    compare_logs(seed);
    compare_counts(seed, &twin.at_end, true);
    ck_assert(memcmp(pcie_memory_stats(pcie_link_memory(bench.link)), &twin.memory,
                     sizeof twin.memory) == 0);
    note_reached(end);
    pb_free(&bench);

    pr_bench(&bench, seed, wish);
    pb_run(&bench, cut - 1);
    pcie_link_settle(bench.link, cut);
    compare_counts(seed, &twin.at_cut, false);
    pb_run(&bench, forever);
    compare_logs(seed);
    pcie_link_settle(bench.link, end);
    compare_counts(seed, &twin.at_end, true);
    pb_free(&bench);
}

static void either_case(uint64_t seed)
{
    static const struct pr_wish large = { .clients = 6, .requests = 50, .mmios = 60 };
    static const struct pr_wish small = { .clients = 3, .requests = 8, .mmios = 10 };

    random_case(seed, seed % (SMALL + 1) ? &small : &large);
}

static void say(const char *what, uint64_t n, uint64_t of)
{
    printf("  %-28s %12" PRIu64 " %6.2f %%\n", what, n, 100.0 * (double)n / (double)of);
}

static void say_reached(void)
{
    static const char *const stalls[] = { "cycles without a tag", "cycles without space",
                                          "cycles without posted credit",
                                          "cycles without non-posted",
                                          "cycles without retry buffer" };
    const struct reached *r = &reached;

    printf("%" PRIu64 " cases, %" PRIu64 " cycles, %" PRIu64 " events\n", r->cases, r->cycles,
           r->events);
    say("cycles busy up", r->busy[0], r->cycles);
    say("cycles busy down", r->busy[1], r->cycles);
    for (unsigned k = 0; k < PCIE_STALLS; k++) {
        say(stalls[k], r->stall[k], r->cycles);
    }
    say("cycles MMIO without credit", r->blocked_mmio, r->cycles);
    printf("  Naks up %" PRIu64 " down %" PRIu64 ", TLPs repeated up %" PRIu64 " down %" PRIu64
           ", Acks %" PRIu64 ", UpdateFCs %" PRIu64 "\n",
           r->naks[0], r->naks[1], r->replays[0], r->replays[1], r->acks, r->updates);
    printf("  DLLPs damaged up %" PRIu64 " down %" PRIu64 ", timers over up %" PRIu64
           " down %" PRIu64 ", rollovers up %" PRIu64 " down %" PRIu64 ", retrained %" PRIu64 "\n",
           r->bad_dllps[0], r->bad_dllps[1], r->timeouts[0], r->timeouts[1], r->rollovers[0],
           r->rollovers[1], r->retrains);
    printf("  requests unsupported %" PRIu64 ", aborted %" PRIu64 ", poisoned %" PRIu64
           ", timed out %" PRIu64 "\n",
           r->failed[PCIE_UNSUPPORTED], r->failed[PCIE_ABORTED], r->failed[PCIE_POISONED],
           r->failed[PCIE_TIMED_OUT]);
    printf("  unexpected completions %" PRIu64 ", writes poisoned %" PRIu64
           ", register writes poisoned %" PRIu64 "\n",
           r->unexpected, r->poisoned_writes, r->poisoned_mmio);
    printf("  completions out of order %" PRIu64 ", requests past others at the host %" PRIu64
           ", registers refused %" PRIu64 "\n",
           r->overtakings, r->passed, r->refused);
}

/* Agreement while nothing happens would prove nothing. */
static void check_reached(void)
{
    const struct reached *r = &reached;

    ck_assert_uint_gt(r->events, 300 * r->cases / (SMALL + 1));
    ck_assert_uint_gt(r->busy[0], r->cycles / 40);
    ck_assert_uint_gt(r->busy[1], r->cycles / 100);
    ck_assert_uint_gt(r->stall[PCIE_STALL_TAGS], r->cycles / 20);
    ck_assert_uint_gt(r->stall[PCIE_STALL_SPACE], r->cycles / 100);
    ck_assert_uint_gt(r->stall[PCIE_STALL_POSTED], r->cycles / 100);
    ck_assert_uint_gt(r->stall[PCIE_STALL_NONPOSTED], r->cycles / 200);
    ck_assert_uint_gt(r->stall[PCIE_STALL_RETRY], r->cycles / 50);
    ck_assert_uint_gt(r->blocked_mmio, r->cycles / 200);
    for (unsigned d = 0; d < 2; d++) {
        ck_assert_uint_gt(r->naks[d], 2 * r->cases);
        ck_assert_uint_gt(r->replays[d], 4 * r->cases);
        ck_assert_uint_gt(r->bad_dllps[d], 4 * r->cases);
        ck_assert_uint_gt(r->timeouts[d], 10 * r->cases);
        ck_assert_uint_gt(r->rollovers[d], r->cases);
    }
    ck_assert_uint_gt(r->retrains, 2 * r->cases);
    ck_assert_uint_gt(r->overtakings, r->cases / 2);
    ck_assert_uint_gt(r->passed, r->cases / 2);
    ck_assert_uint_gt(r->refused, r->cases / 10);
    for (unsigned k = PCIE_OK + 1; k < PCIE_STATUSES; k++) {
        ck_assert_uint_gt(r->failed[k], r->cases / 10);
    }
    ck_assert_uint_gt(r->unexpected, r->cases);
    ck_assert_uint_gt(r->poisoned_writes, r->cases / 2);
    ck_assert_uint_gt(r->poisoned_mmio, r->cases / 10);
    ck_assert_uint_gt(r->updates, 10 * r->cases);
}

START_TEST(against_twin)
{
    const char *only = getenv("PCIE_SEED");
    const char *cases = getenv("PCIE_CASES");
    uint64_t n = cases ? strtoull(cases, NULL, 10) : CASES;

    if (only) {
        either_case(strtoull(only, NULL, 10));
        say_reached();
        return;
    }
    for (uint64_t seed = 0; seed < n; seed++) {
        either_case(seed);
    }
    say_reached();
    if (n >= CASES) {
        check_reached();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pcie_twin");
    TCase *tcase = tcase_create("pcie_twin");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 36000);
    tcase_add_test(tcase, against_twin);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
