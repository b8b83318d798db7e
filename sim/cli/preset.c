/* espnic preset: which cards there are, and what is known about each of their values. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/options.h"
#include "cli/scenario.h"
#include "report/report.h"
#include "report/text.h"

enum preset_option { OPT_ALL, OPT_JSON, OPT_SET };

static const struct option_spec preset_options[] = {
    { "all", 0, NULL, "show: every parameter, not only those that differ from the default" },
    { "json", 0, NULL, "list, show: as JSON on stdout" },
    { "set", 0, "PATH=VALUE", "show: change a parameter first; may be repeated" },
};

struct preset_request {
    bool all, json;
    const char *words[2]; /* verb, name */
    size_t word_count;
    struct scenario_setting *settings;
    size_t setting_count;
};

static int print_help(void)
{
    puts(
        "usage: espnic preset list [--json]\n"
        "       espnic preset show NAME [--all] [--json] [--set PATH=VALUE]\n"
        "\n"
        "A preset is a YAML file that describes one card and its host. It is found by name in the\n"
        "folders of $ESPNIC_PRESETS (separated by colons) and beside the program, or by file name.\n"
        "Every value says where it is from: read in a data sheet, computed, fitted to a\n"
        "measurement, or assumed.\n");
    options_help(preset_options, PARAM_COUNT(preset_options));
    puts("\n"
         "examples:\n"
         "  espnic preset list\n"
         "  espnic preset show generic-100g\n"
         "  espnic preset show ./my-card.yaml --all --json");
    return EXIT_DONE;
}

static int read_options(struct preset_request *r, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        switch (option) {
        case OPTIONS_END: return EXIT_DONE;
        case OPTIONS_ERROR: return EXIT_USAGE;
        case OPTIONS_HELP: return OPTIONS_HELP;
        case OPTIONS_POSITIONAL:
            if (r->word_count == 2) {
                return options_complain(o, "found one argument too many: \"%s\"", o->value);
            }
            r->words[r->word_count++] = o->value;
            break;
        case OPT_ALL: r->all = true; break;
        case OPT_JSON: r->json = true; break;
        default:
            r->settings[r->setting_count].option = "--set";
            r->settings[r->setting_count++].assignment = o->value;
            break;
        }
    }
}

/* Description of a preset; false: it cannot be loaded, which has been said on stderr. */
static bool describe_preset(const char *name, struct espnic_config *config, char *out, size_t size)
{
    struct scenario s;
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    scenario_init(&s, groups, count, config);
    bool good = scenario_load_preset(&s, name);
    if (good) {
        snprintf(out, size, "%s", s.preset_description);
    } else {
        fprintf(stderr, "espnic: %s\n", s.error);
    }
    scenario_free(&s);
    return good;
}

static int list(const struct preset_request *r, struct espnic_config *config)
{
    char **names = NULL;
    size_t count = preset_list(NULL, &names);
    static const char *const headings[] = { "preset", "description" };
    struct text_table table;
    json_t *array = json_array();
    int status = EXIT_DONE;
    text_table_start(&table, headings, 2);
    for (size_t i = 0; i < count; i++) {
        char text[SCENARIO_ERROR];
        if (!describe_preset(names[i], config, text, sizeof text)) {
            status = EXIT_USAGE;
            continue;
        }
        const char *cells[] = { names[i], text };
        text_table_row(&table, cells);
        json_t *entry = json_object();
        json_object_set_new(entry, "name", json_string(names[i]));
        json_object_set_new(entry, "description", json_string(text));
        json_array_append_new(array, entry);
    }
    if (r->json) {
        report_write_json(array, stdout);
        text_table_clear(&table);
    } else {
        text_table_write(&table, stdout);
    }
    if (count == 0 && !r->json) {
        printf("(none found in %s)\n", preset_folders_default());
    }
    json_decref(array);
    preset_list_free(names, count);
    return status;
}

