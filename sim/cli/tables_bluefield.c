/* BlueField-3 as a gateway: what IPsec costs where forwarding is the limit, and many tunnels. */
#include <stdio.h>

#include "cli/validate_cx7.h"
#include "cli/validate_tables.h"

#define SOURCE "acassen/fastswan, Nvidia-Bluefield-3-Benchmark"

static const char group[] = "bluefield";

/* ---- Test 1: 500 tunnels, forwarding by the cores --------------------------------------------------- */

enum { FRAMES = 40000, L3 = 1044, FLOWS = 240, FRAME_PS = 90000 /* near the line rate */ };

/* Clear packets come in on one port or two, faster than the cores forward them, and leave by the other; with `ipsec`
 * under an SA. *mpps: what leaves. */
static bool gateway(struct bench *b, unsigned ports, bool ipsec, double *mpps)
{
    struct esp_node node;
    uint8_t frame[BENCH_FRAME];
    uint64_t begin;

    bench_node(&node, 1, ESP_DIR_OUT, ESP_ALG_AES_GCM_256, 4096);
    if (ipsec && !bench_add(b, &node)) {
        return false;
    }
    begin = host_now(b->host) + 1000000;
    b->wire_mark = b->wires + FRAMES / 8;
    for (unsigned i = 0; i < FRAMES; i++) {
        uint64_t time = begin + i / ports * (uint64_t)FRAME_PS;
        uint32_t length = bench_clear(i % FLOWS, L3, frame);

        host_simulate(b->host, time);
        if (!bench_arrive(b, i % ports, time, frame, length)) {
            return false;
        }
    }
    if (b->wires <= b->wire_mark + 1) {
        return bench_fail(b, "nothing was forwarded");
    }
    if (nic_statistics(b->card)->rx.drop[NIC_DROP_RX_NO_DESCRIPTOR] == 0 ||
        (nic_statistics(b->card)->tx.ipsec_passes > 0) != ipsec) {
        return bench_fail(b, "the cores are not the limit, or packets went another way");
    }
    *mpps = (double)(b->wires - 1 - b->wire_mark) / (double)(b->wire_last - b->wire_marked) * 1e6;
    return bench_settle(b);
}

static bool add_test_1(struct validation *v, char *error, size_t error_size)
{
    static const struct validation_shape little = { 0.8, 1.05 };
    static const struct validation_shape more = { 1.1, 2 };
    struct tables_figure f = { .group = group,
                               .kind = VALIDATION_PREDICTED,
                               .source = SOURCE
                               ", Test 1: 72.23 Gb/s (IPsec, LPM and FIB) of 76.54 (plain)",
                               .preset = "cx7-like",
                               .sets = "cores",
                               .settings = "",
                               .shape = &little };
    double mpps[2][2]; /* ports, IPsec */

    for (unsigned i = 0; i < 4; i++) {
        struct bench b;
        bool ok = bench_config(&b, f.preset, f.sets, "") && bench_open(&b, false) &&
                  gateway(&b, 1 + i / 2, i % 2, &mpps[i / 2][i % 2]);

        if (!ok) {
            snprintf(error, error_size, "bluefield: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    tables_add(v, &f, "", 72.23 / 76.54, mpps[0][1] / mpps[0][0],
               "Test 1, one way: IPsec over plain");
    f.source = SOURCE ", Test 1: 115.27 Gb/s (IPsec, LPM and FIB) of 114.99 (plain)";
    tables_add(v, &f, "", 115.27 / 114.99, mpps[1][1] / mpps[1][0],
               "Test 1, both ways: IPsec over plain");
    f.kind = VALIDATION_MISSED;
    f.source = SOURCE
        ", Test 1: 114.99 Gb/s (both ways) and 76.54 (one). Here all cores serve both ports, so that one "
        "way uses them up; what else limits the device one way is not known";
    f.shape = &more;
    tables_add(v, &f, "", 114.99 / 76.54, mpps[1][0] / mpps[0][0],
               "Test 1, plain: both ways over one way");
    return true;
}

/* ---- Test 4: tunnels ---------------------------------------------------------------------------------- */

static bool add_test_4(struct validation *v, char *error, size_t error_size)
{
    static const struct validation_shape falls = { 0, 0.98 };
    static const struct {
        uint32_t tunnels;
        double published; /* Gb/s */
    } points[] = { { 500, 137.84 }, { 2000, 126.04 }, { 4000, 110.64 }, { 8000, 97.86 } };
    double before = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct cx7_workload w = { .profile = "mno",
                                  .tunnels = points[i].tunnels,
                                  .cache = true,
                                  .offered = 1,
                                  .packets = 60000 };
        struct cx7_outcome o;
        char text[200];
        const struct tables_figure f = { .group = group,
                                         .kind = VALIDATION_PREDICTED,
                                         .source = SOURCE ", Test 4",
                                         .preset = "cx7-like",
                                         .sets = "",
                                         .settings = text,
                                         .shape = &falls };

        if (!cx7_simulate(&w, &o, text, sizeof text, error, error_size)) {
            return false;
        }
        if (i > 0) {
            tables_add(v, &f, "", points[i].published / points[i - 1].published,
                       o.received / before, "Test 4: %u tunnels over %u", points[i].tunnels,
                       points[i - 1].tunnels);
        }
        before = o.received;
    }
    return true;
}

bool tables_bluefield(struct validation *v, char *error, size_t error_size)
{
    return add_test_1(v, error, error_size) && add_test_4(v, error, error_size);
}
