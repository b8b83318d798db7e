/* The SA table against a naive list, and its rules one by one: capacity, duplicates, handles,
 * two-phase deletion, updates, lifetimes, validation, memory per SA, snapshot. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/table.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

static const struct sa_table_config roomy = { .capacity = 1u << 30 };

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct esp_address v4(uint32_t address)
{
    return (struct esp_address){ .family = 4,
                                 .bytes = { (uint8_t)(address >> 24), (uint8_t)(address >> 16),
                                            (uint8_t)(address >> 8), (uint8_t)address } };
}

static struct esp_address v6(uint64_t low)
{
    struct esp_address address = { .family = 6, .bytes = { 0x20, 0x01, 0x0d, 0xb8 } };

    memcpy(address.bytes + 8, &low, sizeof low);
    return address;
}

static struct esp_key key_of(enum esp_alg alg, uint8_t fill)
{
    const struct esp_alg_info *info = esp_alg_info(alg);
    struct esp_key key = { .alg = alg,
                           .icv = info->icv_default,
                           .length = (uint8_t)(info->key_bytes + info->salt_bytes) };

    for (unsigned i = 0; i < key.length; i++) {
        key.bytes[i] = (uint8_t)(fill + i);
    }
    return key;
}

static struct esp_sa esp_gcm(uint32_t spi, enum esp_dir dir)
{
    return (struct esp_sa){ .op = ESP_OP_ESP,
                            .spi = spi,
                            .seq = dir == ESP_DIR_OUT ? 1 : 0,
                            .replay_window = dir == ESP_DIR_IN ? 64 : 0,
                            .enc = key_of(ESP_ALG_AES_GCM_128, (uint8_t)spi) };
}

static struct esp_sa ah_sha(uint32_t spi, enum esp_dir dir)
{
    return (struct esp_sa){ .op = ESP_OP_AH,
                            .spi = spi,
                            .seq = dir == ESP_DIR_OUT ? 1 : 0,
                            .auth = key_of(ESP_ALG_SHA_256, (uint8_t)spi) };
}

static struct esp_node node_of(enum esp_dir dir, uint32_t spi, struct esp_address dst)
{
    struct esp_node node = { .dir = dir,
                             .mode = ESP_MODE_TUNNEL,
                             .src = dst,
                             .dst = dst,
                             .encap_sport = 4500,
                             .encap_dport = 4500,
                             .sa_count = 1,
                             .sa = { esp_gcm(spi, dir) } };

    node.src.bytes[3] ^= 0xff;
    return node;
}

/* ---- against a naive list -------------------------------------------------------------------- */

enum { LIST = 600, OPERATIONS = 60000 };

struct item {
    struct esp_node node;
    uint64_t handle; /* 0: not in use */
    uint32_t id;
    unsigned references;
    enum sa_state state;
    uint32_t seq_hi[2];
};

struct list {
    struct item item[LIST];
    const struct sa_table_config *config;
    unsigned result[SA_REASON_COUNT];
    unsigned hits, misses, wildcard_hits, waits, updates, stale;
};

