#include "sa_table/table.h"

#include <assert.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/note.h"

/* ---- look-up keys ---------------------------------------------------------------------------- */

/* What two SAs must not share. */
struct key {
    uint32_t spi;
    uint8_t op, family, inbound;
    uint8_t dst[16];
};

static uint64_t hash_address(uint64_t hash, const uint8_t dst[16])
{
    uint64_t word[2];

    /* Mixed between the parts: SPIs and addresses that are assigned together are related
     * numbers, and a plain exclusive or of the two makes many of them equal. */
    memcpy(word, dst, sizeof word);
    return rng_mix(rng_mix(rng_mix(hash) ^ word[0]) ^ word[1]);
}

static uint64_t hash_key(const struct key *key)
{
    uint32_t kind = (uint32_t)key->op << 16 | (uint32_t)key->family << 8 | key->inbound;

    return hash_address((uint64_t)kind << 32 | key->spi, key->dst);
}

/* A reference of the index is a context id and which entry of it. */
static uint32_t reference_to(uint32_t id, uint32_t entry)
{
    return id << 1 | entry;
}

static struct sa_entry *referenced(const struct sa_table *table, uint32_t reference)
{
    return sa_entry(table, sa_context(table, reference >> 1), reference & 1);
}

static const uint8_t *destination(const struct sa_table *table, const struct sa_context *context,
                                  uint8_t buffer[16])
{
    if ((context->flags & SA_CONTEXT_IPV6) != 0) {
        const struct sa_v6_pair *pair = sa_chunks_at(&table->v6_pairs.chunks, context->address.v6);

        return pair->dst;
    }
    memset(buffer, 0, 16);
    memcpy(buffer, context->address.v4[1], 4);
    return buffer;
}

static uint64_t entry_hash(const void *owner, uint32_t reference)
{
    const struct sa_table *table = owner;
    const struct sa_context *context = sa_context(table, reference >> 1);
    const struct sa_entry *entry = referenced(table, reference);
    struct key key = { .spi = entry->spi,
                       .op = entry->op,
                       .family = (context->flags & SA_CONTEXT_IPV6) != 0 ? 6 : 4,
                       .inbound = (context->flags & SA_CONTEXT_IN) != 0 };
    uint8_t buffer[16];

    memcpy(key.dst, destination(table, context, buffer), sizeof key.dst);
    return hash_key(&key);
}

static uint32_t *entry_link(const void *owner, uint32_t reference)
{
    return &referenced(owner, reference)->next;
}

static const struct sa_index_owner entries = { .hash = entry_hash, .link = entry_link };

/* In a direct map the SPI says where. */
static uint64_t entry_spi(const void *owner, uint32_t reference)
{
    return referenced(owner, reference)->spi;
}

static uint64_t number_of(const uint8_t *bytes, unsigned count)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* The bits of a key, as slots.h lays them. */
static struct sa_slots_key entry_key(const void *owner, uint32_t reference)
{
    const struct sa_table *table = owner;
    const struct sa_context *context = sa_context(table, reference >> 1);
    const struct sa_entry *entry = referenced(table, reference);
    bool v6 = (context->flags & SA_CONTEXT_IPV6) != 0;
    uint8_t buffer[16];
    const uint8_t *dst = destination(table, context, buffer);
    struct sa_slots_key key;

    key.word[0] = v6 ? number_of(dst + 8, 8) : number_of(dst, 4);
    key.word[1] = v6 ? number_of(dst, 8) : 0;
    key.word[2] = entry->spi | (uint64_t)(entry->op == ESP_OP_AH) << 32 | (uint64_t)v6 << 33;
    return key;
}

static const struct sa_slots_owner hashed = { .hash = entry_hash, .key = entry_key };
static const struct sa_slots_owner numbered = { .hash = entry_spi };

static bool has_key(const struct sa_table *table, uint32_t reference, const struct key *key)
{
    const struct sa_context *context = sa_context(table, reference >> 1);
    const struct sa_entry *entry = referenced(table, reference);
    uint8_t buffer[16];

    return entry->spi == key->spi && entry->op == key->op &&
           ((context->flags & SA_CONTEXT_IN) != 0) == key->inbound &&
           ((context->flags & SA_CONTEXT_IPV6) != 0 ? 6 : 4) == key->family &&
           memcmp(destination(table, context, buffer), key->dst, sizeof key->dst) == 0;
}

