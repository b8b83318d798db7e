/* solo: the register file (pcie_model/registers.c) with what csr.c and mailbox.c make of its accesses. The card's side of the
 * registers is the caller; between the caller's accesses and the file stands a channel of IN_DEPTH accesses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/mailbox.h"
#include "nic/solo_inside.h"

#define PINS_FILE "nic/pins_csr.def"
#include "nic/solo_pins.h"

enum { MAX_DEPTH = 64 };

static const struct nic_solo_param params[] = {
    { "TABLES", NULL, 0, 0, 1,
      "1: tables behind registers, 0: a command queue; card.command.path" },
    { "IN_DEPTH", NULL, 4, 2, MAX_DEPTH, "accesses of the channel before" },
};

struct csr {
    struct reg_file file;
    bool tables;
    struct nic_mmio queue[MAX_DEPTH]; /* the oldest first */
    uint32_t queued, depth;
    struct nic_mailbox_order order; /* the last one */
    bool busy;                      /* it is under way */
    /* what the last cycle came to */
    bool answered, ordered, no_table, has_written;
    enum pcie_status status;
    uint64_t answer, written_value, rule;
    struct reg_written written;
};

/* ---- life ------------------------------------------------------------------------------------------ */

static void reset(void *self)
{
    struct csr *c = self;

    reg_file_init(&c->file);
    nic_csr_hide(&c->file, c->tables);
    c->queued = 0;
    c->busy = false;
    c->answered = c->ordered = c->no_table = c->has_written = false;
    c->rule = 0;
}

static struct csr *new_csr(bool tables, uint32_t depth)
{
    struct csr *c = calloc(1, sizeof *c);

    if (c) {
        c->tables = tables;
        c->depth = depth;
        reset(c);
    }
    return c;
}

