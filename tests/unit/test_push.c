/* Packets that come with their descriptors, and descriptors that the host writes to the card: what that costs on the
 * bus, counted by hand; that order is kept; that a full card falls back to its rings; and what no descriptor is. */
#include "card_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTOR = 64, WINDOW = 0x400 };

/* Frame `n` as it stands behind a descriptor. */
static uint32_t entry(struct crig *rig, unsigned n, uint32_t length, bool along, uint8_t *bytes)
{
    struct abi_tx_descriptor d = { .length = length,
                                   .tag = n,
                                   .address = CRIG_ORIGIN + crig_frame_at(n),
                                   .flags = along ? ABI_TX_INLINE : 0 };

    crig_udp(crig_frame_bytes(rig, n), n, length);
    memcpy(bytes, &d, sizeof d);
    if (!along) {
        return DESCRIPTOR;
    }
    memcpy(bytes + sizeof d, crig_frame_bytes(rig, n), length);
    return DESCRIPTOR + length;
}

/* Descriptor `n` into the ring, with its frame if that fits. */
static void put(struct crig *rig, unsigned n, uint32_t length, bool along)
{
    uint8_t bytes[0x1000];
    uint32_t used = entry(rig, n, length, along, bytes);
    uint32_t at = rig->tx_tail[0]++ % rig->tx_size[0];

    ck_assert_uint_le(used, rig->tx_entry[0]);
    memcpy(rig->memory + crig_tx_at(0) + (size_t)at * rig->tx_entry[0], bytes, used);
}

/* Bytes of the window, in TLPs of `piece` bytes at most; `order`: of the pieces. */
static void write_window(struct crig *rig, unsigned q, const uint8_t *bytes, uint32_t count,
                         uint32_t piece, bool backwards)
{
    uint32_t pieces = (count + piece - 1) / piece;

    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t at = (backwards ? pieces - 1 - i : i) * piece;
        uint32_t n = count - at < piece ? count - at : piece;

        ck_assert(espnic_mmio_burst(rig->card, espnic_now(rig->card),
                                    REG_TX_PUSH_OFFSET + q * REG_TX_PUSH_STRIDE + at, bytes + at,
                                    (n + 7) / 8 * 8));
    }
}

/* Frame `n` is posted: its descriptor in the ring, without data, and in the window, with or without. */
static void push(struct crig *rig, unsigned n, uint32_t length, bool along, uint32_t piece,
                 bool backwards)
{
    uint8_t bytes[0x1000] = { 0 };
    uint32_t count = entry(rig, n, length, along, bytes);
    uint64_t doorbell;

    put(rig, n, length, false);
    doorbell = abi_push(rig->tx_tail[0], count);
    memcpy(bytes + DESCRIPTOR - 8, &doorbell, 8);
    write_window(rig, 0, bytes, count, piece, backwards);
}

static void check_frames(struct crig *rig, unsigned count, uint32_t length)
{
    static uint8_t want[0x10000];

    ck_assert_uint_eq(rig->wires, count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(rig->wire[i].tag, i); /* in order */
        crig_udp(want, i, length);
        ck_assert_uint_eq(rig->wire[i].length, length);
        ck_assert_mem_eq(rig->wire[i].bytes, want, length);
    }
}

/* What a way of sending puts on the bus, without completions. */
struct traffic {
    uint64_t reads, read_bytes;             /* up */
    uint64_t completions, completion_bytes; /* down */
    uint64_t writes, write_bytes;           /* down: register writes */
};

static void check_traffic(struct crig *rig, const struct traffic *want)
{
    struct pcie_direction_stats up = crig_since(rig, 0);
    struct pcie_direction_stats down = crig_since(rig, 1);

    ck_assert_uint_eq(up.tlps_read, want->reads);
    ck_assert_uint_eq(up.wire_read, want->read_bytes);
    ck_assert_uint_eq(down.tlps_completion, want->completions);
    ck_assert_uint_eq(down.wire_completion, want->completion_bytes);
    ck_assert_uint_eq(down.tlps_mmio, want->writes);
    ck_assert_uint_eq(down.wire_mmio, want->write_bytes);
}

