/* Garbage for csr: accesses of any kind to any place, again and again; then a device reset and the traffic of cosim_csr.c, which
 * begins with a walk over all registers, each of which has to answer as registers.def says. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_garbage.h"
#include "engine/must.h"
#include "pcie_model/registers.h"

#define PINS_FILE "nic/pins_csr.def"
#include "cli/cosim_pins.h"

enum { QUIET = 500 };

struct traffic {
    struct rng random;
    void *behind; /* of cosim_csr_stimulus */
    struct cosim_pace pace;
    uint64_t cycle, garbage;
    uint64_t order_until; /* a load or store of a table is under way */
    bool ordering;
    uint64_t accesses, reads, answers, good, unsupported, aborted;
};

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));

    t->random = rng_stream(seed, 13);
    t->garbage = nic_solo_number(config, "GARBAGE");
    t->behind = cosim_csr_stimulus.create(config, seed);
    return t;
}

static void destroy(void *self)
{
    struct traffic *t = self;

    cosim_csr_stimulus.destroy(t->behind);
    free(t);
}

/* Anywhere; or near a register, since chance alone would seldom find one. */
static uint32_t any_offset(struct rng *r)
{
    const uint32_t reg = (uint32_t)rng_below(r, REG_COUNT);

    if (rng_below(r, 4) == 0) {
        return (uint32_t)rng_below(r, 1u << 20);
    }
    return (reg_table[reg].offset + (uint32_t)rng_below(r, 2) * 4 +
            (rng_below(r, 8) ? 0 : (uint32_t)rng_below(r, 8))) &
           0xfffff;
}

static void drive_garbage(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool write = rng_below(&t->random, 2);

    if (!cosim_pace(&t->pace, &t->random) || !GET(out, ACC_ROOM)) {
        return;
    }
    SET(in, ACC_VALID, 1);
    SET(in, ACC_WRITE, write);
    SET(in, ACC_OFFSET, any_offset(&t->random));
    SET(in, ACC_BYTES,
        rng_below(&t->random, 2) ? 4 + 4 * rng_below(&t->random, 2) : rng_below(&t->random, 16));
    SET(in, ACC_DATA, rng_next(&t->random));
    t->accesses++;
    t->reads += !write;
}

/* The card does what it is asked for, some time. */
static void drive_card(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    if (GET(out, ORDER)) {
        t->ordering = true;
        t->order_until = t->cycle + rng_below(&t->random, 40);
    } else if (t->ordering && t->cycle >= t->order_until) {
        SET(in, ORDER_DONE, 1);
        t->ordering = false;
    }
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    if (t->cycle > t->garbage + QUIET) {
        cosim_csr_stimulus.drive(t->behind, out, in);
        t->cycle++;
        return;
    }
    if (GET(out, ANSWER)) {
        t->answers++;
        t->good += GET(out, ANSWER_STATUS) == 0;
        t->unsupported += GET(out, ANSWER_STATUS) == 1;
        t->aborted += GET(out, ANSWER_STATUS) == 2;
    }
    drive_card(t, out, in);
    if (t->cycle < t->garbage) {
        drive_garbage(t, out, in);
    }
    SET(in, RESET_RW, t->cycle == t->garbage + QUIET);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "garbage: accesses, in cycles", t->accesses, t->garbage, 100 },
        { "reads that were answered", t->answers, t->reads, 1000 },
        { "of them good", t->good, t->answers, 20 },
        { "unsupported", t->unsupported, t->answers, 50 },
        { "aborted", t->aborted, t->answers, 50 },
    };
    struct cosim_share behind[COSIM_MAX_SHARES];
    const unsigned others = cosim_csr_stimulus.shares(t->behind, behind);
    unsigned count = sizeof all / sizeof *all;

    memcpy(share, all, sizeof all);
    for (unsigned i = 0; i < others; i++) {
        if (behind[i].per_mille ==
            1000) { /* what has to be right each time; not how often what comes */
            share[count++] = behind[i];
        }
    }
    return count;
}

const struct cosim_stimulus cosim_csr_garbage = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
