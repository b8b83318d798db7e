/* A curve as a script for gnuplot, with its data in it, that makes an SVG beside itself. */
#ifndef ESPNIC_CLI_GNUPLOT_H
#define ESPNIC_CLI_GNUPLOT_H

#include <stdio.h>

/* Text in single quotes, as gnuplot reads it. */
void gnuplot_quoted(const char *text, FILE *out);

/* "set output ..." of the script `name`. */
void gnuplot_output(const char *name, FILE *out);

/* Write the script `name`, a comment first and then what `body` writes, and run it if gnuplot is there. As
 * gnuplot_curve(), of which it is the general form. */
int gnuplot_script(const char *command, const char *name, void (*body)(void *self, FILE *out),
                   void *self);

/* What the caller puts behind the data `$curve`: axes, title and the plot command. */
typedef void gnuplot_axes(void *self, FILE *out);

/* Write the script `name` ("curve.gp" makes curve.svg) with lines of CSV, names of columns first, and run it if
 * gnuplot is there. `command` stands in messages ("espnic pcie"). Returns the exit status of the program. */
int gnuplot_curve(const char *command, const char *name, const char *csv, gnuplot_axes *axes,
                  void *self);

#endif
