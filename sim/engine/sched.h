/* The event queue: who is to be evaluated at which edge.
 *
 * A block has at most one pending wake: the earliest that it was asked for; a later one is dropped,
 * because the block looks at everything and asks again. So an event needs no memory of its own: it is a
 * leaf of a tree, one tree for each clock domain, whose inner nodes are the earlier of the two below
 * them. To ask, to ask earlier and to deliver are one walk from the leaf to the root: the logarithm of the
 * number of blocks in the domain, whatever the number pending. A cycle that is asked for is less than
 * SCHED_CYCLES (in cycles of a ns: two years).
 *
 * The heads of the domains are compared exactly. Of coincident edges the lower domain comes first;
 * within one edge blocks are woken in order of their numbers, so a run does not depend on the history
 * of insertions. */
#ifndef ESPNIC_ENGINE_SCHED_H
#define ESPNIC_ENGINE_SCHED_H

#include "engine/clock.h"
#include "engine/snapshot.h"

enum {
    SCHED_BLOCK_BITS = 8,
    SCHED_MAX_BLOCKS = 1 << SCHED_BLOCK_BITS,
    SCHED_NOBODY = SCHED_MAX_BLOCKS
};

#define SCHED_CYCLES ((1ull << (64 - SCHED_BLOCK_BITS)) - 1)

/* Evaluate a block at edge `cycle` of its domain. */
typedef void sched_wake_fn(void *self, uint64_t cycle);

/* An event is its cycle, and below it the number of its block, so that the lesser one comes first; CLOCK_NEVER:
 * none. Node 1 is the root, those below node i are 2i and 2i + 1, the leaves stand behind the inner nodes. */
struct sched_tree {
    uint64_t base; /* no event is at an earlier cycle */
    uint64_t node[2 * SCHED_MAX_BLOCKS];
    uint32_t blocks, leaves; /* leaves: a power of two, not fewer than blocks */
};

struct account;

struct sched_block {
    sched_wake_fn *wake;
    void *self;
    const char *name;
    unsigned domain;
    unsigned leaf; /* in the domain's tree */
    struct sched_tree *tree;
    const struct account *account; /* of its issue slots, if it has published them */
    size_t account_stride;         /* bytes from one to the next */
    unsigned accounts;
};

struct sched {
    const struct clock_set *clocks;
    struct sched_tree tree[CLOCK_MAX_DOMAINS];
    uint64_t least[CLOCK_MAX_DOMAINS];  /* earliest pending of the domain, CLOCK_NEVER if none */
    uint64_t key[CLOCK_MAX_DOMAINS];    /* clock_key() of it; CLOCK_NO_KEY if none */
    uint64_t pending[SCHED_MAX_BLOCKS]; /* of the block, CLOCK_NEVER if none */
    struct sched_block block[SCHED_MAX_BLOCKS];
    unsigned blocks;
    unsigned used_domain[CLOCK_MAX_DOMAINS]; /* those that have a block, ascending */
    unsigned used_domains;
    /* What saves comparisons: the domain whose turn it was last, and the least key of the others. */
    unsigned leader;
    uint64_t limit;
    unsigned running;    /* block in its wake, or SCHED_NOBODY: its leaf still holds this event */
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

/* For sched_wake: `cycle` is before the pending wake of the block, which is not the running one. */
void sched_wake_earlier(struct sched *s, unsigned block, uint64_t cycle);

/* Evaluate `block` at `cycle` of its domain, at the latest. */
static inline void sched_wake(struct sched *s, unsigned block, uint64_t cycle)
{
    if (cycle >= s->pending[block]) {
        return;
    }
    if (block == s->running) {
        s->pending[block] = cycle; /* its leaf is put right when it is done */
    } else {
        sched_wake_earlier(s, block, cycle);
    }
}

/* Edge of the next event; false if none is pending. Not to be asked in a wake. */
bool sched_next(const struct sched *s, unsigned *domain, uint64_t *cycle);

/* Process the next event if it is not after edge `until_cycle` of `until_domain`; false if there
 * was none. */
bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle);

/* Process all events up to edge *until_cycle of `until_domain`, which a block may lower meanwhile. */
void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle);

#endif
