#include "cli/sweep_columns.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/simulation.h"
#include "cli/stats.h"
#include "engine/must.h"
#include "engine/nearest.h"

enum { PATH_SIZE = 192 };

/* ---- what there is ---------------------------------------------------------------------------------- */

static char *copy_of(const char *text)
{
    return must(strdup(text ? text : ""));
}

static struct sweep_column *add(struct sweep_columns *c, const char *path, const char *unit,
                                const char *help)
{
    if (c->count % 256 == 0) {
        c->column = must(realloc(c->column, (c->count + 256) * sizeof *c->column));
    }
    c->column[c->count] = (struct sweep_column){ .path = copy_of(path),
                                                 .unit = copy_of(unit),
                                                 .help = copy_of(help) };
    return &c->column[c->count++];
}

void sweep_columns_free(struct sweep_columns *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->column[i].path);
        free(c->column[i].unit);
        free(c->column[i].help);
    }
    free(c->column);
    *c = (struct sweep_columns){ 0 };
}

/* As report/json.c splits a distribution. */
static void add_distribution(struct sweep_columns *c, const char *path,
                             const struct stat_field *field)
{
    static const struct {
        const char *name, *help;
    } parts[] = { { "count", "how many" },
                  { "mean", "mean" },
                  { "min", "least" },
                  { "p50", "median" },
                  { "p90", "90th percentile" },
                  { "p99", "99th percentile" },
                  { "p999", "99.9th percentile" },
                  { "max", "most" } };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char full[PATH_SIZE + 8];
        char help[1024];

        snprintf(full, sizeof full, "%s.%s", path, parts[i].name);
        snprintf(help, sizeof help, "%s of: %s", parts[i].help, field->help ? field->help : "");
        add(c, full, i ? field->unit : "", help);
    }
}

static void add_statistics(struct sweep_columns *c)
{
    struct stat_registry *registry = must(calloc(1, sizeof *registry));

    espnic_describe_stats(registry);
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];

        for (size_t i = 0; i < group->count; i++) {
            const struct stat_field *field = &group->stats[i];
            char path[PATH_SIZE];

            snprintf(path, sizeof path, "%s.%s", group->path, field->name);
            if (field->type == STAT_HIST) {
                add_distribution(c, path, field);
            } else if (field->type != STAT_SAMPLES) { /* a list does not fit into a cell */
                add(c, path, field->unit, field->help)->text = field->type == STAT_STRING;
            }
        }
    }
    free(registry);
}

/* What blocks_json() says of a block, and of what held it up. */
static void add_block(struct sweep_columns *c, struct espnic *card, const char *block)
{
    static const struct {
        const char *name, *unit, *help;
    } fields[] = {
        { "slots", "", "lanes times engines" },
        { "items", "", "packets, TLPs or commands in the measured phase" },
        { "busy", "slot-cycles", "in the measured phase: admitting, or inside an interval" },
        { "blocked", "slot-cycles", "in the measured phase: what follows did not take it" },
        { "waiting", "slot-cycles", "in the measured phase: for something else" },
        { "starved", "slot-cycles", "in the measured phase: nothing to do" },
    };
    static const char *const lost[] = { "blocked_by", "waiting_for" };
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        snprintf(path, sizeof path, "blocks.%.47s.%s", block, fields[i].name);
        add(c, path, fields[i].unit, fields[i].help);
    }
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; strcmp(nic_block_name(card, i), "?") != 0; i++) {
            snprintf(path, sizeof path, "blocks.%.47s.%s.%s", block, lost[k],
                     nic_block_name(card, i));
            add(c, path, "slot-cycles", "lost to this block; empty: none were")->hidden = true;
        }
    }
    for (unsigned k = 0; k < PCIE_STALLS && !strcmp(block, "pcie_up"); k++) {
        snprintf(path, sizeof path, "blocks.%.47s.lacked.%s", block,
                 pcie_stall_name((enum pcie_stall)k));
        add(c, path, "cycles", "of waiting: for want of this");
    }
}

/* Names of blocks are those of a card: a plain one is made to tell them. */
static bool add_blocks(struct sweep_columns *c, char *error, size_t error_size)
{
    size_t groups;
    const struct param_group *all = espnic_param_groups(&groups);
    struct espnic_config *config = must(calloc(1, sizeof *config));
    struct nic_block_stats blocks[NIC_MAX_BLOCK_STATS];
    struct simulation_options options = { .quiet = true };
    struct simulation *s = NULL;

    param_set_defaults(config, all, groups);
    if (nic_config_check(&config->card, error, error_size)) {
        s = simulation_create(config, &options, error, error_size);
    }
    if (s) {
        unsigned n = nic_block_accounts(simulation_card(s), blocks);

        for (unsigned i = 0; i < n; i++) {
            add_block(c, simulation_card(s), blocks[i].name);
        }
    }
    simulation_destroy(s);
    free(config);
    return s != NULL;
}

