/* The host's side of large sends: who cuts what, what it costs, what becomes of it when something fails, and that
 * nothing is lost on the books. What the pieces look like: test_segment, test_lso, tests/validation/test_lso_out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host_rig.h"

#define US 1000000ull

enum { LENGTH = 14 + 40 + 9000 }; /* 9000 bytes of payload */

static struct rig *make_rig(bool packet_offload, bool functional, enum host_lso lso)
{
    struct rig *rig = rig_new(packet_offload, functional);

    rig->host_config.tx.lso = lso;
    rig->host_config.tx.lso_mtu = 1500;
    return rig;
}

static void open_with(struct rig *rig, enum esp_mode mode)
{
    struct esp_node node = rig_node(1, ESP_DIR_OUT, mode, 500);

    rig_open(rig);
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
}

/* GCM: 8 + 8 + 16 bytes and a trailer of 2 to 5; transport has the IP header in front, the tunnel one more. */
enum {
    IN_TRANSPORT = (1500 - 20 - 32) / 4 * 4 - 2 - 20,
    IN_TUNNEL = (1500 - 20 - 32) / 4 * 4 - 2 - 40
};

static unsigned pieces(uint32_t mss)
{
    return (9000 + mss - 1) / mss;
}

/* ---- who cuts ------------------------------------------------------------------------------------------- */

struct who {
    enum host_lso lso;
    bool capable, packet;
    enum esp_mode mode;
    bool card; /* cuts it, else the host */
};

static const struct who whos[] = {
    { HOST_LSO_CARD, true, true, ESP_MODE_TRANSPORT, true },
    { HOST_LSO_CARD, true, false, ESP_MODE_TRANSPORT, true },
    { HOST_LSO_CARD, true, true, ESP_MODE_TUNNEL, false }, /* O-11 */
    { HOST_LSO_CARD, true, false, ESP_MODE_TUNNEL, false },
    { HOST_LSO_CARD, false, true, ESP_MODE_TRANSPORT, false },
    { HOST_LSO_SOFTWARE, true, true, ESP_MODE_TRANSPORT, false },
};

static void who_cuts(const struct who *w, bool functional)
{
    struct rig *rig = make_rig(w->packet, functional, w->lso);
    unsigned n = pieces(w->mode == ESP_MODE_TUNNEL ? IN_TUNNEL : IN_TRANSPORT);
    const struct host_tx_stats *tx;

    rig->card_config.capabilities.lso = w->capable;
    open_with(rig, w->mode);
    ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, 7, LENGTH));
    ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, 8, 600)); /* fits */
    rig_settle(rig);
    tx = &host_statistics(rig->host)->tx;
    ck_assert_uint_eq(rig->wires, n + 1);
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_eq(rig->wire[i].tag, 7);
        ck_assert_uint_le(rig->wire[i].length, 14 + 1500);
    }
    ck_assert_uint_ge(rig->wire[0].length, 14 + 1500 - 4); /* and not shorter than it could be */
    ck_assert_uint_eq(rig->wire[n].tag, 8);
    ck_assert_uint_eq(tx->lso, w->card ? 1 : 0);
    ck_assert_uint_eq(tx->lso_created, w->card ? n - 1 : 0);
    ck_assert_uint_eq(tx->segmented, w->card ? 0 : 1);
    ck_assert_uint_eq(tx->segments_created, w->card ? 0 : n - 1);
    ck_assert_uint_eq(tx->posted, w->card ? 2 : n + 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->lso_segments, w->card ? n : 0);
    rig_free(rig);
}

START_TEST(by_whom)
{
    who_cuts(&whos[_i], true);
    who_cuts(&whos[_i], false);
}
END_TEST

/* An SA that lives in software is protected there, piece by piece. */
START_TEST(sa_in_software)
{
    struct rig *rig = make_rig(true, true, HOST_LSO_CARD);

    rig->card_config.capabilities.transport = false; /* refused */
    open_with(rig, ESP_MODE_TRANSPORT);
    ck_assert_int_eq(host_where(rig->host, 1), HOST_PLACE_SOFTWARE);
    ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, 7, LENGTH));
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, pieces(IN_TRANSPORT));
    ck_assert_uint_eq(host_statistics(rig->host)->tx.software, rig->wires);
    for (unsigned i = 0; i < rig->wires; i++) {
        ck_assert_uint_eq(esp_get32(rig->wire[i].bytes + 34), 500);
        ck_assert_uint_eq(esp_get32(rig->wire[i].bytes + 38), i + 1);
    }
    rig_free(rig);
}
END_TEST

/* What is no whole TCP packet stays as it is: here longer than the card's MTU. */
START_TEST(only_tcp)
{
    struct rig *rig = make_rig(true, true, HOST_LSO_CARD);

    rig->card_config.mac.mtu = 1500;
    open_with(rig, ESP_MODE_TRANSPORT);
    ck_assert(rig_send(rig, rig->t0 + 100 * US, 1, 7, LENGTH));
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.failed_reason[NIC_DROP_MTU], 1);
    rig_free(rig);
}
END_TEST

/* ---- what it costs ------------------------------------------------------------------------------------------ */

static uint64_t busy(enum host_lso lso, enum esp_mode mode)
{
    struct rig *rig = make_rig(true, true, lso);
    uint64_t before;
    uint64_t after;

    rig->host_config.tx.segment = 1000000;
    open_with(rig, mode);
    before = host_statistics(rig->host)->core[0].busy_ps;
    ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, 7, LENGTH));
    host_simulate(rig->host, rig->t0 + 111 * US); /* before the interrupt */
    after = host_statistics(rig->host)->core[0].busy_ps;
    rig_free(rig);
    return after - before;
}

