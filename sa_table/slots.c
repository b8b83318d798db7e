#include "sa_table/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"

/* A bucket that a search has come to: by moving the key in slot `from` there. */
struct sa_step {
    uint32_t bucket;
    uint32_t before; /* step of the bucket it came from, itself at a root */
    uint32_t from;   /* slot in that bucket */
};

static uint32_t total(const struct sa_slots *slots)
{
    return slots->config.choices * slots->buckets * slots->config.ways;
}

struct sa_slots_key sa_slots_h3_row(uint32_t memory, uint32_t bit)
{
    uint64_t number = ((uint64_t)memory * SA_SLOTS_ROWS + bit) * SA_SLOTS_WORDS;
    struct sa_slots_key row;

    for (uint32_t w = 0; w < SA_SLOTS_WORDS; w++) {
        row.word[w] = rng_mix(++number * 0x9e3779b97f4a7c15ull);
    }
    row.word[SA_SLOTS_WORDS - 1] &= (UINT64_C(1) << 34) - 1;
    return row;
}

static void make_rows(struct sa_slots *slots)
{
    uint32_t rows = slots->config.choices * SA_SLOTS_ROWS;

    assert((slots->buckets & (slots->buckets - 1)) == 0);
    slots->row = must(calloc(rows, sizeof *slots->row));
    for (uint32_t i = 0; i < rows; i++) {
        slots->row[i] = sa_slots_h3_row(i / SA_SLOTS_ROWS, i % SA_SLOTS_ROWS);
    }
}

void sa_slots_init(struct sa_slots *slots, const struct sa_slots_config *config)
{
    *slots = (struct sa_slots){ .config = *config };
    if (config->organisation == SA_ORGANISATION_CAM) {
        return;
    }
    slots->buckets = config->slots / (config->choices * config->ways);
    slots->slot = must(calloc(total(slots), sizeof *slots->slot));
    slots->step = must(calloc(config->search, sizeof *slots->step));
    slots->seen = must(calloc((size_t)config->choices * slots->buckets, sizeof *slots->seen));
    if (config->hash == SA_SLOTS_H3) {
        make_rows(slots);
    }
}

void sa_slots_destroy(struct sa_slots *slots)
{
    free(slots->slot);
    free(slots->step);
    free(slots->seen);
    free(slots->row);
    slots->row = NULL;
    slots->slot = NULL;
    slots->step = NULL;
    slots->seen = NULL;
}

uint32_t sa_slots_bucket(const struct sa_slots *slots, uint64_t hash, uint32_t memory)
{
    uint64_t mixed;

    if (slots->config.organisation == SA_ORGANISATION_DIRECT) {
        return (uint32_t)(hash % slots->buckets);
    }
    mixed = rng_mix(hash + (memory + 1) * 0x9e3779b97f4a7c15ull);
    return memory * slots->buckets + (uint32_t)((mixed >> 32) * slots->buckets >> 32);
}

uint32_t sa_slots_h3_bucket(const struct sa_slots *slots, const struct sa_slots_key *key,
                            uint32_t memory)
{
    const struct sa_slots_key *row = &slots->row[memory * SA_SLOTS_ROWS];
    uint32_t bucket = 0;

    for (uint32_t bit = 0; slots->buckets >> bit > 1; bit++) {
        uint64_t masked = 0;

        for (uint32_t w = 0; w < SA_SLOTS_WORDS; w++) {
            masked ^= key->word[w] & row[bit].word[w];
        }
        bucket |= (uint32_t)__builtin_parityll(masked) << bit;
    }
    return memory * slots->buckets + bucket;
}

/* What says which buckets are a key's: its hash, or itself. */
struct name {
    uint64_t hash;
    struct sa_slots_key key;
};

static struct name name_of(const struct sa_slots *slots, const struct sa_slots_owner *how,
                           const void *owner, uint32_t reference)
{
    struct name name = { 0 };

    if (slots->config.hash == SA_SLOTS_H3) {
        name.key = how->key(owner, reference);
    } else {
        name.hash = how->hash(owner, reference);
    }
    return name;
}

static uint32_t bucket_of(const struct sa_slots *slots, const struct name *name, uint32_t memory)
{
    return slots->config.hash == SA_SLOTS_H3 ? sa_slots_h3_bucket(slots, &name->key, memory)
                                             : sa_slots_bucket(slots, name->hash, memory);
}

static uint32_t *slots_of(const struct sa_slots *slots, uint32_t bucket)
{
    return slots->slot + (size_t)bucket * slots->config.ways;
}

/* Number of the first free slot, and how many there are. */
static uint32_t free_slots(const struct sa_slots *slots, uint32_t bucket, uint32_t *first)
{
    const uint32_t *slot = slots_of(slots, bucket);
    uint32_t count = 0;

    for (uint32_t way = slots->config.ways; way-- > 0;) {
        if (slot[way] == 0) {
            *first = bucket * slots->config.ways + way;
            count++;
        }
    }
    return count;
}

/* ---- a key's own buckets --------------------------------------------------------------------- */

/* The free slot in the emptiest of its buckets; false if all are full. */
static bool own_slot(const struct sa_slots *slots, const struct name *name, uint32_t *found)
{
    uint32_t most = 0;

    for (uint32_t m = 0; m < slots->config.choices; m++) {
        uint32_t first = 0;
        uint32_t count = free_slots(slots, bucket_of(slots, name, m), &first);

        if (count > most) {
            most = count;
            *found = first;
        }
    }
    return most > 0;
}

/* ---- moving others --------------------------------------------------------------------------- */

/* Is this the first time that the search comes to the bucket? */
static bool is_new(struct sa_slots *slots, uint32_t bucket)
{
    bool new = slots->seen[bucket] != slots->searches;

    slots->seen[bucket] = slots->searches;
    return new;
}

