/* Random links and traffic for the tests against the twin and of properties. A case is a number. */
#ifndef ESPNIC_TESTS_TIMING_PCIE_RANDOM_H
#define ESPNIC_TESTS_TIMING_PCIE_RANDOM_H

#include "engine/rng.h"
#include "pcie_bench.h"

/* Somewhere in host memory. */
static const uint64_t pr_page = 0x400000000000ull;

struct pr_wish {
    unsigned clients;         /* at most */
    uint32_t requests, mmios; /* at most, of each client */
    bool exact;               /* no damage, and as many clients as that */
};

struct pcie_config pr_config(struct rng *r);

/* Everything of a case is planned and started, nothing has run. */
void pr_bench(struct pcie_bench *b, uint64_t number, const struct pr_wish *wish);

/* The parameters of a case, for messages. */
void pr_show(const struct pcie_config *config);

/* One of `n` numbers. */
uint64_t pr_pick(struct rng *r, const uint64_t *from, size_t n);
#define PICK(r, ...)                                                                               \
    pr_pick(r, (const uint64_t[]){ __VA_ARGS__ },                                                  \
            sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

#endif
