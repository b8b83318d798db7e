/* solo_commands: the command processor of a card by itself. */
#include "nic/solo_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/ndis.h"

enum { BUFFER_CLASS = 2, BUFFER_BYTES = 1024 };

static void impossible(const char *what, uint32_t number) __attribute__((noreturn, cold));

static void impossible(const char *what, uint32_t number)
{
    fprintf(stderr, "espnic: internal error: commands: %s %u\n", what, number);
    abort();
}

static struct nic_slot *slot_at(const struct solo_commands *c, uint32_t at)
{
    return &c->solo->card->commands.slot[at];
}

/* ---- life ------------------------------------------------------------------------------------------ */

void solo_table_settings(const struct solo *solo, struct solo_table_settings *to)
{
    const char *const all[SOLO_TABLE_SETTINGS][2] = {
        { "card.sa.table.organisation", "hash" },
        { "card.sa.table.hash", "h3" },
        { "card.sa.table.slots", to->slots },
        { "card.sa.lookup_port", solo_value(solo, "LOOKUP_PORT") ? "true" : "false" },
        { "card.command.path", "queue" },
        { "card.command.add", to->add },
        { "card.command.update", to->update },
        { "card.command.remove", to->remove },
        { NULL, NULL }
    };

    snprintf(to->slots, sizeof to->slots, "%u",
             solo_value(solo, "MEMORIES") * solo_value(solo, "BUCKETS") * solo_value(solo, "WAYS"));
    snprintf(to->add, sizeof to->add, "%uns", solo_value(solo, "ADD_CYCLES")); /* clock: 1 GHz */
    snprintf(to->update, sizeof to->update, "%uns", solo_value(solo, "UPDATE_CYCLES"));
    snprintf(to->remove, sizeof to->remove, "%uns", solo_value(solo, "REMOVE_CYCLES"));
    memcpy(to->setting, all, sizeof all);
}

void solo_commands_open(struct solo_commands *c, struct solo *solo, uint32_t places)
{
    struct channel *requests = solo->card->request[solo->card->commands.client];

    *c = (struct solo_commands){
        .solo = solo, .places = places, .ending = places, .coming = places
    };
    channel_reserve(requests, channel_room(requests, 0)); /* nothing is asked for over the link */
}

/* The place for a command; `places` if there is none. */
static uint32_t free_place(const struct solo_commands *c)
{
    uint32_t i = 0;

    while (i < c->places && slot_at(c, i)->state != NIC_SLOT_FREE) {
        i++;
    }
    return i;
}

bool solo_commands_ready(const struct solo_commands *c)
{
    return free_place(c) < c->places;
}

/* ---- commands ---------------------------------------------------------------------------------------- */

static uint32_t write_update(const struct solo_command *from, uint8_t *buffer)
{
    const struct ndis_update u = { .handle = from->handle,
                                   .op = from->ah ? ESP_OP_AH : ESP_OP_ESP,
                                   .spi = from->spi,
                                   .seq_hi = from->value };

    return ndis_encode_update(&u, buffer, BUFFER_BYTES);
}

/* The command with its buffer, as it stands in host memory. */
static void write_command(struct solo_commands *c, struct nic_slot *s,
                          const struct solo_command *from)
{
    static const uint32_t opcode[] = { ABI_OP_ADD_SA_EX, ABI_OP_UPDATE_SA, ABI_OP_DELETE_SA };
    struct espnic *card = c->solo->card;
    uint8_t *buffer;

    memset(&s->command, 0, sizeof s->command);
    s->handle[0] = 0;
    s->buffer = 0;
    s->command.opcode = from->op <= SOLO_DELETE ? opcode[from->op] : from->op;
    if (from->op > SOLO_DELETE) {
        return;
    }
    s->buffer = nic_pool_take(&card->buffers[BUFFER_CLASS]);
    buffer = nic_pool_at(&card->buffers[BUFFER_CLASS], s->buffer);
    s->command.length =
        from->op == SOLO_INSERT ? ndis_encode_add(&from->node, 1, true, true, buffer, BUFFER_BYTES)
        : from->op == SOLO_UPDATE ? write_update(from, buffer)
                                  : ndis_encode_delete(&from->handle, 1, buffer, BUFFER_BYTES);
}

void solo_commands_take(struct solo_commands *c, const struct solo_command *command)
{
    const uint32_t at = c->coming;
    struct nic_commands *commands = &c->solo->card->commands;
    struct nic_slot *s = slot_at(c, at);

    c->place[at] =
        (struct solo_place){ .op = command->op,
                             .answer = { .tag = command->tag, .handle = command->handle } };
    write_command(c, s, command);
    s->state = NIC_SLOT_READY;
    s->ready = c->solo->cycle;
    commands->turn[at] = commands->s.order++;
    sched_wake(&c->solo->card->sched, commands->block, c->solo->cycle);
}

