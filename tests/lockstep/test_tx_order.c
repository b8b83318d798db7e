/* esp_tx that keeps the order of all frames, with deep channels behind the engine: hundreds of short frames in clear wait for a wire
 * that takes nothing, then one comes that has to be encrypted, and must not overtake those before it. Random traffic hardly makes such
 * a row; a ticket of 8 bits is not enough for it. C and RTL side by side, and the frames counted by what stands in them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_sa.h"

#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

enum { BUS = 64, WORDS = 256, LENGTH = 60, PLACE = 50 /* of the number in a frame */, BEHIND = 40 };

static struct cosim_rtl rtl;
static char config[NIC_SOLO_MAX_CONFIG];
static void *c_self, *rtl_self;
static uint32_t c_out[WORDS], rtl_out[WORDS];
static uint32_t popped, encrypted_at;
static bool inside;

static void write_config(void)
{
    size_t used = 0;

    for (uint32_t i = 0; i < nic_solo_esp_tx.param_count; i++) {
        const struct nic_solo_param *p = &nic_solo_esp_tx.params[i];
        uint32_t value = !strcmp(p->name, "ORDER")          ? 1
                         : !strcmp(p->name, "CRYPTO_DEPTH") ? 512
                                                            : p->value;

        used += (size_t)snprintf(config + used, sizeof config - used, "%s%s=%u", i ? " " : "",
                                 p->name, value);
    }
}

/* What leaves: frames in clear bear their number, the encrypted one none. */
static void note_popped(const uint32_t *out)
{
    uint8_t beat[BUS];

    if (!inside) {
        block_get_bytes(out, &out_pins[OUT_OUT_BEAT], beat, BUS);
        if (beat[12] == 0x88 && beat[13] == 0xb5) {
            ck_assert_uint_eq(beat[PLACE] * 256u + beat[PLACE + 1], popped);
        } else {
            encrypted_at = popped;
        }
        popped++;
    }
    inside = !GET(out, OUT_LAST);
}

static void step(uint32_t *in, bool takes)
{
    uint32_t beat[2][BUS / 4 + 1];

    memset(c_out, 0, sizeof c_out);
    memset(rtl_out, 0, sizeof rtl_out);
    nic_solo_esp_tx.ops->outputs(c_self, c_out);
    rtl.ops->outputs(rtl_self, rtl_out);
    ck_assert_uint_eq(GET(c_out, OUT_VALID), GET(rtl_out, OUT_VALID));
    ck_assert_uint_eq(GET(c_out, TX_ROOM), GET(rtl_out, TX_ROOM));
    if (takes && GET(rtl_out, OUT_VALID)) {
        block_get_bytes(c_out, &out_pins[OUT_OUT_BEAT], (uint8_t *)beat[0], BUS);
        block_get_bytes(rtl_out, &out_pins[OUT_OUT_BEAT], (uint8_t *)beat[1], BUS);
        ck_assert_mem_eq(beat[0], beat[1], BUS);
        SET(in, OUT_POP, 1);
        note_popped(rtl_out);
    }
    nic_solo_esp_tx.ops->tick(c_self, in);
    rtl.ops->tick(rtl_self, in);
    ck_assert(!rtl.ops->error(rtl_self));
    memset(in, 0, WORDS * sizeof *in);
}

static bool has_room(void)
{
    nic_solo_esp_tx.ops->outputs(c_self, c_out);
    return GET(c_out, TX_ROOM);
}

/* A frame of one beat: `number` in clear, or an IPv4 packet for the SA. */
static void send(uint32_t *in, uint32_t handle, uint32_t number)
{
    uint8_t bytes[BUS] = { 0 };

    bytes[12] = 0x88; /* for experiments */
    bytes[13] = 0xb5;
    bytes[PLACE] = (uint8_t)(number >> 8);
    bytes[PLACE + 1] = (uint8_t)number;
    if (handle) {
        bytes[12] = 0x08;
        bytes[13] = 0x00;
        bytes[14] = 0x45;
        bytes[17] = LENGTH - 14;
        bytes[23] = 17;
    }
    SET(in, AHEAD_VALID, 1);
    SET(in, AHEAD_LAST, 1);
    SET_BYTES(in, AHEAD_BEAT, bytes, BUS);
    step(in, false);
    while (!has_room()) {
        step(in, false);
    }
    SET(in, TX_VALID, 1);
    SET(in, TX_LAST, 1);
    SET(in, TX_HANDLE, handle);
    SET(in, TX_LENGTH, LENGTH);
    SET_BYTES(in, TX_BEAT, bytes, BUS);
    step(in, false);
}

static void set_sa(uint32_t *in, uint32_t handle)
{
    struct esp_node node = { .dir = ESP_DIR_OUT, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };

    node.src.family = node.dst.family = 4;
    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP, .seq = 1, .spi = 0x1234 };
    node.sa[0].enc = (struct esp_key){ .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 };
    cosim_sa_tx(in, handle & 15, handle, true, &node);
    step(in, false);
}

START_TEST(order_is_kept)
{
    const uint32_t handle = 0x101;
    uint32_t in[WORDS] = { 0 };

    /* one of these is 256 frames behind the one whose turn it is */
    for (uint32_t before = 300; before < 330; before++) {
        nic_solo_esp_tx.ops->reset(c_self);
        rtl.ops->reset(rtl_self);
        popped = encrypted_at = 0;
        set_sa(in, handle);
        for (uint32_t i = 0; i < before; i++) {
            send(in, 0, i);
        }
        send(in, handle, 0);
        for (uint32_t i = 1; i <= BEHIND; i++) {
            send(in, 0, before + i);
        }
        for (unsigned i = 0; i < 200; i++) {
            step(in, false);
        }
        for (unsigned i = 0; i < 1000; i++) {
            step(in, true);
        }
        ck_assert_uint_eq(popped, before + 1 + BEHIND);
        ck_assert_uint_eq(encrypted_at, before);
    }
}
END_TEST

int main(void)
{
    struct cosim_rtl_request request = { .block = "esp_tx", .config = config };
    Suite *s = suite_create("esp_tx order");
    TCase *t = tcase_create("order");
    SRunner *runner;
    enum cosim_rtl_result opened;
    char error[256];
    int failed;

    write_config();
    opened = cosim_rtl_open(&rtl, &request);
    if (opened != COSIM_RTL_OK) {
        puts(opened == COSIM_RTL_NO_TOOL ? "SKIP esp_tx order: no verilator, g++ or make" : "");
        return opened != COSIM_RTL_NO_TOOL;
    }
    c_self = nic_solo_esp_tx.ops->create(config, error, sizeof error);
    rtl_self = rtl.ops->create(config, error, sizeof error);
    if (!c_self || !rtl_self) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    tcase_set_timeout(t, 120);
    tcase_add_test(t, order_is_kept);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nic_solo_esp_tx.ops->destroy(c_self);
    rtl.ops->destroy(rtl_self);
    cosim_rtl_close(&rtl);
    return failed != 0;
}
