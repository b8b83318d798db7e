/* Statistics: what each number means, and whether the books balance. */
#include <stdio.h>
#include <string.h>

#include "host/internal.h"

#define U64(type_, field_, unit_, help_)                                                           \
    {                                                                                              \
#field_, STAT_U64, offsetof(struct type_, field_), unit_, help_                            \
    }
#define GAUGE(type_, field_, unit_, help_)                                                         \
    {                                                                                              \
#field_, STAT_GAUGE, offsetof(struct type_, field_), unit_, help_                          \
    }
#define HIST(type_, field_, help_)                                                                 \
    {                                                                                              \
#field_, STAT_HIST, offsetof(struct type_, field_), "ns", help_                            \
    }

const char *host_tx_drop_name(enum host_tx_drop drop)
{
    static const char *const names[HOST_TX_DROP_COUNT] = { "none",
#define X(name, key, text) key,
                                                           HOST_TX_DROPS(X)
#undef X
    };
    return (unsigned)drop < HOST_TX_DROP_COUNT ? names[drop] : "unknown";
}

const char *host_rx_drop_name(enum host_rx_drop drop)
{
    static const char *const names[HOST_RX_DROP_COUNT] = { "none",
#define X(name, key, text) key,
                                                           HOST_RX_DROPS(X)
#undef X
    };
    return (unsigned)drop < HOST_RX_DROP_COUNT ? names[drop] : "unknown";
}

/* ---- tables ----------------------------------------------------------------------------------------- */

static const struct stat_field tx_stats[] = {
    U64(host_tx_stats, packets_in, "packets", "Packets that the transport was given to send."),
    U64(host_tx_stats, bytes_in, "bytes", "Their bytes, without FCS."),
    U64(host_tx_stats, offloaded, "packets", "Posted with a handle: the card protects them."),
    U64(host_tx_stats, software, "packets", "Posted after protection in software."),
    U64(host_tx_stats, clear, "packets", "Posted unprotected."),
    U64(host_tx_stats, posted, "packets", "Descriptors written."),
    U64(host_tx_stats, posted_bytes, "bytes", "Bytes of the frames they name."),
    U64(host_tx_stats, sent, "packets", "Last bit left on the wire."),
    U64(host_tx_stats, sent_bytes, "bytes", "Their bytes on the wire, without FCS."),
    U64(host_tx_stats, failed, "packets",
        "Not sent of descriptors that the card completed with a failure: one, or segments."),
    U64(host_tx_stats, lost, "packets", "In the rings or on the card when it was reset."),
    GAUGE(host_tx_stats, inside, "packets", "Neither sent nor dropped yet."),
    U64(host_tx_stats, doorbells, "", "Writes of a transmit ring's tail."),
    U64(host_tx_stats, lso, "packets", "Frames given to the card to be cut into segments."),
    U64(host_tx_stats, lso_created, "packets", "Segments of these, beside the one that came in."),
    U64(host_tx_stats, segmented, "packets", "Frames that the host cut into segments."),
    U64(host_tx_stats, segments_created, "packets",
        "Segments of these, beside the one that came in."),
    U64(host_tx_stats, inlined, "packets", "Frames put behind their descriptors in the ring."),
    U64(host_tx_stats, pushed, "", "Descriptors written to the card instead of a doorbell."),
    U64(host_tx_stats, pushed_data, "packets", "Of these, with their frames."),
    U64(host_tx_stats, push_bursts, "", "Stores or lines that this took, each a TLP."),
    U64(host_tx_stats, ring_full, "", "Times that a core had to wait for a free descriptor."),
    U64(host_tx_stats, esn_stalls, "",
        "Times that an SA had to wait for its upper half (crypto offload)."),
    U64(host_tx_stats, esn_stalled_packets, "packets", "Packets held back meanwhile."),
    U64(host_tx_stats, esn_stall_ps, "ps", "Sum of the lengths of these stalls."),
    U64(host_tx_stats, move_stalled_packets, "packets",
        "Held back while their SA left the card for software, or came back (packet offload)."),
    U64(host_tx_stats, move_stall_ps, "ps", "Time for which SAs held packets back for that."),
    HIST(host_tx_stats, latency_ns, "From the doorbell to the last bit on the wire."),
    HIST(host_tx_stats, host_ns, "From the transport to the doorbell."),
};

static const struct stat_field tx_drops[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct host_tx_stats, drop) + HOST_TX_DROP_##name * sizeof(uint64_t), "packets",    \
      text },
    HOST_TX_DROPS(X)
