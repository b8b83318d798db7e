/* solo: one engine of a lane, AES-GCM and GMAC: crypto_rx with its channels. It gets frames to encrypt as well as frames to
 * decrypt; each packet brings its key along, as where descriptors carry the context.
 *
 * A packet's bytes are there with its first beat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define SOLO_PINS "nic/pins_aes_gcm.def"
#include "nic/solo_pins.h"

enum { ETHERNET = 14, IV = 8, ENGINE = 0 /* lane of the stage, and its output */ };

static const struct nic_solo_param params[] = {
    { "BLOCKS", NULL, 4, 1, 4,
      "blocks of AES a cycle, 1, 2 or 4: bus and engine are 16 bytes wide for each" },
    { "OVERHEAD", "card.crypto.overhead", 1, 0, 64, "cycles of a frame beside its blocks" },
    { "STAGES_PER_ROUND", "card.crypto.stages_per_round", 1, 1, 2, "cycles of a round" },
    { "IN_DEPTH", "card.replay_check.depth", 64, 2, 1024, "beats of the channel before it" },
    { "DEPTH", "card.crypto.depth", 256, 56, 1024, "beats of the channel behind it" },
};

struct gcm {
    struct solo solo;
    struct solo_port in_port, out_port;
    struct block_pin in[INS], out[OUTS];
    uint32_t bus;
    uint32_t item; /* packet that is going in */
    char config[256];
};

static uint64_t get(const struct gcm *g, const uint32_t *in, enum in_pin pin)
{
    return block_pin(in, &g->in[pin]);
}

static void set(const struct gcm *g, uint32_t *out, enum out_pin pin, uint64_t value)
{
    block_set_pin(out, &g->out[pin], value);
}

static void get_bytes(const struct gcm *g, const uint32_t *in, enum in_pin pin, uint8_t *bytes,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)block_get(in, g->in[pin].lsb + 8 * i, 8);
    }
}

/* ---- life ------------------------------------------------------------------------------------------ */

static bool open_card(struct gcm *g, char *error, size_t error_size)
{
    char bus[32], width[32];
    const char *const settings[][2] = { { "card.bus", bus },
                                        { "card.crypto.width", width },
                                        { "card.mac.mtu", "1500B" },
                                        { "card.crypto.engines", "1" },
                                        { "card.crypto.contexts", "1" },
                                        { "card.crypto.key_setup", "0" },
                                        { "card.command.context", "256B" },
                                        { NULL, NULL } };
    uint32_t blocks = solo_param(&nic_solo_aes_gcm, g->config, "BLOCKS");
    struct stage *crypto;

    g->bus = 16 * blocks;
    snprintf(bus, sizeof bus, "%uB", g->bus);
    snprintf(width, sizeof width, "%uB", g->bus);
    if (!solo_open(&g->solo, &nic_solo_aes_gcm, g->config, settings, error, error_size)) {
        return false;
    }
    crypto = &g->solo.card->lane[0].rx.crypto;
    solo_feed(&g->solo, &g->in_port, crypto->in[0]);
    solo_drain(&g->solo, &g->out_port, crypto->out[ENGINE]);
    return true;
}

static void destroy(void *self)
{
    struct gcm *g = self;

    if (g) {
        solo_close(&g->solo);
        free(g);
    }
}

static void *create(const char *config, char *error, size_t error_size)
{
    struct gcm *g = calloc(1, sizeof *g);

    if (!g || strlen(config) >= sizeof g->config) {
        snprintf(error, error_size, "out of memory");
        free(g);
        return NULL;
    }
    memcpy(g->config, config, strlen(config) + 1);
    memcpy(g->in, in_pins, sizeof in_pins);
    memcpy(g->out, out_pins, sizeof out_pins);
    block_pins_place(g->in, INS);
    block_pins_place(g->out, OUTS);
    if (!open_card(g, error, error_size)) {
        destroy(g);
        return NULL;
    }
    return g;
}

static void reset(void *self)
{
    struct gcm *g = self;
    char error[256];

    solo_close(&g->solo);
    if (!open_card(g, error, sizeof error)) {
        fprintf(stderr, "espnic: internal error: %s\n", error);
        abort();
    }
}

/* ---- what is seen ------------------------------------------------------------------------------------ */

