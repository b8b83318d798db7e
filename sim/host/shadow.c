/* Shadow of every node: 36 bytes, and what else the host needs of it, packed (pack.c).
 *
 * A node is packed into a block of bytes while its ADD is under way. Afterwards the block stays only
 * where the host may have to do the work itself (host.software.keep, or the card refused it), and
 * frames (numbering and framing state) are made only where the host frames: crypto offload and
 * software. With packet offload an outbound SA on the card is thus 36 bytes and its selector. */
#include <string.h>

#include "host/internal.h"

/* ---- indices ------------------------------------------------------------------------------------ */

static uint32_t block_of(const struct host *host, const struct host_sa *sa)
{
    return (sa->flags & SA_HOST_FRAME) != 0 ? host_frame(host, sa->detail)->pack : sa->detail;
}

static uint8_t *pack_of(const struct host *host, uint32_t id)
{
    return host_block(&host->packs, block_of(host, host_sa(host, id)));
}

static uint64_t hash_handle(const void *host, uint32_t id)
{
    return rng_mix(host_sa(host, id)->handle);
}

static uint32_t *link_handle(const void *host, uint32_t id)
{
    return &host_sa(host, id)->next;
}

static uint64_t hash_card(const void *host, uint32_t id)
{
    return rng_mix(host_sa(host, id)->card);
}

static uint32_t *link_card(const void *host, uint32_t id)
{
    return &host_sa(host, id)->link.next_card;
}

static uint64_t spi_hash(uint32_t spi, enum esp_op op)
{
    return rng_mix((uint64_t)op << 32 | spi);
}

static uint64_t hash_spi(const void *host, uint32_t id)
{
    const uint8_t *bytes = pack_of(host, id);

    return spi_hash(host_pack_spi(bytes), host_pack_op(bytes));
}

static uint32_t *link_spi(const void *host, uint32_t id)
{
    return host_pack_chain(pack_of(host, id));
}

static const struct sa_index_owner of_handle = { .hash = hash_handle, .link = link_handle };
static const struct sa_index_owner of_card = { .hash = hash_card, .link = link_card };
static const struct sa_index_owner of_spi = { .hash = hash_spi, .link = link_spi };

uint32_t host_sa_find(const struct host *host, uint64_t handle)
{
    uint32_t id = sa_index_head(&host->by_handle.chains, rng_mix(handle));

    while (id != 0 && host_sa(host, id)->handle != handle) {
        id = host_sa(host, id)->next;
    }
    return id;
}

uint32_t host_sa_of_card(const struct host *host, uint64_t handle)
{
    uint32_t id = sa_index_head(&host->by_card.chains, rng_mix(handle));

    while (id != 0 && host_sa(host, id)->card != handle) {
        id = host_sa(host, id)->link.next_card;
    }
    return id;
}

void host_sa_name(struct host *host, uint32_t id)
{
    host_sa(host, id)->flags |= SA_HOST_NAMED;
    host_index_insert(&host->by_handle, &of_handle, host, id);
}

void host_sa_unname(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);

    if ((sa->flags & SA_HOST_NAMED) == 0) {
        return;
    }
    sa_index_remove(&host->by_handle.chains, &of_handle, host, id);
    sa->flags &= (uint8_t)~SA_HOST_NAMED;
}

/* Only what is received is looked up by the card's handle. */
void host_sa_card(struct host *host, uint32_t id, uint64_t handle)
{
    struct host_sa *sa = host_sa(host, id);
    bool inbound = (sa->flags & SA_HOST_IN) != 0;

    if (sa->card != 0 && inbound) {
        sa_index_remove(&host->by_card.chains, &of_card, host, id);
    }
    if (sa->card != handle) {
        host_limits_forget(host, sa->card);
    }
    sa->card = handle;
    if (handle != 0 && inbound) {
        host_index_insert(&host->by_card, &of_card, host, id);
    }
}

