/* A scenario: YAML, presets and --set, laid over tables of parameters.
 *
 * The loader knows no parameter: it is given the tables (struct param_group) and the struct they
 * describe. Order of precedence, weakest first: the tables' defaults; the preset's own base, its
 * base, and so on; the preset; the scenario file; options and --set, in the order given.
 *
 * Every message names its place: "vpn.yaml:12:7: unknown key ..." (line and column from 1, column
 * in characters) or the option. */
#ifndef ESPNIC_CLI_SCENARIO_H
#define ESPNIC_CLI_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/describe.h"

enum { SCENARIO_ERROR = 1024, SCENARIO_NAME = 256 };

struct scenario_text; /* owned strings */

struct scenario {
    /* Given. */
    const struct param_group *groups;
    size_t group_count;
    void *config;               /* what the groups' offsets count from */
    const char *preset_folders; /* separated by ':'; NULL: preset_folders_default() */
    /* Found. */
    struct param_note *notes; /* param_total() of them, in the order of the tables */
    const char **places;      /* as notes[].place, with the folder: for messages; NULL: default */
    size_t note_count;
    char preset[SCENARIO_NAME];     /* as named by the user; empty: none */
    char file[SCENARIO_NAME];       /* name of the scenario file without folder; empty: none */
    const char *description;        /* of the file read last: the scenario's, else the preset's */
    const char *preset_description; /* of the preset itself; never NULL */
    char error[SCENARIO_ERROR];     /* one line, no line break at the end */
    struct scenario_text *texts;
};

/* Defaults in the config, nothing else. Aborts when memory is out. */
void scenario_init(struct scenario *s, const struct param_group *groups, size_t group_count,
                   void *config);

void scenario_free(struct scenario *s);

/* One setting that comes from the command line: --set card.mtu=9000B is {"--set",
 * "card.mtu=9000B"}; an option of its own, as --tx FILE, is {"--tx", "workload.tx=FILE"}.
 * "preset=NAME" chooses the preset. Relative file names here count from the working folder. */
struct scenario_setting {
    const char *option;
    const char *assignment;
};

/* Resolve everything. `file` may be NULL (no scenario file, only a preset or settings).
 * False: s->error says where and what; the config is then unusable. */
bool scenario_resolve(struct scenario *s, const char *file, const struct scenario_setting *settings,
                      size_t setting_count);

/* The steps of the above, for tests and fuzzing. `name` stands in messages; `folder` is what
 * relative file names and presets count from ("" for the working folder). The text need not end
 * with a NUL. `override_preset`: NULL, or the preset to take instead of the one in the text. */
bool scenario_load_text(struct scenario *s, const char *text, size_t length, const char *name,
                        const char *folder, const char *override_preset);
bool scenario_load_preset(struct scenario *s, const char *name);
bool scenario_set(struct scenario *s, const char *option, const char *assignment);

/* Index of a parameter's note. */
size_t scenario_note_index(const struct scenario *s, const struct param_group *group,
                           const struct param *param);

/* "vpn.yaml:12:7" (with folder), "--set" or "default" for a full path, for messages about the
 * meaning of a value. */
const char *scenario_place(const struct scenario *s, const char *path);

/* Folders that are searched for NAME.yaml, separated by ':': $ESPNIC_PRESETS, then beside the
 * program ../sim/presets and ../share/espnic/presets. Valid until the end of the program. */
const char *preset_folders_default(void);

/* Names of all presets that can be found, sorted, without duplicates. Returns how many; *names is
 * for preset_list_free. */
size_t preset_list(const char *folders, char ***names);
void preset_list_free(char **names, size_t count);

#endif
