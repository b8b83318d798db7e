/* What it takes for a block to be without limit, beside taking no time: room, clocks and counts that the
 * block's own parameters bound. Blocks themselves ask nic_is_ideal() for the time they take. */
#include <string.h>

#include "nic/config.h"

enum {
    IDEAL_BEATS = 512,    /* behind an ideal block: more than any latency on the chip can fill */
    IDEAL_REORDER = 2048, /* behind each engine: packets that wait for one in another engine */
    IDEAL_PREFETCH = 4096,
    IDEAL_TX_PREFETCH = 1024,
    IDEAL_COMMANDS = 256,
    IDEAL_REQUESTS = 4096
};

static void at_least(uint32_t *value, uint32_t least)
{
    *value = *value < least ? least : *value;
}

/* The names in a list, separated by commas. */
static uint32_t ideal_mask(const char *list)
{
    uint32_t mask = 0;

    for (const char *at = list; *at;) {
        size_t word = strcspn(at, ",");

        for (unsigned i = 0; nic_ideal_names[i]; i++) {
            if (strlen(nic_ideal_names[i]) == word && !strncmp(at, nic_ideal_names[i], word)) {
                mask |= 1u << i;
            }
        }
        at += word + (at[word] == ',');
    }
    return mask;
}

static void ideal_stages(struct nic_config *c)
{
    struct {
        enum nic_ideal block;
        struct nic_stage_config *stage;
    } stages[] = {
        { NIC_IDEAL_PARSER, &c->parser },           { NIC_IDEAL_SA_LOOKUP, &c->lookup },
        { NIC_IDEAL_REPLAY_CHECK, &c->replay },     { NIC_IDEAL_REPLAY_UPDATE, &c->update },
        { NIC_IDEAL_DECAPSULATE, &c->decapsulate }, { NIC_IDEAL_SA_FETCH, &c->fetch },
        { NIC_IDEAL_SEQUENCE, &c->sequence },       { NIC_IDEAL_ENCAPSULATE, &c->encapsulate },
        { NIC_IDEAL_FORWARD, &c->forward.stage }
    };

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (nic_is_ideal(c, stages[i].block)) {
            at_least(&stages[i].stage->depth, IDEAL_BEATS);
        }
    }
}

/* A link without limit has a clock that is never the limit either: the fastest that there is. */
static void ideal_links(struct nic_config *c)
{
    if (nic_is_ideal(c, NIC_IDEAL_WIRE)) {
        c->mac.rate = 1600000000000ull;
    }
    if (nic_is_ideal(c, NIC_IDEAL_PCIE)) {
        c->pcie.ideal = true;
        c->pcie.generation = 5;
        c->pcie.lanes = 16;
        at_least(&c->pcie.queue, IDEAL_REQUESTS);
    }
}

void nic_idealise(struct nic_config *c)
{
    c->general.ideal_mask = ideal_mask(c->general.ideal);
    if (!c->general.ideal_mask) {
        return;
    }
    ideal_stages(c);
    ideal_links(c);
    if (nic_is_ideal(c, NIC_IDEAL_CRYPTO)) {
        c->crypto.clock = 0; /* the core's */
    }
    if (nic_is_ideal(c, NIC_IDEAL_CRYPTO) || nic_is_ideal(c, NIC_IDEAL_REORDER)) {
        at_least(&c->crypto.depth, IDEAL_REORDER);
    }
    if (nic_is_ideal(c, NIC_IDEAL_RX_DMA)) {
        at_least(&c->dma.rx_prefetch, IDEAL_PREFETCH);
    }
    if (nic_is_ideal(c, NIC_IDEAL_TX_DMA)) {
        at_least(&c->dma.tx_prefetch, IDEAL_TX_PREFETCH);
    }
    if (nic_is_ideal(c, NIC_IDEAL_COMMAND)) {
        at_least(&c->command.depth, IDEAL_COMMANDS);
    }
}
