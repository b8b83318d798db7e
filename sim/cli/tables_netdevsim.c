/* Linux netdevsim: the self-test of the kernel, and what its driver takes. */
#include <stdio.h>

#include "cli/validate_tables.h"

#define DRIVER   "Linux drivers/net/netdevsim/ipsec.c"
#define SELFTEST "Linux tools/testing/selftests/net/rtnetlink.sh, kci_test_ipsec_offload"
#define RECORDED "recorded session with netdevsim on Linux 6.1"

static const char group[] = "netdevsim";

static const struct tables_figure exact = { .group = group,
                                            .kind = VALIDATION_COMPUTED,
                                            .source = SELFTEST,
                                            .preset = "netdevsim",
                                            .sets = "",
                                            .settings = "" };

/* One SA each way, three pings, then everything goes. */
static bool add_selftest(struct validation *v, struct bench *b)
{
    struct esp_node node[2];
    double ignored;

    for (unsigned i = 0; i < 2; i++) {
        bench_node(&node[i], 1 + i, i == 0 ? ESP_DIR_OUT : ESP_DIR_IN, ESP_ALG_AES_GCM_128, 9);
        bench_change(&node[i], BENCH_TRANSPORT);
        if (!bench_add(b, &node[i])) {
            return false;
        }
    }
    tables_add(v, &exact, "SAs", 2, (double)nic_statistics(b->card)->sa_live,
               "self-test: SA count");
    if (!bench_flood(b, 84, 3, &ignored)) {
        return false;
    }
    tables_add(v, &exact, "packets", 3, (double)nic_statistics(b->card)->tx.ipsec_passes,
               "self-test: tx");
    if (!bench_delete(b, 1) || !bench_delete(b, 2)) {
        return false;
    }
    tables_add(v, &exact, "SAs", 0, (double)nic_statistics(b->card)->sa_live,
               "self-test: SA count after the SAs were deleted");
    return true;
}

/* One table for both directions. */
static bool add_limit(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;
    struct esp_node node;
    uint32_t out = 0;
    uint32_t in = 0;

    bench_node(&node, 1, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 4096);
    if (!bench_fill(b, &node, 20, 1, &out)) {
        return false;
    }
    bench_node(&node, 100, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 5096);
    if (!bench_fill(b, &node, 30, 1, &in)) {
        return false;
    }
    f.source = DRIVER ", netdevsim.h: NSIM_IPSEC_MAX_SA_COUNT";
    tables_add(v, &f, "SAs", 33, out + in, "20 transmit SAs, then receive SAs: in all");
    f.words = bench_answers;
    tables_add(v, &f, "", BENCH_NO_ROOM, bench_answer(b), "one more");
    return true;
}

static const struct tables_wish wishes[] = {
    { "SA: ESP, AES-GCM-128, ICV of 16", BENCH_AS_IT_IS, BENCH_DONE },
    { "SA: transport mode", BENCH_TRANSPORT, BENCH_DONE },
    { "SA: IPv6", BENCH_IPV6, BENCH_DONE },
    { "SA: AES-CBC with HMAC-SHA-256", BENCH_CBC, BENCH_NOT_SUPPORTED },
    { "SA: ICV of 8", BENCH_ICV_8, BENCH_NOT_SUPPORTED },
    { "SA: ICV of 12", BENCH_ICV_12, BENCH_NOT_SUPPORTED },
    { "SA: ESN", BENCH_ESN, BENCH_NOT_SUPPORTED },
    { "SA: AH", BENCH_AH, BENCH_NOT_SUPPORTED },
    { "SA: UDP encapsulation", BENCH_IN_UDP, BENCH_NOT_SUPPORTED },
};
static const struct tables_wish slip[] = { { "SA: key of 256 bits", BENCH_KEY_256, BENCH_DONE } };

static bool add_wishes(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;

    f.source = RECORDED "; " DRIVER;
    if (!tables_wishes(v, b, &f, wishes, sizeof wishes / sizeof wishes[0])) {
        return false;
    }
    f.kind = VALIDATION_MISSED;
    f.source = DRIVER ". It takes such keys and cuts them to 128 bits: a slip that is not followed";
    return tables_wishes(v, b, &f, slip, 1);
}

bool tables_netdevsim(struct validation *v, char *error, size_t error_size)
{
    static bool (*const parts[])(struct validation * v,
                                 struct bench * b) = { add_selftest, add_limit, add_wishes };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct bench b;
        bool ok = bench_config(&b, exact.preset, "", "") && bench_open(&b, true) && parts[i](v, &b);

        if (!ok) {
            snprintf(error, error_size, "netdevsim: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    tables_absent(v, group, "", 0x80000000, "bit of a handle that says it is valid",
                  DRIVER ". Handles are places with a generation (sa_table/README.md, O-14)");
    tables_absent(v, group, "lines", 6, "text of the debug file",
                  SELFTEST ". Counts are in the report; there is no such file");
    return true;
}
