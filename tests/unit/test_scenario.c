/* Scenarios: precedence, provenance and files; and for every kind of bad input the exact message
 * with its place. Own tables, own presets in a temporary folder. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/scenario.h"

static const char *const policies[] = { "lru", "random", "fifo", NULL };

struct rx {
    uint32_t engines;
    uint64_t clock, buffer;
    uint32_t policy;
};

struct config {
    struct {
        uint64_t rate;
        bool hairpin;
    } card;
    struct rx crypto;
    struct {
        uint64_t latency;
    } host;
    struct {
        char tx[128];
        char pace[32];
    } workload;
};

#define AT(field_) PARAM_FIELD(struct config, field_)
static const struct param card_params[] = {
    { "rate", PARAM_RATE, AT(card.rate), 100000000000, 1000000000, 800000000000, NULL, NULL, "" },
    { "hairpin", PARAM_BOOL, AT(card.hairpin), 0, 0, 1, NULL, NULL, "" },
};
static const struct param crypto_params[] = {
    { "engines", PARAM_U32, PARAM_FIELD(struct rx, engines), 4, 1, 64, NULL, NULL, "" },
    { "clock", PARAM_FREQ, PARAM_FIELD(struct rx, clock), 250000000000, 1, 0, NULL, NULL, "" },
    { "buffer", PARAM_BYTES, PARAM_FIELD(struct rx, buffer), 65536, 0, 0, NULL, NULL, "" },
    { "policy", PARAM_ENUM, PARAM_FIELD(struct rx, policy), 0, 0, 0, policies, NULL, "" },
};
static const struct param host_params[] = {
    { "latency", PARAM_TIME, AT(host.latency), 500000, 0, 0, NULL, NULL, "" },
};
static const struct param workload_params[] = {
    { "tx", PARAM_PATH, AT(workload.tx), 0, 0, 0, NULL, NULL, "" },
    { "pace", PARAM_STRING, AT(workload.pace), 0, 0, 0, NULL, "recorded", "" },
};
static const struct param_group groups[] = {
    { "card", "", 0, card_params, PARAM_COUNT(card_params) },
    { "card.rx.crypto", "", offsetof(struct config, crypto), crypto_params,
      PARAM_COUNT(crypto_params) },
    { "host", "", 0, host_params, PARAM_COUNT(host_params) },
    { "workload", "", 0, workload_params, PARAM_COUNT(workload_params) },
};

static char folder[64];
static struct config config;
static struct scenario s;

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    strcpy(folder, "/tmp/espnic-scenario-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_file("base.yaml", "description: the base\n"
                            "card:\n"
                            "  rate: {value: 25Gbps, from: read, source: \"table 3, \xc2\xa7 2\"}\n"
                            "  rx.crypto: {engines: 2, clock: 200MHz}\n");
    write_file("big.yaml", "preset: base\n"
                           "description: the big one\n"
                           "card: {rx: {crypto: {engines: {value: 8, from: fitted}}}}\n");
    write_file("loop-a.yaml", "preset: loop-b\n");
    write_file("loop-b.yaml", "preset: loop-a\n");
    write_file("wrong.yaml", "card:\n  rate: 3\n");
    write_file("early.yaml", "workload: {pace: recorded}\n");
    memset(&config, 0x77, sizeof config);
    scenario_init(&s, groups, PARAM_COUNT(groups), &config);
    s.preset_folders = folder;
}

static void teardown(void)
{
    char command[128];
    scenario_free(&s);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a fixed command */
}

static const struct param_note *note_of(const char *path)
{
    const struct param_group *group = NULL;
    const struct param *param = param_find(groups, PARAM_COUNT(groups), path, &group, NULL);
    ck_assert_ptr_nonnull(param);
    return &s.notes[scenario_note_index(&s, group, param)];
}

START_TEST(test_precedence)
{
    static const struct scenario_setting settings[] = { { "--set", "card.rx.crypto.policy=fifo" },
                                                        { "--pace", "workload.pace=1.5x" },
                                                        { "--set", "workload.pace=a=b" } };
    char file[128];
    write_file("run.yaml", "card:\n"
                           "  rx:\n"
                           "    crypto:\n"
                           "      buffer: 32KiB\n"
                           "      policy: random\n"
                           "workload:\n"
                           "  tx: in/a.pcap\n"
                           "preset: big\n");
    snprintf(file, sizeof file, "%s/run.yaml", folder);
    ck_assert_msg(scenario_resolve(&s, file, settings, 3), "%s", s.error);
    ck_assert_uint_eq(config.card.rate, 25000000000);
    ck_assert_uint_eq(config.crypto.engines, 8);
    ck_assert_uint_eq(config.crypto.clock, 200000000000);
    ck_assert_uint_eq(config.crypto.buffer, 32768);
    ck_assert_uint_eq(config.crypto.policy, 2);
    ck_assert_uint_eq(config.host.latency, 500000);
    ck_assert_str_eq(config.workload.pace, "a=b");
    char expected[256];
    snprintf(expected, sizeof expected, "%s/in/a.pcap", folder);
    ck_assert_str_eq(config.workload.tx, expected);
    ck_assert_str_eq(s.preset, "big");
    ck_assert_str_eq(s.preset_description, "the big one");
    ck_assert_str_eq(s.description, "");
    ck_assert_str_eq(s.file, "run.yaml");
}
END_TEST

