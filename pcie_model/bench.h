/* A pcie-bench on the modelled link: a DMA engine that keeps the link busy, or sends one transaction at a
 * time, and measures at the device what it gets. What R. Neugebauer et al. ("Understanding PCIe
 * performance for end host networking", SIGCOMM 2018) do with a card, in the same words: a transaction
 * reads or writes `size` bytes at `offset` in one of the places of a window of host memory.
 *
 * The engine is a client of the link and nothing else: two request channels, one for reads and one for
 * writes, in the link's clock domain (a clock of its own would add its synchronisers to every latency).
 *
 * The engine has `outstanding` slots, and for reads and for writes a copier that moves the data of one
 * transaction at a time between the link and the card's memory, in copy_ps and byte_ps for each byte. Both go
 * through one port of that memory, which a copy keeps for port_ps and port_byte_ps for each byte: in parts as large
 * as a TLP's data, each of which begins when the part before has been copied and the port is free. Where both wait,
 * reads that have come go first. A slot
 * takes a transaction: overhead_ps later a read goes to the link, a write after it has been copied; not
 * before read_interval_ps (write_interval_ps) after the last one of its kind, and not before the link's
 * queue has room. A read is done when it has been copied after its answer, a write with its answer. The slot
 * then takes the next transaction: the loop is closed.
 *
 * A write's answer comes when its last byte has left the card: nothing else about a posted write ever
 * comes back. That is the device's rate all the same, because in the long run the card can send no more
 * than the host drains: the host's credits see to it.
 *
 * Bandwidth. The first `warmup` transactions are not measured. From the end of the last of
 * them to the end of the last of `transactions` more; the engine goes on behind it, so that the end is like the
 * middle. Reads and writes of `rdwr` take turns, so that there are as many of one as of the other.
 *
 * Latency. One at a time: from the slot taking the transaction to its being done; of `wrrd` from that of
 * the write to the end of the read of the same place, which is taken when the write's answer is there.
 * Between two clients of the link lies a cycle (a byte time) each way: it is part of the latency. */
#ifndef ESPNIC_PCIE_MODEL_BENCH_H
#define ESPNIC_PCIE_MODEL_BENCH_H

#include "pcie_model/link.h"

enum pcie_bench_op {
    PCIE_BENCH_RD,
    PCIE_BENCH_WR,
    PCIE_BENCH_RDWR, /* bandwidth only */
    PCIE_BENCH_WRRD  /* latency only */
};

/* What is in the host's last-level cache before the first transaction. */
enum pcie_bench_cache {
    PCIE_BENCH_COLD,
    PCIE_BENCH_HOST,  /* the CPU has written the window */
    PCIE_BENCH_DEVICE /* the device has */
};

struct pcie_bench_config {
    uint32_t op; /* enum pcie_bench_op */
    uint64_t size, offset;
    uint64_t window; /* 0: pcie_bench_window() */
    uint64_t unit;   /* bytes from one place to the next; 0: pcie_bench_unit() */
    bool random;
    uint32_t cache; /* enum pcie_bench_cache */
    uint64_t transactions, warmup;
    uint64_t overhead_ps, copy_ps, byte_ps;
    uint64_t port_ps, port_byte_ps;
    uint64_t read_interval_ps, write_interval_ps;
    uint32_t outstanding; /* 0: as many as the link takes; then there must be no copying */
    uint64_t seed;
};

extern const struct param pcie_bench_params[];
extern const size_t pcie_bench_param_count;

/* The measured phase. Rates of one kind of transaction: of rdwr, of the slower kind; in the long run both
 * have them. */
struct pcie_bench_rate {
    uint64_t reads, writes;
    uint64_t failed; /* of these: poisoned, not answered in time (pcie_request.status) */
    uint64_t cycles; /* of the link's domain */
    double seconds;
    double gbps, mtps;         /* data and transactions of one kind */
    double total_gbps;         /* of both */
    double stall[PCIE_STALLS]; /* shares of the time in which that kept the wire up clear */
    double wire[2];            /* shares of the time in which something was on it: up, down */
    double tlp[2];             /* ... a TLP */
    struct pcie_stats link;    /* the counters' growth */
    struct pcie_memory_stats memory;
};

/* Nearest rank, exact, of all latencies; picoseconds. */
struct pcie_bench_latency {
    uint64_t count;
    uint64_t min, median, p95, p99, p999, max;
    double mean;
};

/* Bytes from one place to the next: size and offset rounded up to a power of two of at least 64, beyond 4096
 * to a multiple of that. So a transfer without offset crosses no boundary of MPS, MRRS or 4 KB that it need
 * not cross. (pcie-bench has multiples of 64: 384 bytes then take one more read TLP in two places of
 * three.) */
uint64_t pcie_bench_unit(const struct pcie_bench_config *config);

/* 8 KiB, or the size, rounded up like a place, if that is more. */
uint64_t pcie_bench_window(const struct pcie_bench_config *config);

/* The address of place `n` of the window, which has pcie_bench_places(). */
uint64_t pcie_bench_address(const struct pcie_bench_config *config, uint64_t n);
uint64_t pcie_bench_places(const struct pcie_bench_config *config);

/* For a bandwidth or a latency. False with a sentence in `error` that begins with the name of the parameter. */
bool pcie_bench_check(const struct pcie_bench_config *config, bool latency, char *error,
                      size_t error_size);

/* Both configurations are possible (pcie_link_clock(), pcie_bench_check()). False with a sentence in
 * `error`: the link stands still. */
bool pcie_bench_bandwidth(const struct pcie_bench_config *config, const struct pcie_config *link,
                          struct pcie_bench_rate *rate, char *error, size_t error_size);
bool pcie_bench_latencies(const struct pcie_bench_config *config, const struct pcie_config *link,
                          struct pcie_bench_latency *latency, char *error, size_t error_size);

#endif
