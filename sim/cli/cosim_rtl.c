/* RTL as a library: found, made by rtl_models/verilate.sh, loaded.
 *
 * Libraries are kept in ESPNIC_RTL_CACHE, or else below the user's cache folder, by the block and a hash of all that they are
 * made of: parameters, sources, tools with their versions, and what the environment says to the script. What has been made
 * once is there at once the next time, and nothing stale is ever loaded. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cosim.h"

enum { PATH_BYTES = 4096, MAX_WORDS = 64 };

static char coverage_file[PATH_BYTES + 64];

const char *cosim_rtl_coverage(void)
{
    return coverage_file;
}

/* ---- where things lie ---------------------------------------------------------------------------- */

static bool exists(const char *path)
{
    return access(path, R_OK) == 0;
}

/* Folders of the RTL, of the pins and of block.h: in the source tree, or installed together. */
struct places {
    char rtl[PATH_BYTES], pins[PATH_BYTES], shim[PATH_BYTES], script[PATH_BYTES];
    const char *other; /* folder of other RTL, which comes before `rtl`; NULL: none */
};

static bool join_path(char to[PATH_BYTES], const char *folder, const char *name)
{
    return snprintf(to, PATH_BYTES, "%s%s", folder, name) < PATH_BYTES;
}

/* `up`: from the program's folder to that of the source tree. */
static bool in_tree(struct places *p, const char *program, const char *up)
{
    char tree[PATH_BYTES];

    return join_path(tree, program, up) && join_path(p->rtl, tree, "/rtl_models") &&
           join_path(p->pins, tree, "/sim/nic") && join_path(p->shim, tree, "/sim");
}

static bool find_places(struct places *p, const char *folder)
{
    char program[PATH_BYTES - 64];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash;
    char base[PATH_BYTES];
    bool ok;

    program[n > 0 ? n : 0] = '\0';
    slash = strrchr(program, '/');
    if (slash) {
        *slash = '\0';
    }
    ok = in_tree(p, program, "/..");
    if (ok && !exists(p->rtl)) {
        ok = in_tree(p, program, "/../../.."); /* a program of tests/ */
    }
    if (ok && !exists(p->rtl)) {
        ok = join_path(base, program, "/../share/espnic/rtl_models") &&
             join_path(p->rtl, base, "") && join_path(p->pins, base, "/pins") &&
             join_path(p->shim, base, "/include");
    }
    ok = ok && join_path(p->script, p->rtl, "/verilate.sh");
    if (!ok || !exists(p->script)) {
        fprintf(stderr, "espnic cosim: no RTL in \"%s\"\n", p->rtl);
        return false;
    }
    p->other = folder;
    if (folder && !exists(folder)) {
        fprintf(stderr, "espnic cosim: no RTL in \"%s\": %s\n", folder, strerror(errno));
        return false;
    }
    return true;
}

/* ---- what it is made from --------------------------------------------------------------------------- */

static void hash_bytes(uint64_t *h, const void *bytes, size_t count)
{
    const unsigned char *b = bytes;

    for (size_t i = 0; i < count; i++) {
        *h = (*h ^ b[i]) * 0x100000001b3ull; /* FNV-1a */
    }
}

static void hash_file(uint64_t *h, const char *path)
{
    FILE *f = fopen(path, "rb");
    char buffer[16384];
    size_t n;

    hash_bytes(h, path, strlen(path) + 1);
    while (f && (n = fread(buffer, 1, sizeof buffer, f)) > 0) {
        hash_bytes(h, buffer, n);
    }
    if (f) {
        fclose(f);
    }
}

static int is_source(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    static const char *const kinds[] = { ".sv", ".svh", ".v", ".vh", ".vlt", ".cpp", ".sh" };

    for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(dot, kinds[i])) {
            return true;
        }
    }
    return false;
}

static void hash_folder(uint64_t *h, const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_source, alphasort);
    char path[2 * PATH_BYTES];

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        hash_file(h, path);
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

