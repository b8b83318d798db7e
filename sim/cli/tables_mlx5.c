/* mlx5: sequence numbers around 2^31 and 2^32, lifetimes, and what its driver refuses. */
#include <stdio.h>

#include "cli/validate_tables.h"

#define DRIVER  "Linux drivers/net/ethernet/mellanox/mlx5/core/en_accel/ipsec.c"
#define OFFLOAD "Linux drivers/net/ethernet/mellanox/mlx5/core/en_accel/ipsec_offload.c"
/* So that a second of 100 Gb/s is no more packets than needed. */
#define LONG_PACKETS                                                                               \
    "card.mac.mtu=65535B host.memory.tx_buffer=65536B card.ideal=pcie,tx_dma host.ideal=true"
#define HALF  (UINT64_C(1) << 31)
#define BLOCK (UINT64_C(1) << 32)

static const char group[] = "mlx5";

static const struct tables_figure exact = { .group = group,
                                            .kind = VALIDATION_COMPUTED,
                                            .source = DRIVER,
                                            .preset = "cx7-like",
                                            .sets = "",
                                            .settings = "" };

/* ---- numbers -------------------------------------------------------------------------------------- */

/* Packets with the numbers around `where`, which no host helps over; and requests made for that. */
static bool across(struct validation *v, struct bench *b, uint64_t where, uint64_t handle,
                   const char *what)
{
    struct esp_node node;
    unsigned accepted = 0;

    bench_node(&node, handle, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096 + (uint32_t)handle);
    bench_change(&node, BENCH_ESN);
    bench_change(&node, BENCH_WINDOW_64);
    node.sa[0].seq = where - 3;
    node.sa[0].seq_hi = (uint32_t)(node.sa[0].seq >> 32);
    if (!bench_add(b, &node)) {
        return false;
    }
    for (uint64_t n = where - 2; n <= where + 2; n++) {
        uint64_t before = b->delivered;

        if (!bench_receive(b, &node, n, false)) {
            return false;
        }
        accepted += b->delivered > before && b->verdict == HOST_OFFLOADED;
    }
    tables_add(v, &exact, "packets", 5, accepted, "received %s, of 5: accepted", what);
    return true;
}

static bool sent_across(struct validation *v, struct bench *b)
{
    struct esp_node node;
    double ignored;

    bench_node(&node, 10, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 5000);
    bench_change(&node, BENCH_ESN);
    if (!bench_add(b, &node) || !bench_flood(b, 100, 3, &ignored)) {
        return false;
    }
    tables_add(v, &exact, "", 3, b->number, "third packet sent: its number, as the first is 1");
    if (!bench_delete(b, 10)) {
        return false;
    }
    node.handle = 11;
    node.sa[0].spi = 5001;
    node.sa[0].seq = BLOCK - 2;
    if (!bench_add(b, &node) || !bench_flood(b, 100, 4, &ignored)) {
        return false;
    }
    tables_add(v, &exact, "", 1, b->number,
               "fourth packet from 2^32 - 2: lower half of its number");
    return true;
}

static bool add_numbers(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;

    if (!across(v, b, HALF, 1, "around 2^31") || !across(v, b, BLOCK, 2, "around 2^32") ||
        !across(v, b, 3 * BLOCK + HALF, 3, "around 3.5 x 2^32") || !sent_across(v, b)) {
        return false;
    }
    f.source = DRIVER ": the key manager has no part in it";
    tables_add(v, &f, "requests", 0,
               (double)host_statistics(b->host)->oid[HOST_OID_UPDATE].requests,
               "UPDATE_SA for all of these");
    return true;
}

