#include "cli/measured.h"

/* RX counts packets that the host made of fragments apart: `created` and `merged` of the run. */
static uint64_t inside(const struct run_direction *d, const uint64_t *drops, uint64_t created,
                       uint64_t merged)
{
    uint64_t came = d->packets_in + d->created + created;
    uint64_t gone = d->packets_out + merged + run_drops(drops);

    return came > gone ? came - gone : 0;
}

static void take_away(struct run_direction *d, const struct run_direction *begin)
{
    d->packets_in -= begin->packets_in;
    d->packets_out -= begin->packets_out;
    d->bytes_in -= begin->bytes_in;
    d->bytes_out -= begin->bytes_out;
    d->created -= begin->created;
}

static void take_away_port(struct nic_port_direction_stats *p,
                           const struct nic_port_direction_stats *begin)
{
    p->packets -= begin->packets;
    p->bytes -= begin->bytes;
    p->dropped -= begin->dropped;
}

/* All of its fields are counters. */
static void take_away_cache(struct sa_cache_stats *c, const struct sa_cache_stats *begin)
{
    for (size_t i = 0; i < sa_cache_stat_count; i++) {
        size_t at = sa_cache_stat_table[i].offset;

        *(uint64_t *)((char *)c + at) -= *(const uint64_t *)((const char *)begin + at);
    }
}

static void take_away_packets(struct run_results *r, const struct run_results *b)
{
    r->rx.inside = inside(&b->rx, b->rx_drop, b->created, b->merged);
    r->tx.inside = inside(&b->tx, b->tx_drop, 0, 0);
    take_away(&r->rx, &b->rx);
    take_away(&r->tx, &b->tx);
    r->created -= b->created;
    r->merged -= b->merged;
    for (unsigned i = 0; i < RUN_MAX_DROPS; i++) {
        r->rx_drop[i] -= b->rx_drop[i];
        r->tx_drop[i] -= b->tx_drop[i];
    }
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        take_away_port(&r->port[p].rx.stats, &b->port[p].rx.stats);
        take_away_port(&r->port[p].tx.stats, &b->port[p].tx.stats);
    }
    r->forwarded -= b->forwarded;
    for (unsigned i = 0; i < NIC_STAY_COUNT; i++) {
        r->stay[i] -= b->stay[i];
    }
}

void measured_latency(struct histogram *h, const struct histogram *whole)
{
    h->count = whole->count - h->count;
    h->sum = whole->sum - h->sum;
    h->max = whole->max;
    h->not_min = whole->not_min;
    h->divisor = whole->divisor;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->buckets[i] = whole->buckets[i] - h->buckets[i];
    }
    histogram_bound(h);
}

void measured_sum_up(struct measured *m, struct run_results *whole)
{
    const struct run_results *b = &m->begin;
    struct run_results *r = &m->since;

    *r = *whole;
    take_away_packets(r, b);
    r->lookups -= b->lookups;
    r->hits -= b->hits;
    r->misses -= b->misses;
    r->context_hits -= b->context_hits;
    r->context_misses -= b->context_misses;
    take_away_cache(&r->cache, &b->cache);
    r->rx.dropped = run_drops(r->rx_drop);
    r->tx.dropped = run_drops(r->tx_drop);
    r->rx.loss = run_share(r->rx.dropped, r->rx.inside + r->rx.packets_in);
    r->tx.loss = run_share(r->tx.dropped, r->tx.inside + r->tx.packets_in + r->tx.created);
    whole->rx.loss = r->rx.loss;
    whole->tx.loss = r->tx.loss;
}
