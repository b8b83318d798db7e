#include "cli/run_text.h"

#include <inttypes.h>
#include <string.h>

#include "cli/results.h"
#include "report/text.h"

static const char *count(uint64_t v, char *out)
{
    return text_count(v, out, TEXT_CELL);
}

/* us; "-": of nothing. `percent` 100: the most. */
static const char *latency(const struct histogram *l, unsigned percent, char *out)
{
    uint64_t v = percent < 100 ? histogram_percentile(l, percent, 100) : l->max;

    if (l->count == 0) {
        snprintf(out, TEXT_CELL, "-");
    } else {
        snprintf(out, TEXT_CELL, "%.3f", histogram_scaled(l, v) / 1000);
    }
    return out;
}

static void print_traffic(FILE *out, const struct simulation *s)
{
    static const char *const headings[] = { "",           ">packets in", ">out",  ">Gb/s",
                                            ">wire Gb/s", ">Mpps",       ">loss", ">p50 us",
                                            ">p99 us",    ">max us" };
    const struct run_results *whole = simulation_results(s);
    const struct run_results *r = simulation_measured(s);
    const struct run_direction *d[2] = { &whole->rx, &whole->tx };
    const struct run_direction *since[2] = { &r->rx, &r->tx };
    const struct histogram *l[2] = { simulation_latency(s, RUN_LATENCY_RX),
                                     simulation_latency(s, RUN_LATENCY_TX) };
    struct text_table t;

    text_table_start(&t, headings, 10);
    for (unsigned i = 0; i < 2; i++) {
        char c[9][TEXT_CELL];
        const char *row[10] = {
            i ? "TX" : "RX", c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]
        };

        if (!d[i]->packets_in) {
            continue;
        }
        count(since[i]->packets_in, c[0]);
        count(since[i]->packets_out, c[1]);
        snprintf(c[2], TEXT_CELL, "%.2f", d[i]->gbps);
        snprintf(c[3], TEXT_CELL, "%.2f", d[i]->wire_gbps);
        snprintf(c[4], TEXT_CELL, "%.3f", d[i]->mpps);
        text_share(d[i]->loss, c[5], TEXT_CELL);
        latency(l[i], 50, c[6]);
        latency(l[i], 99, c[7]);
        latency(l[i], 100, c[8]);
        text_table_row(&t, row);
    }
    text_table_write(&t, out);
}

/* Ports, where more than one has had traffic. */
static void print_ports(FILE *out, const struct run_results *r)
{
    static const char *const headings[] = { "port",       ">packets", ">Gb/s",
                                            ">wire Gb/s", ">Mpps",    ">dropped" };
    struct text_table t;
    unsigned used = 0;

    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        used += r->port[p].rx.stats.packets || r->port[p].tx.stats.packets;
    }
    if (used < 2) {
        return;
    }
    text_table_start(&t, headings, 6);
    for (unsigned i = 0; i < 2 * NIC_MAX_PORTS; i++) {
        const struct run_port_direction *d = i % 2 ? &r->port[i / 2].tx : &r->port[i / 2].rx;
        char c[6][TEXT_CELL];
        const char *row[6] = { c[0], c[1], c[2], c[3], c[4], c[5] };

        if (!d->stats.packets) {
            continue;
        }
        snprintf(c[0], TEXT_CELL, "%u %s", i / 2, i % 2 ? "TX" : "RX");
        count(d->stats.packets, c[1]);
        snprintf(c[2], TEXT_CELL, "%.2f", d->gbps);
        snprintf(c[3], TEXT_CELL, "%.2f", d->wire_gbps);
        snprintf(c[4], TEXT_CELL, "%.3f", d->mpps);
        count(d->stats.dropped, c[5]);
        text_table_row(&t, row);
    }
    text_table_write(&t, out);
}

static void print_forwarding(FILE *out, const struct run_results *r, const struct histogram *l)
{
    char text[TEXT_CELL];
    char c[3][TEXT_CELL];
    bool any = false;

    if (!r->forwarded) {
        return;
    }
    fprintf(out, "forwarded: %s packets; last bit in to last bit out p50 %s us, p99 %s, max %s\n",
            count(r->forwarded, text), latency(l, 50, c[0]), latency(l, 99, c[1]),
            latency(l, 100, c[2]));
    for (unsigned i = 1; i < NIC_STAY_COUNT; i++) {
        if (r->stay[i]) {
            fprintf(out, "%s%s %s", any ? ", " : "not forwarded: ", nic_stay_name((enum nic_stay)i),
                    count(r->stay[i], text));
            any = true;
        }
    }
    if (any) {
        fputc('\n', out);
    }
}

static void print_drops(FILE *out, const char *direction, const uint64_t *drops,
                        const char *(*name)(unsigned))
{
    bool any = false;

    for (unsigned i = 0; name(i); i++) {
        char text[TEXT_CELL];

        if (!drops[i]) {
            continue;
        }
        fprintf(out, "%s%s %s", any ? ", " : direction, name(i), count(drops[i], text));
        any = true;
    }
    if (any) {
        fputc('\n', out);
    }
}