static void add_searches(struct sweep_columns *c)
{
    add(c, "bottleneck.block", "",
        "what limits (--experiments); \"offered load\": no block does; \"several\": packets found no room, and no block alone does")
        ->text = true;
    add(c, "bottleneck.why", "", "how that was found")->text = true;
    add(c, "bottleneck.headroom", "", "throughput with that block ideal over the one measured");
    add(c, "bottleneck.second", "", "another limit within 5 %, if there is one")->text = true;
    add(c, "bottleneck.together", "", "throughput with both ideal over the one measured");
    add(c, "bottleneck.packets_per_s", "1/s", "packets of the measured run, both directions");
    add(c, "bottleneck.requests_per_s", "1/s", "control requests of the measured run");
    add(c, "find.loss", "",
        "the limit that --find was given; lost are rx_overflow, rx_no_descriptor, host_backlog, forward_full");
    add(c, "find.gbps", "Gb/s",
        "highest rate that --find found: wire bits in each direction that has input; the other "
        "columns are of the run at that rate");
}

bool sweep_columns_known(struct sweep_columns *known, char *error, size_t error_size)
{
    *known = (struct sweep_columns){ 0 };
    add_statistics(known);
    add_searches(known);
    return add_blocks(known, error, error_size);
}

void sweep_columns_list(const struct sweep_columns *known, FILE *out)
{
    for (size_t i = 0; i < known->count; i++) {
        const struct sweep_column *c = &known->column[i];

        if (!c->hidden) {
            fprintf(out, "%-40s %-12s %s\n", c->path,
                    c->unit[0] ? c->unit
                    : c->text  ? "text"
                               : "-",
                    c->help);
        }
    }
    fprintf(out, "%-40s %-12s %s\n%-40s %-12s %s\n", "blocks.BLOCK.blocked_by.OTHER", "slot-cycles",
            "of blocked: lost to that block", "blocks.BLOCK.waiting_for.OTHER", "slot-cycles",
            "of waiting: lost to that block");
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static const struct {
    const char *path;
    bool plotted;
} defaults[] = {
    { "rx.gbps", true },
    { "rx.mpps", false },
    { "rx.loss", false },
    { "rx.latency_ns.p50", false },
    { "rx.latency_ns.p99", true },
    { "tx.gbps", true },
    { "tx.mpps", false },
    { "tx.loss", false },
    { "tx.latency_ns.p50", false },
    { "tx.latency_ns.p99", true },
    { "sa.hits", false },
    { "sa.misses", false },
    { "sa.adds_per_s", false },
    { "sa.add_latency_ns.p99", false },
    { "sa.rx_in_software", false },
    { "sa.tx_in_software", false },
};

/* Where the path of a member of a family has its number, and what the first member, which alone is known, has there:
 * "host.core12.busy_ps" and "host.core0.busy_ps", "ports.1.rx.gbps" and "ports.0.rx.gbps", "blocks.crypto_rx.1.busy"
 * and "blocks.crypto_rx.busy". */
struct member {
    size_t at, length;
    const char *first;
};

/* The digits of a number below `limit` behind `before`, 0: there is none. */
static size_t number_behind(const char *path, const char *before, unsigned long limit)
{
    size_t length = strlen(before);
    size_t digits = strncmp(path, before, length) ? 0 : strspn(path + length, "0123456789");

    return digits && digits <= 2 && strtoul(path + length, NULL, 10) < limit ? digits : 0;
}

static bool is_member(const char *path, struct member *m)
{
    static const struct {
        const char *before;
        unsigned long limit;
    } counted[] = { { "host.core", HOST_MAX_CORES }, { "ports.", NIC_MAX_PORTS } };

    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        m->at = strlen(counted[i].before);
        m->length = number_behind(path, counted[i].before, counted[i].limit);
        m->first = "0";
        if (m->length) {
            return true;
        }
    }
    if (strncmp(path, "blocks.", 7) != 0) {
        return false;
    }
    m->at = 7 + strcspn(path + 7, ".");
    m->length = path[m->at] ? 1 + number_behind(path + m->at, ".", 100) : 0;
    m->first = "";
    return m->length > 1 && path[m->at + m->length] == '.';
}

static void first_of_family(const char *path, char *out, size_t size)
{
    struct member m;

    if (is_member(path, &m)) {
        snprintf(out, size, "%.*s%s%s", (int)m.at, path, m.first, path + m.at + m.length);
    } else {
        snprintf(out, size, "%s", path);
    }
}

/* What a path of the first member is of the member that `like` names; the path itself if that names none. */
static void same_of_member(const char *path, const char *like, char *out, size_t size)
{
    struct member m;

    if (is_member(like, &m) && !strncmp(path, like, m.at)) {
        snprintf(out, size, "%.*s%s", (int)(m.at + m.length), like, path + m.at + strlen(m.first));
    } else {
        snprintf(out, size, "%s", path);
    }
}

