#include "pcie_model/bench.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"

enum {
    LINE = 64,
    PAGE = 4096,
    SMALL_WINDOW = 8192,
    MAX_SLOTS = 65536,
    READS = 0,
    WRITES = 1,
    KINDS = 2
};

#define MIB (1024ull * 1024)
#define BASE                                                                                       \
    (1ull << 32) /* of the window: beyond 4 GB, at a multiple of every page but the largest */
#define MAX_LATENCIES   10000000ull   /* all are kept */
#define LONGEST_PS      1000000000ull /* 1 ms */
#define DEFAULT_SAMPLES 20000

static const char *const ops[] = { "rd", "wr", "rdwr", "wrrd", NULL };
static const char *const caches[] = { "cold", "host", "device", NULL };

/* name, type, default, least, most, choices, help */
#define PARAM(name_, type_, def_, min_, max_, choices_, help_)                                     \
    {                                                                                              \
#name_, type_, PARAM_FIELD(struct pcie_bench_config, name_), def_, min_, max_, choices_,   \
            NULL, help_                                                                            \
    }

const struct param pcie_bench_params[] = {
    PARAM(
        op, PARAM_ENUM, PCIE_BENCH_RD, 0, 3, ops,
        "transactions: rd, wr, rdwr (reads and writes in turn), wrrd (a write, then a read of the "
        "same place; latency only)"),
    PARAM(size, PARAM_BYTES, 64, 1, MIB, NULL, "bytes of a transaction"),
    PARAM(offset, PARAM_BYTES, 0, 0, 1024 * MIB, NULL,
          "bytes from the beginning of a place to the transaction"),
    PARAM(
        window, PARAM_BYTES, 0, 0, 1024 * 1024 * MIB, NULL,
        "bytes of host memory in which the places lie; 0: 8 KiB, or size, rounded up as unit, if that is more"),
    PARAM(
        unit, PARAM_BYTES, 0, 0, 1024 * MIB, NULL,
        "bytes from one place to the next; 0: offset and size rounded up to a power of two from 64 "
        "on, beyond 4096 to a multiple of that"),
    PARAM(random, PARAM_BOOL, 0, 0, 1, NULL, "places by chance instead of one after the other"),
    PARAM(cache, PARAM_ENUM, PCIE_BENCH_COLD, 0, 2, caches,
          "before the first transaction the window is in the host's last-level cache: not at all "
          "(cold), written by the CPU (host), written by the device (device)"),
    PARAM(transactions, PARAM_U64, DEFAULT_SAMPLES, 1, 1000000000000ull, NULL,
          "transactions that are measured"),
    PARAM(warmup, PARAM_U64, DEFAULT_SAMPLES / 10, 0, 1000000000000ull, NULL,
          "transactions before them"),
    PARAM(overhead_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL,
          "the DMA engine's time for a transaction before it goes to the link"),
    PARAM(
        copy_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL,
        "the DMA engine's time to copy the data of a transaction, beside that for each byte: of a "
        "write before it goes to the link, of a read after it has come; one at a time"),
    PARAM(byte_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL, "... for each byte"),
    PARAM(
        port_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL,
        "how long a copy keeps the port to the card's memory, which reads and writes share; needs "
        "copying (copy_ps, byte_ps)"),
    PARAM(port_byte_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL, "... for each byte"),
    PARAM(read_interval_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL,
          "least time between two reads that go to the link"),
    PARAM(write_interval_ps, PARAM_TIME, 0, 0, LONGEST_PS, NULL,
          "least time between two writes that go to the link"),
    PARAM(outstanding, PARAM_U32, 0, 0, MAX_SLOTS, NULL,
          "transactions that the DMA engine can have under way; 0: as many as the link takes"),
    PARAM(seed, PARAM_U64, 1, 0, 0, NULL, "of the random places"),
};
const size_t pcie_bench_param_count = PARAM_COUNT(pcie_bench_params);

#undef PARAM

/* ---- places ------------------------------------------------------------------------------------ */

uint64_t pcie_bench_unit(const struct pcie_bench_config *config)
{
    uint64_t need = config->offset + config->size;
    uint64_t unit = LINE;

    if (config->unit) {
        return config->unit;
    }
    while (unit < need && unit < PAGE) {
        unit *= 2;
    }
    return need > PAGE ? (need + PAGE - 1) / PAGE * PAGE : unit;
}

