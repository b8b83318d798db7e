/* A curve as a script for gnuplot, with its data in it, that makes an SVG beside itself. */
#ifndef ESPNIC_CLI_GNUPLOT_H
#define ESPNIC_CLI_GNUPLOT_H

#include <stdio.h>

/* What the caller puts behind the data `$curve`: axes, title and the plot command. */
typedef void gnuplot_axes(void *self, FILE *out);

/* Write the script `name` ("curve.gp" makes curve.svg) with lines of CSV, names of columns first, and run it if
 * gnuplot is there. `command` stands in messages ("espnic pcie"). Returns the exit status of the program. */
int gnuplot_curve(const char *command, const char *name, const char *csv, gnuplot_axes *axes,
                  void *self);

#endif
