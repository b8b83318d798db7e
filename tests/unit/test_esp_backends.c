/* Do the two cryptographic backends agree, for every algorithm, mode, ICV length and ESN? What one
 * seals the other must open; damage must be found; a peek must see what decryption sees. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"

enum { ROOM = 12000, MAX_SUITES = 120, BATCH = 200 };

struct choice {
    enum esp_op op;
    enum esp_alg enc, auth;
    unsigned icv;
};

static struct choice choices[MAX_SUITES];
static unsigned choice_count;
static uint64_t rng = 1;
static uint32_t next_key;

static void add(enum esp_op op, unsigned enc, unsigned auth, unsigned icv)
{
    ck_assert_uint_lt(choice_count, MAX_SUITES);
    choices[choice_count++] = (struct choice){ op, (enum esp_alg)enc, (enum esp_alg)auth, icv };
}

/* Every combination that the recording format allows. */
static void list_choices(void)
{
    choice_count = 0;
    for (unsigned enc = ESP_ALG_NULL; enc < ESP_ALG_MD5; enc++) {
        const struct esp_alg_info *info = esp_alg_info((enum esp_alg)enc);
        if (info->kind == ESP_KIND_AEAD) {
            for (unsigned i = 0; i < 4 && info->icv_allowed[i] != 0; i++) {
                add(ESP_OP_ESP, enc, ESP_ALG_NONE, info->icv_allowed[i]);
            }
            continue;
        }
        add(ESP_OP_ESP, enc, ESP_ALG_NONE, 0);
        for (unsigned auth = ESP_ALG_MD5; auth < ESP_ALG_COUNT; auth++) {
            if (auth < ESP_ALG_AES_GMAC_128 || enc == ESP_ALG_NULL) {
                add(ESP_OP_ESP, enc, auth, esp_alg_info((enum esp_alg)auth)->icv_default);
            }
        }
    }
    for (unsigned auth = ESP_ALG_MD5; auth < ESP_ALG_COUNT; auth++) {
        add(ESP_OP_AH, ESP_ALG_NONE, auth, esp_alg_info((enum esp_alg)auth)->icv_default);
    }
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(support_random(&rng) % limit);
}

static void random_sa(const struct choice *choice, struct esp_sa *sa)
{
    memset(sa, 0, sizeof *sa);
    sa->op = choice->op;
    sa->spi = 256 + below(1u << 30);
    sa->esn = below(2) == 0;
    bool aead = esp_alg_info(choice->enc)->kind == ESP_KIND_AEAD;
    support_random_key(&rng, choice->enc, aead ? choice->icv : 0, &sa->enc);
    support_random_key(&rng, choice->auth, aead ? 0 : choice->icv, &sa->auth);
}

static struct esp_address random_address(uint8_t family)
{
    struct esp_address address = { .family = family };
    support_fill(&rng, address.bytes, family == 4 ? 4 : 16);
    return address;
}

static void random_node(const struct choice *choice, struct esp_node *node)
{
    memset(node, 0, sizeof *node);
    node->dir = ESP_DIR_OUT;
    node->mode = below(2) == 0 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    node->sa_count = 1;
    random_sa(choice, &node->sa[0]);
    if (choice->op == ESP_OP_ESP && below(3) == 0) {
        node->udp = node->mode == ESP_MODE_TUNNEL ? ESP_UDP_TUNNEL : ESP_UDP_TRANSPORT;
    } else if (choice->op == ESP_OP_ESP && below(3) == 0) {
        struct choice ah = { ESP_OP_AH, ESP_ALG_NONE,
                             (enum esp_alg)(ESP_ALG_MD5 + below(ESP_ALG_COUNT - ESP_ALG_MD5)), 0 };
        ah.icv = esp_alg_info(ah.auth)->icv_default;
        random_sa(&ah, &node->sa[1]);
        node->sa_count = 2;
    }
    node->encap_sport = node->encap_dport = 4500;
    uint8_t family = below(2) == 0 ? 4 : 6;
    node->src = random_address(family);
    node->dst = random_address(family);
}

/* The same SAs as the receiver sees them. */
static struct esp_node receiver_of(const struct esp_node *sender)
{
    struct esp_node node = *sender;
    node.dir = ESP_DIR_IN;
    if (node.sa_count == 2) {
        node.sa[0] = sender->sa[1];
        node.sa[1] = sender->sa[0];
    }
    return node;
}

