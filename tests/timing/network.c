#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"

/* Frequencies that make awkward ratios: 65/64, thirds, sevenths, PHY rates, a hair apart, equal. */
static const struct clock_domain frequencies[] = {
    { 250000000, 1 },  { 322265625, 1 }, { 1250000000, 3 }, { 253906250, 1 }, { 250000001, 1 },
    { 1000000000, 7 }, { 500000000, 1 }, { 156250000, 1 },  { 644531250, 1 }, { 250000000, 1 },
};

static uint64_t pick(struct rng *r, uint64_t from, uint64_t to)
{
    return from + rng_below(r, to - from + 1);
}

static bool chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

/* ---- what happens to an item ------------------------------------------------------------- */

static uint64_t hash(const struct network *net, uint32_t item, uint64_t what)
{
    return rng_mix(rng_mix(net->seed * 0x9e3779b97f4a7c15ull + item) ^
                   (what + 1) * 0xd1342543de82ef95ull);
}

/* Beats of an item at its source, and in a channel. */
static uint32_t source_beats(const struct network *net, uint32_t item)
{
    return 1 + (uint32_t)(hash(net, item, 0) % net->most_beats);
}

static uint32_t beats_in(const struct network *net, uint32_t item, unsigned channel)
{
    uint32_t beats = source_beats(net, item);

    if (net->channel[channel].resized) {
        uint64_t h = hash(net, item, 1000 + channel);

        switch (h % 4) {
        case 0: return 1 + (uint32_t)((h >> 8) % net->most_beats);
        case 1: return beats > 1 ? beats - 1 : 1;
        case 2: return beats < net->most_beats ? beats + 1 : beats;
        default: break;
        }
    }
    return beats;
}

static uint32_t steer(void *self, uint32_t item)
{
    const struct net_stage *st = self;
    uint64_t h = hash(st->net, item, 2000 + (uint64_t)(st - st->net->stage));

    return h % 8 == 0 ? STAGE_ANY_LANE : (uint32_t)(h >> 8) % st->config.lanes;
}

static bool accepts(void *self, unsigned lane, uint32_t item)
{
    const struct net_stage *st = self;
    uint64_t h = hash(st->net, item, 4000 + (uint64_t)(st - st->net->stage));

    return lane == (h >> 8) % st->config.lanes || (h >> (32 + lane) & 1);
}

/* A third of the items are not ready before a certain cycle. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the block itself stays the cause */
static bool ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    const struct net_stage *st = self;
    uint64_t h = hash(st->net, item, 5000 + (uint64_t)(st - st->net->stage));

    (void)cause;
    *again = h % 3 ? 0 : (item & 0xffff) * (h >> 8 & 63);
    return now >= *again;
}

static void job(void *self, uint64_t now, unsigned lane, struct lane_job *j)
{
    const struct net_stage *st = self;
    const struct network *net = st->net;
    uint64_t h = hash(net, j->item, 3000 + (uint64_t)(st - net->stage));

    (void)now;
    j->beats_in = beats_in(net, j->item, st->in[j->in]);
    j->interval = st->ideal ? 0 : 1 + (uint32_t)((h & 0xff) % st->most_interval);
    j->latency = (uint32_t)(h >> 8 & 0xff) % (st->most_latency + 1);
    j->tail = (uint32_t)(h >> 16 & 0xff) % (st->most_tail + 1);
    j->out = LANE_NO_CHANNEL;
    j->beats_out = 0;
    if (st->routes > 0 && (h >> 24 & 15) >= st->drops) {
        j->out = (uint8_t)(lane * st->routes + (unsigned)(h >> 32 & 0xff) % st->routes);
        j->beats_out = beats_in(net, j->item, st->out[j->out]);
    }
}

/* ---- generation -------------------------------------------------------------------------- */

