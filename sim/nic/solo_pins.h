/* The pins of one block for its file solo_NAME.c. Define SOLO_PINS, then include this: IN_NAME and OUT_NAME are then the
 * numbers of the pins, in_pins and out_pins their tables. */
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

#define PIN(name, bits, index, when) { name, bits, (index) == (when) ? -1 : (int32_t)(when), 0 },

static const struct block_pin in_pins[INS] = {
#define IN(name, bits, when) PIN(#name, bits, IN_##name, IN_##when)
#define OUT(name, bits, when)
#include SOLO_PINS
#undef IN
#undef OUT
};

static const struct block_pin out_pins[OUTS] = {
#define IN(name, bits, when)
#define OUT(name, bits, when) PIN(#name, bits, OUT_##name, OUT_##when)
#include SOLO_PINS
#undef IN
#undef OUT
};
