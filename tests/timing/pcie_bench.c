#include "pcie_bench.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void note(struct pcie_bench *b, uint64_t cycle, enum pb_event_kind kind, uint32_t client,
                 uint32_t ref, uint32_t status)
{
    ck_assert(b->log.count < PB_MAX_LOG);
    b->log.event[b->log.count++] = (struct pb_event){
        .cycle = cycle, .kind = kind, .client = client, .ref = ref, .status = status
    };
}

/* ---- the link's surroundings --------------------------------------------------------------- */

static void on_memory(void *self, uint64_t cycle, const struct pcie_request *request)
{
    struct pcie_bench *b = self;

    ck_assert_uint_eq(request->visible, cycle);
    note(b, cycle, PB_MEMORY, request->client, request->ref,
         request->op == PCIE_READ ? PCIE_OK : request->status);
    if (b->react && request->ref % b->react == 0 && b->mmios < PB_MAX_MMIO) {
        pb_mmio(b, cycle + request->ref % 3, request->ref % 2, request->ref % 16 * 4, 4);
    }
}

static void on_mmio_write(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes,
                          uint64_t value)
{
    struct pcie_bench *b = self;

    ck_assert_uint_eq(offset, b->mmio[value].offset);
    ck_assert_uint_eq(bytes, b->mmio[value].bytes);
    note(b, cycle, PB_MMIO_WRITE, 0, (uint32_t)value, 0);
}

static void answer(struct pcie_bench *b, uint32_t n)
{
    struct pb_registers_state *s = &b->registers.s;
    uint32_t offset = s->offset[n];

    s->answered++;
    pcie_mmio_answer(b->link, s->from[n], b->registers.domain, s->cycle[n],
                     offset * 16ull + s->bytes[n], pb_register(offset));
}

static void registers_wake(void *self, uint64_t now)
{
    struct pcie_bench *b = self;
    struct pb_registers_state *s = &b->registers.s;

    if (s->answered < s->asked && s->cycle[s->answered] <= now) {
        answer(b, s->answered);
    }
    if (s->answered < s->asked) {
        sched_wake(&b->sched, b->registers.block, s->cycle[s->answered]);
    }
}

void pb_slow_registers(struct pcie_bench *b, uint64_t num, uint64_t den, uint32_t delay)
{
    struct pb_registers *r = &b->registers;

    r->domain = num ? (unsigned)clock_add(&b->clocks, num, den) : b->domain;
    r->delay = delay;
    r->block = sched_add_block(&b->sched, "registers", r->domain, registers_wake, b);
}

static void on_mmio_read(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes)
{
    struct pcie_bench *b = self;
    struct pb_registers *r = &b->registers;
    uint32_t n = r->s.asked++;

    note(b, cycle, PB_MMIO_READ, 0, offset, pb_register(offset));
    r->s.offset[n] = offset;
    r->s.bytes[n] = bytes;
    r->s.cycle[n] = r->s.from[n] = cycle;
    if (!r->block) {
        answer(b, n);
        return;
    }
    r->s.cycle[n] = clock_edge_after(&b->clocks, b->domain, cycle, r->domain, 2) + r->delay;
    if (n > 0 && r->s.cycle[n] <= r->s.cycle[n - 1]) {
        r->s.cycle[n] = r->s.cycle[n - 1] + 1;
    }
    r->s.from[n] = clock_edge_after(&b->clocks, r->domain, r->s.cycle[n], b->domain, 2);
    sched_wake(&b->sched, r->block, r->s.cycle[r->s.answered]);
}

static void on_mmio_done(void *self, uint64_t cycle, uint64_t tag, uint64_t value, bool ok)
{
    struct pcie_bench *b = self;
    uint64_t want = b->mmio[tag].offset * 16ull + b->mmio[tag].bytes;

    ck_assert_int_eq(ok, pb_register(b->mmio[tag].offset) == PCIE_OK);
    ck_assert_uint_eq(value, ok ? want : UINT64_MAX);
    note(b, cycle, PB_MMIO_DONE, 0, (uint32_t)tag, !ok);
}

static bool is_mapped(void *self, uint64_t address, uint32_t length)
{
    const struct pcie_bench *b = self;

    return !b->holes || !(pb_hole(address) || pb_hole(address + length - 1));
}

static const struct pcie_ops ops = { on_memory, on_mmio_write, on_mmio_read, on_mmio_done,
                                     is_mapped };

