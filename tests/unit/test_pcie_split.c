/* Cutting of requests into TLPs, against an oracle that goes over the bytes one by one: it
 * starts a new TLP where the rules demand it and counts the DWs that each TLP touches. */
#include <check.h>
#include <stdlib.h>

#include "pcie_model/link.h"

struct count {
    uint32_t tlps, wire;
};

/* One TLP after the other, fed byte by byte. */
struct cutter {
    struct count total;
    uint32_t dws;     /* of the TLP being filled, 0: none */
    uint64_t last_dw; /* the DW of the byte before */
};

static void start_tlp(struct cutter *c, uint32_t overhead)
{
    c->total.tlps++;
    c->total.wire += overhead;
    c->dws = 0;
}

/* Four DWs of header where the address does not fit into 32 bits, if the link has such. */
static uint32_t request(const struct pcie_config *config, uint64_t at)
{
    return config->address64 && at > UINT32_MAX ? 24 : 20;
}

static void add_byte(struct cutter *c, uint64_t at)
{
    if (c->dws == 0 || at / 4 != c->last_dw) {
        c->dws++;
        c->total.wire += 4;
    }
    c->last_dw = at / 4;
}

static struct count count_writes(const struct pcie_config *config, uint64_t address,
                                 uint32_t length)
{
    struct cutter c = { 0 };

    for (uint64_t at = address; at < address + length; at++) {
        if (at == address || at % config->mps == 0 || at % 4096 == 0) {
            start_tlp(&c, request(config, at));
        }
        add_byte(&c, at);
        if (4ull * c.dws > config->mps) {
            ck_abort_msg("the oracle made a TLP of more than MPS");
        }
    }
    return c.total;
}

static struct count count_reads(const struct pcie_config *config, uint64_t address, uint32_t length)
{
    struct count total = { 0 };

    for (uint64_t at = address; at < address + length; at++) {
        if (at == address || at % config->mrrs == 0 || at % 4096 == 0) {
            total.tlps++;
            total.wire += request(config, at);
        }
    }
    return total;
}

/* Bytes of the longest legal completion at `at` of a request that ends at `end`: grow it byte by
 * byte as long as its DWs stay within `most`, remember the last end that is allowed (an RCB
 * multiple, or the end of the request). */
static uint64_t longest_completion(uint64_t at, uint64_t end, uint64_t most, uint64_t rcb)
{
    uint64_t allowed = 0;

    for (uint64_t stop = at + 1; stop <= end; stop++) {
        uint64_t dws = (stop - 1) / 4 - at / 4 + 1;

        if (dws * 4 > most) {
            break;
        }
        if (stop == end || stop % rcb == 0) {
            allowed = stop;
        }
    }
    if (allowed <= at) {
        ck_abort_msg("the oracle found no legal completion");
    }
    return allowed;
}

static struct count count_completions(const struct pcie_config *config, uint64_t address,
                                      uint32_t length)
{
    struct cutter c = { 0 };
    uint64_t most =
        config->completion && config->completion < config->mps ? config->completion : config->mps;
    uint64_t stop = address;
    uint64_t request_end = address;

    for (uint64_t at = address; at < address + length; at++) {
        if (at == request_end) { /* a new read request begins here */
            do {
                request_end++;
            } while (request_end < address + length && request_end % config->mrrs);
        }
        if (at == stop) {
            stop = longest_completion(at, request_end, most, config->rcb);
            start_tlp(&c, 20);
        }
        add_byte(&c, at);
    }
    return c.total;
}

static void same(const char *what, const struct pcie_config *config, uint64_t address,
                 uint32_t length, struct pcie_cost got, struct count want)
{
    /* ck_assert tells its parent of every call: too slow for millions of them */
    if (got.tlps != want.tlps || got.wire_bytes != want.wire) {
        ck_abort_msg("%s of %u bytes at %llx, MPS %llu MRRS %llu RCB %llu completion %llu: %u TLPs "
                     "%u bytes, expected %u and %u",
                     what, length, (unsigned long long)address, (unsigned long long)config->mps,
                     (unsigned long long)config->mrrs, (unsigned long long)config->rcb,
                     (unsigned long long)config->completion, got.tlps, got.wire_bytes, want.tlps,
                     want.wire);
    }
}

static void compare(const struct pcie_config *config, uint64_t address, uint32_t length)
{
    same("write", config, address, length, pcie_write_cost(config, address, length),
         count_writes(config, address, length));
    same("read", config, address, length, pcie_read_cost(config, address, length),
         count_reads(config, address, length));
    same("completion", config, address, length, pcie_completion_cost(config, address, length),
         count_completions(config, address, length));
}

