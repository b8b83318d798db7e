#include "cli/sweep_points.h"

#include <stdlib.h>
#include <string.h>

#include "cli/find.h"
#include "cli/sweep_table.h"
#include "engine/must.h"
#include "report/report.h"

struct sweep_base {
    struct run_request request; /* a copy; its lists belong to the original */
};

/* ---- configurations ------------------------------------------------------------------------------------ */

/* The settings, and then the preset: the last one counts. */
static bool resolve_base(const struct sweep_plan *s, struct run_request *r, const char *preset,
                         const char *option)
{
    size_t n = s->request->settings.count;
    struct scenario_setting *all = must(calloc(n + 1, sizeof *all));
    char *assignment = NULL;
    bool ok;

    if (n > 0) {
        memcpy(all, s->request->settings.settings, n * sizeof *all);
    }
    if (preset) {
        must(asprintf(&assignment, "preset=%s", preset) < 0 ? NULL : assignment);
        all[n++] = (struct scenario_setting){ .option = option, .assignment = assignment };
    }
    r->settings = (struct setting_list){ .settings = all, .count = n };
    ok = run_request_resolve(r);
    r->settings = (struct setting_list){ 0 };
    free(assignment);
    free(all);
    return ok;
}

bool sweep_points_resolve(struct sweep_plan *s, char *error, size_t error_size)
{
    size_t axis = sweep_axes_find(s->axes, "preset");
    const struct sweep_axis *presets = axis < s->axes->count ? &s->axes->axis[axis] : NULL;
    size_t wanted = presets ? presets->count : 1;

    s->base = must(calloc(wanted, sizeof *s->base));
    for (s->bases = 0; s->bases < wanted; s->bases++) {
        struct run_request *r = &s->base[s->bases].request;

        r->file = s->request->file;
        if (!resolve_base(s, r, presets ? presets->value[s->bases] : NULL,
                          presets ? presets->argument : NULL)) {
            snprintf(error, error_size, "%s", r->scenario.error);
            s->bases++;
            return false;
        }
    }
    return true;
}

void sweep_points_free(struct sweep_plan *s)
{
    for (size_t i = 0; i < s->bases; i++) {
        run_request_free(&s->base[i].request);
    }
    free(s->base);
    inputs_destroy(s->inputs);
    s->base = NULL;
    s->inputs = NULL;
    s->bases = 0;
}

bool sweep_points_config(const struct sweep_plan *s, size_t point, struct espnic_config *config,
                         char *error, size_t error_size)
{
    size_t axis = sweep_axes_find(s->axes, "preset");
    size_t base = axis < s->axes->count ? sweep_axes_index(s->axes, point, axis) : 0;

    *config = s->base[base].request.config;
    sweep_axes_apply(s->axes, point, config);
    if (!run_request_idealise(s->request, config, error, error_size) ||
        !run_request_possible(config, error, error_size)) {
        return false;
    }
    if (!run_request_has_input(config)) {
        snprintf(error, error_size, "nothing to do: no recording, no capture, no traffic.profile");
        return false;
    }
    return true;
}

bool sweep_points_have_outputs(const struct sweep_plan *s)
{
    bool any = false;

    for (size_t i = 0; i < s->bases; i++) {
        const struct outputs_config *o = &s->base[i].request.config.outputs;

        any |= o->report[0] || o->csv[0] || o->tx_out[0] || o->rx_out[0] || o->series[0] ||
               o->timeline[0];
        for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
            any |= o->port_tx_out[p][0] || o->port_rx_out[p][0];
        }
    }
    return any;
}

/* ---- inputs -------------------------------------------------------------------------------------------- */

static bool decode_capture(struct sweep_plan *s, const char *path, const char *filter, char *error,
                           size_t error_size)
{
    return !path[0] || inputs_add_capture(s->inputs, path, filter, error, error_size);
}

bool sweep_points_decode(struct sweep_plan *s, const struct espnic_config *config, char *error,
                         size_t error_size)
{
    const struct workload_config *w = &config->workload;
    bool ok = true;

    if (!s->inputs) {
        return true;
    }
    if (w->oids[0]) {
        ok = inputs_add_recording(s->inputs, w->oids, error, error_size);
    }
    for (unsigned p = 0; p < config->card.general.ports && ok; p++) {
        ok = decode_capture(s, w->rx[p], w->rx_filter, error, error_size) &&
             decode_capture(s, w->tx[p], w->tx_filter, error, error_size);
    }
    return ok;
}

/* ---- a point ------------------------------------------------------------------------------------------- */

static bool report_on(const struct sweep_plan *s, const struct espnic_config *config,
                      struct simulation *sim, json_t *report, char *error, size_t error_size)
{
    struct bottleneck b;
    bool look;

    if (simulation_run(sim, error, error_size) != SIMULATION_DONE) {
        return false;
    }
    look = run_request_looks(s->request, sim);
    if (look &&
        !bottleneck_find(&b, config, sim, s->request->experiments, 0, NULL, error, error_size)) {
        return false;
    }
    run_request_report(report, sim, look ? &b : NULL);
    return true;
}

static bool simulate(const struct sweep_plan *s, size_t point, json_t *report, char *error,
                     size_t error_size)
{
    struct simulation_options options = { .quiet = true, .inputs = s->inputs };
    struct espnic_config *config = must(calloc(1, sizeof *config));
    struct simulation *sim = NULL;
    uint64_t bps = 0;
    bool ok = sweep_points_config(s, point, config, error, error_size);

    if (ok && s->request->find) {
        ok =
            find_rate(config, s->inputs, s->loss, NULL, &bps, error, error_size) == SIMULATION_DONE;
        find_set_load(config, bps);
    }
    if (ok) {
        sim = simulation_create(config, &options, error, error_size);
        ok = sim && report_on(s, config, sim, report, error, error_size);
    }
    if (ok && s->request->find) {
        report_add(report, "find", find_json(s->loss, bps));
    }
    simulation_destroy(sim);
    free(config);
    return ok;
}

void sweep_points_simulate(const struct sweep_plan *s, size_t point, FILE *cells)
{
    char error[SIMULATION_ERROR] = "";
    json_t *report = json_object();
    bool ok = simulate(s, point, report, error, sizeof error);

    sweep_table_cells(s->columns, ok ? report : NULL, ok ? NULL : error, cells);
    json_decref(report);
}
