#include "pcie_model/lru.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"

enum { FIRST_BUCKETS = 64, BUCKETS_PER_KEY = 2 };

/* Nodes [from, lru->nodes) become the free ones; there were none. */
static void make_free(struct lru *lru, size_t from)
{
    for (size_t i = lru->nodes; i-- > from;) {
        lru->node[i].chain = lru->s.free;
        lru->s.free = (uint32_t)i;
    }
}

static void clear_buckets(struct lru *lru)
{
    memset(lru->bucket, 0xff, lru->buckets * sizeof *lru->bucket); /* LRU_NONE */
}

bool lru_init(struct lru *lru, uint32_t capacity)
{
    memset(lru, 0, sizeof *lru);
    lru->capacity = capacity;
    lru->buckets = FIRST_BUCKETS;
    while (lru->buckets < (size_t)capacity * BUCKETS_PER_KEY) {
        lru->buckets *= 2;
    }
    /* one more than is kept: a key is let in before another goes */
    lru->nodes = (size_t)capacity + 1;
    lru->node = calloc(lru->nodes, sizeof *lru->node);
    lru->bucket = calloc(lru->buckets, sizeof *lru->bucket);
    if (!lru->node || !lru->bucket) {
        lru_free(lru);
        return false;
    }
    clear_buckets(lru);
    lru->s.free = LRU_NONE;
    make_free(lru, 0);
    for (unsigned l = 0; l < LRU_LISTS; l++) {
        lru->s.oldest[l] = LRU_NONE;
        lru->s.newest[l] = LRU_NONE;
    }
    return true;
}

void lru_free(struct lru *lru)
{
    free(lru->node);
    free(lru->bucket);
    memset(lru, 0, sizeof *lru);
}

void lru_register_state(struct lru *lru, struct snapshot *snap, const char *name)
{
    snapshot_fixed(snap, name, &lru->s, sizeof lru->s);
    snapshot_array(snap, name, &lru->node, sizeof *lru->node, &lru->nodes);
    snapshot_array(snap, name, &lru->bucket, sizeof *lru->bucket, &lru->buckets);
}

/* ---- the lists --------------------------------------------------------------------------------- */

static void unlink_node(struct lru *lru, uint32_t index)
{
    struct lru_node *n = &lru->node[index];

    *(n->older == LRU_NONE ? &lru->s.oldest[n->list] : &lru->node[n->older].newer) = n->newer;
    *(n->newer == LRU_NONE ? &lru->s.newest[n->list] : &lru->node[n->newer].older) = n->older;
    lru->s.used[n->list]--;
}

/* Right after node `older` of the list; LRU_NONE: as the oldest. */
static void link_node(struct lru *lru, uint32_t index, enum lru_list list, uint32_t older)
{
    struct lru_node *n = &lru->node[index];
    uint32_t *after = older == LRU_NONE ? &lru->s.oldest[list] : &lru->node[older].newer;

    n->list = list;
    n->older = older;
    n->newer = *after;
    *(n->newer == LRU_NONE ? &lru->s.newest[list] : &lru->node[n->newer].older) = index;
    *after = index;
    lru->s.used[list]++;
}

static uint32_t *bucket_of(const struct lru *lru, uint64_t key)
{
    return &lru->bucket[rng_mix(key) & (lru->buckets - 1)];
}

/* ---- keys -------------------------------------------------------------------------------------- */

static void forget(struct lru *lru, uint32_t index)
{
    struct lru_node *n = &lru->node[index];
    uint32_t *at = bucket_of(lru, n->key);

    while (*at != index) {
        at = &lru->node[*at].chain;
    }
    *at = n->chain;
    unlink_node(lru, index);
    n->chain = lru->s.free;
    lru->s.free = index;
}

void lru_settle(struct lru *lru, uint64_t cycle)
{
    uint32_t first = lru->s.oldest[LRU_UNDER_WAY];

    while (first != LRU_NONE && lru->node[first].ready <= cycle) {
        unlink_node(lru, first);
        link_node(lru, first, LRU_KEPT, lru->s.newest[LRU_KEPT]);
        if (lru->s.used[LRU_KEPT] > lru->capacity) {
            forget(lru, lru->s.oldest[LRU_KEPT]);
        }
        first = lru->s.oldest[LRU_UNDER_WAY];
    }
}

uint32_t lru_find(const struct lru *lru, uint64_t key)
{
    uint32_t index = *bucket_of(lru, key);

    while (index != LRU_NONE && lru->node[index].key != key) {
        index = lru->node[index].chain;
    }
    return index;
}

void lru_use(struct lru *lru, uint32_t index)
{
    unlink_node(lru, index);
    link_node(lru, index, LRU_KEPT, lru->s.newest[LRU_KEPT]);
}

static void *enlarge(void *array, size_t bytes)
{
    return must(realloc(array, bytes));
}

static void enter(struct lru *lru, uint32_t index)
{
    uint32_t *bucket = bucket_of(lru, lru->node[index].key);

    lru->node[index].chain = *bucket;
    *bucket = index;
}

/* More is under way than ever before, and every node is in use. */
static void grow(struct lru *lru)
{
    size_t old = lru->nodes;

    lru->nodes *= 2;
    lru->node = enlarge(lru->node, lru->nodes * sizeof *lru->node);
    memset(lru->node + old, 0, old * sizeof *lru->node); /* the same in every snapshot */
    lru->buckets *= 2;
    lru->bucket = enlarge(lru->bucket, lru->buckets * sizeof *lru->bucket);
    clear_buckets(lru);
    for (uint32_t i = 0; i < old; i++) {
        enter(lru, i);
    }
    make_free(lru, old);
}

void lru_fetch(struct lru *lru, uint64_t key, uint64_t ready)
{
    uint32_t before = lru->s.newest[LRU_UNDER_WAY];
    struct lru_node *n;
    uint32_t index;

    if (lru->s.free == LRU_NONE) {
        grow(lru);
    }
    index = lru->s.free;
    n = &lru->node[index];
    lru->s.free = n->chain;
    n->key = key;
    n->ready = ready;
    enter(lru, index);
    while (before != LRU_NONE && lru->node[before].ready > ready) {
        before = lru->node[before].older;
    }
    link_node(lru, index, LRU_UNDER_WAY, before);
}
