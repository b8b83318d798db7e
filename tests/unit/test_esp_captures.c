/* Packets that came off Linux, FreeS/WAN, KAME and strongSwan: found by the parser, verified,
 * decrypted, and compared with what independent software says is in them. */
#include <check.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"

enum { MAX_SAS = 400, ROOM = 70000 };

static char folder[512];

struct known_sa {
    const char *id;
    bool usable;   /* the cipher is one of ours */
    bool icv_only; /* it is not, but its ICV can be checked */
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_sa sa;
};

static struct known_sa sas[MAX_SAS];
static unsigned sa_count;
static uint32_t file_number;

/* ---- what the files say -------------------------------------------------------------------- */

static void read_sa(const json_t *object, struct known_sa *known)
{
    memset(known, 0, sizeof *known);
    struct esp_sa *sa = &known->sa;
    known->id = support_string(object, "id");
    sa->op = ESP_OP_ESP;
    sa->esn = support_flag(object, "esn");
    sa->spi = (uint32_t)support_number(object, "spi");
    known->usable = support_keys(object, sa);
    if (!known->usable && strcmp(support_string(object, "auth"), "hmac-sha1-96") == 0) {
        /* A cipher that is not ours leaves the ICV as it is: it covers the ciphertext. */
        known->icv_only = true;
        sa->enc = (struct esp_key){ .alg = ESP_ALG_NULL };
        sa->auth = (struct esp_key){ .alg = ESP_ALG_SHA_1, .icv = 12 };
        sa->auth.length = (uint8_t)support_hex(object, "auth_key", sa->auth.bytes, ESP_MAX_KEY);
    }
    bool tunnel = strcmp(support_string(object, "mode"), "tunnel") == 0;
    known->transform =
        (struct esp_transform){ .op = ESP_OP_ESP,
                                .mode = tunnel ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
                                .udp = json_is_array(json_object_get(object, "udp_encap")),
                                .esn = sa->esn,
                                .enc = (uint8_t)sa->enc.alg,
                                .auth = (uint8_t)sa->auth.alg,
                                .spi = sa->spi,
                                .src = support_address(support_string(object, "src")),
                                .dst = support_address(support_string(object, "dst")) };
    esp_suite_of_sa(sa, &known->suite);
    esp_transform_init(&known->transform, known->suite.icv);
}

static json_t *load_sas(const char *base)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s.sa.json", folder, base);
    json_t *root = support_load(path);
    size_t i;
    const json_t *object;
    sa_count = 0;
    file_number++;
    json_array_foreach(json_object_get(root, "sas"), i, object)
    {
        ck_assert_uint_lt(sa_count, MAX_SAS);
        read_sa(object, &sas[sa_count]);
        sa_count++;
    }
    return root;
}

static unsigned find_sa(const char *id)
{
    for (unsigned i = 0; i < sa_count; i++) {
        if (strcmp(sas[i].id, id) == 0) {
            return i;
        }
    }
    ck_abort_msg("no SA %s", id);
    return 0;
}

static void check_sha256(const json_t *frame, const uint8_t *bytes, size_t length, const char *what)
{
    uint8_t digest[32];
    char text[65];
    ck_assert_int_eq(EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < 32; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", digest[i]);
    }
    ck_assert_msg(strcmp(text, support_string(frame, "payload_sha256")) == 0, "%s: payload differs",
                  what);
}

/* ---- one packet ---------------------------------------------------------------------------- */

static enum esp_status verify(struct esp_crypt *crypt, unsigned sa, uint8_t *frame,
                              const struct esp_bounds *bounds, uint32_t hi)
{
    struct esp_job job;
    struct esp_key_ref key = { .id = sa, .generation = file_number };
    enum esp_status status =
        esp_verify(crypt, &job, &sas[sa].transform, key, &sas[sa].suite, frame, bounds, hi);
    return status == ESP_PENDING ? esp_finish(crypt, &job) : status;
}

