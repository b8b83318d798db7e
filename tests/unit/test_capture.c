/* Captures: hand-made files byte by byte, damaged in every way; real ones against the counts beside
 * them and against tshark. */
#include "traces/capture.h"

#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char message[CAPTURE_ERROR_SIZE];

/* ---- hand-made captures ----------------------------------------------------------------- */

struct file {
    uint8_t bytes[1 << 16];
    size_t length;
};

static struct file file;

static void put(const void *bytes, size_t length)
{
    ck_assert_uint_le(file.length + length, sizeof file.bytes);
    memcpy(file.bytes + file.length, bytes, length);
    file.length += length;
}

static void put_text(const char *text)
{
    put(text, strlen(text));
}

static void put16(uint16_t value)
{
    uint8_t bytes[2] = { (uint8_t)value, (uint8_t)(value >> 8) };

    put(bytes, 2);
}

static void put32(uint32_t value)
{
    put16((uint16_t)value);
    put16((uint16_t)(value >> 16));
}

static void start_pcap(uint32_t magic, uint32_t snaplen, uint32_t link)
{
    file.length = 0;
    put32(magic);
    put16(2);
    put16(4);
    put32(0);
    put32(0);
    put32(snaplen);
    put32(link);
}

enum { MICRO = 0xa1b2c3d4, NANO = 0xa1b23c4d };

static void put_record(uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t length,
                       const void *bytes)
{
    put32(seconds);
    put32(fraction);
    put32(captured);
    put32(length);
    put(bytes, captured);
}

static struct capture *open_file(const char *filter)
{
    FILE *stream = tmpfile();

    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.length, stream), file.length);
    rewind(stream);
    message[0] = '\0';
    return capture_open_stream(stream, "t", filter, message, sizeof message);
}

static void refused(const char *expected)
{
    ck_assert_ptr_null(open_file(NULL));
    ck_assert_str_eq(message, expected);
}

/* Reads `good` packets, then the error. */
static void breaks(int good, const char *expected)
{
    struct capture *capture = open_file(NULL);
    struct capture_packet packet;

    ck_assert_msg(capture != NULL, "%s", message);
    for (int i = 0; i < good; i++) {
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    }
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_BROKEN);
    ck_assert_str_eq(capture_error(capture), expected);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_BROKEN); /* it stays broken */
    capture_close(capture);
}

static uint8_t frame[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45 };

/* ---- what is right ---------------------------------------------------------------------- */

START_TEST(ethernet_in_nanoseconds)
{
    struct capture_packet packet;
    struct capture *capture;

    start_pcap(NANO, 65535, 1);
    put_record(5, 999999999, 64, 64, frame);
    put_record(0xffffffff, 1, 60, 1514, frame);
    put_record(4, 0, 14, 14, frame); /* backwards is allowed */
    capture = open_file(NULL);
    ck_assert_str_eq(capture_link_type(capture), "EN10MB");
    ck_assert(!capture_is_pcapng(capture));
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(5999999999));
    ck_assert_uint_eq(packet.captured, 64);
    ck_assert_uint_eq(packet.length, 64);
    ck_assert_uint_eq(packet.record, 1);
    ck_assert(!packet.synthesised);
    ck_assert_mem_eq(packet.bytes, frame, 64);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(4294967295000000001)); /* the year 2106 */
    ck_assert_uint_eq(packet.captured, 60);
    ck_assert_uint_eq(packet.length, 1514);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(4000000000));
    ck_assert_uint_eq(packet.record, 3);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert_uint_eq(capture_record(capture), 3);
    capture_close(capture);
}
END_TEST

START_TEST(microseconds_and_the_other_byte_order)
{
    static const uint8_t swapped[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0,    0, 0, 0, 0,   0,
                                       0,    0,    0,    0,    8, 0, 0, 0, 0,    1, 0, 0, 0,   7,
                                       0,    0,    0,    9,    0, 0, 0, 1, 0x40, 0, 0, 2, 0xab };
    struct capture_packet packet;
    struct capture *capture;

    file.length = 0;
    put(swapped, sizeof swapped);
    file.bytes[36] = 0;
    file.bytes[39] = 2; /* length 2, captured 1 */
    capture = open_file(NULL);
    ck_assert_msg(capture != NULL, "%s", message);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(7000009000));
    ck_assert_uint_eq(packet.captured, 1);
    ck_assert_uint_eq(packet.length, 2);
    ck_assert_uint_eq(packet.bytes[0], 0xab);
    capture_close(capture);
}
END_TEST

