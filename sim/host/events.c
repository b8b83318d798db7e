/* The driver of a card that tells of its SAs, or whose upper half of numbers it has to move (card.sa.esn events,
 * card.sa.table.round), as mlx5's.
 *
 * Packet offload: the card raises events (sim/nic/events.c). One at a time is worked on, as in an ordered work queue:
 * read the state; move the scope (a command of the firmware), then arm its event again; of a limit, add a round and say
 * where to be told next. So many events at once wait for each other, and for every firmware command among them.
 * Crypto offload: nothing is told. The host sees its own numbers, and moves the scope when the lowest number of a
 * window, or the number to send, is in the next 2^31. To send, what is in flight must be above the new beginning; if a
 * number comes that the card would take for another, its SA waits (transport.c). */
#include <string.h>

#include "host/internal.h"
#include "pcie_model/registers.h"

/* ---- limits in rounds: what the driver knows of them ------------------------------------------------ */

struct host_limit {
    uint32_t next; /* of the same bucket (or free chain) */
    uint32_t op;   /* enum esp_op, of SAs of one handle */
    uint64_t handle;
    struct rounds plan;
    struct rounds_state state;
};

_Static_assert(sizeof(struct host_limit) == HOST_LIMIT_BYTES, "the array is made elsewhere");

static struct host_limit *limit_at(const struct host *host, uint32_t id)
{
    return host_at(&host->limits, id);
}

static uint64_t hash_of(const void *host, uint32_t id)
{
    return rng_mix(limit_at(host, id)->handle);
}

static uint32_t *link_of(const void *host, uint32_t id)
{
    return &limit_at(host, id)->next;
}

static const struct sa_index_owner by_handle = { .hash = hash_of, .link = link_of };

/* `op` 0: any. */
static uint32_t find_limit(const struct host *host, uint64_t handle, uint32_t op)
{
    uint32_t id = sa_index_head(&host->by_limit.chains, rng_mix(handle));

    while (id != 0 &&
           (limit_at(host, id)->handle != handle || (op != 0 && limit_at(host, id)->op != op))) {
        id = limit_at(host, id)->next;
    }
    return id;
}

void host_limits_add(struct host *host, uint64_t handle, const struct esp_node *node)
{
    for (unsigned i = 0; host->s->round != 0 && handle != 0 && i < node->sa_count; i++) {
        const struct esp_lifetime *l = &node->sa[i].lifetime;
        uint32_t id;

        if ((l->soft_packets | l->hard_packets) == 0) {
            continue;
        }
        id = host_array_take(&host->limits);
        *limit_at(host, id) =
            (struct host_limit){ .op = node->sa[i].op,
                                 .handle = handle,
                                 .plan = rounds_plan(l->soft_packets, l->hard_packets,
                                                     host->s->round) };
        host_index_insert(&host->by_limit, &by_handle, host, id);
    }
}

void host_limits_forget(struct host *host, uint64_t handle)
{
    uint32_t id;

    if (host->s->round == 0 || handle == 0) {
        return;
    }
    while ((id = find_limit(host, handle, 0)) != 0) {
        sa_index_remove(&host->by_limit.chains, &by_handle, host, id);
        host_array_release(&host->limits, id);
    }
}

/* ---- the ring -------------------------------------------------------------------------------------- */

void host_events_program(struct host *host, uint64_t time)
{
    if (!host->s->events) {
        return;
    }
    host->s->event_done = 0;
    host_write_register(host, time, REG_EVENT_BASE, 0,
                        host_address(REGION_RINGS, host->layout.events));
    host_write_register(host, time, REG_EVENT_SIZE, 0, HOST_EVENT_RING);
}

bool host_event_visible(const struct host *host)
{
    return host->s->events &&
           host_entry_visible(host, host->layout.events, sizeof(struct abi_event),
                              offsetof(struct abi_event, flags), host->s->event_done,
                              HOST_EVENT_RING);
}

