/* registers: MMIO accesses cross into the core clock, one behind the other. A write takes effect there; a read
 * samples the register and its answer crosses back. */
#include "nic/mailbox.h"

static uint32_t capability_flags(const struct nic_config *config)
{
    const struct sa_capabilities *can = &config->capabilities;
    uint64_t v = 0;

    v = REG_PUT(CAP_FLAGS, IPV6, v, can->ipv6);
    v = REG_PUT(CAP_FLAGS, IPV4_OPTIONS, v, can->ipv4_options);
    v = REG_PUT(CAP_FLAGS, IPV6_EXTENSIONS, v, can->ipv6_extensions);
    v = REG_PUT(CAP_FLAGS, AH, v, can->ah);
    v = REG_PUT(CAP_FLAGS, ESP, v, can->esp);
    v = REG_PUT(CAP_FLAGS, AH_ESP, v, can->ah_esp);
    v = REG_PUT(CAP_FLAGS, TRANSPORT, v, can->transport);
    v = REG_PUT(CAP_FLAGS, TUNNEL, v, can->tunnel);
    v = REG_PUT(CAP_FLAGS, TRANSPORT_TUNNEL, v, can->transport_tunnel);
    v = REG_PUT(CAP_FLAGS, LSO, v, can->lso);
    v = REG_PUT(CAP_FLAGS, ESN, v, can->esn);
    v = REG_PUT(CAP_FLAGS, RESET_WIPES, v,
                config->sa.reset_wipes && config->command.path != NIC_PATH_REGISTERS);
    v = REG_PUT(CAP_FLAGS, PACKET_OFFLOAD, v, config->general.offload == NIC_OFFLOAD_PACKET);
    v = REG_PUT(CAP_FLAGS, ESN_INFERRED, v, config->sa.esn == NIC_ESN_INFERRED);
    v = REG_PUT(CAP_FLAGS, ESN_SCOPE, v, config->sa.esn == NIC_ESN_EVENTS);
    v = REG_PUT(CAP_FLAGS, EVENTS, v,
                (config->sa.esn == NIC_ESN_EVENTS || config->table.round != 0) &&
                    config->general.offload == NIC_OFFLOAD_PACKET);
    v = REG_PUT(CAP_FLAGS, UNIT_SAS, v, config->table.unit == SA_UNIT_SAS);
    v = REG_PUT(CAP_FLAGS, COMMAND_PATH, v, config->command.path);
    v = REG_PUT(CAP_FLAGS, MORE, v, config->dma.tx_inline || config->dma.tx_push);
    v = REG_PUT(CAP_FLAGS, NO_INBOUND, v,
                config->command.path == NIC_PATH_DESCRIPTOR && !config->command.inbound);
    return (uint32_t)v;
}

static void report_algorithms(struct espnic *card)
{
    const struct sa_capabilities *can = &card->config.capabilities;
    uint32_t encryption = 0;
    uint32_t authentication = 0;

    for (unsigned a = 1; a < ESP_ALG_COUNT; a++) {
        const struct esp_alg_info *info = esp_alg_info((enum esp_alg)a);

        encryption |= (can->encryption & SA_ALGORITHM(a)) ? info->ndis_encryption : 0;
        authentication |= (can->authentication & SA_ALGORITHM(a)) ? info->ndis_auth : 0;
    }
    reg_set(&card->registers, REG_CAP_ENCRYPTION, 0, encryption);
    reg_set(&card->registers, REG_CAP_AUTHENTICATION, 0, authentication);
    reg_set(&card->registers, REG_CAP_ALGORITHMS, 0, can->encryption | can->authentication);
}

