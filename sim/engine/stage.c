#include "engine/stage.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

static void wake_single(void *self, uint64_t now);
static void wake_many(void *self, uint64_t now);

void stage_init(struct stage *st, struct sched *sched, const struct stage_config *config)
{
    assert(config->lanes >= 1 && config->lanes <= STAGE_MAX_LANES);
    memset(st, 0, sizeof *st);
    st->sched = sched;
    st->config = *config;
    st->block = sched_add_block(sched, config->name, config->domain,
                                config->lanes == 1 ? wake_single : wake_many, st);
    st->lane = must(calloc(config->lanes, sizeof *st->lane));
    for (unsigned l = 0; l < config->lanes; l++) {
        lane_init(&st->lane[l], sched, st->block, st->in, st->out);
        st->lane[l].account.by_cause[0] = st->by_cause[0];
        st->lane[l].account.by_cause[1] = st->by_cause[1];
    }
    account_publish(sched, st->block, &st->lane[0].account, sizeof st->lane[0], config->lanes);
}

void stage_free(struct stage *st)
{
    free(st->lane);
    memset(st, 0, sizeof *st);
}

void stage_register_state(struct stage *st, struct snapshot *snap)
{
    snapshot_fixed(snap, "stage.state", &st->s, sizeof st->s);
    snapshot_fixed(snap, "stage.by_cause", st->by_cause, sizeof st->by_cause);
    for (unsigned l = 0; l < st->config.lanes; l++) {
        lane_register_state(&st->lane[l], snap);
    }
}

unsigned stage_input(struct stage *st, struct channel *ch)
{
    assert(st->inputs < STAGE_MAX_PORTS);
    st->in[st->inputs] = ch;
    channel_set_gate(ch, &st->s.gate, st->inputs);
    return st->inputs++;
}

unsigned stage_output(struct stage *st, struct channel *ch)
{
    assert(st->outputs < STAGE_MAX_LANES);
    st->out[st->outputs] = ch;
    return st->outputs++;
}

/* What came of looking for work for a lane, if there is none. */
struct outlook {
    struct account_reason reason;
    uint64_t again; /* when to look again, as far as known */
};

static inline void earlier(uint64_t *at, uint64_t candidate)
{
    if (candidate < *at) {
        *at = candidate;
    }
}

static inline uint64_t startable(const struct stage *st, unsigned input)
{
    return lane_startable(st->in[input], st->config.start, st->config.header_beats);
}

static bool is_ready(struct stage *st, uint32_t item, uint64_t now, struct outlook *o)
{
    unsigned cause = st->block;
    uint64_t again = CLOCK_NEVER;

    if (st->config.ops.ready(st->config.self, now, item, &cause, &again)) {
        return true;
    }
    earlier(&o->again, again);
    if (o->reason.state == ACCOUNT_STARVED) {
        o->reason = (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)cause };
    }
    return false;
}

static void note_blocked(struct stage *st, const struct channel *out, uint64_t slot, uint64_t now,
                         struct outlook *o)
{
    earlier(&o->again, slot);
    if (o->reason.state != ACCOUNT_BLOCKED) {
        o->reason.state = ACCOUNT_BLOCKED;
        o->reason.cause =
            (uint8_t)account_chain_end(st->sched, out->config.reader, st->config.domain, now);
    }
}

static void note_port(struct stage *st, struct outlook *o)
{
    earlier(&o->again, st->s.port_free);
    if (o->reason.state == ACCOUNT_STARVED) {
        o->reason =
            (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)st->block };
    }
}

/* Can this lane start the head item of this input now? Its job is then in the lane. If not, note why and
 * when to look again. */
static inline bool consider(struct stage *st, unsigned lane, unsigned input, uint64_t now,
                            struct outlook *o)
{
    const struct stage_ops *ops = &st->config.ops;
    struct lane_job *job = &st->lane[lane].s.job;
    uint64_t at = startable(st, input);
    uint64_t slot;

