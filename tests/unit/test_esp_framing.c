/* Headers, lengths, padding, ECN and AH: against what the Linux kernel sent, against the tables of
 * the RFCs, and against packets masked by hand. */
#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"

enum { ROOM = 12000 };

static struct esp_crypt *crypt;
static uint8_t buffer[ROOM];
static uint64_t rng = 3;

static void open_crypt(void)
{
    char error[200];
    crypt = esp_crypt_open(ESP_BACKEND_AUTO, 0, error, sizeof error);
    ck_assert_msg(crypt != NULL, "%s", error);
}

static void close_crypt(void)
{
    esp_crypt_close(crypt);
}

static struct esp_address address(uint8_t family, uint8_t last)
{
    struct esp_address a = { .family = family };
    a.bytes[0] = family == 4 ? 192 : 0x20;
    a.bytes[family == 4 ? 3 : 15] = last;
    return a;
}

static struct esp_transform esp_of(enum esp_alg enc, enum esp_alg auth, unsigned icv, bool tunnel,
                                   uint8_t family, bool udp)
{
    struct esp_transform t = { .op = ESP_OP_ESP,
                               .mode = tunnel ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
                               .udp = udp,
                               .enc = (uint8_t)enc,
                               .auth = (uint8_t)auth,
                               .spi = 0xc0111111,
                               .encap_sport = 4500,
                               .encap_dport = 4501,
                               .src = address(family, 1),
                               .dst = address(family, 2) };
    esp_transform_init(&t, (uint8_t)icv);
    return t;
}

static struct esp_transform ah_of(bool tunnel, uint8_t family, bool esn)
{
    struct esp_transform t = esp_of(ESP_ALG_NONE, ESP_ALG_SHA_256, 16, tunnel, family, false);
    t.op = ESP_OP_AH;
    t.esn = esn;
    return t;
}

/* ---- the same bytes as the kernel ------------------------------------------------------------ */

static const char *const tunnels[] = { "linux61-01-gcm128-tunnel4in4",
                                       "linux61-02-gcm256-esn-wrap-tunnel4in4",
                                       "linux61-05-cbc128-sha1-tunnel4in6",
                                       "linux61-08-cbc192-sha384-udpencap-tunnel4",
                                       "linux61-10-gmac128-tunnel4in4",
                                       "linux61-11-chacha20poly1305-tunnel6in6",
                                       "linux61-13-cbc128-sha256-esn-wrap-tunnel4",
                                       "linux61-18-gcm128-bulk-tcp-tunnel4in4",
                                       "linux61-20-gcm128-lifetime-expiry-tunnel4" };

static char captures[512];

static pcap_t *open_pcap(const char *base, const char *suffix)
{
    char path[800], error[PCAP_ERRBUF_SIZE];
    snprintf(path, sizeof path, "%s/%s%s", captures, base, suffix);
    pcap_t *pcap = pcap_open_offline(path, error);
    ck_assert_msg(pcap != NULL, "%s", error);
    return pcap;
}

static json_t *open_json(const char *base, const char *suffix)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s%s", captures, base, suffix);
    return support_load(path);
}

static void node_of(const json_t *sas, const char *id, struct esp_node *node, uint32_t *key)
{
    size_t i = 0;
    const json_t *list = json_object_get(sas, "sas");
    const json_t *object = json_array_get(list, 0);
    while (object != NULL && strcmp(support_string(object, "id"), id) != 0) {
        object = json_array_get(list, ++i);
    }
    ck_assert_ptr_nonnull(object);
    memset(node, 0, sizeof *node);
    *key += (uint32_t)i;
    node->dir = ESP_DIR_OUT;
    node->mode = ESP_MODE_TUNNEL;
    const json_t *ports = json_object_get(object, "udp_encap");
    node->udp = json_is_array(ports) ? ESP_UDP_TUNNEL : ESP_UDP_NONE;
    node->encap_sport = (uint16_t)json_integer_value(json_array_get(ports, 0));
    node->encap_dport = (uint16_t)json_integer_value(json_array_get(ports, 1));
    node->src = support_address(support_string(object, "src"));
    node->dst = support_address(support_string(object, "dst"));
    node->sa_count = 1;
    node->sa[0].op = ESP_OP_ESP;
    node->sa[0].spi = (uint32_t)support_number(object, "spi");
    node->sa[0].esn = support_flag(object, "esn");
    ck_assert(support_keys(object, &node->sa[0]));
}

/* Our frame against the kernel's: all equal but identification, TTL, DF, flow label and checksum. */
static void compare_with_kernel(const uint8_t *ours, const uint8_t *kernel, uint32_t length,
                                const char *what)
{
    uint8_t a[100], b[100];
    struct esp_view view;
    esp_parse(kernel, length, length, NULL, &view);
    uint32_t front = view.l3 + view.l3_header;
    memcpy(a, ours, front);
    memcpy(b, kernel, front);
    for (unsigned side = 0; side < 2; side++) {
        uint8_t *ip = (side == 0 ? a : b) + view.l3;
        if (view.version == 4) {
            memset(ip + 4, 0, 5);
            memset(ip + 10, 0, 2);
        } else {
            memset(ip + 1, 0, 3);
            ip[7] = 0;
        }
    }
    ck_assert_msg(memcmp(a, b, front) == 0, "%s: outer header differs", what);
    ck_assert_msg(memcmp(ours + front, kernel + front, length - front) == 0, "%s: bytes differ",
                  what);
}