static struct crig *open_rig(uint64_t room, uint32_t pushes, uint32_t ring_room)
{
    struct crig *rig = crig_new();

    rig->config.dma.tx_inline = room;
    rig->config.dma.tx_push = pushes;
    crig_open(rig, true);
    rig->tx_entry[0] = DESCRIPTOR + ring_room;
    crig_set(rig, REG_TX_INLINE, 0, ring_room);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.refused, 0);
    crig_mark(rig);
    return rig;
}

/* ---- in the ring -------------------------------------------------------------------------------------------- */

/* 16 packets of 60 bytes with one doorbell of 4 bytes (28). Read requests are 24 bytes, completions 20 and their
 * data, up to 256 bytes. Plainly: 2 reads of 8 descriptors of 64 bytes, and 16 of a packet. With 64 bytes more in each
 * descriptor: 2 reads of 1024 bytes, in two TLPs of MRRS each, and 8 completions of 256 bytes. */
START_TEST(in_the_ring)
{
    static const struct traffic plain = { .reads = 2 + 16,
                                          .read_bytes = (2 + 16) * 24,
                                          .completions = 2 * 2 + 16,
                                          .completion_bytes = 4 * (20 + 256) + 16 * (20 + 60),
                                          .writes = 1,
                                          .write_bytes = 28 };
    static const struct traffic along = { .reads = 4,
                                          .read_bytes = 4 * 24,
                                          .completions = 8,
                                          .completion_bytes = 8 * (20 + 256),
                                          .writes = 1,
                                          .write_bytes = 28 };
    struct crig *rig = open_rig(64, 0, _i ? 64 : 0);

    for (unsigned n = 0; n < 16; n++) {
        put(rig, n, 60, _i != 0);
    }
    crig_ring(rig, 0);
    crig_settle(rig);
    check_traffic(rig, _i ? &along : &plain);
    check_frames(rig, 16, 60);
    ck_assert_uint_eq(rig->card->stats.rings.tx_inline, _i ? 16 : 0);
    crig_free(rig);
}
END_TEST

/* Some come along, some are read; those do not overtake these. */
START_TEST(order_is_kept)
{
    struct crig *rig = open_rig(960, 64, 448);
    unsigned n = 0;

    while (n < 400) {
        bool window = n / 10 % 2 != 0;

        for (unsigned i = 0; i < 1 + n % 5 && n < 400; i++, n++) {
            if (window) {
                push(rig, n, 300, n % 2, 64, n % 3 == 0);
            } else {
                put(rig, n, 300, n % 3 != 1);
            }
        }
        if (!window) {
            crig_ring(rig, 0);
        }
        crig_until(rig, espnic_now(rig->card) + (n % 7 ? 200000 : 3000000));
        if (n % 40 > 35) {
            crig_settle(rig);
        }
    }
    crig_settle(rig);
    check_frames(rig, 400, 300);
    ck_assert_uint_ge(rig->card->stats.rings.tx_inline, 200);
    ck_assert_uint_ge(rig->card->stats.rings.tx_pushed, 10);
    crig_free(rig);
}
END_TEST

/* More data than the ring has room for is a bad length. */
START_TEST(too_long_for_the_ring)
{
    struct crig *rig = open_rig(128, 0, 64);
    struct abi_tx_descriptor d = { .length = 65, .tag = 1, .flags = ABI_TX_INLINE };
    struct abi_tx_completion c;

    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    put(rig, 0, 64, true);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, 1);
    memcpy(&c, rig->memory + crig_tx_done_at(0), sizeof c);
    ck_assert_uint_eq(c.reason, NIC_DROP_BAD_LENGTH);
    crig_free(rig);
}
END_TEST

/* A descriptor says that its data came along, on a card that cannot take any. */
START_TEST(no_room_at_all)
{
    struct crig *rig = crig_new();
    struct abi_tx_descriptor d = { .length = 60, .tag = 1, .flags = ABI_TX_INLINE };

    crig_open(rig, true);
    crig_tx_ring(rig, 0, 16);
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, 0);
    ck_assert_uint_eq(rig->card->stats.tx.drop[NIC_DROP_BAD_LENGTH], 1);
    crig_free(rig);
}
END_TEST

