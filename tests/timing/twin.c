#include "twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void twin_init(struct twin *tw)
{
    memset(tw, 0, sizeof *tw);
}

void twin_free(struct twin *tw)
{
    for (unsigned i = 0; i < tw->channels; i++) {
        free(tw->channel[i].beat);
    }
    for (unsigned i = 0; i < tw->stages; i++) {
        free(tw->stage[i].begin);
    }
    memset(tw, 0, sizeof *tw);
}

static void *grow(void *array, size_t *room, size_t element)
{
    *room = *room ? 2 * *room : 64;
    array = realloc(array, *room * element);
    if (!array) {
        fputs("twin: out of memory\n", stderr);
        abort();
    }
    return array;
}

unsigned twin_add_domain(struct twin *tw, uint64_t num, uint64_t den)
{
    tw->domain[tw->domains] = (struct twin_domain){ .num = num, .den = den };
    return tw->domains++;
}

unsigned twin_add_stage(struct twin *tw, const struct stage_config *config)
{
    struct twin_stage *st = &tw->stage[tw->stages];

    st->config = *config;
    st->clock = &tw->domain[config->domain];
    return tw->stages++;
}

unsigned twin_add_channel(struct twin *tw, const struct channel_config *config, int writer,
                          unsigned writer_domain, unsigned reader)
{
    struct twin_channel *ch = &tw->channel[tw->channels];
    struct twin_stage *to = &tw->stage[reader];

    ch->config = *config;
    ch->taken_by = -1;
    ch->writer = &tw->domain[writer_domain];
    ch->reader = to->clock;
    to->in[to->inputs++] = ch;
    if (writer >= 0) {
        struct twin_stage *from = &tw->stage[writer];

        from->out[from->outputs++] = ch;
    }
    return tw->channels++;
}

/* The writer admits a beat that it will push in cycle `pushed`. */
static void admit(struct twin_channel *ch, uint64_t pushed, uint32_t item, bool first, bool last)
{
    if (ch->reserved == ch->room) {
        ch->beat = grow(ch->beat, &ch->room, sizeof *ch->beat);
    }
    ch->beat[ch->reserved++] =
        (struct twin_beat){ .item = item, .first = first, .last = last, .pushed = pushed };
}

void twin_offer(struct twin *tw, unsigned channel, uint64_t cycle, uint32_t item, bool first,
                bool last)
{
    admit(&tw->channel[channel], cycle, item, first, last);
}

/* ---- time -------------------------------------------------------------------------------- */

/* Is the next edge of a before, at (0) or after the edge `cycle` of b? */
static int compare_next(const struct twin_domain *a, const struct twin_domain *b, uint64_t cycle)
{
    unsigned __int128 left = (unsigned __int128)a->edges * a->den * b->num;
    unsigned __int128 right = (unsigned __int128)cycle * b->den * a->num;

    return left < right ? -1 : left > right;
}

static uint64_t present(const struct twin_domain *d)
{
    return d->edges - 1;
}

/* What happens now is seen by the other side of the channel from this edge of it on. */
static uint64_t seen_from(const struct twin_channel *ch, const struct twin_domain *other)
{
    return present(other) + (ch->writer == ch->reader ? 1 : ch->config.sync);
}

/* ---- channels ---------------------------------------------------------------------------- */

static void deliver(struct twin_channel *ch)
{
    while (ch->pushed < ch->reserved && ch->beat[ch->pushed].pushed == present(ch->writer)) {
        ch->beat[ch->pushed++].visible = seen_from(ch, ch->reader);
    }
}

static bool has_room(struct twin_channel *ch)
{
    while (ch->returned < ch->popped && ch->beat[ch->returned].slot_back <= present(ch->writer)) {
        ch->returned++;
    }
    return ch->config.unlimited || ch->reserved - ch->returned < ch->config.depth;
}

/* Beat number `ahead` after the next one, if the reader sees it. */
static const struct twin_beat *visible_beat(const struct twin_channel *ch, size_t ahead)
{
    const struct twin_beat *b = &ch->beat[ch->popped + ahead];

    return ch->popped + ahead < ch->pushed && b->visible <= present(ch->reader) ? b : NULL;
}

