#include "sa_table/mrc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"

enum { MAX_LEVELS = 32, FIRST_SLOTS = 64, FIRST_ROOM = 64 };

/* Owners of a slot that are no SA. */
#define NOBODY UINT32_MAX       /* the mark has moved on */
#define HOLE   (UINT32_MAX - 1) /* a deleted SA's empty way */

/* The stack of a sample: one slot for each of the last accesses, the latest at the end. */
struct stack {
    uint64_t threshold; /* SAs with a hash below it are in the sample; 0: all are */
    uint64_t *when;     /* [slot]: number of the access, rising */
    uint32_t *owner;    /* [slot]: SA, HOLE or NOBODY */
    uint32_t *tree;     /* [slots + 1]: sums of marks (a slot with an owner is marked) */
    uint32_t slots, used;
    uint32_t marks;
    uint32_t *hole; /* heap of the slots of holes, the latest at the top */
    uint32_t holes, hole_room;
    uint64_t *found; /* [others]: accesses that had so many marks above their last one */
    uint32_t depths; /* elements of `found` */
    uint32_t deepest;
    uint64_t total; /* sum of `found` */
    uint64_t *sum;  /* [others]: of `found` up to there; of so many accesses: */
    uint64_t summed;
};

struct mrc {
    struct mrc_config config;
    struct stack *level[MAX_LEVELS]; /* by rate, falling; NULL: no SA of it yet, or given up */
    struct stack ended[MAX_LEVELS];  /* what was found at levels that are given up */
    unsigned now, levels;            /* the level that counts; how many there are */
    uint64_t *last;                  /* [sa] */
    uint32_t sas;
    uint64_t accesses, cold, forgotten;
};

/* ---- the tree: sums over slots 0 .. slot - 1 --------------------------------------------------- */

static void tree_add(struct stack *s, uint32_t slot, uint32_t value)
{
    for (uint32_t i = slot + 1; i <= s->slots; i += i & (0u - i)) {
        s->tree[i] += value; /* a mark that goes adds 2^32 - 1 */
    }
}

static uint32_t tree_sum(const struct stack *s, uint32_t slot)
{
    uint32_t sum = 0;

    for (uint32_t i = slot; i != 0; i &= i - 1) {
        sum += s->tree[i];
    }
    return sum;
}

/* Sums of the marks as they stand. */
static void tree_build(struct stack *s)
{
    memset(s->tree, 0, ((size_t)s->slots + 1) * sizeof *s->tree);
    for (uint32_t i = 1; i <= s->slots; i++) {
        uint32_t parent = i + (i & (0u - i));

        s->tree[i] += i <= s->used && s->owner[i - 1] != NOBODY;
        if (parent <= s->slots) {
            s->tree[parent] += s->tree[i];
        }
    }
}

/* ---- the heap of holes -------------------------------------------------------------------------- */

static void hole_push(struct stack *s, uint32_t slot)
{
    uint32_t i = s->holes++;

    if (s->holes > s->hole_room) {
        s->hole_room = s->hole_room == 0 ? FIRST_ROOM : s->hole_room * 2;
        s->hole = must(realloc(s->hole, s->hole_room * sizeof *s->hole));
    }
    for (; i > 0 && s->hole[(i - 1) / 2] < slot; i = (i - 1) / 2) {
        s->hole[i] = s->hole[(i - 1) / 2];
    }
    s->hole[i] = slot;
}

static uint32_t hole_pop(struct stack *s)
{
    uint32_t top = s->hole[0];
    uint32_t slot = s->hole[--s->holes];
    uint32_t i = 0;

    for (uint32_t child = 1; child < s->holes; child = 2 * i + 1) {
        child += child + 1 < s->holes && s->hole[child + 1] > s->hole[child];
        if (s->hole[child] <= slot) {
            break;
        }
        s->hole[i] = s->hole[child];
        i = child;
    }
    s->hole[i] = slot;
    return top;
}

/* ---- the stack of a sample ------------------------------------------------------------------------ */

/* All slots are used: those that are marked move together; twice as many slots if half are. */
static void compact(struct stack *s)
{
    uint32_t used = 0;

    if (s->marks >= s->slots / 2) {
        s->slots = s->slots == 0 ? FIRST_SLOTS : s->slots * 2;
        s->when = must(realloc(s->when, s->slots * sizeof *s->when));
        s->owner = must(realloc(s->owner, s->slots * sizeof *s->owner));
        s->tree = must(realloc(s->tree, ((size_t)s->slots + 1) * sizeof *s->tree));
    }
    for (uint32_t i = 0; i < s->used; i++) {
        if (s->owner[i] != NOBODY) {
            s->when[used] = s->when[i];
            s->owner[used++] = s->owner[i];
        }
    }
    s->used = used;
    s->holes = 0;
    for (uint32_t i = used; i-- > 0 && s->hole_room != 0;) {
        if (s->owner[i] == HOLE) { /* falling slots are a heap */
            s->hole[s->holes++] = i;
        }
    }
    tree_build(s);
}