/* What only drivers of other paths than the plain queue have to know. */
static void report_path(struct espnic *card)
{
    const struct nic_config *c = &card->config;
    uint64_t tables = 0;
    uint64_t v = 0;

    if (c->command.path == NIC_PATH_QUEUE) {
        return;
    }
    v = REG_PUT(CAP_COMMAND, ICV_8, v, (c->capabilities.aead_icvs & SA_ICV(8)) != 0);
    v = REG_PUT(CAP_COMMAND, ICV_12, v, (c->capabilities.aead_icvs & SA_ICV(12)) != 0);
    v = REG_PUT(CAP_COMMAND, ICV_16, v, (c->capabilities.aead_icvs & SA_ICV(16)) != 0);
    if (c->command.path == NIC_PATH_REGISTERS) {
        tables = REG_PUT(CAP_TABLES, TX, tables, c->table.capacity_out);
        tables = REG_PUT(CAP_TABLES, RX, tables, c->table.capacity_in);
        v = REG_PUT(CAP_COMMAND, IP_ENTRIES, v, c->table.ip_entries);
        reg_set(&card->registers, REG_CAP_TABLES, 0, tables);
    } else if (c->command.path == NIC_PATH_FIRMWARE) {
        v = REG_PUT(CAP_COMMAND, LIMIT, v, c->command.limit);
    } else {
        reg_set(&card->registers, REG_CAP_TX_CONTEXT, 0, c->command.context);
    }
    reg_set(&card->registers, REG_CAP_COMMAND, 0, v);
}

static void report_capabilities(struct espnic *card)
{
    const struct nic_config *c = &card->config;
    uint64_t window = 0;
    uint64_t rings = 0;
    uint64_t tx = 0;

    reg_set(&card->registers, REG_CAP_SA_CAPACITY, 0, card->table.stats.capacity);
    reg_set(&card->registers, REG_CAP_FLAGS, 0, capability_flags(c));
    reg_set(&card->registers, REG_CAP_UDP, 0, c->capabilities.udp);
    window = REG_PUT(CAP_WINDOW, MIN, window, c->capabilities.window_min);
    window = REG_PUT(CAP_WINDOW, MAX, window, c->capabilities.window_max);
    window = REG_PUT(CAP_WINDOW, OFF, window, c->capabilities.window_off);
    reg_set(&card->registers, REG_CAP_WINDOW, 0, window);
    rings = REG_PUT(CAP_RINGS, PORTS, rings, c->general.ports);
    rings = REG_PUT(CAP_RINGS, TX_QUEUES, rings, c->dma.tx_queues);
    rings = REG_PUT(CAP_RINGS, RX_QUEUES, rings, c->dma.rx_queues);
    reg_set(&card->registers, REG_CAP_RINGS, 0, rings);
    tx = REG_PUT(CAP_TX, INLINE, tx, c->dma.tx_inline / 16);
    tx = REG_PUT(CAP_TX, PUSH, tx, c->dma.tx_push);
    reg_set(&card->registers, REG_CAP_TX, 0, tx);
    reg_set(&card->registers, REG_CAP_ROUND, 0, c->table.round);
    report_algorithms(card);
    report_path(card);
}

static void control(struct espnic *card, uint64_t now)
{
    uint64_t v = reg_get(&card->registers, REG_CTRL, 0);
    bool reset = REG_GET(CTRL, RESET, v) != 0;

    card->enabled = REG_GET(CTRL, ENABLE, v) != 0;
    if (REG_GET(CTRL, OFFLOAD, v) && !card->mailbox) {
        card->offload_on = true;
    }
    if (reset && !card->commands.s.resetting) {
        nic_faults_reset(card, now);
        if (card->mailbox) {
            nic_mailbox_reset(card, now);
        } else if (card->config.sa.reset_wipes) {
            nic_commands_wipe(card, now);
        }
    }
    card->commands.s.resetting = reset;
    v = REG_PUT(STATUS, READY, 0, !reset);
    v = REG_PUT(STATUS, RESETTING, v, reset);
    reg_set(&card->registers, REG_STATUS, 0, REG_PUT(STATUS, DMA_ERROR, v, card->faults.s.stopped));
    sched_wake(&card->sched, card->commands.block, now + 1);
}

static uint64_t core_cycles(const struct espnic *card, uint64_t ns)
{
    return clock_cycles_from_ps(&card->clocks, card->core, ns * 1000);
}

/* A ring that the card does not have, or of an impossible size, is off; 0 is off, too. */
static uint32_t ring_size(struct espnic *card, enum reg_id reg, unsigned i, uint32_t queues)
{
    uint64_t size = reg_get(&card->registers, reg, i);

    if (size == 0 || (i < queues && size >= 2 && size <= 65536 && (size & (size - 1)) == 0)) {
        return (uint32_t)size;
    }
    card->stats.rings.refused++;
    return 0;
}

