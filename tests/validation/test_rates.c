/* Rates that can be worked out by hand: with every other block idealised, the simulated card reaches what
 * the formula of its one limit says, within 1 %. */
#include "cli/bottleneck.h"
#include "cli/scenario.h"
#include "uniform.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS = 20, TEXT = 320 };

/* One run: what it is set to, beside a generic card that is fed as fast as it takes packets. */
struct measurement {
    struct uniform traffic;
    const char *way;  /* "rx" or "tx" */
    const char *file; /* of the folder: "rx.pcap", "tx.pcap" */
    bool no_sas;
    const char *ideal; /* "card.ideal=...": every block but the one measured */
    char set[SETTINGS][TEXT];
    unsigned settings;
};

__attribute__((format(printf, 2, 3))) static void set(struct measurement *m, const char *format,
                                                      ...)
{
    va_list args;

    ck_assert_uint_lt(m->settings, SETTINGS);
    va_start(args, format);
    vsnprintf(m->set[m->settings++], TEXT, format, args);
    va_end(args);
}

static void resolve(struct espnic_config *config, struct measurement *m, const char *folder)
{
    struct scenario s;
    struct scenario_setting settings[SETTINGS];
    size_t n;
    const struct param_group *groups = espnic_param_groups(&n);

    if (!m->no_sas) {
        set(m, "workload.oids=%s/sas.jsonl", folder);
    }
    set(m, "workload.%s=%s/%s", m->way, folder, m->file);
    set(m, "%s", m->ideal);
    set(m, "preset=generic-100g");
    set(m, "workload.load=max");
    set(m, "workload.timing_only=true");
    set(m, "host.ideal=true");
    for (unsigned i = 0; i < m->settings; i++) {
        settings[i] = (struct scenario_setting){ "--set", m->set[i] };
    }
    scenario_init(&s, groups, n, config);
    ck_assert_msg(scenario_resolve(&s, NULL, settings, m->settings) && espnic_config_check(&s),
                  "%s", s.error);
    scenario_free(&s);
}

/* Packets per second, both directions (one is empty). */
static double measure(struct measurement *m)
{
    static struct espnic_config config;
    struct simulation_options options = { .quiet = true };
    const char *folder = uniform_make(&m->traffic);
    char error[SIMULATION_ERROR];
    const struct run_results *r;
    struct simulation *s;
    double mpps;

    resolve(&config, m, folder);
    s = simulation_create(&config, &options, error, sizeof error);
    ck_assert_msg(s != NULL, "%s", error);
    ck_assert_msg(simulation_run(s, error, sizeof error) == SIMULATION_DONE, "%s", error);
    uniform_remove(folder);
    r = simulation_results(s);
    ck_assert_uint_gt(r->work.packets, 500);
    ck_assert_uint_eq(r->rx.packets_in + r->tx.packets_in, r->rx.packets_out + r->tx.packets_out);
    mpps = r->rx.mpps + r->tx.mpps;
    simulation_destroy(s);
    return mpps * 1e6;
}

static void compare(const char *what, double simulated, double formula)
{
    printf("%-44s %10.4f Mpps, formula %10.4f, error %+.3f %%\n", what, simulated / 1e6,
           formula / 1e6, (simulated / formula - 1) * 100);
    fflush(stdout);
    ck_assert_msg(fabs(simulated / formula - 1) < 0.01, "%s: simulated %.4f Mpps, formula %.4f",
                  what, simulated / 1e6, formula / 1e6);
}

#define RX_IDEAL "parser,sa_lookup,replay_check,reorder,replay_update,decapsulate,rx_dma"
#define TX_IDEAL "sa_fetch,sequence,encapsulate,reorder,tx_dma"

/* ---- wire: rate / 8 / (frame + FCS + preamble + gap), IEEE 802.3 ------------------------------------ */

START_TEST(wire)
{
    static const uint32_t sizes[] = { 64, 128, 594, 1518 }; /* with FCS */
    uint32_t size = sizes[_i / 2];
    bool tx = _i % 2;
    struct measurement m = { .traffic = { .sas = 64, .packets = 4096, .inner = size - 4 - 14 },
                             .way = tx ? "tx" : "rx",
                             .file = "tx.pcap",
                             .no_sas = true,
                             .ideal = tx ? "card.ideal=crypto,pcie," TX_IDEAL
                                         : "card.ideal=crypto,pcie," RX_IDEAL };
    char what[80];

    set(&m, "host.tx.no_match=clear"); /* no SAs: clear packets pass as they are */
    set(&m, "workload.loop=4");
    set(&m, "stop.warmup=%s", size < 1000 ? "5us" : "50us");
    snprintf(what, sizeof what, "wire %s, 100 Gb/s, %u bytes", tx ? "TX" : "RX", size);
    compare(what, measure(&m), 100e9 / 8 / (size + 20));
}
END_TEST

