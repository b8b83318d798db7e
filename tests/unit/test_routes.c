/* Routes, steering rules and what a router does to a frame, against obvious ones: a list that is searched from end
 * to end, bit by bit; a checksum computed anew. And the traffic that is made in memory, against its profile. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/synthesis.h"
#include "engine/rng.h"
#include "esp/esp.h"
#include "nic/routes.h"
#include "nic/steering.h"

/* ---- routes --------------------------------------------------------------------------------------------- */

START_TEST(routes)
{
    static const struct {
        uint8_t destination[16];
        unsigned in, port;
    } cases[] = {
        { { 10, 1, 2, 3 }, 0, 2 },
        { { 10, 1, 2, 4 }, 0, 3 },
        { { 10, 1, 3, 1 }, 1, 1 },
        { { 10, 9, 9, 9 }, 3, 3 },
        { { 172, 16, 0, 1 }, 0, NIC_ROUTE_HOST },
        { { 192, 0, 2, 1 }, 2, 3 },
        { { 192, 0, 2, 1 }, 1, 0 },
    };
    struct nic_routes r;
    char error[256] = "";

    ck_assert(
        nic_routes_parse("default=other 10.0.0.0/8=same, 10.1.0.0/16=1 10.1.2.0/24=3,10.1.2.3=2 "
                         "172.16.0.0/12=host",
                         4, &r, error, sizeof error));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_uint_eq(nic_route_port(&r, 4, cases[i].destination, cases[i].in, 4),
                          cases[i].port);
    }
    ck_assert(nic_routes_parse("fd00::/8=1", 2, &r, error, sizeof error));
    ck_assert_uint_eq(nic_route_port(&r, 6, (const uint8_t[16]){ 0xfd, 1 }, 0, 2), 1);
    ck_assert_uint_eq(nic_route_port(&r, 6, (const uint8_t[16]){ 0xfc, 1 }, 0, 2), NIC_ROUTE_NONE);
    ck_assert_uint_eq(nic_route_port(&r, 4, (const uint8_t[16]){ 0xfd, 1 }, 0, 2), NIC_ROUTE_NONE);
    ck_assert(nic_routes_parse("default=other", 1, &r, error, sizeof error));
    ck_assert_uint_eq(nic_route_port(&r, 4, (const uint8_t[16]){ 1 }, 0, 1), 0);
}
END_TEST

START_TEST(bad_routes)
{
    static const char *const bad[] = { "10.0.0.0/8",   "10.0.0.0/33=1", "10.0.0.1/8=1",
                                       "10.0.0/8=1",   "default=2",     "default=",
                                       "=1",           "default=x",     "10.0.0.0/8=other,",
                                       "fd00::/129=0", "10.0.0.0/=1",   "default=-1" };
    struct nic_routes r;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char error[256] = "";
        bool good = nic_routes_parse(bad[i], 2, &r, error, sizeof error);

        /* a gap at the end is none too many */
        ck_assert_msg(good == (strcmp(bad[i], "10.0.0.0/8=other,") == 0), "\"%s\"", bad[i]);
        ck_assert(good || strstr(error, "expected") != NULL);
    }
}
END_TEST

/* ---- hops and frames -------------------------------------------------------------------------------------- */

START_TEST(hops)
{
    struct rng rng = rng_stream(1, 1);

    for (unsigned n = 0; n < 200000; n++) {
        uint8_t ip[20];
        uint16_t sum;

        for (unsigned i = 0; i < sizeof ip; i++) {
            ip[i] = (uint8_t)rng_below(&rng, rng_below(&rng, 4) ? 256 : 2);
        }
        ip[0] = 0x45;
        ip[8] = (uint8_t)(1 + rng_below(&rng, 255));
        esp_put16(ip + 10, 0);
        esp_put16(ip + 10, esp_ip_checksum(ip, 20));
        nic_take_hop(ip, 4);
        ck_assert_uint_eq(esp_ip_checksum(ip, 20), 0);
        sum = esp_get16(ip + 10);
        esp_put16(ip + 10, 0);
        ck_assert_uint_eq(esp_ip_checksum(ip, 20), sum);
    }
}
END_TEST

/* ---- steering rules ------------------------------------------------------------------------------------------ */

enum { SAS = 400, STEPS = 20000 };

