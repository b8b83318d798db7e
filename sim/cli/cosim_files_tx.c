/* Frames of a capture into the send side, each with the SA that a host would choose. */
#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

#include "cli/cosim_side.h"
#include "host/finder.h"

struct tx_side {
    struct side s; /* first: what both sides share looks at it */
    struct finder *finder;
    const uint32_t *number_of; /* [SA of the finder]: that of the RTL, 0: it has none */
    uint32_t sas;              /* numbers of the RTL, a power of two */
    uint32_t shown;            /* beats of the frame that have been shown ahead */
};

/* Handles: never 0, the number in the low bits. */
static uint32_t handle_of(const struct tx_side *t, uint32_t number)
{
    return number ? number + t->sas : 0;
}

static void set_sa(void *self, uint32_t *in, uint32_t number, const struct esp_node *node)
{
    cosim_sa_tx(in, number, handle_of(self, number), true, node);
}

static uint32_t beats_of(const struct side *s)
{
    return (s->length + BUS - 1) / BUS;
}

/* C wants all of a frame before its first beat. */
static void show_ahead(struct tx_side *t, uint32_t *in)
{
    const struct side *s = &t->s;

    SET(in, AHEAD_VALID, 1);
    SET(in, AHEAD_LAST, t->shown + 1 == beats_of(s));
    SET_BYTES(in, AHEAD_BEAT, s->frame + (size_t)t->shown * BUS, BUS);
    t->shown++;
}

static uint32_t handle_for(struct tx_side *t)
{
    const struct side *s = &t->s;
    struct finder_packet found = finder_send(t->finder, s->frame, s->length, s->length);

    return found.reason == FINDER_FOUND ? handle_of(t, t->number_of[found.sa]) : 0;
}

static bool drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct tx_side *t = self;
    struct side *s = &t->s;

    s->cycle++;
    SET(in, OUT_POP, GET(out, OUT_VALID));
    if (s->length == 0) {
        memset(s->frame, 0, sizeof s->frame);
        if (!side_next(s)) {
            return !*s->error;
        }
        t->shown = 0;
    }
    if (t->shown < beats_of(s)) {
        show_ahead(t, in);
        return true;
    }
    if (!GET(out, TX_ROOM)) {
        return true;
    }
    SET(in, TX_VALID, 1);
    SET(in, TX_LAST, s->beat + 1 == beats_of(s));
    SET(in, TX_HANDLE, handle_for(t));
    SET(in, TX_LENGTH, s->length);
    SET_BYTES(in, TX_BEAT, s->frame + (size_t)s->beat * BUS, BUS);
    if (++s->beat == beats_of(s)) {
        s->length = 0;
    }
    return true;
}

static void observe(void *self, const uint32_t *out, const uint32_t *in)
{
    struct tx_side *t = self;
    struct side *s = &t->s;

    if (block_pin(in, &in_pins[IN_OUT_POP])) {
        side_take(s, out, &out_pins[OUT_OUT_BEAT], (uint32_t)GET(out, OUT_BYTES),
                  GET(out, OUT_LAST));
    }
}

bool cosim_tx_side(struct cosim_side *side, const char *path, const char *out_path,
                   struct finder *finder, const uint32_t *number_of, uint32_t sas, char *error,
                   size_t error_size)
{
    struct tx_side *t = must(calloc(1, sizeof *t));

    t->finder = finder;
    t->number_of = number_of;
    t->sas = sas;
    *side = (struct cosim_side){ .self = t,
                                 .close = side_close,
                                 .set_sa = set_sa,
                                 .drive = drive,
                                 .observe = observe,
                                 .ended = side_ended,
                                 .error = side_error,
                                 .frames_in = side_frames_in,
                                 .frames_out = side_frames_out };
    return side_open(&t->s, path, out_path, error, error_size);
}
