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

            return channel_visible(ch, b->at.first + (uint64_t)last * b->at.step);
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
    return channel_slot_visible(ch, pops->first + (uint64_t)(pops->beats - 1) * pops->step);
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

    return channel_slot_visible(ch, p->first + (uint64_t)ch->s.returned * p->step);
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

            return channel_slot_visible(ch, p->first + (uint64_t)k * p->step);
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

typedef uint64_t visible_fn(const struct channel *ch, uint64_t cycle);

/* How many leading k < most have seen(run cycle from + k) <= first + k * step. The left side minus
 * the right is monotone in k unless the left side is the slower one to grow, when k = 0 decides. */
static uint32_t prefix(const struct channel *ch, visible_fn *seen, const struct channel_run *run,
                       uint32_t from, const struct channel_run *want)
{
    uint32_t low = 0; /* holds for every k < low */
    uint32_t high = want->beats;
    uint64_t start = run->first + (uint64_t)from * run->step;

    if (high == 0 || seen(ch, start) > want->first) {
        return 0;
    }
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

uint32_t channel_reserve_run(struct channel *ch, uint64_t first, uint32_t step, uint32_t most)
{
    uint32_t got = ch->s.credits < most ? ch->s.credits : most;

    if (ch->config.unlimited) {
        return most;
    }
    ch->s.credits -= got;
    while (got < most && ch->s.pop_head != ch->s.pop_tail) {
        const struct channel_run *p = &ch->pop[ch->s.pop_head & (ch->pops - 1)];
        struct channel_run want = { .first = first + (uint64_t)got * step, .step = step };
        uint32_t n;

        want.beats =
            most - got < p->beats - ch->s.returned ? most - got : p->beats - ch->s.returned;
        n = prefix(ch, channel_slot_visible, p, ch->s.returned, &want);
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

uint32_t channel_visible_run(const struct channel *ch, uint64_t first, uint32_t step, uint32_t most)
{
    const struct channel_burst *b = channel_head(ch);
    struct channel_run want = { .first = first, .step = step };

    want.beats = b->at.beats - ch->s.taken < most ? b->at.beats - ch->s.taken : most;
    return prefix(ch, channel_visible, &b->at, ch->s.taken, &want);
}

void channel_more_bursts(struct channel *ch)
{
    ch->burst = double_ring(ch->burst, &ch->bursts, sizeof *ch->burst, ch->s.burst_head);
}
