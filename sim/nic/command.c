/* command: the command processor and the command queue.
 *
 * Modelled: a doorbell makes the card read commands (64 bytes each) and their buffers by DMA, several at a
 * time; one processor executes them in order of arrival, `card.command.add|update|remove` per node, or what
 * a firmware takes (firmware.c); the
 * table changes when the work on the command ends (an added SA is found, an UPDATE holds); handles are written back
 * into the request's buffer, then the completion, then an interrupt.
 * A place, a key's slot and the right to the key are taken when the work on an ADD begins.
 * DELETE has two phases: from the cycle after its work has begun no packet finds the SA; it completes when the work is
 * over and the last packet that holds the SA has let go. Other commands go on meanwhile, so completions can overtake each other, as direct
 * OIDs may. Statuses: where the interface is silent, the choices O-n of sa_table/README.md.
 * In a reset DELETE is NOT_ACCEPTED, everything else RESET_IN_PROGRESS; the table survives, unless
 * `card.sa.reset_wipes`. */
#include "engine/must.h"
#include "nic/card.h"
#include "nic/ndis.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_CLASS = 2, MAX_BUFFER = 65536 };

static struct nic_slot *slot_at(struct espnic *card, uint32_t i)
{
    return &card->commands.slot[i];
}

static uint8_t *buffer_of(const struct espnic *card, const struct nic_slot *s)
{
    return nic_pool_at(&card->buffers[BUFFER_CLASS], s->buffer);
}

/* ---- what moves by DMA ---------------------------------------------------------------------------- */

/* Memory without contents (NULL) reads as zeros: never what a slot held before. */
static void take_contents(void *to, const uint8_t *from, size_t length)
{
    if (from) {
        memcpy(to, from, length);
    } else {
        memset(to, 0, length);
    }
}

void nic_command_memory(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    struct nic_slot *s = slot_at(card, r->ref);
    uint32_t size = (uint32_t)reg_get(&card->registers, REG_CMD_SIZE, 0);
    struct abi_command_completion c;
    const uint8_t *bytes;

    switch (r->ref2 & 0xff) {
    case NIC_FOR_COMMANDS:
        if (r->status != PCIE_OK) {
            break;
        }
        bytes = card->ports.dma_read(card->ports.self, time, r->address, r->length);
        take_contents(&s->command, bytes, sizeof s->command);
        break;
    case NIC_FOR_COMMAND_BUFFER:
        if (r->status != PCIE_OK) {
            break;
        }
        bytes = card->ports.dma_read(card->ports.self, time, r->address, r->length);
        take_contents(buffer_of(card, s), bytes, r->length);
        break;
    case NIC_FOR_HANDLE:
        bytes = (const uint8_t *)&s->handle[r->ref2 >> NIC_PURPOSE_BITS];
        if (r->status != PCIE_OK) {
            break;
        }
        card->ports.dma_write(card->ports.self, time, r->address, bytes, r->length);
        break;
    default:
        memset(&c, 0, sizeof c);
        c.cookie = s->command.cookie;
        c.status = s->status;
        c.nodes = s->done;
        c.reason = s->reason;
        c.bytes_read = s->bytes_read;
        c.card_ps_low = (uint32_t)s->card_ps;
        c.card_ps_high = (uint16_t)(s->card_ps >> 32);
        c.flags = (card->commands.s.completed & size) ? 0 : ABI_PHASE;
        card->commands.s.completed++;
        reg_set(&card->registers, REG_CMD_HEAD, 0, card->commands.s.completed);
        if (r->status == PCIE_OK) { /* else the host will never see it */
            card->ports.dma_write(card->ports.self, time, r->address, (const uint8_t *)&c,
                                  sizeof c);
        }
        if (s->buffer) {
            nic_pool_release(&card->buffers[BUFFER_CLASS], s->buffer);
        }
        s->buffer = 0;
        s->state = NIC_SLOT_FREE;
        break;
    }
}

/* ---- execution -------------------------------------------------------------------------------------- */

