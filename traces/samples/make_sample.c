/* Makes the sample "vpn-gateway": the recording of a gateway's card, the clear packets that its LAN
 * sends, the packets that its peers send, and what must come of them.
 *
 *   make-sample FOLDER        (make sample)
 *
 * Everything comes from one seed and integer arithmetic: the same bytes on every machine. What must
 * come out is counted here while the packets are made, from what was meant, not by a card model. */
#include "engine/rng.h"
#include "esp/esp.h"
#include "traces/capture.h"
#include "traces/recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US      UINT64_C(1000)                /* ns */
#define END_NS  (2000 * US)                   /* no packet is offered later */
#define BASE_NS UINT64_C(1700000000000000000) /* stamp of t = 0 */
#define NEVER   UINT64_MAX
#define HALF    (UINT64_C(1) << 32) /* numbers of one upper half of an ESN */

enum {
    SEED = 4303,
    AT_START = 120,
    APPEARING = 6,
    TUNNELS = AT_START + APPEARING,
    MAX_PAIRS = 3,
    FRAME_ROOM = 4096,
    LINE_GBPS = 100,
    BURST_GBPS = 45,
    LULL_GBPS = 1
};

enum way { TX, RX, WAYS };

/* Random streams: one for each question, so that a change in one leaves the others alone. */
enum {
    STREAM_SA,
    STREAM_PLAN,
    STREAM_PICK,
    STREAM_SIZE = STREAM_PICK + WAYS,
    STREAM_GAP = STREAM_SIZE + WAYS,
    STREAM_FLOW = STREAM_GAP + WAYS,
    STREAM_ORDER = STREAM_FLOW + WAYS,
    STREAM_IV,
    STREAMS
};

/* The two SAs that live and die together. */
struct pair {
    struct esp_node in, out;
    uint64_t use_ns;    /* the peer sends under `in` from here on */
    uint64_t delete_ns; /* NEVER: outlives the recording */
    uint64_t next[WAYS];
    uint32_t received; /* packets made for `in`, replays not counted */
    bool owes;         /* the network holds back number `owed` */
    uint64_t owed;
};

struct tunnel {
    unsigned index;
    uint64_t weight; /* share of the packets, Zipf */
    uint64_t born_ns, dies_ns;
    bool natt, outer6, inner6;
    bool crosses; /* its numbers pass 2^32 */
    uint64_t silent_until[WAYS];
    struct pair pair[MAX_PAIRS];
    unsigned pairs;
};

struct event {
    uint64_t t_ns;
    size_t order;
    enum recording_kind kind;
    const struct pair *pair;
    bool in, out; /* which of the two nodes */
};

/* Something done to packet number `nth` of a tunnel's first inbound SA: its ICV is damaged, or it
 * comes again after `distance` more packets of that SA. */
struct mischief {
    unsigned tunnel;
    uint32_t nth, distance;
    bool damage;
    bool done;
    uint32_t length; /* of the copy */
    uint8_t copy[FRAME_ROOM];
};

/* Beyond a window of 64, inside the window, and at once while the first may still be on its way
 * through the card. Far replays hit an SA without ESN: with ESN a number below the window would be
 * taken for one of the next upper half (RFC 4303 A2.1) and fail its ICV instead. */
static struct mischief mischiefs[] = {
    { .tunnel = 1, .nth = 20, .distance = 90 },  { .tunnel = 1, .nth = 60, .distance = 70 },
    { .tunnel = 4, .nth = 10, .distance = 0 },   { .tunnel = 9, .nth = 15, .distance = 5 },
    { .tunnel = 0, .nth = 300, .distance = 12 }, { .tunnel = 10, .nth = 8, .distance = 0 },
    { .tunnel = 13, .nth = 6, .distance = 2 },   { .tunnel = 6, .nth = 12, .damage = true },
    { .tunnel = 11, .nth = 6, .damage = true },
};
enum { MISCHIEFS = sizeof mischiefs / sizeof mischiefs[0] };

enum special { ARP, ICMP, IKE, IKE_NATT, KEEPALIVE, UNKNOWN_SPI, SPECIALS };

static const struct {
    uint64_t t_ns;
    enum special what;
} specials[] = {
    { 0, ARP },        { 260 * US, IKE_NATT },     { 505 * US, ICMP },  { 810 * US, KEEPALIVE },
    { 990 * US, IKE }, { 1130 * US, UNKNOWN_SPI }, { 1510 * US, ICMP },
};
enum { SPECIAL_COUNT = sizeof specials / sizeof specials[0] };

struct sample {
    struct rng rng[STREAMS];
    struct tunnel tunnel[TUNNELS];
    struct event *events;
    size_t event_count, event_capacity;
    struct esp_crypt *crypt;
    struct capture_writer *writer[WAYS];
    uint64_t free_ns[WAYS]; /* the line is free again */
    uint64_t handles;
    /* what must come out */
    uint64_t records, adds, nodes, preloaded, updates, deletes, deleted, peak, rekeys, dying;
    uint64_t packets[WAYS], bytes[WAYS];
    uint64_t tx_esp_bytes, rx_good, rx_good_bytes, rx_replayed, rx_bad_icv;
    uint64_t special[SPECIALS];
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "make-sample: %s: %s\n", what, why);
    exit(1);
}

