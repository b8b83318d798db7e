/* Limits that the card polls, beside counters that are copied at every tick; and when the card asks for a deletion. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "host_rig.h"
#include "sa_table/table.h"

/* ---- polled limits ------------------------------------------------------------------------------- */

#define SECOND_NS UINT64_C(1000000000)

/* The card's view by the book: a copy of both counters at every tick. */
struct naive {
    uint64_t packets, bytes;           /* now */
    uint64_t seen_packets, seen_bytes; /* at the last tick */
    uint64_t next_packets, next_bytes; /* ticks to come, ps */
    uint64_t seen_time;                /* ns: last look at the clock */
};

static void tick_until(struct naive *n, const struct sa_table_config *c, uint64_t now_ns)
{
    while (c->poll_packets != 0 && n->next_packets <= now_ns * 1000) {
        n->seen_packets = n->packets;
        n->next_packets += c->poll_packets;
    }
    while (c->poll_bytes != 0 && n->next_bytes <= now_ns * 1000) {
        n->seen_bytes = n->bytes;
        n->next_bytes += c->poll_bytes;
    }
    n->seen_time = now_ns;
    if (c->poll_seconds != 0) {
        n->seen_time = now_ns * 1000 / c->poll_seconds * c->poll_seconds / 1000;
    }
}

static bool beyond(const struct naive *n, const struct sa_table_config *c, uint64_t start,
                   uint64_t packets, uint64_t bytes, uint64_t seconds)
{
    uint64_t p = c->poll_packets != 0 ? n->seen_packets : n->packets;
    uint64_t b = c->poll_bytes != 0 ? n->seen_bytes : n->bytes;
    bool late = n->seen_time >= start + seconds * SECOND_NS;

    return (packets != 0 && p >= packets) || (bytes != 0 && b >= bytes) || (seconds != 0 && late);
}

static struct sa_entry *add_limited(struct sa_table *table, const struct esp_lifetime *limit,
                                    uint64_t start)
{
    struct esp_node node = rig_node(1, ESP_DIR_IN, ESP_MODE_TUNNEL, 500);

    node.sa[0].lifetime = *limit;
    struct sa_added added = sa_table_add(table, &node, true);

    ck_assert_int_eq(added.reason, SA_OK);
    sa_table_commit(table, added.id, start);
    return &sa_context(table, added.id)->first;
}

static uint64_t period(struct rng *rng)
{
    return rng_below(rng, 3) == 0 ? 0 : 1 + rng_below(rng, 3000 * SECOND_NS);
}

static uint64_t limit_or_none(struct rng *rng, uint64_t most)
{
    return rng_below(rng, 3) == 0 ? 0 : 1 + rng_below(rng, most);
}

struct tally {
    unsigned soft, hard, over_packets, over_bytes;
};

/* One SA, sometimes at rest, until its hard limit is seen or 400 packets have passed. */
static void one_life(struct rng *rng, struct tally *tally)
{
    struct sa_table_config config;
    struct sa_table table;
    uint64_t now = rng_below(rng, 10 * SECOND_NS), start = now;
    struct esp_lifetime l = { .soft_packets = limit_or_none(rng, 100),
                              .hard_packets = limit_or_none(rng, 300),
                              .soft_bytes = limit_or_none(rng, 100000),
                              .hard_bytes = limit_or_none(rng, 300000),
                              .soft_s = limit_or_none(rng, 20),
                              .hard_s = limit_or_none(rng, 40) };
    struct naive n = { 0 };
    bool soft = false;

    sa_table_config_default(&config);
    config.poll_packets = period(rng);
    config.poll_bytes = period(rng);
    config.poll_seconds = period(rng);
    sa_table_init(&table, &config);
    struct sa_entry *entry = add_limited(&table, &l, start);

    for (unsigned i = 0; i < 400; i++) {
        uint64_t bytes = 40 + rng_below(rng, 1460);

        now += rng_below(rng, rng_below(rng, 20) == 0 ? 5 * SECOND_NS : SECOND_NS / 10);
        tick_until(&n, &config, now);
        bool expired = beyond(&n, &config, start, l.hard_packets, l.hard_bytes, l.hard_s);

        ck_assert_int_eq(sa_expired(&table, entry, now), expired);
        if (expired) {
            break;
        }
        tally->over_packets += l.hard_packets != 0 && n.packets >= l.hard_packets;
        tally->over_bytes += l.hard_bytes != 0 && n.bytes >= l.hard_bytes;
        n.packets++;
        n.bytes += bytes;
        unsigned events = sa_count(&table, entry, bytes, now);
        bool soft_now = beyond(&n, &config, start, l.soft_packets, l.soft_bytes, l.soft_s);

        ck_assert_int_eq((events & SA_EVENT_SOFT) != 0, soft_now && !soft);
        soft = soft || soft_now;
        tally->soft += (events & SA_EVENT_SOFT) != 0;
        tally->hard += (events & SA_EVENT_HARD) != 0;
        ck_assert_int_eq((events & SA_EVENT_HARD) != 0,
                         beyond(&n, &config, start, l.hard_packets, l.hard_bytes, l.hard_s));
    }
    sa_table_destroy(&table);
}

