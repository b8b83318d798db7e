/* Parts of the reference host by themselves: choice of the outbound SA against a linear scan, reassembly
 * against the packet that was cut up, storage. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"
#include "host/internal.h"

/* ---- choice of the SA -------------------------------------------------------------------------- */

enum { RULES = 600, FLOWS = 4000 };

struct listed {
    struct esp_selector sel;
    uint8_t family; /* of the endpoints */
    uint32_t sa;
    uint32_t id; /* 0: removed */
    bool tunnel;
    unsigned stamp;
};

static struct listed rules[RULES];

static struct esp_prefix random_prefix(uint64_t *state, uint8_t family)
{
    struct esp_prefix prefix = { .address.family = family };

    /* few distinct bits, so that prefixes nest and flows hit them */
    prefix.address.bytes[0] = 10;
    prefix.address.bytes[1] = (uint8_t)(support_random(state) % 3);
    prefix.address.bytes[2] = (uint8_t)((support_random(state) % 4) << 6);
    prefix.address.bytes[3] = (uint8_t)(support_random(state) % 4);
    if (family == 6) {
        prefix.address.bytes[9] = (uint8_t)(support_random(state) % 3);
        prefix.address.bytes[15] = (uint8_t)(support_random(state) % 3);
    }
    prefix.length = (uint8_t)(support_random(state) % (family == 4 ? 33 : 129));
    return prefix;
}

static void random_range(uint64_t *state, uint16_t *lo, uint16_t *hi)
{
    switch (support_random(state) % 3) {
    case 0:
        *lo = (uint16_t)(support_random(state) % 8);
        *hi = *lo;
        break;
    case 1:
        *lo = (uint16_t)(support_random(state) % 8);
        *hi = (uint16_t)(*lo + support_random(state) % 8);
        break;
    default:
        *lo = 0;
        *hi = 65535;
        break;
    }
}

static struct esp_selector random_selector(uint64_t *state, uint8_t family)
{
    struct esp_selector sel = { .present = true };

    if (support_random(state) % 4 != 0) {
        sel.has_src = true;
        sel.src = random_prefix(state, family);
    }
    if (support_random(state) % 4 != 0) {
        sel.has_dst = true;
        sel.dst = random_prefix(state, family);
    }
    if (support_random(state) % 3 == 0) {
        sel.has_proto = true;
        sel.proto = support_random(state) % 2 ? 6 : 17;
    }
    if (support_random(state) % 3 == 0) {
        sel.has_sport = true;
        random_range(state, &sel.sport_lo, &sel.sport_hi);
    }
    if (support_random(state) % 3 == 0) {
        sel.has_dport = true;
        random_range(state, &sel.dport_lo, &sel.dport_hi);
    }
    return sel;
}

static struct host_flow random_flow(uint64_t *state)
{
    struct host_flow flow = { .family = support_random(state) % 2 ? 4 : 6,
                              .proto = (uint8_t)(support_random(state) % 3 == 0   ? 1
                                                 : support_random(state) % 2 == 0 ? 6
                                                                                  : 17) };
    struct esp_prefix src = random_prefix(state, flow.family);
    struct esp_prefix dst = random_prefix(state, flow.family);

    memcpy(flow.src, src.address.bytes, 16);
    memcpy(flow.dst, dst.address.bytes, 16);
    if (flow.proto != 1) {
        flow.ports = true;
        flow.sport = (uint16_t)(support_random(state) % 12);
        flow.dport = (uint16_t)(support_random(state) % 12);
    }
    return flow;
}

/* Bit by bit, on purpose. */
static bool inside(const struct esp_prefix *prefix, uint8_t family, const uint8_t *address)
{
    if (prefix->address.family != family) {
        return false;
    }
    for (unsigned bit = 0; bit < prefix->length; bit++) {
        unsigned mask = 0x80u >> (bit % 8);

        if ((prefix->address.bytes[bit / 8] & mask) != (address[bit / 8] & mask)) {
            return false;
        }
    }
    return true;
}

