#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/must.h"

/* A packet in the block, followed by its bytes, filled up to the next. */
struct stored_packet {
    uint64_t time_ns;
    uint64_t record : 63, synthesised : 1;
    uint32_t captured, length;
    uint8_t bytes[];
};

/* What recording_next() gave; its arrays follow in the block, then the next. */
struct stored_record {
    enum recording_result result;
    size_t size; /* of all that belongs to it */
    struct recording_record record;
    char error[]; /* result is RECORDING_BAD or RECORDING_BROKEN */
};

enum { ALIGNMENT = 16 };
_Static_assert(_Alignof(struct stored_record) <= ALIGNMENT &&
                   _Alignof(struct esp_node) <= ALIGNMENT,
               "what is in the block must be aligned");

struct stored {
    char *path, *filter; /* filter NULL: a recording */
    bool streamed;       /* not in the block */
    size_t begin, end;   /* in the block */
    bool any;
    uint64_t earliest_ns; /* of a capture with any packet */
    struct recording_header header;
};

struct inputs {
    uint8_t *block;
    size_t used, size;
    struct stored *stored;
    size_t count;
};

/* ---- the block ------------------------------------------------------------------------------------ */

/* Pages come as they are used. They are shared and not copied on a write: nobody writes, and a fork need not
 * copy tables of pages. */
struct inputs *inputs_create(uint64_t limit)
{
    struct inputs *in = must(calloc(1, sizeof *in));

