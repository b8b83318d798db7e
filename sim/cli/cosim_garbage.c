#include "cli/cosim_garbage.h"

#include <string.h>

static uint32_t below(struct rng *random, uint32_t n)
{
    return (uint32_t)rng_below(random, n);
}

uint32_t garbage_contents(struct rng *random, struct garbage_frame *f)
{
    static const uint8_t types[][2] = { { 0x08, 0x00 }, { 0x86, 0xdd }, { 0x81, 0x00 } };
    static const uint8_t firsts[] = { 0x45, 0x60, 0x46, 0x40 };
    uint32_t length = 1 + below(random, below(random, 2) ? 100 : f->limit);
    uint8_t *bytes = f->bytes;

    rng_bytes(random, bytes, f->limit);
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