/* One node of an ADD: into the table, not yet live. */
static enum sa_reason add_node(struct espnic *card, const struct esp_node *node, uint32_t *id,
                               uint64_t *handle, uint32_t *accesses)
{
    enum sa_reason reason = sa_validate(node, &card->config.capabilities);
    bool descriptors = card->config.command.path == NIC_PATH_DESCRIPTOR;
    struct sa_added added;

    if (reason == SA_OK && descriptors && node->dir == ESP_DIR_OUT) {
        return SA_OK; /* the driver's: it sends the context with each packet */
    }
    if (reason == SA_OK && descriptors && !card->config.command.inbound) {
        reason = SA_UNSUPPORTED_INBOUND;
    }
    if (reason != SA_OK) {
        card->table.stats.add_failures[reason]++;
        return reason;
    }
    added = sa_table_add(&card->table, node, card->config.general.offload == NIC_OFFLOAD_PACKET);
    *accesses += card->table.cost.reads + card->table.cost.writes;
    *id = added.id;
    *handle = added.handle;
    return added.reason;
}

static void start_add(struct espnic *card, struct nic_slot *s, enum ndis_kind kind)
{
    uint32_t status =
        ndis_walk(kind, buffer_of(card, s), s->command.length, s->offset, &s->node_count);
    struct esp_node node;

    s->status = status;
    if (status != NDIS_STATUS_SUCCESS) {
        s->node_count = 0;
        return;
    }
    s->bytes_read = s->command.length;
    for (uint32_t i = 0; i < s->node_count; i++) {
        enum sa_reason reason =
            ndis_read_node(kind, buffer_of(card, s), s->command.length, s->offset[i], &node);

        s->handle[i] = 0;
        s->id[i] = 0;
        if (reason == SA_OK) {
            reason = add_node(card, &node, &s->id[i], &s->handle[i], &s->accesses);
        } else {
            card->table.stats.add_failures[reason]++;
        }
        s->offset[i] += ndis_handle_offset(kind);
        s->done += s->handle[i] != 0;
        if (reason != SA_OK && !s->reason) {
            s->reason = (uint16_t)reason;
        }
    }
    s->writes = (uint8_t)s->node_count;
    if (!s->done) {
        s->status = ndis_status_of((enum sa_reason)s->reason);
    }
}

/* UPDATE changes the table when its work is over. */
static void finish_update(struct espnic *card, struct nic_slot *s)
{
    struct ndis_update u;
    enum sa_update result;

    s->status = ndis_decode_update(buffer_of(card, s), s->command.length, &u);
    if (s->status != NDIS_STATUS_SUCCESS) {
        return;
    }
    result = sa_table_update(&card->table, u.handle, (enum esp_op)u.op, u.spi, u.seq_hi,
                             card->config.sa.esn == NIC_ESN_HOST);
    s->updated = (uint8_t)result;
    s->done = result == SA_UPDATE_OK;
    s->status = s->done ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER;
}

static void start_delete(struct espnic *card, struct nic_slot *s)
{
    uint64_t handles[NDIS_MAX_CHAIN];

    s->status = ndis_decode_delete(buffer_of(card, s), s->command.length, handles, &s->node_count);
    if (s->status != NDIS_STATUS_SUCCESS) {
        s->node_count = 0;
        return;
    }
    for (uint32_t i = 0; i < s->node_count; i++) {
        enum sa_delete result = sa_table_begin_delete(&card->table, handles[i], &s->id[i]);

        if (result == SA_DELETE_UNKNOWN) {
            s->id[i] = 0;
            continue;
        }
        s->accesses += card->table.cost.reads + card->table.cost.writes;
        nic_forward_removed(card, s->id[i]);
        s->done++;
    }
}

static bool is_state_command(const struct nic_slot *s)
{
    return s->command.opcode == ABI_OP_STATE_READ || s->command.opcode == ABI_OP_STATE_MODIFY ||
           s->command.opcode == ABI_OP_STATE_ARM;
}

/* As UPDATE, when its work is over. What is read goes back into the buffer. */
static void finish_state(struct espnic *card, struct nic_slot *s, uint64_t now)
{
    struct abi_sa_state state;

    if (s->command.length != sizeof state) {
        s->status = NDIS_STATUS_INVALID_LENGTH;
        return;
    }
    memcpy(&state, buffer_of(card, s), sizeof state);
    s->status = nic_state_command(card, s->command.opcode, &state, s->handle, now);
    if (s->status == NDIS_STATUS_SUCCESS && s->command.opcode == ABI_OP_STATE_READ) {
        s->writes = ABI_STATE_WORDS;
        for (uint32_t i = 0; i < ABI_STATE_WORDS; i++) {
            s->offset[i] = (uint32_t)(offsetof(struct abi_sa_state, words) + i * sizeof(uint64_t));
        }
    }
}

