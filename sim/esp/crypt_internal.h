/* What crypt.c and its two implementations share. Not for other modules. */
#ifndef ESPNIC_ESP_CRYPT_INTERNAL_H
#define ESPNIC_ESP_CRYPT_INTERNAL_H

#include "esp/crypt.h"

enum {
    ESP_MAX_CIPHER_KEY = 32,
    ESP_MAX_HASH_BLOCK = 128,
    ESP_MAX_AAD_MB = 46, /* CCM in libipsec-mb: AAD fits into three blocks with its length */
    ESP_NO_SLOT = UINT32_MAX
};

struct esp_openssl;      /* fetched algorithms and a scratch buffer */
struct esp_openssl_keys; /* keyed OpenSSL objects of one context */
struct esp_mb;           /* the multi-buffer manager */
struct esp_mb_keys;      /* expanded keys of one context */

/* One set of keys. Raw keys are kept, so that each implementation expands them when it needs them. */
struct esp_context {
    struct esp_key_ref key;
    bool used;
    uint32_t hash_next, lru_prev, lru_next;
    uint32_t in_flight;
    uint8_t enc, auth; /* ESP_ALG_NULL and ESP_ALG_NONE are one here: ESP_ALG_NONE */
    uint8_t icv;
    uint8_t salt[4];
    uint8_t enc_key[ESP_MAX_CIPHER_KEY];
    uint16_t auth_length;
    uint8_t auth_key[ESP_MAX_HASH_BLOCK];
    struct esp_openssl_keys *openssl;
    struct esp_mb_keys *mb;
};

/* ---- crypt.c ----------------------------------------------------------------------------- */

/* job->digest holds the computed ICV (or there is none). Restores saved bytes, writes or compares
 * the ICV, and sets the final state. Returns false if an ICV was bad. */
bool esp_job_conclude(const struct esp_context *context, struct esp_job *job);

/* The job has left the implementation: conclude, undo the decryption of a bad one, release. */
void esp_crypt_completed(struct esp_crypt *crypt, struct esp_job *job);

/* The other implementation refused it after submit: run it on OpenSSL instead. */
void esp_crypt_run_elsewhere(struct esp_crypt *crypt, struct esp_job *job);

/* ---- crypt_openssl.c ----------------------------------------------------------------------- */

struct esp_openssl *esp_openssl_open(char *error, size_t error_size);
void esp_openssl_close(struct esp_openssl *lib);
/* Run the whole job; state becomes final. Concludes by itself. */
void esp_openssl_run(struct esp_openssl *lib, struct esp_context *context, struct esp_job *job);
/* Encrypt job->text again (after a bad ICV). */
void esp_openssl_encrypt_again(struct esp_openssl *lib, struct esp_context *context,
                               struct esp_job *job);
/* Key stream or block decryption for `count` blocks that the caller has laid out. See peek. */
bool esp_openssl_blocks(struct esp_openssl *lib, struct esp_context *context, uint8_t *blocks,
                        uint32_t bytes);
/* ChaCha20 key stream from block `counter` XORed over `bytes`. */
bool esp_openssl_chacha(struct esp_openssl *lib, struct esp_context *context,
                        const uint8_t nonce[12], uint32_t counter, uint8_t *bytes, uint32_t length);
/* HMAC keys longer than a block are hashed first (RFC 2104). Returns the new length. */
uint16_t esp_openssl_shorten(struct esp_openssl *lib, enum esp_alg auth, const uint8_t *key,
                             uint32_t length, uint8_t out[ESP_MAX_HASH_BLOCK]);
void esp_openssl_drop(struct esp_context *context);

/* ---- crypt_ipsecmb.c ----------------------------------------------------------------------- */

#ifdef ESPNIC_HAVE_IPSEC_MB
struct esp_mb *esp_mb_open(struct esp_crypt *crypt, char *error, size_t error_size);
void esp_mb_close(struct esp_mb *mb);
/* Can this implementation do it? Expands keys if need be. */
bool esp_mb_can(struct esp_mb *mb, struct esp_context *context, const struct esp_job *job);
void esp_mb_submit(struct esp_mb *mb, struct esp_context *context, struct esp_job *job);
/* Complete at least the oldest job. False if there is none. */
bool esp_mb_flush_one(struct esp_mb *mb);
void esp_mb_drop(struct esp_context *context);
#endif

#endif
