/* The miniport driver: registers, rings, doorbells, completions, interrupts, reset. */
#include <string.h>

#include "host/internal.h"
#include "pcie_model/registers.h"

/* Tags of register reads. */
enum { READ_CAPABILITY = 0, READ_RESET = 100, READ_RINGS, READ_MAILBOX };

#define RESET_PATIENCE                                                                             \
    UINT64_C(1000000000) /* ps: 1 ms for commands that a card refuses one after the other */

enum { CTRL_ENABLE = 1, CTRL_RESET = 2, CTRL_OFFLOAD = 4 };
enum { FLAG_PACKET_OFFLOAD = 1 << 11, FLAG_ESN_INFERRED = 1 << 12 };
enum { VECTOR_COMMANDS = 0, VECTOR_RX = 1, VECTOR_TX = 17 };

static const enum reg_id capabilities[] = { REG_CAP_FLAGS, REG_CAP_RINGS, REG_CAP_SA_CAPACITY,
                                            REG_CAP_UDP, REG_CAP_WINDOW, REG_CAP_ALGORITHMS,
                                            /* unless the command path is the plain queue */
                                            REG_CAP_TABLES, REG_CAP_COMMAND, REG_CAP_TX_CONTEXT,
                                            /* with CAP_FLAGS.MORE */
                                            REG_CAP_TX,
                                            /* with CAP_FLAGS.EVENTS */
                                            REG_CAP_ROUND };

enum {
    CAP_FLAGS,
    CAP_RINGS,
    CAP_UDP = 3,
    CAP_ALGORITHMS = 5,
    CAP_TABLES,
    CAP_COMMAND,
    CAP_TX_CONTEXT,
    CAP_TX,
    CAP_ROUND
};
enum { CAPABILITIES = sizeof capabilities / sizeof capabilities[0], FOR_ALL = CAP_TABLES };

void host_write_register(struct host *host, uint64_t time, unsigned reg, uint32_t index,
                         uint64_t value)
{
    const struct reg_info *info = &reg_table[reg];

    espnic_mmio_write(host->card, time, info->offset + index * info->stride, info->bytes, value);
}

void host_mailbox_read(struct host *host, uint64_t time, unsigned reg)
{
    espnic_mmio_read(host->card, time, reg_table[reg].offset, 4, READ_MAILBOX);
}

void host_mailbox_write(struct host *host, uint64_t time, unsigned reg, uint32_t index,
                        uint32_t value)
{
    host_write_register(host, time, reg, index, value);
}

/* ---- start ---------------------------------------------------------------------------------------- */

static void read_some(struct host *host, uint64_t time, uint32_t first, uint32_t end)
{
    host->s->started = START_READING;
    host->s->reads_left = end - first;
    for (uint32_t i = first; i < end; i++) {
        const struct reg_info *info = &reg_table[capabilities[i]];

        espnic_mmio_read(host->card, time, info->offset, info->bytes, READ_CAPABILITY + i);
    }
}

