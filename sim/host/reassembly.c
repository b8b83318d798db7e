/* Reassembly of IPv4 and IPv6 fragments (RFC 791, RFC 8200 section 4.5, RFC 5722).
 *
 * Kept small on purpose: a map of 8-byte units for each packet. A fragment that was there before is
 * ignored; one that overlaps others in part makes the whole packet invalid, for IPv4 too. Packets that do
 * not become complete in time give way when the next fragment comes; when there is no room, the
 * oldest one does. */
#include <string.h>

#include "host/internal.h"

/* What a fragment says. */
struct fragment {
    struct esp_address src, dst;
    uint32_t id;
    uint32_t offset;  /* of its payload in that of the packet */
    uint32_t payload; /* where it is in the frame */
    uint32_t bytes;
    uint32_t
        header; /* bytes in front of the payload in the packet: the frame's, less a fragment header */
    uint8_t proto; /* of the whole packet's payload */
    bool more;
};

uint8_t *host_reasm_bytes(struct host *host, uint32_t entry)
{
    return host->reasm_bytes + (size_t)entry * REASM_BYTES;
}

void host_reasm_release(struct host *host, uint32_t entry)
{
    memset(&host->reasm[entry], 0, sizeof host->reasm[entry]);
    host->s->reasm_live--;
}

static void give_up(struct host *host, uint32_t entry, uint64_t *dropped)
{
    *dropped += host->reasm[entry].fragments;
    host->s->reasm_fragments -= host->reasm[entry].fragments;
    host_reasm_release(host, entry);
}

/* The fragment header of IPv6 is the last 8 bytes of what esp_parse counts as headers. */
static bool read_fragment(const uint8_t *frame, const struct esp_view *view, struct fragment *f)
{
    uint32_t end = view->l3 + view->l3_length;
    uint16_t field;

    esp_view_addresses(frame, view, &f->src, &f->dst);
    f->proto = view->proto;
    f->payload = view->l3 + view->l3_header;
    f->header = f->payload;
    if (view->version == 4) {
        field = esp_get16(frame + view->l3 + 6);
        f->id = esp_get16(frame + view->l3 + 4);
        f->offset = (uint32_t)(field & 0x1fff) * 8;
        f->more = (field & 0x2000) != 0;
    } else {
        const uint8_t *header = frame + f->payload - 8;

        field = esp_get16(header + 2);
        f->id = esp_get32(header + 4);
        f->offset = field & 0xfff8u;
        f->more = (field & 1) != 0;
        f->header -= 8;
    }
    f->bytes = end > f->payload ? end - f->payload : 0;
    /* All but the last carry whole units; nothing beyond what an IP packet can hold. */
    return f->bytes != 0 && (!f->more || f->bytes % 8 == 0) && f->offset + f->bytes <= 65535 &&
           f->header < REASM_BYTES - 65536;
}

static bool same_packet(const struct host_reasm *r, const struct fragment *f)
{
    return r->used && r->family == f->src.family && r->id == f->id &&
           (f->src.family == 6 || r->proto == f->proto) &&
           memcmp(r->src, f->src.bytes, sizeof r->src) == 0 &&
           memcmp(r->dst, f->dst.bytes, sizeof r->dst) == 0;
}

/* The packet that the fragment belongs to, a new one if need be. */
static uint32_t entry_of(struct host *host, uint64_t now, const struct fragment *f,
                         uint64_t *dropped)
{
    uint32_t oldest = 0;
    uint32_t free_entry = 0;
    struct host_reasm *r;

    for (uint32_t i = 1; i <= host->config.software.reassemblies; i++) {
        r = &host->reasm[i];
        if (r->used && !r->complete && r->deadline < now) {
            give_up(host, i, dropped);
        }
        if (same_packet(r, f) && !r->complete) {
            return i;
        }
        if (!r->used) {
            free_entry = free_entry == 0 ? i : free_entry;
        } else if (!r->complete && (oldest == 0 || r->deadline < host->reasm[oldest].deadline)) {
            oldest = i;
        }
    }
    if (free_entry == 0) {
        if (oldest == 0) {
            return 0; /* every one is complete and being delivered */
        }
        give_up(host, oldest, dropped);
        free_entry = oldest;
    }
    r = &host->reasm[free_entry];
    memset(r, 0, sizeof *r);
    r->used = 1;
    r->family = f->src.family;
    r->proto = f->proto;
    r->id = f->id;
    memcpy(r->src, f->src.bytes, sizeof r->src);
    memcpy(r->dst, f->dst.bytes, sizeof r->dst);
    r->deadline = now + host->config.software.reassembly_timeout;
    host->s->reasm_live++;
    return free_entry;
}

