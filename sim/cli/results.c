#include "cli/results.h"

#include <stdio.h>
#include <string.h>

struct reason {
    const char *name, *help;
};

static const struct reason card_reasons[] = { { NULL, NULL },
#define X(id, key, text) { key, text },
                                              NIC_DROPS(X)
#undef X
};

static const struct reason host_rx_reasons[] = { { NULL, NULL },
#define X(id, key, text) { key, text },
                                                 HOST_RX_DROPS(X)
#undef X
};

static const struct reason host_tx_reasons[] = { { NULL, NULL },
#define X(id, key, text) { key, text },
                                                 HOST_TX_DROPS(X)
#undef X
};

/* The card's reasons, then those of the host that have another name. */
struct reasons {
    struct reason list[RUN_MAX_DROPS];
    unsigned count;
    unsigned host_at[RUN_MAX_DROPS]; /* place of the host's reason number i */
    struct stat_field fields[RUN_MAX_DROPS];
};

static unsigned place_of(struct reasons *r, const struct reason *reason)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (!strcmp(r->list[i].name, reason->name)) {
            return i;
        }
    }
    r->list[r->count] = *reason;
    return r->count++;
}

static void build(struct reasons *r, const struct reason *host, unsigned host_count)
{
    if (r->count) {
        return;
    }
    for (unsigned i = 1; i < NIC_DROP_COUNT; i++) {
        place_of(r, &card_reasons[i]);
    }
    for (unsigned i = 1; i < host_count; i++) {
        r->host_at[i] = place_of(r, &host[i]);
    }
    for (unsigned i = 0; i < r->count; i++) {
        r->fields[i] = (struct stat_field){ .name = r->list[i].name,
                                            .type = STAT_U64,
                                            .offset = i * sizeof(uint64_t),
                                            .unit = "packets",
                                            .help = r->list[i].help };
    }
}

static struct reasons *rx_reasons(void)
{
    static struct reasons r;

    build(&r, host_rx_reasons, HOST_RX_DROP_COUNT);
    return &r;
}

static struct reasons *tx_reasons(void)
{
    static struct reasons r;

    build(&r, host_tx_reasons, HOST_TX_DROP_COUNT);
    return &r;
}

void results_sum_drops(struct run_results *results, const struct nic_stats *card,
                       const struct host_stats *host)
{
    const struct reasons *rx = rx_reasons();
    const struct reasons *tx = tx_reasons();

    memset(results->rx_drop, 0, sizeof results->rx_drop);
    memset(results->tx_drop, 0, sizeof results->tx_drop);
    for (unsigned i = 1; i < NIC_DROP_COUNT; i++) {
        results->rx_drop[i - 1] = card->rx.drop[i];
        results->tx_drop[i - 1] = card->tx.drop[i];
    }
    for (unsigned i = 1; i < HOST_RX_DROP_COUNT; i++) {
        results->rx_drop[rx->host_at[i]] += host->rx.drop[i];
    }
    for (unsigned i = 1; i < HOST_TX_DROP_COUNT; i++) {
        results->tx_drop[tx->host_at[i]] += host->tx.drop[i];
    }
}

const char *results_rx_drop_name(unsigned i)
{
    return i < rx_reasons()->count ? rx_reasons()->list[i].name : NULL;
}

const char *results_tx_drop_name(unsigned i)
{
    return i < tx_reasons()->count ? tx_reasons()->list[i].name : NULL;
}

static const char *const capacity[] = { "rx_overflow", "rx_no_descriptor", "host_backlog",
                                        "forward_full", NULL };

const char *results_capacity_drop(unsigned i)
{
    return capacity[i];
}

uint64_t results_capacity_drops(const struct run_results *results, unsigned i)
{
    uint64_t dropped = 0;

    for (unsigned k = 0; results_rx_drop_name(k); k++) {
        dropped += strcmp(results_rx_drop_name(k), capacity[i]) ? 0 : results->rx_drop[k];
    }
    for (unsigned k = 0; results_tx_drop_name(k); k++) {
        dropped += strcmp(results_tx_drop_name(k), capacity[i]) ? 0 : results->tx_drop[k];
    }
    return dropped;
}

