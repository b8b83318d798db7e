/* Channels: what blocks hand to each other.
 *
 * A channel carries items (packets) as beats, at most one beat a cycle each way. Its meaning is that
 * of a valid/ready FIFO of `depth` beats with registered flags: a beat pushed in cycle t can be
 * popped from t+1; a slot freed by a pop in cycle t can be pushed into from t+1. Across clock
 * domains both become the `sync`-th edge of the other side strictly after the event.
 *
 * Beats are moved in *bursts*: runs (run.h) of beats of one item. A burst is committed
 * when it is pushed or popped: its later beats may lie in the future, but can no longer change.
 * Cost follows bursts; only a stall splits one. */
#ifndef ESPNIC_ENGINE_CHANNEL_H
#define ESPNIC_ENGINE_CHANNEL_H

#include <assert.h>

#include "engine/run.h"
#include "engine/sched.h"

enum { CHANNEL_FIRST = 1, CHANNEL_LAST = 2 }; /* burst holds the item's first, last beat */

struct channel_burst {
    struct channel_run at; /* cycles of the pushes, writer's domain */
    uint32_t item;
    uint32_t flags;
};

/* When the reader's block is to be woken by a push. */
enum channel_wake { CHANNEL_WAKE_FIRST, CHANNEL_WAKE_LAST };

struct channel_config {
    const char *name;
    unsigned depth;          /* beats, >= 2 */
    unsigned sync;           /* edges, >= 1; only used between different domains */
    unsigned writer, reader; /* block numbers */
    enum channel_wake wake;  /* LAST: the reader never starts before the item's last beat */
    bool unlimited;          /* a queue outside the modelled card (test source, host memory) */
};

/* What the reader's block has in front of it, one for all inputs of a stage. */
struct channel_gate {
    uint64_t filled; /* bit i: its input i holds a burst */
    uint64_t floor;  /* pushes need not wake it before this cycle */
};

struct channel_state {
    uint32_t burst_head, burst_tail; /* free-running; index modulo ring size */
    uint32_t taken;                  /* beats of the head burst already popped */
    uint32_t pop_head, pop_tail;
    uint32_t returned;       /* slots of the head pop-run already taken as credit */
    uint32_t credits;        /* slots that the writer may use now */
    uint32_t writer_waits;   /* wake the writer when a slot comes back */
    uint64_t read_free;      /* first cycle in which the read port is free */
    uint64_t pushed, popped; /* beats, committed */
    uint64_t items;          /* last beats pushed */
};

struct channel {
    struct sched *sched;
    struct channel_config config;
    unsigned wdom, rdom;
    size_t bursts, pops; /* ring sizes: powers of two, grown when needed */
    struct channel_burst *burst;
    struct channel_run *pop; /* cycles of the pops, reader's domain */
    struct channel_state s;
    struct channel_gate own_gate; /* of a reader that is no stage */
    struct channel_gate *gate;
    uint64_t gate_bit;
    /* Test hook: every committed run, as it is committed. */
    void (*probe)(void *self, const struct channel *ch, bool push, const struct channel_run *run);
    void *probe_self;
};

void channel_init(struct channel *ch, struct sched *sched, const struct channel_config *config);
void channel_free(struct channel *ch);
/* From now on the channel is input `index` (below 64) of a reader with several. */
void channel_set_gate(struct channel *ch, struct channel_gate *gate, unsigned index);
void channel_register_state(struct channel *ch, struct snapshot *snap);

/* Reader's cycle in which a beat pushed in writer's cycle `c` can be popped. */
static inline uint64_t channel_visible(const struct channel *ch, uint64_t c)
{
    if (ch->wdom == ch->rdom) {
        return c + 1;
    }
    return clock_edge_after(ch->sched->clocks, ch->wdom, c, ch->rdom, ch->config.sync);
}

