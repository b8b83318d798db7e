#include "cli/simulation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/feed.h"
#include "cli/inputs.h"
#include "cli/measured.h"
#include "cli/results.h"
#include "cli/synthesis.h"
#include "engine/must.h"
#include "report/timeline.h"
#include "traces/rules.h"

static const uint64_t us = 1000000; /* ps */

struct simulation {
    const struct espnic_config *config;
    struct simulation_options options;
    struct espnic *card;
    struct host *host;
    struct feed rx[NIC_MAX_PORTS], tx[NIC_MAX_PORTS];
    unsigned ports, closed_turn; /* port that a closed loop asks first */
    struct record_reader *recording;
    const struct recording_record *record;
    bool have_record;
    struct rules *rules;
    struct run_violation *violation; /* RUN_MAX_VIOLATIONS of them */
    unsigned violations;
    struct capture_writer *tx_out[NIC_MAX_PORTS + 1],
        *rx_out[NIC_MAX_PORTS + 1]; /* last: all ports */
    struct series series;
    bool series_on;
    struct timeline timeline;
    bool timeline_on;
    uint32_t row[SCHED_MAX_BLOCKS]; /* of the timeline, + 1; 0: none yet */
    struct stat_registry *registry;
    uint64_t base;     /* simulated time of t = 0 of the inputs */
    uint64_t epoch_ns; /* absolute time of it: of written captures */
    uint64_t fed;      /* packets of both directions */
    uint64_t limit;    /* of them */
    uint64_t stop;     /* no input from here on */
    unsigned resets;   /* steps of faults.reset that are done: its begin, its end */
    struct run_results results;
    struct phase_mark begin, end; /* of the measured phase */
    struct measured *measured;    /* NULL: no warm-up */
    bool summed_up;
    bool packets_come;           /* there are captures, or made traffic */
    struct synthesis *synthesis; /* NULL: none */
    struct run_tally tally,
        tally_begin;   /* of made traffic: so far; at the begin of the measured phase */
    bool any, arrived; /* something has: ever, since `end` was taken */
    char error[SIMULATION_ERROR];
};

__attribute__((format(printf, 2, 3))) static bool fail(struct simulation *s, const char *format,
                                                       ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->error, sizeof s->error, format, args);
    va_end(args);
    return false;
}

/* ---- sinks ---------------------------------------------------------------------------------------- */

static uint64_t stamp_ns(const struct simulation *s, uint64_t time)
{
    return s->epoch_ns + (time > s->base ? (time - s->base) / 1000 : 0);
}

static void on_wire(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame,
                    bool forwarded)
{
    struct simulation *s = self;

    (void)forwarded;
    if (s->synthesis) {
        struct run_tally *t = &s->tally;

        t->packets[synthesis_kind(frame->tag)]++;
        t->bytes[synthesis_kind(frame->tag)] += synthesis_size(frame->tag);
    }
    for (unsigned i = port; frame->bytes && i <= NIC_MAX_PORTS;
         i = i == port ? NIC_MAX_PORTS : i + 1) {
        if (s->tx_out[i]) {
            capture_write(s->tx_out[i], stamp_ns(s, time), frame->bytes, frame->captured,
                          frame->length);
        }
    }
}

static void on_delivery(void *self, const struct host_delivery *d)
{
    struct simulation *s = self;

    for (unsigned i = d->port; d->bytes && i <= NIC_MAX_PORTS;
         i = i == d->port ? NIC_MAX_PORTS : i + 1) {
        if (s->rx_out[i]) {
            capture_write(s->rx_out[i], stamp_ns(s, d->time), d->bytes, d->captured, d->length);
        }
    }
}

/* A bar on the row of its block, and arrows that lead a packet from block to block. */
static void on_passage(void *self, const struct nic_passage *p)
{
    struct simulation *s = self;
    uint64_t begin = p->begin_ps > s->base ? p->begin_ps - s->base : 0;
    uint64_t end = p->end_ps > s->base ? p->end_ps - s->base : 0;
    bool first = !strcmp(p->block, p->rx ? "parser" : "tx_dma");
    bool last = !strcmp(p->block, p->rx ? "rx_dma" : "mac_tx");

    if (!timeline_wants(&s->timeline, begin, end)) {
        return;
    }
    if (!s->row[p->number]) {
        s->row[p->number] = timeline_thread(&s->timeline, p->block) + 1;
    }
    timeline_span(&s->timeline, s->row[p->number] - 1, p->rx ? "rx" : "tx", begin, end, p->tag,
                  p->bytes);
    timeline_flow(&s->timeline, s->row[p->number] - 1,
                  first  ? TIMELINE_START
                  : last ? TIMELINE_FINISH
                         : TIMELINE_STEP,
                  begin, p->tag);
}

/* ---- set-up --------------------------------------------------------------------------------------- */

static bool make_card(struct simulation *s)
{
    const struct espnic_config *c = s->config;
    struct espnic_options card = { .functional = !c->workload.timing_only, .backend = "auto" };
    struct host_options host = { .functional = !c->workload.timing_only,
                                 .sinks = { .self = s, .wire = on_wire, .deliver = on_delivery },
                                 .ports = c->card.general.ports,
                                 .forward = &c->card.forward,
                                 .mtu = (uint32_t)c->card.mac.mtu,
                                 .free_requests = s->options.free_requests };
    struct espnic_ports ports;

    const char *library = getenv("ESPNIC_CRYPTO");

    if (library) {
        card.backend = library;
        host.backend = !strcmp(library, "openssl") ? ESP_BACKEND_OPENSSL : ESP_BACKEND_AUTO;
    }
    s->host = host_create(&c->host, &host, &ports, s->error, sizeof s->error);
    if (!s->host) {
        return false;
    }
    s->card = espnic_create(&c->card, &card, &ports, s->error, sizeof s->error);
    if (!s->card) {
        return false;
    }
    host_attach(s->host, s->card);
    s->base = host_start(s->host, s->error, sizeof s->error);
    s->base = (s->base + us - 1) / us * us;
    return s->base != 0;
}

