/* What the card counts, with names and definitions; the accounts of its blocks; its books. */
#include "nic/card.h"

#include <stdarg.h>
#include <string.h>

const char *nic_drop_name(enum nic_drop drop)
{
    static const char *const names[] = { "none",
#define X(name, key, text) key,
                                         NIC_DROPS(X)
#undef X
    };

    return drop < NIC_DROP_COUNT ? names[drop] : "unknown";
}

const char *nic_bypass_name(enum nic_bypass bypass)
{
    static const char *const names[] = { "none",
#define X(name, key, text) key,
                                         NIC_BYPASSES(X)
#undef X
    };

    return bypass < NIC_BYPASS_COUNT ? names[bypass] : "unknown";
}

/* ---- tables -------------------------------------------------------------------------------------------- */

#define DIRECTION(field, unit, help)                                                               \
    {                                                                                              \
#field, STAT_U64, offsetof(struct nic_direction_stats, field), unit, help                  \
    }

static const struct stat_field one_direction[] = {
    DIRECTION(packets_in, "packets", "RX: frames from the wire; TX: descriptors taken"),
    DIRECTION(packets_out, "packets", "RX: handed to the host; TX: sent on the wire"),
    DIRECTION(bytes_in, "bytes", "frames without FCS, before processing"),
    DIRECTION(bytes_out, "bytes", "frames without FCS, after processing"),
    DIRECTION(ipsec_passes, "headers", "AH or ESP headers processed"),
    DIRECTION(bad_icv, "packets", "ICVs that did not match, whether the packet was dropped or not"),
    DIRECTION(truncated, "packets",
              "captured shorter than on the wire: time by the true length, content not processed"),
};

static const struct stat_field drops[] = {
#define X(name, key, text) { key, STAT_U64, NIC_DROP_##name * sizeof(uint64_t), "packets", text },
    NIC_DROPS(X)
#undef X
};

static const struct stat_field bypasses[] = {
#define X(name, key, text) { key, STAT_U64, NIC_BYPASS_##name * sizeof(uint64_t), "packets", text },
    NIC_BYPASSES(X)
#undef X
};

#define CARD(name, field, unit, help)                                                              \
    {                                                                                              \
        name, STAT_U64, offsetof(struct nic_stats, field), unit, help                              \
    }

static const struct stat_field replay[] = {
    CARD("ok", replay[REPLAY_OK], "packets", "inside or above the window, not seen before"),
    CARD("duplicate", replay[REPLAY_DUPLICATE], "packets", "number already received"),
    CARD("too_old", replay[REPLAY_TOO_OLD], "packets", "number below the window"),
    CARD("zero", replay[REPLAY_ZERO], "packets", "number 0"),
    CARD(
        "overlaps", replay_overlaps, "packets",
        "checked while another packet of the same SA was in the card, so that the window could still move"),
    CARD("late", replay_late, "packets",
         "passed the check before the crypto, refused at the update after it"),
};

static const struct stat_field ecn[] = {
    CARD("marked", ecn_marked, "packets",
         "inner packets of tunnels that got the outer header's CE (RFC 6040 4.2)"),
    CARD("suspicious", ecn_suspicious, "packets",
         "combinations of inner and outer ECN field that RFC 6040 4.2 asks to be logged"),
};

static const struct stat_field contexts[] = {
    CARD("hits", context_hits, "look-ups",
         "packets that found all lines they need of their context in the cache"),
    CARD("misses", context_misses, "look-ups",
         "packets that had to wait for a line, fetched for them or for another packet"),
    CARD(
        "passed", context_passed, "packets",
        "packets that went on while the first of another queue, which came before them, still waited for its context "
        "(card.sa.wait_queues)"),
    CARD("stored", context_stores, "contexts",
         "of added SAs, written to the backing store; preloaded ones are there"),
    CARD("prefetch_dropped", prefetch_dropped, "contexts",
         "prefetches given up: no room in their queue, for their request, or in the MSHRs"),
    CARD("soft_limits", soft_limits, "", "soft lifetime limits reached, each SA's once"),
    CARD("hard_limits", hard_limits, "", "hard lifetime limits reached, each SA's once"),
    CARD("delete_requests", delete_requests, "packets", "received packets with SaDeleteReq"),
    CARD("asked_for_room", asked[NIC_ASK_ROOM], "packets",
         "SaDeleteReq because of card.sa.delete_watermark, delete_idle"),
    CARD("asked_at_soft_limit", asked[NIC_ASK_SOFT], "packets", "SaDeleteReq at a soft limit"),
    CARD("asked_at_sequence", asked[NIC_ASK_SEQUENCE], "packets",
         "SaDeleteReq because of card.sa.delete_sequence"),
};

