/* The device side of the link: clients take turns on the way up, TLP by TLP; what comes down is handed to
 * them. */
#include "pcie_model/link_inside.h"

/* ---- clients --------------------------------------------------------------------------------- */

void device_look_at_head(struct pcie_link *link, unsigned client)
{
    const struct channel *ch = link->client[client].request;

    if (channel_head(ch)) {
        link->s.offers |= 1u << client;
        link->s.client[client].visible = later(channel_next_visible(ch), ch->s.read_free);
    } else {
        link->s.offers &= ~(1u << client);
    }
}

/* The client's request, of which something is still to be sent. */
static uint32_t offered(const struct pcie_link *link, unsigned client)
{
    uint32_t item = link->s.client[client].item;

    return item != NONE ? item : channel_head(link->client[client].request)->item;
}

/* Its next TLP: up to the next multiple of MPS or MRRS (2.2.2, 2.2.7). */
static struct tlp next_tlp(const struct pcie_link *link, unsigned client)
{
    const struct client_state *s = &link->s.client[client];
    uint32_t item = offered(link, client);
    const struct pcie_request *r = &link->requests.request[item];
    bool begun = s->item != NONE;
    uint32_t left = begun ? s->left : r->length;
    struct tlp tlp = { .kind = r->op == PCIE_READ ? TLP_READ : TLP_WRITE,
                       .item = item,
                       .address = begun ? s->address : r->address };
    uint64_t unit = r->op == PCIE_READ ? link->config.mrrs : link->config.mps;
    uint32_t to_cut = (uint32_t)(unit - (tlp.address & (unit - 1)));

    tlp.length = left < to_cut ? left : to_cut;
    tlp.last = left <= to_cut;
    tlp.wire = pcie_request_overhead(&link->config, tlp.address);
    if (tlp.kind == TLP_WRITE) {
        tlp.wire += pcie_padded(tlp.address, tlp.length);
    }
    return tlp;
}

/* ---- what a TLP has to have ------------------------------------------------------------------ */

/* Tags and completion space of read TLPs that have come back. */
static void give_back(struct pcie_link *link, struct ring *returns, uint64_t now)
{
    const struct handover *first;

    while ((first = ring_head(returns)) && first->cycle <= now) {
        link->s.tags_free++;
        link->s.space.header += first->units.header;
        link->s.space.data += first->units.data;
        ring_pop(returns);
    }
}

static void take_returns(struct pcie_link *link, uint64_t now)
{
    give_back(link, &link->returns, now);
    give_back(link, &link->released, now);
}

static uint64_t next_return(const struct pcie_link *link)
{
    const struct handover *returns = ring_head(&link->returns);
    const struct handover *released = ring_head(&link->released);

    return earlier(returns ? returns->cycle : CLOCK_NEVER,
                   released ? released->cycle : CLOCK_NEVER);
}

static bool has_space(const struct pcie_link *link, struct units need)
{
    return link->s.space.header >= need.header && link->s.space.data >= need.data;
}

/* Tag, space for the data, credit of the host: in this order. */
static enum pcie_stall read_lacks(struct pcie_link *link, const struct tlp *tlp, uint64_t now,
                                  uint64_t *again)
{
    struct units space = link_space(link, tlp);

    if (link->s.tags_free == 0 || !has_space(link, space)) {
        take_returns(link, now);
    }
    if (link->s.tags_free == 0) {
        *again = earlier(*again, next_return(link));
        return PCIE_STALL_TAGS;
    }
    if (!has_space(link, space)) {
        *again = earlier(*again, next_return(link));
        return PCIE_STALL_SPACE;
    }
    return wire_has_credit(&link->wires, UP, PCIE_NONPOSTED, (struct units){ 1, 0 }, now, again)
               ? PCIE_STALLS
               : PCIE_STALL_NONPOSTED;
}

/* PCIE_STALLS: nothing. */
static enum pcie_stall lacks(struct pcie_link *link, const struct tlp *tlp, uint64_t now,
                             uint64_t *again)
{
    if (link->config.ideal) {
        return PCIE_STALLS;
    }
    if (tlp->kind == TLP_READ) {
        return read_lacks(link, tlp, now, again);
    }
    return wire_has_credit(&link->wires, UP, PCIE_POSTED,
                           units_of(pcie_padded(tlp->address, tlp->length)), now, again)
               ? PCIE_STALLS
               : PCIE_STALL_POSTED;
}

