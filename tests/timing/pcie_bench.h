/* A bench for the PCIe link: clients that push planned requests, a host that counts, a log of
 * all that can be seen from outside, and a twin of the link that steps every byte. */
#ifndef ESPNIC_TESTS_TIMING_PCIE_BENCH_H
#define ESPNIC_TESTS_TIMING_PCIE_BENCH_H

#include "engine/snapshot.h"
#include "pcie_model/link.h"

enum { PB_MAX_PLAN = 4096, PB_MAX_MMIO = 512, PB_MAX_LOG = 65536, PB_EARLY = 2 };

enum pb_event_kind {
    PB_TAKEN,      /* the link pops a request */
    PB_ANSWER,     /* the link pushes an answer */
    PB_MEMORY,     /* a request reaches host memory */
    PB_MMIO_WRITE, /* arrives at the card */
    PB_MMIO_READ,
    PB_MMIO_DONE /* arrives at the CPU */
};

struct pb_event {
    uint64_t cycle; /* of the link */
    uint32_t kind, client, ref;
    uint32_t
        status; /* enum pcie_status of writes in memory, of answers, of MMIO reads; done: 0 is well */
};

struct pb_log {
    struct pb_event event[PB_MAX_LOG];
    uint32_t count;
};

struct pb_planned {
    uint64_t cycle;  /* of the client: not pushed before */
    uint64_t pushed; /* when it was */
    uint64_t address;
    uint32_t length;
    uint8_t op, answer, id;
};

struct pb_mmio {
    uint64_t cycle; /* of the link */
    uint32_t offset, bytes;
    bool read;
};

/* The registers, in a clock of their own: a read crosses into it, waits `delay` cycles and for the one before, is
 * answered, and the answer crosses back. Without a clock they answer at once. */
struct pb_registers {
    unsigned domain, block;
    uint32_t delay;
    struct pb_registers_state {
        uint64_t
            cycle[PB_MAX_MMIO];     /* of each read, in the order of arrival: when it is answered */
        uint64_t from[PB_MAX_MMIO]; /* the link has the answer from this cycle on */
        uint32_t offset[PB_MAX_MMIO], bytes[PB_MAX_MMIO];
        uint32_t asked, answered;
    } s;
};

struct pb_client {
    struct pcie_bench *bench;
    unsigned domain, block, index;
    enum pcie_answers answers;
    struct channel request, response;
    struct pb_planned plan[PB_MAX_PLAN];
    uint32_t planned;
    struct pb_client_state {
        uint32_t next; /* to be pushed */
        uint32_t answered;
    } s;
};

struct pcie_bench {
    struct pcie_config config;
    struct clock_set clocks;
    struct sched sched;
    struct pcie_link *link;
    unsigned domain;
    unsigned clients;
    struct pb_client client[PCIE_MAX_CLIENTS];
    /* Blocks of the first clients, if in the link's domain: evaluated before the link, the
     * others after. */
    unsigned early[PB_EARLY];
    struct pb_log log;
    uint64_t last; /* cycle of the link in which something happened last, seen by somebody or not */
    struct pb_mmio mmio[PB_MAX_MMIO]; /* in order of the calls */
    uint32_t mmios;
    struct pb_registers registers;
    bool holes;     /* one page of host memory in eight is not there */
    uint32_t react; /* ops.memory of every n-th request makes an MMIO access; 0: never */
    struct snapshot snap;
};

/* Memory with its default parameters: a constant latency. */
struct pcie_memory_config pb_host(void);

/* The link's domain is 0; a client's clock is num/den Hz, 0: it lives in the link's domain. */
void pb_init(struct pcie_bench *b, const struct pcie_config *config);
/* Of num/den Hz, 0: the link's. Before pb_start(). */
void pb_slow_registers(struct pcie_bench *b, uint64_t num, uint64_t den, uint32_t delay);
unsigned pb_client(struct pcie_bench *b, uint64_t num, uint64_t den, unsigned depth,
                   enum pcie_answers answers);
void pb_free(struct pcie_bench *b);

/* ref of the request is its position in the plan. */
void pb_plan(struct pcie_bench *b, unsigned client, uint64_t cycle, enum pcie_op op,
             uint64_t address, uint32_t length, bool answer);
void pb_mmio(struct pcie_bench *b, uint64_t cycle, bool read, uint32_t offset, uint32_t bytes);

/* After all is planned: register the state and wake the clients. */
void pb_start(struct pcie_bench *b);
/* Every event up to link cycle `until` (CLOCK_NEVER - 1: to the end). */
void pb_run(struct pcie_bench *b, uint64_t until);

/* The cycle of an event; fails the test if there is none. */
uint64_t pb_cycle(const struct pcie_bench *b, enum pb_event_kind kind, uint32_t client,
                  uint32_t ref);

/* Sorted by cycle, kind, client, number: two logs of the same events are then the same. */
void pb_sort_log(struct pb_log *log);

/* Cycle after the last event. */
uint64_t pb_end(const struct pcie_bench *b);

/* With holes: is this page one? */
static inline bool pb_hole(uint64_t address)
{
    return address / 4096 % 8 == 5;
}

/* Registers at some offsets do not exist, others cannot be read. */
static inline enum pcie_status pb_register(uint32_t offset)
{
    return offset % 64 == 60 ? PCIE_UNSUPPORTED : offset % 64 == 52 ? PCIE_ABORTED : PCIE_OK;
}

/* ---- the twin ------------------------------------------------------------------------------ */

/* What has been counted before a cycle. */
struct pt_counts {
    struct pcie_stats stats;           /* all but utilisation */
    uint64_t state[2][ACCOUNT_STATES]; /* cycles of the wires, 0 = up */
};

struct pt_result {
    struct pb_log log;
    struct pt_counts at_cut, at_end;
    struct pcie_memory_stats memory;
    uint64_t blocked_mmio; /* cycles in which a register access was next and lacked credits */
    uint64_t overtakings;  /* completions that passed an earlier read's */
    uint64_t passed; /* requests and replies that were in memory before what had arrived before */
};

/* What the link must do with the pushes and MMIO accesses that the bench has recorded, in cycles
 * 0 to cycles - 1; `cut` is one of them. Not for `ideal`. */
void pt_run(const struct pcie_bench *b, uint64_t cut, uint64_t cycles, struct pt_result *result);

#endif
