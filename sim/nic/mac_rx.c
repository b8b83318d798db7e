/* mac_rx: frames from the wire into the receive buffer, one block a port.
 *
 * Modelled: the wire's byte clock (a cycle is the time of one byte: preamble 8, frame, FCS 4, gap 12);
 * frames that would overlap are put one behind the other; a frame is complete with its last byte and
 * the PHY's latency; then all of it is written to the receive buffer (the channel in front of the
 * parser), or dropped as `rx_overflow` if the buffer has no room for it. The wire cannot be pushed
 * back. A frame that is longer than the channels of whole packets behind the buffer are made for is dropped as
 * `rx_too_long`.
 * Simplified: the MAC stages a whole frame before the buffer (store and forward), the FCS is good.
 * An ideal wire takes no time and waits for room instead of dropping. */
#include "nic/card.h"

#include <string.h>

#include "engine/must.h"

static bool ideal(const struct espnic *card)
{
    return nic_is_ideal(&card->config, NIC_IDEAL_WIRE);
}

static unsigned lane_of(struct espnic *card, struct nic_port *port, const struct nic_packet *p)
{
    unsigned lanes = card->config.general.lanes;

    if (lanes == 1) {
        return 0;
    }
    if (card->config.general.steering == NIC_STEER_ARRIVAL) {
        return port->s.next_lane++ % lanes;
    }
    return nic_flow_hash(card, p, !p->bypass) % lanes;
}

static void write_buffer(struct espnic *card, struct channel *ch, uint32_t index, uint64_t cycle)
{
    struct channel_run run = { .first = cycle, .beats = nic_packet(card, index)->beats };

    channel_reserve(ch, run.beats);
    channel_push(ch, &run, index, CHANNEL_FIRST | CHANNEL_LAST);
}

/* Write the frame into the buffer, or drop it. False: an ideal wire waits for room. */
static bool commit(struct espnic *card, struct nic_port *port, uint32_t index, uint64_t now)
{
    struct nic_packet *p = nic_packet(card, index);
    struct channel *ch = port->rx_channel[p->lane];

    if (p->length > nic_longest_frame(card)) {
        nic_count_drop(card, p, NIC_DROP_RX_TOO_LONG);
        nic_packet_free(card, index);
        return true;
    }
    if (channel_room(ch, now) < p->beats) {
        if (ideal(card)) {
            uint64_t at = channel_room_at(ch, now, p->beats);

            if (at != CLOCK_NEVER) {
                sched_wake(&card->sched, port->rx_block, at);
            }
            return false;
        }
        nic_count_drop(card, p, NIC_DROP_RX_OVERFLOW);
        nic_packet_free(card, index);
        return true;
    }
    write_buffer(card, ch, index, now);
    return true;
}

/* A frame for which there is room now will find it: nobody else writes into the buffer. So it can be written
 * ahead of its time, unless one before it has still to be decided on. */
static bool commit_ahead(struct espnic *card, struct nic_port *port, uint32_t index, uint64_t now,
                         uint64_t cycle)
{
    const struct nic_packet *p = nic_packet(card, index);
    struct channel *ch = port->rx_channel[p->lane];

    if (ideal(card) || port->s.arrival_head != port->s.arrival_tail ||
        p->length > nic_longest_frame(card) || channel_room(ch, now) < p->beats) {
        return false;
    }
    write_buffer(card, ch, index, cycle);
    return true;
}

static void wake(void *self, uint64_t now)
{
    struct nic_port *port = self;
    struct espnic *card = port->card;

    while (port->s.arrival_head != port->s.arrival_tail) {
        const struct nic_arrival *a = &port->arrival[port->s.arrival_head & (port->ring - 1)];

        if (a->commit > now) {
            sched_wake(&card->sched, port->rx_block, a->commit);
            break;
        }
        if (!commit(card, port, a->packet, now)) {
            return;
        }
        port->s.arrival_head++;
    }
    if (port->s.client_waits) {
        port->s.client_waits = 0;
        card->ports.wire_ready(card->ports.self, nic_port_time(card, port->domain, now),
                               port->index);
    }
}

