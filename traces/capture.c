/* Captures: reading through libpcap, merging, writing. See capture.h for what is made of each link
 * type.
 *
 * libpcap reads from our own stream with a large buffer; an Ethernet frame is handed up where
 * libpcap left it. The filter is applied here and not in libpcap, so that record numbers are those
 * of the file. */
#include "traces/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

enum { STREAM_BUFFER = 1 << 20, SLL_HEADER = 16, SLL2_HEADER = 20 };
enum { ETHERTYPE_V4 = 0x0800, ETHERTYPE_V6 = 0x86dd, ETHERTYPE_NEITHER = 0xffff };

struct capture {
    pcap_t *pcap;
    char *path;   /* NULL: a stream, which cannot be opened again */
    char *name;   /* for messages */
    char *filter; /* NULL: all */
    struct bpf_program program;
    bool has_program;
    bool broken;
    bool pcapng;
    int link;            /* DLT_* */
    uint32_t own_header; /* bytes that the 14 of Ethernet replace */
    uint64_t record;
    uint8_t *frame; /* only for link types other than Ethernet */
    char *stream_buffer;
    char error[CAPTURE_ERROR_SIZE];
};

__attribute__((format(printf, 2, 3))) static void set_error(struct capture *capture,
                                                            const char *format, ...)
{
    int used = snprintf(capture->error, sizeof capture->error, "%s: ", capture->name);
    va_list arguments;

    if (used < 0 || (size_t)used >= sizeof capture->error) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(capture->error + used, sizeof capture->error - (size_t)used, format, arguments);
    va_end(arguments);
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool choose_link(struct capture *capture)
{
    const char *name;

    capture->link = pcap_datalink(capture->pcap);
    switch (capture->link) {
    case DLT_EN10MB: return true;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: capture->own_header = 0; break;
    case DLT_LINUX_SLL: capture->own_header = SLL_HEADER; break;
    case DLT_LINUX_SLL2: capture->own_header = SLL2_HEADER; break;
    default:
        name = pcap_datalink_val_to_name(capture->link);
        set_error(capture,
                  "found link type %s (%d), expected EN10MB (Ethernet), RAW, IPV4, IPV6, LINUX_SLL "
                  "or LINUX_SLL2",
                  name != NULL ? name : "without a name", capture->link);
        return false;
    }
    if (capture->frame == NULL) {
        capture->frame = malloc(CAPTURE_MAX_LENGTH + CAPTURE_ETHERNET_HEADER);
    }
    if (capture->frame == NULL) {
        set_error(capture, "out of memory");
        return false;
    }
    memcpy(capture->frame, CAPTURE_DST_MAC, 6);
    memcpy(capture->frame + 6, CAPTURE_SRC_MAC, 6);
    return true;
}

static bool compile_filter(struct capture *capture)
{
    if (capture->filter == NULL) {
        return true;
    }
    if (pcap_compile(capture->pcap, &capture->program, capture->filter, 1, PCAP_NETMASK_UNKNOWN) !=
        0) {
        set_error(capture, "filter \"%s\": %s", capture->filter, pcap_geterr(capture->pcap));
        return false;
    }
    capture->has_program = true;
    return true;
}

/* Say more than libpcap does about files that are no captures at all. */
static bool check_start(struct capture *capture, FILE *stream)
{
    int first = getc(stream);

    if (first == EOF) {
        if (ferror(stream)) {
            set_error(capture, "cannot read: %s", strerror(errno));
        } else {
            set_error(capture, "found an empty file, expected a pcap or pcapng capture");
        }
        return false;
    }
    ungetc(first, stream);
    if (first == 0x1f) {
        set_error(capture,
                  "found compressed data, expected pcap or pcapng: unpack it first (gunzip)");
        return false;
    }
    return true;
}

/* Takes the stream over, also when it fails. */
static bool start(struct capture *capture, FILE *stream)
{
    char message[PCAP_ERRBUF_SIZE] = "";

    if (capture->path != NULL) {
        setvbuf(stream, capture->stream_buffer, _IOFBF, STREAM_BUFFER);
        __fsetlocking(stream, FSETLOCKING_BYCALLER); /* nobody else reads it */
    }
    if (!check_start(capture, stream)) {
        fclose(stream);
        return false;
    }
    capture->pcap =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, message);
    if (capture->pcap == NULL) {
        set_error(capture, "expected a pcap or pcapng capture: %s", message);
        fclose(stream);
        return false;
    }
    /* libpcap tells the version of the file: pcap is 2.x, pcapng 1.x */
    capture->pcapng = pcap_major_version(capture->pcap) == 1;
    return choose_link(capture) && compile_filter(capture);
}

