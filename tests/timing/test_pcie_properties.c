/* What must hold on a PCIe link whatever its model, by bookkeeping of its own, over random traffic: all
 * arrives once and in order, credits are never overrun; and a run that is cut, saved and restored is the
 * same run. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie_random.h"

enum { ORDER_CASES = 300, CREDIT_CASES = 300, CUT_CASES = 60 };

static const uint64_t forever = CLOCK_NEVER - 1;
static const struct pr_wish some = { .clients = 5, .requests = 20, .mmios = 40 };
static const struct pr_wish alone = { .clients = 1, .requests = 30, .mmios = 40, .exact = true };

static struct pcie_bench bench, other;

/* ---- what was seen of each request --------------------------------------------------------- */

enum { UNSEEN = 0 }; /* cycles are noted plus one */

static struct seen {
    uint64_t taken, memory, answer;
} seen[PCIE_MAX_CLIENTS][PB_MAX_PLAN];

static void once(uint64_t *place, uint64_t cycle)
{
    ck_assert_uint_eq(*place, UNSEEN);
    *place = cycle + 1;
}

static void note_requests(const struct pcie_bench *b)
{
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < b->log.count; i++) {
        const struct pb_event *e = &b->log.event[i];
        struct seen *s = &seen[e->client][e->ref];

        switch ((enum pb_event_kind)e->kind) {
        case PB_TAKEN: once(&s->taken, e->cycle); break;
        case PB_MEMORY: once(&s->memory, e->cycle); break;
        case PB_ANSWER: once(&s->answer, e->cycle); break;
        default: break;
        }
    }
}

/* Table of 2.4.1, rows A and B: may the second of two requests pass the first, because of its ID (A2b, B2b), or because
 * the first is a read? */
static bool may_pass(const struct pcie_bench *b, const struct pb_planned *first,
                     const struct pb_planned *second)
{
    return first->op == PCIE_READ || (b->config.ido && first->id != second->id);
}

/* Pairs of requests of which the second came first. */
static uint64_t passed;

static void check_pair(const struct pcie_bench *b, const struct pb_planned *first,
                       const struct seen *at, const struct pb_planned *second,
                       const struct seen *then)
{
    if (then->memory >= at->memory) {
        return;
    }
    ck_assert(may_pass(b, first, second));
    ck_assert(b->config.ido); /* nothing else makes this host change the order of requests */
    passed++;
}

/* Each once, those of a client in their order: no write passes anything, no read a write, but for IDs. */
static void check_requests(const struct pcie_bench *b)
{
    for (unsigned c = 0; c < b->clients; c++) {
        struct seen before = { 0 };

        ck_assert_uint_eq(b->client[c].s.next, b->client[c].planned);
        for (uint32_t n = 0; n < b->client[c].planned; n++) {
            const struct pb_planned *p = &b->client[c].plan[n];
            const struct seen *s = &seen[c][n];

            ck_assert_uint_gt(s->taken, before.taken);
            for (uint32_t i = 0; i < n; i++) {
                check_pair(b, &b->client[c].plan[i], &seen[c][i], p, s);
            }
            ck_assert_uint_gt(s->memory, s->taken);
            ck_assert_int_eq(s->answer != UNSEEN, p->answer);
            ck_assert(!p->answer || s->answer > s->taken);
            before = *s;
        }
    }
}

static uint64_t tlps_of(const struct pcie_config *config, const struct pb_planned *p)
{
    return p->op == PCIE_READ ? pcie_read_cost(config, p->address, p->length).tlps
                              : pcie_write_cost(config, p->address, p->length).tlps;
}

struct one {
    struct seen seen;
    const struct pb_planned *planned;
};

static int by_taken(const void *a, const void *b)
{
    const struct one *x = a;
    const struct one *y = b;

    return x->seen.taken < y->seen.taken ? -1 : x->seen.taken > y->seen.taken;
}

