/* Traffic for csr: in turn a walk over all registers, each read, written with ones, zeros and anything, and read back, whole and
 * in halves; and accesses of every kind to any place, while the card writes registers, the device is reset, and tables are loaded
 * and stored.
 *
 * During a walk what must come back is worked out here, from registers.def alone: what a driver may expect of the manual. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "engine/must.h"
#include "engine/rng.h"
#include "nic/nic.h"
#include "pcie_model/registers.h"

#define PINS_FILE "nic/pins_csr.def"
#include "cli/cosim_pins.h"

enum { RING = 128, GARBAGE = 6000, WALK_STEPS = 14 };
enum { GOOD, UNSUPPORTED, ABORTED }; /* ANSWER_STATUS */

/* What the answer to a read has to be. */
struct expected {
    enum { ANYTHING, LEARN, KEPT, WRITTEN, REFUSED_UNKNOWN, REFUSED_ABORTED } kind;
    uint32_t place, shift; /* of what the card alone writes */
    uint64_t value, mask;
};

struct access {
    uint32_t offset, bytes;
    bool write;
    uint64_t data;
    struct expected expected;
};

/* The run in spans of so many cycles: how many have been, and how many of them with something in them. */
struct spans {
    uint32_t cycles;
    bool now; /* in the present one */
    uint64_t all, with;
};

struct traffic {
    struct rng random;
    bool tables;
    bool deep;                 /* its input channel, which then is seldom full */
    uint16_t first[REG_COUNT]; /* place of element 0 */
    uint64_t writable[REG_COUNT];
    uint64_t value[REG_VALUES]; /* during a walk: as a driver knows them */
    /* where the walk is; reg == REG_COUNT: garbage instead, until so many have been sent */
    uint32_t reg, element, step;
    uint32_t garbage;
    uint64_t pattern;
    struct access access; /* that waits for room */
    bool waiting;
    struct expected ring[RING]; /* of reads that are under way */
    uint32_t asked, answered;
    uint32_t half; /* offset of an upper half to be read next, 0: none */
    /* in the midst of anything: a register of 64 bits is put, its lower half read, the device reset, the upper half read */
    enum { SCENE_NONE, SCENE_PUT, SCENE_LOWER, SCENE_RESET, SCENE_UPPER } scene;
    uint32_t scene_reg;
    uint64_t order_until;
    bool ordering;
    uint32_t words; /* of a load, still to be put into the data registers */
    uint32_t order_table;
    struct {
        uint32_t access;
        uint64_t expected;
    } rule; /* of the cycle before */
    uint64_t cycle;
    uint64_t before[3]; /* counts of what was there before this traffic */
    struct {
        uint64_t accesses, full, reads, writes, puts, orders, stores, none, halves;
        uint64_t kept, kept_good, back, back_good, unknown, unknown_good, aborted, aborted_good;
        uint64_t ones, ones_good, misaligned, no_register, read_only;
        struct spans walks, resets;
    } n;
};

static bool hidden(const struct traffic *t, uint32_t reg)
{
    return t->tables ? reg >= REG_CMD_BASE && reg <= REG_EVENT_HEAD
                     : reg >= REG_SECTXCTRL && reg <= REG_IPSRXMOD;
}

static uint64_t width_mask(uint32_t reg)
{
    return reg_table[reg].bytes == 8 ? UINT64_MAX : UINT32_MAX;
}

