#include "cli/pcie_sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/gnuplot.h"
#include "cli/options.h"
#include "engine/must.h"

/* ---- which points --------------------------------------------------------------------------------- */

/* "4KiB", "4096"; a plain number is bytes where bytes are wanted. */
static bool parse_value(enum param_type type, const char *text, size_t length, uint64_t *value,
                        char *error, size_t error_size)
{
    char number[64];
    char why[256];
    bool bytes = type == PARAM_BYTES;
    bool plain = length > 0 && strspn(text, "0123456789") >= length;

    if (length == 0 || length + 2 > sizeof number) {
        snprintf(error, error_size, "found \"%.*s\", expected %s", (int)(length < 40 ? length : 40),
                 text, bytes ? "bytes such as 64 or 4KiB" : "a number such as 64");
        return false;
    }
    snprintf(number, sizeof number, "%.*s%s", (int)length, text, plain && bytes ? "B" : "");
    if (!quantity_parse(type, number, value, why, sizeof why)) {
        snprintf(error, error_size, "%s", why);
        return false;
    }
    if (*value == 0) {
        snprintf(error, error_size, "found 0%s, expected at least 1", bytes ? " bytes" : "");
        return false;
    }
    return true;
}

static bool add_point(struct sweep_points *points, uint64_t value, char *error, size_t error_size)
{
    if (points->count == SWEEP_MAX) {
        snprintf(error, error_size, "found more than %d points, expected fewer", SWEEP_MAX);
        return false;
    }
    points->value[points->count++] = value;
    return true;
}

/* FROM:STEP:TO or FROM:xFACTOR:TO */
static bool parse_range(enum param_type type, const char *text, struct sweep_points *points,
                        char *error, size_t error_size)
{
    const char *second = strchr(text, ':') + 1;
    const char *third = strchr(second, ':');
    bool factor = *second == 'x';
    uint64_t from;
    uint64_t step;
    uint64_t to;

    if (third == NULL || strchr(third + 1, ':') != NULL) {
        snprintf(error, error_size, "found \"%.60s\", expected FROM:STEP:TO or FROM:xFACTOR:TO",
                 text);
        return false;
    }
    if (!parse_value(type, text, (size_t)(second - 1 - text), &from, error, error_size) ||
        !parse_value(type, second + factor, (size_t)(third - second - factor), &step, error,
                     error_size) ||
        !parse_value(type, third + 1, strlen(third + 1), &to, error, error_size)) {
        return false;
    }
    if (to < from || (factor && step < 2)) {
        snprintf(
            error, error_size,
            "found \"%.60s\", expected an end that is not before the beginning, and a factor of "
            "2 or more",
            text);
        return false;
    }
    while (from <= to) {
        uint64_t next;

        if (!add_point(points, from, error, error_size)) {
            return false;
        }
        if (factor ? __builtin_mul_overflow(from, step, &next)
                   : __builtin_add_overflow(from, step, &next)) {
            return true;
        }
        from = next;
    }
    return true;
}

bool sweep_parse(enum param_type type, const char *text, struct sweep_points *points, char *error,
                 size_t error_size)
{
    points->count = 0;
    if (strchr(text, ':') != NULL) {
        return parse_range(type, text, points, error, error_size);
    }
    for (;;) {
        size_t length = strcspn(text, ",");
        uint64_t value;

        if (!parse_value(type, text, length, &value, error, error_size) ||
            !add_point(points, value, error, error_size)) {
            return false;
        }
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

/* ---- the plot -------------------------------------------------------------------------------------- */

struct look {
    bool latency, by_size;
};

static void axes(void *self, FILE *f)
{
    const struct look *look = self;

    fprintf(f, "set key bottom right\nset grid\nset xlabel '%s'\n",
            look->by_size ? "bytes of a transaction" : "bytes of the window");
    if (!look->by_size) {
        fputs("set logscale x 2\n", f);
    }
    fprintf(f, "set ylabel '%s'\nset yrange [0:*]\nplot ", look->latency ? "ns" : "Gb/s");
    fprintf(f,
            "for [c in '%s'] $curve using '%s':c "
            "with linespoints title c noenhanced\n",
            look->latency ? "median_ns p95_ns p99_ns p999_ns" : "gbps bound_gbps published_gbps",
            look->by_size ? "size" : "window");
}

/* ---- the sweep --------------------------------------------------------------------------------------- */

static void show_progress(size_t done, size_t all)
{
    if (isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, done < all ? "\r\033[K%zu of %zu points" : "\r\033[K", done, all);
    }
}

/* Measure one point and write its line. */
static int point(struct scenario *s, bool latency, uint64_t size, uint64_t window, FILE *csv)
{
    struct pcie_setup *setup = s->config;
    struct pcie_outcome outcome;
    char error[512];

    setup->bench.size = size;
    setup->bench.window = window;
    if (!pcie_setup_check(s, latency)) {
        fprintf(stderr, "espnic pcie: size %" PRIu64 ", window %" PRIu64 ": %s\n", size, window,
                s->error);
        return EXIT_USAGE;
    }
    if (!pcie_measure(setup, latency, &outcome, error, sizeof error)) {
        fprintf(stderr, "espnic pcie: size %" PRIu64 ", window %" PRIu64 ": %s\n", size, window,
                error);
        return EXIT_MODEL;
    }
    fprintf(csv, "%" PRIu64 ",%" PRIu64 ",", size, pcie_bench_window(&setup->bench));
    pcie_outcome_csv(&outcome, csv);
    fputs("\n", csv);
    return EXIT_DONE;
}

static int all_points(struct scenario *s, bool latency, const struct sweep_points *sizes,
                      const struct sweep_points *windows, FILE *csv)
{
    const struct pcie_setup *setup = s->config;
    uint64_t own_size = setup->bench.size;
    uint64_t own_window = setup->bench.window;
    size_t n = sizes->count ? sizes->count : 1;
    size_t m = windows->count ? windows->count : 1;
    int status = EXIT_DONE;

    fputs("size,window,", csv);
    pcie_outcome_csv_names(latency, csv);
    fputs("\n", csv);
    for (size_t i = 0; i < n * m && status == EXIT_DONE; i++) {
        show_progress(i, n * m);
        status = point(s, latency, sizes->count ? sizes->value[i / m] : own_size,
                       windows->count ? windows->value[i % m] : own_window, csv);
    }
    show_progress(n * m, n * m);
    return status;
}

int pcie_sweep(struct scenario *s, bool latency, const struct sweep_points *sizes,
               const struct sweep_points *windows, const char *script)
{
    char *text = NULL;
    size_t length = 0;
    FILE *csv = must(open_memstream(&text, &length));
    int status;

    status = all_points(s, latency, sizes, windows, csv);
    must(fclose(csv) == 0 ? text : NULL);
    if (status == EXIT_DONE) {
        fputs(text, stdout);
        if (script != NULL) {
            struct look look = { latency, sizes->count > 0 };

            status = gnuplot_curve("espnic pcie", script, text, axes, &look);
        }
    }
    free(text);
    return status;
}
