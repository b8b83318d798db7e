#include "engine/nearest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { NEAREST_MAX = 127, EDIT = 2, CASE_EDIT = 1 };

static unsigned replace_cost(char a, char b)
{
    if (a == b) {
        return 0;
    }
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? CASE_EDIT : EDIT;
}

static unsigned min_u(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
    /* Three rows of the table of optimal string alignment: before, above, current. */
    unsigned rows[3][NEAREST_MAX + 1];
    size_t na = strnlen(a, NEAREST_MAX);
    size_t nb = strnlen(b, NEAREST_MAX);
    for (size_t j = 0; j <= nb; j++) {
        rows[0][j] = (unsigned)j * EDIT;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i * EDIT;
        for (size_t j = 1; j <= nb; j++) {
            unsigned best = above[j - 1] + replace_cost(a[i - 1], b[j - 1]);
            best = min_u(best, above[j] + EDIT);
            best = min_u(best, now[j - 1] + EDIT);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = min_u(best, before[j - 2] + EDIT);
            }
            now[j] = best;
        }
    }
    return rows[na % 3][nb];
}

void nearest_offer(const char *wanted, const char *candidate, const char **best, unsigned *distance)
{
    unsigned d = nearest_distance(wanted, candidate);
    if (wanted[0] != '\0' && strncmp(candidate, wanted, strlen(wanted)) == 0 && d > EDIT) {
        d = EDIT; /* cut short: "pre" for "preset" */
    }
    if (*best == NULL || d < *distance) {
        *best = candidate;
        *distance = d;
    }
}

bool nearest_plausible(const char *wanted, unsigned distance)
{
    size_t length = strnlen(wanted, NEAREST_MAX);
    size_t allowed = length < 4 ? 1 : length / 3;
    return distance <= allowed * EDIT;
}

const char *nearest_of(const char *wanted, const char *const *names)
{
    const char *best = NULL;
    unsigned distance = 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        nearest_offer(wanted, names[i], &best, &distance);
    }
    return best != NULL && nearest_plausible(wanted, distance) ? best : NULL;
}

const char *nearest_shown(const char *text, char out[64])
{
    size_t n = 0;
    while (n < 60 && text[n] != '\0') {
        unsigned char c = (unsigned char)text[n];
        out[n] = c < 0x20 || c == 0x7f ? '?' : (char)c;
        n++;
    }
    /* Do not cut inside a UTF-8 sequence. */
    while (text[n] != '\0' && n > 0 && ((unsigned char)text[n] & 0xc0U) == 0x80U) {
        n--;
    }
    memcpy(out + n, text[n] == '\0' ? "" : "...", text[n] == '\0' ? 1 : 4);
    return out;
}
