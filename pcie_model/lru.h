/* Keys that are fetched, kept while there is room, and forgotten in the order of their last use:
 * the IO-TLB (a fetch is a page walk) and the page-walk cache of the host model.
 *
 * A key is under way from lru_fetch() until lru_settle() is called for a cycle not before its
 * `ready`; then it is kept and counts as used at that moment. What is under way takes no room of
 * what is kept. Plain data: indices instead of pointers, in regions of a snapshot. */
#ifndef ESPNIC_PCIE_MODEL_LRU_H
#define ESPNIC_PCIE_MODEL_LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/snapshot.h"

#define LRU_NONE UINT32_MAX

enum lru_list { LRU_KEPT, LRU_UNDER_WAY, LRU_LISTS };

struct lru_node {
    uint64_t key, ready;
    uint32_t older, newer; /* in its list: by last use, or by `ready` */
    uint32_t chain;        /* next in its bucket, or next free node */
    uint32_t list;         /* enum lru_list */
};

struct lru {
    struct lru_node *node;
    size_t nodes; /* allocated */
    uint32_t *bucket;
    size_t buckets;    /* a power of two */
    uint32_t capacity; /* most that are kept, at least 1 */
    struct lru_state {
        uint32_t free;
        uint32_t oldest[LRU_LISTS], newest[LRU_LISTS];
        uint32_t used[LRU_LISTS];
    } s;
};

/* False: no memory. The structure must be zeroed or initialised before it is freed. */
bool lru_init(struct lru *lru, uint32_t capacity);
void lru_free(struct lru *lru);
void lru_register_state(struct lru *lru, struct snapshot *snap, const char *name);

/* Keep what is ready at `cycle`, earliest first, those of one cycle in the order of their
 * fetches. Calls come in the order of their cycles. */
void lru_settle(struct lru *lru, uint64_t cycle);

/* Index of the key, kept or under way; LRU_NONE. Good until the next call that changes something. */
uint32_t lru_find(const struct lru *lru, uint64_t key);

/* Make a kept key the last to be forgotten. */
void lru_use(struct lru *lru, uint32_t index);

/* A key that lru_find() does not know. Short if `ready` hardly ever falls from call to call. */
void lru_fetch(struct lru *lru, uint64_t key, uint64_t ready);

#endif