static void note_violation(void *context, const struct rules_violation *v)
{
    struct simulation *s = context;

    if (rules_info(v->rule)->where == RULES_WITH_CAPABILITIES) {
        s->results.beyond_card++;
    } else {
        s->results.violations++;
    }
    s->results.rule[v->rule]++;
    if (s->violations < RUN_MAX_VIOLATIONS) {
        struct run_violation *told = &s->violation[s->violations++];

        told->rule = v->rule;
        told->record = v->line;
        snprintf(told->sentence, sizeof told->sentence, "%s", v->sentence);
    }
}

/* --strict: what is wrong with the recording, a line a breach. */
static bool tell_violations(struct simulation *s)
{
    uint64_t all = s->results.violations + s->results.beyond_card;
    size_t used = 0;

    if (!all && s->results.rule[10]) {
        return fail(
            s,
            "%s: rule 10: the card asked to delete %llu inbound SAs for which no \"pair\" says which "
            "outbound one goes with them",
            s->config->workload.oids, (unsigned long long)s->results.rule[10]);
    }

    for (unsigned i = 0; i < s->violations && used < sizeof s->error; i++) {
        const struct run_violation *v = &s->violation[i];

        used += (size_t)snprintf(s->error + used, sizeof s->error - used, "%s%s:%llu: rule %u: %s",
                                 i ? "\n" : "", s->config->workload.oids,
                                 (unsigned long long)v->record, v->rule, v->sentence);
    }
    return all == 0;
}

/* The next record, damaged ones skipped if asked for. */
static bool next_record(struct simulation *s)
{
    for (;;) {
        enum recording_result r = record_reader_next(s->recording, &s->record);

        s->have_record = r == RECORDING_OK;
        if (r == RECORDING_OK) {
            s->results.records++;
            return rules_check(s->rules, s->record) || fail(s, "out of memory");
        }
        if (r == RECORDING_END) {
            return true;
        }
        if (r == RECORDING_BROKEN || !s->config->workload.skip_bad) {
            return fail(s, "%s", record_reader_error(s->recording));
        }
        s->results.bad_records++;
    }
}

/* What the host would have read from this card before it issued the first request (rules 3, 4, 7). A
 * recording from a host with another card may go beyond it, which is counted by itself. */
static struct rules_capabilities what_card_reports(const struct nic_config *card)
{
    const struct sa_capabilities *can = &card->capabilities;
    const struct sa_table_config *table = &card->table;
    struct rules_capabilities r = { .udp_mask = can->udp, .esn = can->esn, .ipv6 = can->ipv6 };

    r.capacity =
        table->per_direction ? (uint64_t)table->capacity_in + table->capacity_out : table->capacity;
    for (unsigned a = 1; a < ESP_ALG_COUNT; a++) {
        const struct esp_alg_info *info = esp_alg_info((enum esp_alg)a);

        r.encryption_mask |= can->encryption & SA_ALGORITHM(a) ? info->ndis_encryption : 0;
        r.auth_mask |= can->authentication & SA_ALGORITHM(a) ? info->ndis_auth : 0;
    }
    return r;
}

static bool open_recording(struct simulation *s)
{
    const char *path = s->config->workload.oids;
    struct rules_capabilities reported;

    if (!path[0]) {
        return true;
    }
    s->violation = calloc(RUN_MAX_VIOLATIONS, sizeof *s->violation);
    reported = what_card_reports(&s->config->card);
    s->rules = rules_create(&reported, note_violation, s);
    if (!s->rules || !s->violation) {
        return fail(s, "out of memory");
    }
    s->recording = record_reader_open(s->options.inputs, path, s->error, sizeof s->error);
    return s->recording && next_record(s);
}

/* t = 0: the recording's epoch, or the earliest packet of all inputs. */
static bool find_epoch(struct simulation *s, uint64_t *earliest)
{
    const struct workload_config *w = &s->config->workload;
    bool any = false;

    *earliest = 0;
    for (unsigned p = 0; p < s->ports; p++) {
        if (!feed_earliest(s->options.inputs, w->rx[p], w->rx_filter, earliest, &any, s->error,
                           sizeof s->error) ||
            !feed_earliest(s->options.inputs, w->tx[p], w->tx_filter, earliest, &any, s->error,
                           sizeof s->error)) {
            return false;
        }
    }
    if (s->recording && record_reader_header(s->recording)->has_epoch) {
        s->epoch_ns = record_reader_header(s->recording)->epoch_ns;
    } else {
        s->epoch_ns = *earliest;
    }
    if (!any) {
        *earliest = s->epoch_ns;
    }
    return true;
}

/* SAs added at or before the first packet are there before time starts. */
static bool preload(struct simulation *s, uint64_t earliest)
{
    uint32_t how = s->config->workload.preload;
    uint64_t limit = earliest > s->epoch_ns ? earliest - s->epoch_ns : 0;

    if (!s->recording || how == PRELOAD_OFF ||
        (how == PRELOAD_AUTO && record_reader_header(s->recording)->has_epoch)) {
        return true;
    }
    while (s->have_record && s->record->t_ns <= limit &&
           (s->record->kind == RECORDING_ADD_SA || s->record->kind == RECORDING_ADD_SA_EX)) {
        for (size_t i = 0; i < s->record->node_count; i++) {
            enum sa_reason reason;

            host_preload_add(s->host, &s->record->nodes[i], &reason);
            s->results.preloaded++;
        }
        if (!next_record(s)) {
            return false;
        }
    }
    return true;
}

static bool open_capture(struct simulation *s, const char *path, struct capture_writer **writer)
{
    *writer = path[0] ? capture_writer_open(path, s->error, sizeof s->error) : NULL;
    return !path[0] || *writer;
}

