/* state: the card as regions of memory, for snapshots.
 *
 * Jobs of the cryptographic library are completed before the regions are copied: that changes no time,
 * only when the host computer does the work. So no job is ever part of a snapshot. Expanded keys are not
 * either: they follow from the keys in the SA table. */
#include "nic/mailbox.h"

static bool finish_jobs(void *self)
{
    struct espnic *card = self;

    for (uint32_t i = 1; i <= card->packets.s.used; i++) {
        struct nic_packet *p = nic_packet(card, i);

        if (p->job) {
            nic_crypt_result(card, p);
        }
    }
    return true;
}

/* What the library still had to do was for packets that are no more, and its keys may be those of other
 * SAs. Runs before the pools get their new contents: jobs end in the old ones. */
static bool forget_jobs(void *self)
{
    struct espnic *card = self;

    esp_crypt_forget_all(card->crypt);
    nic_pool_reset(&card->jobs);
    return true;
}

static void table_region(void *user, const struct sa_region *region)
{
    snapshot_fixed(user, region->name, region->data, region->bytes);
}

static void lane_state(struct espnic *card, struct nic_lane *l, struct snapshot *snap)
{
    struct stage *stages[NIC_LANE_STAGES];
    struct nic_crypt *crypts[] = { &l->rx, &l->tx };

    (void)card;
    nic_lane_stages(l, stages);
    for (unsigned i = 0; i < NIC_LANE_STAGES; i++) {
        stage_register_state(stages[i], snap);
    }
    for (size_t i = 0; i < 2; i++) {
        snapshot_fixed(snap, "crypto.engine_free", crypts[i]->engine_free,
                       sizeof crypts[i]->engine_free);
        snapshot_fixed(snap, "crypto.ticket", crypts[i]->ticket,
                       2 * NIC_ORDER_KEYS * sizeof *crypts[i]->ticket);
    }
    snapshot_fixed(snap, "lane.hazards", l->hazards, sizeof l->hazards);
    snapshot_fixed(snap, "lane.rx_dma_used", &l->rx_dma_used, sizeof l->rx_dma_used);
    snapshot_fixed(snap, "lane.turns", &l->turns, sizeof l->turns);
    snapshot_fixed(snap, "lane.waits", l->waits, sizeof l->waits);
}

static void port_state(struct nic_port *port, struct snapshot *snap)
{
    stage_register_state(&port->mac_tx, snap);
    snapshot_fixed(snap, "port.state", &port->s, sizeof port->s);
    snapshot_fixed(snap, "port.arrival", port->arrival, port->ring * sizeof *port->arrival);
    snapshot_fixed(snap, "port.departure", port->departure, port->ring * sizeof *port->departure);
}

static void memory_state(struct espnic *card, struct snapshot *snap)
{
    struct nic_memory *m = &card->memory;
    uint32_t mshrs = card->config.cache.mshrs;

    snapshot_fixed(snap, "memory.state", &m->s, sizeof m->s);
    snapshot_fixed(snap, "memory.ticket", m->mshr_ticket, mshrs * sizeof *m->mshr_ticket);
    snapshot_fixed(snap, "memory.done", m->mshr_done, mshrs * sizeof *m->mshr_done);
    snapshot_fixed(snap, "memory.dir", m->mshr_dir, mshrs * sizeof *m->mshr_dir);
    snapshot_fixed(snap, "memory.fill_cycle", m->fill_cycle, m->ring * sizeof *m->fill_cycle);
    snapshot_fixed(snap, "memory.fill_mshr", m->fill_mshr, m->ring * sizeof *m->fill_mshr);
    snapshot_fixed(snap, "memory.store", m->store, m->store_ring * sizeof *m->store);
    snapshot_fixed(snap, "memory.back", m->back, m->back_ring * sizeof *m->back);
    sa_cache_regions(&card->cache, table_region, snap);
    sa_table_snapshot(&card->table, snap);
}

