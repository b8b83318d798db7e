#include "cli/sweep_jobs.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/must.h"

struct worker {
    pid_t pid; /* 0: none */
    int fd;    /* what it writes */
    size_t item;
    char *text;
    size_t length, room;
};

struct pool {
    const struct sweep_jobs *jobs;
    struct worker *worker;
    struct pollfd *poll; /* as poll() wants it; for each worker */
    unsigned running;
    sigset_t inside; /* signals that may come while waiting */
    bool enough;     /* done() wants no more */
};

/* A result is its size, then so many bytes; less than that is no result. */
static const size_t header = sizeof(uint64_t);

static volatile sig_atomic_t stopped_by;

static void on_signal(int number)
{
    stopped_by = number;
}

/* ---- signals -------------------------------------------------------------------------------------- */

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { STOPS = sizeof stop_signals / sizeof stop_signals[0] };

struct old_signals {
    struct sigaction action[STOPS];
    sigset_t mask;
};

/* They come only while the pool waits. One that was ignored (nohup) stays so. */
static void catch_signals(struct old_signals *old, sigset_t *inside)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigset_t block;

    sigemptyset(&action.sa_mask);
    sigemptyset(&block);
    stopped_by = 0;
    for (unsigned i = 0; i < STOPS; i++) {
        sigaction(stop_signals[i], NULL, &old->action[i]);
        if (old->action[i].sa_handler != SIG_IGN) {
            sigaction(stop_signals[i], &action, NULL);
            sigaddset(&block, stop_signals[i]);
        }
    }
    sigprocmask(SIG_BLOCK, &block, &old->mask);
    *inside = old->mask;
    for (unsigned i = 0; i < STOPS; i++) {
        sigdelset(inside, stop_signals[i]);
    }
}

static void restore_signals(const struct old_signals *old)
{
    for (unsigned i = 0; i < STOPS; i++) {
        sigaction(stop_signals[i], &old->action[i], NULL);
    }
    sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

/* ---- workers -------------------------------------------------------------------------------------- */

static bool write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t n = write(fd, at, length);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        at += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* What signals the terminal or a shell sends to the group are the caller's to answer; if the caller dies, so does
 * the worker. */
static _Noreturn void be_worker(const struct sweep_jobs *jobs, size_t item, int fd, pid_t caller)
{
    char *text = NULL;
    size_t length = 0;
    uint64_t size;
    FILE *result;
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != caller) {
        _exit(1);
    }
    for (unsigned i = 0; i < STOPS; i++) {
        signal(stop_signals[i], SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (jobs->cpu_seconds > 0) {
        struct rlimit limit = { jobs->cpu_seconds, jobs->cpu_seconds + 1 };

        setrlimit(RLIMIT_CPU, &limit);
    }
    result = must(open_memstream(&text, &length));
    jobs->work(jobs->self, item, result);
    must(fclose(result) == 0 ? text : NULL);
    size = length;
    _exit(write_all(fd, &size, sizeof size) && write_all(fd, text, length) ? 0 : 1);
}

static bool start(struct pool *p, size_t item, char *why, size_t why_size)
{
    struct worker *w = p->worker;
    pid_t caller = getpid();
    int fd[2];

    while (w->pid) {
        w++;
    }
    if (pipe(fd) != 0) {
        snprintf(why, why_size, "no pipe to a process: %s", strerror(errno));
        return false;
    }
    w->pid = fork();
    if (w->pid == 0) {
        close(fd[0]);
        be_worker(p->jobs, item, fd[1], caller);
    }
    close(fd[1]);
    if (w->pid < 0) {
        snprintf(why, why_size, "no process: %s", strerror(errno));
        close(fd[0]);
        w->pid = 0;
        return false;
    }
    w->fd = fd[0];
    w->item = item;
    w->length = 0;
    p->running++;
    return true;
}

static pid_t wait_for(pid_t pid, int *status)
{
    pid_t got;

    do {
        got = waitpid(pid, status, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* The worker has closed its pipe: it is through, or dead. */
static void finish(struct pool *p, struct worker *w)
{
    char why[128];
    uint64_t size = 0;
    int status = 0;
    bool whole;

    close(w->fd);
    wait_for(w->pid, &status);
    w->pid = 0;
    p->running--;
    if (w->length >= header) {
        memcpy(&size, w->text, header);
    }
    whole = w->length >= header && size == w->length - header;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        snprintf(why, sizeof why, "not done after %u s of processor time", p->jobs->cpu_seconds);
    } else if (WIFSIGNALED(status)) {
        snprintf(why, sizeof why, "the process that simulated it was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(why, sizeof why, "the process that simulated it ended with status %d, no result",
                 WEXITSTATUS(status));
    }
    whole = whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!p->jobs->done(p->jobs->self, w->item, whole ? w->text + header : NULL, size,
                       whole ? NULL : why)) {
        p->enough = true;
    }
}

static void take_bytes(struct pool *p, struct worker *w)
{
    ssize_t n;

    if (w->room - w->length < 4096) {
        w->room += 16384;
        w->text = must(realloc(w->text, w->room));
    }
    n = read(w->fd, w->text + w->length, w->room - w->length);
    if (n > 0) {
        w->length += (size_t)n;
    } else if (n == 0 || errno != EINTR) {
        finish(p, w);
    }
}

static void wait_for_some(struct pool *p)
{
    unsigned jobs = p->jobs->jobs;

    for (unsigned i = 0; i < jobs; i++) {
        p->poll[i] =
            (struct pollfd){ .fd = p->worker[i].pid ? p->worker[i].fd : -1, .events = POLLIN };
    }
    if (ppoll(p->poll, jobs, NULL, &p->inside) <= 0) {
        return;
    }
    for (unsigned i = 0; i < jobs && !p->enough; i++) {
        if (p->poll[i].revents) {
            take_bytes(p, &p->worker[i]);
        }
    }
}

static void end_workers(struct pool *p)
{
    for (unsigned i = 0; i < p->jobs->jobs; i++) {
        struct worker *w = &p->worker[i];
        int status;

        if (w->pid) {
            kill(w->pid, SIGKILL);
            wait_for(w->pid, &status);
            close(w->fd);
        }
        free(w->text);
    }
}

static void work_off(struct pool *p, const size_t *items, size_t count)
{
    size_t next = 0;
    char why[128];

    while (!stopped_by && !p->enough && (next < count || p->running)) {
        while (next < count && p->running < p->jobs->jobs && !p->enough) {
            if (start(p, items[next], why, sizeof why)) {
                next++;
            } else if (p->running) {
                break; /* perhaps when another has ended */
            } else if (!p->jobs->done(p->jobs->self, items[next++], NULL, 0, why)) {
                p->enough = true;
            }
        }
        if (p->running) {
            wait_for_some(p);
        }
    }
}

int sweep_jobs_run(const struct sweep_jobs *jobs, const size_t *items, size_t count)
{
    struct pool p = { .jobs = jobs };
    struct old_signals old;

    p.worker = must(calloc(jobs->jobs, sizeof *p.worker));
    p.poll = must(calloc(jobs->jobs, sizeof *p.poll));
    fflush(NULL); /* what is buffered must not be written by a worker, too */
    catch_signals(&old, &p.inside);
    work_off(&p, items, count);
    end_workers(&p);
    if (!stopped_by) {
        restore_signals(&old);
    }
    free(p.worker);
    free(p.poll);
    return stopped_by;
}

_Noreturn void sweep_jobs_die(int number)
{
    sigset_t set;

    fflush(NULL);
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + number);
}

unsigned sweep_jobs_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > 0 ? (unsigned)n : 1;
}
