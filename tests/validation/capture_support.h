/* What the capture table needs beside the library: frames read with libpcap's reader, keys that two
 * packets share if they are the same to a host, the kernel's own counters, and recordings made from
 * the SAs beside a capture. Nothing of sim/ is used: packets are told apart here a second time. */
#ifndef ESPNIC_TESTS_CAPTURE_SUPPORT_H
#define ESPNIC_TESTS_CAPTURE_SUPPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_PATH = 700, CS_HASH = 32 };

/* What a key was taken over. */
enum cs_kind {
    CS_FRAME,  /* the frame, every byte */
    CS_PACKET, /* the IP packet, every byte */
    CS_ROUTED, /* the IP packet; TTL or hop limit and the IPv4 checksum count as zero */
    CS_UPPER,  /* addresses, protocol and what follows the IP header: transport mode */
    CS_KINDS
};

struct cs_key {
    enum cs_kind kind;
    uint8_t hash[CS_HASH];
};

enum cs_class {
    CS_CLEAR, /* no ESP: clear packets, ARP, IKE, NAT keepalives */
    CS_ESP,
    CS_FRAGMENT, /* IPv4 or IPv6, of whatever protocol */
};

struct cs_frame {
    uint64_t time_ns;
    uint64_t record; /* number in the file, from 1 */
    enum cs_class class;
    bool esp_fragment; /* CS_FRAGMENT of ESP */
    uint32_t seq;      /* CS_ESP */
    uint8_t source_mac[6];
    bool ip;
    uint8_t hash[CS_KINDS][CS_HASH];
    uint8_t *bytes;
    uint32_t length; /* of bytes: captured */
    uint32_t l3;     /* offset and length of the IP packet, without what Ethernet puts behind it */
    uint32_t l3_length;
};

struct cs_frames {
    struct cs_frame *at;
    size_t count;
};

/* Fails the test if the file cannot be read to its end. */
void cs_load(const char *path, const char *filter, struct cs_frames *frames);
void cs_free(struct cs_frames *frames);

/* True for IPv6, which has none. */
bool cs_header_checksum_good(const struct cs_frame *frame);

/* The key of a transport-mode packet whose upper layer has this SHA-256. */
void cs_upper_key(const char *src, const char *dst, unsigned proto, const char *sha256_hex,
                  struct cs_key *key);
void cs_hex_key(enum cs_kind kind, const char *sha256_hex, struct cs_key *key);

/* IPv4 datagrams put together from the fragments among the frames, as CS_UPPER keys, in the order of
 * their last fragment. Returns how many; *used counts the fragments that went in. */
size_t cs_reassemble(const struct cs_frames *frames, struct cs_key *keys, size_t room,
                     size_t *used);

/* ---- what the kernel counted -------------------------------------------------------------------------- */

struct cs_counters {
    bool known;
    int64_t accepted;                /* packets on the inbound SAs; -1: not said */
    int64_t too_old, replay, failed; /* of the SAs; -1: not said */
    int64_t no_state, expired, seq_error, proto_error; /* of the host; -1: not said */
};

/* `ip -s xfrm state` (and xfrm_stat sections) of a file, plain or .gz. An SA that is listed more than once
 * (at both ends) counts once. `dst`: only SAs to that address; NULL: all. */
void cs_read_state(const char *path, const char *dst, struct cs_counters *counters);
/* The difference of two /proc/net/xfrm_stat. */
void cs_read_stat(const char *before, const char *after, struct cs_counters *counters);

/* ---- recordings --------------------------------------------------------------------------------------- */

/* sa2oids.py SA_JSON END: an array of its records, the head line among them. NULL if python3 cannot be run.
 * A path with .gz is unpacked. */
json_t *cs_recording(const char *data, const char *sa_json, const char *end);
/* The SAs of SA_JSON, in the order of the handles 1, 2, ... */
json_t *cs_sas(const char *sa_json);
/* Requests with time stamps from an nlmon capture: ADD and DELETE of the inbound SAs to `dst` (IPv4) at the
 * moment when the IKE daemon asked the kernel for them; `records` says the keys. */
json_t *cs_timed(json_t *records, const char *nlmon, const char *dst);
/* Sorted by t_ns (the head first; order of equal times kept), written as JSON lines. */
void cs_write_recording(json_t *records, const char *path);

/* Run a program, its output in `output`. Its exit status. */
int cs_run(const char *const *argv, const char *output);

/* "rx.drops.replay" of a report; fails the test if it is not there. */
uint64_t cs_number(const json_t *report, const char *path);

#endif
