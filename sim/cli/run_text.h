/* The table that espnic run prints. */
#ifndef ESPNIC_CLI_RUN_TEXT_H
#define ESPNIC_CLI_RUN_TEXT_H

#include <stdio.h>

#include "cli/bottleneck.h"

void run_text_print(FILE *out, struct simulation *s, const struct espnic_config *config,
                    const struct bottleneck *b); /* b NULL: not looked for */

#endif
