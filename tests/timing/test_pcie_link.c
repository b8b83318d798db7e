/* The PCIe link: cycles worked out by hand, bandwidths by formula, ordering, snapshots, and
 * random traffic against a twin that steps every byte.
 *
 * PCIE_SEED=n in the environment runs random case n only. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "pcie_bench.h"

enum { RANDOM_CASES = 300 };

static const uint64_t page = 0x400000000000ull;
static const uint64_t forever = CLOCK_NEVER - 1;

static struct pcie_bench bench, other;
static struct pt_result twin;

static struct pcie_config base_config(uint32_t generation, uint32_t lanes)
{
    return (struct pcie_config){ .generation = generation,
                                 .lanes = lanes,
                                 .mps = 256,
                                 .mrrs = 512,
                                 .rcb = 64,
                                 .address64 = true,
                                 .up_ps = 110000,
                                 .down_ps = 110000,
                                 .read_ps = 200000,
                                 .tags = 256,
                                 .queue = 16 };
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
         * 5 CplD */
        11 + 24 + h->one_way + h->memory + 84 + h->one_way,
        11 + 24 + h->one_way + h->memory + 552 + h->one_way,
        11 + 72 + h->one_way + h->memory + 1100 + h->one_way,
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
                          11 + (i == 2 ? 72u : 24u) + h->one_way);
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
    pb_plan(&bench, 0, 10, PCIE_MSIX, 0xfee00000, 4, false);    /* 28 */
    pb_plan(&bench, 0, 10, PCIE_WRITE, page + 100, 2048, true); /* 9 TLPs */
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 0), 11);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 0), 11 + 280);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 0), 291 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), 291);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 1), 323 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_MEMORY, 0, 2), 351 + h->one_way);
    ck_assert_uint_eq(pb_cycle(&bench, PB_ANSWER, 0, 3), 351 + 9 * 24 + 2048);
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    up = &pcie_link_stats(bench.link)->dir[0];
    ck_assert_uint_eq(up->tlps_write, 12);
    ck_assert_uint_eq(up->wire_bytes, 280 + 32 + 28 + 2264);
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
    REFUSED(generation, 0, "generation is 0, expected 1 to 5");
    REFUSED(generation, 6, "generation is 6");
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
    REFUSED(tags, 0, "tags is 0");
    REFUSED(queue, 1, "queue 1");
    REFUSED(up_ps, 2000000000000ull, "latency");
#undef REFUSED
}
END_TEST

