/* The host as a whole: making it, running it beside the card, what is left when nothing happens. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"

enum { START_LIMIT_EVENTS = 1 << 20 };

/* Recorded ps, shown ns. The rest of them is 0 already: pages that no value touches stay away. */
static void init_histograms(struct host_stats *stats)
{
    enum { PS_IN_NS = 1000 };

    stats->tx.latency_ns.divisor = PS_IN_NS;
    stats->tx.host_ns.divisor = PS_IN_NS;
    stats->rx.latency_ns.divisor = PS_IN_NS;
    stats->rx.host_ns.divisor = PS_IN_NS;
    stats->forward.latency_ns.divisor = PS_IN_NS;
    stats->readd.away_ns.divisor = PS_IN_NS;
    stats->events.soft_ns.divisor = PS_IN_NS;
    for (unsigned i = 0; i < HOST_OID_KINDS; i++) {
        struct host_oid_stats *oid = &stats->oid[i];

        oid->latency_ns.divisor = PS_IN_NS;
        oid->wait_ns.divisor = PS_IN_NS;
        oid->driver_ns.divisor = PS_IN_NS;
        oid->card_ns.divisor = PS_IN_NS;
        oid->complete_ns.divisor = PS_IN_NS;
        for (unsigned p = 0; p < HOST_PARTS; p++) {
            oid->part_ns[p].divisor = PS_IN_NS;
        }
    }
}

static bool init_state(struct host *host)
{
    host->s = calloc(1, sizeof *host->s);
    host->stats = calloc(1, sizeof *host->stats);
    host->core = calloc(HOST_MAX_CORES, sizeof *host->core);
    host->txq = calloc(HOST_MAX_QUEUES, sizeof *host->txq);
    host->rxq = calloc(HOST_MAX_QUEUES, sizeof *host->rxq);
    if (host->s == NULL || host->stats == NULL || host->core == NULL || host->txq == NULL ||
        host->rxq == NULL || !host_classifier_init(&host->classifier)) {
        return false;
    }
    init_histograms(host->stats);
    for (uint32_t i = 0; i < HOST_MAX_CORES; i++) {
        host->core[i].index = i;
    }
    for (unsigned i = 0; i < HOST_MAX_BLOCKS; i++) {
        host->s->wake[i] = CLOCK_NEVER;
    }
    host->s->cmd_poll_at = CLOCK_NEVER;
    host->s->event_poll_at = CLOCK_NEVER;
    host->s->reset_check = CLOCK_NEVER;
    host->s->reset_over_at = CLOCK_NEVER;
    host->s->reset_end = CLOCK_NEVER;
    host->s->iv = rng_stream(host->config.general.seed, 0x686f7374);
    for (unsigned i = 0; i < HOST_MAX_QUEUES; i++) {
        host->txq[i].poll_at = CLOCK_NEVER;
        host->txq[i].ring_by = CLOCK_NEVER;
        host->rxq[i].poll_at = CLOCK_NEVER;
    }
    host_array_init(&host->sas, sizeof(struct host_sa));
    host_array_init(&host->frames, sizeof(struct host_frame));
    host_array_init(&host->requests, sizeof(struct host_request));
    host_array_init(&host->delays, sizeof(struct host_delayed));
    host_array_init(&host->families, HOST_FAMILY_BYTES);
    host_array_init(&host->family_of, sizeof(uint32_t));
    host_array_init(&host->limits, HOST_LIMIT_BYTES);
    host_array_init(&host->lives, HOST_LIFE_BYTES);
    host_array_init(&host->life_of, sizeof(uint32_t));
    host_store_init(&host->packs, 4);
    host_store_init(&host->windows, 8);
    host_index_init(&host->by_handle);
    host_index_init(&host->by_card);
    host_index_init(&host->by_spi);
    host_index_init(&host->by_family);
    host_index_init(&host->by_limit);
    return true;
}

struct host *host_create(const struct host_config *config, const struct host_options *options,
                         struct espnic_ports *ports, char *error, size_t error_size)
{
    struct host *host;

