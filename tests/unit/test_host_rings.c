/* However the rings are used, the same packets go out and come in, each once; and no number of an SA is used
 * twice because its completions tell less. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host_rig.h"
#include "nic/card.h"

#define US 1000000ull

enum { PACKETS = 300 };

/* ---- ways to use them --------------------------------------------------------------------------------- */

struct way {
    uint32_t tx_done, report, tx_batch;
    uint64_t tx_bytes;
    uint32_t rx_done, rx_batch;
    uint64_t rx_bytes;
    uint64_t along, push; /* host.tx.inline, host.tx.push */
    bool uncombined, unpadded;
};

static const struct way ways[] = {
    { HOST_TX_DONE_EACH, 1, 1, 32, HOST_RX_DONE_EACH, 1, 64, 0, 0, false,
      false }, /* the plain one */
    { HOST_TX_DONE_EACH, 1, 8, 32, HOST_RX_DONE_EACH, 8, 64, 0, 0, false, false },
    { HOST_TX_DONE_EACH, 1, 64, 16, HOST_RX_DONE_EACH, 1, 32, 0, 0, false, false },
    { HOST_TX_DONE_EACH, 1, 3, 128, HOST_RX_DONE_EACH, 64, 128, 0, 0, false, false },
    { HOST_TX_DONE_REPORT, 16, 1, 32, HOST_RX_DONE_EACH, 5, 32, 0, 0, false, false },
    { HOST_TX_DONE_REPORT, 1000, 4, 64, HOST_RX_DONE_HEAD, 1, 64, 0, 0, false, false },
    { HOST_TX_DONE_HEAD, 16, 1, 32, HOST_RX_DONE_HEAD, 16, 64, 0, 0, false, false },
    { HOST_TX_DONE_HEAD, 1, 64, 32, HOST_RX_DONE_HEAD, 64, 64, 0, 0, false, false },
    { HOST_TX_DONE_EACH, 1, 1, 32, HOST_RX_DONE_EACH, 1, 64, .along = 400 },
    { HOST_TX_DONE_EACH, 1, 1, 32, HOST_RX_DONE_EACH, 1, 64, .push = 64 },
    { HOST_TX_DONE_EACH, 1, 1, 32, HOST_RX_DONE_EACH, 1, 64, .push = 300, .unpadded = true },
    { HOST_TX_DONE_REPORT, 8, 1, 32, HOST_RX_DONE_EACH, 1, 64, .along = 200, .push = 512,
      .uncombined = true },
};

enum { WAYS = sizeof ways / sizeof ways[0] };

static void use(struct rig *rig, const struct way *w)
{
    rig->host_config.tx.ring = 64;
    rig->host_config.rx.ring = 128;
    rig->host_config.tx.done = w->tx_done;
    rig->host_config.tx.report = w->report;
    rig->host_config.tx.done_batch = w->tx_batch;
    rig->host_config.tx.done_bytes = w->tx_bytes;
    rig->host_config.rx.done = w->rx_done;
    rig->host_config.rx.done_batch = w->rx_batch;
    rig->host_config.rx.done_bytes = w->rx_bytes;
    rig->host_config.tx.inline_bytes = w->along;
    rig->host_config.tx.push = w->push;
    rig->host_config.general.wc = !w->uncombined;
    rig->host_config.general.wc_pad = !w->unpadded;
    if (w->along || w->push) {
        rig->card_config.dma.tx_inline = 448;
    }
    if (w->push) {
        rig->card_config.dma.tx_push = 8;
        rig->host_config.tx.doorbell_batch = 1;
    }
}

/* ---- there and back ------------------------------------------------------------------------------------ */

static void give_back(struct rig *rig, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct espnic_frame f = { .bytes = rig->wire[i].bytes,
                                  .captured = rig->wire[i].bytes ? rig->wire[i].length : 0,
                                  .length = rig->wire[i].length,
                                  .tag = i };

        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
    }
}

static void check_deliveries(const struct rig *rig)
{
    static uint8_t want[2000];
    bool seen[PACKETS] = { false };

    for (unsigned i = 0; i < PACKETS; i++) {
        const struct rig_frame *up = &rig->up[i];
        uint32_t number = esp_get16(up->bytes + 18);

        ck_assert_uint_lt(number, PACKETS);
        ck_assert(!seen[number]);
        seen[number] = true;
        ck_assert_uint_eq(up->length, rig_packet(want, 1, number, 70 + number * 3 % 1300));
        ck_assert_mem_eq(up->bytes + 14, want + 14, up->length - 14);
    }
}

/* What goes with descriptors has to be what the host wanted, and all of it has to have arrived. */
static void check_ways(const struct rig *rig, const struct way *w)
{
    const struct nic_ring_stats *card = &nic_statistics(rig->card)->rings;
    const struct host_tx_stats *tx = &host_statistics(rig->host)->tx;
    uint64_t refused = card->push_full + card->push_behind + card->push_long;

    ck_assert_uint_eq(tx->pushed, card->tx_pushed + refused);
    ck_assert_uint_eq(card->push_bad + card->push_again, 0);
    ck_assert(w->push == 0 || card->tx_pushed >= PACKETS / 4);
    ck_assert(w->along == 0 || tx->inlined >= 10);
    ck_assert_uint_ge(tx->inlined + tx->pushed_data, card->tx_inline);
    if (w->push == 64) {
        ck_assert_uint_eq(tx->push_bursts, tx->pushed);
    }
    ck_assert(w->push <= 64 || tx->pushed_data >= 10);
}

