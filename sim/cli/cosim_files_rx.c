/* Frames of a capture into the receive side, as fast as it takes them. */
#define PINS_FILE "nic/pins_esp_rx.def"
#include "cli/cosim_pins.h"

#include "cli/cosim_side.h"

static void set_sa(void *self, uint32_t *in, uint32_t number, const struct esp_node *node)
{
    const struct side *s = self;
    const struct esp_sa *sa = &node->sa[0];
    bool gmac = sa->enc.alg == ESP_ALG_NULL || sa->enc.alg == ESP_ALG_NONE;
    const struct esp_key *key = gmac ? &sa->auth : &sa->enc;
    uint32_t size = key_size(key);
    uint8_t keys[COSIM_AES_KEYS], h[16], spi[4];

    cosim_aes_expand(key->bytes, 16 + 8 * size, keys, h);
    esp_put32(spi, sa->spi);
    SET(&s->pins, in, CFG_WE, 1);
    SET(&s->pins, in, CFG_SA, number);
    SET_BYTES(s, in, CFG_SPI, spi, 4);
    SET(&s->pins, in, CFG_V6, node->dst.family == 6);
    SET_BYTES(s, in, CFG_DST, node->dst.bytes, 16);
    SET(&s->pins, in, CFG_UDP, node->udp != ESP_UDP_NONE);
    SET(&s->pins, in, CFG_TUNNEL, node->mode == ESP_MODE_TUNNEL);
    SET(&s->pins, in, CFG_GMAC, gmac);
    SET(&s->pins, in, CFG_ROUNDS, size);
    SET(&s->pins, in, CFG_ICV, key->icv);
    SET_BYTES(s, in, CFG_SALT, key->bytes + 16 + 8 * size, 4);
    SET_BYTES(s, in, CFG_KEY, key->bytes, 16 + 8 * size);
    SET_BYTES(s, in, CFG_H, h, 16);
    SET_BYTES(s, in, CFG_KEYS, keys, COSIM_AES_KEYS);
    SET(&s->pins, in, CFG_ESN, sa->esn);
    SET(&s->pins, in, CFG_WINDOW, sa->replay_window);
    SET(&s->pins, in, CFG_TOP, sa->seq);
}

static bool drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct side *s = self;
    uint32_t left;

    s->cycle++;
    SET(&s->pins, in, POP, GET(&s->pins, out, VALID));
    if (s->length == 0 && !side_next(s)) {
        return !*s->error;
    }
    if (s->beat == 0 && GET(&s->pins, out, ROOM) * BUS < s->length) {
        return true; /* the receive buffer takes whole frames */
    }
    if (s->beat == 0) {
        SET_BYTES(s, in, PUSH_FRAME, s->frame, s->length);
    }
    left = s->length - s->beat * BUS;
    SET(&s->pins, in, PUSH, 1);
    SET(&s->pins, in, PUSH_LAST, left <= BUS);
    SET(&s->pins, in, PUSH_LENGTH, s->length);
    SET_BYTES(s, in, PUSH_BEAT, s->frame + (size_t)s->beat * BUS, left < BUS ? left : BUS);
    s->beat++;
    s->length = left <= BUS ? 0 : s->length;
    return true;
}

static void observe(void *self, const uint32_t *out, const uint32_t *in)
{
    struct side *s = self;
    uint32_t length = (uint32_t)GET(&s->pins, out, LENGTH);

    if (block_pin(in, &s->pins.in[INDEX_IN_POP])) {
        side_take(s, out, &s->pins.out[INDEX_OUT_BEAT],
                  length - s->have < BUS ? length - s->have : BUS, GET(&s->pins, out, LAST));
    }
}

bool cosim_rx_side(struct cosim_side *side, const char *path, const char *out_path, char *error,
                   size_t error_size)
{
    struct side *s = must(calloc(1, sizeof *s));

    *side = (struct cosim_side){ .self = s,
                                 .close = side_close,
                                 .set_sa = set_sa,
                                 .drive = drive,
                                 .observe = observe,
                                 .ended = side_ended,
                                 .error = side_error,
                                 .frames_in = side_frames_in,
                                 .frames_out = side_frames_out };
    return side_open(s, path, out_path, error, error_size);
}
