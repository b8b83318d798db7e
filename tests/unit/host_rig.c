#include "host_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"
#include "nic/abi.h"

static void keep(struct rig_frame *list, unsigned *count, const struct rig_frame *frame,
                 const uint8_t *bytes)
{
    ck_assert_uint_lt(*count, RIG_LIST);
    list[*count] = *frame;
    list[*count].bytes = NULL;
    if (bytes != NULL) {
        list[*count].bytes = malloc(frame->length);
        ck_assert_ptr_nonnull(list[*count].bytes);
        memcpy(list[*count].bytes, bytes, frame->length);
    }
    (*count)++;
}

static void on_wire(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame,
                    bool forwarded)
{
    struct rig *rig = self;
    struct rig_frame f = {
        .time = time, .tag = frame->tag, .length = frame->length, .forwarded = forwarded
    };

    (void)port;
    keep(rig->wire, &rig->wires, &f, frame->captured == frame->length ? frame->bytes : NULL);
}

static void on_delivery(void *self, const struct host_delivery *d)
{
    struct rig *rig = self;
    struct rig_frame f = { .time = d->time,
                           .tag = d->tag,
                           .length = d->length,
                           .verdict = d->verdict,
                           .handle = d->handle };

    keep(rig->up, &rig->ups, &f, d->captured == d->length ? d->bytes : NULL);
}

static void on_oid(void *self, const struct host_oid_done *done)
{
    struct rig *rig = self;

    uint64_t sum = 0;

    for (unsigned i = 0; i < HOST_PARTS; i++) {
        sum += done->part_ps[i];
    }
    ck_assert_uint_eq(sum, done->time - done->request_time);
    ck_assert_uint_lt(rig->oids, RIG_LIST);
    rig->oid[rig->oids++] = *done;
}

static void on_drop(void *self, uint64_t time, uint64_t tag, const char *reason)
{
    struct rig *rig = self;

    (void)time;
    (void)tag;
    ck_assert_ptr_nonnull(reason);
    rig->tx_drops++;
}

/* A receive completion by itself, of the plain size. */
static bool is_rx_completion(const struct rig *rig, uint64_t address, uint32_t length)
{
    return length == sizeof(struct abi_rx_completion) && address >> REGION_SHIFT == REGION_RINGS &&
           (uint32_t)address >= rig->host->layout.rx_done;
}

/* Between card and host: the bit that a policy of the card would set. */
static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    struct rig *rig = self;
    struct abi_rx_completion c;
    uint8_t spoilt[256];

    if (rig->spoil_answer != NULL && bytes != NULL && length <= sizeof spoilt) {
        memcpy(spoilt, bytes, length);
        rig->spoil_answer(rig, address, spoilt, length);
        bytes = spoilt;
    }
    if (rig->ask_delete && bytes != NULL && is_rx_completion(rig, address, length)) {
        memcpy(&c, bytes, sizeof c);
        c.offload_word |= ABI_RX_SA_DELETE_REQ;
        bytes = (const uint8_t *)&c;
        rig->inner.dma_write(rig->inner.self, time, address, bytes, length);
        return;
    }
    rig->inner.dma_write(rig->inner.self, time, address, bytes, length);
}

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct rig *rig = self;
    static uint8_t spoilt[4096];
    const uint8_t *bytes = rig->inner.dma_read(rig->inner.self, time, address, length);

    if (rig->spoil_request != NULL && bytes != NULL && address >> REGION_SHIFT == REGION_COMMANDS &&
        length <= sizeof spoilt) {
        memcpy(spoilt, bytes, length);
        rig->spoil_request(rig, spoilt, length);
        return spoilt;
    }
    return bytes;
}

static void msix(void *self, uint64_t time, unsigned vector)
{
    struct rig *rig = self;

    rig->inner.msix(rig->inner.self, time, vector);
}

static void mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct rig *rig = self;

    rig->inner.mmio_done(rig->inner.self, time, tag, value, ok);
}

static void wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    struct rig *rig = self;

    rig->inner.wire_tx(rig->inner.self, time, port, frame);
}

static void wire_ready(void *self, uint64_t time, unsigned port)
{
    struct rig *rig = self;

    rig->inner.wire_ready(rig->inner.self, time, port);
}

struct rig *rig_new(bool packet_offload, bool functional)
{
    struct rig *rig = calloc(1, sizeof *rig);
    size_t n;
    const struct param_group *groups = nic_param_groups(&n);

    ck_assert_ptr_nonnull(rig);
    param_set_defaults(&rig->card_config, groups, n);
    param_set_defaults(&rig->host_config, host_param_groups, host_param_group_count);
    rig->card_config.general.offload = packet_offload ? NIC_OFFLOAD_PACKET : NIC_OFFLOAD_CRYPTO;
    rig->functional = functional;
    return rig;
}

void rig_path(struct rig *rig, enum nic_path path)
{
    struct nic_config *c = &rig->card_config;

    c->command.path = path;
    if (path == NIC_PATH_REGISTERS || path == NIC_PATH_DESCRIPTOR) {
        c->general.offload = NIC_OFFLOAD_CRYPTO;
        c->capabilities.ah_esp = false;
        c->capabilities.transport_tunnel = false;
    }
    if (path == NIC_PATH_REGISTERS) {
        c->capabilities.esn = false;
        c->algorithms.udp = false;
        c->algorithms.icv_8 = false;
        c->algorithms.icv_12 = false;
        c->table.per_direction = true;
        c->table.ip_entries = 128;
        strcpy(c->algorithms.encryption, "aes-gcm-128,null");
        strcpy(c->algorithms.authentication, "aes-gmac-128");
    }
}

