/* Writing the ADD structures. */
#include <string.h>

#include "nic/ndis_layout.h"

/* ---- encoding -------------------------------------------------------------------------------- */

static uint32_t key_bytes_of(const struct esp_node *node)
{
    uint32_t bytes = 0;

    for (unsigned i = 0; i < node->sa_count; i++) {
        bytes += node->sa[i].auth.length;
        bytes += node->sa[i].enc.length;
    }
    return bytes;
}

/* ADD_SA_EX puts its keys behind the structure. */
static uint32_t node_size(const struct esp_node *node, bool ex, bool annotate)
{
    uint64_t end =
        ndis_align8((ex ? NDIS_STRUCTURE : NDIS_KEY_DATA) + (uint64_t)key_bytes_of(node));

    end = end > NDIS_STRUCTURE ? end : NDIS_STRUCTURE;
    return (uint32_t)end + (annotate ? (uint32_t)sizeof(struct abi_annotation) : 0);
}

uint32_t ndis_add_size(const struct esp_node *nodes, uint32_t count, bool ex, bool annotate)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < count; i++) {
        bytes += node_size(&nodes[i], ex, annotate);
    }
    return bytes;
}

bool ndis_plain(const struct esp_node *node)
{
    for (unsigned i = 0; i < node->sa_count; i++) {
        const struct esp_key *enc = &node->sa[i].enc;
        const struct esp_key *auth = &node->sa[i].auth;
        const struct esp_alg_info *cipher = esp_alg_info(enc->alg);
        const struct esp_alg_info *mac = esp_alg_info(auth->alg);

        if ((enc->alg != ESP_ALG_NONE && cipher->ndis_encryption == 0) ||
            (auth->alg != ESP_ALG_NONE && mac->ndis_auth == 0) ||
            (auth->icv != 0 && auth->icv != mac->icv_default) || esp_sa_timing_only(&node->sa[i])) {
            return false;
        }
    }
    return true;
}

static void write_algorithm(uint8_t *info, const struct esp_key *key, bool auth, uint8_t *keys,
                            uint32_t *used)
{
    const struct esp_alg_info *alg = esp_alg_info(key->alg);

    ndis_put32(info, auth ? alg->ndis_auth : alg->ndis_encryption);
    if (key->length != 0) {
        ndis_put32(info + 4, key->length);
        ndis_put32(info + 8, *used);
        memcpy(keys + *used, key->bytes, key->length);
        *used += key->length;
    }
    if (alg->kind == ESP_KIND_AEAD) {
        ndis_put32(info + 12, key->icv);
    }
}

static void write_sa(uint8_t *bytes, const struct esp_sa *sa, uint8_t *keys, uint32_t *used)
{
    ndis_put32(bytes, sa->esn ? NDIS_SA_FLAG_ESN : 0);
    ndis_put32(bytes + NDIS_SA_OPERATION, sa->op);
    ndis_put32(bytes + NDIS_SA_SPI, sa->spi);
    write_algorithm(bytes + NDIS_SA_AUTH, &sa->auth, true, keys, used);
    write_algorithm(bytes + NDIS_SA_ENC, &sa->enc, false, keys, used);
    ndis_put32(bytes + NDIS_SA_SEQ_HI, sa->seq_hi);
}

static uint8_t noted_alg(enum esp_alg alg)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    return info->ndis_auth != 0 || info->ndis_encryption != 0 ? 0 : (uint8_t)alg;
}

static void note_selector(const struct esp_selector *sel, struct abi_annotation *note)
{
    if (!sel->present) {
        return;
    }
    note->selector_flags =
        (uint8_t)(ABI_SEL_PRESENT | (sel->has_src ? ABI_SEL_SRC : 0) |
                  (sel->has_dst ? ABI_SEL_DST : 0) | (sel->has_proto ? ABI_SEL_PROTO : 0) |
                  (sel->has_sport ? ABI_SEL_SPORT : 0) | (sel->has_dport ? ABI_SEL_DPORT : 0));
    note->family = sel->has_src ? sel->src.address.family : sel->dst.address.family;
    note->proto = sel->proto;
    note->src_bits = sel->src.length;
    note->dst_bits = sel->dst.length;
    memcpy(note->src, sel->src.address.bytes, sizeof note->src);
    memcpy(note->dst, sel->dst.address.bytes, sizeof note->dst);
    note->sport_lo = sel->sport_lo;
    note->sport_hi = sel->sport_hi;
    note->dport_lo = sel->dport_lo;
    note->dport_hi = sel->dport_hi;
}

