/* A run of card, reference host and inputs that is cut anywhere, saved, and restored into other objects
 * goes on as if it had not been cut: the same frames at the same times on the wire and to the host, the
 * same completions of requests, and at the end the same state, byte for byte.
 *
 * The traffic is the sample's. A position in it is part of the snapshot, as a client would do it: the
 * number of the record that waits in each capture, the place of the one that waits in the recording. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/config.h"
#include "cli/scenario.h"
#include "engine/rng.h"
#include "engine/snapshot.h"
#include "host/internal.h"
#include "nic/card.h"
#include "traces/capture.h"
#include "traces/pace.h"
#include "traces/recording.h"

#define SAMPLE "traces/samples/vpn-gateway"

enum { CUTS = 8, PATIENCE = 600, SLICE_PS = 300000, ERROR = 2048, MAX_SETTINGS = 12 };

/* ---- inputs: a position is data ----------------------------------------------------------------- */

enum { RX, TX };

struct position {
    uint64_t base; /* simulated time of t = 0 */
    uint64_t fed;  /* inputs given */
    struct pace pace[2];
    uint64_t record[2], time[2]; /* of the packet that waits; record 0: none left */
    struct recording_position recording;
    bool have_record;
};

/* ---- a run -------------------------------------------------------------------------------------- */

struct log {
    unsigned char *bytes;
    size_t used, room;
};

struct run {
    const struct espnic_config *config;
    struct espnic *card;
    struct host *host;
    struct capture *capture[2];
    struct capture_packet packet[2];
    struct recording *recording;
    struct recording_record record;
    struct position at;
    struct log *log; /* NULL: not wanted */
    uint8_t twist;   /* of the keys of the first SAs */
    bool limits;     /* SAs are given limits in packets */
    struct snapshot snapshot;
};

static void note(struct log *log, const void *bytes, size_t count)
{
    if (log->used + count > log->room) {
        log->room = 2 * (log->used + count);
        log->bytes = realloc(log->bytes, log->room);
        ck_assert_ptr_nonnull(log->bytes);
    }
    memcpy(log->bytes + log->used, bytes, count);
    log->used += count;
}

static void note_event(struct run *r, char kind, const uint64_t *words, size_t count,
                       const uint8_t *bytes, uint32_t length)
{
    if (!r->log) {
        return;
    }
    note(r->log, &kind, 1);
    note(r->log, words, count * sizeof *words);
    if (bytes) {
        note(r->log, bytes, length);
    }
}

static void on_wire(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame,
                    bool forwarded)
{
    uint64_t words[] = { time, port, forwarded, frame->tag, frame->length, frame->captured };

    note_event(self, 'w', words, 6, frame->bytes, frame->captured);
}

static void on_delivery(void *self, const struct host_delivery *d)
{
    uint64_t words[] = { d->time,   d->tag,     d->wire_ps, d->port,
                         d->handle, d->verdict, d->length,  d->captured };

    note_event(self, 'd', words, 8, d->bytes, d->captured);
}

static void on_oid(void *self, const struct host_oid_done *d)
{
    uint64_t words[] = { d->request_time, d->time, d->record,  d->kind,  d->status,
                         d->nodes,        d->done, d->on_card, d->reason };

    note_event(self, 'o', words, 9, NULL, 0);
}

static void on_tx_drop(void *self, uint64_t time, uint64_t tag, const char *reason)
{
    uint64_t words[] = { time, tag };

    note_event(self, 'x', words, 2, (const uint8_t *)reason, (uint32_t)strlen(reason));
}

static void next_packet(struct run *r, unsigned dir)
{
    struct capture_packet *p = &r->packet[dir];
    enum capture_result result = capture_next(r->capture[dir], p);

    ck_assert_int_ne(result, CAPTURE_BROKEN);
    r->at.record[dir] = result == CAPTURE_OK ? p->record : 0;
    if (result == CAPTURE_OK) {
        r->at.time[dir] =
            r->at.base + pace_picoseconds(pace_next(&r->at.pace[dir], p->time_ns, p->length));
    }
}

