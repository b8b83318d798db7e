/* Cycles at equal distances, or at distances that are equal on average.
 *
 * What a block does beat by beat is committed as runs: cycle(k) = first + k * step. Where another clock sets
 * the pace, the distances alternate (2, 3, 3, 2...), and yet they are one run:
 *   cycle(k) = first + k * step + floor((phase + k * more) / of)        with phase, more < of
 * which is what floor(c * mul / div) makes of an even run (clock.h), and stays so in every block that is held
 * up by it. `more` is 0 in an even run; `phase` and `of` then mean nothing. (Small numbers: runs are all over the
 * memory of a simulation. Clocks of odder ratios go beat by beat.) */
#ifndef ESPNIC_ENGINE_RUN_H
#define ESPNIC_ENGINE_RUN_H

#include "engine/clock.h"

struct channel_run {
    uint64_t first;
    uint32_t beats; /* >= 1 */
    uint32_t step;
    uint16_t more, of, phase;
    uint16_t unused; /* 0: what a snapshot holds is compared byte for byte */
};

/* Cycles from the first beat to beat k. */
static inline uint64_t run_offset(const struct channel_run *r, uint32_t k)
{
    uint64_t even = (uint64_t)k * r->step;

    return r->more ? even + (r->phase + (uint64_t)k * r->more) / r->of : even;
}

static inline uint64_t run_cycle(const struct channel_run *r, uint32_t k)
{
    return r->first + run_offset(r, k);
}

static inline uint64_t run_last(const struct channel_run *r)
{
    return run_cycle(r, r->beats - 1);
}

/* The longest distance of two beats. */
static inline uint32_t run_longest_step(const struct channel_run *r)
{
    return r->step + (r->more != 0);
}

/* What is left of it from beat k on. */
static inline struct channel_run run_from(const struct channel_run *r, uint32_t k)
{
    struct channel_run rest = *r;

    rest.first = run_cycle(r, k);
    rest.beats -= k;
    if (r->more) {
        rest.phase = (uint16_t)((r->phase + (uint64_t)k * r->more) % r->of);
    }
    return rest;
}

/* The same distances from the first beat on, wherever that is. */
static inline bool run_alike(const struct channel_run *a, const struct channel_run *b)
{
    return a->step == b->step && a->more == b->more &&
           (a->more == 0 || (a->of == b->of && a->phase == b->phase));
}

/* Is `a` slower than `b`, on average? */
static inline bool run_slower(const struct channel_run *a, const struct channel_run *b)
{
    if (a->step != b->step || a->more == 0 || b->more == 0) {
        return a->step > b->step || (a->step == b->step && a->more && !b->more);
    }
    return (uint32_t)a->more * b->of > (uint32_t)b->more * a->of;
}

/* Beats, at most all, of which the first cycle is not after first + span. */
static inline uint32_t run_within(const struct channel_run *r, uint64_t span)
{
    clock_u128 beats;

    if (r->more) {
        beats = (((clock_u128)span + 1) * r->of - 1 - r->phase) /
                    ((uint64_t)r->step * r->of + r->more) +
                1;
    } else {
        beats = r->step ? span / r->step + 1 : r->beats;
    }
    return beats < r->beats ? (uint32_t)beats : r->beats;
}

/* An even run as it is seen in another clock, `later` edges after it: false if that is no run of these numbers. */
bool run_image(const struct clock_ratio *ratio, const struct channel_run *r, uint64_t later,
               struct channel_run *image);

#endif
