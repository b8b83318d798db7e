/* solo: the datapath as a whole. The receive and the send pipeline of one card, with one SA table, and its registers: the
 * parts are those of solo_rx.c, solo_tx.c and solo_csr.c, each with its pins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_commands.h"

enum { PARTS = SOLO_TOP_PARTS };

/* ---- pins ------------------------------------------------------------------------------------------ */

enum bits {
    RX_IN_BITS = 0
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a term of a sum */
#define IN(name, bits, when) +(bits)
#define OUT(name, bits, when)
#include "nic/pins_esp_rx.def"
    ,
    TX_IN_BITS = 0
#include "nic/pins_esp_tx.def"
    ,
    CSR_IN_BITS = 0
#include "nic/pins_csr.def"
#undef IN
#undef OUT
    ,
    RX_OUT_BITS = 0
#define IN(name, bits, when)
/* NOLINTNEXTLINE(bugprone-macro-parentheses): likewise */
#define OUT(name, bits, when) +(bits)
#include "nic/pins_esp_rx.def"
    ,
    TX_OUT_BITS = 0
#include "nic/pins_esp_tx.def"
    ,
    CSR_OUT_BITS = 0
#include "nic/pins_csr.def"
#undef IN
#undef OUT
};

/* The next part begins with a word. */
#define PAD(bits) ((32 - (bits) % 32) % 32)

enum in_pin {
#define OUT(name, bits, when)
#define IN(name, bits, when) IN_RX_##name,
#include "nic/pins_esp_rx.def"
#undef IN
    IN_RX_PAD,
#define IN(name, bits, when) IN_TX_##name,
#include "nic/pins_esp_tx.def"
#undef IN
    IN_TX_PAD,
#define IN(name, bits, when) IN_CSR_##name,
#include "nic/pins_csr.def"
#undef IN
#undef OUT
    INS
};

enum out_pin {
#define IN(name, bits, when)
#define OUT(name, bits, when) OUT_RX_##name,
#include "nic/pins_esp_rx.def"
#undef OUT
    OUT_RX_PAD,
#define OUT(name, bits, when) OUT_TX_##name,
#include "nic/pins_esp_tx.def"
#undef OUT
    OUT_TX_PAD,
#define OUT(name, bits, when) OUT_CSR_##name,
#include "nic/pins_csr.def"
#undef IN
#undef OUT
    OUTS
};

#define PIN(name, bits, index, when) { name, bits, (index) == (when) ? -1 : (int32_t)(when), 0 },

static const struct block_pin in_pins[INS] = {
#define OUT(name, bits, when)
#define IN(name, bits, when) PIN("RX_" #name, bits, IN_RX_##name, IN_RX_##when)
#include "nic/pins_esp_rx.def"
#undef IN
    { "RX_PAD", PAD(RX_IN_BITS), -1, 0 },
#define IN(name, bits, when) PIN("TX_" #name, bits, IN_TX_##name, IN_TX_##when)
#include "nic/pins_esp_tx.def"
#undef IN
    { "TX_PAD", PAD(TX_IN_BITS), -1, 0 },
#define IN(name, bits, when) PIN("CSR_" #name, bits, IN_CSR_##name, IN_CSR_##when)
#include "nic/pins_csr.def"
#undef IN
#undef OUT
};

static const struct block_pin out_pins[OUTS] = {
#define IN(name, bits, when)
#define OUT(name, bits, when) PIN("RX_" #name, bits, OUT_RX_##name, OUT_RX_##when)
#include "nic/pins_esp_rx.def"
#undef OUT
    { "RX_PAD", PAD(RX_OUT_BITS), -1, 0 },
#define OUT(name, bits, when) PIN("TX_" #name, bits, OUT_TX_##name, OUT_TX_##when)
#include "nic/pins_esp_tx.def"
#undef OUT
    { "TX_PAD", PAD(TX_OUT_BITS), -1, 0 },
#define OUT(name, bits, when) PIN("CSR_" #name, bits, OUT_CSR_##name, OUT_CSR_##when)
#include "nic/pins_csr.def"
#undef IN
#undef OUT
};

