#include "card_case.h"

#include "cli/scenario.h"
#include "cli/simulation.h"
#include "engine/rng.h"
#include "esp/esp.h"
#include "traces/recording.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ETHERNET = 14,
    IPV4 = 20,
    AROUND = ETHERNET + IPV4 + 8 + 8 + 16, /* ESP header, IV, ICV */
    TRAILER = 2,
    FIRST_SPI = 0x1000,
    LONGEST = 4096,
    FOLDER = 64
};

const char *card_block_name(const struct card_case *c, enum card_block b)
{
    static const char *const names[2][CARD_BLOCKS] = {
        { "parser", "sa_lookup", "sa_wait_rx", "replay_check", "crypto_rx", "reorder_rx",
          "replay_update", "decapsulate", "rx_dma" },
        { "tx_dma", "sa_fetch", "sa_wait_tx", NULL, "crypto_tx", "reorder_tx", "sequence",
          "encapsulate", "mac_tx" },
    };

    return names[c->send][b];
}

static _Noreturn void die(const struct card_case *c, const char *what)
{
    fprintf(stderr, "case %" PRIu64 ": %s\n", c->seed, what);
    exit(1);
}

/* ---- parameters ------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void set(struct card_case *c, const char *format, ...)
{
    va_list args;

    if (c->settings == CARD_SETTINGS) {
        die(c, "too many settings");
    }
    va_start(args, format);
    vsnprintf(c->setting[c->settings++], CARD_TEXT, format, args);
    va_end(args);
}

/* Uniform in [low, high]. */
static uint64_t between(struct rng *r, uint64_t low, uint64_t high)
{
    return low + rng_below(r, high - low + 1);
}

static bool once_in(struct rng *r, uint64_t n)
{
    return rng_below(r, n) == 0;
}

#define ONE_OF(r, ...)                                                                             \
    ((const uint64_t[]){ __VA_ARGS__ }[rng_below(r, sizeof(uint64_t[]){ __VA_ARGS__ } / 8)])

static void set_stage(struct card_case *c, struct rng *r, const char *name)
{
    set(c, "card.%s.interval=%" PRIu64, name, once_in(r, 4) ? between(r, 2, 3) : 1);
    set(c, "card.%s.overhead=%" PRIu64, name, once_in(r, 2) ? between(r, 1, 6) : 0);
    set(c, "card.%s.latency=%" PRIu64, name, between(r, 0, 20));
    set(c, "card.%s.depth=%" PRIu64, name, once_in(r, 2) ? between(r, 2, 24) : between(r, 25, 256));
}

static void set_stages(struct card_case *c, struct rng *r)
{
    static const char *const names[] = { "parser", "sa_lookup", "replay_check", "replay_update",
                                         "decapsulate" };
    static const char *const send[] = { "sa_fetch", "sequence", "encapsulate" };

    for (unsigned i = 0; i < sizeof names / sizeof *names && !c->send; i++) {
        set_stage(c, r, names[i]);
    }
    for (unsigned i = 0; i < sizeof send / sizeof *send && c->send; i++) {
        set_stage(c, r, send[i]);
    }
}

static void set_crypto(struct card_case *c, struct rng *r)
{
    uint64_t engines = between(r, 1, 6);

    if (once_in(r, 3)) {
        set(c, "card.crypto.clock=%" PRIu64 "MHz", between(r, 150, 1200));
    }
    set(c, "card.crypto.engines=%" PRIu64, engines);
    set(c, "card.crypto.contexts=%" PRIu64, once_in(r, 2) ? 1 : between(r, 2, 14 / engines));
    set(c, "card.crypto.gcm_block=%" PRIu64, once_in(r, 3) ? between(r, 1, 8) : 0);
    set(c, "card.crypto.key_setup=%" PRIu64, once_in(r, 3) ? between(r, 1, 14) : 0);
    set(c, "card.crypto.width=%" PRIu64 "B", ONE_OF(r, 4, 8, 16, 24, 32, 64, 128));
    set(c, "card.crypto.overhead=%" PRIu64, between(r, 0, 12));
    set(c, "card.crypto.stages_per_round=%" PRIu64, between(r, 1, 3));
    set(c, "card.crypto.order=%s", once_in(r, 2) ? "lane" : "sa");
    set(c, "card.crypto.depth=%" PRIu64, between(r, 64, 256));
}

