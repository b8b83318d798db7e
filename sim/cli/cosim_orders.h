/* What a driver, a good one or a bad one, wants of the SAs of a pipeline while packets go through it: a table that fills and
 * empties again, and commands that nobody should give. */
#ifndef ESPNIC_CLI_COSIM_ORDERS_H
#define ESPNIC_CLI_COSIM_ORDERS_H

#include "cli/cosim.h"
#include "engine/rng.h"

enum { ORDERS_SAS = 512, ORDERS_TAGS = 256, ORDERS_GRAVES = 64, ORDERS_OPS = 8 };

enum orders_op { ORDER_INSERT, ORDER_UPDATE, ORDER_DELETE, ORDER_READ };

struct order {
    bool active;
    uint8_t op, tag;
    uint32_t sa; /* that it is for; 0: none */
    bool fresh;  /* INSERT of an SA that is not there: let it be another one before */
    uint64_t handle;
    uint32_t value;
    bool other_spi, ah; /* UPDATE for what the SA is not */
    uint64_t number;
};

/* An SA as the driver knows it. */
enum orders_state { ORDERS_OUT, ORDERS_COMING, ORDERS_IN, ORDERS_GOING };

struct orders {
    struct rng random;
    uint32_t sas, places; /* numbers 1 to `sas`; so many can be there together */
    uint32_t keyed; /* numbers 1 to `keyed` are found by their keys: there are no two of one */
    uint32_t commands;
    struct orders_sa {
        uint8_t state;
        uint64_t handle;
    } sa[ORDERS_SAS];
    struct order order, under_way[ORDERS_TAGS];
    uint64_t grave[ORDERS_GRAVES]; /* handles that once were good */
    uint32_t graves, phase_left, last_deleted;
    bool fills;
    struct cosim_pace order_pace, answer_pace;
    uint64_t given, last_answered;
    struct {
        uint64_t waits, answer_waits, cycles, op[ORDERS_OPS], status[8], overtaken, held, dying;
    } n;
};

/* `commands`: so many can be under way. */
void orders_init(struct orders *o, uint64_t seed, uint32_t sas, uint32_t keyed, uint32_t places,
                 uint32_t commands);

/* In each cycle: is there an order? It stays the same until it is given. */
const struct order *orders_next(struct orders *o);
void orders_given(struct orders *o, bool ready);

/* ... and is an answer taken, if there is one? */
bool orders_take(struct orders *o, bool there);
struct orders_answer {
    uint8_t tag, status, state;
    bool read;
    uint64_t handle;
    uint32_t references;
};
void orders_answered(struct orders *o, const struct orders_answer *a);

/* Appended to `share`; how many. */
unsigned orders_shares(const struct orders *o, struct cosim_share *share);

#endif
