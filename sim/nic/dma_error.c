/* dma_error: what the card does when a read of host memory fails (poisoned, not answered in time, no memory
 * there).
 *
 * The payload of a packet is not asked for again: the packet is dropped (`dma_error`) and its descriptor
 * completed as failed. What the card cannot do without (descriptors, commands, contexts) is asked for again.
 * After DMA_ATTEMPTS failures in a row it stops its DMA engines, as a real card goes into an error state
 * that only a reset ends; STATUS says so. Descriptors are asked for again by going back in their ring
 * (tx_dma.c), the rest by the list here. */
#include "nic/card.h"

#include <stdio.h>

enum { DMA_ATTEMPTS = 16 };

void nic_read_failure(struct espnic *card, const struct pcie_request *r)
{
    struct nic_faults *f = &card->faults;

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

bool nic_read_again(struct espnic *card, unsigned client, uint32_t index)
{
    struct nic_faults *f = &card->faults;
    const struct pcie_request *r = pcie_request_at(card->link, index);

    if (r->status == PCIE_OK) {
        f->in_a_row = 0;
        return false;
    }
    nic_read_failure(card, r);
    if (f->tail - f->head < NIC_AGAIN) { /* more reads of these kinds cannot be under way */
        struct nic_again *a = &f->again[f->tail++ % NIC_AGAIN];

        a->client = client;
        a->request = *r;
        a->request.status = PCIE_OK;
    }
    return true;
}

void nic_ask_again(struct espnic *card, unsigned client, uint64_t now)
{
    struct nic_faults *f = &card->faults;

    while (!f->stopped && f->head != f->tail && f->again[f->head % NIC_AGAIN].client == client &&
           nic_request_room(card, client, now, 1)) {
        nic_request(card, client, now, &f->again[f->head++ % NIC_AGAIN].request);
    }
    if (f->head != f->tail && !f->stopped) {
        /* the first of them may be another block's */
        sched_wake(&card->sched, card->request[f->again[f->head % NIC_AGAIN].client]->config.writer,
                   now + 1);
    }
}

size_t nic_explain_faults(const struct espnic *card, char *text, size_t size)
{
    static const char *const what[PCIE_STATUSES] = {
        [PCIE_UNSUPPORTED] = "unsupported request: no memory there",
        [PCIE_POISONED] = "poisoned data",
        [PCIE_TIMED_OUT] = "completion timeout",
    };
    int n = 0;

    if (card->faults.stopped) {
        n = snprintf(text, size,
                     "card.dma: stopped after %d reads in a row had failed, the last at address "
                     "0x%llx (%s)\n",
                     DMA_ATTEMPTS, (unsigned long long)card->faults.address,
                     what[card->faults.status]);
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
