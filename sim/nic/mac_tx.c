/* mac_tx: frames onto the wire, one block a port.
 *
 * Modelled: a frame starts when all of it is there (store and forward) and keeps the wire for preamble,
 * frame, FCS and gap, in the wire's byte clock; lanes take turns. Its last bit leaves after 8 + length + 4
 * byte times and the PHY's latency; then the descriptor is complete; a
 * forwarded packet has none. */
#include "nic/card.h"

/* Short frames are padded (IEEE 802.3 4.2.8). */
static uint32_t wire_length(const struct nic_packet *p)
{
    return p->length < NIC_SHORTEST ? NIC_SHORTEST : p->length;
}

static bool ideal(const struct nic_port *port)
{
    return nic_is_ideal(&port->card->config, NIC_IDEAL_WIRE);
}

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_port *port = self;
    const struct nic_packet *p = nic_packet(port->card, j->item);
    uint32_t bytes = wire_length(p) + NIC_PREAMBLE + NIC_FCS + NIC_GAP;

    (void)now;
    (void)slot;
    j->beats_in = p->beats;
    j->out = LANE_NO_CHANNEL;
    if (!ideal(port)) {
        j->interval = bytes / p->beats;
        j->tail = bytes - j->interval * p->beats;
    }
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_port *port = self;
    struct espnic *card = port->card;
    const struct nic_packet *p = nic_packet(card, j->item);
    struct nic_departure *d = &port->departure[port->s.departure_tail++ & (port->ring - 1)];

    (void)slot;
    d->packet = j->item;
    d->cycle = now;
    if (!ideal(port)) {
        d->cycle += NIC_PREAMBLE + wire_length(p) + NIC_FCS + port->latency;
    }
    sched_wake(&card->sched, port->tx_block, d->cycle > now ? d->cycle : now + 1);
}

static void leave(struct nic_port *port, uint32_t item, uint64_t now)
{
    struct espnic *card = port->card;
    const struct nic_packet *p = nic_packet(card, item);
    struct espnic_frame frame = { .captured = p->present, .length = p->length, .tag = p->tag };
    struct channel_run run = { .first = now, .beats = 1, .step = 1 };

    frame.bytes = p->present ? nic_bytes(card, p) : NULL;
    card->stats.tx.packets_out++;
    card->stats.tx.bytes_out += p->length;
    card->stats.tx.bytes_through += p->length;
    card->stats.port[port->index].tx.packets++;
    card->stats.port[port->index].tx.bytes += p->length;
    card->ports.wire_tx(card->ports.self, nic_port_time(card, port->domain, now), port->index,
                        &frame);
    if (p->hairpin) {
        nic_forward_sent(card, item, now, port->domain);
        return;
    }
    channel_push(port->tx_done, &run, item, CHANNEL_FIRST | CHANNEL_LAST);
}

static void departures(void *self, uint64_t now)
{
    struct nic_port *port = self;

    while (port->s.departure_head != port->s.departure_tail) {
        const struct nic_departure *d = &port->departure[port->s.departure_head & (port->ring - 1)];

        if (d->cycle > now) {
            sched_wake(&port->card->sched, port->tx_block, d->cycle);
            return;
        }
        leave(port, d->packet, now);
        port->s.departure_head++;
    }
}

void nic_mac_tx_init(struct espnic *card, struct nic_port *port)
{
    const struct stage_ops ops = { .job = job, .begin = begin };

    nic_stage(card, &port->mac_tx, "mac_tx", port->domain, 1, LANE_START_LAST, &ops, port);
    port->tx_block =
        sched_add_block(&card->sched, "mac_tx_departures", port->domain, departures, port);
}
