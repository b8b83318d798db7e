/* The timeline: JSON that a library reads, stamps exact and in order, window and bound kept. */
#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/timeline.h"

static char path[64];
static struct timeline t;
static char error[256];

static void setup(void)
{
    strcpy(path, "/tmp/espnic-timeline-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
}

static void open_window(uint64_t from, uint64_t to, uint64_t events)
{
    ck_assert_msg(timeline_open(&t, path, from, to, events, error, sizeof error), "%s", error);
}

/* Close, and read the file back. */
static json_t *events_of(json_t **root)
{
    json_error_t why;
    ck_assert_msg(timeline_close(&t, error, sizeof error), "%s", error);
    *root = json_load_file(path, 0, &why);
    ck_assert_msg(*root != NULL, "%s:%d: %s", path, why.line, why.text);
    json_t *events = json_object_get(*root, "traceEvents");
    ck_assert(json_is_array(events));
    return events;
}

static const char *text_of(const json_t *event, const char *key)
{
    return json_string_value(json_object_get(event, key));
}

/* A stamp of the file in whole nanoseconds. */
static int64_t ns_of(const json_t *event, const char *key)
{
    double us = json_number_value(json_object_get(event, key));
    return (int64_t)(us * 1000 + 0.5);
}

START_TEST(test_bytes)
{
    char text[2048];
    open_window(0, 0, 0);
    uint32_t thread = timeline_thread(&t, "rx.crypto \"0\"");
    timeline_span(&t, thread, "busy", 1234567, 2345999, 42, 1500);
    timeline_flow(&t, thread, TIMELINE_START, 1234567, 42);
    timeline_flow(&t, thread, TIMELINE_FINISH, 2000000, 42);
    timeline_counter(&t, "queue", 3000000, 5);
    timeline_mark(&t, thread, "drop\n", 3000999, 43);
    ck_assert(timeline_close(&t, error, sizeof error));
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    ck_assert_str_eq(
        text,
        "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"rx.crypto "
        "\\\"0\\\"\"}},\n"
        "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":1}}"
        ",\n"
        "{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":\"busy\",\"ts\":1.234,\"dur\":1.111,\"args\":{"
        "\"packet\":42,\"bytes\":1500}},\n"
        "{\"ph\":\"s\",\"pid\":1,\"tid\":1,\"cat\":\"packet\",\"name\":\"packet\",\"id\":42,\"ts\":"
        "1.234},\n"
        "{\"ph\":\"f\",\"pid\":1,\"tid\":1,\"cat\":\"packet\",\"name\":\"packet\",\"id\":42,\"ts\":"
        "2.000,\"bp\":\"e\"},\n"
        "{\"ph\":\"C\",\"pid\":1,\"name\":\"queue\",\"ts\":3.000,\"args\":{\"value\":5}},\n"
        "{\"ph\":\"i\",\"pid\":1,\"tid\":1,\"s\":\"t\",\"name\":\"drop\\u000a\",\"ts\":3.000,\"args\":"
        "{\"packet\":43}}\n"
        "],\"otherData\":{\"left_out\":\"0\"}}\n");
}
END_TEST

/* Packets through three blocks, back to back at a clock of 322.265625 MHz: stamps never go back
 * within a block, spans that touch still touch and never overlap, and an arrow's ends lie inside
 * spans of the same packet. */