static uint64_t draw(struct sample *s, unsigned stream, uint64_t n)
{
    return rng_below(&s->rng[stream], n);
}

/* ---- tunnels ---------------------------------------------------------------------------- */

static struct esp_address ip4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct esp_address){ .family = 4,
                                 .bytes = { (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d } };
}

/* 2001:db8:NET:SUBNET::HOST, the documentation prefix of RFC 3849. */
static struct esp_address ip6(unsigned net, unsigned subnet, unsigned host)
{
    struct esp_address a = { .family = 6, .bytes = { 0x20, 0x01, 0x0d, 0xb8 } };

    esp_put16(a.bytes + 4, (uint16_t)net);
    esp_put16(a.bytes + 6, (uint16_t)subnet);
    esp_put16(a.bytes + 14, (uint16_t)host);
    return a;
}

static bool is_spi_used(const struct sample *s, uint32_t spi)
{
    for (unsigned i = 0; i < TUNNELS; i++) {
        for (unsigned k = 0; k < s->tunnel[i].pairs; k++) {
            if (s->tunnel[i].pair[k].in.sa[0].spi == spi ||
                s->tunnel[i].pair[k].out.sa[0].spi == spi) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t new_spi(struct sample *s)
{
    uint32_t spi;

    do {
        spi = 0xc0000000u + (uint32_t)draw(s, STREAM_SA, 1u << 28);
    } while (is_spi_used(s, spi));
    return spi;
}

static void set_key(struct sample *s, struct esp_key *key, enum esp_alg alg)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    key->alg = alg;
    key->icv = info->icv_default;
    key->length = (uint8_t)(info->key_bytes + info->salt_bytes);
    for (unsigned i = 0; i < key->length; i++) {
        key->bytes[i] = (uint8_t)draw(s, STREAM_SA, 256);
    }
}

static void set_sa(struct sample *s, const struct tunnel *t, struct esp_node *node)
{
    /* Ten in twelve GCM, one CBC with HMAC, one ChaCha20-Poly1305. */
    static const enum esp_alg algorithms[12] = {
        ESP_ALG_AES_GCM_128, ESP_ALG_AES_GCM_256, ESP_ALG_AES_GCM_128, ESP_ALG_AES_GCM_256,
        ESP_ALG_AES_GCM_256, ESP_ALG_AES_GCM_128, ESP_ALG_AES_CBC_256, ESP_ALG_AES_GCM_256,
        ESP_ALG_AES_GCM_128, ESP_ALG_AES_GCM_256, ESP_ALG_AES_GCM_128, ESP_ALG_CHACHA20_POLY1305
    };
    static const uint16_t windows[8] = { 64, 64, 128, 64, 1024, 64, 512, 256 };
    struct esp_sa *sa = &node->sa[0];

    node->sa_count = 1;
    sa->op = ESP_OP_ESP;
    sa->spi = new_spi(s);
    set_key(s, &sa->enc, algorithms[t->index % 12]);
    if (sa->enc.alg == ESP_ALG_AES_CBC_256) {
        set_key(s, &sa->auth, ESP_ALG_SHA_256);
    }
    sa->esn = t->crosses || t->index % 3 == 0;
    sa->replay_window = windows[t->index % 8];
    /* An outbound entry names the number that its first packet carries, an inbound one the highest
     * number received. */
    sa->seq = node->dir == ESP_DIR_OUT ? 1 : 0;
    if (t->crosses) {
        sa->seq += t->index == 0 ? 0xfffffeff : 0xffffff9f;
    }
}

/* The gateway is 198.51.100.1 and 2001:db8:ffff::1. Every ninth client sits behind a NAT, six of
 * them behind the same one, so that only ports and SPIs tell them apart. */
static void set_endpoints(const struct tunnel *t, struct esp_node *in, struct esp_node *out)
{
    struct esp_address gateway = t->outer6 ? ip6(0xffff, 0, 1) : ip4(198, 51, 100, 1);
    struct esp_address peer = t->outer6 ? ip6(0xf000, t->index, 1) : ip4(203, 0, 113, t->index + 1);
    uint16_t port = (uint16_t)(t->natt && t->index % 2 == 0 ? 40000 + t->index : 4500);

    if (port != 4500) {
        peer = ip4(192, 0, 2, 77);
    }
    in->src = out->dst = peer;
    in->dst = out->src = gateway;
    in->encap_sport = out->encap_dport = port;
    in->encap_dport = out->encap_sport = 4500;
    in->udp = out->udp = t->natt ? ESP_UDP_TUNNEL : ESP_UDP_NONE;
}

/* Behind the gateway lie 10.1.0.0/16 and 2001:db8:1::/48, behind each client its own subnet. */
static void set_selectors(const struct tunnel *t, struct esp_node *in, struct esp_node *out)
{
    struct esp_selector sel = { .present = true, .has_src = true, .has_dst = true };

    sel.src =
        (struct esp_prefix){ t->inner6 ? ip6(1, 0, 0) : ip4(10, 1, 0, 0), t->inner6 ? 48 : 16 };
    sel.dst = (struct esp_prefix){ t->inner6 ? ip6(0x100, t->index, 0) : ip4(172, 20, t->index, 0),
                                   t->inner6 ? 64 : 24 };
    out->sel = sel;
    sel.src = out->sel.dst;
    sel.dst = out->sel.src;
    in->sel = sel;
}

static struct pair *add_pair(struct sample *s, struct tunnel *t)
{
    struct pair *p = &t->pair[t->pairs];

    p->in.dir = ESP_DIR_IN;
    p->out.dir = ESP_DIR_OUT;
    p->in.handle = p->out.pair = ++s->handles;
    p->out.handle = p->in.pair = ++s->handles;
    p->in.mode = p->out.mode = ESP_MODE_TUNNEL;
    set_endpoints(t, &p->in, &p->out);
    set_selectors(t, &p->in, &p->out);
    set_sa(s, t, &p->in);
    set_sa(s, t, &p->out);
    p->in.sa[0].seq_hi = (uint32_t)(p->in.sa[0].seq >> 32);
    p->next[RX] = p->in.sa[0].seq + 1;
    p->next[TX] = p->out.sa[0].seq;
    p->delete_ns = NEVER;
    t->pairs++;
    return p;
}

/* ---- events ----------------------------------------------------------------------------- */

static void add_event(struct sample *s, struct event event)
{
    if (s->event_count == s->event_capacity) {
        s->event_capacity = s->event_capacity * 2 + 256;
        s->events = realloc(s->events, s->event_capacity * sizeof *s->events);
        if (s->events == NULL) {
            die("events", "out of memory");
        }
    }
    event.order = s->event_count;
    s->events[s->event_count++] = event;
}

/* Both nodes in one request, or for clients behind a NAT in two. Returns when the last is asked. */
static uint64_t ask_add(struct sample *s, const struct tunnel *t, const struct pair *p,
                        uint64_t t_ns)
{
    uint64_t second = t_ns == 0 ? 0 : t_ns + 3 * US;

    if (!t->natt) {
        add_event(s, (struct event){ t_ns, 0, RECORDING_ADD_SA, p, true, true });
        return t_ns;
    }
    add_event(s, (struct event){ t_ns, 0, RECORDING_ADD_SA, p, true, false });
    add_event(s, (struct event){ second, 0, RECORDING_ADD_SA, p, false, true });
    return second;
}

static void ask_delete(struct sample *s, const struct tunnel *t, struct pair *p, uint64_t t_ns)
{
    p->delete_ns = t_ns;
    if (t->index % 2 == 0) {
        add_event(s, (struct event){ t_ns, 0, RECORDING_DELETE_SA, p, true, true });
    } else {
        add_event(s, (struct event){ t_ns, 0, RECORDING_DELETE_SA, p, true, false });
        add_event(s, (struct event){ t_ns + 5 * US, 0, RECORDING_DELETE_SA, p, false, true });
    }
}

/* New pair, both live for a while, old pair deleted. The gateway's host moves its own traffic as
 * soon as the ADD completes; the peer learns of it over IKE, so it changes later. */
static void rekey(struct sample *s, struct tunnel *t, uint64_t t_ns)
{
    struct pair *old = &t->pair[t->pairs - 1];
    struct pair *p = add_pair(s, t);
    uint64_t added = ask_add(s, t, p, t_ns);

    p->use_ns = added + 100 * US + draw(s, STREAM_PLAN, 80) * US;
    ask_delete(s, t, old, p->use_ns + 150 * US + draw(s, STREAM_PLAN, 150) * US);
    s->rekeys++;
}

static void plan_rekeys(struct sample *s)
{
    for (unsigned i = 1; i < AT_START; i++) {
        struct tunnel *t = &s->tunnel[i];
        bool storm = draw(s, STREAM_PLAN, 10) < 4;
        uint64_t calm_ns = 100 * US + draw(s, STREAM_PLAN, 1400 * US);
        uint64_t storm_ns = 1000 * US + draw(s, STREAM_PLAN, 30 * US);

        if (t->crosses || t->dies_ns != 0 || draw(s, STREAM_PLAN, 100) >= 55) {
            continue;
        }
        if (i == 1) {
            /* The hottest tunnel without ESN: late enough for its replays. */
            rekey(s, t, 1200 * US);
        } else if (i == 3) {
            rekey(s, t, 300 * US);
            rekey(s, t, 1100 * US);
        } else {
            rekey(s, t, storm ? storm_ns : calm_ns);
        }
    }
}

static void plan_tunnels(struct sample *s)
{
    for (unsigned i = 0; i < TUNNELS; i++) {
        struct tunnel *t = &s->tunnel[i];

        t->index = i;
        t->weight = 1000000 / (i < AT_START ? i + 1 : i - AT_START + 10);
        t->crosses = i == 0 || i == 2;
        t->natt = i % 9 == 4;
        t->outer6 = !t->natt && i % 8 == 3;
        t->inner6 = i % 24 == 3 || i % 40 == 17;
        t->born_ns = i < AT_START ? 0 : (250 + 230 * (i - AT_START)) * US;
        ask_add(s, t, add_pair(s, t), t->born_ns);
    }
    for (unsigned i = 7; i < AT_START; i += 19) {
        struct tunnel *t = &s->tunnel[i];

        t->dies_ns = 700 * US + draw(s, STREAM_PLAN, 1000 * US);
        ask_delete(s, t, &t->pair[0], t->dies_ns);
        s->dying++;
    }
    plan_rekeys(s);
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;

    if (x->t_ns != y->t_ns) {
        return x->t_ns < y->t_ns ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

/* The record of an event; `nodes` and `handles` have room for two. */
static void fill_record(const struct event *e, struct recording_record *r)
{
    const struct pair *p = e->pair;

    r->t_ns = e->t_ns;
    r->kind = e->kind;
    r->node_count = r->handle_count = 0;
    for (int i = 0; i < 2; i++) {
        const struct esp_node *node = i == 0 ? &p->in : &p->out;

        if (i == 0 ? !e->in : !e->out) {
            continue;
        }
        if (e->kind == RECORDING_ADD_SA) {
            r->nodes[r->node_count++] = *node;
        } else if (e->kind == RECORDING_DELETE_SA) {
            r->handles[r->handle_count++] = node->handle;
        } else {
            r->handle = node->handle;
            r->op = node->sa[0].op;
            r->spi = node->sa[0].spi;
            r->seq_hi = node->sa[0].seq_hi + 1;
        }
    }
}

static void count_record(struct sample *s, const struct recording_record *r)
{
    s->records++;
    s->adds += r->kind == RECORDING_ADD_SA;
    s->nodes += r->node_count;
    s->preloaded += r->t_ns == 0 ? r->node_count : 0;
    s->updates += r->kind == RECORDING_UPDATE_SA;
    s->deletes += r->kind == RECORDING_DELETE_SA;
    s->deleted += r->handle_count;
    if (s->nodes - s->deleted > s->peak) {
        s->peak = s->nodes - s->deleted;
    }
}

static void write_recording(struct sample *s, const char *path)
{
    char error[RECORDING_ERROR_SIZE];
    char key[] = "x_about";
    char about[] = "\"made by traces/samples/make_sample.c: not the recording of a real card\"";
    struct recording_extra extra = { .place = RECORDING_IN_RECORD, .key = key, .json = about };
    struct recording_header header = { .present = true, .extras = { &extra, 1 } };
    struct recording_writer *writer = recording_writer_open(path, &header, error, sizeof error);
    struct esp_node nodes[2];
    uint64_t handles[2];
    struct recording_record record = { .nodes = nodes, .handles = handles };

    if (writer == NULL) {
        die("recording", error);
    }
    qsort(s->events, s->event_count, sizeof *s->events, by_time);
    for (size_t i = 0; i < s->event_count; i++) {
        fill_record(&s->events[i], &record);
        count_record(s, &record);
        recording_write(writer, &record);
    }
    if (!recording_writer_close(writer, error, sizeof error)) {
        die("recording", error);
    }
}

/* ---- frames ----------------------------------------------------------------------------- */

/* The wire is the WAN side. No packet is stamped before the one in front of it is off the line;
 * returns the stamp. */
static uint64_t put_frame(struct sample *s, enum way way, uint64_t now, uint8_t *frame,
                          uint32_t length)
{
    uint64_t at = now > s->free_ns[way] ? now : s->free_ns[way];

    if (length < 60) { /* Ethernet pads: 64 bytes with FCS are the least */
        memset(frame + length, 0, 60 - length);
        length = 60;
    }
    /* Preamble, FCS and gap: 24 bytes that no capture holds. */
    s->free_ns[way] = at + ((length + 24) * 8 + LINE_GBPS - 1) / LINE_GBPS;
    capture_write(s->writer[way], BASE_NS + at, frame, length, length);
    s->packets[way]++;
    s->bytes[way] += length;
    return at;
}

static void put_ethernet(uint8_t *frame, enum way way, uint16_t type)
{
    static const uint8_t router[6] = { 2, 0, 0, 0, 0x10, 2 };
    static const uint8_t gateway[6] = { 2, 0, 0, 0, 0x10, 1 };

    memcpy(frame, way == TX ? router : gateway, 6);
    memcpy(frame + 6, way == TX ? gateway : router, 6);
    esp_put16(frame + 12, type);
}

/* IP header for `payload` bytes of protocol `proto`; returns its length. */
static uint32_t put_ip(uint8_t *ip, const struct esp_address *src, const struct esp_address *dst,
                       uint8_t proto, uint32_t payload, uint16_t id)
{
    if (src->family == 6) {
        memset(ip, 0, ESP_IPV6_HEADER);
        ip[0] = 0x60;
        esp_put16(ip + 4, (uint16_t)payload);
        ip[6] = proto;
        ip[7] = 64;
        memcpy(ip + 8, src->bytes, 16);
        memcpy(ip + 24, dst->bytes, 16);
        return ESP_IPV6_HEADER;
    }
    memset(ip, 0, ESP_IPV4_HEADER);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)(ESP_IPV4_HEADER + payload));
    esp_put16(ip + 4, id);
    ip[8] = 64;
    ip[9] = proto;
    memcpy(ip + 12, src->bytes, 4);
    memcpy(ip + 16, dst->bytes, 4);
    esp_put16(ip + 10, esp_ip_checksum(ip, ESP_IPV4_HEADER));
    return ESP_IPV4_HEADER;
}

/* UDP header in front of `length` - 8 bytes that are in place. Checksum over the pseudo header:
 * RFC 768, RFC 8200 8.1. */
static void put_udp(uint8_t *udp, const struct esp_address *src, const struct esp_address *dst,
                    uint16_t sport, uint16_t dport, uint32_t length)
{
    uint8_t text[FRAME_ROOM] = { 0 };
    uint32_t address = src->family == 6 ? 16 : 4;
    uint32_t rest = 2 * address;
    uint16_t sum;

    esp_put16(udp, sport);
    esp_put16(udp + 2, dport);
    esp_put16(udp + 4, (uint16_t)length);
    esp_put16(udp + 6, 0);
    /* Only the sum matters, so one layout serves both versions. */
    memcpy(text, src->bytes, address);
    memcpy(text + address, dst->bytes, address);
    esp_put16(text + rest, ESP_PROTO_UDP);
    esp_put16(text + rest + 2, (uint16_t)length);
    memcpy(text + rest + 4, udp, length);
    sum = esp_ip_checksum(text, rest + 4 + length);
    esp_put16(udp + 6, sum == 0 ? 0xffff : sum);
}

/* A UDP frame of `length` bytes of one of the tunnel's flows. `serial` goes into the identification
 * and the payload, where there is room. */
static void build_clear(struct sample *s, const struct tunnel *t, enum way way, uint8_t *frame,
                        uint32_t length, uint64_t serial)
{
    unsigned flow = (unsigned)draw(s, (unsigned)STREAM_FLOW + way, 4);
    struct esp_address lan = t->inner6 ? ip6(1, 2, 10 + flow) : ip4(10, 1, flow, 10);
    struct esp_address client =
        t->inner6 ? ip6(0x100, t->index, 20 + flow) : ip4(172, 20, t->index, 20 + flow);
    const struct esp_address *src = way == TX ? &lan : &client;
    const struct esp_address *dst = way == TX ? &client : &lan;
    uint32_t l4 = CAPTURE_ETHERNET_HEADER + (t->inner6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER);
    uint32_t data = l4 + ESP_UDP_HEADER;
    uint16_t low = (uint16_t)(49152 + t->index * 4 + flow);

    put_ethernet(frame, way, t->inner6 ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    put_ip(frame + CAPTURE_ETHERNET_HEADER, src, dst, ESP_PROTO_UDP, length - l4, (uint16_t)serial);
    for (uint32_t i = data; i < length; i++) {
        frame[i] = (uint8_t)(i - data);
    }
    if (length - data >= 8) {
        esp_put32(frame + data, (uint32_t)(serial >> 32));
        esp_put32(frame + data + 4, (uint32_t)serial);
    }
    put_udp(frame + l4, src, dst, way == TX ? 443 : low, way == TX ? low : 443, length - l4);
}

/* Simple IMIX: 7, 4 and 1 of 64, 594 and 1518 bytes, FCS included: the clear frame. IPv6 and UDP
 * headers alone make it 66. */
static uint32_t draw_length(struct sample *s, const struct tunnel *t, enum way way)
{
    uint64_t n = draw(s, (unsigned)STREAM_SIZE + way, 12);

    if (n >= 7) {
        return n >= 11 ? 1514 : 590;
    }
    return t->inner6 ? 62 : 60;
}

static void seal(struct sample *s, const struct esp_node *node, uint64_t seq,
                 struct esp_packet *packet)
{
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = (uint32_t)node->handle } };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = seq, .ip_id = (uint16_t)seq } };
    enum esp_status status;

    for (unsigned i = 0; i < ESP_MAX_IV; i++) {
        encap[0].iv[i] = (uint8_t)draw(s, STREAM_IV, 256);
    }
    status = esp_seal_packet(s->crypt, node, key, packet, encap);
    if (status != ESP_OK) {
        die("seal", esp_status_name(status));
    }
}