/* Of all clients together: requests of one TLP reach memory in the order in which they were taken. */
static void check_order_of_all(const struct pcie_bench *b)
{
    static struct one one[PCIE_MAX_CLIENTS * PB_MAX_PLAN];
    uint32_t n = 0;

    for (unsigned c = 0; c < b->clients; c++) {
        for (uint32_t i = 0; i < b->client[c].planned; i++) {
            if (tlps_of(&b->config, &b->client[c].plan[i]) == 1) {
                one[n++] = (struct one){ seen[c][i], &b->client[c].plan[i] };
            }
        }
    }
    qsort(one, n, sizeof one[0], by_taken);
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            check_pair(b, one[k].planned, &one[k].seen, one[i].planned, &one[i].seen);
        }
    }
}

/* ---- register accesses --------------------------------------------------------------------- */

/* The n-th to reach the card, by cycle and call. */
static uint32_t access_in_turn(const struct pcie_bench *b, uint32_t n)
{
    uint32_t before;

    for (uint32_t m = 0; m < b->mmios; m++) {
        before = 0;
        for (uint32_t k = 0; k < b->mmios; k++) {
            before += b->mmio[k].cycle < b->mmio[m].cycle ||
                      (k < m && b->mmio[k].cycle == b->mmio[m].cycle);
        }
        if (before == n) {
            return m;
        }
    }
    ck_abort_msg("no access %u", n);
    return 0;
}

/* Row D: what had been pushed before the register was read is in memory before the CPU has the answer, unless it
 * is relaxed, or of another ID than the registers (D2b). */
static void check_pushed(const struct pcie_bench *b, uint32_t read, uint64_t done)
{
    for (unsigned c = 0; c < b->clients && !b->config.relaxed; c++) {
        for (uint32_t n = 0; n < b->client[c].planned; n++) {
            const struct pb_planned *p = &b->client[c].plan[n];

            if (p->op != PCIE_READ && (!b->config.ido || p->id == 0) &&
                clock_compare(&b->clocks, b->client[c].domain, p->pushed, b->registers.domain,
                              b->registers.s.cycle[read]) < 0) {
                ck_assert_uint_le(seen[c][n].memory, done + 1);
            }
        }
    }
}

static bool is_access(const struct pcie_bench *b, const struct pb_event *e, uint32_t m)
{
    bool read = e->kind == PB_MMIO_READ;

    return read == b->mmio[m].read && e->ref == (read ? b->mmio[m].offset : m);
}

static void check_accesses(const struct pcie_bench *b)
{
    uint32_t reads[PB_MAX_MMIO];
    uint32_t arrived = 0;
    uint32_t waiting = 0;
    uint32_t done = 0;
    uint64_t poisoned = pcie_link_stats(b->link)->poisoned_mmio;

    for (uint32_t i = 0; i < b->log.count; i++) {
        const struct pb_event *e = &b->log.event[i];

        if (e->kind == PB_MMIO_WRITE || e->kind == PB_MMIO_READ) {
            uint32_t m = access_in_turn(b, arrived++);

            while (!is_access(b, e, m)) { /* the card does not see one that is poisoned */
                ck_assert(!b->mmio[m].read && poisoned > 0);
                poisoned--;
                m = access_in_turn(b, arrived++);
            }
            if (b->mmio[m].read) {
                reads[waiting++] = m;
            }
        } else if (e->kind == PB_MMIO_DONE) {
            ck_assert_uint_lt(done, waiting);
            ck_assert_uint_eq(e->ref, reads[done]);
            check_pushed(b, done, e->cycle);
            done++;
        }
    }
    ck_assert_uint_eq(arrived + poisoned, b->mmios);
    ck_assert_uint_eq(done, waiting);
}