static void pop(struct twin_channel *ch, bool takes_the_port)
{
    struct twin_beat *b = &ch->beat[ch->popped++];

    b->popped = present(ch->reader);
    b->slot_back = seen_from(ch, ch->writer);
    if (takes_the_port) {
        ch->port_used = true;
        ch->port_cycle = present(ch->reader);
    }
}

static bool startable(const struct twin_channel *ch, const struct stage_config *config)
{
    const struct twin_beat *b;
    size_t need = config->start == LANE_START_FIRST    ? 1
                  : config->start == LANE_START_HEADER ? config->header_beats
                                                       : SIZE_MAX;

    if (ch->taken_by >= 0 || (ch->port_used && ch->port_cycle == present(ch->reader))) {
        return false;
    }
    for (size_t i = 0; i < need; i++) {
        b = visible_beat(ch, i);
        if (!b) {
            return false;
        }
        if (b->last) {
            return true;
        }
    }
    return true;
}

/* ---- lanes ------------------------------------------------------------------------------- */

/* Slot k pops an input beat / pushes an output beat. */
static bool slot_pops(const struct twin_lane *ln)
{
    return ln->slot < ln->job.beats_in;
}

static bool slot_pushes(const struct twin_lane *ln)
{
    return ln->slot >= ln->slots - ln->job.beats_out;
}

static void issue_slot(struct twin_stage *st, unsigned number)
{
    struct twin_lane *ln = &st->lane[number];
    uint64_t now = present(st->clock);

    if (slot_pops(ln)) {
        struct twin_channel *ch = st->in[ln->job.in];

        pop(ch, ln->job.interval > 0);
        ch->taken_by = ln->slot + 1 == ln->job.beats_in ? -1 : (int)number;
    }
    if (slot_pushes(ln)) {
        uint32_t k = ln->slot - (ln->slots - ln->job.beats_out);

        ln->has_pushed = true;
        ln->port_after = now + ln->delay + (ln->job.interval > 0 ? 1 : 0);
        admit(st->out[ln->job.out], now + ln->delay, ln->job.item, k == 0,
              k + 1 == ln->job.beats_out);
    }
    ln->slot++;
    ln->ready = now + ln->job.interval;
    if (ln->slot == ln->slots) {
        ln->active = false;
        ln->ready += ln->job.tail;
    }
}

static void begin(struct twin_stage *st, unsigned number, const struct lane_job *job)
{
    struct twin_lane *ln = &st->lane[number];
    uint64_t now = present(st->clock);

    if (st->begins == st->begin_room) {
        st->begin = grow(st->begin, &st->begin_room, sizeof *st->begin);
    }
    st->begin[st->begins++] =
        (struct twin_begin){ .cycle = now, .item = job->item, .lane = number, .in = job->in };
    ln->active = true;
    ln->job = *job;
    ln->slot = 0;
    ln->slots = job->beats_in > job->beats_out ? job->beats_in : job->beats_out;
    ln->delay = job->latency;
    if (ln->has_pushed && ln->port_after > now + ln->delay) {
        ln->delay = ln->port_after - now;
    }
    st->port_free = now + st->config.port_interval;
    if (job->in != 0 || st->config.arbitration != STAGE_FIRST_THEN_ROUND) {
        st->next_input = (job->in + 1u) % st->inputs;
    }
    issue_slot(st, number);
}

static bool is_ready(struct twin_stage *st, uint32_t item)
{
    unsigned cause;
    uint64_t again;

    return !st->config.ops.ready ||
           st->config.ops.ready(st->config.self, present(st->clock), item, &cause, &again);
}

/* The i-th input that a lane looks at. */
static unsigned input_in_turn(const struct twin_stage *st, unsigned i)
{
    switch (st->config.arbitration) {
    case STAGE_ROUND_ROBIN: return (st->next_input + i) % st->inputs;
    case STAGE_FIRST_THEN_ROUND: {
        unsigned others = st->inputs - 1;
        unsigned turn = st->next_input == 0 ? 0 : st->next_input - 1;

        return i == 0 ? 0 : 1 + (turn + i - 1) % others;
    }
    default: return i;
    }
}

/* An idle lane looks for an item. Returns what it did with the cycle. */
static enum account_state look(struct twin_stage *st, unsigned number)
{
    enum account_state state = ACCOUNT_STARVED;

