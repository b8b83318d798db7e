/* What the host remembers of every node: 40 bytes, and what else it needs of it, packed.
 *
 * A node is packed into a block of bytes while its ADD is under way. Afterwards the block stays only
 * where the host may have to do the work itself (host.software.keep, or the card refused it), and
 * frames (numbering and framing state) are made only where the host frames: crypto offload and
 * software. With packet offload an outbound SA on the card is thus 40 bytes and its selector.
 *
 * Block: length (2 bytes), flags (2), chain of the SPI index (4), owner (4), index key (8: SPI and
 * operation), then UDP kind and ports, addresses, selector, and for each entry numbers, algorithms,
 * keys. */
#include <string.h>

#include "host/internal.h"

enum {
    PACK_LENGTH = 0,
    PACK_FLAGS = 2,
    PACK_CHAIN = 4,
    PACK_OWNER = 8,
    PACK_SPI = 12,
    PACK_OP = 16,
    PACK_BODY = 17
};

enum {
    PACK_IN = 1u << 0,
    PACK_TUNNEL = 1u << 1,
    PACK_IPV6 = 1u << 2,
    PACK_TWO = 1u << 3,
    PACK_UDP = 1u << 4,
    PACK_SELECTOR = 1u << 5,
    PACK_INDEXED = 1u << 6 /* in the SPI index */
};

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
    put8(c, prefix->address.family);
    put8(c, prefix->length);
    put(c, prefix->address.bytes, prefix->address.family == 6 ? 16 : 4);
}

static void get_prefix(struct cursor *c, struct esp_prefix *prefix)
{
    prefix->address.family = (uint8_t)get8(c);
    prefix->length = (uint8_t)get8(c);
    get(c, prefix->address.bytes, prefix->address.family == 6 ? 16 : 4);
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

static void pack_sa(struct cursor *c, const struct esp_sa *sa)
{
    put8(c, (unsigned)sa->op | (sa->esn ? 4u : 0u));
    put(c, &sa->spi, 4);
    put(c, &sa->seq, 8);
    put(c, &sa->replay_window, 2);
    put8(c, sa->enc.alg);
    put8(c, sa->auth.alg);
    put8(c, sa->enc.icv);
    put8(c, sa->auth.icv);
    put8(c, sa->enc.length);
    put8(c, sa->auth.length);
    put(c, sa->enc.bytes, sa->enc.length);
    put(c, sa->auth.bytes, sa->auth.length);
}

static void unpack_sa(struct cursor *c, struct esp_sa *sa)
{
    unsigned flags = get8(c);

    sa->op = (enum esp_op)(flags & 3);
    sa->esn = (flags & 4) != 0;
    get(c, &sa->spi, 4);
    get(c, &sa->seq, 8);
    get(c, &sa->replay_window, 2);
    sa->seq_hi = (uint32_t)(sa->seq >> 32);
    sa->enc.alg = (enum esp_alg)get8(c);
    sa->auth.alg = (enum esp_alg)get8(c);
    sa->enc.icv = (uint8_t)get8(c);
    sa->auth.icv = (uint8_t)get8(c);
    sa->enc.length = (uint8_t)get8(c);
    sa->auth.length = (uint8_t)get8(c);
    get(c, sa->enc.bytes, sa->enc.length);
    get(c, sa->auth.bytes, sa->auth.length);
}

/* The header that a received packet of the node begins with: AH if there is one. */
static const struct esp_sa *outermost(const struct esp_node *node)
{
    return node->sa_count == 2 && node->sa[1].op == ESP_OP_AH ? &node->sa[1] : &node->sa[0];
}

static size_t pack(const struct esp_node *node, uint8_t *bytes)
{
    struct cursor c = { bytes, PACK_BODY };
    size_t width = node->src.family == 6 ? 16 : 4;
    uint16_t flags = (uint16_t)((node->dir == ESP_DIR_IN ? PACK_IN : 0u) |
                                (node->mode == ESP_MODE_TUNNEL ? PACK_TUNNEL : 0u) |
                                (node->src.family == 6 ? PACK_IPV6 : 0u) |
                                (node->sa_count == 2 ? PACK_TWO : 0u) |
                                (node->udp != ESP_UDP_NONE ? PACK_UDP : 0u) |
                                (node->sel.present ? PACK_SELECTOR : 0u));
    uint16_t length;

    memset(bytes, 0, PACK_BODY);
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
        pack_sa(&c, &node->sa[i]);
    }
    length = (uint16_t)c.at;
    memcpy(bytes + PACK_LENGTH, &length, 2);
    memcpy(bytes + PACK_FLAGS, &flags, 2);
    memcpy(bytes + PACK_SPI, &outermost(node)->spi, 4);
    bytes[PACK_OP] = (uint8_t)outermost(node)->op;
    return c.at;
}

