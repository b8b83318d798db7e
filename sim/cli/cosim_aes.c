#include "cli/cosim_aes.h"

#include <string.h>

enum { BLOCK = 16, WORD = 4, REDUCTION = 0x1b };

/* FIPS 197 4.2: times x in GF(2^8). */
static uint8_t twice(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a & 0x80 ? REDUCTION : 0));
}

static uint8_t product(uint8_t a, uint8_t b)
{
    uint8_t sum = 0;

    for (; b; b >>= 1) {
        sum = (uint8_t)(sum ^ (b & 1 ? a : 0));
        a = twice(a);
    }
    return sum;
}

/* FIPS 197 5.1.1: the inverse, which is the 254th power, then an affine map. */
static uint8_t substitute(uint8_t a)
{
    uint8_t inverse = 1;
    uint32_t s;

    for (unsigned i = 0; i < 254; i++) {
        inverse = product(inverse, a);
    }
    s = inverse | (uint32_t)inverse << 8;
    return (uint8_t)(s ^ s >> 4 ^ s >> 5 ^ s >> 6 ^ s >> 7 ^ 0x63);
}

/* A word of the schedule from the one before it and the one a key length before it. */
static void next_word(uint8_t *to, uint32_t index, uint32_t words, uint8_t *round)
{
    uint8_t w[WORD];

    memcpy(w, to - WORD, WORD);
    if (index % words == 0) {
        const uint8_t first = w[0];

        w[0] = (uint8_t)(substitute(w[1]) ^ *round);
        w[1] = substitute(w[2]);
        w[2] = substitute(w[3]);
        w[3] = substitute(first);
        *round = twice(*round);
    } else if (words > 6 && index % words == 4) {
        for (unsigned i = 0; i < WORD; i++) {
            w[i] = substitute(w[i]);
        }
    }
    for (unsigned i = 0; i < WORD; i++) {
        to[i] = to[(int)i - (int)(WORD * words)] ^ w[i];
    }
}

static void mix_column(uint8_t c[WORD])
{
    const uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3];
    const uint8_t first = c[0];

    for (unsigned i = 0; i < WORD; i++) {
        const uint8_t next = i + 1 < WORD ? c[i + 1] : first;

        c[i] = (uint8_t)(c[i] ^ all ^ twice((uint8_t)(c[i] ^ next)));
    }
}

static void encrypt_zero(const uint8_t *keys, uint32_t rounds, uint8_t s[BLOCK])
{
    memcpy(s, keys, BLOCK);
    for (uint32_t r = 1; r <= rounds; r++) {
        uint8_t t[BLOCK];

        for (unsigned i = 0; i < BLOCK; i++) {
            t[i] = substitute(s[(i + 4 * (i % 4)) % BLOCK]); /* rows are shifted */
        }
        for (unsigned c = 0; c < BLOCK && r < rounds; c += WORD) {
            mix_column(t + c);
        }
        for (unsigned i = 0; i < BLOCK; i++) {
            s[i] = t[i] ^ keys[BLOCK * r + i];
        }
    }
}

void cosim_aes_expand(const uint8_t *key, uint32_t bytes, uint8_t keys[COSIM_AES_KEYS],
                      uint8_t h[16])
{
    const uint32_t words = bytes / WORD;
    const uint32_t rounds = words + 6;
    uint8_t round = 1;

    memset(keys, 0, COSIM_AES_KEYS);
    memcpy(keys, key, bytes);
    for (uint32_t i = words; i < 4 * (rounds + 1); i++) {
        next_word(keys + (size_t)WORD * i, i, words, &round);
    }
    encrypt_zero(keys, rounds, h);
}
