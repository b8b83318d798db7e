/* The link as one block: what wakes it, what happens when. */
#include "pcie_model/link.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "pcie_model/link_inside.h"

/* ---- what is in flight ----------------------------------------------------------------------- */

void flights_init(struct flights *flights)
{
    ring_init(&flights->ring, sizeof(struct flight));
    flights->next = CLOCK_NEVER;
}

void flights_add(struct flights *flights, uint64_t cycle, const struct tlp *tlp)
{
    struct flight *place;
    uint32_t at;

    fly(flights, cycle, tlp);
    at = ring_used(&flights->ring) - 1;
    place = ring_at(&flights->ring, at);
    for (; at > 0 && ((struct flight *)ring_at(&flights->ring, at - 1))->cycle > cycle; at--) {
        *place = *(struct flight *)ring_at(&flights->ring, at - 1);
        place = ring_at(&flights->ring, at - 1);
    }
    *place = (struct flight){ .cycle = cycle, .tlp = *tlp };
}

void flights_register_state(struct flights *flights, struct snapshot *snap, const char *name)
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

uint32_t pcie_request_push(struct pcie_link *link, uint64_t cycle,
                           const struct pcie_request *request)
{
    const struct channel_run run = { .first = cycle, .beats = 1, .step = 1 };
    const struct client *client = &link->client[request->client];
    uint32_t item = requests_take(&link->requests, request);

    assert(request->length >= 1 && request->id < PCIE_IDS);
    assert(request->op == PCIE_READ || client->answers != PCIE_ANSWERS_ORDERED);
    assert(
        !(request->op == PCIE_READ || request->answer) ||
        (client->answers & (request->op == PCIE_READ ? PCIE_ANSWERS_READS : PCIE_ANSWERS_WRITES)));
    client->request->gate->floor = link->wires.wire[UP].s.free; /* it cannot start before */
    channel_reserve(client->request, 1);
    channel_push(client->request, &run, item, CHANNEL_FIRST | CHANNEL_LAST);
    if (!(link->s.offers & 1u << request->client)) {
        device_look_at_head(link, request->client);
    }
    return item;
}

void link_answer(struct pcie_link *link, uint64_t cycle, uint32_t item)
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

/* ---- sending --------------------------------------------------------------------------------- */

static void count_wire(struct pcie_direction_stats *stats, const struct tlp *tlp, bool again)
{
    stats->wire_bytes += tlp->wire;
    if (again) {
        stats->wire_replay += tlp->wire;
        return;
    }
    switch ((enum tlp_kind)tlp->kind) {
    case TLP_WRITE: stats->wire_write += tlp->wire; break;
    case TLP_READ: stats->wire_read += tlp->wire; break;
    case TLP_REPLY:
    case TLP_COMPLETION: stats->wire_completion += tlp->wire; break;
    default: stats->wire_mmio += tlp->wire; break;
    }
}

static void received(struct pcie_link *link, unsigned direction, const struct tlp *tlp,
                     uint64_t arrives)
{
    if (direction == UP) {
        root_receive(link, tlp, arrives);
    } else {
        device_receive(link, tlp, arrives);
    }
}

/* What has been acknowledged is kept no longer. */
static void hear(struct pcie_link *link, unsigned direction, uint64_t t)
{
    struct ring *kept = &link->kept[direction];

    wire_hear(&link->wires, direction, t);
    while (ring_used(kept) > wire_kept(&link->wires, direction)) {
        ring_pop(kept);
    }
}

uint64_t link_send(struct pcie_link *link, unsigned direction, uint64_t start,
                   const struct tlp *tlp, bool again)
{
    struct wire_sent sent;

    if (link->wires.guarded && !again) {
        hear(link, direction, start);
        *(struct tlp *)ring_push(&link->kept[direction]) = *tlp;
    }
    sent = wire_send(&link->wires, direction, start, tlp->wire, again);
    count_wire(&link->s.stats.dir[direction], tlp, again);
    if (!link->config.ideal) {
        account_pass(&link->account[direction], start, 1, tlp->wire, 0);
    }
    if (sent.good) {
        received(link, direction, tlp, sent.arrives);
    }
    return sent.left;
}

