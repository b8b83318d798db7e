/* espnic run: a recording and captures in; throughput, latency and SA churn out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/bottleneck.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/results.h"
#include "cli/run_text.h"
#include "cli/settings.h"
#include "cli/simulation.h"
#include "report/report.h"
#include "report/text.h"

/* Options that are a parameter's short name: --tx F is --set workload.tx=F. */
static const struct option_spec run_options[] = {
    { "preset", 0, "NAME", "card to simulate (espnic preset list)" },
    { "set", 0, "PATH=VALUE", "change a parameter: --set card.crypto.engines=2; may be repeated" },
    { "oids", 0, "FILE", "recording of SA control requests (.jsonl)" },
    { "tx", 0, "FILE", "capture of clear packets that the host sends; P:FILE by port P (0)" },
    { "rx", 0, "FILE", "capture of what arrives on the wire; P:FILE on that of port P (0)" },
    { "tx-filter", 0, "BPF", "take only these packets of --tx (libpcap syntax)" },
    { "rx-filter", 0, "BPF", "take only these packets of --rx" },
    { "pace", 0, "PACE", "recorded, a factor (2x: twice as fast) or a rate (40Gbps)" },
    { "load", 0, "LOAD", "recorded, max (as fast as the card takes it) or a rate" },
    { "loop", 0, "N", "play the captures N times" },
    { "report", 'o', "FILE", "JSON report; - is stdout" },
    { "csv", 0, "FILE", "report as one line of CSV under its headings" },
    { "tx-out", 0, "FILE", "capture of what left on the wire, of all ports; P:FILE of port P" },
    { "rx-out", 0, "FILE",
      "capture of what the host received, from all ports; P:FILE from port P" },
    { "series", 0, "FILE", "CSV of counters, a line for every --interval" },
    { "interval", 0, "TIME", "of the series: 10us" },
    { "timeline", 0, "FILE", "trace events of blocks and packets, for ui.perfetto.dev" },
    { "tx-sa", 0, "HANDLE", "outbound SA for clear packets that no selector takes" },
    { "forward", 0, "PATH", "send received packets on: host, hairpin (in the card) or none" },
    { "stop-time", 0, "TIME", "stop giving input at this simulated time" },
    { "packets", 0, "N", "stop after N packets" },
    { "warmup", 0, "TIME", "leave this long after the first arrival out of the rates" },
};
enum { PARAMETER_OPTIONS = sizeof run_options / sizeof run_options[0] };

static const char *const targets[PARAMETER_OPTIONS] = {
    "preset",
    NULL,
    "workload.oids",
    "workload.tx",
    "workload.rx",
    "workload.tx_filter",
    "workload.rx_filter",
    "workload.pace",
    "workload.load",
    "workload.loop",
    "outputs.report",
    "outputs.csv",
    "outputs.tx_out",
    "outputs.rx_out",
    "outputs.series",
    "outputs.interval",
    "outputs.timeline",
    "host.tx.sa",
    "card.forward.path",
    "stop.time",
    "stop.packets",
    "stop.warmup",
};

enum {
    OPT_TIMING = PARAMETER_OPTIONS,
    OPT_STRICT,
    OPT_SKIP_BAD,
    OPT_PRELOAD,
    OPT_NO_PRELOAD,
    OPT_IDEAL,
    OPT_FIND,
    OPT_EXPERIMENTS,
    OPT_COUNT
};

static const struct option_spec other_options[] = {
    { "timing-only", 0, NULL, "lengths only, no cryptography: the same cycles, sooner" },
    { "strict", 0, NULL, "a recording that breaks a rule of the interface is bad input" },
    { "skip-bad", 0, NULL, "count damaged records instead of stopping at them" },
    { "preload", 0, NULL, "SAs added at or before the first packet are there from the start" },
    { "no-preload", 0, NULL, "they are not" },
    { "ideal", 0, "BLOCK", "BLOCK takes no time and has no limit; may be repeated" },
    { "find", 0, "loss=X", "the highest rate that loses at most X: loss=0 (NDR), loss=5% (PDR)" },
    { "experiments", 0, "N", "runs that look for the bottleneck (5; 0: do not look)" },
};

