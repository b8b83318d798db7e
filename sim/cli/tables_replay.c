/* Anti-replay vectors of DPDK's tests, with and without ESN, through the receive path of a whole card. */
#include <stdio.h>

#include "cli/validate_tables.h"

#define SOURCE "DPDK app/test/test_security_inline_proto.c"
#define BLOCK  (UINT64_C(1) << 32)

enum { ACCEPTED, OUTSIDE, REPLAYED, FAILED, OTHERWISE };
static const char *const verdicts[] = { "accept", "outside", "replay", "bad ICV",
                                        "something else" };

/* Numbers are base + windows * W + halves * W / 2 + offset. */
struct step {
    uint64_t base;
    int windows, halves, offset;
    int verdict;
    const char *text;
};

static const struct step plain[] = {
    { 0, 2, 0, 0, ACCEPTED, "2W" },
    { 0, 1, 0, 1, ACCEPTED, "W + 1, the last place" },
    { 0, 1, 0, 0, OUTSIDE, "W" },
    { 0, 1, 1, 0, ACCEPTED, "W + W/2" },
    { 0, 1, 1, 0, REPLAYED, "W + W/2 again" },
};

static const struct step extended[] = {
    { BLOCK, -1, 0, -1, ACCEPTED, "2^32 - 1 - W" },
    { BLOCK, 0, 1, 0, ACCEPTED, "2^32 + W/2, the window crosses 2^32" },
    { BLOCK, 0, -1, 1, ACCEPTED, "2^32 - W/2 + 1" },
    { BLOCK, 0, 0, -1, ACCEPTED, "2^32 - 1" },
    { BLOCK, 0, 0, 0, ACCEPTED, "2^32" },
    { BLOCK, 0, 0, -1, REPLAYED, "2^32 - 1 again" },
    { BLOCK, 0, 0, 0, REPLAYED, "2^32 again" },
};

static uint64_t number_of(const struct step *s, int window)
{
    return s->base + (uint64_t)(int64_t)(s->windows * window + s->halves * window / 2 + s->offset);
}

/* What became of the packet that these counters do not have yet. */
static int verdict_since(struct bench *b, const struct nic_direction_stats *before)
{
    const struct nic_direction_stats *after = &nic_statistics(b->card)->rx;

    if (after->drop[NIC_DROP_REPLAY] > before->drop[NIC_DROP_REPLAY]) {
        return REPLAYED;
    }
    if (after->drop[NIC_DROP_TOO_OLD] > before->drop[NIC_DROP_TOO_OLD]) {
        return OUTSIDE;
    }
    if (after->drop[NIC_DROP_BAD_ICV] > before->drop[NIC_DROP_BAD_ICV]) {
        return FAILED;
    }
    return after->packets_out > before->packets_out && b->verdict == HOST_OFFLOADED ? ACCEPTED
                                                                                    : OTHERWISE;
}

static bool add_steps(struct validation *v, struct bench *b, const struct tables_figure *f,
                      const struct step *steps, unsigned count, int window)
{
    bool esn = steps == extended;
    struct esp_node node;

    bench_node(&node, 1, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4096);
    node.sa[0].esn = esn;
    node.sa[0].replay_window = (uint16_t)window;
    if (!bench_add(b, &node)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct nic_direction_stats before = nic_statistics(b->card)->rx;

        if (!bench_receive(b, &node, number_of(&steps[i], window), false)) {
            return false;
        }
        tables_add(v, f, "", steps[i].verdict, verdict_since(b, &before), "W %d%s, step %u: %s",
                   window, esn ? ", ESN" : "", i + 1, steps[i].text);
    }
    return true;
}

bool tables_replay(struct validation *v, char *error, size_t error_size)
{
    static const int windows[] = { 1024, 2048, 4096 };
    const struct tables_figure f = { .group = "replay",
                                     .kind = VALIDATION_COMPUTED,
                                     .source = SOURCE,
                                     .preset = "generic-100g",
                                     .sets = "",
                                     .settings = "",
                                     .words = verdicts };

    for (unsigned i = 0; i < 6; i++) {
        struct bench b;
        bool esn = i >= 3;
        bool ok =
            bench_config(&b, f.preset, "", "") && bench_open(&b, true) &&
            add_steps(v, &b, &f, esn ? extended : plain,
                      esn ? sizeof extended / sizeof extended[0] : sizeof plain / sizeof plain[0],
                      windows[i % 3]);

        if (!ok) {
            snprintf(error, error_size, "replay: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    return true;
}
