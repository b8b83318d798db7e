/* Every replacement policy of the context cache, and the miss-ratio curve, against caches by brute force on the
 * SAs that the packets of the shipped sample use (traces/samples; test_sa_sequence.sh has an independent witness
 * for these). Hits, misses, evictions and write-backs must be the same numbers. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "brute_cache.h"
#include "cli/config.h"
#include "cli/mrc_study.h"
#include "espnic.h"
#include "sa_table/cache.h"
#include "sa_table/mrc.h"

enum { MAX_EVENTS = 20000 };

struct event {
    bool gone; /* a DELETE, else an access */
    uint64_t sa;
};

static struct event events[MAX_EVENTS];
static unsigned event_count, access_count, delete_count;

/* ---- the sample -------------------------------------------------------------------------------- */

static void read_events(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[128];

    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f)); /* names of the columns */
    while (fgets(line, sizeof line, f) != NULL) {
        struct event *e = &events[event_count++];
        const char *what = strchr(line, ',');
        const char *handle = what != NULL ? strchr(what + 1, ',') : NULL;

        ck_assert_uint_lt(event_count, MAX_EVENTS);
        ck_assert_ptr_nonnull(handle);
        e->gone = strncmp(what, ",delete,", 8) == 0;
        e->sa = strtoull(handle + 1, NULL, 10);
        ck_assert_uint_ne(e->sa, 0);
        *(e->gone ? &delete_count : &access_count) += 1;
    }
    fclose(f);
}

/* The sequence as `espnic trace mrc` reads it. */
static void read_sample(void)
{
    char path[] = "/tmp/espnic-oracle-XXXXXX";
    int file = mkstemp(path);
    struct nic_config *card = espnic_config_create();
    char error[512] = "";
    struct mrc_study_config config = { .oids = "traces/samples/vpn-gateway.jsonl",
                                       .rx = "traces/samples/vpn-gateway-rx.pcap",
                                       .tx = "traces/samples/vpn-gateway-tx.pcap",
                                       .sampling = { .rate = 1 },
                                       .interval_ns = 1000000,
                                       .accesses = path };
    struct mrc_study *study;

    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert(nic_config_check(card, error, sizeof error));
    config.finder = (struct finder_config){ .can = card->capabilities, .packet_offload = true };
    study = mrc_study_run(&config, NULL, error, sizeof error);
    ck_assert_msg(study != NULL, "%s", error);
    read_events(path);
    ck_assert_uint_eq(mrc_accesses(study->pool[0].mrc), access_count);
    mrc_study_free(study);
    espnic_config_destroy(card);
    unlink(path);
    ck_assert_uint_gt(access_count, 9000);
    ck_assert_uint_ge(delete_count, 100);
}

/* The recording deletes SAs when they have long been idle. With more deletions, of SAs in the middle of their use:
 * one behind every 25th access. */
static void delete_more(void)
{
    static struct event more[MAX_EVENTS];
    unsigned count = 0;

    for (unsigned i = 0; i < event_count; i++) {
        more[count++] = events[i];
        if (!events[i].gone && i % 25 == 0) {
            more[count++] = (struct event){ .gone = true, .sa = events[i - i / 7 % 9].sa };
        }
    }
    ck_assert_uint_lt(count, MAX_EVENTS);
    memcpy(events, more, count * sizeof more[0]);
    event_count = count;
}

/* ---- policies ------------------------------------------------------------------------------------ */

/* The same names, whatever numbers the two enumerations give them. */
static const struct {
    const char *name;
    uint32_t cache;
    enum brute_policy brute;
} policies[] = {
    { "lru", SA_CACHE_LRU, BRUTE_LRU },       { "random", SA_CACHE_RANDOM, BRUTE_RANDOM },
    { "fifo", SA_CACHE_FIFO, BRUTE_FIFO },    { "tree-plru", SA_CACHE_TREE_PLRU, BRUTE_TREE },
    { "srrip", SA_CACHE_SRRIP, BRUTE_SRRIP },
};
enum { POLICIES = sizeof policies / sizeof policies[0] };

