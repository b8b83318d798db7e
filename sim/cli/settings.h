#ifndef ESPNIC_CLI_SETTINGS_H
#define ESPNIC_CLI_SETTINGS_H

#include "cli/scenario.h"

/* Settings of a command line, for scenario_resolve(): a list that owns its texts. */
struct setting_list {
    struct scenario_setting *settings;
    size_t count;
};

/* "--OPTION" and "PATH=VALUE"; a NULL path: the value is the whole assignment. */
void setting_list_add(struct setting_list *list, const char *option, const char *path,
                      const char *value);
void setting_list_free(struct setting_list *list);

#endif