/* Peeking into a packet of which only 128 bytes were captured, and into the whole. */
static void check_peek(struct esp_crypt *crypt, unsigned sa, const uint8_t *sealed,
                       const uint8_t *clear, const struct esp_bounds *bounds, const json_t *expect,
                       const char *what)
{
    const struct known_sa *known = &sas[sa];
    struct esp_key_ref key = { .id = sa, .generation = file_number };
    uint32_t iv = bounds->ipsec + ESP_HEADER;
    uint32_t text = iv + known->transform.iv;
    uint32_t length = bounds->end - known->transform.icv - text;
    for (unsigned whole = 0; whole < 2; whole++) {
        uint32_t present = whole ? length : 128 - text < length ? 128 - text : length;
        struct esp_peek peek;
        ck_assert(esp_crypt_peek(crypt, key, &known->suite, sealed + iv, sealed + text, length,
                                 present, 40, &peek));
        ck_assert_msg(memcmp(peek.head, clear + text, peek.head_length) == 0, "%s: peek", what);
        ck_assert_int_eq(peek.tail_known, present == length);
        if (peek.tail_known) {
            ck_assert_uint_eq(peek.next_header, support_number(expect, "next_header"));
            ck_assert_uint_eq(peek.pad_length, support_number(expect, "pad_len"));
        }
    }
}

static void check_opened(unsigned sa, const uint8_t *frame, const struct esp_bounds *bounds,
                         const json_t *expect, const char *what)
{
    struct esp_trailer trailer;
    enum esp_status status = esp_read_trailer(&sas[sa].transform, frame, bounds, &trailer);
    ck_assert_msg(status == ESP_OK, "%s: trailer %s", what, esp_status_name(status));
    ck_assert_uint_eq(trailer.next_header, support_number(expect, "next_header"));
    ck_assert_uint_eq(trailer.pad_length, support_number(expect, "pad_len"));
    ck_assert_uint_eq(trailer.payload_length, support_number(expect, "payload_len"));
    check_sha256(expect, frame + trailer.payload, trailer.payload_length, what);
}

static void check_addresses(const uint8_t *frame, const struct esp_view *view, const json_t *expect)
{
    struct esp_address src, dst;
    struct esp_address want_src = support_address(support_string(expect, "src"));
    struct esp_address want_dst = support_address(support_string(expect, "dst"));
    esp_view_addresses(frame, view, &src, &dst);
    ck_assert_mem_eq(&src, &want_src, sizeof src);
    ck_assert_mem_eq(&dst, &want_dst, sizeof dst);
}

/* The packet inside: a second pass at the L3 offset of the inner header, then both stripped. */
static void check_inner(struct esp_crypt *crypt, unsigned sa, struct esp_packet *packet,
                        const struct esp_bounds *bounds, const json_t *inner, const char *what)
{
    struct esp_trailer trailer;
    struct esp_view view;
    struct esp_bounds within;
    struct esp_opened opened;
    uint8_t *frame = esp_packet_bytes(packet);
    esp_read_trailer(&sas[sa].transform, frame, bounds, &trailer);
    esp_parse_ip(frame, packet->length, packet->length, trailer.payload, NULL, &view);
    ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
    ck_assert_uint_eq(view.spi, support_number(inner, "spi"));
    ck_assert_uint_eq(view.seq, support_number(inner, "seq"));
    ck_assert(esp_bounds_of_view(&view, false, &within));
    unsigned second = find_sa(support_string(inner, "sa"));
    ck_assert_uint_eq(verify(crypt, second, frame, &within, 0), ESP_OK);
    check_opened(second, frame, &within, inner, what);
    ck_assert_uint_eq(esp_decapsulate(&sas[sa].transform, packet, bounds, &opened), ESP_OK);
    frame = esp_packet_bytes(packet);
    esp_parse_ip(frame, packet->length, packet->length, packet->l3, NULL, &view);
    ck_assert(esp_bounds_of_view(&view, false, &within));
    ck_assert_uint_eq(esp_decapsulate(&sas[second].transform, packet, &within, &opened), ESP_OK);
    esp_parse(esp_packet_bytes(packet), packet->length, packet->length, NULL, &view);
    ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
    ck_assert_uint_eq(view.proto, support_number(inner, "next_header"));
    const uint8_t *ip = esp_packet_bytes(packet) + packet->l3;
    ck_assert_uint_eq(esp_ip_checksum(ip, 20), 0);
}

/* Strip a verified packet; what is left must be a clear IP packet of the carried length. */
static void check_stripped(unsigned sa, struct esp_packet *packet, const struct esp_bounds *bounds,
                           const json_t *expect, const char *what)
{
    struct esp_opened opened;
    struct esp_view before, after;
    const struct esp_transform *transform = &sas[sa].transform;
    esp_parse(esp_packet_bytes(packet), packet->length, packet->length, NULL, &before);
    uint32_t predicted =
        esp_inner_length(transform, &before, (uint32_t)support_number(expect, "pad_len"));
    enum esp_status status = esp_decapsulate(transform, packet, bounds, &opened);
    ck_assert_msg(status == ESP_OK, "%s: decapsulate %s", what, esp_status_name(status));
    esp_parse(esp_packet_bytes(packet), packet->length, packet->length, NULL, &after);
    ck_assert_msg(after.kind == ESP_PACKET_CLEAR_IP || after.kind == ESP_PACKET_FRAGMENT,
                  "%s: inner is %s", what, esp_packet_kind_name(after.kind));
    ck_assert_uint_eq(after.l3_length + opened.tfc, predicted);
    const uint8_t *ip = esp_packet_bytes(packet) + packet->l3;
    if (after.version == 4) {
        ck_assert_uint_eq(esp_ip_checksum(ip, (uint32_t)(ip[0] & 15) * 4), 0);
    }
}

