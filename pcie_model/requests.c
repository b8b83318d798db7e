#include "pcie_model/requests.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { FIRST_REQUESTS = 256 };

static void *grown(void *array, size_t old_count, size_t new_count, size_t bytes)
{
    char *bigger = must(realloc(array, new_count * bytes));

    memset(bigger + old_count * bytes, 0, (new_count - old_count) * bytes);
    return bigger;
}

static void grow(struct requests *pool, size_t count)
{
    pool->request = grown(pool->request, pool->size, count, sizeof *pool->request);
    pool->size = count;
    pool->slot = grown(pool->slot, pool->slots, count, sizeof *pool->slot);
    pool->slots = count;
}

void requests_init(struct requests *pool)
{
    memset(pool, 0, sizeof *pool);
    pool->s.free = REQUEST_NONE;
    grow(pool, FIRST_REQUESTS);
}

void requests_free(struct requests *pool)
{
    free(pool->request);
    free(pool->slot);
}

void requests_register_state(struct requests *pool, struct snapshot *snap)
{
    snapshot_fixed(snap, "pcie.requests", &pool->s, sizeof pool->s);
    snapshot_array(snap, "pcie.request", &pool->request, sizeof *pool->request, &pool->size);
    snapshot_array(snap, "pcie.slot", &pool->slot, sizeof *pool->slot, &pool->slots);
}

uint32_t requests_take(struct requests *pool, const struct pcie_request *request)
{
    uint32_t index = pool->s.free;

    if (index != REQUEST_NONE) {
        pool->s.free = pool->slot[index].next_free;
    } else {
        if (pool->s.used == pool->size) {
            grow(pool, pool->size * 2);
        }
        index = pool->s.used++;
    }
    pool->request[index] = *request;
    pool->slot[index] = (struct request_slot){ .held = HELD_BY_CLIENT };
    pool->s.live++;
    return index;
}
