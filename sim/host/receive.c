/* The transport, receive side: what the card did is believed, what it left alone is done here or handed up
 * as it is.
 *
 * Crypto offload: the card has decrypted in place and checked the ICV; numbers, trailer and headers are the
 * host's. Packet offload: packets come up clear. */
#include <string.h>

#include "host/internal.h"

enum { MAX_PASSES = 4 /* IPsec headers of one packet: two nodes of two SAs */ };

/* A received packet on its way through the transport. */
struct work {
    struct esp_packet packet;
    bool contents; /* all bytes are there */
    uint32_t captured;
    uint64_t cost;
};

static const struct esp_ports *ports_of(const struct host *host)
{
    return host->s->ports_set ? &host->s->ports : NULL;
}

static bool is_ipsec(const struct esp_view *view)
{
    return view->kind == ESP_PACKET_ESP || view->kind == ESP_PACKET_AH ||
           view->kind == ESP_PACKET_UDP_ESP;
}

static void parse(const struct host *host, const struct work *w, struct esp_view *view)
{
    uint32_t captured = w->contents ? w->packet.length : w->captured;

    esp_parse(w->packet.buffer + w->packet.start, captured, w->packet.length, ports_of(host), view);
}

bool host_check_selector(struct host *host, uint32_t sa, const struct esp_packet *packet)
{
    struct esp_node node;
    struct host_flow flow;
    struct esp_view view;

    if (!host_sa_node(host, sa, &node) || !node.sel.present) {
        return true;
    }
    host_flow_of(esp_packet_bytes(packet), packet->length, packet->length, &flow, &view);
    explicit_bzero(&node.sa, sizeof node.sa);
    return host_selector_matches(&node.sel, &flow);
}

/* ---- in software ----------------------------------------------------------------------------------- */

static enum host_rx_drop unprocessed(struct host *host, struct host_pending_rx *rx)
{
    rx->verdict = HOST_UNPROCESSED;
    return host->config.rx.unknown == HOST_UNKNOWN_DROP ? HOST_RX_DROP_UNKNOWN : HOST_RX_DROP_NONE;
}

/* One IPsec header after the other, as long as there are SAs for them. `processed`: the card has taken off
 * one already, so that what has no SA here is payload: a gateway forwards ESP between others. */
static enum host_rx_drop in_software(struct host *host, struct work *w, struct host_pending_rx *rx,
                                     bool processed)
{
    struct esp_view view;

    for (unsigned pass = 0; pass < MAX_PASSES; pass++) {
        struct esp_address src;
        struct esp_address dst;
        enum host_rx_drop drop;
        uint32_t sa;

        parse(host, w, &view);
        if (!is_ipsec(&view)) {
            if (pass == 0 && !processed) {
                rx->verdict = view.kind == ESP_PACKET_MALFORMED || view.kind == ESP_PACKET_FRAGMENT
                                  ? HOST_UNPROCESSED
                                  : HOST_CLEAR;
            }
            return HOST_RX_DROP_NONE;
        }
        w->packet.l3 = view.l3;
        esp_view_addresses(esp_packet_bytes(&w->packet), &view, &src, &dst);
        sa = host_sa_by_spi(host, view.spi, view.kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP,
                            &dst);
        if (sa == 0) {
            return pass == 0 && !processed ? unprocessed(host, rx) : HOST_RX_DROP_NONE;
        }
        w->cost += host_software_cost(host, w->packet.length);
        drop = host_open(host, sa, &w->packet, &view, &w->contents);
        if (drop != HOST_RX_DROP_NONE) {
            return drop;
        }
        rx->verdict = HOST_SOFTWARE;
        rx->handle = host_sa(host, sa)->handle;
        if (!w->contents) {
            w->captured = 0;
            return HOST_RX_DROP_NONE;
        }
        if (!host_check_selector(host, sa, &w->packet)) {
            return HOST_RX_DROP_SELECTOR;
        }
    }
    return HOST_RX_DROP_NONE;
}