/* ---- what is neither clear LAN traffic nor good ESP --------------------------------------- */

static uint32_t build_arp(uint8_t *frame)
{
    static const uint8_t request[] = { 0,   1,  8,   0,   6, 4, 0, 1, 2, 0, 0,   0,  0x10, 2,
                                       198, 51, 100, 254, 0, 0, 0, 0, 0, 0, 198, 51, 100,  1 };

    put_ethernet(frame, RX, 0x0806);
    memset(frame, 0xff, 6);
    memcpy(frame + CAPTURE_ETHERNET_HEADER, request, sizeof request);
    return CAPTURE_ETHERNET_HEADER + sizeof request;
}

static uint32_t build_ping(uint8_t *frame)
{
    struct esp_address from = ip4(198, 51, 100, 254);
    struct esp_address to = ip4(198, 51, 100, 1);
    uint8_t *icmp = frame + CAPTURE_ETHERNET_HEADER + ESP_IPV4_HEADER;

    put_ethernet(frame, RX, ESP_ETHERTYPE_IPV4);
    put_ip(frame + CAPTURE_ETHERNET_HEADER, &from, &to, 1, 64, 1);
    for (unsigned i = 0; i < 64; i++) {
        icmp[i] = (uint8_t)i;
    }
    memset(icmp, 0, 8);
    icmp[0] = 8; /* echo request, identifier and number 1 */
    icmp[5] = icmp[7] = 1;
    esp_put16(icmp + 2, esp_ip_checksum(icmp, 64));
    return CAPTURE_ETHERNET_HEADER + ESP_IPV4_HEADER + 64;
}

