/* How requests are cut into TLPs, in closed form. MPS, MRRS, RCB and the host's limit of a completion
 * are powers of two that divide 4096, so a cut at their multiples never leaves a TLP across a 4 KB
 * boundary, only the offset inside a 4 KB page matters (2.2.2, 2.2.7, 2.3.1.1), and shifts do what
 * divisions would. */
#include "pcie_model/link.h"

enum { PAGE = 4096 };

static unsigned log2_of(uint64_t power_of_two)
{
    return (unsigned)__builtin_ctzll(power_of_two);
}

/* Pieces of [at, at + length) when cut at the multiples of `unit`. */
static uint32_t pieces(uint32_t at, uint32_t length, uint64_t unit)
{
    unsigned shift = log2_of(unit);

    return ((at + length - 1) >> shift) - (at >> shift) + 1;
}

/* TLPs of [address, address + length) when cut at the multiples of `unit`, and the bytes that they have beside the
 * data. 4 GB is such a multiple. */
static struct pcie_cost cut(const struct pcie_config *config, uint64_t address, uint32_t length,
                            uint64_t unit)
{
    const uint64_t border = 1ull << 32;
    uint32_t tlps = pieces((uint32_t)(address % PAGE), length, unit);
    uint32_t low = address < border ? tlps : 0;

    if (address < border && border - address < length) {
        low = pieces((uint32_t)(address % PAGE), (uint32_t)(border - address), unit);
    }
    return (struct pcie_cost){ .tlps = tlps,
                               .wire_bytes = low * pcie_request_overhead(config, 0) +
                                             (tlps - low) * pcie_request_overhead(config, border) };
}

struct pcie_cost pcie_write_cost(const struct pcie_config *config, uint64_t address,
                                 uint32_t length)
{
    struct pcie_cost cost = { 0 };

    if (length) {
        cost = cut(config, address, length, config->mps);
        /* the cuts are DW aligned: only the two ends are padded */
        cost.wire_bytes += pcie_padded(address, length);
    }
    return cost;
}

struct pcie_cost pcie_read_cost(const struct pcie_config *config, uint64_t address, uint32_t length)
{
    struct pcie_cost cost = { 0 };

    if (length) {
        cost = cut(config, address, length, config->mrrs);
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
    first_end = ((at & ~3u) + most) & ~(rcb - 1);
    return 1 + ((at + length - first_end + most - 1) >> log2_of(most));
}

struct pcie_cost pcie_completion_cost(const struct pcie_config *config, uint64_t address,
                                      uint32_t length)
{
    struct pcie_cost cost = { 0 };
    uint32_t mrrs = (uint32_t)config->mrrs;
    uint32_t rcb = (uint32_t)config->rcb;
    uint32_t most = (uint32_t)(config->completion ? config->completion : config->mps);
    uint32_t at = (uint32_t)(address % PAGE);
    uint32_t first = mrrs - (at & (mrrs - 1)); /* bytes up to the first cut of the request */
    uint32_t rest;

    if (!length) {
        return cost;
    }
    if (most > config->mps) {
        most = (uint32_t)config->mps;
    }
    if (length <= first) {
        cost.tlps = completions(at, length, most, rcb);
    } else {
        rest = (length - first) & (mrrs - 1);
        cost.tlps = completions(at, first, most, rcb);
        cost.tlps += ((length - first) >> log2_of(mrrs)) * completions(0, mrrs, most, rcb);
        if (rest) {
            cost.tlps += completions(0, rest, most, rcb);
        }
    }
    cost.wire_bytes = cost.tlps * pcie_completion_overhead(config) + pcie_padded(address, length);
    return cost;
}