/* A completion does not pass posted writes (2.4.1): all that was pushed before the register was read goes
 * first, unless completions are relaxed. Reads among it go first too: in a client's channel they are
 * before the writes. They get their tags back without any help of this completion, so nothing can lock
 * up. */
static bool reply_may_go(const struct pcie_link *link, uint64_t now, uint64_t *again)
{
    const struct reply *reply = ring_head(&link->replies);

    if (reply->from > now) {
        *again = earlier(*again, reply->from);
        return false;
    }
    for (unsigned c = 0; c < link->clients && !link->config.relaxed; c++) {
        uint32_t taken = (uint32_t)link->client[c].request->s.popped;

        if ((int32_t)(taken - reply->behind[c]) < 0 ||
            (taken == reply->behind[c] && link->s.client[c].item != NONE)) {
            return false;
        }
    }
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Its last byte has been sent, or is being sent: a write may be answered as soon as that is known, unless
 * an answer of a read could still come before it. */
static void write_leaves(struct pcie_link *link, const struct tlp *tlp, uint64_t left)
{
    const struct pcie_request *request = &link->requests.request[tlp->item];

    if (request->op == PCIE_MSIX) {
        link->s.stats.msix++;
    } else {
        link->s.stats.writes++;
    }
    if (!request->answer) {
        requests_let_go(&link->requests, tlp->item, HELD_BY_CLIENT);
    } else if (link->client[request->client].answers == PCIE_ANSWERS_BOTH) {
        fly(&link->left, left, tlp);
    } else {
        link_answer(link, left, tlp->item);
    }
}

/* From now on the card waits for its completions. */
static void begin_read(struct pcie_link *link, struct tlp *tlp, struct units space)
{
    tlp->tag = device_next_read(link);
    *(struct read *)ring_push(&link->reads) = (struct read){
        .expires = CLOCK_NEVER, .item = tlp->item, .left = tlp->length, .space = space
    };
}

/* It has left. */
static void start_timeout(struct pcie_link *link, const struct tlp *tlp, uint64_t left)
{
    if (link->timeout != CLOCK_NEVER) {
        device_read(link, tlp->tag)->expires = left + link->timeout;
        if (tlp->tag == link->s.expiring) {
            link->s.expires = left + link->timeout;
        }
    }
}

static void use_up(struct pcie_link *link, struct tlp *tlp)
{
    struct pcie_direction_stats *stats = &link->s.stats.dir[UP];

    if (tlp->kind == TLP_READ) {
        struct units space = link_space(link, tlp);

        begin_read(link, tlp, space);
        stats->tlps_read++;
        if (!link->config.ideal) {
            link->s.tags_free--;
            link->s.space.header -= space.header;
            link->s.space.data -= space.data;
            wire_use_credit(&link->wires, UP, PCIE_NONPOSTED, (struct units){ 1, 0 });
        }
        return;
    }
    stats->tlps_write++;
    stats->payload_bytes += tlp->length;
    wire_use_credit(&link->wires, UP, PCIE_POSTED,
                    units_of(pcie_padded(tlp->address, tlp->length)));
}

/* The client's request is taken from its channel with its first TLP. */
static void begin_request(struct pcie_link *link, unsigned client, uint64_t now)
{
    const struct channel_run run = { .first = now, .beats = 1, .step = 1 };
    struct channel *ch = link->client[client].request;
    struct client_state *s = &link->s.client[client];
    uint32_t item = channel_head(ch)->item;
    const struct pcie_request *r = &link->requests.request[item];

    assert(link->requests.slot[item].held == HELD_BY_CLIENT && r->client == client);
    channel_pop(ch, &run);
    /* a read may be over for the card before the host has seen it */
    link->requests.slot[item].held |=
        r->op == PCIE_READ ? HELD_BY_LINK | HELD_BY_HOST : HELD_BY_LINK;
    link->requests.slot[item].left = r->length;
    link->requests.slot[item].refused = PCIE_OK;
    if (link->client[client].answers == PCIE_ANSWERS_ORDERED) {
        *(uint32_t *)ring_push(&link->client[client].order) = item;
    }
    s->item = item;
    s->address = r->address;
    s->left = r->length;
}

static void send_tlp(struct pcie_link *link, unsigned client, struct tlp *tlp, uint64_t now)
{
    struct client_state *s = &link->s.client[client];
    uint64_t left;

    if (s->item == NONE) {
        begin_request(link, client, now);
    }
    s->address += tlp->length;
    s->left -= tlp->length;
    use_up(link, tlp);
    left = link_send(link, UP, now, tlp, false);
    if (tlp->kind == TLP_READ) {
        start_timeout(link, tlp, left);
    }
    if (tlp->last) {
        s->item = NONE;
        device_look_at_head(link, client);
        if (tlp->kind == TLP_WRITE) {
            write_leaves(link, tlp, left);
        } else {
            link->s.stats.reads++;
        }
    }
}

static void send_reply(struct pcie_link *link, uint64_t now)
{
    const struct reply *reply = ring_head(&link->replies);
    struct tlp tlp = reply->tlp;

    link->s.stats.dir[UP].tlps_completion++;
    link->s.stats.dir[UP].payload_bytes += tlp.ok ? tlp.bytes : 0;
    ring_pop(&link->replies);
    if (!ring_used(&link->replies)) {
        link->s.offers &= ~(1u << link->clients);
    }
    link_send(link, UP, now, &tlp, false);
}

/* ---- arbitration ----------------------------------------------------------------------------- */

/* If client c (link->clients: the replies) can send now, it does. If not, note what it lacks. */
static bool turn(struct pcie_link *link, uint32_t c, uint64_t now, uint64_t *again,
                 enum pcie_stall *stall)
{
    enum pcie_stall lack;
    struct tlp tlp;

    if (c == link->clients && !reply_may_go(link, now, again)) {
        return false;
    }
    if (c < link->clients && link->s.client[c].item == NONE && link->s.client[c].visible > now) {
        *again = earlier(*again, link->s.client[c].visible);
        return false;
    }
    if (!wire_has_retry(&link->wires, UP, now, again)) {
        *stall = PCIE_STALL_RETRY;
        return false;
    }
    if (c == link->clients) {
        send_reply(link, now);
        return true;
    }
    tlp = next_tlp(link, c);
    lack = lacks(link, &tlp, now, again);
    if (lack != PCIE_STALLS) {
        *stall = *stall == PCIE_STALLS ? lack : *stall;
        return false;
    }
    send_tlp(link, c, &tlp, now);
    return true;
}

/* Those behind the last one first. */
static bool next_in_turn(struct pcie_link *link, uint64_t now, uint64_t *again,
                         enum pcie_stall *stall)
{
    uint32_t offers = link->s.offers;

    while (offers) {
        uint32_t behind_last = offers & ~0u << (link->s.last_client + 1);
        uint32_t c = (uint32_t)__builtin_ctz(behind_last ? behind_last : offers);

        if (turn(link, c, now, again, stall)) {
            link->s.last_client = c;
            return true;
        }
        offers &= ~(1u << c);
    }
    return false;
}

/* From now on the up wire idles for this reason, or does not idle any more. */
static void note_stall(struct pcie_link *link, uint64_t now, enum pcie_stall stall)
{
    struct account_reason why = { .state = ACCOUNT_WAITING, .cause = (uint8_t)link->block };

    if (link->s.stall != PCIE_STALLS) {
        link->s.stats.stall_cycles[link->s.stall] += now - link->s.stall_since;
    }
    link->s.stall = stall;
    link->s.stall_since = now;
    if (stall != PCIE_STALLS) {
        account_idle(&link->account[UP], now, why);
    }
}

static void end_stall(struct pcie_link *link, uint64_t now)
{
    if (link->s.stall != PCIE_STALLS) {
        note_stall(link, now, PCIE_STALLS);
    }
}

/* A TLP has been started. On an ideal link that takes no time; else nothing more can happen in this cycle. */
static bool started(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    uint64_t clear = link->wires.wire[UP].s.free;

    end_stall(link, now);
    if (clear <= now) {
        return true;
    }
    *again = device_wants(link) ? clear : CLOCK_NEVER;
    return false;
}

bool device_start(struct pcie_link *link, uint64_t now, uint64_t *again)
{
    enum pcie_stall stall = PCIE_STALLS;
    uint64_t clear = wire_clear(&link->wires, UP, now);

    if (clear > now) {
        *again = earlier(*again, clear);
        return false;
    }
    if (wire_repeats(&link->wires, UP) && link_repeat(link, UP, now)) {
        return started(link, now, again);
    }
    if (!link->s.offers) {
        return false;
    }
    if (next_in_turn(link, now, again, &stall)) {
        return started(link, now, again);
    }
    if (stall != PCIE_STALLS || link->s.stall != PCIE_STALLS) {
        note_stall(link, now, stall);
    }
    return false;
}

/* ---- what comes down ------------------------------------------------------------------------- */

/* The card takes it out of its receive buffers at once. */
static void free_buffer(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    if (tlp->kind == TLP_MMIO_WRITE) {
        wire_freed(&link->wires, DOWN, PCIE_POSTED, units_of(pcie_padded(tlp->item, tlp->bytes)),
                   arrives);
    } else {
        wire_freed(&link->wires, DOWN, PCIE_NONPOSTED, (struct units){ 1, 0 }, arrives);
    }
}

/* The read is over. Who wants its answers in order gets it after those of earlier reads, and with it those
 * of later ones that waited for it. */
static void end_request(struct pcie_link *link, uint32_t item, uint64_t cycle)
{
    struct client *client = &link->client[link->requests.request[item].client];
    const uint32_t *first;

    if (client->answers != PCIE_ANSWERS_ORDERED) {
        link_answer(link, cycle, item);
        requests_let_go(&link->requests, item, HELD_BY_LINK);
        return;
    }
    link->requests.slot[item].over = 1;
    while ((first = ring_head(&client->order)) && link->requests.slot[*first].over) {
        link_answer(link, cycle, *first);
        requests_let_go(&link->requests, *first, HELD_BY_LINK);
        ring_pop(&client->order);
    }
}

void device_take_bytes(struct pcie_link *link, const struct tlp *tlp, uint64_t cycle)
{
    struct request_slot *slot = &link->requests.slot[tlp->item];

    link->s.awaited -= tlp->length > 0;
    slot->left -= tlp->length;
    if (!slot->left) {
        end_request(link, tlp->item, cycle);
    }
}

/* An answer of a later cycle is pushed at once, unless a write's, or that of a read that is given up, could come
 * before it. */
static void bytes_arrive(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    struct request_slot *slot = &link->requests.slot[tlp->item];
    struct tlp rest;

    if (link->s.expires > arrives && link->s.awaited == 0) {
        slot->left -= tlp->length;
        if (slot->left) {
            return;
        }
        if (link->client[link->requests.request[tlp->item].client].answers != PCIE_ANSWERS_BOTH) {
            end_request(link, tlp->item, arrives);
            return;
        }
        rest = *tlp;
        rest.length = 0;
        fly(&link->down, arrives, &rest);
        return;
    }
    link->s.awaited++;
    fly(&link->down, arrives, tlp);
}

/* The next one whose timeout matters. Those that nobody has to do with any more are forgotten; nearly always that
 * leaves the next one in front. */
static void next_timeout(struct pcie_link *link)
{
    const struct read *read = ring_head(&link->reads);

    while (read && read->over && read->answered) {
        ring_pop(&link->reads);
        link->s.first_read++;
        read = ring_head(&link->reads);
    }
    if ((int32_t)(link->s.expiring - link->s.first_read) <= 0) {
        link->s.expiring = link->s.first_read;
    }
    link->s.expires = CLOCK_NEVER;
    for (; link->s.expiring != device_next_read(link); link->s.expiring++) {
        read = device_read(link, link->s.expiring);
        if (!read->over) {
            link->s.expires = read->expires;
            break;
        }
    }
}

/* Tag and space come back in this cycle. */
static void end_read(struct pcie_link *link, struct read *read, struct ring *returns,
                     uint64_t cycle)
{
    *(struct handover *)ring_push(returns) =
        (struct handover){ .cycle = cycle, .units = read->space };
    read->over = true;
    next_timeout(link);
}

static void take_completion(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    struct read *read = device_read(link, tlp->tag);

    read->answered = tlp->last;
    if (read->over || read->expires <= arrives) {
        link->s.stats.unexpected++;
        next_timeout(link);
        return;
    }
    if (tlp->ok != PCIE_OK) {
        link_spoil(link, tlp->item, (enum pcie_status)tlp->ok);
    } else if (by_chance(&link->s.poison, link->config.poison_ppb)) {
        link->s.stats.poisoned++;
        link_spoil(link, tlp->item, PCIE_POISONED);
    }
    read->left -= tlp->length;
    if (tlp->last) {
        end_read(link, read, &link->returns, arrives);
    }
    bytes_arrive(link, tlp, arrives);
}

void device_time_out(struct pcie_link *link, uint64_t now)
{
    struct read *read = device_read(link, link->s.expiring);
    struct tlp rest = { .item = read->item, .length = read->left };

    link->s.stats.timeouts++;
    link->s.awaited++;
    link_spoil(link, rest.item, PCIE_TIMED_OUT);
    end_read(link, read, &link->released, now + link->quarantine);
    device_take_bytes(link, &rest, now);
}

void device_receive(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    if (tlp->kind == TLP_COMPLETION) {
        take_completion(link, tlp, arrives);
        return;
    }
    free_buffer(link, tlp, arrives);
    if (tlp->kind == TLP_MMIO_WRITE &&
        by_chance(&link->s.poison_write[DOWN], link->config.poison_write_ppb)) {
        link->s.stats.poisoned_mmio++;
        return;
    }
    fly(&link->down, arrives, tlp);
}

/* Requests that the client had pushed before this cycle of a domain; those of later are not known to all yet. With
 * ido only up to the last of ID 0; if the link has got rid of all of them, as if there were none. */
static uint32_t pushed_before(const struct pcie_link *link, unsigned client, unsigned domain,
                              uint64_t cycle)
{
    const struct channel *ch = link->client[client].request;
    uint32_t begun = link->s.client[client].item;
    uint32_t pushed = (uint32_t)ch->s.pushed;

    for (uint32_t i = ch->s.burst_tail; i != ch->s.burst_head; i--) {
        const struct channel_burst *b = &ch->burst[(i - 1) & (ch->bursts - 1)];

        if (clock_compare(ch->sched->clocks, ch->wdom, b->at.first, domain, cycle) < 0 &&
            (!link->config.ido || link->requests.request[b->item].id == 0)) {
            return pushed;
        }
        pushed--;
    }
    return link->config.ido && (begun == NONE || link->requests.request[begun].id != 0) ? pushed - 1
                                                                                        : pushed;
}

void device_read_register(struct pcie_link *link, uint64_t now, const struct tlp *tlp)
{
    *(struct tlp *)ring_push(&link->asked) = *tlp;
    link->ops.mmio_read(link->self, now, tlp->item, tlp->bytes);
}

static struct tlp completion_of(const struct pcie_link *link, const struct tlp *asked,
                                uint64_t value, enum pcie_status status)
{
    struct tlp tlp = *asked;

    tlp.kind = TLP_REPLY;
    tlp.ok = status == PCIE_OK;
    tlp.address = status == PCIE_OK ? value : UINT64_MAX;
    tlp.wire = pcie_completion_overhead(&link->config) +
               (status == PCIE_OK ? pcie_padded(tlp.item, tlp.bytes) : 0);
    return tlp;
}

void pcie_mmio_answer(struct pcie_link *link, uint64_t from, unsigned domain, uint64_t cycle,
                      uint64_t value, enum pcie_status status)
{
    const struct tlp *asked = ring_head(&link->asked);
    struct reply *reply = ring_push(&link->replies);

    assert(asked && (status == PCIE_OK || status == PCIE_UNSUPPORTED || status == PCIE_ABORTED));
    link->s.stats.unsupported_mmio += status == PCIE_UNSUPPORTED;
    link->s.stats.aborted_mmio += status == PCIE_ABORTED;
    reply->from = from;
    reply->tlp = completion_of(link, asked, value, status);
    for (unsigned c = 0; c < link->clients; c++) {
        reply->behind[c] = pushed_before(link, c, domain, cycle);
    }
    ring_pop(&link->asked);
    link->s.offers |= 1u << link->clients;
    if (link->sched->running != link->block) { /* a wake of its own looks at it anyway */
        sched_wake(link->sched, link->block, from);
    }
}
