/* The SA context as the card keeps it.
 *
 * One context per node (bundle): one direction, one endpoint pair, one entry (AH or ESP) inside
 * and a rare second one (AH and ESP) out of line. What most SAs lack (IPv6 addresses, selectors,
 * lifetime limits, a window above 64) is out of line as well, so that a context with one entry
 * takes 104 bytes. Indices, never pointers; all times are the caller's nanoseconds. */
#ifndef ESPNIC_SA_TABLE_CONTEXT_H
#define ESPNIC_SA_TABLE_CONTEXT_H

#include "esp/sa.h"

enum sa_state {
    SA_FREE = 0,
    SA_ADDING,  /* holds its place, found by nobody yet (O-36) */
    SA_LIVE,    /* look-ups hit */
    SA_DELETING /* no new look-up hits; packets that hold a reference finish (O-16) */
};

enum {
    SA_CONTEXT_IN = 1u << 0,      /* direction: inbound */
    SA_CONTEXT_IPV6 = 1u << 1,    /* endpoint addresses */
    SA_CONTEXT_TUNNEL = 1u << 2,  /* mode */
    SA_CONTEXT_ASKED = 1u << 3,   /* SaDeleteReq was given once (O-15) */
    SA_CONTEXT_IP_SLOT = 1u << 4, /* holds a reference in the IP-address table */
    SA_CONTEXT_ANY_DST = 1u << 5  /* destination all zero: matches any (O-13) */
};

enum {
    SA_ENTRY_ESN = 1u << 0,
    SA_ENTRY_TIMING_ONLY = 1u << 1, /* no key: lengths but no contents */
    SA_ENTRY_SOFT = 1u << 2,        /* the soft limit was reported */
    SA_ENTRY_HARD = 1u << 3         /* the hard limit was reported */
};

/* One SA: AH and ESP of a bundle have each their own number, window and counters. 64 bytes. */
struct sa_entry {
    uint32_t spi;
    uint32_t next;     /* chain of the look-up index */
    uint8_t op;        /* enum esp_op */
    uint8_t flags;     /* SA_ENTRY_* */
    uint8_t enc, auth; /* enum esp_alg */
    uint8_t enc_icv, auth_icv;
    uint8_t enc_key, auth_key; /* bytes of key material, salts included */
    uint32_t keys;             /* block of the key store (enc then auth), 0 = no key */
    uint32_t lifetime;         /* struct sa_lifetime, 0 = no limit */
    uint16_t window;           /* packets, 0 = off; inbound only */
    uint16_t reserved;
    uint32_t seq_hi;   /* upper half as ADD and UPDATE_SA gave it: for host-managed ESN */
    uint64_t sequence; /* out: number of the next packet; in: highest number received (top) */
    uint64_t bitmap;   /* window <= 64: the bit map itself; above: block of the window store */
    uint64_t packets, bytes; /* lifetime counters */
};

/* 104 bytes. */
struct sa_context {
    uint32_t references;   /* packets in flight that use the SA; first: the pool's link when free */
    uint32_t generation;   /* of this place, upper half of the handle; outlives the SA */
    uint8_t state;         /* enum sa_state */
    uint8_t flags;         /* SA_CONTEXT_* */
    uint8_t udp;           /* enum esp_udp */
    uint8_t count;         /* entries: 1 or 2 */
    uint16_t sport, dport; /* UDP ports of the encapsulation */
    uint32_t second;       /* entry 1 in the pool of second entries, 0 = none */
    uint32_t note;         /* block of the note store: selector, VLAN, port; 0 = none */
    union {
        uint8_t v4[2][4]; /* source, destination; network byte order */
        uint32_t v6;      /* struct sa_v6_pair */
    } address;
    uint64_t used_ns; /* last use, for idle-age policies; written by sa_count */
    struct sa_entry first;
};

struct sa_v6_pair {
    uint8_t src[16], dst[16];
};

struct sa_lifetime {
    struct esp_lifetime limit;
    uint64_t start_ns; /* when the SA became live */
};

static inline enum esp_dir sa_dir(const struct sa_context *context)
{
    return (context->flags & SA_CONTEXT_IN) ? ESP_DIR_IN : ESP_DIR_OUT;
}

static inline enum esp_mode sa_mode(const struct sa_context *context)
{
    return (context->flags & SA_CONTEXT_TUNNEL) ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
}

static inline bool sa_esn(const struct sa_entry *entry)
{
    return (entry->flags & SA_ENTRY_ESN) != 0;
}

/* The 64-bit number of a packet when the host manages the upper half: in the crypto offload, and
 * with `esn` host-managed. Without ESN the low half alone. */
static inline uint64_t sa_host_sequence(const struct sa_entry *entry, uint32_t seq_lo)
{
    return sa_esn(entry) ? (uint64_t)entry->seq_hi << 32 | seq_lo : seq_lo;
}

#endif