/* The first slot that is later than an access. */
static uint32_t slot_after(const struct stack *s, uint64_t access)
{
    uint32_t low = 0;
    uint32_t high = s->used;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->when[middle] > access) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void unmark(struct stack *s, uint32_t slot)
{
    tree_add(s, slot, UINT32_MAX);
    s->owner[slot] = NOBODY;
    s->marks--;
}

static void make_hole(struct stack *s, uint32_t slot)
{
    s->owner[slot] = HOLE;
    hole_push(s, slot);
}

/* An SA of the sample comes to the top; `after` is the slot behind its old one, 0: it had none. What is above its
 * old place moves down by one, down to that place or to the latest hole: in caches that hold that hole its way is
 * taken; in those that hold the old place too, a way has become empty there. */
static void move_to_top(struct stack *s, uint32_t sa, uint32_t after, uint64_t now)
{
    if (s->holes != 0 && s->hole[0] >= after) {
        unmark(s, hole_pop(s));
        if (after != 0) {
            make_hole(s, after - 1);
        }
    } else if (after != 0) {
        unmark(s, after - 1);
    }
    s->when[s->used] = now;
    s->owner[s->used] = sa;
    tree_add(s, s->used, 1);
    s->used++;
    s->marks++;
}

/* An access whose last one was before slot `after`: what is above that in the stack? */
static void count_depth(struct stack *s, uint32_t after)
{
    uint32_t others = s->marks - tree_sum(s, after);

    if (others >= s->depths) {
        uint32_t room = others < FIRST_ROOM ? (uint32_t)FIRST_ROOM : others + others / 2;

        s->found = must(realloc(s->found, room * sizeof *s->found));
        memset(s->found + s->depths, 0, (room - s->depths) * sizeof *s->found);
        s->depths = room;
    }
    s->found[others]++;
    s->total++;
    s->deepest = others > s->deepest ? others : s->deepest;
}

/* Only what was found stays. */
static void end_stack(struct stack *s)
{
    free(s->when);
    free(s->owner);
    free(s->tree);
    free(s->hole);
    s->when = NULL;
    s->owner = NULL;
    s->tree = NULL;
    s->hole = NULL;
    s->slots = s->used = s->marks = s->holes = s->hole_room = 0;
}

/* ---- samples ---------------------------------------------------------------------------------------- */

/* rate * 2^64 by halves of the rate, exact; 0 stands for 2^64. */
static uint64_t threshold_of(double rate)
{
    return rate >= 1 ? 0 : (uint64_t)ldexp(rate, 64);
}

struct mrc *mrc_create(const struct mrc_config *config)
{
    struct mrc *mrc = must(calloc(1, sizeof *mrc));

    mrc->config = *config;
    mrc->levels = config->size != 0 ? MAX_LEVELS : 1;
    return mrc;
}

void mrc_destroy(struct mrc *mrc)
{
    if (mrc == NULL) {
        return;
    }
    for (unsigned i = 0; i < MAX_LEVELS; i++) {
        if (mrc->level[i] != NULL) {
            end_stack(mrc->level[i]);
            free(mrc->level[i]->found);
            free(mrc->level[i]->sum);
            free(mrc->level[i]);
        }
        free(mrc->ended[i].found);
        free(mrc->ended[i].sum);
    }
    free(mrc->last);
    free(mrc);
}

static uint64_t hash_of(const struct mrc *mrc, uint32_t sa)
{
    return rng_mix(rng_mix(sa + UINT64_C(0x9e3779b97f4a7c15)) ^ rng_mix(~mrc->config.seed));
}

/* The number of the last level that the SA is in, + 1; 0: it is in no sample. */
static unsigned levels_of(const struct mrc *mrc, uint32_t sa)
{
    uint64_t hash;
    unsigned zeros;

    if (mrc->config.rate >= 1 && mrc->levels == 1) {
        return 1;
    }
    hash = hash_of(mrc, sa);
    if (mrc->levels == 1) {
        return hash < threshold_of(mrc->config.rate);
    }
    zeros = hash == 0 ? 64 : (unsigned)__builtin_clzll(hash);
    return zeros + 1 < mrc->levels ? zeros + 1 : mrc->levels;
}

static double level_rate(const struct mrc *mrc, unsigned level)
{
    return ldexp(mrc->config.rate, -(int)level);
}

static struct stack *level_at(struct mrc *mrc, unsigned level)
{
    if (mrc->level[level] == NULL) {
        mrc->level[level] = must(calloc(1, sizeof **mrc->level));
        mrc->level[level]->threshold = threshold_of(level_rate(mrc, level));
    }
    return mrc->level[level];
}

