/* What is made of registers.def for others: the documentation and the package of the RTL. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
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

    fprintf(out, "  localparam int %s_%s_LSB = %u;\n", reg, f->name, f->lsb);
    fprintf(out, "  localparam int %s_%s_WIDTH = %u;\n", reg, f->name, f->width);
    fprintf(out, "  localparam logic [%u:0] %s_%s_MASK = ", bits - 1, reg, f->name);
    write_constant(out, bits, mask);
    fputs(";\n", out);
}

static void write_package_register(FILE *out, enum reg_id id, unsigned first)
{
    static const char *const access[] = { "AccessRo", "AccessRw", "AccessWo", "AccessW1c",
                                          "AccessW1s" };
    const struct reg_info *info = &reg_table[id];
    unsigned bits = info->bytes * 8u;

    fprintf(out, "\n  localparam logic [15:0] %s_OFFSET = 16'h%04" PRIx32 ";\n", info->name,
            info->offset);
    if (info->count > 1) {
        fprintf(out, "  localparam int %s_COUNT = %" PRIu32 ";\n", info->name, info->count);
        fprintf(out, "  localparam int %s_STRIDE = %" PRIu32 ";\n", info->name, info->stride);
    }
    fprintf(out, "  localparam int %s_BITS = %u;\n", info->name, bits);
    fprintf(out, "  localparam logic [2:0] %s_ACCESS = %s;\n", info->name, access[info->access]);
    fprintf(out, "  localparam logic [%u:0] %s_RESVAL = ", bits - 1, info->name);
    write_constant(out, bits, info->reset);
    fputs(";\n", out);
    fprintf(out, "  localparam logic [6:0] %s_ID = 7'd%u;\n", info->name, (unsigned)id);
    fprintf(out, "  localparam int %s_PLACE = %u;\n", info->name, first);
    for (size_t i = 0; i < reg_field_count; i++) {
        if (reg_field_table[i].reg == id) {
            write_package_field(out, &reg_field_table[i], bits);
        }
    }
}

/* A function of the package that is a table: `width` bits for an index of `index` bits. */
static void open_function(FILE *out, const char *help, const char *name, unsigned width,
                          unsigned index)
{
    fprintf(out,
            "\n%s"
            "  function automatic logic [%u:0] %s(input logic [%u:0] at);\n"
            "    begin\n"
            "      case (at)\n",
            help, width - 1, name, index - 1);
}

static void close_function(FILE *out, const char *name)
{
    fprintf(out,
            "        default: %s = '0;\n"
            "      endcase\n"
            "    end\n"
            "  endfunction\n",
            name);
}

/* What the DW `at` of the BAR belongs to. */
static void write_decoder(FILE *out, const struct reg_file *file)
{
    open_function(
        out,
        "  // What a DW of the BAR belongs to (offset / 4): DW_* say where in the answer what stands.\n",
        "decode", 29, 14);
    for (uint32_t at = 0; at < REG_BAR_BYTES / 4; at++) {
        const struct reg_info *info;
        unsigned id;
        unsigned index;

        if (!file->at[at]) {
            continue;
        }
        id = file->at[at] - 1u;
        info = &reg_table[id];
        index = info->stride ? (at * 4 - info->offset) / info->stride : 0;
        fprintf(out,
                "        14'h%04" PRIx32
                ": decode = {9'd%u, 4'd%u, 7'd%u, 4'd%u, 3'd%u, 1'b%u, 1'b1};",
                at, file->first[id] + index, index, id, info->effect, info->access,
                (at * 4 - info->offset - index * info->stride) / 4);
        fprintf(out, "  // %s%s\n", info->name, info->bytes == 8 ? " (64 bits)" : "");
    }
    close_function(out, "decode");
}

static void write_masks(FILE *out, const struct reg_file *file)
{
    open_function(out, "  // Bits that a write changes, by the register's number.\n", "writable",
                  64, 7);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        if (reg_table[r].access != REG_ACCESS_RO) {
            fprintf(out, "        7'd%u: writable = ", r);
            write_constant(out, 64, file->writable[r]);
            fprintf(out, ";  // %s\n", reg_table[r].name);
        }
    }
    close_function(out, "writable");
    open_function(out, "  // Values after a reset that are not 0, by place.\n", "resval", 64, 9);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        for (unsigned i = 0; reg_table[r].reset && i < reg_table[r].count; i++) {
            fprintf(out, "        9'd%u: resval = ", file->first[r] + i);
            write_constant(out, 64, reg_table[r].reset);
            fprintf(out, ";  // %s\n", reg_table[r].name);
        }
    }
    close_function(out, "resval");
}

/* One bit for each place, the last one first. */
static void write_bits(FILE *out, const char *name, const struct reg_file *file,
                       bool (*bit)(const struct reg_info *info))
{
    char text[REG_VALUES + 1];

    for (unsigned r = 0; r < REG_COUNT; r++) {
        memset(&text[REG_VALUES - file->first[r] - reg_table[r].count],
               bit(&reg_table[r]) ? '1' : '0', reg_table[r].count);
    }
    text[REG_VALUES] = '\0';
    fprintf(out, "  localparam logic [%d:0] %s = %d'b%s;\n", REG_VALUES - 1, name, REG_VALUES,
            text);
}