/* Sometimes a line just does not fit into whole nanoseconds. */
static uint64_t memory_rate(struct rng *r, uint64_t line)
{
    return once_in(r, 4) ? line * 8 * 1000000000 / between(r, 2, 30) - 1
                         : between(r, 20000, 300000) * 1000000;
}

static void set_storage(struct card_case *c, struct rng *r)
{
    static const char *const policies[] = { "lru", "random", "fifo", "tree-plru", "srrip" };
    uint64_t context = between(r, 1, 8) * 40;
    uint64_t used = once_in(r, 2) ? context : between(r, 1, context);
    uint64_t line = context < 64 || once_in(r, 2) ? 0 : context < 128 ? 64 : ONE_OF(r, 40, 64, 128);
    uint64_t lines = line ? (context + line - 1) / line : 1;
    uint64_t sets = between(r, 1, 6);
    uint64_t ways = ONE_OF(r, 1, 2, 4, 4, 8);
    uint64_t mshrs = lines + (once_in(r, 2) ? rng_below(r, 3) : rng_below(r, 12));

    set(c, "card.sa.storage=card-cache");
    set(c, "card.sa.context=%" PRIu64 "B", context);
    set(c, "card.sa.cache.line_bytes=%" PRIu64, line);
    set(c, "card.sa.cache.sets=%" PRIu64, sets);
    set(c, "card.sa.cache.ways=%" PRIu64, ways);
    set(c, "card.sa.cache.replacement=%s", policies[rng_below(r, 5)]);
    set(c, "card.sa.cache.rrip_bits=%" PRIu64, between(r, 1, 3));
    set(c, "card.sa.cache.hash=%s", once_in(r, 2) ? "mix" : "modulo");
    set(c, "card.sa.cache.seed=%" PRIu64, between(r, 0, 9));
    set(c, "card.sa.cache.mshrs=%" PRIu64, mshrs);
    set(c, "card.sa.cache.merge=%" PRIu64, once_in(r, 2) ? 0 : between(r, 1, 4));
    set(c, "card.capabilities.window_max=%d", 128); /* has room in the shortest context */
    set(c, "card.sa.context_used=%" PRIu64 "B", used == context ? 0 : used);
    set(c, "card.sa.context_written=%" PRIu64 "B", once_in(r, 2) ? 0 : between(r, 1, used));
    set(c, "card.sa.memory_latency=%" PRIu64 "ps", between(r, 1, 300) * 1001);
    set(c, "card.sa.memory_rate=%" PRIu64 "bps", memory_rate(r, line ? line : context));
    set(c, "card.sa.cache.prefetch_rx=%s", once_in(r, 4) ? "parser" : "none");
    set(c, "card.sa.cache.pinned=%" PRIu64,
        once_in(r, 4) ? rng_below(r, sets * ways / lines + 1) : 0);
    set(c, "card.sa.cache.prefetches=%" PRIu64, once_in(r, 2) ? 0 : between(r, 1, mshrs));
    set(c, "card.sa.mshrs_tx=%" PRIu64, once_in(r, 4) ? rng_below(r, mshrs - lines + 1) : 0);
    set(c, "card.sa.miss_time=%" PRIu64 "ps", once_in(r, 2) ? 0 : between(r, 1, 40000));
    set(c, "card.sa.wait_depth=%" PRIu64, once_in(r, 3) ? between(r, 300, 1024) : 256);
    set(c, "card.sa.wait_queues=%" PRIu64, once_in(r, 2) ? 1 : between(r, 2, 16));
    set(c, "card.sa.rmw=%" PRIu64, once_in(r, 2) ? between(r, 1, 8) : between(r, 9, 60));
}

