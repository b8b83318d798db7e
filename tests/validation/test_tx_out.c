/* What `espnic run` sends (--tx-out) is accepted by others: the frames are opened with OpenSSL and with
 * tshark and compared with the clear packets that went in, and with what the Linux kernel made of the same
 * packets. Numbers, outer headers, IVs and the books are checked on the way.
 *
 * Linux's IVs are not the sequence number (seqiv mixes it with a secret, CBC's are random), so its bytes
 * can only be met where there is no IV (NULL) or by chance: `same_bits` counts. Lengths are always met. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tx_out_support.h"

static const char *espnic;

/* One run: clear packets in, one --tx-out to look at. */
struct job {
    const char *name;
    const char *tx, *filter; /* files as they are */
    const char *recording;
    const char *kernel; /* capture of the same SAs sent by Linux, or NULL */
    const char *options;
    bool mixed;        /* packets of several flows and SAs may overtake each other */
    uint64_t least;    /* packets that must be protected */
    bool kernel_bits;  /* every protected packet must equal the kernel's in all bits */
    uint64_t not_same; /* packets that the kernel cut into fragments: not compared */
};

struct found {
    bool asked; /* tshark is there */
    uint64_t protected, clear, wraps, same_bits, same_length, decrypted;
    uint64_t next[TXO_MAX_NODES]; /* number that comes next, by node */
};

/* Cards: who numbers, and who knows the upper half of the number. */
static const struct {
    const char *name, *options;
    bool hand_over; /* the host must send UPDATE_SA before the first packet of a new half */
} cards[] = {
    { "packet offload", "--set card.offload=packet", false },
    { "crypto offload, ESN by the host", "--set card.offload=crypto --set card.sa.esn=host", true },
    { "crypto offload, ESN inferred", "--set card.offload=crypto --set card.sa.esn=inferred",
      false },
};
enum { CARDS = sizeof cards / sizeof cards[0] };

/* ---- one frame ------------------------------------------------------------------------------------------ */

static unsigned align_of(const struct esp_sa *sa)
{
    unsigned block = esp_alg_info(sa->enc.alg)->block_bytes;

    return block > 4 ? block : 4;
}

/* RFC 4301 5.1.2.1, sim/esp/README.md: what the outer header is made of. */
static void check_outer(const struct job *job, const struct txo_frame *out,
                        const struct esp_node *node, const uint8_t *inner)
{
    const uint8_t *ip = out->bytes + out->l3;
    struct esp_address src;
    struct esp_address dst;
    unsigned tos =
        (inner[0] >> 4) == 4 ? inner[1] : (unsigned)(inner[0] << 4 | inner[1] >> 4) & 0xffu;

    esp_view_addresses(out->bytes, &out->view, &src, &dst);
    ck_assert_mem_eq(&src, &node->src, sizeof src);
    ck_assert_mem_eq(&dst, &node->dst, sizeof dst);
    if (node->mode != ESP_MODE_TUNNEL) {
        return;
    }
    if (out->view.version == 4) {
        unsigned df = (inner[0] >> 4) == 4 ? inner[6] & 0x40u : 0x40u;

        ck_assert_uint_eq(ip[0], 0x45);
        ck_assert_uint_eq(ip[1], tos);
        ck_assert_msg((ip[6] & 0xffu) == df && ip[7] == 0, "%s: DF", job->name);
        ck_assert_uint_eq(ip[8], 64);
        ck_assert_uint_eq(esp_ip_checksum(ip, 20), 0);
        ck_assert_uint_eq(esp_get16(ip + 2), out->length - out->l3);
    } else {
        ck_assert_uint_eq((ip[0] << 4 | ip[1] >> 4) & 0xff, tos);
        ck_assert_uint_eq(ip[7], 64);
        ck_assert_uint_eq((ip[1] & 15u) | ip[2] | ip[3], 0);
    }
    if (node->udp != ESP_UDP_NONE) {
        ck_assert_uint_eq(out->view.sport, node->encap_sport);
        ck_assert_uint_eq(out->view.dport, node->encap_dport);
    }
}

