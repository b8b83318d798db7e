/* The inside of the link: what its files share. Only files of pcie_model include this.
 *
 *   clients -> device.c [arbitration, cutting] -> wire up   -> root.c [memory, CPU]
 *   clients <- answers <------------------- <- wire down <- root.c [completions, MMIO]
 *
 * Everything in flight is a TLP with the cycle in which it does something. */
#ifndef ESPNIC_PCIE_MODEL_LINK_INSIDE_H
#define ESPNIC_PCIE_MODEL_LINK_INSIDE_H

#include <assert.h>

#include "pcie_model/requests.h"
#include "pcie_model/wire.h"

enum { NONE = UINT32_MAX };

enum tlp_kind {
    TLP_WRITE,
    TLP_READ,
    TLP_REPLY, /* completion of a register read */
    TLP_COMPLETION,
    TLP_MMIO_WRITE,
    TLP_MMIO_READ,
    TLP_KINDS
};

struct tlp {
    uint8_t kind;  /* enum tlp_kind */
    uint8_t last;  /* of its request; completion: of its read TLP */
    uint8_t ok;    /* reply: the access was good; completion: enum pcie_status */
    uint8_t bytes; /* MMIO: of the access */
    uint32_t wire; /* bytes on the wire */
    uint32_t item; /* DMA: the request; MMIO: the offset */
    uint32_t length;
    uint64_t address; /* DMA; MMIO: the value */
    uint64_t tag;     /* MMIO; reads and their completions: number of the read TLP */
};

/* A read TLP, from its sending until neither end has to do with it any more. In the order of sending. */
struct read {
    uint64_t expires; /* cycle of the completion timeout */
    uint32_t item;
    uint32_t left;      /* bytes that have not come */
    struct units space; /* for completions, that the card keeps for it */
    bool over;          /* for the card: all has come, or it was given up */
    bool answered;      /* nothing of it is going to come any more */
};

/* A TLP that does something at a cycle. */
struct flight {
    uint64_t cycle;
    struct tlp tlp;
};

/* In order of their cycles. */
struct flights {
    struct ring ring;
    uint64_t next; /* cycle of the first, CLOCK_NEVER if there is none */
};

void flights_init(struct flights *flights);
void flights_register_state(struct flights *flights, struct snapshot *snap, const char *name);

/* Add one: the last to come. */
static inline void fly(struct flights *flights, uint64_t cycle, const struct tlp *tlp)
{
    struct flight *f = ring_push(&flights->ring);

    f->cycle = cycle;
    f->tlp = *tlp;
    flights->next = cycle < flights->next ? cycle : flights->next;
}

/* Add one behind all that are not later. */
void flights_add(struct flights *flights, uint64_t cycle, const struct tlp *tlp);

/* Take the first one; there must be one. */
static inline struct tlp land(struct flights *flights)
{
    struct tlp first = ((const struct flight *)ring_head(&flights->ring))->tlp;
    const struct flight *second;

    ring_pop(&flights->ring);
    second = ring_head(&flights->ring);
    flights->next = second ? second->cycle : CLOCK_NEVER;
    return first;
}

/* A read TLP whose data is ready at the root complex, or will be; in a heap by (ready, order). */
struct ready {
    uint64_t cycle;
    uint64_t order;
    uint64_t address; /* of the next completion */
    uint32_t left;    /* bytes to come */
    uint32_t item;
    uint32_t read;   /* number of the read TLP */
    uint32_t status; /* enum pcie_status: other than PCIE_OK: answered without data */
};

/* The completion of a register read that waits for the up wire. */
struct reply {
    uint64_t from; /* it cannot start before */
    struct tlp tlp;
    uint32_t behind[PCIE_MAX_CLIENTS]; /* requests that each client must have got rid of before */
};

struct client {
    struct channel *request, *response;
    enum pcie_answers answers;
    struct ring order; /* uint32_t: reads under way whose answers keep their order */
};

