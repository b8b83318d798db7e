/* Recorded anti-replay sequences with the verdicts of a Linux 6.1 receiver, packet by packet through a whole card.
 * They lie in the folder captures of $ESPNIC_DATA: NAME.pcap, NAME.sa.json (the SA, keys in hex) and NAME.expect.json. */
#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/validate_tables.h"
#include "traces/capture.h"

static const char group[] = "recorded";
static const char *const recordings[] = {
    "linux61-replay-r1-gcm128-win32",           "linux61-replay-r2-cbc128-sha256-win64",
    "linux61-replay-r3-gcm128-esn-win128-wrap", "linux61-replay-r5-gcm128-nowindow",
    "linux61-replay-r7-null-sha256-win32",
};
enum { RECORDINGS = sizeof recordings / sizeof recordings[0] };

struct recorded {
    json_t *sa, *expect; /* roots of the two files */
    struct capture *capture;
    uint64_t packets, accepted, agree; /* of the simulation; `agree` with the receiver */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* Bytes from hex, behind those that the key has already. */
static void take_bytes(struct esp_key *key, const char *hex)
{
    for (; hex[0] != '\0' && hex[1] != '\0' && key->length < ESP_MAX_KEY; hex += 2) {
        key->bytes[key->length++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
    }
}

static struct esp_address address_of(const json_t *object, const char *key)
{
    struct esp_address a = { .family = 4 };

    inet_pton(AF_INET, text_of(object, key), a.bytes);
    return a;
}

/* The ciphers of these recordings. */
static bool node_of(const json_t *sa, uint64_t highest, struct esp_node *node)
{
    const char *cipher = text_of(sa, "cipher");
    struct esp_sa *s = &node->sa[0];

    *node = (struct esp_node){ .handle = 1,
                               .dir = ESP_DIR_IN,
                               .mode = ESP_MODE_TUNNEL,
                               .src = address_of(sa, "src"),
                               .dst = address_of(sa, "dst"),
                               .sa_count = 1 };
    s->op = ESP_OP_ESP;
    s->spi = (uint32_t)strtoul(text_of(sa, "spi"), NULL, 0);
    s->esn = json_is_true(json_object_get(sa, "esn"));
    s->seq = highest;
    s->seq_hi = s->esn ? (uint32_t)(highest >> 32) : 0;
    s->replay_window = (uint16_t)json_integer_value(json_object_get(sa, "replay_window"));
    take_bytes(&s->enc, text_of(sa, "enc_key"));
    take_bytes(&s->enc, text_of(sa, "salt"));
    take_bytes(&s->auth, text_of(sa, "auth_key"));
    if (strcmp(cipher, "aes-gcm-16") == 0) {
        s->enc.alg = ESP_ALG_AES_GCM_128;
        s->enc.icv = 16;
        return true;
    }
    s->enc.alg = strcmp(cipher, "null") == 0 ? ESP_ALG_NULL : ESP_ALG_AES_CBC_128;
    s->auth.alg = ESP_ALG_SHA_256;
    s->auth.icv = 16;
    return strcmp(text_of(sa, "auth"), "hmac-sha256-128") == 0;
}

static bool open_one(struct recorded *r, const char *name, char *error, size_t error_size)
{
    const char *folder = getenv("ESPNIC_DATA");
    char path[1024];
    json_error_t why = { 0 };

    snprintf(path, sizeof path, "%s/captures/%s.sa.json", folder, name);
    r->sa = json_load_file(path, 0, &why);
    if (r->sa != NULL) {
        snprintf(path, sizeof path, "%s/captures/%s.expect.json", folder, name);
        r->expect = json_load_file(path, 0, &why);
    }
    if (r->expect == NULL) {
        snprintf(error, error_size, "%s:%d: %s", path, why.line, why.text);
        return false;
    }
    snprintf(path, sizeof path, "%s/captures/%s.pcap", folder, name);
    r->capture = capture_open(path, "", error, error_size);
    return r->capture != NULL;
}

/* One packet after the other, each dealt with before the next. */
static bool replay(struct recorded *r, struct bench *b)
{
    const json_t *arrivals = json_object_get(r->expect, "arrivals");
    struct capture_packet p;

    while (capture_next(r->capture, &p) == CAPTURE_OK) {
        uint64_t before = b->delivered;
        const json_t *told;
        bool accepted;

        if (!bench_arrive(b, 0, host_now(b->host) + 1000000, p.bytes, p.length) ||
            !bench_settle(b)) {
            return false;
        }
        accepted = b->delivered > before && b->verdict == HOST_OFFLOADED;
        r->accepted += accepted;
        told = json_object_get(json_array_get(arrivals, r->packets++), "accepted");
        r->agree += json_is_boolean(told) && accepted == json_is_true(told);
    }
    return true;
}

static bool simulate(struct recorded *r, struct bench *b)
{
    uint64_t highest =
        (uint64_t)json_integer_value(json_object_get(r->expect, "receiver_initial_seq64"));
    struct esp_node node;

    if (!node_of(json_array_get(json_object_get(r->sa, "sas"), 0), highest, &node)) {
        return bench_fail(b, "an algorithm of the recording is not known");
    }
    return bench_config(b, "generic-100g", "", "card.sa.esn=inferred") && bench_open(b, true) &&
           bench_add(b, &node) && replay(r, b);
}

static bool add_one(struct validation *v, const char *name, char *error, size_t error_size)
{
    const struct tables_figure f = { .group = group,
                                     .kind = VALIDATION_COMPUTED,
                                     .source = "recorded Linux 6.1 receiver; $ESPNIC_DATA/captures",
                                     .preset = "generic-100g",
                                     .sets = "",
                                     .settings = "card.sa.esn=inferred" };
    struct recorded r = { 0 };
    struct bench b = { 0 };
    bool ok = open_one(&r, name, error, error_size);

    if (ok && !simulate(&r, &b)) {
        snprintf(error, error_size, "%s: %s", name, b.error);
        ok = false;
    }
    if (ok) {
        tables_add(v, &f, "packets",
                   (double)json_integer_value(json_object_get(r.expect, "accepted")),
                   (double)r.accepted, "%s: accepted", name);
        tables_add(v, &f, "packets",
                   (double)json_integer_value(json_object_get(r.expect, "packets")),
                   (double)r.agree, "%s: same verdict", name);
    }
    bench_close(&b);
    capture_close(r.capture);
    json_decref(r.sa);
    json_decref(r.expect);
    return ok;
}

bool tables_recorded(struct validation *v, char *error, size_t error_size)
{
    const char *folder = getenv("ESPNIC_DATA");
    char path[1024];

    for (size_t i = 0; i < RECORDINGS; i++) {
        snprintf(path, sizeof path, "%s/captures/%s.pcap", folder != NULL ? folder : "",
                 recordings[i]);
        if (folder == NULL || access(path, R_OK) != 0) {
            tables_nothing(v, VALIDATION_NO_DATA, group, "packets", NAN, recordings[i],
                           "the recording is not below $ESPNIC_DATA");
        } else if (!add_one(v, recordings[i], error, error_size)) {
            return false;
        }
    }
    return true;
}