static unsigned one_capture(const char *base, uint32_t first_key)
{
    json_t *sas = open_json(base, ".sa.json");
    json_t *expect = open_json(base, ".expect.json");
    pcap_t *clear = open_pcap(base, ".clear.pcap");
    pcap_t *kernel = open_pcap(base, ".pcap");
    ck_assert_int_eq(pcap_datalink(clear), DLT_RAW);
    struct pcap_pkthdr *h;
    const uint8_t *bytes, *wire;
    size_t i;
    const json_t *frame;
    json_array_foreach(json_object_get(expect, "frames"), i, frame)
    {
        struct esp_node node;
        struct esp_key_ref key[2] = { { first_key, 0 } };
        struct esp_encap encap[2] = { { .iv_given = true } };
        node_of(sas, support_string(frame, "sa"), &node, &key[0].id);
        support_hex(frame, "iv", encap[0].iv, ESP_MAX_IV);
        encap[0].seq = support_number(frame, "seq_hi") << 32 | support_number(frame, "seq");
        struct esp_packet packet = { buffer, ROOM, 200, 0, 14 };
        ck_assert_int_eq(pcap_next_ex(clear, &h, &bytes), 1);
        memcpy(buffer + 214, bytes, h->caplen);
        packet.length = 14 + h->caplen;
        ck_assert_int_eq(pcap_next_ex(kernel, &h, &wire), 1);
        memcpy(buffer + 200, wire, 14);
        enum esp_status status = esp_seal_packet(crypt, &node, key, &packet, encap);
        ck_assert_msg(status == ESP_OK, "%s: %s", base, esp_status_name(status));
        ck_assert_uint_eq(packet.length, h->caplen);
        compare_with_kernel(esp_packet_bytes(&packet), wire, h->caplen, base);
    }
    pcap_close(clear);
    pcap_close(kernel);
    json_decref(expect);
    json_decref(sas);
    return (unsigned)i;
}

START_TEST(same_bytes_as_linux)
{
    if (!support_data("same_bytes_as_linux", "captures", captures, sizeof captures)) {
        return;
    }
    unsigned frames = 0;
    for (uint32_t n = 0; n < sizeof tunnels / sizeof tunnels[0]; n++) {
        frames += one_capture(tunnels[n], n * 100);
    }
    ck_assert_uint_eq(frames, 1864);
}
END_TEST

/* ---- lengths --------------------------------------------------------------------------------- */

struct length_case {
    enum esp_op op;
    enum esp_alg enc, auth;
    unsigned icv;
};

static const struct length_case length_cases[] = {
    { ESP_OP_ESP, ESP_ALG_NULL, ESP_ALG_NONE, 0 },
    { ESP_OP_ESP, ESP_ALG_NULL, ESP_ALG_SHA_1, 12 },
    { ESP_OP_ESP, ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 8 },
    { ESP_OP_ESP, ESP_ALG_AES_GCM_256, ESP_ALG_NONE, 16 },
    { ESP_OP_ESP, ESP_ALG_CHACHA20_POLY1305, ESP_ALG_NONE, 16 },
    { ESP_OP_ESP, ESP_ALG_AES_CBC_128, ESP_ALG_SHA_256, 16 },
    { ESP_OP_ESP, ESP_ALG_3DES_CBC, ESP_ALG_MD5, 12 },
    { ESP_OP_ESP, ESP_ALG_AES_CTR_128, ESP_ALG_SHA_512, 32 },
    { ESP_OP_ESP, ESP_ALG_NULL, ESP_ALG_AES_GMAC_128, 16 },
    { ESP_OP_AH, ESP_ALG_NONE, ESP_ALG_SHA_1, 12 },
    { ESP_OP_AH, ESP_ALG_NONE, ESP_ALG_SHA_256, 16 },
    { ESP_OP_AH, ESP_ALG_NONE, ESP_ALG_AES_GMAC_256, 16 },
};

