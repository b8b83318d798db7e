/* Finding ESP and AH in a frame.
 *
 * The parser reads headers only, allocates nothing and accepts any bytes. It checks lengths, not
 * checksums. Offsets count from the first byte of the frame that was handed in.
 *
 * Sources: IEEE 802.1Q, RFC 791, RFC 8200, RFC 4302, RFC 4303, RFC 3948. */
#ifndef ESPNIC_ESP_PACKET_H
#define ESPNIC_ESP_PACKET_H

#include "esp/sa.h"

enum { ESP_ETHERTYPE_IPV4 = 0x0800, ESP_ETHERTYPE_IPV6 = 0x86dd };

/* IP protocol numbers (IANA). */
enum {
    ESP_PROTO_HOP_BY_HOP = 0,
    ESP_PROTO_IPV4 = 4,
    ESP_PROTO_TCP = 6,
    ESP_PROTO_UDP = 17,
    ESP_PROTO_IPV6 = 41,
    ESP_PROTO_ROUTING = 43,
    ESP_PROTO_FRAGMENT = 44,
    ESP_PROTO_ESP = 50,
    ESP_PROTO_AH = 51,
    ESP_PROTO_NONE = 59, /* in an ESP trailer: a dummy packet, RFC 4303 2.6 */
    ESP_PROTO_DESTINATION = 60,
    ESP_PROTO_MOBILITY = 135
};

enum {
    ESP_HEADER = 8,    /* SPI and sequence number */
    ESP_AH_FIXED = 12, /* AH without its ICV */
    ESP_UDP_HEADER = 8,
    ESP_IPV4_HEADER = 20, /* without options */
    ESP_IPV6_HEADER = 40, /* without extension headers */
    ESP_MAX_PORTS = 8,
    ESP_MAX_VLAN_TAGS = 4,
    ESP_MAX_EXTENSIONS = 16 /* IPv6 extension headers followed; more is ESP_PARSE_TOO_DEEP */
};

enum esp_packet_kind {
    ESP_PACKET_ESP,       /* ESP directly over IP */
    ESP_PACKET_AH,        /* AH; if ESP follows the AH in clear, `esp` is set too */
    ESP_PACKET_UDP_ESP,   /* ESP over UDP, RFC 3948 */
    ESP_PACKET_IKE,       /* encapsulation port, non-ESP marker */
    ESP_PACKET_KEEPALIVE, /* encapsulation port, one byte 0xff */
    ESP_PACKET_FRAGMENT,  /* any IP fragment, and any packet with an IPv6 fragment header */
    ESP_PACKET_CLEAR_IP,
    ESP_PACKET_NON_IP,
    ESP_PACKET_MALFORMED, /* `error` says why */
    ESP_PACKET_KINDS
};

enum esp_parse_error {
    ESP_PARSE_OK,
    ESP_PARSE_TRUNCATED,   /* the frame is shorter than the IP header says */
    ESP_PARSE_SNAPPED,     /* the frame may be whole, but the capture ends inside the headers */
    ESP_PARSE_BAD_LENGTH,  /* a length field contradicts the headers */
    ESP_PARSE_BAD_VERSION, /* EtherType and IP version disagree */
    ESP_PARSE_TOO_DEEP     /* too many extension headers or VLAN tags */
};

/* UDP ports that carry ESP. NULL instead of the structure means port 4500 alone. */
struct esp_ports {
    uint8_t count;
    uint16_t port[ESP_MAX_PORTS];
};

struct esp_view {
    uint8_t kind;    /* enum esp_packet_kind */
    uint8_t error;   /* enum esp_parse_error */
    uint8_t version; /* 4, 6 or 0 */
    uint8_t proto;   /* of what follows IP header, options and extension headers (50, 51, 17...) */
    uint8_t vlan_tags; /* 802.1Q and 802.1ad tags seen */
    bool fragment;
    bool options; /* IPv4 options or IPv6 extension headers are present */
    bool
        length_guessed; /* IPv4 total length 0 (captured before segmentation): frame length taken */
    uint16_t ethertype; /* after the tags; 0 for raw IP */
    uint16_t vlan;      /* VLAN id of the outermost tag, 0 without */
    uint16_t sport, dport; /* UDP only, when the UDP header was read; else 0 */
    uint32_t l3;           /* offset of the IP header */
    uint32_t l3_header;    /* bytes: IP header with options or extension headers */
    uint32_t l3_length;    /* bytes, from the IP header; anything behind is padding */
    uint32_t udp;          /* offset of the encapsulating UDP header, 0 = none */
    uint32_t ah;           /* offset of AH, 0 = none */
    uint32_t esp;          /* offset of ESP, 0 = none */
    uint32_t
        ipsec_end;     /* offset after the last byte of AH or ESP payload (and ICV); 0 = no IPsec */
    uint32_t spi, seq; /* of the outermost AH or ESP; seq is the low half. With raw input at
                          * l3 = 0 an offset of 0 still means none: IPsec never starts there. */
    uint32_t esp_spi, esp_seq; /* of the ESP behind an AH (kind ESP_PACKET_AH and esp != 0) */
};

/* Ethernet frame: `captured` bytes are present of `length` on the wire (captured <= length). */
void esp_parse(const uint8_t *frame, uint32_t captured, uint32_t length,
               const struct esp_ports *ports, struct esp_view *view);

/* The IP header is at offset `l3` of the frame: raw IP (l3 = 0), cooked captures, the inner packet
 * of a tunnel. `length` is that of the whole frame from offset 0. */
void esp_parse_ip(const uint8_t *frame, uint32_t captured, uint32_t length, uint32_t l3,
                  const struct esp_ports *ports, struct esp_view *view);

/* Addresses of a parsed packet with version 4 or 6. */
void esp_view_addresses(const uint8_t *frame, const struct esp_view *view, struct esp_address *src,
                        struct esp_address *dst);

/* "esp", "ah", "udp_esp", ... and "truncated", "snapped", ... for reports. */
const char *esp_packet_kind_name(enum esp_packet_kind kind);
const char *esp_parse_error_name(enum esp_parse_error error);

/* RFC 1071 checksum over `length` bytes (network order result, complemented): IPv4 headers. */
uint16_t esp_ip_checksum(const uint8_t *bytes, uint32_t length);

static inline uint16_t esp_get16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t esp_get32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline void esp_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void esp_put32(uint8_t *p, uint32_t v)
{
    esp_put16(p, (uint16_t)(v >> 16));
    esp_put16(p + 2, (uint16_t)v);
}

#endif