START_TEST(no_packets_and_empty_packets)
{
    struct capture_packet packet;
    struct capture *capture;

    start_pcap(MICRO, 65535, 1);
    capture = open_file(NULL);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert_uint_eq(capture_record(capture), 0);
    capture_close(capture);

    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 0, 0, frame);
    put_record(1, 0, 0, 64, frame);
    capture = open_file(NULL);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.captured, 0);
    ck_assert_uint_eq(packet.length, 0);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.captured, 0);
    ck_assert_uint_eq(packet.length, 64);
    capture_close(capture);
}
END_TEST

#define OUR_HEADER "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01"

/* One record of the link type becomes an Ethernet frame of `type`, followed by what the record
 * holds after its first `strip` bytes. */
static void becomes(uint32_t link, const uint8_t *bytes, uint32_t captured, uint32_t length,
                    uint32_t strip, uint16_t type)
{
    struct capture_packet packet;
    struct capture *capture;

    start_pcap(MICRO, 65535, link);
    put_record(1, 0, captured, length, bytes);
    capture = open_file(NULL);
    ck_assert_msg(capture != NULL, "%s", message);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert(packet.synthesised);
    ck_assert_uint_eq(packet.length, length - strip + 14);
    ck_assert_uint_eq(packet.captured, captured - strip + 14);
    ck_assert_mem_eq(packet.bytes, OUR_HEADER, 12);
    ck_assert_uint_eq(packet.bytes[12] << 8 | packet.bytes[13], type);
    ck_assert_mem_eq(packet.bytes + 14, bytes + strip, captured - strip);
    capture_close(capture);
}

enum { LINK_RAW = 101, LINK_SLL = 113, LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_SLL2 = 276 };

START_TEST(raw_ip)
{
    static const uint8_t v4[40] = { 0x45 };
    static const uint8_t v6[40] = { 0x60 };
    static const uint8_t v5[40] = { 0x50 };

    becomes(LINK_RAW, v4, 40, 40, 0, 0x0800);
    becomes(LINK_RAW, v6, 40, 60, 0, 0x86dd);
    becomes(LINK_RAW, v6, 1, 60, 0, 0x86dd);
    becomes(LINK_RAW, v5, 40, 40, 0, 0xffff);
    becomes(LINK_IPV4, v5, 40, 40, 0, 0x0800);
    becomes(LINK_IPV6, v5, 40, 40, 0, 0x86dd);
}
END_TEST

START_TEST(linux_cooked)
{
    uint8_t sll[60] = { 0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0x86, 0xdd, 0x60, 1, 2 };
    uint8_t sll2[60] = { 0x08, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0x45, 9 };

    becomes(LINK_SLL, sll, 60, 60, 16, 0x86dd);
    becomes(LINK_SLL, sll, 16, 1500, 16, 0x86dd);
    becomes(LINK_SLL2, sll2, 60, 60, 20, 0x0800);
    becomes(LINK_SLL2, sll2, 20, 20, 20, 0x0800);
    /* 802.2: the type field of Ethernet holds the length */
    sll[14] = 0;
    sll[15] = 4;
    becomes(LINK_SLL, sll, 60, 60, 16, 44);
    sll[15] = 1;
    becomes(LINK_SLL, sll, 60, 60, 16, 44);
}
END_TEST

