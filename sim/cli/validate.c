/* espnic validate: published figures beside simulated ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/validate_cx7.h"
#include "cli/validate_pcie.h"
#include "cli/validate_tables.h"
#include "engine/nearest.h"
#include "report/report.h"
#include "report/text.h"

enum validate_option { OPT_ONLY, OPT_JSON };

static const struct option_spec validate_options[] = {
    { "only", 0, "NAME", "one group of figures" },
    { "json", 0, NULL, "as JSON on stdout, with every parameter and setting" },
};

enum { OPTION_COUNT = sizeof validate_options / sizeof validate_options[0] };

/* What can be validated. */
static const struct suite {
    const char *name;
    const struct validation_group *groups;
    bool (*measure)(struct validation *v, const char *only, char *error, size_t error_size);
    struct validation_setting (*setting)(size_t n);
    const char *base; /* what the named sets of parameters are laid over */
} suites[] = {
    { "pcie", validate_pcie_groups, validate_pcie, validate_pcie_setting, "the defaults" },
    { "cx7", validate_cx7_groups, validate_cx7, validate_cx7_setting, "the preset cx7-like" },
    { "tables", validate_tables_groups, validate_tables, validate_tables_setting,
      "the preset that the settings of each figure begin with" },
};
enum { SUITES = sizeof suites / sizeof suites[0] };

static int print_help(void)
{
    puts(
        "usage: espnic validate pcie|cx7|tables [--only NAME] [--json]\n"
        "\n"
        "Simulates what has been measured or computed elsewhere, and prints both with the error.\n"
        "\"fitted\": a parameter was chosen to meet this figure, so it is no test; \"predicted\": none\n"
        "was; \"computed\": follows from published parameters. Where the model has nothing to compare it\n"
        "says \"not modelled\" and what is missing. Exit status 1 if a figure misses its tolerance, or\n"
        "holds though it is known to miss.\n");
    options_help(validate_options, OPTION_COUNT);
    for (size_t k = 0; k < SUITES; k++) {
        printf("\nNAME for %s:", suites[k].name);
        for (size_t i = 0; suites[k].groups[i].name != NULL; i++) {
            printf(" %s", suites[k].groups[i].name);
        }
    }
    puts("\n\n"
         "examples:\n"
         "  espnic validate pcie\n"
         "  espnic validate cx7\n"
         "  espnic validate tables --only replay\n"
         "  espnic validate pcie --only iotlb --json");
    return EXIT_DONE;
}

/* ---- text --------------------------------------------------------------------------------------------- */

static const char *verdict(const struct validation_row *row)
{
    if (validation_is_absent(row)) {
        return row->kind == VALIDATION_ABSENT ? "not modelled" : "no data";
    }
    if (row->kind == VALIDATION_MISSED) {
        return row->held ? "HOLDS" : "misses, known";
    }
    return row->held ? "ok" : "MISSES";
}

/* Counts have no places behind the point. */
static bool is_count(const struct validation_row *row)
{
    return floor(row->published) == row->published && fabs(row->published) < 1e15 &&
           (!isfinite(row->simulated) || floor(row->simulated) == row->simulated) &&
           strchr(row->unit, '/') == NULL && strcmp(row->unit, "ns") != 0;
}

static void print_figure(char *cell, const struct validation_row *row, double figure)
{
    int digits = strcmp(row->unit, "ns") == 0 ? 1 : is_count(row) ? 0 : 3;

    if (!isfinite(figure)) {
        snprintf(cell, TEXT_CELL, "-");
    } else if (row->words != NULL) {
        snprintf(cell, TEXT_CELL, "%s", row->words[(size_t)figure]);
    } else {
        snprintf(cell, TEXT_CELL, "%.*f", digits, figure);
    }
}

static void print_error(char *cell, const struct validation_row *row)
{
    bool fine = row->tolerance > 0 && row->tolerance < 1;

    if (!isfinite(row->error)) {
        snprintf(cell, TEXT_CELL, "-");
    } else if (validation_is_range(row) && row->held) {
        snprintf(cell, TEXT_CELL, "inside");
    } else {
        snprintf(cell, TEXT_CELL, fine ? "%+.4f %%" : "%+.1f %%", row->error);
    }
}

