/* An SA on the pins of the pipelines: what the C block and the RTL hold of it. */
#ifndef ESPNIC_CLI_COSIM_SA_H
#define ESPNIC_CLI_COSIM_SA_H

#include <stdbool.h>
#include <stdint.h>

#include "esp/sa.h"

/* The first SA of the node, AES-GCM or AES-GMAC with a key, is number `number` of esp_rx from the next cycle on. */
void cosim_sa_rx(uint32_t *in, uint32_t number, const struct esp_node *node);

/* The first SA of the node, AES-GCM with a key, is number `number` of esp_tx from the next cycle on, by this handle: its low
 * bits are the number. Not `live`: whoever asks for it finds none. */
void cosim_sa_tx(uint32_t *in, uint32_t number, uint32_t handle, bool live,
                 const struct esp_node *node);

#endif
