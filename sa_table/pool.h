/* Growable storage addressed by index: what the SA table is made of.
 *
 * Storage grows by chunks of about 64 KiB, so no insertion costs more than one chunk, elements
 * never move, and the waste is less than a chunk. Free elements are chained inside the pool
 * itself. What must be saved in a snapshot is `state` and the bytes of the chunks; the chunks'
 * addresses are not state. Released elements are cleared: equal histories give equal bytes, and
 * no key outlives its SA. */
#ifndef ESPNIC_SA_TABLE_POOL_H
#define ESPNIC_SA_TABLE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of state for a snapshot. */
struct sa_region {
    const char *name; /* "contexts": the same for every chunk of a pool */
    void *data;
    size_t bytes;
};

typedef void (*sa_region_fn)(void *user, const struct sa_region *region);

struct sa_chunks {
    void **chunk;
    uint32_t count, room;
    uint32_t element; /* bytes */
    uint32_t shift;   /* log2 of the elements in a chunk */
};

/* ---- elements of one size; ids from 1, 0 is "none" ------------------------------------------ */

struct sa_pool {
    struct sa_chunks chunks;
    struct sa_pool_state {
        uint32_t used; /* ids 1 .. used - 1 were handed out at some time */
        uint32_t free; /* head of the free chain, 0 = empty */
        uint32_t live;
    } state;
};

/* `element` >= 4 bytes. Allocates nothing. */
void sa_pool_init(struct sa_pool *pool, uint32_t element);
void sa_pool_destroy(struct sa_pool *pool);

/* An element as sa_pool_release left it, first 4 bytes zero; 0 when memory or ids (2^31 - 1) run
 * out. The last released id comes first. */
uint32_t sa_pool_take(struct sa_pool *pool);
/* Clears the element. Its first 4 bytes are the pool's until it is taken again; the owner may keep
 * something in the others. */
void sa_pool_release(struct sa_pool *pool, uint32_t id);

/* ---- blocks of different sizes, in units of 4 or 8 bytes ------------------------------------- */

enum { SA_STORE_CLASSES = 65 };

/* Released blocks are kept by size and serve only that size again. */
struct sa_store {
    struct sa_chunks chunks;
    struct sa_store_state {
        uint32_t used;                   /* units handed out at some time, 1 is never used */
        uint32_t free[SA_STORE_CLASSES]; /* by units */
        uint64_t live;                   /* units */
    } state;
};

/* `unit`: 4 or 8 bytes, also the alignment of the blocks. */
void sa_store_init(struct sa_store *store, uint32_t unit);
void sa_store_destroy(struct sa_store *store);

/* A cleared block of `units` (1 .. SA_STORE_CLASSES - 1); 0 when memory runs out. */
uint32_t sa_store_take(struct sa_store *store, uint32_t units);
void sa_store_release(struct sa_store *store, uint32_t id, uint32_t units);

/* ---- common ------------------------------------------------------------------------------- */

static inline void *sa_chunks_at(const struct sa_chunks *chunks, uint32_t id)
{
    uint32_t inside = id & ((1u << chunks->shift) - 1u);

    return (char *)chunks->chunk[id >> chunks->shift] + (size_t)inside * chunks->element;
}

/* Allocates nothing. */
void sa_chunks_init(struct sa_chunks *chunks, uint32_t element);
void sa_chunks_destroy(struct sa_chunks *chunks);

/* Room for ids below `used`; false when memory runs out. */
bool sa_chunks_reserve(struct sa_chunks *chunks, uint32_t used);

/* Zero everything allocated. */
void sa_chunks_clear(struct sa_chunks *chunks);

/* Bytes allocated, directory included. */
uint64_t sa_chunks_bytes(const struct sa_chunks *chunks);

/* One call per chunk, for the ids below `used`. */
void sa_chunks_regions(const struct sa_chunks *chunks, const char *name, uint32_t used,
                       sa_region_fn fn, void *user);

#endif
