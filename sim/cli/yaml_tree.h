/* A YAML text as a small tree in which everything knows its place.
 *
 * Only what a scenario needs: one document of mappings, lists and scalars. Anchors, aliases, tags,
 * keys that are not plain words, a second document, text that is not UTF-8 are refused, each with
 * its place. Belongs to the scenario loader. */
#ifndef ESPNIC_CLI_YAML_TREE_H
#define ESPNIC_CLI_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

enum { YAML_TREE_DEPTH = 32, YAML_TREE_BYTES = 1 << 20 };

enum yaml_kind { YAML_SCALAR, YAML_MAPPING, YAML_LIST };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;         /* a scalar in quotes or as a block: may be empty */
    size_t line, column; /* of the value, from 1; columns count characters */
    char *key;           /* NULL: the root or an item of a list */
    size_t key_line, key_column;
    char *text;         /* of a scalar; holds no NUL but the last */
    size_t first, next; /* child and sibling; 0: none (the root is 0 and nobody's child) */
};

struct yaml_tree {
    struct yaml_node *nodes;
    size_t count, room;
};

/* `name` stands in the message: "vpn.yaml:3:1: ...". On false the tree is empty. */
bool yaml_tree_parse(struct yaml_tree *tree, const char *text, size_t length, const char *name,
                     char *error, size_t error_size);

void yaml_tree_free(struct yaml_tree *tree);

#endif