/* A few SAs whose hazards hold up all before them: what replay_check lets pass is accepted much later. */
static void set_congestion(struct card_case *c, struct rng *r)
{
    c->sas = (uint32_t)between(r, 1, 3);
    c->window = 100;
    set(c, "card.mac.mtu=600B");
    set(c, "card.bus=%" PRIu64 "B", ONE_OF(r, 64, 128));
    set(c, "card.replay_check.depth=%" PRIu64, between(r, 2, 4));
    set(c, "card.crypto.depth=32");
    set(c, "card.crypto.engines=%" PRIu64, between(r, 1, 2));
    set(c, "card.crypto.contexts=1");
    set(c, "card.replay_update.depth=2");
    set(c, "card.sa.rmw=%" PRIu64, between(r, 20, 100));
}

/* What is between host and wire; sometimes a few SAs whose hazards hold up all behind them. */
static void set_sending(struct card_case *c, struct rng *r)
{
    set(c, "host.cores=1"); /* packets stay in order */
    set(c, "host.tx.no_match=clear");
    set(c, "card.dma.latency=%" PRIu64, between(r, 1, 20));
    set(c, "card.dma.tx_buffer=%" PRIu64 "KiB", ONE_OF(r, 64, 128, 1024));
    set(c, "card.dma.tx_outstanding=%" PRIu64, ONE_OF(r, 8, 64, 256));
    set(c, "card.mac.tx_buffer=%" PRIu64 "KiB", ONE_OF(r, 4, 16, 256));
    if (c->congested) {
        c->sas = (uint32_t)between(r, 1, 3);
        set(c, "card.sequence.depth=%" PRIu64, between(r, 2, 4));
        set(c, "card.encapsulate.depth=%" PRIu64, between(r, 2, 4));
        set(c, "card.sa.rmw=%" PRIu64, between(r, 20, 100));
    }
}

static void set_card(struct card_case *c, struct rng *r)
{
    set(c, "preset=generic-100g");
    set(c, "card.clock=%" PRIu64 "MHz", ONE_OF(r, 250, 400, 500, 1000));
    set(c, "card.bus=%" PRIu64 "B", ONE_OF(r, 16, 32, 64, 64, 128, 256));
    set(c, "card.sync=%" PRIu64, between(r, 1, 3));
    set(c, "card.seed=%" PRIu64, between(r, 0, 9));
    set(c, "card.mac.rate=%" PRIu64 "Gbps", ONE_OF(r, 10, 25, 40, 100, 100, 200));
    set(c, "card.mac.latency=%" PRIu64 "ns", between(r, 0, 200));
    set(c, "card.mac.mtu=%" PRIu64 "B", ONE_OF(r, 1500, 1500, 2500, 9000));
    set(c, "card.mac.rx_buffer=16MiB");
    set(c, "card.dma.rx_buffer=16MiB");
    set(c, "card.ideal=pcie");
    set(c, "host.ideal=true");
    set(c, "workload.timing_only=%s", c->functional ? "false" : "true");
    set_stages(c, r);
    set_crypto(c, r);
    set_storage(c, r);
    if (c->send) {
        set_sending(c, r);
    } else if (c->congested) {
        set_congestion(c, r);
    }
}

/* ---- packets --------------------------------------------------------------------------------- */

/* About so many bytes. Padding ends at a multiple of four. */
static void set_lengths(const struct card_case *c, struct card_packet *p, uint32_t length)
{
    p->inner = length - AROUND - TRAILER;
    p->length = length;
    if (c->functional || c->send) {
        p->length = AROUND + (p->inner + TRAILER + 3) / 4 * 4;
    }
}

