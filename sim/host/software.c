/* IPsec in software: SAs that the card refused or gave back, and packets that it left alone. */
#include <string.h>

#include "host/internal.h"

uint64_t host_software_cost(const struct host *host, uint32_t bytes)
{
    return host->config.software.packet + bytes * host->config.software.byte;
}

/* NULL: the library cannot be used; what needs it is then treated as if there were no keys. */
struct esp_crypt *host_crypt(struct host *host)
{
    if (host->crypt == NULL && host->crypt_error[0] == '\0') {
        host->crypt = esp_crypt_open(host->options.backend, ESP_CRYPT_DEFAULT_CONTEXTS,
                                     host->crypt_error, sizeof host->crypt_error);
    }
    return host->crypt;
}

/* Frames of a node in order; returns how many. */
static unsigned frames_of(const struct host *host, uint32_t sa, uint32_t ids[ESP_MAX_SAS])
{
    unsigned count = 0;

    for (uint32_t id = host_sa(host, sa)->detail; id != 0 && count < ESP_MAX_SAS;
         id = host_frame(host, id)->second) {
        ids[count++] = id;
    }
    return count;
}

static bool lacks_key(const struct host *host, const uint32_t *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if ((host_frame(host, ids[i])->flags & HOST_FRAME_NO_KEY) != 0) {
            return true;
        }
    }
    return false;
}

static void random_iv(struct host *host, struct esp_encap *encap)
{
    for (unsigned i = 0; i < sizeof encap->iv; i += 8) {
        uint64_t word = rng_next(&host->s->iv);

        memcpy(encap->iv + i, &word, sizeof word);
    }
}

static enum host_tx_drop seal_bytes(struct host *host, const struct esp_node *node, uint32_t slot,
                                    const uint32_t *ids)
{
    struct host_slot *s = &host->slot[slot];
    struct esp_packet packet = { .buffer = host_slot_bytes(host, slot),
                                 .capacity = host->tx_stride,
                                 .start = s->start,
                                 .length = s->length,
                                 .l3 = s->l3 };
    struct esp_encap encap[ESP_MAX_SAS];
    struct esp_key_ref key[ESP_MAX_SAS];
    enum esp_status status;

    memset(encap, 0, sizeof encap);
    memset(key, 0, sizeof key);
    for (unsigned i = 0; i < node->sa_count; i++) {
        encap[i].seq = host_frame(host, ids[i])->number;
        encap[i].ip_id = host->s->ip_id;
        random_iv(host, &encap[i]);
        key[i] = (struct esp_key_ref){ ids[i], host_frame(host, ids[i])->generation };
    }
    host->s->ip_id++;
    status = esp_seal_packet(host->crypt, node, key, &packet, encap);
    if (status == ESP_OK) {
        s->start = packet.start;
        s->length = packet.length;
        s->captured = packet.length;
        s->l3 = packet.l3;
    }
    return host_tx_drop_of(status);
}

enum host_tx_drop host_seal(struct host *host, uint32_t sa, uint32_t slot)
{
    struct host_slot *s = &host->slot[slot];
    struct host_slot clear; /* as it was */
    struct esp_node node;
    uint32_t ids[ESP_MAX_SAS] = { 0 };
    unsigned count;
    bool contents = host->tx_stride != 0 && s->captured == s->length;
    enum host_tx_drop drop = HOST_TX_DROP_NONE;

    if (!host_sa_node(host, sa, &node)) {
        return HOST_TX_DROP_NO_KEYS;
    }
    host_sa_make_frame(host, sa);
    count = frames_of(host, sa, ids);
    if (!host_numbers_left(host, sa)) {
        return HOST_TX_DROP_SEQ_EXHAUSTED;
    }
    if (host_life_over(host, sa, host_now(host))) {
        return HOST_TX_DROP_EXPIRED;
    }
    clear = *s;
    host->stats->software_packets++;
    host->stats->software_bytes += s->length;
    if (contents && count == node.sa_count && !lacks_key(host, ids, count) &&
        host_crypt(host) != NULL) {
        drop = seal_bytes(host, &node, slot, ids);
    } else {
        for (unsigned i = 0; i < count && drop == HOST_TX_DROP_NONE; i++) {
            drop = host_frame_lengths(host_frame(host, ids[i]), s);
        }
    }
    for (unsigned i = 0; i < count && drop == HOST_TX_DROP_NONE; i++) {
        struct host_frame *frame = host_frame(host, ids[i]);
        uint64_t sequence;

        sequence_next(&frame->number, (frame->flags & HOST_FRAME_ESN) != 0, &sequence);
    }
    explicit_bzero(&node, sizeof node);
    if (drop == HOST_TX_DROP_NONE) {
        clear.sa = sa;
        host_life_sent(host, &clear, host_now(host));
        host_used(host, sa, host_now(host));
    }
    return drop;
}

/* ---- receive -------------------------------------------------------------------------------------- */

