#include "cli/sweep_axes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_request.h"
#include "engine/must.h"
#include "engine/nearest.h"

/* One argument being read: values are tried on a scenario of their own, which says what is wrong with them. */
struct reading {
    struct sweep_axis *axis;
    char shown[64];     /* the argument, for messages */
    uint64_t left;      /* values that may be added */
    uint64_t most;      /* points */
    const char *target; /* the key is the name of an option: what that sets; else NULL */
    struct scenario scenario;
    struct espnic_config config;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reading *r, const char *format, ...)
{
    char why[SCENARIO_ERROR];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(r->error, r->error_size, "%s: %s", r->shown, why);
    return false;
}

static bool refuse_many(struct reading *r)
{
    return refuse(r,
                  "found more than %" PRIu64
                  " points in all, expected fewer (--max-points N allows "
                  "more)",
                  r->most);
}

/* ---- values ----------------------------------------------------------------------------------------- */

static bool add_text(struct reading *r, const char *text)
{
    struct sweep_axis *a = r->axis;

    if (a->count == r->left) {
        return refuse_many(r);
    }
    if (a->count % 64 == 0) {
        a->value = must(realloc(a->value, (a->count + 64) * sizeof *a->value));
    }
    a->value[a->count++] = must(strdup(text));
    return true;
}

/* The value as the parameter takes it, in the words of the parameter. */
static bool add_value(struct reading *r, const char *text)
{
    char assignment[SWEEP_AXIS_PATH + CONFIG_PATH + 2];
    char out[CONFIG_PATH];
    const struct sweep_axis *a = r->axis;

    if (strpbrk(text, "\r\n")) {
        return refuse(r, "%s: found a line break, expected a value in one line", a->path);
    }
    if (!a->param) {
        return add_text(r, text);
    }
    if (strlen(text) >= CONFIG_PATH) {
        return refuse(r, "%s: found a value of %zu bytes, expected at most %d", a->path,
                      strlen(text), CONFIG_PATH - 1);
    }
    snprintf(assignment, sizeof assignment, "%s=%s", a->path, text);
    if (!scenario_set(&r->scenario, r->shown, assignment) || !espnic_config_check(&r->scenario)) {
        snprintf(r->error, r->error_size, "%s", r->scenario.error);
        return false;
    }
    param_format(a->param, (const char *)&r->config + a->group->offset, out, sizeof out);
    return add_text(r, out);
}

/* ---- ranges ----------------------------------------------------------------------------------------- */

/* What the values of a range are; false: the parameter has none. Of the texts only load and pace hold rates. */
static bool range_type(const struct sweep_axis *a, enum param_type *type)
{
    if (!a->param) {
        return false;
    }
    switch (a->param->type) {
    case PARAM_U32:
    case PARAM_U64: *type = PARAM_U64; return true;
    case PARAM_BYTES:
    case PARAM_RATE:
    case PARAM_FREQ:
    case PARAM_TIME: *type = a->param->type; return true;
    default:
        *type = PARAM_RATE;
        return !strcmp(a->path, "workload.load") || !strcmp(a->path, "workload.pace");
    }
}

struct range {
    uint64_t from, step, to;
    bool factor;
};

static bool parse_part(struct reading *r, enum param_type type, const char *text, size_t length,
                       uint64_t *value)
{
    char part[64];
    char why[512];

    if (length >= sizeof part) {
        return refuse(r, "%s: found a number of %zu characters, expected a shorter one",
                      r->axis->path, length);
    }
    memcpy(part, text, length);
    part[length] = '\0';
    return quantity_parse(type, part, value, why, sizeof why) ||
           refuse(r, "%s: %s", r->axis->path, why);
}

/* MIN:STEP:MAX or MIN:xN:MAX */
static bool parse_range(struct reading *r, enum param_type type, const char *text,
                        struct range *range)
{
    const char *second = strchr(text, ':') + 1;
    const char *third = strchr(second, ':');
    char shown[64];
    char low[48];
    char high[48];

