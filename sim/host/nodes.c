/* What the control requests do with nodes.
 *
 * A request for a node whose ADD is not complete waits for it; one for a node in software ends here;
 * one for a handle that names no node goes to the card with a handle that it never issued. A recorded
 * handle is bound to its node when the request comes, so that the number may be used again at once. */
#include <string.h>

#include "host/internal.h"

/* ---- ADD -------------------------------------------------------------------------------------------- */

static void make_rule(struct host *host, uint32_t id, const struct esp_node *node)
{
    struct esp_selector sel;
    uint8_t family;

    if (!host_selector_of(node, host->config.tx.tunnel_policy == HOST_TUNNEL_LATEST, &sel,
                          &family)) {
        return;
    }
    host_sa(host, id)->link.rule =
        host_classifier_add(&host->classifier, &sel, family, id, node->mode == ESP_MODE_TUNNEL);
    if (host_sa(host, id)->link.rule == 0) {
        host->stats->sa.rules_refused++;
    }
}

static void remove_rule(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);

    if ((sa->flags & SA_HOST_IN) == 0 && sa->link.rule != 0) {
        host_classifier_remove(&host->classifier, sa->link.rule);
        sa->link.rule = 0;
    }
}

/* UDP ports on which ESP may come. */
static void learn_port(struct host *host, const struct esp_node *node)
{
    struct esp_ports *ports = &host->s->ports;

    if (node->dir != ESP_DIR_IN || node->udp == ESP_UDP_NONE) {
        return;
    }
    if (!host->s->ports_set) {
        host->s->ports_set = true;
        *ports = (struct esp_ports){ .count = 1, .port = { 4500 } };
    }
    for (unsigned i = 0; i < ports->count; i++) {
        if (ports->port[i] == node->encap_dport) {
            return;
        }
    }
    if (ports->count < ESP_MAX_PORTS) {
        ports->port[ports->count++] = node->encap_dport;
    }
}

/* The ADD of a node has an end: it is on the card, or lives in software. One that has come back has its selector
 * already. */
static void settle(struct host *host, uint32_t id, uint64_t handle, uint64_t pair, uint64_t time)
{
    struct host_sa *sa = host_sa(host, id);
    struct esp_node node;

    host_sa_node(host, id, &node);
    sa->u.waiters = 0;
    if ((sa->flags & SA_HOST_IN) != 0) {
        host_sa_set_pair(host, id, pair);
    }
    sa->state = handle != 0 ? SA_HOST_CARD : SA_HOST_SOFTWARE;
    host_life_start(host, id, time);
    host_sa_card(host, id, handle);
    if (node.dir == ESP_DIR_OUT && (sa->flags & SA_HOST_DOOMED) == 0 && sa->link.rule == 0) {
        make_rule(host, id, &node);
    }
    learn_port(host, &node);
    if (handle != 0) {
        host_overlap_add(host, id, &node, pair, time);
    }
    explicit_bzero(&node, sizeof node);
    host_sa_settle(host, id, handle != 0);
    if (handle != 0) {
        host->stats->sa.on_card++;
    } else {
        host->stats->sa.in_software++;
    }
}

static void evaluate(struct host *host, uint32_t id, uint64_t time);

/* Requests that waited for this ADD. */
static void wake_waiters(struct host *host, uint32_t request, uint64_t time)
{
    while (request != 0) {
        uint32_t next = host_request(host, request)->next;

        evaluate(host, request, time);
        request = next;
    }
}

/* The driver has worked them out when it built the request. */
static void learn_limits(struct host *host, const struct host_request *r, enum ndis_kind kind,
                         uint32_t offset, uint64_t handle)
{
    struct esp_node node;

    if (host->s->round != 0 && handle != 0 &&
        ndis_read_node(kind, host_block(&host->commands, r->buffer), r->buffer_bytes, offset,
                       &node) == SA_OK) {
        host_limits_add(host, handle, &node);
        explicit_bzero(&node, sizeof node);
    }
}

