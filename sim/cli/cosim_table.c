/* Random traffic for sa_table: a table that is filled until it and its buckets are full and emptied again, with packets
 * that hit, miss and find entries of any destination, while packets that are elsewhere in the card still hold entries
 * that are deleted; and what no driver should send: reserved commands, old and invented handles, releases of nobody. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "engine/must.h"
#include "engine/rng.h"

#define PINS_FILE "nic/pins_sa_table.def"
#include "cli/cosim_pins.h"

enum {
    MAX_KEYS = 8192,
    MAX_IDS = 4096,
    MAX_HELD = 1024,
    MAX_BEATS = 4,
    TAGS = 256,
    GRAVES = 64,
    OPS = 8,
    STATUSES = 8
};
enum op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_READ };
enum status {
    ST_OK,
    ST_FULL,
    ST_NO_SLOT,
    ST_DUPLICATE,
    ST_STALE,
    ST_MISMATCH,
    ST_NO_ESN,
    ST_RESERVED
};
enum key_state { KEY_OUT, KEY_COMING, KEY_IN, KEY_GOING };

struct key {
    uint32_t spi;
    bool ah, v6;
    uint64_t low, high; /* destination */
    uint8_t state;      /* enum key_state, as the driver knows it */
    uint64_t handle;
};

struct packet {
    uint32_t beats, beat, number;
    bool active, bypass;
    struct key key;
    uint8_t tag;
};

struct order { /* a command */
    bool active;
    uint8_t op, tag;
    uint32_t key; /* that it is for; MAX_KEYS: none */
    struct key pins;
    bool esn;
    uint32_t value;
};

struct held {
    uint32_t id;
    uint64_t until;
};

struct traffic {
    bool slow; /* look-ups, so that few packets hold an SA */
    struct rng random;
    struct key key[MAX_KEYS];
    uint32_t keys, any_keys; /* the first ones have destination "any" */
    uint32_t entries, slots;
    struct packet packet;
    struct order order;
    struct order under_way[TAGS]; /* by tag; `active`: not answered yet */
    uint32_t last_key;
    uint64_t grave[GRAVES]; /* handles that once were good */
    uint32_t graves;
    struct held held[MAX_HELD];
    uint32_t helds;
    uint32_t holds[MAX_IDS];
    bool inner;          /* the item that leaves has begun */
    uint32_t phase_left; /* commands */
    bool fills, any_phase;
    struct cosim_pace in_pace, out_pace, order_pace, answer_pace, release_pace;
    uint64_t cycle;
    struct {
        uint64_t no_room, kept, order_waits, answer_waits, items, bypass, hits, misses, any_hits,
            any_misses;
        uint64_t commands, op[OPS], status[STATUSES], held_deletes, nobody, releases;
    } n;
};

static uint64_t below(struct traffic *t, uint64_t n)
{
    return rng_below(&t->random, n);
}

/* Few SPIs and few destinations, so that keys differ in one part only. */
static void make_key(struct traffic *t, struct key *k, bool any)
{
    *k = (struct key){ .spi = 256 + (uint32_t)below(t, 3u * t->entries + 8),
                       .ah = below(t, 4) == 0,
                       .v6 = below(t, 2) };
    if (below(t, 8) == 0) {
        k->spi = (uint32_t)rng_next(&t->random);
    }
    if (any) {
        return;
    }
    k->low = below(t, 2) ? 0x0a000001 + below(t, 4) : rng_next(&t->random);
    if (k->v6) {
        k->high = below(t, 2) ? UINT64_C(0xfd00000000000000) + below(t, 4) : rng_next(&t->random);
    } else {
        k->low = (uint32_t)k->low ? (uint32_t)k->low : 1;
    }
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));

    t->random = rng_stream(seed, 2);
    t->entries = nic_solo_number(config, "ENTRIES");
    t->slow = nic_solo_number(config, "OVERHEAD") > 2;
    t->slots = nic_solo_number(config, "MEMORIES") * nic_solo_number(config, "BUCKETS") *
                   nic_solo_number(config, "WAYS") +
               nic_solo_number(config, "STASH");
    t->keys = 3 * t->entries + 8;
    t->keys = t->keys > MAX_KEYS ? MAX_KEYS : t->keys;
    t->any_keys = 2 + t->keys / 32;
    for (uint32_t i = 0; i < t->keys; i++) {
        make_key(t, &t->key[i], i < t->any_keys);
    }
    t->fills = t->any_phase = true;
    t->phase_left = 2 * t->entries;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* A key in this state, if a few tries find one; else any. */
