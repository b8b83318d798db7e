#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report/text.h"

enum { CALLS_BETWEEN_LOOKS = 64 };
static const uint64_t redraw_ns = 100000000;

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void progress_start(struct progress *p, const char *label, uint64_t total_packets,
                    uint64_t total_ps)
{
    memset(p, 0, sizeof *p);
    p->active = isatty(STDERR_FILENO) == 1;
    p->label = label;
    p->total_packets = total_packets;
    p->total_ps = total_ps;
    p->start_ns = wall_ns();
    p->last_ns = p->start_ns;
}

/* How much is done, 0 to 1; 0 when nobody knows. The limit that is reached first ends the run. */
static double part_done(const struct progress *p, uint64_t packets, uint64_t now_ps)
{
    double by_packets = p->total_packets == 0 ? 0 : (double)packets / (double)p->total_packets;
    double by_time = p->total_ps == 0 ? 0 : (double)now_ps / (double)p->total_ps;
    double part = by_packets > by_time ? by_packets : by_time;
    return part > 1 ? 1 : part;
}

void progress_update(struct progress *p, uint64_t packets, uint64_t now_ps)
{
    if (!p->active || p->skip-- > 0) {
        return;
    }
    p->skip = CALLS_BETWEEN_LOOKS;
    uint64_t now = wall_ns();
    if (now - p->last_ns < redraw_ns) {
        return;
    }
    p->last_ns = now;
    double seconds = (double)(now - p->start_ns) / 1e9;
    double part = part_done(p, packets, now_ps);
    char time[TEXT_CELL];
    char speed[TEXT_CELL];
    char count[TEXT_CELL];
    fprintf(stderr, "\r\033[K%s: %s packets, %s simulated, %s", p->label,
            text_count(packets, count, sizeof count), text_time(now_ps, time, sizeof time),
            text_quantity((double)packets / seconds, "packets/s", false, speed, sizeof speed));
    if (part > 0) {
        uint64_t left = (uint64_t)(seconds / part * (1 - part) + 0.5);
        fprintf(stderr, ", %.0f %%, %" PRIu64 ":%02" PRIu64 " left", part * 100, left / 60,
                left % 60);
    }
    fflush(stderr);
}

void progress_pieces(struct progress *p, uint64_t done, uint64_t total, uint64_t failed)
{
    uint64_t now;

    if (!p->active) {
        return;
    }
    now = wall_ns();
    if (done > 0 && done < total && now - p->last_ns < redraw_ns) {
        return;
    }
    p->last_ns = now;
    double seconds = (double)(now - p->start_ns) / 1e9;
    fprintf(stderr, "\r\033[K%s: %" PRIu64 " of %" PRIu64 " points", p->label, done, total);
    if (failed > 0) {
        fprintf(stderr, " (%" PRIu64 " failed)", failed);
    }
    if (done > 0 && seconds > 0) {
        uint64_t left = (uint64_t)(seconds / (double)done * (double)(total - done) + 0.5);
        fprintf(stderr, ", %.3g points/s, %.0f %%, %" PRIu64 ":%02" PRIu64 " left",
                (double)done / seconds, 100.0 * (double)done / (double)total, left / 60, left % 60);
    }
    fflush(stderr);
}

double progress_end(struct progress *p)
{
    if (p->active) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->active = false;
    }
    return (double)(wall_ns() - p->start_ns) / 1e9;
}