static bool any(const struct esp_address *address)
{
    for (unsigned i = 0; i < 16; i++) {
        if (address->bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool same_address(const struct esp_address *a, const struct esp_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, 16) == 0;
}

static bool list_has(const struct list *list, const struct esp_node *node)
{
    for (unsigned i = 0; i < LIST; i++) {
        const struct item *item = &list->item[i];

        if (item->handle == 0 || item->state == SA_DELETING || item->node.dir != node->dir ||
            !same_address(&item->node.dst, &node->dst)) {
            continue;
        }
        for (unsigned a = 0; a < node->sa_count; a++) {
            for (unsigned b = 0; b < item->node.sa_count; b++) {
                if (node->sa[a].spi == item->node.sa[b].spi &&
                    node->sa[a].op == item->node.sa[b].op) {
                    return true;
                }
            }
        }
    }
    return false;
}

static unsigned list_units(const struct list *list, int dir)
{
    unsigned units = 0;

    for (unsigned i = 0; i < LIST; i++) {
        const struct item *item = &list->item[i];

        if (item->handle != 0 && (dir < 0 || item->node.dir == (enum esp_dir)dir)) {
            units += list->config->unit == SA_UNIT_SAS ? item->node.sa_count : 1;
        }
    }
    return units;
}

static bool list_full(const struct list *list, const struct esp_node *node)
{
    unsigned more = list->config->unit == SA_UNIT_SAS ? node->sa_count : 1;

    if (!list->config->per_direction) {
        return list_units(list, -1) + more > list->config->capacity;
    }
    return list_units(list, (int)node->dir) + more >
           (node->dir == ESP_DIR_IN ? list->config->capacity_in : list->config->capacity_out);
}

/* Distinct inbound destinations, and whether that of the node is one of them. */
static unsigned list_addresses(const struct list *list, const struct esp_node *node, bool *present)
{
    unsigned distinct = 0;

    *present = false;
    for (unsigned i = 0; i < LIST; i++) {
        const struct item *item = &list->item[i];
        bool first = true;

        if (item->handle == 0 || item->node.dir != ESP_DIR_IN || any(&item->node.dst)) {
            continue;
        }
        *present = *present || same_address(&item->node.dst, &node->dst);
        for (unsigned j = 0; j < i && first; j++) {
            first = list->item[j].handle == 0 || list->item[j].node.dir != ESP_DIR_IN ||
                    !same_address(&list->item[j].node.dst, &item->node.dst);
        }
        distinct += first;
    }
    return distinct;
}

static enum sa_reason list_reason(const struct list *list, const struct esp_node *node)
{
    bool present;

    if (list_has(list, node)) {
        return SA_DUPLICATE;
    }
    if (list_full(list, node)) {
        return SA_FULL;
    }
    if (list->config->ip_entries != 0 && node->dir == ESP_DIR_IN && !any(&node->dst) &&
        list_addresses(list, node, &present) >= list->config->ip_entries && !present) {
        return SA_NO_IP_SLOT;
    }
    return SA_OK;
}

static struct esp_address random_address(struct rng *rng)
{
    uint64_t kind = rng_below(rng, 10);

    if (kind == 0) {
        return (struct esp_address){ .family = rng_below(rng, 2) == 0 ? 4 : 6 };
    }
    return kind < 6 ? v4(0x0a000001u + (uint32_t)rng_below(rng, 12)) : v6(rng_below(rng, 12));
}

static struct esp_node random_node(struct rng *rng)
{
    enum esp_dir dir = rng_below(rng, 2) == 0 ? ESP_DIR_IN : ESP_DIR_OUT;
    struct esp_node node = node_of(dir, 0x100 + (uint32_t)rng_below(rng, 30), random_address(rng));

    node.sa[0].esn = rng_below(rng, 2) == 0;
    if (dir == ESP_DIR_IN && rng_below(rng, 3) == 0) {
        node.sa[0].replay_window = (uint16_t)rng_below(rng, 4097);
    }
    if (rng_below(rng, 4) == 0) {
        node.sa_count = 2;
        node.sa[1] = ah_sha(0x100 + (uint32_t)rng_below(rng, 30), dir);
        node.sa[1].esn = rng_below(rng, 2) == 0;
    }
    if (rng_below(rng, 4) == 0) {
        node.sa[0].lifetime.hard_packets = 5;
    }
    if (rng_below(rng, 4) == 0) {
        node.sel.present = true;
        node.sel.has_proto = true;
        node.sel.proto = 6;
    }
    return node;
}

static void step_add(struct sa_table *table, struct list *list, struct rng *rng)
{
    struct esp_node node = random_node(rng);
    enum sa_reason reason = list_reason(list, &node);
    struct sa_added added = sa_table_add(table, &node, true);
    unsigned free_item = 0;

    REQUIRE(added.reason == reason);
    list->result[reason]++;
    if (reason != SA_OK) {
        REQUIRE(added.handle == 0 && added.id == 0);
        return;
    }
    REQUIRE(added.handle != 0);
    for (unsigned i = 0; i < LIST; i++) {
        REQUIRE(list->item[i].handle != added.handle);
    }
    while (list->item[free_item].handle != 0) {
        free_item++;
    }
    list->item[free_item] =
        (struct item){ .node = node, .handle = added.handle, .id = added.id, .state = SA_ADDING };
    if (rng_below(rng, 4) != 0) {
        sa_table_commit(table, added.id, 0);
        list->item[free_item].state = SA_LIVE;
    }
}

static void step_lookup(struct sa_table *table, struct list *list, struct rng *rng)
{
    struct sa_key key = { .spi = 0x100 + (uint32_t)rng_below(rng, 30),
                          .op = rng_below(rng, 3) == 0 ? ESP_OP_AH : ESP_OP_ESP,
                          .dst = random_address(rng) };
    const struct item *exact = NULL;
    const struct item *wild = NULL;
    uint32_t entry[2] = { 0 };
    struct sa_hit hit = sa_table_lookup(table, &key);

    for (unsigned i = 0; i < LIST; i++) {
        const struct item *item = &list->item[i];

        if (item->handle == 0 || item->state != SA_LIVE || item->node.dir != ESP_DIR_IN ||
            item->node.dst.family != key.dst.family) {
            continue;
        }
        for (uint32_t a = 0; a < item->node.sa_count; a++) {
            if (item->node.sa[a].spi != key.spi || (uint8_t)item->node.sa[a].op != key.op) {
                continue;
            }
            if (same_address(&item->node.dst, &key.dst)) {
                exact = item;
                entry[0] = a;
            } else if (any(&item->node.dst)) {
                wild = item;
                entry[1] = a;
            }
        }
    }
    const struct item *found = exact != NULL ? exact : wild;

    if (found == NULL) {
        REQUIRE(hit.id == 0);
        list->misses++;
        return;
    }
    REQUIRE(hit.id == found->id && hit.entry == (exact != NULL ? entry[0] : entry[1]));
    REQUIRE(sa_table_handle(table, hit.id) == found->handle);
    list->hits++;
    list->wildcard_hits += exact == NULL;
}

static struct item *random_item(struct list *list, struct rng *rng)
{
    struct item *item = &list->item[rng_below(rng, LIST)];

    return item->handle == 0 ? NULL : item;
}

static void step_references(struct sa_table *table, struct list *list, struct rng *rng)
{
    struct item *item = random_item(list, rng);

    if (item == NULL) {
        return;
    }
    if (item->state == SA_LIVE && rng_below(rng, 2) == 0) {
        REQUIRE(sa_table_find(table, item->handle) == item->id);
        sa_table_ref(table, item->id);
        item->references++;
    } else if (item->references > 0) {
        bool last = --item->references == 0 && item->state == SA_DELETING;

        REQUIRE(sa_table_put(table, item->id) == last);
    } else if (item->state == SA_DELETING) {
        sa_table_free(table, item->id);
        REQUIRE(sa_table_peek(table, item->handle) == 0);
        item->handle = 0;
    } else if (item->state == SA_ADDING) {
        REQUIRE(sa_table_find(table, item->handle) == 0);
        list->stale++;
        sa_table_commit(table, item->id, 0);
        item->state = SA_LIVE;
    }
}

static void step_delete(struct sa_table *table, struct list *list, struct rng *rng)
{
    struct item *item = random_item(list, rng);
    uint32_t id = 0;

    if (item == NULL) {
        REQUIRE(sa_table_begin_delete(table, rng_next(rng), &id) == SA_DELETE_UNKNOWN);
        list->stale++;
        return;
    }
    enum sa_delete result = sa_table_begin_delete(table, item->handle, &id);

    if (item->state == SA_DELETING) {
        REQUIRE(result == SA_DELETE_UNKNOWN);
        list->stale++;
        return;
    }
    REQUIRE(result == (item->references == 0 ? SA_DELETE_READY : SA_DELETE_WAIT));
    REQUIRE(id == item->id);
    list->waits += result == SA_DELETE_WAIT;
    item->state = SA_DELETING;
}

static void step_update(struct sa_table *table, struct list *list, struct rng *rng)
{
    struct item *item = random_item(list, rng);
    uint32_t hi = (uint32_t)rng_next(rng);
    enum sa_update expected = SA_UPDATE_OK;

    if (item == NULL) {
        return;
    }
    uint32_t which = (uint32_t)rng_below(rng, item->node.sa_count);
    const struct esp_sa *sa = &item->node.sa[which];
    uint32_t spi = sa->spi + (rng_below(rng, 5) == 0);

    if (item->state != SA_LIVE) {
        expected = SA_UPDATE_UNKNOWN;
        list->stale++;
    } else if (spi != sa->spi) {
        expected = SA_UPDATE_MISMATCH;
    } else if (!sa->esn) {
        expected = SA_UPDATE_NO_ESN;
    }
    REQUIRE(sa_table_update(table, item->handle, sa->op, spi, hi, true) == expected);
    if (expected == SA_UPDATE_OK) {
        list->updates++;
        item->seq_hi[which] = hi;
    }
    for (uint32_t e = 0; e < item->node.sa_count; e++) {
        const struct sa_entry *entry = sa_entry(table, sa_context(table, item->id), e);

        REQUIRE(sa_seq_hi(table, entry) == item->seq_hi[e]);
    }
}

static void run_steps(struct sa_table *table, struct list *list, struct rng *rng, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        switch (rng_below(rng, 8)) {
        case 0: step_add(table, list, rng); break;
        case 1:
        case 2: step_lookup(table, list, rng); break;
        case 3: step_update(table, list, rng); break;
        case 4: step_delete(table, list, rng); break;
        default: step_references(table, list, rng); break;
        }
    }
}

static unsigned count_items(const struct list *list, int dir)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LIST; i++) {
        count +=
            list->item[i].handle != 0 && (dir < 0 || list->item[i].node.dir == (enum esp_dir)dir);
    }
    return count;
}

static const struct sa_table_config configs[] = {
    { .capacity = 500 },
    { .capacity = 150, .unit = SA_UNIT_SAS },
    { .per_direction = true, .capacity_in = 60, .capacity_out = 90 },
    { .per_direction = true, .capacity_in = 80, .capacity_out = 40, .unit = SA_UNIT_SAS },
    { .capacity = 400, .ip_entries = 9 },
    { .capacity = 150,
      .organisation = SA_ORGANISATION_HASH,
      .slots = 4096,
      .choices = 2,
      .ways = 4 },
    { .capacity = 150,
      .organisation = SA_ORGANISATION_CUCKOO,
      .slots = 512,
      .choices = 2,
      .ways = 4,
      .search = 64 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0] };