static bool lacks_key(const struct esp_key *key)
{
    return esp_alg_info(key->alg)->key_bytes != 0 && key->length == 0;
}

static void write_annotation(uint8_t *bytes, const struct esp_node *node)
{
    struct abi_annotation note = { .bytes = sizeof note,
                                   .mode = (uint8_t)node->mode,
                                   .sport = node->encap_sport,
                                   .dport = node->encap_dport,
                                   .age_ns = node->age_ns };

    note_selector(&node->sel, &note);
    for (unsigned i = 0; i < node->sa_count; i++) {
        const struct esp_sa *sa = &node->sa[i];
        const struct esp_lifetime *life = &sa->lifetime;

        note.sa[i] = (struct abi_annotation_sa){ .sequence = sa->seq,
                                                 .soft_packets = life->soft_packets,
                                                 .hard_packets = life->hard_packets,
                                                 .soft_bytes = life->soft_bytes,
                                                 .hard_bytes = life->hard_bytes,
                                                 .soft_s = life->soft_s,
                                                 .hard_s = life->hard_s,
                                                 .replay_window = sa->replay_window,
                                                 .enc = noted_alg(sa->enc.alg),
                                                 .auth = noted_alg(sa->auth.alg),
                                                 .enc_icv = sa->enc.icv,
                                                 .auth_icv = sa->auth.icv };
        note.no_key |= (uint8_t)((lacks_key(&sa->enc) ? 1u : 0u) << (2 * i));
        note.no_key |= (uint8_t)((lacks_key(&sa->auth) ? 2u : 0u) << (2 * i));
    }
    memcpy(bytes, &note, sizeof note);
}

static void write_node(uint8_t *bytes, const struct esp_node *node, enum ndis_kind kind,
                       bool annotate)
{
    const struct ndis_layout *at = &ndis_layouts[kind];
    uint32_t width = node->src.family == 6 ? 16 : 4;
    uint32_t area = kind == NDIS_ADD_SA ? NDIS_KEY_DATA : NDIS_STRUCTURE;
    uint32_t used = 0;

    ndis_write_header(bytes, at->macro_size);
    ndis_put32(bytes + at->count, node->sa_count);
    ndis_put32(bytes + at->flags, (node->dir == ESP_DIR_IN ? NDIS_FLAG_INBOUND : 0u) |
                                      (node->src.family == 6 ? NDIS_FLAG_IPV6 : 0u));
    memcpy(bytes + at->addresses, node->src.bytes, width);
    memcpy(bytes + at->addresses + width, node->dst.bytes, width);
    ndis_put32(bytes + at->udp, node->udp);
    for (unsigned i = 0; i < node->sa_count; i++) {
        write_sa(bytes + at->sas + i * NDIS_SA_BYTES, &node->sa[i], bytes + area, &used);
    }
    ndis_put32(bytes + at->key_length, used);
    if (kind == NDIS_ADD_SA_EX) {
        ndis_put32(bytes + NDIS_EX_KEY_OFFSET, area);
        ndis_put32(bytes + NDIS_EX_PORT, node->switch_port);
        ndis_put16(bytes + NDIS_EX_VLAN, node->vlan);
    }
    if (annotate) {
        ndis_put32(bytes + at->annotated, ABI_NODE_ANNOTATED);
        write_annotation(bytes + ndis_annotation_offset(kind, bytes), node);
    }
}

uint32_t ndis_encode_add(const struct esp_node *nodes, uint32_t count, bool ex, bool annotate,
                         uint8_t *buffer, uint32_t size)
{
    uint32_t bytes = ndis_add_size(nodes, count, ex, annotate);
    uint32_t place = 0;

    if (count == 0 || (ex && count != 1) || bytes > size) {
        return 0;
    }
    memset(buffer, 0, bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t next = place + node_size(&nodes[i], ex, annotate);

        write_node(buffer + place, &nodes[i], ex ? NDIS_ADD_SA_EX : NDIS_ADD_SA, annotate);
        if (i + 1 < count) {
            ndis_put64(buffer + place + NDIS_NEXT, next);
        }
        place = next;
    }
    return bytes;
}
