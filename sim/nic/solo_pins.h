/* The pins of one block for its file solo_NAME.c. Define SOLO_PINS, then include this: IN_NAME and OUT_NAME are then the
 * numbers of the pins, in_pins and out_pins their tables, get and set their values. */
#include "engine/block.h"

enum in_pin {
#define IN(name, bits, when) IN_##name,
#define OUT(name, bits, when)
#include SOLO_PINS
#undef IN
#undef OUT
    INS
};

enum out_pin {
#define IN(name, bits, when)
#define OUT(name, bits, when) OUT_##name,
#include SOLO_PINS
#undef IN
#undef OUT
    OUTS
};

/* The lowest bit of each pin and its highest: an enumerator without a value stands one behind the one before it. */
enum in_bit {
#define IN(name, bits, when) IN_##name##_LSB, IN_##name##_MSB = IN_##name##_LSB + (bits)-1,
#define OUT(name, bits, when)
#include SOLO_PINS
#undef IN
#undef OUT
};

enum out_bit {
#define IN(name, bits, when)
#define OUT(name, bits, when) OUT_##name##_LSB, OUT_##name##_MSB = OUT_##name##_LSB + (bits)-1,
#include SOLO_PINS
#undef IN
#undef OUT
};

#define PIN(name, bits, index, when, lsb)                                                          \
    { name, bits, (index) == (when) ? -1 : (int32_t)(when), lsb },

static const struct block_pin in_pins[INS] = {
#define IN(name, bits, when) PIN(#name, bits, IN_##name, IN_##when, IN_##name##_LSB)
#define OUT(name, bits, when)
#include SOLO_PINS
#undef IN
#undef OUT
};

static const struct block_pin out_pins[OUTS] = {
#define IN(name, bits, when)
#define OUT(name, bits, when) PIN(#name, bits, OUT_##name, OUT_##when, OUT_##name##_LSB)
#include SOLO_PINS
#undef IN
#undef OUT
};

static inline uint64_t get(const uint32_t *in, enum in_pin pin)
{
    return block_pin(in, &in_pins[pin]);
}

static inline void set(uint32_t *out, enum out_pin pin, uint64_t value)
{
    block_set_pin(out, &out_pins[pin], value);
}

/* The first `count` bytes of a wide pin. */
static inline void get_bytes(const uint32_t *in, enum in_pin pin, uint8_t *bytes, uint32_t count)
{
    block_get_bytes(in, &in_pins[pin], bytes, count);
}

/* A whole pin of bytes: `count` of them, then zeros. */
static inline void set_bytes(uint32_t *out, enum out_pin pin, const uint8_t *bytes, uint32_t count)
{
    const uint32_t all = out_pins[pin].bits / 8;

    block_set_bytes(out, &out_pins[pin], bytes, count < all ? count : all);
    for (uint32_t i = count; i < all; i++) {
        block_set(out, out_pins[pin].lsb + 8 * i, 8, 0);
    }
}
