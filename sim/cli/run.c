/* espnic run: a recording and captures in; throughput, latency and SA churn out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/churn.h"
#include "cli/commands.h"
#include "cli/find.h"
#include "cli/results.h"
#include "cli/run_request.h"
#include "cli/run_text.h"
#include "report/report.h"
#include "report/text.h"

static int print_help(void)
{
    char names[512];

    puts(
        "usage: espnic run [SCENARIO.yaml] [OPTION...]\n"
        "\n"
        "Simulates one card. Inputs are a recording of SA control requests, clear packets to send and\n"
        "packets from the wire, each optional. Prints throughput, latency and SA churn, and the block\n"
        "that limits them; --report gives every number with its definition.\n");
    options_help(run_request_options, RUN_REQUEST_OPTIONS);
    puts("\nBLOCK is one of:");
    text_wrap(stdout, run_request_ideal_names(names, sizeof names), 0, 0, TEXT_WIDTH);
    puts(
        "\n"
        "After a --warmup, loss and latencies (and what --find looks at) are of the packets that were inside at\n"
        "the begin of the measured phase or came in since, to the end of the run; JSON reports have their counts\n"
        "under measured, and those of the whole run where they always are.\n"
        "\n"
        "examples:\n"
        "  espnic run traces/samples/vpn-gateway.yaml\n"
        "  espnic run --preset generic-100g --oids sas.jsonl --rx wire.pcap --rx-out clear.pcap\n"
        "  espnic run vpn.yaml --load max --set card.crypto.engines=2 -o report.json\n"
        "  espnic run vpn.yaml --find loss=0\n"
        "  espnic run vpn.yaml --load max --ideal crypto");
    return EXIT_DONE;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static int read_options(struct run_request *r, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        int status;

        if (option == OPTIONS_END) {
            return EXIT_DONE;
        }
        if (option == OPTIONS_ERROR) {
            return EXIT_USAGE;
        }
        if (option == OPTIONS_HELP) {
            return OPTIONS_HELP;
        }
        status = run_request_take(r, o, option);
        if (status != EXIT_DONE) {
            return status;
        }
    }
}

enum { MOST_OUTPUTS = 6 + 2 * NIC_MAX_PORTS };

static unsigned outputs_of(const struct run_request *r, const char *out[MOST_OUTPUTS])
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
    const char *in[RUN_REQUEST_FILES];
    const char *out[MOST_OUTPUTS];
    unsigned ins = run_request_files(r, &r->config, in);
    unsigned outs = outputs_of(r, out);

    for (unsigned i = 0; i < outs; i++) {
        for (unsigned k = 0; k < ins && out[i][0]; k++) {
            if (in[k][0] && run_request_same_file(out[i], in[k])) {
                options_complain(o, "\"%s\" is an input and cannot be written", out[i]);
                return false;
            }
        }
        for (unsigned k = 0; k < i && out[i][0]; k++) {
            if (out[k][0] && run_request_same_file(out[i], out[k])) {
                options_complain(o, "\"%s\" is named for two outputs", out[i]);
                return false;
            }
        }
    }
    return true;
}

static bool resolve(struct run_request *r, struct options *o)
{
    char error[1024];

    if (!run_request_resolve(r)) {
        fprintf(stderr, "espnic run: %s\n", r->scenario.error);
        return false;
    }
    if (!run_request_idealise(r, &r->config, error, sizeof error)) {
        options_complain(o, "%s", error);
        return false;
    }
    if (!run_request_possible(&r->config, error, sizeof error)) {
        char path[128];
        size_t length = strcspn(error, ":");

        snprintf(path, sizeof path, "%.*s", (int)(length < 127 ? length : 127), error);
        fprintf(stderr, "espnic run: %s: %s\n", scenario_place(&r->scenario, path), error);
        return false;
    }
    if (!run_request_has_input(&r->config)) {
        options_complain(o, "nothing to do: give a scenario, or --oids, --tx or --rx");
        return false;
    }
    return check_files(r, o);
}

/* ---- one run and its report ---------------------------------------------------------------------------- */

/* What --find found, for reports. */
struct found {
    double limit;
    uint64_t bps; /* 0: not looked for */
};

static bool write_csv(struct simulation *s, const char *path)
{
    struct stat_registry *registry = calloc(1, sizeof *registry);
    FILE *f = fopen(path, "w");
    bool ok = f && registry;

    if (ok) {
        simulation_register_stats(s, registry);
        report_write_csv(registry, f);
    }
    ok = f && fclose(f) == 0 && ok;
    free(registry);
    return ok;
}

static bool write_reports(struct run_request *r, struct simulation *s, const struct bottleneck *b,
                          const struct found *found, char *error, size_t error_size)
{
    const struct outputs_config *o = &r->config.outputs;
    bool ok = true;

    if (o->report[0]) {
        json_t *root = json_object();

        report_add(root, "config",
                   report_config(r->scenario.groups, r->scenario.group_count, &r->config,
                                 r->scenario.notes));
        run_request_report(root, s, b);
        if (found->bps) {
            report_add(root, "find", find_json(found->limit, found->bps));
        }
        ok = report_save_json(root, o->report, error, error_size);
        json_decref(root);
    }
    if (ok && o->csv[0] && !write_csv(s, o->csv)) {
        snprintf(error, error_size, "%s: cannot be written", o->csv);
        ok = false;
    }
    return ok;
}

