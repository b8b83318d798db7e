#include "cli/churn.h"

bool churn_matters(const struct espnic_config *config, struct simulation *measured)
{
    const struct host_stats *h = host_statistics(simulation_host(measured));
    uint64_t requests = 0;

    for (unsigned k = HOST_OID_ADD; k <= HOST_OID_DELETE; k++) {
        requests += h->oid[k].requests;
    }
    return requests > 0 && simulation_results(measured)->work.packets > 0 &&
           (config->card.command.path == NIC_PATH_QUEUE ||
            config->card.command.path == NIC_PATH_FIRMWARE);
}

static double more(double free, double measured)
{
    return measured > 0 ? free / measured - 1 : 0;
}

/* ns. */
static double p99(const struct simulation *s, enum run_latency which)
{
    const struct histogram *l = simulation_latency(s, which);

    return histogram_scaled(l, histogram_percentile(l, 99, 100));
}

static bool as_many(const struct simulation *a, const struct simulation *b, enum run_latency which)
{
    return simulation_latency(a, which)->count == simulation_latency(b, which)->count;
}

static struct run_churn compare(struct simulation *measured, struct simulation *without)
{
    const struct run_results *r = simulation_results(measured);
    const struct run_results *w = simulation_results(without);
    struct run_churn c = { .compared = 1,
                           .rx_gbps = w->rx.gbps,
                           .tx_gbps = w->tx.gbps,
                           .rx_mpps = w->rx.mpps,
                           .tx_mpps = w->tx.mpps,
                           .rx_p99_ns = p99(without, RUN_LATENCY_RX),
                           .tx_p99_ns = p99(without, RUN_LATENCY_TX) };

    c.rx_slowdown = more(w->rx.mpps, r->rx.mpps);
    c.tx_slowdown = more(w->tx.mpps, r->tx.mpps);
    c.rx_comparable = as_many(measured, without, RUN_LATENCY_RX);
    c.tx_comparable = as_many(measured, without, RUN_LATENCY_TX);
    c.rx_p99_added_ns = c.rx_comparable ? p99(measured, RUN_LATENCY_RX) - c.rx_p99_ns : 0;
    c.tx_p99_added_ns = c.tx_comparable ? p99(measured, RUN_LATENCY_TX) - c.tx_p99_ns : 0;
    return c;
}

bool churn_compare(const struct espnic_config *config, struct simulation *measured,
                   struct progress *progress, char *error, size_t error_size)
{
    struct simulation_options options = { .quiet = true,
                                          .free_requests = true,
                                          .warm_packets =
                                              simulation_results(measured)->warm_packets,
                                          .progress = progress,
                                          .inputs = simulation_inputs(measured) };
    struct simulation *s = simulation_create(config, &options, error, error_size);
    bool ok = s && simulation_run(s, error, error_size) == SIMULATION_DONE;

    if (ok) {
        struct run_churn found = compare(measured, s);

        simulation_note_churn(measured, &found);
    }
    if (s) {
        simulation_destroy(s);
    }
    return ok;
}