static bool open_captures(struct simulation *s)
{
    const struct outputs_config *o = &s->config->outputs;

    for (unsigned p = 0; p < s->ports; p++) {
        if (!open_capture(s, o->port_tx_out[p], &s->tx_out[p]) ||
            !open_capture(s, o->port_rx_out[p], &s->rx_out[p])) {
            return false;
        }
    }
    return open_capture(s, o->tx_out, &s->tx_out[NIC_MAX_PORTS]) &&
           open_capture(s, o->rx_out, &s->rx_out[NIC_MAX_PORTS]);
}

static bool open_outputs(struct simulation *s)
{
    const struct outputs_config *o = &s->config->outputs;

    if (s->options.quiet) {
        return true;
    }
    if (!open_captures(s)) {
        return false;
    }
    if (o->timeline[0]) {
        s->timeline_on = timeline_open(&s->timeline, o->timeline, o->timeline_from, o->timeline_to,
                                       o->timeline_events, s->error, sizeof s->error);
        if (!s->timeline_on) {
            return false;
        }
        nic_trace(s->card, on_passage, s);
    }
    if (o->series[0]) {
        s->registry = calloc(1, sizeof *s->registry);
        simulation_register_stats(s, s->registry);
        s->series_on = series_open(&s->series, o->series, s->registry, o->series_columns,
                                   o->interval, s->error, sizeof s->error);
        return s->series_on;
    }
    return true;
}

static bool open_feeds(struct simulation *s)
{
    const struct workload_config *w = &s->config->workload;

    if (s->config->traffic.profile[0]) {
        s->synthesis = synthesis_create(s->config, s->error, sizeof s->error);
        for (unsigned p = 0; s->synthesis && p < s->ports; p++) {
            feed_synthesise(&s->rx[p], s->synthesis, p);
        }
        s->packets_come = true;
        return s->synthesis && synthesis_preload(s->synthesis, s->host, s->error, sizeof s->error);
    }
    for (unsigned p = 0; p < s->ports; p++) {
        if (!feed_open(&s->rx[p], s->options.inputs, w->rx[p], w->rx_filter, w, s->epoch_ns,
                       s->error, sizeof s->error) ||
            !feed_open(&s->tx[p], s->options.inputs, w->tx[p], w->tx_filter, w, s->epoch_ns,
                       s->error, sizeof s->error)) {
            return false;
        }
        s->packets_come |= s->rx[p].capture || s->tx[p].capture;
    }
    return true;
}

static bool set_up(struct simulation *s)
{
    uint64_t earliest;

    s->ports = s->config->card.general.ports;
    return make_card(s) && open_recording(s) && find_epoch(s, &earliest) && open_feeds(s) &&
           preload(s, earliest) && open_outputs(s);
}

struct simulation *simulation_create(const struct espnic_config *config,
                                     const struct simulation_options *options, char *error,
                                     size_t error_size)
{
    struct simulation *s = calloc(1, sizeof *s);

    if (!s) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    s->config = config;
    s->options = *options;
    if (!set_up(s)) {
        snprintf(error, error_size, "%s", s->error);
        simulation_destroy(s);
        return NULL;
    }
    return s;
}

void simulation_destroy(struct simulation *s)
{
    char ignored[256];

    if (!s) {
        return;
    }
    for (unsigned i = 0; i <= NIC_MAX_PORTS; i++) {
        if (s->tx_out[i]) {
            capture_writer_close(s->tx_out[i], ignored, sizeof ignored);
        }
        if (s->rx_out[i]) {
            capture_writer_close(s->rx_out[i], ignored, sizeof ignored);
        }
    }
    if (s->timeline_on) {
        timeline_close(&s->timeline, ignored, sizeof ignored);
    }
    if (s->series_on) {
        series_close(&s->series, host_now(s->host), ignored, sizeof ignored);
    }
    synthesis_destroy(s->synthesis);
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        feed_close(&s->rx[p]);
        feed_close(&s->tx[p]);
    }
    if (s->host) {
        host_destroy(s->host);
    }
    espnic_destroy(s->card);
    record_reader_close(s->recording);
    rules_destroy(s->rules);
    free(s->violation);
    free(s->registry);
    free(s->measured);
    phase_free(&s->begin);
    phase_free(&s->end);
    free(s);
}

/* ---- the run -------------------------------------------------------------------------------------- */

static void set_limits(struct simulation *s)
{
    uint64_t limit = s->config->stop.packets;

    if (s->options.packets && (!limit || s->options.packets < limit)) {
        limit = s->options.packets;
    }
    s->limit = limit ? limit : UINT64_MAX;
    s->stop = s->config->stop.time ? s->base + s->config->stop.time : ESPNIC_NEVER;
}

static void count_up(struct simulation *s);

/* Let time pass up to `until`; rows of the series fall on the way. */
static void pass(struct simulation *s, uint64_t until)
{
    while (s->series_on && s->base + s->series.next <= until) {
        host_simulate(s->host, s->base + s->series.next);
        count_up(s);
        series_advance(&s->series, s->series.next);
    }
    host_simulate(s->host, until);
}

/* After a warm-up: what there is already is not of the measured phase. */
static void keep_counts(struct simulation *s)
{
    if (s->config->stop.warmup == 0) {
        return;
    }
    s->measured = must(calloc(1, sizeof *s->measured));
    count_up(s);
    s->measured->begin = s->results;
    for (unsigned i = 0; i < RUN_LATENCIES; i++) {
        s->measured->latency[i] = *simulation_whole_latency(s, (enum run_latency)i);
    }
}

/* A packet, or in a run without packets a request, comes in. The measured phase begins with the first
 * one after the warm-up; in an experiment at the latest with the packet that it began with before. */
