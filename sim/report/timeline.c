#include "report/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { PROCESS = 1 };

bool timeline_open(struct timeline *t, const char *path, uint64_t from, uint64_t to,
                   uint64_t max_events, char *error, size_t error_size)
{
    memset(t, 0, sizeof *t);
    t->from = from;
    t->to = to == 0 ? UINT64_MAX : to;
    t->max_events = max_events == 0 ? UINT64_MAX : max_events;
    t->first = true;
    t->file = fopen(path, "w");
    if (t->file == NULL) {
        snprintf(error, error_size, "%s: cannot write: %s", path, strerror(errno));
        return false;
    }
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", t->file);
    return true;
}

/* JSON text; control characters as \u00XX. */
static void write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fputc('\\', file);
            fputc(c, file);
        } else if (c < 0x20) {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
    fputc('"', file);
}

/* `,"key":12.345` from whole nanoseconds. */
static void write_us(FILE *file, const char *key, uint64_t ns)
{
    fprintf(file, ",\"%s\":%" PRIu64 ".%03" PRIu64, key, ns / 1000, ns % 1000);
}

static void begin_event(struct timeline *t, const char *phase)
{
    fprintf(t->file, "%s\n{\"ph\":\"%s\",\"pid\":%d", t->first ? "" : ",", phase, PROCESS);
    t->first = false;
}

/* Room for one more event within the window? */
static bool admit(struct timeline *t, uint64_t begin, uint64_t end)
{
    if (!timeline_wants(t, begin, end)) {
        return false;
    }
    if (t->events == t->max_events) {
        t->left_out++;
        return false;
    }
    t->events++;
    return true;
}

uint32_t timeline_thread(struct timeline *t, const char *name)
{
    uint32_t thread = ++t->threads;
    if (t->file != NULL) {
        begin_event(t, "M");
        fprintf(t->file,
                ",\"tid\":%" PRIu32 ",\"name\":\"thread_name\",\"args\":{\"name\":", thread);
        write_string(t->file, name);
        fputs("}}", t->file);
        begin_event(t, "M");
        fprintf(t->file,
                ",\"tid\":%" PRIu32
                ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRIu32 "}}",
                thread, thread);
    }
    return thread;
}

void timeline_span(struct timeline *t, uint32_t thread, const char *name, uint64_t begin,
                   uint64_t end, uint64_t packet, uint32_t bytes)
{
    if (!admit(t, begin, end)) {
        return;
    }
    begin_event(t, "X");
    fprintf(t->file, ",\"tid\":%" PRIu32 ",\"name\":", thread);
    write_string(t->file, name);
    write_us(t->file, "ts", begin / 1000);
    write_us(t->file, "dur", end / 1000 - begin / 1000);
    fprintf(t->file, ",\"args\":{\"packet\":%" PRIu64, packet);
    if (bytes != 0) {
        fprintf(t->file, ",\"bytes\":%" PRIu32, bytes);
    }
    fputs("}}", t->file);
}

void timeline_flow(struct timeline *t, uint32_t thread, enum timeline_phase phase, uint64_t at,
                   uint64_t packet)
{
    static const char *const letters[] = { "s", "t", "f" };
    if (!admit(t, at, at)) {
        return;
    }
    begin_event(t, letters[phase]);
    fprintf(t->file, ",\"tid\":%" PRIu32 ",\"cat\":\"packet\",\"name\":\"packet\",\"id\":%" PRIu64,
            thread, packet);
    write_us(t->file, "ts", at / 1000);
    /* The end binds to the span that encloses it, not to the next one. */
    fputs(phase == TIMELINE_FINISH ? ",\"bp\":\"e\"}" : "}", t->file);
}

void timeline_counter(struct timeline *t, const char *name, uint64_t at, uint64_t value)
{
    if (!admit(t, at, at)) {
        return;
    }
    begin_event(t, "C");
    fputs(",\"name\":", t->file);
    write_string(t->file, name);
    write_us(t->file, "ts", at / 1000);
    fprintf(t->file, ",\"args\":{\"value\":%" PRIu64 "}}", value);
}

void timeline_mark(struct timeline *t, uint32_t thread, const char *name, uint64_t at,
                   uint64_t packet)
{
    if (!admit(t, at, at)) {
        return;
    }
    begin_event(t, "i");
    fprintf(t->file, ",\"tid\":%" PRIu32 ",\"s\":\"t\",\"name\":", thread);
    write_string(t->file, name);
    write_us(t->file, "ts", at / 1000);
    fprintf(t->file, ",\"args\":{\"packet\":%" PRIu64 "}}", packet);
}

bool timeline_close(struct timeline *t, char *error, size_t error_size)
{
    if (t->file == NULL) {
        return true;
    }
    fprintf(t->file, "\n],\"otherData\":{\"left_out\":\"%" PRIu64 "\"}}\n", t->left_out);
    errno = 0;
    bool good = !ferror(t->file);
    good = fclose(t->file) == 0 && good;
    if (!good) {
        snprintf(error, error_size, "cannot write the timeline: %s",
                 strerror(errno == 0 ? EIO : errno));
    }
    t->file = NULL;
    return good;
}