static const struct stat_field residence[] = {
    { "residence_ns", STAT_HIST, 0, "ns",
      "from an SA being live in the card's table to its place being free again; to 10 us" },
};

static const struct stat_field lso[] = {
    CARD("frames", lso_frames, "packets", "large sends that were cut"),
    CARD("segments", lso_segments, "packets", "segments that they became"),
    CARD(
        "created", tx.created, "packets",
        "of them, beside the one that came in: card.tx.packets_in + created = packets_out + drops + inside"),
    CARD(
        "wraps", lso_wraps, "packets",
        "large sends in which the lower half of the sequence number wrapped (crypto offload, O-20)"),
};

static const struct stat_field control[] = {
    CARD("commands", commands, "commands", "commands executed by the card"),
    CARD("nodes", command_nodes, "nodes", "nodes of ADD and DELETE among them"),
    CARD("wiped", sa_wiped, "SAs", "SAs that resets made the card forget (card.sa.reset_wipes)"),
    CARD("doorbells", doorbells, "writes", "register writes that the card acted on"),
    CARD("mmio_reads", mmio_reads, "reads", "register reads"),
    CARD("interrupts", interrupts, "messages", "MSI-X messages sent"),
    CARD("dma_failures", dma_failures, "requests",
         "reads of host memory that failed: poisoned, not answered in time, or no memory there"),
};

static const struct stat_field events[] = {
    CARD(
        "esn", events.esn, "events",
        "the number to send, or the window, of an SA crossed a multiple of 2^31 (card.sa.esn events)"),
    CARD("limit", events.limit, "events",
         "the packet counter of an SA came to its threshold (card.sa.table.round)"),
    CARD("unarmed", events.unarmed, "crossings",
         "crossings that the driver was not told of: it had not armed the event again"),
    CARD("lost", events.lost, "events", "no room on the card; their SAs are not armed any more"),
    CARD("modified", events.modified, "commands", "upper half and overlap bit set by the driver"),
    CARD("armed", events.armed, "commands", "events of crossings armed again by the driver"),
    CARD("rounds", events.rounds, "commands", "rounds that the driver added to packet counters"),
};

static const struct stat_field rearm[] = {
    { "rearm_ns", STAT_HIST, 0, "ns",
      "from an event of an SA's numbers being raised to its being armed again" },
};

static const struct stat_field forward[] = {
    CARD("packets", forward.packets, "packets",
         "turned round in the card (card.forward.path hairpin)"),
    CARD("encrypted", forward.encrypted, "packets", "of them, to be sent with an SA"),
    CARD("bytes_in", forward.bytes_in, "bytes", "their frames as they came, without FCS"),
    CARD("bytes", forward.bytes, "bytes", "their frames as the transmit side got them"),
};

static const struct stat_field stays[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct nic_stats, forward.stay) + NIC_STAY_##name * sizeof(uint64_t), "packets",    \
      text },
    NIC_STAYS(X)
#undef X
};

#define RINGS(field, unit, help) CARD(#field, rings.field, unit, help)

static const struct stat_field rings[] = {
    RINGS(tx_done_writes, "requests", "DMA writes of transmit completions"),
    RINGS(tx_done_entries, "completions",
          "completions in them: entries, or descriptors that the number written tells of"),
    RINGS(rx_done_writes, "requests", "DMA writes of receive completions"),
    RINGS(rx_done_entries, "completions", "completions in them"),
    CARD(
        "done_full", rings.done_cause[NIC_DONE_FULL], "requests",
        "writes of gathered completions because there were TX_DONE.BATCH or RX_DONE.BATCH of them"),
    CARD("done_waited", rings.done_cause[NIC_DONE_WAITED], "requests",
         "... because one had waited TX_DONE_WAIT or RX_DONE_WAIT"),
    CARD("done_ring_end", rings.done_cause[NIC_DONE_RING_END], "requests",
         "... because the ring of entries ends"),
    CARD("done_nothing_left", rings.done_cause[NIC_DONE_NOTHING_LEFT], "requests",
         "... because nothing else that was posted was left"),
    RINGS(refused, "writes",
          "settings of a ring that were impossible, or came while it was in use"),
    RINGS(tx_inline, "packets", "packets whose data came with the descriptor"),
    RINGS(tx_pushed, "descriptors",
          "descriptors that the host wrote to the card and the card took"),
    RINGS(push_full, "descriptors",
          "... not taken: the queue had card.dma.tx_push of them, or tx_prefetch of all"),
    RINGS(push_behind, "descriptors", "... not taken: others before them were still to be read"),
    RINGS(push_long, "descriptors", "... not taken: more data than card.dma.tx_inline"),
    RINGS(push_bad, "writes",
          "writes to TX_PUSH with impossible lengths, indices or places, or of no ring"),
    RINGS(push_again, "writes", "writes to TX_PUSH where something had been written before"),
};

