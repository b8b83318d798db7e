#include "cli/stats.h"

#include "sa_table/table.h"

void espnic_describe_stats(struct stat_registry *registry)
{
    stat_register(registry, "sa", "the SA table", NULL, sa_table_stat_table, sa_table_stat_count);
}
