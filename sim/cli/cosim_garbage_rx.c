/* Garbage for esp_rx, then ESP packets in order, each of which the host has to get. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_frames.h"
#include "cli/cosim_garbage.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"

#define PINS_FILE "nic/pins_esp_rx.def"
#include "cli/cosim_pins.h"

enum { BUS = 64 };

struct traffic {
    struct rng random;
    struct frames frames;
    struct garbage_frame frame;
    struct cosim_pace in_pace, out_pace;
    uint64_t cycle, garbage;
    uint64_t stall_from, stall_to; /* cycles in which the host takes nothing */
    uint32_t to_set;               /* SAs that are still to be set */
    uint32_t beat;                 /* of the frame that goes in */
    bool inside, waits;
    bool sound; /* the time of correct traffic has come */
    uint64_t sent, begun_popped, begun_ok, begun_framing;
    uint64_t popped, ok, framing, overflow, pushed, not_quiet;
    struct garbage_counts n;
};

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    const uint32_t sas = 1u << nic_solo_number(config, "SA_W");

    t->random = rng_stream(seed, 11);
    t->garbage = nic_solo_number(config, "GARBAGE");
    t->frame.limit = NIC_SOLO_LONGEST;
    frames_init(&t->frames, seed, sas, nic_solo_number(config, "WINDOW"));
    t->to_set = sas - 1;
    return t;
}

static void destroy(void *self)
{
    struct traffic *t = self;

    frames_free(&t->frames);
    free(t);
}

static void drive_sas(struct traffic *t, uint32_t *in)
{
    struct esp_node node;
    uint32_t number;

    if (t->cycle == t->garbage + COSIM_QUIET) { /* other SAs, with numbers that begin anew */
        t->sound = true;
        t->frames.sound = true;
        t->to_set = t->frames.sas - 1;
        t->begun_popped = t->popped;
        t->begun_ok = t->ok;
        t->begun_framing = t->framing;
    }
    if (t->to_set > 0) {
        number = t->frames.sas - t->to_set--;
        frames_new_peer(&t->frames, number);
        frames_node(&t->frames.peer[number], &node);
        cosim_sa_rx(in, number, &node);
    }
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static void sound_frame(struct traffic *t)
{
    struct garbage_frame *f = &t->frame;

    frames_next(&t->frames);
    memset(f->bytes, 0, f->limit);
    memcpy(f->bytes, t->frames.bytes, t->frames.length);
    f->length = t->frames.length;
    f->beats = (f->length + BUS - 1) / BUS;
    t->sent++;
}

/* Random bytes, or packets of the SAs, with lengths and ends that are theirs or not. */
static void make_garbage(struct traffic *t)
{
    struct garbage_frame *f = &t->frame;
    uint8_t seen[GARBAGE_BYTES];
    struct garbage_counts n;
    uint32_t contents;

    do {
        contents = garbage_contents(&t->random, f);
        if (rng_below(&t->random, 2)) {
            frames_next(&t->frames);
            contents = t->frames.length;
            memcpy(f->bytes, t->frames.bytes, contents);
        }
        n = t->n;
        garbage_misframe(&t->random, f, contents, &n);
    } while (frames_beyond_rtl(seen, garbage_seen(f, seen)));
    t->n = n;
}

static bool next_frame(struct traffic *t)
{
    if (t->sound ? t->to_set || t->sent == COSIM_SOUND : t->to_set || t->cycle >= t->garbage) {
        return false;
    }
    if (!cosim_pace(&t->in_pace, &t->random)) {
        return false;
    }
    if (t->sound) {
        sound_frame(t);
    } else {
        make_garbage(t);
    }
    return true;
}

/* A wire does not ask for room; a MAC with a buffer before it would. */
static bool finds_room(struct traffic *t, const uint32_t *out)
{
    const struct garbage_frame *f = &t->frame;
    const bool fits = f->length <= f->limit && GET(out, ROOM) * BUS >= f->length;

    return fits || (!t->sound && rng_below(&t->random, 64) == 0);
}

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const struct garbage_frame *f = &t->frame;
    uint8_t beat[BUS], seen[GARBAGE_BYTES];

    if (!t->inside) {
        t->waits = t->waits || next_frame(t);
        if (!t->waits || !finds_room(t, out)) {
            return;
        }
        t->waits = false;
        t->inside = true;
        t->beat = 0;
        t->pushed++;
        if (garbage_seen(f, seen)) {
            SET_BYTES(in, PUSH_FRAME, seen, f->limit);
        }
    }
    rng_bytes(&t->random, beat, BUS);
    if (t->beat < f->limit / BUS) {
        memcpy(beat, f->bytes + (size_t)t->beat * BUS, BUS);
    }
    t->beat++;
    t->inside = t->beat < f->beats;
    SET(in, PUSH, 1);
    SET(in, PUSH_LAST, !t->inside);
    SET(in, PUSH_LENGTH, t->beat == 1 || t->sound ? f->length : rng_below(&t->random, 65536));
    SET_BYTES(in, PUSH_BEAT, beat, BUS);
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const bool valid = GET(out, VALID);
    const bool quiet = t->cycle >= t->garbage && !t->sound;

    if (t->cycle >= t->stall_to) {
        t->stall_from = t->cycle + 2000 + rng_below(&t->random, 20000);
        t->stall_to = t->stall_from + rng_below(&t->random, 4000);
    }
    /* what has not come out by now never will */
    t->not_quiet += valid && t->cycle + 100 >= t->garbage + COSIM_QUIET && !t->sound;
    if (!valid || (!quiet && !t->sound && t->cycle >= t->stall_from) ||
        (!quiet && !cosim_pace(&t->out_pace, &t->random))) {
        return;
    }
    SET(in, POP, 1);
    t->popped += GET(out, LAST);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    t->ok = GET(out, COUNT_OK);
    t->framing = GET(out, COUNT_FRAMING);
    t->overflow = GET(out, COUNT_OVERFLOW);
    drive_sas(t, in);
    drive_out(t, out, in);
    drive_in(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "garbage: frames, in cycles", t->n.frames, t->garbage, 10 },
        { "of length 0", t->n.none, t->n.frames, 50 },
        { "of a length that no frame has", t->n.long_ones, t->n.frames, 50 },
        { "that end before their length does", t->n.early, t->n.frames, 50 },
        { "that go on behind their length", t->n.late, t->n.frames, 50 },
        { "counted as ill framed", t->begun_framing, t->n.frames, 200 },
        { "for which there was no room", t->overflow, t->n.frames, 1 },
        { "quiet behind it", t->not_quiet == 0, 1, 1000 },
        { "correct packets that the check accepted", t->ok - t->begun_ok, COSIM_SOUND, 1000 },
        { "correct packets that came out", t->popped - t->begun_popped, COSIM_SOUND, 1000 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_rx_garbage = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
