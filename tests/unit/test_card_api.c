/* The card through its public API alone: a minimal driver in 100 lines posts receive buffers, and ESP
 * frames recorded from Linux come out as the inner packets that Linux had recorded on its clear side. */
#include "engine/describe.h"
#include "espnic.h"
#include "nic/abi.h"
#include "nic/config.h"
#include "nic/nic.h"
#include "pcie_model/registers.h"
#include "traces/capture.h"
#include "traces/recording.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { RX_ENTRIES = 1024, BUFFER = 2048, MEMORY = 8 << 20 };
enum { RX_RING = 0x10000, RX_DONE = 0x20000, BUFFERS = 0x100000 };

struct bench {
    uint8_t *memory;
    uint32_t seen; /* receive completions looked at */
    uint64_t last_time;
    struct capture *expected;
    unsigned matched, processed;
};

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct bench *b = self;

    (void)time;
    ck_assert(address + length <= MEMORY);
    return b->memory + address;
}

static void check_delivery(struct bench *b, const struct abi_rx_completion *c)
{
    struct capture_packet want;
    const uint8_t *got = b->memory + BUFFERS + c->cookie * BUFFER;

    b->processed += (c->offload_word & ABI_RX_CRYPTO_DONE) != 0;
    ck_assert_uint_eq(c->offload_word >> ABI_RX_CRYPTO_STATUS_LSB, ABI_CRYPTO_SUCCESS);
    ck_assert_int_eq(capture_next(b->expected, &want), CAPTURE_OK);
    ck_assert_uint_eq(c->length, want.length);
    ck_assert_mem_eq(got + 14, want.bytes + 14, want.length - 14);
    b->matched++;
}

static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    struct bench *b = self;
    const struct abi_rx_completion *c;

    ck_assert_uint_ge(time, b->last_time);
    b->last_time = time;
    ck_assert(address + length <= MEMORY);
    ck_assert_ptr_nonnull(bytes);
    memcpy(b->memory + address, bytes, length);
    if (address >= RX_DONE && address < RX_DONE + RX_ENTRIES * sizeof *c) {
        c = (const struct abi_rx_completion *)(const void *)(b->memory + address);
        ck_assert_uint_eq((c->flags & ABI_PHASE) != 0, !(b->seen & RX_ENTRIES));
        ck_assert_uint_eq((address - RX_DONE) / sizeof *c, b->seen % RX_ENTRIES);
        b->seen++;
        check_delivery(b, c);
    }
}

static void msix(void *self, uint64_t time, unsigned vector)
{
    (void)self;
    (void)time;
    (void)vector;
}

static void mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    (void)self;
    (void)time;
    (void)tag;
    (void)value;
    ck_assert(ok);
}

static void wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    (void)self;
    (void)time;
    (void)port;
    (void)frame;
    ck_abort_msg("nothing was sent");
}

static void wire_ready(void *self, uint64_t time, unsigned port)
{
    (void)self;
    (void)time;
    (void)port;
}

static void post_buffers(struct bench *b, struct espnic *card)
{
    for (uint32_t i = 0; i < RX_ENTRIES; i++) {
        struct abi_rx_descriptor d = { .address = BUFFERS + i * BUFFER,
                                       .length = BUFFER,
                                       .cookie = i };

        memcpy(b->memory + RX_RING + i * sizeof d, &d, sizeof d);
    }
    espnic_mmio_write(card, 0, REG_RX_BASE_OFFSET, 8, RX_RING);
    espnic_mmio_write(card, 0, REG_RX_DONE_BASE_OFFSET, 8, RX_DONE);
    espnic_mmio_write(card, 0, REG_RX_SIZE_OFFSET, 4, RX_ENTRIES);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(card, 0, REG_RX_TAIL_OFFSET, 4, RX_ENTRIES);
}

static const char *data_folder(void)
{
    const char *d = getenv("ESPNIC_DATA");

    return d ? d : "../shared/data";
}

static void preload(struct espnic *card, const char *name)
{
    char command[512];
    char error[RECORDING_ERROR_SIZE];
    struct recording_record record = { 0 };
    struct recording *r;
    FILE *pipe;
    unsigned added = 0;

    snprintf(command, sizeof command, "python3 %s/sa2oids.py %s/captures/%s.sa.json all",
             data_folder(), data_folder(), name);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c): the test's own command */
    ck_assert_ptr_nonnull(pipe);
    r = recording_open_stream(pipe, "sa2oids", error, sizeof error);
    ck_assert_msg(r != NULL, "%s", error);
    while (recording_next(r, &record) == RECORDING_OK) {
        uint64_t handle;
        enum sa_reason reason;

        ck_assert(espnic_preload_add(card, &record.nodes[0], &handle, &reason));
        added++;
    }
    ck_assert_uint_ge(added, 1);
    recording_record_free(&record);
    recording_close(r);
}

