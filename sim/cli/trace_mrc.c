/* espnic trace mrc: how many SA contexts a cache must hold, read off a trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/mrc_report.h"
#include "cli/options.h"
#include "cli/pcie_sweep.h"
#include "cli/scenario.h"
#include "cli/settings.h"
#include "cli/trace.h"

enum mrc_option {
    OPT_OIDS,
    OPT_RX,
    OPT_TX,
    OPT_RX_FILTER,
    OPT_TX_FILTER,
    OPT_PRESET,
    OPT_SET,
    OPT_CONTEXT_BYTES,
    OPT_SIZES,
    OPT_SAMPLE,
    OPT_SAMPLE_SIZE,
    OPT_SEED,
    OPT_INTERVAL,
    OPT_ACTIVE,
    OPT_ACCESSES,
    OPT_TX_SA,
    OPT_SKIP_BAD,
    OPT_CSV,
    OPT_JSON,
    OPT_PLOT
};

static const struct option_spec mrc_options[] = {
    { "oids", 0, "FILE", "recording: which SAs there are, and when" },
    { "rx", 0, "FILE", "capture of what arrives on the wire" },
    { "tx", 0, "FILE", "capture of clear packets for the host to send" },
    { "rx-filter", 0, "BPF", "only packets that match (libpcap syntax)" },
    { "tx-filter", 0, "BPF", "the same for --tx" },
    { "preset", 0, "NAME", "size of a context, and which SAs are taken, from a card" },
    { "set", 0, "PATH=VALUE", "change a parameter of it: --set host.tx.tunnel_policy=latest" },
    { "context-bytes", 0, "N", "size of a context: 256, 1KiB; else card.sa.context" },
    { "sizes", 0, "LIST",
      "capacities to show, in SAs: all, 64,128,256 or FROM:STEP:TO or\nFROM:xFACTOR:TO" },
    { "sample", 0, "RATE", "follow only this share of the SAs: 0.01 or 1%" },
    { "sample-size", 0, "N", "follow at most so many SAs, exact until there are more" },
    { "seed", 0, "N", "chooses which (0)" },
    { "interval", 0, "TIME", "count the SAs that are active in each (1ms)" },
    { "active", 0, "FILE", "write these counts as CSV, a line for each interval with packets" },
    { "accesses", 0, "FILE",
      "write every use of an SA and every DELETE as CSV: time, rx, tx or\n"
      "delete, recorded handle" },
    { "tx-sa", 0, "HANDLE", "outbound SA for packets that no selector takes (host.tx.sa)" },
    { "skip-bad", 0, NULL, "count damaged records of recordings instead of stopping at them" },
    { "csv", 0, NULL, "the curve as CSV on stdout" },
    { "json", 0, NULL, "JSON on stdout, with the definition of every number" },
    { "plot", 0, "FILE", "write the curve as a gnuplot script too, and run it" },
};

enum { OPTION_COUNT = sizeof mrc_options / sizeof mrc_options[0] };

struct mrc_command {
    struct mrc_study_config study;
    struct espnic_config card;
    struct scenario scenario;
    uint64_t context; /* bytes, 0: the card's */
    struct setting_list settings;
    struct sweep_points sizes;
    bool all_sizes, csv, json;
    const char *plot;
};

