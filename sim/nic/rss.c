/* rss: which receive queue a packet goes to, among those that the driver uses.
 *
 * Toeplitz hash of addresses and ports as they are after decryption, then a table of queues, in turn (Microsoft, "RSS
 * hashing types", with the published verification suite in tests/unit/test_rss.c). What is hashed follows from
 * `types`: both ports where the packet's protocol is among them, else the addresses, else nothing (entry 0). Of
 * fragments the ports are not looked at. Crypto offload strips nothing: the inner packet is found behind the headers of
 * the SA. Or (`mixed`) the addresses through a mixing function, modulo the queues: cheap, and no card's. */
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "nic/card.h"

enum { INPUT = 36 /* bytes: two IPv6 addresses and ports */ };

/* ---- the hash ------------------------------------------------------------------------------------------ */

/* Bits `at` to `at` + 31 of the key. */
static uint32_t window(const uint8_t *key, unsigned at)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < 5; i++) {
        bits = bits << 8 | key[at / 8 + i];
    }
    return (uint32_t)(bits >> (8 - at % 8));
}

/* What a byte at a place contributes: each of its bits, from the highest on, the 32 bits of the key from its own
 * place on. */
static uint32_t share(const uint8_t *key, unsigned place, unsigned byte)
{
    uint32_t sum = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        if (byte >> (7 - bit) & 1) {
            sum ^= window(key, place * 8 + bit);
        }
    }
    return sum;
}

void nic_rss_init(struct espnic *card)
{
    const struct nic_rss_config *c = &card->config.rss;

    if (c->hash != NIC_RSS_TOEPLITZ) {
        return;
    }
    card->rss = must(calloc((size_t)INPUT * 256, sizeof *card->rss));
    for (unsigned place = 0; place < INPUT; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            card->rss[place * 256 + byte] = share(c->key_bytes, place, byte);
        }
    }
}

uint32_t nic_rss_hash(const struct espnic *card, const uint8_t *input, unsigned count)
{
    uint32_t hash = 0;

    for (unsigned i = 0; i < count; i++) {
        hash ^= card->rss[i * 256 + input[i]];
    }
    return hash;
}

/* ---- its input -------------------------------------------------------------------------------------------- */

/* Where to look: an IP header, and the protocol and place of what follows it. */
struct place {
    uint32_t l3, l4; /* l4 0: not known */
    uint8_t version, proto;
};

static struct place of_ip(const struct nic_packet *p, const uint8_t *bytes, uint32_t l3)
{
    struct place place = { .l3 = l3 };
    struct esp_view view;

    esp_parse_ip(bytes, p->present < p->length ? p->present : p->length, p->length, l3, NULL,
                 &view);
    place.version = view.version;
    place.proto = view.proto;
    place.l4 = view.fragment || view.l3_header == 0 ? 0 : l3 + view.l3_header;
    return place;
}

/* What the card has opened stands behind the headers of the SA, in crypto offload. */
static struct place behind_ipsec(const struct nic_packet *p, const uint8_t *bytes)
{
    const struct esp_transform *t = nic_transform(p);
    bool ah = t->op == ESP_OP_AH;
    uint32_t payload = p->bounds.ipsec + nic_ipsec_bytes(p);
    struct place place;

    if (t->mode == ESP_MODE_TUNNEL) {
        return of_ip(p, bytes, payload);
    }
    place = of_ip(p, bytes, p->l3);
    place.l4 = payload;
    place.proto = ah && p->present > p->bounds.ipsec ? bytes[p->bounds.ipsec] : 0;
    if (p->info) {
        place.proto = p->next_header;
    }
    return place;
}

/* Put the input together; returns its bytes, 0: nothing that is to be hashed. */
static unsigned collect(const struct espnic *card, const struct nic_packet *p, const uint8_t *bytes,
                        struct place at, uint8_t input[INPUT])
{
    uint32_t types = card->config.rss.type_mask >> (at.version == 6 ? 3 : 0);
    unsigned addresses = at.version == 6 ? 32 : 8;
    uint32_t from = at.l3 + (at.version == 6 ? 8 : 12);
    bool tcp = at.proto == ESP_PROTO_TCP && (types & NIC_RSS_TCP);
    bool udp = at.proto == ESP_PROTO_UDP && (types & NIC_RSS_UDP);

    if ((at.version != 4 && at.version != 6) || p->present < from + addresses) {
        return 0;
    }
    memcpy(input, bytes + from, addresses);
    if ((tcp || udp) && at.l4 && p->present >= at.l4 + 4) {
        memcpy(input + addresses, bytes + at.l4, 4);
        return addresses + 4;
    }
    return types & NIC_RSS_IP ? addresses : 0;
}

unsigned nic_rss_queue(struct espnic *card, const struct nic_packet *p, bool opened)
{
    uint32_t queues = card->dma.rx_spread;
    const uint8_t *bytes = nic_bytes(card, p);
    bool inside = opened && card->config.general.offload == NIC_OFFLOAD_CRYPTO;
    uint8_t input[INPUT];
    unsigned count;

    if (card->config.rss.hash != NIC_RSS_TOEPLITZ) {
        return nic_flow_hash(card, p, false) % queues;
    }
    count =
        collect(card, p, bytes, inside ? behind_ipsec(p, bytes) : of_ip(p, bytes, p->l3), input);
    return (nic_rss_hash(card, input, count) & (card->config.rss.table - 1)) % queues;
}
