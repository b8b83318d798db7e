#include "cli/run_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/synthesis.h"
#include "report/report.h"

const struct option_spec run_request_options[RUN_REQUEST_OPTIONS] = {
    { "preset", 0, "NAME", "card to simulate (espnic preset list)" },
    { "set", 0, "PATH=VALUE", "change a parameter: --set card.crypto.engines=2; may be repeated" },
    { "oids", 0, "FILE", "recording of SA control requests (.jsonl)" },
    { "tx", 0, "FILE", "capture of clear packets that the host sends; P:FILE by port P (0)" },
    { "rx", 0, "FILE", "capture of what arrives on the wire; P:FILE on that of port P (0)" },
    { "tx-filter", 0, "BPF", "take only these packets of --tx (libpcap syntax)" },
    { "rx-filter", 0, "BPF", "take only these packets of --rx" },
    { "pace", 0, "PACE", "of packets: recorded, a factor (2x: twice as fast) or a rate" },
    { "load", 0, "LOAD", "recorded, max (as fast as the card takes it) or a rate" },
    { "loop", 0, "N", "play the captures N times" },
    { "tx-sa", 0, "HANDLE", "outbound SA for clear packets that no selector takes" },
    { "forward", 0, "PATH", "send received packets on: host, hairpin (in the card) or none" },
    { "stop-time", 0, "TIME", "stop giving input at this simulated time" },
    { "packets", 0, "N", "stop after N packets" },
    { "warmup", 0, "TIME",
      "measure from this long after the first arrival: rates, loss, latencies" },
    { "timing-only", 0, NULL, "lengths only, no cryptography: the same cycles, sooner" },
    { "strict", 0, NULL, "a recording that breaks a rule of the interface is bad input" },
    { "skip-bad", 0, NULL, "count damaged records of recordings instead of stopping at them" },
    { "preload", 0, NULL, "SAs added at or before the first packet are there from the start" },
    { "no-preload", 0, NULL, "they are not" },
    { "ideal", 0, "BLOCK", "BLOCK takes no time and has no limit; may be repeated" },
    { "find", 0, "loss=X", "the highest rate that loses at most X: loss=0 (NDR), loss=5% (PDR)" },
    { "experiments", 0, "N", "runs that look for the bottleneck (5; 0: do not look)" },
    { "report", 'o', "FILE", "JSON report; - is stdout" },
    { "csv", 0, "FILE", "report as one line of CSV under its headings" },
    { "tx-out", 0, "FILE", "capture of what left on the wire, of all ports; P:FILE of port P" },
    { "rx-out", 0, "FILE",
      "capture of what the host received, from all ports; P:FILE from port P" },
    { "series", 0, "FILE", "CSV of counters, a line for every --interval" },
    { "interval", 0, "TIME", "of the series: 10us" },
    { "timeline", 0, "FILE", "trace events of blocks and packets, for ui.perfetto.dev" },
};

/* What an option sets: --tx F is --set workload.tx=F; --strict has a value of its own. */
static const struct {
    const char *path, *value; /* NULL path: the option's value is the assignment */
} targets[] = {
    { "preset", NULL },
    { NULL, NULL },
    { "workload.oids", NULL },
    { "workload.tx", NULL },
    { "workload.rx", NULL },
    { "workload.tx_filter", NULL },
    { "workload.rx_filter", NULL },
    { "workload.pace", NULL },
    { "workload.load", NULL },
    { "workload.loop", NULL },
    { "host.tx.sa", NULL },
    { "card.forward.path", NULL },
    { "stop.time", NULL },
    { "stop.packets", NULL },
    { "stop.warmup", NULL },
    { "workload.timing_only", "true" },
    { "workload.strict", "true" },
    { "workload.skip_bad", "true" },
    { "workload.preload", "on" },
    { "workload.preload", "off" },
};

static const char *const output_targets[] = {
    "outputs.report", "outputs.csv",      "outputs.tx_out",   "outputs.rx_out",
    "outputs.series", "outputs.interval", "outputs.timeline",
};

