#include "engine/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_NODES = 1024 };

static void *must_alloc(void *p)
{
    if (!p) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
    return p;
}

void sched_init(struct sched *s, const struct clock_set *clocks)
{
    memset(s, 0, sizeof *s);
    s->clocks = clocks;
    s->wheels = CLOCK_MAX_DOMAINS;
    s->wheel = must_alloc(calloc(s->wheels, sizeof *s->wheel));
    for (size_t i = 0; i < s->wheels; i++) {
        s->wheel[i].least = CLOCK_NEVER;
    }
    s->nodes = FIRST_NODES;
    s->node = must_alloc(calloc(s->nodes, sizeof *s->node));
    s->used_nodes = 1; /* 0 means "none" */
}

void sched_free(struct sched *s)
{
    free(s->wheel);
    free(s->node);
    memset(s, 0, sizeof *s);
}

void sched_register_state(struct sched *s, struct snapshot *snap)
{
    snapshot_array(snap, "sched.wheel", &s->wheel, sizeof *s->wheel, &s->wheels);
    snapshot_array(snap, "sched.node", &s->node, sizeof *s->node, &s->nodes);
    snapshot_fixed(snap, "sched.free", &s->free_node, sizeof s->free_node);
    snapshot_fixed(snap, "sched.used", &s->used_nodes, sizeof s->used_nodes);
    snapshot_fixed(snap, "sched.pending", s->pending, sizeof s->pending);
    snapshot_fixed(snap, "sched.now_domain", &s->now_domain, sizeof s->now_domain);
    snapshot_fixed(snap, "sched.now_cycle", &s->now_cycle, sizeof s->now_cycle);
    snapshot_fixed(snap, "sched.delivered", &s->delivered, sizeof s->delivered);
    snapshot_fixed(snap, "sched.leads", &s->leads, sizeof s->leads);
    snapshot_fixed(snap, "sched.leader", &s->leader, sizeof s->leader);
    snapshot_fixed(snap, "sched.follower", &s->follower, sizeof s->follower);
}

unsigned sched_add_block(struct sched *s, const char *name, unsigned domain, sched_wake_fn *wake,
                         void *self)
{
    if (s->blocks == SCHED_MAX_BLOCKS) {
        fprintf(stderr, "espnic: internal error: more than %d blocks\n", SCHED_MAX_BLOCKS);
        abort();
    }
    s->block[s->blocks] =
        (struct sched_block){ .wake = wake, .self = self, .name = name, .domain = domain };
    s->pending[s->blocks] = CLOCK_NEVER;
    return s->blocks++;
}

static uint32_t take_node(struct sched *s)
{
    uint32_t n = s->free_node;

    if (n) {
        s->free_node = s->node[n].next;
        return n;
    }
    if (s->used_nodes == s->nodes) {
        s->nodes *= 2;
        s->node = must_alloc(realloc(s->node, s->nodes * sizeof *s->node));
    }
    return s->used_nodes++;
}

/* Level 0 resolves single cycles; level k, spans of 256^k relative to the wheel's base. */
static unsigned level_of(uint64_t base, uint64_t cycle)
{
    uint64_t differ = base ^ cycle;

    return differ < SCHED_SLOTS ? 0 : (unsigned)(63 - __builtin_clzll(differ)) / 8;
}

/* Level 0 lists are kept in order of block number: the order of delivery within an edge. */
static void link_ordered(struct sched *s, struct sched_slot *slot, uint32_t n)
{
    uint32_t *at = &slot->head;

    while (*at && s->node[*at].block < s->node[n].block) {
        at = &s->node[*at].next;
    }
    s->node[n].next = *at;
    *at = n;
}

static void insert(struct sched *s, struct sched_wheel *w, uint32_t n)
{
    uint64_t cycle = s->node[n].cycle;
    unsigned level = level_of(w->base, cycle);
    unsigned index = (unsigned)(cycle >> (8 * level)) & (SCHED_SLOTS - 1);
    struct sched_slot *slot = &w->slot[level][index];
    uint64_t bit = 1ull << (index & 63);

    if (!(w->used[level][index / 64] & bit)) {
        w->used[level][index / 64] |= bit;
        w->words[level] = (uint8_t)(w->words[level] | 1u << (index / 64));
        w->levels |= 1u << level;
        slot->head = 0;
        slot->least = cycle;
    } else if (cycle < slot->least) {
        slot->least = cycle;
    }
    if (level == 0) {
        link_ordered(s, slot, n);
    } else {
        s->node[n].next = slot->head;
        slot->head = n;
    }
}

/* Does the next event of domain a come before that of b? Equal times go by domain. */
static bool before(const struct sched *s, unsigned a, unsigned b)
{
    int order = clock_compare(s->clocks, a, s->wheel[a].least, b, s->wheel[b].least);

    return order < 0 || (order == 0 && a < b);
}

/* The next event of domain d has become an earlier one. */
static void note_earlier(struct sched *s, unsigned d)
{
    if (!s->leads || d == s->leader || d == s->follower) {
        return;
    }
    if (s->follower == SCHED_NO_DOMAIN || before(s, d, s->follower)) {
        s->follower = d;
    }
}

