/* solo: what a lane receives, from the receive buffer of its port to the channel before rx_dma (parser, sa_lookup,
 * replay_check, crypto, reorder, replay_update, decapsulate).
 *
 * A packet's bytes are there with its first beat, as in the card, where a frame is whole in the receive buffer.
 * Without SA_TABLE the pins put SAs straight into a CAM; with it into a hash table, by commands (solo_commands.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_esp_rx.def"
#include "nic/solo_pins.h"

#include "nic/solo_answer.h"

enum { BUS = 64, MAX_SAS = 256, INPUT = 1 /* of the parser: port 0 */ };

_Static_assert(IN_PUSH_FRAME_MSB - IN_PUSH_FRAME_LSB + 1 == 8 * NIC_SOLO_LONGEST,
               "a pin for a whole frame");

static const struct nic_solo_param params[] = {
    { "SA_W", NULL, 4, 1, 8, "bits of the number of an SA; numbers 1 to 2^SA_W - 1 are used" },
    { "WINDOW", NULL, 64, 32, 4096, "packets, a power of two: the largest window" },
    { "RMW", "card.sa.rmw", 4, 1, 64, "cycles from an update of an SA to the next" },
    { "IN_DEPTH", NULL, 256, 256, 1024, "beats of the receive buffer" },
    { "PARSER_LATENCY", "card.parser.latency", 8, 1, 64, "cycles" },
    { "PARSER_OVERHEAD", "card.parser.overhead", 0, 0, 64, "cycles more from item to item" },
    { "PARSER_DEPTH", "card.parser.depth", 64, 2, 256, "beats of the channel behind" },
    { "LOOKUP_LATENCY", "card.sa_lookup.latency", 12, 0, 64, "cycles" },
    { "LOOKUP_OVERHEAD", "card.sa_lookup.overhead", 0, 0, 64, "cycles more from item to item" },
    { "LOOKUP_DEPTH", "card.sa_lookup.depth", 64, 2, 256, "beats of the channel behind" },
    { "CHECK_LATENCY", "card.replay_check.latency", 4, 0, 64, "cycles" },
    { "CHECK_OVERHEAD", "card.replay_check.overhead", 0, 0, 64, "cycles more from item to item" },
    { "CHECK_DEPTH", "card.replay_check.depth", 64, 2, 256, "beats of the channel behind" },
    { "AES_STAGES", "card.crypto.stages_per_round", 1, 1, 2, "cycles of a round" },
    { "AES_OVERHEAD", "card.crypto.overhead", 1, 0, 64, "cycles of a packet beside its blocks" },
    { "AES_DEPTH", "card.crypto.depth", 256, 56, 512, "beats behind engine and way around" },
    { "REORDER_DEPTH", NULL, 56, 56, 56, "beats of the channel behind reorder" },
    { "UPDATE_LATENCY", "card.replay_update.latency", 4, 0, 32, "cycles" },
    { "UPDATE_OVERHEAD", "card.replay_update.overhead", 0, 0, 64, "cycles more from item to item" },
    { "UPDATE_DEPTH", "card.replay_update.depth", 64, 56, 256, "beats of the channel behind" },
    { "OPEN_LATENCY", "card.decapsulate.latency", 4, 1, 64, "cycles" },
    { "OPEN_OVERHEAD", "card.decapsulate.overhead", 0, 0, 64, "cycles more from item to item" },
    { "OPEN_DEPTH", "card.decapsulate.depth", 256, 56, 512, "beats of the channel behind" },
    { "SA_TABLE", NULL, 0, 0, 1,
      "0: SAs in a CAM; 1: in a hash table, by commands, as the next ten say" },
    { "MEMORIES", "card.sa.table.choices", 2, 1, 4, "buckets of a key" },
    { "BUCKETS", NULL, 4, 1, 256,
      "buckets of a memory, a power of two; card.sa.table.slots follows" },
    { "WAYS", "card.sa.table.ways", 2, 1, 16, "slots of a bucket" },
    { "STASH", "card.sa.table.stash", 2, 0, 64, "keys" },
    { "LOOKUP_PORT", NULL, 1, 0, 1, "1: look-ups and commands share a port; card.sa.lookup_port" },
    { "LOOKUP_PACE", "card.sa.lookup_pace", 2, 1, 1024,
      "cycles from one access of a command to the next" },
    { "ADD_CYCLES", NULL, 8, 1, 4096, "cycles; card.command.add" },
    { "UPDATE_CYCLES", NULL, 4, 1, 4096, "cycles; card.command.update" },
    { "REMOVE_CYCLES", NULL, 6, 1, 4096, "cycles; card.command.remove" },
    { "COMMANDS", "card.command.depth", 4, 1, 256, "commands under way" },
};

