/* The twin of the link, as pcie_model/link.h has it: every cycle moves one byte in each direction. It
 * shares with the link its parameters, the stream of errors and the object behind the root complex.
 * TLPs are cut one after the other, what waits is searched from end to end, and whether a push can be
 * seen yet is counted in edges.
 *
 * A cycle t: (1) what arrives at t arrives, upstream, then downstream; (2) answers are pushed; (3) DLLPs
 * that are due go first; (4) a clear wire takes the TLP that is next. */
#include <stdlib.h>
#include <string.h>

#include "pcie_twin.h"

enum { NO_STALL = PCIE_STALLS, NOBODY = PCIE_MAX_CLIENTS };

/* A request on its way, by its position in the plan. */
struct twin_request {
    unsigned edges; /* of the link since the push */
    uint32_t open;  /* read TLPs that are not complete */
    uint32_t status;
    bool complete; /* a read: all has come */
};

struct twin_client {
    uint32_t known; /* requests that had been pushed before this cycle */
    uint32_t taken;
    uint32_t sent;    /* whose last TLP has started */
    uint64_t sent_to; /* address, if taken > sent */
    struct twin_request request[PB_MAX_PLAN];
    struct tw_list left;    /* struct twin_left, writes that want an answer */
    struct tw_list answers; /* uint32_t, to be pushed */
    uint32_t in_order; /* requests before this one have been answered, if they are to be in order */
};

struct twin_left {
    uint64_t cycle;
    uint32_t ref;
};

/* Wants to go down: the data of a read TLP, or a register access. */
struct twin_down {
    uint64_t ready;
    struct tw_tlp tlp; /* TW_DATA: from .. to is what has not been sent */
};

struct twin_memory_event {
    uint64_t cycle;
    uint32_t client, ref;
};

/* A read TLP, from when it is sent. */
struct twin_read {
    uint64_t expires;
    bool over; /* all has come, or it was given up */
    struct tw_tlp tlp;
};

/* A tag and space that are free again from a cycle on. */
struct twin_return {
    uint64_t cycle;
    struct tw_units space;
};

struct link_twin {
    const struct pcie_bench *b;
    const struct pcie_config *config;
    uint64_t t;
    struct tw_wires wires;
    struct pcie_memory *memory;
    uint64_t taken[PCIE_IDS], drained[PCIE_IDS]; /* all writes that have arrived */
    struct tw_list at_memory;                    /* struct twin_memory_event */
    struct tw_list data;     /* struct twin_down, of read TLPs in the order of their arrival */
    struct tw_list accesses; /* struct twin_down, in the order of cycle and call */
    struct tw_list replies;  /* uint32_t, MMIO accesses */
    struct tw_list reads;    /* struct twin_read, all */
    struct tw_list returns;  /* struct twin_return, of those that were given up */
    struct rng poison, lost, aborts, late, poison_up, poison_down;
    uint64_t timeout, quarantine, lateness;
    uint32_t tags;
    uint64_t space_headers, space_data; /* in use */
    unsigned turn;
    unsigned stall;
    struct twin_client client[PCIE_MAX_CLIENTS];
    struct pt_counts counts;
    struct pt_result *result;
};

static void log_event(struct link_twin *w, enum pb_event_kind kind, uint32_t client, uint32_t ref,
                      uint32_t status)
{
    if (w->result->log.count == PB_MAX_LOG) {
        abort();
    }
    w->result->log.event[w->result->log.count++] = (struct pb_event){
        .cycle = w->t, .kind = kind, .client = client, .ref = ref, .status = status
    };
}

static const struct pb_planned *planned(const struct link_twin *w, uint32_t client, uint32_t ref)
{
    return &w->b->client[client].plan[ref];
}

static bool is_write(const struct pb_planned *p)
{
    return p->op != PCIE_READ;
}

/* ---- sizes --------------------------------------------------------------------------------- */

static uint64_t dws(uint64_t from, uint64_t to)
{
    return ((to + 3) / 4 - from / 4) * 4;
}

