#include "cli/sweep_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gnuplot.h"
#include "cli/options.h"
#include "engine/must.h"

enum { PANEL_HEIGHT = 400 };

struct figure {
    const struct sweep_table *table;
    const char *script;
    size_t x;         /* the axis along which curves run */
    size_t stride;    /* points from one of its values to the next */
    bool numeric;     /* its values are numbers; else they are put side by side */
    double *at;       /* of each value */
    size_t *order;    /* of values from left to right */
    const char *unit; /* of the axis */
    bool *shown;      /* columns */
    unsigned data;    /* blocks written so far */
};

/* ---- which curves ------------------------------------------------------------------------------------ */

/* The first axis of numbers that has more than one; the first with more than one value; the first. */
static void choose_axis(struct figure *f)
{
    const struct sweep_axes *axes = f->table->axes;
    size_t best = 0;
    unsigned best_rank = 0;

    f->at = must(calloc(1, sizeof *f->at));
    f->unit = "";
    for (size_t i = 0; i < axes->count; i++) {
        const struct sweep_axis *a = &axes->axis[i];
        double *at = must(calloc(a->count, sizeof *at));
        const char *unit = "";
        bool numeric = sweep_axes_numbers(a, at, &unit);
        unsigned rank = a->count < 2 ? 0 : numeric ? 2 : 1;

        if (i == 0 || rank > best_rank) {
            free(f->at);
            f->at = at;
            f->unit = unit;
            f->numeric = numeric;
            best = i;
            best_rank = rank;
        } else {
            free(at);
        }
    }
    f->x = best;
    f->stride = 1;
    for (size_t i = best + 1; i < axes->count; i++) {
        f->stride *= axes->axis[i].count;
    }
}

static void sort_axis(struct figure *f)
{
    size_t n = f->table->axes->axis[f->x].count;

    f->order = must(calloc(n, sizeof *f->order));
    for (size_t i = 0; i < n; i++) {
        size_t k = i;

        f->at[i] = f->numeric ? f->at[i] : (double)i;
        for (; k > 0 && f->at[f->order[k - 1]] > f->at[i]; k--) {
            f->order[k] = f->order[k - 1];
        }
        f->order[k] = i;
    }
}

/* Each value at least half as large again as the one before: rather a geometric series. */
static bool logarithmic(const struct figure *f)
{
    size_t n = f->table->axes->axis[f->x].count;
    bool yes = f->numeric && n > 2 && f->at[f->order[0]] > 0;

    for (size_t i = 1; i < n && yes; i++) {
        yes = f->at[f->order[i]] >= 1.5 * f->at[f->order[i - 1]];
    }
    return yes;
}

/* NAN: none. */
static double number_at(const struct figure *f, size_t point, size_t column)
{
    char kind;
    const char *text = sweep_table_cell(f->table, point, column, &kind);

    return kind == CELL_NUMBER ? strtod(text, NULL) : NAN;
}

static void choose_columns(struct figure *f)
{
    const struct sweep_columns *c = f->table->columns;

    f->shown = must(calloc(c->count ? c->count : 1, sizeof *f->shown));
    for (size_t i = 0; i < c->count; i++) {
        for (size_t p = 0; p < f->table->axes->points && c->column[i].plotted; p++) {
            double y = number_at(f, p, i);

            f->shown[i] |= !isnan(y) && (y > 0 || y < 0);
        }
    }
}

static size_t first_of_panel(const struct figure *f, const char *unit)
{
    size_t i = 0;

    while (!f->shown[i] || strcmp(f->table->columns->column[i].unit, unit) != 0) {
        i++;
    }
    return i;
}

/* Does a panel begin with this column? */
static bool begins_panel(const struct figure *f, size_t column)
{
    return f->shown[column] && first_of_panel(f, f->table->columns->column[column].unit) == column;
}

static unsigned panels(const struct figure *f)
{
    unsigned n = 0;

    for (size_t i = 0; i < f->table->columns->count; i++) {
        n += begins_panel(f, i);
    }
    return n;
}

/* Curves begin at the points that have the axis' first value. */
static bool begins_curve(const struct figure *f, size_t point)
{
    return sweep_axes_index(f->table->axes, point, f->x) == 0;
}

static bool has_numbers(const struct figure *f, size_t start, size_t column)
{
    for (size_t k = 0; k < f->table->axes->axis[f->x].count; k++) {
        if (!isnan(number_at(f, start + k * f->stride, column))) {
            return true;
        }
    }
    return false;
}