static void stop(struct capture *capture)
{
    if (capture->has_program) {
        pcap_freecode(&capture->program);
        capture->has_program = false;
    }
    if (capture->pcap != NULL) {
        pcap_close(capture->pcap); /* closes the stream */
        capture->pcap = NULL;
    }
}

static struct capture *open_common(FILE *stream, const char *path, const char *name,
                                   const char *filter, char *error, size_t error_size)
{
    struct capture *capture = calloc(1, sizeof *capture);
    bool ok = capture != NULL;

    if (ok) {
        capture->name = strdup(name);
        capture->path = path != NULL ? strdup(path) : NULL;
        capture->filter = filter != NULL && filter[0] != '\0' ? strdup(filter) : NULL;
        capture->stream_buffer = malloc(STREAM_BUFFER);
        ok = capture->name != NULL && (path == NULL || capture->path != NULL) &&
             (filter == NULL || filter[0] == '\0' || capture->filter != NULL) &&
             capture->stream_buffer != NULL;
    }
    if (!ok) {
        snprintf(error, error_size, "%s: out of memory", name);
        fclose(stream);
    } else if (start(capture, stream)) {
        return capture;
    } else {
        snprintf(error, error_size, "%s", capture->error);
    }
    capture_close(capture);
    return NULL;
}

struct capture *capture_open(const char *path, const char *filter, char *error, size_t error_size)
{
    FILE *stream;

