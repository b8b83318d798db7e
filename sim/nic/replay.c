/* replay_check and replay_update: sequence numbers on receive, before and after the crypto.
 *
 * The check before the crypto changes nothing and saves the crypto for packets that would be refused;
 * the update after a good ICV checks again, since packets of the SA may have been committed in between,
 * and moves the window (RFC 4303 3.4.3). In crypto offload both only find the number: the window is the
 * host's.
 * The update is a read-modify-write of the context: the next packet of the same SA can be updated
 * `card.sa.rmw` cycles later. A lane keeps its order, so the packets behind wait too. */
#include "nic/card.h"

static bool packet_offload(const struct espnic *card)
{
    return card->config.general.offload == NIC_OFFLOAD_PACKET;
}

/* The number by which the window judges. Where the driver moves the upper half the window has the lower half alone (mlx5:
 * ASO), and the crypto another number if the driver is late: then the ICV fails. */
static uint64_t find_sequence(struct espnic *card, struct nic_packet *p)
{
    const struct sa_entry *entry = nic_entry(card, p);
    uint32_t lo =
        esp_get32(nic_bytes(card, p) + p->bounds.ipsec + (p->kind == ESP_PACKET_AH ? 8 : 4));
    uint64_t window = sa_replay_infer(entry, lo);

    switch ((enum nic_esn)card->config.sa.esn) {
    case NIC_ESN_HOST: window = p->sequence = sa_host_sequence(&card->table, entry, lo); break;
    case NIC_ESN_EVENTS:
        p->sequence = sa_esn(entry) ? scope_number(sa_scope(&card->table, entry), lo) : lo;
        p->wrong_half = packet_offload(card) && p->sequence != window;
        break;
    case NIC_ESN_INFERRED: p->sequence = window; break;
    }
    return window;
}

static enum nic_drop drop_of(enum replay_verdict v)
{
    switch (v) {
    case REPLAY_DUPLICATE: return NIC_DROP_REPLAY;
    case REPLAY_TOO_OLD: return NIC_DROP_TOO_OLD;
    case REPLAY_ZERO: return NIC_DROP_SEQ_ZERO;
    case REPLAY_OK: break;
    }
    return NIC_DROP_NONE;
}

/* ---- before ------------------------------------------------------------------------------------ */

static enum replay_verdict check(struct espnic *card, struct nic_packet *p)
{
    uint64_t window = find_sequence(card, p);

    if (p->pass == 0) {
        p->first_sequence = p->sequence;
    }
    return packet_offload(card) ? sa_replay_check(&card->table, nic_entry(card, p), window)
                                : REPLAY_OK;
}

static void check_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)now;
    (void)slot;
    p->drop = p->crypt ? (uint8_t)drop_of(check(lane->card, p)) : NIC_DROP_NONE;
    nic_plain_job(&lane->card->config.replay,
                  nic_is_ideal(&lane->card->config, NIC_IDEAL_REPLAY_CHECK), p->beats,
                  p->drop ? 0 : p->beats, j);
}

static void check_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)slot;
    if (!p->crypt) {
        return;
    }
    lane->card->stats.replay_overlaps += sa_context(&lane->card->table, p->sa)->references > 1;
    lane->card->stats.replay[p->drop == NIC_DROP_REPLAY     ? REPLAY_DUPLICATE
                             : p->drop == NIC_DROP_TOO_OLD  ? REPLAY_TOO_OLD
                             : p->drop == NIC_DROP_SEQ_ZERO ? REPLAY_ZERO
                                                            : REPLAY_OK]++;
    if (p->drop) {
        nic_count_drop(lane->card, p, p->drop);
        nic_release_sa(lane->card, p, now);
    }
}

/* ---- after ------------------------------------------------------------------------------------- */

/* Does accepting this packet write the SA's numbers? */
static bool writes_context(struct espnic *card, const struct nic_packet *p)
{
    const struct sa_entry *entry = nic_entry(card, p);

    return packet_offload(card) && (entry->window || sa_esn(entry));
}

static bool update_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    const struct nic_packet *p = nic_packet(lane->card, item);
    uint64_t until;

    (void)cause;
    if (!p->crypt || !writes_context(lane->card, p) ||
        nic_is_ideal(&lane->card->config, NIC_IDEAL_REPLAY_UPDATE)) {
        return true;
    }
    until = nic_hazard_until(&lane->hazards[NIC_RX], p->sa, lane->card->config.sa.rmw, now);
    if (until <= now) {
        return true;
    }
    *again = until;
    return false;
}

static uint8_t failed_icv_status(const struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    bool ah = p->kind == ESP_PACKET_AH;

    if (t->mode == ESP_MODE_TUNNEL) {
        return ah ? ABI_CRYPTO_TUNNEL_AH_AUTH_FAILED : ABI_CRYPTO_TUNNEL_ESP_AUTH_FAILED;
    }
    return ah ? ABI_CRYPTO_TRANSPORT_AH_AUTH_FAILED : ABI_CRYPTO_TRANSPORT_ESP_AUTH_FAILED;
}

