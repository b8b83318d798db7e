/* ESP algorithms on libipsec-mb (1.3): multi-buffer jobs.
 *
 * CBC encryption and the HMACs are serial within a packet, so the library works on several packets
 * at once: such jobs complete when enough of them wait, or when flushed. GCM and GMAC are as fast
 * one packet at a time; they go through the direct calls and complete at submit.
 *
 * The library returns jobs in the order of submission. */
#ifdef ESPNIC_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp/crypt_internal.h"

struct esp_mb {
    struct esp_crypt *crypt;
    IMB_MGR *mgr;
};

struct esp_mb_keys {
    union {
        struct gcm_key_data gcm; /* GCM and GMAC */
        struct {
            _Alignas(16) uint8_t enc[16 * 15];
            _Alignas(16) uint8_t dec[16 * 15];
        } aes;
        struct {
            uint64_t schedule[3][IMB_DES_KEY_SCHED_SIZE / 8];
            const void *order[3];
        } des;
    } cipher;
    _Alignas(16) uint8_t ipad[64];
    _Alignas(16) uint8_t opad[64];
};

/* ---- open and close ------------------------------------------------------------------------ */

struct esp_mb *esp_mb_open(struct esp_crypt *crypt, char *error, size_t error_size)
{
    /* IMB_CPUFLAGS_SSE, which version 1.2 does not have yet */
    const uint64_t needed =
        IMB_FEATURE_SSE4_2 | IMB_FEATURE_CMOV | IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    struct esp_mb *mb = calloc(1, sizeof *mb);
    IMB_MGR *mgr = mb != NULL ? alloc_mb_mgr(0) : NULL;
    if (mgr == NULL) {
        snprintf(error, error_size, "libipsec-mb: out of memory");
        free(mb);
        return NULL;
    }
    if ((mgr->features & needed) != needed) {
        snprintf(error, error_size, "libipsec-mb needs a processor with SSE4.2, AES and PCLMULQDQ");
        free_mb_mgr(mgr);
        free(mb);
        return NULL;
    }
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(mgr, &arch);
    if (imb_get_errno(mgr) != 0) {
        snprintf(error, error_size, "libipsec-mb: %s", imb_get_strerror(imb_get_errno(mgr)));
        free_mb_mgr(mgr);
        free(mb);
        return NULL;
    }
    mb->crypt = crypt;
    mb->mgr = mgr;
    return mb;
}

void esp_mb_close(struct esp_mb *mb)
{
    if (mb != NULL) {
        free_mb_mgr(mb->mgr);
        free(mb);
    }
}

