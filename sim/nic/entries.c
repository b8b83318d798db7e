/* entries: what a completion looks like in host memory. done.c says when it is written; abi.h is the layout.
 *
 * A write of completions names the first of its packets, which lead to the others. They are freed when it
 * has reached memory. */
#include "nic/card.h"

#include <string.h>

/* An index that counts on passes through the ring of `size` entries again and again. */
static uint16_t phase(uint32_t index, uint32_t size)
{
    return index & size ? 0 : (uint16_t)ABI_PHASE;
}

/* The ring of a request of this purpose. */
static unsigned queue_of(const struct pcie_request *r)
{
    return r->ref2 >> NIC_PURPOSE_BITS & 0xff;
}

/* The last of a chain: in a ring whose order is kept, the number completed is one more than its own. */
static uint32_t head_after(const struct espnic *card, uint32_t first)
{
    const struct nic_packet *p = nic_packet(card, first);

    while (p->chain) {
        p = nic_packet(card, p->chain);
    }
    return p->ring_at + 1;
}

static void write_head(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    uint32_t head = head_after(card, r->ref);

    card->ports.dma_write(card->ports.self, time, r->address, (const uint8_t *)&head, sizeof head);
}

/* ---- receive ---------------------------------------------------------------------------------------- */

/* Of an error that the 82599 has no code for it says nothing: then its engines have not seen the packet. */
static uint16_t security(const struct nic_packet *p)
{
    unsigned error = ABI_SECURITY_NO_ERROR;

    switch ((enum abi_crypto_status)p->status) {
    case ABI_CRYPTO_SUCCESS: break;
    case ABI_CRYPTO_GENERIC_ERROR: return 0;
    case ABI_CRYPTO_TRANSPORT_AH_AUTH_FAILED:
    case ABI_CRYPTO_TRANSPORT_ESP_AUTH_FAILED:
    case ABI_CRYPTO_TUNNEL_AH_AUTH_FAILED:
    case ABI_CRYPTO_TUNNEL_ESP_AUTH_FAILED: error = ABI_SECURITY_AUTH_FAILED; break;
    case ABI_CRYPTO_INVALID_PACKET_SYNTAX: error = ABI_SECURITY_INVALID_LENGTH; break;
    case ABI_CRYPTO_INVALID_PROTOCOL: error = ABI_SECURITY_INVALID_PROTOCOL; break;
    }
    return p->pass ? (uint16_t)(ABI_SECURITY_SECP | error << ABI_SECURITY_ERROR_LSB) : 0;
}

void nic_rx_entry(const struct espnic *card, const struct nic_packet *p,
                  struct abi_rx_completion *c)
{
    memset(c, 0, sizeof *c);
    c->cookie = p->cookie;
    c->length = p->length;
    c->offload_word = (p->pass ? ABI_RX_CRYPTO_DONE : 0u) |
                      (p->pass > 1 ? ABI_RX_NEXT_CRYPTO_DONE : 0u) |
                      (p->delete_req ? ABI_RX_SA_DELETE_REQ : 0u) |
                      (uint32_t)p->status << ABI_RX_CRYPTO_STATUS_LSB;
    if (p->info) {
        c->header_word = (uint32_t)p->next_header << ABI_HEADER_NEXT_LSB |
                         (uint32_t)p->pad_length << ABI_HEADER_PAD_LSB | ABI_HEADER_INFO_SET;
    }
    c->handle = p->handle[0];
    c->inner_handle = p->handle[1];
    c->sequence = p->first_sequence;
    c->wire_ps = p->wire_ps;
    c->tag = p->tag;
    c->port = p->port;
    c->reason = p->bypass;
    c->security = card->config.command.path == NIC_PATH_REGISTERS ? security(p) : 0;
}

/* The layout of 32 bytes. */
static void shorten(const struct abi_rx_completion *c, struct abi_rx_short *out)
{
    *out = (struct abi_rx_short){ .cookie = c->cookie,
                                  .length = (uint16_t)c->length,
                                  .port = (uint8_t)c->port,
                                  .reason = (uint8_t)c->reason,
                                  .handle = c->handle,
                                  .wire_ps = c->wire_ps,
                                  .offload_word = (uint16_t)c->offload_word,
                                  .header_word = (uint16_t)c->header_word,
                                  .status = (uint8_t)(c->offload_word >> ABI_RX_CRYPTO_STATUS_LSB),
                                  .info = (c->header_word & ABI_HEADER_INFO_SET) != 0,
                                  .flags = c->flags };
}

