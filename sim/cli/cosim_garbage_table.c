/* Garbage for sa_table: reserved commands, handles of nobody, stale ones, keys of any kind, references given back that nobody has.
 * Then the driver deletes what has come into the table, fills it anew, and every packet to one of its SAs has to find it. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_garbage.h"
#include "engine/must.h"

#define PINS_FILE "nic/pins_sa_table.def"
#include "cli/cosim_pins.h"

enum { MAX_IDS = 4096, MAX_SOUND = 24, TAGS = 256, PACKETS = COSIM_SOUND };
enum { OP_INSERT, OP_UPDATE, OP_DELETE, OP_READ };
enum { ST_OK = 0, ST_STALE = 4, ST_RESERVED = 7 };

struct key {
    uint32_t spi;
    bool ah, v6;
    uint64_t low, high; /* destination */
};

struct sound {
    struct key key;
    uint64_t handle;
};

struct traffic {
    struct rng random;
    uint32_t entries, sounds;
    uint64_t cycle, garbage;
    struct cosim_pace in_pace, out_pace, order_pace, answer_pace;
    /* the packet that goes in */
    uint32_t beats, beat, number;
    struct key key;
    bool bypass, inner; /* inner: the item that leaves has begun */
    /* the driver: of each entry the handle that it has, 0: none */
    uint64_t handle[MAX_IDS];
    struct {
        bool under_way;
        uint8_t op;
        uint64_t handle;
    } command[TAGS];
    uint32_t under_way;
    enum { GARBAGE, CLEAR, FILL, LOOK, EMPTY, DONE } phase;
    uint32_t at; /* entry, or SA, that is next */
    struct sound sound[MAX_SOUND];
    uint32_t expected[PACKETS]; /* by packet, which SA */
    uint32_t sent, found;
    struct {
        uint64_t commands, reserved, stale, inserted, packets, releases, added, right, emptied;
    } n;
};

