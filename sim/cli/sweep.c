/* espnic sweep: every point of a cross product of values, one row a point. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/find.h"
#include "cli/progress.h"
#include "cli/sweep_jobs.h"
#include "cli/sweep_plot.h"
#include "cli/sweep_points.h"
#include "cli/sweep_table.h"
#include "engine/must.h"
#include "engine/nearest.h"
#include "report/text.h"

enum { MAX_JOBS = 1024, DEFAULT_POINTS = 10000, MOST_POINTS = 10000000 };
static const uint64_t second = 1000000000000; /* ps */
static const uint64_t default_share = 1024 << 20;

enum {
    OPT_COLUMNS = RUN_REQUEST_INPUTS,
    OPT_CSV,
    OPT_JSON,
    OPT_PLOT,
    OPT_RESUME,
    OPT_JOBS,
    OPT_MAX_POINTS,
    OPT_SHARE,
    OPT_POINT_TIME,
    OPT_COUNT
};

static const struct option_spec own_options[OPT_COUNT - RUN_REQUEST_INPUTS] = {
    { "columns", 0, "PATH,...",
      "statistics to show, by their path in the report of espnic run; * stands for\n"
      "any characters; list: show them all with unit and definition" },
    { "csv", 0, "FILE", "write the rows to FILE instead of stdout" },
    { "json", 0, NULL, "an object a row on stdout" },
    { "plot", 0, "FILE", "write the curves as a gnuplot script too, and run it" },
    { "resume", 0, "FILE.csv",
      "go on with a sweep that was stopped: points without a row in FILE.csv" },
    { "jobs", 0, "N", "points simulated at a time (all processors)" },
    { "max-points", 0, "N", "most points that are accepted (10000)" },
    { "share", 0, "SIZE", "most memory for decoded inputs, which all points share (1GiB)" },
    { "point-time", 0, "TIME", "processor time after which a point is given up: 600s (never)" },
};

struct sweep {
    struct run_request request;
    const char **key; /* arguments KEY=VALUES */
    size_t keys;
    const char *list; /* of columns; NULL: the default */
    const char *csv, *resume, *plot;
    bool json;
    uint64_t jobs, max_points, share, point_time;
    struct sweep_axes axes;
    struct sweep_columns known, columns;
    struct sweep_plan points;
    struct sweep_table table;
    char **impossible;  /* why, by point */
    size_t *item;       /* points to simulate */
    size_t items, kept; /* rows of an earlier sweep */
    struct progress progress;
    bool unwritable;   /* an output could not be written */
    char *other_sweep; /* --resume: how a row differs */
};

/* ---- help ------------------------------------------------------------------------------------------ */