struct client_state {
    uint64_t visible;       /* if it offers a request: when that may be taken */
    uint64_t response_free; /* first cycle in which the response channel can take a beat */
    uint32_t item;          /* the request that it is in the middle of, or NONE */
    uint32_t left;          /* bytes of it still to be sent or asked for */
    uint64_t address;       /* of them */
};

struct link_state {
    uint64_t stall_since;
    uint32_t stall;       /* enum pcie_stall that holds the up wire; PCIE_STALLS: nothing does */
    uint32_t tags_free;   /* without those in `returns` */
    struct units space;   /* for completions, free on the card; without that in `returns` */
    uint32_t last_client; /* granted last; clients: a register read's completion */
    uint32_t offers; /* bit c: client c has something to send; bit `clients`: a reply is there */
    uint64_t order;  /* read TLPs so far */
    uint64_t
        posted[PCIE_IDS]; /* cycle in which the last write is in memory; without ido all are ID 0 */
    uint64_t taken[PCIE_IDS]; /* cycle in which the credits of the last write come back */
    uint32_t first_read;      /* number of the first read TLP in `reads` */
    uint32_t expiring;        /* of the first that is not over */
    uint64_t expires;         /* when it is given up; CLOCK_NEVER: there is none */
    uint32_t awaited;         /* completions in `down` whose bytes count when they arrive */
    struct rng poison, lost, aborts, late, poison_write[2];
    uint64_t down_wait; /* cycle before which what goes down next cannot start */
    struct client_state client[PCIE_MAX_CLIENTS];
    struct pcie_stats stats;
};

struct pcie_link {
    struct sched *sched;
    unsigned block, domain;
    struct pcie_config config;
    struct pcie_ops ops;
    void *self;
    unsigned clients;
    struct client client[PCIE_MAX_CLIENTS];
    struct link_state s;
    struct wires wires;
    struct pcie_memory *memory;
    uint64_t timeout, quarantine, lateness; /* cycles; timeout CLOCK_NEVER: none */
    uint64_t least_down; /* from the start of anything on its way down to its arrival, at least */
    struct account account[2];
    uint64_t by_cause[2][SCHED_MAX_BLOCKS];
    struct requests requests;
    struct flights up;    /* to host memory and CPU */
    struct flights cpu;   /* MMIO that the CPU has issued */
    struct flights down;  /* to the card, where they make the link do something */
    struct ring returns;  /* struct handover: tags, and their space, that come back: looked at when
                              * there are too few */
    struct ring released; /* those of reads that were given up, likewise */
    struct ring reads;    /* struct read */
    struct flights left;  /* writes that leave and could not be answered when they started */
    struct ring asked;    /* struct tlp: register reads that the card has not answered */
    struct ring replies;  /* struct reply */
    struct ring kept[2];  /* struct tlp: on guarded wires, those that are not acknowledged */
    struct ready *ready;  /* heap; if it is empty, the cycle of the first is CLOCK_NEVER */
    size_t ready_size;
    size_t readies;
};

/* Completion space that the card keeps for a read TLP, the worst case: a header for each RCB that it touches
 * (2.6.1); all there is if it needs more. */
static inline struct units link_space(const struct pcie_link *link, const struct tlp *tlp)
{
    const struct pcie_config *c = &link->config;
    uint32_t rcb = (uint32_t)c->rcb;
    uint32_t headers = ((uint32_t)(tlp->address & (rcb - 1)) + tlp->length + rcb - 1) / rcb;
    uint32_t data = (pcie_padded(tlp->address, tlp->length) + 15) / 16;

    return (struct units){ .header = headers < c->space_headers ? headers : c->space_headers,
                           .data = data < c->space_data ? data : c->space_data };
}

static inline bool by_chance(struct rng *rng, uint32_t ppb)
{
    return ppb && rng_below(rng, 1000000000) < ppb;
}

/* Of several errors of a request the first in the enum stands. */
static inline void link_spoil(struct pcie_link *link, uint32_t item, enum pcie_status status)
{
    struct pcie_request *request = &link->requests.request[item];

    if (request->status == PCIE_OK || status < request->status) {
        request->status = (uint8_t)status;
    }
}