struct rx {
    struct solo own;
    struct solo *solo; /* own, or that of a whole of which this is a part */
    struct solo_port in_port, out_port;
    struct solo_door door;
    uint32_t item; /* packet that is going in */
    uint64_t handle[MAX_SAS];
    /* with SA_TABLE */
    struct solo_commands own_commands;
    struct solo_commands *commands; /* likewise: own, or of the whole; NULL: none */
    uint32_t tx_words; /* of a whole: where the pins of esp_tx begin, behind one's own first word */
};

/* ---- life ------------------------------------------------------------------------------------------ */

static void attach(struct rx *r)
{
    struct nic_lane *lane = &r->solo->card->lane[0];

    r->door = (struct solo_door){ .longest = NIC_SOLO_LONGEST / BUS, .whole = true };
    solo_feed(r->solo, &r->in_port, lane->parser.in[INPUT]);
    solo_drain(r->solo, &r->out_port, lane->decapsulate.out[0]);
}

static bool open_card(void *self, char *error, size_t error_size)
{
    struct rx *r = self;
    bool table = solo_value(&r->own, "SA_TABLE") != 0;
    struct solo_table_settings hash;
    char buffer[32], capacity[16];
    const char *settings[16 + SOLO_TABLE_SETTINGS][2] = {
        { "card.bus", "64B" },
        { "card.mac.mtu", "1500B" }, /* channels that hold whole packets: 56 beats at least */
        { "card.mac.rx_buffer", buffer },
        { "card.sa.esn", "inferred" },
        { "card.capabilities.ipv4_options", "false" },
        { "card.capabilities.ipv6_extensions", "false" },
        { "card.crypto.width", "64B" },
        { "card.crypto.engines", "1" },
        { "card.crypto.contexts", "1" },
        { "card.crypto.key_setup", "0" },
        { "card.crypto.order", "sa" },
        { "card.sa.table.organisation", "cam" }
    };
    const unsigned last = 11;
    struct nic_lane *lane;
    uint32_t behind;

    snprintf(buffer, sizeof buffer, "%uB", BUS * solo_value(&r->own, "IN_DEPTH"));
    if (table) {
        solo_table_settings(&r->own, &hash);
        snprintf(capacity, sizeof capacity, "%u", (1u << solo_value(&r->own, "SA_W")) - 1);
        settings[last][0] = "card.sa.table.capacity";
        settings[last][1] = capacity;
        memcpy(settings + last + 1, hash.setting, sizeof hash.setting);
    }
    r->solo = &r->own;
    if (!solo_open(r->solo, settings, error, error_size)) {
        return false;
    }
    attach(r);
    if (table) {
        r->commands = &r->own_commands;
        solo_commands_open(r->commands, r->solo, solo_value(&r->own, "COMMANDS"));
    }
    lane = &r->solo->card->lane[0];
    behind = lane->rx.reorder.out[0]->config.depth;
    if (behind != solo_value(&r->own, "REORDER_DEPTH")) {
        snprintf(error, error_size, "the card has %u beats behind reorder", behind);
        return false;
    }
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_esp_rx,
                                       .bytes = sizeof(struct rx),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- what is seen ------------------------------------------------------------------------------------ */

static void show_beat(const struct rx *r, uint32_t *out, const struct solo_beat *b)
{
    const struct espnic *card = r->solo->card;
    const struct nic_packet *p = nic_packet(card, b->item);
    const uint8_t *bytes = nic_bytes(card, p) + (size_t)b->number * BUS;
    uint32_t left = p->length - b->number * BUS;

    set(out, OUT_LAST, b->last);
    set(out, OUT_LENGTH, p->length);
    set_bytes(out, OUT_BEAT, bytes, left < BUS ? left : BUS);
}

static void show_counters(const struct rx *r, uint32_t *out)
{
    const struct nic_stats *s = &r->solo->card->stats;
    const struct nic_direction_stats *rx = &s->rx;

    set(out, OUT_COUNT_NOT_IPSEC, rx->bypass[NIC_BYPASS_NOT_IPSEC]);
    set(out, OUT_COUNT_NO_SA, rx->bypass[NIC_BYPASS_NO_SA]);
    set(out, OUT_COUNT_FRAGMENT, rx->bypass[NIC_BYPASS_FRAGMENT]);
    set(out, OUT_COUNT_OPTIONS, rx->bypass[NIC_BYPASS_OPTIONS]);
    set(out, OUT_COUNT_MALFORMED, rx->bypass[NIC_BYPASS_MALFORMED]);
    set(out, OUT_COUNT_OK, s->replay[REPLAY_OK]);
    set(out, OUT_COUNT_DUPLICATE, s->replay[REPLAY_DUPLICATE]);
    set(out, OUT_COUNT_TOO_OLD, s->replay[REPLAY_TOO_OLD]);
    set(out, OUT_COUNT_ZERO, s->replay[REPLAY_ZERO]);
    set(out, OUT_COUNT_LATE, s->replay_late);
    set(out, OUT_COUNT_BAD_ICV, rx->drop[NIC_DROP_BAD_ICV]);
    set(out, OUT_COUNT_BAD_LENGTH, rx->drop[NIC_DROP_BAD_LENGTH]);
    set(out, OUT_COUNT_BAD_PADDING, rx->drop[NIC_DROP_BAD_PADDING]);
    set(out, OUT_COUNT_DUMMY, rx->drop[NIC_DROP_DUMMY]);
    set(out, OUT_COUNT_WRONG, rx->drop[NIC_DROP_WRONG_PROTOCOL]);
    set(out, OUT_COUNT_BAD_INNER, rx->drop[NIC_DROP_BAD_INNER]);
    set(out, OUT_COUNT_ECN, rx->drop[NIC_DROP_ECN]);
    set(out, OUT_COUNT_FRAMING, r->door.framing);
    set(out, OUT_COUNT_OVERFLOW, r->door.overflow);
}

static uint32_t room(const struct rx *r)
{
    return channel_room(r->in_port.channel, r->solo->cycle);
}

static void outputs(void *self, uint32_t *out)
{
    const struct rx *r = self;
    struct solo_beat b = solo_head(r->solo, &r->out_port);
    struct solo_answer answer;

    set(out, OUT_ROOM, solo_door_room(&r->door, room(r)));
    set(out, OUT_VALID, b.valid);
    if (b.valid) {
        show_beat(r, out, &b);
    }
    show_counters(r, out);
    show_commands(r->commands, out, &answer);
}

/* ---- what goes in -------------------------------------------------------------------------------------- */

static void push(struct rx *r, const uint32_t *in)
{
    uint32_t length = (uint32_t)get(in, IN_PUSH_LENGTH);
    struct solo_entry e =
        solo_door(&r->door, room(r), get(in, IN_PUSH), get(in, IN_PUSH_LAST), length);

    if (e.opens && e.push) {
        struct espnic *card = r->solo->card;
        struct nic_packet *p;

        r->item = nic_packet_new(card, NIC_RX, length);
        p = nic_packet(card, r->item);
        get_bytes(in, IN_PUSH_FRAME, nic_bytes(card, p), length);
        p->present = p->length;
        nic_parse(card, p, UINT32_MAX);
    }
    if (e.push) {
        solo_push(r->solo, &r->in_port, r->item, e.last);
    }
}

static struct esp_key key_of(const uint32_t *in)
{
    uint32_t size = (uint32_t)get(in, IN_CFG_ROUNDS);
    struct esp_key key = { .alg = get(in, IN_CFG_GMAC) ? esp_alg_gmac(size) : esp_alg_gcm(size),
                           .icv = (uint8_t)get(in, IN_CFG_ICV),
                           .length = (uint8_t)(16 + 8 * size + 4) };

    get_bytes(in, IN_CFG_KEY, key.bytes, 16 + 8 * size);
    get_bytes(in, IN_CFG_SALT, key.bytes + 16 + 8 * size, 4);
    return key;
}

static struct esp_node node_of(const uint32_t *in)
{
    struct esp_node node = { .dir = ESP_DIR_IN, .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];
    uint8_t spi[4];

    node.mode = get(in, IN_CFG_TUNNEL) ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    node.udp = !get(in, IN_CFG_UDP)           ? ESP_UDP_NONE
               : node.mode == ESP_MODE_TUNNEL ? ESP_UDP_TUNNEL
                                              : ESP_UDP_TRANSPORT;
    node.encap_sport = node.encap_dport = 4500;
    node.src.family = node.dst.family = get(in, IN_CFG_V6) ? 6 : 4;
    get_bytes(in, IN_CFG_DST, node.dst.bytes, 16);
    get_bytes(in, IN_CFG_SPI, spi, 4);
    *sa = (struct esp_sa){ .op = ESP_OP_ESP,
                           .spi = esp_get32(spi),
                           .esn = get(in, IN_CFG_ESN),
                           .seq = get(in, IN_CFG_TOP),
                           .seq_hi = (uint32_t)(get(in, IN_CFG_TOP) >> 32),
                           .replay_window = (uint16_t)get(in, IN_CFG_WINDOW) };
    if (get(in, IN_CFG_GMAC)) {
        sa->enc.alg = ESP_ALG_NULL;
        sa->auth = key_of(in);
    } else {
        sa->enc = key_of(in);
    }
    return node;
}

/* The SA of this number is another one from now on. */
static void set_sa(struct rx *r, const uint32_t *in)
{
    struct espnic *card = r->solo->card;
    uint32_t sa = (uint32_t)get(in, IN_CFG_SA);
    const struct esp_node node = node_of(in);
    struct sa_added added;
    uint32_t id;

    if (r->handle[sa]) {
        sa_table_begin_delete(&card->table, r->handle[sa], &id);
        nic_forget_sa(card, id, nic_now_ns(card, r->solo->cycle));
    }
    added = sa_table_add(&card->table, &node, true);
    if (!added.id) {
        fprintf(stderr, "espnic: internal error: SA %u refused: %d\n", sa, (int)added.reason);
        abort();
    }
    sa_table_commit(&card->table, added.id, 0);
    r->handle[sa] = added.handle;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static void take_command(struct rx *r, const uint32_t *in)
{
    uint8_t spi[4];
    struct solo_command command = { .op = (uint8_t)get(in, IN_CMD_OP),
                                    .tag = (uint8_t)get(in, IN_CMD_TAG),
                                    .handle = get(in, IN_CMD_HANDLE),
                                    .value = (uint32_t)get(in, IN_CMD_VALUE),
                                    .ah = get(in, IN_CMD_AH) };

    get_bytes(in, IN_CFG_SPI, spi, 4);
    command.spi = esp_get32(spi);
    if (command.op == SOLO_INSERT && get(in, IN_CMD_OUT)) {
        solo_tx_node(in + r->tx_words, &command.node);
    } else if (command.op == SOLO_INSERT) {
        command.node = node_of(in);
    }
    solo_commands_take(r->commands, &command);
}

/* ---- cycles -------------------------------------------------------------------------------------------- */

static void inputs(void *self, const uint32_t *in)
{
    struct rx *r = self;

    if (r->commands) {
        solo_commands_before(r->commands, get(in, IN_CMD_VALID), get(in, IN_RSP_READY));
    }
    if (get(in, IN_POP)) {
        solo_pop_for_good(r->solo, &r->out_port);
    }
    push(r, in);
}

static void settle(void *self, const uint32_t *in)
{
    struct rx *r = self;

    if (r->commands == NULL) {
        if (get(in, IN_CFG_WE)) {
            set_sa(r, in); /* seen from the next cycle on */
        }
    } else if (solo_commands_after(r->commands)) {
        take_command(r, in);
    }
}

static void tick(void *self, const uint32_t *in)
{
    struct rx *r = self;

    inputs(r, in);
    solo_step(r->solo);
    settle(r, in);
}

bool solo_rx_part(struct solo *solo, struct solo_commands *commands, uint32_t tx_words,
                  struct solo_part *part)
{
    struct rx *r = calloc(1, sizeof *r);

    if (!r) {
        return false;
    }
    r->solo = solo;
    r->commands = commands;
    r->tx_words = tx_words;
    attach(r);
    *part = (struct solo_part){ r, outputs, inputs, settle };
    return true;
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "esp_rx",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_esp_rx = {
    .name = "esp_rx",
    .title = "the receive pipeline: frames from the receive buffer to the host",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params,
    .power_of_two = "WINDOW"
};