static void make_stage(struct network *net, struct rng *r, unsigned number, bool sink)
{
    struct net_stage *st = &net->stage[number];

    snprintf(st->name, sizeof st->name, "s%u", number % 1000);
    st->net = net;
    st->ideal = chance(r, 10);
    st->routes = sink ? 0 : (unsigned)pick(r, 1, chance(r, 40) ? 3 : 1);
    st->drops = chance(r, 20) ? (unsigned)pick(r, 1, 6) : 0;
    st->most_interval = (uint32_t)pick(r, 1, chance(r, 50) ? 1 : sink ? 8 : 4);
    st->most_latency = (uint32_t)pick(r, 0, chance(r, 50) ? 3 : 30);
    st->most_tail = chance(r, 50) ? 0 : (uint32_t)pick(r, 1, sink ? 25 : 5);
    st->config = (struct stage_config){
        .name = st->name,
        .domain = (unsigned)rng_below(r, net->domains),
        .lanes = chance(r, 50) ? 1 : (unsigned)pick(r, 2, 4),
        .start = (enum lane_start)rng_below(r, 3),
        .header_beats = (uint32_t)pick(r, 1, 4),
        .arbitration = chance(r, 60)   ? STAGE_ROUND_ROBIN
                       : chance(r, 50) ? STAGE_PRIORITY
                                       : STAGE_FIRST_THEN_ROUND,
        .port_interval = chance(r, 25) ? (uint32_t)pick(r, 1, 8) : 0,
        .ops = { .job = job,
                 .steer = chance(r, 40) ? steer : NULL,
                 .accepts = chance(r, 20) ? accepts : NULL,
                 .ready = chance(r, 15) ? ready : NULL },
        .self = st,
    };
    if (st->config.ops.steer) {
        st->config.ops.accepts = NULL; /* an item that no lane takes would stop the network */
    }
    if (st->config.lanes * st->routes > 8) {
        st->routes = 1;
    }
}

static unsigned make_channel(struct network *net, struct rng *r, int writer, unsigned domain,
                             unsigned reader)
{
    unsigned number = net->channels++;
    struct net_channel *ch = &net->channel[number];
    struct net_stage *to = &net->stage[reader];
    unsigned least = 2;

    snprintf(ch->name, sizeof ch->name, "c%u", number % 1000);
    ch->writer = writer;
    ch->writer_domain = domain;
    ch->reader = reader;
    ch->resized = chance(r, 35);
    if (to->config.start == LANE_START_LAST && net->most_beats > least) {
        least = net->most_beats;
    }
    if (to->config.start == LANE_START_HEADER && to->config.header_beats > least) {
        least = to->config.header_beats;
    }
    ch->config = (struct channel_config){
        .name = ch->name,
        .depth = least + (unsigned)rng_below(r, chance(r, 60) ? 4 : 38),
        .sync = (unsigned)pick(r, 1, 3),
        .wake = to->config.start == LANE_START_LAST && chance(r, 50) ? CHANNEL_WAKE_LAST
                                                                     : CHANNEL_WAKE_FIRST,
        .unlimited = writer < 0,
    };
    to->in[to->inputs++] = number;
    if (writer >= 0) {
        net->stage[writer].out[net->stage[writer].outputs++] = number;
    }
    return number;
}

/* A stage after `stage` that can take another input; the last ones are sinks. */
static unsigned choose_reader(const struct network *net, struct rng *r, unsigned stage, bool series)
{
    unsigned to = stage + 1;

    if (!series) {
        to = (unsigned)pick(r, stage + 1, net->stages - 1);
    }
    while (net->stage[to].inputs == STAGE_MAX_PORTS ||
           (to + 1 < net->stages && net->stage[to].inputs >= 8)) {
        to = to + 1 < net->stages ? to + 1 : stage + 1;
    }
    return to;
}

static void make_bursts(struct network *net, struct rng *r, struct net_source *src, unsigned items)
{
    uint64_t cycle = rng_below(r, 20);
    uint64_t announced = 0;
    unsigned hurry = chance(r, 60) ? 90 : (unsigned)rng_below(r, 101);

    for (uint32_t i = 0; i < items; i++) {
        uint32_t item = (uint32_t)(src - net->source) << 16 | i;
        uint32_t beats = beats_in(net, item, src->channel);
        uint32_t at = 0;

        cycle += chance(r, hurry) ? 0 : rng_below(r, chance(r, 5) ? 200 : 15);
        while (at < beats && src->bursts < NET_MAX_BURSTS) {
            struct net_burst *b = &src->burst[src->bursts++];
            uint32_t n = chance(r, 60) ? beats - at : (uint32_t)pick(r, 1, beats - at);
            uint32_t step = chance(r, 60) ? 1 : (uint32_t)pick(r, 1, 5);
            uint64_t early = chance(r, 50) ? 0 : rng_below(r, 30);

            b->announce = cycle > early ? cycle - early : 0;
            b->announce = b->announce > announced ? b->announce : announced;
            announced = b->announce;
            b->run = (struct channel_run){ .first = cycle, .beats = n, .step = step };
            b->item = item;
            b->flags = (at == 0 ? CHANNEL_FIRST : 0u) | (at + n == beats ? CHANNEL_LAST : 0u);
            at += n;
            cycle += (uint64_t)n * step + (chance(r, 70) ? 0 : rng_below(r, 12));
        }
    }
}

