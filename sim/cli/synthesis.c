#include "cli/synthesis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"
#include "esp/esp.h"
#include "traces/pace.h"

enum { MOST_SIZES = 64, ETHERNET = 14, TAG = 4, INNER_HEADERS = 28, SHORTEST = 60, ROOM = 128 };
enum { CLIENTS = 0x0a000000, REMOTES = 0x0b000000, GATEWAY = 0xc0000201, PEER = 0xc0000202 };
enum { WINDOW = 64, FIRST_SPI = 0x1000, MOST_TUNNELS = 1 << 23 };

struct bucket {
    uint32_t size; /* L2 without FCS and tag */
    uint64_t rate; /* packets/s */
};

struct profile {
    unsigned count;
    struct bucket at[MOST_SIZES];
};

/* acassen/fastswan, tools/benchmark/4rx-4tx/profiles, commit ab09015; iMIX buckets of a mobile network. */
#define IMIX_1 "114:27991 200:5841 491:1807 1000:2488 1428:6039 "
#define IMIX_2 "120:16960 218:9161 438:2960 1075:5619 1398:56458 "
#define IMIX_3 "113:14171 208:3255 477:1135 994:2190 1417:4741 "
#define IMIX_4 "112:7703 221:3320 437:1527 1034:3055 1367:55815 "

static const struct {
    const char *name, *list;
} named[] = {
    { "six-bucket", "64:1300000 128:800000 256:600000 512:500000 1024:500000 1428:1300000" },
    { "mno", IMIX_2 IMIX_4 },
    { "mno-mixed", IMIX_1 IMIX_2 IMIX_3 IMIX_4 },
};

struct stream {
    uint64_t next;  /* ps */
    uint64_t sent;  /* packets so far */
    uint64_t phase; /* ps */
    uint64_t turn;  /* tunnel of the port, cyclic */
    uint64_t rate;
    uint32_t size, length; /* of the clear packet (L2); of the frame */
    uint8_t kind;
    struct rng random;
};

struct port {
    struct stream *stream;
    uint32_t tunnels;
    uint8_t bytes[ROOM];
};

struct synthesis {
    const struct traffic_config *config;
    unsigned ports, streams; /* of a port */
    uint32_t installed;
    /* a stream's spacing is period / (its rate), ps */
    __extension__ unsigned __int128 period_num;
    uint64_t period_den;
    uint32_t *number; /* by tunnel: last one sent to the card */
    struct port port[NIC_MAX_PORTS];
};

/* ---- profiles ------------------------------------------------------------------------------------- */

static bool parse_bucket(const char *word, struct bucket *b)
{
    char *end;
    unsigned long size = strtoul(word, &end, 10);

    if (end == word || *end != ':' || size < SHORTEST - TAG || size > 9000) {
        return false;
    }
    b->size = (uint32_t)size;
    word = end + 1;
    b->rate = strtoull(word, &end, 10);
    return end != word && *end == '\0' && b->rate >= 1 && b->rate <= 1000000000;
}

static bool parse(const char *text, struct profile *p, char *error, size_t error_size)
{
    p->count = 0;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        text = strcmp(text, named[i].name) == 0 ? named[i].list : text;
    }
    for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        size_t length = strcspn(at, " ,");
        char word[40];

        snprintf(word, sizeof word, "%.*s", (int)(length < 39 ? length : 39), at);
        if (p->count == MOST_SIZES || !parse_bucket(word, &p->at[p->count])) {
            snprintf(
                error, error_size,
                "found \"%s\", expected six-bucket, mno, mno-mixed, or up to %d words SIZE:PACKETS_PER_SECOND, "
                "size 56 to 9000 (L2 bytes without FCS and VLAN tag)",
                word, MOST_SIZES);
            return false;
        }
        p->count++;
        at += length;
    }
    return true;
}

bool synthesis_profile_check(const char *profile, char *error, size_t error_size)
{
    struct profile p;

    return parse(profile, &p, error, error_size);
}