static int print_help(const struct option_spec *all)
{
    char names[512];

    puts(
        "usage: espnic sweep [SCENARIO.yaml] KEY=VALUES... [OPTION...]\n"
        "\n"
        "Simulates every combination of the values, on all processors, and prints a row a point: the\n"
        "keys, chosen statistics, and an error where there was one. The last key changes fastest. Each\n"
        "row says what the report of espnic run says with the same values.\n"
        "\n"
        "KEY is the path of a parameter, as for --set, or one of the options below that have a value\n"
        "(preset, load, loop, rx, rx-filter, ...). VALUES are separated by commas, with their units:\n"
        "  card.crypto.width=2B,4B,8B        each of these\n"
        "  card.pcie.tags=32:32:256          from 32 in steps of 32 to 256\n"
        "  card.sa.table.capacity=64:x2:4Ki  from 64 by factors of 2 to 4096\n");
    options_help(all, OPT_COUNT);
    puts("\nBLOCK is one of:");
    text_wrap(stdout, run_request_ideal_names(names, sizeof names), 0, 0, TEXT_WIDTH);
    puts(
        "\n"
        "examples:\n"
        "  espnic sweep vpn.yaml card.crypto.engines=1,2,4,8\n"
        "      how many engines are worth it?\n"
        "  espnic sweep vpn.yaml load=10Gbps:10Gbps:100Gbps --plot load.gp\n"
        "      throughput and latency over the offered load, and a plot (load.svg)\n"
        "  espnic sweep vpn.yaml preset=generic-100g,cx7-like load=recorded,max --csv cards.csv\n"
        "  espnic sweep vpn.yaml --load max card.sa.storage=host-cache card.sa.cache.ways=1:x2:16 \\\n"
        "      card.sa.cache.sets=16:x2:256 --columns rx.mpps,card.sa_cache.*\n"
        "  espnic sweep vpn.yaml card.crypto.engines=1:1:8 --find loss=0 --experiments 3\n"
        "      the highest rate without loss, and what limits there\n"
        "  espnic sweep --preset cx7-like traffic.tunnels=472,1100,1600 --set traffic.profile=mno \\\n"
        "      --timing-only --packets 100000\n"
        "      a gateway with more and more SAs, from traffic made in memory\n"
        "  espnic sweep --columns list | grep latency\n"
        "      which numbers there are");
    return EXIT_DONE;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static int take_number(const struct options *o, const char *option, enum param_type type,
                       uint64_t least, uint64_t most, uint64_t *value)
{
    char why[512];
    char low[48];
    char high[48];

    if (!quantity_parse(type, o->value, value, why, sizeof why)) {
        return options_complain(o, "--%s: %s", option, why);
    }
    if (*value < least || *value > most) {
        quantity_format(type, least, low, sizeof low);
        quantity_format(type, most, high, sizeof high);
        return options_complain(o, "--%s: found %s, expected %s to %s", option, o->value, low,
                                high);
    }
    return EXIT_DONE;
}

static int take_option(struct sweep *s, struct options *o, int option)
{
    if (option == OPTIONS_POSITIONAL && sweep_axes_is_key(o->value)) {
        s->key = must(realloc(s->key, (s->keys + 1) * sizeof *s->key));
        s->key[s->keys++] = o->value;
        return EXIT_DONE;
    }
    switch (option) {
    case OPT_COLUMNS: s->list = o->value; return EXIT_DONE;
    case OPT_CSV: s->csv = o->value; return EXIT_DONE;
    case OPT_JSON: s->json = true; return EXIT_DONE;
    case OPT_PLOT: s->plot = o->value; return EXIT_DONE;
    case OPT_RESUME: s->resume = o->value; return EXIT_DONE;
    case OPT_JOBS: return take_number(o, "jobs", PARAM_U64, 1, MAX_JOBS, &s->jobs);
    case OPT_MAX_POINTS:
        return take_number(o, "max-points", PARAM_U64, 1, MOST_POINTS, &s->max_points);
    case OPT_SHARE: return take_number(o, "share", PARAM_BYTES, 0, UINT64_MAX, &s->share);
    case OPT_POINT_TIME:
        return take_number(o, "point-time", PARAM_TIME, second, 1000000 * second, &s->point_time);
    default: return run_request_take(&s->request, o, option);
    }
}

static int read_options(struct sweep *s, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        int status;

        if (option == OPTIONS_END) {
            return EXIT_DONE;
        }
        if (option == OPTIONS_ERROR || option == OPTIONS_HELP) {
            return option == OPTIONS_ERROR ? EXIT_USAGE : OPTIONS_HELP;
        }
        status = take_option(s, o, option);
        if (status != EXIT_DONE) {
            return status;
        }
    }
}

/* Where the rows go: stdout unless the user says otherwise. */
static int choose_outputs(struct sweep *s, const struct options *o)
{
    if (s->resume && s->csv && !run_request_same_file(s->resume, s->csv)) {
        return options_complain(o, "--csv and --resume: found two files, expected one");
    }
    if (s->resume && !strcmp(s->resume, "-")) {
        return options_complain(o, "--resume: found -, expected the CSV file of the earlier sweep");
    }
    s->csv = s->resume ? s->resume : s->csv ? s->csv : s->json ? NULL : "-";
    if (s->json && s->csv && !strcmp(s->csv, "-")) {
        return options_complain(o, "--json and --csv -: found both, expected one on stdout");
    }
    return EXIT_DONE;
}

/* A key that is varied and set as well would leave open which one counts. */
static bool keys_are_free(const struct sweep *s, const struct options *o)
{
    for (size_t i = 0; i < s->request.settings.count; i++) {
        const struct scenario_setting *set = &s->request.settings.settings[i];
        char path[SWEEP_AXIS_PATH];

        snprintf(path, sizeof path, "%.*s", (int)strcspn(set->assignment, "="), set->assignment);
        if (sweep_axes_find(&s->axes, path) < s->axes.count) {
            options_complain(o, "%s: found it varied and set by %s, expected one of them", path,
                             set->option);
            return false;
        }
    }
    return true;
}