static uint64_t up_to_multiple(uint64_t at, uint64_t unit, uint64_t end)
{
    uint64_t cut = (at / unit + 1) * unit;

    return cut < end ? cut : end;
}

static uint64_t units_of_16(uint64_t bytes)
{
    return (bytes + 15) / 16;
}

static uint64_t framing(const struct link_twin *w)
{
    return w->config->generation == 6 ? 0 : 8;
}

static uint64_t header(const struct link_twin *w, uint64_t address)
{
    return framing(w) + (w->config->address64 && address >= 4294967296ull ? 16 : 12);
}

/* The end of a completion of [at, end): back from the end to what is allowed. */
static uint64_t completion_end(const struct link_twin *w, uint64_t at, uint64_t end)
{
    uint64_t most = w->config->completion ? w->config->completion : w->config->mps;

    most = most < w->config->mps ? most : w->config->mps;
    while (dws(at, end) > most) {
        end = (end - 1) / w->config->rcb * w->config->rcb;
    }
    return end;
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return limit && value > limit ? limit : value;
}

/* A read that needs more space than there is takes all. */
static struct tw_units space_of(const struct link_twin *w, const struct tw_tlp *read)
{
    const struct pcie_config *c = w->config;

    return (struct tw_units){
        .header = at_most((read->to - 1) / c->rcb - read->from / c->rcb + 1, c->space_headers),
        .data = at_most(units_of_16(dws(read->from, read->to)), c->space_data)
    };
}

/* The order that it keeps: that of its ID, or of all. */
static unsigned order_of(const struct link_twin *w, const struct tw_tlp *tlp)
{
    return w->config->ido && tlp->client != NOBODY ? planned(w, tlp->client, tlp->ref)->id : 0;
}

/* ---- arrivals at the host ------------------------------------------------------------------ */

static void memory_event(struct link_twin *w, const struct tw_tlp *tlp, uint64_t cycle)
{
    *TW_ADD(&w->at_memory, struct twin_memory_event) =
        (struct twin_memory_event){ .cycle = cycle, .client = tlp->client, .ref = tlp->ref };
}

static bool has_memory(const struct link_twin *w, const struct tw_tlp *tlp)
{
    return !w->b->holes || !pb_hole(tlp->from); /* a TLP is in one page */
}

