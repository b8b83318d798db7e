/* solo: sa_lookup of received packets (sa_lookup.c, lookup_port.c) and the execution of commands (command.c), with the
 * SA table between them.
 *
 * Commands stand in the places of the command queue as if they had just been read from host memory, and are looked at
 * there when they wait for their completion to be written: nothing moves on the link, whose request queue is full. The
 * card has no command to read an SA back; one of an unknown opcode takes its time, and its answer is read from the table.
 * Who holds a reference is the caller's: packets let go of their SA when the pins say so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/ndis.h"
#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_sa_table.def"
#include "nic/solo_pins.h"

enum {
    BUS = 64,
    L3 = 14,
    V4_HEADER = 20,
    V6_HEADER = 40,
    PLACES = 256,
    BUFFER_CLASS = 2,
    BUFFER_BYTES = 1024
};

static const struct nic_solo_param params[] = {
    { "MEMORIES", "card.sa.table.choices", 2, 1, 4, "buckets of a key" },
    { "BUCKETS", NULL, 16, 1, 4096,
      "buckets of a memory, a power of two; card.sa.table.slots follows" },
    { "WAYS", "card.sa.table.ways", 4, 1, 16, "slots of a bucket" },
    { "STASH", "card.sa.table.stash", 2, 0, 64, "keys" },
    { "ENTRIES", "card.sa.table.capacity", 112, 1, 4095, "SAs" },
    { "LATENCY", "card.sa_lookup.latency", 2, 0, 64, "cycles" },
    { "OVERHEAD", "card.sa_lookup.overhead", 0, 0, 64, "cycles more from item to item" },
    { "DEPTH", "card.sa_lookup.depth", 8, 2, 64, "beats of the channel behind" },
    { "LOOKUP_PORT", NULL, 1, 0, 1, "1: look-ups and commands share a port; card.sa.lookup_port" },
    { "LOOKUP_PACE", "card.sa.lookup_pace", 2, 1, 1024,
      "cycles from one access of a command to the next" },
    { "ADD_CYCLES", NULL, 8, 1, 4096, "cycles; card.command.add" },
    { "UPDATE_CYCLES", NULL, 4, 1, 4096, "cycles; card.command.update" },
    { "REMOVE_CYCLES", NULL, 6, 1, 4096, "cycles; card.command.remove" },
    { "COMMANDS", "card.command.depth", 4, 1, 256, "commands under way" },
    { "IN_DEPTH", "card.parser.depth", 8, 2, 64, "beats of the channel before" },
};

enum op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_READ };
enum status {
    ST_OK,
    ST_FULL,
    ST_NO_SLOT,
    ST_DUPLICATE,
    ST_STALE,
    ST_MISMATCH,
    ST_NO_ESN,
    ST_RESERVED
};

/* A command in its place: what the card does not keep, or not for us. */
struct place {
    uint8_t op, tag;
    bool answered; /* it waits among `done` */
    uint64_t handle;
    /* READ: what has been found, `id` 0: nothing */
    uint32_t id, spi, value, references;
    uint8_t state;
    bool ah, v6;
    uint64_t dst_low, dst_high;
};

struct table {
    struct solo solo;
    struct solo_port pkt, found;
    uint32_t item; /* packet that is going in */
    struct place place[PLACES];
    uint32_t places;
    uint32_t done[PLACES]; /* ring of places, in the order in which they came to their end */
    uint32_t done_head, done_tail;
};

static void impossible(const char *what, uint32_t number) __attribute__((noreturn, cold));

static void impossible(const char *what, uint32_t number)
{
    fprintf(stderr, "espnic: internal error: sa_table: %s %u\n", what, number);
    abort();
}

/* ---- life ------------------------------------------------------------------------------------------ */

static uint32_t param(const struct table *t, const char *name)
{
    return solo_value(&t->solo, name);
}

/* Nothing is ever asked for over the link. */
static void fill_requests(struct espnic *card)
{
    struct channel *ch = card->request[card->commands.client];

    channel_reserve(ch, channel_room(ch, 0));
}

