#include "cli/phase.h"

#include <stdlib.h>
#include <string.h>

static void copy_block(struct run_block *to, const struct nic_block_stats *from)
{
    memset(to, 0, sizeof *to);
    memcpy(to->name, from->name, sizeof to->name);
    to->slots = from->slots;
    to->items = from->items;
    memcpy(to->cycles, from->cycles, sizeof to->cycles);
    memcpy(to->stall, from->stall, sizeof to->stall);
    for (unsigned k = 0; k < 2; k++) {
        if (from->by_cause[k]) {
            memcpy(to->by_cause[k], from->by_cause[k], sizeof to->by_cause[k]);
        }
    }
}

bool phase_take(struct phase_mark *mark, struct espnic *card, struct host *host, uint64_t time)
{
    struct nic_block_stats now[NIC_MAX_BLOCK_STATS];
    const struct host_stats *h = host_statistics(host);

    mark->taken = true;
    mark->time = time;
    mark->card = *nic_statistics(card);
    mark->delivered = h->rx.delivered;
    mark->sent = h->tx.sent + h->rx.forwarded;
    mark->given =
        h->tx.packets_in + h->tx.lso_created + h->tx.segments_created + mark->card.forward.packets;
    mark->requests_in = mark->requests_out = 0;
    for (unsigned k = 0; k < HOST_OID_KINDS; k++) {
        const struct host_oid_stats *o = &h->oid[k];

        mark->changes[k] = o->nodes_done;
        mark->requests_in += o->requests;
        mark->requests_out += o->completed + o->in_software + o->aborted;
    }
    for (unsigned c = 0; c < HOST_MAX_CORES; c++) {
        mark->core_busy_ps[c] = h->core[c].busy_ps;
    }
    mark->blocks = nic_block_accounts(card, now);
    if (!mark->block) {
        mark->block = calloc(NIC_MAX_BLOCK_STATS, sizeof *mark->block);
    }
    for (unsigned i = 0; mark->block && i < mark->blocks; i++) {
        copy_block(&mark->block[i], &now[i]);
    }
    return mark->block != NULL;
}

void phase_free(struct phase_mark *mark)
{
    free(mark->block);
    memset(mark, 0, sizeof *mark);
}

void phase_subtract(struct phase_mark *end, const struct phase_mark *begin)
{
    for (unsigned i = 0; i < end->blocks; i++) {
        struct run_block *b = &end->block[i];
        const struct run_block *a = &begin->block[i];

        b->items -= a->items;
        for (unsigned k = 0; k < ACCOUNT_STATES; k++) {
            b->cycles[k] -= a->cycles[k];
        }
        for (unsigned k = 0; k < PCIE_STALLS; k++) {
            b->stall[k] -= a->stall[k];
        }
        for (unsigned c = 0; c < SCHED_MAX_BLOCKS; c++) {
            b->by_cause[0][c] -= a->by_cause[0][c];
            b->by_cause[1][c] -= a->by_cause[1][c];
        }
    }
}