/* ---- through the window ------------------------------------------------------------------------------------ */

/* 10 packets of 64 bytes, one after the other. The descriptor alone is one burst of 64 bytes (88 with its header) or
 * eight stores of 8 (32 each); with the data two bursts, and nothing is read any more. */
START_TEST(through_the_window)
{
    static const struct {
        uint32_t piece;
        bool along;
        struct traffic want;
    } cases[] = {
        { 64, false, { 10, 10 * 24, 10, 10 * (20 + 64), 10, 10 * 88 } },
        { 8, false, { 10, 10 * 24, 10, 10 * (20 + 64), 80, 80 * 32 } },
        { 64, true, { 0, 0, 0, 0, 20, 20 * 88 } },
        { 32, true, { 0, 0, 0, 0, 40, 40 * 56 } },
        { 8, true, { 0, 0, 0, 0, 160, 160 * 32 } },
    };
    struct crig *rig = open_rig(64, 4, 0);
    uint64_t fastest = ESPNIC_NEVER;

    for (unsigned n = 0; n < 10; n++) {
        uint64_t begin = espnic_now(rig->card);

        push(rig, n, 64, cases[_i].along, cases[_i].piece, n % 2 != 0);
        crig_settle(rig);
        fastest = rig->wire[n].time - begin < fastest ? rig->wire[n].time - begin : fastest;
    }
    check_traffic(rig, &cases[_i].want);
    check_frames(rig, 10, 64);
    ck_assert_uint_eq(rig->card->stats.rings.tx_pushed, 10);
    ck_assert_uint_eq(rig->card->stats.rings.tx_inline, cases[_i].along ? 10 : 0);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 10);
    crig_free(rig);
}
END_TEST

static uint64_t time_of_one(int how)
{
    struct crig *rig = open_rig(64, 4, 0);
    uint64_t begin = espnic_now(rig->card);
    uint64_t took;

    if (how == 0) {
        put(rig, 0, 64, false);
        crig_ring(rig, 0);
    } else {
        push(rig, 0, 64, how == 2, 64, false);
    }
    crig_settle(rig);
    took = rig->wire[0].time - begin;
    crig_free(rig);
    return took;
}

/* Each read that there is no need for saves a round trip: 423 ns for 64 bytes (pcie_model/README.md). */
START_TEST(saves_round_trips)
{
    uint64_t plain = time_of_one(0);
    uint64_t descriptor = time_of_one(1);
    uint64_t all = time_of_one(2);

    ck_assert_uint_ge(plain - descriptor, 400000);
    ck_assert_uint_le(plain - descriptor, 450000);
    ck_assert_uint_ge(descriptor - all, 400000);
    ck_assert_uint_le(descriptor - all, 450000);
}
END_TEST

/* ---- no place: the ring --------------------------------------------------------------------------------------- */

/* The queue holds two; a slow wire keeps them. The others are read, in order, and nothing is lost. */
START_TEST(full_window)
{
    struct crig *rig = crig_new();

    rig->config.dma.tx_inline = 64;
    rig->config.dma.tx_push = 2;
    rig->config.dma.tx_outstanding = 1;
    crig_open(rig, true);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    for (unsigned n = 0; n < 20; n++) {
        push(rig, n, 64, n >= 10, 64, false);
    }
    crig_settle(rig);
    check_frames(rig, 20, 64);
    ck_assert_uint_ge(rig->card->stats.rings.push_full, 1);
    ck_assert_uint_ge(rig->card->stats.rings.tx_pushed, 2);
    ck_assert_uint_eq(rig->card->stats.rings.tx_pushed + rig->card->stats.rings.push_full +
                          rig->card->stats.rings.push_behind,
                      20);
    ck_assert_uint_eq(crig_get(rig, REG_CNT_PUSH_REFUSED, 0),
                      20 - rig->card->stats.rings.tx_pushed);
    ck_assert_uint_eq(rig->card->dma.tx[0].pushed, 0);
    crig_free(rig);
}
END_TEST