START_TEST(polled_limits_equal_counters_copied_at_every_tick)
{
    struct rng rng = rng_stream(21, 0);
    struct tally tally = { 0 };

    for (unsigned i = 0; i < 3000; i++) {
        one_life(&rng, &tally);
    }
    ck_assert_uint_gt(tally.soft, 1000);
    ck_assert_uint_gt(tally.hard, 300);
    ck_assert_uint_gt(tally.over_packets, 1000);
    ck_assert_uint_gt(tally.over_bytes, 1000);
}
END_TEST

/* hardware.md 4.4: bytes polled once a second at 100 Gb/s overshoot by up to 12.5 GB. */
START_TEST(overshoot_of_a_second_at_100_gbps)
{
    enum { FRAME = 12500 }; /* a microsecond */
    struct sa_table_config config;
    struct sa_table table;
    uint64_t now = 1000; /* just after a poll */

    sa_table_config_default(&config);
    config.poll_bytes = UINT64_C(1000000000000);
    sa_table_init(&table, &config);
    struct sa_entry *entry = add_limited(&table, &(struct esp_lifetime){ .hard_bytes = FRAME }, 0);

    while (!sa_expired(&table, entry, now)) {
        sa_count(&table, entry, FRAME, now);
        now += 1000;
    }
    ck_assert_uint_eq(now, SECOND_NS);
    ck_assert_uint_eq(table.stats.overshoot_bytes, UINT64_C(12500000000) - 2 * FRAME);
    sa_table_destroy(&table);
}
END_TEST

/* ---- when the card asks ---------------------------------------------------------------------------- */

#define US UINT64_C(1000000)

enum { SAS = 8 };

/* `SAS` tunnels to ourselves: what SA i sends (net i) comes back as received by SA i. The host takes its time to obey. */
static struct rig *open_loop(void (*change)(struct nic_sa_config *sa), uint64_t sequence)
{
    struct rig *rig = rig_new(true, true);

    rig->host_config.general.delete_delay = 1000 * 1000 * US;
    rig->card_config.table.capacity = 2 * SAS;
    change(&rig->card_config.sa);
    rig_open(rig);
    for (uint32_t i = 1; i <= SAS; i++) {
        enum sa_reason reason;
        struct esp_node out = rig_node(2 * i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500 + i);
        struct esp_node in = rig_node(2 * i + 1, ESP_DIR_IN, ESP_MODE_TUNNEL, 500 + i);

        rig_select(&out, (uint8_t)i);
        out.sa[0].seq = sequence + 1;
        in.sa[0].seq = sequence;
        in.sa[0].lifetime.soft_packets = i == 1 ? 3 : 0;
        ck_assert(host_preload_add(rig->host, &out, &reason));
        ck_assert(host_preload_add(rig->host, &in, &reason));
    }
    return rig;
}

/* A packet of this SA goes round. True if it came back with SaDeleteReq. */
static bool go_round(struct rig *rig, uint64_t time, uint8_t sa)
{
    uint64_t before = nic_statistics(rig->card)->delete_requests;
    unsigned sent = rig->wires;
    struct espnic_frame f;

    ck_assert(rig_send(rig, time, sa, sent, 200));
    host_simulate(rig->host, time + 20 * US);
    ck_assert_uint_eq(rig->wires, sent + 1);
    f = (struct espnic_frame){ .bytes = rig->wire[sent].bytes,
                               .captured = rig->wire[sent].length,
                               .length = rig->wire[sent].length,
                               .tag = sent };
    ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
    host_simulate(rig->host, time + 45 * US);
    ck_assert_uint_eq(rig->ups, sent + 1);
    return nic_statistics(rig->card)->delete_requests != before;
}

static void at_half(struct nic_sa_config *sa)
{
    sa->delete_watermark = 50;
}

static void at_full(struct nic_sa_config *sa)
{
    sa->delete_watermark = 100;
}