struct trip {
    struct esp_node node;
    struct esp_key_ref key[2], key_in[2];
    struct esp_encap encap[2];
    uint32_t seq_hi[2];
    uint8_t clear[ROOM], first[ROOM], second[ROOM], work[ROOM];
    struct esp_packet packet;
    uint32_t clear_length;
};

static void prepare(struct trip *t, const struct choice *choice, uint32_t length)
{
    random_node(choice, &t->node);
    for (unsigned i = 0; i < 2; i++) {
        t->key[i] = (struct esp_key_ref){ .id = ++next_key, .generation = 7 };
        memset(&t->encap[i], 0, sizeof t->encap[i]);
        t->encap[i].seq = support_random(&rng) >> 1;
        support_fill(&rng, t->encap[i].iv, ESP_MAX_IV);
        t->encap[i].iv_given = below(2) == 0;
        t->encap[i].ip_id = (uint16_t)below(65536);
    }
    bool swap = t->node.sa_count == 2;
    for (unsigned i = 0; i < 2; i++) {
        t->key_in[i] = t->key[swap ? 1 - i : i];
        t->seq_hi[i] = (uint32_t)(t->encap[swap ? 1 - i : i].seq >> 32);
    }
    uint8_t version = below(2) == 0 ? 4 : 6;
    uint32_t options = below(4) == 0 ? 8 * (1 + below(3)) : 0;
    uint32_t least = (version == 4 ? 20 : 40) + options;
    support_frame(&rng, t->clear, ROOM, version, length < least ? least : length, options,
                  below(2) == 0, &t->packet);
    t->clear_length = t->packet.length;
}

static struct esp_packet in_buffer(const struct esp_packet *packet, uint8_t *buffer)
{
    struct esp_packet copy = *packet;
    memcpy(buffer, packet->buffer, packet->capacity);
    copy.buffer = buffer;
    return copy;
}

static void describe(const struct trip *t, char *what, size_t size)
{
    snprintf(what, size, "%s %s + %s, %s, udp %d, %u SAs, icv %u, esn %d, inner %u bytes",
             t->node.sa[0].op == ESP_OP_AH ? "AH" : "ESP",
             esp_alg_info(t->node.sa[0].enc.alg)->name, esp_alg_info(t->node.sa[0].auth.alg)->name,
             t->node.mode == ESP_MODE_TUNNEL ? "tunnel" : "transport", (int)t->node.udp,
             t->node.sa_count, (unsigned)t->node.sa[0].enc.icv + t->node.sa[0].auth.icv,
             t->node.sa[0].esn, t->clear_length - t->packet.l3);
}

/* Seal with both, compare; open what was sealed with the other, compare with the clear frame. */
static void round_trip(struct esp_crypt *const crypt[2], struct trip *t)
{
    char what[200];
    describe(t, what, sizeof what);
    struct esp_packet one = in_buffer(&t->packet, t->first);
    struct esp_packet two = in_buffer(&t->packet, t->second);
    enum esp_status status = esp_seal_packet(crypt[0], &t->node, t->key, &one, t->encap);
    ck_assert_msg(status == ESP_OK, "%s: seal %s", what, esp_status_name(status));
    status = esp_seal_packet(crypt[1], &t->node, t->key, &two, t->encap);
    ck_assert_msg(status == ESP_OK, "%s: seal %s", what, esp_status_name(status));
    ck_assert_uint_eq(one.length, two.length);
    ck_assert_uint_le(t->packet.start - one.start, ESP_HEADROOM);
    ck_assert_uint_le(one.start + one.length, t->packet.start + t->clear_length + ESP_TAILROOM);
    ck_assert_msg(memcmp(esp_packet_bytes(&one), esp_packet_bytes(&two), one.length) == 0,
                  "%s: sealed bytes differ", what);
    struct esp_node in = receiver_of(&t->node);
    for (unsigned b = 0; b < 2; b++) {
        struct esp_packet sealed = in_buffer(b == 0 ? &one : &two, t->work);
        struct esp_opened opened;
        unsigned failed = 9;
        status = esp_open_packet(crypt[1 - b], &in, t->key_in, &sealed, t->seq_hi, NULL, &opened,
                                 &failed);
        ck_assert_msg(status == ESP_OK, "%s: open %s at %u", what, esp_status_name(status), failed);
        ck_assert_msg(sealed.length == t->clear_length &&
                          memcmp(esp_packet_bytes(&sealed), esp_packet_bytes(&t->packet),
                                 t->clear_length) == 0,
                      "%s: opened frame differs", what);
    }
}