/* Of several errors the first of the enum is told. */
static void spoil(struct link_twin *w, const struct tw_tlp *tlp, uint32_t status)
{
    struct twin_request *request = &w->client[tlp->client].request[tlp->ref];

    if (request->status == PCIE_OK || status < request->status) {
        request->status = status;
    }
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool happens(struct rng *rng, uint32_t ppb)
{
    return rng_below(rng, 1000000000) < ppb;
}

static void write_arrives(struct link_twin *w, const struct tw_tlp *tlp)
{
    unsigned order = order_of(w, tlp);
    struct pcie_memory_written written = { .taken = later(w->t, w->taken[order]),
                                           .drained = later(w->t, w->drained[order]) };

    if (!has_memory(w, tlp)) {
        w->counts.stats.unsupported_writes++;
        spoil(w, tlp, PCIE_UNSUPPORTED);
    } else if (happens(&w->poison_up, w->config->poison_write_ppb)) {
        w->counts.stats.poisoned_writes++;
        spoil(w, tlp, PCIE_POISONED);
    } else {
        written = pcie_memory_write_in(w->memory, order, w->t, tlp->from,
                                       (uint32_t)(tlp->to - tlp->from));
    }
    w->taken[order] = written.taken;
    w->drained[order] = written.drained;
    tw_give_free(&w->wires, TW_UP, TW_POSTED, tlp->need, written.taken);
    if (tlp->last) {
        memory_event(w, tlp, written.drained);
    }
}

static void answer_with_data(struct link_twin *w, const struct tw_tlp *tlp, uint64_t ready,
                             uint32_t status)
{
    struct twin_down *data = TW_ADD(&w->data, struct twin_down);

    *data = (struct twin_down){ .ready = later(ready, w->drained[order_of(w, tlp)]), .tlp = *tlp };
    data->tlp.kind = TW_DATA;
    data->tlp.status = status;
}

static void memory_is_read(struct link_twin *w, const struct tw_tlp *tlp)
{
    uint64_t ready = pcie_memory_read_in(w->memory, order_of(w, tlp), w->t, tlp->from,
                                         (uint32_t)(tlp->to - tlp->from));

    if (happens(&w->late, w->config->late_ppb)) {
        ready += w->lateness;
    }
    answer_with_data(w, tlp, ready, PCIE_OK);
}

static void read_arrives(struct link_twin *w, const struct tw_tlp *tlp)
{
    tw_give_free(&w->wires, TW_UP, TW_NONPOSTED, tlp->need, w->t);
    if (tlp->last) {
        memory_event(w, tlp, later(w->t, w->drained[order_of(w, tlp)]));
    }
    if (!has_memory(w, tlp)) {
        w->counts.stats.unsupported_reads++;
        answer_with_data(w, tlp, w->t, PCIE_UNSUPPORTED);
    } else if (happens(&w->lost, w->config->lost_ppb)) {
        return;
    } else if (happens(&w->aborts, w->config->abort_ppb)) {
        w->counts.stats.aborted_reads++;
        answer_with_data(w, tlp, w->t, PCIE_ABORTED);
    } else {
        memory_is_read(w, tlp);
    }
}

static void arrives_up(struct link_twin *w, const struct tw_tlp *tlp)
{
    if (tlp->kind == TW_WRITE) {
        write_arrives(w, tlp);
    } else if (tlp->kind == TW_READ) {
        read_arrives(w, tlp);
    } else {
        memory_event(w, tlp, later(w->t, w->drained[order_of(w, tlp)]));
    }
}

static void memory_sees_one(struct link_twin *w, const struct twin_memory_event *e)
{
    if (e->client == NOBODY) {
        log_event(w, PB_MMIO_DONE, 0, e->ref, pb_register(w->b->mmio[e->ref].offset) != PCIE_OK);
        return;
    }
    log_event(w, PB_MEMORY, e->client, e->ref,
              is_write(planned(w, e->client, e->ref)) ? w->client[e->client].request[e->ref].status
                                                      : PCIE_OK);
}

/* All that is due by now, wherever it stands in the list. */
static void memory_sees(struct link_twin *w)
{
    struct tw_list *list = &w->at_memory;

    for (uint32_t i = list->first; i < list->count; i++) {
        struct twin_memory_event *e = TW_AT(list, struct twin_memory_event, i);

        if (e->cycle <= w->t) {
            memory_sees_one(w, e);
            w->result->passed += i != list->first;
            e->cycle = CLOCK_NEVER; /* seen */
        }
    }
    while (list->first < list->count &&
           TW_AT(list, struct twin_memory_event, list->first)->cycle == CLOCK_NEVER) {
        list->first++;
    }
}

/* ---- arrivals at the card ------------------------------------------------------------------ */

/* In order: those before it first. */
static void answer_read(struct link_twin *w, unsigned c, uint32_t ref)
{
    struct twin_client *client = &w->client[c];
    const struct pb_client *its = &w->b->client[c];

    client->request[ref].complete = true;
    if (its->answers != PCIE_ANSWERS_ORDERED) {
        *TW_ADD(&client->answers, uint32_t) = ref;
        return;
    }
    for (; client->in_order < its->planned; client->in_order++) {
        if (is_write(&its->plan[client->in_order])) {
            continue;
        }
        if (!client->request[client->in_order].complete) {
            return;
        }
        *TW_ADD(&client->answers, uint32_t) = client->in_order;
    }
}

/* No more is expected for this read TLP. */
static void read_tlp_ends(struct link_twin *w, struct twin_read *read)
{
    struct twin_client *client = &w->client[read->tlp.client];
    struct twin_request *request = &client->request[read->tlp.ref];

    read->over = true;
    request->open--;
    if (request->open == 0 && client->sent > read->tlp.ref) {
        answer_read(w, read->tlp.client, read->tlp.ref);
    }
}

static void give_back(struct link_twin *w, struct tw_units space)
{
    w->tags--;
    w->space_headers -= space.header;
    w->space_data -= space.data;
}

static void data_arrives(struct link_twin *w, const struct tw_tlp *tlp)
{
    struct twin_read *read = TW_AT(&w->reads, struct twin_read, tlp->read);

    if (read->over) {
        w->counts.stats.unexpected++;
        return;
    }
    if (tlp->status != PCIE_OK) {
        spoil(w, tlp, tlp->status);
    } else if (happens(&w->poison, w->config->poison_ppb)) {
        w->counts.stats.poisoned++;
        spoil(w, tlp, PCIE_POISONED);
    }
    if (tlp->last) {
        give_back(w, tlp->space);
        read_tlp_ends(w, read);
    }
}

static void time_out(struct link_twin *w)
{
    /* they leave one after the other */
    while (w->reads.first < w->reads.count &&
           TW_AT(&w->reads, struct twin_read, w->reads.first)->expires <= w->t) {
        struct twin_read *read = TW_AT(&w->reads, struct twin_read, w->reads.first++);

        if (!read->over) {
            w->counts.stats.timeouts++;
            spoil(w, &read->tlp, PCIE_TIMED_OUT);
            *TW_ADD(&w->returns, struct twin_return) =
                (struct twin_return){ .cycle = w->t + w->quarantine, .space = read->tlp.space };
            read_tlp_ends(w, read);
        }
    }
    while (w->returns.first < w->returns.count &&
           TW_AT(&w->returns, struct twin_return, w->returns.first)->cycle <= w->t) {
        give_back(w, TW_AT(&w->returns, struct twin_return, w->returns.first++)->space);
    }
}

static void access_arrives(struct link_twin *w, const struct tw_tlp *tlp)
{
    const struct pb_mmio *m = &w->b->mmio[tlp->ref];

    tw_give_free(&w->wires, TW_DOWN, tlp->class, tlp->need, w->t);
    if (!m->read && happens(&w->poison_down, w->config->poison_write_ppb)) {
        w->counts.stats.poisoned_mmio++;
        return;
    }
    if (!m->read) {
        log_event(w, PB_MMIO_WRITE, 0, tlp->ref, 0);
        return;
    }
    log_event(w, PB_MMIO_READ, 0, m->offset, pb_register(m->offset));
    *TW_ADD(&w->replies, uint32_t) = tlp->ref;
}

static void deliver(void *self, int direction, const struct tw_tlp *tlp)
{
    struct link_twin *w = self;

    if (direction == TW_UP) {
        arrives_up(w, tlp);
    } else if (tlp->kind == TW_DATA) {
        data_arrives(w, tlp);
    } else {
        access_arrives(w, tlp);
    }
}

/* ---- clients ------------------------------------------------------------------------------- */

static bool push_is_before(const struct link_twin *w, unsigned client, uint32_t n, unsigned domain,
                           uint64_t cycle)
{
    const struct clock_domain *mine = &w->b->clocks.domain[domain];
    const struct clock_domain *its = &w->b->clocks.domain[w->b->client[client].domain];
    uint64_t pushed = w->b->client[client].plan[n].pushed;

    return pushed != CLOCK_NEVER &&
           (clock_u128)pushed * its->den * mine->num < (clock_u128)cycle * mine->den * its->num;
}

static bool push_is_before_now(const struct link_twin *w, unsigned client, uint32_t n)
{
    return push_is_before(w, client, n, w->b->domain, w->t);
}

static void see_pushes(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        struct twin_client *client = &w->client[c];

        while (client->known < w->b->client[c].planned && push_is_before_now(w, c, client->known)) {
            client->known++;
        }
        for (uint32_t n = client->taken; n < client->known; n++) {
            client->request[n].edges++;
        }
    }
}

