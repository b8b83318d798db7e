/* Tuple space search: a hash table of rules keyed by shape and masked addresses; shapes are probed from the
 * most specific on, until none can hold a better rule than the one found. */
#include "nic/steering.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"

enum { FIRST_HEADS = 64, PORTS = 65536 };

void nic_steering_free(struct nic_steer *t)
{
    free(t->rule);
    free(t->head);
    memset(t, 0, sizeof *t);
}

void nic_steering_register_state(struct nic_steer *t, struct snapshot *snap)
{
    snapshot_fixed(snap, "steering.state", &t->s, sizeof t->s);
    snapshot_array(snap, "steering.rule", &t->rule, sizeof *t->rule, &t->rules);
    snapshot_array(snap, "steering.head", &t->head, sizeof *t->head, &t->heads);
}

/* ---- shapes -------------------------------------------------------------------------------------- */

/* More prefix bits come first, then a protocol; ports are told apart rule by rule. */
static uint32_t shape_rank(const struct nic_shape *s)
{
    return ((uint32_t)s->src_bits + s->dst_bits) << 1 | s->proto;
}

static unsigned shape_of(struct nic_steer *t, const struct esp_selector *sel, uint8_t family)
{
    struct nic_steer_state *s = &t->s;
    struct nic_shape wanted = { .family = sel->has_src || sel->has_dst ? family : 0,
                                .src_bits = sel->has_src ? sel->src.length : 0,
                                .dst_bits = sel->has_dst ? sel->dst.length : 0,
                                .proto = sel->has_proto };
    uint32_t at;

    for (unsigned i = 0; i < s->shapes; i++) {
        const struct nic_shape *o = &s->shape[i];

        if (o->family == wanted.family && o->src_bits == wanted.src_bits &&
            o->dst_bits == wanted.dst_bits && o->proto == wanted.proto) {
            return i;
        }
    }
    if (s->shapes == NIC_MAX_SHAPES) {
        return NIC_MAX_SHAPES;
    }
    s->shape[s->shapes] = wanted;
    for (at = s->shapes; at > 0 && shape_rank(&s->shape[s->order[at - 1]]) < shape_rank(&wanted);
         at--) {
        s->order[at] = s->order[at - 1];
    }
    s->order[at] = (uint8_t)s->shapes;
    return s->shapes++;
}

/* ---- the hash table -------------------------------------------------------------------------------- */

static void cut(const uint8_t *address, unsigned bits, uint8_t out[16])
{
    memset(out, 0, 16);
    memcpy(out, address, bits / 8);
    if (bits % 8) {
        out[bits / 8] = (uint8_t)(address[bits / 8] & 0xff00u >> bits % 8);
    }
}

static uint64_t fold(uint64_t h, const uint8_t *bytes)
{
    uint64_t word[2];

    memcpy(word, bytes, sizeof word);
    return rng_mix(rng_mix(h ^ word[0]) ^ word[1]);
}

static uint64_t key_of(unsigned shape, const uint8_t *src, const uint8_t *dst)
{
    return fold(fold(shape + 1u, src), dst);
}

static uint32_t *bucket(const struct nic_steer *t, unsigned shape, const uint8_t *src,
                        const uint8_t *dst)
{
    return &t->head[key_of(shape, src, dst) & (t->heads - 1)];
}

static void link_rule(struct nic_steer *t, uint32_t sa)
{
    struct nic_rule *r = &t->rule[sa];
    uint32_t *head = bucket(t, r->shape - 1u, r->src, r->dst);

    r->next = *head;
    *head = sa;
}

static void make_room(struct nic_steer *t, uint32_t sa)
{
    if (sa >= t->rules) {
        size_t more = t->rules ? t->rules : FIRST_HEADS;

        while (sa >= more) {
            more *= 2;
        }
        t->rule = must(realloc(t->rule, more * sizeof *t->rule));
        memset(t->rule + t->rules, 0, (more - t->rules) * sizeof *t->rule);
        t->rules = more;
    }
    if (t->s.live >= t->heads) {
        t->heads = t->heads ? 2 * t->heads : FIRST_HEADS;
        free(t->head);
        t->head = must(calloc(t->heads, sizeof *t->head));
        for (uint32_t i = 1; i < t->rules; i++) {
            if (t->rule[i].shape) {
                link_rule(t, i);
            }
        }
    }
}

