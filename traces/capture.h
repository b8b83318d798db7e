/* Packet captures: a streaming reader of pcap and pcapng (through libpcap), a writer, a merge.
 *
 * Every packet is handed up as an Ethernet frame without FCS. Captures of another link type get a
 * fixed 14-byte header (CAPTURE_DST_MAC, CAPTURE_SRC_MAC, EtherType) in place of what they had:
 *
 *   Ethernet                  as it is, no copy
 *   raw IP (RAW, IPV4, IPV6)  header put in front; EtherType from the IP version, 0xffff if that is
 *                             neither 4 nor 6
 *   Linux cooked (SLL, SLL2)  header in the place of the cooked one; EtherType is its protocol
 *                             field, for the pseudo protocols 1 and 4 (802.3) the payload's length
 *
 * Any other link type is refused by name. Lengths are those of the Ethernet frame. */
#ifndef ESPNIC_TRACES_CAPTURE_H
#define ESPNIC_TRACES_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CAPTURE_MAX_LENGTH = 262144 }; /* bytes; a longer record is damage */
enum { CAPTURE_ETHERNET_HEADER = 14 };
enum { CAPTURE_ERROR_SIZE = 1024 };

/* Addresses of the synthesised header: locally administered and fixed: output is reproducible. */
#define CAPTURE_DST_MAC "\x02\x00\x00\x00\x00\x02"
#define CAPTURE_SRC_MAC "\x02\x00\x00\x00\x00\x01"

struct capture_packet {
    const uint8_t *bytes; /* the frame; valid until the next call on the same capture */
    uint32_t captured;    /* bytes present; 0 if the record is shorter than its link header */
    uint32_t length;      /* true length; captured < length: cut short by the capture */
    uint64_t time_ns;     /* since 1970; may go backwards */
    uint64_t record;      /* number in the file, from 1, counted before the filter */
    bool synthesised;     /* the first 14 bytes are ours */
};

enum capture_result {
    CAPTURE_BROKEN = -1, /* damaged or unreadable from here on: capture_error() */
    CAPTURE_END = 0,
    CAPTURE_OK = 1
};

struct capture;

/* Open a pcap or pcapng file. `filter` is a BPF expression (libpcap syntax), on the file's own link
 * type; NULL or
 * "" takes all. "-" is the standard input. NULL on failure, with "file: ..." in `error`. */
struct capture *capture_open(const char *path, const char *filter, char *error, size_t error_size);

/* The same on an open stream, which capture_close() closes. It cannot be rewound. */
struct capture *capture_open_stream(FILE *stream, const char *name, const char *filter, char *error,
                                    size_t error_size);

void capture_close(struct capture *capture); /* NULL is allowed */

enum capture_result capture_next(struct capture *capture, struct capture_packet *packet);

/* "file: record N: ..."; valid until the next call on the capture. */
const char *capture_error(const struct capture *capture);

/* Start again at the first packet (--loop). False with capture_error() if the input cannot be read
 * twice. */
bool capture_rewind(struct capture *capture);

/* From wherever it stands to just after record `record` (0 = the start): what a snapshot needs to
 * go on. False with capture_error() if the file has fewer records. */
bool capture_skip_to(struct capture *capture, uint64_t record);

/* Records read so far in this pass, the filtered-out ones included. */
uint64_t capture_record(const struct capture *capture);

/* "EN10MB", "LINUX_SLL", "RAW", ... */
const char *capture_link_type(const struct capture *capture);

/* True for pcapng, false for pcap. */
bool capture_is_pcapng(const struct capture *capture);

/* Time of the earliest packet that passes the filter, by reading the file once (stamps may go
 * backwards). CAPTURE_END if there is none. */
enum capture_result capture_earliest(const char *path, const char *filter, uint64_t *time_ns,
                                     char *error, size_t error_size);

/* ---- merge ------------------------------------------------------------------------------ */

/* Several captures in time order; equal stamps in the order of the array. Each capture's own order
 * is kept, even where its stamps go backwards. */
struct capture_merge;

/* The captures stay the caller's and must outlive the merge. NULL only when memory runs out. */
struct capture_merge *capture_merge_create(struct capture *const *captures, size_t count);
void capture_merge_destroy(struct capture_merge *merge);

/* `*index` is the capture that the packet is from, or the one whose capture_error() tells why it is
 * broken. */
enum capture_result capture_merge_next(struct capture_merge *merge, struct capture_packet *packet,
                                       size_t *index);

/* ---- writer ----------------------------------------------------------------------------- */

/* Nanosecond pcap, Ethernet, little-endian on every machine: the same packets give the same bytes.
 */
struct capture_writer;

struct capture_writer *capture_writer_open(const char *path, char *error,
                                           size_t error_size); /* "-": stdout */
struct capture_writer *capture_writer_open_stream(FILE *stream, const char *name, char *error,
                                                  size_t error_size);

/* `captured` <= `length` <= CAPTURE_MAX_LENGTH; time_ns < 2^32 s. False with the reason kept for
 * close. */
bool capture_write(struct capture_writer *writer, uint64_t time_ns, const uint8_t *bytes,
                   uint32_t captured, uint32_t length);

/* Flush and close. False with a message if anything could not be written. */
bool capture_writer_close(struct capture_writer *writer, char *error, size_t error_size);

#endif