double results_capacity_loss(const struct run_results *r)
{
    uint64_t lost = 0;

    for (unsigned i = 0; capacity[i]; i++) {
        lost += results_capacity_drops(r, i);
    }
    return run_share(lost, r->rx.inside + r->rx.packets_in + r->tx.inside + r->tx.packets_in);
}

/* Breaches by rule: those that can be seen in a recording, alone or beside what the card reports. */
struct rule_names {
    unsigned count;
    char name[RULES_COUNT][8];
    struct stat_field fields[RULES_COUNT];
};

static struct rule_names *rule_names(void)
{
    static struct rule_names r;

    for (unsigned rule = 1; rule < RULES_COUNT && !r.name[rule][0]; rule++) {
        const struct rules_info *info = rules_info(rule);

        snprintf(r.name[rule], sizeof r.name[rule], "rule_%u", rule);
        if (info->where == RULES_CHECKED || info->where == RULES_WITH_CAPABILITIES || rule == 10) {
            r.fields[r.count++] = (struct stat_field){ .name = r.name[rule],
                                                       .type = STAT_U64,
                                                       .offset = rule * sizeof(uint64_t),
                                                       .help = info->summary };
        }
    }
    return &r;
}

/* ---- tables ---------------------------------------------------------------------------------------- */

#define D(field, type, unit, help)                                                                 \
    {                                                                                              \
#field, type, offsetof(struct run_direction, field), unit, help                            \
    }

static const struct stat_field rx_fields[] = {
    D(packets_in, STAT_U64, "packets", "frames that came from the wire, over the whole run"),
    D(packets_out, STAT_U64, "packets", "packets delivered to the host's stack"),
    D(bytes_in, STAT_U64, "bytes", "of packets_in, frames without FCS"),
    D(bytes_out, STAT_U64, "bytes", "of packets_out, as delivered, with Ethernet header"),
    D(gbps, STAT_REAL, "Gb/s",
      "frame bits on the wire (without FCS, preamble, gap) of the packets whose completion the host "
      "saw in the measured phase, over its length"),
    D(wire_gbps, STAT_REAL, "Gb/s", "the same with FCS, preamble and gap: 24 bytes a frame more"),
    D(mpps, STAT_REAL, "Mpackets/s", "of the same packets"),
    D(offered_gbps, STAT_REAL, "Gb/s", "frame bits that arrived in the measured phase"),
    D(offered_mpps, STAT_REAL, "Mpackets/s", "frames that arrived in the measured phase"),
    D(loss, STAT_REAL, "",
      "share of packets_in that card or host dropped; after a warm-up, of the packets that were inside at the begin "
      "of the measured phase or came in since, to the end of the run: measured.rx.dropped over (measured.rx.inside + "
      "measured.rx.packets_in); of the whole run: whole_run.rx.loss"),
    D(blocked_us, STAT_REAL, "us",
      "effective blocked time: packets lost over the rate offered in the measured phase (FD.io CSIT); lost as in loss"),
};

static const struct stat_field tx_fields[] = {
    D(packets_in, STAT_U64, "packets", "clear packets that the host was given to send"),
    D(packets_out, STAT_U64, "packets", "frames whose last bit left on the wire"),
    D(bytes_in, STAT_U64, "bytes", "of packets_in, frames without FCS"),
    D(bytes_out, STAT_U64, "bytes", "of packets_out, frames without FCS"),
    D(gbps, STAT_REAL, "Gb/s",
      "frame bits on the wire (without FCS, preamble, gap) sent in the measured phase, over its "
      "length"),
    D(wire_gbps, STAT_REAL, "Gb/s", "the same with FCS, preamble and gap: 24 bytes a frame more"),
    D(mpps, STAT_REAL, "Mpackets/s", "frames sent in the measured phase"),
    D(created, STAT_U64, "packets",
      "segments that large TCP sends became, beside the packets that came in (host.tx.lso): packets_in + created "
      "= packets_out + drops"),
    D(loss, STAT_REAL, "",
      "share of packets_in and created that host or card dropped; after a warm-up, of the packets that were inside "
      "at the begin of the measured phase or came in or were created since, to the end of the run: measured.tx.dropped "
      "over (measured.tx.inside + packets_in + created); of the whole run: whole_run.tx.loss"),
    D(blocked_us, STAT_REAL, "us",
      "effective blocked time: packets lost over the rate at which the host was given packets (and they "
      "became segments) in the measured phase"),
};

