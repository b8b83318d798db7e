#include <string.h>

#include "esp/frame_internal.h"

enum {
    IPV4_DF = 0x4000,
    IPV4_FRAGMENTED = 0x3fff, /* more fragments, or an offset */
    OUTER_TTL = 64,
    MAX_IPV4 = 65535,
    MAX_IPV6 = 65535 + ESP_IPV6_HEADER,
    ECN_MASK = 3,
    ECN_CE = 3
};

/* ---- header chain -------------------------------------------------------------------------- */

static bool is_extension(uint8_t proto)
{
    return proto == ESP_PROTO_HOP_BY_HOP || proto == ESP_PROTO_ROUTING ||
           proto == ESP_PROTO_DESTINATION || proto == ESP_PROTO_MOBILITY;
}

static bool split_ipv4(const uint8_t *ip, uint32_t room, struct esp_split *split)
{
    if (room < ESP_IPV4_HEADER) {
        return false;
    }
    split->header = (uint32_t)(ip[0] & 0x0f) * 4;
    split->total = esp_get16(ip + 2);
    split->next_field = 9;
    return split->header >= ESP_IPV4_HEADER && split->total >= split->header &&
           split->total <= room && (esp_get16(ip + 6) & IPV4_FRAGMENTED) == 0;
}

/* Hop-by-hop, routing, and whatever precedes them stay in front. Destination options behind the
 * last of these are for the final destination only and are protected. */
static bool split_ipv6(const uint8_t *ip, uint32_t room, struct esp_split *split)
{
    if (room < ESP_IPV6_HEADER) {
        return false;
    }
    split->total = ESP_IPV6_HEADER + (uint32_t)esp_get16(ip + 4);
    split->header = ESP_IPV6_HEADER;
    split->next_field = 6;
    if (split->total > room) {
        return false;
    }
    uint32_t field = 6;
    uint32_t at = ESP_IPV6_HEADER;
    for (unsigned seen = 0; is_extension(ip[field]); seen++) {
        if (seen == ESP_MAX_EXTENSIONS || split->total - at < 8) {
            return false;
        }
        uint32_t bytes = ((uint32_t)ip[at + 1] + 1) * 8;
        if (bytes > split->total - at) {
            return false;
        }
        bool stays = ip[field] == ESP_PROTO_HOP_BY_HOP || ip[field] == ESP_PROTO_ROUTING;
        field = at;
        at += bytes;
        if (stays) {
            split->header = at;
            split->next_field = field;
        }
    }
    return ip[field] != ESP_PROTO_FRAGMENT;
}

bool esp_split_packet(const uint8_t *frame, uint32_t length, uint32_t l3, struct esp_split *split)
{
    memset(split, 0, sizeof *split);
    if (l3 >= length) {
        return false;
    }
    const uint8_t *ip = frame + l3;
    split->version = ip[0] >> 4;
    bool fits = (split->version == 4 && split_ipv4(ip, length - l3, split)) ||
                (split->version == 6 && split_ipv6(ip, length - l3, split));
    split->next_field += l3;
    return fits;
}

uint32_t esp_transport_header(const uint8_t *frame, uint32_t length, uint32_t l3)
{
    struct esp_split split;
    return esp_split_packet(frame, length, l3, &split) ? split.header : 0;
}

uint32_t esp_find_next_field(const uint8_t *frame, uint32_t length, uint32_t l3, uint32_t at)
{
    if (l3 >= length || at > length || at < l3 + ESP_IPV4_HEADER) {
        return 0;
    }
    if (frame[l3] >> 4 == 4) {
        return at - l3 == (uint32_t)(frame[l3] & 0x0f) * 4 ? l3 + 9 : 0;
    }
    if (frame[l3] >> 4 != 6 || length - l3 < ESP_IPV6_HEADER) {
        return 0;
    }
    uint32_t field = l3 + 6;
    uint32_t here = l3 + ESP_IPV6_HEADER;
    while (here < at && is_extension(frame[field]) && at - here >= 8) {
        field = here;
        here += ((uint32_t)frame[here + 1] + 1) * 8;
    }
    return here == at ? field : 0;
}