/* What the figures so far leave out. */
static void print_warm_up(FILE *out, const struct simulation *s)
{
    const struct run_results *whole = simulation_results(s);
    const struct run_results *r = simulation_measured(s);
    const struct run_direction *d[2] = { &whole->rx, &whole->tx };
    const struct run_direction *since[2] = { &r->rx, &r->tx };
    char a[TEXT_CELL];
    char b[TEXT_CELL];
    char c[TEXT_CELL];
    const char *separator = "warm-up, not in the figures above: ";

    if (!simulation_warmed(s)) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint64_t drops = run_drops(i ? whole->tx_drop : whole->rx_drop) - since[i]->dropped;

        if (d[i]->packets_in) {
            fprintf(out, "%s%s %s packets in, %s dropped, %s still inside at its end", separator,
                    i ? "TX" : "RX", count(d[i]->packets_in - since[i]->packets_in, a),
                    count(drops, b), count(since[i]->inside, c));
            separator = "; ";
        }
    }
    fputs("\ncounts below are of the whole run, rates and blocks of the measured phase\n", out);
}

static void print_left_alone(FILE *out, const struct nic_stats *n, const struct host_stats *h)
{
    bool any = false;
    char text[TEXT_CELL];

    for (unsigned i = 1; i < NIC_BYPASS_COUNT; i++) {
        if (n->rx.bypass[i]) {
            fprintf(out, "%s%s %s", any ? ", " : "left alone by the card (RX): ",
                    nic_bypass_name((enum nic_bypass)i), count(n->rx.bypass[i], text));
            any = true;
        }
    }
    if (any) {
        fputc('\n', out);
    }
    if (h->software_packets) {
        fprintf(out, "carried in software by the host: %s packets\n",
                count(h->software_packets, text));
    }
}

static void print_cost(FILE *out, const char *direction, double slowdown, bool comparable,
                       double added_ns)
{
    fprintf(out, " %s %+.2f %% of throughput, p99 ", direction, 100 * slowdown);
    if (comparable) {
        fprintf(out, "%+.3f us", added_ns / 1000);
    } else {
        fputs("not comparable (other packets)", out);
    }
}

/* Positive: it costs. */
static void print_churn(FILE *out, const struct run_results *r)
{
    const struct run_churn *c = &r->churn;

    if (!c->compared) {
        return;
    }
    fputs("churn costs:", out);
    if (r->rx.packets_in) {
        print_cost(out, "RX", c->rx_slowdown, c->rx_comparable, c->rx_p99_added_ns);
    }
    if (r->tx.packets_in) {
        fputs(r->rx.packets_in ? ";" : "", out);
        print_cost(out, "TX", c->tx_slowdown, c->tx_comparable, c->tx_p99_added_ns);
    }
    fputc('\n', out);
}

/* SAs that left the card and came back. */
static void print_moves(FILE *out, const struct run_results *r, const struct host_stats *h)
{
    const struct host_readd_stats *back = &h->readd;
    const struct host_restore_stats *all = &h->restore;
    char a[TEXT_CELL];
    char b[TEXT_CELL];

    if (h->sa.overlap_peak) {
        fprintf(out,
                "rekeying: up to %s SAs beside those that they replace (%.2f %% of the capacity)\n",
                count(h->sa.overlap_peak, a), 100 * r->overlap_share);
    }
    if (back->requests) {
        fprintf(out, "added again on use: %s SAs, refused %s; away p50 %.3f us\n",
                count(back->done, a), count(back->refused, b),
                histogram_scaled(&back->away_ns, histogram_percentile(&back->away_ns, 50, 100)) /
                    1000);
    }
    if (h->sa.resets) {
        fprintf(out, "resets: %s, nothing sent for %.3f us\n", count(h->sa.resets, a),
                (double)all->blocked_ps / 1e6);
    }
    if (all->times) {
        fprintf(out, "restored: %s SAs in %.3f us, %s refused; %s packets in software meanwhile\n",
                count(all->nodes, a), (double)all->ps / 1e6, count(all->failed, b),
                text_count(all->software, (char[TEXT_CELL]){ 0 }, TEXT_CELL));
    }
}

/* SAs that the card did not take, by reason; those that were preloaded are among them. */
static void print_refused(FILE *out, const struct run_results *r)
{
    bool any = false;
    char text[TEXT_CELL];

    for (unsigned i = 1; i < SA_REASON_COUNT; i++) {
        if (r->refused[i]) {
            fprintf(out, "%s%s %s",
                    any ? ", " : "refused by the card (SAs): ", sa_reason_name((enum sa_reason)i),
                    count(r->refused[i], text));
            any = true;
        }
    }
    if (any) {
        fputc('\n', out);
    }
}

static void print_table_use(FILE *out, const struct run_results *r)
{
    char live[TEXT_CELL];
    char peak[TEXT_CELL];
    char capacity[TEXT_CELL];

    fprintf(out,
            "SAs: %s on the card at the end, peak %s of %s (%.0f of %.0f KiB, %" PRIu64
            " bytes each); %.0f changes/s\n",
            count(r->live, live), count(r->peak_live, peak), count(r->capacity, capacity),
            r->peak_kib, r->capacity_kib, r->context_bytes, r->churn_per_s);
    if (r->context_bytes < r->layout.least) {
        fprintf(
            out,
            "card.sa.context is too short for this card: keys, numbers and windows alone take %" PRIu64
            " bytes (sa.layout.least)\n",
            r->layout.least);
    }
    print_refused(out, r);
}

