#include "report/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

const char *text_quantity(double value, const char *unit, bool small, char *out, size_t size)
{
    static const char *const up[] = { "", "k", "M", "G", "T", "P" };
    static const char *const down[] = { "", "m", "u", "n", "p" };
    double size_of = fabs(value);
    size_t step = 0;
    bool tiny = small && size_of < 0.9995 && size_of > 0;
    if (!isfinite(value)) {
        snprintf(out, size, "-");
        return out;
    }
    while (tiny && size_of < 0.9995 && step + 1 < sizeof down / sizeof down[0]) {
        size_of *= 1000;
        value *= 1000;
        step++;
    }
    while (!tiny && size_of >= 999.95 && step + 1 < sizeof up / sizeof up[0]) {
        size_of /= 1000;
        value /= 1000;
        step++;
    }
    int digits = size_of >= 99.995 ? 1 : size_of >= 9.9995 ? 2 : 3;
    if (step == 0 && value == floor(value)) {
        digits = 0;
    }
    const char *prefix = tiny ? down[step] : up[step];
    const char *space = prefix[0] == '\0' && unit[0] == '\0' ? "" : " ";
    snprintf(out, size, "%.*f%s%s%s", digits, value, space, prefix, unit);
    return out;
}

const char *text_time(uint64_t ps, char *out, size_t size)
{
    static const struct {
        const char *name;
        uint64_t ps;
    } units[] = { { "s", 1000000000000 }, { "ms", 1000000000 }, { "us", 1000000 }, { "ns", 1000 } };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ps >= units[i].ps) {
            /* Cut, not rounded: integers only. */
            uint64_t thousandths = ps / (units[i].ps / 1000);
            snprintf(out, size, "%" PRIu64 ".%03" PRIu64 " %s", thousandths / 1000,
                     thousandths % 1000, units[i].name);
            return out;
        }
    }
    snprintf(out, size, "%" PRIu64 " ps", ps);
    return out;
}

const char *text_count(uint64_t value, char *out, size_t size)
{
    char plain[24];
    int n = snprintf(plain, sizeof plain, "%" PRIu64, value);
    size_t used = 0;
    for (int i = 0; i < n && used + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            out[used++] = ' ';
        }
        out[used++] = plain[i];
    }
    out[used] = '\0';
    return out;
}

const char *text_share(double share, char *out, size_t size)
{
    if (!isfinite(share)) {
        snprintf(out, size, "-");
    } else {
        snprintf(out, size, "%.1f %%", share * 100);
    }
    return out;
}

void text_table_row(struct text_table *t, const char *const *cells)
{
    if (t->rows == t->room) {
        t->room = t->room == 0 ? 16 : t->room * 2;
        t->cells = must(realloc(t->cells, t->room * t->columns * sizeof *t->cells));
    }
    for (size_t c = 0; c < t->columns; c++) {
        t->cells[t->rows * t->columns + c] = must(strdup(cells[c] == NULL ? "" : cells[c]));
    }
    t->rows++;
}

void text_table_start(struct text_table *t, const char *const *headings, size_t columns)
{
    const char *plain[TEXT_COLUMNS];
    memset(t, 0, sizeof *t);
    if (columns == 0 || columns > TEXT_COLUMNS) {
        fputs("espnic: internal error: a table with no or too many columns\n", stderr);
        abort();
    }
    t->columns = columns;
    for (size_t c = 0; c < t->columns; c++) {
        t->right[c] = headings[c][0] == '>';
        plain[c] = headings[c] + (t->right[c] ? 1 : 0);
    }
    text_table_row(t, plain);
}

void text_wrap(FILE *out, const char *text, size_t at, size_t indent, size_t width)
{
    bool fresh = true; /* nothing on this line yet but what was there before */
    while (*text != '\0') {
        size_t n = strcspn(text, " \n");
        if (!fresh && at + 1 + n > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            fresh = true;
        }
        if (n > 0) {
            fprintf(out, "%s%.*s", fresh ? "" : " ", (int)n, text);
            at += n + (fresh ? 0 : 1);
            fresh = false;
        }
        text += n;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

/* Number of characters of a UTF-8 text: file names may hold any. */
static size_t shown_width(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0U) != 0x80U;
    }
    return n;
}

enum { NARROWEST = 48 }; /* a wrapped column is never narrower, whatever is left of it */

static void write_row(const struct text_table *t, const size_t *width, size_t row, FILE *out)
{
    size_t at = 0;
    for (size_t c = 0; c < t->columns; c++) {
        const char *cell = t->cells[row * t->columns + c];
        size_t n = shown_width(cell);
        int pad = (int)(n < width[c] ? width[c] - n : 0);
        bool last = c + 1 == t->columns;
        if (last && !t->right[c] && n == 0) {
            fputc('\n', out);
            continue;
        }
        fputs(c == 0 ? "" : "  ", out);
        if (last && !t->right[c]) {
            text_wrap(out, cell, at, at, at + NARROWEST > TEXT_WIDTH ? at + NARROWEST : TEXT_WIDTH);
        } else if (t->right[c]) {
            fprintf(out, "%*s%s%s", pad, "", cell, last ? "\n" : "");
        } else {
            fprintf(out, "%s%*s", cell, pad, "");
        }
        at += width[c] + 2;
    }
}

void text_table_write(struct text_table *t, FILE *out)
{
    size_t width[TEXT_COLUMNS] = { 0 };
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t n = shown_width(t->cells[i]);
        width[i % t->columns] = n > width[i % t->columns] ? n : width[i % t->columns];
    }
    for (size_t row = 0; row < t->rows; row++) {
        write_row(t, width, row, out);
        for (size_t c = 0; row == 0 && c < t->columns; c++) {
            size_t rule = width[c];
            if (c + 1 == t->columns && !t->right[c]) {
                rule = shown_width(t->cells[c]);
            }
            for (size_t i = 0; i < rule; i++) {
                fputc('-', out);
            }
            fputs(c + 1 == t->columns ? "\n" : "  ", out);
        }
    }
    text_table_clear(t);
}

void text_table_clear(struct text_table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
    memset(t, 0, sizeof *t);
}
