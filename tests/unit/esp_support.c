#include "esp_support.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct esp_crypt *support_open(unsigned which)
{
    static const enum esp_backend backends[SUPPORT_BACKENDS] = { ESP_BACKEND_OPENSSL,
                                                                 ESP_BACKEND_IPSEC_MB };
    char error[200];
    struct esp_crypt *crypt =
        esp_crypt_open(backends[which], ESP_CRYPT_MIN_CONTEXTS, error, sizeof error);
    if (crypt == NULL) {
        ck_assert_msg(which == 1, "OpenSSL: %s", error);
        static bool said;
        if (!said) {
            printf("SKIP ipsec-mb: %s\n", error);
            said = true;
        }
    }
    return crypt;
}

bool support_data(const char *test, const char *folder, char *path, size_t size)
{
    const char *root = getenv("ESPNIC_DATA");
    snprintf(path, size, "%s/%s", root != NULL ? root : "../shared/data", folder);
    if (access(path, R_OK) != 0) {
        printf("SKIP %s: no data at %s\n", test, path);
        return false;
    }
    return true;
}

json_t *support_load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    ck_assert_msg(root != NULL, "%s:%d: %s", path, error.line, error.text);
    return root;
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
}

const char *support_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

size_t support_hex(const json_t *object, const char *key, uint8_t *out, size_t room)
{
    const char *text = support_string(object, key);
    size_t length = strlen(text) / 2;
    ck_assert_msg(length <= room, "%s: %zu bytes", key, length);
    for (size_t i = 0; i < length; i++) {
        unsigned byte = hex_digit(text[2 * i]) * 16 + hex_digit(text[2 * i + 1]);
        ck_assert_uint_lt(byte, 256);
        out[i] = (uint8_t)byte;
    }
    return length;
}

uint64_t support_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value)) {
        return strtoull(json_string_value(value), NULL, 0);
    }
    return (uint64_t)json_integer_value(value);
}

bool support_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static enum esp_alg sized(enum esp_alg smallest, size_t key_bytes)
{
    return (enum esp_alg)((unsigned)smallest + (unsigned)(key_bytes - 16) / 8);
}

static bool cipher_by_name(const char *name, size_t key_bytes, struct esp_sa *sa)
{
    if (strncmp(name, "aes-gcm-", 8) == 0) {
        sa->enc.alg = sized(ESP_ALG_AES_GCM_128, key_bytes);
    } else if (strcmp(name, "aes-gmac") == 0) {
        sa->auth.alg = sized(ESP_ALG_AES_GMAC_128, key_bytes);
        sa->enc.alg = ESP_ALG_NULL;
    } else if (strcmp(name, "chacha20-poly1305") == 0) {
        sa->enc.alg = ESP_ALG_CHACHA20_POLY1305;
    } else if (strcmp(name, "aes-cbc") == 0) {
        sa->enc.alg = sized(ESP_ALG_AES_CBC_128, key_bytes);
    } else if (strcmp(name, "aes-ctr") == 0) {
        sa->enc.alg = sized(ESP_ALG_AES_CTR_128, key_bytes);
    } else if (strcmp(name, "3des-cbc") == 0) {
        sa->enc.alg = ESP_ALG_3DES_CBC;
    } else if (strcmp(name, "des-cbc") == 0) {
        sa->enc.alg = ESP_ALG_DES_CBC;
    } else if (strcmp(name, "null") == 0) {
        sa->enc.alg = ESP_ALG_NULL;
    } else {
        return false;
    }
    return true;
}

bool support_keys(const json_t *object, struct esp_sa *sa)
{
    static const struct {
        const char *name;
        enum esp_alg alg;
    } auths[] = {
        { "hmac-md5-96", ESP_ALG_MD5 },         { "hmac-sha1-96", ESP_ALG_SHA_1 },
        { "hmac-sha256-128", ESP_ALG_SHA_256 }, { "hmac-sha384-192", ESP_ALG_SHA_384 },
        { "hmac-sha512-256", ESP_ALG_SHA_512 },
    };
    uint8_t key[ESP_MAX_KEY];
    size_t length = support_hex(object, "enc_key", key, sizeof key);
    memset(&sa->enc, 0, sizeof sa->enc);
    memset(&sa->auth, 0, sizeof sa->auth);
    if (!cipher_by_name(support_string(object, "cipher"), length, sa)) {
        return false;
    }
    struct esp_key *first = sa->auth.alg != ESP_ALG_NONE ? &sa->auth : &sa->enc;
    memcpy(first->bytes, key, length);
    length += support_hex(object, "salt", first->bytes + length, sizeof first->bytes - length);
    first->length = (uint8_t)length;
    uint8_t icv = (uint8_t)support_number(object, "icv_len");
    const char *auth = support_string(object, "auth");
    for (size_t i = 0; i < sizeof auths / sizeof auths[0]; i++) {
        if (strcmp(auth, auths[i].name) == 0) {
            sa->auth.alg = auths[i].alg;
            sa->auth.length =
                (uint8_t)support_hex(object, "auth_key", sa->auth.bytes, sizeof sa->auth.bytes);
        }
    }
    ck_assert_msg(sa->auth.alg != ESP_ALG_NONE || strcmp(auth, "none") == 0, "auth %s", auth);
    if (esp_alg_info(sa->enc.alg)->kind == ESP_KIND_AEAD) {
        sa->enc.icv = icv;
    } else {
        sa->auth.icv = icv;
    }
    return true;
}

