/* The PCIe link: cycles worked out by hand, bandwidths by formula, order. Random traffic is in
 * test_pcie_twin.c and test_pcie_properties.c. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "pcie_bench.h"

static const uint64_t page = 0x400000000000ull;
static const uint64_t forever = CLOCK_NEVER - 1;

static struct pcie_bench bench;

/* Wires that carry TLPs only, and no limit but tags. */
static struct pcie_config base_config(uint32_t generation, uint32_t lanes)
{
    struct pcie_config config = { .generation = generation,
                                  .lanes = lanes,
                                  .mps = 256,
                                  .mrrs = 512,
                                  .rcb = 64,
                                  .dllp = PCIE_DLLP_SHARE,
                                  .address64 = true,
                                  .up_ps = 110000,
                                  .down_ps = 110000,
                                  .tags = 256,
                                  .queue = 16,
                                  .host = pb_host() };

    config.host.read_ps = 200000;
    return config;
}

/* ---- single requests ----------------------------------------------------------------------- */

/* A client in the link's domain pushes at 10, so the link sees the request in cycle 11. */
static void single(const struct pcie_config *config, enum pcie_answers answers)
{
    pb_init(&bench, config);
    pb_client(&bench, 0, 0, 16, answers);
}

/* Gen3 x8: 7876923076.9 bytes/s, 110 ns = 866.46 -> 867 cycles, 200 ns = 1575.38 -> 1576 cycles.
 * Gen4 x16: 31507692307.7 bytes/s, 3465.85 -> 3466 and 6301.54 -> 6302 cycles. */
static const struct hand {
    uint32_t generation, lanes;
    uint64_t one_way, memory;
} hands[] = { { 3, 8, 867, 1576 }, { 4, 16, 3466, 6302 } };

START_TEST(single_read)
{
    const struct hand *h = &hands[_i];
    const struct pcie_config config = base_config(h->generation, h->lanes);
    uint64_t done[] = {
        /* MRd 24; 64 bytes come in 84; 512 in 2 x 276; 1000 at 40 as 472 and 512 and 16: 3 MRd,
         * 5 CplD, from the arrival of the first MRd on without a gap */
        11 + 24 + h->one_way + h->memory + 84 + h->one_way,
        11 + 24 + h->one_way + h->memory + 552 + h->one_way,
        11 + 24 + h->one_way + h->memory + 1100 + h->one_way,
    };
    static const struct {
        uint32_t offset, length;
    } r[] = { { 0, 64 }, { 512, 512 }, { 40, 1000 } };

    for (unsigned n = 0; n < 6; n++) {
        unsigned i = n / 2;

        single(&config, n % 2 ? PCIE_ANSWERS_READS : PCIE_ANSWERS_BOTH);
        pb_plan(&bench, 0, 10, PCIE_READ, page + r[i].offset, r[i].length, true);
        pb_start(&bench);
        pb_run(&bench, forever);
        ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), 11);
        ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0),
                          11 + (i == 2 ? 72u : 24u) + h->one_way); /* of the last TLP */
        ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), done[i]);
        ck_assert_uint_eq(pcie_request_live(bench.link), 0);
        ck_assert(pcie_link_idle(bench.link));
        pb_free(&bench);
    }
}
END_TEST

static void check_single_write(const struct hand *h, enum pcie_answers answers)
{
    const struct pcie_config config = base_config(h->generation, h->lanes);
    const struct pcie_direction_stats *up;

    single(&config, answers);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 256, true);        /* 280 */
    pb_plan(&bench, 0, 10, PCIE_WRITE, page + 62, 3, false);    /* pushed at 11; 24 + 8 */
    pb_plan(&bench, 0, 10, PCIE_MSIX, 0xfee00000, 4, false);    /* 24: below 4 GB */
    pb_plan(&bench, 0, 10, PCIE_WRITE, page + 100, 2048, true); /* 9 TLPs */
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), 11);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 11 + 280);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), 291 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 291);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), 323 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 2), 347 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 3), 347 + 9 * 24 + 2048);
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    up = &pcie_link_stats(bench.link)->dir[0];
    ck_assert_uint_eq(up->tlps_write, 12);
    ck_assert_uint_eq(up->wire_bytes, 280 + 32 + 24 + 2264);
    ck_assert_uint_eq(up->wire_write, up->wire_bytes);
    ck_assert_uint_eq(up->payload_bytes, 256 + 3 + 4 + 2048);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->writes, 3);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->msix, 1);
    pb_free(&bench);
}

START_TEST(single_write)
{
    check_single_write(&hands[_i], PCIE_ANSWERS_WRITES);
    check_single_write(&hands[_i], PCIE_ANSWERS_BOTH);
}
END_TEST

START_TEST(single_mmio)
{
    const struct hand *h = &hands[_i];
    struct pcie_config config = base_config(h->generation, h->lanes);

    config.address64 = h->generation == 3;
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    pb_mmio(&bench, 1000, false, 0x14, 4);
    pb_mmio(&bench, 50000, true, 0x20, 8);
    pb_mmio(&bench, 100000, true, 60, 4); /* unsupported: a completion without data */
    pb_run(&bench, forever);
    /* MWr 28 or 24, MRd 24 or 20, CplD 28, Cpl 20 */
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0),
                      1000 + (config.address64 ? 28u : 24u) + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_READ, 0, 0x20),
                      50000 + (config.address64 ? 24u : 20u) + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_DONE, 0, 1),
                      50000 + (config.address64 ? 24u : 20u) + h->one_way + 28 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_DONE, 0, 2),
                      100000 + (config.address64 ? 24u : 20u) + h->one_way + 20 + h->one_way);
    pb_free(&bench);
}
END_TEST

/* An unloaded 64-byte read of the default configuration takes 410 to 470 ns (pcie-bench, SIGCOMM 2018). */
START_TEST(defaults)
{
    const struct param_group group = { .path = "pcie",
                                       .params = pcie_params,
                                       .count = pcie_param_count };
    struct pcie_config config;
    uint64_t ps;

    param_set_defaults(&config, &group, 1);
    config.host = pb_host();
    ck_assert_uint_eq(config.generation * 100 + config.lanes, 416);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ps = clock_ps(&bench.clocks, 0, pb_cycle(&bench, PB_ANSWER, 0, 0) - 11);
    ck_assert_uint_ge(ps, 410000);
    ck_assert_uint_le(ps, 470000);
    pb_free(&bench);
}
END_TEST

