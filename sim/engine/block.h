/* A block as a box with pins: one small table of functions, the same for the C block, for RTL and for a twin.
 *
 * All outputs are registers: what they show in a cycle depends on the inputs of earlier cycles only. So a cycle is
 *   outputs(self, out)   what the pins show in this cycle, any number of times
 *   tick(self, in)       the inputs of this cycle; the next cycle begins
 * Inputs and outputs are bit vectors of 32-bit words, least significant first, laid out by a table of pins: each pin
 * behind the one before it, none aligned. Where an input is not meaningful (no valid), it may be anything. */
#ifndef ESPNIC_ENGINE_BLOCK_H
#define ESPNIC_ENGINE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCK_ABI = 1 };

struct block_ops {
    uint32_t abi; /* BLOCK_ABI */
    const char *name;
    /* `config`: "RMW=2 WINDOW=64", every parameter of the block by its name. NULL with a sentence in `error`. */
    void *(*create)(const char *config, char *error, size_t error_size);
    void (*destroy)(void *self);
    void (*reset)(void *self); /* as after creation */
    void (*outputs)(void *self, uint32_t *out);
    void (*tick)(void *self, const uint32_t *in);
    /* Write what happens from the next tick on to a waveform file; NULL: no more. False: it cannot. May be NULL. */
    bool (*wave)(void *self, const char *file);
    /* What an assertion inside has said since creation; NULL: none has failed. May be NULL. */
    const char *(*error)(void *self);
};

/* A pin, or a bundle of them. */
struct block_pin {
    const char *name; /* as in the RTL, in capitals */
    uint32_t bits;
    int32_t when; /* index of the pin that says that this one means something; -1: always */
    uint32_t lsb; /* where it stands; block_pins_place() says */
};

/* Sets `lsb` of all; returns the words of the vector. */
static inline uint32_t block_pins_place(struct block_pin *pin, uint32_t count)
{
    uint32_t lsb = 0;

    for (uint32_t i = 0; i < count; i++) {
        pin[i].lsb = lsb;
        lsb += pin[i].bits;
    }
    return (lsb + 31) / 32;
}

/* `count` ones, 0 to 63 of them; all for 64. */
static inline uint64_t block_ones(uint32_t count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* Up to 64 bits of a vector. */
static inline uint64_t block_get(const uint32_t *v, uint32_t lsb, uint32_t bits)
{
    const uint32_t *word = v + lsb / 32;
    uint32_t shift = lsb % 32;
    uint64_t value = *word >> shift;

    for (uint32_t have = 32 - shift; have < bits; have += 32) {
        value |= (uint64_t) * ++word << have;
    }
    return value & block_ones(bits);
}

static inline void block_set(uint32_t *v, uint32_t lsb, uint32_t bits, uint64_t value)
{
    while (bits > 0) {
        uint32_t shift = lsb % 32;
        uint32_t take = 32 - shift < bits ? 32 - shift : bits;
        uint32_t mask = (uint32_t)(block_ones(take) << shift);

        v[lsb / 32] = (v[lsb / 32] & ~mask) | ((uint32_t)(value << shift) & mask);
        value = value >> 1 >> (take - 1);
        lsb += take;
        bits -= take;
    }
}

static inline uint64_t block_pin(const uint32_t *v, const struct block_pin *pin)
{
    return block_get(v, pin->lsb, pin->bits < 64 ? pin->bits : 64);
}

static inline void block_set_pin(uint32_t *v, const struct block_pin *pin, uint64_t value)
{
    block_set(v, pin->lsb, pin->bits < 64 ? pin->bits : 64, value);
}

/* The bytes of a wide pin, the first one lowest; `count`: as many of them as are wanted. */
static inline void block_get_bytes(const uint32_t *v, const struct block_pin *pin, uint8_t *bytes,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)block_get(v, pin->lsb + 8 * i, 8);
    }
}

static inline void block_set_bytes(uint32_t *v, const struct block_pin *pin, const uint8_t *bytes,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        block_set(v, pin->lsb + 8 * i, 8, bytes[i]);
    }
}

#endif
