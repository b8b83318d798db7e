/* The whole configuration of a run: one struct, one list of parameter groups.
 *
 * Groups "workload", "stop" and "outputs" are of this file; "card" and "host" come from the
 * modules that they configure. */
#ifndef ESPNIC_CLI_CONFIG_H
#define ESPNIC_CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/describe.h"
#include "host/config.h"
#include "nic/config.h"

struct scenario;

enum { CONFIG_PATH = 1024, CONFIG_TEXT = 256 };

enum workload_preload { PRELOAD_AUTO, PRELOAD_ON, PRELOAD_OFF };

/* What is done to the card. Empty names: no such input. */
struct workload_config {
    char oids[CONFIG_PATH];
    char tx[NIC_MAX_PORTS][CONFIG_PATH]; /* by port */
    char rx[NIC_MAX_PORTS][CONFIG_PATH];
    char tx_filter[CONFIG_TEXT];
    char rx_filter[CONFIG_TEXT];
    char pace[CONFIG_TEXT]; /* see offer_parse */
    char load[CONFIG_TEXT];
    uint64_t loop;
    uint32_t preload; /* enum workload_preload */
    bool skip_bad;
    bool strict;
    bool timing_only;
};

enum traffic_order { TRAFFIC_CYCLIC, TRAFFIC_RANDOM };

/* Packets made in memory instead of read: see synthesis.h. */
struct traffic_config {
    char profile[1024]; /* empty: none */
    uint32_t tunnels;   /* that packets belong to */
    uint32_t installed; /* tunnels whose SAs the card has, 0: these */
    uint32_t order;     /* enum traffic_order */
    uint32_t vlan;      /* of clear frames that arrive */
    uint64_t seed;
};

/* What befalls the card at a given time, beside what a recording says. */
struct faults_config {
    uint64_t reset_at;   /* ps from t = 0, 0: no reset */
    uint64_t reset_hold; /* ps from its begin to its end, 0: as host.reset_hold says */
};

struct stop_config {
    uint64_t warmup;  /* ps from the first arrival: not in rates, loss, latencies */
    uint64_t time;    /* ps, 0: no limit */
    uint64_t packets; /* 0: no limit */
};

/* Empty names: not written. */
struct outputs_config {
    char report[CONFIG_PATH];
    char csv[CONFIG_PATH];
    char tx_out[CONFIG_PATH]; /* all ports */
    char rx_out[CONFIG_PATH];
    char port_tx_out[NIC_MAX_PORTS][CONFIG_PATH];
    char port_rx_out[NIC_MAX_PORTS][CONFIG_PATH];
    char series[CONFIG_PATH];
    char series_columns[1024]; /* see series_open */
    uint64_t interval;         /* ps */
    char timeline[CONFIG_PATH];
    uint64_t timeline_from, timeline_to; /* ps; to 0: no end */
    uint64_t timeline_events;
};

struct espnic_config {
    struct nic_config card;
    struct host_config host;
    struct workload_config workload;
    struct traffic_config traffic;
    struct faults_config faults;
    struct stop_config stop;
    struct outputs_config outputs;
};

/* All groups, with offsets into struct espnic_config. The same array on every call. */
const struct param_group *espnic_param_groups(size_t *count);

/* How fast packets are offered. */
enum offer_kind {
    OFFER_RECORDED, /* as stamped */
    OFFER_SCALED,   /* stamps divided by numerator / denominator: "1.5x" is half as fast again */
    OFFER_RATE,     /* frames back to back at so many bits per second */
    OFFER_MAX       /* as fast as the card takes them; only for workload.load */
};

struct offer {
    enum offer_kind kind;
    uint32_t numerator, denominator; /* OFFER_SCALED: speed, each 1 to 10^9 */
    uint64_t bps;                    /* OFFER_RATE, > 0 */
};

/* "recorded", "1.5x", "40Gbps" or "max". False with a sentence in `error`. */
bool offer_parse(const char *text, struct offer *offer, char *error, size_t error_size);

/* What the tables cannot say: pace and load parse, outputs that need each other. False with the
 * place and a sentence in s->error. */
bool espnic_config_check(struct scenario *s);

/* Files belong to ports that the card has. False with "key: sentence" in `error`. */
bool espnic_config_ports(const struct espnic_config *config, char *error, size_t error_size);

#endif