enum { OPT_IDEAL = sizeof targets / sizeof targets[0], OPT_FIND, OPT_EXPERIMENTS };
_Static_assert(OPT_EXPERIMENTS + 1 == RUN_REQUEST_INPUTS, "an option of a run has no meaning");
_Static_assert(RUN_REQUEST_INPUTS + sizeof output_targets / sizeof output_targets[0] ==
                   RUN_REQUEST_OPTIONS,
               "an output of a run has no parameter");

const char *run_request_target(const char *option)
{
    for (size_t i = 0; i < OPT_IDEAL; i++) {
        bool negative = targets[i].value && !strcmp(targets[i].value, "off");

        if (!strcmp(run_request_options[i].name, option) && !negative) {
            return targets[i].path;
        }
    }
    return NULL;
}

const char *run_request_value(const char *target, const char *value, char path[RUN_REQUEST_PATH])
{
    static const char *const of_ports[] = { "workload.tx", "workload.rx", "outputs.tx_out",
                                            "outputs.rx_out" };
    bool port = value[0] >= '0' && value[0] < '0' + NIC_MAX_PORTS && value[1] == ':';

    for (size_t i = 0; port && i < sizeof of_ports / sizeof of_ports[0]; i++) {
        if (!strcmp(target, of_ports[i])) {
            bool plain = value[0] == '0' && target[0] == 'w'; /* workload.rx is port 0's */

            snprintf(path, RUN_REQUEST_PATH, "%s%.*s", target, plain ? 0 : 1, value);
            return value + 2;
        }
    }
    snprintf(path, RUN_REQUEST_PATH, "%s", target);
    return value;
}

static void take_parameter(struct run_request *r, const char *option, const char *target,
                           const char *value)
{
    char path[RUN_REQUEST_PATH];

    if (target) {
        value = run_request_value(target, value, path);
    }
    setting_list_add(&r->settings, option, target ? path : NULL, value);
}

static int take_count(struct run_request *r, struct options *o)
{
    char *end;

    r->experiments = (unsigned)strtoul(o->value, &end, 10);
    if (*end || o->value[0] < '0' || o->value[0] > '9') {
        return options_complain(o, "--experiments: found \"%s\", expected a number", o->value);
    }
    return EXIT_DONE;
}

int run_request_take(struct run_request *r, struct options *o, int option)
{
    if (option == OPTIONS_POSITIONAL) {
        if (r->file) {
            return options_complain(o, "found a second scenario: \"%s\"", o->value);
        }
        r->file = o->value;
        return EXIT_DONE;
    }
    switch (option) {
    case OPT_IDEAL:
        if (r->ideals == RUN_REQUEST_IDEALS) {
            return options_complain(o, "--ideal: found more than %d, expected fewer",
                                    RUN_REQUEST_IDEALS);
        }
        r->ideal[r->ideals++] = o->value;
        return EXIT_DONE;
    case OPT_FIND: r->find = o->value; return EXIT_DONE;
    case OPT_EXPERIMENTS: return take_count(r, o);
    default: break;
    }
    if (option >= 0 && option < OPT_IDEAL) {
        take_parameter(r, run_request_options[option].name, targets[option].path,
                       targets[option].value ? targets[option].value : o->value);
    } else if (option >= RUN_REQUEST_INPUTS && option < RUN_REQUEST_OPTIONS) {
        take_parameter(r, run_request_options[option].name,
                       output_targets[option - RUN_REQUEST_INPUTS], o->value);
    }
    return EXIT_DONE;
}

bool run_request_resolve(struct run_request *r)
{
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    scenario_init(&r->scenario, groups, n, &r->config);
    return scenario_resolve(&r->scenario, r->file, r->settings.settings, r->settings.count) &&
           espnic_config_check(&r->scenario);
}

const char *run_request_ideal_names(char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "host");

    for (unsigned i = 0; nic_ideal_names[i] && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, ", %s", nic_ideal_names[i]);
    }
    return out;
}