static bool takes(const struct esp_selector *s, const struct host_flow *f)
{
    bool any_sport = !s->has_sport || (s->sport_lo == 0 && s->sport_hi == 65535);
    bool any_dport = !s->has_dport || (s->dport_lo == 0 && s->dport_hi == 65535);

    if ((s->has_src && !inside(&s->src, f->family, f->src)) ||
        (s->has_dst && !inside(&s->dst, f->family, f->dst)) ||
        (s->has_proto && s->proto != f->proto)) {
        return false;
    }
    return (any_sport || (f->ports && f->sport >= s->sport_lo && f->sport <= s->sport_hi)) &&
           (any_dport || (f->ports && f->dport >= s->dport_lo && f->dport <= s->dport_hi));
}

static unsigned width(bool has, unsigned lo, unsigned hi)
{
    return has ? hi - lo + 1 : 65536;
}

/* More specific: more prefix bits, then a protocol, then fewer ports; then the later one. */
static bool better(const struct listed *a, const struct listed *b)
{
    unsigned bits_a =
        (a->sel.has_src ? a->sel.src.length : 0u) + (a->sel.has_dst ? a->sel.dst.length : 0u);
    unsigned bits_b =
        (b->sel.has_src ? b->sel.src.length : 0u) + (b->sel.has_dst ? b->sel.dst.length : 0u);
    unsigned ports_a = width(a->sel.has_sport, a->sel.sport_lo, a->sel.sport_hi) +
                       width(a->sel.has_dport, a->sel.dport_lo, a->sel.dport_hi);
    unsigned ports_b = width(b->sel.has_sport, b->sel.sport_lo, b->sel.sport_hi) +
                       width(b->sel.has_dport, b->sel.dport_lo, b->sel.dport_hi);

    if (bits_a != bits_b) {
        return bits_a > bits_b;
    }
    if (a->sel.has_proto != b->sel.has_proto) {
        return a->sel.has_proto;
    }
    return ports_a != ports_b ? ports_a < ports_b : a->stamp > b->stamp;
}

static uint32_t scan(const struct host_flow *flow, unsigned want)
{
    const struct listed *best = NULL;

    for (unsigned i = 0; i < RULES; i++) {
        if (rules[i].id == 0 || !takes(&rules[i].sel, flow) ||
            (want != HOST_WANT_ANY && rules[i].tunnel != (want == HOST_WANT_TUNNEL))) {
            continue;
        }
        if (best == NULL || better(&rules[i], best)) {
            best = &rules[i];
        }
    }
    return best == NULL ? 0 : best->sa;
}

START_TEST(classifier)
{
    struct host_classifier c;
    uint64_t state = 7;
    unsigned stamp = 0;
    unsigned hits = 0;
    unsigned misses = 0;

    ck_assert(host_classifier_init(&c));
    memset(rules, 0, sizeof rules);
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned change = 0; change < 60; change++) {
            struct listed *r = &rules[support_random(&state) % RULES];

            if (r->id != 0) {
                host_classifier_remove(&c, r->id);
                r->id = 0;
                continue;
            }
            r->family = support_random(&state) % 2 ? 4 : 6;
            r->sel = random_selector(&state, r->family);
            r->sa = 1 + (uint32_t)(r - rules);
            r->tunnel = support_random(&state) % 2 != 0;
            r->stamp = ++stamp;
            r->id = host_classifier_add(&c, &r->sel, r->family, r->sa, r->tunnel);
            ck_assert_uint_ne(r->id, 0);
        }
        for (unsigned i = 0; i < FLOWS / 30; i++) {
            struct host_flow flow = random_flow(&state);

            for (unsigned want = HOST_WANT_ANY; want <= HOST_WANT_TUNNEL; want++) {
                uint32_t expected = scan(&flow, want);

                ck_assert_uint_eq(host_classify(&c, &flow, want), expected);
                hits += expected != 0;
                misses += expected == 0;
            }
        }
    }
    ck_assert_uint_gt(hits, FLOWS); /* the test has tested something */
    ck_assert_uint_gt(misses, 50);
    host_classifier_destroy(&c);
}
END_TEST

