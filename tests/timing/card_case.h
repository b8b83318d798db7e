/* A card with SA contexts behind a cache, and packets for it: made at random, run by the program's own simulation.
 *
 * One port, one lane, packet offload; recordings with one inbound AES-GCM tunnel SA a line; packets of these SAs in
 * bursts, back to back, out of order, twice. What the card does is seen from outside: the passages of packets through
 * blocks, which are what `espnic run --timeline` shows, and the counters of the report. */
#ifndef ESPNIC_TESTS_TIMING_CARD_CASE_H
#define ESPNIC_TESTS_TIMING_CARD_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/config.h"
#include "engine/account.h"

enum { CARD_PACKETS = 256, CARD_SAS = 64, CARD_SETTINGS = 80, CARD_TEXT = 128 };

/* The blocks of the receive side, in the order in which a packet passes them. Those of the send side stand in the places
 * of those that do the same: tx_dma, sa_fetch, sa_wait_tx, sequence, encapsulate, crypto_tx, reorder_tx, mac_tx in
 * PARSER, LOOKUP, WAIT, UPDATE, DECAPSULATE, CRYPTO, REORDER, RX_DMA; CHECK is empty. */
enum card_block {
    CARD_PARSER,
    CARD_LOOKUP,
    CARD_WAIT,
    CARD_CHECK,
    CARD_CRYPTO,
    CARD_REORDER,
    CARD_UPDATE,
    CARD_DECAPSULATE,
    CARD_RX_DMA,
    CARD_BLOCKS
};

struct card_packet {
    uint32_t sa; /* 0 .. sas - 1: line of the recording; sas: one that the card does not know */
    uint32_t sequence; /* its ESP sequence number */
    uint32_t length;   /* of the frame, bytes without FCS */
    uint32_t
        inner; /* of the IP packet in it; the rest is headers, IV, trailer with its padding, ICV */
    bool bad_icv;
    uint64_t time_ns; /* stamp of the capture */
};

struct card_case {
    uint64_t seed;
    struct espnic_config config;
    char setting[CARD_SETTINGS][CARD_TEXT]; /* "card.sa.rmw=7", as for --set */
    unsigned settings;
    bool send; /* clear packets, for the SAs to send, or for none */
    uint32_t sas, window;
    uint32_t numbers; /* to send: that each SA has left; UINT32_MAX: more than enough */
    bool
        functional; /* packets are really encrypted; else padding is not known and counts as payload */
    bool congested;
    struct card_packet packet[CARD_PACKETS];
    unsigned packets;
    uint64_t
        base_ps; /* when the clock of the capture starts: the host sets up the card first; card_case_run() says */
};

/* From the cycle in which a packet is taken to the one after the last in which a beat of it leaves, in picoseconds. */
struct card_span {
    bool seen;
    uint64_t begin_ps, end_ps;
};

/* What card and twin must agree in. */
struct card_result {
    struct card_span span[CARD_PACKETS][CARD_BLOCKS];
    uint64_t cycles[CARD_BLOCKS][ACCOUNT_STATES]; /* of all lanes of the block */
    uint64_t accesses, hits, misses, merged;      /* lines */
    uint64_t fills, evictions, writebacks;        /* lines */
    uint64_t prefetches, prefetch_there, prefetch_refused, prefetch_dropped;
    uint64_t prefetch_useful, prefetch_late, prefetch_useless; /* lines */
    uint64_t bypasses, pins, pins_missed;                      /* lines */
    uint64_t packets_hit, packets_missed;                      /* by whole contexts */
    uint64_t passed;                   /* one that still waited for its context */
    uint64_t replay, too_old, bad_icv; /* dropped for it */
    uint64_t mtu, exhausted;           /* ... to send */
    uint64_t out;                      /* that reached the host, or the wire */
};

/* "parser", "tx_dma"; NULL: there is no such block. */
const char *card_block_name(const struct card_case *c, enum card_block b);

void card_case_make(struct card_case *c, uint64_t seed, bool send);
/* The settings, a line each, and the packets. */
void card_case_print(const struct card_case *c);

/* Runs the card. Dies with a message if it does not run to its end. */
void card_case_run(struct card_case *c, struct card_result *result);

#endif