/* Bits of fields; a register without fields is one. */
static void find_writable(struct traffic *t)
{
    for (size_t i = 0; i < reg_field_count; i++) {
        const struct reg_field_info *f = &reg_field_table[i];

        t->writable[f->reg] |= (UINT64_MAX >> (64 - f->width)) << f->lsb;
    }
    for (uint32_t r = 0; r < REG_COUNT; r++) {
        if (t->writable[r] == 0) {
            t->writable[r] = width_mask(r);
        }
    }
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    uint32_t place = 0;

    t->random = rng_stream(seed, 3);
    t->tables = nic_solo_number(config, "TABLES") != 0;
    /* in ipsec_top it has no parameter of its own */
    t->deep = strstr(config, " IN_DEPTH=") && nic_solo_number(config, "IN_DEPTH") > 16;
    t->n.walks.cycles = 16000;
    t->n.resets.cycles = 1000;
    for (uint32_t r = 0; r < REG_COUNT; r++) {
        t->first[r] = (uint16_t)place;
        place += reg_table[r].count;
    }
    find_writable(t);
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

/* What the card changes by itself, or a write sets going: not what was written is read. */
static bool has_a_life(uint32_t reg)
{
    return reg == REG_CNT_BAD_ACCESS || reg_table[reg].effect == REG_EFFECT_TABLE;
}

static struct expected expect_read(struct traffic *t, uint32_t reg, uint32_t place, uint32_t shift,
                                   uint64_t mask)
{
    bool read_only = reg_table[reg].access == REG_ACCESS_RO;

    if (hidden(t, reg)) {
        return (struct expected){ .kind = REFUSED_UNKNOWN };
    }
    if (has_a_life(reg) || (t->step == 0 && !read_only)) {
        return (struct expected){ .kind = ANYTHING };
    }
    return (struct expected){ .kind = !read_only     ? WRITTEN
                                      : t->step == 0 ? LEARN
                                                     : KEPT,
                              .place = place,
                              .shift = shift,
                              .value = t->value[place] >> shift,
                              .mask = read_only ? mask : t->writable[reg] >> shift & mask };
}

/* A driver's own rule, written down once more. */
static void note_write(struct traffic *t, uint32_t reg, uint32_t place, uint64_t data,
                       uint64_t mask)
{
    uint64_t bits = mask & t->writable[reg];

    if (reg_table[reg].access == REG_ACCESS_RW) {
        t->value[place] = (t->value[place] & ~bits) | (data & bits);
    }
}

/* The steps: read, then four times written and read back; an access too wide; then halves. */
static void walk_access(struct traffic *t, struct access *a)
{
    static const uint64_t patterns[] = { UINT64_MAX, 0 };
    const struct reg_info *info = &reg_table[t->reg];
    uint32_t place = t->first[t->reg] + t->element;
    uint32_t step = t->step;
    bool wide = info->bytes == 8;

    *a = (struct access){ .offset = info->offset + t->element * info->stride,
                          .bytes = info->bytes,
                          .write = step % 2 == 1 };
    if (step < 9) {
        a->data = step / 2 < 2 ? patterns[step / 2] : rng_next(&t->random);
    } else if (!wide) { /* 8 bytes where there are 4 */
        a->bytes = 8;
        a->data = rng_next(&t->random);
        a->expected.kind =
            a->offset % 8 == 0 && hidden(t, t->reg) ? REFUSED_UNKNOWN : REFUSED_ABORTED;
        return;
    } else {
        a->bytes = 4;
        a->offset += step % 4 < 2 ? 4 : 0; /* write lower 9, read upper 10... */
        a->data = rng_next(&t->random) & UINT32_MAX;
    }
    if (!a->write) {
        uint32_t shift = a->bytes == 4 && wide && a->offset % 8 ? 32 : 0;

        a->expected = expect_read(t, t->reg, place, shift, a->bytes == 4 ? UINT32_MAX : UINT64_MAX);
    } else if (!hidden(t, t->reg)) {
        uint32_t shift = a->bytes == 4 && wide && a->offset % 8 ? 32 : 0;
        uint64_t mask = (a->bytes == 4 ? UINT32_MAX : UINT64_MAX) << shift;

        note_write(t, t->reg, place, a->data << shift, mask & width_mask(t->reg));
    }
}

static void walk_on(struct traffic *t)
{
    t->step++;
    if (t->step < WALK_STEPS) {
        return;
    }
    t->step = 0;
    t->element++;
    if (t->element < reg_table[t->reg].count) {
        return;
    }
    t->element = 0;
    t->reg++;
    if (t->reg == REG_COUNT) {
        t->garbage = GARBAGE;
        t->n.walks.now = true;
    }
}

/* ---- anything ------------------------------------------------------------------------------------------- */

static uint64_t any_data(struct rng *r)
{
    switch (rng_below(r, 6)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return 1ull << rng_below(r, 64);
    default: return rng_next(r);
    }
}

static uint32_t any_offset(struct traffic *t)
{
    static const enum reg_id index[] = { REG_IPSTXIDX, REG_IPSRXIDX };
    struct rng *r = &t->random;
    uint32_t reg = (uint32_t)rng_below(r, REG_COUNT);

    switch (rng_below(r, 16)) {
    case 0: return (uint32_t)rng_below(r, 1u << 20);
    case 1: return (uint32_t)rng_below(r, REG_BAR_BYTES) & ~3u;
    case 2: return reg_table[index[rng_below(r, 2)]].offset | (uint32_t)rng_below(r, 2) << 18;
    case 3:
    case 4:
    case 5: /* the tables' own, which are few */
        return reg_table[REG_SECTXCTRL + rng_below(r, REG_IPSRXMOD - REG_SECTXCTRL + 1)].offset;
    case 6:
    case 7: return reg_table[index[rng_below(r, 2)]].offset;
    default:
        return reg_table[reg].offset +
               (uint32_t)rng_below(r, reg_table[reg].count) * reg_table[reg].stride +
               (reg_table[reg].bytes == 8 ? (uint32_t)rng_below(r, 2) * 4 : 0);
    }
}

static void any_access(struct traffic *t, struct access *a)
{
    struct rng *r = &t->random;

    *a = (struct access){ .offset = any_offset(t),
                          .write = rng_below(r, 2) != 0,
                          .data = any_data(r) };
    switch (rng_below(r, 8)) {
    case 0: a->bytes = (uint32_t)rng_below(r, 16); break;
    case 1:
    case 2: a->bytes = 8; break;
    default: a->bytes = 4; break;
    }
    if (t->half && rng_below(r, 4)) { /* the second half of a register */
        a->offset = t->half;
        a->bytes = 4;
        a->write = false;
        t->half = 0;
        t->n.halves++;
    } else if (!a->write && a->bytes == 4 && a->offset % 8 == 0) {
        t->half = a->offset + 4;
    }
    if (!a->write && a->bytes == 4 && a->offset % 4 == 0 && a->offset >= REG_TX_PUSH_OFFSET) {
        a->expected.kind = REFUSED_UNKNOWN; /* a window, or beyond the BAR */
    }
}

static bool scene_fits(const struct traffic *t, uint32_t reg)
{
    return reg_table[reg].bytes == 8 && reg_table[reg].access == REG_ACCESS_RW && !hidden(t, reg);
}

/* The scene's next access, if it is its turn; in a scene there are no others. */
static bool scene_access(struct traffic *t, struct access *a)
{
    bool upper = t->scene == SCENE_UPPER;

    if (!upper && t->scene != SCENE_LOWER) {
        return false;
    }
    *a = (struct access){ .offset = reg_table[t->scene_reg].offset + (upper ? 4 : 0), .bytes = 4 };
    t->scene = upper ? SCENE_NONE : SCENE_RESET;
    return true;
}

/* ---- the driver ------------------------------------------------------------------------------------------- */

static void drive_access(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct access *a = &t->access;
    bool walking = t->reg < REG_COUNT;

    if (!t->waiting && !(t->ordering && walking)) {
        if (t->asked - t->answered >= RING / 2) {
            return;
        }
        if (walking) {
            walk_access(t, a);
            walk_on(t);
            t->waiting = true;
        } else if (t->scene != SCENE_NONE) {
            t->waiting = scene_access(t, a);
        } else if (t->garbage > 0 && rng_below(&t->random, 8)) {
            any_access(t, a);
            t->garbage--;
            t->waiting = true;
        } else if (t->garbage == 0 && t->asked == t->answered && !t->ordering) {
            t->reg = t->element = t->step = 0;
        }
    }
    t->n.full += t->waiting && !GET(out, ACC_ROOM);
    if (!t->waiting || !GET(out, ACC_ROOM)) {
        return;
    }
    SET(in, ACC_VALID, 1);
    SET(in, ACC_WRITE, a->write);
    SET(in, ACC_OFFSET, a->offset);
    SET(in, ACC_BYTES, a->bytes);
    SET(in, ACC_DATA, a->data);
    t->waiting = false;
    t->n.accesses++;
    if (!a->write) {
        t->ring[t->asked++ % RING] = a->expected;
    }
}

static void check_answer(struct traffic *t, uint64_t status, uint64_t value)
{
    const struct expected *e = &t->ring[t->answered % RING];

    t->n.reads++;
    switch (e->kind) {
    case ANYTHING: break;
    case LEARN: t->value[e->place] = value; break;
    case KEPT:
        t->n.kept++;
        t->n.kept_good += status == GOOD && value == (t->value[e->place] >> e->shift & e->mask);
        break;
    case WRITTEN:
        t->n.back++;
        t->n.back_good += status == GOOD && ((value ^ e->value) & e->mask) == 0;
        break;
    case REFUSED_UNKNOWN:
        t->n.unknown++;
        t->n.unknown_good += status == UNSUPPORTED && value == UINT64_MAX;
        break;
    case REFUSED_ABORTED:
        t->n.aborted++;
        t->n.aborted_good += status == ABORTED && value == UINT64_MAX;
        break;
    }
}

/* ---- the card ------------------------------------------------------------------------------------------- */

static void put(struct traffic *t, uint32_t *in, uint32_t reg, uint32_t element)
{
    SET(in, PUT, 1);
    SET(in, PUT_PLACE, t->first[reg] + element);
    SET(in, PUT_VALUE, any_data(&t->random) & width_mask(reg));
    t->n.puts++;
}

/* A load brings some of the data registers, one a cycle, then it is over. */
static void drive_order(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    if (GET(out, ORDER)) {
        t->ordering = true;
        t->order_until = t->cycle + rng_below(&t->random, 40);
        t->words = GET(out, ORDER_WRITE) ? 0 : (uint32_t)rng_below(&t->random, 6);
        t->order_table = (uint32_t)GET(out, ORDER_TABLE);
        t->n.orders++;
        t->n.stores += GET(out, ORDER_WRITE);
    }
    if (!t->ordering || t->cycle < t->order_until) {
        return;
    }
    if (t->words > 0) {
        t->words--;
        put(t, in, t->order_table ? REG_IPSRXKEY : REG_IPSTXKEY, t->words % 4);
        return;
    }
    SET(in, ORDER_DONE, 1);
    t->ordering = false;
}

/* The card's part in a scene. */
static void drive_scene(struct traffic *t, uint32_t *in)
{
    if (t->scene == SCENE_NONE && rng_below(&t->random, 200) == 0) {
        do {
            t->scene_reg = (uint32_t)rng_below(&t->random, REG_COUNT);
        } while (!scene_fits(t, t->scene_reg));
        t->scene = SCENE_PUT;
    } else if (t->scene == SCENE_PUT && block_pin(in, &in_pins[IN_PUT]) == 0) {
        put(t, in, t->scene_reg, 0);
        t->scene = SCENE_LOWER;
    } else if (t->scene == SCENE_RESET && !t->waiting && t->asked == t->answered) {
        SET(in, RESET_RW, 1);
        t->n.resets.now = true;
        t->scene = SCENE_UPPER;
    }
}

static void drive_card(struct traffic *t, uint32_t *in)
{
    uint32_t reg = (uint32_t)rng_below(&t->random, REG_COUNT);

    if (t->reg < REG_COUNT || (t->garbage == 0 && t->scene == SCENE_NONE)) {
        return;
    }
    drive_scene(t, in);
    if (rng_below(&t->random, 5) == 0 && block_pin(in, &in_pins[IN_PUT]) == 0) {
        put(t, in, reg, (uint32_t)rng_below(&t->random, reg_table[reg].count));
    }
    if (rng_below(&t->random, 400) == 0) {
        SET(in, RESET_RW, 1);
        t->n.resets.now = true;
    }
}

/* Access types by themselves: a one clears, a one sets. */
static void drive_rule(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    uint32_t access = (uint32_t)rng_below(&t->random, REG_ACCESS_W1S + 1);
    uint64_t old = any_data(&t->random);
    uint64_t value = any_data(&t->random);
    uint64_t mask = any_data(&t->random);

    if (t->rule.access == REG_ACCESS_W1C || t->rule.access == REG_ACCESS_W1S) {
        t->n.ones++;
        t->n.ones_good += GET(out, RULE_RESULT) == t->rule.expected;
    }
    t->rule.access = access;
    t->rule.expected = access == REG_ACCESS_W1C ? old - (old & value & mask) : old | (value & mask);
    SET(in, RULE_ACCESS, access);
    SET(in, RULE_OLD, old);
    SET(in, RULE_VALUE, value);
    SET(in, RULE_MASK, mask);
}

static void pass(struct spans *s, uint64_t cycle)
{
    if ((cycle + 1) % s->cycles == 0) {
        s->all++;
        s->with += s->now;
        s->now = false;
    }
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    if (GET(out, ANSWER)) {
        check_answer(t, GET(out, ANSWER_STATUS), GET(out, ANSWER_DATA));
        t->answered++;
    }
    t->n.writes += GET(out, WROTE);
    t->n.none += GET(out, ORDER_NONE);
    if (t->cycle == 0) {
        t->before[0] = GET(out, COUNT_MISALIGNED);
        t->before[1] = GET(out, COUNT_UNKNOWN);
        t->before[2] = GET(out, COUNT_READ_ONLY);
    }
    t->n.misaligned = GET(out, COUNT_MISALIGNED) - t->before[0];
    t->n.no_register = GET(out, COUNT_UNKNOWN) - t->before[1];
    t->n.read_only = GET(out, COUNT_READ_ONLY) - t->before[2];
    drive_order(t, out, in);
    drive_card(t, in);
    drive_access(t, out, in);
    drive_rule(t, out, in);
    pass(&t->n.walks, t->cycle);
    pass(&t->n.resets, t->cycle);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "16000 cycles with a walk over all registers", t->n.walks.with, t->n.walks.all, 900 },
        { "read-only registers stay", t->n.kept_good, t->n.kept, 1000 },
        { "what was written is read back", t->n.back_good, t->n.back, 1000 },
        { "no register: reported as unsupported", t->n.unknown_good, t->n.unknown, 1000 },
        { "register of 4 bytes read as 8: aborted", t->n.aborted_good, t->n.aborted, 1000 },
        { "ones written clear or set (csr_rule)", t->n.ones_good, t->n.ones, 1000 },
        { "reads", t->n.reads, t->n.accesses, 300 },
        { "writes that were not refused", t->n.writes, t->n.accesses, 100 },
        { "refused as misaligned", t->n.misaligned, t->n.accesses, 50 },
        { "refused as unknown", t->n.no_register, t->n.accesses, 50 },
        { "refused as read-only", t->n.read_only, t->n.accesses, 50 },
        { "upper halves read behind the lower", t->n.halves, t->n.accesses, 20 },
        { "values put by the card", t->n.puts, t->cycle, 20 },
        { "1000 cycles with a device reset", t->n.resets.with, t->n.resets.all, 300 },
        /* only with TABLES */
        { "cycles in which an access has no room", t->n.full, t->cycle, t->deep ? 5 : 50 },
        { "orders of tables", t->n.orders, t->n.accesses, 10 },
        { "orders that store", t->n.stores, t->n.orders, 100 },
        { "orders of a table that is not there", t->n.none, t->n.accesses, 1 },
    };
    unsigned count = sizeof all / sizeof *all - (t->tables ? 0 : 4);

    memcpy(share, all, count * sizeof *all);
    return count;
}

const struct cosim_stimulus cosim_csr_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
