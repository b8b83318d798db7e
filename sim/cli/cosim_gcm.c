/* Random traffic for aes_gcm: frames to encrypt and to decrypt in turn, GCM and GMAC, keys of all lengths, payloads of all
 * lengths at all offsets, ICVs of all lengths, and frames that somebody has damaged. Sealed with OpenSSL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_aes.h"
#include "engine/must.h"
#include "engine/rng.h"
#include "esp/esp.h"

#define PINS_FILE "nic/pins_aes_gcm.def"
#include "cli/cosim_pins.h"

enum {
    LONGEST = 1756, /* bytes of a frame: the card's MTU of 1500, a tag, and what ESP adds */
    ETHERNET = 14,
    HEADERS = 150, /* the most before ESP, about: a tag, IPv6, extension headers, UDP */
    IV = 8,
    BLOCK = 16,
    KEYS = 16 /* in use at a time */
};

struct key {
    uint8_t bytes[32 + 4]; /* and salt */
    uint8_t rounds;        /* 0: 10, 1: 12, 2: 14 */
    uint8_t round_keys[COSIM_AES_KEYS], h[BLOCK];
    uint32_t generation;
};

/* The frame that goes in. */
struct frame {
    uint32_t key, length, ipsec, end; /* offsets of ESP header and ICV */
    uint32_t high, beat, beats;
    uint8_t icv;
    bool decrypt, gmac, esn, whole;
    uint8_t bytes[LONGEST + 64];
};

struct traffic {
    struct rng random;
    struct esp_crypt *crypt;
    struct key key[KEYS];
    struct frame frame;
    uint32_t bus, favourite;
    bool active;
    struct cosim_pace in_pace, out_pace;
    uint64_t cycle, idle_since;
    struct {
        uint64_t frames, full, held, close, same_key, turned, decrypted, gmac, longer_key, esn,
            damaged, odd, one_block, partial, long_ones, trailing, refused, comes_out;
    } n;
};

static uint32_t below(struct traffic *t, uint32_t n)
{
    return (uint32_t)rng_below(&t->random, n);
}

static bool one_in(struct traffic *t, uint32_t n)
{
    return below(t, n) == 0;
}

static void new_key(struct traffic *t, struct key *k)
{
    k->rounds = (uint8_t)below(t, 3);
    rng_bytes(&t->random, k->bytes, sizeof k->bytes);
    cosim_aes_expand(k->bytes, 16 + 8u * k->rounds, k->round_keys, k->h);
    k->generation++;
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    char error[256];

    t->random = rng_stream(seed, 5);
    t->bus = BLOCK * nic_solo_number(config, "BLOCKS");
    t->crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);
    if (!t->crypt) {
        fprintf(stderr, "espnic: %s\n", error);
        abort();
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        new_key(t, &t->key[i]);
    }
    return t;
}

static void destroy(void *self)
{
    struct traffic *t = self;

    esp_crypt_close(t->crypt);
    free(t);
}

/* ---- a frame ----------------------------------------------------------------------------------------- */

/* Bytes of the payload, as the engine sees it: what is ciphered, or authenticated only. */
static uint32_t pick_payload(struct traffic *t)
{
    const uint32_t most = 1500;

    switch (below(t, 8)) {
    case 0: return 2 + below(t, BLOCK);
    case 1: return t->bus * (1 + below(t, most / t->bus - 1)) - 2 + below(t, 5);
    case 2: return most - below(t, 2 * t->bus);
    case 3: return 2 + below(t, most - 2);
    default: return 2 + below(t, 200);
    }
}

static void lay_out(struct traffic *t, struct frame *f)
{
    static const uint8_t icv[] = { 8, 12, 16 };
    uint32_t payload = pick_payload(t);

    f->ipsec = one_in(t, 3) ? BLOCK + below(t, HEADERS - BLOCK) : ETHERNET + 20;
    f->icv = f->gmac ? 16 : icv[below(t, 3)];
    f->end = f->ipsec + ESP_HEADER + IV + payload;
    f->length = f->end + f->icv + (one_in(t, 4) ? below(t, 40) : 0);
    f->beats = (f->length + t->bus - 1) / t->bus;
    t->n.odd += (f->ipsec + ESP_HEADER + IV) % BLOCK != 0;
    t->n.one_block += payload <= BLOCK;
    t->n.partial += payload % BLOCK != 0;
    t->n.long_ones += payload > 1000;
    t->n.trailing += f->length > f->end + f->icv;
}

