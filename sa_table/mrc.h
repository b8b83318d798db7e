/* Miss-ratio curves: how many accesses a fully associative LRU cache of SA contexts would have hit, for every
 * size at once, from one pass over the accesses.
 *
 * An access has a depth: 1, and one more for each other SA that was used since the last access of the same SA
 * and not deleted, counted when they were most. A cache of C contexts hits if and only if the depth is at most C
 * (stack distance: Mattson, Gecsei, Slutz, Traiger, IBM Systems Journal 9(2), 1970). "When they were most": the
 * way of a deleted SA is empty and takes the next context that comes, so that deleting never brings an SA that
 * has gone back, and what has been pushed down stays down.
 *
 * Exact: every SA is marked in a tree over the times of last accesses (Fenwick, Software 24(3), 1994), O(log n)
 * an access. Sampled: only SAs whose hash is below a threshold are marked (spatial hashing: Waldspurger, Park,
 * Garthwaite, Ahmad, SHARDS, FAST 2015), O(log s) an access. Unlike SHARDS every access is counted, also of an SA
 * that is not in the sample: its depth is the number of marks above, over the rate. So the popularity of the SAs
 * adds no error, and what is left has a bound (mrc_bound). A fixed rate, or a fixed size: then samples at the
 * rates 1, 1/2, 1/4, ... are kept side by side from the start, and the largest is given up when it outgrows the
 * size. With fewer SAs than that the result is exact.
 *
 * Memory: 8 bytes an SA; about 40 bytes for each SA of the samples that is live; 8 for each depth found. Nothing grows
 * with the number of accesses. Ends the program when memory is out. No time in here. */
#ifndef ESPNIC_SA_TABLE_MRC_H
#define ESPNIC_SA_TABLE_MRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mrc_config {
    double
        rate; /* share of the SAs in the sample, above 0 to 1; 1: exact, unless there is a size */
    uint32_t size; /* SAs in the sample at most, 0: as the rate gives; only with rate 1 */
    uint64_t seed; /* of the hash */
};

struct mrc;

/* The configuration must be within the ranges above. */
struct mrc *mrc_create(const struct mrc_config *config);
void mrc_destroy(struct mrc *mrc); /* NULL is allowed */

/* An SA is used; SAs are small numbers, 0 included, that may be used again after mrc_forget. */
void mrc_access(struct mrc *mrc, uint32_t sa);

/* The SA is deleted: its context leaves the cache. One that was never used is none. */
void mrc_forget(struct mrc *mrc, uint32_t sa);

/* Number, from 1, of the last access of a live SA; 0: there was none. */
uint64_t mrc_last(const struct mrc *mrc, uint32_t sa);

uint64_t mrc_accesses(const struct mrc *mrc);
/* Accesses that no cache hits: the first of each SA. */
uint64_t mrc_cold(const struct mrc *mrc);
/* SAs that were forgotten after they had been used. */
uint64_t mrc_forgotten(const struct mrc *mrc);
/* Rate of the sample now; 1: everything so far is exact. */
double mrc_rate(const struct mrc *mrc);
/* SAs in the sample now, deleted ones that still hold a place included. */
uint32_t mrc_marks(const struct mrc *mrc);
/* Memory in use. */
size_t mrc_bytes(const struct mrc *mrc);

/* Accesses that a cache of so many contexts hits. Exact, or the estimate. The first call after an access takes
 * time for every depth found, the others none. */
uint64_t mrc_hits(struct mrc *mrc, uint64_t capacity);
/* The smallest capacity beyond which no more are hit (as far as the estimate can tell); 0: none is. */
uint64_t mrc_deepest(struct mrc *mrc);

struct mrc_range {
    double low, high; /* of the hit ratio */
};

/* Where the true hit ratio of a capacity lies, with a probability of at least 1 - failure over the choice of the
 * hash, taken as ideal: independent and uniform. Exact results have low = high.
 *
 * A depth is wrongly taken to be on one side of a limit with a probability that Hoeffding bounds (JASA 58, 1963,
 * theorem 1; for the most of a number of times, by as many of them); the share of all accesses for which that
 * happens is at most `slack` by Markov's inequality. Both are above 0 and below 1. */
struct mrc_range mrc_bound(struct mrc *mrc, uint64_t capacity, double failure, double slack);

#endif
