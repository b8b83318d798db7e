/* SAs that leave the card and come back (sim/host/move.c): because the card asks and they are used again, after a reset
 * that wiped the table, after the link was down. Whatever happens: no sequence number goes out twice under one key, what
 * is sent is what comes out of the tunnel, and at the end the table is empty. The wire is read by the test itself. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"
#include "host/internal.h"
#include "host_rig.h"
#include "nic/card.h"

#define US UINT64_C(1000000)

enum { LENGTH = 120, PAIRS = 64, NUMBERS = 1 << 14, FIRST_SPI = 500, SPIS = 2048, TAGS = 1 << 15 };

/* ---- pairs of SAs to ourselves: what leaves by one comes back by the other ---------------------------------- */

struct loop {
    struct rig *rig;
    uint8_t *seen[SPIS];     /* of each SPI: numbers that were on the wire */
    uint8_t delivered[TAGS]; /* by number of the packet */
    uint64_t sent;
    uint64_t tag;
    uint64_t late; /* numbers that came behind a higher one */
    uint32_t last[SPIS];
};

static uint64_t out_handle(unsigned pair)
{
    return 1000 + 2 * pair;
}

static uint64_t in_handle(unsigned pair)
{
    return 1001 + 2 * pair;
}

static struct loop *loop_new(struct rig *rig)
{
    struct loop *l = must(calloc(1, sizeof *l));

    l->rig = rig;
    return l;
}

static void loop_free(struct loop *l)
{
    for (unsigned i = 0; i < SPIS; i++) {
        free(l->seen[i]);
    }
    rig_free(l->rig);
    free(l);
}

/* The pair for packets of 192.168.`net`; its window is wide, as packets overtake when paths change. */
static void add_pair(struct loop *l, unsigned pair, uint8_t net, uint32_t spi)
{
    struct esp_node node[2] = { rig_node(out_handle(pair), ESP_DIR_OUT, ESP_MODE_TUNNEL, spi),
                                rig_node(in_handle(pair), ESP_DIR_IN, ESP_MODE_TUNNEL, spi) };

    rig_select(&node[0], net);
    node[0].pair = in_handle(pair);
    node[1].pair = out_handle(pair);
    node[1].sa[0].replay_window = 1024;
    ck_assert(host_oid_add(l->rig->host, host_now(l->rig->host), node, 2, false, 0, 0));
}

/* No number twice under one SPI, and so under one key. Then back to the card. */
static void take_wire(struct loop *l)
{
    struct rig *rig = l->rig;

    for (unsigned i = 0; i < rig->wires; i++) {
        struct rig_frame *w = &rig->wire[i];
        struct espnic_frame f = {
            .bytes = w->bytes, .captured = w->length, .length = w->length, .tag = w->tag
        };
        uint32_t spi = esp_get32(w->bytes + 34) - FIRST_SPI;
        uint32_t number = esp_get32(w->bytes + 38);

        ck_assert_uint_lt(spi, SPIS);
        ck_assert_uint_lt(number, NUMBERS);
        if (l->seen[spi] == NULL) {
            l->seen[spi] = must(calloc(NUMBERS, 1));
        }
        ck_assert_msg(!l->seen[spi][number], "number %u was sent twice with SPI %u", number,
                      spi + FIRST_SPI);
        l->seen[spi][number] = 1;
        l->late += number < l->last[spi];
        l->last[spi] = number > l->last[spi] ? number : l->last[spi];
        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
        free(w->bytes);
    }
    rig->wires = 0;
}

static void take_deliveries(struct loop *l)
{
    struct rig *rig = l->rig;

    for (unsigned i = 0; i < rig->ups; i++) {
        struct rig_frame *up = &rig->up[i];

        if (up->verdict != HOST_UNPROCESSED) {
            uint8_t sent[LENGTH];
            uint8_t net = up->bytes[14 + 14];

            ck_assert_uint_eq(up->length, LENGTH);
            rig_packet(sent, net, (uint32_t)up->tag, LENGTH);
            ck_assert_mem_eq(up->bytes + 14, sent + 14, LENGTH - 14);
            ck_assert_uint_eq(l->delivered[up->tag], 0);
            l->delivered[up->tag] = 1;
        }
        free(up->bytes);
    }
    rig->ups = 0;
    rig->oids = 0;
}

static void run_until(struct loop *l, uint64_t time)
{
    while (host_now(l->rig->host) < time) { /* what has left comes back soon after */
        uint64_t step = host_now(l->rig->host) + 2 * US;

        host_simulate(l->rig->host, step < time ? step : time);
        take_wire(l);
        take_deliveries(l);
    }
}

static void settle(struct loop *l)
{
    run_until(l, host_now(l->rig->host) + 20000 * US);
    rig_settle(l->rig);
    ck_assert_uint_eq(l->rig->wires, 0);
    take_deliveries(l);
}

static void send(struct loop *l, uint8_t net)
{
    ck_assert_uint_lt(l->tag + 1, TAGS);
    l->sent++;
    ck_assert(rig_send(l->rig, host_now(l->rig->host), net, (uint32_t)++l->tag, LENGTH));
}

static uint64_t delivered(const struct loop *l)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < TAGS; i++) {
        n += l->delivered[i];
    }
    return n;
}

static const struct host_stats *stats_of(const struct loop *l)
{
    return host_statistics(l->rig->host);
}

static struct rig *new_rig(bool packet_offload)
{
    struct rig *rig = rig_new(packet_offload, true);

    rig->host_config.general.delete_delay = 5 * US;
    return rig;
}

/* ---- leaving with packets in flight --------------------------------------------------------------------------- */

