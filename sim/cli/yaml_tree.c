#include "cli/yaml_tree.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "engine/must.h"
#include "engine/nearest.h"

struct loader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct yaml_tree *tree;
    const char *text;
    size_t length;
    const char *name;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 4, 5))) static bool fail(struct loader *l, size_t line, size_t column,
                                                       const char *format, ...)
{
    int n = snprintf(l->error, l->error_size, "%s:%zu:%zu: ", l->name, line, column);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used < l->error_size) {
        va_list args;
        va_start(args, format);
        vsnprintf(l->error + used, l->error_size - used, format, args);
        va_end(args);
    }
    return false;
}

/* Line and column of a byte, both from 1. */
static void place_of(const struct loader *l, size_t offset, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < l->length; i++) {
        if (l->text[i] == '\n') {
            *line += 1;
            *column = 1;
        } else {
            *column += ((unsigned char)l->text[i] & 0xc0U) != 0x80U;
        }
    }
}

/* Length of the UTF-8 sequence at text[0..left), 0 if it is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    if (text[0] < 0x80) {
        return 1;
    }
    size_t n = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || left < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0U) != 0x80U) {
            return 0;
        }
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] >= 0xa0) || (text[0] == 0xf4 && text[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

static bool check_utf8(struct loader *l)
{
    size_t i = 0;
    while (i < l->length) {
        size_t n = utf8_length((const unsigned char *)l->text + i, l->length - i);
        if (n == 0) {
            size_t line;
            size_t column;
            place_of(l, i, &line, &column);
            return fail(l, line, column,
                        "found byte 0x%02x, which is not UTF-8, expected UTF-8 text",
                        (unsigned char)l->text[i]);
        }
        i += n;
    }
    return true;
}

static bool next_event(struct loader *l)
{
    if (l->has_event) {
        yaml_event_delete(&l->event);
        l->has_event = false;
    }
    if (yaml_parser_parse(&l->parser, &l->event)) {
        l->has_event = true;
        return true;
    }
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem == NULL ? "cannot be read" : p->problem;
    if (p->error == YAML_READER_ERROR) {
        size_t line;
        size_t column;
        place_of(l, p->problem_offset, &line, &column);
        return fail(l, line, column, "not YAML: %s", problem);
    }
    return fail(l, p->problem_mark.line + 1, p->problem_mark.column + 1, "not YAML: %s%s%s%s",
                problem, p->context == NULL ? "" : " (", p->context == NULL ? "" : p->context,
                p->context == NULL ? "" : ")");
}

static bool fail_here(struct loader *l, const char *message)
{
    return fail(l, l->event.start_mark.line + 1, l->event.start_mark.column + 1, "%s", message);
}

/* Anchors and tags say something that would be lost: refuse them. */
static bool check_plain(struct loader *l)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    switch (l->event.type) {
    case YAML_ALIAS_EVENT:
        return fail_here(l, "found an alias (*), which is not supported: write the value out");
    case YAML_SCALAR_EVENT:
        anchor = l->event.data.scalar.anchor;
        tag = l->event.data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = l->event.data.sequence_start.anchor;
        tag = l->event.data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = l->event.data.mapping_start.anchor;
        tag = l->event.data.mapping_start.tag;
        break;
    default: break;
    }
    if (anchor != NULL) {
        return fail_here(l, "found an anchor (&), which is not supported: write the value out");
    }
    if (tag != NULL) {
        return fail_here(l, "found a tag (!), which is not supported: write the value alone");
    }
    return true;
}

static size_t new_node(struct yaml_tree *tree)
{
    if (tree->count == tree->room) {
        tree->room = tree->room == 0 ? 64 : tree->room * 2;
        tree->nodes = must(realloc(tree->nodes, tree->room * sizeof *tree->nodes));
    }
    memset(&tree->nodes[tree->count], 0, sizeof tree->nodes[0]);
    return tree->count++;
}

/* The text of the scalar event. NULL: it holds a NUL. */
static char *scalar_text(struct loader *l)
{
    const char *value = (const char *)l->event.data.scalar.value;
    if (memchr(value, '\0', l->event.data.scalar.length) != NULL) {
        fail_here(l, "found a NUL character (\\0) in a text, expected text without");
        return NULL;
    }
    return must(strdup(value));
}