/* Encrypts the frame as its sender would. */
static void seal(struct traffic *t, struct frame *f)
{
    const struct key *k = &t->key[f->key];
    /* what the library makes of a key goes for one length of ICV */
    const struct esp_key_ref ref = { .id = (f->key * 2 + f->gmac) * 32u + f->icv,
                                     .generation = k->generation };
    const struct esp_bounds bounds = { .l3 = ETHERNET, .ipsec = f->ipsec, .end = f->end + f->icv };
    const uint16_t key_bytes = (uint16_t)(16 + 8 * k->rounds + 4);
    struct esp_transform transform = { .op = ESP_OP_ESP,
                                       .mode = ESP_MODE_TRANSPORT,
                                       .esn = f->esn };
    struct esp_suite suite = { .icv = f->icv };
    struct esp_job job;
    uint8_t secret[36];
    enum esp_status status;

    memcpy(secret, k->bytes, key_bytes - 4u);
    memcpy(secret + key_bytes - 4, k->bytes + 32, 4);
    if (f->gmac) {
        suite.enc = ESP_ALG_NULL;
        suite.auth = esp_alg_gmac(k->rounds);
        suite.auth_length = key_bytes;
        suite.auth_key = secret;
    } else {
        suite.enc = esp_alg_gcm(k->rounds);
        suite.enc_length = key_bytes;
        suite.enc_key = secret;
    }
    transform.enc = suite.enc;
    transform.auth = suite.auth;
    esp_transform_init(&transform, f->icv);
    status = esp_protect(t->crypt, &job, &transform, ref, &suite, f->bytes, &bounds, f->high);
    if (status == ESP_PENDING) {
        status = esp_finish(t->crypt, &job);
    }
    if (status != ESP_OK) {
        fprintf(stderr, "espnic: internal error: a frame cannot be sealed: %d\n", (int)status);
        abort();
    }
}

/* A bit of what is authenticated turns over, in header, IV, payload or ICV. */
static void damage(struct traffic *t, struct frame *f)
{
    uint32_t at = f->ipsec + below(t, f->end + f->icv - f->ipsec);

    if (one_in(t, 3)) {
        at = one_in(t, 2) ? f->ipsec + below(t, ESP_HEADER + IV) : f->end + below(t, f->icv);
    }
    f->bytes[at] ^= (uint8_t)(1u << below(t, 8));
    f->whole = false;
    t->n.damaged++;
}

static void begin(struct traffic *t)
{
    struct frame *f = &t->frame;
    const struct frame before = *f;

    if (one_in(t, 200)) {
        new_key(t, &t->key[below(t, KEYS)]);
    }
    if (one_in(t, 6)) {
        t->favourite = below(t, KEYS);
    }
    f->key = one_in(t, 3) ? t->favourite : below(t, KEYS);
    f->decrypt = one_in(t, 2);
    f->gmac = one_in(t, 5);
    f->esn = one_in(t, 2);
    f->high = f->esn ? below(t, UINT32_MAX) : 0;
    f->whole = true;
    f->beat = 0;
    memset(f->bytes, 0, sizeof f->bytes);
    lay_out(t, f);
    rng_bytes(&t->random, f->bytes, f->length);
    if (f->decrypt) {
        seal(t, f);
        if (one_in(t, 8)) {
            damage(t, f);
        }
    }
    t->active = true;
    t->n.frames++;
    t->n.same_key += before.key == f->key;
    t->n.turned += before.decrypt != f->decrypt;
    t->n.close += t->cycle == t->idle_since;
    t->n.decrypted += f->decrypt;
    t->n.gmac += f->gmac;
    t->n.longer_key += t->key[f->key].rounds > 0;
    t->n.esn += f->esn;
}

/* ---- pins -------------------------------------------------------------------------------------------- */