/* The reference with this key, 0 if there is none. */
static uint32_t find_key(const struct sa_table *table, const struct key *key)
{
    uint32_t reference = sa_index_head(&table->index, hash_key(key));

    while (reference != 0 && !has_key(table, reference, key)) {
        reference = referenced(table, reference)->next;
    }
    return reference;
}

/* ---- addresses of the 82599 kind ------------------------------------------------------------- */

/* An entry of the separate table of destination addresses. */
struct ip_entry {
    uint32_t next;
    uint32_t references;
    uint32_t family;
    uint8_t address[16];
};

static struct ip_entry *ip_entry(const struct sa_table *table, uint32_t id)
{
    return sa_chunks_at(&table->ips.chunks, id);
}

static uint64_t ip_hash(const void *owner, uint32_t reference)
{
    const struct ip_entry *entry = ip_entry(owner, reference);

    return hash_address(entry->family, entry->address);
}

static uint32_t *ip_link(const void *owner, uint32_t reference)
{
    return &ip_entry(owner, reference)->next;
}

static const struct sa_index_owner ips = { .hash = ip_hash, .link = ip_link };

static uint32_t find_ip(const struct sa_table *table, uint32_t family, const uint8_t address[16])
{
    uint32_t id = sa_index_head(&table->ip_index, hash_address(family, address));

    while (id != 0 && (ip_entry(table, id)->family != family ||
                       memcmp(ip_entry(table, id)->address, address, 16) != 0)) {
        id = ip_entry(table, id)->next;
    }
    return id;
}

/* One more SA uses the address. */
static enum sa_reason take_ip(struct sa_table *table, const struct esp_address *dst)
{
    uint32_t id = find_ip(table, dst->family, dst->bytes);

    if (id == 0) {
        if (table->stats.ip_live >= table->config.ip_entries) {
            return SA_NO_IP_SLOT;
        }
        id = sa_pool_take(&table->ips);
        if (id == 0) {
            return SA_NO_MEMORY;
        }
        ip_entry(table, id)->family = dst->family;
        memcpy(ip_entry(table, id)->address, dst->bytes, sizeof dst->bytes);
        if (!sa_index_insert(&table->ip_index, &ips, table, id)) {
            sa_pool_release(&table->ips, id);
            return SA_NO_MEMORY;
        }
        table->stats.ip_live++;
        if (table->stats.ip_live > table->stats.ip_peak) {
            table->stats.ip_peak = table->stats.ip_live;
        }
    }
    ip_entry(table, id)->references++;
    return SA_OK;
}

static void drop_ip(struct sa_table *table, const struct sa_context *context)
{
    uint8_t buffer[16];
    uint32_t id = find_ip(table, (context->flags & SA_CONTEXT_IPV6) != 0 ? 6 : 4,
                          destination(table, context, buffer));

    if (--ip_entry(table, id)->references == 0) {
        sa_index_remove(&table->ip_index, &ips, table, id);
        sa_pool_release(&table->ips, id);
        table->stats.ip_live--;
    }
}

/* ---- life of the table ----------------------------------------------------------------------- */

uint32_t sa_table_slots(const struct sa_table_config *config)
{
    uint32_t bucket =
        config->organisation == SA_ORGANISATION_DIRECT ? 1 : config->choices * config->ways;
    uint32_t keys = config->per_direction ? config->capacity_in : config->capacity;

    if (config->organisation == SA_ORGANISATION_CAM) {
        return 0;
    }
    return config->slots != 0 ? config->slots : (keys + bucket - 1) / bucket * bucket;
}

