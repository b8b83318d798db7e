/* The card in a gateway: packets that come in by one port leave by another, through the host or inside the card.
 *
 * What leaves is opened with OpenSSL and with tshark, and compared with what came in less a hop, whose checksum is
 * computed anew; ESP of a first gateway is opened by a second one, ESP of a Linux kernel too. Then limits: what
 * happens where a port cannot send all that is to leave by it; and the reasons why packets stay. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/capture.h"
#include "tx_out_support.h"

static const char *espnic;

static const char *const paths[] = { "hairpin", "host" };
enum { HAIRPIN, HOST, PATHS };

#define TWO_PORTS "run --preset generic-100g --experiments 0 --set card.ports=2 "

static const char recording_out[] =
    "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":1,\"dir\":\"out\",\"src\":\"192.0.2.1\",\"dst\":"
    "\"192.0.2.2\",\"mode\":\"tunnel\",\"sel\":{\"src\":\"192.168.10.0/24\",\"dst\":\"192.168.20.0/24\"},"
    "\"sa\":[{\"op\":\"esp\",\"spi\":4096,\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":"
    "\"00112233445566778899aabbccddeeff01020304\"}}]}]}\n"
    "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":3,\"dir\":\"out\",\"src\":\"192.0.2.1\",\"dst\":"
    "\"192.0.2.2\",\"mode\":\"tunnel\",\"sel\":{\"src\":\"192.168.20.0/24\",\"dst\":\"192.168.10.0/24\"},"
    "\"sa\":[{\"op\":\"esp\",\"spi\":4097,\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":"
    "\"10112233445566778899aabbccddeeff\"},\"auth\":{\"alg\":\"sha-256\",\"key\":"
    "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}}]}]}\n";

/* ---- support ---------------------------------------------------------------------------------------- */

static const char *file(const char *name)
{
    static char path[4][TXO_PATH];
    static unsigned turn;
    char *p = path[turn++ % 4];

    snprintf(p, TXO_PATH, "%s/%s", txo_folder(), name);
    return p;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* The same SAs, from the other end. */
static void write_inbound(const char *path)
{
    char text[sizeof recording_out];

    memcpy(text, recording_out, sizeof text);
    for (char *at = text; (at = strstr(at, "\"dir\":\"out\"")) != NULL; at++) {
        memcpy(at, "\"dir\":\"in\" ", strlen("\"dir\":\"out\""));
    }
    for (char *at = text; (at = strstr(at, "\"sel\":")) != NULL;) { /* the receiver has none */
        char *end = strstr(at, "},") + 2;

        memset(at, ' ', (size_t)(end - at));
    }
    write_text(path, text);
}

static json_t *load_report(void)
{
    json_error_t error;
    json_t *report = json_load_file(file("report.json"), 0, &error);

    ck_assert_msg(report != NULL, "report: %s", error.text);
    return report;
}

/* Runs the program, asserts that it ends well, and gives its report. */
__attribute__((format(printf, 1, 2))) static json_t *run(const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    ck_assert_msg(txo_run("%s %s --report '%s'", espnic, command, file("report.json")) == 0,
                  "failed: espnic %s (%s/stderr)", command, txo_folder());
    return load_report();
}

/* A number of the report. */
static double real(const json_t *report, const char *path)
{
    char word[64];
    const json_t *at = report;

    for (const char *p = path; *p; p += strlen(word) + (p[strlen(word)] == '.')) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "."), p);
        at = json_object_get(at, word);
        ck_assert_msg(at != NULL, "no %s in the report", path);
    }
    return json_number_value(at);
}

/* The IP packet of a frame as it is `hops` routers later, checksum computed anew. */
static uint32_t hops_later(const struct txo_frame *f, unsigned hops, uint8_t *ip)
{
    memcpy(ip, f->bytes + f->l3, f->view.l3_length);
    if (f->view.version == 4) {
        ip[8] = (uint8_t)(ip[8] - hops);
        esp_put16(ip + 10, 0);
        esp_put16(ip + 10, esp_ip_checksum(ip, f->view.l3_header));
    } else {
        ip[7] = (uint8_t)(ip[7] - hops);
    }
    return f->view.l3_length;
}

/* Takes the first input not yet taken that is this packet `hops` routers ago; its index or -1. Packets of two SAs
 * may overtake each other. */
