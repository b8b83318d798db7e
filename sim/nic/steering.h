/* Steering rules of a card that forwards by itself: which outbound SA takes a clear packet.
 *
 * A rule comes with the ADD of an outbound SA (its selector; in transport mode without one, its endpoints)
 * and goes with the DELETE. The most specific rule takes the packet: most prefix bits, then a protocol, then
 * the fewest ports, then the SA that was added last; the same order as the reference host's. Rules are kept
 * by SA context. */
#ifndef ESPNIC_NIC_STEERING_H
#define ESPNIC_NIC_STEERING_H

#include "engine/snapshot.h"
#include "esp/packet.h"

enum { NIC_MAX_SHAPES = 64 };

/* What a rule looks at. */
struct nic_flow {
    uint8_t family; /* 4 or 6 */
    uint8_t proto;
    bool ports; /* sport and dport are there */
    uint8_t src[16], dst[16];
    uint16_t sport, dport;
};

/* Rules of one shape have the same prefix lengths, and look at the protocol or not. */
struct nic_shape {
    uint8_t family; /* 0: both */
    uint8_t src_bits, dst_bits, proto;
    uint32_t rules;
};

struct nic_rule {
    uint32_t next; /* of the same bucket: SA, 0 = none */
    uint32_t stamp;
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
    uint8_t shape; /* + 1; 0: there is no rule for this SA */
    uint8_t proto;
    uint8_t src[16], dst[16]; /* as far as the shape looks */
};

struct nic_steer {
    struct nic_rule *rule; /* by SA */
    size_t rules;
    uint32_t *head; /* buckets, a power of two */
    size_t heads;
    struct nic_steer_state {
        uint32_t live, stamp;
        uint32_t shapes;
        uint32_t refused; /* selectors of more shapes than there is room for */
        struct nic_shape shape[NIC_MAX_SHAPES];
        uint8_t order[NIC_MAX_SHAPES]; /* by specificity */
    } s;
};

void nic_steering_free(struct nic_steer *t);
void nic_steering_register_state(struct nic_steer *t, struct snapshot *snap);

/* Aborts when memory is out. False: too many shapes, counted. `family` where the selector has no prefix. */
bool nic_steering_add(struct nic_steer *t, uint32_t sa, const struct esp_selector *selector,
                      uint8_t family);
/* Nothing if it has no rule. */
void nic_steering_remove(struct nic_steer *t, uint32_t sa);

/* The SA, or 0. */
uint32_t nic_steering_find(const struct nic_steer *t, const struct nic_flow *flow);

#endif
