#include "engine/clock.h"

#include <string.h>

static const uint64_t ps_per_s = 1000000000000ull;

static clock_u128 gcd(clock_u128 a, clock_u128 b)
{
    while (b) {
        clock_u128 t = a % b;
        a = b;
        b = t;
    }
    return a;
}

void clock_set_init(struct clock_set *set)
{
    memset(set, 0, sizeof *set);
}

/* cycles_to per cycle_from = (num_to/den_to) / (num_from/den_from) */
static bool make_ratio(const struct clock_domain *from, const struct clock_domain *to,
                       struct clock_ratio *r)
{
    clock_u128 mul = (clock_u128)to->num * from->den;
    clock_u128 div = (clock_u128)to->den * from->num;
    clock_u128 g = gcd(mul, div);

    mul /= g;
    div /= g;
    if (mul > UINT64_MAX || div > UINT64_MAX) {
        return false;
    }
    r->mul = (uint64_t)mul;
    r->div = (uint64_t)div;
    return true;
}

/* 2^42 * den / num, rounded down to 2^-64. */
static struct clock_length length_of(const struct clock_domain *d)
{
    clock_u128 dividend = (clock_u128)d->den << 42;
    clock_u128 whole = dividend / d->num;
    clock_u128 parts = (dividend % d->num << 64) / d->num;
    clock_u128 cycles =
        whole < CLOCK_LAST_KEY ? ((clock_u128)CLOCK_LAST_KEY << 64) / (whole << 64 | parts) + 1 : 1;

    return (struct clock_length){ .whole = (uint64_t)whole,
                                  .parts = (uint64_t)parts,
                                  .cycles = cycles < UINT64_MAX ? (uint64_t)cycles : UINT64_MAX };
}

static uint64_t whole_ps(const struct clock_domain *d)
{
    clock_u128 ps = (clock_u128)d->den * ps_per_s;

    return ps % d->num == 0 && ps / d->num <= UINT64_MAX ? (uint64_t)(ps / d->num) : 0;
}

int clock_add(struct clock_set *set, uint64_t num, uint64_t den)
{
    unsigned n = set->count;
    uint64_t g;

    if (n == CLOCK_MAX_DOMAINS || num == 0 || den == 0) {
        return -1;
    }
    g = (uint64_t)gcd(num, den);
    set->domain[n] = (struct clock_domain){ .num = num / g, .den = den / g };
    set->length[n] = length_of(&set->domain[n]);
    set->ps[n] = whole_ps(&set->domain[n]);
    for (unsigned i = 0; i <= n; i++) {
        if (!make_ratio(&set->domain[n], &set->domain[i], &set->ratio[n][i]) ||
            !make_ratio(&set->domain[i], &set->domain[n], &set->ratio[i][n])) {
            return -1;
        }
    }
    set->count = n + 1;
    return (int)n;
}

uint64_t clock_scale_wide(const struct clock_ratio *r, uint64_t c)
{
    return (uint64_t)((clock_u128)c * r->mul / r->div);
}

uint64_t clock_edge_from_wide(const struct clock_ratio *r, uint64_t c)
{
    return (uint64_t)(((clock_u128)c * r->mul + r->div - 1) / r->div);
}

int clock_compare_wide(const struct clock_ratio *r, uint64_t ca, uint64_t cb)
{
    clock_u128 left = (clock_u128)ca * r->mul;
    clock_u128 right = (clock_u128)cb * r->div;

    return left < right ? -1 : left > right;
}

uint64_t clock_cycles_from_ps(const struct clock_set *set, unsigned domain, uint64_t ps)
{
    const struct clock_domain *d = &set->domain[domain];
    clock_u128 unit = (clock_u128)d->den * ps_per_s;
    clock_u128 product = (clock_u128)ps * d->num;

    return (uint64_t)((product + unit - 1) / unit);
}

uint64_t clock_ps_divided(const struct clock_set *set, unsigned domain, uint64_t cycle)
{
    const struct clock_domain *d = &set->domain[domain];
    clock_u128 seconds = (clock_u128)cycle * d->den;

    /* cycle*den*10^12 can pass 128 bits only beyond a million years */
    return (uint64_t)(seconds / d->num * ps_per_s + seconds % d->num * ps_per_s / d->num);
}