/* 0..2000 bytes: shorter than an IP header there is no packet, but there is a length. */
static void check_lengths(const struct esp_transform *t, uint8_t version, uint32_t header,
                          uint32_t tfc)
{
    uint32_t least = version == 4 ? 20 : 40;
    uint32_t previous = 0;
    for (uint32_t inner = header; inner <= 2000; inner++) {
        struct esp_lengths lengths;
        esp_lengths_of(t, version, inner, header, tfc, &lengths);
        ck_assert_uint_ge(lengths.l3_length, previous);
        previous = lengths.l3_length;
        if (t->op == ESP_OP_ESP) {
            ck_assert_uint_lt(lengths.pad, t->align);
            ck_assert_uint_eq((lengths.payload + lengths.trailer) % t->align, 0);
        }
        if (inner < least) {
            continue;
        }
        struct esp_packet packet;
        struct esp_bounds bounds;
        struct esp_encap encap = { .seq = 1, .tfc = tfc };
        support_frame(&rng, buffer, ROOM, version, inner, 0, false, &packet);
        ck_assert_uint_eq(esp_encapsulate(t, &packet, &encap, &bounds), ESP_OK);
        ck_assert_uint_eq(packet.length - packet.l3, lengths.l3_length);
        ck_assert_uint_eq(bounds.end, packet.length);
        ck_assert_uint_eq(packet.start, 400 - lengths.front);
        struct esp_view view;
        esp_parse(esp_packet_bytes(&packet), packet.length, packet.length,
                  &(struct esp_ports){ 1, { 4500 } }, &view);
        ck_assert_uint_eq(view.ipsec_end, packet.length);
        ck_assert_uint_eq(view.l3_length, lengths.l3_length);
        ck_assert_uint_eq(esp_inner_length(t, &view, lengths.pad), inner + lengths.tfc);
    }
}

START_TEST(lengths_are_those_of_packets)
{
    for (size_t c = 0; c < sizeof length_cases / sizeof length_cases[0]; c++) {
        const struct length_case *l = &length_cases[c];
        for (unsigned form = 0; form < 12; form++) {
            uint8_t version = form % 2 == 0 ? 4 : 6;
            uint8_t outer = form / 2 % 2 == 0 ? 4 : 6;
            bool tunnel = form / 4 != 0, udp = form / 4 == 2 && l->op == ESP_OP_ESP;
            struct esp_transform t = esp_of(l->enc, l->auth, l->icv, tunnel, outer, udp);
            t.op = (uint8_t)l->op;
            uint32_t header = tunnel ? 0 : version == 4 ? 20 : 40;
            check_lengths(&t, version, header, tunnel && udp ? 33 : 0);
        }
    }
}
END_TEST

START_TEST(longest_inner_fits)
{
    for (size_t c = 0; c < sizeof length_cases / sizeof length_cases[0]; c++) {
        const struct length_case *l = &length_cases[c];
        for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
            struct esp_transform t = esp_of(l->enc, l->auth, l->icv, tunnel, 6, false);
            t.op = (uint8_t)l->op;
            uint32_t header = tunnel ? 0 : 20;
            for (uint32_t mtu = 0; mtu < 400; mtu++) {
                uint32_t best = 0;
                for (uint32_t inner = tunnel ? 1 : header; inner < 400; inner++) {
                    struct esp_lengths lengths;
                    esp_lengths_of(&t, 4, inner, header, 0, &lengths);
                    best = lengths.l3_length <= mtu ? inner : best;
                }
                ck_assert_uint_eq(esp_longest_inner(&t, 4, header, mtu), best);
            }
        }
    }
}
END_TEST

/* ---- outer headers --------------------------------------------------------------------------- */

START_TEST(outer_header_rules)
{
    for (unsigned form = 0; form < 4; form++) {
        uint8_t inner = form % 2 == 0 ? 4 : 6, outer = form / 2 == 0 ? 4 : 6;
        for (unsigned tos = 0; tos < 256; tos++) {
            struct esp_transform t =
                esp_of(ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 16, true, outer, form == 1);
            struct esp_packet packet;
            struct esp_bounds bounds;
            struct esp_encap encap = { .seq = UINT64_C(0x1122334455667788), .ip_id = 0xbeef };
            support_frame(&rng, buffer, ROOM, inner, 100, 0, true, &packet);
            uint8_t *ip = esp_packet_bytes(&packet) + 18;
            if (inner == 4) {
                ip[1] = (uint8_t)tos;
            } else {
                ip[0] = (uint8_t)(0x60 | tos >> 4);
                ip[1] = (uint8_t)((tos << 4) | 5);
            }
            bool df = inner == 6 || (ip[6] & 0x40) != 0;
            ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
            const uint8_t *frame = esp_packet_bytes(&packet);
            ip = esp_packet_bytes(&packet) + 18;
            ck_assert_uint_eq(esp_get16(frame + 12), 0x8100);
            ck_assert_uint_eq(esp_get16(frame + 16), outer == 4 ? 0x0800 : 0x86dd);
            uint32_t l4 = outer == 4 ? 20 : 40;
            if (outer == 4) {
                ck_assert_uint_eq(ip[0], 0x45);
                ck_assert_uint_eq(ip[1], tos);
                ck_assert_uint_eq(esp_get16(ip + 2), packet.length - 18);
                ck_assert_uint_eq(esp_get16(ip + 4), 0xbeef);
                ck_assert_uint_eq(esp_get16(ip + 6), df ? 0x4000 : 0);
                ck_assert_uint_eq(ip[8], 64);
                ck_assert_uint_eq(ip[9], t.udp ? 17 : 50);
                ck_assert_uint_eq(esp_ip_checksum(ip, 20), 0);
                ck_assert_mem_eq(ip + 12, t.src.bytes, 4);
                ck_assert_mem_eq(ip + 16, t.dst.bytes, 4);
            } else {
                ck_assert_uint_eq(esp_get32(ip), 0x60000000u | tos << 20);
                ck_assert_uint_eq(esp_get16(ip + 4), packet.length - 18 - 40);
                ck_assert_uint_eq(ip[6], 50);
                ck_assert_uint_eq(ip[7], 64);
                ck_assert_mem_eq(ip + 8, t.src.bytes, 16);
                ck_assert_mem_eq(ip + 24, t.dst.bytes, 16);
            }
            if (t.udp) {
                ck_assert_uint_eq(esp_get32(ip + l4), 4500u << 16 | 4501);
                ck_assert_uint_eq(esp_get16(ip + l4 + 4), packet.length - 18 - l4);
                ck_assert_uint_eq(esp_get16(ip + l4 + 6), 0);
                l4 += 8;
            }
            ck_assert_uint_eq(esp_get32(ip + l4), 0xc0111111);
            ck_assert_uint_eq(esp_get32(ip + l4 + 4), 0x55667788);
            ck_assert_uint_eq(esp_get32(ip + l4 + 8), 0x11223344); /* the IV is the number */
            ck_assert_uint_eq(esp_get32(ip + l4 + 12), 0x55667788);
        }
    }
}
END_TEST

