#include "esp/crypt.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp/crypt_internal.h"
#include "esp/packet.h"

struct esp_crypt {
    enum esp_backend backend;
    uint32_t slots; /* contexts that may exist */
    uint32_t used;  /* slots handed out so far */
    uint32_t hash_mask;
    uint32_t *hash; /* heads of the chains, ESP_NO_SLOT = empty */
    uint32_t newest, oldest;
    uint32_t pending;
    struct esp_crypt_counters counters;
    struct esp_context *contexts;
    struct esp_openssl *openssl;
    struct esp_mb *mb;
};

/* ---- open and close ------------------------------------------------------------------------ */

static bool open_mb(struct esp_crypt *crypt, enum esp_backend wanted, char *error,
                    size_t error_size)
{
    if (wanted == ESP_BACKEND_OPENSSL) {
        return true;
    }
#ifdef ESPNIC_HAVE_IPSEC_MB
    crypt->mb = esp_mb_open(crypt, error, error_size);
#else
    snprintf(error, error_size, "this build has no libipsec-mb");
#endif
    if (crypt->mb != NULL) {
        crypt->backend = ESP_BACKEND_IPSEC_MB;
        return true;
    }
    if (wanted == ESP_BACKEND_AUTO && error_size != 0) {
        error[0] = 0; /* no failure: the other library does it */
    }
    return wanted == ESP_BACKEND_AUTO;
}

