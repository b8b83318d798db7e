/* The measured phase of a run: what had happened at its begin and at its end, and the difference. */
#ifndef ESPNIC_CLI_PHASE_H
#define ESPNIC_CLI_PHASE_H

#include "host/host.h"
#include "nic/nic.h"

/* A block in the measured phase: its issue-slot-cycles by state and by cause. */
struct run_block {
    char name[48];
    uint64_t slots, items;
    uint64_t cycles[ACCOUNT_STATES];
    uint64_t by_cause[2][SCHED_MAX_BLOCKS]; /* blocked by, waiting for: [block number] */
    uint64_t stall[PCIE_STALLS];            /* pcie_up: waiting, by what it lacked */
};

/* Counters at one moment. All zeros: not taken yet. */
struct phase_mark {
    bool taken;
    uint64_t time; /* ps */
    struct nic_stats card;
    uint64_t delivered, sent;              /* packets: to the host's stack, on the wire */
    uint64_t given;                        /* to send: packets, and segments that they became */
    uint64_t changes[HOST_OID_KINDS];      /* adds, updates and deletes of SAs */
    uint64_t requests_in, requests_out;    /* OIDs: asked for, ended */
    uint64_t core_busy_ps[HOST_MAX_CORES]; /* work begun, to its end */
    struct run_block *block;
    unsigned blocks;
};

/* Take it now: `time` is the present. Again: it is replaced. False: out of memory. */
bool phase_take(struct phase_mark *mark, struct espnic *card, struct host *host, uint64_t time);
void phase_free(struct phase_mark *mark);

/* Turn the accounts of `end` into those of the time between. */
void phase_subtract(struct phase_mark *end, const struct phase_mark *begin);

#endif
