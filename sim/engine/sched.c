#include "engine/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sched_init(struct sched *s, const struct clock_set *clocks)
{
    memset(s, 0, sizeof *s);
    s->clocks = clocks;
    s->running = SCHED_NOBODY;
    for (size_t i = 0; i < CLOCK_MAX_DOMAINS; i++) {
        s->least[i] = CLOCK_NEVER;
        s->key[i] = CLOCK_NO_KEY;
    }
}

void sched_free(struct sched *s)
{
    memset(s, 0, sizeof *s);
}

void sched_register_state(struct sched *s, struct snapshot *snap)
{
    snapshot_fixed(snap, "sched.tree", s->tree, sizeof s->tree);
    snapshot_fixed(snap, "sched.least", s->least, sizeof s->least);
    snapshot_fixed(snap, "sched.key", s->key, sizeof s->key);
    snapshot_fixed(snap, "sched.pending", s->pending, sizeof s->pending);
    snapshot_fixed(snap, "sched.leader", &s->leader, sizeof s->leader);
    snapshot_fixed(snap, "sched.limit", &s->limit, sizeof s->limit);
    snapshot_fixed(snap, "sched.now_domain", &s->now_domain, sizeof s->now_domain);
    snapshot_fixed(snap, "sched.now_cycle", &s->now_cycle, sizeof s->now_cycle);
    snapshot_fixed(snap, "sched.delivered", &s->delivered, sizeof s->delivered);
}

static void use_domain(struct sched *s, unsigned domain)
{
    unsigned at = 0;

    while (at < s->used_domains && s->used_domain[at] < domain) {
        at++;
    }
    if (at < s->used_domains && s->used_domain[at] == domain) {
        return;
    }
    for (unsigned i = s->used_domains++; i > at; i--) {
        s->used_domain[i] = s->used_domain[i - 1];
    }
    s->used_domain[at] = domain;
}

/* ---- one tree ------------------------------------------------------------------------------ */

static inline uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t event_of(unsigned block, uint64_t cycle)
{
    return cycle << SCHED_BLOCK_BITS | block;
}

/* The leaf held the first event of the tree; from now on this one. */
static inline void replace(struct sched_tree *t, unsigned leaf, uint64_t event)
{
    uint64_t *node = t->node;

    node[leaf] = event;
    for (size_t i = leaf; i > 1; i /= 2) {
        event = earlier_of(event, node[i ^ 1]);
        node[i / 2] = event;
    }
}

/* The leaf gets an earlier event than it had. */
static inline void advance(struct sched_tree *t, unsigned leaf, uint64_t event)
{
    uint64_t *node = t->node;

    for (size_t i = leaf; i > 0 && event < node[i]; i /= 2) {
        node[i] = event;
    }
}

/* Twice as many leaves. Those of the domain's blocks, in the order of their numbers, are laid out anew. */
static void grow_tree(struct sched *s, struct sched_tree *t, unsigned domain)
{
    unsigned leaf;

    t->leaves = t->leaves ? 2 * t->leaves : 1;
    leaf = t->leaves;
    memset(t->node, 0xff, sizeof t->node);
    for (unsigned i = 0; i < s->blocks; i++) {
        if (s->block[i].domain == domain) {
            s->block[i].leaf = leaf++;
            if (s->pending[i] != CLOCK_NEVER) {
                advance(t, s->block[i].leaf, event_of(i, s->pending[i]));
            }
        }
    }
}

static unsigned new_leaf(struct sched *s, unsigned domain)
{
    struct sched_tree *t = &s->tree[domain];

    if (t->blocks == t->leaves) {
        grow_tree(s, t, domain);
    }
    return t->leaves + t->blocks++;
}