START_TEST(impossible)
{
    char error[200];
    uint64_t num;
    uint64_t den;
    struct pcie_config c = base_config(3, 8);

    ck_assert(pcie_link_clock(&c, &num, &den, error, sizeof error));
#define REFUSED(field_, value_, text_)                                                             \
    do {                                                                                           \
        c = base_config(3, 8);                                                                     \
        c.field_ = (value_);                                                                       \
        ck_assert(!pcie_link_clock(&c, &num, &den, error, sizeof error));                          \
        ck_assert_msg(strstr(error, (text_)) != NULL, "%s", error);                                \
    } while (0)
    REFUSED(generation, 0, "generation is 0, expected 1 to 6");
    REFUSED(generation, 7, "generation is 7");
    REFUSED(lanes, 0, "lanes is 0");
    REFUSED(lanes, 12, "lanes is 12, expected 1, 2, 4, 8 or 16");
    REFUSED(lanes, 32, "lanes is 32");
    REFUSED(mps, 64, "mps is 64");
    REFUSED(mps, 300, "mps is 300 bytes, expected a power of two, 128 to 4096");
    REFUSED(mrrs, 8192, "mrrs is 8192");
    REFUSED(rcb, 32, "rcb is 32 bytes, expected 64 or 128");
    REFUSED(completion, 32, "completion is 32");
    REFUSED(completion, 96, "completion is 96");
    REFUSED(dllp_ppm, 1000000, "dllp_ppm");
    REFUSED(dllp_crc_ppb, 1, "dllp_crc_ppb is 1, expected 0: with dllp: share there are no DLLPs");
    REFUSED(retrain_ps, 2000000000000ull, "latency");
    REFUSED(refresh_ps, 2000000000000ull, "latency");
    REFUSED(refresh_ps, 999999, "refresh_ps is 999999 ps, expected 0 or at least 1 us");
    REFUSED(tags, 0, "tags is 0");
    REFUSED(queue, 1, "queue 1");
    REFUSED(host_pd, 15, "host_pd is 15, expected 0 or at least 16");
    REFUSED(host.iotlb, 0, "iotlb");
    REFUSED(up_ps, 2000000000000ull, "latency");
#undef REFUSED
}
END_TEST

/* Encoded rates per lane and direction, Gb/s (PCI Express Base Specification 5.0, 4.2; 6.0 for flits). */
START_TEST(rates)
{
    static const double gbps[] = { 2.0, 4.0, 7.877, 15.754, 31.508, 64.0 * 236 / 256 };

    for (uint32_t g = 1; g <= 6; g++) {
        for (uint32_t lanes = 1; lanes <= 16; lanes *= 2) {
            struct pcie_config c = base_config(g, lanes);
            char error[200];
            uint64_t num;
            uint64_t den;

            ck_assert(pcie_link_clock(&c, &num, &den, error, sizeof error));
            ck_assert_double_eq_tol((double)num / (double)den * 8e-9, gbps[g - 1] * lanes, 0.01);
            c.dllp_ppm = 81400; /* overhead of the published model, Gen3 x8, MPS 256: 8.14 % */
            ck_assert(pcie_link_clock(&c, &num, &den, error, sizeof error));
            ck_assert_double_eq_tol((double)num / (double)den * 8e-9,
                                    gbps[g - 1] * lanes * (1 - 0.0814), 0.01);
        }
    }
}
END_TEST

/* ---- bandwidth ----------------------------------------------------------------------------- */

/* Gb/s of the events of this kind after the first, `bytes` each. */
static double rate(enum pb_event_kind kind, uint32_t client, uint32_t bytes)
{
    const struct clock_domain *d = &bench.clocks.domain[0];
    uint64_t first = CLOCK_NEVER;
    uint64_t last = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < bench.log.count; i++) {
        const struct pb_event *e = &bench.log.event[i];

        if (e->kind == (uint32_t)kind && e->client == client) {
            first = first == CLOCK_NEVER ? e->cycle : first;
            last = e->cycle;
            n++;
        }
    }
    ck_assert_uint_gt(n, 100);
    return (double)(n - 1) * bytes * 8 * (double)d->num / (double)d->den / (double)(last - first) /
           1e9;
}

/* Requests of one client: writes, reads, or one of each in turn. */
enum mix { WRITES, READS, IN_TURN };

static void flood(const struct pcie_config *config, enum mix mix, uint32_t bytes)
{
    static const enum pcie_answers answers[] = { PCIE_ANSWERS_WRITES, PCIE_ANSWERS_READS,
                                                 PCIE_ANSWERS_BOTH };

    pb_init(&bench, config);
    pb_client(&bench, 0, 0, 16, answers[mix]);
    for (uint32_t i = 0; i < 2000; i++) {
        bool read = mix == READS || (mix == IN_TURN && i % 2);

        pb_plan(&bench, 0, 0, read ? PCIE_READ : PCIE_WRITE, page + i * 4096ull, bytes, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
}

struct gbps {
    double write, read, both; /* both: of each */
};

static struct gbps measure(const struct pcie_config *config, uint32_t bytes)
{
    struct gbps is;

    flood(config, WRITES, bytes);
    is.write = rate(PB_MEMORY, 0, bytes);
    pb_free(&bench);
    flood(config, READS, bytes);
    is.read = rate(PB_ANSWER, 0, bytes);
    pb_free(&bench);
    flood(config, IN_TURN, bytes);
    is.both = rate(PB_MEMORY, 0, bytes) / 2;
    pb_free(&bench);
    return is;
}

static void check_equal(struct gbps is, struct gbps want)
{
    ck_assert_double_eq_tol(is.write, want.write, want.write * 1e-3);
    ck_assert_double_eq_tol(is.read, want.read, want.read * 1e-3);
    ck_assert_double_eq_tol(is.both, want.both, want.both * 1e-3);
}

static void check_between(struct gbps is, struct gbps least, struct gbps most)
{
    ck_assert_double_ge(is.write, least.write * (1 - 1e-3));
    ck_assert_double_ge(is.read, least.read * (1 - 1e-3));
    ck_assert_double_ge(is.both, least.both * (1 - 1e-3));
    ck_assert_double_le(is.write, most.write * (1 + 1e-3));
    ck_assert_double_le(is.read, most.read * (1 + 1e-3));
    ck_assert_double_le(is.both, most.both * (1 + 1e-3));
}

/* Gen3 x8, MPS 256, MRRS 512, aligned, completions of MPS. The model is that of R. Neugebauer et al.,
 * "Understanding PCIe performance for end host networking", SIGCOMM 2018 (github.com/pcie-bench/pcie-model):
 * columns wr_gbps, rd_gbps, rdwr_gbps and the same _nodllp of its output for this configuration. */
static const struct published {
    uint32_t bytes;
    struct gbps model, bound;
} published[] = {
    { 64, { 42.0980, 44.1027, 33.0770 }, { 45.8294, 48.0117, 36.0088 } },
    { 128, { 48.7451, 50.0625, 42.0980 }, { 53.0656, 54.4998, 45.8294 } },
    { 256, { 52.9232, 53.6902, 48.7451 }, { 57.6141, 58.4491, 53.0656 } },
    { 384, { 51.4531, 52.4239, 48.7451 }, { 56.0137, 57.0705, 53.0656 } },
    { 512, { 52.9232, 53.6902, 50.7483 }, { 57.6141, 58.4491, 55.2464 } },
    { 768, { 52.9232, 53.6902, 50.0625 }, { 57.6141, 58.4491, 54.4998 } },
    { 1024, { 52.9232, 53.6902, 50.7483 }, { 57.6141, 58.4491, 55.2464 } },
    { 1536, { 52.9232, 53.6902, 50.7483 }, { 57.6141, 58.4491, 55.2464 } },
    { 2048, { 52.9232, 53.6902, 50.7483 }, { 57.6141, 58.4491, 55.2464 } },
};
enum { SIZES = sizeof published / sizeof published[0] };

/* Without DLLPs the bound, with as many as the model has the model, on demand something between. */
START_TEST(bandwidth)
{
    const struct published *p = &published[_i];
    struct pcie_config config = base_config(3, 8);

    config.tags = 16384;
    check_equal(measure(&config, p->bytes), p->bound);
    config.dllp = PCIE_DLLP_PUBLISHED;
    check_equal(measure(&config, p->bytes), p->model);
    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 127;
    config.host_pd = 2047;
    config.host_nph = 127;
    check_between(measure(&config, p->bytes), p->model, p->bound);
}
END_TEST

/* 32 reads of 64 bytes in each round trip of 24 + 867 + 1576 + 84 + 867 cycles: 37.8 Gb/s of the
 * 48 that the wire could carry. */
START_TEST(tag_limit)
{
    struct pcie_config config = base_config(3, 8);
    const struct pcie_stats *stats;
    const struct account *up;

    config.tags = 32;
    flood(&config, READS, 64);
    for (uint32_t i = 0; i + 32 < 2000; i += 61) {
        ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, i + 32) -
                              pb_cycle(&bench, PB_ANSWER, 0, i),
                          24 + 867 + 1576 + 84 + 867);
    }
    pcie_link_settle(bench.link, pb_cycle(&bench, PB_ANSWER, 0, 1999));
    stats = pcie_link_stats(bench.link);
    up = pcie_link_account(bench.link, 0);
    ck_assert_uint_eq(up->total[ACCOUNT_BUSY], 48000);
    ck_assert_uint_eq(stats->dir[0].busy_cycles, 48000);
    ck_assert_uint_eq(stats->dir[1].busy_cycles, 168000);
    ck_assert_uint_gt(stats->stall_cycles[PCIE_STALL_TAGS], 0);
    ck_assert_uint_eq(up->total[ACCOUNT_WAITING], stats->stall_cycles[PCIE_STALL_TAGS]);
    ck_assert_uint_eq(up->by_cause[1][pcie_link_block(bench.link)],
                      stats->stall_cycles[PCIE_STALL_TAGS]);
    pb_free(&bench);
}
END_TEST

