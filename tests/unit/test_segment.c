/* Segmentation of TCP frames, beside what the RFCs say of each field, worked out here in another way: the
 * receiver's. Payloads put together again are the one that came; checksums are verified over the whole. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "esp/segment.h"
#include "esp_support.h"

enum { ROOM = 70000 };

struct made {
    uint8_t bytes[ROOM];
    struct esp_large large;
};

/* Ethernet (with VLAN tags), IPv4 with options or IPv6 with a destination header, TCP with options. */
static void make(struct made *m, unsigned tags, bool six, uint32_t ip_extra, uint32_t tcp_extra,
                 uint32_t payload, uint8_t flags, uint32_t mss)
{
    uint32_t l3 = 14 + tags * 4;
    uint32_t tcp = l3 + (six ? 40 : 20) + ip_extra;
    uint8_t *b = m->bytes;

    memset(m, 0, sizeof *m);
    for (unsigned i = 0; i < tags; i++) {
        esp_put16(b + 12 + i * 4, 0x8100);
    }
    esp_put16(b + l3 - 2, six ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    b[l3] = six ? 0x60 : (uint8_t)(0x45 + ip_extra / 4);
    for (uint32_t i = 1; i < tcp - l3; i++) {
        b[l3 + i] = (uint8_t)(i * 37 + 11);
    }
    if (!six) {
        esp_put16(b + l3 + 4, 0xfffe);
        esp_put16(b + l3 + 6, 0x4000);
        b[l3 + 9] = ESP_PROTO_TCP;
    }
    esp_put16(b + tcp, 1234);
    esp_put16(b + tcp + 2, 80);
    esp_put32(b + tcp + 4, 0xfffffa00);
    esp_put32(b + tcp + 8, 0x01020304);
    b[tcp + 12] = (uint8_t)((5 + tcp_extra / 4) << 4);
    b[tcp + 13] = flags;
    esp_put16(b + tcp + 16, 0xbeef); /* partial, as a capture has it */
    for (uint32_t i = 20; i < 20 + tcp_extra + payload; i++) {
        b[tcp + i] = (uint8_t)(i * 7 + i / 256);
    }
    m->large = (struct esp_large){
        .length = tcp + 20 + tcp_extra + payload, .l3 = l3, .version = six ? 6 : 4, .mss = mss
    };
    ck_assert(esp_large_headers(&m->large, b, m->large.length, tcp));
    ck_assert_uint_eq(m->large.headers, tcp + 20 + tcp_extra);
}

/* A receiver's check: the sum over pseudo header, header and data is all ones. */
static void check_tcp(const uint8_t *ip, bool six, const uint8_t *tcp, uint32_t bytes)
{
    uint32_t sum = ESP_PROTO_TCP + bytes;

    for (uint32_t i = 0; i < (six ? 32u : 8u); i++) {
        sum += (uint32_t)ip[(six ? 8 : 12) + i] << (i % 2 ? 0 : 8);
    }
    for (uint32_t i = 0; i < bytes; i++) {
        sum += (uint32_t)tcp[i] << (i % 2 ? 0 : 8);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ck_assert_uint_eq(sum, 0xffff);
}

static void check_all(const struct made *m, uint32_t behind, uint8_t flags)
{
    static uint8_t out[ROOM];
    const struct esp_large *l = &m->large;
    uint32_t n = esp_segments(l);
    uint32_t payload = l->length - l->headers;
    uint32_t had = 0;
    bool six = l->version == 6;

    ck_assert_uint_eq(n, payload / l->mss + (payload % l->mss != 0));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bytes = esp_segment_payload(l, i);
        const uint8_t *tcp = out + l->tcp;
        uint32_t end = l->headers + bytes + behind;
        uint8_t want = flags;

        memset(out, 0xee, sizeof out);
        esp_make_segment(l, m->bytes, i, behind, out);
        ck_assert_uint_eq(bytes, i + 1 < n ? l->mss : payload - i * l->mss);
        ck_assert_mem_eq(out + l->headers, m->bytes + l->headers + had, bytes);
        ck_assert_uint_eq(out[l->headers + bytes], 0xee); /* nothing behind it */
        ck_assert_mem_eq(out, m->bytes, l->l3 + (six ? 4 : 2));
        if (six) {
            ck_assert_uint_eq(esp_get16(out + l->l3 + 4), end - l->l3 - 40);
            ck_assert_mem_eq(out + l->l3 + 6, m->bytes + l->l3 + 6, l->tcp - l->l3 - 6);
        } else {
            ck_assert_uint_eq(esp_get16(out + l->l3 + 2), end - l->l3);
            ck_assert_uint_eq(esp_get16(out + l->l3 + 4), (uint16_t)(0xfffe + i));
            ck_assert_uint_eq(esp_ip_checksum(out + l->l3, (out[l->l3] & 15u) * 4), 0);
        }
        ck_assert_uint_eq(esp_get32(tcp + 4), (uint32_t)(0xfffffa00 + had));
        ck_assert_mem_eq(tcp, m->bytes + l->tcp, 4);
        ck_assert_mem_eq(tcp + 8, m->bytes + l->tcp + 8, 5);
        if (i + 1 < n) {
            want &= (uint8_t)~0x09; /* FIN, PSH */
        }
        if (i > 0) {
            want &= 0x7f; /* CWR */
        }
        ck_assert_uint_eq(tcp[13], want);
        ck_assert_mem_eq(tcp + 18, m->bytes + l->tcp + 18, l->headers - l->tcp - 18);
        check_tcp(out + l->l3, six, tcp, l->headers - l->tcp + bytes);
        had += bytes;
    }
    ck_assert_uint_eq(had, payload);
}

START_TEST(fields)
{
    static struct made m;
    static const uint32_t payloads[] = { 1, 2, 1447, 1448, 1449, 2896, 10001, 65000 };
    static const uint32_t sizes[] = { 1448, 1460, 536, 8960, 88 };
    unsigned k = (unsigned)_i;
    uint8_t flags = k % 2 ? 0x19 : 0xd8; /* ACK PSH FIN; CWR ECE ACK PSH */

    for (unsigned p = 0; p < 8; p++) {
        for (unsigned s = 0; s < 5; s++) {
            make(&m, k % 3, k % 2 != 0, k % 4 / 2 * 8, k % 3 * 12, payloads[p], flags, sizes[s]);
            check_all(&m, k % 5 * 7, flags);
        }
    }
}
END_TEST

/* ESP in between: number and IV count on; UDP around it has its length. */
START_TEST(esp_in_between)
{
    static struct made m;
    static uint8_t out[ROOM];
    struct esp_large *l = &m.large;

    make(&m, 0, false, 0, 0, 5000, 0x18, 1000);
    memmove(m.bytes + 34 + 24, m.bytes + 34, 5020); /* UDP 8, ESP 8, IV 8 */
    esp_put32(m.bytes + 42, 0x00000100);
    esp_put32(m.bytes + 46, 0xfffffffd);
    esp_put32(m.bytes + 50, 7);
    esp_put32(m.bytes + 54, 0xfffffffd);
    *l = (struct esp_large){ .length = 14 + 20 + 24 + 5020,
                             .l3 = 14,
                             .version = 4,
                             .mss = 1000,
                             .udp = 34,
                             .ipsec = 42,
                             .iv = 8 };
    ck_assert(esp_large_headers(l, m.bytes, l->length, 58));
    for (uint32_t i = 0; i < 5; i++) {
        esp_make_segment(l, m.bytes, i, 20, out);
        ck_assert_uint_eq(esp_get16(out + 16), 20 + 24 + 20 + 1000 + 20);
        ck_assert_uint_eq(esp_get16(out + 38), 24 + 20 + 1000 + 20);
        ck_assert_uint_eq(esp_get32(out + 42), 0x100);
        ck_assert_uint_eq(esp_get32(out + 46), (uint32_t)(0xfffffffd + i));
        ck_assert_uint_eq(esp_get32(out + 50), i < 3 ? 7 : 8);
        ck_assert_uint_eq(esp_get32(out + 54), (uint32_t)(0xfffffffd + i));
        check_tcp(out + 14, false, out + 58, 1020);
    }
}
END_TEST

START_TEST(trailers)
{
    for (uint32_t align = 4; align <= 16; align *= 2) {
        for (uint32_t content = 0; content < 100; content++) {
            uint8_t at[20];
            uint32_t bytes = esp_put_trailer(at, content, align, 6);

            ck_assert_uint_eq(bytes, esp_trailer_bytes(content, align));
            ck_assert_uint_eq((content + bytes) % align, 0);
            ck_assert(bytes >= 2 && bytes < align + 2);
            ck_assert_uint_eq(at[bytes - 1], 6);
            ck_assert_uint_eq(at[bytes - 2], bytes - 2);
            for (uint32_t i = 0; i + 2 < bytes; i++) {
                ck_assert_uint_eq(at[i], i + 1);
            }
        }
    }
}
END_TEST

START_TEST(what_is_no_tcp)
{
    uint8_t b[100] = { 0 };
    struct esp_large l = { .length = 100 };

    b[34 + 12] = 0x50;
    ck_assert(esp_large_headers(&l, b, 100, 34));
    ck_assert(!esp_large_headers(&l, b, 53, 34)); /* not all of the header */
    ck_assert(!esp_large_headers(&l, b, 100, 81));
    ck_assert(!esp_large_headers(&l, b, 100, UINT32_MAX - 10));
    b[34 + 12] = 0x40; /* 16 bytes */
    ck_assert(!esp_large_headers(&l, b, 100, 34));
    b[34 + 12] = 0xf0; /* 60 bytes, 6 of payload */
    ck_assert(esp_large_headers(&l, b, 100, 34));
    l.length = 94; /* none */
    ck_assert(!esp_large_headers(&l, b, 94, 34));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("segment");
    TCase *tcase = tcase_create("segment");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, fields, 0, 12);
    tcase_add_test(tcase, esp_in_between);
    tcase_add_test(tcase, trailers);
    tcase_add_test(tcase, what_is_no_tcp);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