void host_read_capabilities(struct host *host, uint64_t time)
{
    read_some(host, time, 0, FOR_ALL);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void take_capabilities(struct host *host)
{
    const struct host_config *config = &host->config;
    uint32_t flags = host->s->cap[0];
    uint32_t tx = host->s->cap[1] >> 8 & 0xff;
    uint32_t rx = host->s->cap[1] >> 16 & 0xff;

    host->s->packet_offload = (flags & FLAG_PACKET_OFFLOAD) != 0;
    host->s->esn_inferred = (flags & FLAG_ESN_INFERRED) != 0;
    host->s->esn_scope = REG_GET(CAP_FLAGS, ESN_SCOPE, flags) != 0;
    host->s->events = REG_GET(CAP_FLAGS, EVENTS, flags) != 0;
    host->s->round = host->s->cap[CAP_ROUND];
    host->s->lso = REG_GET(CAP_FLAGS, LSO, flags) != 0;
    host->s->wiped_by_reset = REG_GET(CAP_FLAGS, RESET_WIPES, flags) != 0;
    tx = least(least(tx, HOST_MAX_QUEUES), config->general.cores);
    rx = least(rx, HOST_MAX_QUEUES);
    host->s->tx_queues = config->tx.queues == 0 ? tx : least(tx, config->tx.queues);
    host->s->rx_queues = config->rx.queues == 0 ? rx : least(rx, config->rx.queues);
    host->s->tx_queues = host->s->tx_queues == 0 ? 1 : host->s->tx_queues;
    host->s->rx_queues = host->s->rx_queues == 0 ? 1 : host->s->rx_queues;
    for (uint32_t i = 0; i < config->general.cores; i++) {
        host->core[i].queue = i % host->s->tx_queues;
    }
}

/* What goes behind descriptors, and how they get to the card. */
static void take_rings(struct host *host)
{
    const uint32_t *cap = host->s->cap;
    uint32_t most = (uint32_t)REG_GET(CAP_TX, INLINE, cap[CAP_TX]) * 16;
    uint32_t room = ((uint32_t)host->config.tx.inline_bytes + 15) & ~15u;

    host->s->tx_along = most;
    host->s->tx_window = REG_GET(CAP_TX, PUSH, cap[CAP_TX]) != 0;
    room = least(room, most);
    if (cap[CAP_TX_CONTEXT] != host->s->tx_context || room != host->s->tx_room) {
        host_memory_longer_descriptors(host, cap[CAP_TX_CONTEXT], room);
    }
}

/* Of a card whose driver decides what it takes. */
static void take_limits(struct host *host)
{
    const uint32_t *cap = host->s->cap;
    struct sa_capabilities *can = &host->s->can;
    uint32_t tables = cap[CAP_TABLES];
    uint32_t flags = cap[CAP_FLAGS];
    uint32_t command = cap[CAP_COMMAND];

    *can = (struct sa_capabilities){
        .encryption = cap[CAP_ALGORITHMS],
        .authentication = cap[CAP_ALGORITHMS],
        .aead_icvs = (REG_GET(CAP_COMMAND, ICV_8, command) ? SA_ICV(8) : 0) |
                     (REG_GET(CAP_COMMAND, ICV_12, command) ? SA_ICV(12) : 0) |
                     (REG_GET(CAP_COMMAND, ICV_16, command) ? SA_ICV(16) : 0),
        .udp = cap[CAP_UDP],
        .host_checks_replay = true, /* these cards do crypto offload */
        .ipv6 = REG_GET(CAP_FLAGS, IPV6, flags) != 0,
        .ah = REG_GET(CAP_FLAGS, AH, flags) != 0,
        .esp = REG_GET(CAP_FLAGS, ESP, flags) != 0,
        .ah_esp = REG_GET(CAP_FLAGS, AH_ESP, flags) != 0,
        .transport = REG_GET(CAP_FLAGS, TRANSPORT, flags) != 0,
        .tunnel = REG_GET(CAP_FLAGS, TUNNEL, flags) != 0,
        .esn = REG_GET(CAP_FLAGS, ESN, flags) != 0,
    };
    host->s->command_limit = (uint32_t)REG_GET(CAP_COMMAND, LIMIT, command);
    take_rings(host);
    if (host->s->path == NIC_PATH_REGISTERS && host->tables == NULL) {
        host->tables = host_tables_new((uint32_t)REG_GET(CAP_TABLES, TX, tables),
                                       (uint32_t)REG_GET(CAP_TABLES, RX, tables),
                                       (uint32_t)REG_GET(CAP_COMMAND, IP_ENTRIES, command));
    }
}

/* Modes of TX_DONE and RX_DONE. */
static uint64_t tx_done(const struct host_tx_config *c)
{
    uint64_t v = REG_PUT(TX_DONE, MODE, 0, c->done);

    v = REG_PUT(TX_DONE, BATCH, v, c->done_batch);
    return REG_PUT(TX_DONE, BYTES, v, c->done_bytes / 16);
}

static uint64_t rx_done(const struct host_rx_config *c)
{
    uint64_t v = REG_PUT(RX_DONE, MODE, 0, c->done == HOST_RX_DONE_HEAD ? 2 : 0);

    v = REG_PUT(RX_DONE, BATCH, v, c->done_batch);
    return REG_PUT(RX_DONE, BYTES, v, c->done_bytes / 16);
}

/* Only if it is not what rings do anyway. */
static void program_completions(struct host *host, uint64_t time)
{
    const struct host_tx_config *tx = &host->config.tx;
    const struct host_rx_config *rx = &host->config.rx;
    bool tx_plain = tx->done == HOST_TX_DONE_EACH && tx->done_batch == 1 && tx->done_bytes == 32;
    bool rx_plain = rx->done == HOST_RX_DONE_EACH && rx->done_batch == 1 && rx->done_bytes == 64;

    for (uint32_t q = 0; q < host->s->tx_queues && !tx_plain; q++) {
        host_write_register(host, time, REG_TX_DONE_WAIT, q, tx->done_wait / 1000);
        host_write_register(host, time, REG_TX_DONE, q, tx_done(tx));
    }
    for (uint32_t q = 0; q < host->s->rx_queues && !rx_plain; q++) {
        host_write_register(host, time, REG_RX_DONE_WAIT, q, rx->done_wait / 1000);
        host_write_register(host, time, REG_RX_DONE, q, rx_done(rx));
    }
}

static void program_rings(struct host *host, uint64_t time)
{
    if (host->s->path != NIC_PATH_REGISTERS) {
        host_write_register(host, time, REG_CMD_BASE, 0, host_address(REGION_RINGS, 0));
        host_write_register(host, time, REG_CMD_DONE_BASE, 0,
                            host_address(REGION_RINGS, host->layout.cmd_done));
        host_write_register(host, time, REG_CMD_SIZE, 0, host->config.oid.ring);
    }
    for (uint32_t q = 0; q < host->s->tx_queues; q++) {
        host_write_register(host, time, REG_TX_BASE, q,
                            host_address(REGION_RINGS, host_ring_tx(host, q)));
        host_write_register(host, time, REG_TX_DONE_BASE, q,
                            host_address(REGION_RINGS, host_ring_tx_done(host, q)));
        host_write_register(host, time, REG_TX_SIZE, q, host->config.tx.ring);
        if (host->s->tx_room != 0) {
            host_write_register(host, time, REG_TX_INLINE, q, host->s->tx_room);
        }
    }
    for (uint32_t q = 0; q < host->s->rx_queues; q++) {
        host_write_register(host, time, REG_RX_BASE, q,
                            host_address(REGION_RINGS, host_ring_rx(host, q)));
        host_write_register(host, time, REG_RX_DONE_BASE, q,
                            host_address(REGION_RINGS, host_ring_rx_done(host, q)));
        host_write_register(host, time, REG_RX_SIZE, q, host->config.rx.ring);
    }
}

static void program_interrupts(struct host *host, uint64_t time)
{
    const struct host_config *c = &host->config;
    bool commands = c->oid.signal == HOST_SIGNAL_INTERRUPT && host->s->path != NIC_PATH_REGISTERS;
    uint32_t enable = commands ? 1u << VECTOR_COMMANDS : 0;

    for (uint32_t q = 0; q < host->s->rx_queues && c->rx.signal == HOST_SIGNAL_INTERRUPT; q++) {
        enable |= 1u << (VECTOR_RX + q);
    }
    for (uint32_t q = 0; q < host->s->tx_queues && c->tx.signal == HOST_SIGNAL_INTERRUPT; q++) {
        enable |= 1u << (VECTOR_TX + q);
    }
    host_write_register(host, time, REG_INT_HOLDOFF, 0, c->oid.holdoff / 1000);
    host_write_register(host, time, REG_INT_HOLDOFF, 1, c->rx.holdoff / 1000);
    host_write_register(host, time, REG_INT_HOLDOFF, 2, c->tx.holdoff / 1000);
    host_write_register(host, time, REG_INT_COALESCE, 0, c->oid.coalesce);
    host_write_register(host, time, REG_INT_COALESCE, 1, c->rx.coalesce);
    host_write_register(host, time, REG_INT_COALESCE, 2, c->tx.coalesce);
    host_write_register(host, time, REG_INT_ENABLE, 0, enable);
}

/* Is a core still at work on this buffer, or is what is in it to be sent? */
static bool in_work(const struct host *host, uint32_t buffer)
{
    if (host->buffer[buffer].held) {
        return true;
    }
    for (uint32_t i = 0; i < host->config.general.cores; i++) {
        if (host->core[i].work == WORK_RX && host->core[i].rx.buffer == buffer) {
            return true;
        }
    }
    return false;
}

static void post_buffer(struct host *host, uint32_t queue, uint32_t buffer)
{
    struct host_rxq *q = &host->rxq[queue];
    struct abi_rx_descriptor d = {
        .address = host_address(REGION_RX, ((uint64_t)buffer << host->rx_shift) + host->rx_room),
        .length = (uint32_t)host->config.memory.rx_buffer - host->rx_room,
        .cookie = buffer
    };
    uint32_t entry = q->tail++ & (host->config.rx.ring - 1);

    host->buffer[buffer].captured = host->rx_room;
    memcpy(host->rings + host_ring_rx(host, queue) + entry * sizeof d, &d, sizeof d);
}

static void program(struct host *host, uint64_t time)
{
    program_rings(host, time);
    program_completions(host, time);
    host_events_program(host, time);
    for (uint32_t q = 0; q < host->s->rx_queues; q++) {
        struct host_rxq *rx = &host->rxq[q];

        *rx = (struct host_rxq){ .poll_at = CLOCK_NEVER };
        for (uint32_t i = 0; i < host->config.rx.ring; i++) {
            uint32_t buffer = q * host->config.rx.ring + i;

            if (!in_work(host, buffer)) {
                post_buffer(host, q, buffer);
            }
        }
        rx->rung = rx->tail;
    }
    program_interrupts(host, time);
    host_write_register(host, time, REG_CTRL, 0,
                        CTRL_ENABLE | (host->s->encapsulated ? (uint64_t)CTRL_OFFLOAD : 0));
    for (uint32_t q = 0; q < host->s->rx_queues; q++) {
        host_write_register(host, time, REG_RX_TAIL, q, host->rxq[q].tail);
    }
}

/* A look at a reset has come back; CMD_SIZE was asked for first. */
static void reset_answer(struct host *host, uint64_t time, uint64_t tag, uint64_t value)
{
    host->s->reset_reads--;
    if (!host->s->resetting) {
        return;
    }
    if (tag == READ_RINGS) {
        host->s->rings_lost = value == 0;
    } else if ((value & CTRL_RESET) == 0) {
        host->s->reset_over_at = time;
        host_wake(host, BLOCK_TIMER, time);
    } else { /* not yet: look again, at once if the driver has ended it meanwhile */
        uint64_t next = time + host->config.general.reset_poll;

        host->s->reset_check = host->s->reset_check < next ? host->s->reset_check : next;
        host_wake(host, BLOCK_TIMER, host->s->reset_check > time ? host->s->reset_check : time);
    }
}

/* What only some cards have. */
static bool read_more(struct host *host, uint64_t time)
{
    bool more = REG_GET(CAP_FLAGS, MORE, host->s->cap[CAP_FLAGS]) != 0;
    uint32_t first = host->s->path != NIC_PATH_QUEUE ? (uint32_t)FOR_ALL : (uint32_t)CAP_TX;
    bool events = REG_GET(CAP_FLAGS, EVENTS, host->s->cap[CAP_FLAGS]) != 0;
    uint32_t end = events ? (uint32_t)CAPABILITIES : more ? (uint32_t)CAP_ROUND : (uint32_t)CAP_TX;

    if (first != end) {
        read_some(host, time, first, end);
    }
    return first != end;
}

void host_mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct host *host = self;

    if (tag == READ_MAILBOX) {
        host_mailbox_answer(host, time, (uint32_t)value);
        return;
    }
    if (tag >= READ_RESET) {
        reset_answer(host, time, tag, ok ? value : CTRL_RESET);
        return;
    }
    if (tag >= CAPABILITIES || host->s->reads_left == 0) {
        return;
    }
    host->s->cap[tag] = ok ? (uint32_t)value : 0;
    if (--host->s->reads_left == 0) {
        host->s->path = (uint8_t)REG_GET(CAP_FLAGS, COMMAND_PATH, host->s->cap[CAP_FLAGS]);
        host->s->no_inbound = REG_GET(CAP_FLAGS, NO_INBOUND, host->s->cap[CAP_FLAGS]) != 0;
        if (tag < FOR_ALL && read_more(host, time)) {
            return;
        }
        take_capabilities(host);
        take_limits(host);
        program(host, time);
        host->s->started = START_ENCAPSULATION;
        host_encapsulation(host, true, REQUEST_STARTING, time);
    }
}