/* Transport mode over IPv6: where the ESP header goes, RFC 4303 3.1.1. */
START_TEST(transport_goes_behind_the_right_headers)
{
    static const uint8_t chain[] = {
        60, 0, 1, 4, 0, 0, 0, 0, /* hop-by-hop, then destination options */
        43, 0, 1, 4, 0, 0, 0, 0, /* destination options for every hop, then routing */
        60, 0, 4, 0, 0, 0, 0, 0, /* routing, then destination options */
        17, 0, 1, 4, 0, 0, 0, 0, /* destination options for the destination alone, then UDP */
    };
    struct esp_packet packet;
    struct esp_bounds bounds;
    struct esp_encap encap = { .seq = 1 };
    struct esp_transform t = esp_of(ESP_ALG_NULL, ESP_ALG_NONE, 0, false, 6, false);
    support_frame(&rng, buffer, ROOM, 6, 40 + sizeof chain + 20, 0, false, &packet);
    uint8_t *ip = esp_packet_bytes(&packet) + 14;
    ip[6] = 0;
    memcpy(ip + 40, chain, sizeof chain);
    uint8_t before[14 + 40 + sizeof chain + 20];
    memcpy(before, esp_packet_bytes(&packet), sizeof before);
    ck_assert_uint_eq(esp_transport_header(before, sizeof before, 14), 64);
    ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
    ip = esp_packet_bytes(&packet) + 14;
    ck_assert_uint_eq(bounds.ipsec, 14 + 64);
    ck_assert_uint_eq(ip[40 + 16], 50); /* the routing header now names ESP */
    ck_assert_uint_eq(ip[64 + 8], 17);  /* behind SPI and number: the last options header */
    ck_assert_uint_eq(esp_packet_bytes(&packet)[bounds.end - 1], 60);
    struct esp_opened opened;
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_OK);
    ck_assert_uint_eq(packet.length, sizeof before);
    ck_assert_mem_eq(esp_packet_bytes(&packet), before, sizeof before);
    before[14 + 6] = 44; /* a fragment is not protected in transport mode */
    ck_assert_uint_eq(esp_transport_header(before, sizeof before, 14), 0);
}
END_TEST

START_TEST(no_room_and_too_long)
{
    struct esp_transform t = esp_of(ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 16, true, 4, false);
    struct esp_encap encap = { .seq = 1 };
    struct esp_packet packet;
    struct esp_bounds bounds;
    struct esp_lengths lengths;
    support_frame(&rng, buffer, ROOM, 4, 101, 0, false, &packet);
    esp_lengths_of(&t, 4, 101, 20, 0, &lengths);
    uint8_t before[115];
    memcpy(before, esp_packet_bytes(&packet), sizeof before);
    struct esp_packet tight = packet;
    tight.buffer += tight.start - lengths.front + 1;
    tight.start = lengths.front - 1;
    tight.capacity = 1000;
    ck_assert_uint_eq(esp_encapsulate(&t, &tight, &encap, &bounds), ESP_NO_ROOM);
    tight = packet;
    tight.capacity = packet.start + packet.length + lengths.trailer + lengths.icv - 1;
    ck_assert_uint_eq(esp_encapsulate(&t, &tight, &encap, &bounds), ESP_NO_ROOM);
    ck_assert_mem_eq(esp_packet_bytes(&packet), before, sizeof before);
    tight.capacity++;
    ck_assert_uint_eq(esp_encapsulate(&t, &tight, &encap, &bounds), ESP_OK);
    static uint8_t large[70000];
    support_frame(&rng, large, sizeof large, 4, 65500, 0, false, &packet);
    ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_TOO_LONG);
}
END_TEST