static int print_help(void)
{
    puts(
        "usage: espnic trace mrc --oids FILE [--rx FILE] [--tx FILE] [OPTION...]\n"
        "\n"
        "Hit ratio against capacity: how often the context of a packet's SA would have been found\n"
        "in a cache, for every size at once, from one pass over a trace (miss-ratio curve). The\n"
        "SA of a packet is found as a card would find it: received packets by SPI, destination and\n"
        "protocol, sent ones by the host's choice among selectors, with what the recording has\n"
        "added and not deleted up to then. Packets that use no SA are counted by reason.\n"
        "\n"
        "The cache is fully associative and LRU, it holds one context for each SA (for AH with ESP\n"
        "one), and a DELETE empties its place. What sets, other replacement and time change is\n"
        "for a run: --set card.sa.storage=host-cache. With --rx and --tx there are three curves:\n"
        "one cache for both directions, and one for each.\n"
        "\n"
        "An exact curve takes a logarithm of the SAs for each packet. For huge ones --sample or\n"
        "--sample-size follow a part of them and show between which limits the truth lies.\n");
    options_help(mrc_options, OPTION_COUNT);
    puts(
        "\n"
        "examples:\n"
        "  espnic trace mrc --oids vpn.jsonl --rx wire.pcap --tx clear.pcap\n"
        "  espnic trace mrc --oids vpn.jsonl --rx wire.pcap --context-bytes 1KiB --sizes 64:x2:4096\n"
        "  espnic trace mrc --oids vpn.jsonl --rx wire.pcap --sample-size 8192 --plot curve.gp\n"
        "  espnic trace mrc --oids vpn.jsonl --rx wire.pcap --sizes all --csv > curve.csv\n"
        "  espnic trace mrc --oids vpn.jsonl --tx clear.pcap --preset cx7-like --json");
    return EXIT_DONE;
}

/* ---- the command line ----------------------------------------------------------------------------- */

/* "0.01" or "1%" */
static bool parse_rate(const char *text, double *rate)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789.%")] != '\0') {
        return false; /* no sign, no infinity, no other base */
    }
    *rate = strtod(text, &end);
    if (*end == '%') {
        *rate /= 100;
        end++;
    }
    return *end == '\0' && *rate > 0 && *rate <= 1;
}

static int take_number(struct options *o, const char *name, enum param_type type, uint64_t least,
                       uint64_t most, uint64_t *value)
{
    char error[256];

    if (!quantity_parse(type, o->value, value, error, sizeof error)) {
        return options_complain(o, "--%s: %s", name, error);
    }
    if (*value < least || *value > most) {
        return options_complain(o, "--%s: found \"%s\", expected %llu to %llu", name, o->value,
                                (unsigned long long)least, (unsigned long long)most);
    }
    return EXIT_DONE;
}

static int take_interval(struct mrc_command *c, struct options *o)
{
    uint64_t ps;
    int status = take_number(o, "interval", PARAM_TIME, 0, UINT64_MAX, &ps);

    if (status == EXIT_DONE && (ps < 1000 || ps % 1000 != 0)) {
        return options_complain(
            o, "--interval: found \"%s\", expected whole nanoseconds, 1 at least", o->value);
    }
    c->study.interval_ns = ps / 1000;
    return status;
}

static int take_sizes(struct mrc_command *c, struct options *o)
{
    char error[256];

    c->all_sizes = strcmp(o->value, "all") == 0;
    c->sizes.count = 0;
    if (!c->all_sizes && !sweep_parse(PARAM_U64, o->value, &c->sizes, error, sizeof error)) {
        return options_complain(o, "--sizes: %s", error);
    }
    for (size_t i = 1; i < c->sizes.count; i++) {
        if (c->sizes.value[i] <= c->sizes.value[i - 1]) {
            return options_complain(o, "--sizes: found \"%s\", expected rising numbers", o->value);
        }
    }
    return EXIT_DONE;
}

static int take_sampling(struct mrc_command *c, struct options *o, int option)
{
    uint64_t size = 0;
    int status;

    if (option == OPT_SAMPLE) {
        if (!parse_rate(o->value, &c->study.sampling.rate)) {
            return options_complain(
                o, "--sample: found \"%s\", expected a share above 0 up to 1, as 0.01 or 1%%",
                o->value);
        }
        return EXIT_DONE;
    }
    if (option == OPT_SEED) {
        return take_number(o, "seed", PARAM_U64, 0, UINT64_MAX, &c->study.sampling.seed);
    }
    status = take_number(o, "sample-size", PARAM_U64, 1, 1u << 30, &size);
    c->study.sampling.size = (uint32_t)size;
    return status;
}

