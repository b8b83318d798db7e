/* TCP frames that are, with what IPsec adds, longer than the path takes (host.tx.lso_mtu): as a stack with segmentation
 * offload hands them down, and as captures on such hosts hold them.
 *
 * With host.tx.lso card a frame goes to the card in one piece, with an MSS, if the card can cut it: clear, or for
 * one ESP SA of the card in transport mode (O-11), in at most SEGMENTS pieces, and with numbers that do not wrap
 * their lower half on the way (O-20). Else, and with software, the host cuts it before it chooses an SA for the
 * pieces, which wait in front of all others of their core. */
#include <string.h>

#include "esp/segment.h"
#include "host/internal.h"

enum { SEGMENTS = 1024 /* the most that the card cuts a frame into */, LONGEST = 65535 };

/* ---- what an SA adds --------------------------------------------------------------------------------- */

/* host_sa.sizes: bytes whatever the length, 2 to the power of the alignment of ESP, one ESP alone */
enum { FIXED_BITS = 10, ALIGN_LSB = 10, ALIGN_MASK = 7, ALONE = 1 << 13 };

uint16_t host_sizes_of(const struct esp_node *node)
{
    uint32_t fixed = 0;
    uint32_t align = 0;

    for (unsigned i = 0; i < node->sa_count; i++) {
        struct esp_transform t;
        struct esp_lengths lengths;

        esp_transform_of_node(node, i, &t);
        esp_lengths_of(&t, node->src.family, 100, node->src.family == 6 ? 40 : 20, 0, &lengths);
        fixed += lengths.front + lengths.icv;
        align = t.op == ESP_OP_ESP ? (uint32_t)__builtin_ctz(t.align) : align;
    }
    fixed = fixed < 1u << FIXED_BITS ? fixed : (1u << FIXED_BITS) - 1;
    return (uint16_t)(fixed | align << ALIGN_LSB |
                      (node->sa_count == 1 && node->sa[0].op == ESP_OP_ESP ? (uint32_t)ALONE : 0));
}

/* Longest IP packet that the SA makes at most `most` bytes of, 0: none. `header`: what stays in front of ESP. */
static uint32_t longest_in(const struct host_sa *sa, uint32_t header, uint32_t most)
{
    uint32_t fixed = sa->sizes & ((1u << FIXED_BITS) - 1);
    uint32_t align = 1u << (sa->sizes >> ALIGN_LSB & ALIGN_MASK);
    uint32_t outside = (sa->flags & SA_HOST_TUNNEL) != 0 ? 0 : header;
    uint32_t room = most > fixed + outside ? most - fixed - outside : 0;

    if (align > 1) {
        room = room / align * align;
        room = room > 2 ? room - 2 : 0;
    }
    return room == 0 ? 0 : outside + room;
}

/* ---- how to cut it ------------------------------------------------------------------------------------ */

static uint32_t pieces(const struct host_slot *s, uint32_t mss)
{
    return (s->length - s->headers + mss - 1) / mss;
}

uint32_t host_large_mss(const struct host *host, const struct host_slot *s, uint32_t sa,
                        uint32_t tunnel)
{
    uint32_t longest = (uint32_t)host->config.tx.lso_mtu;
    uint32_t headers = s->headers - s->l3;

    if (host->config.tx.lso == HOST_LSO_OFF || s->headers == 0) {
        return 0;
    }
    if (tunnel != 0) {
        longest = longest_in(host_sa(host, tunnel), s->l3_header, longest);
    }
    if (sa != 0) {
        longest = longest_in(host_sa(host, sa), s->l3_header, longest);
    }
    return s->length - s->l3 > longest && longest > headers ? longest - headers : 0;
}

/* Crypto offload: a number for each, all of one half. */
static bool numbers_for(const struct host *host, uint32_t sa, uint32_t count)
{
    const struct host_frame *frame = host_sa_frame(host, sa);

    if (host->s->packet_offload) {
        return true;
    }
    return frame != NULL &&
           sequence_left(frame->number, (frame->flags & HOST_FRAME_ESN) != 0) >= count &&
           (uint32_t)frame->number + (count - 1) >= (uint32_t)frame->number;
}