static int take_input(const struct txo_frames *in, bool *taken, const uint8_t *ip, uint32_t length,
                      unsigned hops)
{
    static uint8_t expected[TXO_ROOM];

    for (unsigned i = 0; i < in->count; i++) {
        if (!taken[i] && in->at[i].view.l3_length == length &&
            hops_later(&in->at[i], hops, expected) == length && !memcmp(expected, ip, length)) {
            taken[i] = true;
            return (int)i;
        }
    }
    return -1;
}

static bool *none_taken(const struct txo_frames *in)
{
    bool *taken = calloc(in->count + 1, sizeof *taken);

    ck_assert_ptr_nonnull(taken);
    return taken;
}

/* ---- what leaves is what came in -------------------------------------------------------------------- */

/* Every ESP frame opens with OpenSSL to an input less a hop; what tshark makes of it is the same. */
static void check_esp(const char *esp, const char *recording, const struct txo_frames *in)
{
    static struct txo_nodes nodes;
    static uint8_t work[TXO_ROOM];
    static uint8_t expected[TXO_ROOM];
    struct txo_frames out;
    struct txo_decrypted *decrypted;
    bool *taken = none_taken(in);
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    bool asked;

    ck_assert_ptr_nonnull(crypt);
    txo_load(esp, "", &out);
    txo_load_nodes(recording, &nodes);
    ck_assert_uint_eq(out.count, in->count);
    decrypted = calloc(out.count + 1, sizeof *decrypted);
    ck_assert_ptr_nonnull(decrypted);
    asked = txo_tshark(esp, &nodes, decrypted, out.count);
    for (unsigned i = 0; i < out.count; i++) {
        const struct esp_node *node = txo_find_spi(&nodes, out.at[i].view.spi);
        struct esp_key_ref key[ESP_MAX_SAS] = { { 0, 1 } };
        struct esp_packet packet = { work, TXO_ROOM, 0, out.at[i].length, out.at[i].l3 };
        struct esp_opened opened[ESP_MAX_SAS];
        uint32_t hi[ESP_MAX_SAS] = { 0 };
        int from;

        ck_assert_ptr_nonnull(node);
        ck_assert_uint_eq(out.at[i].view.vlan_tags, 0);
        key[0].id = (uint32_t)(node - nodes.at);
        memcpy(work, out.at[i].bytes, out.at[i].length);
        ck_assert_int_eq(esp_open_packet(crypt, node, key, &packet, hi, NULL, opened, NULL),
                         ESP_OK);
        from = take_input(in, taken, esp_packet_bytes(&packet) + packet.l3,
                          packet.length - packet.l3, 1);
        ck_assert_msg(from >= 0, "frame %u opens to nothing that came in", i + 1);
        if (asked) {
            uint32_t length = hops_later(&in->at[from], 1, expected);

            ck_assert_uint_ge(decrypted[i].length, length);
            ck_assert_mem_eq(decrypted[i].bytes, expected, length);
        }
    }
    if (!asked) {
        puts("SKIP test_forward decryption by tshark: no tshark");
    }
    for (unsigned i = 0; i < out.count; i++) {
        free(decrypted[i].bytes);
    }
    esp_crypt_close(crypt);
    free(decrypted);
    free(taken);
    txo_free(&out);
}

/* Every frame is an input `hops` routers later, in clear, with this tag. */
static void check_clear(const char *clear, const struct txo_frames *in, unsigned hops,
                        unsigned vlan)
{
    struct txo_frames out;
    bool *taken = none_taken(in);

    txo_load(clear, "", &out);
    ck_assert_uint_eq(out.count, in->count);
    for (unsigned i = 0; i < out.count; i++) {
        const struct txo_frame *f = &out.at[i];

        ck_assert_uint_eq(f->view.vlan, vlan);
        ck_assert_uint_eq(f->view.vlan_tags, vlan != 0);
        ck_assert_uint_eq(f->length, f->l3 + f->view.l3_length);
        ck_assert_msg(take_input(in, taken, f->bytes + f->l3, f->view.l3_length, hops) >= 0,
                      "frame %u is nothing that came in", i + 1);
    }
    free(taken);
    txo_free(&out);
}