/* Counter modes take the number as IV. */
static void check_iv(const struct job *job, const struct txo_frame *out, const struct esp_sa *sa,
                     uint64_t number)
{
    const uint8_t *iv = out->bytes + out->view.esp + ESP_HEADER;
    enum esp_alg alg =
        sa->enc.alg != ESP_ALG_NONE && sa->enc.alg != ESP_ALG_NULL ? sa->enc.alg : sa->auth.alg;

    if (esp_alg_info(alg)->iv_bytes == 8 && align_of(sa) == 4) {
        uint64_t value = (uint64_t)esp_get32(iv) << 32 | esp_get32(iv + 4);

        ck_assert_msg(value == number, "%s: number %llu has IV %llu", job->name,
                      (unsigned long long)number, (unsigned long long)value);
    }
}

/* The same number of the same SA as the kernel sent it. */
static void meet_kernel(const struct job *job, const struct txo_frame *out,
                        const struct txo_frames *kernel, unsigned *hint, unsigned iv_bytes,
                        struct found *found)
{
    uint32_t length = out->view.ipsec_end - out->view.esp;

    for (unsigned n = 0; n < kernel->count; n++) {
        const struct txo_frame *k = &kernel->at[(*hint + n) % kernel->count];

        if (!k->view.esp || k->view.esp_spi != out->view.esp_spi || k->view.fragment ||
            esp_get32(k->bytes + k->view.esp + 4) != out->view.seq ||
            esp_get32(k->bytes + k->view.esp) != out->view.spi) {
            continue;
        }
        *hint = (*hint + n + 1) % kernel->count;
        ck_assert_msg(k->view.ipsec_end - k->view.esp == length,
                      "%s: number %u is %u bytes of ESP, the kernel's %u", job->name, out->view.seq,
                      length, k->view.ipsec_end - k->view.esp);
        found->same_length++;
        if (!memcmp(k->bytes + k->view.esp, out->bytes + out->view.esp, ESP_HEADER + iv_bytes)) {
            bool same = !memcmp(k->bytes + k->view.esp, out->bytes + out->view.esp, length);

            ck_assert_msg(same || !job->kernel_bits, "%s: number %u differs from the kernel's",
                          job->name, out->view.seq);
            found->same_bits += same;
        }
        return;
    }
}

/* Which input is it? In order; with several classes of packets the first equal one. */
static int find_input(const struct job *job, const struct txo_frames *in, bool *used, unsigned *at,
                      const uint8_t *l3, uint32_t length)
{
    for (unsigned i = *at; i < in->count; i++) {
        const struct txo_frame *f = &in->at[i];

        if (!used[i] && f->length - f->l3 >= length && f->view.l3_length == length &&
            !memcmp(f->bytes + f->l3, l3, length)) {
            used[i] = true;
            if (!job->mixed) {
                *at = i + 1;
            } else {
                while (*at < in->count && used[*at]) {
                    (*at)++;
                }
            }
            return (int)i;
        }
    }
    return -1;
}

static void check_decrypted(const struct job *job, const struct txo_decrypted *d,
                            const struct txo_frame *in, bool tunnel, struct found *found)
{
    uint32_t skip = tunnel ? 0 : in->view.l3_header;
    uint32_t length = in->view.l3_length - skip;

    ck_assert_msg(d->length >= length, "%s: tshark shows %u bytes of %u", job->name, d->length,
                  length);
    ck_assert_msg(!memcmp(d->bytes, in->bytes + in->l3 + skip, length),
                  "%s: tshark decrypts to something else", job->name);
    found->decrypted++;
}

struct looking {
    const struct job *job;
    struct txo_frames in, out, kernel;
    struct txo_nodes nodes;
    struct txo_decrypted *decrypted;
    struct esp_crypt *crypt;
    bool *used;
    unsigned at, hint;
    struct found found;
};

static uint64_t take_number(struct looking *l, const struct esp_node *node, uint32_t seq)
{
    uint64_t *next = &l->found.next[node - l->nodes.at];
    uint64_t number;

    if (*next == 0) {
        *next = node->sa[0].seq;
    }
    number = (*next)++;
    ck_assert_msg((uint32_t)number == seq, "%s: SPI %08x sends number %u, expected %u",
                  l->job->name, node->sa[0].spi, seq, (uint32_t)number);
    l->found.wraps += seq == 0 && node->sa[0].esn;
    return number;
}