void host_finish_add(struct host *host, uint32_t id, const struct abi_command_completion *c,
                     uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct host_ending e = { .status = c->status,
                             .on_card = (r->flags & REQUEST_CANCELLED) == 0,
                             .reason =
                                 (enum sa_reason)(c->reason < SA_REASON_COUNT ? c->reason : 0) };
    enum ndis_kind kind = (enum ndis_kind)r->kind;
    uint32_t count = r->count;
    uint32_t handles = 0;
    uint64_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct host_item *item;
        const uint8_t *node;
        uint64_t handle = 0;
        uint32_t waiters;
        uint32_t offset = (uint32_t)at;

        r = host_request(host, id);
        item = &host_items(host, r)[i];
        node = host_block(&host->commands, r->buffer) + at;
        memcpy(&handle, node + ndis_handle_offset(kind), sizeof handle);
        memcpy(&at, node + 8, sizeof at); /* Next; the EX form has one node */
        handles += handle != 0 ? 1 : 0;
        if (c->status != NDIS_STATUS_SUCCESS) {
            handle = 0;
        }
        host_watch_handle(host, item->sa, handle);
        waiters = host_sa(host, item->sa)->u.waiters;
        settle(host, item->sa, handle, item->value, time);
        learn_limits(host, host_request(host, id), kind, offset, handle);
        host_settled(host, item, c, r, time);
        e.done += handle != 0 ? 1 : 0;
        wake_waiters(host, waiters, time);
    }
    if (e.done != count && e.reason != SA_OK) {
        host->stats->sa.refused[e.reason]++;
    }
    host_watch_add(host, c->status, handles);
    if ((host_request(host, id)->flags & REQUEST_BACK) != 0) {
        struct host_request ended = *host_request(host, id);

        host_came_back(host, &ended, e.done, time);
    }
    host_restore_late(host, time);
    host_request_end(host, id, &e, time);
}

/* With crypto offload the raw structures are enough for most SAs; O-24 wants the mode of the others. */
bool host_wants_annotation(const struct host *host, const struct esp_node *nodes, uint32_t count)
{
    bool wanted = host->s->packet_offload;

    for (uint32_t i = 0; i < count && !wanted; i++) {
        wanted = !ndis_plain(&nodes[i]) || nodes[i].sel.present ||
                 (nodes[i].mode == ESP_MODE_TUNNEL) != (nodes[i].udp > ESP_UDP_TRANSPORT) ||
                 (nodes[i].udp != ESP_UDP_NONE &&
                  (nodes[i].encap_sport != 4500 || nodes[i].encap_dport != 4500));
    }
    return wanted;
}

bool host_oid_add(struct host *host, uint64_t time, const struct esp_node *nodes, uint32_t count,
                  bool ex, uint64_t record, uint64_t req)
{
    bool annotate;
    uint32_t id;
    uint32_t bytes;
    struct host_request *r;

    if (host_late(host, time) || count == 0 || (ex && count != 1)) {
        return false;
    }
    annotate = host_wants_annotation(host, nodes, count);
    bytes = ndis_add_size(nodes, count, ex, annotate);
    id = host_request_new(host, ex ? NDIS_ADD_SA_EX : NDIS_ADD_SA, count, time);
    host_request(host, id)->buffer = host_store_take(&host->commands, bytes);
    r = host_request(host, id);
    r->buffer_bytes = bytes;
    r->record = record;
    r->req = req;
    ndis_encode_add(nodes, count, ex, annotate, host_block(&host->commands, r->buffer), bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sa = host_sa_new(host, &nodes[i]);

        host_items(host, r)[i] = (struct host_item){ .value = nodes[i].pair, .sa = sa };
    }
    host_request_queue(host, id, time);
    return true;
}

bool host_preload_add(struct host *host, const struct esp_node *node, enum sa_reason *reason)
{
    uint64_t handle = 0;
    uint32_t sa = host_sa_new(host, node);

    *reason = SA_OK;
    if (host->tables != NULL) {
        handle = host_tables_preload(host, node, reason);
    } else if (host->s->tx_context != 0 && node->dir == ESP_DIR_OUT) {
        handle = host_carried_take(host, node, sa, reason);
    } else if (!espnic_preload_add(host->card, node, &handle, reason)) {
        handle = 0;
    }
    if (handle == 0) {
        host->stats->sa.refused[*reason]++;
    }
    settle(host, sa, handle, node->pair, host_now(host));
    host_limits_add(host, handle, node);
    host_settled(host, &(struct host_item){ .value = node->pair, .sa = sa },
                 &(struct abi_command_completion){ .reason = (uint16_t)*reason }, NULL,
                 host_now(host));
    return handle != 0;
}