    for (unsigned i = 0; i < st->inputs; i++) {
        unsigned in = input_in_turn(st, i);
        struct twin_channel *ch = st->in[in];
        struct lane_job job = { .in = (uint8_t)in };
        uint32_t lane = STAGE_ANY_LANE;

        if (!startable(ch, &st->config)) {
            continue;
        }
        job.item = visible_beat(ch, 0)->item;
        if (st->config.ops.steer) {
            lane = st->config.ops.steer(st->config.self, job.item);
        }
        if ((lane != STAGE_ANY_LANE && lane != number) ||
            (st->config.ops.accepts &&
             !st->config.ops.accepts(st->config.self, number, job.item))) {
            continue;
        }
        if (!is_ready(st, job.item)) {
            state = state == ACCOUNT_BLOCKED ? ACCOUNT_BLOCKED : ACCOUNT_WAITING;
            continue;
        }
        st->config.ops.job(st->config.self, present(st->clock), number, &job);
        if (job.out != LANE_NO_CHANNEL && job.beats_out >= job.beats_in &&
            !has_room(st->out[job.out])) {
            state = ACCOUNT_BLOCKED;
        } else if (st->config.port_interval > 0 && present(st->clock) < st->port_free) {
            state = state == ACCOUNT_BLOCKED ? ACCOUNT_BLOCKED : ACCOUNT_WAITING;
        } else {
            begin(st, number, &job);
            return ACCOUNT_BUSY;
        }
    }
    return state;
}

/* A lane inside an item. Returns what it did with the cycle. */
static enum account_state go_on(struct twin_stage *st, unsigned number)
{
    struct twin_lane *ln = &st->lane[number];

    if (slot_pops(ln) && !visible_beat(st->in[ln->job.in], 0)) {
        return ACCOUNT_STARVED;
    }
    if (slot_pushes(ln) && !has_room(st->out[ln->job.out])) {
        return ACCOUNT_BLOCKED;
    }
    issue_slot(st, number);
    return ACCOUNT_BUSY;
}

static void step_lane(struct twin_stage *st, unsigned number)
{
    struct twin_lane *ln = &st->lane[number];
    enum account_state state = ACCOUNT_BUSY; /* inside an interval or a tail, or issues */

    /* Only an ideal lane is ready again in the cycle in which it has issued something; what stops it
     * then is what the cycle counts as. */
    while (ln->ready <= present(st->clock)) {
        state = ln->active ? go_on(st, number) : look(st, number);
        if (state != ACCOUNT_BUSY) {
            break;
        }
    }
    ln->total[state]++;
}

/* ---- the whole --------------------------------------------------------------------------- */

static void instant(struct twin *tw, const struct twin_domain *earliest)
{
    uint64_t cycle = earliest->edges;

    for (unsigned d = 0; d < tw->domains; d++) {
        tw->domain[d].ticked = compare_next(&tw->domain[d], earliest, cycle) == 0;
    }
    for (unsigned d = 0; d < tw->domains; d++) {
        tw->domain[d].edges += tw->domain[d].ticked;
    }
    for (unsigned s = 0; s < tw->stages; s++) {
        for (unsigned l = 0; tw->stage[s].clock->ticked && l < tw->stage[s].config.lanes; l++) {
            step_lane(&tw->stage[s], l);
        }
    }
    for (unsigned c = 0; c < tw->channels; c++) {
        if (tw->channel[c].writer->ticked) {
            deliver(&tw->channel[c]);
        }
    }
}

void twin_run(struct twin *tw, unsigned domain, uint64_t cycle)
{
    for (;;) {
        struct twin_domain *earliest = &tw->domain[0];

        for (unsigned d = 1; d < tw->domains; d++) {
            if (compare_next(&tw->domain[d], earliest, earliest->edges) < 0) {
                earliest = &tw->domain[d];
            }
        }
        if (compare_next(earliest, &tw->domain[domain], cycle) > 0) {
            return;
        }
        instant(tw, earliest);
    }
}

bool twin_drained(const struct twin *tw)
{
    for (unsigned c = 0; c < tw->channels; c++) {
        if (tw->channel[c].popped < tw->channel[c].reserved) {
            return false;
        }
    }
    for (unsigned s = 0; s < tw->stages; s++) {
        const struct twin_stage *st = &tw->stage[s];

        for (unsigned l = 0; l < st->config.lanes; l++) {
            if (st->lane[l].active || st->lane[l].ready >= st->clock->edges) {
                return false;
            }
        }
    }
    return true;
}
