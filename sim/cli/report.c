/* espnic report: what the numbers of a report mean. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stats.h"
#include "report/report.h"

enum report_option { OPT_DESCRIBE, OPT_JSON };

static const struct option_spec report_options[] = {
    { "describe", 0, NULL, "list every number of a report with its unit and definition" },
    { "json", 0, NULL, "the list as JSON on stdout" },
};

static int print_help(void)
{
    puts("usage: espnic report --describe [--json]\n");
    options_help(report_options, sizeof report_options / sizeof report_options[0]);
    puts("\n"
         "examples:\n"
         "  espnic report --describe | less\n"
         "  espnic report --describe --json | jq '.\"tx.gbps\".help'");
    return EXIT_DONE;
}

static int describe(const struct options *o, bool as_json)
{
    struct stat_registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL) {
        return options_complain(o, "out of memory");
    }
    espnic_describe_stats(registry);
    if (as_json) {
        json_t *root = report_describe_json(registry);
        report_write_json(root, stdout);
        json_decref(root);
    } else {
        report_describe(registry, stdout);
    }
    free(registry);
    return EXIT_DONE;
}

int cmd_report(int argc, char **argv)
{
    struct options o;
    bool want_describe = false;
    bool as_json = false;
    options_start(&o, "report", report_options, sizeof report_options / sizeof report_options[0],
                  argc, argv);
    for (;;) {
        switch (options_next(&o)) {
        case OPTIONS_END:
            if (!want_describe) {
                return options_complain(&o, "expected --describe");
            }
            return describe(&o, as_json);
        case OPTIONS_ERROR: return EXIT_USAGE;
        case OPTIONS_HELP: return print_help();
        case OPT_DESCRIBE: want_describe = true; break;
        case OPT_JSON: as_json = true; break;
        default: return options_complain(&o, "found \"%s\", expected --describe", o.value);
        }
    }
}