static void next_search(struct sa_slots *slots)
{
    if (++slots->searches == 0) { /* the number has gone round: old marks must not look new */
        memset(slots->seen, 0,
               (size_t)slots->config.choices * slots->buckets * sizeof *slots->seen);
        slots->searches = 1;
    }
}

/* Add the buckets to which the key in `from` of step `at` could go. */
static uint32_t look_further(struct sa_slots *slots, const struct name *name, uint32_t at,
                             uint32_t from, uint32_t steps)
{
    for (uint32_t m = 0; m < slots->config.choices && steps < slots->config.search; m++) {
        uint32_t bucket = bucket_of(slots, name, m);

        if (is_new(slots, bucket)) {
            slots->step[steps++] = (struct sa_step){ .bucket = bucket, .before = at, .from = from };
        }
    }
    return steps;
}

/* Moves every key of the chain one bucket on, the last one into the free slot; returns the slot that became free. */
static uint32_t move_chain(struct sa_slots *slots, uint32_t step, uint32_t free_slot,
                           struct sa_cost *cost)
{
    const struct sa_step *s = &slots->step[step];

    while (s->before != step) {
        slots->slot[free_slot] = slots->slot[s->from];
        free_slot = s->from;
        cost->writes++;
        step = s->before;
        s = &slots->step[step];
    }
    return free_slot;
}

/* Room by moving others: a search in breadth from the key's own buckets, which are known to be full. */
static bool make_room(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                      const struct name *name, struct sa_cost *cost, uint32_t *found)
{
    uint32_t ways = slots->config.ways;
    uint32_t steps = slots->config.choices;
    uint32_t free_slot = 0;

    next_search(slots);
    for (uint32_t m = 0; m < steps; m++) {
        slots->step[m] = (struct sa_step){ .bucket = bucket_of(slots, name, m), .before = m };
        is_new(slots, slots->step[m].bucket);
    }
    for (uint32_t at = 0; at < steps; at++) {
        uint32_t bucket = slots->step[at].bucket;

        if (at >= slots->config.choices) {
            cost->reads++;
            if (free_slots(slots, bucket, &free_slot) > 0) {
                *found = move_chain(slots, at, free_slot, cost);
                return true;
            }
        }
        for (uint32_t way = 0; way < ways; way++) {
            uint32_t from = bucket * ways + way;

            struct name other = name_of(slots, how, owner, slots->slot[from]);

            steps = look_further(slots, &other, at, from, steps);
        }
    }
    return false;
}

/* ---- the stash ------------------------------------------------------------------------------- */

static bool into_stash(struct sa_slots *slots, uint32_t reference)
{
    for (uint32_t i = 0; i < slots->config.stash; i++) {
        if (slots->state.stash[i] == 0) {
            slots->state.stash[i] = reference;
            slots->state.in_stash++;
            return true;
        }
    }
    return false;
}

static bool out_of_stash(struct sa_slots *slots, uint32_t reference)
{
    for (uint32_t i = 0; i < slots->config.stash; i++) {
        if (slots->state.stash[i] == reference) {
            slots->state.stash[i] = 0;
            slots->state.in_stash--;
            return true;
        }
    }
    return false;
}

/* The first key of the stash that may lie in this bucket takes the slot that has become free in it. */
static void empty_stash(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                        uint32_t bucket, uint32_t slot, struct sa_cost *cost)
{
    uint32_t memory = bucket / slots->buckets;

    for (uint32_t i = 0; slots->state.in_stash != 0 && i < slots->config.stash; i++) {
        uint32_t reference = slots->state.stash[i];
        struct name name;

        if (reference == 0) {
            continue;
        }
        name = name_of(slots, how, owner, reference);
        if (bucket_of(slots, &name, memory) == bucket) {
            slots->slot[slot] = reference;
            out_of_stash(slots, reference);
            cost->writes++;
            return;
        }
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

bool sa_slots_place(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                    uint32_t reference, struct sa_cost *cost)
{
    struct name name = name_of(slots, how, owner, reference);
    uint32_t slot = 0;

    *cost = (struct sa_cost){ .reads = 1 };
    if (own_slot(slots, &name, &slot) || (slots->config.organisation == SA_ORGANISATION_CUCKOO &&
                                          make_room(slots, how, owner, &name, cost, &slot))) {
        slots->slot[slot] = reference;
    } else if (!into_stash(slots, reference)) {
        return false;
    }
    cost->writes++;
    slots->state.used++;
    return true;
}

/* The slot of a reference; false if it is not in the memories. */
static bool find_slot(const struct sa_slots *slots, const struct name *name, uint32_t reference,
                      uint32_t *found)
{
    for (uint32_t m = 0; m < slots->config.choices; m++) {
        uint32_t bucket = bucket_of(slots, name, m);

        for (uint32_t way = 0; way < slots->config.ways; way++) {
            if (slots_of(slots, bucket)[way] == reference) {
                *found = bucket * slots->config.ways + way;
                return true;
            }
        }
    }
    return false;
}

void sa_slots_remove(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                     uint32_t reference, struct sa_cost *cost)
{
    struct name name = name_of(slots, how, owner, reference);
    uint32_t slot = 0;

    *cost = (struct sa_cost){ .reads = 1, .writes = 1 };
    if (find_slot(slots, &name, reference, &slot)) {
        slots->slot[slot] = 0;
        empty_stash(slots, how, owner, slot / slots->config.ways, slot, cost);
    } else {
        bool found = out_of_stash(slots, reference);

        assert(found);
        (void)found;
    }
    slots->state.used--;
}
