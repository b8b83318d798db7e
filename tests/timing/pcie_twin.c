/* The twin of the link: every cycle moves one byte in each direction. It shares pcie_config with
 * the link and nothing else; TLPs are cut one after the other, latencies are counted down, and
 * whether a push can be seen yet is counted in edges.
 *
 * A cycle t: (1) what left the wire with the byte of t-1 is let go; (2) what arrives at t
 * arrives: answers to writes that have left, then upstream, then downstream; (3) an idle
 * serialiser takes what is next, down first; (4) a byte is sent. */
#include <stdlib.h>
#include <string.h>

#include "pcie_bench.h"

enum { UP, DOWN, NOBODY = -1 };

enum what { REQUEST, MMIO };

/* Something in flight. */
struct thing {
    enum what what;
    uint32_t client, ref; /* of a request; ref: position in the plan or among the MMIO accesses */
    uint64_t left_to_go;  /* cycles */
    uint64_t since;       /* cycle in which it became ready */
};

struct queue {
    struct thing thing[PB_MAX_LOG / 4];
    unsigned first, end;
};

struct twin_client {
    uint32_t known; /* requests that had been pushed before this cycle */
    uint32_t taken;
    unsigned edges[PB_MAX_PLAN]; /* of the link since the push */
    struct queue answers;
};

struct link_twin {
    const struct pcie_bench *b;
    const struct pcie_config *config;
    uint64_t t;
    uint64_t latency[2], read_latency;
    struct thing on_wire[2];
    uint64_t bytes_left[2];
    bool sending[2];
    struct queue flying[2]; /* off the wire, not arrived */
    struct queue at_memory; /* reads */
    struct queue ready;     /* data */
    struct queue cpu;       /* MMIO, sorted */
    struct queue replies;
    uint32_t behind[PB_MAX_MMIO][PCIE_MAX_CLIENTS];
    uint32_t tags;
    int waiting; /* client whose read waits for tags */
    unsigned turn;
    struct twin_client client[PCIE_MAX_CLIENTS];
    struct pt_result *result;
};

static void log_event(struct link_twin *w, enum pb_event_kind kind, uint32_t client, uint32_t ref,
                      bool ok)
{
    w->result->log.event[w->result->log.count++] =
        (struct pb_event){ .cycle = w->t, .kind = kind, .client = client, .ref = ref, .ok = ok };
}

static void put(struct queue *q, struct thing thing)
{
    if (q->end == sizeof q->thing / sizeof q->thing[0]) {
        abort();
    }
    q->thing[q->end++] = thing;
}

static const struct pb_planned *planned(const struct link_twin *w, const struct thing *thing)
{
    return &w->b->client[thing->client].plan[thing->ref];
}

/* ---- TLP by TLP ---------------------------------------------------------------------------- */

static uint64_t dws(uint64_t from, uint64_t to)
{
    return ((to + 3) / 4 - from / 4) * 4;
}

static uint64_t up_to_multiple(uint64_t at, uint64_t unit, uint64_t end)
{
    uint64_t cut = (at / unit + 1) * unit;

    return cut < end ? cut : end;
}

static uint64_t header(const struct link_twin *w)
{
    return 8 + (w->config->address64 ? 16 : 12);
}

static uint64_t write_bytes(const struct link_twin *w, uint64_t at, uint64_t end)
{
    uint64_t sum = 0;

    while (at < end) {
        uint64_t cut = up_to_multiple(at, w->config->mps, end);

        sum += header(w) + dws(at, cut);
        at = cut;
    }
    return sum;
}

static uint32_t read_tlps(const struct link_twin *w, uint64_t at, uint64_t end)
{
    uint32_t n = 0;

    for (; at < end; at = up_to_multiple(at, w->config->mrrs, end)) {
        n++;
    }
    return n;
}

static uint64_t completion_bytes(const struct link_twin *w, uint64_t at, uint64_t end)
{
    uint64_t most = w->config->completion ? w->config->completion : w->config->mps;
    uint64_t sum = 0;

    most = most < w->config->mps ? most : w->config->mps;
    while (at < end) {
        uint64_t request = up_to_multiple(at, w->config->mrrs, end);

        while (at < request) {
            uint64_t cut = request;

            while (dws(at, cut) > most) {
                cut = (cut - 1) / w->config->rcb * w->config->rcb;
            }
            sum += 20 + dws(at, cut);
            at = cut;
        }
    }
    return sum;
}

static uint32_t tags_of(const struct link_twin *w, const struct pb_planned *p)
{
    uint32_t n = read_tlps(w, p->address, p->address + p->length);

    return n < w->config->tags ? n : w->config->tags;
}