/* UDP between IKE ports: a keepalive is the byte 0xff (RFC 3948 2.3); IKE on port 4500 begins with
 * four zero bytes (2.2), then comes the header of RFC 7296 3.1. */
static uint32_t build_ike(uint8_t *frame, enum special what)
{
    struct esp_address from = ip4(192, 0, 2, 77);
    struct esp_address to = ip4(198, 51, 100, 1);
    uint8_t *udp = frame + CAPTURE_ETHERNET_HEADER + ESP_IPV4_HEADER;
    uint8_t *data = udp + ESP_UDP_HEADER;
    uint16_t sport = what == IKE ? 500 : 40004;
    uint32_t length = 1;

    data[0] = 0xff;
    if (what != KEEPALIVE) {
        uint32_t marker = what == IKE ? 0 : 4;

        length = marker + 92;
        memset(data, 0, length);
        for (unsigned i = 0; i < 16; i++) {
            data[marker + i] = (uint8_t)(0xa1 + 7 * i); /* SPIs of initiator and responder */
        }
        data[marker + 16] = 46;   /* next payload: encrypted */
        data[marker + 17] = 0x20; /* version 2.0 */
        data[marker + 18] = 36;   /* CREATE_CHILD_SA */
        data[marker + 19] = 0x08; /* from the initiator */
        esp_put32(data + marker + 20, 2);
        esp_put32(data + marker + 24, 92);
        esp_put16(data + marker + 30, 92 - 28); /* the encrypted payload is all the rest */
    }
    put_ethernet(frame, RX, ESP_ETHERTYPE_IPV4);
    put_ip(frame + CAPTURE_ETHERNET_HEADER, &from, &to, ESP_PROTO_UDP, ESP_UDP_HEADER + length, 2);
    put_udp(udp, &from, &to, sport, what == IKE ? 500 : 4500, ESP_UDP_HEADER + length);
    return CAPTURE_ETHERNET_HEADER + ESP_IPV4_HEADER + ESP_UDP_HEADER + length;
}

