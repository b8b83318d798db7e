/* A cache by brute force, written from the rules in sa_table/cache.h alone: what a set holds is a list of ids, and
 * what each policy knows of them is lists, too. Shares no code with the cache but the stream of random numbers that
 * the rules name. A miss is filled at once. Slow. */
#ifndef ESPNIC_TESTS_BRUTE_CACHE_H
#define ESPNIC_TESTS_BRUTE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

enum brute_policy { BRUTE_LRU, BRUTE_RANDOM, BRUTE_FIFO, BRUTE_TREE, BRUTE_SRRIP, BRUTE_POLICIES };

struct brute_config {
    enum brute_policy policy;
    uint32_t sets, ways;
    bool mix; /* the set is that of rng_mix(id) */
    uint64_t seed;
    unsigned rrip_bits;
};

struct brute;

struct brute *brute_create(const struct brute_config *config);
void brute_destroy(struct brute *brute);

bool brute_access(struct brute *brute, uint64_t id, bool write); /* was it a hit? */
void brute_invalidate(struct brute *brute, uint64_t id);

struct brute_counts {
    uint64_t hits, misses, evictions, writebacks, invalidations;
};
struct brute_counts brute_counts(const struct brute *brute);

#endif
