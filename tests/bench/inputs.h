/* Inputs for measuring: tunnels with traffic in both directions, and recordings of many SAs.
 *
 * All tunnels are AES-GCM-128 in tunnel mode over IPv4, without replay windows, so that a capture can be
 * played again and again. */
#ifndef ESPNIC_BENCH_INPUTS_H
#define ESPNIC_BENCH_INPUTS_H

#include "esp/esp.h"

#include <stdbool.h>
#include <stdint.h>

enum { INPUTS_TUNNELS = 128, INPUTS_PACKETS = 8192 /* of each direction */ };

/* Clear frames without FCS: 60 bytes, 7 : 4 : 1 of 60, 590 and 1460, 1460 bytes. With the tunnel's headers
 * the last is an IP packet of 1500. */
enum inputs_mix { INPUTS_64, INPUTS_IMIX, INPUTS_1500, INPUTS_MIXES };
const char *inputs_mix_name(enum inputs_mix mix);

/* SA number `i` of a recording: even ones are inbound, and the outbound one of the pair follows. Every pair
 * has endpoints, selector and keys of its own. */
void inputs_node(uint64_t i, struct esp_node *node);

/* A recording of `nodes` SAs at t = 0. Complains and exits on failure, as all do. */
void inputs_write_sas(const char *path, uint64_t nodes);

/* Frame number `i` of a mix, in clear: UDP from the far network of a pair (1 and up) to the near one; `out`: back.
 * In the packet's buffer, behind ESP_HEADROOM. */
void inputs_clear(struct esp_packet *p, enum inputs_mix mix, unsigned i, uint64_t pair, bool out);
/* The peer of an inbound SA seals it with this number. */
void inputs_seal(struct esp_crypt *crypt, struct esp_packet *p, uint64_t sa, uint64_t number);

/* PREFIX-rx.pcap (sealed) and PREFIX-tx.pcap (clear), packets of tunnels in turn. */
void inputs_write_traffic(const char *prefix, enum inputs_mix mix);

#endif
