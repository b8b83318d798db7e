/* What `espnic pcie` and `espnic validate pcie` measure: a link, its host and a DMA engine, described by
 * the parameters of a card (card.pcie, card.pcie.host; so presets can be taken) and by the group "bench". */
#ifndef ESPNIC_CLI_PCIE_SETUP_H
#define ESPNIC_CLI_PCIE_SETUP_H

#include <jansson.h>

#include "cli/config.h"
#include "cli/scenario.h"
#include "pcie_model/bench.h"

struct pcie_setup {
    struct espnic_config base; /* of which only card.pcie is used */
    struct pcie_bench_config bench;
};

/* All groups, with offsets into struct pcie_setup. The same array on every call. */
const struct param_group *pcie_setup_groups(size_t *count);

/* Is that a possible link, host and bench, for bandwidth or `latency`? False with the place (the option)
 * and a sentence in s->error. s->config is a struct pcie_setup. */
bool pcie_setup_check(struct scenario *s, bool latency);

/* The parameters that are used, with their origin: {"card": {"pcie": ...}, "bench": ...}. New reference. */
json_t *pcie_setup_json(const struct scenario *s);

#endif
