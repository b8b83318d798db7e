#include "cli/validate_pcie.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/pcie_formula.h"
#include "cli/pcie_setup.h"
#include "engine/must.h"

enum quantity { GBPS, MTPS, MEDIAN };

#define FITTED    VALIDATION_FITTED
#define PREDICTED VALIDATION_PREDICTED
#define MISSED    VALIDATION_MISSED

const struct validation_group validate_pcie_groups[] = {
    { "model",
      "Analytical model of Neugebauer et al. (SIGCOMM 2018): Gen3 x8, MPS 256, MRRS 512, its own "
      "convention of DLLPs (card.pcie.dllp: published)" },
    { "formulas",
      "The same formulas for other links, the worst of each generation and width. Sizes that "
      "are no multiple of 4: whole DWs, as on the wire; the published model does not pad" },
    { "on-demand",
      "DLLPs by the traffic (card.pcie.dllp: on-demand): between the model and the bound "
      "without DLLPs" },
    { "latency", "Latency, medians of pcie-bench (pcie-bench/data, NFP-6000)" },
    { "bandwidth", "Bandwidth, pcie-bench" },
    { "cache", "Last-level cache and DDIO, pcie-bench" },
    { "numa", "Memory on the other socket, pcie-bench" },
    { "alignment", "Reads that cross a line, pcie-bench" },
    { "iotlb", "IO-TLB: 4 KiB pages, random places of a window, pcie-bench" },
    { NULL, NULL }
};

/* ---- the tables ------------------------------------------------------------------------------------ */

struct model_row {
    uint32_t size;
    double gbps[3], bound[3]; /* writes, reads, both */
};

static const struct model_row model[] = {
#define MODEL(size_, wr_, rd_, rdwr_, wr_bound_, rd_bound_, rdwr_bound_)                           \
    { size_, { wr_, rd_, rdwr_ }, { wr_bound_, rd_bound_, rdwr_bound_ } },
#define SETTING(set_, path_, value_, origin_, source_)
#define POINT(group_, sets_, what_, settings_, minus_, quantity_, published_, tolerance_, kind_,   \
              source_)
#include "cli/published_pcie.def"
#undef MODEL
#undef SETTING
};

#define READ    "read"
#define ASSUMED "assumed"
#undef FITTED
#define FITTED "fitted"
static const struct validation_setting settings[] = {
#define MODEL(size_, wr_, rd_, rdwr_, wr_bound_, rd_bound_, rdwr_bound_)
#define SETTING(set_, path_, value_, origin_, source_) { set_, path_, value_, origin_, source_ },
#include "cli/published_pcie.def"
#undef SETTING
#undef POINT
};
#undef FITTED
#define FITTED VALIDATION_FITTED

struct point {
    const char *group, *sets, *what, *settings, *minus;
    enum quantity quantity;
    double published, tolerance;
    enum validation_kind kind;
    const char *source;
};

static const struct point points[] = {
#define SETTING(set_, path_, value_, origin_, source_)
#define POINT(group_, sets_, what_, settings_, minus_, quantity_, published_, tolerance_, kind_,   \
              source_)                                                                             \
    { group_, sets_, what_, settings_, minus_, quantity_, published_, tolerance_, kind_, source_ },
#include "cli/published_pcie.def"
#undef MODEL
#undef SETTING
#undef POINT
};

enum {
    MODEL_ROWS = sizeof model / sizeof model[0],
    SETTINGS = sizeof settings / sizeof settings[0],
    POINTS = sizeof points / sizeof points[0],
    OPS = 3
};

static const char *const op_names[OPS] = { "wr", "rd", "rdwr" };

struct validation_setting validate_pcie_setting(size_t n)
{
    return n < SETTINGS ? settings[n] : (struct validation_setting){ 0 };
}

/* ---- setting up ------------------------------------------------------------------------------------ */

/* Of the last measurement; large, and wholly set by scenario_init(). */
static struct pcie_setup setup;

