/* The driver of a card that gets each transmit SA with the packet (Chelsio T6): ADD and DELETE of such an SA
 * end in the driver. What is received has a table on the card, reached through the command queue, or is the
 * host's (ADD: NOT_SUPPORTED, and the SA lives in software).
 *
 * A request with both kinds of nodes goes to the card, which leaves the outbound ones alone; the driver adds
 * its part when it comes back. Handles of the driver have a bit that the card's never have. */
#include <string.h>

#include "host/internal.h"

#define OWN (1ull << 31)

/* ---- contexts ------------------------------------------------------------------------------------------ */

/* Does what the SA needs go into the descriptor? */
static bool fits(const struct host *host, const struct esp_sa *sa)
{
    return ABI_CONTEXT_KEYS + (uint32_t)sa->enc.length + sa->auth.length <= host->s->tx_context;
}

/* The first packet of an SA makes it. */
static bool make_context(struct host *host, uint32_t sa)
{
    struct host_frame *frame = host_sa_frame(host, sa);
    struct abi_tx_context head = { 0 };
    struct esp_node node;
    const struct esp_sa *s = &node.sa[0];
    uint8_t *bytes;

    if (!host_sa_node(host, sa, &node)) {
        return false;
    }
    head.spi = s->spi;
    head.op = (uint8_t)s->op;
    head.flags = (uint8_t)((s->esn ? ABI_CONTEXT_ESN : 0) |
                           (esp_sa_timing_only(s) ? ABI_CONTEXT_NO_KEY : 0));
    head.enc = (uint8_t)s->enc.alg;
    head.auth = (uint8_t)s->auth.alg;
    head.icv = frame->transform.icv;
    head.enc_length = s->enc.length;
    head.auth_length = s->auth.length;
    frame->bitmap = host_store_take(&host->packs, host->s->tx_context);
    frame->flags |= HOST_FRAME_CONTEXT;
    bytes = host_block(&host->packs, (uint32_t)frame->bitmap);
    memset(bytes, 0, host->s->tx_context);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + ABI_CONTEXT_KEYS, s->enc.bytes, s->enc.length);
    memcpy(bytes + ABI_CONTEXT_KEYS + s->enc.length, s->auth.bytes, s->auth.length);
    explicit_bzero(&node, sizeof node);
    return true;
}

bool host_carried_write(struct host *host, const struct host_slot *s, uint8_t *place)
{
    const struct host_frame *frame =
        s->handle == 0 || s->use[0].frame == 0 ? NULL : host_frame(host, s->use[0].frame);

    /* the SA may have gone since the packet was framed */
    if (frame == NULL || frame->generation != s->use[0].generation ||
        ((frame->flags & HOST_FRAME_CONTEXT) == 0 && !make_context(host, frame->owner))) {
        return false;
    }
    memcpy(place, host_block(&host->packs, (uint32_t)frame->bitmap), host->s->tx_context);
    memcpy(place + offsetof(struct abi_tx_context, seq_hi), &s->seq_hi, sizeof s->seq_hi);
    return true;
}

/* ---- ADD ------------------------------------------------------------------------------------------------ */

static enum sa_reason judge(const struct host *host, const struct esp_node *node)
{
    enum sa_reason reason = sa_validate(node, &host->s->can);

    if (reason == SA_OK && node->dir == ESP_DIR_IN && host->s->no_inbound) {
        return SA_UNSUPPORTED_INBOUND;
    }
    if (reason == SA_OK && node->dir == ESP_DIR_OUT && !fits(host, &node->sa[0])) {
        return SA_UNSUPPORTED_ENCRYPTION;
    }
    return reason;
}

uint64_t host_carried_take(const struct host *host, const struct esp_node *node, uint32_t sa,
                           enum sa_reason *reason)
{
    *reason = judge(host, node);
    return *reason == SA_OK ? (uint64_t)node->sa[0].spi << 32 | OWN | sa : 0;
}

/* The driver's nodes of an ADD get their handles; those that the card has judged are left alone. */
static void take_nodes(struct host *host, uint32_t id, bool card_too,
                       struct abi_command_completion *c)
{
    struct host_request *r = host_request(host, id);
    enum ndis_kind kind = (enum ndis_kind)r->kind;
    uint8_t *buffer = host_block(&host->commands, r->buffer);
    uint32_t offset[NDIS_MAX_CHAIN];
    uint32_t count;