void esp_set_ip_length(uint8_t *ip, uint32_t total)
{
    if (ip[0] >> 4 == 6) {
        esp_put16(ip + 4, (uint16_t)(total - ESP_IPV6_HEADER));
        return;
    }
    esp_put16(ip + 2, (uint16_t)total);
    esp_put16(ip + 10, 0);
    esp_put16(ip + 10, esp_ip_checksum(ip, (uint32_t)(ip[0] & 0x0f) * 4));
}

bool esp_repair_ip(uint8_t *frame, uint32_t length, uint32_t l3, uint32_t at, uint8_t proto,
                   uint32_t total)
{
    uint32_t field = esp_find_next_field(frame, length, l3, at);

    if (field) {
        frame[field] = proto;
        esp_set_ip_length(frame + l3, total);
    }
    return field != 0;
}

/* Length of the IP packet at `ip`, 0 if it is not a whole one of that version. */
static uint32_t packet_length(const uint8_t *ip, uint32_t room, unsigned version)
{
    if (room < (version == 4 ? ESP_IPV4_HEADER : ESP_IPV6_HEADER) || ip[0] >> 4 != version) {
        return 0;
    }
    if (version == 6) {
        uint32_t total = ESP_IPV6_HEADER + (uint32_t)esp_get16(ip + 4);
        return total <= room ? total : 0;
    }
    uint32_t header = (uint32_t)(ip[0] & 0x0f) * 4;
    uint32_t total = esp_get16(ip + 2);
    return header >= ESP_IPV4_HEADER && total >= header && total <= room ? total : 0;
}

/* ---- encapsulate --------------------------------------------------------------------------- */

/* TOS or traffic class: DS field and ECN. */
static uint8_t traffic_class(const uint8_t *ip)
{
    if (ip[0] >> 4 == 4) {
        return ip[1];
    }
    return (uint8_t)((ip[0] << 4) | (ip[1] >> 4));
}

/* Outer IPv4 header (RFC 4301 5.1.2.1): DS field and ECN copied (RFC 6040 4.1, normal mode), DF
 * copied from IPv4 and set for IPv6, TTL 64. */
static void outer_ipv4(const struct esp_transform *transform, uint8_t *ip, const uint8_t *inner,
                       uint8_t proto, uint16_t id)
{
    bool four = inner[0] >> 4 == 4;
    ip[0] = 0x45;
    ip[1] = traffic_class(inner);
    esp_put16(ip + 4, id);
    esp_put16(ip + 6, four ? (uint16_t)(esp_get16(inner + 6) & IPV4_DF) : IPV4_DF);
    ip[8] = OUTER_TTL;
    ip[9] = proto;
    memcpy(ip + 12, transform->src.bytes, 4);
    memcpy(ip + 16, transform->dst.bytes, 4);
}

/* Outer IPv6 header: class copied, flow label 0, hop limit 64. */
static void outer_ipv6(const struct esp_transform *transform, uint8_t *ip, const uint8_t *inner,
                       uint8_t proto)
{
    uint8_t class = traffic_class(inner);
    ip[0] = (uint8_t)(0x60 | (class >> 4));
    ip[1] = (uint8_t)(class << 4);
    ip[2] = ip[3] = 0;
    ip[6] = proto;
    ip[7] = OUTER_TTL;
    memcpy(ip + 8, transform->src.bytes, 16);
    memcpy(ip + 24, transform->dst.bytes, 16);
}

static uint8_t outer_proto(const struct esp_transform *transform)
{
    return transform->op == ESP_OP_AH ? ESP_PROTO_AH
           : transform->udp           ? ESP_PROTO_UDP
                                      : ESP_PROTO_ESP;
}

