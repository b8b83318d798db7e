/* What limits the bandwidth of a link, by experiment: the same measurement with one limit taken away. Only
 * what has held the card up, or has been given a limit, is tried. If nothing gains 1 %, the wire itself is
 * the limit. */
#ifndef ESPNIC_CLI_PCIE_LIMITS_H
#define ESPNIC_CLI_PCIE_LIMITS_H

#include "pcie_model/bench.h"

enum pcie_limit {
    PCIE_LIMIT_TAGS,
    PCIE_LIMIT_SPACE,
    PCIE_LIMIT_POSTED,
    PCIE_LIMIT_NONPOSTED,
    PCIE_LIMIT_RETRY,
    PCIE_LIMIT_MEMORY,
    PCIE_LIMIT_DEVICE,
    PCIE_LIMITS,
    PCIE_LIMIT_UP = PCIE_LIMITS, /* the wires: by elimination */
    PCIE_LIMIT_DOWN,
    PCIE_LIMIT_NONE /* an ideal link */
};

struct pcie_limits {
    enum pcie_limit first, second; /* PCIE_LIMIT_NONE: there is no second within 5 % */
    double headroom[PCIE_LIMITS];  /* rate without it over the rate measured; 0: not tried */
};

/* "completion space" */
const char *pcie_limit_name(enum pcie_limit limit);

/* False with a sentence in `error`. */
bool pcie_limits_find(const struct pcie_bench_config *bench, const struct pcie_config *link,
                      const struct pcie_bench_rate *measured, struct pcie_limits *limits,
                      char *error, size_t error_size);

#endif