/* Damage on the way or not, of TLPs and of what is told about them. */
START_TEST(once_and_in_order)
{
    uint64_t repeated = 0;
    uint64_t written = 0;
    uint64_t lost = 0;

    for (uint64_t number = 0; number < ORDER_CASES; number++) {
        pr_bench(&bench, number + 5000, &some);
        pb_run(&bench, forever);
        ck_assert(pcie_link_idle(bench.link));
        ck_assert_uint_eq(pcie_request_live(bench.link), 0);
        note_requests(&bench);
        check_requests(&bench);
        check_order_of_all(&bench);
        check_accesses(&bench);
        repeated += pcie_link_stats(bench.link)->dir[0].replays;
        repeated += pcie_link_stats(bench.link)->dir[1].replays;
        lost += pcie_link_stats(bench.link)->dir[0].bad_dllps;
        lost += pcie_link_stats(bench.link)->dir[1].bad_dllps;
        written += pcie_link_stats(bench.link)->writes;
        pb_free(&bench);
    }
    ck_assert_uint_gt(repeated, 5 * ORDER_CASES);
    ck_assert_uint_gt(lost, 5 * ORDER_CASES);
    ck_assert_uint_gt(passed, ORDER_CASES / 5);
    ck_assert_uint_gt(written, 8 * ORDER_CASES);
}
END_TEST

/* ---- credits ------------------------------------------------------------------------------- */

enum { POSTED, NONPOSTED, KINDS };

struct loan {
    uint64_t back; /* cycle from which the transmitter can know that the units are free again */
    uint32_t header, data;
};

/* Units of one kind on one wire. */
struct book {
    struct loan loan[PB_MAX_LOG / 8];
    uint32_t first, count;
    uint32_t header, data;             /* lent */
    uint32_t header_limit, data_limit; /* 0: none */
    uint32_t most_header, most_data;   /* ever lent */
};

/* TLPs of the only client as they start, known by their order. */
struct watch {
    struct pcie_bench *b;
    struct pcie_memory *memory;
    uint64_t up, down; /* latencies, cycles */
    uint32_t request;
    uint64_t at; /* bytes of it sent */
    struct book book[KINDS];
};

static struct watch watch;
static struct book card[KINDS];

static uint32_t units(uint64_t address, uint32_t length)
{
    return (pcie_padded(address, length) + 15) / 16;
}

static uint64_t end_of_flit(uint64_t cycle)
{
    return (cycle + PCIE_FLIT_BYTES - 1) / PCIE_FLIT_BYTES * PCIE_FLIT_BYTES;
}

/* News of this cycle at the other end, at the earliest. */
static uint64_t news(const struct pcie_config *c, uint64_t cycle, uint64_t latency)
{
    if (c->dllp == PCIE_DLLP_SHARE) {
        return cycle + latency;
    }
    return (c->generation == 6 ? end_of_flit(cycle) : cycle + 8) + latency;
}

/* Those of different IDs come back in any order. */
static void take_back(struct book *book, uint64_t now)
{
    for (uint32_t i = book->first; i < book->count; i++) {
        struct loan *loan = &book->loan[i];

        if (loan->back <= now) {
            book->header -= loan->header;
            book->data -= loan->data;
            *loan = (struct loan){ 0 };
        }
    }
    while (book->first < book->count && book->loan[book->first].back == 0) {
        book->first++;
    }
}

static void lend(struct book *book, uint64_t now, struct loan loan)
{
    take_back(book, now);
    book->header += loan.header;
    book->data += loan.data;
    ck_assert(!book->header_limit || book->header <= book->header_limit);
    ck_assert(!book->data_limit || book->data <= book->data_limit);
    book->most_header = book->header > book->most_header ? book->header : book->most_header;
    book->most_data = book->data > book->most_data ? book->data : book->most_data;
    ck_assert_uint_lt(book->count, sizeof book->loan / sizeof book->loan[0]);
    book->loan[book->count++] = loan;
}

