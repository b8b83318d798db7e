#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scenario.h"
#include "cli/synthesis.h"
#include "engine/nearest.h"

#define TEXT(type_, field_, kind_, def_, help_)                                                    \
    {                                                                                              \
        .name = #field_, .type = (kind_), PARAM_AT(type_, field_), .def_string = (def_),           \
        .help = (help_)                                                                            \
    }
#define NUMBER(type_, field_, kind_, def_, min_, max_, help_)                                      \
    {                                                                                              \
        .name = #field_, .type = (kind_), PARAM_AT(type_, field_), .def = (def_), .min = (min_),   \
        .max = (max_), .help = (help_)                                                             \
    }
#define PARAM_AT(type_, field_)                                                                    \
    .offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_)
#define FILE_OF(type_, field_, help_) TEXT(type_, field_, PARAM_PATH, "", help_)
#define PORT_FILE(name_, type_, field_, port_, help_)                                              \
    {                                                                                              \
        .name = (name_), .type = PARAM_PATH,                                                       \
        .offset =                                                                                  \
            offsetof(struct type_, field_) + (port_) * sizeof(((struct type_ *)0)->field_[0]),     \
        .size = sizeof(((struct type_ *)0)->field_[0]), .def_string = "", .help = (help_)          \
    }
#define FLAG(type_, field_, help_) NUMBER(type_, field_, PARAM_BOOL, 0, 0, 1, help_)

static const uint64_t second = 1000000000000; /* ps */

static const char *const preloads[] = { "auto", "on", "off", NULL };

static const struct param workload_params[] = {
    FILE_OF(workload_config, oids, "recording of SA control requests (.jsonl)"),
    PORT_FILE("tx", workload_config, tx, 0,
              "capture of clear packets that the host sends by port 0"),
    PORT_FILE("tx1", workload_config, tx, 1, "the same for port 1"),
    PORT_FILE("tx2", workload_config, tx, 2, "the same for port 2"),
    PORT_FILE("tx3", workload_config, tx, 3, "the same for port 3"),
    PORT_FILE("rx", workload_config, rx, 0, "capture of packets that arrive on the wire of port 0"),
    PORT_FILE("rx1", workload_config, rx, 1, "the same for port 1"),
    PORT_FILE("rx2", workload_config, rx, 2, "the same for port 2"),
    PORT_FILE("rx3", workload_config, rx, 3, "the same for port 3"),
    TEXT(workload_config, tx_filter, PARAM_STRING, "",
         "which packets of tx are taken, in libpcap's filter language"),
    TEXT(workload_config, rx_filter, PARAM_STRING, "",
         "which packets of rx are taken, in libpcap's filter language"),
    TEXT(workload_config, pace, PARAM_STRING, "recorded",
         "spacing of packets: recorded, a factor of the recorded speed (1.5x) or a rate (40Gbps)"),
    TEXT(workload_config, load, PARAM_STRING, "recorded",
         "offered load: recorded (as pace says), max (as fast as the card takes it) or a rate"),
    NUMBER(workload_config, loop, PARAM_U64, 1, 1, 1000000000,
           "how many times the captures are played, one after the other"),
    { .name = "preload",
      .type = PARAM_ENUM,
      PARAM_AT(workload_config, preload),
      .def = PRELOAD_AUTO,
      .max = PRELOAD_OFF,
      .choices = preloads,
      .help = "SAs added at or before the first packet are there before time starts: auto (if the "
              "recording gives no epoch), on, off" },
    FLAG(workload_config, skip_bad, "count and skip damaged records instead of stopping"),
    FLAG(workload_config, strict, "a recording that breaks a rule of the interface is bad input"),
    FLAG(workload_config, timing_only, "lengths only: no cryptography, no contents"),
};

static const char *const orders[] = { "cyclic", "random", NULL };

static const struct param traffic_params[] = {
    TEXT(
        traffic_config, profile, PARAM_STRING, "",
        "packets made in memory for every port, half of them clear and half ESP: six-bucket, mno, mno-mixed, or "
        "words SIZE:PACKETS_PER_SECOND; scaled to workload.load (line rate); needs timing_only and a stop"),
    NUMBER(
        traffic_config, tunnels, PARAM_U32, 200, 1, 1 << 23,
        "tunnels that the packets belong to, dealt out to the ports; each has an outbound and an inbound SA"),
    NUMBER(traffic_config, installed, PARAM_U32, 0, 0, 1 << 23,
           "tunnels whose SAs are on the card, traffic or not; 0: as many as have traffic"),
    { .name = "order",
      .type = PARAM_ENUM,
      PARAM_AT(traffic_config, order),
      .def = TRAFFIC_CYCLIC,
      .max = TRAFFIC_RANDOM,
      .choices = orders,
      .help =
          "how each stream (size, direction, port) walks over its tunnels: one after the other, or at random" },
    NUMBER(traffic_config, vlan, PARAM_U32, 100, 0, 4094,
           "VLAN tag of clear frames that arrive; 0: none"),
    NUMBER(traffic_config, seed, PARAM_U64, 1, 0, 0, "seed of phases and of random order"),
};