static void check_protected(struct looking *l, unsigned index)
{
    static uint8_t work[TXO_ROOM];
    const struct txo_frame *out = &l->out.at[index];
    const struct esp_node *node = txo_find_spi(&l->nodes, out->view.spi);
    struct esp_opened opened[ESP_MAX_SAS];
    struct esp_key_ref key[ESP_MAX_SAS] = { { 0, 1 } };
    struct esp_packet packet = { work, TXO_ROOM, 0, out->length, out->l3 };
    uint32_t hi[ESP_MAX_SAS] = { 0 };
    uint64_t number;
    enum esp_status status;
    const uint8_t *inner;
    int from;

    ck_assert_msg(node != NULL, "%s: SPI %08x is no SA that sends", l->job->name, out->view.spi);
    key[0].id = (uint32_t)(node - l->nodes.at);
    number = take_number(l, node, out->view.seq);
    hi[0] = (uint32_t)(number >> 32);
    memcpy(work, out->bytes, out->length);
    status = esp_open_packet(l->crypt, node, key, &packet, hi, NULL, opened, NULL);
    ck_assert_msg(status == ESP_OK, "%s: frame %u: %s", l->job->name, index + 1,
                  esp_status_name(status));
    ck_assert_uint_lt(opened[0].trailer.pad_length, align_of(&node->sa[0]));
    inner = esp_packet_bytes(&packet) + packet.l3;
    from = find_input(l->job, &l->in, l->used, &l->at, inner, packet.length - packet.l3);
    ck_assert_msg(from >= 0, "%s: frame %u opens to nothing that was sent in clear", l->job->name,
                  index + 1);
    if (l->in.at[from].l3 >= 14) { /* MAC addresses are left alone */
        ck_assert_mem_eq(out->bytes, l->in.at[from].bytes, 12);
    }
    check_outer(l->job, out, node, inner);
    check_iv(l->job, out, &node->sa[0], number);
    if (l->job->kernel) {
        enum esp_alg alg = node->sa[0].enc.alg;
        unsigned iv = alg == ESP_ALG_NONE || alg == ESP_ALG_NULL ? 0 : esp_alg_info(alg)->iv_bytes;

        meet_kernel(l->job, out, &l->kernel, &l->hint, iv, &l->found);
    }
    if (l->decrypted && txo_tshark_knows(&node->sa[0])) {
        check_decrypted(l->job, &l->decrypted[index], &l->in.at[from],
                        node->mode == ESP_MODE_TUNNEL, &l->found);
    }
    l->found.protected ++;
}

static void check_clear(struct looking *l, unsigned index)
{
    const struct txo_frame *out = &l->out.at[index];

    for (unsigned i = l->at; i < l->in.count; i++) {
        const struct txo_frame *f = &l->in.at[i];

        if (!l->used[i] && f->l3 >= 14
                ? f->length == out->length && !memcmp(f->bytes, out->bytes, f->length)
                : f->length + 14 == out->length && !memcmp(f->bytes, out->bytes + 14, f->length)) {
            l->used[i] = true;
            l->found.clear++;
            return;
        }
    }
    ck_abort_msg("%s: frame %u is in clear, but none that was to be sent", l->job->name, index + 1);
}

/* ---- one run ---------------------------------------------------------------------------------------------- */

static json_t *run(const struct job *job, const char *card, const char *out)
{
    char path[TXO_PATH];
    json_t *report;
    json_error_t error;

    snprintf(path, sizeof path, "%s/report.json", txo_folder());
    ck_assert_msg(txo_run("%s run --preset generic-100g --experiments 0 --oids '%s' --tx '%s' "
                          "--tx-filter '%s' --tx-out '%s' --report '%s' %s %s",
                          espnic, job->recording, job->tx, job->filter, out, path, card,
                          job->options) == 0,
                  "%s: espnic run failed: see its message in %s/stderr", job->name, txo_folder());
    report = json_load_file(path, 0, &error);
    ck_assert_msg(report != NULL, "%s: %s", path, error.text);
    return report;
}

