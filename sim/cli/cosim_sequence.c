/* Random traffic for esn_sequence: SAs whose numbers are about to reach 2^32 or 2^64, packets around the MTU, many packets of
 * one SA after each other, all of it under changing back-pressure. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "engine/must.h"
#include "engine/rng.h"

#define PINS_FILE "nic/pins_esn_sequence.def"
#include "cli/cosim_pins.h"

enum { TAGS = 4096, MAX_BEATS = 4, SHORTEST = 80 };

struct traffic {
    struct rng random;
    uint32_t sas, mtu;
    struct item { /* the item that is going in */
        uint32_t tag, beat, beats, sa, length;
        bool crypt, active;
    } item;
    uint32_t next_tag;
    uint32_t favourite, last_sa;
    uint32_t to_set;   /* SAs that are still to be set */
    bool setting;      /* ... one of them in this cycle */
    uint64_t drain_at; /* from this item on nothing new begins, until nothing is under way */
    uint64_t finished; /* items that have left for good */
    struct cosim_pace in_pace, out_pace;
    uint64_t cycle;
    struct {
        uint64_t full, held, items, crypts, close, sas_set, crossings, edge;
        uint64_t given, exhausted, too_long; /* as the block counts them */
    } n;
};

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));

    t->random = rng_stream(seed, 2);
    t->sas = 1u << nic_solo_number(config, "SA_W");
    t->mtu = nic_solo_number(config, "MTU");
    t->favourite = 1;
    t->to_set = t->sas - 1;
    t->drain_at = 500;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- SAs ------------------------------------------------------------------------------------------- */

/* Fresh, somewhere, or shortly before a wrap. Without ESN numbers have 32 bits. */
static uint64_t first_number(struct rng *r, bool esn)
{
    uint64_t before = 1 + rng_below(r, rng_below(r, 2) ? 20 : 400);

    switch (rng_below(r, 5)) {
    case 0: return 1;
    case 1: return 1 + (esn ? rng_next(r) >> 1 : rng_below(r, UINT32_MAX - 1));
    case 2:
        return esn ? ((1 + rng_below(r, rng_below(r, 2) ? 1 : 1u << 20)) << 32) - before
                   : UINT32_MAX - before + 1;
    default: return esn ? UINT64_MAX - before + 1 : UINT32_MAX - before + 1;
    }
}

/* First all SAs one after the other; then, now and then, all of them anew when nothing is under way. */
static void drive_sas(struct traffic *t, uint32_t *in)
{
    bool esn;

    if (t->to_set == 0 && t->n.items >= t->drain_at && !t->item.active &&
        t->n.items == t->finished + t->n.exhausted + t->n.too_long) {
        t->to_set = t->sas - 1;
        t->drain_at = t->n.items + 50 + rng_below(&t->random, 100 + 20ull * t->sas);
    }
    t->setting = t->to_set > 0;
    if (t->setting) {
        esn = rng_below(&t->random, 2) != 0;
        SET(in, CFG_WE, 1);
        SET(in, CFG_SA, t->sas - t->to_set);
        SET(in, CFG_ESN, esn);
        SET(in, CFG_NEXT, first_number(&t->random, esn));
        t->n.sas_set++;
        t->to_set--;
    }
}

/* ---- items ------------------------------------------------------------------------------------------- */

/* Any length, or one that just fits, or just does not; frames end at multiples of 4. */
static uint32_t pick_length(struct traffic *t)
{
    uint32_t fits = t->mtu / 4 * 4;

    switch (rng_below(&t->random, 8)) {
    case 0: t->n.edge++; return fits;
    case 1: t->n.edge++; return fits + 4;
    case 2: return fits + 4 + (uint32_t)rng_below(&t->random, 100) * 4;
    default: return SHORTEST + (uint32_t)rng_below(&t->random, (fits - SHORTEST) / 4) * 4;
    }
}

static void begin_item(struct traffic *t)
{
    struct item *i = &t->item;

    *i = (struct item){ .active = true, .tag = t->next_tag++ % TAGS };
    i->beats = 1 + (uint32_t)rng_below(&t->random, MAX_BEATS);
    i->crypt = rng_below(&t->random, 10) != 0;
    t->n.items++;
    if (!i->crypt) {
        return;
    }
    if (rng_below(&t->random, 6) == 0) {
        t->favourite = 1 + (uint32_t)rng_below(&t->random, t->sas - 1);
    }
    i->sa =
        rng_below(&t->random, 3) ? t->favourite : 1 + (uint32_t)rng_below(&t->random, t->sas - 1);
    i->length = pick_length(t);
    t->n.crypts++;
    t->n.close += i->sa == t->last_sa;
    t->last_sa = i->sa;
}

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct item *i = &t->item;
    bool last;

    if (!i->active && !t->setting && t->n.items < t->drain_at &&
        cosim_pace(&t->in_pace, &t->random)) {
        begin_item(t);
    }
    t->n.full += i->active && !GET(out, SEQ_ROOM);
    if (!i->active || !GET(out, SEQ_ROOM) || (i->beat && rng_below(&t->random, 12) == 0)) {
        return;
    }
    last = i->beat + 1 == i->beats;
    SET(in, SEQ_VALID, 1);
    SET(in, SEQ_LAST, last);
    SET(in, SEQ_BEATS, i->beats);
    SET(in, SEQ_CRYPT, i->crypt);
    SET(in, SEQ_SA, i->sa);
    SET(in, SEQ_LENGTH, i->length);
    SET(in, SEQ_DATA, i->tag << 4 | (i->beat & 15));
    i->beat++;
    i->active = !last;
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, NUMBERED_VALID);
    uint64_t number = GET(out, NUMBERED_NUMBER);

    if (!valid || !cosim_pace(&t->out_pace, &t->random)) {
        t->n.held += valid;
        return;
    }
    SET(in, NUMBERED_POP, 1);
    t->n.crossings += GET(out, NUMBERED_NEW) && number >> 32 && (uint32_t)number == 0;
    t->finished += GET(out, NUMBERED_LAST);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    t->n.given = GET(out, COUNT_GIVEN);
    t->n.exhausted = GET(out, COUNT_EXHAUSTED);
    t->n.too_long = GET(out, COUNT_TOO_LONG);
    drive_sas(t, in);
    drive_out(t, out, in);
    drive_in(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "cycles in which the block has no room", t->n.full, t->cycle, 50 },
        { "cycles in which what was numbered has to stay", t->n.held, t->cycle, 5 },
        { "items that got a number", t->n.given, t->n.items, 300 },
        { "items whose SA had none left", t->n.exhausted, t->n.items, 10 },
        { "items beyond the MTU", t->n.too_long, t->n.items, 50 },
        { "items of the longest length, or just above", t->n.edge, t->n.crypts, 100 },
        { "items of an SA right behind one of it", t->n.close, t->n.crypts, 200 },
        { "items without an SA", t->n.items - t->n.crypts, t->n.items, 50 },
        { "SAs set", t->n.sas_set, t->n.items, 1 },
        { "numbers over a multiple of 2^32", t->n.crossings, t->n.sas_set, 3 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_sequence_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
