#include "cli/validate_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scenario.h"
#include "cli/validate_tables.h"
#include "engine/must.h"
#include "esp/esp.h"
#include "nic/ndis.h"

#define US 1000000ull

enum { ETHERNET = 14, NUMBER = ETHERNET + ESP_IPV4_HEADER + 4, HEADERS = 42 };
enum { CLIENT = BENCH_CLIENT, REMOTE = 0x0b000001, GATEWAY = 0xc0000201, PEER = 0xc0000202 };

bool bench_fail(struct bench *b, const char *format, ...)
{
    va_list args;

    if (b->error[0] == '\0') {
        va_start(args, format);
        vsnprintf(b->error, sizeof b->error, format, args);
        va_end(args);
    }
    return false;
}

/* ---- description ---------------------------------------------------------------------------------- */

bool bench_config(struct bench *b, const char *preset, const char *sets, const char *settings)
{
    struct scenario s;
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);
    bool ok;

    memset(b, 0, sizeof *b);
    b->config = must(calloc(1, sizeof *b->config));
    scenario_init(&s, groups, n, b->config);
    ok = scenario_load_preset(&s, preset) &&
         validation_apply_sets(&s, sets, validate_tables_setting) &&
         validation_apply_settings(&s, settings) && espnic_config_check(&s);
    if (!ok) {
        bench_fail(b, "%s", s.error);
    }
    scenario_free(&s);
    return ok && nic_config_check(&b->config->card, b->error, sizeof b->error) &&
           host_config_check(&b->config->host, b->error, sizeof b->error);
}

/* ---- what comes back -------------------------------------------------------------------------------- */

static void on_wire(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame,
                    bool forwarded)
{
    struct bench *b = self;

    (void)port, (void)forwarded;
    if (frame->bytes != NULL && frame->captured >= NUMBER + 4) {
        b->number = esp_get32(frame->bytes + NUMBER);
    }
    if (b->wires++ == b->wire_mark) {
        b->wire_marked = time;
    }
    b->wire_last = time;
}

static void on_delivery(void *self, const struct host_delivery *delivery)
{
    struct bench *b = self;

    b->delivered++;
    b->verdict = delivery->verdict;
}

static void on_oid(void *self, const struct host_oid_done *done)
{
    struct bench *b = self;

    b->oid = *done;
    b->oids++;
    b->oids_good += done->status == 0 && done->done == done->nodes;
}

/* The host asks for registers, too; its tags are below the limit of tags. */
#define READ_TAG (HOST_TAG_LIMIT + 7)

static void on_read(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct bench *b = self;

    if (tag != READ_TAG) {
        b->ports.mmio_done(b->ports.self, time, tag, value, ok);
        return;
    }
    b->value = value;
    b->readable = ok;
    b->answered = true;
}

/* The card calls the bench, which hands on to the host what is the host's. */
static const uint8_t *to_dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    struct bench *b = self;

    return b->ports.dma_read(b->ports.self, time, address, length);
}

static void to_dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                         uint32_t length)
{
    struct bench *b = self;

    if (length == sizeof b->written) {
        memcpy(b->written, bytes, sizeof b->written);
    }
    b->ports.dma_write(b->ports.self, time, address, bytes, length);
}

static void to_msix(void *self, uint64_t time, unsigned vector)
{
    struct bench *b = self;

    b->ports.msix(b->ports.self, time, vector);
}

static void to_wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    struct bench *b = self;

    b->ports.wire_tx(b->ports.self, time, port, frame);
}