static void print_oids(FILE *out, const struct run_results *r, const struct host_stats *h)
{
    static const char *const headings[] = { "",        ">requests", ">nodes done",
                                            ">p50 us", ">p99 us",   ">max us" };
    static const char *const names[] = { "ADD_SA", "UPDATE_SA", "DELETE_SA" };
    char a[TEXT_CELL];
    struct text_table t;
    bool any = false;

    text_table_start(&t, headings, 6);
    for (unsigned k = 0; k < 3; k++) {
        const struct host_oid_stats *o = &h->oid[k];
        char c[5][TEXT_CELL];
        const char *row[6] = { names[k], c[0], c[1], c[2], c[3], c[4] };

        if (!o->requests) {
            continue;
        }
        any = true;
        count(o->requests, c[0]);
        count(o->nodes_done, c[1]);
        latency(&o->latency_ns, 50, c[2]);
        latency(&o->latency_ns, 99, c[3]);
        latency(&o->latency_ns, 100, c[4]);
        text_table_row(&t, row);
    }
    if (any) {
        fputc('\n', out);
        text_table_write(&t, out);
    } else {
        text_table_clear(&t);
    }
    print_table_use(out, r);
    if (r->violations) {
        fprintf(out, "the recording breaks %s rules of the interface (espnic trace check)\n",
                count(r->violations, a));
    }
    if (r->beyond_card) {
        fprintf(out, "the recording goes %s times beyond what the card reports (rules 3, 4, 7)\n",
                count(r->beyond_card, a));
    }
}

static void print_blocks(FILE *out, struct simulation *s)
{
    static const char *const headings[] = { "block",    ">items",   ">busy",
                                            ">blocked", ">waiting", ">starved" };
    unsigned n;
    const struct run_block *blocks = simulation_blocks(s, &n);
    struct text_table t;

    text_table_start(&t, headings, 6);
    for (unsigned i = 0; i < n; i++) {
        char c[5][TEXT_CELL];
        const char *row[6] = { blocks[i].name, c[0], c[1], c[2], c[3], c[4] };
        uint64_t total = 0;

        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            total += blocks[i].cycles[k];
        }
        if (!blocks[i].items || !total) {
            continue;
        }
        count(blocks[i].items, c[0]);
        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            text_share((double)blocks[i].cycles[k] / (double)total, c[k + 1], TEXT_CELL);
        }
        text_table_row(&t, row);
    }
    fputc('\n', out);
    text_table_write(&t, out);
}

static void print_bottleneck(FILE *out, const struct bottleneck *b, bool as_recorded)
{
    if (!b) {
        return;
    }
    if (b->first < 0 && b->dropped > 0) {
        fprintf(out, "\nlimit: %s. %s.\n",
                b->nearest < 0 ? "no block alone" : b->trial[b->nearest].block, b->why);
        fputs("next: --find loss=0 shows what the card takes without loss\n", out);
        return;
    }
    if (b->first < 0) {
        fprintf(out, "\nlimit: the offered load. %s.\n", b->why);
        if (as_recorded && b->packets_per_s > 0) {
            fputs("next: --load max or --find loss=0 shows where the card ends\n", out);
        }
        return;
    }
    fprintf(out, "\nbottleneck: %s\n", b->why);
    fprintf(out, "next: --ideal %s", b->trial[b->first].block);
    if (b->second >= 0) {
        fprintf(out, " --ideal %s", b->trial[b->second].block);
    }
    fputs(" shows what limits after that\n", out);
}

void run_text_print(FILE *out, struct simulation *s, const struct espnic_config *config,
                    const struct bottleneck *b)
{
    const struct run_results *r = simulation_results(s);
    const struct run_results *m = simulation_measured(s);
    const struct host_stats *h = host_statistics(simulation_host(s));
    const struct nic_stats *n = nic_statistics(simulation_card(s));

    fprintf(out, "simulated %.3f us, measured over %.3f us; %s offload%s\n\n", r->total_us,
            r->measured_us,
            config->card.general.offload == NIC_OFFLOAD_PACKET ? "packet" : "crypto",
            config->workload.timing_only ? ", timing only" : "");
    print_traffic(out, s);
    print_ports(out, m);
    print_forwarding(out, m, simulation_latency(s, RUN_LATENCY_FORWARD));
    print_drops(out, "dropped (RX): ", m->rx_drop, results_rx_drop_name);
    print_drops(out, "dropped (TX): ", m->tx_drop, results_tx_drop_name);
    print_warm_up(out, s);
    print_left_alone(out, n, h);
    print_oids(out, r, h);
    print_moves(out, r, h);
    print_churn(out, r);
    print_blocks(out, s);
    print_bottleneck(out, b, !strcmp(config->workload.load, "recorded"));
}