static void writes_have_left(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        struct tw_list *left = &w->client[c].left;

        while (left->first < left->count &&
               TW_AT(left, struct twin_left, left->first)->cycle <= w->t) {
            *TW_ADD(&w->client[c].answers, uint32_t) =
                TW_AT(left, struct twin_left, left->first++)->ref;
        }
    }
}

static void push_answers(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        struct tw_list *answers = &w->client[c].answers;

        if (answers->first < answers->count) {
            uint32_t ref = *TW_AT(answers, uint32_t, answers->first++);

            log_event(w, PB_ANSWER, c, ref,
                      is_write(planned(w, c, ref)) ? PCIE_OK : w->client[c].request[ref].status);
        }
    }
}

/* ---- up ------------------------------------------------------------------------------------ */

/* The client's next TLP; false: it has none that the link can see. */
static bool next_tlp(const struct link_twin *w, unsigned c, struct tw_tlp *tlp)
{
    const struct twin_client *client = &w->client[c];
    const struct pb_client *its = &w->b->client[c];
    unsigned sync = its->domain == w->b->domain ? 1 : its->request.config.sync;
    bool begun = client->taken > client->sent;
    const struct pb_planned *p = planned(w, c, client->sent);
    uint64_t end = p->address + p->length;

    if (client->sent == client->known || (!begun && client->request[client->sent].edges < sync)) {
        return false;
    }
    *tlp = (struct tw_tlp){ .kind = is_write(p) ? TW_WRITE : TW_READ,
                            .class = is_write(p) ? TW_POSTED : TW_NONPOSTED,
                            .client = c,
                            .ref = client->sent,
                            .from = begun ? client->sent_to : p->address,
                            .bytes = header(w, begun ? client->sent_to : p->address),
                            .need = { .header = 1 } };
    tlp->to = up_to_multiple(tlp->from, is_write(p) ? w->config->mps : w->config->mrrs, end);
    tlp->last = tlp->to == end;
    if (is_write(p)) {
        tlp->bytes += dws(tlp->from, tlp->to);
        tlp->need.data = units_of_16(dws(tlp->from, tlp->to));
    } else {
        tlp->space = space_of(w, tlp);
    }
    return true;
}

