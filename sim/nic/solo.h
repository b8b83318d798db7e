/* Blocks of the card by themselves, cycle by cycle: what RTL and twins are compared with.
 *
 * The card is whole, the blocks are those of every other run; only the channels at the edges of the block in question
 * end at the caller: it pushes beats into one and pops them from another. Nothing else in the card has anything to do.
 * Each block below is a table of functions (engine/block.h) whose pins stand in a file pins_NAME.def. */
#ifndef ESPNIC_NIC_SOLO_H
#define ESPNIC_NIC_SOLO_H

#include "engine/block.h"

/* Bytes of the longest frame that esp_rx takes: that of a packet of 1500 bytes in the card, of which a channel that has to
 * hold whole packets holds two (pins_esp_rx.def: PUSH_FRAME). */
enum { NIC_SOLO_LONGEST = 1792 };

/* A block that can stand alone: its pins, its parameters. */
struct nic_solo_param {
    const char *name; /* as in the RTL */
    const char *path; /* of the card's parameter, or NULL: of the RTL alone, or set by the block */
    uint32_t value;   /* when not given */
    uint32_t least, most;
    const char *description; /* with its unit */
};

/* What callers have room for: pins of each direction, words of their vectors, bytes of a text with all parameters. */
enum { NIC_SOLO_MAX_PINS = 160, NIC_SOLO_MAX_WORDS = 1024, NIC_SOLO_MAX_CONFIG = 1024 };

struct nic_solo_block {
    const char *name, *title;
    const struct block_ops *ops;
    const struct block_pin *in, *out; /* `lsb` is not set */
    uint32_t ins, outs;
    const struct nic_solo_param *params;
    uint32_t param_count;
    const char *power_of_two; /* the parameter that has to be one; NULL: none has */
};

/* The value of NAME in "NAME=VALUE NAME=VALUE"; the program ends if there is none. */
uint32_t nic_solo_number(const char *config, const char *name);

extern const struct nic_solo_block nic_solo_esn_replay;
extern const struct nic_solo_block nic_solo_esn_sequence;
extern const struct nic_solo_block nic_solo_aes_gcm;
extern const struct nic_solo_block nic_solo_esp_tx;
extern const struct nic_solo_block nic_solo_esp_rx;
extern const struct nic_solo_block nic_solo_sa_table;
extern const struct nic_solo_block nic_solo_csr;
extern const struct nic_solo_block nic_solo_ipsec_top;

/* The parts of ipsec_top: in which words of its vectors the pins of esp_rx, esp_tx and csr begin. */
enum { SOLO_TOP_PARTS = 3 };
struct solo_top_places {
    uint32_t in[SOLO_TOP_PARTS], out[SOLO_TOP_PARTS];
};
extern const struct solo_top_places nic_solo_top_places;

#endif