static void make_source(struct network *net, struct rng *r, unsigned reader, unsigned items)
{
    struct net_source *src = &net->source[net->sources++];

    src->channel = make_channel(net, r, -1, (unsigned)rng_below(r, net->domains), reader);
    src->bursts = 0;
    /* Each item needs at most most_beats bursts. */
    if (items > NET_MAX_BURSTS / net->most_beats) {
        items = NET_MAX_BURSTS / net->most_beats;
    }
    make_bursts(net, r, src, items);
}

void network_generate(struct network *net, uint64_t seed)
{
    struct rng r = rng_stream(seed, 1);
    unsigned workers = (unsigned)pick(&r, 1, chance(&r, 50) ? 3 : 8);
    unsigned sinks = (unsigned)pick(&r, 1, 2);
    bool series = chance(&r, 35);
    unsigned outputs = 0;

    memset(net, 0, sizeof *net);
    net->seed = seed;
    net->domains = chance(&r, 40) ? 1 : (unsigned)pick(&r, 2, 3);
    for (unsigned d = 0; d < net->domains; d++) {
        net->domain[d] = frequencies[rng_below(&r, sizeof frequencies / sizeof *frequencies)];
    }
    net->most_beats = (uint32_t)pick(&r, 1, chance(&r, 30) ? 32 : 8);
    for (unsigned s = 0; s < workers; s++) {
        make_stage(net, &r, s, false);
        outputs += net->stage[s].routes * net->stage[s].config.lanes;
    }
    /* The sinks alone could take every output: choose_reader() always finds one. */
    net->stages = workers + sinks + outputs / STAGE_MAX_PORTS;
    for (unsigned s = workers; s < net->stages; s++) {
        make_stage(net, &r, s, true);
    }
    for (unsigned s = 0; s < workers; s++) {
        for (unsigned o = 0; o < net->stage[s].routes * net->stage[s].config.lanes; o++) {
            make_channel(net, &r, (int)s, 0, choose_reader(net, &r, s, series));
        }
    }
    for (unsigned s = 0; s < net->stages; s++) {
        if (net->stage[s].inputs == 0 || (net->stage[s].inputs < 12 && chance(&r, 15))) {
            make_source(net, &r, s, (unsigned)pick(&r, 10, s == 0 ? 80 : 40));
        }
    }
}

void network_print(const struct network *net)
{
    static const char *const starts[] = { "first", "header", "last" };

    printf("network %llu, items of 1..%u beats\n", (unsigned long long)net->seed, net->most_beats);
    for (unsigned d = 0; d < net->domains; d++) {
        printf("  domain %u: %llu/%llu Hz\n", d, (unsigned long long)net->domain[d].num,
               (unsigned long long)net->domain[d].den);
    }
    for (unsigned s = 0; s < net->stages; s++) {
        const struct net_stage *st = &net->stage[s];

        printf("  s%u: domain %u, %u lanes, %u routes, start %s %u, %s, port %u,%s%s%s interval "
               "..%u latency ..%u tail ..%u, drops %u/16, in",
               s, st->config.domain, st->config.lanes, st->routes, starts[st->config.start],
               st->config.header_beats,
               st->config.arbitration == STAGE_PRIORITY      ? "priority"
               : st->config.arbitration == STAGE_ROUND_ROBIN ? "round robin"
                                                             : "first, then round robin",
               st->config.port_interval,
               st->config.ops.steer     ? " steered,"
               : st->config.ops.accepts ? " accepting,"
                                        : "",
               st->config.ops.ready ? " ready," : "", st->ideal ? " ideal," : "", st->most_interval,
               st->most_latency, st->most_tail, st->drops);
        for (unsigned i = 0; i < st->inputs; i++) {
            printf(" c%u", st->in[i]);
        }
        printf("\n");
    }
    for (unsigned c = 0; c < net->channels; c++) {
        const struct net_channel *ch = &net->channel[c];

        printf("  c%u: s%d -> s%u, depth %u, sync %u%s%s%s", c, ch->writer, ch->reader,
               ch->config.depth, ch->config.sync, ch->resized ? ", resized" : "",
               ch->config.wake == CHANNEL_WAKE_LAST ? ", wakes on last" : "",
               ch->config.unlimited ? ", unlimited" : "");
        if (ch->writer < 0) {
            printf(", source in domain %u", ch->writer_domain);
        }
        printf("\n");
    }
}

