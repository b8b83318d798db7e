/* espnic cosim --garbage CYCLES: garbage at the pins of a block for so many cycles, from all that is not inside the card; then
 * nothing, until the block is quiet; then correct traffic, of which everything has to come out. C and RTL are compared all the
 * time. A stimulus finds CYCLES in its configuration: GARBAGE=CYCLES. */
#ifndef ESPNIC_CLI_COSIM_GARBAGE_H
#define ESPNIC_CLI_COSIM_GARBAGE_H

#include "cli/cosim.h"
#include "engine/rng.h"

enum {
    COSIM_QUIET =
        8000,          /* cycles without traffic: more than the largest buffers need to run empty */
    COSIM_SOUND = 300, /* frames or packets of correct traffic */
    COSIM_AFTER = 80000, /* cycles behind the garbage, all together */
    COSIM_MAX_GARBAGE = 2000000000
};

extern const struct cosim_stimulus cosim_rx_garbage;
extern const struct cosim_stimulus cosim_tx_garbage;
extern const struct cosim_stimulus cosim_table_garbage;
extern const struct cosim_stimulus cosim_csr_garbage;
extern const struct cosim_stimulus cosim_top_garbage;

/* ---- frames that are none --------------------------------------------------------------------------- */

enum {
    GARBAGE_BEATS = 148,
    GARBAGE_BYTES = 64 * GARBAGE_BEATS
}; /* of the longest frame with the largest MTU */

/* What stands at the pins: beats, of which the first ones have these bytes and the others anything, and a length. */
struct garbage_frame {
    uint32_t limit; /* bytes of the longest frame that the block takes */
    uint32_t length, beats;
    uint8_t bytes[GARBAGE_BYTES];
};

struct garbage_counts {
    uint64_t frames, none, long_ones, early,
        late; /* length 0, too large; `last` too early, too late */
};

/* An Ethernet frame that is none, or nearly one; returns its bytes. Up to the limit all are of any value. */
uint32_t garbage_contents(struct rng *random, struct garbage_frame *f);
/* A length and a number of beats for `contents` bytes that stand in f->bytes: the right ones, or others. */
void garbage_misframe(struct rng *random, struct garbage_frame *f, uint32_t contents,
                      struct garbage_counts *n);
/* What a pipeline behind the door makes of it: min(beats, those of `length`), then zeros. Its bytes; 0: it does not go in. */
uint32_t garbage_seen(const struct garbage_frame *f, uint8_t bytes[GARBAGE_BYTES]);

#endif
