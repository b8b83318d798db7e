/* Random streams that are pure functions of (seed, stream, counter): the counter is the whole
 * state, so streams never disturb each other and a snapshot is one integer. The mixer is the
 * finalizer of SplitMix64 (Steele, Lea, Flood 2014) applied twice. */
#ifndef ESPNIC_ENGINE_RNG_H
#define ESPNIC_ENGINE_RNG_H

#include <stdint.h>
#include <string.h>

struct rng {
    uint64_t key; /* from seed and stream number */
    uint64_t counter;
};

static inline uint64_t rng_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline struct rng rng_stream(uint64_t seed, uint64_t stream)
{
    return (struct rng){ .key = rng_mix(seed + 0x9e3779b97f4a7c15ull) ^ rng_mix(~stream) };
}

static inline uint64_t rng_next(struct rng *r)
{
    return rng_mix(rng_mix(r->counter++ * 0x9e3779b97f4a7c15ull + r->key) ^ r->key);
}

/* Uniform in [0, n), n >= 1, by 128-bit multiplication (bias below 2^-64 * n). */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

static inline void rng_bytes(struct rng *r, uint8_t *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 8) {
        const uint64_t word = rng_next(r);

        memcpy(to + i, &word, count - i < 8 ? count - i : 8);
    }
}

#endif