#define R(name, field, type, unit, help)                                                           \
    {                                                                                              \
        name, type, offsetof(struct run_results, field), unit, help                                \
    }

static const struct stat_field time_fields[] = {
    R("total_us", total_us, STAT_REAL, "us", "from t = 0 of the inputs to the last event"),
    R("measured_us", measured_us, STAT_REAL, "us",
      "the measured phase: from the first arrival (after the warm-up) to the last; of packets, or "
      "without any of control requests"),
    R("drain_us", drain_us, STAT_REAL, "us", "from the last arrival to the last event"),
};

static const struct stat_field sa_fields[] = {
    R("capacity", capacity, STAT_U64, "",
      "of the card's table: bundles or SAs (card.sa.table.unit)"),
    R("capacity_kib", capacity_kib, STAT_REAL, "KiB",
      "the same as memory: capacity * context_bytes"),
    R("context_bytes", context_bytes, STAT_U64, "bytes", "of a context (card.sa.context)"),
    R("peak_kib", peak_kib, STAT_REAL, "KiB", "memory of peak_live contexts"),
    R("live", live, STAT_GAUGE, "bundles", "in the card's table at the end"),
    R("peak_live", peak_live, STAT_U64, "bundles", "most that were in the table at a time"),
    R("preloaded", preloaded, STAT_U64, "bundles", "added before time started"),
    R("adds", adds, STAT_U64, "nodes", "nodes of ADD_SA that the card took"),
    R("adds_refused", add_failures, STAT_U64, "nodes",
      "nodes of ADD_SA that it did not take; by reason in add_failures, which also has those of "
      "preloading"),
    R("updates", updates, STAT_U64, "requests", "UPDATE_SA done by the card"),
    R("deletes", deletes, STAT_U64, "nodes", "nodes of DELETE_SA done by the card"),
    R("delete_requests", delete_requests, STAT_U64, "packets",
      "packets that came with SaDeleteReq"),
    R("lookups", lookups, STAT_U64, "look-ups", "of received AH and ESP packets"),
    R("hits", hits, STAT_U64, "look-ups", "that found a live SA"),
    R("misses", misses, STAT_U64, "look-ups", "that did not"),
    R("in_software", in_software, STAT_GAUGE, "bundles", "live in the host's software at the end"),
    R("churn_per_s", churn_per_s, STAT_REAL, "1/s",
      "adds, updates and deletes that the card did in the measured phase, over its length"),
    R("adds_per_s", adds_per_s, STAT_REAL, "1/s",
      "nodes added in the measured phase, over its length"),
    R("updates_per_s", updates_per_s, STAT_REAL, "1/s",
      "updates in the measured phase, over its length"),
    R("deletes_per_s", deletes_per_s, STAT_REAL, "1/s",
      "nodes deleted in the measured phase, over its length"),
    R("rx_in_software", rx_in_software, STAT_REAL, "",
      "share of the received IPsec packets delivered that the host opened in software"),
    R("tx_in_software", tx_in_software, STAT_REAL, "",
      "share of the protected packets sent that the host protected in software"),
    R("overlap_peak", overlap_peak, STAT_U64, "bundles",
      "most SAs at a time that were on the card beside another one for the same traffic: rekeying makes before it "
      "breaks (same direction, mode, UDP kind, endpoints and selector; an inbound one without a selector is for the "
      "traffic of its outbound partner, other SAs without a selector do not count)"),
    R("overlap_s", overlap_s, STAT_REAL, "bundle s",
      "their number over time, from the end of an ADD to the end of a DELETE as the driver sees them"),
    R("overlap_share", overlap_share, STAT_REAL, "", "overlap_peak over capacity"),
    R("overlap_mean", overlap_mean, STAT_REAL, "",
      "overlap_s over the time of the run and capacity: the share of the table that overlap holds on average"),
};