void esp_mb_drop(struct esp_context *context)
{
    if (context->mb != NULL) {
        OPENSSL_cleanse(context->mb, sizeof *context->mb);
        free(context->mb);
        context->mb = NULL;
    }
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void expand_aes(IMB_MGR *mgr, unsigned key_bytes, const uint8_t *key,
                       struct esp_mb_keys *keys)
{
    if (key_bytes == 16) {
        IMB_AES_KEYEXP_128(mgr, key, keys->cipher.aes.enc, keys->cipher.aes.dec);
    } else if (key_bytes == 24) {
        IMB_AES_KEYEXP_192(mgr, key, keys->cipher.aes.enc, keys->cipher.aes.dec);
    } else {
        IMB_AES_KEYEXP_256(mgr, key, keys->cipher.aes.enc, keys->cipher.aes.dec);
    }
}

static void expand_gcm(IMB_MGR *mgr, unsigned key_bytes, const uint8_t *key,
                       struct esp_mb_keys *keys)
{
    if (key_bytes == 16) {
        IMB_AES128_GCM_PRE(mgr, key, &keys->cipher.gcm);
    } else if (key_bytes == 24) {
        IMB_AES192_GCM_PRE(mgr, key, &keys->cipher.gcm);
    } else {
        IMB_AES256_GCM_PRE(mgr, key, &keys->cipher.gcm);
    }
}

static void expand_des(IMB_MGR *mgr, const uint8_t *key, unsigned count, struct esp_mb_keys *keys)
{
    for (unsigned i = 0; i < 3; i++) {
        IMB_DES_KEYSCHED(mgr, keys->cipher.des.schedule[i], key + (i < count ? i * 8 : 0));
        keys->cipher.des.order[i] = keys->cipher.des.schedule[i];
    }
}

/* The hash state after the first block, key XOR pad: RFC 2104. */
static void hash_block(IMB_MGR *mgr, unsigned alg, const uint8_t *block, uint8_t *state)
{
    switch (alg) {
    case ESP_ALG_MD5: IMB_MD5_ONE_BLOCK(mgr, block, state); break;
    case ESP_ALG_SHA_1: IMB_SHA1_ONE_BLOCK(mgr, block, state); break;
    case ESP_ALG_SHA_256: IMB_SHA256_ONE_BLOCK(mgr, block, state); break;
    case ESP_ALG_SHA_384: IMB_SHA384_ONE_BLOCK(mgr, block, state); break;
    default: IMB_SHA512_ONE_BLOCK(mgr, block, state); break;
    }
}

static void expand_hmac(IMB_MGR *mgr, const struct esp_context *context, struct esp_mb_keys *keys)
{
    uint8_t inner[ESP_MAX_HASH_BLOCK], outer[ESP_MAX_HASH_BLOCK];
    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (unsigned i = 0; i < context->auth_length; i++) {
        inner[i] ^= context->auth_key[i];
        outer[i] ^= context->auth_key[i];
    }
    hash_block(mgr, context->auth, inner, keys->ipad);
    hash_block(mgr, context->auth, outer, keys->opad);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

static bool is_gcm(unsigned alg)
{
    return alg >= ESP_ALG_AES_GCM_128 && alg <= ESP_ALG_AES_GCM_256;
}

static bool is_ccm(unsigned alg)
{
    return alg >= ESP_ALG_AES_CCM_128 && alg <= ESP_ALG_AES_CCM_256;
}

static bool is_gmac(unsigned alg)
{
    return alg >= ESP_ALG_AES_GMAC_128 && alg <= ESP_ALG_AES_GMAC_256;
}

static bool expand(IMB_MGR *mgr, struct esp_context *context)
{
    struct esp_mb_keys *keys = aligned_alloc(64, (sizeof *keys + 63) / 64 * 64);
    if (keys == NULL) {
        return false;
    }
    unsigned key_bytes = esp_alg_info((enum esp_alg)context->enc)->key_bytes;
    if (is_gcm(context->enc)) {
        expand_gcm(mgr, key_bytes, context->enc_key, keys);
    } else if (context->enc == ESP_ALG_DES_CBC || context->enc == ESP_ALG_3DES_CBC) {
        expand_des(mgr, context->enc_key, key_bytes / 8, keys);
    } else if (key_bytes != 0 && context->enc != ESP_ALG_CHACHA20_POLY1305) {
        expand_aes(mgr, key_bytes, context->enc_key, keys);
    }
    if (is_gmac(context->auth)) {
        expand_gcm(mgr, context->auth_length, context->auth_key, keys);
    } else if (context->auth != ESP_ALG_NONE) {
        expand_hmac(mgr, context, keys);
    }
    context->mb = keys;
    return true;
}

bool esp_mb_can(struct esp_mb *mb, struct esp_context *context, const struct esp_job *job)
{
    if (context->enc == ESP_ALG_AES_CCM_192 ||
        (context->enc == ESP_ALG_NONE && context->auth == ESP_ALG_NONE)) {
        return false;
    }
    enum esp_alg_kind auth = esp_alg_info((enum esp_alg)context->auth)->kind;
    /* The library hashes one contiguous region: the ESN tail must fit into the place of the ICV. */
    if (auth == ESP_KIND_HMAC &&
        (job->auth_length == 0 ||
         (job->tail_length != 0 && job->icv != job->auth + job->auth_length))) {
        return false;
    }
    /* Empty texts are left to OpenSSL, except where the direct calls take them. */
    if (context->enc != ESP_ALG_NONE && job->text_length == 0 && !is_gcm(context->enc)) {
        return false;
    }
    if (is_ccm(context->enc) && job->aad_length > ESP_MAX_AAD_MB) {
        return false;
    }
    return context->mb != NULL || expand(mb->mgr, context);
}

/* ---- GCM and GMAC: direct ------------------------------------------------------------------ */

static void gcm(IMB_MGR *mgr, const struct esp_context *context, struct esp_job *job, bool seal)
{
    const struct gcm_key_data *key = &context->mb->cipher.gcm;
    unsigned bytes = esp_alg_info((enum esp_alg)context->enc)->key_bytes;
    aes_gcm_enc_dec_t run = bytes == 16   ? (seal ? mgr->gcm128_enc : mgr->gcm128_dec)
                            : bytes == 24 ? (seal ? mgr->gcm192_enc : mgr->gcm192_dec)
                                          : (seal ? mgr->gcm256_enc : mgr->gcm256_dec);
    struct gcm_context_data state;
    run(key, &state, job->text, job->text, job->text_length, job->nonce, job->aad, job->aad_length,
        job->digest, 16);
}

static void gmac(IMB_MGR *mgr, const struct esp_context *context, struct esp_job *job)
{
    const struct gcm_key_data *key = &context->mb->cipher.gcm;
    unsigned bytes = context->auth_length;
    aes_gmac_init_t init = bytes == 16   ? mgr->gmac128_init
                           : bytes == 24 ? mgr->gmac192_init
                                         : mgr->gmac256_init;
    aes_gmac_update_t update = bytes == 16   ? mgr->gmac128_update
                               : bytes == 24 ? mgr->gmac192_update
                                             : mgr->gmac256_update;
    aes_gmac_finalize_t finalize = bytes == 16   ? mgr->gmac128_finalize
                                   : bytes == 24 ? mgr->gmac192_finalize
                                                 : mgr->gmac256_finalize;
    struct gcm_context_data state;
    init(key, &state, job->nonce, 12);
    if (job->aad_length != 0) {
        update(key, &state, job->aad, job->aad_length);
    }
    if (job->auth_length != 0) {
        update(key, &state, job->auth, job->auth_length);
    }
    if (job->tail_length != 0) {
        update(key, &state, job->tail, job->tail_length);
    }
    finalize(key, &state, job->digest, 16);
}

/* ---- multi-buffer jobs --------------------------------------------------------------------- */

static void set_cipher(IMB_JOB *mj, const struct esp_context *context, const struct esp_job *job)
{
    const struct esp_alg_info *info = esp_alg_info((enum esp_alg)context->enc);
    const struct esp_mb_keys *keys = context->mb;
    mj->cipher_mode = IMB_CIPHER_NULL;
    mj->cipher_direction = job->seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    mj->chain_order = job->seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    if (context->enc == ESP_ALG_NONE) {
        return;
    }
    mj->key_len_in_bytes = info->key_bytes;
    mj->enc_keys = keys->cipher.aes.enc;
    mj->dec_keys = keys->cipher.aes.dec;
    mj->iv = job->nonce;
    mj->iv_len_in_bytes = 16;
    if (context->enc == ESP_ALG_CHACHA20_POLY1305) {
        mj->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        mj->enc_keys = mj->dec_keys = context->enc_key;
        mj->iv_len_in_bytes = 12;
    } else if (is_ccm(context->enc)) {
        mj->cipher_mode = IMB_CIPHER_CCM;
        mj->dec_keys = keys->cipher.aes.enc;
        mj->iv_len_in_bytes = 11;
        /* CCM authenticates the plaintext: the chain runs the other way round. */
        mj->chain_order = job->seal ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
    } else if (context->enc == ESP_ALG_3DES_CBC || context->enc == ESP_ALG_DES_CBC) {
        bool triple = context->enc == ESP_ALG_3DES_CBC;
        mj->cipher_mode = triple ? IMB_CIPHER_DES3 : IMB_CIPHER_DES;
        mj->enc_keys = triple ? (const void *)keys->cipher.des.order : keys->cipher.des.schedule[0];
        mj->dec_keys = mj->enc_keys;
        mj->iv_len_in_bytes = 8;
    } else {
        mj->cipher_mode = info->block_bytes == 1 ? IMB_CIPHER_CNTR : IMB_CIPHER_CBC;
    }
}

static void set_hash(IMB_JOB *mj, const struct esp_context *context, struct esp_job *job)
{
    static const IMB_HASH_ALG hash[ESP_ALG_COUNT] = {
        [ESP_ALG_MD5] = IMB_AUTH_MD5,
        [ESP_ALG_SHA_1] = IMB_AUTH_HMAC_SHA_1,
        [ESP_ALG_SHA_256] = IMB_AUTH_HMAC_SHA_256,
        [ESP_ALG_SHA_384] = IMB_AUTH_HMAC_SHA_384,
        [ESP_ALG_SHA_512] = IMB_AUTH_HMAC_SHA_512,
    };
    static const uint8_t whole[ESP_ALG_COUNT] = {
        [ESP_ALG_MD5] = 16,     [ESP_ALG_SHA_1] = 20,   [ESP_ALG_SHA_256] = 32,
        [ESP_ALG_SHA_384] = 48, [ESP_ALG_SHA_512] = 64,
    };
    mj->hash_alg = IMB_AUTH_NULL;
    mj->auth_tag_output = job->digest;
    if (is_ccm(context->enc)) {
        mj->hash_alg = IMB_AUTH_AES_CCM;
        mj->auth_tag_output_len_in_bytes = context->icv;
        mj->u.CCM.aad = job->aad;
        mj->u.CCM.aad_len_in_bytes = job->aad_length;
    } else if (context->enc == ESP_ALG_CHACHA20_POLY1305) {
        mj->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        mj->auth_tag_output_len_in_bytes = 16;
        mj->u.CHACHA20_POLY1305.aad = job->aad;
        mj->u.CHACHA20_POLY1305.aad_len_in_bytes = job->aad_length;
    } else if (context->auth != ESP_ALG_NONE) {
        mj->hash_alg = hash[context->auth];
        mj->auth_tag_output_len_in_bytes = whole[context->auth];
        mj->u.HMAC._hashed_auth_key_xor_ipad = context->mb->ipad;
        mj->u.HMAC._hashed_auth_key_xor_opad = context->mb->opad;
    }
}

static void set_regions(IMB_JOB *mj, const struct esp_context *context, struct esp_job *job)
{
    if (context->auth == ESP_ALG_NONE) {
        mj->src = job->text;
        mj->msg_len_to_hash_in_bytes = job->text_length;
    } else {
        mj->src = job->auth;
        mj->msg_len_to_hash_in_bytes = job->auth_length;
        if (job->tail_length != 0) {
            memcpy(job->icv, job->tail, job->tail_length);
            mj->msg_len_to_hash_in_bytes += job->tail_length;
        }
    }
    mj->dst = context->enc != ESP_ALG_NONE ? job->text : job->auth;
    mj->cipher_start_src_offset_in_bytes =
        context->enc != ESP_ALG_NONE ? (uint64_t)(job->text - mj->src) : 0;
    mj->msg_len_to_cipher_in_bytes = context->enc != ESP_ALG_NONE ? job->text_length : 0;
    mj->hash_start_src_offset_in_bytes = 0;
}

static void returned(struct esp_mb *mb, IMB_JOB *mj)
{
    struct esp_job *job = mj->user_data;
    if (job->tail_length != 0 && !job->seal) {
        memcpy(job->icv, job->expect, job->tail_length);
    }
    if (mj->status == IMB_STATUS_COMPLETED) {
        esp_crypt_completed(mb->crypt, job);
    } else {
        esp_crypt_run_elsewhere(mb->crypt, job);
    }
}

void esp_mb_submit(struct esp_mb *mb, struct esp_context *context, struct esp_job *job)
{
    if (is_gcm(context->enc)) {
        gcm(mb->mgr, context, job, job->seal);
        esp_crypt_completed(mb->crypt, job);
        return;
    }
    if (is_gmac(context->auth)) {
        gmac(mb->mgr, context, job);
        esp_crypt_completed(mb->crypt, job);
        return;
    }
    IMB_JOB *mj = IMB_GET_NEXT_JOB(mb->mgr);
    memset(mj, 0, offsetof(IMB_JOB, cipher_func));
    mj->user_data = job;
    set_cipher(mj, context, job);
    set_hash(mj, context, job);
    set_regions(mj, context, job);
    for (mj = IMB_SUBMIT_JOB(mb->mgr); mj != NULL; mj = IMB_GET_COMPLETED_JOB(mb->mgr)) {
        returned(mb, mj);
    }
}

bool esp_mb_flush_one(struct esp_mb *mb)
{
    IMB_JOB *mj = IMB_FLUSH_JOB(mb->mgr);
    if (mj == NULL) {
        return false;
    }
    returned(mb, mj);
    return true;
}

#else
/* A translation unit may not be empty, ISO C 6.9. */
extern int esp_mb_absent;
#endif
