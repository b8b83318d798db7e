/* Snapshots: the state of a simulation as a list of memory regions.
 *
 * Every component registers the regions that hold its state when it is created. State holds
 * indices, never pointers, so that a region can be written and read back byte for byte. Three
 * kinds: a fixed region, a growable array (restored with realloc), and hooks for what lives
 * elsewhere (a file position, jobs of a cryptographic library that must be finished first). */
#ifndef ESPNIC_ENGINE_SNAPSHOT_H
#define ESPNIC_ENGINE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct snapshot_region {
    const char *name;
    void *base;    /* fixed: the region; growable: address of the pointer to it */
    size_t bytes;  /* fixed: its size; growable: size of one element */
    size_t *count; /* growable: number of elements allocated; else NULL */
};

struct snapshot_hook {
    void *self;
    bool (*before_save)(void *self);   /* bring everything into the regions */
    bool (*after_restore)(void *self); /* rebuild what is derived from them */
};

enum { SNAPSHOT_MAX_REGIONS = 4096, SNAPSHOT_MAX_HOOKS = 32 };

struct snapshot {
    struct snapshot_region region[SNAPSHOT_MAX_REGIONS];
    unsigned regions;
    struct snapshot_hook hook[SNAPSHOT_MAX_HOOKS];
    unsigned hooks;
};

void snapshot_fixed(struct snapshot *s, const char *name, void *base, size_t bytes);
void snapshot_array(struct snapshot *s, const char *name, void *pointer_to_array, size_t element,
                    size_t *count);
void snapshot_add_hook(struct snapshot *s, struct snapshot_hook hook);

/* False, with a sentence in `error`, if writing failed or (restore) the file was made by a
 * simulation with other regions: other program version or other configuration. */
bool snapshot_save(struct snapshot *s, FILE *file, char *error, size_t error_size);
bool snapshot_restore(struct snapshot *s, FILE *file, char *error, size_t error_size);

#endif
