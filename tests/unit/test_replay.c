/* Replay windows and numbering against a bit set of everything received, the verdicts and final
 * state of a Linux 6.1 receiver (shared captures), and DPDK's tables (test_security_inline_proto.c). */
#include <check.h>
#include <glob.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/replay.h"

static const uint32_t windows[] = {
    0,   1,   2,   7,   31,  32,  33,   63,   64,   65,   100,  127,
    128, 129, 255, 256, 511, 512, 1000, 1024, 2047, 2048, 4095, 4096
};
enum { WINDOWS = sizeof windows / sizeof windows[0] };

/* Check writes a record for each ck_assert; this one costs nothing while it holds. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

struct receiver {
    uint64_t top;
    uint64_t bits[REPLAY_MAX_WORDS];
    uint32_t window;
    bool esn;
};

static enum replay_verdict check(const struct receiver *r, uint64_t sequence)
{
    return replay_check(r->top, r->bits, r->window, sequence);
}

static enum replay_verdict commit(struct receiver *r, uint64_t sequence)
{
    return replay_commit(&r->top, r->bits, r->window, r->esn, sequence);
}

static void start(struct receiver *r, uint32_t window, bool esn, uint64_t highest)
{
    *r = (struct receiver){ .window = window, .esn = esn };
    memset(r->bits, 0x5a, sizeof r->bits); /* whatever the storage held before */
    replay_init(&r->top, r->bits, window, highest);
}

/* ---- the oracle: every number received, in a plain set --------------------------------------- */

typedef __int128 wide;

enum { SPAN = 1 << 22 };

struct oracle {
    uint64_t base; /* numbers base .. base + SPAN - 1 can occur */
    uint64_t top, first;
    uint32_t window;
    bool esn;
    uint8_t *seen;
};

static enum replay_verdict expected(const struct oracle *o, uint64_t sequence)
{
    if (o->window == 0) {
        return REPLAY_OK;
    }
    if (sequence == 0) {
        return REPLAY_ZERO;
    }
    if ((wide)sequence <= (wide)o->top - o->window) {
        return REPLAY_TOO_OLD;
    }
    if (sequence > o->top) {
        return REPLAY_OK;
    }
    if (sequence <= o->first) { /* received before this receiver took over */
        return REPLAY_DUPLICATE;
    }
    REQUIRE(sequence - o->base < SPAN);
    return o->seen[sequence - o->base] != 0 ? REPLAY_DUPLICATE : REPLAY_OK;
}

/* RFC 4303 A2 as arithmetic: the number of this low half in the 2^32 numbers from `bottom`. */
static uint64_t expected_number(const struct oracle *o, uint32_t seq_lo)
{
    const wide block = (wide)1 << 32;
    wide bottom =
        o->window == 0 ? (wide)o->top - (((wide)1 << 31) - 1) : (wide)o->top - o->window + 1;
    wide number = (wide)(o->top >> 32) * block + seq_lo - 4 * block;

    if (!o->esn) {
        return seq_lo;
    }
    while (number < bottom) {
        number += block;
    }
    if (number < 0) {
        number += block;
    }
    if (number >> 64 != 0) {
        number -= block;
    }
    return (uint64_t)number;
}

static void oracle_accept(struct oracle *o, uint64_t sequence)
{
    REQUIRE(sequence - o->base < SPAN);
    o->seen[sequence - o->base] = 1;
    if (sequence > o->top && (o->window != 0 || o->esn)) {
        o->top = sequence;
    }
}

/* ---- random traffic -------------------------------------------------------------------------- */

struct tally {
    unsigned verdict[4], late_commit, wrong_number, crossings, damaged;
};

/* The next number on the wire: mostly the sender's next, else lost packets before it, a copy of
 * the last one, one from inside the window, or one from far below. */
static uint64_t next_number(struct rng *rng, uint64_t *sent, uint64_t last, uint32_t window,
                            uint64_t lowest)
{
    uint64_t kind = rng_below(rng, 100);
    uint64_t back;

    if (kind < 45) {
        return ++*sent;
    }
    if (kind < 55) {
        *sent += 1 + rng_below(rng, 8);
        return *sent;
    }
    if (kind < 57) {
        *sent += 1 + rng_below(rng, 2 * (uint64_t)window + 70);
        return *sent;
    }
    if (kind < 72) {
        return last;
    }
    back = kind < 90 ? rng_below(rng, window + 2) : rng_below(rng, 3 * (uint64_t)window + 100);
    return back < *sent - lowest ? *sent - back : lowest;
}

