#include "engine/snapshot.h"

#include <stdlib.h>
#include <string.h>

static const char magic[8] = "espnSNP1";

static void add_region(struct snapshot *s, struct snapshot_region region)
{
    if (s->regions == SNAPSHOT_MAX_REGIONS) {
        fprintf(stderr, "espnic: internal error: more than %d snapshot regions\n",
                SNAPSHOT_MAX_REGIONS);
        abort();
    }
    s->region[s->regions++] = region;
}

void snapshot_fixed(struct snapshot *s, const char *name, void *base, size_t bytes)
{
    add_region(s, (struct snapshot_region){ .name = name, .base = base, .bytes = bytes });
}

void snapshot_array(struct snapshot *s, const char *name, void *pointer_to_array, size_t element,
                    size_t *count)
{
    add_region(s, (struct snapshot_region){
                      .name = name, .base = pointer_to_array, .bytes = element, .count = count });
}

void snapshot_add_hook(struct snapshot *s, struct snapshot_hook hook)
{
    if (s->hooks == SNAPSHOT_MAX_HOOKS) {
        fprintf(stderr, "espnic: internal error: more than %d snapshot hooks\n",
                SNAPSHOT_MAX_HOOKS);
        abort();
    }
    s->hook[s->hooks++] = hook;
}

static void *region_data(const struct snapshot_region *r)
{
    return r->count ? *(void **)r->base : r->base;
}

struct region_head {
    char name[48];
    uint64_t element, count;
};

static struct region_head head_of(const struct snapshot_region *r)
{
    struct region_head h = { .element = r->bytes, .count = r->count ? *r->count : 1 };

    snprintf(h.name, sizeof h.name, "%s", r->name);
    return h;
}

bool snapshot_save(struct snapshot *s, FILE *file, char *error, size_t error_size)
{
    for (unsigned i = 0; i < s->hooks; i++) {
        if (s->hook[i].before_save && !s->hook[i].before_save(s->hook[i].self)) {
            snprintf(error, error_size, "a component could not bring its state into memory");
            return false;
        }
    }
    fwrite(magic, sizeof magic, 1, file);
    for (unsigned i = 0; i < s->regions; i++) {
        struct region_head h = head_of(&s->region[i]);

        fwrite(&h, sizeof h, 1, file);
        if (h.count) {
            fwrite(region_data(&s->region[i]), h.element, h.count, file);
        }
    }
    if (ferror(file) || fflush(file)) {
        snprintf(error, error_size, "writing the snapshot failed");
        return false;
    }
    return true;
}

static bool restore_region(struct snapshot_region *r, FILE *file, char *error, size_t error_size)
{
    struct region_head found;
    struct region_head want = head_of(r);

    if (fread(&found, sizeof found, 1, file) != 1) {
        snprintf(error, error_size, "snapshot ends before region %s", r->name);
        return false;
    }
    if (strncmp(found.name, want.name, sizeof found.name) != 0 || found.element != want.element ||
        (!r->count && found.count != 1)) {
        snprintf(error, error_size,
                 "snapshot has region %.48s of %llu bytes, expected %s of %llu: another "
                 "configuration or program version",
                 found.name, (unsigned long long)found.element, want.name,
                 (unsigned long long)want.element);
        return false;
    }
    if (r->count && found.count != *r->count) {
        void *grown = realloc(*(void **)r->base, found.count ? found.count * found.element : 1);

        if (!grown) {
            snprintf(error, error_size, "no memory for region %s", r->name);
            return false;
        }
        *(void **)r->base = grown;
        *r->count = found.count;
    }
    if (found.count && fread(region_data(r), found.element, found.count, file) != found.count) {
        snprintf(error, error_size, "snapshot ends inside region %s", r->name);
        return false;
    }
    return true;
}

bool snapshot_restore(struct snapshot *s, FILE *file, char *error, size_t error_size)
{
    char found[sizeof magic];

    if (fread(found, sizeof found, 1, file) != 1 || memcmp(found, magic, sizeof magic) != 0) {
        snprintf(error, error_size, "not a snapshot of this program version");
        return false;
    }
    for (unsigned i = 0; i < s->regions; i++) {
        if (!restore_region(&s->region[i], file, error, error_size)) {
            return false;
        }
    }
    for (unsigned i = 0; i < s->hooks; i++) {
        if (s->hook[i].after_restore && !s->hook[i].after_restore(s->hook[i].self)) {
            snprintf(error, error_size, "a component could not rebuild its state");
            return false;
        }
    }
    return true;
}