#undef X
};

static const struct stat_field tx_failures[] = {
    { "untold", STAT_U64, offsetof(struct host_tx_stats, failed_reason), "packets",
      "complete and not sent, with host.tx.done head, which gives no reason" },
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct host_tx_stats, failed_reason) + NIC_DROP_##name * sizeof(uint64_t),          \
      "packets", text },
    NIC_DROPS(X)
#undef X
};

static const struct stat_field rx_stats[] = {
    U64(host_rx_stats, completions, "packets", "Receive completions taken."),
    U64(host_rx_stats, completion_bytes, "bytes", "Bytes that the card wrote for them."),
    U64(host_rx_stats, delivered, "packets", "Packets handed up."),
    U64(host_rx_stats, delivered_bytes, "bytes", "Their bytes."),
    U64(host_rx_stats, offloaded, "packets", "Delivered: processed by the card."),
    U64(host_rx_stats, software, "packets", "Delivered: decrypted in software."),
    U64(host_rx_stats, clear, "packets", "Delivered: without IPsec."),
    U64(host_rx_stats, unprocessed, "packets",
        "Delivered as they are: IPsec that neither could process."),
    U64(host_rx_stats, forwarded, "packets", "Received frames that the card sent on by itself."),
    U64(host_rx_stats, fragments, "packets", "Put into reassembly."),
    U64(host_rx_stats, merged, "packets", "Of these, became part of a complete packet."),
    U64(host_rx_stats, reassembled, "packets", "Packets made of them."),
    GAUGE(host_rx_stats, inside, "packets", "Taken, neither delivered nor dropped yet."),
    U64(host_rx_stats, delete_requests, "packets", "With SaDeleteReq."),
    U64(host_rx_stats, interrupts, "", "Receive interrupts."),
    U64(host_rx_stats, polls, "", "Looks at an empty completion ring."),
    U64(host_rx_stats, refills, "", "Writes of a receive ring's tail."),
    HIST(host_rx_stats, latency_ns,
         "From the last bit on the wire to the completion being visible in host memory."),
    HIST(host_rx_stats, host_ns, "From the completion being visible to delivery."),
};

static const struct stat_field rx_drops[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct host_rx_stats, drop) + HOST_RX_DROP_##name * sizeof(uint64_t), "packets",    \
      text },
    HOST_RX_DROPS(X)
#undef X
};

static const struct stat_field rx_bypasses[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct host_rx_stats, bypass) + NIC_BYPASS_##name * sizeof(uint64_t), "packets",    \
      text },
    NIC_BYPASSES(X)
#undef X
};

#define STATUS_OF_CRYPTO(index, key, text)                                                         \
    {                                                                                              \
        key, STAT_U64, offsetof(struct host_rx_stats, crypto_status) + (index) * sizeof(uint64_t), \
            "packets", text                                                                        \
    }

static const struct stat_field forward_stats[] = {
    U64(host_forward_stats, packets, "packets", "Received and sent on (card.forward.path host)."),
    U64(host_forward_stats, bytes, "bytes",
        "Their frames as they were given to the transmit side."),
    HIST(host_forward_stats, latency_ns, "From the last bit in to the last bit out."),
};

static const struct stat_field forward_stays[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64,                                                                               \
      offsetof(struct host_forward_stats, stay) + NIC_STAY_##name * sizeof(uint64_t), "packets",   \
      text },
    NIC_STAYS(X)
#undef X
};

static const struct stat_field crypto_stats[] = {
    STATUS_OF_CRYPTO(0, "success", "CryptoStatus: good"),
    STATUS_OF_CRYPTO(1, "generic_error", "CryptoStatus: failed, reason unspecified"),
    STATUS_OF_CRYPTO(2, "transport_ah_auth_failed", "CryptoStatus: AH ICV, transport portion"),
    STATUS_OF_CRYPTO(3, "transport_esp_auth_failed", "CryptoStatus: ESP ICV, transport portion"),
    STATUS_OF_CRYPTO(4, "tunnel_ah_auth_failed", "CryptoStatus: AH ICV, tunnel portion"),
    STATUS_OF_CRYPTO(5, "tunnel_esp_auth_failed", "CryptoStatus: ESP ICV, tunnel portion"),
    STATUS_OF_CRYPTO(6, "invalid_packet_syntax", "CryptoStatus: lengths do not fit"),
    STATUS_OF_CRYPTO(7, "invalid_protocol", "CryptoStatus: not the SA's IPsec protocol"),
};

