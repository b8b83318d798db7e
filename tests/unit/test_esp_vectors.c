/* Do both backends give the bytes that RFCs, drafts, NIST, Wycheproof, DPDK, OpenDataPlane and Linux
 * give, and refuse what must be refused? */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"

enum { ROOM = 70000 };

static char folder[512];
static uint32_t next_key;

static json_t *load(const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    return support_load(path);
}

/* ---- ESP packets --------------------------------------------------------------------------- */

static const char *const esp_files[] = {
    "dpdk-ipsec",  "odp-ipsec",      "rfc3602-esp",
    "rfc7634-esp", "mcgrew-gcm-esp", "linux-reference-packets"
};

struct esp_case {
    struct esp_sa sa;
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_key_ref key;
    uint8_t esp[4000], clear[4000];
    uint32_t length, payload, text;
    uint32_t seq_hi;
};

/* SPI, number, IV, plaintext, trailer, ICV zero: what esp_protect takes. */
static void read_case(const json_t *vector, struct esp_case *c, bool valid)
{
    memset(c, 0, sizeof *c);
    ck_assert(support_keys(vector, &c->sa));
    c->sa.op = ESP_OP_ESP;
    c->sa.esn = support_flag(vector, "esn");
    c->seq_hi = (uint32_t)support_number(vector, "seq_hi");
    c->transform = (struct esp_transform){ .op = ESP_OP_ESP,
                                           .esn = c->sa.esn,
                                           .enc = (uint8_t)c->sa.enc.alg,
                                           .auth = (uint8_t)c->sa.auth.alg };
    esp_transform_init(&c->transform, (uint8_t)support_number(vector, "icv_len"));
    esp_suite_of_sa(&c->sa, &c->suite);
    c->key = (struct esp_key_ref){ .id = ++next_key };
    c->length = (uint32_t)support_hex(vector, "esp", c->esp, sizeof c->esp);
    if (!valid) {
        return; /* the sources give no plaintext for these */
    }
    uint8_t *at = c->clear;
    esp_put32(at, (uint32_t)support_number(vector, "spi"));
    esp_put32(at + 4, (uint32_t)support_number(vector, "seq"));
    at += 8;
    at += support_hex(vector, "iv", at, ESP_MAX_IV);
    c->payload = (uint32_t)(at - c->clear);
    at += support_hex(vector, "plaintext", at, 3000);
    at += support_hex(vector, "trailer", at, 300);
    c->text = (uint32_t)(at - c->clear) - c->payload;
    ck_assert_uint_eq(c->payload + c->text + c->transform.icv, c->length);
}

static enum esp_status verify(struct esp_crypt *crypt, const struct esp_case *c, uint8_t *work)
{
    struct esp_job job;
    struct esp_bounds bounds = { .l3 = 0, .ipsec = 0, .end = c->length };
    enum esp_status status =
        esp_verify(crypt, &job, &c->transform, c->key, &c->suite, work, &bounds, c->seq_hi);
    return status == ESP_PENDING ? esp_finish(crypt, &job) : status;
}

/* Refused, and the packet is as it was received. */
static void check_refused(struct esp_crypt *crypt, const struct esp_case *c, const uint8_t *damaged,
                          const char *name)
{
    uint8_t work[4000];
    memcpy(work, damaged, c->length);
    enum esp_status status = verify(crypt, c, work);
    ck_assert_msg(status == ESP_BAD_ICV, "%s: damaged: %s", name, esp_status_name(status));
    ck_assert_msg(memcmp(work, damaged, c->length) == 0, "%s: bad ICV changed bytes", name);
}

static void check_opened(const json_t *vector, const struct esp_case *c, const uint8_t *work,
                         const char *name)
{
    struct esp_bounds bounds = { .l3 = 0, .ipsec = 0, .end = c->length };
    struct esp_trailer trailer;
    ck_assert_msg(memcmp(work, c->clear, c->payload + c->text) == 0, "%s: plaintext", name);
    enum esp_status status = esp_read_trailer(&c->transform, work, &bounds, &trailer);
    bool monotonic = support_flag(vector, "pad_monotonic");
    bool dummy = support_number(vector, "next_header") == 59;
    ck_assert_msg(status == (dummy       ? ESP_DUMMY
                             : monotonic ? ESP_OK
                                         : ESP_BAD_PADDING),
                  "%s: trailer %s", name, esp_status_name(status));
    ck_assert_uint_eq(trailer.pad_length, support_number(vector, "pad_len"));
    ck_assert_uint_eq(trailer.next_header, support_number(vector, "next_header"));
}