static void note_arrival(struct simulation *s, uint64_t time)
{
    struct run_results *r = &s->results;

    if (!s->any) {
        s->any = true;
        r->first = time;
    }
    r->last = time > r->last ? time : r->last;
    s->arrived = true;
    if (!s->begin.taken && (time >= r->first + s->config->stop.warmup ||
                            (s->options.warm_packets && s->fed >= s->options.warm_packets))) {
        phase_take(&s->begin, s->card, s->host, time);
        keep_counts(s);
        s->tally_begin = s->tally;
        r->warm_packets = s->fed;
    }
}

static void note_packet(struct simulation *s, uint64_t time)
{
    note_arrival(s, time);
    s->fed++;
    if (s->options.progress) {
        progress_update(s->options.progress, s->fed, time);
    }
}

/* What had been done at the last arrival so far; what a record that comes later does must not count. */
static void keep_last(struct simulation *s)
{
    if (s->arrived) {
        phase_take(&s->end, s->card, s->host, host_now(s->host));
        s->results.tally = s->tally;
        s->arrived = false;
    }
}

static bool give_record(struct simulation *s, uint64_t time)
{
    const struct recording_record *r = s->record;
    uint64_t line = r->line;
    bool ok = true;

    switch (r->kind) {
    case RECORDING_ADD_SA:
    case RECORDING_ADD_SA_EX:
        ok = host_oid_add(s->host, time, r->nodes, (uint32_t)r->node_count,
                          r->kind == RECORDING_ADD_SA_EX, line, r->req);
        break;
    case RECORDING_UPDATE_SA:
        ok = host_oid_update(s->host, time, r->handle, r->op, r->spi, r->seq_hi, line, r->req);
        break;
    case RECORDING_DELETE_SA:
        ok = host_oid_delete(s->host, time, r->handles, (uint32_t)r->handle_count, line, r->req);
        break;
    case RECORDING_ENCAPSULATION:
        ok = host_event(s->host, time, HOST_EVENT_ENCAPSULATION, r->on);
        break;
    case RECORDING_PARAMETERS: ok = host_event(s->host, time, HOST_EVENT_PARAMETERS, 0); break;
    case RECORDING_RESET_BEGIN: ok = host_event(s->host, time, HOST_EVENT_RESET_BEGIN, 0); break;
    case RECORDING_RESET_END: ok = host_event(s->host, time, HOST_EVENT_RESET_END, 0); break;
    case RECORDING_LINK: ok = host_event(s->host, time, HOST_EVENT_LINK, r->on); break;
    case RECORDING_CANCEL: ok = host_event(s->host, time, HOST_EVENT_CANCEL, r->req); break;
    case RECORDING_KIND_COUNT: break;
    }
    if (!s->packets_come) {
        note_arrival(s, time);
    }
    if (!ok) {
        return fail(s, "%s:%llu: the host did not take the request (internal error)",
                    s->config->workload.oids, (unsigned long long)line);
    }
    return next_record(s);
}

static bool give_rx(struct simulation *s, unsigned port, uint64_t time)
{
    struct feed *feed = &s->rx[port];
    const struct capture_packet *p = &feed->packet;
    struct espnic_frame f = {
        .bytes = p->bytes, .captured = p->captured, .length = p->length, .tag = s->fed
    };

    if (feed->synthesis) {
        f.tag = feed->tag;
        f.plain = true;
    }
    pass(s, time);
    if (espnic_wire_free(s->card, port) == ESPNIC_NEVER) {
        return true; /* an idealised wire has no room: rx_time() waits for it */
    }
    if (time < espnic_now(s->card)) {
        time = espnic_now(s->card);
    }
    note_packet(s, time);
    /* stamps are whole nanoseconds, cycles of the wire are not */
    s->results.rx_delayed += !feed->closed && time >= s->base + feed->time + 1000;
    s->results.truncated += p->captured < p->length && !feed->synthesis;
    s->results.rx.packets_in++;
    s->results.rx.bytes_in += p->length;
    if (!espnic_wire_rx(s->card, port, time, &f)) {
        return fail(s,
                    "%s: record %llu: the card did not take the frame (%u bytes; expected at "
                    "most 65599)",
                    s->config->workload.rx[port], (unsigned long long)p->record, p->length);
    }
    return feed_next(feed, s->error, sizeof s->error);
}

static bool give_tx(struct simulation *s, unsigned port, uint64_t time)
{
    struct feed *feed = &s->tx[port];
    const struct capture_packet *p = &feed->packet;
    struct espnic_frame f = {
        .bytes = p->bytes, .captured = p->captured, .length = p->length, .tag = s->fed
    };

    pass(s, time);
    note_packet(s, time);
    s->results.truncated += p->captured < p->length;
    if (!host_tx(s->host, time > host_now(s->host) ? time : host_now(s->host), port, &f)) {
        return fail(s, "%s: record %llu: the host did not take the packet",
                    s->config->workload.tx[port], (unsigned long long)p->record);
    }
    return feed_next(feed, s->error, sizeof s->error);
}

/* ---- closed loop ------------------------------------------------------------------------------------ */

/* Ports take turns, packet by packet. The port that is next, `ports` if none has a packet. */
static unsigned closed_port(const struct simulation *s)
{
    for (unsigned i = 0; i < s->ports; i++) {
        unsigned p = (s->closed_turn + i) % s->ports;

        if (s->tx[p].closed && s->tx[p].have) {
            return p;
        }
    }
    return s->ports;
}

static bool source_peek(void *self, struct host_packet *packet)
{
    struct simulation *s = self;
    unsigned port = closed_port(s);
    const struct capture_packet *p;

    if (port == s->ports || s->fed >= s->limit) {
        return false;
    }
    p = &s->tx[port].packet;
    packet->time = 0;
    packet->port = port;
    packet->frame = (struct espnic_frame){
        .bytes = p->bytes, .captured = p->captured, .length = p->length, .tag = s->fed
    };
    return true;
}

