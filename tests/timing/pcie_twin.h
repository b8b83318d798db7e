/* The wires of the link's twin: plain arrays of all that was ever sent, freed and told; one byte a
 * cycle. For pcie_twin.c and pcie_twin_wire.c only. */
#ifndef ESPNIC_TESTS_TIMING_PCIE_TWIN_H
#define ESPNIC_TESTS_TIMING_PCIE_TWIN_H

#include "engine/rng.h"
#include "pcie_bench.h"

enum { TW_UP, TW_DOWN };

enum tw_class { TW_POSTED, TW_NONPOSTED, TW_COMPLETION, TW_CLASSES };

/* In the order in which they go out when they are due in the same cycle. */
enum tw_dllp {
    TW_SKP,
    TW_NAK,
    TW_ACK,
    TW_FC, /* one for each class; the published policy has only the first, for all */
    TW_DLLPS = TW_FC + TW_CLASSES
};

enum tw_kind { TW_WRITE, TW_READ, TW_DATA, TW_MMIO, TW_REPLY };

struct tw_units {
    uint64_t header, data;
};

struct tw_tlp {
    enum tw_kind kind;
    uint32_t client, ref; /* position in the plan; TW_MMIO, TW_REPLY: among the MMIO accesses */
    uint64_t from, to;    /* bytes that it carries or asks for */
    uint64_t bytes;       /* on the wire */
    bool last;            /* of its request; TW_DATA: of its read TLP */
    uint32_t status;      /* TW_DATA: other than PCIE_OK: it carries nothing */
    uint32_t read;        /* TW_READ, TW_DATA: the read TLP, in the order of sending */
    enum tw_class class;
    struct tw_units need;  /* credits */
    struct tw_units space; /* for completions: of a read TLP, and its completions */
};

/* An array that grows. */
struct tw_list {
    void *item;
    uint32_t first, count, room;
};

struct tw_flying {
    uint64_t arrives;
    uint32_t number;
};

/* What a receiver has given free. */
struct tw_freed {
    uint64_t cycle;
    struct tw_units units;
    bool told;
};

/* A DLLP, or what the end of a flit says. */
struct tw_told {
    uint64_t arrives;
    bool acks, updates[TW_CLASSES]; /* what it is about */
    uint32_t good;                  /* TLPs received */
    struct tw_units freed[TW_CLASSES];
};

struct tw_nak {
    uint64_t arrives;
    uint32_t good;
};

/* TLPs in one direction, and what is told about them in the other. */
struct tw_wire {
    uint64_t latency;
    /* transmitter: TLPs have numbers from 0 */
    struct tw_list sent; /* struct tw_tlp, all that were sent once */
    uint32_t next;       /* to be sent; below sent.count: again */
    uint32_t acked;
    struct tw_units limit[TW_CLASSES], used[TW_CLASSES], known_free[TW_CLASSES];
    bool timer_runs, first_again; /* the REPLAY_TIMER; the next TLP is the first of a repetition */
    uint64_t timer_from, timer;   /* cycle in which it starts; cycles that have passed since */
    uint32_t replay_num;
    /* medium */
    uint64_t free;         /* first cycle in which something may start */
    bool carries_tlp;      /* before that */
    struct tw_list flying; /* struct tw_flying */
    uint64_t pulses[TW_DLLPS];
    /* receiver */
    struct rng errors;
    uint32_t expected, covered; /* numbers; covered: by Acks and Naks that were sent */
    struct tw_list arrival;     /* uint64_t, of the good ones */
    bool nak_scheduled;         /* since the last good one */
    bool nak_waits;             /* to be sent */
    uint64_t broken_since;
    uint64_t
        twice_since; /* a TLP came again that had been taken; CLOCK_NEVER: an Ack was sent since */
    struct tw_list freed[TW_CLASSES]; /* struct tw_freed; before `first` all have been told */
    struct tw_units told_free[TW_CLASSES];
    uint64_t fc_not_before[TW_CLASSES], fc_refresh[TW_CLASSES];
    struct tw_list told; /* struct tw_told, on the way to the transmitter */
    struct tw_list naks; /* struct tw_nak, too */
    struct rng losses;   /* of DLLPs on this wire */
};

struct tw_wires {
    const struct pcie_config *config;
    uint64_t t;
    uint64_t flit, ack_interval, fc_interval, skp_bytes, skp_period;
    uint64_t refresh, retrain, replay_limit; /* cycles; 0: none */
    uint64_t down_until;                     /* the link is being retrained */
    struct tw_wire wire[2];
    struct pcie_stats *stats;
    /* Called for each TLP that the receiver takes. */
    void (*deliver)(void *self, int direction, const struct tw_tlp *tlp);
    void *self;
};

/* Room for one more at the end. */
void *tw_add(struct tw_list *list, size_t item_bytes);
#define TW_ADD(list, type)   ((type *)tw_add(list, sizeof(type)))
#define TW_AT(list, type, i) (&((type *)(list)->item)[i])

/* Cycles of the link's clock that picoseconds last, rounded up. */
typedef uint64_t tw_edges(const void *self, uint64_t ps);
void tw_init(struct tw_wires *w, const struct pcie_config *config, tw_edges *edges_in,
             const void *self);
void tw_free(struct tw_wires *w);

/* The parts of a cycle, in this order; then TLPs are sent. */
void tw_arrivals(struct tw_wires *w, int direction);
void tw_dllps(struct tw_wires *w); /* are sent, and heard */

static inline bool tw_clear(const struct tw_wires *w, int direction)
{
    return w->wire[direction].free <= w->t && w->down_until <= w->t;
}

static inline bool tw_sends_tlp(const struct tw_wires *w, int direction)
{
    return w->wire[direction].carries_tlp && w->wire[direction].free > w->t;
}

static inline bool tw_repeats(const struct tw_wires *w, int direction)
{
    return w->wire[direction].next < w->wire[direction].sent.count;
}

/* If the transmitter has to repeat: sends that. The wire is clear. */
bool tw_repeat(struct tw_wires *w, int direction);
bool tw_has_credit(const struct tw_wires *w, int direction, enum tw_class class,
                   struct tw_units need);
bool tw_has_retry(const struct tw_wires *w, int direction);
/* At the end of a cycle. */
void tw_time_passes(struct tw_wires *w);
/* Returns the cycle in which it has left. */
uint64_t tw_send(struct tw_wires *w, int direction, const struct tw_tlp *tlp);
/* The receiver has room again from `cycle` on, which may lie ahead. */
void tw_give_free(struct tw_wires *w, int direction, enum tw_class class, struct tw_units units,
                  uint64_t cycle);

#endif