static void check_counts(const json_t *report, unsigned packets, unsigned in_port,
                         unsigned out_port)
{
    char path[64];

    ck_assert_uint_eq(txo_number(report, "forward.packets"), packets);
    ck_assert_uint_eq(txo_number(report, "forward.latency_ns.count"), packets);
    ck_assert_uint_eq(txo_number(report, "rx.packets_in"), packets);
    ck_assert_uint_eq(txo_number(report, "rx.packets_out"), packets);
    ck_assert_uint_eq(txo_number(report, "tx.packets_in"), packets);
    ck_assert_uint_eq(txo_number(report, "tx.packets_out"), packets);
    for (unsigned p = 0; p < 2; p++) {
        snprintf(path, sizeof path, "ports.%u.rx.packets", p);
        ck_assert_uint_eq(txo_number(report, path), p == in_port ? packets : 0);
        snprintf(path, sizeof path, "ports.%u.tx.packets", p);
        ck_assert_uint_eq(txo_number(report, path), p == out_port ? packets : 0);
    }
}

/* Clear in by port 0, ESP out by port 1; that into a second gateway's port 1, clear out of its port 0, with a tag;
 * and, tags and all, into the first one again. */
START_TEST(chain)
{
    char clear[TXO_PATH];
    struct txo_frames in;
    json_t *report;

    if (!txo_data("captures/linux61-18-gcm128-bulk-tcp-tunnel4in4.clear.pcap", clear)) {
        return;
    }
    write_text(file("out.jsonl"), recording_out);
    write_inbound(file("in.jsonl"));
    txo_load(clear, "", &in);

    report = run(TWO_PORTS "--oids '%s' --rx '%s' --forward %s --tx-out '1:%s'", file("out.jsonl"),
                 clear, paths[_i], file("esp.pcap"));
    check_counts(report, in.count, 0, 1);
    json_decref(report);
    check_esp(file("esp.pcap"), file("out.jsonl"), &in);

    report = run(TWO_PORTS
                 "--oids '%s' --rx '1:%s' --forward %s --tx-out '0:%s' --set card.forward.vlan=7",
                 file("in.jsonl"), file("esp.pcap"), paths[_i], file("tagged.pcap"));
    check_counts(report, in.count, 1, 0);
    json_decref(report);
    check_clear(file("tagged.pcap"), &in, 2, 7);

    txo_free(&in);
    txo_load(file("tagged.pcap"), "", &in);
    json_decref(run(TWO_PORTS "--oids '%s' --rx '0:%s' --forward %s --tx-out '%s'",
                    file("out.jsonl"), file("tagged.pcap"), paths[_i], file("again.pcap")));
    check_esp(file("again.pcap"), file("out.jsonl"), &in);
    txo_free(&in);
}
END_TEST

/* What a Linux kernel has encrypted comes out clear, as the recorded receiver had it, less a hop. */
START_TEST(kernel)
{
    static const char *const names[] = { "linux61-18-gcm128-bulk-tcp-tunnel4in4",
                                         "linux61-05-cbc128-sha1-tunnel4in6",
                                         "linux61-11-chacha20poly1305-tunnel6in6" };
    const char *name = names[_i / PATHS];
    char path[256];
    char sas[TXO_PATH];
    char clear[TXO_PATH];
    char wire[TXO_PATH];
    struct txo_frames in;
    json_t *report;

    snprintf(path, sizeof path, "captures/%s.sa.json", name);
    if (!txo_data(path, sas)) {
        return;
    }
    snprintf(path, sizeof path, "captures/%s.clear.pcap", name);
    ck_assert(txo_data(path, clear));
    snprintf(path, sizeof path, "captures/%s.pcap", name);
    ck_assert(txo_data(path, wire));
    txo_recording(sas, "all", false, file("kernel.jsonl"));
    report = run(TWO_PORTS
                 "--oids '%s' --rx '1:%s' --rx-filter 'esp or (ip6 proto 50) or udp port 4500' "
                 "--forward %s --tx-out '0:%s'",
                 file("kernel.jsonl"), wire, paths[_i % PATHS], file("opened.pcap"));
    txo_load(clear, "", &in);
    ck_assert_uint_eq(txo_number(report, "forward.packets"), in.count);
    check_clear(file("opened.pcap"), &in, 1, 0);
    json_decref(report);
    txo_free(&in);
}
END_TEST