static bool anything_left(const struct simulation *s)
{
    for (unsigned p = 0; p < s->ports; p++) {
        if (s->tx[p].have || s->rx[p].have) {
            return true;
        }
    }
    return false;
}

static void source_take(void *self)
{
    struct simulation *s = self;
    struct feed *feed = &s->tx[closed_port(s)];

    s->closed_turn = (unsigned)(feed - s->tx) + 1;
    s->results.truncated += feed->packet.captured < feed->packet.length;
    note_packet(s, host_now(s->host));
    if (!feed_next(feed, s->error, sizeof s->error)) {
        feed->have = false;
    }
    if (!anything_left(s) || s->fed >= s->limit) {
        keep_last(s);
    }
}

/* When the wire is free. An idealised one takes a frame when there is room, and only the card knows
 * when: let time pass until then, but not beyond `bound`. */
static uint64_t wire_slot(struct simulation *s, unsigned port, uint64_t bound)
{
    uint64_t at;

    while ((at = espnic_wire_free(s->card, port)) == ESPNIC_NEVER) {
        uint64_t card = espnic_next_event(s->card);
        uint64_t host = host_next_event(s->host);
        uint64_t next = card < host ? card : host;

        if (next == ESPNIC_NEVER || next > bound) {
            return ESPNIC_NEVER;
        }
        pass(s, next);
    }
    return at;
}

/* A frame comes at its stamp, or when those before it have left the wire free. */
static uint64_t rx_time(struct simulation *s, unsigned port, uint64_t bound)
{
    const struct feed *feed = &s->rx[port];
    uint64_t stamp = feed->closed ? 0 : s->base + feed->time;
    uint64_t at;

    if (!feed->have || s->fed >= s->limit) {
        return ESPNIC_NEVER;
    }
    if (stamp > host_now(s->host)) {
        at = espnic_wire_free(s->card, port);
        return at != ESPNIC_NEVER && at > stamp ? at : stamp;
    }
    at = wire_slot(s, port, bound);
    return at > stamp ? at : stamp;
}

static uint64_t tx_time(const struct simulation *s, unsigned port)
{
    if (!s->tx[port].have || s->tx[port].closed || s->fed >= s->limit) {
        return ESPNIC_NEVER;
    }
    return s->base + s->tx[port].time;
}

static uint64_t record_time(const struct simulation *s)
{
    return s->have_record ? s->base + s->record->t_ns * 1000 : ESPNIC_NEVER;
}

/* The next step of faults.reset. */
static uint64_t reset_time(const struct simulation *s)
{
    const struct faults_config *f = &s->config->faults;

    if (f->reset_at == 0 || s->resets == 2 || (s->resets == 1 && f->reset_hold == 0)) {
        return ESPNIC_NEVER;
    }
    return s->base + f->reset_at + (s->resets == 1 ? f->reset_hold : 0);
}

static bool give_reset(struct simulation *s)
{
    uint64_t time = reset_time(s);

    pass(s, time);
    time = time > host_now(s->host) ? time : host_now(s->host);
    return host_event(s->host, time,
                      s->resets++ == 0 ? HOST_EVENT_RESET_BEGIN : HOST_EVENT_RESET_END, 0) ||
           fail(s, "the host did not take the reset (internal error)");
}

static bool closed_loop_runs(const struct simulation *s)
{
    return closed_port(s) < s->ports && s->fed < s->limit && !s->error[0];
}

/* The next packet of a direction: its port and its time. */
struct next_packet {
    unsigned port;
    uint64_t time;
};

static struct next_packet next_tx(const struct simulation *s)
{
    struct next_packet next = { .time = ESPNIC_NEVER };

    for (unsigned p = 0; p < s->ports; p++) {
        uint64_t at = tx_time(s, p);

        if (at < next.time) {
            next = (struct next_packet){ p, at };
        }
    }
    return next;
}

/* On an ideal wire waiting for room lets time pass, so that the times of ports asked before are past: they
 * are asked again. */
static struct next_packet next_rx(struct simulation *s, uint64_t bound)
{
    struct next_packet next = { .time = ESPNIC_NEVER };
    uint64_t began;

    do {
        began = host_now(s->host);
        next.time = ESPNIC_NEVER;
        for (unsigned p = 0; p < s->ports; p++) {
            uint64_t at = rx_time(s, p, next.time < bound ? next.time : bound);

            if (at < next.time) {
                next = (struct next_packet){ p, at };
            }
        }
    } while (s->ports > 1 && host_now(s->host) > began);
    return next;
}

/* Give the earliest input; records before packets of the same time, of packets those from the wire first,
 * and the lower port. False: none, or an error. */
static bool give_next(struct simulation *s, bool *ok)
{
    uint64_t record = record_time(s);
    uint64_t reset = reset_time(s);
    struct next_packet tx = next_tx(s);
    uint64_t first = record < tx.time ? record : tx.time;
    struct next_packet rx = next_rx(s, first < s->stop ? first : s->stop);

    first = rx.time < first ? rx.time : first;
    if (first >= s->stop) { /* at the latest NEVER */
        return false;
    }
    if (reset <= first) {
        *ok = give_reset(s);
    } else if (record <= tx.time && record <= rx.time) {
        if (tx.time >= s->stop && rx.time >= s->stop && !closed_loop_runs(s)) {
            keep_last(s);
        }
        pass(s, record);
        *ok = give_record(s, record > host_now(s->host) ? record : host_now(s->host));
    } else if (rx.time <= tx.time) {
        *ok = give_rx(s, rx.port, rx.time);
    } else {
        *ok = give_tx(s, tx.port, tx.time);
    }
    return *ok;
}

static void end_of_measure(struct simulation *s)
{
    pass(s, s->results.last);
    keep_last(s);
}

