/* espnic trace: looks at recordings and captures. Finds the verb; `check` is here. */
#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "engine/nearest.h"
#include "traces/capture.h"
#include "traces/recording.h"
#include "traces/rules.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    { "info", trace_info, "what is in a recording or a capture" },
    { "check", trace_check, "is it whole, and does the recorded host keep the rules" },
    { "mrc", trace_mrc, "how many SAs a cache must hold: hit ratio against capacity" },
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static int print_help(void)
{
    puts("usage: espnic trace VERB ...      espnic trace VERB --help explains one\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
    }
    puts(
        "\n"
        "A recording (*.jsonl) holds what a host asked of the card: one JSON object a line, SAs\n"
        "added, updated, deleted. A capture (pcap, pcapng) holds packets. Which of the two a file\n"
        "is shows in its first bytes. traces/FORMAT.md explains the recording.\n"
        "\n"
        "examples:\n"
        "  espnic trace info oids.jsonl wire.pcap\n"
        "  espnic trace check oids.jsonl && espnic run --oids oids.jsonl --rx wire.pcap\n"
        "  espnic trace mrc --oids oids.jsonl --rx wire.pcap");
    return EXIT_DONE;
}

int cmd_trace(int argc, char **argv)
{
    struct options o;
    const char *near = NULL;
    unsigned distance = 0;

    options_start(&o, "trace", NULL, 0, argc, argv);
    if (argc < 2) {
        return options_complain(&o, "expected a verb: info, check or mrc");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help();
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
        nearest_offer(argv[1], verbs[i].name, &near, &distance);
    }
    if (nearest_plausible(argv[1], distance)) {
        return options_complain(&o, "unknown verb \"%s\", did you mean %s?", argv[1], near);
    }
    return options_complain(&o, "unknown verb \"%s\", expected info, check or mrc", argv[1]);
}

/* ---- kinds of files --------------------------------------------------------------------- */

