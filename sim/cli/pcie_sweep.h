/* Curves over the size of a transaction or the window, as CSV; a script for gnuplot. */
#ifndef ESPNIC_CLI_PCIE_SWEEP_H
#define ESPNIC_CLI_PCIE_SWEEP_H

#include "cli/pcie_outcome.h"

enum { SWEEP_MAX = 4096 };

struct sweep_points {
    uint64_t value[SWEEP_MAX];
    size_t count; /* 0: not swept */
};

/* "64,128,4KiB", "64:64:2048" (from, step, to) or "4KiB:x2:64MiB" (from, factor, to): PARAM_BYTES, where a plain
 * number is bytes, or PARAM_U64. False with a sentence in `error`. */
bool sweep_parse(enum param_type type, const char *text, struct sweep_points *points, char *error,
                 size_t error_size);

/* One line of CSV for each size and window, under a line of names; `script` (or NULL): the name of a gnuplot
 * script to be written, and run if there is gnuplot, with the curve in it. Returns the exit status of the
 * program; messages go to stderr. */
int pcie_sweep(struct scenario *s, bool latency, const struct sweep_points *sizes,
               const struct sweep_points *windows, const char *script);

#endif
