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
    use_domain(s, domain);
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
        s->leads = s->leads && s->block[block].domain == s->leader;
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

    for (unsigned i = 0; i < s->used_domains; i++) {
        unsigned d = s->used_domain[i];
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

/* The last cycle of domain d whose events come before an event of domain o; equal times go by domain. */
static uint64_t last_before(const struct sched *s, unsigned d, unsigned o, uint64_t cycle)
{
    if (d < o) {
        return clock_scale(&s->clocks->ratio[o][d], cycle);
    }
    return clock_edge_from(s->clocks, o, cycle, d) - 1; /* o was found not to be earlier */
}

/* Find the domain of the next event and how far it leads. False: none, or it is after the end. */
static bool find_leader(struct sched *s, unsigned until_domain, uint64_t until_cycle)
{
    uint64_t cycle = 0;

    s->leads = false;
    if (!sched_next(s, &s->leader, &cycle) ||
        clock_compare(s->clocks, s->leader, cycle, until_domain, until_cycle) > 0) {
        return false;
    }
    s->leads_until = clock_scale(&s->clocks->ratio[until_domain][s->leader], until_cycle);
    for (unsigned i = 0; i < s->used_domains; i++) {
        unsigned o = s->used_domain[i];
        uint64_t limit;

        if (o == s->leader || s->wheel[o].least == CLOCK_NEVER) {
            continue;
        }
        limit = last_before(s, s->leader, o, s->wheel[o].least);
        if (limit < s->leads_until) {
            s->leads_until = limit;
        }
    }
    s->leads = true;
    return true;
}

static void deliver(struct sched *s)
{
    struct sched_wheel *w = &s->wheel[s->leader];
    uint64_t cycle = w->least;
    struct sched_node node;

    s->now_domain = s->leader;
    s->now_cycle = cycle;
    node = take_first(s, w);
    if (s->pending[node.block] == cycle) { /* else: overtaken by an earlier wake */
        s->pending[node.block] = CLOCK_NEVER;
        s->delivered++;
        s->block[node.block].wake(s->block[node.block].self, cycle);
    }
}

bool sched_step(struct sched *s, unsigned until_domain, uint64_t until_cycle)
{
    if (!find_leader(s, until_domain, until_cycle)) {
        return false;
    }
    deliver(s);
    s->leads = false;
    return true;
}

void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle)
{
    uint64_t until = *until_cycle;

    s->leads = false;
    for (;;) {
        if (*until_cycle != until) {
            until = *until_cycle;
            s->leads = false;
        }
        if ((!s->leads || s->wheel[s->leader].least > s->leads_until) &&
            !find_leader(s, until_domain, until)) {
            break;
        }
        deliver(s);
    }
    s->leads = false;
}
