/* The event queue: who is to be evaluated at which edge.
 *
 * One radix wheel per clock domain (8 levels of 256 slots: an insertion is O(1), and an event moves
 * down at most 8 times whatever the number pending), and an exact comparison between the heads of
 * the domains. Events are (domain, cycle, block). Of coincident edges the lower domain comes first;
 * within one edge events are delivered in order of block, so a run does not depend on the history of
 * insertions.
 *
 * A block is *woken*: it keeps at most one pending wake per block; a later wake for a block that has
 * an earlier one pending is dropped, because the block looks at everything and asks again. */
#ifndef ESPNIC_ENGINE_SCHED_H
#define ESPNIC_ENGINE_SCHED_H

#include "engine/clock.h"
#include "engine/snapshot.h"

enum { SCHED_LEVELS = 8, SCHED_SLOTS = 256, SCHED_MAX_BLOCKS = 256 };

/* Evaluate a block at edge `cycle` of its domain. */
typedef void sched_wake_fn(void *self, uint64_t cycle);

struct sched_node {
    uint64_t cycle;
    uint32_t next; /* index in the pool, 0 = end */
    uint32_t block;
};

struct sched_slot {
    uint32_t head;
    uint64_t least; /* earliest cycle in the slot */
};

struct sched_wheel {
    uint64_t base;               /* no event is earlier */
    uint64_t least;              /* earliest pending, CLOCK_NEVER if none */
    uint32_t levels;             /* bit l: level l holds events */
    uint8_t words[SCHED_LEVELS]; /* bit i: used[l][i] is not 0 */
    uint64_t used[SCHED_LEVELS][SCHED_SLOTS / 64];
    struct sched_slot slot[SCHED_LEVELS][SCHED_SLOTS];
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
    struct sched_node *node;
    size_t nodes;
    uint32_t free_node;
    uint32_t used_nodes;
    struct sched_block block[SCHED_MAX_BLOCKS];
    uint64_t pending[SCHED_MAX_BLOCKS]; /* earliest wake, CLOCK_NEVER if none */
    unsigned blocks;
    unsigned used_domain[CLOCK_MAX_DOMAINS]; /* those that have a block, ascending */
    unsigned used_domains;
    unsigned now_domain; /* the edge being processed, or the last one */
    uint64_t now_cycle;
    uint64_t delivered; /* wakes so far */
    /* A note that saves comparisons, made again whenever it may have changed: up to this cycle, events
     * of the leading domain come before those of every other and are not after the end of the run. */
    bool leads;
    unsigned leader;
    uint64_t leads_until;
};

void sched_init(struct sched *s, const struct clock_set *clocks);
void sched_free(struct sched *s);
void sched_register_state(struct sched *s, struct snapshot *snap);

/* Returns the block's number. */
unsigned sched_add_block(struct sched *s, const char *name, unsigned domain, sched_wake_fn *wake,
                         void *self);

/* Evaluate `block` at `cycle` of its domain, at the latest. */
void sched_wake(struct sched *s, unsigned block, uint64_t cycle);

/* Edge of the next event, not after the next wake (an overtaken one may still be on its way); false if
 * none is pending. */
bool sched_next(const struct sched *s, unsigned *domain, uint64_t *cycle);

/* Process the next event if it is not after edge `until_cycle` of `until_domain`; false if there
 * was none. */
bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle);

/* Process all events up to edge *until_cycle of `until_domain`, which a block may lower meanwhile. */
void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle);

#endif