/* Most packets of a burst are of a few SAs. Numbers go up, but for some that come twice or late. */
static void make_packets(struct card_case *c, struct rng *r)
{
    uint32_t last[CARD_SAS + 1] = { 0 };
    uint64_t t = 0;
    uint32_t hot = 0;
    uint32_t hots = 1;
    uint64_t longest = !c->congested && once_in(r, 2) ? (c->send ? 1600 : 1500) : 300;
    uint64_t again = c->congested ? 3 : 16;
    unsigned burst = 0;

    c->packets = CARD_PACKETS - (unsigned)rng_below(r, CARD_PACKETS / 2);
    for (unsigned i = 0; i < c->packets; i++) {
        struct card_packet *p = &c->packet[i];

        if (burst-- == 0) {
            burst = (unsigned)between(r, 1, 40);
            hot = (uint32_t)rng_below(r, c->sas);
            hots = (uint32_t)between(r, 1, 12);
            t += once_in(r, 2) ? between(r, 100, 3000) : 0;
        }
        p->time_ns = t;
        if (i > 0 && once_in(r, 3) && p[-1].sa < c->sas) {
            p->sa = p[-1].sa;
        } else {
            p->sa = once_in(r, 3) ? (uint32_t)rng_below(r, c->sas)
                                  : (hot + (uint32_t)rng_below(r, hots)) % c->sas;
        }
        if (once_in(r, 20)) {
            p->sa = c->sas;
        }
        set_lengths(c, p,
                    (uint32_t)(once_in(r, 3) ? between(r, 100, longest) : between(r, 100, 140)));
        p->bad_icv = c->functional && once_in(r, 12);
        p->sequence = ++last[p->sa];
        if (once_in(r, again) && p->sequence > 1) {
            uint32_t back = p->sequence - 1;

            back = c->congested && back > 40 ? 40 : back;
            p->sequence -= (uint32_t)between(r, 1, back);
        } else if (once_in(r, 16)) {
            last[p->sa] += (uint32_t)between(r, 1, 40);
        }
    }
}

void card_case_make(struct card_case *c, uint64_t seed, bool send)
{
    struct rng r = rng_stream(seed, send ? 78 : 77);

    memset(c, 0, sizeof *c);
    c->seed = seed;
    c->send = send;
    c->numbers = UINT32_MAX;
    c->functional = once_in(&r, 3);
    c->congested = once_in(&r, 10);
    c->sas = (uint32_t)(once_in(&r, 4) ? between(&r, 1, 6) : between(&r, 7, CARD_SAS));
    c->window = (uint32_t)ONE_OF(&r, 0, 8, 64, 64, 100);
    set_card(c, &r);
    make_packets(c, &r);
    if (send) {
        c->numbers = once_in(&r, 4) ? (uint32_t)between(&r, 1, 20) : UINT32_MAX;
    }
}

