/* espnic cosim BLOCK: the C block and its RTL get the same inputs in every cycle, and must show the same outputs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/cosim.h"
#include "cli/cosim_garbage.h"
#include "cli/cosim_pair.h"
#include "cli/options.h"
#include "cli/run_request.h"
#include "engine/nearest.h"

static const struct cosim_block blocks[] = {
    { &nic_solo_esn_replay, &cosim_replay_stimulus, NULL },
    { &nic_solo_esn_sequence, &cosim_sequence_stimulus, NULL },
    { &nic_solo_aes_gcm, &cosim_gcm_stimulus, NULL },
    { &nic_solo_esp_tx, &cosim_tx_stimulus, &cosim_tx_garbage },
    { &nic_solo_esp_rx, &cosim_rx_stimulus, &cosim_rx_garbage },
    { &nic_solo_sa_table, &cosim_table_stimulus, &cosim_table_garbage },
    { &nic_solo_csr, &cosim_csr_stimulus, &cosim_csr_garbage },
    { &nic_solo_ipsec_top, &cosim_top_stimulus, &cosim_top_garbage },
};

enum { BLOCK_COUNT = sizeof blocks / sizeof *blocks };
enum { MAX_PARAMS = 64, WAVE_BEFORE = 100, WAVE_AFTER = 10 };

enum option {
    CYCLES,
    SEED,
    PARAM,
    GARBAGE,
    WAVE,
    PINS,
    RTL,
    COVERAGE,
    OIDS,
    RX,
    TX,
    RX_OUT,
    TX_OUT,
    LIST
};

static const struct option_spec specs[] = {
    [CYCLES] = { "cycles", 'c', "N", "clock cycles; 100000 without" },
    [SEED] = { "seed", 's', "S", "of the random traffic; 1 without" },
    [PARAM] = { "param", 'p', "K=V", "a parameter of the block; as often as you like" },
    [GARBAGE] = { "garbage", 'g', "CYCLES",
                  "esp_tx, esp_rx, sa_table, csr, top: garbage for so many cycles,\nthen correct traffic, of which everything has to come out" },
    [WAVE] = { "wave", 'w', "FILE",
               "waveform (VCD) of the RTL around the first difference, or of the last\ncycles if there is none" },
    [PINS] = { "pins", 0, "FILE",
               "what goes in and comes out, a line a cycle in hexadecimal: for the RTL\nin another simulator (rtl_models/README.md)" },
    [RTL] = { "rtl", 0, "DIR",
              "other RTL with the same pins, your own for instance; what is not in\nit is taken from espnic's" },
    [COVERAGE] = { "coverage", 0, "FILE",
                   "what the run has reached in the RTL (for verilator_coverage)" },
    [OIDS] = { "oids", 0, "FILE",
               "top: the SAs of this recording, and not random traffic but\nthe packets of --rx and --tx, until all are through" },
    [RX] = { "rx", 0, "FILE", "top: a capture of what arrives on the wire" },
    [TX] = { "tx", 0, "FILE", "top: a capture of what the host sends in clear" },
    [RX_OUT] = { "rx-out", 0, "FILE", "top: what the RTL gives to the host, as a pcap" },
    [TX_OUT] = { "tx-out", 0, "FILE", "top: what the RTL puts on the wire" },
    [LIST] = { "list", 'l', NULL, "blocks and their parameters" },
};

enum { SPECS = sizeof specs / sizeof *specs };

struct request {
    const struct cosim_block *what;
    uint64_t cycles, garbage, seed; /* cycles, garbage 0: not given */
    const char
        *text[SPECS]; /* of the options whose values are taken as they are; NULL: not given */
    const char *param[MAX_PARAMS]; /* as given */
    unsigned params;
    struct cosim_files_request files;
    char config[NIC_SOLO_MAX_CONFIG];
    uint32_t value[MAX_PARAMS]; /* of the block's parameters */
};

/* ---- help ------------------------------------------------------------------------------------------ */

static void print_blocks(void)
{
    for (unsigned b = 0; b < BLOCK_COUNT; b++) {
        const struct nic_solo_block *block = blocks[b].block;

        printf("%s: %s\n", block->name, block->title);
        for (uint32_t i = 0; i < block->param_count; i++) {
            const struct nic_solo_param *p = &block->params[i];

            printf("  %-16s %u (%u to %u): %s%s%s\n", p->name, p->value, p->least, p->most,
                   p->description, p->path ? "; " : "", p->path ? p->path : "");
        }
    }
}