void network_build_twin(const struct network *net, struct twin *tw)
{
    twin_init(tw);
    for (unsigned d = 0; d < net->domains; d++) {
        twin_add_domain(tw, net->domain[d].num, net->domain[d].den);
    }
    for (unsigned s = 0; s < net->stages; s++) {
        twin_add_stage(tw, &net->stage[s].config);
    }
    for (unsigned c = 0; c < net->channels; c++) {
        const struct net_channel *ch = &net->channel[c];

        twin_add_channel(tw, &ch->config, ch->writer,
                         ch->writer < 0 ? ch->writer_domain : net->stage[ch->writer].config.domain,
                         ch->reader);
    }
    for (unsigned i = 0; i < net->sources; i++) {
        const struct net_source *src = &net->source[i];

        for (unsigned k = 0; k < src->bursts; k++) {
            const struct net_burst *b = &src->burst[k];

            for (uint32_t n = 0; n < b->run.beats; n++) {
                twin_offer(tw, src->channel, b->run.first + (uint64_t)n * b->run.step, b->item,
                           (b->flags & CHANNEL_FIRST) && n == 0,
                           (b->flags & CHANNEL_LAST) && n + 1 == b->run.beats);
            }
        }
    }
}

/* ---- the engine -------------------------------------------------------------------------- */

static void *grow(void *array, size_t *room, size_t element)
{
    *room = *room ? 2 * *room : 64;
    array = realloc(array, *room * element);
    if (!array) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return array;
}

static void probe(void *self, const struct channel *ch, bool push, const struct channel_run *run)
{
    struct bench_record *rec = self;

    (void)ch;
    if (rec->runs == rec->room) {
        rec->run = grow(rec->run, &rec->room, sizeof *rec->run);
    }
    rec->run[rec->runs++] = (struct bench_run){ .run = *run, .push = push };
}

static void bench_job(void *self, uint64_t now, unsigned lane, struct lane_job *j)
{
    const struct bench_stage *st = self;

    st->net->config.ops.job(st->net->config.self, now, lane, j);
}

static uint32_t bench_steer(void *self, uint32_t item)
{
    const struct bench_stage *st = self;

    return st->net->config.ops.steer(st->net->config.self, item);
}

static bool bench_accepts(void *self, unsigned lane, uint32_t item)
{
    const struct bench_stage *st = self;

    return st->net->config.ops.accepts(st->net->config.self, lane, item);
}

static bool bench_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    const struct bench_stage *st = self;

    return st->net->config.ops.ready(st->net->config.self, now, item, cause, again);
}

static void bench_begin(void *self, uint64_t now, unsigned lane, const struct lane_job *j)
{
    struct bench_stage *st = self;

    if (st->log.begins == st->log.room) {
        st->log.begin = grow(st->log.begin, &st->log.room, sizeof *st->log.begin);
    }
    st->log.begin[st->log.begins++] =
        (struct twin_begin){ .cycle = now, .item = j->item, .lane = lane, .in = j->in };
}

static void bench_done(void *self, unsigned lane, const struct lane_state *state)
{
    struct bench_stage *st = self;

    (void)lane;
    (void)state;
    st->done++;
}

static void drive(void *self, uint64_t cycle)
{
    struct bench_driver *d = self;
    struct channel *ch = &d->bench->channel[d->net->channel];

    while (d->next < d->net->bursts && d->net->burst[d->next].announce <= cycle) {
        const struct net_burst *b = &d->net->burst[d->next++];

        channel_push(ch, &b->run, b->item, b->flags);
    }
    if (d->next < d->net->bursts) {
        sched_wake(&d->bench->sched, d->block, d->net->burst[d->next].announce);
    }
}

static void add_stage(struct bench *b, unsigned number)
{
    struct bench_stage *st = &b->stage[number];
    struct stage_config config = b->net->stage[number].config;

    st->net = &b->net->stage[number];
    config.ops.job = bench_job;
    config.ops.steer = config.ops.steer ? bench_steer : NULL;
    config.ops.accepts = config.ops.accepts ? bench_accepts : NULL;
    config.ops.ready = config.ops.ready ? bench_ready : NULL;
    config.ops.begin = bench_begin;
    config.ops.done = bench_done;
    config.self = st;
    stage_init(&st->stage, &b->sched, &config);
}