/* ---- the script ---------------------------------------------------------------------------------------- */

static void write_data(struct figure *f, size_t start, size_t column, FILE *out)
{
    fprintf(out, "$c%u << EOD\n", f->data++);
    for (size_t k = 0; k < f->table->axes->axis[f->x].count; k++) {
        size_t i = f->order[k];
        double y = number_at(f, start + i * f->stride, column);

        fprintf(out, isnan(y) ? "%.9g NaN\n" : "%.9g %.9g\n", f->at[i], y);
    }
    fputs("EOD\n", out);
}

static void write_title(const struct figure *f, size_t start, size_t column, FILE *out)
{
    const struct sweep_axes *axes = f->table->axes;
    char *text = NULL;
    size_t length = 0;
    FILE *title = must(open_memstream(&text, &length));

    fputs(f->table->columns->column[column].path, title);
    for (size_t i = 0; i < axes->count; i++) {
        if (i != f->x && axes->axis[i].count > 1) {
            fprintf(title, ", %s=%s", axes->axis[i].path, sweep_axes_value(axes, start, i));
        }
    }
    must(fclose(title) == 0 ? text : NULL);
    gnuplot_quoted(text, out);
    free(text);
}

static void each_curve(struct figure *f, size_t first_column, bool data, FILE *out)
{
    const struct sweep_columns *c = f->table->columns;
    bool any = false;

    for (size_t i = first_column; i < c->count; i++) {
        if (!f->shown[i] || strcmp(c->column[i].unit, c->column[first_column].unit) != 0) {
            continue;
        }
        for (size_t p = 0; p < f->table->axes->points; p++) {
            if (!begins_curve(f, p) || !has_numbers(f, p, i)) {
                continue;
            }
            if (data) {
                write_data(f, p, i, out);
                continue;
            }
            fprintf(out, "%s$c%u using 1:2 with linespoints title ", any ? ", \\\n  " : "plot ",
                    f->data++);
            write_title(f, p, i, out);
            fputs(" noenhanced", out);
            any = true;
        }
    }
}

static void write_x_axis(const struct figure *f, FILE *out)
{
    const struct sweep_axis *a = &f->table->axes->axis[f->x];
    char label[SWEEP_AXIS_PATH + 32];

    snprintf(label, sizeof label, f->unit[0] ? "%s (%s)" : "%s", a->path, f->unit);
    fputs("set xlabel ", out);
    gnuplot_quoted(label, out);
    fputs(" noenhanced\n", out);
    if (logarithmic(f)) {
        fputs("set logscale x 2\n", out);
    }
    if (!f->numeric) {
        fputs("set xtics (", out);
        for (size_t i = 0; i < a->count; i++) {
            fputs(i ? ", " : "", out);
            gnuplot_quoted(a->value[i], out);
            fprintf(out, " %zu", i);
        }
        fputs(") noenhanced\nset offsets 0.25, 0.25, 0, 0\n", out);
    }
}

static void write_script(void *self, FILE *out)
{
    struct figure *f = self;
    const struct sweep_columns *c = f->table->columns;

    for (size_t i = 0; i < c->count; i++) {
        if (begins_panel(f, i)) {
            each_curve(f, i, true, out);
        }
    }
    fprintf(out, "set terminal svg size 1200,%u background 'white'\n", panels(f) * PANEL_HEIGHT);
    gnuplot_output(f->script, out);
    fprintf(out, "set grid\nset key outside right center\nset yrange [0:*]\n");
    write_x_axis(f, out);
    fprintf(out, "set multiplot layout %u,1\n", panels(f));
    f->data = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (begins_panel(f, i)) {
            fputs("set ylabel ", out);
            gnuplot_quoted(c->column[i].unit, out);
            fputc('\n', out);
            each_curve(f, i, false, out);
            fputc('\n', out);
        }
    }
    fputs("unset multiplot\n", out);
}

int sweep_plot(const struct sweep_table *table, const char *script)
{
    struct figure f = { .table = table, .script = script };
    int status = EXIT_MODEL;

    choose_axis(&f);
    sort_axis(&f);
    choose_columns(&f);
    if (panels(&f)) {
        status = gnuplot_write("espnic sweep", script, write_script, &f);
    } else {
        fputs("espnic sweep: --plot: found no number but 0, expected something to draw\n", stderr);
    }
    free(f.at);
    free(f.order);
    free(f.shown);
    return status;
}
