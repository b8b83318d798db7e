/* The report writers: JSON read back by the library and compared value by value, exact bytes where
 * the format is ours, CSV, series, listing, tables. */
#include <check.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/histogram.h"
#include "report/report.h"
#include "report/series.h"
#include "report/text.h"

struct reason {
    const char *name;
    uint64_t packets;
};

struct numbers {
    uint64_t packets, live;
    double gbps, nothing;
    const char *limit, *none;
    struct histogram latency, depth;
    struct stat_samples reasons;
};

static const struct stat_field reason_fields[] = {
    { "reason", STAT_STRING, offsetof(struct reason, name), "", "Why." },
    { "packets", STAT_U64, offsetof(struct reason, packets), "packets", "How many." },
};

#define FIELD(field_) offsetof(struct numbers, field_)
static const struct stat_field main_stats[] = {
    { "packets", STAT_U64, FIELD(packets), "packets", "Packets seen." },
    { "gbps", STAT_REAL, FIELD(gbps), "Gb/s", "Frame bits over time." },
    { "nothing", STAT_REAL, FIELD(nothing), "", "Not a number." },
    { "latency_ns", STAT_HIST, FIELD(latency), "ns", "From here to there." },
};
static const struct stat_field deep_stats[] = {
    { "live", STAT_GAUGE, FIELD(live), "SAs", "Present now." },
    { "limit", STAT_STRING, FIELD(limit), "", "Name, with a \"quote\"." },
    { "none", STAT_STRING, FIELD(none), "", "Absent." },
    { "depth", STAT_HIST, FIELD(depth), "beats", "Queue." },
    { "by_reason", STAT_SAMPLES, FIELD(reasons), "", "Each reason." },
};

static struct numbers *numbers;
static struct stat_registry *registry;
static const struct reason reasons[] = { { "icv", 3 }, { "replay", 4 } };

static void setup(void)
{
    numbers = calloc(1, sizeof *numbers);
    registry = calloc(1, sizeof *registry);
    numbers->packets = 1234567890123;
    numbers->live = 17;
    numbers->gbps = 98.76543210987;
    numbers->nothing = (double)NAN;
    numbers->limit = "crypto,\"a\"";
    histogram_init(&numbers->latency, 1000);
    histogram_add(&numbers->latency, 1000);
    histogram_add(&numbers->latency, 2500);
    numbers->reasons = (struct stat_samples){ reasons, sizeof reasons[0], 2, reason_fields, 2 };
    stat_register(registry, "tx", "Transmit.", numbers, main_stats, STAT_COUNT(main_stats));
    stat_register(registry, "tx.blocks.crypto", "Engines.", numbers, deep_stats,
                  STAT_COUNT(deep_stats));
    stat_register(registry, "sa", "Table.", numbers, deep_stats, 1);
}

static void teardown(void)
{
    free(numbers);
    free(registry);
}

static char *dump(const json_t *root)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    ck_assert(report_write_json(root, file));
    fclose(file);
    return text;
}

static const char expected_json[] = "{\n"
                                    "  \"tx\": {\n"
                                    "    \"packets\": 1234567890123,\n"
                                    "    \"gbps\": 98.7654321,\n"
                                    "    \"nothing\": null,\n"
                                    "    \"latency_ns\": {\n"
                                    "      \"count\": 2,\n"
                                    "      \"mean\": 1.75,\n"
                                    "      \"min\": 1.0,\n"
                                    "      \"p50\": 1.0,\n"
                                    "      \"p90\": 2.5,\n"
                                    "      \"p99\": 2.5,\n"
                                    "      \"p999\": 2.5,\n"
                                    "      \"max\": 2.5\n"
                                    "    },\n"
                                    "    \"blocks\": {\n"
                                    "      \"crypto\": {\n"
                                    "        \"live\": 17,\n"
                                    "        \"limit\": \"crypto,\\\"a\\\"\",\n"
                                    "        \"none\": null,\n"
                                    "        \"depth\": {\n"
                                    "          \"count\": 0,\n"
                                    "          \"mean\": 0.0,\n"
                                    "          \"min\": 0,\n"
                                    "          \"p50\": 0,\n"
                                    "          \"p90\": 0,\n"
                                    "          \"p99\": 0,\n"
                                    "          \"p999\": 0,\n"
                                    "          \"max\": 0\n"
                                    "        },\n"
                                    "        \"by_reason\": [\n"
                                    "          {\n"
                                    "            \"reason\": \"icv\",\n"
                                    "            \"packets\": 3\n"
                                    "          },\n"
                                    "          {\n"
                                    "            \"reason\": \"replay\",\n"
                                    "            \"packets\": 4\n"
                                    "          }\n"
                                    "        ]\n"
                                    "      }\n"
                                    "    }\n"
                                    "  },\n"
                                    "  \"sa\": {\n"
                                    "    \"live\": 17\n"
                                    "  }\n"
                                    "}\n";

