/* The link as one block: two serialisers and what is in flight between them.
 *
 *   clients -> [up serialiser] -> up -> host -> memory -> [down serialiser] -> down -> clients
 *   registers' completions --^     '-> CPU      CPU -> cpu --^                  '-> registers
 *
 * Every latency is a constant of the configuration, so what is in flight stays in order and a
 * FIFO with the cycle of arrival in each element replaces a sorted queue; the cost of a request
 * is O(1). Each FIFO knows the cycle of its first element, so a wake sees what is due without
 * looking into them. */
#include "pcie_model/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pcie_model/requests.h"
#include "pcie_model/ring.h"

enum { UP, DOWN };

enum { NONE = UINT32_MAX };

enum flight_kind { FLIGHT_DMA, FLIGHT_MMIO_WRITE, FLIGHT_MMIO_READ, FLIGHT_MMIO_DONE, FLIGHT_TAGS };

/* Something that happens at `cycle`. */
struct flight {
    uint64_t cycle;
    uint64_t value, tag; /* MMIO */
    uint32_t kind;       /* enum flight_kind */
    uint32_t item;       /* DMA: the request; tags: how many */
    uint32_t offset;     /* MMIO */
    uint16_t bytes, ok;  /* MMIO */
};

/* In order of their cycles. */
struct flights {
    struct ring ring;
    uint64_t next; /* cycle of the first, CLOCK_NEVER if there is none */
};

/* The completion of a register read that waits for the up serialiser. */
struct reply {
    uint64_t value, tag;
    uint32_t offset;
    uint16_t bytes, ok;
    uint32_t behind[PCIE_MAX_CLIENTS]; /* requests that each client must have got rid of before */
};

struct client_state {
    uint64_t visible;       /* if it offers a request: when that may be taken */
    uint64_t response_free; /* first cycle in which the response channel can take a beat */
};

struct link_state {
    uint64_t free[2];     /* serialisers: first cycle in which the next TLP may start */
    uint64_t tag_since;   /* read_client waits since */
    uint32_t tags_free;   /* without those in `tags` */
    uint32_t read_client; /* the only client that may read: it waits for tags; else NONE */
    uint32_t last_client; /* granted last; clients: a register read's completion */
    uint32_t
        offers; /* bit c: client c has a request in its channel; bit `clients`: a reply is there */
    struct client_state client[PCIE_MAX_CLIENTS];
    struct pcie_stats stats;
};

struct client {
    struct channel *request, *response;
    enum pcie_answers answers;
};

struct pcie_link {
    struct sched *sched;
    unsigned block, domain;
    struct pcie_config config;
    struct pcie_ops ops;
    void *self;
    uint64_t up_cycles, down_cycles, read_cycles;
    uint64_t least_down; /* from the start of anything on its way down to its arrival, at least */
    unsigned clients;
    struct client client[PCIE_MAX_CLIENTS];
    struct link_state s;
    struct account account[2];
    uint64_t by_cause[2][SCHED_MAX_BLOCKS];
    struct requests requests;
    struct flights up;     /* to host memory and CPU */
    struct flights memory; /* reads at the memory: their data is ready */
    struct flights cpu;    /* MMIO that the CPU has issued */
    struct flights down;   /* to the card, where they make the link do something */
    struct flights tags;   /* that come back: looked at when there are too few */
    struct flights left;   /* writes that leave and could not be answered when they started */
    struct ring replies;   /* struct reply */
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- what is in flight ----------------------------------------------------------------------- */

/* Add one: the last to come. */
static void fly(struct flights *flights, struct flight f)
{
    *(struct flight *)ring_push(&flights->ring) = f;
    flights->next = earlier(flights->next, f.cycle);
}

static void fly_dma(struct flights *flights, uint64_t cycle, uint32_t item)
{
    fly(flights, (struct flight){ .cycle = cycle, .kind = FLIGHT_DMA, .item = item });
}

/* Take the first one; there must be one. */
static struct flight land(struct flights *flights)
{
    struct flight first = *(const struct flight *)ring_head(&flights->ring);
    const struct flight *second;

