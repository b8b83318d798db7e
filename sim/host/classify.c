/* Which outbound SA takes a clear packet: tuple space search.
 *
 * Selectors of the same shape (family, prefix lengths, exact protocol and ports) share one hash table
 * space, keyed by the masked packet. A look-up probes one bucket for each shape, most specific first,
 * and stops as soon as no later shape can hold a better rule. Real rule sets have few shapes however
 * many selectors they have. */
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"

enum {
    TUPLE_PROTO = 1u << 0, /* exact: part of the key */
    TUPLE_SPORT = 1u << 1,
    TUPLE_DPORT = 1u << 2,
    TUPLE_SPORT_RANGE = 1u << 3, /* compared rule by rule */
    TUPLE_DPORT_RANGE = 1u << 4
};

enum { RULE_TUNNEL = 1u << 0 };

/* Of an id: the kind of the rule. */
enum { KIND_SHIFT = 30, KIND_IPV6 = 2, KIND_PORTS = 1 };
#define RULE_IDS 0x3fffffffu

/* ---- specificity -------------------------------------------------------------------------------- */

/* Both ports 0..65535 is the same as no ports. */
static uint32_t narrowness(bool has, uint16_t lo, uint16_t hi)
{
    return has ? 65535u - (uint32_t)(hi - lo) : 0;
}

uint32_t host_selector_rank(const struct esp_selector *sel)
{
    uint32_t bits = (sel->has_src ? sel->src.length : 0u) + (sel->has_dst ? sel->dst.length : 0u);

    return bits << 18 | (sel->has_proto ? 1u << 17 : 0) |
           (narrowness(sel->has_sport, sel->sport_lo, sel->sport_hi) +
            narrowness(sel->has_dport, sel->dport_lo, sel->dport_hi));
}

static bool prefix_matches(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
    unsigned rest = bits % 8;

    return memcmp(address, prefix, bits / 8) == 0 &&
           (rest == 0 || ((address[bits / 8] ^ prefix[bits / 8]) >> (8 - rest)) == 0);
}

static bool port_matches(bool has, uint16_t lo, uint16_t hi, bool known, uint16_t port)
{
    return !has || (lo == 0 && hi == 65535) || (known && port >= lo && port <= hi);
}

bool host_selector_matches(const struct esp_selector *sel, const struct host_flow *flow)
{
    if (!sel->present) {
        return true;
    }
    return (!sel->has_src ||
            (sel->src.address.family == flow->family &&
             prefix_matches(flow->src, sel->src.address.bytes, sel->src.length))) &&
           (!sel->has_dst ||
            (sel->dst.address.family == flow->family &&
             prefix_matches(flow->dst, sel->dst.address.bytes, sel->dst.length))) &&
           (!sel->has_proto || sel->proto == flow->proto) &&
           port_matches(sel->has_sport, sel->sport_lo, sel->sport_hi, flow->ports, flow->sport) &&
           port_matches(sel->has_dport, sel->dport_lo, sel->dport_hi, flow->ports, flow->dport);
}

static bool is_wildcard(const struct esp_address *a)
{
    static const uint8_t zero[16];

    return memcmp(a->bytes, zero, sizeof zero) == 0;
}

bool host_selector_of(const struct esp_node *node, bool any_tunnel, struct esp_selector *sel,
                      uint8_t *family)
{
    uint8_t bits = node->src.family == 6 ? 128 : 32;

    *sel = node->sel;
    *family = sel->has_src   ? sel->src.address.family
              : sel->has_dst ? sel->dst.address.family
                             : node->src.family;
    if (sel->present) {
        return true;
    }
    memset(sel, 0, sizeof *sel);
    sel->present = true;
    if (node->mode == ESP_MODE_TUNNEL) {
        return any_tunnel;
    }
    sel->has_src = true; /* a prefix of length 0 ties a wildcard to its family */
    sel->has_dst = true;
    sel->src = (struct esp_prefix){ node->src, is_wildcard(&node->src) ? 0 : bits };
    sel->dst = (struct esp_prefix){ node->dst, is_wildcard(&node->dst) ? 0 : bits };
    return true;
}

/* ---- hashing ------------------------------------------------------------------------------------ */

