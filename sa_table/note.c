#include "sa_table/note.h"

#include <string.h>

/* First two bytes: units of the block, flags. Then what the flags name, in this order. */
enum {
    HAS_SRC = 1u << 0,
    HAS_DST = 1u << 1,
    HAS_PROTO = 1u << 2,
    HAS_SPORT = 1u << 3,
    HAS_DPORT = 1u << 4,
    HAS_SELECTOR = 1u << 5,
    HAS_SWITCH = 1u << 6
};

enum { MAX_NOTE = 56 }; /* 2 + 2 * 18 + 1 + 2 * 4 + 6 bytes, rounded up */

struct cursor {
    uint8_t *bytes;
    size_t at;
};

static void put(struct cursor *cursor, const void *value, size_t bytes)
{
    memcpy(cursor->bytes + cursor->at, value, bytes);
    cursor->at += bytes;
}

static void get(struct cursor *cursor, void *value, size_t bytes)
{
    memcpy(value, cursor->bytes + cursor->at, bytes);
    cursor->at += bytes;
}

static size_t address_bytes(uint8_t family)
{
    return family == 6 ? 16 : 4;
}

static void put_prefix(struct cursor *cursor, const struct esp_prefix *prefix)
{
    put(cursor, &prefix->address.family, 1);
    put(cursor, &prefix->length, 1);
    put(cursor, prefix->address.bytes, address_bytes(prefix->address.family));
}

static void get_prefix(struct cursor *cursor, struct esp_prefix *prefix)
{
    get(cursor, &prefix->address.family, 1);
    get(cursor, &prefix->length, 1);
    get(cursor, prefix->address.bytes, address_bytes(prefix->address.family));
}

static uint8_t flags_of(const struct esp_node *node)
{
    const struct esp_selector *sel = &node->sel;
    unsigned flags = node->switch_port != 0 || node->vlan != 0 ? HAS_SWITCH : 0u;

    if (sel->present) {
        flags |= HAS_SELECTOR | (sel->has_src ? HAS_SRC : 0u) | (sel->has_dst ? HAS_DST : 0u) |
                 (sel->has_proto ? HAS_PROTO : 0u) | (sel->has_sport ? HAS_SPORT : 0u) |
                 (sel->has_dport ? HAS_DPORT : 0u);
    }
    return (uint8_t)flags;
}

static size_t pack(const struct esp_node *node, uint8_t flags, uint8_t *bytes)
{
    const struct esp_selector *sel = &node->sel;
    struct cursor cursor = { .bytes = bytes, .at = 1 };

    put(&cursor, &flags, 1);
    if ((flags & HAS_SRC) != 0) {
        put_prefix(&cursor, &sel->src);
    }
    if ((flags & HAS_DST) != 0) {
        put_prefix(&cursor, &sel->dst);
    }
    if ((flags & HAS_PROTO) != 0) {
        put(&cursor, &sel->proto, 1);
    }
    if ((flags & HAS_SPORT) != 0) {
        put(&cursor, &sel->sport_lo, 2);
        put(&cursor, &sel->sport_hi, 2);
    }
    if ((flags & HAS_DPORT) != 0) {
        put(&cursor, &sel->dport_lo, 2);
        put(&cursor, &sel->dport_hi, 2);
    }
    if ((flags & HAS_SWITCH) != 0) {
        put(&cursor, &node->switch_port, 4);
        put(&cursor, &node->vlan, 2);
    }
    bytes[0] = (uint8_t)((cursor.at + 3) / 4);
    return bytes[0];
}

bool sa_note_store(struct sa_store *store, const struct esp_node *node, uint32_t *note)
{
    uint8_t flags = flags_of(node);
    uint8_t bytes[MAX_NOTE] = { 0 };

    *note = 0;
    if (flags == 0) {
        return true;
    }
    size_t units = pack(node, flags, bytes);

    *note = sa_store_take(store, (uint32_t)units);
    if (*note == 0) {
        return false;
    }
    memcpy(sa_chunks_at(&store->chunks, *note), bytes, units * 4);
    return true;
}

void sa_note_load(const struct sa_store *store, uint32_t note, struct esp_node *node)
{
    struct esp_selector *sel = &node->sel;
    uint8_t flags;

    *sel = (struct esp_selector){ 0 };
    node->switch_port = 0;
    node->vlan = 0;
    if (note == 0) {
        return;
    }
    struct cursor cursor = { .bytes = sa_chunks_at(&store->chunks, note), .at = 1 };

    get(&cursor, &flags, 1);
    sel->present = (flags & HAS_SELECTOR) != 0;
    sel->has_src = (flags & HAS_SRC) != 0;
    sel->has_dst = (flags & HAS_DST) != 0;
    sel->has_proto = (flags & HAS_PROTO) != 0;
    sel->has_sport = (flags & HAS_SPORT) != 0;
    sel->has_dport = (flags & HAS_DPORT) != 0;
    if (sel->has_src) {
        get_prefix(&cursor, &sel->src);
    }
    if (sel->has_dst) {
        get_prefix(&cursor, &sel->dst);
    }
    if (sel->has_proto) {
        get(&cursor, &sel->proto, 1);
    }
    if (sel->has_sport) {
        get(&cursor, &sel->sport_lo, 2);
        get(&cursor, &sel->sport_hi, 2);
    }
    if (sel->has_dport) {
        get(&cursor, &sel->dport_lo, 2);
        get(&cursor, &sel->dport_hi, 2);
    }
    if ((flags & HAS_SWITCH) != 0) {
        get(&cursor, &node->switch_port, 4);
        get(&cursor, &node->vlan, 2);
    }
}

void sa_note_release(struct sa_store *store, uint32_t note)
{
    const uint8_t *bytes = sa_chunks_at(&store->chunks, note);

    sa_store_release(store, note, bytes[0]);
}
