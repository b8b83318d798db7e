/* The event queue: who is to be evaluated at which edge.
 *
 * A block has at most one pending wake: the earliest that it was asked for; a later one is dropped,
 * because the block looks at everything and asks again. So an event needs no memory of its own: it is a
 * bit of its block in a slot of a radix wheel, one wheel for each clock domain (11 levels of 64 slots, a
 * level for each digit of the cycle in base 64). To ask, to ask earlier and to deliver are a few
 * operations on bits whatever the number pending; an event moves down at most 10 levels.
 *
 * The heads of the domains are compared exactly. Of coincident edges the lower domain comes first;
 * within one edge blocks are woken in order of their numbers, so a run does not depend on the history
 * of insertions. */
#ifndef ESPNIC_ENGINE_SCHED_H
#define ESPNIC_ENGINE_SCHED_H

#include "engine/clock.h"
#include "engine/snapshot.h"

enum {
    SCHED_DIGIT = 6, /* bits of the cycle that a level resolves */
    SCHED_SLOTS = 1 << SCHED_DIGIT,
    SCHED_LEVELS = (64 + SCHED_DIGIT - 1) / SCHED_DIGIT,
    SCHED_MAX_BLOCKS = 256,
    SCHED_WORDS = SCHED_MAX_BLOCKS / 64
};

/* Evaluate a block at edge `cycle` of its domain. */
typedef void sched_wake_fn(void *self, uint64_t cycle);

struct sched_wheel {
    uint64_t base;               /* no event is earlier */
    uint64_t levels;             /* bit l: level l holds events */
    uint64_t used[SCHED_LEVELS]; /* bit i: slot i of the level holds events */
    uint64_t slot[SCHED_LEVELS][SCHED_SLOTS][SCHED_WORDS]; /* bit b: block b */
};

struct account;

struct sched_block {
    sched_wake_fn *wake;
    void *self;
    const char *name;
    unsigned domain;
    const struct account *account; /* of its issue slots, if it has published them */
    size_t account_stride;         /* bytes from one to the next */
    unsigned accounts;
};

struct sched {
    const struct clock_set *clocks;
    struct sched_wheel *wheel; /* one per domain */
    size_t wheels;
    unsigned words;                     /* of a slot that the blocks need */
    uint64_t least[CLOCK_MAX_DOMAINS];  /* earliest pending of the domain, CLOCK_NEVER if none */
    uint64_t key[CLOCK_MAX_DOMAINS];    /* clock_key() of it; CLOCK_NO_KEY if none */
    uint64_t pending[SCHED_MAX_BLOCKS]; /* of the block, CLOCK_NEVER if none */
    struct sched_block block[SCHED_MAX_BLOCKS];
    unsigned blocks;
    unsigned used_domain[CLOCK_MAX_DOMAINS]; /* those that have a block, ascending */
    unsigned used_domains;
    /* Notes that save comparisons while a run goes on: the domain whose turn it is, and a key before
     * which its events come before those of all others and before the end of the run. */
    unsigned leader;
    uint64_t limit;
    unsigned now_domain; /* the edge being processed, or the last one */
    uint64_t now_cycle;
    uint64_t delivered; /* wakes so far */
};

void sched_init(struct sched *s, const struct clock_set *clocks);
void sched_free(struct sched *s);
void sched_register_state(struct sched *s, struct snapshot *snap);

/* Returns the block's number. */
unsigned sched_add_block(struct sched *s, const char *name, unsigned domain, sched_wake_fn *wake,
                         void *self);

/* For sched_wake: `cycle` is before the pending wake of the block. */
void sched_wake_earlier(struct sched *s, unsigned block, uint64_t cycle);

/* Evaluate `block` at `cycle` of its domain, at the latest. */
static inline void sched_wake(struct sched *s, unsigned block, uint64_t cycle)
{
    if (cycle < s->pending[block]) {
        sched_wake_earlier(s, block, cycle);
    }
}

/* Edge of the next event; false if none is pending. */
bool sched_next(const struct sched *s, unsigned *domain, uint64_t *cycle);

/* Process the next event if it is not after edge `until_cycle` of `until_domain`; false if there
 * was none. */
bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle);

/* Process all events up to edge *until_cycle of `until_domain`, which a block may lower meanwhile. */
void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle);

#endif
