/* Rings at addresses where there is no memory: the bus answers, the card says so and stops, nothing crashes. A
 * driver that programs nonsense is what this is about: sizes, doorbells, registers that do not exist. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "espnic.h"
#include "nic/abi.h"
#include "nic/ndis.h"
#include "nic/nic.h"
#include "pcie_model/registers.h"

enum { MEMORY = 1 << 20 };

struct bench {
    uint8_t *memory;
    uint64_t answer; /* of the last register read */
    bool ok;
    unsigned reads, outside;
    bool everywhere; /* there is memory, without contents beyond MEMORY */
    unsigned late_reads;
};

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct bench *b = self;

    (void)time;
    if (b->everywhere && address >= MEMORY) {
        b->late_reads++;
        return NULL;
    }
    ck_assert(address + length <= MEMORY); /* the card asks dma_mapped() first */
    return b->memory + address;
}

static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    struct bench *b = self;

    (void)time;
    if (b->everywhere && address >= MEMORY) {
        return;
    }
    ck_assert(address + length <= MEMORY);
    if (bytes) {
        memcpy(b->memory + address, bytes, length);
    }
}

static bool dma_mapped(void *self, uint64_t address, uint32_t length)
{
    struct bench *b = self;
    bool inside = b->everywhere || (address < MEMORY && length <= MEMORY - address);

    b->outside += !inside;
    return inside;
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

    (void)time;
    (void)tag;
    b->answer = value;
    b->ok = ok;
    b->reads++;
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

static struct espnic *make(struct bench *b)
{
    struct espnic_ports ports = { .self = b,
                                  .dma_read = dma_read,
                                  .dma_write = dma_write,
                                  .dma_mapped = dma_mapped,
                                  .msix = msix,
                                  .mmio_done = mmio_done,
                                  .wire_tx = wire_tx,
                                  .wire_ready = wire_ready };
    struct espnic_options options = { .functional = true, .backend = "auto" };
    struct nic_config *config = espnic_config_create();
    char error[512];
    struct espnic *card;

    memset(b, 0, sizeof *b);
    b->memory = calloc(1, MEMORY);
    card = espnic_create(config, &options, &ports, error, sizeof error);
    espnic_config_destroy(config);
    ck_assert_msg(card != NULL, "%s", error);
    return card;
}

static void run_out(struct espnic *card)
{
    while (espnic_next_event(card) != ESPNIC_NEVER) {
        espnic_advance(card, espnic_next_event(card));
    }
}

static uint64_t read_register(struct bench *b, struct espnic *card, uint32_t offset)
{
    unsigned before = b->reads;

    espnic_mmio_read(card, espnic_now(card), offset, 4, 0);
    run_out(card);
    ck_assert_uint_eq(b->reads, before + 1);
    return b->answer;
}

/* Descriptors that cannot be read are asked for again some times; then the card stops and says so. */
static void ring_outside(uint32_t base, uint32_t size, uint32_t tail, uint32_t posted)
{
    struct bench b;
    struct espnic *card = make(&b);
    uint64_t failures;
    char text[1024];

    espnic_mmio_write(card, 0, base, 8, 0x7000000000ull);
    espnic_mmio_write(card, 0, size, 4, 256);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(card, 0, tail, 4, posted);
    run_out(card);
    ck_assert_uint_ge(b.outside, 2);
    ck_assert_uint_ge(nic_statistics(card)->dma_failures, 16);
    ck_assert_uint_lt(nic_statistics(card)->dma_failures, 64);
    ck_assert(read_register(&b, card, REG_STATUS_OFFSET) >> REG_STATUS_DMA_ERROR_LSB & 1);
    nic_explain_standstill(card, text, sizeof text);
    ck_assert_msg(strstr(text, "0x7000000000 (unsupported request"), "%s", text);

    /* enabling changes nothing; a reset ends it, and what is still owed is asked for again */
    espnic_mmio_write(card, espnic_now(card), REG_CTRL_OFFSET, 4, 5);
    ck_assert(read_register(&b, card, REG_STATUS_OFFSET) >> REG_STATUS_DMA_ERROR_LSB & 1);
    failures = nic_statistics(card)->dma_failures;
    espnic_mmio_write(card, espnic_now(card), REG_CTRL_OFFSET, 4, 2);
    b.everywhere = true;
    espnic_mmio_write(card, espnic_now(card), REG_CTRL_OFFSET, 4, 5);
    run_out(card);
    ck_assert_uint_eq(read_register(&b, card, REG_STATUS_OFFSET) >> REG_STATUS_DMA_ERROR_LSB & 1,
                      0);
    ck_assert_uint_eq(nic_statistics(card)->dma_failures, failures);
    ck_assert_uint_ge(b.late_reads, 1);
    espnic_destroy(card);
    free(b.memory);
}

START_TEST(rings_where_there_is_no_memory)
{
    ring_outside(REG_TX_BASE_OFFSET, REG_TX_SIZE_OFFSET, REG_TX_TAIL_OFFSET, 8);
    ring_outside(REG_RX_BASE_OFFSET, REG_RX_SIZE_OFFSET, REG_RX_TAIL_OFFSET, 200);
    ring_outside(REG_CMD_BASE_OFFSET, REG_CMD_SIZE_OFFSET, REG_CMD_TAIL_OFFSET, 1);
}
END_TEST

/* The payload alone is lost: the descriptor completes as failed, and the next one works. */
START_TEST(payload_where_there_is_no_memory)
{
    enum { RING = 0x1000, DONE = 0x8000 };
    struct bench b;
    struct espnic *card = make(&b);
    struct abi_tx_descriptor d = { .address = 0x7000000000ull, .length = 100, .tag = 77 };
    struct abi_tx_completion c;

    memcpy(b.memory + RING, &d, sizeof d);
    espnic_mmio_write(card, 0, REG_TX_BASE_OFFSET, 8, RING);
    espnic_mmio_write(card, 0, REG_TX_DONE_BASE_OFFSET, 8, DONE);
    espnic_mmio_write(card, 0, REG_TX_SIZE_OFFSET, 4, 256);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(card, 0, REG_TX_TAIL_OFFSET, 4, 1);
    run_out(card);
    memcpy(&c, b.memory + DONE, sizeof c);
    ck_assert_uint_eq(c.tag, 77);
    ck_assert_uint_eq(c.status, (uint32_t)ABI_TX_FAILED);
    ck_assert_uint_eq(c.reason, NIC_DROP_DMA_ERROR);
    ck_assert_uint_eq(nic_statistics(card)->tx.drop[NIC_DROP_DMA_ERROR], 1);
    ck_assert(!(read_register(&b, card, REG_STATUS_OFFSET) >> REG_STATUS_DMA_ERROR_LSB & 1));
    espnic_destroy(card);
    free(b.memory);
}
END_TEST

/* Completions that land nowhere: the frame has left, and is counted; the card goes on. */
START_TEST(received_packets_without_a_place)
{
    enum { RING = 0x1000 };
    static const uint8_t frame[64] = { [12] = 8 };
    struct espnic_frame f = { .bytes = frame, .captured = 64, .length = 64 };
    struct abi_rx_descriptor d = { .address = 0x10000, .length = 2048 };
    struct bench b;
    struct espnic *card = make(&b);
    char error[512];

    for (unsigned i = 0; i < 8; i++) {
        memcpy(b.memory + RING + i * sizeof d, &d, sizeof d);
    }
    espnic_mmio_write(card, 0, REG_RX_BASE_OFFSET, 8, RING);
    espnic_mmio_write(card, 0, REG_RX_DONE_BASE_OFFSET, 8, 0x7000000000ull);
    espnic_mmio_write(card, 0, REG_RX_SIZE_OFFSET, 4, 8);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(card, 0, REG_RX_TAIL_OFFSET, 4, 8);
    run_out(card);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(espnic_wire_rx(card, 0, espnic_now(card), &f));
        run_out(card);
    }
    ck_assert_uint_eq(nic_statistics(card)->rx.drop[NIC_DROP_DMA_ERROR], 4);
    ck_assert_uint_eq(nic_statistics(card)->rx.packets_out, 0);
    ck_assert_msg(nic_check_books(card, error, sizeof error), "%s", error);
    espnic_destroy(card);
    free(b.memory);
}
END_TEST

