#include "cli/validation.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

/* ---- parameters ------------------------------------------------------------------------------------ */

enum { ASSIGNMENT = 1200 };

static bool apply_set(struct scenario *s, const char *name, size_t length,
                      validation_setting_fn setting)
{
    struct validation_setting v;

    for (size_t i = 0; (v = setting(i)).path != NULL; i++) {
        char assignment[ASSIGNMENT];

        if (strlen(v.set) != length || strncmp(v.set, name, length) != 0) {
            continue;
        }
        snprintf(assignment, sizeof assignment, "%s=%s", v.path, v.value);
        if (!scenario_set(s, v.set, assignment)) {
            return false;
        }
    }
    return true;
}

bool validation_apply_sets(struct scenario *s, const char *names, validation_setting_fn setting)
{
    for (const char *at = names; at[0] != '\0';) {
        size_t length = strcspn(at, " ");

        if (!apply_set(s, at, length, setting)) {
            return false;
        }
        at += length + (at[length] == ' ');
    }
    return true;
}

bool validation_apply_settings(struct scenario *s, const char *text)
{
    for (const char *at = text; at[0] != '\0';) {
        size_t length = strcspn(at, " ");
        char assignment[ASSIGNMENT];

        assert(length < sizeof assignment);
        snprintf(assignment, sizeof assignment, "%.*s", (int)length, at);
        if (!scenario_set(s, "published figure", assignment)) {
            return false;
        }
        at += length + (at[length] == ' ');
    }
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

struct validation_row *validation_add(struct validation *v)
{
    v->rows = must(realloc(v->rows, (v->count + 1) * sizeof *v->rows));
    memset(&v->rows[v->count], 0, sizeof *v->rows);
    return &v->rows[v->count++];
}

/* Strictly between, as the model with DLLPs is never as good as that without. */
static void judge_range(struct validation_row *row)
{
    double above = row->simulated - row->most;
    double below = row->simulated - row->published;

    row->held = below > 0 && above < 0;
    row->error = row->held    ? 0
                 : above >= 0 ? 100 * above / row->most
                              : 100 * below / row->published;
}

void validation_judge(struct validation_row *row)
{
    double difference = row->simulated - row->published;

    if (validation_is_absent(row)) {
        row->simulated = row->error = NAN;
        return;
    }
    if (validation_is_range(row)) {
        judge_range(row);
        return;
    }
    row->error = row->published != 0 ? 100 * difference / fabs(row->published) : NAN;
    if (row->words != NULL) {
        row->error = NAN; /* of words there is no percentage */
    }
    if (row->shape != NULL) {
        row->held = row->simulated >= row->shape->least && row->simulated <= row->shape->most;
        return;
    }
    row->held = row->tolerance > 0 ? fabs(row->error) <= row->tolerance
                                   : fabs(difference) <= -row->tolerance;
}

bool validation_as_said(const struct validation_row *row)
{
    return validation_is_absent(row) || row->held != (row->kind == VALIDATION_MISSED);
}

const char *validation_kind_name(enum validation_kind kind)
{
    static const char *const names[] = { "computed", "fitted", "predicted", "predicted", "-", "-" };

    return names[kind];
}

void validation_free(struct validation *v)
{
    free(v->rows);
    *v = (struct validation){ 0 };
}
