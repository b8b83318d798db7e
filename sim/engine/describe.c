#include "engine/describe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nearest.h"

/* ---- quantities ------------------------------------------------------------------------- */

struct unit {
    const char *name;
    uint64_t factor; /* in base units */
    bool written;    /* false: understood, never written */
};

/* Smallest first; each table ends with a NULL name. */
static const struct unit byte_units[] = {
    { "B", 1, true },
    { "kB", 1000, false },
    { "KB", 1000, false },
    { "KiB", UINT64_C(1) << 10, true },
    { "MB", 1000000, true },
    { "MiB", UINT64_C(1) << 20, true },
    { "GB", 1000000000, true },
    { "GiB", UINT64_C(1) << 30, true },
    { "TB", 1000000000000, true },
    { "TiB", UINT64_C(1) << 40, true },
    { NULL, 0, false },
};

static const struct unit rate_units[] = {
    { "bps", 1, true },
    { "kbps", 1000, true },
    { "Mbps", 1000000, true },
    { "Gbps", 1000000000, true },
    { "Tbps", 1000000000000, true },
    { "b/s", 1, false },
    { "kb/s", 1000, false },
    { "Mb/s", 1000000, false },
    { "Gb/s", 1000000000, false },
    { "Tb/s", 1000000000000, false },
    { NULL, 0, false },
};

static const struct unit freq_units[] = {
    { "Hz", 1000, true },           { "kHz", 1000000, true }, { "MHz", 1000000000, true },
    { "GHz", 1000000000000, true }, { NULL, 0, false },
};

static const struct unit time_units[] = {
    { "ps", 1, true },          { "ns", 1000, true },         { "us", 1000000, true },
    { "ms", 1000000000, true }, { "s", 1000000000000, true }, { NULL, 0, false },
};

/* Counts are plain; a suffix is only understood. */
static const struct unit count_units[] = {
    { "Ki", UINT64_C(1) << 10, false },
    { "Mi", UINT64_C(1) << 20, false },
    { "Gi", UINT64_C(1) << 30, false },
    { NULL, 0, false },
};

struct quantity_kind {
    const char *what;         /* "a rate" */
    const char *base;         /* plural of the base unit, for "not a whole number of ..." */
    const char *example;      /* an arbitrary good value */
    const struct unit *units; /* NULL for a plain number */
    bool whole;               /* written only with a unit that divides it: bytes */
};

static const struct quantity_kind *quantity_kind(enum param_type type)
{
    static const struct quantity_kind count = { "a whole number", "units", "8", NULL, true };
    static const struct quantity_kind bytes = { "a size", "bytes", "64KiB", byte_units, true };
    static const struct quantity_kind rate = { "a rate", "bits per second", "100Gbps", rate_units,
                                               false };
    static const struct quantity_kind freq = { "a frequency", "millihertz", "250MHz", freq_units,
                                               false };
    static const struct quantity_kind time = { "a time", "picoseconds", "1us", time_units, false };
    switch (type) {
    case PARAM_BYTES: return &bytes;
    case PARAM_RATE: return &rate;
    case PARAM_FREQ: return &freq;
    case PARAM_TIME: return &time;
    default: return &count;
    }
}

/* "bps, kbps, Mbps, Gbps or Tbps" */
static void list_units(const struct unit *units, char *out, size_t size)
{
    size_t used = 0;
    const struct unit *last = NULL;
    for (const struct unit *u = units; u->name != NULL; u++) {
        last = u->written ? u : last;
    }
    out[0] = '\0';
    for (const struct unit *u = units; u->name != NULL && used < size; u++) {
        if (u->written) {
            const char *glue = used == 0 ? "" : u == last ? " or " : ", ";
            used += (size_t)snprintf(out + used, size - used, "%s%s", glue, u->name);
        }
    }
}

/* A decimal number as digits / 10^scale, trailing zeroes of the fraction removed. */
struct decimal {
    unsigned __int128 digits; /* below 10^24: times a factor of 2^40 it still fits */
    unsigned scale;
    bool negative;
    bool too_large, too_fine; /* more digits, before or after the point, than that */
    size_t length;            /* characters read; 0: no number here */
};