#define C(name_, type_, unit_, help_)                                                              \
    {                                                                                              \
#name_, type_, offsetof(struct run_results, churn.name_), unit_, help_                     \
    }

static const struct stat_field churn_fields[] = {
    C(compared, STAT_U64, "",
      "1: the run was made once more with control requests that are done at once and cost nothing (no host CPU, no "
      "command processor, no PCIe); the figures below are of that run. 0: they are not there (--experiments 0, no "
      "requests or no packets, or a command path without a queue)"),
    C(rx_gbps, STAT_REAL, "Gb/s", "as rx.gbps, without the cost of churn"),
    C(tx_gbps, STAT_REAL, "Gb/s", "as tx.gbps, without the cost of churn"),
    C(rx_mpps, STAT_REAL, "Mpackets/s", "as rx.mpps, without the cost of churn"),
    C(tx_mpps, STAT_REAL, "Mpackets/s", "as tx.mpps, without the cost of churn"),
    C(rx_p99_ns, STAT_REAL, "ns",
      "99 % of the latencies (as rx.latency_ns) since the begin of the measured phase, without the cost of churn"),
    C(tx_p99_ns, STAT_REAL, "ns",
      "99 % of the latencies (as tx.latency_ns) since the begin of the measured phase, without the cost of churn"),
    C(rx_slowdown, STAT_REAL, "",
      "rx_mpps over rx.mpps, less 1: what churn takes from throughput; positive: churn costs"),
    C(tx_slowdown, STAT_REAL, "", "tx_mpps over tx.mpps, less 1"),
    C(rx_p99_added_ns, STAT_REAL, "ns",
      "the same of the measured run less rx_p99_ns: what churn adds; 0 if not rx_comparable"),
    C(tx_p99_added_ns, STAT_REAL, "ns",
      "the same of the measured run less tx_p99_ns; 0 if not tx_comparable"),
    C(rx_comparable, STAT_U64, "",
      "1: both runs have as many latencies of received packets, so that their 99 % are of the same packets"),
    C(tx_comparable, STAT_U64, "", "1: as many of sent packets"),
};

static const struct stat_field layout_fields[] = {
    { "endpoints", STAT_U64, offsetof(struct sa_layout, endpoints), "bytes",
      "addresses, mode, UDP ports" },
    { "numbers", STAT_U64, offsetof(struct sa_layout, numbers), "bytes",
      "what packets change: sequence number, window of card.capabilities.window_max, packets and bytes so far" },
    { "limits", STAT_U64, offsetof(struct sa_layout, limits), "bytes",
      "SPI, algorithms, lifetime limits" },
    { "keys", STAT_U64, offsetof(struct sa_layout, keys), "bytes",
      "of the longest suite; expanded at ADD unless card.crypto.key_setup is 1" },
    { "total", STAT_U64, offsetof(struct sa_layout, total), "bytes",
      "all of it; card.sa.context 0 takes this" },
    { "least", STAT_U64, offsetof(struct sa_layout, least), "bytes",
      "what no card can do without: keys as given, sequence numbers, windows; a bundle of AH and ESP has two SAs" },
};

static const struct stat_field *refused_fields(void)
{
    static struct stat_field fields[SA_REASON_COUNT];

    for (unsigned i = 1; i < SA_REASON_COUNT; i++) {
        fields[i - 1] = (struct stat_field){ .name = sa_reason_name((enum sa_reason)i),
                                             .type = STAT_U64,
                                             .offset = i * sizeof(uint64_t),
                                             .unit = "nodes",
                                             .help = sa_reason_text((enum sa_reason)i) };
    }
    return fields;
}

