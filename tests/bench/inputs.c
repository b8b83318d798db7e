#include "inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "traces/capture.h"
#include "traces/recording.h"

enum { FRAME = 2048, ETHERNET = 14, IPV4 = 20 };

static const uint64_t epoch_ns = UINT64_C(1700000000000000000);

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

const char *inputs_mix_name(enum inputs_mix mix)
{
    static const char *const names[INPUTS_MIXES] = { "64 B", "IMIX", "1500 B" };

    return names[mix];
}

/* 24 bits of the pair's number behind a first byte. */
static struct esp_address address(unsigned net, uint64_t pair)
{
    struct esp_address a = { .family = 4 };

    a.bytes[0] = (uint8_t)net;
    a.bytes[1] = (uint8_t)(pair >> 16);
    a.bytes[2] = (uint8_t)(pair >> 8);
    a.bytes[3] = (uint8_t)pair;
    return a;
}

void inputs_node(uint64_t i, struct esp_node *node)
{
    uint64_t pair = i / 2 + 1;
    bool out = i % 2 != 0;
    struct rng keys = rng_stream(i, 17);
    struct esp_sa *sa = &node->sa[0];

    memset(node, 0, sizeof *node);
    node->handle = i + 1;
    node->pair = out ? i : i + 2;
    node->dir = out ? ESP_DIR_OUT : ESP_DIR_IN;
    node->mode = ESP_MODE_TUNNEL;
    node->src = out ? address(11, 0) : address(12, pair);
    node->dst = out ? address(12, pair) : address(11, 0);
    node->sel = (struct esp_selector){ .present = true, .has_src = true, .has_dst = true };
    node->sel.src.address = out ? address(10, 0) : address(13, pair);
    node->sel.src.length = out ? 8 : 32;
    node->sel.dst.address = out ? address(13, pair) : address(10, 0);
    node->sel.dst.length = out ? 32 : 8;
    node->sa_count = 1;
    sa->op = ESP_OP_ESP;
    sa->spi = (uint32_t)(0x10000000 + i);
    sa->seq = out ? 1 : 0;
    sa->enc.alg = ESP_ALG_AES_GCM_128;
    sa->enc.icv = 16;
    sa->enc.length = 20;
    for (unsigned k = 0; k < sa->enc.length; k++) {
        sa->enc.bytes[k] = (uint8_t)rng_below(&keys, 256);
    }
}

void inputs_write_sas(const char *path, uint64_t nodes)
{
    char error[RECORDING_ERROR_SIZE];
    struct recording_writer *w = recording_writer_open(path, NULL, error, sizeof error);
    struct esp_node pair[2];
    struct recording_record r = { .kind = RECORDING_ADD_SA, .nodes = pair, .node_capacity = 2 };

    if (w == NULL) {
        die(path, error);
    }
    for (uint64_t i = 0; i < nodes; i += r.node_count) {
        r.node_count = nodes - i < 2 ? 1 : 2;
        for (size_t k = 0; k < r.node_count; k++) {
            inputs_node(i + k, &pair[k]);
        }
        recording_write(w, &r);
    }
    if (!recording_writer_close(w, error, sizeof error)) {
        die(path, error);
    }
}

/* ---- traffic ------------------------------------------------------------------------------------ */

static uint32_t frame_bytes(enum inputs_mix mix, unsigned i)
{
    switch (mix) {
    case INPUTS_64: return 60;
    case INPUTS_IMIX: return i % 12 < 7 ? 60 : i % 12 < 11 ? 590 : 1460;
    default: return 1460;
    }
}

void inputs_clear(struct esp_packet *p, enum inputs_mix mix, unsigned i, uint64_t pair, bool out)
{
    uint32_t bytes = frame_bytes(mix, i);
    static const uint8_t ethernet[ETHERNET] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0 };
    uint8_t *frame = p->buffer + ESP_HEADROOM;
    uint8_t *ip = frame + ETHERNET;
    struct esp_address near = address(10, 1);
    struct esp_address far = address(13, pair);

    memset(frame, 0, bytes);
    p->start = ESP_HEADROOM;
    p->length = bytes;
    p->l3 = ETHERNET;
    memcpy(frame, ethernet, sizeof ethernet);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)(bytes - ETHERNET));
    ip[8] = 64;
    ip[9] = ESP_PROTO_UDP;
    memcpy(ip + 12, out ? near.bytes : far.bytes, 4);
    memcpy(ip + 16, out ? far.bytes : near.bytes, 4);
    esp_put16(ip + 10, esp_ip_checksum(ip, IPV4));
    esp_put16(ip + IPV4, 4000);
    esp_put16(ip + IPV4 + 2, 4001);
    esp_put16(ip + IPV4 + 4, (uint16_t)(bytes - ETHERNET - IPV4));
}

static struct capture_writer *create(const char *prefix, const char *suffix)
{
    char path[512];
    char error[CAPTURE_ERROR_SIZE];
    struct capture_writer *w;

    snprintf(path, sizeof path, "%s%s", prefix, suffix);
    w = capture_writer_open(path, error, sizeof error);
    if (w == NULL) {
        die(path, error);
    }
    return w;
}

static void finish(struct capture_writer *w, const char *prefix)
{
    char error[CAPTURE_ERROR_SIZE];

    if (!capture_writer_close(w, error, sizeof error)) {
        die(prefix, error);
    }
}

void inputs_seal(struct esp_crypt *crypt, struct esp_packet *p, uint64_t sa, uint64_t number)
{
    struct esp_key_ref key[2] = { { .id = (uint32_t)sa }, { 0 } };
    struct esp_encap encap[2] = { { .seq = number }, { 0 } };
    struct esp_node node;

    inputs_node(sa, &node);
    node.dir = ESP_DIR_OUT;
    if (esp_seal_packet(crypt, &node, key, p, encap) != ESP_OK) {
        die("a packet", "cannot be sealed");
    }
}

void inputs_write_traffic(const char *prefix, enum inputs_mix mix)
{
    static uint8_t buffer[FRAME];
    struct capture_writer *rx = create(prefix, "-rx.pcap");
    struct capture_writer *tx = create(prefix, "-tx.pcap");
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_AUTO, 0, error, sizeof error);

    if (crypt == NULL) {
        die("crypto", error);
    }
    for (unsigned i = 0; i < INPUTS_PACKETS; i++) {
        struct esp_packet p = { .buffer = buffer, .capacity = sizeof buffer };
        uint64_t tunnel = i % INPUTS_TUNNELS;
        uint64_t at = epoch_ns + (uint64_t)i * 500;

        inputs_clear(&p, mix, i, tunnel + 1, true);
        capture_write(tx, at, esp_packet_bytes(&p), p.length, p.length);
        inputs_clear(&p, mix, i, tunnel + 1, false);
        inputs_seal(crypt, &p, 2 * tunnel, i / INPUTS_TUNNELS + 1);
        capture_write(rx, at, esp_packet_bytes(&p), p.length, p.length);
    }
    esp_crypt_close(crypt);
    finish(rx, prefix);
    finish(tx, prefix);
}
