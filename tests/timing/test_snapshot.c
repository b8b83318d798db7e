/* A run that is cut, saved and restored into other objects goes on as if it had not been cut: random
 * networks, cut anywhere, also in the middle of work that is committed ahead. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "network.h"

enum { NETWORKS = 60, CUTS = 3, MOST_CYCLES = 3000 };

static struct network net;
static struct bench bench, other;

struct saved {
    char *data;
    size_t size;
};

static struct saved save(struct bench *b)
{
    struct snapshot snap = { 0 };
    struct saved saved = { 0 };
    char error[200] = "";
    FILE *file = open_memstream(&saved.data, &saved.size);

    ck_assert_ptr_nonnull(file);
    bench_register_state(b, &snap);
    ck_assert_msg(snapshot_save(&snap, file, error, sizeof error), "%s", error);
    ck_assert_int_eq(fclose(file), 0);
    return saved;
}

static bool restore(struct bench *b, const struct saved *saved, size_t size, char error[200])
{
    struct snapshot snap = { 0 };
    FILE *file = fmemopen(saved->data, size, "rb");
    bool ok;

    ck_assert_ptr_nonnull(file);
    bench_register_state(b, &snap);
    ok = snapshot_restore(&snap, file, error, 200);
    ck_assert_int_eq(fclose(file), 0);
    return ok;
}

/* Everything that either run has done since the cut. Returns the number of runs of beats. */
static size_t assert_same(void)
{
    size_t runs = 0;

    for (unsigned c = 0; c < net.channels; c++) {
        const struct bench_record *a = &bench.record[c];
        const struct bench_record *b = &other.record[c];

        ck_assert_msg(bench_same_runs(a, b), "network %" PRIu64 ": channel c%u after the cut",
                      net.seed, c);
        runs += a->runs;
    }
    for (unsigned s = 0; s < net.stages; s++) {
        const struct stage *a = &bench.stage[s].stage;
        const struct stage *b = &other.stage[s].stage;

        ck_assert_uint_eq(bench.stage[s].log.begins, other.stage[s].log.begins);
        for (size_t i = 0; i < bench.stage[s].log.begins; i++) {
            const struct twin_begin *p = &bench.stage[s].log.begin[i];
            const struct twin_begin *q = &other.stage[s].log.begin[i];

            ck_assert(p->cycle == q->cycle && p->item == q->item && p->lane == q->lane &&
                      p->in == q->in);
        }
        for (unsigned l = 0; l < a->config.lanes; l++) {
            ck_assert_mem_eq(a->lane[l].account.total, b->lane[l].account.total,
                             sizeof a->lane[l].account.total);
        }
        ck_assert_mem_eq(a->by_cause, b->by_cause, sizeof a->by_cause);
    }
    ck_assert_uint_eq(bench.sched.delivered, other.sched.delivered);
    return runs;
}

/* Returns how much was left to do at the cut. */
static size_t cut_and_go_on(struct rng *r)
{
    unsigned domain = (unsigned)rng_below(r, net.domains);
    uint64_t cut = rng_below(r, MOST_CYCLES / 2);
    struct saved saved;
    struct saved again;
    char error[200] = "";
    size_t runs;

    bench_init(&bench, &net, 0);
    bench_init(&other, &net, 0);
    bench_run_until(&bench, domain, cut);
    if (rng_below(r, 2)) {
        bench_settle(&bench, domain, cut);
    }
    saved = save(&bench);
    if (rng_below(r, 2)) { /* into objects that are somewhere else by now */
        bench_run_until(&other, 0, rng_below(r, MOST_CYCLES));
    }
    ck_assert_msg(restore(&other, &saved, saved.size, error), "%s", error);
    again = save(&other);
    ck_assert_uint_eq(saved.size, again.size);
    ck_assert(memcmp(saved.data, again.data, saved.size) == 0);
    bench_forget(&bench);
    bench_forget(&other);
    bench_run_until(&bench, 0, MOST_CYCLES);
    bench_run_until(&other, 0, MOST_CYCLES);
    bench_settle(&bench, 0, MOST_CYCLES);
    bench_settle(&other, 0, MOST_CYCLES);
    runs = assert_same();
    bench_free(&bench);
    bench_free(&other);
    free(saved.data);
    free(again.data);
    return runs;
}

START_TEST(cut_run_equals_whole_run)
{
    unsigned in_the_middle = 0;

    for (uint64_t seed = 0; seed < NETWORKS; seed++) {
        struct rng r = rng_stream(seed, 4);

        network_generate(&net, seed);
        for (unsigned i = 0; i < CUTS; i++) {
            in_the_middle += cut_and_go_on(&r) > 20;
        }
    }
    ck_assert_uint_gt(in_the_middle, NETWORKS * CUTS / 3); /* else the cuts come too late */
}
END_TEST

START_TEST(damaged_snapshots_are_refused)
{
    struct saved saved;
    char error[200] = "";

    network_generate(&net, 1);
    bench_init(&bench, &net, 0);
    bench_run_until(&bench, 0, 100);
    saved = save(&bench);
    ck_assert(restore(&bench, &saved, saved.size, error));
    for (size_t size = 1; size < saved.size; size = size * 3 + 1) {
        error[0] = '\0';
        ck_assert(!restore(&bench, &saved, size, error));
        ck_assert_str_ne(error, "");
    }
    bench_free(&bench);
    network_generate(&net, 2);
    bench_init(&bench, &net, 0);
    error[0] = '\0';
    ck_assert(!restore(&bench, &saved, saved.size, error));
    ck_assert_str_ne(error, "");
    bench_free(&bench);
    free(saved.data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tc = tcase_create("snapshot");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, cut_run_equals_whole_run);
    tcase_add_test(tc, damaged_snapshots_are_refused);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