    if (!host_config_check(config, error, error_size)) {
        return NULL;
    }
    host = calloc(1, sizeof *host);
    if (host == NULL) {
        snprintf(error, error_size, "not enough memory");
        return NULL;
    }
    host->config = *config;
    host_idealise(&host->config);
    host->options = *options;
    if (!init_state(host)) {
        snprintf(error, error_size, "not enough memory");
        host_destroy(host);
        return NULL;
    }
    if (!host_forward_init(host, error, error_size)) {
        host_destroy(host);
        return NULL;
    }
    if (!host_memory_init(host, error, error_size)) {
        host_destroy(host);
        return NULL;
    }
    *ports = (struct espnic_ports){ .self = host,
                                    .dma_read = host_dma_read,
                                    .dma_write = host_dma_write,
                                    .dma_mapped = host_dma_mapped,
                                    .msix = host_msix,
                                    .mmio_done = host_mmio_done,
                                    .wire_tx = host_wire_tx,
                                    .wire_ready = host_wire_ready };
    return host;
}

void host_destroy(struct host *host)
{
    if (host == NULL) {
        return;
    }
    if (host->crypt != NULL) {
        esp_crypt_close(host->crypt);
    }
    host_memory_destroy(host);
    host_classifier_destroy(&host->classifier);
    host_array_destroy(&host->sas);
    host_array_destroy(&host->frames);
    host_array_destroy(&host->requests);
    host_array_destroy(&host->delays);
    host_array_destroy(&host->families);
    host_array_destroy(&host->family_of);
    host_array_destroy(&host->limits);
    host_array_destroy(&host->lives);
    host_array_destroy(&host->life_of);
    host_store_destroy(&host->packs);
    host_store_destroy(&host->windows);
    host_index_destroy(&host->by_handle);
    host_index_destroy(&host->by_card);
    host_index_destroy(&host->by_spi);
    host_index_destroy(&host->by_family);
    host_index_destroy(&host->by_limit);
    free(host->s);
    free(host->stats);
    free(host->core);
    free(host->txq);
    free(host->rxq);
    free(host->tables);
    free(host);
}

void host_attach(struct host *host, struct espnic *card)
{
    host->card = card;
}

/* ---- time ------------------------------------------------------------------------------------------- */

uint64_t host_now(const struct host *host)
{
    return host->s->now;
}

static uint64_t next_event(const struct host *host)
{
    return host->s->dues == 0 ? CLOCK_NEVER : host->s->due[host->s->dues - 1].time;
}

uint64_t host_next_event(const struct host *host)
{
    return next_event(host);
}

static void take_due(struct host_state *s, unsigned block)
{
    uint32_t at = s->dues - 1;

    while (s->due[at].block != block) {
        at--;
    }
    memmove(&s->due[at], &s->due[at + 1], (s->dues - at - 1) * sizeof s->due[0]);
    s->dues--;
}

/* Of equal times the lowest block comes first: a run does not depend on who asked first. */
static void put_due(struct host_state *s, uint64_t block, uint64_t time)
{
    uint32_t at = s->dues++;

    s->wake[block] = time;
    while (at > 0 && (s->due[at - 1].time < time ||
                      (s->due[at - 1].time == time && s->due[at - 1].block < block))) {
        s->due[at] = s->due[at - 1];
        at--;
    }
    s->due[at] = (struct host_due){ time, block };
}

void host_wake(struct host *host, unsigned block, uint64_t time)
{
    struct host_state *s = host->s;

    time = time > s->now ? time : s->now;
    if (time >= s->wake[block]) {
        return;
    }
    if (s->wake[block] != CLOCK_NEVER) {
        take_due(s, block);
    }
    put_due(s, block, time);
    if (host->in_card) {
        espnic_stop_at(host->card, time);
    }
}

