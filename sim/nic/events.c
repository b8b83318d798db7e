/* events: what the card tells its driver of an SA without being asked (card.sa.esn events, card.sa.table.round).
 *
 * Modelled: a crossing of the middle of a scope, or a packet counter that has come to its threshold, takes the arm
 * away and puts an event into a memory of NIC_EVENTS entries on the card. The command block writes them, a DMA write of
 * 64 bytes each, to the ring of events in host memory, which has its own counters of what was written and what the
 * driver has taken; then vector 0 is raised. The driver reads the state, moves the scope or adds a round, and arms
 * again: three commands (command.c). Between event and arming nothing is told.
 * Simplified: an event that finds that memory full is lost, and so is the SA's arm (counted: `lost`). */
#include "nic/card.h"
#include "nic/ndis.h"

enum { SIZE_MOST = 65536 };

/* ---- raising -------------------------------------------------------------------------------------- */

static void raise(struct espnic *card, uint32_t sa, const struct sa_entry *entry, uint32_t kind,
                  uint64_t now)
{
    struct nic_events *e = &card->events;

    if (e->s.tail - e->s.head == NIC_EVENTS) {
        card->stats.events.lost++;
        return;
    }
    e->fifo[e->s.tail++ % NIC_EVENTS] =
        (struct abi_event){ .handle = sa_table_handle(&card->table, sa),
                            .op = entry->op,
                            .spi = entry->spi,
                            .kind = kind,
                            .raised_ps = clock_ps(&card->clocks, card->core, now) };
    sched_wake(&card->sched, card->commands.block, now + 1);
}

void nic_scope_moved(struct espnic *card, const struct nic_packet *p, uint64_t before, uint64_t now)
{
    struct sa_entry *entry = nic_entry(card, p);

    switch (sa_scope_moved(entry, p->dir == NIC_RX, before)) {
    case SA_CROSSING_EVENT:
        card->stats.events.esn++;
        sa_event_times(&card->table, p->sa)->raised[p->entry] =
            clock_ps(&card->clocks, card->core, now);
        raise(card, p->sa, entry, ABI_EVENT_ESN, now);
        break;
    case SA_CROSSING_UNARMED: card->stats.events.unarmed++; break;
    case SA_CROSSING_NONE: break;
    }
}

void nic_count_events(struct espnic *card, const struct nic_packet *p, unsigned events,
                      uint64_t now)
{
    card->stats.soft_limits += (events & SA_EVENT_SOFT) != 0;
    card->stats.hard_limits += (events & SA_EVENT_HARD) != 0;
    if ((events & SA_EVENT_ROUND) != 0) {
        card->stats.events.limit++;
        raise(card, p->sa, nic_entry(card, p), ABI_EVENT_LIMIT, now);
    }
}

/* ---- to host memory ---------------------------------------------------------------------------------- */

bool nic_event_write(struct espnic *card, uint64_t now)
{
    struct nic_events *e = &card->events;
    uint32_t size = (uint32_t)reg_get(&card->registers, REG_EVENT_SIZE, 0);
    uint32_t taken = (uint32_t)reg_get(&card->registers, REG_EVENT_HEAD, 0);
    struct pcie_request r = { .op = PCIE_WRITE, .length = sizeof(struct abi_event), .answer = 1 };

    if (e->s.asked == e->s.tail || size < 2 || size > SIZE_MOST || (size & (size - 1)) != 0 ||
        e->s.written - taken >= size || !nic_request_room(card, card->commands.client, now, 1)) {
        return false;
    }
    r.address = reg_get(&card->registers, REG_EVENT_BASE, 0) +
                (uint64_t)(e->s.written & (size - 1)) * sizeof(struct abi_event);
    r.ref2 = NIC_FOR_EVENT | (e->s.asked % NIC_EVENTS) << NIC_PURPOSE_BITS;
    e->fifo[e->s.asked % NIC_EVENTS].flags = (e->s.written & size) != 0 ? 0 : ABI_PHASE;
    e->s.asked++;
    e->s.written++;
    nic_request(card, card->commands.client, now, &r);
    return e->s.asked != e->s.tail;
}

void nic_event_memory(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    struct nic_events *e = &card->events;
    const struct abi_event *event = &e->fifo[r->ref2 >> NIC_PURPOSE_BITS];

    e->s.head++; /* posted writes keep their order */
    if (r->status == PCIE_OK) {
        card->ports.dma_write(card->ports.self, time, r->address, (const uint8_t *)event,
                              sizeof *event);
    }
}

