/* What the table takes in memory, and its way into a snapshot. */
#include <stdlib.h>
#include <string.h>

#include "sa_table/table.h"

/* ---- the parts ------------------------------------------------------------------------------- */

/* Every growable part: its chunks, its state, and how far it is used. */
struct part {
    const char *name;
    struct sa_chunks *chunks;
    void *state;
    size_t state_bytes;
    uint32_t used;   /* ids below it are stored */
    uint64_t in_use; /* elements */
};

enum { PARTS = 12 };

/* Id 0 is never handed out: a pool that was never used stores nothing. */
static uint32_t stored(uint32_t used)
{
    return used == 1 ? 0 : used;
}

static struct part pool_part(const char *name, struct sa_pool *pool)
{
    return (struct part){ .name = name,
                          .chunks = &pool->chunks,
                          .state = &pool->state,
                          .state_bytes = sizeof pool->state,
                          .used = stored(pool->state.used),
                          .in_use = pool->state.live };
}

static struct part store_part(const char *name, struct sa_store *store)
{
    return (struct part){ .name = name,
                          .chunks = &store->chunks,
                          .state = &store->state,
                          .state_bytes = sizeof store->state,
                          .used = stored(store->state.used),
                          .in_use = store->state.live };
}

static struct part index_part(const char *name, struct sa_index *index)
{
    return (struct part){ .name = name,
                          .chunks = &index->heads,
                          .state = &index->state,
                          .state_bytes = sizeof index->state,
                          .used = index->state.buckets,
                          .in_use = index->state.buckets };
}

/* As long as the contexts, and no state of its own. */
static struct part beside_contexts(const char *name, struct sa_table *table,
                                   struct sa_chunks *chunks, bool kept)
{
    return (struct part){ .name = name,
                          .chunks = chunks,
                          .state = &table->contexts.state,
                          .state_bytes = sizeof table->contexts.state,
                          .used = kept ? stored(table->contexts.state.used) : 0,
                          .in_use = kept ? table->contexts.state.live : 0 };
}

static void list_parts(struct sa_table *table, struct part part[PARTS])
{
    part[0] = pool_part("sa.contexts", &table->contexts);
    part[1] = pool_part("sa.seconds", &table->seconds);
    part[2] = pool_part("sa.v6_pairs", &table->v6_pairs);
    part[3] = pool_part("sa.lifetimes", &table->lifetimes);
    part[4] = pool_part("sa.ips", &table->ips);
    part[5] = store_part("sa.blocks", &table->blocks);
    part[6] = store_part("sa.windows", &table->windows);
    part[7] = index_part("sa.index", &table->index);
    part[8] = index_part("sa.ip_index", &table->ip_index);
    part[9] = beside_contexts("sa.activity", table, &table->activity, table->config.watch);
    part[10] = beside_contexts("sa.since", table, &table->since, true);
    part[11] = beside_contexts("sa.raised", table, &table->raised, table->config.events);
}

void sa_table_memory(struct sa_table *table, struct sa_table_memory *memory)
{
    struct part part[PARTS];

    *memory = (struct sa_table_memory){ 0 };
    list_parts(table, part);
    for (unsigned i = 0; i < PARTS; i++) {
        memory->total += sa_chunks_bytes(part[i].chunks);
        memory->in_use += part[i].in_use * part[i].chunks->element;
    }
    memory->blocks = sa_chunks_bytes(&table->blocks.chunks);
    memory->total += table->slots.config.slots * sizeof *table->slots.slot;
    memory->in_use += table->slots.state.used * sizeof *table->slots.slot;
}

/* ---- regions --------------------------------------------------------------------------------- */

/* Of fixed size: all slots exist from the beginning. */
static void slot_regions(struct sa_slots *slots, sa_region_fn fn, void *user)
{
    struct sa_region region = { .name = "sa.slot_state",
                                .data = &slots->state,
                                .bytes = sizeof slots->state };

    fn(user, &region);
    if (slots->slot != NULL) {
        region = (struct sa_region){ .name = "sa.slots",
                                     .data = slots->slot,
                                     .bytes = slots->config.slots * sizeof *slots->slot };
        fn(user, &region);
    }
}