/* What the TLP lacks, NO_STALL if nothing. */
static unsigned lacks(const struct link_twin *w, const struct tw_tlp *tlp)
{
    const struct pcie_config *c = w->config;

    if (!tw_has_retry(&w->wires, TW_UP)) {
        return PCIE_STALL_RETRY;
    }
    if (tlp->kind == TW_READ) {
        if (w->tags == c->tags) {
            return PCIE_STALL_TAGS;
        }
        if ((c->space_headers && w->space_headers + tlp->space.header > c->space_headers) ||
            (c->space_data && w->space_data + tlp->space.data > c->space_data)) {
            return PCIE_STALL_SPACE;
        }
    }
    if (tlp->kind != TW_REPLY && !tw_has_credit(&w->wires, TW_UP, tlp->class, tlp->need)) {
        return tlp->class == TW_POSTED ? PCIE_STALL_POSTED : PCIE_STALL_NONPOSTED;
    }
    return NO_STALL;
}

static void count_request(struct link_twin *w, const struct pb_planned *p)
{
    struct pcie_stats *s = &w->counts.stats;

    s->reads += p->op == PCIE_READ;
    s->writes += p->op == PCIE_WRITE;
    s->msix += p->op == PCIE_MSIX;
}

static void count_tlp(struct link_twin *w, const struct tw_tlp *tlp)
{
    struct pcie_direction_stats *s = &w->counts.stats.dir[TW_UP];

    s->tlps_write += tlp->kind == TW_WRITE;
    s->wire_write += tlp->kind == TW_WRITE ? tlp->bytes : 0;
    s->tlps_read += tlp->kind == TW_READ;
    s->wire_read += tlp->kind == TW_READ ? tlp->bytes : 0;
    s->payload_bytes += tlp->kind == TW_WRITE ? tlp->to - tlp->from : 0;
}

