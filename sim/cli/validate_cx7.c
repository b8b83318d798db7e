#include "cli/validate_cx7.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/scenario.h"
#include "cli/simulation.h"
#include "engine/must.h"

#define SOURCE "acassen/fastswan, Nvidia-ConnectX-7-Benchmark, commit ab09015"

#define FITTED_ON "to the figures of 1100 and 1600 tunnels, and no others"

enum { PORTS = 2, GATEWAYS = 2, FCS = 4 };

const struct validation_group validate_cx7_groups[] = {
    { "ceilings",
      "Wire ceilings with few active SAs (the first issue of the article had about 944 of them): 2 x 100 Gb/s, "
      "clear and ESP frames share each port. Both data paths are simulated; which of them the published "
      "figure is of is not always told" },
    { "scaling",
      "Tunnel scaling: every tunnel active, two SAs each; load rises in 20 steps, and the figure is what is "
      "received at the last step with a loss of less than 5 %. The cache was fitted for each data path on the "
      "figures of 1100 and 1600 tunnels alone, all others are predictions; it may be off by a step (9.5 Gb/s) where "
      "nothing is lost" },
    { "overload",
      "Tunnel scaling at full load (read off figures, +-2 Gb/s), with the same parameters" },
    { "installed", "SAs that are installed and not used cost nothing; those that are used do" },
    { NULL, NULL }
};

