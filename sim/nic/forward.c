/* forward: packets that never leave the card, one block a lane, only with `card.forward.path: hairpin`.
 *
 * Behind decapsulate each packet is looked up: its destination among the routes (a port), its addresses among
 * the steering rules (an outbound SA, steering.h). If nothing speaks against it, it loses a hop, its frame is
 * built anew (tags, padding), and it goes to sa_fetch of the lane of its SA, where it takes turns with tx_dma
 * and is sent like any other. All else goes to the host, counted by reason.
 *
 * Between here and sa_fetch there is a buffer for each pair of lanes. Where it is full, `full: wait` holds up
 * the lane, then the receive buffer overflows at the wire; `full: drop` drops the packet. Neither can lock up:
 * the transmit side waits only for its wire, for contexts and for time, never for the receive side. */
#include "nic/card.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

/* ---- rules that come with SAs ----------------------------------------------------------------------- */

static bool wildcard(const struct esp_address *a)
{
    static const uint8_t zero[16];

    return !memcmp(a->bytes, zero, sizeof zero);
}

/* Of a transport SA without a selector. */
static void endpoints(struct espnic *card, const struct sa_context *c, struct esp_selector *sel)
{
    struct esp_address src;
    struct esp_address dst;

    sa_addresses(&card->table, c, &src, &dst);
    memset(sel, 0, sizeof *sel);
    sel->present = sel->has_src = sel->has_dst = true;
    sel->src = (struct esp_prefix){ src, wildcard(&src) ? 0 : src.family == 6 ? 128 : 32 };
    sel->dst = (struct esp_prefix){ dst, wildcard(&dst) ? 0 : dst.family == 6 ? 128 : 32 };
}

void nic_forward_added(struct espnic *card, uint32_t sa)
{
    const struct sa_context *c = sa_context(&card->table, sa);
    struct esp_selector sel = { 0 };

    if (!card->forward || sa_dir(c) != ESP_DIR_OUT) {
        return;
    }
    if (c->first.flags & SA_ENTRY_NOTE) {
        sa_selector(&card->table, c, &sel);
    }
    if (!sel.present && sa_mode(c) == ESP_MODE_TUNNEL) {
        return;
    }
    if (!sel.present) {
        endpoints(card, c, &sel);
    }
    nic_steering_add(&card->forward->steering, sa, &sel,
                     sel.has_src ? sel.src.address.family : sel.dst.address.family);
}

void nic_forward_removed(struct espnic *card, uint32_t sa)
{
    if (card->forward) {
        nic_steering_remove(&card->forward->steering, sa);
    }
}

/* ---- look-up -------------------------------------------------------------------------------------------- */

static void flow_of(const uint8_t *frame, uint32_t present, const struct esp_view *view,
                    struct nic_flow *flow)
{
    bool carries = view->proto == ESP_PROTO_TCP || view->proto == ESP_PROTO_UDP ||
                   view->proto == 132 /* SCTP */ || view->proto == 136 /* UDP-Lite */ ||
                   view->proto == 33 /* DCCP */;
    const uint8_t *l4 = frame + view->l3 + view->l3_header;

    memset(flow, 0, sizeof *flow);
    flow->family = view->version;
    flow->proto = view->proto;
    if (view->version == 4) {
        memcpy(flow->src, frame + view->l3 + 12, 4);
        memcpy(flow->dst, frame + view->l3 + 16, 4);
    } else {
        memcpy(flow->src, frame + view->l3 + 8, 16);
        memcpy(flow->dst, frame + view->l3 + 24, 16);
    }
    if (carries && !view->fragment && view->l3 + view->l3_header + 4 <= present) {
        flow->ports = true;
        flow->sport = esp_get16(l4);
        flow->dport = esp_get16(l4 + 2);
    }
}

/* Length of the IP packet as it would be sent: clear, or with what all SAs of the context add. */
static uint32_t sent_length(struct espnic *card, uint32_t sa, const struct esp_view *view)
{
    struct nic_packet as = { .dir = NIC_TX, .sa = sa };
    struct esp_lengths lengths;
    uint32_t length = view->l3_length;

    for (unsigned e = 0; sa && e < sa_entries(sa_context(&card->table, sa)); e++) {
        as.entry = (uint8_t)e;
        nic_make_transform(card, &as);
        esp_lengths_of(&as.transform, view->version, length, view->l3_header, 0, &lengths);
        length = lengths.l3_length;
    }
    return length;
}

static enum nic_stay look_up(struct espnic *card, struct nic_packet *p, const struct esp_view *view)
{
    const struct nic_forward_config *c = &card->config.forward;
    struct nic_flow flow;
    unsigned port;
    uint32_t sa;

    if (p->bypass && p->bypass != NIC_BYPASS_NOT_IPSEC) {
        return NIC_STAY_LEFT_ALONE;
    }
    if ((view->version != 4 && view->version != 6) || view->kind == ESP_PACKET_MALFORMED) {
        return NIC_STAY_NOT_IP;
    }
    if (p->delete_req) {
        return NIC_STAY_ASKS;
    }
    flow_of(nic_bytes(card, p), p->present, view, &flow);
    port = nic_route_port(&card->forward->routes, flow.family, flow.dst, p->port,
                          card->config.general.ports);
    if (port >= card->config.general.ports) {
        return NIC_STAY_NO_ROUTE;
    }
    if (c->ttl && !nic_hop_left(nic_bytes(card, p) + view->l3, view->version)) {
        return NIC_STAY_TTL;
    }
    sa = card->offload_on ? nic_steering_find(&card->forward->steering, &flow) : 0;
    if (!sa && !p->pass && !c->clear) {
        return NIC_STAY_NO_SA;
    }
    if (sent_length(card, sa, view) > card->config.mac.mtu) {
        return NIC_STAY_TOO_BIG;
    }
    p->out_port = (uint8_t)port;
    p->out_handle = sa ? sa_table_handle(&card->table, sa) : 0;
    return NIC_STAY_NONE;
}

