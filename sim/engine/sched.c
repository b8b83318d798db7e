#include "engine/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    s->words = 1;
    s->wheels = CLOCK_MAX_DOMAINS;
    s->wheel = must_alloc(calloc(s->wheels, sizeof *s->wheel));
    for (size_t i = 0; i < CLOCK_MAX_DOMAINS; i++) {
        s->least[i] = CLOCK_NEVER;
        s->key[i] = CLOCK_NO_KEY;
    }
}

void sched_free(struct sched *s)
{
    free(s->wheel);
    memset(s, 0, sizeof *s);
}

void sched_register_state(struct sched *s, struct snapshot *snap)
{
    snapshot_array(snap, "sched.wheel", &s->wheel, sizeof *s->wheel, &s->wheels);
    snapshot_fixed(snap, "sched.least", s->least, sizeof s->least);
    snapshot_fixed(snap, "sched.key", s->key, sizeof s->key);
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
    s->words = s->blocks / 64 + 1;
    use_domain(s, domain);
    return s->blocks++;
}

/* ---- one wheel ----------------------------------------------------------------------------- */

/* The level that resolves the highest digit in which the cycle differs from the wheel's base. It stays
 * the same until the base reaches that digit's slot, and then the slot is emptied. */
static inline unsigned level_of(uint64_t base, uint64_t cycle)
{
    uint64_t differ = base ^ cycle;

    return differ < SCHED_SLOTS ? 0 : (unsigned)(63 - __builtin_clzll(differ)) / SCHED_DIGIT;
}

static inline unsigned slot_of(uint64_t cycle, unsigned level)
{
    return (unsigned)(cycle >> (SCHED_DIGIT * level)) & (SCHED_SLOTS - 1);
}

static inline void insert(struct sched_wheel *w, unsigned block, uint64_t cycle)
{
    unsigned level = level_of(w->base, cycle);
    unsigned index = slot_of(cycle, level);

    w->levels |= 1ull << level;
    w->used[level] |= 1ull << index;
    w->slot[level][index][block / 64] |= 1ull << (block % 64);
}

static inline void slot_is_empty(struct sched_wheel *w, unsigned level, unsigned index)
{
    w->used[level] &= ~(1ull << index);
    if (!w->used[level]) {
        w->levels &= ~(1ull << level);
    }
}

static inline bool any(const struct sched *s, const uint64_t *slot)
{
    uint64_t bits = slot[0];

    for (unsigned i = 1; i < s->words; i++) {
        bits |= slot[i];
    }
    return bits != 0;
}

static inline void withdraw(struct sched *s, struct sched_wheel *w, unsigned block, uint64_t cycle)
{
    unsigned level = level_of(w->base, cycle);
    unsigned index = slot_of(cycle, level);

    w->slot[level][index][block / 64] &= ~(1ull << (block % 64));
    if (!any(s, w->slot[level][index])) {
        slot_is_empty(w, level, index);
    }
}

/* The earliest wake of the blocks in a slot. */
static uint64_t least_of_slot(const struct sched *s, const uint64_t *slot)
{
    uint64_t least = CLOCK_NEVER;

    for (unsigned i = 0; i < s->words; i++) {
        for (uint64_t bits = slot[i]; bits; bits &= bits - 1) {
            uint64_t at = s->pending[64 * i + (unsigned)__builtin_ctzll(bits)];

            least = at < least ? at : least;
        }
    }
    return least;
}

/* The lowest used slot of the lowest used level holds the earliest event: slots below the base's own
 * digit are empty on every level. */
static inline uint64_t least_of_wheel(const struct sched *s, const struct sched_wheel *w)
{
    unsigned level;
    unsigned index;

    if (!w->levels) {
        return CLOCK_NEVER;
    }
    level = (unsigned)__builtin_ctzll(w->levels);
    index = (unsigned)__builtin_ctzll(w->used[level]);
    if (level == 0) {
        return (w->base & ~(uint64_t)(SCHED_SLOTS - 1)) | index;
    }
    return least_of_slot(s, w->slot[level][index]);
}

/* Bring the earliest events, those of cycle `least`, down to level 0. Only done when their time has
 * come, so that events of this domain can still be inserted before them until then. */