static void check_case(struct esp_crypt *crypt, const json_t *vector, const char *name)
{
    static struct esp_case c;
    struct esp_job job;
    uint8_t work[4000];
    bool valid = strcmp(support_string(vector, "expect"), "ok") == 0;
    read_case(vector, &c, valid);
    if (!valid) {
        check_refused(crypt, &c, c.esp, name);
        return;
    }
    struct esp_bounds bounds = { .l3 = 0, .ipsec = 0, .end = c.length };
    memcpy(work, c.clear, c.length);
    enum esp_status status =
        esp_protect(crypt, &job, &c.transform, c.key, &c.suite, work, &bounds, c.seq_hi);
    if (status == ESP_PENDING) {
        status = esp_finish(crypt, &job);
    }
    ck_assert_msg(status == ESP_OK, "%s: protect %s", name, esp_status_name(status));
    ck_assert_msg(memcmp(work, c.esp, c.length) == 0, "%s: ESP bytes differ", name);
    status = verify(crypt, &c, work);
    ck_assert_msg(status == ESP_OK, "%s: verify %s", name, esp_status_name(status));
    check_opened(vector, &c, work, name);
    if (c.transform.icv != 0) {
        memcpy(work, c.esp, c.length);
        work[c.payload + c.text / 2] ^= 0x10;
        check_refused(crypt, &c, work, name);
    }
}

START_TEST(esp_packets)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    unsigned seen = 0;
    for (size_t f = 0; f < sizeof esp_files / sizeof esp_files[0]; f++) {
        json_t *root = load(esp_files[f]);
        size_t i;
        const json_t *vector;
        json_array_foreach(json_object_get(root, "vectors"), i, vector)
        {
            check_case(crypt, vector, support_string(vector, "name"));
            seen++;
        }
        json_decref(root);
    }
    ck_assert_uint_eq(seen, 38);
    esp_crypt_close(crypt);
}
END_TEST

/* ---- plain algorithms ---------------------------------------------------------------------- */

static uint8_t key_bytes[ESP_MAX_KEY + 200], nonce[64], aad[ROOM], text[ROOM], other[ROOM], tag[80];

static enum esp_job_state run(struct esp_crypt *crypt, struct esp_job *job,
                              const struct esp_suite *suite)
{
    esp_crypt_submit(crypt, job, suite);
    return esp_crypt_finish(crypt, job);
}

/* An AEAD case with a 96-bit nonce: its first 4 bytes are the salt, the rest the IV. */
static void check_aead(struct esp_crypt *crypt, const json_t *test, enum esp_alg alg,
                       const char *plain, unsigned tag_bytes, bool valid, const char *what)
{
    size_t key_length = support_hex(test, "key", key_bytes, ESP_MAX_KEY);
    support_hex(test, "iv", nonce, sizeof nonce);
    memcpy(key_bytes + key_length, nonce, 4);
    size_t aad_length = support_hex(test, "aad", aad, ROOM);
    size_t length = support_hex(test, "ct", other, ROOM);
    support_hex(test, "tag", tag, sizeof tag);
    struct esp_suite suite = { .enc = (uint8_t)alg,
                               .icv = (uint8_t)tag_bytes,
                               .enc_length = (uint16_t)(key_length + 4),
                               .enc_key = key_bytes };
    uint8_t icv[16];
    memcpy(icv, tag, tag_bytes);
    memcpy(text, other, length);
    struct esp_job job = { .key = { .id = ++next_key },
                           .text = text,
                           .text_length = (uint32_t)length,
                           .iv = nonce + 4,
                           .aad = aad,
                           .aad_length = (uint32_t)aad_length,
                           .icv = icv };
    enum esp_job_state state = run(crypt, &job, &suite);
    ck_assert_msg(state == (valid ? ESP_JOB_OK : ESP_JOB_BAD_ICV), "%s: open", what);
    if (!valid) {
        ck_assert_msg(memcmp(text, other, length) == 0, "%s: bad tag changed bytes", what);
        return;
    }
    static uint8_t clear[ROOM];
    ck_assert_uint_eq(support_hex(test, plain, clear, ROOM), length);
    ck_assert_msg(memcmp(text, clear, length) == 0, "%s: plaintext", what);
    job.seal = true;
    memset(icv, 0, sizeof icv);
    ck_assert_msg(run(crypt, &job, &suite) == ESP_JOB_OK, "%s: seal", what);
    ck_assert_msg(memcmp(text, other, length) == 0, "%s: ciphertext", what);
    ck_assert_msg(memcmp(icv, tag, tag_bytes) == 0, "%s: tag", what);
}

