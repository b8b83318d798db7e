/* What a sweep varies: keys with their values, and the points of their cross product.
 *
 *   KEY=A,B,C          each of these
 *   KEY=MIN:STEP:MAX   MIN, MIN + STEP, ... up to MAX
 *   KEY=MIN:xN:MAX     MIN, MIN * N, ... up to MAX
 *
 * and any of them separated by commas. A key is the path of a parameter or the name of an option of `espnic run`
 * that has a value ("load", "preset"). Points are numbered so that the last key changes fastest. */
#ifndef ESPNIC_CLI_SWEEP_AXES_H
#define ESPNIC_CLI_SWEEP_AXES_H

#include "cli/config.h"

enum { SWEEP_AXIS_PATH = 192 };

struct sweep_axis {
    const char *argument;       /* as typed */
    char path[SWEEP_AXIS_PATH]; /* "card.crypto.engines", "workload.load"; "preset" */
    const struct param_group *group;
    const struct param *param; /* NULL: the preset */
    char **value;              /* as param_format() writes them; all different */
    size_t count;              /* 1 or more */
};

struct sweep_axes {
    struct sweep_axis *axis;
    size_t count;
    size_t points; /* 1 if there is no axis */
};

/* True for "KEY=...": a scenario whose name holds a '=' is written with a folder ("./a=b.yaml"). */
bool sweep_axes_is_key(const char *argument);

/* Add a key. False with a sentence that begins with the argument: unknown key, wrong value, empty range, a key or
 * a value a second time, more than `max_points` points. */
bool sweep_axes_add(struct sweep_axes *axes, const char *argument, uint64_t max_points, char *error,
                    size_t error_size);
void sweep_axes_free(struct sweep_axes *axes);

/* Which value the axis has at a point. */
size_t sweep_axes_index(const struct sweep_axes *axes, size_t point, size_t axis);
const char *sweep_axes_value(const struct sweep_axes *axes, size_t point, size_t axis);

/* The axis of a path; axes->count: none. */
size_t sweep_axes_find(const struct sweep_axes *axes, const char *path);

/* Set the values of a point in a config; the preset is left to the caller. */
void sweep_axes_apply(const struct sweep_axes *axes, size_t point, struct espnic_config *config);

/* The values of an axis as numbers, for a plot; *unit: "bytes", "Gb/s", "MHz", "us", "" for counts. False: they are
 * not all numbers. `out` has room for axis->count. */
bool sweep_axes_numbers(const struct sweep_axis *axis, double *out, const char **unit);

/* "card.crypto.engines=2 workload.load=10Gbps". Returns out. */
const char *sweep_axes_text(const struct sweep_axes *axes, size_t point, char *out, size_t size);

#endif
