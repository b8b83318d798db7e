#include "pcie_model/wire.h"

#include <string.h>

enum { DLLP_BYTES = 8 };

/* ---- what is due ----------------------------------------------------------------------------- */

/* In the order in which they go when they are due at the same time. */
enum source {
    SOURCE_SKP,
    SOURCE_NAK,
    SOURCE_ACK,       /* on-demand */
    SOURCE_PULSE_ACK, /* published */
    SOURCE_PULSE_FC,
    SOURCE_FC, /* of PCIE_POSTED, and the other classes behind it */
    SOURCES = SOURCE_FC + PCIE_CLASSES
};

/* UpdateFCs on wire d are about the TLPs of the other wire. */
static uint64_t due_of(const struct wires *w, unsigned d, enum source source)
{
    const struct wire_state *s = &w->wire[d].s;

    switch (source) {
    case SOURCE_SKP: return s->pulse[PULSE_SKP].due;
    case SOURCE_NAK: return s->nak_due;
    case SOURCE_ACK: return s->ack_due;
    case SOURCE_PULSE_ACK: return s->pulse[PULSE_ACK].due;
    case SOURCE_PULSE_FC: return s->pulse[PULSE_FC].due;
    default: return w->wire[!d].s.class[source - SOURCE_FC].fc_due;
    }
}

static enum source first_source(const struct wires *w, unsigned d)
{
    enum source first = SOURCE_SKP;

    for (unsigned i = 1; i < SOURCES; i++) {
        if (due_of(w, d, (enum source)i) < due_of(w, d, first)) {
            first = (enum source)i;
        }
    }
    return first;
}

static void find_due(struct wires *w, unsigned d)
{
    w->wire[d].s.due = due_of(w, d, first_source(w, d));
}

/* ---- Ack and UpdateFC ------------------------------------------------------------------------ */

/* The next Ack is due by the first TLP that is not covered, or by one that came again. */
static void set_ack_due(struct wires *w, unsigned d)
{
    const struct wire *about = &w->wire[!d];
    const uint64_t *first = ring_head(&about->arrived);
    const uint64_t *twice = w->guarded ? ring_head(&about->twice) : NULL;
    uint64_t due = first ? *first + (w->flit ? 0 : w->ack_interval) : CLOCK_NEVER;

    if (w->policy == PCIE_DLLP_ON_DEMAND) {
        w->wire[d].s.ack_due = twice ? earlier(due, *twice) : due;
    }
}

/* Take those of cycles up to s. Returns how many. */
static uint32_t pop_until(struct ring *cycles, uint64_t s)
{
    const uint64_t *first;
    uint32_t n = 0;

    while ((first = ring_head(cycles)) && *first <= s) {
        ring_pop(cycles);
        n++;
    }
    return n;
}

/* An Ack or Nak that is sent on wire d in cycle s covers what has arrived. Returns how many TLPs it tells of; a lost
 * one leaves that to the next. */
static uint32_t cover(struct wires *w, unsigned d, uint64_t s, bool lost)
{
    struct wire *about = &w->wire[!d];
    uint32_t n = about->s.untold + pop_until(&about->arrived, s);

    if (w->guarded) {
        pop_until(&about->twice, s);
        about->s.untold = lost ? n : 0;
    }
    set_ack_due(w, d);
    return lost ? 0 : n;
}

static void acknowledge(struct wires *w, unsigned d, uint64_t s, uint64_t arrives, bool lost)
{
    struct handover ack = { .cycle = arrives, .units.header = cover(w, d, s, lost) };

    if (ack.units.header && (w->retry || w->guarded)) {
        *(struct handover *)ring_push(&w->wire[!d].acks) = ack;
    }
}

/* In flits, and if DLLPs are a share of the rate, an Ack has said before what it would. */
static void send_nak(struct wires *w, unsigned d, uint64_t s, uint64_t arrives, bool lost)
{
    struct wire *about = &w->wire[!d];
    struct handover nak = { .cycle = arrives };
    const uint64_t *next;

    pop_until(&about->broken, s);
    next = ring_head(&about->broken);
    w->wire[d].s.nak_due = next ? *next : CLOCK_NEVER;
    if (!w->flit && w->policy != PCIE_DLLP_SHARE) {
        nak.units.header = cover(w, d, s, lost);
    }
    if (!lost) {
        *(struct handover *)ring_push(&about->naks) = nak;
    }
}