START_TEST(random_operations_agree_with_a_naive_list)
{
    static struct list list;
    struct sa_table table;
    struct rng rng = rng_stream(4, (uint64_t)_i);
    bool present;

    list = (struct list){ .config = &configs[_i] };
    sa_table_init(&table, &configs[_i]);
    run_steps(&table, &list, &rng, OPERATIONS);
    ck_assert_uint_eq(table.stats.live, count_items(&list, -1));
    ck_assert_uint_eq(table.stats.live_in, count_items(&list, ESP_DIR_IN));
    ck_assert_uint_eq(table.stats.live_out, count_items(&list, ESP_DIR_OUT));
    ck_assert_uint_eq(table.stats.adds, list.result[SA_OK]);
    ck_assert_uint_eq(table.stats.deletes, table.stats.adds - table.stats.live);
    ck_assert_uint_eq(table.stats.hits, list.hits);
    ck_assert_uint_eq(table.stats.misses, list.misses);
    ck_assert_uint_eq(table.stats.updates, list.updates);
    ck_assert_uint_eq(table.stats.stale_handles, list.stale);
    if (configs[_i].ip_entries != 0) {
        ck_assert_uint_eq(table.stats.ip_live, list_addresses(&list, &list.item[0].node, &present));
        ck_assert_uint_gt(list.result[SA_NO_IP_SLOT], 100);
    } else if (_i > 0) {
        ck_assert_uint_gt(list.result[SA_FULL], 100);
    }
    ck_assert_uint_gt(list.result[SA_DUPLICATE], 100);
    ck_assert_uint_gt(list.result[SA_OK], 800);
    ck_assert_uint_gt(list.hits, 500);
    ck_assert_uint_gt(list.wildcard_hits, 50);
    ck_assert_uint_gt(list.waits, 50);
    ck_assert_uint_gt(list.updates, 200);
    sa_table_wipe(&table);
    ck_assert_uint_eq(table.stats.live, 0);
    ck_assert_uint_eq(table.stats.live_entries, 0);
    ck_assert_uint_eq(table.stats.ip_live, 0);
    ck_assert_uint_eq(table.fixed.units_in + table.fixed.units_out + table.fixed.wildcards, 0);
    ck_assert_uint_eq(table.index.state.items, 0);
    ck_assert_uint_eq(table.contexts.state.live + table.seconds.state.live +
                          table.v6_pairs.state.live + table.lifetimes.state.live,
                      0);
    ck_assert_uint_eq(table.blocks.state.live + table.windows.state.live, 0);
    sa_table_destroy(&table);
}
END_TEST

/* ---- handles --------------------------------------------------------------------------------- */

START_TEST(stale_handles_are_recognised)
{
    struct sa_table table;
    struct esp_node node = node_of(ESP_DIR_OUT, 0x1000, v4(0x0a000001));
    uint64_t old[1000];
    uint32_t id;

    sa_table_init(&table, &roomy);
    for (unsigned i = 0; i < 1000; i++) {
        struct sa_added added = sa_table_add(&table, &node, true);

        ck_assert_int_eq(added.reason, SA_OK);
        ck_assert_uint_eq(sa_table_find(&table, added.handle), 0); /* not yet live */
        sa_table_commit(&table, added.id, 0);
        ck_assert_uint_eq(sa_table_find(&table, added.handle), added.id);
        for (unsigned j = 0; j < i; j += 97) {
            ck_assert(old[j] != added.handle);
            ck_assert_uint_eq(sa_table_find(&table, old[j]), 0);
            ck_assert_int_eq(sa_table_begin_delete(&table, old[j], &id), SA_DELETE_UNKNOWN);
            ck_assert_int_eq(sa_table_update(&table, old[j], ESP_OP_ESP, 0x1000, 1, true),
                             SA_UPDATE_UNKNOWN);
        }
        old[i] = added.handle;
        ck_assert_int_eq(sa_table_begin_delete(&table, added.handle, &id), SA_DELETE_READY);
        ck_assert_uint_eq(sa_table_peek(&table, added.handle),
                          id); /* not reused before it is free */
        sa_table_free(&table, id);
    }
    ck_assert_uint_eq(sa_table_find(&table, 0), 0);
    ck_assert_uint_eq(sa_table_find(&table, UINT64_MAX), 0);
    sa_table_destroy(&table);
}
END_TEST

START_TEST(deleting_sa_keeps_its_place_but_not_its_key)
{
    const struct sa_table_config two = { .capacity = 2 };
    struct sa_table table;
    struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));
    struct sa_key key = { .spi = 7, .op = ESP_OP_ESP, .dst = node.dst };
    uint32_t id;

    sa_table_init(&table, &two);
    struct sa_added first = sa_table_add(&table, &node, true);

    ck_assert_uint_eq(sa_table_lookup(&table, &key).id, 0); /* O-36: found from the commit on */
    ck_assert_int_eq(sa_table_add(&table, &node, true).reason, SA_DUPLICATE);
    sa_table_commit(&table, first.id, 0);
    ck_assert_uint_eq(sa_table_lookup(&table, &key).id, first.id);
    sa_table_ref(&table, first.id);
    sa_table_ref(&table, first.id);
    ck_assert_int_eq(sa_table_begin_delete(&table, first.handle, &id), SA_DELETE_WAIT);
    ck_assert_uint_eq(sa_table_lookup(&table, &key).id, 0);
    ck_assert_mem_eq(sa_enc_key(&table, &sa_context(&table, id)->first), node.sa[0].enc.bytes, 20);
    struct sa_added second = sa_table_add(&table, &node, true);

    ck_assert_int_eq(second.reason, SA_OK);
    sa_table_commit(&table, second.id, 0);
    ck_assert_uint_eq(sa_table_lookup(&table, &key).id, second.id);
    node.sa[0].spi = 8;
    ck_assert_int_eq(sa_table_add(&table, &node, true).reason, SA_FULL);
    ck_assert(!sa_table_put(&table, first.id));
    ck_assert(sa_table_put(&table, first.id));
    ck_assert_int_eq(sa_table_add(&table, &node, true).reason, SA_FULL);
    sa_table_free(&table, first.id);
    ck_assert_int_eq(sa_table_add(&table, &node, true).reason, SA_OK);
    sa_table_destroy(&table);
}
END_TEST

START_TEST(outbound_duplicates_can_be_allowed)
{
    struct sa_table_config config = roomy;
    struct sa_table table;
    struct esp_node out = node_of(ESP_DIR_OUT, 7, v4(0x0a000001));
    struct esp_node in = node_of(ESP_DIR_IN, 7, v4(0x0a000001));
    uint32_t id;

    config.outbound_duplicates = true;
    sa_table_init(&table, &config);
    ck_assert_int_eq(sa_table_add(&table, &out, true).reason, SA_OK);
    struct sa_added again = sa_table_add(&table, &out, true);

    ck_assert_int_eq(again.reason, SA_OK);
    ck_assert_int_eq(sa_table_add(&table, &in, true).reason, SA_OK);
    ck_assert_int_eq(sa_table_add(&table, &in, true).reason, SA_DUPLICATE);
    ck_assert_int_eq(sa_table_begin_delete(&table, again.handle, &id), SA_DELETE_READY);
    sa_table_free(&table, id);
    ck_assert_uint_eq(table.stats.live, 2);
    sa_table_destroy(&table);
}
END_TEST