static void to_wire_ready(void *self, uint64_t time, unsigned port)
{
    struct bench *b = self;

    b->ports.wire_ready(b->ports.self, time, port);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static bool make(struct bench *b)
{
    const struct nic_config *card = &b->config->card;
    struct espnic_options options = { .functional = b->functional, .backend = "auto" };
    struct host_options host = {
        .functional = b->functional,
        .sinks = { .self = b, .wire = on_wire, .deliver = on_delivery, .oid = on_oid },
        .ports = card->general.ports,
        .forward = &card->forward,
        .mtu = (uint32_t)card->mac.mtu
    };
    struct espnic_ports ports = { .self = b,
                                  .dma_read = to_dma_read,
                                  .dma_write = to_dma_write,
                                  .msix = to_msix,
                                  .mmio_done = on_read,
                                  .wire_tx = to_wire_tx,
                                  .wire_ready = to_wire_ready };

    b->host = host_create(&b->config->host, &host, &b->ports, b->error, sizeof b->error);
    b->card =
        b->host == NULL ? NULL : espnic_create(card, &options, &ports, b->error, sizeof b->error);
    if (b->card == NULL) {
        return false;
    }
    host_attach(b->host, b->card);
    b->start = host_start(b->host, b->error, sizeof b->error);
    return b->start != 0;
}

bool bench_open(struct bench *b, bool functional)
{
    b->functional = functional;
    return make(b) || bench_fail(b, "the card could not be made");
}

void bench_close(struct bench *b)
{
    if (b->host != NULL) {
        host_destroy(b->host);
    }
    if (b->card != NULL) {
        espnic_destroy(b->card);
    }
    if (b->crypt != NULL) {
        esp_crypt_close(b->crypt);
    }
    free(b->config);
    b->config = NULL;
    b->card = NULL;
    b->host = NULL;
    b->crypt = NULL;
}

bool bench_settle(struct bench *b)
{
    host_simulate(b->host, ESPNIC_NEVER);
    if (!host_idle(b->host)) {
        return bench_fail(b, "card and host stand still");
    }
    return host_check_books(b->host, b->error, sizeof b->error) &&
           nic_check_books(b->card, b->error, sizeof b->error);
}

/* ---- SAs ---------------------------------------------------------------------------------------------- */

static void give_key(struct esp_key *key, enum esp_alg alg, uint8_t icv, uint32_t spi)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    key->alg = alg;
    key->icv = icv;
    key->length = (uint8_t)(info->key_bytes + info->salt_bytes);
    for (unsigned i = 0; i < key->length; i++) {
        key->bytes[i] = (uint8_t)(spi * 7 + i * 3);
    }
}

static struct esp_address v4(uint32_t address)
{
    struct esp_address a = { .family = 4 };

    esp_put32(a.bytes, address);
    return a;
}

void bench_node(struct esp_node *node, uint64_t handle, enum esp_dir dir, enum esp_alg alg,
                uint32_t spi)
{
    bool out = dir == ESP_DIR_OUT;
    struct esp_sa *sa = &node->sa[0];

    *node = (struct esp_node){ .handle = handle,
                               .dir = dir,
                               .mode = ESP_MODE_TUNNEL,
                               .src = v4(out ? GATEWAY : PEER),
                               .dst = v4(out ? PEER : GATEWAY),
                               .sa_count = 1 };
    if (out) {
        node->sel = (struct esp_selector){ .present = true, .has_dst = true };
        node->sel.dst.address.family = 4;
    }
    sa->op = ESP_OP_ESP;
    sa->spi = spi;
    sa->seq = out ? 1 : 0;
    give_key(&sa->enc, alg, 16, spi);
}

void bench_change(struct esp_node *node, enum bench_change change)
{
    struct esp_sa *sa = &node->sa[0];
    bool out = node->dir == ESP_DIR_OUT;

    switch (change) {
    case BENCH_AS_IT_IS: break;
    case BENCH_KEY_256: give_key(&sa->enc, ESP_ALG_AES_GCM_256, 16, sa->spi); break;
    case BENCH_ICV_8: sa->enc.icv = 8; break;
    case BENCH_ICV_12: sa->enc.icv = 12; break;
    case BENCH_ESN: sa->esn = true; break;
    case BENCH_IN_UDP:
        node->udp = ESP_UDP_TUNNEL;
        node->encap_sport = node->encap_dport = 4500;
        break;
    case BENCH_CBC:
        give_key(&sa->enc, ESP_ALG_AES_CBC_128, 0, sa->spi);
        give_key(&sa->auth, ESP_ALG_SHA_256, 16, sa->spi);
        break;
    case BENCH_AH:
        sa->op = ESP_OP_AH;
        memset(&sa->enc, 0, sizeof sa->enc);
        give_key(&sa->auth, ESP_ALG_AES_GMAC_128, 16, sa->spi);
        break;
    case BENCH_IPV6:
        node->src = (struct esp_address){ 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = out ? 1 : 2 } };
        node->dst = (struct esp_address){ 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = out ? 2 : 1 } };
        break;
    case BENCH_TRANSPORT:
        node->mode = ESP_MODE_TRANSPORT;
        node->src = v4(out ? CLIENT : REMOTE);
        node->dst = v4(out ? REMOTE : CLIENT);
        break;
    case BENCH_WINDOW_32: sa->replay_window = 32; break;
    case BENCH_WINDOW_64: sa->replay_window = 64; break;
    case BENCH_WINDOW_128: sa->replay_window = 128; break;
    case BENCH_WINDOW_256: sa->replay_window = 256; break;
    case BENCH_WINDOW_512: sa->replay_window = 512; break;
    case BENCH_WINDOW_48: sa->replay_window = 48; break;
    }
}