static bool read_value(struct loader *l, size_t node, unsigned depth);

/* The current event is a mapping's key. */
static bool read_key(struct loader *l, size_t child)
{
    if (!check_plain(l)) {
        return false;
    }
    if (l->event.type != YAML_SCALAR_EVENT) {
        return fail_here(l, "found a mapping or list as a key, expected a name");
    }
    char *key = scalar_text(l);
    if (key == NULL) {
        return false;
    }
    struct yaml_node *node = &l->tree->nodes[child];
    node->key = key;
    node->key_line = l->event.start_mark.line + 1;
    node->key_column = l->event.start_mark.column + 1;
    return key[0] != '\0' || fail_here(l, "found an empty key, expected a name");
}

/* Children of a mapping or a list, up to its end event. */
static bool read_children(struct loader *l, size_t node, unsigned depth)
{
    bool mapping = l->tree->nodes[node].kind == YAML_MAPPING;
    yaml_event_type_t end = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    size_t last = 0;
    while (next_event(l)) {
        if (l->event.type == end) {
            return true;
        }
        size_t child = new_node(l->tree);
        if (last == 0) {
            l->tree->nodes[node].first = child;
        } else {
            l->tree->nodes[last].next = child;
        }
        last = child;
        if (mapping && (!read_key(l, child) || !next_event(l))) {
            return false;
        }
        if (!read_value(l, child, depth + 1)) {
            return false;
        }
    }
    return false;
}

/* The current event begins a value. */
static bool read_value(struct loader *l, size_t node, unsigned depth)
{
    struct yaml_node *n = &l->tree->nodes[node];
    n->line = l->event.start_mark.line + 1;
    n->column = l->event.start_mark.column + 1;
    if (!check_plain(l)) {
        return false;
    }
    if (l->event.type == YAML_SCALAR_EVENT) {
        n->kind = YAML_SCALAR;
        n->quoted = l->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        n->text = scalar_text(l);
        return n->text != NULL;
    }
    if (depth == YAML_TREE_DEPTH) {
        return fail_here(l, "found more than 32 levels of nesting");
    }
    n->kind = l->event.type == YAML_MAPPING_START_EVENT ? YAML_MAPPING : YAML_LIST;
    return read_children(l, node, depth);
}

/* Go on to the count-th event from here. */
static bool skip_events(struct loader *l, unsigned count)
{
    for (; count > 0; count--) {
        if (!next_event(l)) {
            return false;
        }
    }
    return true;
}

static bool read_stream(struct loader *l)
{
    if (!skip_events(l, 2)) { /* stream start, document start */
        return false;
    }
    if (l->event.type == YAML_STREAM_END_EVENT) {
        return fail(l, 1, 1, "the file is empty, expected keys such as preset, card or workload");
    }
    if (!next_event(l) || !read_value(l, new_node(l->tree), 0)) {
        return false;
    }
    if (!skip_events(l, 2)) { /* document end, stream end */
        return false;
    }
    if (l->event.type != YAML_STREAM_END_EVENT) {
        return fail_here(l, "found a second document, expected only one");
    }
    return true;
}

bool yaml_tree_parse(struct yaml_tree *tree, const char *text, size_t length, const char *name,
                     char *error, size_t error_size)
{
    struct loader l = { .tree = tree, .text = text, .length = length, .name = name };
    l.error = error;
    l.error_size = error_size;
    memset(tree, 0, sizeof *tree);
    if (length > YAML_TREE_BYTES) {
        return fail(&l, 1, 1, "found more than 1 MiB of text, expected a scenario");
    }
    if (!check_utf8(&l)) {
        return false;
    }
    if (!yaml_parser_initialize(&l.parser)) {
        must(NULL);
    }
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, length);
    bool good = read_stream(&l);
    if (l.has_event) {
        yaml_event_delete(&l.event);
    }
    yaml_parser_delete(&l.parser);
    if (!good) {
        yaml_tree_free(tree);
    }
    return good;
}

void yaml_tree_free(struct yaml_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->nodes[i].key);
        free(tree->nodes[i].text);
    }
    free(tree->nodes);
    memset(tree, 0, sizeof *tree);
}
