#include "cli/scenario.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/yaml_tree.h"
#include "engine/must.h"
#include "engine/nearest.h"

enum { PRESET_DEPTH = 8, KEY_PATH = 192, FILE_NAME = 4096 };

struct scenario_text {
    char **strings;
    size_t count, room;
};

/* One text being laid over the config. */
struct layer {
    struct scenario *s;
    const struct yaml_tree *tree;
    const char *name;   /* in messages: as the file was named */
    const char *folder; /* relative files count from here */
    bool preset;        /* a card's description, not a scenario */
    size_t *setter;     /* for each parameter: the node that set it in this text, 0: none */
};

/* The presets being loaded, innermost first: a preset must not be its own base. */
struct chain {
    const char *path;
    size_t length; /* with this one */
    const struct chain *outer;
};

/* ---- small things ----------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static bool fail(struct scenario *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->error, sizeof s->error, format, args);
    va_end(args);
    return false;
}

/* A copy that lives as long as the scenario. */
static const char *keep(struct scenario *s, const char *text)
{
    struct scenario_text *t = s->texts;
    if (t->count == t->room) {
        t->room = t->room == 0 ? 64 : t->room * 2;
        t->strings = must(realloc(t->strings, t->room * sizeof *t->strings));
    }
    t->strings[t->count] = must(strdup(text));
    return t->strings[t->count++];
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* "dir/" of "dir/file", "" of "file". False: too long. */
static bool folder_of(const char *path, char *out, size_t size)
{
    size_t n = (size_t)(base_name(path) - path);
    if (n >= size) {
        return false;
    }
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

/* `name` seen from `folder`. False: too long. */
static bool join(const char *folder, const char *name, char *out, size_t size)
{
    size_t n = strlen(folder);
    bool absolute = name[0] == '/' || n == 0;
    const char *slash = absolute || folder[n - 1] == '/' ? "" : "/";
    int length = snprintf(out, size, "%s%s%s", absolute ? "" : folder, slash, name);
    return length >= 0 && (size_t)length < size;
}

/* ---- life ------------------------------------------------------------------------------- */

void scenario_init(struct scenario *s, const struct param_group *groups, size_t group_count,
                   void *config)
{
    memset(s, 0, sizeof *s);
    s->groups = groups;
    s->group_count = group_count;
    s->config = config;
    s->note_count = param_total(groups, group_count);
    s->notes = must(calloc(s->note_count + 1, sizeof *s->notes));
    s->places = must(calloc(s->note_count + 1, sizeof *s->places));
    s->texts = must(calloc(1, sizeof *s->texts));
    s->description = "";
    s->preset_description = "";
    param_set_defaults(config, groups, group_count);
}

void scenario_free(struct scenario *s)
{
    for (size_t i = 0; i < s->texts->count; i++) {
        free(s->texts->strings[i]);
    }
    free(s->texts->strings);
    free(s->texts);
    free(s->notes);
    free(s->places);
    memset(s, 0, sizeof *s);
}

size_t scenario_note_index(const struct scenario *s, const struct param_group *group,
                           const struct param *param)
{
    size_t before = param_total(s->groups, (size_t)(group - s->groups));
    return before + (size_t)(param - group->params);
}

const char *scenario_place(const struct scenario *s, const char *path)
{
    const struct param_group *group = NULL;
    const struct param *param = param_find(s->groups, s->group_count, path, &group, NULL);
    const char *place = NULL;
    if (param != NULL) {
        place = s->places[scenario_note_index(s, group, param)];
    }
    return place == NULL ? "default" : place;
}

/* ---- keys ------------------------------------------------------------------------------- */

/* Is there a parameter below `path`? */
static bool is_group(const struct scenario *s, const char *path)
{
    size_t n = strlen(path);
    for (size_t g = 0; g < s->group_count; g++) {
        const char *known = s->groups[g].path;
        if (strncmp(known, path, n) == 0 && (known[n] == '\0' || known[n] == '.')) {
            return true;
        }
    }
    return false;
}

/* Offer every leading part of a group's path: "card", "card.rx", "card.rx.crypto". */
static void offer_groups(const struct scenario *s, const char *wanted, char best[KEY_PATH],
                         unsigned *distance)
{
    for (size_t g = 0; g < s->group_count; g++) {
        const char *path = s->groups[g].path;
        for (size_t n = strcspn(path, "."); n < KEY_PATH; n += 1 + strcspn(path + n + 1, ".")) {
            char part[KEY_PATH];
            memcpy(part, path, n);
            part[n] = '\0';
            unsigned d = nearest_distance(wanted, part);
            if (best[0] == '\0' || d < *distance) {
                memcpy(best, part, sizeof part);
                *distance = d;
            }
            if (path[n] == '\0') {
                break;
            }
        }
    }
}

/* ", did you mean X?" or what there is on that level. */
static void suggest_key(const struct scenario *s, const char *wanted, char *out, size_t size)
{
    char best[KEY_PATH] = "";
    unsigned distance = 0;
    const char *param = NULL;
    param_find(s->groups, s->group_count, wanted, NULL, &param);
    if (param != NULL) {
        snprintf(best, sizeof best, "%s", param);
        distance = nearest_distance(wanted, best);
    }
    offer_groups(s, wanted, best, &distance);
    static const char *const words[] = { "preset", "description", NULL };
    for (size_t i = 0; words[i] != NULL && strchr(wanted, '.') == NULL; i++) {
        if (best[0] == '\0' || nearest_distance(wanted, words[i]) < distance) {
            snprintf(best, sizeof best, "%s", words[i]);
            distance = nearest_distance(wanted, best);
        }
    }
    /* Compare what differs: a long common beginning must not make anything plausible. */
    size_t same = 0;
    for (size_t i = 0; wanted[i] != '\0' && wanted[i] == best[i]; i++) {
        same = wanted[i] == '.' ? i + 1 : same;
    }
    if (best[0] != '\0' && nearest_plausible(wanted + same, distance)) {
        snprintf(out, size, ", did you mean %s?", best);
    } else {
        snprintf(out, size, "%s%s", best[0] == '\0' ? "" : "; the nearest known key is ", best);
    }
}

/* ---- values ----------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static bool fail_at(const struct layer *l,
                                                          const struct yaml_node *node,
                                                          const char *format, ...)
{
    char text[SCENARIO_ERROR];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(l->s, "%s:%zu:%zu: %s", l->name, node->line, node->column, text);
}

__attribute__((format(printf, 3, 4))) static bool fail_at_key(const struct layer *l,
                                                              const struct yaml_node *node,
                                                              const char *format, ...)
{
    char text[SCENARIO_ERROR];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(l->s, "%s:%zu:%zu: %s", l->name, node->key_line, node->key_column, text);
}

/* A scalar with something in it, for the key `path`. */
static bool need_scalar(const struct layer *l, const struct yaml_node *node, const char *path)
{
    if (node->kind != YAML_SCALAR) {
        return fail_at(l, node, "%s: found a %s, expected a single value", path,
                       node->kind == YAML_LIST ? "list" : "mapping");
    }
    if (node->text[0] == '\0' && !node->quoted) {
        return fail_at_key(l, node, "%s: found no value, expected one (\"\" for an empty text)",
                           path);
    }
    return true;
}

/* Write the text into the config; file names count from `folder`. */
static bool store(struct scenario *s, const struct param_group *group, const struct param *param,
                  const char *text, const char *folder, char *why, size_t why_size)
{
    char path[FILE_NAME];
    const char *value = text;
    if (param->type == PARAM_PATH && text[0] != '\0' && strcmp(text, "-") != 0) {
        if (!join(folder, text, path, sizeof path)) {
            snprintf(why, why_size, "found a file name of %zu bytes, expected a shorter one",
                     strlen(text));
            return false;
        }
        value = path;
    }
    return param_parse(param, (char *)s->config + group->offset, value, why, why_size);
}

/* What {value: V, from: F, source: S} says. */
struct value_words {
    const struct yaml_node *value, *from, *source;
};

static bool read_value_words(const struct layer *l, const struct yaml_node *node, const char *path,
                             struct value_words *words)
{
    static const char *const names[] = { "value", "from", "source", NULL };
    const struct yaml_node **slots[] = { &words->value, &words->from, &words->source };
    for (size_t i = node->first; i != 0; i = l->tree->nodes[i].next) {
        const struct yaml_node *child = &l->tree->nodes[i];
        size_t k = 0;
        while (names[k] != NULL && strcmp(names[k], child->key) != 0) {
            k++;
        }
        char shown[64];
        if (names[k] == NULL) {
            return fail_at_key(l, child, "%s: unknown key %s, expected value, from or source", path,
                               nearest_shown(child->key, shown));
        }
        if (*slots[k] != NULL) {
            return fail_at_key(l, child, "%s: duplicate key %s, first at %zu:%zu", path, names[k],
                               (*slots[k])->key_line, (*slots[k])->key_column);
        }
        if (!need_scalar(l, child, path)) {
            return false;
        }
        *slots[k] = child;
    }
    return words->value != NULL ||
           fail_at(l, node, "%s: found a mapping without the key value, expected {value: ...}",
                   path);
}

/* "from: read" */
static bool read_origin(const struct layer *l, const struct value_words *words, const char *path,
                        enum param_origin *origin)
{
    *origin = l->preset ? ORIGIN_ASSUMED : ORIGIN_USER;
    if (words->from == NULL) {
        return true;
    }
    for (enum param_origin o = ORIGIN_READ; o <= ORIGIN_ASSUMED; o++) {
        if (strcmp(words->from->text, param_origin_name(o)) == 0) {
            *origin = o;
            return true;
        }
    }
    char shown[64];
    return fail_at(l, words->from,
                   "%s: from: found \"%s\", expected read, computed, fitted or assumed", path,
                   nearest_shown(words->from->text, shown));
}

static bool apply_param(const struct layer *l, const struct yaml_node *node, const char *path,
                        const struct param_group *group, const struct param *param)
{
    struct scenario *s = l->s;
    size_t index = scenario_note_index(s, group, param);
    const struct yaml_node *first = &l->tree->nodes[l->setter[index]];
    if (l->setter[index] != 0) {
        return fail_at_key(l, node, "duplicate key %s, first at %zu:%zu", path, first->key_line,
                           first->key_column);
    }
    l->setter[index] = (size_t)(node - l->tree->nodes);
    struct value_words words = { .value = node };
    if (node->kind == YAML_MAPPING) {
        words.value = NULL;
        if (!read_value_words(l, node, path, &words)) {
            return false;
        }
    } else if (!need_scalar(l, node, path)) {
        return false;
    }
    enum param_origin origin = ORIGIN_USER;
    char why[SCENARIO_ERROR / 2];
    if (!read_origin(l, &words, path, &origin)) {
        return false;
    }
    if (!store(s, group, param, words.value->text, l->folder, why, sizeof why)) {
        return fail_at(l, words.value, "%s: %s", path, why);
    }
    char place[FILE_NAME + 48];
    snprintf(place, sizeof place, "%s:%zu:%zu", l->name, words.value->line, words.value->column);
    s->places[index] = keep(s, place);
    s->notes[index].origin = origin;
    s->notes[index].place = base_name(s->places[index]);
    s->notes[index].text = keep(s, words.value->text);
    s->notes[index].source = words.source == NULL ? NULL : keep(s, words.source->text);
    return true;
}

static bool is_special(const struct layer *l, const struct yaml_node *parent, const char *key)
{
    return parent == l->tree->nodes &&
           (strcmp(key, "preset") == 0 || strcmp(key, "description") == 0);
}

/* Only what describes a card and its host may stand in a preset. */
static bool belongs_here(const struct layer *l, const struct yaml_node *node, const char *path)
{
    static const char *const others[] = { "workload", "stop", "outputs" };
    for (size_t i = 0; l->preset && i < sizeof others / sizeof others[0]; i++) {
        size_t n = strlen(others[i]);
        if (strncmp(path, others[i], n) == 0 && (path[n] == '\0' || path[n] == '.')) {
            return fail_at_key(
                l, node,
                "found %s in a preset, expected only card and host: it belongs in a scenario",
                others[i]);
        }
    }
    return true;
}

static bool check_duplicate(const struct layer *l, const struct yaml_node *parent,
                            const struct yaml_node *node, const char *path)
{
    for (size_t i = parent->first; &l->tree->nodes[i] != node; i = l->tree->nodes[i].next) {
        const struct yaml_node *other = &l->tree->nodes[i];
        if (strcmp(other->key, node->key) == 0) {
            return fail_at_key(l, node, "duplicate key %s, first at %zu:%zu", path, other->key_line,
                               other->key_column);
        }
    }
    return true;
}

/* The children of a mapping; `prefix` is its path ("" for the root). Depth is bounded by the tree's
 * own limit. */
static bool apply_mapping(const struct layer *l, const struct yaml_node *parent, const char *prefix)
{
    for (size_t i = parent->first; i != 0; i = l->tree->nodes[i].next) {
        const struct yaml_node *node = &l->tree->nodes[i];
        char path[KEY_PATH];
        char shown[64];
        int n = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
                         nearest_shown(node->key, shown));
        if (n < 0 || (size_t)n >= sizeof path) {
            return fail_at_key(l, node, "unknown key: more than %d characters", KEY_PATH);
        }
        if (!check_duplicate(l, parent, node, path)) {
            return false;
        }
        if (is_special(l, parent, node->key)) {
            if (!need_scalar(l, node, path)) {
                return false;
            }
            continue;
        }
        if (!belongs_here(l, node, path)) {
            return false;
        }
        const struct param_group *group = NULL;
        const struct param *param = param_find(l->s->groups, l->s->group_count, path, &group, NULL);
        if (param != NULL) {
            if (!apply_param(l, node, path, group, param)) {
                return false;
            }
        } else if (!is_group(l->s, path)) {
            char hint[KEY_PATH + 64];
            suggest_key(l->s, path, hint, sizeof hint);
            return fail_at_key(l, node, "unknown key %s%s", path, hint);
        } else if (node->kind == YAML_MAPPING) {
            if (!apply_mapping(l, node, path)) {
                return false;
            }
        } else {
            return fail_at(l, node, "%s: found a %s, expected a mapping of parameters", path,
                           node->kind == YAML_LIST ? "list" : "single value");
        }
    }
    return true;
}

/* A scalar of the root mapping, or NULL. */
static const struct yaml_node *root_scalar(const struct yaml_tree *tree, const char *key)
{
    if (tree->nodes[0].kind != YAML_MAPPING) {
        return NULL;
    }
    for (size_t i = tree->nodes[0].first; i != 0; i = tree->nodes[i].next) {
        if (strcmp(tree->nodes[i].key, key) == 0) {
            return &tree->nodes[i];
        }
    }
    return NULL;
}

static bool apply_tree(struct layer *l)
{
    struct scenario *s = l->s;
    if (l->tree->nodes[0].kind != YAML_MAPPING) {
        return fail_at(l, l->tree->nodes,
                       "found a %s, expected keys such as preset, card or workload",
                       l->tree->nodes[0].kind == YAML_LIST ? "list" : "single value");
    }
    l->setter = must(calloc(s->note_count + 1, sizeof *l->setter));
    bool good = apply_mapping(l, l->tree->nodes, "");
    free(l->setter);
    l->setter = NULL;
    const struct yaml_node *description = root_scalar(l->tree, "description");
    if (good) {
        s->description = description == NULL ? "" : keep(s, description->text);
    }
    return good;
}

/* ---- files and presets ------------------------------------------------------------------ */

/* The whole file, or NULL with errno. At most one byte more than a scenario may have. */
static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return NULL;
    }
    char *text = must(malloc(YAML_TREE_BYTES + 1));
    *length = fread(text, 1, YAML_TREE_BYTES + 1, file);
    int why = ferror(file) ? errno : 0;
    fclose(file);
    if (why != 0) {
        free(text);
        errno = why;
        return NULL;
    }
    return text;
}

