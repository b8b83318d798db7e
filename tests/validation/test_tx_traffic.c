/* Real clear traffic through `espnic run --tx`: packet-size mixes, fragments, ARP, IPv6, frames of 64 kB.
 * What must become of every packet is said before the run (protected by which SA, in clear, or dropped for
 * which reason); then every frame of --tx-out is opened with OpenSSL and must be the next packet of its
 * kind, every count of the report must be the one foretold, and the books must balance. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tx_out_support.h"

static const char *espnic;

enum fate { IN_CLEAR, BY_V4, BY_V6, FATES, TOO_LONG = FATES, MTU, NO_SELECTOR, CANNOT, ALL_FATES };

static const char *const reasons[ALL_FATES] = {
    [TOO_LONG] = "tx.drops.host_too_long",
    [MTU] = "tx.drops.mtu",
    [NO_SELECTOR] = "tx.drops.no_selector",
    /* packet offload: the card says not_ip; crypto offload: the host cannot frame it */
    [CANNOT] = "tx.drops.not_ip",
};

struct setting {
    const char *name, *options;
    bool crypto;
    uint32_t mtu, buffer; /* card.mac.mtu; longest frame that the host takes */
    bool v6;              /* there is an SA for IPv6 */
    bool others_clear;    /* host.tx.no_match */
    bool transport;
};

