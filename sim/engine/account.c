#include "engine/account.h"

#include <assert.h>
#include <string.h>

void account_blame(struct account *a, struct account_reason reason, uint64_t cycles)
{
    if (reason.state == ACCOUNT_BLOCKED && a->by_cause[0]) {
        a->by_cause[0][reason.cause] += cycles;
    } else if (reason.state == ACCOUNT_WAITING && a->by_cause[1]) {
        a->by_cause[1][reason.cause] += cycles;
    }
}

static void count(struct account *a, struct account_reason reason, uint64_t cycles)
{
    a->total[reason.state] += cycles;
    account_blame(a, reason, cycles);
}

static uint64_t run_end(const struct account_run *r)
{
    return run_last(&r->at) + r->busy + r->tail;
}

/* Busy cycles of the run in [first, first + span). */
static uint64_t busy_within(const struct account_run *r, uint64_t span)
{
    uint32_t begun = run_within(&r->at, span);
    uint64_t part = span - run_offset(&r->at, begun - 1);
    uint64_t most = begun == r->at.beats ? (uint64_t)r->busy + r->tail : r->busy;

    return (begun - 1) * (uint64_t)r->busy + (part < most ? part : most);
}

/* Count the run from `settled` up to `until`, both inside it. */
static void count_run(struct account *a, const struct account_run *r, uint64_t until)
{
    uint64_t from = a->settled;
    uint64_t busy = busy_within(r, until - r->at.first) - busy_within(r, from - r->at.first);

    a->total[ACCOUNT_BUSY] += busy;
    if (until - from > busy) {
        count(a, r->between, until - from - busy);
    }
    a->settled = until;
}

/* Count up to `cycle` of the run, which begins before it. True if that is all of the run. */
static inline bool settle_run(struct account *a, const struct account_run *r, uint64_t cycle)
{
    uint64_t end = run_end(r);

    if (a->settled < r->at.first) {
        count(a, a->idle, r->at.first - a->settled);
        a->settled = r->at.first;
    }
    if (a->settled == r->at.first && end <= cycle) { /* all of it, the common case */
        uint64_t gaps = run_last(&r->at) - r->at.first - (uint64_t)(r->at.beats - 1) * r->busy;

        a->total[ACCOUNT_BUSY] += end - r->at.first - gaps;
        if (gaps) {
            count(a, r->between, gaps);
        }
        a->settled = end;
    } else {
        count_run(a, r, cycle < end ? cycle : end);
    }
    return a->settled == end;
}

void account_settle(struct account *a, uint64_t cycle)
{
    unsigned over = 0;

    while (over < a->runs && a->run[over].at.first < cycle && settle_run(a, &a->run[over], cycle)) {
        a->before = (struct account_reason){ .state = ACCOUNT_BUSY };
        a->idle = a->run[over].after;
        a->idle_since = a->settled;
        over++;
    }
    a->runs = (uint8_t)(a->runs - over);
    if (over && a->runs) {
        memmove(&a->run[0], &a->run[over], a->runs * sizeof a->run[0]);
    }
    if (a->settled < cycle) {
        count(a, a->idle, cycle - a->settled);
        a->settled = cycle;
    }
}

void account_idle_anew(struct account *a, uint64_t cycle, struct account_reason reason)
{
    account_settle(a, cycle);
    if (a->runs || account_same(a->idle, reason)) {
        return;
    }
    if (a->idle_since != cycle) { /* else `before` already is what the cycle before was */
        a->before = a->idle;
    }
    a->idle = reason;
    a->idle_since = cycle;
}

/* What the slot does `into` cycles after the first beat of the run, or, when that is over, until the next one. */
static struct account_reason during_run(const struct account_run *r, uint64_t into)
{
    const struct account_reason busy = { .state = ACCOUNT_BUSY };
    uint32_t begun = run_within(&r->at, into);
    uint64_t part = into - run_offset(&r->at, begun - 1);

    if (begun == r->at.beats) {
        return part < (uint64_t)r->busy + r->tail ? busy : r->after;
    }
    return part < r->busy ? busy : r->between;
}

struct account_reason account_seen(const struct account *a, uint64_t cycle)
{
    for (unsigned i = a->runs; i > 0; i--) { /* the last one that had begun */
        const struct account_run *r = &a->run[i - 1];

        if (r->at.first < cycle) {
            return during_run(r, cycle - 1 - r->at.first);
        }
    }
    return a->idle_since >= cycle ? a->before : a->idle;
}

void account_after(struct account *a, uint64_t cycle, struct account_reason reason)
{
    if (account_same(account_rest(a), reason)) {
        return;
    }
    if (!a->runs || run_end(&a->run[a->runs - 1]) <= cycle) {
        account_settle(a, cycle);
    }
    if (a->runs) {
        a->run[a->runs - 1].after = reason;
    } else {
        account_idle(a, cycle, reason);
    }
}

void account_publish(struct sched *sched, unsigned block, const struct account *first,
                     size_t stride, unsigned count)
{
    sched->block[block].account = first;
    sched->block[block].account_stride = stride;
    sched->block[block].accounts = count;
}

unsigned account_chain_end(const struct sched *sched, unsigned block, unsigned domain, uint64_t now)
{
    const struct sched_block *b = &sched->block[block];
    uint64_t then = clock_edge_from(sched->clocks, domain, now, b->domain);
    struct account_reason first = { .state = ACCOUNT_BUSY };

    for (unsigned i = 0; i < b->accounts; i++) {
        const char *at = (const char *)b->account + i * b->account_stride;
        struct account_reason seen = account_seen((const struct account *)(const void *)at, then);

        if (seen.state == ACCOUNT_BUSY || seen.state == ACCOUNT_STARVED) {
            return block;
        }
        if (i == 0) {
            first = seen;
        }
    }
    return first.state == ACCOUNT_BUSY ? block : first.cause;
}