    ring_pop(&flights->ring);
    second = ring_head(&flights->ring);
    flights->next = second ? second->cycle : CLOCK_NEVER;
    return first;
}

static void flights_init(struct flights *flights)
{
    ring_init(&flights->ring, sizeof(struct flight));
    flights->next = CLOCK_NEVER;
}

static void flights_register_state(struct flights *flights, struct snapshot *snap, const char *name)
{
    ring_register_state(&flights->ring, snap, name);
    snapshot_fixed(snap, name, &flights->next, sizeof flights->next);
}

/* ---- requests and answers -------------------------------------------------------------------- */

struct pcie_request *pcie_request_at(struct pcie_link *link, uint32_t index)
{
    return &link->requests.request[index];
}

void pcie_request_release(struct pcie_link *link, uint32_t index)
{
    requests_let_go(&link->requests, index, HELD_BY_CLIENT);
}

uint32_t pcie_request_live(const struct pcie_link *link)
{
    return link->requests.s.live;
}

/* The client's channel has a new head, or none any more. */
static void look_at_head(struct pcie_link *link, unsigned client)
{
    const struct channel *ch = link->client[client].request;
    const struct channel_burst *head = channel_head(ch);

    if (head) {
        link->s.offers |= 1u << client;
        link->s.client[client].visible =
            later(channel_visible(ch, head->at.first), ch->s.read_free);
    } else {
        link->s.offers &= ~(1u << client);
    }
}

/* Does the client ask for no answer of a kind that it has not announced? */
static bool as_announced(const struct client *client, const struct pcie_request *request)
{
    return request->op == PCIE_READ ? (client->answers & PCIE_ANSWERS_READS) != 0
                                    : !request->answer || client->answers & PCIE_ANSWERS_WRITES;
}

uint32_t pcie_request_push(struct pcie_link *link, uint64_t cycle,
                           const struct pcie_request *request)
{
    const struct channel_run run = { .first = cycle, .beats = 1, .step = 1 };
    const struct client *client = &link->client[request->client];
    uint32_t item = requests_take(&link->requests, request);

    assert(as_announced(client, request));
    link->requests.slot[item].up =
        request->op == PCIE_READ
            ? pcie_read_cost(&link->config, request->address, request->length)
            : pcie_write_cost(&link->config, request->address, request->length);
    client->request->gate->floor = link->s.free[UP]; /* it cannot start before */
    channel_reserve(client->request, 1);
    channel_push(client->request, &run, item, CHANNEL_FIRST | CHANNEL_LAST);
    if (!(link->s.offers & 1u << request->client)) {
        look_at_head(link, request->client);
    }
    return item;
}

/* Push the client's answer: in this cycle, which may lie ahead, or after the one before it. */
static void answer(struct pcie_link *link, uint64_t cycle, uint32_t item)
{
    unsigned client = link->requests.request[item].client;
    struct client_state *state = &link->s.client[client];
    const struct channel_run run = { .first = later(cycle, state->response_free),
                                     .beats = 1,
                                     .step = 1 };

    assert(link->client[client].response);
    state->response_free = run.first + 1;
    channel_push(link->client[client].response, &run, item, CHANNEL_FIRST | CHANNEL_LAST);
}

/* ---- serialisers --------------------------------------------------------------------------- */

/* Put `wire` bytes of TLPs on the wire from cycle `start`; returns the cycle when the last has
 * left. */
static uint64_t transmit(struct pcie_link *link, unsigned direction, uint64_t start, uint32_t wire)
{
    struct account *account = &link->account[direction];
    const struct account_run run = { .first = start,
                                     .beats = 1,
                                     .step = wire,
                                     .busy = wire,
                                     .after = { .state = ACCOUNT_STARVED } };

    link->s.stats.dir[direction].wire_bytes += wire;
    if (link->config.ideal) {
        return start;
    }
    account_settle(account, start);
    account_add(account, &run);
    link->s.free[direction] = start + wire;
    return start + wire;
}

/* ---- up: arbitration ----------------------------------------------------------------------- */

static uint32_t tags_needed(const struct pcie_link *link, uint32_t item)
{
    return (uint32_t)earlier(link->requests.slot[item].up.tlps, link->config.tags);
}

static bool enough_tags(struct pcie_link *link, uint64_t now, uint32_t needed)
{
    while (link->s.tags_free < needed && link->tags.next <= now) {
        link->s.tags_free += land(&link->tags).item;
    }
    return link->s.tags_free >= needed;
}

/* May this read go? If it lacks tags no other read may overtake it, or a large one would starve;
 * writes may, as posted requests must be able to pass non-posted ones (2.4.1). */
static bool read_may_go(struct pcie_link *link, uint32_t client, uint64_t now, uint32_t item)
{
    if (link->config.ideal) {
        return true;
    }
    if (link->s.read_client != NONE && link->s.read_client != client) {
        return false;
    }
    if (enough_tags(link, now, tags_needed(link, item))) {
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

    for (unsigned c = 0; c < link->clients; c++) {
        if ((int32_t)((uint32_t)link->client[c].request->s.popped - reply->behind[c]) < 0) {
            return false;
        }
    }
    return true;
}

/* May what client c offers go now? If it only is not visible yet, *again is lowered to when it is. */
static bool may_go(struct pcie_link *link, uint32_t c, uint64_t now, uint64_t *again)
{
    uint32_t item;

    if (c == link->clients) {
        return reply_may_go(link);
    }
    if (link->s.client[c].visible > now) {
        *again = earlier(*again, link->s.client[c].visible);
        return false;
    }
    item = channel_head(link->client[c].request)->item;
    return link->requests.request[item].op != PCIE_READ || read_may_go(link, c, now, item);
}

/* The next in turn that can go now: a client, or link->clients for a reply; NONE, and then
 * *again is lowered to the cycle when something becomes visible. */
static uint32_t choose(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    uint32_t offers = link->s.offers;

    while (offers) {
        uint32_t behind_last = offers & ~0u << (link->s.last_client + 1);
        uint32_t c = (uint32_t)__builtin_ctz(behind_last ? behind_last : offers);

        if (may_go(link, c, now, again)) {
            return c;
        }
        offers &= ~(1u << c);
    }
    return NONE;
}

/* ---- up: sending --------------------------------------------------------------------------- */

static uint64_t send_read(struct pcie_link *link, uint64_t now, uint32_t item)
{
    struct request_slot *slot = &link->requests.slot[item];
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];

    if (!link->config.ideal) {
        if (link->s.read_client != NONE) {
            link->s.stats.tag_stall_cycles += now - link->s.tag_since;
            link->s.read_client = NONE;
        }
        slot->tags = tags_needed(link, item);
        link->s.tags_free -= slot->tags;
    }
    link->s.stats.reads++;
    stats->tlps_read += slot->up.tlps;
    stats->wire_read += slot->up.wire_bytes;
    return transmit(link, UP, now, slot->up.wire_bytes);
}

/* It is known already when the last byte leaves, so the answer is pushed ahead; unless one of a read
 * could still come before it. */
static uint64_t send_write(struct pcie_link *link, uint64_t now, uint32_t item)
{
    const struct pcie_request *request = &link->requests.request[item];
    struct pcie_cost cost = link->requests.slot[item].up;
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
    if (!request->answer) {
        requests_let_go(&link->requests, item, HELD_BY_CLIENT);
    } else if (link->client[request->client].answers == PCIE_ANSWERS_BOTH) {
        fly_dma(&link->left, left, item);
    } else {
        answer(link, left, item);
    }
    return left;
}

static void send_request(struct pcie_link *link, uint64_t now, unsigned client)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    struct channel *ch = link->client[client].request;
    uint32_t item = channel_head(ch)->item;
    struct pcie_request *request = &link->requests.request[item];
    uint64_t left;

