/* What an SA context of the RTL holds of a key: round keys and the hash subkey. */
#ifndef ESPNIC_CLI_COSIM_AES_H
#define ESPNIC_CLI_COSIM_AES_H

#include <stdint.h>

#include "esp/sa.h"

enum { COSIM_AES_KEYS = 240 /* bytes: 15 round keys */ };

/* FIPS 197 5.2 (key expansion) and 5.1 (a block of zeros, encrypted: H of SP 800-38D). `bytes`: 16, 24 or 32. Round
 * keys that the key does not have are 0. */
void cosim_aes_expand(const uint8_t *key, uint32_t bytes, uint8_t keys[COSIM_AES_KEYS],
                      uint8_t h[16]);

/* Bytes of an AES key without the salt: 16, 24 or 32. */
static inline uint32_t cosim_key_bytes(const struct esp_key *key)
{
    return esp_alg_info(key->alg)->key_bytes;
}

#endif