static enum host_rx_drop fragment(struct host *host, struct work *w, struct host_pending_rx *rx,
                                  uint64_t now)
{
    struct esp_view view;
    uint32_t entry = 0;
    uint32_t length = 0;
    uint64_t dropped;
    bool kept;
    bool complete;

    parse(host, w, &view);
    if (!w->contents || view.kind != ESP_PACKET_FRAGMENT) {
        return unprocessed(host, rx);
    }
    complete = host_reasm_add(host, now, esp_packet_bytes(&w->packet), w->packet.length, &view,
                              &entry, &length, &dropped, &kept);
    /* Fragments given up now were counted as put in before; this one is counted by its own verdict. */
    host->stats->rx.drop[HOST_RX_DROP_FRAGMENT] += dropped - (kept ? 0 : 1);
    if (!kept) {
        return HOST_RX_DROP_FRAGMENT;
    }
    host->stats->rx.fragments++;
    if (!complete) {
        rx->kept = 1;
        return HOST_RX_DROP_NONE;
    }
    host->stats->rx.merged += host->reasm[entry].fragments;
    host->stats->rx.reassembled++;
    rx->reasm = entry;
    w->packet.buffer = host_reasm_bytes(host, entry);
    w->packet.capacity = REASM_BYTES;
    w->packet.start = host_reasm_start(host, entry);
    w->packet.length = length;
    return in_software(host, w, rx, false);
}

static enum host_rx_drop bypassed(struct host *host, const struct abi_rx_completion *c,
                                  struct work *w, struct host_pending_rx *rx, uint64_t now)
{
    switch (c->reason) {
    case NIC_BYPASS_NOT_IPSEC: rx->verdict = HOST_CLEAR; return HOST_RX_DROP_NONE;
    case NIC_BYPASS_FRAGMENT: return fragment(host, w, rx, now);
    case NIC_BYPASS_MALFORMED: rx->verdict = HOST_UNPROCESSED; return HOST_RX_DROP_NONE;
    default:
        if (!w->contents && w->captured == 0) {
            return unprocessed(host, rx);
        }
        return in_software(host, w, rx, false);
    }
}

/* ---- crypto offload: what is left to do -------------------------------------------------------------- */

static enum host_rx_drop drop_of_crypto(unsigned status)
{
    switch (status) {
    case ABI_CRYPTO_SUCCESS: return HOST_RX_DROP_NONE;
    case ABI_CRYPTO_INVALID_PACKET_SYNTAX: return HOST_RX_DROP_SYNTAX;
    case ABI_CRYPTO_INVALID_PROTOCOL: return HOST_RX_DROP_PROTOCOL;
    default: return HOST_RX_DROP_BAD_ICV;
    }
}

/* The upper half is about to change: the card must know in time (O-18). */
static void watch_half(struct host *host, uint32_t sa, struct host_frame *frame, uint64_t seen,
                       uint64_t now)
{
    uint32_t hi = (uint32_t)(seen >> 32);
    uint32_t lo = (uint32_t)seen;
    uint32_t wanted = lo >= UINT32_MAX - host->config.rx.esn_margin ? hi + 1 : hi;

    if ((frame->flags & HOST_FRAME_ESN) == 0 || host->s->esn_inferred || host->s->esn_scope ||
        host->config.rx.esn_update != HOST_ESN_AUTOMATIC || wanted <= frame->card_hi) {
        return;
    }
    frame->card_hi = wanted;
    host->stats->sa.esn_updates++;
    host_own_update(host, sa, (enum esp_op)frame->transform.op, frame->transform.spi, wanted, false,
                    now);
}

/* With an overlap bit it may know late: when no valid number is below the next 2^31 (sa_table/scope.h). */
static void watch_scope(struct host *host, uint32_t frame_id, uint64_t now)
{
    struct host_frame *frame = host_frame(host, frame_id);
    uint64_t behind = frame->window != 0 ? frame->window - 1u : 0;
    uint64_t place = frame->number > behind ? frame->number - behind : 0;

    if (host->s->esn_scope && (frame->flags & HOST_FRAME_ESN) != 0 &&
        (frame->flags & HOST_FRAME_MODIFYING) == 0 && !host_scope_there(frame, place)) {
        host_scope_move(host, frame_id, place, now);
    }
}

