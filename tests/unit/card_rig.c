#include "card_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the card does ------------------------------------------------------------------------------ */

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct crig *rig = self;

    (void)time;
    address -= CRIG_ORIGIN;
    ck_assert(address + length <= CRIG_MEMORY);
    if (rig->no_contents && address >= CRIG_FRAMES && address < CRIG_BUFFERS) {
        return NULL;
    }
    return rig->memory + address;
}

static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    struct crig *rig = self;
    struct crig_write *w = &rig->write[rig->writes];

    address -= CRIG_ORIGIN;
    ck_assert(address + length <= CRIG_MEMORY);
    ck_assert_uint_lt(rig->writes++, CRIG_LIST);
    *w = (struct crig_write){ .time = time, .address = address, .length = length };
    if (bytes) {
        memcpy(rig->memory + address, bytes, length);
        memcpy(&w->word, bytes, length < 4 ? length : 4);
    }
}

static void msix(void *self, uint64_t time, unsigned vector)
{
    struct crig *rig = self;

    (void)time;
    (void)vector;
    rig->messages++;
}

static void mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct crig *rig = self;

    (void)time;
    (void)tag;
    rig->read_value = value;
    rig->read_ok = ok;
}

static void wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    struct crig *rig = self;
    struct crig_frame *f = &rig->wire[rig->wires];

    ck_assert_uint_lt(rig->wires++, CRIG_LIST);
    *f = (struct crig_frame){
        .time = time, .tag = frame->tag, .port = port, .length = frame->length
    };
    if (frame->bytes && frame->captured >= frame->length) {
        f->bytes = malloc(frame->length);
        ck_assert_ptr_nonnull(f->bytes);
        memcpy(f->bytes, frame->bytes, frame->length);
    }
}

static void wire_ready(void *self, uint64_t time, unsigned port)
{
    (void)self;
    (void)time;
    (void)port;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

struct crig *crig_new(void)
{
    struct crig *rig = calloc(1, sizeof *rig);
    size_t n;
    const struct param_group *groups = nic_param_groups(&n);

    ck_assert_ptr_nonnull(rig);
    param_set_defaults(&rig->config, groups, n);
    return rig;
}

void crig_open(struct crig *rig, bool functional)
{
    struct espnic_options options = { .functional = functional, .backend = "auto" };
    struct espnic_ports ports = { .self = rig,
                                  .dma_read = dma_read,
                                  .dma_write = dma_write,
                                  .msix = msix,
                                  .mmio_done = mmio_done,
                                  .wire_tx = wire_tx,
                                  .wire_ready = wire_ready };
    char error[512];

    rig->memory = calloc(1, CRIG_MEMORY);
    ck_assert_ptr_nonnull(rig->memory);
    ck_assert_msg(nic_config_check(&rig->config, error, sizeof error), "%s", error);
    rig->card = espnic_create(&rig->config, &options, &ports, error, sizeof error);
    ck_assert_msg(rig->card != NULL, "%s", error);
    crig_set(rig, REG_CTRL, 0, 5);
}

void crig_free(struct crig *rig)
{
    for (unsigned i = 0; i < rig->wires; i++) {
        free(rig->wire[i].bytes);
    }
    espnic_destroy(rig->card);
    free(rig->memory);
    free(rig);
}

/* ---- registers ------------------------------------------------------------------------------------------- */

void crig_set(struct crig *rig, enum reg_id reg, unsigned index, uint64_t value)
{
    ck_assert(espnic_mmio_write(rig->card, espnic_now(rig->card), reg_offset(reg, index),
                                reg_table[reg].bytes, value));
}

uint64_t crig_get(struct crig *rig, enum reg_id reg, unsigned index)
{
    ck_assert(espnic_mmio_read(rig->card, espnic_now(rig->card), reg_offset(reg, index),
                               reg_table[reg].bytes, 0));
    crig_settle(rig);
    return rig->read_value;
}

/* ---- rings ------------------------------------------------------------------------------------------------- */

uint64_t crig_tx_at(unsigned q)
{
    return CRIG_TX + (uint64_t)q * 2 * CRIG_RING;
}

uint64_t crig_tx_done_at(unsigned q)
{
    return crig_tx_at(q) + CRIG_RING;
}

static uint64_t rx_at(unsigned q)
{
    return CRIG_RX + (uint64_t)q * 2 * CRIG_RING;
}

uint64_t crig_rx_done_at(unsigned q)
{
    return rx_at(q) + CRIG_RING;
}

uint64_t crig_frame_at(unsigned n)
{
    return CRIG_FRAMES + (uint64_t)(n % 128) * 0x10000;
}

uint8_t *crig_frame_bytes(struct crig *rig, unsigned n)
{
    return rig->memory + crig_frame_at(n);
}

void crig_tx_ring(struct crig *rig, unsigned q, uint32_t size)
{
    rig->tx_size[q] = size;
    rig->tx_entry[q] = rig->tx_entry[q] ? rig->tx_entry[q] : sizeof(struct abi_tx_descriptor);
    ck_assert_uint_le(size * rig->tx_entry[q], CRIG_RING);
    crig_set(rig, REG_TX_BASE, q, CRIG_ORIGIN + crig_tx_at(q));
    crig_set(rig, REG_TX_DONE_BASE, q, CRIG_ORIGIN + crig_tx_done_at(q));
    crig_set(rig, REG_TX_SIZE, q, size);
}

void crig_post_rx(struct crig *rig, unsigned q, uint32_t count, uint32_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = rig->rx_tail[q]++ % rig->rx_size[q];
        struct abi_rx_descriptor d = { .address =
                                           CRIG_ORIGIN + CRIG_BUFFERS + (uint64_t)n * CRIG_BUFFER,
                                       .length = bytes,
                                       .cookie = n };

        memcpy(rig->memory + rx_at(q) + n * sizeof d, &d, sizeof d);
    }
    crig_set(rig, REG_RX_TAIL, q, rig->rx_tail[q]);
}

