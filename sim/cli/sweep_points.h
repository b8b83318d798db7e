/* The points of a sweep as simulations: their configurations, the inputs that they share, and one of them simulated. */
#ifndef ESPNIC_CLI_SWEEP_POINTS_H
#define ESPNIC_CLI_SWEEP_POINTS_H

#include "cli/inputs.h"
#include "cli/run_request.h"
#include "cli/sweep_axes.h"
#include "cli/sweep_columns.h"

struct sweep_base;

struct sweep_plan {
    const struct run_request *request; /* what all points have in common */
    const struct sweep_axes *axes;
    const struct sweep_columns *columns;
    double loss;             /* of request->find */
    struct sweep_base *base; /* scenario and settings, for each preset */
    size_t bases;
    struct inputs *inputs; /* decoded */
};

/* Read presets and scenario. The members above `base` are set. False with a sentence. */
bool sweep_points_resolve(struct sweep_plan *s, char *error, size_t error_size);
void sweep_points_free(struct sweep_plan *s);

/* The configuration of a point. False with a sentence: it is impossible. */
bool sweep_points_config(const struct sweep_plan *s, size_t point, struct espnic_config *config,
                         char *error, size_t error_size);

/* Does a scenario or a setting name a file to be written? A sweep writes none of them. */
bool sweep_points_have_outputs(const struct sweep_plan *s);

/* Decode what a point reads into s->inputs. False with a sentence. */
bool sweep_points_decode(struct sweep_plan *s, const struct espnic_config *config, char *error,
                         size_t error_size);

/* Simulate a point and write its cells (sweep_table_cells()). */
void sweep_points_simulate(const struct sweep_plan *s, size_t point, FILE *cells);

#endif