static void init_slots(struct sa_table *table)
{
    const struct sa_table_config *config = &table->config;
    bool direct = config->organisation == SA_ORGANISATION_DIRECT;
    struct sa_slots_config slots = { .organisation = config->organisation,
                                     .slots = sa_table_slots(config),
                                     .choices = direct ? 1 : config->choices,
                                     .ways = direct ? 1 : config->ways,
                                     .stash = direct ? 0 : config->stash,
                                     .search = config->search,
                                     .hash = direct ? SA_SLOTS_MIX : config->hash };

    sa_slots_init(&table->slots, &slots);
    table->stats.slots = slots.slots;
}

void sa_table_init(struct sa_table *table, const struct sa_table_config *config)
{
    *table = (struct sa_table){ .config = *config };
    table->stats.capacity = config->per_direction
                                ? (uint64_t)config->capacity_in + config->capacity_out
                                : config->capacity;
    sa_pool_init(&table->contexts, sizeof(struct sa_context));
    sa_pool_init(&table->seconds, sizeof(struct sa_entry));
    sa_pool_init(&table->v6_pairs, sizeof(struct sa_v6_pair));
    sa_pool_init(&table->lifetimes, sizeof(struct sa_lifetime));
    sa_pool_init(&table->ips, sizeof(struct ip_entry));
    sa_chunks_init(&table->activity, sizeof(struct sa_activity));
    sa_chunks_init(&table->since, sizeof(uint32_t));
    sa_chunks_init(&table->raised, sizeof(struct sa_event_times));
    sa_store_init(&table->blocks, 4);
    sa_store_init(&table->windows, 8);
    sa_index_init(&table->index, 1);
    sa_index_init(&table->ip_index, 1);
    init_slots(table);
}

void sa_table_destroy(struct sa_table *table)
{
    sa_pool_destroy(&table->contexts);
    sa_pool_destroy(&table->seconds);
    sa_pool_destroy(&table->v6_pairs);
    sa_pool_destroy(&table->lifetimes);
    sa_pool_destroy(&table->ips);
    sa_chunks_destroy(&table->activity);
    sa_chunks_destroy(&table->since);
    sa_chunks_destroy(&table->raised);
    sa_store_destroy(&table->blocks);
    sa_store_destroy(&table->windows);
    sa_index_destroy(&table->index);
    sa_index_destroy(&table->ip_index);
    sa_slots_destroy(&table->slots);
    sa_table_drop_image(table);
}

/* ---- parts of a context ---------------------------------------------------------------------- */

/* Gives back what the entry owns; parts that it does not own are 0. */
static void release_entry(struct sa_table *table, struct sa_entry *entry)
{
    sa_block_release(&table->blocks, entry);
    if (entry->lifetime != 0) {
        sa_pool_release(&table->lifetimes, entry->lifetime);
    }
    if (entry->window > 64 && entry->bitmap != 0) {
        sa_store_release(&table->windows, (uint32_t)entry->bitmap, replay_words(entry->window));
    }
}

/* 0: there is none, or not yet. */
static uint32_t second_of(const struct sa_table *table, const struct sa_context *context)
{
    bool stored = sa_entries(context) == 2 && context->first.block != 0;

    return stored ? *sa_block_second(&table->blocks, &context->first) : 0;
}

/* The same for a whole context, finished or not. */
static void release_context(struct sa_table *table, uint32_t id)
{
    struct sa_context *context = sa_context(table, id);
    uint32_t generation = context->generation;

    if ((context->flags & SA_CONTEXT_IP_SLOT) != 0) {
        drop_ip(table, context);
    }
    uint32_t second = second_of(table, context);

    if (second != 0) {
        release_entry(table, sa_entry(table, context, 1));
        sa_pool_release(&table->seconds, second);
    }
    release_entry(table, &context->first);
    if ((context->flags & SA_CONTEXT_IPV6) != 0 && context->address.v6 != 0) {
        sa_pool_release(&table->v6_pairs, context->address.v6);
    }
    sa_pool_release(&table->contexts, id);
    context->generation = generation + 1;
}

static bool build_window(struct sa_table *table, struct sa_entry *entry, const struct esp_sa *sa)
{
    entry->window = sa->replay_window & 0x1fffu;
    if (entry->window > 64) {
        entry->bitmap = sa_store_take(&table->windows, replay_words(entry->window));
        if (entry->bitmap == 0) {
            return false;
        }
    }
    replay_init(&entry->sequence, sa_bitmap(table, entry), entry->window, sa->seq);
    return true;
}