/* Stamps of the captures tell the latency that the report tells. */
START_TEST(latency)
{
    char clear[TXO_PATH];
    char error[512];
    struct capture *in;
    struct capture *out;
    struct capture_packet p;
    struct capture_packet q;
    json_t *report;
    double least = 1e18;
    double most = 0;

    if (!txo_data("captures/linux61-18-gcm128-bulk-tcp-tunnel4in4.clear.pcap", clear)) {
        return;
    }
    write_text(file("out.jsonl"), recording_out);
    report =
        run(TWO_PORTS
            "--oids '%s' --rx '%s' --rx-filter 'src host 192.168.10.1' --forward %s --tx-out '%s'",
            file("out.jsonl"), clear, paths[_i], file("esp.pcap"));
    in = capture_open(clear, "src host 192.168.10.1", error, sizeof error);
    out = capture_open(file("esp.pcap"), "", error, sizeof error);
    ck_assert(in && out);
    while (capture_next(in, &p) == CAPTURE_OK) { /* of one SA: in order */
        uint32_t length = p.length < 60 ? 60 : p.length;
        double took;

        ck_assert_int_eq(capture_next(out, &q), CAPTURE_OK);
        took = (double)(q.time_ns - p.time_ns) - (8 + length + 4) * 8 / 100.0;
        least = took < least ? took : least;
        most = took > most ? took : most;
    }
    ck_assert_double_eq_tol(real(report, "forward.latency_ns.min"), least, 2);
    /* a packet that came while the wire was not free is later than its stamp */
    ck_assert_double_le(real(report, "forward.latency_ns.max"), most + 2);
    ck_assert_double_ge(real(report, "forward.latency_ns.max"), least);
    capture_close(in);
    capture_close(out);
    json_decref(report);
}
END_TEST

/* What stands in front of a packet (host.rx.done head) tells when it came, also where the host leaves room for
 * headers before that: the host sees a packet before it is sent on, so reception takes less than forwarding. */
START_TEST(latency_of_prefixes)
{
    char clear[TXO_PATH];
    json_t *report[2];

    if (!txo_data("captures/linux61-18-gcm128-bulk-tcp-tunnel4in4.clear.pcap", clear)) {
        return;
    }
    write_text(file("out.jsonl"), recording_out);
    for (unsigned i = 0; i < 2; i++) {
        report[i] = run(TWO_PORTS "--oids '%s' --rx '%s' --rx-filter 'src host 192.168.10.1' "
                                  "--forward host --set host.rx.done=%s",
                        file("out.jsonl"), clear, i ? "head" : "each");
        ck_assert_uint_gt(txo_number(report[i], "forward.packets"), 500);
        ck_assert_double_eq(real(report[i], "rx.latency_ns.count"),
                            real(report[i], "forward.packets"));
        ck_assert_double_lt(real(report[i], "rx.latency_ns.max"),
                            real(report[i], "forward.latency_ns.max"));
        ck_assert_double_lt(real(report[i], "rx.latency_ns.min"),
                            real(report[i], "forward.latency_ns.min"));
    }
    /* the prefix moves with the packet, the number behind it: not far from an entry behind a packet */
    ck_assert_double_eq_tol(real(report[1], "rx.latency_ns.p50"),
                            real(report[0], "rx.latency_ns.p50"), 2000);
    json_decref(report[0]);
    json_decref(report[1]);
}
END_TEST

/* Contents have no influence on time. */
START_TEST(timing_only)
{
    static const char *const same[] = { "time", "ports", "rx", "tx", "forward", "pcie", "blocks" };
    char clear[TXO_PATH];
    json_t *report[2];

    if (!txo_data("captures/linux61-18-gcm128-bulk-tcp-tunnel4in4.clear.pcap", clear)) {
        return;
    }
    write_text(file("out.jsonl"), recording_out);
    write_inbound(file("in.jsonl"));
    json_decref(run(TWO_PORTS "--oids '%s' --rx '%s' --forward %s --tx-out '%s' --pace 90Gbps",
                    file("out.jsonl"), clear, paths[_i], file("esp.pcap")));
    for (unsigned inbound = 0; inbound < 2; inbound++) {
        for (unsigned timing = 0; timing < 2; timing++) {
            report[timing] =
                run(TWO_PORTS "--oids '%s' --rx '%s' --forward %s --pace 90Gbps %s",
                    file(inbound ? "in.jsonl" : "out.jsonl"), inbound ? file("esp.pcap") : clear,
                    paths[_i], timing ? "--timing-only" : "");
        }
        ck_assert_uint_gt(txo_number(report[0], "forward.packets"), 500);
        for (size_t k = 0; k < sizeof same / sizeof same[0]; k++) {
            ck_assert_msg(json_equal(json_object_get(report[0], same[k]),
                                     json_object_get(report[1], same[k])),
                          "%s, %s: \"%s\" differs without contents", paths[_i],
                          inbound ? "ESP in" : "clear in", same[k]);
        }
        json_decref(report[0]);
        json_decref(report[1]);
    }
}
END_TEST