/* ---- interrupts ----------------------------------------------------------------------------------- */

static void sooner(struct host *host, uint64_t *at, uint64_t time, uint32_t core)
{
    if (time < *at) {
        *at = time;
    }
    host_core_kick(host, core, *at);
}

void host_msix(void *self, uint64_t time, unsigned vector)
{
    struct host *host = self;
    uint64_t at = time + host_cost(host, host->config.general.interrupt);

    if (vector == VECTOR_COMMANDS) {
        sooner(host, &host->s->cmd_poll_at, at, 0);
        host_event_told(host, at);
    } else if (vector >= VECTOR_TX && vector - VECTOR_TX < host->s->tx_queues) {
        uint32_t q = vector - VECTOR_TX;

        sooner(host, &host->txq[q].poll_at, at, q % host->config.general.cores);
    } else if (vector - VECTOR_RX < host->s->rx_queues) {
        uint32_t q = vector - VECTOR_RX;

        host->stats->rx.interrupts++;
        sooner(host, &host->rxq[q].poll_at, at, q % host->config.general.cores);
    }
}

void host_wire_ready(void *self, uint64_t time, unsigned port)
{
    (void)self; /* only who plays the wire waits for it */
    (void)time;
    (void)port;
}

/* ---- completions ----------------------------------------------------------------------------------- */