/* A packet of which nothing was captured and nothing was there: a completion, and no byte beside it. */
START_TEST(a_packet_of_no_bytes)
{
    enum { RING = 0x1000, DONE = 0x2000, BUFFER = 0x3000 };
    struct abi_rx_descriptor d = { .address = BUFFER, .length = 2048, .cookie = 7 };
    struct espnic_frame f = { .length = 0 };
    struct abi_rx_completion c;
    struct bench b;
    struct espnic *card = make(&b);

    memcpy(b.memory + RING, &d, sizeof d);
    memset(b.memory + BUFFER, 0xee, 64);
    espnic_mmio_write(card, 0, REG_RX_BASE_OFFSET, 8, RING);
    espnic_mmio_write(card, 0, REG_RX_DONE_BASE_OFFSET, 8, DONE);
    espnic_mmio_write(card, 0, REG_RX_SIZE_OFFSET, 4, 8);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(card, 0, REG_RX_TAIL_OFFSET, 4, 1);
    run_out(card);
    ck_assert(espnic_wire_rx(card, 0, espnic_now(card), &f));
    run_out(card);
    memcpy(&c, b.memory + DONE, sizeof c);
    ck_assert_uint_eq(c.cookie, 7);
    ck_assert_uint_eq(c.length, 0);
    ck_assert_uint_eq(b.memory[BUFFER], 0xee);
    espnic_destroy(card);
    free(b.memory);
}
END_TEST