static void check_books(const struct looking *l, const json_t *report, unsigned card)
{
    const struct found *f = &l->found;
    uint64_t drops = txo_sum(report, "tx.drops");
    uint64_t stalls = txo_number(report, "host.tx.esn_stalls");

    ck_assert_uint_eq(txo_number(report, "tx.packets_in"), l->in.count);
    ck_assert_uint_eq(txo_number(report, "tx.packets_out"), l->out.count);
    ck_assert_uint_eq(f->protected + f->clear, l->out.count);
    ck_assert_msg(l->in.count == l->out.count + drops, "%s: %u in, %u out, %llu dropped",
                  l->job->name, l->in.count, l->out.count, (unsigned long long)drops);
    ck_assert_msg(f->protected >= l->job->least, "%s: only %llu packets were protected",
                  l->job->name, (unsigned long long)f->protected);
    /* One hand-over for each SA that gets into a new half; a card that infers does not need it. */
    if (cards[card].hand_over || strcmp(cards[card].name, "packet offload") == 0) {
        ck_assert_uint_eq(stalls, cards[card].hand_over ? f->wraps : 0);
    }
    ck_assert_uint_eq(txo_number(report, "sa.updates"), stalls);
    if (l->job->kernel_bits) {
        ck_assert_uint_eq(f->same_bits, f->protected);
    }
    if (l->job->kernel) {
        ck_assert_uint_eq(f->same_length + l->job->not_same, f->protected);
    }
}

static void look(struct looking *l, unsigned card)
{
    char path[TXO_PATH];
    char error[256];
    json_t *report;

    snprintf(path, sizeof path, "%s/out.pcap", txo_folder());
    report = run(l->job, cards[card].options, path);
    txo_load(l->job->tx, l->job->filter, &l->in);
    txo_load(path, "", &l->out);
    txo_load_nodes(l->job->recording, &l->nodes);
    if (l->job->kernel) {
        txo_load(l->job->kernel, "", &l->kernel);
    }
    l->crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    l->used = calloc(l->in.count + 1, sizeof *l->used);
    l->decrypted = calloc(l->out.count + 1, sizeof *l->decrypted);
    ck_assert_ptr_nonnull(l->crypt);
    ck_assert_ptr_nonnull(l->used);
    ck_assert_ptr_nonnull(l->decrypted);
    if (!txo_tshark(path, &l->nodes, l->decrypted, l->out.count)) {
        puts("SKIP test_tx_out decryption by tshark: no tshark");
        free(l->decrypted);
        l->decrypted = NULL;
    }
    l->found.asked = l->decrypted != NULL;
    for (unsigned i = 0; i < l->out.count; i++) {
        if (l->out.at[i].view.esp && txo_find_spi(&l->nodes, l->out.at[i].view.spi) != NULL) {
            check_protected(l, i);
        } else {
            check_clear(l, i);
        }
    }
    check_books(l, report, card);
    json_decref(report);
}

static void put_away(struct looking *l)
{
    for (unsigned i = 0; l->decrypted && i < l->out.count; i++) {
        free(l->decrypted[i].bytes);
    }
    free(l->decrypted);
    txo_free(&l->in);
    txo_free(&l->out);
    txo_free(&l->kernel);
    esp_crypt_close(l->crypt);
    free(l->used);
}

/* Every kind of card; returns what the last one did. */
static struct found check_job(const struct job *job)
{
    static struct looking l;
    struct found found = { 0 };

    for (unsigned i = 0; i < CARDS; i++) {
        memset(&l, 0, sizeof l);
        l.job = job;
        look(&l, i);
        found = l.found;
        printf("%s, %s: %llu protected, %llu clear, of %u; %llu wraps; "
               "%llu as long as the kernel's, %llu of the same bits; tshark %llu\n",
               job->name, cards[i].name, (unsigned long long)found.protected,
               (unsigned long long)found.clear, l.in.count, (unsigned long long)found.wraps,
               (unsigned long long)found.same_length, (unsigned long long)found.same_bits,
               (unsigned long long)found.decrypted);
        put_away(&l);
    }
    return found;
}

/* ---- tunnels of captures/: one run for each end ---------------------------------------------------------- */

static const char *const v4_hosts[] = { "192.168.10.1", "192.168.20.1" };
static const char *const v6_hosts[] = { "fd00:10::1", "fd00:20::1" };

