#include "engine/histogram.h"

#include <string.h>

void histogram_init(struct histogram *h, uint64_t divisor)
{
    memset(h, 0, sizeof *h);
    h->divisor = divisor;
}

uint64_t histogram_min(const struct histogram *h)
{
    return h->count == 0 ? 0 : ~h->not_min;
}

/* What a bucket stands for: its middle, rounded down. */
static uint64_t bucket_value(size_t index)
{
    if (index < HISTOGRAM_LINEAR) {
        return index;
    }
    unsigned shift = (unsigned)(index >> HISTOGRAM_SUB_BITS) - 1U;
    uint64_t low = (uint64_t)(index - ((size_t)shift << HISTOGRAM_SUB_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void histogram_bound(struct histogram *h)
{
    size_t low = 0;
    size_t high = HISTOGRAM_OVERFLOW;

    if (h->count == 0) {
        h->max = 0;
        h->not_min = 0;
        return;
    }
    while (low < HISTOGRAM_OVERFLOW && h->buckets[low] == 0) {
        low++;
    }
    while (high > 0 && h->buckets[high] == 0) {
        high--;
    }
    if (high < histogram_index(h->max)) {
        h->max = bucket_value(high);
    }
    if (low < HISTOGRAM_OVERFLOW && low > histogram_index(histogram_min(h))) {
        h->not_min = ~bucket_value(low);
    }
}

uint64_t histogram_percentile(const struct histogram *h, uint64_t numerator, uint64_t denominator)
{
    if (h->count == 0 || denominator == 0) {
        return 0;
    }
    unsigned __int128 product = (unsigned __int128)h->count * numerator;
    unsigned __int128 rank = product / denominator + (product % denominator != 0);
    if (rank >= h->count) {
        return h->max; /* the last one: known exactly */
    }
    if (rank <= 1) {
        return histogram_min(h);
    }
    uint64_t seen = 0;
    size_t index = 0;
    while (index < HISTOGRAM_OVERFLOW) {
        seen += h->buckets[index];
        if (seen >= rank) {
            break;
        }
        index++;
    }
    if (index == HISTOGRAM_OVERFLOW) {
        return h->max;
    }
    uint64_t value = bucket_value(index);
    value = value < ~h->not_min ? ~h->not_min : value;
    return value > h->max ? h->max : value;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    if (from->count == 0) {
        return;
    }
    to->count += from->count;
    to->sum += from->sum;
    to->not_min = from->not_min > to->not_min ? from->not_min : to->not_min;
    to->max = from->max > to->max ? from->max : to->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
}

double histogram_scaled(const struct histogram *h, uint64_t value)
{
    return (double)value / (double)(h->divisor == 0 ? 1 : h->divisor);
}

double histogram_mean(const struct histogram *h)
{
    if (h->count == 0) {
        return 0.0;
    }
    double sum = (double)h->sum;
    return sum / (double)h->count / (double)(h->divisor == 0 ? 1 : h->divisor);
}
