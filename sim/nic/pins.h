/* The pins of one block, for one source file. Define PINS_FILE, then include this: IN_NAME and OUT_NAME are then the numbers
 * of the pins, in_pins and out_pins their tables, each in its place. */
#include "nic/solo.h"

enum in_pin {
#define IN(name, bits, when) IN_##name,
#define OUT(name, bits, when)
#include PINS_FILE
#undef IN
#undef OUT
    INS
};

enum out_pin {
#define IN(name, bits, when)
#define OUT(name, bits, when) OUT_##name,
#include PINS_FILE
#undef IN
#undef OUT
    OUTS
};

/* The lowest bit of each pin and its highest: an enumerator without a value stands one behind the one before it. */
enum in_bit {
#define IN(name, bits, when) IN_##name##_LSB, IN_##name##_MSB = IN_##name##_LSB + (bits)-1,
#define OUT(name, bits, when)
#include PINS_FILE
#undef IN
#undef OUT
    IN_BITS
};

enum out_bit {
#define IN(name, bits, when)
#define OUT(name, bits, when) OUT_##name##_LSB, OUT_##name##_MSB = OUT_##name##_LSB + (bits)-1,
#include PINS_FILE
#undef IN
#undef OUT
    OUT_BITS
};

_Static_assert((int)INS <= NIC_SOLO_MAX_PINS && (int)OUTS <= NIC_SOLO_MAX_PINS, "pins");
_Static_assert((int)IN_BITS <= 32 * NIC_SOLO_MAX_WORDS && (int)OUT_BITS <= 32 * NIC_SOLO_MAX_WORDS,
               "bits of all pins");

#define PIN(name, bits, index, when, lsb)                                                          \
    { name, bits, (index) == (when) ? -1 : (int32_t)(when), lsb },

static const struct block_pin in_pins[INS] = {
#define IN(name, bits, when) PIN(#name, bits, IN_##name, IN_##when, IN_##name##_LSB)
#define OUT(name, bits, when)
#include PINS_FILE
#undef IN
#undef OUT
};

static const struct block_pin out_pins[OUTS] = {
#define IN(name, bits, when)
#define OUT(name, bits, when) PIN(#name, bits, OUT_##name, OUT_##when, OUT_##name##_LSB)
#include PINS_FILE
#undef IN
#undef OUT
};