/* Writer's cycle in which a slot freed in reader's cycle `c` can be used. */
static inline uint64_t channel_slot_visible(const struct channel *ch, uint64_t c)
{
    if (ch->wdom == ch->rdom) {
        return c + 1;
    }
    return clock_edge_after(ch->sched->clocks, ch->rdom, c, ch->wdom, ch->config.sync);
}

/* ---- reader ------------------------------------------------------------------------------ */

/* The burst that holds the next beat, or NULL. */
static inline const struct channel_burst *channel_head(const struct channel *ch)
{
    return ch->s.burst_head == ch->s.burst_tail ? NULL
                                                : &ch->burst[ch->s.burst_head & (ch->bursts - 1)];
}

/* Cycle from which the next beat can be popped; CLOCK_NEVER if none has been pushed. */
static inline uint64_t channel_next_visible(const struct channel *ch)
{
    const struct channel_burst *b = channel_head(ch);

    return b ? channel_visible(ch, run_cycle(&b->at, ch->s.taken)) : CLOCK_NEVER;
}

/* Cycle from which `need` beats of the head item (or its last, if it has fewer) can be popped; the
 * item must be untouched. CLOCK_NEVER if they have not been pushed yet. */
uint64_t channel_item_visible(const struct channel *ch, uint32_t need);

/* For channel_give_back: the ring of pops is full; the writer waits for a slot. */
void channel_more_pops(struct channel *ch) __attribute__((cold));
void channel_wake_writer(struct channel *ch, const struct channel_run *run);

/* For channel_pop: the slots of these beats are free from then on. */
static inline void channel_give_back(struct channel *ch, const struct channel_run *run)
{
    if (ch->config.unlimited) {
        return;
    }
    if (ch->s.pop_tail - ch->s.pop_head == ch->pops) {
        channel_more_pops(ch);
    }
    ch->pop[ch->s.pop_tail++ & (ch->pops - 1)] = *run;
    if (ch->s.writer_waits) {
        channel_wake_writer(ch, run);
    }
}

/* For channel_probe: there is one. */
void channel_tell_probe(struct channel *ch, bool push, const struct channel_run *run)
    __attribute__((cold));

/* Probes see the item that is popped as the head. */
static inline void channel_probe(struct channel *ch, bool push, const struct channel_run *run)
{
    if (ch->probe) {
        channel_tell_probe(ch, push, run);
    }
}

/* For channel_pop: these beats have been taken off the bursts; the read port is free again from cycle `port` on. */
static inline void channel_popped(struct channel *ch, const struct channel_run *run, uint64_t port)
{
    if (ch->s.burst_head == ch->s.burst_tail) {
        ch->gate->filled &= ~ch->gate_bit;
    }
    ch->s.popped += run->beats;
    ch->s.read_free = port;
    channel_give_back(ch, run);
}

/* For channel_pop: the run goes on beyond the head burst. */
void channel_take_bursts(struct channel *ch, uint32_t beats);

/* Pop `run->beats` beats, all of the head item. */
static inline void channel_pop(struct channel *ch, const struct channel_run *run)
{
    const struct channel_burst *b = &ch->burst[ch->s.burst_head & (ch->bursts - 1)];
    uint32_t taken = ch->s.taken + run->beats;

    assert(ch->s.burst_head != ch->s.burst_tail);
    channel_probe(ch, false, run);
    if (taken < b->at.beats) {
        ch->s.taken = taken;
    } else if (taken == b->at.beats) {
        ch->s.taken = 0;
        ch->s.burst_head++;
    } else {
        channel_take_bursts(ch, run->beats);
    }
    channel_popped(ch, run, run_last(run) + (run->step || run->beats == 1));
}

/* For channel_pop_item: the item has several bursts, or was popped in part. */
void channel_pop_bursts(struct channel *ch, uint64_t first, uint32_t step);

/* Pop what is left of the head item, all of whose beats are visible by then, at cycles first, first + step, ...
 * (step >= 1). */