void crig_rx_ring(struct crig *rig, unsigned q, uint32_t size, uint32_t bytes)
{
    rig->rx_size[q] = size;
    ck_assert_uint_le((uint64_t)size * CRIG_BUFFER, CRIG_MEMORY - CRIG_BUFFERS);
    crig_set(rig, REG_RX_BASE, q, CRIG_ORIGIN + rx_at(q));
    crig_set(rig, REG_RX_DONE_BASE, q, CRIG_ORIGIN + crig_rx_done_at(q));
    crig_set(rig, REG_RX_SIZE, q, size);
    crig_post_rx(rig, q, size, bytes);
}

void crig_put(struct crig *rig, unsigned q, const struct abi_tx_descriptor *d)
{
    struct abi_tx_descriptor copy = *d;
    uint32_t n = rig->tx_tail[q]++ % rig->tx_size[q];

    copy.address = CRIG_ORIGIN + (d->address ? d->address : crig_frame_at((unsigned)d->tag));
    memcpy(rig->memory + crig_tx_at(q) + (size_t)n * rig->tx_entry[q], &copy, sizeof copy);
}

void crig_ring(struct crig *rig, unsigned q)
{
    crig_set(rig, REG_TX_TAIL, q, rig->tx_tail[q]);
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

void crig_udp(uint8_t *frame, uint32_t number, uint32_t length)
{
    memset(frame, 0, length);
    memset(frame, 2, 12);
    esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
    frame[14] = 0x45;
    esp_put16(frame + 16, (uint16_t)(length - 14));
    esp_put16(frame + 18, (uint16_t)number);
    frame[22] = 64;
    frame[23] = 17;
    esp_put32(frame + 26, 0x0a000001 + (number % 7));
    esp_put32(frame + 30, 0x0a000102);
    esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    esp_put16(frame + 34, (uint16_t)(1000 + number % 5));
    esp_put16(frame + 36, 2000);
    esp_put16(frame + 38, (uint16_t)(length - 34));
    for (uint32_t i = 42; i < length; i++) {
        frame[i] = (uint8_t)(number * 31 + i);
    }
}

void crig_receive(struct crig *rig, uint32_t number, uint32_t length)
{
    static uint8_t bytes[0x10000];
    struct espnic_frame f = { .bytes = bytes, .captured = length, .length = length, .tag = number };

    crig_udp(bytes, number, length);
    ck_assert(espnic_wire_rx(rig->card, 0, espnic_now(rig->card), &f));
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

void crig_settle(struct crig *rig)
{
    char error[512];

    while (espnic_next_event(rig->card) != ESPNIC_NEVER) {
        espnic_advance(rig->card, espnic_next_event(rig->card));
    }
    ck_assert_msg(nic_check_books(rig->card, error, sizeof error), "%s", error);
}

void crig_until(struct crig *rig, uint64_t time)
{
    espnic_advance(rig->card, time);
}

void crig_mark(struct crig *rig)
{
    for (unsigned d = 0; d < 2; d++) {
        rig->before[d] = pcie_link_stats(rig->card->link)->dir[d];
    }
}

struct pcie_direction_stats crig_since(struct crig *rig, unsigned direction)
{
    struct pcie_direction_stats now = pcie_link_stats(rig->card->link)->dir[direction];
    const struct pcie_direction_stats *was = &rig->before[direction];

    now.tlps_write -= was->tlps_write;
    now.tlps_read -= was->tlps_read;
    now.tlps_completion -= was->tlps_completion;
    now.tlps_mmio -= was->tlps_mmio;
    now.wire_write -= was->wire_write;
    now.wire_read -= was->wire_read;
    now.wire_completion -= was->wire_completion;
    now.wire_mmio -= was->wire_mmio;
    return now;
}