/* The next UpdateFC of this class is due by the first units that came free, or because the last one is long
 * ago. */
static void set_fc_due(struct wires *w, unsigned d, enum pcie_class class)
{
    struct wire *owner = &w->wire[!d];
    const struct handover *first = ring_head(&owner->freed[class]);
    struct wire_class_state *c = &owner->s.class[class];

    if (w->policy != PCIE_DLLP_ON_DEMAND) {
        return;
    }
    c->fc_due = CLOCK_NEVER;
    if (first) {
        c->fc_due = w->flit ? first->cycle : later(first->cycle, c->fc_sent + w->fc_interval);
    }
    if (w->refresh != CLOCK_NEVER && (owner->limit[class].header || owner->limit[class].data)) {
        c->fc_due = earlier(c->fc_due, c->fc_sent + w->refresh);
    }
}

/* An UpdateFC of this class that is sent on wire d in cycle s, and arrives then. */
static void update_credit(struct wires *w, unsigned d, enum pcie_class class, uint64_t s,
                          uint64_t arrives, bool lost)
{
    struct wire *owner = &w->wire[!d];
    struct units *untold = &owner->s.class[class].untold;
    struct handover update = { .cycle = arrives, .units = *untold };
    const struct handover *first;

    while ((first = ring_head(&owner->freed[class])) && first->cycle <= s) {
        update.units.header += first->units.header;
        update.units.data += first->units.data;
        ring_pop(&owner->freed[class]);
    }
    *untold = lost ? update.units : (struct units){ 0, 0 };
    if (!lost && (update.units.header || update.units.data)) {
        *(struct handover *)ring_push(&owner->updates[class]) = update;
    }
    owner->s.class[class].fc_sent = s;
    set_fc_due(w, d, class);
}

/* ---- sending what is due --------------------------------------------------------------------- */

static void pulse_sent(struct pulse *pulse)
{
    pulse->due += pulse->period;
}

static void count_pulses(struct wires *w, unsigned d, unsigned pulse, uint64_t n)
{
    struct pcie_direction_stats *stats = &w->stats->dir[d];

    if (pulse == PULSE_SKP) {
        stats->wire_skp += n * w->wire[d].s.pulse[PULSE_SKP].bytes;
        return;
    }
    stats->acks += pulse == PULSE_ACK ? n : 0;
    stats->updates += pulse == PULSE_FC ? n : 0;
    stats->wire_dllp += n * DLLP_BYTES;
}

/* Whether a DLLP that is sent on wire d arrives damaged. */
static bool is_lost(struct wires *w, unsigned d)
{
    bool lost = w->dllp_ppb && rng_below(&w->wire[d].s.losses, 1000000000) < w->dllp_ppb;

    w->stats->dir[d].bad_dllps += lost;
    return lost;
}

static void act(struct wires *w, unsigned d, enum source source, uint64_t s, uint64_t arrives)
{
    struct wire *wire = &w->wire[d];
    struct pcie_direction_stats *stats = &w->stats->dir[d];
    bool lost;

    if (source == SOURCE_SKP) {
        pulse_sent(&wire->s.pulse[PULSE_SKP]);
        stats->wire_skp += wire->s.pulse[PULSE_SKP].bytes;
        return;
    }
    lost = is_lost(w, d);
    switch (source) {
    case SOURCE_NAK:
        send_nak(w, d, s, arrives, lost);
        stats->naks++;
        break;
    case SOURCE_PULSE_ACK:
    case SOURCE_ACK:
        if (source == SOURCE_PULSE_ACK) {
            pulse_sent(&wire->s.pulse[PULSE_ACK]);
        }
        acknowledge(w, d, s, arrives, lost);
        stats->acks += w->flit == 0;
        break;
    case SOURCE_PULSE_FC:
        pulse_sent(&wire->s.pulse[PULSE_FC]);
        for (unsigned c = 0; c < PCIE_CLASSES; c++) {
            update_credit(w, d, (enum pcie_class)c, s, arrives, lost);
        }
        stats->updates++;
        break;
    default:
        update_credit(w, d, (enum pcie_class)(source - SOURCE_FC), s, arrives, lost);
        stats->updates += w->flit == 0;
        break;
    }
    stats->wire_dllp += w->flit ? 0u : (uint64_t)DLLP_BYTES;
}