uint64_t pcie_bench_window(const struct pcie_bench_config *config)
{
    const struct pcie_bench_config size = { .size = config->size };
    uint64_t unit = pcie_bench_unit(&size);

    if (config->window) {
        return config->window;
    }
    return unit > SMALL_WINDOW ? unit : SMALL_WINDOW;
}

uint64_t pcie_bench_places(const struct pcie_bench_config *config)
{
    uint64_t places = pcie_bench_window(config) / pcie_bench_unit(config);

    return places ? places : 1; /* the last one need not be whole, only its transaction */
}

uint64_t pcie_bench_address(const struct pcie_bench_config *config, uint64_t n)
{
    return BASE + n * pcie_bench_unit(config) + config->offset;
}

/* Does the operation have what is to be measured? */
static bool check_op(const struct pcie_bench_config *c, bool latency, char *error,
                     size_t error_size)
{
    if (latency && c->op != PCIE_BENCH_RD && c->op != PCIE_BENCH_WRRD) {
        snprintf(error, error_size,
                 "op is %s, expected rd or wrrd: nothing tells the card when a write has arrived",
                 ops[c->op]);
    } else if (!latency && c->op == PCIE_BENCH_WRRD) {
        snprintf(error, error_size, "op is wrrd, expected rd, wr or rdwr: wrrd measures a latency");
    } else if (latency && c->transactions > MAX_LATENCIES) {
        snprintf(error, error_size,
                 "transactions is %" PRIu64 ", expected at most %llu for latencies",
                 c->transactions, MAX_LATENCIES);
    } else {
        return true;
    }
    return false;
}

bool pcie_bench_check(const struct pcie_bench_config *config, bool latency, char *error,
                      size_t error_size)
{
    const struct pcie_bench_config *c = config;
    uint64_t window = pcie_bench_window(config);

    if (!check_op(c, latency, error, error_size)) {
        return false;
    }
    if (c->size == 0) {
        snprintf(error, error_size, "size is 0, expected at least one byte");
    } else if (c->size > window) {
        snprintf(error, error_size,
                 "window is %" PRIu64 " bytes, expected at least the size (%" PRIu64 " bytes)",
                 window, c->size);
    } else if (c->offset > window - c->size) {
        snprintf(error, error_size,
                 "offset is %" PRIu64 " bytes, expected at most %" PRIu64 ": %" PRIu64
                 " bytes there must lie in the window of %" PRIu64,
                 c->offset, window - c->size, c->size, window);
    } else if (c->unit && c->unit < c->offset + c->size) {
        snprintf(error, error_size,
                 "unit is %" PRIu64 " bytes, expected at least offset and size (%" PRIu64 ")",
                 c->unit, c->offset + c->size);
    } else if (c->outstanding == 0 && (c->copy_ps || c->byte_ps)) {
        snprintf(
            error, error_size,
            "outstanding is 0, expected a number: without one copying (copy_ps, byte_ps) would "
            "hold nothing up");
    } else if ((c->port_ps || c->port_byte_ps) && !c->copy_ps && !c->byte_ps) {
        snprintf(
            error, error_size,
            "%s is %" PRIu64 " ps, expected 0: without copying (copy_ps, byte_ps) nothing uses "
            "the port",
            c->port_ps ? "port_ps" : "port_byte_ps", c->port_ps ? c->port_ps : c->port_byte_ps);
    } else {
        return true;
    }
    return false;
}

/* ---- the engine -------------------------------------------------------------------------------- */

/* Reads or writes. */
struct kind {
    struct channel request, response;
    unsigned client;
    uint64_t before;         /* cycles from the slot to the link */
    uint64_t interval, next; /* the next one does not go to the link before `next` */
    uint64_t done;           /* in the measured phase */
};

struct engine {
    const struct pcie_bench_config *config;
    struct clock_set clocks;
    struct sched sched;
    struct pcie_link *link;
    unsigned domain, block;
    struct kind kind[KINDS];
    bool latency, both;
    unsigned turn;  /* kind of the next one */
    uint64_t place; /* of it */
    uint64_t issued;
    struct rng random;
    /* slots that are free, and since when: in order */
    uint64_t *slot;
    uint32_t slots, slot_head, slots_free;
    uint32_t parts;           /* of a transaction, copied one after the other */
    uint64_t copy, port_part; /* cycles of a copy; of a part, those of the port */
    uint64_t port_free;       /* the port is */
    struct copying {
        uint32_t left; /* parts that have not begun */
        uint64_t ends; /* the part that has begun last; CLOCK_NEVER: none */
    } copying[KINDS];  /* the first of the reads that have come; the next write */
    uint32_t uncopied; /* reads that have come */
    uint64_t done, goal;
    uint64_t failed; /* in the measured phase */
    uint64_t until;  /* CLOCK_NEVER - 1, or the cycle of the end */
    uint64_t begun;  /* of the measured phase; latency: of the transaction under way */
    uint64_t *latencies;
    struct pcie_stats link_before;
    struct pcie_memory_stats memory_before;
};

