/* SAs that leave the card for software, and come back.
 *
 * They leave because the card asks (SaDeleteReq), because the link goes down (host.failover), or because a reset has
 * wiped the card's table (card.sa.reset_wipes). They come back when they are used (host.readd), when the link is up, or
 * when the reset is over.
 *
 * No sequence number may be used twice. With packet offload an outbound SA's numbers are the card's while it is there:
 * on the way out its packets are held back until all that is in flight has completed, which tells the last number, and
 * only then the DELETE is sent; on the way back they are held from the ADD, which hands the next number over, until its
 * end. With crypto offload the host numbers, and nothing is held; the DELETE waits for what is in flight all the same,
 * as it would fail without its SA.
 * Inbound, packets that come before the new SA is there, or after the old one has gone, are opened in software. The
 * window that is handed over begins at the highest number received so far: what the network delays beyond that is
 * dropped (sa_table: all numbers up to it count as received). Of its limits it takes along what is left (lifetime.c).
 *
 * Restoration adds one SA a request, `host.oid.restore` of them at a time, in the order in which the host holds them. */
#include <string.h>

#include "host/internal.h"

bool host_may_move(const struct host *host)
{
    return host->config.general.readd != HOST_READD_NEVER || host->s->wiped_by_reset ||
           host->config.general.failover != HOST_FAILOVER_KEEP;
}

static bool outbound(const struct host *host, uint32_t sa)
{
    return (host_sa(host, sa)->flags & SA_HOST_IN) == 0;
}

/* ---- out ------------------------------------------------------------------------------------------------- */

/* Completions tell the number of the inner SA only, and a reset that loses them tells none. */
static bool number_known(const struct host *host, uint32_t sa)
{
    bool nested = host->config.tx.nest && (host_sa(host, sa)->flags & SA_HOST_TUNNEL) != 0;

    return !host->s->packet_offload || !outbound(host, sa) ||
           (host_numbers_told(host) && !nested && !host->s->rings_lost);
}

/* The last number that the card gave is that of the SA applied last; those of a bundle go on together. */
static void take_number(struct host *host, uint32_t sa)
{
    uint32_t last = host_sa(host, sa)->u.seq_lo;
    uint32_t first = host_sa(host, sa)->detail;
    struct host_frame *outer = host_frame(host, first);
    uint64_t next;

    if (!host->s->packet_offload || !host_sa(host, sa)->numbered) {
        return; /* none was given */
    }
    outer = outer->second != 0 ? host_frame(host, outer->second) : outer;
    next = (outer->number >> 32 << 32 | last) + 1;
    if (next < outer->number && (outer->flags & HOST_FRAME_ESN) != 0) {
        next += UINT64_C(1) << 32; /* the lower half has come round */
    }
    next -= outer->number;
    for (uint32_t id = first; id != 0; id = host_frame(host, id)->second) {
        host_frame(host, id)->number += next;
    }
}

static void away_since(struct host_frame *frame, uint64_t time)
{
    if (frame->stall == HOST_STALL_NO) {
        frame->stall_since = time;
        frame->uses = 0;
    }
}

static void send_delete(struct host *host, uint32_t sa, uint64_t time)
{
    uint32_t id = host_request_new(host, NDIS_DELETE_SA, 1, time);
    struct host_request *r = host_request(host, id);

    r->flags = REQUEST_OWN | REQUEST_LEAVE;
    host_items(host, r)[0] = (struct host_item){ .value = host_sa(host, sa)->card, .sa = sa };
    host_build_delete(host, id, 1);
    host_request_queue(host, id, time);
}