static bool is_wide(const struct reg_info *info)
{
    return info->bytes == 8;
}

static bool is_read_only(const struct reg_info *info)
{
    return info->access == REG_ACCESS_RO;
}

/* Registers as storage: every element of every register has a place. */
static void write_places(FILE *out, const struct reg_file *file)
{
    static const char *const effect[] = { "NONE",       "CTRL",       "CMD_TAIL", "TX_TAIL", "RX_TAIL",
                                          "EVENT_SIZE", "EVENT_HEAD", "SECURITY", "TABLE" };

    _Static_assert(REG_VALUES <= 512 && REG_COUNT <= 128, "the fields of the decoder");
    _Static_assert(sizeof effect / sizeof effect[0] == REG_EFFECT_TABLE + 1, "enum reg_effect");
    fputs("\n", out);
    for (unsigned e = 0; e < sizeof effect / sizeof effect[0]; e++) {
        fprintf(out, "  localparam logic [3:0] EFFECT_%s = 4'd%u;\n", effect[e], e);
    }
    fprintf(out, "  localparam int PLACES = %d;\n", REG_VALUES);
    fputs("  // bits of what decode() says\n"
          "  localparam int DW_KNOWN = 0;       // there is a register\n"
          "  localparam int DW_UPPER = 1;       // its upper half\n"
          "  localparam int DW_ACCESS_LSB = 2;  // 3 bits: Access*\n"
          "  localparam int DW_EFFECT_LSB = 5;  // 4 bits: EFFECT_*\n"
          "  localparam int DW_ID_LSB = 9;      // 7 bits: *_ID\n"
          "  localparam int DW_INDEX_LSB = 16;  // 4 bits: element of an array\n"
          "  localparam int DW_PLACE_LSB = 20;  // 9 bits: *_PLACE + index\n",
          out);
    write_bits(out, "PLACE_WIDE", file, is_wide);
    write_bits(out, "PLACE_READ_ONLY", file, is_read_only);
    write_decoder(out, file);
    write_masks(out, file);
}

void reg_write_package(FILE *out)
{
    struct reg_file *file = must(malloc(sizeof *file));

    reg_file_init(file);
    fputs(
        "// Registers of BAR0.\n"
        "//\n"
        "// Made from pcie_model/registers.def; do not edit. A test compares the two.\n"
        "// What each register and field means: pcie_model/REGISTERS.md.\n"
        "//\n"
        "// For every register NAME: NAME_OFFSET (bytes), NAME_BITS, NAME_ACCESS and NAME_RESVAL;\n"
        "// of an array also NAME_COUNT and NAME_STRIDE (bytes); NAME_ID, its number, and NAME_PLACE, where its element 0 stands\n"
        "// among the values of all registers. For every field NAME_FIELD:\n"
        "// NAME_FIELD_LSB, NAME_FIELD_WIDTH and NAME_FIELD_MASK. A register without fields is one.\n"
        "// For every window NAME, which holds no registers: NAME_OFFSET, _COUNT, _STRIDE, _BYTES.\n"
        "\n"
        "// Whoever imports the package uses what it needs.\n"
        "/* verilator lint_off UNUSEDPARAM */\n"
        "\n"
        "package espnic_regs_pkg;\n"
        "\n"
        "  localparam logic [2:0] AccessRo = 3'd0;   // the driver reads\n"
        "  localparam logic [2:0] AccessRw = 3'd1;   // it reads and writes\n"
        "  localparam logic [2:0] AccessWo = 3'd2;   // it writes; reading is refused\n"
        "  localparam logic [2:0] AccessW1c = 3'd3;  // a one written clears the bit\n"
        "  localparam logic [2:0] AccessW1s = 3'd4;  // a one written sets the bit\n"
        "\n",
        out);
    fprintf(out, "  localparam int BAR_BYTES = %d;\n", REG_BAR_BYTES);
    fprintf(out, "  localparam int REGISTERS = %d;\n", REG_COUNT);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        write_package_register(out, (enum reg_id)r, file->first[r]);
    }
    write_places(out, file);
    for (size_t i = 0; i < reg_window_count; i++) {
        const struct reg_window_info *w = &reg_window_table[i];

        fprintf(out, "\n  localparam logic [15:0] %s_OFFSET = 16'h%04" PRIx32 ";\n", w->name,
                w->offset);
        fprintf(out, "  localparam int %s_COUNT = %" PRIu32 ";\n", w->name, w->count);
        fprintf(out, "  localparam int %s_STRIDE = %" PRIu32 ";\n", w->name, w->stride);
        fprintf(out, "  localparam int %s_BYTES = %" PRIu32 ";\n", w->name, w->bytes);
    }
    fputs("\nendpackage\n\n/* verilator lint_on UNUSEDPARAM */\n", out);
    free(file);
}
