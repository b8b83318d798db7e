/* Random traffic for esn_replay: SAs with all kinds of windows near where numbers wrap; numbers in order, out of order,
 * repeated, too old, far ahead; bad ICVs; what has been checked comes back after a while, as through a crypto. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "engine/must.h"
#include "engine/rng.h"

#define PINS_FILE "nic/pins_esn_replay.def"
#include "cli/cosim_pins.h"

enum { MAX_SAS = 256, TAGS = 4096, WAITING = 64, MAX_BEATS = 4 };

/* An SA as its peer sees it. */
struct peer {
    uint64_t next; /* number to send next */
    uint32_t window;
    bool esn;
};

/* An item, by its tag. */
struct item {
    uint32_t sa, beats;
    bool crypt;
};

struct waiting {
    uint32_t tag;
    uint64_t number, ready; /* cycle from which it may go on */
};

struct traffic {
    struct rng random;
    struct peer peer[MAX_SAS];
    uint32_t sas, window;
    struct item item[TAGS];
    uint32_t next_tag;
    struct feed { /* the item that is going in */
        uint32_t tag, beat;
        uint64_t number;
        bool good, active;
    } chk, upd;
    struct waiting waiting[WAITING];
    uint32_t waits;
    uint32_t left; /* beats of the item that is leaving: 0 = a new one */
    uint32_t favourite;
    uint32_t to_set;   /* SAs that are still to be set */
    bool setting;      /* ... one of them in this cycle */
    uint64_t drain_at; /* from this cycle on nothing new begins, until nothing is under way */
    uint64_t finished; /* items that have left for good */
    struct cosim_pace chk_pace, upd_pace, checked_pace, updated_pace;
    uint64_t cycle;
    struct {
        uint64_t full, held, upd_full, there, updated_held, items, close, sas_set, crossings,
            updates;
        uint64_t ok, duplicate, too_old, zero, late, bad_icv; /* as the block counts them */
    } n;
    uint32_t last_upd_sa;
};

bool cosim_pace(struct cosim_pace *pace, struct rng *random)
{
    static const uint32_t speed[] = { 256, 256, 200, 128, 30, 0 };

    if (pace->left == 0) {
        pace->per_256 = speed[rng_below(random, sizeof speed / sizeof *speed)];
        pace->left = 1 + (uint32_t)rng_below(random, pace->per_256 ? 200 : 60);
    }
    pace->left--;
    return rng_below(random, 256) < pace->per_256;
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));

    t->random = rng_stream(seed, 1);
    t->sas = 1u << nic_solo_number(config, "SA_W");
    t->window = nic_solo_number(config, "WINDOW");
    t->favourite = 1;
    t->to_set = t->sas - 1;
    t->drain_at = 5000;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- SAs ------------------------------------------------------------------------------------------- */

/* A number to begin with: fresh, somewhere, or shortly before a wrap. */
static uint64_t first_top(struct rng *r, bool esn)
{
    uint64_t wrap = (1 + rng_below(r, 3)) << 32;

    switch (rng_below(r, 4)) {
    case 0: return 0;
    case 1: return rng_below(r, 1u << 20);
    default: return esn ? wrap - rng_below(r, 300) : UINT32_MAX - 400 - rng_below(r, 5000);
    }
}

static void set_sa(struct traffic *t, uint32_t *in, uint32_t sa)
{
    static const uint32_t few[] = { 0, 1, 31, 32, 33, 63, 64 };
    struct peer *p = &t->peer[sa];
    uint64_t top;

    p->window = rng_below(&t->random, 3) ? t->window : few[rng_below(&t->random, 7)];
    p->window = p->window > t->window ? t->window : p->window;
    p->esn = rng_below(&t->random, 3) != 0;
    top = first_top(&t->random, p->esn);
    p->next = top + 1;
    SET(in, CFG_WE, 1);
    SET(in, CFG_SA, sa);
    SET(in, CFG_WINDOW, p->window);
    SET(in, CFG_ESN, p->esn);
    SET(in, CFG_TOP, top);
    t->n.sas_set++;
}

