#include "pcie_model/llc.h"

#include <stdlib.h>
#include <string.h>

enum { DIRTY = 1, VALID = 2, LINE_SHIFT = 2 };

bool llc_init(struct llc *llc, uint64_t sets, uint32_t ways, uint32_t device_ways)
{
    memset(llc, 0, sizeof *llc);
    if (sets == 0) {
        return true;
    }
    llc->sets = sets;
    llc->ways = ways;
    llc->device_ways = device_ways;
    llc->tag = calloc(sets * ways, sizeof *llc->tag);
    llc->stamp = calloc(sets * ways, sizeof *llc->stamp);
    if (!llc->tag || !llc->stamp) {
        llc_free(llc);
        return false;
    }
    return true;
}

void llc_free(struct llc *llc)
{
    free(llc->tag);
    free(llc->stamp);
    memset(llc, 0, sizeof *llc);
}

void llc_register_state(struct llc *llc, struct snapshot *snap)
{
    if (llc->sets == 0) {
        return;
    }
    snapshot_fixed(snap, "pcie_memory.llc.uses", &llc->uses, sizeof llc->uses);
    snapshot_fixed(snap, "pcie_memory.llc.tag", llc->tag, llc->sets * llc->ways * sizeof *llc->tag);
    snapshot_fixed(snap, "pcie_memory.llc.stamp", llc->stamp,
                   llc->sets * llc->ways * sizeof *llc->stamp);
}

void llc_clear(struct llc *llc)
{
    if (llc->sets != 0) {
        memset(llc->tag, 0, llc->sets * llc->ways * sizeof *llc->tag);
        memset(llc->stamp, 0, llc->sets * llc->ways * sizeof *llc->stamp);
    }
}

/* First way of the set that the line belongs to. */
static size_t set_of(const struct llc *llc, uint64_t line)
{
    return (size_t)(line % llc->sets) * llc->ways;
}

/* Make the line, if it is there, the last to go, and set `flags` on it. */
static bool use(struct llc *llc, uint64_t line, unsigned flags)
{
    size_t first = set_of(llc, line);
    uint64_t want = line << LINE_SHIFT | VALID;

    for (size_t at = first; at < first + llc->ways; at++) {
        if ((llc->tag[at] & ~(uint64_t)DIRTY) == want) {
            llc->tag[at] |= flags;
            llc->stamp[at] = ++llc->uses;
            return true;
        }
    }
    return false;
}

/* Put the line into one of the first `ways` ways; true: what stood there was dirty. Of ways that were
 * never used the last is taken, so that what the CPU brings keeps clear of the devices' ways. */
static bool place(struct llc *llc, uint64_t line, uint32_t ways, unsigned flags)
{
    size_t first = set_of(llc, line);
    size_t victim = first + ways - 1;
    bool dirty;

    for (size_t at = victim; at-- > first;) {
        if (llc->stamp[at] < llc->stamp[victim]) {
            victim = at;
        }
    }
    dirty = (llc->tag[victim] & DIRTY) != 0;
    llc->tag[victim] = line << LINE_SHIFT | VALID | flags;
    llc->stamp[victim] = ++llc->uses;
    return dirty;
}

bool llc_device_reads(struct llc *llc, uint64_t line)
{
    return use(llc, line, 0);
}

enum llc_write llc_device_writes(struct llc *llc, uint64_t line)
{
    if (use(llc, line, DIRTY)) {
        return LLC_UPDATED;
    }
    if (llc->device_ways == 0) {
        return LLC_PASSED;
    }
    return place(llc, line, llc->device_ways, DIRTY) ? LLC_REPLACED : LLC_PLACED;
}

void llc_cpu_uses(struct llc *llc, uint64_t line, bool writes)
{
    unsigned flags = writes ? DIRTY : 0;

    if (!use(llc, line, flags)) {
        place(llc, line, llc->ways, flags);
    }
}