static void print_help(void)
{
    puts(
        "usage: espnic cosim BLOCK [OPTION...]\n"
        "\n"
        "Run a block of the card in C and its RTL (rtl_models, through Verilator) side by side on random traffic, and\n"
        "compare every output in every cycle. The first difference is shown with the cycle, the signal, both values and\n"
        "what happened just before; the exit status is then 1. A run that did not reach the hard cases (back-pressure,\n"
        "hazards, refused packets...) often enough says so and fails too.\n"
        "\n"
        "With --oids and --rx or --tx the traffic is what real captures have in them. What the RTL does not do is left out of\n"
        "both and counted: requests that are no ADD; SAs that are not one ESP with AES-GCM or AES-GMAC (received), that are\n"
        "received for any destination or with a selector, sent over UDP, or have a hard lifetime; frames with headers that it\n"
        "does not follow. Frames that are too long or cut are counted, too, and then the run fails; so it does if no frame of\n"
        "a capture has met an SA.\n"
        "\n"
        "blocks:");
    for (unsigned b = 0; b < BLOCK_COUNT; b++) {
        printf("  %-14s %s\n", blocks[b].block->name, blocks[b].block->title);
    }
    puts("\noptions:");
    options_help(specs, SPECS);
    puts(
        "\n"
        "Parameters are those of the RTL; where the card has the same one, it is set alike. --list shows them.\n"
        "The RTL is made once for each set of parameters (Debian packages verilator and g++) and kept in\n"
        "ESPNIC_RTL_CACHE, or in ~/.cache/espnic.\n"
        "\n"
        "Exit status: 0 no difference; 1 a difference, a failed assertion, or a run that did not reach what it is for; 2 what\n"
        "could not be run or written.\n"
        "\n"
        "examples:\n"
        "  espnic cosim esn_replay\n"
        "  espnic cosim esn_replay --param RMW=4 --param WINDOW=1024 --cycles 10000000 --seed 7\n"
        "  espnic cosim top --oids two.jsonl --rx esp.pcap --rx-out host.pcap");
}

/* ---- arguments --------------------------------------------------------------------------------------- */

static bool read_number(const struct options *o, const char *name, uint64_t *to)
{
    char *end;

    errno = 0;
    *to = strtoull(o->value, &end, 10);
    if (*o->value < '0' || *o->value > '9' || *end || *to == 0 || errno) {
        options_complain(o, "--%s: found \"%s\", expected a number from 1 to %llu", name, o->value,
                         (unsigned long long)UINT64_MAX);
        return false;
    }
    return true;
}

static bool find_block(const struct options *o, const char *name, const struct cosim_block **found)
{
    const char *near = NULL;
    unsigned distance = 0;
    char shown[64];

    name = strcmp(name, "top") == 0 ? nic_solo_ipsec_top.name : name;
    for (unsigned b = 0; b < BLOCK_COUNT; b++) {
        if (strcmp(blocks[b].block->name, name) == 0) {
            *found = &blocks[b];
            return true;
        }
        nearest_offer(name, blocks[b].block->name, &near, &distance);
    }
    options_complain(o, "no block \"%s\"%s%s", nearest_shown(name, shown),
                     near && nearest_plausible(name, distance) ? ", did you mean " : "",
                     near && nearest_plausible(name, distance) ? near : "");
    return false;
}

/* Is the parameter one that has to be a power of two? */
static bool wants_power(const struct nic_solo_block *b, const struct nic_solo_param *p)
{
    return b->power_of_two && strcmp(b->power_of_two, p->name) == 0;
}

static bool set_param(const struct options *o, struct request *r, const char *text)
{
    const struct nic_solo_block *b = r->what->block;
    const char *equal = strchr(text, '=');
    char *end;
    unsigned long value = equal ? strtoul(equal + 1, &end, 10) : 0;

    if (!equal || equal[1] < '0' || equal[1] > '9' || *end) {
        options_complain(o, "--param: found \"%s\", expected NAME=NUMBER", text);
        return false;
    }
    for (uint32_t i = 0; i < b->param_count; i++) {
        const struct nic_solo_param *p = &b->params[i];

        if (strlen(p->name) != (size_t)(equal - text) ||
            strncmp(p->name, text, strlen(p->name)) != 0) {
            continue;
        }
        if (value < p->least || value > p->most ||
            (wants_power(b, p) && (value & (value - 1)) != 0)) {
            options_complain(o, "--param %s: found %s, expected %s%u to %u (%s)", p->name,
                             equal + 1, wants_power(b, p) ? "a power of two from " : "", p->least,
                             p->most, p->description);
            return false;
        }
        r->value[i] = (uint32_t)value;
        return true;
    }
    options_complain(o, "--param: %s has no parameter \"%.*s\" (espnic cosim --list)", b->name,
                     (int)(equal - text), text);
    return false;
}