static const struct stat_field input_fields[] = {
    R("records", records, STAT_U64, "records", "of the recording"),
    R("bad_records", bad_records, STAT_U64, "records", "damaged and skipped (--skip-bad)"),
    R("rule_violations", violations, STAT_U64, "",
      "breaches of the rules of the interface in the recording (espnic trace check)"),
    R("beyond_card", beyond_card, STAT_U64, "",
      "breaches that the recording alone does not show: algorithms, ESN, UDP kinds, IPv6 and bundles beyond what "
      "this card reports (rules 3, 4, 7)"),
    R("truncated", truncated, STAT_U64, "packets", "captured shorter than they were"),
    R("rx_delayed", rx_delayed, STAT_U64, "packets",
      "from the wire, stamped before it was free: they come when the frame before them and its gap "
      "have ended"),
    R("before_origin", before_origin, STAT_U64, "packets",
      "stamped before t = 0 of the recording: they arrive at 0"),
    R("reassembled", created, STAT_U64, "packets", "made by the host out of fragments"),
    R("fragments_merged", merged, STAT_U64, "packets", "fragments that went into them"),
};

static const struct stat_field latency_field[] = {
    { "latency_ns", STAT_HIST, 0, "ns",
      "TX: doorbell to last bit on the wire; RX: last bit on the wire to completion visible in host "
      "memory; after a warm-up, of packets that came through since the begin of the measured phase (min and max "
      "within 1/1024), of the whole run in whole_run" },
};

static const struct stat_field oid_field[] = {
    { "add_latency_ns", STAT_HIST, 0, "ns", "ADD_SA: host's request to its completion" },
    { "update_latency_ns", STAT_HIST, 0, "ns", "UPDATE_SA: host's request to its completion" },
    { "delete_latency_ns", STAT_HIST, 0, "ns",
      "DELETE_SA: host's request to its completion, the wait for packets in flight included" },
};

static const void *at(const void *base, size_t offset)
{
    return base ? (const char *)base + offset : NULL;
}

void results_register(const struct run_results *results, const struct host_stats *host,
                      const struct histogram *rx, const struct histogram *tx,
                      struct stat_registry *r)
{
    stat_register(r, "time", "Phases of the run, in simulated time.", results, time_fields,
                  STAT_COUNT(time_fields));
    stat_register(r, "inputs", "What was read.", results, input_fields, STAT_COUNT(input_fields));
    stat_register(r, "inputs.rules", "Breaches of the rules of the interface, by rule.",
                  at(results, offsetof(struct run_results, rule)), rule_names()->fields,
                  rule_names()->count);
    stat_register(r, "rx", "From the wire to the host's stack.",
                  at(results, offsetof(struct run_results, rx)), rx_fields, STAT_COUNT(rx_fields));
    stat_register(r, "rx", "From the wire to the host's stack.", rx, latency_field, 1);
    stat_register(r, "rx.drops", "Received packets that were dropped by card or host, by reason.",
                  at(results, offsetof(struct run_results, rx_drop)), rx_reasons()->fields,
                  rx_reasons()->count);
    stat_register(r, "tx", "From the host's stack to the wire.",
                  at(results, offsetof(struct run_results, tx)), tx_fields, STAT_COUNT(tx_fields));
    stat_register(r, "tx", "From the host's stack to the wire.", tx, latency_field, 1);
    stat_register(r, "tx.drops", "Packets to send that were dropped by host or card, by reason.",
                  at(results, offsetof(struct run_results, tx_drop)), tx_reasons()->fields,
                  tx_reasons()->count);
    stat_register(r, "sa", "Security associations.", results, sa_fields, STAT_COUNT(sa_fields));
    stat_register(r, "sa.layout", "What the context of an SA holds at least (sa_table/layout.h).",
                  at(results, offsetof(struct run_results, layout)), layout_fields,
                  STAT_COUNT(layout_fields));
    stat_register(r, "churn", "What SA churn costs the data path.", results, churn_fields,
                  STAT_COUNT(churn_fields));
    stat_register(r, "sa.add_failures", "Nodes that the card refused, by reason.",
                  at(results, offsetof(struct run_results, refused)), refused_fields(),
                  SA_REASON_COUNT - 1);
    for (unsigned k = 0; k < 3; k++) {
        stat_register(r, "sa", "Security associations.",
                      at(host, offsetof(struct host_stats, oid[k].latency_ns)), &oid_field[k], 1);
    }
}