static const struct sweep_column *find(const struct sweep_columns *c, const char *path)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!strcmp(c->column[i].path, path)) {
            return &c->column[i];
        }
    }
    return NULL;
}

struct choice {
    const struct sweep_columns *known;
    struct sweep_columns *chosen;
    bool find, bottleneck;
    char *error;
    size_t error_size;
};

/* Nothing looks for it, so a report will not have it. */
static bool not_looked_for(const struct choice *c, const char *path)
{
    return (!c->bottleneck && !strncmp(path, "bottleneck.", 11)) ||
           (!c->find && !strncmp(path, "find.", 5));
}

static bool take(struct choice *c, const char *path, const struct sweep_column *like, bool plotted)
{
    struct sweep_column *column;

    if (find(c->chosen, path)) {
        snprintf(c->error, c->error_size, "found %s a second time, expected each column once",
                 path);
        return false;
    }
    if (not_looked_for(c, path)) {
        snprintf(c->error, c->error_size, "found %s, expected it only with %s", path,
                 path[0] == 'f' ? "--find loss=X" : "--experiments N");
        return false;
    }
    column = add(c->chosen, path, like->unit, like->help);
    column->text = like->text;
    column->plotted = plotted && !like->text;
    return true;
}

static bool take_pattern(struct choice *c, const char *pattern)
{
    bool names_causes = strstr(pattern, "blocked_by") || strstr(pattern, "waiting_for");
    bool any = false;
    char family[PATH_SIZE];
    char path[PATH_SIZE];

    first_of_family(pattern, family, sizeof family);
    for (size_t i = 0; i < c->known->count; i++) {
        const struct sweep_column *k = &c->known->column[i];

        if (fnmatch(family, k->path, 0) != 0 || (k->hidden && !names_causes)) {
            continue;
        }
        if (not_looked_for(c, k->path)) {
            continue;
        }
        any = true;
        same_of_member(k->path, pattern, path, sizeof path);
        if (!take(c, path, k, true)) {
            return false;
        }
    }
    if (!any) {
        char shown[64];

        snprintf(c->error, c->error_size,
                 "found \"%s\", which matches no statistic, expected one of --columns list",
                 nearest_shown(pattern, shown));
    }
    return any;
}

static bool take_item(struct choice *c, const char *item)
{
    char family[PATH_SIZE];
    char shown[64];
    const struct sweep_column *like;
    const char *near = NULL;
    unsigned distance = 0;

    if (strchr(item, '*')) {
        return take_pattern(c, item);
    }
    first_of_family(item, family, sizeof family);
    like = find(c->known, family);
    if (like) {
        return take(c, item, like, true);
    }
    for (size_t i = 0; i < c->known->count; i++) {
        nearest_offer(item, c->known->column[i].path, &near, &distance);
    }
    snprintf(c->error, c->error_size,
             nearest_plausible(item, distance)
                 ? "found \"%s\", which is no statistic of a report, did you mean %s?"
                 : "found \"%s\", which is no statistic of a report, expected one of --columns "
                   "list; the nearest is %s",
             nearest_shown(item, shown), near);
    return false;
}

static bool take_defaults(struct choice *c)
{
    bool ok = true;

    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        ok = ok && take(c, defaults[i].path, find(c->known, defaults[i].path), defaults[i].plotted);
    }
    if (c->find) {
        ok = ok && take_item(c, "find.gbps");
    }
    if (c->bottleneck) {
        ok = ok && take_item(c, "bottleneck.block") && take_item(c, "bottleneck.headroom");
    }
    return ok;
}

bool sweep_columns_choose(const struct sweep_columns *known, const char *list, bool searched,
                          bool bottleneck, struct sweep_columns *chosen, char *error,
                          size_t error_size)
{
    struct choice c = { .known = known,
                        .chosen = chosen,
                        .find = searched,
                        .bottleneck = bottleneck,
                        .error = error,
                        .error_size = error_size };
    char *copy = copy_of(list);
    char *rest = copy;
    char *item;
    bool ok = true;

    *chosen = (struct sweep_columns){ 0 };
    if (!list) {
        ok = take_defaults(&c);
    }
    while (list && ok && (item = strsep(&rest, ",")) != NULL) {
        ok = take_item(&c, item);
    }
    free(copy);
    return ok;
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* A key may hold dots ("crypto_rx.1"): every beginning of the path that is one is tried. */
const json_t *sweep_columns_value(const json_t *report, const char *path)
{
    const json_t *whole = json_object_get(report, path);

    if (whole) {
        return json_is_object(whole) || json_is_array(whole) ? NULL : whole;
    }
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        char key[PATH_SIZE];
        const json_t *value;

        if ((size_t)(dot - path) >= sizeof key) {
            return NULL;
        }
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        value = json_object_get(report, key);
        value = value ? sweep_columns_value(value, dot + 1) : NULL;
        if (value) {
            return value;
        }
    }
    return NULL;
}