/* Bursts are in the rings while the card asks: the numbers go on without a gap, none is lost, none comes twice. */
START_TEST(leaves_in_flight)
{
    struct rig *rig = new_rig(_i % 2 == 0);
    struct loop *l = loop_new(rig);

    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig->host_config.general.cores = (uint32_t)_i / 2 + 1;
    rig_open(rig);
    add_pair(l, 0, 1, FIRST_SPI);
    run_until(l, host_now(rig->host) + 100 * US);
    for (unsigned burst = 0; burst < 20; burst++) {
        rig->ask_delete = burst >= 5;
        for (unsigned i = 0; i < 100; i++) {
            send(l, 1);
        }
        run_until(l, host_now(rig->host) + 13 * US);
    }
    rig->ask_delete = false;
    settle(l);
    ck_assert_uint_eq(stats_of(l)->sa.pair_deletes, 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    ck_assert_uint_gt(stats_of(l)->tx.offloaded, 400);
    ck_assert_uint_gt(stats_of(l)->tx.software, 400);
    ck_assert_uint_eq(stats_of(l)->tx.failed, 0);
    for (unsigned n = 1; n <= 2000; n++) {
        ck_assert_msg(l->seen[0][n], "number %u is missing", n);
    }
    ck_assert_uint_eq(l->late, 0);
    ck_assert_uint_eq(delivered(l), 2000);
    ck_assert(_i % 2 != 0 || stats_of(l)->tx.move_stalled_packets > 0);
    loop_free(l);
}
END_TEST

/* With ESN the last number that the card gave may have a lower half of 0: it has been used all the same. The wire says
 * which numbers were; in software the next one follows. */
START_TEST(leaves_with_a_lower_half_of_zero)
{
    uint64_t last = (uint64_t)(3 + _i) << 32; /* of what the card sends */
    struct rig *rig = new_rig(true);
    struct esp_node node[2] = { rig_node(out_handle(0), ESP_DIR_OUT, ESP_MODE_TUNNEL, FIRST_SPI),
                                rig_node(in_handle(0), ESP_DIR_IN, ESP_MODE_TUNNEL, FIRST_SPI) };
    enum { BEFORE = 4, AFTER = 3 };

    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig->host_config.general.failover = HOST_FAILOVER_READD;
    rig_open(rig);
    rig_select(&node[0], 1);
    for (unsigned i = 0; i < 2; i++) {
        node[i].sa[0].esn = true;
        node[i].sa[0].seq = last - BEFORE + 1 - i;
        node[i].sa[0].seq_hi = (uint32_t)(node[i].sa[0].seq >> 32);
    }
    /* one packet after `last` is the first of the SA when _i is 1: the card has given none but that */
    node[0].sa[0].seq = _i == 1 ? last : node[0].sa[0].seq;
    node[0].sa[0].seq_hi = (uint32_t)(node[0].sa[0].seq >> 32);
    ck_assert(host_oid_add(rig->host, host_now(rig->host), node, 2, false, 0, 0));
    rig_settle(rig);
    for (uint32_t i = 0; i < (_i == 1 ? 1 : BEFORE); i++) {
        ck_assert(rig_send(rig, host_now(rig->host), 1, i, LENGTH));
    }
    rig_settle(rig);
    ck_assert_uint_eq(esp_get32(rig->wire[rig->wires - 1].bytes + 38), 0);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 0));
    rig_settle(rig);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.in_software, 2);
    ck_assert_uint_eq(host_statistics(rig->host)->readd.no_keys, 0);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 1));
    rig_settle(rig); /* the ADD hands the next number over */
    for (uint32_t i = 0; i < AFTER; i++) {
        ck_assert(rig_send(rig, host_now(rig->host), 1, 100 + i, LENGTH));
    }
    rig_settle(rig);
    for (unsigned i = 0; i < AFTER; i++) {
        ck_assert_uint_eq(esp_get32(rig->wire[rig->wires - AFTER + i].bytes + 38), 1 + i);
    }
    rig_free(rig);
}
END_TEST

/* ---- host.readd -------------------------------------------------------------------------------------------------- */

/* A card with room for two of four pairs, whose use changes: two pairs are used, then the other two, while the first now
 * and then have a packet, for which the card (full, and they were idle) asks the host to take them away. */
static struct loop *population(bool packet_offload, bool readd)
{
    struct rig *rig = new_rig(packet_offload);
    struct loop *l = loop_new(rig);

    rig->card_config.table.capacity = 4;
    rig->card_config.sa.delete_watermark = 100;
    rig->card_config.sa.delete_idle = 300 * US;
    rig->card_config.sa.delete_again = 100 * US;
    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig->host_config.general.readd = readd ? HOST_READD_ON_USE : HOST_READD_NEVER;
    rig->host_config.general.readd_packets = 4;
    rig->host_config.general.readd_pause = 200 * US;
    rig_open(rig);
    for (unsigned p = 0; p < 4; p++) {
        add_pair(l, p, (uint8_t)(p + 1), FIRST_SPI + p);
        run_until(l, host_now(rig->host) + 50 * US);
    }
    for (unsigned phase = 0; phase < 4; phase++) {
        for (unsigned i = 0; i < 300; i++) {
            unsigned busy = phase % 2 * 2 + i % 2;
            unsigned idle = (1 - phase % 2) * 2 + i / 100 % 2;

            send(l, (uint8_t)(busy + 1));
            if (i % 100 == 99) {
                send(l, (uint8_t)(idle + 1));
            }
            run_until(l, host_now(rig->host) + 10 * US);
        }
    }
    return l;
}