/* A sample that has outgrown its size is given up for the next one, which has been kept all along. */
static void give_up(struct mrc *mrc)
{
    while (mrc->config.size != 0 && mrc->now + 1 < mrc->levels &&
           level_at(mrc, mrc->now)->marks > mrc->config.size) {
        end_stack(mrc->level[mrc->now]);
        mrc->ended[mrc->now] = *mrc->level[mrc->now];
        free(mrc->level[mrc->now]);
        mrc->level[mrc->now++] = NULL;
    }
}

/* ---- accesses ------------------------------------------------------------------------------------------ */

static void make_room(struct mrc *mrc, uint32_t sa)
{
    uint32_t room = sa < FIRST_ROOM ? (uint32_t)FIRST_ROOM : sa + sa / 8 + 1;

    mrc->last = must(realloc(mrc->last, room * sizeof *mrc->last));
    memset(mrc->last + mrc->sas, 0, (room - mrc->sas) * sizeof *mrc->last);
    mrc->sas = room;
}

void mrc_access(struct mrc *mrc, uint32_t sa)
{
    uint64_t now = ++mrc->accesses;
    unsigned levels = levels_of(mrc, sa);
    uint64_t last;

    if (sa >= mrc->sas) {
        make_room(mrc, sa);
    }
    last = mrc->last[sa];
    mrc->last[sa] = now;
    mrc->cold += last == 0;
    for (unsigned i = mrc->now; i < levels || i == mrc->now; i++) {
        struct stack *s = level_at(mrc, i);
        uint32_t after;

        if (s->used == s->slots) {
            compact(s);
        }
        after = last == 0 ? 0 : slot_after(s, last);
        if (last != 0 && i == mrc->now) {
            count_depth(s, after);
        }
        if (i < levels) {
            move_to_top(s, sa, after, now);
        }
    }
    give_up(mrc);
}

void mrc_forget(struct mrc *mrc, uint32_t sa)
{
    uint64_t last = mrc_last(mrc, sa);
    unsigned levels;

    if (last == 0) {
        return;
    }
    levels = levels_of(mrc, sa);
    for (unsigned i = mrc->now; i < levels; i++) {
        struct stack *s = mrc->level[i];

        make_hole(s, slot_after(s, last) - 1);
    }
    mrc->last[sa] = 0;
    mrc->forgotten++;
}

uint64_t mrc_last(const struct mrc *mrc, uint32_t sa)
{
    return sa < mrc->sas ? mrc->last[sa] : 0;
}

uint64_t mrc_accesses(const struct mrc *mrc)
{
    return mrc->accesses;
}

uint64_t mrc_cold(const struct mrc *mrc)
{
    return mrc->cold;
}

uint64_t mrc_forgotten(const struct mrc *mrc)
{
    return mrc->forgotten;
}

double mrc_rate(const struct mrc *mrc)
{
    return level_rate(mrc, mrc->now);
}

uint32_t mrc_marks(const struct mrc *mrc)
{
    return mrc->level[mrc->now] != NULL ? mrc->level[mrc->now]->marks : 0;
}

/* What was found at a level; NULL: nothing. */
static struct stack *found_at(struct mrc *mrc, unsigned level)
{
    struct stack *s = level < mrc->now ? &mrc->ended[level] : mrc->level[level];

    return s != NULL && s->total != 0 ? s : NULL;
}

size_t mrc_bytes(const struct mrc *mrc)
{
    size_t bytes = sizeof *mrc + mrc->sas * sizeof *mrc->last;

    for (unsigned i = 0; i < mrc->levels; i++) {
        const struct stack *s = i < mrc->now ? &mrc->ended[i] : mrc->level[i];

        if (s != NULL) {
            bytes += sizeof *s + s->depths * sizeof *s->found + s->hole_room * sizeof *s->hole +
                     (s->sum == NULL ? 0 : s->deepest + 1) * sizeof *s->sum +
                     s->slots * (sizeof *s->when + sizeof *s->owner + sizeof *s->tree);
        }
    }
    return bytes;
}

/* ---- the curve -------------------------------------------------------------------------------------------- */

static void add_up(struct stack *s)
{
    uint64_t sum = 0;

    s->sum = must(realloc(s->sum, ((size_t)s->deepest + 1) * sizeof *s->sum));
    for (uint32_t i = 0; i <= s->deepest; i++) {
        s->sum[i] = sum += s->found[i];
    }
    s->summed = s->total;
}

/* Accesses with at most so many marks above. */
static uint64_t found_up_to(struct stack *s, uint64_t others)
{
    if (s->summed != s->total) {
        add_up(s);
    }
    return s->sum[others < s->deepest ? others : s->deepest];
}

