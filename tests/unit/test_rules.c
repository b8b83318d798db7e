/* Every rule that a text recording can break, broken on purpose, and the nearest thing that does
 * not break it. */
#include "traces/rules.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ADD(t_, handle_, more_)                                                                    \
    "{\"t_ns\":" t_ ",\"oid\":\"ADD_SA\",\"nodes\":[" NODE(handle_, ESN_ESP) "]" more_ "}\n"
#define NODE(handle_, sa_)                                                                         \
    "{\"handle\":" handle_                                                                         \
    ",\"dir\":\"in\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"sa\":[" sa_ "]}"
#define ESN_ESP           "{\"op\":\"esp\",\"spi\":256,\"esn\":true,\"enc\":{\"alg\":\"aes-gcm-128\"}}"
#define ESP               "{\"op\":\"esp\",\"spi\":256}"
#define AH                "{\"op\":\"ah\",\"spi\":257,\"auth\":{\"alg\":\"sha-1\"}}"
#define ADD_WITH(t_, sa_) "{\"t_ns\":" t_ ",\"oid\":\"ADD_SA\",\"nodes\":[" NODE("1", sa_) "]}\n"
#define UPDATE(t_, handle_, op_, spi_, more_)                                                      \
    "{\"t_ns\":" t_ ",\"oid\":\"UPDATE_SA\",\"handle\":" handle_ ",\"op\":\"" op_                  \
    "\",\"spi\":" spi_ ",\"seq_hi\":1" more_ "}\n"
#define DELETE(t_, handles_, more_)                                                                \
    "{\"t_ns\":" t_ ",\"oid\":\"DELETE_SA\",\"handles\":[" handles_ "]" more_ "}\n"

static char found[4096];
static struct rules_capabilities capabilities;
static bool use_capabilities;
static uint64_t live, peak;

static void note(void *context, const struct rules_violation *violation)
{
    size_t used = strlen(found);

    (void)context;
    snprintf(found + used, sizeof found - used, "%u@%u %s\n", violation->rule,
             (unsigned)violation->line, violation->sentence);
}

/* All violations of `text`, one a line: rule@line sentence. */
static void expect(const char *text, const char *violations)
{
    char error[RECORDING_ERROR_SIZE] = "";
    FILE *stream = tmpfile();
    struct recording_record record = { 0 };
    struct rules *rules = rules_create(use_capabilities ? &capabilities : NULL, note, NULL);
    struct recording *reader;
    enum recording_result result;
    uint64_t sum = 0;

    found[0] = '\0';
    fputs(text, stream);
    rewind(stream);
    reader = recording_open_stream(stream, "t", error, sizeof error);
    ck_assert_msg(reader != NULL, "%s", error);
    while ((result = recording_next(reader, &record)) == RECORDING_OK) {
        ck_assert(rules_check(rules, &record));
    }
    ck_assert_msg(result == RECORDING_END, "%s", recording_error(reader));
    ck_assert_msg(strcmp(found, violations) == 0, "\nin\n%sfound\n%sexpected\n%s", text, found,
                  violations);
    for (unsigned rule = 1; rule < RULES_COUNT; rule++) {
        sum += rules_violations(rules, rule);
    }
    ck_assert_uint_eq(sum, rules_violations(rules, 0));
    live = rules_live(rules);
    peak = rules_peak_live(rules);
    recording_record_free(&record);
    recording_close(reader);
    rules_destroy(rules);
}

START_TEST(a_recording_that_keeps_all_rules)
{
    expect(ADD("0", "1", "") ADD("1", "2", ",\"status\":0,\"done_ns\":5")
               UPDATE("6", "2", "esp", "256", "") DELETE("7", "1,2", "") ADD("7", "1", "")
                   DELETE("8", "1", ",\"status\":0"),
           "");
    ck_assert_uint_eq(live, 0);
    ck_assert_uint_eq(peak, 2);
}
END_TEST