bool run_request_idealise(const struct run_request *r, struct espnic_config *config, char *error,
                          size_t error_size)
{
    char names[512];

    for (unsigned i = 0; i < r->ideals; i++) {
        if (!bottleneck_idealise(config, r->ideal[i])) {
            snprintf(error, error_size, "--ideal: found \"%s\", expected one of: %s", r->ideal[i],
                     run_request_ideal_names(names, sizeof names));
            return false;
        }
    }
    return true;
}

/* A key that would be read and do nothing. */
static bool does_something(const struct espnic_config *config, char *error, size_t error_size)
{
    const struct faults_config *f = &config->faults;

    if (f->reset_hold != 0 && f->reset_at == 0) {
        snprintf(error, error_size,
                 "faults.reset.hold: found %" PRIu64
                 " ps without faults.reset.at, expected the time of the reset "
                 "as well",
                 f->reset_hold);
        return false;
    }
    if (config->stop.time != 0 && f->reset_at >= config->stop.time) {
        snprintf(error, error_size,
                 "faults.reset.at: found %" PRIu64 " ps, expected less than stop.time (%" PRIu64
                 " ps): it would never happen",
                 f->reset_at, config->stop.time);
        return false;
    }
    if (config->traffic.profile[0] != 0 && config->workload.preload == PRELOAD_OFF) {
        snprintf(
            error, error_size,
            "workload.preload: found off (--no-preload), expected auto or on: the SAs of traffic.profile are "
            "there before time starts");
        return false;
    }
    return true;
}

bool run_request_possible(struct espnic_config *config, char *error, size_t error_size)
{
    return nic_config_check(&config->card, error, error_size) &&
           host_config_check(&config->host, error, error_size) &&
           espnic_config_ports(config, error, error_size) &&
           does_something(config, error, error_size) &&
           synthesis_possible(config, error, error_size);
}

bool run_request_has_input(const struct espnic_config *config)
{
    const struct workload_config *w = &config->workload;
    bool any = w->oids[0] != 0 || config->traffic.profile[0] != 0;

    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        any = any || w->tx[p][0] || w->rx[p][0];
    }
    return any;
}

unsigned run_request_files(const struct run_request *r, const struct espnic_config *config,
                           const char *in[RUN_REQUEST_FILES])
{
    unsigned n = 0;

    in[n++] = r->file ? r->file : "";
    in[n++] = config->workload.oids;
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        in[n++] = config->workload.tx[p];
        in[n++] = config->workload.rx[p];
    }
    return n;
}

bool run_request_same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    if (!strcmp(a, b)) {
        return true;
    }
    return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

bool run_request_looks(const struct run_request *r, const struct simulation *finished)
{
    const struct run_work *work = &simulation_results(finished)->work;

    return r->experiments > 0 && (work->packets || work->requests);
}

void run_request_free(struct run_request *r)
{
    setting_list_free(&r->settings);
    if (r->scenario.texts) {
        scenario_free(&r->scenario);
    }
}

/* By record: the first RUN_MAX_VIOLATIONS of them. */
static json_t *violations_json(const struct simulation *s)
{
    unsigned n;
    const struct run_violation *v = simulation_violations(s, &n);
    json_t *all = json_array();

    for (unsigned i = 0; i < n; i++) {
        json_array_append_new(all, json_pack("{s:I, s:i, s:s}", "record", (json_int_t)v[i].record,
                                             "rule", (int)v[i].rule, "what", v[i].sentence));
    }
    return all;
}

void run_request_report(json_t *root, struct simulation *s, const struct bottleneck *b)
{
    struct stat_registry *registry = calloc(1, sizeof *registry);

    simulation_register_stats(s, registry);
    report_add_stats(root, registry);
    report_add(root, "inputs.violations", violations_json(s));
    report_add(root, "blocks", blocks_json(s));
    if (b) {
        report_add(root, "bottleneck", bottleneck_json(b));
    }
    free(registry);
}
