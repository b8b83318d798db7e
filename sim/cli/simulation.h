/* One simulation: card, reference host and inputs, run to its end. `espnic run` makes one, and one more
 * for every experiment (--find, headroom): a run never depends on the one before. */
#ifndef ESPNIC_CLI_SIMULATION_H
#define ESPNIC_CLI_SIMULATION_H

#include "cli/config.h"
#include "cli/phase.h"
#include "cli/progress.h"
#include "engine/describe.h"
#include "host/host.h"
#include "nic/nic.h"
#include "report/series.h"
#include "traces/capture.h"
#include "traces/rules.h"

enum { SIMULATION_ERROR = 2048 };

/* One direction of the run, card and host together. */
struct run_direction {
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint64_t measured_packets, measured_bytes; /* of packets_out, in the measured phase */
    uint64_t created;                          /* TX: segments beside the packets that came in */
    double gbps, wire_gbps, mpps;
    double offered_gbps, offered_mpps; /* RX: what arrived; TX: what the card read */
    double loss;       /* dropped of packets_in and created; after a warm-up: measured.h */
    double whole_loss; /* the same of the whole run, whatever the warm-up */
    double blocked_us; /* the time in which so many packets are offered as were lost */
    uint64_t inside;   /* of simulation_measured(): in card or host at the begin of the phase */
    uint64_t dropped;  /* likewise: of all reasons */
};

/* One wire of a port. */
struct run_port_direction {
    struct nic_port_direction_stats stats; /* over the whole run */
    double gbps, wire_gbps, mpps;          /* in the measured phase */
};

/* Made traffic that left on the wires, by what it came in as (0 clear, 1 ESP): packets, and the L2 bytes of the clear
 * packets in them, without tags. */
struct run_tally {
    uint64_t packets[2], bytes[2];
};

/* What was done in the measured phase: what experiments compare. */
struct run_work {
    uint64_t packets;          /* delivered to the host's stack and sent on the wire */
    uint64_t requests;         /* OIDs that ended */
    uint64_t requests_waiting; /* OIDs that had been asked for and not ended at its end */
};

enum { RUN_MAX_DROPS = 64 };

/* Of all reasons together. */
uint64_t run_drops(const uint64_t drops[RUN_MAX_DROPS]);
/* 0 of nothing. */
double run_share(uint64_t part, uint64_t whole);

/* The same run with control requests that are done at once and cost nothing: what churn costs the data path. */
struct run_churn {
    uint64_t compared;                                               /* 1: there was such a run */
    double rx_gbps, tx_gbps, rx_mpps, tx_mpps, rx_p99_ns, tx_p99_ns; /* of that run */
    double rx_slowdown, tx_slowdown;         /* its rate over the measured one, less 1 */
    double rx_p99_added_ns, tx_p99_added_ns; /* positive: churn costs, as above */
    uint64_t rx_comparable, tx_comparable;   /* 1: as many latencies in both runs */
};