/* Commands that a reset refuses; true if this one was. */
static bool refused_by_reset(const struct espnic *card, struct nic_slot *s)
{
    if (!card->commands.s.resetting) {
        return false;
    }
    s->status = s->command.opcode == ABI_OP_DELETE_SA ? NDIS_STATUS_NOT_ACCEPTED
                                                      : NDIS_STATUS_RESET_IN_PROGRESS;
    return true;
}

/* Work that takes `ps`, or so many commands of a firmware; for each node, at least for one. */
static uint64_t work(struct espnic *card, uint64_t ps, uint32_t commands, uint32_t nodes)
{
    nodes = nodes ? nodes : 1;
    return card->config.command.path == NIC_PATH_FIRMWARE
               ? nic_firmware_time(card, commands * nodes)
               : ps * nodes;
}

/* Begin the work on a command; returns how long it takes, picoseconds. */
static uint64_t start(struct espnic *card, struct nic_slot *s)
{
    const struct nic_command_config *c = &card->config.command;
    enum ndis_kind kind = s->command.opcode == ABI_OP_ADD_SA ? NDIS_ADD_SA : NDIS_ADD_SA_EX;

    s->status = NDIS_STATUS_SUCCESS;
    s->reason = 0;
    s->done = 0;
    s->node_count = 0;
    s->waiting = 0;
    s->stored = 0;
    s->writes = 0;
    s->bytes_read = 0;
    s->accesses = 0;
    card->stats.commands++;
    if (refused_by_reset(card, s)) {
        return work(card, c->update, 1, 1);
    }
    if (!s->buffer && s->command.opcode != ABI_OP_ENCAPSULATION) {
        s->status = NDIS_STATUS_INVALID_LENGTH; /* no buffer, or one above MAX_BUFFER */
        return work(card, c->update, 1, 1);
    }
    switch (s->command.opcode) {
    case ABI_OP_ADD_SA:
    case ABI_OP_ADD_SA_EX:
        if (!card->offload_on) {
            s->status = NDIS_STATUS_NOT_SUPPORTED; /* O-32: new ADDs fail */
            return work(card, c->update, 1, 1);
        }
        start_add(card, s, kind);
        card->stats.command_nodes += s->node_count;
        return work(card, c->add, c->add_commands, s->node_count);
    case ABI_OP_UPDATE_SA:
    case ABI_OP_STATE_MODIFY: return work(card, c->update, c->update_commands, 1);
    case ABI_OP_STATE_READ:
    case ABI_OP_STATE_ARM: return c->access;
    case ABI_OP_DELETE_SA:
        start_delete(card, s);
        card->stats.command_nodes += s->node_count;
        return work(card, c->remove, c->remove_commands, s->node_count);
    case ABI_OP_ENCAPSULATION:
        if (s->command.argument) {
            card->offload_on = s->command.argument == 1;
        }
        return work(card, c->update, 1, 1);
    default: s->status = NDIS_STATUS_INVALID_OID; return work(card, c->update, 1, 1);
    }
}

/* It leaves the table, and with it what is kept of its keys and its context. */
static void drop_sa(struct espnic *card, uint32_t id)
{
    for (uint32_t e = 0; e < ESP_MAX_SAS; e++) {
        struct esp_key_ref key = { .id = id * 2 + e,
                                   .generation = sa_context(&card->table, id)->generation };

        esp_crypt_forget(card->crypt, key);
    }
    nic_memory_forget(card, id);
    sa_table_free(&card->table, id);
}

void nic_forget_sa(struct espnic *card, uint32_t id, uint64_t now_ns)
{
    histogram_add(&card->residence_ns, sa_table_age_ns(&card->table, id, now_ns));
    drop_sa(card, id);
}