static void send_of_client(struct link_twin *w, unsigned c, struct tw_tlp *tlp)
{
    struct twin_client *client = &w->client[c];
    const struct pb_planned *p = planned(w, c, tlp->ref);
    uint64_t left;

    tlp->read = w->reads.count;
    left = tw_send(&w->wires, TW_UP, tlp);

    count_tlp(w, tlp);
    if (client->taken == client->sent) {
        log_event(w, PB_TAKEN, c, client->taken++, 0);
    }
    client->sent_to = tlp->to;
    if (tlp->last) {
        client->sent++;
        count_request(w, p);
    }
    if (tlp->kind == TW_READ) {
        *TW_ADD(&w->reads, struct twin_read) =
            (struct twin_read){ .expires = w->timeout ? left + w->timeout : CLOCK_NEVER,
                                .tlp = *tlp };
        client->request[tlp->ref].open++;
        w->tags++;
        w->space_headers += tlp->space.header;
        w->space_data += tlp->space.data;
    } else if (tlp->last && p->answer) {
        *TW_ADD(&client->left, struct twin_left) =
            (struct twin_left){ .cycle = left, .ref = tlp->ref };
    }
}

/* The n-th read that arrived: does it wait for the card, or for what was pushed before the register was read? */
static bool reply_waits(const struct link_twin *w, uint32_t n)
{
    const struct pb_registers *r = &w->b->registers;

    if (r->s.from[n] > w->t) {
        return true;
    }
    for (unsigned c = 0; c < w->b->clients && !w->config->relaxed; c++) {
        for (uint32_t i = w->client[c].sent; i < w->b->client[c].planned; i++) {
            if (push_is_before(w, c, i, r->domain, r->s.cycle[n]) &&
                (!w->config->ido || planned(w, c, i)->id == 0)) {
                return true;
            }
        }
    }
    return false;
}

static bool next_reply(const struct link_twin *w, struct tw_tlp *tlp)
{
    const struct pb_mmio *m;
    uint32_t ref;

    if (w->replies.first == w->replies.count) {
        return false;
    }
    ref = *TW_AT(&w->replies, uint32_t, w->replies.first);
    m = &w->b->mmio[ref];
    *tlp = (struct tw_tlp){ .kind = TW_REPLY,
                            .class = TW_COMPLETION,
                            .client = NOBODY,
                            .ref = ref,
                            .from = m->offset,
                            .status = pb_register(m->offset),
                            .to = m->offset + (pb_register(m->offset) == PCIE_OK ? m->bytes : 0) };
    tlp->bytes = framing(w) + 12 + (tlp->to > tlp->from ? dws(tlp->from, tlp->to) : 0);
    return !reply_waits(w, w->replies.first);
}

static void send_reply(struct link_twin *w, const struct tw_tlp *tlp)
{
    struct pcie_direction_stats *s = &w->counts.stats.dir[TW_UP];

    w->counts.stats.unsupported_mmio += tlp->status == PCIE_UNSUPPORTED;
    w->counts.stats.aborted_mmio += tlp->status == PCIE_ABORTED;
    s->tlps_completion++;
    s->wire_completion += tlp->bytes;
    s->payload_bytes += tlp->to - tlp->from;
    tw_send(&w->wires, TW_UP, tlp);
    w->replies.first++;
}

/* Place c is a client, or the replies as one more. Does it send? */
static bool turn(struct link_twin *w, unsigned c)
{
    bool reply = c == w->b->clients;
    struct tw_tlp tlp;
    unsigned lack;

    if (!(reply ? next_reply(w, &tlp) : next_tlp(w, c, &tlp))) {
        return false;
    }
    lack = lacks(w, &tlp);
    if (lack != NO_STALL) {
        w->stall = w->stall == NO_STALL ? lack : w->stall;
        return false;
    }
    if (reply) {
        send_reply(w, &tlp);
    } else {
        send_of_client(w, c, &tlp);
    }
    return true;
}

