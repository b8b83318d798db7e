/* Hash index that grows one bucket at a time (linear hashing).
 *
 * Chains run through the indexed elements: the owner keeps one uint32_t link in each. A
 * reference is any nonzero number that the owner understands. No operation ever rehashes more
 * than one bucket. There are as many buckets (4 bytes) as ever were elements in at once, over
 * `per_bucket`. */
#ifndef ESPNIC_SA_TABLE_INDEX_H
#define ESPNIC_SA_TABLE_INDEX_H

#include "sa_table/pool.h"

/* How the index reaches the owner's elements. */
struct sa_index_owner {
    uint64_t (*hash)(const void *owner, uint32_t reference);
    uint32_t *(*link)(const void *owner, uint32_t reference);
};

struct sa_index {
    struct sa_chunks heads; /* uint32_t */
    uint32_t per_bucket;    /* elements, on average */
    struct sa_index_state {
        uint32_t buckets;
        uint32_t items;
    } state;
};

void sa_index_init(struct sa_index *index, uint32_t per_bucket);
void sa_index_destroy(struct sa_index *index);

/* Head of the chain for a hash, 0 = empty. */
uint32_t sa_index_head(const struct sa_index *index, uint64_t hash);

/* False when memory runs out. The newest element is first in its chain. */
bool sa_index_insert(struct sa_index *index, const struct sa_index_owner *how, const void *owner,
                     uint32_t reference);
/* The reference must be in the index. */
void sa_index_remove(struct sa_index *index, const struct sa_index_owner *how, const void *owner,
                     uint32_t reference);

#endif