static uint64_t get64(const uint8_t *from)
{
    return (uint64_t)esp_get32(from) << 32 | esp_get32(from + 4);
}

/* The upper half that UPDATE moves, or that of the number the card keeps by itself. */
static uint32_t upper_half(const struct espnic *card, const struct sa_entry *entry)
{
    if (card->config.sa.esn == NIC_ESN_HOST) {
        return sa_seq_hi(&card->table, entry);
    }
    return sa_esn(entry) ? (uint32_t)(entry->sequence >> 32) : 0;
}

static void read_back(struct solo_commands *c, struct solo_place *p)
{
    struct espnic *card = c->solo->card;
    struct solo_answer *to = &p->answer;
    struct sa_context *context;
    struct sa_entry *entry;
    struct esp_address src, dst;

    p->id = sa_table_peek(&card->table, to->handle);
    if (!p->id) {
        return;
    }
    context = sa_context(&card->table, p->id);
    entry = sa_entry(&card->table, context, 0);
    sa_addresses(&card->table, context, &src, &dst);
    to->read = true;
    to->v6 = dst.family == 6;
    to->dst_high = to->v6 ? get64(dst.bytes) : 0;
    to->dst_low = to->v6 ? get64(dst.bytes + 8) : esp_get32(dst.bytes);
    to->spi = entry->spi;
    to->ah = entry->op == ESP_OP_AH;
    to->value = upper_half(card, entry);
    to->state = (uint8_t)context->state;
    to->references = context->references;
}

static void note_ending(struct solo_commands *c)
{
    uint32_t running = c->solo->card->commands.s.running;

    c->ending = c->places;
    if (!running || slot_at(c, running - 1)->finish != c->solo->cycle) {
        return;
    }
    c->ending = running - 1;
    if (c->place[c->ending].op == SOLO_READ) {
        read_back(c, &c->place[c->ending]); /* the table as it is before this cycle */
    }
}

static void end_answer(struct solo_commands *c)
{
    struct nic_slot *s = slot_at(c, c->done[c->done_head++ % SOLO_PLACES]);

    if (s->buffer) {
        nic_pool_release(&c->solo->card->buffers[BUFFER_CLASS], s->buffer);
    }
    s->buffer = 0;
    s->state = NIC_SLOT_FREE;
}

void solo_commands_before(struct solo_commands *c, bool comes, bool taken)
{
    c->coming = comes ? free_place(c) : c->places; /* not one that gets free in this cycle */
    note_ending(c);
    if (taken && c->done_head != c->done_tail) {
        end_answer(c);
    }
}

static void gather(struct solo_commands *c, uint32_t at)
{
    if (at < c->places && slot_at(c, at)->state == NIC_SLOT_WRITING && !c->place[at].answered) {
        c->place[at].answered = true;
        c->done[c->done_tail++ % SOLO_PLACES] = at;
    }
}

/* What the last reference ends comes first, then that whose work is over. */
bool solo_commands_after(struct solo_commands *c)
{
    for (uint32_t i = 0; i < c->places; i++) {
        if (i != c->ending) {
            gather(c, i);
        }
    }
    gather(c, c->ending);
    return c->coming < c->places;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static enum solo_status add_status(const struct nic_slot *s)
{
    if (s->status == NDIS_STATUS_SUCCESS) {
        return SOLO_OK;
    }
    switch (s->reason) {
    case SA_FULL: return SOLO_FULL;
    case SA_NO_SLOT: return SOLO_NO_SLOT;
    case SA_DUPLICATE: return SOLO_DUPLICATE;
    default: impossible("an ADD was refused for reason", s->reason);
    }
}

static enum solo_status update_status(const struct nic_slot *s)
{
    switch (s->updated) {
    case SA_UPDATE_OK: return SOLO_OK;
    case SA_UPDATE_UNKNOWN: return SOLO_STALE;
    case SA_UPDATE_MISMATCH: return SOLO_MISMATCH;
    default: return SOLO_NO_ESN;
    }
}

static enum solo_status status_of(const struct solo_place *p, const struct nic_slot *s)
{
    switch (p->op) {
    case SOLO_INSERT: return add_status(s);
    case SOLO_UPDATE: return update_status(s);
    case SOLO_DELETE: return s->done ? SOLO_OK : SOLO_STALE;
    case SOLO_READ: return p->id ? SOLO_OK : SOLO_STALE;
    default: return SOLO_RESERVED;
    }
}

bool solo_commands_answer(const struct solo_commands *c, struct solo_answer *to)
{
    uint32_t at = c->done[c->done_head % SOLO_PLACES];
    const struct solo_place *p = &c->place[at];

    if (c->done_head == c->done_tail) {
        return false;
    }
    *to = p->answer;
    to->status = (uint8_t)status_of(p, slot_at(c, at));
    to->handle = p->op == SOLO_INSERT ? slot_at(c, at)->handle[0] : to->handle;
    return true;
}
