/* A capture as a stream of packets with simulated times: filter, pace, load and loops. */
#ifndef ESPNIC_CLI_FEED_H
#define ESPNIC_CLI_FEED_H

#include "cli/config.h"
#include "cli/inputs.h"
#include "traces/pace.h"

struct synthesis;

struct feed {
    struct packet_reader *capture; /* NULL: no such input */
    struct pace pace;
    struct capture_packet packet; /* the next one, if have */
    bool have;
    bool closed;   /* as fast as it is taken: times mean nothing */
    uint64_t time; /* of it, ps from t = 0 */
    uint64_t loops_left;
    struct synthesis *synthesis; /* instead of a capture: frames of this port, with tags */
    unsigned port;
    uint64_t tag;
    uint64_t shift_ns;                   /* added to the stamps: passes before */
    uint64_t first_ns, last_ns, packets; /* of this pass */
};

/* `inputs` as in simulation_options. Lower *earliest to the first packet's stamp; *any becomes true if there is one. */
bool feed_earliest(const struct inputs *inputs, const char *path, const char *filter,
                   uint64_t *earliest, bool *any, char *error, size_t error_size);

/* Open and read the first packet. An empty path is no input. */
bool feed_open(struct feed *f, const struct inputs *inputs, const char *path, const char *filter,
               const struct workload_config *w, uint64_t origin_ns, char *error, size_t error_size);
void feed_close(struct feed *f);

/* Frames that are made in memory, from the first one on; they never end. */
void feed_synthesise(struct feed *f, struct synthesis *synthesis, unsigned port);

/* Go to the next packet; have is false at the end. False with a message on a damaged file. */
bool feed_next(struct feed *f, char *error, size_t error_size);

#endif