void card_case_print(const struct card_case *c)
{
    printf("case %" PRIu64 ": %u SAs with a window of %u\n", c->seed, c->sas, c->window);
    for (unsigned i = 0; i < c->settings; i++) {
        printf("  --set %s\n", c->setting[i]);
    }
    for (unsigned i = 0; i < c->packets; i++) {
        const struct card_packet *p = &c->packet[i];

        printf("  packet %u at %" PRIu64 " ns: SA %u, number %u, %u bytes\n", i, p->time_ns, p->sa,
               p->sequence, p->length);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct esp_node node_of(const struct card_case *c, uint32_t sa)
{
    struct esp_node n = { .dir = ESP_DIR_IN, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    struct esp_key *key = &n.sa[0].enc;

    if (c->send) {
        n.dir = ESP_DIR_OUT;
        n.sa[0].seq = c->numbers == UINT32_MAX ? 1 : UINT32_MAX - c->numbers + 1;
        n.sel = (struct esp_selector){ .present = true, .has_src = true };
        n.sel.src.address = (struct esp_address){ .family = 4, .bytes = { 10, 1, 0, (uint8_t)sa } };
        n.sel.src.length = 32;
    }
    n.handle = sa + 1;
    n.src = (struct esp_address){ .family = 4, .bytes = { 198, 18, 0, (uint8_t)sa } };
    n.dst = (struct esp_address){ .family = 4, .bytes = { 203, 0, 113, 1 } };
    n.sa[0].op = ESP_OP_ESP;
    n.sa[0].spi = FIRST_SPI + sa;
    n.sa[0].replay_window = c->send ? 0 : (uint16_t)c->window;
    *key = (struct esp_key){ .alg = esp_alg_by_name("aes-gcm-128", 11), .icv = 16 };
    if (c->functional) {
        key->length = 20; /* with the salt */
        memset(key->bytes, (int)sa + 1, key->length);
    }
    return n;
}

static void write_recording(const struct card_case *c, const char *path)
{
    char error[512];
    struct recording_writer *w = recording_writer_open(path, NULL, error, sizeof error);

    if (!w) {
        die(c, error);
    }
    for (uint32_t sa = 0; sa < c->sas; sa++) {
        struct esp_node n = node_of(c, sa);
        struct recording_record r = { .kind = RECORDING_ADD_SA, .nodes = &n, .node_count = 1 };

        recording_write(w, &r);
    }
    if (!recording_writer_close(w, error, sizeof error)) {
        die(c, error);
    }
}

/* Ethernet and IPv4 headers of a packet of `length` bytes of IP. */
static void put_headers(uint8_t *frame, uint32_t length, uint8_t protocol, const uint8_t src[4],
                        const uint8_t dst[4])
{
    uint8_t *ip = frame + ETHERNET;
    uint32_t sum = 0;

    frame[0] = frame[6] = 2;
    esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)length);
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, src, 4);
    memcpy(ip + 16, dst, 4);
    for (unsigned i = 0; i < IPV4; i += 2) {
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    esp_put16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
}

/* Headers of a tunnel packet; what is encrypted is nobody's business. */
static void make_opaque(const struct card_packet *p, uint8_t *frame)
{
    uint8_t *esp = frame + ETHERNET + IPV4;

    put_headers(frame, p->length - ETHERNET, ESP_PROTO_ESP,
                (uint8_t[]){ 198, 18, 0, (uint8_t)p->sa }, (uint8_t[]){ 203, 0, 113, 1 });
    esp_put32(esp, FIRST_SPI + p->sa);
    esp_put32(esp + 4, p->sequence);
}

static void make_sealed(const struct card_case *c, struct esp_crypt *crypt,
                        const struct card_packet *p, uint8_t *frame)
{
    static uint8_t room[LONGEST + ESP_HEADROOM];
    struct esp_node node = node_of(c, p->sa);
    struct esp_packet packet = { .buffer = room,
                                 .capacity = sizeof room,
                                 .start = ESP_HEADROOM,
                                 .length = ETHERNET + p->inner,
                                 .l3 = ETHERNET };
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = p->sa, .generation = (uint32_t)c->seed } };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = p->sequence } };

    memset(room, 0, sizeof room);
    put_headers(room + ESP_HEADROOM, p->inner, ESP_PROTO_UDP, (uint8_t[]){ 10, 0, 0, 1 },
                (uint8_t[]){ 10, 0, 0, 2 });
    esp_put16(room + ESP_HEADROOM + ETHERNET + IPV4 + 4, (uint16_t)(p->inner - IPV4));
    node.dir = ESP_DIR_OUT; /* the peer sends */
    if (esp_seal_packet(crypt, &node, key, &packet, encap) != ESP_OK ||
        packet.length != p->length) {
        die(c, "a packet cannot be sealed");
    }
    memcpy(frame, esp_packet_bytes(&packet), packet.length);
    frame[packet.length - 1] ^= p->bad_icv;
}

/* What the host is to send: of an SA's selector, or of none. */
static void make_clear(const struct card_packet *p, uint8_t *frame)
{
    put_headers(frame, p->inner, ESP_PROTO_UDP, (uint8_t[]){ 10, 1, 0, (uint8_t)p->sa },
                (uint8_t[]){ 10, 2, 0, 1 });
    esp_put16(frame + ETHERNET + IPV4 + 4, (uint16_t)(p->inner - IPV4));
}

