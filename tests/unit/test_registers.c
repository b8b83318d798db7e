/* The register file: a walk over every register by its description, every offset that is none,
 * and what is made of it for others. `test_registers --write` writes that anew. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pcie_model/registers.h"

static struct reg_file file;

static void fresh(void)
{
    reg_file_init(&file);
}

static uint64_t bad(void)
{
    bool ok;
    uint64_t sum = file.s.refused.misaligned + file.s.refused.unknown + file.s.refused.read_only +
                   file.s.refused.write_only;

    ck_assert_uint_eq(reg_read(&file, REG_CNT_BAD_ACCESS_OFFSET, 8, &ok), sum);
    ck_assert(ok);
    return sum;
}

/* Bits that a driver can store, from the field table, independent of the decoder. */
static uint64_t stored_bits(unsigned r)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < reg_field_count; i++) {
        if (reg_field_table[i].reg == r) {
            for (unsigned b = 0; b < reg_field_table[i].width; b++) {
                mask |= 1ull << (reg_field_table[i].lsb + b);
            }
        }
    }
    return mask ? mask : reg_table[r].bytes == 8 ? UINT64_MAX : UINT32_MAX;
}

START_TEST(names_and_macros)
{
    uint64_t v = 0;

    ck_assert_uint_eq(REG_TX_TAIL_OFFSET, 0x1014);
    ck_assert_uint_eq(reg_offset(REG_TX_TAIL, 15), 0x1014 + 15 * 0x40);
    ck_assert_uint_eq(REG_MASK(CAP_WINDOW, MAX), 0x1fff0000u);
    v = REG_PUT(CAP_WINDOW, MAX, v, 4096);
    v = REG_PUT(CAP_WINDOW, OFF, v, 1);
    ck_assert_uint_eq(v, 0x90000000u);
    ck_assert_uint_eq(REG_GET(CAP_WINDOW, MAX, v), 4096);
    v = REG_PUT(CAP_WINDOW, MAX, v, 64);
    ck_assert_uint_eq(v, 0x80400000u);
    ck_assert_uint_eq(REG_GET(CAP_WINDOW, MIN, v), 0);
}
END_TEST

/* Every register of the description, read and written at its offset. */
START_TEST(walk)
{
    static const uint64_t pattern[] = { UINT64_MAX, 0x5a5aa5a5c3c33c3cull, 0 };
    struct reg_written w;
    bool ok;

    fresh();
    for (unsigned r = 0; r < REG_COUNT; r++) {
        const struct reg_info *info = &reg_table[r];
        uint64_t width = info->bytes == 8 ? UINT64_MAX : UINT32_MAX;

        for (unsigned i = 0; i < info->count; i++) {
            uint32_t at = info->offset + i * info->stride;

            uint64_t first = r == REG_CNT_BAD_ACCESS ? bad() : info->reset;

            ck_assert_uint_eq(reg_get(&file, (enum reg_id)r, i), first);
            ck_assert_uint_eq(reg_read(&file, at, info->bytes, &ok), first);
            ck_assert(ok);
            for (size_t p = 0; p < sizeof pattern / sizeof pattern[0]; p++) {
                uint64_t before = bad();
                uint64_t want = pattern[p] & stored_bits(r) & width;

                memset(&w, 0xff, sizeof w);
                if (info->access == REG_ACCESS_RO) {
                    ck_assert(!reg_write(&file, at, info->bytes, pattern[p], &w));
                    ck_assert_uint_eq(bad(), before + 1);
                    want = r == REG_CNT_BAD_ACCESS ? before + 1 : info->reset;
                } else {
                    ck_assert_uint_eq(info->access, REG_ACCESS_RW);
                    ck_assert(reg_write(&file, at, info->bytes, pattern[p], &w));
                    ck_assert_uint_eq(w.reg, r);
                    ck_assert_uint_eq(w.index, i);
                    ck_assert_uint_eq(w.effect, info->effect);
                }
                ck_assert_uint_eq(reg_read(&file, at, info->bytes, &ok), want);
                ck_assert(ok);
            }
        }
    }
    ck_assert_uint_eq(file.s.refused.misaligned + file.s.refused.unknown, 0);
    ck_assert_uint_ge(file.s.refused.read_only, 3);
}
END_TEST