/* One measurement. */
static bool measure(const char *sets, const char *first, const char *second, enum quantity quantity,
                    double *value, char *error, size_t error_size)
{
    struct scenario s;
    struct pcie_bench_rate rate = { 0 };
    struct pcie_bench_latency latency = { 0 };
    size_t n;
    const struct param_group *groups = pcie_setup_groups(&n);
    const struct pcie_config *link = &setup.base.card.pcie;
    bool ok;

    scenario_init(&s, groups, n, &setup);
    ok = validation_apply_sets(&s, sets, validate_pcie_setting) &&
         validation_apply_settings(&s, first) && validation_apply_settings(&s, second) &&
         pcie_setup_check(&s, quantity == MEDIAN);
    if (!ok) {
        snprintf(error, error_size, "%s", s.error);
    } else if (quantity == MEDIAN) {
        ok = pcie_bench_latencies(&setup.bench, link, &latency, error, error_size);
        *value = (double)latency.median / 1000;
    } else {
        ok = pcie_bench_bandwidth(&setup.bench, link, &rate, error, error_size);
        *value = quantity == GBPS ? rate.gbps : rate.mtps;
    }
    scenario_free(&s);
    return ok;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static void show_progress(const char *group)
{
    if (isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "\r\033[K%s", group);
    }
}

/* ---- the analytical model --------------------------------------------------------------------------- */

static const char model_source[] = "Neugebauer et al., SIGCOMM 2018; pcie-bench/pcie-model";

static bool add_model(struct validation *v, bool on_demand, char *error, size_t error_size)
{
    for (size_t i = 0; i < MODEL_ROWS * OPS; i++) {
        const struct model_row *m = &model[i / OPS];
        struct validation_row *row = validation_add(v);
        unsigned op = (unsigned)(i % OPS);

        row->group = on_demand ? "on-demand" : "model";
        snprintf(row->what, sizeof row->what, "%u B %s", m->size, op_names[op]);
        snprintf(row->settings, sizeof row->settings,
                 "bench.op=%s bench.size=%uB card.pcie.dllp=%s", op_names[op], m->size,
                 on_demand ? "on-demand" : "published");
        row->sets = "gen3x8 wires";
        row->unit = "Gb/s";
        row->published = m->gbps[op];
        row->most = on_demand ? m->bound[op] : m->gbps[op];
        row->tolerance = on_demand ? 0 : 0.1;
        row->kind = VALIDATION_COMPUTED;
        row->source = model_source;
        if (!measure(row->sets, row->settings, "", GBPS, &row->simulated, error, error_size)) {
            return false;
        }
        validation_judge(row);
    }
    return true;
}

/* Other links, by the formula. Each generation and width has one of these in turn. No request is smaller
 * than a completion can be: the formula would let one completion answer several. Sizes that are no multiple
 * of 4 are compared with the formula for whole DWs, which is what a wire carries. */
static const struct {
    uint32_t mps, mrrs, rcb, completion;
} shapes[] = { { 128, 128, 64, 0 },    { 256, 4096, 64, 0 },     { 512, 512, 64, 64 },
               { 1024, 1024, 128, 0 }, { 4096, 4096, 128, 128 }, { 2048, 4096, 64, 256 },
               { 256, 512, 64, 64 } };
static const uint32_t formula_sizes[] = { 61, 64, 256, 1500, 4096 };

enum {
    SHAPES = sizeof shapes / sizeof shapes[0],
    FORMULA_SIZES = sizeof formula_sizes / sizeof formula_sizes[0],
    GENERATIONS = 5,
    WIDTHS = 5
};