/* A stall goes on while a DLLP is on the wire. */
static void start_up(struct link_twin *w)
{
    unsigned places = w->b->clients + 1;

    if (tw_sends_tlp(&w->wires, TW_UP)) {
        w->stall = NO_STALL;
    }
    if (!tw_clear(&w->wires, TW_UP)) {
        return;
    }
    w->stall = NO_STALL;
    if (tw_repeat(&w->wires, TW_UP)) {
        return;
    }
    for (unsigned i = 0; i < places; i++) {
        unsigned c = (w->turn + i) % places;

        if (turn(w, c)) {
            w->turn = c + 1;
            w->stall = NO_STALL;
            return;
        }
    }
}

/* ---- down ---------------------------------------------------------------------------------- */

/* The data that is next, by its position in the list; the list's count if none is ready. */
static uint32_t first_data(const struct link_twin *w)
{
    const struct tw_list *list = &w->data;
    uint32_t best = list->count;

    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t ready = TW_AT(list, struct twin_down, i)->ready;

        if (ready <= w->t &&
            (best == list->count || ready < TW_AT(list, struct twin_down, best)->ready)) {
            best = i;
        }
    }
    return best;
}

static void send_data(struct link_twin *w, uint32_t which)
{
    struct twin_down *data = TW_AT(&w->data, struct twin_down, which);
    struct pcie_direction_stats *s = &w->counts.stats.dir[TW_DOWN];
    struct tw_tlp tlp = data->tlp;

    w->result->overtakings += which > 0;
    tlp.class = TW_COMPLETION;
    tlp.to = tlp.status ? tlp.to : completion_end(w, tlp.from, tlp.to);
    tlp.last = tlp.to == data->tlp.to;
    tlp.bytes = framing(w) + 12 + (tlp.status ? 0 : dws(tlp.from, tlp.to));
    tlp.need = (struct tw_units){ 0, 0 };
    s->tlps_completion++;
    s->wire_completion += tlp.bytes;
    s->payload_bytes += tlp.status ? 0 : tlp.to - tlp.from;
    tw_send(&w->wires, TW_DOWN, &tlp);
    data->tlp.from = tlp.to;
    if (tlp.last) {
        memmove(data, data + 1, (w->data.count - which - 1) * sizeof *data);
        w->data.count--;
    }
}

static void send_access(struct link_twin *w)
{
    const struct twin_down *access = TW_AT(&w->accesses, struct twin_down, w->accesses.first);
    struct pcie_direction_stats *s = &w->counts.stats.dir[TW_DOWN];
    const struct tw_tlp *tlp = &access->tlp;

    if (!tw_has_credit(&w->wires, TW_DOWN, tlp->class, tlp->need)) {
        w->result->blocked_mmio++;
        return;
    }
    s->tlps_mmio++;
    w->counts.stats.mmio_reads += tlp->class == TW_NONPOSTED;
    w->counts.stats.mmio_writes += tlp->class == TW_POSTED;
    s->wire_mmio += tlp->bytes;
    s->payload_bytes += tlp->class == TW_POSTED ? tlp->to - tlp->from : 0;
    tw_send(&w->wires, TW_DOWN, tlp);
    w->accesses.first++;
}

static bool access_is_first(const struct link_twin *w, uint32_t data)
{
    const struct twin_down *access = TW_AT(&w->accesses, struct twin_down, w->accesses.first);

    if (w->accesses.first == w->accesses.count || access->ready > w->t) {
        return false;
    }
    return data == w->data.count || access->ready < TW_AT(&w->data, struct twin_down, data)->ready;
}