START_TEST(test_provenance)
{
    char file[128];
    write_file("run.yaml", "preset: big\n"
                           "card.rx.crypto.clock: {value: 1GHz, from: assumed, source: me}\n"
                           "workload: {tx: in/a.pcap}\n");
    snprintf(file, sizeof file, "%s/run.yaml", folder);
    static const struct scenario_setting settings[] = { { "--set", "host.latency=1us" } };
    ck_assert_msg(scenario_resolve(&s, file, settings, 1), "%s", s.error);
    const struct param_note *note = note_of("card.rate");
    ck_assert_int_eq(note->origin, ORIGIN_READ);
    ck_assert_str_eq(note->source, "table 3, \xc2\xa7 2");
    ck_assert_str_eq(note->place, "base.yaml:3:17");
    ck_assert_str_eq(note->text, "25Gbps");
    note = note_of("card.rx.crypto.engines");
    ck_assert_int_eq(note->origin, ORIGIN_FITTED);
    ck_assert_ptr_null(note->source);
    ck_assert_str_eq(note->place, "big.yaml:3:39");
    note = note_of("card.rx.crypto.clock");
    ck_assert_int_eq(note->origin, ORIGIN_ASSUMED);
    ck_assert_str_eq(note->source, "me");
    note = note_of("workload.tx");
    ck_assert_int_eq(note->origin, ORIGIN_USER);
    ck_assert_str_eq(note->text, "in/a.pcap");
    note = note_of("host.latency");
    ck_assert_int_eq(note->origin, ORIGIN_USER);
    ck_assert_str_eq(note->place, "--set");
    note = note_of("card.hairpin");
    ck_assert_int_eq(note->origin, ORIGIN_DEFAULT);
    ck_assert_ptr_null(note->place);
    char expected[256];
    snprintf(expected, sizeof expected, "%s:2:31", file);
    ck_assert_str_eq(scenario_place(&s, "card.rx.crypto.clock"), expected);
    ck_assert_str_eq(scenario_place(&s, "card.hairpin"), "default");
    ck_assert_str_eq(scenario_place(&s, "host.latency"), "--set");
}
END_TEST

/* A plain value of a preset is assumed, until the file says better. */
START_TEST(test_preset_value_without_source)
{
    ck_assert_msg(scenario_load_preset(&s, "base"), "%s", s.error);
    ck_assert_int_eq(note_of("card.rx.crypto.engines")->origin, ORIGIN_ASSUMED);
    ck_assert_str_eq(s.preset_description, "the base");
}
END_TEST

START_TEST(test_preset_option_replaces)
{
    static const struct scenario_setting settings[] = { { "--preset", "preset=base" } };
    char file[128];
    write_file("run.yaml", "preset: big\ncard: {rx: {crypto: {buffer: 1KiB}}}\n");
    snprintf(file, sizeof file, "%s/run.yaml", folder);
    ck_assert_msg(scenario_resolve(&s, file, settings, 1), "%s", s.error);
    ck_assert_uint_eq(config.crypto.engines, 2);
    ck_assert_uint_eq(config.crypto.buffer, 1024);
    ck_assert_str_eq(s.preset, "base");
}
END_TEST

START_TEST(test_preset_by_file_name)
{
    char file[128];
    write_file("run.yaml", "preset: ./big.yaml\nworkload: {tx: /abs/b.pcap}\n");
    snprintf(file, sizeof file, "%s/run.yaml", folder);
    s.preset_folders = ""; /* the base of big.yaml is then not found */
    ck_assert(!scenario_resolve(&s, file, NULL, 0));
    s.preset_folders = folder;
    ck_assert_msg(scenario_resolve(&s, file, NULL, 0), "%s", s.error);
    ck_assert_uint_eq(config.crypto.engines, 8);
    ck_assert_str_eq(config.workload.tx, "/abs/b.pcap");
}
END_TEST

