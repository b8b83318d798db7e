#include "cli/plot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "engine/must.h"

void plot_quoted(const char *text, FILE *out)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        fputs(*text == '\'' ? "''" : (char[]){ *text, '\0' }, out);
    }
    fputc('\'', out);
}

/* Length of the script's name without ".gp". */
static int stem_of(const char *script)
{
    size_t stem = strlen(script);

    return (int)(stem > 3 && strcmp(script + stem - 3, ".gp") == 0 ? stem - 3 : stem);
}

void plot_output(const char *script, FILE *out)
{
    char *image = NULL;

    must(asprintf(&image, "%.*s.svg", stem_of(script), script) < 0 ? NULL : image);
    fputs("set output ", out);
    plot_quoted(image, out);
    fputc('\n', out);
    free(image);
}

/* gnuplot is asked for by name; what is in the script's name means nothing to a shell. */
static int run_gnuplot(const char *command, const char *script)
{
    char program[] = "gnuplot";
    char *copy = strdup(script);
    char *arguments[] = { program, copy, NULL };
    pid_t child;
    int status = 0;
    int why = posix_spawnp(&child, program, NULL, NULL, arguments, environ);

    free(copy);
    if (why == ENOENT) {
        fprintf(stderr, "espnic %s: gnuplot is not installed: %s is written, but not run\n",
                command, script);
        return EXIT_DONE;
    }
    if (why != 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "espnic %s: gnuplot %s: failed\n", command, script);
        return EXIT_MODEL;
    }
    return EXIT_DONE;
}

int plot_write(const char *command, const char *script, void (*body)(void *self, FILE *out),
               void *self)
{
    FILE *f = fopen(script, "w");

    if (f == NULL) {
        fprintf(stderr, "espnic %s: --plot: cannot write %s: %s\n", command, script,
                strerror(errno));
        return EXIT_USAGE;
    }
    fprintf(f, "# Written by espnic %s. gnuplot makes %.*s.svg of it.\n", command, stem_of(script),
            script);
    body(self, f);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        fprintf(stderr, "espnic %s: --plot: cannot write %s\n", command, script);
        return EXIT_USAGE;
    }
    return run_gnuplot(command, script);
}
