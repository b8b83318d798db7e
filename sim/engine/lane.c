#include "engine/lane.h"

#include <assert.h>
#include <string.h>

void lane_init(struct lane *lane, struct sched *sched, unsigned block, struct channel **in,
               struct channel **out)
{
    memset(lane, 0, sizeof *lane);
    lane->sched = sched;
    lane->block = block;
    lane->in = in;
    lane->out = out;
    lane->account.idle.state = ACCOUNT_STARVED;
    lane->account.before.state = ACCOUNT_STARVED;
}

void lane_register_state(struct lane *lane, struct snapshot *snap)
{
    snapshot_fixed(snap, "lane.state", &lane->s, sizeof lane->s);
    /* by_cause points to counters registered by their block: keep it out of the region */
    snapshot_fixed(snap, "lane.account", &lane->account, offsetof(struct account, by_cause));
}

/* What the next slots need, all of the same kind: how many they are, input beats, output beats. */
struct segment {
    uint32_t beats;
    struct channel *in;               /* NULL: they pop nothing */
    const struct channel_burst *head; /* of `in`: it holds the next beat; NULL: nothing is there */
    struct channel *out;              /* NULL: they push nothing */
};

static struct segment next_segment(const struct lane *lane)
{
    const struct lane_state *s = &lane->s;
    const struct lane_job *j = &s->job;
    uint32_t slots = j->beats_in > j->beats_out ? j->beats_in : j->beats_out;
    uint32_t skip = slots - j->beats_out;
    struct segment g = { .beats = slots - s->slot };

    if (s->slot < j->beats_in) {
        g.beats = j->beats_in - s->slot;
        g.in = lane->in[j->in];
        g.head = channel_head(g.in);
    }
    if (s->slot >= skip) {
        g.out = lane->out[j->out];
    } else if (skip - s->slot < g.beats) {
        g.beats = skip - s->slot;
    }
    return g;
}

/* When the next input beat can be popped. */
static uint64_t next_visible(const struct segment *g)
{
    return channel_visible(g->in,
                           g->head->at.first + (uint64_t)g->in->s.taken * g->head->at.step);
}

/* When the next slot can be issued, and what holds it until then. */
struct slot_time {
    uint64_t at;      /* CLOCK_NEVER if not known */
    uint64_t visible; /* of the input beat; 0 if none is needed */
    struct account_reason why;
};

static struct slot_time slot_time(struct lane *lane, uint64_t now, const struct segment *g)
{
    const struct lane_state *s = &lane->s;
    struct slot_time t = { .at = s->next_slot > now ? s->next_slot : now,
                           .why = { .state = ACCOUNT_STARVED } };

    if (g->in) {
        t.visible = g->head ? next_visible(g) : CLOCK_NEVER;
        if (t.visible > t.at) {
            t.at = t.visible;
        }
        if (t.visible == CLOCK_NEVER) {
            return t;
        }
    }
    if (g->out) {
        uint64_t slot = channel_next_slot(g->out, now);

        if (slot > t.at) {
            t.at = slot;
            t.why.state = ACCOUNT_BLOCKED;
            t.why.cause =
                (uint8_t)account_chain_end(lane->sched, g->out->config.reader, g->out->wdom, now);
        }
    }
    return t;
}

/* The distance at which the next beats can be issued: the lane's interval, or that of the input or
 * of the returning slots if those set the pace from cycle `at` on, which limits the run to the slots
 * that do (`most`). An ideal lane takes what is there and looks again. */
static uint32_t pace(struct lane *lane, uint64_t at, const struct segment *g,
                     struct account_reason *between, uint32_t *most)
{
    const struct lane_state *s = &lane->s;
    uint32_t step = s->job.interval;

    *between = (struct account_reason){ .state = ACCOUNT_STARVED };
    if (step == 0) {
        return 0;
    }
    if (g->in) {
        const struct channel *in = g->in;
        const struct channel_run *run = &g->head->at;

        if (in->wdom == in->rdom && run->step > step && in->s.taken + 1 < run->beats &&
            next_visible(g) == at) {
            step = run->step;
        }
    }
    if (g->out) {
        const struct channel *out = g->out;

        if (out->wdom == out->rdom && out->s.credits == 0 && out->s.pop_head != out->s.pop_tail) {
            const struct channel_run *p = &out->pop[out->s.pop_head & (out->pops - 1)];

            if (p->step > step && out->s.returned + 1 < p->beats &&
                p->first + (uint64_t)out->s.returned * p->step + 1 == at) {
                step = p->step;
                *most = p->beats - out->s.returned < *most ? p->beats - out->s.returned : *most;
                between->state = ACCOUNT_BLOCKED;
                between->cause =
                    (uint8_t)account_chain_end(lane->sched, out->config.reader, out->wdom, at);
            }
        }
    }
    return step;
}

/* How many beats can be popped at this pace. Where the cycles between are to count as blocked, every
 * beat but the first must be visible as soon as the interval before it is over. */
