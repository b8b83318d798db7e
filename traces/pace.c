/* Pacing: see pace.h. All arithmetic fits 128 bits: ns (64 bits) times a factor (30 bits), or a sum
 * of bits. */
#include "traces/pace.h"

#define NS_PER_S UINT64_C(1000000000)
#define PS_PER_S UINT64_C(1000000000000)

typedef unsigned __int128 u128;

struct pace pace_recorded(uint64_t origin_ns)
{
    return (struct pace){ .mode = PACE_RECORDED, .origin_ns = origin_ns };
}

struct pace pace_scaled(uint64_t origin_ns, uint32_t factor_num, uint32_t factor_den)
{
    return (struct pace){ .mode = PACE_SCALED,
                          .origin_ns = origin_ns,
                          .factor_num = factor_num,
                          .factor_den = factor_den };
}

struct pace pace_rate(uint64_t rate_bps)
{
    return (struct pace){ .mode = PACE_RATE, .rate_bps = rate_bps };
}

uint64_t pace_wire_bits(uint32_t length)
{
    return ((uint64_t)length + PACE_OVERHEAD_BYTES) * 8;
}

struct pace_time pace_next(struct pace *pace, uint64_t time_ns, uint32_t length)
{
    struct pace_time time = { .numerator = 0, .denominator = NS_PER_S };

    if (pace->mode == PACE_RATE) {
        time.numerator = pace->wire_bits;
        time.denominator = pace->rate_bps;
        pace->wire_bits += pace_wire_bits(length);
        return time;
    }
    if (time_ns < pace->origin_ns) {
        pace->before_origin++;
    } else {
        time.numerator = time_ns - pace->origin_ns;
    }
    if (pace->mode == PACE_SCALED) {
        time.numerator *= pace->factor_num;
        time.denominator *= pace->factor_den;
    }
    return time;
}

/* a * b as 256 bits, high half first. */
static void multiply(u128 a, uint64_t b, u128 *high, uint64_t *low)
{
    u128 bottom = (u128)(uint64_t)a * b;

    *high = (a >> 64) * b + (bottom >> 64);
    *low = (uint64_t)bottom;
}

/* ceil(numerator * multiplier / divisor), saturating. The quotient is found bit by bit only when
 * the product does not fit 128 bits. */
static uint64_t scale_up(u128 numerator, uint64_t multiplier, u128 divisor)
{
    u128 high;
    u128 product;
    u128 quotient;
    uint64_t low;
    u128 rest = 0;

    multiply(numerator, multiplier, &high, &low);
    if (high >> 64 == 0) {
        product = high << 64 | low;
        quotient = product / divisor + (product % divisor != 0);
        return quotient > UINT64_MAX ? UINT64_MAX : (uint64_t)quotient;
    }
    /* long division of the 192-bit product; divisor < 2^127 keeps `rest` from overflowing */
    quotient = 0;
    for (int bit = 191; bit >= 0; bit--) {
        unsigned one =
            bit >= 64 ? (unsigned)(high >> (bit - 64)) & 1U : (unsigned)(low >> bit) & 1U;

        if (quotient > UINT64_MAX) {
            return UINT64_MAX;
        }
        rest = rest << 1 | one;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    quotient += rest != 0;
    return quotient > UINT64_MAX ? UINT64_MAX : (uint64_t)quotient;
}

uint64_t pace_cycles(struct pace_time time, uint64_t freq_num, uint64_t freq_den)
{
    return scale_up(time.numerator, freq_num, (u128)time.denominator * freq_den);
}

uint64_t pace_picoseconds(struct pace_time time)
{
    uint64_t product;

    /* the common case: whole picoseconds for each bit or nanosecond */
    if (time.numerator <= UINT64_MAX && PS_PER_S % time.denominator == 0 &&
        !__builtin_mul_overflow((uint64_t)time.numerator, PS_PER_S / time.denominator, &product)) {
        return product;
    }
    return scale_up(time.numerator, PS_PER_S, time.denominator);
}

int pace_compare(struct pace_time a, struct pace_time b)
{
    u128 a_high;
    u128 b_high;
    uint64_t a_low;
    uint64_t b_low;

    multiply(a.numerator, b.denominator, &a_high, &a_low);
    multiply(b.numerator, a.denominator, &b_high, &b_low);
    if (a_high != b_high) {
        return a_high < b_high ? -1 : 1;
    }
    return a_low < b_low ? -1 : a_low > b_low;
}

uint64_t pace_loop_period(uint64_t first_ns, uint64_t last_ns, uint64_t packets)
{
    u128 span = last_ns > first_ns ? last_ns - first_ns : 0;

    if (packets < 2 || span == 0) {
        return 0;
    }
    /* n packets have n - 1 gaps */
    return (uint64_t)((span * packets + packets - 2) / (packets - 1));
}