void sa_table_state_regions(struct sa_table *table, sa_region_fn fn, void *user)
{
    struct part part[PARTS];
    struct sa_region region = { .name = "sa.stats",
                                .data = &table->stats,
                                .bytes = sizeof table->stats };

    fn(user, &region);
    region = (struct sa_region){ .name = "sa.fixed",
                                 .data = &table->fixed,
                                 .bytes = sizeof table->fixed };
    fn(user, &region);
    list_parts(table, part);
    for (unsigned i = 0; i < PARTS; i++) {
        region = (struct sa_region){ .name = part[i].name,
                                     .data = part[i].state,
                                     .bytes = part[i].state_bytes };
        fn(user, &region);
    }
    slot_regions(&table->slots, fn, user);
}

bool sa_table_resize(struct sa_table *table)
{
    struct part part[PARTS];
    bool done = true;

    list_parts(table, part);
    for (unsigned i = 0; i < PARTS; i++) {
        sa_chunks_clear(part[i].chunks); /* elements beyond `used` must be zero */
        done = done && sa_chunks_reserve(part[i].chunks, part[i].used);
    }
    return done;
}

void sa_table_data_regions(struct sa_table *table, sa_region_fn fn, void *user)
{
    struct part part[PARTS];

    list_parts(table, part);
    for (unsigned i = 0; i < PARTS; i++) {
        sa_chunks_regions(part[i].chunks, part[i].name, part[i].used, fn, user);
    }
}

/* ---- snapshot -------------------------------------------------------------------------------- */

struct copy {
    unsigned char *at;
    size_t left;
    bool failed;
};

static void add_bytes(void *user, const struct sa_region *region)
{
    size_t *bytes = user;

    *bytes += region->bytes;
}

static void copy_out(void *user, const struct sa_region *region)
{
    struct copy *copy = user;

    memcpy(copy->at, region->data, region->bytes);
    copy->at += region->bytes;
}

static void copy_in(void *user, const struct sa_region *region)
{
    struct copy *copy = user;

    if (copy->failed || copy->left < region->bytes) {
        copy->failed = true;
        return;
    }
    memcpy(region->data, copy->at, region->bytes);
    copy->at += region->bytes;
    copy->left -= region->bytes;
}

void sa_table_drop_image(struct sa_table *table)
{
    free(table->image.data);
    table->image = (struct sa_table_image){ 0 };
}

static bool before_save(void *self)
{
    struct sa_table *table = self;
    size_t bytes = 0;

    sa_table_state_regions(table, add_bytes, &bytes);
    sa_table_data_regions(table, add_bytes, &bytes);
    unsigned char *data = realloc(table->image.data, bytes);

    if (data == NULL) {
        return false;
    }
    table->image = (struct sa_table_image){ .data = data, .bytes = bytes };
    struct copy copy = { .at = data };

    sa_table_state_regions(table, copy_out, &copy);
    sa_table_data_regions(table, copy_out, &copy);
    return true;
}

static bool after_restore(void *self)
{
    struct sa_table *table = self;
    struct copy copy = { .at = table->image.data, .left = table->image.bytes };

    sa_table_state_regions(table, copy_in, &copy);
    if (copy.failed || !sa_table_resize(table)) {
        return false;
    }
    sa_table_data_regions(table, copy_in, &copy);
    sa_table_drop_image(table);
    return !copy.failed && copy.left == 0;
}

void sa_table_snapshot(struct sa_table *table, struct snapshot *snapshot)
{
    snapshot_array(snapshot, "sa.image", &table->image.data, 1, &table->image.bytes);
    snapshot_add_hook(snapshot, (struct snapshot_hook){ .self = table,
                                                        .before_save = before_save,
                                                        .after_restore = after_restore });
}
