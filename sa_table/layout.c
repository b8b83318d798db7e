#include "sa_table/layout.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t aes_round_keys(uint32_t key_bytes)
{
    uint32_t rounds = key_bytes / 4 + 6;

    return 16 * (rounds + 1);
}

static uint32_t expanded_cipher(enum esp_alg alg, const struct esp_alg_info *info)
{
    switch (alg) {
    case ESP_ALG_NULL: return 0;
    case ESP_ALG_CHACHA20_POLY1305: return info->key_bytes;
    case ESP_ALG_3DES_CBC: return 3 * 128;
    case ESP_ALG_DES_CBC: return 128;
    default: return aes_round_keys(info->key_bytes);
    }
}

/* State of the hash function, which for SHA-384 is that of SHA-512. */
static uint32_t hash_state(enum esp_alg alg)
{
    switch (alg) {
    case ESP_ALG_MD5: return 16;
    case ESP_ALG_SHA_1: return 20;
    case ESP_ALG_SHA_256: return 32;
    default: return 64;
    }
}

static bool has_hash_subkey(enum esp_alg alg)
{
    return (alg >= ESP_ALG_AES_GCM_128 && alg <= ESP_ALG_AES_GCM_256) ||
           (alg >= ESP_ALG_AES_GMAC_128 && alg <= ESP_ALG_AES_GMAC_256);
}

static uint32_t key_bytes(enum esp_alg alg, bool expanded)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    if (!expanded) {
        return info->key_bytes + info->salt_bytes;
    }
    if (info->kind == ESP_KIND_HMAC) {
        return 2 * hash_state(alg);
    }
    return expanded_cipher(alg, info) + (has_hash_subkey(alg) ? 16 : 0) + info->salt_bytes;
}

/* The longest key of the algorithms in `mask` that are of this kind, or of the other. */
static uint32_t longest(uint32_t mask, enum esp_alg_kind kind, enum esp_alg_kind other,
                        bool expanded)
{
    uint32_t most = 0;

    for (unsigned a = 0; a < ESP_ALG_COUNT; a++) {
        enum esp_alg_kind k = esp_alg_info((enum esp_alg)a)->kind;

        if ((mask & SA_ALGORITHM(a)) && (k == kind || k == other)) {
            most = larger(most, key_bytes((enum esp_alg)a, expanded));
        }
    }
    return most;
}

/* Of the longest suite. */
static uint32_t all_keys(const struct sa_capabilities *can, bool expanded)
{
    uint32_t aead = longest(can->encryption, ESP_KIND_AEAD, ESP_KIND_AEAD, expanded);
    uint32_t cipher = longest(can->encryption, ESP_KIND_CIPHER, ESP_KIND_CIPHER, expanded);
    uint32_t integrity = longest(can->authentication, ESP_KIND_HMAC, ESP_KIND_GMAC, expanded);

    /* the second SA of a bundle is AH, which has an integrity algorithm alone */
    return larger(aead, cipher + integrity) + (can->ah_esp ? integrity : 0);
}

struct sa_layout sa_layout_of(const struct sa_capabilities *can, bool expanded)
{
    uint32_t sas = can->ah_esp ? 2 : 1;
    uint32_t sequence =
        can->host_checks_replay ? (can->esn ? 4 : 0) : 8 + (can->window_max + 7) / 8;
    struct sa_layout l = { .endpoints = 2 * (can->ipv6 ? 16u : 4u) + 4 + (can->udp ? 4 : 0) };

    l.keys = all_keys(can, expanded);
    l.least = all_keys(can, false) + sas * sequence;
    l.numbers = sas * (sequence + 8 + 8);
    l.limits = sas * (8 + 4 * 8 + 2 * 4);
    l.total = l.endpoints + l.numbers + l.limits + l.keys;
    return l;
}