/* First all SAs one after the other; then, now and then, all of them anew when nothing is under way. */
static void drive_sas(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    uint64_t refused = GET(out, COUNT_DUPLICATE) + GET(out, COUNT_TOO_OLD) + GET(out, COUNT_ZERO) +
                       GET(out, COUNT_LATE) + GET(out, COUNT_BAD_ICV);

    if (t->to_set == 0 && t->cycle > t->drain_at && t->n.items == t->finished + (uint32_t)refused) {
        t->to_set = t->sas - 1;
        t->drain_at = t->cycle + 1000 + rng_below(&t->random, 8000);
    }
    t->setting = t->to_set > 0;
    if (t->setting) {
        set_sa(t, in, t->sas - t->to_set);
        t->to_set--;
    }
}

/* ---- into the check ---------------------------------------------------------------------------------- */

/* The next in order, or one that a network or an enemy makes of it. */
static uint64_t pick_number(struct traffic *t, struct peer *p)
{
    struct rng *r = &t->random;
    uint64_t back;

    switch (rng_below(r, 16)) {
    case 0: return 0;
    case 1: /* a gap */
        p->next += 1 + rng_below(r, rng_below(r, 8) ? 40 : 3u * t->window);
        return p->next++;
    case 2:
    case 3: /* late or again, within the window */
        back = 1 + rng_below(r, p->window + 4);
        return p->next > back ? p->next - back : 1;
    case 4: /* too old */
        back = p->window + rng_below(r, 200);
        return p->next > back ? p->next - back : 1;
    case 5: return p->next > 1 ? p->next - 1 : 1;
    default: return p->next++;
    }
}

static void begin_check(struct traffic *t)
{
    struct feed *f = &t->chk;
    struct item *item;
    struct peer *p;

    f->active = true;
    f->beat = 0;
    f->tag = t->next_tag++ % TAGS;
    item = &t->item[f->tag];
    item->beats = 1 + (uint32_t)rng_below(&t->random, MAX_BEATS);
    item->crypt = rng_below(&t->random, 10) != 0;
    if (rng_below(&t->random, 6) == 0) {
        t->favourite = 1 + (uint32_t)rng_below(&t->random, t->sas - 1);
    }
    item->sa =
        rng_below(&t->random, 3) ? t->favourite : 1 + (uint32_t)rng_below(&t->random, t->sas - 1);
    p = &t->peer[item->sa];
    if (!item->crypt) {
        f->number = rng_next(&t->random);
        item->sa = 0;
    } else {
        uint64_t before = p->next;

        f->number = pick_number(t, p);
        t->n.crossings += before >> 32 != p->next >> 32;
        if (!p->esn && p->next > UINT32_MAX - 10) {
            p->next = UINT32_MAX -
                      400; /* a peer without ESN has to stop: here it goes on with old ones */
        }
    }
    t->n.items++;
}

static void drive_check(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct feed *f = &t->chk;
    const struct item *item;
    bool last;

    if (!f->active && !t->setting && t->cycle <= t->drain_at &&
        cosim_pace(&t->chk_pace, &t->random)) {
        begin_check(t);
    }
    t->n.full += f->active && !GET(out, CHK_ROOM);
    if (!f->active || !GET(out, CHK_ROOM) || (f->beat && rng_below(&t->random, 12) == 0)) {
        return;
    }
    item = &t->item[f->tag];
    last = f->beat + 1 == item->beats;
    SET(in, CHK_VALID, 1);
    SET(in, CHK_LAST, last);
    SET(in, CHK_BEATS, item->beats);
    SET(in, CHK_CRYPT, item->crypt);
    SET(in, CHK_SA, item->sa);
    SET(in, CHK_LOW, (uint32_t)f->number);
    SET(in, CHK_DATA, f->tag << 4 | (f->beat & 15));
    f->beat++;
    f->active = !last;
}

/* ---- between ------------------------------------------------------------------------------------------- */

