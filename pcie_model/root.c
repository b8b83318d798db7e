/* The host side of the link: requests meet memory, their data and the CPU's register accesses go down. */
#include "pcie_model/link_inside.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

/* ---- reads whose data is ready: a heap ------------------------------------------------------- */

static bool comes_before(const struct ready *a, const struct ready *b)
{
    return a->cycle != b->cycle ? a->cycle < b->cycle : a->order < b->order;
}

static void add_ready(struct pcie_link *link, struct ready r)
{
    size_t at = link->readies++;

    if (at == link->ready_size) {
        link->ready_size *= 2;
        link->ready = must(realloc(link->ready, link->ready_size * sizeof *link->ready));
        memset(link->ready + at, 0, (link->ready_size - at) * sizeof *link->ready);
    }
    while (at && comes_before(&r, &link->ready[(at - 1) / 2])) {
        link->ready[at] = link->ready[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    link->ready[at] = r;
}

static void remove_ready(struct pcie_link *link)
{
    struct ready last = link->ready[--link->readies];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < link->readies &&
            comes_before(&link->ready[child + 1], &link->ready[child])) {
            child++;
        }
        if (child >= link->readies || !comes_before(&link->ready[child], &last)) {
            break;
        }
        link->ready[at] = link->ready[child];
        at = child;
    }
    link->ready[at] = last;
    if (!link->readies) {
        link->ready[0].cycle = CLOCK_NEVER;
    }
}

/* ---- what comes up --------------------------------------------------------------------------- */

static bool mapped(const struct pcie_link *link, const struct tlp *tlp)
{
    return !link->ops.mapped || link->ops.mapped(link->self, tlp->address, tlp->length);
}

/* The order that a request keeps. */
static unsigned order_of(const struct pcie_link *link, uint32_t item)
{
    return link->config.ido ? link->requests.request[item].id : 0;
}

/* Something happens at memory or CPU in this cycle. Without ido in the order of arrival. */
static void reach(struct pcie_link *link, uint64_t cycle, const struct tlp *tlp)
{
    if (link->config.ido) {
        flights_add(&link->up, cycle, tlp);
    } else {
        fly(&link->up, cycle, tlp);
    }
}

/* When it is in memory, and when its place in the receive buffer is free. A write that changes nothing
 * passes through all the same. */
static struct pcie_memory_written write_memory(struct pcie_link *link, const struct tlp *tlp,
                                               unsigned order, uint64_t arrives)
{
    uint64_t in_order = later(arrives, link->s.posted[order]);

    if (!mapped(link, tlp)) {
        link->s.stats.unsupported_writes++;
        link_spoil(link, tlp->item, PCIE_UNSUPPORTED);
    } else if (by_chance(&link->s.poison_write[UP], link->config.poison_write_ppb)) {
        link->s.stats.poisoned_writes++;
        link_spoil(link, tlp->item, PCIE_POISONED);
    } else {
        return pcie_memory_write_in(link->memory, order, arrives, tlp->address, tlp->length);
    }
    return (struct pcie_memory_written){ .taken = arrives, .drained = in_order };
}

/* Posted writes of an ID become visible in order; their credits come back, in order too, when memory has taken
 * them. */
static void receive_write(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    unsigned order = order_of(link, tlp->item);
    struct pcie_memory_written written = write_memory(link, tlp, order, arrives);

    link->s.taken[order] = later(link->s.taken[order], written.taken);
    wire_freed(&link->wires, UP, PCIE_POSTED, units_of(pcie_padded(tlp->address, tlp->length)),
               link->s.taken[order]);
    link->s.posted[order] = written.drained;
    if (tlp->last) {
        link->requests.request[tlp->item].visible = written.drained;
        reach(link, written.drained, tlp);
    }
}

/* When the data of a read TLP that reaches memory is ready. */
static uint64_t read_memory(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    uint64_t ready = pcie_memory_read_in(link->memory, order_of(link, tlp->item), arrives,
                                         tlp->address, tlp->length);

    return by_chance(&link->s.late, link->config.late_ppb) ? ready + link->lateness : ready;
}

/* There is nothing to be read. */
static void refuse(struct pcie_link *link, struct ready *r, enum pcie_status status,
                   uint64_t *counter)
{
    uint32_t *refused = &link->requests.slot[r->item].refused;

    ++*counter;
    *refused = *refused == PCIE_OK || status < *refused ? status : *refused;
    r->status = status;
    add_ready(link, *r);
}

/* The bytes are sampled when the last read TLP of the request has come and the writes before it are in
 * memory. */
static void receive_read(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    uint64_t sampled = later(arrives, link->s.posted[order_of(link, tlp->item)]);
    struct pcie_stats *stats = &link->s.stats;
    struct ready r = { .cycle = sampled,
                       .order = link->s.order++,
                       .address = tlp->address,
                       .left = tlp->length,
                       .item = tlp->item,
                       .read = (uint32_t)tlp->tag };

    wire_freed(&link->wires, UP, PCIE_NONPOSTED, (struct units){ 1, 0 }, arrives);
    if (!mapped(link, tlp)) {
        refuse(link, &r, PCIE_UNSUPPORTED, &stats->unsupported_reads);
    } else if (by_chance(&link->s.lost, link->config.lost_ppb)) {
        device_read(link, tlp->tag)->answered = true;
    } else if (by_chance(&link->s.aborts, link->config.abort_ppb)) {
        refuse(link, &r, PCIE_ABORTED, &stats->aborted_reads);
    } else {
        r.cycle = later(read_memory(link, tlp, arrives), sampled);
        add_ready(link, r);
    }
    if (tlp->last) {
        link->requests.request[tlp->item].visible = sampled;
        reach(link, sampled, tlp);
    }
}

