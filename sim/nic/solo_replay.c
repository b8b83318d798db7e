/* solo: replay_check and replay_update (replay.c), with the SAs of one table between them.
 *
 * The crypto between the two is the caller's: what leaves the check comes back when the caller likes, as a new packet
 * with the number and the verdict that the pins say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_esn_replay.def"
#include "nic/solo_pins.h"

enum { BUS = 64, IPSEC = 34 };

static const struct nic_solo_param params[] = {
    { "SA_W", NULL, 4, 1, 8, "bits of the number of an SA; numbers 1 to 2^SA_W - 1 are used" },
    { "WINDOW", NULL, 64, 32, 4096, "packets, a power of two: the largest window" },
    { "RMW", "card.sa.rmw", 1, 1, 64, "cycles from an update of an SA to the next" },
    { "CHECK_LATENCY", "card.replay_check.latency", 1, 0, 64, "cycles" },
    { "CHECK_OVERHEAD", "card.replay_check.overhead", 0, 0, 64, "cycles more from item to item" },
    { "CHECK_DEPTH", "card.replay_check.depth", 8, 2, 64, "beats of the channel behind" },
    { "CHECK_IN_DEPTH", "card.sa_lookup.depth", 8, 2, 64, "beats of the channel before" },
    { "UPDATE_IN_DEPTH", NULL, 26, 26, 26, "beats of the channel before replay_update" },
    { "UPDATE_LATENCY", "card.replay_update.latency", 1, 0, 64, "cycles" },
    { "UPDATE_OVERHEAD", "card.replay_update.overhead", 0, 0, 64, "cycles more from item to item" },
    { "UPDATE_DEPTH", "card.replay_update.depth", 32, 26, 256, "beats of the channel behind" },
};

struct replay {
    struct solo solo;
    struct solo_port chk, checked, upd, updated;
    uint32_t chk_item, upd_item; /* packets that are going in */
    uint64_t handle[256];        /* of the SAs */
};

/* ---- life ------------------------------------------------------------------------------------------ */

static bool open_card(void *self, char *error, size_t error_size)
{
    struct replay *r = self;
    static const char *const settings[][2] = {
        { "card.bus", "64B" },
        { "card.mac.mtu", "576B" }, /* the channel behind replay_update holds two of the longest */
        { "card.sa.esn", "inferred" },
        { NULL, NULL }
    };
    struct nic_lane *lane;
    uint32_t depth;

    if (!solo_open(&r->solo, settings, error, error_size)) {
        return false;
    }
    lane = &r->solo.card->lane[0];
    solo_feed(&r->solo, &r->chk, lane->replay.in[0]);
    solo_drain(&r->solo, &r->checked, lane->replay.out[0]);
    solo_feed(&r->solo, &r->upd, lane->update.in[0]);
    solo_drain(&r->solo, &r->updated, lane->update.out[0]);
    depth = lane->update.out[0]->config.depth;
    if (depth != solo_value(&r->solo, "UPDATE_DEPTH") ||
        lane->update.in[0]->config.depth != solo_value(&r->solo, "UPDATE_IN_DEPTH")) {
        snprintf(error, error_size, "the card has %u and %u beats before and behind replay_update",
                 lane->update.in[0]->config.depth, depth);
        return false;
    }
    return true;
}

static const struct solo_kind kind = { .block = &nic_solo_esn_replay,
                                       .bytes = sizeof(struct replay),
                                       .open = open_card };

static void *create(const char *config, char *error, size_t error_size)
{
    return solo_create(&kind, config, error, error_size);
}

/* ---- pins -------------------------------------------------------------------------------------------- */

static uint32_t beat_data(struct espnic *card, const struct solo_beat *b)
{
    return (uint32_t)(nic_packet(card, b->item)->tag << 4 & 0xfff0) | (b->number & 15);
}

static void outputs(void *self, uint32_t *out)
{
    struct replay *r = self;
    struct espnic *card = r->solo.card;
    struct solo_beat checked = solo_head(&r->solo, &r->checked);
    struct solo_beat updated = solo_head(&r->solo, &r->updated);

    set(out, OUT_CHK_ROOM, solo_room(&r->solo, &r->chk));
    set(out, OUT_UPD_ROOM, solo_room(&r->solo, &r->upd));
    set(out, OUT_CHECKED_VALID, checked.valid);
    set(out, OUT_CHECKED_NEW, 0);
    if (checked.valid) {
        const struct nic_packet *p = nic_packet(card, checked.item);

        set(out, OUT_CHECKED_LAST, checked.last);
        set(out, OUT_CHECKED_NEW, checked.first && p->crypt);
        set(out, OUT_CHECKED_NUMBER, p->sequence);
        set(out, OUT_CHECKED_DATA, beat_data(card, &checked));
    }
    set(out, OUT_UPDATED_VALID, updated.valid);
    if (updated.valid) {
        set(out, OUT_UPDATED_LAST, updated.last);
        set(out, OUT_UPDATED_DATA, beat_data(card, &updated));
    }
    set(out, OUT_COUNT_OK, card->stats.replay[REPLAY_OK]);
    set(out, OUT_COUNT_DUPLICATE, card->stats.replay[REPLAY_DUPLICATE]);
    set(out, OUT_COUNT_TOO_OLD, card->stats.replay[REPLAY_TOO_OLD]);
    set(out, OUT_COUNT_ZERO, card->stats.replay[REPLAY_ZERO]);
    set(out, OUT_COUNT_LATE, card->stats.replay_late);
    set(out, OUT_COUNT_BAD_ICV, card->stats.rx.bad_icv);
}

