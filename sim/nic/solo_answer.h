/* The pins of a command port, which sa_table and esp_rx have by the same names: include this behind solo_pins.h. They are the
 * last ones of the block, from CMD_READY on. */
#include "nic/solo_commands.h"

/* False: there is no answer of a READ. `c` NULL: there is no command port, all of it is 0. */
static bool show_commands(const struct solo_commands *c, uint32_t *out, struct solo_answer *a)
{
    for (unsigned pin = OUT_CMD_READY; pin < OUTS; pin++) {
        set(out, pin, 0);
    }
    if (c == NULL) {
        return false;
    }
    set(out, OUT_CMD_READY, solo_commands_ready(c));
    if (!solo_commands_answer(c, a)) {
        return false;
    }
    set(out, OUT_RSP_VALID, 1);
    set(out, OUT_RSP_TAG, a->tag);
    set(out, OUT_RSP_STATUS, a->status);
    set(out, OUT_RSP_HANDLE, a->handle);
    if (!a->read) {
        return false;
    }
    set(out, OUT_RSP_READ, 1);
    set(out, OUT_RSP_DST_LOW, a->dst_low);
    set(out, OUT_RSP_DST_HIGH, a->dst_high);
    set(out, OUT_RSP_SPI, a->spi);
    set(out, OUT_RSP_V6, a->v6);
    set(out, OUT_RSP_VALUE, a->value);
    set(out, OUT_RSP_STATE, a->state);
    set(out, OUT_RSP_REFERENCES, a->references);
    return true;
}