void root_receive(struct pcie_link *link, const struct tlp *tlp, uint64_t arrives)
{
    switch ((enum tlp_kind)tlp->kind) {
    case TLP_WRITE: receive_write(link, tlp, arrives); break;
    case TLP_READ: receive_read(link, tlp, arrives); break;
    default: reach(link, later(arrives, link->s.posted[0]), tlp); break; /* a reply, behind them */
    }
}

void root_arrival(struct pcie_link *link, uint64_t now)
{
    struct pcie_request request;
    struct tlp tlp = land(&link->up);

    if (tlp.kind == TLP_REPLY) {
        link->ops.mmio_done(link->self, now, tlp.tag, tlp.address, tlp.ok);
        return;
    }
    request = link->requests.request[tlp.item];
    if (tlp.kind == TLP_READ) { /* whatever has become of it for the card */
        request.status = (uint8_t)link->requests.slot[tlp.item].refused;
    }
    requests_let_go(&link->requests, tlp.item, tlp.kind == TLP_WRITE ? HELD_BY_LINK : HELD_BY_HOST);
    link->ops.memory(link->self, now, &request);
}

/* ---- what goes down -------------------------------------------------------------------------- */

/* The next completion of a read: all that is left if it fits, else up to the last multiple of RCB that can be
 * reached (2.3.1.1). */
static struct tlp next_completion(const struct pcie_link *link, const struct ready *r)
{
    uint32_t mps = (uint32_t)link->config.mps;
    uint32_t most = (uint32_t)link->config.completion;
    uint32_t rcb = (uint32_t)link->config.rcb;
    struct tlp tlp = { .kind = TLP_COMPLETION, .item = r->item, .tag = r->read, .last = 1 };

    most = most && most < mps ? most : mps;
    tlp.length = r->left;
    tlp.ok = (uint8_t)r->status;
    tlp.wire = pcie_completion_overhead(&link->config);
    if (r->status != PCIE_OK) {
        return tlp; /* without data: it stands for all of it */
    }
    if (pcie_padded(r->address, r->left) > most) {
        uint64_t end = ((r->address & ~3ull) + most) & ~(uint64_t)(rcb - 1);

        tlp.length = (uint32_t)(end - r->address);
        tlp.last = 0;
    }
    tlp.wire += pcie_padded(r->address, tlp.length);
    return tlp;
}

static void send_completion(struct pcie_link *link, uint64_t start)
{
    struct ready *r = &link->ready[0];
    struct tlp tlp = next_completion(link, r);
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];

    stats->tlps_completion++;
    stats->payload_bytes += tlp.ok == PCIE_OK ? tlp.length : 0;
    r->address += tlp.length;
    r->left -= tlp.length;
    if (tlp.last) {
        remove_ready(link);
    }
    link_send(link, DOWN, start, &tlp, false);
}

static void send_mmio(struct pcie_link *link, uint64_t start)
{
    struct tlp tlp = land(&link->cpu);
    struct pcie_direction_stats *stats = &link->s.stats.dir[DOWN];

    stats->tlps_mmio++;
    if (tlp.kind == TLP_MMIO_WRITE) {
        stats->payload_bytes += tlp.bytes;
        link->s.stats.mmio_writes++;
        wire_use_credit(&link->wires, DOWN, PCIE_POSTED,
                        units_of(pcie_padded(tlp.item, tlp.bytes)));
    } else {
        link->s.stats.mmio_reads++;
        wire_use_credit(&link->wires, DOWN, PCIE_NONPOSTED, (struct units){ 1, 0 });
    }
    link_send(link, DOWN, start, &tlp, false);
}

/* Does the card have room for the register access that is next? */
static bool has_credit(struct pcie_link *link, uint64_t t, uint64_t *again)
{
    const struct tlp *tlp = &((const struct flight *)ring_head(&link->cpu.ring))->tlp;
    bool write = tlp->kind == TLP_MMIO_WRITE;
    struct units need =
        write ? units_of(pcie_padded(tlp->item, tlp->bytes)) : (struct units){ 1, 0 };

    return link->config.ideal ||
           wire_has_credit(&link->wires, DOWN, write ? PCIE_POSTED : PCIE_NONPOSTED, need, t,
                           again);
}

/* When the next TLP down really starts: DLLPs that are due go first, and those that are due by then. */
static uint64_t clear_down(struct pcie_link *link, uint64_t start, uint64_t now)
{
    uint64_t clear = wire_clear(&link->wires, DOWN, start);

    while (clear > start && clear <= now) {
        start = clear;
        clear = wire_clear(&link->wires, DOWN, start);
    }
    return clear;
}

bool root_start(struct pcie_link *link, uint64_t now)
{
    uint64_t again = CLOCK_NEVER;
    uint64_t start = root_starts(link);

    if (start > now) {
        return false;
    }
    start = clear_down(link, start, now);
    if (start > now) {
        return false;
    }
    if (wire_repeats(&link->wires, DOWN) && link_repeat(link, DOWN, start)) {
        link->s.down_wait = 0; /* what arrives now frees credits */
        return true;
    }
    if (later(root_ready(link), link->s.down_wait) >
        start) { /* nothing had to be repeated after all */
        return root_starts(link) <= now;
    }
    if (root_completes_first(link)) {
        send_completion(link, start);
    } else if (has_credit(link, start, &again)) {
        send_mmio(link, start);
    } else {
        link->s.down_wait = again;
        return root_starts(link) <= now; /* what is to be repeated does not wait for credit */
    }
    link->s.down_wait = 0;
    return true;
}