static void dma_state(struct espnic *card, struct snapshot *snap)
{
    const struct nic_dma_config *c = &card->config.dma;
    struct nic_dma *d = &card->dma;

    snapshot_fixed(snap, "dma.rings.tx", d->tx, sizeof d->tx);
    snapshot_fixed(snap, "dma.rings.rx", d->rx, sizeof d->rx);
    snapshot_fixed(snap, "dma.tx_asks", &d->tx_asks, sizeof d->tx_asks);
    snapshot_fixed(snap, "dma.rx_asks", &d->rx_asks, sizeof d->rx_asks);
    snapshot_fixed(snap, "dma.tx_ready", &d->tx_ready, sizeof d->tx_ready);
    snapshot_fixed(snap, "dma.tx_held", &d->tx_held, sizeof d->tx_held);
    snapshot_fixed(snap, "dma.tx_descriptor", d->tx_descriptor,
                   (size_t)c->tx_queues * c->tx_prefetch * sizeof *d->tx_descriptor);
    if (d->tx_context) {
        snapshot_fixed(snap, "dma.tx_context", d->tx_context,
                       (size_t)c->tx_queues * c->tx_prefetch * card->config.command.context);
    }
    nic_push_register_state(card, snap);
    snapshot_fixed(snap, "dma.rx_descriptor", d->rx_descriptor,
                   (size_t)c->rx_queues * c->rx_prefetch * sizeof *d->rx_descriptor);
    snapshot_fixed(snap, "dma.tx_bytes", &d->tx_bytes, sizeof d->tx_bytes);
    snapshot_fixed(snap, "dma.tx_reads", &d->tx_reads, sizeof d->tx_reads);
    snapshot_fixed(snap, "dma.tx_turn", &d->tx_turn, sizeof d->tx_turn);
    snapshot_fixed(snap, "dma.rx_spread", &d->rx_spread, sizeof d->rx_spread);
    snapshot_fixed(snap, "dma.tx_gathered", &d->tx_gathered, sizeof d->tx_gathered);
    snapshot_fixed(snap, "dma.rx_gathered", &d->rx_gathered, sizeof d->rx_gathered);
    snapshot_fixed(snap, "dma.failed", d->failed, NIC_FAILED_RING * sizeof *d->failed);
    snapshot_fixed(snap, "dma.failed_head", &d->failed_head, sizeof d->failed_head);
    snapshot_fixed(snap, "dma.failed_tail", &d->failed_tail, sizeof d->failed_tail);
}

static void command_state(struct espnic *card, struct snapshot *snap)
{
    struct nic_commands *c = &card->commands;
    uint32_t depth = card->config.command.depth;

    snapshot_fixed(snap, "command.state", &c->s, sizeof c->s);
    snapshot_fixed(snap, "command.slot", c->slot, depth * sizeof *c->slot);
    snapshot_fixed(snap, "command.turn", c->turn, depth * sizeof *c->turn);
    snapshot_fixed(snap, "command.posted", c->posted, NIC_COMMAND_RING * sizeof *c->posted);
    snapshot_fixed(snap, "events.state", &card->events.s, sizeof card->events.s);
    snapshot_fixed(snap, "events.fifo", card->events.fifo, sizeof card->events.fifo);
    snapshot_fixed(snap, "events.rearm", &card->rearm_ns, sizeof card->rearm_ns);
    snapshot_fixed(snap, "command.account", &c->account, offsetof(struct account, by_cause));
    snapshot_fixed(snap, "command.by_cause", c->by_cause, sizeof c->by_cause);
}

static void card_state(struct espnic *card, struct snapshot *snap)
{
    snapshot_fixed(snap, "card.last_request", card->last_request, sizeof card->last_request);
    snapshot_fixed(snap, "card.mmio", card->mmio, NIC_MMIO_RING * sizeof *card->mmio);
    snapshot_fixed(snap, "card.mmio_head", &card->mmio_head, sizeof card->mmio_head);
    snapshot_fixed(snap, "card.vector", card->vector, sizeof card->vector);
    nic_faults_register_state(card, snap);
    snapshot_fixed(snap, "card.vectors_due", &card->vectors_due, sizeof card->vectors_due);
    snapshot_fixed(snap, "card.moderation", &card->moderation, sizeof card->moderation);
    snapshot_fixed(snap, "card.iv_random", &card->iv_random, sizeof card->iv_random);
    snapshot_fixed(snap, "card.lookup_port", &card->lookup_port, sizeof card->lookup_port);
    snapshot_fixed(snap, "card.residence", &card->residence_ns, sizeof card->residence_ns);
    snapshot_fixed(snap, "card.firmware", &card->firmware_random, sizeof card->firmware_random);
    snapshot_fixed(snap, "card.stats", &card->stats, sizeof card->stats);
    snapshot_fixed(snap, "card.ip_id", &card->ip_id, sizeof card->ip_id);
    snapshot_fixed(snap, "card.offload_on", &card->offload_on, sizeof card->offload_on);
    snapshot_fixed(snap, "card.enabled", &card->enabled, sizeof card->enabled);
    snapshot_fixed(snap, "card.now", &card->now, sizeof card->now);
}

void nic_register_state(struct espnic *card, struct snapshot *snap)
{
    snapshot_add_hook(snap, (struct snapshot_hook){ .self = card,
                                                    .before_save = finish_jobs,
                                                    .after_restore = forget_jobs });
    sched_register_state(&card->sched, snap);
    for (unsigned i = 0; i < card->channels; i++) {
        channel_register_state(card->channel[i], snap);
    }
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        lane_state(card, &card->lane[i], snap);
    }
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        port_state(&card->port[p], snap);
    }
    memory_state(card, snap);
    nic_forward_register_state(card, snap);
    dma_state(card, snap);
    command_state(card, snap);
    if (card->mailbox) {
        nic_mailbox_register_state(card, snap);
    }
    card_state(card, snap);
    reg_file_register_state(&card->registers, snap);
    pcie_link_register_state(card->link, snap);
    nic_pool_snapshot(&card->packets, snap, "card.packets");
    nic_pool_snapshot(&card->carried, snap, "card.carried");
    for (unsigned i = 0; i < 3; i++) {
        nic_pool_snapshot(&card->buffers[i], snap, "card.buffers");
    }
}