START_TEST(rule_2_entries)
{
    expect(ADD_WITH("0", ESP "," AH), "");
    expect(ADD_WITH("0", ESP "," ESP),
           "2@1 nodes[0].sa: two ESP entries, expected one ESP and one AH\n");
    expect(ADD_WITH("0", AH "," AH),
           "2@1 nodes[0].sa: two AH entries, expected one ESP and one AH\n");
    expect(ADD_WITH("0", "{\"op\":\"ah\",\"spi\":1,\"enc\":{\"alg\":\"aes-gcm-128\"}}"),
           "2@1 nodes[0].sa[0].enc: AH with a cipher, expected none\n"
           "2@1 nodes[0].sa[0].auth: AH without an integrity algorithm, expected one\n");
}
END_TEST

START_TEST(rules_3_and_4_capabilities)
{
    use_capabilities = true;
    capabilities = (struct rules_capabilities){ .auth_mask = 2, .encryption_mask = 8 };
    expect(ADD_WITH("0", "{\"op\":\"esp\",\"spi\":1,\"enc\":{\"alg\":\"aes-gcm-128\"}}"), "");
    expect(ADD_WITH("0", AH), "");
    expect(ADD_WITH("0", "{\"op\":\"esp\",\"spi\":1,\"enc\":{\"alg\":\"aes-gcm-256\"}}"),
           "3@1 nodes[0].sa[0].enc.alg: aes-gcm-256 is not among those reported\n");
    expect(ADD_WITH("0", "{\"op\":\"ah\",\"spi\":1,\"auth\":{\"alg\":\"md5\"}}"),
           "3@1 nodes[0].sa[0].auth.alg: md5 is not among those reported\n");
    expect(ADD("0", "1", ""), "4@1 nodes[0].sa[0].esn: ESN is not reported\n");
    expect("{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":1,\"dir\":\"in\",\"src\":\"::1\","
           "\"dst\":\"::\",\"udp_esp\":\"tunnel\",\"sa\":[" AH "]}]}",
           "4@1 nodes[0].udp_esp: this encapsulation is not reported\n"
           "4@1 nodes[0].src: IPv6 is not reported\n");
    capabilities = (struct rules_capabilities){
        .auth_mask = 2, .encryption_mask = 8, .udp_mask = ESP_UDP_TUNNEL, .esn = true, .ipv6 = true
    };
    expect(ADD("0", "1", ""), "");
    expect("{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":1,\"dir\":\"in\",\"src\":\"::1\","
           "\"dst\":\"::\",\"udp_esp\":\"tunnel\",\"sa\":[" AH "]}]}",
           "");
    use_capabilities = false;
}
END_TEST

START_TEST(rule_5_handles)
{
    expect(ADD("0", "7", "") ADD("1", "7", ""), "5@2 nodes[0].handle: 7 is live already\n");
    expect("{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[" NODE("7", ESP) "," NODE("7", ESP) "]}",
           "5@1 nodes[1].handle: 7 is live already\n");
    /* used again after its DELETE: when it completed, not when it was issued */
    expect(ADD("0", "7", "") DELETE("1", "7", "") ADD("1", "7", ""), "");
    expect(ADD("0", "7", "") DELETE("1", "7", ",\"done_ns\":10") ADD("9", "7", ""),
           "5@3 nodes[0].handle: 7 is still being deleted\n");
    expect(ADD("0", "7", "") DELETE("1", "7", ",\"done_ns\":10") ADD("9", "7", ",\"done_ns\":10"),
           "");
    expect(ADD("0", "7", "") DELETE("1", "7", ",\"done_ns\":10") ADD("10", "7", ""), "");
    /* a refused ADD hands out nothing */
    expect(ADD("0", "7", ",\"status\":\"RESOURCES\"") ADD("1", "7", ""), "");
    ck_assert_uint_eq(live, 1);
}
END_TEST