static void *create(const char *config, char *error, size_t error_size)
{
    struct csr *c = new_csr(solo_param(&nic_solo_csr, config, "TABLES") != 0,
                            solo_param(&nic_solo_csr, config, "IN_DEPTH"));

    if (!c) {
        snprintf(error, error_size, "out of memory");
    }
    return c;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- pins -------------------------------------------------------------------------------------------- */

static void show_order(const struct csr *c, uint32_t *out)
{
    bool store = c->ordered && c->order.write;

    set(out, OUT_ORDER, c->ordered);
    set(out, OUT_ORDER_NONE, c->no_table);
    set(out, OUT_ORDER_TABLE, c->order.table);
    set(out, OUT_ORDER_ENTRY, c->order.index);
    set(out, OUT_ORDER_WRITE, c->order.write);
    set(out, OUT_ORDER_STORE, store);
    for (unsigned i = 0; i < NIC_TABLE_WORDS; i++) {
        set(out, (enum out_pin)(OUT_ORDER_WORD0 + i), c->order.words[i]);
    }
}

static void outputs(void *self, uint32_t *out)
{
    const struct csr *c = self;

    set(out, OUT_ACC_ROOM, c->queued < c->depth);
    set(out, OUT_ANSWER, c->answered);
    set(out, OUT_ANSWER_STATUS, c->status);
    set(out, OUT_ANSWER_DATA, c->answer);
    set(out, OUT_WROTE, c->has_written);
    set(out, OUT_WROTE_ID, c->written.reg);
    set(out, OUT_WROTE_INDEX, c->written.index);
    set(out, OUT_WROTE_EFFECT, c->written.effect);
    set(out, OUT_WROTE_VALUE, c->written_value);
    show_order(c, out);
    set(out, OUT_RULE_RESULT, c->rule);
    set(out, OUT_COUNT_MISALIGNED, c->file.s.refused.misaligned);
    set(out, OUT_COUNT_UNKNOWN, c->file.s.refused.unknown);
    set(out, OUT_COUNT_READ_ONLY, c->file.s.refused.read_only);
    set(out, OUT_COUNT_WRITE_ONLY, c->file.s.refused.write_only);
}

static void write_register(struct csr *c, const struct nic_mmio *m)
{
    struct nic_mailbox_order order = { .index = 0 };

    c->has_written = reg_write(&c->file, m->offset, m->bytes, m->value, &c->written);
    if (!c->has_written) {
        return;
    }
    if (c->written.effect == REG_EFFECT_TABLE) {
        enum nic_mailbox_taken taken = nic_mailbox_take(&c->file, c->written.reg, &order);

        c->no_table = taken == NIC_MAILBOX_NO_TABLE;
        c->ordered = taken == NIC_MAILBOX_BEGUN;
    }
    if (c->ordered) {
        c->order = order;
        c->busy = true;
    }
    c->written_value = reg_get(&c->file, c->written.reg, c->written.index);
}

/* The oldest access, if there is one and it need not wait. */
static void take_access(struct csr *c)
{
    const struct nic_mmio *m = &c->queue[0];

    c->answered = c->ordered = c->no_table = c->has_written = false;
    if (c->queued == 0 || (c->tables && c->busy && nic_mailbox_orders(m))) {
        return;
    }
    if (m->read) {
        c->answered = true;
        c->answer = nic_csr_read(&c->file, m, &c->status);
    } else {
        write_register(c, m);
    }
    memmove(c->queue, c->queue + 1, --c->queued * sizeof *c->queue);
}

/* What the pins must not say (pins_csr.def). */
static void check(bool allowed, const char *what, uint64_t number)
{
    if (!allowed) {
        fprintf(stderr, "espnic: internal error: csr: %s %llu\n", what, (unsigned long long)number);
        abort();
    }
}

static void tick(void *self, const uint32_t *in)
{
    struct csr *c = self;
    uint32_t table = c->order.table; /* of the order that may be over now */
    bool done = get(in, IN_ORDER_DONE) != 0;

    c->rule = reg_combine((enum reg_access)get(in, IN_RULE_ACCESS), get(in, IN_RULE_OLD),
                          get(in, IN_RULE_VALUE), get(in, IN_RULE_MASK));
    take_access(c);
    if (done) {
        nic_mailbox_clear(&c->file, table);
        c->busy = false;
    }
    if (get(in, IN_RESET_RW)) {
        reg_file_reset(&c->file);
    }
    if (get(in, IN_PUT)) {
        check(get(in, IN_PUT_PLACE) < REG_VALUES, "there is no place", get(in, IN_PUT_PLACE));
        c->file.s.value[get(in, IN_PUT_PLACE)] = get(in, IN_PUT_VALUE);
    }
    if (get(in, IN_ACC_VALID)) {
        check(c->queued < c->depth, "no room for an access to", get(in, IN_ACC_OFFSET));
        c->queue[c->queued++] = (struct nic_mmio){ .offset = (uint32_t)get(in, IN_ACC_OFFSET),
                                                   .bytes = (uint16_t)get(in, IN_ACC_BYTES),
                                                   .read = !get(in, IN_ACC_WRITE),
                                                   .value = get(in, IN_ACC_DATA) };
    }
}

static void nothing_to_settle(void *self, const uint32_t *in)
{
    (void)self, (void)in;
}

bool solo_csr_part(bool tables, uint32_t depth, struct solo_part *part)
{
    *part = (struct solo_part){ new_csr(tables, depth), outputs, tick, nothing_to_settle };
    return part->self != NULL;
}

static const struct block_ops ops = { .abi = BLOCK_ABI,
                                      .name = "csr",
                                      .create = create,
                                      .destroy = destroy,
                                      .reset = reset,
                                      .outputs = outputs,
                                      .tick = tick };

const struct nic_solo_block nic_solo_csr = { .name = "csr",
                                             .title = "registers of BAR0: decoder, access types, "
                                                      "mailbox of the tables",
                                             .ops = &ops,
                                             .in = in_pins,
                                             .out = out_pins,
                                             .ins = INS,
                                             .outs = OUTS,
                                             .params = params,
                                             .param_count = sizeof params / sizeof *params };
