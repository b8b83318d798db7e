#include "sa_table/index.h"

void sa_index_init(struct sa_index *index, uint32_t per_bucket)
{
    *index = (struct sa_index){ .per_bucket = per_bucket };
    sa_chunks_init(&index->heads, sizeof(uint32_t));
}

void sa_index_destroy(struct sa_index *index)
{
    sa_chunks_destroy(&index->heads);
    index->state = (struct sa_index_state){ 0 };
}

static uint32_t *head(const struct sa_index *index, uint32_t bucket)
{
    return sa_chunks_at(&index->heads, bucket);
}

/* Linear hashing (Litwin 1980): with 2^k <= buckets < 2^(k+1), the buckets below buckets - 2^k and
 * their images above 2^k are addressed by k + 1 bits of the hash, the others by k. */
static uint32_t bucket_of(const struct sa_index *index, uint64_t hash)
{
    uint32_t buckets = index->state.buckets;
    uint32_t top = UINT32_C(1) << (31 - __builtin_clz(buckets)); /* 2^k */
    uint32_t bucket = (uint32_t)hash & (2 * top - 1);

    return bucket < buckets ? bucket : bucket - top;
}

uint32_t sa_index_head(const struct sa_index *index, uint64_t hash)
{
    return index->state.buckets == 0 ? 0 : *head(index, bucket_of(index, hash));
}

/* Adds a bucket and moves what belongs there from the one bucket where it can be. */
static void split(struct sa_index *index, const struct sa_index_owner *how, const void *owner)
{
    uint32_t added = index->state.buckets;
    uint32_t source = added - (UINT32_C(1) << (31 - __builtin_clz(added)));

    if (added == UINT32_C(1) << 31 || !sa_chunks_reserve(&index->heads, added + 1)) {
        return; /* longer chains, still right */
    }
    index->state.buckets = added + 1;
    uint32_t *from = head(index, source);
    uint32_t *to = head(index, added);

    while (*from != 0) {
        uint32_t reference = *from;
        uint32_t *link = how->link(owner, reference);

        if (bucket_of(index, how->hash(owner, reference)) == added) {
            *from = *link;
            *to = reference;
            *link = 0;
            to = link;
        } else {
            from = link;
        }
    }
}

bool sa_index_insert(struct sa_index *index, const struct sa_index_owner *how, const void *owner,
                     uint32_t reference)
{
    if (index->state.buckets == 0) {
        if (!sa_chunks_reserve(&index->heads, 1)) {
            return false;
        }
        index->state.buckets = 1;
    } else if (index->state.items / index->per_bucket >= index->state.buckets) {
        split(index, how, owner);
    }
    uint32_t *first = head(index, bucket_of(index, how->hash(owner, reference)));

    *how->link(owner, reference) = *first;
    *first = reference;
    index->state.items++;
    return true;
}

void sa_index_remove(struct sa_index *index, const struct sa_index_owner *how, const void *owner,
                     uint32_t reference)
{
    uint32_t *from = head(index, bucket_of(index, how->hash(owner, reference)));

    while (*from != reference) {
        from = how->link(owner, *from);
    }
    uint32_t *link = how->link(owner, reference);

    *from = *link;
    *link = 0;
    index->state.items--;
}