/* A write reaches its own register only. */
START_TEST(no_neighbours)
{
    struct reg_state before;
    struct reg_written w;

    fresh();
    for (unsigned r = 0; r < REG_COUNT; r++) {
        for (unsigned i = 0; i < reg_table[r].count && reg_table[r].access == REG_ACCESS_RW; i++) {
            unsigned differ = 0;

            before = file.s;
            ck_assert(reg_write(&file, reg_offset((enum reg_id)r, i), 4,
                                reg_get(&file, (enum reg_id)r, i) ^ 1, &w));
            for (unsigned v = 0; v < REG_VALUES; v++) {
                differ += before.value[v] != file.s.value[v];
            }
            ck_assert_uint_eq(differ, 1);
        }
    }
}
END_TEST

/* Is [at, at + bytes) a register or a half of one? By search, without the decoder's table. */
static bool described(uint32_t at, uint32_t bytes)
{
    for (unsigned r = 0; r < REG_COUNT; r++) {
        for (unsigned i = 0; i < reg_table[r].count; i++) {
            uint32_t first = reg_table[r].offset + i * reg_table[r].stride;

            if (at >= first && at + bytes <= first + reg_table[r].bytes) {
                return true;
            }
        }
    }
    return false;
}

START_TEST(every_offset)
{
    static const uint32_t sizes[] = { 4, 8 };
    uint64_t refused = 0;
    uint64_t unknown = 0;
    bool ok;

    fresh();
    for (uint32_t at = 0; at < REG_BAR_BYTES + 64; at += 4) {
        for (unsigned s = 0; s < 2; s++) {
            bool want = at % sizes[s] == 0 && described(at, sizes[s]);
            uint64_t value = reg_read(&file, at, sizes[s], &ok);

            ck_assert_msg(ok == want, "offset 0x%x, %u bytes", at, sizes[s]);
            if (!want) {
                refused++;
                unknown += at % sizes[s] == 0 && !described(at, 4);
                ck_assert_uint_eq(value, UINT64_MAX);
            }
        }
    }
    ck_assert_uint_eq(bad(), refused);
    ck_assert_uint_eq(file.s.refused.unknown, unknown);
    ck_assert_uint_eq(file.s.refused.misaligned, refused - unknown);
}
END_TEST

START_TEST(bad_sizes)
{
    static const uint32_t sizes[] = { 0, 1, 2, 3, 5, 6, 7, 16 };
    struct reg_written w;
    bool ok;

    fresh();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert(!reg_write(&file, REG_CTRL_OFFSET, sizes[i], 1, &w));
        reg_read(&file, REG_CTRL_OFFSET, sizes[i], &ok);
        ck_assert(!ok);
    }
    for (uint32_t off = 1; off < 4; off++) {
        ck_assert(!reg_write(&file, REG_CTRL_OFFSET + off, 4, 1, &w));
    }
    /* two 32-bit registers at once; 64-bit access in the middle */
    ck_assert(!reg_write(&file, REG_CTRL_OFFSET, 8, 1, &w));
    ck_assert(!reg_write(&file, REG_CMD_BASE_OFFSET + 4, 8, 1, &w));
    ck_assert_uint_eq(file.s.refused.misaligned, 16 + 3 + 2);
    ck_assert_uint_eq(bad(), 21);
    ck_assert_uint_eq(reg_get(&file, REG_CTRL, 0), 0);
    /* a far offset must not reach outside the table */
    reg_read(&file, UINT32_MAX - 3, 4, &ok);
    ck_assert(!ok);
    ck_assert_uint_eq(file.s.refused.unknown, 1);
}
END_TEST

