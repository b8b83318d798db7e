/* Which port a forwarded packet leaves by, and what a router does to its frame. Used by the card that
 * forwards by itself (forward.c) and by the reference host. */
#ifndef ESPNIC_NIC_ROUTES_H
#define ESPNIC_NIC_ROUTES_H

#include "esp/packet.h"
#include "nic/config.h"

enum { NIC_MAX_ROUTES = 64 };

/* Where a route leads, beside the numbers of ports. */
enum {
    NIC_ROUTE_OTHER = 0xfc, /* the other port of a pair: 0 and 1, 2 and 3 */
    NIC_ROUTE_SAME = 0xfd,  /* back out of the port that the packet came in by */
    NIC_ROUTE_HOST = 0xfe,  /* nowhere: it is for this host */
    NIC_ROUTE_NONE = 0xff
};

struct nic_route {
    uint8_t family; /* 4, 6; 0: both (then `bits` is 0) */
    uint8_t bits;
    uint8_t port;
    uint8_t prefix[16];
};

struct nic_routes {
    unsigned count;
    struct nic_route at[NIC_MAX_ROUTES];
};

/* Words "PREFIX=PORT" separated by spaces or commas: an IPv4 or IPv6 prefix, or `default`; a number below
 * `ports`, `other`, `same` or `host`. Of equal prefixes the later one counts. False with a sentence. */
bool nic_routes_parse(const char *text, unsigned ports, struct nic_routes *routes, char *error,
                      size_t error_size);

/* The longest prefix that holds the destination: a port, or NIC_ROUTE_HOST or NIC_ROUTE_NONE. */
unsigned nic_route_port(const struct nic_routes *routes, uint8_t family, const uint8_t *destination,
                        unsigned in_port, unsigned ports);

/* Why a packet that came in is not forwarded. X(NAME, key, sentence) */
#define NIC_STAYS(X)                                                                               \
    X(LEFT_ALONE, "left_alone", "IPsec that the card left alone, a fragment, or malformed")        \
    X(NOT_IP, "not_ip", "not IP; timing only: also where headers are not known")                   \
    X(NO_ROUTE, "no_route", "no route holds its destination, or one says `host`")                  \
    X(TTL, "ttl", "time to live or hop limit used up")                                             \
    X(NO_SA, "no_sa", "came in clear, no outbound SA takes it, and clear forwarding is off")       \
    X(TOO_BIG, "too_big", "longer than the MTU as it would be sent")                               \
    X(ASKS, "delete_request", "carries SaDeleteReq, which only the host can obey")

enum nic_stay {
    NIC_STAY_NONE, /* it is forwarded */
#define X(name, key, text) NIC_STAY_##name,
    NIC_STAYS(X)
#undef X
        NIC_STAY_COUNT
};

const char *nic_stay_name(enum nic_stay stay);

/* Has the packet a hop left after this one? `ip`: its header; `version` 4 or 6. */
bool nic_hop_left(const uint8_t *ip, unsigned version);
/* Take one: TTL with the header's checksum (RFC 1624), or hop limit. */
void nic_take_hop(uint8_t *ip, unsigned version);

/* A frame in a buffer. */
struct nic_frame {
    uint8_t *bytes; /* of the frame; may move */
    uint32_t length, present, l3;
};

/* As a router builds it: VLAN tags and what stands behind the IP packet away, then the tag `vlan` (0: none).
 * There must be 4 bytes of room in front. MAC addresses stay as they are. */
void nic_rebuild_frame(struct nic_frame *frame, const struct esp_view *view, uint32_t vlan);

#endif
