/* Large sends of a real capture (frames of up to 64 kB, from hosts with segmentation offload) through `espnic run`:
 * every frame on the wire is opened by others, OpenSSL and tshark, and must be the next piece of the next frame that
 * was given, with the numbers, flags, identification and lengths that a receiver expects; tshark checks the checksums
 * of IP and TCP. What is cut, by whom, and into what is worked out here first. */
#include <check.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tx_out_support.h"

static const char *espnic;

#define TRAFFIC "traffic/web-video-with-segmentation-offload.pcap"

enum { MTU = 1500 };
enum cutter { NOBODY, CARD, HOST };

struct setting {
    const char *name, *options;
    const char *sa; /* of an SA entry, NULL: in the clear */
    bool tunnel, udp;
    uint32_t fixed,
        align; /* bytes that it adds to what is behind the IP header; to a multiple of align */
    enum cutter cutter;
    bool esn_wrap; /* numbers begin shortly before 2^32 */
};

/* Settings whose frames tshark decrypts, too: it takes its time. */
enum { DECRYPTED = 6 };

#define GCM "\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"00112233445566778899aabbccddeeff01020304\"}"
#define CBC                                                                                        \
    "\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"00112233445566778899aabbccddeeff\"},"              \
    "\"auth\":{\"alg\":\"sha-256\","                                                               \
    "\"key\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}"