static void unpack(const uint8_t *bytes, struct esp_node *node)
{
    struct cursor c = { (uint8_t *)bytes, PACK_BODY };
    uint16_t flags;
    size_t width;

    memset(node, 0, sizeof *node);
    memcpy(&flags, bytes + PACK_FLAGS, 2);
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
        unpack_sa(&c, &node->sa[i]);
    }
}

/* ---- indices ------------------------------------------------------------------------------------ */

static size_t handle_bucket(const struct host_buckets *b, uint64_t handle)
{
    return (size_t)rng_mix(handle) & (b->count - 1);
}

static void add_named(struct host *host, uint32_t id);
static void add_carded(struct host *host, uint32_t id);

/* Twice the buckets when there are two elements in each; then every element is put in again. */
static bool rebuild(struct host *host, struct host_buckets *b, uint32_t elements)
{
    size_t count = b->count == 0 ? 64 : b->count * 2;

    if (b->count != 0 && elements <= b->count * 2) {
        return false;
    }
    host_buckets_resize(b, count);
    if (b == &host->by_spi) {
        return true;
    }
    for (uint32_t id = 1; id < host->sas.used; id++) {
        const struct host_sa *sa = host_sa(host, id);

        if (b == &host->by_handle && (sa->flags & SA_HOST_NAMED) != 0) {
            add_named(host, id);
        } else if (b == &host->by_card && (sa->flags & SA_HOST_CARDED) != 0) {
            add_carded(host, id);
        }
    }
    return true;
}

static void add_named(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t *head = &host->by_handle.head[handle_bucket(&host->by_handle, sa->handle)];

    sa->next = *head;
    *head = id;
}

static void add_carded(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t *head = &host->by_card.head[handle_bucket(&host->by_card, sa->card)];

    sa->next_card = *head;
    *head = id;
}

uint32_t host_sa_find(const struct host *host, uint64_t handle)
{
    uint32_t id = host->by_handle.count == 0
                      ? 0
                      : host->by_handle.head[handle_bucket(&host->by_handle, handle)];

    while (id != 0 && host_sa(host, id)->handle != handle) {
        id = host_sa(host, id)->next;
    }
    return id;
}

uint32_t host_sa_of_card(const struct host *host, uint64_t handle)
{
    uint32_t id =
        host->by_card.count == 0 ? 0 : host->by_card.head[handle_bucket(&host->by_card, handle)];

    while (id != 0 && host_sa(host, id)->card != handle) {
        id = host_sa(host, id)->next_card;
    }
    return id;
}

void host_sa_name(struct host *host, uint32_t id)
{
    host_sa(host, id)->flags |= SA_HOST_NAMED;
    host->named++;
    if (!rebuild(host, &host->by_handle, host->named)) {
        add_named(host, id);
    }
}

void host_sa_unname(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t *link;

    if ((sa->flags & SA_HOST_NAMED) == 0) {
        return;
    }
    link = &host->by_handle.head[handle_bucket(&host->by_handle, sa->handle)];
    while (*link != id) {
        link = &host_sa(host, *link)->next;
    }
    *link = sa->next;
    sa->next = 0;
    sa->flags &= (uint8_t)~SA_HOST_NAMED;
    host->named--;
}