bool bench_add(struct bench *b, const struct esp_node *node)
{
    return host_oid_add(b->host, host_now(b->host) + US, node, 1, false, 1, 0) && bench_settle(b);
}

bool bench_delete(struct bench *b, uint64_t handle)
{
    return host_oid_delete(b->host, host_now(b->host) + US, &handle, 1, 1, 0) && bench_settle(b);
}

const char *const bench_answers[] = { "done", "no room", "not supported", "otherwise" };

enum bench_answer bench_answer(const struct bench *b)
{
    switch (b->oid.status) {
    case NDIS_STATUS_SUCCESS: return b->oid.on_card ? BENCH_DONE : BENCH_OTHERWISE;
    case NDIS_STATUS_RESOURCES: return BENCH_NO_ROOM;
    case NDIS_STATUS_NOT_SUPPORTED: return BENCH_NOT_SUPPORTED;
    default: return BENCH_OTHERWISE;
    }
}

bool bench_fill(struct bench *b, const struct esp_node *node, uint32_t most, uint32_t addresses,
                uint32_t *taken)
{
    uint64_t before = b->oids_good;
    struct esp_node n = *node;

    for (uint32_t i = 0; i < most; i++) {
        n.handle = node->handle + i;
        n.sa[0].spi = node->sa[0].spi + i;
        n.dst.bytes[3] = (uint8_t)(node->dst.bytes[3] + i % addresses);
        if (!bench_add(b, &n)) {
            return false;
        }
        if (bench_answer(b) != BENCH_DONE) {
            break;
        }
    }
    *taken = (uint32_t)(b->oids_good - before);
    return true;
}

bool bench_reset(struct bench *b)
{
    return host_event(b->host, host_now(b->host) + US, HOST_EVENT_RESET_BEGIN, 0) &&
           host_event(b->host, host_now(b->host) + 100 * US, HOST_EVENT_RESET_END, 0) &&
           bench_settle(b);
}

/* ---- packets to send ------------------------------------------------------------------------------------ */

static uint32_t put_clear(uint8_t *frame, uint32_t l3_length, uint32_t src, uint32_t dst)
{
    memset(frame, 0, ETHERNET + l3_length);
    frame[0] = frame[6] = 2;
    esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
    frame[14] = 0x45;
    esp_put16(frame + 16, (uint16_t)l3_length);
    frame[22] = 64;
    frame[23] = ESP_PROTO_UDP;
    esp_put32(frame + 26, src);
    esp_put32(frame + 30, dst);
    esp_put16(frame + 24, esp_ip_checksum(frame + ETHERNET, ESP_IPV4_HEADER));
    esp_put16(frame + 34, 5000);
    esp_put16(frame + 36, 6000);
    esp_put16(frame + 38, (uint16_t)(l3_length - ESP_IPV4_HEADER));
    return ETHERNET + l3_length;
}

static bool peek(void *self, struct host_packet *packet)
{
    struct bench *b = self;

    if (b->to_send == 0) {
        return false;
    }
    *packet = (struct host_packet){ .time = b->send_time,
                                    .frame = { .bytes = b->frame,
                                               .captured = b->functional ? b->send_length : HEADERS,
                                               .length = b->send_length,
                                               .tag = b->to_send } };
    return true;
}

static void take(void *self)
{
    struct bench *b = self;

    b->to_send--;
    b->send_time += b->send_interval;
}

