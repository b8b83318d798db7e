/* The NDIS structures in bytes, against the offsets of the interface description (sections 2.1 to
 * 2.7), written out here as numbers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "nic/abi.h"
#include "nic/ndis.h"

static uint32_t at32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v); /* the tests run on little-endian machines only */
    return v;
}

static uint64_t at64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static void set32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static void set64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

/* An inbound GCM-128 SA with ESN between 10.0.0.1 and 10.0.0.2. */
static struct esp_node gcm_node(void)
{
    struct esp_node node = { .dir = ESP_DIR_IN,
                             .mode = ESP_MODE_TRANSPORT,
                             .encap_sport = 4500,
                             .encap_dport = 4500,
                             .src = { 4, { 10, 0, 0, 1 } },
                             .dst = { 4, { 10, 0, 0, 2 } },
                             .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];

    sa->op = ESP_OP_ESP;
    sa->spi = 0x11223344;
    sa->esn = true;
    sa->seq_hi = 7;
    sa->seq = (uint64_t)7 << 32;
    sa->replay_window = 64;
    sa->enc.alg = ESP_ALG_AES_GCM_128;
    sa->enc.icv = 16;
    sa->enc.length = 20;
    for (unsigned i = 0; i < 20; i++) {
        sa->enc.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return node;
}

START_TEST(add_bytes)
{
    struct esp_node node = gcm_node();
    uint8_t b[512];
    uint32_t size = ndis_encode_add(&node, 1, false, false, b, sizeof b);

    ck_assert_uint_eq(size, 192); /* 168 + 20 keys, rounded up */
    ck_assert_uint_eq(b[0], 0x80);
    ck_assert_uint_eq(b[1], 1);
    ck_assert_uint_eq(at32(b + 2) & 0xffff, 169);
    ck_assert_uint_eq(at32(b + 4), 0);
    ck_assert_uint_eq(at64(b + 8), 0);  /* Next */
    ck_assert_uint_eq(at32(b + 16), 1); /* NumExtHdrs */
    ck_assert_uint_eq(at32(b + 20), 1); /* INBOUND */
    ck_assert_mem_eq(b + 24, "\x0a\0\0\1\x0a\0\0\2", 8);
    ck_assert_uint_eq(at64(b + 56), 0); /* OffloadHandle */
    ck_assert_uint_eq(at32(b + 64), 0); /* UdpEsp */
    ck_assert_uint_eq(at32(b + 68), 1); /* ESN_SA */
    ck_assert_uint_eq(at32(b + 72), 2); /* Esp */
    ck_assert_uint_eq(at32(b + 76), 0x11223344);
    for (unsigned i = 80; i < 96; i++) {
        ck_assert_uint_eq(b[i], 0); /* AuthenticationAlgorithm */
    }
    ck_assert_uint_eq(at32(b + 96), 0x008); /* AES_GCM_128 */
    ck_assert_uint_eq(at32(b + 100), 20);   /* KeyLength */
    ck_assert_uint_eq(at32(b + 104), 0);    /* KeyOffsetBytes */
    ck_assert_uint_eq(at32(b + 108), 16);   /* AdditionalInfo */
    ck_assert_uint_eq(at32(b + 112), 7);    /* SequenceNumberHighOrder */
    ck_assert_uint_eq(at32(b + 164), 20);   /* KeyLength */
    ck_assert_uint_eq(b[168], 0xa0);
    ck_assert_uint_eq(b[187], 0xb3);
    ck_assert_uint_eq(ndis_handle_offset(NDIS_ADD_SA), 56);
}
END_TEST

/* IPv6, outbound, ESP (CBC and SHA-1) then AH (SHA-256), in the EX form. */
static struct esp_node double_node(void)
{
    struct esp_node node = { .dir = ESP_DIR_OUT,
                             .mode = ESP_MODE_TRANSPORT,
                             .encap_sport = 4500,
                             .encap_dport = 4500,
                             .src = { 6, { 0x20, 1, [15] = 1 } },
                             .dst = { 6, { 0x20, 1, [15] = 2 } },
                             .switch_port = 0x01020304,
                             .vlan = 0x0506,
                             .sa_count = 2 };

    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP, .spi = 1, .seq = 1 };
    node.sa[0].enc = (struct esp_key){ ESP_ALG_AES_CBC_128, 0, 16, "0123456789abcdef" };
    node.sa[0].auth = (struct esp_key){ ESP_ALG_SHA_1, 12, 20, "ABCDEFGHIJKLMNOPQRST" };
    node.sa[1] = (struct esp_sa){ .op = ESP_OP_AH, .spi = 2, .seq = 1 };
    node.sa[1].auth =
        (struct esp_key){ ESP_ALG_SHA_256, 16, 32, "abcdefghijklmnopqrstuvwxyz012345" };
    return node;
}