static uint32_t pick_key(struct traffic *t, enum key_state state)
{
    uint32_t at = 0;

    for (unsigned tries = 0; tries < 24; tries++) {
        at = (uint32_t)below(t, t->keys);
        if (t->key[at].state == state && (at >= t->any_keys || t->any_phase || state != KEY_OUT)) {
            return at;
        }
    }
    return at;
}

/* One of those of any destination, likewise. */
static uint32_t pick_any_key(struct traffic *t, enum key_state state)
{
    uint32_t at = 0;

    for (unsigned tries = 0; tries < 8; tries++) {
        at = (uint32_t)below(t, t->any_keys);
        if (t->key[at].state == state) {
            break;
        }
    }
    return at;
}

/* ---- packets ------------------------------------------------------------------------------------------- */

/* For nobody in particular: another SPI, protocol, version or destination than an SA has. */
static void disturb(struct traffic *t, struct key *k)
{
    switch (below(t, 5)) {
    case 0: k->spi ^= 1u << below(t, 32); break;
    case 1: k->ah = !k->ah; break;
    case 2: k->low ^= 1u << below(t, 32); break;
    case 3:
        k->v6 = !k->v6;
        k->high = 0;
        k->low = (uint32_t)k->low;
        break;
    default: make_key(t, k, false); break;
    }
}

/* To an SA of any destination: with one. */
static void aim(struct traffic *t, struct key *k)
{
    if (k->low == 0 && k->high == 0 && below(t, 8)) {
        k->low = (uint32_t)rng_next(&t->random);
        k->high = k->v6 ? rng_next(&t->random) : 0;
    }
}

static void begin_packet(struct traffic *t)
{
    struct packet *p = &t->packet;

    *p = (struct packet){ .active = true,
                          .number = p->number + 1,
                          .tag = (uint8_t)rng_next(&t->random) };
    p->beats = below(t, 2) ? 1 : 1 + (uint32_t)below(t, MAX_BEATS);
    p->bypass = below(t, 12) == 0;
    if (below(t, 2)) {
        t->last_key = below(t, 8) == 0 && t->any_phase ? pick_any_key(t, KEY_IN)
                      : below(t, 8)                    ? pick_key(t, KEY_IN)
                                                       : (uint32_t)below(t, t->keys);
    }
    p->key = t->key[t->last_key];
    aim(t, &p->key);
    if (below(t, 8) == 0) {
        disturb(t, &p->key);
    }
    t->n.items++;
    t->n.bypass += p->bypass;
}

static void drive_packets(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct packet *p = &t->packet;
    bool last;

    if (!p->active && cosim_pace(&t->in_pace, &t->random)) {
        begin_packet(t);
    }
    t->n.no_room += p->active && !GET(out, PKT_ROOM);
    if (!p->active || !GET(out, PKT_ROOM) || (p->beat && below(t, 12) == 0)) {
        return;
    }
    last = p->beat + 1 == p->beats;
    SET(in, PKT_VALID, 1);
    SET(in, PKT_LAST, last);
    SET(in, PKT_BEATS, p->beats);
    SET(in, PKT_BYPASS, p->bypass);
    SET(in, PKT_SPI, p->key.spi);
    SET(in, PKT_DST_LOW, p->key.low);
    SET(in, PKT_DST_HIGH, p->key.high);
    SET(in, PKT_AH, p->key.ah);
    SET(in, PKT_V6, p->key.v6);
    SET(in, PKT_TAG, p->tag);
    SET(in, PKT_DATA, (p->number << 4 & 0xfff0) | p->beat);
    p->beat++;
    p->active = !last;
}

static void hold(struct traffic *t, uint32_t id)
{
    t->held[t->helds++] =
        (struct held){ .id = id,
                       .until = t->cycle + (below(t, 12) ? below(t, 60) : below(t, 1500)) };
    t->holds[id]++;
}

static void note_found(struct traffic *t, const uint32_t *out)
{
    uint32_t probes = (uint32_t)GET(out, FOUND_PROBES);
    bool hit = GET(out, FOUND_HIT);

    t->n.hits += hit && probes == 1;
    t->n.any_hits += hit && probes == 2;
    t->n.misses += !hit && probes == 1;
    t->n.any_misses += !hit && probes == 2;
    if (hit) {
        hold(t, (uint32_t)GET(out, FOUND_ENTRY));
    }
}

