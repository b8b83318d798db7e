/* solo: the send pipeline of a lane, sa_fetch to reorder_tx, its SAs tunnels and transport with ESP and AES-GCM.
 *
 * The pins bring a frame beat by beat; a packet of the card has all of its contents from the beginning. So the frame comes
 * over pins of its own before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_esp_tx.def"
#include "nic/solo_pins.h"

enum { BUS = 64, LONGEST = 9216 + 256 + BUS, AHEAD = 64 /* frames, a power of two */, SAS = 256 };

/* No SA of a card has had this handle. */
#define NO_HANDLE UINT64_C(0x7fffffff00000001)

static const struct nic_solo_param params[] = {
    { "SA_W", NULL, 4, 1, 8, "bits of the number of an SA; numbers 1 to 2^SA_W - 1 are used" },
    { "MTU", NULL, 1500, 576, 9216, "bytes of the longest IP packet; card.mac.mtu" },
    { "RMW", "card.sa.rmw", 1, 1, 64, "cycles from a number of an SA to the next" },
    { "FETCH_LATENCY", "card.sa_fetch.latency", 1, 0, 64, "cycles" },
    { "FETCH_OVERHEAD", "card.sa_fetch.overhead", 0, 0, 64, "cycles more from item to item" },
    { "FETCH_DEPTH", "card.sa_fetch.depth", 8, 2, 256, "beats of the channel behind" },
    { "SEQUENCE_LATENCY", "card.sequence.latency", 1, 0, 64, "cycles" },
    { "SEQUENCE_OVERHEAD", "card.sequence.overhead", 0, 0, 64, "cycles more from item to item" },
    { "SEQUENCE_DEPTH", "card.sequence.depth", 8, 2, 256, "beats of the channel behind" },
    { "ENCAP_LATENCY", "card.encapsulate.latency", 4, 1, 64, "cycles" },
    { "ENCAP_OVERHEAD", "card.encapsulate.overhead", 0, 0, 64, "cycles more from item to item" },
    { "ENCAP_DEPTH", "card.encapsulate.depth", 8, 2, 256, "beats of the channel behind" },
    { "CRYPTO_OVERHEAD", "card.crypto.overhead", 1, 0, 64,
      "cycles of a packet that the engine cannot hide" },
    { "CRYPTO_STAGES", "card.crypto.stages_per_round", 1, 1, 2, "registers of an AES round" },
    { "CRYPTO_DEPTH", "card.crypto.depth", 32, 32, 1024,
      "beats of the channels behind the engine, at least two of the longest frames" },
    { "ORDER", NULL, 0, 0, 1,
      "what comes out in order: 0 the packets of an SA, 1 all; card.crypto.order" },
    { "OUT_DEPTH", NULL, 32, 2, 1024,
      "beats of the channel to the MAC, at least two of the longest frames; card.mac.tx_buffer" },
};

/* An SA, as the pins name it and as the card does. */
struct named {
    bool live;
    uint32_t pin_handle;
    uint64_t handle; /* of the card, 0: the pins have not set it yet */
};

struct ahead {
    uint32_t beats;
    uint8_t bytes[LONGEST];
};

struct tx {
    struct solo own;
    struct solo *solo; /* own, or that of a whole of which this is a part */
    struct solo_port in_port, out_port;
    struct named sa[SAS];
    uint32_t sas;
    bool by_handle; /* the pins have handles of the card, and set no SAs */
    struct ahead ahead[AHEAD];
    uint32_t ahead_from,
        ahead_to; /* free-running: frames whose turn has come, frames that are there */
    struct solo_door door;
    uint32_t item; /* packet that is going in */
};

/* ---- life ------------------------------------------------------------------------------------------ */

static void attach(struct tx *t, uint32_t sa_bits)
{
    struct nic_lane *lane = &t->solo->card->lane[0];

    t->sas = 1u << sa_bits;
    t->door.longest = nic_beats(t->solo->card, nic_longest_frame(t->solo->card));
    solo_feed(t->solo, &t->in_port, lane->fetch.in[1]);
    solo_drain(t->solo, &t->out_port, lane->tx.reorder.out[0]);
}

