/* The program's own groups of parameters, offered load, and the progress line. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/progress.h"
#include "cli/scenario.h"

static const struct {
    const char *text;
    struct offer offer;
} good[] = {
    { "recorded", { OFFER_RECORDED, 1, 1, 0 } },
    { "max", { OFFER_MAX, 1, 1, 0 } },
    { "1.5x", { OFFER_SCALED, 15, 10, 0 } },
    { "2x", { OFFER_SCALED, 2, 1, 0 } },
    { "0.001x", { OFFER_SCALED, 1, 1000, 0 } },
    { "40Gbps", { OFFER_RATE, 1, 1, 40000000000 } },
    { "2.5Gb/s", { OFFER_RATE, 1, 1, 2500000000 } },
};

START_TEST(test_offers)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct offer offer;
        char error[256] = "";
        ck_assert_msg(offer_parse(good[i].text, &offer, error, sizeof error), "%s", error);
        ck_assert_int_eq(offer.kind, good[i].offer.kind);
        ck_assert_uint_eq(offer.numerator, good[i].offer.numerator);
        ck_assert_uint_eq(offer.denominator, good[i].offer.denominator);
        ck_assert_uint_eq(offer.bps, good[i].offer.bps);
    }
    static const char *const bad[] = { "",      "0x",  "0bps",        "x",     "1.5",
                                       "1..5x", "-1x", "1234567890x", "40GHz", "Recorded" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct offer offer;
        char error[256] = "";
        char expected[256];
        ck_assert_msg(!offer_parse(bad[i], &offer, error, sizeof error), "%s was taken", bad[i]);
        snprintf(expected, sizeof expected,
                 "found \"%s\", expected recorded, max, a factor such as 1.5x or a rate such as "
                 "40Gbps",
                 bad[i]);
        ck_assert_str_eq(error, expected);
    }
}
END_TEST

static const struct {
    const char *text, *error;
} wrong[] = {
    { "workload:\n  pace: fast\n",
      "t.yaml:2:9: workload.pace: found \"fast\", expected recorded, max, a factor such as 1.5x or a "
      "rate such as 40Gbps" },
    { "workload: {pace: max}\n",
      "t.yaml:1:18: workload.pace: found \"max\", expected recorded, a factor or a rate" },
    { "workload: {load: 2x}\n",
      "t.yaml:1:18: workload.load: found a factor, expected recorded, max or a rate" },
    { "outputs: {timeline_from: 2us, timeline_to: 2us}\n",
      "t.yaml:1:44: outputs.timeline_to: found a time not after outputs.timeline_from" },
};

START_TEST(test_meaning)
{
    struct espnic_config *config = calloc(1, sizeof *config);
    struct scenario s;
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    scenario_init(&s, groups, count, config);
    ck_assert_msg(espnic_config_check(&s), "the defaults are refused: %s", s.error);
    scenario_free(&s);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        scenario_init(&s, groups, count, config);
        ck_assert_msg(
            scenario_load_text(&s, wrong[i].text, strlen(wrong[i].text), "t.yaml", "", NULL), "%s",
            s.error);
        ck_assert(!espnic_config_check(&s));
        ck_assert_str_eq(s.error, wrong[i].error);
        scenario_free(&s);
    }
    free(config);
}
END_TEST

/* No two parameters have one path, none shares bytes with another, every default is in its own
 * range and can be typed, and every one is explained. */
START_TEST(test_tables)
{
    struct espnic_config *config = calloc(1, sizeof *config);
    static bool taken[sizeof(struct espnic_config)];
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    ck_assert_uint_ge(count, 3);
    param_set_defaults(config, groups, count);
    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count; i++) {
            const struct param *param = &groups[g].params[i];
            char path[256];
            char text[4096];
            char error[512] = "";
            snprintf(path, sizeof path, "%s.%s", groups[g].path, param->name);
            ck_assert_msg(param_find(groups, count, path, NULL, NULL) == param, "%s twice", path);
            ck_assert_msg(param->help != NULL && strlen(param->help) > 8, "%s: no help", path);
            size_t at = groups[g].offset + param->offset;
            ck_assert_uint_le(at + param->size, sizeof *config);
            for (size_t k = 0; k < param->size; k++) {
                ck_assert_msg(!taken[at + k], "%s lies over another parameter", path);
                taken[at + k] = true;
            }
            param_format(param, (char *)config + groups[g].offset, text, sizeof text);
            ck_assert_msg(
                param_parse(param, (char *)config + groups[g].offset, text, error, sizeof error),
                "default of %s: %s", path, error);
        }
    }
    free(config);
}
END_TEST

/* Run the meter with stderr at `fd`. */
static void run_meter(int fd)
{
    struct progress p;
    int kept = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    progress_start(&p, "run", 1000, 0);
    for (uint64_t i = 0; i < 1000; i++) {
        usleep(300);
        progress_update(&p, i, i * 1000000);
    }
    double seconds = progress_end(&p);
    dup2(kept, STDERR_FILENO);
    close(kept);
    ck_assert(seconds > 0.2);
}

START_TEST(test_progress_in_a_pipe)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    run_meter(ends[1]);
    close(ends[1]);
    ck_assert_int_eq((int)read(ends[0], &byte, 1), 0);
    close(ends[0]);
}
END_TEST

START_TEST(test_progress_on_a_terminal)
{
    int master = getpt();
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        puts("SKIP test_config: progress on a terminal: no pseudo-terminal to be had");
        return;
    }
    FILE *terminal = fopen(ptsname(master), "r+");
    ck_assert_ptr_nonnull(terminal);
    run_meter(fileno(terminal));
    char text[4096];
    ssize_t n = read(master, text, sizeof text - 1);
    ck_assert_int_gt((int)n, 0);
    text[n] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "run: "));
    ck_assert_ptr_nonnull(strstr(text, " packets, "));
    ck_assert_ptr_nonnull(strstr(text, " simulated, "));
    ck_assert_ptr_nonnull(strstr(text, " %, "));
    ck_assert_ptr_nonnull(strstr(text, " left"));
    fclose(terminal);
    close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_test(tc, test_offers);
    tcase_add_test(tc, test_meaning);
    tcase_add_test(tc, test_tables);
    tcase_add_test(tc, test_progress_in_a_pipe);
    tcase_add_test(tc, test_progress_on_a_terminal);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