/* The SA is live, and its context goes to where it is kept. */
static void finish_add(struct espnic *card, struct nic_slot *s, uint32_t id, uint64_t now)
{
    uint64_t stored;

    sa_table_commit(&card->table, id, nic_now_ns(card, now));
    nic_forward_added(card, id);
    if (s->at_once) {
        return;
    }
    stored = nic_memory_store(card, id, (uint32_t)(s - card->commands.slot), now);
    if (stored == CLOCK_NEVER) {
        s->waiting++;
    } else if (stored > s->stored) {
        s->stored = stored;
    }
}

/* What a command waits for before it is completed. */
static enum nic_slot_state after_work(const struct nic_slot *s, bool add, uint64_t now)
{
    if (add) {
        return s->waiting || s->stored > now ? NIC_SLOT_STORING : NIC_SLOT_WRITING;
    }
    return s->waiting ? NIC_SLOT_DRAIN : NIC_SLOT_WRITING;
}

/* The work is over: the table changes. */
static void finish(struct espnic *card, struct nic_slot *s, uint64_t now)
{
    bool add = s->command.opcode == ABI_OP_ADD_SA || s->command.opcode == ABI_OP_ADD_SA_EX;

    if (s->command.opcode == ABI_OP_UPDATE_SA && s->status == NDIS_STATUS_SUCCESS) {
        finish_update(card, s);
    } else if (is_state_command(s) && s->status == NDIS_STATUS_SUCCESS) {
        finish_state(card, s, now);
    }

    for (uint32_t i = 0; i < s->node_count && s->status == NDIS_STATUS_SUCCESS; i++) {
        if (add && s->id[i]) {
            finish_add(card, s, s->id[i], now);
        } else if (s->command.opcode == ABI_OP_DELETE_SA && s->id[i] &&
                   sa_context(&card->table, s->id[i])->references == 0) {
            nic_forget_sa(card, s->id[i], nic_now_ns(card, now));
            s->id[i] = 0;
        }
    }
    for (uint32_t i = 0; s->command.opcode == ABI_OP_DELETE_SA && i < s->node_count; i++) {
        s->waiting += s->id[i] != 0;
    }
    s->state = (uint8_t)after_work(s, add, now);
    card->stats.sa_live = card->table.stats.live;
    card->stats.sa_peak = card->table.stats.peak_live;
}

void nic_command_drained(struct espnic *card, uint32_t sa, uint64_t cycle)
{
    /* its entry has changed since, or a reset has wiped it: nobody waits for it */
    if (card->mailbox || (sa_context(&card->table, sa)->flags & SA_CONTEXT_WIPED) != 0) {
        nic_forget_sa(card, sa, nic_now_ns(card, cycle));
        card->stats.sa_live = card->table.stats.live;
        return;
    }
    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        struct nic_slot *s = slot_at(card, i);

        if (s->state != NIC_SLOT_DRAIN) {
            continue; /* still being executed: finish() sees that the SA is free */
        }
        for (uint32_t n = 0; n < s->node_count; n++) {
            if (s->id[n] == sa) {
                s->id[n] = 0;
                nic_forget_sa(card, sa, nic_now_ns(card, cycle));
                s->waiting--;
                s->state = s->waiting ? NIC_SLOT_DRAIN : NIC_SLOT_WRITING;
                card->stats.sa_live = card->table.stats.live;
                sched_wake(&card->sched, card->commands.block, cycle);
                return;
            }
        }
    }
}

void nic_command_stored(struct espnic *card, uint32_t slot, uint64_t cycle)
{
    slot_at(card, slot)->waiting--;
    sched_wake(&card->sched, card->commands.block, cycle + 1);
}

/* Commands whose contexts are where they are kept can be completed. */
static void take_stored(struct espnic *card, uint64_t now)
{
    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        struct nic_slot *s = slot_at(card, i);

        if (s->state != NIC_SLOT_STORING || s->waiting) {
            continue;
        }
        if (s->stored <= now) {
            s->state = NIC_SLOT_WRITING;
        } else {
            sched_wake(&card->sched, card->commands.block, s->stored);
        }
    }
}

/* An ADD that is being executed comes to nothing. */
static void abort_add(struct nic_slot *s)
{
    s->status = NDIS_STATUS_REQUEST_ABORTED;
    s->reason = 0;
    s->done = 0;
    for (uint32_t i = 0; i < s->node_count; i++) {
        s->id[i] = 0;
        s->handle[i] = 0;
    }
}

