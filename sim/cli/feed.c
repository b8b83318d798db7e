#include "cli/feed.h"

#include <stdio.h>
#include <string.h>

#include "cli/synthesis.h"

bool feed_earliest(const struct inputs *inputs, const char *path, const char *filter,
                   uint64_t *earliest, bool *any, char *error, size_t error_size)
{
    uint64_t t;

    if (!path[0]) {
        return true;
    }
    switch (inputs_earliest(inputs, path, filter, &t, error, error_size)) {
    case CAPTURE_BROKEN: return false;
    case CAPTURE_END: return true;
    case CAPTURE_OK: break;
    }
    if (!*any || t < *earliest) {
        *earliest = t;
    }
    *any = true;
    return true;
}

static struct pace pace_of(const struct offer *offer, uint64_t origin_ns)
{
    switch (offer->kind) {
    case OFFER_SCALED: /* twice the speed is half the time */
        return pace_scaled(origin_ns, offer->denominator, offer->numerator);
    case OFFER_RATE: return pace_rate(offer->bps);
    case OFFER_RECORDED:
    case OFFER_MAX: break;
    }
    return pace_recorded(origin_ns);
}

bool feed_open(struct feed *f, const struct inputs *inputs, const char *path, const char *filter,
               const struct workload_config *w, uint64_t origin_ns, char *error, size_t error_size)
{
    struct offer pace;
    struct offer load;

    memset(f, 0, sizeof *f);
    if (!path[0]) {
        return true;
    }
    if (!offer_parse(w->pace, &pace, error, error_size) ||
        !offer_parse(w->load, &load, error, error_size)) {
        return false;
    }
    f->pace = pace_of(load.kind == OFFER_RECORDED ? &pace : &load, origin_ns);
    f->closed = load.kind == OFFER_MAX;
    f->loops_left = w->loop - 1;
    f->capture = packet_reader_open(inputs, path, filter, error, error_size);
    return f->capture && feed_next(f, error, error_size);
}

void feed_close(struct feed *f)
{
    packet_reader_close(f->capture);
    f->capture = NULL;
}

static bool start_again(struct feed *f, char *error, size_t error_size)
{
    f->shift_ns += pace_loop_period(f->first_ns, f->last_ns, f->packets);
    f->loops_left--;
    f->packets = 0;
    if (!packet_reader_rewind(f->capture)) {
        snprintf(error, error_size, "%s", packet_reader_error(f->capture));
        return false;
    }
    return true;
}

void feed_synthesise(struct feed *f, struct synthesis *synthesis, unsigned port)
{
    memset(f, 0, sizeof *f);
    f->synthesis = synthesis;
    f->port = port;
    f->have = true;
    synthesis_next(synthesis, port, &f->packet, &f->time, &f->tag);
}

bool feed_next(struct feed *f, char *error, size_t error_size)
{
    if (f->synthesis) {
        synthesis_next(f->synthesis, f->port, &f->packet, &f->time, &f->tag);
        return true;
    }
    for (;;) {
        switch (packet_reader_next(f->capture, &f->packet)) {
        case CAPTURE_OK:
            if (!f->packets++) {
                f->first_ns = f->packet.time_ns;
            }
            f->last_ns = f->packet.time_ns;
            f->have = true;
            if (!f->closed) {
                f->time = pace_picoseconds(
                    pace_next(&f->pace, f->packet.time_ns + f->shift_ns, f->packet.length));
            }
            return true;
        case CAPTURE_END:
            f->have = false;
            if (!f->loops_left || !f->packets) {
                return true;
            }
            if (!start_again(f, error, error_size)) {
                return false;
            }
            break;
        case CAPTURE_BROKEN:
            f->have = false;
            snprintf(error, error_size, "%s", packet_reader_error(f->capture));
            return false;
        }
    }
}