static int read_axes(struct sweep *s, const struct options *o)
{
    char error[SCENARIO_ERROR + 128];

    if (!s->keys) {
        return options_complain(
            o, "nothing to vary: expected KEY=VALUES such as card.crypto.engines=1,2,4");
    }
    for (size_t i = 0; i < s->keys; i++) {
        if (!sweep_axes_add(&s->axes, s->key[i], s->max_points, error, sizeof error)) {
            return options_complain(o, "%s", error);
        }
    }
    return keys_are_free(s, o) ? EXIT_DONE : EXIT_USAGE;
}

static int read_columns(struct sweep *s, const struct options *o)
{
    char error[SIMULATION_ERROR];

    if (!sweep_columns_known(&s->known, error, sizeof error)) {
        return options_complain(o, "%s", error);
    }
    if (s->list && !strcmp(s->list, "list")) {
        return EXIT_DONE;
    }
    if (!sweep_columns_choose(&s->known, s->list, s->request.find != NULL,
                              s->request.experiments > 0, &s->columns, error, sizeof error)) {
        return options_complain(o, "--columns: %s", error);
    }
    return EXIT_DONE;
}

/* ---- before anything runs ------------------------------------------------------------------------------ */

static int complain(const char *error)
{
    fprintf(stderr, "espnic sweep: %s\n", error);
    return EXIT_USAGE;
}

/* A file that is read cannot be written, and one file cannot be written twice. */
static bool check_files(const struct sweep *s, const struct espnic_config *config)
{
    const char *in[RUN_REQUEST_FILES];
    unsigned ins = run_request_files(&s->request, config, in);
    const char *const out[] = { s->csv ? s->csv : "", s->plot ? s->plot : "" };

    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        for (unsigned k = 0; k < ins && out[i][0]; k++) {
            if (in[k][0] && strcmp(out[i], "-") != 0 && run_request_same_file(out[i], in[k])) {
                fprintf(stderr, "espnic sweep: \"%s\" is an input and cannot be written\n", out[i]);
                return false;
            }
        }
    }
    if (out[0][0] && out[1][0] && run_request_same_file(out[0], out[1])) {
        fprintf(stderr, "espnic sweep: \"%s\" is named for two outputs\n", out[0]);
        return false;
    }
    return true;
}

/* The first row of an earlier sweep is simulated again, to see that it is of this one. */
static size_t first_kept(const struct sweep *s)
{
    size_t i = 0;

    while (i < s->axes.points && !s->table.row[i].cells) {
        i++;
    }
    return i;
}

/* Each point's configuration: is it possible, what does it read? */
static int look_at_points(struct sweep *s)
{
    struct espnic_config *config = must(calloc(1, sizeof *config));
    char error[SIMULATION_ERROR];
    size_t impossible = 0;
    size_t kept = first_kept(s);
    bool ok = true;

    for (size_t i = 0; i < s->axes.points && ok; i++) {
        if (!sweep_points_config(&s->points, i, config, error, sizeof error)) {
            s->impossible[i] = must(strdup(error));
            impossible++;
            continue;
        }
        ok = check_files(s, config);
        if (s->table.row[i].cells && i != kept) {
            continue;
        }
        if (ok && !sweep_points_decode(&s->points, config, error, sizeof error)) {
            complain(error);
            ok = false;
        }
        if (!s->table.row[i].cells) {
            s->item[s->items++] = i;
        }
    }
    free(config);
    if (ok && impossible == s->axes.points) {
        fprintf(stderr, "espnic sweep: no point is possible; the first: %s\n", s->impossible[0]);
        return EXIT_USAGE;
    }
    return ok ? EXIT_DONE : EXIT_USAGE;
}

static int check_ideals(const struct sweep *s, const struct options *o)
{
    struct espnic_config *config = must(calloc(1, sizeof *config));
    char error[1024];
    bool ok = run_request_idealise(&s->request, config, error, sizeof error);

    free(config);
    return ok ? EXIT_DONE : options_complain(o, "%s", error);
}

/* Better now than after the last point. */
static int check_plot(const struct sweep *s)
{
    FILE *f = s->plot ? fopen(s->plot, "a") : NULL;

    if (s->plot && !f) {
        fprintf(stderr, "espnic sweep: --plot: cannot write %s: %s\n", s->plot, strerror(errno));
        return EXIT_USAGE;
    }
    return !f || fclose(f) == 0 ? EXIT_DONE : EXIT_USAGE;
}