/* An SA goes in a reset. One that was being added has never been live: it has no residence, and is not counted. */
static void wipe_sa(struct espnic *card, uint32_t id, uint64_t now_ns)
{
    bool adding = sa_context(&card->table, id)->state == SA_ADDING;
    uint32_t found;
    enum sa_delete left =
        sa_table_begin_delete(&card->table, sa_table_handle(&card->table, id), &found);

    card->stats.sa_wiped += !adding;
    if (adding) {
        drop_sa(card, id); /* no packet has found it */
    } else if (left == SA_DELETE_READY) {
        nic_forget_sa(card, id, now_ns);
    } else {
        sa_context(&card->table, id)->flags |= SA_CONTEXT_WIPED;
    }
}

/* A packet that waits for an MSHR may need none for what it finds now; one that waits for room, neither, if it is refused. */
static void look_again(struct espnic *card, uint64_t now)
{
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        sched_wake(&card->sched, card->lane[i].lookup.block, now + 1);
        sched_wake(&card->sched, card->lane[i].fetch.block, now + 1);
    }
}

/* Packets in flight finish with the old keys, as after a DELETE; no later one finds an SA. */
void nic_commands_wipe(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    uint64_t now_ns = nic_now_ns(card, now);
    uint32_t id = 0;

    if (c->s.running) {
        struct nic_slot *s = slot_at(card, c->s.running - 1);

        if (s->command.opcode == ABI_OP_ADD_SA || s->command.opcode == ABI_OP_ADD_SA_EX) {
            abort_add(s);
        }
    }
    while ((id = sa_table_next(&card->table, id)) != 0) {
        if (sa_context(&card->table, id)->state == SA_DELETING) {
            continue; /* its DELETE ends when packets in flight have let go */
        }
        nic_forward_removed(card, id);
        wipe_sa(card, id, now_ns);
    }
    look_again(card, now);
    card->stats.sa_live = card->table.stats.live;
}

/* ---- the block ---------------------------------------------------------------------------------------- */

void nic_commands_posted(struct espnic *card, uint32_t tail, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    uint32_t more = tail - c->s.posted;

    for (uint32_t i = 0; i < more && i < NIC_COMMAND_RING; i++) {
        c->posted[(c->s.posted + i) % NIC_COMMAND_RING] = now;
    }
    c->s.posted = tail;
    sched_wake(&card->sched, c->block, now + 1);
}

static uint64_t elapsed_ps(const struct espnic *card, uint64_t from, uint64_t to)
{
    return clock_ps(&card->clocks, card->core, to) - clock_ps(&card->clocks, card->core, from);
}

static void take_answers(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    struct channel *answers = card->answer[c->client];

    while (channel_next_visible(answers) <= now) {
        uint32_t index = channel_head(answers)->item;
        const struct pcie_request *r = pcie_request_at(card->link, index);
        struct nic_slot *s = slot_at(card, r->ref);

        if (r->op == PCIE_READ && nic_read_again(card, c->client, index)) {
            pcie_request_release(card->link, index);
            channel_pop_item(answers, now, 1);
            continue;
        }
        if ((r->ref2 & 0xff) == NIC_FOR_COMMAND_DONE || (r->ref2 & 0xff) == NIC_FOR_EVENT) {
            nic_interrupt(card, 0, 1, now);
        } else if ((r->ref2 & 0xff) == NIC_FOR_COMMANDS && s->command.length &&
                   s->command.length <= MAX_BUFFER) {
            s->state = NIC_SLOT_BUFFER;
        } else {
            s->state = NIC_SLOT_READY;
            s->ready = now;
        }
        if ((r->ref2 & 0xff) == NIC_FOR_COMMANDS) {
            c->turn[r->ref] = c->s.order++;
        }
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    nic_ask_again(card, c->client, now);
    if (channel_head(answers)) {
        sched_wake(&card->sched, c->block, channel_next_visible(answers));
    }
}

/* Read the next posted command into a free slot. */
static bool fetch_command(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    uint32_t size = (uint32_t)reg_get(&card->registers, REG_CMD_SIZE, 0);
    struct pcie_request r = { .op = PCIE_READ, .length = sizeof(struct abi_command) };

    if (c->s.posted == c->s.requested || !size || !nic_request_room(card, c->client, now, 1)) {
        return false;
    }
    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        if (slot_at(card, i)->state == NIC_SLOT_FREE) {
            slot_at(card, i)->state = NIC_SLOT_COMMAND;
            slot_at(card, i)->card_ps =
                elapsed_ps(card, c->posted[c->s.requested % NIC_COMMAND_RING], now);
            r.address = reg_get(&card->registers, REG_CMD_BASE, 0) +
                        (uint64_t)(c->s.requested & (size - 1)) * sizeof(struct abi_command);
            r.ref = i;
            r.ref2 = NIC_FOR_COMMANDS;
            nic_request(card, c->client, now, &r);
            c->s.requested++;
            return true;
        }
    }
    return false;
}

