/* Reader of OID recordings, text form: lines, positions, syntax. The meaning is decoded in
 * recording_decode.c.
 *
 * One line is held at a time. jansson parses it, so the column in a message is that of the line,
 * counted in characters. */
#include "traces/recording_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 << 10 };

struct recording {
    FILE *stream;
    char *name;
    char *buffer;
    size_t capacity;
    size_t start, end;  /* unread bytes of the buffer */
    uint64_t offset;    /* in the file, of buffer[0] */
    bool at_end;        /* the stream gave its last byte */
    const char *text;   /* the current line, in the buffer */
    size_t text_length; /* without its end of line */
    bool pending;       /* recording_open() read a line that is not its own */
    uint64_t line;
    uint64_t last_t_ns;
    struct recording_header header;
    char error[RECORDING_ERROR_SIZE];
};

__attribute__((format(printf, 2, 3))) static void set_error(struct recording *reader,
                                                            const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->error, sizeof reader->error, format, arguments);
    va_end(arguments);
}

/* ---- lines ------------------------------------------------------------------------------ */

/* Read another block behind the unread bytes. */
static enum recording_result fill(struct recording *reader)
{
    size_t got;

    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->offset += reader->start;
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (!recording_reserve((void **)&reader->buffer, &reader->capacity, reader->end + BLOCK, 1)) {
        set_error(reader, "%s:%" PRIu64 ": out of memory", reader->name, reader->line + 1);
        return RECORDING_BROKEN;
    }
    got = fread(reader->buffer + reader->end, 1, BLOCK, reader->stream);
    reader->end += got;
    if (got < BLOCK) {
        if (ferror(reader->stream)) {
            set_error(reader, "%s:%" PRIu64 ": cannot read: %s", reader->name, reader->line + 1,
                      strerror(errno));
            return RECORDING_BROKEN;
        }
        reader->at_end = true;
    }
    return RECORDING_OK;
}

/* Throw away the rest of a line that is too long, without keeping it. */
static enum recording_result skip_line(struct recording *reader)
{
    const char *newline;

    reader->line++;
    set_error(reader, "%s:%" PRIu64 ":%d: found a line longer than %d MiB, expected a shorter one",
              reader->name, reader->line, RECORDING_MAX_LINE + 1, RECORDING_MAX_LINE >> 20);
    while ((newline = memchr(reader->buffer + reader->start, '\n', reader->end - reader->start)) ==
           NULL) {
        enum recording_result result;

        reader->start = reader->end;
        if (reader->at_end) {
            return RECORDING_BAD;
        }
        result = fill(reader);
        if (result != RECORDING_OK) {
            return result;
        }
    }
    reader->start = (size_t)(newline - reader->buffer) + 1;
    return RECORDING_BAD;
}

/* The next line into text, without LF or CR LF. */
static enum recording_result next_line(struct recording *reader)
{
    const char *newline = NULL;
    size_t searched = 0;

    for (;;) {
        size_t unread = reader->end - reader->start;
        enum recording_result result;

        if (unread > searched) {
            newline = memchr(reader->buffer + reader->start + searched, '\n', unread - searched);
        }
        searched = unread;
        if (newline != NULL || reader->at_end) {
            break;
        }
        if (unread > RECORDING_MAX_LINE + 1) {
            return skip_line(reader);
        }
        result = fill(reader);
        if (result != RECORDING_OK) {
            return result;
        }
    }
    if (newline == NULL && reader->start == reader->end) {
        return RECORDING_END;
    }
    reader->text = reader->buffer + reader->start;
    reader->text_length = newline != NULL ? (size_t)(newline - reader->text) : searched;
    if (reader->text_length > 0 && reader->text[reader->text_length - 1] == '\r') {
        reader->text_length--;
    }
    if (reader->text_length > RECORDING_MAX_LINE) {
        return skip_line(reader);
    }
    reader->start = newline != NULL ? (size_t)(newline - reader->buffer) + 1 : reader->end;
    reader->line++;
    return RECORDING_OK;
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* The next line that holds anything. */
static enum recording_result next_text(struct recording *reader)
{
    enum recording_result result;