/* As the driver works it out. */
static void count_in_rounds(const struct sa_table *table, struct sa_lifetime *lifetime)
{
    uint32_t round = table->config.round;
    struct rounds plan =
        rounds_plan(lifetime->limit.soft_packets, lifetime->limit.hard_packets, round);

    lifetime->counted = true;
    lifetime->left = plan.start;
    lifetime->threshold = rounds_threshold(&plan, round, 0);
    lifetime->armed = SA_ARM_LIMIT;
}

/* Until the SA is live its start holds its age. */
static bool build_lifetime(struct sa_table *table, struct sa_entry *entry, const struct esp_sa *sa,
                           uint64_t age_ns)
{
    const struct esp_lifetime *limit = &sa->lifetime;

    if ((limit->soft_packets | limit->hard_packets | limit->soft_bytes | limit->hard_bytes |
         limit->soft_s | limit->hard_s) == 0) {
        return true;
    }
    entry->lifetime = sa_pool_take(&table->lifetimes);
    if (entry->lifetime == 0) {
        return false;
    }
    struct sa_lifetime *lifetime = sa_chunks_at(&table->lifetimes.chunks, entry->lifetime);

    lifetime->limit = *limit;
    lifetime->start_ns = age_ns;
    if (table->config.round != 0 && (limit->soft_packets | limit->hard_packets) != 0) {
        count_in_rounds(table, lifetime);
    }
    return true;
}

static bool build_entry(struct sa_table *table, struct sa_entry *entry, const struct esp_node *node,
                        unsigned index, bool window)
{
    const struct esp_sa *sa = &node->sa[index];

    entry->spi = sa->spi;
    entry->op = (unsigned)sa->op & 3u;
    entry->flags = (uint8_t)((sa->esn ? SA_ENTRY_ESN : 0u) |
                             (esp_sa_timing_only(sa) ? SA_ENTRY_TIMING_ONLY : 0u));
    entry->enc = (unsigned)sa->enc.alg & 0x1fu;
    entry->auth = (unsigned)sa->auth.alg & 0x1fu;
    entry->enc_icv = sa->enc.icv & 0x1fu;
    entry->auth_icv = sa->auth.icv & 0x3fu;
    entry->sequence = sa->seq;
    return sa_block_build(&table->blocks, node, index, entry) &&
           (!window || build_window(table, entry, sa)) &&
           build_lifetime(table, entry, sa, node->age_ns);
}

/* Crypto offload: ADD gives the upper half alone (the structure has no field for the lower), and a top of
 * half:0 would put the last 2^31 numbers of that half into the one before. With the top in the middle,
 * the nearest number (replay_infer without window) is in the given half whatever its low half; the top
 * moves with the first good packet above it. Outbound the number is that of the next packet: half:1. */
static void centre_in_half(struct sa_entry *entry)
{
    if (sa_esn(entry) && (uint32_t)entry->sequence <= 1) {
        entry->sequence = (entry->sequence & ~(uint64_t)UINT32_MAX) | 0x7fffffffu;
    }
}

/* Packet offload: the scope of its place, and the next crossing is told. Crypto offload: ADD gives the upper half alone,
 * and the host knows where its numbers are. */
static void begin_scope(const struct sa_table *table, struct sa_entry *entry, bool inbound,
                        bool numbers)
{
    if (!table->config.scope || !sa_esn(entry)) {
        return;
    }
    entry->armed = numbers;
    if (numbers) {
        sa_scope_set(table, entry, scope_at(sa_scope_place(entry, inbound)));
    }
}

/* A destination that matches any (O-13). */
static bool is_any(const uint8_t address[16])
{
    static const uint8_t zero[16];

    return memcmp(address, zero, sizeof zero) == 0;
}

