/* Control requests: where they wait, the command ring, how they end.
 *
 * Direct OIDs are concurrent: as many as the command ring holds are under way. What the requests say about
 * nodes is in nodes.c. */
#include <string.h>

#include "host/internal.h"

struct host_item *host_items(const struct host *host, const struct host_request *r)
{
    return (struct host_item *)(void *)host_block(&host->blocks, r->items);
}

static enum host_oid_kind stat_kind(const struct host_request *r)
{
    switch (r->kind) {
    case NDIS_ADD_SA:
    case NDIS_ADD_SA_EX: return HOST_OID_ADD;
    case NDIS_UPDATE_SA: return HOST_OID_UPDATE;
    case NDIS_DELETE_SA: return HOST_OID_DELETE;
    default: return HOST_OID_OTHER;
    }
}

static const uint32_t status_values[HOST_STATUS_KINDS - 1] = {
    NDIS_STATUS_SUCCESS,
    NDIS_STATUS_PENDING,
    NDIS_STATUS_NOT_RECOGNIZED,
    NDIS_STATUS_NOT_ACCEPTED,
    NDIS_STATUS_INDICATION_REQUIRED,
    NDIS_STATUS_BUFFER_OVERFLOW,
    NDIS_STATUS_FAILURE,
    NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_RESOURCES,
    NDIS_STATUS_NOT_SUPPORTED,
    NDIS_STATUS_CLOSING,
    NDIS_STATUS_BAD_VERSION,
    NDIS_STATUS_REQUEST_ABORTED,
    NDIS_STATUS_RESET_IN_PROGRESS,
    NDIS_STATUS_CLOSING_INDICATING,
    NDIS_STATUS_ADAPTER_NOT_READY,
    NDIS_STATUS_INVALID_LENGTH,
    NDIS_STATUS_INVALID_DATA,
    NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_INVALID_OID,
    NDIS_STATUS_ADAPTER_REMOVED,
    NDIS_STATUS_SEND_ABORTED,
    NDIS_STATUS_PAUSED,
    NDIS_STATUS_UNSUPPORTED_REVISION,
    NDIS_STATUS_LOW_POWER_STATE,
};

unsigned host_status_index(uint32_t status)
{
    unsigned i = 0;

    while (i < HOST_STATUS_KINDS - 1 && status_values[i] != status) {
        i++;
    }
    return i;
}

/* ---- lists of requests ------------------------------------------------------------------------------ */

static void append(struct host *host, struct host_list *list, uint32_t id)
{
    host_request(host, id)->next = 0;
    if (list->tail != 0) {
        host_request(host, list->tail)->next = id;
    } else {
        list->head = id;
    }
    list->tail = id;
    list->count++;
}

uint32_t host_request_new(struct host *host, unsigned kind, uint32_t count, uint64_t time)
{
    uint32_t items =
        count != 0 ? host_store_take(&host->blocks, count * sizeof(struct host_item)) : 0;
    uint32_t id = host_array_take(&host->requests);
    struct host_request *r = host_request(host, id);

    memset(r, 0, sizeof *r);
    r->kind = (uint8_t)kind;
    r->items = items;
    r->count = count;
    r->time = time;
    r->ready = time;
    host->stats->oid[stat_kind(r)].requests++;
    host->stats->oid[stat_kind(r)].nodes += count;
    host->s->pending_requests++;
    return id;
}

static void release_buffer(struct host *host, struct host_request *r)
{
    if (r->buffer != 0) {
        host_store_release(&host->commands, r->buffer, r->buffer_bytes);
        r->buffer = 0;
    }
}

static void free_request(struct host *host, uint32_t id)
{
    struct host_request *r = host_request(host, id);

    release_buffer(host, r);
    if (r->items != 0) {
        host_store_release(&host->blocks, r->items, r->count * sizeof(struct host_item));
    }
    host_array_release(&host->requests, id);
    host->s->pending_requests--;
}

static void at_once(struct host *host, uint32_t id, uint64_t time);

/* Does it go through the command queue, which the experiment leaves out? */
static bool is_free(const struct host *host, const struct host_request *r)
{
    return host->options.free_requests && host->s->started == START_DONE &&
           (host->s->path == NIC_PATH_QUEUE || host->s->path == NIC_PATH_FIRMWARE) &&
           (r->flags & REQUEST_STARTING) == 0;
}