void rig_open(struct rig *rig)
{
    struct espnic_options card = { .functional = rig->functional, .backend = "auto" };
    struct host_options host = { .functional = rig->functional,
                                 .ports = 1,
                                 .sinks = { .self = rig,
                                            .wire = on_wire,
                                            .deliver = on_delivery,
                                            .oid = on_oid,
                                            .tx_drop = on_drop } };
    struct espnic_ports outer = { .self = rig,
                                  .dma_read = dma_read,
                                  .dma_write = dma_write,
                                  .msix = msix,
                                  .mmio_done = mmio_done,
                                  .wire_tx = wire_tx,
                                  .wire_ready = wire_ready };
    char error[512];

    ck_assert_msg(nic_config_check(&rig->card_config, error, sizeof error), "%s", error);
    rig->host = host_create(&rig->host_config, &host, &rig->inner, error, sizeof error);
    ck_assert_msg(rig->host != NULL, "%s", error);
    rig->card = espnic_create(&rig->card_config, &card, &outer, error, sizeof error);
    ck_assert_msg(rig->card != NULL, "%s", error);
    host_attach(rig->host, rig->card);
    rig->t0 = host_start(rig->host, error, sizeof error);
    ck_assert_msg(rig->t0 != 0, "%s", error);
}

void rig_check(struct rig *rig)
{
    char error[512];

    ck_assert_msg(host_check_books(rig->host, error, sizeof error), "%s", error);
    ck_assert_msg(nic_check_books(rig->card, error, sizeof error), "%s", error);
    ck_assert_uint_eq(host_statistics(rig->host)->foreign_dma, 0);
}

void rig_settle(struct rig *rig)
{
    char text[2048];

    host_simulate(rig->host, ESPNIC_NEVER);
    if (!host_idle(rig->host)) {
        host_explain(rig->host, text, sizeof text);
        ck_abort_msg("the host is not idle:\n%s", text);
    }
    rig_check(rig);
}

void rig_free(struct rig *rig)
{
    host_destroy(rig->host);
    espnic_destroy(rig->card);
    for (unsigned i = 0; i < rig->wires; i++) {
        free(rig->wire[i].bytes);
    }
    for (unsigned i = 0; i < rig->ups; i++) {
        free(rig->up[i].bytes);
    }
    free(rig);
}

struct esp_node rig_node(uint64_t handle, enum esp_dir dir, enum esp_mode mode, uint32_t spi)
{
    struct esp_node node = { .handle = handle,
                             .dir = dir,
                             .mode = mode,
                             .encap_sport = 4500,
                             .encap_dport = 4500,
                             .src = { 4, { 10, 0, 0, 1 } },
                             .dst = { 4, { 10, 0, 0, 2 } },
                             .sa_count = 1 };

    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                  .spi = spi,
                                  .seq = dir == ESP_DIR_OUT ? 1 : 0,
                                  .replay_window = dir == ESP_DIR_IN ? 64 : 0 };
    node.sa[0].enc.alg = ESP_ALG_AES_GCM_128;
    node.sa[0].enc.icv = 16;
    node.sa[0].enc.length = 20;
    for (unsigned i = 0; i < 20; i++) {
        node.sa[0].enc.bytes[i] = (uint8_t)(spi * 7 + i);
    }
    return node;
}

void rig_select(struct esp_node *node, uint8_t net)
{
    node->sel.present = true;
    node->sel.has_src = true;
    node->sel.src = (struct esp_prefix){ { 4, { 192, 168, net, 0 } }, 24 };
}

uint32_t rig_packet(uint8_t *frame, uint8_t net, uint32_t number, uint32_t length)
{
    memset(frame, 0, length);
    memset(frame, 2, 12);
    esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
    frame[14] = 0x45;
    esp_put16(frame + 16, (uint16_t)(length - 14));
    esp_put16(frame + 18, (uint16_t)number);
    frame[22] = 64;
    frame[23] = 17;
    frame[26] = 192;
    frame[27] = 168;
    frame[28] = net;
    frame[29] = 1;
    frame[30] = 172;
    frame[31] = 16;
    frame[33] = 1;
    esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    esp_put16(frame + 34, 1000);
    esp_put16(frame + 36, 2000);
    esp_put16(frame + 38, (uint16_t)(length - 34));
    for (uint32_t i = 42; i < length; i++) {
        frame[i] = (uint8_t)(number * 31 + i);
    }
    return length;
}

uint32_t rig_tcp(uint8_t *frame, uint8_t net, uint32_t number, uint32_t length)
{
    rig_packet(frame, net, number, length);
    frame[23] = ESP_PROTO_TCP;
    esp_put16(frame + 24, 0);
    esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    esp_put32(frame + 38, number << 16);
    frame[46] = 0x50;
    frame[47] = 0x18;
    esp_put16(frame + 50, 0);
    return length;
}

bool rig_send_tcp(struct rig *rig, uint64_t time, uint8_t net, uint32_t number, uint32_t length)
{
    static uint8_t frame[0x10000];
    struct espnic_frame f = { .bytes = frame, .captured = length, .length = length, .tag = number };

    rig_tcp(frame, net, number, length);
    return host_tx(rig->host, time, 0, &f);
}

bool rig_send(struct rig *rig, uint64_t time, uint8_t net, uint32_t number, uint32_t length)
{
    uint8_t frame[9200];
    struct espnic_frame f = { .bytes = frame, .captured = length, .length = length, .tag = number };

    rig_packet(frame, net, number, length);
    return host_tx(rig->host, time, 0, &f);
}