void nic_events_restart(struct espnic *card, uint64_t now)
{
    card->events.s.written = 0;
    reg_set(&card->registers, REG_EVENT_HEAD, 0, 0);
    sched_wake(&card->sched, card->commands.block, now + 1);
}

/* ---- what the driver does about it -------------------------------------------------------------------- */

static struct sa_entry *entry_of(struct espnic *card, const struct abi_sa_state *state,
                                 uint32_t *sa, uint32_t *index)
{
    struct sa_context *context;

    *sa = sa_table_find(&card->table, state->handle);
    if (*sa == 0) {
        return NULL;
    }
    context = sa_context(&card->table, *sa);
    for (*index = 0; *index < sa_entries(context); (*index)++) {
        struct sa_entry *entry = sa_entry(&card->table, context, *index);

        if (entry->op == state->op && entry->spi == state->spi) {
            return entry;
        }
    }
    return NULL;
}

static void read_state(const struct espnic *card, uint32_t sa, const struct sa_entry *entry,
                       uint64_t words[ABI_STATE_WORDS])
{
    bool inbound = sa_dir(sa_context(&card->table, sa)) == ESP_DIR_IN;
    const struct sa_lifetime *limit = sa_rounds(&card->table, entry);
    uint32_t flags = (entry->overlap ? ABI_STATE_OVERLAP : 0u) |
                     (entry->armed ? ABI_STATE_ESN_ARMED : 0u) |
                     (sa_esn(entry) && card->table.config.scope ? ABI_STATE_SCOPE : 0u);

    if (limit != NULL) {
        flags |=
            ABI_STATE_LIMIT | ((limit->armed & SA_ARM_LIMIT) != 0 ? ABI_STATE_LIMIT_ARMED : 0u);
    }
    words[0] =
        (uint64_t)sa_scope(&card->table, entry).hi << 32 | (uint32_t)sa_scope_place(entry, inbound);
    words[1] = (uint64_t)flags << 32 | (limit != NULL ? limit->left : 0);
}

static void arm_esn(struct espnic *card, uint32_t sa, uint32_t index, struct sa_entry *entry,
                    uint64_t now)
{
    struct sa_event_times *times = sa_event_times(&card->table, sa);

    entry->armed = 1;
    card->stats.events.armed++;
    if (times != NULL && times->raised[index] != 0) {
        histogram_add(&card->rearm_ns,
                      clock_ps(&card->clocks, card->core, now) - times->raised[index]);
        times->raised[index] = 0;
    }
}

/* What has come to 0 is over: its rule has gone. */
static void arm_limit(struct espnic *card, struct sa_lifetime *limit,
                      const struct abi_sa_state *state)
{
    if ((state->arm & ABI_ARM_ROUND) != 0 && limit->left != 0 &&
        limit->left < card->table.config.round) {
        limit->left += card->table.config.round;
        card->stats.events.rounds++;
    }
    limit->threshold = state->threshold;
    limit->armed = SA_ARM_LIMIT;
}

uint32_t nic_state_command(struct espnic *card, uint32_t opcode, const struct abi_sa_state *state,
                           uint64_t words[ABI_STATE_WORDS], uint64_t now)
{
    uint32_t sa;
    uint32_t index;
    struct sa_entry *entry = entry_of(card, state, &sa, &index);
    struct sa_lifetime *limit = entry != NULL ? sa_rounds(&card->table, entry) : NULL;
    bool scope = entry != NULL && card->table.config.scope && sa_esn(entry);

    if (entry == NULL || (opcode == ABI_OP_STATE_MODIFY && !scope) ||
        ((state->arm & ABI_ARM_ESN) != 0 && !scope) ||
        ((state->arm & ABI_ARM_LIMIT) != 0 && limit == NULL)) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if (opcode == ABI_OP_STATE_READ) {
        read_state(card, sa, entry, words);
    } else if (opcode == ABI_OP_STATE_MODIFY) {
        card->stats.events.modified++;
        sa_scope_set(&card->table, entry,
                     (struct scope){ .hi = state->seq_hi, .overlap = state->overlap != 0 });
    } else {
        if ((state->arm & ABI_ARM_ESN) != 0) {
            arm_esn(card, sa, index, entry, now);
        }
        if ((state->arm & ABI_ARM_LIMIT) != 0) {
            arm_limit(card, limit, state);
        }
    }
    return NDIS_STATUS_SUCCESS;
}
