/* Random traffic for esp_rx: frames (cosim_frames.c) one behind the other, with pauses and without; a host that takes
 * them at all speeds; now and then, when nothing is under way, all SAs anew. With SA_TABLE SAs come and go by commands
 * instead (cosim_orders.h), and the frames do not wait for them. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_frames.h"
#include "cli/cosim_orders.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"

#define PINS_FILE "nic/pins_esp_rx.def"
#include "cli/cosim_pins.h"

enum { BUS = 64, REST = 200 /* cycles, after which what was refused has passed for certain */ };

struct traffic {
    struct rng random;
    struct frames frames;
    uint32_t beat, beats; /* of the frame that goes in; 0: none */
    bool waits;           /* there is a frame for which there is no room */
    bool with_orders;
    bool one_place; /* SAs come and go too fast for many replays */
    struct orders orders;
    struct cosim_senders
        senders; /* numbers of the orders behind those of the frames; count 0: none */
    uint64_t seed;
    uint32_t rx_sas;
    bool any[FRAMES_SAS]; /* SAs of any destination */
    uint32_t to_set;      /* SAs that are still to be set */
    uint64_t drain_at;    /* from this cycle on nothing new begins */
    uint64_t empty_since; /* UINT64_MAX: it is not */
    struct cosim_pace in_pace, out_pace;
    uint64_t stall_from,
        stall_to; /* cycles in which the host takes nothing, long enough to fill all */
    uint64_t cycle, pushed, popped, full, held, sas_set, refused;
    uint64_t not_ipsec, no_sa, fragment, options, malformed, duplicate, too_old, zero, late,
        bad_icv, bad_length, bad_padding, dummy, wrong, bad_inner, ecn;
};

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    const uint32_t places = (1u << nic_solo_number(config, "SA_W")) - 1;
    uint32_t sas = places;

    t->random = rng_stream(seed, 1);
    t->with_orders = nic_solo_number(config, "SA_TABLE") != 0;
    if (t->with_orders) {
        sas = places + places / 2 + 2 < FRAMES_SAS ? places + places / 2 + 2 : FRAMES_SAS - 1;
        t->seed = seed;
        t->rx_sas = sas;
        t->one_place = places == 1;
        orders_init(&t->orders, seed, sas, sas, places, nic_solo_number(config, "COMMANDS"));
    }
    frames_init(&t->frames, seed, sas + 1, nic_solo_number(config, "WINDOW"));
    for (uint32_t i = 1; t->with_orders && i <= sas; i++) {
        frames_new_peer(&t->frames, i);
        t->frames.peer[i].live = false;
    }
    t->to_set = t->with_orders ? 0 : sas;
    t->drain_at = t->with_orders ? UINT64_MAX : 20000;
    t->empty_since = UINT64_MAX;
    return t;
}

static void destroy(void *self)
{
    struct traffic *t = self;

    frames_free(&t->frames);
    free(t);
}

/* ---- SAs -------------------------------------------------------------------------------------------- */

static void set_sa(struct traffic *t, uint32_t *in, uint32_t number)
{
    struct esp_node node;

    frames_new_peer(&t->frames, number);
    frames_node(&t->frames.peer[number], &node);
    cosim_sa_rx(in, number, &node);
    t->sas_set++;
}

static void drive_sas(struct traffic *t, uint32_t *in)
{
    const bool empty = t->pushed == t->popped + t->refused && !t->beats;

    if (!empty) {
        t->empty_since = UINT64_MAX;
    } else if (t->empty_since == UINT64_MAX) {
        t->empty_since = t->cycle;
    }
    if (t->to_set == 0 && t->cycle > t->drain_at && empty && t->cycle >= t->empty_since + REST) {
        t->to_set = t->frames.sas - 1;
        t->drain_at = t->cycle + 5000 + rng_below(&t->random, 20000);
    }
    if (t->to_set > 0) {
        set_sa(t, in, t->frames.sas - t->to_set);
        t->to_set--;
    }
}

/* ---- commands ---------------------------------------------------------------------------------------- */

void cosim_rx_commands(void *traffic, const struct cosim_senders *senders)
{
    struct traffic *t = traffic;

    t->senders = *senders;
    orders_init(&t->orders, t->seed, t->rx_sas + senders->count, t->rx_sas, t->orders.places,
                t->orders.commands);
}