    if (!third || strchr(third + 1, ':')) {
        return refuse(r, "%s: found \"%s\", expected MIN:STEP:MAX or MIN:xN:MAX", r->axis->path,
                      nearest_shown(text, shown));
    }
    range->factor = *second == 'x';
    if (!parse_part(r, type, text, (size_t)(second - 1 - text), &range->from) ||
        !parse_part(r, range->factor ? PARAM_U64 : type, second + range->factor,
                    (size_t)(third - second) - range->factor, &range->step) ||
        !parse_part(r, type, third + 1, strlen(third + 1), &range->to)) {
        return false;
    }
    if (range->from > range->to) {
        quantity_format(type, range->from, low, sizeof low);
        quantity_format(type, range->to, high, sizeof high);
        return refuse(r, "%s: found an empty range from %s to %s, expected one that ends no lower",
                      r->axis->path, low, high);
    }
    if (range->step < (range->factor ? 2 : 1) || (range->factor && !range->from)) {
        return refuse(r, "%s: found \"%s\", expected %s", r->axis->path, nearest_shown(text, shown),
                      !range->factor    ? "a step above 0"
                      : range->step < 2 ? "a factor of 2 or more"
                                        : "a first value above 0 to multiply");
    }
    return true;
}

static bool add_range(struct reading *r, enum param_type type, const char *text)
{
    struct range range = { .step = 1 };
    char value[64];

    if (!parse_range(r, type, text, &range)) {
        return false;
    }
    if (!range.factor && (range.to - range.from) / range.step >= r->left) {
        return refuse_many(r);
    }
    for (uint64_t v = range.from; v <= range.to;) {
        uint64_t next;

        quantity_format(type, v, value, sizeof value);
        if (!add_value(r, value)) {
            return false;
        }
        if (range.factor ? __builtin_mul_overflow(v, range.step, &next)
                         : __builtin_add_overflow(v, range.step, &next)) {
            break;
        }
        v = next;
    }
    return true;
}

/* ---- an argument -------------------------------------------------------------------------------------- */

static bool add_items(struct reading *r, const char *list)
{
    char *copy = must(strdup(list));
    enum param_type type = PARAM_U64;
    bool ranges = range_type(r->axis, &type);
    char *rest = copy;
    char *item;
    bool ok = true;

    while (ok && (item = strsep(&rest, ",")) != NULL) {
        char path[RUN_REQUEST_PATH];
        const char *value = r->target ? run_request_value(r->target, item, path) : item;

        if (r->target && strcmp(path, r->axis->path) != 0) {
            ok = refuse(r, "found files of %s and %s, expected those of one port", r->axis->path,
                        path);
            continue;
        }
        ok = ranges && strchr(value, ':') ? add_range(r, type, value) : add_value(r, value);
    }
    free(copy);
    return ok;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool all_different(struct reading *r)
{
    const struct sweep_axis *a = r->axis;
    char **sorted = must(malloc(a->count * sizeof *sorted));
    bool ok = true;

    memcpy(sorted, a->value, a->count * sizeof *sorted);
    qsort(sorted, a->count, sizeof *sorted, by_text);
    for (size_t i = 1; i < a->count && ok; i++) {
        ok = strcmp(sorted[i - 1], sorted[i]) != 0 ||
             refuse(r, "%s: found %s a second time, expected each value once", a->path, sorted[i]);
    }
    free(sorted);
    return ok;
}

/* The key as a path: a short name is an option of `espnic run`, and may be that of a port ("rx=1:FILE,1:FILE"). */
static bool resolve_key(struct reading *r, const char *key, const char *values)
{
    struct sweep_axis *a = r->axis;
    char of_port[RUN_REQUEST_PATH];
    const char *near = NULL;
    unsigned distance = 0;
    char text[SWEEP_AXIS_PATH + 2];
    char shown[64];

    r->target = run_request_target(key);
    if (r->target) {
        run_request_value(r->target, values, of_port);
    }
    snprintf(a->path, sizeof a->path, "%s", r->target ? of_port : key);
    if (!strcmp(a->path, "preset")) {
        return true;
    }
    a->param = param_find(r->scenario.groups, r->scenario.group_count, a->path, &a->group, NULL);
    if (a->param && !strncmp(a->path, "outputs.", 8)) {
        return refuse(r, "found an output of a run, expected what changes the simulation");
    }
    if (a->param) {
        return true;
    }
    for (size_t i = 0; i < RUN_REQUEST_INPUTS && !strchr(key, '.'); i++) {
        if (run_request_target(run_request_options[i].name)) {
            nearest_offer(key, run_request_options[i].name, &near, &distance);
        }
    }
    if (near && nearest_plausible(key, distance)) {
        return refuse(r, "unknown key %s, did you mean %s?", nearest_shown(key, shown), near);
    }
    snprintf(text, sizeof text, "%s=", a->path);
    scenario_set(&r->scenario, r->shown, text); /* says what is near */
    snprintf(r->error, r->error_size, "%s", r->scenario.error);
    return false;
}

static bool read_argument(struct reading *r, const struct sweep_axes *axes, const char *argument)
{
    char key[SWEEP_AXIS_PATH];
    size_t length = strcspn(argument, "=");

    if (length == 0 || length >= sizeof key) {
        return refuse(r, "found no key, expected KEY=VALUES such as card.crypto.engines=1,2,4");
    }
    memcpy(key, argument, length);
    key[length] = '\0';
    if (!resolve_key(r, key, argument + length + 1)) {
        return false;
    }
    if (sweep_axes_find(axes, r->axis->path) < axes->count) {
        return refuse(r, "found %s a second time, expected each key once", r->axis->path);
    }
    return add_items(r, argument + length + 1) && all_different(r);
}

bool sweep_axes_is_key(const char *argument)
{
    const char *equals = strchr(argument, '=');
    const char *slash = strchr(argument, '/');

    return equals && (!slash || slash > equals);
}

static void free_axis(struct sweep_axis *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->value[i]);
    }
    free(a->value);
}

