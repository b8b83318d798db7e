/* What 10 M connections need: bytes of context, and SAs added in a second. */
#include <stdio.h>

#include "cli/validate_tables.h"

#define PSP "Google PSP announcement (2022)"

static const char group[] = "sizing";

enum { CONNECTIONS = 4000, WANTED = 10000000, REQUESTS = 400 };

/* The n-th connection: its SA of this direction. */
static void connection(struct esp_node *node, uint32_t n, bool in)
{
    bench_node(node, 2ull * n + 1 + in, in ? ESP_DIR_IN : ESP_DIR_OUT, ESP_ALG_AES_GCM_128,
               4096 + n);
    if (!in) {
        node->sel.has_src = true;
        node->sel.src = (struct esp_prefix){ .address = { .family = 4 }, .length = 32 };
        esp_put32(node->sel.src.address.bytes, BENCH_CLIENT + n);
    }
}

/* ---- bytes --------------------------------------------------------------------------------------- */

static bool preload(struct bench *b)
{
    for (uint32_t n = 0; n < 2 * CONNECTIONS; n++) {
        struct esp_node node;
        enum sa_reason reason;

        connection(&node, n / 2, n % 2);
        if (!host_preload_add(b->host, &node, &reason)) {
            return bench_fail(b, "an SA was refused: %s", sa_reason_name(reason));
        }
    }
    return true;
}

/* A packet each way with every connection. */
static bool use_each(struct bench *b)
{
    for (uint32_t n = 0; n < CONNECTIONS; n++) {
        struct esp_node node;
        struct espnic_frame clear = { .bytes = b->frame };

        connection(&node, n, true);
        clear.captured = clear.length = bench_clear(n, 64, b->frame);
        if (!host_tx(b->host, host_now(b->host) + 100000, 0, &clear)) {
            return bench_fail(b, "a packet came too late");
        }
        if (!bench_receive(b, &node, 1, false)) {
            return false;
        }
    }
    return b->wires == CONNECTIONS && b->verdict == HOST_OFFLOADED
               ? true
               : bench_fail(b, "not every packet went by the card");
}

/* Payload that went down the link for that. */
static bool bytes_down(const char *sets, double *bytes, char *error, size_t error_size)
{
    struct bench b;
    bool ok = bench_config(&b, "generic-100g", sets, "") && bench_open(&b, false) && preload(&b) &&
              use_each(&b);

    if (ok) {
        *bytes = (double)nic_pcie_payload(b.card, 1);
    } else {
        snprintf(error, error_size, "sizing: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

/* Contexts come down in one of two cards that differ in nothing else. */
static bool add_bytes(struct validation *v, char *error, size_t error_size)
{
    const struct tables_figure f = {
        .group = group,
        .kind = VALIDATION_COMPUTED,
        .source = PSP ": 256 B for each direction, 10 M connections. Simulated: 4000 "
                      "connections, each used once each way; bytes down the link, less "
                      "those with contexts on the chip; x 2500",
        .preset = "generic-100g",
        .sets = "host-memory",
        .settings = ""
    };
    double with;
    double without;

    if (!bytes_down("host-memory", &with, error, error_size) ||
        !bytes_down("", &without, error, error_size)) {
        return false;
    }
    tables_add(v, &f, "GB", 5.12, (with - without) / CONNECTIONS * WANTED / 1e9,
               "contexts of 10 M connections");
    return true;
}

/* ---- rate ----------------------------------------------------------------------------------------- */

/* A new connection every 10 us: one request for both of its SAs. */
static bool connect_all(struct bench *b, double *per_second)
{
    uint64_t begin = host_now(b->host) + 1000000;

    for (uint32_t n = 0; n < REQUESTS; n++) {
        struct esp_node node[2];

        connection(&node[0], n, false);
        connection(&node[1], n, true);
        if (!host_oid_add(b->host, begin + n * UINT64_C(10000000), node, 2, false, n + 1, 0)) {
            return bench_fail(b, "a request came too late");
        }
    }
    if (!bench_settle(b)) {
        return false;
    }
    *per_second = (double)b->oids_good / ((double)(b->oid.time - begin) / 1e12);
    return b->oids_good == REQUESTS ? true : bench_fail(b, "an SA was refused");
}

/* Payload that went up the link for that. */
static bool bytes_up(const char *sets, double *bytes, char *error, size_t error_size)
{
    struct bench b;
    double rate;
    bool ok = bench_config(&b, "generic-100g", sets, "") && bench_open(&b, false) &&
              connect_all(&b, &rate);

    if (ok) {
        *bytes = (double)nic_pcie_payload(b.card, 0);
    } else {
        snprintf(error, error_size, "sizing: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

/* Contexts go up from one of two cards that differ in nothing else. */
static bool add_written(struct validation *v, char *error, size_t error_size)
{
    const struct tables_figure f = {
        .group = group,
        .kind = VALIDATION_COMPUTED,
        .source = PSP
        ": 2 x 256 B each, 100 k new connections/s. Simulated: bytes up the link, less those with contexts on "
        "the chip, for each connection; x 100 k/s",
        .preset = "generic-100g",
        .sets = "host-memory",
        .settings = ""
    };
    double with;
    double without;

    if (!bytes_up("host-memory", &with, error, error_size) ||
        !bytes_up("", &without, error, error_size)) {
        return false;
    }
    tables_add(v, &f, "MB/s", 51.2, (with - without) / REQUESTS * 100000 / 1e6,
               "contexts written for 100 k new connections/s");
    return true;
}

static bool add_rate(struct validation *v, const char *preset, const struct validation_shape *shape,
                     const char *source, char *error, size_t error_size)
{
    struct tables_figure f = { .group = group,
                               .kind = VALIDATION_PREDICTED,
                               .source = source,
                               .preset = preset,
                               .sets = "",
                               .settings = "",
                               .tolerance = 1,
                               .shape = shape };
    struct bench b;
    double rate = 0;
    bool ok = bench_config(&b, preset, "", "") && bench_open(&b, false) && connect_all(&b, &rate);

    if (ok) {
        tables_add(v, &f, "k/s", 100, rate / 1000, "%s: new connections, of 100 k/s asked for",
                   preset);
    } else {
        snprintf(error, error_size, "sizing: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

bool tables_sizing(struct validation *v, char *error, size_t error_size)
{
    static const struct validation_shape modest = { 0, 50 };

    if (!add_bytes(v, error, error_size) ||
        !add_rate(v, "generic-100g", NULL, PSP ": 100 k new connections/s are needed", error,
                  error_size) ||
        !add_rate(v, "cx7-like", &modest,
                  PSP ": cards with tables of SAs take far fewer; the firmware's times are assumed",
                  error, error_size)) {
        return false;
    }
    return add_written(v, error, error_size);
}
