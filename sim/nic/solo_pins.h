/* The pins of a block for its file solo_NAME.c: nic/pins.h, and their values. */
#include "nic/pins.h"

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