/* ---- clients ------------------------------------------------------------------------------- */

static void push_planned(struct pb_client *c, uint64_t now)
{
    struct pcie_bench *b = c->bench;
    struct pb_planned *p = &c->plan[c->s.next];
    struct pcie_request request;
    uint64_t again;

    if (c->s.next == c->planned) {
        return;
    }
    again = p->cycle > now ? p->cycle : channel_room_at(&c->request, now, 1);
    if (again <= now) {
        request = (struct pcie_request){ .address = p->address,
                                         .length = p->length,
                                         .op = p->op,
                                         .answer = p->answer,
                                         .client = (uint8_t)c->index,
                                         .id = p->id,
                                         .ref = c->s.next };
        p->pushed = now;
        pcie_request_push(b->link, now, &request);
        c->s.next++;
        again = now + 1;
    }
    if (again != CLOCK_NEVER) {
        sched_wake(&b->sched, c->block, again);
    }
}

static void take_answers(struct pb_client *c, uint64_t now)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    uint64_t at = channel_next_visible(&c->response);

    if (at < c->response.s.read_free) {
        at = c->response.s.read_free;
    }
    if (at <= now) {
        pcie_request_release(c->bench->link, channel_head(&c->response)->item);
        channel_pop(&c->response, &run);
        c->s.answered++;
        at = channel_head(&c->response) ? now + 1 : CLOCK_NEVER;
    }
    if (at != CLOCK_NEVER) {
        sched_wake(&c->bench->sched, c->block, at);
    }
}

static void client_wake(void *self, uint64_t now)
{
    take_answers(self, now);
    push_planned(self, now);
}

static void seen_request(void *self, const struct channel *ch, bool push,
                         const struct channel_run *run)
{
    struct pb_client *c = self;

    if (!push) {
        const struct pcie_request *r = pcie_request_at(c->bench->link, channel_head(ch)->item);

        note(c->bench, run->first, PB_TAKEN, c->index, r->ref, 0);
    }
}

static void seen_response(void *self, const struct channel *ch, bool push,
                          const struct channel_run *run)
{
    struct pb_client *c = self;

    if (push) {
        uint32_t item = ch->burst[(ch->s.burst_tail - 1) & (ch->bursts - 1)].item;
        const struct pcie_request *r = pcie_request_at(c->bench->link, item);

        /* a write's is not known before it is in memory */
        note(c->bench, run->first, PB_ANSWER, c->index, r->ref,
             r->op == PCIE_READ ? r->status : PCIE_OK);
    }
}

unsigned pb_client(struct pcie_bench *b, uint64_t num, uint64_t den, unsigned depth,
                   enum pcie_answers answers)
{
    struct pb_client *c = &b->client[b->clients];
    unsigned link = pcie_link_block(b->link);
    struct channel_config request = {
        .name = "request", .depth = depth, .sync = 2, .reader = link
    };
    struct channel_config response = {
        .name = "response", .depth = 2, .sync = 2, .writer = link, .unlimited = true
    };

    memset(c, 0, sizeof *c);
    c->bench = b;
    c->answers = answers;
    c->domain = num ? (unsigned)clock_add(&b->clocks, num, den) : b->domain;
    ck_assert_uint_lt(c->domain, b->clocks.count);
    c->block = num == 0 && b->clients < PB_EARLY
                   ? b->early[b->clients]
                   : sched_add_block(&b->sched, "client", c->domain, client_wake, c);
    request.writer = c->block;
    response.reader = c->block;
    channel_init(&c->request, &b->sched, &request);
    channel_init(&c->response, &b->sched, &response);
    c->request.probe = seen_request;
    c->request.probe_self = c;
    c->response.probe = seen_response;
    c->response.probe_self = c;
    c->index = pcie_link_attach(b->link, &c->request, &c->response, answers);
    return b->clients++;
}

/* ---- logs ---------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct pb_event *x = a;
    const struct pb_event *y = b;

    if (x->cycle != y->cycle) {
        return x->cycle < y->cycle ? -1 : 1;
    }
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    if (x->client != y->client) {
        return x->client < y->client ? -1 : 1;
    }
    return x->ref < y->ref ? -1 : x->ref > y->ref;
}

void pb_sort_log(struct pb_log *log)
{
    qsort(log->event, log->count, sizeof log->event[0], by_time);
}

uint64_t pb_end(const struct pcie_bench *b)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < b->log.count; i++) {
        end = b->log.event[i].cycle >= end ? b->log.event[i].cycle + 1 : end;
    }
    return end;
}

/* ---- the bench ----------------------------------------------------------------------------- */