static unsigned wycheproof_aead(struct esp_crypt *crypt, const char *file, enum esp_alg smallest)
{
    json_t *root = load(file);
    unsigned seen = 0;
    size_t g, t;
    const json_t *group, *test;
    json_array_foreach(json_object_get(root, "testGroups"), g, group)
    {
        uint64_t key = support_number(group, "keySize");
        if (support_number(group, "ivSize") != 96 || support_number(group, "tagSize") != 128) {
            continue;
        }
        unsigned step = smallest == ESP_ALG_AES_GCM_128 ? (unsigned)(key - 128) / 64 : 0;
        json_array_foreach(json_object_get(group, "tests"), t, test)
        {
            char what[100];
            snprintf(what, sizeof what, "%s %d", file, (int)support_number(test, "tcId"));
            check_aead(crypt, test, (enum esp_alg)((unsigned)smallest + step), "msg", 16,
                       strcmp(support_string(test, "result"), "valid") == 0, what);
            seen++;
        }
    }
    json_decref(root);
    return seen;
}

static unsigned cavp_gcm(struct esp_crypt *crypt, const char *file, enum esp_alg alg)
{
    json_t *root = load(file);
    size_t i;
    const json_t *test;
    unsigned refused = 0;
    json_array_foreach(root, i, test)
    {
        bool valid = strcmp(support_string(test, "result"), "valid") == 0;
        char what[100];
        snprintf(what, sizeof what, "%s %zu", file, i);
        check_aead(crypt, test, alg, "pt", (unsigned)support_number(test, "tag_bits") / 8, valid,
                   what);
        refused += valid ? 0 : 1;
    }
    ck_assert_uint_eq(json_array_size(root), 525);
    json_decref(root);
    return refused;
}

START_TEST(aead)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    ck_assert_uint_eq(wycheproof_aead(crypt, "wycheproof-aes_gcm_test", ESP_ALG_AES_GCM_128), 197);
    ck_assert_uint_eq(
        wycheproof_aead(crypt, "wycheproof-chacha20_poly1305_test", ESP_ALG_CHACHA20_POLY1305),
        316);
    ck_assert_uint_eq(cavp_gcm(crypt, "nist-cavp-gcmEncryptExtIV128", ESP_ALG_AES_GCM_128), 0);
    ck_assert_uint_eq(cavp_gcm(crypt, "nist-cavp-gcmDecrypt192", ESP_ALG_AES_GCM_192), 259);
    ck_assert_uint_eq(cavp_gcm(crypt, "nist-cavp-gcmEncryptExtIV256", ESP_ALG_AES_GCM_256), 0);
    esp_crypt_close(crypt);
}
END_TEST

static void check_cbc(struct esp_crypt *crypt, const json_t *test, enum esp_alg alg)
{
    size_t key_length = support_hex(test, "key", key_bytes, ESP_MAX_KEY);
    support_hex(test, "iv", nonce, sizeof nonce);
    size_t length = support_hex(test, "pt", text, ROOM);
    ck_assert_uint_eq(support_hex(test, "ct", other, ROOM), length);
    struct esp_suite suite = { .enc = (uint8_t)alg,
                               .enc_length = (uint16_t)key_length,
                               .enc_key = key_bytes };
    struct esp_job job = { .seal = true,
                           .key = { .id = ++next_key },
                           .text = text,
                           .text_length = (uint32_t)length,
                           .iv = nonce };
    ck_assert_uint_eq(run(crypt, &job, &suite), ESP_JOB_OK);
    ck_assert_mem_eq(text, other, length);
    job.seal = false;
    ck_assert_uint_eq(run(crypt, &job, &suite), ESP_JOB_OK);
    support_hex(test, "pt", other, ROOM);
    ck_assert_mem_eq(text, other, length);
}

