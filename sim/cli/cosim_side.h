/* For cosim_files_rx.c and cosim_files_tx.c: a capture in, a capture out, and pins of many bytes. Include it behind
 * cosim_pins.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_files.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"
#include "esp/packet.h"
#include "nic/solo.h"
#include "traces/capture.h"

enum { BUS = 64, LONGEST = NIC_SOLO_LONGEST, CYCLE_NS = 1 };

/* What both sides have: files, the frame that goes in, the one that comes out. */
struct side {
    struct capture *capture;
    struct capture_writer *writer;
    bool ended;
    char error[CAPTURE_ERROR_SIZE];
    uint8_t frame[LONGEST]; /* that goes in */
    uint32_t length, beat;  /* of it; length 0: none */
    uint8_t back[LONGEST + BUS];
    uint32_t have; /* bytes of the frame that comes out */
    uint64_t cycle;
    struct cosim_side_counts n;
    /* Is this a frame with headers that the RTL cannot follow? */
    bool (*beyond)(const struct side *s, const uint8_t *frame, uint32_t length);
};

static bool side_open(struct side *s, const char *path, const char *out_path, char *error,
                      size_t error_size)
{
    s->ended = path == NULL;
    if (path && !(s->capture = capture_open(path, NULL, error, error_size))) {
        return false;
    }
    return !out_path || (s->writer = capture_writer_open(out_path, error, error_size)) != NULL;
}

static bool side_finish(void *self, char *error, size_t error_size)
{
    struct side *s = self;
    struct capture_writer *writer = s->writer;

    s->writer = NULL;
    return !writer || capture_writer_close(writer, error, error_size);
}

static void side_close(void *self)
{
    struct side *s = self;
    char error[CAPTURE_ERROR_SIZE];

    capture_close(s->capture);
    side_finish(s, error, sizeof error);
    free(s);
}

/* Is it one that goes in? If not, it is counted. */
static bool side_takes(struct side *s, const struct capture_packet *p)
{
    bool cut = p->captured < p->length || p->length == 0;
    bool too_long = !cut && p->length > LONGEST;
    bool beyond = !cut && !too_long && s->beyond(s, p->bytes, p->length);

    s->n.cut += cut;
    s->n.too_long += too_long;
    s->n.beyond += beyond;
    return !cut && !too_long && !beyond;
}

/* The next frame that the RTL can take goes into s->frame. False: there is none, or the file is damaged. */
static bool side_next(struct side *s)
{
    struct capture_packet p;

    while (!s->ended) {
        enum capture_result result = capture_next(s->capture, &p);

        if (result != CAPTURE_OK) {
            s->ended = true;
            if (result == CAPTURE_BROKEN) {
                snprintf(s->error, sizeof s->error, "%s", capture_error(s->capture));
            }
            return false;
        }
        if (side_takes(s, &p)) {
            memcpy(s->frame, p.bytes, p.length);
            s->length = p.length;
            s->beat = 0;
            s->n.in++;
            return true;
        }
    }
    return false;
}

/* A beat of a frame that comes out. */
static void side_take(struct side *s, const uint32_t *out, const struct block_pin *beat,
                      uint32_t bytes, bool last)
{
    const uint32_t room = (uint32_t)sizeof s->back - s->have;

    bytes = bytes < room ? bytes : room;
    block_get_bytes(out, beat, s->back + s->have, bytes);
    s->have += bytes;
    if (last) {
        s->n.out++;
        if (s->writer) {
            capture_write(s->writer, s->cycle * CYCLE_NS, s->back, s->have, s->have);
        }
        s->have = 0;
    }
}

static bool side_ended(const void *self)
{
    const struct side *s = self;

    return s->ended && s->length == 0;
}

static const char *side_error(const void *self)
{
    const struct side *s = self;

    return *s->error ? s->error : NULL;
}

static const struct cosim_side_counts *side_counts(const void *self)
{
    return &((const struct side *)self)->n;
}