/* In a closed loop the host goes on taking packets after the other inputs are through. */
static void finish_closed_loop(struct simulation *s)
{
    while (closed_loop_runs(s)) {
        uint64_t card = espnic_next_event(s->card);
        uint64_t host = host_next_event(s->host);
        uint64_t next = card < host ? card : host;

        if (next >= s->stop) { /* at the latest NEVER */
            break;
        }
        if (reset_time(s) <= next) {
            give_reset(s);
            continue;
        }
        pass(s, next);
    }
}

static enum simulation_end drain(struct simulation *s)
{
    char text[4096];

    host_set_source(s->host, NULL);
    if (s->series_on) {
        for (;;) {
            uint64_t card = espnic_next_event(s->card);
            uint64_t host = host_next_event(s->host);

            if (card == ESPNIC_NEVER && host == ESPNIC_NEVER) {
                break;
            }
            pass(s, card < host ? card : host);
        }
    }
    s->results.end = host_simulate(s->host, ESPNIC_NEVER);
    if (!host_idle(s->host)) {
        size_t used;

        host_explain(s->host, text, sizeof text);
        used = strlen(text);
        nic_explain_standstill(s->card, text + used, sizeof text - used);
        fail(s, "the model stands still at %llu ns:\n%s",
             (unsigned long long)(s->results.end / 1000), text);
        return SIMULATION_MODEL_ERROR;
    }
    if (!host_check_books(s->host, text, sizeof text) ||
        !nic_check_books(s->card, text, sizeof text)) {
        fail(s, "the books do not balance: %s", text);
        return SIMULATION_MODEL_ERROR;
    }
    return SIMULATION_DONE;
}

static bool close_capture(struct simulation *s, struct capture_writer **writer)
{
    struct capture_writer *w = *writer;

    *writer = NULL;
    return !w || capture_writer_close(w, s->error, sizeof s->error);
}

static bool close_outputs(struct simulation *s)
{
    bool series = s->series_on;
    bool timeline = s->timeline_on;
    bool good = true;

    s->series_on = false;
    s->timeline_on = false;
    /* all of them, also when one has failed */
    for (unsigned i = 0; i <= NIC_MAX_PORTS; i++) {
        good = close_capture(s, &s->tx_out[i]) && good;
        good = close_capture(s, &s->rx_out[i]) && good;
    }
    good = (!timeline || timeline_close(&s->timeline, s->error, sizeof s->error)) && good;
    return (!series ||
            series_close(&s->series, s->results.end - s->base, s->error, sizeof s->error)) &&
           good;
}

static void sum_up(struct simulation *s);

/* --strict: the simulated card and host keep the rules, too. */
static enum simulation_end card_verdict(struct simulation *s)
{
    const uint64_t *broken = host_statistics(s->host)->card_rules;

    for (unsigned rule = 1; rule < HOST_CARD_RULES; rule++) {
        if (broken[rule]) {
            fail(s, "the simulated card broke rule %u of the interface %llu times: %s", rule,
                 (unsigned long long)broken[rule], rules_info(rule)->summary);
            return SIMULATION_MODEL_ERROR;
        }
    }
    return SIMULATION_DONE;
}

/* A phase of no length has no figures. In an experiment the phase is where it was before. */
static enum simulation_end phase_verdict(struct simulation *s)
{
    const struct run_results *r = &s->results;
    uint64_t warmup = s->config->stop.warmup;

    if (warmup == 0 || s->options.warm_packets || r->measured_us > 0) {
        return SIMULATION_DONE;
    }
    fail(
        s,
        "nothing was measured: found a warm-up of %.3f us, expected less than the %.3f us from the first arrival "
        "to the last",
        (double)warmup / 1e6, (double)(r->last - r->first) / 1e6);
    return SIMULATION_NOT_MEASURED;
}

enum simulation_end simulation_run(struct simulation *s, char *error, size_t error_size)
{
    struct host_source source = {
        .self = s, .peek = source_peek, .take = source_take, .closed_loop = true
    };
    enum simulation_end end;
    bool ok = true;

    set_limits(s);
    s->results.first = s->results.last = s->base;
    pass(s, s->base);
    if (closed_port(s) < s->ports) {
        host_set_source(s->host, &source);
        host_source_ready(s->host, s->base);
    }
    while (give_next(s, &ok)) {}
    finish_closed_loop(s);
    if (!ok || s->error[0]) {
        snprintf(error, error_size, "%s", s->error);
        return SIMULATION_BAD_INPUT;
    }
    end_of_measure(s);
    while (reset_time(s) < s->stop || (s->resets == 1 && reset_time(s) != ESPNIC_NEVER)) {
        give_reset(s); /* also behind the last input; one that has begun ends */
    }
    end = drain(s);
    sum_up(s);
    if (end == SIMULATION_DONE && !close_outputs(s)) {
        end = SIMULATION_BAD_INPUT;
    }
    if (end == SIMULATION_DONE && s->config->workload.strict) {
        end = !tell_violations(s) ? SIMULATION_BAD_INPUT : card_verdict(s);
    }
    if (end == SIMULATION_DONE) {
        end = phase_verdict(s);
    }
    snprintf(error, error_size, "%s", s->error);
    return end;
}

/* ---- results ------------------------------------------------------------------------------------------ */

/* `forwarded`: packets that went through this direction of the card and not to the host. */
static void rates(struct run_direction *d, const struct nic_direction_stats *begin,
                  const struct nic_direction_stats *end, uint64_t forwarded, uint64_t ps)
{
    uint64_t packets = end->packets_out - begin->packets_out + forwarded;
    uint64_t bytes = end->bytes_through - begin->bytes_through;

    d->measured_packets = packets;
    d->measured_bytes = bytes;
    if (ps) {
        d->gbps = (double)bytes * 8000.0 / (double)ps;
        d->wire_gbps = (double)(bytes + packets * PACE_OVERHEAD_BYTES) * 8000.0 / (double)ps;
        d->mpps = (double)packets * 1e6 / (double)ps;
        d->offered_gbps = (double)(end->bytes_in - begin->bytes_in) * 8000.0 / (double)ps;
        d->offered_mpps = (double)(end->packets_in - begin->packets_in) * 1e6 / (double)ps;
    }
}