static struct trip trip;

static void open_both(struct esp_crypt *crypt[2])
{
    list_choices();
    rng = 20240607;
    next_key = 0;
    crypt[0] = support_open(0);
    crypt[1] = support_open(1);
    if (crypt[1] == NULL) {
        /* One implementation alone must still agree with itself. */
        crypt[1] = support_open(0);
    }
}

static void close_both(struct esp_crypt *crypt[2])
{
    esp_crypt_close(crypt[0]);
    esp_crypt_close(crypt[1]);
}

START_TEST(all_algorithms_round_trip)
{
    struct esp_crypt *crypt[2];
    open_both(crypt);
    for (unsigned c = 0; c < choice_count; c++) {
        for (unsigned n = 0; n < 60; n++) {
            uint32_t length = n < 40 ? 20 + n : n < 50 ? below(1600) : below(9000);
            prepare(&trip, &choices[c], length);
            round_trip(crypt, &trip);
        }
    }
    if (esp_crypt_backend(crypt[1]) == ESP_BACKEND_IPSEC_MB) {
        struct esp_crypt_counters counters;
        esp_crypt_read_counters(crypt[1], &counters);
        ck_assert_uint_gt(counters.jobs_mb, 5 * counters.jobs_openssl);
        ck_assert_uint_gt(counters.jobs_openssl, 0); /* CCM-192, AH with ESN */
    }
    close_both(crypt);
}
END_TEST

/* ---- damage -------------------------------------------------------------------------------- */

static enum esp_status verify_at(struct esp_crypt *crypt, const struct esp_transform *transform,
                                 struct esp_key_ref key, const struct esp_suite *suite,
                                 uint8_t *frame, const struct esp_bounds *bounds, uint32_t seq_hi)
{
    struct esp_job job;
    enum esp_status status = esp_verify(crypt, &job, transform, key, suite, frame, bounds, seq_hi);
    return status == ESP_PENDING ? esp_finish(crypt, &job) : status;
}

/* Seal one SA; returns where it is. */
static void seal_one(struct esp_crypt *crypt, struct trip *t, struct esp_transform *transform,
                     struct esp_suite *suite, struct esp_bounds *bounds)
{
    struct esp_job job;
    t->node.sa_count = 1;
    esp_transform_of_node(&t->node, 0, transform);
    esp_suite_of_sa(&t->node.sa[0], suite);
    ck_assert_uint_eq(esp_encapsulate(transform, &t->packet, &t->encap[0], bounds), ESP_OK);
    esp_protect(crypt, &job, transform, t->key[0], suite, esp_packet_bytes(&t->packet), bounds,
                (uint32_t)(t->encap[0].seq >> 32));
    ck_assert_uint_eq(esp_finish(crypt, &job), ESP_OK);
}

