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
    return channel_visible(g->in, run_cycle(&g->head->at, g->in->s.taken));
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

/* Does `other`, which begins in the same cycle, set a slower pace than `run`? */
static bool holds_up(const struct channel_run *other, const struct channel_run *run)
{
    return other->first == run->first && other->beats > 1 && run_slower(other, run);
}

/* The cycles from `at` on in which the next beats, all of `g`, can be issued, as far as is known: at the lane's
 * interval, or as the input or the returning slots come if those set the pace, which limits the run to the beats or
 * slots that do: what comes after them may come sooner. An ideal lane takes what is there and looks again. */
static struct channel_run pace(struct lane *lane, uint64_t at, const struct segment *g,
                               struct account_reason *between)
{
    struct channel_run run = { .first = at, .beats = g->beats, .step = lane->s.job.interval };
    struct channel_run other;

    *between = (struct account_reason){ .state = ACCOUNT_STARVED };
    if (run.step == 0) {
        return run;
    }
    if (g->in && channel_arrivals(g->in, &other) && holds_up(&other, &run)) {
        other.beats = other.beats < run.beats ? other.beats : run.beats;
        run = other;
    }
    if (g->out && g->out->s.credits == 0 && channel_returns(g->out, &other) &&
        holds_up(&other, &run)) {
        other.beats = other.beats < run.beats ? other.beats : run.beats;
        run = other;
        between->state = ACCOUNT_BLOCKED;
        between->cause =
            (uint8_t)account_chain_end(lane->sched, g->out->config.reader, g->out->wdom, at);
    }
    return run;
}

/* How many beats can be popped in these cycles. Where the cycles between are to count as blocked, every
 * beat but the first must be visible as soon as the interval before it is over. */
static uint32_t visible_beats(const struct lane *lane, const struct channel *in,
                              const struct channel_run *run, uint8_t between)
{
    struct channel_run next = *run;

    if (between != ACCOUNT_BLOCKED || run->beats == 1) {
        return channel_visible_run(in, 0, run);
    }
    next.first += lane->s.job.interval;
    next.beats--;
    return 1 + channel_visible_run(in, 1, &next);
}

static void issue(struct lane *lane, const struct channel_run *run, const struct segment *g)
{
    struct lane_state *s = &lane->s;
    uint32_t slots = s->job.beats_in > s->job.beats_out ? s->job.beats_in : s->job.beats_out;
    bool last = s->slot + run->beats == slots;

    if (s->slot == 0) {
        s->first_cycle = run->first;
        s->delay = s->job.latency;
        if (s->job.beats_out && s->last_push > run->first + s->delay) {
            s->delay = (uint32_t)(s->last_push - run->first);
        }
    }
    if (g->in) {
        channel_pop(g->in, run);
        if (s->job.interval == 0) {
            g->in->s.read_free = run->first; /* ideal: takes no time on the port either */
        }
    }
    if (g->out) {
        struct channel_run push = *run;
        uint32_t flags =
            (s->slot == slots - s->job.beats_out ? CHANNEL_FIRST : 0u) | (last ? CHANNEL_LAST : 0u);

        push.first += s->delay;
        channel_push(g->out, &push, s->job.item, flags);
        s->last_push = run_last(&push) + (s->job.interval ? 1 : 0);
    }
    s->slot += run->beats;
    s->beats += run->beats;
    s->last_cycle = run_last(run);
    s->next_slot = s->last_cycle + s->job.interval;
}

static void enter_run(struct lane *lane, const struct channel_run *at, bool complete,
                      struct account_reason between)
{
    const struct lane_state *s = &lane->s;
    struct account_run run = { .at = *at,
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
        run = pace(lane, t.at, &g, &between);
        if (g.in) {
            run.beats = visible_beats(lane, g.in, &run, between.state);
        }
        if (g.out) {
            run.beats = channel_reserve_run(g.out, &run);
        }
        assert(run.beats > 0);
        issue(lane, &run, &g);
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
