/* Tables and quantities for people: aligned columns, units with at most four digits. ASCII only. */
#ifndef ESPNIC_REPORT_TEXT_H
#define ESPNIC_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TEXT_WIDTH = 96, TEXT_CELL = 48, TEXT_COLUMNS = 16 };

/* A quantity and its unit: (98.7e9, "b/s") is "98.70 Gb/s", (14.88e6, "pps") "14.88 Mpps",
 * (0, ...) "0 b/s". Three or four digits; prefixes k to T above one, m to p below when `small`.
 * Returns out. */
const char *text_quantity(double value, const char *unit, bool small, char *out, size_t size);

/* Picoseconds as "1.234 us"; exact counts as "1 234 567"; parts per one as "12.3 %". */
const char *text_time(uint64_t ps, char *out, size_t size);
const char *text_count(uint64_t value, char *out, size_t size);
const char *text_share(double share, char *out, size_t size);

/* A table that is written row by row once all widths are known. Cells are copied. */
struct text_table {
    size_t columns;
    bool right[TEXT_COLUMNS]; /* numbers */
    size_t rows, room;
    char **cells; /* rows * columns, row by row; the first row is the heading */
};

/* `headings` holds `columns` texts, 1 to TEXT_COLUMNS; one that begins with '>' makes its column right-aligned.
 * Aborts when memory is out, as do the others. */
void text_table_start(struct text_table *t, const char *const *headings, size_t columns);
void text_table_row(struct text_table *t, const char *const *cells);

/* Two spaces between columns, a rule under the headings; the last column, if left-aligned, is
 * wrapped at TEXT_WIDTH, or 48 characters beyond the others. Then the table is empty and its memory given back. */
void text_table_write(struct text_table *t, FILE *out);

/* Give the rows up without writing them. */
void text_table_clear(struct text_table *t);

/* Words wrapped at `width`; following lines begin with `indent` spaces; the first continues at
 * column `at`. Ends with a line break. */
void text_wrap(FILE *out, const char *text, size_t at, size_t indent, size_t width);

#endif