static void print_tolerance(char *cell, const struct validation_row *row)
{
    if (validation_is_absent(row)) {
        snprintf(cell, TEXT_CELL, "-");
    } else if (row->shape != NULL) {
        snprintf(cell, TEXT_CELL, "shape: %g..%g", row->shape->least, row->shape->most);
    } else if (validation_is_range(row)) {
        snprintf(cell, TEXT_CELL, "between");
    } else if (row->tolerance > 0) {
        snprintf(cell, TEXT_CELL, "%g %%", row->tolerance);
    } else if (row->tolerance < 0) {
        snprintf(cell, TEXT_CELL, "%g %s", -row->tolerance, row->unit);
    } else {
        snprintf(cell, TEXT_CELL, "exact");
    }
}

static void print_row(struct text_table *t, const struct validation_row *row)
{
    char published[TEXT_CELL];
    char simulated[TEXT_CELL];
    char error[TEXT_CELL];
    char tolerance[TEXT_CELL];
    const char *cells[] = { row->what,
                            published,
                            simulated,
                            row->unit,
                            error,
                            tolerance,
                            validation_kind_name(row->kind),
                            verdict(row) };

    print_figure(published, row, row->published);
    print_figure(simulated, row, row->simulated);
    print_error(error, row);
    print_tolerance(tolerance, row);
    if (validation_is_range(row)) {
        snprintf(published, sizeof published, "%.3f..%.3f", row->published, row->most);
    }
    text_table_row(t, cells);
}

/* Of the formulas' many rows, is this the worst of its link? */
static bool is_worst(const struct validation *v, size_t at)
{
    const struct validation_row *row = &v->rows[at];
    size_t length = strcspn(row->what, ","); /* "Gen3 x8" */

    for (size_t i = 0; i < v->count; i++) {
        const struct validation_row *other = &v->rows[i];

        if (other->group == row->group && strncmp(other->what, row->what, length + 1) == 0 &&
            (fabs(other->error) > fabs(row->error) ||
             (fabs(other->error) == fabs(row->error) && i < at))) {
            return false;
        }
    }
    return true;
}

/* "a prediction, off by -6.8 %: misses: ...; NOTE" */
static void print_reason(const struct validation_row *row)
{
    char text[1024];

    if (validation_is_absent(row)) {
        snprintf(text, sizeof text, "%s", row->source);
    } else {
        snprintf(text, sizeof text, "a prediction, off by %+.1f %%. %s%s%s", row->error,
                 row->source, row->note[0] != '\0' ? ". " : "", row->note);
    }
    printf("%s: ", row->what);
    text_wrap(stdout, text, strlen(row->what) + 2, 4, TEXT_WIDTH);
}

/* Why figures miss that are known to, and what those would need that have nothing beside them. */
static void print_known(const struct validation *v, const char *group)
{
    bool any = false;

    for (size_t i = 0; i < v->count; i++) {
        const struct validation_row *row = &v->rows[i];

        if (strcmp(row->group, group) == 0 && !row->held &&
            (row->kind == VALIDATION_MISSED || validation_is_absent(row))) {
            print_reason(row);
            any = true;
        }
    }
    if (any) {
        putchar('\n');
    }
}

static void print_group(const struct validation *v, const struct validation_group *group)
{
    static const char *const headings[] = { "figure", ">published", ">simulated", "unit",
                                            ">error", ">tolerance", "kind",       "verdict" };
    struct text_table t;
    bool formulas = strcmp(group->name, "formulas") == 0;
    size_t count = 0;

    text_table_start(&t, headings, sizeof headings / sizeof headings[0]);
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->rows[i].group, group->name) == 0) {
            count++;
            if (!formulas || is_worst(v, i)) {
                print_row(&t, &v->rows[i]);
            }
        }
    }
    if (count == 0) {
        text_table_clear(&t);
        return;
    }
    text_wrap(stdout, group->title, 0, 0, TEXT_WIDTH);
    if (formulas) {
        printf("(%zu figures)\n", count);
    }
    putchar('\n');
    text_table_write(&t, stdout);
    putchar('\n');
    print_known(v, group->name);
}