START_TEST(selector_matches)
{
    uint64_t state = 9;
    unsigned taken = 0;

    for (unsigned i = 0; i < 20000; i++) {
        struct esp_selector sel = random_selector(&state, support_random(&state) % 2 ? 4 : 6);
        struct host_flow flow = random_flow(&state);

        ck_assert(host_selector_matches(&sel, &flow) == takes(&sel, &flow));
        taken += takes(&sel, &flow);
    }
    ck_assert_uint_gt(taken, 200);
}
END_TEST

/* 100 000 selectors of one shape: each finds its own. */
START_TEST(many_selectors)
{
    struct host_classifier c;
    enum { MANY = 100000 };
    unsigned added = 0;
    unsigned found = 0;

    ck_assert(host_classifier_init(&c));
    for (uint32_t i = 1; i <= MANY; i++) {
        struct esp_selector sel = { .present = true, .has_src = true, .has_dst = true };

        sel.src =
            (struct esp_prefix){ { 4, { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } },
                                 32 };
        sel.dst = (struct esp_prefix){ { 4, { 11, 0, 0, 0 } }, 8 };
        added += host_classifier_add(&c, &sel, 4, i, true) != 0;
    }
    for (uint32_t i = 1; i <= MANY; i++) {
        struct host_flow flow = { .family = 4, .proto = 17 };
        uint8_t src[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
        uint8_t dst[4] = { 11, (uint8_t)i, 3, 4 };

        memcpy(flow.src, src, 4);
        memcpy(flow.dst, dst, 4);
        found += host_classify(&c, &flow, HOST_WANT_ANY) == i;
    }
    ck_assert_uint_eq(added, MANY);
    ck_assert_uint_eq(found, MANY);
    host_classifier_destroy(&c);
}
END_TEST

/* ---- reassembly -------------------------------------------------------------------------------- */

struct bench {
    struct host *host;
    struct espnic_ports ports;
};

static struct bench open_bench(uint32_t reassemblies)
{
    struct bench b;
    struct host_config config;
    struct host_options options = { .functional = true, .ports = 1 };
    char error[256];

    memset(&config, 0, sizeof config);
    param_set_defaults(&config, host_param_groups, host_param_group_count);
    config.software.reassemblies = reassemblies;
    b.host = host_create(&config, &options, &b.ports, error, sizeof error);
    ck_assert_msg(b.host != NULL, "%s", error);
    return b;
}

struct piece {
    uint8_t bytes[2048];
    uint32_t length;
};

/* Cut a well-formed packet into fragments of at most `most` payload bytes. */
static unsigned cut(const struct esp_packet *packet, uint32_t most, uint32_t id,
                    struct piece *pieces)
{
    const uint8_t *frame = esp_packet_bytes(packet);
    struct esp_view view;
    uint32_t header;
    uint32_t payload;
    uint32_t total;
    unsigned n = 0;
    uint32_t at = 0;

    esp_parse(frame, packet->length, packet->length, NULL, &view);
    ck_assert(view.version == 4 || view.version == 6);
    header = view.version == 4 ? view.l3_header : ESP_IPV6_HEADER;
    payload = view.l3 + header;
    total = view.l3 + view.l3_length - payload;
    while (at < total) {
        uint32_t bytes = total - at <= most ? total - at : most & ~7u;
        bool more = at + bytes < total;
        uint8_t *out = pieces[n].bytes;
        uint32_t front = view.l3 + header;

        memcpy(out, frame, front);
        if (view.version == 4) {
            esp_put16(out + view.l3 + 2, (uint16_t)(header + bytes));
            esp_put16(out + view.l3 + 4, (uint16_t)id);
            esp_put16(out + view.l3 + 6, (uint16_t)(at / 8 | (more ? 0x2000 : 0)));
            esp_put16(out + view.l3 + 10, 0);
            esp_put16(out + view.l3 + 10, esp_ip_checksum(out + view.l3, header));
        } else {
            out[front] = out[view.l3 + 6];
            out[front + 1] = 0;
            out[view.l3 + 6] = ESP_PROTO_FRAGMENT;
            esp_put16(out + front + 2, (uint16_t)(at | (more ? 1 : 0)));
            esp_put32(out + front + 4, id);
            esp_put16(out + view.l3 + 4, (uint16_t)(8 + bytes));
            front += 8;
        }
        memcpy(out + front, frame + payload + at, bytes);
        pieces[n].length = front + bytes;
        at += bytes;
        n++;
    }
    return n;
}

/* Give a fragment to the host; true if a packet came out, which must be `whole`. */
static bool give(struct host *host, const struct piece *piece, const struct esp_packet *whole,
                 uint64_t *dropped, bool *kept)
{
    struct esp_view view;
    uint32_t entry;
    uint32_t length;
    uint64_t d;
    const uint8_t *bytes;
    uint8_t expected[4096];
    uint32_t l3;

    esp_parse(piece->bytes, piece->length, piece->length, NULL, &view);
    ck_assert_uint_eq(view.kind, ESP_PACKET_FRAGMENT);
    if (!host_reasm_add(host, 0, piece->bytes, piece->length, &view, &entry, &length, &d, kept)) {
        *dropped += d;
        return false;
    }
    *dropped += d;
    bytes = host_reasm_bytes(host, entry) + host_reasm_start(host, entry);
    if (whole != NULL) {
        ck_assert_uint_eq(length, whole->length);
        memcpy(expected, esp_packet_bytes(whole), length);
        l3 = view.l3;
        if (view.version == 4) { /* the fragments' identification; no fragmenting any more */
            memcpy(expected + l3 + 4, piece->bytes + l3 + 4, 2);
            esp_put16(expected + l3 + 6, 0);
            esp_put16(expected + l3 + 10, 0);
            esp_put16(expected + l3 + 10, esp_ip_checksum(expected + l3, (expected[l3] & 15) * 4u));
        }
        ck_assert_mem_eq(bytes, expected, length);
    }
    host_reasm_release(host, entry);
    return true;
}

static void shuffle(uint64_t *state, unsigned *order, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        order[i] = i;
    }
    for (unsigned i = n; i > 1; i--) {
        unsigned k = (unsigned)(support_random(state) % i);
        unsigned t = order[i - 1];

        order[i - 1] = order[k];
        order[k] = t;
    }
}