    if (reader->pending) {
        reader->pending = false;
        return RECORDING_OK;
    }
    do {
        result = next_line(reader);
    } while (result == RECORDING_OK && is_blank(reader->text, reader->text_length));
    return result;
}

/* ---- syntax ----------------------------------------------------------------------------- */

/* Characters, not bytes: what an editor shows. */
static int characters(const char *text, size_t length)
{
    int count = 0;

    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

/* What jansson complains of, in our order. */
struct complaint {
    char found[JSON_ERROR_TEXT_LENGTH];
    char expected[JSON_ERROR_TEXT_LENGTH];
    int column;
};

/* jansson says "WHAT near 'TOKEN'", and its column is that of the token's last character. Tokens
 * longer than 20 characters are left out. */
static void split_complaint(const struct recording *reader, const json_error_t *error,
                            struct complaint *c)
{
    const char *near = strstr(error->text, " near ");
    size_t what = near != NULL ? (size_t)(near - error->text) : strlen(error->text);
    const char *expected = strstr(error->text, " expected");

    c->column = error->column;
    if (near == NULL) {
        snprintf(c->found, sizeof c->found, "%.*s", (int)what, error->text);
    } else if (near[6] == '\'') {
        snprintf(c->found, sizeof c->found, "%s", near + 6);
        c->column -= characters(c->found, strlen(c->found)) - 3;
    }
    if (json_error_code(error) == json_error_premature_end_of_input ||
        (near != NULL && near[6] != '\'')) {
        snprintf(c->found, sizeof c->found, "the end of the line");
        c->column = characters(reader->text, reader->text_length) + 1;
    }
    c->column = c->column > 0 ? c->column : 1;
    what = expected != NULL ? (size_t)(expected - error->text) : 0;
    snprintf(c->expected, sizeof c->expected, "%.*s", (int)what, error->text);
}

static void syntax_error(struct recording *reader, const json_error_t *error)
{
    struct complaint c = { .column = 1 };
    size_t used;

    split_complaint(reader, error, &c);
    used = strlen(c.found);
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        if (strncmp(c.found, "dup", 3) == 0) {
            used = (size_t)snprintf(c.found, sizeof c.found, "a key that ends here");
        }
        snprintf(c.found + used, sizeof c.found - used, " a second time");
        snprintf(c.expected, sizeof c.expected, "each key once");
        break;
    case json_error_numeric_overflow:
        snprintf(c.expected, sizeof c.expected,
                 "an integer below 2^53, or \"0x...\" for a larger one");
        break;
    case json_error_invalid_utf8:
        if (strncmp(error->text, "unable to decode ", 17) == 0) {
            snprintf(c.found, sizeof c.found, "%.9s", error->text + 17);
            c.column = error->column + 1; /* the character after the last good one */
        }
        snprintf(c.expected, sizeof c.expected, "UTF-8");
        break;
    case json_error_end_of_input_expected:
        snprintf(c.expected, sizeof c.expected, "the end of the line");
        break;
    case json_error_null_character:
        snprintf(c.found, sizeof c.found, "\\u0000");
        snprintf(c.expected, sizeof c.expected, "a string without it");
        break;
    default: break;
    }
    set_error(reader, "%s:%" PRIu64 ":%d: found %s, expected %s", reader->name, reader->line,
              c.column, c.found, c.expected[0] != '\0' ? c.expected : "valid JSON");
}

/* The current line as a JSON object; the caller owns it. NULL with a message. */
static json_t *parse_line(struct recording *reader)
{
    json_error_t error;
    json_t *object;
    const char *nul = memchr(reader->text, '\0', reader->text_length);

    if (nul != NULL) {
        set_error(reader, "%s:%" PRIu64 ":%d: found a NUL byte, expected text", reader->name,
                  reader->line, characters(reader->text, (size_t)(nul - reader->text)) + 1);
        return NULL;
    }
    object = json_loadb(reader->text, reader->text_length, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        syntax_error(reader, &error);
        return NULL;
    }
    if (!json_is_object(object)) {
        set_error(reader, "%s:%" PRIu64 ":1: found an array, expected an object", reader->name,
                  reader->line);
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- the reader ------------------------------------------------------------------------- */

/* Files that some editors write and that look right on a screen. */
static bool refuse_byte_order_mark(struct recording *reader)
{
    const unsigned char *bytes = (const unsigned char *)reader->text;
    size_t length = reader->text_length;
    const char *found = NULL;

    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        found = "a UTF-8 byte order mark";
    } else if (length >= 2 &&
               (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0)) {
        found = "UTF-16";
    }
    if (found == NULL) {
        return true;
    }
    set_error(reader,
              "%s:1:1: found %s, expected UTF-8 without a mark: save the file as plain UTF-8",
              reader->name, found);
    return false;
}

/* Look at the first line; take it if it is the header, else leave it for recording_next(). */
static bool read_header(struct recording *reader)
{
    enum recording_result result = next_line(reader);
    json_t *object;
    bool ok = true;

    if (result == RECORDING_OK && !refuse_byte_order_mark(reader)) {
        return false;
    }
    if (result == RECORDING_OK && is_blank(reader->text, reader->text_length)) {
        result = next_text(reader);
    }
    if (result != RECORDING_OK) {
        return result == RECORDING_END;
    }
    object = parse_line(reader);
    if (object == NULL || json_object_get(object, "recording") == NULL) {
        reader->pending = true;
    } else {
        struct recording_place_in_file at = { .file = reader->name,
                                              .line = reader->line,
                                              .error = reader->error,
                                              .error_size = sizeof reader->error };

        ok = recording_decode_header(&at, object, &reader->header);
    }
    json_decref(object);
    return ok;
}

struct recording *recording_open_stream(FILE *stream, const char *name, char *error,
                                        size_t error_size)
{
    struct recording *reader = calloc(1, sizeof *reader);
    bool ok = reader != NULL;

    if (ok) {
        reader->stream = stream;
        reader->name = strdup(name);
        ok = reader->name != NULL;
    }
    if (!ok) {
        snprintf(error, error_size, "%s: out of memory", name);
        fclose(stream);
        free(reader);
        return NULL;
    }
    if (!read_header(reader)) {
        snprintf(error, error_size, "%s", reader->error);
        recording_close(reader);
        return NULL;
    }
    return reader;
}

struct recording *recording_open(const char *path, char *error, size_t error_size)
{
    FILE *stream;

    if (strcmp(path, "-") == 0) {
        return recording_open_stream(stdin, "<stdin>", error, error_size);
    }
    stream = fopen(path, "rb");
    if (stream == NULL) {
        snprintf(error, error_size, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    return recording_open_stream(stream, path, error, error_size);
}

void recording_close(struct recording *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->stream != stdin) {
        fclose(reader->stream);
    }
    recording_extras_clear(&reader->header.extras);
    free(reader->buffer);
    free(reader->name);
    free(reader);
}

enum recording_result recording_next(struct recording *reader, struct recording_record *record)
{
    enum recording_result result = next_text(reader);
    struct recording_place_in_file at = { .file = reader->name,
                                          .line = reader->line,
                                          .error = reader->error,
                                          .error_size = sizeof reader->error };
    json_t *object;

    if (result != RECORDING_OK) {
        return result;
    }
    object = parse_line(reader);
    if (object == NULL) {
        return RECORDING_BAD;
    }
    recording_record_reset(record);
    record->line = reader->line;
    if (!recording_decode_record(&at, object, record)) {
        result = at.out_of_memory ? RECORDING_BROKEN : RECORDING_BAD;
    } else if (record->t_ns < reader->last_t_ns) {
        set_error(reader,
                  "%s:%" PRIu64 ": t_ns: found %" PRIu64 ", expected at least %" PRIu64
                  " (time never decreases)",
                  reader->name, reader->line, record->t_ns, reader->last_t_ns);
        result = RECORDING_BAD;
    } else {
        reader->last_t_ns = record->t_ns;
    }
    json_decref(object);
    return result;
}

const char *recording_error(const struct recording *reader)
{
    return reader->error;
}

const struct recording_header *recording_header(const struct recording *reader)
{
    return &reader->header;
}

bool recording_preload_default(const struct recording *reader)
{
    return !reader->header.has_epoch;
}

struct recording_position recording_tell(const struct recording *reader)
{
    /* a line that was only looked at is still unread */
    size_t unread = reader->pending ? (size_t)(reader->text - reader->buffer) : reader->start;

    return (struct recording_position){ .offset = reader->offset + unread,
                                        .line = reader->line - (reader->pending ? 1 : 0),
                                        .last_t_ns = reader->last_t_ns };
}

bool recording_seek(struct recording *reader, const struct recording_position *position)
{
    if (fseeko(reader->stream, (off_t)position->offset, SEEK_SET) != 0) {
        set_error(reader, "%s: cannot go to byte %" PRIu64 ": %s", reader->name, position->offset,
                  strerror(errno));
        return false;
    }
    reader->offset = position->offset;
    reader->start = 0;
    reader->end = 0;
    reader->at_end = false;
    reader->pending = false;
    reader->line = position->line;
    reader->last_t_ns = position->last_t_ns;
    return true;
}
