/* What limits the card: found by experiment, not by guessing from utilisations.
 *
 * The same input is run again with one block idealised: it takes no time and has no limit. Throughput is
 * the work done in the measured phase over its length, and there are two kinds of work:
 *   packets    delivered to the host's stack or sent on the wire, both directions together;
 *   requests   OIDs that ended. They count only where the measured run did not keep up with them: at the
 *              end of its phase more than 1 % (and more than 16) of them were waiting.
 * Headroom is the throughput with the block ideal over the one measured, of the kind of work that gains
 * more. Where one direction ends long before the other, the phase is as long as the slower one takes.
 *
 * Tried first are the blocks that were busiest or that held up others most (blocked by, waiting for), in
 * the measured phase. The one with the largest headroom is the bottleneck. A second one is named if its
 * limit lies within 5 %: its own headroom is within 5 % of the first one's, or the first one's is below
 * 1.05 and idealising both gains 1 % more, or neither alone gains and both together do. If nothing
 * gains 1 %, the limit is the offered load; unless packets were dropped for want of room in the measured phase. Then
 * the card is at its limit: if less than 1 % were dropped, that is what could be gained at most, and the block with the
 * largest headroom is named with it; if more, no block alone is the limit, and none is named. */
#ifndef ESPNIC_CLI_BOTTLENECK_H
#define ESPNIC_CLI_BOTTLENECK_H

#include <jansson.h>

#include "cli/simulation.h"

enum { BOTTLENECK_MAX = 24 };

struct bottleneck_trial {
    const char *block; /* name for --ideal */
    double busy;       /* largest busy share of its slots */
    double holds;      /* largest share of another block's cycles lost to it */
    double headroom;   /* 0: not tried */
    bool of_requests;  /* the headroom is that of requests */
};

struct bottleneck {
    struct bottleneck_trial trial[BOTTLENECK_MAX];
    unsigned count;    /* the first of them were tried */
    int first, second; /* index of the limits, -1: none */
    int nearest; /* no limit, and less than 1 % dropped: index of the largest headroom, else -1 */
    double
        dropped; /* share of the packets that was dropped for want of room in the measured phase */
    double together;      /* headroom with first and second ideal, 0: not tried */
    double packets_per_s; /* of the run that headrooms are relative to */
    double requests_per_s;
    char why[480];
};

/* `measured` has run to its end. Up to `experiments` more runs of at most `packets` packets (0: all), and
 * as many with two blocks ideal where a second limit is near. False with a sentence if one failed. */
bool bottleneck_find(struct bottleneck *b, const struct espnic_config *config,
                     struct simulation *measured, unsigned experiments, uint64_t packets,
                     struct progress *progress, char *error, size_t error_size);

json_t *bottleneck_json(const struct bottleneck *b);

/* Add a name to a list of idealised blocks; "host" goes to host.ideal. False: no such block. */
bool bottleneck_idealise(struct espnic_config *config, const char *block);

/* Shares of cycles by state in the measured phase, a row a block. */
json_t *blocks_json(struct simulation *s);

#endif