/* On top of the preset cx7-like. */
static const struct validation_setting settings[] = {
    { "cx7", "workload.timing_only", "true", "assumed", "contents have no influence on time" },
    { "cx7", "stop.warmup", "1ms", "assumed", "buffers and cache have settled" },
    { "cx7", "traffic.vlan", "100", "read",
      SOURCE ": clear traffic is tagged; the number is ours" },
    { "cx7", "card.forward.vlan", "100", "read", "likewise" },
    { "cx7", "card.mac.tx_buffer", "256KiB", "assumed",
      "not published; as much as card.mac.rx_buffer, so that a busy port does not hold up the other" },
    { "flower", "card.forward.path", "hairpin", "read", SOURCE ": all in NIC steering, host idle" },
    { "xdp", "card.forward.path", "host", "read", SOURCE ": each packet crosses PCIe twice" },
    { "xdp", "host.rx.signal", "poll", "assumed", "under load an XDP program polls" },
    { "xdp", "host.tx.signal", "poll", "assumed", "likewise" },
    { "xdp", "host.rx.ring", "8192", "read", SOURCE ": setup-host.sh" },
    { "xdp", "host.tx.ring", "8192", "read", "likewise" },
    { "xdp", "host.rx.done_batch", "8", "read",
      SOURCE
      ": setup-host.sh turns rx_cqe_compress on; Linux include/linux/mlx5/device.h: arrays of 8. The card "
      "writes 128 bytes for 8 packets (mlx5_cqe64, mlx5_mini_cqe8), the model 512" },
    { "xdp", "host.rx.done_wait", "1us", "assumed", "not published; the default" },
    { "flower-cache", "card.sa.cache.sets", "104", "fitted", "1664 contexts; " FITTED_ON },
    { "flower-cache", "card.sa.cache.mshrs", "3", "fitted", FITTED_ON },
    { "flower-cache", "card.sa.miss_time", "30ns", "fitted", FITTED_ON },
    { "xdp-cache", "card.sa.cache.sets", "112", "fitted", "1792 contexts; " FITTED_ON },
    { "xdp-cache", "card.sa.cache.mshrs", "4", "fitted", FITTED_ON },
    { "xdp-cache", "card.sa.mshrs_tx", "2", "fitted", FITTED_ON },
    { "xdp-cache", "host.rx.ring", "512", "assumed",
      "8192 in setup-host.sh; but latency under overload is some 100 us, and so are the queues" },
    { "xdp-cache", "host.tx.ring", "512", "assumed", "likewise" },
    { "xdp-cache", "stop.warmup", "2ms", "assumed", "rings have filled" },
    { "flower-cache", "stop.warmup", "2ms", "assumed", "likewise" },
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct validation_setting validate_cx7_setting(size_t n)
{
    return n < SETTINGS ? settings[n] : (struct validation_setting){ 0 };
}

/* ---- one point ------------------------------------------------------------------------------------ */

static const char *sets_of(bool hairpin, bool cache)
{
    if (cache) {
        return hairpin ? "cx7 flower flower-cache" : "cx7 xdp xdp-cache";
    }
    return hairpin ? "cx7 flower" : "cx7 xdp";
}

/* "path=value path=value" of what the workload sets. */
static void describe(const struct cx7_workload *w, uint64_t line, char *text, size_t size)
{
    snprintf(
        text, size,
        "traffic.profile=%s traffic.tunnels=%u traffic.installed=%u traffic.order=%s workload.load=%llubps "
        "stop.packets=%llu",
        w->profile, w->tunnels, w->installed, w->random ? "random" : "cyclic",
        (unsigned long long)(w->offered * (double)line), (unsigned long long)w->packets);
}

static void take_outcome(struct simulation *s, struct cx7_outcome *o)
{
    const struct run_results *r = simulation_results(s);
    const struct histogram *l = simulation_whole_latency(s, RUN_LATENCY_FORWARD);
    double ps = r->measured_us * 1e6;

    memset(o, 0, sizeof *o);
    for (unsigned p = 0; p < PORTS; p++) {
        const struct run_port_direction *tx = &r->port[p].tx;

        o->mpps += tx->mpps / PORTS;
        o->frame_gbps += (tx->gbps + tx->mpps * FCS * 8 / 1000) / PORTS;
    }
    if (ps > 0) {
        o->received = GATEWAYS * (double)r->tally.bytes[1] * 8000 / ps;
    }
    o->loss = r->rx.whole_loss + r->tx.whole_loss; /* with the warm-up, as it was fitted */
    o->p50_us = histogram_scaled(l, histogram_percentile(l, 50, 100)) / 1000;
    o->p99_us = histogram_scaled(l, histogram_percentile(l, 99, 100)) / 1000;
}

static bool run(const struct espnic_config *config, struct cx7_outcome *o, char *error,
                size_t error_size)
{
    struct simulation_options options = { .quiet = true };
    char why[SIMULATION_ERROR];
    struct simulation *s = simulation_create(config, &options, why, sizeof why);
    bool ok = s && simulation_run(s, why, sizeof why) == SIMULATION_DONE;

    if (ok) {
        take_outcome(s, o);
    } else {
        snprintf(error, error_size, "%.1000s", why);
    }
    simulation_destroy(s);
    return ok;
}

bool cx7_simulate(const struct cx7_workload *w, struct cx7_outcome *o, char *text, size_t text_size,
                  char *error, size_t error_size)
{
    struct espnic_config *config = must(calloc(1, sizeof *config));
    struct scenario s;
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);
    bool ok;

    scenario_init(&s, groups, n, config);
    ok = scenario_load_preset(&s, "cx7-like") &&
         validation_apply_sets(&s, sets_of(w->hairpin, w->cache), validate_cx7_setting);
    if (ok) {
        describe(w, config->card.mac.rate, text, text_size);
        ok = validation_apply_settings(&s, text) && espnic_config_check(&s);
    }
    if (!ok) {
        snprintf(error, error_size, "%s", s.error);
    } else {
        ok = nic_config_check(&config->card, error, error_size) &&
             host_config_check(&config->host, error, error_size) &&
             run(config, o, error, error_size);
    }
    scenario_free(&s);
    free(config);
    return ok;
}

/* ---- V1: wire ceilings ------------------------------------------------------------------------------- */

enum quantity { MPPS, FRAME_GBPS, RECEIVED };

