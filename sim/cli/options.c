#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/nearest.h"

void options_start(struct options *o, const char *command, const struct option_spec *specs,
                   size_t spec_count, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    o->command = command;
    o->specs = specs;
    o->spec_count = spec_count;
    o->argc = argc;
    o->argv = argv;
    o->at = 1;
}

int options_complain(const struct options *o, const char *format, ...)
{
    const char *space = o->command == NULL ? "" : " ";
    const char *command = o->command == NULL ? "" : o->command;
    va_list args;
    fprintf(stderr, "espnic%s%s: ", space, command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: espnic%s%s --help\n", space, command);
    return EXIT_USAGE;
}

static int unknown_option(const struct options *o, const char *name)
{
    const char *near = NULL;
    unsigned distance = 0;
    char shown[64];
    nearest_offer(name, "help", &near, &distance);
    for (size_t i = 0; i < o->spec_count; i++) {
        nearest_offer(name, o->specs[i].name, &near, &distance);
    }
    bool plausible = nearest_plausible(name, distance);
    options_complain(o, "unknown option --%s%s%s%s", nearest_shown(name, shown),
                     plausible ? ", did you mean --" : "", plausible ? near : "",
                     plausible ? "?" : "");
    return OPTIONS_ERROR;
}

/* The value after = or in the next argument. */
static int take_value(struct options *o, int index, const char *inline_value)
{
    const struct option_spec *spec = &o->specs[index];
    o->value = inline_value;
    if (spec->arg == NULL) {
        if (inline_value != NULL) {
            options_complain(o, "option --%s takes no value, found \"%s\"", spec->name,
                             inline_value);
            return OPTIONS_ERROR;
        }
        return index;
    }
    if (inline_value == NULL && spec->arg[0] == '[') {
        const char *next = o->at < o->argc ? o->argv[o->at] : "";
        if (next[0] >= '0' && next[0] <= '9') {
            o->value = o->argv[o->at++];
        }
        return index;
    }
    if (inline_value == NULL) {
        if (o->at == o->argc) {
            options_complain(o, "option --%s needs a value: --%s %s", spec->name, spec->name,
                             spec->arg);
            return OPTIONS_ERROR;
        }
        o->value = o->argv[o->at++];
    }
    return index;
}

static int long_option(struct options *o, const char *text)
{
    char name[64];
    const char *equals = strchr(text, '=');
    size_t n = equals == NULL ? strlen(text) : (size_t)(equals - text);
    if (n >= sizeof name) {
        return unknown_option(o, text);
    }
    memcpy(name, text, n);
    name[n] = '\0';
    for (size_t i = 0; i < o->spec_count; i++) {
        if (strcmp(o->specs[i].name, name) == 0) {
            return take_value(o, (int)i, equals == NULL ? NULL : equals + 1);
        }
    }
    return strcmp(name, "help") == 0 ? OPTIONS_HELP : unknown_option(o, name);
}

static int letter_option(struct options *o, const char *text)
{
    for (size_t i = 0; i < o->spec_count; i++) {
        if (o->specs[i].letter != 0 && o->specs[i].letter == text[0]) {
            return take_value(o, (int)i, text[1] == '\0' ? NULL : text + 1);
        }
    }
    if (text[0] == 'h' && text[1] == '\0') {
        return OPTIONS_HELP;
    }
    char shown[64];
    options_complain(o, "unknown option -%s (options have two dashes: --report)",
                     nearest_shown(text, shown));
    return OPTIONS_ERROR;
}

int options_next(struct options *o)
{
    if (o->at >= o->argc) {
        return OPTIONS_END;
    }
    const char *arg = o->argv[o->at++];
    if (!o->only_values && strcmp(arg, "--") == 0) {
        o->only_values = true;
        return options_next(o);
    }
    if (!o->only_values && strncmp(arg, "--", 2) == 0) {
        return long_option(o, arg + 2);
    }
    if (!o->only_values && arg[0] == '-' && arg[1] != '\0') {
        return letter_option(o, arg + 1);
    }
    o->value = arg;
    return OPTIONS_POSITIONAL;
}

void options_help(const struct option_spec *specs, size_t spec_count)
{
    enum { HELP_COLUMN = 30 };
    for (size_t i = 0; i < spec_count; i++) {
        char left[80];
        char letter[8] = "";
        if (specs[i].letter != 0) {
            snprintf(letter, sizeof letter, "-%c, ", specs[i].letter);
        }
        int n = snprintf(left, sizeof left, "  %s--%s%s%s", letter, specs[i].name,
                         specs[i].arg == NULL ? "" : " ", specs[i].arg == NULL ? "" : specs[i].arg);
        printf("%s%*s", left, n < HELP_COLUMN ? HELP_COLUMN - n : 1, "");
        for (const char *c = specs[i].help; *c != '\0'; c++) {
            putchar(*c);
            if (*c == '\n') {
                printf("%*s", HELP_COLUMN, "");
            }
        }
        putchar('\n');
    }
}
