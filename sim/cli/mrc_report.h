/* What `espnic trace mrc` prints of a study. */
#ifndef ESPNIC_CLI_MRC_REPORT_H
#define ESPNIC_CLI_MRC_REPORT_H

#include <stdio.h>

#include "cli/mrc_study.h"

#define MRC_CONFIDENCE 0.95
#define MRC_SLACK      0.001

struct mrc_report {
    const struct mrc_study *study;
    uint64_t context;         /* bytes */
    const char *context_from; /* where that is said */
    const char *preset;       /* whose card decides which SAs it takes; NULL: the default card */
    const uint64_t *sizes;    /* capacities that are shown, rising */
    size_t size_count;
};

/* Capacities 1, 2, 3, 4, 6, 8, 12 ... up to the first beyond which no pool of the study hits more; or `all` up to
 * that one. The caller frees them. */
uint64_t *mrc_report_sizes(const struct mrc_study *study, bool all, size_t *count);

void mrc_report_text(const struct mrc_report *report, FILE *out);
void mrc_report_csv(const struct mrc_report *report, FILE *out);
/* False: not written, errno says why. */
bool mrc_report_json(const struct mrc_report *report, FILE *out);
/* A script for gnuplot. Returns the exit status of the program. */
int mrc_report_plot(const struct mrc_report *report, const char *script);

#endif
