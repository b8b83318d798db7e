#include "engine/channel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { FIRST_RING = 16 };

/* Rings begin small, so that what is hot stays in the cache of the computer that simulates; a full one
 * is doubled: what was at index i mod n is put at i mod 2n. */
static void *double_ring(void *ring, size_t *size, size_t element, uint32_t head)
{
    size_t n = *size;
    unsigned char *grown = must(calloc(2 * n, element));

    for (size_t i = 0; i < n; i++) {
        uint32_t at = head + (uint32_t)i;

        memcpy(grown + (at & (2 * n - 1)) * element,
               (unsigned char *)ring + (at & (n - 1)) * element, element);
    }
    free(ring);
    *size = 2 * n;
    return grown;
}

void channel_init(struct channel *ch, struct sched *sched, const struct channel_config *config)
{
    memset(ch, 0, sizeof *ch);
    ch->sched = sched;
    ch->config = *config;
    ch->wdom = sched->block[config->writer].domain;
    ch->rdom = sched->block[config->reader].domain;
    ch->bursts = FIRST_RING;
    ch->pops = FIRST_RING;
    ch->burst = must(calloc(ch->bursts, sizeof *ch->burst));
    ch->pop = must(calloc(ch->pops, sizeof *ch->pop));
    ch->s.credits = config->depth;
    ch->gate = &ch->own_gate;
    ch->gate_bit = 1;
}

void channel_free(struct channel *ch)
{
    free(ch->burst);
    free(ch->pop);
    memset(ch, 0, sizeof *ch);
}

void channel_set_gate(struct channel *ch, struct channel_gate *gate, unsigned index)
{
    ch->gate = gate;
    ch->gate_bit = 1ull << index;
}

void channel_register_state(struct channel *ch, struct snapshot *snap)
{
    snapshot_fixed(snap, "channel.state", &ch->s, sizeof ch->s);
    snapshot_fixed(snap, "channel.gate", &ch->own_gate, sizeof ch->own_gate);
    snapshot_array(snap, "channel.burst", &ch->burst, sizeof *ch->burst, &ch->bursts);
    snapshot_array(snap, "channel.pop", &ch->pop, sizeof *ch->pop, &ch->pops);
}

uint64_t channel_item_visible(const struct channel *ch, uint32_t need)
{
    for (uint32_t i = ch->s.burst_head; i != ch->s.burst_tail; i++) {
        const struct channel_burst *b = &ch->burst[i & (ch->bursts - 1)];
        uint32_t beats = b->at.beats;

        if (beats >= need || (b->flags & CHANNEL_LAST)) {
            uint32_t last = (beats < need ? beats : need) - 1;

            return channel_visible(ch, run_cycle(&b->at, last));
        }
        need -= beats;
    }
    return CLOCK_NEVER;
}

void channel_tell_probe(struct channel *ch, bool push, const struct channel_run *run)
{
    ch->probe(ch->probe_self, ch, push, run);
}

void channel_more_pops(struct channel *ch)
{
    ch->pop = double_ring(ch->pop, &ch->pops, sizeof *ch->pop, ch->s.pop_head);
}

void channel_wake_writer(struct channel *ch, const struct channel_run *run)
{
    ch->s.writer_waits = 0;
    sched_wake(ch->sched, ch->config.writer, channel_slot_visible(ch, run->first));
}

void channel_take_bursts(struct channel *ch, uint32_t beats)
{
    uint32_t taken = ch->s.taken + beats;
    const struct channel_burst *b = &ch->burst[ch->s.burst_head & (ch->bursts - 1)];

    while (taken > 0 && taken >= b->at.beats) {
        taken -= b->at.beats;
        assert(taken == 0 || !(b->flags & CHANNEL_LAST));
        b = &ch->burst[++ch->s.burst_head & (ch->bursts - 1)];
        assert(taken == 0 || ch->s.burst_head != ch->s.burst_tail);
    }
    ch->s.taken = taken;
}

/* However the writer had to split the item: for the slots it is one run. */
void channel_pop_bursts(struct channel *ch, uint64_t first, uint32_t step)
{
    struct channel_run run = { .first = first, .step = step };
    uint32_t next = ch->s.burst_head;
    const struct channel_burst *b;

    do {
        b = &ch->burst[next++ & (ch->bursts - 1)];
        run.beats += b->at.beats;
    } while (!(b->flags & CHANNEL_LAST));
    run.beats -= ch->s.taken;
    channel_probe(ch, false, &run);
    ch->s.taken = 0;
    ch->s.burst_head = next;
    channel_popped(ch, &run, first + (uint64_t)(run.beats - 1) * step + 1);
}

