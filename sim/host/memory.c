/* Host memory: flat arrays behind a simulated address space.
 *
 * An address is a region (upper bits) and an offset: rings, command buffers, transmit buffers, receive
 * buffers. Transmit buffers have no contents in a timing-only run, receive buffers only the first bytes
 * of a packet, and only if the card has them. Whatever lies elsewhere (the card's backing store of SA
 * contexts) has no contents either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "host/internal.h"

enum { RX_HEADER = 256 /* bytes of a received packet kept in a timing-only run */ };

/* Bytes of each ring, a multiple of 64. */
static uint32_t ring_bytes(uint32_t entries, size_t entry)
{
    return ((uint32_t)(entries * entry) + 63u) & ~63u;
}

/* One ring of commands, then those of a kind for all queues, one kind after the other; that of events is last. */
static struct host_layout lay_out(const struct host_config *c, uint32_t tx_entry)
{
    struct host_layout l = {
        .tx_step = ring_bytes(c->tx.ring, tx_entry),
        .tx_done_step = ring_bytes(c->tx.ring, c->tx.done_bytes),
        .rx_step = ring_bytes(c->rx.ring, sizeof(struct abi_rx_descriptor)),
        .rx_done_step = ring_bytes(c->rx.ring, c->rx.done_bytes),
    };

    l.cmd_done = ring_bytes(c->oid.ring, sizeof(struct abi_command));
    l.tx = l.cmd_done + ring_bytes(c->oid.ring, sizeof(struct abi_command_completion));
    l.tx_done = l.tx + HOST_MAX_QUEUES * l.tx_step;
    l.rx = l.tx_done + HOST_MAX_QUEUES * l.tx_done_step;
    l.rx_done = l.rx + HOST_MAX_QUEUES * l.rx_step;
    l.events = l.rx_done + HOST_MAX_QUEUES * l.rx_done_step;
    l.end = l.events + ring_bytes(HOST_EVENT_RING, sizeof(struct abi_event));
    return l;
}

static uint32_t shift_of(uint64_t bytes)
{
    uint32_t shift = 0;

    while ((1ull << shift) < bytes) {
        shift++;
    }
    return shift;
}

/* Never NULL for a count of 0. */
static void *zeroed(size_t count, size_t bytes)
{
    return calloc(count == 0 ? 1 : count, bytes == 0 ? 1 : bytes);
}

bool host_memory_init(struct host *host, char *error, size_t error_size)
{
    const struct host_config *config = &host->config;
    uint64_t queues =
        config->general.cores < HOST_MAX_QUEUES ? config->general.cores : HOST_MAX_QUEUES;

    host->layout = lay_out(config, host_tx_entry(host));
    host->ring_bytes = host->layout.end;
    host->slots = (uint32_t)(queues * config->tx.ring +
                             (uint64_t)config->general.cores * config->tx.backlog + 64);
    host->buffers = config->rx.ring * HOST_MAX_QUEUES + 1;
    host->tx_shift = shift_of(config->memory.tx_buffer);
    host->rx_shift = shift_of(config->memory.rx_buffer);
    host->tx_stride = host->options.functional ? (uint32_t)config->memory.tx_buffer : 0;
    host->rx_stride = host->options.functional ? (uint32_t)config->memory.rx_buffer
                                               : RX_HEADER + host_rx_start(host);
    host->rings = zeroed(host->ring_bytes, 1);
    host->slot = zeroed(host->slots, sizeof *host->slot);
    host->tx_bytes = zeroed(host->slots, host->tx_stride);
    host->buffer = zeroed(host->buffers, sizeof *host->buffer);
    host->rx_bytes = zeroed(host->buffers, host->rx_stride);
    host->tx_slot_of = zeroed((size_t)HOST_MAX_QUEUES * config->tx.ring, sizeof(uint32_t));
    host->reasm = zeroed((size_t)config->software.reassemblies + 1, sizeof *host->reasm);
    host->reasm_bytes = zeroed((size_t)config->software.reassemblies + 1,
                               host->options.functional ? REASM_BYTES : 0);
    host_store_init(&host->commands, 64);
    host_store_init(&host->blocks, 16);
    if (host->rings == NULL || host->slot == NULL || host->tx_bytes == NULL ||
        host->buffer == NULL || host->rx_bytes == NULL || host->tx_slot_of == NULL ||
        host->reasm == NULL || host->reasm_bytes == NULL) {
        snprintf(error, error_size, "not enough memory for %u packet buffers of %llu bytes",
                 host->slots, (unsigned long long)config->memory.tx_buffer);
        return false;
    }
    return true;
}

