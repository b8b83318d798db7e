/* A log-linear histogram of unsigned integers (latencies in ps, queue depths, bytes).
 *
 * Values below 1024 have a bucket each. Above, every octave [2^k, 2^(k+1)) is cut into 512 buckets
 * of equal width, and a bucket stands for its middle, so that a reported value differs from the
 * recorded one by at most 1/1024 of it (half a width over the octave's lower end). Values of 2^48
 * and more (281 s in ps) share one bucket, which is reported as the exact maximum; count, sum,
 * minimum and maximum are exact for all values.
 *
 * The struct is flat (164 KiB) and all zero means empty: memory from calloc is ready, and pages
 * that no value touches are never resident. */
#ifndef ESPNIC_ENGINE_HISTOGRAM_H
#define ESPNIC_ENGINE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 9,                           /* 512 buckets an octave */
    HISTOGRAM_LINEAR = 1 << (HISTOGRAM_SUB_BITS + 1), /* values with a bucket of their own */
    HISTOGRAM_TOP_BITS = 48,
    HISTOGRAM_OVERFLOW = /* index of the bucket of values >= 2^48 */
    HISTOGRAM_LINEAR + (HISTOGRAM_TOP_BITS - HISTOGRAM_SUB_BITS - 1) * (1 << HISTOGRAM_SUB_BITS),
    HISTOGRAM_BUCKETS = HISTOGRAM_OVERFLOW + 1
};

struct histogram {
    uint64_t count;
    uint64_t not_min; /* ~minimum, so that zero means "no value yet" */
    uint64_t max;
    uint64_t divisor; /* reports divide values by this (1000: recorded ps, shown ns); 0 is 1 */
    unsigned __int128 sum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t unused; /* 0: leaves no hidden padding, so that a snapshot copies only data */
};

/* Empty it; `divisor` as above. */
void histogram_init(struct histogram *h, uint64_t divisor);

/* The bucket of a value. */
static inline size_t histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_LINEAR) {
        return (size_t)value;
    }
    if (value >> HISTOGRAM_TOP_BITS) {
        return HISTOGRAM_OVERFLOW;
    }
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

/* Record `value` `times` times. */
static inline void histogram_add_many(struct histogram *h, uint64_t value, uint64_t times)
{
    if (times == 0) {
        return;
    }
    h->count += times;
    h->sum += (unsigned __int128)value * times;
    h->not_min = ~value > h->not_min ? ~value : h->not_min;
    h->max = value > h->max ? value : h->max;
    h->buckets[histogram_index(value)] += times;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    h->not_min = ~value > h->not_min ? ~value : h->not_min;
    h->max = value > h->max ? value : h->max;
    h->buckets[histogram_index(value)]++;
}

/* Exact; 0 when empty. */
uint64_t histogram_min(const struct histogram *h);

/* Of a histogram from whose count and buckets those of an earlier one have been taken away: minimum and maximum are set
 * to what the lowest and the highest bucket left stand for, where those of before lie outside. */
void histogram_bound(struct histogram *h);

/* Nearest rank: an estimate, within 1/1024, of the smallest recorded value v such that at least
 * ceil(numerator / denominator * count) recorded values are <= v (rank at least 1, at most count).
 * p99.9 is (999, 1000). Never below the minimum or above the maximum. 0 when empty.
 * Values of 2^48 and more are reported as the maximum. */
uint64_t histogram_percentile(const struct histogram *h, uint64_t numerator, uint64_t denominator);

/* Add the content of `from` (recorded in the same unit) to `to`. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* In the unit that is reported, that is, after `divisor`. 0 when empty. */
double histogram_mean(const struct histogram *h);

/* A recorded value (of this histogram) in the unit that is reported. */
double histogram_scaled(const struct histogram *h, uint64_t value);

#endif
