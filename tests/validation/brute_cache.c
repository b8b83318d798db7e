#include "brute_cache.h"

#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"

struct place {
    bool taken, dirty;
    uint64_t id;
    unsigned interval; /* SRRIP */
};

struct set {
    struct place *place; /* by way */
    uint32_t *order;     /* ways, the next victim first: by use (LRU) or by arrival (FIFO) */
    uint32_t ordered;    /* of them */
    uint32_t *recent;    /* ways, the latest use first (tree) */
    uint32_t remembered; /* of them */
};

struct brute {
    struct brute_config config;
    struct set *set;
    struct rng rng;
    struct brute_counts counts;
};

struct brute *brute_create(const struct brute_config *config)
{
    struct brute *b = calloc(1, sizeof *b);

    b->config = *config;
    b->rng = rng_stream(config->seed, 0);
    b->set = calloc(config->sets, sizeof *b->set);
    for (uint32_t s = 0; s < config->sets; s++) {
        b->set[s].place = calloc(config->ways, sizeof(struct place));
        b->set[s].order = calloc(config->ways, sizeof(uint32_t));
        b->set[s].recent = calloc(config->ways, sizeof(uint32_t));
    }
    return b;
}

void brute_destroy(struct brute *b)
{
    for (uint32_t s = 0; s < b->config.sets; s++) {
        free(b->set[s].place);
        free(b->set[s].order);
        free(b->set[s].recent);
    }
    free(b->set);
    free(b);
}

struct brute_counts brute_counts(const struct brute *b)
{
    return b->counts;
}

/* ---- lists of ways -------------------------------------------------------------------------- */

static void leave(uint32_t *list, uint32_t *count, uint32_t way)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (list[i] == way) {
            memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof *list);
            (*count)--;
            return;
        }
    }
}

static void join_last(uint32_t *list, uint32_t *count, uint32_t way)
{
    leave(list, count, way);
    list[(*count)++] = way;
}

static void join_first(uint32_t *list, uint32_t *count, uint32_t way)
{
    leave(list, count, way);
    memmove(&list[1], &list[0], *count * sizeof *list);
    list[0] = way;
    (*count)++;
}

/* ---- policies -------------------------------------------------------------------------------- */

/* A tree points away from where it was used last. So of a range of ways the victim is in the half that the latest
 * use within the range was not in; in a range that was never used it is on the left. */
static uint32_t tree_victim(const struct set *set, uint32_t low, uint32_t high)
{
    uint32_t middle = (low + high) / 2;

    if (high - low == 1) {
        return low;
    }
    for (uint32_t i = 0; i < set->remembered; i++) {
        if (set->recent[i] >= low && set->recent[i] < high) {
            return set->recent[i] < middle ? tree_victim(set, middle, high)
                                           : tree_victim(set, low, middle);
        }
    }
    return tree_victim(set, low, middle);
}

/* Search for the most distant from the left; if there is none, all grow by one, and again. */
static uint32_t srrip_victim(const struct brute *b, const struct set *set)
{
    unsigned distant = (1u << b->config.rrip_bits) - 1;

    for (;;) {
        for (uint32_t w = 0; w < b->config.ways; w++) {
            if (set->place[w].interval == distant) {
                return w;
            }
        }
        for (uint32_t w = 0; w < b->config.ways; w++) {
            set->place[w].interval++;
        }
    }
}

static uint32_t victim(struct brute *b, const struct set *set)
{
    switch (b->config.policy) {
    case BRUTE_RANDOM: return (uint32_t)rng_below(&b->rng, b->config.ways);
    case BRUTE_TREE: return tree_victim(set, 0, b->config.ways);
    case BRUTE_SRRIP: return srrip_victim(b, set);
    default: return set->order[0];
    }
}

static void used(const struct brute *b, struct set *set, uint32_t way, bool arrives)
{
    if (b->config.policy == BRUTE_LRU || arrives) {
        join_last(set->order, &set->ordered, way);
    }
    join_first(set->recent, &set->remembered, way);
    set->place[way].interval = arrives ? (1u << b->config.rrip_bits) - 2 : 0;
}

/* ---- accesses --------------------------------------------------------------------------------- */

static struct set *set_of(const struct brute *b, uint64_t id)
{
    return &b->set[(b->config.mix ? rng_mix(id) : id) % b->config.sets];
}

static uint32_t way_of(const struct brute *b, const struct set *set, uint64_t id)
{
    uint32_t w = 0;

    while (w < b->config.ways && !(set->place[w].taken && set->place[w].id == id)) {
        w++;
    }
    return w;
}

static uint32_t first_empty(const struct brute *b, const struct set *set)
{
    uint32_t w = 0;

    while (w < b->config.ways && set->place[w].taken) {
        w++;
    }
    return w;
}

bool brute_access(struct brute *b, uint64_t id, bool write)
{
    struct set *set = set_of(b, id);
    uint32_t way = way_of(b, set, id);
    bool hit = way < b->config.ways;

    if (!hit) {
        way = first_empty(b, set);
        if (way == b->config.ways) {
            way = victim(b, set);
            b->counts.evictions++;
            b->counts.writebacks += set->place[way].dirty;
        }
        set->place[way] = (struct place){ .taken = true, .id = id };
    }
    set->place[way].dirty = set->place[way].dirty || write;
    used(b, set, way, !hit);
    b->counts.hits += hit;
    b->counts.misses += !hit;
    return hit;
}

void brute_invalidate(struct brute *b, uint64_t id)
{
    struct set *set = set_of(b, id);
    uint32_t way = way_of(b, set, id);

    if (way < b->config.ways) {
        set->place[way] = (struct place){ .taken = false };
        leave(set->order, &set->ordered, way);
        b->counts.invalidations++;
    }
}