    if (strcmp(path, "-") == 0) {
        return open_common(stdin, NULL, "<stdin>", filter, error, error_size);
    }
    stream = fopen(path, "rb");
    if (stream == NULL) {
        snprintf(error, error_size, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    return open_common(stream, path, path, filter, error, error_size);
}

struct capture *capture_open_stream(FILE *stream, const char *name, const char *filter, char *error,
                                    size_t error_size)
{
    return open_common(stream, NULL, name, filter, error, error_size);
}

void capture_close(struct capture *capture)
{
    if (capture == NULL) {
        return;
    }
    stop(capture);
    free(capture->stream_buffer);
    free(capture->frame);
    free(capture->filter);
    free(capture->path);
    free(capture->name);
    free(capture);
}

/* ---- reading ---------------------------------------------------------------------------- */

/* libpcap reads the seconds of a pcap file as signed 32 bits; they are unsigned (good until 2106).
 */
static bool stamp(struct capture *capture, const struct pcap_pkthdr *header, uint64_t *time_ns)
{
    int64_t seconds = header->ts.tv_sec;
    int64_t fraction = header->ts.tv_usec; /* nanoseconds: asked for at opening */

    if (!capture->pcapng) {
        seconds = (int64_t)(uint32_t)seconds;
    }
    if (fraction < 0 || (uint64_t)fraction >= NS_PER_S) {
        set_error(capture,
                  "record %" PRIu64 ": found %" PRId64
                  " ns within a second, expected less than 10^9",
                  capture->record, fraction);
        return false;
    }
    if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / NS_PER_S - 1) {
        set_error(capture,
                  "record %" PRIu64 ": found a time of %" PRId64
                  " s, expected one between 1970 and 2554",
                  capture->record, seconds);
        return false;
    }
    *time_ns = (uint64_t)seconds * NS_PER_S + (uint64_t)fraction;
    return true;
}

static bool check_lengths(struct capture *capture, const struct pcap_pkthdr *header)
{
    if (header->caplen > header->len) {
        set_error(capture,
                  "record %" PRIu64 ": found %u bytes captured of a packet of %u, expected no more "
                  "than the packet",
                  capture->record, header->caplen, header->len);
        return false;
    }
    if (header->len > CAPTURE_MAX_LENGTH) {
        set_error(capture, "record %" PRIu64 ": found a length of %u bytes, expected at most %d",
                  capture->record, header->len, CAPTURE_MAX_LENGTH);
        return false;
    }
    return true;
}

/* EtherType of a packet that had no Ethernet header. */
static uint16_t ether_type(const struct capture *capture, const uint8_t *bytes, uint32_t payload)
{
    uint16_t type;

    switch (capture->link) {
    case DLT_IPV4: return ETHERTYPE_V4;
    case DLT_IPV6: return ETHERTYPE_V6;
    case DLT_LINUX_SLL: type = (uint16_t)(bytes[14] << 8 | bytes[15]); break;
    case DLT_LINUX_SLL2: type = (uint16_t)(bytes[0] << 8 | bytes[1]); break;
    default:
        return bytes[0] >> 4 == 4 ? ETHERTYPE_V4
                                  : (bytes[0] >> 4 == 6 ? ETHERTYPE_V6 : ETHERTYPE_NEITHER);
    }
    /* LINUX_SLL_P_802_3 and LINUX_SLL_P_802_2: a frame whose type field is its length (IEEE
     * 802.3, 3.2.6) */
    return type == 1 || type == 4 ? (uint16_t)(payload < 0x600 ? payload : 0x5ff) : type;
}

/* Put a fixed Ethernet header in the place of the one the capture has, if it has one. */
static void synthesise(struct capture *capture, const struct pcap_pkthdr *header,
                       const uint8_t *bytes, struct capture_packet *packet)
{
    uint32_t own = capture->own_header;
    uint32_t needed = own > 0 ? own : 1; /* the version of raw IP */
    uint32_t payload = header->len > own ? header->len - own : 0;
    uint32_t present;
    uint16_t type;

    packet->synthesised = true;
    packet->length = header->len < needed ? 0 : payload + CAPTURE_ETHERNET_HEADER;
    if (header->caplen < needed) {
        packet->captured = 0;
        return;
    }
    present = header->caplen - own;
    type = ether_type(capture, bytes, payload);
    capture->frame[12] = (uint8_t)(type >> 8);
    capture->frame[13] = (uint8_t)type;
    memcpy(capture->frame + CAPTURE_ETHERNET_HEADER, bytes + own, present);
    packet->bytes = capture->frame;
    packet->captured = present + CAPTURE_ETHERNET_HEADER;
}

enum capture_result capture_next(struct capture *capture, struct capture_packet *packet)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result;

    if (capture->broken) {
        return CAPTURE_BROKEN;
    }
    do {
        result = pcap_next_ex(capture->pcap, &header, &bytes);
        if (result == PCAP_ERROR_BREAK) {
            return CAPTURE_END;
        }
        capture->record++;
        if (result != 1) {
            set_error(capture, "record %" PRIu64 ": %s", capture->record,
                      pcap_geterr(capture->pcap));
        }
        /* before the filter: damage is damage, wanted or not */
        if (result != 1 || !check_lengths(capture, header) ||
            !stamp(capture, header, &packet->time_ns)) {
            capture->broken = true;
            return CAPTURE_BROKEN;
        }
    } while (capture->has_program && pcap_offline_filter(&capture->program, header, bytes) == 0);

    packet->bytes = bytes;
    packet->captured = header->caplen;
    packet->length = header->len;
    packet->record = capture->record;
    packet->synthesised = false;
    if (capture->link != DLT_EN10MB) {
        synthesise(capture, header, bytes, packet);
    }
    return CAPTURE_OK;
}

const char *capture_error(const struct capture *capture)
{
    return capture->error;
}

bool capture_rewind(struct capture *capture)
{
    FILE *stream;
    bool started;

    if (capture->path == NULL) {
        set_error(capture, "cannot be read a second time: expected a file, not a stream");
        return false;
    }
    stream = fopen(capture->path, "rb");
    if (stream == NULL) {
        set_error(capture, "cannot open again: %s", strerror(errno));
        return false;
    }
    stop(capture);
    capture->record = 0;
    started = start(capture, stream);
    capture->broken = !started;
    return started;
}

