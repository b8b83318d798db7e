/* A card of a preset and the reference host around it, driven by hand through their public interfaces: SAs are
 * asked for, packets sent and received, and what came of them is looked at. For figures that no recording and no
 * capture stands behind (`espnic validate tables`). */
#ifndef ESPNIC_CLI_VALIDATE_BENCH_H
#define ESPNIC_CLI_VALIDATE_BENCH_H

#include "cli/config.h"
#include "host/host.h"
#include "nic/nic.h"

enum {
    BENCH_ERROR = 1024,
    BENCH_FRAME = 65536,
    BENCH_CLIENT = 0x0a000001 /* 10.0.0.1, the first */
};

struct bench {
    struct espnic_config *config;
    struct espnic_ports ports;
    struct espnic *card;
    struct host *host;
    struct esp_crypt *crypt; /* of the peer, opened when it first sends */
    bool functional;
    uint64_t start; /* ps: the driver has started */
    /* what came of it */
    struct host_oid_done oid; /* the request that ended last */
    uint64_t oids, oids_good; /* ended; of them, with every node on the card */
    uint64_t wires;           /* frames that left */
    uint64_t wire_mark;       /* the time of this one is kept: */
    uint64_t wire_marked, wire_last;
    uint32_t number;           /* ESP sequence number in the last of them, of a tunnel over IPv4 */
    uint64_t delivered;        /* packets that the host was given */
    enum host_verdict verdict; /* of the last of them */
    /* as the card wrote it: the last write of so many bytes, which is the last receive completion if no packet has them */
    uint8_t written[sizeof(struct abi_rx_completion)];
    /* packets to send */
    uint64_t to_send;
    uint64_t send_time, send_interval; /* ps; interval 0: no times */
    uint32_t send_length;
    uint8_t frame[BENCH_FRAME];
    /* the answer to a register read */
    uint64_t value;
    bool answered, readable;
    char error[BENCH_ERROR]; /* the first thing that went wrong */
};

/* The description of a card: a preset, then the named sets of validate_tables_setting() (separated by spaces), then
 * "path=value path=value". False with a sentence in b->error. */
bool bench_config(struct bench *b, const char *preset, const char *sets, const char *settings);

/* Make the card, start the driver. `functional`: with contents. After bench_config(). */
bool bench_open(struct bench *b, bool functional);

/* For a bench that was at least zeroed. */
void bench_close(struct bench *b);

/* Until nothing happens any more. False: something stands still, or books do not balance. */
bool bench_settle(struct bench *b);

/* ---- SAs ------------------------------------------------------------------------------------------ */

/* An ESP SA in tunnel mode between the gateways 192.0.2.1 and 192.0.2.2, AES-GCM with an ICV of 16, key from `spi`;
 * received ones come from the peer. Every clear packet belongs to an outbound one. */
void bench_node(struct esp_node *node, uint64_t handle, enum esp_dir dir, enum esp_alg alg,
                uint32_t spi);

/* ... and what an SA can be instead. */
enum bench_change {
    BENCH_AS_IT_IS,
    BENCH_KEY_256,
    BENCH_ICV_8,
    BENCH_ICV_12,
    BENCH_ESN,
    BENCH_IN_UDP,
    BENCH_CBC, /* with HMAC-SHA-256 */
    BENCH_AH,  /* with AES-GMAC */
    BENCH_IPV6,
    BENCH_TRANSPORT, /* between the ends of the clear packets */
    BENCH_WINDOW_32,
    BENCH_WINDOW_64,
    BENCH_WINDOW_128,
    BENCH_WINDOW_256,
    BENCH_WINDOW_512,
    BENCH_WINDOW_48
};
void bench_change(struct esp_node *node, enum bench_change change);

/* A request of one node, now; until it has ended. Its end is b->oid. */
bool bench_add(struct bench *b, const struct esp_node *node);
bool bench_delete(struct bench *b, uint64_t handle);

/* What the requester was told at the end of the last request, in words that drivers of all systems have. */
enum bench_answer { BENCH_DONE, BENCH_NO_ROOM, BENCH_NOT_SUPPORTED, BENCH_OTHERWISE };
extern const char *const bench_answers[]; /* by enum bench_answer */
enum bench_answer bench_answer(const struct bench *b);

/* Add nodes that differ in SPI (from `spi` on) and handle (from `handle` on), until one is refused or `most` are
 * there. *taken: those that the card has of them. `addresses`: destinations that they share between them, 1 to 256. */
bool bench_fill(struct bench *b, const struct esp_node *node, uint32_t most, uint32_t addresses,
                uint32_t *taken);

/* The card's own reset, with nothing under way. */
bool bench_reset(struct bench *b);

/* ---- packets -------------------------------------------------------------------------------------- */

/* Send `count` clear packets of `length` L3 bytes as fast as the card takes them, until all have left.
 * *interval: ps between two frames on the wire, after the first third of them. */
bool bench_flood(struct bench *b, uint32_t length, uint64_t count, double *interval);

/* The same, wherever they end; one every `interval` ps, 0: as fast as the card takes them. */
bool bench_pour(struct bench *b, uint32_t length, uint64_t count, uint64_t interval);

/* What the peer sent with the SA of this inbound node, under this number: arrives now; until it has been dealt with.
 * `damaged`: its ICV is not right. */
bool bench_receive(struct bench *b, const struct esp_node *node, uint64_t sequence, bool damaged);

/* A frame of the peer as it stands on the wire. Returns its length, 0 with b->error. */
uint32_t bench_seal(struct bench *b, const struct esp_node *node, uint64_t sequence,
                    uint32_t l3_length, uint8_t frame[BENCH_FRAME]);
/* A clear one, from the client of this number to the far side. */
uint32_t bench_clear(uint32_t client, uint32_t l3_length, uint8_t frame[BENCH_FRAME]);
/* It arrives at `time`, which must not be past. */
bool bench_arrive(struct bench *b, unsigned port, uint64_t time, const uint8_t *frame,
                  uint32_t length);

/* ---- registers ------------------------------------------------------------------------------------ */

/* Of 4 bytes, at an offset of BAR 0. b->readable: the card has it. */
bool bench_read(struct bench *b, uint32_t offset, uint32_t *value);
bool bench_write(struct bench *b, uint32_t offset, uint32_t value);

/* Say what went wrong; always false. */
bool bench_fail(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
