/* What a host says about a security association: the content of an ADD request, decoded.
 *
 * A node (NDIS: one IPSEC_OFFLOAD_V2_ADD_SA structure; a "bundle") is one direction and one endpoint
 * pair with one or two SAs. The fields that no OID structure carries are annotations; they are
 * marked so here. All integers are in host byte order, addresses in network byte order. */
#ifndef ESPNIC_ESP_SA_H
#define ESPNIC_ESP_SA_H

#include "esp/algorithm.h"

enum { ESP_MAX_KEY = 68, ESP_MAX_SAS = 2 };

enum esp_op { ESP_OP_AH = 1, ESP_OP_ESP = 2 }; /* values of IPSEC_OFFLOAD_V2_OPERATION */

enum esp_dir { ESP_DIR_OUT = 0, ESP_DIR_IN = 1 };

enum esp_mode { ESP_MODE_TRANSPORT = 0, ESP_MODE_TUNNEL = 1 };

/* Values of UdpEspEncapsulation. */
enum esp_udp {
    ESP_UDP_NONE = 0,
    ESP_UDP_TRANSPORT = 1,
    ESP_UDP_TUNNEL = 2,
    ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL = 4,
    ESP_UDP_TRANSPORT_OVER_TUNNEL = 8
};

struct esp_address {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* IPv4 in the first four, the rest zero */
};

struct esp_prefix {
    struct esp_address address;
    uint8_t length; /* bits; 0 matches all of that family */
};

/* Which clear packets belong to an SA (annotation). */
struct esp_selector {
    bool present;
    bool has_src, has_dst, has_proto, has_sport, has_dport;
    struct esp_prefix src, dst;
    uint8_t proto;
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
};

/* Limits, 0 = none (annotation). */
struct esp_lifetime {
    uint64_t soft_packets, hard_packets;
    uint64_t soft_bytes, hard_bytes;
    uint64_t soft_s, hard_s;
};

struct esp_key {
    enum esp_alg alg;
    uint8_t icv;                /* bytes; 0 for a pure cipher */
    uint8_t length;             /* bytes of key material given, 0 = timing only or no key needed */
    uint8_t bytes[ESP_MAX_KEY]; /* key, then salt */
};

struct esp_sa {
    enum esp_op op;
    uint32_t spi;
    bool esn;
    uint32_t seq_hi;
    uint64_t seq;           /* annotation. Out: first number to send; in: highest number received */
    uint16_t replay_window; /* annotation, packets, 0 = off */
    struct esp_lifetime lifetime;
    struct esp_key enc, auth;
};

struct esp_node {
    uint64_t handle; /* the recorded one; names the node in later records */
    uint64_t pair;   /* handle of the other direction, 0 = none (annotation) */
    enum esp_dir dir;
    enum esp_mode mode; /* annotation */
    enum esp_udp udp;
    uint16_t encap_sport, encap_dport; /* annotation, UDP ports */
    struct esp_address src, dst;       /* as the sender sees them; all zero = any */
    struct esp_selector sel;
    uint32_t switch_port; /* ADD_SA_EX only */
    uint16_t vlan;        /* ADD_SA_EX only */
    uint8_t sa_count;     /* 1 or 2 */
    uint64_t age_ns; /* annotation: for so long its limits in seconds have run (it comes back) */
    struct esp_sa sa[ESP_MAX_SAS]; /* in processing order: ESP before AH on send */
};

/* True if the entry needs a key and has none: its packets have lengths but no contents. */
bool esp_sa_timing_only(const struct esp_sa *sa);

#endif