static void drive_found(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, FOUND_VALID);

    if (!valid || t->helds == MAX_HELD || !cosim_pace(&t->out_pace, &t->random)) {
        t->n.kept += valid;
        return;
    }
    SET(in, FOUND_POP, 1);
    if (!t->inner) {
        note_found(t, out);
    }
    t->inner = !GET(out, FOUND_LAST);
}

/* A packet lets go, or somebody who never held anything. */
static void drive_releases(struct traffic *t, uint32_t *in)
{
    uint32_t at = t->helds ? (uint32_t)below(t, t->helds) : 0;
    uint32_t id;

    if (below(t, 40) == 0) {
        id = (uint32_t)below(t, t->entries + 1);
        if (t->holds[id] == 0) {
            SET(in, REL_VALID, 1);
            SET(in, REL_ENTRY, id);
            t->n.nobody++;
        }
        return;
    }
    if (!t->helds || (t->held[at].until > t->cycle && t->helds < MAX_HELD - 64) ||
        !cosim_pace(&t->release_pace, &t->random)) {
        return;
    }
    id = t->held[at].id;
    SET(in, REL_VALID, 1);
    SET(in, REL_ENTRY, id);
    t->holds[id]--;
    t->held[at] = t->held[--t->helds];
    t->n.releases++;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static enum op pick_op(struct traffic *t)
{
    uint64_t dice = below(t, 100);

    if (t->phase_left-- == 0) {
        t->fills = !t->fills;
        t->phase_left = t->entries + (uint32_t)below(t, 2u * t->entries);
        t->any_phase = below(t, 3) != 0;
    }
    if (dice < 12) {
        return OP_UPDATE;
    }
    if (dice < 24) {
        return OP_READ;
    }
    if (dice < 28) {
        return (enum op)(4 + below(t, 4)); /* reserved */
    }
    return (dice < 88) == t->fills ? OP_INSERT : OP_DELETE;
}

/* Mostly the handle of a live entry. */
static uint64_t pick_handle(struct traffic *t, uint32_t *key)
{
    uint32_t at = !t->any_phase && below(t, 4) == 0 ? pick_any_key(t, KEY_IN) : pick_key(t, KEY_IN);
    uint64_t dice = below(t, 16);

    *key = MAX_KEYS;
    if (dice == 0) {
        return t->grave[below(t, GRAVES)];
    }
    if (dice == 1) {
        return rng_next(&t->random);
    }
    if (dice == 2) {
        return t->key[at].handle ^ UINT64_C(1) << below(t, 64);
    }
    *key = at;
    return t->key[at].handle;
}

static bool begin_order(struct traffic *t)
{
    struct order *o = &t->order;
    uint8_t tag = (uint8_t)rng_next(&t->random);

    if (t->under_way[tag].active) {
        return false;
    }
    *o = (struct order){ .active = true, .tag = tag, .op = (uint8_t)pick_op(t), .key = MAX_KEYS };
    o->value = (uint32_t)rng_next(&t->random);
    o->esn = below(t, 4) != 0;
    if (o->op == OP_INSERT) {
        o->key = t->any_phase && below(t, 8) == 0 ? pick_any_key(t, KEY_OUT)
                                                  : pick_key(t, below(t, 16) ? KEY_OUT : KEY_IN);
        o->pins = t->key[o->key];
    } else {
        uint64_t handle = pick_handle(t, &o->key);

        o->pins = t->key[o->key < MAX_KEYS ? o->key : 0];
        o->pins.handle = handle;
        if (o->op == OP_UPDATE && below(t, 10) == 0) {
            o->pins.spi ^= 1u << below(t, 32);
        } else if (o->op == OP_UPDATE && below(t, 10) == 0) {
            o->pins.ah = !o->pins.ah;
        }
    }
    return true;
}

/* What the driver now believes of the key. */
static void note_order(struct traffic *t, const struct order *o)
{
    struct key *k = &t->key[o->key % MAX_KEYS];

    t->under_way[o->tag] = *o;
    t->n.commands++;
    t->n.op[o->op]++;
    if (o->key == MAX_KEYS) {
        return;
    }
    if (o->op == OP_INSERT && k->state == KEY_OUT) {
        k->state = KEY_COMING;
    } else if (o->op == OP_DELETE && k->state == KEY_IN) {
        uint32_t id = (uint32_t)k->handle;

        k->state = KEY_GOING;
        t->n.held_deletes += id < MAX_IDS && t->holds[id] != 0;
        t->grave[t->graves++ % GRAVES] = k->handle;
    }
}

static void drive_orders(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct order *o = &t->order;

    if (!o->active && (!cosim_pace(&t->order_pace, &t->random) || !begin_order(t))) {
        return;
    }
    SET(in, CMD_VALID, 1);
    SET(in, CMD_OP, o->op);
    SET(in, CMD_TAG, o->tag);
    SET(in, CMD_HANDLE, o->pins.handle);
    SET(in, CMD_SPI, o->pins.spi);
    SET(in, CMD_AH, o->pins.ah);
    SET(in, CMD_DST_LOW, o->pins.low);
    SET(in, CMD_DST_HIGH, o->pins.high);
    SET(in, CMD_V6, o->pins.v6);
    SET(in, CMD_ESN, o->esn);
    SET(in, CMD_VALUE, o->value);
    t->n.order_waits += !GET(out, CMD_READY);
    if (GET(out, CMD_READY)) {
        note_order(t, o);
        o->active = false;
    }
}

static void note_answer(struct traffic *t, const uint32_t *out)
{
    struct order *o = &t->under_way[GET(out, RSP_TAG)];
    struct key *k = &t->key[o->key % MAX_KEYS];
    uint32_t status = (uint32_t)GET(out, RSP_STATUS);

    o->active = false;
    t->n.status[status]++;
    if (o->key == MAX_KEYS) {
        return;
    }
    if (o->op == OP_INSERT && status == ST_OK) {
        k->state = KEY_IN;
        k->handle = GET(out, RSP_HANDLE);
    } else if (o->op == OP_INSERT ? status != ST_DUPLICATE && k->state == KEY_COMING
                                  : o->op == OP_DELETE && k->state == KEY_GOING) {
        k->state = KEY_OUT;
    }
}

static void drive_answers(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, RSP_VALID);

    if (!cosim_pace(&t->answer_pace, &t->random)) {
        t->n.answer_waits += valid;
        return;
    }
    SET(in, RSP_READY, 1);
    if (valid) {
        note_answer(t, out);
    }
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    drive_answers(t, out, in);
    drive_orders(t, out, in);
    drive_releases(t, in);
    drive_found(t, out, in);
    drive_packets(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const uint64_t *op = t->n.op, *status = t->n.status;
    uint64_t looked = t->n.hits + t->n.misses + t->n.any_hits + t->n.any_misses;
    const struct cosim_share all[] = {
        { "cycles in which there is no room for a packet", t->n.no_room, t->cycle, 50 },
        { "cycles in which what was looked up has to stay", t->n.kept, t->cycle, 50 },
        { "cycles in which a command has to wait", t->n.order_waits, t->cycle, 20 },
        { "cycles in which a response has to stay", t->n.answer_waits, t->cycle, 10 },
        { "packets past the look-up", t->n.bypass, t->n.items, 50 },
        { "hits", t->n.hits, looked, 40 },
        { "misses in one access", t->n.misses, looked, 10 },
        { "hits of any destination", t->n.any_hits, looked, 8 },
        { "misses in two accesses", t->n.any_misses, looked, 10 },
        { "releases of nobody", t->n.nobody, t->n.releases, 10 },
        { "INSERT", op[OP_INSERT], t->n.commands, 200 },
        { "DELETE", op[OP_DELETE], t->n.commands, 100 },
        { "DELETE of an entry that packets hold", t->n.held_deletes, op[OP_DELETE],
          t->slow ? 50 : 100 },
        { "UPDATE", op[OP_UPDATE], t->n.commands, 50 },
        { "READ", op[OP_READ], t->n.commands, 50 },
        { "reserved commands", status[ST_RESERVED], t->n.commands, 10 },
        { "duplicates", status[ST_DUPLICATE], op[OP_INSERT], 10 },
        { "stale handles", status[ST_STALE], t->n.commands, 10 },
        { "UPDATE of another SPI or protocol", status[ST_MISMATCH], op[OP_UPDATE], 10 },
        { "UPDATE without ESN", status[ST_NO_ESN], op[OP_UPDATE], 50 },
        /* if the table can be full, and a key be without a slot before */
        { "refused: full", status[ST_FULL], op[OP_INSERT], 5 },
        { "refused: no slot", status[ST_NO_SLOT], op[OP_INSERT], 1 },
    };
    unsigned count = sizeof all / sizeof *all;

    memcpy(share, all, sizeof all);
    if (t->entries > t->slots) { /* never full */
        share[count - 2] = share[count - 1];
        count--;
    } else if (10 * t->entries < 8 * t->slots ||
               t->entries < 8) { /* a key without a slot is rare */
        count--;
    }
    return count;
}

const struct cosim_stimulus cosim_table_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