void host_event_told(struct host *host, uint64_t time)
{
    if (!host->s->events) {
        return;
    }
    time += host->config.oid.event_delay;
    if (time < host->s->event_poll_at) {
        host->s->event_poll_at = time;
    }
    host_core_kick(host, 0, host->s->event_poll_at);
}

/* ---- commands ---------------------------------------------------------------------------------------- */

static void send(struct host *host, unsigned kind, const struct abi_sa_state *state, uint32_t sa,
                 uint64_t time)
{
    uint32_t id = host_request_new(host, kind, 1, time);
    struct host_request *r = host_request(host, id);

    r->flags = REQUEST_OWN;
    r->buffer_bytes = sizeof *state;
    r->buffer = host_store_take(&host->commands, sizeof *state);
    memcpy(host_block(&host->commands, r->buffer), state, sizeof *state);
    host_items(host, r)[0] = (struct host_item){ .value = state->handle, .sa = sa };
    host_request_queue(host, id, time);
}

static struct abi_sa_state state_of(const struct host *host, const struct host_request *r)
{
    struct abi_sa_state state;

    memcpy(&state, host_block(&host->commands, r->buffer), sizeof state);
    return state;
}

void host_event_take(struct host *host, uint64_t time)
{
    struct abi_event event;
    struct abi_sa_state state = { 0 };

    if (!host_event_visible(host)) {
        return; /* a reset came between */
    }
    memcpy(&event,
           host->rings + host->layout.events +
               (host->s->event_done & (HOST_EVENT_RING - 1)) * sizeof event,
           sizeof event);
    host->s->event_done++;
    host_write_register(host, time, REG_EVENT_HEAD, 0, host->s->event_done);
    host->stats->events.taken++;
    host->s->event_raised = event.raised_ps;
    host->s->event_steps = 1;
    state.handle = event.handle;
    state.op = event.op;
    state.spi = event.spi;
    send(host, HOST_REQUEST_READ, &state, 0, time);
}

/* A command of the event that is worked on has ended, and no other comes of it. */
static void step_over(struct host *host, uint64_t time)
{
    if (host->s->event_steps != 0 && --host->s->event_steps == 0) {
        host->s->event_poll_at = time; /* the next one */
        host_core_kick(host, 0, time);
    }
}

/* ---- what an event leads to ------------------------------------------------------------------------- */

static void move_scope(struct host *host, struct abi_sa_state state, uint32_t flags, uint64_t time)
{
    struct scope now = { .hi = (uint32_t)(state.words[0] >> 32),
                         .overlap = (flags & ABI_STATE_OVERLAP) != 0 };
    struct scope next = scope_after(now, (uint32_t)state.words[0]);

    state.seq_hi = next.hi;
    state.overlap = next.overlap;
    host->s->event_steps++;
    send(host, HOST_REQUEST_MODIFY, &state, 0, time);
}

static void tell(struct host *host, const struct host_limit *limit, const struct rounds_step *step,
                 uint64_t time)
{
    struct host_event_stats *stats = &host->stats->events;

    stats->soft += step->soft;
    stats->hard += step->hard;
    stats->early += step->hard && limit->state.now != limit->plan.rounds;
    if (step->soft) {
        histogram_add(&stats->soft_ns, time - host->s->event_raised);
    }
}

static void next_round(struct host *host, struct abi_sa_state state, uint64_t time)
{
    uint32_t id = find_limit(host, state.handle, state.op);
    struct rounds_step step;

    if (id == 0) {
        return;
    }
    step = rounds_event(&limit_at(host, id)->plan, host->s->round, &limit_at(host, id)->state,
                        (uint32_t)state.words[1]);
    tell(host, limit_at(host, id), &step, time);
    if (step.hard || (!step.add && step.threshold == 0)) {
        return; /* the last event of this kind was the last */
    }
    state.arm = ABI_ARM_LIMIT | (step.add ? ABI_ARM_ROUND : 0u);
    state.threshold = step.threshold;
    host->s->event_steps++;
    host->stats->events.armed++;
    send(host, HOST_REQUEST_ARM, &state, 0, time);
}