START_TEST(add_ex_bytes)
{
    struct esp_node node = double_node();
    uint8_t b[512];
    uint32_t size = ndis_encode_add(&node, 1, true, false, b, sizeof b);

    ck_assert_uint_eq(size, 248); /* 176 + 68 keys, rounded up */
    ck_assert_uint_eq(b[0], 0x80);
    ck_assert_uint_eq(b[1], 1);
    ck_assert_uint_eq(at32(b + 2) & 0xffff, 170);
    ck_assert_uint_eq(at32(b + 4), 2);    /* NumExtHdrs */
    ck_assert_uint_eq(at32(b + 8), 0x10); /* IPv6 */
    ck_assert_mem_eq(b + 12, node.src.bytes, 16);
    ck_assert_mem_eq(b + 28, node.dst.bytes, 16);
    ck_assert_uint_eq(at32(b + 44), 0);
    ck_assert_uint_eq(at64(b + 48), 0);      /* OffloadHandle */
    ck_assert_uint_eq(at32(b + 56), 0);      /* UdpEsp */
    ck_assert_uint_eq(at32(b + 60 + 4), 2);  /* SecAssoc[0].Operation */
    ck_assert_uint_eq(at32(b + 60 + 12), 2); /* SHA_1 */
    ck_assert_uint_eq(at32(b + 60 + 16), 20);
    ck_assert_uint_eq(at32(b + 60 + 20), 0);
    ck_assert_uint_eq(at32(b + 60 + 28), 0x40); /* AES_CBC_128 */
    ck_assert_uint_eq(at32(b + 60 + 32), 16);
    ck_assert_uint_eq(at32(b + 60 + 36), 20); /* behind the first key */
    ck_assert_uint_eq(at32(b + 108 + 4), 1);  /* SecAssoc[1].Operation: AH */
    ck_assert_uint_eq(at32(b + 108 + 8), 2);
    ck_assert_uint_eq(at32(b + 108 + 12), 4); /* SHA_256 */
    ck_assert_uint_eq(at32(b + 108 + 20), 36);
    for (unsigned i = 108 + 28; i < 108 + 44; i++) {
        ck_assert_uint_eq(b[i], 0); /* AH: all-zero EncryptionAlgorithm */
    }
    ck_assert_uint_eq(at32(b + 156), 68);  /* KeyLength */
    ck_assert_uint_eq(at32(b + 160), 176); /* KeyOffset */
    ck_assert_uint_eq(at32(b + 164), 0x01020304);
    ck_assert_uint_eq(at32(b + 168) & 0xffff, 0x0506);
    ck_assert_mem_eq(b + 176,
                     "ABCDEFGHIJKLMNOPQRST0123456789abcdefabcdefghijklmnopqrstuvwxyz012345", 68);
    ck_assert_uint_eq(ndis_handle_offset(NDIS_ADD_SA_EX), 48);
}
END_TEST