    assert(link->requests.slot[item].held == HELD_BY_CLIENT && request->client == client);
    channel_pop(ch, &run);
    look_at_head(link, client);
    link->requests.slot[item].held |= HELD_BY_LINK;
    left = request->op == PCIE_READ ? send_read(link, now, item) : send_write(link, now, item);
    request->visible = left + link->up_cycles;
    fly_dma(&link->up, request->visible, item);
}

/* An unsupported request is answered by a completion without data. */
static void send_reply(struct pcie_link *link, uint64_t now)
{
    const struct reply *reply = ring_head(&link->replies);
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];
    uint32_t wire = PCIE_COMPLETION_OVERHEAD;
    struct flight f = {
        .kind = FLIGHT_MMIO_DONE, .value = reply->value, .tag = reply->tag, .ok = reply->ok
    };

    if (reply->ok) {
        wire += pcie_padded(reply->offset, reply->bytes);
        stats->payload_bytes += reply->bytes;
    }
    stats->tlps_completion++;
    stats->wire_completion += wire;
    f.cycle = transmit(link, UP, now, wire) + link->up_cycles;
    fly(&link->up, f);
    ring_pop(&link->replies);
    if (!ring_used(&link->replies)) {
        link->s.offers &= ~(1u << link->clients);
    }
}

