/* Reading the ADD structures. */
#include <string.h>

#include "nic/ndis_layout.h"

/* ---- decoding an ADD node -------------------------------------------------------------------- */

/* One node while it is read. */
struct reading {
    const uint8_t *keys;
    uint32_t key_bytes;
    const struct abi_annotation *note; /* NULL: none */
};

static enum esp_alg alg_of_identifier(uint32_t identifier, bool auth)
{
    for (unsigned i = ESP_ALG_NONE + 1; i < ESP_ALG_COUNT; i++) {
        const struct esp_alg_info *info = esp_alg_info((enum esp_alg)i);

        if ((auth ? info->ndis_auth : info->ndis_encryption) == identifier) {
            return (enum esp_alg)i;
        }
    }
    return ESP_ALG_NONE;
}

/* Algorithms that NDIS has no identifier for come by the annotation. */
static bool alg_of_note(uint8_t value, bool auth, enum esp_alg *alg)
{
    const struct esp_alg_info *info = esp_alg_info((enum esp_alg)value);
    bool integrity = info->kind == ESP_KIND_HMAC || info->kind == ESP_KIND_GMAC;

    if (value >= ESP_ALG_COUNT || info->ndis_auth != 0 || info->ndis_encryption != 0 ||
        integrity != auth) {
        return false;
    }
    *alg = (enum esp_alg)value;
    return true;
}

/* O-5: bytes, or bits; 0 is 16. 0 returned: neither. */
static uint8_t aead_icv(uint32_t additional)
{
    switch (additional) {
    case 0: return 16;
    case 8:
    case 12:
    case 16: return (uint8_t)additional;
    case 64:
    case 96:
    case 128: return (uint8_t)(additional / 8);
    default: return 0;
    }
}

static enum sa_reason read_key_bytes(const struct reading *r, const uint8_t *info, bool no_key,
                                     struct esp_key *key)
{
    const struct esp_alg_info *alg = esp_alg_info(key->alg);
    uint32_t length = ndis_get32(info + 4);
    uint32_t offset = ndis_get32(info + 8);

    if (no_key || alg->key_bytes == 0) {
        return length == 0 ? SA_OK : SA_INVALID_KEY;
    }
    /* O-9: with the salt or without. */
    if ((length != alg->key_bytes && length != (uint32_t)alg->key_bytes + alg->salt_bytes) ||
        length > r->key_bytes || offset > r->key_bytes - length) {
        return SA_INVALID_KEY;
    }
    key->length = (uint8_t)length;
    memcpy(key->bytes, r->keys + offset, length);
    return SA_OK;
}

/* One IPSEC_OFFLOAD_V2_ALGORITHM_INFO. */
static enum sa_reason read_algorithm(const struct reading *r, const uint8_t *info, unsigned sa,
                                     bool auth, struct esp_key *key)
{
    uint32_t identifier = ndis_get32(info);
    const struct abi_annotation_sa *note = r->note != NULL ? &r->note->sa[sa] : NULL;
    uint8_t noted = note == NULL ? 0 : auth ? note->auth : note->enc;
    uint8_t icv = note == NULL ? 0 : auth ? note->auth_icv : note->enc_icv;
    bool no_key = r->note != NULL && (r->note->no_key >> (2 * sa + auth) & 1) != 0;

    if (identifier != 0) {
        key->alg = alg_of_identifier(identifier, auth);
        if (key->alg == ESP_ALG_NONE || noted != 0) {
            return SA_INVALID_ALGORITHM; /* not one-hot, unknown, or named twice */
        }
    } else if (noted != 0 && !alg_of_note(noted, auth, &key->alg)) {
        return SA_INVALID_ALGORITHM;
    }
    key->icv = esp_alg_info(key->alg)->icv_default;
    if (icv != 0) {
        key->icv = icv;
    } else if (esp_alg_info(key->alg)->kind == ESP_KIND_AEAD) {
        key->icv = aead_icv(ndis_get32(info + 12));
    }
    if (key->icv != 0 ? !esp_alg_icv_allowed(key->alg, key->icv)
                      : esp_alg_info(key->alg)->icv_default != 0) {
        return SA_INVALID_ICV;
    }
    return read_key_bytes(r, info, no_key, key);
}

