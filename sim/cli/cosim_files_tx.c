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
    const struct tx_side *t = self;
    const struct side *s = &t->s;
    const struct esp_sa *sa = &node->sa[0];
    uint32_t size = key_size(&sa->enc);
    uint8_t keys[COSIM_AES_KEYS], h[16];

    cosim_aes_expand(sa->enc.bytes, 16 + 8 * size, keys, h);
    SET(&s->pins, in, CFG_WE, 1);
    SET(&s->pins, in, CFG_SA, number);
    SET(&s->pins, in, CFG_LIVE, 1);
    SET(&s->pins, in, CFG_HANDLE, handle_of(t, number));
    SET(&s->pins, in, CFG_TRANSPORT, node->mode == ESP_MODE_TRANSPORT);
    SET(&s->pins, in, CFG_V6, node->dst.family == 6);
    SET(&s->pins, in, CFG_ESN, sa->esn);
    SET(&s->pins, in, CFG_ICV, sa->enc.icv);
    SET(&s->pins, in, CFG_NEXT, sa->seq);
    SET(&s->pins, in, CFG_SPI, sa->spi);
    SET_BYTES(s, in, CFG_SRC, node->src.bytes, 16);
    SET_BYTES(s, in, CFG_DST, node->dst.bytes, 16);
    SET(&s->pins, in, CFG_ROUNDS, size);
    SET_BYTES(s, in, CFG_KEY, sa->enc.bytes, 16 + 8 * size);
    SET_BYTES(s, in, CFG_SALT, sa->enc.bytes + 16 + 8 * size, 4);
    SET_BYTES(s, in, CFG_H, h, 16);
    SET_BYTES(s, in, CFG_KEYS, keys, COSIM_AES_KEYS);
}

static uint32_t beats_of(const struct side *s)
{
    return (s->length + BUS - 1) / BUS;
}

/* C wants all of a frame before its first beat. */
static void show_ahead(struct tx_side *t, uint32_t *in)
{
    const struct side *s = &t->s;

    SET(&s->pins, in, AHEAD_VALID, 1);
    SET(&s->pins, in, AHEAD_LAST, t->shown + 1 == beats_of(s));
    SET_BYTES(s, in, AHEAD_BEAT, s->frame + (size_t)t->shown * BUS, BUS);
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
    SET(&s->pins, in, OUT_POP, GET(&s->pins, out, OUT_VALID));
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
    if (!GET(&s->pins, out, TX_ROOM)) {
        return true;
    }
    SET(&s->pins, in, TX_VALID, 1);
    SET(&s->pins, in, TX_LAST, s->beat + 1 == beats_of(s));
    SET(&s->pins, in, TX_HANDLE, handle_for(t));
    SET(&s->pins, in, TX_LENGTH, s->length);
    SET_BYTES(s, in, TX_BEAT, s->frame + (size_t)s->beat * BUS, BUS);
    if (++s->beat == beats_of(s)) {
        s->length = 0;
    }
    return true;
}

static void observe(void *self, const uint32_t *out, const uint32_t *in)
{
    struct tx_side *t = self;
    struct side *s = &t->s;

    if (block_pin(in, &s->pins.in[INDEX_IN_OUT_POP])) {
        side_take(s, out, &s->pins.out[INDEX_OUT_OUT_BEAT], (uint32_t)GET(&s->pins, out, OUT_BYTES),
                  GET(&s->pins, out, OUT_LAST));
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