static const struct {
    const char *name;
    const char *const *hosts; /* who sends into SA 1, SA 2 */
    unsigned packets[2];
    bool wraps, tshark; /* crosses 2^32; tshark knows the cipher */
} tunnels[] = {
    { "linux61-01-gcm128-tunnel4in4", v4_hosts, { 47, 47 }, false, true },
    { "linux61-02-gcm256-esn-wrap-tunnel4in4", v4_hosts, { 47, 47 }, true, true },
    { "linux61-05-cbc128-sha1-tunnel4in6", v4_hosts, { 83, 81 }, false, true },
    { "linux61-08-cbc192-sha384-udpencap-tunnel4", v4_hosts, { 47, 47 }, false, true },
    { "linux61-10-gmac128-tunnel4in4", v4_hosts, { 82, 80 }, false, false },
    { "linux61-11-chacha20poly1305-tunnel6in6", v6_hosts, { 83, 81 }, false, false },
    { "linux61-13-cbc128-sha256-esn-wrap-tunnel4", v4_hosts, { 47, 47 }, true, true },
    { "linux61-18-gcm128-bulk-tcp-tunnel4in4", v4_hosts, { 513, 365 }, false, true },
    { "linux61-20-gcm128-lifetime-expiry-tunnel4", v4_hosts, { 60, 60 }, false, true },
};
enum { TUNNELS = sizeof tunnels / sizeof tunnels[0] };

START_TEST(tunnel_of_a_capture)
{
    char name[256];
    char sas[TXO_PATH];
    char clear[TXO_PATH];
    char wire[TXO_PATH];
    char recording[TXO_PATH];
    char filter[64];
    char options[64];

    snprintf(name, sizeof name, "captures/%s.sa.json", tunnels[_i].name);
    if (!txo_data(name, sas)) {
        return;
    }
    snprintf(name, sizeof name, "captures/%s.clear.pcap", tunnels[_i].name);
    ck_assert(txo_data(name, clear));
    snprintf(name, sizeof name, "captures/%s.pcap", tunnels[_i].name);
    ck_assert(txo_data(name, wire));
    snprintf(recording, sizeof recording, "%s/sas.jsonl", txo_folder());
    txo_recording(sas, "all", true, recording);
    for (unsigned end = 0; end < 2; end++) {
        struct job job = { .name = tunnels[_i].name,
                           .tx = clear,
                           .filter = filter,
                           .recording = recording,
                           .kernel = wire,
                           .options = options,
                           .least = tunnels[_i].packets[end] };
        struct found found;

        snprintf(filter, sizeof filter, "src host %s", tunnels[_i].hosts[end]);
        snprintf(options, sizeof options, "--tx-sa %u", end + 1);
        found = check_job(&job);
        ck_assert_uint_eq(found.wraps, tunnels[_i].wraps);
        if (found.asked) {
            ck_assert_uint_eq(found.decrypted, tunnels[_i].tshark ? found.protected : 0);
        }
    }
}
END_TEST

/* ---- transport mode: the card opens a capture, and what it delivers goes back in --------------------------- */

static const struct {
    const char *name;
    bool kernel_bits; /* NULL has no IV: the kernel's very bits must come out */
} transports[] = { { "linux61-03-gcm192-icv12-transport4", false },
                   { "linux61-09-null-sha256-transport4", true } };

START_TEST(transport_of_a_capture)
{
    char name[256];
    char sas[TXO_PATH];
    char wire[TXO_PATH];
    char recording[TXO_PATH];
    char clear[TXO_PATH];
    struct job job = { .filter = "", .options = "", .least = 162 };

    snprintf(name, sizeof name, "captures/%s.sa.json", transports[_i].name);
    if (!txo_data(name, sas)) {
        return;
    }
    snprintf(name, sizeof name, "captures/%s.pcap", transports[_i].name);
    ck_assert(txo_data(name, wire));
    snprintf(recording, sizeof recording, "%s/sas.jsonl", txo_folder());
    snprintf(clear, sizeof clear, "%s/clear.pcap", txo_folder());
    txo_recording(sas, "all", false, recording);
    ck_assert_int_eq(txo_run("%s run --preset generic-100g --experiments 0 --oids '%s' --rx '%s' "
                             "--rx-out '%s'",
                             espnic, recording, wire, clear),
                     0);
    txo_recording(sas, "all", true, recording);
    job.name = transports[_i].name;
    job.tx = clear;
    job.recording = recording;
    job.kernel = wire;
    job.kernel_bits = transports[_i].kernel_bits;
    job.mixed = true;
    check_job(&job);
}
END_TEST

/* ---- linux/: the card stands at one end ---------------------------------------------------------------------- */