void host_sa_card(struct host *host, uint32_t id, uint64_t handle)
{
    struct host_sa *sa = host_sa(host, id);

    if ((sa->flags & SA_HOST_CARDED) != 0) {
        uint32_t *link = &host->by_card.head[handle_bucket(&host->by_card, sa->card)];

        while (*link != id) {
            link = &host_sa(host, *link)->next_card;
        }
        *link = sa->next_card;
        sa->next_card = 0;
        sa->flags &= (uint8_t)~SA_HOST_CARDED;
        host->carded--;
    }
    sa->card = handle;
    /* Only what is received is looked up by the card's handle. */
    if (handle != 0 && (sa->flags & SA_HOST_IN) != 0) {
        sa->flags |= SA_HOST_CARDED;
        host->carded++;
        if (!rebuild(host, &host->by_card, host->carded)) {
            add_carded(host, id);
        }
    }
}

/* ---- by SPI: blocks of inbound SAs whose content the host has ------------------------------------ */

static uint32_t read32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

static size_t spi_bucket(const struct host_buckets *b, uint32_t spi, unsigned op)
{
    return (size_t)rng_mix((uint64_t)op << 32 | spi) & (b->count - 1);
}

static void add_spied(struct host *host, uint32_t block)
{
    uint8_t *pack_bytes = host_block(&host->packs, block);
    uint32_t *head =
        &host->by_spi
             .head[spi_bucket(&host->by_spi, read32(pack_bytes + PACK_SPI), pack_bytes[PACK_OP])];

    memcpy(pack_bytes + PACK_CHAIN, head, sizeof *head);
    *head = block;
}

static uint32_t block_of(const struct host *host, const struct host_sa *sa)
{
    return (sa->flags & SA_HOST_FRAME) != 0 ? host_frame(host, sa->detail)->pack : sa->detail;
}

static void index_spi(struct host *host, uint32_t id)
{
    uint32_t block = block_of(host, host_sa(host, id));
    uint8_t *pack_bytes = host_block(&host->packs, block);
    uint16_t flags;

    memcpy(&flags, pack_bytes + PACK_FLAGS, 2);
    if ((flags & PACK_INDEXED) != 0) {
        return;
    }
    flags |= PACK_INDEXED;
    memcpy(pack_bytes + PACK_FLAGS, &flags, 2);
    memcpy(pack_bytes + PACK_OWNER, &id, sizeof id);
    host->spied++;
    if (rebuild(host, &host->by_spi, host->spied)) {
        for (uint32_t i = 1; i < host->sas.used; i++) {
            uint32_t other =
                host_sa(host, i)->state != SA_HOST_FREE ? block_of(host, host_sa(host, i)) : 0;

            if (other != 0 && other != block) {
                memcpy(&flags, host_block(&host->packs, other) + PACK_FLAGS, 2);
                if ((flags & PACK_INDEXED) != 0) {
                    add_spied(host, other);
                }
            }
        }
    }
    add_spied(host, block);
}

static void unindex_spi(struct host *host, uint32_t block)
{
    uint8_t *pack_bytes = host_block(&host->packs, block);
    uint16_t flags;
    uint32_t *head;
    uint32_t at;
    uint32_t next = read32(pack_bytes + PACK_CHAIN);

    memcpy(&flags, pack_bytes + PACK_FLAGS, 2);
    if ((flags & PACK_INDEXED) == 0) {
        return;
    }
    flags &= (uint16_t)~PACK_INDEXED;
    memcpy(pack_bytes + PACK_FLAGS, &flags, 2);
    host->spied--;
    head =
        &host->by_spi
             .head[spi_bucket(&host->by_spi, read32(pack_bytes + PACK_SPI), pack_bytes[PACK_OP])];
    if (*head == block) {
        *head = next;
        return;
    }
    at = *head;
    while (read32(host_block(&host->packs, at) + PACK_CHAIN) != block) {
        at = read32(host_block(&host->packs, at) + PACK_CHAIN);
    }
    memcpy(host_block(&host->packs, at) + PACK_CHAIN, &next, sizeof next);
}

