/* Counts and latencies of the measured phase, where a warm-up comes before it.
 *
 * They are of the packets that were inside at its begin and of those that came in since, to the end of the run (drain
 * included), so that in each direction inside + in + created = out + merged + dropped + inside at the end. Latencies
 * are of those of them that came through. Without a warm-up that is the whole run. */
#ifndef ESPNIC_CLI_MEASURED_H
#define ESPNIC_CLI_MEASURED_H

#include "cli/simulation.h"

struct measured {
    struct run_results begin; /* counters at the begin of the phase */
    struct run_results since; /* the results of the run, with counters since then */
    /* by enum run_latency: before the phase and, once the run is summed up, since its begin; minimum and maximum
     * within 1/1024 */
    struct histogram latency[RUN_LATENCIES];
};

/* What is in `h` were the latencies before the phase: make them those of `whole` since then. */
void measured_latency(struct histogram *h, const struct histogram *whole);

/* After the run: `since` out of its results. The share that was lost goes into both. */
void measured_sum_up(struct measured *m, struct run_results *whole);

#endif
