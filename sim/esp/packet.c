#include "esp/packet.h"

#include <string.h>

enum {
    ETHERNET_HEADER = 14,
    VLAN_TAG = 4,
    TPID_8021Q = 0x8100,
    TPID_8021AD = 0x88a8,
    TPID_QINQ_OLD = 0x9100, /* before 802.1ad was written, still seen */
    DEFAULT_PORT = 4500,
    IPV4_FRAGMENT_MASK = 0x3fff /* MF and offset */
};

struct cursor {
    const uint8_t *frame;
    uint32_t captured;
    uint32_t end;   /* of the L3 packet; never beyond the true frame length */
    uint32_t limit; /* the lesser of the two: up to here it can be read */
    const struct esp_ports *ports;
    struct esp_view *view;
};

static void malformed(struct esp_view *view, enum esp_parse_error error)
{
    view->kind = ESP_PACKET_MALFORMED;
    view->error = (uint8_t)error;
}

/* `need` bytes at `at` belong to the packet and were captured. */
static bool within(const struct cursor *c, uint32_t at, uint32_t need)
{
    return (uint64_t)at + need <= c->limit;
}

/* The same; if not, the view says why. */
static bool readable(const struct cursor *c, uint32_t at, uint32_t need)
{
    if (!within(c, at, need)) {
        malformed(c->view, (uint64_t)at + need > c->end ? ESP_PARSE_BAD_LENGTH : ESP_PARSE_SNAPPED);
        return false;
    }
    return true;
}

static void set_end(struct cursor *c, uint32_t end)
{
    c->end = end;
    c->limit = end < c->captured ? end : c->captured;
}

static bool is_encap_port(const struct esp_ports *ports, uint16_t port)
{
    if (ports == NULL) {
        return port == DEFAULT_PORT;
    }
    unsigned count = ports->count < ESP_MAX_PORTS ? ports->count : ESP_MAX_PORTS;
    for (unsigned i = 0; i < count; i++) {
        if (ports->port[i] == port) {
            return true;
        }
    }
    return false;
}

/* ESP at `at`; its payload ends at `end`. */
static void found_esp(const struct cursor *c, uint32_t at, uint32_t end, enum esp_packet_kind kind)
{
    struct esp_view *view = c->view;
    if (!readable(c, at, ESP_HEADER)) {
        return;
    }
    view->esp = at;
    view->ipsec_end = end;
    uint32_t spi = esp_get32(c->frame + at);
    uint32_t seq = esp_get32(c->frame + at + 4);
    if (view->ah != 0) {
        view->esp_spi = spi;
        view->esp_seq = seq;
        return;
    }
    view->kind = (uint8_t)kind;
    view->spi = spi;
    view->seq = seq;
}

/* UDP at `at`: RFC 3948 section 2 tells ESP, IKE and keepalive apart. */
static void found_udp(const struct cursor *c, uint32_t at)
{
    struct esp_view *view = c->view;
    /* A clear datagram is not ours to judge: what cannot be read stays clear. */
    if (!within(c, at, ESP_UDP_HEADER)) {
        return;
    }
    view->sport = esp_get16(c->frame + at);
    view->dport = esp_get16(c->frame + at + 2);
    if (!is_encap_port(c->ports, view->sport) && !is_encap_port(c->ports, view->dport)) {
        return;
    }
    uint32_t length = esp_get16(c->frame + at + 4);
    if (length < ESP_UDP_HEADER || length > c->end - at) {
        malformed(view, ESP_PARSE_BAD_LENGTH);
        return;
    }
    uint32_t payload = at + ESP_UDP_HEADER;
    uint32_t bytes = length - ESP_UDP_HEADER;
    if (bytes == 1 && payload < c->captured && c->frame[payload] == 0xff) {
        view->kind = view->ah != 0 ? ESP_PACKET_AH : ESP_PACKET_KEEPALIVE;
        return;
    }
    if (bytes < 4) {
        return; /* neither marker nor SPI: an ordinary datagram */
    }
    if (!readable(c, payload, 4)) {
        return;
    }
    view->udp = at;
    if (esp_get32(c->frame + payload) == 0) {
        view->kind = view->ah != 0 ? ESP_PACKET_AH : ESP_PACKET_IKE;
        return;
    }
    if (bytes < ESP_HEADER) {
        malformed(view, ESP_PARSE_BAD_LENGTH);
        return;
    }
    found_esp(c, payload, at + length, ESP_PACKET_UDP_ESP);
}

/* AH at `at`. Returns the offset behind it, or 0. `*next` becomes its next header. */
static uint32_t found_ah(const struct cursor *c, uint32_t at, uint8_t *next)
{
    struct esp_view *view = c->view;
    if (!readable(c, at, ESP_AH_FIXED)) {
        return 0;
    }
    /* RFC 4302 2.2: length in 32-bit words, minus 2. */
    uint32_t length = ((uint32_t)c->frame[at + 1] + 2) * 4;
    if (length < ESP_AH_FIXED || length > c->end - at) {
        malformed(view, ESP_PARSE_BAD_LENGTH);
        return 0;
    }
    view->kind = ESP_PACKET_AH;
    view->ah = at;
    view->ipsec_end = c->end;
    view->spi = esp_get32(c->frame + at + 4);
    view->seq = esp_get32(c->frame + at + 8);
    *next = c->frame[at];
    return at + length;
}

