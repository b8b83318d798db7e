/* solo: sequence (sequence.c) of a card with packet offload, its SAs tunnels with ESP and AES-GCM.
 *
 * The packets have no contents: their lengths are such that the frames are as long as the pins say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_esn_sequence.def"
#include "nic/solo_pins.h"

enum {
    BUS = 64,
    ETHERNET = 14,
    AROUND = 20 + 8 + 8 + 2 + 16 /* outer header, ESP header, IV, trailer without padding, ICV */
};

static const struct nic_solo_param params[] = {
    { "SA_W", NULL, 4, 1, 8, "bits of the number of an SA; numbers 1 to 2^SA_W - 1 are used" },
    { "MTU", NULL, 9000, 576, 65535, "bytes of the longest IP packet; card.mac.mtu" },
    { "RMW", "card.sa.rmw", 1, 1, 64, "cycles from a number of an SA to the next" },
    { "LATENCY", "card.sequence.latency", 1, 0, 64, "cycles" },
    { "INTERVAL", "card.sequence.interval", 1, 1, 8, "cycles a beat" },
    { "OVERHEAD", "card.sequence.overhead", 0, 0, 64, "cycles more from item to item" },
    { "DEPTH", "card.sequence.depth", 8, 2, 64, "beats of the channel behind" },
    { "IN_DEPTH", "card.sa_fetch.depth", 8, 2, 64, "beats of the channel before" },
};

struct sequence {
    struct solo solo;
    struct solo_port seq, numbered;
    uint32_t item;        /* packet that is going in */
    uint32_t given;       /* numbers */
    uint64_t handle[256]; /* of the SAs */
};

/* ---- life ------------------------------------------------------------------------------------------ */

static bool open_card(void *self, char *error, size_t error_size)
{
    struct sequence *s = self;
    char mtu[32];
    const char *const settings[][2] = { { "card.bus", "64B" },
                                        { "card.mac.mtu", mtu },
                                        { NULL, NULL } };
    struct nic_lane *lane;

    snprintf(mtu, sizeof mtu, "%uB", solo_value(&s->solo, "MTU"));
    if (!solo_open(&s->solo, settings, error, error_size)) {
        return false;
    }
    lane = &s->solo.card->lane[0];
    solo_feed(&s->solo, &s->seq, lane->sequence.in[0]);
    solo_drain(&s->solo, &s->numbered, lane->sequence.out[0]);
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_esn_sequence,
                                       .bytes = sizeof(struct sequence),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- pins -------------------------------------------------------------------------------------------- */

static void outputs(void *self, uint32_t *out)
{
    struct sequence *s = self;
    struct espnic *card = s->solo.card;
    struct solo_beat b = solo_head(&s->solo, &s->numbered);

    set(out, OUT_SEQ_ROOM, solo_room(&s->solo, &s->seq));
    set(out, OUT_NUMBERED_VALID, b.valid);
    set(out, OUT_NUMBERED_NEW, 0);
    if (b.valid) {
        const struct nic_packet *p = nic_packet(card, b.item);

        set(out, OUT_NUMBERED_LAST, b.last);
        set(out, OUT_NUMBERED_NEW, b.first && p->crypt);
        set(out, OUT_NUMBERED_NUMBER, p->sequence);
        set(out, OUT_NUMBERED_DATA, (p->tag << 4 & 0xfff0) | (b.number & 15));
    }
    set(out, OUT_COUNT_GIVEN, s->given);
    set(out, OUT_COUNT_EXHAUSTED, card->stats.tx.drop[NIC_DROP_SEQ_EXHAUSTED]);
    set(out, OUT_COUNT_TOO_LONG, card->stats.tx.drop[NIC_DROP_MTU]);
}

/* A packet as the fetch of its context would hand it on; hairpin: no descriptor waits for what becomes of it. */
static uint32_t new_packet(struct sequence *s, const uint32_t *in)
{
    struct espnic *card = s->solo.card;
    uint32_t item = nic_packet_new(card, NIC_TX, (uint32_t)get(in, IN_SEQ_BEATS) * BUS);
    struct nic_packet *p = nic_packet(card, item);

    p->hairpin = 1;
    p->tag = get(in, IN_SEQ_DATA) >> 4;
    if (get(in, IN_SEQ_CRYPT)) {
        p->crypt = 1;
        p->length = (uint32_t)get(in, IN_SEQ_LENGTH) - AROUND + ETHERNET;
        p->sa = (uint32_t)get(in, IN_SEQ_SA);
        sa_table_ref(&card->table, p->sa);
        nic_make_transform(card, p);
    }
    return item;
}

/* The SA of this number is another one from now on. */
static void set_sa(struct sequence *s, const uint32_t *in)
{
    struct espnic *card = s->solo.card;
    uint32_t sa = (uint32_t)get(in, IN_CFG_SA);
    struct esp_node node = { .dir = ESP_DIR_OUT, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    struct sa_added added;
    uint32_t id;

    if (s->handle[sa]) {
        sa_table_begin_delete(&card->table, s->handle[sa], &id);
        sa_table_free(&card->table, id);
    }
    node.src.family = node.dst.family = 4;
    node.dst.bytes[0] = 10;
    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                  .spi = 256 + sa,
                                  .esn = get(in, IN_CFG_ESN),
                                  .seq = get(in, IN_CFG_NEXT),
                                  .seq_hi = (uint32_t)(get(in, IN_CFG_NEXT) >> 32),
                                  .enc = { .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 } };
    added = sa_table_add(&card->table, &node, true);
    if (added.id != sa) {
        fprintf(stderr, "espnic: internal error: SA %u became %u\n", sa, added.id);
        abort();
    }
    sa_table_commit(&card->table, added.id, 0);
    s->handle[sa] = added.handle;
}

static void tick(void *self, const uint32_t *in)
{
    struct sequence *s = self;
    const struct nic_hazards *hazards = &s->solo.card->lane[0].hazards[NIC_TX];
    uint32_t before = hazards->at;

    if (get(in, IN_NUMBERED_POP)) {
        struct solo_beat b = solo_head(&s->solo, &s->numbered);

        solo_pop(&s->solo, &s->numbered);
        if (b.last) {
            nic_release_sa(s->solo.card, nic_packet(s->solo.card, b.item), s->solo.cycle);
            nic_packet_free(s->solo.card, b.item);
        }
    }
    if (get(in, IN_SEQ_VALID)) {
        if (s->seq.beat == 0) {
            s->item = new_packet(s, in);
        }
        solo_push(&s->solo, &s->seq, s->item, get(in, IN_SEQ_LAST));
    }
    solo_step(&s->solo);
    s->given += hazards->at != before; /* the block notes every number, one a cycle at most */
    if (get(in, IN_CFG_WE)) {
        set_sa(s, in); /* seen from the next cycle on */
    }
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "esn_sequence",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_esn_sequence = {
    .name = "esn_sequence",
    .title = "sequence numbers of packets that are sent: MTU, exhaustion, numbering",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params
};
