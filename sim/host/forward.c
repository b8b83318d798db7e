/* The host as a gateway (card.forward.path: host): a received packet that a route leads on is sent again.
 *
 * As an XDP program does: the core that has received a packet looks up its route (`host.rx.forward`), takes a
 * hop from it and rebuilds its frame in the receive buffer; then the packet waits in the backlog of the same
 * core for its turn to be sent (`host.tx.packet`: the selectors of outbound SAs, the descriptor). The descriptor
 * names the receive buffer itself, which goes back to its ring when the descriptor completes. Only where the
 * host frames or encrypts is the packet copied into a transmit buffer. A core whose transmit ring is full goes
 * on receiving, until the receive ring has no buffers (the card drops: rx_no_descriptor) or the backlog is full
 * (host_backlog): neither side can wedge the other. */
#include <string.h>

#include "host/internal.h"

static uint8_t *bytes_of(struct host *host, const struct host_pending_rx *rx)
{
    return (rx->reasm != 0 ? host_reasm_bytes(host, rx->reasm)
                           : host_buffer_bytes(host, rx->buffer)) +
           rx->start;
}

bool host_forward_init(struct host *host, char *error, size_t error_size)
{
    const struct nic_forward_config *c = host->options.forward;

    host->forwards = c != NULL && c->path == NIC_FORWARD_HOST;
    if (!host->forwards) {
        return true;
    }
    host->forward = *c;
    host->rx_room = HOST_ROOM;
    return nic_routes_parse(c->routes, host->options.ports, &host->routes, error, error_size);
}

static enum nic_stay look(struct host *host, struct host_pending_rx *rx, const uint8_t *frame,
                          const struct host_flow *flow, const struct esp_view *view)
{
    const struct nic_forward_config *c = &host->forward;
    unsigned port;

    if (rx->verdict == HOST_UNPROCESSED) {
        return NIC_STAY_LEFT_ALONE;
    }
    if (flow->family == 0) {
        return NIC_STAY_NOT_IP;
    }
    port = nic_route_port(&host->routes, flow->family, flow->dst, rx->port, host->options.ports);
    if (port >= host->options.ports) {
        return NIC_STAY_NO_ROUTE;
    }
    if (c->ttl && !nic_hop_left(frame + view->l3, view->version)) {
        return NIC_STAY_TTL;
    }
    if (rx->verdict == HOST_CLEAR && !c->clear &&
        host_classify(&host->classifier, flow, HOST_WANT_ANY) == 0) {
        return NIC_STAY_NO_SA;
    }
    if (host->options.mtu != 0 && view->l3_length > host->options.mtu) {
        return NIC_STAY_TOO_BIG;
    }
    rx->port = (uint16_t)port;
    return NIC_STAY_NONE;
}

static void rebuild(struct host *host, struct host_pending_rx *rx, uint8_t *frame,
                    const struct host_flow *flow, const struct esp_view *view)
{
    struct nic_frame f = {
        .bytes = frame, .length = rx->length, .present = rx->captured, .l3 = view->l3
    };
    uint32_t before = rx->captured;
    bool clear = host_classify(&host->classifier, flow, HOST_WANT_ANY) == 0;

    if (host->forward.ttl) {
        nic_take_hop(frame + view->l3, view->version);
    }
    nic_rebuild_frame(&f, view, clear ? host->forward.vlan : 0);
    rx->start = (uint32_t)((int64_t)rx->start + (f.bytes - frame));
    rx->length = f.length;
    rx->captured = before == 0 ? 0 : f.present;
}

uint64_t host_forward_look(struct host *host, struct host_pending_rx *rx)
{
    struct host_flow flow;
    struct esp_view view;
    uint8_t *frame = bytes_of(host, rx);
    enum nic_stay stay;

    if (!host->forwards) {
        return 0;
    }
    memset(&flow, 0, sizeof flow);
    memset(&view, 0, sizeof view);
    if (rx->captured != 0) {
        host_flow_of(frame, rx->captured, rx->length, &flow, &view);
    }
    stay = look(host, rx, frame, &flow, &view);
    if (stay != NIC_STAY_NONE) {
        host->stats->forward.stay[stay]++;
        return host->config.rx.forward;
    }
    rebuild(host, rx, frame, &flow, &view);
    rx->forward = 1;
    return host->config.rx.forward;
}