/* From now on what it takes is carried in software, unless it is held back: see end_leave. */
static void begin_leave(struct host *host, uint32_t id, bool restore, uint64_t time)
{
    struct host_sa *sa = host_sa(host, id);
    struct host_frame *frame;

    sa->state = SA_HOST_SOFTWARE;
    host->stats->sa.on_card--;
    host->stats->sa.in_software++;
    if (!number_known(host, id)) {
        host_sa_forget(host, id); /* a number could be used again */
    }
    host_sa_make_frame(host, id);
    frame = host_sa_frame(host, id);
    if (frame == NULL || frame->pack == 0) {
        host->stats->readd.no_keys++;
        return;
    }
    frame->flags &= (uint8_t) ~(HOST_FRAME_BACK | HOST_FRAME_RESTORE);
    frame->flags |= (uint8_t)((restore ? HOST_FRAME_RESTORE : HOST_FRAME_BACK) |
                              (outbound(host, id) ? HOST_FRAME_LEAVING : 0));
    away_since(frame, time);
}

/* Its descriptor has been, or is being, written with the SA of the card. */
static bool in_flight(const struct host_slot *s)
{
    return s->state == SLOT_POSTED || (s->state == SLOT_WORK && (s->flags & SLOT_OFFLOADED) != 0);
}

/* With packet offload descriptors are not counted by SA until one leaves. */
static void count_in_flight(struct host *host)
{
    for (uint32_t i = 0; host->s->packet_offload && i < host->s->slots_used; i++) {
        struct host_slot *s = &host->slot[i];
        struct host_frame *frame = in_flight(s) && s->sa != 0 && s->handle != 0 &&
                                           s->use[0].frame == 0 &&
                                           host_sa(host, s->sa)->card == s->handle
                                       ? host_sa_frame(host, s->sa)
                                       : NULL;

        if (frame != NULL && (frame->flags & HOST_FRAME_LEAVING) != 0) {
            s->use[0] = (struct host_use){ host_sa(host, s->sa)->detail, frame->generation };
            frame->inflight++;
        }
    }
}

static void end_leave(struct host *host, uint32_t sa, uint64_t time)
{
    struct host_frame *frame = host_sa_frame(host, sa);

    if (frame == NULL || (frame->flags & HOST_FRAME_LEAVING) == 0) {
        if ((host_sa(host, sa)->flags & SA_HOST_LEAVING) != 0) {
            send_delete(host, sa, time);
        }
    } else if (frame->inflight == 0) {
        host_move_drained(host, host_sa(host, sa)->detail, time);
    } else if (host->s->packet_offload) {
        frame->stall = HOST_STALL_MOVE;
        frame->stall_since = time;
    }
}

static void restore_step(struct host *host, uint64_t time);

void host_move_drained(struct host *host, uint32_t frame, uint64_t time)
{
    uint32_t sa = host_frame(host, frame)->owner;

    host_frame(host, frame)->flags &= (uint8_t)~HOST_FRAME_LEAVING;
    take_number(host, sa);
    if (host_frame(host, frame)->stall == HOST_STALL_MOVE) {
        host_stall_release(host, sa, time);
    }
    away_since(host_frame(host, frame), time);
    if ((host_sa(host, sa)->flags & SA_HOST_LEAVING) != 0) {
        send_delete(host, sa, time);
    }
    restore_step(host, time);
}

void host_left_card(struct host *host, uint32_t sa, uint64_t time)
{
    host_sa(host, sa)->flags &= (uint8_t)~SA_HOST_LEAVING;
    host_sa_card(host, sa, 0);
    host_overlap_end(host, sa, time);
    restore_step(host, time);
}

bool host_stays(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);
    struct host_frame *frame = host_sa_frame(host, id);

    if ((sa->flags & SA_HOST_LEAVING) == 0 || frame == NULL ||
        (frame->flags & HOST_FRAME_LEAVING) == 0) {
        return false;
    }
    frame->flags &= (uint8_t)~HOST_FRAME_LEAVING;
    sa->flags &= (uint8_t)~SA_HOST_LEAVING;
    sa->state = SA_HOST_CARD;
    host->stats->sa.on_card++;
    host->stats->sa.in_software--;
    return true;
}

bool host_moves(struct host *host, uint32_t sa, uint32_t slot)
{
    struct host_frame *frame = sa == 0 ? NULL : host_sa_frame(host, sa);

    if (frame == NULL || frame->stall != HOST_STALL_MOVE) {
        return false;
    }
    host_hold(host, frame, slot);
    return true;
}