struct esp_crypt *esp_crypt_open(enum esp_backend backend, uint32_t contexts, char *error,
                                 size_t error_size)
{
    struct esp_crypt *crypt = calloc(1, sizeof *crypt);
    if (crypt == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    crypt->backend = ESP_BACKEND_OPENSSL;
    crypt->slots = contexts < ESP_CRYPT_MIN_CONTEXTS ? ESP_CRYPT_MIN_CONTEXTS : contexts;
    uint32_t buckets = 1;
    while (buckets < crypt->slots && buckets < UINT32_C(1) << 30) {
        buckets *= 2;
    }
    crypt->hash_mask = buckets - 1;
    crypt->newest = crypt->oldest = ESP_NO_SLOT;
    crypt->hash = malloc(buckets * sizeof *crypt->hash);
    crypt->contexts = calloc(crypt->slots, sizeof *crypt->contexts);
    if (crypt->hash == NULL || crypt->contexts == NULL) {
        snprintf(error, error_size, "out of memory for %u key contexts", crypt->slots);
        esp_crypt_close(crypt);
        return NULL;
    }
    memset(crypt->hash, 0xff, buckets * sizeof *crypt->hash);
    crypt->openssl = esp_openssl_open(error, error_size);
    if (crypt->openssl == NULL || !open_mb(crypt, backend, error, error_size)) {
        esp_crypt_close(crypt);
        return NULL;
    }
    return crypt;
}

static void drop_keys(struct esp_context *context)
{
#ifdef ESPNIC_HAVE_IPSEC_MB
    esp_mb_drop(context);
#endif
    esp_openssl_drop(context);
    OPENSSL_cleanse(context->enc_key, sizeof context->enc_key);
    OPENSSL_cleanse(context->auth_key, sizeof context->auth_key);
}

void esp_crypt_close(struct esp_crypt *crypt)
{
    if (crypt == NULL) {
        return;
    }
    esp_crypt_flush(crypt);
    for (uint32_t i = 0; i < crypt->used; i++) {
        drop_keys(&crypt->contexts[i]);
    }
#ifdef ESPNIC_HAVE_IPSEC_MB
    esp_mb_close(crypt->mb);
#endif
    esp_openssl_close(crypt->openssl);
    free(crypt->contexts);
    free(crypt->hash);
    free(crypt);
}

enum esp_backend esp_crypt_backend(const struct esp_crypt *crypt)
{
    return crypt->backend;
}

const char *esp_backend_name(enum esp_backend backend)
{
    static const char *const names[] = { "auto", "ipsec-mb", "openssl" };
    return (unsigned)backend < 3 ? names[backend] : "unknown";
}

void esp_crypt_read_counters(const struct esp_crypt *crypt, struct esp_crypt_counters *counters)
{
    *counters = crypt->counters;
}

/* ---- suites -------------------------------------------------------------------------------- */

void esp_suite_of_sa(const struct esp_sa *sa, struct esp_suite *suite)
{
    const struct esp_key *enc = &sa->enc;
    const struct esp_key *auth = &sa->auth;
    const struct esp_key *checker = esp_alg_info(enc->alg)->kind == ESP_KIND_AEAD ? enc : auth;
    *suite = (struct esp_suite){
        .enc = (uint8_t)enc->alg,
        .auth = (uint8_t)auth->alg,
        .icv = checker->icv != 0 ? checker->icv : esp_alg_info(checker->alg)->icv_default,
        .enc_length = enc->length,
        .auth_length = auth->length,
        .enc_key = enc->length != 0 ? enc->bytes : NULL,
        .auth_key = auth->length != 0 ? auth->bytes : NULL,
    };
}

static uint8_t digest_bytes(enum esp_alg alg)
{
    switch (alg) {
    case ESP_ALG_SHA_1: return 20;
    case ESP_ALG_SHA_256: return 32;
    case ESP_ALG_SHA_384: return 48;
    case ESP_ALG_SHA_512: return 64;
    default: return 16;
    }
}

static const char *check_cipher(const struct esp_suite *suite, const struct esp_alg_info *enc)
{
    if (enc->kind != ESP_KIND_CIPHER && enc->kind != ESP_KIND_AEAD && enc->kind != ESP_KIND_NONE) {
        return "the encryption algorithm is not a cipher";
    }
    if (suite->enc_length != enc->key_bytes &&
        suite->enc_length != enc->key_bytes + enc->salt_bytes) {
        return "the encryption key has a length that the algorithm does not have";
    }
    if (enc->kind != ESP_KIND_AEAD) {
        return NULL;
    }
    if (suite->auth != ESP_ALG_NONE) {
        return "a combined cipher takes no integrity algorithm";
    }
    if (suite->icv < 4 || suite->icv > 16 || suite->icv % 2 != 0) {
        return "the ICV length of a combined cipher is not an even number from 4 to 16 bytes";
    }
    return NULL;
}

static const char *check_auth(const struct esp_suite *suite, const struct esp_alg_info *auth)
{
    if (auth->kind == ESP_KIND_HMAC) {
        if (suite->auth_length == 0) {
            return "the integrity algorithm has no key";
        }
    } else if (auth->kind == ESP_KIND_GMAC) {
        if (suite->enc != ESP_ALG_NONE && suite->enc != ESP_ALG_NULL) {
            return "GMAC goes with null encryption only, RFC 4543";
        }
        if (suite->auth_length != auth->key_bytes &&
            suite->auth_length != auth->key_bytes + auth->salt_bytes) {
            return "the GMAC key has a length that the algorithm does not have";
        }
    } else {
        return "the integrity algorithm is not one";
    }
    if (suite->icv < 4 || suite->icv > digest_bytes((enum esp_alg)suite->auth)) {
        return "the ICV is shorter than 4 bytes or longer than the digest";
    }
    return NULL;
}

const char *esp_suite_check(const struct esp_suite *suite)
{
    if (suite->enc >= ESP_ALG_COUNT || suite->auth >= ESP_ALG_COUNT) {
        return "unknown algorithm";
    }
    const struct esp_alg_info *enc = esp_alg_info((enum esp_alg)suite->enc);
    const char *wrong = check_cipher(suite, enc);
    if (wrong != NULL) {
        return wrong;
    }
    if (suite->auth != ESP_ALG_NONE) {
        return check_auth(suite, esp_alg_info((enum esp_alg)suite->auth));
    }
    if (enc->kind != ESP_KIND_AEAD && suite->icv != 0) {
        return "an ICV length without an integrity algorithm";
    }
    return NULL;
}

/* ---- cache of contexts --------------------------------------------------------------------- */

static uint32_t bucket_of(const struct esp_crypt *crypt, struct esp_key_ref key)
{
    uint64_t x = ((uint64_t)key.generation << 32 | key.id) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(x >> 32) & crypt->hash_mask;
}

static bool same_key(struct esp_key_ref a, struct esp_key_ref b)
{
    return a.id == b.id && a.generation == b.generation;
}

static uint32_t find(const struct esp_crypt *crypt, struct esp_key_ref key)
{
    uint32_t slot = crypt->hash[bucket_of(crypt, key)];
    while (slot != ESP_NO_SLOT && !same_key(crypt->contexts[slot].key, key)) {
        slot = crypt->contexts[slot].hash_next;
    }
    return slot;
}

static void list_remove(struct esp_crypt *crypt, uint32_t slot)
{
    const struct esp_context *c = &crypt->contexts[slot];
    if (c->lru_prev == ESP_NO_SLOT) {
        crypt->newest = c->lru_next;
    } else {
        crypt->contexts[c->lru_prev].lru_next = c->lru_next;
    }
    if (c->lru_next == ESP_NO_SLOT) {
        crypt->oldest = c->lru_prev;
    } else {
        crypt->contexts[c->lru_next].lru_prev = c->lru_prev;
    }
}

static void list_insert(struct esp_crypt *crypt, uint32_t slot, bool as_newest)
{
    struct esp_context *c = &crypt->contexts[slot];
    c->lru_prev = as_newest ? ESP_NO_SLOT : crypt->oldest;
    c->lru_next = as_newest ? crypt->newest : ESP_NO_SLOT;
    uint32_t *end = as_newest ? &crypt->newest : &crypt->oldest;
    uint32_t *other = as_newest ? &crypt->oldest : &crypt->newest;
    if (*end == ESP_NO_SLOT) {
        *other = slot;
    } else if (as_newest) {
        crypt->contexts[*end].lru_prev = slot;
    } else {
        crypt->contexts[*end].lru_next = slot;
    }
    *end = slot;
}

static void hash_remove(struct esp_crypt *crypt, uint32_t slot)
{
    uint32_t *link = &crypt->hash[bucket_of(crypt, crypt->contexts[slot].key)];
    while (*link != slot) {
        link = &crypt->contexts[*link].hash_next;
    }
    *link = crypt->contexts[slot].hash_next;
}

/* A slot to fill: unused, or the least recently used one without a job in flight. There are always
 * fewer jobs in flight than slots. */
static uint32_t take_slot(struct esp_crypt *crypt)
{
    if (crypt->oldest != ESP_NO_SLOT && !crypt->contexts[crypt->oldest].used) {
        uint32_t slot = crypt->oldest;
        list_remove(crypt, slot);
        return slot;
    }
    if (crypt->used < crypt->slots) {
        return crypt->used++;
    }
    uint32_t slot = crypt->oldest;
    while (crypt->contexts[slot].in_flight != 0) {
        slot = crypt->contexts[slot].lru_prev;
    }
    list_remove(crypt, slot);
    hash_remove(crypt, slot);
    drop_keys(&crypt->contexts[slot]);
    return slot;
}

static void fill(struct esp_crypt *crypt, struct esp_context *context,
                 const struct esp_suite *suite)
{
    const struct esp_alg_info *enc = esp_alg_info((enum esp_alg)suite->enc);
    const struct esp_alg_info *auth = esp_alg_info((enum esp_alg)suite->auth);
    memset(context, 0, sizeof *context);
    context->used = true;
    context->enc = suite->enc == ESP_ALG_NULL ? ESP_ALG_NONE : suite->enc;
    context->auth = suite->auth;
    context->icv = suite->icv;
    if (enc->key_bytes != 0) {
        memcpy(context->enc_key, suite->enc_key, enc->key_bytes);
        memcpy(context->salt, suite->enc_key + enc->key_bytes,
               (size_t)(suite->enc_length - enc->key_bytes));
    }
    if (auth->kind == ESP_KIND_GMAC) {
        context->auth_length = auth->key_bytes;
        memcpy(context->auth_key, suite->auth_key, auth->key_bytes);
        memcpy(context->salt, suite->auth_key + auth->key_bytes,
               (size_t)(suite->auth_length - auth->key_bytes));
    } else if (auth->kind == ESP_KIND_HMAC) {
        context->auth_length =
            esp_openssl_shorten(crypt->openssl, (enum esp_alg)suite->auth, suite->auth_key,
                                suite->auth_length, context->auth_key);
    }
}

/* The context of the key, expanded from `suite` if it is not there; ESP_NO_SLOT if not possible. */
static uint32_t context_of(struct esp_crypt *crypt, struct esp_key_ref key,
                           const struct esp_suite *suite)
{
    uint32_t slot = find(crypt, key);
    if (slot != ESP_NO_SLOT) {
        crypt->counters.hits++;
        if (slot != crypt->newest) {
            list_remove(crypt, slot);
            list_insert(crypt, slot, true);
        }
        return slot;
    }
    if (esp_suite_check(suite) != NULL) {
        return ESP_NO_SLOT;
    }
    crypt->counters.misses++;
    slot = take_slot(crypt);
    struct esp_context *context = &crypt->contexts[slot];
    fill(crypt, context, suite);
    context->key = key;
    uint32_t bucket = bucket_of(crypt, key);
    context->hash_next = crypt->hash[bucket];
    crypt->hash[bucket] = slot;
    list_insert(crypt, slot, true);
    return slot;
}

void esp_crypt_forget(struct esp_crypt *crypt, struct esp_key_ref key)
{
    uint32_t slot = find(crypt, key);
    if (slot == ESP_NO_SLOT) {
        return;
    }
    struct esp_context *context = &crypt->contexts[slot];
    if (context->in_flight != 0) {
        esp_crypt_flush(crypt);
    }
    hash_remove(crypt, slot);
    list_remove(crypt, slot);
    drop_keys(context);
    memset(context, 0, sizeof *context);
    list_insert(crypt, slot, false);
}

void esp_crypt_forget_all(struct esp_crypt *crypt)
{
    esp_crypt_flush(crypt);
    for (uint32_t slot = 0; slot < crypt->used; slot++) {
        if (crypt->contexts[slot].used) {
            esp_crypt_forget(crypt, crypt->contexts[slot].key);
        }
    }
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void make_nonce(const struct esp_context *context, const uint8_t *iv, uint8_t nonce[16])
{
    enum esp_alg alg = (enum esp_alg)(context->enc != ESP_ALG_NONE ? context->enc : context->auth);
    const struct esp_alg_info *info = esp_alg_info(alg);
    if (info->iv_bytes == 0) {
        return;
    }
    memset(nonce, 0, 16);
    memcpy(nonce, context->salt, info->salt_bytes);
    memcpy(nonce + info->salt_bytes, iv, info->iv_bytes);
    if (info->kind == ESP_KIND_CIPHER && info->salt_bytes != 0) {
        nonce[15] = 1; /* AES-CTR: the block counter begins at 1, RFC 3686 section 4 */
    }
}

bool esp_job_conclude(const struct esp_context *context, struct esp_job *job)
{
    if (job->saved_length != 0) {
        memcpy(job->saved_at, job->saved, job->saved_length);
    }
    job->state = ESP_JOB_OK;
    if (context->icv == 0) {
        return true;
    }
    if (job->seal) {
        memcpy(job->icv, job->digest, context->icv);
        return true;
    }
    if (CRYPTO_memcmp(job->expect, job->digest, context->icv) != 0) {
        job->state = ESP_JOB_BAD_ICV;
        return false;
    }
    return true;
}

void esp_crypt_completed(struct esp_crypt *crypt, struct esp_job *job)
{
    struct esp_context *context = &crypt->contexts[job->slot];
    crypt->counters.jobs_mb++;
    if (!esp_job_conclude(context, job) && job->text_length != 0 && context->enc != ESP_ALG_NONE) {
        esp_openssl_encrypt_again(crypt->openssl, context, job);
    }
    context->in_flight--;
    crypt->pending--;
}

void esp_crypt_run_elsewhere(struct esp_crypt *crypt, struct esp_job *job)
{
    struct esp_context *context = &crypt->contexts[job->slot];
    crypt->counters.jobs_openssl++;
    esp_openssl_run(crypt->openssl, context, job);
    context->in_flight--;
    crypt->pending--;
}

/* Lengths that the algorithms cannot take. */
static bool lengths_fit(const struct esp_context *context, const struct esp_job *job)
{
    const struct esp_alg_info *enc = esp_alg_info((enum esp_alg)context->enc);
    if (job->text_length > ESP_MAX_TEXT || job->auth_length > ESP_MAX_TEXT ||
        job->text_length % enc->block_bytes != 0 || job->saved_length > ESP_MAX_SAVED ||
        (job->tail_length != 0 && job->tail_length != 4) ||
        (job->text == NULL && job->text_length != 0) ||
        (job->auth == NULL && job->auth_length != 0)) {
        return false;
    }
    bool needs_iv =
        enc->iv_bytes != 0 || esp_alg_info((enum esp_alg)context->auth)->kind == ESP_KIND_GMAC;
    return (job->iv != NULL || !needs_iv) && (job->icv != NULL || context->icv == 0);
}

void esp_crypt_submit(struct esp_crypt *crypt, struct esp_job *job, const struct esp_suite *suite)
{
    uint32_t slot = context_of(crypt, job->key, suite);
    if (slot == ESP_NO_SLOT || !lengths_fit(&crypt->contexts[slot], job)) {
        if (job->saved_length != 0 && job->saved_length <= ESP_MAX_SAVED) {
            memcpy(job->saved_at, job->saved, job->saved_length);
        }
        job->state = ESP_JOB_REFUSED;
        return;
    }
    struct esp_context *context = &crypt->contexts[slot];
    job->slot = slot;
    make_nonce(context, job->iv, job->nonce);
    if (!job->seal && !job->expect_given && context->icv != 0) {
        memcpy(job->expect, job->icv, context->icv);
    }
#ifdef ESPNIC_HAVE_IPSEC_MB
    if (crypt->mb != NULL && esp_mb_can(crypt->mb, context, job)) {
        job->state = ESP_JOB_PENDING;
        context->in_flight++;
        crypt->pending++;
        esp_mb_submit(crypt->mb, context, job);
        return;
    }
#endif
    crypt->counters.jobs_openssl++;
    esp_openssl_run(crypt->openssl, context, job);
}

enum esp_job_state esp_crypt_finish(struct esp_crypt *crypt, struct esp_job *job)
{
#ifdef ESPNIC_HAVE_IPSEC_MB
    while (job->state == ESP_JOB_PENDING && crypt->mb != NULL && esp_mb_flush_one(crypt->mb)) {}
#else
    (void)crypt;
#endif
    return (enum esp_job_state)job->state;
}

void esp_crypt_flush(struct esp_crypt *crypt)
{
#ifdef ESPNIC_HAVE_IPSEC_MB
    while (crypt->pending != 0 && esp_mb_flush_one(crypt->mb)) {}
#else
    (void)crypt;
#endif
}

uint32_t esp_crypt_pending(const struct esp_crypt *crypt)
{
    return crypt->pending;
}

/* ---- peek ---------------------------------------------------------------------------------- */

enum { PEEK_BUFFER = 4 * 64 }; /* head and tail in whole ChaCha20 blocks, the largest there are */

/* Look at [0, head) and the last two bytes of text[length]; worked on in whole blocks. */
struct peek_plan {
    const uint8_t *iv;
    const uint8_t *text;
    uint32_t length;
    uint32_t head;       /* bytes, captured */
    uint32_t block;      /* bytes of a cipher block */
    uint32_t head_bytes; /* whole blocks */
    uint32_t tail_from;  /* offset of the first tail block */
    uint32_t tail_bytes; /* whole blocks, 0 = the tail is not known */
    uint8_t nonce[16];
};

/* Counter blocks for the payload from offset `from`. First counter: GCM 2 (1 made the tag), CCM and
 * CTR 1. CCM puts flags L - 1 = 3 before the nonce, RFC 3610 section 2.3. */
static void counter_blocks(enum esp_alg alg, const struct peek_plan *plan, uint32_t from,
                           uint32_t bytes, uint8_t *out)
{
    bool gcm = alg >= ESP_ALG_AES_GCM_128 && alg <= ESP_ALG_AES_GCM_256;
    bool ccm = alg >= ESP_ALG_AES_CCM_128 && alg <= ESP_ALG_AES_CCM_256;
    uint32_t counter = from / 16 + (gcm ? 2 : 1);
    uint8_t first[12];
    if (ccm) {
        first[0] = 3;
        memcpy(first + 1, plan->nonce, 11);
    } else {
        memcpy(first, plan->nonce, 12);
    }
    for (uint32_t i = 0; i < bytes; i += 16) {
        memcpy(out + i, first, sizeof first);
        esp_put32(out + i + 12, counter++);
    }
}

static void xor_bytes(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] ^= from[i];
    }
}