START_TEST(test_json_bytes)
{
    json_t *root = json_object();
    report_add_stats(root, registry);
    char *text = dump(root);
    ck_assert_str_eq(text, expected_json);
    json_error_t error;
    json_t *back = json_loads(text, 0, &error);
    ck_assert_msg(back != NULL, "%s", error.text);
    json_t *tx = json_object_get(back, "tx");
    ck_assert_int_eq(json_integer_value(json_object_get(tx, "packets")), 1234567890123);
    json_decref(back);
    json_decref(root);
    free(text);
}
END_TEST

START_TEST(test_reals)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = { { 0.0, "0.0" },
                  { 1.0, "1.0" },
                  { 1.0 / 3, "0.333333333" },
                  { 123456789012.0, "1.23456789e11" },
                  { 1e-9, "1e-9" },
                  { (double)INFINITY, "null" },
                  { (double)NAN, "null" },
                  { -2.5, "-2.5" },
                  { DBL_MAX, "1.79769313e308" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[48];
        ck_assert_str_eq(report_real(cases[i].value, text, sizeof text), cases[i].text);
    }
}
END_TEST

START_TEST(test_huge_counter)
{
    numbers->packets = UINT64_MAX;
    json_t *root = json_object();
    report_add_stats(root, registry);
    json_t *packets = json_object_get(json_object_get(root, "tx"), "packets");
    ck_assert(json_number_value(packets) > 1.8e19);
    json_decref(root);
}
END_TEST

START_TEST(test_clash_aborts)
{
    stat_register(registry, "tx", "Again.", numbers, main_stats, 1);
    report_add_stats(json_object(), registry);
}
END_TEST

START_TEST(test_number_as_group_aborts)
{
    stat_register(registry, "tx.packets", "Below a number.", numbers, deep_stats, 1);
    report_add_stats(json_object(), registry);
}
END_TEST

struct settings {
    uint32_t lanes;
    uint64_t rate;
    char file[32];
};
static const struct param card_params[] = {
    { "lanes", PARAM_U32, PARAM_FIELD(struct settings, lanes), 4, 1, 8, NULL, NULL, "" },
    { "rate", PARAM_RATE, PARAM_FIELD(struct settings, rate), 100000000000, 1, 0, NULL, NULL, "" },
};
static const struct param out_params[] = {
    { "file", PARAM_PATH, PARAM_FIELD(struct settings, file), 0, 0, 0, NULL, "x", "" },
};
static const struct param_group groups[] = {
    { "card.mac", "", 0, card_params, 2 },
    { "card", "", 0, out_params, 1 },
};

START_TEST(test_config)
{
    struct settings settings;
    param_set_defaults(&settings, groups, 2);
    snprintf(settings.file, sizeof settings.file, "/resolved/y.pcap");
    struct param_note notes[3] = {
        { .origin = ORIGIN_DEFAULT },
        { ORIGIN_READ, "table 3", "a.yaml:3:4", "100Gbps" },
        { ORIGIN_USER, NULL, "--set", "y.pcap" },
    };
    json_t *root = report_config(groups, 2, &settings, notes);
    char *text = json_dumps(root, JSON_COMPACT);
    ck_assert_str_eq(
        text,
        "{\"card\":{\"mac\":{\"lanes\":{\"value\":\"4\",\"from\":\"default\"},"
        "\"rate\":{\"value\":\"100Gbps\",\"from\":\"read\",\"source\":\"table 3\",\"at\":"
        "\"a.yaml:3:4\"}},\"file\":{\"value\":\"y.pcap\",\"from\":\"user\",\"at\":\"--set\"}}}");
    free(text);
    json_decref(root);
    root = report_config(groups, 2, &settings, NULL);
    ck_assert_ptr_nonnull(json_object_get(json_object_get(root, "card"), "file"));
    json_decref(root);
}
END_TEST