void host_request_queue(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    uint32_t limit = host->s->command_limit;

    if (limit != 0 && host->s->cmd_tail - host->s->cmd_done + host->s->queued.count >= limit) {
        host->stats->commands_held++;
    }

    r->ready = time;
    if (is_free(host, r)) {
        at_once(host, id, time);
        return;
    }
    r->state = REQUEST_QUEUED;
    append(host, &host->s->queued, id);
    host_core_kick(host, 0, time);
}

/* ---- the end of a request --------------------------------------------------------------------------- */

/* What the card and the way to it did not take was the driver's. */
static void divide(const struct host_request *r, uint64_t time, uint64_t part[HOST_PARTS])
{
    part[HOST_PART_PCIE] = r->pcie_ps;
    part[HOST_PART_CARD] = r->card_ps;
    part[HOST_PART_INTERRUPT] = r->interrupt_ps;
    part[HOST_PART_DRIVER] = time - r->time - r->pcie_ps - r->card_ps - r->interrupt_ps;
}

static void measure(struct host *host, const struct host_request *r, bool on_card, uint64_t time,
                    const uint64_t part[HOST_PARTS])
{
    struct host_oid_stats *stats = &host->stats->oid[stat_kind(r)];

    for (unsigned i = 0; i < HOST_PARTS; i++) {
        histogram_add(&stats->part_ns[i], part[i]);
    }
    histogram_add(&stats->latency_ns, time - r->time);
    histogram_add(&stats->wait_ns, r->ready - r->time);
    if (on_card && r->visible >= r->doorbell && r->visible != 0) {
        histogram_add(&stats->driver_ns, r->doorbell - r->ready);
        histogram_add(&stats->card_ns, r->visible - r->doorbell);
        histogram_add(&stats->complete_ns, time - r->visible);
    }
}

void host_request_end(struct host *host, uint32_t id, const struct host_ending *e, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct host_oid_stats *stats = &host->stats->oid[stat_kind(r)];
    struct host_oid_done done = { .request_time = r->time,
                                  .time = time,
                                  .record = r->record,
                                  .kind = (enum ndis_kind)r->kind,
                                  .status = e->status,
                                  .nodes = r->count,
                                  .done = e->done,
                                  .on_card = e->on_card,
                                  .reason = e->reason };
    bool tell = host->options.sinks.oid != NULL && r->kind <= NDIS_DELETE_SA;

    if (e->on_card) {
        stats->completed++;
    } else if (e->status == NDIS_STATUS_REQUEST_ABORTED) {
        stats->aborted++;
    } else {
        stats->in_software++;
    }
    stats->status[host_status_index(e->status)]++;
    stats->nodes_done += e->done;
    divide(r, time, done.part_ps);
    measure(host, r, e->on_card, time, done.part_ps);
    if ((r->flags & REQUEST_STARTING) != 0) {
        host->s->started = e->status == NDIS_STATUS_SUCCESS ? START_DONE : START_FAILED;
        host->s->start_status = e->status;
        if (host->has_source) {
            host_wake(host, BLOCK_SOURCE, time);
        }
    }
    free_request(host, id);
    if (tell) {
        host->options.sinks.oid(host->options.sinks.self, &done);
    }
}

bool host_late(struct host *host, uint64_t time)
{
    if (time < host_now(host)) {
        return true;
    }
    if (time > host_now(host)) {
        host_simulate(host, time);
    }
    return false;
}

/* O-27: what a reset refused or cut short is done once more after it. */
bool host_request_retry(struct host *host, uint32_t id, uint32_t status, uint64_t time)
{
    struct host_request *r = host_request(host, id);

    if ((r->flags & REQUEST_RETRY) != 0 ||
        (status != NDIS_STATUS_NOT_ACCEPTED && status != NDIS_STATUS_REQUEST_ABORTED &&
         status != NDIS_STATUS_RESET_IN_PROGRESS)) {
        return false;
    }
    r->flags |= REQUEST_RETRY;
    host->stats->oid[stat_kind(r)].retried++;
    if (host->s->resetting) {
        r->state = REQUEST_HELD;
        append(host, &host->s->held, id);
    } else {
        host_request_queue(host, id, time);
    }
    return true;
}