static bool build_addresses(struct sa_table *table, struct sa_context *context,
                            const struct esp_node *node)
{
    if (node->src.family == 4) {
        memcpy(context->address.v4[0], node->src.bytes, 4);
        memcpy(context->address.v4[1], node->dst.bytes, 4);
        return true;
    }
    context->flags |= SA_CONTEXT_IPV6;
    context->address.v6 = sa_pool_take(&table->v6_pairs);
    if (context->address.v6 == 0) {
        return false;
    }
    struct sa_v6_pair *pair = sa_chunks_at(&table->v6_pairs.chunks, context->address.v6);

    memcpy(pair->src, node->src.bytes, sizeof pair->src);
    memcpy(pair->dst, node->dst.bytes, sizeof pair->dst);
    return true;
}

/* Everything but the index and the address table. */
static bool build_context(struct sa_table *table, struct sa_context *context,
                          const struct esp_node *node, bool keep_window)
{
    bool inbound = node->dir == ESP_DIR_IN;

    context->state = SA_ADDING;
    context->flags = (uint8_t)((inbound ? SA_CONTEXT_IN : 0u) |
                               (node->mode == ESP_MODE_TUNNEL ? SA_CONTEXT_TUNNEL : 0u));
    context->first.udp = (unsigned)node->udp & 0xfu;
    if (!build_addresses(table, context, node) ||
        !build_entry(table, &context->first, node, 0, keep_window && inbound)) {
        return false;
    }
    if (node->sa_count == 2) {
        uint32_t second = sa_pool_take(&table->seconds);

        *sa_block_second(&table->blocks, &context->first) = second;
        if (second == 0 ||
            !build_entry(table, sa_entry(table, context, 1), node, 1, keep_window && inbound)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        if (!keep_window) {
            centre_in_half(sa_entry(table, context, i));
        }
        begin_scope(table, sa_entry(table, context, i), inbound, keep_window);
    }
    return true;
}

/* ---- add ------------------------------------------------------------------------------------- */

static bool is_indexed(const struct sa_table *table, bool inbound)
{
    return inbound || !table->config.outbound_duplicates;
}

static bool is_duplicate(const struct sa_table *table, const struct esp_node *node)
{
    for (unsigned i = 0; i < node->sa_count; i++) {
        struct key key = { .spi = node->sa[i].spi,
                           .op = (uint8_t)node->sa[i].op,
                           .family = node->dst.family,
                           .inbound = node->dir == ESP_DIR_IN };

        memcpy(key.dst, node->dst.bytes, sizeof key.dst);
        if (find_key(table, &key) != 0) {
            return true;
        }
    }
    return false;
}

static uint32_t units_of(const struct sa_table *table, uint32_t count)
{
    return table->config.unit == SA_UNIT_SAS ? count : 1;
}

static bool is_full(const struct sa_table *table, const struct esp_node *node)
{
    const struct sa_table_config *config = &table->config;
    uint32_t more = units_of(table, node->sa_count);

    if (!config->per_direction) {
        return table->fixed.units_in + table->fixed.units_out + more > config->capacity;
    }
    return node->dir == ESP_DIR_IN ? table->fixed.units_in + more > config->capacity_in
                                   : table->fixed.units_out + more > config->capacity_out;
}

static void count_place(struct sa_table *table, const struct sa_context *context, bool take)
{
    uint64_t sign = take ? 1 : UINT64_MAX; /* modulo 2^64: + 1 or - 1 */
    bool inbound = (context->flags & SA_CONTEXT_IN) != 0;
    uint64_t *units_taken = inbound ? &table->fixed.units_in : &table->fixed.units_out;

    *units_taken += sign * units_of(table, sa_entries(context));
    *(inbound ? &table->stats.live_in : &table->stats.live_out) += sign;
    table->stats.live_entries += sign * sa_entries(context);
    table->stats.live += sign;
    if (table->stats.live > table->stats.peak_live) {
        table->stats.peak_live = table->stats.live;
    }
}

static uint32_t *since(const struct sa_table *table, uint32_t id)
{
    return sa_chunks_at(&table->since, id);
}

/* ---- keys of received SAs in the memories of the look-up ---- */

static const struct sa_slots_owner *slot_hash(const struct sa_table *table)
{
    return table->config.organisation == SA_ORGANISATION_DIRECT ? &numbered : &hashed;
}

static bool has_slots(const struct sa_table *table, const struct sa_context *context)
{
    return table->config.organisation != SA_ORGANISATION_CAM &&
           (context->flags & SA_CONTEXT_IN) != 0;
}

/* Adds up what one key after the other costs. */
static void add_cost(struct sa_table *table, const struct sa_cost *cost)
{
    table->cost.reads += cost->reads;
    table->cost.writes += cost->writes;
    table->stats.searched += cost->reads - 1;
    table->stats.moves += cost->writes > 1 ? cost->writes - 1 : 0;
}

static void drop_slots(struct sa_table *table, uint32_t id, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sa_cost cost;

        sa_slots_remove(&table->slots, slot_hash(table), table, reference_to(id, i), &cost);
        add_cost(table, &cost);
    }
    table->stats.slots_used = table->slots.state.used;
}