enum host_rx_drop host_drop_of_status(enum esp_status status)
{
    switch (status) {
    case ESP_OK: return HOST_RX_DROP_NONE;
    case ESP_BAD_ICV: return HOST_RX_DROP_BAD_ICV;
    case ESP_BAD_PADDING: return HOST_RX_DROP_BAD_PADDING;
    case ESP_DUMMY: return HOST_RX_DROP_DUMMY;
    case ESP_WRONG_PROTOCOL: return HOST_RX_DROP_PROTOCOL;
    case ESP_BAD_INNER: return HOST_RX_DROP_BAD_INNER;
    case ESP_ECN_DROP: return HOST_RX_DROP_ECN;
    default: return HOST_RX_DROP_SYNTAX;
    }
}

enum host_rx_drop host_drop_of_replay(enum replay_verdict verdict)
{
    switch (verdict) {
    case REPLAY_OK: return HOST_RX_DROP_NONE;
    case REPLAY_DUPLICATE: return HOST_RX_DROP_REPLAY;
    case REPLAY_TOO_OLD: return HOST_RX_DROP_TOO_OLD;
    default: return HOST_RX_DROP_SEQ_ZERO;
    }
}

/* The number that a packet carries for this entry of the bundle. */
static uint32_t carried(const struct host_frame *frame, const struct esp_view *view)
{
    return view->kind == ESP_PACKET_AH && frame->transform.op == ESP_OP_ESP ? view->esp_seq
                                                                            : view->seq;
}

static enum host_rx_drop check_numbers(struct host *host, const uint32_t *ids, unsigned count,
                                       const struct esp_view *view, uint64_t *number)
{
    for (unsigned i = 0; i < count; i++) {
        struct host_frame *frame = host_frame(host, ids[i]);
        enum host_rx_drop drop;

        number[i] = replay_infer(frame->number, carried(frame, view), frame->window,
                                 (frame->flags & HOST_FRAME_ESN) != 0);
        drop = host_drop_of_replay(
            replay_check(frame->number, host_frame_bits(host, frame), frame->window, number[i]));
        if (drop != HOST_RX_DROP_NONE) {
            return drop;
        }
    }
    return HOST_RX_DROP_NONE;
}

static enum host_rx_drop open_bytes(struct host *host, const struct esp_node *node,
                                    const uint32_t *ids, const uint64_t *number,
                                    struct esp_packet *packet)
{
    uint32_t seq_hi[ESP_MAX_SAS] = { (uint32_t)(number[0] >> 32), (uint32_t)(number[1] >> 32) };
    struct esp_key_ref key[ESP_MAX_SAS];
    struct esp_opened opened;

    memset(key, 0, sizeof key);
    for (unsigned i = 0; i < node->sa_count; i++) {
        key[i] = (struct esp_key_ref){ ids[i], host_frame(host, ids[i])->generation };
    }
    return host_drop_of_status(esp_open_packet(host->crypt, node, key, packet, seq_hi,
                                               host->s->ports_set ? &host->s->ports : NULL, &opened,
                                               NULL));
}

/* Without contents: the length that would come out. */
static enum host_rx_drop open_length(const struct host_frame *frame, const struct esp_view *view,
                                     struct esp_packet *packet)
{
    uint32_t inner = esp_inner_length(&frame->transform, view, 0);

    if (inner == 0) {
        return HOST_RX_DROP_SYNTAX;
    }
    packet->length = packet->l3 + inner;
    return HOST_RX_DROP_NONE;
}

enum host_rx_drop host_open(struct host *host, uint32_t sa, struct esp_packet *packet,
                            const struct esp_view *view, bool *contents)
{
    struct esp_node node;
    uint32_t ids[ESP_MAX_SAS] = { 0 };
    uint64_t number[ESP_MAX_SAS] = { 0 };
    enum host_rx_drop drop;
    unsigned count;

    if (!host_sa_node(host, sa, &node)) {
        return HOST_RX_DROP_UNKNOWN;
    }
    host_sa_make_frame(host, sa);
    count = frames_of(host, sa, ids);
    if (host_life_over(host, sa, host_now(host))) {
        return HOST_RX_DROP_EXPIRED;
    }
    host->stats->software_packets++;
    host->stats->software_bytes += packet->length;
    drop = check_numbers(host, ids, count, view, number);
    if (drop == HOST_RX_DROP_NONE) {
        if (*contents && !lacks_key(host, ids, count) && host_crypt(host) != NULL) {
            drop = open_bytes(host, &node, ids, number, packet);
        } else {
            *contents = false;
            drop = open_length(host_frame(host, ids[0]), view, packet);
        }
    }
    for (unsigned i = 0; i < count && drop == HOST_RX_DROP_NONE; i++) {
        struct host_frame *frame = host_frame(host, ids[i]);

        drop = host_drop_of_replay(replay_commit(&frame->number, host_frame_bits(host, frame),
                                                 frame->window,
                                                 (frame->flags & HOST_FRAME_ESN) != 0, number[i]));
    }
    explicit_bzero(&node, sizeof node);
    if (drop == HOST_RX_DROP_NONE) {
        host_life_received(host, sa, packet, *contents, host_now(host));
        host_used(host, sa, host_now(host));
    }
    return drop;
}
