/* For the files solo*.c: a card whose blocks are driven at their channels. */
#ifndef ESPNIC_NIC_SOLO_INSIDE_H
#define ESPNIC_NIC_SOLO_INSIDE_H

#include "nic/card.h"
#include "nic/solo.h"

/* The end of a channel that is the caller's. */
struct solo_port {
    struct channel *channel;
    uint32_t beat; /* of the item that is going through: the next one's number */
};

struct solo {
    struct espnic *card;
    uint64_t cycle;   /* the present one: its inputs have not been given yet */
    unsigned outside; /* number of the block that stands for the caller */
    const struct solo_kind *kind;
    char config[NIC_SOLO_MAX_CONFIG];
};

/* How a block with a card of its own lives. It is a structure that begins with a struct solo. */
struct solo_kind {
    const struct nic_solo_block *block;
    size_t bytes; /* of the structure; all behind the struct solo is zero when it opens */
    /* Opens the card (solo_open) and takes the ends of its channels. False with a sentence. */
    bool (*open)(void *self, char *error, size_t error_size);
    void (*close)(void *self); /* what it has beside the card; NULL: nothing */
};

/* For the create of a block's table of functions; the other two stand in it as they are. */
void *solo_create(const struct solo_kind *kind, const char *config, char *error, size_t error_size);
void solo_destroy(void *self);
void solo_reset(void *self);

/* The value of a parameter in "NAME=VALUE NAME=VALUE", or the one that it has when not given. */
uint32_t solo_param(const struct nic_solo_block *block, const char *config, const char *name);
/* ... of a block that has a card of its own. */
uint32_t solo_value(const struct solo *solo, const char *name);

/* A card for this block: packet offload, on-chip contexts, one lane, one clock, and what its parameters say that are the
 * card's. With TIMING_ONLY=1, which is no block's parameter, nothing is encrypted. False with a sentence. */
bool solo_open(struct solo *solo, const char *const settings[][2], char *error, size_t error_size);

/* The caller becomes the writer (reader) of this channel. */
void solo_feed(struct solo *solo, struct solo_port *port, struct channel *channel);
void solo_drain(struct solo *solo, struct solo_port *port, struct channel *channel);

/* Does the channel take a beat in this cycle? */
bool solo_room(const struct solo *solo, const struct solo_port *port);
/* A beat of the item goes in, in this cycle; `last`: it ends the item. */
void solo_push(struct solo *solo, struct solo_port *port, uint32_t item, bool last);

/* The beat that can be taken in this cycle, if there is one. */
struct solo_beat {
    bool valid, first, last;
    uint32_t item, number;
};
struct solo_beat solo_head(const struct solo *solo, const struct solo_port *port);
void solo_pop(struct solo *solo, struct solo_port *port);
/* It is taken and leaves the card: behind the last beat there is no packet any more. */
void solo_pop_for_good(struct solo *solo, struct solo_port *port);

/* The door of a pipeline (rtl_models/ingress.sv says what it does): whatever comes over the pins, whole frames go in. */
struct solo_door {
    uint32_t longest; /* beats of the longest frame */
    bool whole;       /* a frame that does not fit is lost, else its beats wait */
    bool inside;      /* a frame is coming in */
    bool lost, wrong; /* ... of which nothing goes in; whose beats are not as its length says */
    bool filling;     /* all of it has come, zeros are to follow */
    uint32_t missing; /* beats that are still to go in */
    uint64_t framing, overflow;
};

/* What goes in, in this cycle. */
struct solo_entry {
    bool opens; /* the first beat of a frame came */
    bool push;  /* a beat goes in, and with `opens` a frame begins */
    bool last;
};

/* Beats that can come in this cycle, of `room` in the channel. */
uint32_t solo_door_room(const struct solo_door *door, uint32_t room);
/* Once a cycle; `length`, of the frame in bytes, with its first beat. */
struct solo_entry solo_door(struct solo_door *door, uint32_t room, bool valid, bool last,
                            uint32_t length);

/* What is in this cycle has been given: the card goes through it, and the next one begins. */
void solo_step(struct solo *solo);

/* A block as a part of a larger one: it stands at its channels of a card that is not its own, and has pins of its own. A cycle
 * is inputs, then the card's step, then settle. */
struct solo_part {
    void *self; /* free() ends it */
    void (*outputs)(void *self, uint32_t *out);
    void (*inputs)(void *self, const uint32_t *in);
    void (*settle)(void *self, const uint32_t *in);
};

struct solo_commands;
/* These three: false, out of memory. `commands`: of the card's SA table, by the pins of esp_rx (those of esp_tx begin `tx_words` behind them); NULL: none. */
bool solo_rx_part(struct solo *solo, struct solo_commands *commands, uint32_t tx_words,
                  struct solo_part *part);
/* `by_handle`: frames have handles of the card's SA table, and the pins set no SAs. */
bool solo_tx_part(struct solo *solo, uint32_t sa_bits, bool by_handle, struct solo_part *part);
bool solo_csr_part(bool tables, uint32_t depth, struct solo_part *part);

/* The SA that the pins of esp_tx describe. */
void solo_tx_node(const uint32_t *in, struct esp_node *node);

/* The card in what nic_solo_ipsec_top has created, for a caller that drives its channels by events and not by pins. */
struct solo *solo_top_inside(void *top);

#endif
