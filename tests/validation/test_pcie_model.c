/* The modelled link against the published analytical model and the measurements of pcie-bench; what happens
 * to the figures when one rule of the link is broken; and each limit found by its name. */
#include "cli/pcie_formula.h"
#include "cli/pcie_limits.h"
#include "cli/validate_pcie.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- published figures -------------------------------------------------------------------------- */

static void every_figure_is_as_said(const char *group, size_t least)
{
    struct validation v;
    char error[512];

    ck_assert_msg(validate_pcie(&v, group, error, sizeof error), "%s", error);
    ck_assert_uint_ge(v.count, least);
    for (size_t i = 0; i < v.count; i++) {
        const struct validation_row *row = &v.rows[i];

        ck_assert_msg(validation_as_said(row), "%s: published %g, simulated %g %s (%+.4f %%)",
                      row->what, row->published, row->simulated, row->unit, row->error);
    }
    validation_free(&v);
}

START_TEST(the_analytical_model_comes_out)
{
    every_figure_is_as_said("model", 27);
}
END_TEST

START_TEST(its_formulas_hold_for_other_links)
{
    every_figure_is_as_said("formulas", 375);
}
END_TEST

START_TEST(dllps_by_the_traffic_lie_between)
{
    every_figure_is_as_said("on-demand", 27);
}
END_TEST

START_TEST(measurements_come_out)
{
    static const char *const groups[] = { "latency", "bandwidth", "cache",
                                          "numa",    "alignment", "iotlb" };

    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        every_figure_is_as_said(groups[g], 2);
    }
}
END_TEST

/* A parameter that was fitted to a figure is no prediction of it: each of them has a source that says on
 * what it was fitted, and predicted figures of other hosts do not stand in it. */
START_TEST(fitted_parameters_say_on_what)
{
    struct validation_setting s;
    size_t fitted = 0;

    for (size_t i = 0; (s = validate_pcie_setting(i)).path != NULL; i++) {
        ck_assert_str_ne(s.source, "");
        fitted += strcmp(s.origin, "fitted") == 0;
    }
    ck_assert_uint_gt(fitted, 10);
}
END_TEST

/* ---- one rule broken at a time --------------------------------------------------------------------- */

struct measurement {
    struct pcie_config link;
    struct pcie_bench_config bench;
};

static void defaults(struct measurement *m)
{
    const struct param_group groups[] = {
        { "link", "", offsetof(struct measurement, link), pcie_params, pcie_param_count },
        { "host", "", offsetof(struct measurement, link.host), pcie_memory_params,
          pcie_memory_param_count },
        { "bench", "", offsetof(struct measurement, bench), pcie_bench_params,
          pcie_bench_param_count },
    };

    memset(m, 0, sizeof *m);
    param_set_defaults(m, groups, sizeof groups / sizeof groups[0]);
    m->link.generation = 3;
    m->link.lanes = 8;
    m->link.dllp = PCIE_DLLP_PUBLISHED;
}

static double gbps(const struct measurement *m)
{
    struct pcie_bench_rate rate;
    char error[256];

    ck_assert_msg(pcie_bench_bandwidth(&m->bench, &m->link, &rate, error, sizeof error), "%s",
                  error);
    return rate.gbps;
}

static double percent(double value, double of)
{
    return 100 * (value / of - 1);
}

/* The figure leaves the published one, and is what the formula says of the other rule. */
static void moves(const struct measurement *right, const struct measurement *wrong)
{
    double published = pcie_published_gbps(&right->bench, &right->link, true);
    double broken = gbps(wrong);

    ck_assert_double_lt(fabs(percent(gbps(right), published)), 0.1);
    ck_assert_double_gt(fabs(percent(broken, published)), 0.5);
    ck_assert_double_lt(
        fabs(percent(broken, pcie_published_gbps(&wrong->bench, &wrong->link, true))), 0.1);
}

START_TEST(a_shorter_header_moves_writes_and_reads_with_writes)
{
    for (uint32_t op = PCIE_BENCH_WR; op <= PCIE_BENCH_RDWR; op++) {
        struct measurement right;
        struct measurement wrong;

        defaults(&right);
        right.bench.op = op;
        wrong = right;
        wrong.link.address64 = false;
        moves(&right, &wrong);
    }
}
END_TEST

START_TEST(another_cut_at_mps_moves_writes)
{
    struct measurement right;
    struct measurement wrong;

    defaults(&right);
    right.bench.op = PCIE_BENCH_WR;
    right.bench.size = 512;
    wrong = right;
    wrong.link.mps = 512;
    moves(&right, &wrong);
}
END_TEST