static void flip_all_bits(struct esp_crypt *crypt, const struct choice *choice)
{
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_bounds bounds;
    prepare(&trip, choice, 40 + below(30));
    seal_one(crypt, &trip, &transform, &suite, &bounds);
    uint8_t *frame = esp_packet_bytes(&trip.packet);
    uint32_t hi = (uint32_t)(trip.encap[0].seq >> 32);
    memcpy(trip.first, frame, trip.packet.length);
    for (uint32_t bit = bounds.ipsec * 8; bit < bounds.end * 8; bit++) {
        frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        memcpy(trip.second, frame, trip.packet.length);
        enum esp_status status =
            verify_at(crypt, &transform, trip.key[0], &suite, frame, &bounds, hi);
        /* AH: its length byte also moves the end of the header. */
        bool ah_length = transform.op == ESP_OP_AH && bit / 8 == bounds.ipsec + 1;
        ck_assert_msg(status == ESP_BAD_ICV || (ah_length && status != ESP_OK),
                      "%s %s bit %u of %u..%u: %s", esp_alg_info(choice->enc)->name,
                      esp_alg_info(choice->auth)->name, bit, bounds.ipsec * 8, bounds.end * 8,
                      esp_status_name(status));
        ck_assert_mem_eq(frame, trip.second, trip.packet.length);
        frame[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    enum esp_status wrong_half =
        verify_at(crypt, &transform, trip.key[0], &suite, frame, &bounds, hi + 1);
    ck_assert_uint_eq(wrong_half, transform.esn ? ESP_BAD_ICV : ESP_OK);
    if (wrong_half == ESP_BAD_ICV) {
        ck_assert_mem_eq(frame, trip.first, trip.packet.length);
        ck_assert_uint_eq(verify_at(crypt, &transform, trip.key[0], &suite, frame, &bounds, hi),
                          ESP_OK);
    }
}

START_TEST(every_flipped_bit_is_found)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    list_choices();
    rng = 99;
    for (unsigned c = 0; c < choice_count; c++) {
        if (choices[c].icv != 0) {
            flip_all_bits(crypt, &choices[c]);
        }
    }
    esp_crypt_close(crypt);
}
END_TEST

/* ---- peek ---------------------------------------------------------------------------------- */

static void peek_one(struct esp_crypt *crypt, const struct choice *choice)
{
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_bounds bounds;
    struct esp_peek peek;
    prepare(&trip, choice, 40 + below(below(4) == 0 ? 4000 : 200));
    seal_one(crypt, &trip, &transform, &suite, &bounds);
    uint8_t *frame = esp_packet_bytes(&trip.packet);
    uint32_t at = bounds.ipsec + ESP_HEADER;
    uint32_t text = at + transform.iv;
    uint32_t length = bounds.end - transform.icv - text;
    memcpy(trip.first, frame, trip.packet.length);
    ck_assert_uint_eq(verify_at(crypt, &transform, trip.key[0], &suite, frame, &bounds,
                                (uint32_t)(trip.encap[0].seq >> 32)),
                      ESP_OK);
    for (unsigned n = 0; n < 8; n++) {
        uint32_t head = below(ESP_PEEK_HEAD + 20);
        uint32_t present = n < 4 ? length : below(length + 1);
        uint8_t before[ROOM];
        memcpy(before, trip.first, trip.packet.length);
        ck_assert(esp_crypt_peek(crypt, trip.key[0], &suite, trip.first + at, trip.first + text,
                                 length, present, head, &peek));
        ck_assert_mem_eq(before, trip.first, trip.packet.length);
        uint32_t block = esp_alg_info(choice->enc)->block_bytes;
        uint32_t most = present / block * block;
        most = most < head ? most : head;
        ck_assert_uint_eq(peek.head_length, most < ESP_PEEK_HEAD ? most : ESP_PEEK_HEAD);
        ck_assert_mem_eq(peek.head, frame + text, peek.head_length);
        ck_assert_int_eq(peek.tail_known, present == length);
        if (peek.tail_known) {
            ck_assert_uint_eq(peek.pad_length, frame[text + length - 2]);
            ck_assert_uint_eq(peek.next_header, frame[text + length - 1]);
        }
    }
}

START_TEST(peek_sees_what_decryption_sees)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    list_choices();
    rng = 4;
    for (unsigned c = 0; c < choice_count; c++) {
        for (unsigned n = 0; n < 30 && choices[c].op == ESP_OP_ESP; n++) {
            peek_one(crypt, &choices[c]);
        }
    }
    esp_crypt_close(crypt);
}
END_TEST

/* ---- many jobs at once --------------------------------------------------------------------- */

struct flight {
    struct esp_job job;
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_sa sa;
    struct esp_key_ref key;
    struct esp_bounds bounds;
    uint32_t hi;
    bool damaged;
    uint8_t frame[1600], expected[1600];
    uint32_t length;
};

static struct flight flights[BATCH];