void host_memory_longer_descriptors(struct host *host, uint32_t context, uint32_t room)
{
    host->s->tx_context = context;
    host->s->tx_room = room;
    host->layout = lay_out(&host->config, host_tx_entry(host));
    host->ring_bytes = host->layout.end;
    free(host->rings);
    host->rings = must(zeroed(host->ring_bytes, 1));
}

void host_memory_destroy(struct host *host)
{
    free(host->rings);
    free(host->slot);
    free(host->tx_bytes);
    free(host->buffer);
    free(host->rx_bytes);
    free(host->tx_slot_of);
    free(host->reasm);
    free(host->reasm_bytes);
    free(host->image);
    host_store_destroy(&host->commands);
    host_store_destroy(&host->blocks);
}

/* ---- snapshots ------------------------------------------------------------------------------------ */

/* Buffers are large and most of them hold nothing: only what somebody may still read is saved. */
struct passage {
    unsigned char *at; /* NULL: only count */
    size_t bytes;      /* so far */
    size_t most;
    bool save;
};

static void pass(struct passage *p, uint8_t *bytes, size_t count)
{
    if (p->at != NULL && p->bytes + count <= p->most) {
        if (p->save) {
            memcpy(p->at + p->bytes, bytes, count);
        } else {
            memcpy(bytes, p->at + p->bytes, count);
        }
    }
    p->bytes += count;
}

/* Frames not yet with the card, frames that it has written, reassemblies: slots and buffers say how much. */
static void pass_contents(struct host *host, struct passage *p)
{
    for (uint32_t i = 0; host->tx_stride != 0 && i < host->s->slots_used; i++) {
        const struct host_slot *s = &host->slot[i];

        if (s->state != SLOT_FREE && s->rx_buffer == 0 && s->captured <= host->tx_stride &&
            s->start <= host->tx_stride - s->captured) {
            pass(p, host_slot_bytes(host, i) + s->start, s->captured);
        }
    }
    for (uint32_t i = 0; i < host->buffers; i++) {
        if (host->buffer[i].captured <= host->rx_stride) {
            pass(p, host_buffer_bytes(host, i), host->buffer[i].captured);
        }
    }
    for (uint32_t i = 1; host->options.functional && i <= host->config.software.reassemblies; i++) {
        if (host->reasm[i].used) {
            pass(p, host->reasm_bytes + (size_t)i * REASM_BYTES, REASM_BYTES);
        }
    }
}

bool host_memory_save(struct host *host)
{
    struct passage p = { .save = true };

    pass_contents(host, &p);
    free(host->image);
    host->image = malloc(p.bytes + 1);
    host->image_bytes = host->image != NULL ? p.bytes : 0;
    p = (struct passage){ .at = host->image, .most = host->image_bytes, .save = true };
    pass_contents(host, &p);
    return host->image != NULL;
}

bool host_memory_load(struct host *host)
{
    struct passage p = { .at = host->image, .most = host->image_bytes };

    pass_contents(host, &p);
    return p.bytes == host->image_bytes;
}

