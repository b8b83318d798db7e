/* Random networks of stages and channels, for the tests that compare the engine with its twin.
 *
 * A network is parameters only: what it builds (engine or twin) is told the same things. What a
 * stage does to an item is a pure function of the item's number, the stage and the lane. */
#ifndef ESPNIC_TESTS_TIMING_NETWORK_H
#define ESPNIC_TESTS_TIMING_NETWORK_H

#include "engine/snapshot.h"
#include "engine/stage.h"
#include "twin.h"

enum {
    NET_MAX_STAGES = TWIN_MAX_STAGES,
    NET_MAX_CHANNELS = TWIN_MAX_CHANNELS,
    NET_MAX_SOURCES = 20,
    NET_MAX_BURSTS = 512
};

struct network;

struct net_channel {
    struct channel_config config; /* but writer and reader: those are blocks of the engine */
    char name[8];
    int writer;             /* stage, or -1: a source */
    unsigned writer_domain; /* of the source */
    unsigned reader;        /* stage */
    bool resized;           /* items have another length here than at their source */
};

struct net_stage {
    const struct network *net;
    struct stage_config config;
    char name[8];
    unsigned routes; /* output of lane l for route r: l * routes + r */
    unsigned in[STAGE_MAX_PORTS], inputs;
    unsigned out[STAGE_MAX_LANES], outputs;
    bool ideal;
    uint32_t most_interval, most_latency, most_tail;
    unsigned drops; /* of 16 items */
};

struct net_burst {
    uint64_t announce; /* cycle in which it is handed to the channel */
    struct channel_run run;
    uint32_t item, flags;
};

struct net_source {
    unsigned channel, bursts;
    struct net_burst burst[NET_MAX_BURSTS];
};

struct network {
    uint64_t seed;
    unsigned domains, stages, channels, sources;
    struct clock_domain domain[TWIN_MAX_DOMAINS];
    uint32_t most_beats;
    struct net_stage stage[NET_MAX_STAGES];
    struct net_channel channel[NET_MAX_CHANNELS];
    struct net_source source[NET_MAX_SOURCES];
};

/* The network with this number. */
void network_generate(struct network *net, uint64_t seed);
void network_print(const struct network *net);

/* The same network in the twin; all of its beats are offered. */
void network_build_twin(const struct network *net, struct twin *tw);

/* ---- the same network in the engine ------------------------------------------------------ */

struct bench_run {
    struct channel_run run;
    bool push;
};

struct bench_record {
    struct bench_run *run;
    size_t runs, room;
};

struct bench_begins {
    struct twin_begin *begin;
    size_t begins, room;
};

struct bench;

struct bench_stage {
    struct stage stage;
    const struct net_stage *net;
    struct bench_begins log;
    uint64_t done; /* calls of done() */
};

struct bench_driver {
    struct bench *bench;
    const struct net_source *net;
    unsigned block;
    uint32_t next; /* state */
};

struct bench {
    const struct network *net;
    struct clock_set clocks;
    struct sched sched;
    struct bench_stage stage[NET_MAX_STAGES];
    struct channel channel[NET_MAX_CHANNELS];
    struct bench_driver driver[NET_MAX_SOURCES];
    struct bench_record record[NET_MAX_CHANNELS]; /* from the probes */
};

/* `shuffle`: 0 registers the blocks in their natural order, other numbers in others. */
void bench_init(struct bench *b, const struct network *net, uint64_t shuffle);
void bench_free(struct bench *b);

/* Everything up to and including edge `cycle` of `domain`. */
void bench_run_until(struct bench *b, unsigned domain, uint64_t cycle);

/* Bring all accounts up to and including edge `cycle` of `domain`. */
void bench_settle(struct bench *b, unsigned domain, uint64_t cycle);

void bench_register_state(struct bench *b, struct snapshot *snap);

bool bench_same_runs(const struct bench_record *a, const struct bench_record *b);

/* Forget what has been recorded so far. */
void bench_forget(struct bench *b);

#endif
