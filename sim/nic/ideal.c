/* What it takes for a block to be without limit, beside taking no time: room, clocks and counts that the
 * block's own parameters bound. Blocks themselves ask nic_is_ideal() for the time they take. */
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

static void ideal_stages(struct nic_config *c)
{
    struct {
        const char *name;
        struct nic_stage_config *stage;
    } stages[] = { { "parser", &c->parser },           { "sa_lookup", &c->lookup },
                   { "replay_check", &c->replay },     { "replay_update", &c->update },
                   { "decapsulate", &c->decapsulate }, { "sa_fetch", &c->fetch },
                   { "sequence", &c->sequence },       { "encapsulate", &c->encapsulate } };

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (nic_is_ideal(c, stages[i].name)) {
            at_least(&stages[i].stage->depth, IDEAL_BEATS);
        }
    }
}

/* A link without limit has a clock that is never the limit either: the fastest that there is. */
static void ideal_links(struct nic_config *c)
{
    if (nic_is_ideal(c, "wire")) {
        c->mac.rate = 1600000000000ull;
    }
    if (nic_is_ideal(c, "pcie")) {
        c->pcie.ideal = true;
        c->pcie.generation = 5;
        c->pcie.lanes = 16;
        at_least(&c->pcie.queue, IDEAL_REQUESTS);
    }
}

void nic_idealise(struct nic_config *c)
{
    if (!c->general.ideal[0]) {
        return;
    }
    ideal_stages(c);
    ideal_links(c);
    if (nic_is_ideal(c, "crypto")) {
        c->crypto.clock = 0; /* the core's */
    }
    if (nic_is_ideal(c, "crypto") || nic_is_ideal(c, "reorder")) {
        at_least(&c->crypto.depth, IDEAL_REORDER);
    }
    if (nic_is_ideal(c, "rx_dma")) {
        at_least(&c->dma.rx_prefetch, IDEAL_PREFETCH);
    }
    if (nic_is_ideal(c, "tx_dma")) {
        at_least(&c->dma.tx_prefetch, IDEAL_TX_PREFETCH);
    }
    if (nic_is_ideal(c, "command")) {
        at_least(&c->command.depth, IDEAL_COMMANDS);
    }
}
