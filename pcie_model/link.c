/* The link as one block: two serialisers and what is in flight between them.
 *
 *   clients -> [up serialiser] -> up -> host -> memory -> [down serialiser] -> down -> clients
 *   registers' completions --^     '-> CPU      CPU -> cpu --^                  '-> registers
 *
 * Every latency is a constant of the configuration, so what is in flight stays in order and a
 * FIFO with the cycle of arrival in each element replaces a sorted queue; the cost of a request
 * is O(1). */
#include "pcie_model/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pcie_model/ring.h"

enum { UP, DOWN };

enum { NONE = UINT32_MAX, FIRST_REQUESTS = 256 };

enum flight_kind { FLIGHT_DMA, FLIGHT_MMIO_WRITE, FLIGHT_MMIO_READ, FLIGHT_MMIO_DONE };

/* Something that happens at `cycle`. */
struct flight {
    uint64_t cycle;
    uint64_t value, tag; /* MMIO */
    uint32_t kind;       /* enum flight_kind */
    uint32_t item;       /* DMA: the request */
    uint32_t offset;     /* MMIO */
    uint16_t bytes, ok;  /* MMIO */
};

/* The completion of a register read that waits for the up serialiser. */
struct reply {
    uint64_t value, tag;
    uint32_t offset;
    uint16_t bytes, ok;
    uint32_t behind[PCIE_MAX_CLIENTS]; /* requests that each client must have got rid of before */
};

enum { HELD_BY_CLIENT = 1, HELD_BY_LINK = 2 };

/* What the link knows of a request. */
struct slot {
    uint32_t next_free;
    uint32_t tags; /* that it holds */
    uint32_t held; /* HELD_BY_* */
};

struct client_state {
    uint64_t known;         /* 1 + requests taken before the one that `visible` is about */
    uint64_t visible;       /* when the head of the channel may be taken */
    uint64_t response_free; /* first cycle in which the response channel can take a beat */
};

struct link_state {
    uint64_t free[2];   /* serialisers: first cycle in which the next TLP may start */
    uint64_t tag_since; /* read_client waits since */
    uint32_t tags_free;
    uint32_t read_client;   /* the only client that may read: it waits for tags; else NONE */
    uint32_t last_client;   /* granted last; clients: a register read's completion */
    uint32_t free_request;  /* list, NONE: empty */
    uint32_t used_requests; /* that have ever been in use */
    uint32_t live;
    struct client_state client[PCIE_MAX_CLIENTS];
    struct pcie_stats stats;
};

struct pcie_link {
    struct sched *sched;
    unsigned block, domain;
    struct pcie_config config;
    struct pcie_ops ops;
    void *self;
    uint64_t up_cycles, down_cycles, read_cycles;
    unsigned clients;
    struct channel *request_channel[PCIE_MAX_CLIENTS], *response_channel[PCIE_MAX_CLIENTS];
    struct link_state s;
    struct account account[2];
    uint64_t by_cause[2][SCHED_MAX_BLOCKS];
    struct pcie_request *request;
    size_t requests;
    struct slot *slot;
    size_t slots;
    struct ring answers; /* writes that leave and want an answer */
    struct ring up;      /* to host memory and CPU */
    struct ring memory;  /* reads at the memory */
    struct ring cpu;     /* MMIO that the CPU has issued */
    struct ring down;    /* to the card */
    struct ring replies; /* struct reply */
};

/* ---- the pool ------------------------------------------------------------------------------ */

static void *grown(void *array, size_t old_count, size_t new_count, size_t bytes)
{
    char *bigger = realloc(array, new_count * bytes);

    if (!bigger) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
    memset(bigger + old_count * bytes, 0, (new_count - old_count) * bytes);
    return bigger;
}

static void grow_pool(struct pcie_link *link, size_t count)
{
    link->request = grown(link->request, link->requests, count, sizeof *link->request);
    link->requests = count;
    link->slot = grown(link->slot, link->slots, count, sizeof *link->slot);
    link->slots = count;
}

uint32_t pcie_request_new(struct pcie_link *link)
{
    uint32_t index = link->s.free_request;

    if (index != NONE) {
        link->s.free_request = link->slot[index].next_free;
    } else {
        if (link->s.used_requests == link->requests) {
            grow_pool(link, link->requests * 2);
        }
        index = link->s.used_requests++;
    }
    memset(&link->request[index], 0, sizeof link->request[index]);
    link->slot[index] = (struct slot){ .held = HELD_BY_CLIENT };
    link->s.live++;
    return index;
}