START_TEST(reassembly)
{
    struct bench b = open_bench(64);
    static struct piece pieces[256];
    static uint8_t buffer[8192];
    unsigned order[256];
    uint64_t state = 3;

    for (unsigned round = 0; round < 400; round++) {
        struct esp_packet packet;
        uint8_t version = round % 2 ? 4 : 6;
        uint32_t most = 8u * (1 + (uint32_t)(support_random(&state) % 100));
        uint32_t length = most + 60 + (uint32_t)(support_random(&state) % 1500);
        unsigned n;
        uint64_t dropped = 0;
        bool kept;

        support_frame(&state, buffer, sizeof buffer, version, length, 0, round % 3 == 0, &packet);
        n = cut(&packet, most, round, pieces);
        ck_assert_uint_gt(n, 1);
        shuffle(&state, order, n);
        for (unsigned i = 0; i < n; i++) {
            bool complete = give(b.host, &pieces[order[i]], &packet, &dropped, &kept);

            ck_assert(complete == (i + 1 == n));
            ck_assert(kept);
            if (i + 1 < n && support_random(&state) % 4 == 0) { /* once more: ignored */
                uint64_t before = dropped;

                ck_assert(!give(b.host, &pieces[order[i]], &packet, &dropped, &kept));
                ck_assert(!kept);
                ck_assert_uint_eq(dropped, before + 1);
            }
        }
        ck_assert_uint_eq(b.host->s->reasm_fragments, 0);
        ck_assert_uint_eq(b.host->s->reasm_live, 0);
    }
    host_destroy(b.host);
}
END_TEST