struct listed {
    bool live;
    uint32_t stamp;
    struct esp_selector sel;
};

static bool bits_match(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) {
            return false;
        }
    }
    return true;
}

static bool list_matches(const struct esp_selector *s, const struct nic_flow *f)
{
    bool any_sport = !s->has_sport || (s->sport_lo == 0 && s->sport_hi == 65535);
    bool any_dport = !s->has_dport || (s->dport_lo == 0 && s->dport_hi == 65535);

    return (!s->has_src || (s->src.address.family == f->family &&
                            bits_match(s->src.address.bytes, f->src, s->src.length))) &&
           (!s->has_dst || (s->dst.address.family == f->family &&
                            bits_match(s->dst.address.bytes, f->dst, s->dst.length))) &&
           (!s->has_proto || s->proto == f->proto) &&
           (any_sport || (f->ports && f->sport >= s->sport_lo && f->sport <= s->sport_hi)) &&
           (any_dport || (f->ports && f->dport >= s->dport_lo && f->dport <= s->dport_hi));
}

/* Prefix bits, protocol, ports, then the newest. */
static unsigned __int128 list_rank(const struct listed *l)
{
    const struct esp_selector *s = &l->sel;
    unsigned __int128 rank = (s->has_src ? s->src.length : 0u) + (s->has_dst ? s->dst.length : 0u);
    uint32_t narrow = (s->has_sport ? 65535u - (uint32_t)(s->sport_hi - s->sport_lo) : 0) +
                      (s->has_dport ? 65535u - (uint32_t)(s->dport_hi - s->dport_lo) : 0);

    rank = rank << 1 | s->has_proto;
    rank = rank << 20 | narrow;
    return rank << 32 | l->stamp;
}

/* Few different addresses, so that rules meet packets and each other. */
static void some_address(struct rng *rng, uint8_t family, uint8_t *bytes)
{
    memset(bytes, 0, 16);
    for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++) {
        bytes[i] = (uint8_t)(rng_below(rng, 2) << rng_below(rng, 8));
    }
}

static void some_ports(struct rng *rng, bool *has, uint16_t *lo, uint16_t *hi)
{
    *has = rng_below(rng, 4) == 0;
    *lo = (uint16_t)rng_below(rng, 8);
    *hi = (uint16_t)(*lo + rng_below(rng, rng_below(rng, 3) ? 4 : 65000));
}

static void some_selector(struct rng *rng, uint8_t family, struct esp_selector *s)
{
    static const uint8_t lengths[] = { 0, 8, 13, 24, 32 };

    memset(s, 0, sizeof *s);
    s->present = true;
    s->has_src = rng_below(rng, 2);
    s->has_dst = rng_below(rng, 4) != 0;
    s->src.address.family = s->dst.address.family = family;
    s->src.length = lengths[rng_below(rng, 5)];
    s->dst.length = lengths[rng_below(rng, 5)];
    some_address(rng, family, s->src.address.bytes);
    some_address(rng, family, s->dst.address.bytes);
    s->has_proto = rng_below(rng, 3) == 0;
    s->proto = rng_below(rng, 2) ? 6 : 17;
    some_ports(rng, &s->has_sport, &s->sport_lo, &s->sport_hi);
    some_ports(rng, &s->has_dport, &s->dport_lo, &s->dport_hi);
}

static uint32_t search(const struct listed *all, const struct nic_flow *flow)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < SAS; i++) {
        if (all[i].live && list_matches(&all[i].sel, flow) &&
            (!best || list_rank(&all[i]) > list_rank(&all[best]))) {
            best = i;
        }
    }
    return best;
}