static const struct setting settings[] = {
    { "packet offload", "--set card.offload=packet", false, 9000, 16384 - 512, true, false, false },
    { "crypto offload", "--set card.offload=crypto", true, 9000, 16384 - 512, true, false, false },
    { "packet offload, MTU 1500", "--set card.offload=packet --set card.mac.mtu=1500B", false, 1500,
      16384 - 512, true, false, false },
    { "packet offload, 64 kB frames",
      "--set card.offload=packet --set card.mac.mtu=65535B --set host.memory.tx_buffer=128KiB",
      false, 65535, 131072 - 512, true, false, false },
    { "crypto offload, 64 kB frames",
      "--set card.offload=crypto --set card.mac.mtu=65535B --set host.memory.tx_buffer=128KiB",
      true, 65535, 131072 - 512, true, false, false },
    { "no SA for IPv6: dropped", "--set card.offload=packet", false, 9000, 16384 - 512, false,
      false, false },
    { "no SA for IPv6: in clear", "--set card.offload=crypto --set host.tx.no_match=clear", true,
      9000, 16384 - 512, false, true, false },
    { "transport mode", "--set card.offload=packet", false, 9000, 16384 - 512, true, false, true },
    { "transport mode by the host", "--set card.offload=crypto", true, 9000, 16384 - 512, true,
      false, true },
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static const char *const files[] = { "backbone-mix", "office-many-protocols", "small-packets-lan",
                                     "web-video-with-segmentation-offload", "ip-fragments" };
enum { FILES = sizeof files / sizeof files[0] };

/* ---- what must happen ---------------------------------------------------------------------------------- */

/* RFC 4303: header 8, IV 8, payload and trailer to a multiple of 4, ICV 16. */
static uint32_t protected_length(const struct setting *s, const struct txo_frame *f)
{
    uint32_t header = s->transport ? f->view.l3_header : f->view.version == 6 ? 40 : 20;
    uint32_t payload = s->transport ? f->view.l3_length - f->view.l3_header : f->view.l3_length;

    return header + 8 + 8 + (payload + 2 + 3) / 4 * 4 + 16;
}

static enum fate foretell(const struct setting *s, const struct txo_frame *f)
{
    bool ip =
        (f->view.version == 4 || f->view.version == 6) && f->view.kind != ESP_PACKET_MALFORMED;

    if (f->length > s->buffer) {
        return TOO_LONG;
    }
    if (!ip) {
        return IN_CLEAR;
    }
    if (f->view.version == 6 && !s->v6) {
        return s->others_clear ? IN_CLEAR : NO_SELECTOR;
    }
    if (s->transport && f->view.kind == ESP_PACKET_FRAGMENT) {
        return CANNOT;
    }
    if (protected_length(s, f) > 65535) {
        return s->crypto ? TOO_LONG : MTU;
    }
    /* In crypto offload the length is the host's affair, and this host leaves it to the network. */
    if (!s->crypto && protected_length(s, f) > s->mtu) {
        return MTU;
    }
    return f->view.version == 6 ? BY_V6 : BY_V4;
}

static void write_recording(const struct setting *s, const char *dir, const char *path)
{
    static const char *const line =
        "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":%u,\"dir\":\"%s\",\"src\":\"%s\","
        "\"dst\":\"%s\",\"mode\":\"%s\",\"sel\":{\"src\":\"%s\"},\"sa\":[{\"op\":\"esp\",\"spi\":%u,"
        "\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"00112233445566778899aabbccddeeff0102030%u\"}}]}]}\n";
    const char *mode = s->transport ? "transport" : "tunnel";
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    fprintf(out, line, 1, dir, "192.0.2.1", "192.0.2.2", mode, "0.0.0.0/0", 0x1001, 1);
    if (s->v6) {
        fprintf(out, line, 2, dir, "2001:db8::1", "2001:db8::2", mode, "::/0", 0x1002, 2);
    }
    ck_assert_int_eq(fclose(out), 0);
}

/* ---- what happened -------------------------------------------------------------------------------------- */

struct looking {
    const char *name;
    const struct setting *setting;
    struct txo_frames in, out;
    struct txo_nodes nodes;
    enum fate *fate;
    struct esp_crypt *crypt;
    unsigned next[FATES]; /* input from which to look on, by kind */
    uint64_t count[ALL_FATES];
};

/* The next input of this kind. */
static const struct txo_frame *next_of(struct looking *l, enum fate fate, unsigned frame)
{
    unsigned *at = &l->next[fate];

    while (*at < l->in.count && l->fate[*at] != fate) {
        (*at)++;
    }
    ck_assert_msg(*at < l->in.count, "%s, %s: frame %u is one too many", l->name, l->setting->name,
                  frame);
    return &l->in.at[(*at)++];
}

static void check_frame(struct looking *l, unsigned index)
{
    static uint8_t work[2 * TXO_ROOM];
    const struct txo_frame *out = &l->out.at[index];
    const struct esp_node *node = out->view.esp ? txo_find_spi(&l->nodes, out->view.spi) : NULL;
    const struct txo_frame *in;
    struct esp_opened opened[ESP_MAX_SAS];
    struct esp_key_ref key[ESP_MAX_SAS] = { { 0, 1 } };
    struct esp_packet packet = { work, sizeof work, 0, out->length, out->l3 };
    const uint32_t hi[ESP_MAX_SAS] = { 0 };

    if (!node) {
        in = next_of(l, IN_CLEAR, index + 1);
        ck_assert_uint_eq(out->length, in->length);
        ck_assert_mem_eq(out->bytes, in->bytes, in->length);
        return;
    }
    in = next_of(l, node->handle == 1 ? BY_V4 : BY_V6, index + 1);
    key[0].id = (uint32_t)node->handle;
    memcpy(work, out->bytes, out->length);
    ck_assert_uint_eq(esp_open_packet(l->crypt, node, key, &packet, hi, NULL, opened, NULL),
                      ESP_OK);
    ck_assert_uint_eq(out->length - out->l3, protected_length(l->setting, in));
    ck_assert_msg(
        packet.length - packet.l3 == in->view.l3_length &&
            !memcmp(esp_packet_bytes(&packet) + packet.l3, in->bytes + in->l3, in->view.l3_length),
        "%s, %s: frame %u opens to another packet", l->name, l->setting->name, index + 1);
    ck_assert_mem_eq(out->bytes, in->bytes, 12);
}

static void check_counts(const struct looking *l, const json_t *report)
{
    uint64_t dropped = 0;

    for (unsigned f = TOO_LONG; f < ALL_FATES; f++) {
        const char *path =
            f == CANNOT && l->setting->crypto ? "tx.drops.cannot_protect" : reasons[f];

        ck_assert_msg(txo_number(report, path) == l->count[f], "%s, %s: %s is %llu, expected %llu",
                      l->name, l->setting->name, path, (unsigned long long)txo_number(report, path),
                      (unsigned long long)l->count[f]);
        dropped += l->count[f];
    }
    ck_assert_uint_eq(txo_sum(report, "tx.drops"), dropped);
    ck_assert_uint_eq(txo_number(report, "tx.packets_in"), l->in.count);
    ck_assert_uint_eq(txo_number(report, "tx.packets_out"), l->out.count);
    ck_assert_uint_eq(l->in.count, l->out.count + dropped);
    ck_assert_uint_eq(txo_number(report, "card.tx.ipsec_passes"),
                      l->count[BY_V4] + l->count[BY_V6]);
}

static void read_all(struct looking *l, const char *tx, const char *out, const char *recording)
{
    char error[256];

    txo_load(tx, "", &l->in);
    txo_load(out, "", &l->out);
    txo_load_nodes(recording, &l->nodes);
    l->fate = calloc(l->in.count + 1, sizeof *l->fate);
    ck_assert_ptr_nonnull(l->fate);
    for (unsigned i = 0; i < l->in.count; i++) {
        l->fate[i] = foretell(l->setting, &l->in.at[i]);
        l->count[l->fate[i]]++;
    }
    l->crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    ck_assert_ptr_nonnull(l->crypt);
}

static void check_file(const char *name, const struct setting *setting)
{
    static struct looking l;
    char file[128];
    char tx[TXO_PATH];
    char path[3][TXO_PATH];
    json_t *report;

    memset(&l, 0, sizeof l);
    l.name = name;
    l.setting = setting;
    snprintf(file, sizeof file, "traffic/%s.pcap", name);
    if (!txo_data(file, tx)) {
        return;
    }
    snprintf(path[0], TXO_PATH, "%s/sas.jsonl", txo_folder());
    snprintf(path[1], TXO_PATH, "%s/out.pcap", txo_folder());
    snprintf(path[2], TXO_PATH, "%s/report.json", txo_folder());
    write_recording(setting, "out", path[0]);
    ck_assert_msg(
        txo_run(
            "%s run --preset generic-100g --experiments 0 --set host.cores=1 --set host.tx.backlog=8192 "
            "--oids '%s' --tx '%s' --tx-out '%s' -o '%s' %s",
            espnic, path[0], tx, path[1], path[2], setting->options) == 0,
        "%s, %s: espnic run failed", name, setting->name);
    report = json_load_file(path[2], 0, NULL);
    ck_assert_ptr_nonnull(report);
    read_all(&l, tx, path[1], path[0]);
    for (unsigned i = 0; i < l.out.count; i++) {
        check_frame(&l, i);
    }
    check_counts(&l, report);
    printf(
        "%s, %s: %u packets, %llu and %llu protected, %llu clear, %llu too long, %llu over the MTU, "
        "%llu without SA, %llu fragments\n",
        name, setting->name, l.in.count, (unsigned long long)l.count[BY_V4],
        (unsigned long long)l.count[BY_V6], (unsigned long long)l.count[IN_CLEAR],
        (unsigned long long)l.count[TOO_LONG], (unsigned long long)l.count[MTU],
        (unsigned long long)l.count[NO_SELECTOR], (unsigned long long)l.count[CANNOT]);
    json_decref(report);
    txo_free(&l.in);
    txo_free(&l.out);
    free(l.fate);
    esp_crypt_close(l.crypt);
}

START_TEST(clear_traffic)
{
    check_file(files[_i % FILES], &settings[_i / FILES]);
}
END_TEST

/* What was sent comes back, twice: all of it is delivered once, and the second time refused. Packets of up
 * to 9000 bytes are longer than what the channels between the stages hold. */
START_TEST(sent_and_received_twice)
{
    char tx[TXO_PATH];
    struct txo_frames sent;
    json_t *report;

    if (!txo_data("traffic/web-video-with-segmentation-offload.pcap", tx)) {
        return;
    }
    write_recording(&settings[0], "out", txo_path("out.jsonl"));
    ck_assert_int_eq(
        txo_run("%s run --preset generic-100g --experiments 0 --set host.cores=1 --oids "
                "%s/out.jsonl --tx '%s' --tx-out %s/sent.pcap",
                espnic, txo_folder(), tx, txo_folder()),
        0);
    txo_load(txo_path("sent.pcap"), "", &sent);
    ck_assert_uint_gt(sent.count, 1600);
    write_recording(&settings[0], "in", txo_path("in.jsonl"));
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(
            txo_run("%s run --preset generic-100g --experiments 0 --oids %s/in.jsonl --rx "
                    "%s/sent.pcap --loop 2 -o %s/report.json %s",
                    espnic, txo_folder(), txo_folder(), txo_folder(), settings[i].options),
            0);
        report = json_load_file(txo_path("report.json"), 0, NULL);
        ck_assert_ptr_nonnull(report);
        ck_assert_uint_eq(txo_number(report, "rx.packets_in"), 2 * (uint64_t)sent.count);
        ck_assert_uint_eq(txo_number(report, "rx.packets_out"), sent.count);
        ck_assert_uint_eq(txo_number(report, "rx.drops.replay") +
                              txo_number(report, "rx.drops.too_old"),
                          sent.count);
        json_decref(report);
    }
    txo_free(&sent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_traffic");
    TCase *tc = tcase_create("tx_traffic");
    SRunner *runner;
    int failed;

    espnic = getenv("ESPNIC") ? getenv("ESPNIC") : "build/espnic";
    setvbuf(stdout, NULL, _IOLBF, 0);
    txo_folder();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, clear_traffic, 0, FILES * SETTINGS);
    tcase_add_test(tc, sent_and_received_twice);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    txo_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
