#include "cli/pcie_outcome.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/pcie_formula.h"
#include "report/report.h"
#include "report/text.h"

enum { UP, DOWN, WIRES };

static const char *const wire_names[WIRES] = { "up", "down" };

#define REAL(struct_, field_, unit_, help_)                                                        \
    {                                                                                              \
        .name = #field_, .type = STAT_REAL, .offset = offsetof(struct_, field_), .unit = (unit_),  \
        .help = (help_)                                                                            \
    }
#define COUNT(struct_, field_, unit_, help_)                                                       \
    {                                                                                              \
        .name = #field_, .type = STAT_U64, .offset = offsetof(struct_, field_), .unit = (unit_),   \
        .help = (help_)                                                                            \
    }

static const struct stat_field rate_fields[] = {
    REAL(struct pcie_bench_rate, gbps, "Gb/s",
         "data of one kind of transaction, measured at the device from the answer that ends the "
         "warm-up to the last one; of rdwr, of the slower kind: in the long run each has it"),
    REAL(struct pcie_bench_rate, mtps, "M/s", "transactions of one kind, likewise"),
    REAL(struct pcie_bench_rate, total_gbps, "Gb/s", "data of reads and writes together"),
    COUNT(struct pcie_bench_rate, reads, "transactions", "measured reads"),
    COUNT(struct pcie_bench_rate, writes, "transactions",
          "measured writes; one is done when its last byte has left the card"),
    COUNT(struct pcie_bench_rate, failed, "transactions",
          "of these: data poisoned, or not answered before the completion timeout"),
    REAL(struct pcie_bench_rate, seconds, "s", "simulated time that was measured"),
};

static const struct stat_field outcome_fields[] = {
    REAL(struct pcie_outcome, bound_gbps, "Gb/s",
         "data of one kind if the wires carried only the TLPs of these transactions: no DLLP, no "
         "SKP, no other limit"),
    REAL(
        struct pcie_outcome, published_gbps, "Gb/s",
        "the analytical model of Neugebauer et al. (SIGCOMM 2018); null where there is none (Gen6)"),
};

static const struct stat_field latency_fields[] = {
    REAL(struct pcie_outcome, min_ns, "ns",
         "least latency, from the device taking a transaction to "
         "its end; of wrrd to the end of the read"),
    REAL(struct pcie_outcome, median_ns, "ns", "half of the transactions took no longer; exact"),
    REAL(struct pcie_outcome, mean_ns, "ns", "arithmetic mean"),
    REAL(struct pcie_outcome, p95_ns, "ns", "95 % of the transactions took no longer; exact"),
    REAL(struct pcie_outcome, p99_ns, "ns", "99 % of the transactions took no longer; exact"),
    REAL(struct pcie_outcome, p999_ns, "ns", "99.9 % of the transactions took no longer; exact"),
    REAL(struct pcie_outcome, max_ns, "ns", "greatest latency"),
    COUNT(struct pcie_outcome, count, "transactions", "measured transactions"),
};

/* ---- measuring ------------------------------------------------------------------------------------- */

static bool measure_latency(const struct pcie_setup *setup, struct pcie_outcome *o, char *error,
                            size_t error_size)
{
    struct pcie_bench_latency l;

    if (!pcie_bench_latencies(&setup->bench, &setup->base.card.pcie, &l, error, error_size)) {
        return false;
    }
    o->count = l.count;
    o->min_ns = (double)l.min / 1000;
    o->median_ns = (double)l.median / 1000;
    o->mean_ns = l.mean / 1000;
    o->p95_ns = (double)l.p95 / 1000;
    o->p99_ns = (double)l.p99 / 1000;
    o->p999_ns = (double)l.p999 / 1000;
    o->max_ns = (double)l.max / 1000;
    return true;
}