static bool set_is_used(const struct validation *v, const char *set)
{
    for (size_t i = 0; i < v->count; i++) {
        for (const char *at = v->rows[i].sets; at != NULL && at[0] != '\0';) {
            size_t length = strcspn(at, " ");

            if (strlen(set) == length && strncmp(at, set, length) == 0) {
                return true;
            }
            at += length + (at[length] == ' ');
        }
    }
    return false;
}

static void print_parameters(const struct suite *suite, const struct validation *v)
{
    static const char *const headings[] = { "set", "parameter", ">value", "from", "source" };
    struct text_table t;
    struct validation_setting s;
    char text[256];
    bool any = false;

    text_table_start(&t, headings, 5);
    for (size_t i = 0; (s = suite->setting(i)).path != NULL; i++) {
        const char *cells[] = { s.set, s.path, s.value, s.origin, s.source };

        if (set_is_used(v, s.set)) {
            text_table_row(&t, cells);
            any = true;
        }
    }
    if (!any) {
        text_table_clear(&t);
        return;
    }
    snprintf(
        text, sizeof text,
        "Parameters, in named sets that are laid over %s; --json says which sets and settings a figure has, "
        "and where it was published.",
        suite->base);
    text_wrap(stdout, text, 0, 0, TEXT_WIDTH);
    putchar('\n');
    text_table_write(&t, stdout);
    putchar('\n');
}

