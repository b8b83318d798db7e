/* Any bytes as a recording. What reads well must write, and what was written must read and write to
 * the same bytes again. The rule checker sees every record. */
#include "traces/recording.h"
#include "traces/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all of `data`; the good records, written. Bad lines are passed over, as --skip-bad does. */
static char *rewrite(const uint8_t *data, size_t size, size_t *out_size, unsigned *bad)
{
    char error[RECORDING_ERROR_SIZE];
    FILE *stream = size > 0 ? fmemopen((void *)data, size, "rb") : NULL;
    struct recording *reader =
        stream != NULL ? recording_open_stream(stream, "fuzz", error, sizeof error) : NULL;
    struct rules *rules = rules_create(NULL, NULL, NULL);
    struct recording_record record = { 0 };
    struct recording_writer *writer;
    enum recording_result result;
    char *out = NULL;

    if (reader == NULL || rules == NULL) {
        recording_close(reader);
        rules_destroy(rules);
        return NULL;
    }
    writer = recording_writer_open_stream(open_memstream(&out, out_size), "out",
                                          recording_header(reader), error, sizeof error);
    while ((result = recording_next(reader, &record)) != RECORDING_END) {
        if (result == RECORDING_BROKEN) {
            abort();
        }
        if (result == RECORDING_BAD) {
            /* every message tells where */
            if (strncmp(recording_error(reader), "fuzz:", 5) != 0) {
                abort();
            }
            ++*bad;
            continue;
        }
        if (!rules_check(rules, &record) || !recording_write(writer, &record)) {
            abort();
        }
    }
    if (!recording_writer_close(writer, error, sizeof error)) {
        abort();
    }
    recording_record_free(&record);
    recording_close(reader);
    rules_destroy(rules);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first_size = 0;
    size_t second_size = 0;
    unsigned bad = 0;
    char *first = rewrite(data, size, &first_size, &bad);
    char *second;

    if (first == NULL) {
        return 0;
    }
    bad = 0;
    second = rewrite((const uint8_t *)first, first_size, &second_size, &bad);
    if (bad != 0 || (second == NULL) != (first_size == 0) ||
        (second != NULL && (first_size != second_size || memcmp(first, second, first_size) != 0))) {
        abort();
    }
    free(second);
    free(first);
    return 0;
}
