/* Any bytes as a scenario. What is refused must say where; what is taken must be a configuration
 * whose every value can be written and read back to the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Write and read again every parameter; abort() on a difference. */
static void check_values(const struct scenario *s)
{
    struct espnic_config *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, s->config, sizeof *copy);
    for (size_t g = 0; g < s->group_count; g++) {
        const struct param_group *group = &s->groups[g];
        for (size_t i = 0; i < group->count; i++) {
            char text[4096];
            char error[512];
            param_format(&group->params[i], (const char *)s->config + group->offset, text,
                         sizeof text);
            if (!param_parse(&group->params[i], (char *)copy + group->offset, text, error,
                             sizeof error)) {
                fprintf(stderr, "%s.%s: %s\n", group->path, group->params[i].name, error);
                abort();
            }
            char again[4096];
            param_format(&group->params[i], (char *)copy + group->offset, again, sizeof again);
            if (strcmp(text, again) != 0) {
                abort();
            }
        }
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct espnic_config config;
    /* A preset by file name would read whatever lies about on this machine. */
    if (data == NULL || size == 0 ||
        (memmem(data, size, "preset", 6) != NULL &&
         (memchr(data, '/', size) != NULL || memmem(data, size, ".y", 2) != NULL))) {
        return 0;
    }
    struct scenario s;
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    scenario_init(&s, groups, count, &config);
    s.preset_folders = "";
    if (data[0] == '=') {
        /* A setting of the command line. */
        char *text = strndup((const char *)data + 1, size - 1);
        if (text != NULL && !scenario_set(&s, "--set", text) &&
            strncmp(s.error, "--set: ", 7) != 0) {
            abort();
        }
        free(text);
    } else if (!scenario_load_text(&s, (const char *)data, size, "f", "dir", NULL)) {
        if (strncmp(s.error, "f:", 2) != 0 || strchr(s.error, '\n') != NULL) {
            abort();
        }
    } else if (espnic_config_check(&s)) {
        check_values(&s);
    } else if (s.error[0] == '\0') {
        abort();
    }
    scenario_free(&s);
    return 0;
}
