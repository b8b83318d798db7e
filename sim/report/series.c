#include "report/series.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/nearest.h"

static bool is_column(const struct stat_field *stat)
{
    return stat->type == STAT_U64 || stat->type == STAT_GAUGE;
}

/* Does one of the comma-separated patterns match? used[k] is set for the k-th that does. */
static bool chosen(char *const *patterns, size_t count, const char *path, bool *used)
{
    bool any = false;
    for (size_t k = 0; k < count; k++) {
        if (fnmatch(patterns[k], path, 0) == 0) {
            used[k] = true;
            any = true;
        }
    }
    return any;
}

static void add_column(struct series *s, const struct stat_group *group,
                       const struct stat_field *stat)
{
    struct series_column *more = must(realloc(s->columns, (s->count + 1) * sizeof *more));

    s->columns = more;
    more[s->count].value =
        (const uint64_t *)(const void *)((const char *)group->base + stat->offset);
    more[s->count].last = *more[s->count].value;
    more[s->count].level = stat->type == STAT_GAUGE;
    s->count++;
}

static void nearest_column(const struct stat_registry *registry, const char *wanted, char *error,
                           size_t error_size)
{
    char best[256] = "";
    unsigned best_distance = 0;
    for (size_t g = 0; g < registry->count; g++) {
        for (size_t i = 0; i < registry->groups[g].count; i++) {
            char path[256];
            const struct stat_field *stat = &registry->groups[g].stats[i];
            snprintf(path, sizeof path, "%s.%s", registry->groups[g].path, stat->name);
            unsigned d = nearest_distance(wanted, path);
            if (is_column(stat) && (best[0] == '\0' || d < best_distance)) {
                best_distance = d;
                memcpy(best, path, sizeof best);
            }
        }
    }
    snprintf(error, error_size, "no counter matches \"%s\"%s%s%s", wanted,
             best[0] == '\0' ? "" : "; the nearest is ", best,
             best[0] == '\0' ? " (there is none at all)" : "");
}

enum { MAX_PATTERNS = 64 };

static size_t split(char *list, char **patterns)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *p = strtok_r(list, ", ", &rest); p != NULL; p = strtok_r(NULL, ", ", &rest)) {
        if (count < MAX_PATTERNS) {
            patterns[count] = p;
        }
        count++;
    }
    return count;
}

static bool choose(struct series *s, const struct stat_registry *registry, const char *columns,
                   char *error, size_t error_size)
{
    char *list = strdup(columns);
    char *patterns[MAX_PATTERNS];
    bool used[MAX_PATTERNS] = { false };
    size_t count = list == NULL ? 0 : split(list, patterns);
    if (count == 0 || count > MAX_PATTERNS) {
        snprintf(error, error_size, "found %zu names of counters, expected 1 to %d", count,
                 MAX_PATTERNS);
        free(list);
        return false;
    }
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];
        for (size_t i = 0; i < group->count; i++) {
            char path[256];
            snprintf(path, sizeof path, "%s.%s", group->path, group->stats[i].name);
            if (is_column(&group->stats[i]) && chosen(patterns, count, path, used)) {
                add_column(s, group, &group->stats[i]);
                fprintf(s->file, ",%s", path);
            }
        }
    }
    bool good = true;
    for (size_t k = 0; k < count && good; k++) {
        if (!used[k]) {
            nearest_column(registry, patterns[k], error, error_size);
            good = false;
        }
    }
    free(list);
    return good;
}

bool series_open(struct series *s, const char *path, const struct stat_registry *registry,
                 const char *columns, uint64_t interval, char *error, size_t error_size)
{
    memset(s, 0, sizeof *s);
    if (interval == 0) {
        snprintf(error, error_size, "found an interval of 0, expected a time such as 10us");
        return false;
    }
    s->interval = interval;
    s->next = interval;
    s->file = fopen(path, "w");
    if (s->file == NULL) {
        snprintf(error, error_size, "%s: cannot write: %s", path, strerror(errno));
        return false;
    }
    fputs("time_us", s->file);
    if (!choose(s, registry, columns, error, error_size)) {
        fclose(s->file);
        free(s->columns);
        memset(s, 0, sizeof *s);
        return false;
    }
    fputc('\n', s->file);
    return true;
}

/* Microseconds with all six digits that picoseconds have. */
static void write_row(struct series *s, uint64_t time)
{
    fprintf(s->file, "%" PRIu64 ".%06" PRIu64, time / 1000000, time % 1000000);
    for (size_t i = 0; i < s->count; i++) {
        struct series_column *column = &s->columns[i];
        uint64_t value = *column->value;
        fprintf(s->file, ",%" PRIu64, column->level ? value : value - column->last);
        column->last = value;
    }
    fputc('\n', s->file);
}

void series_advance(struct series *s, uint64_t now)
{
    while (s->file != NULL && s->next <= now) {
        write_row(s, s->next);
        s->next = s->next > UINT64_MAX - s->interval ? UINT64_MAX : s->next + s->interval;
        if (s->next == UINT64_MAX) {
            break;
        }
    }
}

bool series_close(struct series *s, uint64_t now, char *error, size_t error_size)
{
    if (s->file == NULL) {
        return true;
    }
    series_advance(s, now);
    if (now > s->next - s->interval) {
        write_row(s, now);
    }
    errno = 0;
    bool good = !ferror(s->file);
    good = fclose(s->file) == 0 && good;
    if (!good) {
        snprintf(error, error_size, "cannot write the series: %s",
                 strerror(errno == 0 ? EIO : errno));
    }
    free(s->columns);
    memset(s, 0, sizeof *s);
    return good;
}
