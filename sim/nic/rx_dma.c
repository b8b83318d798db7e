/* rx_dma: received packets into host memory, one block a lane; and the fetch of receive descriptors.
 *
 * A packet takes the next descriptor of its queue (queues by flow), is written by DMA, and gets a completion
 * entry behind it on the same request queue, so that the host never sees the entry before the data. A ring that
 * gathers completions (done.c) gets the packet when its data has left the card.
 * Without a posted descriptor the packet is dropped (`rx_no_descriptor`); with one that is still on its way to
 * the card it waits. Bytes on their way are limited by `card.dma.rx_buffer`. */
#include "nic/card.h"

#include <string.h>

enum { NO_DESCRIPTOR, DESCRIPTOR_COMING, DESCRIPTOR_HERE };

static int descriptor(const struct nic_ring *r)
{
    return r->posted == r->taken    ? NO_DESCRIPTOR
           : r->fetched == r->taken ? DESCRIPTOR_COMING
                                    : DESCRIPTOR_HERE;
}

static struct abi_rx_descriptor *next_descriptor(struct espnic *card, unsigned q)
{
    uint32_t room = card->config.dma.rx_prefetch;

    return &card->dma.rx_descriptor[q * room + card->dma.rx[q].taken % room];
}

/* Bytes of completion in front of the packet in its buffer. */
static uint32_t prefix(const struct nic_ring *ring)
{
    return ring->done.mode == NIC_DONE_HEAD ? ABI_RX_PREFIX : 0;
}

/* Does this packet have to wait until others have left the buffer? */
static bool buffer_full(const struct nic_lane *lane, const struct nic_packet *p)
{
    const struct nic_config *c = &lane->card->config;

    return lane->rx_dma_used && lane->rx_dma_used + p->length > c->dma.rx_buffer &&
           !nic_is_ideal(c, NIC_IDEAL_RX_DMA);
}

static bool ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    const struct nic_packet *p = nic_packet(card, item);

    (void)again;
    switch (descriptor(&card->dma.rx[p->queue])) {
    case NO_DESCRIPTOR: return true; /* to be dropped */
    case DESCRIPTOR_COMING: *cause = pcie_link_block(card->link); return false;
    default: break;
    }
    *cause = pcie_link_block(card->link);
    return !buffer_full(lane, p) && nic_request_room(card, lane->rx_client, now, 2);
}

static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)now;
    (void)slot;
    p->drop = NIC_DROP_NONE;
    if (descriptor(&card->dma.rx[p->queue]) == NO_DESCRIPTOR) {
        p->drop = NIC_DROP_RX_NO_DESCRIPTOR;
    } else if (next_descriptor(card, p->queue)->length <
               p->length + prefix(&card->dma.rx[p->queue])) {
        p->drop = NIC_DROP_RX_BUFFER_SMALL;
    }
    j->beats_in = p->beats;
    j->out = LANE_NO_CHANNEL;
    j->interval = nic_is_ideal(&card->config, NIC_IDEAL_RX_DMA) ? 0 : 1;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct nic_packet *p = nic_packet(card, j->item);
    struct nic_ring *ring = &card->dma.rx[p->queue];
    struct pcie_request r = { .op = PCIE_WRITE, .ref = j->item, .id = nic_queue_id(p->queue) };
    uint64_t at =
        now + (nic_is_ideal(&card->config, NIC_IDEAL_RX_DMA) ? 0 : card->config.dma.latency);
    const struct abi_rx_descriptor *d;

    (void)slot;
    if (p->drop) {
        nic_count_drop(card, p, p->drop);
        return;
    }
    d = next_descriptor(card, p->queue);
    p->cookie = d->cookie;
    p->ring_at = ring->taken;
    p->dma_bytes = p->length + prefix(ring);
    r.address = d->address;
    r.length = p->dma_bytes ? p->dma_bytes : 1; /* nothing at all is still a TLP, of one DW */
    r.ref2 = NIC_FOR_RX_PAYLOAD | (uint32_t)ring->done.gathers << NIC_COUNT_LSB;
    r.answer = 1;
    lane->rx_dma_used += r.length;
    nic_request(card, lane->rx_client, at, &r);
    if (!ring->done.gathers) {
        r = nic_rx_done_plain(card, p, j->item);
        nic_request(card, lane->rx_client, at, &r);
    }
    ring->taken++;
    card->stats.delete_requests += p->delete_req;
    if (nic_descriptors_wanted(card, true, p->queue)) {
        sched_wake(&card->sched, card->dma.rx_block, now);
    }
}

static void done(void *self, unsigned slot, const struct lane_state *s)
{
    struct nic_lane *lane = self;

    (void)slot;
    nic_done_dropped(lane->card, s);
}

/* Is there a packet that the buffer has no place for? */
static bool held(const struct nic_lane *lane)
{
    const struct channel_burst *head = channel_head(lane->rx_dma.in[0]);

    return head && buffer_full(lane, nic_packet(lane->card, head->item));
}

/* Data has left the card: its place in the buffer is free. */
static void data_left(struct nic_lane *lane, const struct pcie_request *r, uint64_t now)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };

    lane->rx_dma_used -= r->length;
    if (r->ref2 >> NIC_COUNT_LSB) {
        channel_push(lane->rx_done, &run, r->ref, CHANNEL_FIRST | CHANNEL_LAST);
    }
}

/* A completion has left: the interrupt may follow, and cannot overtake it. */
static void answers_wake(void *self, uint64_t now)
{
    struct nic_lane *lane = self;
    struct espnic *card = lane->card;
    struct channel *answers = card->answer[lane->rx_client];
    uint64_t next;

    if (held(lane)) {
        sched_wake(&card->sched, lane->rx_dma.block, now + 1);
    }
    while ((next = channel_next_visible(answers)) <= now) {
        uint32_t index = channel_head(answers)->item;
        const struct pcie_request *r = pcie_request_at(card->link, index);

        if ((r->ref2 & 0xff) == NIC_FOR_RX_PAYLOAD) {
            data_left(lane, r, now);
        } else {
            nic_interrupt(card, 1u + (r->ref2 >> NIC_PURPOSE_BITS & 0xff), 1, now);
        }
        pcie_request_release(card->link, index);
        channel_pop_item(answers, now, 1);
    }
    if (next != CLOCK_NEVER) {
        sched_wake(&card->sched, lane->rx_answers_block, next);
    }
}

void nic_rx_dma_init(struct espnic *card, struct nic_lane *lane)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .done = done, .ready = ready };

    nic_stage(card, &lane->rx_dma, "rx_dma", card->core, 1, LANE_START_LAST, &ops, lane);
    lane->rx_answers_block =
        sched_add_block(&card->sched, "rx_dma_answers", card->core, answers_wake, lane);
}
