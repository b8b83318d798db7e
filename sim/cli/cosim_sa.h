/* An SA on the pins of the pipelines: what the C block and the RTL hold of it. */
#ifndef ESPNIC_CLI_COSIM_SA_H
#define ESPNIC_CLI_COSIM_SA_H

#include <stdbool.h>
#include <stdint.h>

#include "esp/sa.h"

/* SAs to send with, in a table that is filled by commands together with those to receive: who knows them. */
struct cosim_senders {
    void *self;
    uint32_t count; /* numbers 1 to `count` */
    uint32_t words; /* between the pins of esp_rx and those of esp_tx */
    /* SA `number`, another one than before if `fresh`; on the pins of esp_tx too, unless `tx_in` is NULL. */
    void (*describe)(void *self, uint32_t number, bool fresh, uint32_t *tx_in,
                     struct esp_node *node);
    /* It is there, by this handle, or is no more. 0: one to receive. */
    void (*answered)(void *self, uint32_t number, bool live, uint64_t handle);
};

/* The senders of the traffic of esp_tx, which sets no SAs from then on; commands of the traffic of esp_rx are for them too. */
void cosim_tx_senders(void *traffic, uint32_t count, struct cosim_senders *to);
void cosim_rx_commands(void *traffic, const struct cosim_senders *senders);

/* The first SA of the node, AES-GCM or AES-GMAC with a key, is number `number` of esp_rx from the next cycle on. */
void cosim_sa_rx(uint32_t *in, uint32_t number, const struct esp_node *node);

/* The first SA of the node, AES-GCM with a key, is number `number` of esp_tx from the next cycle on, by this handle: its low
 * bits are the number. Not `live`: whoever asks for it finds none. */
void cosim_sa_tx(uint32_t *in, uint32_t number, uint32_t handle, bool live,
                 const struct esp_node *node);

#endif
