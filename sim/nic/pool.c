#include "nic/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/must.h"

void nic_pool_init(struct nic_pool *pool, size_t element)
{
    memset(pool, 0, sizeof *pool);
    pool->element = (element + 15) / 16 * 16;
}

static size_t chunk_bytes(const struct nic_pool *pool)
{
    return NIC_POOL_CHUNK * pool->element;
}

static void drop_chunks(struct nic_pool *pool)
{
    for (size_t i = 0; i < pool->chunks; i++) {
        munmap(pool->chunk[i], chunk_bytes(pool));
    }
    pool->chunks = 0;
}

void nic_pool_destroy(struct nic_pool *pool)
{
    drop_chunks(pool);
    free(pool->chunk);
    free(pool->image);
    memset(pool, 0, sizeof *pool);
}

/* Fresh pages are zero, and not resident before an element in them is used: a chunk of the longest frames
 * has 17 MB. */
static void grow(struct nic_pool *pool)
{
    unsigned char **more = must(realloc(pool->chunk, (pool->chunks + 1) * sizeof *more));
    void *pages =
        mmap(NULL, chunk_bytes(pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    pool->chunk = more;
    pool->chunk[pool->chunks++] = must(pages == MAP_FAILED ? NULL : pages);
}

uint32_t nic_pool_take(struct nic_pool *pool)
{
    uint32_t index = pool->s.free;

    pool->s.live++;
    if (index) {
        memcpy(&pool->s.free, nic_pool_at(pool, index), sizeof pool->s.free);
        return index;
    }
    index = ++pool->s.used;
    while (index >> NIC_POOL_CHUNK_LOG >= pool->chunks) {
        grow(pool);
    }
    return index;
}

void nic_pool_release(struct nic_pool *pool, uint32_t index)
{
    memcpy(nic_pool_at(pool, index), &pool->s.free, sizeof pool->s.free);
    pool->s.free = index;
    pool->s.live--;
}

/* Elements that were ever handed out, the one at index 0 included. */
static size_t image_bytes(const struct nic_pool *pool)
{
    return pool->s.used ? (pool->s.used + (size_t)1) * pool->element : 0;
}

static bool save_image(void *self)
{
    struct nic_pool *pool = self;
    size_t whole = chunk_bytes(pool);
    size_t bytes = image_bytes(pool);

    free(pool->image);
    pool->image = malloc(bytes + 1);
    pool->image_bytes = pool->image ? bytes : 0;
    for (size_t i = 0, at = 0; pool->image && at < bytes; i++, at += whole) {
        memcpy(pool->image + at, pool->chunk[i], bytes - at < whole ? bytes - at : whole);
    }
    return pool->image != NULL;
}

/* What was never handed out is zero again, as in a pool that was never elsewhere. */
static bool load_image(void *self)
{
    struct nic_pool *pool = self;
    size_t whole = chunk_bytes(pool);
    size_t bytes = pool->image_bytes;

    if (bytes != image_bytes(pool)) {
        return false;
    }
    drop_chunks(pool);
    for (size_t i = 0, at = 0; at < bytes; i++, at += whole) {
        grow(pool);
        memcpy(pool->chunk[i], pool->image + at, bytes - at < whole ? bytes - at : whole);
    }
    return true;
}

void nic_pool_reset(struct nic_pool *pool)
{
    pool->s = (struct nic_pool_state){ 0 };
}

void nic_pool_snapshot(struct nic_pool *pool, struct snapshot *snap, const char *name)
{
    snapshot_fixed(snap, name, &pool->s, sizeof pool->s);
    snapshot_array(snap, name, &pool->image, 1, &pool->image_bytes);
    snapshot_add_hook(snap, (struct snapshot_hook){ pool, save_image, load_image });
}
