/* Registers over PCIe: a read sees what the writes before it have done, however slow the card's clock is; what it
 * costs; how accesses that no register allows are answered. Beside the card a plain array of what was written. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "espnic.h"
#include "nic/nic.h"
#include "pcie_model/registers.h"

enum { ACCESSES = 400 };

struct bench {
    uint64_t answer[ACCESSES], time[ACCESSES];
    bool ok[ACCESSES];
    unsigned answers;
};

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    (void)self;
    (void)time;
    (void)address;
    (void)length;
    return NULL;
}

static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    (void)self;
    (void)time;
    (void)address;
    (void)bytes;
    (void)length;
}

static void msix(void *self, uint64_t time, unsigned vector)
{
    (void)self;
    (void)time;
    (void)vector;
}

static void mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct bench *b = self;

    ck_assert_uint_lt(tag, ACCESSES);
    b->answer[tag] = value;
    b->time[tag] = time;
    b->ok[tag] = ok;
    b->answers++;
}

static void wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    (void)self;
    (void)time;
    (void)port;
    (void)frame;
}

static void wire_ready(void *self, uint64_t time, unsigned port)
{
    (void)self;
    (void)time;
    (void)port;
}

static void set(struct nic_config *config, const char *path, const char *value)
{
    char error[512];

    ck_assert_msg(espnic_config_set(config, path, value, error, sizeof error), "%s", error);
}

static struct espnic *make(struct bench *b, struct nic_config *config)
{
    struct espnic_ports ports = { .self = b,
                                  .dma_read = dma_read,
                                  .dma_write = dma_write,
                                  .msix = msix,
                                  .mmio_done = mmio_done,
                                  .wire_tx = wire_tx,
                                  .wire_ready = wire_ready };
    struct espnic_options options = { .backend = "auto" };
    char error[512];
    struct espnic *card = espnic_create(config, &options, &ports, error, sizeof error);

    ck_assert_msg(card != NULL, "%s", error);
    memset(b, 0, sizeof *b);
    return card;
}

static void run_out(struct espnic *card)
{
    while (espnic_next_event(card) != ESPNIC_NEVER) {
        espnic_advance(card, espnic_next_event(card));
    }
}

/* ---- order -------------------------------------------------------------------------------------- */

/* Registers that keep what is written. */
static const struct {
    uint32_t offset, bytes;
} plain[] = { { REG_TX_BASE_OFFSET, 8 },      { REG_RX_DONE_BASE_OFFSET, 8 },
              { REG_CMD_BASE_OFFSET, 8 },     { REG_INT_HOLDOFF_OFFSET, 4 },
              { REG_INT_COALESCE_OFFSET, 4 }, { REG_INT_ENABLE_OFFSET, 4 } };

enum { PLAIN = sizeof plain / sizeof plain[0] };

static const struct {
    const char *clock, *sync;
} crossings[] = { { "10MHz", "2" }, { "250MHz", "1" }, { "500MHz", "8" }, { "3GHz", "2" } };

/* Bursts of writes and reads, one right behind the other. */
static void random_accesses(struct espnic *card, struct rng *r, uint64_t want[ACCESSES],
                            bool read[ACCESSES])
{
    uint64_t value[PLAIN] = { 0, 0, 0, 0, 1, 0 };
    uint64_t at = 0;

    for (unsigned i = 0; i < ACCESSES; i++) {
        unsigned p = (unsigned)rng_below(r, PLAIN);

        at += rng_below(r, 10) ? 0 : rng_below(r, 1000000);
        read[i] = rng_below(r, 2);
        if (read[i]) {
            want[i] = value[p];
            espnic_mmio_read(card, at, plain[p].offset, plain[p].bytes, i);
        } else {
            value[p] = plain[p].bytes == 8 ? rng_next(r) : (uint32_t)rng_next(r);
            espnic_mmio_write(card, at, plain[p].offset, plain[p].bytes, value[p]);
        }
    }
}

START_TEST(read_behind_writes)
{
    struct nic_config *config = espnic_config_create();
    struct rng r = rng_stream(17, (uint64_t)_i);
    uint64_t want[ACCESSES];
    bool read[ACCESSES];
    struct bench b;
    struct espnic *card;
    unsigned reads = 0;

    set(config, "card.clock", crossings[_i].clock);
    set(config, "card.sync", crossings[_i].sync);
    card = make(&b, config);
    random_accesses(card, &r, want, read);
    run_out(card);
    for (unsigned i = 0; i < ACCESSES; i++) {
        ck_assert_int_eq(b.ok[i], read[i]);
        ck_assert_msg(!read[i] || b.answer[i] == want[i], "access %u: read %llx, written %llx", i,
                      (unsigned long long)b.answer[i], (unsigned long long)want[i]);
        reads += read[i];
    }
    ck_assert_uint_eq(b.answers, reads);
    ck_assert_uint_gt(reads, ACCESSES / 3);
    espnic_destroy(card);
    espnic_config_destroy(config);
}
END_TEST