static void next_record(struct run *r)
{
    enum recording_result result;

    r->at.recording = recording_tell(r->recording);
    result = recording_next(r->recording, &r->record);
    ck_assert_msg(result >= 0, "%s", recording_error(r->recording));
    r->at.have_record = result == RECORDING_OK;
}

/* After a restore the files are still where they were. */
static bool find_place(void *self)
{
    struct run *r = self;

    for (unsigned dir = RX; dir <= TX; dir++) {
        if (r->at.record[dir]) {
            ck_assert(capture_skip_to(r->capture[dir], r->at.record[dir] - 1));
            ck_assert_int_eq(capture_next(r->capture[dir], &r->packet[dir]), CAPTURE_OK);
            ck_assert_uint_eq(r->packet[dir].record, r->at.record[dir]);
        }
    }
    if (r->at.have_record) {
        ck_assert(recording_seek(r->recording, &r->at.recording));
        ck_assert_int_eq(recording_next(r->recording, &r->record), RECORDING_OK);
    }
    return true;
}

static void open_inputs(struct run *r)
{
    uint64_t first = UINT64_MAX;
    char error[ERROR];

    for (unsigned dir = RX; dir <= TX; dir++) {
        const char *path = dir == RX ? SAMPLE "-rx.pcap" : SAMPLE "-tx.pcap";
        uint64_t t;

        ck_assert_int_eq(capture_earliest(path, "", &t, error, sizeof error), CAPTURE_OK);
        first = t < first ? t : first;
        r->capture[dir] = capture_open(path, "", error, sizeof error);
        ck_assert_msg(r->capture[dir] != NULL, "%s", error);
    }
    r->recording = recording_open(SAMPLE ".jsonl", error, sizeof error);
    ck_assert_msg(r->recording != NULL, "%s", error);
    for (unsigned dir = RX; dir <= TX; dir++) {
        r->at.pace[dir] = pace_recorded(first);
        next_packet(r, dir);
    }
    next_record(r);
}

static uint64_t few(const struct esp_node *node, uint64_t most)
{
    return node->handle % most;
}

/* Where the driver moves the upper half, what is sent begins a few packets below a multiple of 2^31 (what is received
 * has the recording's numbers, those of two tunnels below 2^32). With limits, a soft and a hard one soon. */
static void change(const struct run *r, struct esp_node *node)
{
    struct esp_sa *t = &node->sa[0];

    if (r->config->card.sa.esn == NIC_ESN_EVENTS && node->dir == ESP_DIR_OUT) {
        t->esn = true;
        t->seq = ((2 + few(node, 5)) << 31) - 1 - few(node, 12);
        t->seq_hi = (uint32_t)(t->seq >> 32);
    }
    if (r->limits) {
        t->lifetime.soft_packets = 5 + few(node, 30);
        t->lifetime.hard_packets = t->lifetime.soft_packets + 5 + few(node, 50);
    }
}

/* SAs of t = 0 are in place before time starts. */
static void preload(struct run *r)
{
    while (r->at.have_record && r->record.t_ns == 0 && r->record.kind == RECORDING_ADD_SA) {
        for (size_t i = 0; i < r->record.node_count; i++) {
            enum sa_reason reason;

            r->record.nodes[i].sa[0].enc.bytes[0] ^= r->twist;
            change(r, &r->record.nodes[i]);
            ck_assert(host_preload_add(r->host, &r->record.nodes[i], &reason));
        }
        next_record(r);
    }
}

static struct run *create(const struct espnic_config *config, struct log *log)
{
    struct run *r = calloc(1, sizeof *r);
    struct espnic_options card = { .functional = !config->workload.timing_only, .backend = "auto" };
    struct host_options host = { .functional = !config->workload.timing_only,
                                 .sinks = { .self = r,
                                            .wire = on_wire,
                                            .deliver = on_delivery,
                                            .oid = on_oid,
                                            .tx_drop = on_tx_drop },
                                 .ports = config->card.general.ports,
                                 .forward = &config->card.forward };
    struct espnic_ports ports;
    char error[ERROR] = "";