START_TEST(shorter_than_its_link_header)
{
    static const struct {
        uint32_t link, captured, length, expected;
    } cases[] = {
        { LINK_RAW, 0, 0, 0 },     { LINK_RAW, 0, 100, 114 }, { LINK_SLL, 15, 15, 0 },
        { LINK_SLL, 15, 100, 98 }, { LINK_SLL2, 19, 19, 0 },  { LINK_SLL2, 0, 120, 114 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct capture_packet packet;
        struct capture *capture;

        start_pcap(MICRO, 65535, cases[i].link);
        put_record(1, 0, cases[i].captured, cases[i].length, frame);
        capture = open_file(NULL);
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
        ck_assert_uint_eq(packet.captured, 0);
        ck_assert_uint_eq(packet.length, cases[i].expected);
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
        capture_close(capture);
    }
}
END_TEST

/* pcapng: a section header, an interface of nanoseconds, a packet, a block to pass over, a packet.
 */
static void start_pcapng(uint16_t link, bool nanoseconds)
{
    file.length = 0;
    put32(0x0a0d0d0a);
    put32(28);
    put32(0x1a2b3c4d);
    put16(1);
    put16(0);
    put32(0xffffffff);
    put32(0xffffffff);
    put32(28);
    put32(1);
    put32(nanoseconds ? 32 : 20);
    put16(link);
    put16(0);
    put32(65535);
    if (nanoseconds) {
        put16(9); /* if_tsresol */
        put16(1);
        put32(9);
        put32(0);
    }
    put32(nanoseconds ? 32 : 20);
}

static void put_block(uint64_t stamp, uint32_t captured, uint32_t length, const uint8_t *bytes)
{
    uint32_t padded = (captured + 3) / 4 * 4;

    put32(6);
    put32(32 + padded);
    put32(0);
    put32((uint32_t)(stamp >> 32));
    put32((uint32_t)stamp);
    put32(captured);
    put32(length);
    put(bytes, captured);
    put("\0\0\0", padded - captured);
    put32(32 + padded);
}

START_TEST(pcapng)
{
    struct capture_packet packet;
    struct capture *capture;

    start_pcapng(1, true);
    put_block(UINT64_C(1700000000123456789), 15, 100, frame);
    put32(0xbad);
    put32(12);
    put32(12);
    put_block(UINT64_C(1700000000123456788), 60, 60, frame);
    capture = open_file(NULL);
    ck_assert_msg(capture != NULL, "%s", message);
    ck_assert(capture_is_pcapng(capture));
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(1700000000123456789));
    ck_assert_uint_eq(packet.captured, 15);
    ck_assert_uint_eq(packet.length, 100);
    ck_assert_mem_eq(packet.bytes, frame, 15);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(1700000000123456788));
    ck_assert_uint_eq(packet.record, 2);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    capture_close(capture);

    start_pcapng(LINK_SLL, false);
    put_block(UINT64_C(1700000000123456), 15, 15, frame);
    capture = open_file(NULL);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.time_ns, UINT64_C(1700000000123456000));
    ck_assert_uint_eq(packet.captured, 0);
    capture_close(capture);
}
END_TEST

/* ---- what is wrong ---------------------------------------------------------------------- */

START_TEST(no_captures)
{
    file.length = 0;
    refused("t: found an empty file, expected a pcap or pcapng capture");
    put_text("#!/bin/sh\necho this is no capture\n");
    refused("t: expected a pcap or pcapng capture: unknown file format");
    file.length = 0;
    put_text("\x1f\x8b compressed");
    refused("t: found compressed data, expected pcap or pcapng: unpack it first (gunzip)");
    start_pcap(MICRO, 65535, 1);
    file.length = 3;
    refused(
        "t: expected a pcap or pcapng capture: truncated dump file; tried to read 4 file header "
        "bytes, only got 3");
    file.length = 20;
    refused(
        "t: expected a pcap or pcapng capture: truncated dump file; tried to read 24 file header "
        "bytes, only got 16");
    start_pcap(MICRO, 65535, 105);
    refused("t: found link type IEEE802_11 (105), expected EN10MB (Ethernet), RAW, IPV4, IPV6, "
            "LINUX_SLL or LINUX_SLL2");
    start_pcap(MICRO, 65535, 60000);
    refused(
        "t: found link type without a name (60000), expected EN10MB (Ethernet), RAW, IPV4, IPV6, "
        "LINUX_SLL or LINUX_SLL2");
    ck_assert_ptr_null(capture_open("/nonexistent.pcap", NULL, message, sizeof message));
    ck_assert_str_eq(message, "/nonexistent.pcap: cannot open: No such file or directory");
    ck_assert_ptr_null(capture_open("/", NULL, message, sizeof message));
    ck_assert_str_eq(message, "/: cannot read: Is a directory");
}
END_TEST

