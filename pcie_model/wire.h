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
 *  - on-demand: an Ack is due ack_interval after the arrival of the first TLP that no Ack has covered,
 *    and covers all that have arrived by the cycle in which it is sent. UpdateFC of a class is due when
 *    units come free, but not less than fc_interval after the last one of the class was sent (the
 *    first: after cycle 0); it carries all that came free by the cycle in which it is sent. (The refresh of an idle link every
 *    30 us is left out.)
 *  - published: an Ack is due every ack_interval, one UpdateFC every fc_interval, whatever the traffic
 *    (both at k * interval, k >= 1); they carry what there is, the UpdateFC for all classes.
 *  - share: no DLLPs on the wire but Naks; credits, and Acks, are back `latency` after they came free.
 *  - flit mode (Gen6): bytes fill flits of `flit` bytes one after the other; a TLP has left with the
 *    end of the flit that holds its last byte. Acks and UpdateFCs are part of every flit: what came
 *    free by the end of a flit arrives `latency` later, and so does a Nak. None takes bytes; Naks are counted, Acks and UpdateFCs
 *    are not.
 *  - LCRC errors: each TLP that the receiver expects is damaged with probability error_ppb / 10^9. The
 *    receiver drops it and everything behind it until it comes again, and a Nak is due when it arrives.
 *    From the arrival of the Nak on the sender repeats, before anything new, all from that TLP on. A Nak
 *    acknowledges nothing. */
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
    uint64_t fc_sent;    /* cycle in which the last UpdateFC for it was sent, on the other wire */
    uint64_t fc_due;     /* of the next one; CLOCK_NEVER: nothing to tell */
};

struct wire_state {
    uint64_t free; /* first cycle in which something may start */
    uint64_t due;  /* least of all that is due on this wire */
    struct pulse pulse[PULSES];
    uint64_t ack_due, nak_due;
    uint32_t unacked; /* TLPs sent and not acknowledged yet, as the transmitter knows */
    bool broken;      /* the receiver waits for a TLP to be repeated */
    uint64_t
        resend; /* cycle from which the transmitter repeats; CLOCK_NEVER: it knows of nothing */
    struct wire_class_state class[PCIE_CLASSES];
    struct rng errors;
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
};

struct wires {
    enum pcie_dllp policy;
    uint32_t flit; /* bytes of TLPs in a flit; 0: no flits */
    uint64_t ack_interval, fc_interval;
    uint32_t retry; /* TLPs that the card keeps until they are acknowledged; 0: any */
    uint32_t error_ppb;
    bool ideal;
    struct wire wire[2];
    struct pcie_stats *stats;
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

/* Is there credit for a TLP of this class at cycle t? If not, *again is lowered to the cycle in which to ask
 * again. */
bool wire_has_credit(struct wires *w, unsigned d, enum pcie_class class, struct units need,
                     uint64_t t, uint64_t *again);

/* May another TLP be kept for repetition? */
bool wire_has_retry(struct wires *w, unsigned d, uint64_t t, uint64_t *again);

static inline void wire_use_credit(struct wires *w, unsigned d, enum pcie_class class,
                                   struct units use)
{
    struct wire *wire = &w->wire[d];

    wire->s.class[class].credit.header -= wire->limit[class].header ? use.header : 0;
    wire->s.class[class].credit.data -= wire->limit[class].data ? use.data : 0;
}

struct wire_sent {
    uint64_t left, arrives;
    bool good; /* the receiver takes it; else it comes again */
};

/* Send a TLP in cycle t, when the wire is clear. `again`: it has been sent before. */
struct wire_sent wire_send(struct wires *w, unsigned d, uint64_t t, uint32_t bytes, bool again);

/* The receiver of wire d has room again from this cycle on, which may lie ahead; per class in order. */
void wire_freed(struct wires *w, unsigned d, enum pcie_class class, struct units units,
                uint64_t cycle);

/* From which cycle on wire d has to repeat; CLOCK_NEVER if nothing is known at t. */
uint64_t wire_resend(struct wires *w, unsigned d, uint64_t t);
/* The same, as a cycle not after it: while the Nak has not been sent, when it can be. */
static inline uint64_t wire_nak_arrives(const struct wires *w, unsigned d)
{
    const struct wire_state *back = &w->wire[!d].s;

    if (w->wire[d].s.resend != CLOCK_NEVER || back->nak_due == CLOCK_NEVER) {
        return w->wire[d].s.resend;
    }
    return w->flit || back->nak_due > back->free ? back->nak_due : back->free;
}

/* The transmitter begins to repeat. */
static inline void wire_repeats(struct wires *w, unsigned d)
{
    w->wire[d].s.resend = CLOCK_NEVER;
    w->wire[d].s.broken = false;
}

#endif