/* All keys of the context, or none. */
static bool take_slots(struct sa_table *table, uint32_t id)
{
    struct sa_table_stats *stats = &table->stats;
    uint32_t count = sa_entries(sa_context(table, id));

    for (uint32_t i = 0; i < count; i++) {
        struct sa_cost cost;
        bool placed =
            sa_slots_place(&table->slots, slot_hash(table), table, reference_to(id, i), &cost);

        add_cost(table, &cost);
        if (!placed) {
            if (stats->slots_at_refusal == 0) {
                stats->slots_at_refusal = table->slots.state.used;
            }
            drop_slots(table, id, i);
            return false;
        }
    }
    stats->slots_used = table->slots.state.used;
    if (stats->slots_used > stats->slots_peak) {
        stats->slots_peak = stats->slots_used;
    }
    if (table->slots.state.in_stash > stats->stash_peak) {
        stats->stash_peak = table->slots.state.in_stash;
    }
    return true;
}

/* ---- the index, which is how the simulator finds them ---- */

static void count_wildcard(struct sa_table *table, const struct sa_context *context, bool in)
{
    uint8_t buffer[16];

    if ((context->flags & SA_CONTEXT_IN) != 0 && is_any(destination(table, context, buffer))) {
        table->fixed.wildcards += in ? 1 : UINT64_MAX;
    }
}

/* From here on the keys of the context are found, once it is live. */
static enum sa_reason show(struct sa_table *table, uint32_t id)
{
    const struct sa_context *context = sa_context(table, id);

    if (!is_indexed(table, (context->flags & SA_CONTEXT_IN) != 0)) {
        return SA_OK;
    }
    if (has_slots(table, context) && !take_slots(table, id)) {
        return SA_NO_SLOT;
    }
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        if (!sa_index_insert(&table->index, &entries, table, reference_to(id, i))) {
            return SA_NO_MEMORY; /* only the very first insertion can fail: nothing is to be undone */
        }
    }
    count_wildcard(table, context, true);
    return SA_OK;
}

static void hide(struct sa_table *table, uint32_t id)
{
    const struct sa_context *context = sa_context(table, id);

    if (!is_indexed(table, (context->flags & SA_CONTEXT_IN) != 0)) {
        return;
    }
    if (has_slots(table, context)) {
        drop_slots(table, id, sa_entries(context));
    }
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        sa_index_remove(&table->index, &entries, table, reference_to(id, i));
    }
    count_wildcard(table, context, false);
}

/* Room for what is kept beside the context. */
static bool make_times(struct sa_table *table, uint32_t id)
{
    if (!sa_chunks_reserve(&table->since, id + 1) ||
        (table->config.watch && !sa_chunks_reserve(&table->activity, id + 1)) ||
        (table->config.events && !sa_chunks_reserve(&table->raised, id + 1))) {
        return false;
    }
    *since(table, id) = 0;
    if (table->config.events) {
        *sa_event_times(table, id) = (struct sa_event_times){ 0 };
    }
    if (table->config.watch) {
        *sa_activity(table, id) = (struct sa_activity){ 0 };
    }
    return true;
}