START_TEST(rule_12_turned_off)
{
    static const char off[] = "{\"t_ns\":1,\"event\":\"encapsulation\",\"on\":false}\n";
    static const char on[] = "{\"t_ns\":3,\"event\":\"encapsulation\",\"on\":true}\n";
    char text[2048];

    snprintf(text, sizeof text, "%s%s%s%s%s", ADD("0", "1", ""), off, ADD("2", "2", ""), on,
             ADD("4", "3", "") DELETE("5", "1,3", ""));
    expect(text, "12@3 oid: an ADD while the offload is turned off\n");
    snprintf(text, sizeof text, "%s%s%s", ADD("0", "1", ""), off, DELETE("2", "1", ""));
    expect(text, ""); /* what is there may go */
}
END_TEST

START_TEST(rule_7_capacity)
{
    use_capabilities = true;
    capabilities = (struct rules_capabilities){ .encryption_mask = 8, .esn = true, .capacity = 2 };
    expect(ADD("0", "1", "") ADD("0", "2", "") DELETE("1", "1", "") ADD("2", "3", ""), "");
    expect(ADD("0", "1", "") ADD("0", "2", "") ADD("2", "3", ""),
           "7@3 nodes[0]: 3 bundles live, capacity 2\n");
    use_capabilities = false;
}
END_TEST

START_TEST(rule_8_update)
{
    expect(UPDATE("0", "9", "esp", "256", ""), "8@1 handle: 9 is not live\n");
    expect(UPDATE("0", "0", "esp", "256", ""), "8@1 handle: 0 is not live\n");
    expect(UPDATE("0", "9", "esp", "256", ",\"status\":\"INVALID_PARAMETER\""), "");
    expect(UPDATE("0", "9", "esp", "256", ",\"status\":0"), "8@1 handle: 9 is not live\n");
    expect(ADD("0", "1", "") UPDATE("1", "1", "esp", "256", ""), "");
    expect(ADD("0", "1", "") UPDATE("1", "1", "ah", "256", ""),
           "8@2 handle: 1 has no entry of this operation and SPI\n");
    expect(ADD("0", "1", "") UPDATE("1", "1", "esp", "255", ""),
           "8@2 handle: 1 has no entry of this operation and SPI\n");
    expect(ADD_WITH("0", ESP) UPDATE("1", "1", "esp", "256", ""),
           "8@2 handle: 1 has no ESN in the entry named\n");
    expect(ADD_WITH("0", AH "," ESN_ESP) UPDATE("1", "1", "esp", "256", ""), "");
    expect(ADD("0", "1", ",\"done_ns\":5") UPDATE("4", "1", "esp", "256", ""),
           "8@2 handle: 1 is used before its ADD completed\n");
    expect(ADD("0", "1", "") DELETE("1", "1", ",\"done_ns\":5") UPDATE("4", "1", "esp", "256", ""),
           "");
    expect(ADD("0", "1", "") DELETE("1", "1", ",\"done_ns\":5") UPDATE("5", "1", "esp", "256", ""),
           "8@3 handle: 1 is not live\n");
    expect(ADD("0", "1", ",\"status\":\"NDIS_STATUS_FAILURE\"") UPDATE("1", "1", "esp", "256", ""),
           "8@2 handle: 1 is not live\n");
}
END_TEST

START_TEST(rule_9_delete)
{
    expect(DELETE("0", "3", ""), "9@1 handles[0]: 3 is not live\n");
    expect(ADD("0", "1", "") DELETE("1", "1,1", ""),
           "9@2 handles[1]: 1 is being deleted already\n");
    expect(ADD("0", "1", "") DELETE("1", "1", "") DELETE("2", "1", ""),
           "9@3 handles[0]: 1 is not live\n");
    expect(ADD("0", "1", "") DELETE("1", "1", ",\"done_ns\":5") DELETE("2", "1", ""),
           "9@3 handles[0]: 1 is being deleted already\n");
    expect(ADD("0", "1", ",\"done_ns\":5") DELETE("2", "1", ""),
           "9@2 handles[0]: 1 is used before its ADD completed\n");
    expect(ADD("0", "1", "") DELETE("1", "1", ",\"status\":\"NDIS_STATUS_PENDING\""),
           "9@2 status: 0x00000103, expected SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED\n");
    /* refused because of a reset: the SA stays, the host asks again */
    expect(ADD("0", "1", "") DELETE("1", "1", ",\"status\":\"NOT_ACCEPTED\"")
               DELETE("2", "1", ",\"status\":\"REQUEST_ABORTED\"")
                   UPDATE("3", "1", "esp", "256", "") DELETE("4", "1", ",\"status\":\"SUCCESS\""),
           "");
    ck_assert_uint_eq(live, 0);
}
END_TEST

