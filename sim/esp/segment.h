/* Segmentation of TCP: a frame that is longer than it may be on the wire becomes frames with at most `mss` bytes of
 * payload each. Functions on buffers; who is to do it, and when, is the caller's.
 *
 * Headers are copied to every segment. IPv4: identification counts on, lengths and header checksum are made anew.
 * TCP: the sequence number counts on; CWR is left in the first segment only, FIN and PSH in the last; the
 * checksum is made anew. With ESP in between (transport mode): its sequence number counts on, and an IV that is a
 * counter with it; padding and ICV are the caller's.
 *
 * Sources: RFC 9293 (TCP), RFC 3168 6.1.2 (CWR), RFC 6864 (identification), WDK "Offloading the segmentation of large
 * TCP packets". */
#ifndef ESPNIC_ESP_SEGMENT_H
#define ESPNIC_ESP_SEGMENT_H

#include "esp/packet.h"

struct esp_large {
    uint32_t length;     /* of the frame */
    uint32_t l3;         /* IP header */
    uint32_t tcp;        /* TCP header */
    uint32_t headers;    /* bytes before the TCP payload */
    uint32_t mss;        /* payload bytes of a segment, at least 1 */
    uint32_t ipsec, udp; /* ESP header, and UDP around it; 0: none */
    uint32_t iv; /* bytes of an IV that counts, behind the ESP header; 0: none or given otherwise */
    uint8_t version; /* IP, 4 or 6 */
};

/* Read the TCP header of `frame`, of which `present` bytes are there, at offset `tcp`: sets tcp, headers. False
 * if it is not whole, or there is no payload behind it. `length` must be set. */
bool esp_large_headers(struct esp_large *large, const uint8_t *frame, uint32_t present,
                       uint32_t tcp);

/* Segments that it makes. */
static inline uint32_t esp_segments(const struct esp_large *large)
{
    return (large->length - large->headers + large->mss - 1) / large->mss;
}

/* Bytes of TCP payload in segment i. */
static inline uint32_t esp_segment_payload(const struct esp_large *large, uint32_t i)
{
    uint32_t left = large->length - large->headers - i * large->mss;

    return left < large->mss ? left : large->mss;
}

/* Write segment i to `out`, which has room for headers and payload. `behind`: bytes that the caller adds behind
 * the payload, and that IP and UDP lengths count (ESP trailer and ICV). All of the frame must be there. */
void esp_make_segment(const struct esp_large *large, const uint8_t *frame, uint32_t i,
                      uint32_t behind, uint8_t *out);

/* Trailer of ESP at `at` behind `content` bytes of it (after the IV): padding 1, 2, 3 ..., its length, next header.
 * Returns its bytes: content and trailer are a multiple of `align`. */
uint32_t esp_put_trailer(uint8_t *at, uint32_t content, uint32_t align, uint8_t next_header);
/* Only their number. */
uint32_t esp_trailer_bytes(uint32_t content, uint32_t align);

#endif
