/* Which numbers a sweep shows of a run: statistics by their path in the JSON report of `espnic run`. */
#ifndef ESPNIC_CLI_SWEEP_COLUMNS_H
#define ESPNIC_CLI_SWEEP_COLUMNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sweep_column {
    char *path; /* "rx.latency_ns.p99" */
    char *unit; /* "ns", "" */
    char *help;
    bool text;    /* not a number */
    bool plotted; /* by --plot */
    bool
        hidden; /* one of very many: not listed, and matched by a pattern only if that names its group */
};

struct sweep_columns {
    struct sweep_column *column;
    size_t count;
};

/* All that a report may hold, one by one. Of what there is once for each core, lane or port it holds the first;
 * others are found by their number ("host.core3.busy_ps", "blocks.crypto_rx.1.busy"). */
bool sweep_columns_known(struct sweep_columns *known, char *error, size_t error_size);

/* One line a column: path, unit, definition. */
void sweep_columns_list(const struct sweep_columns *known, FILE *out);

/* What `list` names, in its order: paths separated by commas, * for any characters. NULL: the default. `find` and
 * `bottleneck`: are these looked for? False with a sentence: a path is unknown (with the nearest), is named twice, or
 * is not looked for. */
bool sweep_columns_choose(const struct sweep_columns *known, const char *list, bool find,
                          bool bottleneck, struct sweep_columns *chosen, char *error,
                          size_t error_size);
void sweep_columns_free(struct sweep_columns *columns);

/* The number or text at a path of a report; NULL: it has none. Borrowed. */
const json_t *sweep_columns_value(const json_t *report, const char *path);

#endif
