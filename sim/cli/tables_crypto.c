/* Published AES-GCM cores: cycles a block, bits a cycle, rates, latency. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/validate_bench.h"
#include "cli/validate_tables.h"

enum { LONG = 1534, SHORT = 510, PACKET = 1498, PACKETS = 600 };
enum { BLOCKS = (LONG - SHORT) / 16 };

enum quantity {
    CYCLES_A_BLOCK, /* from packets of two lengths, so that what a packet takes beside its blocks is not in it */
    BITS_A_CYCLE, /* likewise */
    MB_A_SECOND,  /* likewise, by the core's clock */
    KPPS,         /* packets that have 1500 B to encrypt */
    GBPS,         /* their inner packets of 1498 B */
    DEPTH         /* cycles of latency, see depth() */
};

static const char *const units[] = { "cycles", "bits/cycle", "MB/s", "kpps", "Gb/s", "cycles" };

#define CAST_S "CAST AES-GCM \"S\", 32 bit: product page"
#define CAST_F "CAST AES-GCM \"F\", 128 bit iterative: product page"
#define CAST_X "CAST AES-GCM \"X\" and \"X2\": product page"
#define BLU    "BLu85/AES-GCM-128-192-256-bits: README"
#define LEM    "Lemsitzer et al., CHES 2007: AES block and GHASH by width of the datapath"
#define AGILEX "Intel UG 714305, symmetric cryptographic hard IP: 512 bit"