START_TEST(damaged_records)
{
    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 60, 60, frame);
    put_record(1, 0, 60, 60, frame);
    file.length -= 1;
    breaks(1, "t: record 2: truncated dump file; tried to read 60 captured bytes, only got 59");
    file.length -= 60;
    breaks(1, "t: record 2: truncated dump file; tried to read 16 header bytes, only got 15");

    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 64, 63, frame);
    breaks(0, "t: record 1: found 64 bytes captured of a packet of 63, expected no more than the "
              "packet");
    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 64, 262145, frame);
    breaks(0, "t: record 1: found a length of 262145 bytes, expected at most 262144");
    start_pcap(NANO, 65535, 1);
    put_record(1, 0, 64, 64, frame);
    put_record(1, 1000000000, 64, 64, frame);
    breaks(1, "t: record 2: found 1000000000 ns within a second, expected less than 10^9");
    start_pcap(MICRO, 65535, 1);
    put_record(1, 1000000, 64, 64, frame);
    breaks(0, "t: record 1: found 1000000000 ns within a second, expected less than 10^9");
}
END_TEST

/* A filter hides packets, not damage. */
START_TEST(damage_that_the_filter_would_drop)
{
    struct capture *capture;
    struct capture_packet packet;

    start_pcap(NANO, 65535, 1);
    put_record(1, 1000000000, 64, 64, frame);
    put_record(1, 0, 64, 64, frame);
    capture = open_file("greater 100");
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_BROKEN);
    ck_assert_uint_eq(capture_record(capture), 1);
    capture_close(capture);
}
END_TEST

START_TEST(absurd_captured_length)
{
    struct capture *capture;
    struct capture_packet packet;

    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 1, 1, frame);
    put32(1);
    put32(0);
    put32(0x7fffffff);
    put32(0x7fffffff);
    capture = open_file(NULL);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_BROKEN);
    /* the words after this are libpcap's own */
    ck_assert_msg(strncmp(capture_error(capture), "t: record 2: ", 13) == 0, "%s",
                  capture_error(capture));
    ck_assert_ptr_nonnull(strstr(capture_error(capture), "2147483647"));
    capture_close(capture);
}
END_TEST

START_TEST(damaged_pcapng)
{
    static const size_t cut[] = { 1, 40, 70, 90 };

    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct capture *capture;
        struct capture_packet packet;

        start_pcapng(1, true);
        put_block(1, 60, 60, frame);
        put_block(2, 60, 60, frame);
        file.length -= cut[i];
        capture = open_file(NULL);
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_BROKEN);
        ck_assert_msg(strncmp(capture_error(capture), "t: record 2: ", 13) == 0, "%s",
                      capture_error(capture));
        capture_close(capture);
    }
}
END_TEST

/* ---- filter, rewind, skip, merge -------------------------------------------------------- */

/* A file on disk with packets of the given times (ns), numbered in their first byte. */
static void write_file(char *path, const uint64_t *times, unsigned count)
{
    struct capture_writer *writer;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    writer = capture_writer_open(path, message, sizeof message);
    ck_assert_ptr_nonnull(writer);
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[60];

        memcpy(bytes, frame, sizeof bytes);
        bytes[0] = (uint8_t)(i + 1);
        ck_assert(capture_write(writer, times[i], bytes, 60, 60 + i));
    }
    ck_assert(capture_writer_close(writer, message, sizeof message));
}

START_TEST(filter_keeps_record_numbers)
{
    static const uint64_t times[] = { 1, 2, 3, 4 };
    char path[] = "/tmp/espnic-test-XXXXXX";
    struct capture_packet packet;
    struct capture *capture;
    uint64_t earliest;

    write_file(path, times, 4);
    capture = capture_open(path, "ether[0] & 1 = 0", message, sizeof message);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.record, 2);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.record, 4);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert(capture_rewind(capture));
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.record, 2); /* the filter is still there */
    capture_close(capture);
    ck_assert_int_eq(capture_earliest(path, "ether[0] = 3", &earliest, message, sizeof message),
                     CAPTURE_OK);
    ck_assert_uint_eq(earliest, 3);
    ck_assert_int_eq(capture_earliest(path, "ether[0] = 9", &earliest, message, sizeof message),
                     CAPTURE_END);
    ck_assert_ptr_null(capture_open(path, "no such thing", message, sizeof message));
    ck_assert_msg(strstr(message, ": filter \"no such thing\": ") != NULL, "%s", message);
    unlink(path);
}
END_TEST

