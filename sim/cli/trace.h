/* The parts of `espnic trace`: one function a verb, called with argv[0] = the verb. They return the
 * exit status of the program (cli/options.h). */
#ifndef ESPNIC_CLI_TRACE_H
#define ESPNIC_CLI_TRACE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

int trace_info(int argc, char **argv);
int trace_check(int argc, char **argv);
int trace_mrc(int argc, char **argv);

enum trace_kind { TRACE_NEITHER, TRACE_RECORDING, TRACE_CAPTURE };

/* What a file is, by its first bytes (an empty one by its name). TRACE_NEITHER comes with a message
 * in `error`. */
enum trace_kind trace_kind(const char *path, char *error, size_t error_size);

/* What is in a file, as the JSON that --json prints. NULL with a message in `error` when the file
 * cannot be read to its end. The caller owns the result. */
json_t *trace_info_recording(const char *path, char *error, size_t error_size);
json_t *trace_info_capture(const char *path, const char *filter, char *error, size_t error_size);

/* A number: an integer, from 2^53 on a string "0x...", as in recordings. */
json_t *trace_number(uint64_t value);

#endif
