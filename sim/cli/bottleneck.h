/* What limits the card: found by experiment, not by guessing from utilisations.
 *
 * The same input is run again with one block idealised. Headroom is the throughput then over the one
 * measured. The blocks that were busiest are tried first; the one with the largest headroom is the
 * bottleneck, and a second one within 5 % of it is named too. Without a block whose idealisation helps
 * by 1 %, the limit is the offered load. */
#ifndef ESPNIC_CLI_BOTTLENECK_H
#define ESPNIC_CLI_BOTTLENECK_H

#include <jansson.h>

#include "cli/simulation.h"

enum { BOTTLENECK_MAX = 20 };

struct bottleneck_trial {
    const char *block; /* name for --ideal */
    double busy;       /* largest busy share of its slots in the measured run */
    double headroom;   /* 0: not tried */
};

struct bottleneck {
    struct bottleneck_trial trial[BOTTLENECK_MAX];
    unsigned count;       /* in order of busy */
    int first, second;    /* index of the limits, -1: none */
    double packets_per_s; /* of the run that headrooms are relative to */
    char why[160];
};

/* `measured` has run to its end. Up to `experiments` more runs of at most `packets` packets (0: all).
 * False with a sentence if an experiment failed. */
bool bottleneck_find(struct bottleneck *b, const struct espnic_config *config,
                     struct simulation *measured, unsigned experiments, uint64_t packets,
                     struct progress *progress, char *error, size_t error_size);

/* Throughput that the experiments compare: packets out of both directions per simulated second of the
 * measured phase. */
double bottleneck_throughput(const struct run_results *r);

json_t *bottleneck_json(const struct bottleneck *b);

/* Add a name to a list of idealised blocks; "host" goes to host.ideal. False: no such block. */
bool bottleneck_idealise(struct espnic_config *config, const char *block);

/* Shares of cycles by state, a row a block. */
json_t *blocks_json(struct simulation *s);

#endif