struct run_request {
    struct espnic_config config;
    struct scenario scenario;
    const char *file;
    struct setting_list settings;
    const char *ideal[32];
    unsigned ideals;
    const char *find;
    unsigned experiments;
};

static const char *ideal_names(char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "host");

    for (unsigned i = 0; nic_ideal_names[i] && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, ", %s", nic_ideal_names[i]);
    }
    return out;
}

static int print_help(const struct option_spec *all)
{
    char names[512];

    puts(
        "usage: espnic run [SCENARIO.yaml] [OPTION...]\n"
        "\n"
        "Simulates one card. Inputs are a recording of SA control requests, clear packets to send and\n"
        "packets from the wire, each optional. Prints throughput, latency and SA churn, and the block\n"
        "that limits them; --report gives every number with its definition.\n");
    options_help(all, OPT_COUNT);
    puts("\nBLOCK is one of:");
    text_wrap(stdout, ideal_names(names, sizeof names), 0, 0, TEXT_WIDTH);
    puts("\n"
         "examples:\n"
         "  espnic run traces/samples/vpn-gateway.yaml\n"
         "  espnic run --preset generic-100g --oids sas.jsonl --rx wire.pcap --rx-out clear.pcap\n"
         "  espnic run vpn.yaml --load max --set card.crypto.engines=2 -o report.json\n"
         "  espnic run vpn.yaml --find loss=0\n"
         "  espnic run vpn.yaml --load max --ideal crypto");
    return EXIT_DONE;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static int take_flag(struct run_request *r, struct options *o, int option)
{
    char *end;

    switch (option) {
    case OPT_TIMING:
        setting_list_add(&r->settings, "timing-only", "workload.timing_only", "true");
        break;
    case OPT_STRICT: setting_list_add(&r->settings, "strict", "workload.strict", "true"); break;
    case OPT_SKIP_BAD:
        setting_list_add(&r->settings, "skip-bad", "workload.skip_bad", "true");
        break;
    case OPT_PRELOAD: setting_list_add(&r->settings, "preload", "workload.preload", "on"); break;
    case OPT_NO_PRELOAD:
        setting_list_add(&r->settings, "no-preload", "workload.preload", "off");
        break;
    case OPT_IDEAL:
        if (r->ideals < 32) {
            r->ideal[r->ideals++] = o->value;
        }
        break;
    case OPT_FIND: r->find = o->value; break;
    default:
        r->experiments = (unsigned)strtoul(o->value, &end, 10);
        if (*end || o->value[0] < '0' || o->value[0] > '9') {
            return options_complain(o, "--experiments: found \"%s\", expected a number", o->value);
        }
        break;
    }
    return EXIT_DONE;
}

/* "1:FILE" is a file of port 1: a parameter of its own. */
static void take_parameter(struct run_request *r, int option, const char *value)
{
    static const char *const of_ports[] = { "workload.tx", "workload.rx", "outputs.tx_out",
                                            "outputs.rx_out" };
    const char *target = targets[option];
    char path[64];

    for (size_t i = 0; target && i < sizeof of_ports / sizeof of_ports[0]; i++) {
        if (!strcmp(target, of_ports[i]) && value[0] >= '0' && value[0] < '0' + NIC_MAX_PORTS &&
            value[1] == ':') {
            bool plain = value[0] == '0' && target[0] == 'w'; /* workload.rx is port 0's */

            snprintf(path, sizeof path, "%s%.*s", target, plain ? 0 : 1, value);
            setting_list_add(&r->settings, run_options[option].name, path, value + 2);
            return;
        }
    }
    setting_list_add(&r->settings, run_options[option].name, target, value);
}

static int read_options(struct run_request *r, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        int status = EXIT_DONE;

        if (option == OPTIONS_END) {
            return EXIT_DONE;
        }
        if (option == OPTIONS_ERROR) {
            return EXIT_USAGE;
        }
        if (option == OPTIONS_HELP) {
            return OPTIONS_HELP;
        }
        if (option == OPTIONS_POSITIONAL) {
            if (r->file) {
                return options_complain(o, "found a second scenario: \"%s\"", o->value);
            }
            r->file = o->value;
        } else if (option < PARAMETER_OPTIONS) {
            take_parameter(r, option, o->value);
        } else {
            status = take_flag(r, o, option);
        }
        if (status != EXIT_DONE) {
            return status;
        }
    }
}