/* Encoded rates per lane and direction, Gb/s (PCI Express Base Specification 5.0, 4.2). */
START_TEST(rates)
{
    static const double gbps[] = { 2.0, 4.0, 7.877, 15.754, 31.508 };

    for (uint32_t g = 1; g <= 5; g++) {
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

static void flood(const struct pcie_config *config, bool write, bool read, uint32_t bytes)
{
    unsigned clients = (unsigned)write + (unsigned)read;

    pb_init(&bench, config);
    for (unsigned c = 0; c < clients; c++) {
        enum pcie_op op = c == 0 && write ? PCIE_WRITE : PCIE_READ;

        pb_client(&bench, 0, 0, 16, op == PCIE_READ ? PCIE_ANSWERS_READS : PCIE_ANSWERS_WRITES);
        for (uint32_t i = 0; i < 2000; i++) {
            pb_plan(&bench, c, 0, op, page + i * 4096ull, bytes, true);
        }
    }
    pb_start(&bench);
    pb_run(&bench, forever);
}

static double ceiling(uint32_t a, double b)
{
    return ceil(a / b);
}

/* The formulas of pcie-bench's model without DLLPs ("bound"), and figures of that model. */
START_TEST(bandwidth)
{
    static const struct {
        uint32_t bytes;
        double write, read, both;
    } bound[] = {
        { 64, 45.83, 48.01, 36.01 },   { 128, 53.07, 54.50, 45.83 },  { 256, 57.61, 58.45, 53.07 },
        { 384, 56.01, 57.07, 53.07 },  { 512, 57.61, 58.45, 55.25 },  { 768, 57.61, 58.45, 54.50 },
        { 1024, 57.61, 58.45, 55.25 }, { 1536, 57.61, 58.45, 55.25 }, { 2048, 57.61, 58.45, 55.25 },
    };
    struct pcie_config config = base_config(3, 8);
    double raw = 8 * 128.0 / 130 * 8;

    config.tags = 16384;
    for (unsigned i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        uint32_t n = bound[i].bytes;
        double write_tx = ceiling(n, 256) * 24 + n;
        double read_tx = ceiling(n, 512) * 24;
        double read_rx = ceiling(n, 256) * 20 + n;
        double both = fmin(raw * n / (write_tx + read_tx), raw * n / read_rx);

        flood(&config, true, false, n);
        ck_assert_double_eq_tol(rate(PB_ANSWER, 0, n), raw * n / write_tx,
                                raw * n / write_tx * 1e-3);
        ck_assert_double_eq_tol(rate(PB_MEMORY, 0, n), bound[i].write, bound[i].write * 1e-3);
        pb_free(&bench);
        flood(&config, false, true, n);
        ck_assert_double_eq_tol(rate(PB_ANSWER, 0, n), raw * n / read_rx, raw * n / read_rx * 1e-3);
        ck_assert_double_eq_tol(rate(PB_ANSWER, 0, n), bound[i].read, bound[i].read * 1e-3);
        pb_free(&bench);
        flood(&config, true, true, n);
        ck_assert_double_eq_tol(rate(PB_ANSWER, 0, n), both, both * 2e-3);
        ck_assert_double_eq_tol(rate(PB_ANSWER, 1, n), bound[i].both, bound[i].both * 2e-3);
        pb_free(&bench);
    }
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
    flood(&config, false, true, 64);
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
    ck_assert_uint_gt(stats->tag_stall_cycles, 0);
    ck_assert_uint_eq(up->total[ACCOUNT_WAITING], stats->tag_stall_cycles);
    ck_assert_uint_eq(up->by_cause[1][pcie_link_block(bench.link)], stats->tag_stall_cycles);
    pb_free(&bench);
}
END_TEST

/* ---- ordering ------------------------------------------------------------------------------ */

/* With one tag: the second read waits, a write of another client passes it, a third client's
 * read does not; the write behind the read in its own channel does not either. */
START_TEST(posted_pass_waiting_reads)
{
    struct pcie_config config = base_config(3, 8);
    uint64_t back;

    config.tags = 2;
    pb_init(&bench, &config);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_BOTH);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_READS);
    pb_client(&bench, 0, 0, 16, PCIE_ANSWERS_WRITES);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 64, true);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 1024, true); /* needs both tags */
    pb_plan(&bench, 0, 0, PCIE_WRITE, page, 64, true);
    pb_plan(&bench, 1, 100, PCIE_READ, page, 64, true); /* one would be free for it */
    pb_plan(&bench, 2, 200, PCIE_WRITE, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    back = pb_cycle(&bench, PB_ANSWER, 0, 0);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 2, 0), 201);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), back);
    ck_assert_uint_gt(pb_cycle(&bench, PB_TAKEN, 0, 2), back);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 1, 0), pb_cycle(&bench, PB_ANSWER, 0, 1));
    pb_free(&bench);
}
END_TEST

/* A request that needs more tags than there are goes alone, when all are free. */
START_TEST(more_than_all_tags)
{
    struct pcie_config config = base_config(3, 8);

    config.tags = 4;
    single(&config, PCIE_ANSWERS_READS);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 512, true);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 9000, true);
    pb_plan(&bench, 0, 0, PCIE_READ, page, 64, true);
    pb_start(&bench);
    pb_run(&bench, forever);
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 1), pb_cycle(&bench, PB_ANSWER, 0, 0));
    ck_assert_uint_eq(pb_cycle(&bench, PB_TAKEN, 0, 2), pb_cycle(&bench, PB_ANSWER, 0, 1));
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

/* ---- random traffic ------------------------------------------------------------------------ */