static void free_slot(struct engine *e, uint64_t cycle)
{
    e->slot[(e->slot_head + e->slots_free++) % e->slots] = cycle;
}

static void take_slot(struct engine *e)
{
    e->slot_head = (e->slot_head + 1) % e->slots;
    e->slots_free--;
}

/* Where the next transaction goes; that of a read behind its write, where the write went. */
static void next_place(struct engine *e)
{
    uint64_t places = pcie_bench_places(e->config);

    e->place = e->config->random ? rng_below(&e->random, places) : (e->place + 1) % places;
}

static bool second_half(const struct engine *e)
{
    return e->config->op == PCIE_BENCH_WRRD && e->turn == READS;
}

static struct copying not_begun(const struct engine *e)
{
    return (struct copying){ .left = e->parts, .ends = CLOCK_NEVER };
}

/* Of the parts' cycles, up to part `n`. */
static uint64_t copied_by(const struct engine *e, uint32_t n)
{
    return e->copy * n / e->parts;
}

/* Copy the next part, not before `begin`, if the port is free. Returns when there is more to do: when the last part
 * has begun, its end. */
static uint64_t copy(struct engine *e, struct copying *c, uint64_t begin, uint64_t now)
{
    if (c->left != 0) {
        begin = c->ends != CLOCK_NEVER ? c->ends : begin;
        begin = begin > e->port_free ? begin : e->port_free;
        if (begin > now) {
            return begin;
        }
        e->port_free = begin + e->port_part;
        c->left--;
        c->ends = begin + copied_by(e, e->parts - c->left) - copied_by(e, e->parts - c->left - 1);
    }
    return c->ends;
}

/* Hand the next transaction over if it may go now; returns when it, or the next one, may. */
static uint64_t issue(struct engine *e, uint64_t now)
{
    struct kind *k = &e->kind[e->turn];
    uint64_t at = k->next;
    uint64_t slot = 0;

    if (e->slots) {
        if (!e->slots_free) {
            return CLOCK_NEVER; /* an answer frees one */
        }
        slot = e->slot[e->slot_head];
        at = slot + k->before > at ? slot + k->before : at;
    }
    if (e->turn == WRITES && e->copy) {
        at = copy(e, &e->copying[WRITES], at - e->copy, now);
    }
    if (at <= now) {
        at = channel_room_at(&k->request, now, 1);
    }
    if (at > now) {
        return at;
    }
    if (!second_half(e)) {
        next_place(e);
        e->begun = e->latency ? slot : e->begun;
    }
    if (e->slots) {
        take_slot(e);
    }
    const struct pcie_request request = { .address = pcie_bench_address(e->config, e->place),
                                          .length = (uint32_t)e->config->size,
                                          .op = e->turn == READS ? PCIE_READ : PCIE_WRITE,
                                          .client = (uint8_t)k->client,
                                          .answer = 1 };

    pcie_request_push(e->link, now, &request);
    if (e->turn == WRITES) {
        e->copying[WRITES] = not_begun(e);
    }
    k->next = now + (k->interval ? k->interval : 1);
    e->turn = e->both ? !e->turn : e->turn;
    return now + 1;
}

static void begin_measuring(struct engine *e, uint64_t now)
{
    pcie_link_settle(e->link, now);
    e->link_before = *pcie_link_stats(e->link);
    e->memory_before = *pcie_memory_stats(pcie_link_memory(e->link));
    e->begun = now;
    e->kind[READS].done = e->kind[WRITES].done = e->failed = 0;
}

/* A transaction is done; of wrrd, its read is. */
static void count(struct engine *e, uint64_t now)
{
    if (e->latency && e->done >= e->config->warmup) {
        e->latencies[e->done - e->config->warmup] = now - e->begun;
    }
    e->done++;
    if (!e->latency && e->done == e->config->warmup) {
        begin_measuring(e, now);
    }
    if (e->done == e->goal) {
        e->until = now;
        pcie_link_settle(e->link, now);
    }
}

