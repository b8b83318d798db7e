/* ESP algorithms on OpenSSL 3 libcrypto: complete, synchronous, one packet at a time. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp/crypt_internal.h"

struct esp_openssl {
    EVP_CIPHER *cipher[ESP_ALG_COUNT];
    EVP_CIPHER *block[ESP_ALG_COUNT]; /* the same key on single blocks (ECB), for peeking */
    EVP_CIPHER *chacha20;
    EVP_MAC *hmac;
    const char *digest[ESP_ALG_COUNT];
    uint8_t
        text[ESP_MAX_TEXT + 64]; /* decrypted here first: a bad ICV must leave the packet alone */
};

struct esp_openssl_keys {
    EVP_CIPHER_CTX *seal, *open, *peek;
    EVP_MAC_CTX *mac;
};

/* ---- library ------------------------------------------------------------------------------- */

struct cipher_name {
    enum esp_alg alg;
    const char *name, *block;
};

/* Single DES is 3DES with three equal keys: libcrypto 3 has it without the legacy provider. */
static const struct cipher_name cipher_names[] = {
    { ESP_ALG_AES_GCM_128, "AES-128-GCM", "AES-128-ECB" },
    { ESP_ALG_AES_GCM_192, "AES-192-GCM", "AES-192-ECB" },
    { ESP_ALG_AES_GCM_256, "AES-256-GCM", "AES-256-ECB" },
    { ESP_ALG_AES_CCM_128, "AES-128-CCM", "AES-128-ECB" },
    { ESP_ALG_AES_CCM_192, "AES-192-CCM", "AES-192-ECB" },
    { ESP_ALG_AES_CCM_256, "AES-256-CCM", "AES-256-ECB" },
    { ESP_ALG_CHACHA20_POLY1305, "ChaCha20-Poly1305", NULL },
    { ESP_ALG_AES_CBC_128, "AES-128-CBC", "AES-128-ECB" },
    { ESP_ALG_AES_CBC_192, "AES-192-CBC", "AES-192-ECB" },
    { ESP_ALG_AES_CBC_256, "AES-256-CBC", "AES-256-ECB" },
    { ESP_ALG_3DES_CBC, "DES-EDE3-CBC", "DES-EDE3-ECB" },
    { ESP_ALG_DES_CBC, "DES-EDE3-CBC", "DES-EDE3-ECB" },
    { ESP_ALG_AES_CTR_128, "AES-128-CTR", "AES-128-ECB" },
    { ESP_ALG_AES_CTR_192, "AES-192-CTR", "AES-192-ECB" },
    { ESP_ALG_AES_CTR_256, "AES-256-CTR", "AES-256-ECB" },
    { ESP_ALG_AES_GMAC_128, "AES-128-GCM", NULL },
    { ESP_ALG_AES_GMAC_192, "AES-192-GCM", NULL },
    { ESP_ALG_AES_GMAC_256, "AES-256-GCM", NULL },
};

static bool fetch_ciphers(struct esp_openssl *lib, char *error, size_t error_size)
{
    for (size_t i = 0; i < sizeof cipher_names / sizeof cipher_names[0]; i++) {
        const struct cipher_name *c = &cipher_names[i];
        lib->cipher[c->alg] = EVP_CIPHER_fetch(NULL, c->name, NULL);
        if (lib->cipher[c->alg] == NULL) {
            snprintf(error, error_size, "libcrypto has no %s", c->name);
            return false;
        }
        if (c->block == NULL) {
            continue;
        }
        lib->block[c->alg] = EVP_CIPHER_fetch(NULL, c->block, NULL);
        if (lib->block[c->alg] == NULL) {
            snprintf(error, error_size, "libcrypto has no %s", c->block);
            return false;
        }
    }
    lib->chacha20 = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);
    lib->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (lib->chacha20 == NULL || lib->hmac == NULL) {
        snprintf(error, error_size, "libcrypto has no ChaCha20 or no HMAC");
        return false;
    }
    return true;
}