static void has_read(struct host *host, const struct abi_sa_state *state, uint64_t time)
{
    uint32_t flags = (uint32_t)(state->words[1] >> 32);

    if ((flags & ABI_STATE_SCOPE) != 0 && (flags & ABI_STATE_ESN_ARMED) == 0) {
        move_scope(host, *state, flags, time);
    }
    if ((flags & ABI_STATE_LIMIT) != 0 &&
        ((flags & ABI_STATE_LIMIT_ARMED) == 0 || (uint32_t)state->words[1] == 0)) {
        next_round(host, *state, time);
    }
}

/* ---- crypto offload ---------------------------------------------------------------------------------- */

struct scope host_frame_scope(const struct host_frame *frame)
{
    return (struct scope){ .hi = frame->card_hi,
                           .overlap = (frame->flags & HOST_FRAME_OVERLAP) != 0 };
}

bool host_scope_there(const struct host_frame *frame, uint64_t number)
{
    struct scope have = host_frame_scope(frame);
    struct scope want = scope_at(number);

    return have.hi == want.hi && have.overlap == want.overlap;
}

void host_scope_move(struct host *host, uint32_t frame_id, uint64_t number, uint64_t time)
{
    struct host_frame *frame = host_frame(host, frame_id);
    struct scope scope = scope_at(number);
    struct abi_sa_state state = { .handle = host_sa(host, frame->owner)->card,
                                  .op = frame->transform.op,
                                  .spi = frame->transform.spi,
                                  .seq_hi = scope.hi,
                                  .overlap = scope.overlap };

    frame->flags |= HOST_FRAME_MODIFYING;
    host->stats->events.modified++;
    send(host, HOST_REQUEST_MODIFY, &state, frame->owner, time);
}

static void scope_moved(struct host *host, const struct host_item *item,
                        const struct abi_sa_state *state, bool good, uint64_t time)
{
    const struct host_sa *sa = host_sa(host, item->sa);
    uint32_t id = sa->card == item->value && (sa->flags & SA_HOST_FRAME) != 0 ? sa->detail : 0;

    for (; id != 0; id = host_frame(host, id)->second) {
        struct host_frame *frame = host_frame(host, id);

        if (frame->transform.op != state->op || frame->transform.spi != state->spi) {
            continue;
        }
        frame->flags &= (uint8_t)~HOST_FRAME_MODIFYING;
        if (good) {
            frame->card_hi = state->seq_hi;
            frame->flags &= (uint8_t)~HOST_FRAME_OVERLAP;
            frame->flags |= state->overlap != 0 ? HOST_FRAME_OVERLAP : 0;
        }
        host_stall_end(host, item->sa, time, good);
        return;
    }
}

/* ---- the end of a command ---------------------------------------------------------------------------- */

void host_finish_state(struct host *host, uint32_t id, const struct abi_command_completion *c,
                       uint64_t time)
{
    struct host_request r = *host_request(host, id);
    struct host_item item = host_items(host, &r)[0];
    struct abi_sa_state state = state_of(host, &r);
    struct host_ending e = { .status = c->status, .on_card = true };
    bool good = c->status == NDIS_STATUS_SUCCESS;

    if (host_request_retry(host, id, c->status, time)) {
        return;
    }
    host->stats->events.failed += !good;
    host_request_end(host, id, &e, time);
    if (item.sa != 0) {
        scope_moved(host, &item, &state, good, time);
        return;
    }
    if (good && r.kind == HOST_REQUEST_READ) {
        has_read(host, &state, time);
    } else if (good && r.kind == HOST_REQUEST_MODIFY) {
        host->stats->events.modified++;
        host->stats->events.armed++;
        host->s->event_steps++;
        state.arm = ABI_ARM_ESN;
        send(host, HOST_REQUEST_ARM, &state, 0, time);
    }
    step_over(host, time);
}