START_TEST(halves)
{
    struct reg_written w;
    uint32_t at = reg_offset(REG_TX_BASE, 3);
    bool ok;

    fresh();
    ck_assert(reg_write(&file, at, 4, 0x89abcdef, &w));
    ck_assert_uint_eq(reg_get(&file, REG_TX_BASE, 3), 0x89abcdef);
    ck_assert(reg_write(&file, at + 4, 4, 0x01234567, &w));
    ck_assert_uint_eq(w.reg, REG_TX_BASE);
    ck_assert_uint_eq(w.index, 3);
    ck_assert_uint_eq(reg_get(&file, REG_TX_BASE, 3), 0x0123456789abcdefull);
    ck_assert_uint_eq(reg_read(&file, at, 8, &ok), 0x0123456789abcdefull);
    ck_assert_uint_eq(reg_read(&file, at + 4, 4, &ok), 0x01234567);
    /* a counter that carries between the two reads is still read whole */
    reg_set(&file, REG_CNT_RX_FRAMES, 0, 0xffffffffull);
    ck_assert_uint_eq(reg_read(&file, REG_CNT_RX_FRAMES_OFFSET, 4, &ok), 0xffffffffu);
    reg_set(&file, REG_CNT_RX_FRAMES, 0, 0x100000000ull);
    ck_assert_uint_eq(reg_read(&file, REG_CNT_RX_FRAMES_OFFSET + 4, 4, &ok), 0);
    /* the upper half alone is the present one */
    ck_assert_uint_eq(reg_read(&file, REG_CNT_RX_FRAMES_OFFSET + 4, 4, &ok), 1);
    ck_assert_uint_eq(bad(), 0);
}
END_TEST

/* No register of the card is WO, W1C or W1S yet: the rule itself, against one bit at a time. */
START_TEST(access_types)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        uint64_t old = bits & 1;
        uint64_t value = bits >> 1 & 1;
        uint64_t mask = bits >> 2 & 1;

        ck_assert_uint_eq(reg_combine(REG_ACCESS_RO, old, value, mask), old);
        ck_assert_uint_eq(reg_combine(REG_ACCESS_RW, old, value, mask), mask ? value : old);
        ck_assert_uint_eq(reg_combine(REG_ACCESS_WO, old, value, mask), mask ? value : old);
        ck_assert_uint_eq(reg_combine(REG_ACCESS_W1C, old, value, mask), mask && value ? 0 : old);
        ck_assert_uint_eq(reg_combine(REG_ACCESS_W1S, old, value, mask), mask && value ? 1 : old);
    }
    ck_assert_uint_eq(reg_combine(REG_ACCESS_W1C, 0xf0f0, 0x00ff, UINT64_MAX), 0xf000);
    ck_assert_uint_eq(reg_combine(REG_ACCESS_W1S, 0xf000, 0x00ff, 0x0f), 0xf00f);
}
END_TEST

START_TEST(reset)
{
    struct reg_written w;

    fresh();
    reg_set(&file, REG_CAP_SA_CAPACITY, 0, 1024);
    reg_set(&file, REG_CNT_TX_FRAMES, 0, 7);
    ck_assert(reg_write(&file, reg_offset(REG_INT_COALESCE, 2), 4, 32, &w));
    ck_assert(reg_write(&file, REG_CMD_BASE_OFFSET, 8, 0x1000, &w));
    reg_file_reset(&file);
    ck_assert_uint_eq(reg_get(&file, REG_INT_COALESCE, 2), 1);
    ck_assert_uint_eq(reg_get(&file, REG_CMD_BASE, 0), 0);
    ck_assert_uint_eq(reg_get(&file, REG_CAP_SA_CAPACITY, 0), 1024);
    ck_assert_uint_eq(reg_get(&file, REG_CNT_TX_FRAMES, 0), 7);
}
END_TEST

/* What is made of registers.def, and where it lies. */
static const struct {
    const char *path;
    void (*write)(FILE *out);
} made[] = { { "pcie_model/REGISTERS.md", reg_write_markdown },
             { "rtl_models/espnic_regs_pkg.sv", reg_write_package } };

enum { MADE = sizeof made / sizeof made[0] };

START_TEST(made_of_it)
{
    char *want = NULL;
    size_t want_bytes = 0;
    static char found[1 << 18];
    size_t found_bytes;
    FILE *memory = open_memstream(&want, &want_bytes);
    FILE *in = fopen(made[_i].path, "rb");

    ck_assert_msg(in != NULL, "no %s; run this program with --write", made[_i].path);
    found_bytes = fread(found, 1, sizeof found, in);
    fclose(in);
    made[_i].write(memory);
    fclose(memory);
    ck_assert_msg(found_bytes == want_bytes && memcmp(found, want, want_bytes) == 0,
                  "%s is not what registers.def says; run this program with --write",
                  made[_i].path);
    free(want);
}
END_TEST