/* The command that was posted last, by itself: its completion. */
static struct abi_command_completion complete(struct bench *b, struct espnic *card, uint64_t done,
                                              uint32_t posted)
{
    struct abi_command_completion c;

    espnic_mmio_write(card, espnic_now(card), REG_CMD_TAIL_OFFSET, 4, posted);
    run_out(card);
    memcpy(&c, b->memory + done + (posted - 1) * sizeof c, sizeof c);
    return c;
}

/* There is memory, and nothing in it: a command or a request that is read there is one of zeros, whatever the card has
 * read into the same place before. */
START_TEST(commands_without_contents)
{
    enum { DONE = 0x1000, BUFFER = 0x3000, RING = MEMORY - 3 * sizeof(struct abi_command) };
    const struct ndis_update update = { 0x123, ESP_OP_ESP, 5, 6 };
    const struct abi_command command[] = {
        { .opcode = ABI_OP_UPDATE_SA, .buffer = BUFFER, .length = NDIS_UPDATE_SIZE, .cookie = 41 },
        { .opcode = ABI_OP_UPDATE_SA, .buffer = MEMORY, .length = NDIS_UPDATE_SIZE, .cookie = 42 },
        { .opcode = ABI_OP_ENCAPSULATION, .argument = 1, .cookie = 43 },
    };
    struct abi_command_completion c;
    struct bench b;
    struct espnic *card = make(&b);

    b.everywhere = true;
    memcpy(b.memory + RING, command, sizeof command); /* the fourth place is where nothing is */
    ck_assert_uint_eq(ndis_encode_update(&update, b.memory + BUFFER, NDIS_UPDATE_SIZE),
                      NDIS_UPDATE_SIZE);
    espnic_mmio_write(card, 0, REG_CMD_BASE_OFFSET, 8, RING);
    espnic_mmio_write(card, 0, REG_CMD_DONE_BASE_OFFSET, 8, DONE);
    espnic_mmio_write(card, 0, REG_CMD_SIZE_OFFSET, 4, 4);
    espnic_mmio_write(card, 0, REG_CTRL_OFFSET, 4, 5);
    c = complete(&b, card, DONE, 1);
    ck_assert_uint_eq(c.cookie, 41);
    ck_assert_uint_eq(c.status, NDIS_STATUS_INVALID_PARAMETER); /* well formed, and no such SA */
    c = complete(&b, card, DONE, 2);
    ck_assert_uint_eq(c.cookie, 42);
    ck_assert_uint_eq(c.status, NDIS_STATUS_INVALID_DATA); /* a header of zeros */
    c = complete(&b, card, DONE, 3);
    ck_assert_uint_eq(c.cookie, 43);
    ck_assert_uint_eq(c.status, NDIS_STATUS_SUCCESS);
    c = complete(&b, card, DONE, 4);
    ck_assert_uint_eq(c.cookie, 0);
    ck_assert_uint_ne(c.status, NDIS_STATUS_SUCCESS); /* opcode 0 is none */
    ck_assert_uint_eq(b.late_reads, 2);
    espnic_destroy(card);
    free(b.memory);
}
END_TEST

/* Accesses that no register answers, of every size and offset, and rings of impossible sizes. */
START_TEST(registers_that_are_not_there)
{
    struct bench b;
    struct espnic *card = make(&b);

    for (uint32_t bytes = 1; bytes <= 8; bytes++) {
        for (uint32_t offset = 0; offset < REG_BAR_BYTES + 64; offset += 60 + bytes) {
            espnic_mmio_read(card, espnic_now(card), offset, bytes, 0);
            run_out(card);
            ck_assert(b.ok || b.answer == UINT64_MAX);
        }
    }
    for (uint64_t size = 0; size < 0x100000000ull; size = size * 3 + 1) {
        espnic_mmio_write(card, espnic_now(card), REG_TX_SIZE_OFFSET, 4, size);
        espnic_mmio_write(card, espnic_now(card), REG_RX_SIZE_OFFSET, 4, size);
        espnic_mmio_write(card, espnic_now(card), REG_CMD_SIZE_OFFSET, 4, size);
        run_out(card);
    }
    espnic_destroy(card);
    free(b.memory);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("unmapped");
    TCase *c = tcase_create("unmapped");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 0);
    tcase_add_test(c, rings_where_there_is_no_memory);
    tcase_add_test(c, payload_where_there_is_no_memory);
    tcase_add_test(c, commands_without_contents);
    tcase_add_test(c, received_packets_without_a_place);
    tcase_add_test(c, a_packet_of_no_bytes);
    tcase_add_test(c, registers_that_are_not_there);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