bool link_repeat(struct pcie_link *link, unsigned direction, uint64_t t)
{
    const struct wire_state *s = &link->wires.wire[direction].s;
    struct tlp tlp;

    hear(link, direction, t);
    if (!wire_repeats(&link->wires, direction)) {
        return false; /* all has been acknowledged meanwhile */
    }
    tlp = *(const struct tlp *)ring_at(&link->kept[direction], s->next - s->acked);
    link_send(link, direction, t, &tlp, true);
    return true;
}

/* ---- the block ------------------------------------------------------------------------------- */

static void arrive_down(struct pcie_link *link, uint64_t now)
{
    struct tlp tlp = land(&link->down);

    if (tlp.kind == TLP_MMIO_WRITE) {
        link->ops.mmio_write(link->self, now, tlp.item, tlp.bytes, tlp.address);
    } else if (tlp.kind == TLP_MMIO_READ) {
        device_read_register(link, now, &tlp);
    } else {
        device_take_bytes(link, &tlp, now);
    }
}

/* What arrives or is answered at `now`. */
static bool settle_due(struct pcie_link *link, uint64_t now)
{
    bool progress = false;

    while (link->left.next <= now) { /* all of them, before the answers of reads */
        link_answer(link, now, land(&link->left).item);
        progress = true;
    }
    if (link->up.next <= now) {
        root_arrival(link, now);
        progress = true;
    }
    if (link->s.expires <= now) {
        device_time_out(link, now);
        progress = true;
    }
    if (link->down.next <= now) {
        arrive_down(link, now);
        progress = true;
    }
    return progress;
}

/* A transmitter begins to repeat, or the link is retrained: what starts before is to be settled before. */
static bool replay(struct pcie_link *link, uint64_t now)
{
    if (wires_next_replay(&link->wires) > now) {
        return false;
    }
    while (now > 0 && root_starts(link) < now && root_start(link, now - 1)) {}
    wires_replay(&link->wires, now);
    return true;
}

static void link_wake(void *self, uint64_t now)
{
    struct pcie_link *link = self;
    uint64_t again;
    uint64_t next;
    bool progress;

    do {
        again = CLOCK_NEVER;
        progress = settle_due(link, now);
        if (!progress && link->wires.guarded) {
            progress = replay(link, now);
        }
        /* who asks about a wire wants all that came before to have happened, on both wires */
        if (!progress && root_starts(link) <= now) {
            progress = root_start(link, now);
        }
        if (!progress && device_wants(link)) {
            progress = device_start(link, now, &again);
        }
    } while (progress);
    next = earlier(earlier(link->left.next, link->up.next), link->down.next);
    next = earlier(earlier(next, root_must_start(link)), earlier(again, link->s.expires));
    if (link->wires.guarded) {
        next = earlier(next, wires_next_replay(&link->wires));
    }
    if (next != CLOCK_NEVER) {
        sched_wake(link->sched, link->block, later(next, now + 1));
    }
}

/* ---- register accesses ----------------------------------------------------------------------- */

static void issue(struct pcie_link *link, uint64_t cycle, const struct tlp *tlp)
{
    flights_add(&link->cpu, cycle, tlp);
    sched_wake(link->sched, link->block, root_must_start(link));
}

void pcie_mmio_write(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                     uint64_t value)
{
    const struct tlp tlp = { .kind = TLP_MMIO_WRITE,
                             .last = 1,
                             .item = offset,
                             .bytes = (uint8_t)bytes,
                             .address = value,
                             .wire = pcie_register_overhead(&link->config) +
                                     pcie_padded(offset, bytes) };

    issue(link, cycle, &tlp);
}