static void after_pause(struct nic_sa_config *sa)
{
    sa->delete_idle = 1000 * US;
}

static void after_pause_if_full(struct nic_sa_config *sa)
{
    sa->delete_idle = 1000 * US;
    sa->delete_watermark = 100;
}

static void on_soft(struct nic_sa_config *sa)
{
    sa->delete_on_soft = true;
}

static void near_the_end(struct nic_sa_config *sa)
{
    sa->delete_sequence = 3;
}

static void again_and_again(struct nic_sa_config *sa)
{
    sa->delete_watermark = 50;
    sa->delete_again = 200 * US;
}

START_TEST(asks_when_the_table_is_nearly_full)
{
    struct rig *rig = open_loop(at_half, 0);

    for (unsigned sa = 1; sa <= SAS; sa++) {
        ck_assert(go_round(rig, rig->t0 + sa * 50 * US, (uint8_t)sa));
    }
    ck_assert(!go_round(rig, rig->t0 + 600 * US, 1)); /* once an SA */
    ck_assert_uint_eq(nic_statistics(rig->card)->asked[NIC_ASK_ROOM], SAS);
    rig_free(rig);
    rig = open_loop(at_full, 0); /* all of the capacity is taken */
    ck_assert(go_round(rig, rig->t0 + 50 * US, 1));
    rig_free(rig);
}
END_TEST

START_TEST(asks_after_a_pause)
{
    struct rig *rig = open_loop(after_pause, 0);

    ck_assert(!go_round(rig, rig->t0 + 50 * US, 1)); /* the first packet comes out of no pause */
    ck_assert(!go_round(rig, rig->t0 + 1000 * US, 1));
    ck_assert(!go_round(rig, rig->t0 + 1500 * US, 2));
    ck_assert(go_round(rig, rig->t0 + 2100 * US, 1));
    ck_assert(!go_round(rig, rig->t0 + 3500 * US, 1)); /* asked before */
    ck_assert_uint_eq(nic_statistics(rig->card)->asked[NIC_ASK_ROOM], 1);
    rig_free(rig);
    rig = open_loop(after_pause_if_full, 0);
    ck_assert(!go_round(rig, rig->t0 + 50 * US, 1));
    ck_assert(go_round(rig, rig->t0 + 1200 * US, 1));
    ck_assert(!go_round(rig, rig->t0 + 1300 * US, 2)); /* full, but no pause is known */
    rig_free(rig);
}
END_TEST

START_TEST(asks_at_a_soft_limit)
{
    struct rig *rig = open_loop(on_soft, 0);

    for (unsigned i = 1; i <= 5; i++) {
        ck_assert_int_eq(go_round(rig, rig->t0 + i * 100 * US, 1), i == 3);
        ck_assert(!go_round(rig, rig->t0 + (i * 100 + 50) * US, 2));
    }
    ck_assert_uint_eq(nic_statistics(rig->card)->asked[NIC_ASK_SOFT], 1);
    rig_free(rig);
}
END_TEST

START_TEST(asks_near_the_last_number)
{
    struct rig *rig = open_loop(near_the_end, UINT32_MAX - 6);

    for (unsigned i = 5; i > 1; i--) { /* numbers left after the packet */
        ck_assert_int_eq(go_round(rig, rig->t0 + (6 - i) * 50 * US, 1), i == 3);
    }
    ck_assert_uint_eq(nic_statistics(rig->card)->asked[NIC_ASK_SEQUENCE], 1);
    rig_free(rig);
}
END_TEST

START_TEST(asks_again_after_a_while)
{
    struct rig *rig = open_loop(again_and_again, 0);

    ck_assert(go_round(rig, rig->t0 + 50 * US, 1));
    ck_assert(!go_round(rig, rig->t0 + 150 * US, 1));
    ck_assert(go_round(rig, rig->t0 + 300 * US, 1));
    ck_assert(!go_round(rig, rig->t0 + 400 * US, 1));
    ck_assert_uint_eq(nic_statistics(rig->card)->asked[NIC_ASK_ROOM], 2);
    rig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sa_policies");
    TCase *tcase = tcase_create("sa_policies");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, polled_limits_equal_counters_copied_at_every_tick);
    tcase_add_test(tcase, overshoot_of_a_second_at_100_gbps);
    tcase_add_test(tcase, asks_when_the_table_is_nearly_full);
    tcase_add_test(tcase, asks_after_a_pause);
    tcase_add_test(tcase, asks_at_a_soft_limit);
    tcase_add_test(tcase, asks_near_the_last_number);
    tcase_add_test(tcase, asks_again_after_a_while);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
