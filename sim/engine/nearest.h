/* The nearest known name to one that is not known, for messages: "did you mean lru?". */
#ifndef ESPNIC_ENGINE_NEAREST_H
#define ESPNIC_ENGINE_NEAREST_H

#include <stdbool.h>

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b. Upper and lower case
 * differ by half an edit, so the result counts half edits. Names are cut at 127 characters. */
unsigned nearest_distance(const char *a, const char *b);

/* Fold `candidate` into a search; start with *best = NULL. The beginning of a
 * candidate counts as one edit from it. Ties keep the earlier candidate. */
void nearest_offer(const char *wanted, const char *candidate, const char **best,
                   unsigned *distance);

/* True if `distance` is near enough to be worth proposing to somebody who typed `wanted`. */
bool nearest_plausible(const char *wanted, unsigned distance);

/* The nearest of a NULL-terminated list, or NULL when none is plausible. */
const char *nearest_of(const char *wanted, const char *const *names);

/* Text that somebody typed, fit for a message: at most 60 bytes, then "..."; no control characters,
 * so that the message stays one line. Returns out. */
const char *nearest_shown(const char *text, char out[64]);

#endif