enum { IN_FLIGHT = 8, PACKETS = 12000 };

/* Packets are checked when they come and committed some packets later, in any order. */
static void one_packet(struct receiver *r, struct oracle *o, struct rng *rng, uint64_t *flight,
                       unsigned *flying, uint64_t sequence, struct tally *tally)
{
    struct receiver before = *r;
    uint64_t inferred = replay_infer(r->top, (uint32_t)sequence, r->window, r->esn);

    REQUIRE(inferred == expected_number(o, (uint32_t)sequence));
    enum replay_verdict verdict = check(r, inferred);

    REQUIRE(verdict == expected(o, inferred));
    REQUIRE(before.top == r->top &&
            memcmp(before.bits, r->bits, sizeof r->bits) == 0); /* a check changes nothing */
    tally->verdict[verdict]++;
    if (verdict != REPLAY_OK) {
        return;
    }
    if (inferred != sequence) { /* wrong upper half: the ICV fails */
        tally->wrong_number++;
        return;
    }
    if (rng_below(rng, 50) == 0) {
        tally->damaged++;
        return;
    }
    flight[(*flying)++] = sequence;
    while (*flying == IN_FLIGHT || (*flying > 0 && rng_below(rng, 3) != 0)) {
        unsigned pick = (unsigned)rng_below(rng, *flying);
        uint64_t number = flight[pick];
        bool crossed = r->top >> 32 != number >> 32;

        flight[pick] = flight[--*flying];
        verdict = commit(r, number);
        REQUIRE(verdict == expected(o, number));
        if (verdict == REPLAY_OK) {
            oracle_accept(o, number);
            tally->crossings += crossed;
        } else {
            tally->late_commit++;
        }
        REQUIRE(r->top == o->top);
    }
}

static void run_packets(uint32_t window, bool esn, uint64_t highest, unsigned packets,
                        struct tally *tally)
{
    struct rng rng = rng_stream(window, highest + esn);
    struct receiver r;
    struct oracle o = { .base = highest > 5000 ? highest - 5000 : 0,
                        .top = highest,
                        .first = highest,
                        .window = window,
                        .esn = esn,
                        .seen = calloc(SPAN, 1) };
    uint64_t flight[IN_FLIGHT];
    uint64_t sent = highest;
    uint64_t last = highest;
    unsigned flying = 0;

    ck_assert_ptr_nonnull(o.seen);
    start(&r, window, esn, highest);
    for (unsigned i = 0; i < packets; i++) {
        last = next_number(&rng, &sent, last, window, o.base);
        if (!esn && last > UINT32_MAX) {
            break; /* the sender is exhausted */
        }
        one_packet(&r, &o, &rng, flight, &flying, last, tally);
    }
    free(o.seen);
}

static void run_window(uint32_t window, bool esn, uint64_t highest, struct tally *tally)
{
    run_packets(window, esn, highest, PACKETS, tally);
}

static const uint64_t block = UINT64_C(1) << 32;

/* The sizes between the edges, with less traffic each. */
START_TEST(every_window_agrees_with_a_set_of_everything_received)
{
    struct tally tally = { .verdict = { 0 } };

    for (uint32_t window = 0; window <= 4096; window++) {
        run_packets(window, true, block - 400, 1200, &tally);
        run_packets(window, false, 1000, 600, &tally);
    }
    ck_assert_uint_gt(tally.crossings, 4096);
    ck_assert_uint_gt(tally.verdict[REPLAY_DUPLICATE], 4096 * 100);
    ck_assert_uint_gt(tally.verdict[REPLAY_TOO_OLD], 4096 * 10);
    ck_assert_uint_gt(tally.late_commit, 4096 * 5);
}
END_TEST

START_TEST(window_agrees_with_a_set_of_everything_received)
{
    uint32_t window = windows[_i];
    struct tally tally = { .verdict = { 0 } };

    run_window(window, false, 0, &tally);
    run_window(window, false, 77777, &tally);
    run_window(window, false, block - 6000, &tally); /* to the last number */
    if (window > 0) {
        ck_assert_uint_gt(tally.verdict[REPLAY_DUPLICATE], 1000);
        ck_assert_uint_gt(tally.verdict[REPLAY_TOO_OLD], 500);
        ck_assert_uint_gt(tally.late_commit, 100);
    }
    ck_assert_uint_gt(tally.verdict[REPLAY_OK], 5000);
    ck_assert_uint_gt(tally.damaged, 100);
}
END_TEST