START_TEST(test_long_chain)
{
    char expected[256];
    for (int i = 0; i < 9; i++) {
        char name[16];
        char text[32];
        snprintf(name, sizeof name, "c%d.yaml", i);
        snprintf(text, sizeof text, "preset: c%d\n", i + 1);
        if (i == 8) {
            strcpy(text, "card: {}\n");
        }
        write_file(name, text);
    }
    ck_assert_msg(scenario_load_preset(&s, "c1"), "%s", s.error);
    ck_assert(!scenario_load_preset(&s, "c0"));
    snprintf(expected, sizeof expected,
             "%s/c7.yaml:1:9: preset: found more than 8 presets, each the base of the one before",
             folder);
    ck_assert_str_eq(s.error, expected);
}
END_TEST

START_TEST(test_list)
{
    char **names = NULL;
    char twice[256];
    snprintf(twice, sizeof twice, "%s:/nonexistent:%s", folder, folder);
    size_t count = preset_list(twice, &names);
    ck_assert_uint_eq(count, 6);
    ck_assert_str_eq(names[0], "base");
    ck_assert_str_eq(names[1], "big");
    ck_assert_str_eq(names[5], "wrong");
    preset_list_free(names, count);
}
END_TEST

static const struct {
    const char *text, *error;
} bad[] = {
    /* keys */
    { "card:\n  rx:\n    cryto: {engines: 4}\n",
      "t.yaml:3:5: unknown key card.rx.cryto, did you mean card.rx.crypto?" },
    { "card: {rx: {crypto: {engins: 4}}}\n",
      "t.yaml:1:22: unknown key card.rx.crypto.engins, did you mean card.rx.crypto.engines?" },
    { "crad: {}\n", "t.yaml:1:1: unknown key crad, did you mean card?" },
    { "prest: big\n", "t.yaml:1:1: unknown key prest, did you mean preset?" },
    { "card: {zzzzzzzzz: 1}\n",
      "t.yaml:1:8: unknown key card.zzzzzzzzz; the nearest known key is card.rate" },
    { "card: {rate: 1Gbps}\nhost: {}\ncard: {hairpin: true}\n",
      "t.yaml:3:1: duplicate key card, first at 1:1" },
    { "card:\n  rate: 1Gbps\n  rate: 2Gbps\n",
      "t.yaml:3:3: duplicate key card.rate, first at 2:3" },
    { "card: {rx.crypto: {engines: 4}, rx: {crypto: {engines: 4}}}\n",
      "t.yaml:1:47: duplicate key card.rx.crypto.engines, first at 1:20" },
    { "preset: base\npreset: big\n", "t.yaml:2:1: duplicate key preset, first at 1:1" },
    { "card: {[a, b]: 4}\n", "t.yaml:1:8: found a mapping or list as a key, expected a name" },
    { "card: {? {a: b} : 4}\n", "t.yaml:1:10: found a mapping or list as a key, expected a name" },
    { "card: {\"\": 4}\n", "t.yaml:1:8: found an empty key, expected a name" },
    { "card: {\"ra\\x07te\": 4}\n", "t.yaml:1:8: unknown key card.ra?te, did you mean card.rate?" },
    /* values */
    { "card: {rate: 100}\n", "t.yaml:1:14: card.rate: found \"100\", which has no unit, expected a "
                             "rate from 1Gbps to 800Gbps" },
    { "card: {rate: 100GHz}\n",
      "t.yaml:1:14: card.rate: found \"100GHz\" with the unknown unit \"GHz\", expected a rate from "
      "1Gbps to 800Gbps in bps, kbps, Mbps, Gbps or Tbps" },
    { "card: {rate: 900Gbps}\n", "t.yaml:1:14: card.rate: found \"900Gbps\", which is too large, "
                                 "expected a rate from 1Gbps to 800Gbps" },
    { "card: {rx: {crypto: {policy: lur}}}\n",
      "t.yaml:1:30: card.rx.crypto.policy: found \"lur\", expected lru, random or fifo (did you mean "
      "lru?)" },
    { "card:\n  hairpin: 1\n", "t.yaml:2:12: card.hairpin: found \"1\", expected true or false" },
    { "card:\n  rate: [1Gbps]\n", "t.yaml:2:9: card.rate: found a list, expected a single value" },
    { "card:\n  rate:\n    - 1Gbps\n",
      "t.yaml:3:5: card.rate: found a list, expected a single value" },
    { "card:\n  rate:\n",
      "t.yaml:2:3: card.rate: found no value, expected one (\"\" for an empty text)" },
    { "card: 100Gbps\n",
      "t.yaml:1:7: card: found a single value, expected a mapping of parameters" },
    { "card: [rate]\n", "t.yaml:1:7: card: found a list, expected a mapping of parameters" },
    { "card:\n", "t.yaml:1:6: card: found a single value, expected a mapping of parameters" },
    { "card: {rate: \"1\\0Gbps\"}\n",
      "t.yaml:1:14: found a NUL character (\\0) in a text, expected text without" },
    { "workload: {pace: 123456789012345678901234567890123}\n",
      "t.yaml:1:18: workload.pace: found \"123456789012345678901234567890123\" of 33 bytes, expected "
      "at most 31" },
    /* provenance */
    { "card: {rate: {value: 1Gbps, form: read}}\n",
      "t.yaml:1:29: card.rate: unknown key form, expected value, from or source" },
    { "card: {rate: {value: 1Gbps, from: guessed}}\n",
      "t.yaml:1:35: card.rate: from: found \"guessed\", expected read, computed, fitted or assumed" },
    { "card: {rate: {from: read}}\n",
      "t.yaml:1:14: card.rate: found a mapping without the key value, expected {value: ...}" },
    { "card: {rate: {value: 1Gbps, value: 2Gbps}}\n",
      "t.yaml:1:29: card.rate: duplicate key value, first at 1:15" },
    { "card: {rate: {value: {value: 1Gbps}}}\n",
      "t.yaml:1:22: card.rate: found a mapping, expected a single value" },
    /* presets */
    { "preset: bgi\n",
      "t.yaml:1:9: preset: found \"bgi\", which is not a known preset (did you mean "
      "big?), expected one of: base, big, early, loop-a, loop-b, wrong" },
    { "preset: [big]\n", "t.yaml:1:9: preset: found a list, expected a single value" },
    { "preset: {a: b}\n", "t.yaml:1:9: preset: found a mapping, expected a single value" },
    { "preset:\n", "t.yaml:1:1: preset: found no value, expected one (\"\" for an empty text)" },
    { "preset: nowhere/x.yaml\n",
      "t.yaml:1:9: preset: cannot read nowhere/x.yaml: No such file or directory" },
    { "preset: loop-a\n", "@/loop-b.yaml:1:9: preset: found \"loop-a\", which is its own base" },
    { "preset: wrong\n", "@/wrong.yaml:2:9: card.rate: found \"3\", which has no unit, expected a "
                         "rate from 1Gbps to 800Gbps" },
    { "preset: early\n",
      "@/early.yaml:1:1: found workload in a preset, expected only card and host: "
      "it belongs in a scenario" },
    /* documents */
    { "", "t.yaml:1:1: the file is empty, expected keys such as preset, card or workload" },
    { "# nothing\n",
      "t.yaml:1:1: the file is empty, expected keys such as preset, card or workload" },
    { "---\n", "t.yaml:2:1: found a single value, expected keys such as preset, card or workload" },
    { "just text\n",
      "t.yaml:1:1: found a single value, expected keys such as preset, card or workload" },
    { "- a\n", "t.yaml:1:1: found a list, expected keys such as preset, card or workload" },
    { "card: {}\n---\nhost: {}\n", "t.yaml:2:1: found a second document, expected only one" },
    { "card: &a {}\n",
      "t.yaml:1:7: found an anchor (&), which is not supported: write the value out" },
    { "card: {rate: &r 1Gbps}\nhost: {latency: *r}\n",
      "t.yaml:1:14: found an anchor (&), which is not supported: write the value out" },
    { "host: {latency: *r}\n",
      "t.yaml:1:17: found an alias (*), which is not supported: write the value out" },
    { "card: {rate: !!str 1Gbps}\n",
      "t.yaml:1:14: found a tag (!), which is not supported: write the value alone" },
    { "card: {rate: 1Gbps\n",
      "t.yaml:2:1: not YAML: did not find expected ',' or '}' (while parsing "
      "a flow mapping)" },
    { "card:\n\trate: 1Gbps\n", "t.yaml:2:1: not YAML: found character that cannot start any token "
                                "(while scanning for the next token)" },
    { "card: {rate: \"\xc3\xa4\xff\"}\n",
      "t.yaml:1:16: found byte 0xff, which is not UTF-8, expected UTF-8 text" },
    { "# \xed\xa0\x80\n", "t.yaml:1:3: found byte 0xed, which is not UTF-8, expected UTF-8 text" },
    { "# \xc0\x80\n", "t.yaml:1:3: found byte 0xc0, which is not UTF-8, expected UTF-8 text" },
    { "card: {}\n# \xe2\x82",
      "t.yaml:2:3: found byte 0xe2, which is not UTF-8, expected UTF-8 text" },
    { "card: {}\n# \x01\n", "t.yaml:2:3: not YAML: control characters are not allowed" },
};