/* RFC 4106 5, RFC 4543 3.4: SPI and number, all of it with ESN; of GMAC the IV, too. */
static uint32_t make_aad(const struct frame *f, uint8_t aad[20])
{
    const uint8_t *esp = f->bytes + f->ipsec;
    uint32_t n = 4;

    memcpy(aad, esp, 4);
    if (f->esn) {
        esp_put32(aad + n, f->high);
        n += 4;
    }
    memcpy(aad + n, esp + 4, 4);
    n += 4;
    if (f->gmac) {
        memcpy(aad + n, esp + ESP_HEADER, IV);
        n += IV;
    }
    return n;
}

static void show_frame(struct traffic *t, uint32_t *in)
{
    const struct frame *f = &t->frame;
    const struct key *k = &t->key[f->key];
    uint8_t aad[20];
    const uint32_t aad_bytes = make_aad(f, aad);

    SET(in, FIRST, 1);
    SET(in, DECRYPT, f->decrypt);
    SET(in, GMAC, f->gmac);
    SET(in, ROUNDS, k->rounds);
    SET(in, ICV, f->icv);
    SET(in, BEGIN, f->ipsec + ESP_HEADER + IV);
    SET(in, END, f->end);
    SET_BYTES(in, SALT, k->bytes + 32, 4);
    SET_BYTES(in, IV, f->bytes + f->ipsec + ESP_HEADER, IV);
    SET(in, AAD_BYTES, aad_bytes);
    SET_BYTES(in, AAD, aad, aad_bytes);
    SET_BYTES(in, H, k->h, BLOCK);
    SET_BYTES(in, KEYS, k->round_keys, COSIM_AES_KEYS);
    SET(in, WHOLE, f->whole);
    SET(in, LENGTH, f->length);
    SET(in, ESN, f->esn);
    SET(in, HIGH, f->high);
    SET_BYTES(in, KEY, k->bytes, 16 + 8u * k->rounds);
    SET_BYTES(in, FRAME, f->bytes, f->length);
}

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    struct frame *f = &t->frame;
    bool last;

    if (!t->active && cosim_pace(&t->in_pace, &t->random)) {
        begin(t);
    }
    t->n.full += t->active && !GET(out, ROOM);
    if (!t->active || !GET(out, ROOM) || (f->beat && one_in(t, 40))) {
        return;
    }
    last = f->beat + 1 == f->beats;
    SET(in, PUSH, 1);
    SET(in, PUSH_LAST, last);
    SET_BYTES(in, PUSH_BEAT, f->bytes + f->beat * t->bus, t->bus);
    if (f->beat++ == 0) {
        show_frame(t, in);
    }
    if (last) {
        t->active = false;
        t->idle_since = t->cycle + 1;
    }
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, VALID);

    if (!valid || !cosim_pace(&t->out_pace, &t->random)) {
        t->n.held += valid;
        return;
    }
    SET(in, POP, 1);
    if (GET(out, LAST)) {
        t->n.comes_out++;
        t->n.refused += !GET(out, OK);
    }
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    drive_out(t, out, in);
    drive_in(t, out, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const uint64_t frames = t->n.frames;
    const struct cosim_share all[] = {
        { "cycles in which the engine has no room", t->n.full, t->cycle, 50 },
        { "cycles in which what comes out has to stay", t->n.held, t->cycle, 50 },
        { "frames in the cycle behind another one", t->n.close, frames, 200 },
        { "frames with the key of the one before", t->n.same_key, frames, 50 },
        { "encryption behind decryption, and the other way", t->n.turned, frames, 300 },
        { "frames to decrypt", t->n.decrypted, frames, 300 },
        { "GMAC", t->n.gmac, frames, 100 },
        { "keys of 192 and 256 bits", t->n.longer_key, frames, 300 },
        { "extended sequence numbers", t->n.esn, frames, 300 },
        { "damaged frames", t->n.damaged, frames, 30 },
        { "frames with a wrong ICV, that came out", t->n.refused, t->n.comes_out, 30 },
        { "payloads that begin inside a block of the bus", t->n.odd, frames, 300 },
        { "payloads of a block or less", t->n.one_block, frames, 50 },
        { "payloads that end inside a block", t->n.partial, frames, 300 },
        { "payloads of more than 1000 bytes", t->n.long_ones, frames, 50 },
        { "frames with bytes behind the ICV", t->n.trailing, frames, 100 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_gcm_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