/* How long half of the lower numbers last: from a short run at that rate, with all packets accepted. */
static bool add_half(struct validation *v, struct bench *b)
{
    enum { PACKETS = 20000 };
    struct tables_figure f = exact;
    struct esp_node node;
    uint8_t frame[BENCH_FRAME];
    uint64_t begin;
    uint64_t accepted;
    uint32_t length;

    bench_node(&node, 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096);
    bench_change(&node, BENCH_WINDOW_64);
    length = bench_seal(b, &node, 1, 64, frame);
    if (length == 0 || !bench_add(b, &node)) {
        return false;
    }
    begin = host_now(b->host) + 1000000;
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint64_t time = begin + i * UINT64_C(400000) / 9; /* 22.5 M/s */

        host_simulate(b->host, time);
        esp_put32(frame + 14 + ESP_IPV4_HEADER + 4, i + 1);
        if (!bench_arrive(b, 0, time, frame, length)) {
            return false;
        }
    }
    if (!bench_settle(b)) {
        return false;
    }
    accepted = nic_statistics(b->card)->rx.packets_out;
    f.source = OFFLOAD ": half of the lower numbers between two events; at 22.5 Mpps";
    f.settings = "host.ideal=true";
    f.tolerance = 1;
    tables_add(v, &f, "s", 95, (double)HALF * (PACKETS * 400000.0 / 9) / 1e12 / (double)accepted,
               "one SA at 22.5 Mpps, 20000 packets: 2^31 numbers last");
    return true;
}

/* ---- lifetimes -------------------------------------------------------------------------------------- */

static bool add_packet_limits(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;
    struct esp_node node;
    const struct nic_stats *s;

    bench_node(&node, 1, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 4096);
    node.sa[0].lifetime.soft_packets = 600;
    node.sa[0].lifetime.hard_packets = 1000;
    if (!bench_add(b, &node) || !bench_pour(b, 100, 1500, 0)) {
        return false;
    }
    s = nic_statistics(b->card);
    f.source = OFFLOAD ": the device counts packets itself, and drops at the hard limit";
    tables_add(v, &f, "packets", 1000, (double)b->wires,
               "hard limit of 1000 packets, of 1500: sent");
    tables_add(v, &f, "packets", 500, (double)s->tx.drop[NIC_DROP_EXPIRED],
               "... dropped as expired");
    f.source = OFFLOAD ": an event is armed once";
    tables_add(v, &f, "events", 1, (double)s->soft_limits, "... soft limit of 600: seen");
    return true;
}

/* The limit is reached at once, right after a look; until the next one a second later everything passes. */
static bool add_byte_limit(struct validation *v, struct bench *b)
{
    enum { LENGTH = 60000, A_FRAME = 4808000 /* ps: 100 Gb/s */, MORE_THAN_A_SECOND = 215000 };
    struct tables_figure f = exact;
    struct esp_node node;

    bench_node(&node, 1, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 4096);
    node.sa[0].lifetime.hard_bytes = LENGTH;
    if (!bench_add(b, &node) || !bench_pour(b, LENGTH, MORE_THAN_A_SECOND, A_FRAME)) {
        return false;
    }
    f.kind = VALIDATION_PREDICTED;
    f.source = DRIVER
        ": byte counters are looked at once a second; 100 Gb/s. Simulated: inner bytes of packets of "
        "60000, without what the wire needs beside them";
    f.settings = LONG_PACKETS;
    f.tolerance = 3;
    tables_add(v, &f, "GB", 12.5, (double)nic_table_statistics(b->card)->overshoot_bytes / 1e9,
               "beyond a hard limit in bytes, at most");
    f = exact;
    f.source = DRIVER ": at the limit the rule is turned into a drop";
    f.words = tables_no_yes;
    tables_add(v, &f, "", 1, nic_statistics(b->card)->tx.drop[NIC_DROP_EXPIRED] > 0,
               "... and then it drops");
    return true;
}

/* ---- events --------------------------------------------------------------------------------------------- */

#define EVENTS "card.sa.esn=events"