/* ---- ordering ------------------------------------------------------------------------------ */

/* With one tag: the second read waits, a write of another client passes it, the write behind the read in
 * its own channel does not. The tag is then the turn of client 0, since client 2 sent last. */
START_TEST(posted_pass_waiting_reads)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t back;

    config.tags = 1;
    pb_init(&bench, &config);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_BOTH);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_READS);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 0, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 1, 100, PCIE_READ, page, 64, true);
    pb_plan(&bench, 2, 200, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    back = pb_cycle(&bench, PB_ANSWER, 0, 0);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 2, 0), 201);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), back);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), back + 24);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 1, 0), pb_cycle(&bench, PB_ANSWER, 0, 1));
    pb_free(&bench);
}
END_TEST

/* Four read TLPs and two tags: the third starts in the cycle in which the first is complete (11 + 24 + 867
 * + 1576 + 552 + 867 = 3897), the fourth with the second, 552 later. */
START_TEST(tag_by_tag)
{
    struct pcie_config config = base_config(3, 8);

    config.tags = 2;
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 2048, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), 3897 + 552 + 24 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 3897 + 552 + 24 + 867 + 1576 + 552 + 867);
    pb_free(&bench);
}
END_TEST

/* A read of 8 RCBs has room for 2: it takes all, the next one waits until it is complete. */
START_TEST(more_than_all_space)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t taken = 11;

    config.space_headers = 2;
    single(&config, PCIE_ANSWERS_READS);
    for (unsigned i = 0; i < 4; i++) {
        pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, i), taken);
        taken += 24 + 867 + 1576 + 552 + 867;
        ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, i), taken);
    }
    pb_free(&bench);
}
END_TEST

/* TLPs of two clients take turns: 256 bytes of the one, 256 of the other. */
START_TEST(turns)
{
    struct pcie_config config = base_config(3, 8);

    pb_init(&bench, &config);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_WRITES);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 1024, true);
    pb_plan(&bench, 1, 10, PCIE_WRITE, page, 512, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), 11);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 1, 0), 11 + 280);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 1, 0), 11 + 4 * 280);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 11 + 6 * 280);
    pb_free(&bench);
}
END_TEST

/* The register is read at 2000 + 24 + 867 = 2891. What client 0 had pushed by then is in memory
 * before the CPU has the answer, although it is the reply's turn; what came later is not waited
 * for. */
START_TEST(reply_pushes_posted_writes)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t done;

    single(&config, PCIE_ANSWERS_WRITES);
    for (unsigned i = 0; i < 5; i++) {
        pb_plan(&bench, 0, 2880, PCIE_WRITE, page, 4096, false);
    }
    for (unsigned i = 0; i < 8; i++) {
        pb_plan(&bench, 0, 2891, PCIE_WRITE, page, 4096, false);
    }
    pb_start(&bench);
    pb_mmio(&bench, 2000, true, 0, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_READ, 0, 0), 2891);
    done = pb_cycle(&bench, PB_MMIO_DONE, 0, 0);
    ck_assert_uint_eq(done, pb_cycle(&bench, PB_MEMORY, 0, 4) + 24);
    ck_assert_uint_gt(pb_cycle(&bench, PB_MEMORY, 0, 5), done);
    pb_free(&bench);
}
END_TEST

/* Relaxed: the reply takes the next turn. The first TLP was sent from 2881 to 3161, the register read in
 * 2891. */
START_TEST(relaxed_reply_passes)
{
    struct pcie_config config = base_config(3, 8);

    config.relaxed = true;
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 2880, PCIE_WRITE, page, 4096, false);
    pb_start(&bench);
    pb_mmio(&bench, 2000, true, 0, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_DONE, 0, 0), 3161 + 24 + 867);
    pb_free(&bench);
}
END_TEST

/* Writes that are in the way of others at the host: the page of the first is unknown to the IO-TLB and walked for
 * 1 us (7877 cycles), that of the others is known. What is of the same ID as the first waits for it, what is of another
 * ID only if IDs mean nothing. */