START_TEST(test_bad_text)
{
    char expected[512];
    bool in_preset = bad[_i].error[0] == '@';
    snprintf(expected, sizeof expected, "%s%s", in_preset ? folder : "",
             bad[_i].error + (in_preset ? 1 : 0));
    ck_assert_msg(!scenario_load_text(&s, bad[_i].text, strlen(bad[_i].text), "t.yaml", "", NULL),
                  "taken: %s", bad[_i].text);
    ck_assert_str_eq(s.error, expected);
}
END_TEST

START_TEST(test_too_deep)
{
    char text[256] = "card: ";
    for (int i = 0; i < 40; i++) {
        text[6 + i] = '[';
    }
    ck_assert(!scenario_load_text(&s, text, strlen(text), "t.yaml", "", NULL));
    ck_assert_str_eq(s.error, "t.yaml:1:38: found more than 32 levels of nesting");
}
END_TEST

START_TEST(test_too_long)
{
    size_t length = (1 << 20) + 1;
    char *text = malloc(length);
    memset(text, '#', length);
    ck_assert(!scenario_load_text(&s, text, length, "t.yaml", "", NULL));
    ck_assert_str_eq(s.error, "t.yaml:1:1: found more than 1 MiB of text, expected a scenario");
    free(text);
}
END_TEST