/* Entries of transmit rings: descriptor, context, room for data. */
static void tx_room(struct espnic *card, unsigned q, uint64_t bytes)
{
    struct nic_ring *ring = &card->dma.tx[q];
    uint32_t context = card->dma.tx_context ? (uint32_t)card->config.command.context : 0;

    if (ring->posted != ring->completed || bytes % 16 || bytes > card->config.dma.tx_inline) {
        card->stats.rings.refused++;
        reg_set(&card->registers, REG_TX_INLINE, q, ring->room);
        return;
    }
    ring->room = (uint32_t)bytes;
    ring->entry = (uint32_t)sizeof(struct abi_tx_descriptor) + context + ring->room;
}

/* What blocks need for every packet or message is kept where they have it at hand. */
static void decode(struct espnic *card, enum reg_id reg, unsigned i)
{
    const struct nic_dma_config *dma_config = &card->config.dma;
    struct nic_dma *dma = &card->dma;
    struct nic_moderation *m = &card->moderation;
    uint64_t value = reg_get(&card->registers, reg, i);

    switch (reg) {
    case REG_TX_BASE: dma->tx[i].base = value; break;
    case REG_TX_DONE_BASE: dma->tx[i].done_base = value; break;
    case REG_TX_SIZE: dma->tx[i].size = ring_size(card, reg, i, dma_config->tx_queues); break;
    case REG_TX_DONE: nic_done_configure(card, false, i, value); break;
    case REG_TX_INLINE: tx_room(card, i, value); break;
    case REG_TX_DONE_WAIT: dma->tx[i].done.wait = core_cycles(card, value); break;
    case REG_RX_BASE: dma->rx[i].base = value; break;
    case REG_RX_DONE_BASE: dma->rx[i].done_base = value; break;
    case REG_RX_SIZE: dma->rx[i].size = ring_size(card, reg, i, dma_config->rx_queues); break;
    case REG_RX_DONE: nic_done_configure(card, true, i, value); break;
    case REG_RX_DONE_WAIT: dma->rx[i].done.wait = core_cycles(card, value); break;
    case REG_CMD_SIZE: reg_set(&card->registers, reg, i, ring_size(card, reg, i, 1)); break;
    case REG_INT_ENABLE: m->enabled = (uint32_t)value; break;
    case REG_INT_HOLDOFF: m->holdoff[i] = core_cycles(card, value); break;
    case REG_INT_COALESCE: m->coalesce[i] = (uint32_t)value; break;
    default: break;
    }
}

/* TAIL has been written. */
static void post(struct espnic *card, bool rx, unsigned q, uint32_t posted, uint64_t now)
{
    struct nic_dma *dma = &card->dma;
    struct nic_ring *ring = rx ? &dma->rx[q] : &dma->tx[q];
    uint32_t *asks = rx ? &dma->rx_asks : &dma->tx_asks;

    ring->posted = posted;
    *asks &= ~(1u << q);
    *asks |= (uint32_t)(ring->posted != ring->requested) << q;
    if (rx && dma->rx_spread <= q) {
        dma->rx_spread = q + 1;
    }
    sched_wake(&card->sched, rx ? dma->rx_block : dma->tx_block, now + 1);
}

void nic_tx_posted(struct espnic *card, unsigned q, uint32_t tail, uint64_t now)
{
    reg_set(&card->registers, REG_TX_TAIL, q, tail);
    post(card, false, q, tail, now);
    card->stats.doorbells++;
}