static bool fetch_buffer(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;

    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        struct nic_slot *s = slot_at(card, i);
        struct pcie_request r = { .op = PCIE_READ, .ref = i, .ref2 = NIC_FOR_COMMAND_BUFFER };

        if (s->state != NIC_SLOT_BUFFER || s->buffer ||
            !nic_request_room(card, c->client, now, 1)) {
            continue;
        }
        s->buffer = nic_pool_take(&card->buffers[BUFFER_CLASS]);
        r.address = s->command.buffer;
        r.length = s->command.length;
        nic_request(card, c->client, now, &r);
        return true;
    }
    return false;
}

static uint32_t next_ready(const struct espnic *card)
{
    const struct nic_commands *c = &card->commands;
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        if (c->slot[i].state == NIC_SLOT_READY &&
            (best == UINT32_MAX || c->turn[i] < c->turn[best])) {
            best = i;
        }
    }
    return best;
}

static void execute(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    struct account_run run = { .at = { .first = now, .beats = 1, .step = 1 },
                               .after = { .state = ACCOUNT_STARVED },
                               .between = { .state = ACCOUNT_STARVED } };
    uint32_t next;
    uint64_t cycles;

    if (c->s.running && slot_at(card, c->s.running - 1)->finish <= now) {
        finish(card, slot_at(card, c->s.running - 1), now);
        c->s.running = 0;
        look_again(card, now);
    }
    if (c->s.running || (next = next_ready(card)) == UINT32_MAX) {
        return;
    }
    cycles = clock_cycles_from_ps(&card->clocks, card->core, start(card, slot_at(card, next)));
    if (nic_is_ideal(&card->config, NIC_IDEAL_COMMAND)) {
        cycles = 0;
    }
    cycles = cycles ? cycles : 1;
    if (slot_at(card, next)->accesses && !nic_is_ideal(&card->config, NIC_IDEAL_COMMAND)) {
        cycles += nic_lookup_port_command(card, now + cycles, slot_at(card, next)->accesses);
    }
    look_again(card, now);
    slot_at(card, next)->state = NIC_SLOT_RUNNING;
    slot_at(card, next)->finish = now + cycles;
    c->s.running = next + 1;
    run.busy = 1;
    run.tail = (uint32_t)(cycles - 1);
    account_settle(&c->account, now);
    account_add(&c->account, &run);
    sched_wake(&card->sched, c->block, now + cycles);
}

/* Write handles back, then the completion; one request a cycle. */
static bool write_back(struct espnic *card, uint64_t now)
{
    struct nic_commands *c = &card->commands;
    uint32_t size = (uint32_t)reg_get(&card->registers, REG_CMD_SIZE, 0);

    for (uint32_t i = 0; i < card->config.command.depth; i++) {
        struct nic_slot *s = slot_at(card, i);
        struct pcie_request r = { .op = PCIE_WRITE, .ref = i };

        if (s->state != NIC_SLOT_WRITING || s->finish == CLOCK_NEVER ||
            !nic_request_room(card, c->client, now, 1)) {
            continue;
        }
        if (s->ready != CLOCK_NEVER) { /* the first write */
            s->card_ps += elapsed_ps(card, s->ready, now);
            s->ready = CLOCK_NEVER;
        }
        if (s->writes) {
            s->writes--;
            r.address = s->command.buffer + s->offset[s->writes];
            r.length = 8;
            r.ref2 = NIC_FOR_HANDLE | (uint32_t)s->writes << NIC_PURPOSE_BITS;
        } else {
            r.address =
                reg_get(&card->registers, REG_CMD_DONE_BASE, 0) +
                (uint64_t)(c->s.answered++ & (size - 1)) * sizeof(struct abi_command_completion);
            r.length = sizeof(struct abi_command_completion);
            r.ref2 = NIC_FOR_COMMAND_DONE;
            r.answer = 1;
            s->finish = CLOCK_NEVER; /* asked for: free when it is in host memory */
        }
        nic_request(card, c->client, now, &r);
        return true;
    }
    return false;
}