START_TEST(the_population_changes)
{
    struct loop *l = population(_i == 0, true);
    struct loop *never = population(_i == 0, false);
    const struct host_readd_stats *r = &stats_of(l)->readd;
    uint64_t handle[8];

    settle(l);
    settle(never);
    /* the two that found no room came in in the second phase, the others again in the third, ... */
    ck_assert_uint_ge(r->done, 3 * 4);
    ck_assert_uint_eq(r->nodes, r->done + r->refused);
    ck_assert_uint_ge(r->nodes, r->requests);
    ck_assert_uint_eq(r->no_keys, 0);
    ck_assert_uint_eq(stats_of(l)->sa.delete_requests_obeyed, stats_of(l)->sa.pair_deletes);
    ck_assert_uint_gt(stats_of(l)->sa.pair_deletes, 5);
    ck_assert_uint_le(nic_statistics(l->rig->card)->sa_peak, 4);
    /* ADDs that the card took are those of the first two pairs and those again */
    ck_assert_uint_eq(stats_of(l)->oid[HOST_OID_ADD].nodes_done, 4 + r->done);
    ck_assert_uint_eq(stats_of(l)->oid[HOST_OID_ADD].nodes, 8 + r->nodes);
    /* no ADD before the pause is over: each pair at most once in 200 us of 12 ms */
    ck_assert_uint_le(r->requests, 4 * 12000 / 200);
    ck_assert_double_ge(histogram_scaled(&r->away_ns, histogram_percentile(&r->away_ns, 0, 100)),
                        200000.0);
    /* nothing comes back by itself */
    ck_assert_uint_eq(stats_of(never)->readd.requests, 0);
    ck_assert_uint_eq(stats_of(never)->oid[HOST_OID_ADD].nodes_done, 4);
    ck_assert_uint_gt(stats_of(l)->tx.offloaded, stats_of(never)->tx.offloaded + 200);
    ck_assert_uint_eq(delivered(l), l->sent);
    ck_assert_uint_eq(delivered(never), never->sent);
    for (unsigned p = 0; p < 4; p++) {
        handle[2 * p] = out_handle(p);
        handle[2 * p + 1] = in_handle(p);
    }
    ck_assert(host_oid_delete(l->rig->host, host_now(l->rig->host), handle, 8, 0, 0));
    settle(l);
    ck_assert_uint_eq(nic_statistics(l->rig->card)->sa_live, 0);
    ck_assert_uint_eq(stats_of(l)->sa.live, 0);
    loop_free(l);
    loop_free(never);
}
END_TEST

/* ---- a reset that wipes the table ------------------------------------------------------------------------------- */

/* All pairs with traffic; returns the time of the reset's begin. */
static uint64_t with_reset(struct loop *l, unsigned pairs, uint64_t hold)
{
    uint64_t began;

    for (unsigned p = 0; p < pairs; p++) {
        add_pair(l, p, (uint8_t)(p + 1), FIRST_SPI + p);
    }
    run_until(l, host_now(l->rig->host) + 3000 * US);
    ck_assert_uint_eq(stats_of(l)->sa.on_card, 2 * pairs);
    for (unsigned i = 0; i < 200; i++) {
        send(l, (uint8_t)(i % pairs + 1));
    }
    began = host_now(l->rig->host);
    ck_assert(host_event(l->rig->host, began, HOST_EVENT_RESET_BEGIN, 0));
    for (unsigned i = 0; i < 200; i++) {
        if (i == 20) {
            ck_assert(host_event(l->rig->host, began + hold, HOST_EVENT_RESET_END, 0));
        }
        send(l, (uint8_t)(i % pairs + 1));
        run_until(l, host_now(l->rig->host) + (i < 20 ? hold / 20 : 5 * US));
    }
    return began;
}

/* So many ADDs as there were SAs, one after the other: the time is that of so many commands. */
START_TEST(wiped_and_restored)
{
    enum { COUNT = 40, ADD_US = 20 };
    struct rig *rig = new_rig(_i % 2 == 0);
    struct loop *l = loop_new(rig);
    const struct host_restore_stats *r;
    uint64_t adds;

    rig->card_config.sa.reset_wipes = true;
    rig->card_config.command.add = ADD_US * US;
    rig->host_config.oid.restore = _i / 2 == 0 ? 16 : 1;
    rig_open(rig);
    with_reset(l, COUNT, 100 * US);
    settle(l);
    r = &stats_of(l)->restore;
    ck_assert_uint_eq(r->times, 1);
    ck_assert_uint_eq(r->nodes, 2 * COUNT);
    ck_assert_uint_eq(r->failed, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_wiped, 2 * COUNT);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2 * COUNT);
    ck_assert_uint_eq(stats_of(l)->sa.on_card, 2 * COUNT);
    adds = stats_of(l)->oid[HOST_OID_ADD].requests - COUNT;
    ck_assert_uint_eq(adds, 2 * COUNT);
    /* With several under way the card works without a pause, and the ends of the chain are one request's way there and
     * back (some us). One at a time, each takes that way by itself. */
    ck_assert_uint_ge(r->add_ps, 2 * COUNT * ADD_US * US);
    if (_i / 2 == 0) {
        ck_assert_uint_le(r->add_ps, 2 * COUNT * ADD_US * US * 101 / 100 + 6 * US);
    } else {
        ck_assert_uint_ge(r->add_ps, 2 * COUNT * (ADD_US + 1) * US);
        ck_assert_uint_le(r->add_ps, 2 * COUNT * (ADD_US + 6) * US);
    }
    /* from the begin of the reset; looks come every 10 us, and what was in flight must be complete */
    ck_assert_uint_ge(r->ps, r->add_ps + 100 * US);
    ck_assert_uint_le(r->ps, r->add_ps + 100 * US + 30 * US);
    ck_assert_uint_ge(r->blocked_ps, 100 * US);
    ck_assert_uint_le(r->blocked_ps, 115 * US);
    /* the packets of these times go on: in software, out and in, with the right numbers */
    ck_assert_uint_gt(r->software, 100);
    ck_assert_uint_eq(delivered(l), l->sent);
    ck_assert_uint_eq(stats_of(l)->tx.failed, 0);
    for (unsigned p = 0; p < COUNT; p++) {
        for (unsigned n = 1; n <= 400 / COUNT; n++) {
            ck_assert(l->seen[p][n]);
        }
    }
    loop_free(l);
}
END_TEST

