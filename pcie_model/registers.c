#include "pcie_model/registers.h"

#include <stdlib.h>
#include <string.h>

const struct reg_info reg_table[REG_COUNT] = {
#define REG(name_, offset_, count_, stride_, bytes_, access_, reset_, effect_, doc_)               \
    [REG_##name_] = { .name = #name_,                                                              \
                      .offset = (offset_),                                                         \
                      .count = (count_),                                                           \
                      .stride = (stride_),                                                         \
                      .bytes = (bytes_),                                                           \
                      .access = REG_ACCESS_##access_,                                              \
                      .effect = REG_EFFECT_##effect_,                                              \
                      .reset = (reset_),                                                           \
                      .help = (doc_) },
#define FIELD(reg_, name_, lsb_, width_, doc_)
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};

const struct reg_field_info reg_field_table[] = {
#define REG(name_, offset_, count_, stride_, bytes_, access_, reset_, effect_, doc_)
#define FIELD(reg_, name_, lsb_, width_, doc_)                                                     \
    { .reg = REG_##reg_, .name = #name_, .lsb = (lsb_), .width = (width_), .help = (doc_) },
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};
const size_t reg_field_count = sizeof reg_field_table / sizeof reg_field_table[0];

const struct reg_window_info reg_window_table[] = {
#define REG(name_, offset_, count_, stride_, bytes_, access_, reset_, effect_, doc_)
#define FIELD(reg_, name_, lsb_, width_, doc_)
#define WINDOW(name_, offset_, count_, stride_, bytes_, doc_)                                      \
    { .name = #name_,                                                                              \
      .offset = (offset_),                                                                         \
      .count = (count_),                                                                           \
      .stride = (stride_),                                                                         \
      .bytes = (bytes_),                                                                           \
      .help = (doc_) },
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};
const size_t reg_window_count = sizeof reg_window_table / sizeof reg_window_table[0];

static const char *const access_names[] = { "RO", "RW", "WO", "W1C", "W1S" };

const char *reg_access_name(enum reg_access access)
{
    return access_names[access];
}

/* ---- construction -------------------------------------------------------------------------- */

static void contradiction(const struct reg_info *info, const char *what)
{
    fprintf(stderr, "espnic: internal error: registers.def: %s %s\n", info->name, what);
    abort();
}

/* Mark the DWs of every element as the register's. */
static void place(struct reg_file *file, enum reg_id id)
{
    const struct reg_info *info = &reg_table[id];

    if ((info->bytes != 4 && info->bytes != 8) || info->offset % info->bytes ||
        info->stride % info->bytes || info->count == 0) {
        contradiction(info, "has an impossible size, offset, stride or count");
    }
    for (unsigned i = 0; i < info->count; i++) {
        for (uint32_t at = reg_offset(id, i); at < reg_offset(id, i) + info->bytes; at += 4) {
            if (at >= REG_BAR_BYTES) {
                contradiction(info, "is outside the BAR");
            }
            if (file->at[at / 4]) {
                contradiction(info, "overlaps another register");
            }
            file->at[at / 4] = (uint8_t)(id + 1);
        }
    }
}

/* No register is in a window. */
static void check_window(const struct reg_file *file, const struct reg_window_info *w)
{
    uint32_t end = w->offset + (w->count - 1) * w->stride + w->bytes;
    bool good =
        w->bytes <= w->stride && w->offset % 64 == 0 && w->stride % 64 == 0 && end <= REG_BAR_BYTES;

    for (uint32_t at = w->offset; good && at < end; at += 4) {
        good = file->at[at / 4] == 0;
    }
    if (!good) {
        fprintf(stderr, "espnic: internal error: registers.def: window %s does not fit\n", w->name);
        abort();
    }
}

/* A register without fields is one field. */
static void find_writable(struct reg_file *file)
{
    for (size_t i = 0; i < reg_field_count; i++) {
        const struct reg_field_info *f = &reg_field_table[i];
        uint64_t mask;

        if (f->width == 0 || f->width > 63 ||
            (unsigned)f->lsb + f->width > reg_table[f->reg].bytes * 8u) {
            contradiction(&reg_table[f->reg], "has a field that does not fit");
        }
        mask = ((1ull << f->width) - 1) << f->lsb;
        if (file->writable[f->reg] & mask) {
            contradiction(&reg_table[f->reg], "has two fields in one place");
        }
        file->writable[f->reg] |= mask;
    }
    for (unsigned r = 0; r < REG_COUNT; r++) {
        if (!file->writable[r]) {
            file->writable[r] = reg_table[r].bytes == 8 ? UINT64_MAX : UINT32_MAX;
        }
    }
}

static void to_reset_value(struct reg_file *file, enum reg_id id)
{
    for (unsigned i = 0; i < reg_table[id].count; i++) {
        reg_set(file, id, i, reg_table[id].reset);
    }
}

void reg_file_init(struct reg_file *file)
{
    static const uint16_t first[REG_COUNT] = {
#define REG(name_, offset_, count_, stride_, bytes_, access_, reset_, effect_, doc_)               \
    [REG_##name_] = REG_##name_##_FIRST,
#define FIELD(reg_, name_, lsb_, width_, doc_)
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
    };

    _Static_assert(REG_COUNT < UINT8_MAX, "reg_file.at holds a register in 8 bits");
    memset(file, 0, sizeof *file);
    find_writable(file);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        file->first[r] = first[r];
        place(file, (enum reg_id)r);
        to_reset_value(file, (enum reg_id)r);
    }
    for (size_t i = 0; i < reg_window_count; i++) {
        check_window(file, &reg_window_table[i]);
    }
}

void reg_file_hide(struct reg_file *file, enum reg_id id)
{
    for (unsigned i = 0; i < reg_table[id].count; i++) {
        for (uint32_t at = 0; at < reg_table[id].bytes; at += 4) {
            file->at[(reg_offset(id, i) + at) / 4] = 0;
        }
    }
}

void reg_file_register_state(struct reg_file *file, struct snapshot *snap)
{
    snapshot_fixed(snap, "registers", &file->s, sizeof file->s);
}

void reg_file_reset(struct reg_file *file)
{
    for (unsigned r = 0; r < REG_COUNT; r++) {
        if (reg_table[r].access != REG_ACCESS_RO) {
            to_reset_value(file, (enum reg_id)r);
        }
    }
    file->s.latched = 0;
}

/* ---- access from the bus ------------------------------------------------------------------- */

/* What an access means. */
struct target {
    const struct reg_info *info;
    enum reg_id id;
    unsigned index;
    bool half;  /* 4 bytes of 8 */
    bool upper; /* ... those at the higher address */
};

static void refuse(struct reg_file *file, uint64_t *reason)
{
    (*reason)++;
    file->s.value[file->first[REG_CNT_BAD_ACCESS]]++;
}

static bool decode(struct reg_file *file, uint32_t offset, uint32_t bytes, struct target *t)
{
    uint32_t inside;
    unsigned id;

    if ((bytes != 4 && bytes != 8) || offset % bytes) {
        refuse(file, &file->s.refused.misaligned);
        return false;
    }
    id = offset < REG_BAR_BYTES ? file->at[offset / 4] : 0;
    if (!id) {
        refuse(file, &file->s.refused.unknown);
        return false;
    }
    t->id = (enum reg_id)(id - 1);
    t->info = &reg_table[t->id];
    if (bytes > t->info->bytes) {
        refuse(file, &file->s.refused.misaligned);
        return false;
    }
    inside = offset - t->info->offset;
    t->index = t->info->stride ? inside / t->info->stride : 0;
    t->half = bytes < t->info->bytes;
    t->upper = t->half && inside - t->index * t->info->stride == 4;
    return true;
}

uint64_t reg_read(struct reg_file *file, uint32_t offset, uint32_t bytes, bool *ok)
{
    struct target t;
    uint64_t value;

    *ok = false;
    if (!decode(file, offset, bytes, &t)) {
        return UINT64_MAX;
    }
    if (t.info->access == REG_ACCESS_WO) {
        refuse(file, &file->s.refused.write_only);
        return UINT64_MAX;
    }
    *ok = true;
    value = reg_get(file, t.id, t.index);
    if (!t.half) {
        return value;
    }
    if (!t.upper) {
        file->s.latched = offset + 4;
        file->s.upper = (uint32_t)(value >> 32);
        return (uint32_t)value;
    }
    if (file->s.latched == offset) {
        file->s.latched = 0;
        return file->s.upper;
    }
    return value >> 32;
}

uint64_t reg_combine(enum reg_access access, uint64_t old, uint64_t value, uint64_t mask)
{
    switch (access) {
    case REG_ACCESS_RW:
    case REG_ACCESS_WO: return (old & ~mask) | (value & mask);
    case REG_ACCESS_W1C: return old & ~(value & mask);
    case REG_ACCESS_W1S: return old | (value & mask);
    case REG_ACCESS_RO: break;
    }
    return old;
}

bool reg_write(struct reg_file *file, uint32_t offset, uint32_t bytes, uint64_t value,
               struct reg_written *written)
{
    struct target t;
    uint64_t mask;

    if (!decode(file, offset, bytes, &t)) {
        return false;
    }
    if (t.info->access == REG_ACCESS_RO) {
        refuse(file, &file->s.refused.read_only);
        return false;
    }
    mask = file->writable[t.id];
    if (t.upper) {
        value <<= 32;
        mask &= ~(uint64_t)UINT32_MAX;
    } else if (bytes == 4) {
        mask &= UINT32_MAX;
    }
    reg_set(
        file, t.id, t.index,
        reg_combine((enum reg_access)t.info->access, reg_get(file, t.id, t.index), value, mask));
    written->reg = t.id;
    written->index = t.index;
    written->effect = t.half && !t.upper ? REG_EFFECT_NONE : (enum reg_effect)t.info->effect;
    return true;
}