/* Verdict of the crypto, then of the window. */
static void judge(struct espnic *card, struct nic_packet *p)
{
    enum esp_job_state state = nic_crypt_result(card, p);

    p->drop = NIC_DROP_NONE;
    if (state == ESP_JOB_OK) {
        if (packet_offload(card)) {
            p->drop =
                (uint8_t)drop_of(sa_replay_check(&card->table, nic_entry(card, p), p->sequence));
        }
        return;
    }
    if (packet_offload(card)) {
        p->drop = state == ESP_JOB_BAD_ICV ? NIC_DROP_BAD_ICV : NIC_DROP_BAD_LENGTH;
    } else if (p->status == ABI_CRYPTO_SUCCESS) {
        p->status =
            state == ESP_JOB_BAD_ICV ? failed_icv_status(p) : ABI_CRYPTO_INVALID_PACKET_SYNTAX;
    }
}

static void update_job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)now;
    (void)slot;
    if (p->crypt) {
        judge(lane->card, p);
    }
    nic_plain_job(&lane->card->config.update,
                  nic_is_ideal(&lane->card->config, NIC_IDEAL_REPLAY_UPDATE), p->beats,
                  p->drop ? 0 : p->beats, j);
}

/* Bytes that lifetimes count: the ESP payload after decryption, as Linux does (transport: what follows
 * the IP header; tunnel: the inner packet). Where the padding is unknown it counts as none. */
static uint64_t lifetime_bytes(const struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    uint32_t over = nic_ipsec_bytes(p);

    if (t->op != ESP_OP_AH) {
        over += t->icv + 2u + p->pad_length;
    }
    return p->bounds.end - p->bounds.ipsec > over ? p->bounds.end - p->bounds.ipsec - over : 0;
}

/* The window has moved: the next packet of the stage may be one that needs no room any more. */
static void tell(const struct stage *stage, struct espnic *card, uint32_t sa, uint64_t now)
{
    const struct channel_burst *next = channel_head(stage->in[0]);

    if (next && nic_packet(card, next->item)->sa == sa) {
        sched_wake(stage->sched, stage->block, now + 1);
    }
}

static void tell_all(const struct nic_lane *from, uint32_t sa, uint64_t now)
{
    struct espnic *card = from->card;

    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        const struct nic_lane *lane = &card->lane[i];

        tell(&lane->replay, card, sa, now);
        if (lane != from) {
            tell(&lane->update, card, sa, now);
        }
    }
}

static void accept(struct nic_lane *lane, struct nic_packet *p, uint64_t now)
{
    struct espnic *card = lane->card;
    struct sa_entry *entry = nic_entry(card, p);
    unsigned events;

    if (packet_offload(card)) {
        uint64_t place = sa_scope_place(entry, true);

        if (writes_context(card, p)) {
            nic_hazard_note(&lane->hazards[NIC_RX], p->sa, now);
        }
        sa_replay_commit(&card->table, entry, p->sequence);
        if (card->config.sa.esn == NIC_ESN_EVENTS && sa_esn(entry)) {
            nic_scope_moved(card, p, place, now);
        }
        tell_all(lane, p->sa, now);
    } else if (card->config.sa.esn == NIC_ESN_INFERRED && p->sequence > entry->sequence) {
        entry->sequence = p->sequence;
    }
    events = sa_count(&card->table, entry, lifetime_bytes(p), nic_now_ns(card, now));
    nic_count_events(card, p, events, now);
    nic_maybe_ask(card, p, nic_now_ns(card, now));
}

static void update_begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)slot;
    if (!p->crypt) {
        return;
    }
    card->stats.rx.ipsec_passes++;
    card->stats.rx.bad_icv += nic_crypt_result(card, p) == ESP_JOB_BAD_ICV;
    if (p->drop) {
        card->stats.replay_late += p->drop != NIC_DROP_BAD_ICV && p->drop != NIC_DROP_BAD_LENGTH;
        nic_count_drop(card, p, p->drop);
        nic_release_sa(card, p, now);
    } else if (nic_crypt_result(card, p) == ESP_JOB_OK) {
        accept(lane, p, now);
    }
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    if (!s->job.beats_out) { /* else it is dropped by a stage behind, which has its first beats */
        nic_done_dropped(lane->card, s);
    }
}

void nic_replay_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops before = { .job = check_job, .begin = check_begin, .done = done };
    const struct stage_ops after = {
        .job = update_job, .begin = update_begin, .done = done, .ready = update_ready
    };

    nic_stage(card, &lane->replay, "replay_check", card->core, 1, LANE_START_FIRST, &before, lane);
    nic_stage(card, &lane->update, "replay_update", card->core, 1, LANE_START_LAST, &after, lane);
}