static const struct {
    const char *assignment, *error;
} bad_settings[] = {
    { "card.rate", "--set: found \"card.rate\", expected path=value such as card.clock=250MHz" },
    { "=4", "--set: found \"=4\", expected path=value such as card.clock=250MHz" },
    { "card.rx.crypto=4", "--set: card.rx.crypto is a group of parameters, expected one of them" },
    { "card.rx.crypto.engine=4",
      "--set: unknown key card.rx.crypto.engine, did you mean card.rx.crypto.engines?" },
    { "card.rx.crypto.engines=65",
      "--set: card.rx.crypto.engines: found \"65\", which is too large, "
      "expected a whole number from 1 to 64" },
    { "preset=bgi",
      "--set: found \"bgi\", which is not a known preset (did you mean big?), expected "
      "one of: base, big, early, loop-a, loop-b, wrong" },
};

START_TEST(test_bad_setting)
{
    struct scenario_setting setting = { "--set", bad_settings[_i].assignment };
    ck_assert(!scenario_resolve(&s, NULL, &setting, 1));
    ck_assert_str_eq(s.error, bad_settings[_i].error);
}
END_TEST

START_TEST(test_unreadable)
{
    ck_assert(!scenario_resolve(&s, "/nonexistent/x.yaml", NULL, 0));
    ck_assert_str_eq(s.error,
                     "/nonexistent/x.yaml: cannot read the scenario: No such file or directory");
    ck_assert(!scenario_resolve(&s, folder, NULL, 0));
    ck_assert_ptr_nonnull(strstr(s.error, ": cannot read the scenario: Is a directory"));
}
END_TEST

/* Whatever is cut off a good scenario, the loader says something or takes it; it never crashes, and
 * a message always begins with a place. */
START_TEST(test_every_prefix)
{
    static const char text[] = "preset: big\ncard: {rx: {crypto: {engines: {value: 3, from: read, "
                               "source: 'a \xe2\x82\xac'}}}}\nworkload: {tx: \"x.pcap\"}\n";
    size_t taken = 0;
    for (size_t n = 0; n < sizeof text; n++) {
        s.error[0] = '\0';
        if (scenario_load_text(&s, text, n, "t.yaml", "", NULL)) {
            taken++;
        } else {
            ck_assert_msg(strncmp(s.error, "t.yaml:", 7) == 0, "%s", s.error);
        }
    }
    ck_assert_uint_ge(taken, 3);
    ck_assert_uint_le(taken, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario");
    TCase *tc = tcase_create("scenario");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_precedence);
    tcase_add_test(tc, test_provenance);
    tcase_add_test(tc, test_preset_value_without_source);
    tcase_add_test(tc, test_preset_option_replaces);
    tcase_add_test(tc, test_preset_by_file_name);
    tcase_add_test(tc, test_long_chain);
    tcase_add_test(tc, test_list);
    tcase_add_loop_test(tc, test_bad_text, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, test_too_deep);
    tcase_add_test(tc, test_too_long);
    tcase_add_loop_test(tc, test_bad_setting, 0, sizeof bad_settings / sizeof bad_settings[0]);
    tcase_add_test(tc, test_unreadable);
    tcase_add_test(tc, test_every_prefix);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