static const struct param reset_params[] = {
    { .name = "at",
      .type = PARAM_TIME,
      PARAM_AT(faults_config, reset_at),
      .max = 1000000 * second,
      .help =
          "the host resets the card at this simulated time, as at a recorded reset_begin; 0: never. "
          "card.sa.reset_wipes says what becomes of the SAs" },
    { .name = "hold",
      .type = PARAM_TIME,
      PARAM_AT(faults_config, reset_hold),
      .max = 1000000 * second,
      .help = "from its begin to its end; 0: the driver ends it after host.reset_hold" },
};

static const struct param stop_params[] = {
    NUMBER(
        stop_config, warmup, PARAM_TIME, 0, 0, 1000000 * second,
        "simulated time after the first arrival that does not count in rates, loss, latencies; 0: everything counts"),
    NUMBER(stop_config, time, PARAM_TIME, 0, 0, 1000000 * second,
           "stop at this simulated time; 0: at the end of the inputs"),
    NUMBER(stop_config, packets, PARAM_U64, 0, 0, 0,
           "stop after so many packets of both directions; 0: no limit"),
};

static const struct param outputs_params[] = {
    FILE_OF(outputs_config, report, "JSON report; - is stdout"),
    FILE_OF(outputs_config, csv, "report as CSV: a line of names and a line of values"),
    FILE_OF(outputs_config, tx_out, "capture of what left on the wire"),
    FILE_OF(outputs_config, rx_out, "capture of what the host received"),
    PORT_FILE("tx_out0", outputs_config, port_tx_out, 0, "of what left by port 0 alone"),
    PORT_FILE("tx_out1", outputs_config, port_tx_out, 1, "of what left by port 1"),
    PORT_FILE("tx_out2", outputs_config, port_tx_out, 2, "of what left by port 2"),
    PORT_FILE("tx_out3", outputs_config, port_tx_out, 3, "of what left by port 3"),
    PORT_FILE("rx_out0", outputs_config, port_rx_out, 0, "of what the host received from port 0"),
    PORT_FILE("rx_out1", outputs_config, port_rx_out, 1, "of what the host received from port 1"),
    PORT_FILE("rx_out2", outputs_config, port_rx_out, 2, "of what the host received from port 2"),
    PORT_FILE("rx_out3", outputs_config, port_rx_out, 3, "of what the host received from port 3"),
    FILE_OF(outputs_config, series, "CSV of counters, a line for every interval"),
    TEXT(outputs_config, series_columns, PARAM_STRING, "tx.packets_out,rx.packets_out",
         "counters in the series: paths separated by commas, * for any characters"),
    NUMBER(outputs_config, interval, PARAM_TIME, second / 10000, 1000, 1000 * second,
           "simulated time from one line of the series to the next"),
    FILE_OF(outputs_config, timeline, "trace events for ui.perfetto.dev"),
    NUMBER(outputs_config, timeline_from, PARAM_TIME, 0, 0, 0, "begin of the timeline"),
    NUMBER(outputs_config, timeline_to, PARAM_TIME, 0, 0, 0, "end of the timeline; 0: the run's"),
    NUMBER(outputs_config, timeline_events, PARAM_U64, 1000000, 1, 0,
           "most events in the timeline; those beyond are counted"),
};

static const struct param_group own_groups[] = {
    { "workload", "what is done to the card", offsetof(struct espnic_config, workload),
      workload_params, PARAM_COUNT(workload_params) },
    { "traffic", "packets made in memory instead of read", offsetof(struct espnic_config, traffic),
      traffic_params, PARAM_COUNT(traffic_params) },
    { "faults.reset", "a reset of the card", offsetof(struct espnic_config, faults), reset_params,
      PARAM_COUNT(reset_params) },
    { "stop", "when the run ends", offsetof(struct espnic_config, stop), stop_params,
      PARAM_COUNT(stop_params) },
    { "outputs", "files that are written", offsetof(struct espnic_config, outputs), outputs_params,
      PARAM_COUNT(outputs_params) },
};

enum { MAX_GROUPS = 128 };

/* Append groups of a module whose struct lies at `offset` in the whole. */
static size_t append(struct param_group *all, size_t used, const struct param_group *groups,
                     size_t count, size_t offset)
{
    if (used + count > MAX_GROUPS) {
        fputs("espnic: internal error: too many groups of parameters\n", stderr);
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        all[used + i] = groups[i];
        all[used + i].offset += offset;
    }
    return used + count;
}