static void start_down(struct link_twin *w)
{
    uint32_t data;

    if (!tw_clear(&w->wires, TW_DOWN) || tw_repeat(&w->wires, TW_DOWN)) {
        return;
    }
    data = first_data(w);
    if (access_is_first(w, data)) {
        send_access(w);
    } else if (data < w->data.count) {
        send_data(w, data);
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void count(struct link_twin *w)
{
    struct pcie_stats *s = &w->counts.stats;

    for (int d = TW_UP; d <= TW_DOWN; d++) {
        if (tw_sends_tlp(&w->wires, d)) {
            w->counts.state[d][ACCOUNT_BUSY]++;
            s->dir[d].busy_cycles++;
        } else if (d == TW_UP && w->stall != NO_STALL) {
            w->counts.state[d][ACCOUNT_WAITING]++;
            s->stall_cycles[w->stall]++;
        } else {
            w->counts.state[d][ACCOUNT_STARVED]++;
        }
    }
}

static uint64_t edges_in(const void *self, uint64_t ps)
{
    const struct link_twin *w = self;
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
        const struct pb_mmio *mmio = &w->b->mmio[m];
        struct twin_down *list;
        struct twin_down access = {
            .ready = mmio->cycle,
            .tlp = { .kind = TW_MMIO,
                     .class = mmio->read ? TW_NONPOSTED : TW_POSTED,
                     .ref = m,
                     .from = mmio->offset,
                     .to = mmio->offset + mmio->bytes,
                     .bytes = header(w, UINT64_MAX) + /* registers */
                              (mmio->read ? 0 : dws(mmio->offset, mmio->offset + mmio->bytes)),
                     .need = { .header = 1 } }
        };
        uint32_t at;

        if (!mmio->read) {
            access.tlp.need.data = units_of_16(dws(access.tlp.from, access.tlp.to));
        }
        TW_ADD(&w->accesses, struct twin_down);
        list = w->accesses.item;
        for (at = w->accesses.count - 1; at > 0 && list[at - 1].ready > access.ready; at--) {
            list[at] = list[at - 1];
        }
        list[at] = access;
    }
}

static struct link_twin *create(const struct pcie_bench *b, struct pt_result *result)
{
    struct link_twin *w = calloc(1, sizeof *w);
    char error[200];

    if (!w) {
        abort();
    }
    memset(result, 0, sizeof *result);
    w->b = b;
    w->config = &b->config;
    w->result = result;
    tw_init(&w->wires, &b->config, edges_in, w);
    w->wires.stats = &w->counts.stats;
    w->stall = NO_STALL;
    w->timeout = edges_in(w, b->config.timeout_ps);
    w->quarantine = edges_in(w, b->config.quarantine_ps);
    w->lateness = edges_in(w, b->config.late_ps);
    w->poison = rng_stream(b->config.seed, 0x706f6973);
    w->lost = rng_stream(b->config.seed, 0x6c6f7374);
    w->aborts = rng_stream(b->config.seed, 0x61626f72);
    w->late = rng_stream(b->config.seed, 0x6c617465);
    w->poison_up = rng_stream(b->config.seed, 0x706f7772);
    w->poison_down = rng_stream(b->config.seed, 0x706f7773);
    w->wires.deliver = deliver;
    w->wires.self = w;
    w->memory = pcie_memory_create(&b->config.host, &b->clocks, b->domain, error, sizeof error);
    if (!w->memory) {
        abort();
    }
    sort_mmio(w);
    return w;
}

static void destroy(struct link_twin *w)
{
    for (unsigned c = 0; c < w->b->clients; c++) {
        free(w->client[c].left.item);
        free(w->client[c].answers.item);
    }
    free(w->at_memory.item);
    free(w->data.item);
    free(w->accesses.item);
    free(w->replies.item);
    free(w->reads.item);
    free(w->returns.item);
    tw_free(&w->wires);
    pcie_memory_destroy(w->memory);
    free(w);
}

void pt_run(const struct pcie_bench *b, uint64_t cut, uint64_t cycles, struct pt_result *result)
{
    struct link_twin *w = create(b, result);

    for (w->t = 0; w->t < cycles; w->t++) {
        if (w->t == cut) {
            result->at_cut = w->counts;
        }
        w->wires.t = w->t;
        see_pushes(w);
        writes_have_left(w);
        tw_arrivals(&w->wires, TW_UP);
        memory_sees(w);
        time_out(w);
        tw_arrivals(&w->wires, TW_DOWN);
        push_answers(w);
        tw_dllps(&w->wires);
        start_down(w);
        start_up(w);
        count(w);
        tw_time_passes(&w->wires);
    }
    result->at_end = w->counts;
    result->memory = *pcie_memory_stats(w->memory);
    destroy(w);
}