struct pcie_memory_config pb_host(void)
{
    const struct param_group group = { .path = "host",
                                       .params = pcie_memory_params,
                                       .count = pcie_memory_param_count };
    struct pcie_memory_config host;

    param_set_defaults(&host, &group, 1);
    return host;
}

void pb_init(struct pcie_bench *b, const struct pcie_config *config)
{
    uint64_t num;
    uint64_t den;
    char error[200];

    memset(b, 0, sizeof *b);
    b->config = *config;
    clock_set_init(&b->clocks);
    ck_assert_msg(pcie_link_clock(config, &num, &den, error, sizeof error), "%s", error);
    b->domain = b->registers.domain = (unsigned)clock_add(&b->clocks, num, den);
    sched_init(&b->sched, &b->clocks);
    for (unsigned c = 0; c < PB_EARLY; c++) {
        b->early[c] = sched_add_block(&b->sched, "client", b->domain, client_wake, &b->client[c]);
    }
    b->link = pcie_link_create(&b->sched, b->domain, config, &ops, b);
}

void pb_free(struct pcie_bench *b)
{
    for (unsigned c = 0; c < b->clients; c++) {
        channel_free(&b->client[c].request);
        channel_free(&b->client[c].response);
    }
    pcie_link_destroy(b->link);
    sched_free(&b->sched);
}

void pb_plan(struct pcie_bench *b, unsigned client, uint64_t cycle, enum pcie_op op,
             uint64_t address, uint32_t length, bool answer)
{
    struct pb_client *c = &b->client[client];

    ck_assert(c->planned < PB_MAX_PLAN);
    c->plan[c->planned++] = (struct pb_planned){ .cycle = cycle,
                                                 .pushed = CLOCK_NEVER,
                                                 .address = address,
                                                 .length = length,
                                                 .op = (uint8_t)op,
                                                 .answer = answer };
}

void pb_mmio(struct pcie_bench *b, uint64_t cycle, bool read, uint32_t offset, uint32_t bytes)
{
    uint32_t n = b->mmios++;

    ck_assert(n < PB_MAX_MMIO);
    b->mmio[n] = (struct pb_mmio){ .cycle = cycle, .offset = offset, .bytes = bytes, .read = read };
    if (read) {
        pcie_mmio_read(b->link, cycle, offset, bytes, n);
    } else {
        pcie_mmio_write(b->link, cycle, offset, bytes, n);
    }
}

void pb_start(struct pcie_bench *b)
{
    sched_register_state(&b->sched, &b->snap);
    pcie_link_register_state(b->link, &b->snap);
    snapshot_fixed(&b->snap, "bench.log", &b->log, sizeof b->log);
    snapshot_fixed(&b->snap, "bench.mmio", b->mmio, sizeof b->mmio);
    snapshot_fixed(&b->snap, "bench.mmios", &b->mmios, sizeof b->mmios);
    snapshot_fixed(&b->snap, "bench.registers", &b->registers.s, sizeof b->registers.s);
    for (unsigned i = 0; i < b->clients; i++) {
        struct pb_client *c = &b->client[i];

        channel_register_state(&c->request, &b->snap);
        channel_register_state(&c->response, &b->snap);
        snapshot_fixed(&b->snap, "client.state", &c->s, sizeof c->s);
        snapshot_fixed(&b->snap, "client.plan", c->plan, sizeof c->plan);
        if (c->planned) {
            sched_wake(&b->sched, c->block, 0);
        }
    }
}

void pb_run(struct pcie_bench *b, uint64_t until)
{
    while (sched_step(&b->sched, b->domain, until)) {
        if (b->sched.now_domain == b->domain) {
            b->last = b->sched.now_cycle;
        }
    }
}

uint64_t pb_cycle(const struct pcie_bench *b, enum pb_event_kind kind, uint32_t client,
                  uint32_t ref)
{
    for (uint32_t i = 0; i < b->log.count; i++) {
        const struct pb_event *e = &b->log.event[i];

        if (e->kind == kind && e->client == client && e->ref == ref) {
            return e->cycle;
        }
    }
    ck_abort_msg("no event of kind %d of client %u with number %u", (int)kind, client, ref);
    return CLOCK_NEVER;
}