static const void *at(struct espnic *card, size_t offset)
{
    return card ? (const char *)&card->stats + offset : NULL;
}

void nic_register_stats(struct espnic *card, struct stat_registry *r)
{
    const size_t rx = offsetof(struct nic_stats, rx);
    const size_t tx = offsetof(struct nic_stats, tx);

    stat_register(r, "card.rx", "Receive side of the card, over the whole run.", at(card, rx),
                  one_direction, STAT_COUNT(one_direction));
    stat_register(r, "card.rx.drops", "Received packets that the card dropped, by reason.",
                  at(card, rx + offsetof(struct nic_direction_stats, drop)), drops,
                  STAT_COUNT(drops));
    stat_register(r, "card.rx.bypass", "Received packets that the card left alone, by reason.",
                  at(card, rx + offsetof(struct nic_direction_stats, bypass)), bypasses,
                  STAT_COUNT(bypasses));
    stat_register(r, "card.rx.ecn", "Congestion marks of tunnels that the card opened.",
                  at(card, 0), ecn, STAT_COUNT(ecn));
    stat_register(r, "card.tx", "Transmit side of the card, over the whole run.", at(card, tx),
                  one_direction, STAT_COUNT(one_direction));
    stat_register(r, "card.tx.drops", "Packets to send that the card dropped, by reason.",
                  at(card, tx + offsetof(struct nic_direction_stats, drop)), drops,
                  STAT_COUNT(drops));
    stat_register(r, "card.forward", "Packets that turned round in the card.", at(card, 0), forward,
                  STAT_COUNT(forward));
    stat_register(r, "card.forward.to_host", "Received packets that did not, by reason.",
                  at(card, 0), stays, STAT_COUNT(stays));
    stat_register(r, "sa.replay", "Verdicts of the replay check.", at(card, 0), replay,
                  STAT_COUNT(replay));
    stat_register(r, "card.sa_table", "The SA table.",
                  card ? (const void *)&card->table.stats : NULL, sa_table_stat_table,
                  sa_table_stat_count);
    stat_register(r, "card.sa_cache", "The cache of SA contexts.",
                  card ? (const void *)&card->cache.stats : NULL, sa_cache_stat_table,
                  sa_cache_stat_count);
    stat_register(r, "card.contexts", "Contexts that packets needed.", at(card, 0), contexts,
                  STAT_COUNT(contexts));
    stat_register(r, "sa", "Security associations.", card ? &card->residence_ns : NULL, residence,
                  STAT_COUNT(residence));
    stat_register(r, "card.rings", "Descriptor rings and their completions.", at(card, 0), rings,
                  STAT_COUNT(rings));
    stat_register(r, "card.lso", "Large sends.", at(card, 0), lso, STAT_COUNT(lso));
    stat_register(r, "card.control", "Commands, doorbells and interrupts.", at(card, 0), control,
                  STAT_COUNT(control));
    stat_register(r, "card.events", "What the card tells its driver of SAs.", at(card, 0), events,
                  STAT_COUNT(events));
    stat_register(r, "card.events.time", "How long the driver takes.",
                  card ? &card->rearm_ns : NULL, rearm, STAT_COUNT(rearm));
    stat_register(r, "pcie", "The PCIe link.",
                  card ? (const void *)pcie_link_stats(card->link) : NULL, pcie_stat_table,
                  pcie_stat_count);
    stat_register(r, "pcie.host", "Memory behind the PCIe root complex.",
                  card ? (const void *)pcie_memory_stats(pcie_link_memory(card->link)) : NULL,
                  pcie_memory_stat_table, pcie_memory_stat_count);
    for (unsigned d = 0; d < 2; d++) {
        stat_register(r, d ? "pcie.down" : "pcie.up",
                      d ? "From the host to the card." : "From the card to the host.",
                      card ? (const void *)&pcie_link_stats(card->link)->dir[d] : NULL,
                      pcie_direction_stat_table, pcie_direction_stat_count);
    }
}

