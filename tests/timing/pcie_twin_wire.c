/* The data link layer of the twin, as pcie_model/wire.h has it, a cycle at a time. Transmitters and
 * receivers count TLPs and units since the beginning, as the specification's counters do, and know of
 * each other only what DLLPs have told.
 *
 * What wire.h leaves open is as in the link:
 *  - SKP: 4 symbols of each lane every 1538 symbol times (Gen1, Gen2), 16 every 375 blocks of 16 (from Gen3
 *    on), 4 bytes every 1538 byte times (published). None with share or flits.
 *  - Intervals: ack_latency symbol times are as many bytes on each lane; published: bytes of the link.
 *  - The first UpdateFC of a class is not due before fc_interval.
 *  - A Nak is a DLLP of 8 bytes also with share; in flits it goes with the end of
 *    one. Acks and UpdateFCs in flits are not counted. Share is share in flits, too.
 *  - The retry buffer of the host has no limit (pcie_twin.c). */
#include <stdlib.h>
#include <string.h>

#include "pcie_twin.h"

void *tw_add(struct tw_list *list, size_t item_bytes)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->item = realloc(list->item, list->room * item_bytes);
        if (!list->item) {
            abort();
        }
    }
    return (char *)list->item + item_bytes * list->count++;
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* Symbol times between Acks: the formula behind tables 2-46 to 2-48 of the Base Specification 5.0. */
static uint64_t guideline(const struct pcie_config *c)
{
    static const uint64_t tenths_small[] = { 14, 14, 14, 25, 30 };
    static const uint64_t tenths_large[] = { 10, 10, 10, 10, 20 };
    uint64_t delay = c->generation == 1 ? 19 : c->generation == 2 ? 70 : 115;
    unsigned width = 0;

    while (1u << width < c->lanes) {
        width++;
    }
    return (c->mps + 28) * (c->mps <= 256 ? tenths_small : tenths_large)[width] / 10 / c->lanes +
           delay;
}

static void set_intervals(struct tw_wires *w)
{
    const struct pcie_config *c = w->config;
    uint64_t symbols = c->ack_latency ? c->ack_latency : guideline(c);

    w->flit = c->generation == 6 ? PCIE_FLIT_BYTES : 0;
    w->ack_interval = symbols * (c->dllp == PCIE_DLLP_PUBLISHED ? 1 : c->lanes);
    w->fc_interval = w->ack_interval;
    if (c->dllp == PCIE_DLLP_PUBLISHED) {
        w->skp_bytes = 4;
        w->skp_period = 1538;
    } else if (c->generation >= 3) {
        w->skp_bytes = 16ull * c->lanes;
        w->skp_period = 6000ull * c->lanes;
    } else {
        w->skp_bytes = 4ull * c->lanes;
        w->skp_period = 1538ull * c->lanes;
    }
}

/* Base Specification 5.0, 3.6.2.1: three times what an Ack may take; simplified limits from 16 GT/s on. */
static void set_replay_limit(struct tw_wires *w)
{
    const struct pcie_config *c = w->config;
    uint64_t symbols = 3 * (c->ack_latency ? c->ack_latency : guideline(c));

    if (w->flit || !(c->lcrc_ppb || c->dllp_crc_ppb || c->replay_timer)) {
        return;
    }
    if (c->generation > 3 && symbols < 24000) {
        symbols = 24000;
    }
    if (c->replay_timer) {
        symbols = c->replay_timer;
    }
    w->replay_limit = symbols * c->lanes + w->wire[TW_UP].latency + w->wire[TW_DOWN].latency;
}

static void set_refresh(struct tw_wires *w, uint64_t cycles)
{
    w->refresh = cycles;
    for (int d = TW_UP; d <= TW_DOWN; d++) {
        for (unsigned c = 0; c < TW_CLASSES; c++) {
            struct tw_units limit = w->wire[d].limit[c];

            w->wire[d].fc_refresh[c] =
                cycles && (limit.header || limit.data) ? cycles : CLOCK_NEVER;
        }
    }
}