void host_encapsulation(struct host *host, bool on, uint8_t flags, uint64_t time)
{
    uint32_t id = host_request_new(host, HOST_REQUEST_ENCAPSULATION, 0, time);

    host_request(host, id)->argument = on ? 1 : 2;
    host_request(host, id)->flags = flags;
    host_request_queue(host, id, time);
}

/* ---- the command ring ------------------------------------------------------------------------------- */

uint32_t host_oid_ready(const struct host *host)
{
    uint32_t with_card = host->s->cmd_tail - host->s->cmd_done;
    uint32_t limit = host->s->command_limit;

    if (host->s->path == NIC_PATH_REGISTERS) {
        return host_mailbox_busy(host) ? 0 : host->s->queued.head;
    }
    return with_card < host->config.oid.ring && (limit == 0 || with_card < limit)
               ? host->s->queued.head
               : 0;
}

static uint32_t opcode_of(uint32_t kind)
{
    static const uint32_t opcodes[] = { [NDIS_ADD_SA] = ABI_OP_ADD_SA,
                                        [NDIS_ADD_SA_EX] = ABI_OP_ADD_SA_EX,
                                        [NDIS_UPDATE_SA] = ABI_OP_UPDATE_SA,
                                        [NDIS_DELETE_SA] = ABI_OP_DELETE_SA,
                                        [HOST_REQUEST_ENCAPSULATION] = ABI_OP_ENCAPSULATION,
                                        [HOST_REQUEST_READ] = ABI_OP_STATE_READ,
                                        [HOST_REQUEST_MODIFY] = ABI_OP_STATE_MODIFY,
                                        [HOST_REQUEST_ARM] = ABI_OP_STATE_ARM };

    return opcodes[kind];
}

static struct abi_command command_of(const struct host *host, uint32_t id)
{
    const struct host_request *r = host_request(host, id);

    return (struct abi_command){
        .opcode = opcode_of(r->kind),
        .argument = r->argument,
        .buffer = r->buffer == 0
                      ? 0
                      : host_address(REGION_COMMANDS, (uint64_t)r->buffer * host->commands.unit),
        .length = r->buffer_bytes,
        .nodes = r->count,
        .cookie = id
    };
}

/* Posted, executed and completed in no time. */
static void at_once(struct host *host, uint32_t id, uint64_t time)
{
    struct host_request *r = host_request(host, id);
    struct abi_command command = command_of(host, id);
    struct abi_command_completion c;

    r->state = REQUEST_POSTED;
    r->doorbell = time;
    r->visible = time;
    nic_command_at_once(host->card, &command,
                        r->buffer == 0 ? NULL : host_block(&host->commands, r->buffer), &c);
    host_oid_finish(host, id, &c, time);
}

void host_oid_post(struct host *host, uint64_t time)
{
    uint32_t id = host_oid_ready(host);
    struct abi_command command;
    struct host_request *r;

    if (id == 0) {
        return; /* cancelled in the meantime */
    }
    r = host_request(host, id);
    host->s->queued.head = r->next;
    host->s->queued.tail = r->next == 0 ? 0 : host->s->queued.tail;
    host->s->queued.count--;
    r->state = REQUEST_POSTED;
    r->doorbell = time;
    r->visible = 0;
    r->pcie_ps = 0;
    r->card_ps = 0;
    r->interrupt_ps = 0;
    if (host->s->path == NIC_PATH_REGISTERS) {
        host_mailbox_request(host, id, time);
        return;
    }
    if (host->s->path == NIC_PATH_DESCRIPTOR && host_carried_request(host, id, time)) {
        return;
    }
    command = command_of(host, id);
    host_cmd_write(host, &command, time);
}

