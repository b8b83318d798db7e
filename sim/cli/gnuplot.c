#include "cli/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"

/* In single quotes, for gnuplot. */
static void quoted(const char *text, size_t length, FILE *out)
{
    for (size_t i = 0; i < length; i++) {
        fputs(text[i] == '\'' ? "''" : (char[]){ text[i], '\0' }, out);
    }
}

static void write_script(FILE *f, const char *command, const char *name, const char *csv,
                         gnuplot_axes *axes, void *self)
{
    size_t stem = strlen(name);

    if (stem > 3 && strcmp(name + stem - 3, ".gp") == 0) {
        stem -= 3;
    }
    fprintf(f, "# Written by %s. gnuplot makes %.*s.svg of it.\n", command, (int)stem, name);
    fprintf(f, "$curve << EOD\n%sEOD\n", csv);
    fputs("set datafile separator ','\nset terminal svg size 900,600 background 'white'\n"
          "set output '",
          f);
    quoted(name, stem, f);
    fputs(".svg'\n", f);
    axes(self, f);
}

/* gnuplot is asked for by name; what is in the script's name means nothing to a shell. */
static int run(const char *command, const char *script)
{
    char program[] = "gnuplot";
    char *copy = strdup(script);
    char *arguments[] = { program, copy, NULL };
    pid_t child;
    int status = 0;
    int why = posix_spawnp(&child, program, NULL, NULL, arguments, environ);

    free(copy);
    if (why == ENOENT) {
        fprintf(stderr, "%s: gnuplot is not installed: %s is written, but not run\n", command,
                script);
        return EXIT_DONE;
    }
    if (why != 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "%s: gnuplot %s: failed\n", command, script);
        return EXIT_MODEL;
    }
    return EXIT_DONE;
}

int gnuplot_curve(const char *command, const char *name, const char *csv, gnuplot_axes *axes,
                  void *self)
{
    FILE *f = fopen(name, "w");

    if (f == NULL) {
        fprintf(stderr, "%s: --plot: cannot write %s: %s\n", command, name, strerror(errno));
        return EXIT_USAGE;
    }
    write_script(f, command, name, csv, axes, self);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        fprintf(stderr, "%s: --plot: cannot write %s\n", command, name);
        return EXIT_USAGE;
    }
    return run(command, name);
}
