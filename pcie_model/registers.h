/* BAR0: names, decoder and storage of the registers of registers.def.
 *
 * For every REG(NAME, ...): REG_NAME (enum reg_id) and REG_NAME_OFFSET (of element 0). For every
 * FIELD(NAME, FIELD, ...): REG_NAME_FIELD_LSB and REG_NAME_FIELD_WIDTH, and
 *   REG_MASK(NAME, FIELD), REG_GET(NAME, FIELD, value), REG_PUT(NAME, FIELD, value, new).
 * For every WINDOW(NAME, ...): REG_NAME_OFFSET, REG_NAME_STRIDE, REG_NAME_ELEMENTS, REG_NAME_WINDOW (bytes).
 *
 * A register file is flat data. The driver reaches it through reg_read() and reg_write(), which
 * obey the access type; the card through reg_get() and reg_set(), which do not. */
#ifndef ESPNIC_PCIE_MODEL_REGISTERS_H
#define ESPNIC_PCIE_MODEL_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/snapshot.h"

enum { REG_BAR_BYTES = 0x10000 };

enum reg_id {
#define REG(name, offset, count, stride, bytes, access, reset, effect, doc) REG_##name,
#define FIELD(reg, name, lsb, width, doc)
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
    REG_COUNT
};

enum reg_offset {
#define REG(name, offset, count, stride, bytes, access, reset, effect, doc)                        \
    REG_##name##_OFFSET = (offset), REG_##name##_STRIDE = (stride), REG_##name##_ELEMENTS = (count),
#define FIELD(reg, name, lsb, width, doc)
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};

enum reg_window_place {
#define REG(name, offset, count, stride, bytes, access, reset, effect, doc)
#define FIELD(reg, name, lsb, width, doc)
#define WINDOW(name, offset, count, stride, bytes, doc)                                            \
    REG_##name##_OFFSET = (offset), REG_##name##_STRIDE = (stride),                                \
    REG_##name##_ELEMENTS = (count), REG_##name##_WINDOW = (bytes),
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};

enum reg_field_place {
#define REG(name, offset, count, stride, bytes, access, reset, effect, doc)
#define FIELD(reg, name, lsb, width, doc)                                                          \
    REG_##reg##_##name##_LSB = (lsb), REG_##reg##_##name##_WIDTH = (width),
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
};

/* Where the elements of a register are in reg_state.value; REG_VALUES: all elements of all
 * registers. */
enum reg_place {
#define REG(name, offset, count, stride, bytes, access, reset, effect, doc)                        \
    REG_##name##_FIRST, REG_##name##_LAST = REG_##name##_FIRST + (count)-1,
#define FIELD(reg, name, lsb, width, doc)
#include "pcie_model/registers.def"
#undef REG
#undef FIELD
    REG_VALUES
};