START_TEST(update_and_delete_bytes)
{
    struct ndis_update update = { 0x1122334455667788, 2, 0xaabbccdd, 9 };
    struct ndis_update back;
    uint64_t handles[3] = { 5, 6, 7 };
    uint64_t read[NDIS_MAX_CHAIN];
    uint32_t count;
    uint8_t b[128];

    ck_assert_uint_eq(ndis_encode_update(&update, b, sizeof b), 32);
    ck_assert_mem_eq(b, "\x80\x01\x1c\x00\x00\x00\x00\x00", 8);
    ck_assert_uint_eq(at64(b + 8), 0x1122334455667788);
    ck_assert_uint_eq(at32(b + 16), 2);
    ck_assert_uint_eq(at32(b + 20), 0xaabbccdd);
    ck_assert_uint_eq(at32(b + 24), 9);
    ck_assert_uint_eq(ndis_decode_update(b, 32, &back), NDIS_STATUS_SUCCESS);
    ck_assert(back.handle == update.handle && back.op == 2);
    ck_assert(back.spi == 0xaabbccdd && back.seq_hi == 9);
    ck_assert_uint_eq(ndis_decode_update(b, 28, &back), NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(ndis_decode_update(b, 27, &back), NDIS_STATUS_INVALID_LENGTH);

    ck_assert_uint_eq(ndis_encode_delete(handles, 3, b, sizeof b), 72);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_mem_eq(b + 24 * i, "\x80\x01\x18\x00\x00\x00\x00\x00", 8);
        ck_assert_uint_eq(at64(b + 24 * i + 8), i == 2 ? 0 : 24 * (i + 1));
        ck_assert_uint_eq(at64(b + 24 * i + 16), 5 + i);
    }
    ck_assert_uint_eq(ndis_decode_delete(b, 72, read, &count), NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(count, 3);
    ck_assert_mem_eq(read, handles, sizeof handles);
    ck_assert_uint_eq(ndis_encode_delete(handles, 3, b, 71), 0);
}
END_TEST

/* A request as a foreign host would write it: sizeof as Size (O-4), ICV in bits (O-5), no salt (O-9),
 * keys in another order with a gap. */
START_TEST(foreign_bytes)
{
    struct esp_node node = gcm_node();
    struct esp_node back;
    uint8_t b[512];
    uint32_t offset[NDIS_MAX_CHAIN];
    enum sa_reason reason[NDIS_MAX_CHAIN];
    uint32_t count;

    ndis_encode_add(&node, 1, false, false, b, sizeof b);
    b[2] = 176;
    set32(b + 108, 96);
    set32(b + 100, 16);
    set32(b + 104, 4);
    ck_assert_uint_eq(ndis_decode_add(b, 188, false, &back, reason, offset, &count),
                      NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(reason[0], SA_OK);
    ck_assert_uint_eq(back.sa[0].enc.icv, 12);
    ck_assert_uint_eq(back.sa[0].enc.length, 16);
    ck_assert_uint_eq(back.sa[0].enc.bytes[0], 0xa4);
    set32(b + 108, 0);
    ndis_decode_add(b, 188, false, &back, reason, offset, &count);
    ck_assert_uint_eq(back.sa[0].enc.icv, 16);
}
END_TEST

static void damage(void (*change)(uint8_t *), uint32_t length, uint32_t status,
                   enum sa_reason expected)
{
    struct esp_node node = gcm_node();
    struct esp_node back[NDIS_MAX_CHAIN];
    uint8_t b[512];
    uint32_t offset[NDIS_MAX_CHAIN];
    enum sa_reason reason[NDIS_MAX_CHAIN] = { SA_OK };
    uint32_t count;

    ck_assert_uint_eq(ndis_encode_add(&node, 1, false, false, b, sizeof b), 192);
    change(b);
    ck_assert_uint_eq(ndis_decode_add(b, length, false, back, reason, offset, &count), status);
    if (status == NDIS_STATUS_SUCCESS) {
        ck_assert_int_eq(reason[0], expected);
    }
}

static void nothing(uint8_t *b)
{
    (void)b;
}
static void bad_type(uint8_t *b)
{
    b[0] = 0x81;
}
static void bad_revision(uint8_t *b)
{
    b[1] = 2;
}
static void small_size(uint8_t *b)
{
    b[2] = 168;
}
static void odd_next(uint8_t *b)
{
    set64(b + 8, 4);
}
static void far_next(uint8_t *b)
{
    set64(b + 8, 1ull << 40);
}
static void no_entries(uint8_t *b)
{
    set32(b + 16, 0);
}
static void three_entries(uint8_t *b)
{
    set32(b + 16, 3);
}
static void odd_flags(uint8_t *b)
{
    set32(b + 20, 0x21);
}
static void two_udp_kinds(uint8_t *b)
{
    set32(b + 64, 3);
}
static void udp_16(uint8_t *b)
{
    set32(b + 64, 16);
}
static void bad_operation(uint8_t *b)
{
    set32(b + 72, 3);
}
static void two_algorithms(uint8_t *b)
{
    set32(b + 96, 0x18);
}
static void unknown_algorithm(uint8_t *b)
{
    set32(b + 96, 0x200);
}
static void odd_icv(uint8_t *b)
{
    set32(b + 108, 15);
}
static void key_outside(uint8_t *b)
{
    set32(b + 104, 1);
}
static void key_far_outside(uint8_t *b)
{
    set32(b + 104, 0xfffffff0);
}
static void short_key(uint8_t *b)
{
    set32(b + 100, 15);
}
static void no_key(uint8_t *b)
{
    set32(b + 100, 0);
}
static void huge_blob(uint8_t *b)
{
    set32(b + 164, 0xffffffff);
}

START_TEST(damages)
{
    damage(nothing, 192, NDIS_STATUS_SUCCESS, SA_OK);
    damage(nothing, 188, NDIS_STATUS_SUCCESS, SA_OK);
    damage(nothing, 187, NDIS_STATUS_INVALID_LENGTH, SA_OK);
    damage(nothing, 0, NDIS_STATUS_INVALID_LENGTH, SA_OK);
    damage(bad_type, 192, NDIS_STATUS_INVALID_DATA, SA_OK);
    damage(bad_revision, 192, NDIS_STATUS_INVALID_DATA, SA_OK);
    damage(small_size, 192, NDIS_STATUS_INVALID_DATA, SA_OK);
    damage(odd_next, 192, NDIS_STATUS_INVALID_DATA, SA_OK);
    damage(far_next, 192, NDIS_STATUS_INVALID_LENGTH, SA_OK);
    damage(huge_blob, 192, NDIS_STATUS_INVALID_LENGTH, SA_OK);
    damage(no_entries, 192, NDIS_STATUS_SUCCESS, SA_INVALID_COUNT);
    damage(three_entries, 192, NDIS_STATUS_SUCCESS, SA_INVALID_COUNT);
    damage(odd_flags, 192, NDIS_STATUS_SUCCESS, SA_INVALID_ADDRESS);
    damage(two_udp_kinds, 192, NDIS_STATUS_SUCCESS, SA_INVALID_UDP);
    damage(udp_16, 192, NDIS_STATUS_SUCCESS, SA_INVALID_UDP);
    damage(bad_operation, 192, NDIS_STATUS_SUCCESS, SA_INVALID_OPERATIONS);
    damage(two_algorithms, 192, NDIS_STATUS_SUCCESS, SA_INVALID_ALGORITHM);
    damage(unknown_algorithm, 192, NDIS_STATUS_SUCCESS, SA_INVALID_ALGORITHM);
    damage(odd_icv, 192, NDIS_STATUS_SUCCESS, SA_INVALID_ICV);
    damage(key_outside, 192, NDIS_STATUS_SUCCESS, SA_INVALID_KEY);
    damage(key_far_outside, 192, NDIS_STATUS_SUCCESS, SA_INVALID_KEY);
    damage(short_key, 192, NDIS_STATUS_SUCCESS, SA_INVALID_KEY);
    damage(no_key, 192, NDIS_STATUS_SUCCESS, SA_INVALID_KEY);
}
END_TEST

START_TEST(chains)
{
    static struct esp_node nodes[NDIS_MAX_CHAIN + 1], back[NDIS_MAX_CHAIN];
    static uint8_t b[(NDIS_MAX_CHAIN + 1) * NDIS_MAX_NODE];
    uint32_t offset[NDIS_MAX_CHAIN], count;
    enum sa_reason reason[NDIS_MAX_CHAIN];
    uint32_t size;

    for (unsigned i = 0; i < NDIS_MAX_CHAIN + 1; i++) {
        nodes[i] = gcm_node();
        nodes[i].sa[0].spi = 256 + i;
    }
    size = ndis_encode_add(nodes, NDIS_MAX_CHAIN, false, false, b, sizeof b);
    ck_assert_uint_eq(size, 192 * NDIS_MAX_CHAIN);
    ck_assert_uint_eq(ndis_decode_add(b, size, false, back, reason, offset, &count),
                      NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(count, NDIS_MAX_CHAIN);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(reason[i], SA_OK);
        ck_assert_uint_eq(offset[i], 192 * i);
        ck_assert_uint_eq(back[i].sa[0].spi, 256 + i);
    }
    /* one node cut: only that node fails (O-39), unless its fixed part is cut too */
    ck_assert_uint_eq(ndis_decode_add(b, size - 5, false, back, reason, offset, &count),
                      NDIS_STATUS_SUCCESS);
    ck_assert_int_eq(reason[NDIS_MAX_CHAIN - 1], SA_INVALID_KEY);
    ck_assert_int_eq(reason[NDIS_MAX_CHAIN - 2], SA_OK);
    ck_assert_uint_eq(ndis_decode_add(b, size - 25, false, back, reason, offset, &count),
                      NDIS_STATUS_INVALID_LENGTH);
    /* a loop, also of one node */
    set64(b + 192 * 3 + 8, 192 * 3);
    ck_assert_uint_eq(ndis_walk(NDIS_ADD_SA, b, size, offset, &count), NDIS_STATUS_INVALID_DATA);
    ck_assert_uint_eq(count, 4);
    set64(b + 192 * 3 + 8, 192);
    ck_assert_uint_eq(ndis_walk(NDIS_ADD_SA, b, size, offset, &count), NDIS_STATUS_INVALID_DATA);
    /* backwards without a loop is a chain */
    set64(b + 8, 192 * 2);
    set64(b + 192 * 2 + 8, 192);
    set64(b + 192 + 8, 0);
    ck_assert_uint_eq(ndis_walk(NDIS_ADD_SA, b, size, offset, &count), NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(offset[1], 384);
    /* one too many */
    size = ndis_encode_add(nodes, NDIS_MAX_CHAIN + 1, false, false, b, sizeof b);
    ck_assert_uint_eq(ndis_walk(NDIS_ADD_SA, b, size, offset, &count), NDIS_STATUS_INVALID_DATA);
    ck_assert_uint_eq(ndis_encode_add(nodes, 2, true, false, b, sizeof b), 0);
    ck_assert_uint_eq(ndis_encode_add(nodes, 0, false, false, b, sizeof b), 0);
    ck_assert_uint_eq(ndis_encode_add(nodes, 1, false, false, b, 191), 0);
}
END_TEST

/* ---- random nodes ---------------------------------------------------------------------------- */

static void random_key(struct rng *r, struct esp_key *key, enum esp_alg alg)
{
    const struct esp_alg_info *info = esp_alg_info(alg);
    unsigned icvs = 0;

    key->alg = alg;
    while (icvs < 4 && info->icv_allowed[icvs] != 0) {
        icvs++;
    }
    key->icv = icvs == 0 ? 0 : info->icv_allowed[rng_below(r, icvs)];
    if (info->key_bytes != 0) {
        key->length = (uint8_t)(info->key_bytes + (rng_below(r, 2) ? info->salt_bytes : 0));
    }
    for (unsigned i = 0; i < key->length; i++) {
        key->bytes[i] = (uint8_t)rng_next(r);
    }
}

static struct esp_address random_address(struct rng *r, uint8_t family)
{
    struct esp_address address = { .family = family };

    for (unsigned i = 0; i < (family == 4 ? 4 : 16); i++) {
        address.bytes[i] = (uint8_t)rng_next(r);
    }
    return address;
}

static void random_selector(struct rng *r, struct esp_selector *sel)
{
    uint8_t family = rng_below(r, 2) ? 4 : 6;

    sel->present = true;
    if (rng_below(r, 2)) {
        sel->has_src = true;
        sel->src = (struct esp_prefix){ random_address(r, family),
                                        (uint8_t)rng_below(r, family == 4 ? 33 : 129) };
    }
    if (rng_below(r, 2)) {
        sel->has_dst = true;
        sel->dst = (struct esp_prefix){ random_address(r, family),
                                        (uint8_t)rng_below(r, family == 4 ? 33 : 129) };
    }
    if (rng_below(r, 2)) {
        sel->has_proto = true;
        sel->proto = (uint8_t)rng_next(r);
    }
    if (rng_below(r, 2)) {
        sel->has_sport = true;
        sel->sport_lo = (uint16_t)rng_below(r, 30000);
        sel->sport_hi = (uint16_t)(sel->sport_lo + rng_below(r, 30000));
    }
    if (rng_below(r, 2)) {
        sel->has_dport = true;
        sel->dport_lo = (uint16_t)rng_below(r, 30000);
        sel->dport_hi = (uint16_t)(sel->dport_lo + rng_below(r, 30000));
    }
}

static void random_sa(struct rng *r, struct esp_sa *sa, bool annotate, bool inbound)
{
    sa->op = rng_below(r, 2) ? ESP_OP_ESP : ESP_OP_AH;
    sa->spi = (uint32_t)rng_next(r);
    sa->esn = rng_below(r, 2);
    sa->seq_hi = sa->esn ? (uint32_t)rng_next(r) : 0;
    sa->seq = ((uint64_t)sa->seq_hi << 32) | (inbound ? 0 : 1);
    sa->replay_window = inbound ? 64 : 0;
    for (;;) {
        unsigned enc = (unsigned)rng_below(r, ESP_ALG_MD5);
        unsigned auth = (unsigned)rng_below(r, ESP_ALG_COUNT - ESP_ALG_MD5) + ESP_ALG_MD5;

        memset(&sa->enc, 0, sizeof sa->enc);
        memset(&sa->auth, 0, sizeof sa->auth);
        if (sa->op == ESP_OP_AH) {
            enc = ESP_ALG_NONE;
        } else if (enc == ESP_ALG_NONE) {
            enc = ESP_ALG_NULL;
        }
        random_key(r, &sa->enc, (enum esp_alg)enc);
        random_key(r, &sa->auth, (enum esp_alg)auth);
        if (annotate) {
            break;
        }
        if ((enc == ESP_ALG_NONE || esp_alg_info((enum esp_alg)enc)->ndis_encryption != 0) &&
            esp_alg_info((enum esp_alg)auth)->ndis_auth != 0) {
            return;
        }
    }
    sa->seq |= rng_next(r) & 0xffffffff;
    sa->replay_window = (uint16_t)rng_below(r, 4097);
    if (rng_below(r, 2)) {
        sa->lifetime = (struct esp_lifetime){ rng_next(r), rng_next(r), rng_next(r),
                                              rng_next(r), rng_next(r), rng_next(r) };
    }
    if (rng_below(r, 4) == 0) { /* timing only */
        sa->enc.length = 0;
        sa->auth.length = 0;
        memset(sa->enc.bytes, 0, sizeof sa->enc.bytes);
        memset(sa->auth.bytes, 0, sizeof sa->auth.bytes);
    }
}

static struct esp_node random_node(struct rng *r, bool annotate, bool ex)
{
    static const enum esp_udp kinds[] = { ESP_UDP_NONE, ESP_UDP_TRANSPORT, ESP_UDP_TUNNEL,
                                          ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL,
                                          ESP_UDP_TRANSPORT_OVER_TUNNEL };
    struct esp_node node;
    uint8_t family = rng_below(r, 2) ? 4 : 6;

    memset(&node, 0, sizeof node);
    node.dir = rng_below(r, 2) ? ESP_DIR_IN : ESP_DIR_OUT;
    node.udp = kinds[rng_below(r, 5)];
    node.src = random_address(r, family);
    node.dst = random_address(r, family);
    node.encap_sport = annotate ? (uint16_t)rng_next(r) : 4500;
    node.encap_dport = annotate ? (uint16_t)rng_next(r) : 4500;
    node.mode = node.udp > ESP_UDP_TRANSPORT ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    if (annotate) {
        node.mode = rng_below(r, 2) ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
        if (rng_below(r, 2)) {
            random_selector(r, &node.sel);
        }
    }
    if (ex) {
        node.switch_port = (uint32_t)rng_next(r);
        node.vlan = (uint16_t)rng_next(r);
    }
    node.sa_count = (uint8_t)(1 + rng_below(r, 2));
    for (unsigned i = 0; i < node.sa_count; i++) {
        random_sa(r, &node.sa[i], annotate, node.dir == ESP_DIR_IN);
    }
    return node;
}

static void same_key(const struct esp_key *a, const struct esp_key *b)
{
    ck_assert_int_eq(a->alg, b->alg);
    ck_assert_uint_eq(a->icv, b->icv);
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_mem_eq(a->bytes, b->bytes, sizeof a->bytes);
}

static void same_prefix(const struct esp_prefix *a, const struct esp_prefix *b)
{
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_uint_eq(a->address.family, b->address.family);
    ck_assert_mem_eq(a->address.bytes, b->address.bytes, 16);
}

static void same_selector(const struct esp_selector *a, const struct esp_selector *b)
{
    ck_assert(a->present == b->present && a->has_src == b->has_src && a->has_dst == b->has_dst);
    ck_assert(a->has_proto == b->has_proto && a->has_sport == b->has_sport);
    ck_assert(a->has_dport == b->has_dport && a->proto == b->proto);
    ck_assert(a->sport_lo == b->sport_lo && a->sport_hi == b->sport_hi);
    ck_assert(a->dport_lo == b->dport_lo && a->dport_hi == b->dport_hi);
    same_prefix(&a->src, &b->src);
    same_prefix(&a->dst, &b->dst);
}

static void same_node(const struct esp_node *a, const struct esp_node *b)
{
    ck_assert(a->dir == b->dir && a->mode == b->mode && a->udp == b->udp);
    ck_assert(a->encap_sport == b->encap_sport && a->encap_dport == b->encap_dport);
    ck_assert_mem_eq(&a->src, &b->src, sizeof a->src);
    ck_assert_mem_eq(&a->dst, &b->dst, sizeof a->dst);
    ck_assert(a->switch_port == b->switch_port && a->vlan == b->vlan);
    same_selector(&a->sel, &b->sel);
    ck_assert_uint_eq(a->sa_count, b->sa_count);
    for (unsigned i = 0; i < a->sa_count; i++) {
        const struct esp_sa *x = &a->sa[i];
        const struct esp_sa *y = &b->sa[i];

        ck_assert(x->op == y->op && x->spi == y->spi && x->esn == y->esn);
        ck_assert(x->seq_hi == y->seq_hi && x->seq == y->seq);
        ck_assert(x->replay_window == y->replay_window);
        ck_assert_mem_eq(&x->lifetime, &y->lifetime, sizeof x->lifetime);
        same_key(&x->enc, &y->enc);
        same_key(&x->auth, &y->auth);
    }
}

START_TEST(round_trips)
{
    struct rng r = rng_stream(1, 2);
    struct esp_node nodes[4], back[NDIS_MAX_CHAIN];
    enum sa_reason reason[NDIS_MAX_CHAIN];
    uint32_t offset[NDIS_MAX_CHAIN], count;
    uint8_t b[4 * NDIS_MAX_NODE];

    for (unsigned i = 0; i < 20000; i++) {
        bool annotate = rng_below(&r, 2);
        bool ex = rng_below(&r, 2);
        uint32_t n = ex ? 1 : (uint32_t)(1 + rng_below(&r, 4));
        uint32_t size;

        for (unsigned k = 0; k < n; k++) {
            nodes[k] = random_node(&r, annotate, ex);
        }
        size = ndis_encode_add(nodes, n, ex, annotate, b, sizeof b);
        ck_assert_uint_ne(size, 0);
        ck_assert_uint_eq(size, ndis_add_size(nodes, n, ex, annotate));
        ck_assert_uint_eq(size % 8, 0);
        ck_assert_uint_eq(ndis_decode_add(b, size, ex, back, reason, offset, &count),
                          NDIS_STATUS_SUCCESS);
        ck_assert_uint_eq(count, n);
        for (unsigned k = 0; k < n; k++) {
            ck_assert_int_eq(reason[k], SA_OK);
            if (!annotate && !ndis_plain(&nodes[k])) {
                continue;
            }
            same_node(&nodes[k], &back[k]);
        }
    }
}
END_TEST

/* Every length, on a heap block of exactly that size, so that a sanitizer sees a byte too many. */
START_TEST(truncations)
{
    struct rng r = rng_stream(3, 4);

    for (unsigned i = 0; i < 40; i++) {
        bool ex = i % 2 != 0;
        struct esp_node nodes[2] = { random_node(&r, true, ex), random_node(&r, true, ex) };
        struct esp_node back[NDIS_MAX_CHAIN];
        enum sa_reason reason[NDIS_MAX_CHAIN];
        uint32_t offset[NDIS_MAX_CHAIN], count;
        uint8_t full[2 * NDIS_MAX_NODE];
        uint32_t size = ndis_encode_add(nodes, ex ? 1 : 2, ex, true, full, sizeof full);

        for (uint32_t length = 0; length < size; length++) {
            uint8_t *cut = malloc(length == 0 ? 1 : length);

            ck_assert_ptr_nonnull(cut);
            memcpy(cut, full, length);
            ck_assert_uint_eq(ndis_decode_add(cut, length, ex, back, reason, offset, &count),
                              NDIS_STATUS_INVALID_LENGTH);
            free(cut);
        }
    }
}
END_TEST

START_TEST(annotation_damage)
{
    struct esp_node node = double_node();
    struct esp_node back;
    struct abi_annotation note;
    uint8_t b[NDIS_MAX_NODE], changed[NDIS_MAX_NODE];
    uint32_t size = ndis_encode_add(&node, 1, true, true, b, sizeof b);
    uint32_t place = size - (uint32_t)sizeof note;
    uint32_t offset[NDIS_MAX_CHAIN], count;

    memcpy(&note, b + place, sizeof note);
    ck_assert_uint_eq(note.bytes, 192);
    ck_assert_uint_eq(at32(b + 44), 0x414e4f54);
#define DAMAGE(member, value, expected)                                                            \
    do {                                                                                           \
        struct abi_annotation bad = note;                                                          \
        bad.member = (value);                                                                      \
        memcpy(changed, b, sizeof b);                                                              \
        memcpy(changed + place, &bad, sizeof bad);                                                 \
        ck_assert_uint_eq(ndis_walk(NDIS_ADD_SA_EX, changed, size, offset, &count), 0);            \
        ck_assert_int_eq(ndis_read_node(NDIS_ADD_SA_EX, changed, size, 0, &back), (expected));     \
    } while (0)
    DAMAGE(reserved[0], 0, SA_OK);
    DAMAGE(bytes, 191, SA_INVALID_ADDRESS);
    DAMAGE(mode, 2, SA_INVALID_ADDRESS);
    DAMAGE(selector_flags, ABI_SEL_SRC, SA_INVALID_ADDRESS);
    DAMAGE(selector_flags, ABI_SEL_PRESENT | ABI_SEL_SRC, SA_INVALID_ADDRESS); /* family 0 */
    DAMAGE(sa[0].enc, ESP_ALG_AES_CTR_128, SA_INVALID_ALGORITHM);              /* named twice */
    DAMAGE(sa[1].enc, ESP_ALG_COUNT, SA_INVALID_ALGORITHM);
    DAMAGE(sa[1].enc, ESP_ALG_AES_CBC_128, SA_INVALID_ALGORITHM); /* has an identifier */
    DAMAGE(sa[1].enc, ESP_ALG_SHA_512, SA_INVALID_ALGORITHM);     /* not a cipher */
    DAMAGE(no_key, 1, SA_INVALID_KEY);                            /* but there is one */
#undef DAMAGE
}
END_TEST

START_TEST(status_names)
{
    ck_assert_str_eq(ndis_status_name(0), "SUCCESS");
    ck_assert_str_eq(ndis_status_name(0xC000009A), "RESOURCES");
    ck_assert_str_eq(ndis_status_name(0x00010003), "NOT_ACCEPTED");
    ck_assert_str_eq(ndis_status_name(0xC001000C), "REQUEST_ABORTED");
    ck_assert_ptr_null(ndis_status_name(0x12345678));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ndis");
    TCase *tcase = tcase_create("bytes");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, add_bytes);
    tcase_add_test(tcase, add_ex_bytes);
    tcase_add_test(tcase, update_and_delete_bytes);
    tcase_add_test(tcase, foreign_bytes);
    tcase_add_test(tcase, damages);
    tcase_add_test(tcase, chains);
    tcase_add_test(tcase, round_trips);
    tcase_add_test(tcase, truncations);
    tcase_add_test(tcase, annotation_damage);
    tcase_add_test(tcase, status_names);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