/* ---- by SPI: inbound SAs whose content the host has --------------------------------------------- */

static void index_spi(struct host *host, uint32_t id)
{
    if (host_pack_indexed(pack_of(host, id))) {
        return;
    }
    host_pack_set_indexed(pack_of(host, id), true);
    host_index_insert(&host->by_spi, &of_spi, host, id);
}

static void unindex_spi(struct host *host, uint32_t id)
{
    if (!host_pack_indexed(pack_of(host, id))) {
        return;
    }
    host_pack_set_indexed(pack_of(host, id), false);
    sa_index_remove(&host->by_spi.chains, &of_spi, host, id);
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
    uint32_t id = sa_index_head(&host->by_spi.chains, spi_hash(spi, op));
    uint32_t any = 0;

    for (; id != 0; id = *host_pack_chain(pack_of(host, id))) {
        const uint8_t *bytes = pack_of(host, id);
        struct esp_node node;

        if (host_pack_spi(bytes) != spi || host_pack_op(bytes) != op) {
            continue;
        }
        host_unpack(bytes, &node);
        if (node.dst.family != dst->family) {
            continue;
        }
        if (memcmp(node.dst.bytes, dst->bytes, sizeof dst->bytes) == 0) {
            return id;
        }
        if (wildcard(&node.dst)) { /* O-13: an exact destination goes first */
            any = id;
        }
    }
    return any;
}

/* ---- nodes -------------------------------------------------------------------------------------- */

static uint32_t keep_pack(struct host *host, const struct esp_node *node)
{
    uint8_t bytes[HOST_MAX_PACK];
    size_t length = host_pack(node, bytes);
    uint32_t block = host_store_take(&host->packs, length);

    memcpy(host_block(&host->packs, block), bytes, length);
    explicit_bzero(bytes, length);
    return block;
}

/* The host forgets what the node holds. */
static void drop_pack(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t block = block_of(host, sa);

    unindex_spi(host, id);
    if ((sa->flags & SA_HOST_FRAME) != 0) {
        host_frame(host, sa->detail)->pack = 0;
    } else {
        sa->detail = 0;
    }
    host_store_release(&host->packs, block, host_pack_length(host_block(&host->packs, block)));
}

void host_sa_forget(struct host *host, uint32_t id)
{
    if (block_of(host, host_sa(host, id)) != 0) {
        drop_pack(host, id);
    }
}

uint32_t host_sa_new(struct host *host, const struct esp_node *node)
{
    uint32_t id = host_array_take(&host->sas);
    uint32_t block = keep_pack(host, node);
    struct host_sa *sa = host_sa(host, id);

    sa->handle = node->handle;
    sa->detail = block;
    sa->sizes = node->dir == ESP_DIR_OUT ? host_sizes_of(node) : 0;
    sa->state = SA_HOST_ADDING;
    sa->flags = (uint8_t)((node->dir == ESP_DIR_IN ? SA_HOST_IN : 0u) |
                          (node->mode == ESP_MODE_TUNNEL ? SA_HOST_TUNNEL : 0u));
    if (host_sa_find(host, node->handle) != 0) {
        host->stats->sa.duplicate_handles++;
    }
    host_sa_name(host, id);
    host_life_new(host, id, node);
    host->stats->sa.live++;
    if (host->stats->sa.live > host->stats->sa.peak_live) {
        host->stats->sa.peak_live = host->stats->sa.live;
    }
    return id;
}

static uint64_t partner(uint64_t handle, uint32_t difference)
{
    return handle + difference - ((uint64_t)(difference >> 31) << 32);
}