static uint64_t below(struct traffic *t, uint64_t n)
{
    return rng_below(&t->random, n);
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    uint32_t slots = nic_solo_number(config, "MEMORIES") * nic_solo_number(config, "BUCKETS") *
                     nic_solo_number(config, "WAYS");

    t->random = rng_stream(seed, 14);
    t->garbage = nic_solo_number(config, "GARBAGE");
    t->entries = nic_solo_number(config, "ENTRIES");
    /* so few that each is sure to find a slot */
    t->sounds = (t->entries < slots ? t->entries : slots) / 8;
    t->sounds = t->sounds < 1 ? 1 : t->sounds > MAX_SOUND ? MAX_SOUND : t->sounds;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

static void make_key(struct traffic *t, struct key *k)
{
    *k = (struct key){ .spi = (uint32_t)(below(t, 2) ? below(t, 2u * t->entries)
                                                     : rng_next(&t->random)),
                       .ah = below(t, 2),
                       .v6 = below(t, 2) };
    if (below(t, 4)) {
        k->low = below(t, 2) ? below(t, 4) : rng_next(&t->random);
        k->high = k->v6 && below(t, 2) ? rng_next(&t->random) : 0;
        k->low = k->v6 ? k->low : (uint32_t)k->low;
    }
}

/* ---- packets --------------------------------------------------------------------------------------------- */

static bool next_packet(struct traffic *t)
{
    uint32_t sa;

    if (!cosim_pace(&t->in_pace, &t->random)) {
        return false;
    }
    if (t->phase == GARBAGE) {
        make_key(t, &t->key);
        t->bypass = below(t, 4) == 0;
    } else if (t->phase == LOOK && t->sent < PACKETS) {
        sa = (uint32_t)below(t, t->sounds);
        t->key = t->sound[sa].key;
        t->bypass = false;
        t->expected[t->sent++] = sa;
    } else {
        return false;
    }
    t->beats = 1 + (uint32_t)below(t, 4);
    t->beat = 0;
    t->number++;
    t->n.packets++;
    return true;
}

static void drive_packets(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    if ((!t->beats && !next_packet(t)) || !GET(out, PKT_ROOM)) {
        return;
    }
    SET(in, PKT_VALID, 1);
    SET(in, PKT_LAST, t->beat + 1 == t->beats);
    SET(in, PKT_BEATS, t->beats);
    SET(in, PKT_BYPASS, t->bypass);
    SET(in, PKT_SPI, t->key.spi);
    SET(in, PKT_DST_LOW, t->key.low);
    SET(in, PKT_DST_HIGH, t->key.high);
    SET(in, PKT_AH, t->key.ah);
    SET(in, PKT_V6, t->key.v6);
    SET(in, PKT_TAG, t->number & 0xff);
    SET(in, PKT_DATA, (t->number << 4 & 0xfff0) | t->beat);
    if (++t->beat == t->beats) {
        t->beats = 0;
    }
}

static void drive_found(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    if (!GET(out, FOUND_VALID) || (t->phase == GARBAGE && !cosim_pace(&t->out_pace, &t->random))) {
        return;
    }
    SET(in, FOUND_POP, 1);
    if (!t->inner && t->phase == LOOK && t->found < t->sent) {
        const struct sound *s = &t->sound[t->expected[t->found++]];

        t->n.right += GET(out, FOUND_HIT) && GET(out, FOUND_ENTRY) == (uint32_t)s->handle;
    }
    t->inner = !GET(out, FOUND_LAST);
}

/* References of anybody; when the garbage is over, of all entries in turn, until no packet holds one. */
static void drive_releases(struct traffic *t, uint32_t *in)
{
    if (t->phase == GARBAGE && below(t, 3)) {
        return;
    }
    SET(in, REL_VALID, 1);
    SET(in, REL_ENTRY,
        t->phase == GARBAGE ? below(t, t->entries + 1u) : t->cycle % (t->entries + 1u));
    t->n.releases++;
}

/* ---- commands -------------------------------------------------------------------------------------------- */

static uint64_t any_handle(struct traffic *t)
{
    const uint32_t id = (uint32_t)below(t, t->entries + 1u);

    switch (below(t, 8)) {
    case 0: return rng_next(&t->random);
    case 1: return (uint32_t)rng_next(&t->random);
    case 2: return t->handle[id] ^ UINT64_C(1) << below(t, 64);
    case 3: return (below(t, 4) << 32) + id;
    case 4: return 0;
    default: return t->handle[id];
    }
}

/* What the driver asks for next: op, key, handle. False: nothing. */
static bool next_command(struct traffic *t, uint8_t *op, struct key *key, uint64_t *handle)
{
    *handle = 0;
    switch (t->phase) {
    case GARBAGE:
        *op = (uint8_t)below(t, 8);
        make_key(t, key);
        *handle = any_handle(t);
        return true;
    case CLEAR:
        for (; t->at <= t->entries; t->at++) {
            if (t->handle[t->at]) {
                *op = OP_DELETE;
                *handle = t->handle[t->at++];
                return true;
            }
        }
        return false;
    case FILL:
        *op = OP_INSERT;
        *key = (struct key){ .spi = 0x1000 + t->at, .low = 0x0a000001 + t->at };
        t->sound[t->at % MAX_SOUND].key = *key;
        return t->at++ < t->sounds;
    case EMPTY:
        *op = OP_DELETE;
        *handle = t->sound[t->at % MAX_SOUND].handle;
        return t->at++ < t->sounds;
    case LOOK:
    case DONE: break;
    }
    return false;
}

static void drive_commands(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct key key = { 0 };
    uint64_t handle;
    uint8_t op = 0;
    const uint8_t tag = (uint8_t)rng_next(&t->random);

    /* in the garbage nobody waits for room to speak, and says another thing in each cycle */
    if (!cosim_pace(&t->order_pace, &t->random) || t->command[tag].under_way ||
        (t->phase != GARBAGE && (!GET(out, CMD_READY) || t->under_way)) ||
        !next_command(t, &op, &key, &handle)) {
        return;
    }
    SET(in, CMD_VALID, 1);
    SET(in, CMD_OP, op);
    SET(in, CMD_TAG, tag);
    SET(in, CMD_HANDLE, handle);
    SET(in, CMD_SPI, key.spi);
    SET(in, CMD_AH, key.ah);
    SET(in, CMD_DST_LOW, key.low);
    SET(in, CMD_DST_HIGH, key.high);
    SET(in, CMD_V6, key.v6);
    SET(in, CMD_ESN, below(t, 2));
    SET(in, CMD_VALUE, rng_next(&t->random) & UINT32_MAX);
    if (GET(out, CMD_READY)) {
        t->command[tag].under_way = true;
        t->command[tag].op = op;
        t->command[tag].handle = handle;
        t->under_way++;
        t->n.commands++;
    }
}

static void note_answer(struct traffic *t, const uint32_t *out)
{
    const uint32_t tag = (uint32_t)GET(out, RSP_TAG);
    const uint32_t status = (uint32_t)GET(out, RSP_STATUS);
    const uint64_t handle = GET(out, RSP_HANDLE);

    t->command[tag].under_way = false;
    t->under_way--;
    t->n.reserved += status == ST_RESERVED;
    t->n.stale += status == ST_STALE;
    if (status != ST_OK) {
        return;
    }
    if (t->command[tag].op == OP_INSERT) {
        t->handle[(uint32_t)handle % MAX_IDS] = handle;
        t->n.inserted += t->phase == GARBAGE;
        if (t->phase == FILL) {
            t->sound[(t->at - 1) % MAX_SOUND].handle = handle;
            t->n.added++;
        }
    } else if (t->command[tag].op == OP_DELETE) {
        t->n.emptied += t->phase == EMPTY;
        if (t->handle[(uint32_t)handle % MAX_IDS] == handle) {
            t->handle[(uint32_t)handle % MAX_IDS] = 0;
        }
    }
}

static void drive_answers(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    if (t->phase == GARBAGE && !cosim_pace(&t->answer_pace, &t->random)) {
        return;
    }
    SET(in, RSP_READY, 1);
    if (GET(out, RSP_VALID)) {
        note_answer(t, out);
    }
}

/* One phase ends when all has been asked and answered. */
static void next_phase(struct traffic *t)
{
    const bool asked = t->phase == GARBAGE ? t->cycle == t->garbage
                       : t->phase == CLEAR ? t->at > t->entries && t->under_way == 0 &&
                                                 t->cycle >= t->garbage + COSIM_QUIET
                       : t->phase == LOOK ? t->found == PACKETS
                                          : t->at >= t->sounds && t->under_way == 0;

    if (asked && t->phase != DONE) {
        t->phase++;
        t->at = t->phase == CLEAR ? 1 : 0;
    }
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    drive_answers(t, out, in);
    next_phase(t);
    drive_commands(t, out, in);
    drive_releases(t, in);
    drive_found(t, out, in);
    drive_packets(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "garbage: packets, in cycles", t->n.packets, t->garbage, 50 },
        { "commands", t->n.commands, t->garbage, 10 },
        { "reserved ones", t->n.reserved, t->n.commands, 200 },
        { "stale handles", t->n.stale, t->n.commands, 100 },
        { "INSERTs that the table took", t->n.inserted, t->n.commands, 1 },
        { "references given back by anybody", t->n.releases, t->garbage, 200 },
        { "correct INSERTs that the table took", t->n.added, t->sounds, 1000 },
        { "packets that found their SA", t->n.right, PACKETS, 1000 },
        { "SAs that could be deleted", t->n.emptied, t->sounds, 1000 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_table_garbage = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
