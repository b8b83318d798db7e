/* espnic cosim BLOCK: the C block and its RTL get the same inputs in every cycle, and must show the same outputs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/cosim.h"
#include "cli/cosim_files.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "engine/nearest.h"
#include "engine/rng.h"

static const struct cosim_block blocks[] = {
    { &nic_solo_esn_replay, &cosim_replay_stimulus },
    { &nic_solo_esn_sequence, &cosim_sequence_stimulus },
    { &nic_solo_aes_gcm, &cosim_gcm_stimulus },
    { &nic_solo_esp_tx, &cosim_tx_stimulus },
    { &nic_solo_esp_rx, &cosim_rx_stimulus },
    { &nic_solo_sa_table, &cosim_table_stimulus },
    { &nic_solo_csr, &cosim_csr_stimulus },
    { &nic_solo_ipsec_top, &cosim_top_stimulus },
};

enum { BLOCK_COUNT = sizeof blocks / sizeof *blocks };
enum {
    MAX_PINS = 128,
    MAX_WORDS = 1024,
    MAX_CONFIG = 1024,
    MAX_PARAMS = 64,
    HISTORY = 8,
    WAVE_BEFORE = 100,
    WAVE_AFTER = 10
};

enum option { CYCLES, SEED, PARAM, WAVE, RTL, COVERAGE, OIDS, RX, TX, RX_OUT, TX_OUT, LIST };

static const struct option_spec specs[] = {
    [CYCLES] = { "cycles", 'c', "N", "clock cycles; 100000 without" },
    [SEED] = { "seed", 's', "S", "of the random traffic; 1 without" },
    [PARAM] = { "param", 'p', "K=V", "a parameter of the block; as often as you like" },
    [WAVE] = { "wave", 'w', "FILE",
               "waveform (VCD) of the RTL around the first difference, or of the last\ncycles if there is none" },
    [RTL] = { "rtl", 0, "DIR", "other RTL with the same pins, your own for instance" },
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
    uint64_t cycles, seed;
    const char *wave, *rtl, *coverage;
    struct cosim_files_request files;
    char config[MAX_CONFIG];
    uint32_t value[MAX_PARAMS]; /* of the block's parameters */
};

/* The two, what goes in, and what has been seen lately. */
struct pair {
    const struct cosim_block *what;
    const struct block_ops *c, *rtl;
    void *c_self, *rtl_self, *stimulus;
    struct cosim_files *files; /* instead of a stimulus */
    struct block_pin in[MAX_PINS], out[MAX_PINS];
    uint32_t in_words, out_words;
    uint32_t c_out[MAX_WORDS], rtl_out[MAX_WORDS], pins[MAX_WORDS];
    struct seen {
        uint64_t cycle;
        uint32_t in[MAX_WORDS], out[MAX_WORDS];
    } history[HISTORY];
    unsigned seen;
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
        "examples:\n"
        "  espnic cosim esn_replay\n"
        "  espnic cosim esn_replay --param RMW=4 --param WINDOW=1024 --cycles 10000000 --seed 7");
}

/* ---- arguments --------------------------------------------------------------------------------------- */

static bool read_number(const struct options *o, const char *name, uint64_t *to)
{
    char *end;

    *to = strtoull(o->value, &end, 10);
    if (*o->value < '0' || *o->value > '9' || *end || *to == 0) {
        options_complain(o, "--%s: found \"%s\", expected a number from 1", name, o->value);
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
        if (value < p->least || value > p->most) {
            options_complain(o, "--param %s: found %lu, expected %u to %u (%s)", p->name, value,
                             p->least, p->most, p->description);
            return false;
        }
        r->value[i] = (uint32_t)value;
        return true;
    }
    options_complain(o, "--param: %s has no parameter \"%.*s\" (espnic cosim --list)", b->name,
                     (int)(equal - text), text);
    return false;
}

/* All parameters by name, in the order of the table. */
static void write_config(struct request *r)
{
    const struct nic_solo_block *b = r->what->block;
    size_t used = 0;

    for (uint32_t i = 0; i < b->param_count; i++) {
        used += (size_t)snprintf(r->config + used, sizeof r->config - used, "%s%s=%u", i ? " " : "",
                                 b->params[i].name, r->value[i]);
    }
}

static bool with_files(const struct request *r)
{
    return r->files.oids || r->files.rx || r->files.tx;
}

