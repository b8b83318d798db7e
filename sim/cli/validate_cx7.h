/* Published figures of an NVIDIA ConnectX-7 as an IPsec gateway, beside simulated ones: acassen/fastswan,
 * Nvidia-ConnectX-7-Benchmark. */
#ifndef ESPNIC_CLI_VALIDATE_CX7_H
#define ESPNIC_CLI_VALIDATE_CX7_H

#include <stdint.h>

#include "cli/validation.h"

/* Measure every group, or the one called `only`. False with a sentence in `error`. */
bool validate_cx7(struct validation *v, const char *only, char *error, size_t error_size);
extern const struct validation_group validate_cx7_groups[];
struct validation_setting validate_cx7_setting(size_t n);

/* ---- one point of the benchmark ------------------------------------------------------------------ */

/* Two equal gateways back to back with two ports each; one of them is simulated (synthesis.h says why that is
 * enough). */
struct cx7_workload {
    const char *profile; /* traffic.profile */
    bool hairpin;        /* Flower: all in the card; else XDP: the host forwards */
    uint32_t tunnels;    /* with traffic; each has two SAs in each gateway */
    uint32_t installed;  /* 0: these */
    bool cache;          /* with the cache that was fitted to this data path; else the preset's */
    bool random;         /* tunnels in random order instead of one after the other */
    double offered;      /* share of the line rate of each port */
    uint64_t packets;    /* of the run, both ports; those of the first millisecond warm up */
};

struct cx7_outcome {
    double mpps;       /* frames that left, a port */
    double frame_gbps; /* of them, with FCS, tags and ESP, without preamble and gap, a port */
    double received; /* Gb/s of L2 that the four generator ports receive in clear: both gateways' */
    double loss;     /* share of what came in */
    double p50_us, p99_us; /* last bit in to last bit out of one gateway */
};

/* False with a sentence. `settings`: what was set, as text. */
bool cx7_simulate(const struct cx7_workload *workload, struct cx7_outcome *outcome, char *settings,
                  size_t settings_size, char *error, size_t error_size);

#endif