/* A bad ICV where the window says that the sender has moved on to the next half. */
static void suspect_half(struct host *host, uint32_t sa, const struct work *w, uint64_t now)
{
    struct host_frame *frame = host_sa_frame(host, sa);
    struct esp_view view;

    if (frame == NULL || w->captured == 0) {
        return;
    }
    parse(host, w, &view);
    if (is_ipsec(&view) && view.spi == frame->transform.spi) {
        uint64_t number =
            replay_infer(frame->number, view.seq, frame->window, (frame->flags & 1) != 0);

        if (number >> 32 == (uint64_t)frame->card_hi + 1) {
            watch_half(host, sa, frame, number, now);
        }
    }
}

static uint64_t number_of(const struct host *host, const struct host_frame *frame,
                          const struct abi_rx_completion *c, const struct esp_view *view)
{
    uint32_t lo = view != NULL ? view->seq : (uint32_t)c->sequence;

    if ((frame->flags & HOST_FRAME_ESN) == 0) {
        return lo;
    }
    if (c->sequence != 0 && (uint32_t)c->sequence == lo) {
        return c->sequence;
    }
    if (host->s->esn_scope) {
        return scope_number(host_frame_scope(frame), lo);
    }
    return host->s->esn_inferred ? replay_infer(frame->number, lo, frame->window, true)
                                 : (uint64_t)frame->card_hi << 32 | lo;
}

/* Where the headers would be if the frame had contents: plain Ethernet, no options. */
static void guess_view(const struct host_frame *frame, uint32_t length, struct esp_view *view)
{
    uint32_t header = frame->transform.src.family == 6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER;

    memset(view, 0, sizeof *view);
    view->l3 = 14;
    view->version = frame->transform.src.family;
    view->l3_header = header;
    view->ipsec_end = length;
    view->esp = view->l3 + header + (frame->transform.udp ? ESP_UDP_HEADER : 0u);
    view->ah = view->esp;
}

/* Take one SA off the packet: number, trailer, headers. */
static enum host_rx_drop strip(struct host *host, struct host_frame *frame,
                               const struct abi_rx_completion *c, struct work *w, uint64_t *number)
{
    struct esp_view view;
    struct esp_bounds bounds;
    struct esp_opened opened;
    enum esp_op op;
    bool parsed = w->contents;

    if (parsed) {
        parse(host, w, &view);
        op = view.kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP;
        if (!is_ipsec(&view) || op != frame->transform.op || view.spi != frame->transform.spi ||
            !esp_bounds_of_view(&view, false, &bounds)) {
            return HOST_RX_DROP_PROTOCOL;
        }
    } else {
        guess_view(frame, w->packet.length, &view);
    }
    *number = number_of(host, frame, c, parsed ? &view : NULL);
    w->packet.l3 = view.l3;
    if (!parsed) {
        uint32_t pad = (c->header_word & ABI_HEADER_INFO_SET) != 0 ? c->header_word >> 8 & 0xff : 0;
        uint32_t inner = esp_inner_length(&frame->transform, &view, pad);

        w->packet.length = inner == 0 ? w->packet.length : view.l3 + inner;
        return HOST_RX_DROP_NONE;
    }
    return host_drop_of_status(esp_decapsulate(&frame->transform, &w->packet, &bounds, &opened));
}

static enum host_rx_drop strip_node(struct host *host, uint32_t sa,
                                    const struct abi_rx_completion *c, struct work *w, uint64_t now)
{
    for (uint32_t id = host_sa(host, sa)->detail; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);
        uint64_t number;
        enum host_rx_drop drop = strip(host, frame, c, w, &number);
        enum replay_verdict verdict;

        if (drop == HOST_RX_DROP_PROTOCOL) {
            return drop;
        }
        /* The ICV was good, so the number counts even if what is inside is not. */
        verdict = replay_commit(&frame->number, host_frame_bits(host, frame), frame->window,
                                (frame->flags & HOST_FRAME_ESN) != 0, number);
        if (verdict != REPLAY_OK) {
            return host_drop_of_replay(verdict);
        }
        watch_half(host, sa, frame, number, now);
        watch_scope(host, id, now);
        if (drop != HOST_RX_DROP_NONE) {
            return drop;
        }
    }
    return w->contents && !host_check_selector(host, sa, &w->packet) ? HOST_RX_DROP_SELECTOR
                                                                     : HOST_RX_DROP_NONE;
}

