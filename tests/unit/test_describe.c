/* Quantities are exact, and what is wrong is said: texts against values worked out by hand, and
 * random values there and back. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/describe.h"
#include "engine/nearest.h"

static const char *const policies[] = { "lru", "random", "tree-plru", "fifo", "srrip", NULL };

struct thing {
    bool on;
    uint32_t lanes;
    uint64_t entries, size, rate, clock, delay;
    uint32_t policy;
    char name[8];
    char file[16];
};

static const struct param things[] = {
    { "on", PARAM_BOOL, PARAM_FIELD(struct thing, on), 1, 0, 1, NULL, NULL, "" },
    { "lanes", PARAM_U32, PARAM_FIELD(struct thing, lanes), 4, 1, 64, NULL, NULL, "" },
    { "entries", PARAM_U64, PARAM_FIELD(struct thing, entries), 9, 0, 0, NULL, NULL, "" },
    { "size", PARAM_BYTES, PARAM_FIELD(struct thing, size), 65536, 64, 1 << 20, NULL, NULL, "" },
    { "rate", PARAM_RATE, PARAM_FIELD(struct thing, rate), 100000000000, 1000000000, 800000000000,
      NULL, NULL, "" },
    { "clock", PARAM_FREQ, PARAM_FIELD(struct thing, clock), 250000000000, 1, 0, NULL, NULL, "" },
    { "delay", PARAM_TIME, PARAM_FIELD(struct thing, delay), 1000000, 0, 0, NULL, NULL, "" },
    { "policy", PARAM_ENUM, PARAM_FIELD(struct thing, policy), 2, 0, 0, policies, NULL, "" },
    { "name", PARAM_STRING, PARAM_FIELD(struct thing, name), 0, 0, 0, NULL, "abc", "" },
    { "file", PARAM_PATH, PARAM_FIELD(struct thing, file), 0, 0, 0, NULL, NULL, "" },
};

struct all {
    uint64_t before;
    struct thing rx, tx;
    uint64_t after;
};

static const struct param_group groups[] = {
    { "card.rx.cache", "", offsetof(struct all, rx), things, PARAM_COUNT(things) },
    { "card.tx.cache", "", offsetof(struct all, tx), things, PARAM_COUNT(things) },
};

static const struct param *by_name(const char *name)
{
    for (size_t i = 0; i < PARAM_COUNT(things); i++) {
        if (strcmp(things[i].name, name) == 0) {
            return &things[i];
        }
    }
    ck_abort_msg("no parameter %s", name);
    return NULL;
}

static const struct {
    enum param_type type;
    const char *text;
    uint64_t value;
} good[] = {
    { PARAM_RATE, "100Gbps", 100000000000 },
    { PARAM_RATE, "2.5Gbps", 2500000000 },
    { PARAM_RATE, "2.5 Gb/s", 2500000000 },
    { PARAM_RATE, "1.000000001Gbps", 1000000001 },
    { PARAM_BYTES, "64KiB", 65536 },
    { PARAM_BYTES, "9000B", 9000 },
    { PARAM_BYTES, "1MB", 1000000 },
    { PARAM_BYTES, "1.5KiB", 1536 },
    { PARAM_BYTES, "0.125KiB", 128 },
    { PARAM_BYTES, "1kB", 1000 },
    { PARAM_FREQ, "322.265625MHz", 322265625000 },
    { PARAM_FREQ, "0.001Hz", 1 },
    { PARAM_FREQ, "1.25GHz", 1250000000000 },
    { PARAM_TIME, "2.5us", 2500000 },
    { PARAM_TIME, "80ps", 80 },
    { PARAM_TIME, "+1.50000000000000000000000000ns", 1500 },
    { PARAM_TIME, ".5ns", 500 },
    { PARAM_TIME, "0", 0 },
    { PARAM_TIME, "0s", 0 },
    { PARAM_TIME, "18446744.073709551615s", UINT64_MAX },
    { PARAM_U64, "18446744073709551615", UINT64_MAX },
    { PARAM_U64, "0xffffffffffffffff", UINT64_MAX },
    { PARAM_U64, "007", 7 },
    { PARAM_U64, "5.000", 5 },
    { PARAM_U64, "-0", 0 },
    { PARAM_U64, "1Ki", 1024 },
    { PARAM_U64, "1.5Mi", 1572864 },
    { PARAM_U64, "2Gi", UINT64_C(1) << 31 },
};

START_TEST(test_exact_values)
{
    char error[256] = "";
    uint64_t value = 1;
    ck_assert_msg(quantity_parse(good[_i].type, good[_i].text, &value, error, sizeof error),
                  "%s: %s", good[_i].text, error);
    ck_assert_uint_eq(value, good[_i].value);
}
END_TEST

static const struct {
    const char *name, *text, *error;
} bad[] = {
    { "on", "maybe", "found \"maybe\", expected true or false" },
    { "lanes", "", "found \"\", expected a whole number from 1 to 64" },
    { "lanes", "x4", "found \"x4\", expected a whole number from 1 to 64" },
    { "lanes", "-1", "found \"-1\", which is negative, expected a whole number from 1 to 64" },
    { "lanes", "0", "found \"0\", which is too small, expected a whole number from 1 to 64" },
    { "lanes", "65", "found \"65\", which is too large, expected a whole number from 1 to 64" },
    { "lanes", "4294967297",
      "found \"4294967297\", which is too large, expected a whole number from 1 to 64" },
    { "lanes", "4k",
      "found \"4k\", which is not a plain number, expected a whole number from 1 to 64" },
    { "lanes", "4 Ki",
      "found \"4 Ki\", which is not a plain number, expected a whole number from 1 to 64" },
    { "lanes", "1Ki", "found \"1Ki\", which is too large, expected a whole number from 1 to 64" },
    { "lanes", "0.3Ki",
      "found \"0.3Ki\", which is not a whole number of units, expected a whole number from 1 to 64" },
    { "lanes", "1.5",
      "found \"1.5\", which is not a whole number of units, expected a whole number from 1 to 64" },
    { "entries", "18446744073709551616",
      "found \"18446744073709551616\", which is too large, expected a whole number such as 8" },
    { "size", "9000", "found \"9000\", which has no unit, expected a size from 64B to 1MiB" },
    { "size", "9000b",
      "found \"9000b\" with the unknown unit \"b\" (did you mean B?), expected a size from 64B to "
      "1MiB in B, KiB, MB, MiB, GB, GiB, TB or TiB" },
    { "size", "64.5B",
      "found \"64.5B\", which is not a whole number of bytes, expected a size from 64B to 1MiB" },
    { "size", "2MiB", "found \"2MiB\", which is too large, expected a size from 64B to 1MiB" },
    { "rate", "100Gb",
      "found \"100Gb\" with the unknown unit \"Gb\" (did you mean Gbps?), expected a rate from 1Gbps to "
      "800Gbps in bps, kbps, Mbps, Gbps or Tbps" },
    { "rate", "999Mbps",
      "found \"999Mbps\", which is too small, expected a rate from 1Gbps to 800Gbps" },
    { "rate", "1000000000000Tbps",
      "found \"1000000000000Tbps\", which is too large, expected a rate from 1Gbps to 800Gbps" },
    { "clock", "0Hz",
      "found \"0Hz\", which is too small, expected a frequency of at least 0.001Hz" },
    { "clock", "0.0001Hz",
      "found \"0.0001Hz\", which is not a whole number of millihertz, expected a frequency of at "
      "least 0.001Hz" },
    { "clock", "250Mhz",
      "found \"250Mhz\" with the unknown unit \"Mhz\" (did you mean MHz?), expected a frequency of "
      "at least 0.001Hz in Hz, kHz, MHz or GHz" },
    { "delay", "0.5ps",
      "found \"0.5ps\", which is not a whole number of picoseconds, expected a time such as 1us" },
    { "delay", "1.00000000000000000000000001us",
      "found \"1.00000000000000000000000001us\", which is not a whole number of picoseconds, "
      "expected a time such as 1us" },
    { "delay", "soon\x07", "found \"soon?\", expected a time such as 1us" },
    { "delay", "18446744.073709551616s",
      "found \"18446744.073709551616s\", which is too large, expected a time such as 1us" },
    { "delay", "1e6ps",
      "found \"1e6ps\" with the unknown unit \"e6ps\" (did you mean ps?), expected a time such as "
      "1us in ps, ns, us, ms or s" },
    { "policy", "lur",
      "found \"lur\", expected lru, random, tree-plru, fifo or srrip (did you mean lru?)" },
    { "policy", "9", "found \"9\", expected lru, random, tree-plru, fifo or srrip" },
    { "name", "12345678", "found \"12345678\" of 8 bytes, expected at most 7" },
};

/* Byte by byte, padding too: nothing at all may have been touched. */
static bool same_bytes(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

START_TEST(test_error_sentences)
{
    struct thing thing;
    struct thing before;
    char error[512] = "";
    memset(&thing, 0x55, sizeof thing);
    memcpy(&before, &thing, sizeof before);
    ck_assert_msg(!param_parse(by_name(bad[_i].name), &thing, bad[_i].text, error, sizeof error),
                  "%s was taken", bad[_i].text);
    ck_assert_str_eq(error, bad[_i].error);
    ck_assert_msg(same_bytes(&thing, &before, sizeof thing), "a refused value was stored");
}
END_TEST

START_TEST(test_errors_fit_any_buffer)
{
    struct thing thing = { .on = false };
    for (size_t size = 1; size < 64; size++) {
        char error[64];
        memset(error, 'x', sizeof error);
        ck_assert(!param_parse(by_name("rate"), &thing, "100Gb", error, size));
        ck_assert_uint_lt(strlen(error), size);
    }
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ (*state >> 29);
}

/* Every value comes back from its own text, with every number of trailing zeroes. */
START_TEST(test_round_trip)
{
    static const enum param_type types[] = { PARAM_U64, PARAM_BYTES, PARAM_RATE, PARAM_FREQ,
                                             PARAM_TIME };
    uint64_t seed = 7;
    for (int i = 0; i < 40000; i++) {
        uint64_t value = next_random(&seed) >> (next_random(&seed) % 64);
        for (uint64_t zeroes = next_random(&seed) % 14; zeroes > 0 && value <= UINT64_MAX / 10;
             zeroes--) {
            value *= 10;
        }
        enum param_type type = types[(size_t)i % 5];
        char text[64];
        char error[256] = "";
        uint64_t back = ~value;
        int n = quantity_format(type, value, text, sizeof text);
        ck_assert_int_eq(n, (int)strlen(text));
        ck_assert_msg(quantity_parse(type, text, &back, error, sizeof error), "%s: %s", text,
                      error);
        ck_assert_uint_eq(back, value);
    }
}
END_TEST

START_TEST(test_texts_are_short)
{
    static const struct {
        enum param_type type;
        uint64_t value;
        const char *text;
    } cases[] = {
        { PARAM_BYTES, 65536, "64KiB" },
        { PARAM_BYTES, 9000, "9000B" },
        { PARAM_BYTES, 1500, "1500B" },
        { PARAM_BYTES, 3000000, "3MB" },
        { PARAM_BYTES, 1048577, "1048577B" },
        { PARAM_RATE, 2500000000, "2.5Gbps" },
        { PARAM_RATE, 400000000000, "400Gbps" },
        { PARAM_FREQ, 322265625000, "322.265625MHz" },
        { PARAM_TIME, 1000000, "1us" },
        { PARAM_TIME, 1000001, "1.000001us" },
        { PARAM_TIME, 0, "0ps" },
        { PARAM_U64, 4096, "4096" },
        { PARAM_FREQ, 1, "0.001Hz" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        quantity_format(cases[i].type, cases[i].value, text, sizeof text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(test_defaults_and_formats)
{
    static const char *const texts[] = { "true",   "4",   "9",         "64KiB", "100Gbps",
                                         "250MHz", "1us", "tree-plru", "abc",   "" };
    struct all all;
    memset(&all, 0xaa, sizeof all);
    param_set_defaults(&all, groups, 2);
    ck_assert_uint_eq(all.before, 0xaaaaaaaaaaaaaaaa);
    ck_assert_uint_eq(all.after, 0xaaaaaaaaaaaaaaaa);
    ck_assert_uint_eq(param_total(groups, 2), 2 * PARAM_COUNT(things));
    for (size_t g = 0; g < 2; g++) {
        for (size_t i = 0; i < PARAM_COUNT(things); i++) {
            char text[64];
            param_format(&things[i], (const char *)&all + groups[g].offset, text, sizeof text);
            ck_assert_str_eq(text, texts[i]);
            /* What is shown can be typed again. */
            char error[256] = "";
            struct thing copy;
            memcpy(&copy, (const char *)&all + groups[g].offset, sizeof copy);
            ck_assert_msg(param_parse(&things[i], &copy, text, error, sizeof error), "%s", error);
            ck_assert(same_bytes(&copy, (const char *)&all + groups[g].offset, sizeof copy));
        }
    }
}
END_TEST

START_TEST(test_find)
{
    const struct param_group *group = NULL;
    const char *nearest = "untouched";
    const struct param *param = param_find(groups, 2, "card.tx.cache.lanes", &group, &nearest);
    ck_assert_ptr_eq(param, &things[1]);
    ck_assert_ptr_eq(group, &groups[1]);
    ck_assert_ptr_null(param_find(groups, 2, "card.tx.cahce.lane", &group, &nearest));
    ck_assert_str_eq(nearest, "card.tx.cache.lanes");
    ck_assert_ptr_null(param_find(groups, 2, "card.rx.cache", &group, &nearest));
    ck_assert_ptr_null(param_find(groups, 2, "card.rx.cache.", &group, NULL));
    ck_assert_ptr_null(param_find(groups, 2, "", &group, NULL));
    ck_assert_ptr_null(param_find(groups, 0, "a.b", &group, &nearest));
    ck_assert_ptr_null(nearest);
}
END_TEST

/* The distance by its definition: a recursion over all edits of short words. */
static unsigned slow_distance(const char *a, const char *b)
{
    if (a[0] == '\0' || b[0] == '\0') {
        return 2 * (unsigned)(strlen(a) + strlen(b));
    }
    unsigned best = slow_distance(a + 1, b + 1) + (a[0] == b[0] ? 0 : 2);
    unsigned d = slow_distance(a + 1, b) + 2;
    best = d < best ? d : best;
    d = slow_distance(a, b + 1) + 2;
    best = d < best ? d : best;
    if (a[1] != '\0' && a[0] == b[1] && a[1] == b[0]) {
        d = slow_distance(a + 2, b + 2) + 2;
        best = d < best ? d : best;
    }
    return best;
}

START_TEST(test_edit_distance)
{
    uint64_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        char words[2][8] = { "", "" };
        for (int w = 0; w < 2; w++) {
            size_t n = next_random(&seed) % 7;
            for (size_t k = 0; k < n; k++) {
                words[w][k] = (char)('a' + next_random(&seed) % 3);
            }
        }
        ck_assert_uint_eq(nearest_distance(words[0], words[1]), slow_distance(words[0], words[1]));
    }
    ck_assert_uint_eq(nearest_distance("MHz", "Mhz"), 1);
    ck_assert_ptr_null(nearest_of("zzzz", policies));
    ck_assert_str_eq(nearest_of("radnom", policies), "random");
}
END_TEST

START_TEST(test_registry)
{
    static const struct stat_field stats[] = { { "n", STAT_U64, 0, "", "" } };
    struct stat_registry *registry = calloc(1, sizeof *registry);
    uint64_t n = 0;
    stat_register(registry, "rx.drops", "help", &n, stats, STAT_COUNT(stats));
    ck_assert_uint_eq(registry->count, 1);
    ck_assert_str_eq(registry->groups[0].path, "rx.drops");
    ck_assert_ptr_eq(registry->groups[0].base, &n);
    free(registry);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("describe");
    TCase *tc = tcase_create("describe");
    tcase_add_loop_test(tc, test_exact_values, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tc, test_error_sentences, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, test_errors_fit_any_buffer);
    tcase_add_test(tc, test_round_trip);
    tcase_add_test(tc, test_texts_are_short);
    tcase_add_test(tc, test_defaults_and_formats);
    tcase_add_test(tc, test_find);
    tcase_add_test(tc, test_edit_distance);
    tcase_add_test(tc, test_registry);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