START_TEST(update_without_apply_counts_disagreement)
{
    struct sa_table table;
    struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));

    node.sa[0].esn = true;
    node.sa[0].seq_hi = 3;
    node.sa[0].seq = (UINT64_C(3) << 32) + 10;
    sa_table_init(&table, &roomy);
    struct sa_added added = sa_table_add(&table, &node, true);
    struct sa_entry *entry = &sa_context(&table, added.id)->first;

    sa_table_commit(&table, added.id, 0);
    ck_assert_int_eq(sa_table_update(&table, added.handle, ESP_OP_ESP, 7, 3, false), SA_UPDATE_OK);
    ck_assert_uint_eq(table.stats.update_disagreements, 0);
    ck_assert_int_eq(sa_table_update(&table, added.handle, ESP_OP_ESP, 7, 4, false), SA_UPDATE_OK);
    ck_assert_uint_eq(table.stats.update_disagreements, 1);
    ck_assert_uint_eq(entry->sequence, node.sa[0].seq);
    ck_assert_uint_eq(sa_host_sequence(&table, entry, 5), (UINT64_C(3) << 32) + 5);
    ck_assert_int_eq(sa_table_update(&table, added.handle, ESP_OP_ESP, 7, 4, true), SA_UPDATE_OK);
    ck_assert_uint_eq(sa_host_sequence(&table, entry, 5), (UINT64_C(4) << 32) + 5);
    ck_assert_int_eq(sa_table_update(&table, added.handle, ESP_OP_AH, 7, 4, true),
                     SA_UPDATE_MISMATCH);
    sa_table_destroy(&table);
}
END_TEST

/* Crypto offload: only the upper half is known at first, so every low half belongs to it. */
START_TEST(upper_half_of_add_holds_for_any_first_packet)
{
    static const uint32_t low[] = {
        0, 1, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xffffff89, 0xffffffff
    };
    struct sa_table table;
    struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));

    node.sa[0].esn = true;
    node.sa[0].seq_hi = 2;
    node.sa[0].seq = UINT64_C(2) << 32;
    sa_table_init(&table, &roomy);
    struct sa_added added = sa_table_add(&table, &node, false);
    struct sa_entry *entry = &sa_context(&table, added.id)->first;

    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++) {
        ck_assert_uint_eq(sa_replay_infer(entry, low[i]), UINT64_C(2) << 32 | low[i]);
    }
    entry->sequence = UINT64_C(0x2ffffff89); /* a good packet came: near it, as RFC 4303 A2 */
    ck_assert_uint_eq(sa_replay_infer(entry, 3), UINT64_C(0x300000003));
    ck_assert_uint_eq(sa_replay_infer(entry, 0xffffff00), UINT64_C(0x2ffffff00));
    sa_table_destroy(&table);
}
END_TEST

/* ---- contents -------------------------------------------------------------------------------- */

static struct esp_node rich_node(struct rng *rng, uint32_t spi)
{
    struct esp_node node =
        node_of(ESP_DIR_IN, spi, rng_below(rng, 2) == 0 ? v4(spi) : v6(rng_next(rng)));
    struct esp_selector *sel = &node.sel;

    node.mode = rng_below(rng, 2) == 0 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    node.encap_sport = (uint16_t)rng_next(rng);
    node.sa[0].replay_window = (uint16_t)rng_below(rng, 4097);
    node.sa[0].enc = key_of(ESP_ALG_AES_CBC_256, (uint8_t)rng_next(rng));
    node.sa[0].auth = key_of(ESP_ALG_SHA_512, (uint8_t)rng_next(rng));
    if (rng_below(rng, 2) == 0) {
        node.sa_count = 2;
        node.sa[1] = ah_sha(spi + 1, ESP_DIR_IN);
        node.sa[1].esn = true;
        node.sa[1].seq_hi = (uint32_t)rng_next(rng);
        node.sa[1].seq = (uint64_t)node.sa[1].seq_hi << 32 | (uint32_t)rng_next(rng);
        node.sa[1].replay_window = (uint16_t)rng_below(rng, 200);
        node.sa[1].lifetime.soft_s = rng_next(rng);
    }
    sel->present = rng_below(rng, 3) != 0;
    if (sel->present) {
        sel->has_src = rng_below(rng, 2) == 0;
        sel->has_dst = rng_below(rng, 2) == 0;
        sel->has_proto = rng_below(rng, 2) == 0;
        sel->has_sport = rng_below(rng, 2) == 0;
        sel->has_dport = rng_below(rng, 2) == 0;
        sel->src = sel->has_src ? (struct esp_prefix){ v6(rng_next(rng)), 64 } : sel->src;
        sel->dst = sel->has_dst ? (struct esp_prefix){ v4((uint32_t)rng_next(rng)), 24 } : sel->dst;
        sel->proto = sel->has_proto ? 17 : 0;
        sel->sport_lo = sel->has_sport ? 1000 : 0;
        sel->sport_hi = sel->has_sport ? 2000 : 0;
        sel->dport_lo = sel->has_dport ? 53 : 0;
        sel->dport_hi = sel->has_dport ? 5353 : 0;
    }
    if (rng_below(rng, 3) == 0) {
        node.switch_port = (uint32_t)rng_next(rng);
        node.vlan = (uint16_t)rng_below(rng, 4096);
    }
    return node;
}

static void same_sa(const struct esp_sa *a, const struct esp_sa *b)
{
    REQUIRE(a->op == b->op && a->spi == b->spi && a->esn == b->esn && a->seq_hi == b->seq_hi);
    REQUIRE(a->seq == b->seq && a->replay_window == b->replay_window);
    REQUIRE(memcmp(&a->lifetime, &b->lifetime, sizeof a->lifetime) == 0);
    REQUIRE(a->enc.alg == b->enc.alg && a->enc.icv == b->enc.icv && a->enc.length == b->enc.length);
    REQUIRE(memcmp(a->enc.bytes, b->enc.bytes, sizeof a->enc.bytes) == 0);
    REQUIRE(a->auth.alg == b->auth.alg && a->auth.icv == b->auth.icv);
    REQUIRE(a->auth.length == b->auth.length);
    REQUIRE(memcmp(a->auth.bytes, b->auth.bytes, sizeof a->auth.bytes) == 0);
}

static void same_selector(const struct esp_selector *a, const struct esp_selector *b)
{
    REQUIRE(a->present == b->present && a->has_src == b->has_src && a->has_dst == b->has_dst);
    REQUIRE(a->has_proto == b->has_proto && a->has_sport == b->has_sport);
    REQUIRE(a->has_dport == b->has_dport && a->proto == b->proto);
    REQUIRE(same_address(&a->src.address, &b->src.address) && a->src.length == b->src.length);
    REQUIRE(same_address(&a->dst.address, &b->dst.address) && a->dst.length == b->dst.length);
    REQUIRE(a->sport_lo == b->sport_lo && a->sport_hi == b->sport_hi);
    REQUIRE(a->dport_lo == b->dport_lo && a->dport_hi == b->dport_hi);
}

static void same_node(const struct esp_node *a, const struct esp_node *b)
{
    REQUIRE(a->dir == b->dir && a->mode == b->mode && a->udp == b->udp);
    REQUIRE(a->encap_sport == b->encap_sport && a->encap_dport == b->encap_dport);
    REQUIRE(same_address(&a->src, &b->src) && same_address(&a->dst, &b->dst));
    REQUIRE(a->switch_port == b->switch_port && a->vlan == b->vlan && a->sa_count == b->sa_count);
    same_selector(&a->sel, &b->sel);
    for (unsigned i = 0; i < a->sa_count; i++) {
        same_sa(&a->sa[i], &b->sa[i]);
    }
}