/* Without the capability the table survives, and nothing is added again. */
START_TEST(kept)
{
    struct rig *rig = new_rig(_i == 0);
    struct loop *l = loop_new(rig);

    rig_open(rig);
    with_reset(l, 10, 50 * US);
    settle(l);
    ck_assert_uint_eq(stats_of(l)->restore.times, 0);
    ck_assert_uint_eq(stats_of(l)->oid[HOST_OID_ADD].requests, 10);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_wiped, 0);
    ck_assert_uint_eq(stats_of(l)->tx.software, 0);
    ck_assert_uint_eq(delivered(l), l->sent);
    loop_free(l);
}
END_TEST

/* Requests amid a reset that wipes: an ADD that it refuses is made again, a DELETE is done. */
START_TEST(requests_amid)
{
    struct rig *rig = new_rig(_i % 2 == 0);
    struct loop *l = loop_new(rig);
    uint64_t first[] = { out_handle(0), in_handle(0) };
    uint64_t t;

    rig->card_config.sa.reset_wipes = true;
    rig_open(rig);
    add_pair(l, 0, 1, FIRST_SPI);
    run_until(l, host_now(rig->host) + 100 * US);
    t = host_now(rig->host);
    add_pair(l, 1, 2, FIRST_SPI + 1); /* on its way, or being executed, when the reset comes */
    run_until(l, t + (uint64_t)(_i / 2) * 1500000);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_BEGIN, 0));
    run_until(l, t + 20 * US);
    add_pair(l, 2, 3, FIRST_SPI + 2); /* refused */
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), first, 2, 0, 0));
    run_until(l, t + 60 * US);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_END, 0));
    settle(l);
    ck_assert_int_eq(host_where(rig->host, out_handle(0)), HOST_PLACE_NONE);
    for (unsigned p = 1; p < 3; p++) {
        ck_assert_int_eq(host_where(rig->host, out_handle(p)), HOST_PLACE_CARD);
        ck_assert_int_eq(host_where(rig->host, in_handle(p)), HOST_PLACE_CARD);
        send(l, (uint8_t)(p + 1));
    }
    settle(l);
    ck_assert_uint_eq(stats_of(l)->rx.offloaded, 2);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 4);
    ck_assert_uint_eq(stats_of(l)->restore.times, 1);
    loop_free(l);
}
END_TEST

/* Of SAs that a reset wipes only those count that were live: not the ones of an ADD that it ends. */
START_TEST(wiped_amid_an_add)
{
    struct rig *rig = new_rig(_i == 0);
    struct loop *l = loop_new(rig);
    const struct nic_stats *card;
    uint64_t t;

    rig->card_config.sa.reset_wipes = true;
    rig->card_config.command.add = 40 * US;
    rig_open(rig);
    card = nic_statistics(rig->card);
    add_pair(l, 0, 1, FIRST_SPI);
    run_until(l, host_now(rig->host) + 300 * US);
    ck_assert_uint_eq(card->sa_live, 2);
    t = host_now(rig->host);
    add_pair(l, 1, 2, FIRST_SPI + 1);
    run_until(l, t + 50 * US); /* of 80 */
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_BEGIN, 0));
    run_until(l, t + 60 * US);
    ck_assert_uint_eq(card->sa_live, 0);
    ck_assert_uint_eq(card->sa_wiped, 2);
    ck_assert_uint_eq(rig->card->residence_ns.count, 2);
    ck_assert_uint_lt(rig->card->residence_ns.max, 1000000);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_END, 0));
    settle(l);
    ck_assert_uint_eq(card->sa_live, 4);
    ck_assert_uint_eq(card->sa_wiped, 2);
    loop_free(l);
}
END_TEST

/* The indices of fills, victims and contexts to be stored run freely: they pass their end. */
START_TEST(rings_of_contexts_wrap)
{
    enum { COUNT = 12, PACKETS = 600 };
    struct rig *rig = new_rig(true);
    struct loop *l = loop_new(rig);
    struct nic_memory_state *m;

    rig->card_config.sa.storage = _i == 0 ? NIC_STORAGE_CARD_CACHE : NIC_STORAGE_HOST_CACHE;
    rig->card_config.sa.miss_time = US;
    rig->card_config.cache.sets = 2;
    rig->card_config.cache.ways = 2;
    rig->card_config.cache.mshrs = 6;
    rig_open(rig);
    m = &rig->card->memory.s;
    m->fill_head = m->fill_tail = UINT32_MAX - 100;
    m->back_head = m->back_tail = UINT32_MAX - 100;
    m->store_head = m->store_tail = UINT32_MAX - 10;
    for (unsigned p = 0; p < COUNT; p++) {
        add_pair(l, p, (uint8_t)(p + 1), FIRST_SPI + p);
    }
    settle(l);
    ck_assert_uint_eq(stats_of(l)->sa.on_card, 2 * COUNT);
    for (unsigned i = 0; i < PACKETS; i++) {
        send(l, (uint8_t)(i * 7 % COUNT + 1));
    }
    settle(l);
    ck_assert_uint_eq(delivered(l), l->sent);
    ck_assert_uint_eq(stats_of(l)->tx.software, 0);
    ck_assert_uint_lt(m->fill_tail, UINT32_MAX / 2); /* it has passed it */
    ck_assert_uint_eq(m->fill_tail, m->fill_head);
    if (_i == 1) {
        ck_assert_uint_lt(m->back_tail, UINT32_MAX / 2);
        ck_assert_uint_eq(m->store_tail, 2 * COUNT - 11);
    }
    loop_free(l);
}
END_TEST

/* ---- failover ------------------------------------------------------------------------------------------------------ */