/* ---- SaDeleteReq ------------------------------------------------------------------------------------------ */

static void delay(struct host *host, const struct host_delayed *what, uint64_t time)
{
    struct host_list *list = &host->s->delayed;
    uint32_t id = host_array_take(&host->delays);
    struct host_delayed *d = host_at(&host->delays, id);

    *d = *what;
    d->next = 0;
    d->time = time + host->config.general.delete_delay;
    if (list->tail != 0) {
        ((struct host_delayed *)host_at(&host->delays, list->tail))->next = id;
    } else {
        list->head = id;
    }
    list->tail = id;
    host_wake(host, BLOCK_TIMER, d->time);
}

void host_delete_request(struct host *host, uint64_t card, uint64_t time)
{
    uint32_t id = host_sa_of_card(host, card);

    if (id == 0 || host_sa(host, id)->state != SA_HOST_CARD ||
        (host_sa(host, id)->flags & SA_HOST_ASKED) != 0) {
        return;
    }
    host_sa(host, id)->flags |= SA_HOST_ASKED;
    delay(host, &(struct host_delayed){ .handle = card }, time);
}

/* One DELETE for the inbound SA; a while later one for its partner (rule 10). */
static void obey(struct host *host, const struct host_delayed *d, uint64_t time)
{
    uint32_t sa =
        d->partner != 0 ? host_sa_find(host, d->handle) : host_sa_of_card(host, d->handle);
    struct host_frame *frame;

    if (sa == 0 || host_sa(host, sa)->state != SA_HOST_CARD) {
        host->stats->sa.pair_missing += d->partner;
        return;
    }
    if (d->partner != 0) {
        host->stats->sa.pair_deletes++;
    } else {
        host->stats->sa.delete_requests_obeyed++;
        if (host_sa_pair(host, sa) != 0) {
            delay(host,
                  &(struct host_delayed){ .partner = 1,
                                          .handle = host_sa_pair(host, sa),
                                          .other = host_sa(host, sa)->handle },
                  time);
        } else {
            host->stats->sa.pair_missing++;
            host->stats->sa.pair_unknown++;
        }
    }
    host_sa(host, sa)->flags |= SA_HOST_LEAVING;
    begin_leave(host, sa, false, time);
    frame = host_sa_frame(host, sa);
    if (frame != NULL && frame->pack != 0) {
        host->stats->readd.asked++;
        if (outbound(host, sa) && (frame->flags & HOST_FRAME_CONTEXT) == 0) {
            frame->partner = d->other;
        }
    }
    count_in_flight(host);
    end_leave(host, sa, time);
}

void host_delayed_run(struct host *host, uint64_t time)
{
    struct host_list *list = &host->s->delayed;

    while (list->head != 0) {
        uint32_t id = list->head;
        struct host_delayed d = *(struct host_delayed *)host_at(&host->delays, id);

        if (d.time > time) {
            host_wake(host, BLOCK_TIMER, d.time);
            return;
        }
        list->head = d.next;
        list->tail = d.next == 0 ? 0 : list->tail;
        host_array_release(&host->delays, id);
        obey(host, &d, time);
    }
}

/* ---- back --------------------------------------------------------------------------------------------------- */

static bool may_return(struct host *host, uint32_t id, uint64_t time)
{
    const struct host_sa *sa = id == 0 ? NULL : host_sa(host, id);
    const struct host_frame *frame = id == 0 ? NULL : host_sa_frame(host, id);

    return frame != NULL && frame->pack != 0 && sa->state == SA_HOST_SOFTWARE &&
           (sa->flags & (SA_HOST_LEAVING | SA_HOST_DOOMED)) == 0 &&
           (frame->flags & HOST_FRAME_LEAVING) == 0 && frame->stall == HOST_STALL_NO &&
           (!outbound(host, id) || host_numbers_left(host, id)) && !host_life_over(host, id, time);
}