START_TEST(node_comes_back_as_it_was_added)
{
    enum { NODES = 3000 };
    struct esp_node *node = calloc(NODES, sizeof *node);
    uint64_t *handle = calloc(NODES, sizeof *handle);
    struct rng rng = rng_stream(1, 1);
    struct sa_capabilities all;
    struct sa_table table;
    struct esp_node found;
    uint32_t id;

    ck_assert(node != NULL && handle != NULL);
    sa_capabilities_all(&all);
    sa_table_init(&table, &roomy);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = round; i < NODES;
             i += 1 + round) { /* again and again in released blocks */
            if (handle[i] != 0) {
                ck_assert_int_eq(sa_table_begin_delete(&table, handle[i], &id), SA_DELETE_READY);
                sa_table_free(&table, id);
            }
            node[i] = rich_node(&rng, 1000 + 10 * i);
            ck_assert_int_eq(sa_validate(&node[i], &all), SA_OK);
            struct sa_added added = sa_table_add(&table, &node[i], true);

            ck_assert_int_eq(added.reason, SA_OK);
            sa_table_commit(&table, added.id, 0);
            handle[i] = added.handle;
        }
        for (unsigned i = 0; i < NODES; i++) {
            id = sa_table_find(&table, handle[i]);
            sa_node(&table, id, &found);
            same_node(&found, &node[i]);
        }
    }
    sa_table_destroy(&table);
    free(node);
    free(handle);
}
END_TEST

START_TEST(windows_of_two_entries_are_apart)
{
    struct sa_table table;
    struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));

    node.sa_count = 2;
    node.sa[0].replay_window = 1024;
    node.sa[1] = ah_sha(8, ESP_DIR_IN);
    node.sa[1].replay_window = 32;
    sa_table_init(&table, &roomy);
    struct sa_added added = sa_table_add(&table, &node, true);
    struct sa_context *context = sa_context(&table, added.id);
    struct sa_entry *esp = sa_entry_of(&table, context, ESP_OP_ESP);
    struct sa_entry *ah = sa_entry_of(&table, context, ESP_OP_AH);

    ck_assert_int_eq(sa_replay_commit(&table, esp, 2000), REPLAY_OK);
    ck_assert_int_eq(sa_replay_commit(&table, esp, 977), REPLAY_OK);
    ck_assert_int_eq(sa_replay_check(&table, esp, 976), REPLAY_TOO_OLD);
    ck_assert_int_eq(sa_replay_commit(&table, esp, 977), REPLAY_DUPLICATE);
    ck_assert_int_eq(sa_replay_commit(&table, ah, 977), REPLAY_OK);
    ck_assert_int_eq(sa_replay_commit(&table, ah, 946), REPLAY_OK);
    ck_assert_int_eq(sa_replay_commit(&table, ah, 945), REPLAY_TOO_OLD);
    ck_assert_uint_eq(sa_replay_infer(ah, 17), 17);
    sa_table_destroy(&table);
    sa_table_init(&table, &roomy);
    added = sa_table_add(&table, &node, false); /* crypto offload: the host's window */
    esp = &sa_context(&table, added.id)->first;
    ck_assert_int_eq(sa_replay_commit(&table, esp, 5), REPLAY_OK);
    ck_assert_int_eq(sa_replay_commit(&table, esp, 5), REPLAY_OK);
    sa_table_destroy(&table);
}
END_TEST

/* ---- lifetime -------------------------------------------------------------------------------- */

static struct sa_entry *with_lifetime(struct sa_table *table, struct esp_lifetime lifetime)
{
    struct esp_node node = node_of(ESP_DIR_OUT, 7, v4(0x0a000001));

    node.sa[0].lifetime = lifetime;
    sa_table_init(table, &roomy);
    struct sa_added added = sa_table_add(table, &node, true);

    sa_table_commit(table, added.id, UINT64_C(5000000000));
    return &sa_context(table, added.id)->first;
}

/* The limits of the recording linux61-20: soft 20, hard 60 packets; packet 60 still passes. */
START_TEST(packet_limits)
{
    struct sa_table table;
    struct sa_entry *entry =
        with_lifetime(&table, (struct esp_lifetime){ .soft_packets = 20, .hard_packets = 60 });
    const struct sa_lifetime *counted = sa_chunks_at(&table.lifetimes.chunks, entry->lifetime);

    for (unsigned packet = 1; packet <= 60; packet++) {
        ck_assert(!sa_expired(&table, entry, 0));
        unsigned events = sa_count(&table, entry, 100, packet);

        ck_assert_uint_eq(events, packet == 20 ? SA_EVENT_SOFT : packet == 60 ? SA_EVENT_HARD : 0);
    }
    ck_assert(sa_expired(&table, entry, 0));
    ck_assert_uint_eq(counted->packets.value, 60);
    ck_assert_uint_eq(counted->bytes.value, 6000);
    sa_table_destroy(&table);
}
END_TEST

START_TEST(byte_and_time_limits)
{
    struct sa_table table;
    struct sa_entry *entry = with_lifetime(
        &table,
        (struct esp_lifetime){ .soft_bytes = 150, .hard_bytes = 250, .soft_s = 3, .hard_s = 6 });
    const uint64_t start = UINT64_C(5000000000);
    const uint64_t second = UINT64_C(1000000000);

    ck_assert_uint_eq(sa_count(&table, entry, 100, start), 0);
    ck_assert_uint_eq(sa_count(&table, entry, 100, start), SA_EVENT_SOFT);
    ck_assert(!sa_expired(&table, entry, start));
    ck_assert_uint_eq(sa_count(&table, entry, 100, start), SA_EVENT_HARD);
    ck_assert(sa_expired(&table, entry, start));
    sa_table_destroy(&table);
    entry = with_lifetime(&table, (struct esp_lifetime){ .soft_s = 3, .hard_s = 6 });
    ck_assert_uint_eq(sa_deadline(&table, entry), start + 3 * second);
    ck_assert_uint_eq(sa_limits(&table, entry, start + 3 * second - 1), 0);
    ck_assert_uint_eq(sa_limits(&table, entry, start + 3 * second), SA_EVENT_SOFT);
    ck_assert_uint_eq(sa_deadline(&table, entry), start + 6 * second);
    ck_assert(!sa_expired(&table, entry, start + 6 * second - 1));
    ck_assert(sa_expired(&table, entry, start + 6 * second));
    ck_assert_uint_eq(sa_limits(&table, entry, start + 6 * second), SA_EVENT_HARD);
    ck_assert_uint_eq(sa_deadline(&table, entry), UINT64_MAX);
    sa_table_destroy(&table);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static void add_pairs(struct sa_table *table, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct esp_node node =
            node_of(i % 2 == 0 ? ESP_DIR_IN : ESP_DIR_OUT, 0x1000 + i, v4(0x0a000000 + i));
        struct sa_added added = sa_table_add(table, &node, true);

        REQUIRE(added.reason == SA_OK);
        sa_table_commit(table, added.id, 0);
    }
}

