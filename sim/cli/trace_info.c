/* espnic trace info: reads each file once, then prints what it found as text or JSON. The text is
 * made from the JSON, so that both say the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/trace.h"
#include "report/report.h"
#include "report/text.h"

enum { TEXT_ROWS = 20 }; /* of a table; --json has all */

enum info_option { OPT_FILTER, OPT_JSON };

static const struct option_spec info_options[] = {
    { "filter", 0, "BPF", "captures: only packets that match (libpcap syntax)" },
    { "json", 0, NULL, "as JSON on stdout: one array, one object a file" },
};

enum { OPTION_COUNT = sizeof info_options / sizeof info_options[0] };

static int print_help(void)
{
    puts(
        "usage: espnic trace info [--json] [--filter BPF] FILE...\n"
        "\n"
        "A recording: requests by kind, SAs by algorithm, mode and direction, how many live at\n"
        "once, how fast they come and go. A capture: packets and bytes, sizes, kinds of packets,\n"
        "and each SPI with its packets and sequence numbers. Files are streams: memory grows with\n"
        "live SAs and SPIs, not with the length of the file.\n");
    options_help(info_options, OPTION_COUNT);
    puts("\n"
         "examples:\n"
         "  espnic trace info oids.jsonl\n"
         "  espnic trace info wire.pcap --filter 'esp and src 10.0.0.1'\n"
         "  espnic trace info --json *.pcap | jq '.[] | {file, packets}'");
    return EXIT_DONE;
}

/* ---- text ------------------------------------------------------------------------------- */

/* A time in the text form has the unit that suits it, and its name none: "span 1.820 ms". */
static bool is_time(const char *key, const json_t *value)
{
    size_t length = strlen(key);

    return length > 3 && strcmp(key + length - 3, "_ns") == 0 && json_is_integer(value) &&
           (uint64_t)json_integer_value(value) < UINT64_MAX / 1000;
}

static void value_text(const char *key, const json_t *value, char *out, size_t size)
{
    char readable[TEXT_CELL];

    switch (json_typeof(value)) {
    case JSON_STRING: snprintf(out, size, "%s", json_string_value(value)); break;
    case JSON_INTEGER: {
        uint64_t number = (uint64_t)json_integer_value(value);

        if (is_time(key, value)) {
            text_time(number * 1000, readable, sizeof readable);
            snprintf(out, size, "%s", readable);
        } else {
            snprintf(out, size, "%" PRIu64, number);
        }
        break;
    }
    case JSON_REAL: snprintf(out, size, "%.6g", json_real_value(value)); break;
    case JSON_TRUE: snprintf(out, size, "yes"); break;
    case JSON_FALSE: snprintf(out, size, "no"); break;
    default: snprintf(out, size, "-"); break;
    }
}

/* An array of objects that all have the members of the first. */
static void print_table(const json_t *rows)
{
    const char *headings[TEXT_COLUMNS];
    char names[TEXT_COLUMNS][TEXT_CELL];
    json_t *first = json_array_get(rows, 0);
    struct text_table table;
    size_t columns = 0;
    size_t count = json_array_size(rows);

    for (void *i = json_object_iter(first); i != NULL && columns < TEXT_COLUMNS;
         i = json_object_iter_next(first, i), columns++) {
        snprintf(names[columns], sizeof names[columns], "%s%s",
                 json_is_number(json_object_iter_value(i)) ? ">" : "", json_object_iter_key(i));
        headings[columns] = names[columns];
    }
    text_table_start(&table, headings, columns);
    for (size_t n = 0; n < count && n < TEXT_ROWS; n++) {
        json_t *row = json_array_get(rows, n);
        char texts[TEXT_COLUMNS][64];
        const char *cells[TEXT_COLUMNS];
        size_t column = 0;

        for (void *i = json_object_iter(row); i != NULL && column < columns;
             i = json_object_iter_next(row, i), column++) {
            value_text("", json_object_iter_value(i), texts[column], sizeof texts[column]);
            cells[column] = texts[column];
        }
        text_table_row(&table, cells);
    }
    text_table_write(&table, stdout);
    if (count > TEXT_ROWS) {
        printf("... and %zu more (--json has all)\n", count - TEXT_ROWS);
    }
}

static void print_members(json_t *object, int indent)
{
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        json_t *value = json_object_iter_value(i);
        char text[128];

        if (json_is_array(value)) {
            if (json_array_size(value) > 0) {
                printf("\n%s\n", key);
                print_table(value);
            }
        } else if (json_is_object(value)) {
            if (json_object_size(value) > 0) {
                printf("%*s%s\n", indent, "", key);
                print_members(value, indent + 2);
            }
        } else {
            value_text(key, value, text, sizeof text);
            int name = (int)strlen(key) - (is_time(key, value) ? 3 : 0);

            printf("%*s%-*.*s %s\n", indent, "", 26 - indent, name, key, text);
        }
    }
}

/* ---- the command ------------------------------------------------------------------------ */

static json_t *info_of(const char *path, const char *filter)
{
    char error[1024] = "";
    json_t *info = NULL;

    switch (trace_kind(path, error, sizeof error)) {
    case TRACE_RECORDING: info = trace_info_recording(path, error, sizeof error); break;
    case TRACE_CAPTURE: info = trace_info_capture(path, filter, error, sizeof error); break;
    default: break;
    }
    if (info == NULL) {
        fprintf(stderr, "espnic: %s\n", error);
    }
    return info;
}

static int print_files(char **files, int count, const char *filter, bool as_json)
{
    json_t *all = json_array();
    int status = EXIT_DONE;
    bool written = true;

    for (int i = 0; i < count; i++) {
        json_t *info = info_of(files[i], filter);

        if (info == NULL) {
            status = EXIT_USAGE;
        } else if (as_json) {
            json_array_append_new(all, info);
        } else {
            fputs(i > 0 ? "\n" : "", stdout);
            print_members(info, 0);
            json_decref(info);
        }
    }
    if (as_json) {
        written = report_write_json(all, stdout);
    }
    json_decref(all);
    return written ? status : EXIT_USAGE;
}

int trace_info(int argc, char **argv)
{
    struct options o;
    const char *filter = NULL;
    bool as_json = false;
    int files = 0;

    options_start(&o, "trace info", info_options, OPTION_COUNT, argc, argv);
    for (;;) {
        switch (options_next(&o)) {
        case OPTIONS_END:
            if (files == 0) {
                return options_complain(&o, "expected one or more files");
            }
            return print_files(argv, files, filter, as_json);
        case OPTIONS_ERROR: return EXIT_USAGE;
        case OPTIONS_HELP: return print_help();
        case OPT_FILTER: filter = o.value; break;
        case OPT_JSON: as_json = true; break;
        /* positional arguments gather at the front of argv, behind where options are read */
        default: argv[files++] = (char *)o.value; break;
        }
    }
}