static void drive_checked(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    uint32_t tag = (uint32_t)GET(out, CHECKED_DATA) >> 4;
    bool valid = GET(out, CHECKED_VALID);

    if (!valid || t->waits == WAITING || !cosim_pace(&t->checked_pace, &t->random)) {
        t->n.held += valid;
        return;
    }
    SET(in, CHECKED_POP, 1);
    if (t->left == 0) {
        t->left = t->item[tag].beats;
        t->waiting[t->waits++] =
            (struct waiting){ .tag = tag, .number = GET(out, CHECKED_NUMBER), .ready = UINT64_MAX };
    }
    if (--t->left == 0) {
        t->waiting[t->waits - 1].ready = t->cycle + 1 + rng_below(&t->random, 60);
    }
}

/* ---- into the commit ------------------------------------------------------------------------------------- */

static bool begin_update(struct traffic *t)
{
    struct feed *f = &t->upd;
    const struct waiting *w = &t->waiting[0];

    if (t->waits == 0 || w->ready > t->cycle) {
        return false;
    }
    *f = (struct feed){ .active = true, .tag = w->tag, .number = w->number };
    f->good = rng_below(&t->random, 12) != 0;
    memmove(t->waiting, t->waiting + 1, --t->waits * sizeof *t->waiting);
    if (t->item[f->tag].crypt) {
        t->n.updates++;
        t->n.close += t->item[f->tag].sa == t->last_upd_sa;
        t->last_upd_sa = t->item[f->tag].sa;
    }
    return true;
}

static void drive_update(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct feed *f = &t->upd;
    const struct item *item;
    bool last;

    if (!f->active && (!cosim_pace(&t->upd_pace, &t->random) || !begin_update(t))) {
        return;
    }
    t->n.upd_full += !GET(out, UPD_ROOM);
    if (!GET(out, UPD_ROOM)) {
        return;
    }
    item = &t->item[f->tag];
    last = f->beat + 1 == item->beats;
    SET(in, UPD_VALID, 1);
    SET(in, UPD_LAST, last);
    SET(in, UPD_BEATS, item->beats);
    SET(in, UPD_CRYPT, item->crypt);
    SET(in, UPD_SA, item->sa);
    SET(in, UPD_NUMBER, f->number);
    SET(in, UPD_GOOD, f->good);
    SET(in, UPD_DATA, f->tag << 4 | (f->beat & 15));
    f->beat++;
    f->active = !last;
}

static void drive_updated(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, UPDATED_VALID);

    t->n.there += valid;
    if (!valid || !cosim_pace(&t->updated_pace, &t->random)) {
        t->n.updated_held += valid;
        return;
    }
    SET(in, UPDATED_POP, 1);
    t->finished += GET(out, UPDATED_LAST);
}

static void note_counters(struct traffic *t, const uint32_t *out)
{
    t->n.ok = GET(out, COUNT_OK);
    t->n.duplicate = GET(out, COUNT_DUPLICATE);
    t->n.too_old = GET(out, COUNT_TOO_OLD);
    t->n.zero = GET(out, COUNT_ZERO);
    t->n.late = GET(out, COUNT_LATE);
    t->n.bad_icv = GET(out, COUNT_BAD_ICV);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    note_counters(t, out);
    drive_sas(t, out, in);
    drive_update(t, out, in);
    drive_checked(t, out, in);
    drive_updated(t, out, in);
    drive_check(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "cycles in which the check has no room", t->n.full, t->cycle, 50 },
        { "cycles in which what was checked has to stay", t->n.held, t->cycle, 50 },
        { "cycles in which the commit has no room", t->n.upd_full, t->cycle, 20 },
        { "cycles of what was committed in which it has to stay", t->n.updated_held, t->n.there,
          250 },
        { "items checked as good", t->n.ok, t->n.items, 300 },
        { "duplicates", t->n.duplicate, t->n.items, 10 },
        { "too old", t->n.too_old, t->n.items, 10 },
        { "number 0", t->n.zero, t->n.items, 5 },
        { "refused at the commit, good before", t->n.late, t->n.items, 3 },
        { "bad ICVs", t->n.bad_icv, t->n.items, 20 },
        { "commits of an SA right behind one of it", t->n.close, t->n.updates, 200 },
        { "SAs set", t->n.sas_set, t->n.items, 0 },
        { "peers that went over 2^32", t->n.crossings, t->n.sas_set, 10 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_replay_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