static void hash_rtl(uint64_t *h, const char *folder)
{
    char path[PATH_BYTES + 64];

    hash_folder(h, folder);
    snprintf(path, sizeof path, "%s/lockstep", folder);
    hash_folder(h, path);
}

/* Those of the block, and of the parts that it is made of. */
static void hash_pins(uint64_t *h, const char *folder, const char *block)
{
    char path[PATH_BYTES + 64], line[256], part[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/pins_%.40s.def", folder, block);
    hash_file(h, path);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "PART(%*[A-Z_0-9], %63[a-z_0-9])", part) == 1) {
            snprintf(path, sizeof path, "%s/pins_%.40s.def", folder, part);
            hash_file(h, path);
        }
    }
    if (f) {
        fclose(f);
    }
}

/* What the tool says of its version; nothing, if it is not there. */
static void hash_version(uint64_t *h, const char *variable, const char *usual)
{
    const char *set = getenv(variable);
    char *words[] = { strdup(set && *set ? set : usual), strdup("--version"), NULL };
    posix_spawn_file_actions_t actions;
    char buffer[4096];
    int ends[2];
    bool there;
    pid_t child;
    ssize_t n;

    if (pipe(ends) != 0) {
        fprintf(stderr, "espnic: internal error: no pipe: %s\n", strerror(errno));
        abort();
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    there = posix_spawnp(&child, words[0], &actions, NULL, words, environ) == 0;
    close(ends[1]);
    while (there && (n = read(ends[0], buffer, sizeof buffer)) > 0) {
        hash_bytes(h, buffer, (size_t)n);
    }
    close(ends[0]);
    if (there) {
        waitpid(child, NULL, 0);
    }
    posix_spawn_file_actions_destroy(&actions);
    free(words[0]);
    free(words[1]);
}

/* Which tools, and what the environment says to them. */
static void hash_tools(uint64_t *h)
{
    static const char *const names[] = { "VERILATOR", "VERILATOR_ROOT", "CXX", "OPT" };

    hash_version(h, "VERILATOR", "verilator");
    hash_version(h, "CXX", "g++");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);

        hash_bytes(h, value ? value : "", value ? strlen(value) + 1 : 1);
    }
}

static uint64_t hash_all(const struct places *p, const struct cosim_rtl_request *r)
{
    uint64_t h = 0xcbf29ce484222325ull;
    char path[PATH_BYTES + 64];

    hash_bytes(&h, r->config, strlen(r->config) + 1);
    hash_bytes(&h, &r->wave, 1);
    hash_bytes(&h, &r->coverage, 1);
    hash_bytes(&h, &r->form, sizeof r->form);
    hash_rtl(&h, p->rtl);
    if (p->other) { /* even of an empty folder: what is refused must not be found as espnic's own */
        hash_bytes(&h, "other", sizeof "other");
        hash_rtl(&h, p->other);
    }
    hash_pins(&h, p->pins, r->block);
    snprintf(path, sizeof path, "%s/engine/block.h", p->shim);
    hash_file(&h, path);
    hash_tools(&h);
    return h;
}

/* ---- making it ----------------------------------------------------------------------------------------- */

/* All of the path; false with errno. */
static bool make_folders(const char *path)
{
    char copy[PATH_BYTES];
    struct stat is;

    snprintf(copy, sizeof copy, "%s", path);
    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(copy, 0777);
        *at = '/';
    }
    if (mkdir(copy, 0777) == 0) {
        return true;
    }
    return errno == EEXIST && stat(copy, &is) == 0 && S_ISDIR(is.st_mode);
}

static bool cache_folder(char folder[PATH_BYTES])
{
    const char *set = getenv("ESPNIC_RTL_CACHE");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length;

    if (set && *set) {
        length = snprintf(folder, PATH_BYTES, "%s", set);
    } else if (cache && *cache) {
        length = snprintf(folder, PATH_BYTES, "%s/espnic", cache);
    } else {
        length = snprintf(folder, PATH_BYTES, "%s/.cache/espnic", home && *home ? home : "/tmp");
    }
    if (length >= PATH_BYTES) {
        fprintf(stderr, "espnic cosim: the name of the folder for RTL is too long\n");
        return false;
    }
    if (!make_folders(folder)) {
        fprintf(stderr, "espnic cosim: cannot make the folder \"%s\" (ESPNIC_RTL_CACHE): %s\n",
                folder, strerror(errno));
        return false;
    }
    return true;
}