struct pcie_request *pcie_request_at(struct pcie_link *link, uint32_t index)
{
    return &link->request[index];
}

/* The client may release a write while it is still on its way to memory. */
static void let_go(struct pcie_link *link, uint32_t index, uint32_t holder)
{
    struct slot *slot = &link->slot[index];

    assert(slot->held & holder);
    slot->held &= ~holder;
    if (!slot->held) {
        slot->next_free = link->s.free_request;
        link->s.free_request = index;
        link->s.live--;
    }
}

void pcie_request_release(struct pcie_link *link, uint32_t index)
{
    let_go(link, index, HELD_BY_CLIENT);
}

uint32_t pcie_request_live(const struct pcie_link *link)
{
    return link->s.live;
}

/* ---- serialisers --------------------------------------------------------------------------- */

/* Put `wire` bytes of TLPs on the wire from cycle `now`; returns the cycle when the last has
 * left. */
static uint64_t transmit(struct pcie_link *link, unsigned direction, uint64_t now, uint32_t wire)
{
    struct pcie_direction_stats *stats = &link->s.stats.dir[direction];
    struct account *account = &link->account[direction];
    struct account_run run = {
        .first = now, .beats = 1, .step = wire, .busy = wire, .after = { .state = ACCOUNT_STARVED }
    };

    stats->wire_bytes += wire;
    if (link->config.ideal) {
        return now;
    }
    account_settle(account, now);
    account_add(account, &run);
    link->s.free[direction] = now + wire;
    return now + wire;
}

/* An arrival of the `kind` at `cycle`. */
static struct flight *fly(struct ring *ring, uint64_t cycle, enum flight_kind kind)
{
    struct flight *f = ring_push(ring);

    *f = (struct flight){ .cycle = cycle, .kind = kind };
    return f;
}

/* The oldest element if its time has come. */
static bool take(struct ring *ring, uint64_t now, struct flight *f)
{
    const struct flight *head = ring_head(ring);

    if (!head || head->cycle > now) {
        return false;
    }
    *f = *head;
    ring_pop(ring);
    return true;
}

static void answer(struct pcie_link *link, uint64_t now, uint32_t item)
{
    unsigned client = link->request[item].client;
    struct client_state *state = &link->s.client[client];
    struct channel_run run = { .first = now, .beats = 1, .step = 1 };

    assert(link->response_channel[client]);
    if (state->response_free > now) {
        run.first = state->response_free;
    }
    state->response_free = run.first + 1;
    channel_push(link->response_channel[client], &run, item, CHANNEL_FIRST | CHANNEL_LAST);
}

/* ---- up: arbitration ----------------------------------------------------------------------- */

/* When the client's next request can be taken; CLOCK_NEVER if it has none. */
static uint64_t head_visible(struct pcie_link *link, unsigned client)
{
    const struct channel *ch = link->request_channel[client];
    struct client_state *state = &link->s.client[client];

    if (!channel_head(ch)) {
        return CLOCK_NEVER;
    }
    if (state->known != ch->s.popped + 1) {
        state->known = ch->s.popped + 1;
        state->visible = channel_next_visible(ch);
        if (state->visible < ch->s.read_free) {
            state->visible = ch->s.read_free;
        }
    }
    return state->visible;
}

static uint32_t tags_needed(const struct pcie_link *link, const struct pcie_request *request)
{
    uint32_t tlps = pcie_read_cost(&link->config, request->address, request->length).tlps;

    return tlps < link->config.tags ? tlps : link->config.tags;
}

/* May this read go? If it lacks tags no other read may overtake it, or a large one would starve;
 * writes may, as posted requests must be able to pass non-posted ones (2.4.1). */
static bool read_may_go(struct pcie_link *link, unsigned client, uint64_t now,
                        const struct pcie_request *request)
{
    if (link->config.ideal) {
        return true;
    }
    if (link->s.read_client != NONE && link->s.read_client != client) {
        return false;
    }
    if (tags_needed(link, request) <= link->s.tags_free) {
        return true;
    }
    if (link->s.read_client == NONE) {
        link->s.read_client = client;
        link->s.tag_since = now;
    }
    return false;
}

