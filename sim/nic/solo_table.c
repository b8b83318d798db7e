/* solo: sa_lookup of received packets (sa_lookup.c, lookup_port.c) and the execution of commands (command.c), with the
 * SA table between them.
 * Commands: solo_commands.h.
 * Who holds a reference is the caller's: packets let go of their SA when the pins say so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_sa_table.def"
#include "nic/solo_pins.h"

#include "nic/solo_answer.h"

enum { BUS = 64, L3 = 14, V4_HEADER = 20, V6_HEADER = 40 };

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

struct table {
    struct solo solo;
    struct solo_port pkt, found;
    uint32_t item; /* packet that is going in */
    struct solo_commands commands;
};

/* ---- life ------------------------------------------------------------------------------------------ */

static bool open_card(void *self, char *error, size_t error_size)
{
    struct table *t = self;
    struct solo_table_settings table;
    const char *settings[2 + SOLO_TABLE_SETTINGS][2] = { { "card.bus", "64B" },
                                                         { "card.sa.esn", "host" } };

    solo_table_settings(&t->solo, &table);
    memcpy(settings + 2, table.setting, sizeof table.setting);
    if (!solo_open(&t->solo, settings, error, error_size)) {
        return false;
    }
    solo_feed(&t->solo, &t->pkt, t->solo.card->lane[0].lookup.in[0]);
    solo_drain(&t->solo, &t->found, t->solo.card->lane[0].lookup.out[0]);
    solo_commands_open(&t->commands, &t->solo, solo_value(&t->solo, "COMMANDS"));
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

/* ---- outputs ----------------------------------------------------------------------------------------- */

static void outputs(void *self, uint32_t *out)
{
    struct table *t = self;
    struct solo_beat found = solo_head(&t->solo, &t->found);
    struct solo_answer answer;

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
    if (show_commands(&t->commands, out, &answer)) {
        set(out, OUT_RSP_AH, answer.ah);
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

static struct esp_node node_of(const uint32_t *in)
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
    return node;
}

static void take_command(struct table *t, const uint32_t *in)
{
    const struct solo_command command = { .op = (uint8_t)get(in, IN_CMD_OP),
                                          .tag = (uint8_t)get(in, IN_CMD_TAG),
                                          .handle = get(in, IN_CMD_HANDLE),
                                          .node = node_of(in),
                                          .spi = (uint32_t)get(in, IN_CMD_SPI),
                                          .value = (uint32_t)get(in, IN_CMD_VALUE),
                                          .ah = get(in, IN_CMD_AH) };

    solo_commands_take(&t->commands, &command);
}

static void tick(void *self, const uint32_t *in)
{
    struct table *t = self;
    struct solo_commands *c = &t->commands;

    solo_commands_before(c, get(in, IN_CMD_VALID), get(in, IN_RSP_READY));
    if (get(in, IN_REL_VALID)) {
        release(t, (uint32_t)get(in, IN_REL_ENTRY));
    }
    if (get(in, IN_FOUND_POP)) {
        solo_pop_for_good(&t->solo, &t->found); /* its reference stays until it is given back */
    }
    if (get(in, IN_PKT_VALID)) {
        push_packet(t, in);
    }
    solo_step(&t->solo);
    if (solo_commands_after(c)) {
        take_command(t, in);
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
