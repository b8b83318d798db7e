/* The two wires of a link: serialisers, data link layer, flow control. For the link's own use.
 *
 * A wire carries bytes in one direction, one a cycle of the link's domain. On it go TLPs, DLLPs of 8
 * bytes and SKP ordered sets. TLPs are the link's business: it asks when the wire is clear, whether
 * there is credit, and sends. DLLPs follow from what has been received; they are worked out late, when
 * somebody asks what the wire looks like at a cycle, and have no events of their own.
 *
 * Rules (PCI Express Base Specification 5.0, chapters 2.6, 3.5, 3.6, 4.2.7).
 *  - What is due at d goes out at the first cycle from d on in which the wire is free, before any TLP
 *    that could start then. Of several the one with the earlier d goes first; if equal: SKP, Nak, Ack,
 *    UpdateFC posted, non-posted, completion. A TLP or DLLP that has begun is not interrupted.
 *  - A TLP that is sent in cycles s .. s+bytes-1 has left at s+bytes and arrives `latency` later; so
 *    does a DLLP.
 *  - SKP: due at k * period, k >= 1: 4 symbols of each lane every 1538 symbol times (Gen1, Gen2), 16 every 375
 *    blocks of 16 (from Gen3 on); published: 4 bytes every 1538 bytes; none with share or flits.
 *  - ack_interval and fc_interval are cycles: the guideline's symbol times times the lanes; published: as many
 *    cycles as the guideline has symbol times.
 *  - on-demand: an Ack is due ack_interval after the arrival of the first TLP that no Ack or Nak has
 *    covered. UpdateFC of a class is due when units come free, but not less than fc_interval after the
 *    last one of the class was sent (the first: after cycle 0); with `refresh`, one of a class that has a
 *    limit is also due that many cycles after the last one (the first: after cycle 0), whether or not
 *    anything came free (2.6.1.2). It carries all that came free by the cycle in which it is sent.
 *  - published: an Ack is due every ack_interval, one UpdateFC every fc_interval, whatever the traffic
 *    (both at k * interval, k >= 1); they carry what there is, the UpdateFC for all classes.
 *  - share: no DLLPs on the wire but Naks; credits, and Acks, are back `latency` after they came free.
 *  - flit mode (Gen6): bytes fill flits of `flit` bytes one after the other; a TLP has left with the
 *    end of the flit that holds its last byte. Acks and UpdateFCs are part of every flit: what came
 *    free by the end of a flit arrives `latency` later, and so does a Nak. None takes bytes; Naks are
 *    counted, Acks and UpdateFCs are not.
 *  - Receiver (3.6.3). TLPs are taken in their order. Each TLP that is the expected one, or has been taken
 *    before, arrives damaged with probability error_ppb / 10^9 (a draw as it arrives, stream 0x70636965 +
 *    the wire) and is dropped; a Nak is due in the cycle of its arrival, unless one has become due since a
 *    TLP was last taken (the specification's NAK_SCHEDULED; in flits, always). What comes behind a damaged
 *    TLP is dropped. So is a TLP that has been taken before; on-demand, an Ack is due in that cycle.
 *  - Acks and Naks say which TLPs have been taken by the cycle in which they are sent, and acknowledge
 *    these; after either no Ack is due, and after a Nak no other Nak that was due before.
 *  - A DLLP arrives damaged with probability dllp_ppb / 10^9 and is dropped, and nobody but its receiver
 *    knows: a draw as it is sent, stream 0x646c6c70 + the wire; counted then. Not with share or flits.
 *  - Transmitter (3.6.2.1). A repetition begins in the cycle in which a Nak arrives or the REPLAY_TIMER is
 *    over, if something is not acknowledged: from then on all that is not goes again, the oldest first,
 *    before anything new. One that begins while another is under way takes its place. What is
 *    acknowledged before its turn is left out.
 *  - The REPLAY_TIMER (on wires where something can be damaged, or if it is set; not in flits) is over
 *    replay_limit cycles after it started. It starts in the cycle in which a TLP has left that is the
 *    first of a repetition, or that began to be sent when the timer was neither running nor about to. If it
 *    runs, it starts anew in the cycle in which an Ack arrives that acknowledges something and leaves
 *    something. It stops, or does not start, when nothing is left, when a Nak arrives, and when it is
 *    over. An Ack or Nak that arrives in the cycle in which it would be over comes first.
 *  - replay_limit is the link's latency both ways and a number of symbol times: that which is set, or
 *    three times that between Acks, and from Gen4 on at least 24000.
 *  - Each repetition counts in REPLAY_NUM, which starts anew when an Ack or Nak acknowledges something. The
 *    fourth is a rollover: the link is retrained. For `retrain` cycles, from that one on, no TLP starts on
 *    either wire, and, from the next one on, nothing else; what is on its way arrives; REPLAY_TIMERs stand
 *    still; what is due at regular cycles before the end is left out. A rollover meanwhile is
 *    counted and changes nothing else. */
