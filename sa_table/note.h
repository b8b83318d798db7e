/* What few nodes have (selector, switch port, VLAN), packed into a block of a store. */
#ifndef ESPNIC_SA_TABLE_NOTE_H
#define ESPNIC_SA_TABLE_NOTE_H

#include "esp/sa.h"
#include "sa_table/pool.h"

/* *note is the block, or 0 if there is nothing to store. False when memory runs out. The unit of
 * the store is 4 bytes. */
bool sa_note_store(struct sa_store *store, const struct esp_node *node, uint32_t *note);

/* Sets sel, switch_port and vlan of the node; all zero for note 0. */
void sa_note_load(const struct sa_store *store, uint32_t note, struct esp_node *node);

void sa_note_release(struct sa_store *store, uint32_t note);

#endif
