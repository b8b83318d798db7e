/* Work done by processes of their own, one an item and so many at a time: an item that crashes takes nothing else
 * with it, memory is given back after each, and what was there before is shared.
 *
 * Only the order of done() depends on how long items take. */
#ifndef ESPNIC_CLI_SWEEP_JOBS_H
#define ESPNIC_CLI_SWEEP_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sweep_jobs {
    unsigned jobs;        /* processes at a time, 1 or more */
    unsigned cpu_seconds; /* that an item may take; 0: no limit */
    void *self;
    /* In a process of its own: write the result. */
    void (*work)(void *self, size_t item, FILE *result);
    /* In the caller's: the result, or (result NULL) a sentence why there is none. False: do no more. */
    bool (*done)(void *self, size_t item, const char *result, size_t size, const char *why);
};

/* Do the items. SIGINT, SIGTERM and SIGHUP (unless ignored) stop it: the processes are ended and the number of the
 * signal is returned; the three are then held back until sweep_jobs_die(). 0: all done, or done() wanted no more. */
int sweep_jobs_run(const struct sweep_jobs *jobs, const size_t *items, size_t count);

/* End this process by the signal that stopped the jobs, so that a shell sees what happened. */
_Noreturn void sweep_jobs_die(int number);

/* Processors that this process may use, 1 or more. */
unsigned sweep_jobs_processors(void);

#endif