/* A reset is under way as soon as a driver can ask: it cannot take the state before for the one after. */
START_TEST(status_behind_reset)
{
    struct nic_config *config = espnic_config_create();
    struct bench b;
    struct espnic *card;

    set(config, "card.clock", "10MHz");
    card = make(&b, config);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, REG_PUT(CTRL, RESET, 0, 1));
    espnic_mmio_read(card, 0, REG_STATUS_OFFSET, 4, 0);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 0);
    espnic_mmio_read(card, 0, REG_STATUS_OFFSET, 4, 1);
    run_out(card);
    ck_assert_uint_eq(REG_GET(STATUS, RESETTING, b.answer[0]), 1);
    ck_assert_uint_eq(REG_GET(STATUS, READY, b.answer[1]), 1);
    espnic_destroy(card);
    espnic_config_destroy(config);
}
END_TEST

/* ---- time --------------------------------------------------------------------------------------- */

static uint64_t up_to(uint64_t ps, uint64_t period)
{
    return (ps + period - 1) / period * period;
}

/* Gen1 x1: a byte takes 4000 ps. The request has 20 bytes, latencies are 100 ns; the second edge of the 1 MHz clock
 * behind its arrival reads, the second byte time behind that can begin the completion of 24. */
START_TEST(what_a_read_takes)
{
    enum { BYTE = 4000, LATENCY = 100000, PERIOD = 1000000 };
    struct nic_config *config = espnic_config_create();
    uint64_t arrives = 20 * BYTE + LATENCY;
    uint64_t sampled = up_to(arrives + 1, PERIOD) + PERIOD;
    struct bench b;
    struct espnic *card;

    set(config, "card.clock", "1MHz");
    set(config, "card.pcie.generation", "1");
    set(config, "card.pcie.lanes", "1");
    set(config, "card.pcie.address64", "false");
    set(config, "card.pcie.up_ps", "100ns");
    set(config, "card.pcie.down_ps", "100ns");
    card = make(&b, config);
    espnic_mmio_read(card, 0, REG_ID_OFFSET, 4, 0);
    run_out(card);
    ck_assert_uint_eq(b.time[0], up_to(sampled + 1, BYTE) + BYTE + 24 * BYTE + LATENCY);
    espnic_destroy(card);
    espnic_config_destroy(config);
}
END_TEST

/* ---- refused accesses ----------------------------------------------------------------------------- */

static uint64_t link_counter(struct espnic *card, const char *name)
{
    struct stat_registry registry = { 0 };

    nic_register_stats(card, &registry);
    for (size_t g = 0; g < registry.count; g++) {
        const struct stat_group *group = &registry.groups[g];

        for (size_t i = 0; strcmp(group->path, "pcie") == 0 && i < group->count; i++) {
            if (strcmp(group->stats[i].name, name) == 0) {
                uint64_t value;

                memcpy(&value, (const char *)group->base + group->stats[i].offset, sizeof value);
                return value;
            }
        }
    }
    ck_abort_msg("no counter %s", name);
    return 0;
}

/* Where there is no register: unsupported request. A register that is there, but not like that: Completer Abort. The
 * CPU gets all ones from either. */
START_TEST(refused)
{
    static const struct {
        uint32_t offset, bytes;
    } unsupported[] = { { 0x800, 4 }, { REG_BAR_BYTES, 8 }, { REG_SECTXCTRL_OFFSET, 4 } };
    static const struct {
        uint32_t offset, bytes;
    } aborted[] = { { REG_ID_OFFSET, 1 },
                    { REG_ID_OFFSET, 2 },
                    { REG_CTRL_OFFSET, 8 },
                    { REG_TX_BASE_OFFSET + 4, 8 } };
    struct nic_config *config = espnic_config_create();
    struct bench b;
    struct espnic *card = make(&b, config);

    for (unsigned i = 0; i < 3; i++) {
        espnic_mmio_read(card, 0, unsupported[i].offset, unsupported[i].bytes, i);
    }
    for (unsigned i = 0; i < 4; i++) {
        espnic_mmio_read(card, 0, aborted[i].offset, aborted[i].bytes, 3 + i);
    }
    espnic_mmio_read(card, 0, REG_ID_OFFSET, 4, 7);
    run_out(card);
    for (unsigned i = 0; i < 7; i++) {
        ck_assert(!b.ok[i]);
        ck_assert_uint_eq(b.answer[i], UINT64_MAX);
    }
    ck_assert(b.ok[7]);
    ck_assert_uint_eq(link_counter(card, "unsupported_mmio"), 3);
    ck_assert_uint_eq(link_counter(card, "aborted_mmio"), 4);
    espnic_destroy(card);
    espnic_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("card_registers");
    TCase *c = tcase_create("card_registers");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 100);
    tcase_add_loop_test(c, read_behind_writes, 0, sizeof crossings / sizeof crossings[0]);
    tcase_add_test(c, status_behind_reset);
    tcase_add_test(c, what_a_read_takes);
    tcase_add_test(c, refused);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