/* By the card: a packet (40 ns) and a doorbell (20 ns). By the host: a packet, a microsecond for each segment, and
 * then each is a packet. */
START_TEST(cost)
{
    ck_assert_uint_eq(busy(HOST_LSO_CARD, ESP_MODE_TRANSPORT), 60000);
    ck_assert_uint_eq(busy(HOST_LSO_SOFTWARE, ESP_MODE_TRANSPORT),
                      60000 + pieces(IN_TRANSPORT) * (1000000 + 40000));
    ck_assert_uint_eq(busy(HOST_LSO_CARD, ESP_MODE_TUNNEL),
                      60000 + pieces(IN_TUNNEL) * (1000000 + 40000));
}
END_TEST

/* ---- when something fails --------------------------------------------------------------------------------------- */

/* The card's MTU is less than what the host believes: every segment is dropped, and counted. */
START_TEST(segments_fail)
{
    struct rig *rig = make_rig(true, true, HOST_LSO_CARD);
    const struct host_tx_stats *tx;
    unsigned n = pieces(IN_TRANSPORT);

    rig->card_config.mac.mtu = 1490;
    rig->host_config.tx.done = (uint32_t)_i;
    open_with(rig, ESP_MODE_TRANSPORT);
    ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, 7, LENGTH));
    rig_settle(rig);
    tx = &host_statistics(rig->host)->tx;
    ck_assert_uint_eq(rig->wires, 1); /* the last one is short */
    ck_assert_uint_eq(tx->failed, n - 1);
    ck_assert_uint_eq(tx->failed_reason[_i == HOST_TX_DONE_HEAD ? NIC_DROP_NONE : NIC_DROP_MTU],
                      n - 1);
    ck_assert_uint_eq(tx->lso_created, n - 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.drop[NIC_DROP_MTU], n - 1);
    rig_free(rig);
}
END_TEST

/* No places for the pieces: the frame is dropped, once, and all places are free again. */
START_TEST(no_places)
{
    struct rig *rig = make_rig(true, true, HOST_LSO_SOFTWARE);
    const struct host_tx_stats *tx;

    rig->host_config.tx.ring = 2;
    rig->host_config.tx.backlog = 4; /* of 70 places in all */
    rig->host_config.tx.lso_mtu = 256;
    open_with(rig, ESP_MODE_TRANSPORT);
    for (uint32_t i = 0; i < 30; i++) { /* 50 pieces, or 80 */
        ck_assert(rig_send_tcp(rig, rig->t0 + (100 + i * 1000) * US, 1, i,
                               i % 3 ? LENGTH : LENGTH + 6000));
    }
    rig_settle(rig);
    tx = &host_statistics(rig->host)->tx;
    ck_assert_uint_eq(tx->drop[HOST_TX_DROP_BACKLOG], 10);
    ck_assert_uint_eq(tx->segmented, 20);
    ck_assert_uint_eq(rig->wires, tx->segmented + tx->segments_created);
    ck_assert(rig_send_tcp(rig, host_now(rig->host), 1, 99, LENGTH));
    rig_settle(rig);
    ck_assert_uint_eq(rig->wire[rig->wires - 1].tag, 99);
    rig_free(rig);
}
END_TEST

/* The SA goes while large sends are under way: each segment goes out or fails, and the books balance. */
START_TEST(sa_goes)
{
    struct rig *rig = make_rig(_i != 0, true, HOST_LSO_CARD);
    uint64_t handle = 1;

    open_with(rig, ESP_MODE_TRANSPORT);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, i, LENGTH));
    }
    host_simulate(rig->host, rig->t0 + 102 * US);
    ck_assert(host_oid_delete(rig->host, rig->t0 + 102 * US, &handle, 1, 2, 0));
    rig_settle(rig);
    ck_assert_uint_ge(rig->wires, 1);
    ck_assert_uint_ge(host_statistics(rig->host)->tx.failed, 1);
    ck_assert_uint_eq(rig->oid[1].status, NDIS_STATUS_SUCCESS);
    rig_free(rig);
}
END_TEST

/* Crypto offload: the numbers of a send are taken together, and follow each other. */
START_TEST(numbers)
{
    struct rig *rig = make_rig(false, true, HOST_LSO_CARD);

    open_with(rig, ESP_MODE_TRANSPORT);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(rig_send_tcp(rig, rig->t0 + 100 * US, 1, i, i % 3 ? LENGTH : 300));
    }
    rig_settle(rig);
    for (unsigned i = 0; i < rig->wires; i++) {
        ck_assert_uint_eq(esp_get32(rig->wire[i].bytes + 38), i + 1);
        ck_assert_uint_eq(esp_get32(rig->wire[i].bytes + 46), i + 1); /* IV */
    }
    ck_assert_uint_eq(rig->wires, 7 + 13 * pieces(IN_TRANSPORT));
    rig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_large");
    TCase *tcase = tcase_create("host_large");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, by_whom, 0, sizeof whos / sizeof whos[0]);
    tcase_add_test(tcase, sa_in_software);
    tcase_add_test(tcase, only_tcp);
    tcase_add_test(tcase, cost);
    tcase_add_loop_test(tcase, segments_fail, 0, 3);
    tcase_add_test(tcase, no_places);
    tcase_add_loop_test(tcase, sa_goes, 0, 2);
    tcase_add_test(tcase, numbers);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
