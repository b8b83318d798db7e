/* The figures of a run, card and host together: names, units, definitions. */
#ifndef ESPNIC_CLI_RESULTS_H
#define ESPNIC_CLI_RESULTS_H

#include "cli/simulation.h"

/* Drops of card and host by reason into results->rx_drop and tx_drop: reasons with the same name are
 * added up. */
void results_sum_drops(struct run_results *results, const struct nic_stats *card,
                       const struct host_stats *host);

/* Reasons: name of number i, NULL at the end. */
const char *results_rx_drop_name(unsigned i);
const char *results_tx_drop_name(unsigned i);

/* Reasons that are a want of room or time, and not of the packet: NULL at the end. */
const char *results_capacity_drop(unsigned i);
/* Packets that were dropped for number i of these, in both directions. */
uint64_t results_capacity_drops(const struct run_results *results, unsigned i);
/* All of them, of the packets that were inside and that came in. */
double results_capacity_loss(const struct run_results *results);

/* `rx`, `tx`: latencies. */
void results_register(const struct run_results *results, const struct host_stats *host,
                      const struct histogram *rx, const struct histogram *tx,
                      struct stat_registry *registry);

/* After a warm-up: counts of the measured phase, and what of the whole run has no other name. */
void results_register_measured(const struct run_results *whole, const struct run_results *since,
                               const struct histogram *const whole_latency[RUN_LATENCIES],
                               struct stat_registry *registry);

/* Ports and forwarding: "ports.0.rx", "forward". */
void results_register_forwarding(const struct run_results *results, const struct histogram *latency,
                                 unsigned ports, struct stat_registry *registry);

#endif
