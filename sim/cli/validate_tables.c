#include "cli/validate_tables.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the order in which they are measured and shown. */
static const struct {
    const char *name;
    bool (*measure)(struct validation *v, char *error, size_t error_size);
} measures[] = {
    { "crypto", tables_crypto },       { "ixgbe", tables_ixgbe },
    { "netdevsim", tables_netdevsim }, { "replay", tables_replay },
    { "recorded", tables_recorded },   { "mlx5", tables_mlx5 },
    { "sizing", tables_sizing },       { "churn", tables_churn },
    { "bluefield", tables_bluefield }, { "policies", tables_policies },
};
enum { MEASURES = sizeof measures / sizeof measures[0] };

const struct validation_group validate_tables_groups[] = {
    { "crypto",
      "Published AES-GCM cores as the crypto engine of a card whose other blocks are free: packets go out of it as "
      "fast as the core lets them. Width, cycles a block and clock are what was published of the core; what is "
      "tested is that nothing else takes or hides a cycle. Gb/s are inner bytes of packets that have 1500 B to encrypt; "
      "as one endless packet Yang would have 34.7 (+2.02 %), Agilex 194.6 and 204.8 (+2.4 %), outside 2 %" },
    { "ixgbe",
      "Intel 82599 (preset ixgbe-82599): what its driver does and what its tables hold, by counters of card and "
      "host, and by registers at the published offsets" },
    { "netdevsim",
      "Linux netdevsim (preset netdevsim): its self-test and what it takes and refuses" },
    { "replay",
      "Replay windows: packets of these numbers arrive, in this order, under one SA; contents and ICV are "
      "real, so a wrong upper half shows" },
    { "recorded",
      "Recorded anti-replay sequences of a Linux 6.1 receiver, packet by packet ($ESPNIC_DATA says where "
      "they are)" },
    { "mlx5", "Sequence numbers, lifetimes and restrictions of mlx5 (preset cx7-like)" },
    { "sizing", "Sizing for 10 M connections: Google's PSP announcement (2022)" },
    { "churn",
      "SA churn against the data path, and what a full hash table does to the rate of insertions: the "
      "direction only, as other tables on other devices were measured. The first figure is "
      "no prediction: the card was slowed down until updates cost packets" },
    { "bluefield",
      "BlueField-3 as a gateway: the direction only, since how many tunnels were active is not known. "
      "The cache is the one that was fitted to a ConnectX-7 (espnic validate cx7)" },
    { "policies",
      "Replacement policy by order of arrival: what theory says of a cache of 1600 contexts and more "
      "active SAs than that; traces/samples/README.md has the whole table" },
    { NULL, NULL }
};