START_TEST(test_csv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    report_write_csv(registry, file);
    fclose(file);
    ck_assert_str_eq(
        text,
        "tx.packets,tx.gbps,tx.nothing,tx.latency_ns.count,tx.latency_ns.mean,tx.latency_ns.min,"
        "tx.latency_ns.p50,tx.latency_ns.p90,tx.latency_ns.p99,tx.latency_ns.p999,tx.latency_ns.max,"
        "tx.blocks.crypto.live,tx.blocks.crypto.limit,tx.blocks.crypto.none,"
        "tx.blocks.crypto.depth.count,tx.blocks.crypto.depth.mean,tx.blocks.crypto.depth.min,"
        "tx.blocks.crypto.depth.p50,tx.blocks.crypto.depth.p90,tx.blocks.crypto.depth.p99,"
        "tx.blocks.crypto.depth.p999,tx.blocks.crypto.depth.max,sa.live\n"
        "1234567890123,98.7654321,null,2,1.75,1.0,1.0,2.5,2.5,2.5,2.5,17,\"crypto,\"\"a\"\"\",,"
        "0,0.0,0,0,0,0,0,0,17\n");
    free(text);
}
END_TEST

START_TEST(test_describe)
{
    json_t *root = report_describe_json(registry);
    json_t *entry = json_object_get(root, "tx.latency_ns");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "unit")), "ns");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "type")), "distribution");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "help")), "From here to there.");
    ck_assert_uint_eq(json_object_size(root), 10);
    json_decref(root);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    report_describe(registry, file);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "\ntx.blocks.crypto  Engines.\n"));
    ck_assert_ptr_nonnull(strstr(text, "  packets                  packets    Packets seen.\n"));
    free(text);
}
END_TEST

static void read_all(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(out, 1, size - 1, file);
    out[n] = '\0';
    fclose(file);
}