    if (at > now) {
        earlier(&o->again, at);
        return false;
    }
    *job = (struct lane_job){ .item = channel_head(st->in[input])->item, .in = (uint8_t)input };
    if (ops->steer) {
        uint32_t to = ops->steer(st->config.self, job->item);

        if (to != STAGE_ANY_LANE && to != lane) {
            return false;
        }
    }
    if (ops->accepts && !ops->accepts(st->config.self, lane, job->item)) {
        return false;
    }
    if (ops->ready && !is_ready(st, job->item, now, o)) {
        return false;
    }
    ops->job(st->config.self, now, lane, job);
    if (lane_pushes_first(job)) {
        slot = channel_next_slot(st->out[job->out], now);
        if (slot > now) {
            note_blocked(st, st->out[job->out], slot, now, o);
            return false;
        }
    }
    if (st->s.port_free > now) {
        note_port(st, o);
        return false;
    }
    return true;
}

/* In the order of the arbitration: the inputs from the one whose turn it is on, then those before it. */
static inline bool choose(struct stage *st, unsigned lane, uint64_t now, struct outlook *o)
{
    uint64_t filled = st->s.gate.filled;
    uint64_t before = st->config.arbitration == STAGE_PRIORITY ? 0 : (1ull << st->s.next_input) - 1;
    uint64_t part;

    o->reason = (struct account_reason){ .state = ACCOUNT_STARVED };
    o->again = CLOCK_NEVER;
    if (st->config.arbitration == STAGE_FIRST_THEN_ROUND) {
        if ((filled & 1) && consider(st, lane, 0, now, o)) {
            return true;
        }
        filled &= ~1ull;
    }
    part = filled & ~before;
    for (;;) {
        for (; part; part &= part - 1) {
            if (consider(st, lane, (unsigned)__builtin_ctzll(part), now, o)) {
                return true;
            }
        }
        part = filled & before;
        if (!part) {
            return false;
        }
        before = 0;
    }
}

static inline void complete(struct stage *st, unsigned lane)
{
    if (st->trace) {
        st->trace(st->trace_self, st, &st->lane[lane].s);
    }
    if (st->config.ops.done) {
        st->config.ops.done(st->config.self, lane, &st->lane[lane].s);
    }
}

/* The lane takes the item of its job. */
static inline void take(struct stage *st, unsigned lane, uint64_t now)
{
    const struct lane_job *job = &st->lane[lane].s.job;

    if (job->in || st->config.arbitration != STAGE_FIRST_THEN_ROUND) {
        st->s.next_input = job->in + 1u < st->inputs ? job->in + 1u : 0;
    }
    if (st->config.port_interval) {
        st->s.port_free = now + st->config.port_interval;
    }
    if (st->config.ops.begin) {
        st->config.ops.begin(st->config.self, now, lane, job);
    }
}

static inline void begin(struct stage *st, unsigned lane, uint64_t now)
{
    take(st, lane, now);
    lane_begin(&st->lane[lane], now);
    if (!st->lane[lane].s.active) {
        complete(st, lane);
    }
}

/* Is all of the item in this burst, and can it start now as far as the input goes? (Else: perhaps.) */
static inline bool starts_whole(const struct stage *st, const struct channel *in,
                                const struct channel_burst *b, uint64_t now)
{
    uint64_t needed = b->at.first;

    if (b->flags != (CHANNEL_FIRST | CHANNEL_LAST) || in->s.taken || in->s.read_free > now) {
        return false;
    }
    if (st->config.start != LANE_START_FIRST) {
        needed = run_last(&b->at);
    }
    return channel_visible(in, needed) <= now;
}

/* The usual visit: this idle lane finds one input with a whole item, and all that the item needs. The same as
 * choose() and begin(), in fewer steps. False, and nothing has changed, where there is more to look at. */
static inline bool straight(struct stage *st, unsigned lane, uint64_t now)
{
    const struct stage_ops *ops = &st->config.ops;
    struct lane *l = &st->lane[lane];
    struct lane_job *job = &l->s.job;
    uint64_t filled = st->s.gate.filled;
    const struct channel_burst *b;
    unsigned input;
    unsigned cause;
    uint64_t again;

    if (!filled || (filled & (filled - 1)) || ops->steer || st->s.port_free > now) {
        return false;
    }
    input = (unsigned)__builtin_ctzll(filled);
    b = channel_head(st->in[input]);
    if (!starts_whole(st, st->in[input], b, now)) {
        return false;
    }
    *job = (struct lane_job){ .item = b->item, .in = (uint8_t)input };
    if ((ops->accepts && !ops->accepts(st->config.self, lane, b->item)) ||
        (ops->ready && !ops->ready(st->config.self, now, b->item, &cause, &again))) {
        return false;
    }
    ops->job(st->config.self, now, lane, job);
    if (!lane_can_pass(l, b, now)) {
        return false;
    }
    take(st, lane, now);
    lane_pass(l, now);
    complete(st, lane);
    return true;
}