/* A good packet of an SA that the card never heard of. */
static void build_unknown(struct sample *s, struct esp_packet *packet)
{
    const struct tunnel *t = &s->tunnel[20];
    struct esp_node node = t->pair[0].in;

    node.handle = 0;
    node.sa[0].spi = new_spi(s);
    packet->length = 590;
    build_clear(s, t, RX, esp_packet_bytes(packet), packet->length, 0);
    seal(s, &node, 77, packet);
}

static void put_special(struct sample *s, enum special what, uint64_t t_ns)
{
    uint8_t buffer[FRAME_ROOM] = { 0 };
    struct esp_packet packet = { .buffer = buffer,
                                 .capacity = sizeof buffer,
                                 .start = ESP_HEADROOM,
                                 .l3 = CAPTURE_ETHERNET_HEADER };

    switch (what) {
    case ARP: packet.length = build_arp(esp_packet_bytes(&packet)); break;
    case ICMP: packet.length = build_ping(esp_packet_bytes(&packet)); break;
    case UNKNOWN_SPI: build_unknown(s, &packet); break;
    default: packet.length = build_ike(esp_packet_bytes(&packet), what); break;
    }
    put_frame(s, RX, t_ns, packet.buffer + packet.start, packet.length);
    s->special[what]++;
}