static inline void channel_pop_item(struct channel *ch, uint64_t first, uint32_t step)
{
    const struct channel_burst *b = &ch->burst[ch->s.burst_head & (ch->bursts - 1)];
    struct channel_run run = { .first = first, .beats = b->at.beats, .step = step };

    if (ch->s.taken || !(b->flags & CHANNEL_LAST)) {
        channel_pop_bursts(ch, first, step);
    } else {
        channel_probe(ch, false, &run);
        ch->s.burst_head++;
        channel_popped(ch, &run, first + (uint64_t)(run.beats - 1) * step + 1);
    }
}

/* ---- writer ------------------------------------------------------------------------------ */

/* Slots that can be used in cycle `now` (writer's domain). */
uint32_t channel_room(struct channel *ch, uint64_t now);

/* Cycle in which at least `need` slots can be used: `now` or later if the reader's pops are known,
 * CLOCK_NEVER if not (the writer will be woken then). */
uint64_t channel_room_at(struct channel *ch, uint64_t now, uint32_t need);

/* Take `beats` of the slots that channel_room() showed. */
static inline void channel_reserve(struct channel *ch, uint32_t beats)
{
    if (!ch->config.unlimited) {
        ch->s.credits -= beats;
    }
}

/* For channel_next_slot: there is no credit left. */
uint64_t channel_next_return(struct channel *ch, uint64_t now);

/* First cycle in which one more slot can be used, 0 if there is one now; CLOCK_NEVER if the reader's
 * next pop is not known. */
static inline uint64_t channel_next_slot(struct channel *ch, uint64_t now)
{
    return ch->s.credits > 0 ? 0 : channel_next_return(ch, now);
}

/* When the slots that have not been taken as credit come back, as far as one run of pops gives them, in the
 * writer's cycles. False if there is none, or it is no run there. */
bool channel_returns(const struct channel *ch, struct channel_run *back);

/* When the beats of the head burst can be popped; the same with them. */
bool channel_arrivals(const struct channel *ch, struct channel_run *seen);

/* Take slots for these beats as long as each slot is back by then; at least one if the first one is not before
 * channel_next_slot(). Slots whose return is committed for the future count. Returns the number taken. */
uint32_t channel_reserve_run(struct channel *ch, const struct channel_run *run);

/* How many beats of the head item, from the `skip`-th that is left on, can be popped at these cycles. However the
 * writer had to split them: what has waited goes on in one piece. */
uint32_t channel_visible_run(const struct channel *ch, uint32_t skip,
                             const struct channel_run *run);

/* For channel_push: the ring of bursts is full. */
void channel_more_bursts(struct channel *ch) __attribute__((cold));

/* Push a run whose slots have been reserved. */
static inline void channel_push(struct channel *ch, const struct channel_run *run, uint32_t item,
                                uint32_t flags)
{
    uint64_t seen = run->first;

    assert(run->beats > 0);
    if (ch->s.burst_tail - ch->s.burst_head == ch->bursts) {
        channel_more_bursts(ch);
    }
    ch->burst[ch->s.burst_tail++ & (ch->bursts - 1)] =
        (struct channel_burst){ .at = *run, .item = item, .flags = flags };
    ch->gate->filled |= ch->gate_bit;
    ch->s.pushed += run->beats;
    ch->s.items += (flags & CHANNEL_LAST) != 0;
    channel_probe(ch, true, run);
    if (ch->config.wake == CHANNEL_WAKE_LAST) {
        if (!(flags & CHANNEL_LAST)) {
            return;
        }
        seen = run_last(run);
    }
    seen = channel_visible(ch, seen);
    sched_wake(ch->sched, ch->config.reader, seen > ch->gate->floor ? seen : ch->gate->floor);
}

/* Beats pushed and not popped, by what is committed. */
static inline uint64_t channel_beats(const struct channel *ch)
{
    return ch->s.pushed - ch->s.popped;
}

#endif
