#include "report/report.h"

#include <string.h>

#include "report/text.h"

static const char *type_name(enum stat_type type)
{
    switch (type) {
    case STAT_REAL: return "number";
    case STAT_HIST: return "distribution";
    case STAT_STRING: return "text";
    case STAT_SAMPLES: return "list";
    case STAT_GAUGE: return "level";
    default: return "count";
    }
}

/* "path  [unit]" on a line of its own where it is long, then the definition, indented. */
void report_describe(const struct stat_registry *registry, FILE *out)
{
    fputs("A distribution is reported as count, mean, min, p50, p90, p99, p999 and max.\n", out);
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];
        fprintf(out, "\n%s  ", group->path);
        text_wrap(out, group->help == NULL ? "" : group->help, strlen(group->path) + 2, 4,
                  TEXT_WIDTH);
        for (size_t i = 0; i < group->count; i++) {
            const struct stat_field *stat = &group->stats[i];
            const char *unit =
                stat->unit == NULL || stat->unit[0] == '\0' ? type_name(stat->type) : stat->unit;
            int n = fprintf(out, "  %-24s %-10s ", stat->name, unit);
            text_wrap(out, stat->help == NULL ? "" : stat->help, n < 0 ? 0 : (size_t)n, 38,
                      TEXT_WIDTH);
        }
    }
}

json_t *report_describe_json(const struct stat_registry *registry)
{
    json_t *root = json_object();
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];
        for (size_t i = 0; i < group->count; i++) {
            const struct stat_field *stat = &group->stats[i];
            char path[256];
            snprintf(path, sizeof path, "%s.%s", group->path, stat->name);
            json_t *entry = json_object();
            json_object_set_new(entry, "unit", json_string(stat->unit == NULL ? "" : stat->unit));
            json_object_set_new(entry, "type", json_string(type_name(stat->type)));
            json_object_set_new(entry, "help", json_string(stat->help == NULL ? "" : stat->help));
            json_object_set_new(root, path, entry);
        }
    }
    return root;
}
