/* Does the parser find AH and ESP wherever they may stand, tell apart what shares a port with them,
 * and survive short captures, wrong lengths and any bytes? */
#include <check.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"

static uint8_t bytes[400];
static uint32_t length;
static struct esp_view view;

static void append(const void *data, size_t count)
{
    memcpy(bytes + length, data, count);
    length += (uint32_t)count;
}

#define APPEND(...)                                                                                \
    append((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void start_ethernet(uint16_t type)
{
    memset(bytes, 0, sizeof bytes);
    length = 12;
    APPEND((uint8_t)(type >> 8), (uint8_t)type);
}

static void ipv4(uint8_t proto, uint32_t payload)
{
    uint32_t total = 20 + payload;
    APPEND(0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1,
           10, 0, 0, 2);
}

static void ipv6(uint8_t next, uint32_t payload)
{
    APPEND(0x60, 0, 0, 0, (uint8_t)(payload >> 8), (uint8_t)payload, next, 64);
    length += 32;
}

static void udp(uint16_t sport, uint16_t dport, uint32_t payload)
{
    uint32_t total = 8 + payload;
    APPEND((uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport,
           (uint8_t)(total >> 8), (uint8_t)total, 0, 0);
}

/* SPI 0x01020304, number 9, and 24 bytes more. */
enum { ESP_BYTES = 32 };
static void esp(void)
{
    APPEND(1, 2, 3, 4, 0, 0, 0, 9);
    length += 24;
}

static void parse(void)
{
    esp_parse(bytes, length, length, NULL, &view);
}

static void expect_esp(uint32_t at, uint32_t end)
{
    ck_assert_uint_eq(view.esp, at);
    ck_assert_uint_eq(view.ipsec_end, end);
    ck_assert_uint_eq(view.spi, 0x01020304);
    ck_assert_uint_eq(view.seq, 9);
}

START_TEST(plain_and_tagged)
{
    for (unsigned tags = 0; tags <= 5; tags++) {
        start_ethernet(tags == 0 ? 0x0800 : 0x88a8);
        for (unsigned t = 0; t < tags; t++) {
            APPEND(0x20, (uint8_t)(t + 5));
            if (t + 1 < tags) {
                APPEND(0x81, 0x00);
            } else {
                APPEND(0x08, 0x00);
            }
        }
        uint32_t l3 = length;
        ipv4(50, ESP_BYTES);
        esp();
        uint32_t end = length;
        length += 7; /* Ethernet padding */
        parse();
        if (tags > ESP_MAX_VLAN_TAGS) {
            ck_assert_uint_eq(view.kind, ESP_PACKET_MALFORMED);
            ck_assert_uint_eq(view.error, ESP_PARSE_TOO_DEEP);
            continue;
        }
        ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
        ck_assert_uint_eq(view.vlan_tags, tags);
        ck_assert_uint_eq(view.vlan, tags == 0 ? 0 : 5);
        ck_assert_uint_eq(view.l3, l3);
        ck_assert_uint_eq(view.l3_length, end - l3);
        ck_assert(!view.options);
        expect_esp(l3 + 20, end);
        esp_parse_ip(bytes + l3, length - l3, length - l3, 0, NULL, &view);
        ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
        expect_esp(20, end - l3);
    }
}
END_TEST

START_TEST(ipv4_options_and_fragments)
{
    start_ethernet(0x0800);
    ipv4(50, ESP_BYTES + 8);
    bytes[14] = 0x47;
    APPEND(148, 4, 0, 0, 1, 1, 1, 0);
    esp();
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
    ck_assert(view.options);
    ck_assert_uint_eq(view.l3_header, 28);
    expect_esp(42, length);
    bytes[20] = 0x20; /* more fragments */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_FRAGMENT);
    ck_assert(view.fragment && view.esp == 0);
    bytes[20] = 0;
    bytes[21] = 1; /* offset 8 */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_FRAGMENT);
    bytes[21] = 0;
    bytes[20] = 0x40; /* DF alone is no fragment */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
    bytes[20] = 0;
    bytes[14] = 0x44; /* header of 16 bytes */
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
    bytes[14] = 0x4f; /* options longer than the packet allows are still inside it here: 60 of 60 */
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
}
END_TEST

START_TEST(ipv6_extension_headers)
{
    start_ethernet(0x86dd);
    ipv6(0, 8 + 24 + 16 + ESP_BYTES);
    APPEND(43, 0, 1, 4, 0, 0, 0, 0); /* hop-by-hop */
    APPEND(60, 2, 0, 0, 0, 0, 0, 0); /* routing type 0, one address */
    length += 16;
    APPEND(50, 1, 1, 12, 0, 0, 0, 0); /* destination options */
    length += 8;
    esp();
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
    ck_assert_uint_eq(view.version, 6);
    ck_assert_uint_eq(view.proto, 50);
    ck_assert(view.options);
    ck_assert_uint_eq(view.l3_header, 40 + 8 + 24 + 16);
    expect_esp(14 + 88, length);
    bytes[14 + 40] = 44; /* the routing header becomes a fragment header */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_FRAGMENT);
    bytes[14 + 40] = 43;
    bytes[14 + 48 + 1] = 200; /* longer than the packet */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_MALFORMED);
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
    start_ethernet(0x86dd);
    ipv6(60, 18 * 8);
    for (unsigned i = 0; i < 18; i++) {
        APPEND(60, 0, 1, 4, 0, 0, 0, 0);
    }
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_TOO_DEEP);
}
END_TEST

