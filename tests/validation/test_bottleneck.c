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

/* The card with its traffic, and up to two settings more. */
static void load(struct espnic_config *config, const char *card, const char *folder,
                 const char *way, const char *const more[2])
{
    struct scenario s;
    char file[128];
    char oids[256];
    char capture[256];
    struct scenario_setting settings[4] = { { "--oids", oids }, { "--capture", capture } };
    size_t count = 2;
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    snprintf(file, sizeof file, "tests/validation/cards/%s.yaml", card);
    snprintf(oids, sizeof oids, "workload.oids=%s/sas.jsonl", folder);
    snprintf(capture, sizeof capture, "workload.%s=%s/%s.pcap", way, folder, way);
    for (unsigned i = 0; more && i < 2 && more[i]; i++) {
        settings[count++] = (struct scenario_setting){ "--set", more[i] };
    }
    scenario_init(&s, groups, n, config);
    ck_assert_msg(scenario_resolve(&s, file, settings, count) && espnic_config_check(&s), "%s",
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

    load(&config, card->name, folder, "rx", NULL);
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

/* The shares are of the measured phase alone: they add up to its cycles, and in it the parser of its card
 * is never idle, though it was at the begin of the run and in the drain. */
START_TEST(shares_of_the_phase)
{
    static struct espnic_config config;
    const char *folder = uniform_make(&traffic);
    struct simulation *s;
    const struct run_block *block;
    unsigned n;
    unsigned core_blocks = 0;

    load(&config, "parser", folder, "rx", NULL);
    s = run(&config);
    block = simulation_blocks(s, &n);
    for (unsigned i = 0; i < n; i++) {
        uint64_t sum = 0;

        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            sum += block[i].cycles[k];
        }
        if (!strcmp(block[i].name, "parser") || !strncmp(block[i].name, "crypto", 6)) {
            double cycles = simulation_results(s)->measured_us * 500; /* MHz */

            core_blocks++;
            ck_assert_double_le(fabs((double)sum / (double)block[i].slots - cycles), 2);
        }
        if (!strcmp(block[i].name, "parser")) {
            ck_assert_uint_eq(block[i].cycles[ACCOUNT_BUSY], sum);
        }
    }
    ck_assert_uint_eq(core_blocks, 3);
    simulation_destroy(s);
    uniform_remove(folder);
}
END_TEST

static void search(const char *card, const char *way, const char *const more[2],
                   struct bottleneck *b)
{
    static struct espnic_config config;
    const char *folder = uniform_make(&traffic);
    char error[SIMULATION_ERROR];
    struct simulation *s;

    load(&config, card, folder, way, more);
    s = run(&config);
    ck_assert_msg(bottleneck_find(b, &config, s, DEFAULT_EXPERIMENTS, 0, NULL, error, sizeof error),
                  "%s", error);
    simulation_destroy(s);
    uniform_remove(folder);
}

static bool named(const struct bottleneck *b, const char *x, const char *y)
{
    return b->first >= 0 && b->second >= 0 &&
           ((!strcmp(b->trial[b->first].block, x) && !strcmp(b->trial[b->second].block, y)) ||
            (!strcmp(b->trial[b->first].block, y) && !strcmp(b->trial[b->second].block, x)));
}

/* The parser of its card and a second block that is as slow: neither alone gains. */
START_TEST(equal_limits)
{
    static const char *const more[2] = { "card.decapsulate.overhead=60" };
    struct bottleneck b;

    search("parser", "rx", more, &b);
    printf("equal limits: %s\n", b.why);
    fflush(stdout);
    ck_assert_msg(named(&b, "parser", "decapsulate"), "%s", b.why);
    ck_assert_double_gt(b.together, 2);
}
END_TEST

/* The second is 3 % faster: the first alone gains those 3 %. */
START_TEST(near_limits)
{
    static const char *const more[2] = { "card.decapsulate.overhead=58" };
    struct bottleneck b;

    search("parser", "rx", more, &b);
    printf("near limits: %s\n", b.why);
    fflush(stdout);
    ck_assert_msg(named(&b, "parser", "decapsulate"), "%s", b.why);
    ck_assert_str_eq(b.trial[b.first].block, "parser");
    ck_assert_double_gt(b.trial[b.first].headroom, 1.015);
    ck_assert_double_lt(b.trial[b.first].headroom, 1.05);
    ck_assert_double_gt(b.together, 2);
}
END_TEST

/* The second is a quarter faster: only one is named, and gains that quarter. */
START_TEST(far_limits)
{
    static const char *const more[2] = { "card.decapsulate.overhead=48" };
    struct bottleneck b;

    search("parser", "rx", more, &b);
    ck_assert_str_eq(b.trial[b.first].block, "parser");
    ck_assert_int_lt(b.second, 0);
    ck_assert_double_gt(b.trial[b.first].headroom, 1.15);
    ck_assert_double_lt(b.trial[b.first].headroom, 1.25);
}
END_TEST

/* Less is offered than any block could do. */
START_TEST(offered_load)
{
    static const char *const more[2] = { "workload.load=1Gbps", "workload.loop=1" };
    struct bottleneck b;

    search("parser", "rx", more, &b);
    ck_assert_msg(b.first < 0 && b.second < 0, "%s", b.why);
    ck_assert_ptr_nonnull(strstr(b.why, "no block limits"));
}
END_TEST

/* A little more is offered than the parser takes: no block gains 1 %, but packets find no room. */
START_TEST(just_too_much)
{
    static const char *const more[2] = { "workload.load=21330Mbps", "card.mac.rx_buffer=16KiB" };
    struct bottleneck b;

    search("parser", "rx", more, &b);
    printf("just too much: %s\n", b.why);
    fflush(stdout);
    ck_assert_int_lt(b.first, 0);
    ck_assert_double_gt(b.dropped, 0.001);
    ck_assert_double_lt(b.dropped, 0.01);
    ck_assert_int_ge(b.nearest, 0);
    ck_assert_str_eq(b.trial[b.nearest].block, "parser");
    ck_assert_double_gt(b.trial[b.nearest].headroom, 1);
    ck_assert_ptr_nonnull(strstr(b.why, "rx_overflow"));
    ck_assert_ptr_nonnull(strstr(b.why, "busiest behind the wire is parser"));
    ck_assert_ptr_nonnull(strstr(b.why, "the excess is below 1 %"));
    ck_assert_ptr_null(strstr(b.why, "no block limits"));
}
END_TEST

/* The same cards sending: the host gives packets as fast as they are taken. */
START_TEST(sending)
{
    static const struct {
        const char *card, *setting, *block;
    } limits[] = {
        { "wire", NULL, "wire" },
        { "crypto", NULL, "crypto" },
        { "sa_memory", NULL, "sa_memory" },
        { "pcie", NULL, "pcie" },
        { "parser", "card.encapsulate.overhead=60", "encapsulate" },
        { "parser", "card.sequence.overhead=60", "sequence" },
        { "host", "host.tx.packet=400ns", "host" },
    };
    const char *const more[2] = { limits[_i].setting };
    struct bottleneck b;

    search(limits[_i].card, "tx", more, &b);
    printf("sending, %s: %s\n", limits[_i].block, b.why);
    fflush(stdout);
    ck_assert_int_ge(b.first, 0);
    ck_assert_str_eq(b.trial[b.first].block, limits[_i].block);
    ck_assert_int_lt(b.second, 0);
    ck_assert_double_gt(b.trial[b.first].headroom, 1.2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bottleneck");
    TCase *proof = tcase_create("proof");
    SRunner *runner = srunner_create(suite);
    int failed;

    setenv("ESPNIC_PRESETS", "sim/presets", 0); /* from the root of the project, as all tests are */

    tcase_set_timeout(proof, 120);
    tcase_add_loop_test(proof, seven_cards, 0, sizeof cards / sizeof *cards);
    tcase_add_test(proof, shares_of_the_phase);
    tcase_add_test(proof, equal_limits);
    tcase_add_test(proof, near_limits);
    tcase_add_test(proof, far_limits);
    tcase_add_test(proof, offered_load);
    tcase_add_test(proof, just_too_much);
    tcase_add_loop_test(proof, sending, 0, 7);
    suite_add_tcase(suite, proof);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
