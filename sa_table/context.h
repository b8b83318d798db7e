/* The SA context as the card keeps it.
 *
 * One context per node (bundle): one direction, one endpoint pair, one entry (AH or ESP) inside
 * and a rare second one (AH and ESP) out of line. A context with one entry takes 56 bytes, since
 * what varies in size or is rare is out of line as well: keys, selector and the like in one block
 * of the table's store (note.h), IPv6 addresses, lifetime limits, and a window above 64. Indices,
 * never pointers; all times are the caller's nanoseconds. */
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
    SA_CONTEXT_WIPED = 1u << 5    /* no DELETE waits for its end */
};

enum {
    SA_ENTRY_ESN = 1u << 0,
    SA_ENTRY_TIMING_ONLY = 1u << 1, /* no key: lengths but no contents */
    SA_ENTRY_SOFT = 1u << 2,        /* the soft limit was reported */
    SA_ENTRY_HARD = 1u << 3,        /* the hard limit was reported */
    /* of a first entry only, about its node */
    SA_ENTRY_SECOND = 1u << 4,  /* there is a second entry */
    SA_ENTRY_NOTE = 1u << 5,    /* there is a selector, VLAN or switch port */
    SA_ENTRY_PORTS = 1u << 6,   /* the UDP ports are in the block; else both are 4500 */
    SA_ENTRY_NO_PORTS = 1u << 7 /* or both are 0 */
};

/* One SA: AH and ESP of a bundle have each their own number and window. 40 bytes. */
struct sa_entry {
    uint32_t spi;
    uint32_t next;         /* chain of the look-up index */
    uint32_t block;        /* keys and what else note.h says, 0 = nothing */
    uint32_t lifetime;     /* struct sa_lifetime, 0 = no limit */
    uint32_t enc : 5;      /* enum esp_alg */
    uint32_t auth : 5;     /* enum esp_alg */
    uint32_t enc_icv : 5;  /* bytes */
    uint32_t auth_icv : 6; /* bytes */
    uint32_t op : 2;       /* enum esp_op */
    uint8_t flags;         /* SA_ENTRY_* */
    uint32_t window : 13;  /* packets, 0 = off; inbound only */
    uint32_t enc_key : 6;  /* bytes of key material, salt included */
    uint32_t auth_key : 7; /* bytes of key material, salt included */
    uint32_t udp : 4;      /* of a first entry: enum esp_udp of the node */
    uint32_t overlap : 1;  /* with the upper half in the block, a scope: scope.h */
    uint32_t armed : 1;    /* the next crossing of the scope's middle is an event */
    uint64_t sequence;     /* out: number of the next packet; in: highest number received (top) */
    uint64_t bitmap;       /* window <= 64: the bit map itself; above: block of the window store */
};

/* 56 bytes. */
struct sa_context {
    struct sa_entry first;    /* of a free context its SPI is the pool's link */
    uint32_t generation;      /* of this place, upper half of the handle; outlives the SA */
    uint32_t references : 22; /* packets in flight that use the SA: the card's buffers hold fewer */
    uint32_t state : 2;       /* enum sa_state */
    uint32_t flags : 8;       /* SA_CONTEXT_* */
    union {
        uint8_t v4[2][4]; /* source, destination; network byte order */
        uint32_t v6;      /* struct sa_v6_pair */
    } address;
};

struct sa_v6_pair {
    uint8_t src[16], dst[16];
};

/* What is counted against a limit, and what the card saw of it when it looked last (lifetime.c). */
struct sa_counter {
    uint64_t value;
    uint64_t at_poll, poll; /* value at the poll of this number */
};

struct sa_lifetime {
    struct esp_lifetime limit;
    uint64_t start_ns; /* when the SA became live */
    struct sa_counter packets, bytes;
    /* Of a table with rounds, packet limits: */
    uint32_t left;      /* counts down */
    uint32_t threshold; /* at or below it there is an event, if armed */
    uint8_t armed;      /* SA_ARM_* */
    bool counted;       /* there is such a limit */
};

enum { SA_ARM_ESN = 1, SA_ARM_LIMIT = 2 };

/* Only in a table that watches for them. Nanoseconds; 0: never. */
struct sa_activity {
    uint64_t used_ns, asked_ns; /* last good packet; last SaDeleteReq */
};

/* Only in a table that raises events: when the last one of each entry was, ps; 0: there was none, or it was answered. */
struct sa_event_times {
    uint64_t raised[ESP_MAX_SAS];
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

/* 1 or 2. */
static inline uint32_t sa_entries(const struct sa_context *context)
{
    return (context->first.flags & SA_ENTRY_SECOND) != 0 ? 2 : 1;
}

#endif