    in->size = limit > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)limit;
    if (in->size) {
        in->block = mmap(NULL, in->size, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (in->block == MAP_FAILED) {
        free(in);
        return NULL;
    }
    return in;
}

void inputs_destroy(struct inputs *in)
{
    if (!in) {
        return;
    }
    for (size_t i = 0; i < in->count; i++) {
        free(in->stored[i].path);
        free(in->stored[i].filter);
    }
    free(in->stored);
    if (in->block) {
        munmap(in->block, in->size);
    }
    free(in);
}

/* NULL: it does not fit. */
static void *place(struct inputs *in, size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *at;

    if (rounded > in->size - in->used) {
        return NULL;
    }
    at = in->block + in->used;
    in->used += rounded;
    return at;
}

/* A copy of an array in the block; *ok becomes false if it does not fit. */
static void *place_copy(struct inputs *in, const void *from, size_t bytes, bool *ok)
{
    void *at = bytes && *ok ? place(in, bytes) : NULL;

    *ok = *ok && (at || !bytes);
    if (at) {
        memcpy(at, from, bytes);
    }
    return at;
}

void inputs_seal(struct inputs *in)
{
    if (in->block) {
        mprotect(in->block, in->size, PROT_READ);
    }
}

uint64_t inputs_bytes(const struct inputs *in)
{
    return in->used;
}

unsigned inputs_streamed(const struct inputs *in)
{
    unsigned n = 0;

    for (size_t i = 0; i < in->count; i++) {
        n += in->stored[i].streamed;
    }
    return n;
}

static struct stored *find(const struct inputs *in, const char *path, const char *filter)
{
    for (size_t i = 0; in && i < in->count; i++) {
        struct stored *s = &in->stored[i];

        if (!strcmp(s->path, path) && !s->filter == !filter &&
            (!filter || !strcmp(s->filter, filter))) {
            return s;
        }
    }
    return NULL;
}

/* A capture has a filter, if only an empty one. */
static struct stored *find_capture(const struct inputs *in, const char *path, const char *filter)
{
    return find(in, path, filter ? filter : "");
}

static struct stored *add(struct inputs *in, const char *path, const char *filter)
{
    struct stored *s;

    in->stored = must(realloc(in->stored, (in->count + 1) * sizeof *in->stored));
    s = &in->stored[in->count++];
    *s = (struct stored){ .path = must(strdup(path)),
                          .filter = filter ? must(strdup(filter)) : NULL,
                          .begin = in->used };
    return s;
}

/* What has been kept of it so far is given up: readers will open the file. */
static void give_up(struct inputs *in, struct stored *s)
{
    in->used = s->begin;
    s->streamed = true;
}

static bool cannot_stream(const struct stored *s, char *error, size_t error_size)
{
    if (!s->streamed || strcmp(s->path, "-") != 0) {
        return false;
    }
    snprintf(
        error, error_size,
        "<stdin>: found more than fits, expected a file or more room: it cannot be read twice");
    return true;
}

/* ---- decoding -------------------------------------------------------------------------------------- */

static bool keep_packet(struct inputs *in, const struct capture_packet *p)
{
    struct stored_packet *to = place(in, sizeof *to + p->captured);

    if (!to) {
        return false;
    }
    to->time_ns = p->time_ns;
    to->record = p->record & (UINT64_MAX >> 1);
    to->synthesised = p->synthesised;
    to->captured = p->captured;
    to->length = p->length;
    if (p->captured) {
        memcpy(to->bytes, p->bytes, p->captured);
    }
    return true;
}

bool inputs_add_capture(struct inputs *in, const char *path, const char *filter, char *error,
                        size_t error_size)
{
    struct capture *capture;
    struct capture_packet p;
    struct stored *s;
    enum capture_result result;

    if (find_capture(in, path, filter)) {
        return true;
    }
    capture = capture_open(path, filter, error, error_size);
    if (!capture) {
        return false;
    }
    s = add(in, path, filter ? filter : "");
    while ((result = capture_next(capture, &p)) == CAPTURE_OK) {
        if (!s->any || p.time_ns < s->earliest_ns) {
            s->earliest_ns = p.time_ns;
        }
        s->any = true;
        if (!s->streamed && !keep_packet(in, &p)) {
            give_up(in, s);
        }
    }
    s->end = in->used;
    if (result == CAPTURE_BROKEN) {
        snprintf(error, error_size, "%s", capture_error(capture));
    }
    capture_close(capture);
    return result == CAPTURE_END && !cannot_stream(s, error, error_size);
}

/* The record with its arrays; extras are for conversions, not for runs. */
static bool keep_record(struct inputs *in, enum recording_result result,
                        const struct recording_record *r, const char *message)
{
    size_t begin = in->used;
    size_t text = result == RECORDING_OK ? 0 : strlen(message) + 1;
    struct stored_record *to = place(in, sizeof *to + text);
    bool ok = to != NULL;

    if (!ok) {
        return false;
    }
    memset(to, 0, sizeof *to);
    to->result = result;
    memcpy(to->error, message, text);
    if (result == RECORDING_OK) {
        to->record = *r;
        to->record.nodes = place_copy(in, r->nodes, r->node_count * sizeof *r->nodes, &ok);
        to->record.handles = place_copy(in, r->handles, r->handle_count * sizeof *r->handles, &ok);
        to->record.raw = place_copy(in, r->raw, r->raw_length, &ok);
        to->record.extras = (struct recording_extras){ 0 };
    }
    to->size = in->used - begin;
    return ok;
}

bool inputs_add_recording(struct inputs *in, const char *path, char *error, size_t error_size)
{
    struct recording *recording;
    struct recording_record r = { 0 };
    struct stored *s;
    enum recording_result result;

    if (find(in, path, NULL)) {
        return true;
    }
    recording = recording_open(path, error, error_size);
    if (!recording) {
        return false;
    }
    s = add(in, path, NULL);
    s->header = *recording_header(recording);
    s->header.extras = (struct recording_extras){ 0 };
    do {
        result = recording_next(recording, &r);
        if (result != RECORDING_END &&
            !keep_record(in, result, &r,
                         result == RECORDING_OK ? "" : recording_error(recording))) {
            give_up(in, s);
        }
    } while (!s->streamed && (result == RECORDING_OK || result == RECORDING_BAD));
    s->end = in->used;
    recording_record_free(&r);
    recording_close(recording);
    return !cannot_stream(s, error, error_size);
}

/* ---- packets --------------------------------------------------------------------------------------- */

struct packet_reader {
    struct capture *capture; /* NULL: decoded before */
    const uint8_t *begin, *at, *end;
};

enum capture_result inputs_earliest(const struct inputs *in, const char *path, const char *filter,
                                    uint64_t *time_ns, char *error, size_t error_size)
{
    const struct stored *s = find_capture(in, path, filter);

    if (!s) {
        return capture_earliest(path, filter, time_ns, error, error_size);
    }
    *time_ns = s->earliest_ns;
    return s->any ? CAPTURE_OK : CAPTURE_END;
}

struct packet_reader *packet_reader_open(const struct inputs *in, const char *path,
                                         const char *filter, char *error, size_t error_size)
{
    const struct stored *s = find_capture(in, path, filter);
    struct packet_reader *reader = must(calloc(1, sizeof *reader));

    if (s && !s->streamed) {
        reader->begin = reader->at = in->block + s->begin;
        reader->end = in->block + s->end;
        return reader;
    }
    reader->capture = capture_open(path, filter, error, error_size);
    if (!reader->capture) {
        free(reader);
        return NULL;
    }
    return reader;
}

void packet_reader_close(struct packet_reader *reader)
{
    if (reader) {
        capture_close(reader->capture);
        free(reader);
    }
}

enum capture_result packet_reader_next(struct packet_reader *reader, struct capture_packet *packet)
{
    const struct stored_packet *p = (const void *)reader->at;

    if (reader->capture) {
        return capture_next(reader->capture, packet);
    }
    if (reader->at == reader->end) {
        return CAPTURE_END;
    }
    *packet = (struct capture_packet){ .bytes = p->bytes,
                                       .captured = p->captured,
                                       .length = p->length,
                                       .time_ns = p->time_ns,
                                       .record = p->record,
                                       .synthesised = p->synthesised };
    reader->at += (sizeof *p + p->captured + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return CAPTURE_OK;
}

bool packet_reader_rewind(struct packet_reader *reader)
{
    reader->at = reader->begin;
    return !reader->capture || capture_rewind(reader->capture);
}

const char *packet_reader_error(const struct packet_reader *reader)
{
    return reader->capture ? capture_error(reader->capture) : "";
}

/* ---- records --------------------------------------------------------------------------------------- */

struct record_reader {
    struct recording *recording; /* NULL: decoded before */
    struct recording_record own;
    const struct stored *stored;
    const uint8_t *at, *end;
    const char *error; /* of the record before `at` */
};

struct record_reader *record_reader_open(const struct inputs *in, const char *path, char *error,
                                         size_t error_size)
{
    const struct stored *s = find(in, path, NULL);
    struct record_reader *reader = must(calloc(1, sizeof *reader));

    if (s && !s->streamed) {
        reader->stored = s;
        reader->at = in->block + s->begin;
        reader->end = in->block + s->end;
        reader->error = "";
        return reader;
    }
    reader->recording = recording_open(path, error, error_size);
    if (!reader->recording) {
        free(reader);
        return NULL;
    }
    return reader;
}

void record_reader_close(struct record_reader *reader)
{
    if (reader) {
        recording_record_free(&reader->own);
        recording_close(reader->recording);
        free(reader);
    }
}

enum recording_result record_reader_next(struct record_reader *reader,
                                         const struct recording_record **record)
{
    const struct stored_record *r = (const void *)reader->at;

    if (reader->recording) {
        *record = &reader->own;
        return recording_next(reader->recording, &reader->own);
    }
    if (reader->at == reader->end) {
        return RECORDING_END;
    }
    *record = &r->record;
    reader->error = r->error;
    if (r->result != RECORDING_BROKEN) { /* from there on it is broken */
        reader->at += r->size;
    }
    return r->result;
}

const char *record_reader_error(const struct record_reader *reader)
{
    return reader->recording ? recording_error(reader->recording) : reader->error;
}

const struct recording_header *record_reader_header(const struct record_reader *reader)
{
    return reader->recording ? recording_header(reader->recording) : &reader->stored->header;
}