/* ---- crypto: e * f / (ceil(P / w) + c), P = payload + padding + 2 ------------------------------------- */

/* The published table at 500 MHz with one engine, Mpps to a decimal; -1: not in it. */
static const struct {
    uint32_t inner;
    double mpps[6]; /* 16, 32, 64 bytes a cycle, each with c = 0 and c = 3 */
} table[] = {
    { 46, { 166.7, 83.3, 250.0, 100.0, 500.0, 125.0 } },
    { 64, { 100.0, 62.5, 166.7, 83.3, 250.0, 100.0 } },
    { 128, { 55.6, 41.7, 100.0, 62.5, 166.7, 83.3 } },
    { 256, { 29.4, 25.0, 55.6, 41.7, 100.0, 62.5 } },
    { 512, { 15.2, 13.9, 29.4, 25.0, 55.6, 41.7 } },
    { 1024, { 7.7, 7.4, 15.2, 13.9, 29.4, 25.0 } },
    { 1446, { 5.5, 5.3, 10.9, 10.2, 21.7, 19.2 } },
};
enum { ROWS = sizeof table / sizeof *table, COLUMNS = 6 };

static double gcm_rate(uint32_t inner, uint32_t width, uint32_t c, unsigned engines, bool tx)
{
    struct measurement m = { .traffic = { .sas = 64, .packets = 4096, .inner = inner },
                             .way = tx ? "tx" : "rx",
                             .file = tx ? "tx.pcap" : "rx.pcap",
                             .ideal = tx ? "card.ideal=wire,pcie," TX_IDEAL
                                         : "card.ideal=wire,pcie," RX_IDEAL };

    set(&m, "card.bus=512B"); /* one beat a packet or few: the bus is not the limit */
    set(&m, "card.crypto.engines=%u", engines);
    set(&m, "card.crypto.width=%uB", width);
    set(&m, "card.crypto.overhead=%u", c);
    set(&m, "workload.loop=8");
    set(&m, "stop.warmup=%s", inner < 200 ? "30us" : "100us"); /* until every channel is full */
    return measure(&m);
}

START_TEST(gcm)
{
    uint32_t inner = table[_i / COLUMNS].inner;
    unsigned column = (unsigned)_i % COLUMNS;
    uint32_t width = 16u << column / 2;
    uint32_t c = column % 2 ? 3 : 0;
    uint32_t payload = (inner + 2 + 3) / 4 * 4;
    double formula = 500e6 / (ceil((double)payload / width) + c);
    char what[80];

    ck_assert_double_eq_tol(formula / 1e6, table[_i / COLUMNS].mpps[column], 0.051);
    snprintf(what, sizeof what, "GCM RX, %u bytes, w = %u, c = %u", inner, width, c);
    compare(what, gcm_rate(inner, width, c, 1, false), formula);
}
END_TEST

START_TEST(gcm_engines)
{
    double formula = 3 * 500e6 / (ceil(516.0 / 16) + 3);

    compare("GCM RX, 512 bytes, w = 16, c = 3, 3 engines", gcm_rate(512, 16, 3, 3, false), formula);
    compare("GCM TX, 512 bytes, w = 16, c = 3, 3 engines", gcm_rate(512, 16, 3, 3, true), formula);
}
END_TEST

/* A core that takes 11 cycles a block at 100 MHz, 94 blocks of AES-CBC: 96.7 kpps (CAST, AES-128). And the
 * hash of HMAC-SHA-256: ceil((n + 9) / 64) blocks of the packet and one of the outer hash. */
START_TEST(serial)
{
    bool hash = _i;
    uint32_t n = 8 + 16 + 1504; /* ESP header, IV, payload with trailer */
    double blocks = hash ? ceil((n + 9) / 64.0) + 1 : 94;
    struct measurement m = { .traffic = { .sas = 64,
                                          .packets = 512,
                                          .inner = 1502,
                                          .cipher = "aes-cbc-128",
                                          .integrity = "sha-256" },
                             .way = "tx",
                             .file = "tx.pcap",
                             .ideal = "card.ideal=wire,pcie," TX_IDEAL };

    set(&m, "card.crypto.clock=100MHz");
    set(&m, "card.crypto.engines=1");
    set(&m, "card.crypto.cbc_encrypt_block=%u", hash ? 1 : 11);
    set(&m, "card.crypto.hash_block=%u", hash ? 65 : 1);
    set(&m, "host.cores=1"); /* one ring of 1024, which is filled ahead */
    set(&m, "workload.loop=8");
    set(&m, "stop.warmup=%s", hash ? "18ms" : "12ms");
    compare(hash ? "HMAC-SHA-256 TX, 1502 bytes, 65 cycles" : "AES-CBC TX, 94 blocks of 11 cycles",
            measure(&m), 100e6 / (blocks * (hash ? 65 : 11)));
}
END_TEST