void tw_init(struct tw_wires *w, const struct pcie_config *config, tw_edges *edges_in,
             const void *self)
{
    struct tw_wire *up = &w->wire[TW_UP];
    struct tw_wire *down = &w->wire[TW_DOWN];

    w->config = config;
    up->latency = edges_in(self, config->up_ps);
    down->latency = edges_in(self, config->down_ps);
    set_intervals(w);
    set_replay_limit(w);
    w->retrain = edges_in(self, config->retrain_ps);
    up->limit[TW_POSTED] = (struct tw_units){ config->host_ph, config->host_pd };
    up->limit[TW_NONPOSTED] = (struct tw_units){ config->host_nph, 0 };
    down->limit[TW_POSTED] = (struct tw_units){ config->card_ph, config->card_pd };
    down->limit[TW_NONPOSTED] = (struct tw_units){ config->card_nph, 0 };
    for (int d = TW_UP; d <= TW_DOWN; d++) {
        w->wire[d].twice_since = CLOCK_NEVER;
        w->wire[d].errors = rng_stream(config->seed, 0x70636965u + (unsigned)d);
        w->wire[d].losses = rng_stream(config->seed, 0x646c6c70u + (unsigned)d);
        for (int c = 0; c < TW_CLASSES; c++) {
            w->wire[d].fc_not_before[c] = w->fc_interval;
        }
    }
    set_refresh(w, edges_in(self, config->refresh_ps     ? config->refresh_ps
                                  : config->dllp_crc_ppb ? 30000000
                                                         : 0));
}

void tw_free(struct tw_wires *w)
{
    for (int d = TW_UP; d <= TW_DOWN; d++) {
        free(w->wire[d].sent.item);
        free(w->wire[d].flying.item);
        free(w->wire[d].arrival.item);
        free(w->wire[d].told.item);
        free(w->wire[d].naks.item);
        for (int c = 0; c < TW_CLASSES; c++) {
            free(w->wire[d].freed[c].item);
        }
    }
}

/* ---- what receivers tell ------------------------------------------------------------------- */

void tw_give_free(struct tw_wires *w, int direction, enum tw_class class, struct tw_units units,
                  uint64_t cycle)
{
    struct tw_wire *wire = &w->wire[direction];

    if (wire->limit[class].header == 0 && wire->limit[class].data == 0) {
        return; /* all infinite: nothing is ever told */
    }
    *TW_ADD(&wire->freed[class], struct tw_freed) =
        (struct tw_freed){ .cycle = cycle, .units = units };
}

/* All units that came free by cycle `until` are about to be told: are there any? */
static bool gather_free(struct tw_wire *wire, unsigned class, uint64_t until)
{
    struct tw_list *list = &wire->freed[class];
    bool any = false;

    for (uint32_t i = list->first; i < list->count; i++) {
        struct tw_freed *f = TW_AT(list, struct tw_freed, i);

        if (!f->told && f->cycle <= until) {
            wire->told_free[class].header += f->units.header;
            wire->told_free[class].data += f->units.data;
            f->told = any = true;
        }
    }
    while (list->first < list->count && TW_AT(list, struct tw_freed, list->first)->told) {
        list->first++;
    }
    return any;
}

/* A message about TLPs of `wire` that says what has been gathered. */
static struct tw_told *tell(struct tw_wire *wire, uint64_t arrives)
{
    struct tw_told *told = TW_ADD(&wire->told, struct tw_told);

    memset(told, 0, sizeof *told);
    told->arrives = arrives;
    told->good = wire->covered;
    memcpy(told->freed, wire->told_free, sizeof told->freed);
    return told;
}

