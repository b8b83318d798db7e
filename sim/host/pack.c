/* A node as bytes, without what can be told from the rest: an inbound AES-GCM-128 SA between IPv4 addresses
 * takes 40, and 12 more with a selector of two prefixes.
 *
 * Block: chain of the SPI index (4 bytes), SPI of the header that a packet begins with (4), length in units
 * of 4 (1), flags (1); then UDP kind and ports, addresses, selector, entries; zeros up to a multiple of 4. */
#include <string.h>

#include "host/internal.h"

enum { PACK_CHAIN = 0, PACK_SPI = 4, PACK_UNITS = 8, PACK_FLAGS = 9, PACK_BODY = 10, UNIT = 4 };

enum {
    PACK_IN = 1u << 0,
    PACK_TUNNEL = 1u << 1,
    PACK_IPV6 = 1u << 2,
    PACK_TWO = 1u << 3,
    PACK_UDP = 1u << 4,
    PACK_SELECTOR = 1u << 5,
    PACK_INDEXED = 1u << 6, /* in the SPI index */
    PACK_AH = 1u << 7       /* a packet begins with AH */
};

/* Of an entry: what follows. Absent is the usual value. */
enum {
    ENTRY_AH = 1u << 0,
    ENTRY_ESN = 1u << 1,
    ENTRY_SPI = 1u << 2, /* absent: PACK_SPI */
    ENTRY_SEQ = 1u << 3,
    ENTRY_WINDOW = 1u << 4,
    ENTRY_ENC = 1u << 5,      /* absent: null */
    ENTRY_AUTH = 1u << 6,     /* absent: none */
    ENTRY_NO_WINDOW = 1u << 7 /* 0 packets */
};

enum { USUAL_WINDOW = 64 };

/* Of an algorithm: lengths of its ICV and key follow. Absent: the default ICV, key and salt. */
enum { KEY_LENGTHS = 1u << 7 };

/* Length of a prefix: of IPv6 it begins here. */
enum { IPV6_LENGTHS = 64 };

enum { SEL_SRC = 1, SEL_DST = 2, SEL_PROTO = 4, SEL_SPORT = 8, SEL_DPORT = 16 };

struct cursor {
    uint8_t *bytes;
    size_t at;
};

static void put(struct cursor *c, const void *value, size_t bytes)
{
    memcpy(c->bytes + c->at, value, bytes);
    c->at += bytes;
}

static void get(struct cursor *c, void *value, size_t bytes)
{
    memcpy(value, c->bytes + c->at, bytes);
    c->at += bytes;
}

static void put8(struct cursor *c, unsigned value)
{
    c->bytes[c->at++] = (uint8_t)value;
}

static unsigned get8(struct cursor *c)
{
    return c->bytes[c->at++];
}

/* ---- packing ------------------------------------------------------------------------------------ */

static void put_prefix(struct cursor *c, const struct esp_prefix *prefix)
{
    bool wide = prefix->address.family == 6;

    put8(c, prefix->length + (wide ? IPV6_LENGTHS : 0u));
    put(c, prefix->address.bytes, wide ? 16 : 4);
}

static void get_prefix(struct cursor *c, struct esp_prefix *prefix)
{
    unsigned length = get8(c);
    bool wide = length >= IPV6_LENGTHS;

    prefix->address.family = wide ? 6 : 4;
    prefix->length = (uint8_t)(length - (wide ? IPV6_LENGTHS : 0u));
    get(c, prefix->address.bytes, wide ? 16 : 4);
}

static void pack_selector(struct cursor *c, const struct esp_selector *sel)
{
    put8(c, (sel->has_src ? SEL_SRC : 0u) | (sel->has_dst ? SEL_DST : 0u) |
                (sel->has_proto ? SEL_PROTO : 0u) | (sel->has_sport ? SEL_SPORT : 0u) |
                (sel->has_dport ? SEL_DPORT : 0u));
    if (sel->has_src) {
        put_prefix(c, &sel->src);
    }
    if (sel->has_dst) {
        put_prefix(c, &sel->dst);
    }
    if (sel->has_proto) {
        put8(c, sel->proto);
    }
    if (sel->has_sport) {
        put(c, &sel->sport_lo, 2);
        put(c, &sel->sport_hi, 2);
    }
    if (sel->has_dport) {
        put(c, &sel->dport_lo, 2);
        put(c, &sel->dport_hi, 2);
    }
}