/* Through all numbers of a block, most of them lost: from each step to the next are less than 2^31. */
static bool add_events(struct validation *v, struct bench *b)
{
    static const uint64_t number[] = { HALF - 10, HALF + 200, BLOCK - 10, BLOCK + 200 };
    struct tables_figure f = exact;
    const struct nic_event_stats *events = &nic_statistics(b->card)->events;
    struct esp_node node;

    bench_node(&node, 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096);
    bench_change(&node, BENCH_ESN);
    bench_change(&node, BENCH_WINDOW_64);
    node.sa[0].seq = 5 * BLOCK + 200;
    node.sa[0].seq_hi = 5;
    if (!bench_add(b, &node)) {
        return false;
    }
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        if (!bench_receive(b, &node, 5 * BLOCK + number[i], false)) {
            return false;
        }
    }
    f.settings = EVENTS;
    tables_add(v, &f, "events", 2, (double)events->esn,
               "ESN events in 2^32 numbers: at 2^31, and where it wraps");
    f.source = DRIVER ", after the state was read, which is no command of the firmware";
    tables_add(v, &f, "commands", 2,
               (double)(events->modified + events->armed) / (double)events->esn,
               "firmware commands after an event: modify, arm again");
    f.source = DRIVER ": nothing is lost while the driver is in time";
    tables_add(v, &f, "packets", 4, (double)b->delivered, "... received meanwhile, of 4: accepted");
    return true;
}

/* One SA at 150 Mpps, on a card that has no limits of its own: how long the numbers last in which the event must be
 * armed again. What the host cannot take is dropped behind the numbers. */
#define FREE                                                                                       \
    "card.sa.esn=events card.sa.rmw=1 card.clock=1GHz card.mac.rate=400Gbps card.bus=512B "        \
    "card.ideal=wire,parser,sa_lookup,sa_memory,crypto,reorder,pcie,rx_dma host.ideal=true"

static bool add_window(struct validation *v, struct bench *b)
{
    enum { PACKETS = 30000 };
    struct tables_figure f = exact;
    const struct nic_stats *s = nic_statistics(b->card);
    struct esp_node node;
    uint8_t frame[BENCH_FRAME];
    uint32_t length;
    uint64_t begin;

    bench_node(&node, 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096);
    bench_change(&node, BENCH_WINDOW_64);
    bench_change(&node, BENCH_ESN);
    length = bench_seal(b, &node, 1, 20, frame);
    if (length == 0 || !bench_add(b, &node)) {
        return false;
    }
    begin = host_now(b->host) + 1000000;
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint64_t time = begin + i * UINT64_C(20000) / 3; /* 150 M/s */

        host_simulate(b->host, time);
        esp_put32(frame + 14 + ESP_IPV4_HEADER + 4, i + 1);
        if (!bench_arrive(b, 0, time, frame, length)) {
            return false;
        }
    }
    if (!bench_settle(b)) {
        return false;
    }
    f.source = DRIVER ". The card of the preset has at most 31 Mpps for one SA (card.sa.rmw)";
    f.settings = FREE;
    f.tolerance = 1;
    tables_add(v, &f, "s", 14.3,
               (double)HALF * (PACKETS * (20000.0 / 3)) / 1e12 / (double)s->rx.ipsec_passes,
               "re-arm within: half of the numbers at 150 Mpps");
    return true;
}

/* ---- limits in rounds --------------------------------------------------------------------------------- */

static void limited(struct esp_node *node, uint64_t handle, uint64_t soft, uint64_t hard)
{
    bench_node(node, handle, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 4096 + (uint32_t)handle);
    node->sa[0].lifetime.soft_packets = soft;
    node->sa[0].lifetime.hard_packets = hard;
}

/* A limit of two rounds and five packets has one round to be added, when less than one is left: where it is says how
 * long they are. */
#define ROUND "card.sa.table.round=2147483648"

static bool add_round(struct validation *v, struct bench *b)
{
    const uint64_t limit = BLOCK + 5;
    const struct nic_event_stats *events = &nic_statistics(b->card)->events;
    struct tables_figure f = exact;
    struct esp_node node;
    uint64_t first = 0;

    limited(&node, 1, 0, limit);
    if (!bench_add(b, &node)) {
        return false;
    }
    while (events->limit == 0 && first < 1000) {
        first++;
        if (!bench_pour(b, 100, 1, 0)) {
            return false;
        }
    }
    f.source = OFFLOAD ": bit 31 of a counter that goes down is set again";
    f.settings = ROUND;
    tables_add(v, &f, "packets", (double)HALF,
               events->rounds == 1 ? (double)(limit - (first - 1)) / 2 : 0,
               "a round of the packet counter");
    return true;
}