static int prepare(struct sweep *s, const struct options *o)
{
    char error[SIMULATION_ERROR];
    int status = check_ideals(s, o);

    if (status != EXIT_DONE) {
        return status;
    }
    s->points.request = &s->request;
    s->points.axes = &s->axes;
    s->points.columns = &s->columns;
    s->points.inputs = inputs_create(s->share);
    if (!s->points.inputs) {
        return options_complain(o,
                                "--share: found more than there is address space, expected less");
    }
    if (!sweep_points_resolve(&s->points, error, sizeof error)) {
        return complain(error);
    }
    sweep_table_init(&s->table, &s->axes, &s->columns);
    s->table.csv_path = s->csv;
    s->table.json = s->json;
    s->table.keep = s->resume || s->plot;
    if (s->resume && !sweep_table_read(&s->table, s->resume, error, sizeof error)) {
        return complain(error);
    }
    s->kept = s->table.done;
    s->impossible = must(calloc(s->axes.points, sizeof *s->impossible));
    s->item = must(calloc(s->axes.points, sizeof *s->item));
    status = look_at_points(s);
    if (status != EXIT_DONE) {
        return status;
    }
    status = check_plot(s);
    if (status != EXIT_DONE) {
        return status;
    }
    if (sweep_points_have_outputs(&s->points)) {
        fputs("espnic sweep: outputs that the scenario or --set names are not written\n", stderr);
    }
    if (inputs_streamed(s->points.inputs)) {
        fputs("espnic sweep: not all inputs fit into --share: every point reads the others anew\n",
              stderr);
    }
    inputs_seal(s->points.inputs);
    return EXIT_DONE;
}

/* ---- running ------------------------------------------------------------------------------------------ */

static void work(void *self, size_t point, FILE *result)
{
    const struct sweep *s = self;

    sweep_points_simulate(&s->points, point, result);
}

/* The cells of a point that has none. */
static char *failed_cells(const struct sweep *s, const char *why, size_t *size)
{
    char *cells = NULL;
    FILE *out = must(open_memstream(&cells, size));

    sweep_table_cells(&s->columns, NULL, why, out);
    return must(fclose(out) == 0 ? cells : NULL);
}

static bool put(struct sweep *s, size_t point, const char *cells, size_t size, const char *why)
{
    char *own = cells ? NULL : failed_cells(s, why, &size);

    s->unwritable = !sweep_table_put(&s->table, point, cells ? cells : own, size);
    free(own);
    progress_pieces(&s->progress, s->table.done - s->kept, s->axes.points - s->kept,
                    s->table.failed);
    return !s->unwritable;
}

static bool done(void *self, size_t point, const char *result, size_t size, const char *why)
{
    return put(self, point, result, size, why);
}

static bool compare(void *self, size_t point, const char *result, size_t size, const char *why)
{
    struct sweep *s = self;
    char *own = result ? NULL : failed_cells(s, why, &size);
    char *old = sweep_table_line(&s->table, point, s->table.row[point].cells);
    char *new = sweep_table_line(&s->table, point, result ? result : own);

    if (strcmp(old, new) != 0) {
        must(asprintf(&s->other_sweep, "found the row \"%s\", expected \"%s\"", old, new) < 0
                 ? NULL
                 : s->other_sweep);
    }
    free(own);
    free(old);
    free(new);
    return true;
}