struct run_results {
    struct run_direction rx, tx;
    uint64_t rx_drop[RUN_MAX_DROPS], tx_drop[RUN_MAX_DROPS];
    uint64_t created, merged; /* reassembly */
    struct {
        struct run_port_direction rx, tx;
    } port[NIC_MAX_PORTS];
    struct run_tally tally;        /* in the measured phase */
    uint64_t forwarded;            /* by card or host */
    uint64_t stay[NIC_STAY_COUNT]; /* not forwarded, by reason */
    /* time, ps */
    uint64_t first, last, end;
    double total_us, measured_us, drain_us;
    uint64_t warm_packets; /* that came before the measured phase */
    struct run_work work;
    double core_busy; /* share of the measured phase, of the busiest core of the host */
    /* SAs */
    uint64_t context_bytes;
    struct sa_layout layout; /* what the context holds at least */
    double capacity_kib, peak_kib;
    uint64_t capacity, live, peak_live, adds, add_failures, updates, deletes, delete_requests;
    uint64_t lookups, hits, misses;
    uint64_t context_hits, context_misses; /* packets whose context was in the cache, or not */
    struct sa_cache_stats cache;
    uint64_t refused[SA_REASON_COUNT]; /* nodes, by reason */
    uint64_t preloaded, in_software;
    double churn_per_s, adds_per_s, updates_per_s, deletes_per_s;
    double rx_in_software, tx_in_software; /* shares of the protected packets */
    struct run_churn churn;
    uint64_t overlap_peak; /* SAs that rekeying holds beside those that they replace */
    double overlap_s, overlap_share,
        overlap_mean; /* SA seconds; shares of the capacity: peak, mean of the run */
    /* inputs */
    uint64_t records, violations, bad_records;
    uint64_t beyond_card;       /* breaches that another card would not see: rules 3, 4, 7 */
    uint64_t rule[RULES_COUNT]; /* both, by the number of the rule */
    uint64_t truncated, before_origin;
    uint64_t rx_delayed; /* stamped when the wire was not free yet */
};

/* A record that broke a rule. */
struct run_violation {
    unsigned rule;
    uint64_t record; /* its line */
    char sentence[256];
};

enum { RUN_MAX_VIOLATIONS = 1000 }; /* told one by one; all are counted */

struct inputs;

struct simulation_options {
    bool quiet;            /* no progress, no output files: an experiment */
    uint64_t packets;      /* stop after so many, 0: as configured */
    uint64_t warm_packets; /* measure from this packet on, even if the warm-up is not over; 0: no */
    struct progress *progress;
    bool free_requests;          /* an experiment: host_options.free_requests */
    const struct inputs *inputs; /* what was decoded before; NULL: the files are read */
};

struct simulation;

/* NULL with a sentence (place included) in `error`. */
struct simulation *simulation_create(const struct espnic_config *config,
                                     const struct simulation_options *options, char *error,
                                     size_t error_size);
void simulation_destroy(struct simulation *s);

enum simulation_end {
    SIMULATION_DONE,
    SIMULATION_MODEL_ERROR, /* deadlock, books: exit status 1 */
    SIMULATION_BAD_INPUT,   /* exit status 2 */
    SIMULATION_NOT_MEASURED /* the run ended before the warm-up (stop.warmup): likewise */
};

/* Run to the end. On anything but DONE, `error` says what. */
enum simulation_end simulation_run(struct simulation *s, char *error, size_t error_size);

const struct inputs *simulation_inputs(const struct simulation *s);

/* For its results: what an experiment has found. */
void simulation_note_churn(struct simulation *s, const struct run_churn *churn);

/* After the run. */
const struct run_results *simulation_results(const struct simulation *s);
/* The same with the counts of packets, drops and look-ups since the begin of the measured phase (measured.h). */
const struct run_results *simulation_measured(const struct simulation *s);
/* There was a warm-up: the two differ. */
bool simulation_warmed(const struct simulation *s);
/* Blocks in the measured phase; names of causes: nic_block_name(). None if nothing was measured. */
const struct run_block *simulation_blocks(const struct simulation *s, unsigned *count);
void simulation_register_stats(struct simulation *s, struct stat_registry *registry);
/* Latencies, ps: of RX and TX as they are in reports; forwarded packets: last bit in to last bit out. */
enum run_latency { RUN_LATENCY_TX, RUN_LATENCY_RX, RUN_LATENCY_FORWARD, RUN_LATENCIES };
/* Of packets since the begin of the measured phase; of the whole run. */
const struct histogram *simulation_latency(const struct simulation *s, enum run_latency which);
const struct histogram *simulation_whole_latency(const struct simulation *s,
                                                 enum run_latency which);
struct espnic *simulation_card(struct simulation *s);
struct host *simulation_host(struct simulation *s);
/* The first records that broke rules, in their order. */
const struct run_violation *simulation_violations(const struct simulation *s, unsigned *count);

#endif
