/* What is made of registers.def for others: the documentation and the package of the RTL. */
#include <inttypes.h>
#include <stdio.h>

#include "pcie_model/registers.h"

/* ---- documentation ------------------------------------------------------------------------- */

/* A bar would end the cell of the table. */
static void write_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void write_fields(FILE *out, enum reg_id id)
{
    bool any = false;

    for (size_t i = 0; i < reg_field_count; i++) {
        const struct reg_field_info *f = &reg_field_table[i];

        if (f->reg != id) {
            continue;
        }
        if (!any) {
            fprintf(out, "\n### %s\n\n| bits | field | meaning |\n|---|---|---|\n",
                    reg_table[id].name);
            any = true;
        }
        if (f->width == 1) {
            fprintf(out, "| %u | %s | ", f->lsb, f->name);
        } else {
            fprintf(out, "| %u:%u | %s | ", f->lsb + f->width - 1u, f->lsb, f->name);
        }
        write_text(out, f->help);
        fputs(" |\n", out);
    }
}

static void write_register(FILE *out, const struct reg_info *info)
{
    fprintf(out, "| 0x%04" PRIx32, info->offset);
    if (info->count > 1) {
        fprintf(out, " + 0x%" PRIx32 " i | %s[%" PRIu32 "]", info->stride, info->name, info->count);
    } else {
        fprintf(out, " | %s", info->name);
    }
    fprintf(out, " | %d | %s | ", info->bytes * 8, reg_access_name((enum reg_access)info->access));
    fprintf(out, info->reset > 9 ? "0x%" PRIx64 : "%" PRIu64, info->reset);
    fputs(" | ", out);
    write_text(out, info->help);
    fprintf(out, "%s |\n", info->effect ? ". *Writing it starts work.*" : "");
}

void reg_write_markdown(FILE *out)
{
    fputs(
        "# Registers of BAR0\n\n"
        "Made from `registers.def`; do not edit. A test compares the two.\n\n"
        "Accesses are 4 bytes, or 8 for 64-bit registers, at multiples of their size,\n"
        "little-endian. A 64-bit register may be accessed as two halves, the lower one first:\n"
        "reading it keeps the upper half for the next read, and the register takes effect with\n"
        "the upper half written. Bits of no field are reserved: ignored when written, read as 0.\n"
        "Refused accesses are counted in CNT_BAD_ACCESS: writes change nothing, reads return\n"
        "all ones.\n\n",
        out);
    fprintf(
        out,
        "The window is %d KiB. RO: the driver reads; RW: reads and writes; WO: writes; W1C, W1S: "
        "a one\nwritten clears or sets the bit.\n\n",
        REG_BAR_BYTES / 1024);
    fputs("| offset | name | bits | access | reset | meaning |\n|---|---|---|---|---|---|\n", out);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        write_register(out, &reg_table[r]);
    }
    fputs("\n## Windows\n\n"
          "Not registers: written in bursts, reading is refused.\n\n"
          "| offset | name | bytes | meaning |\n|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < reg_window_count; i++) {
        const struct reg_window_info *w = &reg_window_table[i];

        fprintf(out, "| 0x%04" PRIx32 " + 0x%" PRIx32 " i | %s[%" PRIu32 "] | %" PRIu32 " | ",
                w->offset, w->stride, w->name, w->count, w->bytes);
        write_text(out, w->help);
        fputs(" |\n", out);
    }
    fputs("\n## Fields\n", out);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        write_fields(out, (enum reg_id)r);
    }
}

/* ---- SystemVerilog --------------------------------------------------------------------------- */

/* Hexadecimal with the width that the lint asks for. */
static void write_constant(FILE *out, unsigned bits, uint64_t value)
{
    fprintf(out, "%u'h%0*" PRIx64, bits, (int)(bits / 4), value);
}

