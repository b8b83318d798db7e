/* The CPU: cores that do one piece of work at a time.
 *
 * What a piece of work decides (which SA, which number) is decided when it begins; what others can see
 * of it (descriptor, doorbell, delivered packet) happens when its time is over. OIDs come first, then
 * receive and transmit take turns of `host.rx.budget` packets. */
#include <string.h>

#include "host/internal.h"

void host_core_kick(struct host *host, uint32_t core, uint64_t time)
{
    /* A core that is at work looks again when it is done. */
    if (!host->core[core].running && host->core[core].work == WORK_NONE && time != CLOCK_NEVER) {
        host_wake(host, BLOCK_CORE + core, time);
    }
}

void host_list_push(struct host *host, struct host_list *list, uint32_t slot)
{
    host->slot[slot].next = 0;
    if (list->tail != 0) {
        host->slot[list->tail - 1].next = slot + 1;
    } else {
        list->head = slot + 1;
    }
    list->tail = slot + 1;
    list->count++;
}

void host_unblock(struct host *host, uint64_t time)
{
    if (host->s->blocked_cores == 0) {
        return;
    }
    host->s->blocked_cores = 0;
    for (uint32_t i = 0; i < host->config.general.cores; i++) {
        struct host_core *core = &host->core[i];

        if (core->blocked) {
            core->blocked = 0;
            host->stats->core[i].blocked_ps += time - core->blocked_since;
            host_core_kick(host, i, time);
        }
    }
}

/* ---- what a core can do now ------------------------------------------------------------------------ */

static bool ring_room(const struct host *host, const struct host_txq *q)
{
    return !host->s->resetting && q->tail - q->done + q->reserved < host->config.tx.ring;
}

/* Work takes until `until`; the core will then do what belongs at its end. */
static void begin(struct host_core *core, enum host_work work, uint32_t id, uint64_t until)
{
    core->work = (uint8_t)work;
    core->work_id = id;
    core->until = until;
}

/* CPU time of a request up to what the card sees of it. */
static uint64_t issue_cost(const struct host *host)
{
    bool doorbell = host->s->path != NIC_PATH_REGISTERS;

    return host_cost(host, host->config.oid.issue + (doorbell ? host->config.general.mmio : 0));
}

/* The first core serves the OIDs. */
static bool begin_oid(struct host *host, struct host_core *core, uint64_t now)
{
    uint64_t until;

    if (host_mailbox_busy(host) && host_mailbox_step(host, now, &until)) {
        begin(core, WORK_ACCESS, 0, until);
        return true;
    }
    if (host->s->cmd_poll_at <= now) {
        if (host_cmd_visible(host)) {
            begin(core, WORK_COMPLETE, 0, now + host_cost(host, host->config.oid.complete));
            return true;
        }
        host->s->cmd_poll_at = CLOCK_NEVER;
    }
    if (host->s->event_steps == 0 && host->s->event_poll_at <= now) {
        host->s->event_poll_at = CLOCK_NEVER;
        if (host_event_visible(host) && !host->s->resetting) {
            begin(core, WORK_EVENT, 0,
                  now + host_cost(host, host->config.oid.event + host->config.general.mmio));
            return true;
        }
    }
    if (host->s->queued.head != 0 && host_oid_ready(host) != 0) {
        begin(core, WORK_ISSUE, 0, now + issue_cost(host));
        return true;
    }
    return false;
}

static bool begin_rx_queue(struct host *host, struct host_core *core, uint32_t queue, uint64_t now)
{
    struct host_rxq *q = &host->rxq[queue];

    if (q->empty.count >= host_refill_at(host)) {
        begin(core, WORK_REFILL, queue, now + host_cost(host, host->config.general.mmio));
        return true;
    }
    if (q->poll_at > now) {
        return false;
    }
    if (host_rx_visible(host, queue)) {
        uint64_t cost = host_receive(host, core, queue, now);

        begin(core, WORK_RX, queue, now + cost);
        return true;
    }
    host->stats->rx.polls++;
    q->poll_at = CLOCK_NEVER;
    /* a host with time gives back what it has; an ideal one would ring for every buffer */
    if (q->empty.count != 0 && !host->config.general.ideal) {
        begin(core, WORK_REFILL, queue, now + host_cost(host, host->config.general.mmio));
        return true;
    }
    return false;
}

static bool begin_rx(struct host *host, struct host_core *core, uint64_t now)
{
    for (uint32_t q = core->index; q < host->s->rx_queues; q += host->config.general.cores) {
        if (begin_rx_queue(host, core, q, now)) {
            return true;
        }
    }
    return false;
}

/* There are no more transmit queues than cores; who takes the completions is who has its number. */
static bool begin_reclaim(struct host *host, struct host_core *core, uint64_t now)
{
    uint32_t queue = core->index;
    struct host_txq *q = &host->txq[queue];

    if (queue >= host->s->tx_queues || q->poll_at > now) {
        return false;
    }
    if (host_tx_visible(host, queue)) {
        begin(core, WORK_RECLAIM, queue, now + host_cost(host, host->config.tx.reclaim));
        return true;
    }
    q->poll_at = CLOCK_NEVER;
    return false;
}