unsigned sched_add_block(struct sched *s, const char *name, unsigned domain, sched_wake_fn *wake,
                         void *self)
{
    if (s->blocks == SCHED_MAX_BLOCKS) {
        fprintf(stderr, "espnic: internal error: more than %d blocks\n", SCHED_MAX_BLOCKS);
        abort();
    }
    s->block[s->blocks] = (struct sched_block){
        .wake = wake,
        .self = self,
        .name = name,
        .domain = domain,
        .leaf = new_leaf(s, domain),
        .tree = &s->tree[domain],
    };
    s->pending[s->blocks] = CLOCK_NEVER;
    use_domain(s, domain);
    return s->blocks++;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static inline void set_least(struct sched *s, unsigned domain, uint64_t event)
{
    uint64_t cycle = event >> SCHED_BLOCK_BITS;

    if (event == CLOCK_NEVER) {
        s->least[domain] = CLOCK_NEVER;
        s->key[domain] = CLOCK_NO_KEY;
    } else {
        s->least[domain] = cycle;
        s->key[domain] = clock_key(s->clocks, domain, cycle);
    }
}

/* Not before the present, and not beyond what an event can hold. */
static inline bool is_possible(const struct sched_tree *t, uint64_t cycle)
{
    return cycle - t->base < SCHED_CYCLES - t->base;
}

static void impossible(const struct sched *s, unsigned block, uint64_t cycle)
    __attribute__((noreturn, cold));

static void impossible(const struct sched *s, unsigned block, uint64_t cycle)
{
    uint64_t present = s->block[block].tree->base;

    fprintf(stderr, "espnic: internal error: %s woken at cycle %llu, %s the present %llu\n",
            s->block[block].name, (unsigned long long)cycle,
            cycle < present ? "before" : "too far from", (unsigned long long)present);
    abort();
}

void sched_wake_earlier(struct sched *s, unsigned block, uint64_t cycle)
{
    const struct sched_block *b = &s->block[block];
    struct sched_tree *t = b->tree;
    uint64_t event = event_of(block, cycle);

    if (!is_possible(t, cycle)) {
        impossible(s, block, cycle);
    }
    s->pending[block] = cycle;
    advance(t, b->leaf, event);
    if (cycle < s->least[b->domain]) {
        set_least(s, b->domain, event);
        if (b->domain != s->leader && s->key[b->domain] < s->limit) {
            s->limit = s->key[b->domain];
        }
    }
}

bool sched_next(const struct sched *s, unsigned *domain, uint64_t *cycle)
{
    uint64_t first = CLOCK_NEVER;
    unsigned of = 0;

    for (unsigned i = 0; i < s->used_domains; i++) {
        unsigned d = s->used_domain[i];
        uint64_t least = s->least[d];

        if (least != CLOCK_NEVER &&
            (first == CLOCK_NEVER || clock_compare(s->clocks, d, least, of, first) < 0)) {
            of = d;
            first = least;
        }
    }
    *domain = of;
    *cycle = first;
    return first != CLOCK_NEVER;
}

/* Wake the first block of the domain's earliest edge. Its leaf is put right when it has said what it wants
 * next: until then no event of the tree comes before this one. */
static inline void deliver(struct sched *s, struct sched_tree *t, unsigned domain)
{
    uint64_t event = t->node[1];
    uint64_t cycle = event >> SCHED_BLOCK_BITS;
    unsigned block = event % SCHED_MAX_BLOCKS;
    const struct sched_block *b = &s->block[block];
    uint64_t next;

    s->pending[block] = CLOCK_NEVER;
    s->running = block;
    t->base = cycle;
    s->now_domain = domain;
    s->now_cycle = cycle;
    s->delivered++;
    b->wake(b->self, cycle);
    s->running = SCHED_NOBODY;
    next = s->pending[block];
    event = event_of(block, next);
    if (!is_possible(t, next)) {
        if (next != CLOCK_NEVER) {
            impossible(s, block, next);
        }
        event = CLOCK_NEVER;
    }
    replace(t, b->leaf, event);
    set_least(s, domain, t->node[1]);
}

/* Let the domain lead whose earliest event comes first: keys tell, unless two are too close. False: there
 * is none. */
static inline bool find_leader(struct sched *s)
{
    unsigned leader = s->used_domain[0];
    uint64_t first = s->key[leader];
    uint64_t second = CLOCK_NO_KEY;
    uint64_t cycle;

    for (unsigned i = 1; i < s->used_domains; i++) {
        unsigned d = s->used_domain[i];
        uint64_t key = s->key[d];

        second = earlier_of(second, key < first ? first : key);
        leader = key < first ? d : leader;
        first = earlier_of(first, key);
    }
    s->leader = leader;
    s->limit = second;
    if (second - first < 2) {
        s->limit = first; /* the leader may be another one now; ask again after its next event */
        return sched_next(s, &s->leader, &cycle);
    }
    return first != CLOCK_NO_KEY;
}

/* Does the leader's earliest event come before those of all other domains? Keys tell, unless too close. */
static inline bool leads(const struct sched *s)
{
    return s->key[s->leader] + 2 <= s->limit;
}

/* Is the leader's earliest event after that edge? */
static inline bool is_after(const struct sched *s, unsigned until_domain, uint64_t until_cycle,
                            uint64_t until_key)
{
    uint64_t key = s->key[s->leader];

    if (key - until_key + 1 > 2) { /* not within 1 of each other */
        return key > until_key;
    }
    return clock_compare(s->clocks, s->leader, s->least[s->leader], until_domain, until_cycle) > 0;
}

bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle)
{
    if ((!leads(s) && !find_leader(s)) ||
        is_after(s, until_domain, until_cycle, clock_key(s->clocks, until_domain, until_cycle))) {
        return false;
    }
    deliver(s, &s->tree[s->leader], s->leader);
    return true;
}

void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle)
{
    uint64_t until = *until_cycle;
    uint64_t until_key = clock_key(s->clocks, until_domain, until);

    while ((leads(s) || find_leader(s)) && !is_after(s, until_domain, until, until_key)) {
        unsigned leader = s->leader;
        struct sched_tree *t = &s->tree[leader];

        do {
            deliver(s, t, leader);
        } while (leads(s) && s->key[leader] + 2 <= until_key && *until_cycle == until);
        if (*until_cycle != until) {
            until = *until_cycle;
            until_key = clock_key(s->clocks, until_domain, until);
        }
    }
}