struct esp_address support_address(const char *text)
{
    struct esp_address address = { .family = 4 };
    if (inet_pton(AF_INET, text, address.bytes) != 1) {
        address.family = 6;
        ck_assert_msg(inet_pton(AF_INET6, text, address.bytes) == 1, "address %s", text);
    }
    return address;
}

uint64_t support_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void support_fill(uint64_t *state, uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i += 8) {
        uint64_t word = support_random(state);
        for (size_t b = 0; b < 8 && i + b < length; b++) {
            out[i + b] = (uint8_t)(word >> (8 * b));
        }
    }
}

static void frame_ipv4(uint64_t *state, uint8_t *ip, uint32_t length, uint32_t options)
{
    uint32_t header = ESP_IPV4_HEADER + options;
    ip[0] = (uint8_t)(0x40 | (header / 4));
    ip[1] = (uint8_t)(support_random(state) & 0xfd); /* DS field, ECN 0 or 1 */
    esp_put16(ip + 2, (uint16_t)length);
    esp_put16(ip + 6, support_random(state) % 2 == 0 ? 0x4000 : 0);
    ip[9] = 253; /* for experiments, RFC 3692 */
    memset(ip + ESP_IPV4_HEADER, 1, options);
    if (options >= 8) {
        ip[20] = 148; /* router alert, RFC 2113 */
        ip[21] = 4;
        ip[24] = 68; /* timestamp, RFC 781: changes on its way */
        ip[25] = (uint8_t)(options - 4);
    }
    esp_put16(ip + 10, 0);
    esp_put16(ip + 10, esp_ip_checksum(ip, header));
}

static void frame_ipv6(uint8_t *ip, uint32_t length, uint32_t options)
{
    ip[0] = 0x60 | (ip[0] & 0x0f);
    ip[1] &= 0xdf; /* ECN 0 or 1 */
    esp_put16(ip + 4, (uint16_t)(length - ESP_IPV6_HEADER));
    ip[6] = options != 0 ? ESP_PROTO_DESTINATION : 253;
    if (options != 0) {
        memset(ip + 40, 0, options);
        ip[40] = 253;
        ip[41] = (uint8_t)(options / 8 - 1);
        ip[42] = 1; /* PadN */
        ip[43] = (uint8_t)(options - 4);
    }
}

void support_frame(uint64_t *state, uint8_t *buffer, uint32_t capacity, uint8_t version,
                   uint32_t length, uint32_t options, bool vlan, struct esp_packet *packet)
{
    packet->buffer = buffer;
    packet->capacity = capacity;
    packet->start = 400;
    packet->l3 = vlan ? 18 : 14;
    packet->length = packet->l3 + length;
    ck_assert_uint_le(packet->start + packet->length + 400, capacity);
    uint8_t *frame = esp_packet_bytes(packet);
    support_fill(state, frame, packet->length);
    if (vlan) {
        esp_put16(frame + 12, 0x8100);
    }
    esp_put16(frame + packet->l3 - 2, version == 4 ? ESP_ETHERTYPE_IPV4 : ESP_ETHERTYPE_IPV6);
    if (version == 4) {
        frame_ipv4(state, frame + packet->l3, length, options);
    } else {
        frame_ipv6(frame + packet->l3, length, options);
    }
}

void support_random_key(uint64_t *state, enum esp_alg alg, unsigned icv, struct esp_key *key)
{
    const struct esp_alg_info *info = esp_alg_info(alg);
    memset(key, 0, sizeof *key);
    key->alg = alg;
    key->icv = (uint8_t)icv;
    key->length = (uint8_t)(info->key_bytes + info->salt_bytes);
    support_fill(state, key->bytes, key->length);
}