static void check_frame(struct esp_crypt *crypt, const json_t *expect,
                        const struct pcap_pkthdr *header, const uint8_t *bytes, const char *base)
{
    static uint8_t work[ROOM];
    struct esp_view view;
    struct esp_bounds bounds;
    char what[300];
    snprintf(what, sizeof what, "%s frame %d", base, (int)support_number(expect, "frame"));
    esp_parse(bytes, header->caplen, header->len, NULL, &view);
    bool udp = strncmp(support_string(expect, "encap"), "udp", 3) == 0;
    ck_assert_msg(view.kind == (udp ? ESP_PACKET_UDP_ESP : ESP_PACKET_ESP), "%s: kind %s", what,
                  esp_packet_kind_name(view.kind));
    ck_assert_uint_eq(view.spi, support_number(expect, "spi"));
    ck_assert_uint_eq(view.seq, (uint32_t)support_number(expect, "seq"));
    check_addresses(bytes, &view, expect);
    ck_assert(esp_bounds_of_view(&view, false, &bounds));
    unsigned sa = find_sa(support_string(expect, "sa"));
    memcpy(work, bytes, header->caplen);
    uint32_t hi = (uint32_t)support_number(expect, "seq_hi");
    enum esp_status status = verify(crypt, sa, work, &bounds, hi);
    ck_assert_msg(status == ESP_OK, "%s: %s", what, esp_status_name(status));
    if (sas[sa].icv_only) {
        return;
    }
    check_opened(sa, work, &bounds, expect, what);
    check_peek(crypt, sa, bytes, work, &bounds, expect, what);
    struct esp_packet packet = { work, ROOM, 0, header->caplen, view.l3 };
    const json_t *inner = json_object_get(expect, "inner");
    if (inner != NULL) {
        check_inner(crypt, sa, &packet, &bounds, inner, what);
    } else {
        check_stripped(sa, &packet, &bounds, expect, what);
    }
}

/* ---- whole files --------------------------------------------------------------------------- */

static pcap_t *open_capture(const json_t *expect)
{
    char path[800], error[PCAP_ERRBUF_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, support_string(expect, "capture"));
    pcap_t *pcap = pcap_open_offline(path, error);
    ck_assert_msg(pcap != NULL, "%s", error);
    return pcap;
}

static bool is_esp(const struct esp_view *view)
{
    return view->kind == ESP_PACKET_ESP || view->kind == ESP_PACKET_UDP_ESP;
}

/* Every frame that `expect` lists is ESP and no other; returns the frames compared. */
static unsigned check_capture(struct esp_crypt *crypt, const json_t *expect, const char *base)
{
    const json_t *frames = json_object_get(expect, "frames");
    pcap_t *pcap = open_capture(expect);
    ck_assert_int_eq(pcap_datalink(pcap), DLT_EN10MB);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    size_t next = 0;
    uint64_t number = 0;
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        number++;
        const json_t *frame = json_array_get(frames, next);
        if (frame != NULL && support_number(frame, "frame") == number) {
            check_frame(crypt, frame, header, bytes, base);
            next++;
            continue;
        }
        struct esp_view view;
        esp_parse(bytes, header->caplen, header->len, NULL, &view);
        ck_assert_msg(!is_esp(&view), "%s frame %d: not ESP", base, (int)number);
    }
    ck_assert_uint_eq(number, support_number(expect, "packets"));
    ck_assert_uint_eq(next, support_number(expect, "esp_packets"));
    pcap_close(pcap);
    return (unsigned)next;
}

/* Replay recordings: a damaged packet has a bad ICV; the others are good, in the order they came.
 * With ESN the receiver's guess is not tested here: the true upper half is given. */