/* Completion entries carry ABI_PHASE on every other pass through the ring. */
bool host_entry_visible(const struct host *host, uint32_t ring_offset, size_t entry_bytes,
                        size_t flags_at, uint32_t done, uint32_t ring)
{
    const uint8_t *entry = host->rings + ring_offset + (done & (ring - 1)) * entry_bytes;
    uint16_t flags;

    memcpy(&flags, entry + flags_at, sizeof flags);
    return ((flags & ABI_PHASE) != 0) == ((done & ring) == 0);
}

bool host_rx_visible(const struct host *host, uint32_t queue)
{
    const struct host_rxq *q = &host->rxq[queue];
    size_t flags = host->config.rx.done_bytes == sizeof(struct abi_rx_short)
                       ? offsetof(struct abi_rx_short, flags)
                       : offsetof(struct abi_rx_completion, flags);

    if (host->config.rx.done == HOST_RX_DONE_HEAD) {
        return q->known != q->done;
    }
    return q->done != q->tail &&
           host_entry_visible(host, host_ring_rx_done(host, queue), host->config.rx.done_bytes,
                              flags, q->done, host->config.rx.ring);
}

bool host_cmd_visible(const struct host *host)
{
    return host->s->cmd_done != host->s->cmd_tail &&
           host_entry_visible(host, host->layout.cmd_done, sizeof(struct abi_command_completion),
                              offsetof(struct abi_command_completion, flags), host->s->cmd_done,
                              host->config.oid.ring);
}