/* By what the packet says of itself. */
static uint32_t sa_of_packet(const struct host *host, const struct work *w)
{
    struct esp_address src;
    struct esp_address dst;
    struct esp_view view;

    if (!w->contents) {
        return 0;
    }
    parse(host, w, &view);
    if (!is_ipsec(&view)) {
        return 0;
    }
    esp_view_addresses(esp_packet_bytes(&w->packet), &view, &src, &dst);
    return host_sa_by_spi(host, view.spi, view.kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP,
                          &dst);
}

/* The card has opened what is inside, too, and its entry is too short to say with which SA. */
static uint32_t inner_sa(const struct host *host, const struct work *w)
{
    return host->config.rx.done_bytes == sizeof(struct abi_rx_short) ? sa_of_packet(host, w) : 0;
}

static enum host_rx_drop crypto_done(struct host *host, const struct abi_rx_completion *c,
                                     struct work *w, struct host_pending_rx *rx, uint64_t now)
{
    unsigned status = c->offload_word >> ABI_RX_CRYPTO_STATUS_LSB;
    uint32_t sa = host_sa_of_card(host, c->handle);
    uint32_t inner = c->inner_handle != 0 ? host_sa_of_card(host, c->inner_handle) : 0;
    enum host_rx_drop drop = drop_of_crypto(status);

    host->stats->rx.crypto_status[status < 8 ? status : 1]++;
    w->cost += host->config.rx.open;
    sa = sa != 0 ? sa
                 : sa_of_packet(host, w); /* it may have left the card, and live on in software */
    if (sa == 0 || host_sa_frame(host, sa) == NULL) {
        return unprocessed(host, rx); /* deleted in the meantime */
    }
    rx->handle = host_sa(host, sa)->handle;
    if (drop != HOST_RX_DROP_NONE) {
        if (drop == HOST_RX_DROP_BAD_ICV) {
            suspect_half(host, sa, w, now);
        }
        return drop;
    }
    rx->verdict = HOST_OFFLOADED;
    drop = strip_node(host, sa, c, w, now);
    if (drop == HOST_RX_DROP_NONE && inner == 0 &&
        (c->offload_word & ABI_RX_NEXT_CRYPTO_DONE) != 0) {
        inner = inner_sa(host, w);
    }
    /* The second entry of a bundle comes up with the bundle's handle, too. */
    if (drop == HOST_RX_DROP_NONE && inner != 0 && inner != sa &&
        host_sa_frame(host, inner) != NULL) {
        drop = strip_node(host, inner, c, w, now);
    }
    return drop;
}

/* ---- completions --------------------------------------------------------------------------------------- */

static enum host_rx_drop handle(struct host *host, const struct abi_rx_completion *c,
                                struct work *w, struct host_pending_rx *rx, uint64_t now)
{
    enum host_rx_drop drop = HOST_RX_DROP_NONE;
    uint32_t sa;

    if (c->reason != NIC_BYPASS_NONE && (c->offload_word & ABI_RX_CRYPTO_DONE) == 0) {
        host->stats->rx.bypass[c->reason < NIC_BYPASS_COUNT ? c->reason : 0]++;
        return bypassed(host, c, w, rx, now);
    }
    if (c->handle == 0) {
        rx->verdict = HOST_CLEAR;
        return HOST_RX_DROP_NONE;
    }
    if (!host->s->packet_offload) {
        if ((c->offload_word & ABI_RX_CRYPTO_DONE) == 0) {
            return in_software(host, w, rx, false);
        }
        drop = crypto_done(host, c, w, rx, now);
    } else {
        sa = host_sa_of_card(host, c->handle);
        rx->handle = sa != 0 ? host_sa(host, sa)->handle : 0;
        rx->verdict = HOST_OFFLOADED;
        host_life_received(host, sa, &w->packet, w->contents, now);
        if (c->inner_handle != 0) {
            host_life_received(host, host_sa_of_card(host, c->inner_handle), &w->packet,
                               w->contents, now);
        }
    }
    /* Inside was IPsec for which the card has no SA. */
    if (c->reason != NIC_BYPASS_NONE && drop == HOST_RX_DROP_NONE && w->contents &&
        rx->verdict == HOST_OFFLOADED) {
        drop = in_software(host, w, rx, true);
    }
    return drop;
}

