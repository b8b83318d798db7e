/* espnic cosim: the C block and its RTL side by side (cosim.c), the RTL as a library (cosim_rtl.c), and what goes
 * into a block (cosim_NAME.c). */
#ifndef ESPNIC_CLI_COSIM_H
#define ESPNIC_CLI_COSIM_H

#include "nic/solo.h"

/* How often something that the comparison is to see has happened, and how often it must have at least. */
struct cosim_share {
    const char *name;   /* "cycles with back-pressure" */
    uint64_t count, of; /* of so many cycles or items */
    uint32_t per_mille; /* the least share */
};

enum { COSIM_MAX_SHARES = 96 };

/* Random traffic for a block: it sees what the block shows, as whoever is connected to it would. */
struct cosim_stimulus {
    void *(*create)(const char *config, uint64_t seed);
    void (*destroy)(void *self);
    void (*drive)(void *self, const uint32_t *out,
                  uint32_t *in); /* the inputs of this cycle; `in` is zero */
    unsigned (*shares)(const void *self, struct cosim_share share[COSIM_MAX_SHARES]);
};

struct cosim_block {
    const struct nic_solo_block *block;
    const struct cosim_stimulus *stimulus;
    const struct cosim_stimulus *garbage; /* cosim_garbage.h; NULL: none */
};

extern const struct cosim_stimulus cosim_replay_stimulus;
extern const struct cosim_stimulus cosim_sequence_stimulus;
extern const struct cosim_stimulus cosim_gcm_stimulus;
extern const struct cosim_stimulus cosim_tx_stimulus;
extern const struct cosim_stimulus cosim_rx_stimulus;
extern const struct cosim_stimulus cosim_table_stimulus;
extern const struct cosim_stimulus cosim_csr_stimulus;
extern const struct cosim_stimulus cosim_top_stimulus;

/* ---- the RTL ------------------------------------------------------------------------------------- */

struct cosim_rtl {
    void *library;
    const struct block_ops *ops;
    const char *sources; /* files of other RTL that it is made of; "" if none was asked for */
};

/* For measuring: without assertions, the compiler at its best; GATES: and nothing that only makes a simulation fast. */
enum cosim_rtl_form { COSIM_RTL_CHECKED, COSIM_RTL_FAST, COSIM_RTL_GATES };

struct cosim_rtl_request {
    const char *block, *config; /* "RMW=2 WINDOW=64": all parameters */
    const char *folder; /* of other RTL: what is not in it is taken from our own; NULL: none */
    bool wave, coverage;
    enum cosim_rtl_form form;
};

enum cosim_rtl_result { COSIM_RTL_OK, COSIM_RTL_NO_TOOL, COSIM_RTL_BAD };

/* The RTL of a block with these parameters, made now unless it has been made from the same sources before. What goes
 * wrong is said on standard error. */
enum cosim_rtl_result cosim_rtl_open(struct cosim_rtl *rtl,
                                     const struct cosim_rtl_request *request);
void cosim_rtl_close(struct cosim_rtl *rtl);
/* Where the counts of the last library that was made with `coverage` lie. */
const char *cosim_rtl_coverage(void);

/* ---- for stimuli ------------------------------------------------------------------------------------ */

/* How freely one side of a channel moves: in turn at full speed, often, seldom, not at all, each for some cycles. */
struct cosim_pace {
    uint32_t left, per_256;
};
struct rng;
bool cosim_pace(struct cosim_pace *pace, struct rng *random);

#endif
