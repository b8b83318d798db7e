/* The ICV of AH covers the whole IP packet as it will look to the receiver; fields that routers
 * change count as zero. RFC 4302 3.3.3 and appendix A. */
#include <string.h>

#include "esp/frame_internal.h"

enum {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_LSRR = 131,
    OPTION_SSRR = 137,
    IPV6_OPTION_PAD1 = 0,
    IPV6_OPTION_MUTABLE = 0x20 /* third-highest bit of the type, RFC 8200 4.2 */
};

static bool ipv4_option_immutable(uint8_t type)
{
    /* Security, extended security, CIPSO, router alert, sender directed multi-destination. */
    return type == 130 || type == 133 || type == 134 || type == 148 || type == 149;
}

/* Zero mutable options; on send follow a source route to its final destination. */
static bool mask_ipv4_options(uint8_t *ip, uint32_t header, bool seal)
{
    uint32_t at = ESP_IPV4_HEADER;
    while (at < header && ip[at] != OPTION_END) {
        if (ip[at] == OPTION_NOP) {
            at++;
            continue;
        }
        uint32_t length = header - at >= 2 ? ip[at + 1] : 0;
        if (length < 2 || length > header - at) {
            return false;
        }
        bool route = ip[at] == OPTION_LSRR || ip[at] == OPTION_SSRR;
        if (route && seal && length >= 7 && ip[at + 2] <= length) {
            memcpy(ip + 16, ip + at + length - 4, 4);
        }
        if (!ipv4_option_immutable(ip[at])) {
            memset(ip + at, 0, length);
        }
        at += length;
    }
    return true;
}

static bool mask_ipv4(uint8_t *ip, uint32_t header, bool seal)
{
    ip[1] = 0;             /* TOS */
    memset(ip + 6, 0, 3);  /* flags, fragment offset, TTL */
    memset(ip + 10, 0, 2); /* checksum */
    return mask_ipv4_options(ip, header, seal);
}

/* Hop-by-hop and destination options: data of options that may change en route counts as zero. */
static bool mask_ipv6_options(uint8_t *header, uint32_t bytes)
{
    uint32_t at = 2;
    while (at < bytes) {
        if (header[at] == IPV6_OPTION_PAD1) {
            at++;
            continue;
        }
        if (bytes - at < 2 || header[at + 1] > bytes - at - 2) {
            return false;
        }
        uint32_t length = header[at + 1];
        if ((header[at] & IPV6_OPTION_MUTABLE) != 0) {
            memset(header + at + 2, 0, length);
        }
        at += 2 + length;
    }
    return true;
}

/* Routing header types 0 and 2 as they arrive: every remaining hop has swapped its address with the
 * destination, and no segment is left. */
static bool finish_routing(uint8_t *ip, uint8_t *header, uint32_t bytes)
{
    uint32_t addresses = bytes / 16;
    uint32_t left = header[3];
    if (header[2] != 0 && header[2] != 2) {
        return left == 0; /* other types: only if there is nothing to predict */
    }
    if (left > addresses) {
        return false;
    }
    if (left == 0) {
        return true;
    }
    uint8_t final[16];
    uint8_t *list = header + 8;
    uint8_t *next = list + (size_t)(addresses - left) * 16;
    memcpy(final, list + (size_t)(addresses - 1) * 16, 16);
    memmove(next + 16, next, (size_t)(left - 1) * 16);
    memcpy(next, ip + 24, 16);
    memcpy(ip + 24, final, 16);
    header[3] = 0;
    return true;
}

/* `front`: bytes from the IP header to AH. */
static bool mask_ipv6(uint8_t *ip, uint32_t front, bool seal)
{
    ip[0] &= 0xf0;        /* traffic class */
    memset(ip + 1, 0, 3); /* traffic class, flow label */
    ip[7] = 0;            /* hop limit */
    uint8_t next = ip[6];
    uint32_t at = ESP_IPV6_HEADER;
    while (at < front) {
        uint32_t bytes = front - at >= 8 ? ((uint32_t)ip[at + 1] + 1) * 8 : 0;
        if (bytes == 0 || bytes > front - at) {
            return false;
        }
        bool fits =
            next == ESP_PROTO_HOP_BY_HOP || next == ESP_PROTO_DESTINATION
                ? mask_ipv6_options(ip + at, bytes)
                : next == ESP_PROTO_ROUTING && (!seal || finish_routing(ip, ip + at, bytes));
        if (!fits) {
            return false;
        }
        next = ip[at];
        at += bytes;
    }
    return next == ESP_PROTO_AH;
}

enum esp_status esp_ah_prepare(struct esp_job *job, const struct esp_transform *transform,
                               uint8_t *frame, const struct esp_bounds *bounds, uint32_t seq_hi)
{
    enum esp_alg_kind auth = esp_alg_info((enum esp_alg)transform->auth)->kind;
    if (auth != ESP_KIND_HMAC && auth != ESP_KIND_GMAC) {
        return ESP_UNSUPPORTED;
    }
    struct esp_trailer trailer;
    enum esp_status status = esp_read_trailer(transform, frame, bounds, &trailer);
    if (status != ESP_OK) {
        return status;
    }
    uint8_t *ip = frame + bounds->l3;
    uint32_t front = bounds->ipsec - bounds->l3;
    uint32_t headers = trailer.payload - bounds->l3;
    if (headers > ESP_MAX_SAVED) {
        return ESP_UNSUPPORTED;
    }
    memcpy(job->saved, ip, headers);
    job->saved_at = ip;
    job->saved_length = (uint16_t)headers;
    bool four = ip[0] >> 4 == 4;
    bool fits = four ? front >= ESP_IPV4_HEADER && mask_ipv4(ip, front, job->seal)
                     : front >= ESP_IPV6_HEADER && mask_ipv6(ip, front, job->seal);
    if (!fits) {
        memcpy(ip, job->saved, headers);
        job->saved_length = 0;
        return ESP_UNSUPPORTED;
    }
    /* RFC 4543 section 4: with GMAC the authentication data is IV and ICV; both count as zero here,
     * the IV takes part as nonce. Bytes behind the ICV are padding and count as they are. */
    uint32_t data = front + ESP_AH_FIXED;
    memset(ip + data, 0, (size_t)transform->iv + transform->icv);
    job->text = NULL;
    job->text_length = 0;
    job->iv = job->saved + data;
    job->icv = ip + data + transform->iv;
    memcpy(job->expect, job->saved + data + transform->iv, transform->icv);
    job->expect_given = true;
    job->auth = ip;
    job->auth_length = bounds->end - bounds->l3;
    job->aad_length = 0;
    job->tail_length = 0;
    if (transform->esn) {
        /* RFC 4302 2.5.1: the upper half is counted as if it followed the packet. GMAC too. */
        esp_put32(job->tail, seq_hi);
        job->tail_length = 4;
    }
    return ESP_OK;
}