/* A completion does not pass posted writes (2.4.1): all that was pushed before the
 * register was read goes first. Reads among it go first too: in a client's channel they are
 * before the writes. They get their tags back without any help of this completion, so nothing
 * can lock up. */
static bool reply_may_go(const struct pcie_link *link)
{
    const struct reply *reply = ring_head(&link->replies);

    if (!reply) {
        return false;
    }
    for (unsigned c = 0; c < link->clients; c++) {
        if ((int32_t)((uint32_t)link->request_channel[c]->s.popped - reply->behind[c]) < 0) {
            return false;
        }
    }
    return true;
}

/* The next in turn that can go now: a client, or link->clients for a reply; NONE, and then
 * *again is lowered to the cycle when something becomes visible. */
static uint32_t choose(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    uint32_t c = link->s.last_client;

    for (unsigned i = 0; i <= link->clients; i++) {
        uint64_t visible;
        const struct pcie_request *request;

        c = c == link->clients ? 0 : c + 1;
        if (c == link->clients) {
            if (reply_may_go(link)) {
                return c;
            }
            continue;
        }
        visible = head_visible(link, c);
        if (visible > now) {
            *again = visible < *again ? visible : *again;
            continue;
        }
        request = &link->request[channel_head(link->request_channel[c])->item];
        if (request->op != PCIE_READ || read_may_go(link, c, now, request)) {
            return c;
        }
    }
    return NONE;
}

static uint64_t send_read(struct pcie_link *link, uint64_t now, uint32_t item)
{
    const struct pcie_request *request = &link->request[item];
    struct pcie_cost cost = pcie_read_cost(&link->config, request->address, request->length);
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];

    if (!link->config.ideal) {
        if (link->s.read_client != NONE) {
            link->s.stats.tag_stall_cycles += now - link->s.tag_since;
            link->s.read_client = NONE;
        }
        link->slot[item].tags = tags_needed(link, request);
        link->s.tags_free -= link->slot[item].tags;
    }
    link->s.stats.reads++;
    stats->tlps_read += cost.tlps;
    stats->wire_read += cost.wire_bytes;
    return transmit(link, UP, now, cost.wire_bytes);
}

static uint64_t send_write(struct pcie_link *link, uint64_t now, uint32_t item)
{
    const struct pcie_request *request = &link->request[item];
    struct pcie_cost cost = pcie_write_cost(&link->config, request->address, request->length);
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];
    uint64_t left = transmit(link, UP, now, cost.wire_bytes);

    if (request->op == PCIE_MSIX) {
        link->s.stats.msix++;
    } else {
        link->s.stats.writes++;
    }
    stats->tlps_write += cost.tlps;
    stats->wire_write += cost.wire_bytes;
    stats->payload_bytes += request->length;
    if (request->answer) {
        fly(&link->answers, left, FLIGHT_DMA)->item = item;
    } else {
        let_go(link, item, HELD_BY_CLIENT);
    }
    return left;
}

static void send_request(struct pcie_link *link, uint64_t now, unsigned client)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    uint32_t item = channel_head(link->request_channel[client])->item;
    uint64_t arrives;

    channel_pop(link->request_channel[client], &run);
    assert(link->slot[item].held == HELD_BY_CLIENT && link->request[item].client == client);
    link->slot[item].held |= HELD_BY_LINK;
    arrives = link->up_cycles + (link->request[item].op == PCIE_READ ? send_read(link, now, item)
                                                                     : send_write(link, now, item));
    link->request[item].visible = arrives;
    fly(&link->up, arrives, FLIGHT_DMA)->item = item;
}

/* An unsupported request is answered by a completion without data. */
static void send_reply(struct pcie_link *link, uint64_t now)
{
    const struct reply *reply = ring_head(&link->replies);
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];
    uint32_t wire = PCIE_COMPLETION_OVERHEAD;
    struct flight *f;

    if (reply->ok) {
        wire += pcie_padded(reply->offset, reply->bytes);
        stats->payload_bytes += reply->bytes;
    }
    stats->tlps_completion++;
    stats->wire_completion += wire;
    f = fly(&link->up, transmit(link, UP, now, wire) + link->up_cycles, FLIGHT_MMIO_DONE);
    f->value = reply->value;
    f->tag = reply->tag;
    f->ok = reply->ok;
    ring_pop(&link->replies);
}