static void describe_peer(struct traffic *t, uint32_t number, bool fresh, struct esp_node *node)
{
    if (fresh) {
        frames_new_peer(&t->frames, number);
        t->any[number] = rng_below(&t->random, 6) == 0;
        t->sas_set++;
    }
    frames_node(&t->frames.peer[number], node);
    if (t->any[number]) {
        memset(node->dst.bytes, 0, sizeof node->dst.bytes);
    }
}

static void give_order(struct traffic *t, uint32_t *in, const struct order *o)
{
    struct esp_node node;

    if (o->sa > t->rx_sas) {
        const bool insert = o->op == ORDER_INSERT;

        t->senders.describe(t->senders.self, o->sa - t->rx_sas, o->fresh,
                            insert ? in + t->senders.words : NULL, &node);
        SET(in, CMD_OUT, insert);
    } else {
        describe_peer(t, o->sa ? o->sa : 1, o->fresh, &node);
    }
    node.sa[0].spi ^= o->other_spi;
    cosim_sa_rx(in, 0, &node);
    SET(in, CFG_WE, 0);
    SET(in, CMD_VALID, 1);
    SET(in, CMD_OP, o->op);
    SET(in, CMD_TAG, o->tag);
    SET(in, CMD_HANDLE, o->handle);
    SET(in, CMD_AH, o->ah);
    SET(in, CMD_VALUE, o->value);
}

static void note_answer(struct traffic *t, const uint32_t *out)
{
    const bool read = GET(out, RSP_READ);
    const struct orders_answer answer = {
        .tag = (uint8_t)GET(out, RSP_TAG),
        .status = (uint8_t)GET(out, RSP_STATUS),
        .handle = GET(out, RSP_HANDLE),
        .read = read,
        .state = read ? (uint8_t)GET(out, RSP_STATE) : 0,
        .references = read ? (uint32_t)GET(out, RSP_REFERENCES) : 0,
    };
    const uint32_t sa = t->orders.under_way[answer.tag].sa;

    orders_answered(&t->orders, &answer);
    if (sa > t->rx_sas) {
        t->senders.answered(t->senders.self, sa - t->rx_sas, t->orders.sa[sa].state == ORDERS_IN,
                            t->orders.sa[sa].handle);
    } else {
        /* nobody sends much to one that is not there */
        t->frames.peer[sa].live = t->orders.sa[sa].state == ORDERS_IN;
        if (t->senders.count && t->frames.peer[sa].live) {
            t->senders.answered(t->senders.self, 0, true, t->orders.sa[sa].handle);
        }
    }
}

static void drive_orders(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const bool there = GET(out, RSP_VALID);
    const struct order *o;

    if (orders_take(&t->orders, there)) {
        SET(in, RSP_READY, 1);
        if (there) {
            note_answer(t, out);
        }
    }
    o = orders_next(&t->orders);
    if (o) {
        give_order(t, in, o);
        orders_given(&t->orders, GET(out, CMD_READY));
    }
}

/* ---- frames -------------------------------------------------------------------------------------------- */

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const struct frames *f = &t->frames;
    uint32_t left;

    if (!t->beats) {
        if (!t->waits &&
            (t->to_set || t->cycle > t->drain_at || !cosim_pace(&t->in_pace, &t->random))) {
            return;
        }
        if (!t->waits) {
            frames_next(&t->frames);
        }
        t->waits = GET(out, ROOM) * BUS < f->length;
        t->full += t->waits;
        if (t->waits) {
            return;
        }
        t->beat = 0;
        t->beats = (f->length + BUS - 1) / BUS;
        SET_BYTES(in, PUSH_FRAME, f->bytes, f->length);
        t->pushed++;
    }
    left = f->length - t->beat * BUS;
    SET(in, PUSH, 1);
    SET(in, PUSH_LAST, left <= BUS);
    SET(in, PUSH_LENGTH, f->length);
    SET_BYTES(in, PUSH_BEAT, f->bytes + (size_t)t->beat * BUS, left < BUS ? left : BUS);
    t->beat++;
    t->beats = left <= BUS ? 0 : t->beats;
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const bool valid = GET(out, VALID);

    if (t->cycle >= t->stall_to) {
        t->stall_from = t->cycle + 2000 + rng_below(&t->random, 20000);
        t->stall_to = t->stall_from + rng_below(&t->random, 4000);
    }
    if (!valid || t->cycle >= t->stall_from || !cosim_pace(&t->out_pace, &t->random)) {
        t->held += valid;
        return;
    }
    SET(in, POP, 1);
    t->popped += GET(out, LAST);
}

