/* The host's last-level cache as a device meets it: which lines are in it, and which of them are
 * newer than memory. No time and no data.
 *
 * Sets of `ways` lines of 64 bytes, the least recently used one goes first. Device writes (DDIO,
 * Intel Data Direct I/O) put new lines only into the first `device_ways` ways of a set, but find
 * and update a line in any way; device reads find lines and bring none in; the CPU puts lines into
 * any way. DDIO's share of about 10 % (2 ways of 20) shows in pcie-bench, SIGCOMM 2018. */
#ifndef ESPNIC_PCIE_MODEL_LLC_H
#define ESPNIC_PCIE_MODEL_LLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/snapshot.h"

enum { LLC_LINE_SHIFT = 6, LLC_LINE = 1 << LLC_LINE_SHIFT, LLC_MAX_WAYS = 64 };

struct llc {
    uint32_t ways, device_ways;
    uint64_t sets;   /* any number; 0: no cache, nothing below is there */
    uint64_t *tag;   /* [set * ways + way]: line << 2, valid, dirty */
    uint64_t *stamp; /* likewise: last use, 0 never */
    uint64_t uses;
};

/* What became of a line that a device wrote. */
enum llc_write {
    LLC_UPDATED,  /* it was there */
    LLC_PLACED,   /* brought in; what it replaced was as in memory */
    LLC_REPLACED, /* brought in; what it replaced must be written back */
    LLC_PASSED    /* there is no way for devices: to memory */
};

/* False: no memory. The structure must be zeroed or initialised before it is freed. */
bool llc_init(struct llc *llc, uint64_t sets, uint32_t ways, uint32_t device_ways);
void llc_free(struct llc *llc);
void llc_register_state(struct llc *llc, struct snapshot *snap);

/* `line` is the address / 64. Only with sets > 0. */
bool llc_device_reads(struct llc *llc, uint64_t line); /* true: found */
enum llc_write llc_device_writes(struct llc *llc, uint64_t line);
void llc_cpu_uses(struct llc *llc, uint64_t line, bool writes);

/* As if other data, equal to memory, had taken every way. */
void llc_clear(struct llc *llc);

#endif