static void unpack_selector(struct cursor *c, struct esp_selector *sel)
{
    unsigned flags = get8(c);

    sel->present = true;
    sel->has_src = (flags & SEL_SRC) != 0;
    sel->has_dst = (flags & SEL_DST) != 0;
    sel->has_proto = (flags & SEL_PROTO) != 0;
    sel->has_sport = (flags & SEL_SPORT) != 0;
    sel->has_dport = (flags & SEL_DPORT) != 0;
    if (sel->has_src) {
        get_prefix(c, &sel->src);
    }
    if (sel->has_dst) {
        get_prefix(c, &sel->dst);
    }
    if (sel->has_proto) {
        sel->proto = (uint8_t)get8(c);
    }
    if (sel->has_sport) {
        get(c, &sel->sport_lo, 2);
        get(c, &sel->sport_hi, 2);
    }
    if (sel->has_dport) {
        get(c, &sel->dport_lo, 2);
        get(c, &sel->dport_hi, 2);
    }
}

static void pack_key(struct cursor *c, const struct esp_key *key)
{
    const struct esp_alg_info *info = esp_alg_info(key->alg);
    bool usual = key->icv == info->icv_default && key->length == info->key_bytes + info->salt_bytes;

    put8(c, (unsigned)key->alg | (usual ? 0u : KEY_LENGTHS));
    if (!usual) {
        put8(c, key->icv);
        put8(c, key->length);
    }
    put(c, key->bytes, key->length);
}

static void unpack_key(struct cursor *c, struct esp_key *key)
{
    unsigned first = get8(c);
    const struct esp_alg_info *info;

    key->alg = (enum esp_alg)(first & ~(unsigned)KEY_LENGTHS);
    info = esp_alg_info(key->alg);
    key->icv = info->icv_default;
    key->length = (uint8_t)(info->key_bytes + info->salt_bytes);
    if ((first & KEY_LENGTHS) != 0) {
        key->icv = (uint8_t)get8(c);
        key->length = (uint8_t)get8(c);
    }
    get(c, key->bytes, key->length);
}

static uint64_t usual_seq(enum esp_dir dir)
{
    return dir == ESP_DIR_OUT ? 1 : 0;
}

static uint16_t usual_window(enum esp_dir dir)
{
    return dir == ESP_DIR_IN ? USUAL_WINDOW : 0;
}

static unsigned window_flag(uint16_t window, enum esp_dir dir)
{
    if (window == usual_window(dir)) {
        return 0;
    }
    return window == 0 ? ENTRY_NO_WINDOW : ENTRY_WINDOW;
}

static void pack_sa(struct cursor *c, const struct esp_sa *sa, enum esp_dir dir, bool outermost)
{
    enum esp_alg usual = sa->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
    unsigned flags = (sa->op == ESP_OP_AH ? ENTRY_AH : 0u) | (sa->esn ? ENTRY_ESN : 0u) |
                     (outermost ? 0u : ENTRY_SPI) | (sa->seq != usual_seq(dir) ? ENTRY_SEQ : 0u) |
                     window_flag(sa->replay_window, dir) | (sa->enc.alg != usual ? ENTRY_ENC : 0u) |
                     (sa->auth.alg != ESP_ALG_NONE ? ENTRY_AUTH : 0u);

    put8(c, flags);
    if ((flags & ENTRY_SPI) != 0) {
        put(c, &sa->spi, 4);
    }
    if ((flags & ENTRY_SEQ) != 0) {
        put(c, &sa->seq, 8);
    }
    if ((flags & ENTRY_WINDOW) != 0) {
        put(c, &sa->replay_window, 2);
    }
    if ((flags & ENTRY_ENC) != 0) {
        pack_key(c, &sa->enc);
    }
    if ((flags & ENTRY_AUTH) != 0) {
        pack_key(c, &sa->auth);
    }
}

static void unpack_sa(struct cursor *c, struct esp_sa *sa, enum esp_dir dir, uint32_t spi)
{
    unsigned flags = get8(c);

    sa->op = (flags & ENTRY_AH) != 0 ? ESP_OP_AH : ESP_OP_ESP;
    sa->esn = (flags & ENTRY_ESN) != 0;
    sa->spi = spi;
    sa->seq = usual_seq(dir);
    sa->replay_window = (flags & ENTRY_NO_WINDOW) != 0 ? 0 : usual_window(dir);
    sa->enc.alg = sa->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
    if ((flags & ENTRY_SPI) != 0) {
        get(c, &sa->spi, 4);
    }
    if ((flags & ENTRY_SEQ) != 0) {
        get(c, &sa->seq, 8);
    }
    if ((flags & ENTRY_WINDOW) != 0) {
        get(c, &sa->replay_window, 2);
    }
    if ((flags & ENTRY_ENC) != 0) {
        unpack_key(c, &sa->enc);
    }
    if ((flags & ENTRY_AUTH) != 0) {
        unpack_key(c, &sa->auth);
    }
    sa->seq_hi = (uint32_t)(sa->seq >> 32);
}