static bool load_preset(struct scenario *s, const char *name, const char *folder, const char *place,
                        const struct chain *outer);

/* Parse a text, load its base, lay the text over it. */
static bool load_text(struct scenario *s, const char *text, size_t length, const char *name,
                      const char *folder, const char *override_preset, bool preset,
                      const struct chain *outer)
{
    struct yaml_tree tree;
    if (!yaml_tree_parse(&tree, text, length, name, s->error, sizeof s->error)) {
        return false;
    }
    struct layer layer = {
        .s = s, .tree = &tree, .name = name, .folder = folder, .preset = preset
    };
    const struct yaml_node *base = root_scalar(&tree, "preset");
    bool good = true;
    if (base != NULL && override_preset == NULL) {
        char place[FILE_NAME + 48];
        good = need_scalar(&layer, base, "preset");
        snprintf(place, sizeof place, "%s:%zu:%zu: ", name, base->line, base->column);
        good = good && load_preset(s, base->text, folder, place, outer);
        if (good && !preset) {
            snprintf(s->preset, sizeof s->preset, "%s", base->text);
        }
    }
    good = good && apply_tree(&layer);
    yaml_tree_free(&tree);
    return good;
}

static bool is_file_name(const char *name)
{
    size_t n = strlen(name);
    return strchr(name, '/') != NULL || (n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
           (n > 4 && strcmp(name + n - 4, ".yml") == 0);
}

/* "no preset named X, did you mean Y? (known: ...)" */
static bool fail_no_preset(struct scenario *s, const char *place, const char *name)
{
    char **names = NULL;
    size_t count = preset_list(s->preset_folders, &names);
    char shown[64];
    const char *near = NULL;
    unsigned distance = 0;
    for (size_t i = 0; i < count; i++) {
        nearest_offer(name, names[i], &near, &distance);
    }
    bool plausible = near != NULL && nearest_plausible(name, distance);
    fail(s, "%spreset: found \"%s\", which is not a known preset%s%s%s, expected one of: ", place,
         nearest_shown(name, shown), plausible ? " (did you mean " : "", plausible ? near : "",
         plausible ? "?)" : "");
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(s->error);
        snprintf(s->error + used, sizeof s->error - used, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    if (count == 0) {
        size_t used = strlen(s->error);
        snprintf(s->error + used, sizeof s->error - used, "(none found in %s)",
                 s->preset_folders == NULL ? preset_folders_default() : s->preset_folders);
    }
    preset_list_free(names, count);
    return false;
}

/* Where the preset lies. False: nowhere. */
static bool find_preset(const struct scenario *s, const char *name, const char *folder, char *path,
                        size_t size)
{
    if (is_file_name(name)) {
        return join(folder, name, path, size);
    }
    const char *folders = s->preset_folders == NULL ? preset_folders_default() : s->preset_folders;
    while (*folders != '\0') {
        size_t n = strcspn(folders, ":");
        int length = snprintf(path, size, "%.*s/%s.yaml", (int)n, folders, name);
        if (n > 0 && length > 0 && (size_t)length < size && access(path, F_OK) == 0) {
            return true;
        }
        folders += n + (folders[n] == ':' ? 1 : 0);
    }
    return false;
}

static bool load_preset(struct scenario *s, const char *name, const char *folder, const char *place,
                        const struct chain *outer)
{
    char path[FILE_NAME];
    char own_folder[FILE_NAME];
    if (!find_preset(s, name, folder, path, sizeof path) ||
        !folder_of(path, own_folder, sizeof own_folder)) {
        return fail_no_preset(s, place, name);
    }
    for (const struct chain *c = outer; c != NULL; c = c->outer) {
        if (strcmp(c->path, path) == 0) {
            return fail(s, "%spreset: found \"%s\", which is its own base", place, name);
        }
    }
    const struct chain chain = { path, outer == NULL ? 1 : outer->length + 1, outer };
    if (chain.length > PRESET_DEPTH) {
        return fail(s, "%spreset: found more than %d presets, each the base of the one before",
                    place, PRESET_DEPTH);
    }
    size_t length = 0;
    char *text = read_file(path, &length);
    if (text == NULL) {
        return fail(s, "%spreset: cannot read %s: %s", place, path, strerror(errno));
    }
    bool good = load_text(s, text, length, path, own_folder, NULL, true, &chain);
    free(text);
    if (good) {
        s->preset_description = s->description;
    }
    return good;
}

bool scenario_load_text(struct scenario *s, const char *text, size_t length, const char *name,
                        const char *folder, const char *override_preset)
{
    if (override_preset != NULL && !scenario_load_preset(s, override_preset)) {
        return false;
    }
    return load_text(s, text, length, name, folder, override_preset, false, NULL);
}

bool scenario_load_preset(struct scenario *s, const char *name)
{
    if (!load_preset(s, name, "", "", NULL)) {
        return false;
    }
    snprintf(s->preset, sizeof s->preset, "%s", name);
    return true;
}

/* ---- settings --------------------------------------------------------------------------- */

static const char preset_key[] = "preset=";

static bool is_preset_setting(const char *assignment)
{
    return strncmp(assignment, preset_key, sizeof preset_key - 1) == 0;
}

bool scenario_set(struct scenario *s, const char *option, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    char path[KEY_PATH];
    char shown[64];
    size_t n = equals == NULL ? 0 : (size_t)(equals - assignment);
    if (n == 0 || n >= sizeof path) {
        return fail(s, "%s: found \"%s\", expected path=value such as card.clock=250MHz", option,
                    nearest_shown(assignment, shown));
    }
    memcpy(path, assignment, n);
    path[n] = '\0';
    const struct param_group *group = NULL;
    const struct param *param = param_find(s->groups, s->group_count, path, &group, NULL);
    if (param == NULL) {
        char hint[KEY_PATH + 64];
        if (is_group(s, path)) {
            return fail(s, "%s: %s is a group of parameters, expected one of them", option, path);
        }
        suggest_key(s, path, hint, sizeof hint);
        return fail(s, "%s: unknown key %s%s", option, nearest_shown(path, shown), hint);
    }
    char why[SCENARIO_ERROR / 2];
    if (!store(s, group, param, equals + 1, "", why, sizeof why)) {
        return fail(s, "%s: %s: %s", option, path, why);
    }
    size_t index = scenario_note_index(s, group, param);
    s->places[index] = keep(s, option);
    s->notes[index].origin = ORIGIN_USER;
    s->notes[index].place = s->places[index];
    s->notes[index].text = keep(s, equals + 1);
    s->notes[index].source = NULL;
    return true;
}

bool scenario_resolve(struct scenario *s, const char *file, const struct scenario_setting *settings,
                      size_t setting_count)
{
    const char *preset = NULL;
    const char *preset_option = NULL;
    for (size_t i = 0; i < setting_count; i++) {
        if (is_preset_setting(settings[i].assignment)) {
            preset = settings[i].assignment + sizeof preset_key - 1;
            preset_option = settings[i].option;
        }
    }
    if (preset != NULL && !scenario_load_preset(s, preset)) {
        char why[SCENARIO_ERROR];
        memcpy(why, s->error, sizeof why);
        bool has_place = strncmp(why, "preset: ", 8) != 0;
        return has_place ? false : fail(s, "%s: %s", preset_option, why + 8);
    }
    if (file != NULL) {
        char folder[FILE_NAME];
        size_t length = 0;
        char *text = read_file(file, &length);
        if (text == NULL) {
            return fail(s, "%s: cannot read the scenario: %s", file, strerror(errno));
        }
        bool good = folder_of(file, folder, sizeof folder)
                        ? load_text(s, text, length, file, folder, preset, false, NULL)
                        : fail(s, "%s: the name is too long", file);
        free(text);
        if (!good) {
            return false;
        }
        snprintf(s->file, sizeof s->file, "%s", base_name(file));
    }
    for (size_t i = 0; i < setting_count; i++) {
        if (!is_preset_setting(settings[i].assignment) &&
            !scenario_set(s, settings[i].option, settings[i].assignment)) {
            return false;
        }
    }
    return true;
}