const struct histogram *nic_forward_latency(const struct espnic *card)
{
    return card->forward ? &card->forward->latency : NULL;
}

/* A domain's clock at the present of the card. */
static uint64_t present(const struct espnic *card, unsigned domain)
{
    return clock_scale(&card->clocks.ratio[card->port_domain][domain], card->now);
}

const struct sa_table_stats *nic_table_statistics(const struct espnic *card)
{
    return &card->table.stats;
}

const struct sa_cache_stats *nic_cache_statistics(const struct espnic *card)
{
    return &card->cache.stats;
}

const struct nic_stats *nic_statistics(struct espnic *card)
{
    nic_inside(card, &card->stats.rx.inside, &card->stats.tx.inside);
    pcie_link_settle(card->link, present(card, card->pcie_domain));
    return &card->stats;
}

/* ---- books ---------------------------------------------------------------------------------------------- */

static uint64_t sum(const uint64_t *v, unsigned n)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        total += v[i];
    }
    return total;
}

/* Packets inside: the pool holds exactly these. */
void nic_inside(const struct espnic *card, uint64_t *rx, uint64_t *tx)
{
    const struct nic_stats *s = &card->stats;

    *rx =
        s->rx.packets_in - s->rx.packets_out - s->forward.packets - sum(s->rx.drop, NIC_DROP_COUNT);
    *tx = s->tx.packets_in + s->tx.created + s->forward.packets - s->tx.packets_out -
          sum(s->tx.drop, NIC_DROP_COUNT);
}

__attribute__((format(printf, 3, 4))) static bool wrong(char *error, size_t error_size,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return false;
}

bool nic_check_books(struct espnic *card, char *error, size_t error_size)
{
    uint64_t rx;
    uint64_t tx;
    unsigned domain;
    uint64_t cycle;
    bool idle = !sched_next(&card->sched, &domain, &cycle);

    nic_inside(card, &rx, &tx);
    if (rx > UINT64_MAX / 2 || tx > UINT64_MAX / 2) {
        return wrong(error, error_size,
                     "more packets left the card than came in: rx %lld, tx %lld inside",
                     (long long)rx, (long long)tx);
    }
    if (idle && (rx || tx || card->packets.s.live)) {
        return wrong(error, error_size,
                     "%llu received and %llu sent packets are inside the card, %u are kept, and "
                     "nothing is going to happen",
                     (unsigned long long)rx, (unsigned long long)tx, card->packets.s.live);
    }
    return true;
}

/* ---- accounts of the blocks ------------------------------------------------------------------------------- */

/* The slots of a stage that do its work: behind those of the engines is the way around them. */
static unsigned slots_of(const struct nic_lane *lane, const struct stage *st)
{
    return st == &lane->rx.crypto   ? lane->rx.engines
           : st == &lane->tx.crypto ? lane->tx.engines
                                    : st->config.lanes;
}

static void add_stage(struct espnic *card, struct stage *st, unsigned slots, unsigned index,
                      bool numbered, struct nic_block_stats *out)
{
    memset(out, 0, sizeof *out);
    if (numbered) {
        snprintf(out->name, sizeof out->name, "%s.%u", st->config.name, index);
    } else {
        snprintf(out->name, sizeof out->name, "%s", st->config.name);
    }
    stage_settle(st, present(card, st->config.domain));
    stage_totals(st, slots, out->cycles);
    out->slots = slots;
    for (unsigned l = 0; l < slots; l++) {
        out->items += st->lane[l].s.items;
    }
    out->by_cause[0] = st->by_cause[0];
    out->by_cause[1] = st->by_cause[1];
}

/* The link's serialisers, a slot each; TLPs are their items. */
static void add_link(struct espnic *card, unsigned direction, struct nic_block_stats *out)
{
    const struct account *a = pcie_link_account(card->link, direction);
    const struct pcie_direction_stats *s = &pcie_link_stats(card->link)->dir[direction];

    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "pcie_%s", direction ? "down" : "up");
    pcie_link_settle(card->link, present(card, card->pcie_domain));
    memcpy(out->cycles, a->total, sizeof out->cycles);
    out->slots = 1;
    out->items = s->tlps_write + s->tlps_read + s->tlps_completion + s->tlps_mmio;
    if (direction == 0) { /* the two share the counters of causes, and only this one waits */
        out->by_cause[0] = a->by_cause[0];
        out->by_cause[1] = a->by_cause[1];
        memcpy(out->stall, pcie_link_stats(card->link)->stall_cycles, sizeof out->stall);
    }
}

