/* How requests are cut into TLPs, in closed form. MPS, MRRS and RCB are powers of two that
 * divide 4096, so a cut at their multiples never leaves a TLP across a 4 KB boundary, and only
 * the offset inside a 4 KB page matters (2.2.2, 2.2.7, 2.3.1.1). */
#include "pcie_model/link.h"

enum { PAGE = 4096 };

/* Pieces of [at, at + length) when cut at the multiples of `unit`. */
static uint32_t pieces(uint32_t at, uint32_t length, uint32_t unit)
{
    return (at + length - 1) / unit - at / unit + 1;
}

struct pcie_cost pcie_write_cost(const struct pcie_config *config, uint64_t address,
                                 uint32_t length)
{
    struct pcie_cost cost = { 0 };

    if (length) {
        cost.tlps = pieces((uint32_t)(address % PAGE), length, (uint32_t)config->mps);
        /* the cuts are DW aligned: only the two ends are padded */
        cost.wire_bytes = cost.tlps * pcie_request_overhead(config) + pcie_padded(address, length);
    }
    return cost;
}

struct pcie_cost pcie_read_cost(const struct pcie_config *config, uint64_t address, uint32_t length)
{
    struct pcie_cost cost = { 0 };

    if (length) {
        cost.tlps = pieces((uint32_t)(address % PAGE), length, (uint32_t)config->mrrs);
        cost.wire_bytes = cost.tlps * pcie_request_overhead(config);
    }
    return cost;
}

/* Completions of one read request [at, at + length). If one cannot hold the request's DWs, the
 * first ends at the last RCB multiple that it can reach, the others carry `most` bytes each. */
static uint32_t completions(uint32_t at, uint32_t length, uint32_t most, uint32_t rcb)
{
    uint32_t first_end;

    if (pcie_padded(at, length) <= most) {
        return 1;
    }
    first_end = (at / 4 * 4 + most) / rcb * rcb;
    return 1 + (at + length - first_end + most - 1) / most;
}

struct pcie_cost pcie_completion_cost(const struct pcie_config *config, uint64_t address,
                                      uint32_t length)
{
    struct pcie_cost cost = { 0 };
    uint32_t mrrs = (uint32_t)config->mrrs;
    uint32_t rcb = (uint32_t)config->rcb;
    uint32_t most = (uint32_t)(config->completion ? config->completion : config->mps);
    uint32_t at = (uint32_t)(address % PAGE);
    uint32_t first = mrrs - at % mrrs; /* bytes up to the first cut of the request */
    uint32_t whole;

    if (!length) {
        return cost;
    }
    if (most > config->mps) {
        most = (uint32_t)config->mps;
    }
    if (length <= first) {
        cost.tlps = completions(at, length, most, rcb);
    } else {
        whole = (length - first) / mrrs;
        cost.tlps = completions(at, first, most, rcb);
        cost.tlps += whole * completions(0, mrrs, most, rcb);
        if ((length - first) % mrrs) {
            cost.tlps += completions(0, (length - first) % mrrs, most, rcb);
        }
    }
    cost.wire_bytes = cost.tlps * PCIE_COMPLETION_OVERHEAD + pcie_padded(address, length);
    return cost;
}