static bool start_up(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    uint32_t c;

    if (link->s.free[UP] > now) {
        return false;
    }
    c = choose(link, now, again);
    if (c == NONE) {
        return false;
    }
    link->s.last_client = c;
    if (c == link->clients) {
        send_reply(link, now);
    } else {
        send_request(link, now, c);
    }
    return true;
}

/* ---- down ---------------------------------------------------------------------------------- */

static uint32_t start_completions(struct pcie_link *link, uint32_t item)
{
    const struct pcie_request *request = &link->request[item];
    struct pcie_cost cost = pcie_completion_cost(&link->config, request->address, request->length);
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];

    stats->tlps_completion += cost.tlps;
    stats->wire_completion += cost.wire_bytes;
    stats->payload_bytes += request->length;
    return cost.wire_bytes;
}

static uint32_t start_mmio(struct pcie_link *link, const struct flight *f)
{
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];
    uint32_t wire = pcie_request_overhead(&link->config);

    if (f->kind == FLIGHT_MMIO_WRITE) {
        wire += pcie_padded(f->offset, f->bytes);
        stats->payload_bytes += f->bytes;
        link->s.stats.mmio_writes++;
    } else {
        link->s.stats.mmio_reads++;
    }
    stats->tlps_mmio++;
    stats->wire_mmio += wire;
    return wire;
}

/* Completions and MMIO leave the root complex in the order in which they became ready (at the
 * same time: completions first), so a completion never passes an earlier register write. */
static bool start_down(struct pcie_link *link, uint64_t now)
{
    const struct flight *data = ring_head(&link->memory);
    const struct flight *mmio = ring_head(&link->cpu);
    struct flight f;
    uint32_t wire;

    if (link->s.free[DOWN] > now) {
        return false;
    }
    if (data && (!mmio || data->cycle <= mmio->cycle)) {
        if (!take(&link->memory, now, &f)) {
            return false;
        }
        wire = start_completions(link, f.item);
    } else {
        if (!take(&link->cpu, now, &f)) {
            return false;
        }
        wire = start_mmio(link, &f);
    }
    f.cycle = transmit(link, DOWN, now, wire) + link->down_cycles;
    *(struct flight *)ring_push(&link->down) = f;
    return true;
}

/* ---- arrivals ------------------------------------------------------------------------------ */

static bool arrive_up(struct pcie_link *link, uint64_t now)
{
    struct pcie_request request;
    struct flight f;

    if (!take(&link->up, now, &f)) {
        return false;
    }
    if (f.kind == FLIGHT_MMIO_DONE) {
        link->ops.mmio_done(link->self, now, f.tag, f.value, f.ok);
        return true;
    }
    request = link->request[f.item];
    if (request.op == PCIE_READ) {
        fly(&link->memory, now + link->read_cycles, FLIGHT_DMA)->item = f.item;
    } else {
        let_go(link, f.item, HELD_BY_LINK);
    }
    link->ops.memory(link->self, now, &request);
    return true;
}

/* Requests that the client had pushed before this cycle; those of later are not known to all
 * yet. */
static uint32_t pushed_before(const struct channel *ch, uint64_t now)
{
    uint32_t pushed = (uint32_t)ch->s.pushed;

    for (uint32_t i = ch->s.burst_tail; i != ch->s.burst_head; i--) {
        const struct channel_burst *b = &ch->burst[(i - 1) & (ch->bursts - 1)];

        if (clock_compare(ch->sched->clocks, ch->wdom, b->at.first, ch->rdom, now) < 0) {
            break;
        }
        pushed--;
    }
    return pushed;
}

static void read_register(struct pcie_link *link, uint64_t now, const struct flight *f)
{
    struct reply reply = { .tag = f->tag, .offset = f->offset, .bytes = f->bytes };
    bool ok = true;

    reply.value = link->ops.mmio_read(link->self, now, f->offset, f->bytes, &ok);
    reply.ok = ok;
    if (!ok) {
        reply.value = UINT64_MAX;
    }
    for (unsigned c = 0; c < link->clients; c++) {
        reply.behind[c] = pushed_before(link->request_channel[c], now);
    }
    *(struct reply *)ring_push(&link->replies) = reply;
}

static bool arrive_down(struct pcie_link *link, uint64_t now)
{
    struct flight f;

    if (!take(&link->down, now, &f)) {
        return false;
    }
    if (f.kind == FLIGHT_MMIO_WRITE) {
        link->ops.mmio_write(link->self, now, f.offset, f.bytes, f.value);
    } else if (f.kind == FLIGHT_MMIO_READ) {
        read_register(link, now, &f);
    } else {
        link->s.tags_free += link->slot[f.item].tags;
        link->slot[f.item].tags = 0;
        answer(link, now, f.item);
        let_go(link, f.item, HELD_BY_LINK);
    }
    return true;
}