START_TEST(the_other_rules_say_where_they_are_checked)
{
    static const unsigned elsewhere[] = { 1, 6, 10, 11 };

    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        enum rules_where where = rules_info(elsewhere[i])->where;

        ck_assert(where == RULES_BY_CARD || where == RULES_NOT_IN_TEXT);
    }
    for (unsigned rule = 1; rule < RULES_COUNT; rule++) {
        ck_assert_ptr_nonnull(rules_info(rule)->summary);
    }
}
END_TEST

/* Random requests against an array that knows every handle: the table must agree through growth,
 * deletion in the middle of probe sequences, and deletions that overlap. */
START_TEST(against_an_array)
{
    enum { HANDLES = 500, STEPS = 200000 };
    static struct {
        bool live, deleting;
        uint64_t done;
    } model[HANDLES + 1];
    struct rules *rules = rules_create(NULL, NULL, NULL);
    struct esp_node node = { .sa_count = 1, .sa = { { .op = ESP_OP_ESP, .spi = 5, .esn = true } } };
    struct recording_record record = { 0 };
    uint64_t handle;
    uint64_t wrong = 0;
    uint64_t now = 0;
    uint64_t alive = 0;
    uint32_t seed = 1;

    record.nodes = &node;
    record.node_count = 1;
    record.handles = &handle;
    record.handle_count = 1;
    record.has_done_ns = true;
    for (int step = 0; step < STEPS; step++) {
        unsigned what;

        seed = seed * 1103515245 + 12345;
        handle = 1 + (seed >> 8) % HANDLES;
        what = (seed >> 24) % 3;
        now += (seed >> 28) % 2;
        record.t_ns = now;
        record.done_ns = now;
        for (int h = 1; h <= HANDLES; h++) {
            if (model[h].deleting && model[h].done <= now) {
                model[h].live = model[h].deleting = false;
            }
        }
        if (what == 0) {
            record.kind = RECORDING_ADD_SA;
            node.handle = handle;
            wrong += model[handle].live;
            model[handle].live = true;
            model[handle].deleting = false;
        } else if (what == 1) {
            record.kind = RECORDING_UPDATE_SA;
            record.handle = handle;
            record.op = ESP_OP_ESP;
            record.spi = 5;
            wrong += !model[handle].live;
        } else {
            record.kind = RECORDING_DELETE_SA;
            record.done_ns = now + (seed >> 16) % 50;
            wrong += !model[handle].live || model[handle].deleting;
            if (model[handle].live && !model[handle].deleting) {
                model[handle].deleting = true;
                model[handle].done = record.done_ns;
            }
        }
        ck_assert(rules_check(rules, &record));
        ck_assert_uint_eq(rules_violations(rules, 0), wrong);
    }
    for (int h = 1; h <= HANDLES; h++) {
        alive += model[h].live && !(model[h].deleting && model[h].done <= now);
    }
    ck_assert_uint_eq(rules_live(rules), alive);
    ck_assert_uint_gt(wrong, STEPS / 10);
    ck_assert_uint_lt(wrong, STEPS - STEPS / 10);
    rules_destroy(rules);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *tc = tcase_create("rules");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, a_recording_that_keeps_all_rules);
    tcase_add_test(tc, rule_2_entries);
    tcase_add_test(tc, rules_3_and_4_capabilities);
    tcase_add_test(tc, rule_5_handles);
    tcase_add_test(tc, rule_7_capacity);
    tcase_add_test(tc, rule_8_update);
    tcase_add_test(tc, rule_9_delete);
    tcase_add_test(tc, rule_12_turned_off);
    tcase_add_test(tc, the_other_rules_say_where_they_are_checked);
    tcase_add_test(tc, against_an_array);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
