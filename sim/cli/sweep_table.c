#include "cli/sweep_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/must.h"
#include "engine/nearest.h"
#include "report/report.h"

static const char error_heading[] = "error";

void sweep_table_init(struct sweep_table *t, const struct sweep_axes *axes,
                      const struct sweep_columns *columns)
{
    *t = (struct sweep_table){ .axes = axes, .columns = columns };
    t->row = must(calloc(axes->points, sizeof *t->row));
    t->in_csv = must(calloc(axes->points, sizeof *t->in_csv));
}

void sweep_table_free(struct sweep_table *t)
{
    for (size_t i = 0; t->row && i < t->axes->points; i++) {
        free(t->row[i].cells);
    }
    free(t->row);
    free(t->in_csv);
    free(t->first_error);
    *t = (struct sweep_table){ 0 };
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static void write_cell(FILE *out, char kind, const char *text)
{
    fputc(kind, out);
    fputs(text, out);
    fputc('\0', out);
}

/* In one line: a message of the model may have several. */
static void write_error(FILE *out, const char *error)
{
    size_t end = strlen(error);

    while (end > 0 && error[end - 1] == '\n') {
        end--;
    }
    fputc(end ? CELL_TEXT : CELL_NONE, out);
    for (size_t i = 0; i < end; i++) {
        if (error[i] == '\n') {
            fputs("; ", out);
        } else {
            fputc((unsigned char)error[i] < ' ' ? ' ' : error[i], out);
        }
    }
    fputc('\0', out);
}

static void write_value(FILE *out, const json_t *value)
{
    char text[48];

    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_INTEGER:
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        write_cell(out, CELL_NUMBER, text);
        break;
    case JSON_REAL:
        write_cell(out, CELL_NUMBER, report_real(json_real_value(value), text, sizeof text));
        break;
    case JSON_STRING: write_cell(out, CELL_TEXT, json_string_value(value)); break;
    default: write_cell(out, CELL_NONE, ""); break;
    }
}

void sweep_table_cells(const struct sweep_columns *columns, const json_t *report, const char *error,
                       FILE *out)
{
    for (size_t i = 0; i < columns->count; i++) {
        write_value(out, report ? sweep_columns_value(report, columns->column[i].path) : NULL);
    }
    write_error(out, error ? error : "");
}

static const char *cell_after(const char *cell)
{
    return cell + strlen(cell) + 1;
}

static const char *cell_at(const char *cells, size_t column)
{
    while (column-- > 0) {
        cells = cell_after(cells);
    }
    return cells;
}

const char *sweep_table_cell(const struct sweep_table *t, size_t point, size_t column, char *kind)
{
    const char *cell = t->row[point].cells ? cell_at(t->row[point].cells, column) : "-";

    *kind = cell[0];
    return cell + 1;
}

/* ---- CSV ---------------------------------------------------------------------------------------------- */

/* RFC 4180: quote what holds a comma, a quote or a line break; double the quotes. */
static void write_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, out);
    }
    fputc('"', out);
}

static void write_headings(const struct sweep_table *t, FILE *out)
{
    for (size_t i = 0; i < t->axes->count; i++) {
        fprintf(out, "%s,", t->axes->axis[i].path);
    }
    for (size_t i = 0; i < t->columns->count; i++) {
        fprintf(out, "%s,", t->columns->column[i].path);
    }
    fprintf(out, "%s\n", error_heading);
}

static void write_line(const struct sweep_table *t, size_t point, const char *cells, FILE *out)
{
    for (size_t i = 0; i < t->axes->count; i++) {
        write_field(out, sweep_axes_value(t->axes, point, i));
        fputc(',', out);
    }
    for (size_t i = 0; i <= t->columns->count; i++) {
        write_field(out, cells + 1);
        fputc(i < t->columns->count ? ',' : '\n', out);
        cells = cell_after(cells);
    }
}

