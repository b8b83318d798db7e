/* A lane: one issue slot of a pipeline.
 *
 * An item that a lane starts passes through it in m = max(beats in, beats out) slots:
 *   slot k pops the item's k-th input beat            if k < beats_in
 *          and pushes its (k - (m - beats_out))-th output beat if k >= m - beats_out,
 * so an item that grows gets its new beats at the end and one that shrinks loses its first ones.
 * Slot k is issued in cycle a(k), the first one for which
 *   a(k) >= a(k-1) + interval, the input beat is visible, and a slot of the output channel is free
 * (credit at entry: the room is taken when the beat enters, so nothing stalls inside). The output
 * beat is pushed in cycle a(k) + delay, where delay is the item's latency, or more if the previous
 * item's last beat would not have left by then: delay = max(latency, last push + 1 - a(0)).
 * The next item can start `tail` cycles after the cycle a(m-1) + interval.
 *
 * An ideal lane has interval 0: all that is there passes in one cycle, whole items too, and takes no
 * time on the channel's read port; the last push + 1 above is the last push itself. It is never busy
 * but in a tail: a cycle counts as what stopped it at the end. */
#ifndef ESPNIC_ENGINE_LANE_H
#define ESPNIC_ENGINE_LANE_H

#include "engine/account.h"
#include "engine/channel.h"

enum { LANE_NO_CHANNEL = 255 };

enum lane_start { LANE_START_FIRST, LANE_START_HEADER, LANE_START_LAST };

struct lane_job {
    uint32_t item;
    uint8_t in, out;              /* index of the channels, or LANE_NO_CHANNEL */
    uint32_t beats_in, beats_out; /* 0 without that channel */
    uint32_t interval;            /* cycles from beat to beat, 0 = ideal */
    uint32_t latency;             /* cycles from a beat's admission to its push */
    uint32_t tail;                /* cycles after the last beat before the next item */
};

struct lane_state {
    struct lane_job job; /* of the item in the lane; in an idle lane, of one that was looked at */
    bool active;
    uint32_t slot; /* next slot of the item */
    uint32_t delay;
    uint64_t next_slot;   /* first cycle in which `slot` may be issued */
    uint64_t next_start;  /* first cycle in which an item may start */
    uint64_t last_push;   /* cycle after the last push */
    uint64_t first_cycle; /* a(0) of the present or last item */
    uint64_t last_cycle;  /* a(m-1) of the last item */
    uint64_t last_exit;   /* cycle of its last push (or of its last slot, without output) */
    uint64_t items;       /* begun */
    uint64_t beats;
};

struct lane {
    struct sched *sched;
    unsigned block;
    struct channel **in; /* the block's channels */
    struct channel **out;
    struct lane_state s;
    struct account account;
};

void lane_init(struct lane *lane, struct sched *sched, unsigned block, struct channel **in,
               struct channel **out);
void lane_register_state(struct lane *lane, struct snapshot *snap);

/* Cycle from which the head item of `ch` may start under this rule, as far as input is concerned:
 * max of visibility and the channel's read port. CLOCK_NEVER if not yet known. */
static inline uint64_t lane_startable(const struct channel *ch, enum lane_start start,
                                      uint32_t header_beats)
{
    const struct channel_burst *b = channel_head(ch);
    uint64_t at;

    if (!b || ch->s.taken || !(b->flags & CHANNEL_FIRST)) {
        return CLOCK_NEVER; /* nothing, or the rest of an item that a lane is inside of */
    }
    at = start == LANE_START_FIRST
             ? channel_next_visible(ch)
             : channel_item_visible(ch, start == LANE_START_LAST ? UINT32_MAX : header_beats);
    return at < ch->s.read_free ? ch->s.read_free : at;
}

/* Issue further slots of the present item, as far as inputs and credits are known. True when the
 * item is complete. Call on every wake while active. */
bool lane_continue(struct lane *lane, uint64_t now);

/* Can all of the head item, whose first burst is `b`, be popped at now, now + interval, ...? (Else: perhaps.) */
static inline bool lane_all_visible(const struct channel *in, const struct channel_burst *b,
                                    uint64_t now, uint32_t interval)
{
    if (!(b->flags & CHANNEL_LAST)) {
        return channel_item_visible(in, UINT32_MAX) <= now;
    }
    if (in->wdom == in->rdom && run_longest_step(&b->at) <= interval) {
        return b->at.first < now;
    }
    return channel_visible(in, run_last(&b->at)) <= now;
}

/* The common case: all of the item, whose first burst is `b`, is there, there is room for all of it, and nothing
 * sets another pace. Then one run covers all slots: see lane_pass(). */
static inline bool lane_can_pass(const struct lane *lane, const struct channel_burst *b,
                                 uint64_t now)
{
    const struct lane_job *j = &lane->s.job;
    struct channel *out;

    if (j->interval == 0 || !lane_all_visible(lane->in[j->in], b, now, j->interval)) {
        return false;
    }
    if (j->beats_out == 0) {
        return true;
    }
    out = lane->out[j->out];
    return out->s.credits >= j->beats_out || channel_room(out, now) >= j->beats_out;
}

/* Start an item for which lane_can_pass() holds: the same result as lane_begin(), in fewer steps. */
static inline void lane_pass(struct lane *lane, uint64_t now)
{
    struct lane_state *s = &lane->s;
    const struct lane_job *j = &s->job;
    uint64_t step = j->interval;
    uint32_t slots = j->beats_in > j->beats_out ? j->beats_in : j->beats_out;
    uint64_t last = now + (slots - 1) * step;
    uint64_t exit = last;

    channel_pop_item(lane->in[j->in], now, j->interval);
    s->delay = j->latency;
    if (j->beats_out) {
        struct channel_run run = { .beats = j->beats_out, .step = j->interval };

        if (s->last_push > now + j->latency) {
            s->delay = (uint32_t)(s->last_push - now);
        }
        exit += s->delay;
        run.first = exit - (run.beats - 1) * step;
        channel_reserve(lane->out[j->out], run.beats);
        channel_push(lane->out[j->out], &run, j->item, CHANNEL_FIRST | CHANNEL_LAST);
        s->last_push = exit + 1;
    }
    account_pass(&lane->account, now, slots, j->interval, j->tail);
    s->slot = slots;
    s->beats += slots;
    s->items++;
    s->first_cycle = now;
    s->last_cycle = last;
    s->last_exit = exit;
    s->next_slot = last + step;
    s->next_start = last + step + j->tail;
}

/* Start the item of lane->s.job in cycle `now`. The caller has seen that the lane is idle, the item is
 * startable, and (with output) a slot is free for slot 0 if that one pushes. Then issue what can be
 * issued. */
void lane_begin(struct lane *lane, uint64_t now);

/* Does slot 0 of such an item need room in the output? */
static inline bool lane_pushes_first(const struct lane_job *job)
{
    return job->out != LANE_NO_CHANNEL && job->beats_out >= job->beats_in;
}

#endif