static const struct {
    const char *name, *end, *clear, *filter, *options;
    unsigned packets, wraps;
    bool same;    /* the card takes the SA that the kernel took: lengths must be the same */
    unsigned cut; /* packets that the kernel had to cut: not compared */
} ends[] = {
    { "A-transport4-gcm128", "left", "clear-out", "", "", 1522, 0, true, 3 },
    { "A-transport4-gcm128", "right", "clear-out", "", "", 928, 0, true, 3 },
    { "C-transport6-cbc-sha256", "left", "clear-out", "", "", 1377, 0, true, 3 },
    { "C-transport6-cbc-sha256", "right", "clear-out", "", "", 855, 0, true, 3 },
    { "S-transport4-gcm128-esn", "left", "clear-out", "", "", 421, 1, true, 0 },
    { "S-transport4-gcm128-esn", "right", "clear-out", "", "", 177, 1, true, 0 },
    { "D-natt-tunnel4-gcm128", "left", "clear", "ip src 10.91.1.10 and less 1500",
      "--set host.tx.tunnel_policy=latest", 917, 0, true, 0 },
    { "D-natt-tunnel4-gcm128", "right", "clear", "ip src 10.92.1.10",
      "--set host.tx.tunnel_policy=latest", 598, 0, true, 0 },
    { "G1-ikev2-rekey5s-6children", "left", "clear", "ether src 02:00:00:00:01:03",
      "--set host.tx.tunnel_policy=latest", 1366, 0, false, 0 },
    { "F1-churn300", "left", "clear", "ether src 02:00:00:00:01:03",
      "--set host.tx.tunnel_policy=latest", 1201, 0, false, 0 },
    { "F3-churn200-expire", "right", "clear", "ether src 02:00:00:00:02:03",
      "--set host.tx.tunnel_policy=latest", 1072, 0, false, 0 },
};
enum { ENDS = sizeof ends / sizeof ends[0] };

/* NAME.sa.json, unpacked if need be. */
static bool find_sas(const char *name, char path[TXO_PATH])
{
    char file[300];
    char zipped[TXO_PATH];

    snprintf(file, sizeof file, "linux/%s", name);
    if (!txo_data("sa2oids.py", path) || !txo_data(file, path)) {
        return false;
    }
    snprintf(file, sizeof file, "linux/%s/%s.sa.json", name, name);
    snprintf(zipped, sizeof zipped, "%.600s/%s.sa.json.gz", path, name);
    snprintf(path + strlen(path), TXO_PATH - strlen(path), "/%s.sa.json", name);
    if (txo_run("test -f '%s'", zipped) == 0) {
        ck_assert_int_eq(txo_run("gzip -dc '%s' | tee %s/sas.json", zipped, txo_folder()), 0);
        snprintf(path, TXO_PATH, "%s/sas.json", txo_folder());
    }
    return true;
}

START_TEST(end_of_a_linux_recording)
{
    char name[300];
    char sas[TXO_PATH];
    char clear[TXO_PATH];
    char wire[TXO_PATH];
    char recording[TXO_PATH];
    struct job job = { .name = ends[_i].name,
                       .filter = ends[_i].filter,
                       .options = ends[_i].options,
                       .least = ends[_i].packets,
                       .mixed = true };

    if (!find_sas(ends[_i].name, sas)) {
        return;
    }
    snprintf(name, sizeof name, "linux/%s/%s.%s.%s.pcap", ends[_i].name, ends[_i].name,
             ends[_i].end, ends[_i].clear);
    ck_assert(txo_data(name, clear));
    snprintf(name, sizeof name, "linux/%s/%s.wire.pcap", ends[_i].name, ends[_i].name);
    ck_assert(txo_data(name, wire));
    snprintf(recording, sizeof recording, "%s/sas.jsonl", txo_folder());
    txo_recording(sas, ends[_i].end, false, recording);
    job.tx = clear;
    job.recording = recording;
    job.kernel = ends[_i].same ? wire : NULL;
    job.not_same = ends[_i].cut;
    ck_assert_uint_eq(check_job(&job).wraps, ends[_i].wraps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_out");
    TCase *tc = tcase_create("tx_out");
    SRunner *runner;
    int failed;

    espnic = getenv("ESPNIC") ? getenv("ESPNIC") : "build/espnic";
    setvbuf(stdout, NULL, _IOLBF, 0);
    txo_folder();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, tunnel_of_a_capture, 0, TUNNELS);
    tcase_add_loop_test(tc, transport_of_a_capture, 0, 2);
    tcase_add_loop_test(tc, end_of_a_linux_recording, 0, ENDS);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    txo_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