/* The wire is taken from `start` on; the wire cycle in which the frame is complete. */
static uint64_t stamp(struct espnic *card, struct nic_port *port, struct nic_packet *p,
                      uint64_t start)
{
    uint64_t length =
        p->length < NIC_SHORTEST ? NIC_SHORTEST : p->length; /* padded by the sender */
    uint64_t last = ideal(card) ? start : start + NIC_PREAMBLE + length + NIC_FCS;

    p->wire_ps = clock_ps(&card->clocks, port->domain, last);
    port->s.wire_free = ideal(card) ? start : last + NIC_GAP;
    return ideal(card) ? start : last + port->latency;
}

bool espnic_wire_rx(struct espnic *card, unsigned port_number, uint64_t time,
                    const struct espnic_frame *frame)
{
    struct nic_port *port;
    struct nic_packet *p;
    uint64_t now;
    uint64_t complete;
    uint32_t packet;

    if (port_number >= card->config.general.ports || time < nic_present(card)) {
        return false;
    }
    port = &card->port[port_number];
    if (port->s.arrival_tail - port->s.arrival_head == port->ring || frame->length > 65535 + 64) {
        return false;
    }
    now = clock_edge_from(&card->clocks, card->port_domain, time, port->domain);
    packet = nic_packet_new(card, NIC_RX, frame->length);
    p = nic_packet(card, packet);
    p->port = (uint8_t)port_number;
    p->tag = frame->tag;
    p->plain = frame->plain && !card->options.functional;
    p->present = !frame->bytes                     ? 0
                 : frame->captured < frame->length ? frame->captured
                                                   : frame->length;
    if (p->present) {
        memcpy(nic_bytes(card, p), frame->bytes, p->present);
    }
    nic_parse(card, p, UINT32_MAX);
    p->lane = (uint8_t)lane_of(card, port, p);
    card->stats.rx.packets_in++;
    card->stats.rx.bytes_in += p->length;
    card->stats.port[port_number].rx.packets++;
    card->stats.port[port_number].rx.bytes += p->length;
    card->stats.rx.truncated += p->present < p->length;
    complete = stamp(card, port, p, now < port->s.wire_free ? port->s.wire_free : now);
    if (!commit_ahead(card, port, packet, now, complete)) {
        port->arrival[port->s.arrival_tail++ & (port->ring - 1)] =
            (struct nic_arrival){ .commit = complete, .packet = packet };
        sched_wake(&card->sched, port->rx_block, complete);
    }
    return true;
}

uint64_t espnic_wire_free(struct espnic *card, unsigned port_number)
{
    uint64_t present = nic_present(card);
    struct nic_port *port;
    uint64_t at;

    if (port_number >= card->config.general.ports) {
        return ESPNIC_NEVER;
    }
    port = &card->port[port_number];
    at = nic_port_time(card, port->domain, port->s.wire_free);
    if (ideal(card) && port->s.arrival_head != port->s.arrival_tail) {
        port->s.client_waits = 1;
        return ESPNIC_NEVER;
    }
    return at < present ? present : at;
}

/* Of one direction, at most: the shortest behind a long one, as many as the PHY takes time for; and those given
 * ahead. */
static uint32_t frames_under_way(const struct espnic *card, const struct nic_port *port)
{
    const uint32_t shortest = NIC_PREAMBLE + NIC_SHORTEST + NIC_FCS + NIC_GAP;

    return nic_power_of_two((uint32_t)((port->latency + nic_longest_frame(card)) / shortest) +
                            NIC_AHEAD);
}

void nic_mac_rx_init(struct espnic *card, struct nic_port *port)
{
    port->latency = clock_cycles_from_ps(&card->clocks, port->domain, card->config.mac.latency);
    port->ring = frames_under_way(card, port);
    port->arrival = must(calloc(port->ring, sizeof *port->arrival));
    port->departure = must(calloc(port->ring, sizeof *port->departure));
    port->rx_block = sched_add_block(&card->sched, "mac_rx", port->domain, wake, port);
}