START_TEST(test_monotone)
{
    enum { PACKETS = 500, BLOCKS = 3 };
    static const char *const names[] = { "parser", "crypto", "dma" };
    uint32_t threads[BLOCKS];
    open_window(0, 0, 0);
    for (int b = 0; b < BLOCKS; b++) {
        threads[b] = timeline_thread(&t, names[b]);
    }
    for (uint64_t p = 0; p < PACKETS; p++) {
        for (uint64_t b = 0; b < BLOCKS; b++) {
            uint64_t begin = (p + b) * 7 * 3103 + (p + b) * 7 / 33;
            uint64_t end = (p + b + 1) * 7 * 3103 + (p + b + 1) * 7 / 33;
            timeline_span(&t, threads[b], "busy", begin, end, p, 64);
            timeline_flow(&t, threads[b],
                          b == 0   ? TIMELINE_START
                          : b == 2 ? TIMELINE_FINISH
                                   : TIMELINE_STEP,
                          begin, p);
        }
    }
    json_t *root;
    json_t *events = events_of(&root);
    int64_t end_of[BLOCKS + 1] = { 0 };
    int64_t begin_of[BLOCKS + 1] = { 0 };
    size_t spans = 0;
    size_t flows = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *phase = text_of(event, "ph");
        json_int_t tid = json_integer_value(json_object_get(event, "tid"));
        if (strcmp(phase, "X") == 0) {
            int64_t begin = ns_of(event, "ts");
            ck_assert_int_ge(begin, begin_of[tid]);
            ck_assert(end_of[tid] == 0 || begin == end_of[tid]);
            begin_of[tid] = begin;
            end_of[tid] = begin + ns_of(event, "dur");
            spans++;
        } else if (strchr("stf", phase[0]) != NULL) {
            ck_assert_int_ge(ns_of(event, "ts"), begin_of[tid]);
            ck_assert_int_le(ns_of(event, "ts"), end_of[tid]);
            flows++;
        }
    }
    ck_assert_uint_eq(spans, (size_t)PACKETS * BLOCKS);
    ck_assert_uint_eq(flows, (size_t)PACKETS * BLOCKS);
    json_decref(root);
}
END_TEST

START_TEST(test_window)
{
    open_window(1000, 2000, 0);
    uint32_t thread = timeline_thread(&t, "a");
    timeline_span(&t, thread, "before", 0, 999, 0, 0);
    timeline_span(&t, thread, "touches", 500, 1000, 1, 0);
    timeline_span(&t, thread, "inside", 1200, 1300, 2, 0);
    timeline_span(&t, thread, "over", 1900, 5000, 3, 0);
    timeline_span(&t, thread, "after", 2000, 2001, 4, 0);
    timeline_counter(&t, "c", 999, 1);
    timeline_counter(&t, "c", 1999, 2);
    timeline_mark(&t, thread, "m", 2000, 1);
    json_t *root;
    json_t *events = events_of(&root);
    ck_assert_uint_eq(json_array_size(events), 2 + 4);
    ck_assert_str_eq(text_of(json_array_get(events, 2), "name"), "touches");
    ck_assert_str_eq(text_of(json_array_get(events, 4), "name"), "over");
    ck_assert_str_eq(text_of(json_array_get(events, 5), "name"), "c");
    json_decref(root);
}
END_TEST

START_TEST(test_bound)
{
    open_window(0, 0, 10);
    uint32_t thread = timeline_thread(&t, "a");
    for (uint64_t i = 0; i < 25; i++) {
        timeline_span(&t, thread, "x", i * 1000, i * 1000 + 1, i, 0);
    }
    json_t *root;
    json_t *events = events_of(&root);
    ck_assert_uint_eq(json_array_size(events), 2 + 10);
    ck_assert_str_eq(text_of(json_object_get(root, "otherData"), "left_out"), "15");
    json_decref(root);
}
END_TEST

START_TEST(test_empty)
{
    json_t *root;
    open_window(0, 0, 0);
    ck_assert_uint_eq(json_array_size(events_of(&root)), 0);
    json_decref(root);
}
END_TEST

START_TEST(test_not_writable)
{
    ck_assert(!timeline_open(&t, "/nonexistent/t.json", 0, 0, 0, error, sizeof error));
    ck_assert_str_eq(error, "/nonexistent/t.json: cannot write: No such file or directory");
    ck_assert(!timeline_wants(&t, 0, UINT64_MAX));
    if (access("/dev/full", W_OK) == 0) {
        ck_assert(timeline_open(&t, "/dev/full", 0, 0, 0, error, sizeof error));
        ck_assert(!timeline_close(&t, error, sizeof error));
        ck_assert_str_eq(error, "cannot write the timeline: No space left on device");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeline");
    TCase *tc = tcase_create("timeline");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_bytes);
    tcase_add_test(tc, test_monotone);
    tcase_add_test(tc, test_window);
    tcase_add_test(tc, test_bound);
    tcase_add_test(tc, test_empty);
    tcase_add_test(tc, test_not_writable);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
