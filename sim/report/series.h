/* A time series: chosen counters at every boundary of simulated time, as CSV.
 *
 * A counter (STAT_U64) is shown as its growth within the interval, a gauge (STAT_GAUGE) as its
 * level at the end of it. The first column, time_us, is the end of the interval. The rows are
 * integers, so the bytes are the same on every machine. */
#ifndef ESPNIC_REPORT_SERIES_H
#define ESPNIC_REPORT_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/describe.h"

struct series_column {
    const uint64_t *value;
    uint64_t last;
    bool level; /* a gauge */
};

struct series {
    FILE *file;
    struct series_column *columns;
    size_t count;
    uint64_t interval; /* ps */
    uint64_t next;     /* ps, end of the interval that is running */
};

/* Choose columns and write the heading. `columns` is a comma-separated list of dotted paths, in
 * which * stands for any characters ("tx.packets_*,sa.live"); columns come in the order of the
 * registry. `interval` > 0 in ps. False: `error` says which name matches nothing, with the nearest
 * one; then nothing is open. The registry's structs must outlive the series. */
bool series_open(struct series *s, const char *path, const struct stat_registry *registry,
                 const char *columns, uint64_t interval, char *error, size_t error_size);

/* Write the rows of all boundaries <= now. To be called before anything later than a boundary is
 * counted: at every s->next, or as soon as time has passed it. */
void series_advance(struct series *s, uint64_t now);

/* The last, shorter interval up to `now` (if any of it is left), then close. False: the file could
 * not be written; `error` says why. */
bool series_close(struct series *s, uint64_t now, char *error, size_t error_size);

#endif