static void show_table(const struct scenario *s, bool all)
{
    static const char *const headings[] = { "parameter", ">value", "from", "meaning and source" };
    struct text_table table;
    size_t index = 0;
    size_t hidden = 0;
    text_table_start(&table, headings, 4);
    for (size_t g = 0; g < s->group_count; g++) {
        const struct param_group *group = &s->groups[g];
        for (size_t i = 0; i < group->count; i++, index++) {
            const struct param_note *note = &s->notes[index];
            if (!all && note->origin == ORIGIN_DEFAULT) {
                hidden++;
                continue;
            }
            char path[256];
            char value[CONFIG_PATH];
            char meaning[4096];
            snprintf(path, sizeof path, "%s.%s", group->path, group->params[i].name);
            param_format(&group->params[i], (const char *)s->config + group->offset, value,
                         sizeof value);
            snprintf(meaning, sizeof meaning, "%s%s%s%s", group->params[i].help,
                     note->source == NULL ? "" : " [", note->source == NULL ? "" : note->source,
                     note->source == NULL ? "" : "]");
            const char *cells[] = { path, value, param_origin_name(note->origin), meaning };
            text_table_row(&table, cells);
        }
    }
    text_table_write(&table, stdout);
    if (hidden > 0) {
        printf("\n%zu parameters have their defaults (--all shows them).\n", hidden);
    }
}

static int show(const struct preset_request *r, struct espnic_config *config)
{
    struct scenario s;
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    scenario_init(&s, groups, count, config);
    bool good = scenario_load_preset(&s, r->words[1]);
    for (size_t i = 0; i < r->setting_count && good; i++) {
        good = scenario_set(&s, r->settings[i].option, r->settings[i].assignment);
    }
    if (!good) {
        fprintf(stderr, "espnic: %s\n", s.error);
    } else if (r->json) {
        json_t *root = json_object();
        json_object_set_new(root, "preset", json_string(s.preset));
        json_object_set_new(root, "description", json_string(s.preset_description));
        json_object_set_new(root, "config",
                            report_config(s.groups, s.group_count, s.config, s.notes));
        report_write_json(root, stdout);
        json_decref(root);
    } else {
        printf("%s", s.preset);
        fputs(s.preset_description[0] == '\0' ? "" : ": ", stdout);
        text_wrap(stdout, s.preset_description, strlen(s.preset) + 2, 0, TEXT_WIDTH);
        putchar('\n');
        show_table(&s, r->all);
    }
    scenario_free(&s);
    return good ? EXIT_DONE : EXIT_USAGE;
}

static int run_verb(const struct preset_request *r, const struct options *o)
{
    struct espnic_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return options_complain(o, "out of memory");
    }
    int status = EXIT_USAGE;
    if (r->word_count == 0) {
        options_complain(o, "expected list or show NAME");
    } else if (strcmp(r->words[0], "list") == 0 && r->word_count == 1) {
        status = list(r, config);
    } else if (strcmp(r->words[0], "list") == 0) {
        options_complain(o, "list takes no argument, found \"%s\"", r->words[1]);
    } else if (strcmp(r->words[0], "show") != 0) {
        options_complain(o, "found \"%s\", expected list or show", r->words[0]);
    } else if (r->word_count == 1) {
        options_complain(o, "show needs the name of a preset: espnic preset show NAME");
    } else {
        status = show(r, config);
    }
    free(config);
    return status;
}

int cmd_preset(int argc, char **argv)
{
    struct options o;
    struct preset_request r = { .all = false };
    r.settings = calloc((size_t)argc + 1, sizeof *r.settings);
    options_start(&o, "preset", preset_options, PARAM_COUNT(preset_options), argc, argv);
    if (r.settings == NULL) {
        return options_complain(&o, "out of memory");
    }
    int status = read_options(&r, &o);
    if (status == OPTIONS_HELP) {
        status = print_help();
    } else if (status == EXIT_DONE) {
        status = run_verb(&r, &o);
    }
    free(r.settings);
    return status;
}