unsigned nic_block_accounts(struct espnic *card, struct nic_block_stats out[NIC_MAX_BLOCK_STATS])
{
    unsigned n = 0;
    unsigned lanes = card->config.general.lanes;

    for (unsigned i = 0; i < lanes; i++) {
        struct nic_lane *l = &card->lane[i];
        struct stage *stages[NIC_LANE_STAGES];

        nic_lane_stages(l, stages);
        for (unsigned k = 0; k < NIC_LANE_STAGES; k++) {
            add_stage(card, stages[k], slots_of(l, stages[k]), i, lanes > 1, &out[n++]);
        }
    }
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        add_stage(card, &card->port[p].mac_tx, 1, p, card->config.general.ports > 1, &out[n++]);
    }
    memset(&out[n], 0, sizeof out[n]);
    snprintf(out[n].name, sizeof out[n].name, "command");
    account_settle(&card->commands.account, present(card, card->core));
    memcpy(out[n].cycles, card->commands.account.total, sizeof out[n].cycles);
    out[n].slots = 1;
    out[n++].items = card->stats.commands;
    for (unsigned d = 0; d < 2; d++) {
        add_link(card, d, &out[n++]);
    }
    return n;
}

double nic_pcie_busy(struct espnic *card, unsigned direction)
{
    uint64_t cycles = present(card, card->pcie_domain);

    return cycles ? (double)pcie_link_stats(card->link)->dir[direction].busy_cycles / (double)cycles
                  : 0;
}

uint64_t nic_pcie_payload(const struct espnic *card, unsigned direction)
{
    return pcie_link_stats(card->link)->dir[direction].payload_bytes;
}

const char *nic_block_name(const struct espnic *card, unsigned block)
{
    return block < card->sched.blocks ? card->sched.block[block].name : "?";
}

const char *nic_backend(const struct espnic *card)
{
    return esp_backend_name(esp_crypt_backend(card->crypt));
}

uint64_t nic_events(const struct espnic *card)
{
    return card->sched.delivered;
}

unsigned nic_explain_standstill(struct espnic *card, char *text, size_t size)
{
    unsigned lines = 0;
    size_t used = 0;

    if (size) {
        text[0] = 0;
        used = nic_explain_faults(card, text, size);
        lines = used != 0;
    }
    for (unsigned i = 0; i < card->channels; i++) {
        const struct channel *ch = card->channel[i];
        uint64_t beats = channel_beats(ch);
        int n;

        if (!beats || used + 1 >= size) {
            continue;
        }
        n = snprintf(
            text + used, size - used, "%s holds %llu of %u beats from %s; %s does not take them\n",
            ch->config.name, (unsigned long long)beats, ch->config.depth,
            nic_block_name(card, ch->config.writer), nic_block_name(card, ch->config.reader));
        if (n < 0) {
            break;
        }
        used += (size_t)n < size - used ? (size_t)n : size - used - 1;
        lines++;
    }
    return lines;
}

/* ---- timeline --------------------------------------------------------------------------------- */

static void passed(void *self, const struct stage *st, const struct lane_state *lane)
{
    struct espnic *card = self;
    const struct nic_packet *p = nic_packet(card, lane->job.item);
    struct nic_passage passage = {
        .block = st->config.name, .number = st->block, .rx = p->dir == NIC_RX, .tag = p->tag
    };

    passage.begin_ps = clock_ps(&card->clocks, st->config.domain, lane->first_cycle);
    passage.end_ps = clock_ps(&card->clocks, st->config.domain, lane->last_exit + 1);
    passage.bytes = p->length;
    card->passage(card->passage_self, &passage);
}

void nic_trace(struct espnic *card, nic_passage_fn *fn, void *self)
{
    card->passage = fn;
    card->passage_self = self;
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        struct nic_lane *l = &card->lane[i];
        struct stage *stages[NIC_LANE_STAGES];

        nic_lane_stages(l, stages);
        for (unsigned k = 0; k < NIC_LANE_STAGES; k++) {
            stages[k]->trace = fn ? passed : NULL;
            stages[k]->trace_self = card;
        }
    }
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        card->port[p].mac_tx.trace = fn ? passed : NULL;
        card->port[p].mac_tx.trace_self = card;
    }
}
