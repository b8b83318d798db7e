/* Every group of statistics that a report may hold, with its definitions, for `espnic report
 * --describe`. The bases of the groups may be NULL: only the tables are read. */
#ifndef ESPNIC_CLI_STATS_H
#define ESPNIC_CLI_STATS_H

#include "engine/describe.h"

void espnic_describe_stats(struct stat_registry *registry);

#endif
