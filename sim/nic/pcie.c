/* pcie: what the card asks of the link, and what comes from it.
 *
 * Content moves when a request reaches host memory (the link calls memory()); the block that asked
 * goes on when the answer has crossed into its clock. */
#include "nic/mailbox.h"

#include <string.h>

enum { MSI_ADDRESS = 0xfee00000 };
enum { HEADERS = 256 /* of a frame that a host that forwards looks at */ };

unsigned nic_client(struct espnic *card, const char *name, unsigned writer, unsigned reader,
                    enum pcie_answers answers)
{
    unsigned link = pcie_link_block(card->link);
    unsigned c = card->clients++;

    card->request[c] = nic_channel(card, name, writer, link, card->config.pcie.queue);
    card->answer[c] = nic_channel(card, name, link, reader, 0);
    pcie_link_attach(card->link, card->request[c], card->answer[c], answers);
    return c;
}

bool nic_request_room(struct espnic *card, unsigned client, uint64_t now, uint32_t count)
{
    struct channel *ch = card->request[client];
    uint64_t at;

    if (ch->s.credits >=
        count) { /* nearly always; slots that have come back since would add to them */
        return true;
    }
    at = channel_room_at(ch, now, count);
    if (at > now && at != CLOCK_NEVER) { /* the channel itself wakes only for what is not known */
        sched_wake(&card->sched, ch->config.writer, at);
    }
    return at <= now;
}

/* Does the client's port take any number of requests a cycle? It belongs to the block and to the link. */
static bool free_port(const struct espnic *card, unsigned client)
{
    enum nic_ideal block = NIC_IDEAL_TX_DMA; /* payload, descriptors, completions */

    if (!card->config.general.ideal_mask) {
        return false;
    }
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        block = client == card->lane[i].rx_client ? NIC_IDEAL_RX_DMA : block;
    }
    block = client == card->dma.rx_client || client == card->dma.rx_done_client ? NIC_IDEAL_RX_DMA
                                                                                : block;
    block = client == card->commands.client ? NIC_IDEAL_COMMAND : block;
    block = client == card->memory.client ? NIC_IDEAL_SA_MEMORY : block;
    return nic_is_ideal(&card->config, block) || nic_is_ideal(&card->config, NIC_IDEAL_PCIE);
}