bool capture_skip_to(struct capture *capture, uint64_t record)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;

    if (record < capture->record && !capture_rewind(capture)) {
        return false;
    }
    while (capture->record < record) {
        int result = capture->broken ? PCAP_ERROR : pcap_next_ex(capture->pcap, &header, &bytes);

        if (result != 1) {
            set_error(capture, "found %" PRIu64 " records, expected at least %" PRIu64,
                      capture->record, record);
            return false;
        }
        capture->record++;
    }
    return true;
}

uint64_t capture_record(const struct capture *capture)
{
    return capture->record;
}

const char *capture_link_type(const struct capture *capture)
{
    const char *name = pcap_datalink_val_to_name(capture->link);

    return name != NULL ? name : "unknown";
}

bool capture_is_pcapng(const struct capture *capture)
{
    return capture->pcapng;
}

enum capture_result capture_earliest(const char *path, const char *filter, uint64_t *time_ns,
                                     char *error, size_t error_size)
{
    struct capture *capture = capture_open(path, filter, error, error_size);
    struct capture_packet packet;
    enum capture_result result;
    bool any = false;

    if (capture == NULL) {
        return CAPTURE_BROKEN;
    }
    while ((result = capture_next(capture, &packet)) == CAPTURE_OK) {
        if (!any || packet.time_ns < *time_ns) {
            *time_ns = packet.time_ns;
        }
        any = true;
    }
    if (result == CAPTURE_BROKEN) {
        snprintf(error, error_size, "%s", capture->error);
    } else if (any) {
        result = CAPTURE_OK;
    }
    capture_close(capture);
    return result;
}

/* ---- merge ------------------------------------------------------------------------------ */

struct merge_input {
    struct capture *capture;
    struct capture_packet head;
    bool ended;
};

struct capture_merge {
    size_t count;
    size_t taken;     /* the input whose head was handed out; count = none */
    size_t unstarted; /* inputs from here on have no head yet */
    struct merge_input inputs[];
};

struct capture_merge *capture_merge_create(struct capture *const *captures, size_t count)
{
    struct capture_merge *merge = calloc(1, sizeof *merge + count * sizeof merge->inputs[0]);

    if (merge == NULL) {
        return NULL;
    }
    merge->count = count;
    merge->taken = count;
    for (size_t i = 0; i < count; i++) {
        merge->inputs[i].capture = captures[i];
    }
    return merge;
}

void capture_merge_destroy(struct capture_merge *merge)
{
    free(merge);
}

static enum capture_result advance(struct merge_input *input)
{
    enum capture_result result = capture_next(input->capture, &input->head);

    input->ended = result == CAPTURE_END;
    return result;
}

enum capture_result capture_merge_next(struct capture_merge *merge, struct capture_packet *packet,
                                       size_t *index)
{
    const struct merge_input *first = NULL;

    for (; merge->unstarted < merge->count; merge->unstarted++) {
        *index = merge->unstarted;
        if (advance(&merge->inputs[*index]) == CAPTURE_BROKEN) {
            return CAPTURE_BROKEN;
        }
    }
    if (merge->taken < merge->count) {
        /* only now: the packet handed out last had to stay valid until this call */
        *index = merge->taken;
        if (advance(&merge->inputs[*index]) == CAPTURE_BROKEN) {
            return CAPTURE_BROKEN;
        }
        merge->taken = merge->count;
    }
    for (size_t i = 0; i < merge->count; i++) {
        const struct merge_input *input = &merge->inputs[i];

        if (!input->ended && (first == NULL || input->head.time_ns < first->head.time_ns)) {
            first = input;
            *index = i;
        }
    }
    if (first == NULL) {
        return CAPTURE_END;
    }
    merge->taken = *index;
    *packet = first->head;
    return CAPTURE_OK;
}

/* ---- writer ----------------------------------------------------------------------------- */

struct capture_writer {
    FILE *stream;
    char *name;
    char *stream_buffer;
    uint64_t records;
    char error[CAPTURE_ERROR_SIZE]; /* of the first failure */
};

