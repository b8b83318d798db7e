/* Where the cycles of one issue slot went.
 *
 * Every cycle is exactly one of: busy (admits a beat, or is inside an initiation interval),
 * blocked by X (has a packet, X has no room), waiting for Y (has a packet, Y has not answered),
 * starved (nothing to do). The four add up to the cycles of the observed span, as integers.
 * Work is committed ahead of the present as runs of beats, so a run is entered once and counted in
 * closed form; account_settle() may cut one anywhere. */
#ifndef ESPNIC_ENGINE_ACCOUNT_H
#define ESPNIC_ENGINE_ACCOUNT_H

#include <assert.h>

#include "engine/run.h"
#include "engine/sched.h"

enum account_state {
    ACCOUNT_BUSY,
    ACCOUNT_BLOCKED,
    ACCOUNT_WAITING,
    ACCOUNT_STARVED,
    ACCOUNT_STATES
};

enum { ACCOUNT_RUNS = 16 };

/* Why a slot idles: the state and, for blocked and waiting, the block that is the cause. */
struct account_reason {
    uint8_t state;
    uint8_t cause; /* block number */
};

struct account_run {
    struct channel_run at;         /* its beats */
    uint32_t busy;                 /* cycles a beat keeps the slot, <= step unless beats is 1 */
    uint32_t tail;                 /* further busy cycles after the last beat */
    struct account_reason between; /* cycles of a step that are not busy */
    struct account_reason after;   /* until something else is known */
};

struct account {
    uint64_t total[ACCOUNT_STATES];
    uint64_t settled; /* cycles before this one are in the totals */
    struct account_run run[ACCOUNT_RUNS];
    uint8_t runs;
    struct account_reason idle;   /* from `settled`, when no run covers it */
    struct account_reason before; /* the reason until idle_since: what others saw a cycle ago */
    uint64_t idle_since;
    uint64_t *by_cause[2]; /* [blocked, waiting][block number]; shared by a block's slots */
};

/* Count every cycle before `cycle`. */
void account_settle(struct account *a, uint64_t cycle);

/* The cause of `cycles` that count as blocked or waiting. */
void account_blame(struct account *a, struct account_reason reason, uint64_t cycles);

/* Enter committed work; its first cycle is not before the end of the last run. */
static inline void account_add(struct account *a, const struct account_run *run)
{
    assert(a->runs < ACCOUNT_RUNS);
    assert(run->at.first >= a->settled);
    if (run->busy == 0 && run->tail == 0 && (run->at.step == 0 || run->at.beats == 1)) {
        return; /* an ideal block takes no time */
    }
    a->run[a->runs++] = *run;
}

static inline bool account_same(struct account_reason a, struct account_reason b)
{
    return a.state == b.state && a.cause == b.cause;
}

/* Why the slot idles when all that was entered is over, as far as has been said. */
static inline struct account_reason account_rest(const struct account *a)
{
    return a->runs ? a->run[a->runs - 1].after : a->idle;
}

/* For account_idle: the reason is another one. */
void account_idle_anew(struct account *a, uint64_t cycle, struct account_reason reason);

/* From `cycle` on the slot idles for this reason; ignored inside committed work. */
static inline void account_idle(struct account *a, uint64_t cycle, struct account_reason reason)
{
    if (!account_same(account_rest(a), reason)) {
        account_idle_anew(a, cycle, reason);
    }
}

/* The reason that holds from the end of the committed work (or from `cycle`, if there is none). */
void account_after(struct account *a, uint64_t cycle, struct account_reason reason);

/* Count what was committed, all of which is over by now; what idled since is left for later. The same as
 * account_settle() up to the end of the last run. */
static inline void account_close(struct account *a)
{
    const struct account_run *r = &a->run[0];
    uint64_t busy = (uint64_t)(r->at.beats - 1) * r->at.step + r->busy + r->tail;

    if (a->runs == 0) {
        return;
    }
    if (a->runs > 1 || a->settled > r->at.first || r->busy < r->at.step || r->at.more) {
        r = &a->run[a->runs - 1];
        account_settle(a, run_last(&r->at) + r->busy + r->tail);
        return;
    }
    a->total[a->idle.state] += r->at.first - a->settled;
    if (a->idle.state == ACCOUNT_BLOCKED || a->idle.state == ACCOUNT_WAITING) {
        account_blame(a, a->idle, r->at.first - a->settled);
    }
    a->total[ACCOUNT_BUSY] += busy;
    a->settled = r->at.first + busy;
    a->before = (struct account_reason){ .state = ACCOUNT_BUSY };
    a->idle = r->after;
    a->idle_since = a->settled;
    a->runs = 0;
}

/* Count what was committed, all of which is over by now, and enter a run without gaps: `beats` of `step`
 * busy cycles each, and a tail. */
static inline void account_pass(struct account *a, uint64_t first, uint32_t beats, uint32_t step,
                                uint32_t tail)
{
    struct account_run *r = &a->run[0];

    account_close(a);
    assert(first >= a->settled);
    r->at = (struct channel_run){ .first = first, .beats = beats, .step = step };
    r->busy = step;
    r->tail = tail;
    r->between = (struct account_reason){ .state = ACCOUNT_STARVED };
    r->after = (struct account_reason){ .state = ACCOUNT_STARVED };
    a->runs = 1;
}

/* Room for another run? */
static inline bool account_full(const struct account *a)
{
    return a->runs == ACCOUNT_RUNS;
}

/* What the slot did in the cycle before `cycle`, by what is known now. */
struct account_reason account_seen(const struct account *a, uint64_t cycle);

/* Make the slots of a block visible to account_chain_end(). */
void account_publish(struct sched *sched, unsigned block, const struct account *first,
                     size_t stride, unsigned count);

/* Who is the cause when `block` takes nothing in cycle `now` of `domain`: the block itself if one of its slots
 * was busy or starved in the cycle before, else the cause that its first slot gave. Causes are thus
 * ends of chains of full channels, as they stood when the stall was foreseen: a lane that commits ahead
 * may see it coming. Only the cause, never a cycle, depends on when that was. */
unsigned account_chain_end(const struct sched *sched, unsigned block, unsigned domain,
                           uint64_t now);

#endif