/* A size of plain digits is bytes. */
static int take_context(struct mrc_command *c, struct options *o)
{
    bool plain = o->value[0] != '\0' && o->value[strspn(o->value, "0123456789")] == '\0';

    return take_number(o, "context-bytes", plain ? PARAM_U64 : PARAM_BYTES, 16, 1u << 20,
                       &c->context);
}

static int take_option(struct mrc_command *c, struct options *o, int option)
{
    switch (option) {
    case OPT_OIDS: c->study.oids = o->value; break;
    case OPT_RX: c->study.rx = o->value; break;
    case OPT_TX: c->study.tx = o->value; break;
    case OPT_RX_FILTER: c->study.rx_filter = o->value; break;
    case OPT_TX_FILTER: c->study.tx_filter = o->value; break;
    case OPT_PRESET: setting_list_add(&c->settings, "preset", "preset", o->value); break;
    case OPT_SET: setting_list_add(&c->settings, "set", NULL, o->value); break;
    case OPT_CONTEXT_BYTES: return take_context(c, o);
    case OPT_SIZES: return take_sizes(c, o);
    case OPT_SAMPLE:
    case OPT_SAMPLE_SIZE:
    case OPT_SEED: return take_sampling(c, o, option);
    case OPT_INTERVAL: return take_interval(c, o);
    case OPT_ACTIVE: c->study.active = o->value; break;
    case OPT_ACCESSES: c->study.accesses = o->value; break;
    case OPT_TX_SA: setting_list_add(&c->settings, "tx-sa", "host.tx.sa", o->value); break;
    case OPT_SKIP_BAD: c->study.skip_bad = true; break;
    case OPT_CSV: c->csv = true; break;
    case OPT_JSON: c->json = true; break;
    case OPT_PLOT: c->plot = o->value; break;
    default: return options_complain(o, "found one argument too many: \"%s\"", o->value);
    }
    return EXIT_DONE;
}

static int read_options(struct mrc_command *c, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        int status;

        if (option == OPTIONS_END) {
            break;
        }
        if (option == OPTIONS_ERROR || option == OPTIONS_HELP) {
            return option == OPTIONS_ERROR ? EXIT_USAGE : OPTIONS_HELP;
        }
        status = take_option(c, o, option);
        if (status != EXIT_DONE) {
            return status;
        }
    }
    if (c->study.oids == NULL) {
        return options_complain(o, "expected --oids FILE: the SAs of the packets");
    }
    if (c->study.rx == NULL && c->study.tx == NULL) {
        return options_complain(o, "expected --rx FILE, --tx FILE or both");
    }
    if ((c->study.rx_filter != NULL && c->study.rx == NULL) ||
        (c->study.tx_filter != NULL && c->study.tx == NULL)) {
        return options_complain(o, "found a filter without its capture, expected --rx or --tx too");
    }
    if (c->study.sampling.size != 0 && c->study.sampling.rate < 1) {
        return options_complain(o, "--sample and --sample-size: found both, expected one");
    }
    if (c->csv && c->json) {
        return options_complain(o, "--csv and --json: found both, expected one");
    }
    return EXIT_DONE;
}

/* ---- the study --------------------------------------------------------------------------------------- */

/* Which SAs the card takes, and what the host does with packets. False: scenario.error says why. */
static bool describe_card(struct mrc_command *c)
{
    struct nic_config *card = &c->card.card;
    char error[512];
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    scenario_init(&c->scenario, groups, n, &c->card);
    if (!scenario_resolve(&c->scenario, NULL, c->settings.settings, c->settings.count)) {
        return false;
    }
    if (!nic_config_check(card, error, sizeof error)) {
        char path[128];

        snprintf(path, sizeof path, "%.*s", (int)strcspn(error, ":"), error);
        snprintf(c->scenario.error, sizeof c->scenario.error, "%s: %s",
                 scenario_place(&c->scenario, path), error);
        return false;
    }
    c->study.finder = (struct finder_config){
        .can = card->capabilities,
        .packet_offload = card->general.offload == NIC_OFFLOAD_PACKET,
        .outbound_duplicates = card->table.outbound_duplicates,
        .any_tunnel = c->card.host.tx.tunnel_policy == HOST_TUNNEL_LATEST,
        .tx_sa = c->card.host.tx.sa,
    };
    return true;
}