static const struct ceiling {
    const char *profile, *name;
    enum quantity quantity;
    double published, most; /* `most`: anything between the two */
    double tolerance;       /* percent */
    const char *source;
} ceilings[] = {
    { "mno", "MNO pattern", MPPS, 11.25, 11.25, 0.5, SOURCE ", MNO traffic pattern" },
    { "mno", "MNO pattern", FRAME_GBPS, 98.2, 98.2, 0.5, SOURCE ", MNO traffic pattern" },
    { "mno", "MNO pattern", RECEIVED, 190.5, 190.5, 0.5, SOURCE ", MNO traffic pattern" },
    { "six-bucket", "six buckets", MPPS, 19.35, 19.35, 0.5, SOURCE ", ipsec-cx7" },
    { "six-bucket", "six buckets", FRAME_GBPS, 97, 97, 0.5, SOURCE ", ipsec-cx7" },
    { "six-bucket", "six buckets", RECEIVED, 183.3, 184.6, 0,
      SOURCE ", ipsec-cx7: 183.3 with XDP, up to 184.6" },
    { "mno-mixed", "MNO mixed", MPPS, 13.5, 14.5, 0,
      SOURCE ", MNO mixed symmetric: 14, a rounded figure" },
    { "mno-mixed", "MNO mixed", FRAME_GBPS, 98, 98, 0.5, SOURCE ", MNO mixed symmetric" },
};
enum { CEILINGS = sizeof ceilings / sizeof ceilings[0] };

static double pick(const struct cx7_outcome *o, enum quantity q)
{
    return q == MPPS ? o->mpps : q == FRAME_GBPS ? o->frame_gbps : o->received;
}

static void add_ceiling(struct validation *v, const struct ceiling *c, bool hairpin,
                        const struct cx7_outcome *o, const char *text)
{
    static const char *const what[] = { "a port", "frames with FCS, a port", "received L2, all" };
    struct validation_row *row = validation_add(v);

    row->group = "ceilings";
    snprintf(row->what, sizeof row->what, "%s, %s, %s", c->name, hairpin ? "Flower" : "XDP",
             what[c->quantity]);
    row->unit = c->quantity == MPPS ? "M/s" : "Gb/s";
    row->published = c->published;
    row->most = c->most;
    row->tolerance = c->tolerance;
    row->kind = VALIDATION_PREDICTED;
    row->source = c->source;
    row->sets = sets_of(hairpin, false);
    row->simulated = pick(o, c->quantity);
    snprintf(row->settings, sizeof row->settings, "%s", text);
    validation_judge(row);
}

/* All figures of one profile and data path come from one run. */
static bool add_ceilings(struct validation *v, char *error, size_t error_size)
{
    for (unsigned i = 0; i < 2 * CEILINGS; i++) {
        const struct ceiling *c = &ceilings[i % CEILINGS];
        bool hairpin = i < CEILINGS;
        struct cx7_workload w = { .profile = c->profile,
                                  .hairpin = hairpin,
                                  .tunnels = 472, /* 944 active SAs */
                                  .offered = 1,
                                  .packets = 250000 };
        static struct cx7_outcome outcome;
        static char text[256];

        if (i % CEILINGS == 0 || strcmp(c->profile, ceilings[i % CEILINGS - 1].profile) != 0) {
            if (!cx7_simulate(&w, &outcome, text, sizeof text, error, error_size)) {
                return false;
            }
        }
        add_ceiling(v, c, hairpin, &outcome, text);
    }
    return true;
}

/* ---- V2, V3: tunnels ------------------------------------------------------------------------------------ */

/* Predictions that miss, known since they were first run. The fit was not touched for them. */
#define XDP_FLATTER                                                                                \
    ", maximum sustained; misses: the card's curve is flatter here than that of the cache model"
#define XDP_FALLS                                                                                  \
    ", received at heavy overload, read off a figure; misses: the card receives less overloaded "  \
    "than sustained, the model more; why is not known"
#define FLOWER_STEP ", maximum sustained; misses: by less than a step of the load (9.5 Gb/s)"
#define FLOWER_HOLDS                                                                               \
    ", received at heavy overload, read off a figure; misses: the model receives less overloaded " \
    "than sustained, the card does not; why is not known"