#define REG_MASK(reg, field)                                                                       \
    (((1ull << REG_##reg##_##field##_WIDTH) - 1) << REG_##reg##_##field##_LSB)
#define REG_GET(reg, field, value)                                                                 \
    (((uint64_t)(value)&REG_MASK(reg, field)) >> REG_##reg##_##field##_LSB)
#define REG_PUT(reg, field, value, new_value)                                                      \
    (((uint64_t)(value) & ~REG_MASK(reg, field)) |                                                 \
     (((uint64_t)(new_value) << REG_##reg##_##field##_LSB) & REG_MASK(reg, field)))

enum reg_access {
    REG_ACCESS_RO, /* the driver reads */
    REG_ACCESS_RW,
    REG_ACCESS_WO,  /* the driver writes; reading it is refused */
    REG_ACCESS_W1C, /* a one written clears the bit */
    REG_ACCESS_W1S  /* a one written sets the bit */
};

/* What the card has to do after a write. */
enum reg_effect {
    REG_EFFECT_NONE,
    REG_EFFECT_CTRL,
    REG_EFFECT_CMD_TAIL,
    REG_EFFECT_TX_TAIL,
    REG_EFFECT_RX_TAIL,
    REG_EFFECT_EVENT_SIZE,
    REG_EFFECT_EVENT_HEAD,
    REG_EFFECT_SECURITY, /* the security blocks of a card with tables behind registers */
    REG_EFFECT_TABLE     /* ... one of those tables */
};

struct reg_info {
    const char *name;
    uint32_t offset, count, stride;
    uint8_t bytes;  /* 4 or 8 */
    uint8_t access; /* enum reg_access */
    uint8_t effect; /* enum reg_effect */
    uint64_t reset;
    const char *help;
};

/* Written in bursts; not part of a register file, for which it is unknown. */
struct reg_window_info {
    const char *name;
    uint32_t offset, count, stride, bytes;
    const char *help;
};

struct reg_field_info {
    const char *name;
    const char *help;
    enum reg_id reg;
    uint8_t lsb, width;
};

extern const struct reg_info reg_table[REG_COUNT];
extern const struct reg_field_info reg_field_table[];
extern const size_t reg_field_count;
extern const struct reg_window_info reg_window_table[];
extern const size_t reg_window_count;

/* Accesses that were refused, by the first reason that holds; CNT_BAD_ACCESS is their sum. */
struct reg_refused {
    uint64_t
        misaligned;   /* not 4 or 8 bytes, not a multiple of its size, or 8 bytes of a 4-byte one */
    uint64_t unknown; /* no register there */
    uint64_t read_only;  /* written */
    uint64_t write_only; /* read */
};

struct reg_state {
    uint64_t value[REG_VALUES];
    struct reg_refused refused;
    uint32_t latched; /* offset of the upper half that a read of the lower half keeps, 0: none */
    uint32_t upper;   /* ... and what it was */
};

struct reg_file {
    struct reg_state s; /* the state; the rest follows from registers.def */
    uint64_t writable[REG_COUNT];
    uint16_t first[REG_COUNT];     /* index of element 0 in s.value */
    uint8_t at[REG_BAR_BYTES / 4]; /* 1 + enum reg_id of this DW, 0: none */
};

/* Every register at its reset value. Aborts if registers.def contradicts itself (overlap,
 * alignment). */
void reg_file_init(struct reg_file *file);
void reg_file_register_state(struct reg_file *file, struct snapshot *snap);

/* This card has no such register: accesses are refused as unknown. */
void reg_file_hide(struct reg_file *file, enum reg_id id);

/* What a device reset does: registers that the driver writes go back to their reset values;
 * those that the card writes (RO) stay. */
void reg_file_reset(struct reg_file *file);

/* An access from the bus: a refused one is counted, gives all ones, sets *ok to false. Reading
 * the lower half of a 64-bit register keeps the upper half for the read that follows, so that
 * two reads of 4 bytes see one value. */
uint64_t reg_read(struct reg_file *file, uint32_t offset, uint32_t bytes, bool *ok);

struct reg_written {
    enum reg_id reg;
    unsigned index;         /* element of an array */
    enum reg_effect effect; /* of a 64-bit register: once, with its upper half */
};

/* False: refused and counted, nothing changed. Bits that belong to no field of a register with
 * fields are reserved: written as anything, read as 0. */
bool reg_write(struct reg_file *file, uint32_t offset, uint32_t bytes, uint64_t value,
               struct reg_written *written);

/* The rule of an access type: `old` with `value` written to the bits in `mask`. */
uint64_t reg_combine(enum reg_access access, uint64_t old, uint64_t value, uint64_t mask);

/* The card's side. */
static inline uint64_t reg_get(const struct reg_file *file, enum reg_id reg, unsigned index)
{
    return file->s.value[file->first[reg] + index];
}

static inline void reg_set(struct reg_file *file, enum reg_id reg, unsigned index, uint64_t value)
{
    file->s.value[file->first[reg] + index] = value;
}

/* Offset of an element. */
static inline uint32_t reg_offset(enum reg_id reg, unsigned index)
{
    return reg_table[reg].offset + index * reg_table[reg].stride;
}

const char *reg_access_name(enum reg_access access);

/* pcie_model/REGISTERS.md (registers_text.c) */
void reg_write_markdown(FILE *out);
/* rtl_models/espnic_regs_pkg.sv: the same for the RTL */
void reg_write_package(FILE *out);

#endif
