/* OID recordings, text form (*.jsonl): reader and writer.
 *
 * traces/FORMAT.md defines the form: one JSON object a line, the SA control requests that a host
 * made (NDIS IPsec Offload Version 2) and the events around them. The reader is a stream: it holds
 * one line and one decoded record at a time, so memory does not grow with the file.
 *
 * The reader refuses what the form forbids. It does not judge the host: a request that breaks a
 * rule of the interface (two live nodes of one handle, an UPDATE of an unknown handle, two ESP
 * entries in a node) decodes; traces/rules.h finds those. */
#ifndef ESPNIC_TRACES_RECORDING_H
#define ESPNIC_TRACES_RECORDING_H

#include "esp/sa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Longest line accepted, without its end of line. */
enum { RECORDING_MAX_LINE = 16 << 20 };

/* Room that every error buffer should have; longer messages are cut. */
enum { RECORDING_ERROR_SIZE = 1024 };

enum recording_kind {
    RECORDING_ADD_SA,
    RECORDING_ADD_SA_EX,
    RECORDING_UPDATE_SA,
    RECORDING_DELETE_SA,
    RECORDING_ENCAPSULATION, /* OID_OFFLOAD_ENCAPSULATION; `on` */
    RECORDING_PARAMETERS,    /* OID_TCP_OFFLOAD_PARAMETERS */
    RECORDING_RESET_BEGIN,
    RECORDING_RESET_END,
    RECORDING_LINK,   /* `on` is the member "up" */
    RECORDING_CANCEL, /* of the request `req` */
    RECORDING_KIND_COUNT
};

/* The object that an x_ member was found in. */
enum recording_place {
    RECORDING_IN_RECORD,
    RECORDING_IN_NODE,
    RECORDING_IN_SEL,
    RECORDING_IN_SA,
    RECORDING_IN_LIFETIME,
    RECORDING_IN_ENC,
    RECORDING_IN_AUTH
};

/* One x_ member, kept so that a conversion loses nothing. Text is NUL-terminated. */
struct recording_extra {
    enum recording_place place;
    uint32_t node; /* index, where the place is inside a node */
    uint8_t sa;    /* index, where the place is inside an SA entry */
    char *key;     /* "x_..." */
    char *json;    /* the value, compact JSON */
};

struct recording_extras {
    struct recording_extra *items;
    size_t count;
};

/* One decoded record. Owned by the caller and used again for every recording_next(); arrays grow to
 * the largest record seen. Start from all zero; recording_record_free() at the end. Defaults of
 * absent members are filled in. */
struct recording_record {
    uint64_t line; /* in the file, from 1 */
    uint64_t t_ns; /* when the host issues it, from the start of the recording */
    enum recording_kind kind;

    /* RECORDING_ADD_SA (1 or more), RECORDING_ADD_SA_EX (exactly 1): in chain order. The key
     * material of a node is as given: AES-GCM without its salt has esp_key.length 16, 24 or 32 and
     * a zero salt after it. */
    struct esp_node *nodes;
    size_t node_count, node_capacity;

    /* RECORDING_UPDATE_SA. handle may be 0: a request can be wrong. */
    uint64_t handle;
    enum esp_op op;
    uint32_t spi;
    uint32_t seq_hi;

    /* RECORDING_DELETE_SA: 1 or more, in chain order. */
    uint64_t *handles;
    size_t handle_count, handle_capacity;

    bool on; /* RECORDING_ENCAPSULATION, RECORDING_LINK */

    /* Optional on any record; the card does not use them. */
    bool has_req, has_status, has_done_ns, has_raw;
    uint64_t req;     /* request id */
    uint32_t status;  /* recorded completion status, numeric NDIS_STATUS */
    uint64_t done_ns; /* when it completed, same clock as t_ns */
    uint8_t *raw;     /* bytes that the text form cannot express */
    size_t raw_length, raw_capacity;

    struct recording_extras extras;
};

/* The optional first line. */
struct recording_header {
    bool present;
    bool has_epoch;
    uint64_t epoch_ns; /* absolute time of t = 0 on the clock of the captures, ns since 1970 */
    struct recording_extras extras;
};

struct recording; /* a reader */

/* Open and read the optional first line. NULL on failure, with a message in `error`.
 * "-" is the standard input. */
struct recording *recording_open(const char *path, char *error, size_t error_size);

/* The same on an open stream, which recording_close() closes. `name` appears in messages. */
struct recording *recording_open_stream(FILE *stream, const char *name, char *error,
                                        size_t error_size);

void recording_close(struct recording *reader); /* NULL is allowed */

enum recording_result {
    RECORDING_BROKEN = -2, /* the file cannot be read any further (I/O, memory) */
    RECORDING_BAD = -1,    /* this line is wrong; the next call reads the line after it */
    RECORDING_END = 0,
    RECORDING_OK = 1
};

/* Decode the next record. On RECORDING_BAD and RECORDING_BROKEN, recording_error() says what and
 * where: file:line:column: found ..., expected ...      syntax file:line: key.path: found ...,
 * expected ...   meaning */
enum recording_result recording_next(struct recording *reader, struct recording_record *record);

/* The last message; valid until the next call on the reader. */
const char *recording_error(const struct recording *reader);

const struct recording_header *recording_header(const struct recording *reader);

/* True if SAs added at or before the first packet are to be in place before time starts, unless the
 * user says otherwise: the case where the recording gives no epoch. */
bool recording_preload_default(const struct recording *reader);

/* Where the reader stands, as data (for snapshots). Seeking fails (false, recording_error()) on a
 * stream that cannot seek. */
struct recording_position {
    uint64_t offset; /* of the next unread byte */
    uint64_t line;   /* lines read */
    uint64_t last_t_ns;
};
struct recording_position recording_tell(const struct recording *reader);
bool recording_seek(struct recording *reader, const struct recording_position *position);

void recording_record_free(struct recording_record *record);

/* "ADD_SA", "DELETE_SA", "encapsulation", ... */
const char *recording_kind_name(enum recording_kind kind);

/* True for the four requests, false for events. */
bool recording_is_oid(enum recording_kind kind);

/* "NDIS_STATUS_RESOURCES", or NULL where the number has no name in the table. */
const char *recording_status_name(uint32_t status);

/* ---- writer ----------------------------------------------------------------------------- */

struct recording_writer;

/* Create `path` ("-" is the standard output) and write the first line if `header` is given and
 * present. */
struct recording_writer *recording_writer_open(const char *path,
                                               const struct recording_header *header, char *error,
                                               size_t error_size);

/* The same on an open stream, which recording_writer_close() closes. */
struct recording_writer *recording_writer_open_stream(FILE *stream, const char *name,
                                                      const struct recording_header *header,
                                                      char *error, size_t error_size);

/* One line in canonical form: members in the order of traces/FORMAT.md, absent where they equal the
 * default, hex in lower case, numbers from 2^53 on as "0x...". Reading it back gives an equal
 * record. False on an I/O error (told again by recording_writer_close()). */
bool recording_write(struct recording_writer *writer, const struct recording_record *record);

/* Flush and close. False with a message if anything could not be written. */
bool recording_writer_close(struct recording_writer *writer, char *error, size_t error_size);

#endif