static void port_rates(struct run_port_direction *d, const struct nic_port_direction_stats *begin,
                       const struct nic_port_direction_stats *end, uint64_t ps)
{
    uint64_t packets = end->packets - begin->packets;
    uint64_t bytes = end->bytes - begin->bytes;

    d->gbps = (double)bytes * 8000.0 / (double)ps;
    d->wire_gbps = (double)(bytes + packets * PACE_OVERHEAD_BYTES) * 8000.0 / (double)ps;
    d->mpps = (double)packets * 1e6 / (double)ps;
}

uint64_t run_drops(const uint64_t drops[RUN_MAX_DROPS])
{
    uint64_t total = 0;

    for (unsigned i = 0; i < RUN_MAX_DROPS; i++) {
        total += drops[i];
    }
    return total;
}

double run_share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static double changes_per_s(const struct simulation *s, enum host_oid_kind kind)
{
    return (double)(s->end.changes[kind] - s->begin.changes[kind]) * 1e6 / s->results.measured_us;
}

/* FD.io CSIT's measure of a change under load: packets lost, over the rate at which they were offered. */
static double blocked_us(uint64_t lost, uint64_t offered, double measured_us)
{
    return offered > 0 ? (double)lost * measured_us / (double)offered : 0;
}

/* The work of the measured phase, and its rates. */
static void sum_up_phase(struct simulation *s)
{
    struct run_results *r = &s->results;
    uint64_t ps = s->begin.taken && s->end.taken ? s->end.time - s->begin.time : 0;

    r->measured_us = (double)ps / 1e6;
    if (!ps) {
        return;
    }
    rates(&r->rx, &s->begin.card.rx, &s->end.card.rx,
          s->end.card.forward.packets - s->begin.card.forward.packets, ps);
    rates(&r->tx, &s->begin.card.tx, &s->end.card.tx, 0, ps);
    r->rx.blocked_us =
        blocked_us(run_drops(simulation_measured(s)->rx_drop),
                   s->end.card.rx.packets_in - s->begin.card.rx.packets_in, r->measured_us);
    r->tx.blocked_us = blocked_us(run_drops(simulation_measured(s)->tx_drop),
                                  s->end.given - s->begin.given, r->measured_us);
    for (unsigned k = 0; k < SYNTHESIS_KINDS; k++) {
        r->tally.packets[k] -= s->tally_begin.packets[k];
        r->tally.bytes[k] -= s->tally_begin.bytes[k];
    }
    for (unsigned p = 0; p < s->ports; p++) {
        port_rates(&r->port[p].rx, &s->begin.card.port[p].rx, &s->end.card.port[p].rx, ps);
        port_rates(&r->port[p].tx, &s->begin.card.port[p].tx, &s->end.card.port[p].tx, ps);
    }
    r->work.packets = s->end.delivered + s->end.sent - s->begin.delivered - s->begin.sent;
    r->work.requests = s->end.requests_out - s->begin.requests_out;
    r->work.requests_waiting = s->end.requests_in - s->end.requests_out;
    r->adds_per_s = changes_per_s(s, HOST_OID_ADD);
    r->updates_per_s = changes_per_s(s, HOST_OID_UPDATE);
    r->deletes_per_s = changes_per_s(s, HOST_OID_DELETE);
    r->churn_per_s = r->adds_per_s + r->updates_per_s + r->deletes_per_s;
    for (unsigned c = 0; c < HOST_MAX_CORES; c++) {
        double busy = run_share(s->end.core_busy_ps[c] - s->begin.core_busy_ps[c], ps);

        r->core_busy = busy > r->core_busy ? busy : r->core_busy;
    }
    phase_subtract(&s->end, &s->begin);
}

static void sum_up_sas(struct simulation *s, const struct host_stats *h)
{
    struct run_results *r = &s->results;
    const struct nic_stats *n = nic_statistics(s->card);

    const struct sa_table_stats *t = nic_table_statistics(s->card);

    r->capacity = t->capacity;
    r->context_bytes = s->config->card.sa.context_bytes;
    r->layout = s->config->card.sa.layout;
    r->capacity_kib = (double)r->capacity * (double)r->context_bytes / 1024;
    r->peak_kib = (double)n->sa_peak * (double)r->context_bytes / 1024;
    r->lookups = t->lookups;
    r->hits = t->hits;
    r->misses = t->misses;
    r->context_hits = n->context_hits;
    r->context_misses = n->context_misses;
    r->cache = *nic_cache_statistics(s->card);
    for (unsigned i = 0; i < SA_REASON_COUNT; i++) {
        r->refused[i] = t->add_failures[i] + h->sa.driver_refused[i];
    }
    r->live = n->sa_live;
    r->peak_live = n->sa_peak;
    r->adds = h->oid[HOST_OID_ADD].nodes_done;
    r->add_failures = h->oid[HOST_OID_ADD].nodes - h->oid[HOST_OID_ADD].nodes_done;
    r->updates = h->oid[HOST_OID_UPDATE].nodes_done;
    r->deletes = h->oid[HOST_OID_DELETE].nodes_done;
    r->delete_requests = h->rx.delete_requests;
    r->in_software = h->sa.in_software;
    r->rule[10] = h->sa.pair_unknown;
    r->overlap_peak = h->sa.overlap_peak;
    r->overlap_s = h->sa.overlap_s;
    r->overlap_share = run_share(r->overlap_peak, r->capacity);
    r->overlap_mean =
        r->total_us > 0 && r->capacity ? r->overlap_s * 1e6 / r->total_us / (double)r->capacity : 0;
    r->rx_in_software = run_share(h->rx.software, h->rx.software + h->rx.offloaded);
    r->tx_in_software = run_share(h->tx.software, h->tx.software + h->tx.offloaded);
}