static const struct validation_setting settings[] = {
    { "core", "card.ideal", "wire,tx_dma,sa_fetch,sequence,encapsulate,reorder,pcie", "assumed",
      "only the core is to be seen" },
    { "core", "card.bus", "512B", "assumed",
      "headers outside the ciphertext take no cycle of the core" },
    { "core", "card.mac.rate", "1Tbps", "assumed", "the wire is no limit" },
    { "core", "card.crypto.engines", "1", "read", "one core" },
    { "core", "card.crypto.contexts", "1", "read", "one packet at a time" },
    { "core", "card.crypto.overhead", "0", "read", "packets follow each other without a gap" },
    { "core", "card.crypto.stages_per_round", "1", "assumed", "no influence on rates" },
    { "core", "host.ideal", "true", "assumed", "the host is no limit" },
    { "core", "host.tx.doorbell_batch", "1", "assumed", "likewise" },
    { "host-memory", "card.sa.storage", "host-cache", "assumed", "contexts in memory of the host" },
    { "host-memory", "card.sa.context", "256B", "read", "Google PSP announcement (2022)" },
    { "host-memory", "card.capabilities.window_max", "1024", "assumed",
      "a window that has room in 256 bytes" },
    { "port", "card.ideal", "pcie,rx_dma", "assumed", "look-ups are the limit" },
    { "port", "card.clock", "125MHz", "fitted",
      "chosen so that updates show: 125 M look-ups/s for 91 M packets/s; at 200 MHz and more nothing is lost" },
    { "port", "card.bus", "128B", "assumed", "a frame is one beat" },
    { "port", "host.ideal", "true", "assumed", "the host is no limit" },
    { "cores", "host.cores", "4", "assumed",
      "the Arm cores are the limit; only ratios are looked at" },
    { "cores", "host.rx.forward", "300ns", "assumed", "likewise" },
    { "cores", "card.forward.path", "host", "read", "fastSwan: XDP forwarding" },
    { "cores", "card.forward.clear", "true", "read", "the plain variant has no SA" },
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct validation_setting validate_tables_setting(size_t n)
{
    return n < SETTINGS ? settings[n] : (struct validation_setting){ 0 };
}

/* ---- rows ----------------------------------------------------------------------------------------- */

const char *const tables_no_yes[] = { "no", "yes" };

static struct validation_row *add(struct validation *v, const struct tables_figure *f)
{
    struct validation_row *row = validation_add(v);

    row->group = f->group;
    row->kind = f->kind;
    row->source = f->source;
    row->sets = f->sets;
    row->tolerance = f->tolerance;
    row->shape = f->shape;
    row->words = f->words;
    snprintf(row->settings, sizeof row->settings, "preset=%s%s%s", f->preset,
             f->settings[0] != '\0' ? " " : "", f->settings);
    return row;
}

void tables_add(struct validation *v, const struct tables_figure *figure, const char *unit,
                double published, double simulated, const char *format, ...)
{
    struct validation_row *row = add(v, figure);
    va_list args;

    va_start(args, format);
    vsnprintf(row->what, sizeof row->what, format, args);
    va_end(args);
    row->unit = unit;
    row->published = row->most = published;
    row->simulated = simulated;
    validation_judge(row);
}

void tables_add_range(struct validation *v, const struct tables_figure *figure, const char *unit,
                      double least, double most, double simulated, const char *what)
{
    struct validation_row *row = add(v, figure);

    snprintf(row->what, sizeof row->what, "%s", what);
    row->unit = unit;
    row->published = least;
    row->most = most;
    row->simulated = simulated;
    validation_judge(row);
}

void tables_absent(struct validation *v, const char *group, const char *unit, double published,
                   const char *what, const char *missing)
{
    tables_nothing(v, VALIDATION_ABSENT, group, unit, published, what, missing);
}

void tables_nothing(struct validation *v, enum validation_kind kind, const char *group,
                    const char *unit, double published, const char *what, const char *missing)
{
    struct validation_row *row = validation_add(v);

    row->group = group;
    row->kind = kind;
    row->source = missing;
    row->sets = "";
    snprintf(row->what, sizeof row->what, "%s", what);
    row->unit = unit;
    row->published = row->most = published;
    validation_judge(row);
}

bool tables_wishes(struct validation *v, struct bench *b, const struct tables_figure *figure,
                   const struct tables_wish *wishes, unsigned count)
{
    struct tables_figure f = *figure;

    f.words = bench_answers;
    for (unsigned i = 0; i < count; i++) {
        struct esp_node node;

        bench_node(&node, 100 + i, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 5000 + i);
        bench_change(&node, wishes[i].change);
        if (!bench_add(b, &node)) {
            return false;
        }
        tables_add(v, &f, "", wishes[i].published, bench_answer(b), "%s", wishes[i].what);
    }
    return true;
}

/* ---- all --------------------------------------------------------------------------------------------- */

bool validate_tables(struct validation *v, const char *only, char *error, size_t error_size)
{
    bool ok = true;

    *v = (struct validation){ 0 };
    error[0] = '\0';
    for (size_t i = 0; i < MEASURES && ok; i++) {
        if (only != NULL && strcmp(only, measures[i].name) != 0) {
            continue;
        }
        if (isatty(STDERR_FILENO) == 1) {
            fprintf(stderr, "\r\033[K%s", measures[i].name);
        }
        ok = measures[i].measure(v, error, error_size);
    }
    if (isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
    return ok;
}