static uint32_t visible_beats(const struct lane *lane, const struct channel *in, uint64_t at,
                              uint32_t step, uint8_t between, uint32_t most)
{
    uint32_t idle = step - lane->s.job.interval;
    uint32_t beats;

    if (between != ACCOUNT_BLOCKED) {
        return channel_visible_run(in, at, step, most);
    }
    beats = at < idle ? 0 : channel_visible_run(in, at - idle, step, most);
    return beats ? beats : 1;
}

static void issue(struct lane *lane, uint64_t at, uint32_t step, uint32_t beats,
                  const struct segment *g)
{
    struct lane_state *s = &lane->s;
    struct channel_run run = { .first = at, .beats = beats, .step = step };
    uint32_t slots = s->job.beats_in > s->job.beats_out ? s->job.beats_in : s->job.beats_out;
    bool last = s->slot + beats == slots;

    if (s->slot == 0) {
        s->first_cycle = at;
        s->delay = s->job.latency;
        if (s->job.beats_out && s->last_push > at + s->delay) {
            s->delay = (uint32_t)(s->last_push - at);
        }
    }
    if (g->in) {
        channel_pop(g->in, &run);
        if (s->job.interval == 0) {
            g->in->s.read_free = at; /* ideal: takes no time on the port either */
        }
    }
    if (g->out) {
        struct channel_run push = { .first = at + s->delay, .beats = beats, .step = step };
        uint32_t flags =
            (s->slot == slots - s->job.beats_out ? CHANNEL_FIRST : 0u) | (last ? CHANNEL_LAST : 0u);

        channel_push(g->out, &push, s->job.item, flags);
        s->last_push = push.first + (uint64_t)(beats - 1) * step + (s->job.interval ? 1 : 0);
    }
    s->slot += beats;
    s->beats += beats;
    s->last_cycle = at + (uint64_t)(beats - 1) * step;
    s->next_slot = s->last_cycle + s->job.interval;
}

static void enter_run(struct lane *lane, const struct channel_run *at, bool complete,
                      struct account_reason between)
{
    const struct lane_state *s = &lane->s;
    struct account_run run = { .first = at->first,
                               .beats = at->beats,
                               .step = at->step,
                               .busy = s->job.interval,
                               .tail = complete ? s->job.tail : 0,
                               .between = between,
                               .after = { .state = ACCOUNT_STARVED } };

    account_add(&lane->account, &run);
}

static void finish(struct lane *lane)
{
    struct lane_state *s = &lane->s;

    s->active = false;
    s->next_start = s->next_slot + s->job.tail;
    s->last_exit = s->job.beats_out ? s->last_cycle + s->delay : s->last_cycle;
}

bool lane_continue(struct lane *lane, uint64_t now)
{
    struct lane_state *s = &lane->s;
    uint32_t slots = s->job.beats_in > s->job.beats_out ? s->job.beats_in : s->job.beats_out;

    while (s->slot < slots) {
        struct segment g = next_segment(lane);
        struct slot_time t = slot_time(lane, now, &g);
        uint64_t idle_from = s->next_slot > now ? s->next_slot : now;
        struct account_reason between;
        struct channel_run run;
        uint32_t step;
        uint32_t beats;

        if (t.why.state == ACCOUNT_BLOCKED && t.visible > idle_from) {
            /* starved first, blocked later: look again when the beat is there */
            t.why = (struct account_reason){ .state = ACCOUNT_STARVED };
            t.at = CLOCK_NEVER;
            sched_wake(lane->sched, lane->block, t.visible);
        }
        if (t.at > idle_from) {
            account_after(&lane->account, now, t.why);
        }
        if (t.at == CLOCK_NEVER) {
            return false;
        }
        if (s->job.interval == 0 && t.at > now) {
            sched_wake(lane->sched, lane->block, t.at); /* ideal lanes commit nothing ahead */
            return false;
        }
        if (account_full(&lane->account)) {
            account_settle(&lane->account, now);
        }
        if (account_full(&lane->account)) {
            sched_wake(lane->sched, lane->block, t.at > now ? t.at : now + 1);
            return false;
        }
        beats = g.beats;
        step = pace(lane, t.at, &g, &between, &beats);
        if (g.in) {
            beats = visible_beats(lane, g.in, t.at, step, between.state, beats);
        }
        if (g.out) {
            beats = channel_reserve_run(g.out, t.at, step, beats);
        }
        assert(beats > 0);
        issue(lane, t.at, step, beats, &g);
        run = (struct channel_run){ .first = t.at, .beats = beats, .step = step };
        enter_run(lane, &run, s->slot == slots, between);
    }
    finish(lane);
    return true;
}

void lane_begin(struct lane *lane, uint64_t now)
{
    struct lane_state *s = &lane->s;

    assert(!s->active);
    if (lane_can_pass(lane, channel_head(lane->in[s->job.in]), now)) {
        lane_pass(lane, now);
        return;
    }
    s->active = true;
    s->slot = 0;
    s->next_slot = now;
    s->items++;
    account_close(&lane->account);
    lane_continue(lane, now);
}
