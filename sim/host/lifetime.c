/* Limits of SAs that leave the card and come back (packet offload).
 *
 * A limit is the SA's, not that of its stay on a card (RFC 4301 4.4.2.1; xfrm keeps the counts and the time of the first
 * addition in its state, whichever device carries it). So the host counts what passes in software and what it sees the
 * card do: packets that completed well, packets that came up, which it knows also of a card whose reset has wiped the
 * counts. An SA that is added again gets what is left of its limits in packets and bytes, and the age from which its
 * seconds go on; a soft limit that is behind it is not given again. One past a hard limit is not added again, and its
 * packets are dropped in software.
 *
 * Bytes are those of xfrm: the inner packet of a tunnel, the payload in transport mode.
 * Packets that are opened in software while the ADD is under way count here, and not on the card: a limit may be passed
 * by so many.
 * Simplified: SAs of one bundle count the same; of two SAs on a packet the outer one's bytes are those of what comes
 * out at last. Not seen by the host: packets that turn round in the card, and those that it counts and then drops
 * (dummies, selectors); padding of short frames counts. */
#include "host/internal.h"

enum { LIFE_SOFT = 1, LIFE_HARD = 2, ETHERNET = 14 };

#define PS_OF_S UINT64_C(1000000000000)

struct host_life {
    uint32_t next; /* free chain */
    uint32_t flags;
    uint64_t start; /* end of its first ADD, CLOCK_NEVER: not yet */
    uint64_t packets, bytes;
    struct esp_lifetime limit[ESP_MAX_SAS]; /* as recorded */
};

_Static_assert(sizeof(struct host_life) == HOST_LIFE_BYTES, "the array is made elsewhere");

static struct host_life *life_of(const struct host *host, uint32_t sa)
{
    uint32_t id = sa < host->life_of.used ? *(uint32_t *)host_at(&host->life_of, sa) : 0;

    return id != 0 ? host_at(&host->lives, id) : NULL;
}

static bool limited(const struct esp_lifetime *l)
{
    return (l->soft_packets | l->hard_packets | l->soft_bytes | l->hard_bytes | l->soft_s |
            l->hard_s) != 0;
}

void host_life_new(struct host *host, uint32_t sa, const struct esp_node *node)
{
    struct host_life *life;
    uint32_t id;

    if (!host->s->packet_offload || !host_may_move(host) ||
        !(limited(&node->sa[0].lifetime) ||
          (node->sa_count == 2 && limited(&node->sa[1].lifetime)))) {
        return;
    }
    while (host->life_of.used <= sa) {
        host_array_take(&host->life_of);
    }
    id = host_array_take(&host->lives);
    *(uint32_t *)host_at(&host->life_of, sa) = id;
    life = host_at(&host->lives, id);
    life->start = CLOCK_NEVER;
    for (unsigned i = 0; i < node->sa_count; i++) {
        life->limit[i] = node->sa[i].lifetime;
    }
}

void host_life_end(struct host *host, uint32_t sa)
{
    if (life_of(host, sa) != NULL) {
        uint32_t *id = host_at(&host->life_of, sa);

        host_array_release(&host->lives, *id);
        *id = 0;
    }
}