static bool push_digit(struct decimal *d, unsigned digit)
{
    if (d->digits >= (unsigned __int128)UINT64_C(1000000000000) * UINT64_C(100000000000)) {
        return false; /* 10^23 */
    }
    d->digits = d->digits * 10 + digit;
    return true;
}

static struct decimal scan_decimal(const char *text)
{
    struct decimal d = { 0 };
    size_t i = 0;
    if (text[i] == '-' || text[i] == '+') {
        d.negative = text[i] == '-';
        i++;
    }
    size_t first = i;
    while (isdigit((unsigned char)text[i])) {
        d.too_large |= !push_digit(&d, (unsigned)(text[i] - '0'));
        i++;
    }
    size_t seen = i - first;
    if (text[i] == '.' && (seen > 0 || isdigit((unsigned char)text[i + 1]))) {
        size_t start = ++i;
        size_t end = start + strspn(text + start, "0123456789");
        size_t last = end;
        while (last > start && text[last - 1] == '0') {
            last--;
        }
        for (size_t j = start; j < last; j++) {
            d.too_fine |= !push_digit(&d, (unsigned)(text[j] - '0'));
            d.scale++;
        }
        seen += end - start;
        i = end;
    }
    d.length = seen > 0 ? i : 0;
    return d;
}

static bool scan_hex(const char *text, uint64_t *value)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) {
        return false;
    }
    size_t n = strspn(text + 2, "0123456789abcdefABCDEF");
    if (n == 0 || n > 16 || text[2 + n] != '\0') {
        return false;
    }
    *value = strtoull(text + 2, NULL, 16);
    return true;
}

/* digits * factor / 10^scale, if that is a whole number that fits. */
static bool scale_exactly(const struct decimal *d, uint64_t factor, uint64_t *value,
                          bool *too_large)
{
    unsigned __int128 product = d->digits * factor;
    *too_large = false;
    for (unsigned i = 0; i < d->scale; i++) {
        if (product % 10 != 0) {
            return false;
        }
        product /= 10;
    }
    *too_large = product > UINT64_MAX;
    *value = (uint64_t)product;
    return !*too_large;
}

/* Where the sentence about a refused quantity goes. */
struct complaint {
    const char *text;     /* what was found */
    const char *expected; /* completes "expected ..." */
    char *error;
    size_t error_size;
};

static bool refuse(const struct complaint *c, const char *why)
{
    char show[64];
    nearest_shown(c->text, show);
    snprintf(c->error, c->error_size, "found \"%s\"%s%s, expected %s", show,
             why[0] == '\0' ? "" : ", which ", why, c->expected);
    return false;
}

/* The factor of a unit that was typed. */
static bool find_unit(const struct unit *units, const char *name, uint64_t *factor,
                      const struct complaint *c)
{
    const char *near = NULL;
    unsigned distance = 0;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(unit->name, name) == 0) {
            *factor = unit->factor;
            return true;
        }
        nearest_offer(name, unit->name, &near, &distance);
    }
    char show[64];
    char bad[64];
    char names[64];
    list_units(units, names, sizeof names);
    bool hint = strlen(name) <= 8 && distance <= 4;
    snprintf(c->error, c->error_size,
             "found \"%s\" with the unknown unit \"%s\"%s%s%s, expected %s in %s",
             nearest_shown(c->text, show), nearest_shown(name, bad), hint ? " (did you mean " : "",
             hint ? near : "", hint ? "?)" : "", c->expected, names);
    return false;
}

/* What follows the number: nothing or Ki, Mi, Gi for a plain one, else a unit; only 0 does without. */
static bool read_suffix(const struct quantity_kind *kind, const struct decimal *d,
                        const char *suffix, uint64_t *factor, const struct complaint *c)
{
    *factor = 1;
    if (kind->units == NULL) {
        for (const struct unit *u = count_units; u->name != NULL && *suffix != '\0'; u++) {
            if (strcmp(suffix, u->name) == 0) {
                *factor = u->factor;
                return true;
            }
        }
        return *suffix == '\0' || refuse(c, "is not a plain number");
    }
    suffix += *suffix == ' ' ? 1 : 0;
    if (*suffix == '\0') {
        return (d->digits == 0 && !d->too_large) || refuse(c, "has no unit");
    }
    return find_unit(kind->units, suffix, factor, c);
}

