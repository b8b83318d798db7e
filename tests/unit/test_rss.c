/* RSS: the Toeplitz hash of Microsoft's verification suite, and the queue that a packet arrives in: as it is sent, and
 * after decryption whatever the SA and the offload, with contents and without. What the card looks at is checked
 * against a hash that is made here, bit by bit, from the flow that the test put into the packet. */
#include "card_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUES = 8, RING = 16, BUFFER_BYTES = 4096, ROOM = 4096, NOWHERE = 99 };

/* ---- flows ------------------------------------------------------------------------------------------------- */

struct flow {
    int family; /* 4, 6 */
    const char *src, *dst;
    uint16_t sport, dport;
    uint32_t addresses, ports; /* hashes with the default key: addresses alone, and with ports */
};

/* Microsoft, "Verifying the RSS Hash Calculation" */
static const struct flow suite[] = {
    { 4, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
    { 4, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
    { 4, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
    { 4, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
    { 4, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
    { 6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
    { 6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
    { 6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024,
      0x4b61e985, 0x02d1feef },
};

enum { FLOWS = sizeof suite / sizeof suite[0] };

static unsigned input_of(const struct flow *f, uint8_t *input)
{
    unsigned each = f->family == 6 ? 16 : 4;
    int af = f->family == 6 ? AF_INET6 : AF_INET;

    ck_assert_int_eq(inet_pton(af, f->src, input), 1);
    ck_assert_int_eq(inet_pton(af, f->dst, input + each), 1);
    esp_put16(input + 2 * each, f->sport);
    esp_put16(input + 2 * each + 2, f->dport);
    return 2 * each;
}

/* As the definition says: a window of the key that moves by a bit for every bit of the input. */
static uint32_t reference(const char *key, const uint8_t *input, unsigned count)
{
    uint8_t bytes[40];
    uint32_t hash = 0;
    uint32_t window;

    for (unsigned i = 0; i < 40; i++) {
        char byte[3] = { key[2 * i], key[2 * i + 1], 0 };

        bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    window = esp_get32(bytes);
    for (unsigned bit = 0; bit < count * 8; bit++) {
        unsigned next = bit + 32;

        hash ^= input[bit / 8] & 0x80 >> bit % 8 ? window : 0;
        window = window << 1 | (bytes[next / 8] >> (7 - next % 8) & 1);
    }
    return hash;
}

static void set_text(char field[128], const char *text)
{
    ck_assert_int_lt(snprintf(field, 128, "%s", text), 128);
}

static struct crig *open_card(bool functional, bool packet, const char *types, const char *key,
                              uint32_t table)
{
    struct crig *rig = crig_new();

    rig->config.rss.hash = NIC_RSS_TOEPLITZ;
    rig->config.rss.table = table;
    if (types) {
        set_text(rig->config.rss.types, types);
    }
    if (key) {
        set_text(rig->config.rss.key, key);
    }
    rig->config.general.offload = packet ? NIC_OFFLOAD_PACKET : NIC_OFFLOAD_CRYPTO;
    rig->config.dma.rx_queues = QUEUES;
    crig_open(rig, functional);
    for (unsigned q = 0; q < QUEUES; q++) {
        crig_rx_ring(rig, q, RING, BUFFER_BYTES);
    }
    crig_settle(rig);
    return rig;
}

START_TEST(verification_suite)
{
    struct crig *rig = open_card(true, true, NULL, NULL, 128);
    const char *key = rig->config.rss.key;
    uint8_t input[36];

    for (unsigned i = 0; i < FLOWS; i++) {
        unsigned n = input_of(&suite[i], input);

        ck_assert_uint_eq(reference(key, input, n), suite[i].addresses);
        ck_assert_uint_eq(reference(key, input, n + 4), suite[i].ports);
        ck_assert_uint_eq(nic_rss_hash(rig->card, input, n), suite[i].addresses);
        ck_assert_uint_eq(nic_rss_hash(rig->card, input, n + 4), suite[i].ports);
    }
    crig_free(rig);
}
END_TEST

/* ---- packets ------------------------------------------------------------------------------------------------ */

enum kind { TCP, UDP, ICMP, FRAGMENT, OPTIONS, KINDS };

/* An Ethernet frame of the flow at `b`; returns its length. OPTIONS: TCP behind IP options or extension headers. */
static uint32_t make(uint8_t *b, const struct flow *f, enum kind kind)
{
    uint8_t input[36];
    unsigned addresses = input_of(f, input);
    bool six = f->family == 6;
    uint8_t proto = kind == UDP ? ESP_PROTO_UDP : kind == ICMP ? (six ? 58 : 1) : ESP_PROTO_TCP;
    uint32_t extra = kind == OPTIONS || (six && kind == FRAGMENT) ? 8 : 0;
    uint32_t l4 = (six ? 54u : 34u) + extra;
    uint32_t length = l4 + 40;

    memset(b, 0, length);
    memset(b, 2, 12);
    esp_put16(b + 12, six ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    memcpy(b + (six ? 22 : 26), input, addresses);
    if (six) {
        b[14] = 0x60;
        esp_put16(b + 18, (uint16_t)(length - 54));
        b[20] = !extra ? proto : kind == FRAGMENT ? 44 : 60;
        b[21] = 64;
        if (extra) { /* a first fragment, or destination options: six bytes of padding */
            b[54] = proto;
            b[56] = kind == FRAGMENT ? 0 : 1;
            b[57] = kind == FRAGMENT ? 1 : 4;
        }
    } else {
        b[14] = (uint8_t)(0x45 + extra / 4);
        memset(b + 34, 1, extra); /* no operation */
        esp_put16(b + 16, (uint16_t)(length - 14));
        esp_put16(b + 20, kind == FRAGMENT ? 0x2000 : 0);
        b[22] = 64;
        b[23] = proto;
        esp_put16(b + 24, esp_ip_checksum(b + 14, 20 + extra));
    }
    esp_put16(b + l4, f->sport);
    esp_put16(b + l4 + 2, f->dport);
    if (kind == UDP) {
        esp_put16(b + l4 + 4, 40);
    } else {
        b[l4 + 12] = 0x50;
    }
    return length;
}

/* What is hashed of a packet, of the names in `types`. */
static unsigned wanted(const struct flow *f, enum kind kind, const char *types, const char *key,
                       uint32_t table)
{
    uint8_t input[36];
    unsigned count = input_of(f, input);
    bool all = !strcmp(types, "all");
    char list[160];
    char ports[32];
    char ip[32];

    snprintf(list, sizeof list, ",%s,",
             all ? "ipv4,tcp-ipv4,udp-ipv4,ipv6,tcp-ipv6,udp-ipv6" : types);
    snprintf(ports, sizeof ports, ",%s-ipv%d,", kind == UDP ? "udp" : "tcp", f->family);
    snprintf(ip, sizeof ip, ",ipv%d,", f->family);
    if (kind != ICMP && kind != FRAGMENT && strstr(list, ports)) {
        count += 4;
    } else if (!strstr(list, ip)) {
        count = 0;
    }
    return (reference(key, input, count) & (table - 1)) % QUEUES;
}

/* It arrives: which queue has got a completion? */
static unsigned arrive(struct crig *rig, uint8_t *bytes, uint32_t length)
{
    struct espnic_frame f = { .bytes = bytes, .captured = length, .length = length };
    unsigned before = rig->writes;
    unsigned queue = NOWHERE;

    ck_assert(espnic_wire_rx(rig->card, 0, espnic_now(rig->card), &f));
    crig_settle(rig);
    for (unsigned i = before; i < rig->writes; i++) {
        for (unsigned q = 0; q < QUEUES; q++) {
            if (rig->write[i].address - crig_rx_done_at(q) < CRIG_RING) {
                ck_assert_uint_eq(queue, NOWHERE);
                queue = q;
            }
        }
    }
    rig->writes = before;
    return queue;
}

static const struct {
    const char *types, *key;
    uint32_t table;
} settings[] = {
    { "all", NULL, 128 },
    { "all", NULL, 8 },
    { "all", NULL, 2 }, /* fewer entries than queues */
    { "tcp-ipv4,tcp-ipv6", NULL, 128 },
    { "ipv4,udp-ipv6", NULL, 512 },
    { "udp-ipv4,ipv6,ipv4",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627", 128 },
};

START_TEST(in_the_clear)
{
    static uint8_t bytes[ROOM];
    const char *key = settings[_i].key;
    struct crig *rig = open_card(true, true, settings[_i].types, key, settings[_i].table);
    unsigned seen = 0;

    key = rig->config.rss.key;
    for (unsigned i = 0; i < FLOWS; i++) {
        for (unsigned kind = 0; kind < KINDS; kind++) {
            unsigned q = wanted(&suite[i], kind, settings[_i].types, key, settings[_i].table);

            ck_assert_msg(arrive(rig, bytes, make(bytes, &suite[i], kind)) == q, "flow %u, kind %u",
                          i, kind);
            seen |= 1u << q;
            crig_post_rx(rig, q, 1, BUFFER_BYTES);
        }
    }
    ck_assert_uint_ne(seen & (seen - 1), 0); /* it does spread */
    memset(bytes, 0xff, 60);                 /* no IP: entry 0 */
    ck_assert_uint_eq(arrive(rig, bytes, 60), 0);
    crig_free(rig);
}
END_TEST

/* ---- after decryption ---------------------------------------------------------------------------------------- */

static const struct cover {
    const char *name;
    enum esp_op op[2]; /* as received: outermost first */
    enum esp_mode mode;
    enum esp_udp udp;
    enum esp_alg ah; /* of AH; NONE: SHA-1 */
    bool six;        /* a tunnel over IPv6 */
} covers[] = {
    { "ESP, tunnel", { ESP_OP_ESP }, ESP_MODE_TUNNEL, ESP_UDP_NONE, ESP_ALG_NONE, false },
    { "ESP, transport", { ESP_OP_ESP }, ESP_MODE_TRANSPORT, ESP_UDP_NONE, ESP_ALG_NONE, false },
    { "ESP in UDP, tunnel", { ESP_OP_ESP }, ESP_MODE_TUNNEL, ESP_UDP_TUNNEL, ESP_ALG_NONE, false },
    { "ESP in UDP, transport",
      { ESP_OP_ESP },
      ESP_MODE_TRANSPORT,
      ESP_UDP_TRANSPORT,
      ESP_ALG_NONE,
      false },
    { "AH, tunnel", { ESP_OP_AH }, ESP_MODE_TUNNEL, ESP_UDP_NONE, ESP_ALG_NONE, false },
    { "AH, transport", { ESP_OP_AH }, ESP_MODE_TRANSPORT, ESP_UDP_NONE, ESP_ALG_NONE, false },
    { "AH and ESP, tunnel",
      { ESP_OP_AH, ESP_OP_ESP },
      ESP_MODE_TUNNEL,
      ESP_UDP_NONE,
      ESP_ALG_NONE,
      false },
    { "AH and ESP, transport",
      { ESP_OP_AH, ESP_OP_ESP },
      ESP_MODE_TRANSPORT,
      ESP_UDP_NONE,
      ESP_ALG_NONE,
      false },
    /* 28 bytes, which IPv6 makes 32 (RFC 4302 2.6) */
    { "long AH, tunnel", { ESP_OP_AH }, ESP_MODE_TUNNEL, ESP_UDP_NONE, ESP_ALG_SHA_256, true },
    { "long AH, transport",
      { ESP_OP_AH },
      ESP_MODE_TRANSPORT,
      ESP_UDP_NONE,
      ESP_ALG_SHA_256,
      false },
    { "long AH and ESP, tunnel",
      { ESP_OP_AH, ESP_OP_ESP },
      ESP_MODE_TUNNEL,
      ESP_UDP_NONE,
      ESP_ALG_SHA_256,
      true },
};

enum { COVERS = sizeof covers / sizeof covers[0] };

static struct esp_sa make_sa(enum esp_op op, enum esp_alg ah, uint32_t spi)
{
    struct esp_sa sa = { .op = op, .spi = spi };
    struct esp_key *key = op == ESP_OP_AH ? &sa.auth : &sa.enc;

    key->alg = op != ESP_OP_AH ? ESP_ALG_AES_GCM_128 : ah == ESP_ALG_NONE ? ESP_ALG_SHA_1 : ah;
    key->icv = esp_alg_info(key->alg)->icv_default;
    key->length = key->alg == ESP_ALG_SHA_256 ? 32 : 20;
    memset(key->bytes, (int)spi, key->length);
    return sa;
}

static const struct flow tunnel = { 4, "192.0.2.77", "192.0.2.99", 0, 0, 0, 0 };
static const struct flow tunnel_six = { 6, "2001:db8::77", "2001:db8::99", 0, 0, 0, 0 };

/* Of a flow's packets: in transport mode the addresses are its own, a tunnel's are others. */
static struct esp_node make_node(const struct cover *c, const struct flow *f, uint32_t spi)
{
    const struct flow *of = c->mode != ESP_MODE_TUNNEL ? f : c->six ? &tunnel_six : &tunnel;
    unsigned each = of->family == 6 ? 16 : 4;
    struct esp_node node = { .handle = 1, .dir = ESP_DIR_IN, .mode = c->mode, .udp = c->udp };
    uint8_t input[36];

    input_of(of, input);
    node.src.family = node.dst.family = (uint8_t)of->family;
    memcpy(node.src.bytes, input, each);
    memcpy(node.dst.bytes, input + each, each);
    node.encap_sport = node.encap_dport = 4500;
    for (unsigned i = 0; i < 2 && c->op[i]; i++) {
        node.sa[node.sa_count++] = make_sa(c->op[i], c->ah, spi + i);
    }
    return node;
}

/* Protect the frame in `packet` as the sender of the node does. */
static void seal(struct esp_crypt *crypt, const struct esp_node *in, uint64_t seq,
                 struct esp_packet *packet)
{
    struct esp_encap encap[2] = { { .seq = seq }, { .seq = seq } };
    struct esp_key_ref key[2];
    struct esp_node out = *in;

    out.dir = ESP_DIR_OUT;
    for (unsigned i = 0; i < in->sa_count; i++) {
        out.sa[i] = in->sa[in->sa_count - 1u - i];
        key[i] = (struct esp_key_ref){ out.sa[i].spi, 0 };
    }
    ck_assert_int_eq(esp_seal_packet(crypt, &out, key, packet, encap), ESP_OK);
}

static void add(struct crig *rig, const struct esp_node *node)
{
    enum sa_reason reason;
    uint64_t handle;

    ck_assert_msg(espnic_preload_add(rig->card, node, &handle, &reason), "%s",
                  sa_reason_name(reason));
}

enum { FUNCTIONAL = 1, PACKET = 2, CARDS = 4 };

static uint8_t room[ROOM];

static struct esp_packet made(const struct flow *f, enum kind kind)
{
    struct esp_packet packet = { room, ROOM, 1000, 0, 14 };

    packet.length = make(room + packet.start, f, kind);
    return packet;
}

/* A fragment has no transport mode, and the card leaves IP options in front of IPsec alone. */
static bool possible(const struct cover *c, enum kind kind)
{
    return c->mode == ESP_MODE_TUNNEL || (kind != FRAGMENT && kind != OPTIONS);
}

START_TEST(after_decryption)
{
    struct crig *rig = open_card(_i & FUNCTIONAL, _i & PACKET, NULL, NULL, 128);
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    unsigned opened = 0;

    for (unsigned n = 0; n < COVERS * FLOWS * KINDS; n++) {
        const struct cover *c = &covers[n / KINDS / FLOWS];
        const struct flow *f = &suite[n / KINDS % FLOWS];
        enum kind kind = n % KINDS;
        unsigned q = wanted(f, kind, "all", rig->config.rss.key, 128);
        struct esp_node node = make_node(c, f, 0x10000 + n / KINDS * 2);
        struct esp_packet packet = made(f, kind);

        if (kind == TCP) {
            add(rig, &node);
        }
        if (!possible(c, kind)) {
            continue;
        }
        seal(crypt, &node, kind + 1, &packet);
        ck_assert_msg(arrive(rig, esp_packet_bytes(&packet), packet.length) == q,
                      "%s, flow %u, kind %u", c->name, n / KINDS % FLOWS, kind);
        crig_post_rx(rig, q, 1, BUFFER_BYTES);
        opened++;
    }
    ck_assert_uint_eq(rig->card->stats.rx.packets_out, opened);
    esp_crypt_close(crypt);
    crig_free(rig);
}
END_TEST

/* A transport SA inside a tunnel. Without contents (and with packet offload) so little is known of a packet that the inner SA cannot be looked
 * into. */
START_TEST(two_nodes)
{
    struct crig *rig = open_card(_i & FUNCTIONAL, _i & PACKET, NULL, NULL, 128);
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);

    for (unsigned i = 0; i < FLOWS; i++) {
        struct esp_node inner = make_node(&covers[1], &suite[i], 0x20000 + i);
        struct esp_node outer = make_node(&covers[0], &suite[i], 0x30000 + i);
        struct esp_packet packet = made(&suite[i], UDP);
        enum kind known = _i & FUNCTIONAL ? UDP : ICMP;
        unsigned q = wanted(&suite[i], known, "all", rig->config.rss.key, 128);

        add(rig, &inner);
        add(rig, &outer);
        seal(crypt, &inner, 1, &packet);
        seal(crypt, &outer, 1, &packet);
        ck_assert_uint_eq(arrive(rig, esp_packet_bytes(&packet), packet.length), q);
        crig_post_rx(rig, q, 1, BUFFER_BYTES);
    }
    esp_crypt_close(crypt);
    crig_free(rig);
}
END_TEST

/* What the card has not opened: the addresses in front, of what it left. */
START_TEST(not_opened)
{
    struct crig *rig = open_card(true, _i & PACKET, NULL, NULL, 128);
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);

    for (unsigned i = 0; i < FLOWS; i++) {
        struct esp_node inner = make_node(&covers[1], &suite[i], 0x20000 + i);
        struct esp_node outer = make_node(&covers[0], &suite[i], 0x30000 + i);
        struct esp_packet packet = made(&suite[i], TCP);
        unsigned q = wanted(&suite[i], ICMP, "all", rig->config.rss.key, 128);

        /* no SA; then one inside of a tunnel; then bad ICVs, which packet offload drops */
        seal(crypt, &inner, 1, &packet);
        ck_assert_uint_eq(arrive(rig, esp_packet_bytes(&packet), packet.length), q);
        crig_post_rx(rig, q, 1, BUFFER_BYTES);
        add(rig, &outer);
        seal(crypt, &outer, 1, &packet);
        ck_assert_uint_eq(arrive(rig, esp_packet_bytes(&packet), packet.length), q);
        crig_post_rx(rig, q, 1, BUFFER_BYTES);
        add(rig, &inner);
        for (unsigned k = 0; k < 2; k++) {
            packet = made(&suite[i], TCP);
            seal(crypt, k ? &outer : &inner, 2, &packet);
            esp_packet_bytes(&packet)[packet.length - 1] ^= 1;
            q = wanted(k ? &tunnel : &suite[i], ICMP, "all", rig->config.rss.key, 128);
            if (_i & PACKET) {
                ck_assert_uint_eq(arrive(rig, esp_packet_bytes(&packet), packet.length), NOWHERE);
            } else {
                ck_assert_uint_eq(arrive(rig, esp_packet_bytes(&packet), packet.length), q);
                crig_post_rx(rig, q, 1, BUFFER_BYTES);
            }
        }
    }
    esp_crypt_close(crypt);
    crig_free(rig);
}
END_TEST

/* ---- by default ------------------------------------------------------------------------------------------------ */

START_TEST(mixed_has_no_ports)
{
    static uint8_t bytes[ROOM];
    struct crig *rig = crig_new();
    unsigned seen = 0;

    rig->config.dma.rx_queues = QUEUES;
    crig_open(rig, true);
    for (unsigned q = 0; q < QUEUES; q++) {
        crig_rx_ring(rig, q, RING, BUFFER_BYTES);
    }
    crig_settle(rig);
    for (unsigned i = 0; i < FLOWS; i++) {
        unsigned q = arrive(rig, bytes, make(bytes, &suite[i], TCP));

        seen |= 1u << q;
        for (uint16_t port = 1; port < 5; port++) {
            struct flow other = suite[i];

            other.sport = port;
            crig_post_rx(rig, q, 1, BUFFER_BYTES);
            ck_assert_uint_eq(arrive(rig, bytes, make(bytes, &other, TCP)), q);
        }
    }
    ck_assert_uint_ne(seen & (seen - 1), 0);
    crig_free(rig);
}
END_TEST

/* ---- settings that are none ------------------------------------------------------------------------------------ */

static const struct {
    const char *types, *key;
    uint32_t table;
    const char *says; /* NULL: good */
} odd[] = {
    { "all", NULL, 1, NULL },
    { "udp-ipv6", NULL, 4096, NULL },
    { "", NULL, 128, "card.rss.types: found \"\"" },
    { "alll", NULL, 128, "card.rss.types: found \"alll\"" },
    { "all,ipv4", NULL, 128, "card.rss.types: found \"all\"" },
    { "ipv4,all", NULL, 128, "card.rss.types: found \"all\"" },
    { "ipv4,", NULL, 128, "card.rss.types: found \"\"" },
    { "ipv4,,ipv6", NULL, 128, "card.rss.types: found \"\"" },
    { "tcp", NULL, 128, "card.rss.types: found \"tcp\"" },
    { "all", "", 128, "card.rss.key: found 0 characters" },
    { "all", "6d5a", 128, "card.rss.key: found 4 characters, 4 of them" },
    { "all", "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fg",
      128, "card.rss.key: found 80 characters, 79 of them" },
    { "all", "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa00",
      128, "card.rss.key: found 82 characters" },
    { "all", NULL, 100, "card.rss.table: found 100, expected a power of two" },
};

START_TEST(refused)
{
    struct crig *rig = crig_new();
    char error[512] = "";
    bool good;

    set_text(rig->config.rss.types, odd[_i].types);
    if (odd[_i].key) {
        set_text(rig->config.rss.key, odd[_i].key);
    }
    rig->config.rss.table = odd[_i].table;
    good = nic_config_check(&rig->config, error, sizeof error);
    ck_assert_int_eq(good, !odd[_i].says);
    ck_assert_msg(good || strstr(error, odd[_i].says) == error, "%s", error);
    free(rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rss");
    TCase *cases = tcase_create("rss");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, verification_suite);
    tcase_add_loop_test(cases, in_the_clear, 0, sizeof settings / sizeof settings[0]);
    tcase_add_loop_test(cases, after_decryption, 0, CARDS);
    tcase_add_loop_test(cases, two_nodes, FUNCTIONAL, CARDS);
    tcase_add_loop_test(cases, not_opened, FUNCTIONAL, CARDS);
    tcase_add_test(cases, mixed_has_no_ports);
    tcase_add_loop_test(cases, refused, 0, sizeof odd / sizeof odd[0]);
    suite_add_tcase(s, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
