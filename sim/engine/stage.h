/* A stage: the block that most of the card is made of. Inputs x lanes x outputs.
 *
 * In every cycle each idle lane, in order of its number, takes the head item of one input: the first
 * one, in the order of the arbitration, that
 *   - is startable (first beat, header, or whole item visible; the channel's read port free),
 *   - is steered to this lane (or to any) and accepted by it,
 *   - has room in its output for slot 0, if that slot pushes,
 *   - is ready (what the block itself has to wait for: memory, a hazard),
 *   - and, when the lanes share a port, finds the port free.
 * An item is at the head when every beat of the one before it has been popped in an earlier cycle.
 * Round robin begins after the input served last by any lane of the stage; at first, with input 0. Where
 * input 0 goes first, it has no part in the turns of the others.
 * What it does to the item is said by job(): output, beats, interval, latency. job() must be pure;
 * begin() is called once, in the cycle in which the item really starts. An output channel must be
 * used by one lane only. */
#ifndef ESPNIC_ENGINE_STAGE_H
#define ESPNIC_ENGINE_STAGE_H

#include "engine/lane.h"

enum { STAGE_MAX_PORTS = 16, STAGE_MAX_LANES = 64 };

enum stage_arbitration {
    STAGE_ROUND_ROBIN,
    STAGE_PRIORITY,
    STAGE_FIRST_THEN_ROUND /* input 0 first (a loop's way back), round robin among the others */
};

enum { STAGE_ANY_LANE = UINT32_MAX };

struct stage_ops {
    /* Fill everything in `job` but `in`; `job->item` and `job->in` are set. */
    void (*job)(void *self, uint64_t now, unsigned lane, struct lane_job *job);
    /* The item starts now. NULL: nothing to do. */
    void (*begin)(void *self, uint64_t now, unsigned lane, const struct lane_job *job);
    /* The item's last slot and last push are known (they may lie ahead). NULL: nothing to do. */
    void (*done)(void *self, unsigned lane, const struct lane_state *state);
    /* Lane that the item must take, or STAGE_ANY_LANE. NULL: any. */
    uint32_t (*steer)(void *self, uint32_t item);
    /* May this lane take the item at all? Like steering, a "no" is no reason to wait. NULL: yes. */
    bool (*accepts)(void *self, unsigned lane, uint32_t item);
    /* Can the item start in cycle `now`, room and port apart? If not, the lane is waiting for block
     * *cause, and *again is the cycle in which to ask again (CLOCK_NEVER: whoever changes it wakes the
     * block). Asked before there is talk of room: what an item needs may depend on the answer. An
     * item that is ready stays so until it starts, or whoever changes that wakes the block. Pure.
     * NULL: yes. */
    bool (*ready)(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again);
};

struct stage_config {
    const char *name;
    unsigned domain;
    unsigned lanes; /* 1 .. STAGE_MAX_LANES */
    enum lane_start start;
    uint32_t header_beats;              /* LANE_START_HEADER */
    enum stage_arbitration arbitration; /* PRIORITY: lower input first */
    uint32_t port_interval; /* > 0: lanes share a port that takes one start in so many cycles */
    struct stage_ops ops;
    void *self;
};

struct stage_state {
    struct channel_gate gate; /* of all inputs */
    uint32_t next_input;      /* round robin: looked at first */
    uint64_t port_free;
};

struct stage {
    struct sched *sched;
    struct stage_config config;
    unsigned block;
    struct channel *in[STAGE_MAX_PORTS], *out[STAGE_MAX_LANES];
    unsigned inputs, outputs;
    struct lane *lane;
    struct stage_state s;
    uint64_t by_cause[2][SCHED_MAX_BLOCKS];
    /* Hook of a timeline: an item is complete in this lane (its cycles may lie ahead). */
    void (*trace)(void *self, const struct stage *st, const struct lane_state *lane);
    void *trace_self;
};

/* Adds a block to the scheduler. Channels name blocks, so: first all stages, then all channels. */
void stage_init(struct stage *st, struct sched *sched, const struct stage_config *config);
void stage_free(struct stage *st);
void stage_register_state(struct stage *st, struct snapshot *snap);

/* Attach; returns the index. */
unsigned stage_input(struct stage *st, struct channel *ch);
unsigned stage_output(struct stage *st, struct channel *ch);

/* Bring the accounts of all lanes up to `cycle`. */
void stage_settle(struct stage *st, uint64_t cycle);

/* Sum of the first lanes' accounts, up to the cycle settled last. */
void stage_totals(const struct stage *st, unsigned lanes, uint64_t total[ACCOUNT_STATES]);

#endif