static enum sa_reason read_sa(const struct reading *r, const uint8_t *bytes, unsigned index,
                              enum esp_dir dir, struct esp_sa *sa)
{
    uint32_t flags = ndis_get32(bytes);
    uint32_t op = ndis_get32(bytes + NDIS_SA_OPERATION);
    enum sa_reason reason;

    if (op != ESP_OP_AH && op != ESP_OP_ESP) {
        return SA_INVALID_OPERATIONS;
    }
    if ((flags & ~(uint32_t)NDIS_SA_FLAG_ESN) != 0) {
        return SA_INVALID_SEQUENCE; /* the only flag there is is about numbering */
    }
    sa->op = (enum esp_op)op;
    sa->spi = ndis_get32(bytes + NDIS_SA_SPI);
    sa->esn = flags != 0;
    sa->seq_hi = ndis_get32(bytes + NDIS_SA_SEQ_HI);
    reason = read_algorithm(r, bytes + NDIS_SA_AUTH, index, true, &sa->auth);
    if (reason == SA_OK) {
        reason = read_algorithm(r, bytes + NDIS_SA_ENC, index, false, &sa->enc);
    }
    if (sa->op == ESP_OP_ESP && sa->enc.alg == ESP_ALG_NONE) {
        sa->enc.alg = ESP_ALG_NULL;
    }
    if (r->note != NULL) {
        const struct abi_annotation_sa *note = &r->note->sa[index];

        sa->seq = note->sequence;
        sa->replay_window = note->replay_window;
        sa->lifetime =
            (struct esp_lifetime){ note->soft_packets, note->hard_packets, note->soft_bytes,
                                   note->hard_bytes,   note->soft_s,       note->hard_s };
    } else {
        sa->seq = (sa->esn ? (uint64_t)sa->seq_hi << 32 : 0) | (dir == ESP_DIR_OUT ? 1 : 0);
        sa->replay_window = dir == ESP_DIR_IN ? NDIS_DEFAULT_WINDOW : 0;
    }
    return reason;
}

static bool read_prefix(uint8_t family, const uint8_t address[16], uint8_t bits,
                        struct esp_prefix *prefix)
{
    uint8_t most = family == 4 ? 32 : 128;

    prefix->address.family = family;
    memcpy(prefix->address.bytes, address, family == 4 ? 4 : 16);
    prefix->length = bits;
    return (family == 4 || family == 6) && bits <= most;
}

static bool read_selector(const struct abi_annotation *note, struct esp_selector *sel)
{
    unsigned flags = note->selector_flags;
    bool good = true;

    if ((flags & ABI_SEL_PRESENT) == 0) {
        return flags == 0;
    }
    sel->present = true;
    sel->has_src = (flags & ABI_SEL_SRC) != 0;
    sel->has_dst = (flags & ABI_SEL_DST) != 0;
    sel->has_proto = (flags & ABI_SEL_PROTO) != 0;
    sel->has_sport = (flags & ABI_SEL_SPORT) != 0;
    sel->has_dport = (flags & ABI_SEL_DPORT) != 0;
    if (sel->has_src) {
        good = read_prefix(note->family, note->src, note->src_bits, &sel->src);
    }
    if (sel->has_dst) {
        good = read_prefix(note->family, note->dst, note->dst_bits, &sel->dst) && good;
    }
    if (sel->has_proto) {
        sel->proto = note->proto;
    }
    if (sel->has_sport) {
        sel->sport_lo = note->sport_lo;
        sel->sport_hi = note->sport_hi;
    }
    if (sel->has_dport) {
        sel->dport_lo = note->dport_lo;
        sel->dport_hi = note->dport_hi;
    }
    return good && sel->sport_lo <= sel->sport_hi && sel->dport_lo <= sel->dport_hi;
}