char *sweep_table_line(const struct sweep_table *t, size_t point, const char *cells)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = must(open_memstream(&text, &length));

    write_line(t, point, cells, out);
    must(fclose(out) == 0 ? text : NULL);
    text[length - 1] = '\0'; /* without its end of line */
    return text;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void write_string(FILE *out, const char *text)
{
    json_t *string = json_string(text);

    if (!string) { /* a file's name need not be UTF-8 */
        char *ascii = must(strdup(text));

        for (char *c = ascii; *c; c++) {
            *c = (unsigned char)*c < 0x80 ? *c : '?';
        }
        string = json_string(ascii);
        free(ascii);
    }
    json_dumpf(string, out, JSON_ENCODE_ANY);
    json_decref(string);
}

static void write_json(const struct sweep_table *t, size_t point, const char *cells, FILE *out)
{
    for (size_t i = 0; i < t->axes->count; i++) {
        const struct sweep_axis *a = &t->axes->axis[i];
        const char *value = sweep_axes_value(t->axes, point, i);
        bool bare = a->param && (a->param->type == PARAM_U32 || a->param->type == PARAM_U64 ||
                                 a->param->type == PARAM_BOOL);

        fprintf(out, "%s\"%s\": ", i ? ", " : "{", a->path);
        if (bare) {
            fputs(value, out);
        } else {
            write_string(out, value);
        }
    }
    for (size_t i = 0; i <= t->columns->count; i++, cells = cell_after(cells)) {
        fprintf(out,
                ", \"%s\": ", i < t->columns->count ? t->columns->column[i].path : error_heading);
        if (cells[0] == CELL_TEXT) {
            write_string(out, cells + 1);
        } else {
            fputs(cells[0] == CELL_NUMBER ? cells + 1 : "null", out);
        }
    }
    fputs("}\n", out);
}

/* ---- an earlier CSV ------------------------------------------------------------------------------------ */

struct csv {
    struct sweep_table *table;
    const char *path;
    unsigned long line; /* of the record that is read */
    char *text;         /* the record; fields end with a NUL once split */
    char **field;
    size_t fields;
    char *error;
    size_t error_size;
};

static bool refuse(struct csv *c, const char *what)
{
    snprintf(c->error, c->error_size, "%s:%lu: %s", c->path, c->line, what);
    return false;
}

static void add_field(struct csv *c, char *at)
{
    if (c->fields % 64 == 0) {
        c->field = must(realloc(c->field, (c->fields + 64) * sizeof *c->field));
    }
    c->field[c->fields++] = at;
}

/* Split a line into its fields, in place. A sweep writes no line breaks into fields. */
static bool split(struct csv *c)
{
    char *from = c->text;

    c->fields = 0;
    for (;;) {
        char *to = from;
        char *begin = from;
        bool quoted = *from == '"';

        from += quoted;
        while (quoted ? *from != '"' || from[1] == '"' : *from != ',' && *from != '\0') {
            if (*from == '\0') {
                return refuse(c, "found a quote that does not end, expected CSV as a sweep writes");
            }
            from += quoted && *from == '"';
            *to++ = *from++;
        }
        from += quoted;
        if (*from != ',' && *from != '\0') {
            return refuse(c, "found text after a quote, expected a comma");
        }
        bool last = *from == '\0';
        *to = '\0';
        add_field(c, begin);
        if (last) {
            return true;
        }
        from++;
    }
}

static size_t width(const struct sweep_table *t)
{
    return t->axes->count + t->columns->count + 1;
}

static const char *heading(const struct sweep_table *t, size_t i)
{
    return i < t->axes->count ? t->axes->axis[i].path
           : i + 1 < width(t) ? t->columns->column[i - t->axes->count].path
                              : error_heading;
}

static bool check_headings(struct csv *c)
{
    char what[512];
    char shown[64];

    for (size_t i = 0; i < width(c->table) || i < c->fields; i++) {
        const char *found = i < c->fields ? c->field[i] : NULL;
        const char *expected = i < width(c->table) ? heading(c->table, i) : NULL;

        if (!found || !expected || strcmp(found, expected) != 0) {
            snprintf(what, sizeof what,
                     "column %zu: found %s, expected %s: it is not of a sweep of these keys and "
                     "columns",
                     i + 1, found ? nearest_shown(found, shown) : "no column",
                     expected ? expected : "no column");
            return refuse(c, what);
        }
    }
    return true;
}