/* ---- traffic ---------------------------------------------------------------------------- */

/* A new tunnel is used 120 us after its ADD was asked for, one that goes ends 250 us before. */
static bool may_send(const struct tunnel *t, enum way way, uint64_t now)
{
    return now >= t->silent_until[way] && (t->born_ns == 0 || now >= t->born_ns + 120 * US) &&
           (t->dies_ns == 0 || now + 250 * US <= t->dies_ns);
}

static struct tunnel *pick(struct sample *s, enum way way, uint64_t now)
{
    uint64_t sum = 0;
    uint64_t at;

    for (unsigned i = 0; i < TUNNELS; i++) {
        sum += may_send(&s->tunnel[i], way, now) ? s->tunnel[i].weight : 0;
    }
    at = draw(s, (unsigned)STREAM_PICK + way, sum);
    for (unsigned i = 0;; i++) {
        uint64_t weight = may_send(&s->tunnel[i], way, now) ? s->tunnel[i].weight : 0;

        if (at < weight) {
            return &s->tunnel[i];
        }
        at -= weight;
    }
}

/* After the last number of a half: silence, and in the middle of it the UPDATE. A card that needs
 * it then loses nothing, and to one that does not it says nothing new. */
static void mind_crossing(struct sample *s, struct tunnel *t, struct pair *p, enum way way,
                          uint64_t at)
{
    if (t->crosses && p->next[way] == HALF) {
        t->silent_until[way] = at + 80 * US;
        add_event(s,
                  (struct event){ at + 40 * US, 0, RECORDING_UPDATE_SA, p, way == RX, way == TX });
    }
}