/* One more TLP has started in this cycle. */
static void tlp_starts(struct watch *w, uint64_t now)
{
    const struct pcie_config *c = &w->b->config;
    const struct pb_planned *p = &w->b->client[0].plan[w->request];
    bool read = p->op == PCIE_READ;
    uint64_t unit = read ? c->mrrs : c->mps;
    uint64_t from = p->address + w->at;
    uint64_t room = unit - from % unit;
    uint32_t length = (uint32_t)(p->length - w->at < room ? p->length - w->at : room);
    uint64_t left = now + pcie_request_overhead(c, from) + (read ? 0 : pcie_padded(from, length));
    uint64_t arrives = (c->generation == 6 ? end_of_flit(left) : left) + w->up;
    struct loan loan = { .header = 1, .data = read ? 0 : units(from, length) };
    unsigned order = c->ido ? p->id : 0;

    if (read) {
        pcie_memory_read_in(w->memory, order, arrives, from, length);
        loan.back = news(c, arrives, w->down);
    } else {
        loan.back =
            news(c, pcie_memory_write_in(w->memory, order, arrives, from, length).taken, w->down);
    }
    lend(&w->book[read ? NONPOSTED : POSTED], now, loan);
    w->at += length;
    if (w->at == p->length) {
        w->at = 0;
        w->request++;
    }
}

static void watch_starts(struct pcie_bench *b)
{
    const struct pcie_direction_stats *up = &pcie_link_stats(b->link)->dir[0];
    char error[200];
    uint64_t known = 0;

    memset(&watch, 0, sizeof watch);
    watch.b = b;
    watch.memory = pcie_memory_create(&b->config.host, &b->clocks, b->domain, error, sizeof error);
    ck_assert_ptr_nonnull(watch.memory);
    watch.up = clock_cycles_from_ps(&b->clocks, b->domain, b->config.up_ps);
    watch.down = clock_cycles_from_ps(&b->clocks, b->domain, b->config.down_ps);
    watch.book[POSTED].header_limit = b->config.host_ph;
    watch.book[POSTED].data_limit = b->config.host_pd;
    watch.book[NONPOSTED].header_limit = b->config.host_nph;
    while (sched_step(&b->sched, b->domain, forever)) {
        if (up->tlps_write + up->tlps_read > known) {
            ck_assert_uint_eq(up->tlps_write + up->tlps_read, known + 1);
            known++;
            tlp_starts(&watch, b->sched.now_cycle);
        }
    }
    ck_assert_uint_eq(watch.request, b->client[0].planned);
    pcie_memory_destroy(watch.memory);
}

/* A register access has arrived; in flits nobody can say when it started. */
static void access_arrived(const struct pcie_bench *b, const struct pb_event *e, uint32_t m)
{
    const struct pcie_config *c = &b->config;
    const struct pb_mmio *access = &b->mmio[m];
    uint32_t padded = access->read ? 0 : pcie_padded(access->offset, access->bytes);
    uint64_t start = e->cycle - watch.down - padded - pcie_register_overhead(c);
    struct loan loan = { .back = news(c, e->cycle, watch.up),
                         .header = 1,
                         .data = access->read ? 0 : units(access->offset, access->bytes) };

    lend(&card[access->read ? NONPOSTED : POSTED], start, loan);
}

static void check_card(const struct pcie_bench *b)
{
    uint32_t arrived = 0;

    memset(card, 0, sizeof card);
    card[POSTED].header_limit = b->config.card_ph;
    card[POSTED].data_limit = b->config.card_pd;
    card[NONPOSTED].header_limit = b->config.card_nph;
    for (uint32_t i = 0; i < b->log.count && b->config.generation < 6; i++) {
        const struct pb_event *e = &b->log.event[i];

        if (e->kind == PB_MMIO_WRITE || e->kind == PB_MMIO_READ) {
            access_arrived(b, e, access_in_turn(b, arrived++));
        }
    }
}

static uint64_t at_limit(const struct book *book)
{
    return (book->header_limit && book->most_header == book->header_limit) ||
           (book->data_limit && book->most_data == book->data_limit);
}