static void wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    bool more;

    account_settle(&card->commands.account, now);
    take_answers(card, now);
    more = fetch_command(card, now);
    more = fetch_buffer(card, now) || more;
    execute(card, now);
    take_stored(card, now);
    more = write_back(card, now) || more;
    more = nic_event_write(card, now) || more;
    if (more) {
        sched_wake(&card->sched, card->commands.block, now + 1);
    } else if (card->commands.s.posted != card->commands.s.requested) {
        /* no free slot, or no room in the request queue: slots come free at the link's time */
        sched_wake(&card->sched, card->commands.block, now + 64);
    }
    if (card->commands.s.running) {
        sched_wake(&card->sched, card->commands.block,
                   slot_at(card, card->commands.s.running - 1)->finish);
    }
}

void nic_command_at_once(struct espnic *card, const struct abi_command *command, uint8_t *buffer,
                         struct abi_command_completion *c)
{
    uint64_t now = clock_cycles_from_ps(&card->clocks, card->core, espnic_now(card));
    struct nic_slot s = { .command = *command, .at_once = true };

    memset(c, 0, sizeof *c);
    if (command->length != 0 && command->length <= MAX_BUFFER) {
        s.buffer = nic_pool_take(&card->buffers[BUFFER_CLASS]);
        memcpy(buffer_of(card, &s), buffer, command->length);
    }
    start(card, &s);
    finish(card, &s, now);
    for (uint32_t i = 0; i < s.writes; i++) {
        memcpy(buffer + s.offset[i], &s.handle[i], sizeof s.handle[i]);
    }
    for (uint32_t i = 0; i < s.node_count && s.state == NIC_SLOT_DRAIN; i++) {
        if (s.id[i] != 0) {
            sa_context(&card->table, s.id[i])->flags |= SA_CONTEXT_WIPED; /* nobody waits for it */
        }
    }
    if (s.buffer) {
        nic_pool_release(&card->buffers[BUFFER_CLASS], s.buffer);
    }
    *c = (struct abi_command_completion){ .cookie = command->cookie,
                                          .status = s.status,
                                          .nodes = s.done,
                                          .reason = s.reason,
                                          .bytes_read = s.bytes_read };
}

bool espnic_preload_add(struct espnic *card, const struct esp_node *node, uint64_t *handle,
                        enum sa_reason *reason)
{
    uint32_t id = 0, accesses = 0;

    *handle = 0;
    *reason = add_node(card, node, &id, handle, &accesses);
    if (*reason == SA_OK && id) {
        sa_table_commit(&card->table, id, 0);
        nic_forward_added(card, id);
        card->offload_on = true;
    }
    card->stats.sa_live = card->table.stats.live;
    card->stats.sa_peak = card->table.stats.peak_live;
    return *reason == SA_OK;
}

void nic_commands_init(struct espnic *card)
{
    struct nic_commands *c = &card->commands;
    uint32_t depth = card->config.command.depth;

    c->block = sched_add_block(&card->sched, "command", card->core, wake, card);
    card->rearm_ns.divisor = 1000; /* kept in ps, shown in ns */
    c->slot = must(calloc(depth, sizeof *c->slot));
    c->turn = must(calloc(depth, sizeof *c->turn));
    c->posted = must(calloc(NIC_COMMAND_RING, sizeof *c->posted));
    c->account.idle.state = ACCOUNT_STARVED;
    c->account.before.state = ACCOUNT_STARVED;
    c->account.by_cause[0] = c->by_cause[0];
    c->account.by_cause[1] = c->by_cause[1];
    account_publish(&card->sched, c->block, &c->account, sizeof c->account, 1);
}
