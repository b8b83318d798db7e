#include "esp/segment.h"

#include <string.h>

#include "esp/esp.h"

enum { TCP_HEADER = 20 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

bool esp_large_headers(struct esp_large *large, const uint8_t *frame, uint32_t present,
                       uint32_t tcp)
{
    uint32_t bytes;

    if (present < TCP_HEADER || tcp > present - TCP_HEADER) {
        return false;
    }
    bytes = (uint32_t)(frame[tcp + 12] >> 4) * 4;
    large->tcp = tcp;
    large->headers = tcp + bytes;
    return bytes >= TCP_HEADER && large->headers < large->length;
}

/* ---- checksums -------------------------------------------------------------------------------- */

static uint64_t sum_words(const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i + 1 < count; i += 2) {
        sum += esp_get16(bytes + i);
    }
    return count % 2 ? sum + ((uint64_t)bytes[count - 1] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* TCP and its payload under the pseudo header of the packet's addresses (RFC 9293 3.1, RFC 8200 8.1). */
static uint16_t tcp_checksum(const uint8_t *ip, uint8_t version, const uint8_t *tcp, uint32_t bytes)
{
    uint64_t sum = version == 6 ? sum_words(ip + 8, 32) : sum_words(ip + 12, 8);

    return fold(sum + ESP_PROTO_TCP + bytes + sum_words(tcp, bytes));
}

/* ---- a segment --------------------------------------------------------------------------------- */

static void set_lengths(const struct esp_large *l, uint32_t i, uint32_t end, uint8_t *out)
{
    uint8_t *ip = out + l->l3;

    if (l->version == 6) {
        esp_put16(ip + 4, (uint16_t)(end - l->l3 - ESP_IPV6_HEADER));
    } else {
        esp_put16(ip + 2, (uint16_t)(end - l->l3));
        esp_put16(ip + 4, (uint16_t)(esp_get16(ip + 4) + i));
        esp_put16(ip + 10, 0);
        esp_put16(ip + 10, esp_ip_checksum(ip, (uint32_t)(ip[0] & 0x0f) * 4));
    }
    if (l->udp) {
        esp_put16(out + l->udp + 4, (uint16_t)(end - l->udp));
    }
}

/* The lower half of a number wraps, an IV goes on. */
static void count_on(const struct esp_large *l, uint32_t i, uint8_t *out)
{
    uint8_t *esp = out + l->ipsec;

    esp_put32(esp + 4, esp_get32(esp + 4) + i);
    if (l->iv) {
        uint8_t *iv = esp + ESP_HEADER + l->iv - 8;
        uint64_t value = ((uint64_t)esp_get32(iv) << 32 | esp_get32(iv + 4)) + i;

        esp_put32(iv, (uint32_t)(value >> 32));
        esp_put32(iv + 4, (uint32_t)value);
    }
}

static void set_tcp(const struct esp_large *l, uint32_t i, uint32_t payload, uint8_t *out)
{
    uint8_t *tcp = out + l->tcp;
    bool last = i + 1 == esp_segments(l);

    esp_put32(tcp + 4, esp_get32(tcp + 4) + i * l->mss);
    tcp[13] &= (uint8_t) ~((last ? 0 : TCP_FIN | TCP_PSH) | (i ? TCP_CWR : 0));
    esp_put16(tcp + 16, 0);
    esp_put16(tcp + 16, tcp_checksum(out + l->l3, l->version, tcp, l->headers - l->tcp + payload));
}

void esp_make_segment(const struct esp_large *large, const uint8_t *frame, uint32_t i,
                      uint32_t behind, uint8_t *out)
{
    uint32_t payload = esp_segment_payload(large, i);

    memcpy(out, frame, large->headers);
    memcpy(out + large->headers, frame + large->headers + (size_t)i * large->mss, payload);
    set_lengths(large, i, large->headers + payload + behind, out);
    if (large->ipsec) {
        count_on(large, i, out);
    }
    set_tcp(large, i, payload, out);
}

/* ---- trailer ------------------------------------------------------------------------------------- */

uint32_t esp_trailer_bytes(uint32_t content, uint32_t align)
{
    return (content + 2 + align - 1) / align * align - content;
}

uint32_t esp_put_trailer(uint8_t *at, uint32_t content, uint32_t align, uint8_t next_header)
{
    uint32_t bytes = esp_trailer_bytes(content, align);
    uint32_t pad = bytes - 2;

    for (uint32_t i = 0; i < pad; i++) {
        at[i] = (uint8_t)(i + 1);
    }
    at[pad] = (uint8_t)pad;
    at[pad + 1] = next_header;
    return bytes;
}