/* ---- ports and forwarding ---------------------------------------------------------------------------- */

#define P(field, type, unit, help)                                                                 \
    {                                                                                              \
#field, type, offsetof(struct run_port_direction, field), unit, help                       \
    }
#define PS(field, unit, help)                                                                      \
    {                                                                                              \
#field, STAT_U64, offsetof(struct run_port_direction, stats.field), unit, help             \
    }

static const struct stat_field port_fields[] = {
    PS(packets, "packets", "frames on this wire, over the whole run"),
    PS(bytes, "bytes", "of them, without FCS"),
    PS(dropped, "packets",
       "dropped by the card: RX: of those that came in here; TX: of those that were to leave here"),
    P(gbps, STAT_REAL, "Gb/s", "frame bits (without FCS, preamble, gap) in the measured phase"),
    P(wire_gbps, STAT_REAL, "Gb/s", "the same with FCS, preamble and gap"),
    P(mpps, STAT_REAL, "Mpackets/s", "frames in the measured phase"),
};

static const struct stat_field forward_fields[] = {
    R("packets", forwarded, STAT_U64, "packets",
      "received packets that card or host sent on (card.forward.path)"),
};

static const struct stat_field forward_latency[] = {
    { "latency_ns", STAT_HIST, 0, "ns",
      "forwarded packets: last bit in to last bit out; after a warm-up as rx.latency_ns" },
};

static const struct stat_field stay_fields[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64, offsetof(struct run_results, stay) + NIC_STAY_##name * sizeof(uint64_t),      \
      "packets", text },
    NIC_STAYS(X)
#undef X
};

void results_register_forwarding(const struct run_results *results, const struct histogram *latency,
                                 unsigned ports, struct stat_registry *r)
{
    for (unsigned p = 0; p < ports; p++) {
        char path[32];

        snprintf(path, sizeof path, "ports.%u.rx", p);
        stat_register(r, path, "One wire port, receive side.",
                      results ? &results->port[p].rx : NULL, port_fields, STAT_COUNT(port_fields));
        snprintf(path, sizeof path, "ports.%u.tx", p);
        stat_register(r, path, "One wire port, transmit side.",
                      results ? &results->port[p].tx : NULL, port_fields, STAT_COUNT(port_fields));
    }
    stat_register(r, "forward", "Packets from wire to wire.", results, forward_fields,
                  STAT_COUNT(forward_fields));
    stat_register(r, "forward", "Packets from wire to wire.", latency, forward_latency,
                  STAT_COUNT(forward_latency));
    stat_register(r, "forward.stay", "Received packets that were not sent on, by reason.", results,
                  stay_fields, STAT_COUNT(stay_fields));
}

/* ---- after a warm-up --------------------------------------------------------------------------------- */

static const struct stat_field measured_rx_fields[] = {
    R("inside", rx.inside, STAT_U64, "packets",
      "in card or host at the begin of the measured phase; inside + packets_in + reassembled = packets_out + "
      "fragments_merged + dropped + what is inside at the end of the run"),
    R("packets_in", rx.packets_in, STAT_U64, "packets", "that came from the wire since"),
    R("packets_out", rx.packets_out, STAT_U64, "packets", "delivered to the host's stack since"),
    R("reassembled", created, STAT_U64, "packets", "made by the host out of fragments since"),
    R("fragments_merged", merged, STAT_U64, "packets", "fragments that went into them"),
    R("dropped", rx.dropped, STAT_U64, "packets", "by card or host since, by reason in drops"),
};

