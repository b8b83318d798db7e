#include "cli/bottleneck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/results.h"
#include "report/text.h"
#include "traces/pace.h"

#define GAIN 1.01 /* less is no gain */
#define NEAR 1.05 /* limits within this are named together */
#define FULL 0.9  /* a block that could be at its end */

enum { LEAST_WAITING = 16, EQUALS = 3 };

/* Which idealisation frees a block of the report. */
static const struct {
    const char *block, *ideal;
} families[] = {
    { "mac_rx", "wire" },
    { "pcie", "pcie" },
    { "sa_memory", "sa_memory" },
    { "tx_fetch", "tx_dma" },
    { "rx_fetch", "rx_dma" },
    { "tx_done", "tx_dma" },
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
    { "forward", "forward" },
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

static void raise(double *value, double to)
{
    *value = to > *value ? to : *value;
}

/* A block that waits for memory has a busy memory, and one that is blocked a slow reader: the cycles that
 * it loses count for whom they are lost to. */
static void note_causes(struct bottleneck *b, struct simulation *s, const struct run_block *k,
                        double total)
{
    const char *own = ideal_of(k->name);

    for (unsigned c = 0; c < SCHED_MAX_BLOCKS; c++) {
        uint64_t cycles = k->by_cause[0][c] + k->by_cause[1][c];
        const char *cause = cycles ? ideal_of(nic_block_name(simulation_card(s), c)) : NULL;

        if (cause && (!own || strcmp(cause, own) != 0 || !strcmp(cause, "pcie"))) {
            raise(&trial_of(b, cause)->holds, (double)cycles / total);
        }
    }
}

static void measure_busy(struct bottleneck *b, const struct espnic_config *config,
                         struct simulation *s)
{
    const struct run_results *r = simulation_results(s);
    unsigned n;
    const struct run_block *block = simulation_blocks(s, &n);
    double line = (double)config->card.mac.rate * config->card.general.ports / 1e9;

    for (unsigned i = 0; i < n; i++) {
        const char *ideal = ideal_of(block[i].name);
        double total = 0;

        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            total += (double)block[i].cycles[k];
        }
        if (total > 0) {
            if (ideal) {
                raise(&trial_of(b, ideal)->busy, (double)block[i].cycles[ACCOUNT_BUSY] / total);
            }
            note_causes(b, s, &block[i], total);
        }
    }
    raise(&trial_of(b, "wire")->busy,
          (r->rx.offered_gbps + r->rx.offered_mpps * PACE_OVERHEAD_BYTES * 8 / 1000) / line);
    raise(&trial_of(b, "host")->busy, r->core_busy);
}

static double score(const struct bottleneck_trial *t)
{
    return t->busy > t->holds ? t->busy : t->holds;
}

static int by_score(const void *a, const void *b)
{
    const struct bottleneck_trial *x = a;
    const struct bottleneck_trial *y = b;

    return score(x) > score(y) ? -1 : score(x) < score(y) ? 1 : strcmp(x->block, y->block);
}

/* ---- experiments ----------------------------------------------------------------------------------------- */

struct throughput {
    double packets, requests; /* per second */
    bool behind;              /* with the requests */
};

static struct throughput throughput_of(const struct run_results *r)
{
    const struct run_work *w = &r->work;
    struct throughput t = { 0 };

    if (r->measured_us > 0) {
        t.packets = (double)w->packets / r->measured_us * 1e6;
        t.requests = (double)w->requests / r->measured_us * 1e6;
        t.behind = w->requests_waiting > LEAST_WAITING && w->requests_waiting > w->requests / 100;
    }
    return t;
}

/* Everything that an experiment needs to know. */
struct search {
    const struct espnic_config *config;
    struct simulation_options options;
    struct throughput base;
    char *error;
    size_t error_size;
};

static bool throughput_with(const struct search *f, const char *ideal, const char *other,
                            struct throughput *out)
{
    struct espnic_config *changed = malloc(sizeof *changed);
    struct simulation *s = NULL;
    bool ok = false;