/* ---- UPDATE and DELETE ------------------------------------------------------------------------------ */

static uint64_t unknown_handle(struct host *host)
{
    host->stats->sa.unknown_handles++;
    return UINT64_MAX - host->s->never_issued++;
}

bool host_oid_update(struct host *host, uint64_t time, uint64_t handle, enum esp_op op,
                     uint32_t spi, uint32_t seq_hi, uint64_t record, uint64_t req)
{
    uint32_t id;
    uint32_t sa;
    struct host_request *r;

    if (host_late(host, time)) {
        return false;
    }
    id = host_request_new(host, NDIS_UPDATE_SA, 1, time);
    sa = host_sa_find(host, handle);
    r = host_request(host, id);
    r->op = op;
    r->spi = spi;
    r->seq_hi = seq_hi;
    r->record = record;
    r->req = req;
    host_items(host, r)[0] =
        (struct host_item){ .value = sa == 0 ? unknown_handle(host) : 0, .sa = sa };
    evaluate(host, id, time);
    return true;
}

/* The node is given up by its recorded DELETE: nothing more is sent with it. */
static void doom(struct host *host, uint32_t id, uint64_t time)
{
    host_sa_unname(host, id);
    remove_rule(host, id);
    host_sa(host, id)->flags |= SA_HOST_DOOMED;
    if ((host_sa(host, id)->flags & SA_HOST_IN) == 0) {
        host_stall_release(host, id, time);
    }
}

static void delete_some(struct host *host, uint64_t time, const uint64_t *handles, uint32_t count,
                        uint64_t record, uint64_t req)
{
    uint32_t id = host_request_new(host, NDIS_DELETE_SA, count, time);

    host_request(host, id)->record = record;
    host_request(host, id)->req = req;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sa = host_sa_find(host, handles[i]);

        if (sa != 0) {
            doom(host, sa, time);
        }
        host_items(host, host_request(host, id))[i] =
            (struct host_item){ .value = sa == 0 ? unknown_handle(host) : 0, .sa = sa };
    }
    evaluate(host, id, time);
}

bool host_oid_delete(struct host *host, uint64_t time, const uint64_t *handles, uint32_t count,
                     uint64_t record, uint64_t req)
{
    if (host_late(host, time) || count == 0) {
        return false;
    }
    /* A card takes chains up to a bound, and DELETE has no status that says so. */
    for (uint32_t at = 0; at < count; at += NDIS_MAX_CHAIN) {
        delete_some(host, time, handles + at,
                    count - at < NDIS_MAX_CHAIN ? count - at : (uint32_t)NDIS_MAX_CHAIN, record,
                    req);
    }
    return true;
}

/* Nodes that have no place on the card any more: the host forgets them. Returns what is left to send. */
static uint32_t sort_out_delete(struct host *host, uint32_t id)
{
    struct host_request *r = host_request(host, id);
    uint32_t left = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        struct host_item *item = &host_items(host, r)[i];

        if (item->sa == 0) {
            left += item->value != 0 ? 1 : 0;
            continue;
        }
        if (host_sa(host, item->sa)->state == SA_HOST_SOFTWARE && !host_stays(host, item->sa)) {
            host->stats->sa.in_software--;
            host_sa_free(host, item->sa);
            *item = (struct host_item){ 0 };
            continue;
        }
        item->value = host_sa(host, item->sa)->card;
        if (host_sa(host, item->sa)->state == SA_HOST_CARD) {
            host_sa(host, item->sa)->state = SA_HOST_DELETING;
        }
        left++;
    }
    return left;
}

