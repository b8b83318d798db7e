#include "sa_table/pool.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 65536, MAX_ID = 0x7fffffff };

/* ---- chunks ------------------------------------------------------------------------------- */

void sa_chunks_init(struct sa_chunks *chunks, uint32_t element)
{
    *chunks = (struct sa_chunks){ .element = element };
    while ((uint64_t)element << (chunks->shift + 1) <= CHUNK_BYTES) {
        chunks->shift++;
    }
}

void sa_chunks_destroy(struct sa_chunks *chunks)
{
    for (uint32_t i = 0; i < chunks->count; i++) {
        free(chunks->chunk[i]);
    }
    free((void *)chunks->chunk);
    chunks->chunk = NULL;
    chunks->count = 0;
    chunks->room = 0;
}

bool sa_chunks_reserve(struct sa_chunks *chunks, uint32_t used)
{
    while ((uint64_t)chunks->count << chunks->shift < used) {
        if (chunks->count == chunks->room) {
            uint32_t room = chunks->room == 0 ? 16 : chunks->room * 2;
            void **grown = realloc((void *)chunks->chunk, room * sizeof *grown);

            if (grown == NULL) {
                return false;
            }
            chunks->chunk = grown;
            chunks->room = room;
        }
        void *chunk = calloc((size_t)1 << chunks->shift, chunks->element);

        if (chunk == NULL) {
            return false;
        }
        chunks->chunk[chunks->count++] = chunk;
    }
    return true;
}

void sa_chunks_clear(struct sa_chunks *chunks)
{
    for (uint32_t i = 0; i < chunks->count; i++) {
        memset(chunks->chunk[i], 0, (size_t)chunks->element << chunks->shift);
    }
}

uint64_t sa_chunks_bytes(const struct sa_chunks *chunks)
{
    return ((uint64_t)chunks->count << chunks->shift) * chunks->element +
           chunks->room * sizeof(void *);
}

void sa_chunks_regions(const struct sa_chunks *chunks, const char *name, uint32_t used,
                       sa_region_fn fn, void *user)
{
    uint32_t per_chunk = 1u << chunks->shift;

    for (uint32_t i = 0, from = 0; from < used; i++, from += per_chunk) {
        uint32_t elements = used - from < per_chunk ? used - from : per_chunk;
        struct sa_region region = { .name = name,
                                    .data = chunks->chunk[i],
                                    .bytes = (size_t)elements * chunks->element };

        fn(user, &region);
    }
}

/* The chain of free elements runs through their first 4 bytes. */
static uint32_t get_link(const struct sa_chunks *chunks, uint32_t id)
{
    uint32_t link;

    memcpy(&link, sa_chunks_at(chunks, id), sizeof link);
    return link;
}

static void set_link(const struct sa_chunks *chunks, uint32_t id, uint32_t link)
{
    memcpy(sa_chunks_at(chunks, id), &link, sizeof link);
}

/* ---- pool ------------------------------------------------------------------------------------ */

void sa_pool_init(struct sa_pool *pool, uint32_t element)
{
    *pool = (struct sa_pool){ .state = { .used = 1 } };
    sa_chunks_init(&pool->chunks, element);
}

void sa_pool_destroy(struct sa_pool *pool)
{
    sa_chunks_destroy(&pool->chunks);
    pool->state = (struct sa_pool_state){ .used = 1 };
}

uint32_t sa_pool_take(struct sa_pool *pool)
{
    uint32_t id = pool->state.free;

    if (id != 0) {
        pool->state.free = get_link(&pool->chunks, id);
        set_link(&pool->chunks, id, 0);
    } else {
        id = pool->state.used;
        if (id == MAX_ID || !sa_chunks_reserve(&pool->chunks, id + 1)) {
            return 0;
        }
        pool->state.used = id + 1;
    }
    pool->state.live++;
    return id;
}

void sa_pool_release(struct sa_pool *pool, uint32_t id)
{
    memset(sa_chunks_at(&pool->chunks, id), 0, pool->chunks.element);
    set_link(&pool->chunks, id, pool->state.free);
    pool->state.free = id;
    pool->state.live--;
}

/* ---- store ----------------------------------------------------------------------------------- */

void sa_store_init(struct sa_store *store, uint32_t unit)
{
    *store = (struct sa_store){ .state = { .used = 1 } };
    sa_chunks_init(&store->chunks, unit);
}

void sa_store_destroy(struct sa_store *store)
{
    sa_chunks_destroy(&store->chunks);
    store->state = (struct sa_store_state){ .used = 1 };
}

static void put_free(struct sa_store *store, uint32_t id, uint32_t units)
{
    set_link(&store->chunks, id, store->state.free[units]);
    store->state.free[units] = id;
}

uint32_t sa_store_take(struct sa_store *store, uint32_t units)
{
    uint32_t id = store->state.free[units];

    if (id != 0) {
        store->state.free[units] = get_link(&store->chunks, id);
        set_link(&store->chunks, id, 0);
        store->state.live += units;
        return id;
    }
    uint32_t per_chunk = 1u << store->chunks.shift;
    uint32_t rest = per_chunk - (store->state.used & (per_chunk - 1));

    id = store->state.used;
    if (rest < units) {
        id += rest; /* a block lies within one chunk; the rest serves smaller blocks */
    }
    if (id > UINT32_MAX - per_chunk || !sa_chunks_reserve(&store->chunks, id + units)) {
        return 0;
    }
    if (rest < units) {
        put_free(store, store->state.used, rest);
    }
    store->state.used = id + units;
    store->state.live += units;
    return id;
}

void sa_store_release(struct sa_store *store, uint32_t id, uint32_t units)
{
    memset(sa_chunks_at(&store->chunks, id), 0, (size_t)units * store->chunks.element);
    put_free(store, id, units);
    store->state.live -= units;
}