/* The parts of an addition in order; what was built is released by the caller on failure. */
static enum sa_reason install(struct sa_table *table, const struct esp_node *node, bool keep_window,
                              uint32_t *id)
{
    if (is_duplicate(table, node)) {
        return SA_DUPLICATE;
    }
    if (is_full(table, node)) {
        return SA_FULL;
    }
    *id = sa_pool_take(&table->contexts);
    if (*id == 0) {
        return SA_NO_MEMORY;
    }
    struct sa_context *context = sa_context(table, *id);

    if (!make_times(table, *id)) {
        return SA_NO_MEMORY;
    }
    if (!build_context(table, context, node, keep_window)) {
        return SA_NO_MEMORY;
    }
    if (table->config.ip_entries != 0 && node->dir == ESP_DIR_IN && !is_any(node->dst.bytes)) {
        enum sa_reason reason = take_ip(table, &node->dst);

        if (reason != SA_OK) {
            return reason;
        }
        context->flags |= SA_CONTEXT_IP_SLOT;
    }
    return show(table, *id);
}

struct sa_added sa_table_add(struct sa_table *table, const struct esp_node *node, bool keep_window)
{
    uint32_t id = 0;

    table->cost = (struct sa_cost){ 0 };
    enum sa_reason reason = install(table, node, keep_window, &id);

    if (reason != SA_OK) {
        if (id != 0) {
            release_context(table, id);
        }
        table->stats.add_failures[reason]++;
        return (struct sa_added){ .reason = reason };
    }
    count_place(table, sa_context(table, id), true);
    table->stats.adds++;
    return (struct sa_added){ .id = id, .handle = sa_table_handle(table, id) };
}

void sa_table_commit(struct sa_table *table, uint32_t id, uint64_t now_ns)
{
    struct sa_context *context = sa_context(table, id);

    context->state = SA_LIVE;
    *since(table, id) = (uint32_t)(now_ns / SA_SINCE_NS);
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        const struct sa_entry *entry = sa_entry(table, context, i);

        if (entry->lifetime != 0) {
            struct sa_lifetime *lifetime = sa_chunks_at(&table->lifetimes.chunks, entry->lifetime);

            lifetime->start_ns =
                now_ns - (lifetime->start_ns < now_ns ? lifetime->start_ns : now_ns);
        }
    }
}

uint64_t sa_table_age_ns(const struct sa_table *table, uint32_t id, uint64_t now_ns)
{
    return (uint64_t)((uint32_t)(now_ns / SA_SINCE_NS) - *since(table, id)) * SA_SINCE_NS;
}

/* ---- find ------------------------------------------------------------------------------------ */

uint64_t sa_table_handle(const struct sa_table *table, uint32_t id)
{
    return (uint64_t)sa_context(table, id)->generation << 32 | id;
}

uint32_t sa_table_peek(const struct sa_table *table, uint64_t handle)
{
    uint32_t id = (uint32_t)handle;

    if (id == 0 || id >= table->contexts.state.used) {
        return 0;
    }
    const struct sa_context *context = sa_context(table, id);

    return context->state != SA_FREE && context->generation == handle >> 32 ? id : 0;
}

uint32_t sa_table_find(struct sa_table *table, uint64_t handle)
{
    uint32_t id = sa_table_peek(table, handle);

    if (id == 0 || sa_context(table, id)->state != SA_LIVE) {
        table->stats.stale_handles++;
        return 0;
    }
    return id;
}

/* The reference, if its context is live; else 0. */
static uint32_t if_live(const struct sa_table *table, uint32_t reference)
{
    return reference != 0 && sa_context(table, reference >> 1)->state == SA_LIVE ? reference : 0;
}

struct sa_hit sa_table_look(const struct sa_table *table, const struct sa_key *wanted)
{
    struct key key = {
        .spi = wanted->spi, .op = wanted->op, .family = wanted->dst.family, .inbound = 1
    };
    struct sa_hit hit = { .probes = 1 };

    memcpy(key.dst, wanted->dst.bytes, sizeof key.dst);
    uint32_t reference = if_live(table, find_key(table, &key));

