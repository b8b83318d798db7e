/* Cryptography of ESP and AH: keyed contexts and jobs.
 *
 * Two independent implementations: libipsec-mb (multi-buffer) and OpenSSL libcrypto. They give the
 * same bytes; what the first does not have (AES-CCM-192, AH with ESN, HMAC keys longer than a hash
 * block) runs on the second without the caller noticing. One struct esp_crypt serves one thread.
 *
 * A job may complete at submit or later. From submit to completion the job and the packet bytes
 * belong to this module. Nothing here knows of simulated time, and results do not depend on when
 * a job completes, so a snapshot only has to flush first. */
#ifndef ESPNIC_ESP_CRYPT_H
#define ESPNIC_ESP_CRYPT_H

#include "esp/sa.h"

enum {
    ESP_MAX_ICV = 64,
    ESP_MAX_IV = 16,
    ESP_MAX_TEXT = 65536, /* bytes of one payload */
    ESP_MAX_SAVED = 320,  /* bytes of headers up to and with AH and its ICV, see esp_job.saved */
    ESP_CRYPT_MIN_CONTEXTS = 512,
    ESP_CRYPT_DEFAULT_CONTEXTS = 8192
};

enum esp_backend { ESP_BACKEND_AUTO, ESP_BACKEND_IPSEC_MB, ESP_BACKEND_OPENSSL };

struct esp_crypt;

/* `contexts`: expanded keys kept, least recently used goes first (about 2.5 KB each, allocated as
 * they are first used; at least ESP_CRYPT_MIN_CONTEXTS). AUTO: libipsec-mb where it is compiled in
 * and the CPU can run it, else OpenSSL. NULL with a sentence in `error` if the backend is not there. */
struct esp_crypt *esp_crypt_open(enum esp_backend backend, uint32_t contexts, char *error,
                                 size_t error_size);
void esp_crypt_close(struct esp_crypt *crypt);

/* What AUTO became. */
enum esp_backend esp_crypt_backend(const struct esp_crypt *crypt);
const char *esp_backend_name(enum esp_backend backend);

/* Name of a set of keys, given by the caller. Same id and generation must mean same keys. A caller
 * that reuses an id raises the generation (or calls esp_crypt_forget). Each SA of a bundle has its
 * own id. */
struct esp_key_ref {
    uint32_t id;
    uint32_t generation;
};

/* Algorithms and keys of one SA. Read only while a function that takes it runs. */
struct esp_suite {
    uint8_t enc, auth;   /* enum esp_alg; ESP_ALG_NONE or ESP_ALG_NULL: none */
    uint8_t icv;         /* bytes of ICV in the packet, 0 = no integrity */
    uint16_t enc_length; /* bytes: key, then salt. A missing salt counts as zero */
    uint16_t auth_length;
    const uint8_t *enc_key; /* NULL if enc_length is 0 */
    const uint8_t *auth_key;
};

/* The pointers lead into `sa`. An ICV length of 0 becomes the default of the algorithm. */
void esp_suite_of_sa(const struct esp_sa *sa, struct esp_suite *suite);

/* NULL if the suite can run (known algorithms, key lengths fit, ICV not longer than the digest),
 * else a sentence that says what does not fit. A suite without integrity is accepted. */
const char *esp_suite_check(const struct esp_suite *suite);

enum esp_job_state {
    ESP_JOB_IDLE,
    ESP_JOB_PENDING,
    ESP_JOB_OK,      /* sealed, or opened with a good ICV (or there is none) */
    ESP_JOB_BAD_ICV, /* the bytes are as they were before submit */
    ESP_JOB_REFUSED  /* suite or lengths not possible; the bytes are as they were */
};

/* What is authenticated:
 *   AEAD   `aad`, then the ciphertext `text`;
 *   GMAC   `aad`, then `auth`, then `tail`;
 *   HMAC   `auth`, then `tail` (ESN: the upper half of the number).
 * The ICV field must not lie inside `text`; for AH it lies inside `auth` and the caller has zeroed
 * it there and put the received one into `expect`. A pending job must not be moved or copied. */
struct esp_job {
    /* set by the caller */
    bool seal;         /* true: encrypt and make the ICV; false: check and decrypt */
    bool expect_given; /* open: compare with expect[], not with the bytes at `icv` */
    struct esp_key_ref key;
    uint8_t *text; /* ciphered in place; NULL if length is 0 */
    uint32_t text_length;
    const uint8_t *iv; /* as on the wire, 8 or 16 bytes; NULL if the suite has none */
    const uint8_t *aad;
    uint32_t aad_length;
    uint8_t *auth;
    uint32_t auth_length;
    uint8_t tail[4];
    uint8_t tail_length; /* 0 or 4 */
    uint8_t *icv;        /* written on seal, read on open */
    uint8_t expect[ESP_MAX_ICV];
    uint8_t *saved_at;     /* on completion saved[] goes back here, before the ICV is written */
    uint16_t saved_length; /* 0 = nothing */
    /* result */
    uint8_t state; /* enum esp_job_state */
    /* private from here */
    uint32_t slot;
    uint8_t nonce[16];
    uint8_t scratch_aad[16];
    uint8_t digest[ESP_MAX_ICV];
    uint8_t saved[ESP_MAX_SAVED];
};

/* Start a job. `suite` is only read here (and expanded if the key is not in the cache). The state
 * is PENDING, or already final. */
void esp_crypt_submit(struct esp_crypt *crypt, struct esp_job *job, const struct esp_suite *suite);

/* Complete this job (no-op if it is complete already) and return its state. */
enum esp_job_state esp_crypt_finish(struct esp_crypt *crypt, struct esp_job *job);

/* Complete every job. */
void esp_crypt_flush(struct esp_crypt *crypt);

/* Jobs submitted and not complete. */
uint32_t esp_crypt_pending(const struct esp_crypt *crypt);

/* Drop the expanded keys and wipe them. Jobs in flight with them are completed first. */
void esp_crypt_forget(struct esp_crypt *crypt, struct esp_key_ref key);

/* Drop all of them, after completing every job: names of keys mean other keys from here on. */
void esp_crypt_forget_all(struct esp_crypt *crypt);

/* For tests and reports on wall-clock speed only, never part of a simulated result. */
struct esp_crypt_counters {
    uint64_t hits, misses; /* of the cache of expanded keys */
    uint64_t jobs_mb;      /* jobs done by libipsec-mb */
    uint64_t jobs_openssl; /* jobs done by OpenSSL, by choice or for want of the other */
};

void esp_crypt_read_counters(const struct esp_crypt *crypt, struct esp_crypt_counters *counters);

enum { ESP_PEEK_HEAD = 96 };

struct esp_peek {
    uint8_t head[ESP_PEEK_HEAD];
    uint32_t head_length; /* bytes of head[] that are valid */
    bool tail_known;      /* the two below are valid */
    uint8_t pad_length;
    uint8_t next_header;
};

/* Look into an ESP payload without changing it and without checking the ICV: its first `head` bytes
 * (at most ESP_PEEK_HEAD) and its last two. `text` is the payload after the IV, `length` bytes long,
 * of which `present` were captured; what was not captured is not known. `iv` is whole. False: suite not possible. */
bool esp_crypt_peek(struct esp_crypt *crypt, struct esp_key_ref key, const struct esp_suite *suite,
                    const uint8_t *iv, const uint8_t *text, uint32_t length, uint32_t present,
                    uint32_t head, struct esp_peek *peek);

#endif
