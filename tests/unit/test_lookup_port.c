/* The one port of the look-up memories, asked for by several lanes: ESP packets without SA are looked up twice (their
 * destination, then any), so that n of them take 2 * n cycles of it at least, whatever comes between them. A packet
 * that is not IPsec does not need the port. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "card_rig.h"

#define PS_OF_CYCLE UINT64_C(20000) /* a tenth of 500 MHz: the port is slower than the wire */

enum { PACKETS = 300, LENGTH = 60, RING = 512, BUFFER = 2048, PROBES = 2 };

/* With another SPI each; not IPsec: UDP. */
static void arrive(struct crig *rig, uint32_t number, bool esp)
{
    uint8_t bytes[LENGTH];
    struct espnic_frame f = { .bytes = bytes, .captured = LENGTH, .length = LENGTH, .tag = number };

    crig_udp(bytes, number, LENGTH);
    if (esp) {
        bytes[23] = ESP_PROTO_ESP;
        esp_put16(bytes + 24, 0);
        esp_put16(bytes + 24, esp_ip_checksum(bytes + 14, 20));
        esp_put32(bytes + 34, 0x1000 + number);
    }
    ck_assert(espnic_wire_rx(rig->card, 0, espnic_now(rig->card), &f));
}

/* An SA of any destination, of which no packet comes: without one there is no second look. */
static void add_wildcard(struct crig *rig)
{
    struct esp_node node = {
        .handle = 1, .dir = ESP_DIR_IN, .mode = ESP_MODE_TUNNEL, .sa_count = 1
    };
    enum sa_reason reason;
    uint64_t handle;

    node.src.family = node.dst.family = 4;
    node.src.bytes[0] = 10;
    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP, .spi = 0x999 };
    node.sa[0].enc = (struct esp_key){ .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 };
    ck_assert_msg(espnic_preload_add(rig->card, &node, &handle, &reason), "%s",
                  sa_reason_name(reason));
}

/* All of them between look-ups: `clear` packets for each that is looked up. */
static uint64_t time_of(uint32_t lanes, uint32_t clear, bool port)
{
    struct crig *rig = crig_new();
    uint64_t first, last;

    rig->config.general.clock /= 10;
    rig->config.general.lanes = lanes;
    rig->config.general.steering = NIC_STEER_ARRIVAL;
    rig->config.sa.lookup_port = port;
    crig_open(rig, true);
    crig_rx_ring(rig, 0, RING, BUFFER);
    add_wildcard(rig);
    crig_settle(rig);
    first = espnic_now(rig->card);
    for (uint32_t i = 0; i < PACKETS; i++) {
        arrive(rig, i, i % (clear + 1) == 0);
    }
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rx.packets_out, PACKETS);
    ck_assert_uint_eq(rig->card->stats.rx.bypass[NIC_BYPASS_NO_SA],
                      (PACKETS + clear) / (clear + 1));
    last = rig->card->lookup_port.free * PS_OF_CYCLE; /* the last look-up is over */
    crig_free(rig);
    return last - first;
}

START_TEST(lanes_share_the_port)
{
    uint32_t clear = (uint32_t)_i;
    uint64_t least = (PACKETS + clear) / (clear + 1) * PROBES * PS_OF_CYCLE;
    uint64_t with = time_of(4, clear, true);
    uint64_t without = time_of(4, clear, false);

    ck_assert_msg(without < least, "%llu ps without a port: nothing is tested",
                  (unsigned long long)without);
    ck_assert_msg(with >= least, "%llu ps, look-ups alone take %llu", (unsigned long long)with,
                  (unsigned long long)least);
}
END_TEST

/* ---- no two look-ups at once, whatever a packet waits for beside the port --------------------------------- */

struct starts {
    uint64_t at[PACKETS];
    unsigned count;
};

static void on_passage(void *self, const struct nic_passage *passage)
{
    struct starts *s = self;

    if (passage->rx && strncmp(passage->block, "sa_lookup", 9) == 0) {
        ck_assert_uint_lt(s->count, PACKETS);
        s->at[s->count++] = passage->begin_ps;
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* What is behind the look-up takes its time, and holds no more than a packet or two: packets that could be looked up wait for room
 * there, and in the meantime another lane has the port. */
START_TEST(a_packet_that_waits_for_room_asks_for_the_port_again)
{
    struct crig *rig = crig_new();
    struct starts s = { .count = 0 };

    rig->config.general.clock /= 10;
    rig->config.general.lanes = 4;
    rig->config.general.steering = NIC_STEER_ARRIVAL;
    rig->config.sa.lookup_port = true;
    rig->config.lookup.depth = 2;
    rig->config.replay.depth = 2;
    rig->config.replay.interval = 1 + (uint32_t)_i;
    rig->config.replay.overhead = 6;
    crig_open(rig, true);
    crig_rx_ring(rig, 0, RING, BUFFER);
    add_wildcard(rig);
    crig_settle(rig);
    nic_trace(rig->card, on_passage, &s);
    for (uint32_t i = 0; i < PACKETS; i++) {
        arrive(rig, i, true);
    }
    crig_settle(rig);
    ck_assert_uint_eq(s.count, PACKETS);
    ck_assert_uint_eq(rig->card->stats.rx.bypass[NIC_BYPASS_NO_SA], PACKETS);
    qsort(s.at, s.count, sizeof s.at[0], by_time);
    for (unsigned i = 1; i < s.count; i++) {
        ck_assert_uint_ge(s.at[i] - s.at[i - 1], PROBES * PS_OF_CYCLE);
    }
    crig_free(rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lookup port");
    TCase *cases = tcase_create("lookup port");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_loop_test(cases, lanes_share_the_port, 0, 2);
    tcase_add_loop_test(cases, a_packet_that_waits_for_room_asks_for_the_port_again, 0, 4);
    suite_add_tcase(s, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