    ck_assert_ptr_nonnull(r);
    r->config = config;
    r->log = log;
    r->host = host_create(&config->host, &host, &ports, error, sizeof error);
    ck_assert_msg(r->host != NULL, "%s", error);
    r->card = espnic_create(&config->card, &card, &ports, error, sizeof error);
    ck_assert_msg(r->card != NULL, "%s", error);
    host_attach(r->host, r->card);
    r->at.base = host_start(r->host, error, sizeof error);
    ck_assert_msg(r->at.base != 0, "%s", error);
    snapshot_fixed(&r->snapshot, "inputs", &r->at, sizeof r->at);
    snapshot_add_hook(&r->snapshot,
                      (struct snapshot_hook){ .self = r, .after_restore = find_place });
    nic_register_state(r->card, &r->snapshot);
    host_register_state(r->host, &r->snapshot);
    return r;
}

static struct run *begin(const struct espnic_config *config, struct log *log, uint8_t twist)
{
    struct run *r = create(config, log);

    r->twist = twist;
    r->limits = config->card.table.round != 0;
    open_inputs(r);
    preload(r);
    return r;
}

static void destroy(struct run *r)
{
    host_destroy(r->host);
    espnic_destroy(r->card);
    capture_close(r->capture[RX]);
    capture_close(r->capture[TX]);
    recording_close(r->recording);
    recording_record_free(&r->record);
    free(r);
}

static uint64_t packet_time(const struct run *r, unsigned dir)
{
    return r->at.record[dir] ? r->at.time[dir] : ESPNIC_NEVER;
}

static uint64_t record_time(const struct run *r)
{
    return r->at.have_record ? r->at.base + r->record.t_ns * 1000 : ESPNIC_NEVER;
}

static uint64_t next_input(const struct run *r)
{
    uint64_t next = record_time(r);

    for (unsigned dir = RX; dir <= TX; dir++) {
        next = packet_time(r, dir) < next ? packet_time(r, dir) : next;
    }
    return next;
}

static void give_record(struct run *r, uint64_t time)
{
    const struct recording_record *q = &r->record;
    bool ok = false;

    if (q->kind == RECORDING_ADD_SA) {
        for (size_t i = 0; i < q->node_count; i++) {
            change(r, &q->nodes[i]);
        }
        ok = host_oid_add(r->host, time, q->nodes, (uint32_t)q->node_count, false, q->line, q->req);
    } else if (q->kind == RECORDING_UPDATE_SA) {
        ok = host_oid_update(r->host, time, q->handle, q->op, q->spi, q->seq_hi, q->line, q->req);
    } else if (q->kind == RECORDING_DELETE_SA) {
        ok = host_oid_delete(r->host, time, q->handles, (uint32_t)q->handle_count, q->line, q->req);
    }
    ck_assert_msg(ok, "the host did not take line %" PRIu64 " of the recording", q->line);
    next_record(r);
}

static void give_packet(struct run *r, unsigned dir, uint64_t time)
{
    const struct capture_packet *p = &r->packet[dir];
    struct espnic_frame f = {
        .bytes = p->bytes, .captured = p->captured, .length = p->length, .tag = r->at.fed
    };

    ck_assert(dir == TX ? host_tx(r->host, time, 0, &f) : espnic_wire_rx(r->card, 0, time, &f));
    next_packet(r, dir);
}

/* The earliest input; false if there is none. */
static bool step(struct run *r)
{
    uint64_t next = next_input(r);

    if (next == ESPNIC_NEVER) {
        return false;
    }
    host_simulate(r->host, next);
    if (record_time(r) == next) {
        give_record(r, next);
    } else {
        give_packet(r, packet_time(r, TX) == next ? TX : RX, next);
    }
    r->at.fed++;
    return true;
}

static void finish(struct run *r)
{
    char error[ERROR] = "";

    while (step(r)) {}
    host_simulate(r->host, ESPNIC_NEVER);
    ck_assert(host_idle(r->host));
    ck_assert_msg(host_check_books(r->host, error, sizeof error), "%s", error);
    ck_assert_msg(nic_check_books(r->card, error, sizeof error), "%s", error);
}

/* ---- cutting -------------------------------------------------------------------------------------- */