START_TEST(reassembly_damage)
{
    struct bench b = open_bench(2);
    static struct piece pieces[64], other[64];
    static uint8_t buffer[8192];
    struct esp_packet packet;
    uint64_t state = 5;
    uint64_t dropped = 0;
    bool kept;
    unsigned n;

    support_frame(&state, buffer, sizeof buffer, 4, 1000, 0, false, &packet);
    n = cut(&packet, 400, 1, pieces);
    ck_assert_uint_eq(n, 3);
    /* overlap in part: the whole packet is given up */
    cut(&packet, 256, 1, other);
    ck_assert(!give(b.host, &pieces[0], NULL, &dropped, &kept));
    ck_assert(!give(b.host, &other[1], NULL, &dropped, &kept));
    ck_assert_uint_eq(dropped, 2);
    ck_assert(!kept);
    ck_assert_uint_eq(b.host->s->reasm_live, 0);
    /* two ends */
    dropped = 0;
    ck_assert(!give(b.host, &pieces[2], NULL, &dropped, &kept));
    pieces[3] = pieces[0];
    esp_put16(pieces[3].bytes + 14 + 6, 0); /* no more fragments, offset 0 */
    esp_put16(pieces[3].bytes + 14 + 6, 1); /* offset 8, last */
    ck_assert(!give(b.host, &pieces[3], NULL, &dropped, &kept));
    ck_assert_uint_eq(dropped, 2);
    /* no room: the oldest gives way */
    dropped = 0;
    for (unsigned i = 0; i < 4; i++) {
        cut(&packet, 400, 100 + i, pieces);
        ck_assert(!give(b.host, &pieces[0], NULL, &dropped, &kept));
        ck_assert(kept);
    }
    ck_assert_uint_eq(dropped, 2);
    ck_assert_uint_eq(b.host->s->reasm_fragments, 2);
    host_destroy(b.host);
}
END_TEST

/* Any bytes as fragments: nothing breaks, and what is inside is counted right. */
START_TEST(reassembly_noise)
{
    struct bench b = open_bench(4);
    uint64_t state = 11;
    uint64_t in = 0;
    uint64_t gone = 0;
    uint64_t merged = 0;

    for (unsigned i = 0; i < 50000; i++) {
        uint8_t frame[400];
        uint32_t size = 42 + (uint32_t)(support_random(&state) % (i % 2 ? 300 : 24));
        struct esp_view view;
        uint32_t entry;
        uint32_t length;
        uint64_t dropped;
        bool kept;
        uint32_t payload = (size - 34) & ~7u;

        support_fill(&state, frame, size);
        esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
        frame[14] = 0x45;
        esp_put16(frame + 16, (uint16_t)(20 + payload));
        esp_put16(frame + 18, (uint16_t)(support_random(&state) % 3));
        esp_put16(frame + 20, (uint16_t)((support_random(&state) % 3 ? 0x2000 : 0) |
                                         support_random(&state) % (i % 2 ? 30 : 4)));
        frame[23] = 17;
        memset(frame + 26, 1, 8);
        esp_parse(frame, size, size, NULL, &view);
        if (view.kind != ESP_PACKET_FRAGMENT) {
            continue;
        }
        in++;
        if (host_reasm_add(b.host, i, frame, size, &view, &entry, &length, &dropped, &kept)) {
            merged += b.host->reasm[entry].fragments;
            ck_assert_uint_le(length, REASM_BYTES);
            host_reasm_release(b.host, entry);
        }
        gone += dropped;
    }
    ck_assert_uint_eq(in, gone + merged + b.host->s->reasm_fragments);
    ck_assert_uint_gt(merged, 100);
    host_destroy(b.host);
}
END_TEST

