/* One measurement of a link with what it is to be compared with, and its forms: table, JSON, line of CSV. */
#ifndef ESPNIC_CLI_PCIE_OUTCOME_H
#define ESPNIC_CLI_PCIE_OUTCOME_H

#include <stdio.h>

#include "cli/pcie_limits.h"
#include "cli/pcie_setup.h"

struct pcie_outcome {
    bool latency;
    /* bandwidth */
    struct pcie_bench_rate rate;
    struct pcie_limits limits;
    double bound_gbps, published_gbps; /* published: not finite for Gen6 */
    /* latency, ns */
    uint64_t count;
    double min_ns, median_ns, mean_ns, p95_ns, p99_ns, p999_ns, max_ns;
};

/* The setup has been checked. False with a sentence in `error`. */
bool pcie_measure(const struct pcie_setup *setup, bool latency, struct pcie_outcome *outcome,
                  char *error, size_t error_size);

/* "reads", "writes, each followed by a read": for headings. */
const char *pcie_op_words(uint32_t op);

void pcie_outcome_print(const struct pcie_outcome *outcome, const struct pcie_setup *setup,
                        FILE *out);

/* New reference; without the configuration. */
json_t *pcie_outcome_json(const struct pcie_outcome *outcome);

/* "gbps,mtps,...": the names of the columns; and their values. No line break. */
void pcie_outcome_csv_names(bool latency, FILE *out);
void pcie_outcome_csv(const struct pcie_outcome *outcome, FILE *out);

#endif
