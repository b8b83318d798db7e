#include "cli/cosim_orders.h"

#include <string.h>

enum {
    ST_OK,
    ST_FULL,
    ST_NO_SLOT,
    ST_DUPLICATE,
    ST_STALE,
    ST_MISMATCH,
    ST_NO_ESN,
    ST_RESERVED,
    STATE_DELETING = 3
};

enum { MANY = 4 /* commands under way, of which all are seldom taken */, FEW = 4 /* places */ };
enum { RATE_OF_FEW = 2, RATE = 6 /* of 256 cycles in which an order may come */ };

static uint32_t below(struct orders *o, uint32_t n)
{
    return (uint32_t)rng_below(&o->random, n);
}

void orders_init(struct orders *o, uint64_t seed, uint32_t sas, uint32_t keyed, uint32_t places,
                 uint32_t commands)
{
    memset(o, 0, sizeof *o);
    o->random = rng_stream(seed, 3);
    o->sas = sas;
    o->keyed = keyed;
    o->places = places;
    o->commands = commands;
    o->fills = true;
    o->phase_left = 2 * places;
}

/* One in this state, if a few tries find one; else 0. */
static uint32_t pick(struct orders *o, enum orders_state state)
{
    for (unsigned tries = 0; tries < 24; tries++) {
        uint32_t at = 1 + below(o, o->sas);

        if (o->sa[at].state == state) {
            return at;
        }
    }
    return 0;
}

static enum orders_op pick_op(struct orders *o)
{
    uint32_t dice = below(o, 100);

    if (o->phase_left-- == 0) {
        o->fills = !o->fills;
        o->phase_left = o->places + below(o, 2 * o->places);
    }
    if (dice < 12) {
        return ORDER_UPDATE;
    }
    if (dice < 30) {
        return ORDER_READ;
    }
    if (dice < 34) {
        return (enum orders_op)(4 + below(o, 4)); /* reserved */
    }
    return (dice < 88) == o->fills ? ORDER_INSERT : ORDER_DELETE;
}

/* Mostly the handle of a live SA. */
static void pick_handle(struct orders *o, struct order *to)
{
    uint32_t dice = below(o, 16);
    bool going = dice < 3 || (to->op == ORDER_READ && dice < 8);
    uint32_t at = going && o->sa[o->last_deleted].state == ORDERS_GOING
                      ? o->last_deleted
                      : pick(o, going ? ORDERS_GOING : ORDERS_IN);

    if (dice == 15 || !at) {
        to->handle = o->grave[below(o, ORDERS_GRAVES)];
    } else if (dice == 14) {
        to->handle = rng_next(&o->random);
    } else if (dice == 13) {
        to->handle = o->sa[at].handle ^ UINT64_C(1) << below(o, 64);
    } else {
        to->handle = o->sa[at].handle;
        to->sa = at;
    }
}

static bool begin(struct orders *o)
{
    struct order *to = &o->order;
    uint8_t tag = (uint8_t)rng_next(&o->random);

    if (o->under_way[tag].active) {
        return false;
    }
    *to = (struct order){ .op = (uint8_t)pick_op(o), .tag = tag };
    to->value = (uint32_t)rng_next(&o->random);
    if (to->op == ORDER_INSERT) {
        to->fresh = below(o, 16) != 0;
        to->sa = pick(o, to->fresh ? ORDERS_OUT : ORDERS_IN);
        to->active = to->sa != 0 && (to->fresh || to->sa <= o->keyed);
        return to->active;
    }
    pick_handle(o, to);
    to->other_spi = below(o, 10) == 0;
    to->ah = below(o, 10) == 0;
    to->active = true;
    return true;
}

/* So seldom that an SA sees some packets between its INSERT and its DELETE. */
static bool may_begin(struct orders *o)
{
    uint32_t in_256 = o->places < FEW ? RATE_OF_FEW : RATE;

    return cosim_pace(&o->order_pace, &o->random) && below(o, 256) < in_256;
}

const struct order *orders_next(struct orders *o)
{
    o->n.cycles++;
    if (!o->order.active && (!may_begin(o) || !begin(o))) {
        return NULL;
    }
    return &o->order;
}

