/* How fast the card model is by itself: ESP frames in, receive completions out, no reference host.
 *
 * Prints packets per second of wall-clock time, timing only and functional, for 64 B, IMIX and 1500 B, and
 * beside it, measured in the same run, the cryptographic library alone on the same packets. Ratios are
 * what counts: seconds on a shared machine do not repeat. */
#include "engine/describe.h"
#include "engine/rng.h"
#include "esp/esp.h"
#include "espnic.h"
#include "nic/abi.h"
#include "nic/config.h"
#include "nic/nic.h"
#include "pcie_model/registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TUNNELS = 64, FRAMES = 4096, RX_ENTRIES = 4096, BUFFER = 2048, FRAME = 2048 };
enum { RX_RING = 0x10000, RX_DONE = 0x40000, BUFFERS = 0x100000 };

struct frame {
    uint32_t length, tunnel;
    uint8_t bytes[FRAME];
};

struct bench {
    uint8_t *memory;
    struct espnic *card;
    struct esp_node node[TUNNELS];
    struct frame *frame;
    uint64_t received, posted;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const uint8_t *dma_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    const struct bench *b = self;

    (void)time;
    (void)length;
    return b->memory + address;
}

static void dma_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length)
{
    struct bench *b = self;

    if (bytes) {
        memcpy(b->memory + address, bytes, length);
    }
    if (address >= RX_DONE && address < BUFFERS) {
        b->received++;
        if (b->received + RX_ENTRIES - b->posted >= 64) {
            b->posted += 64;
            espnic_mmio_write(b->card, time, REG_RX_TAIL_OFFSET, 4, (uint32_t)b->posted);
        }
    }
}

static void msix(void *self, uint64_t time, unsigned vector)
{
    (void)self;
    (void)time;
    (void)vector;
}

static void mmio_done(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    (void)self;
    (void)time;
    (void)tag;
    (void)value;
    (void)ok;
}

static void wire_tx(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    (void)self;
    (void)time;
    (void)port;
    (void)frame;
}

static void wire_ready(void *self, uint64_t time, unsigned port)
{
    (void)self;
    (void)time;
    (void)port;
}

static void make_nodes(struct bench *b)
{
    for (unsigned i = 0; i < TUNNELS; i++) {
        struct esp_node *n = &b->node[i];

        memset(n, 0, sizeof *n);
        n->handle = i + 1;
        n->dir = ESP_DIR_IN;
        n->mode = ESP_MODE_TUNNEL;
        n->src = (struct esp_address){ .family = 4, .bytes = { 10, 1, (uint8_t)i, 1 } };
        n->dst = (struct esp_address){ .family = 4, .bytes = { 10, 2, 0, 1 } };
        n->sa_count = 1;
        n->sa[0].op = ESP_OP_ESP;
        n->sa[0].spi = 0x1000 + i;
        n->sa[0].enc.alg = ESP_ALG_AES_GCM_128;
        n->sa[0].enc.icv = 16;
        n->sa[0].enc.length = 20;
        memset(n->sa[0].enc.bytes, (int)i + 1, 20);
    }
}

/* One clear frame of `size` bytes (with Ethernet header), sealed by the tunnel's peer. */
static void make_frame(struct bench *b, struct esp_crypt *crypt, struct frame *f, uint32_t size,
                       uint64_t number)
{
    struct esp_packet p = {
        .buffer = f->bytes, .capacity = FRAME, .start = ESP_HEADROOM, .length = size, .l3 = 14
    };
    struct esp_key_ref key[2] = { { .id = f->tunnel }, { 0 } };
    struct esp_encap encap[2] = { { .seq = number }, { 0 } };
    struct esp_node node = b->node[f->tunnel];
    uint8_t *ip = f->bytes + ESP_HEADROOM + 14;

    memset(f->bytes, 0, sizeof f->bytes);
    node.dir = ESP_DIR_OUT;
    esp_put16(f->bytes + ESP_HEADROOM + 12, ESP_ETHERTYPE_IPV4);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)(size - 14));
    ip[8] = 64;
    ip[9] = ESP_PROTO_UDP;
    ip[12] = 192;
    ip[16] = 192;
    if (esp_seal_packet(crypt, &node, key, &p, encap) != ESP_OK) {
        fputs("bench_card: cannot make a packet\n", stderr);
        exit(1);
    }
    memmove(f->bytes, esp_packet_bytes(&p), p.length);
    f->length = p.length;
}

/* 64, 594 and 1518 bytes with FCS in the ratio 7 : 4 : 1. */
static uint32_t imix(unsigned i)
{
    return i % 12 < 7 ? 60 : i % 12 < 11 ? 590 : 1514 - 80;
}

static void make_frames(struct bench *b, struct esp_crypt *crypt, uint32_t size)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        struct frame *f = &b->frame[i];

        f->tunnel = i % TUNNELS;
        make_frame(b, crypt, f, size ? size : imix(i), i / TUNNELS + 1);
    }
}