/* The node as it was recorded, with the numbers where they are now. */
static void node_of(struct host *host, uint32_t sa, struct esp_node *node, uint64_t time)
{
    host_sa_recorded(host, sa, node);
    host_life_left(host, sa, node, time);
    for (unsigned i = 0; i < node->sa_count; i++) {
        struct esp_sa *entry = &node->sa[i];

        for (uint32_t id = host_sa(host, sa)->detail; id != 0; id = host_frame(host, id)->second) {
            struct host_frame *frame = host_frame(host, id);

            if (frame->transform.op == entry->op && frame->transform.spi == entry->spi) {
                entry->seq = frame->number;
                entry->seq_hi = (uint32_t)(frame->number >> 32);
                frame->card_hi = entry->seq_hi;
                frame->flags &= (uint8_t) ~(HOST_FRAME_OVERLAP | HOST_FRAME_MODIFYING);
            }
        }
    }
}

static uint64_t partner_of(const struct host *host, uint32_t sa)
{
    const struct host_frame *frame = host_sa_frame(host, sa);

    if (!outbound(host, sa)) {
        return host_sa_pair(host, sa);
    }
    return frame != NULL && (frame->flags & HOST_FRAME_CONTEXT) == 0 ? frame->partner : 0;
}

/* It waits for its ADD; what was in the place of `waiters` comes back when that has ended. */
static void begin_return(struct host *host, uint32_t id, uint64_t time)
{
    struct host_sa *sa = host_sa(host, id);
    struct host_frame *frame = host_sa_frame(host, id);

    if ((sa->flags & SA_HOST_FAR) != 0) {
        host_store_release(&host->windows, sa->u.pair, sizeof(uint64_t));
        sa->flags &= (uint8_t)~SA_HOST_FAR;
    }
    sa->state = SA_HOST_ADDING;
    sa->numbered = 0;
    sa->u.waiters = 0;
    host->stats->sa.in_software--;
    histogram_add(&host->stats->readd.away_ns, time - frame->stall_since);
    if (host->s->packet_offload && outbound(host, id)) {
        frame->stall = HOST_STALL_MOVE;
        frame->stall_since = time;
    }
}

enum { MOST_BACK = 2 };

static void come_back(struct host *host, const uint32_t *ids, uint32_t count, bool restore,
                      uint64_t time)
{
    struct esp_node node[MOST_BACK];
    uint32_t id = host_request_new(host, NDIS_ADD_SA, count, time);
    struct host_request *r;
    uint32_t bytes;
    bool annotate;

    for (uint32_t i = 0; i < count; i++) {
        node_of(host, ids[i], &node[i], time);
    }
    annotate = host_wants_annotation(host, node, count);
    bytes = ndis_add_size(node, count, false, annotate);
    host_request(host, id)->buffer = host_store_take(&host->commands, bytes);
    r = host_request(host, id);
    r->buffer_bytes = bytes;
    r->flags = (uint8_t)(REQUEST_OWN | REQUEST_BACK);
    r->argument = restore ? 1 : 0;
    ndis_encode_add(node, count, false, annotate, host_block(&host->commands, r->buffer), bytes);
    explicit_bzero(node, sizeof node);
    for (uint32_t i = 0; i < count; i++) {
        host_items(host, r)[i] =
            (struct host_item){ .value = partner_of(host, ids[i]), .sa = ids[i] };
        begin_return(host, ids[i], time);
    }
    host_request_queue(host, id, time);
}

void host_used(struct host *host, uint32_t sa, uint64_t time)
{
    const struct host_general_config *c = &host->config.general;
    struct host_frame *frame = host_sa_frame(host, sa);
    uint32_t ids[MOST_BACK] = { sa };
    uint32_t other;

    if (c->readd == HOST_READD_NEVER || frame == NULL || frame->stall != HOST_STALL_NO ||
        (frame->flags & HOST_FRAME_BACK) == 0) {
        return;
    }
    frame->uses += frame->uses < UINT32_MAX ? 1 : 0;
    if (frame->uses < c->readd_packets || time - frame->stall_since < c->readd_pause ||
        host->s->resetting || !may_return(host, sa, time)) {
        return;
    }
    other = host_sa_find(host, partner_of(host, sa));
    if (other != sa && may_return(host, other, time) &&
        (host_sa_frame(host, other)->flags & HOST_FRAME_BACK) != 0) {
        ids[outbound(host, sa) ? 0 : 1] = other; /* the inbound one first */
        ids[outbound(host, sa) ? 1 : 0] = sa;
    } else {
        other = 0;
    }
    host->stats->readd.requests++;
    host->stats->readd.nodes += other != 0 ? 2 : 1;
    come_back(host, ids, other != 0 ? 2 : 1, false, time);
}

