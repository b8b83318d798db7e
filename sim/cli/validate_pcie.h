/* Published figures of PCIe beside simulated ones. */
#ifndef ESPNIC_CLI_VALIDATE_PCIE_H
#define ESPNIC_CLI_VALIDATE_PCIE_H

#include "cli/validation.h"

/* Measure every group, or the one called `only`. False with a sentence in `error`. */
bool validate_pcie(struct validation *v, const char *only, char *error, size_t error_size);
extern const struct validation_group validate_pcie_groups[];
struct validation_setting validate_pcie_setting(size_t n);

#endif