/* IV on the wire. Counter modes need a number that never repeats: the sequence number. */
static void put_iv(const struct esp_transform *transform, const struct esp_encap *encap,
                   uint8_t *out)
{
    bool counter = esp_alg_info((enum esp_alg)transform->enc)->block_bytes == 1;
    if (encap->iv_given || !counter) {
        memcpy(out, encap->iv, transform->iv);
    } else if (transform->iv != 0) {
        esp_put32(out, (uint32_t)(encap->seq >> 32));
        esp_put32(out + 4, (uint32_t)encap->seq);
    }
}

/* UDP header with checksum 0: RFC 3948 2.1 for IPv4, RFC 6935 and 6936 for IPv6. */
static void put_udp(const struct esp_transform *transform, uint8_t *udp, uint32_t length)
{
    esp_put16(udp, transform->encap_sport);
    esp_put16(udp + 2, transform->encap_dport);
    esp_put16(udp + 4, (uint16_t)length);
    esp_put16(udp + 6, 0);
}

static void put_esp(const struct esp_transform *transform, const struct esp_encap *encap,
                    const struct esp_lengths *lengths, uint8_t next, uint8_t *esp)
{
    esp_put32(esp, transform->spi);
    esp_put32(esp + 4, (uint32_t)encap->seq);
    put_iv(transform, encap, esp + ESP_HEADER);
    uint8_t *end = esp + ESP_HEADER + transform->iv + lengths->payload;
    memset(end - lengths->tfc, 0, lengths->tfc);
    for (uint32_t i = 0; i < lengths->pad; i++) {
        end[i] = (uint8_t)(i + 1);
    }
    end[lengths->pad] = (uint8_t)lengths->pad;
    end[lengths->pad + 1] = next;
    memset(end + lengths->trailer, 0, lengths->icv);
}

static void put_ah(const struct esp_transform *transform, const struct esp_encap *encap,
                   uint8_t version, uint8_t next, uint8_t *ah)
{
    uint32_t bytes = esp_ah_bytes(transform, version);
    memset(ah, 0, bytes);
    ah[0] = next;
    ah[1] = (uint8_t)(bytes / 4 - 2);
    esp_put32(ah + 4, transform->spi);
    esp_put32(ah + 8, (uint32_t)encap->seq);
    put_iv(transform, encap, ah + ESP_AH_FIXED);
}