/* There is one end, and nothing lies behind it. */
static bool fits(const struct host_reasm *r, const struct fragment *f)
{
    uint32_t end = f->offset + f->bytes;

    if (r->total != 0) {
        return f->more ? end <= r->total : end == r->total;
    }
    return f->more || end >= r->highest;
}

enum place { PLACE_NEW, PLACE_SAME, PLACE_OVERLAP };

/* Mark the units; all of them must have been free, or all taken. */
static enum place mark(struct host_reasm *r, const struct fragment *f)
{
    uint32_t first = f->offset / 8;
    uint32_t last = (f->offset + f->bytes - 1) / 8;
    uint32_t taken = 0;

    for (uint32_t u = first; u <= last; u++) {
        taken += (uint32_t)(r->map[u / 64] >> (u % 64) & 1);
    }
    if (taken != 0) {
        return taken == last - first + 1 ? PLACE_SAME : PLACE_OVERLAP;
    }
    for (uint32_t u = first; u <= last; u++) {
        r->map[u / 64] |= 1ull << (u % 64);
    }
    return PLACE_NEW;
}

/* Payload bytes are collected at a fixed place; the headers are put in front of them at the end. */
enum { PAYLOAD_AT = REASM_BYTES - 65536 };

/* Headers of the first fragment become those of the packet. */
static void repair_headers(uint8_t *frame, const struct host_reasm *r)
{
    uint8_t *ip = frame + r->l3;
    uint32_t header = r->header - r->l3;

    if (r->family == 4) {
        esp_put16(ip + 2, (uint16_t)(header + r->total));
        esp_put16(ip + 6, esp_get16(ip + 6) & 0x4000);
        esp_put16(ip + 10, 0);
        esp_put16(ip + 10, esp_ip_checksum(ip, header));
        return;
    }
    esp_put16(ip + 4, (uint16_t)(header - ESP_IPV6_HEADER + r->total));
}

/* IPv6: the header that named the fragment header as next names what follows it. */
static void unlink_fragment_header(uint8_t *frame, uint32_t l3, uint32_t header, uint8_t proto)
{
    uint32_t at = l3 + ESP_IPV6_HEADER;
    uint8_t *next = &frame[l3 + 6];

    while (*next != ESP_PROTO_FRAGMENT && at + 8 <= header) {
        next = &frame[at];
        at += ((uint32_t)frame[at + 1] + 1) * 8;
    }
    *next = proto;
}

static bool store(struct host *host, uint32_t entry, const uint8_t *frame,
                  const struct esp_view *view, const struct fragment *f)
{
    struct host_reasm *r = &host->reasm[entry];
    uint8_t *bytes = host_reasm_bytes(host, entry);

    memcpy(bytes + PAYLOAD_AT + f->offset, frame + f->payload, f->bytes);
    if (f->offset == 0) {
        r->header = f->header;
        r->l3 = view->l3;
        r->proto = f->proto;
        memcpy(bytes + PAYLOAD_AT - f->header, frame, f->header);
        if (view->version == 6) {
            unlink_fragment_header(bytes + PAYLOAD_AT - f->header, r->l3, r->header, f->proto);
        }
    }
    r->have += f->bytes;
    if (f->offset + f->bytes > r->highest) {
        r->highest = f->offset + f->bytes;
    }
    r->fragments++;
    host->s->reasm_fragments++;
    if (!f->more) {
        r->total = f->offset + f->bytes;
    }
    return r->total != 0 && r->have == r->total && r->header != 0 &&
           r->header - r->l3 + r->total <= 65535;
}

bool host_reasm_add(struct host *host, uint64_t now, const uint8_t *frame, uint32_t length,
                    const struct esp_view *view, uint32_t *entry, uint32_t *packet_length,
                    uint64_t *dropped, bool *kept)
{
    struct fragment f;
    struct host_reasm *r;
    uint32_t i;
    enum place place;

    *dropped = 0;
    *kept = false;
    if (view->l3 + view->l3_length > length || !read_fragment(frame, view, &f)) {
        *dropped = 1;
        return false;
    }
    i = entry_of(host, now, &f, dropped);
    if (i == 0) {
        *dropped += 1;
        return false;
    }
    r = &host->reasm[i];
    place = fits(r, &f) ? mark(r, &f) : PLACE_OVERLAP;
    if (place != PLACE_NEW) {
        *dropped += 1;
        if (place == PLACE_OVERLAP) {
            give_up(host, i, dropped);
        }
        return false;
    }
    *kept = true;
    if (!store(host, i, frame, view, &f)) {
        return false;
    }
    repair_headers(host_reasm_bytes(host, i) + PAYLOAD_AT - r->header, r);
    r->complete = 1;
    host->s->reasm_fragments -= r->fragments;
    *entry = i;
    *packet_length = r->header + r->total;
    return true;
}

uint32_t host_reasm_start(const struct host *host, uint32_t entry)
{
    return PAYLOAD_AT - host->reasm[entry].header;
}