static void blocked_by_a_walk(bool ido)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t walked = 20011 + 88 + 867 + 7877;
    uint64_t behind = ido ? 0 : walked;

    config.ido = ido;
    config.host.iommu = true;
    config.host.walk_ps = config.host.walk_cold_ps = 1000000;
    pb_init(&bench, &config);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_BOTH);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, false); /* its page is known from 10000 on */
    pb_plan(&bench, 0, 20010, PCIE_WRITE, page + 4096, 64, false);
    pb_plan(&bench, 0, 20010, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 20010, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 20010, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 20010, PCIE_READ, page, 64, true);
    for (unsigned i = 0; i < 4; i++) {
        bench.client[0].plan[i].id = i == 2 || i == 3 ? 2 : 1;
    }
    bench.client[0].plan[4].id = bench.client[0].plan[5].id = 1;
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), walked);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 2), behind ? behind : 20011 + 2 * 88 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 3),
                      behind ? behind : 20011 + 2 * 88 + 24 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 3),
                      (behind ? behind : 20011 + 2 * 88 + 24 + 867) + 1576 + 84 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 4), walked);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 5), walked);
    pb_free(&bench);
}

START_TEST(id_based_ordering)
{
    blocked_by_a_walk(false);
    blocked_by_a_walk(true);
}
END_TEST

/* With IDs the answer of a register does not wait for writes of other IDs: of five TLPs of 280 bytes, pushed before the
 * register is read in 2891, the second is of ID 0. */
START_TEST(reply_and_ids)
{
    for (unsigned ido = 0; ido < 2; ido++) {
        struct pcie_config config = base_config(3, 8);

        config.ido = ido;
        single(&config, PCIE_ANSWERS_WRITES);
        for (unsigned i = 0; i < 5; i++) {
            pb_plan(&bench, 0, 2880, PCIE_WRITE, page, 256, false);
            bench.client[0].plan[i].id = i == 1 ? 0 : 3;
        }
        pb_start(&bench);
        pb_mmio(&bench, 2000, true, 0, 4);
        pb_run(&bench, forever);
        ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_DONE, 0, 0),
                          2881 + (ido ? 2 : 5) * 280 + 24 + 867);
        pb_free(&bench);
    }
}
END_TEST

/* The client releases a write when it has left; the link still needs it. New requests must not
 * take its place. */
START_TEST(released_in_flight)
{
    struct pcie_config config = base_config(5, 16);
    unsigned seen = 0;

    single(&config, PCIE_ANSWERS_WRITES);
    for (uint32_t i = 0; i < 600; i++) {
        pb_plan(&bench, 0, 0, PCIE_WRITE, page, 4, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    for (uint32_t i = 0; i < bench.log.count; i++) {
        if (bench.log.event[i].kind == PB_MEMORY) {
            ck_assert_uint_eq(bench.log.event[i].ref, seen);
            seen++;
        }
    }
    ck_assert_uint_eq(seen, 600);
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    pb_free(&bench);
}
END_TEST

/* Ideal: everything of a request happens in the cycle in which it is seen; two answers for one
 * client follow each other. */
START_TEST(ideal)
{
    struct pcie_config config = base_config(1, 1);

    config.ideal = true;
    config.tags = 1;
    pb_init(&bench, &config);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_READS);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_BOTH);
    for (uint32_t i = 0; i < 100; i++) {
        pb_plan(&bench, 0, 10, PCIE_READ, page, 9000, true);
        pb_plan(&bench, 1, 10, i % 2 ? PCIE_READ : PCIE_WRITE, page, 9000, true);
    }
    pb_start(&bench);
    pb_mmio(&bench, 50, true, 0, 4);
    pb_run(&bench, forever);
    for (uint32_t i = 0; i < 100; i++) {
        for (uint32_t c = 0; c < 2; c++) {
            ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, c, i), 11 + i);
            ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, c, i), 11 + i);
            ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, c, i), 11 + i);
        }
    }
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_READ, 0, 0), 50);
    pcie_link_settle(bench.link, 200);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[0].busy_cycles, 0);
    ck_assert_uint_eq(pcie_link_account(bench.link, 0)->total[ACCOUNT_STARVED], 200);
    pb_free(&bench);
}
END_TEST

/* Even an ideal link takes one request of a client in a cycle, though it can see several: the
 * client's clock is 160 times as fast. */
START_TEST(ideal_one_a_cycle)
{
    struct pcie_config config = base_config(1, 1);
    uint64_t first;

    config.ideal = true;
    pb_init(&bench, &config);
    pb_client(&bench, 40000000000ull, 1, 64, PCIE_ANSWERS_WRITES);
    for (uint32_t i = 0; i < 50; i++) {
        pb_plan(&bench, 0, 0, PCIE_WRITE, page, 64, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    first = pb_cycle(&bench, PB_TAKEN, 0, 0);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, i), first + i);
        ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, i), first + i);
    }
    pb_free(&bench);
}
END_TEST

/* ---- credits, retry buffer ----------------------------------------------------------------- */

/* One posted header, given back by an UpdateFC (8 bytes; not before 1624, 203 symbol times, and 1624 after
 * the one before): the first write arrives in 11 + 88 + 867 = 966. */
START_TEST(posted_credit)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t second = 1624 + 8 + 867;
    uint64_t third = second + 88 + 867 + 8 + 867;
    const struct pcie_stats *stats;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 1;
    single(&config, PCIE_ANSWERS_WRITES);
    for (unsigned i = 0; i < 3; i++) {
        pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), 11);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), second);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), third);
    pcie_link_settle(bench.link, 10000);
    stats = pcie_link_stats(bench.link);
    ck_assert_uint_eq(stats->stall_cycles[PCIE_STALL_POSTED], second - 99 + third - second - 88);
    ck_assert_uint_eq(stats->dir[1].updates, 3);
    ck_assert_uint_eq(stats->dir[1].acks, 3);
    ck_assert_uint_eq(stats->dir[1].wire_dllp, 48);
    pb_free(&bench);
}
END_TEST

/* The card takes one register write at a time; the data of a read, ready in 11 + 24 + 867 + 1576 = 2478,
 * stays behind the access that was issued before. */
START_TEST(card_credit)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t second = 2400 + 28 + 867 + 867;

    config.card_ph = 1;
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_mmio(&bench, 2400, false, 0, 4);
    pb_mmio(&bench, 2400, false, 4, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), 2400 + 28 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 1), second + 28 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), second + 28 + 84 + 867);
    pb_free(&bench);
}
END_TEST

/* With room for one TLP in the retry buffer the second waits for the Ack of the first, which takes 867
 * cycles from its arrival. */
START_TEST(retry_buffer)
{
    struct pcie_config config = base_config(3, 8);

    config.retry = 1;
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 11 + 88 + 867 + 867);
    pcie_link_settle(bench.link, 3000);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->stall_cycles[PCIE_STALL_RETRY], 867 + 867);
    pb_free(&bench);
}
END_TEST

/* ---- DLLPs --------------------------------------------------------------------------------- */

/* The write arrives in 966; its Ack is due 1624 later, in 2590, and goes before a TLP of that cycle, but
 * does not interrupt one that started before. */