static const uint32_t lines[] = { 8, 16, 32, 48, 64, 96, 128, 192 };
enum { SIZES = sizeof lines / sizeof lines[0] };

/* Ways; 0: one set. */
static const uint32_t associativities[] = { 1, 2, 8, 0 };
enum { ASSOCIATIVITIES = sizeof associativities / sizeof associativities[0] };

static struct brute_counts play_both(const struct sa_cache_config *config, enum brute_policy policy)
{
    struct brute_config brute = { .policy = policy,
                                  .sets = config->sets,
                                  .ways = config->ways,
                                  .mix = config->hash == SA_CACHE_MIX,
                                  .seed = config->seed,
                                  .rrip_bits = config->rrip_bits };
    struct brute *b = brute_create(&brute);
    struct brute_counts counts;
    struct sa_cache cache;
    char error[200] = "";

    ck_assert_msg(sa_cache_init(&cache, config, error, sizeof error), "%s", error);
    for (unsigned i = 0; i < event_count; i++) {
        uint64_t sa = events[i].sa;
        bool write = i % 3 != 0;
        struct sa_cache_access access;

        if (events[i].gone) {
            brute_invalidate(b, sa);
            sa_cache_invalidate(&cache, sa);
            continue;
        }
        access = sa_cache_access(&cache, sa, write);
        if (access.result == SA_CACHE_MISS_NEW) {
            sa_cache_fill(&cache, access.mshr);
        }
        if (brute_access(b, sa, write) != (access.result == SA_CACHE_HIT)) {
            ck_abort_msg("event %u, SA %" PRIu64 ": hit in one, not in the other", i, sa);
        }
    }
    counts = brute_counts(b);
    ck_assert_uint_eq(cache.stats.hits, counts.hits);
    ck_assert_uint_eq(cache.stats.misses, counts.misses);
    ck_assert_uint_eq(cache.stats.evictions, counts.evictions);
    ck_assert_uint_eq(cache.stats.writebacks, counts.writebacks);
    ck_assert_uint_eq(cache.stats.invalidations, counts.invalidations);
    brute_destroy(b);
    sa_cache_destroy(&cache);
    return counts;
}

START_TEST(every_policy_equals_brute_force)
{
    unsigned policy = (unsigned)_i / SIZES / 2;
    uint32_t size = lines[_i / 2 % SIZES];
    bool churn = _i % 2 != 0;
    unsigned compared = 0;

    if (churn) {
        delete_more();
    }
    for (unsigned a = 0; a < ASSOCIATIVITIES; a++) {
        uint32_t ways = associativities[a] == 0 ? size : associativities[a];
        struct sa_cache_config config = { .sets = size / ways,
                                          .ways = ways,
                                          .line_bytes = 128,
                                          .replacement = policies[policy].cache,
                                          .mshrs = 1,
                                          .seed = 7,
                                          .rrip_bits = 1 + a };

        if (config.replacement == SA_CACHE_TREE_PLRU && (ways > 64 || (ways & (ways - 1)) != 0)) {
            continue;
        }
        for (config.hash = SA_CACHE_MODULO; config.hash <= SA_CACHE_MIX; config.hash++) {
            struct brute_counts counts = play_both(&config, policies[policy].brute);

            ck_assert_uint_eq(counts.hits + counts.misses, access_count);
            ck_assert_uint_gt(counts.hits, 900); /* neither nothing nor everything */
            ck_assert_uint_gt(counts.evictions, 400);
            ck_assert_uint_ge(counts.invalidations, churn ? 100 : 0);
            compared++;
        }
    }
    ck_assert_uint_ge(compared, 6);
}
END_TEST

