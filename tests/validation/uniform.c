#include "uniform.h"

#include "esp/esp.h"
#include "traces/capture.h"
#include "traces/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 12288, ETHERNET = 14, FIRST_SPI = 0x1000 };

static char error[512];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "uniform traffic: %s: %s\n", what, error);
    exit(1);
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* 10.NET.high.low: the host behind end `net` that the SA belongs to. */
static struct esp_address inner_host(unsigned net, unsigned sa)
{
    return (struct esp_address){ .family = 4,
                                 .bytes = { 10, (uint8_t)net, (uint8_t)(sa >> 8), (uint8_t)sa } };
}

static void set_key(struct esp_key *key, const char *name, unsigned sa)
{
    const struct esp_alg_info *info;

    key->alg = esp_alg_by_name(name, strlen(name));
    info = esp_alg_info(key->alg);
    key->icv = info->icv_default;
    key->length = (uint8_t)(info->key_bytes + info->salt_bytes);
    for (unsigned i = 0; i < key->length; i++) {
        key->bytes[i] = (uint8_t)(sa * 7 + i);
    }
}

static struct esp_node node_of(const struct uniform *u, enum esp_dir dir, unsigned sa)
{
    struct esp_node n = { .dir = dir, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    struct esp_address gateway = { .family = 4, .bytes = { 203, 0, 113, 1 } };
    struct esp_address peer = { .family = 4,
                                .bytes = { 198, 18, (uint8_t)(sa >> 8), (uint8_t)sa } };

    n.handle = 2 * (uint64_t)sa + (dir == ESP_DIR_OUT ? 2 : 1);
    n.src = dir == ESP_DIR_OUT ? gateway : peer;
    n.dst = dir == ESP_DIR_OUT ? peer : gateway;
    n.sa[0].op = ESP_OP_ESP;
    n.sa[0].spi = FIRST_SPI + sa;
    n.sa[0].seq = dir == ESP_DIR_OUT ? 1 : 0;
    set_key(&n.sa[0].enc, u->cipher ? u->cipher : "aes-gcm-128", sa);
    if (u->integrity) {
        set_key(&n.sa[0].auth, u->integrity, sa);
    }
    if (dir == ESP_DIR_OUT) {
        n.sel = (struct esp_selector){ .present = true, .has_dst = true };
        n.sel.dst = (struct esp_prefix){ inner_host(2, sa), 32 };
    }
    return n;
}

static void write_recording(const struct uniform *u, const char *path)
{
    struct recording_writer *w = recording_writer_open(path, NULL, error, sizeof error);

    if (!w) {
        die(path);
    }
    for (unsigned i = 0; i < 2 * u->sas + u->requests; i++) {
        bool later = i >= 2 * u->sas;
        struct esp_node node = later ? node_of(u, ESP_DIR_IN, i - u->sas)
                                     : node_of(u, i % 2 ? ESP_DIR_OUT : ESP_DIR_IN, i / 2);
        struct recording_record r = { .kind = RECORDING_ADD_SA, .nodes = &node, .node_count = 1 };

        r.t_ns = later ? (i - 2 * u->sas + 1) * u->interval_ns : 0;
        recording_write(w, &r);
    }
    if (!recording_writer_close(w, error, sizeof error)) {
        die(path);
    }
}

/* A UDP datagram of zeros in IPv4. Towards the peer (`net` 2) or from it. */
static void clear_packet(uint8_t *frame, const struct uniform *u, unsigned net, unsigned sa)
{
    uint8_t *ip = frame + ETHERNET;
    struct esp_address src = inner_host(3 - net, sa);
    struct esp_address dst = inner_host(net, sa);
    uint32_t sum = 0;

    memset(frame, 0, ETHERNET + u->inner);
    frame[0] = frame[6] = 2;
    esp_put16(frame + 12, ESP_ETHERTYPE_IPV4);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)u->inner);
    ip[8] = 64;
    ip[9] = ESP_PROTO_UDP;
    memcpy(ip + 12, src.bytes, 4);
    memcpy(ip + 16, dst.bytes, 4);
    for (unsigned i = 0; i < 20; i += 2) {
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    esp_put16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
    esp_put16(ip + 20, 1000);
    esp_put16(ip + 22, 2000);
    esp_put16(ip + 24, (uint16_t)(u->inner - 20));
}

static uint32_t seal(struct esp_crypt *crypt, const struct uniform *u, unsigned i, uint8_t *frame)
{
    static uint8_t room[ROOM];
    unsigned sa = i % u->sas;
    struct esp_node node = node_of(u, ESP_DIR_IN, sa);
    struct esp_packet p = { .buffer = room,
                            .capacity = ROOM,
                            .start = ESP_HEADROOM,
                            .length = ETHERNET + u->inner,
                            .l3 = ETHERNET };
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = sa } };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = i / u->sas + 1 } };

    node.dir = ESP_DIR_OUT; /* the peer sends */
    clear_packet(room + ESP_HEADROOM, u, 1, sa);
    if (esp_seal_packet(crypt, &node, key, &p, encap) != ESP_OK) {
        snprintf(error, sizeof error, "cannot be sealed");
        die("packet");
    }
    memcpy(frame, esp_packet_bytes(&p), p.length);
    return p.length;
}

static void write_capture(const struct uniform *u, const char *path, bool sealed)
{
    static uint8_t frame[ROOM];
    struct capture_writer *w = capture_writer_open(path, error, sizeof error);
    struct esp_crypt *crypt =
        esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);

    if (!w || !crypt) {
        die(path);
    }
    for (unsigned i = 0; i < u->packets; i++) {
        uint32_t length = ETHERNET + u->inner;

        if (sealed) {
            length = seal(crypt, u, i, frame);
        } else {
            clear_packet(frame, u, 2, i % u->sas);
        }
        capture_write(w, i, frame, length, length);
    }
    esp_crypt_close(crypt);
    if (!capture_writer_close(w, error, sizeof error)) {
        die(path);
    }
}

uint32_t uniform_clear(const struct uniform *u)
{
    return ETHERNET + u->inner;
}

uint32_t uniform_sealed(const struct uniform *u)
{
    static uint8_t frame[ROOM];
    struct esp_crypt *crypt =
        esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);
    uint32_t length = seal(crypt, u, 0, frame);

    esp_crypt_close(crypt);
    return length;
}

const char *uniform_make(const struct uniform *u)
{
    static char folder[64];

    snprintf(folder, sizeof folder, "/tmp/espnic-uniform-XXXXXX");
    if (!mkdtemp(folder)) {
        snprintf(error, sizeof error, "cannot be made");
        die(folder);
    }
    write_recording(u, in_folder(folder, "sas.jsonl"));
    write_capture(u, in_folder(folder, "rx.pcap"), true);
    write_capture(u, in_folder(folder, "tx.pcap"), false);
    return folder;
}

void uniform_remove(const char *folder)
{
    unlink(in_folder(folder, "sas.jsonl"));
    unlink(in_folder(folder, "rx.pcap"));
    unlink(in_folder(folder, "tx.pcap"));
    rmdir(folder);
}