/* The entry whose header a packet of the node begins with: AH if there is one. */
static unsigned outermost(const struct esp_node *node)
{
    return node->sa_count == 2 && node->sa[1].op == ESP_OP_AH ? 1 : 0;
}

size_t host_pack(const struct esp_node *node, uint8_t *bytes)
{
    struct cursor c = { bytes, PACK_BODY };
    size_t width = node->src.family == 6 ? 16 : 4;
    unsigned outer = outermost(node);
    unsigned flags =
        (node->dir == ESP_DIR_IN ? PACK_IN : 0u) |
        (node->mode == ESP_MODE_TUNNEL ? PACK_TUNNEL : 0u) |
        (node->src.family == 6 ? PACK_IPV6 : 0u) | (node->sa_count == 2 ? PACK_TWO : 0u) |
        (node->udp != ESP_UDP_NONE ? PACK_UDP : 0u) | (node->sel.present ? PACK_SELECTOR : 0u) |
        (node->sa[outer].op == ESP_OP_AH ? PACK_AH : 0u);

    memset(bytes, 0, PACK_BODY);
    bytes[PACK_FLAGS] = (uint8_t)flags;
    memcpy(bytes + PACK_SPI, &node->sa[outer].spi, 4);
    if ((flags & PACK_UDP) != 0) {
        put8(&c, node->udp);
        put(&c, &node->encap_sport, 2);
        put(&c, &node->encap_dport, 2);
    }
    put(&c, node->src.bytes, width);
    put(&c, node->dst.bytes, width);
    if ((flags & PACK_SELECTOR) != 0) {
        pack_selector(&c, &node->sel);
    }
    for (unsigned i = 0; i < node->sa_count; i++) {
        pack_sa(&c, &node->sa[i], node->dir, i == outer);
    }
    while (c.at % UNIT != 0) {
        put8(&c, 0);
    }
    bytes[PACK_UNITS] = (uint8_t)(c.at / UNIT);
    return c.at;
}

void host_unpack(const uint8_t *bytes, struct esp_node *node)
{
    struct cursor c = { (uint8_t *)bytes, PACK_BODY };
    unsigned flags = bytes[PACK_FLAGS];
    size_t width;

    memset(node, 0, sizeof *node);
    node->dir = (flags & PACK_IN) != 0 ? ESP_DIR_IN : ESP_DIR_OUT;
    node->mode = (flags & PACK_TUNNEL) != 0 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    node->sa_count = (flags & PACK_TWO) != 0 ? 2 : 1;
    node->encap_sport = 4500;
    node->encap_dport = 4500;
    if ((flags & PACK_UDP) != 0) {
        node->udp = (enum esp_udp)get8(&c);
        get(&c, &node->encap_sport, 2);
        get(&c, &node->encap_dport, 2);
    }
    node->src.family = (flags & PACK_IPV6) != 0 ? 6 : 4;
    node->dst.family = node->src.family;
    width = node->src.family == 6 ? 16 : 4;
    get(&c, node->src.bytes, width);
    get(&c, node->dst.bytes, width);
    if ((flags & PACK_SELECTOR) != 0) {
        unpack_selector(&c, &node->sel);
    }
    for (unsigned i = 0; i < node->sa_count; i++) {
        unpack_sa(&c, &node->sa[i], node->dir, host_pack_spi(bytes));
    }
}

uint32_t host_pack_length(const uint8_t *bytes)
{
    return (uint32_t)bytes[PACK_UNITS] * UNIT;
}

uint32_t host_pack_spi(const uint8_t *bytes)
{
    uint32_t spi;

    memcpy(&spi, bytes + PACK_SPI, 4);
    return spi;
}

enum esp_op host_pack_op(const uint8_t *bytes)
{
    return (bytes[PACK_FLAGS] & PACK_AH) != 0 ? ESP_OP_AH : ESP_OP_ESP;
}

uint32_t *host_pack_chain(uint8_t *bytes)
{
    return (uint32_t *)(void *)(bytes + PACK_CHAIN);
}

bool host_pack_indexed(const uint8_t *bytes)
{
    return (bytes[PACK_FLAGS] & PACK_INDEXED) != 0;
}

void host_pack_set_indexed(uint8_t *bytes, bool indexed)
{
    unsigned others = bytes[PACK_FLAGS] & ~(unsigned)PACK_INDEXED;

    bytes[PACK_FLAGS] = (uint8_t)(others | (indexed ? PACK_INDEXED : 0u));
}