START_TEST(ack_goes_first)
{
    static const uint64_t issued[] = { 2588, 2589, 2590, 2594, 2598, 2599 };
    static const uint64_t start[] = { 2588, 2589, 2598, 2598, 2598, 2599 };
    struct pcie_config config = base_config(3, 8);

    config.dllp = PCIE_DLLP_ON_DEMAND;
    for (unsigned i = 0; i < sizeof issued / sizeof issued[0]; i++) {
        single(&config, PCIE_ANSWERS_WRITES);
        pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
        pb_start(&bench);
        pb_mmio(&bench, issued[i], false, 0, 4);
        pb_run(&bench, forever);
        ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), start[i] + 28 + 867);
        pb_free(&bench);
    }
}
END_TEST

/* Two register writes issued in 2960. The first goes down until 2988; the UpdateFC of posted credits is due
 * since 2011 + 88 + 867 = 2966, the one of non-posted since 2099 + 24 + 867 = 2990: both go before the
 * second, although that was ready in 2988 already. */
START_TEST(all_that_is_due_goes_first)
{
    struct pcie_config config = base_config(3, 8);

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 8;
    config.host_nph = 8;
    single(&config, PCIE_ANSWERS_BOTH);
    pb_plan(&bench, 0, 2010, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 2010, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_mmio(&bench, 2960, false, 0, 4);
    pb_mmio(&bench, 2960, false, 4, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), 2988 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 1), 2988 + 8 + 8 + 28 + 867);
    pb_free(&bench);
}
END_TEST

static const struct pcie_direction_stats *idle_until(const struct pcie_config *config,
                                                     uint64_t cycle)
{
    single(config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    pb_run(&bench, cycle);
    pcie_link_settle(bench.link, cycle);
    return &pcie_link_stats(bench.link)->dir[0];
}

/* What is sent in cycle 15380 is not counted before it. */
START_TEST(regular)
{
    struct pcie_config config = base_config(1, 1);
    const struct pcie_direction_stats *up;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    ck_assert_uint_eq(idle_until(&config, 15380)->wire_skp, 9 * 4);
    pb_free(&bench);
    ck_assert_uint_eq(idle_until(&config, 15381)->wire_skp, 10 * 4);
    pb_free(&bench);
    config = base_config(3, 8); /* a block of 16 symbols in 375 */
    config.dllp = PCIE_DLLP_ON_DEMAND;
    ck_assert_uint_eq(idle_until(&config, 480001)->wire_skp, 10 * 16 * 8);
    pb_free(&bench);
    config.dllp = PCIE_DLLP_PUBLISHED;
    up = idle_until(&config, 203 * 1538 + 1);
    ck_assert_uint_eq(up->wire_skp, 203 * 4);
    ck_assert_uint_eq(up->acks, 1537); /* the last SKP goes before the Ack of its cycle */
    ck_assert_uint_eq(up->updates, 1537);
    ck_assert_uint_eq(up->wire_dllp, 16 * 1537);
    pb_free(&bench);
}
END_TEST

/* ---- errors -------------------------------------------------------------------------------- */

/* Streams of chance: damage of TLPs up, down, of DLLPs; completions poisoned; reads lost. */
enum {
    DAMAGE_UP = 0x70636965,
    DAMAGE_DOWN,
    DLLPS_UP = 0x646c6c70,
    DLLPS_DOWN,
    POISON = 0x706f6973,
    POISON_UP = 0x706f7772,
    POISON_DOWN,
    LOST = 0x6c6f7374,
    ABORT = 0x61626f72,
    LATE = 0x6c617465
};

/* The first draws of a stream. */
struct chance {
    uint64_t stream;
    uint32_t ppb;
    unsigned draws;
    const bool *hits;
};

static bool comes_out(uint64_t seed, const struct chance *c)
{
    struct rng r = rng_stream(seed, c->stream);

    for (unsigned i = 0; i < c->draws; i++) {
        if ((rng_below(&r, 1000000000) < c->ppb) != c->hits[i]) {
            return false;
        }
    }
    return true;
}

/* A seed with which they all come out like this. */
static uint64_t seed_with_all(const struct chance *chances, unsigned n)
{
    uint64_t seed = 0;
    unsigned same;

    do {
        seed++;
        for (same = 0; same < n && comes_out(seed, &chances[same]); same++) {}
    } while (same < n);
    return seed;
}

static uint64_t seed_with(uint64_t stream, uint32_t ppb, const bool *hits, unsigned draws)
{
    const struct chance one = { .stream = stream, .ppb = ppb, .draws = draws, .hits = hits };

    return seed_with_all(&one, 1);
}

/* The first of three register writes is damaged, arrives in 28 + 867 = 895, and its Nak 8 + 867 later: all
 * three come again, with nothing else to wake the link. The second time the second one is damaged. */
START_TEST(damage_down)
{
    static const bool damaged[] = { true, false, true, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t again = 895 + 875;
    uint64_t third = again + 56 + 867 + 875;
    const struct pcie_stats *stats;

    config.lcrc_ppb = 300000000;
    config.seed = seed_with(DAMAGE_DOWN, config.lcrc_ppb, damaged, 5);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    for (unsigned i = 0; i < 3; i++) {
        pb_mmio(&bench, 0, false, 4 * i, 4);
    }
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), again + 28 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 1), third + 28 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 2), third + 56 + 867);
    ck_assert(pcie_link_idle(bench.link));
    pcie_link_settle(bench.link, 10000);
    stats = pcie_link_stats(bench.link);
    ck_assert_uint_eq(stats->dir[1].lcrc_errors, 2);
    ck_assert_uint_eq(stats->dir[0].naks, 2);
    ck_assert_uint_eq(stats->dir[1].replays, 5);
    ck_assert_uint_eq(stats->dir[1].wire_replay, 5 * 28);
    ck_assert_uint_eq(stats->dir[1].wire_bytes, 8 * 28);
    pb_free(&bench);
}
END_TEST

/* Credits of what is damaged come back only when it has come again. */
START_TEST(damage_and_credit)
{
    static const bool damaged[] = { true, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t first = 895 + 875 + 28 + 867;

    config.card_ph = 1;
    config.lcrc_ppb = 300000000;
    config.seed = seed_with(DAMAGE_DOWN, config.lcrc_ppb, damaged, 3);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    pb_mmio(&bench, 0, false, 0, 4);
    pb_mmio(&bench, 0, false, 4, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), first);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 1), first + 867 + 28 + 867);
    pb_free(&bench);
}
END_TEST

/* A damaged write has left the card all the same; what was sent behind it comes again, too. While the tag is
 * away the repeated bytes are no stall. */
START_TEST(damage_up)
{
    static const bool damaged[] = { true, false, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t again = 11 + 88 + 867 + 875;
    uint64_t back = again + 112 + 867 + 1576 + 84 + 867;
    const struct pcie_stats *stats;

    config.tags = 1;
    config.lcrc_ppb = 1000000;
    config.seed = seed_with(DAMAGE_UP, config.lcrc_ppb, damaged, 4);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 99);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 99);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), again + 88 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), again + 112 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), back);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), back);
    pcie_link_settle(bench.link, back);
    stats = pcie_link_stats(bench.link);
    ck_assert_uint_eq(stats->stall_cycles[PCIE_STALL_TAGS], again - 123 + back - again - 112);
    pb_free(&bench);
}
END_TEST