static void transform_of(struct esp_transform *t)
{
    memset(t, 0, sizeof *t);
    t->op = ESP_OP_ESP;
    t->mode = ESP_MODE_TUNNEL;
    t->enc = ESP_ALG_AES_GCM_256;
    t->src.family = t->dst.family = 4;
    esp_transform_init(t, 16);
}

/* Of the frame, without FCS. */
static uint32_t frame_length(uint32_t size, unsigned kind)
{
    struct esp_transform t;
    struct esp_lengths lengths;

    if (kind == SYNTHESIS_CLEAR) {
        return size + TAG;
    }
    transform_of(&t);
    esp_lengths_of(&t, 4, size - ETHERNET, ESP_IPV4_HEADER, 0, &lengths);
    return ETHERNET + lengths.l3_length;
}

static uint64_t on_wire(uint32_t length)
{
    return (length < SHORTEST ? SHORTEST : length) + (uint64_t)PACE_OVERHEAD_BYTES;
}

/* Bytes a second on the wire at the rates of the profile. */
static uint64_t wire_rate(const struct profile *p, uint64_t *packets)
{
    uint64_t bytes = 0;

    *packets = 0;
    for (unsigned i = 0; i < p->count; i++) {
        for (unsigned kind = 0; kind < SYNTHESIS_KINDS; kind++) {
            bytes += p->at[i].rate * on_wire(frame_length(p->at[i].size, kind));
            *packets += p->at[i].rate;
        }
    }
    return bytes;
}