/* Which point has these values; false with a message. */
static bool find_point(struct csv *c, size_t *point)
{
    const struct sweep_axes *axes = c->table->axes;
    char what[512];
    char shown[64];

    *point = 0;
    for (size_t i = 0; i < axes->count; i++) {
        const struct sweep_axis *a = &axes->axis[i];
        size_t k = 0;

        while (k < a->count && strcmp(a->value[k], c->field[i]) != 0) {
            k++;
        }
        if (k == a->count) {
            snprintf(what, sizeof what, "found %s=%s, expected a value of this sweep", a->path,
                     nearest_shown(c->field[i], shown));
            return refuse(c, what);
        }
        *point = *point * a->count + k;
    }
    return true;
}

static void store(struct sweep_table *t, size_t point, const char *cells, size_t size)
{
    struct sweep_row *row = &t->row[point];

    row->cells = must(malloc(size));
    memcpy(row->cells, cells, size);
    row->size = size;
    t->done++;
}

static bool keep_row(struct csv *c)
{
    struct sweep_table *t = c->table;
    size_t point;
    char *cells = NULL;
    size_t size = 0;
    FILE *out;

    if (c->fields != width(t)) {
        char what[128];

        snprintf(what, sizeof what, "found %zu fields, expected %zu", c->fields, width(t));
        return refuse(c, what);
    }
    if (!find_point(c, &point)) {
        return false;
    }
    if (t->row[point].cells) {
        return refuse(c, "found a point a second time, expected each once");
    }
    if (c->field[c->fields - 1][0]) {
        return true; /* it failed: it is tried again */
    }
    out = must(open_memstream(&cells, &size));
    for (size_t i = t->axes->count; i < c->fields; i++) {
        bool text = i + 1 < c->fields && t->columns->column[i - t->axes->count].text;

        write_cell(out, !c->field[i][0] ? CELL_NONE : text ? CELL_TEXT : CELL_NUMBER, c->field[i]);
    }
    must(fclose(out) == 0 ? cells : NULL);
    store(t, point, cells, size);
    free(cells);
    return true;
}

static bool read_lines(struct csv *c, FILE *f)
{
    size_t room = 0;
    ssize_t length;

    while ((length = getline(&c->text, &room, f)) > 0) {
        c->line++;
        if (c->text[length - 1] != '\n') {
            return c->line > 1 || refuse(c, "found half a line, expected headings");
        }
        c->text[length - 1] = '\0';
        if (length > 1 && c->text[length - 2] == '\r') {
            c->text[length - 2] = '\0';
        }
        if (strlen(c->text) + 2 < (size_t)length) {
            return refuse(c, "found a NUL byte, expected text");
        }
        if (!split(c) || !(c->line == 1 ? check_headings(c) : keep_row(c))) {
            return false;
        }
    }
    return c->line > 0 || refuse(c, "found an empty file, expected the CSV of a sweep");
}

