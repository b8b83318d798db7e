/* Exact time: (clock domain, cycle).
 *
 * A domain has a rational frequency num/den Hz; edge c happens at c*den/num seconds, so that all
 * domains have an edge at 0. Edges of different domains are compared by 128-bit products: there is
 * no common tick and no floating point. */
#ifndef ESPNIC_ENGINE_CLOCK_H
#define ESPNIC_ENGINE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_MAX_DOMAINS = 16 };

#define CLOCK_NEVER UINT64_MAX

typedef unsigned __int128 clock_u128;

/* cycles_b = cycles_a * mul / div, in lowest terms */
struct clock_ratio {
    uint64_t mul, div;
};

struct clock_domain {
    uint64_t num, den; /* Hz, lowest terms */
};

/* A cycle in units of 2^-42 s: whole ones, and 2^-64 of one. */
struct clock_length {
    uint64_t whole, parts;
    uint64_t cycles; /* the edges before this one have a key of their own */
};

struct clock_set {
    unsigned count;
    struct clock_domain domain[CLOCK_MAX_DOMAINS];
    struct clock_length length[CLOCK_MAX_DOMAINS];
    uint64_t ps[CLOCK_MAX_DOMAINS]; /* of a cycle, if that is a whole number; else 0 */
    struct clock_ratio ratio[CLOCK_MAX_DOMAINS][CLOCK_MAX_DOMAINS]; /* [from][to] */
};

void clock_set_init(struct clock_set *set);

/* Add a domain of num/den Hz (num, den >= 1). Domains of equal frequency stay distinct: a crossing
 * between them is still a crossing. Returns its index, or -1 if the set is full or the ratio to an
 * earlier domain does not fit 64 bits. */
int clock_add(struct clock_set *set, uint64_t num, uint64_t den);

/* For what follows: a product needs more than 64 bits. */
uint64_t clock_scale_wide(const struct clock_ratio *r, uint64_t c) __attribute__((cold));
uint64_t clock_edge_from_wide(const struct clock_ratio *r, uint64_t c) __attribute__((cold));
int clock_compare_wide(const struct clock_ratio *r, uint64_t ca, uint64_t cb)
    __attribute__((cold));

/* floor(c * mul / div) */
static inline uint64_t clock_scale(const struct clock_ratio *r, uint64_t c)
{
    uint64_t product;

    if (__builtin_mul_overflow(c, r->mul, &product)) {
        return clock_scale_wide(r, c);
    }
    return r->div == 1 ? product : product / r->div;
}

/* The s-th edge (s >= 1) of domain `to` strictly after edge c of domain `from`. */
static inline uint64_t clock_edge_after(const struct clock_set *set, unsigned from, uint64_t c,
                                        unsigned to, unsigned s)
{
    return clock_scale(&set->ratio[from][to], c) + s;
}

/* The first edge of `to` not before edge c of `from`. */
static inline uint64_t clock_edge_from(const struct clock_set *set, unsigned from, uint64_t c,
                                       unsigned to)
{
    const struct clock_ratio *r = &set->ratio[from][to];
    uint64_t small;

    if (__builtin_mul_overflow(c, r->mul, &small) ||
        __builtin_add_overflow(small, r->div - 1, &small)) {
        return clock_edge_from_wide(r, c);
    }
    return small / r->div;
}

/* <0, 0, >0 as edge ca of a is before, at, after edge cb of b. */
static inline int clock_compare(const struct clock_set *set, unsigned a, uint64_t ca, unsigned b,
                                uint64_t cb)
{
    const struct clock_ratio *r = &set->ratio[a][b];
    uint64_t left;
    uint64_t right;

    if (__builtin_mul_overflow(ca, r->mul, &left) || __builtin_mul_overflow(cb, r->div, &right)) {
        return clock_compare_wide(r, ca, cb);
    }
    return left < right ? -1 : left > right;
}

#define CLOCK_LAST_KEY (UINT64_MAX - 4)
#define CLOCK_NO_KEY   (UINT64_MAX - 2) /* after every key */

/* A number that grows with time in the same way in every domain: the edge's time in units of 2^-42 s,
 * from which it is less than 2 away, at most CLOCK_LAST_KEY (48 days). So two edges whose keys differ
 * by 2 or more are in the order of their keys; for others ask clock_compare(). */
static inline uint64_t clock_key(const struct clock_set *set, unsigned domain, uint64_t cycle)
{
    const struct clock_length *length = &set->length[domain];

    if (cycle >= length->cycles) {
        return CLOCK_LAST_KEY;
    }
    return cycle * length->whole + (uint64_t)((clock_u128)cycle * length->parts >> 64);
}

/* Duration in cycles of `domain`, rounded up to the next edge. */
uint64_t clock_cycles_from_ps(const struct clock_set *set, unsigned domain, uint64_t ps);

/* For clock_ps: any frequency, any cycle. */
uint64_t clock_ps_divided(const struct clock_set *set, unsigned domain, uint64_t cycle);

/* Time of an edge in picoseconds, rounded down; for reports only, never fed back into time. */
static inline uint64_t clock_ps(const struct clock_set *set, unsigned domain, uint64_t cycle)
{
    uint64_t ps;

    if (set->ps[domain] && !__builtin_mul_overflow(cycle, set->ps[domain], &ps)) {
        return ps;
    }
    return clock_ps_divided(set, domain, cycle);
}

#endif