/* CBC: plain block = decrypted block XOR the ciphertext block before it (the IV for the first). */
static void unchain_blocks(const struct peek_plan *plan, uint32_t from, uint32_t bytes,
                           uint8_t *out)
{
    for (uint32_t i = 0; i < bytes; i += plan->block) {
        const uint8_t *before = from + i == 0 ? plan->iv : plan->text + from + i - plan->block;
        xor_bytes(out + i, before, plan->block);
    }
}

static bool peek_chacha(struct esp_crypt *crypt, struct esp_context *context,
                        const struct peek_plan *plan, uint8_t *out)
{
    memcpy(out, plan->text, plan->head);
    if (plan->head != 0 &&
        !esp_openssl_chacha(crypt->openssl, context, plan->nonce, 1, out, plan->head)) {
        return false;
    }
    if (plan->tail_bytes == 0) {
        return true;
    }
    uint32_t bytes = plan->length - plan->tail_from;
    memcpy(out + plan->head_bytes, plan->text + plan->tail_from, bytes);
    return esp_openssl_chacha(crypt->openssl, context, plan->nonce, plan->tail_from / 64 + 1,
                              out + plan->head_bytes, bytes);
}

static bool peek_counter(struct esp_crypt *crypt, struct esp_context *context,
                         const struct peek_plan *plan, uint8_t *out)
{
    uint8_t *tail = out + plan->head_bytes;
    enum esp_alg alg = (enum esp_alg)context->enc;
    counter_blocks(alg, plan, 0, plan->head_bytes, out);
    counter_blocks(alg, plan, plan->tail_from, plan->tail_bytes, tail);
    if (!esp_openssl_blocks(crypt->openssl, context, out, plan->head_bytes + plan->tail_bytes)) {
        return false;
    }
    xor_bytes(out, plan->text, plan->head);
    if (plan->tail_bytes != 0) {
        xor_bytes(tail, plan->text + plan->tail_from, plan->length - plan->tail_from);
    }
    return true;
}