/* A sealed packet by the reference; half of the flights will open it, half will make it. */
static void load_flight(struct esp_crypt *reference, struct flight *f, unsigned n)
{
    struct esp_bounds bounds;
    prepare(&trip, &choices[below(choice_count)], 40 + below(900));
    seal_one(reference, &trip, &f->transform, &f->suite, &bounds);
    f->sa = trip.node.sa[0];
    esp_suite_of_sa(&f->sa, &f->suite);
    f->key = trip.key[0];
    f->bounds = bounds;
    f->hi = (uint32_t)(trip.encap[0].seq >> 32);
    f->length = trip.packet.length;
    f->damaged = false;
    uint8_t *frame = esp_packet_bytes(&trip.packet);
    memcpy(f->frame, frame, f->length);
    ck_assert_uint_eq(verify_at(reference, &f->transform, f->key, &f->suite, frame, &bounds, f->hi),
                      ESP_OK);
    if (n % 2 == 0) {
        memcpy(f->expected, f->frame, f->length);
        memcpy(f->frame, frame, f->length); /* clear, with the ICV still in place */
        return;
    }
    memcpy(f->expected, frame, f->length);
    if (n % 8 == 1 && f->transform.icv != 0) {
        f->damaged = true;
        f->frame[bounds.end - 1 - below(4)] ^= 1;
        memcpy(f->expected, f->frame, f->length);
    }
}

START_TEST(jobs_complete_in_any_order)
{
    struct esp_crypt *crypt[2];
    open_both(crypt);
    unsigned most = 0;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned n = 0; n < BATCH; n++) {
            load_flight(crypt[0], &flights[n], n);
        }
        for (unsigned n = 0; n < BATCH; n++) {
            struct flight *f = &flights[n];
            (n % 2 == 0 ? esp_protect : esp_verify)(crypt[1], &f->job, &f->transform, f->key,
                                                    &f->suite, f->frame, &f->bounds, f->hi);
            most = esp_crypt_pending(crypt[1]) > most ? esp_crypt_pending(crypt[1]) : most;
        }
        for (unsigned n = 0; n < BATCH; n++) {
            struct flight *f = &flights[(n * 37) % BATCH];
            enum esp_status status = esp_finish(crypt[1], &f->job);
            ck_assert_uint_eq(status, f->damaged ? ESP_BAD_ICV : ESP_OK);
            ck_assert_mem_eq(f->frame, f->expected, f->length);
        }
        ck_assert_uint_eq(esp_crypt_pending(crypt[1]), 0);
    }
    if (esp_crypt_backend(crypt[1]) == ESP_BACKEND_IPSEC_MB) {
        ck_assert_uint_gt(most, 8); /* several buffers were in flight, or this tests nothing */
    }
    close_both(crypt);
}
END_TEST

/* ---- cache of keys ------------------------------------------------------------------------- */

START_TEST(keys_are_evicted_and_forgotten)
{
    enum { KEYS = 5 * ESP_CRYPT_MIN_CONTEXTS };
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    uint8_t key[36] = { 0 }, iv[8] = { 0 };
    struct esp_suite suite = {
        .enc = ESP_ALG_AES_GCM_128, .icv = 16, .enc_length = 20, .enc_key = key
    };
    static uint8_t icv[KEYS][16];
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t id = 0; id < KEYS; id++) {
            esp_put32(key, id);
            uint8_t now[16] = { 0 };
            struct esp_job job = { .seal = true, .key = { id, 0 }, .iv = iv, .icv = now };
            esp_crypt_submit(crypt, &job, &suite);
            ck_assert_uint_eq(esp_crypt_finish(crypt, &job), ESP_JOB_OK);
            if (pass == 0) {
                memcpy(icv[id], now, 16);
            } else {
                ck_assert_mem_eq(icv[id], now, 16);
            }
        }
    }
    ck_assert_mem_ne(icv[0], icv[1], 16);
    struct esp_crypt_counters counters;
    esp_crypt_read_counters(crypt, &counters);
    ck_assert_uint_eq(counters.misses,
                      UINT64_C(2) * KEYS); /* a scan wider than the cache: LRU never hits */
    /* Same id: the old key, until forgotten or renamed by generation. */
    struct esp_key_ref last = { KEYS - 1, 0 };
    uint8_t now[16] = { 0 };
    struct esp_job job = { .seal = true, .key = last, .iv = iv, .icv = now };
    esp_put32(key, 0);
    esp_crypt_submit(crypt, &job, &suite);
    ck_assert_mem_eq(now, icv[KEYS - 1], 16);
    job.key.generation = 1;
    esp_crypt_submit(crypt, &job, &suite);
    ck_assert_mem_eq(now, icv[0], 16);
    esp_crypt_forget(crypt, last);
    job.key.generation = 0;
    esp_crypt_submit(crypt, &job, &suite);
    ck_assert_mem_eq(now, icv[0], 16);
    /* Many generations of one id: some share a bucket of the hash, none shares a key. */
    for (uint32_t generation = 2; generation < 2000; generation++) {
        esp_put32(key, generation % KEYS);
        job.key.generation = generation;
        esp_crypt_submit(crypt, &job, &suite);
        ck_assert_mem_eq(now, icv[generation % KEYS], 16);
    }
    esp_crypt_close(crypt);
}
END_TEST