static bool open_card(void *self, char *error, size_t error_size)
{
    struct tx *t = self;
    char mtu[32], buffer[32];
    const char *const settings[][2] = { { "card.bus", "64B" },
                                        { "card.mac.mtu", mtu },
                                        { "card.mac.tx_buffer", buffer },
                                        { "card.crypto.order",
                                          solo_value(&t->own, "ORDER") ? "lane" : "sa" },
                                        { NULL, NULL } };

    snprintf(mtu, sizeof mtu, "%uB", solo_value(&t->own, "MTU"));
    snprintf(buffer, sizeof buffer, "%uB", solo_value(&t->own, "OUT_DEPTH") * BUS);
    t->solo = &t->own;
    if (!solo_open(t->solo, settings, error, error_size)) {
        return false;
    }
    attach(t, solo_value(&t->own, "SA_W"));
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_esp_tx,
                                       .bytes = sizeof(struct tx),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

static void show_beat(const struct tx *t, uint32_t *out, const struct solo_beat *b)
{
    struct espnic *card = t->solo->card;
    const struct nic_packet *p = nic_packet(card, b->item);
    const uint8_t *from = nic_bytes(card, p) + (size_t)b->number * BUS;
    uint32_t left = p->length - b->number * BUS;
    uint32_t bytes = left < BUS ? left : BUS;

    set(out, OUT_OUT_LAST, b->last);
    set(out, OUT_OUT_BYTES, bytes);
    set_bytes(out, OUT_OUT_BEAT, from, bytes);
}

static uint32_t room(const struct tx *t)
{
    return channel_room(t->in_port.channel, t->solo->cycle);
}

static void outputs(void *self, uint32_t *out)
{
    struct tx *t = self;
    const struct nic_direction_stats *stats = &t->solo->card->stats.tx;
    struct solo_beat b = solo_head(t->solo, &t->out_port);

    set(out, OUT_TX_ROOM, solo_door_room(&t->door, room(t)) > 0);
    set(out, OUT_OUT_VALID, b.valid);
    if (b.valid) {
        show_beat(t, out, &b);
    }
    set(out, OUT_COUNT_UNKNOWN_HANDLE, stats->drop[NIC_DROP_UNKNOWN_HANDLE]);
    set(out, OUT_COUNT_NOT_IP, stats->drop[NIC_DROP_NOT_IP]);
    set(out, OUT_COUNT_MTU, stats->drop[NIC_DROP_MTU]);
    set(out, OUT_COUNT_EXHAUSTED, stats->drop[NIC_DROP_SEQ_EXHAUSTED]);
    set(out, OUT_COUNT_PROTECTED, stats->ipsec_passes);
    set(out, OUT_COUNT_FRAMING, t->door.framing);
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static void take_ahead(struct tx *t, const uint32_t *in)
{
    struct ahead *a = &t->ahead[t->ahead_to % AHEAD];

    if (t->ahead_to - t->ahead_from == AHEAD || (a->beats + 1) * BUS > LONGEST) {
        fputs("espnic: internal error: frames too far ahead, or too long\n", stderr);
        abort();
    }
    get_bytes(in, IN_AHEAD_BEAT, a->bytes + (size_t)a->beats++ * BUS, BUS);
    if (get(in, IN_AHEAD_LAST)) {
        t->ahead_to++;
        t->ahead[t->ahead_to % AHEAD].beats = 0;
    }
}

/* A handle that names no live SA remains one: that of an SA which is no more, or of none. */
static uint64_t card_handle(const struct tx *t, uint64_t pin_handle)
{
    const struct named *n = &t->sa[pin_handle & (t->sas - 1)];

    if (pin_handle == 0 || t->by_handle) {
        return pin_handle;
    }
    if (n->live) {
        return n->pin_handle == pin_handle ? n->handle : NO_HANDLE;
    }
    return n->handle ? n->handle : NO_HANDLE;
}

/* A packet as the DMA would hand it on; hairpin: no descriptor waits for what becomes of it. */
static uint32_t new_packet(struct tx *t, const uint32_t *in)
{
    struct espnic *card = t->solo->card;
    const struct ahead *a = &t->ahead[t->ahead_from++ % AHEAD];
    uint32_t item = nic_packet_new(card, NIC_TX, (uint32_t)get(in, IN_TX_LENGTH));
    struct nic_packet *p = nic_packet(card, item);

    p->hairpin = 1;
    p->present = p->length;
    p->handle[0] = card_handle(t, get(in, IN_TX_HANDLE));
    memcpy(nic_bytes(card, p), a->bytes, p->length);
    return item;
}

static void read_address(const uint32_t *in, enum in_pin pin, struct esp_address *to)
{
    *to = (struct esp_address){ .family = get(in, IN_CFG_V6) ? 6 : 4 };
    get_bytes(in, pin, to->bytes, to->family == 6 ? 16 : 4);
}

void solo_tx_node(const uint32_t *in, struct esp_node *node)
{
    uint32_t rounds = (uint32_t)get(in, IN_CFG_ROUNDS);
    uint32_t key = 16 + 8 * rounds;
    uint64_t next = get(in, IN_CFG_NEXT);

    *node =
        (struct esp_node){ .dir = ESP_DIR_OUT,
                           .mode = get(in, IN_CFG_TRANSPORT) ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL,
                           .sa_count = 1 };
    read_address(in, IN_CFG_SRC, &node->src);
    read_address(in, IN_CFG_DST, &node->dst);
    node->sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                   .spi = (uint32_t)get(in, IN_CFG_SPI),
                                   .esn = get(in, IN_CFG_ESN),
                                   .seq = next,
                                   .seq_hi = (uint32_t)(next >> 32),
                                   .enc = { .alg = esp_alg_gcm(rounds),
                                            .icv = (uint8_t)get(in, IN_CFG_ICV),
                                            .length = (uint8_t)(key + 4) } };
    get_bytes(in, IN_CFG_KEY, node->sa[0].enc.bytes, key);
    get_bytes(in, IN_CFG_SALT, node->sa[0].enc.bytes + key, 4);
}

/* The SA of this number is another one from now on, or none: then its place is taken by one that never gets live, so that each
 * number of the pins keeps its context (the hazard of numbers goes by contexts). */
static void set_sa(struct tx *t, const uint32_t *in)
{
    struct espnic *card = t->solo->card;
    struct named *n = &t->sa[get(in, IN_CFG_SA)];
    struct esp_node node;
    struct sa_added added;
    uint32_t id;

    if (n->handle) {
        sa_table_begin_delete(&card->table, n->handle, &id);
        nic_forget_sa(card, id, 0);
    }
    n->live = get(in, IN_CFG_LIVE);
    n->pin_handle = (uint32_t)get(in, IN_CFG_HANDLE);
    solo_tx_node(in, &node);
    added = sa_table_add(&card->table, &node, true);
    if (!added.id) {
        fprintf(stderr, "espnic: internal error: SA refused: %d\n", (int)added.reason);
        abort();
    }
    if (n->live) {
        sa_table_commit(&card->table, added.id, 0);
    }
    n->handle = added.handle;
}

static void push(struct tx *t, const uint32_t *in)
{
    struct solo_entry e = solo_door(&t->door, room(t), get(in, IN_TX_VALID), get(in, IN_TX_LAST),
                                    (uint32_t)get(in, IN_TX_LENGTH));

    if (e.opens && e.push) {
        t->item = new_packet(t, in);
    } else if (e.opens) {
        t->ahead_from++; /* it does not go in */
    }
    if (e.push) {
        solo_push(t->solo, &t->in_port, t->item, e.last);
    }
}

static void inputs(void *self, const uint32_t *in)
{
    struct tx *t = self;

    if (get(in, IN_OUT_POP)) {
        solo_pop_for_good(t->solo, &t->out_port);
    }
    push(t, in);
    if (get(in, IN_AHEAD_VALID)) {
        take_ahead(t, in);
    }
}

static void settle(void *self, const uint32_t *in)
{
    struct tx *t = self;

    if (get(in, IN_CFG_WE)) {
        set_sa(t, in); /* seen from the next cycle on */
    }
}

static void tick(void *self, const uint32_t *in)
{
    struct tx *t = self;

    inputs(t, in);
    solo_step(t->solo);
    settle(t, in);
}

bool solo_tx_part(struct solo *solo, uint32_t sa_bits, bool by_handle, struct solo_part *part)
{
    struct tx *t = calloc(1, sizeof *t);

    if (!t) {
        return false;
    }
    t->solo = solo;
    t->by_handle = by_handle;
    attach(t, sa_bits);
    *part = (struct solo_part){ t, outputs, inputs, settle };
    return true;
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "esp_tx",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_esp_tx = {
    .name = "esp_tx",
    .title = "the send pipeline: SA, number, ESP headers, AES-GCM, order",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params
};
