/* Elements named by index that never move: packets, frame buffers, jobs.
 *
 * Index 0 is "none". Storage grows a chunk at a time; the last element released is taken first, so
 * that equal histories give equal indices. Saved in a snapshot as one image. */
#ifndef ESPNIC_NIC_POOL_H
#define ESPNIC_NIC_POOL_H

#include "engine/snapshot.h"

enum { NIC_POOL_CHUNK_LOG = 8, NIC_POOL_CHUNK = 1 << NIC_POOL_CHUNK_LOG };

struct nic_pool_state {
    uint32_t used; /* indices 1 .. used were handed out at some time */
    uint32_t free; /* head of the free list, 0 = none */
    uint32_t live;
};

struct nic_pool {
    size_t element; /* bytes, >= 4 */
    unsigned char **chunk;
    size_t chunks;
    struct nic_pool_state s;
    unsigned char *image; /* of a snapshot */
    size_t image_bytes;
};

void nic_pool_init(struct nic_pool *pool, size_t element);
void nic_pool_destroy(struct nic_pool *pool);
void nic_pool_snapshot(struct nic_pool *pool, struct snapshot *snap, const char *name);

/* Every element is free, as if none had been handed out; contents stay. */
void nic_pool_reset(struct nic_pool *pool);

/* Contents are what the last user left. Aborts when memory runs out. */
uint32_t nic_pool_take(struct nic_pool *pool);
void nic_pool_release(struct nic_pool *pool, uint32_t index);

static inline void *nic_pool_at(const struct nic_pool *pool, uint32_t index)
{
    return pool->chunk[index >> NIC_POOL_CHUNK_LOG] +
           (index & (NIC_POOL_CHUNK - 1)) * pool->element;
}

#endif