const struct param_group *espnic_param_groups(size_t *count)
{
    static struct param_group all[MAX_GROUPS];
    static size_t used;
    if (used == 0) {
        size_t cards;
        const struct param_group *card = nic_param_groups(&cards);

        used = append(all, used, card, cards, offsetof(struct espnic_config, card));
        used = append(all, used, host_param_groups, host_param_group_count,
                      offsetof(struct espnic_config, host));
        used = append(all, used, own_groups, PARAM_COUNT(own_groups), 0);
    }
    *count = used;
    return all;
}

/* "1.5x": numerator and denominator of the factor, exactly. */
static bool parse_factor(const char *text, struct offer *offer)
{
    uint32_t numerator = 0;
    uint32_t denominator = 1;
    bool point = false;
    size_t digits = 0;
    size_t i = 0;
    for (; (text[i] >= '0' && text[i] <= '9') || (text[i] == '.' && !point); i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        numerator = numerator * 10 + (uint32_t)(text[i] - '0');
        denominator *= point ? 10 : 1;
        if (++digits > 9) {
            return false;
        }
    }
    offer->kind = OFFER_SCALED;
    offer->numerator = numerator;
    offer->denominator = denominator;
    return numerator > 0 && strcmp(text + i, "x") == 0;
}

bool offer_parse(const char *text, struct offer *offer, char *error, size_t error_size)
{
    *offer = (struct offer){ .kind = OFFER_RECORDED, .numerator = 1, .denominator = 1 };
    if (strcmp(text, "recorded") == 0) {
        return true;
    }
    if (strcmp(text, "max") == 0) {
        offer->kind = OFFER_MAX;
        return true;
    }
    if (parse_factor(text, offer)) {
        return true;
    }
    char why[256];
    *offer = (struct offer){ .kind = OFFER_RATE, .numerator = 1, .denominator = 1 };
    if (quantity_parse(PARAM_RATE, text, &offer->bps, why, sizeof why) && offer->bps > 0) {
        return true;
    }
    char shown[64];
    snprintf(error, error_size,
             "found \"%s\", expected recorded, max, a factor such as 1.5x or a rate such as 40Gbps",
             nearest_shown(text, shown));
    return false;
}

static bool check_pace(struct scenario *s, const char *path, const char *text, bool max_allowed,
                       bool factor_allowed)
{
    char why[256] = "";
    struct offer offer;
    bool good = offer_parse(text, &offer, why, sizeof why);
    if (good && offer.kind == OFFER_MAX && !max_allowed) {
        snprintf(why, sizeof why, "found \"max\", expected recorded, a factor or a rate");
        good = false;
    }
    if (good && offer.kind == OFFER_SCALED && !factor_allowed) {
        snprintf(why, sizeof why, "found a factor, expected recorded, max or a rate");
        good = false;
    }
    if (!good) {
        snprintf(s->error, sizeof s->error, "%s: %s: %s", scenario_place(s, path), path, why);
    }
    return good;
}

bool espnic_config_ports(const struct espnic_config *c, char *error, size_t error_size)
{
    for (unsigned p = c->card.general.ports; p < NIC_MAX_PORTS; p++) {
        const struct {
            const char *name, *file;
        } files[] = { { "workload.tx", c->workload.tx[p] },
                      { "workload.rx", c->workload.rx[p] },
                      { "outputs.tx_out", c->outputs.port_tx_out[p] },
                      { "outputs.rx_out", c->outputs.port_rx_out[p] } };

        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            if (files[i].file[0] != '\0') {
                snprintf(error, error_size,
                         "%s%u: found a file for port %u, but the card has %u (card.ports)",
                         files[i].name, p, p, c->card.general.ports);
                return false;
            }
        }
    }
    return true;
}

bool espnic_config_check(struct scenario *s)
{
    const struct espnic_config *config = s->config;
    char why[256];

    if (!synthesis_profile_check(config->traffic.profile, why, sizeof why)) {
        snprintf(s->error, sizeof s->error, "%s: traffic.profile: %s",
                 scenario_place(s, "traffic.profile"), why);
        return false;
    }
    if (!check_pace(s, "workload.pace", config->workload.pace, false, true) ||
        !check_pace(s, "workload.load", config->workload.load, true, false)) {
        return false;
    }
    const struct outputs_config *out = &config->outputs;
    if (out->timeline_to != 0 && out->timeline_to <= out->timeline_from) {
        snprintf(s->error, sizeof s->error,
                 "%s: outputs.timeline_to: found a time not after outputs.timeline_from",
                 scenario_place(s, "outputs.timeline_to"));
        return false;
    }
    return true;
}
