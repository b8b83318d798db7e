/* What is to be simulated, from a command line: what `espnic run` and `espnic sweep` have in common. */
#ifndef ESPNIC_CLI_RUN_REQUEST_H
#define ESPNIC_CLI_RUN_REQUEST_H

#include <jansson.h>

#include "cli/bottleneck.h"
#include "cli/options.h"
#include "cli/scenario.h"
#include "cli/settings.h"

enum { RUN_REQUEST_IDEALS = 32 };

struct run_request {
    struct espnic_config config;
    struct scenario scenario;
    const char *file; /* the scenario; NULL: none */
    struct setting_list settings;
    const char *ideal[RUN_REQUEST_IDEALS];
    unsigned ideals;
    const char *find; /* "loss=X"; NULL: one run at the configured load */
    unsigned experiments;
};

/* The options, for options_start(): what is simulated first (the options that a sweep has, too), then
 * which files are written. */
enum { RUN_REQUEST_INPUTS = 23, RUN_REQUEST_OPTIONS = 30 };
extern const struct option_spec run_request_options[RUN_REQUEST_OPTIONS];

/* Path of the parameter that an option is the short name of ("load": "workload.load"; "preset" is its own); NULL: no
 * such option, or it is not the name of one. */
const char *run_request_target(const char *option);

enum { RUN_REQUEST_PATH = 64 };

/* What a value is that an option with the target `target` was given: "1:FILE" is a file of port 1, which is a parameter
 * of its own. Its path goes into `path`; returns the value without the port. */
const char *run_request_value(const char *target, const char *value, char path[RUN_REQUEST_PATH]);

/* Take an option of the table, or the scenario (OPTIONS_POSITIONAL). EXIT_DONE or EXIT_USAGE with a message. */
int run_request_take(struct run_request *r, struct options *o, int option);

/* Presets, scenario and settings, into r->config. False: r->scenario.error. */
bool run_request_resolve(struct run_request *r);

/* Idealise what --ideal names. False with a sentence: no such block. */
bool run_request_idealise(const struct run_request *r, struct espnic_config *config, char *error,
                          size_t error_size);

/* What the parameters say together, of card and host; fills in what follows from others. False with "key: sentence" in `error`. */
bool run_request_possible(struct espnic_config *config, char *error, size_t error_size);

/* Is there an input? */
bool run_request_has_input(const struct espnic_config *config);

enum { RUN_REQUEST_FILES = 2 + 2 * NIC_MAX_PORTS };

/* The files that are read, with the scenario; some names may be empty. Returns how many. */
unsigned run_request_files(const struct run_request *r, const struct espnic_config *config,
                           const char *in[RUN_REQUEST_FILES]);

/* The names are of one file. */
bool run_request_same_file(const char *a, const char *b);

/* Is the bottleneck of a finished run looked for? */
bool run_request_looks(const struct run_request *r, const struct simulation *finished);

void run_request_free(struct run_request *r);

/* The statistics of a run as they stand in a report, with blocks and (if not NULL) bottleneck, into `root`. */
void run_request_report(json_t *root, struct simulation *s, const struct bottleneck *b);

/* ", "-separated names for --ideal. Returns out. */
const char *run_request_ideal_names(char *out, size_t size);

#endif