START_TEST(link_down_and_up)
{
    enum { COUNT = 20 };
    struct rig *rig = new_rig(_i == 0);
    struct loop *l = loop_new(rig);
    const struct host_restore_stats *r;

    rig->host_config.general.failover = HOST_FAILOVER_READD;
    rig->card_config.command.add = 10 * US;
    rig_open(rig);
    for (unsigned p = 0; p < COUNT; p++) {
        add_pair(l, p, (uint8_t)(p + 1), FIRST_SPI + p);
    }
    run_until(l, host_now(rig->host) + 1000 * US);
    for (unsigned i = 0; i < 100; i++) {
        send(l, (uint8_t)(i % COUNT + 1)); /* in the rings when the link goes */
    }
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 0));
    run_until(l, host_now(rig->host) + 1000 * US);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    ck_assert_uint_eq(stats_of(l)->oid[HOST_OID_DELETE].nodes_done, 2 * COUNT);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 1));
    for (unsigned i = 0; i < 100; i++) {
        send(l, (uint8_t)(i % COUNT + 1));
        run_until(l, host_now(rig->host) + 4 * US);
    }
    settle(l);
    r = &stats_of(l)->restore;
    ck_assert_uint_eq(r->times, 1);
    ck_assert_uint_eq(r->nodes, 2 * COUNT);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2 * COUNT);
    ck_assert_uint_ge(r->ps, 2 * COUNT * 10 * US);
    ck_assert_uint_le(r->ps, 2 * COUNT * 10 * US * 101 / 100 + 6 * US);
    ck_assert_uint_gt(r->software, 20);
    ck_assert_uint_eq(delivered(l), l->sent - stats_of(l)->tx.drop[HOST_TX_DROP_LINK_DOWN]);
    loop_free(l);
}
END_TEST

/* A reset comes while SAs come back: those that it refuses are tried again, whether the table survives it or not. */
START_TEST(reset_amid_restoration)
{
    enum { COUNT = 20 };
    struct rig *rig = new_rig(_i % 2 == 0);
    struct loop *l = loop_new(rig);

    rig->host_config.general.failover = HOST_FAILOVER_READD;
    rig->card_config.sa.reset_wipes = _i / 2 != 0;
    rig->card_config.command.add = 10 * US;
    rig->host_config.tx.sa = out_handle(0); /* found by its handle, wherever it is */
    rig_open(rig);
    for (unsigned p = 0; p < COUNT; p++) {
        add_pair(l, p, (uint8_t)(p + 1), FIRST_SPI + p);
    }
    run_until(l, host_now(rig->host) + 1000 * US);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 0));
    run_until(l, host_now(rig->host) + 500 * US);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 1));
    for (unsigned i = 0; i < 200; i++) {
        if (i == 40 || i == 60) {
            ck_assert(host_event(rig->host, host_now(rig->host),
                                 i == 40 ? HOST_EVENT_RESET_BEGIN : HOST_EVENT_RESET_END, 0));
        }
        send(l, i % 4 == 0 ? 200 : (uint8_t)(i % COUNT + 1)); /* no selector takes 200 */
        run_until(l, host_now(rig->host) + 4 * US);
    }
    settle(l);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2 * COUNT);
    ck_assert_uint_eq(stats_of(l)->sa.on_card, 2 * COUNT);
    ck_assert_uint_eq(stats_of(l)->restore.times, 1);
    ck_assert_uint_eq(stats_of(l)->restore.failed, 0);
    ck_assert_uint_ge(stats_of(l)->restore.nodes, 2 * COUNT);
    ck_assert_uint_gt(
        stats_of(l)->oid[HOST_OID_ADD].status[host_status_index(NDIS_STATUS_RESET_IN_PROGRESS)], 0);
    ck_assert_uint_eq(delivered(l), 200);
    loop_free(l);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------------------ */

enum { BY_REQUEST, BY_LINK, BY_RESET, WAYS };
enum { LIFE = 100, TRIES = 150, COUNTED = LENGTH - 14 /* bytes of the inner packet */ };

static struct loop *limited(unsigned way, const struct esp_lifetime *out,
                            const struct esp_lifetime *in, uint32_t round)
{
    struct rig *rig = new_rig(true);
    struct loop *l = loop_new(rig);
    struct esp_node node[2] = { rig_node(out_handle(0), ESP_DIR_OUT, ESP_MODE_TUNNEL, FIRST_SPI),
                                rig_node(in_handle(0), ESP_DIR_IN, ESP_MODE_TUNNEL, FIRST_SPI) };

    rig->card_config.table.round = round;
    rig->card_config.sa.reset_wipes = way == BY_RESET;
    rig->host_config.general.failover = way == BY_LINK ? HOST_FAILOVER_READD : HOST_FAILOVER_KEEP;
    rig->host_config.general.readd = way == BY_REQUEST ? HOST_READD_ON_USE : HOST_READD_NEVER;
    rig->host_config.general.readd_packets = 7;
    rig_open(rig);
    rig_select(&node[0], 1);
    node[0].pair = node[1].handle;
    node[1].pair = node[0].handle;
    node[0].sa[0].lifetime = *out;
    node[1].sa[0].lifetime = *in;
    ck_assert(host_oid_add(rig->host, host_now(rig->host), node, 2, false, 0, 0));
    run_until(l, host_now(rig->host) + 100 * US);
    return l;
}

/* Both SAs go; with a link or a reset they are soon back, after a request when they have carried a few packets. */
static void leave(struct loop *l, unsigned way)
{
    static const enum host_event down[] = {
        [BY_LINK] = HOST_EVENT_LINK, [BY_RESET] = HOST_EVENT_RESET_BEGIN
    };
    static const enum host_event up[] = {
        [BY_LINK] = HOST_EVENT_LINK, [BY_RESET] = HOST_EVENT_RESET_END
    };

    if (way == BY_REQUEST) {
        l->rig->ask_delete = true; /* in the next packet that comes */
        return;
    }
    ck_assert(host_event(l->rig->host, host_now(l->rig->host), down[way], 0));
    run_until(l, host_now(l->rig->host) + 50 * US);
    ck_assert(host_event(l->rig->host, host_now(l->rig->host), up[way], 1));
}