START_TEST(cbc)
{
    static const struct {
        const char *file;
        enum esp_alg alg;
        unsigned count;
    } files[] = { { "nist-cavp-CBCMMT128", ESP_ALG_AES_CBC_128, 20 },
                  { "nist-cavp-CBCMMT256", ESP_ALG_AES_CBC_256, 20 },
                  { "nist-cavp-CBCVarKey128", ESP_ALG_AES_CBC_128, 256 } };
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        json_t *root = load(files[f].file);
        size_t i;
        const json_t *test;
        json_array_foreach(root, i, test)
        {
            check_cbc(crypt, test, files[f].alg);
        }
        ck_assert_uint_eq(json_array_size(root), files[f].count);
        json_decref(root);
    }
    esp_crypt_close(crypt);
}
END_TEST

static void check_hmac(struct esp_crypt *crypt, const json_t *test, enum esp_alg alg,
                       size_t mac_bytes, const char *mac, bool valid, const char *what)
{
    size_t key_length = support_hex(test, "key", key_bytes, sizeof key_bytes);
    /* One byte more than the message, so that an empty one still has an address. */
    size_t length = support_hex(test, "msg", text, ROOM - 80);
    ck_assert_uint_ge(support_hex(test, mac, tag, sizeof tag), mac_bytes);
    struct esp_suite suite = { .auth = (uint8_t)alg,
                               .icv = (uint8_t)mac_bytes,
                               .auth_length = (uint16_t)key_length,
                               .auth_key = key_bytes };
    uint8_t *icv = text + length;
    memcpy(icv, tag, mac_bytes);
    struct esp_job job = {
        .key = { .id = ++next_key }, .auth = text, .auth_length = (uint32_t)length, .icv = icv
    };
    ck_assert_msg(run(crypt, &job, &suite) == (valid ? ESP_JOB_OK : ESP_JOB_BAD_ICV), "%s: check",
                  what);
    if (valid) {
        job.seal = true;
        memset(icv, 0, mac_bytes);
        ck_assert_msg(run(crypt, &job, &suite) == ESP_JOB_OK, "%s: make", what);
        ck_assert_msg(memcmp(icv, tag, mac_bytes) == 0, "%s: MAC", what);
    }
}

static unsigned wycheproof_hmac(struct esp_crypt *crypt, const char *file, enum esp_alg alg)
{
    json_t *root = load(file);
    unsigned seen = 0;
    size_t g, t;
    const json_t *group, *test;
    json_array_foreach(json_object_get(root, "testGroups"), g, group)
    {
        json_array_foreach(json_object_get(group, "tests"), t, test)
        {
            char what[100];
            snprintf(what, sizeof what, "%s %d", file, (int)support_number(test, "tcId"));
            check_hmac(crypt, test, alg, support_number(group, "tagSize") / 8, "tag",
                       strcmp(support_string(test, "result"), "valid") == 0, what);
            seen++;
        }
    }
    json_decref(root);
    return seen;
}

static void rfc_hmac(struct esp_crypt *crypt, const char *file, enum esp_alg alg, unsigned count)
{
    json_t *root = load(file);
    size_t i;
    const json_t *test;
    json_array_foreach(root, i, test)
    {
        char what[100];
        snprintf(what, sizeof what, "%s %zu", file, i);
        check_hmac(crypt, test, alg, strlen(support_string(test, "mac")) / 2, "mac", true, what);
    }
    ck_assert_uint_eq(json_array_size(root), count);
    json_decref(root);
}

START_TEST(hmac)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    ck_assert_uint_eq(wycheproof_hmac(crypt, "wycheproof-hmac_sha1_test", ESP_ALG_SHA_1), 170);
    ck_assert_uint_eq(wycheproof_hmac(crypt, "wycheproof-hmac_sha256_test", ESP_ALG_SHA_256), 174);
    ck_assert_uint_eq(wycheproof_hmac(crypt, "wycheproof-hmac_sha512_test", ESP_ALG_SHA_512), 174);
    rfc_hmac(crypt, "hmac-rfc-2202-sha1", ESP_ALG_SHA_1, 7);
    rfc_hmac(crypt, "hmac-rfc-4231-sha256", ESP_ALG_SHA_256, 6);
    rfc_hmac(crypt, "hmac-rfc-4231-sha512", ESP_ALG_SHA_512, 6);
    esp_crypt_close(crypt);
}
END_TEST

int main(void)
{
    if (!support_data("test_esp_vectors", "vectors", folder, sizeof folder)) {
        return 0;
    }
    Suite *suite = suite_create("esp_vectors");
    TCase *tests = tcase_create("vectors");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, esp_packets, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, aead, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, cbc, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, hmac, 0, SUPPORT_BACKENDS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