/* ---- receive ring --------------------------------------------------------------------------------- */

void host_rx_entry(const struct host *host, const uint8_t *bytes,
                   struct abi_rx_completion *completion)
{
    struct abi_rx_short c;

    if (host->config.rx.done_bytes != sizeof c) {
        memcpy(completion, bytes, sizeof *completion);
        return;
    }
    memcpy(&c, bytes, sizeof c);
    *completion = (struct abi_rx_completion){
        .cookie = c.cookie,
        .length = c.length,
        .offload_word = c.offload_word | (uint32_t)c.status << ABI_RX_CRYPTO_STATUS_LSB,
        .header_word = c.header_word | (c.info ? (uint32_t)ABI_HEADER_INFO_SET : 0),
        .handle = c.handle,
        .wire_ps = c.wire_ps,
        .port = c.port,
        .reason = c.reason,
        .flags = c.flags
    };
}

uint32_t host_rx_posted(const struct host *host, uint32_t queue, uint32_t index)
{
    struct abi_rx_descriptor d;

    memcpy(&d,
           host->rings + host_ring_rx(host, queue) +
               (index & (host->config.rx.ring - 1)) * sizeof d,
           sizeof d);
    return d.cookie;
}

void host_rx_head(const struct host *host, uint32_t queue, struct abi_rx_completion *completion)
{
    uint32_t done = host->rxq[queue].done;
    size_t entry = (done & (host->config.rx.ring - 1)) * host->config.rx.done_bytes;

    if (host->config.rx.done == HOST_RX_DONE_HEAD) {
        memcpy(completion,
               host_buffer_bytes(host, host_rx_posted(host, queue, done)) + host->rx_room,
               sizeof *completion);
    } else {
        host_rx_entry(host, host->rings + host_ring_rx_done(host, queue) + entry, completion);
    }
}