static const struct stat_field oid_stats[] = {
    U64(host_oid_stats, requests, "", "Requests made, by record or by the host itself."),
    U64(host_oid_stats, completed, "", "Completed by the card."),
    U64(host_oid_stats, in_software, "", "Ended without the card: the SA lives in software."),
    U64(host_oid_stats, aborted, "", "Cancelled before they got to the card."),
    U64(host_oid_stats, retried, "", "Made again after a reset."),
    U64(host_oid_stats, nodes, "", "Nodes of the requests."),
    U64(host_oid_stats, nodes_done, "", "Nodes that the card offloaded, updated or deleted."),
    U64(host_oid_stats, waited, "", "Requests that waited for the ADD of their node."),
    HIST(host_oid_stats, latency_ns, "From the request to its completion."),
    HIST(host_oid_stats, wait_ns, "Of it: waiting for an ADD."),
    HIST(host_oid_stats, driver_ns, "Of it: queue and CPU up to the doorbell."),
    HIST(host_oid_stats, card_ns, "Of it: from the doorbell to the completion being visible."),
    HIST(host_oid_stats, complete_ns, "Of it: until the host has taken the completion."),
    U64(host_oid_stats, mmio_writes, "", "Register writes into tables of the card."),
    U64(host_oid_stats, mmio_reads, "", "Register reads for these."),
};

#define PART(name_, index_, help_)                                                                 \
    {                                                                                              \
        name_, STAT_HIST,                                                                          \
            offsetof(struct host_oid_stats, part_ns) + (index_) * sizeof(struct histogram), "ns",  \
            help_                                                                                  \
    }

static const struct stat_field part_stats[] = {
    PART("driver_ns", HOST_PART_DRIVER,
         "Waiting for an ADD or for the core, and CPU time; all of a request that needs no card."),
    PART("pcie_ns", HOST_PART_PCIE,
         "Doorbell, DMA of request and completion; or round trips of register reads."),
    PART(
        "card_ns", HOST_PART_CARD,
        "The card had all it needed: waiting for its processor, and work; or the driver waiting for the "
        "card to be empty."),
    PART("interrupt_ns", HOST_PART_INTERRUPT,
         "From the completion being in host memory until the driver is told (interrupt or poll)."),
};

static const struct stat_field engine_stats[] = {
    U64(host_engine_stats, starts, "", "Starts: with the first SA."),
    U64(host_engine_stats, stops, "", "Stops: when the last SA goes."),
    U64(host_engine_stats, mmio_writes, "", "Register writes of both."),
    U64(host_engine_stats, mmio_reads, "", "Register reads of both."),
    U64(host_engine_stats, waits, "",
        "Waits for packets to leave the blocks, host.oid.drain_poll each."),
    U64(host_engine_stats, store_waits, "",
        "Waits for an entry to be stored, host.oid.store_wait each (host.oid.store poll)."),
    U64(host_engine_stats, store_given_up, "", "Stores that the driver waited for in vain."),
    U64(host_engine_stats, restores, "", "Restorations of the tables after a reset."),
    U64(host_engine_stats, restore_writes, "", "Register writes of these."),
    U64(host_engine_stats, restore_reads, "", "Register reads of these."),
    U64(host_engine_stats, restore_ps, "ps", "Time that they took."),
};

#define STATUS(index, key)                                                                         \
    {                                                                                              \
        key, STAT_U64, offsetof(struct host_oid_stats, status) + (index) * sizeof(uint64_t), "",   \
            "Requests that ended with this NDIS status."                                           \
    }

/* In the order of host_status_index(). */
static const struct stat_field status_stats[HOST_STATUS_KINDS] = {
    STATUS(0, "SUCCESS"),
    STATUS(1, "PENDING"),
    STATUS(2, "NOT_RECOGNIZED"),
    STATUS(3, "NOT_ACCEPTED"),
    STATUS(4, "INDICATION_REQUIRED"),
    STATUS(5, "BUFFER_OVERFLOW"),
    STATUS(6, "FAILURE"),
    STATUS(7, "INVALID_PARAMETER"),
    STATUS(8, "RESOURCES"),
    STATUS(9, "NOT_SUPPORTED"),
    STATUS(10, "CLOSING"),
    STATUS(11, "BAD_VERSION"),
    STATUS(12, "REQUEST_ABORTED"),
    STATUS(13, "RESET_IN_PROGRESS"),
    STATUS(14, "CLOSING_INDICATING"),
    STATUS(15, "ADAPTER_NOT_READY"),
    STATUS(16, "INVALID_LENGTH"),
    STATUS(17, "INVALID_DATA"),
    STATUS(18, "BUFFER_TOO_SHORT"),
    STATUS(19, "INVALID_OID"),
    STATUS(20, "ADAPTER_REMOVED"),
    STATUS(21, "SEND_ABORTED"),
    STATUS(22, "PAUSED"),
    STATUS(23, "UNSUPPORTED_REVISION"),
    STATUS(24, "LOW_POWER_STATE"),
    STATUS(25, "other"),
};