static unsigned run_capture(const char *name, uint64_t *end)
{
    struct bench b = { .memory = calloc(1, MEMORY) };
    struct espnic_ports ports = { &b, dma_read, dma_write, msix, mmio_done, wire_tx, wire_ready, NULL };
    struct espnic_options options = { .functional = true, .backend = "auto" };
    struct nic_config *config = espnic_config_create();
    char error[512];
    char path[512];
    struct espnic *card;
    struct capture *wire;
    struct capture_packet packet;
    unsigned frames = 0;

    card = espnic_create(config, &options, &ports, error, sizeof error);
    espnic_config_destroy(config); /* it was copied */
    ck_assert_msg(card != NULL, "%s", error);
    post_buffers(&b, card);
    preload(card, name);
    espnic_advance(card, 10000000);
    snprintf(path, sizeof path, "%s/captures/%s.clear.pcap", data_folder(), name);
    b.expected = capture_open(path, NULL, error, sizeof error);
    ck_assert_msg(b.expected != NULL, "%s", error);
    snprintf(path, sizeof path, "%s/captures/%s.pcap", data_folder(), name);
    wire = capture_open(path, "esp", error, sizeof error);
    ck_assert_msg(wire != NULL, "%s", error);
    while (capture_next(wire, &packet) == CAPTURE_OK) {
        struct espnic_frame f = { .bytes = packet.bytes,
                                  .captured = packet.captured,
                                  .length = packet.length };

        ck_assert(espnic_wire_rx(card, 0, espnic_now(card), &f));
        frames++;
        espnic_advance(card, espnic_now(card) + 200000);
    }
    while (espnic_next_event(card) != ESPNIC_NEVER) {
        espnic_advance(card, espnic_next_event(card));
    }
    ck_assert_msg(nic_check_books(card, error, sizeof error), "%s", error);
    ck_assert_uint_eq(b.matched, frames);
    ck_assert_uint_eq(b.processed, frames);
    *end = b.last_time;
    capture_close(wire);
    capture_close(b.expected);
    espnic_destroy(card);
    free(b.memory);
    return frames;
}

START_TEST(linux_gcm_tunnel_comes_out_clear)
{
    uint64_t first;
    uint64_t second;
    char path[512];
    FILE *there;

    snprintf(path, sizeof path, "%s/captures/linux61-01-gcm128-tunnel4in4.pcap", data_folder());
    there = fopen(path, "r");
    if (!there) {
        printf("SKIP test_card_api: no data at %s\n", data_folder());
        return;
    }
    fclose(there);
    ck_assert_uint_eq(run_capture("linux61-01-gcm128-tunnel4in4", &first), 94);
    ck_assert_uint_eq(run_capture("linux61-01-gcm128-tunnel4in4", &second), 94);
    ck_assert_uint_eq(first, second);
}
END_TEST

START_TEST(configuration_by_name)
{
    struct bench b = { 0 };
    struct espnic_ports ports = { &b, dma_read, dma_write, msix, mmio_done, wire_tx, wire_ready, NULL };
    struct espnic_options options = { .functional = true, .backend = "no-such" };
    struct nic_config *config = espnic_config_create();
    char error[512] = "";

    ck_assert_uint_eq(config->crypto.engines, 1);
    ck_assert(espnic_config_set(config, "card.crypto.engines", "3", error, sizeof error));
    ck_assert_uint_eq(config->crypto.engines, 3);
    ck_assert(espnic_config_set(config, "card.mac.rate", "25Gbps", error, sizeof error));
    ck_assert_uint_eq(config->mac.rate, 25000000000ull);
    ck_assert(!espnic_config_set(config, "card.crypto.engine", "3", error, sizeof error));
    ck_assert_str_eq(error, "unknown parameter card.crypto.engine; the nearest is "
                            "card.crypto.engines");
    ck_assert(!espnic_config_set(config, "card.crypto.engines", "3B", error, sizeof error));
    ck_assert_msg(strstr(error, "card.crypto.engines: found \"3B\""), "%s", error);
    ck_assert_ptr_null(espnic_create(config, &options, &ports, error, sizeof error));
    ck_assert_msg(strstr(error, "no-such"), "%s", error);
    ck_assert(espnic_config_set(config, "card.bus", "48B", error, sizeof error));
    options.backend = "auto";
    ck_assert_ptr_null(espnic_create(config, &options, &ports, error, sizeof error));
    ck_assert_msg(strstr(error, "card.bus: found 48"), "%s", error);
    espnic_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("card_api");
    TCase *c = tcase_create("receive");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 0);
    tcase_add_test(c, configuration_by_name);
    tcase_add_test(c, linux_gcm_tunnel_comes_out_clear);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