/* It says from where to repeat. */
static void tell_nak(struct tw_wire *wire, uint64_t arrives)
{
    *TW_ADD(&wire->naks, struct tw_nak) =
        (struct tw_nak){ .arrives = arrives, .good = wire->expected };
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t ack_due(const struct tw_wires *w, const struct tw_wire *wire)
{
    uint64_t cycle = wire->twice_since;

    if (wire->covered < wire->expected) {
        cycle = earlier(cycle, *TW_AT(&wire->arrival, uint64_t, wire->covered) + w->ack_interval);
    }
    return cycle;
}

static uint64_t update_due(const struct tw_wire *wire, unsigned class)
{
    const struct tw_list *freed = &wire->freed[class];
    uint64_t cycle = CLOCK_NEVER;

    for (uint32_t i = freed->first; i < freed->count; i++) {
        const struct tw_freed *f = TW_AT(freed, struct tw_freed, i);

        cycle = f->told ? cycle : earlier(cycle, f->cycle);
    }
    if (cycle < wire->fc_not_before[class]) {
        cycle = wire->fc_not_before[class];
    }
    return earlier(cycle, wire->fc_refresh[class]);
}

/* When a DLLP about TLPs of `wire` is due that goes on wire `on`; CLOCK_NEVER: not as things are. */
static uint64_t due(const struct tw_wires *w, const struct tw_wire *wire, const struct tw_wire *on,
                    unsigned dllp)
{
    bool published = w->config->dllp == PCIE_DLLP_PUBLISHED;

    if (dllp == TW_NAK) {
        return wire->nak_waits ? wire->broken_since : CLOCK_NEVER;
    }
    if (w->config->dllp == PCIE_DLLP_SHARE) {
        return CLOCK_NEVER;
    }
    if (dllp == TW_SKP) {
        return w->skp_period * (on->pulses[dllp] + 1);
    }
    if (published) {
        return dllp == TW_ACK  ? w->ack_interval * (on->pulses[dllp] + 1)
               : dllp == TW_FC ? w->fc_interval * (on->pulses[dllp] + 1)
                               : CLOCK_NEVER;
    }
    return dllp == TW_ACK ? ack_due(w, wire) : update_due(wire, dllp - TW_FC);
}

static bool is_about(const struct tw_wires *w, unsigned dllp, unsigned class)
{
    return dllp == TW_FC + class || (dllp == TW_FC && w->config->dllp == PCIE_DLLP_PUBLISHED);
}

/* The receiver says what it has; whether or not it will be heard, it believes so. */
static void say_what_is_there(struct tw_wires *w, struct tw_wire *wire, unsigned dllp)
{
    if (dllp < TW_FC) { /* Ack, Nak */
        wire->covered = wire->expected;
        wire->twice_since = CLOCK_NEVER;
        wire->nak_waits = wire->nak_waits && dllp != TW_NAK;
    }
    for (unsigned c = 0; c < TW_CLASSES; c++) {
        if (is_about(w, dllp, c)) {
            gather_free(wire, c, w->t);
            wire->fc_not_before[c] = w->t + w->fc_interval;
            if (wire->fc_refresh[c] != CLOCK_NEVER) {
                wire->fc_refresh[c] = w->t + w->refresh;
            }
        }
    }
}

static void is_heard(struct tw_wires *w, int on, unsigned dllp)
{
    struct tw_wire *wire = &w->wire[1 - on];
    uint64_t arrives = w->t + 8 + w->wire[on].latency;
    struct tw_told *told;

    if (dllp == TW_NAK) {
        tell_nak(wire, arrives);
        return;
    }
    told = tell(wire, arrives);
    told->acks = dllp == TW_ACK;
    for (unsigned c = 0; c < TW_CLASSES; c++) {
        told->updates[c] = is_about(w, dllp, c);
    }
}

static void send_dllp(struct tw_wires *w, int on, unsigned dllp)
{
    struct tw_wire *out = &w->wire[on];
    struct pcie_direction_stats *stats = &w->stats->dir[on];
    bool lost;

    out->pulses[dllp]++;
    out->carries_tlp = false;
    if (dllp == TW_SKP) {
        out->free = w->t + w->skp_bytes;
        stats->wire_skp += w->skp_bytes;
        return;
    }
    out->free = w->t + 8;
    stats->wire_dllp += 8;
    stats->naks += dllp == TW_NAK;
    stats->acks += dllp == TW_ACK;
    stats->updates += dllp >= TW_FC;
    lost = w->config->dllp != PCIE_DLLP_SHARE &&
           rng_below(&out->losses, 1000000000) < w->config->dllp_crc_ppb;
    stats->bad_dllps += lost;
    say_what_is_there(w, &w->wire[1 - on], dllp);
    if (!lost) {
        is_heard(w, on, dllp);
    }
}

/* Without DLLPs on the wire: what has happened by now is told in this cycle. */
static void tell_now(struct tw_wires *w, int on)
{
    struct tw_wire *wire = &w->wire[1 - on];
    uint64_t arrives = w->t + w->wire[on].latency;
    bool news = wire->covered < wire->expected;

    for (unsigned c = 0; c < TW_CLASSES; c++) {
        news |= gather_free(wire, c, w->t);
    }
    if (news) {
        struct tw_told *told;

        wire->covered = wire->expected;
        told = tell(wire, arrives);
        told->acks = true;
        memset(told->updates, true, sizeof told->updates);
    }
}

/* ---- what transmitters hear ---------------------------------------------------------------- */

/* Nothing starts for a while; what is regular is left out. */
static void retrain(struct tw_wires *w)
{
    if (w->down_until > w->t) {
        return;
    }
    w->stats->retrains++;
    w->down_until = w->t + w->retrain;
    for (int on = TW_UP; on <= TW_DOWN; on++) {
        for (unsigned k = 0; k < TW_DLLPS; k++) {
            bool regular = k == TW_SKP || (w->config->dllp == PCIE_DLLP_PUBLISHED && k != TW_NAK);

            while (regular && due(w, &w->wire[1 - on], &w->wire[on], k) < w->down_until) {
                w->wire[on].pulses[k]++;
            }
        }
    }
}

static void repeat_from_now(struct tw_wires *w, int direction)
{
    struct tw_wire *wire = &w->wire[direction];

    wire->timer_runs = false;
    if (wire->acked == wire->sent.count) {
        return;
    }
    wire->next = wire->acked;
    wire->first_again = true;
    if (w->flit) {
        return;
    }
    wire->replay_num++;
    if (wire->replay_num == 4) {
        wire->replay_num = 0;
        w->stats->dir[direction].replay_rollovers++;
        retrain(w);
    }
}

static void start_timer(const struct tw_wires *w, struct tw_wire *wire, uint64_t from)
{
    wire->timer_runs = w->replay_limit > 0;
    wire->timer_from = from;
    wire->timer = 0;
}

/* Returns whether it is news. */
static bool acknowledge(struct tw_wire *wire, uint32_t good)
{
    if (good <= wire->acked) {
        return false;
    }
    wire->acked = good;
    wire->replay_num = 0;
    if (wire->next < good) {
        wire->next = good;
    }
    if (wire->next == wire->sent.count) {
        wire->first_again = false;
    }
    return true;
}

static void hear(struct tw_wires *w, int direction)
{
    struct tw_wire *wire = &w->wire[direction];

    while (wire->told.first < wire->told.count) {
        const struct tw_told *told = TW_AT(&wire->told, struct tw_told, wire->told.first);

        if (told->arrives > w->t) {
            break;
        }
        for (unsigned c = 0; c < TW_CLASSES; c++) {
            wire->known_free[c] = told->updates[c] ? told->freed[c] : wire->known_free[c];
        }
        if (told->acks && acknowledge(wire, told->good)) {
            if (wire->timer_from < w->t) {
                wire->timer = 0;
            }
            wire->timer_runs = wire->timer_runs && wire->acked < wire->sent.count;
        }
        wire->told.first++;
    }
    while (wire->naks.first < wire->naks.count) {
        const struct tw_nak *nak = TW_AT(&wire->naks, struct tw_nak, wire->naks.first);

        if (nak->arrives > w->t) {
            break;
        }
        acknowledge(wire, nak->good);
        repeat_from_now(w, direction);
        wire->naks.first++;
    }
    if (wire->timer_runs && wire->timer == w->replay_limit) {
        w->stats->dir[direction].replay_timeouts++;
        repeat_from_now(w, direction);
    }
}

void tw_time_passes(struct tw_wires *w)
{
    for (int d = TW_UP; d <= TW_DOWN; d++) {
        if (w->wire[d].timer_from <= w->t && w->down_until <= w->t) {
            w->wire[d].timer++;
        }
    }
}

static void send_what_is_due(struct tw_wires *w, int on)
{
    uint64_t least = CLOCK_NEVER;
    unsigned which = 0;

    for (unsigned k = 0; k < TW_DLLPS; k++) {
        uint64_t at = due(w, &w->wire[1 - on], &w->wire[on], k);

        if (at < least) {
            least = at;
            which = k;
        }
    }
    if (least <= w->t && tw_clear(w, on)) {
        send_dllp(w, on, which);
    }
}

void tw_dllps(struct tw_wires *w)
{
    for (int on = TW_UP; on <= TW_DOWN; on++) {
        bool flit_ends = w->flit && w->t > 0 && w->t % w->flit == 0;

        if (w->config->dllp == PCIE_DLLP_SHARE || flit_ends) {
            tell_now(w, on);
        }
        if (flit_ends && w->wire[1 - on].nak_waits) {
            w->stats->dir[on].naks++;
            w->wire[1 - on].nak_waits = false;
            tell_nak(&w->wire[1 - on], w->t + w->wire[on].latency);
        }
        if (!w->flit) {
            send_what_is_due(w, on);
        }
    }
    hear(w, TW_UP);
    hear(w, TW_DOWN);
}

/* ---- what transmitters send --------------------------------------------------------------- */

static bool fits(uint64_t limit, uint64_t used, uint64_t given_free, uint64_t need)
{
    return limit == 0 || used - given_free + need <= limit;
}

bool tw_has_credit(const struct tw_wires *w, int direction, enum tw_class class,
                   struct tw_units need)
{
    const struct tw_wire *wire = &w->wire[direction];

    return fits(wire->limit[class].header, wire->used[class].header, wire->known_free[class].header,
                need.header) &&
           fits(wire->limit[class].data, wire->used[class].data, wire->known_free[class].data,
                need.data);
}

bool tw_has_retry(const struct tw_wires *w, int direction)
{
    const struct tw_wire *wire = &w->wire[direction];

    return w->config->retry == 0 || wire->sent.count - wire->acked < w->config->retry;
}

static uint64_t put_on_wire(struct tw_wires *w, int direction, uint32_t number)
{
    struct tw_wire *wire = &w->wire[direction];
    uint64_t bytes = TW_AT(&wire->sent, struct tw_tlp, number)->bytes;
    uint64_t left = w->t + bytes;

    wire->free = left;
    wire->carries_tlp = true;
    w->stats->dir[direction].wire_bytes += bytes;
    if (w->flit && left % w->flit) {
        left += w->flit - left % w->flit;
    }
    *TW_ADD(&wire->flying, struct tw_flying) =
        (struct tw_flying){ .arrives = left + wire->latency, .number = number };
    if (wire->first_again || !wire->timer_runs) {
        wire->first_again = false;
        start_timer(w, wire, left);
    }
    return left;
}

bool tw_repeat(struct tw_wires *w, int direction)
{
    struct tw_wire *wire = &w->wire[direction];

    if (wire->next == wire->sent.count) {
        return false;
    }
    w->stats->dir[direction].replays++;
    w->stats->dir[direction].wire_replay += TW_AT(&wire->sent, struct tw_tlp, wire->next)->bytes;
    put_on_wire(w, direction, wire->next++);
    return true;
}

/* What the receiver holds must never be more than it has room for, whatever has been told. */
static void check_room(const struct tw_wires *w, const struct tw_wire *wire, unsigned class)
{
    struct tw_units held = wire->used[class];

    for (uint32_t i = 0; i < wire->freed[class].count; i++) {
        const struct tw_freed *f = TW_AT(&wire->freed[class], struct tw_freed, i);

        held.header -= f->cycle <= w->t ? f->units.header : 0;
        held.data -= f->cycle <= w->t ? f->units.data : 0;
    }
    if ((wire->limit[class].header && held.header > wire->limit[class].header) ||
        (wire->limit[class].data && held.data > wire->limit[class].data)) {
        abort();
    }
}

uint64_t tw_send(struct tw_wires *w, int direction, const struct tw_tlp *tlp)
{
    struct tw_wire *wire = &w->wire[direction];

    *TW_ADD(&wire->sent, struct tw_tlp) = *tlp;
    wire->used[tlp->class].header += tlp->need.header;
    wire->used[tlp->class].data += tlp->need.data;
    check_room(w, wire, tlp->class);
    return put_on_wire(w, direction, wire->next++);
}

/* ---- what receivers get -------------------------------------------------------------------- */

static void arrives(struct tw_wires *w, int direction, uint32_t number)
{
    struct tw_wire *wire = &w->wire[direction];
    struct tw_tlp tlp;

    if (number > wire->expected) {
        return; /* behind a damaged one */
    }
    if (rng_below(&wire->errors, 1000000000) < w->config->lcrc_ppb) {
        w->stats->dir[direction].lcrc_errors++;
        if (!wire->nak_scheduled || w->flit) {
            wire->broken_since = wire->nak_waits ? wire->broken_since : w->t;
            wire->nak_scheduled = wire->nak_waits = true;
        }
        return;
    }
    if (number < wire->expected) {
        if (w->config->dllp == PCIE_DLLP_ON_DEMAND && wire->twice_since == CLOCK_NEVER) {
            wire->twice_since = w->t;
        }
        return;
    }
    *TW_ADD(&wire->arrival, uint64_t) = w->t;
    wire->expected++;
    wire->nak_scheduled = false;
    tlp = *TW_AT(&wire->sent, struct tw_tlp, number);
    w->deliver(w->self, direction, &tlp);
}

void tw_arrivals(struct tw_wires *w, int direction)
{
    struct tw_list *flying = &w->wire[direction].flying;

    while (flying->first < flying->count) {
        const struct tw_flying *f = TW_AT(flying, struct tw_flying, flying->first);

        if (f->arrives > w->t) {
            return;
        }
        flying->first++;
        arrives(w, direction, f->number);
    }
}