static int exit_status(enum simulation_end end)
{
    return end == SIMULATION_DONE          ? EXIT_DONE
           : end == SIMULATION_MODEL_ERROR ? EXIT_MODEL
                                           : EXIT_USAGE;
}

/* Why there is no report; the exit status. */
static int complain(struct run_request *r, enum simulation_end end, const char *error)
{
    fputs("espnic run: ", stderr);
    if (end == SIMULATION_NOT_MEASURED) {
        fprintf(stderr, "%s: stop.warmup: ", scenario_place(&r->scenario, "stop.warmup"));
    }
    fprintf(stderr, "%s\n", error);
    return exit_status(end);
}

static uint64_t expected_packets(const struct run_request *r)
{
    return r->config.stop.packets;
}

static int finish(struct run_request *r, struct simulation *s, const struct found *found,
                  struct progress *progress, double seconds)
{
    struct bottleneck b;
    char error[SIMULATION_ERROR];
    bool look = run_request_looks(r, s);

    if (look) {
        progress_start(progress, "bottleneck", 0, 0);
        look = bottleneck_find(&b, &r->config, s, r->experiments, 0, progress, error, sizeof error);
        progress_end(progress);
        if (!look) {
            fprintf(stderr, "espnic run: looking for the bottleneck: %s\n", error);
            return EXIT_MODEL;
        }
        if (churn_matters(&r->config, s)) {
            progress_start(progress, "churn", 0, 0);
            look = churn_compare(&r->config, s, progress, error, sizeof error);
            progress_end(progress);
            if (!look) {
                fprintf(stderr, "espnic run: looking for the cost of churn: %s\n", error);
                return EXIT_MODEL;
            }
        }
    }
    if (!write_reports(r, s, look ? &b : NULL, found, error, sizeof error)) {
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

/* Frames from the wire cannot come faster than it: more than that is offered to TX only. */
static void note_line_rate(struct run_request *r)
{
    const struct workload_config *w = &r->config.workload;
    bool load = strcmp(w->load, "recorded") != 0;
    const char *path = load ? "workload.load" : "workload.pace";
    bool comes = r->config.traffic.profile[0] != 0;
    uint64_t line = r->config.card.mac.rate;
    struct offer offer;
    char error[256];

    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        comes = comes || w->rx[p][0];
    }
    if (comes && offer_parse(load ? w->load : w->pace, &offer, error, sizeof error) &&
        offer.kind == OFFER_RATE && offer.bps > line &&
        !strstr(r->config.card.general.ideal, "wire")) {
        fprintf(
            stderr,
            "espnic run: %s: %s: note: %.3f Gb/s is above the line rate (card.mac.rate, %.3f Gb/s): RX is offered "
            "the line rate\n",
            scenario_place(&r->scenario, path), path, (double)offer.bps / 1e9, (double)line / 1e9);
    }
}

static int run_once(struct run_request *r, const struct found *found)
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
        status = complain(r, end, error);
    } else {
        status = finish(r, s, found, &progress, seconds);
    }
    simulation_destroy(s);
    return status;
}

/* ---- the highest rate ------------------------------------------------------------------------------------ */

static int run_at_highest_rate(struct run_request *r, double limit)
{
    struct found found = { .limit = limit };
    char error[SIMULATION_ERROR];
    struct progress progress;
    enum simulation_end end;

    progress_start(&progress, "find", 0, 0);
    end = find_rate(&r->config, NULL, limit, &progress, &found.bps, error, sizeof error);
    progress_end(&progress);
    if (end != SIMULATION_DONE) {
        return complain(r, end, error);
    }
    if (strcmp(r->config.outputs.report, "-") != 0) {
        printf(
            "highest rate with loss <= %g: %.3f Gb/s of wire bits in each direction that has input "
            "(line: %.3f Gb/s); lost are only",
            limit, (double)found.bps / 1e9, (double)r->config.card.mac.rate / 1e9);
        for (unsigned i = 0; results_capacity_drop(i); i++) {
            printf("%s %s", i ? "," : "", results_capacity_drop(i));
        }
        puts("\n");
    }
    find_set_load(&r->config, found.bps);
    return run_once(r, &found);
}

int cmd_run(int argc, char **argv)
{
    static struct run_request r;
    static const struct found nothing;
    struct options o;
    double loss = 0;
    int status;

    memset(&r, 0, sizeof r);
    r.experiments = 5;
    options_start(&o, "run", run_request_options, RUN_REQUEST_OPTIONS, argc, argv);
    status = read_options(&r, &o);
    if (status == OPTIONS_HELP) {
        return print_help();
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (r.find && !find_parse_loss(r.find, &loss)) {
        return options_complain(&o, "--find: found \"%s\", expected loss=0 or loss=5%%", r.find);
    }
    if (!resolve(&r, &o)) {
        status = EXIT_USAGE;
    } else {
        if (!r.find) {
            note_line_rate(&r);
        }
        status = r.find ? run_at_highest_rate(&r, loss) : run_once(&r, &nothing);
    }
    run_request_free(&r);
    return status;
}