START_TEST(rewind_and_skip)
{
    static const uint64_t times[] = { 5, 2, 3, 4 };
    char path[] = "/tmp/espnic-test-XXXXXX";
    struct capture_packet packet;
    struct capture *capture;
    uint64_t earliest;

    write_file(path, times, 4);
    capture = capture_open(path, NULL, message, sizeof message);
    for (int loop = 0; loop < 3; loop++) {
        for (unsigned i = 0; i < 4; i++) {
            ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
            ck_assert_uint_eq(packet.bytes[0], i + 1);
            ck_assert_uint_eq(packet.time_ns, times[i]);
        }
        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
        ck_assert(capture_rewind(capture));
        ck_assert_uint_eq(capture_record(capture), 0);
    }
    ck_assert(capture_skip_to(capture, 3));
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.bytes[0], 4);
    ck_assert(capture_skip_to(capture, 1)); /* backwards */
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
    ck_assert_uint_eq(packet.bytes[0], 2);
    ck_assert(capture_skip_to(capture, 4));
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert(!capture_skip_to(capture, 5));
    ck_assert_ptr_nonnull(strstr(capture_error(capture), ": found 4 records, expected at least 5"));
    ck_assert_int_eq(capture_earliest(path, NULL, &earliest, message, sizeof message), CAPTURE_OK);
    ck_assert_uint_eq(earliest, 2);
    unlink(path);
    ck_assert(!capture_rewind(capture));
    capture_close(capture);

    start_pcap(MICRO, 65535, 1);
    capture = open_file(NULL);
    ck_assert(!capture_rewind(capture));
    ck_assert_str_eq(capture_error(capture),
                     "t: cannot be read a second time: expected a file, not a stream");
    capture_close(capture);
}
END_TEST

START_TEST(merge)
{
    static const uint64_t a[] = { 10, 30, 30, 20 };
    static const uint64_t b[] = { 5, 30, 40 };
    /* file, packet: equal times in the order of the files; a's own order kept */
    static const unsigned expected[][2] = { { 2, 1 }, { 0, 1 }, { 0, 2 }, { 0, 3 },
                                            { 0, 4 }, { 2, 2 }, { 2, 3 } };
    char path_a[] = "/tmp/espnic-test-XXXXXX";
    char path_none[] = "/tmp/espnic-test-XXXXXX";
    char path_b[] = "/tmp/espnic-test-XXXXXX";
    struct capture *captures[3];
    struct capture_merge *merged;
    struct capture_packet packet;
    size_t index;

    write_file(path_a, a, 4);
    write_file(path_none, NULL, 0);
    write_file(path_b, b, 3);
    captures[0] = capture_open(path_a, NULL, message, sizeof message);
    captures[1] = capture_open(path_none, NULL, message, sizeof message);
    captures[2] = capture_open(path_b, NULL, message, sizeof message);
    merged = capture_merge_create(captures, 3);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_int_eq(capture_merge_next(merged, &packet, &index), CAPTURE_OK);
        ck_assert_uint_eq(index, expected[i][0]);
        ck_assert_uint_eq(packet.bytes[0], expected[i][1]);
    }
    ck_assert_int_eq(capture_merge_next(merged, &packet, &index), CAPTURE_END);
    ck_assert_int_eq(capture_merge_next(merged, &packet, &index), CAPTURE_END);
    capture_merge_destroy(merged);
    for (int i = 0; i < 3; i++) {
        capture_close(captures[i]);
    }
    unlink(path_a);
    unlink(path_none);
    unlink(path_b);
}
END_TEST

START_TEST(merge_of_a_damaged_capture)
{
    struct capture *captures[1];
    struct capture_merge *merged;
    struct capture_packet packet;
    size_t index = 9;

    start_pcap(MICRO, 65535, 1);
    put_record(1, 0, 60, 60, frame);
    put_record(1, 0, 60, 59, frame);
    captures[0] = open_file(NULL);
    merged = capture_merge_create(captures, 1);
    ck_assert_int_eq(capture_merge_next(merged, &packet, &index), CAPTURE_OK);
    ck_assert_int_eq(capture_merge_next(merged, &packet, &index), CAPTURE_BROKEN);
    ck_assert_uint_eq(index, 0);
    capture_merge_destroy(merged);
    capture_close(captures[0]);
}
END_TEST