void host_oid_finish(struct host *host, uint32_t id, const struct abi_command_completion *c,
                     uint64_t time)
{
    struct host_request *r = host_request(host, id);

    switch (r->kind) {
    case NDIS_ADD_SA:
    case NDIS_ADD_SA_EX: host_finish_add(host, id, c, time); break;
    case NDIS_UPDATE_SA: host_finish_update(host, id, c, time); break;
    case NDIS_DELETE_SA: host_finish_delete(host, id, c, time); break;
    case HOST_REQUEST_READ:
    case HOST_REQUEST_MODIFY:
    case HOST_REQUEST_ARM: host_finish_state(host, id, c, time); break;
    default: {
        struct host_ending e = { .status = c->status, .on_card = true };

        if (c->status == NDIS_STATUS_SUCCESS) {
            host->s->encapsulated = r->argument == 1;
            host->s->activated = host->s->activated || host->s->encapsulated;
        }
        host_request_end(host, id, &e, time);
        break;
    }
    }
}

/* From the doorbell on until the driver has been told. */
static void time_on_card(const struct host *host, struct host_request *r,
                         const struct abi_command_completion *c)
{
    uint64_t span = r->visible - r->doorbell;
    uint64_t told = host->s->cmd_poll_at;
    uint64_t card = (uint64_t)c->card_ps_high << 32 | c->card_ps_low;

    r->card_ps = card < span ? card : span;
    r->pcie_ps = span - r->card_ps;
    r->interrupt_ps = told != CLOCK_NEVER && told > r->visible ? told - r->visible : 0;
}

void host_oid_take(struct host *host, uint64_t time)
{
    struct abi_command_completion c;

    if (!host_cmd_visible(host)) {
        return; /* a reset came between */
    }
    host_cmd_head(host, &c);
    host->s->cmd_done++;
    if (c.cookie == 0 || c.cookie >= host->requests.used ||
        host_request(host, (uint32_t)c.cookie)->state != REQUEST_POSTED) {
        host->s->strange_completions++;
        return;
    }
    time_on_card(host, host_request(host, (uint32_t)c.cookie), &c);
    if (host->s->path == NIC_PATH_DESCRIPTOR) {
        host_carried_complete(host, (uint32_t)c.cookie, &c);
    }
    host_oid_finish(host, (uint32_t)c.cookie, &c, time);
}

void host_oid_flush(struct host *host, bool lost, uint64_t time)
{
    struct host_list held = host->s->held;

    if (lost) {
        struct abi_command_completion c = { .status = NDIS_STATUS_REQUEST_ABORTED };

        host->s->cmd_tail = 0;
        host->s->cmd_done = 0;
        for (uint32_t id = 1; id < host->requests.used; id++) {
            if (host_request(host, id)->state == REQUEST_POSTED) {
                host_oid_finish(host, id, &c, time);
            }
        }
    }
    host->s->held = (struct host_list){ 0 };
    for (uint32_t id = held.head; id != 0;) {
        uint32_t next = host_request(host, id)->next;

        host_request_queue(host, id, time);
        id = next;
    }
}

/* ---- events ----------------------------------------------------------------------------------------- */

/* Only what has not gone to the card can be cancelled. */
static void cancel(struct host *host, uint64_t req, uint64_t time)
{
    struct host_list kept = { 0 };
    uint32_t id = host->s->queued.head;
    uint32_t found = 0;

    while (id != 0) {
        uint32_t next = host_request(host, id)->next;
        struct host_request *r = host_request(host, id);

        if (found == 0 && r->req == req && req != 0 && (r->flags & REQUEST_OWN) == 0) {
            found = id;
        } else {
            append(host, &kept, id);
        }
        id = next;
    }
    host->s->queued = kept;
    if (found != 0) {
        struct abi_command_completion c = { .status = NDIS_STATUS_REQUEST_ABORTED };

        host_request(host, found)->flags |= REQUEST_CANCELLED | REQUEST_RETRY;
        host_oid_finish(host, found, &c, time);
    }
}

bool host_event(struct host *host, uint64_t time, enum host_event event, uint64_t argument)
{
    if (host_late(host, time)) {
        return false;
    }
    host->stats->sa.events[event]++;
    switch (event) {
    case HOST_EVENT_ENCAPSULATION: host_encapsulation(host, argument != 0, 0, time); break;
    case HOST_EVENT_RESET_BEGIN: host_begin_reset(host, time); break;
    case HOST_EVENT_RESET_END: host_end_reset(host, time); break;
    case HOST_EVENT_LINK: host_link(host, argument != 0, time); break;
    case HOST_EVENT_CANCEL: cancel(host, argument, time); break;
    default: break;
    }
    return true;
}