START_TEST(esn_window_agrees_with_a_set_of_everything_received)
{
    uint32_t window = windows[_i];
    struct tally tally = { .verdict = { 0 } };

    run_window(window, true, 0, &tally);
    run_window(window, true, block - 1000, &tally);
    run_window(window, true, block - 1, &tally);
    run_window(window, true, block + 3, &tally);
    run_window(window, true, 0xfffffffe * block + (block - 2000), &tally);
    if (window > 0) {
        ck_assert_uint_gt(tally.verdict[REPLAY_DUPLICATE], 2000);
        ck_assert_uint_gt(tally.wrong_number, 500); /* too old: taken for the next block */
        ck_assert_uint_gt(tally.late_commit, 100);
    } else {
        ck_assert_uint_eq(tally.wrong_number, 0);
    }
    ck_assert_uint_gt(tally.crossings, 2);
}
END_TEST

/* Inference alone, at every edge of the window and the blocks. */
START_TEST(inference_is_exact_at_the_edges)
{
    const uint64_t tops[] = { 0,
                              1,
                              30,
                              31,
                              32,
                              block - 2,
                              block - 1,
                              block,
                              block + 1,
                              block + 31,
                              5 * block + 7,
                              0xffffffff * block,
                              UINT64_MAX - 40,
                              UINT64_MAX - 1,
                              UINT64_MAX };

    for (unsigned t = 0; t < sizeof tops / sizeof tops[0]; t++) {
        for (unsigned w = 0; w < WINDOWS; w++) {
            struct oracle o = { .top = tops[t], .window = windows[w], .esn = true };
            uint32_t anchors[] = { 0, (uint32_t)tops[t], (uint32_t)tops[t] - windows[w],
                                   (uint32_t)tops[t] + 0x80000000u, 0x80000000u };

            for (unsigned a = 0; a < 5; a++) {
                for (uint32_t lo = anchors[a] - 3; lo != anchors[a] + 4; lo++) {
                    REQUIRE(replay_infer(tops[t], lo, windows[w], true) == expected_number(&o, lo));
                }
            }
        }
    }
}
END_TEST

START_TEST(number_zero_and_first_packets)
{
    struct receiver r;

    start(&r, 32, false, 0);
    ck_assert_int_eq(check(&r, 0), REPLAY_ZERO);
    ck_assert_int_eq(commit(&r, 0), REPLAY_ZERO);
    ck_assert_int_eq(commit(&r, 3), REPLAY_OK);
    ck_assert_int_eq(commit(&r, 1), REPLAY_OK);
    ck_assert_int_eq(commit(&r, 1), REPLAY_DUPLICATE);
    ck_assert_int_eq(check(&r, 0), REPLAY_ZERO);
    start(&r, 64, true, block - 1);
    ck_assert_uint_eq(replay_infer(r.top, 0, 64, true),
                      block); /* low half 0 is a number like others */
    ck_assert_int_eq(commit(&r, block), REPLAY_OK);
    start(&r, 0, false, 0);
    ck_assert_int_eq(commit(&r, 0), REPLAY_OK); /* RFC 4303 3.4.3: no check at all */
    ck_assert_int_eq(commit(&r, 9), REPLAY_OK);
    ck_assert_uint_eq(r.top, 0);
}
END_TEST

START_TEST(window_of_zero_words_and_their_number)
{
    const uint32_t words[][2] = { { 0, 0 },   { 1, 1 },   { 64, 1 },    { 65, 2 },
                                  { 128, 2 }, { 129, 4 }, { 1000, 16 }, { 4096, 64 } };

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        ck_assert_uint_eq(replay_words(words[i][0]), words[i][1]);
    }
}
END_TEST

/* ---- DPDK's tables -------------------------------------------------------------------------- */

