#include "cli/stats.h"

#include "cli/simulation.h"

void espnic_describe_stats(struct stat_registry *registry)
{
    simulation_register_stats(NULL, registry);
}