START_TEST(memory_per_sa_is_small_and_flat)
{
    enum { SAS = 1000000 };
    struct sa_table table;
    struct sa_table_memory some;
    struct sa_table_memory many;
    struct sa_table_memory after;

    sa_table_init(&table, &roomy);
    add_pairs(&table, 0, SAS / 10);
    sa_table_memory(&table, &some);
    add_pairs(&table, SAS / 10, SAS);
    sa_table_memory(&table, &many);
    double each = (double)many.total / SAS;
    double without_keys = (double)(many.total - many.blocks) / SAS;

    ck_assert_double_lt(each, 88);
    ck_assert_double_lt(without_keys, 66);
    ck_assert_double_eq_tol((double)some.total * 10 / SAS, each, 3);
    ck_assert_double_eq_tol((double)many.in_use / SAS, each, 1);
    for (uint32_t i = 0; i < SAS; i += 3) { /* every one is found */
        struct sa_key key = { 0x1000 + i, ESP_OP_ESP, v4(0x0a000000 + i) };
        struct sa_hit hit = sa_table_lookup(&table, &key);

        REQUIRE(i % 2 == 1 ? hit.id == 0 : sa_context(&table, hit.id)->first.spi == 0x1000 + i);
    }
    /* No growth by churn, and deletion gives everything but the buckets back to the pools. */
    sa_table_wipe(&table);
    sa_table_memory(&table, &after);
    ck_assert_uint_eq(after.total, many.total);
    ck_assert_uint_le(after.in_use, UINT64_C(4) * SAS);
    add_pairs(&table, SAS, 2 * SAS);
    sa_table_memory(&table, &after);
    ck_assert_uint_eq(after.total, many.total);
    printf("memory per installed SA: %.1f bytes, %.1f without keys\n", each, without_keys);
    sa_table_destroy(&table);
}
END_TEST

/* SPIs and destinations as key managers and test generators give them out. */
static struct esp_node patterned(int pattern, uint32_t i)
{
    switch (pattern) {
    case 0: return node_of(ESP_DIR_IN, 0x1000 + i, v4(0x0a000000 + i));
    case 1: return node_of(ESP_DIR_IN, 256 + i, v4(0x0b000000 + __builtin_bswap32(i << 8)));
    case 2: return node_of(ESP_DIR_IN, 256 + i, v4(__builtin_bswap32(256 + i)));
    case 3: return node_of(ESP_DIR_IN, 256 + i, v4(0x0a000001));
    case 4: return node_of(ESP_DIR_IN, i << 12, v4(0x0a000001));
    case 5: return node_of(ESP_DIR_IN, 0x1000, v4(0x0a000000 + i));
    case 6: return node_of(ESP_DIR_IN, 0x1000, v4(i * 256));
    case 7: return node_of(ESP_DIR_IN, 0x1000 + i, v6(i));
    default: return node_of(ESP_DIR_IN, 0x1000, v6((uint64_t)i << 32));
    }
}
enum { PATTERNS = 9 };

static uint32_t chain_length(const struct sa_table *table, uint32_t bucket)
{
    uint32_t reference = *(const uint32_t *)sa_chunks_at(&table->index.heads, bucket);
    uint32_t length = 0;

    for (; reference != 0; length++) {
        reference = sa_context(table, reference >> 1)->first.next;
    }
    return length;
}

/* The index splits one bucket per insertion. With n random keys in n buckets a chain has on
 * average (n - 1) / n others before one looks further: the sum of length * (length - 1) is close
 * to n, and the longest is below 14 for n = 50000. Linear hashing has buckets not yet split, so
 * a little more. */
START_TEST(index_grows_and_spreads_evenly)
{
    enum { SAS = 50000 };
    struct sa_table table;
    uint64_t items = 0;
    uint64_t collisions = 0;

    sa_table_init(&table, &roomy);
    for (uint32_t i = 0; i < SAS; i++) {
        struct esp_node node = patterned(_i, i);

        REQUIRE(sa_table_add(&table, &node, true).reason == SA_OK);
        REQUIRE(table.index.state.buckets == i + 1);
    }
    for (uint32_t bucket = 0; bucket < table.index.state.buckets; bucket++) {
        uint64_t length = chain_length(&table, bucket);

        items += length;
        collisions += length * (length - 1);
        REQUIRE(length < 16);
    }
    ck_assert_uint_eq(items, SAS);
    ck_assert_double_lt((double)collisions / SAS, 1.2);
    sa_table_destroy(&table);
}
END_TEST

/* ---- snapshot -------------------------------------------------------------------------------- */

static void hash_region(void *user, const struct sa_region *region)
{
    uint64_t *hash = user;
    const unsigned char *bytes = region->data;

    for (size_t i = 0; i < region->bytes; i++) {
        *hash = (*hash ^ bytes[i]) * 0x100000001b3u;
    }
}

static uint64_t hash_table(struct sa_table *table)
{
    uint64_t hash = 0xcbf29ce484222325u;

    sa_table_state_regions(table, hash_region, &hash);
    sa_table_data_regions(table, hash_region, &hash);
    return hash;
}

START_TEST(restored_table_goes_on_alike)
{
    static struct list lists[2];
    static struct snapshot snapshots[2];
    struct sa_table tables[2];
    struct rng rng = rng_stream(77, 0);
    FILE *file = tmpfile();
    char error[300];

    ck_assert_ptr_nonnull(file);
    lists[0] = (struct list){ .config = &configs[4] };
    for (int i = 0; i < 2; i++) {
        sa_table_init(&tables[i], &configs[4]);
        sa_table_snapshot(&tables[i], &snapshots[i]);
    }
    run_steps(&tables[0], &lists[0], &rng, 20000);
    add_pairs(&tables[1], 0, 18); /* what the other one holds must not shine through */
    ck_assert_msg(snapshot_save(&snapshots[0], file, error, sizeof error), "%s", error);
    rewind(file);
    ck_assert_msg(snapshot_restore(&snapshots[1], file, error, sizeof error), "%s", error);
    ck_assert_uint_eq(hash_table(&tables[0]), hash_table(&tables[1]));
    lists[1] = lists[0];
    for (int i = 0; i < 2; i++) {
        struct rng same = rng;

        run_steps(&tables[i], &lists[i], &same, 20000);
    }
    ck_assert_uint_eq(hash_table(&tables[0]), hash_table(&tables[1]));
    sa_table_destroy(&tables[0]);
    sa_table_destroy(&tables[1]);
    fclose(file);
}
END_TEST

START_TEST(empty_table_can_be_restored)
{
    static struct snapshot snapshots[2];
    struct sa_table tables[2];
    FILE *file = tmpfile();
    char error[300];

    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 2; i++) {
        sa_table_init(&tables[i], &roomy);
        sa_table_snapshot(&tables[i], &snapshots[i]);
    }
    add_pairs(&tables[1], 0, 10);
    ck_assert(snapshot_save(&snapshots[0], file, error, sizeof error));
    rewind(file);
    ck_assert_msg(snapshot_restore(&snapshots[1], file, error, sizeof error), "%s", error);
    ck_assert_uint_eq(tables[1].stats.live, 0);
    add_pairs(&tables[0], 5, 500);
    add_pairs(&tables[1], 5, 500);
    ck_assert_uint_eq(hash_table(&tables[0]), hash_table(&tables[1]));
    sa_table_destroy(&tables[0]);
    sa_table_destroy(&tables[1]);
    fclose(file);
}
END_TEST

/* ---- validation ------------------------------------------------------------------------------ */

/* Each changes one thing of a good node or of the full capabilities. */
#define CHANGE(name, statement)                                                                    \
    static void name(struct esp_node *n, struct sa_capabilities *c)                                \
    {                                                                                              \
        (void)n;                                                                                   \
        (void)c;                                                                                   \
        statement;                                                                                 \
    }

