/* For the files solo*.c: commands for the SA table of a card by itself, and their answers.
 *
 * Commands stand in the places of the command queue as if they had just been read from host memory, and are looked at
 * there when they wait for their completion to be written: nothing moves on the link, whose request queue is full. The
 * card has no command to read an SA back; one of an unknown opcode takes its time, and its answer is read from the table.
 *
 * A cycle: solo_commands_before, the card's step, solo_commands_after, and last the command that comes in. */
#ifndef ESPNIC_NIC_SOLO_COMMANDS_H
#define ESPNIC_NIC_SOLO_COMMANDS_H

#include "nic/solo_inside.h"

enum { SOLO_PLACES = 256 };

enum solo_op { SOLO_INSERT, SOLO_UPDATE, SOLO_DELETE, SOLO_READ }; /* others are reserved */

enum solo_status {
    SOLO_OK,
    SOLO_FULL,
    SOLO_NO_SLOT,
    SOLO_DUPLICATE,
    SOLO_STALE,
    SOLO_MISMATCH,
    SOLO_NO_ESN,
    SOLO_RESERVED
};

struct solo_command {
    uint8_t op, tag;
    uint64_t handle;      /* not INSERT */
    struct esp_node node; /* INSERT; sa_count 1 */
    uint32_t spi, value;  /* UPDATE: with the upper half of the ESN */
    bool ah;              /* UPDATE */
};

struct solo_answer {
    uint8_t tag, status;
    uint64_t handle;
    bool read; /* of a READ that found something: then the rest means something */
    uint32_t spi, value, references;
    uint8_t state;
    bool ah, v6;
    uint64_t dst_low, dst_high; /* a number, IPv4 in the low 32 bits */
};

/* A command in its place: what the card does not keep, or not for us. */
struct solo_place {
    bool answered; /* it waits among `done` */
    uint8_t op;
    uint32_t id; /* READ: what it has found, 0: nothing */
    struct solo_answer answer;
};

struct solo_commands {
    struct solo *solo;
    struct solo_place place[SOLO_PLACES];
    uint32_t places;
    uint32_t ending; /* place of the command whose work ends in this cycle, or `places` */
    uint32_t coming; /* place of the one that comes in this cycle, or `places` */
    uint32_t done[SOLO_PLACES]; /* ring of places, in the order in which they came to their end */
    uint32_t done_head, done_tail;
};

/* Settings that make a card with a command queue, and look-up in a hash table. */
enum { SOLO_TABLE_SETTINGS = 9 };
struct solo_table_settings {
    char slots[16], add[16], update[16], remove[16];
    const char *setting[SOLO_TABLE_SETTINGS][2];
};
/* From the parameters of a block: MEMORIES, BUCKETS, WAYS, LOOKUP_PORT, ADD_CYCLES, UPDATE_CYCLES, REMOVE_CYCLES. */
void solo_table_settings(const struct solo *solo, struct solo_table_settings *to);

void solo_commands_open(struct solo_commands *c, struct solo *solo, uint32_t places);

/* Is there a place for a command that comes in this cycle? */
bool solo_commands_ready(const struct solo_commands *c);
/* The answer that is there; false: none. */
bool solo_commands_answer(const struct solo_commands *c, struct solo_answer *to);

/* `comes`: a command stands at the pins; `taken`: the answer is taken, if there is one. */
void solo_commands_before(struct solo_commands *c, bool comes, bool taken);
/* True: the command that stands at the pins has a place; solo_commands_take must follow. */
bool solo_commands_after(struct solo_commands *c);
/* It has been read; from the next cycle on it can be worked on. */
void solo_commands_take(struct solo_commands *c, const struct solo_command *command);

#endif
