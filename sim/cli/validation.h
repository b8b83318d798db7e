/* Published figures beside simulated ones: what the suites of `espnic validate` have in common. Each suite is a file
 * validate_*.c; validate.c prints them. */
#ifndef ESPNIC_CLI_VALIDATION_H
#define ESPNIC_CLI_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/scenario.h"

enum validation_kind {
    VALIDATION_COMPUTED,  /* a formula: no parameter is free */
    VALIDATION_FITTED,    /* a parameter was chosen to meet it */
    VALIDATION_PREDICTED, /* none was */
    VALIDATION_MISSED,    /* likewise; known to miss its tolerance, `source` says why */
    VALIDATION_ABSENT,    /* the model has nothing to compare, `source` says what is missing */
    VALIDATION_NO_DATA    /* what was recorded is not on this machine */
};

/* A published figure of which only the direction is to be met: a simulated one between these two. */
struct validation_shape {
    double least, most;
};

struct validation_row {
    const char *group; /* "model", "latency", ... */
    char what[96];
    const char *unit;       /* "Gb/s", "M/s", "ns" */
    double published, most; /* `most` != published: anything between the two */
    double simulated;       /* not finite: not modelled */
    double error; /* percent of `published`; of a range, how far from its nearer end, 0 inside */
    double tolerance; /* percent, or negative: in the unit; 0: exact */
    const struct validation_shape
        *shape;               /* instead of a tolerance; NULL: the figure is to be met */
    const char *const *words; /* figures are places in this list, NULL: numbers */
    enum validation_kind kind;
    bool held;          /* inside its tolerance */
    const char *source; /* where it was published */
    const char *sets;   /* of parameters, or NULL */
    char settings[256]; /* what was measured: "bench.op=rd bench.size=64B" */
    char note[128];     /* what it can be held against beside the published figure, or empty */
};

struct validation {
    struct validation_row *rows;
    size_t count;
};

/* The last one has no name. */
struct validation_group {
    const char *name, *title;
};
/* ---- parameters ------------------------------------------------------------------------------------ */

/* A parameter of a named set. */
struct validation_setting {
    const char *set, *path, *value, *origin, *source;
};
/* The n-th of all sets of a suite; NULL path: there are no more. */
typedef struct validation_setting (*validation_setting_fn)(size_t n);

/* Lay the sets that are named ("cx7 flower") over the scenario, one after the other. False: see its error. */
bool validation_apply_sets(struct scenario *s, const char *names, validation_setting_fn setting);
/* Likewise "path=value path=value". */
bool validation_apply_settings(struct scenario *s, const char *text);

/* ---- rows ------------------------------------------------------------------------------------------ */

/* For those who add figures: one more row, all zero; error and verdict of a row from its other fields. */
struct validation_row *validation_add(struct validation *v);
void validation_judge(struct validation_row *row);
void validation_free(struct validation *v);

/* Is there nothing to compare? */
static inline bool validation_is_absent(const struct validation_row *row)
{
    return row->kind == VALIDATION_ABSENT || row->kind == VALIDATION_NO_DATA;
}

static inline bool validation_is_range(const struct validation_row *row)
{
    return row->most > row->published;
}

/* Is the figure as it is said to be? One that is known to miss, and holds, says that the table is out of date. */
bool validation_as_said(const struct validation_row *row);

const char *validation_kind_name(enum validation_kind kind);

#endif
