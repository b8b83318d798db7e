#include "cli/pcie_formula.h"

enum { LOOK_AT_PLACES = 4096, DLLP = 8, SKP = 4, SKP_INTERVAL = 1538 };

static bool reads(const struct pcie_bench_config *bench)
{
    return bench->op != PCIE_BENCH_WR;
}

static bool writes(const struct pcie_bench_config *bench)
{
    return bench->op != PCIE_BENCH_RD;
}

struct pcie_load pcie_load_of(const struct pcie_bench_config *bench, const struct pcie_config *link)
{
    uint64_t places = pcie_bench_places(bench);
    uint64_t n = places < LOOK_AT_PLACES ? places : LOOK_AT_PLACES;
    uint32_t size = (uint32_t)bench->size;
    struct pcie_load load = { 0, 0 };

    for (uint64_t i = 0; i < n; i++) {
        uint64_t address = pcie_bench_address(bench, i);

        if (reads(bench)) {
            load.up += pcie_read_cost(link, address, size).wire_bytes;
            load.down += pcie_completion_cost(link, address, size).wire_bytes;
        }
        if (writes(bench)) {
            load.up += pcie_write_cost(link, address, size).wire_bytes;
        }
    }
    return (struct pcie_load){ load.up / (double)n, load.down / (double)n };
}

double pcie_raw_gbps(const struct pcie_config *link)
{
    struct pcie_config all = *link;
    uint64_t num;
    uint64_t den;
    char error[256];

    all.dllp = PCIE_DLLP_ON_DEMAND; /* not less the share of DLLPs */
    if (!pcie_link_clock(&all, &num, &den, error, sizeof error)) {
        return 0; /* it has been checked */
    }
    return (double)num / (double)den * 8 / 1e9;
}

static double carried(double gbps, const struct pcie_load *load, uint64_t size)
{
    double most = load->up > load->down ? load->up : load->down;

    return gbps * (double)size / most;
}

double pcie_bound_gbps(const struct pcie_bench_config *bench, const struct pcie_config *link)
{
    struct pcie_load load = pcie_load_of(bench, link);

    return carried(pcie_raw_gbps(link), &load, bench->size);
}

static double pieces(uint64_t size, uint64_t unit)
{
    uint64_t n = (size + unit - 1) / unit;

    return (double)n;
}

double pcie_published_gbps(const struct pcie_bench_config *bench, const struct pcie_config *link,
                           bool whole_dws)
{
    double interval = link->ack_latency ? link->ack_latency : pcie_ack_latency(link);
    double tlp_gbps = pcie_raw_gbps(link) * (1 - 2 * DLLP / interval - (double)SKP / SKP_INTERVAL);
    double request = link->address64 ? 24 : 20; /* framing 8, header 16 or 12 */
    double completion = 20;
    uint64_t most = link->completion && link->completion < link->mps ? link->completion : link->mps;
    double size = (double)(whole_dws ? (bench->size + 3) & ~3ull : bench->size);
    struct pcie_load load = { 0, 0 };

    if (writes(bench)) {
        load.up += pieces(bench->size, link->mps) * request + size;
    }
    if (reads(bench)) {
        load.up += pieces(bench->size, link->mrrs) * request;
        load.down += pieces(bench->size, most) * completion + size;
    }
    return carried(tlp_gbps, &load, bench->size);
}