static void temporary(char path[64])
{
    snprintf(path, 64, "/tmp/espnic-report-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

START_TEST(test_series)
{
    char path[64];
    char error[256] = "";
    char text[1024];
    struct series s;
    temporary(path);
    numbers->packets = 100;
    ck_assert_msg(series_open(&s, path, registry, "sa.live,tx.pack*", 1500000, error, sizeof error),
                  "%s", error);
    series_advance(&s, 1499999);
    numbers->packets += 7;
    series_advance(&s, 1500000);
    numbers->packets += 5;
    numbers->live = 3;
    series_advance(&s, 4700000); /* two boundaries at once: the second interval is empty */
    numbers->packets += 1;
    ck_assert_msg(series_close(&s, 5000001, error, sizeof error), "%s", error);
    read_all(path, text, sizeof text);
    ck_assert_str_eq(text, "time_us,tx.packets,sa.live\n"
                           "1.500000,7,17\n"
                           "3.000000,5,3\n"
                           "4.500000,0,3\n"
                           "5.000001,1,3\n");
    unlink(path);
}
END_TEST

START_TEST(test_series_refused)
{
    static const struct {
        const char *columns;
        uint64_t interval;
        const char *error;
    } cases[] = {
        { "tx.pakets", 1, "no counter matches \"tx.pakets\"; the nearest is tx.packets" },
        { "sa.live,rx.*", 1, "no counter matches \"rx.*\"; the nearest is sa.live" },
        { "tx.gbps", 1, "no counter matches \"tx.gbps\"; the nearest is tx.packets" },
        { " , ", 1, "found 0 names of counters, expected 1 to 64" },
        { "sa.live", 0, "found an interval of 0, expected a time such as 10us" },
    };
    char path[64];
    temporary(path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct series s;
        char error[256] = "";
        ck_assert(!series_open(&s, path, registry, cases[i].columns, cases[i].interval, error,
                               sizeof error));
        ck_assert_str_eq(error, cases[i].error);
    }
    unlink(path);
    struct series s;
    char error[256] = "";
    ck_assert(!series_open(&s, "/nonexistent/x", registry, "sa.live", 1, error, sizeof error));
    ck_assert_str_eq(error, "/nonexistent/x: cannot write: No such file or directory");
    if (series_open(&s, "/dev/full", registry, "sa.live", 1, error, sizeof error)) {
        ck_assert(!series_close(&s, 10, error, sizeof error));
        ck_assert_ptr_nonnull(strstr(error, "cannot write the series: "));
    }
}
END_TEST

START_TEST(test_save_errors)
{
    char error[256] = "";
    json_t *root = json_object();
    ck_assert(!report_save_json(root, "/nonexistent/r.json", error, sizeof error));
    ck_assert_str_eq(error, "/nonexistent/r.json: cannot write: No such file or directory");
    if (access("/dev/full", W_OK) == 0) {
        ck_assert(!report_save_json(root, "/dev/full", error, sizeof error));
        ck_assert_str_eq(error, "/dev/full: cannot write: No space left on device");
    }
    json_decref(root);
}
END_TEST

START_TEST(test_quantities)
{
    static const struct {
        double value;
        const char *unit;
        bool small;
        const char *text;
    } cases[] = {
        { 98.76e9, "b/s", false, "98.76 Gb/s" },
        { 14.88e6, "pps", false, "14.88 Mpps" },
        { 0, "b/s", false, "0 b/s" },
        { 999.96, "b/s", false, "1.000 kb/s" },
        { 999.9e6, "pps", false, "999.9 Mpps" },
        { 2.5e-6, "s", true, "2.500 us" },
        { 0.25, "", false, "0.250" },
        { 12, "B", false, "12 B" },
        { (double)NAN, "s", true, "-" },
        { -1.5e9, "b/s", false, "-1.500 Gb/s" },
    };
    char text[TEXT_CELL];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_quantity(cases[i].value, cases[i].unit, cases[i].small, text, sizeof text);
        ck_assert_str_eq(text, cases[i].text);
    }
    ck_assert_str_eq(text_time(1234567, text, sizeof text), "1.234 us");
    ck_assert_str_eq(text_time(999, text, sizeof text), "999 ps");
    ck_assert_str_eq(text_time(UINT64_MAX, text, sizeof text), "18446744.073 s");
    ck_assert_str_eq(text_count(1234567, text, sizeof text), "1 234 567");
    ck_assert_str_eq(text_count(12, text, sizeof text), "12");
    ck_assert_str_eq(text_count(UINT64_MAX, text, sizeof text), "18 446 744 073 709 551 615");
    ck_assert_str_eq(text_share(0.1234, text, sizeof text), "12.3 %");
}
END_TEST

START_TEST(test_table)
{
    static const char *const headings[] = { "block", ">busy", "why" };
    static const char *const rows[][3] = {
        { "crypto", "98.7 %", "one two three" },
        { "rx_dma", "1.0 %",
          "a reason that is so long that it has to go on in the next line of the same column, below "
          "itself" },
        { "m\xc3\xb6", "0 %", NULL },
    };
    struct text_table table;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    text_table_start(&table, headings, 3);
    for (size_t i = 0; i < 3; i++) {
        text_table_row(&table, rows[i]);
    }
    text_table_write(&table, file);
    fclose(file);
    ck_assert_str_eq(text, "block     busy  why\n"
                           "------  ------  ---\n"
                           "crypto  98.7 %  one two three\n"
                           "rx_dma   1.0 %  a reason that is so long that it has to go on in the "
                           "next line of the same\n"
                           "                column, below itself\n"
                           "m\xc3\xb6         0 %\n");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tc = tcase_create("report");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_json_bytes);
    tcase_add_test(tc, test_reals);
    tcase_add_test(tc, test_huge_counter);
    tcase_add_test_raise_signal(tc, test_clash_aborts, SIGABRT);
    tcase_add_test_raise_signal(tc, test_number_as_group_aborts, SIGABRT);
    tcase_add_test(tc, test_config);
    tcase_add_test(tc, test_csv);
    tcase_add_test(tc, test_describe);
    tcase_add_test(tc, test_series);
    tcase_add_test(tc, test_series_refused);
    tcase_add_test(tc, test_save_errors);
    tcase_add_test(tc, test_quantities);
    tcase_add_test(tc, test_table);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