static void one_more(struct loop *l)
{
    send(l, 1);
    run_until(l, host_now(l->rig->host) + 50 * US);
    l->rig->ask_delete = false;
}

static uint64_t moves(const struct loop *l, unsigned way)
{
    return way == BY_REQUEST ? stats_of(l)->readd.done : stats_of(l)->restore.nodes;
}

/* A limit of 100 packets, or as many bytes, of what is sent or what is received: 100 pass, wherever they are carried and
 * however often the SA comes back in between. The packet whose use brings both SAs back is on the wire while they are
 * added, and received in software: the host counts it, the card cannot know. */
START_TEST(limits_come_back)
{
    unsigned way = (unsigned)_i % WAYS;
    bool bytes = _i / WAYS % 2 != 0;
    bool inbound = _i / WAYS / 2 % 2 != 0;
    uint32_t round = _i / WAYS / 4 != 0 ? 8 : 0;
    struct esp_lifetime none = { 0 };
    struct esp_lifetime limit = { .hard_packets = bytes ? 0 : LIFE,
                                  .hard_bytes = bytes ? (LIFE - 1) * COUNTED + 1 : 0 };
    struct loop *l = limited(way, inbound ? &none : &limit, inbound ? &limit : &none, round);
    uint64_t late = inbound && way == BY_REQUEST ? 3 : 0;
    uint64_t on_wire = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        if (i == 17 || i == 40 || i == 65) {
            leave(l, way);
        }
        one_more(l);
    }
    settle(l);
    for (unsigned n = 1; n < NUMBERS; n++) {
        on_wire += l->seen[0][n];
    }
    ck_assert_uint_eq(moves(l, way), 3 * 2);
    ck_assert_uint_gt(stats_of(l)->tx.offloaded, 3 * 10);
    ck_assert_uint_eq(on_wire, inbound ? TRIES : LIFE);
    ck_assert_uint_ge(delivered(l), LIFE);
    ck_assert_uint_le(delivered(l), LIFE + late);
    ck_assert_uint_eq(nic_statistics(l->rig->card)->rx.drop[NIC_DROP_EXPIRED],
                      TRIES - delivered(l) - (TRIES - on_wire));
    ck_assert_uint_eq(stats_of(l)->sa.hard_limits, 1);
    loop_free(l);
}
END_TEST

/* It is over while it is in software: nothing more passes, and it does not come back. */
START_TEST(a_limit_that_ends_in_software)
{
    bool inbound = _i != 0;
    struct esp_lifetime none = { 0 };
    struct esp_lifetime limit = { .hard_packets = 25 };
    struct loop *l = limited(BY_REQUEST, inbound ? &none : &limit, inbound ? &limit : &none, 0);

    for (unsigned i = 0; i < 40; i++) {
        if (i == 22) {
            leave(l, BY_REQUEST);
        }
        one_more(l);
    }
    settle(l);
    ck_assert_uint_eq(delivered(l), 25);
    ck_assert_uint_eq(stats_of(l)->tx.drop[HOST_TX_DROP_EXPIRED], inbound ? 0 : 15);
    ck_assert_uint_eq(stats_of(l)->rx.drop[HOST_RX_DROP_EXPIRED], inbound ? 15 : 0);
    ck_assert_int_eq(host_where(l->rig->host, inbound ? in_handle(0) : out_handle(0)),
                     HOST_PLACE_SOFTWARE);
    loop_free(l);
}
END_TEST

/* Seconds count from the first ADD: 1 s is over 1 s after it, to the packet. */
START_TEST(seconds_go_on)
{
    struct esp_lifetime none = { 0 };
    struct esp_lifetime limit = { .soft_s = 1, .hard_s = 2 };
    struct loop *l = limited((unsigned)_i, &limit, &none, 0);
    struct rig *rig = l->rig;
    uint64_t begin = host_now(rig->host);
    uint64_t added = rig->card->table.stats.adds;
    static const unsigned at_ms[] = { 100, 999, 1001, 1002, 1998, 2001, 2002 };
    static const unsigned soft[] = { 0, 0, 1, 1, 1, 1, 1 }; /* seen by the card after each */

    for (unsigned i = 0; i < 7; i++) {
        host_simulate(rig->host, begin + at_ms[i] * 1000 * US);
        if (i == 0 || i == 3) {
            leave(l, (unsigned)_i);
            for (unsigned n = 0; n < 7; n++) {
                one_more(l);
            }
        }
        run_until(l, host_now(rig->host) + 50 * US);
        one_more(l);
        ck_assert_uint_eq(nic_statistics(rig->card)->soft_limits, soft[i]);
    }
    ck_assert_uint_eq(rig->card->table.stats.adds - added, 2 * 2);
    settle(l);
    ck_assert_uint_eq(delivered(l), 5 + 2 * 7);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.drop[NIC_DROP_EXPIRED], 2);
    loop_free(l);
}
END_TEST

/* A soft limit is told once, by the packet that reaches it, be the SA new on the card or not. */
START_TEST(a_soft_limit_is_told_once)
{
    struct esp_lifetime none = { 0 };
    struct esp_lifetime limit = { .soft_packets = 50, .soft_bytes = 120 * COUNTED };
    struct loop *l = limited((unsigned)_i, &limit, &none, 0);

    for (unsigned i = 0; i < 140; i++) {
        if (i == 17 || i == 60 || i == 90) {
            leave(l, (unsigned)_i);
        }
        one_more(l);
        if (i == 48 || i == 49) {
            ck_assert_uint_eq(nic_statistics(l->rig->card)->soft_limits, i - 48);
            ck_assert_uint_eq(stats_of(l)->sa.soft_limits, i - 48);
        }
    }
    settle(l);
    /* bytes are another limit: of an SA that was told one of them on this card, the other is not told */
    ck_assert_uint_eq(nic_statistics(l->rig->card)->soft_limits, 2);
    ck_assert_uint_eq(stats_of(l)->sa.soft_limits, 1);
    ck_assert_uint_eq(delivered(l), 140);
    loop_free(l);
}
END_TEST