static bool leave(struct pcie_link *link, uint64_t now)
{
    struct flight f;

    if (!take(&link->answers, now, &f)) {
        return false;
    }
    answer(link, now, f.item);
    return true;
}

/* ---- the block ----------------------------------------------------------------------------- */

static uint64_t head_cycle(const struct ring *ring)
{
    const struct flight *f = ring_head(ring);

    return f ? f->cycle : CLOCK_NEVER;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool anyone_waits(const struct pcie_link *link)
{
    if (ring_used(&link->replies)) {
        return true;
    }
    for (unsigned c = 0; c < link->clients; c++) {
        if (channel_head(link->request_channel[c])) {
            return true;
        }
    }
    return false;
}

/* When the link must look again, as far as it knows; `visible`: the next request, if the up
 * serialiser is free. A read that waits for tags gets them by an arrival. */
static uint64_t next_event(const struct pcie_link *link, uint64_t now, uint64_t visible)
{
    uint64_t next = least(head_cycle(&link->up), head_cycle(&link->down));
    uint64_t down = least(head_cycle(&link->memory), head_cycle(&link->cpu));

    next = least(next, head_cycle(&link->answers));
    if (down != CLOCK_NEVER) {
        next = least(next, down > link->s.free[DOWN] ? down : link->s.free[DOWN]);
    }
    if (link->s.free[UP] <= now) {
        return least(next, visible);
    }
    return anyone_waits(link) ? least(next, link->s.free[UP]) : next;
}

static void link_wake(void *self, uint64_t now)
{
    struct pcie_link *link = self;
    struct account_reason idle = { .state = ACCOUNT_STARVED };
    uint64_t visible;
    uint64_t next;
    bool progress;

    do {
        visible = CLOCK_NEVER;
        progress = leave(link, now);
        progress |= arrive_up(link, now);
        progress |= start_down(link, now);
        progress |= arrive_down(link, now);
        progress |= start_up(link, now, &visible);
    } while (progress);
    account_idle(&link->account[DOWN], now, idle);
    if (link->s.free[UP] <= now && link->s.read_client != NONE) {
        idle = (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)link->block };
    }
    account_idle(&link->account[UP], now, idle);
    next = next_event(link, now, visible);
    if (next != CLOCK_NEVER) {
        sched_wake(link->sched, link->block, next);
    }
}

/* Kept in order of cycles; nearly always it is the latest. */
static void issue(struct pcie_link *link, const struct flight *f)
{
    uint32_t at;

    ring_push(&link->cpu);
    at = ring_used(&link->cpu) - 1;
    while (at > 0 && ((struct flight *)ring_at(&link->cpu, at - 1))->cycle > f->cycle) {
        *(struct flight *)ring_at(&link->cpu, at) = *(struct flight *)ring_at(&link->cpu, at - 1);
        at--;
    }
    *(struct flight *)ring_at(&link->cpu, at) = *f;
    sched_wake(link->sched, link->block, f->cycle);
}

void pcie_mmio_write(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                     uint64_t value)
{
    const struct flight f = { .cycle = cycle,
                              .kind = FLIGHT_MMIO_WRITE,
                              .offset = offset,
                              .bytes = (uint16_t)bytes,
                              .value = value };

    issue(link, &f);
}

