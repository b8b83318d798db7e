/* Published figures of PCIe beside simulated ones. */
#ifndef ESPNIC_CLI_VALIDATE_PCIE_H
#define ESPNIC_CLI_VALIDATE_PCIE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum validation_kind {
    VALIDATION_COMPUTED,  /* a formula: no parameter is free */
    VALIDATION_FITTED,    /* a parameter was chosen to meet it */
    VALIDATION_PREDICTED, /* none was */
    VALIDATION_MISSED     /* likewise; known to miss its tolerance, `source` says why */
};

struct validation_row {
    const char *group; /* "model", "latency", ... */
    char what[96];
    const char *unit;       /* "Gb/s", "M/s", "ns" */
    double published, most; /* `most` != published: anything between the two */
    double simulated;
    double error;     /* percent of `published`; its share of the way to `most` if between */
    double tolerance; /* percent, or negative: in the unit; 0: none */
    enum validation_kind kind;
    bool held;          /* inside its tolerance */
    const char *source; /* where it was published */
    const char *sets;   /* of parameters, or NULL */
    char settings[256]; /* what was measured: "bench.op=rd bench.size=64B" */
};

struct validation {
    struct validation_row *rows;
    size_t count;
};

/* Measure every group, or the one called `only`. False with a sentence in `error`. */
bool validate_pcie(struct validation *v, const char *only, char *error, size_t error_size);
void validation_free(struct validation *v);

/* For those who add figures: one more row, all zero; error and verdict of a row from its other fields. */
struct validation_row *validation_add(struct validation *v);
void validation_judge(struct validation_row *row);

/* The last one has no name. */
struct validation_group {
    const char *name, *title;
};
extern const struct validation_group validate_pcie_groups[];

/* The n-th parameter of the named sets; NULL path: there are no more. */
struct validation_setting {
    const char *set, *path, *value, *origin, *source;
};
struct validation_setting validate_pcie_setting(size_t n);

/* Is the figure as it is said to be? One that is known to miss, and holds, says that the table is out of date. */
bool validation_as_said(const struct validation_row *row);

const char *validation_kind_name(enum validation_kind kind);

#endif
