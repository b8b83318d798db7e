#include "cli/pcie_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

enum { MAX_GROUPS = 129 };

static const char bench_path[] = "bench";

const struct param_group *pcie_setup_groups(size_t *count)
{
    static struct param_group all[MAX_GROUPS];
    static size_t used;

    if (used == 0) {
        size_t n;
        const struct param_group *base = espnic_param_groups(&n);

        memcpy(all, base, n * sizeof *base);
        for (size_t i = 0; i < n; i++) {
            all[i].offset += offsetof(struct pcie_setup, base);
        }
        all[n] = (struct param_group){ bench_path, "the DMA engine that measures the link",
                                       offsetof(struct pcie_setup, bench), pcie_bench_params,
                                       pcie_bench_param_count };
        used = n + 1;
    }
    *count = used;
    return all;
}

/* Messages of the model begin with the name of the parameter: its path. */
static void path_of(const char *message, char *path, size_t size)
{
    static const struct {
        const char *group;
        const struct param *params;
        const size_t *count;
    } groups[] = {
        { "card.pcie", pcie_params, &pcie_param_count },
        { "card.pcie.host", pcie_memory_params, &pcie_memory_param_count },
        { bench_path, pcie_bench_params, &pcie_bench_param_count },
    };
    size_t length = strcspn(message, " ");

    snprintf(path, size, "card.pcie");
    for (size_t g = sizeof groups / sizeof groups[0]; g-- > 0;) {
        for (size_t i = 0; i < *groups[g].count; i++) {
            const char *name = groups[g].params[i].name;

            if (strlen(name) == length && strncmp(name, message, length) == 0) {
                snprintf(path, size, "%s.%s", groups[g].group, name);
                return;
            }
        }
    }
}

static bool refuse(struct scenario *s, const char *message)
{
    char path[128];

    path_of(message, path, sizeof path);
    snprintf(s->error, sizeof s->error, "%s: %s: %s", scenario_place(s, path), path, message);
    return false;
}

/* What was asked for, but would change nothing. */
static bool has_use(struct scenario *s)
{
    const struct pcie_setup *setup = s->config;

    if (setup->bench.cache != PCIE_BENCH_COLD && setup->base.card.pcie.host.llc_bytes == 0) {
        return refuse(s, "cache is warm, expected cold: no cache is modelled "
                         "(card.pcie.host.llc_bytes, --llc, is 0)");
    }
    return true;
}

bool pcie_setup_check(struct scenario *s, bool latency)
{
    const struct pcie_setup *setup = s->config;
    char error[512];
    uint64_t num;
    uint64_t den;

    if (!pcie_link_clock(&setup->base.card.pcie, &num, &den, error, sizeof error) ||
        !pcie_bench_check(&setup->bench, latency, error, sizeof error)) {
        return refuse(s, error);
    }
    return has_use(s);
}

json_t *pcie_setup_json(const struct scenario *s)
{
    json_t *all = report_config(s->groups, s->group_count, s->config, s->notes);
    json_t *used = json_object();

    json_object_set_new(used, "preset",
                        s->preset[0] == '\0' ? json_null() : json_string(s->preset));
    report_add(used, "card.pcie",
               json_incref(json_object_get(json_object_get(all, "card"), "pcie")));
    report_add(used, bench_path, json_incref(json_object_get(all, bench_path)));
    json_decref(all);
    return used;
}
