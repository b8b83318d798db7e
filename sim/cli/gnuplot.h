/* Curves as a script for gnuplot, with its data in it, that makes an SVG beside itself. */
#ifndef ESPNIC_CLI_GNUPLOT_H
#define ESPNIC_CLI_GNUPLOT_H

#include <stdio.h>

/* What the caller puts into the script. */
typedef void gnuplot_part(void *self, FILE *out);

/* Write the script `name` ("curve.gp" makes curve.svg): a comment that names `command` ("espnic pcie"), then what `body`
 * writes; run it if gnuplot is there. Returns the exit status of the program; messages go to stderr. */
int gnuplot_write(const char *command, const char *name, gnuplot_part *body, void *self);

/* The same for one plot of lines of CSV, names of columns first: the data block `$curve` and the picture come before what
 * `axes` writes, which is axes, title and the plot command. */
int gnuplot_curve(const char *command, const char *name, const char *csv, gnuplot_part *axes,
                  void *self);

/* For bodies. "set output ..." for the script of this name. */
void gnuplot_output(const char *name, FILE *out);

/* In single quotes, as gnuplot reads them. */
void gnuplot_quoted(const char *text, FILE *out);

#endif
