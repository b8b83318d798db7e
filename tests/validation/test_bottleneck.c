/* The bottleneck is proved by experiment. Seven cards, each limited in one place: the search names that
 * block, the headroom that it prints is what idealising the block really gains, and idealising any other
 * gains nothing. What is gained is read from the rates of the report, not from what the search compares. */
#include "cli/bottleneck.h"
#include "cli/scenario.h"
#include "uniform.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_EXPERIMENTS = 5 }; /* of espnic run */

static const struct card {
    const char *name; /* of the block and of its scenario */
    bool requests;    /* the rate is that of changes of SAs */
} cards[] = {
    { "wire", false }, { "parser", false }, { "sa_memory", false }, { "crypto", false },
    { "pcie", false }, { "host", false },   { "command", true },
};

static const struct uniform traffic = { .sas = 256, .packets = 4096, .inner = 256, .requests = 0 };
/* 4096 packets of 1 Gb/s take 11 ms. */
static const struct uniform with_requests = {
    .sas = 256, .packets = 4096, .inner = 256, .requests = 2200, .interval_ns = 5000
};

static void load(struct espnic_config *config, const char *card, const char *folder,
                 const char *way)
{
    struct scenario s;
    char file[128], oids[256], capture[256];
    struct scenario_setting settings[] = { { "--oids", oids }, { "--rx", capture } };
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    snprintf(file, sizeof file, "tests/validation/cards/%s.yaml", card);
    snprintf(oids, sizeof oids, "workload.oids=%s/sas.jsonl", folder);
    snprintf(capture, sizeof capture, "workload.%s=%s/%s.pcap", way, folder, way);
    scenario_init(&s, groups, n, config);
    ck_assert_msg(scenario_resolve(&s, file, settings, 2) && espnic_config_check(&s), "%s",
                  s.error);
    scenario_free(&s);
}

static struct simulation *run(const struct espnic_config *config)
{
    struct simulation_options options = { .quiet = true };
    char error[SIMULATION_ERROR];
    struct simulation *s = simulation_create(config, &options, error, sizeof error);

    ck_assert_msg(s != NULL, "%s", error);
    ck_assert_msg(simulation_run(s, error, sizeof error) == SIMULATION_DONE, "%s", error);
    return s;
}

static double rate(struct simulation *s, bool requests)
{
    const struct run_results *r = simulation_results(s);

    ck_assert_double_gt(r->measured_us, 0);
    return requests ? r->churn_per_s : r->rx.mpps + r->tx.mpps;
}

/* Idealise one block after the other; returns the largest change by one that is not `named`. */
static double largest_other(const struct espnic_config *config, const struct card *card,
                            const char *named, double base, double *gain, const char **other)
{
    double largest = 0;

    *other = "none";
    for (unsigned i = 0; i == 0 || nic_ideal_names[i - 1]; i++) {
        const char *block = i ? nic_ideal_names[i - 1] : "host";
        struct espnic_config *changed = malloc(sizeof *changed);
        struct simulation *s;
        double ratio;

        *changed = *config;
        ck_assert(bottleneck_idealise(changed, block));
        s = run(changed);
        ratio = rate(s, card->requests) / base;
        simulation_destroy(s);
        free(changed);
        if (!strcmp(block, named)) {
            *gain = ratio;
        } else if (fabs(ratio - 1) > largest) {
            largest = fabs(ratio - 1);
            *other = block;
        }
    }
    return largest;
}

START_TEST(seven_cards)
{
    const struct card *card = &cards[_i];
    static struct espnic_config config;
    const char *folder = uniform_make(card->requests ? &with_requests : &traffic);
    struct bottleneck b;
    struct simulation *s;
    char error[SIMULATION_ERROR];
    double base, gain = 0, other;
    const char *which;

    load(&config, card->name, folder, "rx");
    s = run(&config);
    base = rate(s, card->requests);
    ck_assert_msg(
        bottleneck_find(&b, &config, s, DEFAULT_EXPERIMENTS, 0, NULL, error, sizeof error), "%s",
        error);
    simulation_destroy(s);
    ck_assert_msg(b.first >= 0, "%s: %s", card->name, b.why);
    other = largest_other(&config, card, b.trial[b.first].block, base, &gain, &which);
    uniform_remove(folder);
    printf("card %-9s: %-9s headroom %7.3f, idealised %7.3f; any other at most %.2f %% (%s)\n",
           card->name, b.trial[b.first].block, b.trial[b.first].headroom, gain, other * 100, which);
    fflush(stdout);
    ck_assert_str_eq(b.trial[b.first].block, card->name);
    ck_assert_int_lt(b.second, 0);
    ck_assert_double_gt(b.trial[b.first].headroom, 1.2);
    ck_assert_msg(fabs(gain / b.trial[b.first].headroom - 1) < 0.05,
                  "%s: headroom %.3f printed, %.3f measured", card->name, b.trial[b.first].headroom,
                  gain);
    ck_assert_msg(other < 0.01, "%s: idealising %s changes the rate by %.2f %%", card->name, which,
                  other * 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bottleneck");
    TCase *proof = tcase_create("proof");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(proof, 120);
    tcase_add_loop_test(proof, seven_cards, 0, sizeof cards / sizeof *cards);
    suite_add_tcase(suite, proof);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