static void write_package_field(FILE *out, const struct reg_field_info *f, unsigned bits)
{
    const char *reg = reg_table[f->reg].name;
    uint64_t mask = ((1ull << f->width) - 1) << f->lsb;

    fprintf(out, "  localparam int unsigned %s_%s_LSB = %u;\n", reg, f->name, f->lsb);
    fprintf(out, "  localparam int unsigned %s_%s_WIDTH = %u;\n", reg, f->name, f->width);
    fprintf(out, "  localparam logic [%u:0] %s_%s_MASK = ", bits - 1, reg, f->name);
    write_constant(out, bits, mask);
    fputs(";\n", out);
}

static void write_package_register(FILE *out, enum reg_id id)
{
    static const char *const access[] = { "AccessRo", "AccessRw", "AccessWo", "AccessW1c",
                                          "AccessW1s" };
    const struct reg_info *info = &reg_table[id];
    unsigned bits = info->bytes * 8u;

    fprintf(out, "\n  localparam logic [15:0] %s_OFFSET = 16'h%04" PRIx32 ";\n", info->name,
            info->offset);
    if (info->count > 1) {
        fprintf(out, "  localparam int unsigned %s_COUNT = %" PRIu32 ";\n", info->name,
                info->count);
        fprintf(out, "  localparam int unsigned %s_STRIDE = %" PRIu32 ";\n", info->name,
                info->stride);
    }
    fprintf(out, "  localparam int unsigned %s_BITS = %u;\n", info->name, bits);
    fprintf(out, "  localparam access_e %s_ACCESS = %s;\n", info->name, access[info->access]);
    fprintf(out, "  localparam logic [%u:0] %s_RESVAL = ", bits - 1, info->name);
    write_constant(out, bits, info->reset);
    fputs(";\n", out);
    for (size_t i = 0; i < reg_field_count; i++) {
        if (reg_field_table[i].reg == id) {
            write_package_field(out, &reg_field_table[i], bits);
        }
    }
}

void reg_write_package(FILE *out)
{
    fputs(
        "// Registers of BAR0.\n"
        "//\n"
        "// Made from pcie_model/registers.def; do not edit. A test compares the two.\n"
        "// What each register and field means: pcie_model/REGISTERS.md.\n"
        "//\n"
        "// For every register NAME: NAME_OFFSET (bytes), NAME_BITS, NAME_ACCESS and NAME_RESVAL;\n"
        "// of an array also NAME_COUNT and NAME_STRIDE (bytes). For every field NAME_FIELD:\n"
        "// NAME_FIELD_LSB, NAME_FIELD_WIDTH and NAME_FIELD_MASK. A register without fields is one.\n"
        "// For every window NAME, which holds no registers: NAME_OFFSET, _COUNT, _STRIDE, _BYTES.\n"
        "\n"
        "// Whoever imports the package uses what it needs.\n"
        "/* verilator lint_off UNUSEDPARAM */\n"
        "\n"
        "package espnic_regs_pkg;\n"
        "\n"
        "  typedef enum logic [2:0] {\n"
        "    AccessRo,   // the driver reads\n"
        "    AccessRw,   // it reads and writes\n"
        "    AccessWo,   // it writes; reading is refused\n"
        "    AccessW1c,  // a one written clears the bit\n"
        "    AccessW1s   // a one written sets the bit\n"
        "  } access_e;\n"
        "\n",
        out);
    fprintf(out, "  localparam int unsigned BAR_BYTES = %d;\n", REG_BAR_BYTES);
    fprintf(out, "  localparam int unsigned REGISTERS = %d;\n", REG_COUNT);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        write_package_register(out, (enum reg_id)r);
    }
    for (size_t i = 0; i < reg_window_count; i++) {
        const struct reg_window_info *w = &reg_window_table[i];

        fprintf(out, "\n  localparam logic [15:0] %s_OFFSET = 16'h%04" PRIx32 ";\n", w->name,
                w->offset);
        fprintf(out, "  localparam int unsigned %s_COUNT = %" PRIu32 ";\n", w->name, w->count);
        fprintf(out, "  localparam int unsigned %s_STRIDE = %" PRIu32 ";\n", w->name, w->stride);
        fprintf(out, "  localparam int unsigned %s_BYTES = %" PRIu32 ";\n", w->name, w->bytes);
    }
    fputs("\nendpackage\n\n/* verilator lint_on UNUSEDPARAM */\n", out);
}
