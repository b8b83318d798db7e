#include "cli/cosim_pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "engine/must.h"

enum {
    HISTORY = 8, /* cycles */
    SHOWN_MOST = 512,
    SHOWN_BITS = 128 /* of a pin of more bits than SHOWN_MOST */
};

/* The two, what goes in, and what has been seen lately. */
struct cosim_pair {
    const struct nic_solo_block *block;
    const char *config;
    const struct cosim_stimulus *traffic;
    const struct block_ops *c, *rtl;
    void *c_self, *rtl_self, *traffic_self;
    struct cosim_files *files; /* instead of traffic */
    const char *pins_file;
    FILE *pins; /* NULL: nobody wants them */
    struct block_pin in[NIC_SOLO_MAX_PINS], out[NIC_SOLO_MAX_PINS];
    uint32_t in_words, out_words;
    uint32_t c_out[NIC_SOLO_MAX_WORDS], rtl_out[NIC_SOLO_MAX_WORDS], given[NIC_SOLO_MAX_WORDS];
    uint64_t cycles; /* that both have been through */
    uint32_t index;  /* of the output that differs */
    struct seen {
        uint64_t cycle;
        uint32_t in[NIC_SOLO_MAX_WORDS], out[NIC_SOLO_MAX_WORDS];
    } history[HISTORY];
    unsigned seen;
};

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