/* What can be under way at a cut. */
enum kind {
    PACKETS,
    DMA,
    REQUESTS,
    COMMAND,
    JOBS,
    MISSES,
    FORWARDED,
    COMPLETIONS,
    LINES,
    EVENTS,  /* of SAs, in the card */
    ANSWERS, /* to them, by the driver: read, move, arm */
    UNARMED, /* SAs of which nothing can be told now */
    KINDS
};

struct caught {
    unsigned cuts, with[KINDS];
};

static bool command_runs(const struct run *r)
{
    for (uint32_t i = 0; i < r->config->card.command.depth; i++) {
        if (r->card->commands.slot[i].state == NIC_SLOT_RUNNING) {
            return true;
        }
    }
    return false;
}

/* A packet that came from the wire is being sent: in the card, or from its receive buffer. */
static bool forwards(const struct run *r)
{
    if (r->card->forward) { /* turned round and not yet gone (none is dropped on the way) */
        return r->card->stats.forward.packets > r->card->forward->latency.count;
    }
    for (uint32_t i = 0; i < r->host->s->slots_used; i++) {
        if (r->host->slot[i].rx_buffer) {
            return true;
        }
    }
    return false;
}

static bool scope_moves(const struct run *r)
{
    const struct host *host = r->host;

    for (uint32_t id = 1; id < host->frames.used; id++) {
        if ((host_frame(host, id)->flags & HOST_FRAME_MODIFYING) != 0) {
            return true;
        }
    }
    return host->s->event_steps > 0;
}

static bool unarmed(const struct run *r)
{
    const struct sa_table *table = &r->card->table;

    if (r->config->card.sa.esn != NIC_ESN_EVENTS) {
        return false;
    }
    for (uint32_t id = sa_table_next(table, 0); id != 0; id = sa_table_next(table, id)) {
        const struct sa_entry *entry = &sa_context(table, id)->first;

        if (sa_esn(entry) && !entry->armed) {
            return true;
        }
    }
    return false;
}

static bool under_way(const struct run *r, enum kind kind)
{
    uint64_t rx;
    uint64_t tx;

    switch (kind) {
    case PACKETS: nic_inside(r->card, &rx, &tx); return rx + tx > 3;
    case DMA: return pcie_request_live(r->card->link) > 1;
    case REQUESTS: return r->host->s->pending_requests > 1;
    case COMMAND: return command_runs(r);
    case JOBS: return esp_crypt_pending(r->card->crypt) > 0;
    case FORWARDED: return forwards(r);
    case MISSES: return r->card->cache.state.mshrs_used > 0;
    case LINES: return r->card->lines.s.live > 0;
    case COMPLETIONS: return (r->card->dma.tx_gathered | r->card->dma.rx_gathered) != 0;
    case EVENTS: return r->card->events.s.tail != r->card->events.s.head;
    case ANSWERS: return scope_moves(r);
    case UNARMED: return unarmed(r);
    case KINDS: break;
    }
    return false;
}

static void look(const struct run *r, struct caught *c)
{
    c->cuts++;
    for (unsigned k = 0; k < KINDS; k++) {
        c->with[k] += under_way(r, (enum kind)k) ? 1 : 0;
    }
}

/* Into a file in memory. */
static FILE *save(struct run *r)
{
    char error[ERROR] = "";
    FILE *file = fdopen(memfd_create("snapshot", 0), "w+b");

    ck_assert_ptr_nonnull(file);
    ck_assert_msg(snapshot_save(&r->snapshot, file, error, sizeof error), "%s", error);
    return file;
}

static void restore(struct run *r, FILE *file)
{
    char error[ERROR] = "";

    rewind(file);
    ck_assert_msg(snapshot_restore(&r->snapshot, file, error, sizeof error), "%s", error);
}

static size_t region_bytes(const struct snapshot_region *region)
{
    return region->count ? region->bytes * *region->count : region->bytes;
}

static const void *region_data(const struct snapshot_region *region)
{
    return region->count ? *(void *const *)region->base : region->base;
}