START_TEST(dpdk_tables)
{
    uint64_t w = (uint64_t)1024 << _i;
    const struct {
        uint64_t sequence;
        enum replay_verdict verdict;
    } plain[] = { { 2 * w, REPLAY_OK },
                  { w + 1, REPLAY_OK },
                  { w, REPLAY_TOO_OLD },
                  { w + w / 2, REPLAY_OK },
                  { w + w / 2, REPLAY_DUPLICATE } },
      esn[] = { { block - 1 - w, REPLAY_OK },
                { block + w / 2, REPLAY_OK },
                { block - w / 2 + 1, REPLAY_OK },
                { block - 1, REPLAY_OK },
                { block, REPLAY_OK },
                { block - 1, REPLAY_DUPLICATE },
                { block, REPLAY_DUPLICATE } };
    struct receiver r;

    start(&r, (uint32_t)w, false, 0);
    for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        ck_assert_int_eq(check(&r, plain[i].sequence), plain[i].verdict);
        ck_assert_int_eq(commit(&r, plain[i].sequence), plain[i].verdict);
    }
    start(&r, (uint32_t)w, true, 0);
    for (unsigned i = 0; i < sizeof esn / sizeof esn[0]; i++) {
        uint64_t number = replay_infer(r.top, (uint32_t)esn[i].sequence, (uint32_t)w, true);

        ck_assert_uint_eq(number, esn[i].sequence);
        ck_assert_int_eq(commit(&r, number), esn[i].verdict);
    }
}
END_TEST

/* ---- transmit -------------------------------------------------------------------------------- */

START_TEST(numbering_ends_at_the_last_number)
{
    uint64_t next = 1;
    uint64_t sequence = 0;

    ck_assert(sequence_next(&next, false, &sequence));
    ck_assert_uint_eq(sequence, 1);
    next = block - 2;
    ck_assert(sequence_next(&next, false, &sequence));
    ck_assert(sequence_next(&next, false, &sequence));
    ck_assert_uint_eq(sequence, UINT32_MAX);
    ck_assert_uint_eq(sequence_left(next, false), 0);
    ck_assert(!sequence_next(&next, false, &sequence));
    ck_assert_uint_eq(next, block);
    ck_assert_uint_eq(sequence, UINT32_MAX);
    ck_assert(sequence_next(&next, true, &sequence)); /* with ESN the half just ends */
    ck_assert_uint_eq(sequence, block);
    next = UINT64_MAX - 1;
    ck_assert_uint_eq(sequence_left(next, true), 2);
    ck_assert(!sequence_take(&next, true, 3, &sequence));
    ck_assert(sequence_take(&next, true, 2, &sequence));
    ck_assert_uint_eq(sequence, UINT64_MAX - 1);
    ck_assert_uint_eq(sequence_left(next, true), 0);
    ck_assert(!sequence_next(&next, true, &sequence));
}
END_TEST

/* ---- recorded verdicts of the Linux 6.1 receiver --------------------------------------------- */

struct counts {
    unsigned duplicate, too_old, failed;
};

static uint64_t number_of(const json_t *arrival, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(arrival, key));
}

/* The card's receive path with its two ports; true if the packet is accepted. */
static bool receive(struct receiver *r, const json_t *arrival, struct counts *counts)
{
    uint32_t seq_lo = (uint32_t)number_of(arrival, "seq");
    uint64_t sent = r->esn ? number_of(arrival, "seq64") : seq_lo;
    uint64_t number = replay_infer(r->top, seq_lo, r->window, r->esn);
    enum replay_verdict verdict = check(r, number);

    if (verdict != REPLAY_OK) {
        counts->duplicate += verdict == REPLAY_DUPLICATE;
        counts->too_old += verdict == REPLAY_TOO_OLD;
        return false;
    }
    if (json_is_true(json_object_get(arrival, "corrupted")) || number != sent) {
        counts->failed++;
        return false;
    }
    ck_assert_int_eq(commit(r, number), REPLAY_OK);
    return true;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);

    ck_assert_ptr_nonnull(text);
    ck_assert_msg(file != NULL, "no file %s", path);
    ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
    fclose(file);
    return text;
}

static uint64_t hex_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);

    ck_assert_msg(at != NULL, "no \"%s\"", label);
    return strtoull(at + strlen(label), NULL, 16);
}

/* Which of the newest `window` numbers the kernel has seen, by age: seen[0] is the top. A window
 * up to 32 without ESN prints one word, bit 0 the top; else a ring whose words are printed last
 * first, where number n is bit (n - 1) mod window. */
