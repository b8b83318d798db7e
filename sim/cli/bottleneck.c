#include "cli/bottleneck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which idealisation frees a block of the report. */
static const struct {
    const char *block, *ideal;
} families[] = {
    { "mac_tx", "wire" },
    { "parser", "parser" },
    { "sa_lookup", "sa_lookup" },
    { "sa_fetch", "sa_fetch" },
    { "sa_wait", "sa_memory" },
    { "replay_check", "replay_check" },
    { "crypto", "crypto" },
    { "reorder", "reorder" },
    { "replay_update", "replay_update" },
    { "decapsulate", "decapsulate" },
    { "rx_dma", "rx_dma" },
    { "tx_dma", "tx_dma" },
    { "sequence", "sequence" },
    { "encapsulate", "encapsulate" },
    { "command", "command" },
};

static const char *ideal_of(const char *block)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (!strncmp(block, families[i].block, strlen(families[i].block))) {
            return families[i].ideal;
        }
    }
    return NULL;
}

bool bottleneck_idealise(struct espnic_config *config, const char *block)
{
    char *list = config->card.general.ideal;
    size_t used = strlen(list);

    if (!strcmp(block, "host")) {
        config->host.general.ideal = true;
        return true;
    }
    for (unsigned i = 0; nic_ideal_names[i]; i++) {
        if (!strcmp(nic_ideal_names[i], block)) {
            return (size_t)snprintf(list + used, sizeof config->card.general.ideal - used, "%s%s",
                                    used ? "," : "",
                                    block) < sizeof config->card.general.ideal - used;
        }
    }
    return false;
}

/* ---- how busy everything was -------------------------------------------------------------------------- */

static struct bottleneck_trial *trial_of(struct bottleneck *b, const char *block)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (!strcmp(b->trial[i].block, block)) {
            return &b->trial[i];
        }
    }
    if (b->count == BOTTLENECK_MAX) {
        return &b->trial[0];
    }
    b->trial[b->count] = (struct bottleneck_trial){ .block = block };
    return &b->trial[b->count++];
}

static void note_busy(struct bottleneck *b, const char *block, double share)
{
    struct bottleneck_trial *t;

    if (!block) {
        return;
    }
    t = trial_of(b, block);
    if (share > t->busy) {
        t->busy = share;
    }
}

/* A block that waits for memory has a busy memory, and so on: the waits count for whom they wait for. */
static void note_waits(struct bottleneck *b, struct simulation *s, const struct nic_block_stats *k,
                       double total)
{
    for (unsigned c = 0; c < SCHED_MAX_BLOCKS && k->by_cause[1]; c++) {
        const char *name;

        if (!k->by_cause[1][c]) {
            continue;
        }
        name = nic_block_name(simulation_card(s), c);
        if (!strcmp(name, "sa_memory")) {
            note_busy(b, "sa_memory", (double)k->by_cause[1][c] / total);
        } else if (!strncmp(name, "pcie", 4)) {
            note_busy(b, "pcie", (double)k->by_cause[1][c] / total);
        }
    }
}

static double host_busy(struct simulation *s, const struct espnic_config *config)
{
    const struct host_stats *h = host_statistics(simulation_host(s));
    double us = simulation_results(s)->total_us;
    double most = 0;

    for (unsigned i = 0; i < config->host.general.cores; i++) {
        double share = us > 0 ? (double)h->core[i].busy_ps / 1e6 / us : 0;

        most = share > most ? share : most;
    }
    return most;
}

static void measure_busy(struct bottleneck *b, const struct espnic_config *config,
                         struct simulation *s)
{
    struct nic_block_stats blocks[NIC_MAX_BLOCK_STATS];
    const struct run_results *r = simulation_results(s);
    unsigned n = nic_block_accounts(simulation_card(s), blocks);
    double line = (double)config->card.mac.rate * config->card.general.ports / 1e9;

    for (unsigned i = 0; i < n; i++) {
        double total = 0;

        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            total += (double)blocks[i].cycles[k];
        }
        if (total > 0) {
            note_busy(b, ideal_of(blocks[i].name), (double)blocks[i].cycles[ACCOUNT_BUSY] / total);
            note_waits(b, s, &blocks[i], total);
        }
    }
    note_busy(b, "wire", r->rx.wire_gbps / line);
    note_busy(b, "host", host_busy(s, config));
    for (unsigned d = 0; d < 2; d++) {
        note_busy(b, "pcie", nic_pcie_busy(simulation_card(s), d));
    }
}

static int by_busy(const void *a, const void *b)
{
    const struct bottleneck_trial *x = a;
    const struct bottleneck_trial *y = b;

    return x->busy > y->busy ? -1 : x->busy < y->busy ? 1 : strcmp(x->block, y->block);
}

/* ---- experiments ----------------------------------------------------------------------------------------- */

double bottleneck_throughput(const struct run_results *r)
{
    return r->measured_us > 0
               ? (double)(r->rx.measured_packets + r->tx.measured_packets) / r->measured_us * 1e6
               : 0;
}

