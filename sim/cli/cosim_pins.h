/* The pins of one block by name, for its stimulus: nic/pins.h, and their values seen from outside the block. */
#include "nic/pins.h"

#define GET(out, name)       block_pin((out), &out_pins[OUT_##name])
#define SET(in, name, value) block_set_pin((in), &in_pins[IN_##name], (value))
#define SET_BYTES(in, name, bytes, count)                                                          \
    block_set_bytes((in), &in_pins[IN_##name], (bytes), (count))