/* ---- why packets stay ----------------------------------------------------------------------------------- */

/* An IPv4 packet in Ethernet, with a tag if asked for. */
static void put(struct capture_writer *w, uint64_t ns, uint32_t src, uint32_t dst, uint8_t ttl,
                uint32_t length, unsigned vlan)
{
    static uint8_t frame[2000];
    uint8_t *at = frame + 12;

    memset(frame, 0, sizeof frame);
    if (vlan) {
        esp_put16(at, 0x8100);
        esp_put16(at + 2, (uint16_t)vlan);
        at += 4;
    }
    esp_put16(at, ESP_ETHERTYPE_IPV4);
    at += 2;
    at[0] = 0x45;
    esp_put16(at + 2, (uint16_t)length);
    at[8] = ttl;
    at[9] = ESP_PROTO_UDP;
    esp_put32(at + 12, src);
    esp_put32(at + 16, dst);
    esp_put16(at + 10, esp_ip_checksum(at, 20));
    esp_put16(at + 24, (uint16_t)(length - 20));
    capture_write(w, ns, frame, (uint32_t)(at - frame) + length, (uint32_t)(at - frame) + length);
}

enum { LEFT = 0xc0a80a05, RIGHT = 0xc0a81407, ELSEWHERE = 0x0a000001, LOCAL = 0xc0a81401 };

START_TEST(stays)
{
    char error[256];
    struct capture_writer *w = capture_writer_open(file("mix.pcap"), error, sizeof error);
    static const uint8_t arp[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6 };
    json_t *r;

    ck_assert_ptr_nonnull(w);
    put(w, 1000, LEFT, RIGHT, 64, 100, 0);     /* goes */
    put(w, 2000, LEFT, RIGHT, 64, 100, 5);     /* goes, without its tag */
    put(w, 3000, LEFT, RIGHT, 2, 100, 0);      /* goes: a hop is left */
    put(w, 4000, LEFT, RIGHT, 1, 100, 0);      /* ttl */
    put(w, 5000, LEFT, RIGHT, 0, 100, 0);      /* ttl */
    put(w, 6000, LEFT, ELSEWHERE, 64, 100, 0); /* no_route */
    put(w, 7000, LEFT, LOCAL, 64, 100, 0);     /* no_route: of this host */
    put(w, 8000, RIGHT, RIGHT, 64, 100, 0);    /* no_sa: no selector takes it */
    put(w, 9000, LEFT, RIGHT, 64, 1000, 0);    /* too_big with an SA, though not without */
    put(w, 10000, RIGHT, RIGHT, 64, 1001,
        0); /* no_sa is said first, though it is too_big as well */
    capture_write(w, 11000, arp, sizeof arp, sizeof arp);
    ck_assert(capture_writer_close(w, error, sizeof error));
    write_text(file("out.jsonl"), recording_out);
    r = run(TWO_PORTS
            "--oids '%s' --rx '%s' --forward %s --rx-out '%s' --set card.mac.mtu=1000B --set "
            "'card.forward.routes=192.168.20.0/24=1, 192.168.20.1/32=host'",
            file("out.jsonl"), file("mix.pcap"), paths[_i], file("stack.pcap"));
    ck_assert_uint_eq(txo_number(r, "forward.stay.ttl"), 2);
    ck_assert_uint_eq(txo_number(r, "forward.stay.no_route"), 2);
    ck_assert_uint_eq(txo_number(r, "forward.stay.no_sa"), 2);
    ck_assert_uint_eq(txo_number(r, "forward.stay.not_ip"), 1);
    ck_assert_uint_eq(txo_number(r, "ports.1.tx.packets"), 3);
    if (_i == HAIRPIN) {
        ck_assert_uint_eq(txo_number(r, "forward.stay.too_big"), 1);
        ck_assert_uint_eq(txo_number(r, "host.rx.delivered"), 8);
    } else { /* the host does not know what the SA adds: the card says no */
        ck_assert_uint_eq(txo_number(r, "tx.drops.mtu"), 1);
        ck_assert_uint_eq(txo_number(r, "host.rx.delivered"), 7);
    }
    json_decref(r);
    r = run(TWO_PORTS
            "--oids '%s' --rx '%s' --forward %s --tx-out '%s' --set card.forward.clear=true --set "
            "card.forward.ttl=false",
            file("out.jsonl"), file("mix.pcap"), paths[_i], file("sent.pcap"));
    ck_assert_uint_eq(txo_number(r, "forward.stay.no_sa"), 0);
    ck_assert_uint_eq(txo_number(r, "forward.stay.ttl"), 0);
    ck_assert_uint_eq(txo_number(r, "ports.1.tx.packets"), 10);
    json_decref(r);
}
END_TEST