static const struct stat_field measured_tx_fields[] = {
    R("inside", tx.inside, STAT_U64, "packets",
      "in host or card at the begin of the measured phase; inside + packets_in + created = packets_out + dropped + "
      "what is inside at the end of the run"),
    R("packets_in", tx.packets_in, STAT_U64, "packets", "that the host's stack gave since"),
    R("packets_out", tx.packets_out, STAT_U64, "packets", "that left on the wire since"),
    R("created", tx.created, STAT_U64, "packets", "segments beside the packets they were cut from"),
    R("dropped", tx.dropped, STAT_U64, "packets", "by host or card since, by reason in drops"),
};

static const struct stat_field measured_sa_fields[] = {
    R("lookups", lookups, STAT_U64, "look-ups", "as sa.lookups"),
    R("hits", hits, STAT_U64, "look-ups", "as sa.hits"),
    R("misses", misses, STAT_U64, "look-ups", "as sa.misses"),
};

static const struct stat_field measured_context_fields[] = {
    R("hits", context_hits, STAT_U64, "look-ups", "as card.contexts.hits"),
    R("misses", context_misses, STAT_U64, "look-ups", "as card.contexts.misses"),
};

static const struct stat_field whole_loss_field[] = {
    { "loss", STAT_REAL, offsetof(struct run_direction, whole_loss), "",
      "share that was dropped, the warm-up included" },
};

static const struct stat_field whole_latency_field[] = {
    { "latency_ns", STAT_HIST, 0, "ns", "the warm-up included" },
};

static void register_whole(const char *path, const struct run_direction *direction,
                           const struct histogram *latency, struct stat_registry *r)
{
    static const char *const help = "After a warm-up (stop.warmup): the whole run.";

    stat_register(r, path, help, direction, whole_loss_field, STAT_COUNT(whole_loss_field));
    stat_register(r, path, help, latency, whole_latency_field, STAT_COUNT(whole_latency_field));
}

void results_register_measured(const struct run_results *whole, const struct run_results *since,
                               const struct histogram *const whole_latency[RUN_LATENCIES],
                               struct stat_registry *r)
{
    static const char *const help =
        "After a warm-up (stop.warmup): from the begin of the measured phase to the end of the run.";

    stat_register(r, "measured.rx", help, since, measured_rx_fields,
                  STAT_COUNT(measured_rx_fields));
    stat_register(r, "measured.rx.drops", help, at(since, offsetof(struct run_results, rx_drop)),
                  rx_reasons()->fields, rx_reasons()->count);
    stat_register(r, "measured.tx", help, since, measured_tx_fields,
                  STAT_COUNT(measured_tx_fields));
    stat_register(r, "measured.tx.drops", help, at(since, offsetof(struct run_results, tx_drop)),
                  tx_reasons()->fields, tx_reasons()->count);
    stat_register(r, "measured.sa", help, since, measured_sa_fields,
                  STAT_COUNT(measured_sa_fields));
    stat_register(r, "measured.contexts", help, since, measured_context_fields,
                  STAT_COUNT(measured_context_fields));
    stat_register(r, "measured.sa_cache", help, at(since, offsetof(struct run_results, cache)),
                  sa_cache_stat_table, sa_cache_stat_count);
    register_whole("whole_run.rx", whole ? &whole->rx : NULL, whole_latency[RUN_LATENCY_RX], r);
    register_whole("whole_run.tx", whole ? &whole->tx : NULL, whole_latency[RUN_LATENCY_TX], r);
    stat_register(r, "whole_run.forward", "After a warm-up (stop.warmup): the whole run.",
                  whole_latency[RUN_LATENCY_FORWARD], whole_latency_field,
                  STAT_COUNT(whole_latency_field));
}