/* ---- decapsulation --------------------------------------------------------------------------- */

/* RFC 6040 figure 4, written out; ECN code points 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
static const struct {
    unsigned inner, outer;
    int result;
    bool odd;
} figure4[16] = {
    { 0, 0, 0, false }, { 0, 2, 0, true },  { 0, 1, 0, true },  { 0, 3, -1, true },
    { 2, 0, 2, false }, { 2, 2, 2, false }, { 2, 1, 1, false }, { 2, 3, 3, false },
    { 1, 0, 1, false }, { 1, 2, 1, true },  { 1, 1, 1, false }, { 1, 3, 3, false },
    { 3, 0, 3, false }, { 3, 2, 3, false }, { 3, 1, 3, true },  { 3, 3, 3, false },
};

START_TEST(ecn_table)
{
    for (unsigned n = 0; n < 16; n++) {
        bool odd = !figure4[n].odd;
        ck_assert_int_eq(esp_ecn_decapsulate(figure4[n].outer, figure4[n].inner, &odd),
                         figure4[n].result);
        ck_assert_int_eq(odd, figure4[n].odd);
        for (unsigned form = 0; form < 4; form++) {
            uint8_t inner = form % 2 == 0 ? 4 : 6, outer = form / 2 == 0 ? 4 : 6;
            struct esp_transform t = esp_of(ESP_ALG_NULL, ESP_ALG_NONE, 0, true, outer, false);
            struct esp_packet packet;
            struct esp_bounds bounds;
            struct esp_opened opened;
            struct esp_encap encap = { .seq = 1 };
            support_frame(&rng, buffer, ROOM, inner, 60, 0, false, &packet);
            uint8_t *ip = esp_packet_bytes(&packet) + 14;
            if (inner == 4) {
                ip[1] = (uint8_t)((ip[1] & 0xfc) | figure4[n].inner);
                esp_put16(ip + 10, 0);
                esp_put16(ip + 10, esp_ip_checksum(ip, 20));
            } else {
                ip[1] = (uint8_t)((ip[1] & 0xcf) | figure4[n].inner << 4);
            }
            ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
            ip = esp_packet_bytes(&packet) + 14;
            unsigned shift = outer == 4 ? 0 : 4;
            ck_assert_uint_eq(ip[1] >> shift & 3, figure4[n].inner);
            ip[1] = (uint8_t)((ip[1] & ~(3u << shift)) | figure4[n].outer << shift);
            enum esp_status status = esp_decapsulate(&t, &packet, &bounds, &opened);
            ck_assert_uint_eq(status, figure4[n].result < 0 ? ESP_ECN_DROP : ESP_OK);
            if (status == ESP_OK) {
                ip = esp_packet_bytes(&packet) + 14;
                ck_assert_uint_eq(ip[1] >> (inner == 4 ? 0 : 4) & 3, (unsigned)figure4[n].result);
                ck_assert(inner == 6 || esp_ip_checksum(ip, 20) == 0);
                ck_assert_int_eq(opened.ecn_marked, figure4[n].inner != 3 && figure4[n].outer == 3);
            }
        }
    }
}
END_TEST

/* An ESP packet of NULL encryption, ready to be spoilt. */
static struct esp_bounds fresh(const struct esp_transform *t, struct esp_packet *packet,
                               uint32_t inner, uint32_t tfc)
{
    struct esp_bounds bounds;
    struct esp_encap encap = { .seq = 1, .tfc = tfc };
    support_frame(&rng, buffer, ROOM, 4, inner, 0, false, packet);
    ck_assert_uint_eq(esp_encapsulate(t, packet, &encap, &bounds), ESP_OK);
    return bounds;
}