/* Regions end where their last buffer or ring does. */
bool host_dma_mapped(void *self, uint64_t address, uint32_t length)
{
    const struct host *host = self;
    uint64_t end = (address & (((uint64_t)1 << REGION_SHIFT) - 1)) + length;

    switch (address >> REGION_SHIFT) {
    case REGION_RINGS: return end <= host->ring_bytes;
    case REGION_COMMANDS: return end <= (uint64_t)host->commands.used * host->commands.unit;
    case REGION_TX: return end <= (uint64_t)host->slots << host->tx_shift;
    case REGION_RX: return end <= (uint64_t)host->buffers << host->rx_shift;
    default: return false;
    }
}

/* ---- what the card does to memory ---------------------------------------------------------------- */

const uint8_t *host_dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct host *host = self;
    uint64_t offset = address & (((uint64_t)1 << REGION_SHIFT) - 1);

    (void)time;
    switch (address >> REGION_SHIFT) {
    case REGION_RINGS:
        if (offset + length <= host->ring_bytes) {
            return host->rings + offset;
        }
        break;
    case REGION_COMMANDS:
        if (offset + length <= (uint64_t)host->commands.used * host->commands.unit) {
            return host->commands.data + offset;
        }
        break;
    case REGION_TX: {
        uint64_t slot = offset >> host->tx_shift;
        uint64_t inside = offset & ((1ull << host->tx_shift) - 1);

        if (slot < host->slots && inside + length <= host->tx_stride &&
            host->slot[slot].captured == host->slot[slot].length) {
            return host_slot_bytes(host, (uint32_t)slot) + inside;
        }
        return NULL;
    }
    case REGION_RX: { /* a packet that is forwarded from where it was received */
        uint64_t buffer = offset >> host->rx_shift;
        uint64_t inside = offset & ((1ull << host->rx_shift) - 1);

        if (host->options.functional && buffer < host->buffers && host->buffer[buffer].held &&
            inside + length <= host->buffer[buffer].captured) {
            return host_buffer_bytes(host, (uint32_t)buffer) + inside;
        }
        return NULL;
    }
    default: break;
    }
    host->stats->foreign_dma++;
    return NULL;
}

static void packet_visible(struct host *host, uint64_t time, const struct abi_rx_completion *c)
{
    if (c->cookie < host->buffers) {
        host->buffer[c->cookie].visible = time;
    }
    if (time >= c->wire_ps) {
        histogram_add(&host->stats->rx.latency_ns, time - c->wire_ps);
    }
}

/* The number of packets so far: what is said of each is in front of it. */
static void wrote_rx_head(struct host *host, uint64_t time, uint32_t queue, const uint8_t *bytes)
{
    struct host_rxq *q = &host->rxq[queue];
    uint32_t head;

    memcpy(&head, bytes, sizeof head);
    while (q->known != head && q->known != q->tail) {
        struct abi_rx_completion c;

        memcpy(&c, host_buffer_bytes(host, host_rx_posted(host, queue, q->known++)) + host->rx_room,
               sizeof c);
        packet_visible(host, time, &c);
    }
}

static void wrote_rx_entries(struct host *host, uint64_t time, const uint8_t *bytes,
                             uint32_t length)
{
    uint32_t entry = (uint32_t)host->config.rx.done_bytes;

    for (; length >= entry; bytes += entry, length -= entry) {
        struct abi_rx_completion c;

        host_rx_entry(host, bytes, &c);
        packet_visible(host, time, &c);
    }
}

static void wrote_rx(struct host *host, uint64_t time, uint32_t offset, const uint8_t *bytes,
                     uint32_t length)
{
    uint32_t queue = (offset - host->layout.rx_done) / host->layout.rx_done_step;

    if (host->config.rx.done != HOST_RX_DONE_HEAD) {
        wrote_rx_entries(host, time, bytes, length);
    } else if (length == sizeof(uint32_t)) {
        wrote_rx_head(host, time, queue, bytes);
    }
    if (host->config.rx.signal == HOST_SIGNAL_POLL) {
        uint64_t at = time + host_cost(host, host->config.general.poll);

        host->rxq[queue].poll_at = at < host->rxq[queue].poll_at ? at : host->rxq[queue].poll_at;
        host_core_kick(host, queue % host->config.general.cores, host->rxq[queue].poll_at);
    }
}

