#include "cli/mrc_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gnuplot.h"
#include "engine/must.h"
#include "report/report.h"
#include "report/text.h"

/* ---- the curve ---------------------------------------------------------------------------------- */

struct point {
    uint64_t hits;
    double ratio;
    struct mrc_range range; /* of the true ratio */
};

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

/* The confidence is for all rows together. */
static struct point point_at(const struct mrc_report *r, const struct mrc_pool *pool, uint64_t size)
{
    struct point p = { .hits = mrc_hits(pool->mrc, size) };

    p.ratio = share(p.hits, pool->n.accesses);
    p.range = mrc_bound(pool->mrc, size, (1 - MRC_CONFIDENCE) / (double)r->size_count, MRC_SLACK);
    return p;
}

static bool is_sampled(const struct mrc_pool *pool)
{
    return pool->n.rate < 1;
}

static bool any_sampled(const struct mrc_study *s)
{
    for (unsigned i = 0; i < s->pools; i++) {
        if (is_sampled(&s->pool[i])) {
            return true;
        }
    }
    return false;
}

static double kib(const struct mrc_report *r, uint64_t sas)
{
    return (double)sas * (double)r->context / 1024;
}

static uint64_t deepest(const struct mrc_study *s)
{
    uint64_t most = 1;

    for (unsigned i = 0; i < s->pools; i++) {
        uint64_t depth = mrc_deepest(s->pool[i].mrc);

        most = depth > most ? depth : most;
    }
    return most;
}

uint64_t *mrc_report_sizes(const struct mrc_study *s, bool all, size_t *count)
{
    uint64_t last = deepest(s);
    uint64_t *sizes = must(malloc((all ? last : 130) * sizeof *sizes));
    size_t n = 0;

    for (uint64_t size = 1; all && size <= last; size++) {
        sizes[n++] = size;
    }
    for (uint64_t size = 1; !all && (n == 0 || sizes[n - 1] < last);) {
        sizes[n++] = size;
        size = (size & (size - 1)) != 0 ? size / 3 * 4 : size == 1 ? 2 : size + size / 2;
    }
    *count = n;
    return sizes;
}

