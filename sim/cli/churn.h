/* What SA churn costs the data path: the same run once more, with control requests that are done at once and cost
 * nothing. */
#ifndef ESPNIC_CLI_CHURN_H
#define ESPNIC_CLI_CHURN_H

#include "cli/simulation.h"

/* Is there anything to compare? Requests and packets, and requests that go through a command queue. */
bool churn_matters(const struct espnic_config *config, struct simulation *measured);

/* Run it; the finding becomes part of the results of `measured`. False with a sentence in `error`. */
bool churn_compare(const struct espnic_config *config, struct simulation *measured,
                   struct progress *progress, char *error, size_t error_size);

#endif