static unsigned check_arrivals(struct esp_crypt *crypt, const json_t *expect, const char *base)
{
    pcap_t *pcap = open_capture(expect);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    size_t next = 0;
    unsigned damaged = 0;
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        static uint8_t work[ROOM];
        const json_t *arrival = json_array_get(json_object_get(expect, "arrivals"), next++);
        struct esp_view view;
        struct esp_bounds bounds;
        esp_parse(bytes, header->caplen, header->len, NULL, &view);
        ck_assert_uint_eq(view.kind, ESP_PACKET_ESP);
        ck_assert_uint_eq(view.seq, (uint32_t)support_number(arrival, "seq"));
        ck_assert(esp_bounds_of_view(&view, false, &bounds));
        memcpy(work, bytes, header->caplen);
        bool bad = support_flag(arrival, "corrupted");
        enum esp_status status =
            verify(crypt, 0, work, &bounds, (uint32_t)(support_number(arrival, "seq64") >> 32));
        ck_assert_msg(status == (bad ? ESP_BAD_ICV : ESP_OK), "%s arrival %zu: %s", base, next,
                      esp_status_name(status));
        damaged += bad ? 1 : 0;
    }
    ck_assert_uint_eq(next, json_array_size(json_object_get(expect, "arrivals")));
    ck_assert_uint_ge(damaged, 1);
    pcap_close(pcap);
    return (unsigned)next;
}

static bool base_name(const char *file, char *base, size_t size)
{
    static const char suffix[] = ".expect.json";
    size_t length = strlen(file);
    if (length <= sizeof suffix - 1 || strcmp(file + length - (sizeof suffix - 1), suffix) != 0) {
        return false;
    }
    snprintf(base, size, "%.*s", (int)(length - (sizeof suffix - 1)), file);
    return true;
}

START_TEST(captures_with_keys)
{
    struct esp_crypt *crypt = support_open((unsigned)_i);
    if (crypt == NULL) {
        return;
    }
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    unsigned files = 0, frames = 0, arrivals = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char base[200], path[800];
        if (!base_name(entry->d_name, base, sizeof base) || strstr(base, "nokeys") != NULL) {
            continue;
        }
        json_t *known = load_sas(base);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        json_t *expect = support_load(path);
        if (json_object_get(expect, "arrivals") != NULL) {
            arrivals += check_arrivals(crypt, expect, base);
        } else {
            frames += check_capture(crypt, expect, base);
        }
        files++;
        json_decref(expect);
        json_decref(known);
    }
    closedir(dir);
    ck_assert_uint_eq(files, 24);
    ck_assert_uint_eq(frames, 5094);
    ck_assert_uint_eq(arrivals, 1393);
    esp_crypt_close(crypt);
}
END_TEST

/* No keys: the SPIs and how many packets each has. */
START_TEST(captures_without_keys)
{
    static const char *const names[] = { "arkime-ikev2-esp-v6-nokeys", "ndpi-esp-nokeys",
                                         "open5gs-ims-call-nokeys-sll" };
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        char path[800];
        snprintf(path, sizeof path, "%s/%s.expect.json", folder, names[n]);
        json_t *expect = support_load(path);
        pcap_t *pcap = open_capture(expect);
        bool cooked = pcap_datalink(pcap) == DLT_LINUX_SLL;
        json_t *counts = json_object();
        struct pcap_pkthdr *header;
        const uint8_t *bytes;
        while (pcap_next_ex(pcap, &header, &bytes) == 1) {
            struct esp_view view;
            if (cooked) {
                esp_parse_ip(bytes, header->caplen, header->len, 16, NULL, &view);
            } else {
                esp_parse(bytes, header->caplen, header->len, NULL, &view);
            }
            bool fragment = view.kind == ESP_PACKET_FRAGMENT && view.proto == ESP_PROTO_ESP;
            if (is_esp(&view) || fragment) {
                char spi[20] = "fragment/short";
                if (!fragment) {
                    snprintf(spi, sizeof spi, "0x%08x", view.spi);
                }
                json_object_set_new(
                    counts, spi,
                    json_integer(json_integer_value(json_object_get(counts, spi)) + 1));
            }
        }
        ck_assert_msg(json_equal(counts, json_object_get(expect, "spis")), "%s: SPIs", names[n]);
        ck_assert_uint_gt(json_object_size(counts), 0);
        json_decref(counts);
        json_decref(expect);
        pcap_close(pcap);
    }
}
END_TEST

int main(void)
{
    if (!support_data("test_esp_captures", "captures", folder, sizeof folder)) {
        return 0;
    }
    Suite *suite = suite_create("esp_captures");
    TCase *tests = tcase_create("captures");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, captures_with_keys, 0, SUPPORT_BACKENDS);
    tcase_add_test(tests, captures_without_keys);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