static bool parse_quantity(enum param_type type, uint64_t *value, const struct complaint *c)
{
    const struct quantity_kind *kind = quantity_kind(type);
    if (kind->units == NULL && scan_hex(c->text, value)) {
        return true;
    }
    struct decimal d = scan_decimal(c->text);
    uint64_t factor = 1;
    if (d.length == 0) {
        return refuse(c, "");
    }
    if (d.negative && d.digits != 0) {
        return refuse(c, "is negative");
    }
    if (!read_suffix(kind, &d, c->text + d.length, &factor, c)) {
        return false;
    }
    bool too_large = d.too_large;
    if (d.too_large || d.too_fine || !scale_exactly(&d, factor, value, &too_large)) {
        char why[64];
        snprintf(why, sizeof why, "is not a whole number of %s", kind->base);
        return refuse(c, too_large ? "is too large" : why);
    }
    return true;
}

bool quantity_parse(enum param_type type, const char *text, uint64_t *value, char *error,
                    size_t error_size)
{
    const struct quantity_kind *kind = quantity_kind(type);
    char expected[80];
    snprintf(expected, sizeof expected, "%s such as %s", kind->what, kind->example);
    struct complaint c = { .text = text, .expected = expected, .error_size = error_size };
    c.error = error;
    return parse_quantity(type, value, &c);
}

static int format_decimal(uint64_t value, const struct unit *unit, char *out, size_t out_size)
{
    uint64_t whole = value / unit->factor;
    uint64_t rest = value % unit->factor;
    if (rest == 0) {
        return snprintf(out, out_size, "%" PRIu64 "%s", whole, unit->name);
    }
    /* Units with a rest are powers of ten: as many digits as the unit has zeroes, less the last ones. */
    char digits[24];
    int width = 0;
    for (uint64_t factor = unit->factor; factor >= 10; factor /= 10) {
        width++;
    }
    int n = snprintf(digits, sizeof digits, "%0*" PRIu64, width, rest);
    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }
    return snprintf(out, out_size, "%" PRIu64 ".%.*s%s", whole, n, digits, unit->name);
}

int quantity_format(enum param_type type, uint64_t value, char *out, size_t out_size)
{
    const struct quantity_kind *kind = quantity_kind(type);
    if (kind->units == NULL) {
        return snprintf(out, out_size, "%" PRIu64, value);
    }
    const struct unit *best = kind->units;
    for (const struct unit *u = kind->units; u->name != NULL; u++) {
        if (u->written && value >= u->factor && (!kind->whole || value % u->factor == 0)) {
            best = u;
        }
    }
    return format_decimal(value, best, out, out_size);
}

/* ---- one parameter ---------------------------------------------------------------------- */

static bool is_text(enum param_type type)
{
    return type == PARAM_STRING || type == PARAM_PATH;
}

static _Noreturn void table_error(const char *name, const char *what)
{
    fprintf(stderr, "espnic: internal error: descriptor of %s: %s\n", name, what);
    abort();
}

static void store_number(const struct param *param, void *group_struct, uint64_t value)
{
    unsigned char *field = (unsigned char *)group_struct + param->offset;
    switch (param->size) {
    case 1: *field = (unsigned char)value; break;
    case 4: {
        uint32_t narrow = (uint32_t)value;
        memcpy(field, &narrow, sizeof narrow);
        break;
    }
    case 8: memcpy(field, &value, sizeof value); break;
    default: table_error(param->name, "the field has a size that no number has");
    }
}

static uint64_t load_number(const struct param *param, const void *group_struct)
{
    const unsigned char *field = (const unsigned char *)group_struct + param->offset;
    uint32_t narrow = 0;
    uint64_t wide = 0;
    switch (param->size) {
    case 1: return *field;
    case 4: memcpy(&narrow, field, sizeof narrow); return narrow;
    case 8: memcpy(&wide, field, sizeof wide); return wide;
    default: table_error(param->name, "the field has a size that no number has");
    }
}