static int count_and_print(const struct validation *v)
{
    size_t held = 0;
    size_t fitted = 0;
    size_t missed = 0;
    size_t known = 0;
    size_t absent = 0;
    bool good = true;

    for (size_t i = 0; i < v->count; i++) {
        const struct validation_row *row = &v->rows[i];
        bool is_fitted = row->kind == VALIDATION_FITTED;

        fitted += is_fitted && row->held;
        held += !is_fitted && row->held;
        absent += validation_is_absent(row);
        missed += !row->held && !validation_is_absent(row);
        known += !row->held && row->kind == VALIDATION_MISSED;
        good = good && validation_as_said(row);
    }
    printf(
        "%zu figures: %zu computed or predicted ones and %zu fitted ones are inside their tolerance; "
        "%zu miss it, of which %zu are known to",
        v->count, held, fitted, missed, known);
    if (absent > 0) {
        printf("; for %zu there is nothing to compare", absent);
    }
    putchar('\n');
    return good ? EXIT_DONE : EXIT_MODEL;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_json(const struct validation_row *row)
{
    json_t *o = json_object();

    json_object_set_new(o, "group", json_string(row->group));
    json_object_set_new(o, "figure", json_string(row->what));
    json_object_set_new(o, "unit", json_string(row->unit));
    json_object_set_new(o, "published", real_or_null(row->published));
    json_object_set_new(o, "published_most", real_or_null(row->most));
    json_object_set_new(o, "simulated", real_or_null(row->simulated));
    json_object_set_new(o, "error_percent", real_or_null(row->error));
    json_object_set_new(o, "tolerance", json_real(fabs(row->tolerance)));
    json_object_set_new(o, "tolerance_unit",
                        json_string(row->tolerance < 0 ? row->unit : "percent"));
    if (row->shape != NULL) {
        json_object_set_new(o, "shape", json_pack("[f,f]", row->shape->least, row->shape->most));
    }
    if (row->words != NULL) {
        json_object_set_new(o, "published_word", json_string(row->words[(size_t)row->published]));
        json_object_set_new(o, "simulated_word",
                            isfinite(row->simulated)
                                ? json_string(row->words[(size_t)row->simulated])
                                : json_null());
    }
    json_object_set_new(o, "kind", json_string(validation_kind_name(row->kind)));
    json_object_set_new(o, "verdict", json_string(verdict(row)));
    json_object_set_new(o, "held", json_boolean(row->held));
    json_object_set_new(o, "known_to_miss", json_boolean(row->kind == VALIDATION_MISSED));
    json_object_set_new(o, "source", json_string(row->source));
    json_object_set_new(o, "sets", json_string(row->sets));
    json_object_set_new(o, "settings", json_string(row->settings));
    if (row->note[0] != '\0') {
        json_object_set_new(o, "note", json_string(row->note));
    }
    return o;
}

static int print_json(const struct suite *suite, const struct validation *v)
{
    json_t *root = json_object();
    json_t *rows = json_array();
    json_t *sets = json_object();
    struct validation_setting s;
    bool good = true;

    for (size_t i = 0; i < v->count; i++) {
        json_array_append_new(rows, row_json(&v->rows[i]));
        good = good && validation_as_said(&v->rows[i]);
    }
    for (size_t i = 0; (s = suite->setting(i)).path != NULL; i++) {
        json_t *set = json_object_get(sets, s.set);
        json_t *entry = json_object();

        if (!set_is_used(v, s.set)) {
            json_decref(entry);
            continue;
        }
        if (set == NULL) {
            set = json_object();
            json_object_set_new(sets, s.set, set);
        }
        json_object_set_new(entry, "value", json_string(s.value));
        json_object_set_new(entry, "from", json_string(s.origin));
        json_object_set_new(entry, "source", json_string(s.source));
        json_object_set_new(set, s.path, entry);
    }
    json_object_set_new(root, "figures", rows);
    json_object_set_new(root, "sets", sets);
    report_write_json(root, stdout);
    json_decref(root);
    return good ? EXIT_DONE : EXIT_MODEL;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

/* " crypto ixgbe ..." */
static const char *group_names(const struct suite *suite, char *names, size_t size)
{
    size_t at = 0;

    names[0] = '\0';
    for (size_t i = 0; suite->groups[i].name != NULL && at < size; i++) {
        at += (size_t)snprintf(names + at, size - at, " %s", suite->groups[i].name);
    }
    return names;
}

static bool is_group(const struct options *o, const struct suite *suite, const char *name)
{
    const char *near = NULL;
    unsigned distance = 0;
    char shown[64];
    char names[256];

    for (size_t i = 0; suite->groups[i].name != NULL; i++) {
        if (strcmp(suite->groups[i].name, name) == 0) {
            return true;
        }
        nearest_offer(name, suite->groups[i].name, &near, &distance);
    }
    if (nearest_plausible(name, distance)) {
        options_complain(o, "--only: found \"%s\", expected a group of figures, did you mean %s?",
                         nearest_shown(name, shown), near);
    } else {
        options_complain(o, "--only: found \"%s\", expected one of%s", nearest_shown(name, shown),
                         group_names(suite, names, sizeof names));
    }
    return false;
}

static int run(const struct suite *suite, const char *only, bool as_json)
{
    struct validation v;
    char error[1024];
    int status;

    if (!suite->measure(&v, only, error, sizeof error)) {
        fprintf(stderr, "espnic validate: %s\n", error);
        status = EXIT_MODEL;
    } else if (as_json) {
        status = print_json(suite, &v);
    } else {
        for (size_t i = 0; suite->groups[i].name != NULL; i++) {
            print_group(&v, &suite->groups[i]);
        }
        print_parameters(suite, &v);
        status = count_and_print(&v);
    }
    validation_free(&v);
    return status;
}

static const struct suite *find_suite(const char *name)
{
    for (size_t i = 0; i < SUITES; i++) {
        if (strcmp(suites[i].name, name) == 0) {
            return &suites[i];
        }
    }
    return NULL;
}

int cmd_validate(int argc, char **argv)
{
    struct options o;
    const char *only = NULL;
    const struct suite *suite = NULL;
    bool as_json = false;

    options_start(&o, "validate", validate_options, OPTION_COUNT, argc, argv);
    for (;;) {
        switch (options_next(&o)) {
        case OPTIONS_END:
            if (suite == NULL) {
                return options_complain(&o, "expected pcie, cx7 or tables: espnic validate pcie");
            }
            return only != NULL && !is_group(&o, suite, only) ? EXIT_USAGE
                                                              : run(suite, only, as_json);
        case OPTIONS_ERROR: return EXIT_USAGE;
        case OPTIONS_HELP: return print_help();
        case OPT_ONLY: only = o.value; break;
        case OPT_JSON: as_json = true; break;
        default:
            if (suite != NULL || (suite = find_suite(o.value)) == NULL) {
                return options_complain(&o, "found \"%s\", expected pcie, cx7 or tables", o.value);
            }
            break;
        }
    }
}