static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    if (!strcmp(a, b)) {
        return true;
    }
    return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

enum { MOST_FILES = 2 + 2 * NIC_MAX_PORTS + 6 };

static unsigned inputs_of(const struct run_request *r, const char *in[MOST_FILES])
{
    unsigned n = 0;

    in[n++] = r->file ? r->file : "";
    in[n++] = r->config.workload.oids;
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        in[n++] = r->config.workload.tx[p];
        in[n++] = r->config.workload.rx[p];
    }
    return n;
}

static unsigned outputs_of(const struct run_request *r, const char *out[MOST_FILES])
{
    const struct outputs_config *u = &r->config.outputs;
    const char *const single[] = {
        u->report, u->csv, u->tx_out, u->rx_out, u->series, u->timeline
    };
    unsigned n = 0;

    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        out[n++] = single[i];
    }
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        out[n++] = u->port_tx_out[p];
        out[n++] = u->port_rx_out[p];
    }
    return n;
}

/* An output that is also an input would destroy it; two outputs in one file destroy each other. */
static bool check_files(const struct run_request *r, struct options *o)
{
    const char *in[MOST_FILES];
    const char *out[MOST_FILES];
    unsigned ins = inputs_of(r, in);
    unsigned outs = outputs_of(r, out);

    for (unsigned i = 0; i < outs; i++) {
        for (unsigned k = 0; k < ins && out[i][0]; k++) {
            if (in[k][0] && same_file(out[i], in[k])) {
                options_complain(o, "\"%s\" is an input and cannot be written", out[i]);
                return false;
            }
        }
        for (unsigned k = 0; k < i && out[i][0]; k++) {
            if (out[k][0] && same_file(out[i], out[k])) {
                options_complain(o, "\"%s\" is named for two outputs", out[i]);
                return false;
            }
        }
    }
    return true;
}

static bool has_input(const struct run_request *r)
{
    const struct workload_config *w = &r->config.workload;
    bool any = w->oids[0] != 0 || r->config.traffic.profile[0] != 0;

    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        any = any || w->tx[p][0] || w->rx[p][0];
    }
    return any;
}

static bool resolve(struct run_request *r, struct options *o)
{
    char names[512];
    char error[1024];
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    scenario_init(&r->scenario, groups, n, &r->config);
    if (!scenario_resolve(&r->scenario, r->file, r->settings.settings, r->settings.count) ||
        !espnic_config_check(&r->scenario)) {
        fprintf(stderr, "espnic run: %s\n", r->scenario.error);
        return false;
    }
    for (unsigned i = 0; i < r->ideals; i++) {
        if (!bottleneck_idealise(&r->config, r->ideal[i])) {
            options_complain(o, "--ideal: found \"%s\", expected one of: %s", r->ideal[i],
                             ideal_names(names, sizeof names));
            return false;
        }
    }
    if (!nic_config_check(&r->config.card, error, sizeof error) ||
        !host_config_check(&r->config.host, error, sizeof error)) {
        char path[128];
        size_t length = strcspn(error, ":");

        snprintf(path, sizeof path, "%.*s", (int)(length < 127 ? length : 127), error);
        fprintf(stderr, "espnic run: %s: %s\n", scenario_place(&r->scenario, path), error);
        return false;
    }
    if (!has_input(r)) {
        options_complain(o, "nothing to do: give a scenario, or --oids, --tx or --rx");
        return false;
    }
    return check_files(r, o);
}

/* ---- one run and its report ---------------------------------------------------------------------------- */

