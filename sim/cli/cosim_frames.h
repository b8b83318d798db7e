/* Frames for the receive pipeline: ESP packets of random SAs, good ones and ones that a network or an enemy has made
 * bad, and everything else that can be in an Ethernet frame. Sealed with the cryptographic library of the simulator
 * (OpenSSL, whatever the card uses). */
#ifndef ESPNIC_CLI_COSIM_FRAMES_H
#define ESPNIC_CLI_COSIM_FRAMES_H

#include "engine/rng.h"
#include "esp/esp.h"
#include "nic/solo.h"

enum { FRAMES_LONGEST = NIC_SOLO_LONGEST, FRAMES_SAS = 256 };

/* An SA as its peer, which sends, sees it. */
struct frames_peer {
    struct esp_transform transform;
    uint8_t key[32 + 4]; /* and salt */
    uint32_t rounds;     /* 0: 10, 1: 12, 2: 14 */
    bool gmac, live;
    uint32_t window;
    uint64_t next, top; /* number to send next; highest one received when the SA was made */
    uint32_t generation;
};

struct frames {
    struct rng random;
    struct esp_crypt *crypt;
    struct frames_peer peer[FRAMES_SAS];
    uint32_t sas, window, favourite, last;
    bool sound; /* only good packets of the SAs, in order */
    uint8_t buffer[4096];
    uint8_t *bytes; /* the present frame */
    uint32_t length;
    uint64_t total, sealed, tunnel, v6, udp, gmac, longest_key, esn, crossings, close, damaged,
        tagged;
    uint64_t clear, garbage, with_tail, one_beat, long_padding, ecn;
};

void frames_init(struct frames *f, uint64_t seed, uint32_t sas, uint32_t window);
void frames_free(struct frames *f);

/* SA `number` is another one from now on. */
void frames_new_peer(struct frames *f, uint32_t number);
/* The SA as the one who receives has it. */
void frames_node(const struct frames_peer *peer, struct esp_node *node);

/* Does the receive pipeline of the RTL take this frame for something else than that of the card (esp_parser.sv)? */
bool frames_beyond_rtl(const uint8_t *bytes, uint32_t length);

/* The next frame: bytes, length. */
void frames_next(struct frames *f);

#endif