void host_buffer_back(struct host *host, uint32_t buffer, uint64_t time)
{
    uint32_t queue = buffer / host->config.rx.ring;
    struct host_list *empty = &host->rxq[queue].empty;

    host->buffer[buffer].held = 0;
    host->buffer[buffer].next = 0;
    if (empty->tail != 0) {
        host->buffer[empty->tail - 1].next = buffer + 1;
    } else {
        empty->head = buffer + 1;
    }
    empty->tail = buffer + 1;
    empty->count++;
    if (empty->count == host_refill_at(host)) {
        host_core_kick(host, queue % host->config.general.cores, time);
    }
}

/* The frame of a slot moves out of the receive buffer into the slot's own. */
void host_slot_own(struct host *host, uint32_t slot, uint64_t time)
{
    struct host_slot *s = &host->slot[slot];
    uint32_t buffer = s->rx_buffer - 1;

    if (s->rx_buffer == 0) {
        return;
    }
    if (host->tx_stride != 0 && s->captured != 0) {
        memcpy(host_slot_bytes(host, slot) + HOST_ROOM, host_buffer_bytes(host, buffer) + s->start,
               s->captured);
    }
    s->start = HOST_ROOM;
    s->rx_buffer = 0;
    host_buffer_back(host, buffer, time);
}

/* A slot that stands for the packet where it is. */
static void make_slot(struct host *host, struct host_core *core, uint32_t slot, uint64_t time)
{
    const struct host_pending_rx *rx = &core->rx;
    struct host_slot *s = &host->slot[slot];
    struct host_flow flow;
    struct esp_view view;

    memset(&flow, 0, sizeof flow);
    memset(&view, 0, sizeof view);
    host_flow_of(bytes_of(host, rx), rx->captured, rx->length, &flow, &view);
    *s = (struct host_slot){ .state = SLOT_BACKLOG,
                             .flags = SLOT_FORWARDED,
                             .core = (uint8_t)core->index,
                             .start = rx->start,
                             .length = rx->length,
                             .captured = rx->captured,
                             .l3 = view.l3,
                             .l3_header = view.l3_header,
                             .version = view.version,
                             .port = rx->port,
                             .generation = s->generation + 1,
                             .tag = rx->tag,
                             .wire_ps = rx->wire_ps,
                             .arrival = time,
                             .flow = flow };
    if (rx->reasm != 0) {
        s->start = HOST_ROOM;
        if (host->tx_stride != 0) {
            memcpy(host_slot_bytes(host, slot) + HOST_ROOM, bytes_of(host, rx), s->captured);
        }
    } else {
        s->rx_buffer = rx->buffer + 1;
        host->buffer[rx->buffer].held = 1;
    }
}

bool host_forward(struct host *host, struct host_core *core, uint64_t time)
{
    const struct host_pending_rx *rx = &core->rx;
    struct host_tx_stats *tx = &host->stats->tx;
    enum host_tx_drop drop = HOST_TX_DROP_NONE;
    uint32_t slot = 0;

    host->stats->forward.packets++;
    host->stats->forward.bytes += rx->length;
    tx->packets_in++;
    tx->bytes_in += rx->length;
    if (rx->length > host->config.memory.tx_buffer - 2 * HOST_ROOM) {
        drop = HOST_TX_DROP_TOO_LONG;
    } else if (host->s->link_down) {
        drop = HOST_TX_DROP_LINK_DOWN;
    } else {
        slot = core->backlog.count < host->config.tx.backlog ? host_slot_take(host) : 0;
        drop = slot == 0 ? HOST_TX_DROP_BACKLOG : HOST_TX_DROP_NONE;
    }
    if (drop != HOST_TX_DROP_NONE) {
        tx->drop[drop]++;
        if (host->options.sinks.tx_drop != NULL) {
            host->options.sinks.tx_drop(host->options.sinks.self, time, rx->tag,
                                        host_tx_drop_name(drop));
        }
        return false;
    }
    make_slot(host, core, slot - 1, time);
    host_list_push(host, &core->backlog, slot - 1);
    return host->slot[slot - 1].rx_buffer != 0;
}
