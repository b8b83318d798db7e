/* Reading a context, and its replay window. */
#include <string.h>

#include "sa_table/table.h"

/* ---- reading --------------------------------------------------------------------------------- */

struct sa_entry *sa_entry_of(const struct sa_table *table, struct sa_context *context,
                             enum esp_op op)
{
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        struct sa_entry *entry = sa_entry(table, context, i);

        if (entry->op == op) {
            return entry;
        }
    }
    return NULL;
}

uint32_t sa_seq_hi(const struct sa_table *table, const struct sa_entry *entry)
{
    return sa_esn(entry) ? *sa_block_seq_hi(&table->blocks, entry) : 0;
}

uint64_t sa_host_sequence(const struct sa_table *table, const struct sa_entry *entry,
                          uint32_t seq_lo)
{
    return (uint64_t)sa_seq_hi(table, entry) << 32 | seq_lo;
}

/* ---- scope ------------------------------------------------------------------------------------ */

struct scope sa_scope(const struct sa_table *table, const struct sa_entry *entry)
{
    return (struct scope){ .hi = sa_seq_hi(table, entry), .overlap = entry->overlap != 0 };
}

void sa_scope_set(const struct sa_table *table, struct sa_entry *entry, struct scope scope)
{
    *sa_block_seq_hi(&table->blocks, entry) = scope.hi;
    entry->overlap = scope.overlap;
}

uint64_t sa_scope_place(const struct sa_entry *entry, bool inbound)
{
    uint64_t behind = entry->window != 0 ? entry->window - 1 : 0;

    if (!inbound) {
        return entry->sequence;
    }
    return entry->sequence > behind ? entry->sequence - behind : 0;
}

enum sa_crossing sa_scope_moved(struct sa_entry *entry, bool inbound, uint64_t before)
{
    if (!scope_crossed(before, sa_scope_place(entry, inbound))) {
        return SA_CROSSING_NONE;
    }
    if (!entry->armed) {
        return SA_CROSSING_UNARMED;
    }
    entry->armed = 0;
    return SA_CROSSING_EVENT;
}

struct sa_event_times *sa_event_times(const struct sa_table *table, uint32_t id)
{
    return table->config.events ? sa_chunks_at(&table->raised, id) : NULL;
}

/* ---- keys ------------------------------------------------------------------------------------- */

const uint8_t *sa_enc_key(const struct sa_table *table, const struct sa_entry *entry)
{
    return entry->enc_key == 0 ? NULL : sa_block_keys(&table->blocks, entry);
}

const uint8_t *sa_auth_key(const struct sa_table *table, const struct sa_entry *entry)
{
    return entry->auth_key == 0 ? NULL : sa_block_keys(&table->blocks, entry) + entry->enc_key;
}

void sa_addresses(const struct sa_table *table, const struct sa_context *context,
                  struct esp_address *src, struct esp_address *dst)
{
    *src = (struct esp_address){ .family = 4 };
    *dst = (struct esp_address){ .family = 4 };
    if ((context->flags & SA_CONTEXT_IPV6) != 0) {
        const struct sa_v6_pair *pair = sa_chunks_at(&table->v6_pairs.chunks, context->address.v6);

        src->family = 6;
        dst->family = 6;
        memcpy(src->bytes, pair->src, sizeof pair->src);
        memcpy(dst->bytes, pair->dst, sizeof pair->dst);
        return;
    }
    memcpy(src->bytes, context->address.v4[0], 4);
    memcpy(dst->bytes, context->address.v4[1], 4);
}

void sa_ports(const struct sa_table *table, const struct sa_context *context, uint16_t *sport,
              uint16_t *dport)
{
    sa_block_ports(&table->blocks, &context->first, sport, dport);
}

void sa_selector(const struct sa_table *table, const struct sa_context *context,
                 struct esp_selector *selector)
{
    struct esp_node node;

    sa_block_note(&table->blocks, &context->first, &node);
    *selector = node.sel;
}

static void read_key(struct esp_key *key, const uint8_t *bytes)
{
    if (bytes != NULL) {
        memcpy(key->bytes, bytes, key->length);
    }
}

static void read_entry(const struct sa_table *table, const struct sa_entry *entry, bool inbound,
                       struct esp_sa *sa)
{
    sa->op = (enum esp_op)entry->op;
    sa->spi = entry->spi;
    sa->esn = sa_esn(entry);
    sa->seq = entry->sequence;
    sa->seq_hi = (uint32_t)(entry->sequence >> 32);
    sa->replay_window = inbound ? entry->window : 0;
    if (entry->lifetime != 0) {
        const struct sa_lifetime *lifetime =
            sa_chunks_at(&table->lifetimes.chunks, entry->lifetime);

        sa->lifetime = lifetime->limit;
    }
    sa->enc = (struct esp_key){ .alg = (enum esp_alg)entry->enc,
                                .icv = entry->enc_icv,
                                .length = entry->enc_key };
    sa->auth = (struct esp_key){ .alg = (enum esp_alg)entry->auth,
                                 .icv = entry->auth_icv,
                                 .length = entry->auth_key };
    read_key(&sa->enc, sa_enc_key(table, entry));
    read_key(&sa->auth, sa_auth_key(table, entry));
}

void sa_node(const struct sa_table *table, uint32_t id, struct esp_node *node)
{
    struct sa_context *context = sa_context(table, id);

    *node = (struct esp_node){
        .dir = sa_dir(context),
        .mode = sa_mode(context),
        .udp = (enum esp_udp)context->first.udp,
        .sa_count = (uint8_t)sa_entries(context),
    };
    sa_ports(table, context, &node->encap_sport, &node->encap_dport);
    sa_addresses(table, context, &node->src, &node->dst);
    sa_block_note(&table->blocks, &context->first, node);
    for (uint32_t i = 0; i < sa_entries(context); i++) {
        read_entry(table, sa_entry(table, context, i), node->dir == ESP_DIR_IN, &node->sa[i]);
    }
}

/* ---- replay ---------------------------------------------------------------------------------- */

uint64_t sa_replay_infer(const struct sa_entry *entry, uint32_t seq_lo)
{
    return replay_infer(entry->sequence, seq_lo, entry->window, sa_esn(entry));
}

enum replay_verdict sa_replay_check(const struct sa_table *table, struct sa_entry *entry,
                                    uint64_t sequence)
{
    return replay_check(entry->sequence, sa_bitmap(table, entry), entry->window, sequence);
}

enum replay_verdict sa_replay_commit(const struct sa_table *table, struct sa_entry *entry,
                                     uint64_t sequence)
{
    return replay_commit(&entry->sequence, sa_bitmap(table, entry), entry->window, sa_esn(entry),
                         sequence);
}