    c->status = ndis_walk(kind, buffer, r->buffer_bytes, offset, &count);
    for (uint32_t i = 0; c->status == NDIS_STATUS_SUCCESS && i < count; i++) {
        struct esp_node node;
        enum sa_reason reason = ndis_read_node(kind, buffer, r->buffer_bytes, offset[i], &node);
        uint64_t handle = 0;

        if (card_too && (reason != SA_OK || node.dir == ESP_DIR_IN)) {
            continue;
        }
        if (reason == SA_OK) {
            handle = host_carried_take(host, &node, host_items(host, r)[i].sa, &reason);
        }
        if (reason != SA_OK) {
            host->stats->sa.driver_refused[reason] += card_too ? 0 : 1;
            c->reason = c->reason == 0 ? (uint16_t)reason : c->reason;
            continue;
        }
        memcpy(buffer + offset[i] + ndis_handle_offset(kind), &handle, sizeof handle);
        c->nodes++;
    }
    if (c->status == NDIS_STATUS_SUCCESS && c->nodes == 0) {
        c->status = ndis_status_of((enum sa_reason)c->reason);
    }
}

/* Is there a node for the card? */
static bool has_inbound(struct host *host, const struct host_request *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if ((host_sa(host, host_items(host, r)[i].sa)->flags & SA_HOST_IN) != 0) {
            return true;
        }
    }
    return false;
}

/* ---- UPDATE and DELETE -------------------------------------------------------------------------------------- */

static bool own(uint64_t handle)
{
    return ((uint32_t)handle & OWN) != 0;
}

/* Handles of a DELETE that are the driver's; *others: the rest. */
static uint32_t own_handles(struct host *host, const struct host_request *r, uint32_t *others)
{
    uint32_t found = 0;

    *others = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct host_item *item = &host_items(host, r)[i];

        found += item->sa != 0 && own(item->value) ? 1 : 0;
        *others += item->sa != 0 && item->value != 0 && !own(item->value) ? 1 : 0;
    }
    return found;
}

/* The upper half travels with each packet: there is nothing to set. */
static uint32_t update_status(struct host *host, const struct host_request *r)
{
    uint32_t sa = host_items(host, r)[0].sa;
    const struct host_frame *frame = sa == 0 ? NULL : host_sa_frame(host, sa);

    return frame != NULL && (frame->flags & HOST_FRAME_ESN) != 0 && frame->transform.op == r->op &&
                   frame->transform.spi == r->spi
               ? NDIS_STATUS_SUCCESS
               : NDIS_STATUS_INVALID_PARAMETER;
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

bool host_carried_request(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct abi_command_completion c = { .status = NDIS_STATUS_SUCCESS };
    bool add = r->kind == NDIS_ADD_SA || r->kind == NDIS_ADD_SA_EX;
    uint32_t others = 0;

    if (r->kind == HOST_REQUEST_ENCAPSULATION ||
        (add && !host->s->no_inbound && has_inbound(host, r)) ||
        (r->kind == NDIS_UPDATE_SA && !own(host_items(host, r)[0].value))) {
        return false;
    }
    if (r->kind == NDIS_DELETE_SA) {
        c.nodes = own_handles(host, r, &others);
    }
    if (others != 0) {
        return false;
    }
    if (host->s->resetting) {
        c.status =
            r->kind == NDIS_DELETE_SA ? NDIS_STATUS_NOT_ACCEPTED : NDIS_STATUS_RESET_IN_PROGRESS;
        c.nodes = 0;
    } else if (add && !host->s->encapsulated) {
        c.status = NDIS_STATUS_NOT_SUPPORTED; /* O-32 */
    } else if (add) {
        take_nodes(host, id, false, &c);
    } else if (r->kind == NDIS_UPDATE_SA) {
        c.status = update_status(host, r);
        c.nodes = c.status == NDIS_STATUS_SUCCESS ? 1 : 0;
    }
    host_oid_finish(host, id, &c, time);
    return true;
}

void host_carried_complete(struct host *host, uint32_t id, struct abi_command_completion *c)
{
    const struct host_request *r = host_request(host, id);
    bool add = r->kind == NDIS_ADD_SA || r->kind == NDIS_ADD_SA_EX;
    uint32_t others;

    if (r->kind == NDIS_DELETE_SA && c->status == NDIS_STATUS_SUCCESS) {
        c->nodes += own_handles(host, r, &others);
        return;
    }
    /* refused as a whole (reset, offload off, malformed) is refused as a whole */
    if (add && (c->status == NDIS_STATUS_SUCCESS || c->reason != 0)) {
        uint32_t status = c->status;

        take_nodes(host, id, true, c);
        c->status = c->nodes == 0 ? status : NDIS_STATUS_SUCCESS;
    }
}