START_TEST(udp_ports_and_markers)
{
    start_ethernet(0x0800);
    ipv4(17, 8 + ESP_BYTES + 3);
    udp(4500, 1000, ESP_BYTES);
    esp();
    length += 3; /* behind the datagram, inside IP */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_UDP_ESP);
    ck_assert_uint_eq(view.udp, 34);
    ck_assert_uint_eq(view.sport, 4500);
    ck_assert_uint_eq(view.dport, 1000);
    expect_esp(42, length - 3);
    struct esp_ports ports = { .count = 2, .port = { 500, 1000 } };
    esp_parse(bytes, length, length, &ports, &view);
    ck_assert_uint_eq(view.kind, ESP_PACKET_UDP_ESP);
    ports.port[1] = 1001;
    esp_parse(bytes, length, length, &ports, &view);
    ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
    ck_assert_uint_eq(view.udp, 0);
    memset(bytes + 42, 0, 4); /* the non-ESP marker */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_IKE);
    bytes[39] = 9; /* one byte of payload */
    bytes[42] = 0xff;
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_KEEPALIVE);
    bytes[42] = 0xfe;
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
    bytes[39] = 14; /* an SPI and no number */
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
    bytes[39] = 7;
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
    bytes[39] = (uint8_t)(length - 34); /* to the end of the IP packet, and one byte more */
    bytes[42] = 1;
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_UDP_ESP);
    bytes[39]++;
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
}
END_TEST

START_TEST(authentication_header)
{
    start_ethernet(0x0800);
    ipv4(51, 24 + 8 + ESP_BYTES);
    APPEND(17, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7); /* SPI 256, number 7, ICV of 12 bytes */
    length += 12;
    udp(4500, 4500, ESP_BYTES);
    esp();
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_AH);
    ck_assert_uint_eq(view.ah, 34);
    ck_assert_uint_eq(view.spi, 256);
    ck_assert_uint_eq(view.seq, 7);
    ck_assert_uint_eq(view.udp, 58);
    ck_assert_uint_eq(view.esp, 66);
    ck_assert_uint_eq(view.esp_spi, 0x01020304);
    ck_assert_uint_eq(view.esp_seq, 9);
    struct esp_bounds bounds;
    ck_assert(esp_bounds_of_view(&view, false, &bounds));
    ck_assert_uint_eq(bounds.ipsec, 34);
    ck_assert(esp_bounds_of_view(&view, true, &bounds));
    ck_assert_uint_eq(bounds.ipsec, 66);
    bytes[62] = 0x20; /* a wrong UDP length behind AH is judged after AH */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_AH);
    ck_assert_uint_eq(view.esp, 0);
    ck_assert(!esp_bounds_of_view(&view, true, &bounds));
    bytes[35] = 14; /* AH of 64 bytes: all there is */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_AH);
    bytes[35] = 15;
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
    bytes[35] = 0; /* AH of 8 bytes */
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_LENGTH);
}
END_TEST