/* EXIT_DONE: the file to go on with has the same first row. */
static int check_earlier(struct sweep *s, const struct sweep_jobs *jobs)
{
    struct sweep_jobs one = *jobs;
    size_t item = first_kept(s);
    int stopped;

    if (item == s->axes.points) {
        return EXIT_DONE;
    }
    one.done = compare;
    one.jobs = 1;
    stopped = sweep_jobs_run(&one, &item, 1);
    if (stopped) {
        sweep_jobs_die(stopped);
    }
    if (s->other_sweep) {
        fprintf(stderr,
                "espnic sweep: %s: %s: it is of a sweep of something else; it was not changed\n",
                s->resume, s->other_sweep);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static _Noreturn void stop(struct sweep *s, int number)
{
    char error[512];

    progress_end(&s->progress);
    fprintf(stderr, "espnic sweep: stopped: %zu of %zu points are done", s->table.done,
            s->axes.points);
    if (!sweep_table_close(&s->table, error, sizeof error)) {
        fprintf(stderr, "; %s\n", error);
    } else if (s->csv && strcmp(s->csv, "-") != 0) {
        fprintf(stderr, "; --resume %s goes on\n", s->csv);
    } else {
        fputc('\n', stderr);
    }
    sweep_jobs_die(number);
}

static int finish(struct sweep *s)
{
    char error[512] = "";
    char point[1024];
    int status = EXIT_DONE;

    if (!sweep_table_close(&s->table, error, sizeof error) || s->unwritable) {
        fprintf(stderr, "espnic sweep: %s\n", error[0] ? error : "cannot write the rows");
        return EXIT_USAGE;
    }
    if (s->plot) {
        status = sweep_plot(&s->table, s->plot);
    }
    if (s->table.failed) {
        fprintf(stderr, "espnic sweep: %zu of %zu points failed; the first: %s: %s\n",
                s->table.failed, s->axes.points,
                sweep_axes_text(&s->axes, s->table.first_bad, point, sizeof point),
                s->table.first_error);
        status = status == EXIT_DONE ? EXIT_MODEL : status;
    }
    return status;
}

static int run(struct sweep *s)
{
    struct sweep_jobs jobs = { .jobs = (unsigned)s->jobs,
                               .self = s,
                               .cpu_seconds = (unsigned)((s->point_time + second - 1) / second),
                               .work = work,
                               .done = done };
    char error[512];
    int status = check_earlier(s, &jobs);
    int stopped;

    if (status != EXIT_DONE) {
        return status;
    }
    if (!sweep_table_open(&s->table, error, sizeof error)) {
        return complain(error);
    }
    progress_start(&s->progress, "sweep", 0, 0);
    progress_pieces(&s->progress, 0, s->axes.points - s->kept, 0);
    for (size_t i = 0; i < s->axes.points; i++) {
        if (s->impossible[i] && !s->table.row[i].cells) {
            put(s, i, NULL, 0, s->impossible[i]);
        }
    }
    stopped = sweep_jobs_run(&jobs, s->item, s->items);
    if (stopped) {
        stop(s, stopped);
    }
    progress_end(&s->progress);
    return finish(s);
}

static void free_sweep(struct sweep *s)
{
    for (size_t i = 0; s->impossible && i < s->axes.points; i++) {
        free(s->impossible[i]);
    }
    free(s->impossible);
    free(s->item);
    free(s->other_sweep);
    sweep_table_free(&s->table);
    sweep_points_free(&s->points);
    sweep_axes_free(&s->axes);
    sweep_columns_free(&s->known);
    sweep_columns_free(&s->columns);
    run_request_free(&s->request);
    free(s->key);
}

static int sweep(struct sweep *s, const struct options *o)
{
    int status = choose_outputs(s, o);

    if (s->request.find && !find_parse_loss(s->request.find, &s->points.loss)) {
        return options_complain(o, "--find: found \"%s\", expected loss=0 or loss=5%%",
                                s->request.find);
    }
    if (status == EXIT_DONE) {
        status = read_columns(s, o);
    }
    if (status == EXIT_DONE && s->list && !strcmp(s->list, "list")) {
        sweep_columns_list(&s->known, stdout);
        return EXIT_DONE;
    }
    if (status == EXIT_DONE) {
        status = read_axes(s, o);
    }
    if (status == EXIT_DONE) {
        status = prepare(s, o);
    }
    return status == EXIT_DONE ? run(s) : status;
}

int cmd_sweep(int argc, char **argv)
{
    static struct sweep s;
    struct option_spec all[OPT_COUNT];
    struct options o;
    int status;

    memset(&s, 0, sizeof s);
    memcpy(all, run_request_options, RUN_REQUEST_INPUTS * sizeof all[0]);
    memcpy(all + RUN_REQUEST_INPUTS, own_options, sizeof own_options);
    all[RUN_REQUEST_INPUTS - 1].help = "runs that look for the bottleneck at each point (none)";
    s.jobs = sweep_jobs_processors();
    s.max_points = DEFAULT_POINTS;
    s.share = default_share;
    options_start(&o, "sweep", all, OPT_COUNT, argc, argv);
    status = read_options(&s, &o);
    if (status == EXIT_DONE) {
        status = sweep(&s, &o);
    } else if (status == OPTIONS_HELP) {
        status = print_help(all);
    }
    free_sweep(&s);
    return status;
}