static bool throughput_with(const struct espnic_config *config, const char *ideal, uint64_t packets,
                            struct progress *progress, double *out, char *error, size_t error_size)
{
    struct espnic_config *changed = malloc(sizeof *changed);
    struct simulation_options options = { .quiet = true, .packets = packets, .progress = progress };
    struct simulation *s;
    bool ok = false;

    if (!changed) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    *changed = *config;
    if (ideal) {
        bottleneck_idealise(changed, ideal);
    }
    s = simulation_create(changed, &options, error, error_size);
    if (s) {
        ok = simulation_run(s, error, error_size) == SIMULATION_DONE;
        *out = bottleneck_throughput(simulation_results(s));
        simulation_destroy(s);
    }
    free(changed);
    return ok;
}

static void choose(struct bottleneck *b)
{
    b->first = b->second = -1;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->trial[i].headroom > 1.01 &&
            (b->first < 0 || b->trial[i].headroom > b->trial[b->first].headroom)) {
            b->second = b->first;
            b->first = (int)i;
        } else if (b->trial[i].headroom > 1.01 &&
                   (b->second < 0 || b->trial[i].headroom > b->trial[b->second].headroom)) {
            b->second = (int)i;
        }
    }
    if (b->second >= 0 && b->trial[b->first].headroom > b->trial[b->second].headroom * 1.05) {
        b->second = -1;
    }
}

bool bottleneck_find(struct bottleneck *b, const struct espnic_config *config,
                     struct simulation *measured, unsigned experiments, uint64_t packets,
                     struct progress *progress, char *error, size_t error_size)
{
    double base = bottleneck_throughput(simulation_results(measured));

    memset(b, 0, sizeof *b);
    measure_busy(b, config, measured);
    qsort(b->trial, b->count, sizeof b->trial[0], by_busy);
    if (packets && !throughput_with(config, NULL, packets, progress, &base, error, error_size)) {
        return false;
    }
    b->packets_per_s = base;
    for (unsigned i = 0; i < b->count && i < experiments && base > 0; i++) {
        double with;

        if (!throughput_with(config, b->trial[i].block, packets, progress, &with, error,
                             error_size)) {
            return false;
        }
        b->trial[i].headroom = with / base;
    }
    choose(b);
    if (b->first < 0) {
        snprintf(b->why, sizeof b->why,
                 "no block limits: idealising any of the %u busiest gains less than 1 %%",
                 experiments < b->count ? experiments : b->count);
    } else {
        const struct bottleneck_trial *t = &b->trial[b->first];

        snprintf(b->why, sizeof b->why,
                 "%s: without its limit %.2f times the packets (busy %.1f %% of the whole run)",
                 t->block, t->headroom, t->busy * 100);
    }
    return true;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static json_t *real(double v)
{
    char text[40];

    snprintf(text, sizeof text, "%.6g", v);
    return json_real(strtod(text, NULL));
}

json_t *bottleneck_json(const struct bottleneck *b)
{
    json_t *trials = json_array();
    const char *name = b->first < 0 ? "offered load" : b->trial[b->first].block;

    for (unsigned i = 0; i < b->count; i++) {
        json_t *headroom = b->trial[i].headroom > 0 ? real(b->trial[i].headroom) : json_null();

        json_array_append_new(trials,
                              json_pack("{s:s, s:o, s:o}", "block", b->trial[i].block, "busy",
                                        real(b->trial[i].busy), "headroom", headroom));
    }
    return json_pack("{s:s, s:s, s:o, s:s*, s:o}", "block", name, "why", b->why, "headroom",
                     real(b->first < 0 ? 1.0 : b->trial[b->first].headroom), "second",
                     b->second < 0 ? NULL : b->trial[b->second].block, "experiments", trials);
}

static json_t *causes(struct simulation *s, const uint64_t *by_cause)
{
    json_t *o = json_object();

    for (unsigned c = 0; by_cause && c < SCHED_MAX_BLOCKS; c++) {
        if (by_cause[c]) {
            json_object_set_new(o, nic_block_name(simulation_card(s), c),
                                json_integer((json_int_t)by_cause[c]));
        }
    }
    return o;
}

json_t *blocks_json(struct simulation *s)
{
    static const char *const states[] = { "busy", "blocked", "waiting", "starved" };
    struct nic_block_stats blocks[NIC_MAX_BLOCK_STATS];
    unsigned n = nic_block_accounts(simulation_card(s), blocks);
    json_t *all = json_object();

    for (unsigned i = 0; i < n; i++) {
        json_t *o = json_object();

        json_object_set_new(o, "slots", json_integer((json_int_t)blocks[i].slots));
        json_object_set_new(o, "items", json_integer((json_int_t)blocks[i].items));
        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            json_object_set_new(o, states[k], json_integer((json_int_t)blocks[i].cycles[k]));
        }
        json_object_set_new(o, "blocked_by", causes(s, blocks[i].by_cause[0]));
        json_object_set_new(o, "waiting_for", causes(s, blocks[i].by_cause[1]));
        json_object_set_new(all, blocks[i].name, o);
    }
    return all;
}