/* ---- writer ----------------------------------------------------------------------------- */

START_TEST(written_bytes)
{
    char *out = NULL;
    size_t length = 0;
    struct capture_writer *writer =
        capture_writer_open_stream(open_memstream(&out, &length), "out", message, sizeof message);

    ck_assert(capture_write(writer, UINT64_C(4294967295999999999), frame, 60, 64));
    ck_assert(capture_write(writer, 0, NULL, 0, 0));
    ck_assert(capture_writer_close(writer, message, sizeof message));
    start_pcap(NANO, 262144, 1);
    put_record(4294967295, 999999999, 60, 64, frame);
    put_record(0, 0, 0, 0, frame);
    ck_assert_uint_eq(length, file.length);
    ck_assert_mem_eq(out, file.bytes, length);
    free(out);
}
END_TEST

START_TEST(writer_refuses)
{
    char *out = NULL;
    size_t length = 0;
    struct capture_writer *writer =
        capture_writer_open_stream(open_memstream(&out, &length), "out", message, sizeof message);

    ck_assert(capture_write(writer, 1, frame, 60, 60));
    ck_assert(!capture_write(writer, 1, frame, 61, 60));
    ck_assert(!capture_write(writer, 1, frame, 60, 60)); /* the first error stays */
    ck_assert(!capture_writer_close(writer, message, sizeof message));
    ck_assert_str_eq(message, "out: record 2: found 61 of 60 bytes at 0 s, expected at most 262144 "
                              "bytes before 2^32 s");
    free(out);
    writer =
        capture_writer_open_stream(open_memstream(&out, &length), "out", message, sizeof message);
    ck_assert(!capture_write(writer, UINT64_C(4294967296000000000), frame, 60, 60));
    ck_assert(!capture_writer_close(writer, message, sizeof message));
    free(out);
    ck_assert_ptr_null(capture_writer_open("/nonexistent/x", message, sizeof message));
    ck_assert_str_eq(message, "/nonexistent/x: cannot create: No such file or directory");
}
END_TEST

START_TEST(writer_tells_of_a_full_disk)
{
    FILE *full = fopen("/dev/full", "wb");
    struct capture_writer *writer;

    if (full == NULL) {
        printf("SKIP writer_tells_of_a_full_disk: no /dev/full\n");
        return;
    }
    writer = capture_writer_open_stream(full, "/dev/full", message, sizeof message);
    capture_write(writer, 1, frame, 60, 60);
    ck_assert(!capture_writer_close(writer, message, sizeof message));
    ck_assert_str_eq(message, "/dev/full: cannot write: No space left on device");
}
END_TEST

/* ---- real captures ---------------------------------------------------------------------- */

static const char *data_folder(void)
{
    const char *folder = getenv("ESPNIC_DATA");

    return folder != NULL && folder[0] != '\0' ? folder : "../shared/data";
}

static uint64_t count_packets(const char *path)
{
    struct capture *capture = capture_open(path, NULL, message, sizeof message);
    struct capture_packet packet;
    enum capture_result result;
    uint64_t count = 0;

    ck_assert_msg(capture != NULL, "%s", message);
    while ((result = capture_next(capture, &packet)) == CAPTURE_OK) {
        count++;
    }
    ck_assert_msg(result == CAPTURE_END, "%s", capture_error(capture));
    capture_close(capture);
    return count;
}

/* Each captures/NAME.expect.json says how many packets NAME holds. */
START_TEST(real_counts)
{
    char folder[512];
    const struct dirent *entry;
    unsigned compared = 0;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/captures", data_folder());
    dir = opendir(folder);
    if (dir == NULL) {
        printf("SKIP test_capture real_counts: no data at %s\n", folder);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        const char *end = strstr(entry->d_name, ".expect.json");
        char path[1024];
        json_t *expected;

        if (end == NULL) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        expected = json_load_file(path, 0, NULL);
        ck_assert_ptr_nonnull(expected);
        snprintf(path, sizeof path, "%s/%.*s.pcap", folder, (int)(end - entry->d_name),
                 entry->d_name);
        if (access(path, R_OK) != 0) {
            strncat(path, "ng", sizeof path - strlen(path) - 1);
        }
        ck_assert_msg(count_packets(path) ==
                          (uint64_t)json_integer_value(json_object_get(expected, "packets")),
                      "%s", path);
        json_decref(expected);
        compared++;
    }
    closedir(dir);
    ck_assert_uint_gt(compared, 10);
}
END_TEST