void host_build_delete(struct host *host, uint32_t id, uint32_t left)
{
    struct host_request *r = host_request(host, id);
    uint32_t handles = host_store_take(&host->blocks, left * sizeof(uint64_t));
    uint64_t *list = (uint64_t *)(void *)host_block(&host->blocks, handles);
    const struct host_item *items = host_items(host, r);
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        if (items[i].value != 0) {
            list[n++] = items[i].value;
        }
    }
    r->buffer_bytes = left * NDIS_DELETE_SIZE;
    r->buffer = host_store_take(&host->commands, r->buffer_bytes);
    ndis_encode_delete(list, left, host_block(&host->commands, r->buffer), r->buffer_bytes);
    host_store_release(&host->blocks, handles, left * sizeof(uint64_t));
}

static struct host_frame *frame_of_entry(const struct host *host, uint32_t sa, uint32_t op,
                                         uint32_t spi, uint32_t *id)
{
    *id = (host_sa(host, sa)->flags & SA_HOST_FRAME) != 0 ? host_sa(host, sa)->detail : 0;
    for (; *id != 0; *id = host_frame(host, *id)->second) {
        struct host_frame *frame = host_frame(host, *id);

        if (frame->transform.op == op && frame->transform.spi == spi) {
            return frame;
        }
    }
    return NULL;
}

static void build_update(struct host *host, uint32_t id, uint64_t handle)
{
    struct host_request *r = host_request(host, id);
    struct ndis_update update = { handle, r->op, r->spi, r->seq_hi };

    r->buffer_bytes = NDIS_UPDATE_SIZE;
    r->buffer = host_store_take(&host->commands, NDIS_UPDATE_SIZE);
    ndis_encode_update(&update, host_block(&host->commands, r->buffer), NDIS_UPDATE_SIZE);
}

static void evaluate_update(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct host_item *item = host_items(host, r);
    uint32_t frame_id;

    if (item->sa != 0 && host_sa(host, item->sa)->state == SA_HOST_SOFTWARE) {
        struct host_ending e = { .status = NDIS_STATUS_SUCCESS };

        host_request_end(host, id, &e, time); /* the host infers by itself */
        return;
    }
    if (item->sa != 0) {
        struct host_frame *frame;

        item->value = host_sa(host, item->sa)->card;
        frame = frame_of_entry(host, item->sa, r->op, r->spi, &frame_id);
        /* Crypto offload, outbound: not before what is in flight has left (section 7). */
        if (frame != NULL && (host_sa(host, item->sa)->flags & SA_HOST_IN) == 0 &&
            (r->flags & REQUEST_STALL) == 0 && frame->stall == HOST_STALL_NO &&
            (frame->flags & HOST_FRAME_ESN) != 0 && !host->s->esn_inferred && !host->s->esn_scope &&
            host->s->tx_context == 0) {
            host_stall_adopt(host, item->sa, frame_id, id, time);
            return;
        }
    }
    build_update(host, id, item->value);
    host_request_queue(host, id, time);
}

/* A request may go on: its nodes are known, or it waits for the first whose ADD is not complete. */
static void evaluate(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    uint32_t left;

    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t sa = host_items(host, r)[i].sa;

        if (sa != 0 && host_sa(host, sa)->state == SA_HOST_ADDING) {
            uint32_t *link = &host_sa(host, sa)->u.waiters;

            if (r->state != REQUEST_WAITING) {
                host->stats->oid[r->kind == NDIS_UPDATE_SA ? HOST_OID_UPDATE : HOST_OID_DELETE]
                    .waited++;
            }
            while (*link != 0) {
                link = &host_request(host, *link)->next;
            }
            *link = id;
            r->next = 0;
            r->state = REQUEST_WAITING;
            return;
        }
    }
    if (r->kind == NDIS_UPDATE_SA) {
        evaluate_update(host, id, time);
        return;
    }
    left = sort_out_delete(host, id);
    if (left == 0) {
        struct host_ending e = { .status = NDIS_STATUS_SUCCESS };

        host_request_end(host, id, &e, time);
        return;
    }
    host_build_delete(host, id, left);
    host_request_queue(host, id, time);
}

void host_update_go(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);

    r->flags |= REQUEST_STALL;
    build_update(host, id, host_items(host, r)->value);
    host_request_queue(host, id, time);
}

