#include "cli/cosim_keys.h"

#include <string.h>

/* The product in GF(2^8) of FIPS 197, 4.2. */
static uint8_t times(uint8_t a, uint8_t b)
{
    uint8_t product = 0;

    for (; b; b >>= 1) {
        product ^= (b & 1) ? a : 0;
        a = (uint8_t)(a << 1 ^ ((a & 0x80) ? 0x1b : 0));
    }
    return product;
}

static uint8_t turned(uint8_t a, unsigned left)
{
    return (uint8_t)(a << left | a >> (8 - left));
}

/* Inverse, then the affine map of 5.1.1. */
static uint8_t substitute(uint8_t x)
{
    uint8_t inverse = 1;

    for (unsigned i = 0; i < 254; i++) {
        inverse = times(inverse, x);
    }
    return (uint8_t)(inverse ^ turned(inverse, 1) ^ turned(inverse, 2) ^ turned(inverse, 3) ^
                     turned(inverse, 4) ^ 0x63);
}

static const uint8_t *table(void)
{
    static uint8_t s[256];

    for (unsigned i = 0; i < 256 && s[0] == 0; i++) {
        s[255 - i] = substitute((uint8_t)(255 - i)); /* [0] last: it says that the table is there */
    }
    return s;
}

static void expand(const uint8_t *key, unsigned words, uint8_t *w)
{
    const uint8_t *s = table();
    uint8_t constant = 1;

    memcpy(w, key, (size_t)words * 4);
    for (unsigned i = words; i < 4 * (words + 7); i++) {
        uint8_t word[4];

        memcpy(word, w + (size_t)4 * (i - 1), 4);
        if (i % words == 0) {
            const uint8_t first = word[0];

            word[0] = s[word[1]] ^ constant;
            word[1] = s[word[2]];
            word[2] = s[word[3]];
            word[3] = s[first];
            constant = times(constant, 2);
        } else if (words > 6 && i % words == 4) {
            for (unsigned k = 0; k < 4; k++) {
                word[k] = s[word[k]];
            }
        }
        for (unsigned k = 0; k < 4; k++) {
            w[4 * i + k] = w[4 * (i - words) + k] ^ word[k];
        }
    }
}

static void add_key(uint8_t *state, const uint8_t *key)
{
    for (unsigned i = 0; i < COSIM_BLOCK; i++) {
        state[i] ^= key[i];
    }
}

static void shift_and_substitute(uint8_t *state)
{
    const uint8_t *s = table();
    uint8_t old[COSIM_BLOCK];

    memcpy(old, state, sizeof old);
    for (unsigned i = 0; i < COSIM_BLOCK; i++) {
        state[i] = s[old[(i + i % 4 * 4) % COSIM_BLOCK]];
    }
}

static void mix(uint8_t *state)
{
    for (unsigned c = 0; c < COSIM_BLOCK; c += 4) {
        uint8_t a[4];

        memcpy(a, state + c, 4);
        for (unsigned r = 0; r < 4; r++) {
            state[c + r] = (uint8_t)(times(a[r], 2) ^ times(a[(r + 1) % 4], 3) ^ a[(r + 2) % 4] ^
                                     a[(r + 3) % 4]);
        }
    }
}

void cosim_keys(const uint8_t *key, unsigned length, uint8_t round_keys[COSIM_ROUND_KEYS],
                uint8_t h[COSIM_BLOCK])
{
    unsigned rounds = length / 4 + 6;

    memset(round_keys, 0, COSIM_ROUND_KEYS);
    memset(h, 0, COSIM_BLOCK);
    expand(key, length / 4, round_keys);
    add_key(h, round_keys);
    for (unsigned r = 1; r <= rounds; r++) {
        shift_and_substitute(h);
        if (r < rounds) {
            mix(h);
        }
        add_key(h, round_keys + (size_t)COSIM_BLOCK * r);
    }
}