static void write_rx_entries(struct espnic *card, uint64_t time, const struct pcie_request *r,
                             const struct nic_ring *ring)
{
    uint8_t bytes[NIC_DONE_MOST * NIC_ENTRY_MOST];
    uint32_t entry = ring->done.bytes;
    uint8_t *at = bytes;

    memset(bytes, 0, r->length);
    for (uint32_t i = r->ref; i; i = nic_packet(card, i)->chain, at += entry) {
        const struct nic_packet *p = nic_packet(card, i);
        struct abi_rx_completion c;
        struct abi_rx_short small;

        nic_rx_entry(card, p, &c);
        c.flags = phase(p->ring_at, ring->size);
        if (entry < sizeof c) {
            shorten(&c, &small);
            memcpy(at, &small, sizeof small);
        } else {
            memcpy(at, &c, sizeof c);
        }
    }
    card->ports.dma_write(card->ports.self, time, r->address, bytes, r->length);
}

static void count_received(struct espnic *card, const struct nic_packet *p)
{
    card->stats.rx.packets_out++;
    card->stats.rx.bytes_out += p->length;
    card->stats.rx.bytes_through += p->wire_length;
}

/* Whose completion fails, the host will never see; the card is done with its descriptor all the same. */
void nic_memory_rx_done(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    unsigned q = queue_of(r);
    struct nic_ring *ring = &card->dma.rx[q];
    bool good = r->status == PCIE_OK;
    uint32_t next;

    if (good && ring->done.mode == NIC_DONE_HEAD) {
        write_head(card, time, r);
    } else if (good) {
        write_rx_entries(card, time, r, ring);
    }
    for (uint32_t i = r->ref; i; i = next) {
        struct nic_packet *p = nic_packet(card, i);

        next = p->chain;
        if (good) {
            count_received(card, p);
        } else {
            nic_count_drop(card, p, NIC_DROP_DMA_ERROR);
        }
        if (ring->done.gathers) {
            ring->completed = p->ring_at + 1;
            nic_packet_free(card, i);
        } else {
            nic_rx_done_there(card, q, i);
        }
    }
    reg_set(&card->registers, REG_RX_HEAD, q, ring->completed);
}

/* ---- transmit --------------------------------------------------------------------------------------- */

static void write_tx_entries(struct espnic *card, uint64_t time, const struct pcie_request *r,
                             const struct nic_ring *ring)
{
    uint8_t bytes[NIC_DONE_MOST * NIC_ENTRY_MOST];
    uint32_t entry = ring->done.bytes;
    uint8_t *at = bytes;

    memset(bytes, 0, r->length);
    for (uint32_t i = r->ref; i; i = nic_packet(card, i)->chain, at += entry) {
        const struct nic_packet *p = nic_packet(card, i);
        struct abi_tx_completion c = { .tag = p->tag, .sequence = p->first_sequence };

        c.status = p->drop ? (uint32_t)ABI_TX_FAILED : (uint32_t)ABI_TX_OK;
        c.reason = p->drop;
        c.flags = phase(p->done_at, ring->size);
        c.head = ring->done.mode == NIC_DONE_REPORT ? p->ring_at + 1 : 0;
        memcpy(at, &c, entry < sizeof c ? entry : sizeof c);
    }
    if (r->status == PCIE_OK) {
        card->ports.dma_write(card->ports.self, time, r->address, bytes, r->length);
    }
}

void nic_memory_tx_done(struct espnic *card, uint64_t time, const struct pcie_request *r)
{
    unsigned q = queue_of(r);
    struct nic_ring *ring = &card->dma.tx[q];
    uint32_t next;

    if (ring->done.mode != NIC_DONE_HEAD) {
        write_tx_entries(card, time, r, ring);
    } else if (r->status == PCIE_OK) {
        write_head(card, time, r);
    }
    for (uint32_t i = r->ref; i; i = next) {
        next = nic_packet(card, i)->chain;
        ring->completed = ring->done.mode == NIC_DONE_EACH ? ring->completed + 1
                                                           : nic_packet(card, i)->ring_at + 1;
        nic_packet_free(card, i);
    }
    reg_set(&card->registers, REG_TX_HEAD, q, ring->completed);
}
