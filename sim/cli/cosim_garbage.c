#include "cli/cosim_garbage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

/* ---- frames ------------------------------------------------------------------------------------------ */

static uint32_t below(struct rng *random, uint32_t n)
{
    return (uint32_t)rng_below(random, n);
}

void garbage_bytes(struct rng *random, uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 8) {
        const uint64_t word = rng_next(random);

        memcpy(bytes + i, &word, count - i < 8 ? count - i : 8);
    }
}

uint32_t garbage_contents(struct rng *random, struct garbage_frame *f)
{
    static const uint8_t types[][2] = { { 0x08, 0x00 }, { 0x86, 0xdd }, { 0x81, 0x00 } };
    static const uint8_t firsts[] = { 0x45, 0x60, 0x46, 0x40 };
    uint32_t length = 1 + below(random, below(random, 2) ? 100 : f->limit);
    uint8_t *bytes = f->bytes;

    garbage_bytes(random, bytes, f->limit);
    if (below(random, 3)) { /* it begins as if it were something */
        memcpy(bytes + 12, types[below(random, 3)], 2);
        bytes[14] = below(random, 4) ? firsts[below(random, 4)] : bytes[14];
        bytes[23] = below(random, 2) ? 50 : bytes[23];
        bytes[20] = below(random, 2) ? 50 : bytes[20];
    }
    if (below(random, 4) == 0) {
        bytes[16] = (uint8_t)(length >> 8);
        bytes[17] = (uint8_t)length;
    }
    return length;
}

void garbage_misframe(struct rng *random, struct garbage_frame *f, uint32_t contents,
                      struct garbage_counts *n)
{
    f->length = contents;
    f->beats = (contents + 63) / 64;
    switch (below(random, 12)) {
    case 0: f->length = 0; break;
    case 1: f->length = below(random, 65536); break;
    case 2: f->length = contents + below(random, 300); break;
    case 3: f->length = 1 + below(random, contents); break;
    case 4: f->beats = 1 + below(random, f->beats); break;
    case 5: f->beats += 1 + below(random, 4); break;
    case 6: f->beats += below(random, 8) ? 1 + below(random, 40) : below(random, 600); break;
    default: break;
    }
    n->frames++;
    n->none += f->length == 0;
    n->long_ones += f->length > f->limit;
    n->early += f->length <= f->limit && f->beats < (f->length + 63) / 64;
    n->late += f->length <= f->limit && f->length && f->beats > (f->length + 63) / 64;
}

uint32_t garbage_seen(const struct garbage_frame *f, uint8_t bytes[GARBAGE_BYTES])
{
    const uint32_t there = f->beats * 64 < f->length ? f->beats * 64 : f->length;

    if (f->length > f->limit) {
        return 0;
    }
    memset(bytes, 0, f->limit);
    memcpy(bytes, f->bytes, there);
    return f->length;
}

/* ---- ipsec_top: its parts, all at once ------------------------------------------------------------------ */

static const struct cosim_stimulus *const parts[SOLO_TOP_PARTS] = { &cosim_rx_garbage,
                                                                    &cosim_tx_garbage,
                                                                    &cosim_csr_garbage };

struct top {
    void *part[SOLO_TOP_PARTS];
};

static void *create(const char *config, uint64_t seed)
{
    struct top *t = must(calloc(1, sizeof *t));
    const size_t bytes = strlen(config) + 16;
    char *all = must(malloc(bytes));

    strcpy(all, config);
    strcat(all, " MTU=1500"); /* a parameter of esp_tx that is fixed here */
    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        t->part[i] = parts[i]->create(all, seed + i);
    }
    free(all);
    return t;
}

static void destroy(void *self)
{
    struct top *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        parts[i]->destroy(t->part[i]);
    }
    free(t);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct top *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        parts[i]->drive(t->part[i], out + nic_solo_top_places.out[i],
                        in + nic_solo_top_places.in[i]);
    }
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct top *t = self;
    unsigned count = 0;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        count += parts[i]->shares(t->part[i], share + count);
    }
    return count;
}

const struct cosim_stimulus cosim_top_garbage = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