static bool is_zero(const struct block_pin *p, const uint32_t *v)
{
    for (uint32_t from = 0; from < p->bits; from += 64) {
        if (part(v, p, from) != 0) {
            return false;
        }
    }
    return true;
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
static uint32_t first_difference(const struct cosim_pair *pair)
{
    uint32_t count = pair->block->outs;

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

/* ... of a pin that is longer than anyone reads: its lowest bits. */
static void print_start(FILE *to, const struct block_pin *p, const uint32_t *v)
{
    const struct block_pin start = { .bits = SHOWN_BITS, .lsb = p->lsb };

    if (p->bits <= SHOWN_MOST) {
        print_value(to, p, v);
        return;
    }
    print_value(to, &start, v);
    fprintf(to, "(lowest %d of %u bits)", SHOWN_BITS, p->bits);
}

/* Where a wide pin differs: of many bits one does not find it by eye. */
static void print_place(const struct block_pin *p, const uint32_t *a, const uint32_t *b)
{
    uint32_t first = p->bits, last = 0;

    for (uint32_t i = 0; i < p->bits; i++) {
        if (block_get(a, p->lsb + i, 1) != block_get(b, p->lsb + i, 1)) {
            first = i < first ? i : first;
            last = i;
        }
    }
    if (p->bits > 64) {
        printf(" (bits %u to %u)", first, last);
    }
}

/* Every pin that means something and is not 0; of those that only mean something beside another one, the narrow ones
 * with a 0, too. */
static void print_pins(FILE *to, const struct block_pin *pin, uint32_t count, const uint32_t *v)
{
    for (uint32_t i = 0; i < count; i++) {
        bool narrow = pin[i].when >= 0 && pin[i].bits <= 16;

        if (!meaningful(pin, i, v) || (!narrow && is_zero(&pin[i], v)) ||
            strncmp(pin[i].name, "COUNT", 5) == 0) {
            continue;
        }
        fprintf(to, " %s", pin[i].name);
        if (pin[i].bits > 1 || pin[i].when >= 0) {
            fputc('=', to);
            print_start(to, &pin[i], v);
        }
    }
}

static void print_history(const struct cosim_pair *pair)
{
    unsigned from = pair->seen > HISTORY ? pair->seen - HISTORY : 0;

    puts("the last cycles before it, in C (hexadecimal):");
    for (unsigned i = from; i < pair->seen; i++) {
        const struct seen *s = &pair->history[i % HISTORY];

        printf("  %8llu  out", (unsigned long long)s->cycle);
        print_pins(stdout, pair->out, pair->block->outs, s->out);
        printf("\n            in ");
        print_pins(stdout, pair->in, pair->block->ins, s->in);
        putchar('\n');
    }
}

void cosim_pair_explain(const struct cosim_pair *pair, enum cosim_end end)
{
    const char *name = pair->block->name;
    const struct block_pin *pin = &pair->out[pair->index];

    if (end == COSIM_ASSERTION) {
        printf("%s: cycle %llu: %s\n", name, (unsigned long long)pair->cycles - 1,
               pair->rtl->error(pair->rtl_self));
    } else {
        printf("%s: cycle %llu: %s differs: C ", name, (unsigned long long)pair->cycles, pin->name);
        print_value(stdout, pin, pair->c_out);
        printf(", RTL ");
        print_value(stdout, pin, pair->rtl_out);
        print_place(pin, pair->c_out, pair->rtl_out);
        putchar('\n');
    }
    print_history(pair);
}

const char *cosim_pair_damage(const struct cosim_pair *pair)
{
    return cosim_files_error(pair->files);
}

/* ---- the pins, for other simulators ---------------------------------------------------------------------- */

static bool open_pins(struct cosim_pair *pair, const struct cosim_pair_request *r)
{
    pair->pins_file = r->pins;
    if (!r->pins) {
        return true;
    }
    pair->pins = fopen(r->pins, "w");
    if (!pair->pins) {
        fprintf(stderr, "espnic cosim: cannot write \"%s\": %s\n", r->pins, strerror(errno));
        return false;
    }
    fprintf(pair->pins,
            "// %s %s: a line a cycle: pin_in, pin_out, the bits of pin_out that mean something\n",
            pair->block->name, r->config);
    return true;
}

static void write_words(FILE *to, const uint32_t *v, uint32_t words, char end)
{
    while (words-- > 0) {
        fprintf(to, "%08x", v[words]);
    }
    fputc(end, to);
}

/* As replay_tb.sv reads them. */
static void write_pins(struct cosim_pair *pair)
{
    uint32_t mask[NIC_SOLO_MAX_WORDS] = { 0 };

    for (uint32_t i = 0; i < pair->block->outs; i++) {
        const struct block_pin *p = &pair->out[i];

        for (uint32_t from = 0; from < p->bits && meaningful(pair->out, i, pair->c_out);
             from += 64) {
            uint32_t bits = p->bits - from < 64 ? p->bits - from : 64;

            block_set(mask, p->lsb + from, bits, UINT64_MAX);
        }
    }
    write_words(pair->pins, pair->given, pair->in_words, ' ');
    write_words(pair->pins, pair->c_out, pair->out_words, ' ');
    write_words(pair->pins, mask, pair->out_words, '\n');
}

/* Of the cycle that differs, to which no inputs belong any more. */
static void write_last_pins(struct cosim_pair *pair)
{
    if (pair->pins) {
        memset(pair->given, 0, pair->in_words * sizeof *pair->given);
        write_pins(pair);
    }
}

static bool close_pins(struct cosim_pair *pair)
{
    FILE *f = pair->pins;
    bool ok;

    if (!f) {
        return true;
    }
    pair->pins = NULL;
    ok = !ferror(f);
    ok = fclose(f) == 0 && ok;
    if (!ok) {
        fprintf(stderr, "espnic cosim: cannot write \"%s\": %s\n", pair->pins_file,
                strerror(errno));
    }
    return ok;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static bool open_inputs(struct cosim_pair *pair, const struct cosim_pair_request *r)
{
    char error[1024];
    char config[NIC_SOLO_MAX_CONFIG + 32];

    if (!r->files) {
        snprintf(config, sizeof config, "%s GARBAGE=%llu", r->config,
                 (unsigned long long)r->garbage);
        pair->traffic_self = pair->traffic->create(config, r->seed);
        return true;
    }
    pair->files = cosim_files_open(r->files, r->config, r->outputs, error, sizeof error);
    if (!pair->files) {
        fprintf(stderr, "espnic cosim: %s\n", error);
    }
    return pair->files != NULL;
}

static void *open_block(const struct cosim_pair *pair, const struct block_ops *ops)
{
    char error[512];
    void *self = ops->create(pair->config, error, sizeof error);

    if (!self) {
        fprintf(stderr, "espnic cosim: %s: %s\n", pair->block->name, error);
    }
    return self;
}

struct cosim_pair *cosim_pair_open(const struct cosim_pair_request *r)
{
    struct cosim_pair *pair = must(calloc(1, sizeof *pair));
    const struct nic_solo_block *b = r->what->block;

    pair->block = b;
    pair->config = r->config;
    pair->traffic = r->garbage ? r->what->garbage : r->what->stimulus;
    memcpy(pair->in, b->in, b->ins * sizeof *b->in);
    memcpy(pair->out, b->out, b->outs * sizeof *b->out);
    pair->in_words = block_pins_place(pair->in, b->ins);
    pair->out_words = block_pins_place(pair->out, b->outs);
    pair->c = b->ops;
    pair->c_self = open_block(pair, pair->c);
    if (!pair->c_self || !open_inputs(pair, r) || !open_pins(pair, r)) {
        cosim_pair_close(pair);
        return NULL;
    }
    return pair;
}

bool cosim_pair_open_rtl(struct cosim_pair *pair, const struct block_ops *rtl)
{
    pair->rtl = rtl;
    pair->rtl_self = open_block(pair, rtl);
    return pair->rtl_self != NULL;
}

void cosim_pair_close(struct cosim_pair *pair)
{
    if (!pair) {
        return;
    }
    if (pair->c_self) {
        pair->c->destroy(pair->c_self);
    }
    if (pair->rtl_self) {
        pair->rtl->destroy(pair->rtl_self);
    }
    if (pair->traffic_self) {
        pair->traffic->destroy(pair->traffic_self);
    }
    if (pair->files) {
        cosim_files_close(pair->files);
    }
    if (pair->pins) {
        fclose(pair->pins);
    }
    free(pair);
}

/* ---- cycles ------------------------------------------------------------------------------------------ */

static void remember(struct cosim_pair *pair)
{
    struct seen *s = &pair->history[pair->seen++ % HISTORY];

    s->cycle = pair->cycles;
    memcpy(s->in, pair->given, pair->in_words * sizeof *s->in);
    memcpy(s->out, pair->c_out, pair->out_words * sizeof *s->out);
}

/* The inputs of this cycle. */
static void give(struct cosim_pair *pair)
{
    memset(pair->given, 0, pair->in_words * sizeof *pair->given);
    if (pair->files) {
        cosim_files_drive(pair->files, pair->c_out, pair->given);
        cosim_files_observe(pair->files, pair->rtl_out, pair->given);
    } else {
        pair->traffic->drive(pair->traffic_self, pair->c_out, pair->given);
    }
}

/* One cycle of both, if they agree in what they show. */
static enum cosim_end step(struct cosim_pair *pair)
{
    pair->c->outputs(pair->c_self, pair->c_out);
    pair->rtl->outputs(pair->rtl_self, pair->rtl_out);
    pair->index = first_difference(pair);
    if (pair->index < pair->block->outs) {
        write_last_pins(pair);
        return COSIM_DIFFERENT;
    }
    give(pair);
    remember(pair);
    if (pair->pins) {
        write_pins(pair);
    }
    pair->c->tick(pair->c_self, pair->given);
    pair->rtl->tick(pair->rtl_self, pair->given);
    pair->cycles++;
    if (pair->rtl->error && pair->rtl->error(pair->rtl_self)) {
        return COSIM_ASSERTION;
    }
    return pair->files && cosim_files_error(pair->files) ? COSIM_DAMAGED : COSIM_SAME;
}

enum cosim_end cosim_pair_compare(struct cosim_pair *pair, uint64_t until)
{
    enum cosim_end end = COSIM_SAME;
    struct progress progress;

    progress_start(&progress, "cosim", until, 0);
    while (end == COSIM_SAME && pair->cycles < until &&
           !(pair->files && cosim_files_ended(pair->files))) {
        end = step(pair);
        if (pair->cycles % 4096 == 0) {
            progress_update(&progress, pair->cycles, 0);
        }
    }
    progress_end(&progress);
    return end;
}

uint64_t cosim_pair_cycles(const struct cosim_pair *pair)
{
    return pair->cycles;
}

void cosim_pair_alone(struct cosim_pair *pair, uint64_t cycles)
{
    memset(pair->given, 0, sizeof pair->given);
    while (cycles-- > 0) {
        pair->rtl->tick(pair->rtl_self, pair->given);
    }
}

bool cosim_pair_wave(struct cosim_pair *pair, const char *file)
{
    return pair->rtl->wave && pair->rtl->wave(pair->rtl_self, file);
}

/* ---- the end ------------------------------------------------------------------------------------------ */

/* True if the run has seen enough of what it is for. */
static bool print_shares(const struct cosim_pair *pair)
{
    struct cosim_share share[COSIM_MAX_SHARES];
    unsigned count = pair->traffic->shares(pair->traffic_self, share);
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

bool cosim_pair_enough(const struct cosim_pair *pair)
{
    if (!pair->files) {
        return print_shares(pair);
    }
    cosim_files_print(pair->files);
    return cosim_files_enough(pair->files);
}

bool cosim_pair_finish(struct cosim_pair *pair)
{
    char error[1024];
    bool ok = close_pins(pair);

    if (pair->files && !cosim_files_finish(pair->files, error, sizeof error)) {
        fprintf(stderr, "espnic cosim: %s\n", error);
        return false;
    }
    return ok;
}