void sched_wake(struct sched *s, unsigned block, uint64_t cycle)
{
    struct sched_wheel *w;
    uint32_t n;

    if (cycle >= s->pending[block]) {
        return;
    }
    s->pending[block] = cycle;
    w = &s->wheel[s->block[block].domain];
    if (cycle < w->base) {
        fprintf(stderr, "espnic: internal error: %s woken at cycle %llu, before the present %llu\n",
                s->block[block].name, (unsigned long long)cycle, (unsigned long long)w->base);
        abort();
    }
    n = take_node(s);
    s->node[n].cycle = cycle;
    s->node[n].block = block;
    insert(s, w, n);
    if (cycle < w->least) {
        w->least = cycle;
        note_earlier(s, s->block[block].domain);
    }
}

/* The lowest used slot of the lowest used level holds the earliest event: slots below the base's own
 * index are empty on every level. */
static struct sched_slot *first_slot(struct sched_wheel *w, unsigned *level, unsigned *index)
{
    unsigned l;
    unsigned word;

    if (!w->levels) {
        return NULL;
    }
    l = (unsigned)__builtin_ctz(w->levels);
    word = (unsigned)__builtin_ctz(w->words[l]);
    *level = l;
    *index = word * 64 + (unsigned)__builtin_ctzll(w->used[l][word]);
    return &w->slot[l][*index];
}

static void slot_is_empty(struct sched_wheel *w, unsigned level, unsigned index)
{
    w->used[level][index / 64] &= ~(1ull << (index & 63));
    if (!w->used[level][index / 64]) {
        w->words[level] = (uint8_t)(w->words[level] & ~(1u << (index / 64)));
        if (!w->words[level]) {
            w->levels &= ~(1u << level);
        }
    }
}

static void refresh_least(struct sched_wheel *w)
{
    unsigned level = 0;
    unsigned index = 0;
    const struct sched_slot *slot = first_slot(w, &level, &index);

    w->least = slot ? slot->least : CLOCK_NEVER;
}

/* Bring the earliest events down to level 0. Only done when their time has come, so that events
 * of this domain can still be inserted before them until then. */
static struct sched_slot *cascade(struct sched *s, struct sched_wheel *w, unsigned *index)
{
    unsigned level = 0;
    struct sched_slot *slot = first_slot(w, &level, index);
    uint32_t n;

    if (level > 0) {
        slot_is_empty(w, level, *index);
        w->base = slot->least;
        n = slot->head;
        while (n) {
            uint32_t next = s->node[n].next;

            insert(s, w, n);
            n = next;
        }
        slot = first_slot(w, &level, index);
    }
    w->base = slot->least;
    return slot;
}

static struct sched_node take_first(struct sched *s, struct sched_wheel *w)
{
    unsigned index = 0;
    struct sched_slot *slot = cascade(s, w, &index);
    uint32_t n = slot->head;
    struct sched_node node = s->node[n];

    slot->head = node.next;
    if (!slot->head) {
        slot_is_empty(w, 0, index);
        refresh_least(w);
    }
    s->node[n].next = s->free_node;
    s->free_node = n;
    return node;
}

bool sched_next(const struct sched *s, unsigned *domain, uint64_t *cycle)
{
    bool found = false;

    for (unsigned d = 0; d < s->clocks->count; d++) {
        uint64_t least = s->wheel[d].least;

        if (least != CLOCK_NEVER &&
            (!found || clock_compare(s->clocks, d, least, *domain, *cycle) < 0)) {
            *domain = d;
            *cycle = least;
            found = true;
        }
    }
    return found;
}

static bool find_leader(struct sched *s)
{
    s->leader = SCHED_NO_DOMAIN;
    s->follower = SCHED_NO_DOMAIN;
    for (unsigned d = 0; d < s->clocks->count; d++) {
        if (s->wheel[d].least == CLOCK_NEVER) {
            continue;
        }
        if (s->leader == SCHED_NO_DOMAIN || before(s, d, s->leader)) {
            s->follower = s->leader;
            s->leader = d;
        } else if (s->follower == SCHED_NO_DOMAIN || before(s, d, s->follower)) {
            s->follower = d;
        }
    }
    s->leads = s->leader != SCHED_NO_DOMAIN;
    return s->leads;
}

/* Is the leader of the last step still the leader? */
static bool still_leads(const struct sched *s)
{
    return s->leads && s->wheel[s->leader].least != CLOCK_NEVER &&
           (s->follower == SCHED_NO_DOMAIN || before(s, s->leader, s->follower));
}

bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle)
{
    struct sched_node node;
    uint64_t cycle;

    if (!still_leads(s) && !find_leader(s)) {
        return false;
    }
    cycle = s->wheel[s->leader].least;
    if (clock_compare(s->clocks, s->leader, cycle, until_domain, until_cycle) > 0) {
        return false;
    }
    s->now_domain = s->leader;
    s->now_cycle = cycle;
    node = take_first(s, &s->wheel[s->leader]);
    if (s->pending[node.block] == cycle) { /* else: overtaken by an earlier wake */
        s->pending[node.block] = CLOCK_NEVER;
        s->delivered++;
        s->block[node.block].wake(s->block[node.block].self, cycle);
    }
    return true;
}