/* More data than the card takes with a descriptor: it reads both. */
START_TEST(too_much_data)
{
    struct crig *rig = open_rig(64, 8, 0);

    push(rig, 0, 80, true, 64, false);
    crig_settle(rig);
    push(rig, 1, 80, false, 64, false);
    crig_settle(rig);
    check_frames(rig, 2, 80);
    ck_assert_uint_eq(rig->card->stats.rings.push_long, 1);
    ck_assert_uint_eq(rig->card->stats.rings.tx_pushed, 1);
    crig_free(rig);
}
END_TEST

/* A push is the doorbell of descriptors that were put into the ring before it, too. */
START_TEST(rings_for_those_before)
{
    struct crig *rig = open_rig(64, 8, 0);

    put(rig, 0, 64, false);
    put(rig, 1, 64, false);
    push(rig, 2, 64, true, 64, false);
    crig_settle(rig);
    check_frames(rig, 3, 64);
    ck_assert_uint_eq(rig->card->stats.rings.push_behind, 1);
    crig_free(rig);
}
END_TEST

/* Reads of descriptors fail now and then: what was pushed behind them is read again with them, and all goes out. */
START_TEST(behind_failed_reads)
{
    struct crig *rig = crig_new();
    unsigned sent = 0;

    rig->config.dma.tx_inline = 64;
    rig->config.dma.tx_push = 16;
    rig->config.pcie.poison_ppb = 200000000;
    crig_open(rig, true);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    for (unsigned n = 0; n < 200; n++) {
        if (n % 3 == 0) {
            put(rig, n, 64, false);
            crig_ring(rig, 0);
        } else {
            push(rig, n, 64, true, 64, false);
        }
        crig_until(rig, espnic_now(rig->card) + (n % 10 == 9 ? 5000000 : 30000));
    }
    crig_settle(rig);
    for (unsigned i = 0; i < rig->wires; i++) {
        ck_assert_uint_ge(rig->wire[i].tag, sent); /* some have lost their payload */
        sent = (unsigned)rig->wire[i].tag + 1;
    }
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 200);
    ck_assert_uint_eq(rig->wires + rig->card->stats.tx.drop[NIC_DROP_DMA_ERROR], 200);
    ck_assert_uint_ge(rig->card->stats.dma_failures, 20);
    ck_assert_uint_eq(rig->card->dma.tx[0].pushed, 0);
    crig_free(rig);
}
END_TEST

/* ---- what is no descriptor ------------------------------------------------------------------------------------- */

static void bad_doorbell(struct crig *rig, unsigned q, uint32_t tail, uint32_t bytes)
{
    uint8_t line[64] = { 0 };
    uint64_t doorbell = abi_push(tail, bytes);

    memcpy(line + 56, &doorbell, 8);
    write_window(rig, q, line, 64, 64, false);
    crig_settle(rig);
}

START_TEST(no_descriptors)
{
    struct crig *rig = open_rig(64, 8, 0);
    uint64_t bad = 0;
    uint8_t line[64] = { 0 };

    bad_doorbell(rig, 0, 1, 63); /* shorter than a descriptor */
    bad_doorbell(rig, 0, 1, 0);
    bad_doorbell(rig, 0, 1, WINDOW + 1);
    bad_doorbell(rig, 0, 1, 0xffff);
    bad_doorbell(rig, 0, 0, 64);  /* nothing new */
    bad_doorbell(rig, 0, 66, 64); /* more than the ring */
    bad_doorbell(rig, 0, 0x80000000, 64);
    bad_doorbell(rig, 1, 1, 64); /* no such queue */
    bad_doorbell(rig, 15, 1, 64);
    bad = 9;
    ck_assert_uint_eq(rig->card->stats.rings.push_bad, bad);
    ck_assert_uint_eq(crig_get(rig, REG_CNT_PUSH_BAD, 0), bad);
    /* pieces of 4 bytes, and off their places */
    ck_assert(espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET + 4, line, 4));
    ck_assert(
        espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET + 4, line, 16));
    ck_assert(espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, line, 12));
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.push_bad, bad + 3);
    /* the window cannot be read */
    ck_assert(espnic_mmio_read(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, 8, 0));
    crig_settle(rig);
    ck_assert(!rig->read_ok);
    /* bursts are not for registers */
    ck_assert(espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_BASE_OFFSET, line, 64));
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->registers.s.refused.misaligned, 1);
    ck_assert_uint_eq(rig->card->lines.s.live, 0);
    ck_assert_uint_eq(rig->card->dma.tx[0].posted, 0);
    /* impossible bursts */
    ck_assert(!espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, line, 0));
    ck_assert(
        !espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET + 8, line, 64));
    ck_assert(!espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, line, 6));
    /* and it still works */
    push(rig, 0, 64, true, 64, false);
    crig_settle(rig);
    check_frames(rig, 1, 64);
    crig_free(rig);
}
END_TEST