CHANGE(change_nothing, )
CHANGE(change_count0, n->sa_count = 0)
CHANGE(change_count3, n->sa_count = 3)
CHANGE(change_family, n->dst.family = 5; n->src.family = 5)
CHANGE(change_families, n->src.family = 6)
CHANGE(change_udp3, n->udp = (enum esp_udp)3)
CHANGE(change_two_esp, n->sa_count = 2; n->sa[1] = n->sa[0])
CHANGE(change_ah_first_out, n->dir = ESP_DIR_OUT; n->sa_count = 2;
       n->sa[1] = esp_gcm(2, ESP_DIR_OUT); n->sa[0] = ah_sha(1, ESP_DIR_OUT))
CHANGE(change_ah_first_in, n->sa_count = 2; n->sa[1] = n->sa[0]; n->sa[0] = ah_sha(1, ESP_DIR_IN))
CHANGE(change_esp_ah, n->sa_count = 2; n->sa[1] = ah_sha(1, ESP_DIR_IN))
CHANGE(change_udp_ah, n->udp = ESP_UDP_TUNNEL; n->sa[0] = ah_sha(1, ESP_DIR_IN))
CHANGE(change_op, n->sa[0].op = (enum esp_op)3)
CHANGE(change_ah_encrypts, n->sa[0].op = ESP_OP_AH)
CHANGE(change_gcm_auth, n->sa[0].auth = key_of(ESP_ALG_SHA_1, 0))
CHANGE(change_nothing_at_all, n->sa[0].enc = (struct esp_key){ .alg = ESP_ALG_NULL })
CHANGE(change_auth_as_enc, n->sa[0].enc = key_of(ESP_ALG_SHA_1, 0))
CHANGE(change_enc_as_auth, n->sa[0].enc.alg = ESP_ALG_NULL; n->sa[0].enc.length = 0;
       n->sa[0].enc.icv = 0; n->sa[0].auth = key_of(ESP_ALG_AES_CBC_128, 0))
CHANGE(change_cbc_gmac, n->sa[0].enc = key_of(ESP_ALG_AES_CBC_128, 0);
       n->sa[0].auth = key_of(ESP_ALG_AES_GMAC_128, 0))
CHANGE(change_null_gmac, n->sa[0].enc = key_of(ESP_ALG_NULL, 0);
       n->sa[0].auth = key_of(ESP_ALG_AES_GMAC_128, 0))
CHANGE(change_alg, n->sa[0].enc.alg = ESP_ALG_COUNT)
CHANGE(change_key17, n->sa[0].enc.length = 17)
CHANGE(change_no_salt, n->sa[0].enc.length = 16)
CHANGE(change_no_key, n->sa[0].enc.length = 0)
CHANGE(change_one_key, n->sa[0].enc = key_of(ESP_ALG_AES_CBC_128, 0);
       n->sa[0].auth = key_of(ESP_ALG_SHA_1, 0); n->sa[0].auth.length = 0)
CHANGE(change_icv13, n->sa[0].enc.icv = 13)
CHANGE(change_window, n->sa[0].replay_window = 4097)
CHANGE(change_seq_hi, n->sa[0].esn = true; n->sa[0].seq = UINT64_C(1) << 32)
CHANGE(change_seq_plain, n->sa[0].seq = UINT64_C(1) << 32)
CHANGE(change_seq_out0, n->dir = ESP_DIR_OUT)
CHANGE(change_cipher_only, n->sa[0].enc = key_of(ESP_ALG_AES_CBC_128, 0))
CHANGE(without_ipv6, c->ipv6 = false; n->src = n->dst = v6(1))
CHANGE(without_tunnel, c->tunnel = false)
CHANGE(without_transport, c->transport = false; n->mode = ESP_MODE_TRANSPORT)
CHANGE(without_ah, c->ah = false; n->sa[0] = ah_sha(1, ESP_DIR_IN))
CHANGE(without_esp, c->esp = false)
CHANGE(without_ah_esp, c->ah_esp = false; change_esp_ah(n, c))
CHANGE(without_udp, c->udp = ESP_UDP_TRANSPORT; n->udp = ESP_UDP_TUNNEL)
CHANGE(without_gcm, c->encryption &= ~SA_ALGORITHM(ESP_ALG_AES_GCM_128))
CHANGE(without_sha, c->authentication &= ~SA_ALGORITHM(ESP_ALG_SHA_256); change_esp_ah(n, c))
CHANGE(without_pure, c->authentication &= ~SA_ALGORITHM(ESP_ALG_NONE); change_cipher_only(n, c))
CHANGE(without_icv12, c->aead_icvs = SA_ICV(16); n->sa[0].enc.icv = 12)
CHANGE(without_esn, c->esn = false; n->sa[0].esn = true)
CHANGE(without_large, c->window_max = 63)
CHANGE(without_small, c->window_min = 65)
CHANGE(without_off, c->window_off = false; n->sa[0].replay_window = 0)
CHANGE(without_odd, c->window_power_of_two = true; n->sa[0].replay_window = 100)
CHANGE(host_window, c->window_max = 0; c->host_checks_replay = true)
CHANGE(as_82599, sa_capabilities_82599(c))
CHANGE(as_82599_gcm256, sa_capabilities_82599(c); n->sa[0].enc = key_of(ESP_ALG_AES_GCM_256, 0))
CHANGE(as_82599_esn, sa_capabilities_82599(c); n->sa[0].esn = true)

static const struct {
    void (*change)(struct esp_node *, struct sa_capabilities *);
    enum sa_reason reason;
} cases[] = {
    { change_nothing, SA_OK },
    { change_count0, SA_INVALID_COUNT },
    { change_count3, SA_INVALID_COUNT },
    { change_family, SA_INVALID_ADDRESS },
    { change_families, SA_INVALID_ADDRESS },
    { change_udp3, SA_INVALID_UDP },
    { change_two_esp, SA_INVALID_OPERATIONS },
    { change_ah_first_out, SA_INVALID_OPERATIONS },
    { change_ah_first_in, SA_OK },
    { change_esp_ah, SA_OK },
    { change_udp_ah, SA_INVALID_OPERATIONS },
    { change_op, SA_INVALID_OPERATIONS },
    { change_ah_encrypts, SA_INVALID_ALGORITHM },
    { change_gcm_auth, SA_INVALID_ALGORITHM },
    { change_nothing_at_all, SA_INVALID_ALGORITHM },
    { change_auth_as_enc, SA_INVALID_ALGORITHM },
    { change_enc_as_auth, SA_INVALID_ALGORITHM },
    { change_cbc_gmac, SA_INVALID_ALGORITHM },
    { change_null_gmac, SA_OK },
    { change_alg, SA_INVALID_ALGORITHM },
    { change_key17, SA_INVALID_KEY },
    { change_no_salt, SA_OK },
    { change_no_key, SA_OK },
    { change_one_key, SA_INVALID_KEY },
    { change_icv13, SA_INVALID_ICV },
    { change_window, SA_INVALID_WINDOW },
    { change_seq_hi, SA_INVALID_SEQUENCE },
    { change_seq_plain, SA_INVALID_SEQUENCE },
    { change_seq_out0, SA_INVALID_SEQUENCE },
    { change_cipher_only, SA_OK },
    { without_ipv6, SA_UNSUPPORTED_IPV6 },
    { without_tunnel, SA_UNSUPPORTED_MODE },
    { without_transport, SA_UNSUPPORTED_MODE },
    { without_ah, SA_UNSUPPORTED_AH },
    { without_esp, SA_UNSUPPORTED_ESP },
    { without_ah_esp, SA_UNSUPPORTED_AH_ESP },
    { without_udp, SA_UNSUPPORTED_UDP },
    { without_gcm, SA_UNSUPPORTED_ENCRYPTION },
    { without_sha, SA_UNSUPPORTED_AUTHENTICATION },
    { without_pure, SA_UNSUPPORTED_AUTHENTICATION },
    { without_icv12, SA_UNSUPPORTED_ICV },
    { without_esn, SA_UNSUPPORTED_ESN },
    { without_large, SA_UNSUPPORTED_WINDOW },
    { without_small, SA_UNSUPPORTED_WINDOW },
    { without_off, SA_UNSUPPORTED_WINDOW },
    { without_odd, SA_UNSUPPORTED_WINDOW },
    { host_window, SA_OK },
    { as_82599, SA_OK },
    { as_82599_gcm256, SA_UNSUPPORTED_ENCRYPTION },
    { as_82599_esn, SA_UNSUPPORTED_ESN },
};
enum { CASES = sizeof cases / sizeof cases[0] };