/* Start what is next in turn. If nothing can go, *again is lowered to when something becomes visible. */
static bool start_up(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    uint32_t c;

    if (!link->s.offers || link->s.free[UP] > now) {
        return false;
    }
    c = choose(link, now, again);
    if (c != NONE) {
        link->s.last_client = c;
        if (c == link->clients) {
            send_reply(link, now);
        } else {
            send_request(link, now, c);
        }
    } else if (link->s.read_client != NONE) {
        account_idle(
            &link->account[UP], now,
            (struct account_reason){ .state = ACCOUNT_WAITING, .cause = (uint8_t)link->block });
    }
    return c != NONE;
}

/* When the up serialiser has to be looked at again; `visible`: of what may go when it is. */
static uint64_t next_up(const struct pcie_link *link, uint64_t now, uint64_t visible)
{
    if (!link->s.offers) {
        return CLOCK_NEVER;
    }
    if (link->s.free[UP] > now) {
        return link->s.free[UP];
    }
    return link->s.read_client == NONE ? visible : earlier(visible, link->tags.next);
}

/* ---- down ---------------------------------------------------------------------------------- */

/* Completions and MMIO leave the root complex in the order in which they became ready (at the
 * same time: completions first), so a completion never passes an earlier register write. */
static struct flights *first_down(struct pcie_link *link)
{
    return link->memory.next <= link->cpu.next ? &link->memory : &link->cpu;
}

/* When the next of them starts, as far as is known: certain from the cycle on in which it is ready. */
static uint64_t down_starts(struct pcie_link *link)
{
    return later(first_down(link)->next, link->s.free[DOWN]);
}

/* When it has to be started at the latest: before anyone can see anything of it. */
static uint64_t down_must_start(struct pcie_link *link)
{
    uint64_t start = down_starts(link);

    return start == CLOCK_NEVER ? CLOCK_NEVER : start + link->least_down;
}

static void start_completions(struct pcie_link *link, uint64_t start, uint32_t item)
{
    const struct pcie_request *request = &link->requests.request[item];
    struct request_slot *slot = &link->requests.slot[item];
    struct pcie_cost cost = pcie_completion_cost(&link->config, request->address, request->length);
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];
    uint64_t arrives = transmit(link, DOWN, start, cost.wire_bytes) + link->down_cycles;

    stats->tlps_completion += cost.tlps;
    stats->wire_completion += cost.wire_bytes;
    stats->payload_bytes += request->length;
    if (slot->tags) {
        fly(&link->tags,
            (struct flight){ .cycle = arrives, .kind = FLIGHT_TAGS, .item = slot->tags });
    }
    if (link->client[request->client].answers == PCIE_ANSWERS_BOTH) {
        fly_dma(&link->down, arrives, item);
    } else {
        answer(link, arrives, item);
        requests_let_go(&link->requests, item, HELD_BY_LINK);
    }
}