static uint64_t kernel_window(const char *text, uint32_t window, uint8_t *seen)
{
    if (strstr(text, "anti-replay esn context:") == NULL) {
        uint64_t bits = hex_after(text, "bitmap ");

        for (uint32_t age = 0; age < window; age++) {
            seen[age] = bits >> age & 1;
        }
        return hex_after(text, "anti-replay context: seq ");
    }
    uint64_t top = hex_after(text, "seq-hi ") << 32 | hex_after(text, ", seq ");
    const char *at = strstr(text, "bitmap-length ");
    uint32_t words = (uint32_t)strtoul(at + strlen("bitmap-length "), (char **)&at, 10);
    uint32_t map[REPLAY_MAX_WINDOW / 32] = { 0 };

    ck_assert_uint_eq(words, (window + 31) / 32);
    for (uint32_t i = words; i-- > 0;) {
        map[i] = (uint32_t)strtoul(at, (char **)&at, 16);
    }
    for (uint32_t age = 0; age < window; age++) {
        uint32_t bit = (uint32_t)((top - age - 1) % window);

        seen[age] = map[bit / 32] >> bit % 32 & 1;
    }
    return top;
}

static uint64_t count_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);

    ck_assert_msg(at != NULL, "no \"%s\"", label);
    return strtoull(at + strlen(label), NULL, 10);
}

static void compare_state(const struct receiver *r, const char *expect_path, uint64_t initial,
                          const struct counts *counts)
{
    uint8_t seen[REPLAY_MAX_WINDOW];
    char path[512];
    int stem = (int)(strlen(expect_path) - strlen(".expect.json"));

    snprintf(path, sizeof path, "%.*s.state.txt", stem, expect_path);
    char *text = read_text(path);

    ck_assert_uint_eq(r->top, kernel_window(text, r->window, seen));
    for (uint32_t age = 0; age < r->window && r->top - age > initial; age++) {
        enum replay_verdict verdict = check(r, r->top - age);

        ck_assert_msg((verdict == REPLAY_DUPLICATE) == (seen[age] == 1), "%s: number %" PRIu64,
                      path, r->top - age);
    }
    const char *stats = strstr(text, "stats:");

    ck_assert_uint_eq(counts->too_old, count_after(stats, "replay-window "));
    ck_assert_uint_eq(counts->duplicate, count_after(stats, "replay "));
    ck_assert_uint_eq(counts->failed, count_after(stats, "failed "));
    free(text);
}

static void compare_capture(const char *path)
{
    json_error_t error;
    json_t *expect = json_load_file(path, 0, &error);
    struct counts counts = { 0 };
    struct receiver r;
    size_t i;
    json_t *arrival;

    ck_assert_msg(expect != NULL, "%s: %s", path, error.text);
    uint64_t initial = number_of(expect, "receiver_initial_seq64");

    start(&r, (uint32_t)number_of(expect, "replay_window"),
          json_is_true(json_object_get(expect, "esn")), initial);
    ck_assert_uint_eq(json_array_size(json_object_get(expect, "arrivals")),
                      number_of(expect, "packets"));
    json_array_foreach(json_object_get(expect, "arrivals"), i, arrival)
    {
        bool accepted = receive(&r, arrival, &counts);

        ck_assert_msg(accepted == json_is_true(json_object_get(arrival, "accepted")),
                      "%s: arrival %zu, kernel says %s", path, i + 1,
                      json_string_value(json_object_get(arrival, "reason")));
    }
    compare_state(&r, path, initial, &counts);
    json_decref(expect);
}

START_TEST(recorded_verdicts_of_linux)
{
    const char *data = getenv("ESPNIC_DATA");
    char pattern[512];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/captures/linux61-replay-*.expect.json",
             data != NULL ? data : "../shared/data");
    if (glob(pattern, 0, NULL, &found) != 0) {
        printf("SKIP test_replay recorded_verdicts_of_linux: no data at %s\n", pattern);
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        compare_capture(found.gl_pathv[i]);
    }
    ck_assert_uint_ge(found.gl_pathc, 5);
    globfree(&found);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tcase = tcase_create("replay");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_window_agrees_with_a_set_of_everything_received);
    tcase_add_loop_test(tcase, window_agrees_with_a_set_of_everything_received, 0, WINDOWS);
    tcase_add_loop_test(tcase, esn_window_agrees_with_a_set_of_everything_received, 0, WINDOWS);
    tcase_add_test(tcase, inference_is_exact_at_the_edges);
    tcase_add_test(tcase, number_zero_and_first_packets);
    tcase_add_test(tcase, window_of_zero_words_and_their_number);
    tcase_add_loop_test(tcase, dpdk_tables, 0, 3);
    tcase_add_test(tcase, numbering_ends_at_the_last_number);
    tcase_add_test(tcase, recorded_verdicts_of_linux);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
