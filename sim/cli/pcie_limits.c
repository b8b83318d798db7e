#include "cli/pcie_limits.h"

#include <string.h>

enum { TEN_BITS = 768, PLENTY_OF_TAGS = 16384 }; /* 10-bit tags: 256 to 1023 can be used */

#define GAIN 1.01 /* below that a limit is none */
#define NEAR 0.95 /* a second one this near the first is named too */

/* The first ones are what a link can lack. */
_Static_assert((int)PCIE_LIMIT_TAGS == (int)PCIE_STALL_TAGS &&
                   (int)PCIE_LIMIT_MEMORY == (int)PCIE_STALLS,
               "limits and stalls in one order");

const char *pcie_limit_name(enum pcie_limit limit)
{
    static const char *const others[] = { "host memory", "device", "link (up)", "link (down)",
                                          "nothing" };

    return limit < PCIE_LIMIT_MEMORY ? pcie_stall_name((enum pcie_stall)limit)
                                     : others[limit - PCIE_LIMIT_MEMORY];
}

static void free_device(struct pcie_bench_config *bench)
{
    bench->overhead_ps = bench->copy_ps = bench->byte_ps = 0;
    bench->port_ps = bench->port_byte_ps = 0;
    bench->read_interval_ps = bench->write_interval_ps = 0;
    bench->outstanding = 0;
}

/* Take it away; false: it can be no limit. */
static bool without(enum pcie_limit limit, const struct pcie_bench_rate *r,
                    struct pcie_bench_config *bench, struct pcie_config *link)
{
    bool waited = false;

    switch (limit) {
    case PCIE_LIMIT_TAGS:
        link->tags = link->tags < TEN_BITS ? TEN_BITS : PLENTY_OF_TAGS;
        return r->stall[PCIE_STALL_TAGS] > 0;
    case PCIE_LIMIT_SPACE:
        link->space_headers = link->space_data = 0;
        return r->stall[PCIE_STALL_SPACE] > 0;
    case PCIE_LIMIT_POSTED:
        link->host_ph = link->host_pd = 0;
        return r->stall[PCIE_STALL_POSTED] > 0;
    case PCIE_LIMIT_NONPOSTED: link->host_nph = 0; return r->stall[PCIE_STALL_NONPOSTED] > 0;
    case PCIE_LIMIT_RETRY: link->retry = 0; return r->stall[PCIE_STALL_RETRY] > 0;
    case PCIE_LIMIT_MEMORY:
        pcie_memory_idealise(&link->host);
        for (unsigned s = 0; s < PCIE_STALLS; s++) {
            waited = waited || r->stall[s] > 0;
        }
        return waited || bench->outstanding;
    default:
        waited = bench->outstanding || bench->read_interval_ps || bench->write_interval_ps;
        free_device(bench);
        return waited;
    }
}

static void name_them(struct pcie_limits *limits, const struct pcie_bench_rate *measured)
{
    limits->first = measured->wire[0] >= measured->wire[1] ? PCIE_LIMIT_UP : PCIE_LIMIT_DOWN;
    limits->second = PCIE_LIMIT_NONE;
    for (unsigned i = 0; i < PCIE_LIMITS; i++) {
        double best = limits->first < PCIE_LIMITS ? limits->headroom[limits->first] : GAIN;

        if (limits->headroom[i] > best) {
            limits->first = (enum pcie_limit)i;
        }
    }
    for (unsigned i = 0; i < PCIE_LIMITS && limits->first < PCIE_LIMITS; i++) {
        double least = limits->headroom[limits->first] * NEAR;

        if (i != limits->first && limits->headroom[i] > GAIN && limits->headroom[i] >= least &&
            (limits->second == PCIE_LIMIT_NONE ||
             limits->headroom[i] > limits->headroom[limits->second])) {
            limits->second = (enum pcie_limit)i;
        }
    }
}

bool pcie_limits_find(const struct pcie_bench_config *bench, const struct pcie_config *link,
                      const struct pcie_bench_rate *measured, struct pcie_limits *limits,
                      char *error, size_t error_size)
{
    memset(limits, 0, sizeof *limits);
    if (link->ideal) {
        limits->first = limits->second = PCIE_LIMIT_NONE;
        return true;
    }
    for (unsigned i = 0; i < PCIE_LIMITS; i++) {
        struct pcie_bench_config b = *bench;
        struct pcie_config l = *link;
        struct pcie_bench_rate rate;

        if (!without((enum pcie_limit)i, measured, &b, &l)) {
            continue;
        }
        if (!pcie_bench_bandwidth(&b, &l, &rate, error, error_size)) {
            return false;
        }
        limits->headroom[i] = rate.gbps / measured->gbps;
    }
    name_them(limits, measured);
    return true;
}