static void finish(struct engine *e, unsigned which, uint64_t now)
{
    e->kind[which].done++;
    if (e->slots) {
        free_slot(e, now);
    }
    if (e->config->op != PCIE_BENCH_WRRD || which == READS) {
        count(e, now);
    }
}

/* One answer of this kind, if there is one now. Returns when there may be another. */
static uint64_t take_answer(struct engine *e, unsigned which, uint64_t now)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    struct kind *k = &e->kind[which];
    uint64_t at = channel_next_visible(&k->response);
    uint32_t item;

    at = at < k->response.s.read_free ? k->response.s.read_free : at;
    if (at > now) {
        return at;
    }
    item = channel_head(&k->response)->item;
    e->failed += pcie_request_at(e->link, item)->status != PCIE_OK;
    pcie_request_release(e->link, item);
    channel_pop(&k->response, &run);
    if (which == READS && e->copy) {
        e->uncopied++;
    } else {
        finish(e, which, now);
    }
    at = channel_next_visible(&k->response);
    return at > now ? at : now + 1;
}

/* A read that has been copied by now is done, and the next one's turn. Returns when there is something to do. */
static uint64_t copy_reads(struct engine *e, uint64_t now)
{
    struct copying *c = &e->copying[READS];

    if (c->left == 0 && c->ends <= now) {
        *c = not_begun(e);
        e->uncopied--;
        finish(e, READS, now);
    }
    return e->uncopied ? copy(e, c, now, now) : CLOCK_NEVER;
}

static void engine_wake(void *self, uint64_t now)
{
    struct engine *e = self;
    uint64_t next = copy_reads(e, now);
    uint64_t at;

    for (unsigned k = 0; k < KINDS && e->until > now; k++) {
        at = take_answer(e, k, now);
        next = at < next ? at : next;
    }
    if (e->until <= now) {
        return;
    }
    at = issue(e, now);
    next = at < next ? at : next;
    at = copy_reads(e, now);
    next = at < next ? at : next;
    if (next != CLOCK_NEVER) {
        sched_wake(&e->sched, e->block, next);
    }
}

/* ---- what the link calls: nothing here looks at it ------------------------------------------------ */

static void on_memory(void *self, uint64_t cycle, const struct pcie_request *request)
{
    (void)self;
    (void)cycle;
    (void)request;
}

static void on_mmio_write(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes,
                          uint64_t value)
{
    (void)self;
    (void)cycle;
    (void)offset;
    (void)bytes;
    (void)value;
}

static void on_mmio_read(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes)
{
    const struct engine *e = self;

    (void)offset;
    (void)bytes;
    pcie_mmio_answer(e->link, cycle, e->domain, cycle, 0, PCIE_UNSUPPORTED);
}

static void on_mmio_done(void *self, uint64_t cycle, uint64_t tag, uint64_t value, bool ok)
{
    (void)self;
    (void)cycle;
    (void)tag;
    (void)value;
    (void)ok;
}

static const struct pcie_ops ops_table = { .memory = on_memory,
                                           .mmio_write = on_mmio_write,
                                           .mmio_read = on_mmio_read,
                                           .mmio_done = on_mmio_done };

/* ---- life ---------------------------------------------------------------------------------------- */

static uint64_t cycles_of(const struct engine *e, uint64_t ps)
{
    return clock_cycles_from_ps(&e->clocks, e->domain, ps);
}

static void init_kind(struct engine *e, unsigned which, unsigned depth)
{
    const struct pcie_bench_config *c = e->config;
    struct kind *k = &e->kind[which];
    unsigned link = pcie_link_block(e->link);
    const struct channel_config request = {
        .name = "request", .depth = depth, .sync = 2, .writer = e->block, .reader = link
    };
    const struct channel_config response = { .name = "response",
                                             .depth = 2,
                                             .sync = 2,
                                             .writer = link,
                                             .reader = e->block,
                                             .unlimited = true };
    uint64_t interval = cycles_of(e, which == READS ? c->read_interval_ps : c->write_interval_ps);

    channel_init(&k->request, &e->sched, &request);
    channel_init(&k->response, &e->sched, &response);
    k->client = pcie_link_attach(e->link, &k->request, &k->response,
                                 which == READS ? PCIE_ANSWERS_READS : PCIE_ANSWERS_WRITES);
    k->before = cycles_of(e, c->overhead_ps);
    k->interval = interval;
    if (which == WRITES) {
        k->before += e->copy;
        k->interval = e->copy > interval ? e->copy : interval;
    }
}