/* ---- DLLPs that get lost, REPLAY_TIMER ------------------------------------------------------- */

/* Gen3 x8, MPS 256: the specification's limit is 3 * 203 symbol times, 4872 bytes of the link; here comes 867
 * both ways on top. */
enum { REPLAY_TIMER = 3 * 203 * 8 + 2 * 867 };

/* Base Specification 3.1, tables 3-4 to 3-6: without the time that the link takes; from Gen4 on 24000. */
START_TEST(replay_limits)
{
    static const struct {
        uint32_t generation, lanes, mps, symbols;
    } limits[] = { { 1, 1, 128, 711 },  { 1, 1, 256, 1248 },   { 1, 4, 128, 219 },
                   { 1, 16, 128, 144 }, { 2, 1, 128, 864 },    { 3, 1, 128, 999 },
                   { 3, 8, 256, 609 },  { 4, 16, 256, 24000 }, { 5, 1, 4096, 24000 } };

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct pcie_config config = base_config(limits[i].generation, limits[i].lanes);

        config.mps = limits[i].mps;
        ck_assert_uint_eq(pcie_replay_limit(&config), limits[i].symbols);
        config.ack_latency = 10000;
        ck_assert_uint_eq(pcie_replay_limit(&config), 30000);
        config.replay_timer = 17;
        ck_assert_uint_eq(pcie_replay_limit(&config), 17);
    }
}
END_TEST

/* The write has left in 99 and arrives in 966; its Ack is sent in 2590 and lost. The timer is over in 99 +
 * 6606 = 6705; the write comes again, is dropped and acknowledged at once. Only then is there room for the
 * other write. */
START_TEST(ack_is_lost)
{
    static const bool lost[] = { true, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t again = 99 + REPLAY_TIMER;
    uint64_t second = again + 88 + 867 + 8 + 867;
    const struct pcie_stats *stats;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.retry = 1;
    config.dllp_crc_ppb = 300000000;
    config.seed = seed_with(DLLPS_DOWN, config.dllp_crc_ppb, lost, 3);
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(bench.log.count, 6);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), 966);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), second);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), second + 88 + 867);
    pcie_link_settle(bench.link, 40000);
    stats = pcie_link_stats(bench.link);
    ck_assert_uint_eq(stats->dir[0].replays, 1);
    ck_assert_uint_eq(stats->dir[0].replay_timeouts, 1);
    ck_assert_uint_eq(stats->dir[1].bad_dllps, 1);
    ck_assert_uint_eq(stats->dir[1].acks, 3);
    ck_assert_uint_eq(stats->dir[1].naks, 0);
    ck_assert(pcie_link_idle(bench.link));
    pb_free(&bench);
}
END_TEST

/* A register write is damaged, its Nak of 895 is lost: the timer of 28 makes it come again. */
START_TEST(nak_is_lost)
{
    static const bool damaged[] = { true, false };
    static const bool lost[] = { true, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t again = 28 + REPLAY_TIMER;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.lcrc_ppb = 300000000;
    config.dllp_crc_ppb = 300000000;
    config.seed =
        seed_with_all((const struct chance[]){ { DAMAGE_DOWN, config.lcrc_ppb, 2, damaged },
                                               { DLLPS_UP, config.dllp_crc_ppb, 2, lost } },
                      2);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    pb_mmio(&bench, 0, false, 0, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), again + 28 + 867);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].replay_timeouts, 1);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[0].naks, 1);
    pb_free(&bench);
}
END_TEST

/* Damaged, told by a Nak, damaged again: there is no second Nak, the timer of the second time ends it. */
START_TEST(no_second_nak)
{
    static const bool damaged[] = { true, true, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t again = 895 + 875;
    uint64_t third = again + 28 + REPLAY_TIMER;

    config.lcrc_ppb = 300000000;
    config.seed = seed_with(DAMAGE_DOWN, config.lcrc_ppb, damaged, 3);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    pb_mmio(&bench, 0, false, 0, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), third + 28 + 867);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].lcrc_errors, 2);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[0].naks, 1);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].replay_rollovers, 0);
    pb_free(&bench);
}
END_TEST

/* Damaged four times: the first repetition begins with the Nak in 1770, the next ones when the timer is over. The
 * fourth is the rollover: nothing starts for 10 us, 78770 cycles, neither way. */
START_TEST(rollover)
{
    static const bool damaged[] = { true, true, true, true, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t fourth = 1770 + 3 * (28 + REPLAY_TIMER);
    uint64_t up = fourth + 78770;
    const struct pcie_stats *stats;

    config.lcrc_ppb = 300000000;
    config.retrain_ps = 10000000;
    config.seed = seed_with_all(
        (const struct chance[]){ { DAMAGE_DOWN, config.lcrc_ppb, 5, damaged },
                                 { DAMAGE_UP, config.lcrc_ppb, 2, (const bool[]){ 0, 0 } } },
        2);
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, fourth - 20, PCIE_WRITE, page, 64, true); /* begins before, ends after */
    pb_plan(&bench, 0, fourth + 1000, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_mmio(&bench, 0, false, 0, 4);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), fourth - 19);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), fourth - 19 + 88 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), up);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), up + 28 + 867);
    stats = pcie_link_stats(bench.link);
    ck_assert_uint_eq(stats->dir[1].replay_timeouts, 3);
    ck_assert_uint_eq(stats->dir[1].replay_rollovers, 1);
    ck_assert_uint_eq(stats->retrains, 1);
    ck_assert_uint_eq(stats->dir[1].replays, 4);
    pb_free(&bench);
}
END_TEST

/* One posted header. The first UpdateFC, of 1624, is lost; the next one is due 30 us (236308 cycles) or 1 us
 * (7877) later. */
START_TEST(update_is_lost)
{
    static const bool lost[] = { true, false, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t refresh = 1624 + (_i ? 7877 : 236308);

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 1;
    config.refresh_ps = _i ? 1000000 : 0;
    config.dllp_crc_ppb = 300000000;
    config.seed = seed_with(DLLPS_DOWN, config.dllp_crc_ppb, lost, 4);
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), refresh + 8 + 867);
    pb_free(&bench);
}
END_TEST

/* 100 us without traffic, two classes with limits: an UpdateFC each every 30 us, or none. */
START_TEST(refresh_of_an_idle_link)
{
    struct pcie_config config = base_config(3, 8);

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 8;
    config.card_nph = 8;
    ck_assert_uint_eq(idle_until(&config, 787693)->updates, 0);
    pb_free(&bench);
    config.refresh_ps = 30000000;
    ck_assert_uint_eq(idle_until(&config, 787693)->updates, 3);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].updates, 3);
    pb_free(&bench);
}
END_TEST

