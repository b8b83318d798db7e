/* A trace read once, for `espnic trace mrc`: every packet finds its SA, every SA that is used goes into the
 * miss-ratio curves of the pools. */
#ifndef ESPNIC_CLI_MRC_STUDY_H
#define ESPNIC_CLI_MRC_STUDY_H

#include "cli/progress.h"
#include "engine/describe.h"
#include "engine/histogram.h"
#include "host/finder.h"
#include "sa_table/mrc.h"

struct mrc_study_config {
    const char *oids;                  /* recording */
    const char *rx, *tx;               /* captures, NULL: none; at least one */
    const char *rx_filter, *tx_filter; /* BPF or NULL */
    bool skip_bad;                     /* damaged records are counted */
    struct finder_config finder;
    struct mrc_config sampling;
    uint64_t interval_ns; /* for SAs active at a time */
    const char *accesses; /* file for one line an access, NULL: none */
    const char *active;   /* file for one line an interval, NULL: none */
};

enum mrc_direction { MRC_RX, MRC_TX, MRC_DIRECTIONS };

/* Packets of a direction. */
struct mrc_packets {
    uint64_t packets, bytes, cut;
    uint64_t reason[FINDER_REASON_COUNT]; /* of FINDER_FOUND: those that use an SA */
};

/* SAs that share a cache: those of both directions, or of one. */
struct mrc_pool {
    const char *name; /* "shared", "rx", "tx" */
    bool direction[MRC_DIRECTIONS];
    struct mrc *mrc;
    struct mrc_seen *seen; /* [sa] */
    uint32_t room;
    uint64_t active; /* SAs used in the present interval */
    struct mrc_pool_numbers {
        uint64_t accesses, first, sas, marks;
        double rate;
        struct histogram reuse_packets, reuse_ns, active;
    } n;
};

enum { MRC_POOLS = 3 };

struct mrc_study {
    const struct mrc_study_config *config;
    struct finder *finder;
    struct mrc_packets packets[MRC_DIRECTIONS];
    struct mrc_pool pool[MRC_POOLS];
    unsigned pools; /* 1, or 3 if there are two directions */
    struct mrc_requests {
        uint64_t records, bad_records, adds, deletes, unknown_deletes, offload_off;
        uint64_t refused[SA_REASON_COUNT];
        uint64_t peak_live, live, in_software;
    } requests;
    uint64_t span_ns; /* from t = 0 to the last packet */
};

/* Read everything to its end. NULL with a message (which names the place) in `error`. */
struct mrc_study *mrc_study_run(const struct mrc_study_config *config, struct progress *progress,
                                char *error, size_t error_size);
void mrc_study_free(struct mrc_study *study); /* NULL is allowed */

/* The numbers above, with names and definitions. */
void mrc_study_register(const struct mrc_study *study, struct stat_registry *registry);

#endif