/* May it be tried again, when there is room, or when a reset is over? */
static bool for_the_time_being(const struct abi_command_completion *c)
{
    enum sa_reason reason =
        (enum sa_reason)(c->reason < SA_REASON_COUNT ? c->reason : (uint16_t)SA_OK);

    return reason == SA_OK || sa_reason_class(reason) == SA_CLASS_RESOURCES;
}

static bool cut_by_reset(uint32_t status)
{
    return status == NDIS_STATUS_RESET_IN_PROGRESS || status == NDIS_STATUS_REQUEST_ABORTED;
}

void host_settled(struct host *host, const struct host_item *item,
                  const struct abi_command_completion *c, const struct host_request *r,
                  uint64_t time)
{
    struct host_restore *restore = &host->s->restore;
    struct host_frame *frame = host_sa_frame(host, item->sa);
    bool back = r != NULL && (r->flags & REQUEST_BACK) != 0;
    bool again = host->s->wiped_by_reset || (back && r->argument != 0);

    if (back && outbound(host, item->sa)) {
        host_stall_release(host, item->sa, time);
    }
    if (host_sa(host, item->sa)->state == SA_HOST_CARD) {
        host_sa(host, item->sa)->flags &= (uint8_t)~SA_HOST_ASKED;
        return;
    }
    if (frame == NULL || !host_may_move(host)) {
        return;
    }
    frame->flags &= (uint8_t) ~(HOST_FRAME_BACK | HOST_FRAME_RESTORE);
    if (outbound(host, item->sa) && (frame->flags & HOST_FRAME_CONTEXT) == 0) {
        frame->partner = item->value;
    }
    if (for_the_time_being(c)) {
        frame->flags |= HOST_FRAME_BACK;
        host->stats->readd.asked += back ? 0 : 1;
    }
    if (again && cut_by_reset(c->status)) {
        frame->flags |= HOST_FRAME_RESTORE;
        restore->next = item->sa < restore->next ? item->sa : restore->next;
        restore->due = !restore->running;
    }
    away_since(frame, time);
}

/* Those that a reset has refused are tried again. */
static uint32_t given_up(const struct host *host, const struct host_request *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t sa = host_items(host, r)[i].sa;
        const struct host_frame *frame = host_sa_frame(host, sa);

        n += host_sa(host, sa)->state == SA_HOST_SOFTWARE &&
             (frame == NULL || (frame->flags & HOST_FRAME_RESTORE) == 0);
    }
    return n;
}