/* Of a packet that is forwarded: a hop less, and the frame as it goes out. */
static void rebuild(struct espnic *card, struct nic_packet *p, const struct esp_view *view)
{
    const struct nic_forward_config *c = &card->config.forward;
    struct nic_frame f = {
        .bytes = nic_bytes(card, p), .length = p->length, .present = p->present, .l3 = view->l3
    };

    if (c->ttl) {
        nic_take_hop(f.bytes + view->l3, view->version);
    }
    nic_rebuild_frame(&f, view, p->out_handle ? 0 : c->vlan);
    p->start += (uint32_t)(f.bytes - nic_bytes(card, p));
    p->length = f.length;
    p->present = f.present;
    p->l3 = f.l3;
    p->beats = nic_beats(card, p->length);
}

static void decide(struct nic_lane *lane, struct nic_packet *p)
{
    struct espnic *card = lane->card;
    struct esp_view view = { 0 };

    p->decided = 1;
    p->dma_bytes = p->beats; /* that come in */
    p->out_lane = lane->index;
    if (p->present) {
        esp_parse(nic_bytes(card, p), p->present < p->length ? p->present : p->length, p->length,
                  NULL, &view);
    }
    p->stay = (uint8_t)look_up(card, p, &view);
    if (p->stay == NIC_STAY_NONE) {
        rebuild(card, p, &view);
        p->out_lane = p->out_handle ? nic_tx_lane(card, p->out_handle) : lane->index;
    }
}

/* ---- the stage --------------------------------------------------------------------------------------------- */

/* Outputs: to rx_dma, then to sa_fetch of each lane. */
enum { TO_HOST, TO_LANES };

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)slot;
    if (!p->decided) {
        decide(lane, p);
    }
    p->drop = NIC_DROP_NONE;
    j->out = (uint8_t)(p->stay ? TO_HOST : TO_LANES + p->out_lane);
    if (!p->stay && card->config.forward.full == NIC_FORWARD_DROP &&
        channel_room(lane->forward.out[j->out], now) < p->beats) {
        p->drop = NIC_DROP_FORWARD_FULL;
    }
    nic_plain_job(&card->config.forward.stage, nic_is_ideal(&card->config, NIC_IDEAL_FORWARD),
                  p->dma_bytes, p->drop ? 0 : p->beats, j);
}

/* From here on the packet is one to be sent. */
static void turn(struct espnic *card, struct nic_packet *p)
{
    struct nic_stats *s = &card->stats;

    s->forward.packets++;
    s->forward.bytes_in += p->wire_length;
    s->forward.bytes += p->length;
    s->forward.encrypted += p->out_handle != 0;
    s->rx.bytes_through += p->wire_length;
    p->dir = NIC_TX;
    p->hairpin = 1;
    p->port = p->out_port;
    p->lane = (uint8_t)p->out_lane;
    p->handle[0] = p->out_handle;
    p->handle[1] = 0;
    p->pass = p->looked = p->entry = p->crypt = p->framed = p->bypass = p->status = 0;
    p->first_sequence = 0;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)now;
    (void)slot;
    p->decided = 0;
    if (p->drop) {
        nic_count_drop(card, p, p->drop);
    } else if (p->stay) {
        card->stats.forward.stay[p->stay]++;
    } else {
        turn(card, p);
    }
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job.beats_out) { /* else it may be dropped by a stage behind */
        nic_done_dropped(lane->card, s);
    }
}

void nic_forward_sent(struct espnic *card, uint32_t item, uint64_t cycle, unsigned domain)
{
    const struct nic_packet *p = nic_packet(card, item);
    uint64_t time = clock_ps(&card->clocks, domain, cycle);

    if (time >= p->wire_ps) {
        histogram_add(&card->forward->latency, time - p->wire_ps);
    }
    nic_packet_free(card, item);
}

void nic_forward_lane_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .done = done };

    nic_stage(card, &lane->forward, "forward", card->core, 1, LANE_START_FIRST, &ops, lane);
}

void nic_forward_init(struct espnic *card)
{
    const struct nic_forward_config *c = &card->config.forward;
    char ignored[256];

    if (c->path != NIC_FORWARD_HAIRPIN) {
        return;
    }
    card->forward = must(calloc(1, sizeof *card->forward));
    card->forward->latency.divisor = 1000; /* kept in ps, shown in ns */
    nic_routes_parse(c->routes, card->config.general.ports, &card->forward->routes, ignored,
                     sizeof ignored); /* nic_config_check() has seen that it is good */
}

void nic_forward_free(struct espnic *card)
{
    if (card->forward) {
        nic_steering_free(&card->forward->steering);
    }
    free(card->forward);
}

void nic_forward_register_state(struct espnic *card, struct snapshot *snap)
{
    if (card->forward) {
        snapshot_fixed(snap, "forward.latency", &card->forward->latency,
                       sizeof card->forward->latency);
        nic_steering_register_state(&card->forward->steering, snap);
    }
}