static uint32_t bytes_of(const struct wires *w, unsigned d, enum source source)
{
    return source == SOURCE_SKP ? w->wire[d].s.pulse[PULSE_SKP].bytes : (uint32_t)DLLP_BYTES;
}

static uint64_t end_of_flit(const struct wires *w, uint64_t cycle)
{
    return w->flit ? (cycle + w->flit - 1) / w->flit * w->flit : cycle;
}

/* On a wire that is idle what is sent at regular cycles disturbs nobody: all but the last ones before the
 * next thing that matters are counted, not sent one by one. */
static void skip_idle(struct wires *w, unsigned d, uint64_t t)
{
    enum { CLEARANCE = 1024 }; /* more than all that can be due at once takes */
    struct wire_state *s = &w->wire[d].s;
    struct wire *other = &w->wire[!d];
    const uint64_t *arrival = ring_head(&other->arrived);
    uint64_t until = earlier(earlier(t, s->ack_due), earlier(s->nak_due, arrival ? *arrival : t));

    for (unsigned c = 0; c < PCIE_CLASSES; c++) {
        const struct handover *freed = ring_head(&other->freed[c]);

        until = earlier(until, earlier(freed ? freed->cycle : t, other->s.class[c].fc_due));
    }
    if (s->free > s->due || until < s->due + 2 * CLEARANCE ||
        (w->dllp_ppb && w->policy == PCIE_DLLP_PUBLISHED)) { /* each of them may be damaged */
        return;
    }
    for (unsigned i = 0; i < PULSES; i++) {
        struct pulse *p = &s->pulse[i];

        if (p->period && p->due + CLEARANCE < until) {
            uint64_t n = (until - CLEARANCE - p->due) / p->period;

            p->due += n * p->period;
            count_pulses(w, d, i, n);
        }
    }
    find_due(w, d);
}

void wire_catch_up(struct wires *w, unsigned d, uint64_t t)
{
    struct wire_state *s = &w->wire[d].s;

    if (s->due + 4096 < t) {
        skip_idle(w, d, t);
    }
    while (s->due <= t && (w->flit || s->free <= t)) {
        enum source source = first_source(w, d);
        uint64_t start = s->due;

        if (w->flit) { /* there is room for it in every one */
            start = end_of_flit(w, start);
            act(w, d, source, start, start + w->wire[d].latency);
        } else {
            start = later(start, s->free);
            s->free = start + bytes_of(w, d, source);
            act(w, d, source, start, s->free + w->wire[d].latency);
        }
        find_due(w, d);
    }
}

/* ---- credit ---------------------------------------------------------------------------------- */

/* When something that is due on wire d can go, as far as is known. */
static uint64_t can_go(const struct wires *w, unsigned d, uint64_t due)
{
    return w->flit ? due : later(due, w->wire[d].s.free);
}

bool wire_gets_credit(struct wires *w, unsigned d, enum pcie_class class, struct units need,
                      uint64_t t, uint64_t *again)
{
    struct wire *wire = &w->wire[d];
    struct wire_class_state *c = &wire->s.class[class];
    const struct handover *update;
    uint64_t at;

    if (w->wire[!d].s.due <= t) {
        wire_catch_up(w, !d, t);
    }
    while ((update = ring_head(&wire->updates[class])) && update->cycle <= t) {
        c->credit.header += wire->limit[class].header ? update->units.header : 0;
        c->credit.data += wire->limit[class].data ? update->units.data : 0;
        ring_pop(&wire->updates[class]);
    }
    if (wire_covers(wire, class, need)) {
        return true;
    }
    at = update ? update->cycle : can_go(w, !d, c->fc_due);
    if (w->policy == PCIE_DLLP_PUBLISHED && !update) {
        at = later(w->wire[!d].s.pulse[PULSE_FC].due, w->wire[!d].s.free);
    }
    *again = earlier(*again, later(at, t + 1));
    return false;
}

/* TLPs that are not guarded cannot get lost: all that an Ack does is to make room. */
static void make_room(struct wires *w, unsigned d, uint64_t t)
{
    struct wire *wire = &w->wire[d];
    const struct handover *ack;

    if (w->wire[!d].s.due <= t) {
        wire_catch_up(w, !d, t);
    }
    while ((ack = ring_head(&wire->acks)) && ack->cycle <= t) {
        wire->s.acked += ack->units.header;
        ring_pop(&wire->acks);
    }
}

