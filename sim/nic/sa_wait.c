/* sa_wait: packets between the question for an SA context and its coming. Only there if contexts are behind a cache.
 *
 * `card.sa.wait_queues` queues for each lane and direction. A packet joins the one that its SA is hashed to, so packets
 * of one SA keep their order, and a packet whose context is there passes those that wait in other queues; with one
 * queue all keep their order, and the ones behind a miss wait with it. Of several heads that can go, the queues take
 * turns. A packet whose queue is full holds up the look-up before it. */
#include "nic/card.h"

unsigned nic_wait_queue(const struct espnic *card, const struct nic_packet *p)
{
    return card->config.sa.storage == NIC_STORAGE_ON_CHIP
               ? 0
               : (unsigned)(rng_mix(p->sa) % card->config.sa.wait_queues);
}

static struct nic_waits *waits_of(struct espnic *card, const struct nic_packet *p)
{
    return &card->lane[p->lane].waits[p->dir];
}

void nic_wait_joins(struct espnic *card, struct nic_packet *p)
{
    p->wait_turn = waits_of(card, p)->joined++;
}

static bool there(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_lane *lane = self;

    (void)now;
    (void)again;
    *cause = lane->card->memory.block;
    return nic_memory_there(lane->card, nic_packet(lane->card, item));
}

/* The wait itself takes no cycles beside the one into and out of its buffer. */
static void job(void *self, uint64_t now, unsigned slot, struct lane_job *j)
{
    struct nic_lane *lane = self;
    const struct nic_packet *p = nic_packet(lane->card, j->item);

    (void)now;
    (void)slot;
    j->beats_in = p->beats;
    j->beats_out = p->beats;
    j->interval = nic_is_ideal(&lane->card->config, NIC_IDEAL_SA_MEMORY) ? 0 : 1;
}

/* Does one wait for its context, at the head of another queue, that joined before this packet? */
static bool passes(const struct nic_lane *lane, const struct nic_packet *p, unsigned queue)
{
    const struct stage *st = p->dir == NIC_RX ? &lane->wait : &lane->tx_wait;
    struct espnic *card = lane->card;

    for (unsigned i = 0; i < st->inputs; i++) {
        const struct channel_burst *head = channel_head(st->in[i]);

        if (i != queue && head &&
            (int32_t)(nic_packet(card, head->item)->wait_turn - p->wait_turn) < 0 &&
            !nic_memory_there(card, nic_packet(card, head->item))) {
            return true;
        }
    }
    return false;
}

static void begin(void *self, uint64_t now, unsigned slot, const struct lane_job *j)
{
    struct nic_lane *lane = self;

    (void)now;
    (void)slot;
    lane->card->stats.context_passed += passes(lane, nic_packet(lane->card, j->item), j->in);
}

void nic_wait_init(struct espnic *card, struct nic_lane *lane, unsigned dir)
{
    const struct stage_ops ops = { .job = job, .begin = begin, .ready = there };

    nic_stage(card, dir == NIC_RX ? &lane->wait : &lane->tx_wait,
              dir == NIC_RX ? "sa_wait_rx" : "sa_wait_tx", card->core, 1, LANE_START_FIRST, &ops,
              lane);
}