static uint64_t pick(struct rng *r, const uint64_t *from, size_t n)
{
    return from[rng_below(r, n)];
}
#define PICK(r, ...)                                                                               \
    pick(r, (const uint64_t[]){ __VA_ARGS__ },                                                     \
         sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static struct pcie_config random_config(struct rng *r)
{
    return (struct pcie_config){ .generation = (uint32_t)rng_below(r, 5) + 1,
                                 .lanes = (uint32_t)PICK(r, 1, 2, 4, 8, 16),
                                 .mps = PICK(r, 128, 256, 512, 4096),
                                 .mrrs = PICK(r, 128, 256, 512, 4096),
                                 .rcb = PICK(r, 64, 128),
                                 .completion = PICK(r, 0, 0, 128, 256),
                                 .address64 = rng_below(r, 4) > 0,
                                 .dllp_ppm = (uint32_t)PICK(r, 0, 8550, 81400),
                                 .up_ps = PICK(r, 0, 1, 20000, 110000),
                                 .down_ps = PICK(r, 0, 1000, 110000),
                                 .read_ps = PICK(r, 0, 5000, 200000),
                                 .tags = (uint32_t)PICK(r, 1, 2, 5, 32, 256),
                                 .queue = (uint32_t)PICK(r, 2, 4, 16) };
}

/* What it asks: an answer to reads, to writes, or to both. */
static void random_client(struct pcie_bench *b, struct rng *r)
{
    uint64_t num = PICK(r, 0, 250000000, 322265625, 1000000007, 40000000000);
    enum pcie_answers answers =
        (enum pcie_answers)PICK(r, PCIE_ANSWERS_READS, PCIE_ANSWERS_WRITES, PCIE_ANSWERS_BOTH);
    unsigned c = pb_client(b, num, num ? PICK(r, 1, 3) : 1, b->config.queue, answers);
    uint32_t requests = (uint32_t)rng_below(r, 150);
    uint64_t sparse = PICK(r, 1, 20, 300);
    uint64_t at = rng_below(r, 100);

    for (uint32_t i = 0; i < requests; i++) {
        bool read = rng_below(r, 20) < 9 && answers & PCIE_ANSWERS_READS;
        enum pcie_op op = read ? PCIE_READ : rng_below(r, 11) < 10 ? PCIE_WRITE : PCIE_MSIX;
        bool answer = read || (rng_below(r, 2) && answers & PCIE_ANSWERS_WRITES);
        uint64_t length = PICK(r, 1 + rng_below(r, 80), 64, 1 + rng_below(r, 3000));

        at += rng_below(r, 8) ? 0 : rng_below(r, sparse) * 10;
        pb_plan(b, c, at, op, page + rng_below(r, 8192), op == PCIE_MSIX ? 4 : (uint32_t)length,
                answer);
    }
}

static void random_bench(struct pcie_bench *b, uint64_t seed)
{
    struct rng r = rng_stream(seed, 1);
    struct pcie_config config = random_config(&r);
    unsigned clients = 1 + (unsigned)rng_below(&r, 6);
    uint32_t mmios = (uint32_t)rng_below(&r, 30);

    pb_init(b, &config);
    for (unsigned c = 0; c < clients; c++) {
        random_client(b, &r);
    }
    b->react = (uint32_t)PICK(&r, 0, 3, 7);
    pb_start(b);
    for (uint32_t i = 0; i < mmios; i++) {
        pb_mmio(b, rng_below(&r, 12000), rng_below(&r, 2) == 0, (uint32_t)rng_below(&r, 64) * 4,
                rng_below(&r, 2) ? 4 : 8);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct pb_event *x = a;
    const struct pb_event *y = b;

    if (x->cycle != y->cycle) {
        return x->cycle < y->cycle ? -1 : 1;
    }
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    if (x->client != y->client) {
        return x->client < y->client ? -1 : 1;
    }
    return x->ref < y->ref ? -1 : x->ref > y->ref;
}

static void show(const char *who, const struct pb_event *e)
{
    static const char *const names[] = { "taken",      "answer",    "memory",
                                         "mmio write", "mmio read", "mmio done" };

    printf("  %s: %s of client %u number %u in cycle %" PRIu64 "\n", who, names[e->kind], e->client,
           e->ref, e->cycle);
}

/* What was reached over all cases. */
static struct reached {
    uint64_t events, waits, waiting_cycles, full, replies_behind, refused, cycles, busy;
} reached;

static void compare_logs(uint64_t seed)
{
    uint32_t n = bench.log.count < twin.log.count ? bench.log.count : twin.log.count;

    qsort(bench.log.event, bench.log.count, sizeof bench.log.event[0], by_time);
    qsort(twin.log.event, twin.log.count, sizeof twin.log.event[0], by_time);
    for (uint32_t i = 0; i < n; i++) {
        if (memcmp(&bench.log.event[i], &twin.log.event[i], sizeof bench.log.event[i]) != 0) {
            show("link", &bench.log.event[i]);
            show("twin", &twin.log.event[i]);
            ck_abort_msg("case %" PRIu64 ": event %u differs", seed, i);
        }
    }
    ck_assert_msg(bench.log.count == twin.log.count, "case %" PRIu64 ": %u events, the twin has %u",
                  seed, bench.log.count, twin.log.count);
}

static void compare_accounts(uint64_t seed, uint64_t cycles)
{
    const struct pcie_stats *stats = pcie_link_stats(bench.link);

    for (unsigned d = 0; d < 2; d++) {
        const struct account *a = pcie_link_account(bench.link, d);

        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            ck_assert_msg(a->total[k] == twin.state[d][k],
                          "case %" PRIu64 ": direction %u state %u: %" PRIu64
                          " cycles, the twin %" PRIu64,
                          seed, d, k, a->total[k], twin.state[d][k]);
        }
        ck_assert_uint_eq(stats->dir[d].wire_bytes, twin.wire[d]);
        ck_assert_uint_eq(stats->dir[d].wire_bytes,
                          stats->dir[d].wire_write + stats->dir[d].wire_read +
                              stats->dir[d].wire_completion + stats->dir[d].wire_mmio);
        ck_assert_uint_eq(stats->dir[d].busy_cycles, twin.state[d][ACCOUNT_BUSY]);
    }
    ck_assert_uint_eq(stats->tag_stall_cycles, twin.tag_stall);
    reached.waits += twin.tag_stall > 0;
    reached.waiting_cycles += twin.tag_stall;
    reached.cycles += cycles;
    reached.busy += twin.state[0][ACCOUNT_BUSY];
}

static void random_case(uint64_t seed)
{
    uint64_t end = 0;
    uint64_t cut;

    random_bench(&bench, seed);
    /* settle at an arbitrary cut on the way: it must change nothing */
    cut = rng_mix(seed) % 20000;
    pb_run(&bench, cut);
    pcie_link_settle(bench.link, cut);
    pb_run(&bench, forever);
    ck_assert(pcie_link_idle(bench.link));
    ck_assert_uint_eq(pcie_request_live(bench.link), 0);
    for (uint32_t i = 0; i < bench.log.count; i++) {
        end = bench.log.event[i].cycle > end ? bench.log.event[i].cycle : end;
        reached.refused += !bench.log.event[i].ok;
    }
    end = (end > cut ? end : cut) + 5;
    pcie_link_settle(bench.link, end);
    pt_run(&bench, end, &twin);
    compare_logs(seed);
    compare_accounts(seed, end);
    reached.events += bench.log.count;
    pb_free(&bench);
}

START_TEST(against_twin)
{
    const char *only = getenv("PCIE_SEED");

    if (only) {
        random_case(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 0; seed < RANDOM_CASES; seed++) {
        random_case(seed);
    }
    /* agreement while nothing happens would prove nothing */
    ck_assert_uint_gt(reached.events, 200000);
    ck_assert_uint_gt(reached.waits, RANDOM_CASES / 5);
    ck_assert_uint_gt(reached.waiting_cycles, reached.cycles / 20);
    ck_assert_uint_gt(reached.busy, reached.cycles / 6);
    ck_assert_uint_gt(reached.refused, 100);
}
END_TEST

static void same_counters(const void *a, const void *b, const struct stat_field *table,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == STAT_U64) {
            const char *x = (const char *)a + table[i].offset;
            const char *y = (const char *)b + table[i].offset;

            ck_assert_msg(memcmp(x, y, sizeof(uint64_t)) == 0, "%s differs", table[i].name);
        }
    }
}