/* Rounds of 16 packets, every soft limit in the first five: the driver answers an event so many packets late. Are all
 * lives as long as they should be? */
#define LATE "card.sa.table.round=16 host.ideal=true host.oid.event_delay="

static bool lives(struct bench *b, bool *exactly)
{
    enum { HARD = 100, SENT = 120, SOFT = 80, EVERY = 10000000 /* ps */ };
    uint64_t before = b->wires;

    *exactly = true;
    for (uint64_t soft = 1; soft < SOFT && *exactly; soft++) {
        struct esp_node node;

        limited(&node, soft, soft, HARD);
        if (!bench_add(b, &node) || !bench_pour(b, 100, SENT, EVERY) || !bench_delete(b, soft)) {
            return false;
        }
        *exactly = b->wires == before + HARD;
        before = b->wires;
    }
    return true;
}

static bool add_distance(struct validation *v, char *error, size_t error_size)
{
    enum { MOST = 20, TIMES = 1 << 27 /* to rounds of 2^31 */ };
    struct tables_figure f = exact;
    bool exactly = true;
    unsigned late = 0;

    while (exactly && late < MOST) {
        char settings[160];
        struct bench b;

        late++;
        snprintf(settings, sizeof settings, LATE "%uus", late * 10);
        if (!bench_config(&b, exact.preset, "", settings) || !bench_open(&b, false) ||
            !lives(&b, &exactly)) {
            snprintf(error, error_size, "mlx5: %s", b.error);
            bench_close(&b);
            return false;
        }
        bench_close(&b);
    }
    f.source = OFFLOAD ". Simulated: the delay of the driver, in packets, from which on a limit is "
                       "not exact; rounds of 16 packets, times 2^27";
    f.settings = LATE "80us";
    tables_add(v, &f, "packets", (double)HALF / 2, (double)late * TIMES,
               "least distance of the soft threshold from zero");
    return true;
}

/* ---- what it refuses --------------------------------------------------------------------------------- */

static const struct tables_wish wishes[] = {
    { "SA: window of 32", BENCH_WINDOW_32, BENCH_DONE },
    { "SA: window of 64", BENCH_WINDOW_64, BENCH_DONE },
    { "SA: window of 128", BENCH_WINDOW_128, BENCH_DONE },
    { "SA: window of 256 (a code of two bits)", BENCH_WINDOW_256, BENCH_DONE },
    { "SA: window of 512", BENCH_WINDOW_512, BENCH_NOT_SUPPORTED },
    { "SA: window of 48", BENCH_WINDOW_48, BENCH_NOT_SUPPORTED },
    { "SA: ESN", BENCH_ESN, BENCH_DONE },
    { "SA: key of 256 bits", BENCH_KEY_256, BENCH_DONE },
    { "SA: ICV of 12", BENCH_ICV_12, BENCH_NOT_SUPPORTED },
    { "SA: AES-CBC", BENCH_CBC, BENCH_NOT_SUPPORTED },
    { "SA: AH", BENCH_AH, BENCH_NOT_SUPPORTED },
};

static bool add_wishes(struct validation *v, struct bench *b)
{
    return tables_wishes(v, b, &exact, wishes, sizeof wishes / sizeof wishes[0]);
}

/* ---- all --------------------------------------------------------------------------------------------------- */

bool tables_mlx5(struct validation *v, char *error, size_t error_size)
{
    static const struct {
        bool (*add)(struct validation *v, struct bench *b);
        bool functional;
        const char *settings;
    } parts[] = {
        { add_wishes, false, "" },
        { add_numbers, true, "" },
        { add_half, false, "host.ideal=true" },
        { add_packet_limits, false, "" },
        { add_byte_limit, false, LONG_PACKETS },
        { add_events, true, EVENTS },
        { add_window, false, FREE },
        { add_round, false, ROUND },
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct bench b;
        bool ok = bench_config(&b, exact.preset, "", parts[i].settings) &&
                  bench_open(&b, parts[i].functional) && parts[i].add(v, &b);

        if (!ok) {
            snprintf(error, error_size, "mlx5: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    return add_distance(v, error, error_size);
}