struct esp_openssl *esp_openssl_open(char *error, size_t error_size)
{
    struct esp_openssl *lib = calloc(1, sizeof *lib);
    if (lib == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    lib->digest[ESP_ALG_MD5] = "MD5";
    lib->digest[ESP_ALG_SHA_1] = "SHA1";
    lib->digest[ESP_ALG_SHA_256] = "SHA256";
    lib->digest[ESP_ALG_SHA_384] = "SHA384";
    lib->digest[ESP_ALG_SHA_512] = "SHA512";
    if (!fetch_ciphers(lib, error, error_size)) {
        esp_openssl_close(lib);
        return NULL;
    }
    return lib;
}

void esp_openssl_close(struct esp_openssl *lib)
{
    if (lib == NULL) {
        return;
    }
    for (unsigned i = 0; i < ESP_ALG_COUNT; i++) {
        EVP_CIPHER_free(lib->cipher[i]);
        EVP_CIPHER_free(lib->block[i]);
    }
    EVP_CIPHER_free(lib->chacha20);
    EVP_MAC_free(lib->hmac);
    OPENSSL_cleanse(lib->text, sizeof lib->text);
    free(lib);
}

uint16_t esp_openssl_shorten(struct esp_openssl *lib, enum esp_alg auth, const uint8_t *key,
                             uint32_t length, uint8_t out[ESP_MAX_HASH_BLOCK])
{
    if (length <= esp_alg_info(auth)->hash_block_bytes) {
        memcpy(out, key, length);
        return (uint16_t)length;
    }
    size_t bytes = 0;
    EVP_Q_digest(NULL, lib->digest[auth], NULL, key, length, out, &bytes);
    return (uint16_t)bytes;
}

/* ---- keyed objects, made when they are first needed ------------------------------------------ */

static struct esp_openssl_keys *keys_of(struct esp_context *context)
{
    if (context->openssl == NULL) {
        context->openssl = calloc(1, sizeof *context->openssl);
    }
    return context->openssl;
}

void esp_openssl_drop(struct esp_context *context)
{
    struct esp_openssl_keys *keys = context->openssl;
    if (keys == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(keys->seal);
    EVP_CIPHER_CTX_free(keys->open);
    EVP_CIPHER_CTX_free(keys->peek);
    EVP_MAC_CTX_free(keys->mac);
    free(keys);
    context->openssl = NULL;
}

static bool is_ccm(unsigned alg)
{
    return alg >= ESP_ALG_AES_CCM_128 && alg <= ESP_ALG_AES_CCM_256;
}

/* The cipher of the context (for GMAC: GCM with that key), keyed for one direction. */
static EVP_CIPHER_CTX *cipher_of(struct esp_openssl *lib, struct esp_context *context, bool seal)
{
    struct esp_openssl_keys *keys = keys_of(context);
    if (keys == NULL) {
        return NULL;
    }
    EVP_CIPHER_CTX **place = seal ? &keys->seal : &keys->open;
    if (*place != NULL) {
        return *place;
    }
    bool gmac = context->enc == ESP_ALG_NONE;
    unsigned alg = gmac ? context->auth : context->enc;
    uint8_t key[ESP_MAX_CIPHER_KEY];
    memcpy(key, gmac ? context->auth_key : context->enc_key, sizeof key);
    if (alg == ESP_ALG_DES_CBC) {
        memcpy(key + 8, key, 8);
        memcpy(key + 16, key, 8);
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx != NULL && EVP_CipherInit_ex(ctx, lib->cipher[alg], NULL, NULL, NULL, seal) == 1;
    if (ok && is_ccm(alg)) {
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 11, NULL) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, context->icv, NULL) == 1;
    }
    ok = ok && EVP_CipherInit_ex(ctx, NULL, NULL, key, NULL, seal) == 1 &&
         EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
    OPENSSL_cleanse(key, sizeof key);
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    *place = ctx;
    return ctx;
}

static EVP_MAC_CTX *mac_of(struct esp_openssl *lib, struct esp_context *context)
{
    struct esp_openssl_keys *keys = keys_of(context);
    if (keys == NULL || keys->mac != NULL) {
        return keys == NULL ? NULL : keys->mac;
    }
    char digest[16];
    snprintf(digest, sizeof digest, "%s", lib->digest[context->auth]);
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                            OSSL_PARAM_construct_end() };
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(lib->hmac);
    if (ctx != NULL && EVP_MAC_init(ctx, context->auth_key, context->auth_length, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    keys->mac = ctx;
    return ctx;
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static bool hmac(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job)
{
    EVP_MAC_CTX *mac = mac_of(lib, context);
    size_t bytes = 0;
    return mac != NULL && EVP_MAC_init(mac, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(mac, job->auth, job->auth_length) == 1 &&
           (job->tail_length == 0 || EVP_MAC_update(mac, job->tail, job->tail_length) == 1) &&
           EVP_MAC_final(mac, job->digest, &bytes, sizeof job->digest) == 1;
}

/* CBC and CTR, in place. */
static bool plain_cipher(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job,
                         bool seal)
{
    if (context->enc == ESP_ALG_NONE || job->text_length == 0) {
        return true;
    }
    EVP_CIPHER_CTX *ctx = cipher_of(lib, context, seal);
    int done = 0;
    return ctx != NULL && EVP_CipherInit_ex(ctx, NULL, NULL, NULL, job->nonce, seal) == 1 &&
           EVP_CipherUpdate(ctx, job->text, &done, job->text, (int)job->text_length) == 1;
}

static bool feed_aad(EVP_CIPHER_CTX *ctx, const uint8_t *bytes, uint32_t length)
{
    int done = 0;
    return length == 0 || EVP_CipherUpdate(ctx, NULL, &done, bytes, (int)length) == 1;
}

static bool feed_all_aad(EVP_CIPHER_CTX *ctx, const struct esp_job *job, bool gmac)
{
    return feed_aad(ctx, job->aad, job->aad_length) &&
           (!gmac || (feed_aad(ctx, job->auth, job->auth_length) &&
                      feed_aad(ctx, job->tail, job->tail_length)));
}

/* AEAD and GMAC, sealing: text in place, tag into `tag`. */
static bool aead_seal(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job,
                      uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = cipher_of(lib, context, true);
    if (ctx == NULL || EVP_CipherInit_ex(ctx, NULL, NULL, NULL, job->nonce, 1) != 1) {
        return false;
    }
    bool ccm = is_ccm(context->enc);
    bool gmac = context->enc == ESP_ALG_NONE;
    int done = 0;
    if (ccm && EVP_CipherUpdate(ctx, NULL, &done, NULL, (int)job->text_length) != 1) {
        return false;
    }
    bool ok = feed_all_aad(ctx, job, gmac);
    if (ok && !gmac && (job->text_length != 0 || ccm)) {
        /* CCM makes its tag here, also for an empty text. */
        uint8_t *text = job->text != NULL ? job->text : lib->text;
        ok = EVP_CipherUpdate(ctx, text, &done, text, (int)job->text_length) == 1;
    }
    return ok && EVP_CipherFinal_ex(ctx, lib->text, &done) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, context->icv, tag) == 1;
}

enum aead_result { AEAD_GOOD, AEAD_BAD, AEAD_ERROR };

static enum aead_result aead_open(struct esp_openssl *lib, struct esp_context *context,
                                  struct esp_job *job)
{
    EVP_CIPHER_CTX *ctx = cipher_of(lib, context, false);
    bool ccm = is_ccm(context->enc);
    bool gmac = context->enc == ESP_ALG_NONE;
    int done = 0;
    /* CCM wants the tag before the nonce is used, the others before the end. */
    if (ctx == NULL ||
        (ccm && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, context->icv, job->expect) != 1) ||
        EVP_CipherInit_ex(ctx, NULL, NULL, NULL, job->nonce, 0) != 1 ||
        (!ccm && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, context->icv, job->expect) != 1) ||
        (ccm && EVP_CipherUpdate(ctx, NULL, &done, NULL, (int)job->text_length) != 1) ||
        !feed_all_aad(ctx, job, gmac)) {
        return AEAD_ERROR;
    }
    if (!gmac && (job->text_length != 0 || ccm)) {
        const uint8_t *text = job->text != NULL ? job->text : lib->text;
        if (EVP_CipherUpdate(ctx, lib->text, &done, text, (int)job->text_length) != 1) {
            return ccm ? AEAD_BAD : AEAD_ERROR;
        }
    }
    if (!ccm && EVP_CipherFinal_ex(ctx, lib->text + job->text_length, &done) != 1) {
        return AEAD_BAD;
    }
    if (!gmac && job->text != NULL) {
        memcpy(job->text, lib->text, job->text_length);
    }
    return AEAD_GOOD;
}

static void run_aead(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job)
{
    if (job->seal) {
        bool ok = aead_seal(lib, context, job, job->digest);
        (void)esp_job_conclude(context, job);
        job->state = ok ? ESP_JOB_OK : ESP_JOB_REFUSED;
        return;
    }
    enum aead_result result = aead_open(lib, context, job);
    if (result == AEAD_GOOD) {
        memcpy(job->digest, job->expect, context->icv);
    }
    (void)esp_job_conclude(context, job);
    job->state = result == AEAD_GOOD  ? ESP_JOB_OK
                 : result == AEAD_BAD ? ESP_JOB_BAD_ICV
                                      : ESP_JOB_REFUSED;
}

void esp_openssl_run(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job)
{
    enum esp_alg_kind enc = esp_alg_info((enum esp_alg)context->enc)->kind;
    enum esp_alg_kind auth = esp_alg_info((enum esp_alg)context->auth)->kind;
    if (enc == ESP_KIND_AEAD || auth == ESP_KIND_GMAC) {
        run_aead(lib, context, job);
        return;
    }
    /* Encrypt then authenticate; authenticate before anything is decrypted. */
    bool ok = !job->seal || plain_cipher(lib, context, job, true);
    ok = ok && (auth == ESP_KIND_NONE || hmac(lib, context, job));
    if (!esp_job_conclude(context, job)) {
        return;
    }
    ok = ok && (job->seal || plain_cipher(lib, context, job, false));
    if (!ok) {
        job->state = ESP_JOB_REFUSED;
    }
}

void esp_openssl_encrypt_again(struct esp_openssl *lib, struct esp_context *context,
                               struct esp_job *job)
{
    uint8_t tag[ESP_MAX_ICV];
    if (esp_alg_info((enum esp_alg)context->enc)->kind == ESP_KIND_AEAD) {
        (void)aead_seal(lib, context, job, tag);
    } else {
        (void)plain_cipher(lib, context, job, true);
    }
}

/* ---- peek ---------------------------------------------------------------------------------- */

bool esp_openssl_blocks(struct esp_openssl *lib, struct esp_context *context, uint8_t *blocks,
                        uint32_t bytes)
{
    struct esp_openssl_keys *keys = keys_of(context);
    if (keys == NULL) {
        return false;
    }
    if (keys->peek == NULL) {
        int encrypt = esp_alg_info((enum esp_alg)context->enc)->block_bytes == 1;
        uint8_t key[ESP_MAX_CIPHER_KEY];
        memcpy(key, context->enc_key, sizeof key);
        if (context->enc == ESP_ALG_DES_CBC) {
            memcpy(key + 8, key, 8);
            memcpy(key + 16, key, 8);
        }
        keys->peek = EVP_CIPHER_CTX_new();
        bool ok = keys->peek != NULL &&
                  EVP_CipherInit_ex(keys->peek, lib->block[context->enc], NULL, key, NULL,
                                    encrypt) == 1 &&
                  EVP_CIPHER_CTX_set_padding(keys->peek, 0) == 1;
        OPENSSL_cleanse(key, sizeof key);
        if (!ok) {
            EVP_CIPHER_CTX_free(keys->peek);
            keys->peek = NULL;
            return false;
        }
    }
    int done = 0;
    return EVP_CipherUpdate(keys->peek, blocks, &done, blocks, (int)bytes) == 1;
}

bool esp_openssl_chacha(struct esp_openssl *lib, struct esp_context *context,
                        const uint8_t nonce[12], uint32_t counter, uint8_t *bytes, uint32_t length)
{
    struct esp_openssl_keys *keys = keys_of(context);
    if (keys == NULL) {
        return false;
    }
    if (keys->peek == NULL) {
        keys->peek = EVP_CIPHER_CTX_new();
        if (keys->peek == NULL ||
            EVP_CipherInit_ex(keys->peek, lib->chacha20, NULL, context->enc_key, NULL, 1) != 1) {
            EVP_CIPHER_CTX_free(keys->peek);
            keys->peek = NULL;
            return false;
        }
    }
    /* libcrypto's ChaCha20 takes the 32-bit block counter, little endian, before the nonce. */
    uint8_t iv[16] = { (uint8_t)counter, (uint8_t)(counter >> 8), (uint8_t)(counter >> 16),
                       (uint8_t)(counter >> 24) };
    memcpy(iv + 4, nonce, 12);
    int done = 0;
    return EVP_CipherInit_ex(keys->peek, NULL, NULL, NULL, iv, 1) == 1 &&
           EVP_CipherUpdate(keys->peek, bytes, &done, bytes, (int)length) == 1;
}