static void start_mmio(struct pcie_link *link, uint64_t start, struct flight mmio)
{
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];
    uint32_t wire = pcie_request_overhead(&link->config);

    if (mmio.kind == FLIGHT_MMIO_WRITE) {
        wire += pcie_padded(mmio.offset, mmio.bytes);
        stats->payload_bytes += mmio.bytes;
        link->s.stats.mmio_writes++;
    } else {
        link->s.stats.mmio_reads++;
    }
    stats->tlps_mmio++;
    stats->wire_mmio += wire;
    mmio.cycle = transmit(link, DOWN, start, wire) + link->down_cycles;
    fly(&link->down, mmio);
}

/* Start what was to start by `now`. */
static bool start_down(struct pcie_link *link, uint64_t now)
{
    uint64_t start = down_starts(link);
    struct flight f;

    if (start > now) {
        return false;
    }
    f = land(first_down(link));
    if (f.kind == FLIGHT_DMA) {
        start_completions(link, start, f.item);
    } else {
        start_mmio(link, start, f);
    }
    return true;
}

/* ---- arrivals ------------------------------------------------------------------------------ */

static bool arrive_up(struct pcie_link *link, uint64_t now)
{
    struct pcie_request request;
    struct flight f;

    if (link->up.next > now) {
        return false;
    }
    f = land(&link->up);
    if (f.kind == FLIGHT_MMIO_DONE) {
        link->ops.mmio_done(link->self, now, f.tag, f.value, f.ok);
        return true;
    }
    request = link->requests.request[f.item];
    if (request.op == PCIE_READ) {
        fly_dma(&link->memory, now + link->read_cycles, f.item);
    } else {
        requests_let_go(&link->requests, f.item, HELD_BY_LINK);
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
        reply.behind[c] = pushed_before(link->client[c].request, now);
    }
    *(struct reply *)ring_push(&link->replies) = reply;
    link->s.offers |= 1u << link->clients;
}

static bool arrive_down(struct pcie_link *link, uint64_t now)
{
    struct flight f;

    if (link->down.next > now) {
        return false;
    }
    f = land(&link->down);
    if (f.kind == FLIGHT_MMIO_WRITE) {
        link->ops.mmio_write(link->self, now, f.offset, f.bytes, f.value);
    } else if (f.kind == FLIGHT_MMIO_READ) {
        read_register(link, now, &f);
    } else {
        answer(link, now, f.item);
        requests_let_go(&link->requests, f.item, HELD_BY_LINK);
    }
    return true;
}

static bool leave(struct pcie_link *link, uint64_t now)
{
    if (link->left.next > now) {
        return false;
    }
    answer(link, now, land(&link->left).item);
    return true;
}

/* ---- the block ----------------------------------------------------------------------------- */

static void link_wake(void *self, uint64_t now)
{
    struct pcie_link *link = self;
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
    next = earlier(link->left.next, link->up.next);
    next = earlier(next, link->down.next);
    next = earlier(next, down_must_start(link));
    next = earlier(next, next_up(link, now, visible));
    if (next != CLOCK_NEVER) {
        sched_wake(link->sched, link->block, next);
    }
}

