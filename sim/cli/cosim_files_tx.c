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
    bool *transport;           /* [number] */
    uint32_t handle;           /* for the frame that goes in */
    uint32_t shown;            /* beats of it that have been shown ahead */
};

/* Handles: never 0, the number in the low bits. */
static uint32_t handle_of(const struct tx_side *t, uint32_t number)
{
    return number ? number + t->sas : 0;
}

static void set_sa(void *self, uint32_t *in, uint32_t number, const struct esp_node *node)
{
    struct tx_side *t = self;

    t->transport[number] = node->mode == ESP_MODE_TRANSPORT;
    cosim_sa_tx(in, number, handle_of(t, number), true, node);
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

/* The number of the SA that the host would send it with, 0: none, or one that the RTL does not have. */
static uint32_t number_for(const struct tx_side *t, const uint8_t *frame, uint32_t length,
                           bool *wanted)
{
    struct finder_packet found = finder_send(t->finder, frame, length, length);

    *wanted = found.reason == FINDER_FOUND || found.reason == FINDER_SOFTWARE;
    return found.reason == FINDER_FOUND ? t->number_of[found.sa] : 0;
}

static bool is_tag(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == ESP_PROTO_HOP_BY_HOP || protocol == ESP_PROTO_ROUTING ||
           protocol == ESP_PROTO_DESTINATION || protocol == ESP_PROTO_MOBILITY;
}

/* Transport mode: IPv4 options that end beyond the first 64 bytes; IPv6 with more than one extension header, or with one
 * behind more than two tags (rtl_models/esp_tx_parse.sv). */
static bool hidden_headers(const uint8_t *frame, uint32_t length)
{
    uint32_t type = 12;
    const uint8_t *ip;

    while (type + 2 <= length && is_tag(esp_get16(frame + type))) {
        type += 4;
    }
    ip = frame + type + 2;
    if (length < type + 2 + ESP_IPV6_HEADER + 8) {
        return false;
    }
    if (esp_get16(frame + type) == ESP_ETHERTYPE_IPV4) {
        return type + 2 + (ip[0] & 15u) * 4 > BUS;
    }
    return esp_get16(frame + type) == ESP_ETHERTYPE_IPV6 && is_extension(ip[6]) &&
           (type > 12 + 8 || is_extension(ip[ESP_IPV6_HEADER]));
}

static bool beyond(const struct side *s, const uint8_t *frame, uint32_t length)
{
    const struct tx_side *t = (const struct tx_side *)s;
    bool wanted;

    return t->transport[number_for(t, frame, length, &wanted)] && hidden_headers(frame, length);
}

/* The next frame, with its handle. */
static bool next(struct tx_side *t)
{
    struct side *s = &t->s;
    uint32_t number;
    bool wanted;

    memset(s->frame, 0, sizeof s->frame);
    if (!side_next(s)) {
        return false;
    }
    number = number_for(t, s->frame, s->length, &wanted);
    s->n.without_sa += wanted && !number;
    t->handle = handle_of(t, number);
    t->shown = 0;
    return true;
}

static bool drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct tx_side *t = self;
    struct side *s = &t->s;

    s->cycle++;
    SET(in, OUT_POP, GET(out, OUT_VALID));
    if (s->length == 0 && !next(t)) {
        return !*s->error;
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
    SET(in, TX_HANDLE, t->handle);
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

    s->n.with_sa = GET(out, COUNT_PROTECTED);
    if (block_pin(in, &in_pins[IN_OUT_POP])) {
        side_take(s, out, &out_pins[OUT_OUT_BEAT], (uint32_t)GET(out, OUT_BYTES),
                  GET(out, OUT_LAST));
    }
}

static void close_tx(void *self)
{
    struct tx_side *t = self;

    free(t->transport);
    side_close(t);
}

bool cosim_tx_side(struct cosim_side *side, const char *path, const char *out_path,
                   struct finder *finder, const uint32_t *number_of, uint32_t sas, char *error,
                   size_t error_size)
{
    struct tx_side *t = must(calloc(1, sizeof *t));

    t->finder = finder;
    t->number_of = number_of;
    t->sas = sas;
    t->transport = must(calloc(sas, sizeof *t->transport));
    t->s.beyond = beyond;
    *side = (struct cosim_side){ .self = t,
                                 .close = close_tx,
                                 .finish = side_finish,
                                 .set_sa = set_sa,
                                 .drive = drive,
                                 .observe = observe,
                                 .ended = side_ended,
                                 .error = side_error,
                                 .counts = side_counts };
    return side_open(&t->s, path, out_path, error, error_size);
}
