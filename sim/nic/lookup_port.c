/* lookup_port: the one port of the memories in which received SAs are looked up.
 *
 * Modelled: with `card.sa.lookup_port` a look-up takes the port for a cycle, two where it has to try twice (O-13).
 * The keys of a command are read and written at the end of the work on it, one access every `card.sa.lookup_pace`
 * cycles; look-ups have the cycles between. So a cuckoo insertion with a long search disturbs them for longer.
 * Simplified: an access of a command is never late, the look-up waits. Lanes have the port in the order in which they
 * ask for it. Without `lookup_port` nobody waits, and commands take the same time. */
#include "nic/card.h"

static bool modelled(const struct espnic *card)
{
    return card->config.sa.lookup_port && !nic_is_ideal(&card->config, NIC_IDEAL_SA_LOOKUP);
}

/* With other look-ups in the way the cause is what the stage put there: itself. */
bool nic_lookup_port_free(const struct espnic *card, uint64_t now, unsigned *cause, uint64_t *again)
{
    const struct nic_lookup_port *p = &card->lookup_port;

    if (!modelled(card)) {
        return true;
    }
    if (now < p->free) {
        *again = p->free;
        return false;
    }
    if (now >= p->from && now < p->to && (now - p->from) % card->config.sa.lookup_pace == 0) {
        *cause = card->commands.block;
        *again = now + 1;
        return false;
    }
    return true;
}

void nic_lookup_port_use(struct espnic *card, uint64_t now, uint32_t accesses)
{
    if (accesses) { /* none: a packet that is not looked up leaves the port to whoever has it */
        card->lookup_port.free = now + accesses;
    }
}

uint64_t nic_lookup_port_command(struct espnic *card, uint64_t from, uint32_t accesses)
{
    uint64_t cycles = (uint64_t)accesses * card->config.sa.lookup_pace;

    card->lookup_port.from = from;
    card->lookup_port.to = from + cycles;
    return cycles;
}
