/* sa_lookup (RX), sa_fetch (TX): from a packet to its SA context.
 *
 * RX: (SPI, destination, protocol) in the table; no SA: the packet goes on untouched (`no_sa`). The look-up is made in
 * the cycle in which the packet begins, and holds what it finds: while it waits, for room or for anything else, the
 * table may still change.
 * TX: by the descriptor's handle, likewise in the cycle in which the packet begins; a handle that names no live SA ends
 * the packet.
 * Then the context itself. On the chip it is there. Behind a cache a hit is there and a miss is asked
 * for; the packet goes on into sa_wait, where it stays until its context has come. A miss that finds no
 * MSHR holds up all packets behind it.
 * The hard lifetime is checked here, before anything else is done with the SA. */
#include "nic/mailbox.h"

static bool cached(const struct espnic *card)
{
    return card->config.sa.storage != NIC_STORAGE_ON_CHIP;
}

/* A context that has to be fetched needs an MSHR. */
static bool may_ask(struct espnic *card, const struct nic_packet *p, unsigned *cause)
{
    *cause = card->memory.block;
    return !p->sa || !cached(card) || nic_memory_can_ask(card, p);
}

/* The driver has stopped feeding the block (SECTXCTRL, SECRXCTRL). */
static bool stopped(const struct espnic *card, unsigned dir, unsigned *cause)
{
    *cause = card->registers_block;
    return card->mailbox && card->mailbox->s.stopped[dir];
}

/* ---- RX ---------------------------------------------------------------------------------------- */

static void take_sa(struct espnic *card, struct nic_packet *p, uint32_t id)
{
    p->sa = id;
    sa_table_ref(&card->table, id);
}

/* What has to be looked up: not what an earlier block sends past. An answer of before is no longer one. */
static bool looks(const struct espnic *card, struct nic_packet *p)
{
    if (p->bypass == NIC_BYPASS_NO_SA || p->bypass == NIC_BYPASS_OFFLOAD_OFF) {
        p->bypass = 0;
    }
    p->probes = 0;
    p->sa = 0;
    p->crypt = 0;
    if (!p->bypass && !card->offload_on) {
        p->bypass = NIC_BYPASS_OFFLOAD_OFF;
    }
    return !p->bypass;
}

/* What the table says now. It counts only if the packet begins in this cycle. */
static void look_up(struct espnic *card, struct nic_packet *p)
{
    struct esp_view view = { .version = p->version, .l3 = p->l3 };
    const uint8_t *header = nic_bytes(card, p) + p->bounds.ipsec;
    struct sa_key key = { 0 };
    struct esp_address src;
    struct sa_hit hit;

    key.op = p->kind == ESP_PACKET_AH ? ESP_OP_AH : ESP_OP_ESP;
    key.spi = esp_get32(header + (key.op == ESP_OP_AH ? 4 : 0));
    esp_view_addresses(nic_bytes(card, p), &view, &src, &key.dst);
    hit = sa_table_look(&card->table, &key);
    p->probes = (uint8_t)hit.probes;
    if (!hit.id) {
        p->bypass = NIC_BYPASS_NO_SA;
        return;
    }
    p->sa = hit.id;
    p->entry = (uint8_t)hit.entry;
    p->crypt = 1;
    nic_make_transform(card, p);
}

static bool rx_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, item);

    if (stopped(card, NIC_RX, cause)) {
        return false;
    }
    if (looks(card, p)) {
        if (!nic_lookup_port_free(card, now, cause, again)) {
            return false;
        }
        look_up(card, p);
    }
    return may_ask(card, p, cause);
}

/* What kept the packet from this SA: expiry, or an encapsulation that is not the SA's. */
static enum nic_drop refuse(struct espnic *card, const struct nic_packet *p, uint64_t now)
{
    const struct esp_transform *t = nic_transform(p);

    if (sa_expired(&card->table, nic_entry(card, p), nic_now_ns(card, now))) {
        return NIC_DROP_EXPIRED;
    }
    if (p->dir == NIC_RX && t->udp != (p->kind == ESP_PACKET_UDP_ESP)) {
        return NIC_DROP_WRONG_PROTOCOL;
    }
    return NIC_DROP_NONE;
}

static void rx_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    p->drop = NIC_DROP_NONE;
    if (p->sa) {
        p->drop = (uint8_t)refuse(lane->card, p, now);
        if (p->drop == NIC_DROP_WRONG_PROTOCOL &&
            lane->card->config.general.offload == NIC_OFFLOAD_CRYPTO) {
            p->drop = NIC_DROP_NONE;
            p->crypt = 0;
        }
    }
    j->out = (uint8_t)nic_wait_queue(lane->card, p);
    nic_plain_job(&lane->card->config.lookup,
                  nic_is_ideal(&lane->card->config, NIC_IDEAL_SA_LOOKUP), p->beats,
                  p->drop ? 0 : p->beats, j);
}

static void begin_any(struct espnic *card, struct nic_packet *p, uint64_t now)
{
    if (p->drop) {
        nic_count_drop(card, p, p->drop);
        nic_release_sa(card, p, now);
    } else if (cached(card)) {
        if (p->sa) {
            nic_memory_ask(card, p, now, true);
        }
        nic_wait_joins(card, p);
    }
}

