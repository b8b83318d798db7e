/* A timeline in the trace-event JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open.
 *
 * One thread a block; a complete event ("X") for each packet in it; flow arrows ("s", "t", "f")
 * from block to block; counters ("C"). Stamps are in us with three digits, cut (not rounded) to
 * whole ns at both ends, so that intervals that touch still touch. Written as a stream: memory does
 * not grow; the window and the number of events bound the file. What falls outside is counted. */
#ifndef ESPNIC_REPORT_TIMELINE_H
#define ESPNIC_REPORT_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct timeline {
    FILE *file;
    uint64_t from, to; /* ps, half open */
    uint64_t max_events;
    uint64_t events;   /* written (threads' names do not count) */
    uint64_t left_out; /* inside the window, beyond max_events */
    uint32_t threads;
    bool first;
};

enum timeline_phase { TIMELINE_START, TIMELINE_STEP, TIMELINE_FINISH };

/* `to` and `max_events` 0: no bound. False with a sentence in `error`. */
bool timeline_open(struct timeline *t, const char *path, uint64_t from, uint64_t to,
                   uint64_t max_events, char *error, size_t error_size);

/* A new row for a block; rows stand in the order of these calls. Returns its number. */
uint32_t timeline_thread(struct timeline *t, const char *name);

/* True if something in [begin, end] would be written: ask before preparing text. */
static inline bool timeline_wants(const struct timeline *t, uint64_t begin, uint64_t end)
{
    return t->file != NULL && begin < t->to && end >= t->from;
}

/* A packet in a block from `begin` to `end` (ps, end >= begin). `name` is what is shown on the bar
 * ("busy", "miss"); `packet` its number; `bytes` 0: not shown. Written whole if it touches the
 * window. */
void timeline_span(struct timeline *t, uint32_t thread, const char *name, uint64_t begin,
                   uint64_t end, uint64_t packet, uint32_t bytes);

/* One end of an arrow of packet `packet`, at a moment inside a span of that thread. */
void timeline_flow(struct timeline *t, uint32_t thread, enum timeline_phase phase, uint64_t at,
                   uint64_t packet);

/* A level at a moment, drawn as a curve. */
void timeline_counter(struct timeline *t, const char *name, uint64_t at, uint64_t value);

/* Something that has no duration (a drop, an interrupt). */
void timeline_mark(struct timeline *t, uint32_t thread, const char *name, uint64_t at,
                   uint64_t packet);

/* End the JSON and close. False: it could not be written; `error` says why. */
bool timeline_close(struct timeline *t, char *error, size_t error_size);

#endif
