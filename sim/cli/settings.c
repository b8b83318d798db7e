#include "cli/settings.h"

#include <string.h>

#include "engine/must.h"

void setting_list_add(struct setting_list *list, const char *option, const char *path,
                      const char *value)
{
    size_t name_size = strlen(option) + sizeof "--";
    size_t size = (path == NULL ? 0 : strlen(path) + 1) + strlen(value) + 1;
    char *name = must(malloc(name_size));
    char *assignment = must(malloc(size));

    snprintf(name, name_size, "--%s", option);
    snprintf(assignment, size, "%s%s%s", path == NULL ? "" : path, path == NULL ? "" : "=", value);
    list->settings = must(realloc(list->settings, (list->count + 1) * sizeof *list->settings));
    list->settings[list->count++] =
        (struct scenario_setting){ .option = name, .assignment = assignment };
}

void setting_list_free(struct setting_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->settings[i].option);
        free((char *)(uintptr_t)list->settings[i].assignment);
    }
    free(list->settings);
    *list = (struct setting_list){ 0 };
}