void nic_request(struct espnic *card, unsigned client, uint64_t at, const struct pcie_request *r)
{
    struct pcie_request request = *r;

    if (at < card->last_request[client]) {
        at = card->last_request[client];
    }
    card->last_request[client] = at + (free_port(card, client) ? 0 : 1);
    request.client = (uint8_t)client;
    pcie_request_push(card->link, at, &request);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Has a received packet contents in host memory? In a timing-only run a host that forwards needs the headers at
 * least; what is not known behind them is zero. */
static bool host_sees(struct espnic *card, struct nic_packet *p)
{
    if (p->present < p->length && p->present && !card->options.functional &&
        card->config.forward.path == NIC_FORWARD_HOST) {
        uint32_t end = p->length < HEADERS ? p->length : HEADERS;

        if (p->present < end) {
            memset(nic_bytes(card, p) + p->present, 0, end - p->present);
        }
        return true;
    }
    return p->present >= p->length;
}

/* With what is said of the packet in front of it, if the ring has it so. */
static void memory_rx(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    struct nic_packet *p = nic_packet(card, r->ref);
    uint32_t prefix = p->dma_bytes - p->length;
    struct abi_rx_completion c;

    if (r->status != PCIE_OK) {
        return;
    }
    if (prefix) {
        nic_rx_entry(card, p, &c);
        card->ports.dma_write(card->ports.self, time, r->address, (const uint8_t *)&c, sizeof c);
    }
    if (p->length) { /* of a packet of no bytes a TLP comes, but no byte */
        card->ports.dma_write(card->ports.self, time, r->address + prefix,
                              host_sees(card, p) ? nic_bytes(card, p) : NULL, p->length);
    }
}

static void memory_tx(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    struct nic_packet *p = nic_packet(card, r->ref);
    const uint8_t *bytes;

    if (r->status != PCIE_OK) {
        return;
    }
    bytes = card->ports.dma_read(card->ports.self, time, r->address, r->length);
    p->present = bytes ? p->length : 0;
    if (bytes) {
        memcpy(nic_bytes(card, p), bytes, r->length);
    }
}

static void tx_descriptors(struct espnic *card, unsigned q, const struct pcie_request *r,
                           const uint8_t *bytes)
{
    const struct nic_ring *ring = &card->dma.tx[q];

    for (uint32_t i = 0; i < r->length / ring->entry; i++, bytes += ring->entry) {
        nic_tx_place(card, q, r->ref + i, bytes, ring->room);
    }
}

/* Descriptors go to their place in the card's copy of the ring; a read never wraps there. */
static void memory_descriptors(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    unsigned q = r->ref2 >> NIC_PURPOSE_BITS;
    const uint8_t *bytes = NULL;
    uint32_t room;

    if (r->status == PCIE_OK) {
        bytes = card->ports.dma_read(card->ports.self, time, r->address, r->length);
    }
    if (!bytes) {
        return;
    }
    if ((r->ref2 & 0xff) == NIC_FOR_RX_DESCRIPTORS) {
        room = card->config.dma.rx_prefetch;
        for (uint32_t i = 0; i < r->length / sizeof(struct abi_rx_descriptor); i++) {
            memcpy(&card->dma.rx_descriptor[q * room + (r->ref + i) % room],
                   bytes + i * sizeof(struct abi_rx_descriptor), sizeof(struct abi_rx_descriptor));
        }
        return;
    }
    tx_descriptors(card, q, r, bytes);
}

static void memory(void *self, uint64_t cycle, const struct pcie_request *r)
{
    struct espnic *card = self;
    uint64_t time = nic_port_time(card, card->pcie_domain, cycle);

    switch ((enum nic_purpose)(r->ref2 & 0xff)) {
    case NIC_FOR_RX_PAYLOAD: memory_rx(card, time, r); break;
    case NIC_FOR_RX_DONE: nic_memory_rx_done(card, time, r); break;
    case NIC_FOR_TX_PAYLOAD: memory_tx(card, time, r); break;
    case NIC_FOR_TX_DONE: nic_memory_tx_done(card, time, r); break;
    case NIC_FOR_RX_DESCRIPTORS:
    case NIC_FOR_TX_DESCRIPTORS: memory_descriptors(card, time, r); break;
    case NIC_FOR_COMMANDS:
    case NIC_FOR_COMMAND_BUFFER:
    case NIC_FOR_HANDLE:
    case NIC_FOR_COMMAND_DONE: nic_command_memory(card, time, r); break;
    case NIC_FOR_EVENT: nic_event_memory(card, time, r); break;
    case NIC_FOR_MESSAGE:
        card->stats.interrupts++;
        if (r->status == PCIE_OK) {
            card->ports.msix(card->ports.self, time, r->ref);
        }
        break;
    case NIC_FOR_CONTEXT: /* contexts have no bytes in host memory: their state is in sa_table */
    case NIC_FOR_CONTEXT_BACK: break;
    }
}

/* The card's own regions of host memory, and what the client of the card says of the rest. */
static bool mapped(void *self, uint64_t address, uint32_t length)
{
    struct espnic *card = self;
    uint64_t contexts =
        (card->table.stats.capacity + 1) * card->config.sa.context_bytes; /* from 1 */

    if (!card->ports.dma_mapped || address == MSI_ADDRESS ||
        (address >= card->config.sa.host_base &&
         address + length <= card->config.sa.host_base + contexts)) {
        return true;
    }
    return card->ports.dma_mapped(card->ports.self, address, length);
}

/* ---- MMIO -------------------------------------------------------------------------------------- */

/* Accesses cross into the core clock one behind the other: a read sees what the writes before it have done. */
static void cross(struct espnic *card, uint64_t cycle, const struct nic_mmio *access)
{
    uint32_t at = card->mmio_head++ & (NIC_MMIO_RING - 1);
    struct channel_run run = { .first = cycle, .beats = 1, .step = 1 };

    card->mmio[at] = *access;
    channel_push(card->mmio_channel, &run, at, CHANNEL_FIRST | CHANNEL_LAST);
}

static void mmio_write(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes, uint64_t value)
{
    const struct nic_mmio access = { .offset = offset, .bytes = (uint16_t)bytes, .value = value };

    cross(self, cycle, &access);
}

static void mmio_read(void *self, uint64_t cycle, uint32_t offset, uint32_t bytes)
{
    const struct nic_mmio access = { .offset = offset, .bytes = (uint16_t)bytes, .read = true };

    cross(self, cycle, &access);
}

static void mmio_done(void *self, uint64_t cycle, uint64_t tag, uint64_t value, bool ok)
{
    struct espnic *card = self;

    card->ports.mmio_done(card->ports.self, nic_port_time(card, card->pcie_domain, cycle), tag,
                          value, ok);
}

void nic_pcie_init(struct espnic *card)
{
    const struct pcie_ops ops = { .memory = memory,
                                  .mmio_write = mmio_write,
                                  .mmio_read = mmio_read,
                                  .mmio_done = mmio_done,
                                  .mapped = mapped };

    card->link = pcie_link_create(&card->sched, card->pcie_domain, &card->config.pcie, &ops, card);
}
