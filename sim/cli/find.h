/* The highest rate that a card takes with no more than a given loss, by bisection (RFC 2544 throughput for
 * loss 0; NDR and PDR of FD.io CSIT). */
#ifndef ESPNIC_CLI_FIND_H
#define ESPNIC_CLI_FIND_H

#include <jansson.h>

#include "cli/simulation.h"

/* "loss=0", "loss=5%", "loss=0.001". False: not that. */
bool find_parse_loss(const char *text, double *loss);

/* Search between 0 and the line rate of a port, to 1/1000 of it; every rate tried is one run. *bps: bits on the
 * wire per second in each direction that has input. Packets count as lost for want of room or time, not when
 * they had to be refused; after a warm-up in the measured phase. `inputs` as in simulation_options. On anything but SIMULATION_DONE `error` says what;
 * no rate loses so little: SIMULATION_MODEL_ERROR. */
enum simulation_end find_rate(const struct espnic_config *config, const struct inputs *inputs,
                              double limit, struct progress *progress, uint64_t *bps, char *error,
                              size_t error_size);

/* Make the rate the configured load. */
void find_set_load(struct espnic_config *config, uint64_t bps);

/* The entry "find" of a report: {"loss": limit, "gbps": rate}. New reference. */
json_t *find_json(double limit, uint64_t bps);

#endif