uint64_t host_receive(struct host *host, struct host_core *core, uint32_t queue, uint64_t time)
{
    struct abi_rx_completion c;
    struct work w = { .cost = host->config.rx.packet };
    struct host_pending_rx *rx = &core->rx;

    host_rx_head(host, queue, &c);
    host->rxq[queue].done++;
    c.cookie = c.cookie < host->buffers ? c.cookie : 0;
    host->stats->rx.completions++;
    host->stats->rx.completion_bytes += c.length;
    w.captured = host->buffer[c.cookie].captured;
    w.captured -= w.captured < host_rx_start(host) ? w.captured : host_rx_start(host);
    w.captured = w.captured < c.length ? w.captured : c.length;
    w.contents = host->options.functional && w.captured == c.length;
    w.packet = (struct esp_packet){ .buffer = host_buffer_bytes(host, c.cookie),
                                    .capacity = host->rx_stride,
                                    .start = host_rx_start(host),
                                    .length = c.length };
    *rx = (struct host_pending_rx){ .buffer = c.cookie,
                                    .tag = c.tag,
                                    .wire_ps = c.wire_ps,
                                    .visible = host->buffer[c.cookie].visible,
                                    .port = c.port };
    host_watch_rx(host, c.offload_word);
    if ((c.offload_word & ABI_RX_SA_DELETE_REQ) != 0) {
        host->stats->rx.delete_requests++;
        host_delete_request(host, c.handle, time);
    }
    rx->drop = (uint8_t)handle(host, &c, &w, rx, time);
    rx->start = w.packet.start;
    rx->length = w.packet.length;
    rx->captured = w.contents ? w.packet.length : w.captured;
    rx->captured = rx->captured < rx->length ? rx->captured : rx->length;
    if (rx->drop == HOST_RX_DROP_NONE && !rx->kept) {
        w.cost += host_forward_look(host, rx);
    }
    return host_cost(host, w.cost);
}

static void count_delivery(struct host_rx_stats *stats, const struct host_pending_rx *rx)
{
    stats->delivered++;
    stats->delivered_bytes += rx->length;
    switch (rx->verdict) {
    case HOST_CLEAR: stats->clear++; break;
    case HOST_OFFLOADED: stats->offloaded++; break;
    case HOST_SOFTWARE: stats->software++; break;
    default: stats->unprocessed++; break;
    }
}

void host_deliver(struct host *host, struct host_core *core, uint64_t time)
{
    struct host_pending_rx *rx = &core->rx;
    bool kept = false;

    if (rx->drop != HOST_RX_DROP_NONE) {
        host->stats->rx.drop[rx->drop]++;
    } else if (rx->forward) {
        kept = host_forward(host, core, time);
    } else if (!rx->kept) {
        count_delivery(&host->stats->rx, rx);
        histogram_add(&host->stats->rx.host_ns, time - rx->visible);
        if (host->options.sinks.deliver != NULL) {
            const uint8_t *bytes = rx->reasm != 0 ? host_reasm_bytes(host, rx->reasm)
                                                  : host_buffer_bytes(host, rx->buffer);
            struct host_delivery d = { .time = time,
                                       .bytes = rx->captured == 0 ? NULL : bytes + rx->start,
                                       .captured = rx->captured,
                                       .length = rx->length,
                                       .tag = rx->tag,
                                       .wire_ps = rx->wire_ps,
                                       .port = rx->port,
                                       .handle = rx->handle,
                                       .verdict = (enum host_verdict)rx->verdict };

            host->options.sinks.deliver(host->options.sinks.self, &d);
        }
    }
    if (rx->reasm != 0) {
        host_reasm_release(host, rx->reasm);
        rx->reasm = 0;
    }
    if (!kept) {
        host_buffer_back(host, rx->buffer, time);
    }
}