static const struct core {
    const char *what;
    enum esp_alg alg;
    enum quantity quantity;
    double published, tolerance;
    const char *settings; /* the first is the core's clock */
    const char *source;
    enum validation_kind kind;
} cores[] = {
    { "CAST S, 128-bit key, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 44, 0,
      "card.clock=100MHz card.crypto.gcm_block=44", CAST_S, VALIDATION_COMPUTED },
    { "CAST S, 192-bit key, a block", ESP_ALG_AES_GCM_192, CYCLES_A_BLOCK, 52, 0,
      "card.clock=100MHz card.crypto.gcm_block=52", CAST_S, VALIDATION_COMPUTED },
    { "CAST S, 256-bit key, a block", ESP_ALG_AES_GCM_256, CYCLES_A_BLOCK, 60, 0,
      "card.clock=100MHz card.crypto.gcm_block=60", CAST_S, VALIDATION_COMPUTED },
    { "CAST F, 128-bit key, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 11, 0,
      "card.clock=100MHz card.crypto.gcm_block=11", CAST_F, VALIDATION_COMPUTED },
    { "CAST F, 192-bit key, a block", ESP_ALG_AES_GCM_192, CYCLES_A_BLOCK, 13, 0,
      "card.clock=100MHz card.crypto.gcm_block=13", CAST_F, VALIDATION_COMPUTED },
    { "CAST F, 256-bit key, a block", ESP_ALG_AES_GCM_256, CYCLES_A_BLOCK, 15, 0,
      "card.clock=100MHz card.crypto.gcm_block=15", CAST_F, VALIDATION_COMPUTED },
    { "CAST F at 100 MHz, 1500 B a packet", ESP_ALG_AES_GCM_128, KPPS, 96.7, 0.1,
      "card.clock=100MHz card.crypto.gcm_block=11", CAST_F ": 94 blocks of 11 cycles",
      VALIDATION_COMPUTED },
    { "CAST F at 100 MHz, inner bytes", ESP_ALG_AES_GCM_128, GBPS, 1.16, 0.5,
      "card.clock=100MHz card.crypto.gcm_block=11", CAST_F ": 94 blocks of 11 cycles",
      VALIDATION_COMPUTED },
    { "CAST X", ESP_ALG_AES_GCM_128, BITS_A_CYCLE, 128, 0,
      "card.clock=100MHz card.crypto.width=16B", CAST_X, VALIDATION_COMPUTED },
    { "CAST X2", ESP_ALG_AES_GCM_128, BITS_A_CYCLE, 256, 0,
      "card.clock=100MHz card.crypto.width=32B", CAST_X, VALIDATION_COMPUTED },
    { "BLu85 XS, 128-bit key", ESP_ALG_AES_GCM_128, BITS_A_CYCLE, 12.8, 0.01,
      "card.clock=125MHz card.crypto.gcm_block=10", BLU, VALIDATION_COMPUTED },
    { "BLu85 XS at 125 MHz, 128-bit key", ESP_ALG_AES_GCM_128, MB_A_SECOND, 200, 0.01,
      "card.clock=125MHz card.crypto.gcm_block=10", BLU, VALIDATION_COMPUTED },
    { "BLu85 XS at 100 MHz, 256-bit key", ESP_ALG_AES_GCM_256, MB_A_SECOND, 114, 0.5,
      "card.clock=100MHz card.crypto.gcm_block=14", BLU ": 14 rounds, a cycle each",
      VALIDATION_COMPUTED },
    { "BLu85 L", ESP_ALG_AES_GCM_128, BITS_A_CYCLE, 128, 0,
      "card.clock=100MHz card.crypto.width=16B", BLU, VALIDATION_COMPUTED },
    { "BLu85 L at 100 MHz", ESP_ALG_AES_GCM_128, MB_A_SECOND, 1600, 0.01,
      "card.clock=100MHz card.crypto.width=16B", BLU, VALIDATION_COMPUTED },
    { "BLu85, 256-bit key, one more stage a round: AES", ESP_ALG_AES_GCM_256, DEPTH, 28, 0,
      "card.clock=100MHz card.crypto.width=16B card.crypto.stages_per_round=2", BLU,
      VALIDATION_COMPUTED },
    { "Yang et al., 0.18 um, 271 MHz", ESP_ALG_AES_GCM_128, GBPS, 34, 2,
      "card.clock=271MHz card.crypto.width=16B",
      "Yang, Mishra, Karri, \"A High Speed Architecture for Galois/Counter Mode of Operation\"",
      VALIDATION_COMPUTED },
    { "Lemsitzer, 128-bit datapath, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 1, 0,
      "card.clock=100MHz card.crypto.width=16B", LEM, VALIDATION_COMPUTED },
    { "Lemsitzer, 64-bit datapath, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 2, 0,
      "card.clock=100MHz card.crypto.width=8B", LEM, VALIDATION_COMPUTED },
    { "Lemsitzer, 32-bit datapath, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 4, 0,
      "card.clock=100MHz card.crypto.width=4B", LEM, VALIDATION_COMPUTED },
    { "Lemsitzer, 16-bit datapath, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 8, 0,
      "card.clock=100MHz card.crypto.width=2B", LEM, VALIDATION_COMPUTED },
    { "bit-serial GHASH, a block", ESP_ALG_AES_GCM_128, CYCLES_A_BLOCK, 128, 0,
      "card.clock=100MHz card.crypto.gcm_block=128",
      "dngtuankiet/aes-gcm_128-256, README: 128 cycles a multiplication; the block cipher runs beside it",
      VALIDATION_COMPUTED },
    { "Agilex at 380 MHz", ESP_ALG_AES_GCM_128, GBPS, 190, 2,
      "card.clock=380MHz card.crypto.width=64B", AGILEX, VALIDATION_COMPUTED },
    { "Agilex at 400 MHz", ESP_ALG_AES_GCM_128, GBPS, 200, 2,
      "card.clock=400MHz card.crypto.width=64B", AGILEX, VALIDATION_COMPUTED },
    { "Agilex at 460 MHz", ESP_ALG_AES_GCM_128, GBPS, 260, 2,
      "card.clock=460MHz card.crypto.width=64B",
      AGILEX
      ", 260 Gb/s. 512 bit x 460 MHz are 235.5: the figure does not follow from the width, and the other "
      "two of the same table do",
      VALIDATION_MISSED },
};
enum { CORES = sizeof cores / sizeof cores[0] };

/* Cycles of the core from packet to packet. */
static bool cycles_a_packet(const struct core *c, uint32_t length, double *cycles, char *error,
                            size_t error_size)
{
    struct bench b;
    struct esp_node node;
    double interval;
    bool ok = bench_config(&b, "generic-100g", "core", c->settings) && bench_open(&b, false);

    bench_node(&node, 1, ESP_DIR_OUT, c->alg, 4096);
    ok = ok && bench_add(&b, &node) && bench_flood(&b, length, PACKETS, &interval);
    if (ok) {
        *cycles = interval * (double)b.config->card.general.clock / 1e15;
    } else {
        snprintf(error, error_size, "%s: %s", c->what, b.error);
    }
    bench_close(&b);
    return ok;
}