/* An SA takes its packets as long as it is there: before its ADD and after its DELETE they stay. */
START_TEST(rules_come_and_go)
{
    char text[4096];
    char error[256];
    struct capture_writer *w = capture_writer_open(file("long.pcap"), error, sizeof error);
    json_t *r;

    ck_assert_ptr_nonnull(w);
    for (unsigned i = 0; i < 300; i++) { /* 3 ms */
        put(w, 10000ull * i, LEFT, RIGHT, 64, 100, 0);
    }
    ck_assert(capture_writer_close(w, error, sizeof error));
    snprintf(
        text, sizeof text,
        "{\"t_ns\":1000000,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":1,\"dir\":\"out\",\"src\":\"192.0.2.1\","
        "\"dst\":\"192.0.2.2\",\"mode\":\"tunnel\",\"sel\":{\"src\":\"192.168.10.0/24\",\"dst\":"
        "\"192.168.20.0/24\"},\"sa\":[{\"op\":\"esp\",\"spi\":4096,\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":"
        "\"00112233445566778899aabbccddeeff01020304\"}}]}]}\n"
        "{\"t_ns\":2000000,\"oid\":\"DELETE_SA\",\"handles\":[1]}\n");
    write_text(file("churn.jsonl"), text);
    r = run(TWO_PORTS "--oids '%s' --no-preload --rx '%s' --forward %s", file("churn.jsonl"),
            file("long.pcap"), paths[_i]);
    ck_assert_uint_eq(txo_number(r, "oids.delete.nodes_done"), 1);
    ck_assert_uint_ge(txo_number(r, "ports.1.tx.packets"), 98);
    ck_assert_uint_le(txo_number(r, "ports.1.tx.packets"), 100);
    ck_assert_uint_ge(txo_number(r, "forward.stay.no_sa"), 198);
    ck_assert_uint_eq(txo_number(r, "ports.1.tx.packets") + txo_number(r, "forward.stay.no_sa") +
                          txo_sum(r, "tx.drops"),
                      300);
    json_decref(r);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------ */

#define LOADED                                                                                     \
    TWO_PORTS "--timing-only --set traffic.profile=mno --set traffic.tunnels=40 --packets 60000 "  \
              "--warmup 300us --forward %s --set '%s' --set '%s'"

/* Two full wires into one: it is full, what it cannot take is dropped where the parameter says, both ports lose
 * alike, and all comes to an end. */
START_TEST(two_into_one)
{
    json_t *r = run(LOADED, "hairpin", "card.forward.routes=default=1",
                    _i ? "card.forward.full=drop" : "card.forward.full=wait");
    uint64_t lost = txo_number(r, _i ? "rx.drops.forward_full" : "rx.drops.rx_overflow");

    ck_assert_uint_eq(txo_number(r, "ports.0.tx.packets"), 0);
    ck_assert_double_gt(real(r, "ports.1.tx.wire_gbps"), 99.8);
    ck_assert_uint_eq(txo_number(r, _i ? "rx.drops.rx_overflow" : "rx.drops.forward_full"), 0);
    ck_assert_uint_eq(txo_sum(r, "rx.drops"), lost);
    ck_assert_double_gt((double)lost, 0.4 * 60000);
    ck_assert_double_eq_tol((double)txo_number(r, "ports.0.rx.dropped"),
                            (double)txo_number(r, "ports.1.rx.dropped"), 0.04 * (double)lost);
    ck_assert_uint_eq(lost + txo_number(r, "ports.1.tx.packets"), 60000);
    json_decref(r);
}
END_TEST

START_TEST(two_into_one_by_the_host)
{
    json_t *r = run(LOADED, "host", "card.forward.routes=default=1", "host.cores=4");

    ck_assert_double_gt(real(r, "ports.1.tx.wire_gbps"), 99.8);
    ck_assert_double_gt((double)txo_number(r, "rx.drops.rx_no_descriptor") +
                            (double)txo_number(r, "tx.drops.host_backlog"),
                        0.3 * 60000);
    ck_assert_uint_eq(
        txo_sum(r, "rx.drops") + txo_sum(r, "tx.drops") + txo_number(r, "tx.packets_out"), 60000);
    json_decref(r);
}
END_TEST

/* A port that cannot send all does not keep packets from the host, if the card drops what finds no room. */
START_TEST(full_port_and_the_host)
{
    json_t *r = run(LOADED " --set host.cores=4 --set host.rx.packet=10ns", "hairpin",
                    "card.forward.routes=11.0.0.0/8=1 10.0.0.0/8=host", "card.forward.full=drop");

    ck_assert_uint_gt(txo_number(r, "rx.drops.forward_full"), 300);
    ck_assert_uint_eq(txo_sum(r, "rx.drops"), txo_number(r, "rx.drops.forward_full"));
    ck_assert_uint_eq(txo_number(r, "forward.stay.no_route"), txo_number(r, "host.rx.delivered"));
    ck_assert_double_eq_tol((double)txo_number(r, "host.rx.delivered"), 30000, 100);
    json_decref(r);
}
END_TEST

/* Forwarded packets and those of the host share a wire: turns at sa_fetch, so neither starves. */
START_TEST(host_and_forwarded_share_a_port)
{
    char error[256];
    struct capture_writer *w = capture_writer_open(file("own.pcap"), error, sizeof error);
    json_t *r;
    double own;
    double turned;

    ck_assert_ptr_nonnull(w);
    for (unsigned i = 0; i < 2000; i++) {
        put(w, 100ull * i, LEFT, RIGHT, 64, 1000, 0);
    }
    ck_assert(capture_writer_close(w, error, sizeof error));
    write_text(file("out.jsonl"), recording_out);
    r = run(
        TWO_PORTS
        "--oids '%s' --rx '0:%s' --tx '1:%s' --loop 10 --load max --packets 20000 --warmup 20us "
        "--forward hairpin --set host.tx.packet=10ns",
        file("out.jsonl"), file("own.pcap"), file("own.pcap"));
    own = (double)txo_number(r, "host.tx.sent");
    turned = (double)txo_number(r, "forward.packets");
    ck_assert_double_gt(real(r, "ports.1.tx.wire_gbps"), 99.5);
    ck_assert_msg(own > 0.8 * turned && turned > 0.8 * own, "%g of the host, %g forwarded", own,
                  turned);
    json_decref(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward");
    TCase *tc = tcase_create("forward");
    SRunner *runner;
    int failed;

    espnic = getenv("ESPNIC") ? getenv("ESPNIC") : "build/espnic";
    setvbuf(stdout, NULL, _IOLBF, 0);
    txo_folder();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, chain, 0, PATHS);
    tcase_add_loop_test(tc, kernel, 0, 3 * PATHS);
    tcase_add_loop_test(tc, latency, 0, PATHS);
    tcase_add_test(tc, latency_of_prefixes);
    tcase_add_loop_test(tc, timing_only, 0, PATHS);
    tcase_add_loop_test(tc, stays, 0, PATHS);
    tcase_add_loop_test(tc, rules_come_and_go, 0, PATHS);
    tcase_add_loop_test(tc, two_into_one, 0, 2);
    tcase_add_test(tc, two_into_one_by_the_host);
    tcase_add_test(tc, full_port_and_the_host);
    tcase_add_test(tc, host_and_forwarded_share_a_port);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    txo_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
