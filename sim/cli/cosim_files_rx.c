/* Frames of a capture into the receive side, as fast as it takes them. */
#define PINS_FILE "nic/pins_esp_rx.def"
#include "cli/cosim_pins.h"

#include "cli/cosim_frames.h"
#include "cli/cosim_side.h"

static void set_sa(void *self, uint32_t *in, uint32_t number, const struct esp_node *node)
{
    (void)self;
    cosim_sa_rx(in, number, node);
}

static bool drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct side *s = self;
    uint32_t left;

    s->cycle++;
    SET(in, POP, GET(out, VALID));
    if (s->length == 0 && !side_next(s)) {
        return !*s->error;
    }
    if (s->beat == 0 && GET(out, ROOM) * BUS < s->length) {
        return true; /* the receive buffer takes whole frames */
    }
    if (s->beat == 0) {
        SET_BYTES(in, PUSH_FRAME, s->frame, s->length);
    }
    left = s->length - s->beat * BUS;
    SET(in, PUSH, 1);
    SET(in, PUSH_LAST, left <= BUS);
    SET(in, PUSH_LENGTH, s->length);
    SET_BYTES(in, PUSH_BEAT, s->frame + (size_t)s->beat * BUS, left < BUS ? left : BUS);
    s->beat++;
    s->length = left <= BUS ? 0 : s->length;
    return true;
}

static bool beyond(const struct side *s, const uint8_t *frame, uint32_t length)
{
    (void)s;
    return frames_beyond_rtl(frame, length);
}

static void observe(void *self, const uint32_t *out, const uint32_t *in)
{
    struct side *s = self;
    uint32_t length = (uint32_t)GET(out, LENGTH);

    s->n.with_sa = GET(out, COUNT_OK) + GET(out, COUNT_DUPLICATE) + GET(out, COUNT_TOO_OLD) +
                   GET(out, COUNT_ZERO);
    if (block_pin(in, &in_pins[IN_POP])) {
        side_take(s, out, &out_pins[OUT_BEAT], length - s->have < BUS ? length - s->have : BUS,
                  GET(out, LAST));
    }
}

bool cosim_rx_side(struct cosim_side *side, const char *path, const char *out_path, char *error,
                   size_t error_size)
{
    struct side *s = must(calloc(1, sizeof *s));

    s->beyond = beyond;
    *side = (struct cosim_side){ .self = s,
                                 .close = side_close,
                                 .finish = side_finish,
                                 .set_sa = set_sa,
                                 .drive = drive,
                                 .observe = observe,
                                 .ended = side_ended,
                                 .error = side_error,
                                 .counts = side_counts };
    return side_open(s, path, out_path, error, error_size);
}