bool bench_pour(struct bench *b, uint32_t length, uint64_t count, uint64_t interval)
{
    struct host_source source = {
        .self = b, .peek = peek, .take = take, .closed_loop = interval == 0
    };
    bool ok;

    b->send_length = put_clear(b->frame, length, CLIENT, REMOTE);
    b->to_send = count;
    b->send_interval = interval;
    b->send_time = host_now(b->host) + US;
    b->wire_mark = b->wires + count / 3;
    host_set_source(b->host, &source);
    host_source_ready(b->host, b->send_time);
    ok = bench_settle(b);
    host_set_source(b->host, NULL);
    return ok;
}

bool bench_flood(struct bench *b, uint32_t length, uint64_t count, double *interval)
{
    uint64_t before = b->wires;

    if (!bench_pour(b, length, count, 0)) {
        return false;
    }
    if (b->wires - before != count) {
        return bench_fail(b, "%llu of %llu packets left the card",
                          (unsigned long long)(b->wires - before), (unsigned long long)count);
    }
    *interval = (double)(b->wire_last - b->wire_marked) / (double)(b->wires - 1 - b->wire_mark);
    return true;
}

/* ---- received ones ---------------------------------------------------------------------------------------- */

uint32_t bench_seal(struct bench *b, const struct esp_node *node, uint64_t sequence,
                    uint32_t l3_length, uint8_t frame[BENCH_FRAME])
{
    uint8_t buffer[BENCH_FRAME + ESP_HEADROOM + ESP_TAILROOM];
    struct esp_packet packet = {
        .buffer = buffer, .capacity = sizeof buffer, .start = ESP_HEADROOM, .l3 = ETHERNET
    };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = sequence } };
    struct esp_key_ref key[ESP_MAX_SAS] = { { node->sa[0].spi, 0 } };

    if (b->crypt == NULL) {
        b->crypt =
            esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_MIN_CONTEXTS, b->error, sizeof b->error);
    }
    packet.length = put_clear(buffer + ESP_HEADROOM, l3_length, REMOTE, CLIENT);
    if (b->crypt == NULL || esp_seal_packet(b->crypt, node, key, &packet, encap) != ESP_OK) {
        bench_fail(b, "the peer cannot seal a packet");
        return 0;
    }
    memcpy(frame, esp_packet_bytes(&packet), packet.length);
    return packet.length;
}

uint32_t bench_clear(uint32_t client, uint32_t l3_length, uint8_t frame[BENCH_FRAME])
{
    return put_clear(frame, l3_length, CLIENT + client, REMOTE);
}

bool bench_arrive(struct bench *b, unsigned port, uint64_t time, const uint8_t *frame,
                  uint32_t length)
{
    struct espnic_frame f = { .bytes = frame, .captured = length, .length = length };

    return espnic_wire_rx(b->card, port, time, &f) || bench_fail(b, "a frame came too late");
}

bool bench_receive(struct bench *b, const struct esp_node *node, uint64_t sequence, bool damaged)
{
    uint8_t frame[BENCH_FRAME];
    uint32_t length = bench_seal(b, node, sequence, 100, frame);

    if (length == 0) {
        return false;
    }
    frame[length - 1] ^= damaged ? 0x55 : 0;
    host_simulate(b->host, host_now(b->host) + US);
    return bench_arrive(b, 0, host_now(b->host), frame, length) && bench_settle(b);
}

/* ---- registers ------------------------------------------------------------------------------------------- */

bool bench_read(struct bench *b, uint32_t offset, uint32_t *value)
{
    b->answered = false;
    if (!espnic_mmio_read(b->card, host_now(b->host), offset, 4, READ_TAG)) {
        return bench_fail(b, "a register was read in the past");
    }
    if (!bench_settle(b)) {
        return false;
    }
    *value = (uint32_t)b->value;
    return b->answered || bench_fail(b, "the register at 0x%x never answered", offset);
}

bool bench_write(struct bench *b, uint32_t offset, uint32_t value)
{
    return (espnic_mmio_write(b->card, host_now(b->host), offset, 4, value) ||
            bench_fail(b, "a register was written in the past")) &&
           bench_settle(b);
}