/* EXIT_DONE with r->what NULL: there is nothing to run. */
static int read_arguments(struct request *r, int argc, char **argv)
{
    struct options o;
    const char *params[MAX_PARAMS];
    unsigned count = 0;
    bool cycles_given = false;
    int which;

    *r = (struct request){ .cycles = 100000, .seed = 1 };
    options_start(&o, "cosim", specs, SPECS, argc, argv);
    while ((which = options_next(&o)) != OPTIONS_END) {
        bool ok = true;

        switch (which) {
        case OPTIONS_HELP: print_help(); return EXIT_DONE;
        case OPTIONS_ERROR: return EXIT_USAGE;
        case OPTIONS_POSITIONAL:
            if (r->what) {
                return options_complain(&o, "one block at a time; found \"%s\" too", o.value);
            }
            ok = find_block(&o, o.value, &r->what);
            break;
        case CYCLES:
            ok = read_number(&o, "cycles", &r->cycles);
            cycles_given = true;
            break;
        case SEED: ok = read_number(&o, "seed", &r->seed); break;
        case PARAM:
            if (count == MAX_PARAMS) {
                return options_complain(&o, "more than %d parameters", MAX_PARAMS);
            }
            params[count++] = o.value;
            break;
        case WAVE: r->wave = o.value; break;
        case RTL: r->rtl = o.value; break;
        case COVERAGE: r->coverage = o.value; break;
        case OIDS: r->files.oids = o.value; break;
        case RX: r->files.rx = o.value; break;
        case TX: r->files.tx = o.value; break;
        case RX_OUT: r->files.rx_out = o.value; break;
        case TX_OUT: r->files.tx_out = o.value; break;
        case LIST: print_blocks(); return EXIT_DONE;
        default: break;
        }
        if (!ok) {
            return EXIT_USAGE;
        }
    }
    if (!r->what) {
        return options_complain(&o, "which block? (espnic cosim --list)");
    }
    if (with_files(r) && r->what->block != &nic_solo_ipsec_top) {
        return options_complain(&o, "--oids, --rx and --tx are for the block top");
    }
    if (!with_files(r) && (r->files.rx_out || r->files.tx_out)) {
        return options_complain(&o, "--rx-out and --tx-out want --rx or --tx");
    }
    for (uint32_t i = 0; i < r->what->block->param_count; i++) {
        r->value[i] = r->what->block->params[i].value;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!set_param(&o, r, params[i])) {
            return EXIT_USAGE;
        }
    }
    write_config(r);
    if (with_files(r) && !cycles_given) {
        r->cycles = UINT64_MAX;
    }
    return EXIT_DONE;
}

/* ---- comparison ----------------------------------------------------------------------------------------- */

/* Does this pin mean something, with these values? */
static bool meaningful(const struct block_pin *all, uint32_t index, const uint32_t *v)
{
    int32_t when = all[index].when;

    return when < 0 || (block_pin(v, &all[when]) != 0 && meaningful(all, (uint32_t)when, v));
}

/* A part of a wide pin: up to 64 bits from bit `from` on. */
static uint64_t part(const uint32_t *v, const struct block_pin *p, uint32_t from)
{
    uint32_t bits = p->bits - from < 64 ? p->bits - from : 64;

    return block_get(v, p->lsb + from, bits);
}

static bool pin_differs(const struct block_pin *p, const uint32_t *a, const uint32_t *b)
{
    for (uint32_t from = 0; from < p->bits; from += 64) {
        if (part(a, p, from) != part(b, p, from)) {
            return true;
        }
    }
    return false;
}

/* Index of the first output that differs, or the number of outputs. Both must agree on what means something first: a
 * pin that qualifies others stands before them. */
static uint32_t first_difference(const struct pair *pair)
{
    uint32_t count = pair->what->block->outs;

    if (memcmp(pair->c_out, pair->rtl_out, pair->out_words * sizeof *pair->c_out) == 0) {
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (meaningful(pair->out, i, pair->c_out) &&
            pin_differs(&pair->out[i], pair->c_out, pair->rtl_out)) {
            return i;
        }
    }
    return count;
}

static void print_value(FILE *to, const struct block_pin *p, const uint32_t *v)
{
    bool leading = true;

    for (uint32_t words = (p->bits + 63) / 64; words-- > 0;) {
        uint64_t value = part(v, p, words * 64);

        if (leading && value == 0 && words > 0) {
            continue;
        }
        fprintf(to, leading ? "%llx" : "%016llx", (unsigned long long)value);
        leading = false;
    }
}

/* Every pin that means something and is not 0. */
static void print_pins(FILE *to, const struct block_pin *pin, uint32_t count, const uint32_t *v)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!meaningful(pin, i, v) || (pin[i].when < 0 && block_pin(v, &pin[i]) == 0) ||
            strncmp(pin[i].name, "COUNT", 5) == 0) {
            continue;
        }
        fprintf(to, " %s", pin[i].name);
        if (pin[i].bits > 1 || pin[i].when >= 0) {
            fputc('=', to);
            print_value(to, &pin[i], v);
        }
    }
}