void host_run(struct host *host, uint64_t until)
{
    struct host_state *s = host->s;

    while (s->dues != 0 && s->due[s->dues - 1].time <= until) {
        struct host_due due = s->due[--s->dues];

        s->wake[due.block] = CLOCK_NEVER;
        s->now = due.time;
        switch (due.block) {
        case BLOCK_SOURCE: host_source_wake(host, due.time); break;
        case BLOCK_TIMER: host_timer_wake(host, due.time); break;
        default: {
            uint64_t again = host_core_wake(host, (uint32_t)due.block - BLOCK_CORE, due.time);

            if (again != CLOCK_NEVER) { /* nobody wakes a core that looks */
                put_due(s, due.block, again);
            }
        }
        }
    }
    s->now = until > s->now ? until : s->now;
}

/* Both sides up to the earlier of `until` and the host's next event. A callback may stop the card before,
 * where it has given the host something to do. */
static uint64_t together(struct host *host, uint64_t until)
{
    uint64_t next = next_event(host);
    uint64_t target = next < until ? next : until;
    uint64_t reached;

    if (target == ESPNIC_NEVER) {
        target = espnic_next_event(host->card);
    }
    host->in_card = true;
    reached = espnic_advance(host->card, target);
    host->in_card = false;
    host_run(host, reached);
    return reached;
}

uint64_t host_simulate(struct host *host, uint64_t until)
{
    for (;;) {
        if (until == ESPNIC_NEVER && next_event(host) == ESPNIC_NEVER &&
            espnic_next_event(host->card) == ESPNIC_NEVER) {
            break;
        }
        if (together(host, until) >= until && next_event(host) > until) {
            break;
        }
    }
    return host->s->now;
}

uint64_t host_start(struct host *host, char *error, size_t error_size)
{
    uint64_t now = espnic_now(host->card);

    host->s->now = now;
    host_read_capabilities(host, now);
    for (unsigned i = 0; i < START_LIMIT_EVENTS; i++) {
        if (host->s->started == START_DONE) {
            return host->s->now > 0 ? host->s->now : 1;
        }
        if (host->s->started == START_FAILED) {
            const char *name = ndis_status_name(host->s->start_status);

            snprintf(error, error_size, "the card refused OID_OFFLOAD_ENCAPSULATION: %s",
                     name != NULL ? name : "unknown status");
            return 0;
        }
        if (host_next_event(host) == ESPNIC_NEVER &&
            espnic_next_event(host->card) == ESPNIC_NEVER) {
            break;
        }
        together(host, ESPNIC_NEVER);
    }
    snprintf(error, error_size, "the driver could not start: %s",
             host->s->started == START_READING ? "register reads were not answered"
                                               : "the first command was not completed");
    return 0;
}

/* ---- what is left ----------------------------------------------------------------------------------- */

struct left {
    uint64_t backlog, held, work, posted, unsent;
};

static struct left count_slots(const struct host *host)
{
    struct left left = { 0 };

    for (uint32_t i = 0; i < host->s->slots_used; i++) {
        switch (host->slot[i].state) {
        case SLOT_BACKLOG: left.backlog++; break;
        case SLOT_HELD: left.held++; break;
        case SLOT_WORK: left.work++; break;
        case SLOT_POSTED:
            if ((host->slot[i].flags & SLOT_SENT) == 0) {
                left.posted += host_frames_left(&host->slot[i]);
            }
            break;
        case SLOT_DONE: left.unsent += host_frames_left(&host->slot[i]); break;
        default: break;
        }
    }
    return left;
}

uint64_t host_tx_inside(const struct host *host)
{
    struct left left = count_slots(host);

    return left.backlog + left.held + left.work + left.posted + left.unsent;
}

static uint64_t unread_completions(const struct host *host)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < host->config.general.cores; i++) {
        n += host->core[i].work == WORK_RX && !host->core[i].rx.kept ? 1 : 0;
    }
    return n;
}

uint64_t host_rx_inside(const struct host *host)
{
    return host->s->reasm_fragments + unread_completions(host);
}

