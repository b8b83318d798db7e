/* What an SA of a card with AES-GCM holds ready-made of its key: round keys (FIPS 197, 5.2) and the hash subkey (SP 800-38D, 6.4). */
#ifndef ESPNIC_CLI_COSIM_KEYS_H
#define ESPNIC_CLI_COSIM_KEYS_H

#include <stdint.h>

enum { COSIM_ROUND_KEYS = 240 /* bytes, of AES-256; shorter keys need less */, COSIM_BLOCK = 16 };

/* `length`: 16, 24 or 32 bytes of key. */
void cosim_keys(const uint8_t *key, unsigned length, uint8_t round_keys[COSIM_ROUND_KEYS],
                uint8_t h[COSIM_BLOCK]);

#endif