static const struct stat_field sa_stats[] = {
    GAUGE(host_sa_stats, live, "", "Nodes that the host holds, on the card or not."),
    U64(host_sa_stats, peak_live, "", "The most there were."),
    GAUGE(host_sa_stats, on_card, "", "Of those live: on the card."),
    GAUGE(host_sa_stats, in_software, "", "Of those live: in software."),
    U64(host_sa_stats, delete_requests_obeyed, "", "Inbound SAs deleted because the card asked."),
    U64(host_sa_stats, pair_deletes, "", "Their partners deleted."),
    U64(host_sa_stats, pair_missing, "", "SAs without a partner that could be deleted."),
    U64(host_sa_stats, pair_unknown, "", "Of these: the recording names no partner (rule 10)."),
    U64(host_sa_stats, unknown_handles, "", "Recorded handles that name no live node."),
    U64(host_sa_stats, duplicate_handles, "", "ADDs of a handle that a live node has."),
    U64(host_sa_stats, rules_refused, "", "Selectors of more shapes than the host can tell apart."),
    U64(host_sa_stats, esn_updates, "", "UPDATE_SA of inbound SAs that the host made by itself."),
    U64(host_sa_stats, resets, "", "Resets of the card."),
    U64(host_sa_stats, soft_limits, "",
        "SAs that may leave the card (packet offload) and have reached a soft limit, as the host counts."),
    U64(host_sa_stats, hard_limits, "", "The same of hard limits."),
    U64(host_sa_stats, overlaps, "",
        "SAs that came to the card while it had one for the same traffic (direction, mode, "
        "endpoints, selector; an inbound one without a selector: that of its outbound partner)."),
    U64(host_sa_stats, overlap_peak, "",
        "Most such SAs on the card at a time, beside one for each traffic."),
    { "overlap_s", STAT_REAL, offsetof(struct host_sa_stats, overlap_s), "SA s",
      "Their number over time, from the end of an ADD to the end of a DELETE as the driver sees them." },
    GAUGE(host_sa_stats, bytes, "bytes", "Memory of the simulator for these nodes."),
};

#define CARD_RULE(n_, text_)                                                                       \
    {                                                                                              \
        "rule_" #n_, STAT_U64, offsetof(struct host_stats, card_rules) + (n_) * sizeof(uint64_t),  \
            "", text_                                                                              \
    }

static const struct stat_field card_rule_stats[] = {
    CARD_RULE(5, "A node was added under a handle that a live one has."),
    CARD_RULE(6, "A failing ADD handed out a handle, or a successful one none."),
    CARD_RULE(8, "UPDATE of a handle that was never issued succeeded."),
    CARD_RULE(9, "DELETE ended with another status than SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED."),
    CARD_RULE(11, "The words of a received packet contradict each other."),
    CARD_RULE(12, "A packet was offloaded before OID_OFFLOAD_ENCAPSULATION."),
};

/* Names come from sa_reason_name, so the table is made when it is first asked for. */
static struct stat_field refusal_stats[SA_REASON_COUNT - 1];

static void make_refusal_stats(void)
{
    for (unsigned i = 1; i < SA_REASON_COUNT; i++) {
        refusal_stats[i - 1] =
            (struct stat_field){ sa_reason_name((enum sa_reason)i), STAT_U64,
                                 offsetof(struct host_sa_stats, refused) + i * sizeof(uint64_t), "",
                                 sa_reason_text((enum sa_reason)i) };
    }
}