static void apply(struct espnic *card, const struct nic_mmio *m, uint64_t now)
{
    struct reg_written w;
    uint32_t value;

    if (nic_push_written(card, m, now)) {
        return;
    }
    if (!reg_write(&card->registers, m->offset, m->bytes, m->value, &w)) {
        return; /* the register file has counted it */
    }
    decode(card, w.reg, w.index);
    value = (uint32_t)reg_get(&card->registers, w.reg, w.index);
    switch (w.effect) {
    case REG_EFFECT_CTRL: control(card, now); break;
    case REG_EFFECT_CMD_TAIL: nic_commands_posted(card, value, now); break;
    case REG_EFFECT_TX_TAIL: post(card, false, w.index, value, now); break;
    case REG_EFFECT_RX_TAIL: post(card, true, w.index, value, now); break;
    case REG_EFFECT_EVENT_SIZE: nic_events_restart(card, now); break;
    case REG_EFFECT_EVENT_HEAD: sched_wake(&card->sched, card->commands.block, now + 1); break;
    case REG_EFFECT_SECURITY:
    case REG_EFFECT_TABLE: nic_mailbox_written(card, w.reg, now); return;
    case REG_EFFECT_NONE: return;
    }
    card->stats.doorbells++;
}

/* An access that no register allows violates the card's programming model: Completer Abort. Where there is no register,
 * the request is unsupported (Base Specification 5.0, 2.3.1). */
uint64_t nic_csr_read(struct reg_file *registers, const struct nic_mmio *m,
                      enum pcie_status *status)
{
    uint64_t unknown = registers->s.refused.unknown;
    bool ok;
    uint64_t value = reg_read(registers, m->offset, m->bytes, &ok);

    *status = ok                                        ? PCIE_OK
              : registers->s.refused.unknown != unknown ? PCIE_UNSUPPORTED
                                                        : PCIE_ABORTED;
    return value;
}

static uint64_t sample(struct espnic *card, const struct nic_mmio *m, enum pcie_status *status)
{
    uint64_t value;

    reg_set(&card->registers, REG_CNT_RX_FRAMES, 0, card->stats.rx.packets_in);
    reg_set(&card->registers, REG_CNT_TX_FRAMES, 0, card->stats.tx.packets_out);
    reg_set(&card->registers, REG_CNT_SA_LIVE, 0, card->table.stats.live);
    value = nic_csr_read(&card->registers, m, status);
    return *status == PCIE_OK && card->mailbox ? nic_mailbox_read(card, m->offset, value) : value;
}

static void answer(struct espnic *card, const struct nic_mmio *m, uint64_t now)
{
    enum pcie_status status;
    uint64_t value = sample(card, m, &status);
    uint64_t from = clock_edge_after(&card->clocks, card->core, now, card->pcie_domain,
                                     card->config.general.sync);

    card->stats.mmio_reads++;
    pcie_mmio_answer(card->link, from, card->core, now, value, status);
}

static void wake(void *self, uint64_t now)
{
    struct espnic *card = self;
    struct channel *in = card->mmio_channel;
    uint64_t next;

    nic_mailbox_wake(card, now);
    while ((next = channel_next_visible(in)) <= now) {
        uint32_t at = channel_head(in)->item;
        uint64_t busy = nic_mailbox_busy(card, &card->mmio[at]);

        if (busy != CLOCK_NEVER) {
            next = busy;
            break;
        }
        channel_pop_item(in, now, 1);
        if (card->mmio[at].read) {
            answer(card, &card->mmio[at], now);
        } else {
            apply(card, &card->mmio[at], now);
            if (card->mmio[at].bytes > 8) {
                nic_pool_release(&card->lines, (uint32_t)card->mmio[at].value);
            }
        }
    }
    if (nic_mailbox_finish(card) < next) {
        next = nic_mailbox_finish(card);
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, card->registers_block, next);
    }
}

void nic_csr_hide(struct reg_file *registers, bool tables)
{
    for (unsigned r = 0; r < REG_COUNT; r++) {
        bool queue = r >= REG_CMD_BASE && r <= REG_EVENT_HEAD;

        if (tables ? queue : r >= REG_SECTXCTRL && r <= REG_IPSRXMOD) {
            reg_file_hide(registers, (enum reg_id)r);
        }
    }
}

void nic_csr_init(struct espnic *card)
{
    card->registers_block = sched_add_block(&card->sched, "registers", card->core, wake, card);
    reg_file_init(&card->registers);
    nic_csr_hide(&card->registers, card->config.command.path == NIC_PATH_REGISTERS);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        for (unsigned i = 0; i < reg_table[r].count; i++) {
            decode(card, (enum reg_id)r, i);
        }
    }
    report_capabilities(card);
}