/* ---- the cycle ----------------------------------------------------------------------------- */

static void put_on_wire(struct link_twin *w, int direction, struct thing thing, uint64_t bytes)
{
    w->on_wire[direction] = thing;
    w->bytes_left[direction] = bytes;
    w->sending[direction] = true;
    w->result->wire[direction] += bytes;
}

static void let_go(struct link_twin *w, int direction)
{
    struct thing thing = w->on_wire[direction];

    if (!w->sending[direction] || w->bytes_left[direction] > 0) {
        return;
    }
    w->sending[direction] = false;
    thing.left_to_go = w->latency[direction];
    put(&w->flying[direction], thing);
    if (direction == UP && thing.what == REQUEST && planned(w, &thing)->op != PCIE_READ &&
        planned(w, &thing)->answer) {
        put(&w->client[thing.client].answers, thing);
    }
}

static bool push_is_before_now(const struct link_twin *w, unsigned client, uint32_t n)
{
    const struct clock_domain *mine = &w->b->clocks.domain[w->b->domain];
    const struct clock_domain *its = &w->b->clocks.domain[w->b->client[client].domain];
    uint64_t pushed = w->b->client[client].plan[n].pushed;

    return pushed != CLOCK_NEVER &&
           (clock_u128)pushed * its->den * mine->num < (clock_u128)w->t * mine->den * its->num;
}

static void see_pushes(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        struct twin_client *client = &w->client[c];

        while (client->known < w->b->client[c].planned && push_is_before_now(w, c, client->known)) {
            client->known++;
        }
        for (uint32_t n = client->taken; n < client->known; n++) {
            client->edges[n]++;
        }
    }
}

static void arrived_up(struct link_twin *w, const struct thing *thing)
{
    struct thing read = *thing;

    if (thing->what == MMIO) {
        log_event(w, PB_MMIO_DONE, 0, thing->ref, !pb_unsupported(w->b->mmio[thing->ref].offset));
        return;
    }
    log_event(w, PB_MEMORY, thing->client, thing->ref, true);
    if (planned(w, thing)->op == PCIE_READ) {
        read.left_to_go = w->read_latency;
        put(&w->at_memory, read);
    }
}

static void arrived_down(struct link_twin *w, const struct thing *thing)
{
    const struct pb_mmio *m = &w->b->mmio[thing->ref];

    if (thing->what == REQUEST) {
        w->tags += tags_of(w, planned(w, thing));
        put(&w->client[thing->client].answers, *thing);
    } else if (!m->read) {
        log_event(w, PB_MMIO_WRITE, 0, thing->ref, true);
    } else {
        log_event(w, PB_MMIO_READ, 0, m->offset, !pb_unsupported(m->offset));
        for (unsigned c = 0; c < w->b->clients; c++) {
            w->behind[thing->ref][c] = w->client[c].known;
        }
        put(&w->replies, *thing);
    }
}

/* Count down what is in the queue and hand over what is due. */
static void pass_time(struct link_twin *w, struct queue *q,
                      void (*arrived)(struct link_twin *w, const struct thing *thing))
{
    while (q->first < q->end && q->thing[q->first].left_to_go == 0) {
        struct thing thing = q->thing[q->first++];

        arrived(w, &thing);
    }
    for (unsigned i = q->first; i < q->end; i++) {
        q->thing[i].left_to_go--;
    }
}

static void data_ready(struct link_twin *w, const struct thing *thing)
{
    struct thing data = *thing;

    data.since = w->t;
    put(&w->ready, data);
}

static void push_answers(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        struct queue *q = &w->client[c].answers;

        if (q->first < q->end) {
            log_event(w, PB_ANSWER, c, q->thing[q->first].ref, true);
            q->first++;
        }
    }
}

static void start_down(struct link_twin *w)
{
    bool data = w->ready.first < w->ready.end;
    bool mmio = w->cpu.first < w->cpu.end && w->cpu.thing[w->cpu.first].since <= w->t;

    if (w->sending[DOWN] || (!data && !mmio)) {
        return;
    }
    if (data &&
        (!mmio || w->ready.thing[w->ready.first].since <= w->cpu.thing[w->cpu.first].since)) {
        struct thing thing = w->ready.thing[w->ready.first++];
        const struct pb_planned *p = planned(w, &thing);

        put_on_wire(w, DOWN, thing, completion_bytes(w, p->address, p->address + p->length));
    } else {
        struct thing thing = w->cpu.thing[w->cpu.first++];
        const struct pb_mmio *m = &w->b->mmio[thing.ref];

        put_on_wire(w, DOWN, thing,
                    header(w) + (m->read ? 0 : dws(m->offset, m->offset + m->bytes)));
    }
}

