/* parser: finds AH and ESP. RX, one block a lane.
 *
 * Modelled: cycles a beat and a packet, latency; starts with the first beat (the header is in it).
 * Inputs: packets that come round for their next header, before all others; then the ports' receive buffers,
 * which take turns packet by packet. */
#include "nic/card.h"

static void bypass_of_kind(struct nic_packet *p, const struct sa_capabilities *can,
                           const struct esp_view *view)
{
    switch ((enum esp_packet_kind)view->kind) {
    case ESP_PACKET_ESP:
    case ESP_PACKET_AH:
    case ESP_PACKET_UDP_ESP:
        p->bypass = NIC_BYPASS_NONE;
        if (view->options && !(view->version == 4 ? can->ipv4_options : can->ipv6_extensions)) {
            p->bypass = NIC_BYPASS_OPTIONS;
        }
        break;
    case ESP_PACKET_FRAGMENT: p->bypass = NIC_BYPASS_FRAGMENT; break;
    case ESP_PACKET_MALFORMED: p->bypass = NIC_BYPASS_MALFORMED; break;
    case ESP_PACKET_IKE:
    case ESP_PACKET_KEEPALIVE:
    case ESP_PACKET_CLEAR_IP:
    case ESP_PACKET_NON_IP:
    case ESP_PACKET_KINDS: p->bypass = NIC_BYPASS_NOT_IPSEC; break;
    }
}

/* `l3` UINT32_MAX: from the Ethernet header; else the IP header is there. */
void nic_parse(struct espnic *card, struct nic_packet *p, uint32_t l3)
{
    struct esp_view view;
    uint32_t present = p->present < p->length ? p->present : p->length;

    if (l3 == UINT32_MAX) {
        esp_parse(nic_bytes(card, p), present, p->length, NULL, &view);
    } else {
        esp_parse_ip(nic_bytes(card, p), present, p->length, l3, NULL, &view);
    }
    p->kind = view.kind;
    p->version = view.version;
    p->l3 = view.l3;
    p->l3_header = view.l3_header;
    bypass_of_kind(p, &card->config.capabilities, &view);
    if (!p->bypass && !esp_bounds_of_view(&view, false, &p->bounds)) {
        p->bypass = NIC_BYPASS_MALFORMED;
    }
}

/* Spreads flows over lanes: SPI and addresses where there is IPsec, else addresses. */
uint32_t nic_flow_hash(const struct espnic *card, const struct nic_packet *p, bool spi)
{
    const uint8_t *b = nic_bytes(card, p);
    uint64_t h = 0;
    uint32_t at = p->l3 + (p->version == 6 ? 8 : 12);
    uint32_t n = p->version == 6 ? 32 : 8;

    if ((p->version == 4 || p->version == 6) && p->present >= at + n) {
        for (uint32_t i = 0; i < n; i += 4) {
            h = rng_mix(h ^ esp_get32(b + at + i));
        }
        if (spi) {
            h = rng_mix(h ^ esp_get32(b + p->bounds.ipsec + (p->kind == ESP_PACKET_AH ? 4 : 0)));
        }
    }
    return (uint32_t)h;
}

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    const struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)now;
    (void)slot;
    nic_plain_job(&lane->card->config.parser, nic_is_ideal(&lane->card->config, NIC_IDEAL_PARSER),
                  p->beats, p->beats, j);
}

/* The SPI is known when the packet's first beat leaves the pipeline. */
static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;

    (void)slot;
    if (card->config.sa.prefetch_rx == NIC_PREFETCH_PARSER) {
        nic_memory_expect_rx(card, nic_packet(card, j->item), now + j->latency + 1);
    }
}

void nic_parser_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin };

    nic_stage(card, &lane->parser, "parser", card->core, 1, LANE_START_FIRST, &ops, lane);
    lane->parser.config.arbitration = STAGE_FIRST_THEN_ROUND;
}