static bool write_reports(struct run_request *r, struct simulation *s, const struct bottleneck *b,
                          char *error, size_t error_size)
{
    const struct outputs_config *o = &r->config.outputs;
    struct stat_registry *registry = calloc(1, sizeof *registry);
    json_t *root = json_object();
    bool ok = true;

    simulation_register_stats(s, registry);
    if (o->report[0]) {
        report_add(root, "config",
                   report_config(r->scenario.groups, r->scenario.group_count, &r->config,
                                 r->scenario.notes));
        report_add_stats(root, registry);
        report_add(root, "blocks", blocks_json(s));
        if (b) {
            report_add(root, "bottleneck", bottleneck_json(b));
        }
        ok = report_save_json(root, o->report, error, error_size);
    }
    if (ok && o->csv[0]) {
        FILE *f = fopen(o->csv, "w");

        if (!f) {
            snprintf(error, error_size, "%s: cannot be written", o->csv);
            ok = false;
        } else {
            report_write_csv(registry, f);
            ok = fclose(f) == 0;
        }
    }
    json_decref(root);
    free(registry);
    return ok;
}

static int exit_status(enum simulation_end end)
{
    return end == SIMULATION_DONE          ? EXIT_DONE
           : end == SIMULATION_MODEL_ERROR ? EXIT_MODEL
                                           : EXIT_USAGE;
}

static uint64_t expected_packets(const struct run_request *r)
{
    return r->config.stop.packets;
}

static int finish(struct run_request *r, struct simulation *s, struct progress *progress,
                  double seconds)
{
    struct bottleneck b;
    char error[SIMULATION_ERROR];
    bool look = r->experiments > 0 &&
                (simulation_results(s)->work.packets || simulation_results(s)->work.requests);

    if (look) {
        progress_start(progress, "bottleneck", 0, 0);
        look = bottleneck_find(&b, &r->config, s, r->experiments, 0, progress, error, sizeof error);
        progress_end(progress);
        if (!look) {
            fprintf(stderr, "espnic run: looking for the bottleneck: %s\n", error);
            return EXIT_MODEL;
        }
    }
    if (!write_reports(r, s, look ? &b : NULL, error, sizeof error)) {
        fprintf(stderr, "espnic run: %s\n", error);
        return EXIT_USAGE;
    }
    if (strcmp(r->config.outputs.report, "-") != 0) {
        run_text_print(stdout, s, &r->config, look ? &b : NULL);
    }
    if (progress->active) {
        const struct run_results *res = simulation_results(s);

        fprintf(stderr, "%.0f packets/s of wall-clock time, %s\n",
                seconds > 0 ? (double)(res->rx.packets_in + res->tx.packets_in) / seconds : 0,
                nic_backend(simulation_card(s)));
    }
    return EXIT_DONE;
}

static int run_once(struct run_request *r)
{
    struct progress progress;
    struct simulation_options options = { .progress = &progress };
    char error[SIMULATION_ERROR];
    struct simulation *s;
    enum simulation_end end;
    double seconds;
    int status;

    progress_start(&progress, "run", expected_packets(r), r->config.stop.time);
    s = simulation_create(&r->config, &options, error, sizeof error);
    if (!s) {
        progress_end(&progress);
        fprintf(stderr, "espnic run: %s\n", error);
        return EXIT_USAGE;
    }
    end = simulation_run(s, error, sizeof error);
    seconds = progress_end(&progress);
    if (end != SIMULATION_DONE) {
        fprintf(stderr, "espnic run: %s\n", error);
        status = exit_status(end);
    } else {
        status = finish(r, s, &progress, seconds);
    }
    simulation_destroy(s);
    return status;
}

/* ---- the highest rate ------------------------------------------------------------------------------------ */

/* "loss=0", "loss=5%", "loss=0.001": parts per million. */
static bool parse_loss(const char *text, double *loss)
{
    char *end;

    if (strncmp(text, "loss=", 5) != 0) {
        return false;
    }
    *loss = strtod(text + 5, &end);
    if (end == text + 5) {
        return false;
    }
    if (*end == '%') {
        *loss /= 100;
        end++;
    }
    return *end == 0 && *loss >= 0 && *loss < 1;
}