static bool peek_cbc(struct esp_crypt *crypt, struct esp_context *context,
                     const struct peek_plan *plan, uint8_t *out)
{
    uint8_t *tail = out + plan->head_bytes;
    memcpy(out, plan->text, plan->head_bytes);
    memcpy(tail, plan->text + plan->tail_from, plan->tail_bytes);
    if (!esp_openssl_blocks(crypt->openssl, context, out, plan->head_bytes + plan->tail_bytes)) {
        return false;
    }
    unchain_blocks(plan, 0, plan->head_bytes, out);
    unchain_blocks(plan, plan->tail_from, plan->tail_bytes, tail);
    return true;
}

/* Blocks are powers of two. */
static uint32_t down_to(uint32_t block, uint32_t bytes)
{
    return bytes & ~(block - 1);
}

static uint32_t up_to(uint32_t block, uint32_t bytes)
{
    return down_to(block, bytes + block - 1);
}

static bool peek_run(struct esp_crypt *crypt, struct esp_context *context,
                     const struct peek_plan *plan, uint8_t *out)
{
    if (context->enc == ESP_ALG_NONE) {
        memcpy(out, plan->text, plan->head);
        memcpy(out + plan->head_bytes, plan->text + plan->tail_from, plan->tail_bytes);
        return true;
    }
    if (plan->head_bytes + plan->tail_bytes == 0) {
        return true;
    }
    if (context->enc == ESP_ALG_CHACHA20_POLY1305) {
        return peek_chacha(crypt, context, plan, out);
    }
    bool counter = esp_alg_info((enum esp_alg)context->enc)->block_bytes == 1;
    return (counter ? peek_counter : peek_cbc)(crypt, context, plan, out);
}