/* ---- PCIe: bytes of a packet on the link ------------------------------------------------------------------ */

/* Gen3: 8 GT/s, 128b/130b. Memory writes and reads with 64-bit addresses: 2 bytes of framing, 2 of
 * sequence number (framing 4 in all from Gen3 on), 16 of header, 4 of LCRC: 24 bytes beside the data. */
static double link_bytes(unsigned lanes)
{
    return 8e9 * 128 / 130 / 8 * lanes;
}

static double writes(uint32_t bytes, uint32_t mps)
{
    uint32_t padded = (bytes + 3) / 4 * 4;

    return ceil((double)bytes / mps) * 24 + padded;
}

START_TEST(pcie_rx)
{
    static const uint32_t sizes[] = { 100, 256, 1000, 1446 };
    uint32_t inner = sizes[_i];
    struct measurement m = { .traffic = { .sas = 64, .packets = 4096, .inner = inner },
                             .way = "rx",
                             .file = "rx.pcap",
                             .ideal = "card.ideal=wire,crypto," RX_IDEAL };
    /* payload, completion entry of 64 bytes, and a read request for every 32 descriptors */
    double up = writes(14 + inner, 256) + writes(64, 256) + 24.0 / 32;
    char what[80];

    set(&m, "card.pcie.generation=3");
    set(&m, "card.pcie.lanes=2");
    set(&m, "card.pcie.mps=256B");
    set(&m, "card.pcie.dllp=share"); /* of nothing: data alone */
    set(&m, "card.pcie.dllp_ppm=0");
    set(&m, "card.pcie.address64=true");
    set(&m, "workload.loop=4");
    set(&m, "stop.warmup=400us");
    snprintf(what, sizeof what, "PCIe RX, Gen3 x2, %u bytes", inner);
    compare(what, measure(&m), link_bytes(2) / up);
}
END_TEST

/* Sending is limited by the way down: completions of 256 bytes with 20 bytes each beside the data. */
START_TEST(pcie_tx)
{
    static const uint32_t sizes[] = { 498, 1010 };
    uint32_t inner = sizes[_i]; /* whole multiples of 256 as frames, if they begin at a multiple */
    struct measurement m = { .traffic = { .sas = 64, .packets = 4096, .inner = inner },
                             .way = "tx",
                             .file = "tx.pcap",
                             .ideal = "card.ideal=wire,crypto," TX_IDEAL };
    uint32_t frame = 14 + inner;
    /* frame, its share of 8 descriptors of 64 bytes in two completions, of the doorbell's 28 bytes */
    uint32_t completions = frame / 256;
    double down = completions * 276.0 + 64 + 2 * 20.0 / 8 + 28.0 / 16;
    char what[80];

    set(&m, "card.pcie.generation=3");
    set(&m, "card.pcie.lanes=2");
    set(&m, "card.pcie.mps=256B");
    set(&m, "card.pcie.dllp=share");
    set(&m, "card.pcie.dllp_ppm=0");
    set(&m, "card.pcie.address64=true");
    set(&m, "card.pcie.tags=4096");
    set(&m, "host.cores=1"); /* one ring, so that doorbells come for 16 packets */
    set(&m, "workload.loop=12");
    set(&m, "stop.warmup=400us");
    snprintf(what, sizeof what, "PCIe TX, Gen3 x2, %u bytes", inner);
    compare(what, measure(&m), link_bytes(2) / down);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rates");
    TCase *formulas = tcase_create("formulas");
    SRunner *runner = srunner_create(suite);
    int failed;

    setenv("ESPNIC_PRESETS", "sim/presets", 0); /* from the root of the project, as all tests are */

    tcase_set_timeout(formulas, 60);
    tcase_add_loop_test(formulas, wire, 0, 8);
    tcase_add_loop_test(formulas, gcm, 0, ROWS * COLUMNS);
    tcase_add_test(formulas, gcm_engines);
    tcase_add_loop_test(formulas, serial, 0, 2);
    tcase_add_loop_test(formulas, pcie_rx, 0, 4);
    tcase_add_loop_test(formulas, pcie_tx, 0, 2);
    suite_add_tcase(suite, formulas);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
