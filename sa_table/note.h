/* The block of an entry: what SAs have in different sizes, and what few have.
 *
 * In this order, each part only if there is something: words of 4 bytes (id of the second entry,
 * upper half of the sequence number, UDP ports), key material (enc, then auth), the note (selector,
 * switch port, VLAN). Words and note that are about the node are in the block of its first entry.
 * Flags and lengths are those of the entry. */
#ifndef ESPNIC_SA_TABLE_NOTE_H
#define ESPNIC_SA_TABLE_NOTE_H

#include "sa_table/context.h"
#include "sa_table/pool.h"

/* Makes the block of entry `index`, whose flags, op and algorithms are set; the store's unit is 4
 * bytes. Sets the lengths of its keys and the flags that are about its block. False when memory
 * runs out. */
bool sa_block_build(struct sa_store *store, const struct esp_node *node, unsigned index,
                    struct sa_entry *entry);
void sa_block_release(struct sa_store *store, const struct sa_entry *entry);

/* Words, each only where the entry's flags say that it is there. */
uint32_t *sa_block_second(const struct sa_store *store, const struct sa_entry *entry);
uint32_t *sa_block_seq_hi(const struct sa_store *store, const struct sa_entry *entry);

/* Where the key material begins. */
const uint8_t *sa_block_keys(const struct sa_store *store, const struct sa_entry *entry);

/* Of a first entry: sets ports, sel, switch_port and vlan of the node. */
void sa_block_ports(const struct sa_store *store, const struct sa_entry *entry, uint16_t *sport,
                    uint16_t *dport);
void sa_block_note(const struct sa_store *store, const struct sa_entry *entry,
                   struct esp_node *node);

#endif