double synthesis_wire_bytes(const char *profile)
{
    struct profile p;
    char ignored[256];
    uint64_t packets;
    uint64_t bytes;

    if (!parse(profile, &p, ignored, sizeof ignored) || !p.count) {
        return 0;
    }
    bytes = wire_rate(&p, &packets);
    return (double)bytes / (double)packets;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void schedule(const struct synthesis *s, struct stream *st)
{
    st->next = st->phase + (uint64_t)((unsigned __int128)st->sent * s->period_num /
                                      ((unsigned __int128)s->period_den * st->rate));
}

static void make_streams(struct synthesis *s, const struct profile *p, unsigned number)
{
    struct port *port = &s->port[number];

    port->tunnels = s->config->tunnels / s->ports + (number < s->config->tunnels % s->ports);
    port->stream = must(calloc(s->streams, sizeof *port->stream));
    for (unsigned i = 0; i < s->streams; i++) {
        struct stream *st = &port->stream[i];

        st->kind = (uint8_t)(i % SYNTHESIS_KINDS);
        st->size = p->at[i / SYNTHESIS_KINDS].size;
        st->rate = p->at[i / SYNTHESIS_KINDS].rate;
        st->length = frame_length(st->size, st->kind);
        st->random = rng_stream(s->config->seed, (uint64_t)number * MOST_SIZES * 2 + i);
        st->phase =
            rng_below(&st->random, (uint64_t)(s->period_num / s->period_den / st->rate) + 1);
        st->turn = rng_below(&st->random, port->tunnels);
        schedule(s, st);
    }
}

/* Made packets take the place of those of files: which of the two is meant must be said. */
static bool captures_too(const struct workload_config *w, char *error, size_t error_size)
{
    for (unsigned i = 0; i < 2 * NIC_MAX_PORTS; i++) {
        const char *file = i % 2 ? w->rx[i / 2] : w->tx[i / 2];
        char port[4] = "";

        if (file[0]) {
            snprintf(port, sizeof port, "%.0u", i / 2); /* nothing for port 0 */
            snprintf(
                error, error_size,
                "workload.%s%s: found \"%.200s\" and a traffic.profile, expected either captures or packets "
                "made in memory",
                i % 2 ? "rx" : "tx", port, file);
            return true;
        }
    }
    return false;
}

bool synthesis_possible(const struct espnic_config *c, char *error, size_t error_size)
{
    const struct traffic_config *t = &c->traffic;

    if (!t->profile[0]) {
        return true;
    }
    if (captures_too(&c->workload, error, error_size)) {
        return false;
    }
    if (!c->workload.timing_only) {
        snprintf(
            error, error_size,
            "traffic.profile: found a profile, but workload.timing_only is false: its packets have headers "
            "only");
    } else if (!c->stop.packets && !c->stop.time) {
        snprintf(
            error, error_size,
            "traffic.profile: found a profile, which never ends, but neither stop.packets nor stop.time");
    } else if (t->tunnels < c->card.general.ports) {
        snprintf(error, error_size,
                 "traffic.tunnels: found %u, expected at least one for each of %u ports",
                 t->tunnels, c->card.general.ports);
    } else if (t->installed && t->installed < t->tunnels) {
        snprintf(error, error_size,
                 "traffic.installed: found %u, expected at least traffic.tunnels (%u)",
                 t->installed, t->tunnels);
    } else {
        return true;
    }
    return false;
}

struct synthesis *synthesis_create(const struct espnic_config *config, char *error,
                                   size_t error_size)
{
    struct synthesis *s;
    struct profile p;
    struct offer load;
    uint64_t packets;

    if (!parse(config->traffic.profile, &p, error, error_size) ||
        !synthesis_possible(config, error, error_size) ||
        !offer_parse(config->workload.load, &load, error, error_size)) {
        return NULL;
    }
    s = must(calloc(1, sizeof *s));
    s->config = &config->traffic;
    s->ports = config->card.general.ports;
    s->streams = p.count * SYNTHESIS_KINDS;
    s->installed = config->traffic.installed ? config->traffic.installed : config->traffic.tunnels;
    /* bits a second at the profile's own rates, over those that are offered: the factor between periods */
    s->period_num = (unsigned __int128)wire_rate(&p, &packets) * 8 * 1000000000000ull;
    s->period_den = load.kind == OFFER_RATE ? load.bps : config->card.mac.rate;
    s->number = must(calloc(config->traffic.tunnels, sizeof *s->number));
    for (unsigned i = 0; i < s->ports; i++) {
        make_streams(s, &p, i);
    }
    return s;
}

void synthesis_destroy(struct synthesis *s)
{
    for (unsigned i = 0; s && i < s->ports; i++) {
        free(s->port[i].stream);
    }
    if (s) {
        free(s->number);
    }
    free(s);
}

/* ---- SAs --------------------------------------------------------------------------------------------- */

static struct esp_address address(uint32_t value)
{
    struct esp_address a = { .family = 4 };

    esp_put32(a.bytes, value);
    return a;
}

static void make_node(struct esp_node *node, uint32_t tunnel, bool out)
{
    memset(node, 0, sizeof *node);
    node->handle = 2ull * tunnel + (out ? 1 : 2);
    node->pair = 2ull * tunnel + (out ? 2 : 1);
    node->dir = out ? ESP_DIR_OUT : ESP_DIR_IN;
    node->mode = ESP_MODE_TUNNEL;
    node->src = address(out ? GATEWAY : PEER);
    node->dst = address(out ? PEER : GATEWAY);
    if (out) {
        node->sel.present = node->sel.has_dst = true;
        node->sel.dst = (struct esp_prefix){ address(REMOTES + tunnel), 32 };
    }
    node->sa_count = 1;
    node->sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                   .spi = FIRST_SPI + 2 * tunnel + !out,
                                   .esn = true,
                                   .seq = out ? 1 : 0,
                                   .replay_window = out ? 0 : WINDOW,
                                   .enc = { .alg = ESP_ALG_AES_GCM_256, .icv = 16 } };
}