/* Parts are as large as a TLP's data. With the port to itself a copy need not be cut. */
static void init_copying(struct engine *e, const struct pcie_config *link)
{
    const struct pcie_bench_config *c = e->config;
    uint64_t port = cycles_of(e, c->port_ps + c->port_byte_ps * c->size);
    uint64_t mps = link->mps;

    e->copy = cycles_of(e, c->copy_ps + c->byte_ps * c->size);
    e->parts = port ? (uint32_t)((c->size + mps - 1) / mps) : 1;
    e->port_part = (port + e->parts - 1) / e->parts;
    e->copying[READS] = e->copying[WRITES] = not_begun(e);
}

static void warm_cache(const struct engine *e)
{
    struct pcie_memory *memory = pcie_link_memory(e->link);

    if (e->config->cache == PCIE_BENCH_HOST) {
        pcie_memory_touch(memory, BASE, pcie_bench_window(e->config), true);
    } else if (e->config->cache == PCIE_BENCH_DEVICE) {
        pcie_memory_warm_device(memory, BASE, pcie_bench_window(e->config));
    }
}

static void init_slots(struct engine *e)
{
    e->slots = e->latency ? 1 : e->config->outstanding;
    if (e->slots) {
        e->slot = must(calloc(e->slots, sizeof *e->slot));
        e->slots_free = e->slots; /* from cycle 0 */
    }
}

static struct engine *create(const struct pcie_bench_config *config, const struct pcie_config *link,
                             bool latency)
{
    struct engine *e = must(calloc(1, sizeof *e));
    uint64_t num = 0;
    uint64_t den = 1;
    char error[256];

    e->config = config;
    e->latency = latency;
    e->both = config->op == PCIE_BENCH_RDWR || config->op == PCIE_BENCH_WRRD;
    e->turn = config->op == PCIE_BENCH_RD || config->op == PCIE_BENCH_RDWR ? READS : WRITES;
    e->goal = config->warmup + config->transactions;
    e->until = CLOCK_NEVER - 1;
    e->random = rng_stream(config->seed, 0x62656e6368);
    e->place = pcie_bench_places(config) - 1; /* the first one is 0 */
    clock_set_init(&e->clocks);
    if (!pcie_link_clock(link, &num, &den, error, sizeof error)) {
        fprintf(stderr, "espnic: internal error: %s\n", error); /* it has been checked */
        abort();
    }
    e->domain = (unsigned)clock_add(&e->clocks, num, den);
    sched_init(&e->sched, &e->clocks);
    e->block = sched_add_block(&e->sched, "bench", e->domain, engine_wake, e);
    e->link = pcie_link_create(&e->sched, e->domain, link, &ops_table, e);
    init_copying(e, link);
    for (unsigned k = 0; k < KINDS; k++) {
        init_kind(e, k, link->queue);
    }
    init_slots(e);
    warm_cache(e);
    return e;
}

static void destroy(struct engine *e)
{
    for (unsigned k = 0; k < KINDS; k++) {
        channel_free(&e->kind[k].request);
        channel_free(&e->kind[k].response);
    }
    pcie_link_destroy(e->link);
    sched_free(&e->sched);
    free(e->slot);
    free(e->latencies);
    free(e);
}

static bool run(struct engine *e, char *error, size_t error_size)
{
    sched_wake(&e->sched, e->block, 0);
    sched_run(&e->sched, e->domain, &e->until);
    if (e->done < e->goal) {
        snprintf(error, error_size,
                 "the link stands still after %" PRIu64 " of %" PRIu64 " transactions", e->done,
                 e->goal);
        return false;
    }
    return true;
}

/* ---- bandwidth ------------------------------------------------------------------------------------- */

/* Growth of every counter; what is no counter is taken as it is. */
static void subtract(void *now, const void *before, const struct stat_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value;
        uint64_t old;

        if (fields[i].type == STAT_U64) {
            memcpy(&value, (const char *)now + fields[i].offset, sizeof value);
            memcpy(&old, (const char *)before + fields[i].offset, sizeof old);
            value -= old;
            memcpy((char *)now + fields[i].offset, &value, sizeof value);
        }
    }
}

