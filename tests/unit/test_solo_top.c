/* When sa_fetch looks at the handle of a packet to send: the datapath by itself, cycle by cycle. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_sa.h"
#include "nic/solo.h"

enum {
    WORDS = 1024,
    MAX_PINS = 256,
    INSERT = 0,
    DELETE = 2,
    BUS = 64,
    BYTES = 60, /* of a frame: a beat */
    AHEAD = 32, /* frames */
    LONG_ENOUGH = 3000,
    SOON = 60
};

struct bench {
    void *block;
    struct block_pin in_pin[MAX_PINS], out_pin[MAX_PINS];
    uint32_t in[WORDS], out[WORDS];
};

static const struct block_ops *ops(void)
{
    return nic_solo_ipsec_top.ops;
}

static const struct block_pin *pin(const struct block_pin *all, const char *name)
{
    for (uint32_t i = 0; i < MAX_PINS; i++) {
        if (all[i].name && strcmp(all[i].name, name) == 0) {
            return &all[i];
        }
    }
    ck_abort_msg("no pin %s", name);
}

static void set(struct bench *b, const char *name, uint64_t value)
{
    block_set_pin(b->in, pin(b->in_pin, name), value);
}

static uint64_t get(const struct bench *b, const char *name)
{
    return block_pin(b->out, pin(b->out_pin, name));
}

static void step(struct bench *b)
{
    ops()->tick(b->block, b->in);
    memset(b->in, 0, sizeof b->in);
    ops()->outputs(b->block, b->out);
}

static void start(struct bench *b)
{
    const struct nic_solo_block *top = &nic_solo_ipsec_top;
    char error[256] = "";

    memset(b, 0, sizeof *b);
    ck_assert_uint_le(top->ins, MAX_PINS);
    ck_assert_uint_le(top->outs, MAX_PINS);
    memcpy(b->in_pin, top->in, top->ins * sizeof *top->in);
    memcpy(b->out_pin, top->out, top->outs * sizeof *top->out);
    block_pins_place(b->in_pin, top->ins);
    block_pins_place(b->out_pin, top->outs);
    b->block = ops()->create("SA_TABLE=1 FETCH_DEPTH=2 SEQUENCE_DEPTH=2 ENCAP_DEPTH=2", error,
                             sizeof error);
    ck_assert_msg(b->block != NULL, "%s", error);
    ops()->outputs(b->block, b->out);
}

/* The answer, which is taken; false: there is none within so many cycles. */
static bool answer(struct bench *b, unsigned cycles, uint64_t *handle)
{
    while (!get(b, "RX_RSP_VALID")) {
        if (cycles-- == 0) {
            return false;
        }
        step(b);
    }
    ck_assert_uint_eq(get(b, "RX_RSP_STATUS"), 0);
    *handle = get(b, "RX_RSP_HANDLE");
    set(b, "RX_RSP_READY", 1);
    step(b);
    return true;
}

static uint64_t insert(struct bench *b)
{
    struct esp_node node = { .dir = ESP_DIR_OUT, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    uint64_t handle = 0;

    node.src.family = node.dst.family = 4;
    node.dst.bytes[0] = 10;
    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                  .spi = 0x1234,
                                  .seq = 1,
                                  .enc = { .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 } };
    cosim_sa_tx(b->in + nic_solo_top_places.in[1], 0, 0, true, &node);
    set(b, "TX_CFG_WE", 0);
    set(b, "RX_CMD_VALID", 1);
    set(b, "RX_CMD_OP", INSERT);
    set(b, "RX_CMD_OUT", 1);
    step(b);
    ck_assert(answer(b, SOON, &handle));
    return handle;
}

static void set_frame(struct bench *b, const char *name)
{
    static const uint8_t head[] = {
        2,    0, 0, 0,          0, 1, 2, 0, 0,    0, 0, 2, 8,  0, /* Ethernet */
        0x45, 0, 0, BYTES - 14, 0, 0, 0, 0, 0x40, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
    };
    uint8_t bytes[BUS] = { 0 };

    memcpy(bytes, head, sizeof head);
    block_set_bytes(b->in, pin(b->in_pin, name), bytes, BUS);
}

/* As many frames as there is room for; nobody takes what comes out. The C block wants to have them before. */
static void fill(struct bench *b, uint64_t handle)
{
    unsigned sent = 0, shown = 0;

    for (unsigned i = 0; i < LONG_ENOUGH; i++) {
        if (get(b, "TX_TX_ROOM") && sent < shown) {
            set(b, "TX_TX_VALID", 1);
            set(b, "TX_TX_LAST", 1);
            set(b, "TX_TX_HANDLE", handle);
            set(b, "TX_TX_LENGTH", BYTES);
            set_frame(b, "TX_TX_BEAT");
            sent++;
        }
        if (shown < sent + AHEAD) {
            set(b, "TX_AHEAD_VALID", 1);
            set(b, "TX_AHEAD_LAST", 1);
            set_frame(b, "TX_AHEAD_BEAT");
            shown++;
        }
        step(b);
    }
    ck_assert_uint_lt(sent, LONG_ENOUGH / 2);
}

/* A frame that waits for room in sa_fetch holds nothing. When its SA goes it is refused, for which it needs no room; those
 * that are further on hold the SA until they leave. */
START_TEST(refused_while_it_waits)
{
    struct bench b;
    uint64_t handle, gone;

    start(&b);
    handle = insert(&b);
    fill(&b, handle);
    ck_assert_uint_eq(get(&b, "TX_COUNT_UNKNOWN_HANDLE"), 0);
    set(&b, "RX_CMD_VALID", 1);
    set(&b, "RX_CMD_OP", DELETE);
    set(&b, "RX_CMD_HANDLE", handle);
    step(&b);
    ck_assert(!answer(&b, LONG_ENOUGH, &gone));
    ck_assert_uint_gt(get(&b, "TX_COUNT_UNKNOWN_HANDLE"), 0);
    for (unsigned i = 0; i < LONG_ENOUGH; i++) {
        set(&b, "TX_OUT_POP", get(&b, "TX_OUT_VALID"));
        step(&b);
    }
    ck_assert(answer(&b, 0, &gone));
    ck_assert_uint_eq(gone, handle);
    ops()->destroy(b.block);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("the datapath alone");
    TCase *cases = tcase_create("the datapath alone");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_test(cases, refused_while_it_waits);
    suite_add_tcase(s, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
