#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/histogram.h"
#include "report/report.h"

enum { REAL_DIGITS = 9 };

static _Noreturn void path_error(const char *path, const char *what)
{
    fprintf(stderr, "espnic: internal error: report entry %s: %s\n", path, what);
    abort();
}

/* The object at the first `length` characters of a dotted path, made if needed. */
static json_t *object_at(json_t *root, const char *path, size_t length)
{
    json_t *at = root;
    size_t begin = 0;
    while (begin < length) {
        char key[128];
        size_t n = strcspn(path + begin, ".");
        n = n > length - begin ? length - begin : n;
        if (n == 0 || n >= sizeof key) {
            path_error(path, "empty or overlong key");
        }
        memcpy(key, path + begin, n);
        key[n] = '\0';
        json_t *next = json_object_get(at, key);
        if (next == NULL) {
            next = json_object();
            json_object_set_new(at, key, next);
        } else if (!json_is_object(next)) {
            path_error(path, "a number stands where this needs a group");
        }
        at = next;
        begin += n + 1;
    }
    return at;
}

void report_add(json_t *root, const char *path, json_t *value)
{
    const char *dot = strrchr(path, '.');
    json_t *parent = object_at(root, path, dot == NULL ? 0 : (size_t)(dot - path));
    const char *key = dot == NULL ? path : dot + 1;
    if (json_object_get(parent, key) != NULL) {
        path_error(path, "given twice");
    }
    if (json_object_set_new(parent, key, value) != 0) {
        path_error(path, "not a value (text that is not UTF-8?)");
    }
}

/* JSON has no infinity: null says "no number". */
static json_t *real_or_null(double value)
{
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

static json_t *string_or_null(const char *text)
{
    json_t *string = text == NULL ? NULL : json_string(text);
    return string == NULL ? json_null() : string;
}

/* jansson's integers are signed: above 2^63 the nearest decimal has to do. */
static json_t *integer_json(uint64_t value)
{
    return value > INT64_MAX ? json_real((double)value) : json_integer((json_int_t)value);
}

static json_t *scaled(const struct histogram *h, uint64_t value)
{
    return h->divisor > 1 ? json_real(histogram_scaled(h, value)) : integer_json(value);
}

static json_t *histogram_json(const struct histogram *h)
{
    json_t *object = json_object();
    json_object_set_new(object, "count", integer_json(h->count));
    json_object_set_new(object, "mean", json_real(histogram_mean(h)));
    json_object_set_new(object, "min", scaled(h, histogram_min(h)));
    json_object_set_new(object, "p50", scaled(h, histogram_percentile(h, 1, 2)));
    json_object_set_new(object, "p90", scaled(h, histogram_percentile(h, 9, 10)));
    json_object_set_new(object, "p99", scaled(h, histogram_percentile(h, 99, 100)));
    json_object_set_new(object, "p999", scaled(h, histogram_percentile(h, 999, 1000)));
    json_object_set_new(object, "max", scaled(h, h->max));
    return object;
}

static json_t *stat_json(const struct stat_field *stat, const void *base);

static json_t *samples_json(const struct stat_samples *samples)
{
    json_t *array = json_array();
    for (size_t i = 0; i < samples->count; i++) {
        const char *record = (const char *)samples->records + i * samples->stride;
        json_t *object = json_object();
        for (size_t f = 0; f < samples->field_count; f++) {
            json_object_set_new(object, samples->fields[f].name,
                                stat_json(&samples->fields[f], record));
        }
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *stat_json(const struct stat_field *stat, const void *base)
{
    const void *field = (const char *)base + stat->offset;
    switch (stat->type) {
    case STAT_REAL: {
        double value;
        memcpy(&value, field, sizeof value);
        return real_or_null(value);
    }
    case STAT_HIST: return histogram_json(field);
    case STAT_STRING: {
        const char *text;
        memcpy(&text, field, sizeof text);
        return string_or_null(text);
    }
    case STAT_SAMPLES: return samples_json(field);
    default: {
        uint64_t value;
        memcpy(&value, field, sizeof value);
        return integer_json(value);
    }
    }
}

void report_add_stats(json_t *root, const struct stat_registry *registry)
{
    for (size_t g = 0; g < registry->count; g++) {
        const struct stat_group *group = &registry->groups[g];
        json_t *object = object_at(root, group->path, strlen(group->path));
        for (size_t i = 0; i < group->count; i++) {
            report_add(object, group->stats[i].name, stat_json(&group->stats[i], group->base));
        }
    }
}

json_t *report_config(const struct param_group *groups, size_t count, const void *config,
                      const struct param_note *notes)
{
    json_t *root = json_object();
    size_t index = 0;
    for (size_t g = 0; g < count; g++) {
        json_t *object = object_at(root, groups[g].path, strlen(groups[g].path));
        for (size_t i = 0; i < groups[g].count; i++, index++) {
            const struct param *param = &groups[g].params[i];
            static const struct param_note none;
            const struct param_note *note = notes == NULL ? &none : &notes[index];
            char text[4096];
            param_format(param, (const char *)config + groups[g].offset, text, sizeof text);
            bool typed = param->type == PARAM_PATH && note->text != NULL;
            json_t *entry = json_object();
            json_object_set_new(entry, "value", string_or_null(typed ? note->text : text));
            json_object_set_new(entry, "from", json_string(param_origin_name(note->origin)));
            if (note->source != NULL) {
                json_object_set_new(entry, "source", string_or_null(note->source));
            }
            if (note->place != NULL) {
                json_object_set_new(entry, "at", string_or_null(note->place));
            }
            report_add(object, param->name, entry);
        }
    }
    return root;
}

bool report_write_json(const json_t *root, FILE *out)
{
    if (json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS)) != 0) {
        return false;
    }
    return fputc('\n', out) != EOF && fflush(out) == 0 && !ferror(out);
}

bool report_save_json(const json_t *root, const char *path, char *error, size_t error_size)
{
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *out = to_stdout ? stdout : fopen(path, "w");
    if (out == NULL) {
        snprintf(error, error_size, "%s: cannot write: %s", path, strerror(errno));
        return false;
    }
    errno = 0;
    bool good = report_write_json(root, out);
    int why = errno;
    if (!to_stdout && fclose(out) != 0 && good) {
        why = errno;
        good = false;
    }
    if (!good) {
        snprintf(error, error_size, "%s: cannot write: %s", path, strerror(why == 0 ? EIO : why));
    }
    return good;
}

const char *report_real(double value, char *out, size_t size)
{
    json_t *real = json_real(value);
    if (real == NULL) {
        snprintf(out, size, "null");
        return out;
    }
    size_t n = json_dumpb(real, out, size - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    out[n < size ? n : 0] = '\0';
    json_decref(real);
    return out;
}