static void there_and_back(bool packet_offload, bool functional, bool poll, const struct way *w)
{
    struct rig *rig = rig_new(packet_offload, functional);
    struct esp_node node[2] = { rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500),
                                rig_node(2, ESP_DIR_IN, ESP_MODE_TUNNEL, 500) };
    const struct nic_stats *card;

    use(rig, w);
    rig->host_config.tx.signal = rig->host_config.rx.signal =
        poll ? HOST_SIGNAL_POLL : HOST_SIGNAL_INTERRUPT;
    rig_open(rig);
    rig_select(&node[0], 1);
    ck_assert(host_oid_add(rig->host, rig->t0, node, 2, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint64_t at = rig->t0 + 100 * US + i / 20 * 7 * US; /* in bursts */

        ck_assert(rig_send(rig, at, 1, i, 70 + i * 3 % 1300));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, PACKETS);
    for (unsigned i = 0; i < PACKETS; i += 50) {
        give_back(rig, i, i + 50);
        rig_settle(rig);
    }
    card = nic_statistics(rig->card);
    ck_assert_uint_eq(card->rings.refused, 0);
    if (functional) {
        ck_assert_uint_eq(rig->ups, PACKETS);
        check_deliveries(rig);
    }
    ck_assert_uint_eq(card->rings.rx_done_entries, card->rx.packets_out);
    if (w->tx_done != HOST_TX_DONE_REPORT) {
        ck_assert_uint_eq(card->rings.tx_done_entries, PACKETS);
    }
    check_ways(rig, w);
    ck_assert(w->rx_batch == 1 || card->rings.rx_done_writes < card->rx.packets_out);
    rig_free(rig);
}

START_TEST(same_packets)
{
    const struct way *w = &ways[_i % WAYS];
    int kind = _i / WAYS;

    there_and_back(kind % 2 == 0, kind < 4, kind / 2 % 2 != 0, w);
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------- */

/* The card asks for the SA back. What goes on in software must know the last number that the card gave: if the
 * completions do not tell it, nothing is sent any more. */
START_TEST(no_number_twice)
{
    const struct way *w = &ways[_i];
    bool told = w->tx_done == HOST_TX_DONE_EACH && w->tx_bytes >= 32;
    struct rig *rig = rig_new(true, true);
    struct esp_node node[2] = { rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500),
                                rig_node(2, ESP_DIR_IN, ESP_MODE_TUNNEL, 500) };
    uint32_t last = 0;

    use(rig, w);
    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig->card_config.sa.delete_watermark = 1;
    rig->card_config.table.capacity = 2;
    rig_open(rig);
    rig_select(&node[0], 1);
    node[1].pair = 1;
    ck_assert(host_oid_add(rig->host, rig->t0, node, 2, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < 20; i++) {
        unsigned wires = rig->wires;

        ck_assert(rig_send(rig, rig->t0 + (100 + 50 * i) * US, 1, i, 200));
        host_simulate(rig->host, host_now(rig->host) + 20 * US);
        if (i == 5) {
            give_back(rig, wires, rig->wires);
        }
    }
    rig_settle(rig);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.in_software, 2);
    for (unsigned i = 0; i < rig->wires; i++) {
        uint32_t number = esp_get32(rig->wire[i].bytes + 38);

        ck_assert_uint_eq(number, last + 1);
        last = number;
    }
    if (told) {
        ck_assert_uint_eq(rig->wires, 20);
    } else {
        ck_assert_uint_lt(rig->wires, 10);
        ck_assert_uint_eq(host_statistics(rig->host)->tx.drop[HOST_TX_DROP_NO_KEYS],
                          20 - rig->wires);
    }
    rig_free(rig);
}
END_TEST

/* A descriptor that the card fails: with an entry its reason is known, from a number only that it failed. */
START_TEST(failures)
{
    const struct way *w = &ways[_i];
    struct rig *rig = rig_new(true, true);
    struct esp_node node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    const struct host_tx_stats *tx;
    uint64_t handle = 1;

    use(rig, w);
    rig->card_config.mac.mtu = 1000;
    rig_open(rig);
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < 40; i++) {
        ck_assert(rig_send(rig, rig->t0 + 100 * US, 1, i, i % 4 ? 300 : 1200));
    }
    host_simulate(rig->host, rig->t0 + 200 * US);
    ck_assert(host_oid_delete(rig->host, rig->t0 + 200 * US, &handle, 1, 2, 0));
    rig_settle(rig);
    tx = &host_statistics(rig->host)->tx;
    ck_assert_uint_eq(rig->wires, 30);
    ck_assert_uint_eq(tx->failed, 10);
    ck_assert_uint_eq(
        tx->failed_reason[w->tx_done == HOST_TX_DONE_HEAD ? NIC_DROP_NONE : NIC_DROP_MTU], 10);
    rig_free(rig);
}
END_TEST