/* The type and the C field must agree, or a neighbour would be overwritten. */
static void check_field(const struct param *param)
{
    size_t want = 8;
    if (is_text(param->type)) {
        want = param->size == 0 ? 1 : param->size;
    } else if (param->type == PARAM_BOOL) {
        want = sizeof(bool);
    } else if (param->type == PARAM_U32 || param->type == PARAM_ENUM) {
        want = sizeof(uint32_t);
    }
    if (param->size != want) {
        table_error(param->name, "the field's size does not fit the type");
    }
}

static uint64_t upper_limit(const struct param *param)
{
    uint64_t field = param->type == PARAM_U32 ? UINT32_MAX : UINT64_MAX;
    return param->max == 0 || param->max > field ? field : param->max;
}

/* "a rate from 1Gbps to 800Gbps" */
static void describe_range(const struct param *param, char *out, size_t size)
{
    const struct quantity_kind *kind = quantity_kind(param->type);
    char low[48];
    char high[48];
    uint64_t max = upper_limit(param);
    quantity_format(param->type, param->min, low, sizeof low);
    quantity_format(param->type, max, high, sizeof high);
    if (max != UINT64_MAX) {
        snprintf(out, size, "%s from %s to %s", kind->what, low, high);
    } else if (param->min != 0) {
        snprintf(out, size, "%s of at least %s", kind->what, low);
    } else {
        snprintf(out, size, "%s such as %s", kind->what, kind->example);
    }
}

static bool parse_number(const struct param *param, void *group_struct, const char *text,
                         char *error, size_t error_size)
{
    char expected[160];
    uint64_t value = 0;
    describe_range(param, expected, sizeof expected);
    struct complaint c = { .text = text, .expected = expected, .error_size = error_size };
    c.error = error;
    if (!parse_quantity(param->type, &value, &c)) {
        return false;
    }
    if (value < param->min) {
        return refuse(&c, "is too small");
    }
    if (value > upper_limit(param)) {
        return refuse(&c, "is too large");
    }
    store_number(param, group_struct, value);
    return true;
}

static bool parse_bool(const struct param *param, void *group_struct, const char *text, char *error,
                       size_t error_size)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", NULL };
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            store_number(param, group_struct, i % 2);
            return true;
        }
    }
    char show[64];
    snprintf(error, error_size, "found \"%s\", expected true or false", nearest_shown(text, show));
    return false;
}

static bool parse_enum(const struct param *param, void *group_struct, const char *text, char *error,
                       size_t error_size)
{
    char list[512];
    size_t used = 0;
    list[0] = '\0';
    for (uint32_t i = 0; param->choices[i] != NULL; i++) {
        if (strcmp(param->choices[i], text) == 0) {
            store_number(param, group_struct, i);
            return true;
        }
        const char *glue = i == 0 ? "" : param->choices[i + 1] == NULL ? " or " : ", ";
        if (used < sizeof list) {
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", glue, param->choices[i]);
        }
    }
    char show[64];
    const char *near = nearest_of(text, param->choices);
    snprintf(error, error_size, "found \"%s\", expected %s%s%s%s", nearest_shown(text, show), list,
             near == NULL ? "" : " (did you mean ", near == NULL ? "" : near,
             near == NULL ? "" : "?)");
    return false;
}

static bool parse_string(const struct param *param, void *group_struct, const char *text,
                         char *error, size_t error_size)
{
    size_t length = strlen(text);
    if (length >= param->size) {
        char show[64];
        snprintf(error, error_size, "found \"%s\" of %zu bytes, expected at most %zu",
                 nearest_shown(text, show), length, param->size - 1);
        return false;
    }
    memcpy((char *)group_struct + param->offset, text, length + 1);
    return true;
}