/* bash verilate.sh BLOCK OUT NAME=VALUE...; its exit status. */
static int run_script(const struct places *p, const struct cosim_rtl_request *r, const char *out)
{
    char *words[MAX_WORDS + 8] = { strdup("bash"), strdup(p->script), strdup(r->block),
                                   strdup(out) };
    char *config = strdup(r->config);
    char *rest = NULL;
    unsigned count = 4;
    pid_t child;
    int status = 0;

    for (char *w = strtok_r(config, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        if (count == MAX_WORDS) {
            fprintf(stderr, "espnic: internal error: more parameters of %s than words\n", r->block);
            abort();
        }
        words[count++] = strdup(w);
    }
    setenv("RTL", p->other ? p->other : p->rtl, 1);
    setenv("PINS", p->pins, 1);
    setenv("SHIM", p->shim, 1);
    setenv("WAVE", r->wave ? "1" : "0", 1);
    setenv("COVERAGE", r->coverage ? "1" : "0", 1);
    setenv("FAST", r->form != COSIM_RTL_CHECKED ? "1" : "0", 1);
    setenv("GATES", r->form == COSIM_RTL_GATES ? "1" : "0", 1);
    if (r->form != COSIM_RTL_CHECKED) {
        setenv("OPT", "-O3", 1);
    }
    if (posix_spawnp(&child, "bash", NULL, NULL, words, environ) != 0 ||
        waitpid(child, &status, 0) < 0) {
        fprintf(stderr, "espnic cosim: cannot run bash: %s\n", strerror(errno));
        status = 1 << 8;
    }
    for (unsigned i = 0; i < count; i++) {
        free(words[i]);
    }
    free(config);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool load(struct cosim_rtl *rtl, const char *path)
{
    rtl->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (rtl->library) {
        rtl->ops = dlsym(rtl->library, "espnic_block");
        rtl->sources = dlsym(rtl->library, "espnic_block_sources");
    }
    if (!rtl->library || !rtl->ops || !rtl->sources || rtl->ops->abi != BLOCK_ABI) {
        const char *why = rtl->library ? NULL : dlerror();

        fprintf(stderr, "espnic cosim: %s: %s\n", path,
                why ? why : "not a block of this version of espnic");
        return false;
    }
    return true;
}

enum cosim_rtl_result cosim_rtl_open(struct cosim_rtl *rtl, const struct cosim_rtl_request *r)
{
    struct places places;
    char folder[PATH_BYTES];
    char path[PATH_BYTES + 64];
    int status;

    memset(rtl, 0, sizeof *rtl);
    if (!find_places(&places, r->folder) || !cache_folder(folder)) {
        return COSIM_RTL_BAD;
    }
    snprintf(path, sizeof path, "%s/%.40s-%016llx.so", folder, r->block,
             (unsigned long long)hash_all(&places, r));
    if (r->coverage) {
        snprintf(coverage_file, sizeof coverage_file, "%.4000s.d/coverage.dat", path);
    }
    if (!exists(path)) {
        if (isatty(STDERR_FILENO)) {
            fprintf(stderr, "making the RTL of %s with %s\n", r->block, r->config);
        }
        status = run_script(&places, r, path);
        if (status != 0) {
            return status == 3 ? COSIM_RTL_NO_TOOL : COSIM_RTL_BAD;
        }
    }
    return load(rtl, path) ? COSIM_RTL_OK : COSIM_RTL_BAD;
}

void cosim_rtl_close(struct cosim_rtl *rtl)
{
    if (rtl->library) {
        dlclose(rtl->library);
    }
    memset(rtl, 0, sizeof *rtl);
}