static void start(struct bench *b, bool functional)
{
    struct espnic_ports ports = { b, dma_read, dma_write, msix, mmio_done, wire_tx, wire_ready };
    struct espnic_options options = { .functional = functional, .backend = "auto" };
    static struct nic_config config;
    char error[512];
    size_t n;
    const struct param_group *groups = nic_param_groups(&n);

    memset(&config, 0, sizeof config);
    param_set_defaults(&config, groups, n);
    b->card = espnic_create(&config, &options, &ports, error, sizeof error);
    if (!b->card) {
        fprintf(stderr, "bench_card: %s\n", error);
        exit(1);
    }
    for (uint32_t i = 0; i < RX_ENTRIES; i++) {
        struct abi_rx_descriptor d = { .address = BUFFERS + (uint64_t)i * BUFFER,
                                       .length = BUFFER };

        memcpy(b->memory + RX_RING + i * sizeof d, &d, sizeof d);
    }
    b->received = 0;
    b->posted = RX_ENTRIES;
    espnic_mmio_write(b->card, 0, REG_RX_BASE_OFFSET, 8, RX_RING);
    espnic_mmio_write(b->card, 0, REG_RX_DONE_BASE_OFFSET, 8, RX_DONE);
    espnic_mmio_write(b->card, 0, REG_RX_SIZE_OFFSET, 4, RX_ENTRIES);
    espnic_mmio_write(b->card, 0, REG_CTRL_OFFSET, 4, 5);
    espnic_mmio_write(b->card, 0, REG_RX_TAIL_OFFSET, 4, RX_ENTRIES);
    espnic_advance(b->card, 10000000);
}

/* The same frames again would be replays: windows are off. */
static double run(struct bench *b, bool functional, uint64_t packets)
{
    double t;

    start(b, functional);
    for (unsigned i = 0; i < TUNNELS; i++) {
        uint64_t handle;
        enum sa_reason reason;

        b->node[i].sa[0].replay_window = 0;
        espnic_preload_add(b->card, &b->node[i], &handle, &reason);
    }
    t = seconds();
    for (uint64_t i = 0; i < packets; i++) {
        const struct frame *f = &b->frame[i % FRAMES];
        struct espnic_frame frame = { .bytes = f->bytes,
                                      .captured = f->length,
                                      .length = f->length };

        espnic_wire_rx(b->card, 0, espnic_wire_free(b->card, 0), &frame);
        if (i % 8 == 7) {
            espnic_advance(b->card, espnic_wire_free(b->card, 0));
        }
    }
    while (espnic_next_event(b->card) != ESPNIC_NEVER) {
        espnic_advance(b->card, espnic_next_event(b->card));
    }
    t = seconds() - t;
    if (b->received != packets) {
        fprintf(stderr, "bench_card: %llu of %llu packets came out\n",
                (unsigned long long)b->received, (unsigned long long)packets);
        exit(1);
    }
    printf("    %-12s %10.3f Mpackets/s  %6.1f events a packet\n",
           functional ? "functional" : "timing", (double)packets / t / 1e6,
           (double)nic_events(b->card) / (double)packets);
    espnic_destroy(b->card);
    return (double)packets / t;
}

static double crypto_alone(struct bench *b, struct esp_crypt *crypt, uint64_t packets)
{
    static uint8_t copy[FRAME];
    double t = seconds();

    for (uint64_t i = 0; i < packets; i++) {
        const struct frame *f = &b->frame[i % FRAMES];
        struct esp_packet p = { .buffer = copy, .capacity = FRAME, .length = f->length, .l3 = 14 };
        struct esp_key_ref key[2] = { { .id = f->tunnel }, { 0 } };
        uint32_t hi[2] = { 0, 0 };
        struct esp_opened opened;

        memcpy(copy, f->bytes, f->length);
        if (esp_open_packet(crypt, &b->node[f->tunnel], key, &p, hi, NULL, &opened, NULL) !=
            ESP_OK) {
            fputs("bench_card: a packet does not open\n", stderr);
            exit(1);
        }
    }
    t = seconds() - t;
    printf("    %-12s %10.3f Mpackets/s\n", "crypto alone", (double)packets / t / 1e6);
    return (double)packets / t;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint32_t size;
    } mixes[] = { { "64 B", 60 }, { "IMIX", 0 }, { "1500 B", 1434 } };
    uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
    struct bench b = { .memory = calloc(1, BUFFERS + (size_t)RX_ENTRIES * BUFFER),
                       .frame = calloc(FRAMES, sizeof(struct frame)) };
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_AUTO, 0, error, sizeof error);

    if (!crypt || !b.memory || !b.frame) {
        fprintf(stderr, "bench_card: %s\n", error);
        free(b.memory);
        free(b.frame);
        return 1;
    }
    make_nodes(&b);
    printf("card alone, RX, %llu packets each, AES-GCM-128 tunnel, %s\n",
           (unsigned long long)packets, esp_backend_name(esp_crypt_backend(crypt)));
    for (unsigned i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        double timing;
        double functional;
        double alone;

        printf("  %s\n", mixes[i].name);
        make_frames(&b, crypt, mixes[i].size);
        timing = run(&b, false, packets);
        functional = run(&b, true, packets);
        alone = crypto_alone(&b, crypt, packets);
        printf("    timing / functional %.2f, functional / crypto alone %.2f\n",
               timing / functional, functional / alone);
    }
    esp_crypt_close(crypt);
    free(b.memory);
    free(b.frame);
    return 0;
}