/* Number, time, both lengths of every packet, as tshark sees them. */
static void compare_with_tshark(const char *name, uint32_t own_header)
{
    char path[512];
    char command[1024];
    char line[256];
    struct capture *capture;
    struct capture_packet packet;
    FILE *tshark;

    snprintf(path, sizeof path, "%s/%s", data_folder(), name);
    if (access(path, R_OK) != 0) {
        printf("SKIP test_capture tshark %s: no data at %s\n", name, data_folder());
        return;
    }
    capture = capture_open(path, NULL, message, sizeof message);
    ck_assert_msg(capture != NULL, "%s", message);
    snprintf(command, sizeof command,
             "tshark -n -r '%s' -T fields -e frame.number -e frame.time_epoch -e frame.cap_len -e "
             "frame.len 2>/dev/null",
             path);
    tshark = popen(command, "r"); /* NOLINT(cert-env33-c): a fixed command */
    ck_assert_ptr_nonnull(tshark);
    while (fgets(line, sizeof line, tshark) != NULL) {
        char ours[256];
        uint32_t more = own_header > 0 ? own_header - CAPTURE_ETHERNET_HEADER : 0;

        ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_OK);
        snprintf(ours, sizeof ours, "%llu\t%llu.%09llu\t%u\t%u\n",
                 (unsigned long long)packet.record,
                 (unsigned long long)(packet.time_ns / 1000000000),
                 (unsigned long long)(packet.time_ns % 1000000000), packet.captured + more,
                 packet.length + more);
        ck_assert_str_eq(ours, line);
    }
    pclose(tshark);
    ck_assert_int_eq(capture_next(capture, &packet), CAPTURE_END);
    ck_assert_uint_gt(capture_record(capture), 0);
    capture_close(capture);
}

START_TEST(real_packets_against_tshark)
{
    /* NOLINTNEXTLINE(cert-env33-c): a fixed command */
    if (system("tshark --version >/dev/null 2>&1") != 0) {
        printf("SKIP test_capture real_packets_against_tshark: no tshark\n");
        return;
    }
    compare_with_tshark("captures/open5gs-ims-call-nokeys-sll.pcapng", 16);
    compare_with_tshark("captures/ndpi-esp-nokeys.pcapng", 0);
    compare_with_tshark("captures/wiki-esp-transport-v4-v6.pcap", 0);
    compare_with_tshark("captures/strongswan-rekey-storm-udpencap.pcap", 0);
}
END_TEST

static Suite *capture_suite(void)
{
    Suite *suite = suite_create("capture");
    TCase *made = tcase_create("hand-made");
    TCase *real = tcase_create("real");

    tcase_add_test(made, ethernet_in_nanoseconds);
    tcase_add_test(made, microseconds_and_the_other_byte_order);
    tcase_add_test(made, no_packets_and_empty_packets);
    tcase_add_test(made, raw_ip);
    tcase_add_test(made, linux_cooked);
    tcase_add_test(made, shorter_than_its_link_header);
    tcase_add_test(made, pcapng);
    tcase_add_test(made, no_captures);
    tcase_add_test(made, damaged_records);
    tcase_add_test(made, damage_that_the_filter_would_drop);
    tcase_add_test(made, absurd_captured_length);
    tcase_add_test(made, damaged_pcapng);
    tcase_add_test(made, filter_keeps_record_numbers);
    tcase_add_test(made, rewind_and_skip);
    tcase_add_test(made, merge);
    tcase_add_test(made, merge_of_a_damaged_capture);
    tcase_add_test(made, written_bytes);
    tcase_add_test(made, writer_refuses);
    tcase_add_test(made, writer_tells_of_a_full_disk);
    tcase_add_test(real, real_counts);
    tcase_add_test(real, real_packets_against_tshark);
    suite_add_tcase(suite, made);
    suite_add_tcase(suite, real);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(capture_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