static bool begin_doorbell(struct host *host, struct host_core *core, uint64_t now)
{
    const struct host_txq *q = &host->txq[core->queue];
    uint32_t waiting = q->tail - q->rung;
    bool more;

    if (waiting == 0 || host->s->resetting) {
        return false;
    }
    more = core->backlog.head != 0 && ring_room(host, q);
    if (host->config.general.ideal) {
        /* it gets descriptors back one by one: no doorbell for each while the card has work */
        more = more || q->rung - q->done >= host->config.tx.ring / 2;
    }
    if (waiting < host->config.tx.doorbell_batch &&
        (host->config.tx.doorbell_delay == 0 ? more : now < q->ring_by)) {
        return false;
    }
    begin(core, WORK_DOORBELL, core->queue, now + host_cost(host, host->config.general.mmio));
    return true;
}

static uint32_t take_backlog(struct host *host, struct host_core *core)
{
    uint32_t slot = core->backlog.head - 1;
    struct host_slot *s = &host->slot[slot];

    core->backlog.head = s->next;
    core->backlog.tail = core->backlog.head == 0 ? 0 : core->backlog.tail;
    core->backlog.count--;
    s->state = SLOT_WORK;
    s->queue = (uint8_t)core->queue;
    return slot;
}

static bool begin_tx(struct host *host, struct host_core *core, uint64_t now)
{
    struct host_txq *q = &host->txq[core->queue];
    uint32_t slot;
    uint64_t cost;
    bool post;

    if (core->backlog.head == 0 && host->has_source && host->source.closed_loop) {
        host_pump(host, now);
    }
    if (core->backlog.head == 0) {
        return false;
    }
    if (!ring_room(host, q)) {
        if (!core->blocked) {
            core->blocked = 1;
            host->s->blocked_cores++;
            core->blocked_since = now;
            host->stats->tx.ring_full++;
        }
        return false;
    }
    slot = take_backlog(host, core);
    cost = host_send(host, slot, now, &post);
    q->reserved += post ? 1 : 0;
    begin(core, WORK_TX, post ? slot + 1 : 0, now + cost);
    return true;
}

/* That of the two whose turn it is. */
static bool begin_turn(struct host *host, struct host_core *core, uint64_t now)
{
    return core->turn == 0 ? begin_rx(host, core, now) : begin_tx(host, core, now);
}

static bool begin_next(struct host *host, struct host_core *core, uint64_t now)
{
    bool spent = core->budget >= host->config.rx.budget;

    if (core->index == 0 && begin_oid(host, core, now)) {
        return true;
    }
    if (host->s->started != START_DONE) {
        return false;
    }
    if (begin_doorbell(host, core, now) || begin_reclaim(host, core, now)) {
        return true;
    }
    for (unsigned turns = 0; turns < 2; turns++) {
        if (core->budget < host->config.rx.budget && begin_turn(host, core, now)) {
            core->budget++;
            return true;
        }
        core->turn ^= 1;
        core->budget = 0;
    }
    /* whose budget was spent goes on if the other has nothing */
    return spent && begin_turn(host, core, now);
}

/* ---- the end of a piece of work ---------------------------------------------------------------------- */

static void finish(struct host *host, struct host_core *core, struct host_core_stats *stats,
                   uint64_t now)
{
    enum host_work work = (enum host_work)core->work;

    core->work = WORK_NONE;
    switch (work) {
    case WORK_TX:
        stats->tx_packets++;
        if (core->work_id != 0) {
            host->txq[core->queue].reserved--;
            host_post(host, core->queue, core->work_id - 1, now);
        }
        break;
    case WORK_DOORBELL: {
        uint64_t until = host_doorbell(host, core->work_id, now);

        if (until > now) {
            begin(core, WORK_STORES, core->work_id, until);
        }
        break;
    }
    case WORK_RX:
        stats->rx_packets++;
        host_deliver(host, core, now);
        break;
    case WORK_REFILL: host_refill(host, core->work_id, now); break;
    case WORK_RECLAIM: host_tx_take(host, core->work_id, now); break;
    case WORK_ISSUE: host_oid_post(host, now); break;
    case WORK_COMPLETE:
        stats->oids++;
        host_oid_take(host, now);
        break;
    case WORK_ACCESS: host_mailbox_stepped(host, now); break;
    case WORK_EVENT: host_event_take(host, now); break;
    default: break;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The earliest time at which a core that has nothing to do must look again. */
static uint64_t next_look(const struct host *host, const struct host_core *core)
{
    const struct host_txq *q = &host->txq[core->queue];
    uint64_t at = core->index == 0 ? host->s->cmd_poll_at : CLOCK_NEVER;

    if (core->index == 0 && host->s->event_steps == 0) {
        at = earlier(at, host->s->event_poll_at);
    }
    for (uint32_t i = core->index; i < host->s->rx_queues; i += host->config.general.cores) {
        at = earlier(at, host->rxq[i].poll_at);
    }
    if (core->index < host->s->tx_queues) {
        at = earlier(at, host->txq[core->index].poll_at);
    }
    if (q->tail != q->rung && !host->s->resetting) {
        at = earlier(at, q->ring_by);
    }
    return at;
}

uint64_t host_core_wake(struct host *host, uint32_t index, uint64_t time)
{
    struct host_core *core = &host->core[index];
    struct host_core_stats *stats = &host->stats->core[index];

    core->running = 1;
    do {
        if (core->work != WORK_NONE) {
            finish(host, core, stats, time);
        }
        if (core->work == WORK_NONE && !begin_next(host, core, time)) {
            uint64_t at = next_look(host, core);

            core->running = 0;
            return at > time ? at : time + 1;
        }
        /* that of a register read is known when it is answered */
        stats->busy_ps += core->until == CLOCK_NEVER ? 0 : core->until - time;
    } while (core->until <= time);
    core->running = 0;
    return core->until;
}