/* Kept in order of cycles; nearly always it is the latest. */
static void issue(struct pcie_link *link, const struct flight *f)
{
    struct ring *ring = &link->cpu.ring;
    uint32_t at;

    ring_push(ring);
    at = ring_used(ring) - 1;
    while (at > 0 && ((struct flight *)ring_at(ring, at - 1))->cycle > f->cycle) {
        *(struct flight *)ring_at(ring, at) = *(struct flight *)ring_at(ring, at - 1);
        at--;
    }
    *(struct flight *)ring_at(ring, at) = *f;
    link->cpu.next = earlier(link->cpu.next, f->cycle);
    sched_wake(link->sched, link->block, down_must_start(link));
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

enum { QUEUES = 6 };

struct named_flights {
    const char *name;
    struct flights *flights;
};

static void all_flights(struct pcie_link *link, struct named_flights all[QUEUES])
{
    const struct named_flights list[QUEUES] = {
        { "pcie.up", &link->up },     { "pcie.memory", &link->memory },
        { "pcie.cpu", &link->cpu },   { "pcie.down", &link->down },
        { "pcie.tags", &link->tags }, { "pcie.left", &link->left },
    };

    memcpy(all, list, sizeof list);
}

static void init_accounts(struct pcie_link *link)
{
    for (unsigned d = UP; d <= DOWN; d++) {
        link->account[d].idle.state = ACCOUNT_STARVED;
        link->account[d].before.state = ACCOUNT_STARVED;
        link->account[d].by_cause[0] = link->by_cause[0];
        link->account[d].by_cause[1] = link->by_cause[1];
    }
    account_publish(link->sched, link->block, &link->account[UP], sizeof link->account[UP], 2);
}

struct pcie_link *pcie_link_create(struct sched *sched, unsigned domain,
                                   const struct pcie_config *config, const struct pcie_ops *ops,
                                   void *self)
{
    struct pcie_link *link = calloc(1, sizeof *link);
    struct named_flights all[QUEUES];

    if (!link) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
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
        link->least_down = link->down_cycles + PCIE_COMPLETION_OVERHEAD; /* no TLP is shorter */
    }
    link->s.tags_free = config->tags;
    link->s.read_client = NONE;
    requests_init(&link->requests);
    all_flights(link, all);
    for (unsigned i = 0; i < QUEUES; i++) {
        flights_init(all[i].flights);
    }
    ring_init(&link->replies, sizeof(struct reply));
    init_accounts(link);
    return link;
}

void pcie_link_destroy(struct pcie_link *link)
{
    struct named_flights all[QUEUES];

    if (!link) {
        return;
    }
    all_flights(link, all);
    for (unsigned i = 0; i < QUEUES; i++) {
        ring_free(&all[i].flights->ring);
    }
    ring_free(&link->replies);
    requests_free(&link->requests);
    free(link);
}

void pcie_link_register_state(struct pcie_link *link, struct snapshot *snap)
{
    struct named_flights all[QUEUES];

    snapshot_fixed(snap, "pcie.state", &link->s, sizeof link->s);
    /* by_cause of an account points to counters of the link: not part of its region */
    snapshot_fixed(snap, "pcie.account.up", &link->account[UP], offsetof(struct account, by_cause));
    snapshot_fixed(snap, "pcie.account.down", &link->account[DOWN],
                   offsetof(struct account, by_cause));
    snapshot_fixed(snap, "pcie.by_cause", link->by_cause, sizeof link->by_cause);
    requests_register_state(&link->requests, snap);
    all_flights(link, all);
    for (unsigned i = 0; i < QUEUES; i++) {
        flights_register_state(all[i].flights, snap, all[i].name);
    }
    ring_register_state(&link->replies, snap, "pcie.replies");
}

unsigned pcie_link_block(const struct pcie_link *link)
{
    return link->block;
}

unsigned pcie_link_attach(struct pcie_link *link, struct channel *request, struct channel *response,
                          enum pcie_answers answers)
{
    assert(link->clients < PCIE_MAX_CLIENTS);
    assert(request->config.reader == link->block);
    assert(!response || (response->config.writer == link->block && response->config.unlimited));
    link->client[link->clients] = (struct client){ request, response, answers };
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
    while (start_down(link, cycle)) {}
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
    return !link->s.offers && link->left.next == CLOCK_NEVER && link->up.next == CLOCK_NEVER &&
           link->memory.next == CLOCK_NEVER && link->cpu.next == CLOCK_NEVER &&
           link->down.next == CLOCK_NEVER;
}