/* A ring that is smaller than `host.rx.refill` is filled when all of it is empty: who waited for more would wait for
 * ever where buffers come back from the transmit side. */
uint32_t host_refill_at(const struct host *host)
{
    return least(host->config.rx.refill, host->config.rx.ring);
}

static void ring_rx(struct host *host, uint32_t queue, uint64_t time)
{
    struct host_rxq *q = &host->rxq[queue];

    q->rung = q->tail;
    host_write_register(host, time, REG_RX_TAIL, queue, q->tail);
}

void host_refill(struct host *host, uint32_t queue, uint64_t time)
{
    struct host_rxq *q = &host->rxq[queue];

    while (q->empty.head != 0) {
        uint32_t buffer = q->empty.head - 1;

        q->empty.head = host->buffer[buffer].next;
        post_buffer(host, queue, buffer);
    }
    q->empty = (struct host_list){ 0 };
    if (!host->s->resetting) {
        host->stats->rx.refills++;
        ring_rx(host, queue, time);
    }
}

/* ---- command ring --------------------------------------------------------------------------------- */

void host_cmd_head(const struct host *host, struct abi_command_completion *completion)
{
    uint32_t entry = host->s->cmd_done & (host->config.oid.ring - 1);

    memcpy(completion, host->rings + host->layout.cmd_done + entry * sizeof *completion,
           sizeof *completion);
}

void host_cmd_write(struct host *host, const struct abi_command *command, uint64_t time)
{
    uint32_t entry = host->s->cmd_tail & (host->config.oid.ring - 1);

    memcpy(host->rings + entry * sizeof *command, command, sizeof *command);
    host->s->cmd_tail++;
    host_write_register(host, time, REG_CMD_TAIL, 0, host->s->cmd_tail);
}

/* ---- reset ---------------------------------------------------------------------------------------- */

static uint64_t running(const struct host *host)
{
    return CTRL_ENABLE | (host->s->encapsulated ? (uint64_t)CTRL_OFFLOAD : 0);
}

static void look(struct host *host, uint64_t at)
{
    host->s->reset_check = at;
    host_wake(host, BLOCK_TIMER, at);
}

/* Commands go on to the card, which refuses them; nothing is sent. */
void host_begin_reset(struct host *host, uint64_t time)
{
    if (host->s->resetting || host->s->reset_reads != 0 || host->s->started != START_DONE) {
        return; /* one is enough; the last one's reads are answered within microseconds */
    }
    host->stats->sa.resets++;
    host->s->resetting = true;
    host->s->reset_started = time;
    if (!host->s->restore.running) {
        host->s->restore.software = host->stats->software_packets;
    }
    host->s->reset_end = time + host->config.general.reset_hold;
    host->s->reset_due = CLOCK_NEVER;
    host->s->reset_tail = host->s->cmd_tail;
    host_write_register(host, time, REG_CTRL, 0, running(host) | CTRL_RESET);
    look(host, time + host->config.general.reset_poll);
}