static const struct scaling {
    bool hairpin;
    uint32_t tunnels;
    double sustained, overload; /* Gb/s, 0: not published */
    bool fitted;
    const char *sustained_misses, *overload_misses; /* NULL: within tolerance */
} scaling[] = {
    { false, 1000, 190.5, 190, false, NULL, NULL },
    { false, 1100, 176.2, 177, true, NULL, NULL },
    { false, 1200, 153.3, 149, false, NULL, NULL },
    { false, 1300, 139.4, 135, false, SOURCE XDP_FLATTER, NULL },
    { false, 1400, 124.2, 117, false, NULL, SOURCE XDP_FALLS },
    { false, 1500, 110.3, 100, false, NULL, SOURCE XDP_FALLS },
    { false, 1600, 100.4, 93, true, NULL, SOURCE XDP_FALLS },
    { true, 1000, 184.3, 183, false, NULL, NULL },
    { true, 1100, 153.8, 158, true, NULL, NULL },
    { true, 1200, 127.4, 128, false, NULL, NULL },
    { true, 1300, 110.4, 118, false, SOURCE FLOWER_STEP, SOURCE FLOWER_HOLDS },
    { true, 1400, 99.1, 104, false, NULL, SOURCE FLOWER_HOLDS },
    { true, 1500, 88.8, 89, false, NULL, SOURCE FLOWER_HOLDS },
    { true, 1600, 80.4, 85, true, NULL, SOURCE FLOWER_HOLDS },
    { true, 1700, 78.7, 0, false, NULL, NULL },
};
enum { SCALING = sizeof scaling / sizeof scaling[0], STEPS = 20 };

static bool at_step(const struct scaling *p, unsigned step, struct cx7_outcome *o, char *text,
                    size_t text_size, char *error, size_t error_size)
{
    struct cx7_workload w = { .profile = "mno",
                              .hairpin = p->hairpin,
                              .tunnels = p->tunnels,
                              .cache = true,
                              .offered = (double)step / STEPS,
                              .packets = 250000 };

    return cx7_simulate(&w, o, text, text_size, error, error_size);
}