static uint32_t status_of(enum pb_event_kind kind, uint32_t ref)
{
    for (uint32_t i = 0; i < bench.log.count; i++) {
        const struct pb_event *e = &bench.log.event[i];

        if (e->kind == (uint32_t)kind && e->ref == ref) {
            return e->status;
        }
    }
    ck_abort_msg("no event of kind %d with number %u", (int)kind, ref);
    return 0;
}

/* The first of three reads is lost: 1 us (7877 cycles) after it has left, in 35, its tag comes back. The other
 * two share the second tag and are answered before it; in order they are not. */
START_TEST(unanswered)
{
    static const bool lost[] = { true, false, false };
    static const enum pcie_answers answers[] = { PCIE_ANSWERS_READS, PCIE_ANSWERS_BOTH,
                                                 PCIE_ANSWERS_ORDERED };
    struct pcie_config config = base_config(3, 8);
    uint64_t second = 35 + 24 + 867 + 1576 + 84 + 867;
    uint64_t third = second + 24 + 867 + 1576 + 84 + 867;
    bool ordered = answers[_i] == PCIE_ANSWERS_ORDERED;

    config.tags = 2;
    config.timeout_ps = 1000000;
    config.lost_ppb = 300000000;
    config.seed = seed_with(LOST, config.lost_ppb, lost, 3);
    single(&config, answers[_i]);
    for (unsigned i = 0; i < 3; i++) {
        pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), second);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 35 + 7877);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), ordered ? 35 + 7877 + 1 : second);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 2), ordered ? 35 + 7877 + 2 : third);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), PCIE_TIMED_OUT);
    ck_assert_uint_eq(status_of(PB_ANSWER, 1), PCIE_OK);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->timeouts, 1);
    pb_free(&bench);
}
END_TEST

/* The second TLP's data goes down in 59 + 867 + 5577 = 6503 and arrives in 7922. The first is lost and times
 * out in 7912: as one read they are answered with the data, as two each in its time. */
START_TEST(unanswered_meanwhile)
{
    static const bool lost[] = { true, false };
    struct pcie_config config = base_config(3, 8);
    bool one = _i == 0;

    config.host.read_ps = 708000;
    config.timeout_ps = 1000000;
    config.lost_ppb = 300000000;
    config.seed = seed_with(LOST, config.lost_ppb, lost, 2);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, one ? 1024 : 512, true);
    if (!one) {
        pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), one ? 7922 : 7912);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), PCIE_TIMED_OUT);
    if (!one) {
        ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), 7922);
        ck_assert_uint_eq(status_of(PB_ANSWER, 1), PCIE_OK);
    }
    pb_free(&bench);
}
END_TEST

/* A read is given up before the write in front of it is in memory, which takes 2 us (15754 cycles). The host
 * samples it all the same, when the client has long made other requests. */
START_TEST(unanswered_before_sampled)
{
    static const bool lost[] = { true, false, false, false };
    struct pcie_config config = base_config(3, 8);

    config.host.write_ps = 2000000;
    config.timeout_ps = 1000000;
    config.lost_ppb = 300000000;
    config.seed = seed_with(LOST, config.lost_ppb, lost, 4);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    for (unsigned i = 0; i < 3; i++) {
        pb_plan(&bench, 0, 9000, PCIE_READ, page, 64, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), 11 + 88 + 24 + 7877);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, i), 11 + 88 + 867 + 15754);
    }
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    pb_free(&bench);
}
END_TEST

/* A write and a read where there is no memory, the read answered without data; credits come back. */
START_TEST(no_memory)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t hole = page + 5 * 4096ull;
    uint64_t read = 11 + 88 + 867 + 867;

    config.host_ph = 1;
    single(&config, PCIE_ANSWERS_BOTH);
    bench.holes = true;
    ck_assert(pb_hole(hole));
    pb_plan(&bench, 0, 10, PCIE_WRITE, hole, 64, false);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 10, PCIE_READ, hole, 512, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), 11 + 88 + 867);
    ck_assert_uint_eq(status_of(PB_MEMORY, 0), PCIE_UNSUPPORTED);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), read);
    ck_assert_uint_eq(status_of(PB_MEMORY, 1), PCIE_OK);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 2), read + 88 + 24 + 867 + 20 + 867);
    ck_assert_uint_eq(status_of(PB_ANSWER, 2), PCIE_UNSUPPORTED);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->unsupported_writes, 1);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->unsupported_reads, 1);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].payload_bytes, 0);
    pb_free(&bench);
}
END_TEST

/* The third completion of two reads is poisoned: it spoils the second, and costs no time. */
START_TEST(poisoned)
{
    static const bool poison[] = { false, false, true, false };
    struct pcie_config config = base_config(3, 8);

    config.poison_ppb = 300000000;
    config.seed = seed_with(POISON, config.poison_ppb, poison, 4);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 35 + 867 + 1576 + 552 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), 35 + 867 + 1576 + 1104 + 867);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), PCIE_OK);
    ck_assert_uint_eq(status_of(PB_ANSWER, 1), PCIE_POISONED);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->poisoned, 1);
    pb_free(&bench);
}
END_TEST

/* The second of three writes is poisoned: its second TLP, which takes its place and gives its credit back like the
 * others. */
START_TEST(poisoned_write)
{
    static const bool poison[] = { false, false, true, false };
    struct pcie_config config = base_config(3, 8);

    config.host_ph = 1;
    config.poison_write_ppb = 300000000;
    config.seed = seed_with(POISON_UP, config.poison_write_ppb, poison, 4);
    single(&config, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 512, true);
    pb_plan(&bench, 0, 10, PCIE_MSIX, 0xfee00000, 4, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 11 + 88 + 867 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), 11 + 88 + 2 * 280 + 6 * 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), 11 + 88 + 2 * 280 + 5 * 867);
    ck_assert_uint_eq(status_of(PB_MEMORY, 0), PCIE_OK);
    ck_assert_uint_eq(status_of(PB_MEMORY, 1), PCIE_POISONED);
    ck_assert_uint_eq(status_of(PB_MEMORY, 2), PCIE_OK);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->poisoned_writes, 1);
    pb_free(&bench);
}
END_TEST

/* The card does not see the second register write; its credit comes back all the same. */
START_TEST(poisoned_register_write)
{
    static const bool poison[] = { false, true, false };
    struct pcie_config config = base_config(3, 8);

    config.card_ph = 1;
    config.poison_write_ppb = 300000000;
    config.seed = seed_with(POISON_DOWN, config.poison_write_ppb, poison, 3);
    single(&config, PCIE_ANSWERS_BOTH);
    pb_start(&bench);
    for (unsigned i = 0; i < 3; i++) {
        pb_mmio(&bench, 100, false, 4 * i, 4);
    }
    pb_run(&bench, forever);
    ck_assert_uint_eq(bench.log.count, 2);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 0), 100 + 28 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MMIO_WRITE, 0, 2), 100 + 3 * (28 + 867) + 2 * 867);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->poisoned_mmio, 1);
    pb_free(&bench);
}
END_TEST

/* The first of two reads is answered with Completer Abort: by one completion without data, as soon as it has
 * arrived. */