    if (!changed) {
        snprintf(f->error, f->error_size, "out of memory");
        return false;
    }
    *changed = *f->config;
    if ((!ideal || bottleneck_idealise(changed, ideal)) &&
        (!other || bottleneck_idealise(changed, other))) {
        s = simulation_create(changed, &f->options, f->error, f->error_size);
    }
    if (s) {
        ok = simulation_run(s, f->error, f->error_size) == SIMULATION_DONE;
        *out = throughput_of(simulation_results(s));
        simulation_destroy(s);
    }
    free(changed);
    return ok;
}

static double headroom_of(const struct search *f, const struct throughput *t, bool *of_requests)
{
    double packets = f->base.packets > 0 ? t->packets / f->base.packets : 0;
    double requests = f->base.behind && f->base.requests > 0 ? t->requests / f->base.requests : 0;

    *of_requests = requests > packets;
    return *of_requests ? requests : packets;
}

static bool try_alone(struct bottleneck *b, const struct search *f)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct bottleneck_trial *t = &b->trial[i];
        struct throughput with;

        if (!throughput_with(f, t->block, NULL, &with)) {
            return false;
        }
        t->headroom = headroom_of(f, &with, &t->of_requests);
    }
    return true;
}

static void choose(struct bottleneck *b)
{
    b->first = b->second = -1;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->trial[i].headroom > GAIN &&
            (b->first < 0 || b->trial[i].headroom > b->trial[b->first].headroom)) {
            b->second = b->first;
            b->first = (int)i;
        } else if (b->trial[i].headroom > GAIN &&
                   (b->second < 0 || b->trial[i].headroom > b->trial[b->second].headroom)) {
            b->second = (int)i;
        }
    }
    if (b->second >= 0 && b->trial[b->first].headroom > b->trial[b->second].headroom * NEAR) {
        b->second = -1;
    }
}

/* Both of a pair ideal: the best pair so far is kept if it gains on `least`. */
static bool try_pair(struct bottleneck *b, const struct search *f, unsigned x, unsigned y,
                     double least)
{
    struct throughput with;
    bool of_requests;
    double headroom;

    if (!throughput_with(f, b->trial[x].block, b->trial[y].block, &with)) {
        return false;
    }
    headroom = headroom_of(f, &with, &of_requests);
    if (headroom > least * GAIN && headroom > b->together) {
        b->first = (int)x;
        b->second = (int)y;
        b->together = headroom;
        b->trial[x].of_requests = of_requests;
    }
    return true;
}

/* The first limit is nearly none: the second is near. It shows only when the first is gone. */
static bool try_second(struct bottleneck *b, const struct search *f)
{
    unsigned first = (unsigned)b->first;

    for (unsigned i = 0; i < b->count; i++) {
        if (i != first && !try_pair(b, f, first, i, b->trial[first].headroom)) {
            return false;
        }
    }
    return true;
}