START_TEST(what_is_not_ip)
{
    start_ethernet(0x0806);
    length += 40;
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_NON_IP);
    start_ethernet(0x0030); /* 802.3 length */
    length += 48;
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_NON_IP);
    start_ethernet(0x86dd);
    ipv4(50, ESP_BYTES);
    esp();
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_VERSION);
    bytes[14] = 0x55;
    parse();
    ck_assert_uint_eq(view.error, ESP_PARSE_BAD_VERSION);
    esp_parse(bytes, 13, 13, NULL, &view);
    ck_assert_uint_eq(view.error, ESP_PARSE_TRUNCATED);
    esp_parse(bytes, 0, 0, NULL, &view);
    ck_assert_uint_eq(view.error, ESP_PARSE_TRUNCATED);
    start_ethernet(0x0800);
    ipv4(6, 100);
    length += 100;
    bytes[16] = bytes[17] = 0; /* total length 0: not yet segmented */
    parse();
    ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
    ck_assert(view.length_guessed);
    ck_assert_uint_eq(view.l3_length, 120);
}
END_TEST

/* A frame cut by the capture is never called truncated, one cut on the wire always is. */
START_TEST(short_captures)
{
    start_ethernet(0x0800);
    ipv4(17, 8 + ESP_BYTES);
    udp(4500, 4500, ESP_BYTES);
    esp();
    for (uint32_t captured = 0; captured < length; captured++) {
        esp_parse(bytes, captured, length, NULL, &view);
        if (captured < 14 + 20) {
            ck_assert_uint_eq(view.kind, ESP_PACKET_MALFORMED);
            ck_assert_uint_eq(view.error, ESP_PARSE_SNAPPED);
        } else if (captured >= 50) {
            ck_assert_uint_eq(view.kind, ESP_PACKET_UDP_ESP);
            ck_assert_uint_eq(view.ipsec_end, length);
        } else if (captured >= 42) {
            ck_assert_uint_eq(view.error, ESP_PARSE_SNAPPED);
        } else {
            ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
        }
        esp_parse(bytes, captured, captured, NULL, &view);
        ck_assert_uint_eq(view.kind, ESP_PACKET_MALFORMED);
        ck_assert_uint_eq(view.error, ESP_PARSE_TRUNCATED);
    }
}
END_TEST

/* An IP header that fits the frame, then one of the headers the parser looks into. */
static void make_plausible(uint64_t *rng, uint8_t *frame, uint32_t size)
{
    static const uint8_t protos[] = { 50, 51, 17, 0, 43, 44, 60, 6 };
    bool six = support_random(rng) % 2 == 0;
    uint32_t l4 = six ? 54 : 34;
    esp_put16(frame + 12, six ? 0x86dd : 0x0800);
    frame[14] = six ? 0x60 : 0x45;
    esp_put16(frame + (six ? 18 : 16), (uint16_t)(size - (six ? 54 : 14)));
    uint8_t proto = protos[support_random(rng) % 8];
    frame[six ? 20 : 23] = proto;
    if (!six && support_random(rng) % 4 != 0) {
        esp_put16(frame + 20, 0); /* no fragment */
    }
    if (proto == 17) {
        esp_put16(frame + l4, 4500);
        esp_put16(frame + l4 + 4, (uint16_t)(size - l4));
    } else {
        frame[l4] = protos[support_random(rng) % 8];
        frame[l4 + 1] &= 7;
    }
}