static bool open_card(void *self, char *error, size_t error_size)
{
    struct table *t = self;
    char slots[16], add[16], update[16], remove[16];
    const char *const settings[][2] = { { "card.bus", "64B" },
                                        { "card.sa.esn", "host" },
                                        { "card.sa.table.organisation", "hash" },
                                        { "card.sa.table.hash", "h3" },
                                        { "card.sa.table.slots", slots },
                                        { "card.sa.lookup_port",
                                          param(t, "LOOKUP_PORT") ? "true" : "false" },
                                        { "card.command.path", "queue" },
                                        { "card.command.add", add },
                                        { "card.command.update", update },
                                        { "card.command.remove", remove },
                                        { NULL, NULL } };

    snprintf(slots, sizeof slots, "%u",
             param(t, "MEMORIES") * param(t, "BUCKETS") * param(t, "WAYS"));
    snprintf(add, sizeof add, "%uns", param(t, "ADD_CYCLES")); /* the clock is 1 GHz */
    snprintf(update, sizeof update, "%uns", param(t, "UPDATE_CYCLES"));
    snprintf(remove, sizeof remove, "%uns", param(t, "REMOVE_CYCLES"));
    if (!solo_open(&t->solo, settings, error, error_size)) {
        return false;
    }
    solo_feed(&t->solo, &t->pkt, t->solo.card->lane[0].lookup.in[0]);
    solo_drain(&t->solo, &t->found, t->solo.card->lane[0].lookup.out[0]);
    fill_requests(t->solo.card);
    t->places = param(t, "COMMANDS");
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_sa_table,
                                       .bytes = sizeof(struct table),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- keys -------------------------------------------------------------------------------------------- */

/* An address of a number of 128 bits: in network order, IPv4 in the low 32 bits. */
static void put_address(uint8_t *to, bool v6, uint64_t high, uint64_t low)
{
    if (v6) {
        esp_put32(to, (uint32_t)(high >> 32));
        esp_put32(to + 4, (uint32_t)high);
        esp_put32(to + 8, (uint32_t)(low >> 32));
        esp_put32(to + 12, (uint32_t)low);
    } else {
        esp_put32(to, (uint32_t)low);
    }
}

static uint64_t get64(const uint8_t *from)
{
    return (uint64_t)esp_get32(from) << 32 | esp_get32(from + 4);
}

/* ---- outputs ----------------------------------------------------------------------------------------- */

static enum status add_status(const struct nic_slot *s)
{
    if (s->status == NDIS_STATUS_SUCCESS) {
        return ST_OK;
    }
    switch (s->reason) {
    case SA_FULL: return ST_FULL;
    case SA_NO_SLOT: return ST_NO_SLOT;
    case SA_DUPLICATE: return ST_DUPLICATE;
    default: impossible("an ADD was refused for reason", s->reason);
    }
}

static enum status update_status(const struct nic_slot *s)
{
    switch (s->updated) {
    case SA_UPDATE_OK: return ST_OK;
    case SA_UPDATE_UNKNOWN: return ST_STALE;
    case SA_UPDATE_MISMATCH: return ST_MISMATCH;
    default: return ST_NO_ESN;
    }
}

static enum status status_of(const struct place *p, const struct nic_slot *s)
{
    switch (p->op) {
    case OP_INSERT: return add_status(s);
    case OP_UPDATE: return update_status(s);
    case OP_DELETE: return s->done ? ST_OK : ST_STALE;
    case OP_READ: return p->id ? ST_OK : ST_STALE;
    default: return ST_RESERVED;
    }
}

static void show_response(const struct table *t, uint32_t *out)
{
    uint32_t at = t->done[t->done_head % PLACES];
    const struct place *p = &t->place[at];
    const struct nic_slot *s = &t->solo.card->commands.slot[at];

    set(out, OUT_RSP_TAG, p->tag);
    set(out, OUT_RSP_STATUS, status_of(p, s));
    set(out, OUT_RSP_HANDLE, p->op == OP_INSERT ? s->handle[0] : p->handle);
    if (p->op != OP_READ || !p->id) {
        return;
    }
    set(out, OUT_RSP_READ, 1);
    set(out, OUT_RSP_DST_LOW, p->dst_low);
    set(out, OUT_RSP_DST_HIGH, p->dst_high);
    set(out, OUT_RSP_SPI, p->spi);
    set(out, OUT_RSP_AH, p->ah);
    set(out, OUT_RSP_V6, p->v6);
    set(out, OUT_RSP_VALUE, p->value);
    set(out, OUT_RSP_STATE, p->state);
    set(out, OUT_RSP_REFERENCES, p->references);
}

static uint32_t free_place(const struct table *t)
{
    uint32_t i = 0;

    while (i < t->places && t->solo.card->commands.slot[i].state != NIC_SLOT_FREE) {
        i++;
    }
    return i;
}

static void outputs(void *self, uint32_t *out)
{
    struct table *t = self;
    struct solo_beat found = solo_head(&t->solo, &t->found);

    set(out, OUT_PKT_ROOM, solo_room(&t->solo, &t->pkt));
    set(out, OUT_FOUND_VALID, found.valid);
    for (unsigned pin = OUT_FOUND_LAST; pin <= OUT_FOUND_DATA; pin++) {
        set(out, pin, 0);
    }
    if (found.valid) {
        const struct nic_packet *p = nic_packet(t->solo.card, found.item);

        set(out, OUT_FOUND_LAST, found.last);
        set(out, OUT_FOUND_HIT, found.first && p->sa);
        set(out, OUT_FOUND_ENTRY, found.first ? p->sa : 0);
        set(out, OUT_FOUND_PROBES, found.first ? p->probes : 0);
        set(out, OUT_FOUND_TAG, found.first ? p->cookie : 0);
        set(out, OUT_FOUND_DATA, (p->tag << 4 & 0xfff0) | (found.number & 15));
    }
    set(out, OUT_CMD_READY, free_place(t) < t->places);
    for (unsigned pin = OUT_RSP_VALID; pin < OUTS; pin++) {
        set(out, pin, 0);
    }
    if (t->done_head != t->done_tail) {
        set(out, OUT_RSP_VALID, 1);
        show_response(t, out);
    }
}

/* ---- packets ------------------------------------------------------------------------------------------- */

/* A packet as the parser hands it on. */
static void new_packet(struct table *t, const uint32_t *in)
{
    struct espnic *card = t->solo.card;
    bool v6 = get(in, IN_PKT_V6), ah = get(in, IN_PKT_AH);
    uint32_t header = v6 ? V6_HEADER : V4_HEADER;
    struct nic_packet *p;
    uint8_t *bytes;

    t->item = nic_packet_new(card, NIC_RX, (uint32_t)get(in, IN_PKT_BEATS) * BUS);
    p = nic_packet(card, t->item);
    bytes = nic_bytes(card, p);
    memset(bytes, 0, BUS);
    p->present = p->length;
    p->kind = ah ? ESP_PACKET_AH : ESP_PACKET_ESP;
    p->version = v6 ? 6 : 4;
    p->l3 = L3;
    p->bounds.l3 = L3;
    p->bounds.ipsec = L3 + header;
    p->bounds.end = p->length;
    p->bypass = get(in, IN_PKT_BYPASS) ? NIC_BYPASS_NOT_IPSEC : 0;
    p->cookie = (uint32_t)get(in, IN_PKT_TAG);
    p->tag = get(in, IN_PKT_DATA) >> 4;
    put_address(bytes + L3 + (v6 ? 24 : 16), v6, get(in, IN_PKT_DST_HIGH), get(in, IN_PKT_DST_LOW));
    esp_put32(bytes + L3 + header + (ah ? 4 : 0), (uint32_t)get(in, IN_PKT_SPI));
}

static void push_packet(struct table *t, const uint32_t *in)
{
    if (t->pkt.beat == 0) {
        new_packet(t, in);
    }
    solo_push(&t->solo, &t->pkt, t->item, get(in, IN_PKT_LAST));
}

/* It goes; its reference stays until it is given back. */
static void pop_packet(struct table *t)
{
    struct solo_beat b = solo_head(&t->solo, &t->found);

    solo_pop(&t->solo, &t->found);
    if (b.last) {
        nic_packet_free(t->solo.card, b.item);
    }
}

static void release(struct table *t, uint32_t sa)
{
    struct espnic *card = t->solo.card;
    struct nic_packet p = { .sa = sa };

    if (sa != 0 && sa < card->table.contexts.state.used &&
        sa_context(&card->table, sa)->state != SA_FREE &&
        sa_context(&card->table, sa)->references != 0) {
        nic_release_sa(card, &p, t->solo.cycle);
    }
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static uint32_t write_add(const uint32_t *in, uint8_t *buffer)
{
    struct esp_node node = { .dir = ESP_DIR_IN, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];
    bool v6 = get(in, IN_CMD_V6);

    node.src.family = node.dst.family = v6 ? 6 : 4;
    node.src.bytes[0] = 10;
    put_address(node.dst.bytes, v6, get(in, IN_CMD_DST_HIGH), get(in, IN_CMD_DST_LOW));
    sa->op = get(in, IN_CMD_AH) ? ESP_OP_AH : ESP_OP_ESP;
    sa->spi = (uint32_t)get(in, IN_CMD_SPI);
    sa->esn = get(in, IN_CMD_ESN);
    sa->seq_hi = sa->esn ? (uint32_t)get(in, IN_CMD_VALUE) : 0;
    sa->seq = (uint64_t)sa->seq_hi << 32;
    if (sa->op == ESP_OP_AH) {
        sa->auth = (struct esp_key){ .alg = ESP_ALG_AES_GMAC_128, .icv = 16, .length = 20 };
    } else {
        sa->enc = (struct esp_key){ .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 };
    }
    return ndis_encode_add(&node, 1, true, true, buffer, BUFFER_BYTES);
}

static uint32_t write_update(const uint32_t *in, uint8_t *buffer)
{
    struct ndis_update u = { .handle = get(in, IN_CMD_HANDLE),
                             .op = get(in, IN_CMD_AH) ? ESP_OP_AH : ESP_OP_ESP,
                             .spi = (uint32_t)get(in, IN_CMD_SPI),
                             .seq_hi = (uint32_t)get(in, IN_CMD_VALUE) };

    return ndis_encode_update(&u, buffer, BUFFER_BYTES);
}

/* The command with its buffer, as it stands in host memory. */
static void write_command(struct table *t, const uint32_t *in, struct nic_slot *s, uint8_t op)
{
    static const uint32_t opcode[] = { ABI_OP_ADD_SA_EX, ABI_OP_UPDATE_SA, ABI_OP_DELETE_SA };
    struct espnic *card = t->solo.card;
    uint64_t handle = get(in, IN_CMD_HANDLE);
    uint8_t *buffer;

    memset(&s->command, 0, sizeof s->command);
    s->handle[0] = 0;
    s->buffer = 0;
    s->command.opcode = op <= OP_DELETE ? opcode[op] : op;
    if (op > OP_DELETE) {
        return;
    }
    s->buffer = nic_pool_take(&card->buffers[BUFFER_CLASS]);
    buffer = nic_pool_at(&card->buffers[BUFFER_CLASS], s->buffer);
    s->command.length = op == OP_INSERT   ? write_add(in, buffer)
                        : op == OP_UPDATE ? write_update(in, buffer)
                                          : ndis_encode_delete(&handle, 1, buffer, BUFFER_BYTES);
}

/* It has been read; from the next cycle on it can be worked on. */
static void take_command(struct table *t, const uint32_t *in, uint32_t at)
{
    struct nic_commands *c = &t->solo.card->commands;
    uint8_t op = (uint8_t)get(in, IN_CMD_OP);

    t->place[at] = (struct place){ .op = op,
                                   .tag = (uint8_t)get(in, IN_CMD_TAG),
                                   .handle = get(in, IN_CMD_HANDLE) };
    write_command(t, in, &c->slot[at], op);
    c->slot[at].state = NIC_SLOT_READY;
    c->slot[at].ready = t->solo.cycle;
    c->turn[at] = c->s.order++;
    sched_wake(&t->solo.card->sched, c->block, t->solo.cycle);
}

/* The table as it is before the cycle in which the work on a READ ends. */
static void read_back(struct table *t)
{
    struct espnic *card = t->solo.card;
    uint32_t running = card->commands.s.running;
    struct place *p;
    struct sa_context *context;
    struct sa_entry *entry;
    struct esp_address src, dst;

    if (!running || card->commands.slot[running - 1].finish != t->solo.cycle ||
        t->place[running - 1].op != OP_READ) {
        return;
    }
    p = &t->place[running - 1];
    p->id = sa_table_peek(&card->table, p->handle);
    if (!p->id) {
        return;
    }
    context = sa_context(&card->table, p->id);
    entry = sa_entry(&card->table, context, 0);
    sa_addresses(&card->table, context, &src, &dst);
    p->v6 = dst.family == 6;
    p->dst_high = p->v6 ? get64(dst.bytes) : 0;
    p->dst_low = p->v6 ? get64(dst.bytes + 8) : esp_get32(dst.bytes);
    p->spi = entry->spi;
    p->ah = entry->op == ESP_OP_AH;
    p->value = sa_seq_hi(&card->table, entry);
    p->state = (uint8_t)context->state;
    p->references = context->references;
}

/* Those whose end has come since the last time. */
static void gather(struct table *t)
{
    for (uint32_t i = 0; i < t->places; i++) {
        if (t->solo.card->commands.slot[i].state == NIC_SLOT_WRITING && !t->place[i].answered) {
            t->place[i].answered = true;
            t->done[t->done_tail++ % PLACES] = i;
        }
    }
}

static void take_response(struct table *t)
{
    struct espnic *card = t->solo.card;
    struct nic_slot *s = &card->commands.slot[t->done[t->done_head++ % PLACES]];

    if (s->buffer) {
        nic_pool_release(&card->buffers[BUFFER_CLASS], s->buffer);
    }
    s->buffer = 0;
    s->state = NIC_SLOT_FREE;
}

static void tick(void *self, const uint32_t *in)
{
    struct table *t = self;
    uint32_t place = get(in, IN_CMD_VALID) ? free_place(t) : t->places;

    read_back(t);
    if (get(in, IN_RSP_READY) && t->done_head != t->done_tail) {
        take_response(t);
    }
    if (get(in, IN_REL_VALID)) {
        release(t, (uint32_t)get(in, IN_REL_ENTRY));
        gather(t);
    }
    if (get(in, IN_FOUND_POP)) {
        pop_packet(t);
    }
    if (get(in, IN_PKT_VALID)) {
        push_packet(t, in);
    }
    solo_step(&t->solo);
    gather(t);
    if (place < t->places) {
        take_command(t, in, place);
    }
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "sa_table",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_sa_table = {
    .name = "sa_table",
    .title = "look-up of received packets, and the commands that "
             "fill and empty the table",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params,
    .power_of_two = "BUCKETS"
};