/* Cycles from the first byte of a packet in the engine to its last. */
struct passage {
    double cycles, ps_a_cycle;
};

static void on_passage(void *self, const struct nic_passage *passage)
{
    struct passage *p = self;

    if (strncmp(passage->block, "crypto_tx", 9) == 0) {
        p->cycles = (double)(passage->end_ps - passage->begin_ps) / p->ps_a_cycle;
    }
}

static bool passage(const struct core *c, const char *more, double *cycles, char *error,
                    size_t error_size)
{
    struct bench b;
    struct esp_node node;
    struct passage p = { 0 };
    char settings[512];
    double ignored;
    bool ok;

    snprintf(settings, sizeof settings, "%s%s", c->settings, more);
    ok = bench_config(&b, "generic-100g", "core", settings) && bench_open(&b, false);
    bench_node(&node, 1, ESP_DIR_OUT, c->alg, 4096);
    ok = ok && bench_add(&b, &node);
    if (ok) {
        p.ps_a_cycle = 1e15 / (double)b.config->card.general.clock;
        nic_trace(b.card, on_passage, &p);
        ok = bench_flood(&b, 64, 2, &ignored);
    }
    if (!ok) {
        snprintf(error, error_size, "%s: %s", c->what, b.error);
    }
    *cycles = p.cycles;
    bench_close(&b);
    return ok;
}

/* Of the cipher: twice what one stage a round less makes of it, as what is behind the cipher is the same then. */
static bool depth(const struct core *c, double *cycles, char *error, size_t error_size)
{
    double two;
    double one;

    if (!passage(c, "", &two, error, error_size) ||
        !passage(c, " card.crypto.stages_per_round=1", &one, error, error_size)) {
        return false;
    }
    *cycles = 2 * (two - one);
    return true;
}

static bool measure(const struct core *c, double *value, char *error, size_t error_size)
{
    double clock = strtod(c->settings + strlen("card.clock="), NULL); /* MHz */
    double one;
    double other;

    switch (c->quantity) {
    case DEPTH: return depth(c, value, error, error_size);
    case KPPS:
    case GBPS:
        if (!cycles_a_packet(c, PACKET, &one, error, error_size)) {
            return false;
        }
        *value = c->quantity == KPPS ? clock * 1000 / one : PACKET * 8 * clock / one / 1000;
        return true;
    default:
        if (!cycles_a_packet(c, LONG, &one, error, error_size) ||
            !cycles_a_packet(c, SHORT, &other, error, error_size)) {
            return false;
        }
        *value = (one - other) / BLOCKS;
        if (c->quantity != CYCLES_A_BLOCK) {
            *value = 128 / *value * (c->quantity == MB_A_SECOND ? clock / 8 : 1);
        }
        return true;
    }
}

bool tables_crypto(struct validation *v, char *error, size_t error_size)
{
    for (size_t i = 0; i < CORES; i++) {
        const struct core *c = &cores[i];
        struct tables_figure f = { .group = "crypto",
                                   .kind = c->kind,
                                   .source = c->source,
                                   .preset = "generic-100g",
                                   .sets = "core",
                                   .settings = c->settings,
                                   .tolerance = c->tolerance };
        double value;

        if (!measure(c, &value, error, error_size)) {
            return false;
        }
        tables_add(v, &f, units[c->quantity], c->published, value, "%s", c->what);
    }
    tables_absent(
        v, "crypto", "cycles", 3, "BLu85, tag behind the last data",
        "BLu85/AES-GCM-128-192-256-bits, README. The model's own 3 cycles to the tag are a constant, taken "
        "from this core: comparing them would compare it with itself");
    tables_absent(
        v, "crypto", "Gb/s", 15.3, "Lemsitzer, Virtex-4",
        "Lemsitzer et al., CHES 2007; no clock was read for it, so that nothing could be simulated");
    return true;
}
