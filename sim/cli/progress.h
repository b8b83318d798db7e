/* A progress line on the terminal: packets, simulated time, speed, time left. Written to stderr,
 * at most ten times a second, and only when stderr is a terminal; otherwise nothing is written.
 * Wall-clock time is read here and nowhere else; it never reaches a report. */
#ifndef ESPNIC_CLI_PROGRESS_H
#define ESPNIC_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool active;       /* stderr is a terminal */
    const char *label; /* "run" */
    uint64_t total_packets,
        total_ps;               /* 0: not known; the one that is further decides the time left */
    uint64_t start_ns, last_ns; /* wall clock, monotonic */
    unsigned skip;              /* calls until the clock is read again */
};

void progress_start(struct progress *p, const char *label, uint64_t total_packets,
                    uint64_t total_ps);

/* Cheap enough to be called for every batch of packets. `now_ps` is simulated time. */
void progress_update(struct progress *p, uint64_t packets, uint64_t now_ps);

/* For work in pieces: how many of `total` are done, how many of these failed. Shown at once. */
void progress_pieces(struct progress *p, uint64_t done, uint64_t total, uint64_t failed);

/* Take the line away. Wall-clock seconds since the start. */
double progress_end(struct progress *p);

#endif