static void put_ethertype(uint8_t *frame, uint32_t l3, uint8_t version)
{
    if (l3 >= 2) {
        esp_put16(frame + l3 - 2, version == 6 ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    }
}

static enum esp_status check_room(const struct esp_transform *transform,
                                  const struct esp_packet *packet, const struct esp_split *split,
                                  const struct esp_lengths *lengths, uint8_t outer)
{
    /* A UDP length field and ESP_MAX_TEXT hold less than an IPv6 packet may be long. */
    uint32_t limit = outer == 6 && !transform->udp ? MAX_IPV6 : MAX_IPV4;
    uint32_t behind = lengths->tfc + lengths->trailer + lengths->icv;
    uint32_t room = packet->capacity - packet->start - packet->l3;
    if (lengths->l3_length > limit || lengths->payload + lengths->trailer > ESP_MAX_TEXT) {
        return ESP_TOO_LONG;
    }
    if (lengths->front > packet->start || split->total + behind > room) {
        return ESP_NO_ROOM;
    }
    return ESP_OK;
}

/* Any whole IP packet may enter a tunnel, fragments too (RFC 4301 7.1); transport mode needs the
 * header chain. */
static bool describe(const struct esp_transform *transform, const struct esp_packet *packet,
                     struct esp_split *split)
{
    const uint8_t *frame = esp_packet_bytes(packet);
    if (transform->mode != ESP_MODE_TUNNEL) {
        return esp_split_packet(frame, packet->length, packet->l3, split);
    }
    if (packet->l3 >= packet->length) {
        return false;
    }
    *split = (struct esp_split){ .version = frame[packet->l3] >> 4 };
    if (split->version == 4 || split->version == 6) {
        split->total =
            packet_length(frame + packet->l3, packet->length - packet->l3, split->version);
    }
    return split->total != 0;
}

/* Write or move the headers in front of ESP, UDP or AH. Returns the offset behind them. */
static uint32_t put_front(const struct esp_transform *transform, const struct esp_split *split,
                          const uint8_t *old, uint8_t *frame, uint32_t l3, uint16_t ip_id)
{
    if (transform->mode != ESP_MODE_TUNNEL) {
        memmove(frame, old, l3 + split->header);
        frame[split->next_field] = outer_proto(transform);
        return l3 + split->header;
    }
    memmove(frame, old, l3);
    put_ethertype(frame, l3, transform->dst.family);
    if (transform->dst.family == 6) {
        outer_ipv6(transform, frame + l3, old + l3, outer_proto(transform));
        return l3 + ESP_IPV6_HEADER;
    }
    outer_ipv4(transform, frame + l3, old + l3, outer_proto(transform), ip_id);
    return l3 + ESP_IPV4_HEADER;
}

enum esp_status esp_encapsulate(const struct esp_transform *transform, struct esp_packet *packet,
                                const struct esp_encap *encap, struct esp_bounds *bounds)
{
    struct esp_split split;
    bool tunnel = transform->mode == ESP_MODE_TUNNEL;
    if (!describe(transform, packet, &split)) {
        return ESP_UNSUPPORTED;
    }
    if (encap->tfc != 0 && (!tunnel || transform->op == ESP_OP_AH)) {
        return ESP_UNSUPPORTED; /* the receiver could not tell it from the payload */
    }
    struct esp_lengths lengths;
    uint8_t outer = tunnel ? transform->dst.family : split.version;
    esp_lengths_of(transform, split.version, split.total, split.header, encap->tfc, &lengths);
    enum esp_status status = check_room(transform, packet, &split, &lengths, outer);
    if (status != ESP_OK) {
        return status;
    }
    uint32_t l3 = packet->l3;
    uint8_t *old = esp_packet_bytes(packet);
    uint8_t *frame = old - lengths.front;
    uint8_t next = split.version == 6 ? ESP_PROTO_IPV6 : ESP_PROTO_IPV4;
    if (!tunnel) {
        next = old[split.next_field];
    }
    uint32_t at = put_front(transform, &split, old, frame, l3, encap->ip_id);
    esp_set_ip_length(frame + l3, lengths.l3_length);
    uint32_t end = l3 + lengths.l3_length;
    if (transform->udp) {
        put_udp(transform, frame + at, end - at);
        at += ESP_UDP_HEADER;
    }
    if (transform->op == ESP_OP_AH) {
        put_ah(transform, encap, outer, next, frame + at);
    } else {
        put_esp(transform, encap, &lengths, next, frame + at);
    }
    packet->start -= lengths.front;
    packet->length = end;
    *bounds = (struct esp_bounds){ .l3 = l3, .ipsec = at, .end = end };
    return ESP_OK;
}

/* ---- decapsulate --------------------------------------------------------------------------- */

int esp_ecn_decapsulate(unsigned outer, unsigned inner, bool *suspicious)
{
    /* Rows: inner Not-ECT, ECT(1), ECT(0), CE; columns: outer, the same order of code points. */
    static const int8_t result[4][4] = {
        { 0, 0, 0, -1 },
        { 1, 1, 1, 3 },
        { 2, 1, 2, 3 },
        { 3, 3, 3, 3 },
    };
    static const bool odd[4][4] = {
        { false, true, true, true },
        { false, false, true, false },
        { false, false, false, false },
        { false, true, false, false },
    };
    *suspicious = odd[inner & ECN_MASK][outer & ECN_MASK];
    return result[inner & ECN_MASK][outer & ECN_MASK];
}

static unsigned get_ecn(const uint8_t *ip)
{
    return ip[0] >> 4 == 4 ? ip[1] & ECN_MASK : (ip[1] >> 4) & ECN_MASK;
}

static void set_ecn(uint8_t *ip, unsigned ecn)
{
    if (ip[0] >> 4 == 6) {
        ip[1] = (uint8_t)((ip[1] & 0xcfU) | (ecn << 4));
        return;
    }
    /* RFC 1624: the checksum is adjusted, not made anew, so that a wrong one stays wrong. */
    uint32_t sum = (uint32_t)(uint16_t)~esp_get16(ip + 10) + (uint16_t)~esp_get16(ip);
    ip[1] = (uint8_t)((ip[1] & 0xfcU) | ecn);
    sum += esp_get16(ip);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    esp_put16(ip + 10, (uint16_t)~sum);
}

static enum esp_status open_tunnel(struct esp_packet *packet, const struct esp_bounds *bounds,
                                   struct esp_opened *opened)
{
    const struct esp_trailer *trailer = &opened->trailer;
    if (trailer->next_header != ESP_PROTO_IPV4 && trailer->next_header != ESP_PROTO_IPV6) {
        return ESP_WRONG_PROTOCOL;
    }
    uint8_t *frame = esp_packet_bytes(packet);
    uint8_t *inner = frame + trailer->payload;
    uint32_t total = packet_length(inner, trailer->payload_length,
                                   trailer->next_header == ESP_PROTO_IPV6 ? 6 : 4);
    if (total == 0) {
        return ESP_BAD_INNER;
    }
    unsigned before = get_ecn(inner);
    int ecn = esp_ecn_decapsulate(get_ecn(frame + bounds->l3), before, &opened->ecn_suspicious);
    if (ecn < 0) {
        return ESP_ECN_DROP;
    }
    if ((unsigned)ecn != before) {
        set_ecn(inner, (unsigned)ecn);
        opened->ecn_marked = ecn == ECN_CE;
    }
    opened->tfc = trailer->payload_length - total;
    uint32_t removed = trailer->payload - packet->l3;
    memmove(frame + removed, frame, packet->l3);
    packet->start += removed;
    packet->length = packet->l3 + total;
    put_ethertype(frame + removed, packet->l3, trailer->next_header == ESP_PROTO_IPV6 ? 6 : 4);
    return ESP_OK;
}

static enum esp_status open_transport(const struct esp_transform *transform,
                                      struct esp_packet *packet, const struct esp_bounds *bounds,
                                      const struct esp_opened *opened)
{
    const struct esp_trailer *trailer = &opened->trailer;
    uint8_t *frame = esp_packet_bytes(packet);
    uint32_t at = bounds->ipsec;
    if (transform->udp && transform->op == ESP_OP_ESP) {
        if (at < bounds->l3 + ESP_IPV4_HEADER + ESP_UDP_HEADER) {
            return ESP_WRONG_PROTOCOL;
        }
        at -= ESP_UDP_HEADER;
    }
    uint32_t field = esp_find_next_field(frame, packet->length, bounds->l3, at);
    if (field == 0 || frame[field] != outer_proto(transform)) {
        return ESP_WRONG_PROTOCOL;
    }
    frame[field] = trailer->next_header;
    uint32_t removed = trailer->payload - at;
    uint32_t total = at - bounds->l3 + trailer->payload_length;
    memmove(frame + removed, frame, at);
    packet->start += removed;
    packet->length = bounds->l3 + total;
    esp_set_ip_length(frame + removed + bounds->l3, total);
    return ESP_OK;
}

enum esp_status esp_decapsulate(const struct esp_transform *transform, struct esp_packet *packet,
                                const struct esp_bounds *bounds, struct esp_opened *opened)
{
    memset(opened, 0, sizeof *opened);
    if (bounds->end > packet->length || bounds->ipsec > bounds->end || bounds->l3 != packet->l3) {
        return ESP_TRUNCATED;
    }
    enum esp_status status =
        esp_read_trailer(transform, esp_packet_bytes(packet), bounds, &opened->trailer);
    if (status != ESP_OK) {
        return status;
    }
    if (transform->mode == ESP_MODE_TUNNEL) {
        return open_tunnel(packet, bounds, opened);
    }
    return open_transport(transform, packet, bounds, opened);
}
