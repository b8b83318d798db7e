#include "pcie_model/ring.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { FIRST_SIZE = 16 };

/* calloc: bytes that no one has written are the same in every snapshot */
static void *allocate(size_t count, size_t bytes)
{
    return must(calloc(count, bytes));
}

void ring_init(struct ring *r, size_t element_bytes)
{
    memset(r, 0, sizeof *r);
    r->bytes = element_bytes;
    r->size = FIRST_SIZE;
    r->element = allocate(r->size, r->bytes);
}

void ring_free(struct ring *r)
{
    free(r->element);
    memset(r, 0, sizeof *r);
}

void ring_register_state(struct ring *r, struct snapshot *snap, const char *name)
{
    snapshot_array(snap, name, &r->element, r->bytes, &r->size);
    snapshot_fixed(snap, name, &r->p, sizeof r->p);
}

void ring_grow(struct ring *r)
{
    uint32_t used = ring_used(r);
    char *bigger = allocate(r->size * 2, r->bytes);

    for (uint32_t i = 0; i < used; i++) {
        memcpy(bigger + i * r->bytes, ring_at(r, i), r->bytes);
    }
    free(r->element);
    r->element = bigger;
    r->size *= 2;
    r->p = (struct ring_place){ .head = 0, .tail = used };
}