/* Mode, ports and selector: from the annotation, or what can be known without one. */
static enum sa_reason read_note(const struct abi_annotation *note, struct esp_node *node)
{
    if (note == NULL) {
        node->mode = node->udp > ESP_UDP_TRANSPORT ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
        node->encap_sport = 4500;
        node->encap_dport = 4500;
        return SA_OK;
    }
    node->mode = (enum esp_mode)note->mode;
    node->encap_sport = note->sport;
    node->encap_dport = note->dport;
    node->age_ns = note->age_ns;
    if (note->bytes < sizeof *note || note->mode > ESP_MODE_TUNNEL ||
        !read_selector(note, &node->sel)) {
        return SA_INVALID_ADDRESS;
    }
    return SA_OK;
}

static enum sa_reason read_frame(enum ndis_kind kind, const uint8_t *bytes, struct esp_node *node)
{
    const struct ndis_layout *at = &ndis_layouts[kind];
    uint32_t count = ndis_get32(bytes + at->count);
    uint32_t flags = ndis_get32(bytes + at->flags);
    uint32_t udp = ndis_get32(bytes + at->udp);
    uint8_t family = (flags & NDIS_FLAG_IPV6) != 0 ? 6 : 4;
    uint32_t width = family == 6 ? 16 : 4;

    if (count < 1 || count > ESP_MAX_SAS) {
        return SA_INVALID_COUNT;
    }
    if ((flags & ~(uint32_t)(NDIS_FLAG_INBOUND | NDIS_FLAG_IPV6)) != 0) {
        return SA_INVALID_ADDRESS; /* a form of endpoints that is not defined */
    }
    if (udp > ESP_UDP_TRANSPORT_OVER_TUNNEL || (udp & (udp - 1)) != 0) {
        return SA_INVALID_UDP;
    }
    node->sa_count = (uint8_t)count;
    node->dir = (flags & NDIS_FLAG_INBOUND) != 0 ? ESP_DIR_IN : ESP_DIR_OUT;
    node->udp = (enum esp_udp)udp;
    node->src.family = family;
    node->dst.family = family;
    memcpy(node->src.bytes, bytes + at->addresses, width);
    memcpy(node->dst.bytes, bytes + at->addresses + width, width);
    if (kind == NDIS_ADD_SA_EX) {
        node->switch_port = ndis_get32(bytes + NDIS_EX_PORT);
        node->vlan = ndis_get16(bytes + NDIS_EX_VLAN);
    }
    return SA_OK;
}

enum sa_reason ndis_read_node(enum ndis_kind kind, const uint8_t *buffer, uint32_t length,
                              uint32_t offset, struct esp_node *node)
{
    const uint8_t *bytes = buffer + offset;
    uint32_t left = length - offset;
    struct abi_annotation note;
    struct reading r = { .note = NULL };
    enum sa_reason reason;
    uint32_t area = ndis_key_area(kind, bytes);

    memset(node, 0, sizeof *node);
    r.key_bytes = ndis_get32(bytes + ndis_layouts[kind].key_length);
    if (area < ndis_fixed_part(kind) || (uint64_t)area + r.key_bytes > left) {
        return SA_INVALID_KEY; /* of a node that is not the first: ndis_walk lets it pass */
    }
    r.keys = bytes + area;
    if (ndis_annotated(kind, bytes)) {
        memcpy(&note, bytes + ndis_annotation_offset(kind, bytes), sizeof note);
        r.note = &note;
    }
    reason = read_frame(kind, bytes, node);
    if (reason == SA_OK) {
        reason = read_note(r.note, node);
    }
    for (unsigned i = 0; i < node->sa_count && reason == SA_OK; i++) {
        reason = read_sa(&r, bytes + ndis_layouts[kind].sas + i * NDIS_SA_BYTES, i, node->dir,
                         &node->sa[i]);
    }
    return reason;
}

uint32_t ndis_decode_add(const uint8_t *buffer, uint32_t length, bool ex, struct esp_node *nodes,
                         enum sa_reason *reasons, uint32_t *offsets, uint32_t *count)
{
    enum ndis_kind kind = ex ? NDIS_ADD_SA_EX : NDIS_ADD_SA;
    uint32_t status = ndis_walk(kind, buffer, length, offsets, count);

    if (status != NDIS_STATUS_SUCCESS) {
        return status;
    }
    for (uint32_t i = 0; i < *count; i++) {
        reasons[i] = ndis_read_node(kind, buffer, length, offsets[i], &nodes[i]);
    }
    return NDIS_STATUS_SUCCESS;
}