/* Handles of a pair are mostly neighbours: the difference is kept, or, where it does not fit, a block. */
void host_sa_set_pair(struct host *host, uint32_t id, uint64_t pair)
{
    struct host_sa *sa = host_sa(host, id);
    uint32_t difference = (uint32_t)(pair - sa->handle);

    if (pair != 0 && (difference == 0 || partner(sa->handle, difference) != pair)) {
        uint32_t block = host_store_take(&host->windows, sizeof pair);

        memcpy(host_block(&host->windows, block), &pair, sizeof pair);
        sa->u.pair = block;
        sa->flags |= SA_HOST_FAR;
        return;
    }
    sa->u.pair = pair == 0 ? 0 : difference;
}

uint64_t host_sa_pair(const struct host *host, uint32_t id)
{
    const struct host_sa *sa = host_sa(host, id);
    uint64_t pair;

    if ((sa->flags & SA_HOST_FAR) == 0) {
        return sa->u.pair == 0 ? 0 : partner(sa->handle, sa->u.pair);
    }
    memcpy(&pair, host_block(&host->windows, sa->u.pair), sizeof pair);
    return pair;
}

bool host_sa_recorded(const struct host *host, uint32_t id, struct esp_node *node)
{
    const struct host_sa *sa = host_sa(host, id);
    uint32_t block = block_of(host, sa);

    if (block == 0) {
        return false;
    }
    host_unpack(host_block(&host->packs, block), node);
    node->handle = sa->handle;
    return true;
}

bool host_sa_node(const struct host *host, uint32_t id, struct esp_node *node)
{
    if (!host_sa_recorded(host, id, node)) {
        return false;
    }
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
    if ((frame->flags & HOST_FRAME_CONTEXT) != 0) {
        host_store_release(&host->packs, (uint32_t)frame->bitmap, host->s->tx_context);
    }
    host_array_release(&host->frames, id);
}

static bool keep_content(const struct host *host, const struct host_sa *sa)
{
    if (host->s->tx_context != 0 && (sa->flags & SA_HOST_IN) == 0) {
        return true; /* it goes with every packet */
    }
    switch ((enum host_keep)host->config.software.keep) {
    case HOST_KEEP_AUTO:
        return host_may_move(host) || (host->options.functional && (sa->flags & SA_HOST_IN) != 0);
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
        drop_pack(host, id);
    } else if ((sa->flags & SA_HOST_IN) != 0) {
        index_spi(host, id);
    }
}

void host_sa_free(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);

    host_sa_unname(host, id);
    host_sa_card(host, id, 0);
    host_life_end(host, id);
    if ((sa->flags & SA_HOST_FAR) != 0) {
        host_store_release(&host->windows, sa->u.pair, sizeof(uint64_t));
    }
    host_sa_forget(host, id);
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

static uint64_t index_bytes(const struct host_index *index)
{
    return (uint64_t)index->chains.state.buckets * sizeof(uint32_t);
}

uint64_t host_sa_bytes(const struct host *host)
{
    uint64_t bytes =
        (uint64_t)host->sas.used * host->sas.element +
        (uint64_t)host->frames.used * host->frames.element +
        (uint64_t)host->packs.used * host->packs.unit +
        (uint64_t)host->windows.used * host->windows.unit + index_bytes(&host->by_handle) +
        index_bytes(&host->by_card) + (uint64_t)host->families.used * host->families.element +
        (uint64_t)host->family_of.used * host->family_of.element +
        (uint64_t)host->lives.used * host->lives.element +
        (uint64_t)host->life_of.used * host->life_of.element + index_bytes(&host->by_family) +
        index_bytes(&host->by_spi) + index_bytes(&host->classifier.index);

    for (unsigned i = 0; i < HOST_RULE_KINDS; i++) {
        bytes += (uint64_t)host->classifier.rules[i].used * host->classifier.rules[i].element;
    }
    return bytes;
}

uint64_t host_sa_adding(const struct host *host)
{
    uint64_t n = 0;

    for (uint32_t id = 1; id < host->sas.used; id++) {
        n += host_sa(host, id)->state == SA_HOST_ADDING ? 1 : 0;
    }
    return n;
}