/* Words before each part. */
const struct solo_top_places nic_solo_top_places = {
    .in = { 0, (RX_IN_BITS + 31) / 32, (RX_IN_BITS + 31) / 32 + (TX_IN_BITS + 31) / 32 },
    .out = { 0, (RX_OUT_BITS + 31) / 32, (RX_OUT_BITS + 31) / 32 + (TX_OUT_BITS + 31) / 32 }
};

_Static_assert((int)INS <= NIC_SOLO_MAX_PINS && (int)OUTS <= NIC_SOLO_MAX_PINS, "pins");
_Static_assert((RX_IN_BITS + 31) / 32 + (TX_IN_BITS + 31) / 32 + (CSR_IN_BITS + 31) / 32 <=
                   NIC_SOLO_MAX_WORDS,
               "words of the inputs");
_Static_assert((RX_OUT_BITS + 31) / 32 + (TX_OUT_BITS + 31) / 32 + (CSR_OUT_BITS + 31) / 32 <=
                   NIC_SOLO_MAX_WORDS,
               "words of the outputs");

/* ---- parameters -------------------------------------------------------------------------------------- */

static const struct nic_solo_param params[] = {
    { "SA_W", NULL, 4, 1, 8, "bits of the number of an SA, in each direction" },
    { "WINDOW", NULL, 64, 32, 4096, "packets, a power of two: the largest window" },
    { "RMW", "card.sa.rmw", 4, 1, 64, "cycles from an update of an SA to the next" },
    { "RX_BUFFER", NULL, 256, 256, 1024, "beats of the receive buffer; card.mac.rx_buffer" },
    { "PARSER_LATENCY", "card.parser.latency", 8, 1, 64, "cycles" },
    { "PARSER_DEPTH", "card.parser.depth", 64, 2, 256, "beats of the channel behind" },
    { "LOOKUP_LATENCY", "card.sa_lookup.latency", 12, 0, 64, "cycles" },
    { "LOOKUP_DEPTH", "card.sa_lookup.depth", 64, 2, 256, "beats of the channel behind" },
    { "CHECK_LATENCY", "card.replay_check.latency", 4, 0, 64, "cycles" },
    { "CHECK_DEPTH", "card.replay_check.depth", 64, 2, 256, "beats of the channel behind" },
    { "AES_STAGES", "card.crypto.stages_per_round", 1, 1, 2, "cycles of a round" },
    { "AES_OVERHEAD", "card.crypto.overhead", 1, 0, 64, "cycles of a packet beside its blocks" },
    { "AES_DEPTH", "card.crypto.depth", 56, 56, 512, "beats behind engine and way around" },
    { "UPDATE_LATENCY", "card.replay_update.latency", 4, 0, 32, "cycles" },
    { "UPDATE_DEPTH", "card.replay_update.depth", 56, 56, 256, "beats of the channel behind" },
    { "OPEN_LATENCY", "card.decapsulate.latency", 4, 1, 64, "cycles" },
    { "OPEN_DEPTH", "card.decapsulate.depth", 56, 56, 512, "beats of the channel behind" },
    { "FETCH_LATENCY", "card.sa_fetch.latency", 12, 0, 64, "cycles" },
    { "FETCH_DEPTH", "card.sa_fetch.depth", 8, 2, 256, "beats of the channel behind" },
    { "SEQUENCE_LATENCY", "card.sequence.latency", 4, 0, 64, "cycles" },
    { "SEQUENCE_DEPTH", "card.sequence.depth", 8, 2, 256, "beats of the channel behind" },
    { "ENCAP_LATENCY", "card.encapsulate.latency", 4, 1, 64, "cycles" },
    { "ENCAP_DEPTH", "card.encapsulate.depth", 8, 2, 256, "beats of the channel behind" },
    { "OUT_DEPTH", NULL, 56, 56, 1024, "beats of the channel to the MAC; card.mac.tx_buffer" },
    { "TABLES", NULL, 0, 0, 1, "1: tables behind registers, 0: a command queue" },
    { "CSR_DEPTH", NULL, 4, 2, 64, "accesses of registers that can wait" },
    { "SA_TABLE", NULL, 0, 0, 1,
      "0: SAs set by pins; 1: in a hash table, by commands, as the next ten say" },
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

struct top {
    struct solo solo;
    struct solo_part part[PARTS];
    struct solo_commands commands; /* with SA_TABLE */
};

/* ---- life ------------------------------------------------------------------------------------------- */

static void close_parts(void *self)
{
    struct top *t = self;

    for (unsigned i = 0; i < PARTS; i++) {
        free(t->part[i].self);
    }
}

static bool open_card(void *self, char *error, size_t error_size)
{
    struct top *t = self;
    bool table = solo_value(&t->solo, "SA_TABLE") != 0;
    struct solo_table_settings hash;
    char rx_buffer[32], tx_buffer[32], capacity[16];
    const char *settings[24 + SOLO_TABLE_SETTINGS][2] = {
        { "card.bus", "64B" },
        { "card.mac.mtu", "1500B" },
        { "card.mac.rx_buffer", rx_buffer },
        { "card.mac.tx_buffer", tx_buffer },
        { "card.sa.esn", "inferred" },
        { "card.capabilities.ipv4_options", "false" },
        { "card.capabilities.ipv6_extensions", "false" },
        { "card.parser.overhead", "0" },
        { "card.sa_lookup.overhead", "0" },
        { "card.replay_check.overhead", "0" },
        { "card.replay_update.overhead", "0" },
        { "card.decapsulate.overhead", "0" },
        { "card.sa_fetch.overhead", "0" },
        { "card.sequence.overhead", "0" },
        { "card.encapsulate.overhead", "0" },
        { "card.crypto.width", "64B" },
        { "card.crypto.engines", "1" },
        { "card.crypto.contexts", "1" },
        { "card.crypto.key_setup", "0" },
        { "card.crypto.order", "sa" },
        { "card.sa.table.organisation", "cam" }
    };
    const unsigned last = 20;

    snprintf(rx_buffer, sizeof rx_buffer, "%uB", 64 * solo_value(&t->solo, "RX_BUFFER"));
    snprintf(tx_buffer, sizeof tx_buffer, "%uB", 64 * solo_value(&t->solo, "OUT_DEPTH"));
    if (table) {
        solo_table_settings(&t->solo, &hash);
        snprintf(capacity, sizeof capacity, "%u", (1u << solo_value(&t->solo, "SA_W")) - 1);
        settings[last][0] = "card.sa.table.capacity";
        settings[last][1] = capacity;
        settings[last + 1][0] = "card.sa.table.outbound_duplicates";
        settings[last + 1][1] = "true";
        memcpy(settings + last + 2, hash.setting, sizeof hash.setting);
    }
    if (!solo_open(&t->solo, settings, error, error_size)) {
        return false;
    }
    if (table) {
        solo_commands_open(&t->commands, &t->solo, solo_value(&t->solo, "COMMANDS"));
    }
    if (!solo_rx_part(&t->solo, table ? &t->commands : NULL, nic_solo_top_places.in[1],
                      &t->part[0]) ||
        !solo_tx_part(&t->solo, solo_value(&t->solo, "SA_W"), table, &t->part[1]) ||
        !solo_csr_part(solo_value(&t->solo, "TABLES") != 0, solo_value(&t->solo, "CSR_DEPTH"),
                       &t->part[2])) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_ipsec_top,
                                       .bytes = sizeof(struct top),
                                       .open = open_card,
                                       .close = close_parts };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

struct solo *solo_top_inside(void *top)
{
    return &((struct top *)top)->solo;
}

/* ---- cycles ------------------------------------------------------------------------------------------- */

static void outputs(void *self, uint32_t *out)
{
    const struct top *t = self;

    for (unsigned i = 0; i < PARTS; i++) {
        t->part[i].outputs(t->part[i].self, out + nic_solo_top_places.out[i]);
    }
}

static void tick(void *self, const uint32_t *in)
{
    struct top *t = self;

    for (unsigned i = 0; i < PARTS; i++) {
        t->part[i].inputs(t->part[i].self, in + nic_solo_top_places.in[i]);
    }
    solo_step(&t->solo);
    for (unsigned i = 0; i < PARTS; i++) {
        t->part[i].settle(t->part[i].self, in + nic_solo_top_places.in[i]);
    }
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "ipsec_top",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_ipsec_top = {
    .name = "ipsec_top",
    .title = "the datapath: receive and send pipelines and the registers (also: top)",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params,
    .power_of_two = "WINDOW"
};