static bool wildcard(const struct esp_address *address)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++) {
        if (address->bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

uint32_t host_sa_by_spi(const struct host *host, uint32_t spi, enum esp_op op,
                        const struct esp_address *dst)
{
    uint32_t block =
        host->by_spi.count == 0 ? 0 : host->by_spi.head[spi_bucket(&host->by_spi, spi, op)];
    uint32_t any = 0;

    for (; block != 0; block = read32(host_block(&host->packs, block) + PACK_CHAIN)) {
        const uint8_t *bytes = host_block(&host->packs, block);
        struct esp_node node;

        if (read32(bytes + PACK_SPI) != spi || bytes[PACK_OP] != op) {
            continue;
        }
        unpack(bytes, &node);
        if (node.dst.family != dst->family) {
            continue;
        }
        if (memcmp(node.dst.bytes, dst->bytes, sizeof dst->bytes) == 0) {
            return read32(bytes + PACK_OWNER);
        }
        if (wildcard(&node.dst)) { /* O-13: an exact destination goes first */
            any = read32(bytes + PACK_OWNER);
        }
    }
    return any;
}

/* ---- nodes -------------------------------------------------------------------------------------- */

static uint16_t pack_length(const uint8_t *bytes)
{
    uint16_t length;

    memcpy(&length, bytes + PACK_LENGTH, 2);
    return length;
}

static uint32_t keep_pack(struct host *host, const struct esp_node *node)
{
    uint8_t bytes[HOST_MAX_PACK];
    size_t length = pack(node, bytes);
    uint32_t block = host_store_take(&host->packs, length);

    memcpy(host_block(&host->packs, block), bytes, length);
    explicit_bzero(bytes, length);
    return block;
}

static void drop_pack(struct host *host, uint32_t block)
{
    unindex_spi(host, block);
    host_store_release(&host->packs, block, pack_length(host_block(&host->packs, block)));
}

uint32_t host_sa_new(struct host *host, const struct esp_node *node)
{
    uint32_t id = host_array_take(&host->sas);
    uint32_t block = keep_pack(host, node);
    struct host_sa *sa = host_sa(host, id);

    sa->handle = node->handle;
    sa->detail = block;
    sa->state = SA_HOST_ADDING;
    sa->flags = (uint8_t)((node->dir == ESP_DIR_IN ? SA_HOST_IN : 0u) |
                          (node->mode == ESP_MODE_TUNNEL ? SA_HOST_TUNNEL : 0u));
    if (host_sa_find(host, node->handle) != 0) {
        host->stats->sa.duplicate_handles++;
    }
    host_sa_name(host, id);
    host->stats->sa.live++;
    if (host->stats->sa.live > host->stats->sa.peak_live) {
        host->stats->sa.peak_live = host->stats->sa.live;
    }
    return id;
}

bool host_sa_node(const struct host *host, uint32_t id, struct esp_node *node)
{
    const struct host_sa *sa = host_sa(host, id);
    uint32_t block = block_of(host, sa);

    if (block == 0) {
        return false;
    }
    unpack(host_block(&host->packs, block), node);
    node->handle = sa->handle;
    if (node->dir == ESP_DIR_IN && node->sa_count == 2 && node->sa[0].op == ESP_OP_ESP) {
        struct esp_sa first = node->sa[0]; /* in the order in which a packet has them */

        node->sa[0] = node->sa[1];
        node->sa[1] = first;
    }
    return true;
}

struct host_frame *host_sa_frame(const struct host *host, uint32_t id)
{
    const struct host_sa *sa = host_sa(host, id);

    return (sa->flags & SA_HOST_FRAME) != 0 ? host_frame(host, sa->detail) : NULL;
}

uint64_t *host_frame_bits(struct host *host, struct host_frame *frame)
{
    return frame->window <= 64
               ? &frame->bitmap
               : (uint64_t *)(void *)host_block(&host->windows, (uint32_t)frame->bitmap);
}

static size_t window_bytes(const struct host_frame *frame)
{
    return replay_words(frame->window) * sizeof(uint64_t);
}

static uint32_t new_frame(struct host *host, const struct esp_node *node, unsigned index)
{
    uint32_t id = host_array_take(&host->frames);
    struct host_frame *frame = host_frame(host, id);
    const struct esp_sa *sa = &node->sa[index];

    esp_transform_of_node(node, index, &frame->transform);
    frame->number = sa->seq;
    frame->card_hi = sa->seq_hi;
    frame->generation = ++host->s->generation;
    frame->flags = (uint8_t)((sa->esn ? HOST_FRAME_ESN : 0) |
                             (esp_sa_timing_only(sa) ? HOST_FRAME_NO_KEY : 0));
    if (node->dir == ESP_DIR_IN) {
        uint64_t bitmap = 0;

        frame->window =
            sa->replay_window <= REPLAY_MAX_WINDOW ? sa->replay_window : REPLAY_MAX_WINDOW;
        if (frame->window > 64) {
            bitmap = host_store_take(&host->windows, window_bytes(frame));
        }
        frame->bitmap = bitmap;
        replay_init(&frame->number, host_frame_bits(host, frame), frame->window, sa->seq);
    }
    return id;
}

void host_sa_make_frame(struct host *host, uint32_t id)
{
    struct esp_node node;
    uint32_t first;
    uint32_t second = 0;
    struct host_sa *sa;

    if (host_sa_frame(host, id) != NULL || !host_sa_node(host, id, &node)) {
        return;
    }
    first = new_frame(host, &node, 0);
    if (node.sa_count == 2) {
        second = new_frame(host, &node, 1);
    }
    sa = host_sa(host, id);
    host_frame(host, first)->second = second;
    host_frame(host, first)->pack = sa->detail;
    host_frame(host, first)->owner = id;
    if (second != 0) {
        host_frame(host, second)->owner = id;
    }
    sa->detail = first;
    sa->flags |= SA_HOST_FRAME;
}

static void free_frame(struct host *host, uint32_t id)
{
    struct host_frame *frame = host_frame(host, id);

    if (host->crypt != NULL) {
        esp_crypt_forget(host->crypt, (struct esp_key_ref){ id, frame->generation });
    }
    if (frame->window > 64) {
        host_store_release(&host->windows, (uint32_t)frame->bitmap, window_bytes(frame));
    }
    host_array_release(&host->frames, id);
}

static bool keep_content(const struct host *host, const struct host_sa *sa)
{
    switch ((enum host_keep)host->config.software.keep) {
    case HOST_KEEP_AUTO: return host->options.functional && (sa->flags & SA_HOST_IN) != 0;
    case HOST_KEEP_INBOUND: return (sa->flags & SA_HOST_IN) != 0;
    case HOST_KEEP_BOTH: return true;
    default: return false;
    }
}

/* An inbound selector is checked by the host where the host strips. */
void host_sa_settle(struct host *host, uint32_t id, bool on_card)
{
    struct host_sa *sa = host_sa(host, id);
    bool strips = on_card && !host->s->packet_offload;
    bool keep = !on_card || keep_content(host, sa);

    if (!on_card || strips) {
        host_sa_make_frame(host, id);
        sa = host_sa(host, id);
    }
    if (!keep && !(strips && (sa->flags & SA_HOST_IN) != 0)) {
        uint32_t block = block_of(host, sa);

        if ((sa->flags & SA_HOST_FRAME) != 0) {
            host_frame(host, sa->detail)->pack = 0;
        } else {
            sa->detail = 0;
        }
        drop_pack(host, block);
    } else if ((sa->flags & SA_HOST_IN) != 0) {
        index_spi(host, id);
    }
}

void host_sa_free(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t block = block_of(host, sa);

    host_sa_unname(host, id);
    host_sa_card(host, id, 0);
    if (block != 0) {
        drop_pack(host, block);
    }
    if ((sa->flags & SA_HOST_FRAME) != 0) {
        uint32_t second = host_frame(host, sa->detail)->second;

        if (second != 0) {
            free_frame(host, second);
        }
        free_frame(host, sa->detail);
    }
    host_array_release(&host->sas, id);
    host->stats->sa.live--;
}

uint64_t host_sa_bytes(const struct host *host)
{
    return (uint64_t)host->sas.used * host->sas.element +
           (uint64_t)host->frames.used * host->frames.element +
           (uint64_t)host->packs.used * host->packs.unit +
           (uint64_t)host->windows.used * host->windows.unit +
           (uint64_t)host->classifier.rules4.used * host->classifier.rules4.element +
           (uint64_t)host->classifier.rules6.used * host->classifier.rules6.element +
           (host->by_handle.count + host->by_card.count + host->by_spi.count +
            host->classifier.buckets.count) *
               sizeof(uint32_t);
}

uint64_t host_sa_adding(const struct host *host)
{
    uint64_t n = 0;

    for (uint32_t id = 1; id < host->sas.used; id++) {
        n += host_sa(host, id)->state == SA_HOST_ADDING ? 1 : 0;
    }
    return n;
}