static void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static bool write_bytes(struct capture_writer *writer, const void *bytes, size_t length)
{
    if (length > 0 && fwrite(bytes, 1, length, writer->stream) != length) {
        snprintf(writer->error, sizeof writer->error, "%s: record %" PRIu64 ": cannot write: %s",
                 writer->name, writer->records, strerror(errno));
        return false;
    }
    return true;
}

/* A pcap file header (draft-ietf-opsawg-pcap): magic for nanoseconds, version 2.4, link type 1. */
static void write_file_header(struct capture_writer *writer)
{
    uint8_t header[24] = { 0 };

    put32(header, 0xa1b23c4d);
    header[4] = 2;
    header[6] = 4;
    put32(header + 16, CAPTURE_MAX_LENGTH);
    put32(header + 20, 1);
    write_bytes(writer, header, sizeof header);
}

/* A stream of the caller keeps the buffer it has: not every kind of stream can change it. */
static struct capture_writer *open_writer(FILE *stream, const char *name, bool own_buffer,
                                          char *error, size_t error_size)
{
    struct capture_writer *writer = calloc(1, sizeof *writer);

    if (writer != NULL) {
        writer->name = strdup(name);
        writer->stream_buffer = own_buffer ? malloc(STREAM_BUFFER) : NULL;
    }
    if (writer == NULL || writer->name == NULL || (own_buffer && writer->stream_buffer == NULL)) {
        snprintf(error, error_size, "%s: out of memory", name);
        if (writer != NULL) {
            free(writer->stream_buffer);
            free(writer->name);
        }
        free(writer);
        fclose(stream);
        return NULL;
    }
    writer->stream = stream;
    if (own_buffer) {
        setvbuf(stream, writer->stream_buffer, _IOFBF, STREAM_BUFFER);
    }
    write_file_header(writer);
    return writer;
}

struct capture_writer *capture_writer_open_stream(FILE *stream, const char *name, char *error,
                                                  size_t error_size)
{
    return open_writer(stream, name, false, error, error_size);
}

struct capture_writer *capture_writer_open(const char *path, char *error, size_t error_size)
{
    FILE *stream;

    if (strcmp(path, "-") == 0) {
        return open_writer(stdout, "<stdout>", false, error, error_size);
    }
    stream = fopen(path, "wb");
    if (stream == NULL) {
        snprintf(error, error_size, "%s: cannot create: %s", path, strerror(errno));
        return NULL;
    }
    return open_writer(stream, path, true, error, error_size);
}

bool capture_write(struct capture_writer *writer, uint64_t time_ns, const uint8_t *bytes,
                   uint32_t captured, uint32_t length)
{
    uint64_t seconds = time_ns / NS_PER_S;
    uint8_t header[16];

    writer->records++;
    if (writer->error[0] != '\0') {
        return false;
    }
    if (captured > length || length > CAPTURE_MAX_LENGTH || seconds > UINT32_MAX) {
        snprintf(writer->error, sizeof writer->error,
                 "%s: record %" PRIu64 ": found %u of %u bytes at %" PRIu64
                 " s, expected at most %d bytes before 2^32 s",
                 writer->name, writer->records, captured, length, seconds, CAPTURE_MAX_LENGTH);
        return false;
    }
    put32(header, (uint32_t)seconds);
    put32(header + 4, (uint32_t)(time_ns % NS_PER_S));
    put32(header + 8, captured);
    put32(header + 12, length);
    return write_bytes(writer, header, sizeof header) && write_bytes(writer, bytes, captured);
}

bool capture_writer_close(struct capture_writer *writer, char *error, size_t error_size)
{
    bool closed = (writer->stream == stdout ? fflush(writer->stream) : fclose(writer->stream)) == 0;
    bool ok;

    if (!closed && writer->error[0] == '\0') {
        snprintf(writer->error, sizeof writer->error, "%s: cannot write: %s", writer->name,
                 strerror(errno));
    }
    ok = writer->error[0] == '\0';
    if (!ok) {
        snprintf(error, error_size, "%s", writer->error);
    }
    free(writer->stream_buffer);
    free(writer->name);
    free(writer);
    return ok;
}
