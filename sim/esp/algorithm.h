/* Algorithms of ESP and AH: one table that every other module reads.
 *
 * Sources: RFC 4106 (GCM), 4309 (CCM), 4543 (GMAC), 7634 (ChaCha20-Poly1305), 3602 (AES-CBC),
 * 3686 (AES-CTR), 2451 (3DES), 2405 (DES), 2410 (NULL), 2403 (HMAC-MD5-96), 2404 (HMAC-SHA-1-96),
 * 4868 (HMAC-SHA-2). Names are those of the recording format. */
#ifndef ESPNIC_ESP_ALGORITHM_H
#define ESPNIC_ESP_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum esp_alg {
    ESP_ALG_NONE = 0, /* no algorithm given (an entry without `auth`) */
    /* encryption */
    ESP_ALG_NULL,
    ESP_ALG_AES_GCM_128,
    ESP_ALG_AES_GCM_192,
    ESP_ALG_AES_GCM_256,
    ESP_ALG_AES_CCM_128,
    ESP_ALG_AES_CCM_192,
    ESP_ALG_AES_CCM_256,
    ESP_ALG_CHACHA20_POLY1305,
    ESP_ALG_AES_CBC_128,
    ESP_ALG_AES_CBC_192,
    ESP_ALG_AES_CBC_256,
    ESP_ALG_3DES_CBC,
    ESP_ALG_DES_CBC,
    ESP_ALG_AES_CTR_128,
    ESP_ALG_AES_CTR_192,
    ESP_ALG_AES_CTR_256,
    /* integrity */
    ESP_ALG_MD5,
    ESP_ALG_SHA_1,
    ESP_ALG_SHA_256,
    ESP_ALG_SHA_384,
    ESP_ALG_SHA_512,
    ESP_ALG_AES_GMAC_128,
    ESP_ALG_AES_GMAC_192,
    ESP_ALG_AES_GMAC_256,
    ESP_ALG_COUNT
};

enum esp_alg_kind {
    ESP_KIND_NONE,
    ESP_KIND_CIPHER, /* confidentiality only: CBC, CTR, NULL */
    ESP_KIND_AEAD,   /* both: GCM, CCM, ChaCha20-Poly1305 */
    ESP_KIND_HMAC,   /* integrity only */
    ESP_KIND_GMAC    /* integrity only, with an IV on the wire */
};

struct esp_alg_info {
    const char *name; /* as in recordings: "aes-gcm-128" */
    enum esp_alg_kind kind;
    uint8_t key_bytes;        /* without salt */
    uint8_t salt_bytes;       /* follow the key in the key material */
    uint8_t iv_bytes;         /* carried in the packet */
    uint8_t block_bytes;      /* padding makes payload + 2 a multiple of max(this, 4) */
    uint8_t hash_block_bytes; /* HMAC: 64 or 128; else 0 */
    uint8_t icv_default;      /* bytes; 0 for a pure cipher */
    uint8_t icv_allowed[4];   /* bytes, 0-terminated */
    uint32_t ndis_auth; /* IPSEC_OFFLOAD_V2_AUTHENTICATION_* bit, or 0: NDIS has no name for it */
    uint32_t ndis_encryption; /* IPSEC_OFFLOAD_V2_ENCRYPTION_* bit, or 0 */
};

extern const struct esp_alg_info esp_algorithms[];

/* Never NULL: what is no algorithm is ESP_ALG_NONE. */
static inline const struct esp_alg_info *esp_alg_info(enum esp_alg alg)
{
    return &esp_algorithms[(unsigned)alg < ESP_ALG_COUNT ? alg : ESP_ALG_NONE];
}

/* With a key of 16, 24 or 32 bytes: `size` 0, 1, 2. */
static inline enum esp_alg esp_alg_gcm(uint32_t size)
{
    return (enum esp_alg)(ESP_ALG_AES_GCM_128 + size);
}

static inline enum esp_alg esp_alg_gmac(uint32_t size)
{
    return (enum esp_alg)(ESP_ALG_AES_GMAC_128 + size);
}

/* ESP_ALG_NONE when the name is unknown. */
enum esp_alg esp_alg_by_name(const char *name, size_t length);

/* True if `icv` bytes is an ICV length that the RFC allows for this algorithm. */
bool esp_alg_icv_allowed(enum esp_alg alg, unsigned icv);

#endif