bool host_card_cuts(const struct host *host, const struct host_slot *s, uint32_t sa,
                    uint32_t tunnel, uint32_t mss)
{
    uint32_t count = pieces(s, mss);

    if (host->config.tx.lso != HOST_LSO_CARD || !host->s->lso || count > SEGMENTS ||
        s->length + 2 * ESP_TAILROOM > LONGEST) {
        return false;
    }
    return sa == 0 || (tunnel == 0 && host_sa(host, sa)->state == SA_HOST_CARD &&
                       (host_sa(host, sa)->flags & SA_HOST_TUNNEL) == 0 &&
                       (host_sa(host, sa)->sizes & ALONE) != 0 && numbers_for(host, sa, count));
}

void host_large_to_card(struct host_slot *s, uint32_t mss)
{
    s->mss = (uint16_t)mss;
    s->segments = pieces(s, mss);
}

/* The card makes the trailer of each segment. The frame has been put into ESP; `clear`: as it was before. */
void host_large_trailer(struct host *host, const struct host_frame *frame, uint32_t slot,
                        const struct host_slot *clear)
{
    struct host_slot *s = &host->slot[slot];
    struct esp_lengths lengths;
    uint32_t cut;
    uint8_t *ip;

    esp_lengths_of(&frame->transform, s->version, clear->length - clear->l3, clear->l3_header, 0,
                   &lengths);
    cut = lengths.trailer + lengths.icv;
    s->headers = (uint16_t)(clear->headers + lengths.front);
    s->length -= cut;
    if (s->captured == 0) {
        return;
    }
    s->captured -= cut;
    ip = host_slot_bytes(host, slot) + s->start + s->l3;
    if (s->version == 6) {
        esp_put16(ip + 4, (uint16_t)(s->length - s->l3 - ESP_IPV6_HEADER));
    } else {
        esp_put16(ip + 2, (uint16_t)(s->length - s->l3));
    }
    if (frame->transform.udp) {
        esp_put16(ip + s->l3_header + 4, (uint16_t)(s->length - s->l3 - s->l3_header));
    }
}

/* ---- in software ----------------------------------------------------------------------------------------- */

static struct esp_large describe(const struct host_slot *s, uint32_t mss)
{
    return (struct esp_large){ .length = s->length,
                               .l3 = s->l3,
                               .tcp = s->l3 + s->l3_header,
                               .headers = s->headers,
                               .mss = mss,
                               .version = s->version };
}

static void fill(struct host *host, uint32_t from, const struct esp_large *large, uint32_t i,
                 uint32_t to)
{
    const struct host_slot *whole = &host->slot[from];
    struct host_slot *s = &host->slot[to];
    bool contents = host->tx_stride != 0 && whole->captured == whole->length;
    uint32_t generation = s->generation;

    *s = *whole;
    s->generation = generation + 1;
    s->state = SLOT_BACKLOG;
    s->start = HOST_ROOM;
    s->length = large->headers + esp_segment_payload(large, i);
    s->captured = contents ? s->length : 0;
    s->headers = 0; /* it is not large any more */
    if (contents) {
        esp_make_segment(large, host_slot_bytes(host, from) + whole->start, i, 0,
                         host_slot_bytes(host, to) + HOST_ROOM);
    }
}

/* All of them, or none: false. */
static bool cut(struct host *host, uint32_t slot, const struct esp_large *large,
                struct host_list *list, uint64_t time)
{
    uint32_t count = esp_segments(large);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t piece = host_slot_take(host);

        if (piece == 0) {
            while (list->head != 0) {
                piece = list->head;
                list->head = host->slot[piece - 1].next;
                host_slot_free(host, piece - 1, time);
            }
            return false;
        }
        fill(host, slot, large, i, piece - 1);
        host_list_push(host, list, piece - 1);
    }
    return true;
}

uint64_t host_cut(struct host *host, uint32_t slot, uint32_t mss, uint64_t time)
{
    struct esp_large large = describe(&host->slot[slot], mss);
    struct host_list *backlog = &host->core[host->slot[slot].core].backlog;
    struct host_list list = { 0 };

    if (!cut(host, slot, &large, &list, time)) {
        host_tx_drop(host, slot, time, HOST_TX_DROP_BACKLOG);
        return host->config.tx.packet;
    }
    host->stats->tx.segmented++;
    host->stats->tx.segments_created += list.count - 1;
    host_slot_free(host, slot, time);
    host->slot[list.tail - 1].next = backlog->head;
    backlog->tail = backlog->tail == 0 ? list.tail : backlog->tail;
    backlog->head = list.head;
    backlog->count += list.count;
    return host->config.tx.packet + list.count * host->config.tx.segment;
}
