/* Guarded wires: sequence numbers, what the receiver makes of a TLP, Acks and Naks at the transmitter, the
 * REPLAY_TIMER, REPLAY_NUM. wire.h has the rules; the TLPs themselves are kept by the link. */
#include <assert.h>

#include "pcie_model/wire.h"

enum { ROLLOVER = 4 }; /* REPLAY_NUM has two bits */

/* ---- the receiver ---------------------------------------------------------------------------- */

/* TLPs arrive in the order in which they are sent, so that what becomes of one is known when it starts. */
static bool receive(struct wires *w, unsigned d, uint32_t number, uint64_t arrives)
{
    struct wire_state *s = &w->wire[d].s;

    if ((int32_t)(number - s->taken) > 0) {
        return false; /* behind a damaged one */
    }
    if (w->error_ppb && rng_below(&s->errors, 1000000000) < w->error_ppb) {
        w->stats->dir[d].lcrc_errors++;
        if (!s->nak_scheduled || w->flit) {
            s->nak_scheduled = true;
            wire_damaged(w, d, arrives);
        }
        return false;
    }
    if (number != s->taken) {
        wire_came_again(w, d, arrives);
        return false;
    }
    s->taken++;
    s->nak_scheduled = false;
    wire_taken(w, d, arrives);
    return true;
}

bool wire_guard(struct wires *w, unsigned d, uint64_t left, uint64_t arrives, bool again)
{
    struct wire_state *s = &w->wire[d].s;
    uint32_t number = again ? s->next : s->sent;

    assert(s->next == s->sent || again);
    s->next = number + 1;
    s->sent += !again;
    w->stats->dir[d].replays += again;
    if (s->timer_from == CLOCK_NEVER) { /* always, at the beginning of a repetition */
        s->timer_from = left;
    }
    return receive(w, d, number, arrives);
}

/* ---- the transmitter ------------------------------------------------------------------------- */

static uint64_t timer_over(const struct wires *w, unsigned d)
{
    uint64_t from = w->wire[d].s.timer_from;

    return from == CLOCK_NEVER || w->replay_limit == CLOCK_NEVER ? CLOCK_NEVER
                                                                 : from + w->replay_limit;
}

static void progress(struct wires *w, unsigned d, uint32_t tlps, uint64_t cycle)
{
    struct wire_state *s = &w->wire[d].s;

    if (!tlps) {
        return;
    }
    s->acked += tlps;
    s->replay_num = 0;
    if ((int32_t)(s->next - s->acked) < 0) {
        s->next = s->acked;
    }
    if (s->acked == s->sent) {
        s->timer_from = CLOCK_NEVER;
    } else if (s->timer_from != CLOCK_NEVER) { /* while the link is retrained it stands still */
        s->timer_from = later(s->timer_from, later(cycle, w->s.down_until));
    }
}

void wire_hear(struct wires *w, unsigned d, uint64_t t)
{
    struct ring *acks = &w->wire[d].acks;
    const struct handover *ack;

    if (w->wire[!d].s.due <= t) {
        wire_catch_up(w, !d, t);
    }
    while ((ack = ring_head(acks)) && ack->cycle <= t) {
        progress(w, d, ack->units.header, ack->cycle);
        ring_pop(acks);
    }
}

static void retrain(struct wires *w, uint64_t t)
{
    uint64_t until = t + w->retrain;

    if (w->s.down_until > t) {
        return;
    }
    w->stats->retrains++;
    for (unsigned d = UP; d <= DOWN; d++) {
        uint64_t *from = &w->wire[d].s.timer_from;

        if (*from != CLOCK_NEVER) {
            *from = *from < t ? *from + w->retrain : later(*from, until);
        }
    }
    w->s.down_until = until;
    wires_pause(w, until);
}

static void begin_repetition(struct wires *w, unsigned d, uint64_t t)
{
    struct wire_state *s = &w->wire[d].s;

    s->timer_from = CLOCK_NEVER;
    if (s->acked == s->sent) {
        return;
    }
    s->next = s->acked;
    s->next_from = t;
    if (w->flit) {
        return;
    }
    s->replay_num++;
    if (s->replay_num == ROLLOVER) {
        s->replay_num = 0;
        w->stats->dir[d].replay_rollovers++;
        retrain(w, t);
    }
}

/* Returns whether there was one. */
static bool take_naks(struct wires *w, unsigned d, uint64_t t)
{
    struct ring *naks = &w->wire[d].naks;
    const struct handover *nak;
    bool any = false;

    while ((nak = ring_head(naks)) && nak->cycle <= t) {
        assert(nak->cycle == t);
        progress(w, d, nak->units.header, t);
        begin_repetition(w, d, t);
        ring_pop(naks);
        any = true;
    }
    return any;
}

void wires_replay(struct wires *w, uint64_t t)
{
    bool over[2];

    for (unsigned d = UP; d <= DOWN; d++) { /* both, before one of them stops the other's timer */
        wire_hear(w, d, t);
        over[d] = timer_over(w, d) <= t;
        assert(!over[d] || timer_over(w, d) == t);
    }
    for (unsigned d = UP; d <= DOWN; d++) {
        if (!take_naks(w, d, t) && over[d]) {
            w->stats->dir[d].replay_timeouts++;
            begin_repetition(w, d, t);
        }
    }
}

uint64_t wires_next_replay(const struct wires *w)
{
    uint64_t next = CLOCK_NEVER;

    for (unsigned d = UP; d <= DOWN; d++) {
        const struct handover *nak = ring_head(&w->wire[d].naks);
        const struct wire_state *back = &w->wire[!d].s;

        next = earlier(next, timer_over(w, d));
        if (nak) {
            next = earlier(next, nak->cycle);
        } else if (back->nak_due != CLOCK_NEVER) { /* when it can be sent */
            next = earlier(next, w->flit ? back->nak_due : later(back->nak_due, back->free));
        }
    }
    return next;
}