/* First cycle in which an idle lane can find something, as far as inputs tell: a push wakes the block
 * when there is more. */
static inline uint64_t next_chance(const struct stage *st, uint64_t next_start)
{
    uint64_t at = CLOCK_NEVER;

    for (uint64_t bits = st->s.gate.filled; bits; bits &= bits - 1) {
        earlier(&at, startable(st, (unsigned)__builtin_ctzll(bits)));
    }
    return at == CLOCK_NEVER || at > next_start ? at : next_start;
}

/* What came of a lane's turn. */
struct turn {
    uint64_t again; /* when it wants to be looked at again */
    bool began;     /* it has started an item */
    bool held;      /* it idles, though there is something to start */
};

static struct turn serve_any(struct stage *st, unsigned lane, uint64_t now)
{
    struct lane *l = &st->lane[lane];
    struct turn t = { .again = CLOCK_NEVER };
    struct outlook o;

    if (l->s.active) {
        if (!lane_continue(l, now)) {
            return t; /* a push, a returned slot, or the lane's own wake goes on */
        }
        complete(st, lane);
    }
    while (!l->s.active && l->s.next_start <= now) {
        if (!choose(st, lane, now, &o)) {
            account_idle(&l->account, now, o.reason);
            t.again = o.again;
            t.held = o.reason.state != ACCOUNT_STARVED;
            return t;
        }
        begin(st, lane, now);
        t.began = true;
    }
    if (!l->s.active) {
        t.again = next_chance(st, l->s.next_start);
    }
    return t;
}

/* One lane's turn in cycle `now`. */
static inline struct turn serve(struct stage *st, unsigned lane, uint64_t now)
{
    const struct lane_state *s = &st->lane[lane].s;

    if (s->active || s->next_start > now || !straight(st, lane, now)) {
        return serve_any(st, lane, now);
    }
    return (struct turn){ .again = next_chance(st, s->next_start), .began = true };
}

/* With one lane, a push need not wake the block before the lane is free. */
static void wake_single(void *self, uint64_t now)
{
    struct stage *st = self;
    struct turn t = serve(st, 0, now);

    if (!st->lane->s.active) {
        st->s.gate.floor = st->lane->s.next_start;
    }
    if (t.again != CLOCK_NEVER) {
        sched_wake(st->sched, st->block, t.again > now ? t.again : now + 1);
    }
}

/* Nothing is there for this lane, and it has nothing. */
static inline bool rests(struct stage *st, struct lane *l, uint64_t now)
{
    if (l->s.active || st->s.gate.filled) {
        return false;
    }
    if (l->s.next_start <= now) {
        account_idle(&l->account, now, (struct account_reason){ .state = ACCOUNT_STARVED });
    }
    return true;
}

static void wake_many(void *self, uint64_t now)
{
    struct stage *st = self;
    uint64_t again = CLOCK_NEVER;
    bool held = false;

    for (unsigned l = 0; l < st->config.lanes; l++) {
        struct turn t;

        if (rests(st, &st->lane[l], now)) {
            continue;
        }
        t = serve(st, l, now);
        earlier(&again, t.again);
        if (t.began && held) {
            again = now + 1; /* what an earlier lane saw before it is gone */
        }
        held = held || t.held;
    }
    /* A lane may have taken the last beat of an item: those before it have not seen the next one. */
    for (uint64_t bits = st->s.gate.filled; bits; bits &= bits - 1) {
        uint64_t at = startable(st, (unsigned)__builtin_ctzll(bits));

        if (at >= now) {
            earlier(&again, at);
        }
    }
    if (again != CLOCK_NEVER) {
        sched_wake(st->sched, st->block, again > now ? again : now + 1);
    }
}

void stage_settle(struct stage *st, uint64_t cycle)
{
    for (unsigned l = 0; l < st->config.lanes; l++) {
        account_settle(&st->lane[l].account, cycle);
    }
}

void stage_totals(const struct stage *st, unsigned lanes, uint64_t total[ACCOUNT_STATES])
{
    for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
        total[k] = 0;
        for (unsigned l = 0; l < lanes; l++) {
            total[k] += st->lane[l].account.total[k];
        }
    }
}