void host_came_back(struct host *host, const struct host_request *r, uint32_t done, uint64_t time)
{
    if (r->argument == 0) {
        host->stats->readd.done += done;
        host->stats->readd.refused += r->count - done;
        return;
    }
    host->stats->restore.nodes += done;
    host->stats->restore.failed += given_up(host, r);
    host->s->restore.under_way -= r->count;
    restore_step(host, time);
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static void end_restore(struct host *host, uint64_t time)
{
    struct host_restore *restore = &host->s->restore;
    struct host_restore_stats *stats = &host->stats->restore;

    restore->running = false;
    stats->times++;
    stats->ps += time - restore->began;
    stats->add_ps += restore->first == CLOCK_NEVER ? 0 : time - restore->first;
    stats->software += host->stats->software_packets - restore->software;
}

/* The next SAs. One whose way out has not ended yet is waited for. */
static void restore_step(struct host *host, uint64_t time)
{
    struct host_restore *restore = &host->s->restore;

    if (restore->stepping) {
        return; /* the loop below goes on */
    }
    restore->stepping = true;
    while (restore->running && restore->under_way < host->config.oid.restore &&
           restore->next < host->sas.used) {
        uint32_t id = restore->next;
        struct host_frame *frame =
            host_sa(host, id)->state == SA_HOST_SOFTWARE ? host_sa_frame(host, id) : NULL;

        if (frame == NULL || (frame->flags & HOST_FRAME_RESTORE) == 0) {
            restore->next++;
            continue;
        }
        if ((host_sa(host, id)->flags & SA_HOST_LEAVING) != 0 ||
            (frame->flags & HOST_FRAME_LEAVING) != 0 || host->s->resetting) {
            restore->stepping = false;
            return;
        }
        restore->next++;
        frame->flags &= (uint8_t)~HOST_FRAME_RESTORE;
        frame->flags |= HOST_FRAME_BACK;
        if (may_return(host, id, time)) {
            restore->first = restore->first == CLOCK_NEVER ? time : restore->first;
            restore->under_way++;
            come_back(host, &id, 1, true, time);
        } else if (host_life_over(host, id, time)) {
            host->stats->restore.expired++;
        } else {
            host->stats->restore.failed++;
        }
    }
    restore->stepping = false;
    if (restore->running && restore->next >= host->sas.used && restore->under_way == 0) {
        end_restore(host, time);
    }
}

static void begin_restore(struct host *host, uint64_t began, uint64_t time)
{
    struct host_restore *restore = &host->s->restore;

    if (restore->running) { /* once more from the start */
        restore->next = 1;
        restore_step(host, time);
        return;
    }
    *restore = (struct host_restore){ .began = began,
                                      .first = CLOCK_NEVER,
                                      .software = restore->software,
                                      .under_way = restore->under_way,
                                      .next = 1,
                                      .running = true,
                                      .stepping = restore->stepping };
    restore_step(host, time);
}

/* Every SA on the card goes to software; with a DELETE, unless the card has forgotten it. */
static void all_leave(struct host *host, bool forgotten, uint64_t time)
{
    for (uint32_t id = 1; id < host->sas.used; id++) {
        if (host_sa(host, id)->state == SA_HOST_CARD) {
            begin_leave(host, id, true, time);
            host_sa(host, id)->flags |= (uint8_t)(forgotten ? 0 : SA_HOST_LEAVING);
        }
    }
    count_in_flight(host);
    for (uint32_t id = 1; id < host->sas.used; id++) {
        struct host_sa *sa = host_sa(host, id);

        if (sa->state != SA_HOST_SOFTWARE || sa->card == 0 ||
            (forgotten && (sa->flags & SA_HOST_LEAVING) != 0)) {
            continue; /* of those that were leaving already the DELETE is under way */
        }
        if (forgotten) {
            host_sa_card(host, id, 0);
            host_overlap_end(host, id, time);
        }
        end_leave(host, id, time);
    }
}

void host_wiped(struct host *host, uint64_t time)
{
    all_leave(host, true, time);
    begin_restore(host, host->s->reset_started, time);
}

void host_restore_go(struct host *host, uint64_t time)
{
    restore_step(host, time);
    host_restore_late(host, time);
}

void host_restore_late(struct host *host, uint64_t time)
{
    struct host_restore *restore = &host->s->restore;

    if (restore->due && !restore->running && !host->s->resetting) {
        restore->software = host->stats->software_packets;
        begin_restore(host, time, time);
    }
}

void host_restored(struct host *host, uint32_t nodes, uint64_t first, uint64_t time)
{
    struct host_restore_stats *stats = &host->stats->restore;

    stats->times++;
    stats->nodes += nodes;
    stats->ps += time - host->s->reset_started;
    stats->add_ps += time - first;
    stats->software += host->stats->software_packets - host->s->restore.software;
}

void host_link(struct host *host, bool up, uint64_t time)
{
    bool was_up = !host->s->link_down;

    host->s->link_down = !up;
    if (host->config.general.failover != HOST_FAILOVER_READD || up == was_up) {
        return;
    }
    if (!up) {
        host->s->restore.software = host->stats->software_packets;
        all_leave(host, false, time);
    } else {
        begin_restore(host, time, time);
    }
}
