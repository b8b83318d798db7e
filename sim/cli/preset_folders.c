/* Where presets lie, and which there are. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/scenario.h"
#include "engine/must.h"

const char *preset_folders_default(void)
{
    static char folders[3 * 4096 + 64];
    char program[4096];
    const char *first = getenv("ESPNIC_PRESETS");
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    size_t used = 0;
    folders[0] = '\0';
    if (first != NULL && first[0] != '\0' && strlen(first) < 4096) {
        used = (size_t)snprintf(folders, sizeof folders, "%s", first);
    }
    if (n <= 0) {
        return folders;
    }
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL) {
        *slash = '\0';
        snprintf(folders + used, sizeof folders - used,
                 "%s%s/../sim/presets:%s/../share/espnic/presets", used > 0 ? ":" : "", program,
                 program);
    }
    return folders;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *folder, char ***names, size_t *count)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return; /* not every folder of the search exists */
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t n = strlen(entry->d_name);
        if (n <= 5 || strcmp(entry->d_name + n - 5, ".yaml") != 0 || entry->d_name[0] == '.') {
            continue;
        }
        *names = must(realloc(*names, (*count + 1) * sizeof **names));
        (*names)[*count] = must(strndup(entry->d_name, n - 5));
        *count += 1;
    }
    closedir(dir);
}

size_t preset_list(const char *folders, char ***names)
{
    size_t count = 0;
    char *list = must(strdup(folders == NULL ? preset_folders_default() : folders));
    char *rest = NULL;
    *names = NULL;
    for (char *f = strtok_r(list, ":", &rest); f != NULL; f = strtok_r(NULL, ":", &rest)) {
        list_folder(f, names, &count);
    }
    free(list);
    if (count == 0) {
        return 0;
    }
    /* The order of a folder is the file system's: sort, then drop names seen before. */
    qsort(*names, count, sizeof **names, compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (strcmp((*names)[i], (*names)[kept - 1]) == 0) {
            free((*names)[i]);
        } else {
            (*names)[kept++] = (*names)[i];
        }
    }
    return kept;
}

void preset_list_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}