START_TEST(impossible_suites_are_refused)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    uint8_t key[80] = { 0 }, bytes[64] = { 0 }, iv[16] = { 0 };
    static const struct esp_suite bad[] = {
        { .enc = ESP_ALG_COUNT },
        { .enc = ESP_ALG_SHA_1, .enc_length = 20 },
        { .enc = ESP_ALG_AES_GCM_128, .enc_length = 19, .icv = 16 },
        { .enc = ESP_ALG_AES_GCM_128, .enc_length = 20, .icv = 0 },
        { .enc = ESP_ALG_AES_GCM_128, .enc_length = 20, .icv = 16, .auth = ESP_ALG_SHA_1 },
        { .enc = ESP_ALG_AES_GCM_128, .icv = 16 },
        { .enc = ESP_ALG_AES_CBC_128, .enc_length = 16, .icv = 12 },
        { .enc = ESP_ALG_AES_CBC_128, .enc_length = 16, .icv = 12, .auth = ESP_ALG_SHA_1 },
        { .auth = ESP_ALG_AES_GMAC_128, .auth_length = 21, .icv = 16 },
        { .enc = ESP_ALG_AES_CBC_128,
          .enc_length = 16,
          .auth = ESP_ALG_AES_GMAC_128,
          .auth_length = 20,
          .icv = 16 },
        { .auth = ESP_ALG_MD5, .auth_length = 16, .icv = 17 },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct esp_suite suite = bad[i];
        suite.enc_key = suite.auth_key = key;
        ck_assert_ptr_nonnull(esp_suite_check(&suite));
        struct esp_job job = { .seal = true,
                               .key = { i, 0 },
                               .iv = iv,
                               .icv = bytes + 32,
                               .text = bytes,
                               .text_length = 16,
                               .auth = bytes,
                               .auth_length = 32 };
        esp_crypt_submit(crypt, &job, &suite);
        ck_assert_uint_eq(esp_crypt_finish(crypt, &job), ESP_JOB_REFUSED);
        struct esp_peek peek;
        ck_assert(!esp_crypt_peek(crypt, job.key, &suite, iv, bytes, 16, 16, 16, &peek));
    }
    struct esp_sa sa = { .enc = { .alg = ESP_ALG_AES_GCM_128, .length = 20 } };
    struct esp_suite made;
    esp_suite_of_sa(&sa, &made);
    ck_assert_uint_eq(made.icv, 16);
    ck_assert_ptr_null(esp_suite_check(&made));
    sa.enc.length = 0;
    ck_assert(esp_sa_timing_only(&sa));
    esp_suite_of_sa(&sa, &made);
    ck_assert_ptr_nonnull(esp_suite_check(&made));
    /* A length that is no multiple of the cipher block. */
    struct esp_suite cbc = { .enc = ESP_ALG_AES_CBC_128, .enc_length = 16, .enc_key = key };
    struct esp_job job = {
        .seal = true, .key = { 77, 0 }, .iv = iv, .text = bytes, .text_length = 15
    };
    esp_crypt_submit(crypt, &job, &cbc);
    ck_assert_uint_eq(job.state, ESP_JOB_REFUSED);
    esp_crypt_close(crypt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("esp_backends");
    TCase *tests = tcase_create("backends");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, all_algorithms_round_trip);
    tcase_add_test(tests, jobs_complete_in_any_order);
    tcase_add_loop_test(tests, every_flipped_bit_is_found, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, peek_sees_what_decryption_sees, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, keys_are_evicted_and_forgotten, 0, SUPPORT_BACKENDS);
    tcase_add_loop_test(tests, impossible_suites_are_refused, 0, SUPPORT_BACKENDS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