/* A packet as the look-up would hand it on. */
static uint32_t new_packet(struct replay *r, uint32_t beats, bool crypt, uint32_t sa, uint64_t tag)
{
    struct espnic *card = r->solo.card;
    uint32_t item = nic_packet_new(card, NIC_RX, beats * BUS);
    struct nic_packet *p = nic_packet(card, item);

    p->present = p->length;
    p->kind = ESP_PACKET_ESP;
    p->version = 4;
    p->l3 = 14;
    p->bounds.l3 = 14;
    p->bounds.ipsec = IPSEC;
    p->bounds.end = p->length;
    p->tag = tag;
    if (crypt) {
        p->crypt = 1;
        p->sa = sa;
        sa_table_ref(&card->table, sa);
        nic_make_transform(card, p);
    }
    return item;
}

static void let_go(struct replay *r, uint32_t item)
{
    struct espnic *card = r->solo.card;

    nic_release_sa(card, nic_packet(card, item), r->solo.cycle);
    nic_packet_free(card, item);
}

static void push_check(struct replay *r, const uint32_t *in)
{
    if (r->chk.beat == 0) {
        struct nic_packet *p;

        r->chk_item = new_packet(r, (uint32_t)get(in, IN_CHK_BEATS), get(in, IN_CHK_CRYPT),
                                 (uint32_t)get(in, IN_CHK_SA), get(in, IN_CHK_DATA) >> 4);
        p = nic_packet(r->solo.card, r->chk_item);
        esp_put32(nic_bytes(r->solo.card, p) + IPSEC + 4, (uint32_t)get(in, IN_CHK_LOW));
    }
    solo_push(&r->solo, &r->chk, r->chk_item, get(in, IN_CHK_LAST));
}

static void push_update(struct replay *r, const uint32_t *in)
{
    if (r->upd.beat == 0) {
        struct nic_packet *p;

        r->upd_item = new_packet(r, (uint32_t)get(in, IN_UPD_BEATS), get(in, IN_UPD_CRYPT),
                                 (uint32_t)get(in, IN_UPD_SA), get(in, IN_UPD_DATA) >> 4);
        p = nic_packet(r->solo.card, r->upd_item);
        p->sequence = get(in, IN_UPD_NUMBER);
        p->job_state = get(in, IN_UPD_GOOD) ? ESP_JOB_OK : ESP_JOB_BAD_ICV;
    }
    solo_push(&r->solo, &r->upd, r->upd_item, get(in, IN_UPD_LAST));
}

/* The SA of this number is another one from now on. */
static void set_sa(struct replay *r, const uint32_t *in)
{
    struct espnic *card = r->solo.card;
    uint32_t sa = (uint32_t)get(in, IN_CFG_SA);
    struct esp_node node = { .dir = ESP_DIR_IN, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    struct sa_added added;
    uint32_t id;

    if (r->handle[sa]) {
        sa_table_begin_delete(&card->table, r->handle[sa], &id);
        sa_table_free(&card->table, id);
    }
    node.src.family = node.dst.family = 4;
    node.dst.bytes[0] = 10;
    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP,
                                  .spi = 256 + sa,
                                  .esn = get(in, IN_CFG_ESN),
                                  .seq = get(in, IN_CFG_TOP),
                                  .seq_hi = (uint32_t)(get(in, IN_CFG_TOP) >> 32),
                                  .replay_window = (uint16_t)get(in, IN_CFG_WINDOW),
                                  .enc = { .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 } };
    added = sa_table_add(&card->table, &node, true);
    if (added.id != sa) {
        fprintf(stderr, "espnic: internal error: SA %u became %u\n", sa, added.id);
        abort();
    }
    sa_table_commit(&card->table, added.id, 0);
    r->handle[sa] = added.handle;
}

static void tick(void *self, const uint32_t *in)
{
    struct replay *r = self;

    if (get(in, IN_CHECKED_POP)) {
        struct solo_beat b = solo_head(&r->solo, &r->checked);

        solo_pop(&r->solo, &r->checked);
        if (b.last) {
            let_go(r, b.item);
        }
    }
    if (get(in, IN_UPDATED_POP)) {
        struct solo_beat b = solo_head(&r->solo, &r->updated);

        solo_pop(&r->solo, &r->updated);
        if (b.last) {
            let_go(r, b.item);
        }
    }
    if (get(in, IN_CHK_VALID)) {
        push_check(r, in);
    }
    if (get(in, IN_UPD_VALID)) {
        push_update(r, in);
    }
    solo_step(&r->solo);
    if (get(in, IN_CFG_WE)) {
        set_sa(r, in); /* seen from the next cycle on */
    }
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "esn_replay",
                                      .create = create,
                                      .destroy = solo_destroy,
                                      .reset = solo_reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_esn_replay = {
    .name = "esn_replay",
    .title = "sequence numbers of received packets: inference, check, commit",
    .ops = &ops,
    .in = in_pins,
    .out = out_pins,
    .ins = INS,
    .outs = OUTS,
    .params = params,
    .param_count = sizeof params / sizeof *params,
    .power_of_two = "WINDOW"
};
