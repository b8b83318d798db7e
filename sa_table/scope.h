/* The upper half of extended sequence numbers on a card that is told of it by its driver in time (mlx5), and packet
 * limits that such a card counts down in rounds. Plain functions: no time, no allocation.
 *
 * Source: Linux drivers/net/ethernet/mellanox/mlx5/core/en_accel (ipsec.c, ipsec_offload.c); where it is silent the
 * choices of sa_table/README.md.
 *
 * Scope. The card holds an upper half and an overlap bit. Together they name a place, a multiple of 2^31, and a lower
 * half stands for the only number with it among the 2^32 numbers from that place on: of the half held, or, with
 * overlap and below 2^31, of the one after it. What the card numbers or checks has a place of its own (to send: that of
 * the next number; received: that of the window's lowest number); when it goes from one multiple of 2^31 to the next,
 * the card raises an event, once, and the driver moves the scope after it and arms the event again. A place that is one
 * ahead of the scope is no harm: nothing valid lies below it. Two ahead, and lower halves are taken for numbers of 2^32
 * before. */
#ifndef ESPNIC_SA_TABLE_SCOPE_H
#define ESPNIC_SA_TABLE_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#define SCOPE_MIDDLE (UINT64_C(1) << 31)

struct scope {
    uint32_t hi;
    bool overlap;
};

/* The scope that begins at the multiple of 2^31 at or below `number`. */
static inline struct scope scope_at(uint64_t number)
{
    return (struct scope){ .hi = (uint32_t)(number >> 32), .overlap = (number >> 31 & 1) != 0 };
}

/* First number of the scope. */
static inline uint64_t scope_begin(struct scope scope)
{
    return (uint64_t)scope.hi << 32 | (scope.overlap ? SCOPE_MIDDLE : 0);
}

/* The number of a packet that carries `lo`. */
static inline uint64_t scope_number(struct scope scope, uint32_t lo)
{
    uint32_t next = scope.overlap && lo < SCOPE_MIDDLE ? 1 : 0;

    return (uint64_t)(scope.hi + next) << 32 | lo;
}

/* What the driver makes of it when it reads `lo`, the lower half of the place, after an event. */
static inline struct scope scope_after(struct scope scope, uint32_t lo)
{
    return lo < SCOPE_MIDDLE ? (struct scope){ .hi = scope.hi + 1, .overlap = false }
                             : (struct scope){ .hi = scope.hi, .overlap = true };
}

/* Has the card to notice that its place went from one number to the other? It sees the top bit of the lower half. */
static inline bool scope_crossed(uint64_t before, uint64_t after)
{
    return ((before ^ after) & SCOPE_MIDDLE) != 0;
}

/* ---- limits in rounds ------------------------------------------------------------------------- */

/* A limit in packets on a counter that holds less than two rounds: it starts at `start`, counts down, and whenever it
 * has fallen below a round the driver adds one, `rounds` times in all; so it is 0 after hard_packets. The soft limit is
 * reached in round `soft_round` (of 0 to rounds) when the counter is down to `soft_value`; in a round that is not the
 * last that is half a round away from 0, and from where a round is added. A soft limit that is not below the hard one
 * is never reached. */
struct rounds {
    uint32_t start;
    uint64_t rounds;
    uint64_t soft_round; /* ROUNDS_NEVER: there is no soft limit */
    uint32_t soft_value;
};

#define ROUNDS_NEVER UINT64_MAX

/* `round`: packets of a round, 2 to 2^31. Limits of 0: none; not both. */
struct rounds rounds_plan(uint64_t soft_packets, uint64_t hard_packets, uint32_t round);

/* At which value of the counter the driver wants to be told in this round; 0: not any more. */
uint32_t rounds_threshold(const struct rounds *plan, uint32_t round, uint64_t now);

/* The driver's own of a limit in rounds. */
struct rounds_state {
    uint64_t now;    /* rounds added so far */
    bool soft, hard; /* the limits that were reached */
};

/* What it does after an event. */
struct rounds_step {
    bool soft; /* it has learnt that the soft limit is reached */
    bool
        hard; /* ... that the card lets nothing more pass; then the soft limit is not told any more */
    bool add;           /* to add a round */
    uint32_t threshold; /* where to be told next, 0: never */
};

/* `left`: the counter as it is now. Moves `state`. */
struct rounds_step rounds_event(const struct rounds *plan, uint32_t round,
                                struct rounds_state *state, uint32_t left);

#endif
