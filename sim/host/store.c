/* Growable storage whose state a snapshot can copy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "host/internal.h"

enum { FIRST_ROOM = 64 };

static void *grow(void *data, size_t bytes)
{
    return must(realloc(data, bytes));
}

/* ---- arrays ------------------------------------------------------------------------------------- */

void host_array_init(struct host_array *array, uint32_t element)
{
    *array = (struct host_array){ .element = element, .used = 1 };
}

void host_array_destroy(struct host_array *array)
{
    free(array->data);
    array->data = NULL;
}

uint32_t host_array_take(struct host_array *array)
{
    uint32_t id = array->free;

    array->live++;
    if (id != 0) {
        memcpy(&array->free, host_at(array, id), sizeof array->free);
        memset(host_at(array, id), 0, sizeof(uint32_t));
        return id;
    }
    if (array->used >= array->room) {
        /* An eighth at a time: pages that no element touches are never resident, but the table of
         * a snapshot should not be twice what is used. */
        array->room = array->room == 0 ? FIRST_ROOM : array->room + array->room / 8 + FIRST_ROOM;
        array->data = grow(array->data, array->room * array->element);
    }
    id = array->used++;
    memset(host_at(array, id), 0, array->element);
    if (id == 1) {
        memset(array->data, 0, array->element); /* element 0 is nobody's, but it is saved */
    }
    return id;
}

void host_array_release(struct host_array *array, uint32_t id)
{
    void *element = host_at(array, id);

    explicit_bzero(element, array->element); /* there may be keys in it */
    memcpy(element, &array->free, sizeof array->free);
    array->free = id;
    array->live--;
}

/* ---- blocks ------------------------------------------------------------------------------------- */

void host_store_init(struct host_store *store, uint32_t unit)
{
    *store = (struct host_store){ .unit = unit, .used = 1 };
}

void host_store_destroy(struct host_store *store)
{
    free(store->data);
    store->data = NULL;
}

/* Size class of a block, and its units. */
static unsigned class_of(const struct host_store *store, size_t bytes, size_t *units)
{
    size_t exact = (bytes + store->unit - 1) / store->unit;
    unsigned bits = 0;

    if (exact <= HOST_STORE_SMALL) {
        *units = exact == 0 ? 1 : exact;
        return (unsigned)*units;
    }
    while (((size_t)1 << bits) < exact) {
        bits++;
    }
    *units = (size_t)1 << bits;
    return HOST_STORE_SMALL + bits;
}

uint32_t host_store_take(struct host_store *store, size_t bytes)
{
    size_t units;
    unsigned class = class_of(store, bytes, &units);
    uint32_t id = store->free[class];

    store->live += units;
    if (id != 0) {
        memcpy(&store->free[class], host_block(store, id), sizeof(uint32_t));
        memset(host_block(store, id), 0, sizeof(uint32_t));
        return id;
    }
    if (store->used + units > store->room) {
        bool fresh = store->room == 0;

        store->room += store->room / 8 + units + FIRST_ROOM;
        store->data = grow(store->data, store->room * store->unit);
        if (fresh) {
            memset(store->data, 0, store->unit);
        }
    }
    id = store->used;
    store->used += (uint32_t)units;
    memset(host_block(store, id), 0, units * store->unit);
    return id;
}

void host_store_release(struct host_store *store, uint32_t id, size_t bytes)
{
    size_t units;
    unsigned class = class_of(store, bytes, &units);

    explicit_bzero(host_block(store, id), units * store->unit);
    memcpy(host_block(store, id), &store->free[class], sizeof(uint32_t));
    store->free[class] = id;
    store->live -= units;
}

/* ---- hash chains -------------------------------------------------------------------------------- */

enum { IN_BUCKET = 2 };

void host_index_init(struct host_index *index)
{
    *index = (struct host_index){ 0 };
    sa_index_init(&index->chains, IN_BUCKET);
}

void host_index_destroy(struct host_index *index)
{
    sa_index_destroy(&index->chains);
    free(index->image);
    index->image = NULL;
}

void host_index_insert(struct host_index *index, const struct sa_index_owner *how,
                       const void *owner, uint32_t id)
{
    must(sa_index_insert(&index->chains, how, owner, id) ? index : NULL);
}

static void copy_out(void *user, const struct sa_region *region)
{
    unsigned char **at = user;

    memcpy(*at, region->data, region->bytes);
    *at += region->bytes;
}

static void copy_in(void *user, const struct sa_region *region)
{
    unsigned char **at = user;

    memcpy(region->data, *at, region->bytes);
    *at += region->bytes;
}

bool host_index_save(struct host_index *index)
{
    size_t count = index->chains.state.buckets;
    uint32_t *image = realloc(index->image, (count + 1) * sizeof *image);
    unsigned char *at = (unsigned char *)image;

    if (image == NULL) {
        return false;
    }
    index->image = image;
    index->image_count = count;
    sa_chunks_regions(&index->chains.heads, "heads", (uint32_t)count, copy_out, &at);
    return true;
}

bool host_index_load(struct host_index *index)
{
    uint32_t count = index->chains.state.buckets;
    unsigned char *at = (unsigned char *)index->image;

    if (index->image_count != count || !sa_chunks_reserve(&index->chains.heads, count)) {
        return false;
    }
    sa_chunks_clear(&index->chains.heads);
    sa_chunks_regions(&index->chains.heads, "heads", count, copy_in, &at);
    return true;
}