static void descend(struct sched *s, struct sched_wheel *w, uint64_t least)
{
    unsigned level = (unsigned)__builtin_ctzll(w->levels);
    unsigned index = (unsigned)__builtin_ctzll(w->used[level]);
    uint64_t *slot = w->slot[level][index];

    slot_is_empty(w, level, index);
    w->base = least;
    for (unsigned i = 0; i < s->words; i++) {
        uint64_t bits = slot[i];

        slot[i] = 0;
        for (; bits; bits &= bits - 1) {
            unsigned block = 64 * i + (unsigned)__builtin_ctzll(bits);

            insert(w, block, s->pending[block]);
        }
    }
}

/* Take the first block off the wheel's earliest edge. */
static inline unsigned take_first(struct sched *s, struct sched_wheel *w, uint64_t least)
{
    unsigned index = slot_of(least, 0);
    uint64_t *slot = w->slot[0][index];
    unsigned word = 0;
    unsigned block;

    if (!(w->levels & 1)) {
        descend(s, w, least);
    }
    w->base = least;
    while (!slot[word]) {
        word++;
    }
    block = 64 * word + (unsigned)__builtin_ctzll(slot[word]);
    slot[word] &= slot[word] - 1;
    if (!any(s, slot)) {
        slot_is_empty(w, 0, index);
    }
    return block;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static inline void set_least(struct sched *s, unsigned domain, uint64_t cycle)
{
    s->least[domain] = cycle;
    s->key[domain] = cycle == CLOCK_NEVER ? CLOCK_NO_KEY : clock_key(s->clocks, domain, cycle);
}

static void from_the_past(const struct sched *s, unsigned block, uint64_t cycle, uint64_t present)
{
    fprintf(stderr, "espnic: internal error: %s woken at cycle %llu, before the present %llu\n",
            s->block[block].name, (unsigned long long)cycle, (unsigned long long)present);
    abort();
}

void sched_wake_earlier(struct sched *s, unsigned block, uint64_t cycle)
{
    unsigned domain = s->block[block].domain;
    struct sched_wheel *w = &s->wheel[domain];

    if (cycle < w->base) {
        from_the_past(s, block, cycle, w->base);
    }
    if (s->pending[block] != CLOCK_NEVER) {
        withdraw(s, w, block, s->pending[block]);
    }
    s->pending[block] = cycle;
    insert(w, block, cycle);
    if (cycle < s->least[domain]) {
        set_least(s, domain, cycle);
        if (domain != s->leader && s->key[domain] < s->limit) {
            s->limit = s->key[domain];
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

static inline void deliver(struct sched *s, unsigned domain, uint64_t cycle)
{
    struct sched_wheel *w = &s->wheel[domain];
    unsigned block = take_first(s, w, cycle);

    s->pending[block] = CLOCK_NEVER;
    set_least(s, domain, least_of_wheel(s, w));
    s->now_domain = domain;
    s->now_cycle = cycle;
    s->delivered++;
    s->block[block].wake(s->block[block].self, cycle);
}

/* Let the domain lead whose earliest event comes first: keys tell, unless two are too close. False: there
 * is none. */
static bool find_leader(struct sched *s)
{
    uint64_t first = CLOCK_NO_KEY;
    uint64_t second = CLOCK_NO_KEY;
    uint64_t cycle;

    for (unsigned i = 0; i < s->used_domains; i++) {
        unsigned d = s->used_domain[i];
        uint64_t key = s->key[d];

        if (key < first) {
            second = first;
            first = key;
            s->leader = d;
        } else if (key < second) {
            second = key;
        }
    }
    s->limit = second;
    if (second - first < 2) {
        return sched_next(s, &s->leader, &cycle);
    }
    return first != CLOCK_NO_KEY;
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
    if (!find_leader(s) ||
        is_after(s, until_domain, until_cycle, clock_key(s->clocks, until_domain, until_cycle))) {
        return false;
    }
    deliver(s, s->leader, s->least[s->leader]);
    return true;
}

void sched_run(struct sched *s, unsigned until_domain, const uint64_t *until_cycle)
{
    uint64_t until = *until_cycle;
    uint64_t until_key = clock_key(s->clocks, until_domain, until);

    for (;;) {
        if (!find_leader(s) || is_after(s, until_domain, until, until_key)) {
            return;
        }
        s->limit = until_key < s->limit ? until_key : s->limit;
        do {
            deliver(s, s->leader, s->least[s->leader]);
        } while (s->key[s->leader] + 2 <= s->limit && *until_cycle == until);
        if (*until_cycle != until) {
            until = *until_cycle;
            until_key = clock_key(s->clocks, until_domain, until);
        }
    }
}