/* No two policies are the same on this trace: the test can tell them apart. */
START_TEST(policies_differ)
{
    uint64_t hits[POLICIES];

    for (unsigned p = 0; p < POLICIES; p++) {
        struct sa_cache_config config = { .sets = 8,
                                          .ways = 8,
                                          .line_bytes = 128,
                                          .replacement = policies[p].cache,
                                          .mshrs = 1,
                                          .seed = 7,
                                          .rrip_bits = 2 };

        hits[p] = play_both(&config, policies[p].brute).hits;
        for (unsigned q = 0; q < p; q++) {
            ck_assert_msg(hits[p] != hits[q], "%s and %s hit %" PRIu64, policies[p].name,
                          policies[q].name, hits[p]);
        }
    }
}
END_TEST

/* ---- the curve ------------------------------------------------------------------------------------- */

static struct mrc *curve(double rate, uint32_t size, uint64_t seed)
{
    const struct mrc_config config = { .rate = rate, .size = size, .seed = seed };
    struct mrc *mrc = mrc_create(&config);

    for (unsigned i = 0; i < event_count; i++) {
        (events[i].gone ? mrc_forget : mrc_access)(mrc, (uint32_t)events[i].sa);
    }
    return mrc;
}

/* At every size, of the brute force and of the cache itself. */
START_TEST(the_curve_is_lru_at_every_size)
{
    struct mrc *mrc;
    uint32_t deepest;

    if (_i != 0) {
        delete_more();
    }
    mrc = curve(1, 0, 0);
    deepest = (uint32_t)mrc_deepest(mrc);
    ck_assert_uint_gt(deepest, 200);
    for (uint32_t size = 1; size <= deepest + 3; size++) {
        const struct sa_cache_config config = {
            .sets = 1, .ways = size, .line_bytes = 1, .replacement = SA_CACHE_LRU, .mshrs = 1
        };

        ck_assert_uint_eq(mrc_hits(mrc, size), play_both(&config, BRUTE_LRU).hits);
    }
    mrc_destroy(mrc);
}
END_TEST

enum { SEEDS = 40 };

START_TEST(samples_stay_in_their_bounds)
{
    static const struct {
        double rate;
        uint32_t size;
        double error; /* of the whole curve */
    } how[] = {
        { 0.5, 0, 0.05 }, { 0.25, 0, 0.1 }, { 0.05, 0, 0.3 }, { 1, 150, 0.05 }, { 1, 60, 0.12 }
    };
    struct mrc *exact;
    uint32_t deepest;
    double all;
    double narrowest = 1;

    delete_more();
    exact = curve(1, 0, 0);
    deepest = (uint32_t)mrc_deepest(exact);
    all = (double)mrc_accesses(exact);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct mrc *sampled = curve(how[_i].rate, how[_i].size, seed);
        double error = 0;

        ck_assert(mrc_rate(sampled) < 1);
        for (uint32_t size = 1; size <= deepest; size++) {
            struct mrc_range range = mrc_bound(sampled, size, 0.05 / deepest, 0.001);
            double truth = (double)mrc_hits(exact, size) / all;
            double width = range.high - range.low;

            ck_assert_msg(range.low <= truth && truth <= range.high,
                          "seed %d, %u SAs: %.4f is not in %.4f to %.4f", (int)seed, size, truth,
                          range.low, range.high);
            narrowest = size > deepest / 3 && width < narrowest ? width : narrowest;
            error += (double)mrc_hits(sampled, size) / all - truth;
        }
        error /= deepest;
        ck_assert_msg(error < how[_i].error && -error < how[_i].error, "seed %d: %.4f off",
                      (int)seed, error);
        mrc_destroy(sampled);
    }
    /* it says something where the sample is not tiny */
    ck_assert(narrowest < (how[_i].rate < 0.1 ? 1 : 0.2));
    mrc_destroy(exact);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_oracle");
    TCase *tcase = tcase_create("cache_oracle");

    tcase_add_unchecked_fixture(tcase, read_sample, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, every_policy_equals_brute_force, 0, POLICIES * SIZES * 2);
    tcase_add_test(tcase, policies_differ);
    tcase_add_loop_test(tcase, the_curve_is_lru_at_every_size, 0, 2);
    tcase_add_loop_test(tcase, samples_stay_in_their_bounds, 0, 5);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
