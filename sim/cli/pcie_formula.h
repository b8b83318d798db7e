/* What a link can carry at most, in closed form; and the published analytical model of it. */
#ifndef ESPNIC_CLI_PCIE_FORMULA_H
#define ESPNIC_CLI_PCIE_FORMULA_H

#include "pcie_model/bench.h"

/* Bytes on the wire for one transaction of each kind that `bench` does; up, down. */
struct pcie_load {
    double up, down;
};

/* Of `rdwr`: one read and one write. As the link sends it: cuts at multiples, payload in whole DWs; the mean
 * over the places of the window. */
struct pcie_load pcie_load_of(const struct pcie_bench_config *bench,
                              const struct pcie_config *link);

/* All bytes that one wire carries, Gb/s: the rate on the lanes less its encoding (Gen6: the part of flits that
 * is for TLPs). */
double pcie_raw_gbps(const struct pcie_config *link);

/* Data of one kind, Gb/s, if the wires carried nothing but these TLPs. */
double pcie_bound_gbps(const struct pcie_bench_config *bench, const struct pcie_config *link);

/* Is there a published model of such a link (Gen1 to Gen5)? */
static inline bool pcie_is_published(const struct pcie_config *link)
{
    return link->generation <= 5;
}

/* The model of R. Neugebauer et al. (SIGCOMM 2018; pcie-bench/pcie-model): data of one kind, Gb/s, of
 * transfers that begin at a boundary. Of each direction's bytes one Ack and one UpdateFC (8 each) in the
 * guideline's number of bytes, and a SKP (4) in 1538, are taken away. `whole_dws`: the payload is padded to
 * DWs, as the wire has it (Base Specification 5.0, 2.2.2) and the model has not. */
double pcie_published_gbps(const struct pcie_bench_config *bench, const struct pcie_config *link,
                           bool whole_dws);

#endif
