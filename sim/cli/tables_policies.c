/* Replacement policy by order of arrival: hit ratios of a cache, beside what theory says of them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/simulation.h"
#include "cli/validate_tables.h"

static const char group[] = "policies";

/* One walk over 1200 tunnels, 2400 SAs, for each of the two ports and kinds of frames. */
#define TRAFFIC                                                                                    \
    "traffic.profile=1000:1000000 traffic.tunnels=1200 workload.timing_only=true "                 \
    "workload.load=20Gbps card.forward.path=hairpin"

enum { CONTEXTS = 1600, SAS = 2400, SHORT = 30000, LONG = 110000 };

/* Hits and look-ups of a run of so many packets. */
static bool run(const char *settings, uint64_t packets, double *hits, double *lookups, char *error,
                size_t error_size)
{
    struct simulation_options options = { .quiet = true };
    struct simulation *s = NULL;
    struct bench b;
    char why[SIMULATION_ERROR] = "";
    char text[512];
    bool ok;

    snprintf(text, sizeof text, "%s stop.packets=%llu", settings, (unsigned long long)packets);
    ok = bench_config(&b, "cx7-like", "", text);
    if (ok) {
        s = simulation_create(b.config, &options, why, sizeof why);
        ok = s != NULL && simulation_run(s, why, sizeof why) == SIMULATION_DONE;
    }
    if (ok) {
        const struct nic_stats *n = nic_statistics(simulation_card(s));

        *hits = (double)n->context_hits;
        *lookups = *hits + (double)n->context_misses;
    } else {
        snprintf(error, error_size, "policies: %.900s", b.error[0] != '\0' ? b.error : why);
    }
    simulation_destroy(s);
    bench_close(&b);
    return ok;
}

/* A longer run begins as a shorter one does, so what it has more is without the cold cache of the beginning. */
static bool hit_ratio(const char *settings, double *ratio, char *error, size_t error_size)
{
    double hits[2];
    double lookups[2];

    if (!run(settings, SHORT, &hits[0], &lookups[0], error, error_size) ||
        !run(settings, LONG, &hits[1], &lookups[1], error, error_size)) {
        return false;
    }
    *ratio = (hits[1] - hits[0]) / (lookups[1] - lookups[0]);
    return true;
}

/* h = exp(-(N/C)(1 - h)): the solution below 1. */
static double random_under_cyclic(void)
{
    double h = 0;

    for (unsigned i = 0; i < 200; i++) {
        h = exp(-(double)SAS / CONTEXTS * (1 - h));
    }
    return h;
}

bool tables_policies(struct validation *v, char *error, size_t error_size)
{
    static const char *const policies[] = { "lru", "fifo", "random", "tree-plru", "srrip" };

    for (unsigned i = 0; i < 10; i++) {
        const char *policy = policies[i / 2];
        bool random = i % 2;
        char settings[256];
        double published = random                          ? (double)CONTEXTS / SAS
                           : strcmp(policy, "random") == 0 ? random_under_cyclic()
                                                           : 0;
        struct tables_figure f = { .group = group,
                                   .kind = VALIDATION_COMPUTED,
                                   .preset = "cx7-like",
                                   .sets = "",
                                   .settings = settings,
                                   .tolerance = published > 0 ? 2 : 0 };
        double ratio;

        if (!random && i / 2 > 2) {
            continue; /* of these theory says nothing simple */
        }
        f.source =
            random ? "independent references, all SAs alike: C/N, whatever the policy keeps"
            : published > 0
                ? "cyclic references, random replacement: the h below 1 of h = exp(-(N/C)(1 - h))"
                : "cyclic references: what is asked for next has just been replaced";
        snprintf(settings, sizeof settings,
                 TRAFFIC " card.sa.cache.replacement=%s traffic.order=%s", policy,
                 random ? "random" : "cyclic");
        if (!hit_ratio(settings, &ratio, error, error_size)) {
            return false;
        }
        tables_add(v, &f, "", published, ratio, "%s, %s: hit ratio, 2400 SAs", policy,
                   random ? "random order" : "cyclic order");
    }
    return true;
}