static const struct stat_field readd_stats[] = {
    U64(host_readd_stats, asked, "SAs",
        "SAs that went to software and may come back: because the card asked, or had no room for them."),
    U64(host_readd_stats, requests, "",
        "ADD_SA that the host made for such SAs in use (host.readd)."),
    U64(host_readd_stats, nodes, "SAs", "SAs in these requests."),
    U64(host_readd_stats, done, "SAs", "Of these: back on the card."),
    U64(host_readd_stats, refused, "SAs", "Of these: not taken, they stay in software."),
    U64(host_readd_stats, no_keys, "SAs",
        "SAs that left the card and can be neither carried in software nor added again: contents or numbers were not "
        "kept."),
    HIST(host_readd_stats, away_ns,
         "From leaving the card, or the last refusal, to being on the card again."),
};

static const struct stat_field restore_stats[] = {
    U64(host_restore_stats, times, "", "Restorations that have ended."),
    U64(host_restore_stats, nodes, "SAs", "SAs that these added again."),
    U64(host_restore_stats, failed, "SAs", "SAs that the card did not take any more."),
    U64(host_restore_stats, expired, "SAs", "SAs past a hard limit, which were not added again."),
    U64(host_restore_stats, ps, "ps",
        "From the begin of the reset, or from the link being up, until the last SA was there again; all together."),
    U64(host_restore_stats, add_ps, "ps", "Of it: from the first of the ADDs on."),
    U64(host_restore_stats, software, "packets", "Packets carried in software meanwhile."),
    U64(host_restore_stats, blocked_ps, "ps", "Time of resets in which nothing could be sent."),
};

static const struct stat_field event_stats[] = {
    U64(host_event_stats, taken, "", "Events of the card that the driver has worked on."),
    U64(host_event_stats, modified, "",
        "Upper halves that it has changed, with their overlap bit (card.sa.esn events)."),
    U64(host_event_stats, armed, "",
        "Events that it has armed again; of a limit, mostly with a round added."),
    U64(host_event_stats, failed, "", "Commands for these that the card refused."),
    U64(host_event_stats, soft, "",
        "Soft limits in packets that it has learnt of (card.sa.table.round)."),
    U64(host_event_stats, hard, "", "Hard limits in packets, likewise."),
    U64(host_event_stats, early, "",
        "Of these: counters that came to 0 with rounds left, which were not added in time."),
    HIST(host_event_stats, soft_ns, "From the card's event to the driver knowing of a soft limit."),
};

static const struct stat_field core_stats[] = {
    U64(host_core_stats, busy_ps, "ps", "Time at work."),
    U64(host_core_stats, blocked_ps, "ps", "Time with a packet to send and no free descriptor."),
    U64(host_core_stats, tx_packets, "packets", "Packets whose sending it began."),
    U64(host_core_stats, rx_packets, "packets", "Packets received."),
    U64(host_core_stats, oids, "", "Command completions taken."),
};

static const struct stat_field other_stats[] = {
    U64(host_stats, software_packets, "packets", "IPsec in software, both directions."),
    U64(host_stats, software_bytes, "bytes", "Their bytes."),
    U64(host_stats, commands_held, "",
        "Requests that found as many commands with the card as it lets wait."),
    U64(host_stats, foreign_dma, "",
        "Accesses of the card to memory that holds nothing of the host."),
};

/* ---- registry --------------------------------------------------------------------------------------- */