static void wrote_tx(struct host *host, uint64_t time, uint32_t offset)
{
    if (host->config.tx.signal == HOST_SIGNAL_POLL) {
        uint32_t queue = (offset - host->layout.tx_done) / host->layout.tx_done_step;
        uint64_t at = time + host_cost(host, host->config.general.poll);

        host->txq[queue].poll_at = at < host->txq[queue].poll_at ? at : host->txq[queue].poll_at;
        host_core_kick(host, queue % host->config.general.cores, host->txq[queue].poll_at);
    }
}

static void wrote_command(struct host *host, uint64_t time, const uint8_t *bytes)
{
    struct abi_command_completion c;

    memcpy(&c, bytes, sizeof c);
    if (c.cookie < host->requests.used &&
        host_request(host, (uint32_t)c.cookie)->state == REQUEST_POSTED) {
        host_request(host, (uint32_t)c.cookie)->visible = time;
    }
    if (host->config.oid.signal == HOST_SIGNAL_POLL) {
        uint64_t at = time + host_cost(host, host->config.general.poll);

        host->s->cmd_poll_at = at < host->s->cmd_poll_at ? at : host->s->cmd_poll_at;
        host_core_kick(host, 0, host->s->cmd_poll_at);
    }
}

/* Which completion ring an offset is in. */
static void wrote_ring(struct host *host, uint64_t time, uint32_t offset, const uint8_t *bytes,
                       uint32_t length)
{
    const struct host_layout *l = &host->layout;

    if (offset >= l->events) {
        if (host->config.oid.signal == HOST_SIGNAL_POLL) {
            host_event_told(host, time + host_cost(host, host->config.general.poll));
        }
    } else if (offset >= l->rx_done) {
        wrote_rx(host, time, offset, bytes, length);
    } else if (offset >= l->tx_done && offset < l->rx) {
        wrote_tx(host, time, offset);
    } else if (offset >= l->cmd_done && offset < l->tx &&
               length == sizeof(struct abi_command_completion)) {
        wrote_command(host, time, bytes);
    }
}

static void wrote_packet(struct host *host, uint64_t offset, const uint8_t *bytes, uint32_t length)
{
    uint64_t buffer = offset >> host->rx_shift;
    uint64_t inside = offset & ((1ull << host->rx_shift) - 1);
    uint32_t room;

    if (buffer >= host->buffers) {
        host->stats->foreign_dma++;
        return;
    }
    if (bytes == NULL || inside >= host->rx_stride || host->buffer[buffer].captured < inside) {
        return;
    }
    room = host->rx_stride - (uint32_t)inside;
    length = length < room ? length : room;
    memcpy(host_buffer_bytes(host, (uint32_t)buffer) + inside, bytes, length);
    host->buffer[buffer].captured = (uint32_t)inside + length;
}

void host_dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                    uint32_t length)
{
    struct host *host = self;
    uint64_t offset = address & (((uint64_t)1 << REGION_SHIFT) - 1);

    switch (address >> REGION_SHIFT) {
    case REGION_RINGS:
        if (bytes != NULL && offset + length <= host->ring_bytes) {
            memcpy(host->rings + offset, bytes, length);
            wrote_ring(host, time, (uint32_t)offset, bytes, length);
            return;
        }
        break;
    case REGION_COMMANDS:
        if (bytes != NULL &&
            offset + length <= (uint64_t)host->commands.used * host->commands.unit) {
            memcpy(host->commands.data + offset, bytes, length);
            return;
        }
        break;
    case REGION_RX: wrote_packet(host, offset, bytes, length); return;
    default: break;
    }
    host->stats->foreign_dma++;
}