static void write_capture(const struct card_case *c, const char *path)
{
    static uint8_t frame[LONGEST];
    char error[512];
    struct capture_writer *w = capture_writer_open(path, error, sizeof error);
    struct esp_crypt *crypt =
        esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);

    if (!w || !crypt) {
        die(c, error);
    }
    for (unsigned i = 0; i < c->packets; i++) {
        const struct card_packet *p = &c->packet[i];

        memset(frame, 0, p->length);
        if (c->send) {
            make_clear(p, frame);
            capture_write(w, p->time_ns, frame, ETHERNET + p->inner, ETHERNET + p->inner);
            continue;
        }
        if (c->functional) {
            make_sealed(c, crypt, p, frame);
        } else {
            make_opaque(p, frame);
        }
        capture_write(w, p->time_ns, frame, p->length, p->length);
    }
    esp_crypt_close(crypt);
    if (!capture_writer_close(w, error, sizeof error)) {
        die(c, error);
    }
}

/* ---- the card -------------------------------------------------------------------------------- */

static void resolve(struct card_case *c, const char *oids, const char *rx)
{
    struct scenario s;
    struct scenario_setting settings[CARD_SETTINGS + 2];
    char files[2][CARD_TEXT];
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    for (unsigned i = 0; i < c->settings; i++) {
        settings[i] = (struct scenario_setting){ "--set", c->setting[i] };
    }
    snprintf(files[0], CARD_TEXT, "workload.oids=%s", oids);
    snprintf(files[1], CARD_TEXT, "workload.%s=%s", c->send ? "tx" : "rx", rx);
    settings[c->settings] = (struct scenario_setting){ "--oids", files[0] };
    settings[c->settings + 1] = (struct scenario_setting){ "--rx", files[1] };
    scenario_init(&s, groups, n, &c->config);
    if (!scenario_resolve(&s, NULL, settings, c->settings + 2) || !espnic_config_check(&s)) {
        die(c, s.error);
    }
    scenario_free(&s);
}

struct observer {
    const struct card_case *c;
    struct card_result *result;
    uint64_t
        tag[CARD_PACKETS]; /* to send: the host's, in the order in which tx_dma hands packets on */
    unsigned tags;
};

/* Number of the packet; CARD_PACKETS: none of ours. */
static unsigned packet_of(struct observer *o, const struct nic_passage *p)
{
    unsigned i = 0;

    if (!o->c->send) {
        return p->tag < CARD_PACKETS ? (unsigned)p->tag : CARD_PACKETS;
    }
    if (strcmp(p->block, "tx_dma") == 0 && o->tags < CARD_PACKETS) {
        o->tag[o->tags] = p->tag;
        return o->tags++;
    }
    for (i = o->tags; i > 0; i--) {
        if (o->tag[i - 1] == p->tag) {
            return i - 1;
        }
    }
    return CARD_PACKETS;
}

static void on_passage(void *self, const struct nic_passage *p)
{
    struct observer *o = self;
    unsigned i = p->rx == o->c->send ? CARD_PACKETS : packet_of(o, p);

    for (unsigned b = 0; b < CARD_BLOCKS && i < CARD_PACKETS; b++) {
        const char *name = card_block_name(o->c, (enum card_block)b);

        if (name && strcmp(p->block, name) == 0) {
            o->result->span[i][b] = (struct card_span){ true, p->begin_ps, p->end_ps };
        }
    }
}

/* A counter of the report. */
static uint64_t counter(const struct card_case *c, const struct stat_registry *registry,
                        const char *path, const char *name)
{
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];

        for (size_t i = 0; strcmp(group->path, path) == 0 && i < group->count; i++) {
            if (strcmp(group->stats[i].name, name) == 0) {
                return *(const uint64_t *)((const char *)group->base + group->stats[i].offset);
            }
        }
    }
    die(c, name);
}