/* Packets that the card or host lost for want of room or time; not those that had to be refused. */
static double capacity_loss(const struct run_results *r)
{
    static const char *const names[] = { "rx_overflow", "rx_no_descriptor", "host_backlog" };
    uint64_t lost = 0;
    uint64_t offered = r->rx.packets_in + r->tx.packets_in;

    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        for (unsigned i = 0; results_rx_drop_name(i); i++) {
            lost += strcmp(results_rx_drop_name(i), names[k]) ? 0 : r->rx_drop[i];
        }
        for (unsigned i = 0; results_tx_drop_name(i); i++) {
            lost += strcmp(results_tx_drop_name(i), names[k]) ? 0 : r->tx_drop[i];
        }
    }
    return offered ? (double)lost / (double)offered : 0;
}

static int try_rate(struct run_request *r, uint64_t bps, double *loss, struct progress *progress)
{
    struct simulation_options options = { .quiet = true, .progress = progress };
    char error[SIMULATION_ERROR];
    struct simulation *s;
    enum simulation_end end;

    snprintf(r->config.workload.load, sizeof r->config.workload.load, "%llubps",
             (unsigned long long)bps);
    s = simulation_create(&r->config, &options, error, sizeof error);
    end = s ? simulation_run(s, error, sizeof error) : SIMULATION_BAD_INPUT;
    if (end != SIMULATION_DONE) {
        progress_end(progress);
        fprintf(stderr, "espnic run: at %.3f Gb/s: %s\n", (double)bps / 1e9, error);
    } else {
        *loss = capacity_loss(simulation_results(s));
    }
    simulation_destroy(s);
    return exit_status(end);
}

/* Bisection over the rate that each direction is offered, to 1/1000 of the line rate. */
static int find_rate(struct run_request *r, double limit)
{
    uint64_t line = r->config.card.mac.rate;
    uint64_t low = 0;
    uint64_t high = line;
    struct progress progress;
    double loss = 0;
    int status;

    progress_start(&progress, "find", 0, 0);
    status = try_rate(r, line, &loss, &progress);
    if (status == EXIT_DONE && loss <= limit) {
        low = line;
    }
    while (status == EXIT_DONE && high - low > line / 1000) {
        uint64_t middle = low + (high - low) / 2;

        status = try_rate(r, middle, &loss, &progress);
        if (status == EXIT_DONE) {
            *(loss <= limit ? &low : &high) = middle;
        }
    }
    progress_end(&progress);
    if (status != EXIT_DONE) {
        return status;
    }
    if (!low) {
        fprintf(stderr, "espnic run: loss is above %g at every rate tried\n", limit);
        return EXIT_MODEL;
    }
    printf("highest rate with loss <= %g: %.3f Gb/s of wire bits in each direction that has input "
           "(line: %.3f Gb/s)\n\n",
           limit, (double)low / 1e9, (double)line / 1e9);
    snprintf(r->config.workload.load, sizeof r->config.workload.load, "%llubps",
             (unsigned long long)low);
    return run_once(r);
}

int cmd_run(int argc, char **argv)
{
    static struct run_request r;
    struct option_spec all[OPT_COUNT];
    struct options o;
    double loss = 0;
    int status;

    memcpy(all, run_options, sizeof run_options);
    memcpy(all + PARAMETER_OPTIONS, other_options, sizeof other_options);
    memset(&r, 0, sizeof r);
    r.experiments = 5;
    options_start(&o, "run", all, OPT_COUNT, argc, argv);
    status = read_options(&r, &o);
    if (status == OPTIONS_HELP) {
        return print_help(all);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (r.find && !parse_loss(r.find, &loss)) {
        return options_complain(&o, "--find: found \"%s\", expected loss=0 or loss=5%%", r.find);
    }
    if (!resolve(&r, &o)) {
        status = EXIT_USAGE;
    } else {
        status = r.find ? find_rate(&r, loss) : run_once(&r);
    }
    setting_list_free(&r.settings);
    scenario_free(&r.scenario);
    return status;
}
