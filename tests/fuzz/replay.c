/* A main() for fuzz targets where the compiler has no libFuzzer, and in `make test`.
 *
 * usage: fuzz_NAME [FILE|FOLDER...]           (default: tests/fuzz/corpus/NAME)
 *
 * Runs the target on nothing, on every input given, on every input cut short, and on seeded
 * mutations of it: the same inputs on every machine. A target that crashes ends the process; one
 * that returns has passed. The last line has the form of the Check library. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 200, CUTS = 64, MAX_PATH = 4096 };

static unsigned inputs;

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* The target gets a heap copy of exactly `size` bytes, so that a sanitizer sees one byte too many. */
static void try_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size > 0 ? size : 1);

    if (copy == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void mutate_and_try(uint8_t *data, size_t size, uint64_t *state)
{
    uint8_t kept[4];
    size_t place[4];
    unsigned n = 1 + (unsigned)(next_random(state) % 4);

    for (unsigned i = 0; i < n; i++) {
        place[i] = (size_t)(next_random(state) % size);
        kept[i] = data[place[i]];
        data[place[i]] = (uint8_t)next_random(state);
    }
    try_input(data, size);
    while (n-- > 0) {
        data[place[n]] = kept[n];
    }
}

static void try_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint64_t state = 1;
    uint8_t *data;
    struct stat st;
    size_t size;

    if (f == NULL || fstat(fileno(f), &st) != 0) {
        perror(path);
        exit(2);
    }
    size = (size_t)st.st_size;
    data = malloc(size + 1);
    if (data == NULL || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: cannot read\n", path);
        exit(2);
    }
    fclose(f);
    printf("%s\n", path);
    fflush(stdout); /* the name of a crashing input must be seen */
    try_input(data, size);
    for (unsigned i = 0; i < CUTS && size > 0; i++) {
        try_input(data, size * i / CUTS);
    }
    for (unsigned i = 0; i < MUTATIONS && size > 0; i++) {
        mutate_and_try(data, size, &state);
    }
    free(data);
    inputs++;
}

static void try_path(const char *path)
{
    struct dirent **list = NULL;
    struct stat st;
    int n;

    if (stat(path, &st) != 0) {
        perror(path);
        exit(2);
    }
    if (!S_ISDIR(st.st_mode)) {
        try_file(path);
        return;
    }
    n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char inner[MAX_PATH];

        snprintf(inner, sizeof inner, "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.') {
            try_path(inner);
        }
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');

    name = name != NULL ? name + 1 : argv[0];
    try_input((const uint8_t *)"", 0);
    inputs++;
    for (int i = 1; i < argc; i++) {
        try_path(argv[i]);
    }
    if (argc == 1) {
        char corpus[MAX_PATH];
        struct stat st;

        snprintf(corpus, sizeof corpus, "tests/fuzz/corpus/%s",
                 strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
        if (stat(corpus, &st) == 0) {
            try_path(corpus);
        }
    }
    printf("100%%: Checks: %u, Failures: 0, Errors: 0\n", inputs);
    return 0;
}
