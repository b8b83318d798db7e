/* interrupts: MSI-X with moderation.
 *
 * A vector's message goes out when INT_COALESCE events have come, or INT_HOLDOFF after the first of them;
 * and not sooner than INT_HOLDOFF after the message before. Moderation never delays the completions
 * themselves. The message is a posted write on a request queue of its own. */
#include "nic/card.h"

enum {
    MAX_QUEUES = 16
}; /* vectors 1 to 16 are those of the receive queues, then transmit queues */

static unsigned class_of(unsigned vector)
{
    return vector == 0 ? 0 : vector < 17 ? 1 : 2;
}

static uint64_t holdoff(const struct espnic *card, unsigned vector)
{
    return card->moderation.holdoff[class_of(vector)];
}

static bool enabled(const struct espnic *card, unsigned vector)
{
    return vector < 32 && (card->moderation.enabled >> vector & 1);
}

static uint64_t due(const struct espnic *card, unsigned vector)
{
    const struct nic_vector *v = &card->vector[vector];
    uint64_t at = v->events >= card->moderation.coalesce[class_of(vector)] ? 0 : v->deadline;

    return at > v->allowed ? at : v->allowed;
}

void nic_interrupt(struct espnic *card, unsigned vector, uint32_t events, uint64_t cycle)
{
    struct nic_vector *v = &card->vector[vector];
    uint64_t at;

    if (!enabled(card, vector)) {
        return;
    }
    if (v->events == 0) {
        card->vectors_due |= 1ull << vector;
        v->deadline = cycle + holdoff(card, vector);
    }
    v->events += events;
    at = due(card, vector);
    sched_wake(&card->sched, card->interrupts_block,
               at > card->sched.now_cycle ? at : card->sched.now_cycle + 1);
}

static void send(struct espnic *card, unsigned vector, uint64_t now)
{
    struct pcie_request r = { .op = PCIE_MSIX, .length = 4, .ref = vector };

    if (vector) { /* it must not come before the completion that it tells of */
        r.id = nic_queue_id((vector - 1) % MAX_QUEUES);
    }

    r.ref2 = NIC_FOR_MESSAGE;
    r.address = 0xfee00000;
    card->vectors_due &= ~(1ull << vector);
    card->vector[vector].events = 0;
    card->vector[vector].deadline = CLOCK_NEVER;
    card->vector[vector].allowed = now + holdoff(card, vector);
    nic_request(card, card->interrupts_client, now, &r);
}

static void wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    uint64_t next = CLOCK_NEVER;

    for (uint64_t left = card->vectors_due; left; left &= left - 1) {
        unsigned v = (unsigned)__builtin_ctzll(left);
        uint64_t at = due(card, v);

        if (at > now) {
            next = at < next ? at : next;
        } else if (nic_request_room(card, card->interrupts_client, now, 1)) {
            send(card, v, now);
        }
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, card->interrupts_block, next);
    }
}

void nic_interrupts_init(struct espnic *card)
{
    card->interrupts_block = sched_add_block(&card->sched, "interrupts", card->core, wake, card);
    for (unsigned v = 0; v < NIC_VECTORS; v++) {
        card->vector[v].deadline = CLOCK_NEVER;
    }
}