/* The look-up has been made: what it found is held from here on. */
static void looked(struct espnic *card, struct nic_packet *p)
{
    const struct sa_hit hit = { .id = p->sa, .entry = p->entry, .probes = p->probes };

    sa_table_count(&card->table, &hit);
    if (!p->sa) {
        return;
    }
    take_sa(card, p, p->sa);
    if (!p->crypt) {
        p->status = ABI_CRYPTO_INVALID_PROTOCOL;
    }
    if (p->pass < 2) {
        p->handle[p->pass] =
            card->mailbox ? nic_mailbox_handle(card, p->sa) : sa_table_handle(&card->table, p->sa);
    }
}

static void rx_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    if (p->probes) {
        looked(lane->card, p);
        nic_lookup_port_use(lane->card, now, p->probes);
    }
    if (p->bypass && p->pass == 0) {
        lane->card->stats.rx.bypass[p->bypass]++;
    }
    begin_any(lane->card, p, now);
}

/* ---- TX ---------------------------------------------------------------------------------------- */

static uint32_t if_outbound(struct espnic *card, uint32_t id)
{
    return id && sa_dir(sa_context(&card->table, id)) == ESP_DIR_OUT ? id : 0;
}

uint32_t nic_tx_sa(struct espnic *card, uint64_t handle)
{
    if (card->mailbox) {
        return if_outbound(card, nic_mailbox_sa(card, handle));
    }
    return card->offload_on ? if_outbound(card, sa_table_find(&card->table, handle)) : 0;
}

/* The same, of a handle that nobody has used yet: a stale one is not counted. */
static uint32_t seen_tx_sa(struct espnic *card, uint64_t handle)
{
    uint32_t id;

    if (card->mailbox || !card->offload_on) {
        return nic_tx_sa(card, handle);
    }
    id = sa_table_peek(&card->table, handle);
    return id && sa_context(&card->table, id)->state == SA_LIVE ? if_outbound(card, id) : 0;
}

/* Is all said about the packet's SA, whatever the table will say? */
enum looked { LOOKED_NOT, LOOKED, LOOKED_BY_HANDLE };

/* What the table says now. It counts only if the packet begins in this cycle. */
static void fetch(struct espnic *card, struct nic_packet *p)
{
    if (p->looked == LOOKED_BY_HANDLE) {
        p->sa = 0;
    }
    p->looked = LOOKED;
    p->drop = NIC_DROP_NONE;
    if (p->carried) {
        p->crypt = nic_carried_use(card, p);
        p->drop = p->crypt ? NIC_DROP_NONE : NIC_DROP_UNKNOWN_HANDLE;
        return;
    }
    if (p->sa || !p->handle[p->portion]) {
        p->crypt = p->sa != 0;
        if (p->sa) {
            nic_make_transform(card, p); /* the next entry of the same bundle */
        }
        return;
    }
    p->looked = LOOKED_BY_HANDLE;
    p->sa = seen_tx_sa(card, p->handle[p->portion]);
    p->crypt = p->sa != 0;
    if (!p->sa) {
        p->drop = NIC_DROP_UNKNOWN_HANDLE;
        return;
    }
    nic_make_transform(card, p);
}

/* It begins with what was found: that is held from here on. */
static void fetched(struct espnic *card, struct nic_packet *p)
{
    p->looked = LOOKED;
    if (p->sa) {
        take_sa(card, p, p->sa);
    } else if (!card->mailbox) {
        nic_tx_sa(card, p->handle[p->portion]); /* a stale one is counted */
    }
}

static bool tx_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, item);

    (void)now;
    (void)again;
    if (stopped(card, NIC_TX, cause)) {
        return false;
    }
    if (p->looked != LOOKED) {
        fetch(card, p);
    }
    return may_ask(card, p, cause);
}

static void tx_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    if (p->sa) {
        p->drop = (uint8_t)refuse(lane->card, p, now);
    }
    j->out = (uint8_t)nic_wait_queue(lane->card, p);
    nic_plain_job(&lane->card->config.fetch, nic_is_ideal(&lane->card->config, NIC_IDEAL_SA_FETCH),
                  p->beats, p->drop ? 0 : p->beats, j);
}

static void tx_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    if (p->looked == LOOKED_BY_HANDLE) {
        fetched(lane->card, p);
    }
    begin_any(lane->card, p, now);
}

/* ---- set-up ------------------------------------------------------------------------------------- */

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job.beats_out) { /* else it is dropped by a stage behind, which has its first beats */
        nic_done_dropped(lane->card, s);
    }
}

void nic_lookup_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops look = {
        .job = rx_job, .begin = rx_begin, .done = done, .ready = rx_ready
    };

    nic_stage(card, &lane->lookup, "sa_lookup", card->core, 1, LANE_START_FIRST, &look, lane);
}

void nic_fetch_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops look = {
        .job = tx_job, .begin = tx_begin, .done = done, .ready = tx_ready
    };

    nic_stage(card, &lane->fetch, "sa_fetch", card->core, 1, LANE_START_FIRST, &look, lane);
    /* the way back first; tx_dma and what is forwarded take turns */
    lane->fetch.config.arbitration = STAGE_FIRST_THEN_ROUND;
}
