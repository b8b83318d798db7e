#include "host/finder.h"

#include <string.h>

#include "engine/must.h"
#include "esp/esp.h"
#include "host/internal.h"
#include "sa_table/table.h"

/* A node. The host has it under its recorded handle, the card, if it took it, in its table. */
struct node {
    uint32_t next; /* of the same bucket */
    uint32_t sa;   /* of the table, 0: in software */
    uint32_t rule; /* of the classifier, 0: none */
    uint32_t outbound;
    uint64_t handle;
};

struct finder {
    struct finder_config config;
    struct sa_table table;
    struct host_classifier classifier;
    struct host_array nodes;
    struct host_index by_handle;
    uint32_t *node_of; /* [sa] */
    uint32_t room;
    uint64_t in_software;
    bool offload_on, link_up;
};

static const char *const names[] = { "found",
#define X(name, key, text) key,
                                     FINDER_REASONS(X)
#undef X
};

static const char *const texts[] = { "uses an SA of the card",
#define X(name, key, text) text,
                                     FINDER_REASONS(X)
#undef X
};

const char *finder_reason_name(enum finder_reason reason)
{
    return reason < FINDER_REASON_COUNT ? names[reason] : "unknown";
}

const char *finder_reason_text(enum finder_reason reason)
{
    return reason < FINDER_REASON_COUNT ? texts[reason] : "unknown";
}

/* ---- life -------------------------------------------------------------------------------------- */

struct finder *finder_create(const struct finder_config *config)
{
    struct finder *f = calloc(1, sizeof *f);
    struct sa_table_config table;

    if (f == NULL) {
        return NULL;
    }
    f->config = *config;
    f->offload_on = true;
    f->link_up = true;
    sa_table_config_default(&table);
    table.per_direction = false;
    table.unit = SA_UNIT_BUNDLES;
    table.capacity = UINT32_MAX;
    table.ip_entries = 0;
    table.outbound_duplicates = config->outbound_duplicates;
    sa_table_init(&f->table, &table);
    host_array_init(&f->nodes, sizeof(struct node));
    host_index_init(&f->by_handle);
    if (!host_classifier_init(&f->classifier)) {
        finder_destroy(f);
        return NULL;
    }
    return f;
}

void finder_destroy(struct finder *f)
{
    if (f == NULL) {
        return;
    }
    sa_table_destroy(&f->table);
    host_classifier_destroy(&f->classifier);
    host_array_destroy(&f->nodes);
    host_index_destroy(&f->by_handle);
    free(f->node_of);
    free(f);
}

void finder_offload(struct finder *f, bool on)
{
    f->offload_on = on;
}

