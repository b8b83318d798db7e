/* The host behind the root complex once more, for test_host_memory: everything that ever happened is
 * kept in lists, and every answer is searched in them from the beginning. It shares the
 * configuration and the meaning of the random numbers with pcie_model/host_memory, nothing else. */
#ifndef ESPNIC_TESTS_HOST_MEMORY_TWIN_H
#define ESPNIC_TESTS_HOST_MEMORY_TWIN_H

#include "pcie_model/host_memory.h"

enum { TWIN_LIST = 65536 };

struct twin {
    struct pcie_memory_config config;
    uint64_t hz_num, hz_den;
    struct pcie_memory_stats stats;

    struct twin_walk {
        uint64_t page, start, end;
        uint64_t busy; /* the walker is, until then: the lines of a read follow its walk */
        bool over;     /* has been entered into page_use */
    } walk[TWIN_LIST];
    unsigned walks;
    struct twin_translated {
        uint64_t cycle;
        unsigned domain;
    } translated[TWIN_LIST]; /* reads */
    unsigned translateds;
    uint64_t page_use[TWIN_LIST]; /* entered or found in the IO-TLB, in that order */
    unsigned page_uses;

    struct twin_line {
        uint64_t line;
        bool here, dirty; /* in the cache, in this way */
        unsigned way, use;
    } line[TWIN_LIST];
    unsigned lines, uses;

    uint64_t turn[TWIN_LIST]; /* arrivals of lines that went to memory */
    unsigned turns;

    struct twin_written {
        uint64_t start, seen, freed; /* by itself: lines before it may hold it up */
        unsigned domain;
    } written[TWIN_LIST];
    unsigned writtens;
    bool mixed; /* there was more than one domain */

    uint64_t draws;
};

void twin_init(struct twin *twin, const struct pcie_memory_config *config, uint64_t hz_num,
               uint64_t hz_den);
uint64_t twin_read(struct twin *twin, unsigned domain, uint64_t arrives, uint64_t address,
                   uint32_t length);
struct pcie_memory_written twin_write(struct twin *twin, unsigned domain, uint64_t arrives,
                                      uint64_t address, uint32_t length);
void twin_touch(struct twin *twin, uint64_t address, uint64_t length, bool writes);
void twin_warm_device(struct twin *twin, uint64_t address, uint64_t length);
void twin_thrash(struct twin *twin);

#endif