/* Region by region, to name the one that differs. Both were saved just now, so images are made. */
static void assert_same_state(const struct run *a, const struct run *b, const char *when)
{
    ck_assert_uint_eq(a->snapshot.regions, b->snapshot.regions);
    for (unsigned i = 0; i < a->snapshot.regions; i++) {
        const struct snapshot_region *p = &a->snapshot.region[i];
        const struct snapshot_region *q = &b->snapshot.region[i];

        ck_assert_str_eq(p->name, q->name);
        ck_assert_msg(region_bytes(p) == region_bytes(q), "%s: %s is %zu bytes here, %zu there",
                      when, p->name, region_bytes(p), region_bytes(q));
        ck_assert_msg(region_bytes(p) == 0 ||
                          memcmp(region_data(p), region_data(q), region_bytes(p)) == 0,
                      "%s: %s (region %u) differs", when, p->name, i);
    }
}

/* Save, go on in other objects: fresh ones, or some that have been elsewhere in the inputs, with other
 * keys. */
static struct run *cut(struct run *r, struct rng *rng, struct caught *caught)
{
    struct run *other = begin(r->config, NULL, 0x5a);
    FILE *saved;

    look(r, caught);
    saved = save(r);
    if (rng_below(rng, 2)) {
        for (uint64_t n = rng_below(rng, 2000); n > 0 && step(other); n--) {}
    }
    restore(other, saved);
    fclose(saved);
    fclose(save(other)); /* makes the images of what is not in regions */
    assert_same_state(r, other, "after the restore");
    other->log = r->log;
    destroy(r);
    return other;
}

/* Between two inputs, at any time; where it can be had soon, with the wanted under way. */
static void go_on(struct run *r, struct rng *rng, uint64_t inputs, enum kind wanted)
{
    while (r->at.fed < inputs && step(r)) {}
    for (unsigned i = 0; i < PATIENCE; i++) {
        uint64_t until = host_now(r->host) + rng_below(rng, SLICE_PS);

        host_simulate(r->host, until < next_input(r) ? until : next_input(r));
        if (under_way(r, wanted) || !step(r)) {
            break;
        }
    }
}