START_TEST(trailers)
{
    struct esp_transform t = esp_of(ESP_ALG_NULL, ESP_ALG_NONE, 0, true, 4, false);
    struct esp_packet packet;
    struct esp_opened opened;
    struct esp_bounds bounds = fresh(&t, &packet, 43, 0); /* pad 1 2 3, length 3 */
    uint8_t *end = esp_packet_bytes(&packet) + bounds.end;
    ck_assert_uint_eq(end[-2], 3);
    ck_assert_uint_eq(esp_get32(end - 5) >> 8, 0x010203);
    uint8_t copy[200];
    memcpy(copy, esp_packet_bytes(&packet), packet.length);
    for (int at = 3; at <= 5; at++) {
        end[-at] ^= 4;
        ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_BAD_PADDING);
        end[-at] ^= 4;
    }
    end[-2] = 49; /* 43 + 3 bytes are there to be padding at most */
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_BAD_PADDING);
    end[-2] = 2; /* the padding bytes before the length are then 2, 3 */
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_BAD_PADDING);
    end[-2] = 3;
    end[-1] = 59;
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_DUMMY);
    end[-1] = 6; /* TCP in a tunnel */
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_WRONG_PROTOCOL);
    end[-1] = 41; /* says IPv6 and is IPv4 */
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_BAD_INNER);
    end[-1] = 4;
    uint8_t *inner = esp_packet_bytes(&packet) + bounds.ipsec + 8;
    inner[3] = 44; /* one byte more than was carried */
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_BAD_INNER);
    inner[3] = 43;
    ck_assert_mem_eq(copy, esp_packet_bytes(&packet), packet.length);
    struct esp_bounds cut = bounds;
    cut.end = cut.ipsec + 9;
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &cut, &opened), ESP_TRUNCATED);
    cut.end = packet.length + 1;
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &cut, &opened), ESP_TRUNCATED);
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_OK);
    ck_assert_uint_eq(packet.length, 14 + 43);
    ck_assert_uint_eq(opened.tfc, 0);
    bounds = fresh(&t, &packet, 43, 1000);
    ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_OK);
    ck_assert_uint_eq(packet.length, 14 + 43);
    ck_assert_uint_eq(opened.tfc, 1000);
    t.mode = ESP_MODE_TRANSPORT;
    struct esp_encap encap = { .tfc = 1 };
    ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_UNSUPPORTED);
}
END_TEST

/* ---- AH, masked by hand ---------------------------------------------------------------------- */

static const uint8_t ah_key[32] = { 'a', 'n', ' ', 'A', 'H', ' ', 'k', 'e', 'y' };

static enum esp_status run_ah(bool seal, struct esp_packet *packet, const struct esp_bounds *bounds,
                              const struct esp_transform *t, uint32_t half)
{
    struct esp_suite suite = {
        .auth = ESP_ALG_SHA_256, .icv = 16, .auth_length = 32, .auth_key = ah_key
    };
    struct esp_job job = { .seal = seal };
    struct esp_key_ref key = { .id = 900 };
    (seal ? esp_protect : esp_verify)(crypt, &job, t, key, &suite, esp_packet_bytes(packet), bounds,
                                      half);
    return esp_finish(crypt, &job);
}

/* Seal. `masked` is the packet from its IP header on as RFC 4302 has it counted; room for four
 * bytes more. */
static void expect_ah(struct esp_packet *packet, const struct esp_bounds *bounds, uint8_t *masked,
                      const struct esp_transform *t)
{
    uint32_t length = packet->length - packet->l3;
    uint8_t digest[32], before[400];
    unsigned bytes = 0;
    memcpy(before, esp_packet_bytes(packet), packet->length);
    ck_assert_uint_eq(run_ah(true, packet, bounds, t, 7), ESP_OK);
    if (t->esn) {
        esp_put32(masked + length, 7);
        length += 4;
    }
    HMAC(EVP_sha256(), ah_key, sizeof ah_key, masked, length, digest, &bytes);
    uint8_t *icv = esp_packet_bytes(packet) + bounds->ipsec + 12;
    ck_assert_mem_eq(icv, digest, 16);
    memcpy(before + bounds->ipsec + 12, digest, 16);
    ck_assert_mem_eq(esp_packet_bytes(packet), before, packet->length);
}

/* The byte at `at` of the IP packet counts, or it does not. */
static void byte_counts(struct esp_packet *packet, const struct esp_bounds *bounds,
                        const struct esp_transform *t, uint32_t at, bool counts)
{
    uint8_t *byte = esp_packet_bytes(packet) + packet->l3 + at;
    *byte ^= 0x40;
    ck_assert_msg(run_ah(false, packet, bounds, t, 7) == (counts ? ESP_BAD_ICV : ESP_OK),
                  "byte %u %s count", at, counts ? "must" : "must not");
    *byte ^= 0x40;
}