static uint32_t send_tx(struct sample *s, struct tunnel *t, uint64_t now)
{
    uint8_t frame[FRAME_ROOM];
    uint32_t length = draw_length(s, t, TX);
    struct pair *p = &t->pair[0];
    struct esp_transform transform;
    struct esp_lengths lengths;
    uint64_t at;

    build_clear(s, t, TX, frame, length, s->packets[TX]);
    at = put_frame(s, TX, now, frame, length);
    /* Every SA of a tunnel adds the same number of bytes. */
    esp_transform_of_node(&p->out, 0, &transform);
    esp_lengths_of(&transform, t->inner6 ? 6 : 4, length - CAPTURE_ETHERNET_HEADER,
                   t->inner6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER, 0, &lengths);
    s->tx_esp_bytes += CAPTURE_ETHERNET_HEADER + lengths.l3_length;
    p->next[TX]++;
    mind_crossing(s, t, p, TX, at);
    return length;
}

/* The SA and number that the peer's next packet to arrive has. One in forty is overtaken by the
 * packet behind it; around a rekey it may so arrive after the first packet of the new SA. */
static struct pair *next_received(struct sample *s, struct tunnel *t, uint64_t now, uint64_t *seq)
{
    struct pair *p = NULL;

    for (unsigned i = 0; i < t->pairs; i++) {
        struct pair *old = &t->pair[i];

        if (old->owes) {
            old->owes = false;
            if (old->delete_ns == NEVER || now + 40 * US < old->delete_ns) {
                *seq = old->owed;
                return old;
            }
        }
        p = old->use_ns <= now ? old : p;
    }
    if (p == NULL) {
        die("traffic", "a packet before the first SA");
    }
    if (!t->crosses && draw(s, STREAM_ORDER, 40) == 0) {
        p->owes = true;
        p->owed = p->next[RX]++;
    }
    *seq = p->next[RX]++;
    return p;
}

static bool is_damaged(const struct tunnel *t, const struct pair *p)
{
    for (unsigned i = 0; i < MISCHIEFS; i++) {
        struct mischief *m = &mischiefs[i];

        if (m->damage && m->tunnel == t->index && p == &t->pair[0] && m->nth == p->received) {
            m->done = true;
            return true;
        }
    }
    return false;
}

static void replay(struct sample *s, const struct tunnel *t, const struct pair *p,
                   const struct esp_packet *packet, uint64_t now)
{
    for (unsigned i = 0; i < MISCHIEFS; i++) {
        struct mischief *m = &mischiefs[i];

        if (m->damage || m->tunnel != t->index || p != &t->pair[0]) {
            continue;
        }
        if (m->nth == p->received) {
            m->length = packet->length;
            memcpy(m->copy, packet->buffer + packet->start, packet->length);
        }
        if (m->nth + m->distance == p->received) {
            put_frame(s, RX, now, m->copy, m->length);
            s->rx_replayed++;
            m->done = true;
        }
    }
}

static uint32_t send_rx(struct sample *s, struct tunnel *t, uint64_t now)
{
    uint8_t buffer[FRAME_ROOM];
    struct esp_packet packet = { .buffer = buffer,
                                 .capacity = sizeof buffer,
                                 .start = ESP_HEADROOM,
                                 .length = draw_length(s, t, RX),
                                 .l3 = CAPTURE_ETHERNET_HEADER };
    uint32_t clear = packet.length;
    uint64_t seq;
    struct pair *p = next_received(s, t, now, &seq);
    uint64_t at;

    build_clear(s, t, RX, esp_packet_bytes(&packet), clear, s->packets[RX]);
    seal(s, &p->in, seq, &packet);
    p->received++;
    if (is_damaged(t, p)) {
        buffer[packet.start + packet.length - 1] ^= 0x10;
        s->rx_bad_icv++;
    } else {
        s->rx_good++;
        s->rx_good_bytes += clear;
    }
    at = put_frame(s, RX, now, buffer + packet.start, packet.length);
    mind_crossing(s, t, p, RX, at);
    replay(s, t, p, &packet, at);
    return packet.length;
}

