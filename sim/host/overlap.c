/* Rekeying makes before it breaks: the new SA is added while the old one still serves. How much of the card's table do
 * both together hold?
 *
 * SAs for the same traffic are those of one direction, mode and UDP kind, between the same endpoints and with the same
 * selector, whatever SPI, keys and algorithms they have. An SA without a selector says nothing of its traffic: many may
 * serve the same endpoints side by side. An outbound one is never overlap; an inbound one is for the same traffic as
 * others whose partners (esp_node.pair) are outbound SAs for the same traffic, and counts from when it and its partner
 * have been there. All but one of those that are on the card at a time are overlap. An SA is there from the end of its
 * ADD to the end of its DELETE, as the driver sees them. */
#include <string.h>

#include "host/internal.h"

struct host_family {
    uint32_t next; /* of the same bucket (or free chain) */
    uint32_t live; /* on the card */
    uint64_t hash;
};

_Static_assert(sizeof(struct host_family) == HOST_FAMILY_BYTES, "the array is made elsewhere");

static struct host_family *family(const struct host *host, uint32_t id)
{
    return host_at(&host->families, id);
}

static uint64_t hash_of(const void *host, uint32_t id)
{
    return family(host, id)->hash;
}

static uint32_t *link_of(const void *host, uint32_t id)
{
    return &family(host, id)->next;
}

static const struct sa_index_owner by_hash = { .hash = hash_of, .link = link_of };

static uint64_t mix_bytes(uint64_t h, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return rng_mix(h);
}

static uint64_t mix_prefix(uint64_t h, const struct esp_prefix *p, bool there)
{
    if (!there) {
        return rng_mix(h + 1);
    }
    h = mix_bytes(h, p->address.bytes, sizeof p->address.bytes);
    return rng_mix(h ^ p->length);
}

/* Of one with a selector. */
static uint64_t of_node(const struct esp_node *node)
{
    const struct esp_selector *sel = &node->sel;
    uint64_t h = rng_mix((uint64_t)node->dir << 16 | (uint64_t)node->mode << 8 | node->udp);

    h = mix_bytes(h ^ node->src.family, node->src.bytes, sizeof node->src.bytes);
    h = mix_bytes(h, node->dst.bytes, sizeof node->dst.bytes);
    h = mix_prefix(h, &sel->src, sel->has_src);
    h = mix_prefix(h, &sel->dst, sel->has_dst);
    h = rng_mix(h ^ ((uint64_t)sel->proto << 1 | sel->has_proto));
    h = rng_mix(h ^ ((uint64_t)sel->sport_lo << 48 | (uint64_t)sel->sport_hi << 32 |
                     (uint64_t)sel->dport_lo << 16 | sel->dport_hi));
    return h != 0 ? h : 1;
}

static uint32_t find(const struct host *host, uint64_t hash)
{
    uint32_t id = sa_index_head(&host->by_family.chains, hash);

    while (id != 0 && family(host, id)->hash != hash) {
        id = family(host, id)->next;
    }
    return id;
}

/* The overlap of so far, up to now. */
static void pass(struct host *host, uint64_t time)
{
    struct host_overlap *o = &host->s->overlap;

    o->sa_ps += (unsigned __int128)(time - o->since) * o->now;
    o->since = time;
    host->stats->sa.overlap_s = (double)o->sa_ps / 1e12;
}

static uint32_t *family_of(const struct host *host, uint32_t sa)
{
    return host_at(&host->family_of, sa);
}

static void join(struct host *host, uint32_t sa, uint64_t hash, uint64_t time)
{
    struct host_overlap *o = &host->s->overlap;
    uint32_t id = find(host, hash);

    if (id == 0) {
        id = host_array_take(&host->families);
        *family(host, id) = (struct host_family){ .hash = hash };
        host_index_insert(&host->by_family, &by_hash, host, id);
    }
    *family_of(host, sa) = id;
    if (family(host, id)->live++ != 0) {
        pass(host, time);
        o->now++;
        host->stats->sa.overlaps++;
        if (o->now > host->stats->sa.overlap_peak) {
            host->stats->sa.overlap_peak = o->now;
        }
    }
}

/* An inbound SA without a selector is for the traffic of its outbound partner. */
static void join_partner(struct host *host, uint32_t in, uint32_t out, uint64_t time)
{
    if (*family_of(host, in) == 0 && *family_of(host, out) != 0) {
        join(host, in, rng_mix(family(host, *family_of(host, out))->hash + 1), time);
    }
}

static bool there(const struct host *host, uint32_t sa, bool inbound)
{
    return sa != 0 && sa < host->family_of.used && host_sa(host, sa)->state == SA_HOST_CARD &&
           ((host_sa(host, sa)->flags & SA_HOST_IN) != 0) == inbound;
}

void host_overlap_add(struct host *host, uint32_t sa, const struct esp_node *node, uint64_t pair,
                      uint64_t time)
{
    bool inbound = node->dir == ESP_DIR_IN;
    uint32_t partner = pair == 0 ? 0 : host_sa_find(host, pair);

    while (host->family_of.used <= sa) {
        host_array_take(&host->family_of);
    }
    if (node->sel.present) {
        join(host, sa, of_node(node), time);
    }
    if (there(host, partner, !inbound)) {
        join_partner(host, inbound ? sa : partner, inbound ? partner : sa, time);
    }
}

void host_overlap_end(struct host *host, uint32_t sa, uint64_t time)
{
    uint32_t id = sa < host->family_of.used ? *family_of(host, sa) : 0;

    if (id == 0) {
        return;
    }
    *family_of(host, sa) = 0;
    if (--family(host, id)->live != 0) {
        pass(host, time);
        host->s->overlap.now--;
        return;
    }
    sa_index_remove(&host->by_family.chains, &by_hash, host, id);
    host_array_release(&host->families, id);
}

void host_overlap_pass(struct host *host)
{
    pass(host, host_now(host));
}