/* ---- storage ----------------------------------------------------------------------------------- */

/* One assertion for many bytes: each costs a message of the test library. */
static bool all_are(const uint8_t *p, size_t bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

START_TEST(stores)
{
    struct host_store store;
    uint32_t id[300];
    size_t bytes[300];
    uint64_t state = 1;

    host_store_init(&store, 4);
    memset(id, 0, sizeof id);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned k = (unsigned)(support_random(&state) % 300);

        if (id[k] != 0) {
            ck_assert(all_are(host_block(&store, id[k]), bytes[k], (uint8_t)k));
            host_store_release(&store, id[k], bytes[k]);
            id[k] = 0;
            continue;
        }
        bytes[k] = 1 + (size_t)(support_random(&state) % 600);
        id[k] = host_store_take(&store, bytes[k]);
        ck_assert(all_are(host_block(&store, id[k]), bytes[k], 0));
        memset(host_block(&store, id[k]), (int)k, bytes[k]);
    }
    ck_assert_uint_lt((uint64_t)store.used * 4, 4ull * 300 * 1024); /* blocks are used again */
    host_store_destroy(&store);
}
END_TEST

/* ---- packed nodes ------------------------------------------------------------------------------ */

static void random_entry(uint64_t *state, struct esp_sa *sa, enum esp_op op)
{
    static const enum esp_alg ciphers[] = { ESP_ALG_NULL, ESP_ALG_AES_CBC_256,
                                            ESP_ALG_AES_CTR_192 };
    static const enum esp_alg aeads[] = { ESP_ALG_AES_GCM_128, ESP_ALG_CHACHA20_POLY1305 };
    static const enum esp_alg macs[] = { ESP_ALG_SHA_512, ESP_ALG_MD5, ESP_ALG_AES_GMAC_128 };

    sa->op = op;
    sa->spi = (uint32_t)support_random(state);
    sa->esn = support_random(state) % 2 != 0;
    sa->seq = support_random(state) % 3;
    sa->seq_hi = sa->esn ? (uint32_t)support_random(state) : 0;
    sa->seq |= (uint64_t)sa->seq_hi << 32;
    sa->replay_window = (uint16_t)(support_random(state) % 2 ? 64 : support_random(state) % 4097);
    if (op == ESP_OP_ESP && support_random(state) % 2) {
        support_random_key(state, aeads[support_random(state) % 2], 16, &sa->enc);
        return;
    }
    if (op == ESP_OP_ESP) {
        support_random_key(state, ciphers[support_random(state) % 3], 0, &sa->enc);
    }
    support_random_key(state, macs[support_random(state) % 3], 12, &sa->auth);
}

/* Everything that the host needs comes back; handle and pair are kept elsewhere. */
START_TEST(packing)
{
    uint64_t state = 21;
    size_t most = 0;

    for (unsigned i = 0; i < 20000; i++) {
        struct esp_node node;
        struct esp_node back;
        _Alignas(uint32_t) uint8_t bytes[HOST_MAX_PACK];
        uint8_t family = support_random(&state) % 2 ? 4 : 6;
        size_t length;

        memset(&node, 0, sizeof node);
        node.dir = support_random(&state) % 2 ? ESP_DIR_IN : ESP_DIR_OUT;
        node.mode = support_random(&state) % 2 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
        node.encap_sport = 4500;
        node.encap_dport = 4500;
        if (support_random(&state) % 3 == 0) {
            node.udp = ESP_UDP_TUNNEL;
            node.encap_sport = (uint16_t)support_random(&state);
            node.encap_dport = (uint16_t)support_random(&state);
        }
        node.src = random_prefix(&state, family).address;
        node.dst = random_prefix(&state, family).address;
        if (support_random(&state) % 2) {
            node.sel = random_selector(&state, support_random(&state) % 2 ? 4 : 6);
        }
        node.sa_count = (uint8_t)(1 + support_random(&state) % 2);
        random_entry(&state, &node.sa[0],
                     node.sa_count == 1 && support_random(&state) % 2 ? ESP_OP_AH : ESP_OP_ESP);
        if (node.sa_count == 2) {
            random_entry(&state, &node.sa[1], ESP_OP_AH);
        }
        length = host_pack(&node, bytes);
        ck_assert_uint_eq(length, host_pack_length(bytes));
        most = length > most ? length : most;
        *host_pack_chain(bytes) = i;
        host_pack_set_indexed(bytes, i % 2 != 0);
        ck_assert_uint_eq(*host_pack_chain(bytes), i);
        ck_assert(host_pack_indexed(bytes) == (i % 2 != 0));
        ck_assert_uint_eq(host_pack_spi(bytes), node.sa[node.sa_count - 1].spi);
        ck_assert_int_eq(host_pack_op(bytes), node.sa[node.sa_count - 1].op);
        memset(&back, 0xff, sizeof back);
        host_unpack(bytes, &back);
        ck_assert_mem_eq(&back, &node, sizeof node);
    }
    ck_assert_uint_gt(most, 200);
    ck_assert_uint_le(most, HOST_MAX_PACK);
}
END_TEST