/* ---- rekeying --------------------------------------------------------------------------------------------------------- */

enum { TUNNELS = 9, LIVES = 400 };

/* What the records and their completions say of each SA. */
static struct life {
    unsigned traffic;        /* tunnel and direction */
    uint64_t added, deleted; /* 0: not */
} lives[LIVES];

static void note_ends(struct rig *rig)
{
    for (unsigned i = 0; i < rig->oids; i++) {
        uint64_t record = rig->oid[i].record;

        ck_assert_uint_eq(rig->oid[i].status, NDIS_STATUS_SUCCESS);
        *(record % 2 ? &lives[record / 2].added : &lives[record / 2].deleted) = rig->oid[i].time;
    }
    rig->oids = 0;
}

/* SAs on the card beside one for the same traffic, right after `time`. */
static unsigned overlap_at(uint64_t time)
{
    unsigned live[2 * TUNNELS] = { 0 };
    unsigned more = 0;

    for (unsigned i = 0; i < LIVES; i++) {
        if (lives[i].added != 0 && lives[i].added <= time &&
            (lives[i].deleted == 0 || lives[i].deleted > time)) {
            more += live[lives[i].traffic]++ != 0;
        }
    }
    return more;
}

static int by_time(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Each SA is added before, or after, the one that it replaces is deleted. The report's figures are those that the list of
 * all completions gives by counting. */
START_TEST(rekeying_overlaps)
{
    static uint64_t at[2 * LIVES + 1];
    struct rig *rig = rig_new(_i == 0, false);
    struct rng rng = rng_stream(3, (uint64_t)_i);
    const struct host_sa_stats *s;
    uint64_t old[2 * TUNNELS] = { 0 };
    uint64_t late[8] = { 0 };
    unsigned lates = 0;
    double sum = 0;
    unsigned peak = 0;

    memset(lives, 0, sizeof lives);
    rig_open(rig);
    for (unsigned i = 1; i < LIVES; i++) {
        unsigned traffic = (unsigned)rng_below(&rng, 2 * TUNNELS);
        struct esp_node node =
            rig_node(i, traffic % 2 ? ESP_DIR_IN : ESP_DIR_OUT, ESP_MODE_TUNNEL, FIRST_SPI + i);
        bool before = rng_below(&rng, 4) != 0;
        uint64_t replaced = old[traffic];

        rig_select(&node, (uint8_t)(traffic / 2));
        lives[i].traffic = traffic;
        old[traffic] = i;
        if (!before && replaced != 0) {
            ck_assert(
                host_oid_delete(rig->host, host_now(rig->host), &replaced, 1, 2 * replaced, 0));
        }
        ck_assert(host_oid_add(rig->host, host_now(rig->host), &node, 1, false, 2 * i + 1, 0));
        host_simulate(rig->host, host_now(rig->host) + rng_below(&rng, 60 * US));
        if (before && replaced != 0) {
            late[lates++] = replaced;
        }
        while (lates != 0 && (lates > 6 || rng_below(&rng, 2) == 0)) {
            replaced = late[--lates];
            ck_assert(
                host_oid_delete(rig->host, host_now(rig->host), &replaced, 1, 2 * replaced, 0));
        }
        note_ends(rig);
    }
    rig_settle(rig);
    note_ends(rig);
    host_simulate(rig->host, host_now(rig->host) + 100 * US);
    for (unsigned i = 0; i < LIVES; i++) {
        at[2 * i] = lives[i].added;
        at[2 * i + 1] = lives[i].deleted;
    }
    at[2 * LIVES] = host_now(rig->host);
    qsort(at, 2 * LIVES + 1, sizeof at[0], by_time);
    for (unsigned i = 0; i < 2 * LIVES; i++) {
        unsigned now = at[i] == 0 ? 0 : overlap_at(at[i]);

        sum += now * ((double)(at[i + 1] - at[i]) / 1e12);
        peak = now > peak ? now : peak;
    }
    s = &host_statistics(rig->host)->sa;
    ck_assert_uint_gt(peak, 2);
    ck_assert_uint_eq(s->overlap_peak, peak);
    ck_assert_double_eq_tol(s->overlap_s, sum, sum * 1e-9);
    ck_assert_uint_gt(s->overlaps, LIVES / 2);
    rig_free(rig);
}
END_TEST

/* Pairs whose inbound SAs have no selector, among SAs without one and without a partner, all between the same endpoints.
 * Twice as many of the latter do not change the count; a new pair beside an old one is two. */
START_TEST(only_replacements_overlap)
{
    enum { MANY = 50, REKEYS = 10 };
    struct rig *rig = rig_new(_i == 0, false);
    const struct host_sa_stats *s;
    uint64_t handle = 1;

    rig_open(rig);
    s = &host_statistics(rig->host)->sa;
    for (unsigned i = 0; i < 2 * MANY; i++, handle++) {
        struct esp_node node = rig_node(handle, i < MANY ? ESP_DIR_IN : ESP_DIR_OUT,
                                        ESP_MODE_TUNNEL, FIRST_SPI + (uint32_t)handle);

        ck_assert(host_oid_add(rig->host, host_now(rig->host), &node, 1, false, 0, 0));
    }
    for (unsigned i = 0; i < MANY + REKEYS; i++, handle += 2) {
        uint32_t spi = FIRST_SPI + (uint32_t)handle;
        bool first = i % 2 == 0; /* the outbound one */
        struct esp_node node[2] = { rig_node(handle, ESP_DIR_OUT, ESP_MODE_TUNNEL, spi),
                                    rig_node(handle + 1, ESP_DIR_IN, ESP_MODE_TUNNEL, spi) };

        if (i == MANY) {
            rig_settle(rig);
            ck_assert_uint_eq(s->overlap_peak, 0);
        }
        rig_select(&node[0], (uint8_t)(i % MANY));
        node[0].pair = handle + 1;
        node[1].pair = handle;
        ck_assert(
            host_oid_add(rig->host, host_now(rig->host), &node[first ? 0 : 1], 1, false, 0, 0));
        ck_assert(
            host_oid_add(rig->host, host_now(rig->host), &node[first ? 1 : 0], 1, false, 0, 0));
    }
    rig_settle(rig);
    ck_assert_uint_eq(s->on_card, 4 * MANY + 2 * REKEYS);
    ck_assert_uint_eq(s->overlap_peak, 2 * REKEYS);
    for (uint64_t old = 2 * MANY + 1; old < 2 * MANY + 1 + 2 * REKEYS; old++) {
        ck_assert(host_oid_delete(rig->host, host_now(rig->host), &old, 1, 0, 0));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->host->s->overlap.now, 0);
    rig_free(rig);
}
END_TEST

/* ---- everything at random ------------------------------------------------------------------------------------------- */

/* Pairs come and go, the card asks at random and has room for half of them, resets wipe it, the link goes down. */
START_TEST(commotion)
{
    enum { PLACES = 12, STEPS = 2500 };
    struct rig *rig = new_rig(_i % 2 == 0);
    struct loop *l = loop_new(rig);
    struct rng rng = rng_stream(7, (uint64_t)_i);
    bool there[PLACES] = { false };
    unsigned pair[PLACES] = { 0 };
    unsigned next = 0;
    bool reset = false;
    bool down = false;

    rig->card_config.table.capacity = PLACES;
    rig->card_config.sa.reset_wipes = _i / 2 % 2 == 0;
    rig->host_config.general.readd = HOST_READD_ON_USE;
    rig->host_config.general.readd_packets = 2;
    rig->host_config.general.readd_pause = 30 * US;
    rig->host_config.general.failover = _i / 4 % 2 == 0 ? HOST_FAILOVER_READD : HOST_FAILOVER_KEEP;
    rig->host_config.general.cores = (uint32_t)_i % 3 + 1;
    rig_open(rig);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned place = (unsigned)rng_below(&rng, PLACES);
        uint64_t burst = rng_below(&rng, 6) == 0 ? 20 : rng_below(&rng, 4);

        rig->ask_delete = rng_below(&rng, 4) == 0;
        if (rng_below(&rng, 8) == 0 && !there[place]) {
            pair[place] = next++;
            add_pair(l, pair[place], (uint8_t)(place + 1), FIRST_SPI + pair[place]);
            there[place] = true;
        } else if (rng_below(&rng, 12) == 0 && there[place]) {
            uint64_t handle[] = { in_handle(pair[place]), out_handle(pair[place]) };

            ck_assert(host_oid_delete(rig->host, host_now(rig->host), handle, 2, 0, 0));
            there[place] = false;
        } else if (rng_below(&rng, 40) == 0) {
            reset = !reset;
            ck_assert(host_event(rig->host, host_now(rig->host),
                                 reset ? HOST_EVENT_RESET_BEGIN : HOST_EVENT_RESET_END, 0));
        } else if (rng_below(&rng, 40) == 0) {
            down = !down;
            ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, !down));
        }
        for (uint64_t k = 0; k < burst && there[place]; k++) {
            send(l, (uint8_t)(place + 1));
        }
        run_until(l, host_now(rig->host) + rng_below(&rng, 12 * US));
    }
    rig->ask_delete = false;
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_LINK, 1));
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_END, 0));
    settle(l);
    for (unsigned p = 0; p < PLACES; p++) {
        uint64_t handle[] = { in_handle(pair[p]), out_handle(pair[p]) };

        if (there[p]) {
            ck_assert(host_oid_delete(rig->host, host_now(rig->host), handle, 2, 0, 0));
        }
    }
    settle(l);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    ck_assert_uint_eq(nic_table_statistics(rig->card)->live, 0);
    ck_assert_uint_eq(stats_of(l)->sa.live, 0);
    ck_assert_uint_eq(stats_of(l)->tx.inside, 0);
    ck_assert_uint_eq(rig->host->frames.live, 0);
    ck_assert_uint_eq(rig->host->delays.live, 0);
    ck_assert_uint_gt(stats_of(l)->readd.done, 20);
    ck_assert_uint_gt(delivered(l), l->sent / 5);
    loop_free(l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("move");
    TCase *tc = tcase_create("move");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, leaves_in_flight, 0, 4);
    tcase_add_loop_test(tc, leaves_with_a_lower_half_of_zero, 0, 2);
    tcase_add_loop_test(tc, the_population_changes, 0, 2);
    tcase_add_loop_test(tc, wiped_and_restored, 0, 4);
    tcase_add_loop_test(tc, kept, 0, 2);
    tcase_add_loop_test(tc, requests_amid, 0, 6);
    tcase_add_loop_test(tc, wiped_amid_an_add, 0, 2);
    tcase_add_loop_test(tc, rings_of_contexts_wrap, 0, 2);
    tcase_add_loop_test(tc, link_down_and_up, 0, 2);
    tcase_add_loop_test(tc, reset_amid_restoration, 0, 4);
    tcase_add_loop_test(tc, rekeying_overlaps, 0, 2);
    tcase_add_loop_test(tc, only_replacements_overlap, 0, 2);
    tcase_add_loop_test(tc, commotion, 0, 8);
    tcase_add_loop_test(tc, limits_come_back, 0, 5 * WAYS);
    tcase_add_loop_test(tc, a_limit_that_ends_in_software, 0, 2);
    tcase_add_loop_test(tc, seconds_go_on, 0, WAYS);
    tcase_add_loop_test(tc, a_soft_limit_is_told_once, 0, WAYS);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
