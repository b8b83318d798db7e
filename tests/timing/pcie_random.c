#include "pcie_random.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t pr_pick(struct rng *r, const uint64_t *from, size_t n)
{
    return from[rng_below(r, n)];
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* Behind the root complex: nothing but a latency, or some of all that there is. */
static void random_host(struct rng *r, struct pcie_memory_config *m)
{
    m->read_ps = PICK(r, 0, 5000, 200000);
    m->write_ps = PICK(r, 0, 0, 60000);
    m->ordered = rng_below(r, 2);
    m->seed = rng_next(r);
    if (rng_below(r, 2)) {
        return;
    }
    m->cross_ps = PICK(r, 0, 20000);
    m->llc_ways = 4;
    m->ddio_ways = 2;
    m->llc_bytes = PICK(r, 0, 4096, 65536);
    m->evict_ps = PICK(r, 0, 30000);
    m->remote = rng_below(r, 3) == 0;
    m->iommu = rng_below(r, 2);
    m->iotlb = 4;
    m->walkers = 2;
    m->walk_ps = PICK(r, 1000, 28000);
    m->walk_cold_ps = 33000;
    m->walk_tables = (uint32_t)PICK(r, 0, 1, 16);
    m->credits = (uint32_t)PICK(r, 0, 0, 2, 92);
    m->hold_ps = PICK(r, 10000, 100000);
    m->bandwidth = PICK(r, 0, 0, 20000000000, 300000000000);
    m->jitter = rng_below(r, 2);
    m->jitter95_ps = 10000;
    m->jitter999_ps = 50000;
    m->spike_ps = 900000;
    m->spike_ppb = 1000000;
}

/* Small ones, too: a single credit, less space than a read needs. */
static void random_limits(struct rng *r, struct pcie_config *c)
{
    uint64_t payload = c->mps / 16;

    if (rng_below(r, 2)) {
        c->space_headers = (uint32_t)PICK(r, 0, 1, c->mrrs / c->rcb + 1, 2 * c->mrrs / c->rcb, 512);
        c->space_data = (uint32_t)PICK(r, 0, 3, c->mrrs / 16, c->mrrs / 8, 1000);
    }
    if (rng_below(r, 2)) {
        c->host_ph = (uint32_t)PICK(r, 0, 1, 2, 8, 127);
        c->host_pd = (uint32_t)PICK(r, 0, payload, payload + 3, 3 * payload, 2047);
        c->host_nph = (uint32_t)PICK(r, 0, 1, 1, 2, 127);
    }
    if (rng_below(r, 2)) {
        c->card_ph = (uint32_t)PICK(r, 0, 1, 2, 32);
        c->card_pd = (uint32_t)PICK(r, 0, 1, 2, 128);
        c->card_nph = (uint32_t)PICK(r, 0, 1, 2, 32);
    }
    if (rng_below(r, 2)) {
        c->retry = (uint32_t)PICK(r, 0, 1, 4, 10, 10, 64, 64);
    }
}

/* TLPs, DLLPs, both, or none. Timers short enough to run out without need, too. */
static void random_damage(struct rng *r, struct pcie_config *c)
{
    if (rng_below(r, 2)) {
        c->lcrc_ppb = (uint32_t)PICK(r, 1000000, 10000000, 100000000, 300000000);
    }
    if (rng_below(r, 2) && c->generation < 6 && c->dllp != PCIE_DLLP_SHARE) {
        c->dllp_crc_ppb = (uint32_t)PICK(r, 1000000, 10000000, 100000000, 300000000);
    }
    c->refresh_ps = 1000000; /* short, or waiting for it is all that happens */
    if (!c->dllp_crc_ppb || (rng_below(r, 10) == 0 && c->lanes <= 2)) {
        c->refresh_ps = PICK(r, 0, 0, 2000000);
    }
    c->retrain_ps = PICK(r, 0, 1000, 20000, 100000);
    c->replay_timer = (uint32_t)PICK(r, 0, 0, 1, 20, 300, 300, 2000);
    if (!c->replay_timer && c->generation > 3 && rng_below(r, 2)) {
        c->replay_timer = 1000; /* that of the specification takes long */
    }
}

/* Some in a hundred or in ten; timeouts that are over before anything can be answered, too. */
static void random_errors(struct rng *r, struct pcie_config *c)
{
    c->poison_ppb = (uint32_t)PICK(r, 0, 10000000, 100000000);
    c->poison_write_ppb = (uint32_t)PICK(r, 0, 10000000, 100000000);
    c->lost_ppb = (uint32_t)PICK(r, 0, 10000000, 100000000);
    c->abort_ppb = (uint32_t)PICK(r, 0, 10000000, 100000000);
    c->late_ppb = (uint32_t)PICK(r, 0, 10000000, 100000000);
    c->late_ps = PICK(r, 100000, 500000, 2000000);
    c->timeout_ps = PICK(r, 100000, 300000, 500000, 1000000, 1500000);
    c->quarantine_ps = PICK(r, 0, 0, 200000, 2000000);
}

struct pcie_config pr_config(struct rng *r)
{
    struct pcie_config c = {
        .generation = (uint32_t)rng_below(r, 6) + 1,
        .lanes = (uint32_t)PICK(r, 1, 2, 4, 8, 16),
        .mps = PICK(r, 128, 256, 512, 4096),
        .mrrs = PICK(r, 128, 256, 512, 4096),
        .rcb = PICK(r, 64, 128),
        .completion = PICK(r, 0, 0, 128, 256),
        .address64 = rng_below(r, 4) > 0,
        .dllp = (uint32_t)PICK(r, PCIE_DLLP_ON_DEMAND, PCIE_DLLP_ON_DEMAND, PCIE_DLLP_PUBLISHED,
                               PCIE_DLLP_SHARE),
        .dllp_ppm = (uint32_t)PICK(r, 0, 8550, 81400),
        .ack_latency = (uint32_t)PICK(r, 0, 0, 40, 80, 500),
        .up_ps = PICK(r, 0, 1, 20000, 110000),
        .down_ps = PICK(r, 0, 1000, 110000),
        .tags = (uint32_t)PICK(r, 1, 2, 5, 32, 256, 256),
        .relaxed = rng_below(r, 3) == 0,
        .ido = rng_below(r, 2),
        .seed = rng_next(r),
        .queue = (uint32_t)PICK(r, 2, 4, 16),
        .host = pb_host(),
    };

    if (c.generation == 6 && c.dllp == PCIE_DLLP_PUBLISHED) {
        c.dllp = PCIE_DLLP_ON_DEMAND;
    }
    if (rng_below(r, 2)) {
        random_errors(r, &c);
    }
    random_damage(r, &c);
    random_limits(r, &c);
    random_host(r, &c.host);
    return c;
}

void pr_show(const struct pcie_config *c)
{
    printf("  gen%" PRIu32 " x%" PRIu32 " mps %" PRIu64 " mrrs %" PRIu64 " rcb %" PRIu64
           " dllp %" PRIu32 " ack_latency %" PRIu32 " retry %" PRIu32 " lcrc_ppb %" PRIu32
           " tags %" PRIu32 " space %" PRIu32 " %" PRIu32 "\n",
           c->generation, c->lanes, c->mps, c->mrrs, c->rcb, c->dllp, c->ack_latency, c->retry,
           c->lcrc_ppb, c->tags, c->space_headers, c->space_data);
    printf("  host %" PRIu32 " %" PRIu32 " %" PRIu32 " card %" PRIu32 " %" PRIu32 " %" PRIu32
           " relaxed %d up %" PRIu64 " ps down %" PRIu64 " ps poison %" PRIu32 " lost %" PRIu32
           "\n",
           c->host_ph, c->host_pd, c->host_nph, c->card_ph, c->card_pd, c->card_nph, c->relaxed,
           c->up_ps, c->down_ps, c->poison_ppb, c->lost_ppb);
    printf("  poison_write %" PRIu32 " abort %" PRIu32 " late %" PRIu32 " by %" PRIu64
           " ps timeout %" PRIu64 " ps quarantine %" PRIu64 " ps\n",
           c->poison_write_ppb, c->abort_ppb, c->late_ppb, c->late_ps, c->timeout_ps,
           c->quarantine_ps);
    printf("  ido %d\n", c->ido);
    printf("  dllp_crc_ppb %" PRIu32 " replay_timer %" PRIu32 " refresh %" PRIu64
           " ps retrain %" PRIu64 " ps\n",
           c->dllp_crc_ppb, c->replay_timer, c->refresh_ps, c->retrain_ps);
}

/* ---- traffic ------------------------------------------------------------------------------- */

/* What it asks: reads, writes, or both; its writes may want answers. */
static void random_client(struct pcie_bench *b, struct rng *r, uint32_t most)
{
    uint64_t num = PICK(r, 0, 250000000, 322265625, 1000000007, 40000000000);
    enum pcie_answers answers = (enum pcie_answers)PICK(r, PCIE_ANSWERS_READS, PCIE_ANSWERS_WRITES,
                                                        PCIE_ANSWERS_BOTH, PCIE_ANSWERS_ORDERED);
    unsigned c = pb_client(b, num, num ? PICK(r, 1, 3) : 1, b->config.queue, answers);
    uint32_t requests = (uint32_t)rng_below(r, most + 1);
    uint64_t sparse = PICK(r, 1, 20, 300);
    uint64_t reads = answers == PCIE_ANSWERS_ORDERED ? 20 : PICK(r, 9, 20); /* of 20 */
    uint64_t at = rng_below(r, 100);
    uint64_t own = rng_below(r, 3); /* an ID that it uses most */
    uint64_t base =
        PICK(r, pr_page, pr_page, 0x10000000, 0xffff8000); /* above, below, across 4 GB */

    for (uint32_t i = 0; i < requests; i++) {
        bool read = rng_below(r, 20) < reads && answers & PCIE_ANSWERS_READS;
        enum pcie_op op = read ? PCIE_READ : rng_below(r, 11) < 10 ? PCIE_WRITE : PCIE_MSIX;
        bool answer = read || (rng_below(r, 2) && answers & PCIE_ANSWERS_WRITES);
        uint64_t length = PICK(r, 1 + rng_below(r, 80), 64, 1 + rng_below(r, 1000),
                               1 + rng_below(r, 3000), 1 + rng_below(r, 9000));

        at += rng_below(r, 8) ? 0 : rng_below(r, sparse) * 10;
        pb_plan(b, c, at, op, base + rng_below(r, 65536), op == PCIE_MSIX ? 4 : (uint32_t)length,
                answer);
        b->client[c].plan[i].id = (uint8_t)PICK(r, 0, own, own, own, PCIE_IDS - 1);
    }
}

/* Some alone, some in bursts. */
static void random_mmio(struct pcie_bench *b, struct rng *r, uint32_t count)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        at = rng_below(r, 3) ? at : rng_below(r, 12000);
        pb_mmio(b, at, rng_below(r, 3) == 0, (uint32_t)rng_below(r, 64) * 4,
                rng_below(r, 2) ? 4 : 8);
    }
}

void pr_bench(struct pcie_bench *b, uint64_t number, const struct pr_wish *wish)
{
    struct rng r = rng_stream(number, 1);
    struct pcie_config config = pr_config(&r);
    unsigned clients = wish->clients - (wish->exact ? 0 : (unsigned)rng_below(&r, wish->clients));
    uint32_t mmios = (uint32_t)rng_below(&r, wish->mmios + 1);

    if (wish->exact) {
        config.lcrc_ppb = config.lost_ppb = config.poison_ppb = 0;
        config.dllp_crc_ppb = config.replay_timer = 0;
        config.abort_ppb = config.late_ppb = config.poison_write_ppb = 0;
    }
    pb_init(b, &config);
    for (unsigned c = 0; c < clients; c++) {
        random_client(b, &r, wish->requests);
    }
    if (rng_below(&r, 2)) {
        pb_slow_registers(b, PICK(&r, 0, 250000000, 1000000007, 40000000000), 1,
                          (uint32_t)rng_below(&r, 50));
    }
    b->holes = !wish->exact && rng_below(&r, 3) == 0;
    b->react = (uint32_t)PICK(&r, 0, 3, 7);
    pb_start(b);
    random_mmio(b, &r, mmios);
}