/* A descriptor that never became complete gives way to the next one. */
START_TEST(half_a_descriptor)
{
    struct crig *rig = open_rig(64, 8, 0);
    uint8_t line[64];

    memset(line, 0xab, sizeof line);
    ck_assert(espnic_mmio_burst(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, line, 32));
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->dma.tx[0].posted, 0);
    push(rig, 0, 64, true, 8, false);
    push(rig, 1, 64, true, 64, true);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.push_again, 1);
    check_frames(rig, 2, 64);
    crig_free(rig);
}
END_TEST

START_TEST(rings_that_are_off)
{
    struct crig *rig = crig_new();

    rig->config.dma.tx_inline = 64;
    rig->config.dma.tx_push = 4;
    rig->config.dma.tx_queues = 2;
    crig_open(rig, true);
    bad_doorbell(rig, 0, 1, 64); /* not set up */
    ck_assert_uint_eq(rig->card->stats.rings.push_bad, 1);
    crig_set(rig, REG_TX_SIZE, 0, 48); /* no power of two */
    crig_set(rig, REG_TX_SIZE, 1, 0x20000);
    crig_set(rig, REG_TX_SIZE, 2, 16); /* no such queue */
    crig_set(rig, REG_RX_SIZE, 1, 16);
    crig_set(rig, REG_TX_TAIL, 2, 5);
    crig_set(rig, REG_RX_TAIL, 1, 5);
    crig_set(rig, REG_TX_TAIL, 0, 5);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.refused, 4);
    bad_doorbell(rig, 0, 6, 64);
    ck_assert_uint_eq(rig->card->stats.rings.push_bad, 2);
    crig_free(rig);
}
END_TEST

START_TEST(room_in_the_ring)
{
    struct crig *rig = open_rig(128, 0, 64);

    crig_set(rig, REG_TX_INLINE, 0, 144);
    crig_set(rig, REG_TX_INLINE, 0, 24);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.refused, 2);
    ck_assert_uint_eq(crig_get(rig, REG_TX_INLINE, 0), 64);
    ck_assert_uint_eq(crig_get(rig, REG_CAP_TX, 0), 128 / 16);
    ck_assert_uint_eq(REG_GET(CAP_FLAGS, MORE, crig_get(rig, REG_CAP_FLAGS, 0)), 1);
    crig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("push");
    TCase *tc = tcase_create("push");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, in_the_ring, 0, 2);
    tcase_add_test(tc, order_is_kept);
    tcase_add_test(tc, too_long_for_the_ring);
    tcase_add_test(tc, no_room_at_all);
    tcase_add_loop_test(tc, through_the_window, 0, 5);
    tcase_add_test(tc, saves_round_trips);
    tcase_add_test(tc, full_window);
    tcase_add_test(tc, too_much_data);
    tcase_add_test(tc, rings_for_those_before);
    tcase_add_test(tc, behind_failed_reads);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, half_a_descriptor);
    tcase_add_test(tc, rings_that_are_off);
    tcase_add_test(tc, room_in_the_ring);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
