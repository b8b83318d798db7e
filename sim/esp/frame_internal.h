/* What esp.c, encap.c and ah.c share. Not for other modules. */
#ifndef ESPNIC_ESP_FRAME_INTERNAL_H
#define ESPNIC_ESP_FRAME_INTERNAL_H

#include "esp/esp.h"

/* Where a transport-mode header goes into an IP packet. Offsets from the start of the frame. */
struct esp_split {
    uint8_t version;
    uint32_t total;      /* bytes of the L3 packet, from its header */
    uint32_t header;     /* bytes that stay in front */
    uint32_t next_field; /* offset of the byte that names what follows them */
};

/* False if the packet is not well-formed, is a fragment, or is not within `length`. */
bool esp_split_packet(const uint8_t *frame, uint32_t length, uint32_t l3, struct esp_split *split);

/* The byte that names the protocol of what stands at offset `at`, found along the header chain from
 * l3. 0 if `at` is not where an upper-layer header can stand. */
uint32_t esp_find_next_field(const uint8_t *frame, uint32_t length, uint32_t l3, uint32_t at);

/* Write the IP length fields for an L3 packet of `total` bytes and repair the IPv4 checksum. */
void esp_set_ip_length(uint8_t *ip, uint32_t total);

/* Set up the job of an AH packet: mutable fields zeroed in place, the original kept in the job. */
enum esp_status esp_ah_prepare(struct esp_job *job, const struct esp_transform *transform,
                               uint8_t *frame, const struct esp_bounds *bounds, uint32_t seq_hi);

#endif