/* ESP header 8, IV 8 or 16, ICV 16, and a trailer of at least 2. */
static const struct setting settings[] = {
    { "packet offload", "card.offload=packet", GCM, false, false, 32, 4, CARD, false },
    { "crypto offload", "card.offload=crypto", GCM, false, false, 32, 4, CARD, false },
    { "packet offload, CBC", "card.offload=packet", CBC, false, false, 40, 16, CARD, false },
    { "crypto offload, CBC", "card.offload=crypto", CBC, false, false, 40, 16, CARD, false },
    { "packet offload, UDP", "card.offload=packet", GCM, false, true, 40, 4, CARD, false },
    { "crypto offload, UDP", "card.offload=crypto", GCM, false, true, 40, 4, CARD, false },
    { "in the clear", "host.tx.no_match=clear", NULL, false, false, 0, 1, CARD, false },
    { "tables behind registers", NULL, GCM, false, false, 32, 4, CARD, false },
    { "SAs in descriptors",
      "card.offload=crypto --set card.command.path=descriptor --set card.capabilities.ah_esp=false "
      "--set card.capabilities.transport_tunnel=false",
      GCM, false, false, 32, 4, CARD, false },
    { "by the host", "host.tx.lso=software", GCM, false, false, 32, 4, HOST, false },
    { "by the host, crypto offload", "host.tx.lso=software --set card.offload=crypto", CBC, false,
      false, 40, 16, HOST, false },
    { "a card that cannot", "card.capabilities.lso=false", GCM, false, false, 32, 4, HOST, false },
    { "a tunnel", "card.offload=packet", GCM, true, false, 32, 4, HOST, false },
    { "a tunnel, crypto offload", "card.offload=crypto", GCM, true, false, 32, 4, HOST, false },
    { "numbers that wrap", "card.offload=crypto --set card.sa.esn=host", GCM, false, false, 32, 4,
      CARD, true },
    { "numbers that wrap, inferred", "card.offload=crypto --set card.sa.esn=inferred", GCM, false,
      false, 32, 4, CARD, true },
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* ---- what must come out ------------------------------------------------------------------------------- */

/* A frame as it was given, and how it is to be cut. */
struct given {
    const struct txo_frame *frame;
    uint32_t headers; /* IP and TCP */
    uint32_t payload; /* of TCP */
    uint32_t mss, pieces;
};

static uint32_t outer_header(const struct setting *s, const struct txo_frame *f)
{
    return !s->tunnel ? 0 : f->view.version == 6 ? 40 : 20;
}

/* Longest IP packet that fits when it has been protected (RFC 4303 2.4). */
static uint32_t longest(const struct setting *s, const struct txo_frame *f)
{
    uint32_t outside = s->tunnel ? outer_header(s, f) : f->view.l3_header;
    uint32_t room = MTU - outside - s->fixed;

    if (!s->sa) {
        return MTU;
    }
    return (room / s->align * s->align - 2) + (s->tunnel ? 0 : outside);
}

static void foretell(const struct setting *s, const struct txo_frame *f, struct given *g)
{
    const uint8_t *tcp = f->bytes + f->l3 + f->view.l3_header;

    g->frame = f;
    g->headers = f->view.l3_header + (uint32_t)(tcp[12] >> 4) * 4;
    g->payload = f->view.l3_length - g->headers;
    g->mss = g->payload;
    g->pieces = 1;
    if (f->view.l3_length > longest(s, f) && g->payload) {
        g->mss = longest(s, f) - g->headers;
        g->pieces = (g->payload + g->mss - 1) / g->mss;
    }
}

/* ---- a receiver ------------------------------------------------------------------------------------------ */

struct looking {
    const struct setting *setting;
    struct txo_frames in, out;
    struct txo_nodes nodes;
    struct txo_decrypted *decrypted; /* by tshark, or NULL */
    struct esp_crypt *crypt;
    uint64_t number[2]; /* next one of the SA for IPv4, IPv6 */
    uint64_t cut, pieces, wraps;
};

/* The clear packet of a frame on the wire: what OpenSSL makes of it. */
static const uint8_t *open_frame(struct looking *l, const struct txo_frame *out, uint32_t *length)
{
    static uint8_t work[TXO_ROOM];
    const struct esp_node *node;
    struct esp_opened opened[ESP_MAX_SAS];
    struct esp_key_ref key[ESP_MAX_SAS] = { { 0, 1 } };
    struct esp_packet packet = { work, TXO_ROOM, 0, out->length, out->l3 };
    uint32_t hi[ESP_MAX_SAS] = { 0 };
    uint64_t *number = &l->number[out->view.version == 6];

    memcpy(work, out->bytes, out->length);
    if (!l->setting->sa) {
        *length = out->view.l3_length;
        return work + out->l3;
    }
    node = txo_find_spi(&l->nodes, out->view.spi);
    ck_assert_ptr_nonnull(node);
    key[0].id = (uint32_t)(node - l->nodes.at);
    ck_assert_uint_eq(out->view.seq, (uint32_t)*number);
    l->wraps += *number == 1ull << 32;
    hi[0] = (uint32_t)(*number >> 32);
    (*number)++;
    ck_assert_int_eq(esp_open_packet(l->crypt, node, key, &packet, hi, NULL, opened, NULL), ESP_OK);
    *length = packet.length - packet.l3;
    return esp_packet_bytes(&packet) + packet.l3;
}

/* Piece `i` of a frame: header fields (RFC 9293, RFC 791, RFC 3168) and payload. */
static void check_piece(const struct given *g, uint32_t i, const uint8_t *ip, uint32_t length)
{
    const uint8_t *was = g->frame->bytes + g->frame->l3;
    uint32_t tcp = g->frame->view.l3_header;
    uint32_t at = i * g->mss;
    uint32_t bytes = i + 1 < g->pieces ? g->mss : g->payload - at;
    uint8_t flags = was[tcp + 13];

    ck_assert_uint_eq(length, g->headers + bytes);
    ck_assert_mem_eq(ip + g->headers, was + g->headers + at, bytes);
    ck_assert_uint_eq(esp_get32(ip + tcp + 4), esp_get32(was + tcp + 4) + at);
    ck_assert_mem_eq(ip + tcp + 8, was + tcp + 8, 5);
    ck_assert_mem_eq(ip + tcp + 18, was + tcp + 18, g->headers - tcp - 18);
    flags &= i + 1 < g->pieces ? (uint8_t)~0x09 : 0xff;
    flags &= i > 0 ? 0x7f : 0xff;
    ck_assert_uint_eq(ip[tcp + 13], flags);
    if (ip[0] >> 4 == 4 && g->pieces > 1) {
        ck_assert_uint_eq(esp_get16(ip + 2), length);
        ck_assert_uint_eq(esp_get16(ip + 4), (uint16_t)(esp_get16(was + 4) + i));
        ck_assert_uint_eq(esp_ip_checksum(ip, (ip[0] & 15u) * 4), 0);
    } else if (ip[0] >> 4 == 6) {
        ck_assert_uint_eq(esp_get16(ip + 4), length - 40);
    }
}

/* tshark's decryption is TCP, as the receiver's; in tunnel mode the packet. */
static void check_decrypted(const struct looking *l, unsigned index, const uint8_t *ip,
                            uint32_t length, uint32_t l3_header)
{
    const struct txo_decrypted *d = &l->decrypted[index];
    uint32_t skip = l->setting->tunnel ? 0 : l3_header;

    ck_assert_uint_ge(d->length, length - skip);
    ck_assert_mem_eq(d->bytes, ip + skip, length - skip);
}

/* ---- checksums, by tshark ---------------------------------------------------------------------------------- */

/* tshark shows no TCP behind GCM (it takes the ICV for payload), so the opened packets, which are what it decrypts,
 * get a capture of their own. */
static void write_clear(pcap_dumper_t *clear, const struct txo_frame *out, const uint8_t *ip,
                        uint32_t length)
{
    static uint8_t frame[TXO_ROOM];
    struct pcap_pkthdr header = { .caplen = length + 14, .len = length + 14 };

    memcpy(frame, out->bytes, 12);
    esp_put16(frame + 12, ip[0] >> 4 == 6 ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    memcpy(frame + 14, ip, length);
    pcap_dump((unsigned char *)clear, &header, frame);
}

/* Status of the checksums of all frames: 1 is good. Segments must be good; what was not cut has the checksums of its
 * capture. IPv6 has none of its own. */
static void check_sums(const struct looking *l, const char *capture, const bool *piece, bool tcp)
{
    char line[1024];
    unsigned frame = 0;
    FILE *in;

    ck_assert_int_eq(txo_run("tshark -r %s/%s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE "
                             "-T fields -e ip.version -e ip.checksum.status -e tcp.checksum.status "
                             "-E separator=/s",
                             txo_folder(), capture),
                     0);
    in = fopen(txo_path("stdout"), "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(line, sizeof line, in)) {
        bool four = l->out.at[frame].view.version == 4;
        const char *want = four ? tcp ? "4 1 1\n" : "4 1 " : tcp ? "  1\n" : " ";

        ck_assert_msg(!piece[frame] || !strncmp(line, want, strlen(want)), "%s, frame %u: %s",
                      capture, frame + 1, line);
        frame++;
    }
    fclose(in);
    ck_assert_uint_eq(frame, l->out.count);
}

/* ---- one run -------------------------------------------------------------------------------------------------- */

static void write_recording(const struct setting *s, const char *path)
{
    FILE *out = fopen(path, "w");
    const char *address[2][2] = { { "192.0.2.1", "192.0.2.2" }, { "2001:db8::1", "2001:db8::2" } };

    ck_assert_ptr_nonnull(out);
    for (unsigned v = 0; s->sa && v < 2; v++) {
        fprintf(
            out,
            "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":%u,\"dir\":\"out\","
            "\"src\":\"%s\",\"dst\":\"%s\",\"mode\":\"%s\",%s"
            "\"sel\":{\"src\":\"%s\",\"dst\":\"%s\"},\"sa\":[{\"op\":\"esp\",\"spi\":%u,%s%s}]}]}\n",
            v + 1, address[v][0], address[v][1], s->tunnel ? "tunnel" : "transport",
            s->udp ? "\"udp_esp\":\"transport\"," : "", v ? "::/0" : "0.0.0.0/0",
            v ? "::/0" : "0.0.0.0/0", 4096 + v,
            s->esn_wrap ? "\"esn\":true,\"seq\":4294967000," : "", s->sa);
    }
    ck_assert_int_eq(fclose(out), 0);
}

static json_t *run(const struct setting *s, const char *tx)
{
    json_t *report;
    int status;

    write_recording(s, txo_path("sas.jsonl"));
    status = txo_run(
        "%s run --preset %s --experiments 0 --set host.cores=1 --set host.tx.backlog=8192 --set "
        "card.mac.mtu=1500B --set host.memory.tx_buffer=128KiB --set host.tx.lso=card %s %s --oids "
        "%s/sas.jsonl --tx '%s' --tx-filter tcp --tx-out %s/out.pcap -o %s/report.json",
        espnic, s->options ? "generic-100g" : "ixgbe-82599", s->options ? "--set" : "",
        s->options ? s->options : "", txo_folder(), tx, txo_folder(), txo_folder());
    ck_assert_msg(status == 0, "%s: espnic run failed: see %s/stderr", s->name, txo_folder());
    report = json_load_file(txo_path("report.json"), 0, NULL);
    ck_assert_ptr_nonnull(report);
    return report;
}

static void check_books(const struct looking *l, const json_t *report)
{
    const struct setting *s = l->setting;
    uint64_t created = txo_number(report, "tx.created");
    bool card = s->cutter == CARD;

    ck_assert_uint_eq(txo_number(report, "tx.packets_in"), l->in.count);
    ck_assert_uint_eq(created, l->pieces - l->cut);
    ck_assert_uint_eq(txo_number(report, "tx.packets_in") + created,
                      txo_number(report, "tx.packets_out") + txo_sum(report, "tx.drops"));
    ck_assert_uint_eq(txo_sum(report, "tx.drops"), 0);
    /* one frame may have to be cut by the host because the numbers would wrap inside */
    ck_assert_uint_ge(txo_number(report, "host.tx.lso") + s->esn_wrap, card ? l->cut : 0);
    ck_assert_uint_eq(txo_number(report, "host.tx.lso") + txo_number(report, "host.tx.segmented"),
                      l->cut);
    ck_assert_uint_eq(txo_number(report, "card.lso.frames"), txo_number(report, "host.tx.lso"));
    ck_assert_uint_eq(txo_number(report, "card.lso.wraps"), 0);
    ck_assert_uint_eq(txo_number(report, "card.tx.packets_in") +
                          txo_number(report, "card.lso.created"),
                      txo_number(report, "card.tx.packets_out"));
}

static void look_at_all(struct looking *l)
{
    unsigned at = 0;
    bool *piece = calloc(l->out.count + 1, sizeof *piece);
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, TXO_ROOM);
    pcap_dumper_t *clear = pcap_dump_open(dead, txo_path("clear.pcap"));

    ck_assert_ptr_nonnull(piece);
    ck_assert_ptr_nonnull(clear);
    for (unsigned n = 0; n < l->in.count; n++) {
        struct given g;

        foretell(l->setting, &l->in.at[n], &g);
        l->cut += g.pieces > 1;
        l->pieces += g.pieces > 1 ? g.pieces : 0;
        for (uint32_t i = 0; i < g.pieces; i++, at++) {
            uint32_t length;
            const uint8_t *ip;

            ck_assert_uint_lt(at, l->out.count);
            ip = open_frame(l, &l->out.at[at], &length);
            ck_assert_uint_le(l->out.at[at].view.l3_length, g.pieces > 1 ? (uint32_t)MTU : 65535u);
            check_piece(&g, i, ip, length);
            if (l->decrypted && l->setting->sa) {
                check_decrypted(l, at, ip, length, l->in.at[n].view.l3_header);
            }
            piece[at] = g.pieces > 1;
            write_clear(clear, &l->out.at[at], ip, length);
        }
    }
    ck_assert_uint_eq(at, l->out.count);
    pcap_dump_close(clear);
    pcap_close(dead);
    if (txo_have("tshark")) {
        check_sums(l, "out.pcap", piece, false);
        check_sums(l, "clear.pcap", piece, true);
    }
    free(piece);
}

static void one_setting(const struct setting *s)
{
    static struct looking l;
    char tx[TXO_PATH];
    char error[256];
    json_t *report;

    memset(&l, 0, sizeof l);
    l.setting = s;
    if (!txo_data(TRAFFIC, tx)) {
        return;
    }
    l.number[0] = l.number[1] = s->esn_wrap ? 4294967000u : 1;
    report = run(s, tx);
    txo_load(tx, "tcp", &l.in);
    txo_load(txo_path("out.pcap"), "", &l.out);
    txo_load_nodes(txo_path("sas.jsonl"), &l.nodes);
    l.crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    ck_assert_ptr_nonnull(l.crypt);
    if (s < &settings[DECRYPTED]) {
        l.decrypted = calloc(l.out.count + 1, sizeof *l.decrypted);
        ck_assert_ptr_nonnull(l.decrypted);
        if (!txo_tshark(txo_path("out.pcap"), &l.nodes, l.decrypted, l.out.count)) {
            puts("SKIP test_lso_out decryption by tshark: no tshark");
            free(l.decrypted);
            l.decrypted = NULL;
        }
    }
    look_at_all(&l);
    check_books(&l, report);
    ck_assert_uint_ge(l.cut, 250);
    ck_assert(!s->esn_wrap || l.wraps == 1);
    printf("%s: %u frames, %llu cut into %llu by %s\n", s->name, l.in.count,
           (unsigned long long)l.cut, (unsigned long long)l.pieces,
           s->cutter == CARD ? "the card" : "the host");
    for (unsigned i = 0; l.decrypted && i < l.out.count; i++) {
        free(l.decrypted[i].bytes);
    }
    free(l.decrypted);
    json_decref(report);
    txo_free(&l.in);
    txo_free(&l.out);
    esp_crypt_close(l.crypt);
}

START_TEST(every_piece)
{
    one_setting(&settings[_i]);
}
END_TEST

/* Off, the default: as if nothing of this were there. */
START_TEST(off)
{
    char tx[TXO_PATH];
    json_t *report;

    if (!txo_data(TRAFFIC, tx)) {
        return;
    }
    write_recording(&settings[0], txo_path("sas.jsonl"));
    ck_assert_int_eq(
        txo_run("%s run --preset generic-100g --experiments 0 --oids %s/sas.jsonl --tx "
                "'%s' -o %s/report.json",
                espnic, txo_folder(), tx, txo_folder()),
        0);
    report = json_load_file(txo_path("report.json"), 0, NULL);
    ck_assert_ptr_nonnull(report);
    ck_assert_uint_eq(txo_number(report, "tx.created"), 0);
    ck_assert_uint_eq(txo_number(report, "card.lso.frames"), 0);
    ck_assert_uint_ge(txo_number(report, "tx.drops.host_too_long"), 1);
    json_decref(report);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lso_out");
    TCase *tc = tcase_create("lso_out");
    SRunner *runner;
    int failed;

    espnic = getenv("ESPNIC") ? getenv("ESPNIC") : "build/espnic";
    setvbuf(stdout, NULL, _IOLBF, 0);
    txo_folder();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, every_piece, 0, SETTINGS);
    tcase_add_test(tc, off);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    txo_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
