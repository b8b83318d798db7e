/* The twin of sim/engine: a slow, obvious model of stages and channels that steps every cycle.
 *
 * It shares parameter structs with the engine (stage_config, channel_config, lane_job) and no code.
 * Every beat is one object, every channel an array of them, every lane is looked at in every cycle
 * of its domain. An instant is handled in three phases, so that no order of evaluation can matter:
 *   1. all clocks that have an edge at this instant tick;
 *   2. every stage of those clocks decides and acts: what it reads from a channel carries the
 *      number of the edge from which it may be seen, which is never the present one;
 *   3. beats that reach the end of their latency are pushed.
 * A synchroniser is a count of the other side's ticks: an event that happens while the other clock
 * stands at tick n is seen from tick n + sync on (n + 1 within one domain). No ratio is computed. */
#ifndef ESPNIC_TESTS_TIMING_TWIN_H
#define ESPNIC_TESTS_TIMING_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/stage.h"

enum { TWIN_MAX_DOMAINS = 4, TWIN_MAX_STAGES = 16, TWIN_MAX_CHANNELS = 128 };

struct twin_domain {
    uint64_t num, den; /* Hz */
    uint64_t edges;    /* so far; the present cycle is edges - 1 */
    bool ticked;
};

struct twin_beat {
    uint32_t item;
    bool first, last;
    uint64_t pushed;    /* writer's cycle, given when the beat is admitted */
    uint64_t visible;   /* reader's cycle from which it can be popped */
    uint64_t popped;    /* reader's cycle */
    uint64_t slot_back; /* writer's cycle from which its slot can be used again */
};

struct twin_channel {
    struct channel_config config;
    struct twin_domain *writer, *reader;
    struct twin_beat *beat;
    size_t room;     /* of the array */
    size_t reserved; /* beats admitted by the writer */
    size_t pushed;   /* of those, at the end of their latency */
    size_t popped;
    size_t returned;     /* slots that the writer knows to be free again */
    int taken_by;        /* lane that is inside the head item, -1: none */
    bool port_used;      /* a beat was popped ... */
    uint64_t port_cycle; /* ... in this cycle */
};

struct twin_lane {
    bool active;
    struct lane_job job;
    uint32_t slot, slots;
    uint64_t delay;
    uint64_t ready; /* first cycle in which the next slot or item may be issued */
    bool has_pushed;
    uint64_t port_after; /* no push of a later item before this cycle */
    uint64_t total[ACCOUNT_STATES];
};

struct twin_begin {
    uint64_t cycle;
    uint32_t item, lane, in;
};

struct twin_stage {
    struct stage_config config;
    struct twin_domain *clock;
    struct twin_channel *in[STAGE_MAX_PORTS], *out[STAGE_MAX_LANES];
    unsigned inputs, outputs;
    unsigned next_input; /* round robin: looked at first */
    uint64_t port_free;
    struct twin_lane lane[STAGE_MAX_LANES];
    struct twin_begin *begin;
    size_t begins, begin_room;
};

struct twin {
    struct twin_domain domain[TWIN_MAX_DOMAINS];
    unsigned domains;
    struct twin_channel channel[TWIN_MAX_CHANNELS];
    unsigned channels;
    struct twin_stage stage[TWIN_MAX_STAGES];
    unsigned stages;
};

void twin_init(struct twin *tw);
void twin_free(struct twin *tw);
unsigned twin_add_domain(struct twin *tw, uint64_t num, uint64_t den);

/* config->ops.job, .steer, .accepts and .ready are used, and config->self given to them. */
unsigned twin_add_stage(struct twin *tw, const struct stage_config *config);

/* `writer` and `reader` are stages; writer -1: the beats come from twin_offer(), in clock
 * `writer_domain`. config->writer and ->reader are not looked at. */
unsigned twin_add_channel(struct twin *tw, const struct channel_config *config, int writer,
                          unsigned writer_domain, unsigned reader);

/* A beat that is pushed in cycle `cycle`; in order. */
void twin_offer(struct twin *tw, unsigned channel, uint64_t cycle, uint32_t item, bool first,
                bool last);

/* All instants up to and including edge `cycle` of `domain`. */
void twin_run(struct twin *tw, unsigned domain, uint64_t cycle);

/* Nothing is left to do. */
bool twin_drained(const struct twin *tw);

#endif