void finder_link(struct finder *f, bool up)
{
    f->link_up = up;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static struct node *node_at(const struct finder *f, uint32_t id)
{
    return host_at(&f->nodes, id);
}

static uint64_t node_hash(const void *owner, uint32_t id)
{
    return rng_mix(node_at(owner, id)->handle);
}

static uint32_t *node_link(const void *owner, uint32_t id)
{
    return &node_at(owner, id)->next;
}

static const struct sa_index_owner of_node = { .hash = node_hash, .link = node_link };

/* The latest node of a handle, 0: none. */
static uint32_t find_node(const struct finder *f, uint64_t handle)
{
    uint32_t id = sa_index_head(&f->by_handle.chains, rng_mix(handle));

    while (id != 0 && node_at(f, id)->handle != handle) {
        id = node_at(f, id)->next;
    }
    return id;
}

/* What is kept of it has no keys: lengths do for finding it. */
static struct sa_added put_on_card(struct finder *f, const struct esp_node *node)
{
    struct sa_added added = { .reason = sa_validate(node, &f->config.can) };
    struct esp_node bare = *node;

    if (added.reason != SA_OK) {
        return added;
    }
    for (unsigned i = 0; i < bare.sa_count; i++) {
        bare.sa[i].enc.length = 0;
        bare.sa[i].auth.length = 0;
        memset(&bare.sa[i].lifetime, 0, sizeof bare.sa[i].lifetime);
    }
    memset(&bare.sel, 0, sizeof bare.sel);
    added = sa_table_add(&f->table, &bare, false);
    if (added.id != 0) {
        sa_table_commit(&f->table, added.id, 0);
    }
    return added;
}

static void name_sa(struct finder *f, uint32_t sa, uint32_t id)
{
    if (sa >= f->room) {
        f->room = sa + sa / 8 + 64;
        f->node_of = must(realloc(f->node_of, f->room * sizeof *f->node_of));
    }
    f->node_of[sa] = id;
}

struct finder_added finder_add(struct finder *f, const struct esp_node *node)
{
    struct sa_added added = { .reason =
                                  SA_OK }; /* O-32: while the offload is off no ADD succeeds */
    uint32_t id = host_array_take(&f->nodes);
    struct esp_selector sel;
    uint8_t family;

    if (f->offload_on) {
        added = put_on_card(f, node);
    }
    *node_at(f, id) = (struct node){ .sa = added.id,
                                     .outbound = node->dir == ESP_DIR_OUT,
                                     .handle = node->handle };
    host_index_insert(&f->by_handle, &of_node, f, id);
    if (node->dir == ESP_DIR_OUT && host_selector_of(node, f->config.any_tunnel, &sel, &family)) {
        node_at(f, id)->rule =
            host_classifier_add(&f->classifier, &sel, family, id, node->mode == ESP_MODE_TUNNEL);
    }
    if (added.id != 0) {
        name_sa(f, added.id, id);
    } else {
        f->in_software++;
    }
    return (struct finder_added){ .sa = added.id, .reason = added.reason };
}

uint32_t finder_delete(struct finder *f, uint64_t handle)
{
    uint32_t id = find_node(f, handle);
    uint32_t sa;

    if (id == 0) {
        return 0;
    }
    sa = node_at(f, id)->sa;
    if (sa != 0) {
        sa_table_begin_delete(&f->table, sa_table_handle(&f->table, sa), &sa);
        sa_table_free(&f->table, sa);
    } else {
        f->in_software--;
    }
    if (node_at(f, id)->rule != 0) {
        host_classifier_remove(&f->classifier, node_at(f, id)->rule);
    }
    sa_index_remove(&f->by_handle.chains, &of_node, f, id);
    host_array_release(&f->nodes, id);
    return sa;
}

/* ---- packets ------------------------------------------------------------------------------------ */

static struct finder_packet none(enum finder_reason reason)
{
    return (struct finder_packet){ .reason = reason };
}

/* As the card's parser tells them apart (sim/nic/parser.c). */
static enum finder_reason sort(const struct finder *f, const struct esp_view *view)
{
    bool takes_options =
        view->version == 4 ? f->config.can.ipv4_options : f->config.can.ipv6_extensions;
    struct esp_bounds bounds;

    switch ((enum esp_packet_kind)view->kind) {
    case ESP_PACKET_ESP:
    case ESP_PACKET_AH:
    case ESP_PACKET_UDP_ESP:
        if (view->options && !takes_options) {
            return FINDER_OPTIONS;
        }
        return esp_bounds_of_view(view, false, &bounds) ? FINDER_FOUND : FINDER_MALFORMED;
    case ESP_PACKET_FRAGMENT: return FINDER_FRAGMENT;
    case ESP_PACKET_MALFORMED: return FINDER_MALFORMED;
    default: return FINDER_NOT_IPSEC;
    }
}

/* Does the entry want its ESP inside UDP? The outer of two headers decides (O-24). */
static bool wants_udp(const struct sa_context *context, const struct sa_entry *entry)
{
    bool tunnel = sa_mode(context) == ESP_MODE_TUNNEL;
    unsigned udp = context->first.udp;

    return entry->op == ESP_OP_ESP && (udp == ESP_UDP_TRANSPORT || udp == ESP_UDP_TUNNEL ||
                                       (udp == ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL && tunnel) ||
                                       (udp == ESP_UDP_TRANSPORT_OVER_TUNNEL && !tunnel));
}

struct finder_packet finder_receive(struct finder *f, const uint8_t *frame, uint32_t captured,
                                    uint32_t length)
{
    struct sa_key key = { 0 };
    struct esp_address src;
    struct esp_view view;
    struct sa_hit hit;
    enum finder_reason reason;

    esp_parse(frame, captured, length, NULL, &view);
    reason = sort(f, &view);
    if (reason != FINDER_FOUND) {
        return none(reason);
    }
    if (!f->offload_on) {
        return none(FINDER_OFFLOAD_OFF);
    }
    key.op = view.kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP;
    key.spi = view.spi;
    esp_view_addresses(frame, &view, &src, &key.dst);
    hit = sa_table_lookup(&f->table, &key);
    if (hit.id == 0) {
        return none(FINDER_NO_SA);
    }
    if (f->config.packet_offload) {
        struct sa_context *context = sa_context(&f->table, hit.id);

        if (wants_udp(context, sa_entry(&f->table, context, hit.entry)) !=
            (view.kind == ESP_PACKET_UDP_ESP)) {
            return none(FINDER_WRONG_PROTOCOL);
        }
    }
    return (struct finder_packet){ .sa = hit.id };
}

/* The node that the host would send with, 0: none. */
static uint32_t choose(const struct finder *f, const struct host_flow *flow)
{
    uint32_t id = host_classify(&f->classifier, flow, HOST_WANT_ANY);

    if (id == 0 && f->config.tx_sa != 0) {
        id = find_node(f, f->config.tx_sa);
        id = id != 0 && node_at(f, id)->outbound != 0 ? id : 0;
    }
    return id;
}

struct finder_packet finder_send(struct finder *f, const uint8_t *frame, uint32_t captured,
                                 uint32_t length)
{
    struct host_flow flow;
    struct esp_view view;
    uint32_t id;

    if (!f->link_up) {
        return none(FINDER_LINK_DOWN);
    }
    host_flow_of(frame, captured, length, &flow, &view);
    if (flow.family == 0) {
        return none(FINDER_NOT_IP);
    }
    id = choose(f, &flow);
    if (id == 0) {
        return none(FINDER_NO_SELECTOR);
    }
    if (node_at(f, id)->sa == 0) {
        return none(FINDER_SOFTWARE);
    }
    if (!f->offload_on) {
        return none(FINDER_OFFLOAD_OFF);
    }
    return (struct finder_packet){ .sa = node_at(f, id)->sa };
}

uint64_t finder_handle(const struct finder *f, uint32_t sa)
{
    return node_at(f, f->node_of[sa])->handle;
}

uint64_t finder_live(const struct finder *f)
{
    return f->table.stats.live;
}

uint64_t finder_peak(const struct finder *f)
{
    return f->table.stats.peak_live;
}

uint64_t finder_in_software(const struct finder *f)
{
    return f->in_software;
}