/* The value of a constant of the package, read from its text. */
static uint64_t constant(const char *text, const char *name)
{
    char wanted[128];
    const char *at;

    snprintf(wanted, sizeof wanted, " %s = ", name);
    at = strstr(text, wanted);
    ck_assert_msg(at != NULL, "the package has no %s", name);
    at += strlen(wanted);
    if (strchr(at, '\'') != NULL && strchr(at, '\'') < strchr(at, ';')) {
        return strtoull(strchr(at, 'h') + 1, NULL, 16);
    }
    return strtoull(at, NULL, 10);
}

/* The package says of every register and field what the tables of the decoder say. */
START_TEST(package_means_it)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    char name[128];

    reg_write_package(memory);
    fclose(memory);
    for (unsigned r = 0; r < REG_COUNT; r++) {
        const struct reg_info *info = &reg_table[r];

        snprintf(name, sizeof name, "%s_OFFSET", info->name);
        ck_assert_uint_eq(constant(text, name), info->offset);
        snprintf(name, sizeof name, "%s_BITS", info->name);
        ck_assert_uint_eq(constant(text, name), info->bytes * 8u);
        snprintf(name, sizeof name, "%s_RESVAL", info->name);
        ck_assert_uint_eq(constant(text, name), info->reset);
        if (info->count > 1) {
            snprintf(name, sizeof name, "%s_STRIDE", info->name);
            ck_assert_uint_eq(constant(text, name), info->stride);
        }
    }
    for (size_t i = 0; i < reg_field_count; i++) {
        const struct reg_field_info *f = &reg_field_table[i];

        snprintf(name, sizeof name, "%s_%s_LSB", reg_table[f->reg].name, f->name);
        ck_assert_uint_eq(constant(text, name), f->lsb);
        snprintf(name, sizeof name, "%s_%s_WIDTH", reg_table[f->reg].name, f->name);
        ck_assert_uint_eq(constant(text, name), f->width);
    }
    free(text);
}
END_TEST

/* Registers that a card has not are refused; their neighbours are not touched. */
START_TEST(hidden)
{
    struct reg_written w;
    bool ok;

    fresh();
    reg_file_hide(&file, REG_IPSTXKEY);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(!reg_write(&file, reg_offset(REG_IPSTXKEY, i), 4, 1, &w));
        ck_assert_uint_eq(reg_read(&file, reg_offset(REG_IPSTXKEY, i), 4, &ok), UINT64_MAX);
        ck_assert(!ok);
    }
    ck_assert_uint_eq(bad(), 8);
    ck_assert(reg_write(&file, REG_IPSTXSALT_OFFSET, 4, 1, &w));
    reg_file_hide(&file, REG_CMD_BASE); /* 64 bits */
    ck_assert(!reg_write(&file, REG_CMD_BASE_OFFSET + 4, 4, 1, &w));
}
END_TEST

static int write_documents(void)
{
    for (size_t i = 0; i < MADE; i++) {
        FILE *out = fopen(made[i].path, "wb");

        if (!out) {
            perror(made[i].path);
            return 1;
        }
        made[i].write(out);
        if (fclose(out)) {
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("registers");
    TCase *tcase = tcase_create("registers");
    SRunner *runner;
    int failed;

    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        return write_documents();
    }
    tcase_add_test(tcase, names_and_macros);
    tcase_add_test(tcase, walk);
    tcase_add_test(tcase, no_neighbours);
    tcase_add_test(tcase, every_offset);
    tcase_add_test(tcase, bad_sizes);
    tcase_add_test(tcase, halves);
    tcase_add_test(tcase, access_types);
    tcase_add_test(tcase, reset);
    tcase_add_loop_test(tcase, made_of_it, 0, MADE);
    tcase_add_test(tcase, package_means_it);
    tcase_add_test(tcase, hidden);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
