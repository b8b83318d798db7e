/* Miss-ratio curves: accesses a second and bytes an SA, exact and sampled, against the number of SAs. The same
 * accesses each time: SAs of rank i used in proportion to about 1/i. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/must.h"
#include "engine/rng.h"
#include "sa_table/mrc.h"

enum { ACCESSES = 10000000 };

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Ranks from 1 to `sas`, evenly in their logarithm, at places that have nothing to do with the rank. */
static void draw(uint32_t *sa, uint32_t sas)
{
    struct rng rng = rng_stream(5, sas);
    double span = log((double)sas);

    for (size_t i = 0; i < ACCESSES; i++) {
        double u = (double)rng_below(&rng, 1u << 30) / (1u << 30);
        uint64_t rank = (uint64_t)exp(u * span);

        sa[i] = (uint32_t)(rng_mix(rank) % sas);
    }
}

static void measure(const uint32_t *sa, uint32_t sas, const char *name,
                    const struct mrc_config *config)
{
    struct mrc *mrc = mrc_create(config);
    double begin = seconds();
    double took;

    for (size_t i = 0; i < ACCESSES; i++) {
        mrc_access(mrc, sa[i]);
    }
    took = seconds() - begin;
    printf("%10" PRIu32 " SAs, %9" PRIu64
           " used  %-12s %7.2f M accesses/s  %6.1f ns each  %6.1f bytes an SA\n",
           sas, mrc_cold(mrc), name, ACCESSES / took / 1e6, took * 1e9 / ACCESSES,
           (double)mrc_bytes(mrc) / (double)mrc_cold(mrc));
    mrc_destroy(mrc);
}

int main(void)
{
    static const uint32_t counts[] = { 1000, 100000, 10000000 };
    const struct mrc_config exact = { .rate = 1 };
    const struct mrc_config percent = { .rate = 0.01 };
    const struct mrc_config fixed = { .rate = 1, .size = 8192 };
    uint32_t *sa = must(malloc(ACCESSES * sizeof *sa));

    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        draw(sa, counts[i]);
        measure(sa, counts[i], "exact", &exact);
        measure(sa, counts[i], "rate 1 %", &percent);
        measure(sa, counts[i], "size 8192", &fixed);
    }
    free(sa);
    return 0;
}