START_TEST(credits_never_overrun)
{
    uint64_t reached[2][KINDS] = { { 0 } };

    for (uint64_t number = 0; number < CREDIT_CASES; number++) {
        pr_bench(&bench, number + 9000, &alone);
        watch_starts(&bench);
        check_card(&bench);
        for (unsigned k = 0; k < KINDS; k++) {
            reached[0][k] += at_limit(&watch.book[k]);
            reached[1][k] += at_limit(&card[k]);
        }
        pb_free(&bench);
    }
    for (unsigned k = 0; k < KINDS; k++) {
        ck_assert_uint_gt(reached[0][k], CREDIT_CASES / 20);
        ck_assert_uint_gt(reached[1][k], CREDIT_CASES / 20);
    }
}
END_TEST

/* ---- snapshots ----------------------------------------------------------------------------- */

static void same_counters(const void *a, const void *b, const struct stat_field *table,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == STAT_U64) {
            const char *x = (const char *)a + table[i].offset;
            const char *y = (const char *)b + table[i].offset;

            ck_assert_msg(memcmp(x, y, sizeof(uint64_t)) == 0, "%s differs", table[i].name);
        }
    }
}

static void same_accounts(uint64_t cycle)
{
    unsigned link = pcie_link_block(bench.link);

    pcie_link_settle(bench.link, cycle);
    pcie_link_settle(other.link, cycle);
    same_counters(pcie_link_stats(bench.link), pcie_link_stats(other.link), pcie_stat_table,
                  pcie_stat_count);
    for (unsigned d = 0; d < 2; d++) {
        const struct account *a = pcie_link_account(bench.link, d);
        const struct account *b = pcie_link_account(other.link, d);

        same_counters(&pcie_link_stats(bench.link)->dir[d], &pcie_link_stats(other.link)->dir[d],
                      pcie_direction_stat_table, pcie_direction_stat_count);
        ck_assert(memcmp(a->total, b->total, sizeof a->total) == 0);
        ck_assert_uint_eq(a->by_cause[1][link], b->by_cause[1][link]);
    }
    ck_assert(memcmp(pcie_memory_stats(pcie_link_memory(bench.link)),
                     pcie_memory_stats(pcie_link_memory(other.link)),
                     sizeof(struct pcie_memory_stats)) == 0);
}

static void save(char **image, size_t *bytes)
{
    FILE *file = open_memstream(image, bytes);
    char error[200];

    ck_assert_msg(snapshot_save(&other.snap, file, error, sizeof error), "%s", error);
    fclose(file);
}

static void restore(char *image, size_t bytes)
{
    FILE *file = fmemopen(image, bytes, "rb");
    char error[200];

    ck_assert_msg(snapshot_restore(&other.snap, file, error, sizeof error), "%s", error);
    fclose(file);
}

/* Cut the run, save, go on a while, restore, go on: the same log as in one run. */
START_TEST(snapshot_anywhere)
{
    for (uint64_t number = 0; number < CUT_CASES; number++) {
        uint64_t cut = rng_mix(number + 1000) % 15000;
        char *image = NULL;
        size_t bytes = 0;

        pr_bench(&bench, number, &some);
        pb_run(&bench, forever);
        pr_bench(&other, number, &some);
        pb_run(&other, cut);
        save(&image, &bytes);
        pb_run(&other, cut + rng_mix(number) % 30000);
        restore(image, bytes);
        free(image);
        pb_run(&other, forever);
        ck_assert_uint_eq(bench.log.count, other.log.count);
        ck_assert(memcmp(bench.log.event, other.log.event,
                         bench.log.count * sizeof bench.log.event[0]) == 0);
        same_accounts(pb_end(&bench) + 10);
        pb_free(&bench);
        pb_free(&other);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pcie_properties");
    TCase *tcase = tcase_create("pcie_properties");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, once_and_in_order);
    tcase_add_test(tcase, credits_never_overrun);
    tcase_add_test(tcase, snapshot_anywhere);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