#ifndef ESPNIC_PCIE_MODEL_WIRE_H
#define ESPNIC_PCIE_MODEL_WIRE_H

#include "engine/rng.h"
#include "engine/sched.h"
#include "pcie_model/link.h"
#include "pcie_model/ring.h"

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

enum { UP, DOWN }; /* device to host, host to device */

enum pcie_class { PCIE_POSTED, PCIE_NONPOSTED, PCIE_COMPLETION, PCIE_CLASSES };

/* Credit units of one class: TLP headers, and data in units of 16 bytes. */
struct units {
    uint32_t header, data;
};

/* Units that change hands at a cycle; those of an Ack are TLPs. */
struct handover {
    uint64_t cycle;
    struct units units;
};

/* Something sent at regular cycles. */
struct pulse {
    uint64_t period, due; /* period 0: never */
    uint32_t bytes;
};

enum { PULSE_SKP, PULSE_ACK, PULSE_FC, PULSES };

struct wire_class_state {
    struct units credit; /* that the transmitter may use */
    struct units untold; /* that were in UpdateFCs which were damaged, and in none since */
    uint64_t fc_sent;    /* cycle in which the last UpdateFC for it was sent, on the other wire */
    uint64_t fc_due;     /* of the next one; CLOCK_NEVER: nothing to tell */
};

struct wire_state {
    uint64_t free; /* first cycle in which something may start */
    uint64_t due;  /* least of all that is due on this wire */
    struct pulse pulse[PULSES];
    uint64_t ack_due, nak_due;
    uint32_t sent, acked; /* TLPs, each counted once; acknowledged as the transmitter knows */
    /* of guarded wires */
    uint32_t next;       /* the number of the TLP that is repeated next; `sent`: none */
    uint64_t next_from;  /* the cycle in which the repetition began */
    uint32_t taken;      /* by the receiver */
    uint32_t untold;     /* of them: in Acks and Naks which were damaged, and in none since */
    uint32_t replay_num; /* repetitions since something was acknowledged */
    bool nak_scheduled;  /* a Nak has become due since a TLP was taken */
    uint64_t timer_from; /* since when the REPLAY_TIMER runs; CLOCK_NEVER: it does not */
    struct wire_class_state class[PCIE_CLASSES];
    struct rng errors; /* of TLPs */
    struct rng losses; /* of DLLPs that are sent on this wire */
};

/* What belongs to one wire; acks, naks and credits for its TLPs travel on the other one. */
struct wire {
    uint64_t latency;
    struct units limit[PCIE_CLASSES]; /* of the receiver; 0: infinite */
    struct wire_state s;
    struct ring freed[PCIE_CLASSES];   /* struct handover: by the receiver, not told yet */
    struct ring updates[PCIE_CLASSES]; /* struct handover: on their way to the transmitter */
    struct ring arrived;               /* uint64_t: TLPs that no Ack has covered */
    struct ring acks;                  /* struct handover: on their way to the transmitter */
    struct ring twice;                 /* uint64_t: TLPs that came again; no Ack or Nak since */
    struct ring broken;                /* uint64_t: from when on a Nak is due */
    struct ring naks;                  /* struct handover: like acks */
};

struct wires {
    enum pcie_dllp policy;
    uint32_t flit; /* bytes of TLPs in a flit; 0: no flits */
    uint64_t ack_interval, fc_interval;
    uint64_t refresh; /* cycles; CLOCK_NEVER: none */
    uint32_t retry;   /* TLPs that the card keeps until they are acknowledged; 0: any */
    uint32_t error_ppb, dllp_ppb;
    bool guarded; /* TLPs are kept until they are acknowledged, since some may come again */
    uint64_t replay_limit; /* cycles; CLOCK_NEVER: there is no REPLAY_TIMER */
    uint64_t retrain;      /* cycles */
    bool ideal;
    struct wire wire[2];
    struct pcie_stats *stats;
    struct wires_state {
        uint64_t down_until; /* the link is or was being retrained before this cycle */
    } s;
};