bool nic_steering_add(struct nic_steer *t, uint32_t sa, const struct esp_selector *sel,
                      uint8_t family)
{
    unsigned shape = shape_of(t, sel, family);
    struct nic_rule *r;

    nic_steering_remove(t, sa);
    if (shape == NIC_MAX_SHAPES) {
        t->s.refused++;
        return false;
    }
    make_room(t, sa);
    r = &t->rule[sa];
    *r = (struct nic_rule){ .stamp = ++t->s.stamp,
                            .sport_lo = sel->has_sport ? sel->sport_lo : 0,
                            .sport_hi = sel->has_sport ? sel->sport_hi : PORTS - 1,
                            .dport_lo = sel->has_dport ? sel->dport_lo : 0,
                            .dport_hi = sel->has_dport ? sel->dport_hi : PORTS - 1,
                            .shape = (uint8_t)(shape + 1),
                            .proto = sel->has_proto ? sel->proto : 0 };
    cut(sel->src.address.bytes, t->s.shape[shape].src_bits, r->src);
    cut(sel->dst.address.bytes, t->s.shape[shape].dst_bits, r->dst);
    link_rule(t, sa);
    t->s.live++;
    t->s.shape[shape].rules++;
    return true;
}

void nic_steering_remove(struct nic_steer *t, uint32_t sa)
{
    struct nic_rule *r;
    uint32_t *at;

    if (sa >= t->rules || !t->rule[sa].shape) {
        return;
    }
    r = &t->rule[sa];
    at = bucket(t, r->shape - 1u, r->src, r->dst);
    while (*at != sa) {
        at = &t->rule[*at].next;
    }
    *at = r->next;
    t->s.shape[r->shape - 1].rules--;
    t->s.live--;
    memset(r, 0, sizeof *r);
}

/* ---- look-up --------------------------------------------------------------------------------------- */

static uint32_t narrowness(const struct nic_rule *r)
{
    return 2u * (PORTS - 1) - (uint32_t)(r->sport_hi - r->sport_lo) -
           (uint32_t)(r->dport_hi - r->dport_lo);
}

static bool port_matches(uint16_t lo, uint16_t hi, bool known, uint16_t port)
{
    return (lo == 0 && hi == PORTS - 1) || (known && port >= lo && port <= hi);
}

static bool matches(const struct nic_steer *t, const struct nic_rule *r, unsigned shape,
                    const uint8_t *src, const uint8_t *dst, const struct nic_flow *flow)
{
    return r->shape == shape + 1 && !memcmp(r->src, src, 16) && !memcmp(r->dst, dst, 16) &&
           (!t->s.shape[shape].proto || r->proto == flow->proto) &&
           port_matches(r->sport_lo, r->sport_hi, flow->ports, flow->sport) &&
           port_matches(r->dport_lo, r->dport_hi, flow->ports, flow->dport);
}

static bool better(const struct nic_rule *r, const struct nic_rule *best)
{
    return narrowness(r) > narrowness(best) ||
           (narrowness(r) == narrowness(best) && r->stamp > best->stamp);
}

uint32_t nic_steering_find(const struct nic_steer *t, const struct nic_flow *flow)
{
    uint32_t best = 0;
    uint32_t rank = 0;

    for (unsigned i = 0; i < t->s.shapes; i++) {
        unsigned shape = t->s.order[i];
        const struct nic_shape *s = &t->s.shape[shape];
        uint8_t src[16];
        uint8_t dst[16];

        if (best && shape_rank(s) < rank) {
            break;
        }
        if (!s->rules || (s->family && s->family != flow->family)) {
            continue;
        }
        cut(flow->src, s->src_bits, src);
        cut(flow->dst, s->dst_bits, dst);
        for (uint32_t sa = *bucket(t, shape, src, dst); sa; sa = t->rule[sa].next) {
            if (matches(t, &t->rule[sa], shape, src, dst, flow) &&
                (!best || better(&t->rule[sa], &t->rule[best]))) {
                best = sa;
                rank = shape_rank(s);
            }
        }
    }
    return best;
}
