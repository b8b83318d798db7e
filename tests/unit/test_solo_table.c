/* When sa_lookup looks, and what the command processor sees in a cycle: the block by itself, cycle by cycle. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo.h"

#define PINS_FILE "nic/pins_sa_table.def"
#include "cli/cosim_pins.h"

enum {
    WORDS = 64,
    SPI = 0x1234,
    DST = 0x0a000001,
    INSERT = 0,
    DELETE = 2,
    ADD_CYCLES = 8,
    REMOVE_CYCLES = 6
};
enum { LATENCY = 2, DEPTH = 2, ACCESSES = 2, PACE = 2, OK = 0 };

/* With little room behind the look-up, and with enough for a packet a cycle. */
#define CONFIG(depth)                                                                              \
    "MEMORIES=2 BUCKETS=16 WAYS=4 STASH=2 ENTRIES=64 LATENCY=2 OVERHEAD=0 DEPTH=" depth            \
    " LOOKUP_PORT=0 LOOKUP_PACE=2 ADD_CYCLES=8 UPDATE_CYCLES=4 REMOVE_CYCLES=6 COMMANDS=4 IN_DEPTH=8"

struct bench {
    void *block;
    uint32_t in[WORDS], out[WORDS];
};

static const struct block_ops *ops(void)
{
    return nic_solo_sa_table.ops;
}

static void look(struct bench *b)
{
    memset(b->in, 0, sizeof b->in);
    ops()->outputs(b->block, b->out);
}

static void step(struct bench *b)
{
    ops()->tick(b->block, b->in);
    look(b);
}

static void start(struct bench *b, const char *config)
{
    char error[256] = "";

    b->block = ops()->create(config, error, sizeof error);
    ck_assert_msg(b->block != NULL, "%s", error);
    look(b);
}

static void order(struct bench *b, unsigned op, uint64_t handle)
{
    SET(b->in, CMD_VALID, 1);
    SET(b->in, CMD_OP, op);
    SET(b->in, CMD_HANDLE, handle);
    SET(b->in, CMD_SPI, SPI);
    SET(b->in, CMD_DST_LOW, DST);
}

static void packet(struct bench *b)
{
    SET(b->in, PKT_VALID, 1);
    SET(b->in, PKT_LAST, 1);
    SET(b->in, PKT_BEATS, 1);
    SET(b->in, PKT_SPI, SPI);
    SET(b->in, PKT_DST_LOW, DST);
}

/* Cycles until there is a response, which is taken. */
static unsigned answer(struct bench *b, uint64_t *handle)
{
    unsigned cycles = 0;

    while (!GET(b->out, RSP_VALID)) {
        ck_assert_uint_lt(cycles, 200);
        step(b);
        cycles++;
    }
    ck_assert_uint_eq(GET(b->out, RSP_STATUS), OK);
    *handle = GET(b->out, RSP_HANDLE);
    SET(b->in, RSP_READY, 1);
    step(b);
    return cycles;
}

static uint64_t insert(struct bench *b)
{
    uint64_t handle;

    order(b, INSERT, 0);
    step(b);
    /* begins in the next cycle; shows in the one after its end */
    ck_assert_uint_eq(answer(b, &handle), ADD_CYCLES + ACCESSES * PACE + 1);
    return handle;
}

/* The packet that comes out next: did it hit? */
static bool take(struct bench *b)
{
    unsigned cycles = 0;
    bool hit;

    while (!GET(b->out, FOUND_VALID)) {
        ck_assert_uint_lt(cycles++, 200);
        step(b);
    }
    hit = GET(b->out, FOUND_HIT);
    SET(b->in, FOUND_POP, 1);
    step(b);
    return hit;
}

/* A packet that waits for room has not been looked up: it holds nothing, and does not find what goes in the meantime. */
START_TEST(look_up_when_it_begins)
{
    struct bench b;
    uint64_t handle, gone;
    unsigned cycles;

    start(&b, CONFIG("2"));
    handle = insert(&b);
    for (unsigned i = 0; i < DEPTH + 1; i++) {
        packet(&b);
        step(&b);
    }
    for (unsigned i = 0; i < 20; i++) {
        step(&b);
    }
    /* two stand behind the look-up and hold the SA, one before it */
    for (unsigned i = 0; i < DEPTH; i++) {
        SET(b.in, REL_VALID, 1);
        SET(b.in, REL_ENTRY, (uint32_t)handle);
        step(&b);
    }
    order(&b, DELETE, handle);
    step(&b);
    cycles = answer(&b, &gone);
    ck_assert_uint_eq(cycles, REMOVE_CYCLES + ACCESSES * PACE + 1);
    ck_assert(take(&b));
    ck_assert(take(&b));
    ck_assert(!take(&b));
    ops()->destroy(b.block);
}
END_TEST

/* From the cycle after the work on a DELETE has begun nothing is found; from the cycle after the end of an INSERT it is. */
START_TEST(found_from_when_on)
{
    enum { CYCLES = 60 };
    struct bench b;
    uint64_t handle;
    unsigned hits = 0, misses = 0, first = CYCLES, last = 0;

    start(&b, CONFIG("8"));
    handle = _i ? insert(&b) : 0;
    for (unsigned i = 0; i < CYCLES; i++) {
        if (i == 10) {
            order(&b, _i ? DELETE : INSERT, handle);
        }
        packet(&b);
        if (GET(b.out, FOUND_VALID)) {
            /* taken LATENCY + 1 cycles before it shows */
            bool hit = GET(b.out, FOUND_HIT);

            first = hit && i < first ? i - LATENCY - 1 : first;
            last = hit ? i - LATENCY - 1 : last;
            hits += hit;
            misses += !hit;
            SET(b.in, FOUND_POP, 1);
        }
        step(&b);
    }
    ck_assert_uint_gt(hits, 5);
    ck_assert_uint_gt(misses, 5);
    if (_i) { /* begins in 11 */
        ck_assert_uint_eq(last, 11);
    } else { /* begins in 11, ends 12 cycles later */
        ck_assert_uint_eq(first, 11 + ADD_CYCLES + ACCESSES * PACE + 1);
    }
    ops()->destroy(b.block);
}
END_TEST

/* The response to the DELETE of an SA in use shows in the cycle after its release. */
START_TEST(delete_waits_for_the_last)
{
    struct bench b;
    uint64_t handle, gone;

    start(&b, CONFIG("8"));
    handle = insert(&b);
    packet(&b);
    step(&b);
    ck_assert(take(&b));
    order(&b, DELETE, handle);
    for (unsigned i = 0; i < 100; i++) {
        step(&b);
        ck_assert(!GET(b.out, RSP_VALID));
    }
    SET(b.in, REL_VALID, 1);
    SET(b.in, REL_ENTRY, (uint32_t)handle);
    step(&b);
    ck_assert_uint_eq(answer(&b, &gone), 0);
    ck_assert_uint_eq(gone, handle);
    /* the place comes again, with another generation */
    ck_assert_uint_eq(insert(&b), handle + (UINT64_C(1) << 32));
    ops()->destroy(b.block);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sa_lookup and commands alone");
    TCase *cases = tcase_create("sa_lookup and commands alone");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_test(cases, look_up_when_it_begins);
    tcase_add_loop_test(cases, found_from_when_on, 0, 2);
    tcase_add_test(cases, delete_waits_for_the_last);
    suite_add_tcase(s, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