bool sweep_table_read(struct sweep_table *t, const char *path, char *error, size_t error_size)
{
    struct csv c = { .table = t, .path = path, .error = error, .error_size = error_size };
    FILE *f = fopen(path, "r");
    bool ok;

    if (!f) {
        snprintf(error, error_size, "%s: cannot read: %s", path, strerror(errno));
        return false;
    }
    ok = read_lines(&c, f);
    if (ok && ferror(f)) {
        snprintf(error, error_size, "%s: cannot read: %s", path, strerror(errno));
        ok = false;
    }
    fclose(f);
    free(c.text);
    free(c.field);
    return ok;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static bool to_stdout(const struct sweep_table *t)
{
    return t->csv_path && !strcmp(t->csv_path, "-");
}

static void write_row(struct sweep_table *t, size_t point)
{
    const char *cells = t->row[point].cells;

    if (t->csv && !t->in_csv[point]) {
        write_line(t, point, cells, t->csv);
    }
    if (t->json) {
        write_json(t, point, cells, stdout);
    }
    if (!t->keep) {
        free(t->row[point].cells);
        t->row[point].cells = NULL;
    }
}

static void write_rows(struct sweep_table *t)
{
    while (t->next < t->axes->points && t->row[t->next].cells) {
        write_row(t, t->next++);
    }
}

/* All rows that are known, in order, into a file that takes the place of the old one at once. */
static bool rewrite(struct sweep_table *t, char *error, size_t error_size)
{
    char *real = realpath(t->csv_path, NULL);
    char *name = NULL;
    FILE *f = NULL;
    bool ok = false;

    if (real && asprintf(&name, "%s.new", real) > 0) {
        f = fopen(name, "w");
    }
    if (f) {
        write_headings(t, f);
        for (size_t i = 0; i < t->axes->points; i++) {
            if (t->row[i].cells) {
                write_line(t, i, t->row[i].cells, f);
            }
        }
        ok = fflush(f) == 0 && fsync(fileno(f)) == 0;
        ok = fclose(f) == 0 && ok;
        ok = ok && rename(name, real) == 0;
    }
    if (!ok) {
        snprintf(error, error_size, "%s: cannot write: %s", t->csv_path, strerror(errno));
        if (f) {
            unlink(name);
        }
    }
    free(real);
    free(name);
    return ok;
}

/* Rows that were kept are in the CSV already, perhaps with points missing before them. */
static bool open_again(struct sweep_table *t, char *error, size_t error_size)
{
    if (!rewrite(t, error, error_size)) {
        return false;
    }
    t->csv = fopen(t->csv_path, "a");
    if (!t->csv) {
        snprintf(error, error_size, "%s: cannot write: %s", t->csv_path, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < t->axes->points; i++) {
        t->in_csv[i] = t->row[i].cells != NULL;
        t->disordered |= i > 0 && t->in_csv[i] && !t->in_csv[i - 1];
    }
    write_rows(t);
    return true;
}

bool sweep_table_open(struct sweep_table *t, char *error, size_t error_size)
{
    if (t->done) {
        return open_again(t, error, error_size);
    }
    if (t->csv_path) {
        t->csv = to_stdout(t) ? stdout : fopen(t->csv_path, "w");
        if (!t->csv) {
            snprintf(error, error_size, "%s: cannot write: %s", t->csv_path, strerror(errno));
            return false;
        }
        write_headings(t, t->csv);
        fflush(t->csv);
    }
    return true;
}

static bool flush(const struct sweep_table *t)
{
    bool ok = !t->csv || (fflush(t->csv) == 0 && !ferror(t->csv));

    return (!t->json || (fflush(stdout) == 0 && !ferror(stdout))) && ok;
}

bool sweep_table_put(struct sweep_table *t, size_t point, const char *cells, size_t size)
{
    const char *error = cell_at(cells, t->columns->count);
    bool failed = error[0] != CELL_NONE;

    if (failed && (!t->failed || point < t->first_bad)) {
        t->first_bad = point;
        free(t->first_error);
        t->first_error = must(strdup(error + 1));
    }
    t->failed += failed;
    store(t, point, cells, size);
    write_rows(t);
    return flush(t);
}

bool sweep_table_close(struct sweep_table *t, char *error, size_t error_size)
{
    bool ok;

    for (size_t i = t->next; i < t->axes->points; i++) {
        if (t->row[i].cells) {
            write_row(t, i);
        }
    }
    ok = flush(t);
    if (t->csv && t->csv != stdout) {
        ok = fclose(t->csv) == 0 && ok;
    }
    t->csv = NULL;
    if (!ok) {
        snprintf(error, error_size, "%s: cannot write: %s", t->csv_path ? t->csv_path : "<stdout>",
                 strerror(errno));
        return false;
    }
    return !t->disordered || rewrite(t, error, error_size);
}