void host_register_stats(struct host *host, struct stat_registry *registry)
{
    static const char *const kinds[HOST_OID_KINDS] = { "add", "update", "delete", "other" };
    const struct host_stats *s = host == NULL ? NULL : host->stats;
    uint32_t cores = host == NULL ? 1 : host->config.general.cores;
    char path[96];

#define OF(member) (s == NULL ? NULL : &s->member)
#define REGISTER(path_, help_, base_, table_)                                                      \
    stat_register(registry, path_, help_, base_, table_, STAT_COUNT(table_))
    make_refusal_stats();
    REGISTER("host", "The reference host.", s, other_stats);
    REGISTER("host.tx", "Sending, as the host sees it.", OF(tx), tx_stats);
    REGISTER("host.tx.drops", "Packets that never got to the card, by reason.", OF(tx), tx_drops);
    REGISTER("host.tx.failures", "Descriptors that the card failed, by its reason.", OF(tx),
             tx_failures);
    REGISTER("host.rx", "Receiving, as the host sees it.", OF(rx), rx_stats);
    REGISTER("host.rx.drops", "Packets received and not delivered, by reason.", OF(rx), rx_drops);
    REGISTER("host.rx.left_alone", "Packets that the card did not process, by its reason.", OF(rx),
             rx_bypasses);
    REGISTER("host.rx.crypto_status", "Results of the card (crypto offload).", OF(rx),
             crypto_stats);
    REGISTER("host.forward", "Packets that the host sends on.", OF(forward), forward_stats);
    REGISTER("host.forward.to_stack", "Received packets that it did not, by reason.", OF(forward),
             forward_stays);
    for (unsigned i = 0; i < HOST_OID_KINDS; i++) {
        snprintf(path, sizeof path, "oids.%s", kinds[i]);
        REGISTER(path, "Control requests of this kind.", OF(oid[i]), oid_stats);
        snprintf(path, sizeof path, "oids.%s.parts", kinds[i]);
        REGISTER(path, "Where their latency went: the four add up to it.", OF(oid[i]), part_stats);
        snprintf(path, sizeof path, "oids.%s.status", kinds[i]);
        REGISTER(path, "How they ended.", OF(oid[i]), status_stats);
    }
    REGISTER("host.sa", "Nodes, as the host knows them.", OF(sa), sa_stats);
    REGISTER("host.sa.refused", "Requests with a node that the card refused, by the first reason.",
             OF(sa), refusal_stats);
    REGISTER("host.card_rules",
             "Breaches of the rules of the interface by the card, as the host has seen them.", s,
             card_rule_stats);
    REGISTER("host.engine", "Engines of a card whose tables are behind registers.", OF(engine),
             engine_stats);
    REGISTER("host.readd", "SAs that come back to the card when they are used.", OF(readd),
             readd_stats);
    REGISTER(
        "host.restore",
        "All SAs added again: after a reset that the card's table did not survive, or a failover.",
        OF(restore), restore_stats);
    REGISTER("host.events", "What the card tells of its SAs, and what the driver does about it.",
             OF(events), event_stats);
    for (uint32_t i = 0; i < cores; i++) {
        snprintf(path, sizeof path, "host.core%u", i);
        REGISTER(path, "A core of the CPU.", OF(core[i]), core_stats);
    }
#undef REGISTER
#undef OF
}

const struct host_stats *host_statistics(struct host *host)
{
    host->stats->tx.inside = host_tx_inside(host);
    host->stats->rx.inside = host_rx_inside(host);
    host->stats->sa.bytes = host_sa_bytes(host);
    host_overlap_pass(host);
    return host->stats;
}

/* ---- books ------------------------------------------------------------------------------------------ */

static uint64_t sum(const uint64_t *values, size_t count)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        total += values[i];
    }
    return total;
}

static bool balance(const char *what, uint64_t left, uint64_t right, char *error, size_t error_size)
{
    if (left != right) {
        snprintf(error, error_size, "host books: %s: %llu in, %llu out", what,
                 (unsigned long long)left, (unsigned long long)right);
    }
    return left == right;
}

bool host_check_books(struct host *host, char *error, size_t error_size)
{
    const struct host_stats *s = host_statistics(host);
    const struct host_tx_stats *tx = &s->tx;
    const struct host_rx_stats *rx = &s->rx;
    uint64_t requests = 0;
    uint64_t ended = host->s->pending_requests;

    for (unsigned i = 0; i < HOST_OID_KINDS; i++) {
        requests += s->oid[i].requests;
        ended += s->oid[i].completed + s->oid[i].in_software + s->oid[i].aborted;
    }
    if (host->s->strange_completions != 0) {
        snprintf(error, error_size, "host books: %llu completions of commands that were not posted",
                 (unsigned long long)host->s->strange_completions);
        return false;
    }
    return balance("packets to send", tx->packets_in + tx->lso_created + tx->segments_created,
                   tx->sent + tx->failed + tx->lost + sum(tx->drop, HOST_TX_DROP_COUNT) +
                       tx->inside,
                   error, error_size) &&
           balance("descriptors by kind", tx->posted, tx->offloaded + tx->software + tx->clear,
                   error, error_size) &&
           balance("descriptors failed by reason", tx->failed,
                   sum(tx->failed_reason, NIC_DROP_COUNT), error, error_size) &&
           balance("packets received", rx->completions + rx->reassembled,
                   rx->delivered + s->forward.packets + sum(rx->drop, HOST_RX_DROP_COUNT) +
                       rx->merged + rx->inside,
                   error, error_size) &&
           balance("packets delivered by kind", rx->delivered,
                   rx->offloaded + rx->software + rx->clear + rx->unprocessed, error, error_size) &&
           balance("nodes", s->sa.live, s->sa.on_card + s->sa.in_software + host_sa_adding(host),
                   error, error_size) &&
           balance("requests", requests, ended, error, error_size);
}