void pcie_mmio_read(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                    uint64_t tag)
{
    const struct flight f = { .cycle = cycle,
                              .kind = FLIGHT_MMIO_READ,
                              .offset = offset,
                              .bytes = (uint16_t)bytes,
                              .tag = tag };

    issue(link, &f);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct pcie_link *pcie_link_create(struct sched *sched, unsigned domain,
                                   const struct pcie_config *config, const struct pcie_ops *ops,
                                   void *self)
{
    struct pcie_link *link = grown(NULL, 0, 1, sizeof *link);
    struct ring *ring[] = { &link->answers, &link->up, &link->memory, &link->cpu, &link->down };

    link->sched = sched;
    link->domain = domain;
    link->config = *config;
    link->ops = *ops;
    link->self = self;
    link->block = sched_add_block(sched, "pcie", domain, link_wake, link);
    if (!config->ideal) {
        link->up_cycles = clock_cycles_from_ps(sched->clocks, domain, config->up_ps);
        link->down_cycles = clock_cycles_from_ps(sched->clocks, domain, config->down_ps);
        link->read_cycles = clock_cycles_from_ps(sched->clocks, domain, config->read_ps);
    }
    link->s.tags_free = config->tags;
    link->s.read_client = NONE;
    link->s.free_request = NONE;
    grow_pool(link, FIRST_REQUESTS);
    for (size_t i = 0; i < sizeof ring / sizeof ring[0]; i++) {
        ring_init(ring[i], sizeof(struct flight));
    }
    ring_init(&link->replies, sizeof(struct reply));
    for (unsigned d = UP; d <= DOWN; d++) {
        link->account[d].idle.state = ACCOUNT_STARVED;
        link->account[d].before.state = ACCOUNT_STARVED;
        link->account[d].by_cause[0] = link->by_cause[0];
        link->account[d].by_cause[1] = link->by_cause[1];
    }
    account_publish(sched, link->block, &link->account[UP], sizeof link->account[UP], 2);
    return link;
}

void pcie_link_destroy(struct pcie_link *link)
{
    if (!link) {
        return;
    }
    ring_free(&link->answers);
    ring_free(&link->up);
    ring_free(&link->memory);
    ring_free(&link->cpu);
    ring_free(&link->down);
    ring_free(&link->replies);
    free(link->request);
    free(link->slot);
    free(link);
}

void pcie_link_register_state(struct pcie_link *link, struct snapshot *snap)
{
    snapshot_fixed(snap, "pcie.state", &link->s, sizeof link->s);
    /* by_cause of an account points to counters of the link: not part of its region */
    snapshot_fixed(snap, "pcie.account.up", &link->account[UP], offsetof(struct account, by_cause));
    snapshot_fixed(snap, "pcie.account.down", &link->account[DOWN],
                   offsetof(struct account, by_cause));
    snapshot_fixed(snap, "pcie.by_cause", link->by_cause, sizeof link->by_cause);
    snapshot_array(snap, "pcie.request", &link->request, sizeof *link->request, &link->requests);
    snapshot_array(snap, "pcie.slot", &link->slot, sizeof *link->slot, &link->slots);
    ring_register_state(&link->answers, snap, "pcie.answers");
    ring_register_state(&link->up, snap, "pcie.up");
    ring_register_state(&link->memory, snap, "pcie.memory");
    ring_register_state(&link->cpu, snap, "pcie.cpu");
    ring_register_state(&link->down, snap, "pcie.down");
    ring_register_state(&link->replies, snap, "pcie.replies");
}

unsigned pcie_link_block(const struct pcie_link *link)
{
    return link->block;
}

unsigned pcie_link_attach(struct pcie_link *link, struct channel *request, struct channel *response)
{
    assert(link->clients < PCIE_MAX_CLIENTS);
    assert(request->config.reader == link->block);
    assert(!response || (response->config.writer == link->block && response->config.unlimited));
    link->request_channel[link->clients] = request;
    link->response_channel[link->clients] = response;
    link->s.last_client = link->clients + 1; /* the first turn is client 0's */
    return link->clients++;
}

struct pcie_stats *pcie_link_stats(struct pcie_link *link)
{
    return &link->s.stats;
}

const struct account *pcie_link_account(const struct pcie_link *link, unsigned direction)
{
    return &link->account[direction];
}

void pcie_link_settle(struct pcie_link *link, uint64_t cycle)
{
    for (unsigned d = UP; d <= DOWN; d++) {
        struct pcie_direction_stats *stats = &link->s.stats.dir[d];

        account_settle(&link->account[d], cycle);
        stats->busy_cycles = link->account[d].total[ACCOUNT_BUSY];
        stats->utilisation = cycle ? (double)stats->busy_cycles / (double)cycle : 0;
    }
    if (link->s.read_client != NONE && cycle > link->s.tag_since) {
        link->s.stats.tag_stall_cycles += cycle - link->s.tag_since;
        link->s.tag_since = cycle;
    }
}

bool pcie_link_idle(const struct pcie_link *link)
{
    return !ring_used(&link->answers) && !ring_used(&link->up) && !ring_used(&link->memory) &&
           !ring_used(&link->cpu) && !ring_used(&link->down) && !anyone_waits(link);
}