static void note_counters(struct traffic *t, const uint32_t *out)
{
    t->not_ipsec = GET(out, COUNT_NOT_IPSEC);
    t->no_sa = GET(out, COUNT_NO_SA);
    t->fragment = GET(out, COUNT_FRAGMENT);
    t->options = GET(out, COUNT_OPTIONS);
    t->malformed = GET(out, COUNT_MALFORMED);
    t->duplicate = GET(out, COUNT_DUPLICATE);
    t->too_old = GET(out, COUNT_TOO_OLD);
    t->zero = GET(out, COUNT_ZERO);
    t->late = GET(out, COUNT_LATE);
    t->bad_icv = GET(out, COUNT_BAD_ICV);
    t->bad_length = GET(out, COUNT_BAD_LENGTH);
    t->bad_padding = GET(out, COUNT_BAD_PADDING);
    t->dummy = GET(out, COUNT_DUMMY);
    t->wrong = GET(out, COUNT_WRONG);
    t->bad_inner = GET(out, COUNT_BAD_INNER);
    t->ecn = GET(out, COUNT_ECN);
    t->refused = t->duplicate + t->too_old + t->zero + t->late + t->bad_icv + t->bad_length +
                 t->bad_padding + t->dummy + t->wrong + t->bad_inner + t->ecn;
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    note_counters(t, out);
    if (t->with_orders) {
        drive_orders(t, out, in);
    } else {
        drive_sas(t, in);
    }
    drive_out(t, out, in);
    drive_in(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct frames *f = &t->frames;
    const struct cosim_share all[] = {
        { "cycles in which a frame finds no room", t->full, t->cycle, 50 },
        { "cycles in which the host lets a beat stand", t->held, t->cycle, 50 },
        { "frames with ESP", f->sealed, f->total, 600 },
        { "of them in tunnel mode", f->tunnel, f->sealed, 100 },
        { "over IPv6", f->v6, f->sealed, 50 },
        { "over UDP", f->udp, f->sealed, 20 },
        { "with GMAC", f->gmac, f->sealed, 20 },
        { "with ESN", f->esn, f->sealed, 100 },
        { "with keys of 256 bits", f->longest_key, f->sealed, 50 },
        { "right behind one of the same SA", f->close, f->sealed, 300 },
        { "behind VLAN tags", f->tagged, f->total, 100 },
        { "with padding of more than a beat", f->long_padding, f->sealed, 1 },
        { "frames of one beat", f->one_beat, f->total, 10 },
        { "frames with bytes behind the packet", f->with_tail, f->total, 50 },
        { "frames with garbage in the headers", f->garbage, f->total, 20 },
        { "went out untouched", t->not_ipsec + t->no_sa + t->fragment + t->options + t->malformed,
          t->pushed, 100 },
        { "of them fragments, options, malformed", t->fragment + t->options + t->malformed,
          t->pushed, 20 },
        { "refused by the replay check", t->duplicate + t->too_old + t->zero, t->pushed,
          t->one_place ? 10 : 20 },
        { "refused by replay update", t->late, t->pushed, 2 },
        { "bad ICVs", t->bad_icv, t->pushed, 10 },
        { "too short for ESP", t->bad_length, t->pushed, 2 },
        { "bad padding", t->bad_padding, t->pushed, 5 },
        { "dummies", t->dummy, t->pushed, 3 },
        { "wrong protocol, bad inner, ECN", t->wrong + t->bad_inner + t->ecn, t->pushed, 10 },
        { "peers that went over 2^32", f->crossings, t->sas_set, 1 },
    };

    unsigned count = sizeof all / sizeof *all;

    memcpy(share, all, sizeof all);
    return t->with_orders ? count + orders_shares(&t->orders, share + count) : count;
}

const struct cosim_stimulus cosim_rx_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