START_TEST(aborted)
{
    static const bool aborts[] = { true, false };
    struct pcie_config config = base_config(3, 8);

    config.abort_ppb = 300000000;
    config.seed = seed_with(ABORT, config.abort_ppb, aborts, 2);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 35 + 867 + 20 + 867);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), 59 + 867 + 1576 + 84 + 867);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), PCIE_ABORTED);
    ck_assert_uint_eq(status_of(PB_ANSWER, 1), PCIE_OK);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->aborted_reads, 1);
    pb_free(&bench);
}
END_TEST

/* One tag. The first read times out in 35 + 7877 = 7912; its completion arrives 2 us (15754 cycles) late, in
 * 19183, when the third read has the tag: that gets its own data in its own time. With a quarantine of 500 ns
 * (3939 cycles) the second read has to wait. */
START_TEST(answered_late)
{
    static const bool late[] = { true, false, false };
    struct pcie_config config = base_config(3, 8);
    uint64_t second = 35 + 7877 + (_i ? 3939 : 0);
    uint64_t round_trip = 24 + 867 + 1576 + 84 + 867;

    config.tags = 1;
    config.timeout_ps = 1000000;
    config.late_ppb = 300000000;
    config.late_ps = 2000000;
    config.quarantine_ps = _i ? 500000 : 0;
    config.seed = seed_with(LATE, config.late_ppb, late, 3);
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 17000, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 7912);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), second);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), second + round_trip);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), 17001);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 2), 17001 + round_trip);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), PCIE_TIMED_OUT);
    ck_assert_uint_eq(status_of(PB_ANSWER, 1), PCIE_OK);
    ck_assert_uint_eq(status_of(PB_ANSWER, 2), PCIE_OK);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->unexpected, 1);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->timeouts, 1);
    ck_assert(pcie_link_idle(bench.link));
    pb_free(&bench);
}
END_TEST

/* Two completions, in 35 + 867 + 1576 + 276 + 867 = 3621 and 3897, and a timeout of 490 ns (3860 cycles) in 3895: the
 * second one is unexpected. With 490.4 ns (3863) it is not. */
START_TEST(half_of_it_late)
{
    struct pcie_config config = base_config(3, 8);

    config.timeout_ps = _i ? 490400 : 490000;
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 512, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), _i ? 3897 : 35 + 3860);
    ck_assert_uint_eq(status_of(PB_ANSWER, 0), _i ? PCIE_OK : PCIE_TIMED_OUT);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->unexpected, _i ? 0 : 1);
    pb_free(&bench);
}
END_TEST

/* ---- flits --------------------------------------------------------------------------------- */

/* Gen6 x16: 118 * 10^9 bytes of TLPs a second, 110 ns are 12980 cycles. Two writes of 80 bytes leave with
 * the first flit. A credit comes back with the end of a flit and the way down. */
START_TEST(flits)
{
    struct pcie_config config = base_config(6, 16);
    uint64_t arrives = 236 + 12980;
    uint64_t back = (arrives + 235) / 236 * 236 + 12980;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 2;
    single(&config, PCIE_ANSWERS_WRITES);
    for (unsigned i = 0; i < 3; i++) {
        pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, true);
    }
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 91);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 236);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 1), 237); /* one a cycle */
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), arrives);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), arrives);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), back);
    pcie_link_settle(bench.link, 100000);
    ck_assert_uint_eq(pcie_link_stats(bench.link)->dir[1].wire_dllp, 0);
    pb_free(&bench);
}
END_TEST

/* A TLP of 4096 bytes fills 17 flits and more; a credit goes with the first of them that ends, it does not wait
 * for the TLP. The write arrives 12980 after 236; the data of the read goes down from 12036 to 16144. */
START_TEST(flits_do_not_wait)
{
    struct pcie_config config = base_config(6, 16);
    uint64_t arrives = 236 + 12980;
    uint64_t back = (arrives + 235) / 236 * 236 + 12980;

    config.dllp = PCIE_DLLP_ON_DEMAND;
    config.host_ph = 1;
    config.mps = 4096;
    config.mrrs = 4096;
    config.host.read_ps = 0;
    single(&config, PCIE_ANSWERS_BOTH);
    pb_plan(&bench, 0, 10, PCIE_READ, page, 4096, true);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, false);
    pb_plan(&bench, 0, 10, PCIE_WRITE, page, 64, false);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), back);
    pb_free(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pcie_link");
    TCase *tcase = tcase_create("pcie_link");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, single_read, 0, 2);
    tcase_add_loop_test(tcase, single_write, 0, 2);
    tcase_add_loop_test(tcase, single_mmio, 0, 2);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, impossible);
    tcase_add_test(tcase, rates);
    tcase_add_loop_test(tcase, bandwidth, 0, SIZES);
    tcase_add_test(tcase, tag_limit);
    tcase_add_test(tcase, posted_pass_waiting_reads);
    tcase_add_test(tcase, tag_by_tag);
    tcase_add_test(tcase, more_than_all_space);
    tcase_add_test(tcase, turns);
    tcase_add_test(tcase, reply_pushes_posted_writes);
    tcase_add_test(tcase, relaxed_reply_passes);
    tcase_add_test(tcase, id_based_ordering);
    tcase_add_test(tcase, reply_and_ids);
    tcase_add_test(tcase, released_in_flight);
    tcase_add_test(tcase, ideal);
    tcase_add_test(tcase, ideal_one_a_cycle);
    tcase_add_test(tcase, posted_credit);
    tcase_add_test(tcase, card_credit);
    tcase_add_test(tcase, retry_buffer);
    tcase_add_test(tcase, ack_goes_first);
    tcase_add_test(tcase, all_that_is_due_goes_first);
    tcase_add_test(tcase, regular);
    tcase_add_test(tcase, damage_down);
    tcase_add_test(tcase, damage_and_credit);
    tcase_add_test(tcase, damage_up);
    tcase_add_test(tcase, replay_limits);
    tcase_add_test(tcase, ack_is_lost);
    tcase_add_test(tcase, nak_is_lost);
    tcase_add_test(tcase, no_second_nak);
    tcase_add_test(tcase, rollover);
    tcase_add_loop_test(tcase, update_is_lost, 0, 2);
    tcase_add_test(tcase, refresh_of_an_idle_link);
    tcase_add_loop_test(tcase, unanswered, 0, 3);
    tcase_add_loop_test(tcase, unanswered_meanwhile, 0, 2);
    tcase_add_test(tcase, unanswered_before_sampled);
    tcase_add_test(tcase, no_memory);
    tcase_add_test(tcase, poisoned);
    tcase_add_test(tcase, poisoned_write);
    tcase_add_test(tcase, poisoned_register_write);
    tcase_add_test(tcase, aborted);
    tcase_add_loop_test(tcase, answered_late, 0, 2);
    tcase_add_loop_test(tcase, half_of_it_late, 0, 2);
    tcase_add_test(tcase, flits);
    tcase_add_test(tcase, flits_do_not_wait);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