static void print_history(const struct pair *pair)
{
    unsigned from = pair->seen > HISTORY ? pair->seen - HISTORY : 0;

    puts("the last cycles before it, in C (hexadecimal):");
    for (unsigned i = from; i < pair->seen; i++) {
        const struct seen *s = &pair->history[i % HISTORY];

        printf("  %8llu  out", (unsigned long long)s->cycle);
        print_pins(stdout, pair->out, pair->what->block->outs, s->out);
        printf("\n            in ");
        print_pins(stdout, pair->in, pair->what->block->ins, s->in);
        putchar('\n');
    }
}

static void print_difference(const struct pair *pair, uint64_t cycle, uint32_t index)
{
    if (index == pair->what->block->outs) {
        printf("%s: cycle %llu: %s\n", pair->what->block->name, (unsigned long long)cycle,
               pair->rtl->error(pair->rtl_self));
        print_history(pair);
        return;
    }
    printf("%s: cycle %llu: %s differs: C ", pair->what->block->name, (unsigned long long)cycle,
           pair->out[index].name);
    print_value(stdout, &pair->out[index], pair->c_out);
    printf(", RTL ");
    print_value(stdout, &pair->out[index], pair->rtl_out);
    putchar('\n');
    print_history(pair);
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

static bool pair_open(struct pair *pair, const struct request *r, const struct block_ops *rtl)
{
    const struct nic_solo_block *b = r->what->block;
    char error[512];

    memset(pair, 0, sizeof *pair);
    pair->what = r->what;
    memcpy(pair->in, b->in, b->ins * sizeof *b->in);
    memcpy(pair->out, b->out, b->outs * sizeof *b->out);
    pair->in_words = block_pins_place(pair->in, b->ins);
    pair->out_words = block_pins_place(pair->out, b->outs);
    pair->c = b->ops;
    pair->rtl = rtl;
    pair->c_self = pair->c->create(r->config, error, sizeof error);
    pair->rtl_self = pair->c_self ? rtl->create(r->config, error, sizeof error) : NULL;
    if (!pair->rtl_self) {
        fprintf(stderr, "espnic cosim: %s: %s\n", b->name, error);
        return false;
    }
    if (!with_files(r)) {
        pair->stimulus = r->what->stimulus->create(r->config, r->seed);
        return true;
    }
    pair->files = cosim_files_open(&r->files, r->config, true, error, sizeof error);
    if (!pair->files) {
        fprintf(stderr, "espnic cosim: %s\n", error);
    }
    return pair->files != NULL;
}

static void pair_close(struct pair *pair)
{
    if (pair->c_self) {
        pair->c->destroy(pair->c_self);
    }
    if (pair->rtl_self) {
        pair->rtl->destroy(pair->rtl_self);
    }
    if (pair->stimulus) {
        pair->what->stimulus->destroy(pair->stimulus);
    }
    if (pair->files) {
        cosim_files_close(pair->files);
    }
}

static void remember(struct pair *pair, uint64_t cycle)
{
    struct seen *s = &pair->history[pair->seen++ % HISTORY];

    s->cycle = cycle;
    memcpy(s->in, pair->pins, pair->in_words * sizeof *s->in);
    memcpy(s->out, pair->c_out, pair->out_words * sizeof *s->out);
}

/* One cycle of both. False: they differ in output *index. */
static bool step(struct pair *pair, uint64_t cycle, uint32_t *index)
{
    pair->c->outputs(pair->c_self, pair->c_out);
    pair->rtl->outputs(pair->rtl_self, pair->rtl_out);
    *index = first_difference(pair);
    if (*index < pair->what->block->outs) {
        return false;
    }
    memset(pair->pins, 0, pair->in_words * sizeof *pair->pins);
    if (pair->files) {
        cosim_files_drive(pair->files, pair->c_out, pair->pins);
        cosim_files_observe(pair->files, pair->rtl_out, pair->pins);
    } else {
        pair->what->stimulus->drive(pair->stimulus, pair->c_out, pair->pins);
    }
    remember(pair, cycle);
    pair->c->tick(pair->c_self, pair->pins);
    pair->rtl->tick(pair->rtl_self, pair->pins);
    return !pair->rtl->error || !pair->rtl->error(pair->rtl_self);
}

/* Cycles without a difference; *index is the number of outputs if there was none. */
static uint64_t compare(struct pair *pair, uint64_t cycles, uint32_t *index)
{
    struct progress progress;
    uint64_t cycle = 0;

    progress_start(&progress, "cosim", cycles, 0);
    while (cycle < cycles && step(pair, cycle, index)) {
        cycle++;
        if (pair->files && cosim_files_ended(pair->files)) {
            break;
        }
        if (cycle % 4096 == 0) {
            progress_update(&progress, cycle, 0);
        }
    }
    progress_end(&progress);
    return cycle;
}

/* The same run again with RTL that can draw: from shortly before `cycle` on. */
static bool draw(const struct request *r, uint64_t cycle)
{
    const struct cosim_rtl_request with = { r->what->block->name, r->config, r->rtl, true, false,
                                            COSIM_RTL_CHECKED };
    uint64_t from = cycle > WAVE_BEFORE ? cycle - WAVE_BEFORE : 0;
    struct cosim_rtl rtl;
    struct pair *pair = calloc(1, sizeof *pair);
    uint32_t index = 0;
    bool ok = pair && cosim_rtl_open(&rtl, &with) == COSIM_RTL_OK;

    if (ok && pair_open(pair, r, rtl.ops)) {
        compare(pair, from, &index);
        ok = rtl.ops->wave(pair->rtl_self, r->wave);
        for (uint64_t at = from; ok && at < cycle + WAVE_AFTER; at++) {
            step(pair, at, &index);
            if (at >=
                cycle) { /* they go different ways from here: the RTL goes on alone, left in peace */
                memset(pair->pins, 0, sizeof pair->pins);
                rtl.ops->tick(pair->rtl_self, pair->pins);
            }
        }
        if (ok) {
            rtl.ops->wave(pair->rtl_self, NULL);
        }
        pair_close(pair);
    }
    if (!ok) {
        fprintf(stderr, "espnic cosim: cannot write the waveform \"%s\"\n", r->wave);
    }
    free(pair);
    return ok;
}

/* True if the run has seen enough of what it is for. */
static bool print_shares(const struct pair *pair)
{
    struct cosim_share share[COSIM_MAX_SHARES];
    unsigned count = pair->what->stimulus->shares(pair->stimulus, share);
    bool ok = true;

    for (unsigned i = 0; i < count; i++) {
        const struct cosim_share *s = &share[i];
        bool enough = s->count * 1000 >= (uint64_t)s->per_mille * s->of && s->count > 0;

        printf("  %-44s %10llu of %10llu  %5.1f %%%s\n", s->name, (unsigned long long)s->count,
               (unsigned long long)s->of, s->of ? 100.0 * (double)s->count / (double)s->of : 0.0,
               enough ? "" : "  TOO FEW");
        ok = ok && enough;
    }
    return ok;
}

/* What the files came to; false if one was damaged, or did not come to its end. */
static bool print_files(const struct pair *pair)
{
    const char *error = cosim_files_error(pair->files);

    cosim_files_print(pair->files);
    if (error) {
        fprintf(stderr, "espnic cosim: %s\n", error);
    } else if (!cosim_files_ended(pair->files)) {
        fputs(
            "espnic cosim: the captures are not through after so many cycles: a larger --cycles\n",
            stderr);
    }
    return !error && cosim_files_ended(pair->files);
}

static bool keep_coverage(const char *to)
{
    if (rename(cosim_rtl_coverage(), to) == 0) {
        return true;
    }
    fprintf(stderr, "espnic cosim: cannot write \"%s\"\n", to);
    return false;
}

static int run(const struct request *r, struct pair *pair)
{
    const struct cosim_rtl_request with = { r->what->block->name, r->config,        r->rtl, false,
                                            r->coverage != NULL,  COSIM_RTL_CHECKED };
    struct cosim_rtl rtl;
    enum cosim_rtl_result opened = cosim_rtl_open(&rtl, &with);
    uint32_t index = 0;
    uint64_t cycles;
    bool same, ok;

    if (opened != COSIM_RTL_OK) {
        return EXIT_USAGE;
    }
    if (!pair_open(pair, r, rtl.ops)) {
        pair_close(pair);
        return EXIT_USAGE;
    }
    cycles = compare(pair, r->cycles, &index);
    same = cycles == r->cycles || (pair->files && cosim_files_ended(pair->files));
    if (same) {
        printf("%s: %llu cycles, no difference (%s, seed %llu)\n", r->what->block->name,
               (unsigned long long)cycles, r->config, (unsigned long long)r->seed);
        ok = pair->files ? print_files(pair) : print_shares(pair);
    } else {
        print_difference(pair, cycles, index);
        ok = false;
    }
    pair_close(pair);
    if (r->wave && !draw(r, cycles)) {
        ok = false;
    }
    if (r->coverage && !keep_coverage(r->coverage)) {
        ok = false;
    }
    return ok ? EXIT_DONE : EXIT_MODEL;
}

int cmd_cosim(int argc, char **argv)
{
    struct request r;
    struct pair *pair;
    int status = read_arguments(&r, argc, argv);

    if (status != EXIT_DONE || !r.what) {
        return status;
    }
    pair = calloc(1, sizeof *pair);
    if (!pair) {
        fputs("espnic cosim: out of memory\n", stderr);
        return EXIT_MODEL;
    }
    status = run(&r, pair);
    free(pair);
    return status;
}