START_TEST(another_cut_at_mrrs_moves_reads_with_writes)
{
    struct measurement right;
    struct measurement wrong;

    defaults(&right);
    right.bench.op = PCIE_BENCH_RDWR;
    right.bench.size = 2048;
    wrong = right;
    wrong.link.mrrs = 2048;
    moves(&right, &wrong);
}
END_TEST

START_TEST(other_completions_move_reads)
{
    struct measurement right;
    struct measurement wrong;

    defaults(&right);
    right.bench.size = 256;
    wrong = right;
    wrong.link.completion = 64;
    moves(&right, &wrong);
}
END_TEST

START_TEST(another_interval_of_dllps_moves_everything)
{
    for (uint32_t op = PCIE_BENCH_RD; op <= PCIE_BENCH_RDWR; op++) {
        struct measurement right;
        struct measurement wrong;

        defaults(&right);
        right.bench.op = op;
        wrong = right;
        wrong.link.ack_latency = 406;
        moves(&right, &wrong);
    }
}
END_TEST

/* No formula for these: the figure moves by what one more TLP, or the padding, weighs. */
START_TEST(an_unaligned_start_costs_a_tlp)
{
    struct measurement right;
    struct measurement wrong;

    defaults(&right);
    right.bench.op = PCIE_BENCH_WR;
    right.bench.size = 256;
    wrong = right;
    wrong.bench.offset = 4;
    ck_assert_double_eq_tol(gbps(&wrong) / gbps(&right), (256.0 + 24) / (256 + 48), 0.001);
}
END_TEST

START_TEST(payload_is_padded_to_whole_dws)
{
    struct measurement odd;

    defaults(&odd);
    odd.bench.op = PCIE_BENCH_WR;
    odd.bench.size = 61;
    ck_assert_double_lt(fabs(percent(gbps(&odd), pcie_published_gbps(&odd.bench, &odd.link, true))),
                        0.1);
    ck_assert_double_lt(percent(gbps(&odd), pcie_published_gbps(&odd.bench, &odd.link, false)), -3);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------ */

static void is_limited_by(const struct measurement *m, enum pcie_limit limit)
{
    struct pcie_bench_rate rate;
    struct pcie_limits limits;
    char error[256];

    ck_assert(pcie_bench_bandwidth(&m->bench, &m->link, &rate, error, sizeof error));
    ck_assert(pcie_limits_find(&m->bench, &m->link, &rate, &limits, error, sizeof error));
    ck_assert_msg(limits.first == limit, "%s, expected %s", pcie_limit_name(limits.first),
                  pcie_limit_name(limit));
}

START_TEST(each_limit_is_found)
{
    struct measurement m;

    defaults(&m);
    is_limited_by(&m, PCIE_LIMIT_DOWN);
    m.link.tags = 8;
    is_limited_by(&m, PCIE_LIMIT_TAGS);
    defaults(&m);
    m.link.space_headers = 8;
    is_limited_by(&m, PCIE_LIMIT_SPACE);
    defaults(&m);
    m.link.host_nph = 4;
    is_limited_by(&m, PCIE_LIMIT_NONPOSTED);
    defaults(&m);
    m.link.retry = 4;
    is_limited_by(&m, PCIE_LIMIT_RETRY);
    defaults(&m);
    m.bench.read_interval_ps = 50000;
    is_limited_by(&m, PCIE_LIMIT_DEVICE);
    defaults(&m);
    m.link.host.iommu = m.bench.random = true;
    m.bench.window = 64ull << 20;
    is_limited_by(&m, PCIE_LIMIT_MEMORY);
    defaults(&m);
    m.bench.op = PCIE_BENCH_WR;
    is_limited_by(&m, PCIE_LIMIT_UP);
    m.link.host_ph = 4;
    is_limited_by(&m, PCIE_LIMIT_POSTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pcie_model");
    TCase *tcase = tcase_create("pcie_model");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, the_analytical_model_comes_out);
    tcase_add_test(tcase, its_formulas_hold_for_other_links);
    tcase_add_test(tcase, dllps_by_the_traffic_lie_between);
    tcase_add_test(tcase, measurements_come_out);
    tcase_add_test(tcase, fitted_parameters_say_on_what);
    tcase_add_test(tcase, a_shorter_header_moves_writes_and_reads_with_writes);
    tcase_add_test(tcase, another_cut_at_mps_moves_writes);
    tcase_add_test(tcase, another_cut_at_mrrs_moves_reads_with_writes);
    tcase_add_test(tcase, other_completions_move_reads);
    tcase_add_test(tcase, another_interval_of_dllps_moves_everything);
    tcase_add_test(tcase, an_unaligned_start_costs_a_tlp);
    tcase_add_test(tcase, payload_is_padded_to_whole_dws);
    tcase_add_test(tcase, each_limit_is_found);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