bool pcie_measure(const struct pcie_setup *setup, bool latency, struct pcie_outcome *outcome,
                  char *error, size_t error_size)
{
    const struct pcie_config *link = &setup->base.card.pcie;

    memset(outcome, 0, sizeof *outcome);
    outcome->latency = latency;
    if (latency) {
        return measure_latency(setup, outcome, error, error_size);
    }
    if (!pcie_bench_bandwidth(&setup->bench, link, &outcome->rate, error, error_size)) {
        return false;
    }
    outcome->bound_gbps = pcie_bound_gbps(&setup->bench, link);
    outcome->published_gbps =
        pcie_is_published(link) ? pcie_published_gbps(&setup->bench, link, false) : NAN;
    return pcie_limits_find(&setup->bench, link, &outcome->rate, &outcome->limits, error,
                            error_size);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void add_fields(json_t *root, json_t *definitions, const void *base,
                       const struct stat_field *fields, size_t n)
{
    struct stat_registry registry = { .count = 0 };

    stat_register(&registry, "", "", base, fields, n);
    report_add_stats(root, &registry);
    for (size_t i = 0; i < n; i++) {
        json_t *entry = json_object();

        json_object_set_new(entry, "unit", json_string(fields[i].unit));
        json_object_set_new(entry, "help", json_string(fields[i].help));
        json_object_set_new(definitions, fields[i].name, entry);
    }
}

static json_t *limits_json(const struct pcie_limits *limits)
{
    json_t *root = json_object();
    json_t *headroom = json_object();

    json_object_set_new(root, "name", json_string(pcie_limit_name(limits->first)));
    json_object_set_new(root, "also",
                        limits->second == PCIE_LIMIT_NONE
                            ? json_null()
                            : json_string(pcie_limit_name(limits->second)));
    for (unsigned i = 0; i < PCIE_LIMITS; i++) {
        if (limits->headroom[i] > 0) {
            json_object_set_new(headroom, pcie_limit_name((enum pcie_limit)i),
                                json_real(limits->headroom[i]));
        }
    }
    json_object_set_new(root, "headroom", headroom);
    return root;
}

static void add_link(json_t *root, const struct pcie_bench_rate *rate)
{
    struct stat_registry registry = { .count = 0 };
    json_t *stalls = json_object();
    json_t *wires = json_object();

    for (unsigned s = 0; s < PCIE_STALLS; s++) {
        json_object_set_new(stalls, pcie_stall_name((enum pcie_stall)s), json_real(rate->stall[s]));
    }
    for (unsigned d = 0; d < WIRES; d++) {
        json_t *wire = json_object();

        json_object_set_new(wire, "tlp", json_real(rate->tlp[d]));
        json_object_set_new(wire, "busy", json_real(rate->wire[d]));
        json_object_set_new(wires, wire_names[d], wire);
    }
    json_object_set_new(root, "stalls", stalls);
    json_object_set_new(root, "wires", wires);
    stat_register(&registry, "link", "", &rate->link, pcie_stat_table, pcie_stat_count);
    stat_register(&registry, "link.up", "", &rate->link.dir[UP], pcie_direction_stat_table,
                  pcie_direction_stat_count);
    stat_register(&registry, "link.down", "", &rate->link.dir[DOWN], pcie_direction_stat_table,
                  pcie_direction_stat_count);
    stat_register(&registry, "memory", "", &rate->memory, pcie_memory_stat_table,
                  pcie_memory_stat_count);
    report_add_stats(root, &registry);
}

static void define(json_t *definitions, const char *name, const char *help)
{
    json_t *entry = json_object();

    json_object_set_new(entry, "unit", json_string(""));
    json_object_set_new(entry, "help", json_string(help));
    json_object_set_new(definitions, name, entry);
}

json_t *pcie_outcome_json(const struct pcie_outcome *outcome)
{
    json_t *root = json_object();
    json_t *definitions = json_object();

    if (outcome->latency) {
        add_fields(root, definitions, outcome, latency_fields, STAT_COUNT(latency_fields));
    } else {
        add_fields(root, definitions, &outcome->rate, rate_fields, STAT_COUNT(rate_fields));
        add_fields(root, definitions, outcome, outcome_fields, STAT_COUNT(outcome_fields));
        json_object_set_new(root, "limit", limits_json(&outcome->limits));
        add_link(root, &outcome->rate);
        define(definitions, "limit",
               "what limits the rate; headroom: the rate without a limit over the one measured");
        define(definitions, "stalls",
               "share of the time in which the wire up was clear, a transaction waited, and lacked "
               "that");
        define(definitions, "wires", "share of the time in which TLPs, or anything, were on them");
        define(definitions, "link", "counters of the measured time; espnic report --describe");
        define(definitions, "memory", "counters of the measured time; espnic report --describe");
    }
    json_object_set_new(root, "definitions", definitions);
    return root;
}

/* ---- text ---------------------------------------------------------------------------------------- */

const char *pcie_op_words(uint32_t op)
{
    static const char *const words[] = { "reads", "writes", "reads and writes in turn",
                                         "writes, each followed by a read of the same place" };

    return words[op];
}

static void row(struct text_table *t, const char *what, const char *format, double value,
                const char *note)
{
    char cell[TEXT_CELL];
    const char *cells[] = { what, cell, note };

    snprintf(cell, sizeof cell, format, value);
    text_table_row(t, cells);
}

static void print_rates(const struct pcie_outcome *o, const struct pcie_setup *setup, FILE *out)
{
    static const char *const headings[] = { "rate", ">value", "" };
    struct text_table t;
    bool each = setup->bench.op == PCIE_BENCH_RDWR;

    text_table_start(&t, headings, 3);
    row(&t, "data", "%.3f Gb/s", o->rate.gbps, each ? "each way" : "");
    row(&t, "transactions", "%.3f M/s", o->rate.mtps, each ? "each way" : "");
    row(&t, "bound without DLLPs", "%.3f Gb/s", o->bound_gbps,
        "the TLPs of these transactions and nothing else");
    if (isfinite(o->published_gbps)) {
        row(&t, "published model", "%.3f Gb/s", o->published_gbps,
            "Neugebauer et al., SIGCOMM 2018");
    }
    row(&t, "raw", "%.3f Gb/s", pcie_raw_gbps(&setup->base.card.pcie),
        "bytes on the wire, one way");
    text_table_write(&t, out);
}

static void print_wires(const struct pcie_bench_rate *r, FILE *out)
{
    static const char *const headings[] = { "wire", ">TLPs/s", ">TLPs", ">DLLPs", ">SKP", ">idle" };
    struct text_table t;

    text_table_start(&t, headings, 6);
    for (unsigned d = 0; d < WIRES; d++) {
        const struct pcie_direction_stats *s = &r->link.dir[d];
        double cycles = (double)r->cycles;
        double tlps = (double)(s->tlps_write + s->tlps_read + s->tlps_completion + s->tlps_mmio);
        double idle = r->wire[d] < 1 ? 1 - r->wire[d] : 0;
        char cell[5][TEXT_CELL];
        const char *cells[] = { wire_names[d], cell[0], cell[1], cell[2], cell[3], cell[4] };

        text_quantity(tlps / r->seconds, "", false, cell[0], TEXT_CELL);
        text_share(r->tlp[d], cell[1], TEXT_CELL);
        text_share((double)s->wire_dllp / cycles, cell[2], TEXT_CELL);
        text_share((double)s->wire_skp / cycles, cell[3], TEXT_CELL);
        text_share(idle, cell[4], TEXT_CELL);
        text_table_row(&t, cells);
    }
    text_table_write(&t, out);
}

static void print_stalls(const struct pcie_bench_rate *r, FILE *out)
{
    char share[TEXT_CELL];
    bool any = false;

    fputs("the way up was clear, but lacked:", out);
    for (unsigned s = 0; s < PCIE_STALLS; s++) {
        if (r->stall[s] > 0) {
            fprintf(out, "%s %s %s", any ? "," : "", pcie_stall_name((enum pcie_stall)s),
                    text_share(r->stall[s], share, sizeof share));
            any = true;
        }
    }
    fputs(any ? " of the time\n" : " nothing\n", out);
}

static void print_limit(const struct pcie_limits *limits, FILE *out)
{
    fprintf(out, "limit: %s", pcie_limit_name(limits->first));
    if (limits->first < PCIE_LIMITS) {
        fprintf(out, " (%.2f times as fast without)", limits->headroom[limits->first]);
    } else if (limits->first != PCIE_LIMIT_NONE) {
        fputs(": nothing else gains 1 %", out);
    }
    if (limits->second != PCIE_LIMIT_NONE) {
        fprintf(out, "; nearly as much: %s", pcie_limit_name(limits->second));
    }
    fputs("\n", out);
}

static void print_latency(const struct pcie_outcome *o, FILE *out)
{
    static const char *const headings[] = { "latency", ">ns" };
    struct text_table t;

    text_table_start(&t, headings, 2);
    row(&t, "min", "%.3f", o->min_ns, "");
    row(&t, "median", "%.3f", o->median_ns, "");
    row(&t, "mean", "%.3f", o->mean_ns, "");
    row(&t, "95 %", "%.3f", o->p95_ns, "");
    row(&t, "99 %", "%.3f", o->p99_ns, "");
    row(&t, "99.9 %", "%.3f", o->p999_ns, "");
    row(&t, "max", "%.3f", o->max_ns, "");
    text_table_write(&t, out);
}

void pcie_outcome_print(const struct pcie_outcome *outcome, const struct pcie_setup *setup,
                        FILE *out)
{
    const struct pcie_config *link = &setup->base.card.pcie;
    char size[TEXT_CELL];
    char window[TEXT_CELL];
    char mps[TEXT_CELL];
    char mrrs[TEXT_CELL];

    quantity_format(PARAM_BYTES, setup->bench.size, size, sizeof size);
    quantity_format(PARAM_BYTES, pcie_bench_window(&setup->bench), window, sizeof window);
    quantity_format(PARAM_BYTES, link->mps, mps, sizeof mps);
    quantity_format(PARAM_BYTES, link->mrrs, mrrs, sizeof mrrs);
    fprintf(out, "Gen%u x%u, MPS %s, MRRS %s, %u tags; %s %s, in a window of %s\n\n",
            link->generation, link->lanes, mps, mrrs, link->tags, size,
            pcie_op_words(setup->bench.op), window);
    if (outcome->latency) {
        print_latency(outcome, out);
        return;
    }
    print_rates(outcome, setup, out);
    fputs("\n", out);
    print_wires(&outcome->rate, out);
    print_stalls(&outcome->rate, out);
    print_limit(&outcome->limits, out);
    if (outcome->rate.failed) {
        fprintf(out, "failed: %" PRIu64 " transactions (poisoned, or not answered in time)\n",
                outcome->rate.failed);
    }
}

/* ---- CSV ----------------------------------------------------------------------------------------- */

void pcie_outcome_csv_names(bool latency, FILE *out)
{
    if (latency) {
        fputs("min_ns,median_ns,mean_ns,p95_ns,p99_ns,p999_ns,max_ns", out);
    } else {
        fputs("gbps,mtps,bound_gbps,published_gbps,up,down,limit", out);
    }
}

static void csv_real(double value, const char *behind, FILE *out)
{
    char text[64];

    fprintf(out, "%s%s", isfinite(value) ? report_real(value, text, sizeof text) : "", behind);
}

void pcie_outcome_csv(const struct pcie_outcome *outcome, FILE *out)
{
    const struct pcie_outcome *o = outcome;

    if (o->latency) {
        csv_real(o->min_ns, ",", out);
        csv_real(o->median_ns, ",", out);
        csv_real(o->mean_ns, ",", out);
        csv_real(o->p95_ns, ",", out);
        csv_real(o->p99_ns, ",", out);
        csv_real(o->p999_ns, ",", out);
        csv_real(o->max_ns, "", out);
        return;
    }
    csv_real(o->rate.gbps, ",", out);
    csv_real(o->rate.mtps, ",", out);
    csv_real(o->bound_gbps, ",", out);
    csv_real(o->published_gbps, ",", out);
    csv_real(o->rate.wire[UP], ",", out);
    csv_real(o->rate.wire[DOWN], ",", out);
    fputs(pcie_limit_name(o->limits.first), out);
}