static bool is_capture_magic(const unsigned char *b)
{
    /* pcap in either byte order, of micro- or nanoseconds or modified; pcapng */
    static const unsigned char magics[][4] = {
        { 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xc3, 0xd4 }, { 0x4d, 0x3c, 0xb2, 0xa1 },
        { 0xa1, 0xb2, 0x3c, 0x4d }, { 0x34, 0xcd, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xcd, 0x34 },
        { 0x0a, 0x0d, 0x0d, 0x0a },
    };

    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (memcmp(b, magics[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

enum trace_kind trace_kind(const char *path, char *error, size_t error_size)
{
    unsigned char start[64] = { 0 };
    FILE *stream = fopen(path, "rb");
    size_t length;
    size_t i = 0;

    if (stream == NULL) {
        snprintf(error, error_size, "%s: cannot open: %s", path, strerror(errno));
        return TRACE_NEITHER;
    }
    length = fread(start, 1, sizeof start, stream);
    if (ferror(stream)) {
        snprintf(error, error_size, "%s: cannot read: %s", path, strerror(errno));
        fclose(stream);
        return TRACE_NEITHER;
    }
    fclose(stream);
    if (length >= 4 && is_capture_magic(start)) {
        return TRACE_CAPTURE;
    }
    while (i < length && strchr(" \t\r\n", start[i]) != NULL && start[i] != '\0') {
        i++;
    }
    /* by name: so that the reader of that kind tells what is wrong with it */
    if ((i < length && start[i] == '{') || ends_with(path, ".jsonl")) {
        return TRACE_RECORDING;
    }
    if (ends_with(path, ".pcap") || ends_with(path, ".pcapng") || ends_with(path, ".cap")) {
        return TRACE_CAPTURE;
    }
    snprintf(error, error_size,
             "%s: found neither a capture (pcap, pcapng) nor a recording (lines of JSON objects)",
             path);
    return TRACE_NEITHER;
}

json_t *trace_number(uint64_t value)
{
    char text[32];

    if (value < UINT64_C(1) << 53) {
        return json_integer((json_int_t)value);
    }
    snprintf(text, sizeof text, "0x%" PRIx64, value);
    return json_string(text);
}

/* ---- check ------------------------------------------------------------------------------ */

static int print_check_help(void)
{
    puts(
        "usage: espnic trace check FILE...\n"
        "\n"
        "Reads each file to its end and tells everything that is wrong with it. Status 2 if there\n"
        "is anything.\n"
        "\n"
        "A capture: damaged or cut short, unknown link type, impossible lengths and times.\n"
        "A recording: lines that cannot be read (found, expected, and where), and the rules that\n"
        "the recorded host or card broke. Rules:\n");
    for (unsigned rule = 1; rule < RULES_COUNT; rule++) {
        static const char *const where[] = { "", " [run: depends on the card]",
                                             " [run: what card and host do]",
                                             " [not in the text form]" };
        const struct rules_info *info = rules_info(rule);

        printf("  %2u  %s%s\n", rule, info->summary, where[info->where]);
    }
    puts("\n"
         "examples:\n"
         "  espnic trace check oids.jsonl\n"
         "  espnic trace check captures/*.pcap");
    return EXIT_DONE;
}

static void print_violation(void *context, const struct rules_violation *violation)
{
    printf("%s:%" PRIu64 ": rule %u: %s\n", (const char *)context, violation->line, violation->rule,
           violation->sentence);
}

/* "file: 12 records, 3 violations (rule 5: 1, rule 9: 2), 1 bad line" */
static void print_verdict(const char *path, uint64_t records, uint64_t bad_lines,
                          const struct rules *rules)
{
    const char *separator = " (";

    printf("%s: %" PRIu64 " records, %" PRIu64 " violations", path, records,
           rules_violations(rules, 0));
    for (unsigned rule = 1; rule < RULES_COUNT; rule++) {
        if (rules_violations(rules, rule) > 0) {
            printf("%srule %u: %" PRIu64, separator, rule, rules_violations(rules, rule));
            separator = ", ";
        }
    }
    printf("%s, %" PRIu64 " bad lines\n", rules_violations(rules, 0) > 0 ? ")" : "", bad_lines);
}

static int check_recording(char *path)
{
    char error[RECORDING_ERROR_SIZE];
    struct recording *reader = recording_open(path, error, sizeof error);
    struct rules *rules = rules_create(NULL, print_violation, path);
    struct recording_record record = { 0 };
    enum recording_result result = RECORDING_BROKEN;
    uint64_t records = 0;
    uint64_t bad_lines = 0;
    bool whole = reader != NULL && rules != NULL;

    if (reader == NULL) {
        puts(error);
    }
    while (whole && (result = recording_next(reader, &record)) != RECORDING_END) {
        if (result == RECORDING_OK) {
            records++;
            whole = rules_check(rules, &record);
            continue;
        }
        puts(recording_error(reader));
        bad_lines++;
        whole = result != RECORDING_BROKEN;
    }
    if (reader != NULL && rules != NULL) {
        print_verdict(path, records, bad_lines, rules);
        whole = whole && bad_lines == 0 && rules_violations(rules, 0) == 0;
    }
    recording_record_free(&record);
    recording_close(reader);
    rules_destroy(rules);
    return whole ? EXIT_DONE : EXIT_USAGE;
}

static int check_capture(const char *path)
{
    char error[CAPTURE_ERROR_SIZE];
    struct capture *capture = capture_open(path, NULL, error, sizeof error);
    struct capture_packet packet;
    enum capture_result result;
    uint64_t packets = 0;
    uint64_t cut = 0;
    uint64_t empty = 0;
    uint64_t backwards = 0;
    uint64_t last_ns = 0;

    if (capture == NULL) {
        puts(error);
        return EXIT_USAGE;
    }
    while ((result = capture_next(capture, &packet)) == CAPTURE_OK) {
        packets++;
        empty += packet.captured == 0;
        cut += packet.captured < packet.length;
        backwards += packet.time_ns < last_ns;
        last_ns = packet.time_ns;
    }
    if (result == CAPTURE_BROKEN) {
        puts(capture_error(capture));
    }
    printf("%s: %" PRIu64 " packets, %" PRIu64 " cut short by the capture, %" PRIu64
           " empty, %" PRIu64 " earlier than the one before\n",
           path, packets, cut, empty, backwards);
    capture_close(capture);
    return result == CAPTURE_BROKEN ? EXIT_USAGE : EXIT_DONE;
}

static int check_file(char *path)
{
    char error[RECORDING_ERROR_SIZE];

    switch (trace_kind(path, error, sizeof error)) {
    case TRACE_RECORDING: return check_recording(path);
    case TRACE_CAPTURE: return check_capture(path);
    default: puts(error); return EXIT_USAGE;
    }
}

int trace_check(int argc, char **argv)
{
    struct options o;
    int files = 0;

    options_start(&o, "trace check", NULL, 0, argc, argv);
    for (int option = 0; option != OPTIONS_END;) {
        option = options_next(&o);
        switch (option) {
        case OPTIONS_HELP: return print_check_help();
        case OPTIONS_ERROR: return EXIT_USAGE;
        /* positional arguments gather at the front: all options are known before work begins */
        case OPTIONS_POSITIONAL: argv[files++] = (char *)o.value; break;
        default: break;
        }
    }
    if (files == 0) {
        return options_complain(&o, "expected one or more files");
    }
    int status = EXIT_DONE;
    for (int i = 0; i < files; i++) {
        int one = check_file(argv[i]);

        status = one > status ? one : status;
    }
    return status;
}