/* None alone gains, but some are at their end: two limits that are equal hide each other. */
static bool try_equals(struct bottleneck *b, const struct search *f)
{
    unsigned full = 0;

    while (full < b->count && full < EQUALS && score(&b->trial[full]) >= FULL) {
        full++;
    }
    for (unsigned x = 0; x < full; x++) {
        for (unsigned y = x + 1; y < full; y++) {
            if (!try_pair(b, f, x, y, 1)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the verdict ------------------------------------------------------------------------------------------- */

static const char *work_of(const struct bottleneck_trial *t)
{
    return t->of_requests ? "SA requests" : "packets";
}

/* What the link lacked, where that held it up. */
static void add_stalls(struct bottleneck *b, struct simulation *measured)
{
    unsigned n;
    const struct run_block *block = simulation_blocks(measured, &n);
    size_t used = strlen(b->why);

    while (n > 0 && strcmp(block->name, "pcie_up") != 0) {
        block++;
        n--;
    }
    for (unsigned k = 0; n > 0 && k < PCIE_STALLS; k++) {
        uint64_t total = 0;

        for (unsigned i = 0; i < ACCOUNT_STATES; i++) {
            total += block->cycles[i];
        }
        if (block->stall[k] * 100 >= total && total && used < sizeof b->why) {
            used += (size_t)snprintf(b->why + used, sizeof b->why - used, "; it lacked %s %.1f %%",
                                     pcie_stall_name((enum pcie_stall)k),
                                     100.0 * (double)block->stall[k] / (double)total);
        }
    }
}

/* The block that was busy for most of the time. The wire, which comes before all buffers, drops nothing. */
static const struct bottleneck_trial *busiest(const struct bottleneck_trial *trial, unsigned count)
{
    const struct bottleneck_trial *most = NULL;

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(trial[i].block, "wire") != 0 && (!most || trial[i].busy > most->busy)) {
            most = &trial[i];
        }
    }
    return most;
}

static int largest_headroom(const struct bottleneck *b)
{
    int best = -1;

    for (unsigned i = 0; i < b->count; i++) {
        if (best < 0 || b->trial[i].headroom > b->trial[best].headroom) {
            best = (int)i;
        }
    }
    return best;
}

/* Nothing gains, and yet packets found no room. `all`: blocks, with those
 * that were not tried. */
static void explain_drops(struct bottleneck *b, const struct run_results *r, unsigned all)
{
    const struct bottleneck_trial *busy = busiest(b->trial, all);
    int best = largest_headroom(b);
    bool little = b->dropped < GAIN - 1;
    size_t used = 0;

    for (unsigned i = 0; results_capacity_drop(i); i++) {
        uint64_t dropped = results_capacity_drops(r, i);
        char text[TEXT_CELL];

        if (dropped) {
            used +=
                (size_t)snprintf(b->why + used, sizeof b->why - used, "%s%s %s", used ? ", " : "",
                                 results_capacity_drop(i), text_count(dropped, text, sizeof text));
        }
    }
    used += (size_t)snprintf(
        b->why + used, sizeof b->why - used,
        " dropped for want of room, %.2f %% of the packets; idealising any of the %u busiest gains less than 1 %%",
        100 * b->dropped, b->count);
    if (best >= 0 && b->trial[best].headroom > 0) {
        used += (size_t)snprintf(b->why + used, sizeof b->why - used,
                                 ", the most is %s: %.3f times the %s", b->trial[best].block,
                                 b->trial[best].headroom, work_of(&b->trial[best]));
    }
    if (busy) {
        used += (size_t)snprintf(b->why + used, sizeof b->why - used,
                                 "; busiest behind the wire is %s, %.1f %% of the time",
                                 busy->block, busy->busy * 100);
    }
    snprintf(b->why + used, sizeof b->why - used, "; %s",
             little
                 ? "the excess is below 1 %, beside what the buffers took"
                 : "no block alone is the limit: bursts longer than a buffer, or several limits");
    b->nearest = little ? best : -1;
}

static void explain(struct bottleneck *b)
{
    const struct bottleneck_trial *t = b->first < 0 ? NULL : &b->trial[b->first];
    const struct bottleneck_trial *u = b->second < 0 ? NULL : &b->trial[b->second];

    if (!t) {
        snprintf(b->why, sizeof b->why,
                 "no block limits: idealising any of the %u busiest gains less than 1 %%",
                 b->count);
    } else if (!u) {
        snprintf(
            b->why, sizeof b->why,
            "%s: busy %.1f %% of the time, held up others %.1f %%; without its limit %.3f times "
            "the %s",
            t->block, t->busy * 100, t->holds * 100, t->headroom, work_of(t));
    } else if (b->together > 0) {
        snprintf(b->why, sizeof b->why,
                 "%s and %s, within 5 %%: without the limit of %s %.3f times the %s, of %s %.3f "
                 "times, of both %.3f times",
                 t->block, u->block, t->block, t->headroom, work_of(t), u->block, u->headroom,
                 b->together);
    } else {
        snprintf(b->why, sizeof b->why,
                 "%s and %s, within 5 %%: without the limit of %s %.3f times the %s, of %s %.3f "
                 "times",
                 t->block, u->block, t->block, t->headroom, work_of(t), u->block, u->headroom);
    }
}

bool bottleneck_find(struct bottleneck *b, const struct espnic_config *config,
                     struct simulation *measured, unsigned experiments, uint64_t packets,
                     struct progress *progress, char *error, size_t error_size)
{
    const struct run_results *r = simulation_results(measured);
    unsigned all;
    struct search f = { .config = config,
                        .options = { .quiet = true,
                                     .packets = packets,
                                     .warm_packets = r->warm_packets,
                                     .progress = progress,
                                     .inputs = simulation_inputs(measured) },
                        .base = throughput_of(r),
                        .error = error,
                        .error_size = error_size };

    memset(b, 0, sizeof *b);
    b->first = b->second = b->nearest = -1;
    b->dropped = results_capacity_loss(simulation_measured(measured));
    measure_busy(b, config, measured);
    qsort(b->trial, b->count, sizeof b->trial[0], by_score);
    all = b->count;
    b->count = b->count < experiments ? b->count : experiments;
    if (packets && !throughput_with(&f, NULL, NULL, &f.base)) {
        return false;
    }
    b->packets_per_s = f.base.packets;
    b->requests_per_s = f.base.requests;
    if (f.base.packets <= 0 && !f.base.behind) {
        snprintf(b->why, sizeof b->why,
                 r->work.requests
                     ? "no block limits: there are no packets, and the card kept up with "
                       "the requests"
                     : "nothing was done in the measured phase");
        b->count = 0;
        return true;
    }
    if (!try_alone(b, &f)) {
        return false;
    }
    choose(b);
    if (b->first < 0 && !try_equals(b, &f)) {
        return false;
    }
    if (b->first >= 0 && b->second < 0 && b->trial[b->first].headroom <= NEAR &&
        !try_second(b, &f)) {
        return false;
    }
    if (b->first < 0 && b->dropped > 0) {
        explain_drops(b, simulation_measured(measured), all);
    } else {
        explain(b);
    }
    if (b->first >= 0 && !strcmp(b->trial[b->first].block, "pcie")) {
        add_stalls(b, measured);
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
    int named = b->first < 0 ? b->nearest : b->first;
    const struct bottleneck_trial *first = named < 0 ? NULL : &b->trial[named];
    const char *none = b->dropped > 0 ? "several" : "offered load";

    for (unsigned i = 0; i < b->count; i++) {
        const struct bottleneck_trial *t = &b->trial[i];

        json_array_append_new(trials,
                              json_pack("{s:s, s:o, s:o, s:o, s:s}", "block", t->block, "busy",
                                        real(t->busy), "holds", real(t->holds), "headroom",
                                        t->headroom > 0 ? real(t->headroom) : json_null(), "of",
                                        t->of_requests ? "requests" : "packets"));
    }
    return json_pack(
        "{s:s, s:s, s:o, s:s*, s:o*, s:o, s:o, s:o}", "block", first ? first->block : none, "why",
        b->why, "headroom", real(first ? first->headroom : 1.0), "second",
        b->second < 0 ? NULL : b->trial[b->second].block, "together",
        b->together > 0 ? real(b->together) : NULL, "packets_per_s", real(b->packets_per_s),
        "requests_per_s", real(b->requests_per_s), "experiments", trials);
}

static json_t *causes(struct simulation *s, const uint64_t *by_cause)
{
    json_t *o = json_object();

    for (unsigned c = 0; c < SCHED_MAX_BLOCKS; c++) {
        if (by_cause[c]) {
            json_object_set_new(o, nic_block_name(simulation_card(s), c),
                                json_integer((json_int_t)by_cause[c]));
        }
    }
    return o;
}

static json_t *stalls(const struct run_block *block)
{
    json_t *o = json_object();

    for (unsigned k = 0; k < PCIE_STALLS; k++) {
        json_object_set_new(o, pcie_stall_name((enum pcie_stall)k),
                            json_integer((json_int_t)block->stall[k]));
    }
    return o;
}

json_t *blocks_json(struct simulation *s)
{
    static const char *const states[] = { "busy", "blocked", "waiting", "starved" };
    unsigned n;
    const struct run_block *blocks = simulation_blocks(s, &n);
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
        if (!strcmp(blocks[i].name, "pcie_up")) {
            json_object_set_new(o, "lacked", stalls(&blocks[i]));
        }
        json_object_set_new(all, blocks[i].name, o);
    }
    return all;
}