static bool reply_is_behind(const struct link_twin *w, uint32_t ref)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        if (w->client[c].taken < w->behind[ref][c]) {
            return true;
        }
    }
    return false;
}

static bool try_reply(struct link_twin *w)
{
    struct thing thing = w->replies.thing[w->replies.first];
    const struct pb_mmio *m = &w->b->mmio[thing.ref];

    if (w->replies.first == w->replies.end || reply_is_behind(w, thing.ref)) {
        return false;
    }
    w->replies.first++;
    put_on_wire(w, UP, thing,
                20 + (pb_unsupported(m->offset) ? 0 : dws(m->offset, m->offset + m->bytes)));
    return true;
}

static bool try_client(struct link_twin *w, unsigned c)
{
    struct twin_client *client = &w->client[c];
    struct thing thing = { .what = REQUEST, .client = c, .ref = client->taken };
    const struct pb_planned *p = &w->b->client[c].plan[client->taken];
    unsigned sync =
        w->b->client[c].domain == w->b->domain ? 1 : w->b->client[c].request.config.sync;

    if (client->taken == client->known || client->edges[client->taken] < sync) {
        return false;
    }
    if (p->op == PCIE_READ) {
        if (w->waiting != NOBODY && w->waiting != (int)c) {
            return false;
        }
        if (tags_of(w, p) > w->tags) {
            w->waiting = (int)c;
            return false;
        }
        w->waiting = NOBODY;
        w->tags -= tags_of(w, p);
        put_on_wire(w, UP, thing, header(w) * read_tlps(w, p->address, p->address + p->length));
    } else {
        put_on_wire(w, UP, thing, write_bytes(w, p->address, p->address + p->length));
    }
    log_event(w, PB_TAKEN, c, client->taken, true);
    client->taken++;
    return true;
}

static void start_up(struct link_twin *w)
{
    unsigned places = w->b->clients + 1;

    if (w->sending[UP]) {
        return;
    }
    for (unsigned i = 0; i < places; i++) {
        unsigned c = (w->turn + i) % places;

        if (c == w->b->clients ? try_reply(w) : try_client(w, c)) {
            w->turn = c + 1;
            return;
        }
    }
}

static void count(struct link_twin *w)
{
    for (int d = UP; d <= DOWN; d++) {
        if (w->sending[d]) {
            w->result->state[d][ACCOUNT_BUSY]++;
            w->bytes_left[d]--;
        } else if (d == UP && w->waiting != NOBODY) {
            w->result->state[d][ACCOUNT_WAITING]++;
        } else {
            w->result->state[d][ACCOUNT_STARVED]++;
        }
    }
    w->result->tag_stall += w->waiting != NOBODY;
}

static uint64_t edges_in(const struct link_twin *w, uint64_t ps)
{
    const struct clock_domain *d = &w->b->clocks.domain[w->b->domain];
    uint64_t n = 0;

    while ((clock_u128)n * d->den * 1000000000000ull < (clock_u128)ps * d->num) {
        n++;
    }
    return n;
}

/* Insertion sort, stable: accesses of one cycle stay in the order of the calls. */
static void sort_mmio(struct link_twin *w)
{
    for (uint32_t m = 0; m < w->b->mmios; m++) {
        struct thing thing = { .what = MMIO, .ref = m, .since = w->b->mmio[m].cycle };
        unsigned at;

        put(&w->cpu, thing);
        for (at = w->cpu.end - 1; at > 0 && w->cpu.thing[at - 1].since > thing.since; at--) {
            w->cpu.thing[at] = w->cpu.thing[at - 1];
        }
        w->cpu.thing[at] = thing;
    }
}

void pt_run(const struct pcie_bench *b, uint64_t cycles, struct pt_result *result)
{
    struct link_twin *w = calloc(1, sizeof *w);

    if (!w) {
        abort();
    }
    memset(result, 0, sizeof *result);
    w->b = b;
    w->config = &b->config;
    w->result = result;
    w->latency[UP] = edges_in(w, b->config.up_ps);
    w->latency[DOWN] = edges_in(w, b->config.down_ps);
    w->read_latency = edges_in(w, b->config.read_ps);
    w->tags = b->config.tags;
    w->waiting = NOBODY;
    sort_mmio(w);
    for (w->t = 0; w->t < cycles; w->t++) {
        see_pushes(w);
        let_go(w, UP);
        let_go(w, DOWN);
        pass_time(w, &w->flying[UP], arrived_up);
        pass_time(w, &w->at_memory, data_ready);
        pass_time(w, &w->flying[DOWN], arrived_down);
        push_answers(w);
        start_down(w);
        start_up(w);
        count(w);
    }
    free(w);
}
