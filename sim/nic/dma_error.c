/* dma_error: what the card does when a read of host memory fails (poisoned, not answered in time, no memory
 * there).
 *
 * The payload of a packet is not asked for again: the packet is dropped (`dma_error`) and its descriptor
 * completed as failed. What the card cannot do without (descriptors, commands, contexts) is asked for again.
 * After DMA_ATTEMPTS failures in a row it stops its DMA engines, as a real card goes into an error state
 * that only a reset ends; STATUS says so. Descriptors are asked for again by going back in their ring
 * (tx_dma.c), the rest by the list here. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/must.h"
#include "nic/card.h"

enum { DMA_ATTEMPTS = 16 };

void nic_faults_init(struct espnic *card)
{
    struct nic_faults *f = &card->faults;

    /* a command slot and a context miss have one read under way each */
    f->room = NIC_MAX_SLOTS + card->config.cache.mshrs;
    f->again = must(calloc(f->room, sizeof *f->again));
}

void nic_faults_free(struct espnic *card)
{
    free(card->faults.again);
}

void nic_faults_register_state(struct espnic *card, struct snapshot *snap)
{
    struct nic_faults *f = &card->faults;

    snapshot_fixed(snap, "card.faults", &f->s, sizeof f->s);
    snapshot_fixed(snap, "card.faults.again", f->again, f->room * sizeof *f->again);
}

void nic_read_failure(struct espnic *card, const struct pcie_request *r)
{
    struct nic_faults_state *f = &card->faults.s;

    card->stats.dma_failures++;
    f->in_a_row++;
    if (f->in_a_row >= DMA_ATTEMPTS && !f->stopped) {
        f->stopped = true;
        f->address = r->address;
        f->status = r->status;
        reg_set(&card->registers, REG_STATUS, 0,
                REG_PUT(STATUS, DMA_ERROR, reg_get(&card->registers, REG_STATUS, 0), 1));
    }
}

void nic_faults_reset(struct espnic *card, uint64_t now)
{
    card->faults.s.stopped = false;
    card->faults.s.in_a_row = 0;
    sched_wake(&card->sched, card->dma.tx_block, now + 1);
    sched_wake(&card->sched, card->dma.rx_block, now + 1);
    sched_wake(&card->sched, card->commands.block, now + 1);
    sched_wake(&card->sched, card->memory.block, now + 1);
}

bool nic_read_again(struct espnic *card, unsigned client, uint32_t index)
{
    struct nic_faults *f = &card->faults;
    const struct pcie_request *r = pcie_request_at(card->link, index);
    struct nic_again *a;

    if (r->status == PCIE_OK) {
        f->s.in_a_row = 0;
        return false;
    }
    nic_read_failure(card, r);
    assert(f->s.count < f->room);
    a = &f->again[(f->s.head + f->s.count++) % f->room];
    a->client = client;
    a->request = *r;
    a->request.status = PCIE_OK;
    return true;
}

void nic_ask_again(struct espnic *card, unsigned client, uint64_t now)
{
    struct nic_faults *f = &card->faults;

    while (!f->s.stopped && f->s.count && f->again[f->s.head].client == client &&
           nic_request_room(card, client, now, 1)) {
        nic_request(card, client, now, &f->again[f->s.head].request);
        f->s.head = (f->s.head + 1) % f->room;
        f->s.count--;
    }
    if (f->s.count && !f->s.stopped) {
        /* the first of them may be another block's */
        sched_wake(&card->sched, card->request[f->again[f->s.head].client]->config.writer, now + 1);
    }
}

size_t nic_explain_faults(const struct espnic *card, char *text, size_t size)
{
    static const char *const what[PCIE_STATUSES] = {
        [PCIE_UNSUPPORTED] = "unsupported request: no memory there",
        [PCIE_ABORTED] = "completer abort",
        [PCIE_POISONED] = "poisoned data",
        [PCIE_TIMED_OUT] = "completion timeout",
    };
    const struct pcie_stats *link = pcie_link_stats(card->link);
    size_t used = 0;
    int n = 0;

    if (card->faults.s.stopped) {
        n = snprintf(text, size,
                     "card.dma: stopped after %d reads in a row had failed, the last at address "
                     "0x%llx (%s)\n",
                     DMA_ATTEMPTS, (unsigned long long)card->faults.s.address,
                     what[card->faults.s.status]);
        used = n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
    }
    if (link->poisoned_writes || link->poisoned_mmio) {
        n = snprintf(
            text + used, size - used,
            "card.pcie: %llu writes to memory and %llu to registers were poisoned, so that "
            "nobody has seen them\n",
            (unsigned long long)link->poisoned_writes, (unsigned long long)link->poisoned_mmio);
        used += n < 0 ? 0 : (size_t)n < size - used ? (size_t)n : size - used - 1;
    }
    return used;
}