START_TEST(steering)
{
    static struct listed all[SAS];
    struct nic_steer t = { 0 };
    struct rng rng = rng_stream(7, (uint64_t)_i);
    unsigned found = 0;

    memset(all, 0, sizeof all);
    for (uint32_t step = 1; step < STEPS; step++) {
        uint32_t sa = (uint32_t)(1 + rng_below(&rng, SAS - 1));
        uint8_t family = rng_below(&rng, 4) ? 4 : 6;
        struct nic_flow flow = { .family = family,
                                 .proto = rng_below(&rng, 2) ? 6 : 17,
                                 .ports = rng_below(&rng, 3) != 0,
                                 .sport = (uint16_t)rng_below(&rng, 12),
                                 .dport = (uint16_t)rng_below(&rng, 12) };

        if (all[sa].live) {
            nic_steering_remove(&t, sa);
            all[sa].live = false;
        } else {
            some_selector(&rng, family, &all[sa].sel);
            all[sa].live = nic_steering_add(&t, sa, &all[sa].sel, family);
            all[sa].stamp = step;
            ck_assert(all[sa].live || t.s.shapes == NIC_MAX_SHAPES);
        }
        some_address(&rng, family, flow.src);
        some_address(&rng, family, flow.dst);
        ck_assert_uint_eq(nic_steering_find(&t, &flow), search(all, &flow));
        found += nic_steering_find(&t, &flow) != 0;
    }
    ck_assert_uint_gt(found, STEPS / 4);
    nic_steering_free(&t);
}
END_TEST

/* ---- made traffic -------------------------------------------------------------------------------------------- */

/* reference: mean wire bytes of half clear, half ESP, as computed beside the published profiles */
START_TEST(profiles)
{
    ck_assert_double_eq_tol(synthesis_wire_bytes("mno"), 1111.75, 0.005);
    ck_assert_double_eq_tol(synthesis_wire_bytes("six-bucket"), 645.72, 0.005);
    ck_assert_double_eq_tol(synthesis_wire_bytes("mno-mixed"), 915.32, 0.005);
}
END_TEST

enum { FRAMES = 50000 };

/* Sizes come as often as the profile says, streams are even, tunnels take turns, frames are what they say. */
START_TEST(made_traffic)
{
    static struct espnic_config config;
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);
    char error[256] = "";
    struct synthesis *s;
    unsigned kinds[2] = { 0 };
    unsigned small = 0;
    uint64_t wire = 0;
    uint64_t time = 0;
    uint64_t before = 0;
    uint32_t next[2][2] = { { 0 } };

    param_set_defaults(&config, groups, n);
    config.card.general.ports = 2;
    config.workload.timing_only = true;
    config.stop.packets = 1;
    config.traffic.tunnels = 9; /* port 0: 0 2 4 6 8; port 1: 1 3 5 7 */
    snprintf(config.traffic.profile, sizeof config.traffic.profile, "100:30000 1000:10000");
    s = synthesis_create(&config, error, sizeof error);
    ck_assert_msg(s != NULL, "%s", error);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct capture_packet p;
        struct esp_view view;
        uint64_t tag;
        uint32_t tunnel;

        synthesis_next(s, 1, &p, &time, &tag);
        ck_assert_uint_ge(time, before);
        before = time;
        esp_parse(p.bytes, p.captured, p.length, NULL, &view);
        ck_assert_uint_eq(view.kind, synthesis_kind(tag) ? ESP_PACKET_ESP : ESP_PACKET_CLEAR_IP);
        ck_assert_uint_eq(view.l3 + view.l3_length, p.length);
        kinds[synthesis_kind(tag)]++;
        small += synthesis_size(tag) == 100;
        wire += p.length + 24;
        if (synthesis_kind(tag) == SYNTHESIS_CLEAR) {
            uint32_t *turn = &next[0][synthesis_size(tag) == 100];

            ck_assert_uint_eq(p.length, synthesis_size(tag) + 4);
            tunnel = esp_get32(p.bytes + view.l3 + 16) - 0x0b000000u;
            ck_assert(*turn == 0 || tunnel == (*turn == 7 ? 1u : *turn + 2));
            *turn = tunnel;
        } else {
            tunnel = (view.spi - 0x1001) / 2;
        }
        ck_assert(tunnel % 2 == 1 && tunnel < 9);
    }
    ck_assert_uint_le(kinds[0] > kinds[1] ? kinds[0] - kinds[1] : kinds[1] - kinds[0], 4);
    ck_assert_double_eq_tol(small, 0.75 * FRAMES, 4);
    /* the line rate, as offered by default */
    ck_assert_double_eq_tol((double)wire * 8000 / (double)time, 100, 0.05);
    synthesis_destroy(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *tc = tcase_create("routes");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, routes);
    tcase_add_test(tc, bad_routes);
    tcase_add_test(tc, hops);
    tcase_add_loop_test(tc, steering, 0, 5);
    tcase_add_test(tc, profiles);
    tcase_add_test(tc, made_traffic);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