bool synthesis_preload(const struct synthesis *s, struct host *host, char *error, size_t error_size)
{
    for (uint32_t t = 0; t < s->installed; t++) {
        for (unsigned in = 0; in < 2; in++) {
            struct esp_node node;
            enum sa_reason reason;

            make_node(&node, t, !in);
            if (!host_preload_add(host, &node, &reason)) {
                snprintf(error, error_size,
                         "traffic.installed: the card refused an SA of tunnel %u: %s", t,
                         sa_reason_name(reason));
                return false;
            }
        }
    }
    return true;
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static uint8_t *put_ip(uint8_t *at, uint32_t length, uint8_t proto, uint32_t src, uint32_t dst)
{
    memset(at, 0, ESP_IPV4_HEADER);
    at[0] = 0x45;
    esp_put16(at + 2, (uint16_t)length);
    at[8] = 64;
    at[9] = proto;
    esp_put32(at + 12, src);
    esp_put32(at + 16, dst);
    esp_put16(at + 10, esp_ip_checksum(at, ESP_IPV4_HEADER));
    return at + ESP_IPV4_HEADER;
}

static uint8_t *put_inner(uint8_t *at, uint32_t size, uint32_t src, uint32_t dst)
{
    at = put_ip(at, size - ETHERNET, ESP_PROTO_UDP, src, dst);
    esp_put16(at, 5000);
    esp_put16(at + 2, 6000);
    esp_put16(at + 4, (uint16_t)(size - ETHERNET - ESP_IPV4_HEADER));
    esp_put16(at + 6, 0);
    return at + 8;
}

static uint8_t *put_macs(uint8_t *at)
{
    static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

    memcpy(at, macs, sizeof macs);
    return at + sizeof macs;
}

/* Returns the bytes written. */
static uint32_t make_frame(struct synthesis *s, struct port *port, const struct stream *st,
                           uint32_t tunnel)
{
    uint8_t *at = put_macs(port->bytes);

    if (st->kind == SYNTHESIS_CLEAR) {
        if (s->config->vlan) {
            esp_put16(at, 0x8100);
            esp_put16(at + 2, (uint16_t)s->config->vlan);
            at += TAG;
        }
        esp_put16(at, ESP_ETHERTYPE_IPV4);
        at = put_inner(at + 2, st->size, CLIENTS + tunnel, REMOTES + tunnel);
    } else {
        esp_put16(at, ESP_ETHERTYPE_IPV4);
        at = put_ip(at + 2, st->length - ETHERNET, 50, PEER, GATEWAY);
        esp_put32(at, FIRST_SPI + 2 * tunnel + 1);
        esp_put32(at + 4, ++s->number[tunnel]);
        memset(at + 8, 0, 8);
        at = put_inner(at + 16, st->size, REMOTES + tunnel, CLIENTS + tunnel);
    }
    return (uint32_t)(at - port->bytes);
}

/* Number of the tunnel: those of port p are p, p + ports, ... */
static uint32_t choose(const struct synthesis *s, const struct port *port, struct stream *st)
{
    uint64_t turn;

    if (s->config->order == TRAFFIC_RANDOM) {
        turn = rng_below(&st->random, port->tunnels);
    } else {
        turn = st->turn;
        st->turn = turn + 1 == port->tunnels ? 0 : turn + 1;
    }
    return (uint32_t)(turn * s->ports + (uint64_t)(port - s->port));
}

void synthesis_next(struct synthesis *s, unsigned number, struct capture_packet *packet,
                    uint64_t *time, uint64_t *tag)
{
    struct port *port = &s->port[number];
    struct stream *st = &port->stream[0];

    for (unsigned i = 1; i < s->streams; i++) {
        st = port->stream[i].next < st->next ? &port->stream[i] : st;
    }
    *time = st->next;
    *tag = (uint64_t)st->size << 1 | st->kind;
    memset(packet, 0, sizeof *packet);
    packet->bytes = port->bytes;
    packet->length = st->length - (st->kind == SYNTHESIS_CLEAR && !s->config->vlan ? TAG : 0);
    packet->captured = make_frame(s, port, st, choose(s, port, st));
    packet->time_ns = st->next / 1000;
    st->sent++;
    schedule(s, st);
}