/* The values of the parameters, and all of them by name in the order of the table. */
static bool set_params(const struct options *o, struct request *r)
{
    const struct nic_solo_block *b = r->what->block;
    size_t used = 0;

    for (uint32_t i = 0; i < b->param_count; i++) {
        r->value[i] = b->params[i].value;
    }
    for (unsigned i = 0; i < r->params; i++) {
        if (!set_param(o, r, r->param[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < b->param_count && used < sizeof r->config; i++) {
        used += (size_t)snprintf(r->config + used, sizeof r->config - used, "%s%s=%u", i ? " " : "",
                                 b->params[i].name, r->value[i]);
    }
    if (used >= sizeof r->config) {
        options_complain(o, "internal error: the parameters of %s are longer than %zu characters",
                         b->name, sizeof r->config - 1);
    }
    return used < sizeof r->config;
}

/* An option or a block. False: it has been complained of. */
static bool take_option(const struct options *o, struct request *r, int which)
{
    switch (which) {
    case OPTIONS_POSITIONAL:
        if (r->what) {
            options_complain(o, "one block at a time; found \"%s\" too", o->value);
            return false;
        }
        return find_block(o, o->value, &r->what);
    case CYCLES: return read_number(o, "cycles", &r->cycles);
    case SEED: return read_number(o, "seed", &r->seed);
    case GARBAGE: return read_number(o, "garbage", &r->garbage);
    case PARAM:
        if (r->params == MAX_PARAMS) {
            options_complain(o, "more than %d parameters", MAX_PARAMS);
            return false;
        }
        r->param[r->params++] = o->value;
        return true;
    default: r->text[which] = o->value; return true;
    }
}

/* Captures: for the whole datapath, with the SAs of their packets, and something to send or to receive. */
static bool check_captures(const struct options *o, struct request *r)
{
    const char *const *t = r->text;

    if ((t[OIDS] || t[RX] || t[TX] || t[RX_OUT] || t[TX_OUT]) &&
        r->what->block != &nic_solo_ipsec_top) {
        options_complain(o, "--oids, --rx and --tx are for the block top");
    } else if ((t[RX_OUT] && !t[RX]) || (t[TX_OUT] && !t[TX])) {
        options_complain(o, "--rx-out wants --rx, --tx-out wants --tx");
    } else if (t[OIDS] && !t[RX] && !t[TX]) {
        options_complain(o, "--oids wants a capture: --rx or --tx");
    } else if (!t[OIDS] && (t[RX] || t[TX])) {
        options_complain(o, "--rx and --tx want --oids, a recording with the SAs of their packets");
    } else {
        r->files = (struct cosim_files_request){
            .oids = t[OIDS], .rx = t[RX], .tx = t[TX], .rx_out = t[RX_OUT], .tx_out = t[TX_OUT]
        };
        return true;
    }
    return false;
}

/* Garbage says itself how long the run is. */
static bool check_garbage(const struct options *o, struct request *r)
{
    if (!r->garbage) {
        return true;
    }
    if (!r->what->garbage) {
        options_complain(o, "--garbage: there is none for %s", r->what->block->name);
    } else if (r->cycles || r->files.oids) {
        options_complain(o, "--garbage is alone: without --cycles, --oids, --rx and --tx");
    } else if (r->garbage > COSIM_MAX_GARBAGE) {
        options_complain(o, "--garbage: found %llu, expected up to %u",
                         (unsigned long long)r->garbage, COSIM_MAX_GARBAGE);
    } else {
        r->cycles = r->garbage + COSIM_AFTER;
        return true;
    }
    return false;
}

/* Recordings and garbage put SAs where the pins say, of which a table of its own knows nothing. */
static bool check_table(const struct options *o, const struct request *r)
{
    if ((!r->garbage && !r->files.oids) || !strstr(r->config, "SA_TABLE=1")) {
        return true;
    }
    options_complain(o, "--param SA_TABLE: found 1, expected 0 with %s",
                     r->garbage ? "--garbage" : "--oids");
    return false;
}

static bool check_output(const struct options *o, const struct request *r, enum option which)
{
    static const enum option inputs[] = { OIDS, RX, TX };
    static const enum option outputs[] = { WAVE, PINS, COVERAGE, RX_OUT, TX_OUT };
    const char *out = r->text[which];

    if (strcmp(out, "-") == 0) {
        options_complain(o, "--%s: the standard output is for the result", specs[which].name);
        return false;
    }
    for (unsigned i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (r->text[inputs[i]] && run_request_same_file(out, r->text[inputs[i]])) {
            options_complain(o, "\"%s\" is an input and cannot be written", out);
            return false;
        }
    }
    for (unsigned i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        if (outputs[i] < which && r->text[outputs[i]] &&
            run_request_same_file(out, r->text[outputs[i]])) {
            options_complain(o, "\"%s\" is named for two outputs", out);
            return false;
        }
    }
    return true;
}

/* The waveform and the coverage come at the very end: whether they can be written is better known before. */
static bool can_write(const char *path)
{
    FILE *f = fopen(path, "ab");

    if (!f) {
        fprintf(stderr, "espnic cosim: cannot write \"%s\": %s\n", path, strerror(errno));
        return false;
    }
    fclose(f);
    return true;
}

static bool check_files(const struct options *o, struct request *r)
{
    static const enum option outputs[] = { WAVE, PINS, COVERAGE, RX_OUT, TX_OUT };
    static const enum option inputs[] = { OIDS, RX, TX };

    for (unsigned i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        if (r->text[outputs[i]] && !check_output(o, r, outputs[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (r->text[WAVE] && r->text[inputs[i]] && strcmp(r->text[inputs[i]], "-") == 0) {
            options_complain(o, "--wave reads --%s twice: not from the standard input",
                             specs[inputs[i]].name);
            return false;
        }
    }
    return (!r->text[WAVE] || can_write(r->text[WAVE])) &&
           (!r->text[COVERAGE] || can_write(r->text[COVERAGE]));
}

/* EXIT_DONE with r->what NULL: there is nothing to run. */
static int read_arguments(struct request *r, int argc, char **argv)
{
    struct options o;
    int which;

    *r = (struct request){ .seed = 1 };
    options_start(&o, "cosim", specs, SPECS, argc, argv);
    while ((which = options_next(&o)) != OPTIONS_END) {
        if (which == OPTIONS_HELP || which == LIST) {
            which == LIST ? print_blocks() : print_help();
            r->what = NULL;
            return EXIT_DONE;
        }
        if (which == OPTIONS_ERROR || !take_option(&o, r, which)) {
            return EXIT_USAGE;
        }
    }
    if (!r->what) {
        return options_complain(&o, "which block? (espnic cosim --list)");
    }
    if (!check_captures(&o, r) || !check_garbage(&o, r) || !set_params(&o, r) ||
        !check_table(&o, r) || !check_files(&o, r)) {
        return EXIT_USAGE;
    }
    if (r->cycles == 0) {
        r->cycles = r->files.oids ? UINT64_MAX : 100000;
    }
    return EXIT_DONE;
}

/* ---- the run ------------------------------------------------------------------------------------------- */

static struct cosim_rtl_request rtl_request(const struct request *r)
{
    return (struct cosim_rtl_request){ .block = r->what->block->name,
                                       .config = r->config,
                                       .folder = r->text[RTL],
                                       .form = COSIM_RTL_CHECKED };
}

static struct cosim_pair_request pair_request(const struct request *r, bool outputs)
{
    return (struct cosim_pair_request){ .what = r->what,
                                        .config = r->config,
                                        .seed = r->seed,
                                        .garbage = r->garbage,
                                        .files = r->files.oids ? &r->files : NULL,
                                        .outputs = outputs,
                                        .pins = outputs ? r->text[PINS] : NULL };
}

/* The same run again, which has ended so, drawn from shortly before its end on; after a difference the RTL goes on by itself
 * for some cycles. */
static bool draw_pair(struct cosim_pair *pair, const char *file, uint64_t cycles,
                      enum cosim_end end)
{
    cosim_pair_compare(pair, cycles > WAVE_BEFORE ? cycles - WAVE_BEFORE : 0);
    if (!cosim_pair_wave(pair, file)) {
        fprintf(stderr, "espnic cosim: cannot write the waveform \"%s\"\n", file);
        return false;
    }
    cosim_pair_compare(pair, cycles);
    if (cosim_pair_cycles(pair) != cycles) {
        fprintf(stderr,
                "espnic cosim: with waveforms the RTL goes another way, from cycle %llu on\n",
                (unsigned long long)cosim_pair_cycles(pair));
        return false;
    }
    if (end != COSIM_SAME) {
        cosim_pair_alone(pair, WAVE_AFTER);
    }
    cosim_pair_wave(pair, NULL);
    return true;
}

static bool draw(const struct request *r, uint64_t cycles, enum cosim_end end)
{
    const struct cosim_pair_request again = pair_request(r, false);
    struct cosim_rtl_request with = rtl_request(r);
    struct cosim_rtl rtl;
    struct cosim_pair *pair = NULL;
    bool ok;

    with.wave = true;
    ok = cosim_rtl_open(&rtl, &with) == COSIM_RTL_OK && (pair = cosim_pair_open(&again)) != NULL &&
         cosim_pair_open_rtl(pair, rtl.ops) && draw_pair(pair, r->text[WAVE], cycles, end);
    cosim_pair_close(pair);
    cosim_rtl_close(&rtl);
    return ok;
}

/* Perhaps to another file system. */
static bool copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    FILE *out = in ? fopen(to, "wb") : NULL;
    char buffer[65536];
    bool ok = out != NULL;
    size_t n;

    while (ok && (n = fread(buffer, 1, sizeof buffer, in)) > 0) {
        ok = fwrite(buffer, 1, n, out) == n;
    }
    ok = ok && !ferror(in);
    if (out) {
        ok = fclose(out) == 0 && ok;
    }
    if (in) {
        fclose(in);
    }
    return ok;
}

static bool keep_coverage(const char *to)
{
    errno = 0;
    if (copy_file(cosim_rtl_coverage(), to)) {
        return true;
    }
    fprintf(stderr, "espnic cosim: cannot write \"%s\": %s\n", to, strerror(errno));
    return false;
}

/* What has come of it, and the exit status for that. */
static int tell(const struct request *r, struct cosim_pair *pair, enum cosim_end end)
{
    bool written = cosim_pair_finish(pair);

    switch (end) {
    case COSIM_SAME:
        printf("%s: %llu cycles, no difference (%s, seed %llu)\n", r->what->block->name,
               (unsigned long long)cosim_pair_cycles(pair), r->config, (unsigned long long)r->seed);
        return !cosim_pair_enough(pair) ? EXIT_MODEL : written ? EXIT_DONE : EXIT_USAGE;
    case COSIM_DIFFERENT:
    case COSIM_ASSERTION: cosim_pair_explain(pair, end); return EXIT_MODEL;
    case COSIM_DAMAGED: break;
    }
    fprintf(stderr, "espnic cosim: %s\n", cosim_pair_damage(pair));
    return EXIT_USAGE;
}

/* All of it, once both are there. */
static int run_pair(const struct request *r, struct cosim_pair *pair)
{
    enum cosim_end end = cosim_pair_compare(pair, r->cycles);
    uint64_t cycles = cosim_pair_cycles(pair);
    int status = tell(r, pair, end);

    cosim_pair_close(pair);
    if (r->text[WAVE] && end != COSIM_DAMAGED && !draw(r, cycles, end) && status == EXIT_DONE) {
        status = EXIT_USAGE;
    }
    if (r->text[COVERAGE] && !keep_coverage(r->text[COVERAGE]) && status == EXIT_DONE) {
        status = EXIT_USAGE;
    }
    return status;
}

static int run(const struct request *r)
{
    const struct cosim_pair_request what = pair_request(r, true);
    struct cosim_rtl_request with = rtl_request(r);
    struct cosim_rtl rtl;
    struct cosim_pair *pair = cosim_pair_open(&what);
    int status = EXIT_USAGE;

    if (!pair) {
        return EXIT_USAGE;
    }
    with.coverage = r->text[COVERAGE] != NULL;
    if (cosim_rtl_open(&rtl, &with) == COSIM_RTL_OK && cosim_pair_open_rtl(pair, rtl.ops)) {
        status = run_pair(r, pair);
        if (*rtl.sources) {
            printf("RTL of %s: %s; all else is espnic's own\n", r->text[RTL], rtl.sources);
        }
    } else {
        cosim_pair_close(pair);
    }
    cosim_rtl_close(&rtl);
    return status;
}

int cmd_cosim(int argc, char **argv)
{
    struct request r;
    int status = read_arguments(&r, argc, argv);

    return status != EXIT_DONE || !r.what ? status : run(&r);
}