START_TEST(ah_over_ipv4_with_options)
{
    static const uint8_t options[24] = {
        148, 4,  0, 0,                   /* router alert: does not change */
        1,   68, 8, 5,  0, 1, 2, 3, 4,   /* NOP; timestamp: changes */
        131, 7,  4, 10, 9, 8, 7, 0, 0, 0 /* loose source route with one hop to come; end */
    };
    struct esp_transform t = ah_of(false, 4, _i != 0);
    struct esp_packet packet;
    struct esp_bounds bounds;
    struct esp_encap encap = { .seq = UINT64_C(0x700000001) };
    uint8_t masked[300];
    support_frame(&rng, buffer, ROOM, 4, 100, 24, false, &packet);
    memcpy(esp_packet_bytes(&packet) + 34, options, 24);
    ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
    uint8_t *ip = esp_packet_bytes(&packet) + 14;
    ck_assert_uint_eq(bounds.ipsec, 14 + 44);
    ck_assert_uint_eq(packet.length, 14 + 100 + 28); /* 12 + 16 is a multiple of 4 */
    ck_assert_uint_eq(ip[44 + 1], 5);
    ck_assert_uint_eq(ip[9], 51);
    memcpy(masked, ip, packet.length - 14);
    masked[1] = masked[6] = masked[7] = masked[8] = masked[10] = masked[11] = 0;
    memset(masked + 25, 0, 8); /* timestamp */
    memset(masked + 33, 0, 7); /* source route; its end is the destination */
    memcpy(masked + 16, (const uint8_t[]){ 10, 9, 8, 7 }, 4);
    expect_ah(&packet, &bounds, masked, &t);
    memcpy(ip + 16, (const uint8_t[]){ 10, 9, 8, 7 }, 4); /* the hop was taken */
    ip[35] = 8;
    for (uint32_t at = 0; at < packet.length - 14; at++) {
        bool changes = at == 1 || (at >= 6 && at <= 8) || at == 10 || at == 11 ||
                       (at >= 27 && at <= 32) || (at >= 35 && at <= 39);
        /* What the parser reads (lengths, protocol, option structure) is not for this test. */
        bool structure = at == 0 || at == 2 || at == 3 || (at >= 20 && at <= 34 && !changes) ||
                         (at >= 40 && at <= 43) || at == 45;
        if (!structure) {
            byte_counts(&packet, &bounds, &t, at, !changes);
        }
    }
    ck_assert_uint_eq(run_ah(false, &packet, &bounds, &t, 8), t.esn ? ESP_BAD_ICV : ESP_OK);
}
END_TEST

START_TEST(ah_over_ipv6_with_extensions)
{
    enum { CHAIN = 16 + 40 };
    static const uint8_t hop[16] = { 43,   1, 0x3e, 4, 1, 2, 3, 4,   /* may change en route */
                                     0x1e, 4, 5,    6, 7, 8, 1, 0 }; /* may not; PadN */
    struct esp_transform t = ah_of(false, 6, _i != 0);
    struct esp_packet packet;
    struct esp_bounds bounds;
    struct esp_encap encap = { .seq = UINT64_C(0x700000001) };
    uint8_t masked[400], first[16], second[16], last[16];
    support_frame(&rng, buffer, ROOM, 6, 40 + CHAIN + 30, 0, false, &packet);
    uint8_t *ip = esp_packet_bytes(&packet) + 14;
    ip[6] = 0;
    memcpy(ip + 40, hop, 16);
    memcpy(ip + 56, (const uint8_t[]){ 17, 4, 0, 2, 0, 0, 0, 0 }, 8); /* type 0, two to go */
    memcpy(first, ip + 24, 16);
    memcpy(second, ip + 64, 16);
    memcpy(last, ip + 80, 16);
    ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
    ip = esp_packet_bytes(&packet) + 14;
    ck_assert_uint_eq(bounds.ipsec, 14 + 96);
    ck_assert_uint_eq(packet.length, 14 + 40 + CHAIN + 30 + 32); /* 28 to a multiple of 8 */
    ck_assert_uint_eq(ip[96 + 1], 6);
    ck_assert_uint_eq(ip[96], 17);
    ck_assert_uint_eq(ip[56], 51);
    memcpy(masked, ip, packet.length - 14);
    masked[0] = 0x60;
    memset(masked + 1, 0, 3);
    masked[7] = 0;
    memset(masked + 44, 0, 4);
    masked[59] = 0; /* no segment left: first and second were visited */
    memcpy(masked + 64, first, 16);
    memcpy(masked + 80, second, 16);
    memcpy(masked + 24, last, 16);
    expect_ah(&packet, &bounds, masked, &t);
    ip[59] = 0;
    memcpy(ip + 64, first, 16);
    memcpy(ip + 80, second, 16);
    memcpy(ip + 24, last, 16);
    for (uint32_t at = 0; at < packet.length - 14; at++) {
        bool changes = (at >= 1 && at <= 3) || at == 7 || (at >= 44 && at <= 47);
        bool structure =
            at == 0 || (at >= 4 && at <= 6) || (at >= 40 && at < 60 && !changes) || at == 97;
        if (!structure) {
            byte_counts(&packet, &bounds, &t, at, !changes);
        }
    }
}
END_TEST