static void assert_same_log(const struct log *a, const struct log *b)
{
    size_t least = a->used < b->used ? a->used : b->used;
    size_t i = 0;

    while (i < least && a->bytes[i] == b->bytes[i]) {
        i++;
    }
    ck_assert_msg(i == least, "outputs differ at byte %zu of %zu", i, a->used);
    ck_assert_uint_eq(a->used, b->used);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What the scenario is to have led to, in the whole run. */
struct told {
    struct nic_event_stats card;
    struct host_event_stats host;
};

static struct told told;

static struct caught whole_against_cut(const char *const settings[], uint64_t seed)
{
    static struct espnic_config config;
    struct scenario scenario;
    struct scenario_setting given[MAX_SETTINGS];
    size_t count = 0;
    size_t groups_count;
    const struct param_group *groups = espnic_param_groups(&groups_count);
    struct caught caught = { 0 };
    struct log whole_log = { 0 };
    struct log cut_log = { 0 };
    struct rng rng = rng_stream(seed, 7);
    uint64_t places[CUTS];
    struct run *whole;
    struct run *parts;

    for (; settings[count]; count++) {
        given[count] = (struct scenario_setting){ "--set", settings[count] };
    }
    memset(&config, 0, sizeof config);
    scenario_init(&scenario, groups, groups_count, &config);
    scenario.preset_folders = "sim/presets";
    ck_assert_msg(scenario_resolve(&scenario, SAMPLE ".yaml", given, count), "%s", scenario.error);

    whole = begin(&config, &whole_log, 0);
    finish(whole);
    told = (struct told){ .card = whole->card->stats.events, .host = whole->host->stats->events };
    for (unsigned i = 0; i < CUTS; i++) {
        places[i] = rng_below(&rng, whole->at.fed);
    }
    qsort(places, CUTS, sizeof places[0], ascending);
    parts = begin(&config, &cut_log, 0);
    for (unsigned i = 0; i < CUTS; i++) {
        go_on(parts, &rng, places[i], (enum kind)(i % KINDS));
        parts = cut(parts, &rng, &caught);
    }
    finish(parts);
    assert_same_log(&whole_log, &cut_log);
    fclose(save(whole));
    fclose(save(parts));
    assert_same_state(whole, parts, "at the end");
    destroy(whole);
    destroy(parts);
    free(whole_log.bytes);
    free(cut_log.bytes);
    scenario_free(&scenario);
    return caught;
}

/* Else the cuts prove little. */
static void assert_caught(const struct caught *c, enum kind kind, unsigned least)
{
    ck_assert_msg(c->with[kind] >= least, "only %u of %u cuts with kind %d under way",
                  c->with[kind], c->cuts, (int)kind);
}

START_TEST(contexts_on_chip)
{
    static const char *const settings[] = { "card.crypto.width=2B", NULL };
    struct caught c = whole_against_cut(settings, 1);

    assert_caught(&c, PACKETS, CUTS / 2);
    assert_caught(&c, DMA, CUTS / 2);
    assert_caught(&c, REQUESTS, 2);
    assert_caught(&c, COMMAND, 1);
    assert_caught(&c, JOBS, 1);
}
END_TEST

START_TEST(timing_only)
{
    static const char *const settings[] = { "workload.timing_only=true", NULL };
    struct caught c = whole_against_cut(settings, 2);

    assert_caught(&c, PACKETS, 1);
    assert_caught(&c, DMA, CUTS / 2);
    assert_caught(&c, COMMAND, 1);
}
END_TEST

START_TEST(contexts_in_host_memory)
{
    static const char *const settings[] = { "card.sa.storage=host-cache", "card.sa.cache.sets=8",
                                            "card.sa.cache.ways=2",       "card.sa.cache.mshrs=4",
                                            "card.crypto.width=4B",       NULL };
    struct caught c = whole_against_cut(settings, 3);

    assert_caught(&c, PACKETS, CUTS / 2);
    assert_caught(&c, MISSES, 2);
    assert_caught(&c, JOBS, 1);
}
END_TEST

START_TEST(contexts_in_card_memory)
{
    static const char *const settings[] = {
        "card.sa.storage=card-cache",       "card.sa.cache.sets=4", "card.sa.cache.ways=4",
        "card.sa.cache.replacement=random", "card.lanes=2",         NULL
    };
    struct caught c = whole_against_cut(settings, 4);

    assert_caught(&c, MISSES, 2);
    assert_caught(&c, JOBS, 1);
}
END_TEST

/* Lines in several states at once: fetched ahead, pinned, parts of a context. */
START_TEST(contexts_ahead_of_their_packets)
{
    static const char *const settings[] = { "card.sa.storage=host-cache",
                                            "card.sa.cache.sets=16",
                                            "card.sa.cache.ways=4",
                                            "card.sa.cache.line_bytes=64",
                                            "card.sa.context=256B",
                                            "card.sa.wait_queues=4",
                                            "card.capabilities.window_max=1024",
                                            "card.sa.context_written=64B",
                                            "card.sa.cache.mshrs=8",
                                            "card.sa.cache.prefetch_tx=ring",
                                            "card.sa.cache.prefetch_rx=parser",
                                            "card.sa.cache.pinned=6",
                                            "card.sa.cache.replacement=srrip",
                                            NULL };
    struct caught c = whole_against_cut(settings, 6);

    assert_caught(&c, PACKETS, CUTS / 2);
    assert_caught(&c, MISSES, 2);
}
END_TEST

START_TEST(crypto_offload)
{
    static const char *const settings[] = { "card.offload=crypto", "card.sa.esn=host",
                                            "card.crypto.contexts=2", NULL };
    struct caught c = whole_against_cut(settings, 5);

    assert_caught(&c, PACKETS, 1);
    assert_caught(&c, REQUESTS, 1);
    assert_caught(&c, JOBS, 1);
}
END_TEST

/* What the sample's tunnels bring goes on to the gateway's own port and others, in clear and under SAs. */
START_TEST(forwarding)
{
    static const char *const hairpin[] = { "card.ports=2",
                                           "card.lanes=2",
                                           "card.forward.path=hairpin",
                                           "card.forward.clear=true",
                                           "card.forward.vlan=5",
                                           "card.crypto.width=4B",
                                           NULL };
    static const char *const host[] = {
        "card.ports=2",        "card.forward.path=host", "card.forward.clear=true",
        "card.forward.vlan=5", "host.cores=2",           NULL
    };
    struct caught c = whole_against_cut(_i ? host : hairpin, 6 + (uint64_t)_i);

    assert_caught(&c, FORWARDED, CUTS / 2);
    assert_caught(&c, PACKETS, 1);
}
END_TEST

START_TEST(gathered_completions)
{
    static const char *const settings[][10] = {
        { "host.tx.done=report", "host.tx.report=7", "host.tx.done_batch=3",
          "host.tx.done_wait=20us", "host.rx.done_batch=24", "host.rx.done_wait=20us",
          "host.rx.done_bytes=32B", NULL },
        { "host.tx.done=head", "host.tx.report=30", "host.rx.done=head", "host.rx.done_batch=20",
          "host.tx.done_wait=20us", "host.rx.done_wait=20us", "card.lanes=2", NULL },
    };
    struct caught c = whole_against_cut(settings[_i], 6 + (uint64_t)_i);

    assert_caught(&c, COMPLETIONS, CUTS / 2);
}
END_TEST

START_TEST(pushed_descriptors)
{
    static const char *const settings[][10] = {
        { "card.dma.tx_push=4", "card.dma.tx_inline=512B", "host.tx.push=512B",
          "host.tx.inline=256B", "host.tx.doorbell_batch=1", NULL },
        { "card.dma.tx_push=4", "card.dma.tx_inline=960B", "host.tx.push=1KiB", "host.wc_pad=false",
          "card.offload=crypto", "card.sa.esn=host", "host.tx.doorbell_batch=1",
          "card.dma.rx_queues=4", "card.rss.hash=toeplitz", NULL },
    };
    struct caught c = whole_against_cut(settings[_i], 8 + (uint64_t)_i);

    assert_caught(&c, LINES, 1);
}
END_TEST

/* Upper halves that the driver moves, limits that it adds rounds to: events wait in the card, in the ring and for a slow
 * driver, SAs are unarmed, a command moves a scope. */
START_TEST(events_of_sas)
{
    static const char *const settings[][10] = {
        { "card.sa.esn=events", "card.sa.table.round=10", "card.command.access=5us",
          "host.oid.event_delay=20us", NULL },
        { "card.sa.esn=events", "card.command.path=firmware", "card.command.least=3us",
          "card.command.median=4us", "card.command.p99=8us", "card.command.most=9us",
          "card.sa.storage=host-cache", "card.lanes=2", NULL },
        { "card.sa.esn=events", "card.offload=crypto", "card.command.access=5us", NULL },
    };
    bool limits = _i == 0;
    bool crypto = _i == 2;
    struct caught c = whole_against_cut(settings[_i], 10 + (uint64_t)_i);

    assert_caught(&c, ANSWERS, CUTS / 2);
    if (!crypto) {
        assert_caught(&c, EVENTS, 1);
        assert_caught(&c, UNARMED, CUTS / 2);
        ck_assert_uint_gt(told.card.esn, 50);
        ck_assert_uint_gt(told.host.armed, 50);
    }
    ck_assert_uint_gt(told.card.modified, 50);
    ck_assert_uint_eq(told.card.limit > 50, limits);
    ck_assert_uint_eq(told.card.rounds > 50, limits);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("card_snapshot");
    TCase *tc = tcase_create("card_snapshot");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, contexts_on_chip);
    tcase_add_test(tc, timing_only);
    tcase_add_test(tc, contexts_in_host_memory);
    tcase_add_test(tc, contexts_in_card_memory);
    tcase_add_test(tc, contexts_ahead_of_their_packets);
    tcase_add_test(tc, crypto_offload);
    tcase_add_loop_test(tc, forwarding, 0, 2);
    tcase_add_loop_test(tc, gathered_completions, 0, 2);
    tcase_add_loop_test(tc, pushed_descriptors, 0, 2);
    tcase_add_loop_test(tc, events_of_sas, 0, 3);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