/* Accesses with fewer others than `capacity`, which are capacity * rate marks: of those with as many marks as that
 * has whole ones a part, as if they lay evenly between. */
static uint64_t found_below(struct stack *s, uint64_t capacity)
{
    unsigned __int128 scaled = s->threshold == 0 ? (unsigned __int128)capacity << 64
                                                 : (unsigned __int128)capacity * s->threshold;
    uint64_t marks = (uint64_t)(scaled >> 64);
    uint64_t below = marks == 0 ? 0 : found_up_to(s, marks - 1);
    uint64_t here = found_up_to(s, marks) - below;

    return below + (uint64_t)(((unsigned __int128)here * (uint64_t)scaled) >> 64);
}

uint64_t mrc_hits(struct mrc *mrc, uint64_t capacity)
{
    uint64_t hits = 0;

    for (unsigned i = 0; i <= mrc->now && capacity != 0; i++) {
        struct stack *s = found_at(mrc, i);

        hits += s == NULL ? 0 : found_below(s, capacity);
    }
    return hits;
}

/* The smallest capacity that is so many marks. */
static uint64_t capacity_of(const struct stack *s, uint64_t marks)
{
    unsigned __int128 wanted = (unsigned __int128)marks << 64;

    return s->threshold == 0 ? marks : (uint64_t)((wanted + s->threshold - 1) / s->threshold);
}

uint64_t mrc_deepest(struct mrc *mrc)
{
    uint64_t deepest = 0;

    for (unsigned i = 0; i <= mrc->now; i++) {
        const struct stack *s = found_at(mrc, i);
        uint64_t depth = s == NULL ? 0 : capacity_of(s, (uint64_t)s->deepest + 1);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* ---- the bound ---------------------------------------------------------------------------------------------- */

/* Of n independent marks with probability r a share q or more (q > r), or q or less (q < r): the probability is at
 * most exp(-n * divergence). */
static double divergence(double q, double r)
{
    double above = q <= 0 ? 0 : q * log(q / r);
    double below = q >= 1 ? 0 : (1 - q) * log((1 - q) / (1 - r));

    return above + below;
}

static double unlikeliness(uint64_t n, uint64_t k, double r)
{
    return (double)n * divergence((double)k / (double)n, r);
}

/* One more than the most marks that n others have only with a probability of exp(-wanted); 0: none is as rare. */
static uint64_t too_few(uint64_t n, double r, double wanted)
{
    uint64_t low = 0;
    uint64_t high = (uint64_t)((double)n * r); /* at the mean nothing is unlikely */

    while (low < high) { /* rare below `low`, not from `high` on */
        uint64_t middle = low + (high - low) / 2;

        if (unlikeliness(n, middle, r) >= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The fewest marks that n others have only with a probability of exp(-wanted); n + 1: none is as rare. */
static uint64_t too_many(uint64_t n, double r, double wanted)
{
    uint64_t low = (uint64_t)ceil((double)n * r);
    uint64_t high = n + 1;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (unlikeliness(n, middle, r) >= wanted) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return high;
}

struct mrc_range mrc_bound(struct mrc *mrc, uint64_t capacity, double failure, double slack)
{
    uint64_t low = 0;
    uint64_t high = 0;
    bool exact = true;
    double all = mrc->accesses == 0 ? 1 : (double)mrc->accesses;
    struct mrc_range range;

    for (unsigned i = 0; i <= mrc->now && capacity != 0; i++) {
        struct stack *s = found_at(mrc, i);
        double rate = level_rate(mrc, i);
        /* which level an access is counted at depends on the sample, so it must hold at all of them: level i
         * has a share of 2^-(i + 1) of what may fail */
        double share = mrc->levels == 1 ? 1 : ldexp(1, -(int)i - 1);
        double wanted = -log(failure / 2 * slack * share);
        uint64_t few;

        if (s == NULL) {
            continue;
        }
        if (s->threshold == 0) {
            low += found_up_to(s, capacity - 1);
            high += found_up_to(s, capacity - 1);
            continue;
        }
        exact = false;
        few = too_few(capacity, rate, wanted);
        low += few == 0 ? 0 : found_up_to(s, few - 1);
        high += capacity == 1 ? s->found[0]
                              : found_up_to(s, too_many(capacity - 1, rate,
                                                        wanted + log((double)mrc->forgotten + 1)) -
                                                   1);
    }
    range.low = (double)low / all - (exact ? 0 : slack);
    range.high = (double)high / all + (exact ? 0 : slack);
    range.low = range.low < 0 ? 0 : range.low;
    if (range.high > (double)(mrc->accesses - mrc->cold) / all) {
        range.high = (double)(mrc->accesses - mrc->cold) / all;
    }
    return range;
}