static bool add_formula(struct validation *v, unsigned generation, unsigned lanes, unsigned shape,
                        uint32_t size, unsigned op, char *error, size_t error_size)
{
    struct validation_row *row = validation_add(v);

    row->group = "formulas";
    snprintf(row->what, sizeof row->what, "Gen%u x%u, MPS %u, MRRS %u, RCB %u, chunks %u: %u B %s",
             generation, lanes, shapes[shape].mps, shapes[shape].mrrs, shapes[shape].rcb,
             shapes[shape].completion ? shapes[shape].completion : shapes[shape].mps, size,
             op_names[op]);
    snprintf(row->settings, sizeof row->settings,
             "card.pcie.generation=%u card.pcie.lanes=%u card.pcie.mps=%uB card.pcie.mrrs=%uB "
             "card.pcie.rcb=%uB card.pcie.completion=%uB card.pcie.dllp=published bench.op=%s "
             "bench.size=%uB",
             generation, lanes, shapes[shape].mps, shapes[shape].mrrs, shapes[shape].rcb,
             shapes[shape].completion, op_names[op], size);
    row->sets = "wires";
    row->unit = "Gb/s";
    row->tolerance = 0.1;
    row->kind = VALIDATION_COMPUTED;
    row->source = model_source;
    if (!measure(row->sets, row->settings, "bench.transactions=4000 bench.warmup=1600", GBPS,
                 &row->simulated, error, error_size)) {
        return false;
    }
    row->published = row->most = pcie_published_gbps(&setup.bench, &setup.base.card.pcie, true);
    validation_judge(row);
    return true;
}

static bool add_formulas(struct validation *v, char *error, size_t error_size)
{
    for (unsigned i = 0; i < GENERATIONS * WIDTHS * FORMULA_SIZES * OPS; i++) {
        unsigned link = i / (FORMULA_SIZES * OPS);

        if (!add_formula(v, 1 + link / WIDTHS, 1u << link % WIDTHS, link % SHAPES,
                         formula_sizes[i / OPS % FORMULA_SIZES], i % OPS, error, error_size)) {
            return false;
        }
    }
    return true;
}

/* ---- measured points ---------------------------------------------------------------------------------- */

static bool add_point(struct validation *v, const struct point *p, char *error, size_t error_size)
{
    static const char *const units[] = { "Gb/s", "M/s", "ns" };
    struct validation_row *row = validation_add(v);
    double minus = 0;

    row->group = p->group;
    row->unit = units[p->quantity];
    row->published = row->most = p->published;
    row->tolerance = p->tolerance;
    row->kind = p->kind;
    row->source = p->source;
    row->sets = p->sets;
    snprintf(row->what, sizeof row->what, "%s", p->what);
    snprintf(row->settings, sizeof row->settings, "%s%s%s", p->settings,
             p->minus != NULL ? " MINUS " : "", p->minus != NULL ? p->minus : "");
    if (!measure(p->sets, p->settings, "", p->quantity, &row->simulated, error, error_size) ||
        (p->minus != NULL &&
         !measure(p->sets, p->settings, p->minus, p->quantity, &minus, error, error_size))) {
        return false;
    }
    row->simulated -= minus;
    validation_judge(row);
    return true;
}

static bool add_group(struct validation *v, const char *group, char *error, size_t error_size)
{
    show_progress(group);
    if (strcmp(group, "model") == 0 || strcmp(group, "on-demand") == 0) {
        return add_model(v, strcmp(group, "on-demand") == 0, error, error_size);
    }
    if (strcmp(group, "formulas") == 0) {
        return add_formulas(v, error, error_size);
    }
    for (size_t i = 0; i < POINTS; i++) {
        if (strcmp(points[i].group, group) == 0 && !add_point(v, &points[i], error, error_size)) {
            return false;
        }
    }
    return true;
}

bool validate_pcie(struct validation *v, const char *only, char *error, size_t error_size)
{
    bool ok = true;

    *v = (struct validation){ 0 };
    for (const struct validation_group *g = validate_pcie_groups; g->name != NULL && ok; g++) {
        if (only == NULL || strcmp(only, g->name) == 0) {
            ok = add_group(v, g->name, error, error_size);
        }
    }
    if (isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
    return ok;
}
