/* Command-line options of every subcommand, from one table each.
 *
 * Long options (--name VALUE or --name=VALUE), -h for --help, and a letter where the table gives
 * one. `--` ends the options; everything else is a positional argument, in any place. A mistake is
 * reported on stderr with the nearest known name; the caller returns EXIT_USAGE. */
#ifndef ESPNIC_CLI_OPTIONS_H
#define ESPNIC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of the program. */
enum { EXIT_DONE = 0, EXIT_MODEL = 1, EXIT_USAGE = 2 };

struct option_spec {
    const char *name; /* "report", without dashes */
    char letter;      /* 'o', or 0 */
    const char
        *arg; /* name of its value in the help: "FILE"; NULL: a flag; "[LIST]": the value may be
                       * left out: --name, --name=VALUE, or --name VALUE if that begins with a digit */
    const char *help; /* may hold line breaks */
};

/* What options_next returns besides the index of an option. */
enum { OPTIONS_END = -1, OPTIONS_POSITIONAL = -2, OPTIONS_ERROR = -3, OPTIONS_HELP = -4 };

struct options {
    const char *command; /* "run", for messages; NULL: the program itself */
    const struct option_spec *specs;
    size_t spec_count;
    int argc;
    char **argv;
    int at;            /* next argument */
    bool only_values;  /* after -- */
    const char *value; /* of the option or the positional argument just returned; NULL: left out */
};

/* `argv[0]` is the name of the subcommand and is passed over. */
void options_start(struct options *o, const char *command, const struct option_spec *specs,
                   size_t spec_count, int argc, char **argv);

/* Next option: its index in the table, or one of the values above. On OPTIONS_ERROR the message has
 * been written; return EXIT_USAGE. --help and -h give OPTIONS_HELP without being in the table. */
int options_next(struct options *o);

/* The table as aligned help text on stdout. */
void options_help(const struct option_spec *specs, size_t spec_count);

/* "espnic run: MESSAGE" and where help is, on stderr. Returns EXIT_USAGE. */
int options_complain(const struct options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