/* The smallest capacity that hits so many; 0: none does. */
static uint64_t size_for(const struct mrc_pool *pool, uint64_t hits)
{
    uint64_t low = 1;
    uint64_t high = mrc_deepest(pool->mrc);

    if (hits == 0 || mrc_hits(pool->mrc, high) < hits) {
        return 0;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (mrc_hits(pool->mrc, middle) >= hits) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Hit ratios whose capacity is told, in thousandths; the last one stands for all that can be hit. */
static const unsigned goals[] = { 500, 800, 900, 950, 990, 999, 1000 };
enum { GOALS = sizeof goals / sizeof goals[0] };

static uint64_t goal_hits(const struct mrc_pool *pool, unsigned goal)
{
    return goals[goal] == 1000 ? pool->n.accesses - pool->n.first
                               : (pool->n.accesses * goals[goal] + 999) / 1000;
}

/* ---- reuse ---------------------------------------------------------------------------------------- */

/* Classes of a histogram: 0, then from each power of two to the next, then all from 2^48 on. Its buckets do not
 * cross their limits, so the counts are exact. */
enum { CLASSES = HISTOGRAM_TOP_BITS + 2 };

static uint64_t class_from(unsigned class)
{
    return class == 0 ? 0 : UINT64_C(1) << (class - 1);
}

/* The smallest value of a bucket (histogram_index). */
static uint64_t bucket_from(size_t bucket)
{
    unsigned shift;

    if (bucket < HISTOGRAM_LINEAR) {
        return bucket;
    }
    shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    return (uint64_t)(bucket - ((size_t)shift << HISTOGRAM_SUB_BITS)) << shift;
}

/* Returns the number of classes up to the last one with anything in it. */
static unsigned classify(const struct histogram *h, uint64_t count[CLASSES])
{
    unsigned class = 0;
    unsigned used = 0;

    memset(count, 0, CLASSES * sizeof *count);
    for (size_t b = 0; b < HISTOGRAM_BUCKETS; b++) {
        while (class + 1 < CLASSES && bucket_from(b) >= class_from(class + 1)) {
            class ++;
        }
        count[class] += h->buckets[b];
        used = count[class] != 0 ? class + 1 : used;
    }
    return used;
}

/* ---- text ------------------------------------------------------------------------------------------ */

enum { BAR = 40, SMALL_BAR = 20 };

/* "#########...  " : what is hit, what could be, what no cache hits. */
static void bar(const struct mrc_pool *pool, double ratio, char out[BAR + 1])
{
    double best = share(pool->n.accesses - pool->n.first, pool->n.accesses);
    int hit = (int)(ratio * BAR + 0.5);
    int possible = (int)(best * BAR + 0.5);

    for (int i = 0; i < BAR; i++) {
        out[i] = (char)(i < hit ? '#' : i < possible ? '.' : ' ');
    }
    out[BAR] = '\0';
}

static const char *pool_title(const struct mrc_pool *pool)
{
    return pool->direction[MRC_RX] && pool->direction[MRC_TX] ? "both directions in one cache"
           : pool->direction[MRC_RX]                          ? "RX"
                                                              : "TX";
}

static void text_packets(const struct mrc_packets *p, const char *name, FILE *out)
{
    char all[TEXT_CELL];
    char with[TEXT_CELL];
    const char *separator = "; without:";

    fprintf(out, "%s %s packets, %s use an SA", name, text_count(p->packets, all, sizeof all),
            text_count(p->reason[FINDER_FOUND], with, sizeof with));
    for (unsigned i = FINDER_FOUND + 1; i < FINDER_REASON_COUNT; i++) {
        if (p->reason[i] != 0) {
            fprintf(out, "%s %s %" PRIu64, separator, finder_reason_name((enum finder_reason)i),
                    p->reason[i]);
            separator = ",";
        }
    }
    fputc('\n', out);
}

static void text_requests(const struct mrc_report *r, FILE *out)
{
    const struct mrc_requests *q = &r->study->requests;

    fprintf(out, "SAs %" PRIu64 " added, %" PRIu64 " at once at most", q->adds, q->peak_live);
    for (unsigned i = 1; i < SA_REASON_COUNT; i++) {
        if (q->refused[i] != 0) {
            fprintf(out, "; refused %s %" PRIu64, sa_reason_name((enum sa_reason)i), q->refused[i]);
        }
    }
    if (q->offload_off != 0) {
        fprintf(out, "; refused offload_off %" PRIu64, q->offload_off);
    }
    if (q->unknown_deletes != 0) {
        fprintf(out, "; DELETE of unknown handles %" PRIu64, q->unknown_deletes);
    }
    if (q->bad_records != 0) {
        fprintf(out, "; damaged records passed over %" PRIu64, q->bad_records);
    }
    fprintf(out, "\ncontext %" PRIu64 " bytes (%s)\n", r->context, r->context_from);
}

static void text_curve(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;
    const char *headings[2 + 3 * MRC_POOLS] = { ">SAs", ">KiB" };
    bool sampled = any_sampled(s);
    size_t columns = 2;
    struct text_table table;

    for (unsigned i = 0; i < s->pools; i++) {
        headings[columns++] = i == 0 ? ">hit ratio" : i == 1 ? ">RX alone" : ">TX alone";
        if (sampled) {
            headings[columns++] = ">between";
        }
        if (i == 0) {
            headings[columns++] = "";
        }
    }
    text_table_start(&table, headings, columns);
    for (size_t row = 0; row < r->size_count; row++) {
        char cell[2 + 3 * MRC_POOLS][TEXT_CELL];
        const char *cells[2 + 3 * MRC_POOLS];
        size_t c = 2;

        text_count(r->sizes[row], cell[0], sizeof cell[0]);
        snprintf(cell[1], sizeof cell[1], "%.2f", kib(r, r->sizes[row]));
        for (unsigned i = 0; i < s->pools; i++) {
            struct point p = point_at(r, &s->pool[i], r->sizes[row]);

            snprintf(cell[c++], TEXT_CELL, "%.2f %%", p.ratio * 100);
            if (sampled) {
                snprintf(cell[c++], TEXT_CELL, "%.2f-%.2f", p.range.low * 100, p.range.high * 100);
            }
            if (i == 0) {
                bar(&s->pool[i], p.ratio, cell[c++]);
            }
        }
        for (size_t i = 0; i < columns; i++) {
            cells[i] = cell[i];
        }
        text_table_row(&table, cells);
    }
    text_table_write(&table, out);
}

static void text_goals(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;
    const char *headings[1 + 2 * MRC_POOLS] = { "SAs to hit" };
    size_t columns = 1;
    struct text_table table;

    for (unsigned i = 0; i < s->pools; i++) {
        headings[columns++] = s->pools == 1 ? ">SAs"
                              : i == 0      ? ">shared"
                              : i == 1      ? ">RX alone"
                                            : ">TX alone";
        headings[columns++] = ">KiB";
    }
    text_table_start(&table, headings, columns);
    for (unsigned g = 0; g < GOALS; g++) {
        char cell[1 + 2 * MRC_POOLS][TEXT_CELL];
        const char *cells[1 + 2 * MRC_POOLS];
        size_t c = 0;

        if (goals[g] == 1000) {
            snprintf(cell[c++], TEXT_CELL, "all that can be");
        } else {
            snprintf(cell[c++], TEXT_CELL, "%.1f %%", goals[g] / 10.0);
        }
        for (unsigned i = 0; i < s->pools; i++) {
            uint64_t size = size_for(&s->pool[i], goal_hits(&s->pool[i], g));

            snprintf(cell[c], TEXT_CELL, size == 0 ? "-" : "%" PRIu64, size);
            snprintf(cell[c + 1], TEXT_CELL, size == 0 ? "-" : "%.2f", kib(r, size));
            c += 2;
        }
        for (size_t i = 0; i < columns; i++) {
            cells[i] = cell[i];
        }
        text_table_row(&table, cells);
    }
    text_table_write(&table, out);
}

static void text_times(const struct mrc_report *r, FILE *out)
{
    static const char *const headings[] = {
        "cache", ">accesses", ">first of an SA", ">reuse p50",    ">p90", ">p99", ">reuse time",
        ">p90",  ">p99",      ">active",         ">active, most",
    };
    const struct mrc_study *s = r->study;
    struct text_table table;

    text_table_start(&table, headings, 11);
    for (unsigned i = 0; i < s->pools; i++) {
        const struct mrc_pool_numbers *n = &s->pool[i].n;
        char cell[11][TEXT_CELL];
        const char *cells[11];
        static const uint64_t percentiles[] = { 50, 90, 99 };

        snprintf(cell[0], TEXT_CELL, "%s", s->pool[i].name);
        text_count(n->accesses, cell[1], TEXT_CELL);
        text_count(n->first, cell[2], TEXT_CELL);
        for (unsigned p = 0; p < 3; p++) {
            text_count(histogram_percentile(&n->reuse_packets, percentiles[p], 100), cell[3 + p],
                       TEXT_CELL);
            text_time(histogram_percentile(&n->reuse_ns, percentiles[p], 100) * 1000, cell[6 + p],
                      TEXT_CELL);
        }
        snprintf(cell[9], TEXT_CELL, "%.1f", histogram_mean(&n->active));
        text_count(n->active.max, cell[10], TEXT_CELL);
        for (size_t c = 0; c < 11; c++) {
            cells[c] = cell[c];
        }
        text_table_row(&table, cells);
    }
    text_table_write(&table, out);
}

static void class_cells(const struct histogram *h, const uint64_t *count, unsigned class,
                        unsigned used, char share_cell[TEXT_CELL], char bar_cell[TEXT_CELL])
{
    double part = share(count[class], h->count);
    int marks = (int)(part * SMALL_BAR + 0.5);

    share_cell[0] = '\0';
    bar_cell[0] = '\0';
    if (class < used) {
        snprintf(share_cell, TEXT_CELL, "%.2f %%", part * 100);
        snprintf(bar_cell, TEXT_CELL, "%.*s", marks, "####################");
    }
}

/* How the reuse of the first pool is spread, in packets and in time. */
static void text_reuse(const struct mrc_report *r, FILE *out)
{
    static const char *const headings[] = { ">packets, from", ">share", "",
                                            ">time, from",    ">share", "" };
    const struct mrc_pool_numbers *n = &r->study->pool[0].n;
    uint64_t packets[CLASSES];
    uint64_t times[CLASSES];
    unsigned packet_classes = classify(&n->reuse_packets, packets);
    unsigned time_classes = classify(&n->reuse_ns, times);
    struct text_table table;

    if (n->reuse_packets.count == 0) {
        return;
    }
    fprintf(out, "\nreuse, %s: each class up to twice as much\n", pool_title(&r->study->pool[0]));
    text_table_start(&table, headings, 6);
    for (unsigned i = 0; i < packet_classes || i < time_classes; i++) {
        char cell[6][TEXT_CELL] = { "", "", "", "", "", "" };
        const char *cells[6] = { cell[0], cell[1], cell[2], cell[3], cell[4], cell[5] };

        if ((i >= packet_classes || packets[i] == 0) && (i >= time_classes || times[i] == 0)) {
            continue;
        }
        if (i < packet_classes) {
            text_count(class_from(i), cell[0], sizeof cell[0]);
        }
        if (i < time_classes) {
            text_time(class_from(i) * 1000, cell[3], sizeof cell[3]);
        }
        class_cells(&n->reuse_packets, packets, i, packet_classes, cell[1], cell[2]);
        class_cells(&n->reuse_ns, times, i, time_classes, cell[4], cell[5]);
        text_table_row(&table, cells);
    }
    text_table_write(&table, out);
}

static void text_bound(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;

    if (!any_sampled(s)) {
        fputs("exact: every access counted\n", out);
        return;
    }
    fputs("sampled:", out);
    for (unsigned i = 0; i < s->pools; i++) {
        fprintf(out, "%s %s %" PRIu64 " SAs at a rate of %.6g", i == 0 ? "" : ",", s->pool[i].name,
                s->pool[i].n.marks, s->pool[i].n.rate);
    }
    fprintf(out,
            "\nbetween: where the true ratios of all rows of a cache lie, with %.0f %% confidence "
            "over the choice of\n"
            "the sample (--seed): Hoeffding's bound for the depth of an access, Markov's for the "
            "share (%.1f %%) of\n"
            "accesses beyond it\n",
            MRC_CONFIDENCE * 100, MRC_SLACK * 100);
}

void mrc_report_text(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;
    char time[TEXT_CELL];

    if (s->config->rx != NULL) {
        text_packets(&s->packets[MRC_RX], "RX", out);
    }
    if (s->config->tx != NULL) {
        text_packets(&s->packets[MRC_TX], "TX", out);
    }
    text_requests(r, out);
    fprintf(out, "\nLRU, %s; # hit, . could be\n", pool_title(&s->pool[0]));
    text_curve(r, out);
    text_bound(r, out);
    fputc('\n', out);
    text_goals(r, out);
    fprintf(out, "\nreuse: packets and time to the next use of the same SA; active: SAs used in %s",
            text_time(s->config->interval_ns * 1000, time, sizeof time));
    fputs(" (mean, most)\n", out);
    text_times(r, out);
    text_reuse(r, out);
}

/* ---- CSV ---------------------------------------------------------------------------------------------- */

void mrc_report_csv(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;

    fputs("sas,kib", out);
    for (unsigned i = 0; i < s->pools; i++) {
        const char *name = s->pool[i].name;

        fprintf(out, ",%s_hits,%s_ratio,%s_low,%s_high", name, name, name, name);
    }
    fputc('\n', out);
    for (size_t row = 0; row < r->size_count; row++) {
        fprintf(out, "%" PRIu64 ",%.6g", r->sizes[row], kib(r, r->sizes[row]));
        for (unsigned i = 0; i < s->pools; i++) {
            struct point p = point_at(r, &s->pool[i], r->sizes[row]);

            fprintf(out, ",%" PRIu64 ",%.6f,%.6f,%.6f", p.hits, p.ratio, p.range.low, p.range.high);
        }
        fputc('\n', out);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *inputs_json(const struct mrc_report *r)
{
    const struct mrc_study_config *c = r->study->config;
    json_t *inputs = json_object();

    json_object_set_new(inputs, "oids", json_string(c->oids));
    json_object_set_new(inputs, "rx", text_or_null(c->rx));
    json_object_set_new(inputs, "tx", text_or_null(c->tx));
    json_object_set_new(inputs, "rx_filter", text_or_null(c->rx_filter));
    json_object_set_new(inputs, "tx_filter", text_or_null(c->tx_filter));
    json_object_set_new(inputs, "preset", text_or_null(r->preset));
    json_object_set_new(inputs, "context_bytes", json_integer((json_int_t)r->context));
    json_object_set_new(inputs, "context_from", json_string(r->context_from));
    json_object_set_new(inputs, "interval_ns", json_integer((json_int_t)c->interval_ns));
    json_object_set_new(inputs, "sample_rate", json_real(c->sampling.rate));
    json_object_set_new(inputs, "sample_size", json_integer(c->sampling.size));
    json_object_set_new(inputs, "seed", json_integer((json_int_t)c->sampling.seed));
    return inputs;
}

static json_t *curve_json(const struct mrc_report *r, const struct mrc_pool *pool)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < r->size_count; i++) {
        struct point p = point_at(r, pool, r->sizes[i]);

        json_array_append_new(rows,
                              json_pack("{sIsfsIsfsfsf}", "sas", (json_int_t)r->sizes[i], "kib",
                                        kib(r, r->sizes[i]), "hits", (json_int_t)p.hits, "ratio",
                                        p.ratio, "low", p.range.low, "high", p.range.high));
    }
    return rows;
}

static json_t *goals_json(const struct mrc_report *r, const struct mrc_pool *pool)
{
    json_t *rows = json_array();

    for (unsigned g = 0; g < GOALS; g++) {
        uint64_t hits = goal_hits(pool, g);
        uint64_t size = size_for(pool, hits);

        json_array_append_new(
            rows, json_pack("{sfsoso}", "ratio",
                            goals[g] == 1000 ? share(hits, pool->n.accesses) : goals[g] / 1000.0,
                            "sas", size == 0 ? json_null() : json_integer((json_int_t)size), "kib",
                            size == 0 ? json_null() : json_real(kib(r, size))));
    }
    return rows;
}

static json_t *classes_json(const struct histogram *h)
{
    uint64_t count[CLASSES];
    unsigned used = classify(h, count);
    json_t *rows = json_array();

    for (unsigned i = 0; i < used; i++) {
        if (count[i] != 0) {
            json_array_append_new(rows, json_pack("{sIsI}", "from", (json_int_t)class_from(i),
                                                  "count", (json_int_t)count[i]));
        }
    }
    return rows;
}

static void pool_json(const struct mrc_report *r, const struct mrc_pool *pool, json_t *root)
{
    const struct {
        const char *name;
        json_t *value;
    } parts[] = {
        { "curve", curve_json(r, pool) },
        { "needed", goals_json(r, pool) },
        { "reuse_packets_classes", classes_json(&pool->n.reuse_packets) },
        { "reuse_ns_classes", classes_json(&pool->n.reuse_ns) },
        { "active_classes", classes_json(&pool->n.active) },
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[64];

        snprintf(path, sizeof path, "pools.%s.%s", pool->name, parts[i].name);
        report_add(root, path, parts[i].value);
    }
}

static json_t *definitions(const struct stat_registry *registry)
{
    static const char *const more[][2] = {
        { "pools.*.curve.sas", "Capacity of a fully associative LRU cache, SA contexts." },
        { "pools.*.curve.kib", "The same in KiB: SAs times inputs.context_bytes." },
        { "pools.*.curve.hits", "Accesses that it hits; an estimate where rate is below 1." },
        { "pools.*.curve.ratio", "hits over accesses." },
        { "pools.*.curve.low",
          "The true ratios of all rows of a pool are not below it and not above high, with 95 % "
          "confidence over the choice of the sample (seed): Hoeffding's bound (JASA 58, 1963) for "
          "the depth of an access, Markov's for the 0.1 % of accesses beyond it. Exact: low = "
          "ratio = high." },
        { "pools.*.curve.high", "See low." },
        { "pools.*.reuse_packets_classes",
          "The histogram: from 0, or from a power of two up to the next, exact counts; empty ones "
          "are left out." },
        { "pools.*.reuse_ns_classes", "The same, ns." },
        { "pools.*.active_classes", "The same for intervals by the SAs active in them." },
        { "pools.*.needed", "The smallest capacity that reaches a ratio; null: none does. The last "
                            "one: all but the first access of each SA." },
    };
    json_t *all = report_describe_json(registry);

    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        json_object_set_new(all, more[i][0], json_pack("{ss}", "help", more[i][1]));
    }
    return all;
}

bool mrc_report_json(const struct mrc_report *r, FILE *out)
{
    const struct mrc_study *s = r->study;
    struct stat_registry *registry = must(calloc(1, sizeof *registry));
    json_t *root = json_object();
    bool good;

    json_object_set_new(root, "inputs", inputs_json(r));
    json_object_set_new(root, "confidence", json_real(MRC_CONFIDENCE));
    mrc_study_register(s, registry);
    report_add_stats(root, registry);
    for (unsigned i = 0; i < s->pools; i++) {
        pool_json(r, &s->pool[i], root);
    }
    json_object_set_new(root, "definitions", definitions(registry));
    good = report_write_json(root, out);
    json_decref(root);
    free(registry);
    return good;
}

/* ---- plot ------------------------------------------------------------------------------------------------ */

static void axes(void *self, FILE *f)
{
    const struct mrc_report *r = self;
    const struct mrc_study *s = r->study;
    const char *separator = "plot ";

    fprintf(f,
            "set key bottom right\nset grid\nset logscale x 2\n"
            "set xlabel 'capacity in SAs (a context has %" PRIu64 " bytes)'\n"
            "set ylabel 'hit ratio, LRU'\nset yrange [0:1]\n",
            r->context);
    for (unsigned i = 0; i < s->pools; i++) {
        const char *name = s->pool[i].name;

        if (is_sampled(&s->pool[i])) {
            fprintf(f,
                    "%s$curve using 'sas':'%s_low':'%s_high' with filledcurves fs transparent "
                    "solid 0.2 title '%s, 95 %% confidence'",
                    separator, name, name, name);
            separator = ", \\\n    ";
        }
        fprintf(f, "%s$curve using 'sas':'%s_ratio' with linespoints title '%s'", separator, name,
                name);
        separator = ", \\\n    ";
    }
    fputc('\n', f);
}

int mrc_report_plot(const struct mrc_report *r, const char *script)
{
    char *text = NULL;
    size_t length = 0;
    FILE *csv = must(open_memstream(&text, &length));
    struct mrc_report copy = *r;
    int status;

    mrc_report_csv(r, csv);
    must(fclose(csv) == 0 ? text : NULL);
    status = gnuplot_curve("espnic trace mrc", script, text, axes, &copy);
    free(text);
    return status;
}