static void take_counters(const struct card_case *c, struct simulation *s, struct card_result *r)
{
    static struct stat_registry registry;

    registry.count = 0;
    simulation_register_stats(s, &registry);
#define COUNTER(path, name) counter(c, &registry, path, name)
    r->accesses = COUNTER("card.sa_cache", "accesses");
    r->hits = COUNTER("card.sa_cache", "hits");
    r->misses = COUNTER("card.sa_cache", "misses");
    r->merged = COUNTER("card.sa_cache", "merged");
    r->fills = COUNTER("card.sa_cache", "fills");
    r->evictions = COUNTER("card.sa_cache", "evictions");
    r->writebacks = COUNTER("card.sa_cache", "writebacks");
    r->packets_hit = COUNTER("card.contexts", "hits");
    r->packets_missed = COUNTER("card.contexts", "misses");
    r->passed = COUNTER("card.contexts", "passed");
    r->replay = COUNTER("card.rx.drops", "replay");
    r->too_old = COUNTER("card.rx.drops", "too_old");
    r->bad_icv = COUNTER("card.rx.drops", "bad_icv");
    r->out = COUNTER(c->send ? "card.tx" : "card.rx", "packets_out");
    r->mtu = COUNTER("card.tx.drops", "mtu");
    r->exhausted = COUNTER("card.tx.drops", "seq_exhausted");
    r->bypasses = COUNTER("card.sa_cache", "bypasses");
    r->pins = COUNTER("card.sa_cache", "pins");
    r->pins_missed = COUNTER("card.sa_cache", "pins_missed");
    r->prefetches = COUNTER("card.sa_cache", "prefetches");
    r->prefetch_there = COUNTER("card.sa_cache", "prefetch_there");
    r->prefetch_refused = COUNTER("card.sa_cache", "prefetch_refused");
    r->prefetch_useful = COUNTER("card.sa_cache", "prefetch_useful");
    r->prefetch_late = COUNTER("card.sa_cache", "prefetch_late");
    r->prefetch_useless = COUNTER("card.sa_cache", "prefetch_useless");
    r->prefetch_dropped = COUNTER("card.contexts", "prefetch_dropped");
#undef COUNTER
}

static void take_accounts(const struct card_case *c, struct simulation *s, struct card_result *r)
{
    static struct nic_block_stats blocks[NIC_MAX_BLOCK_STATS];
    unsigned n = nic_block_accounts(simulation_card(s), blocks);

    for (unsigned i = 0; i < n; i++) {
        for (unsigned b = 0; b < CARD_BLOCKS; b++) {
            const char *name = card_block_name(c, (enum card_block)b);

            if (name && strcmp(blocks[i].name, name) == 0) {
                memcpy(r->cycles[b], blocks[i].cycles, sizeof r->cycles[b]);
            }
        }
    }
}

void card_case_run(struct card_case *c, struct card_result *result)
{
    char folder[FOLDER] = "/tmp/espnic-card-XXXXXX";
    char oids[FOLDER + 16];
    char rx[FOLDER + 16];
    char error[SIMULATION_ERROR];
    struct simulation_options options = { .quiet = true };
    struct simulation *s;
    struct observer observer = { .c = c, .result = result };

    memset(result, 0, sizeof *result);
    if (!mkdtemp(folder)) {
        die(c, folder);
    }
    snprintf(oids, sizeof oids, "%s/sas.jsonl", folder);
    snprintf(rx, sizeof rx, "%s/rx.pcap", folder);
    write_recording(c, oids);
    write_capture(c, rx);
    resolve(c, oids, rx);
    s = simulation_create(&c->config, &options, error, sizeof error);
    if (!s) {
        die(c, error);
    }
    nic_trace(simulation_card(s), on_passage, &observer);
    if (simulation_run(s, error, sizeof error) != SIMULATION_DONE) {
        die(c, error);
    }
    c->base_ps = simulation_results(s)->first - c->packet[0].time_ns * 1000;
    take_counters(c, s, result);
    take_accounts(c, s, result);
    simulation_destroy(s);
    unlink(oids);
    unlink(rx);
    rmdir(folder);
}