/* The last step that loses less than 5 %: loss rises with load, so half of what is left is looked at in turn. */
static bool find_step(const struct scaling *p, struct cx7_outcome *best, char *text,
                      size_t text_size, char *error, size_t error_size)
{
    unsigned low = 1, high = STEPS;

    while (low <= high) {
        unsigned middle = (low + high + 1) / 2;
        struct cx7_outcome o;
        char chosen[256];

        if (!at_step(p, middle, &o, chosen, sizeof chosen, error, error_size)) {
            return false;
        }
        if (o.loss < 0.05) {
            *best = o;
            snprintf(text, text_size, "%s", chosen);
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    return true;
}

static const struct scaling *fitted_point(bool hairpin, bool last)
{
    const struct scaling *found = NULL;

    for (unsigned i = 0; i < SCALING; i++) {
        if (scaling[i].hairpin == hairpin && scaling[i].fitted && (found == NULL || last)) {
            found = &scaling[i];
        }
    }
    return found;
}

/* A cache of C tunnels that serves misses at M Gb/s gives M / (1 - C/N) with N active ones. With C and M from the
 * two figures that the model was fitted on it says what the model is worth beside it. */
static double closed_equation(const struct scaling *p)
{
    const struct scaling *a = fitted_point(p->hairpin, false), *b = fitted_point(p->hairpin, true);
    double c =
        (a->sustained - b->sustained) / (a->sustained / a->tunnels - b->sustained / b->tunnels);
    double m = a->sustained * (1 - c / a->tunnels);

    return m / (1 - c / p->tunnels);
}

static void note_equation(struct validation_row *row, const struct scaling *p)
{
    double equation = closed_equation(p);

    snprintf(
        row->note, sizeof row->note,
        "The closed equation M / (1 - C/N), fitted on the same two figures: %.1f Gb/s, off by %+.1f %%",
        equation, (equation / p->sustained - 1) * 100);
}

static void add_scaling(struct validation *v, const struct scaling *p, bool overload,
                        const struct cx7_outcome *o, const char *text)
{
    struct validation_row *row = validation_add(v);
    const char *misses = overload ? p->overload_misses : p->sustained_misses;

    row->group = overload ? "overload" : "scaling";
    snprintf(row->what, sizeof row->what, "%s, %u tunnels", p->hairpin ? "Flower" : "XDP",
             p->tunnels);
    row->unit = "Gb/s";
    row->published = row->most = overload ? p->overload : p->sustained;
    row->simulated = o->received;
    row->tolerance = 5;
    row->kind = misses                   ? VALIDATION_MISSED
                : p->fitted && !overload ? VALIDATION_FITTED
                                         : VALIDATION_PREDICTED;
    row->source = misses     ? misses
                  : overload ? SOURCE ", received at heavy overload, read off a figure"
                             : SOURCE ", maximum sustained";
    row->sets = sets_of(p->hairpin, true);
    snprintf(row->settings, sizeof row->settings, "%s", text);
    if (!overload && !p->fitted && p->tunnels > fitted_point(p->hairpin, false)->tunnels) {
        note_equation(row, p); /* below, the wire is the limit */
    }
    validation_judge(row);
}

static bool add_all_scaling(struct validation *v, bool overload, char *error, size_t error_size)
{
    for (unsigned i = 0; i < SCALING; i++) {
        const struct scaling *p = &scaling[i];
        struct cx7_outcome o = { 0 };
        char text[256] = "";

        if (overload && p->overload == 0) {
            continue;
        }
        if (overload ? !at_step(p, STEPS, &o, text, sizeof text, error, error_size)
                     : !find_step(p, &o, text, sizeof text, error, error_size)) {
            return false;
        }
        add_scaling(v, p, overload, &o, text);
    }
    return true;
}

/* Published: 2000, 4000 and 8000 tunnels installed, some 472 of them with traffic. */
static bool add_installed(struct validation *v, char *error, size_t error_size)
{
    static const struct {
        bool hairpin;
        uint32_t installed;
        double published;
    } points[] = { { false, 2000, 190.2 }, { false, 4000, 190.5 }, { false, 8000, 190.4 },
                   { true, 2000, 190.5 },  { true, 4000, 190.5 },  { true, 8000, 190.6 } };

    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        struct cx7_workload w = { .profile = "mno",
                                  .hairpin = points[i].hairpin,
                                  .tunnels = 472,
                                  .installed = points[i].installed,
                                  .cache = true,
                                  .offered = 1,
                                  .packets = 250000 };
        struct cx7_outcome o;
        char text[256];

        if (!cx7_simulate(&w, &o, text, sizeof text, error, error_size)) {
            return false;
        }
        struct validation_row *row = validation_add(v);

        row->group = "installed";
        snprintf(row->what, sizeof row->what, "%s, %u tunnels installed, 472 active",
                 w.hairpin ? "Flower" : "XDP", w.installed);
        row->unit = "Gb/s";
        row->published = row->most = points[i].published;
        row->simulated = o.received;
        row->tolerance = 1;
        row->kind = VALIDATION_PREDICTED;
        row->source = "acassen/fastswan, Nvidia-ConnectX-7-Benchmark, commit 48c4e05 (first issue)";
        row->sets = sets_of(w.hairpin, true);
        snprintf(row->settings, sizeof row->settings, "%s", text);
        validation_judge(row);
    }
    return true;
}

/* ---- all ------------------------------------------------------------------------------------------- */

static bool add_group(struct validation *v, const char *group, char *error, size_t error_size)
{
    if (isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "\r\033[K%s", group);
    }
    if (strcmp(group, "ceilings") == 0) {
        return add_ceilings(v, error, error_size);
    }
    if (strcmp(group, "installed") == 0) {
        return add_installed(v, error, error_size);
    }
    return add_all_scaling(v, strcmp(group, "overload") == 0, error, error_size);
}

bool validate_cx7(struct validation *v, const char *only, char *error, size_t error_size)
{
    bool ok = true;

    *v = (struct validation){ 0 };
    for (const struct validation_group *g = validate_cx7_groups; g->name != NULL && ok; g++) {
        if (only == NULL || strcmp(only, g->name) == 0) {
            ok = add_group(v, g->name, error, error_size);
        }
    }
    if (isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
    return ok;
}