START_TEST(ah_in_tunnel_mode)
{
    for (unsigned form = 0; form < 4; form++) {
        uint8_t inner = form % 2 == 0 ? 4 : 6, outer = form / 2 == 0 ? 4 : 6;
        struct esp_transform t = ah_of(true, outer, _i != 0);
        struct esp_packet packet;
        struct esp_bounds bounds;
        struct esp_opened opened;
        struct esp_encap encap = { .seq = UINT64_C(0x700000001), .ip_id = 5 };
        uint8_t masked[400], before[200];
        support_frame(&rng, buffer, ROOM, inner, 90, 0, true, &packet);
        uint32_t length = packet.length;
        memcpy(before, esp_packet_bytes(&packet), length);
        ck_assert_uint_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
        uint8_t *ip = esp_packet_bytes(&packet) + 18;
        memcpy(masked, ip, packet.length - 18);
        if (outer == 4) {
            masked[1] = masked[6] = masked[7] = masked[8] = masked[10] = masked[11] = 0;
        } else {
            masked[0] = 0x60;
            masked[1] = masked[2] = masked[3] = masked[7] = 0;
        }
        ck_assert_uint_eq(ip[bounds.ipsec - 18], inner == 4 ? 4 : 41);
        expect_ah(&packet, &bounds, masked, &t);
        ip[outer == 4 ? 8 : 7]--; /* a router */
        ck_assert_uint_eq(run_ah(false, &packet, &bounds, &t, 7), ESP_OK);
        ck_assert_uint_eq(esp_decapsulate(&t, &packet, &bounds, &opened), ESP_OK);
        ck_assert_uint_eq(packet.length, length);
        ck_assert_mem_eq(esp_packet_bytes(&packet), before, length);
    }
}
END_TEST

/* ---- transport inside tunnel: two nodes, two passes ------------------------------------------- */

START_TEST(transport_over_tunnel)
{
    static const enum esp_udp kinds[] = { ESP_UDP_NONE, ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL,
                                          ESP_UDP_TRANSPORT_OVER_TUNNEL };
    for (unsigned k = 0; k < 3; k++) {
        struct esp_node node[2];
        memset(node, 0, sizeof node);
        struct esp_key_ref key[2][2] = { { { 950 + k, 0 } }, { { 960 + k, 0 } } };
        struct esp_encap encap[2] = { { .seq = 5 } };
        for (unsigned n = 0; n < 2; n++) {
            node[n].mode = n == 0 ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL;
            node[n].udp = kinds[k];
            node[n].encap_sport = node[n].encap_dport = 4500;
            node[n].sa_count = 1;
            node[n].src = address(6, 1);
            node[n].dst = address(6, 2);
            node[n].sa[0].op = ESP_OP_ESP;
            node[n].sa[0].spi = 1000 + n;
            support_random_key(&rng, ESP_ALG_AES_GCM_128, 16, &node[n].sa[0].enc);
        }
        struct esp_packet packet;
        uint8_t before[300];
        support_frame(&rng, buffer, ROOM, 4, 200, 0, false, &packet);
        uint32_t length = packet.length;
        memcpy(before, esp_packet_bytes(&packet), length);
        ck_assert_uint_eq(esp_seal_packet(crypt, &node[0], key[0], &packet, encap), ESP_OK);
        ck_assert_uint_eq(esp_seal_packet(crypt, &node[1], key[1], &packet, encap), ESP_OK);
        struct esp_view view;
        esp_parse(esp_packet_bytes(&packet), packet.length, packet.length, NULL, &view);
        ck_assert_uint_eq(view.kind, k == 1 ? ESP_PACKET_UDP_ESP : ESP_PACKET_ESP);
        ck_assert_uint_eq(view.spi, 1001);
        uint32_t hi[2] = { 0, 0 };
        struct esp_opened opened;
        node[0].dir = node[1].dir = ESP_DIR_IN;
        unsigned failed = 5;
        ck_assert_uint_eq(
            esp_open_packet(crypt, &node[0], key[0], &packet, hi, NULL, &opened, &failed),
            ESP_WRONG_PROTOCOL);
        ck_assert_uint_eq(failed, 0);
        ck_assert_uint_eq(
            esp_open_packet(crypt, &node[1], key[1], &packet, hi, NULL, &opened, NULL), ESP_OK);
        esp_parse(esp_packet_bytes(&packet), packet.length, packet.length, NULL, &view);
        ck_assert_uint_eq(view.kind, k == 2 ? ESP_PACKET_UDP_ESP : ESP_PACKET_ESP);
        ck_assert_uint_eq(
            esp_open_packet(crypt, &node[0], key[0], &packet, hi, NULL, &opened, NULL), ESP_OK);
        ck_assert_uint_eq(packet.length, length);
        ck_assert_mem_eq(esp_packet_bytes(&packet), before, length);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("esp_framing");
    TCase *tests = tcase_create("framing");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_crypt, close_crypt);
    tcase_add_test(tests, same_bytes_as_linux);
    tcase_add_test(tests, lengths_are_those_of_packets);
    tcase_add_test(tests, longest_inner_fits);
    tcase_add_test(tests, outer_header_rules);
    tcase_add_test(tests, transport_goes_behind_the_right_headers);
    tcase_add_test(tests, no_room_and_too_long);
    tcase_add_test(tests, ecn_table);
    tcase_add_test(tests, trailers);
    tcase_add_loop_test(tests, ah_over_ipv4_with_options, 0, 2);
    tcase_add_loop_test(tests, ah_over_ipv6_with_extensions, 0, 2);
    tcase_add_loop_test(tests, ah_in_tunnel_mode, 0, 2);
    tcase_add_test(tests, transport_over_tunnel);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
