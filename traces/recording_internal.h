/* What the parts of the recording reader and writer share. Not for others. */
#ifndef ESPNIC_TRACES_RECORDING_INTERNAL_H
#define ESPNIC_TRACES_RECORDING_INTERNAL_H

#include "traces/recording.h"

#include <jansson.h>

struct recording_name {
    const char *name;
    uint32_t value;
};

/* Ended by a NULL name. The first name of a value is the canonical one. */
extern const struct recording_name recording_kind_names[];
extern const struct recording_name recording_status_names[];
extern const struct recording_name recording_udp_names[];

const char *recording_name_of(const struct recording_name *names, uint32_t value);

/* Where messages go and where they say they are from. */
struct recording_place_in_file {
    const char *file;
    uint64_t line;
    char *error;
    size_t error_size;
    bool out_of_memory; /* set by the decoder when that is why it failed */
};

/* Decode a parsed line. False with a message. `record` may be half filled then. */
bool recording_decode_record(struct recording_place_in_file *at, json_t *object,
                             struct recording_record *record);
bool recording_decode_header(struct recording_place_in_file *at, json_t *object,
                             struct recording_header *header);

/* Forget the content, keep the arrays. */
void recording_record_reset(struct recording_record *record);
void recording_extras_clear(struct recording_extras *extras);

/* Room for `wanted` items; false when memory runs out. The array doubles. */
bool recording_reserve(void **items, size_t *capacity, size_t wanted, size_t item_size);

#endif