bool param_parse(const struct param *param, void *group_struct, const char *text, char *error,
                 size_t error_size)
{
    check_field(param);
    switch (param->type) {
    case PARAM_BOOL: return parse_bool(param, group_struct, text, error, error_size);
    case PARAM_ENUM: return parse_enum(param, group_struct, text, error, error_size);
    case PARAM_STRING:
    case PARAM_PATH: return parse_string(param, group_struct, text, error, error_size);
    default: return parse_number(param, group_struct, text, error, error_size);
    }
}

int param_format(const struct param *param, const void *group_struct, char *out, size_t out_size)
{
    check_field(param);
    if (is_text(param->type)) {
        return snprintf(out, out_size, "%s", (const char *)group_struct + param->offset);
    }
    uint64_t value = load_number(param, group_struct);
    if (param->type == PARAM_BOOL) {
        return snprintf(out, out_size, "%s", value != 0 ? "true" : "false");
    }
    if (param->type == PARAM_ENUM) {
        uint64_t known = 0;
        while (param->choices[known] != NULL) {
            known++;
        }
        return snprintf(out, out_size, "%s", value < known ? param->choices[value] : "?");
    }
    return quantity_format(param->type, value, out, out_size);
}

/* ---- groups ----------------------------------------------------------------------------- */

void param_set_defaults(void *config, const struct param_group *groups, size_t count)
{
    for (size_t g = 0; g < count; g++) {
        char *base = (char *)config + groups[g].offset;
        for (size_t i = 0; i < groups[g].count; i++) {
            const struct param *param = &groups[g].params[i];
            check_field(param);
            if (!is_text(param->type)) {
                store_number(param, base, param->def);
                continue;
            }
            const char *text = param->def_string == NULL ? "" : param->def_string;
            if (strlen(text) >= param->size) {
                table_error(param->name, "the default does not fit the field");
            }
            memset(base + param->offset, 0, param->size);
            memcpy(base + param->offset, text, strlen(text) + 1);
        }
    }
}

const struct param *param_find(const struct param_group *groups, size_t count, const char *path,
                               const struct param_group **group, const char **nearest)
{
    for (size_t g = 0; g < count; g++) {
        size_t n = strlen(groups[g].path);
        if (strncmp(groups[g].path, path, n) != 0 || path[n] != '.') {
            continue;
        }
        for (size_t i = 0; i < groups[g].count; i++) {
            if (strcmp(groups[g].params[i].name, path + n + 1) == 0) {
                if (group != NULL) {
                    *group = &groups[g];
                }
                return &groups[g].params[i];
            }
        }
    }
    if (nearest == NULL) {
        return NULL;
    }
    static _Thread_local char best[160];
    unsigned distance = UINT32_MAX;
    *nearest = NULL;
    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count; i++) {
            char full[160];
            snprintf(full, sizeof full, "%s.%s", groups[g].path, groups[g].params[i].name);
            unsigned d = nearest_distance(path, full);
            if (d < distance) {
                distance = d;
                memcpy(best, full, sizeof best);
                *nearest = best;
            }
        }
    }
    return NULL;
}

size_t param_total(const struct param_group *groups, size_t count)
{
    size_t total = 0;
    for (size_t g = 0; g < count; g++) {
        total += groups[g].count;
    }
    return total;
}

const char *param_origin_name(enum param_origin origin)
{
    switch (origin) {
    case ORIGIN_READ: return "read";
    case ORIGIN_COMPUTED: return "computed";
    case ORIGIN_FITTED: return "fitted";
    case ORIGIN_ASSUMED: return "assumed";
    case ORIGIN_USER: return "user";
    default: return "default";
    }
}

/* ---- statistics ------------------------------------------------------------------------- */

void stat_register(struct stat_registry *registry, const char *path, const char *help,
                   const void *base, const struct stat_field *stats, size_t count)
{
    if (registry->count == STAT_MAX_GROUPS) {
        table_error(path, "too many groups of statistics");
    }
    struct stat_group *group = &registry->groups[registry->count];
    if (strlen(path) >= sizeof group->path) {
        table_error(path, "the path is too long");
    }
    memset(group->path, 0, sizeof group->path);
    memcpy(group->path, path, strlen(path) + 1);
    group->help = help;
    group->base = base;
    group->stats = stats;
    group->count = count;
    registry->count++;
}