/* The upper layer begins at `at` with protocol `proto`. */
static void upper_layer(const struct cursor *c, uint32_t at, uint8_t proto)
{
    struct esp_view *view = c->view;
    view->kind = ESP_PACKET_CLEAR_IP;
    if (proto == ESP_PROTO_AH) {
        at = found_ah(c, at, &proto);
        if (at == 0) {
            return;
        }
    }
    /* Behind an AH that ends at the end of what was captured, nothing more can be said. */
    if (view->ah != 0 && !within(c, at, ESP_HEADER)) {
        return;
    }
    if (proto == ESP_PROTO_ESP) {
        found_esp(c, at, c->end, ESP_PACKET_ESP);
    } else if (proto == ESP_PROTO_UDP) {
        found_udp(c, at);
    }
    if (view->ah != 0 && view->kind == ESP_PACKET_MALFORMED) {
        /* AH comes first; what it carries is judged after its ICV. */
        view->kind = ESP_PACKET_AH;
        view->error = ESP_PARSE_OK;
        view->udp = 0;
    }
}

/* The IPv4 header. Returns the offset of the upper layer, 0 if the packet has none to be looked at. */
static uint32_t parse_ipv4(struct cursor *c, uint32_t length)
{
    struct esp_view *view = c->view;
    uint32_t l3 = view->l3;
    if (!readable(c, l3, ESP_IPV4_HEADER)) {
        view->error = view->error == ESP_PARSE_SNAPPED ? ESP_PARSE_SNAPPED : ESP_PARSE_TRUNCATED;
        return 0;
    }
    const uint8_t *ip = c->frame + l3;
    uint32_t header = (uint32_t)(ip[0] & 0x0f) * 4;
    uint32_t total = esp_get16(ip + 2);
    view->version = 4;
    view->l3_header = header;
    view->options = header > ESP_IPV4_HEADER;
    view->proto = ip[9];
    if (total == 0) {
        /* Captured above a card that segments: the length field is not filled in yet. */
        view->length_guessed = true;
        total = length - l3;
    }
    view->l3_length = total;
    if (header < ESP_IPV4_HEADER || total < header) {
        malformed(view, ESP_PARSE_BAD_LENGTH);
        return 0;
    }
    if (total > length - l3) {
        malformed(view, ESP_PARSE_TRUNCATED);
        return 0;
    }
    set_end(c, l3 + total);
    if ((esp_get16(ip + 6) & IPV4_FRAGMENT_MASK) != 0) {
        view->fragment = true;
        view->kind = ESP_PACKET_FRAGMENT;
        return 0;
    }
    return readable(c, l3, header) ? l3 + header : 0;
}

/* Walk the extension headers from `at`. Returns as parse_ipv4. */
static uint32_t parse_extensions(const struct cursor *c, uint32_t at, uint8_t next)
{
    struct esp_view *view = c->view;
    for (unsigned seen = 0;; seen++) {
        view->l3_header = at - view->l3;
        view->proto = next;
        if (next != ESP_PROTO_HOP_BY_HOP && next != ESP_PROTO_ROUTING &&
            next != ESP_PROTO_FRAGMENT && next != ESP_PROTO_DESTINATION &&
            next != ESP_PROTO_MOBILITY) {
            return at;
        }
        view->options = true;
        if (seen == ESP_MAX_EXTENSIONS) {
            malformed(view, ESP_PARSE_TOO_DEEP);
            return 0;
        }
        if (!readable(c, at, 8)) {
            return 0;
        }
        uint8_t following = c->frame[at];
        if (next == ESP_PROTO_FRAGMENT) {
            /* Even the "atomic" fragment of RFC 6946: a card leaves all of them to the host. */
            view->fragment = true;
            view->kind = ESP_PACKET_FRAGMENT;
            view->l3_header += 8;
            view->proto = following;
            return 0;
        }
        uint32_t bytes = ((uint32_t)c->frame[at + 1] + 1) * 8;
        if (!readable(c, at, bytes)) {
            return 0;
        }
        at += bytes;
        next = following;
    }
}

static uint32_t parse_ipv6(struct cursor *c, uint32_t length)
{
    struct esp_view *view = c->view;
    uint32_t l3 = view->l3;
    if (!readable(c, l3, ESP_IPV6_HEADER)) {
        view->error = view->error == ESP_PARSE_SNAPPED ? ESP_PARSE_SNAPPED : ESP_PARSE_TRUNCATED;
        return 0;
    }
    const uint8_t *ip = c->frame + l3;
    uint32_t total = ESP_IPV6_HEADER + (uint32_t)esp_get16(ip + 4);
    view->version = 6;
    view->l3_header = ESP_IPV6_HEADER;
    view->l3_length = total;
    view->proto = ip[6];
    if (total > length - l3) {
        malformed(view, ESP_PARSE_TRUNCATED);
        return 0;
    }
    set_end(c, l3 + total);
    return parse_extensions(c, l3 + ESP_IPV6_HEADER, ip[6]);
}