/* Credit units of a TLP that carries so many bytes of padded payload. */
static inline struct units units_of(uint32_t padded)
{
    return (struct units){ .header = 1, .data = (padded + 15) / 16 };
}

/* ---- link.c ------------------------------------------------------------------------------------ */

/* Put a TLP on the wire in cycle `start`, for the first time, or (`again`) once more. What the receiver takes
 * does its work. Returns the cycle when its last byte has left. */
uint64_t link_send(struct pcie_link *link, unsigned direction, uint64_t start,
                   const struct tlp *tlp, bool again);
/* If something has to be repeated in cycle t, and the wire is clear, repeat it. */
bool link_repeat(struct pcie_link *link, unsigned direction, uint64_t t);
/* Push the client's answer: in this cycle, which may lie ahead, or after the one before it. */
void link_answer(struct pcie_link *link, uint64_t cycle, uint32_t item);

/* ---- device.c: the device side ------------------------------------------------------------------- */

/* Is there anything to send up? */
static inline bool device_wants(const struct pcie_link *link)
{
    return link->s.offers || wire_repeats(&link->wires, UP);
}
/* Start what is next in turn on the way up. True if there may be more to do in this cycle; if not, *again is lowered
 * to when something may go. */
bool device_start(struct pcie_link *link, uint64_t now, uint64_t *again);
/* The client's channel has a new head, or none any more. */
void device_look_at_head(struct pcie_link *link, unsigned client);
/* Bytes of a request are there, or are given up; with the last of them it is answered. */
void device_take_bytes(struct pcie_link *link, const struct tlp *tlp, uint64_t cycle);
/* The read TLP that is not over for the longest time is given up: what has not come of it counts as arrived. */
void device_time_out(struct pcie_link *link, uint64_t now);
/* By its number. */
static inline struct read *device_read(struct pcie_link *link, uint64_t number)
{
    return ring_at(&link->reads, (uint32_t)number - link->s.first_read);
}
/* The number of the next one. */
static inline uint32_t device_next_read(const struct pcie_link *link)
{
    return link->s.first_read + ring_used(&link->reads);
}
/* A TLP has come down. */
void device_receive(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives);
/* A register read arrives: the card is asked. */
void device_read_register(struct pcie_link *link, uint64_t now, const struct tlp *tlp);

/* ---- root.c: the root complex ------------------------------------------------------------------- */

/* A TLP has come up. */
void root_receive(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives);
/* What goes down next: what is ready first, completions before register accesses. So register accesses keep
 * their order, and completions and register reads do not pass earlier register writes (2.4.1). Since the
 * card takes what comes without asking for anything, waiting for its credit locks nothing up. */
static inline bool root_completes_first(const struct pcie_link *link)
{
    return link->ready[0].cycle <= link->cpu.next;
}
static inline uint64_t root_ready(const struct pcie_link *link)
{
    return earlier(link->ready[0].cycle, link->cpu.next);
}

/* When the next TLP down starts, as far as is known: certain from the cycle on in which it is ready. */
static inline uint64_t root_starts(const struct pcie_link *link)
{
    uint64_t ready = later(root_ready(link), link->s.down_wait);

    if (wire_repeats(&link->wires, DOWN)) {
        ready = link->wires.wire[DOWN].s.next_from;
    }
    return later(ready, link->wires.wire[DOWN].s.free);
}

/* When it has to be started at the latest: before anyone can see anything of it. */
static inline uint64_t root_must_start(const struct pcie_link *link)
{
    uint64_t start = root_starts(link);

    return start == CLOCK_NEVER ? CLOCK_NEVER : start + link->least_down;
}

/* Start it, if it was to start by `now`. */
bool root_start(struct pcie_link *link, uint64_t now);
/* Something arrives at memory or CPU in this cycle: the first of link->up. */
void root_arrival(struct pcie_link *link, uint64_t now);

#endif
