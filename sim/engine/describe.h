/* Parameters and statistics as tables of descriptors.
 *
 * A block declares a plain struct and a table that says, for each field, its name, unit, meaning
 * and (for parameters) default and range. Help text, validation, the JSON report, the
 * documentation and `--set` all come from the table; the hot path only touches struct fields. */
#ifndef ESPNIC_ENGINE_DESCRIBE_H
#define ESPNIC_ENGINE_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- parameters ------------------------------------------------------------------------- */

enum param_type {
    PARAM_BOOL,   /* bool */
    PARAM_U32,    /* uint32_t, plain number */
    PARAM_U64,    /* uint64_t, plain number */
    PARAM_BYTES,  /* uint64_t, bytes:            "64KiB", "9000B", "1MB"   */
    PARAM_RATE,   /* uint64_t, bits per second:  "100Gbps", "2.5Gbps"      */
    PARAM_FREQ,   /* uint64_t, millihertz:       "250MHz", "322.265625MHz" */
    PARAM_TIME,   /* uint64_t, picoseconds:      "1us", "450ns", "80ps"    */
    PARAM_ENUM,   /* uint32_t, index into choices */
    PARAM_STRING, /* char[size], NUL-terminated  */
    PARAM_PATH    /* char[size], name of a file; a relative one counts from the scenario's folder */
};

/* Where a preset's number is from (hardware data sheets and the like). */
enum param_origin {
    ORIGIN_DEFAULT,
    ORIGIN_READ,
    ORIGIN_COMPUTED,
    ORIGIN_FITTED,
    ORIGIN_ASSUMED,
    ORIGIN_USER
};

struct param {
    const char *name; /* key within the group: "engines" */
    enum param_type type;
    size_t offset;              /* of the field in the group's struct */
    size_t size;                /* of the field */
    uint64_t def, min, max;     /* in the base unit of the type; max 0: no limit but the field's */
    const char *const *choices; /* PARAM_ENUM: NULL-terminated */
    const char *def_string;     /* PARAM_STRING, PARAM_PATH; NULL: empty */
    const char *help;           /* one sentence: meaning; unit if it is not clear from the type */
};

/* A group of parameters that lives at `offset` in the configuration struct; path is dotted:
 * "card.rx.crypto". */
struct param_group {
    const char *path;
    const char *help;
    size_t offset;
    const struct param *params;
    size_t count;
};

#define PARAM_COUNT(table)         (sizeof(table) / sizeof((table)[0]))
#define PARAM_FIELD(type_, field_) offsetof(type_, field_), sizeof(((type_ *)0)->field_)

/* Set every field of every group to its default. `config` is the struct the offsets count from. */
void param_set_defaults(void *config, const struct param_group *groups, size_t count);

/* Parse `text` as a value of `param` into `config` (start of the group's struct).
 * Returns true, or false with a sentence in `error`: what was found, what was expected. */
bool param_parse(const struct param *param, void *group_struct, const char *text, char *error,
                 size_t error_size);

/* Write the value as a user would type it: "100Gbps", "64KiB", "1us", "true", "lru". */
int param_format(const struct param *param, const void *group_struct, char *out, size_t out_size);

/* Find by full dotted path ("card.rx.crypto.engines"). NULL if unknown; then *nearest (if not NULL)
 * is the closest known path by edit distance (a buffer of this thread, valid until the next call),
 * or NULL when there is no parameter at all. */
const struct param *param_find(const struct param_group *groups, size_t count, const char *path,
                               const struct param_group **group, const char **nearest);

/* Parse a quantity that is not a parameter (an argument such as "40Gbps"). `type` is one of
 * PARAM_U64, PARAM_BYTES, PARAM_RATE, PARAM_FREQ, PARAM_TIME. Exact: "2.5us" is 2500000 ps; what is
 * not a whole number of base units, too large or without unit is refused with a sentence.
 * A plain 0 needs no unit. Counts may be hexadecimal (0x..) or end in Ki, Mi or Gi. */
bool quantity_parse(enum param_type type, const char *text, uint64_t *value, char *error,
                    size_t error_size);

/* The shortest exact text of the value in the units of `type`: "2.5us". Returns as snprintf. */
int quantity_format(enum param_type type, uint64_t value, char *out, size_t out_size);

/* "default", "read", "computed", "fitted", "assumed", "user". */
const char *param_origin_name(enum param_origin origin);

/* Where the present value of one parameter comes from; one for each parameter, in the order of the
 * tables. A zeroed note means "the default". */
struct param_note {
    enum param_origin origin;
    const char *source; /* what the preset says about the number's source; NULL if nothing */
    const char *place;  /* "generic-100g.yaml:12:7" (no folder) or "--set"; NULL for a default */
    const char *text;   /* as it was typed; NULL for a default */
};

/* Parameters in all groups: the length of an array of notes. */
size_t param_total(const struct param_group *groups, size_t count);

/* ---- statistics ------------------------------------------------------------------------- */

enum stat_type {
    STAT_U64,     /* uint64_t counter */
    STAT_REAL,    /* double, computed once at the end; not finite: reported as null */
    STAT_HIST,    /* struct histogram; reported as count, mean, min, p50, p90, p99, p999, max */
    STAT_STRING,  /* const char *; NULL: reported as null */
    STAT_SAMPLES, /* struct stat_samples: a list of records, reported as an array */
    STAT_GAUGE    /* uint64_t level ("live"): a time series shows its value, not its growth */
};

struct stat_field {
    const char *name; /* JSON key */
    enum stat_type type;
    size_t offset;
    const char *unit; /* "packets", "bytes", "ns", "Gb/s", "" */
    const char *help; /* the definition of the number */
};

/* A view of `count` records in an array: what a STAT_SAMPLES field holds. Not part of a snapshot:
 * filled in when the report is made. */
struct stat_samples {
    const void *records;
    size_t stride; /* bytes from one record to the next */
    size_t count;
    const struct stat_field
        *fields; /* of one record: STAT_U64, STAT_GAUGE, STAT_REAL or STAT_STRING */
    size_t field_count;
};

/* A struct of statistics shown in the report at `path` ("rx.drops"). */
struct stat_group {
    char path[96];
    const char *help;
    const void *base;
    const struct stat_field *stats;
    size_t count;
};

enum { STAT_MAX_GROUPS = 512 };

struct stat_registry {
    struct stat_group groups[STAT_MAX_GROUPS];
    size_t count;
};

/* Abort()s only when STAT_MAX_GROUPS is exceeded: a programming error. */
void stat_register(struct stat_registry *registry, const char *path, const char *help,
                   const void *base, const struct stat_field *stats, size_t count);

#define STAT_COUNT(table) (sizeof(table) / sizeof((table)[0]))

#endif