    if (reference == 0 && table->fixed.wildcards != 0) {
        memset(key.dst, 0, sizeof key.dst);
        reference = if_live(table, find_key(table, &key));
        hit.probes = 2;
    }
    hit.id = reference >> 1;
    hit.entry = reference & 1;
    return hit;
}

void sa_table_count(struct sa_table *table, const struct sa_hit *hit)
{
    table->stats.lookups++;
    table->stats.probes += hit->probes;
    if (hit->id != 0) {
        table->stats.hits++;
    } else {
        table->stats.misses++;
    }
}

struct sa_hit sa_table_lookup(struct sa_table *table, const struct sa_key *wanted)
{
    struct sa_hit hit = sa_table_look(table, wanted);

    sa_table_count(table, &hit);
    return hit;
}

uint32_t sa_table_probe(const struct sa_table *table, const struct sa_key *wanted)
{
    return sa_table_look(table, wanted).id;
}

uint32_t sa_table_next(const struct sa_table *table, uint32_t id)
{
    for (id++; id < table->contexts.state.used; id++) {
        if (sa_context(table, id)->state != SA_FREE) {
            return id;
        }
    }
    return 0;
}

/* ---- delete ---------------------------------------------------------------------------------- */

void sa_table_ref(struct sa_table *table, uint32_t id)
{
    struct sa_context *context = sa_context(table, id);

    context->references++;
    assert(context->references != 0); /* 22 bits: more than all buffers of a card can hold */
}

bool sa_table_put(struct sa_table *table, uint32_t id)
{
    struct sa_context *context = sa_context(table, id);

    return --context->references == 0 && context->state == SA_DELETING;
}

enum sa_delete sa_table_begin_delete(struct sa_table *table, uint64_t handle, uint32_t *id)
{
    uint32_t found = sa_table_peek(table, handle);

    if (found == 0 || sa_context(table, found)->state == SA_DELETING) {
        table->stats.stale_handles++;
        return SA_DELETE_UNKNOWN;
    }
    struct sa_context *context = sa_context(table, found);

    table->cost = (struct sa_cost){ 0 };
    hide(table, found);
    context->state = SA_DELETING;
    *id = found;
    return context->references == 0 ? SA_DELETE_READY : SA_DELETE_WAIT;
}

void sa_table_free(struct sa_table *table, uint32_t id)
{
    count_place(table, sa_context(table, id), false);
    release_context(table, id);
    table->stats.deletes++;
}

void sa_table_wipe(struct sa_table *table)
{
    for (uint32_t id = sa_table_next(table, 0); id != 0; id = sa_table_next(table, id)) {
        if (sa_context(table, id)->state != SA_DELETING) {
            hide(table, id);
        }
        sa_table_free(table, id);
    }
}

/* ---- update ---------------------------------------------------------------------------------- */

static enum sa_update update(struct sa_table *table, uint64_t handle, enum esp_op op, uint32_t spi,
                             uint32_t seq_hi, bool apply)
{
    uint32_t id = sa_table_find(table, handle);

    if (id == 0) {
        return SA_UPDATE_UNKNOWN;
    }
    struct sa_entry *entry = sa_entry_of(table, sa_context(table, id), op);

    if (entry == NULL || entry->spi != spi) {
        return SA_UPDATE_MISMATCH;
    }
    if (!sa_esn(entry)) {
        return SA_UPDATE_NO_ESN;
    }
    if (apply) {
        *sa_block_seq_hi(&table->blocks, entry) = seq_hi;
    } else if (table->config.scope) {
        struct scope scope = sa_scope(table, entry);

        table->stats.update_disagreements +=
            seq_hi != scope.hi && !(scope.overlap && seq_hi == scope.hi + 1);
    } else if (seq_hi != entry->sequence >> 32) {
        table->stats.update_disagreements++;
    }
    return SA_UPDATE_OK;
}

enum sa_update sa_table_update(struct sa_table *table, uint64_t handle, enum esp_op op,
                               uint32_t spi, uint32_t seq_hi, bool apply)
{
    enum sa_update result = update(table, handle, op, spi, seq_hi, apply);

    if (result == SA_UPDATE_OK) {
        table->stats.updates++;
    } else {
        table->stats.update_failures++;
    }
    return result;
}
