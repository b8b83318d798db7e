#include "nic/pool.h"

#include <stdlib.h>
#include <string.h>

void nic_pool_init(struct nic_pool *pool, size_t element)
{
    memset(pool, 0, sizeof *pool);
    pool->element = (element + 15) / 16 * 16;
}

void nic_pool_destroy(struct nic_pool *pool)
{
    for (size_t i = 0; i < pool->chunks; i++) {
        free(pool->chunk[i]);
    }
    free(pool->chunk);
    free(pool->image);
    memset(pool, 0, sizeof *pool);
}

static void grow(struct nic_pool *pool)
{
    unsigned char **more = realloc(pool->chunk, (pool->chunks + 1) * sizeof *more);

    if (more) {
        pool->chunk = more;
        pool->chunk[pool->chunks] = aligned_alloc(64, NIC_POOL_CHUNK * pool->element);
    }
    if (!more || !pool->chunk[pool->chunks]) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
    memset(pool->chunk[pool->chunks], 0, NIC_POOL_CHUNK * pool->element);
    pool->chunks++;
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

static bool save_image(void *self)
{
    struct nic_pool *pool = self;
    size_t chunk_bytes = NIC_POOL_CHUNK * pool->element;

    free(pool->image);
    pool->image_bytes = pool->chunks * chunk_bytes;
    pool->image = malloc(pool->image_bytes + 1);
    if (!pool->image) {
        return false;
    }
    for (size_t i = 0; i < pool->chunks; i++) {
        memcpy(pool->image + i * chunk_bytes, pool->chunk[i], chunk_bytes);
    }
    return true;
}

static bool load_image(void *self)
{
    struct nic_pool *pool = self;
    size_t chunk_bytes = NIC_POOL_CHUNK * pool->element;

    while (pool->chunks * chunk_bytes < pool->image_bytes) {
        grow(pool);
    }
    for (size_t i = 0; i * chunk_bytes < pool->image_bytes; i++) {
        memcpy(pool->chunk[i], pool->image + i * chunk_bytes, chunk_bytes);
    }
    return true;
}

void nic_pool_snapshot(struct nic_pool *pool, struct snapshot *snap, const char *name)
{
    snapshot_fixed(snap, name, &pool->s, sizeof pool->s);
    snapshot_array(snap, name, &pool->image, 1, &pool->image_bytes);
    snapshot_add_hook(snap, (struct snapshot_hook){ pool, save_image, load_image });
}
