/* Memory that the simulator cannot do without: there is nothing sensible to go on with, so it stops. */
#ifndef ESPNIC_ENGINE_MUST_H
#define ESPNIC_ENGINE_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* What an allocation returned, if it returned something; else the program ends with a message. */
static inline void *must(void *memory)
{
    if (!memory) {
        fputs("espnic: out of memory\n", stderr);
        abort();
    }
    return memory;
}

#endif