void wires_init(struct wires *w, const struct pcie_config *config, const struct clock_set *clocks,
                unsigned domain, struct pcie_stats *stats);
void wires_free(struct wires *w);
void wires_register_state(struct wires *w, struct snapshot *snap);

/* Send what is due on wire d up to cycle t. All TLPs that start before t, on both wires, have been sent. */
void wire_catch_up(struct wires *w, unsigned d, uint64_t t);

/* First cycle from t on in which a TLP may start on wire d, as it is known at t. */
static inline uint64_t wire_clear(struct wires *w, unsigned d, uint64_t t)
{
    struct wire *wire = &w->wire[d];

    if (wire->s.due <= t) {
        wire_catch_up(w, d, t);
    }
    return wire->s.free > t ? wire->s.free : t;
}

/* Is what the transmitter knows of credit enough? */
static inline bool wire_covers(const struct wire *wire, enum pcie_class class, struct units need)
{
    const struct units *limit = &wire->limit[class];
    const struct units *have = &wire->s.class[class].credit;

    return (!limit->header || have->header >= need.header) &&
           (!limit->data || have->data >= need.data);
}

/* For wire_has_credit: with the UpdateFCs that have arrived by then. */
bool wire_gets_credit(struct wires *w, unsigned d, enum pcie_class class, struct units need,
                      uint64_t t, uint64_t *again);

/* Is there credit for a TLP of this class at cycle t? If not, *again is lowered to the cycle in which to ask
 * again. */
static inline bool wire_has_credit(struct wires *w, unsigned d, enum pcie_class class,
                                   struct units need, uint64_t t, uint64_t *again)
{
    return wire_covers(&w->wire[d], class, need) || wire_gets_credit(w, d, class, need, t, again);
}

/* TLPs that the transmitter keeps. */
static inline uint32_t wire_kept(const struct wires *w, unsigned d)
{
    return w->wire[d].s.sent - w->wire[d].s.acked;
}

/* May another TLP be kept for repetition, now that Acks are looked at? */
bool wire_has_retry_now(struct wires *w, unsigned d, uint64_t t, uint64_t *again);
static inline bool wire_has_retry(struct wires *w, unsigned d, uint64_t t, uint64_t *again)
{
    return !w->retry || wire_kept(w, d) < w->retry || wire_has_retry_now(w, d, t, again);
}

static inline void wire_use_credit(struct wires *w, unsigned d, enum pcie_class class,
                                   struct units use)
{
    struct wire *wire = &w->wire[d];

    wire->s.class[class].credit.header -= wire->limit[class].header ? use.header : 0;
    wire->s.class[class].credit.data -= wire->limit[class].data ? use.data : 0;
}

struct wire_sent {
    uint64_t left, arrives;
    bool good; /* the receiver takes it */
};

/* Send a TLP in cycle t, when the wire is clear. `again`: the one that is repeated next, else a new one. On
 * guarded wires wire_hear() comes first. */
struct wire_sent wire_send(struct wires *w, unsigned d, uint64_t t, uint32_t bytes, bool again);

/* The receiver of wire d has room again from this cycle on, which may lie ahead. */
void wire_freed(struct wires *w, unsigned d, enum pcie_class class, struct units units,
                uint64_t cycle);

/* ---- retry.c: guarded wires ----------------------------------------------------------------------- */

/* The transmitter of wire d learns of the Acks that arrive up to cycle t. What it sends in a cycle depends on
 * all of them. */
void wire_hear(struct wires *w, unsigned d, uint64_t t);

/* Everything that makes a transmitter repeat in cycle t or retrains the link, on both wires: all that starts before
 * t has been sent. To be called in each cycle that wires_next_replay() names. */
void wires_replay(struct wires *w, uint64_t t);

/* A cycle not after the next one in which that can happen. */
uint64_t wires_next_replay(const struct wires *w);

/* Is there something to be repeated, as far as is known? */
static inline bool wire_repeats(const struct wires *w, unsigned d)
{
    return w->wire[d].s.next != w->wire[d].s.sent;
}

/* For wire.c: one goes out; does the receiver take it? And from retry.c. */
bool wire_guard(struct wires *w, unsigned d, uint64_t left, uint64_t arrives, bool again);
void wire_taken(struct wires *w, unsigned d, uint64_t arrives);
void wire_came_again(struct wires *w, unsigned d, uint64_t arrives);
void wire_damaged(struct wires *w, unsigned d, uint64_t arrives);
void wires_pause(struct wires *w, uint64_t until);

#endif