void host_life_start(struct host *host, uint32_t sa, uint64_t time)
{
    struct host_life *life = life_of(host, sa);

    if (life != NULL && life->start == CLOCK_NEVER) {
        life->start = time;
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static uint64_t age_of(const struct host_life *life, uint64_t time)
{
    return time > life->start ? time - life->start : 0;
}

static bool reached(uint64_t limit, uint64_t value)
{
    return limit != 0 && value >= limit;
}

static bool soft_reached(const struct host_life *life, const struct esp_lifetime *l, uint64_t time)
{
    return reached(l->soft_packets, life->packets) || reached(l->soft_bytes, life->bytes) ||
           reached(l->soft_s, age_of(life, time) / PS_OF_S);
}

static bool hard_reached(const struct host_life *life, const struct esp_lifetime *l, uint64_t time)
{
    return reached(l->hard_packets, life->packets) || reached(l->hard_bytes, life->bytes) ||
           reached(l->hard_s, age_of(life, time) / PS_OF_S);
}

static void look(struct host *host, struct host_life *life, uint64_t time)
{
    uint32_t flags = life->flags;

    for (unsigned i = 0; i < ESP_MAX_SAS; i++) {
        flags |= soft_reached(life, &life->limit[i], time) ? LIFE_SOFT : 0u;
        flags |= hard_reached(life, &life->limit[i], time) ? LIFE_HARD : 0u;
    }
    host->stats->sa.soft_limits += (flags & ~life->flags & LIFE_SOFT) != 0;
    host->stats->sa.hard_limits += (flags & ~life->flags & LIFE_HARD) != 0;
    life->flags = flags;
}

bool host_life_over(struct host *host, uint32_t sa, uint64_t time)
{
    struct host_life *life = life_of(host, sa);

    if (life == NULL) {
        return false;
    }
    look(host, life, time);
    return (life->flags & LIFE_HARD) != 0;
}

/* Of a limit that is not reached something is left; 0 would be none. */
static uint64_t left(uint64_t limit, uint64_t used)
{
    return limit > used ? limit - used : 0;
}

void host_life_left(struct host *host, uint32_t sa, struct esp_node *node, uint64_t time)
{
    const struct host_life *life = life_of(host, sa);

    if (life == NULL) {
        return;
    }
    node->age_ns = age_of(life, time) / 1000;
    for (unsigned i = 0; i < node->sa_count; i++) {
        const struct esp_lifetime *l = &life->limit[i];

        node->sa[i].lifetime = (struct esp_lifetime){
            .soft_packets = left(l->soft_packets, life->packets),
            .hard_packets = left(l->hard_packets, life->packets),
            .soft_bytes = left(l->soft_bytes, life->bytes),
            .hard_bytes = left(l->hard_bytes, life->bytes),
            .soft_s = reached(l->soft_s, age_of(life, time) / PS_OF_S) ? 0 : l->soft_s,
            .hard_s = l->hard_s
        };
    }
}

/* ---- what passes ------------------------------------------------------------------------------- */

void host_life_count(struct host *host, uint32_t sa, uint64_t packets, uint64_t bytes,
                     uint64_t time)
{
    struct host_life *life = life_of(host, sa);

    if (life != NULL) {
        life->packets += packets;
        life->bytes += bytes;
        look(host, life, time);
    }
}

static uint32_t header_of(uint8_t version)
{
    return version == 6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER;
}

/* Bytes of it that are its SA's. Of a frame that the card cuts each segment has its own headers. */
static uint64_t bytes_of(struct host *host, const struct host_slot *s)
{
    bool tunnel = (host_sa(host, s->sa)->flags & SA_HOST_TUNNEL) != 0;
    uint32_t header = s->l3_header != 0 ? s->l3_header : header_of(s->version);
    uint32_t before = s->l3 + (tunnel ? 0 : header);
    uint64_t bytes = left(s->length, before);

    if (s->segments > 1) {
        bytes += (s->segments - 1u) * left(s->headers, before);
    }
    return bytes;
}

void host_life_sent(struct host *host, const struct host_slot *s, uint64_t time)
{
    if (life_of(host, s->sa) != NULL) {
        host_life_count(host, s->sa, s->segments > 1 ? s->segments : 1, bytes_of(host, s), time);
    }
}

/* What came out of a tunnel is all inner packet; in transport mode its header is not the SA's. */
void host_life_received(struct host *host, uint32_t sa, const struct esp_packet *packet,
                        bool contents, uint64_t time)
{
    bool tunnel = sa != 0 && (host_sa(host, sa)->flags & SA_HOST_TUNNEL) != 0;
    struct esp_view view = { .l3 = ETHERNET, .l3_header = ESP_IPV4_HEADER };
    uint32_t before;

    if (sa == 0 || life_of(host, sa) == NULL) {
        return;
    }
    if (contents) {
        esp_parse(esp_packet_bytes(packet), packet->length, packet->length, NULL, &view);
    }
    before = view.l3 + (tunnel ? 0 : view.l3_header);
    host_life_count(host, sa, 1, left(packet->length, before), time);
}