/* Bursts of 36 us at 45 Gbit/s every 200 us, little between; the directions out of step. */
static uint64_t draw_gap(struct sample *s, enum way way, uint64_t now, uint32_t length)
{
    uint64_t phase = (now + (way == TX ? 150 : 80) * US) % (200 * US);
    uint64_t rate = phase < 36 * US ? BURST_GBPS : LULL_GBPS;
    uint64_t bits = (uint64_t)(length + 24) * 8;

    return draw(s, (unsigned)STREAM_GAP + way, 2 * bits / rate + 1);
}

static void make_traffic(struct sample *s, enum way way)
{
    unsigned special = 0;
    uint64_t now = 0;

    while (now < END_NS) {
        struct tunnel *t;
        uint32_t length;

        while (way == RX && special < SPECIAL_COUNT && specials[special].t_ns <= now) {
            put_special(s, specials[special].what, now);
            special++;
        }
        now = now > s->free_ns[way] ? now : s->free_ns[way];
        t = pick(s, way, now);
        length = way == TX ? send_tx(s, t, now) : send_rx(s, t, now);
        now += draw_gap(s, way, now, length);
    }
    for (unsigned i = 0; way == RX && i < MISCHIEFS; i++) {
        if (!mischiefs[i].done) {
            die("traffic", "too few packets for all that was planned");
        }
    }
    if (way == RX && special < SPECIAL_COUNT) {
        die("traffic", "ended before all that was planned");
    }
}

/* ---- files ------------------------------------------------------------------------------ */

static void write_expected(const struct sample *s, const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        die(path, "cannot be written");
    }
    fprintf(file,
            "{\n  \"tunnels\": {\"at_start\": %d, \"appearing\": %d, \"disappearing\": %" PRIu64
            ", \"rekeys\": %" PRIu64 "},\n",
            AT_START, APPEARING, s->dying, s->rekeys);
    fprintf(file,
            "  \"recording\": {\"records\": %" PRIu64 ", \"add_requests\": %" PRIu64
            ", \"nodes_added\": %" PRIu64 ", \"nodes_preloaded\": %" PRIu64
            ", \"update_requests\": %" PRIu64 ", \"delete_requests\": %" PRIu64
            ", \"nodes_deleted\": %" PRIu64 ",\n                \"peak_live\": %" PRIu64
            ", \"live_at_end\": %" PRIu64 ", \"failures\": 0, \"rule_violations\": 0},\n",
            s->records, s->adds, s->nodes, s->preloaded, s->updates, s->deletes, s->deleted,
            s->peak, s->nodes - s->deleted);
    fprintf(file,
            "  \"tx\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"esp_packets\": %" PRIu64
            ", \"esp_bytes\": %" PRIu64 ", \"no_selector\": 0},\n",
            s->packets[TX], s->bytes[TX], s->packets[TX], s->tx_esp_bytes);
    fprintf(file,
            "  \"rx\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"good\": %" PRIu64
            ", \"good_clear_bytes\": %" PRIu64 ", \"replayed\": %" PRIu64 ", \"bad_icv\": %" PRIu64
            ", \"unknown_spi\": %" PRIu64 ",\n         \"arp\": %" PRIu64 ", \"icmp\": %" PRIu64
            ", \"ike\": %" PRIu64 ", \"ike_non_esp_marker\": %" PRIu64 ", \"keepalive\": %" PRIu64
            "}\n}\n",
            s->packets[RX], s->bytes[RX], s->rx_good, s->rx_good_bytes, s->rx_replayed,
            s->rx_bad_icv, s->special[UNKNOWN_SPI], s->special[ARP], s->special[ICMP],
            s->special[IKE], s->special[IKE_NATT], s->special[KEEPALIVE]);
    if (fclose(file) != 0) {
        die(path, "cannot be written");
    }
}

static const char *path_in(const char *folder, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_capture(struct sample *s, enum way way, const char *path)
{
    char error[CAPTURE_ERROR_SIZE];

    s->writer[way] = capture_writer_open(path, error, sizeof error);
    if (s->writer[way] == NULL) {
        die("capture", error);
    }
    make_traffic(s, way);
    if (!capture_writer_close(s->writer[way], error, sizeof error)) {
        die("capture", error);
    }
}

int main(int argc, char **argv)
{
    static struct sample s;
    char error[1024];

    if (argc != 2) {
        fputs("usage: make-sample FOLDER\n", stderr);
        return 2;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        s.rng[i] = rng_stream(SEED, i);
    }
    s.crypt = esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_MIN_CONTEXTS, error, sizeof error);
    if (s.crypt == NULL) {
        die("cryptography", error);
    }
    plan_tunnels(&s);
    write_capture(&s, TX, path_in(argv[1], "vpn-gateway-tx.pcap"));
    write_capture(&s, RX, path_in(argv[1], "vpn-gateway-rx.pcap"));
    write_recording(&s, path_in(argv[1], "vpn-gateway.jsonl"));
    write_expected(&s, path_in(argv[1], "vpn-gateway.expect.json"));
    esp_crypt_close(s.crypt);
    free(s.events);
    return 0;
}