static uint64_t load64(const uint8_t *p)
{
    uint64_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

/* The first `bits` bits of a word that was loaded little-endian from network order bytes. */
static uint64_t mask64(uint64_t word, unsigned bits)
{
    if (bits >= 64) {
        return word;
    }
    if (bits == 0) {
        return 0;
    }
    return word & __builtin_bswap64(~(uint64_t)0 << (64 - bits));
}

static uint64_t fold(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
}

/* Source and destination as far as a tuple looks at them: 4 bytes each, or 16. A rule keeps them so. */
union prefixes {
    uint64_t word[4];
    uint8_t bytes[2 * 16];
};

static size_t prefixes_bytes(const struct host_tuple *tuple)
{
    return tuple->family == 6 ? 2 * 16 : 2 * 4;
}

static void cut(const struct host_tuple *tuple, const uint8_t *src, const uint8_t *dst,
                union prefixes *to)
{
    unsigned s = tuple->src_bits;
    unsigned d = tuple->dst_bits;

    if (tuple->family != 6) {
        to->word[0] = mask64(load32(src), s) | mask64(load32(dst), d) << 32;
        return;
    }
    to->word[0] = mask64(load64(src), s);
    to->word[1] = s > 64 ? mask64(load64(src + 8), s - 64) : 0;
    to->word[2] = mask64(load64(dst), d);
    to->word[3] = d > 64 ? mask64(load64(dst + 8), d - 64) : 0;
}

/* What a rule and the packets that it takes have in common. */
static uint64_t key_of(const struct host_tuple *tuple, uint32_t index, const union prefixes *p,
                       uint8_t proto, uint16_t sport, uint16_t dport)
{
    uint64_t h = fold(index + 1, p->word[0]);

    if (tuple->family == 6) {
        h = fold(fold(fold(h, p->word[1]), p->word[2]), p->word[3]);
    }
    if ((tuple->exact & (TUPLE_PROTO | TUPLE_SPORT | TUPLE_DPORT)) != 0) {
        h = fold(h, (uint64_t)((tuple->exact & TUPLE_PROTO) != 0 ? proto + 1u : 0) << 32 |
                        (uint64_t)((tuple->exact & TUPLE_SPORT) != 0 ? sport : 0u) << 16 |
                        ((tuple->exact & TUPLE_DPORT) != 0 ? dport : 0u));
    }
    return rng_mix(h);
}

/* ---- rules -------------------------------------------------------------------------------------- */

static struct host_rule *rule_at(const struct host_classifier *c, uint32_t id)
{
    return host_at(&c->rules[id >> KIND_SHIFT], id & RULE_IDS);
}

static size_t address_bytes(unsigned kind)
{
    return (kind & KIND_IPV6) != 0 ? 16 : 4;
}

/* Source and destination. */
static uint8_t *rule_address(const struct host_classifier *c, uint32_t id)
{
    return (uint8_t *)(rule_at(c, id) + 1);
}

static const struct host_rule_ports all_ports = { 0, 65535, 0, 65535 };

static struct host_rule_ports *own_ports(const struct host_classifier *c, uint32_t id)
{
    return (struct host_rule_ports *)(void *)(rule_address(c, id) +
                                              2 * address_bytes(id >> KIND_SHIFT));
}

static const struct host_rule_ports *rule_ports(const struct host_classifier *c, uint32_t id)
{
    return (id >> KIND_SHIFT & KIND_PORTS) != 0 ? own_ports(c, id) : &all_ports;
}

static uint64_t rule_key(const struct host_classifier *c, uint32_t id)
{
    const struct host_rule *rule = rule_at(c, id);
    const struct host_tuple *tuple = &c->tuple[rule->tuple];
    const struct host_rule_ports *ports = rule_ports(c, id);
    union prefixes prefixes;

    memcpy(prefixes.bytes, rule_address(c, id), prefixes_bytes(tuple));
    return key_of(tuple, rule->tuple, &prefixes, rule->proto, ports->sport_lo, ports->dport_lo);
}

static uint64_t rule_hash(const void *owner, uint32_t id)
{
    return rule_key(owner, id);
}

static uint32_t *rule_link(const void *owner, uint32_t id)
{
    return &rule_at(owner, id)->next;
}

static const struct sa_index_owner of_rule = { .hash = rule_hash, .link = rule_link };

bool host_classifier_init(struct host_classifier *c)
{
    memset(c, 0, sizeof *c);
    for (unsigned kind = 0; kind < HOST_RULE_KINDS; kind++) {
        size_t bytes = sizeof(struct host_rule) + 2 * address_bytes(kind) +
                       ((kind & KIND_PORTS) != 0 ? sizeof(struct host_rule_ports) : 0);

        host_array_init(&c->rules[kind], (uint32_t)bytes);
    }
    host_index_init(&c->index);
    c->tuple = calloc(HOST_MAX_TUPLES, sizeof *c->tuple);
    c->state = calloc(1, sizeof *c->state);
    return c->tuple != NULL && c->state != NULL;
}

void host_classifier_destroy(struct host_classifier *c)
{
    for (unsigned kind = 0; kind < HOST_RULE_KINDS; kind++) {
        host_array_destroy(&c->rules[kind]);
    }
    host_index_destroy(&c->index);
    free(c->tuple);
    free(c->state);
}

/* ---- shapes ------------------------------------------------------------------------------------- */

static bool full_range(bool has, uint16_t lo, uint16_t hi)
{
    return !has || (lo == 0 && hi == 65535);
}

static struct host_tuple shape_of(const struct esp_selector *sel, uint8_t family)
{
    struct host_tuple t = { .family = sel->has_src || sel->has_dst ? family : 0,
                            .src_bits = sel->has_src ? sel->src.length : 0,
                            .dst_bits = sel->has_dst ? sel->dst.length : 0 };
    uint32_t narrow = 0;

    if (sel->has_proto) {
        t.exact |= TUPLE_PROTO;
    }
    if (!full_range(sel->has_sport, sel->sport_lo, sel->sport_hi)) {
        bool one = sel->sport_lo == sel->sport_hi;

        t.exact |= one ? TUPLE_SPORT : TUPLE_SPORT_RANGE;
        narrow += one ? 65535 : 65534;
    }
    if (!full_range(sel->has_dport, sel->dport_lo, sel->dport_hi)) {
        bool one = sel->dport_lo == sel->dport_hi;

        t.exact |= one ? TUPLE_DPORT : TUPLE_DPORT_RANGE;
        narrow += one ? 65535 : 65534;
    }
    t.rank = (uint32_t)(t.src_bits + t.dst_bits) << 18 | (sel->has_proto ? 1u << 17 : 0) | narrow;
    return t;
}

static bool same_shape(const struct host_tuple *a, const struct host_tuple *b)
{
    return a->family == b->family && a->src_bits == b->src_bits && a->dst_bits == b->dst_bits &&
           a->exact == b->exact;
}

/* Index of the shape, made if need be; HOST_MAX_TUPLES if there are too many. */
static uint32_t shape_index(struct host_classifier *c, const struct host_tuple *wanted)
{
    struct host_classifier_state *s = c->state;
    uint32_t at;

    for (uint32_t i = 0; i < s->tuples; i++) {
        if (same_shape(&c->tuple[i], wanted)) {
            return i;
        }
    }
    if (s->tuples == HOST_MAX_TUPLES) {
        return HOST_MAX_TUPLES;
    }
    c->tuple[s->tuples] = *wanted;
    for (at = s->tuples; at > 0 && c->tuple[s->order[at - 1]].rank < wanted->rank; at--) {
        s->order[at] = s->order[at - 1];
    }
    s->order[at] = (uint16_t)s->tuples;
    return s->tuples++;
}

static bool has_ports(const struct host_tuple *tuple)
{
    return (tuple->exact & (TUPLE_SPORT | TUPLE_DPORT | TUPLE_SPORT_RANGE | TUPLE_DPORT_RANGE)) !=
           0;
}

uint32_t host_classifier_add(struct host_classifier *c, const struct esp_selector *sel,
                             uint8_t family, uint32_t sa, bool tunnel)
{
    struct host_tuple shape = shape_of(sel, family);
    uint32_t index = shape_index(c, &shape);
    unsigned kind = (shape.family == 6 ? KIND_IPV6 : 0u) | (has_ports(&shape) ? KIND_PORTS : 0u);
    union prefixes prefixes;
    struct host_rule *rule;
    uint32_t id;

    c->state->stamp++;
    if (index == HOST_MAX_TUPLES) {
        return 0;
    }
    id = host_array_take(&c->rules[kind]) | kind << KIND_SHIFT;
    rule = rule_at(c, id);
    rule->sa = sa;
    rule->stamp = c->state->stamp;
    rule->tuple = (uint16_t)index;
    rule->flags = tunnel ? RULE_TUNNEL : 0;
    rule->proto = sel->proto;
    cut(&shape, sel->src.address.bytes, sel->dst.address.bytes, &prefixes);
    memcpy(rule_address(c, id), prefixes.bytes, prefixes_bytes(&shape));
    if (has_ports(&shape)) {
        *own_ports(c, id) =
            (struct host_rule_ports){ .sport_lo = sel->has_sport ? sel->sport_lo : 0,
                                      .sport_hi = sel->has_sport ? sel->sport_hi : 65535,
                                      .dport_lo = sel->has_dport ? sel->dport_lo : 0,
                                      .dport_hi = sel->has_dport ? sel->dport_hi : 65535 };
    }
    c->tuple[index].rules++;
    c->state->rules++;
    host_index_insert(&c->index, &of_rule, c, id);
    return id;
}

void host_classifier_remove(struct host_classifier *c, uint32_t id)
{
    sa_index_remove(&c->index.chains, &of_rule, c, id);
    c->tuple[rule_at(c, id)->tuple].rules--;
    c->state->rules--;
    host_array_release(&c->rules[id >> KIND_SHIFT], id & RULE_IDS);
}

/* ---- look-up ------------------------------------------------------------------------------------ */

static bool rule_matches(const struct host_classifier *c, uint32_t id, const union prefixes *p,
                         const struct host_flow *flow)
{
    const struct host_rule *rule = rule_at(c, id);
    const struct host_tuple *tuple = &c->tuple[rule->tuple];
    const struct host_rule_ports *ports = rule_ports(c, id);
    const uint8_t *address = rule_address(c, id);

    return load64(address) == p->word[0] &&
           (tuple->family != 6 || memcmp(address, p->bytes, sizeof p->bytes) == 0) &&
           ((tuple->exact & TUPLE_PROTO) == 0 || rule->proto == flow->proto) &&
           port_matches(true, ports->sport_lo, ports->sport_hi, flow->ports, flow->sport) &&
           port_matches(true, ports->dport_lo, ports->dport_hi, flow->ports, flow->dport);
}

static uint32_t rule_rank(const struct host_tuple *tuple, const struct host_rule_ports *ports)
{
    if ((tuple->exact & (TUPLE_SPORT_RANGE | TUPLE_DPORT_RANGE)) == 0) {
        return tuple->rank;
    }
    return (uint32_t)(tuple->src_bits + tuple->dst_bits) << 18 |
           ((tuple->exact & TUPLE_PROTO) != 0 ? 1u << 17 : 0) |
           (narrowness(true, ports->sport_lo, ports->sport_hi) +
            narrowness(true, ports->dport_lo, ports->dport_hi));
}

struct best {
    uint32_t sa, rank, stamp;
};

static void search(const struct host_classifier *c, uint32_t index, const struct host_flow *flow,
                   unsigned want, struct best *best)
{
    const struct host_tuple *tuple = &c->tuple[index];
    union prefixes p;
    uint32_t id;

    cut(tuple, flow->src, flow->dst, &p);
    id = sa_index_head(&c->index.chains,
                       key_of(tuple, index, &p, flow->proto, flow->sport, flow->dport));
    while (id != 0) {
        const struct host_rule *rule = rule_at(c, id);

        if (rule->tuple == index && rule_matches(c, id, &p, flow) &&
            (want == HOST_WANT_ANY ||
             ((rule->flags & RULE_TUNNEL) != 0) == (want == HOST_WANT_TUNNEL))) {
            uint32_t rank = rule_rank(tuple, rule_ports(c, id));

            if (best->sa == 0 || rank > best->rank ||
                (rank == best->rank && rule->stamp > best->stamp)) {
                *best = (struct best){ rule->sa, rank, rule->stamp };
            }
        }
        id = rule->next;
    }
}

uint32_t host_classify(const struct host_classifier *c, const struct host_flow *flow, unsigned want)
{
    struct best best = { 0 };

    if (c->state->rules == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < c->state->tuples; i++) {
        uint32_t index = c->state->order[i];
        const struct host_tuple *tuple = &c->tuple[index];

        if (best.sa != 0 && best.rank > tuple->rank) {
            break;
        }
        if (tuple->rules != 0 && (tuple->family == 0 || tuple->family == flow->family)) {
            search(c, index, flow, want, &best);
        }
    }
    return best.sa;
}

/* ---- the packet --------------------------------------------------------------------------------- */

static bool carries_ports(uint8_t proto)
{
    return proto == ESP_PROTO_TCP || proto == ESP_PROTO_UDP || proto == 132 /* SCTP */ ||
           proto == 136 /* UDP-Lite */ || proto == 33 /* DCCP */;
}

void host_flow_of(const uint8_t *frame, uint32_t captured, uint32_t length, struct host_flow *flow,
                  struct esp_view *view)
{
    memset(flow, 0, sizeof *flow);
    esp_parse(frame, captured, length, NULL, view);
    if ((view->version != 4 && view->version != 6) || view->kind == ESP_PACKET_MALFORMED) {
        return;
    }
    flow->family = view->version;
    flow->proto = view->proto;
    if (view->version == 4) {
        memcpy(flow->src, frame + view->l3 + 12, 4);
        memcpy(flow->dst, frame + view->l3 + 16, 4);
    } else {
        memcpy(flow->src, frame + view->l3 + 8, 16);
        memcpy(flow->dst, frame + view->l3 + 24, 16);
    }
    if (!view->fragment && carries_ports(view->proto) &&
        view->l3 + view->l3_header + 4 <= captured) {
        const uint8_t *l4 = frame + view->l3 + view->l3_header;

        flow->ports = true;
        flow->sport = esp_get16(l4);
        flow->dport = esp_get16(l4 + 2);
    }
}