static uint64_t last_back(const struct channel *ch, const struct channel_run *pops)
{
    return channel_slot_visible(ch, run_last(pops));
}

/* The slots of the oldest pops are all back. */
static inline void take_back(struct channel *ch, const struct channel_run *pops)
{
    ch->s.credits += pops->beats - ch->s.returned;
    ch->s.returned = 0;
    ch->s.pop_head++;
}

/* Cycle in which the first slot is back that has not been taken as credit; there is a pop that gives one. */
static inline uint64_t next_back(const struct channel *ch)
{
    const struct channel_run *p = &ch->pop[ch->s.pop_head & (ch->pops - 1)];

    return channel_slot_visible(ch, run_cycle(p, ch->s.returned));
}

/* Turn every slot that is back by `now` into credit. Mostly none or all are. */
static void collect(struct channel *ch, uint64_t now)
{
    const struct channel_run *ring = ch->pop;
    size_t mask = ch->pops - 1;
    bool all;

    if (ch->s.pop_head == ch->s.pop_tail || next_back(ch) > now) {
        return;
    }
    all = last_back(ch, &ring[(ch->s.pop_tail - 1) & mask]) <= now;
    while (ch->s.pop_head != ch->s.pop_tail) {
        const struct channel_run *p = &ring[ch->s.pop_head & mask];

        if (!all && last_back(ch, p) > now) {
            while (next_back(ch) <= now) {
                ch->s.credits++;
                ch->s.returned++;
            }
            return;
        }
        take_back(ch, p);
    }
}

uint32_t channel_room(struct channel *ch, uint64_t now)
{
    if (ch->config.unlimited) {
        return UINT32_MAX;
    }
    collect(ch, now);
    return ch->s.credits;
}

uint64_t channel_room_at(struct channel *ch, uint64_t now, uint32_t need)
{
    uint32_t have = channel_room(ch, now);
    uint32_t skip = ch->s.returned;

    if (have >= need) {
        return now;
    }
    assert(need <= ch->config.depth);
    for (uint32_t i = ch->s.pop_head; i != ch->s.pop_tail; i++) {
        const struct channel_run *p = &ch->pop[i & (ch->pops - 1)];
        uint32_t more = p->beats - skip;

        if (have + more >= need) {
            uint32_t k = skip + (need - have) - 1;

            return channel_slot_visible(ch, run_cycle(p, k));
        }
        have += more;
        skip = 0;
    }
    ch->s.writer_waits = 1;
    return CLOCK_NEVER;
}

uint64_t channel_next_return(struct channel *ch, uint64_t now)
{
    uint64_t at;

    if (ch->s.pop_head == ch->s.pop_tail) {
        ch->s.writer_waits = 1;
        return CLOCK_NEVER;
    }
    at = next_back(ch);
    if (at > now) {
        return at;
    }
    collect(ch, now);
    return 0;
}

/* A run of one side from beat `from` on as the other side sees it: one edge later, or what the clocks make of it. */
static bool seen_from(const struct channel *ch, const struct channel_run *run, uint32_t from,
                      unsigned side, unsigned other, struct channel_run *seen)
{
    struct channel_run rest = run_from(run, from);

    if (side != other) {
        return run_image(&ch->sched->clocks->ratio[side][other], &rest, ch->config.sync, seen);
    }
    *seen = rest;
    seen->first++;
    return true;
}

bool channel_returns(const struct channel *ch, struct channel_run *back)
{
    return ch->s.pop_head != ch->s.pop_tail &&
           seen_from(ch, &ch->pop[ch->s.pop_head & (ch->pops - 1)], ch->s.returned, ch->rdom,
                     ch->wdom, back);
}

bool channel_arrivals(const struct channel *ch, struct channel_run *seen)
{
    const struct channel_burst *b = channel_head(ch);

    return b && seen_from(ch, &b->at, ch->s.taken, ch->wdom, ch->rdom, seen);
}

typedef uint64_t visible_fn(const struct channel *ch, uint64_t cycle);

