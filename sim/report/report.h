/* Writers over a registry of statistics and over the tables of parameters: JSON, CSV, and the
 * listing of what every number means.
 *
 * Dotted paths become nested objects, keys in the order of registration. Numbers are exact
 * integers, or decimals with nine significant digits; nothing depends on locale, time or pointers,
 * so equal statistics give equal bytes. */
#ifndef ESPNIC_REPORT_REPORT_H
#define ESPNIC_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/describe.h"

/* Add every statistic to the object `root`. Two that claim the same place, or one that stands where
 * another has its group, are a programming error: abort() with a message. */
void report_add_stats(json_t *root, const struct stat_registry *registry);

/* Add `value` (stolen) to `root` at a dotted path. Aborts as above. */
void report_add(json_t *root, const char *path, json_t *value);

/* Every parameter as nested objects: {"value": "100Gbps", "from": "read", "source": "...",
 * "at": "generic-100g.yaml:12:7"}; source and at only where there is one. Files are shown as they
 * were typed. `notes` in the order of the tables; NULL: everything is the default. New reference. */
json_t *report_config(const struct param_group *groups, size_t count, const void *config,
                      const struct param_note *notes);

/* Indented JSON and a line break. False: not written, errno says why. */
bool report_write_json(const json_t *root, FILE *out);

/* The same to a file ("-": stdout). False with a sentence in `error`. */
bool report_save_json(const json_t *root, const char *path, char *error, size_t error_size);

/* One line of headings (full paths; a histogram gives path.count, path.mean, ...) and one of
 * values. Texts are quoted where needed; samples are left out. */
void report_write_csv(const struct stat_registry *registry, FILE *out);

/* What every number means, for people: path, unit, definition. */
void report_describe(const struct stat_registry *registry, FILE *out);

/* The same as {"path": {"unit", "type", "help"}, ...}, in order. New reference. */
json_t *report_describe_json(const struct stat_registry *registry);

/* A decimal as it stands in a report: nine significant digits; "null" if not finite. */
const char *report_real(double value, char *out, size_t size);

#endif