START_TEST(validation_names_the_reason)
{
    struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));
    struct sa_capabilities all;

    sa_capabilities_all(&all);
    cases[_i].change(&node, &all);
    ck_assert_str_eq(sa_reason_name(sa_validate(&node, &all)), sa_reason_name(cases[_i].reason));
}
END_TEST

START_TEST(every_reason_has_a_name_and_a_class)
{
    for (int i = 0; i < SA_REASON_COUNT; i++) {
        enum sa_reason_class class = sa_reason_class((enum sa_reason)i);

        ck_assert_uint_gt(strlen(sa_reason_text((enum sa_reason)i)), 5);
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(sa_reason_name((enum sa_reason)i), sa_reason_name((enum sa_reason)j));
        }
        ck_assert_int_eq(class == SA_CLASS_OK, i == SA_OK);
        ck_assert_int_eq(class == SA_CLASS_RESOURCES, i >= SA_FULL && i <= SA_NO_MEMORY);
        ck_assert_int_eq(class == SA_CLASS_INVALID, i >= SA_INVALID_COUNT);
    }
}
END_TEST

START_TEST(algorithm_lists)
{
    struct sa_capabilities all;
    uint32_t mask = 77;
    char error[200] = "";

    sa_capabilities_all(&all);
    ck_assert(sa_algorithm_mask("all", false, &mask, error, sizeof error));
    ck_assert_uint_eq(mask, all.encryption);
    ck_assert(sa_algorithm_mask("none", true, &mask, error, sizeof error));
    ck_assert_uint_eq(mask, 0);
    ck_assert(sa_algorithm_mask("null,aes-gcm-128", false, &mask, error, sizeof error));
    ck_assert_uint_eq(mask, SA_ALGORITHM(ESP_ALG_NULL) | SA_ALGORITHM(ESP_ALG_AES_GCM_128));
    ck_assert(sa_algorithm_mask("no-icv,sha-1", true, &mask, error, sizeof error));
    ck_assert_uint_eq(mask, SA_ALGORITHM(ESP_ALG_NONE) | SA_ALGORITHM(ESP_ALG_SHA_1));
    ck_assert(!sa_algorithm_mask("sha-1", false, &mask, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "\"sha-1\""));
    ck_assert(!sa_algorithm_mask("aes-gcm-128,", false, &mask, error, sizeof error));
    ck_assert(!sa_algorithm_mask("", true, &mask, error, sizeof error));
    ck_assert_uint_eq(mask, SA_ALGORITHM(ESP_ALG_NONE) | SA_ALGORITHM(ESP_ALG_SHA_1));
}
END_TEST

START_TEST(descriptors_give_the_documented_defaults)
{
    const struct param_group groups[] = {
        { "table", "", 0, sa_table_params, sa_table_param_count },
        { "can", "", sizeof(struct sa_table_config), sa_capabilities_params,
          sa_capabilities_param_count },
    };
    struct {
        struct sa_table_config table;
        struct sa_capabilities can;
    } found = { .can = { 0 } };
    struct sa_table_config table;
    struct sa_capabilities all;

    param_set_defaults(&found, groups, 2);
    sa_table_config_default(&table);
    sa_capabilities_all(&all);
    ck_assert_uint_eq(found.table.organisation, table.organisation);
    ck_assert_uint_eq(found.table.unit, table.unit);
    ck_assert_uint_eq(found.table.per_direction, table.per_direction);
    ck_assert_uint_eq(found.table.capacity, table.capacity);
    ck_assert_uint_eq(found.table.capacity_in, table.capacity_in);
    ck_assert_uint_eq(found.table.capacity_out, table.capacity_out);
    ck_assert_uint_eq(found.table.ip_entries, table.ip_entries);
    ck_assert_uint_eq(found.table.outbound_duplicates, table.outbound_duplicates);
    found.can.encryption = all.encryption; /* the masks are read by sa_algorithm_mask */
    found.can.authentication = all.authentication;
    found.can.aead_icvs = all.aead_icvs;
    found.can.udp = all.udp;
    for (int i = 0; i < CASES; i++) { /* so all refuse and accept the same */
        struct esp_node node = node_of(ESP_DIR_IN, 7, v4(0x0a000001));
        struct sa_capabilities unused = all;

        cases[i].change(&node, &unused);
        ck_assert_int_eq(sa_validate(&node, &found.can), sa_validate(&node, &all));
    }
    ck_assert_uint_eq(found.can.window_min, all.window_min);
    ck_assert(found.can.lso && found.can.transport_tunnel && found.can.ipv4_options);
}
END_TEST

START_TEST(sizes_are_as_documented)
{
    ck_assert_uint_eq(sizeof(struct sa_entry), 40);
    ck_assert_uint_eq(sizeof(struct sa_context), 56);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sa_table");
    TCase *tcase = tcase_create("sa_table");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, random_operations_agree_with_a_naive_list, 0, CONFIGS);
    tcase_add_test(tcase, stale_handles_are_recognised);
    tcase_add_test(tcase, deleting_sa_keeps_its_place_but_not_its_key);
    tcase_add_test(tcase, outbound_duplicates_can_be_allowed);
    tcase_add_test(tcase, update_without_apply_counts_disagreement);
    tcase_add_test(tcase, upper_half_of_add_holds_for_any_first_packet);
    tcase_add_test(tcase, node_comes_back_as_it_was_added);
    tcase_add_test(tcase, windows_of_two_entries_are_apart);
    tcase_add_test(tcase, packet_limits);
    tcase_add_test(tcase, byte_and_time_limits);
    tcase_add_test(tcase, memory_per_sa_is_small_and_flat);
    tcase_add_loop_test(tcase, index_grows_and_spreads_evenly, 0, PATTERNS);
    tcase_add_test(tcase, restored_table_goes_on_alike);
    tcase_add_test(tcase, empty_table_can_be_restored);
    tcase_add_loop_test(tcase, validation_names_the_reason, 0, CASES);
    tcase_add_test(tcase, every_reason_has_a_name_and_a_class);
    tcase_add_test(tcase, algorithm_lists);
    tcase_add_test(tcase, descriptors_give_the_documented_defaults);
    tcase_add_test(tcase, sizes_are_as_documented);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
