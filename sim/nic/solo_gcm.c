/* solo: one engine of a lane, AES-GCM and GMAC: crypto_rx with its channels. It gets frames to encrypt as well as frames to
 * decrypt; each packet brings its key along, as where descriptors carry the context.
 *
 * A packet's bytes are there with its first beat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_aes_gcm.def"
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
    uint32_t bus;
    uint32_t item; /* packet that is going in */
};

/* ---- life ------------------------------------------------------------------------------------------ */

static bool open_card(void *self, char *error, size_t error_size)
{
    struct gcm *g = self;
    char bus[32], width[32];
    const char *const settings[][2] = { { "card.bus", bus },
                                        { "card.crypto.width", width },
                                        { "card.mac.mtu", "1500B" },
                                        { "card.crypto.engines", "1" },
                                        { "card.crypto.contexts", "1" },
                                        { "card.crypto.key_setup", "0" },
                                        { "card.command.context", "256B" },
                                        { NULL, NULL } };
    struct stage *crypto;

    g->bus = 16 * solo_value(&g->solo, "BLOCKS");
    snprintf(bus, sizeof bus, "%uB", g->bus);
    snprintf(width, sizeof width, "%uB", g->bus);
    if (!solo_open(&g->solo, settings, error, error_size)) {
        return false;
    }
    crypto = &g->solo.card->lane[0].rx.crypto;
    solo_feed(&g->solo, &g->in_port, crypto->in[0]);
    solo_drain(&g->solo, &g->out_port, crypto->out[ENGINE]);
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_aes_gcm,
                                       .bytes = sizeof(struct gcm),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- what is seen ------------------------------------------------------------------------------------ */

static void show_beat(struct gcm *g, uint32_t *out, const struct solo_beat *b)
{
    struct espnic *card = g->solo.card;
    struct nic_packet *p = nic_packet(card, b->item);
    enum esp_job_state state = nic_crypt_result(card, p);
    const uint8_t *bytes = nic_bytes(card, p) + (size_t)b->number * g->bus;
    uint32_t left = p->length - b->number * g->bus;

    set(out, OUT_LAST, b->last);
    set(out, OUT_OK, state == ESP_JOB_OK);
    set(out, OUT_CONTENT, p->tag);
    set_bytes(out, OUT_BEAT, bytes, left < g->bus ? left : g->bus);
}

static void outputs(void *self, uint32_t *out)
{
    struct gcm *g = self;
    struct solo_beat b = solo_head(&g->solo, &g->out_port);

    set(out, OUT_ROOM, solo_room(&g->solo, &g->in_port));
    set(out, OUT_VALID, b.valid);
    if (b.valid) {
        show_beat(g, out, &b);
    }
}

/* ---- what goes in -------------------------------------------------------------------------------------- */

/* The context that the packet brings, as in a descriptor. */
static void give_context(struct gcm *g, const uint32_t *in, struct nic_packet *p)
{
    const uint32_t size = (uint32_t)get(in, IN_ROUNDS), key = 16 + 8 * size;
    uint8_t bytes[ABI_CONTEXT_MAX] = { 0 };
    struct abi_tx_context head = { .op = ESP_OP_ESP,
                                   .flags = get(in, IN_ESN) ? ABI_CONTEXT_ESN : 0,
                                   .icv = (uint8_t)get(in, IN_ICV) };

    if (get(in, IN_GMAC)) {
        head.enc = ESP_ALG_NULL;
        head.auth = esp_alg_gmac(size);
        head.auth_length = (uint8_t)(key + 4);
    } else {
        head.enc = esp_alg_gcm(size);
        head.enc_length = (uint8_t)(key + 4);
    }
    memcpy(bytes, &head, sizeof head);
    get_bytes(in, IN_KEY, bytes + ABI_CONTEXT_KEYS, key);
    get_bytes(in, IN_SALT, bytes + ABI_CONTEXT_KEYS + key, 4);
    p->carried = nic_carried_new(g->solo.card, bytes);
    if (!nic_carried_use(g->solo.card, p)) {
        fputs("espnic: internal error: aes_gcm: the card cannot use this key\n", stderr);
        abort();
    }
}

static uint32_t new_packet(struct gcm *g, const uint32_t *in)
{
    struct espnic *card = g->solo.card;
    uint32_t item =
        nic_packet_new(card, get(in, IN_DECRYPT) ? NIC_RX : NIC_TX, (uint32_t)get(in, IN_LENGTH));
    struct nic_packet *p = nic_packet(card, item);

    get_bytes(in, IN_FRAME, nic_bytes(card, p), p->length);
    p->present = p->length;
    p->kind = ESP_PACKET_ESP;
    p->crypt = 1;
    p->tag = get(in, IN_WHOLE);
    p->bounds = (struct esp_bounds){ .l3 = ETHERNET,
                                     .ipsec = (uint32_t)get(in, IN_BEGIN) - IV - ESP_HEADER,
                                     .end = (uint32_t)(get(in, IN_END) + get(in, IN_ICV)) };
    p->sequence = get(in, IN_HIGH) << 32 | esp_get32(nic_bytes(card, p) + p->bounds.ipsec + 4);
    give_context(g, in, p);
    return item;
}

static void tick(void *self, const uint32_t *in)
{
    struct gcm *g = self;

    if (get(in, IN_POP)) {
        solo_pop_for_good(&g->solo, &g->out_port);
    }
    if (get(in, IN_PUSH)) {
        if (g->in_port.beat == 0) {
            g->item = new_packet(g, in);
        }
        solo_push(&g->solo, &g->in_port, g->item, get(in, IN_PUSH_LAST));
    }
    solo_step(&g->solo);
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "aes_gcm",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
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
    .param_count = sizeof params / sizeof *params,
    .power_of_two = "BLOCKS"
};
