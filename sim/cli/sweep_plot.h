/* The curves of a sweep: over its first key whose values are numbers, a curve for each column and each choice of the
 * other keys, a panel for each unit. */
#ifndef ESPNIC_CLI_SWEEP_PLOT_H
#define ESPNIC_CLI_SWEEP_PLOT_H

#include "cli/sweep_table.h"

/* Write the script and run gnuplot, as plot_write(). The rows were kept (table->keep). Columns that are 0 at every
 * point are left out. */
int sweep_plot(const struct sweep_table *table, const char *script);

#endif