static void measured_counters(const struct engine *e, struct pcie_bench_rate *rate)
{
    rate->link = *pcie_link_stats(e->link);
    rate->memory = *pcie_memory_stats(pcie_link_memory(e->link));
    subtract(&rate->link, &e->link_before, pcie_stat_table, pcie_stat_count);
    subtract(&rate->memory, &e->memory_before, pcie_memory_stat_table, pcie_memory_stat_count);
    for (unsigned d = 0; d < 2; d++) {
        subtract(&rate->link.dir[d], &e->link_before.dir[d], pcie_direction_stat_table,
                 pcie_direction_stat_count);
        rate->tlp[d] = (double)rate->link.dir[d].busy_cycles / (double)rate->cycles;
        rate->link.dir[d].utilisation = rate->tlp[d];
        rate->wire[d] =
            rate->tlp[d] + (double)(rate->link.dir[d].wire_dllp + rate->link.dir[d].wire_skp) /
                               (double)rate->cycles;
    }
    for (unsigned s = 0; s < PCIE_STALLS; s++) {
        rate->stall[s] = (double)rate->link.stall_cycles[s] / (double)rate->cycles;
    }
}

static double gbps(const struct engine *e, const struct pcie_bench_rate *rate,
                   uint64_t transactions)
{
    return (double)transactions * (double)e->config->size * 8 / rate->seconds / 1e9;
}

static void measured_rates(const struct engine *e, struct pcie_bench_rate *rate)
{
    const struct clock_domain *domain = &e->clocks.domain[e->domain];
    uint64_t one_kind;

    rate->reads = e->kind[READS].done;
    rate->writes = e->kind[WRITES].done;
    rate->failed = e->failed;
    rate->cycles = e->until - e->begun;
    rate->cycles = rate->cycles ? rate->cycles : 1; /* ideal: many in one cycle */
    rate->seconds = (double)rate->cycles * (double)domain->den / (double)domain->num;
    rate->total_gbps = gbps(e, rate, rate->reads + rate->writes);
    /* Where the reads are the slower ones, writes are ahead of them until tags or slots have run out. */
    one_kind = !e->both                     ? rate->reads + rate->writes
               : rate->reads < rate->writes ? rate->reads
                                            : rate->writes;
    rate->gbps = gbps(e, rate, one_kind);
    rate->mtps = (double)one_kind / rate->seconds / 1e6;
}

bool pcie_bench_bandwidth(const struct pcie_bench_config *config, const struct pcie_config *link,
                          struct pcie_bench_rate *rate, char *error, size_t error_size)
{
    struct engine *e = create(config, link, false);
    bool ok;

    memset(rate, 0, sizeof *rate);
    ok = run(e, error, error_size);
    if (ok) {
        measured_rates(e, rate);
        measured_counters(e, rate);
    }
    destroy(e);
    return ok;
}

/* ---- latency --------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

/* Of n sorted values, the least that at least `of_thousand` per mille of them do not exceed. */
static uint64_t rank(const uint64_t *sorted, uint64_t n, uint64_t of_thousand)
{
    uint64_t at = (n * of_thousand + 999) / 1000;

    return sorted[at ? at - 1 : 0];
}

static void sum_up(const struct engine *e, struct pcie_bench_latency *latency)
{
    uint64_t n = e->config->transactions;
    uint64_t *v = e->latencies;
    double sum = 0;

    for (uint64_t i = 0; i < n; i++) {
        v[i] = clock_ps(&e->clocks, e->domain, v[i]);
        sum += (double)v[i];
    }
    qsort(v, n, sizeof *v, compare);
    *latency = (struct pcie_bench_latency){ .count = n,
                                            .min = v[0],
                                            .median = rank(v, n, 500),
                                            .p95 = rank(v, n, 950),
                                            .p99 = rank(v, n, 990),
                                            .p999 = rank(v, n, 999),
                                            .max = v[n - 1],
                                            .mean = sum / (double)n };
}

bool pcie_bench_latencies(const struct pcie_bench_config *config, const struct pcie_config *link,
                          struct pcie_bench_latency *latency, char *error, size_t error_size)
{
    struct engine *e = create(config, link, true);
    bool ok;

    e->latencies = must(calloc(config->transactions, sizeof *e->latencies));
    ok = run(e, error, error_size);
    if (ok) {
        sum_up(e, latency);
    }
    destroy(e);
    return ok;
}