bool sweep_axes_add(struct sweep_axes *axes, const char *argument, uint64_t max_points, char *error,
                    size_t error_size)
{
    struct reading *r = must(calloc(1, sizeof *r));
    struct sweep_axis axis = { .argument = argument };
    size_t before = axes->count ? axes->points : 1;
    size_t groups;
    const struct param_group *all = espnic_param_groups(&groups);
    bool ok;

    r->axis = &axis;
    r->most = max_points;
    r->left = max_points / before;
    r->error = error;
    r->error_size = error_size;
    nearest_shown(argument, r->shown);
    scenario_init(&r->scenario, all, groups, &r->config);
    ok = read_argument(r, axes, argument);
    scenario_free(&r->scenario);
    free(r);
    if (!ok) {
        free_axis(&axis);
        return false;
    }
    axes->axis = must(realloc(axes->axis, (axes->count + 1) * sizeof *axes->axis));
    axes->axis[axes->count++] = axis;
    axes->points = before * axis.count;
    return true;
}

void sweep_axes_free(struct sweep_axes *axes)
{
    for (size_t i = 0; i < axes->count; i++) {
        free_axis(&axes->axis[i]);
    }
    free(axes->axis);
    *axes = (struct sweep_axes){ 0 };
}

/* ---- points ------------------------------------------------------------------------------------------- */

size_t sweep_axes_index(const struct sweep_axes *axes, size_t point, size_t axis)
{
    for (size_t i = axes->count - 1; i > axis; i--) {
        point /= axes->axis[i].count;
    }
    return point % axes->axis[axis].count;
}

const char *sweep_axes_value(const struct sweep_axes *axes, size_t point, size_t axis)
{
    return axes->axis[axis].value[sweep_axes_index(axes, point, axis)];
}

size_t sweep_axes_find(const struct sweep_axes *axes, const char *path)
{
    size_t i = 0;

    while (i < axes->count && strcmp(axes->axis[i].path, path) != 0) {
        i++;
    }
    return i;
}

void sweep_axes_apply(const struct sweep_axes *axes, size_t point, struct espnic_config *config)
{
    char ignored[512];

    for (size_t i = 0; i < axes->count; i++) {
        const struct sweep_axis *a = &axes->axis[i];

        if (a->param) { /* it was parsed before */
            param_parse(a->param, (char *)config + a->group->offset,
                        sweep_axes_value(axes, point, i), ignored, sizeof ignored);
        }
    }
}

bool sweep_axes_numbers(const struct sweep_axis *axis, double *out, const char **unit)
{
    static const struct {
        enum param_type type;
        double scale;
        const char *unit;
    } units[] = { { PARAM_BYTES, 1, "bytes" },
                  { PARAM_RATE, 1e9, "Gb/s" },
                  { PARAM_FREQ, 1e9, "MHz" },
                  { PARAM_TIME, 1e6, "us" },
                  { PARAM_U64, 1, "" } };
    enum param_type type = PARAM_U64;
    char ignored[512];
    size_t u = 0;

    if (!range_type(axis, &type)) {
        return false;
    }
    while (units[u].type != type) {
        u++;
    }
    *unit = units[u].unit;
    for (size_t i = 0; i < axis->count; i++) {
        uint64_t value;

        if (!quantity_parse(type, axis->value[i], &value, ignored, sizeof ignored)) {
            return false;
        }
        out[i] = (double)value / units[u].scale;
    }
    return true;
}

const char *sweep_axes_text(const struct sweep_axes *axes, size_t point, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < axes->count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s=%s", i ? " " : "",
                                 axes->axis[i].path, sweep_axes_value(axes, point, i));
    }
    return out;
}