/* Whatever the bytes are, offsets stay inside the frame and a kind is given. */
START_TEST(any_bytes)
{
    uint64_t rng = 5;
    unsigned kinds[ESP_PACKET_KINDS] = { 0 };
    for (unsigned n = 0; n < 200000; n++) {
        uint32_t size = (uint32_t)(support_random(&rng) % 160);
        uint8_t *frame = malloc(size + 1); /* a heap block of that size: an overrun is seen */
        ck_assert_ptr_nonnull(frame);
        support_fill(&rng, frame, size);
        if (size > 70 && n % 8 != 0) {
            make_plausible(&rng, frame, size);
        }
        uint32_t captured = n % 3 == 0 ? size / 2 : size;
        esp_parse(frame, captured, size, NULL, &view);
        ck_assert_uint_lt(view.kind, ESP_PACKET_KINDS);
        kinds[view.kind]++;
        ck_assert_int_eq(view.kind == ESP_PACKET_MALFORMED, view.error != ESP_PARSE_OK);
        struct esp_bounds bounds;
        if (esp_bounds_of_view(&view, false, &bounds)) {
            ck_assert_uint_le(bounds.ipsec + ESP_HEADER, bounds.end);
            ck_assert_uint_le(bounds.end, size);
            ck_assert_uint_le(view.l3 + view.l3_length, size);
        }
        esp_parse_ip(frame, captured, size, size / 3, NULL, &view);
        ck_assert_uint_lt(view.kind, ESP_PACKET_KINDS);
        free(frame);
    }
    ck_assert_uint_gt(kinds[ESP_PACKET_ESP], 1000);
    ck_assert_uint_gt(kinds[ESP_PACKET_AH], 100);
    ck_assert_uint_gt(kinds[ESP_PACKET_UDP_ESP], 100);
    ck_assert_uint_gt(kinds[ESP_PACKET_FRAGMENT], 1000);
    ck_assert_uint_gt(kinds[ESP_PACKET_MALFORMED], 1000);
}
END_TEST

/* Real clear traffic against counts made with other software. */
START_TEST(traffic_counts)
{
    static const char *const names[] = {
        "backbone-mix",      "ip-fragments",         "office-many-protocols",
        "small-packets-lan", "voip-g711-one-stream", "web-video-with-segmentation-offload"
    };
    char folder[512], path[700], error[PCAP_ERRBUF_SIZE];
    if (!support_data("traffic_counts", "traffic", folder, sizeof folder)) {
        return;
    }
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        snprintf(path, sizeof path, "%s/%s.stats.json", folder, names[n]);
        json_t *stats = support_load(path);
        snprintf(path, sizeof path, "%s/%s.pcap", folder, names[n]);
        pcap_t *pcap = pcap_open_offline(path, error);
        ck_assert_msg(pcap != NULL, "%s", error);
        struct pcap_pkthdr *header;
        const uint8_t *frame;
        unsigned v4 = 0, v6 = 0, fragments = 0, other = 0;
        while (pcap_next_ex(pcap, &header, &frame) == 1) {
            esp_parse(frame, header->caplen, header->len, NULL, &view);
            v4 += view.version == 4;
            v6 += view.version == 6;
            other += view.kind == ESP_PACKET_NON_IP;
            fragments += view.fragment;
        }
        ck_assert_uint_eq(v4, support_number(stats, "ipv4"));
        ck_assert_uint_eq(v6, support_number(stats, "ipv6"));
        ck_assert_uint_eq(other, support_number(stats, "non_ip"));
        ck_assert_uint_eq(fragments, support_number(stats, "fragments"));
        pcap_close(pcap);
        json_decref(stats);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("esp_parse");
    TCase *tests = tcase_create("parse");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, plain_and_tagged);
    tcase_add_test(tests, ipv4_options_and_fragments);
    tcase_add_test(tests, ipv6_extension_headers);
    tcase_add_test(tests, udp_ports_and_markers);
    tcase_add_test(tests, authentication_header);
    tcase_add_test(tests, what_is_not_ip);
    tcase_add_test(tests, short_captures);
    tcase_add_test(tests, any_bytes);
    tcase_add_test(tests, traffic_counts);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
