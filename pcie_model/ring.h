/* A growable FIFO of equal elements whose state a snapshot can copy. For the link's own queues. */
#ifndef ESPNIC_PCIE_MODEL_RING_H
#define ESPNIC_PCIE_MODEL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/snapshot.h"

struct ring_place {
    uint32_t head, tail; /* free-running */
};

struct ring {
    void *element;
    size_t size; /* elements allocated, a power of two */
    size_t bytes;
    struct ring_place p;
};

void ring_init(struct ring *r, size_t element_bytes);
void ring_free(struct ring *r);
void ring_register_state(struct ring *r, struct snapshot *snap, const char *name);

static inline uint32_t ring_used(const struct ring *r)
{
    return r->p.tail - r->p.head;
}

/* The i-th element from the head, i < ring_used(). Good until the next ring_push(). */
static inline void *ring_at(const struct ring *r, uint32_t i)
{
    return (char *)r->element + ((r->p.head + i) & (uint32_t)(r->size - 1)) * r->bytes;
}

/* The oldest element, or NULL. */
static inline void *ring_head(const struct ring *r)
{
    return r->p.head == r->p.tail ? NULL : ring_at(r, 0);
}

static inline void ring_pop(struct ring *r)
{
    r->p.head++;
}

void ring_grow(struct ring *r) __attribute__((cold));

/* A new last element, not cleared. Allocates only when the ring has never been so full. */
static inline void *ring_push(struct ring *r)
{
    if (ring_used(r) == r->size) {
        ring_grow(r);
    }
    r->p.tail++;
    return ring_at(r, ring_used(r) - 1);
}

#endif