bool host_idle(const struct host *host)
{
    return host_next_event(host) == ESPNIC_NEVER && espnic_next_event(host->card) == ESPNIC_NEVER &&
           host_tx_inside(host) == 0 && unread_completions(host) == 0 &&
           host->s->pending_requests == 0;
}

static void line(char *text, size_t size, size_t *used, unsigned *lines, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void line(char *text, size_t size, size_t *used, unsigned *lines, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text + *used, size - *used, format, arguments);
    va_end(arguments);
    if (n > 0) {
        *used += (size_t)n < size - *used ? (size_t)n : size - *used - 1;
        (*lines)++;
    }
}

unsigned host_explain(const struct host *host, char *text, size_t size)
{
    struct left left = count_slots(host);
    const struct host_state *s = host->s;
    unsigned lines = 0;
    size_t used = 0;

    text[0] = '\0';
    if (left.posted != 0) {
        line(text, size, &used, &lines,
             "host.tx: %llu descriptors wait for the card to complete them\n",
             (unsigned long long)left.posted);
    }
    if (left.unsent != 0) {
        line(text, size, &used, &lines,
             "host.tx: %llu packets are complete but never left on the wire\n",
             (unsigned long long)left.unsent);
    }
    if (left.backlog != 0) {
        line(text, size, &used, &lines, "host.cpu: %llu packets wait for %s\n",
             (unsigned long long)left.backlog,
             s->resetting ? "the end of a reset" : "free transmit descriptors");
    }
    if (left.held != 0) {
        line(text, size, &used, &lines, "host.tx: %llu packets wait for UPDATE_SA of their SA\n",
             (unsigned long long)left.held);
    }
    if (s->cmd_tail != s->cmd_done) {
        line(text, size, &used, &lines, "host.oid: %u commands wait for the card\n",
             s->cmd_tail - s->cmd_done);
    }
    if (s->held.count != 0) {
        line(text, size, &used, &lines, "host.oid: %u requests wait for the end of a reset\n",
             s->held.count);
    }
    return lines;
}

/* ---- snapshots -------------------------------------------------------------------------------------- */

/* What was never handed out has no defined content; a snapshot should. */
static void clear_rest(unsigned char *data, size_t used, size_t room, size_t element)
{
    if (room > used) {
        memset(data + used * element, 0, (room - used) * element);
    }
}

enum { INDICES = 6 };

static struct host_index *index_of(struct host *host, size_t i)
{
    struct host_index *all[INDICES] = {
        &host->by_handle,        &host->by_card,   &host->by_spi,
        &host->classifier.index, &host->by_family, &host->by_limit
    };

    return all[i];
}

static bool before_save(void *self)
{
    struct host *host = self;
    struct host_array *rules = host->classifier.rules;
    struct host_array *arrays[] = { &host->sas,    &host->frames,   &host->requests,
                                    &host->delays, &host->families, &host->family_of,
                                    &rules[0],     &rules[1],       &rules[2],
                                    &rules[3],     &host->limits,   &host->lives,
                                    &host->life_of };
    struct host_store *stores[] = { &host->packs, &host->windows, &host->commands, &host->blocks };

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        clear_rest(arrays[i]->data, arrays[i]->used, arrays[i]->room, arrays[i]->element);
    }
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        clear_rest(stores[i]->data, stores[i]->used, stores[i]->room, stores[i]->unit);
    }
    if (host->crypt != NULL) {
        esp_crypt_flush(host->crypt);
    }
    for (size_t i = 0; i < INDICES; i++) {
        if (!host_index_save(index_of(host, i))) {
            return false;
        }
    }
    return host_memory_save(host);
}

static void state_of_array(struct snapshot *snap, const char *name, struct host_array *array)
{
    snapshot_array(snap, name, &array->data, array->element, &array->room);
    snapshot_fixed(snap, name, &array->used, 3 * sizeof array->used);
}

static void state_of_store(struct snapshot *snap, const char *name, struct host_store *store)
{
    snapshot_array(snap, name, &store->data, store->unit, &store->room);
    snapshot_fixed(snap, name, &store->used, sizeof *store - offsetof(struct host_store, used));
}

