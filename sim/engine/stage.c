#include "engine/stage.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stage_wake(void *self, uint64_t now);

void stage_init(struct stage *st, struct sched *sched, const struct stage_config *config)
{
    assert(config->lanes >= 1 && config->lanes <= STAGE_MAX_LANES);
    memset(st, 0, sizeof *st);
    st->sched = sched;
    st->config = *config;
    st->block = sched_add_block(sched, config->name, config->domain, stage_wake, st);
    st->lane = calloc(config->lanes, sizeof *st->lane);
    if (!st->lane) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
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
    return st->inputs++;
}

unsigned stage_output(struct stage *st, struct channel *ch)
{
    assert(st->outputs < STAGE_MAX_LANES);
    st->out[st->outputs] = ch;
    return st->outputs++;
}

/* The outcome of looking for work for one lane. */
struct choice {
    struct lane_job job;          /* if found */
    struct account_reason reason; /* if not found */
    uint64_t again;               /* when to look again, as far as known */
};

static void earlier(uint64_t *at, uint64_t candidate)
{
    if (candidate < *at) {
        *at = candidate;
    }
}

static bool is_ready(struct stage *st, const struct lane_job *job, uint64_t now, struct choice *c)
{
    unsigned cause = st->block;
    uint64_t again = CLOCK_NEVER;

    if (!st->config.ops.ready ||
        st->config.ops.ready(st->config.self, now, job->item, &cause, &again)) {
        return true;
    }
    earlier(&c->again, again);
    if (c->reason.state == ACCOUNT_STARVED) {
        c->reason = (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)cause };
    }
    return false;
}

/* Can this lane start the head item of this input now? If not, note why and when to look again. */
static bool consider(struct stage *st, unsigned lane, unsigned input, uint64_t now,
                     struct choice *c)
{
    const struct channel *in = st->in[input];
    const struct channel_burst *head = channel_head(in);
    uint64_t at = lane_startable(in, st->config.start, st->config.header_beats);
    struct lane_job *job = &c->job;
    uint64_t slot;

    if (at > now) {
        earlier(&c->again, at);
        return false;
    }
    *job = (struct lane_job){ .item = head->item, .in = (uint8_t)input };
    if (st->config.ops.steer) {
        uint32_t to = st->config.ops.steer(st->config.self, job->item);

        if (to != STAGE_ANY_LANE && to != lane) {
            return false;
        }
    }
    if (st->config.ops.accepts && !st->config.ops.accepts(st->config.self, lane, job->item)) {
        return false;
    }
    if (!is_ready(st, job, now, c)) {
        return false;
    }
    st->config.ops.job(st->config.self, now, lane, job);
    if (lane_pushes_first(job)) {
        slot = channel_next_slot(st->out[job->out], now);
        if (slot > now) {
            earlier(&c->again, slot);
            if (c->reason.state != ACCOUNT_BLOCKED) {
                c->reason.state = ACCOUNT_BLOCKED;
                c->reason.cause = (uint8_t)account_chain_end(
                    st->sched, st->out[job->out]->config.reader, st->config.domain, now);
            }
            return false;
        }
    }
    if (st->s.port_free > now) {
        earlier(&c->again, st->s.port_free);
        if (c->reason.state == ACCOUNT_STARVED) {
            c->reason =
                (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)st->block };
        }
        return false;
    }
    return true;
}

static bool choose(struct stage *st, unsigned lane, uint64_t now, struct choice *c)
{
    unsigned first = st->config.arbitration == STAGE_ROUND_ROBIN ? st->s.next_input : 0;

    unsigned input = first;

    c->reason = (struct account_reason){ .state = ACCOUNT_STARVED };
    c->again = CLOCK_NEVER;
    for (unsigned i = 0; i < st->inputs; i++) {
        if (consider(st, lane, input, now, c)) {
            return true;
        }
        input = input + 1 < st->inputs ? input + 1 : 0;
    }
    return false;
}

static void complete(struct stage *st, unsigned lane)
{
    if (st->trace) {
        st->trace(st->trace_self, st, &st->lane[lane].s);
    }
    if (st->config.ops.done) {
        st->config.ops.done(st->config.self, lane, &st->lane[lane].s);
    }
}

static void begin(struct stage *st, unsigned lane, uint64_t now, const struct lane_job *job)
{
    struct lane *l = &st->lane[lane];

    st->s.next_input = job->in + 1u < st->inputs ? job->in + 1u : 0;
    if (st->config.port_interval) {
        st->s.port_free = now + st->config.port_interval;
    }
    if (st->config.ops.begin) {
        st->config.ops.begin(st->config.self, now, lane, job);
    }
    lane_begin(l, now, job);
    if (!l->s.active) {
        complete(st, lane);
    }
}

/* First cycle in which an idle lane can find something, as far as inputs tell: a push wakes the block
 * when there is more. */
static uint64_t next_chance(const struct stage *st, uint64_t next_start)
{
    uint64_t at = CLOCK_NEVER;

    for (unsigned i = 0; i < st->inputs; i++) {
        if (channel_head(st->in[i])) {
            earlier(&at, lane_startable(st->in[i], st->config.start, st->config.header_beats));
        }
    }
    return at == CLOCK_NEVER || at > next_start ? at : next_start;
}

/* With one lane, a push need not wake the block before the lane is free. */
static void set_floor(struct stage *st, uint64_t next_start)
{
    if (st->config.lanes == 1) {
        for (unsigned i = 0; i < st->inputs; i++) {
            st->in[i]->s.wake_floor = next_start;
        }
    }
}

/* What came of a lane's turn. */
struct turn {
    uint64_t again; /* when it wants to be looked at again */
    bool began;     /* it has started an item */
    bool held;      /* it idles, though there is something to start */
};

/* One lane's turn in cycle `now`. */
static struct turn serve(struct stage *st, unsigned lane, uint64_t now)
{
    struct lane *l = &st->lane[lane];
    struct turn t = { .again = CLOCK_NEVER };
    struct choice c;

    if (l->s.active) {
        if (!lane_continue(l, now)) {
            return t; /* a push, a returned slot, or the lane's own wake goes on */
        }
        complete(st, lane);
    }
    while (!l->s.active && l->s.next_start <= now) {
        if (!choose(st, lane, now, &c)) {
            account_idle(&l->account, now, c.reason);
            t.again = c.again;
            t.held = c.reason.state != ACCOUNT_STARVED;
            return t;
        }
        begin(st, lane, now, &c.job);
        t.began = true;
    }
    if (!l->s.active) {
        t.again = next_chance(st, l->s.next_start);
        set_floor(st, l->s.next_start);
    }
    return t;
}

static void stage_wake(void *self, uint64_t now)
{
    struct stage *st = self;
    uint64_t again = CLOCK_NEVER;
    bool held = false;

    for (unsigned l = 0; l < st->config.lanes; l++) {
        struct turn t = serve(st, l, now);

        earlier(&again, t.again);
        if (t.began && held) {
            again = now + 1; /* what an earlier lane saw before it is gone */
        }
        held = held || t.held;
    }
    /* A lane may have taken the last beat of an item: those before it have not seen the next one. */
    for (unsigned i = 0; i < (st->config.lanes > 1 ? st->inputs : 0); i++) {
        uint64_t at = lane_startable(st->in[i], st->config.start, st->config.header_beats);

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

void stage_totals(const struct stage *st, uint64_t total[ACCOUNT_STATES])
{
    for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
        total[k] = 0;
        for (unsigned l = 0; l < st->config.lanes; l++) {
            total[k] += st->lane[l].account.total[k];
        }
    }
}
