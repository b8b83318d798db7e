#include <inttypes.h>
#include <string.h>

#include "engine/histogram.h"
#include "report/report.h"

/* RFC 4180: quote what holds a comma, a quote or a line break; double the quotes. */
static void write_text(const char *text, FILE *out)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static const char *const histogram_columns[] = { "count", "mean", "min",  "p50",
                                                 "p90",   "p99",  "p999", "max" };

static void write_heading(const struct stat_group *group, const struct stat_field *stat, FILE *out)
{
    if (stat->type != STAT_HIST) {
        fprintf(out, "%s.%s", group->path, stat->name);
        return;
    }
    for (size_t i = 0; i < sizeof histogram_columns / sizeof histogram_columns[0]; i++) {
        fprintf(out, "%s%s.%s.%s", i == 0 ? "" : ",", group->path, stat->name,
                histogram_columns[i]);
    }
}

static void write_real(double value, FILE *out)
{
    char text[48];
    fputs(report_real(value, text, sizeof text), out);
}

static void write_scaled(const struct histogram *h, uint64_t value, FILE *out)
{
    fputc(',', out);
    if (h->divisor > 1) {
        write_real(histogram_scaled(h, value), out);
    } else {
        fprintf(out, "%" PRIu64, value);
    }
}

static void write_histogram(const struct histogram *h, FILE *out)
{
    fprintf(out, "%" PRIu64 ",", h->count);
    write_real(histogram_mean(h), out);
    write_scaled(h, histogram_min(h), out);
    write_scaled(h, histogram_percentile(h, 1, 2), out);
    write_scaled(h, histogram_percentile(h, 9, 10), out);
    write_scaled(h, histogram_percentile(h, 99, 100), out);
    write_scaled(h, histogram_percentile(h, 999, 1000), out);
    write_scaled(h, h->max, out);
}

static void write_value(const struct stat_group *group, const struct stat_field *stat, FILE *out)
{
    const void *field = (const char *)group->base + stat->offset;
    if (stat->type == STAT_REAL) {
        double value;
        memcpy(&value, field, sizeof value);
        write_real(value, out);
    } else if (stat->type == STAT_HIST) {
        write_histogram(field, out);
    } else if (stat->type == STAT_STRING) {
        const char *text;
        memcpy(&text, field, sizeof text);
        write_text(text == NULL ? "" : text, out);
    } else {
        uint64_t value;
        memcpy(&value, field, sizeof value);
        fprintf(out, "%" PRIu64, value);
    }
}

void report_write_csv(const struct stat_registry *registry, FILE *out)
{
    for (int values = 0; values <= 1; values++) {
        bool first = true;
        for (size_t g = 0; g < registry->count; g++) {
            const struct stat_group *group = &registry->groups[g];
            for (size_t i = 0; i < group->count; i++) {
                if (group->stats[i].type == STAT_SAMPLES) {
                    continue;
                }
                fputs(first ? "" : ",", out);
                first = false;
                if (values) {
                    write_value(group, &group->stats[i], out);
                } else {
                    write_heading(group, &group->stats[i], out);
                }
            }
        }
        fputc('\n', out);
    }
}