static void add_driver(struct bench *b, unsigned number)
{
    struct bench_driver *d = &b->driver[number];

    d->bench = b;
    d->net = &b->net->source[number];
    d->block = sched_add_block(&b->sched, "source", b->net->channel[d->net->channel].writer_domain,
                               drive, d);
}

static void add_blocks(struct bench *b, uint64_t shuffle)
{
    struct rng r = rng_stream(shuffle, 2);
    unsigned order[NET_MAX_STAGES + NET_MAX_SOURCES] = { 0 };
    unsigned n = b->net->stages + b->net->sources;

    for (unsigned i = 0; i < n; i++) {
        unsigned at = shuffle ? (unsigned)rng_below(&r, i + 1) : i;

        order[i] = order[at];
        order[at] = i;
    }
    for (unsigned i = 0; i < n; i++) {
        if (order[i] < b->net->stages) {
            add_stage(b, order[i]);
        } else {
            add_driver(b, order[i] - b->net->stages);
        }
    }
}

void bench_init(struct bench *b, const struct network *net, uint64_t shuffle)
{
    memset(b, 0, sizeof *b);
    b->net = net;
    clock_set_init(&b->clocks);
    for (unsigned d = 0; d < net->domains; d++) {
        clock_add(&b->clocks, net->domain[d].num, net->domain[d].den);
    }
    sched_init(&b->sched, &b->clocks);
    add_blocks(b, shuffle);
    for (unsigned c = 0, source = 0; c < net->channels; c++) {
        const struct net_channel *nc = &net->channel[c];
        struct channel_config config = nc->config;

        config.writer =
            nc->writer < 0 ? b->driver[source++].block : b->stage[nc->writer].stage.block;
        config.reader = b->stage[nc->reader].stage.block;
        channel_init(&b->channel[c], &b->sched, &config);
        b->channel[c].probe = probe;
        b->channel[c].probe_self = &b->record[c];
        if (nc->writer >= 0) {
            stage_output(&b->stage[nc->writer].stage, &b->channel[c]);
        }
        stage_input(&b->stage[nc->reader].stage, &b->channel[c]);
    }
    for (unsigned i = 0; i < net->sources; i++) {
        if (net->source[i].bursts > 0) {
            sched_wake(&b->sched, b->driver[i].block, net->source[i].burst[0].announce);
        }
    }
}

void bench_free(struct bench *b)
{
    for (unsigned c = 0; c < b->net->channels; c++) {
        channel_free(&b->channel[c]);
        free(b->record[c].run);
    }
    for (unsigned s = 0; s < b->net->stages; s++) {
        stage_free(&b->stage[s].stage);
        free(b->stage[s].log.begin);
    }
    sched_free(&b->sched);
}

void bench_run_until(struct bench *b, unsigned domain, uint64_t cycle)
{
    while (sched_step(&b->sched, domain, cycle)) {}
}

void bench_settle(struct bench *b, unsigned domain, uint64_t cycle)
{
    for (unsigned s = 0; s < b->net->stages; s++) {
        struct stage *st = &b->stage[s].stage;

        /* the first edge strictly after the cut: all before it are counted */
        stage_settle(st, clock_edge_after(&b->clocks, domain, cycle, st->config.domain, 1));
    }
}

void bench_register_state(struct bench *b, struct snapshot *snap)
{
    sched_register_state(&b->sched, snap);
    for (unsigned c = 0; c < b->net->channels; c++) {
        channel_register_state(&b->channel[c], snap);
    }
    for (unsigned s = 0; s < b->net->stages; s++) {
        stage_register_state(&b->stage[s].stage, snap);
    }
    for (unsigned i = 0; i < b->net->sources; i++) {
        snapshot_fixed(snap, "driver", &b->driver[i].next, sizeof b->driver[i].next);
    }
}

bool bench_same_runs(const struct bench_record *a, const struct bench_record *b)
{
    for (size_t i = 0; i < a->runs && i < b->runs; i++) {
        const struct bench_run *p = &a->run[i];
        const struct bench_run *q = &b->run[i];

        if (p->push != q->push || p->run.first != q->run.first || p->run.beats != q->run.beats ||
            p->run.step != q->run.step) {
            return false;
        }
    }
    return a->runs == b->runs;
}

void bench_forget(struct bench *b)
{
    for (unsigned c = 0; c < b->net->channels; c++) {
        b->record[c].runs = 0;
    }
    for (unsigned s = 0; s < b->net->stages; s++) {
        b->stage[s].log.begins = 0;
    }
}