void pcie_mmio_read(struct pcie_link *link, uint64_t cycle, uint32_t offset, uint32_t bytes,
                    uint64_t tag)
{
    const struct tlp tlp = { .kind = TLP_MMIO_READ,
                             .last = 1,
                             .item = offset,
                             .bytes = (uint8_t)bytes,
                             .tag = tag,
                             .wire = pcie_register_overhead(&link->config) };

    issue(link, cycle, &tlp);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum { QUEUES = 4 };

struct named_flights {
    const char *name;
    struct flights *flights;
};

static void all_flights(struct pcie_link *link, struct named_flights all[QUEUES])
{
    const struct named_flights list[QUEUES] = {
        { "pcie.up", &link->up },
        { "pcie.cpu", &link->cpu },
        { "pcie.down", &link->down },
        { "pcie.left", &link->left },
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

static void init_state(struct pcie_link *link)
{
    const struct pcie_config *c = &link->config;

    link->s.stall = PCIE_STALLS;
    link->s.tags_free = c->tags;
    link->s.space = (struct units){ c->space_headers, c->space_data };
    link->s.expires = CLOCK_NEVER;
    link->s.poison = rng_stream(c->seed, 0x706f6973);
    link->s.lost = rng_stream(c->seed, 0x6c6f7374);
    link->s.aborts = rng_stream(c->seed, 0x61626f72);
    link->s.late = rng_stream(c->seed, 0x6c617465);
    link->s.poison_write[UP] = rng_stream(c->seed, 0x706f7772);
    link->s.poison_write[DOWN] = rng_stream(c->seed, 0x706f7773);
    for (unsigned i = 0; i < PCIE_MAX_CLIENTS; i++) {
        link->s.client[i].item = NONE;
    }
}

static void init_memory(struct pcie_link *link, const struct clock_set *clocks)
{
    struct pcie_memory_config memory = link->config.host;
    char error[256];

    if (link->config.ideal) {
        pcie_memory_idealise(&memory);
    }
    link->memory = pcie_memory_create(&memory, clocks, link->domain, error, sizeof error);
    if (!link->memory) {
        fprintf(stderr, "espnic: internal error: %s\n", error); /* it has been checked */
        abort();
    }
}

struct pcie_link *pcie_link_create(struct sched *sched, unsigned domain,
                                   const struct pcie_config *config, const struct pcie_ops *ops,
                                   void *self)
{
    struct pcie_link *link = must(calloc(1, sizeof *link));
    struct named_flights all[QUEUES];

    link->sched = sched;
    link->domain = domain;
    link->config = *config;
    link->ops = *ops;
    link->self = self;
    link->block = sched_add_block(sched, "pcie", domain, link_wake, link);
    init_state(link);
    wires_init(&link->wires, config, sched->clocks, domain, &link->s.stats);
    init_memory(link, sched->clocks);
    link->timeout = config->timeout_ps
                        ? clock_cycles_from_ps(sched->clocks, domain, config->timeout_ps)
                        : CLOCK_NEVER;
    link->quarantine = clock_cycles_from_ps(sched->clocks, domain, config->quarantine_ps);
    link->lateness = clock_cycles_from_ps(sched->clocks, domain, config->late_ps);
    /* no TLP is shorter than a completion without data */
    link->least_down =
        config->ideal ? 0 : link->wires.wire[DOWN].latency + pcie_completion_overhead(config);
    requests_init(&link->requests);
    all_flights(link, all);
    for (unsigned i = 0; i < QUEUES; i++) {
        flights_init(all[i].flights);
    }
    ring_init(&link->asked, sizeof(struct tlp));
    ring_init(&link->replies, sizeof(struct reply));
    ring_init(&link->reads, sizeof(struct read));
    ring_init(&link->returns, sizeof(struct handover));
    ring_init(&link->released, sizeof(struct handover));
    ring_init(&link->kept[UP], sizeof(struct tlp));
    ring_init(&link->kept[DOWN], sizeof(struct tlp));
    link->ready_size = 64;
    link->ready = must(calloc(link->ready_size, sizeof *link->ready));
    link->ready[0].cycle = CLOCK_NEVER;
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
    for (unsigned i = 0; i < link->clients; i++) {
        ring_free(&link->client[i].order);
    }
    ring_free(&link->asked);
    ring_free(&link->replies);
    ring_free(&link->reads);
    ring_free(&link->returns);
    ring_free(&link->released);
    ring_free(&link->kept[UP]);
    ring_free(&link->kept[DOWN]);
    free(link->ready);
    wires_free(&link->wires);
    pcie_memory_destroy(link->memory);
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
    wires_register_state(&link->wires, snap);
    pcie_memory_register_state(link->memory, snap);
    all_flights(link, all);
    for (unsigned i = 0; i < QUEUES; i++) {
        flights_register_state(all[i].flights, snap, all[i].name);
    }
    for (unsigned i = 0; i < link->clients; i++) {
        ring_register_state(&link->client[i].order, snap, "pcie.order");
    }
    ring_register_state(&link->asked, snap, "pcie.asked");
    ring_register_state(&link->replies, snap, "pcie.replies");
    ring_register_state(&link->reads, snap, "pcie.reads");
    ring_register_state(&link->returns, snap, "pcie.returns");
    ring_register_state(&link->released, snap, "pcie.released");
    ring_register_state(&link->kept[UP], snap, "pcie.kept_up");
    ring_register_state(&link->kept[DOWN], snap, "pcie.kept_down");
    snapshot_array(snap, "pcie.ready", &link->ready, sizeof *link->ready, &link->ready_size);
    snapshot_fixed(snap, "pcie.readies", &link->readies, sizeof link->readies);
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
    link->client[link->clients] =
        (struct client){ .request = request, .response = response, .answers = answers };
    ring_init(&link->client[link->clients].order, sizeof(uint32_t));
    link->s.last_client = link->clients + 1; /* the first turn is client 0's */
    return link->clients++;
}

struct pcie_stats *pcie_link_stats(struct pcie_link *link)
{
    return &link->s.stats;
}

struct pcie_memory *pcie_link_memory(struct pcie_link *link)
{
    return link->memory;
}

const struct account *pcie_link_account(const struct pcie_link *link, unsigned direction)
{
    return &link->account[direction];
}

static void settle_stall(struct pcie_link *link, uint64_t cycle)
{
    if (link->s.stall != PCIE_STALLS && cycle > link->s.stall_since) {
        link->s.stats.stall_cycles[link->s.stall] += cycle - link->s.stall_since;
        link->s.stall_since = cycle;
    }
}

void pcie_link_settle(struct pcie_link *link, uint64_t cycle)
{
    /* of `cycle` itself not everything may have happened yet */
    while (cycle > 0 && root_starts(link) < cycle && root_start(link, cycle - 1)) {}
    for (unsigned d = UP; d <= DOWN; d++) {
        struct pcie_direction_stats *stats = &link->s.stats.dir[d];

        if (cycle > 0) {
            wire_clear(&link->wires, d, cycle - 1);
        }
        account_settle(&link->account[d], cycle);
        stats->busy_cycles = link->account[d].total[ACCOUNT_BUSY];
        stats->utilisation = cycle ? (double)stats->busy_cycles / (double)cycle : 0;
    }
    settle_stall(link, cycle);
}

/* Has all that was sent been taken? What is only not acknowledged yet does no more work. */
static bool all_taken(const struct wires *w)
{
    return !w->guarded || (w->wire[UP].s.taken == w->wire[UP].s.sent &&
                           w->wire[DOWN].s.taken == w->wire[DOWN].s.sent);
}

bool pcie_link_idle(const struct pcie_link *link)
{
    return !link->s.offers && !ring_used(&link->asked) && link->left.next == CLOCK_NEVER &&
           link->up.next == CLOCK_NEVER && link->readies == 0 && link->cpu.next == CLOCK_NEVER &&
           link->down.next == CLOCK_NEVER && link->s.expiring == device_next_read(link) &&
           all_taken(&link->wires);
}