static void state_of_index(struct snapshot *snap, const char *name, struct host_index *index)
{
    snapshot_fixed(snap, name, &index->chains.state, sizeof index->chains.state);
    snapshot_array(snap, name, &index->image, sizeof *index->image, &index->image_count);
}

static bool restored(void *self)
{
    struct host *host = self;

    host->peeked = false; /* the source stands at the same packet */
    if (host->crypt != NULL) {
        esp_crypt_forget_all(host->crypt); /* the keys of SAs that are no more */
    }
    for (size_t i = 0; i < INDICES; i++) {
        if (!host_index_load(index_of(host, i))) {
            return false;
        }
    }
    return host_memory_load(host);
}

void host_register_state(struct host *host, struct snapshot *snap)
{
    snapshot_fixed(snap, "host.state", host->s, sizeof *host->s);
    snapshot_fixed(snap, "host.stats", host->stats, sizeof *host->stats);
    snapshot_fixed(snap, "host.cores", host->core, HOST_MAX_CORES * sizeof *host->core);
    snapshot_fixed(snap, "host.txq", host->txq, HOST_MAX_QUEUES * sizeof *host->txq);
    snapshot_fixed(snap, "host.rxq", host->rxq, HOST_MAX_QUEUES * sizeof *host->rxq);
    snapshot_fixed(snap, "host.rings", host->rings, host->ring_bytes);
    snapshot_fixed(snap, "host.slots", host->slot, host->slots * sizeof *host->slot);
    snapshot_fixed(snap, "host.slot_of", host->tx_slot_of,
                   (size_t)HOST_MAX_QUEUES * host->config.tx.ring * sizeof(uint32_t));
    snapshot_fixed(snap, "host.buffers", host->buffer, host->buffers * sizeof *host->buffer);
    snapshot_fixed(snap, "host.reasm", host->reasm,
                   (host->config.software.reassemblies + 1u) * sizeof *host->reasm);
    snapshot_array(snap, "host.contents", &host->image, 1, &host->image_bytes);
    if (host->tables != NULL) {
        snapshot_fixed(snap, "host.tables", host->tables, sizeof *host->tables);
    }
    state_of_array(snap, "host.sas", &host->sas);
    state_of_array(snap, "host.frames", &host->frames);
    state_of_array(snap, "host.requests", &host->requests);
    state_of_array(snap, "host.delays", &host->delays);
    state_of_array(snap, "host.families", &host->families);
    state_of_array(snap, "host.family_of", &host->family_of);
    state_of_array(snap, "host.limits", &host->limits);
    state_of_array(snap, "host.lives", &host->lives);
    state_of_array(snap, "host.life_of", &host->life_of);
    state_of_store(snap, "host.packs", &host->packs);
    state_of_store(snap, "host.windows", &host->windows);
    state_of_store(snap, "host.commands", &host->commands);
    state_of_store(snap, "host.blocks", &host->blocks);
    state_of_index(snap, "host.by_handle", &host->by_handle);
    state_of_index(snap, "host.by_card", &host->by_card);
    state_of_index(snap, "host.by_spi", &host->by_spi);
    state_of_index(snap, "host.by_family", &host->by_family);
    state_of_index(snap, "host.by_limit", &host->by_limit);
    for (unsigned i = 0; i < HOST_RULE_KINDS; i++) {
        state_of_array(snap, "host.rules", &host->classifier.rules[i]);
    }
    state_of_index(snap, "host.rule_index", &host->classifier.index);
    snapshot_fixed(snap, "host.shapes", host->classifier.tuple,
                   HOST_MAX_TUPLES * sizeof *host->classifier.tuple);
    snapshot_fixed(snap, "host.classifier", host->classifier.state, sizeof *host->classifier.state);
    snapshot_add_hook(snap, (struct snapshot_hook){ .self = host,
                                                    .before_save = before_save,
                                                    .after_restore = restored });
}
