#include "cli/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/results.h"
#include "engine/must.h"

bool find_parse_loss(const char *text, double *loss)
{
    char *end;

    if (strncmp(text, "loss=", 5) != 0) {
        return false;
    }
    *loss = strtod(text + 5, &end);
    if (end == text + 5) {
        return false;
    }
    if (*end == '%') {
        *loss /= 100;
        end++;
    }
    return *end == 0 && *loss >= 0 && *loss < 1;
}

void find_set_load(struct espnic_config *config, uint64_t bps)
{
    snprintf(config->workload.load, sizeof config->workload.load, "%llubps",
             (unsigned long long)bps);
}

struct find {
    struct espnic_config config;
    struct simulation_options options;
    char *error;
    size_t error_size;
};

static enum simulation_end try_rate(struct find *f, uint64_t bps, double *loss)
{
    char why[SIMULATION_ERROR];
    struct simulation *s;
    enum simulation_end end;

    find_set_load(&f->config, bps);
    s = simulation_create(&f->config, &f->options, why, sizeof why);
    end = s ? simulation_run(s, why, sizeof why) : SIMULATION_BAD_INPUT;
    if (end != SIMULATION_DONE) {
        snprintf(f->error, f->error_size, "at %.3f Gb/s: %s", (double)bps / 1e9, why);
    } else {
        *loss = results_capacity_loss(simulation_measured(s));
    }
    simulation_destroy(s);
    return end;
}

/* Bisection over the rate that each direction is offered, to 1/1000 of the line rate. */
static enum simulation_end bisect(struct find *f, double limit, uint64_t *bps)
{
    uint64_t line = f->config.card.mac.rate;
    uint64_t low = 0;
    uint64_t high = line;
    double loss = 0;
    enum simulation_end end = try_rate(f, line, &loss);

    if (end == SIMULATION_DONE && loss <= limit) {
        low = line;
    }
    while (end == SIMULATION_DONE && high - low > line / 1000) {
        uint64_t middle = low + (high - low) / 2;

        end = try_rate(f, middle, &loss);
        if (end == SIMULATION_DONE) {
            *(loss <= limit ? &low : &high) = middle;
        }
    }
    if (end == SIMULATION_DONE && !low) {
        snprintf(f->error, f->error_size, "loss is above %g at every rate tried", limit);
        return SIMULATION_MODEL_ERROR;
    }
    *bps = low;
    return end;
}

enum simulation_end find_rate(const struct espnic_config *config, const struct inputs *inputs,
                              double limit, struct progress *progress, uint64_t *bps, char *error,
                              size_t error_size)
{
    struct find *f = must(calloc(1, sizeof *f));
    enum simulation_end end;

    f->config = *config;
    f->options = (struct simulation_options){ .quiet = true, .progress = progress };
    f->options.inputs = inputs;
    f->error = error;
    f->error_size = error_size;
    end = bisect(f, limit, bps);
    free(f);
    return end;
}

json_t *find_json(double limit, uint64_t bps)
{
    return json_pack("{s:f, s:f}", "loss", limit, "gbps", (double)bps / 1e9);
}