/* An ADD from before the reset may end well for an SA that is wiped already: what the card answered to all of them is
 * known before the SAs are added again. A card that answers nothing is not waited for without end. */
static bool commands_out(const struct host *host, uint64_t time)
{
    return host->s->wiped_by_reset && !host->s->rings_lost &&
           (int32_t)(host->s->cmd_done - host->s->reset_tail) < 0 &&
           time - host->s->reset_due < RESET_PATIENCE;
}

/* The driver lets the card go on; it has done so when RESET reads 0. If it is too early, it tries again with the next
 * look. */
void host_end_reset(struct host *host, uint64_t time)
{
    if (!host->s->resetting || host->s->reset_end == CLOCK_NEVER) {
        return;
    }
    host->s->reset_due = host->s->reset_due == CLOCK_NEVER ? time : host->s->reset_due;
    if (commands_out(host, time)) {
        host->s->reset_end = time;
        return;
    }
    host->s->reset_end = CLOCK_NEVER;
    host_write_register(host, time, REG_CTRL, 0, running(host));
    look(host, time);
}

/* Buffers that were given back during a reset, which rings no doorbell. */
static void ring_late(struct host *host, uint64_t time)
{
    for (uint32_t q = 0; q < host->s->rx_queues; q++) {
        if (host->rxq[q].rung != host->rxq[q].tail) {
            ring_rx(host, q, time);
        }
    }
}

static void flush_rx(struct host *host)
{
    for (uint32_t q = 0; q < host->s->rx_queues; q++) {
        for (; host_rx_visible(host, q); host->rxq[q].done++) {
            struct abi_rx_completion c;

            host_rx_head(host, q, &c);
            host->stats->rx.completions++;
            host->stats->rx.completion_bytes += c.length;
            host->stats->rx.drop[HOST_RX_DROP_HOST_RESET]++;
        }
    }
}

/* The card may have kept its rings or lost them: an empty CMD_SIZE says so. */
void host_reset_over(struct host *host, uint64_t time)
{
    host->s->reset_over_at = CLOCK_NEVER;
    host->s->reset_check = CLOCK_NEVER;
    host->s->reset_end = CLOCK_NEVER;
    if (host->s->rings_lost) {
        flush_rx(host);
    }
    host->s->resetting = false;
    host->stats->restore.blocked_ps += time - host->s->reset_started;
    if (host->s->rings_lost) {
        memset(host->rings, 0, host->ring_bytes);
        program(host, time);
        host_tx_flush(host, time);
    } else {
        ring_late(host, time);
    }
    if (host->s->wiped_by_reset) {
        host_wiped(host, time);
    } else {
        host_restore_go(host, time);
    }
    host_oid_flush(host, host->s->rings_lost, time);
    host_unblock(host, time);
    host_event_told(host, time);
    for (uint32_t i = 0; i < host->config.general.cores; i++) {
        host_core_kick(host, i, time);
    }
}

void host_timer_wake(struct host *host, uint64_t time)
{
    if (host->s->reset_over_at <= time) {
        host->s->reset_over_at = CLOCK_NEVER;
        host->s->reset_check = CLOCK_NEVER;
        if (!host_mailbox_restore(host, time)) {
            host_reset_over(host, time);
        }
    }
    if (host->s->reset_check <= time && host->s->reset_reads == 0) {
        host->s->reset_check = CLOCK_NEVER;
        if (host->s->reset_end <= time) {
            host_end_reset(host, time);
            host->s->reset_check = CLOCK_NEVER; /* this is the look */
        }
        host->s->reset_reads = 2;
        espnic_mmio_read(host->card, time, reg_table[REG_CMD_SIZE].offset, 4, READ_RINGS);
        espnic_mmio_read(host->card, time, reg_table[REG_CTRL].offset, 4, READ_RESET);
    }
    host_delayed_run(host, time);
    /* An earlier wake has taken the place of later ones: ask for them again. */
    if (host->s->reset_check != CLOCK_NEVER && host->s->reset_reads == 0) {
        host_wake(host, BLOCK_TIMER, host->s->reset_check);
    }
}