/* ---- write combining -------------------------------------------------------------------------------------- */

struct cost {
    uint64_t tlps, wire; /* register writes */
    uint64_t busy;       /* of the core, ps */
    uint64_t latency;    /* to the last bit on the wire */
};

/* One packet, clear, of so many bytes; 64 bytes of descriptor before it. */
static struct cost push_one(uint32_t length, bool wc, bool pad, uint32_t buffers)
{
    struct rig *rig = rig_new(true, true);
    struct pcie_direction_stats before;
    struct pcie_direction_stats *down;
    struct cost c;
    uint64_t busy;

    rig->card_config.dma.tx_inline = 960;
    rig->card_config.dma.tx_push = 8;
    rig->host_config.tx.push = 1024;
    rig->host_config.tx.no_match = HOST_NO_MATCH_CLEAR;
    rig->host_config.general.wc = wc;
    rig->host_config.general.wc_pad = pad;
    rig->host_config.general.wc_buffers = buffers;
    rig_open(rig);
    down = &pcie_link_stats(rig->card->link)->dir[1];
    before = *down;
    busy = host_statistics(rig->host)->core[0].busy_ps;
    ck_assert(rig_send(rig, rig->t0, 1, 0, length));
    host_simulate(rig->host, rig->t0 + 3 * US); /* before the interrupt */
    ck_assert_uint_eq(rig->wires, 1);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.pushed_data, 1);
    c = (struct cost){ .tlps = down->tlps_mmio - before.tlps_mmio,
                       .wire = down->wire_mmio - before.wire_mmio,
                       .busy = host_statistics(rig->host)->core[0].busy_ps - busy,
                       .latency = rig->wire[0].time - rig->t0 };
    rig_free(rig);
    return c;
}

/* 64 + 100 bytes: three lines, two lines and 36 bytes in five stores of 8, or 21 stores. A TLP is 24 bytes more.
 * A packet takes the core 40 ns, a store 20 ns. */
START_TEST(what_a_push_costs)
{
    struct cost padded = push_one(100, true, true, 6);
    struct cost partial = push_one(100, true, false, 6);
    struct cost stores = push_one(100, false, true, 6);
    struct cost few;
    struct cost many;

    ck_assert_uint_eq(padded.tlps, 3);
    ck_assert_uint_eq(padded.wire, 3 * 88);
    ck_assert_uint_eq(padded.busy, 60000);
    ck_assert_uint_eq(partial.tlps, 2 + 5);
    ck_assert_uint_eq(partial.wire, 2 * 88 + 5 * 32);
    ck_assert_uint_eq(partial.busy, 60000);
    ck_assert_uint_eq(stores.tlps, 21);
    ck_assert_uint_eq(stores.wire, 21 * 32);
    ck_assert_uint_eq(stores.busy, 60000 + 20 * 20000);
    /* the last line leaves 120 ns after the first, the last store 400 ns */
    ck_assert_uint_ge(stores.latency - padded.latency, 270000);
    ck_assert_uint_le(stores.latency - padded.latency, 290000);
    /* 16 lines of 60 ns: the core goes on when all but those that its buffers hold have left */
    few = push_one(960, true, true, 1);
    many = push_one(960, true, true, 16);
    ck_assert_uint_eq(few.tlps, 16);
    ck_assert_uint_eq(many.busy, 60000);
    ck_assert_uint_eq(few.busy, 60000 + 15 * 60000);
    ck_assert_uint_eq(few.latency, many.latency);
}
END_TEST

/* A doorbell behind a descriptor whose lines are still in the buffers does not go before them. */
START_TEST(doorbell_behind_lines)
{
    struct rig *rig = rig_new(true, true);

    rig->card_config.dma.tx_inline = 960;
    rig->card_config.dma.tx_push = 8;
    rig->host_config.tx.push = 1024;
    rig->host_config.tx.no_match = HOST_NO_MATCH_CLEAR;
    rig->host_config.general.wc_line = 1 * US;
    rig->host_config.general.wc_buffers = 16;
    rig_open(rig);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(rig_send(rig, rig->t0 + (i != 0) * US / 10, 1, i, 300));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, 4);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.pushed, 1);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.doorbells, 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->rings.push_bad, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->rings.tx_pushed, 1);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(rig->wire[i].tag, i);
        ck_assert_uint_ge(rig->wire[i].time, rig->t0 + 5 * US); /* six lines */
    }
    rig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_rings");
    TCase *tcase = tcase_create("host_rings");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, same_packets, 0, 8 * WAYS);
    tcase_add_loop_test(tcase, no_number_twice, 0, WAYS);
    tcase_add_loop_test(tcase, failures, 0, WAYS);
    tcase_add_test(tcase, what_a_push_costs);
    tcase_add_test(tcase, doorbell_behind_lines);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
