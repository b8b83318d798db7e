/* Inputs of a run: captures and recordings, read from their files as the run goes on, or decoded once before
 * and shared by many runs.
 *
 * What is decoded before lies in one block that is read-only from inputs_seal() on, so that processes made by
 * fork() share it and its memory does not grow with their number. A reader gives the same packets, records and
 * messages either way. */
#ifndef ESPNIC_CLI_INPUTS_H
#define ESPNIC_CLI_INPUTS_H

#include "traces/capture.h"
#include "traces/recording.h"

struct inputs;

/* `limit`: bytes that may be kept. NULL: no address space for as much. */
struct inputs *inputs_create(uint64_t limit);
void inputs_destroy(struct inputs *inputs); /* NULL is allowed */

/* Decode a file, unless that was done (for a capture: with this filter). What does not fit is not kept:
 * readers open the file. False with a message if a capture is damaged, a file cannot be opened, or what does
 * not fit comes from the standard input. A damaged record of a recording is kept as such. */
bool inputs_add_capture(struct inputs *inputs, const char *path, const char *filter, char *error,
                        size_t error_size);
bool inputs_add_recording(struct inputs *inputs, const char *path, char *error, size_t error_size);

/* Nothing is added any more. */
void inputs_seal(struct inputs *inputs);

uint64_t inputs_bytes(const struct inputs *inputs);    /* kept */
unsigned inputs_streamed(const struct inputs *inputs); /* files that did not fit */

/* ---- packets ------------------------------------------------------------------------------------ */

/* The earliest stamp of a capture's packets, as capture_earliest(); `inputs` may be NULL. */
enum capture_result inputs_earliest(const struct inputs *inputs, const char *path,
                                    const char *filter, uint64_t *time_ns, char *error,
                                    size_t error_size);

struct packet_reader;

/* As capture_open(), capture_next(), capture_rewind(), capture_error(). `inputs` may be NULL. */
struct packet_reader *packet_reader_open(const struct inputs *inputs, const char *path,
                                         const char *filter, char *error, size_t error_size);
void packet_reader_close(struct packet_reader *reader); /* NULL is allowed */
enum capture_result packet_reader_next(struct packet_reader *reader, struct capture_packet *packet);
bool packet_reader_rewind(struct packet_reader *reader);
const char *packet_reader_error(const struct packet_reader *reader);

/* ---- records ------------------------------------------------------------------------------------ */

struct record_reader;

/* As recording_open(), recording_next(), recording_error(). `inputs` may be NULL. The record belongs to the
 * reader and is valid until the next call; decoded before it is without extras. */
struct record_reader *record_reader_open(const struct inputs *inputs, const char *path, char *error,
                                         size_t error_size);
void record_reader_close(struct record_reader *reader); /* NULL is allowed */
enum recording_result record_reader_next(struct record_reader *reader,
                                         const struct recording_record **record);
const char *record_reader_error(const struct record_reader *reader);
const struct recording_header *record_reader_header(const struct record_reader *reader);

#endif
