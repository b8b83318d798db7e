#include "esp/algorithm.h"

#include <string.h>

#include "esp/sa.h"

#define CIPHER(name_, key_, salt_, iv_, block_, ndis_)                                             \
    {                                                                                              \
        .name = (name_), .kind = ESP_KIND_CIPHER, .key_bytes = (key_), .salt_bytes = (salt_),      \
        .iv_bytes = (iv_), .block_bytes = (block_), .ndis_encryption = (ndis_)                     \
    }
#define AEAD(name_, key_, salt_, ndis_)                                                            \
    {                                                                                              \
        .name = (name_), .kind = ESP_KIND_AEAD, .key_bytes = (key_), .salt_bytes = (salt_),        \
        .iv_bytes = 8, .block_bytes = 1, .icv_default = 16, .icv_allowed = { 8, 12, 16 },          \
        .ndis_encryption = (ndis_)                                                                 \
    }
#define HMAC(name_, key_, block_, icv_, ndis_)                                                     \
    {                                                                                              \
        .name = (name_), .kind = ESP_KIND_HMAC, .key_bytes = (key_), .block_bytes = 1,             \
        .hash_block_bytes = (block_), .icv_default = (icv_), .icv_allowed = { (icv_) },            \
        .ndis_auth = (ndis_)                                                                       \
    }
#define GMAC(name_, key_, ndis_)                                                                   \
    {                                                                                              \
        .name = (name_), .kind = ESP_KIND_GMAC, .key_bytes = (key_), .salt_bytes = 4,              \
        .iv_bytes = 8, .block_bytes = 1, .icv_default = 16, .icv_allowed = { 16 },                 \
        .ndis_auth = (ndis_)                                                                       \
    }

const struct esp_alg_info esp_algorithms[ESP_ALG_COUNT] = {
    [ESP_ALG_NONE] = { .name = "none", .kind = ESP_KIND_NONE, .block_bytes = 1 },
    [ESP_ALG_NULL] = CIPHER("null", 0, 0, 0, 1, 0x001),
    [ESP_ALG_AES_GCM_128] = AEAD("aes-gcm-128", 16, 4, 0x008),
    [ESP_ALG_AES_GCM_192] = AEAD("aes-gcm-192", 24, 4, 0x010),
    [ESP_ALG_AES_GCM_256] = AEAD("aes-gcm-256", 32, 4, 0x020),
    [ESP_ALG_AES_CCM_128] = AEAD("aes-ccm-128", 16, 3, 0),
    [ESP_ALG_AES_CCM_192] = AEAD("aes-ccm-192", 24, 3, 0),
    [ESP_ALG_AES_CCM_256] = AEAD("aes-ccm-256", 32, 3, 0),
    /* RFC 7634 section 2: the tag is never truncated. */
    [ESP_ALG_CHACHA20_POLY1305] = { .name = "chacha20-poly1305",
                                    .kind = ESP_KIND_AEAD,
                                    .key_bytes = 32,
                                    .salt_bytes = 4,
                                    .iv_bytes = 8,
                                    .block_bytes = 1,
                                    .icv_default = 16,
                                    .icv_allowed = { 16 } },
    [ESP_ALG_AES_CBC_128] = CIPHER("aes-cbc-128", 16, 0, 16, 16, 0x040),
    [ESP_ALG_AES_CBC_192] = CIPHER("aes-cbc-192", 24, 0, 16, 16, 0x080),
    [ESP_ALG_AES_CBC_256] = CIPHER("aes-cbc-256", 32, 0, 16, 16, 0x100),
    [ESP_ALG_3DES_CBC] = CIPHER("3des-cbc", 24, 0, 8, 8, 0x004),
    [ESP_ALG_DES_CBC] = CIPHER("des-cbc", 8, 0, 8, 8, 0x002),
    [ESP_ALG_AES_CTR_128] = CIPHER("aes-ctr-128", 16, 4, 8, 1, 0),
    [ESP_ALG_AES_CTR_192] = CIPHER("aes-ctr-192", 24, 4, 8, 1, 0),
    [ESP_ALG_AES_CTR_256] = CIPHER("aes-ctr-256", 32, 4, 8, 1, 0),
    [ESP_ALG_MD5] = HMAC("md5", 16, 64, 12, 0x01),
    [ESP_ALG_SHA_1] = HMAC("sha-1", 20, 64, 12, 0x02),
    [ESP_ALG_SHA_256] = HMAC("sha-256", 32, 64, 16, 0x04),
    [ESP_ALG_SHA_384] = HMAC("sha-384", 48, 128, 24, 0),
    [ESP_ALG_SHA_512] = HMAC("sha-512", 64, 128, 32, 0),
    [ESP_ALG_AES_GMAC_128] = GMAC("aes-gmac-128", 16, 0x08),
    [ESP_ALG_AES_GMAC_192] = GMAC("aes-gmac-192", 24, 0x10),
    [ESP_ALG_AES_GMAC_256] = GMAC("aes-gmac-256", 32, 0x20),
};

enum esp_alg esp_alg_by_name(const char *name, size_t length)
{
    /* "none" is the absence of an algorithm, not a name that a recording may give. */
    for (unsigned i = ESP_ALG_NONE + 1; i < ESP_ALG_COUNT; i++) {
        if (strlen(esp_algorithms[i].name) == length &&
            memcmp(esp_algorithms[i].name, name, length) == 0) {
            return (enum esp_alg)i;
        }
    }
    return ESP_ALG_NONE;
}

bool esp_alg_icv_allowed(enum esp_alg alg, unsigned icv)
{
    const struct esp_alg_info *info = esp_alg_info(alg);
    for (unsigned i = 0; i < sizeof info->icv_allowed && info->icv_allowed[i] != 0; i++) {
        if (info->icv_allowed[i] == icv) {
            return true;
        }
    }
    return false;
}

bool esp_sa_timing_only(const struct esp_sa *sa)
{
    return (esp_alg_info(sa->enc.alg)->key_bytes != 0 && sa->enc.length == 0) ||
           (esp_alg_info(sa->auth.alg)->key_bytes != 0 && sa->auth.length == 0);
}
