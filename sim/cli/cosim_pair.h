/* The C block and its RTL beside each other: the same inputs in every cycle, the outputs compared in every cycle. */
#ifndef ESPNIC_CLI_COSIM_PAIR_H
#define ESPNIC_CLI_COSIM_PAIR_H

#include "cli/cosim.h"
#include "cli/cosim_files.h"

/* What is to be compared. */
struct cosim_pair_request {
    const struct cosim_block *what;
    const char *config; /* all parameters of the block; stays while the pair does */
    uint64_t seed;
    uint64_t garbage;                        /* cycles of it, instead of random traffic; 0: none */
    const struct cosim_files_request *files; /* instead of random traffic; NULL: none */
    bool outputs;                            /* ... and what comes out is written */
    const char *pins; /* file that gets what goes in and comes out in every cycle; NULL: none */
};

struct cosim_pair;

/* The C block and what goes in; then its RTL, which takes long to make. NULL, false: standard error says why. */
struct cosim_pair *cosim_pair_open(const struct cosim_pair_request *request);
bool cosim_pair_open_rtl(struct cosim_pair *pair, const struct block_ops *rtl);
void cosim_pair_close(struct cosim_pair *pair); /* NULL is allowed */

/* How a comparison ends. */
enum cosim_end {
    COSIM_SAME,      /* after all cycles, or when the captures are through */
    COSIM_DIFFERENT, /* in an output, in the cycle that comes next */
    COSIM_ASSERTION, /* one of the RTL has failed, in the cycle before the one that comes next */
    COSIM_DAMAGED    /* a capture is */
};

/* Goes on from where it stands to cycle number `until`. */
enum cosim_end cosim_pair_compare(struct cosim_pair *pair, uint64_t until);
/* Cycles that both have been through. */
uint64_t cosim_pair_cycles(const struct cosim_pair *pair);
/* The RTL goes on by itself, with no inputs. */
void cosim_pair_alone(struct cosim_pair *pair, uint64_t cycles);

/* From now on the RTL draws; NULL: no more. */
bool cosim_pair_wave(struct cosim_pair *pair, const char *file);

/* What was different, or the assertion, and the cycles before it, on standard output. */
void cosim_pair_explain(const struct cosim_pair *pair, enum cosim_end end);
/* What is wrong with the capture. */
const char *cosim_pair_damage(const struct cosim_pair *pair);
/* On standard output what the run has seen. False if that is not enough. */
bool cosim_pair_enough(const struct cosim_pair *pair);
/* Closes what is written. False: standard error says what could not be. */
bool cosim_pair_finish(struct cosim_pair *pair);

#endif