bool wire_has_retry_now(struct wires *w, unsigned d, uint64_t t, uint64_t *again)
{
    const struct handover *ack;
    uint64_t at;

    if (w->guarded) {
        wire_hear(w, d, t);
    } else {
        make_room(w, d, t);
    }
    if (wire_kept(w, d) < w->retry) {
        return true;
    }
    ack = ring_head(&w->wire[d].acks);
    at = ack ? ack->cycle : can_go(w, !d, w->wire[!d].s.due);
    *again = earlier(*again, later(at, t + 1));
    return false;
}

/* Behind those of the same cycle. Returns whether it is the first. */
static bool add_in_order(struct ring *ring, const struct handover *h)
{
    struct handover *place = ring_push(ring);
    uint32_t at = ring_used(ring) - 1;

    for (; at > 0 && ((struct handover *)ring_at(ring, at - 1))->cycle > h->cycle; at--) {
        *place = *(struct handover *)ring_at(ring, at - 1);
        place = ring_at(ring, at - 1);
    }
    *place = *h;
    return at == 0;
}

void wire_freed(struct wires *w, unsigned d, enum pcie_class class, struct units units,
                uint64_t cycle)
{
    struct wire *wire = &w->wire[d];
    struct handover h = { .cycle = cycle, .units = units };

    if (!wire->limit[class].header && !wire->limit[class].data) {
        return; /* infinite: nobody needs to be told */
    }
    if (w->policy == PCIE_DLLP_SHARE) {
        h.cycle += w->wire[!d].latency;
        add_in_order(&wire->updates[class], &h);
        return;
    }
    if (add_in_order(&wire->freed[class], &h)) {
        set_fc_due(w, !d, class);
        w->wire[!d].s.due = earlier(w->wire[!d].s.due, wire->s.class[class].fc_due);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

/* It will be acknowledged; the Ack may be due by it. */
void wire_taken(struct wires *w, unsigned d, uint64_t arrives)
{
    struct wire *wire = &w->wire[d];

    if (!w->retry && !w->guarded && (w->flit || w->policy != PCIE_DLLP_ON_DEMAND)) {
        return; /* nobody waits for the Ack, and it costs nothing beyond what is sent anyway */
    }
    if (w->policy == PCIE_DLLP_SHARE) {
        *(struct handover *)ring_push(&wire->acks) =
            (struct handover){ .cycle = arrives + w->wire[!d].latency, .units = { 1, 0 } };
        return;
    }
    *(uint64_t *)ring_push(&wire->arrived) = arrives;
    if (ring_used(&wire->arrived) == 1) {
        set_ack_due(w, !d);
        w->wire[!d].s.due = earlier(w->wire[!d].s.due, w->wire[!d].s.ack_due);
    }
}

/* One that had been taken has come once more: the receiver says again what it has. */
void wire_came_again(struct wires *w, unsigned d, uint64_t arrives)
{
    if (w->policy == PCIE_DLLP_ON_DEMAND && !w->flit) {
        *(uint64_t *)ring_push(&w->wire[d].twice) = arrives;
        set_ack_due(w, !d);
        w->wire[!d].s.due = earlier(w->wire[!d].s.due, w->wire[!d].s.ack_due);
    }
}

void wire_damaged(struct wires *w, unsigned d, uint64_t arrives)
{
    struct wire *wire = &w->wire[d];

    *(uint64_t *)ring_push(&wire->broken) = arrives;
    if (ring_used(&wire->broken) == 1) {
        w->wire[!d].s.nak_due = arrives;
        w->wire[!d].s.due = earlier(w->wire[!d].s.due, arrives);
    }
}

/* Nothing starts before this cycle; what is regular and due before it is left out. */
void wires_pause(struct wires *w, uint64_t until)
{
    for (unsigned d = UP; d <= DOWN; d++) {
        struct wire_state *s = &w->wire[d].s;

        s->free = later(s->free, until);
        for (unsigned i = 0; i < PULSES; i++) {
            struct pulse *p = &s->pulse[i];

            if (p->period && p->due < until) {
                p->due += (until - p->due + p->period - 1) / p->period * p->period;
            }
        }
        find_due(w, d);
    }
}

struct wire_sent wire_send(struct wires *w, unsigned d, uint64_t t, uint32_t bytes, bool again)
{
    struct wire *wire = &w->wire[d];
    struct wire_sent sent = { .left = t, .arrives = t, .good = true };

    if (w->ideal) {
        return sent;
    }
    wire->s.free = t + bytes;
    sent.left = end_of_flit(w, t + bytes);
    sent.arrives = sent.left + wire->latency;
    if (w->guarded) {
        sent.good = wire_guard(w, d, sent.left, sent.arrives, again);
    } else {
        wire->s.next = ++wire->s.sent;
        wire_taken(w, d, sent.arrives);
    }
    return sent;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Ack and UpdateFC guideline in symbol times of a lane: (MPS + 28) * factor / lanes + internal delay (Base
 * Specification 5.0, tables 2-46 to 2-48 and 3-7 to 3-9; the factor in tenths). */
uint32_t pcie_ack_latency(const struct pcie_config *config)
{
    static const uint32_t small[] = { 14, 14, 14, 25, 30 };
    static const uint32_t large[] = { 10, 10, 10, 10, 20 };
    static const uint32_t internal[] = { 19, 70, 115, 115, 115, 115 };
    unsigned width = (unsigned)__builtin_ctz(config->lanes);
    uint32_t tenths = config->mps <= 256 ? small[width] : large[width];

    return (uint32_t)((config->mps + 28) * tenths / (10 * config->lanes)) +
           internal[config->generation - 1];
}

/* Base Specification 5.0, 3.6.2.1: three times what an Ack may take (tables 3-4 to 3-6); from 16 GT/s on the
 * simplified limits, 24000 to 31000 symbol times. */
uint32_t pcie_replay_limit(const struct pcie_config *config)
{
    enum { SIMPLIFIED = 24000 };
    uint32_t limit = 3 * (config->ack_latency ? config->ack_latency : pcie_ack_latency(config));

    if (config->replay_timer) {
        return config->replay_timer;
    }
    return config->generation >= 4 && limit < SIMPLIFIED ? SIMPLIFIED : limit;
}

static void init_wire(struct wires *w, unsigned d, const struct pcie_config *config)
{
    struct wire_state *s = &w->wire[d].s;
    uint32_t lanes = config->lanes;

    memset(s, 0, sizeof *s);
    s->due = s->ack_due = s->nak_due = s->timer_from = CLOCK_NEVER;
    for (unsigned p = 0; p < PULSES; p++) {
        s->pulse[p].due = CLOCK_NEVER;
    }
    if (w->policy == PCIE_DLLP_PUBLISHED) {
        s->pulse[PULSE_SKP] = (struct pulse){ 1538, 1538, 4 };
        s->pulse[PULSE_ACK] = (struct pulse){ w->ack_interval, w->ack_interval, DLLP_BYTES };
        s->pulse[PULSE_FC] = (struct pulse){ w->fc_interval, w->fc_interval, DLLP_BYTES };
    } else if (w->policy == PCIE_DLLP_ON_DEMAND && !w->flit) {
        bool coded = config->generation >= 3; /* a block is 16 symbols; one in 375 is SKP */
        uint32_t period = (coded ? 375 * 16 : 1538) * lanes;

        s->pulse[PULSE_SKP] = (struct pulse){ period, period, (coded ? 16 : 4) * lanes };
    }
    for (unsigned c = 0; c < PCIE_CLASSES; c++) {
        s->class[c].fc_due = CLOCK_NEVER;
        s->class[c].credit = w->wire[d].limit[c];
        ring_init(&w->wire[d].freed[c], sizeof(struct handover));
        ring_init(&w->wire[d].updates[c], sizeof(struct handover));
    }
    s->errors = rng_stream(config->seed, 0x70636965 + d);
    s->losses = rng_stream(config->seed, 0x646c6c70 + d);
    ring_init(&w->wire[d].arrived, sizeof(uint64_t));
    ring_init(&w->wire[d].acks, sizeof(struct handover));
    ring_init(&w->wire[d].twice, sizeof(uint64_t));
    ring_init(&w->wire[d].broken, sizeof(uint64_t));
    ring_init(&w->wire[d].naks, sizeof(struct handover));
}

/* What protects TLPs and DLLPs from damage, if there is any. */
static void init_guard(struct wires *w, const struct pcie_config *config,
                       const struct clock_set *clocks, unsigned domain)
{
    enum { REFRESH_PS = 30000000 }; /* 2.6.1.2: 30 us, -0 % / +50 % */
    uint64_t refresh = config->refresh_ps ? config->refresh_ps : REFRESH_PS;

    w->error_ppb = config->lcrc_ppb;
    w->dllp_ppb = config->dllp_crc_ppb;
    w->guarded = !config->ideal && (w->error_ppb || w->dllp_ppb || config->replay_timer);
    w->retrain = clock_cycles_from_ps(clocks, domain, config->retrain_ps);
    w->replay_limit = w->refresh = CLOCK_NEVER;
    if (w->guarded && !w->flit) {
        w->replay_limit = (uint64_t)pcie_replay_limit(config) * config->lanes +
                          w->wire[UP].latency + w->wire[DOWN].latency;
    }
    if (!config->ideal && !w->flit && (config->refresh_ps || w->dllp_ppb)) {
        w->refresh = clock_cycles_from_ps(clocks, domain, refresh);
    }
}

void wires_init(struct wires *w, const struct pcie_config *config, const struct clock_set *clocks,
                unsigned domain, struct pcie_stats *stats)
{
    uint32_t symbols = config->ack_latency ? config->ack_latency : pcie_ack_latency(config);
    uint64_t interval =
        config->dllp == PCIE_DLLP_PUBLISHED ? symbols : (uint64_t)symbols * config->lanes;

    memset(w, 0, sizeof *w);
    w->policy = (enum pcie_dllp)config->dllp;
    w->flit = config->generation == 6 ? PCIE_FLIT_BYTES : 0;
    w->ack_interval = w->fc_interval = interval;
    w->retry = config->retry;
    w->ideal = config->ideal;
    w->stats = stats;
    if (!config->ideal) {
        w->wire[UP].latency = clock_cycles_from_ps(clocks, domain, config->up_ps);
        w->wire[DOWN].latency = clock_cycles_from_ps(clocks, domain, config->down_ps);
        w->wire[UP].limit[PCIE_POSTED] = (struct units){ config->host_ph, config->host_pd };
        w->wire[UP].limit[PCIE_NONPOSTED] = (struct units){ config->host_nph, 0 };
        w->wire[DOWN].limit[PCIE_POSTED] = (struct units){ config->card_ph, config->card_pd };
        w->wire[DOWN].limit[PCIE_NONPOSTED] = (struct units){ config->card_nph, 0 };
    }
    for (unsigned d = UP; d <= DOWN; d++) {
        init_wire(w, d, config);
    }
    init_guard(w, config, clocks, domain);
    for (unsigned d = UP; d <= DOWN; d++) {
        for (unsigned c = 0; c < PCIE_CLASSES; c++) {
            set_fc_due(w, d, (enum pcie_class)c);
        }
    }
    for (unsigned d = UP; d <= DOWN; d++) {
        find_due(w, d);
        if (config->ideal) {
            w->wire[d].s.due = CLOCK_NEVER;
            memset(w->wire[d].s.pulse, 0xff, sizeof w->wire[d].s.pulse);
        }
    }
}

void wires_free(struct wires *w)
{
    for (unsigned d = UP; d <= DOWN; d++) {
        for (unsigned c = 0; c < PCIE_CLASSES; c++) {
            ring_free(&w->wire[d].freed[c]);
            ring_free(&w->wire[d].updates[c]);
        }
        ring_free(&w->wire[d].arrived);
        ring_free(&w->wire[d].acks);
        ring_free(&w->wire[d].twice);
        ring_free(&w->wire[d].broken);
        ring_free(&w->wire[d].naks);
    }
}

void wires_register_state(struct wires *w, struct snapshot *snap)
{
    for (unsigned d = UP; d <= DOWN; d++) {
        struct wire *wire = &w->wire[d];

        snapshot_fixed(snap, "pcie.wire", &wire->s, sizeof wire->s);
        for (unsigned c = 0; c < PCIE_CLASSES; c++) {
            ring_register_state(&wire->freed[c], snap, "pcie.freed");
            ring_register_state(&wire->updates[c], snap, "pcie.updates");
        }
        ring_register_state(&wire->arrived, snap, "pcie.arrived");
        ring_register_state(&wire->acks, snap, "pcie.acks");
        ring_register_state(&wire->twice, snap, "pcie.twice");
        ring_register_state(&wire->broken, snap, "pcie.broken");
        ring_register_state(&wire->naks, snap, "pcie.naks");
    }
    snapshot_fixed(snap, "pcie.wires", &w->s, sizeof w->s);
}
