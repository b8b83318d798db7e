/* SA churn against the data path; what a full hash table does to insertions. */
#include <math.h>
#include <stdio.h>

#include "cli/validate_tables.h"

#define PAM      "\"What you need to know about (Smart) Network Interface Cards\", PAM 2021"
#define NAPATECH "Napatech flow manager, documentation"

static const char group[] = "churn";
static const char preset[] = "generic-100g";

/* ---- look-ups and commands at one port ------------------------------------------------------------- */

#define SHARED_PORT                                                                                \
    "card.sa.table.organisation=cuckoo card.sa.table.ways=4 card.sa.table.slots=2048 "             \
    "card.sa.table.capacity=2048 card.sa.table.search=1024 card.sa.lookup_port=true "              \
    "card.sa.lookup_pace=1 card.command.add=100ns"

enum { FRAMES = 20000, FRAME_PS = 11040 /* of 138 bytes on the wire at 100 Gb/s */, L3 = 46 };

/* Small frames at line rate; a request every `pause` ps (0: none), each for one more SA. *mpps: through the card. */
static bool storm(struct bench *b, uint64_t pause, double *mpps)
{
    struct esp_node node;
    uint32_t taken;
    uint8_t frame[BENCH_FRAME];
    uint32_t length;
    uint64_t begin;
    uint64_t next = UINT64_MAX;
    uint64_t before;

    bench_node(&node, 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096);
    length = bench_seal(b, &node, 1, L3, frame);
    if (length == 0 || !bench_add(b, &node)) {
        return false;
    }
    node.handle = 2;
    node.sa[0].spi = 0x10000; /* until a key finds no slot */
    if (!bench_fill(b, &node, 2048, 1, &taken)) {
        return false;
    }
    node.handle = 0x20000;
    node.sa[0].spi = 0x20000;
    begin = host_now(b->host) + 1000000;
    before = nic_statistics(b->card)->rx.packets_out;
    next = pause != 0 ? begin : next;
    for (uint64_t i = 0; i < FRAMES; i++) {
        uint64_t time = begin + i * FRAME_PS;

        for (; next <= time; next += pause) {
            node.handle++;
            node.sa[0].spi++;
            if (!host_oid_add(b->host, next, &node, 1, false, node.handle, 0)) {
                return bench_fail(b, "a request came too late");
            }
        }
        host_simulate(b->host, time);
        esp_put32(frame + 14 + ESP_IPV4_HEADER + 4, (uint32_t)i + 1);
        if (!bench_arrive(b, 0, time, frame, length)) {
            return false;
        }
    }
    *mpps = (double)(nic_statistics(b->card)->rx.packets_out - before) /
            (double)(host_now(b->host) - begin) * 1e6;

    return bench_settle(b);
}

static bool add_interference(struct validation *v, char *error, size_t error_size)
{
    static const struct validation_shape falls = { 0, 0.95 };
    static const uint64_t pauses[] = { 0, 6000000 };
    const struct tables_figure f = {
        .group = group,
        .kind = VALIDATION_FITTED, /* the clock: see the set `port` */
        .source = PAM
        ": up to 70 of 100 Gb/s are lost while rules change, or all. Simulated: an SA is asked for every "
        "6 us when a cuckoo table is full, and look-ups wait while it is searched",
        .preset = preset,
        .sets = "port",
        .settings = SHARED_PORT,
        .shape = &falls
    };
    double mpps[2] = { 0, 0 };

    for (unsigned i = 0; i < 2; i++) {
        struct bench b;
        bool ok = bench_config(&b, preset, "port", SHARED_PORT) && bench_open(&b, false) &&
                  storm(&b, pauses[i], &mpps[i]);

        if (!ok) {
            snprintf(error, error_size, "churn: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    tables_add(v, &f, "", 0.3, mpps[1] / mpps[0], "packet rate under updates over that without");
    return true;
}

/* ---- fill --------------------------------------------------------------------------------------------- */

#define BIG_TABLE                                                                                  \
    "card.sa.table.organisation=cuckoo card.sa.table.ways=4 card.sa.table.slots=4096 "             \
    "card.sa.table.capacity=4096 card.sa.table.search=1024 card.command.add=400ns"

enum { SLOTS = 4096, LATE = SLOTS / 50 };

/* One SA after the other until one finds no slot: how long the card took for each. Returns how many there are. */
static bool fill(struct bench *b, double us[SLOTS], uint32_t *count)
{
    for (*count = 0; *count < SLOTS; (*count)++) {
        struct esp_node node;

        bench_node(&node, *count + 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096 + *count);
        if (!bench_add(b, &node)) {
            return false;
        }
        if (bench_answer(b) != BENCH_DONE) {
            return true;
        }
        us[*count] = (double)b->oid.part_ps[HOST_PART_CARD] / 1e6;
    }
    return bench_fail(b, "the table was filled to its last slot");
}

static double mean(const double *us, uint32_t from, uint32_t to)
{
    double sum = 0;

    for (uint32_t i = from; i < to; i++) {
        sum += us[i];
    }
    return sum / (to - from);
}

static bool add_fill(struct validation *v, char *error, size_t error_size)
{
    static const struct validation_shape collapses = { 0, 0.8 };
    static const struct validation_shape nearly = { 0.9, 1 };
    struct tables_figure f = {
        .group = group,
        .kind = VALIDATION_PREDICTED,
        .source = NAPATECH ": above 140 M flows insertions begin to fail and the rate of learning "
                           "collapses; no figure is given for either, only the direction counts. "
                           "Simulated: the last 2 % of the slots before the first failure",
        .preset = preset,
        .sets = "",
        .settings = BIG_TABLE,
        .shape = &collapses
    };
    static double us[SLOTS];
    struct bench b;
    uint32_t count = 0;
    bool ok =
        bench_config(&b, preset, "", BIG_TABLE) && bench_open(&b, false) && fill(&b, us, &count);

    if (ok) {
        tables_add(v, &f, "", NAN, mean(us, SLOTS / 4, SLOTS / 2) / mean(us, count - LATE, count),
                   "insertions a second, nearly full over half full");
        f.shape = &nearly;
        tables_add(v, &f, "", NAN, (double)count / SLOTS,
                   "share of the slots at the first failure");
    } else {
        snprintf(error, error_size, "churn: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

bool tables_churn(struct validation *v, char *error, size_t error_size)
{
    if (!add_interference(v, error, error_size) || !add_fill(v, error, error_size)) {
        return false;
    }
    tables_absent(
        v, group, "", 1.8, "updates in memory over updates by the API of a driver",
        PAM
        ". The card has one way of updating at a time (card.command.path), and none of both kinds");
    return true;
}