/* One by one: how many leading beats have seen(run cycle from + k) <= cycle k of what is wanted. */
static uint32_t prefix_of_uneven(const struct channel *ch, visible_fn *seen,
                                 const struct channel_run *run, uint32_t from,
                                 const struct channel_run *want)
{
    uint32_t k = 0;

    while (k < want->beats && seen(ch, run_cycle(run, from + k)) <= run_cycle(want, k)) {
        k++;
    }
    return k;
}

/* The same for even runs in one clock or two. The left side minus the right is monotone in k unless the left side
 * is the slower one to grow, when k = 0 decides. */
static uint32_t prefix_of_even(const struct channel *ch, visible_fn *seen,
                               const struct channel_run *run, uint32_t from,
                               const struct channel_run *want)
{
    uint32_t low = 0; /* holds for every k < low */
    uint32_t high = want->beats;
    uint64_t start = run->first + (uint64_t)from * run->step;

    if (high == 1 || seen(ch, start + run->step) > want->first + want->step) {
        return 1; /* most often where the clocks differ */
    }
    if (seen(ch, start + (uint64_t)(high - 1) * run->step) <=
        want->first + (ch->wdom == ch->rdom ? (uint64_t)(high - 1) * want->step : 0)) {
        return high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (seen(ch, start + (uint64_t)middle * run->step) <=
            want->first + (uint64_t)middle * want->step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How many leading beats of `want` have what `run` gives from beat `from` on: seen by the other side (`seen`, from
 * one clock to the other) in time. */
static uint32_t prefix(const struct channel *ch, visible_fn *seen, unsigned side, unsigned other,
                       const struct channel_run *run, uint32_t from, const struct channel_run *want)
{
    struct channel_run there;

    if (want->beats == 0 || seen(ch, run_cycle(run, from)) > want->first) {
        return 0;
    }
    if (!want->more && !run->more) {
        return prefix_of_even(ch, seen, run, from, want);
    }
    if (seen_from(ch, run, from, side, other, &there) && run_alike(&there, want)) {
        return want->beats; /* this run sets the pace */
    }
    return prefix_of_uneven(ch, seen, run, from, want);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t channel_reserve_run(struct channel *ch, const struct channel_run *run)
{
    uint32_t most = run->beats;
    uint32_t got = smaller(ch->s.credits, most);

    if (ch->config.unlimited) {
        return most;
    }
    ch->s.credits -= got;
    while (got < most && ch->s.pop_head != ch->s.pop_tail) {
        const struct channel_run *p = &ch->pop[ch->s.pop_head & (ch->pops - 1)];
        struct channel_run want = run_from(run, got);
        uint32_t n;

        want.beats = smaller(most - got, p->beats - ch->s.returned);
        n = prefix(ch, channel_slot_visible, ch->rdom, ch->wdom, p, ch->s.returned, &want);
        got += n;
        ch->s.returned += n;
        if (ch->s.returned == p->beats) {
            ch->s.returned = 0;
            ch->s.pop_head++;
        }
        if (n < want.beats) {
            break;
        }
    }
    return got;
}

/* Of `here` beats of this burst, from its beat `from` on, those that can be popped in the cycles of `run` from `got`
 * on. */
static uint32_t visible_of(const struct channel *ch, const struct channel_burst *b, uint32_t from,
                           const struct channel_run *run, uint32_t got, uint32_t here)
{
    struct channel_run want = run_from(run, got);

    want.beats = here;
    return prefix(ch, channel_visible, ch->wdom, ch->rdom, &b->at, from, &want);
}

uint32_t channel_visible_run(const struct channel *ch, uint32_t skip, const struct channel_run *run)
{
    uint32_t from = ch->s.taken + skip;
    uint32_t got = 0;

    for (uint32_t i = ch->s.burst_head; i != ch->s.burst_tail && got < run->beats; i++) {
        const struct channel_burst *b = &ch->burst[i & (ch->bursts - 1)];

        if (from < b->at.beats) {
            uint32_t here = smaller(b->at.beats - from, run->beats - got);
            uint32_t n = channel_visible(ch, run_last(&b->at)) <= run->first
                             ? here
                             : visible_of(ch, b, from, run, got, here);

            got += n;
            if (n < here) {
                break;
            }
            from = b->at.beats;
        }
        if (b->flags & CHANNEL_LAST) {
            break;
        }
        from -= b->at.beats;
    }
    return got;
}

void channel_more_bursts(struct channel *ch)
{
    ch->burst = double_ring(ch->burst, &ch->bursts, sizeof *ch->burst, ch->s.burst_head);
}