/* ---- nodes ------------------------------------------------------------------------------------- */

static uint64_t random_pair(uint64_t *state, uint64_t handle)
{
    uint64_t near = support_random(state) % 1000;

    switch (support_random(state) % 6) {
    case 0: return 0;
    case 1: return handle;
    case 2: return support_random(state);
    case 3: return handle + near;
    case 4:
        return handle + (INT64_C(1) << 31) - near; /* as far as a difference of 32 bits reaches */
    default: return handle - near;
    }
}

START_TEST(nodes)
{
    enum { NODES = 5000 };
    struct bench b = open_bench(4);
    static struct esp_node node[NODES];
    static uint32_t id[NODES];
    uint64_t state = 8;

    ck_assert_uint_eq(sizeof(struct host_sa), 36);
    for (unsigned i = 0; i < NODES; i++) {
        node[i].handle = support_random(&state) | 1;
        node[i].pair = random_pair(&state, node[i].handle);
        node[i].dir = i % 2 ? ESP_DIR_IN : ESP_DIR_OUT;
        node[i].src = random_prefix(&state, 4).address;
        node[i].dst = random_prefix(&state, 4).address;
        node[i].sa_count = 1;
        random_entry(&state, &node[i].sa[0], ESP_OP_ESP);
        id[i] = host_sa_new(b.host, &node[i]);
        host_sa_set_pair(b.host, id[i], node[i].pair);
        host_sa_card(b.host, id[i], node[i].handle * 3);
    }
    for (unsigned i = 0; i < NODES; i += 3) {
        host_sa_free(b.host, id[i]);
        id[i] = 0;
    }
    for (unsigned i = 0; i < NODES; i++) {
        uint32_t carded = i % 2 ? id[i] : 0; /* only inbound ones are found by the card's handle */

        ck_assert_uint_eq(host_sa_find(b.host, node[i].handle), id[i]);
        ck_assert_uint_eq(host_sa_of_card(b.host, node[i].handle * 3), carded);
        if (id[i] != 0) {
            ck_assert_uint_eq(host_sa_pair(b.host, id[i]), node[i].pair);
            host_sa_free(b.host, id[i]);
        }
    }
    ck_assert_uint_eq(b.host->sas.live, 0);
    ck_assert_uint_eq(b.host->packs.live + b.host->windows.live, 0);
    host_destroy(b.host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_parts");
    TCase *tcase = tcase_create("parts");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, classifier);
    tcase_add_test(tcase, selector_matches);
    tcase_add_test(tcase, many_selectors);
    tcase_add_test(tcase, reassembly);
    tcase_add_test(tcase, reassembly_damage);
    tcase_add_test(tcase, reassembly_noise);
    tcase_add_test(tcase, stores);
    tcase_add_test(tcase, packing);
    tcase_add_test(tcase, nodes);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
