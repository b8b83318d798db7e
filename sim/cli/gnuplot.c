#include "cli/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "engine/must.h"

void gnuplot_quoted(const char *text, FILE *out)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        fputs(*text == '\'' ? "''" : (char[]){ *text, '\0' }, out);
    }
    fputc('\'', out);
}

/* Length of the script's name without ".gp". */
static int stem_of(const char *name)
{
    size_t stem = strlen(name);

    return (int)(stem > 3 && strcmp(name + stem - 3, ".gp") == 0 ? stem - 3 : stem);
}

void gnuplot_output(const char *name, FILE *out)
{
    char *image = NULL;

    must(asprintf(&image, "%.*s.svg", stem_of(name), name) < 0 ? NULL : image);
    fputs("set output ", out);
    gnuplot_quoted(image, out);
    fputc('\n', out);
    free(image);
}

/* gnuplot is asked for by name; what is in the script's name means nothing to a shell. */
static int run(const char *command, const char *script)
{
    char program[] = "gnuplot";
    char *copy = must(strdup(script));
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

int gnuplot_write(const char *command, const char *name, gnuplot_part *body, void *self)
{
    FILE *f = fopen(name, "w");

    if (f == NULL) {
        fprintf(stderr, "%s: --plot: cannot write %s: %s\n", command, name, strerror(errno));
        return EXIT_USAGE;
    }
    fprintf(f, "# Written by %s. gnuplot makes %.*s.svg of it.\n", command, stem_of(name), name);
    body(self, f);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        fprintf(stderr, "%s: --plot: cannot write %s\n", command, name);
        return EXIT_USAGE;
    }
    return run(command, name);
}

struct curve {
    const char *name, *csv;
    gnuplot_part *axes;
    void *self;
};

static void write_curve(void *self, FILE *f)
{
    const struct curve *c = self;

    fprintf(f, "$curve << EOD\n%sEOD\n", c->csv);
    fputs("set datafile separator ','\nset terminal svg size 900,600 background 'white'\n", f);
    gnuplot_output(c->name, f);
    c->axes(c->self, f);
}

int gnuplot_curve(const char *command, const char *name, const char *csv, gnuplot_part *axes,
                  void *self)
{
    struct curve c = { .name = name, .csv = csv, .axes = axes, .self = self };

    return gnuplot_write(command, name, write_curve, &c);
}
