#include "sa_table/note.h"

#include <string.h>

/* First byte of a note: flags. Then what they name, in this order. */
enum {
    HAS_SRC = 1u << 0,
    HAS_DST = 1u << 1,
    HAS_PROTO = 1u << 2,
    HAS_SPORT = 1u << 3,
    HAS_DPORT = 1u << 4,
    HAS_SELECTOR = 1u << 5,
    HAS_SWITCH = 1u << 6
};

enum { MAX_NOTE = 52 }; /* 1 + 2 * 17 + 1 + 2 * 4 + 6 bytes, rounded up */

enum { WORD = 4, USUAL_PORT = 4500 };

/* Length of a prefix in a note: of IPv6 it begins here. */
enum { IPV6_LENGTHS = 64 };

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

static void put_prefix(struct cursor *cursor, const struct esp_prefix *prefix)
{
    bool wide = prefix->address.family == 6;
    uint8_t length = (uint8_t)(prefix->length + (wide ? IPV6_LENGTHS : 0));

    put(cursor, &length, 1);
    put(cursor, prefix->address.bytes, wide ? 16 : 4);
}

static void get_prefix(struct cursor *cursor, struct esp_prefix *prefix)
{
    uint8_t length;

    get(cursor, &length, 1);
    prefix->address.family = length >= IPV6_LENGTHS ? 6 : 4;
    prefix->length = (uint8_t)(length - (length >= IPV6_LENGTHS ? IPV6_LENGTHS : 0));
    get(cursor, prefix->address.bytes, length >= IPV6_LENGTHS ? 16 : 4);
}

/* ---- notes ----------------------------------------------------------------------------------- */

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

/* Bytes of the note, 0 if there is nothing to note. */
static size_t pack(const struct esp_node *node, uint8_t *bytes)
{
    const struct esp_selector *sel = &node->sel;
    struct cursor cursor = { .bytes = bytes };
    uint8_t flags = flags_of(node);

    if (flags == 0) {
        return 0;
    }
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
    return cursor.at;
}

/* Returns the bytes read. */
static size_t unpack(const uint8_t *bytes, struct esp_node *node)
{
    struct esp_selector *sel = &node->sel;
    struct cursor cursor = { .bytes = (uint8_t *)bytes };
    uint8_t flags;

    *sel = (struct esp_selector){ 0 };
    node->switch_port = 0;
    node->vlan = 0;
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
    return cursor.at;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static uint32_t words_of(const struct sa_entry *entry)
{
    return ((entry->flags & SA_ENTRY_SECOND) != 0 ? 1u : 0u) +
           ((entry->flags & SA_ENTRY_ESN) != 0 ? 1u : 0u) +
           ((entry->flags & SA_ENTRY_PORTS) != 0 ? 1u : 0u);
}

/* Bytes before the note. */
static uint32_t fixed_bytes(const struct sa_entry *entry)
{
    return words_of(entry) * WORD + entry->enc_key + entry->auth_key;
}

static uint8_t *block_of(const struct sa_store *store, const struct sa_entry *entry)
{
    return sa_chunks_at(&store->chunks, entry->block);
}

static uint8_t flags_of_node(const struct esp_node *node, bool note)
{
    uint16_t sport = node->encap_sport;
    uint16_t dport = node->encap_dport;
    bool none = sport == 0 && dport == 0;
    bool usual = sport == USUAL_PORT && dport == USUAL_PORT;

    return (uint8_t)((node->sa_count == 2 ? SA_ENTRY_SECOND : 0u) | (note ? SA_ENTRY_NOTE : 0u) |
                     (none ? SA_ENTRY_NO_PORTS : 0u) | (none || usual ? 0u : SA_ENTRY_PORTS));
}

bool sa_block_build(struct sa_store *store, const struct esp_node *node, unsigned index,
                    struct sa_entry *entry)
{
    const struct esp_sa *sa = &node->sa[index];
    uint8_t note[MAX_NOTE];
    size_t note_bytes = index == 0 ? pack(node, note) : 0;

    entry->enc_key = sa->enc.length & 0x3fu;
    entry->auth_key = sa->auth.length & 0x7fu;
    if (index == 0) {
        entry->flags |= flags_of_node(node, note_bytes != 0);
    }
    size_t bytes = fixed_bytes(entry) + note_bytes;

    if (bytes == 0) {
        return true;
    }
    entry->block = sa_store_take(store, (uint32_t)((bytes + WORD - 1) / WORD));
    if (entry->block == 0) {
        return false;
    }
    struct cursor cursor = { .bytes = block_of(store, entry), .at = words_of(entry) * WORD };

    put(&cursor, sa->enc.bytes, sa->enc.length);
    put(&cursor, sa->auth.bytes, sa->auth.length);
    put(&cursor, note, note_bytes);
    if ((entry->flags & SA_ENTRY_ESN) != 0) {
        *sa_block_seq_hi(store, entry) = sa->seq_hi;
    }
    if ((entry->flags & SA_ENTRY_PORTS) != 0) {
        cursor.at = (words_of(entry) - 1) * WORD;
        put(&cursor, &node->encap_sport, 2);
        put(&cursor, &node->encap_dport, 2);
    }
    return true;
}

void sa_block_release(struct sa_store *store, const struct sa_entry *entry)
{
    size_t bytes = fixed_bytes(entry);
    struct esp_node unused;

    if (entry->block == 0) {
        return;
    }
    if ((entry->flags & SA_ENTRY_NOTE) != 0) {
        bytes += unpack(block_of(store, entry) + bytes, &unused);
    }
    sa_store_release(store, entry->block, (uint32_t)((bytes + WORD - 1) / WORD));
}

uint32_t *sa_block_second(const struct sa_store *store, const struct sa_entry *entry)
{
    return sa_chunks_at(&store->chunks, entry->block);
}

uint32_t *sa_block_seq_hi(const struct sa_store *store, const struct sa_entry *entry)
{
    uint32_t before = (entry->flags & SA_ENTRY_SECOND) != 0 ? 1 : 0;

    return sa_chunks_at(&store->chunks, entry->block + before);
}

const uint8_t *sa_block_keys(const struct sa_store *store, const struct sa_entry *entry)
{
    return block_of(store, entry) + (size_t)words_of(entry) * WORD;
}

void sa_block_ports(const struct sa_store *store, const struct sa_entry *entry, uint16_t *sport,
                    uint16_t *dport)
{
    *sport = (entry->flags & SA_ENTRY_NO_PORTS) != 0 ? 0 : USUAL_PORT;
    *dport = *sport;
    if ((entry->flags & SA_ENTRY_PORTS) != 0) {
        const uint8_t *word = sa_block_keys(store, entry) - WORD;

        memcpy(sport, word, 2);
        memcpy(dport, word + 2, 2);
    }
}

void sa_block_note(const struct sa_store *store, const struct sa_entry *entry,
                   struct esp_node *node)
{
    if ((entry->flags & SA_ENTRY_NOTE) != 0) {
        unpack(block_of(store, entry) + fixed_bytes(entry), node);
        return;
    }
    node->sel = (struct esp_selector){ 0 };
    node->switch_port = 0;
    node->vlan = 0;
}
