/* Bytes of an SA context, against sums made by hand from the specifications that layout.h names. */
#include <check.h>
#include <stdlib.h>

#include "sa_table/layout.h"

/* ESP alone, IPv4, AES-GCM-128, a window of 64. */
static struct sa_capabilities small_card(void)
{
    struct sa_capabilities can = { .encryption = SA_ALGORITHM(ESP_ALG_AES_GCM_128),
                                   .window_min = 64,
                                   .window_max = 64,
                                   .esp = true,
                                   .tunnel = true };

    return can;
}

START_TEST(a_small_card)
{
    struct sa_capabilities can = small_card();
    struct sa_layout raw = sa_layout_of(&can, false);
    struct sa_layout expanded = sa_layout_of(&can, true);

    ck_assert_uint_eq(raw.endpoints, 4 + 4 + 4);
    ck_assert_uint_eq(raw.numbers, 8 + 64 / 8 + 8 + 8);
    ck_assert_uint_eq(raw.limits, 4 + 4 + 2 * 8 + 2 * 8 + 2 * 4);
    ck_assert_uint_eq(raw.keys, 16 + 4);
    ck_assert_uint_eq(raw.total, 12 + 32 + 48 + 20);
    ck_assert_uint_eq(raw.least, 20 + 8 + 8);
    ck_assert_uint_eq(expanded.least, 20 + 8 + 8);
    ck_assert_uint_eq(expanded.keys, 11 * 16 + 16 + 4); /* 10 rounds; H; salt */
    ck_assert_uint_eq(expanded.total, raw.total - raw.keys + expanded.keys);
}
END_TEST

START_TEST(each_ability_costs_its_bytes)
{
    struct sa_capabilities can = small_card();
    uint64_t before = sa_layout_of(&can, false).total;

    can.ipv6 = true;
    ck_assert_uint_eq(sa_layout_of(&can, false).total - before, 24);
    can = small_card();
    can.udp = ESP_UDP_TUNNEL;
    ck_assert_uint_eq(sa_layout_of(&can, false).total - before, 4);
    can = small_card();
    can.window_max = 4096;
    ck_assert_uint_eq(sa_layout_of(&can, false).total - before, 512 - 8);
    can.host_checks_replay = true; /* no number and no window on the card */
    ck_assert_uint_eq(before - sa_layout_of(&can, false).total, 8 + 8);
    can.esn = true; /* the upper half is part of what is authenticated */
    ck_assert_uint_eq(before - sa_layout_of(&can, false).total, 8 + 8 - 4);
}
END_TEST

struct suite_case {
    uint32_t encryption, authentication;
    uint64_t raw, expanded;
};

static const struct suite_case suites[] = {
    /* 14 rounds: 15 round keys */
    { SA_ALGORITHM(ESP_ALG_AES_GCM_256), 0, 32 + 4, 240 + 16 + 4 },
    { SA_ALGORITHM(ESP_ALG_AES_CCM_192), 0, 24 + 3, 208 + 3 },
    { SA_ALGORITHM(ESP_ALG_CHACHA20_POLY1305), 0, 32 + 4, 32 + 4 },
    { SA_ALGORITHM(ESP_ALG_AES_CBC_128), SA_ALGORITHM(ESP_ALG_SHA_1), 16 + 20, 176 + 2 * 20 },
    { SA_ALGORITHM(ESP_ALG_AES_CBC_256), SA_ALGORITHM(ESP_ALG_SHA_256), 32 + 32, 240 + 2 * 32 },
    { SA_ALGORITHM(ESP_ALG_3DES_CBC), SA_ALGORITHM(ESP_ALG_MD5), 24 + 16, 384 + 2 * 16 },
    { SA_ALGORITHM(ESP_ALG_NULL), SA_ALGORITHM(ESP_ALG_SHA_384), 48, 128 },
    { SA_ALGORITHM(ESP_ALG_NULL), SA_ALGORITHM(ESP_ALG_AES_GMAC_128), 20, 176 + 16 + 4 },
    /* the longest of each kind, not the sum */
    { SA_ALGORITHM(ESP_ALG_AES_GCM_128) | SA_ALGORITHM(ESP_ALG_AES_CBC_128) |
          SA_ALGORITHM(ESP_ALG_NULL),
      SA_ALGORITHM(ESP_ALG_SHA_1) | SA_ALGORITHM(ESP_ALG_SHA_512), 16 + 64, 176 + 128 },
};

START_TEST(keys_of_suites)
{
    const struct suite_case *s = &suites[_i];
    struct sa_capabilities can = small_card();

    can.encryption = s->encryption;
    can.authentication = s->authentication;
    ck_assert_uint_eq(sa_layout_of(&can, false).keys, s->raw);
    ck_assert_uint_eq(sa_layout_of(&can, true).keys, s->expanded);
}
END_TEST

START_TEST(ah_with_esp_is_two_sas)
{
    struct sa_capabilities can = small_card();
    struct sa_layout one, two;

    can.authentication = SA_ALGORITHM(ESP_ALG_SHA_256);
    one = sa_layout_of(&can, false);
    can.ah_esp = true;
    two = sa_layout_of(&can, false);
    ck_assert_uint_eq(two.endpoints, one.endpoints);
    ck_assert_uint_eq(two.numbers, 2 * one.numbers);
    ck_assert_uint_eq(two.limits, 2 * one.limits);
    ck_assert_uint_eq(two.keys, 32 + 32); /* ESP's HMAC is longer than a GCM key; and AH's */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sa_layout");
    TCase *cases = tcase_create("layout");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, a_small_card);
    tcase_add_test(cases, each_ability_costs_its_bytes);
    tcase_add_loop_test(cases, keys_of_suites, 0, (int)(sizeof suites / sizeof suites[0]));
    tcase_add_test(cases, ah_with_esp_is_two_sas);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