static void show_beat(struct gcm *g, uint32_t *out, const struct solo_beat *b)
{
    struct espnic *card = g->solo.card;
    struct nic_packet *p = nic_packet(card, b->item);
    enum esp_job_state state = nic_crypt_result(card, p);
    const uint8_t *bytes = nic_bytes(card, p) + (size_t)b->number * g->bus;
    uint32_t left = p->length - b->number * g->bus;

    set(g, out, OUT_LAST, b->last);
    set(g, out, OUT_OK, state == ESP_JOB_OK);
    set(g, out, OUT_CONTENT, p->tag);
    for (uint32_t i = 0; i < g->bus; i++) {
        block_set(out, g->out[OUT_BEAT].lsb + 8 * i, 8, i < left ? bytes[i] : 0);
    }
}

static void outputs(void *self, uint32_t *out)
{
    struct gcm *g = self;
    struct solo_beat b = solo_head(&g->solo, &g->out_port);

    set(g, out, OUT_ROOM, solo_room(&g->solo, &g->in_port));
    set(g, out, OUT_VALID, b.valid);
    if (b.valid) {
        show_beat(g, out, &b);
    }
}

/* ---- what goes in -------------------------------------------------------------------------------------- */

/* The context that the packet brings, as in a descriptor. */
static void give_context(struct gcm *g, const uint32_t *in, struct nic_packet *p)
{
    static const enum esp_alg gcm[] = { ESP_ALG_AES_GCM_128, ESP_ALG_AES_GCM_192,
                                        ESP_ALG_AES_GCM_256 };
    static const enum esp_alg gmac[] = { ESP_ALG_AES_GMAC_128, ESP_ALG_AES_GMAC_192,
                                         ESP_ALG_AES_GMAC_256 };
    const uint32_t size = (uint32_t)get(g, in, IN_ROUNDS), key = 16 + 8 * size;
    uint8_t bytes[ABI_CONTEXT_MAX] = { 0 };
    struct abi_tx_context head = { .op = ESP_OP_ESP,
                                   .flags = get(g, in, IN_ESN) ? ABI_CONTEXT_ESN : 0,
                                   .icv = (uint8_t)get(g, in, IN_ICV) };

    if (get(g, in, IN_GMAC)) {
        head.enc = ESP_ALG_NULL;
        head.auth = gmac[size];
        head.auth_length = (uint8_t)(key + 4);
    } else {
        head.enc = gcm[size];
        head.enc_length = (uint8_t)(key + 4);
    }
    memcpy(bytes, &head, sizeof head);
    get_bytes(g, in, IN_KEY, bytes + ABI_CONTEXT_KEYS, key);
    get_bytes(g, in, IN_SALT, bytes + ABI_CONTEXT_KEYS + key, 4);
    p->carried = nic_carried_new(g->solo.card, bytes);
    if (!nic_carried_use(g->solo.card, p)) {
        fputs("espnic: internal error: aes_gcm: the card cannot use this key\n", stderr);
        abort();
    }
}

static uint32_t new_packet(struct gcm *g, const uint32_t *in)
{
    struct espnic *card = g->solo.card;
    uint32_t item = nic_packet_new(card, get(g, in, IN_DECRYPT) ? NIC_RX : NIC_TX,
                                   (uint32_t)get(g, in, IN_LENGTH));
    struct nic_packet *p = nic_packet(card, item);

    get_bytes(g, in, IN_FRAME, nic_bytes(card, p), p->length);
    p->present = p->length;
    p->kind = ESP_PACKET_ESP;
    p->crypt = 1;
    p->tag = get(g, in, IN_WHOLE);
    p->bounds = (struct esp_bounds){ .l3 = ETHERNET,
                                     .ipsec = (uint32_t)get(g, in, IN_BEGIN) - IV - ESP_HEADER,
                                     .end = (uint32_t)(get(g, in, IN_END) + get(g, in, IN_ICV)) };
    p->sequence = get(g, in, IN_HIGH) << 32 | esp_get32(nic_bytes(card, p) + p->bounds.ipsec + 4);
    give_context(g, in, p);
    return item;
}

static void tick(void *self, const uint32_t *in)
{
    struct gcm *g = self;

    if (get(g, in, IN_POP)) {
        struct solo_beat b = solo_head(&g->solo, &g->out_port);

        solo_pop(&g->solo, &g->out_port);
        if (b.last) {
            nic_packet_free(g->solo.card, b.item);
        }
    }
    if (get(g, in, IN_PUSH)) {
        if (g->in_port.beat == 0) {
            g->item = new_packet(g, in);
        }
        solo_push(&g->solo, &g->in_port, g->item, get(g, in, IN_PUSH_LAST));
    }
    solo_step(&g->solo);
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "aes_gcm",
                                      .create = create,
                                      .destroy = destroy,
                                      .reset = reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_aes_gcm = {
    .name = "aes_gcm",
    .title = "the engine: AES-GCM and GMAC of whole frames, encryption and decryption",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params
};