bool esp_crypt_peek(struct esp_crypt *crypt, struct esp_key_ref key, const struct esp_suite *suite,
                    const uint8_t *iv, const uint8_t *text, uint32_t length, uint32_t present,
                    uint32_t head, struct esp_peek *peek)
{
    uint32_t slot = context_of(crypt, key, suite);
    if (slot == ESP_NO_SLOT) {
        return false;
    }
    struct esp_context *context = &crypt->contexts[slot];
    uint32_t chain = esp_alg_info((enum esp_alg)context->enc)->block_bytes;
    struct peek_plan plan = { .iv = iv, .text = text, .length = length, .block = chain };
    make_nonce(context, iv, plan.nonce);
    if (context->enc != ESP_ALG_NONE && chain == 1) {
        plan.block = context->enc == ESP_ALG_CHACHA20_POLY1305 ? 64 : 16;
    }
    /* A CBC block that was not captured to its end stays unknown. */
    uint32_t readable = down_to(chain, present < length ? present : length);
    plan.head = head < ESP_PEEK_HEAD ? head : ESP_PEEK_HEAD;
    plan.head = plan.head < readable ? plan.head : readable;
    plan.head_bytes = up_to(plan.block, plan.head);
    peek->tail_known = length >= 2 && readable == length;
    if (peek->tail_known) {
        plan.tail_from = down_to(plan.block, length - 2);
        plan.tail_bytes = up_to(plan.block, length - plan.tail_from);
    }
    uint8_t out[PEEK_BUFFER];
    if (!peek_run(crypt, context, &plan, out)) {
        return false;
    }
    memcpy(peek->head, out, plan.head);
    peek->head_length = plan.head;
    if (peek->tail_known) {
        const uint8_t *end = out + plan.head_bytes + (length - plan.tail_from);
        peek->pad_length = end[-2];
        peek->next_header = end[-1];
    }
    return true;
}
