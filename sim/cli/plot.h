/* Curves for gnuplot: a script with its data in it, and an SVG of the same name beside it. */
#ifndef ESPNIC_CLI_PLOT_H
#define ESPNIC_CLI_PLOT_H

#include <stdio.h>

/* In single quotes, as gnuplot reads them. */
void plot_quoted(const char *text, FILE *out);

/* "set output ..." for a script of this name: the same name with .svg. */
void plot_output(const char *script, FILE *out);

/* Write a script: a comment that names `command`, then what `body` writes; run it if there is gnuplot. Returns the exit
 * status of the program; messages go to stderr. */
int plot_write(const char *command, const char *script, void (*body)(void *self, FILE *out),
               void *self);

#endif
