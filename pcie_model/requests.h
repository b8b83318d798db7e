/* The requests of a link: a pool whose elements live until the client and the link have let go of
 * them. For the link's own use. */
#ifndef ESPNIC_PCIE_MODEL_REQUESTS_H
#define ESPNIC_PCIE_MODEL_REQUESTS_H

#include <assert.h>

#include "pcie_model/link.h"

enum { HELD_BY_CLIENT = 1, HELD_BY_LINK = 2, HELD_BY_HOST = 4 /* a read, until it is sampled */ };

enum { REQUEST_NONE = UINT32_MAX };

/* What the link knows of a request. */
struct request_slot {
    uint32_t next_free;
    uint32_t held;    /* HELD_BY_* */
    uint32_t left;    /* read: bytes that have not arrived yet */
    uint32_t over;    /* read: all have; it waits for earlier ones */
    uint32_t refused; /* read: enum pcie_status, what the host said of it */
};

struct requests_state {
    uint32_t free; /* list, REQUEST_NONE: empty */
    uint32_t used; /* that have ever been in use */
    uint32_t live;
};

struct requests {
    struct pcie_request *request;
    size_t size;
    struct request_slot *slot;
    size_t slots;
    struct requests_state s;
};

void requests_init(struct requests *pool);
void requests_free(struct requests *pool);
void requests_register_state(struct requests *pool, struct snapshot *snap);

/* A copy of `request`, held by its client. Pointers into the pool are good until the next one. */
uint32_t requests_take(struct requests *pool, const struct pcie_request *request);

/* The client may let go of a write while it is still on its way to memory. */
static inline void requests_let_go(struct requests *pool, uint32_t index, uint32_t holder)
{
    struct request_slot *slot = &pool->slot[index];

    assert(slot->held & holder);
    slot->held &= ~holder;
    if (!slot->held) {
        slot->next_free = pool->s.free;
        pool->s.free = index;
        pool->s.live--;
    }
}

#endif
