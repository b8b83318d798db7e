/* The pins of one block by name, for its stimulus. Define PINS_FILE, then include this: IN_NAME and OUT_NAME are then
 * structures with the place of each pin. */
#include "engine/block.h"

enum pins_in_index {
#define IN(name, bits, when) INDEX_IN_##name,
#define OUT(name, bits, when)
#include PINS_FILE
#undef IN
#undef OUT
    PINS_INS
};

enum pins_out_index {
#define IN(name, bits, when)
#define OUT(name, bits, when) INDEX_OUT_##name,
#include PINS_FILE
#undef IN
#undef OUT
    PINS_OUTS
};

struct pins {
    struct block_pin in[PINS_INS], out[PINS_OUTS];
};

static void pins_place(struct pins *p)
{
    *p = (struct pins){
        .in = {
#define IN(name, bits, when) { #name, bits, -1, 0 },
#define OUT(name, bits, when)
#include PINS_FILE
#undef IN
#undef OUT
        },
        .out = {
#define IN(name, bits, when)
#define OUT(name, bits, when) { #name, bits, -1, 0 },
#include PINS_FILE
#undef IN
#undef OUT
        },
    };
    block_pins_place(p->in, PINS_INS);
    block_pins_place(p->out, PINS_OUTS);
}

#define GET(pins, v, name)        block_pin((v), &(pins)->out[INDEX_OUT_##name])
#define SET(pins, v, name, value) block_set_pin((v), &(pins)->in[INDEX_IN_##name], (value))