/* Files in which there is nothing to study. */
static bool has_accesses(const struct mrc_study *s)
{
    const char *path[] = { s->config->rx, s->config->tx };
    const char *filter[] = { s->config->rx_filter, s->config->tx_filter };

    for (unsigned d = 0; d < MRC_DIRECTIONS; d++) {
        if (path[d] != NULL && s->packets[d].packets == 0) {
            fprintf(stderr, "espnic trace mrc: %s: found no packet%s, expected at least one\n",
                    path[d], filter[d] != NULL ? " that passes the filter" : "");
            return false;
        }
    }
    if (s->pool[0].n.accesses == 0) {
        fprintf(stderr,
                "espnic trace mrc: found no packet with an SA of %s, expected at least one\n",
                s->config->oids);
        return false;
    }
    return true;
}

static int print(struct mrc_command *c, const struct mrc_study *s)
{
    size_t count;
    uint64_t *own = mrc_report_sizes(s, c->all_sizes, &count);
    char from[SCENARIO_NAME + 64];
    struct mrc_report report = { .study = s,
                                 .context = c->context ? c->context : c->card.card.sa.context_bytes,
                                 .context_from = from,
                                 .preset =
                                     c->scenario.preset[0] != '\0' ? c->scenario.preset : NULL,
                                 .sizes = c->sizes.count != 0 ? c->sizes.value : own,
                                 .size_count = c->sizes.count != 0 ? c->sizes.count : count };
    int status = EXIT_DONE;

    if (c->context) {
        snprintf(from, sizeof from, "--context-bytes");
    } else {
        snprintf(from, sizeof from, "card.sa.context: %s",
                 scenario_place(&c->scenario, "card.sa.context"));
    }
    if (c->json) {
        status = mrc_report_json(&report, stdout) ? EXIT_DONE : EXIT_USAGE;
    } else if (c->csv) {
        mrc_report_csv(&report, stdout);
    } else {
        mrc_report_text(&report, stdout);
    }
    if (status == EXIT_DONE && c->plot != NULL) {
        status = mrc_report_plot(&report, c->plot);
    }
    free(own);
    return status;
}

static int run(struct mrc_command *c)
{
    char error[1024] = "";
    struct progress progress;
    struct mrc_study *s;
    int status = EXIT_USAGE;

    if (!describe_card(c)) {
        fprintf(stderr, "espnic trace mrc: %s\n", c->scenario.error);
        scenario_free(&c->scenario);
        return EXIT_USAGE;
    }
    progress_start(&progress, "trace mrc", 0, 0);
    s = mrc_study_run(&c->study, &progress, error, sizeof error);
    progress_end(&progress);
    if (s == NULL) {
        fprintf(stderr, "espnic trace mrc: %s\n", error);
    } else if (has_accesses(s)) {
        status = print(c, s);
    }
    mrc_study_free(s);
    scenario_free(&c->scenario);
    return status;
}

int trace_mrc(int argc, char **argv)
{
    static struct mrc_command c;
    struct options o;
    int status;

    memset(&c, 0, sizeof c);
    c.study.sampling.rate = 1;
    c.study.interval_ns = 1000000;
    options_start(&o, "trace mrc", mrc_options, OPTION_COUNT, argc, argv);
    status = read_options(&c, &o);
    if (status == OPTIONS_HELP) {
        status = print_help();
    } else if (status == EXIT_DONE) {
        status = run(&c);
    }
    setting_list_free(&c.settings);
    return status;
}