static const struct pcie_config configs[] = {
    { .mps = 256, .mrrs = 512, .rcb = 64, .address64 = true },
    { .mps = 128, .mrrs = 128, .rcb = 64 },
    { .mps = 128, .mrrs = 4096, .rcb = 128, .address64 = true },
    { .mps = 512, .mrrs = 256, .rcb = 128 },
    { .mps = 4096, .mrrs = 4096, .rcb = 64, .address64 = true },
    { .mps = 256, .mrrs = 1024, .rcb = 64, .completion = 64, .address64 = true },
    { .mps = 256, .mrrs = 2048, .rcb = 64, .completion = 128 },
    { .mps = 128, .mrrs = 512, .rcb = 128, .completion = 4096 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0] };

static const uint64_t page = 0x123456789a000ull;

/* Every start in a page. */
START_TEST(every_offset)
{
    static const uint32_t lengths[] = { 1, 3, 4, 5, 64, 65, 128, 255, 256, 257, 513, 1514 };

    for (uint32_t offset = 0; offset < 4096; offset++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            compare(&configs[_i], page + offset, lengths[i]);
        }
    }
}
END_TEST

/* Every length: from the first offset up to 9000, from the others as far as several requests. */
START_TEST(every_length)
{
    static const uint32_t offsets[] = { 0,  4095, 1,   2,   3,   4,   60, 63,
                                        64, 100,  127, 128, 255, 256, 510 };

    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        for (uint32_t length = 1; length <= (i < 1 ? 9000 : 700); length++) {
            compare(&configs[_i], page + offsets[i], length);
        }
    }
}
END_TEST

/* Around 4 GB, where headers grow. */
START_TEST(border)
{
    static const uint64_t four_gb = 1ull << 32;

    for (uint32_t before = 0; before <= 1030; before++) {
        for (uint32_t length = 1; length < 2100; length += 1 + length / 8) {
            compare(&configs[_i], four_gb - before, length);
        }
    }
    ck_assert_uint_eq(pcie_write_cost(&configs[0], four_gb - 64, 64).wire_bytes, 84);
    ck_assert_uint_eq(pcie_write_cost(&configs[0], four_gb, 64).wire_bytes, 88);
    ck_assert_uint_eq(pcie_write_cost(&configs[0], four_gb - 64, 128).wire_bytes, 84 + 88);
}
END_TEST

START_TEST(figures)
{
    /* 64-byte write 88, 256-byte write 280, 64-byte completion 84, 256-byte
     * completion 276, MSI-X below 4 GB 24; one TLP more for any offset */
    const struct pcie_config *c = &configs[0];

    ck_assert_uint_eq(pcie_write_cost(c, page, 64).wire_bytes, 88);
    ck_assert_uint_eq(pcie_write_cost(c, page, 256).wire_bytes, 280);
    ck_assert_uint_eq(pcie_completion_cost(c, page, 64).wire_bytes, 84);
    ck_assert_uint_eq(pcie_completion_cost(c, page, 256).wire_bytes, 276);
    ck_assert_uint_eq(pcie_write_cost(c, 0xfee00000, 4).wire_bytes, 24);
    ck_assert_uint_eq(pcie_write_cost(c, page, 2048).tlps, 8);
    ck_assert_uint_eq(pcie_write_cost(c, page + 64, 2048).tlps, 9);
    ck_assert_uint_eq(pcie_read_cost(c, page, 1514).tlps, 3);
    ck_assert_uint_eq(pcie_completion_cost(&configs[5], page, 512).tlps, 8);
    ck_assert_uint_eq(pcie_write_cost(c, page, 0).tlps, 0);
    ck_assert_uint_eq(pcie_read_cost(c, page, 0).wire_bytes, 0);
    ck_assert_uint_eq(pcie_completion_cost(c, page, 0).wire_bytes, 0);
    /* the last bytes of the address space */
    ck_assert_uint_eq(pcie_write_cost(c, UINT64_MAX - 255, 256).tlps, 1);
    ck_assert_uint_eq(pcie_completion_cost(c, UINT64_MAX, 1).wire_bytes, 24);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pcie_split");
    TCase *tcase = tcase_create("pcie_split");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, figures);
    tcase_add_loop_test(tcase, border, 0, CONFIGS);
    tcase_add_loop_test(tcase, every_offset, 0, CONFIGS);
    tcase_add_loop_test(tcase, every_length, 0, CONFIGS);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