/* Cut the run, save, go on a while, restore, go on: the same log as in one run. */
START_TEST(snapshot_anywhere)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        char error[200];
        char *image = NULL;
        size_t bytes = 0;
        uint64_t cut = rng_mix(seed + 1000) % 15000;
        FILE *file;

        random_bench(&bench, seed);
        pb_run(&bench, forever);
        random_bench(&other, seed);
        pb_run(&other, cut);
        file = open_memstream(&image, &bytes);
        ck_assert_msg(snapshot_save(&other.snap, file, error, sizeof error), "%s", error);
        fclose(file);
        pb_run(&other, cut + rng_mix(seed) % 30000);
        file = fmemopen(image, bytes, "rb");
        ck_assert_msg(snapshot_restore(&other.snap, file, error, sizeof error), "%s", error);
        fclose(file);
        free(image);
        pb_run(&other, forever);
        ck_assert_uint_eq(bench.log.count, other.log.count);
        ck_assert(memcmp(bench.log.event, other.log.event,
                         bench.log.count * sizeof bench.log.event[0]) == 0);
        same_counters(pcie_link_stats(bench.link), pcie_link_stats(other.link), pcie_stat_table,
                      pcie_stat_count);
        for (unsigned d = 0; d < 2; d++) {
            const struct account *a = pcie_link_account(bench.link, d);
            const struct account *b = pcie_link_account(other.link, d);
            unsigned link = pcie_link_block(bench.link);

            same_counters(&pcie_link_stats(bench.link)->dir[d],
                          &pcie_link_stats(other.link)->dir[d], pcie_direction_stat_table,
                          pcie_direction_stat_count);
            ck_assert(memcmp(a->total, b->total, sizeof a->total) == 0);
            ck_assert_uint_eq(a->by_cause[1][link], b->by_cause[1][link]);
        }
        pb_free(&bench);
        pb_free(&other);
    }
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
    tcase_add_test(tcase, bandwidth);
    tcase_add_test(tcase, tag_limit);
    tcase_add_test(tcase, posted_pass_waiting_reads);
    tcase_add_test(tcase, more_than_all_tags);
    tcase_add_test(tcase, reply_pushes_posted_writes);
    tcase_add_test(tcase, released_in_flight);
    tcase_add_test(tcase, ideal);
    tcase_add_test(tcase, ideal_one_a_cycle);
    tcase_add_test(tcase, against_twin);
    tcase_add_test(tcase, snapshot_anywhere);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