static void count_up_forwarding(struct run_results *r, const struct nic_stats *n,
                                const struct host_stats *h)
{
    r->forwarded = n->forward.packets + h->forward.packets;
    for (unsigned i = 0; i < NIC_STAY_COUNT; i++) {
        r->stay[i] = n->forward.stay[i] + h->forward.stay[i];
    }
}

/* The counters as they stand. */
static void count_up(struct simulation *s)
{
    struct run_results *r = &s->results;
    const struct host_stats *h = host_statistics(s->host);
    const struct nic_stats *n = nic_statistics(s->card);

    r->tx.packets_in = h->tx.packets_in + n->forward.packets;
    r->tx.bytes_in = h->tx.bytes_in + n->forward.bytes;
    r->tx.packets_out = h->tx.sent + h->rx.forwarded;
    r->tx.created = h->tx.lso_created + h->tx.segments_created;
    r->tx.bytes_out = n->forward.packets ? n->tx.bytes_out : h->tx.sent_bytes;
    r->rx.packets_in = n->rx.packets_in;
    r->rx.bytes_in = n->rx.bytes_in;
    r->rx.packets_out = h->rx.delivered + h->forward.packets + n->forward.packets;
    r->rx.bytes_out = h->rx.delivered_bytes + h->forward.bytes + n->forward.bytes;
    count_up_forwarding(r, n, h);
    for (unsigned p = 0; p < s->ports; p++) {
        r->port[p].rx.stats = n->port[p].rx;
        r->port[p].tx.stats = n->port[p].tx;
    }
    r->created = h->rx.reassembled;
    r->merged = h->rx.merged;
    r->before_origin = 0;
    for (unsigned p = 0; p < s->ports; p++) {
        r->before_origin += s->rx[p].pace.before_origin + s->tx[p].pace.before_origin;
    }
    sum_up_sas(s, h);
    results_sum_drops(r, n, h);
    r->rx.loss = r->rx.whole_loss = run_share(run_drops(r->rx_drop), r->rx.packets_in);
    r->tx.loss = r->tx.whole_loss =
        run_share(run_drops(r->tx_drop), r->tx.packets_in + r->tx.created);
}

static void sum_up(struct simulation *s)
{
    struct run_results *r = &s->results;

    r->total_us = (double)(r->end - s->base) / 1e6;
    r->drain_us = (double)(r->end - r->last) / 1e6;
    count_up(s);
    s->summed_up = true;
    for (unsigned i = 0; s->measured && i < RUN_LATENCIES; i++) {
        measured_latency(&s->measured->latency[i],
                         simulation_whole_latency(s, (enum run_latency)i));
    }
    if (s->measured) {
        measured_sum_up(s->measured, r);
    }
    sum_up_phase(s);
}

const struct run_block *simulation_blocks(const struct simulation *s, unsigned *count)
{
    *count = s->begin.taken && s->end.taken ? s->end.blocks : 0;
    return s->end.block;
}

const struct inputs *simulation_inputs(const struct simulation *s)
{
    return s->options.inputs;
}

const struct run_results *simulation_results(const struct simulation *s)
{
    return &s->results;
}

const struct run_results *simulation_measured(const struct simulation *s)
{
    return simulation_warmed(s) ? &s->measured->since : &s->results;
}

bool simulation_warmed(const struct simulation *s)
{
    return s->measured && s->summed_up;
}

void simulation_note_churn(struct simulation *s, const struct run_churn *churn)
{
    s->results.churn = *churn;
}

const struct histogram *simulation_whole_latency(const struct simulation *s, enum run_latency which)
{
    const struct host_stats *h = host_statistics(s->host);
    const struct histogram *card = nic_forward_latency(s->card);

    return which == RUN_LATENCY_RX   ? &h->rx.latency_ns
           : which == RUN_LATENCY_TX ? &h->tx.latency_ns
           : card                    ? card
                                     : &h->forward.latency_ns;
}

const struct histogram *simulation_latency(const struct simulation *s, enum run_latency which)
{
    return simulation_warmed(s) ? &s->measured->latency[which] : simulation_whole_latency(s, which);
}

struct espnic *simulation_card(struct simulation *s)
{
    return s->card;
}

struct host *simulation_host(struct simulation *s)
{
    return s->host;
}

const struct run_violation *simulation_violations(const struct simulation *s, unsigned *count)
{
    *count = s->violations;
    return s->violation;
}

void simulation_register_stats(struct simulation *s, struct stat_registry *registry)
{
    const struct host_stats *h = s ? host_statistics(s->host) : NULL;
    const struct histogram *whole[RUN_LATENCIES] = { NULL };

    results_register(s ? &s->results : NULL, h, s ? simulation_latency(s, RUN_LATENCY_RX) : NULL,
                     s ? simulation_latency(s, RUN_LATENCY_TX) : NULL, registry);
    results_register_forwarding(s ? &s->results : NULL,
                                s ? simulation_latency(s, RUN_LATENCY_FORWARD) : NULL,
                                s ? s->ports : 1, registry);
    for (unsigned i = 0; s && i < RUN_LATENCIES; i++) {
        whole[i] = simulation_whole_latency(s, (enum run_latency)i);
    }
    if (!s || simulation_warmed(s)) {
        results_register_measured(s ? &s->results : NULL, s ? &s->measured->since : NULL, whole,
                                  registry);
    }
    nic_register_stats(s ? s->card : NULL, registry);
    host_register_stats(s ? s->host : NULL, registry);
}
