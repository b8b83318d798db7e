/* The twin of the card: received packets from parser to rx_dma, packets to send from tx_dma to mac_tx, one direction a
 * case, with a cache of SA contexts over card memory.
 *
 * Stages and channels are those of twin.h, which step every cycle; what the blocks do to a packet, the cache, the
 * memory, the hazards and the windows are written here, from sim/nic/README.md ("Cycle by cycle"), sa_table/cache.h
 * and the descriptions of parameters. It shares the resolved parameters with the card, and no code. */
#ifndef ESPNIC_TESTS_TIMING_CARD_TWIN_H
#define ESPNIC_TESTS_TIMING_CARD_TWIN_H

#include "card_case.h"

/* What there was to agree about: packets, if nothing else is said. */
struct card_reached {
    uint64_t packets, unknown; /* all; without an SA */
    uint64_t missed;           /* a line of their context was not there */
    uint64_t merged;           /* a line was on its way for an earlier packet */
    uint64_t no_mshr;       /* held before the look-up for lack of an MSHR, or of a place in one */
    uint64_t hazards;       /* held before replay_update by the update before */
    uint64_t passed;        /* that passed one whose context was not there yet */
    uint64_t reordered;     /* that came out of the engines before one that went in earlier */
    uint64_t in_order;      /* held behind the engines for one that went in earlier */
    uint64_t dropped, late; /* by replay_check; by replay_update */
    uint64_t too_long, exhausted;              /* to send: dropped by sequence */
    uint64_t fills, victims, dirty;            /* lines */
    uint64_t evictions[SA_CACHE_REPLACEMENTS]; /* lines, by policy */
    uint64_t prefetches, ahead_late,
        ahead_useless; /* lines fetched ahead; asked for on their way; never */
    uint64_t moved; /* refused because the window moved while they had no room before the engines */
    uint64_t bypasses; /* fills against a set full of pinned lines */
    uint64_t memory_busy,
        behind_write; /* fetches that found the memory occupied; by a write-back */
    uint64_t cycles, blocked[CARD_BLOCKS]; /* of a block; in which it found no room */
};

/* Accounts are those of the cycles that the card lived (`end`, by block): the host says when a run is over. Of what the
 * card did (`seen`) only the cycles in which tx_dma took packets to send are looked at. Adds to `reached`. */
void card_twin_run(const struct card_case *c, const struct card_result *seen,
                   const uint64_t end[CARD_BLOCKS], struct card_result *result,
                   struct card_reached *reached);

#endif