/* `view` has been cleared and holds l3 and, with Ethernet, the EtherType. */
static void parse_l3(const uint8_t *frame, uint32_t captured, uint32_t length,
                     const struct esp_ports *ports, struct esp_view *view)
{
    struct cursor c = { frame, captured, length, captured, ports, view };
    if (!readable(&c, view->l3, 1)) {
        view->error = view->error == ESP_PARSE_SNAPPED ? ESP_PARSE_SNAPPED : ESP_PARSE_TRUNCATED;
        return;
    }
    unsigned version = frame[view->l3] >> 4;
    if ((version != 4 && version != 6) ||
        (view->ethertype != 0 && (view->ethertype == ESP_ETHERTYPE_IPV4) != (version == 4))) {
        malformed(view, ESP_PARSE_BAD_VERSION);
        return;
    }
    uint32_t upper = version == 4 ? parse_ipv4(&c, length) : parse_ipv6(&c, length);
    if (upper != 0) {
        upper_layer(&c, upper, view->proto);
    }
    if (view->kind == ESP_PACKET_MALFORMED) {
        view->udp = view->ah = view->esp = view->ipsec_end = 0;
    }
}

void esp_parse_ip(const uint8_t *frame, uint32_t captured, uint32_t length, uint32_t l3,
                  const struct esp_ports *ports, struct esp_view *view)
{
    memset(view, 0, sizeof *view);
    view->l3 = l3;
    if (l3 > length) {
        malformed(view, ESP_PARSE_TRUNCATED);
        return;
    }
    parse_l3(frame, captured < length ? captured : length, length, ports, view);
}

void esp_parse(const uint8_t *frame, uint32_t captured, uint32_t length,
               const struct esp_ports *ports, struct esp_view *view)
{
    memset(view, 0, sizeof *view);
    if (captured > length) {
        captured = length;
    }
    uint32_t at = ETHERNET_HEADER;
    for (;;) {
        if (captured < at) {
            malformed(view, length < at ? ESP_PARSE_TRUNCATED : ESP_PARSE_SNAPPED);
            return;
        }
        uint16_t type = esp_get16(frame + at - 2);
        if (type != TPID_8021Q && type != TPID_8021AD && type != TPID_QINQ_OLD) {
            view->ethertype = type;
            break;
        }
        if (view->vlan_tags == ESP_MAX_VLAN_TAGS) {
            malformed(view, ESP_PARSE_TOO_DEEP);
            return;
        }
        if (view->vlan_tags == 0 && captured >= at + 2) {
            view->vlan = (uint16_t)(esp_get16(frame + at) & 0x0fff);
        }
        view->vlan_tags++;
        at += VLAN_TAG;
    }
    view->l3 = at;
    if (view->ethertype != ESP_ETHERTYPE_IPV4 && view->ethertype != ESP_ETHERTYPE_IPV6) {
        view->kind = ESP_PACKET_NON_IP;
        return;
    }
    parse_l3(frame, captured, length, ports, view);
}

void esp_view_addresses(const uint8_t *frame, const struct esp_view *view, struct esp_address *src,
                        struct esp_address *dst)
{
    memset(src, 0, sizeof *src);
    memset(dst, 0, sizeof *dst);
    src->family = dst->family = view->version;
    if (view->version == 4) {
        memcpy(src->bytes, frame + view->l3 + 12, 4);
        memcpy(dst->bytes, frame + view->l3 + 16, 4);
    } else {
        memcpy(src->bytes, frame + view->l3 + 8, 16);
        memcpy(dst->bytes, frame + view->l3 + 24, 16);
    }
}

const char *esp_packet_kind_name(enum esp_packet_kind kind)
{
    static const char *const names[ESP_PACKET_KINDS] = {
        "esp", "ah", "udp_esp", "ike", "keepalive", "fragment", "clear_ip", "non_ip", "malformed",
    };
    return (unsigned)kind < ESP_PACKET_KINDS ? names[kind] : "unknown";
}

const char *esp_parse_error_name(enum esp_parse_error error)
{
    static const char *const names[] = { "ok",         "truncated",   "snapped",
                                         "bad_length", "bad_version", "too_deep" };
    return (unsigned)error < sizeof names / sizeof names[0] ? names[error] : "unknown";
}

uint16_t esp_ip_checksum(const uint8_t *bytes, uint32_t length)
{
    uint64_t sum = 0;
    uint32_t i = 0;
    for (; i + 1 < length; i += 2) {
        sum += esp_get16(bytes + i);
    }
    if (i < length) {
        sum += (uint64_t)bytes[i] << 8;
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}