void host_own_update(struct host *host, uint32_t sa, enum esp_op op, uint32_t spi, uint32_t seq_hi,
                     bool stall, uint64_t time)
{
    uint32_t id = host_request_new(host, NDIS_UPDATE_SA, 1, time);
    struct host_request *r = host_request(host, id);

    r->op = op;
    r->spi = spi;
    r->seq_hi = seq_hi;
    r->flags = (uint8_t)(REQUEST_OWN | (stall ? REQUEST_STALL : 0));
    host_items(host, r)[0] = (struct host_item){ .value = host_sa(host, sa)->card, .sa = sa };
    build_update(host, id, host_sa(host, sa)->card);
    host_request_queue(host, id, time);
}

void host_finish_update(struct host *host, uint32_t id, const struct abi_command_completion *c,
                        uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct host_item item = host_items(host, r)[0];
    bool good = c->status == NDIS_STATUS_SUCCESS;
    bool stall = (r->flags & REQUEST_STALL) != 0;
    struct host_ending e = { .status = c->status,
                             .done = good ? 1 : 0,
                             .on_card = (r->flags & REQUEST_CANCELLED) == 0 };
    uint32_t frame_id;

    if (stall && host_request_retry(host, id, c->status, time)) {
        return;
    }
    host_watch_update(host, c->status, item.sa != 0);

    /* The node may have gone meanwhile: its place then holds another handle, or none. */
    if (item.sa != 0 && host_sa(host, item.sa)->card == item.value) {
        struct host_frame *frame = frame_of_entry(host, item.sa, r->op, r->spi, &frame_id);

        if (frame != NULL && good && !stall && !host->s->esn_scope) {
            frame->card_hi = r->seq_hi;
        }
        if (stall) {
            host_stall_end(host, item.sa, time, good);
        }
    }
    host_request_end(host, id, &e, time);
}

/* ---- the end of a DELETE ---------------------------------------------------------------------------- */

/* The SA is still on the card: a later record may name it again. What it took is not known any more, so
 * nothing is sent with it. */
static void revive(struct host *host, uint32_t id)
{
    struct host_sa *sa = host_sa(host, id);

    sa->state = SA_HOST_CARD;
    sa->flags &= (uint8_t)~SA_HOST_DOOMED;
    host_sa_name(host, id);
}

/* What a reset refused or cut short is not there any more if the reset wipes the table. */
static bool gone_with_reset(const struct host *host, uint32_t status)
{
    return host->s->wiped_by_reset &&
           (status == NDIS_STATUS_NOT_ACCEPTED || status == NDIS_STATUS_REQUEST_ABORTED);
}

void host_finish_delete(struct host *host, uint32_t id, const struct abi_command_completion *c,
                        uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct host_ending e = { .status = c->status,
                             .done = c->nodes,
                             .on_card = (r->flags & REQUEST_CANCELLED) == 0 };

    if (host_request_retry(host, id, c->status, time)) {
        return;
    }
    host_watch_delete(host, c->status);
    for (uint32_t i = 0; i < r->count; i++) {
        struct host_item item = host_items(host, r)[i];

        if (item.sa == 0 || host_sa(host, item.sa)->card != item.value) {
            continue;
        }
        if ((r->flags & REQUEST_LEAVE) != 0) {
            host_left_card(host, item.sa, time);
        } else if (c->status != NDIS_STATUS_SUCCESS && !gone_with_reset(host, c->status)) {
            revive(host, item.sa);
        } else {
            host->stats->sa.on_card--;
            host_overlap_end(host, item.sa, time);
            host_sa_free(host, item.sa);
        }
    }
    host_request_end(host, id, &e, time);
}

enum host_place host_where(const struct host *host, uint64_t handle)
{
    uint32_t id = host_sa_find(host, handle);

    switch (id == 0 ? SA_HOST_FREE : host_sa(host, id)->state) {
    case SA_HOST_ADDING: return HOST_PLACE_ADDING;
    case SA_HOST_CARD: return HOST_PLACE_CARD;
    case SA_HOST_SOFTWARE: return HOST_PLACE_SOFTWARE;
    default: return HOST_PLACE_NONE;
    }
}