void orders_given(struct orders *o, bool ready)
{
    struct order *given = &o->order;
    struct orders_sa *sa = &o->sa[given->sa];

    given->fresh = false; /* made already, should it have to wait */
    o->n.waits += !ready;
    if (!ready) {
        return;
    }
    given->number = ++o->given;
    o->under_way[given->tag] = *given;
    given->active = false;
    o->n.op[given->op]++;
    if (!given->sa) {
        return;
    }
    if (given->op == ORDER_INSERT && sa->state == ORDERS_OUT) {
        sa->state = ORDERS_COMING;
    } else if (given->op == ORDER_DELETE && sa->state == ORDERS_IN) {
        sa->state = ORDERS_GOING;
        o->last_deleted = given->sa;
        o->grave[o->graves++ % ORDERS_GRAVES] = sa->handle;
    }
}

bool orders_take(struct orders *o, bool there)
{
    bool takes = cosim_pace(&o->answer_pace, &o->random);

    o->n.answer_waits += there && !takes;
    return takes;
}

void orders_answered(struct orders *o, const struct orders_answer *a)
{
    struct order *order = &o->under_way[a->tag];
    struct orders_sa *sa = &o->sa[order->sa];

    order->active = false;
    o->n.status[a->status]++;
    o->n.overtaken += order->op == ORDER_DELETE && order->number < o->last_answered;
    o->n.held += a->read && a->references != 0;
    o->n.dying += a->read && a->state == STATE_DELETING;
    o->last_answered = order->number > o->last_answered ? order->number : o->last_answered;
    if (!order->sa) {
        return;
    }
    if (order->op == ORDER_INSERT && sa->state == ORDERS_COMING) {
        sa->state = a->status == ST_OK ? ORDERS_IN : ORDERS_OUT;
        sa->handle = a->handle;
    } else if (order->op == ORDER_DELETE && sa->state == ORDERS_GOING &&
               sa->handle == order->handle) {
        sa->state = ORDERS_OUT;
    }
}

unsigned orders_shares(const struct orders *o, struct cosim_share *share)
{
    const uint64_t *op = o->n.op, *status = o->n.status;
    const struct cosim_share all[] = {
        { "commands a cycle", o->given, o->n.cycles, 2 },
        { "cycles in which an answer has to stay", o->n.answer_waits, o->n.cycles, 1 },
        { "INSERT", op[ORDER_INSERT], o->given, 150 },
        { "DELETE", op[ORDER_DELETE], o->given, 100 },
        { "UPDATE", op[ORDER_UPDATE], o->given, 50 },
        { "READ", op[ORDER_READ], o->given, 50 },
        { "READ of an SA that packets hold", o->n.held, op[ORDER_READ], 10 },
        { "reserved commands", status[ST_RESERVED], o->given, 10 },
        { "duplicates", status[ST_DUPLICATE], op[ORDER_INSERT], 5 },
        { "stale handles", status[ST_STALE], o->given, 20 },
        { "UPDATE of another SPI or protocol", status[ST_MISMATCH], op[ORDER_UPDATE], 10 },
        { "UPDATE without ESN", status[ST_NO_ESN], op[ORDER_UPDATE], 50 },
    };
    unsigned count = sizeof all / sizeof *all;

    memcpy(share, all, sizeof all);
    if (o->sas > o->places) {
        share[count++] =
            (struct cosim_share){ "INSERT refused: full or no slot",
                                  status[ST_FULL] + status[ST_NO_SLOT], op[ORDER_INSERT], 5 };
    }
    if (o->commands > 1) {
        share[count++] = (struct cosim_share){ "DELETE that waits for packets, overtaken",
                                               o->n.overtaken, op[ORDER_DELETE], 5 };
        share[count++] = (struct cosim_share){ "READ of an SA whose DELETE has begun", o->n.dying,
                                               op[ORDER_READ], 2 };
    }
    if (o->commands <= MANY) {
        share[count++] = (struct cosim_share){ "cycles in which a command has to wait", o->n.waits,
                                               o->n.cycles, 1 };
    }
    return count;
}
