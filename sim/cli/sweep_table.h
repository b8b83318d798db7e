/* The rows of a sweep, in the order of its points however they come: CSV and lines of JSON as they are known, and
 * the CSV of an earlier sweep read again. */
#ifndef ESPNIC_CLI_SWEEP_TABLE_H
#define ESPNIC_CLI_SWEEP_TABLE_H

#include <jansson.h>

#include "cli/sweep_axes.h"
#include "cli/sweep_columns.h"

/* A row without its keys: a cell for each column, and the error. A cell is a letter and a text, each cell ends with
 * a NUL. */
enum { CELL_NONE = '-', CELL_NUMBER = 'n', CELL_TEXT = 't' };

struct sweep_row {
    char *cells; /* NULL: not known yet */
    size_t size;
};

struct sweep_table {
    const struct sweep_axes *axes;
    const struct sweep_columns *columns;
    const char *csv_path; /* NULL: no CSV; "-": stdout */
    bool json;            /* lines on stdout */
    bool keep;            /* rows are wanted after they are written */
    struct sweep_row *row;
    bool *in_csv;     /* by point */
    size_t next;      /* the points before it are written */
    size_t done;      /* rows known */
    size_t failed;    /* with an error */
    bool disordered;  /* the CSV has rows out of order until sweep_table_close() */
    size_t first_bad; /* the first point with one, if any */
    char *first_error;
    FILE *csv;
};

void sweep_table_init(struct sweep_table *t, const struct sweep_axes *axes,
                      const struct sweep_columns *columns);
void sweep_table_free(struct sweep_table *t);

/* The cells of a report, or of a point that failed (report NULL), as sweep_table_put() wants them. */
void sweep_table_cells(const struct sweep_columns *columns, const json_t *report, const char *error,
                       FILE *out);

/* Read the CSV of an earlier sweep of these keys and columns: its rows without an error are kept. A last line that
 * was cut off is passed over. False with "FILE:LINE: ..." in `error`. */
bool sweep_table_read(struct sweep_table *t, const char *path, char *error, size_t error_size);

/* Open the files and write headings, and rows that were kept. False with a sentence. */
bool sweep_table_open(struct sweep_table *t, char *error, size_t error_size);

/* A point is done; it and those that waited for it are written. False: a file could not be written. */
bool sweep_table_put(struct sweep_table *t, size_t point, const char *cells, size_t size);

/* Write what is known and not written, in order, and close. False with a sentence. */
bool sweep_table_close(struct sweep_table *t, char *error, size_t error_size);

/* A cell of a row that is kept: column, or columns->count for the error. */
const char *sweep_table_cell(const struct sweep_table *t, size_t point, size_t column, char *kind);

/* The CSV line of a row, for messages and comparison. The caller frees it. */
char *sweep_table_line(const struct sweep_table *t, size_t point, const char *cells);

#endif
